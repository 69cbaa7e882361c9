"""Reading Excel workbooks: the sheet with the events as named columns, each cell with its place.

Calamine reads the cells. What it does not say is added: cells with the error value of a formula,
merged cells and blank rows, each with its place, so that a mistake can be named by its cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineWorkbook, PasswordError
from xlsxwriter.utility import xl_range

from eventlog.cells import unguarded
from eventlog.dates import Mask
from eventlog.errors import RefusedError
from eventlog.known import Ints
from eventlog.mapping import Mapping, combined, folded
from eventlog.raw import Raw, counted, is_blank, named
from eventlog.template import ATTRIBUTES
from eventlog.workbook.mapping_sheet import mapping_of
from eventlog.workbook.sheet_cells import column_of
from eventlog.workbook.sheet_choice import Table, cells_below, chosen_table
from eventlog.workbook.sheet_place import SheetPlace, unnamed_column

_NEED = {folded(attribute.name): attribute for attribute in ATTRIBUTES}


def read_sheet(path: Path, sheet: str | None, mapping: Mapping) -> Raw:
    """Read the sheet of an Excel workbook that holds the events.

    Parameters
    ----------
    path : Path
    sheet : str or None
        None takes the first sheet with the required columns; in a workbook of `duecast template`
        none of those that only explain. If no sheet has them, the one called Events, else the
        first.
    mapping : Mapping
        Goes before what the workbook's own Mapping sheet says.

    Returns
    -------
    Raw
        Its first row with the required columns, among the first 20, is the header; template
        columns in which no cell is filled are left out.

    Raises
    ------
    RefusedError
        If the workbook is damaged, protected or no workbook, has no such sheet, its Mapping sheet
        is wrong, the sheet has no rows or two columns of one name.
    """
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = list(book.sheet_names)
        own = mapping_of(book, path)
        both = combined(mapping, own)
        table = chosen_table(book, sheet, both, path)
        raw = _of_table(path, table, both)
    except PasswordError as error:
        raise RefusedError(
            f"{path.name} is protected with a password. Save it without one.", "encrypted"
        ) from error
    except (CalamineError, OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # calamine gave up on a damaged file
            raise
        raise _unreadable(path, error) from error
    notes = [*raw.notes, *([f"Sheet '{table.sheet.name}' is read."] if len(names) > 1 else [])]
    if own is not None and (own.columns or own.activities):
        notes.append(
            f"The Mapping sheet names {len(own.columns):,} columns and {len(own.activities):,} "
            "activities."
        )
    return replace(raw, notes=tuple(notes), mapping=own)


def _unreadable(path: Path, error: BaseException) -> RefusedError:
    try:
        with ZipFile(path) as packed:
            parts = packed.namelist()
    except (BadZipFile, OSError):
        parts = []
    if parts and "xl/workbook.xml" not in parts and "xl/workbook.bin" not in parts:
        return RefusedError(
            f"{path.name} cannot be read as Excel: it is a packed file of another kind. Save it as "
            "an Excel workbook (.xlsx).",
            "not_a_workbook",
        )
    return RefusedError(
        f"{path.name} cannot be read as Excel: {error}. Save it again as .xlsx.", "damaged"
    )


def _of_table(path: Path, table: Table, mapping: Mapping) -> Raw:
    name = table.sheet.name
    if table.header >= len(table.rows):
        raise RefusedError(
            f"Sheet '{name}' of {path.name} is empty. Choose another sheet with --sheet, or fill "
            "it in.",
            "no_rows",
            cell=SheetPlace(name, 1).at("A1"),
        )
    header = [unguarded(str(cell).strip()) for cell in table.rows[table.header]]
    matrix, marks = cells_below(table)
    built = [column_of(column) for column in np.ascontiguousarray(matrix.T)]
    cells = [column for column, _ in built]
    stated = _stated(cells, len(matrix))
    if not stated.any():
        raise RefusedError(
            f"Sheet '{name}' of {path.name} holds no rows yet: it holds only a header. Fill it in "
            "below, one row an event.",
            "no_rows",
            cell=SheetPlace(name, 1).at(f"A{table.header + 2}"),
        )
    if not stated.all():
        cells = [column.filter(pa.array(stated)) for column in cells]
    kept = [
        place
        for place in counted(header, cells)
        if not _unused(header[place], cells[place], mapping)
    ]
    unused = {
        _NEED[folded(header[place])].name: place
        for place in counted(header, cells)
        if place not in kept
    }
    where = SheetPlace(name, table.header + 1, tuple(kept), unused)
    _refuse_twice([header[place] for place in kept], where, path.name)
    unnamed = [unnamed_column(place) for place in kept if not header[place]]
    names, columns, notes = named(
        [header[place] or unnamed_column(place) for place in kept],
        [cells[place] for place in kept],
        path.name,
    )
    notes += [f"A column has no name; it is kept as '{name}'." for name in unnamed]
    rows = np.flatnonzero(stated)
    last = int(rows[-1])
    where = replace(
        where,
        blank=np.flatnonzero(~stated[:last]) + table.header + 2,
        merged=tuple(_merged(table)),
        errors={i: marks[p][stated] for i, p in enumerate(kept) if p in marks},
        typed={i: mask[stated] for i, p in enumerate(kept) if (mask := built[p][1]) is not None},
    )
    return Raw(
        path.name,
        names,
        columns,
        np.arange(len(rows)),
        partial(_at, rows + table.header + 2),
        notes=tuple(notes),
        serials=True,
        guarded=True,
        sheet=where,
    )


def _at(lines: Ints, rows: Ints) -> Ints:
    return lines[rows]


def _stated(cells: list[pa.ChunkedArray], n_rows: int) -> Mask:
    """Rows on which something stands, shape (n_rows,)."""
    stated = np.zeros(n_rows, dtype=bool)
    for column in cells:
        if stated.all():
            break
        says = column.is_valid()
        if pa.types.is_large_string(column.type):
            says = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0).fill_null(False)
        stated |= says.to_numpy()
    return stated


def _unused(name: str, column: pa.ChunkedArray, mapping: Mapping) -> bool:
    """Whether a template column was left empty, as most of a template's are."""
    attribute = _NEED.get(folded(name))
    if attribute is None or name in mapping.columns.values():
        return False
    may_lack = attribute.need != "required" or attribute.name in mapping.columns
    return may_lack and is_blank(column)


def _refuse_twice(header: list[str], where: SheetPlace, file: str) -> None:
    for place, name in enumerate(header):
        if name and name in header[:place]:
            first = where.cell(where.header, header.index(name))
            raise RefusedError(
                f"{file} has more than one column named ['{name}']: {first} says so too. Rename or "
                "remove all but one.",
                "column_twice",
                cell=where.cell(where.header, place),
            )


def _merged(table: Table) -> Iterator[str]:
    for (top, left), (bottom, right) in table.sheet.merged_cell_ranges or ():
        if bottom > table.header:
            yield xl_range(top, left, bottom, right)
