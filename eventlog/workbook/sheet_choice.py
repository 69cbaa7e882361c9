"""Which sheet of a workbook holds the events, and on which row its columns are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from python_calamine import CalamineSheet, CalamineWorkbook

from eventlog.dates import Mask
from eventlog.errors import RefusedError
from eventlog.mapping import Mapping, folded
from eventlog.template import ATTRIBUTES
from eventlog.workbook.names import EVENTS, NOT_EVENTS, is_template
from eventlog.workbook.sheet_cells import Cell, FormulaErrors, Objects, formula_errors

#: Rows among which the header is looked for: a title may stand above it.
_TITLE_ROWS = 20
_REQUIRED = [attribute.name for attribute in ATTRIBUTES if attribute.need == "required"]


@dataclass(frozen=True)
class Table:
    """Cells of a sheet as calamine gives them, and the row that names the columns."""

    sheet: CalamineSheet
    rows: list[list[Cell]]
    header: int
    is_log: bool
    errors: FormulaErrors


def chosen_table(book: CalamineWorkbook, sheet: str | None, mapping: Mapping, path: Path) -> Table:
    """The sheet to be read; parameters as `read_sheet`.

    Raises
    ------
    RefusedError
        If there is none.
    """
    names, file = list(book.sheet_names), path.name
    if sheet is not None and sheet not in names:
        raise RefusedError(
            f"{file} has no sheet '{sheet}'; it has {names}. Choose one.", "no_events_sheet"
        )
    candidates = [sheet] if sheet is not None else names
    if sheet is None and is_template(names):
        candidates = [name for name in names if folded(name) not in NOT_EVENTS]
        if not candidates:
            raise RefusedError(
                f"{file} has no sheet '{EVENTS}'; it has {names}. Name the sheet with the events "
                f"'{EVENTS}', or choose one with --sheet.",
                "no_events_sheet",
            )
    if not candidates:
        raise RefusedError(f"{file} has no sheets. Save it again.", "damaged")
    tables: dict[str, Table] = {}
    for name in candidates:
        tables[name] = _read(book, path, name, mapping)
        if tables[name].is_log:
            return tables[name]
    called = next((name for name in candidates if folded(name) == folded(EVENTS)), candidates[0])
    return tables[called]


def _read(book: CalamineWorkbook, path: Path, name: str, mapping: Mapping) -> Table:
    errors = formula_errors(path, name)  # first: it refuses what would not fit into memory
    sheet = book.get_sheet_by_name(name)
    rows = sheet.to_python(skip_empty_area=False)
    filled = [place for place in range(min(len(rows), _TITLE_ROWS)) if any(map(_says, rows[place]))]
    header = next((place for place in filled if _is_log(rows[place], mapping)), None)
    if header is not None:
        return Table(sheet, rows, header, True, errors)
    first = next((place for place, row in enumerate(rows) if any(map(_says, row))), len(rows))
    return Table(sheet, rows, first, False, errors)


def _says(cell: Cell) -> bool:
    return cell != "" and not (isinstance(cell, str) and not cell.strip())


def _is_log(row: Sequence[Cell], mapping: Mapping) -> bool:
    """Whether a row names all required columns."""
    have = {folded(str(name)) for name in row}
    return all({folded(name), folded(mapping.columns.get(name, name))} & have for name in _REQUIRED)


def cells_below(table: Table) -> tuple[Objects, dict[int, Mask]]:
    """Cells below the header, with the error values of formulas.

    Returns
    -------
    cells : ndarray of object, shape (n_rows, n_columns)
    errors : dict of int to ndarray of bool, shape (n_rows,)
        By column of the sheet: which cells hold the error value of a formula.
    """
    width = len(table.rows[table.header]) if table.header < len(table.rows) else 0
    matrix: Objects = np.array(table.rows[table.header + 1 :], dtype=object)
    matrix = matrix.reshape(-1, width) if width else np.empty((0, 0), dtype=object)
    texts, rows, columns = table.errors
    rows = rows - table.header - 1
    inside = (rows >= 0) & (rows < matrix.shape[0]) & (columns < matrix.shape[1])
    texts, rows, columns = texts[inside], rows[inside], columns[inside]
    matrix[rows, columns] = texts
    errors = {}
    for place in np.unique(columns).tolist():
        errors[place] = np.zeros(len(matrix), dtype=bool)
        errors[place][rows[columns == place]] = True
    return matrix, errors
