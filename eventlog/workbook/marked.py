"""A copy of a filled workbook in which the cells with mistakes are coloured and commented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook
from xlsxwriter.utility import xl_cell_to_rowcol

from eventlog.cells import unguarded
from eventlog.errors import DataError
from eventlog.mapping import Mapping, combined, folded
from eventlog.template import ATTRIBUTE_NAMED, Kind
from eventlog.workbook.mapping_sheet import mapping_of
from eventlog.workbook.rows import MOST_ROWS, Cells
from eventlog.workbook.sheet_choice import cells_below, chosen_table
from eventlog.workbook.style import safe
from eventlog.workbook.writing import write_workbook

#: Cells that get a comment; more make a workbook slow to open.
_COMMENTED = 5_000
_NAMES = {folded(name): name for name in ATTRIBUTE_NAMED}


def write_marked(
    path: str | Path,
    source: Path,
    findings: pd.DataFrame,
    mapping: Mapping,
    sheet: str | None = None,
) -> Path:
    """Write a template workbook with the events of a workbook and its mistakes in colour.

    The events stand in the same cells as in the source, so that what is mended in the copy can be
    checked again. Of the other sheets the copy has the template's own, the Mapping sheet filled in.

    Parameters
    ----------
    path : str or Path
        Ends in .xlsx.
    source : Path
        The workbook that was checked.
    findings : DataFrame
        As `eventlog.summary.ReadSummary.findings`.
    mapping : Mapping
        That the source was checked with.
    sheet : str, optional
        That the source was checked with.

    Raises
    ------
    DataError
        If the source cannot be read as a workbook, its header does not stand in the first row, or
        the copy cannot be written.
    """
    try:
        book = CalamineWorkbook.from_path(str(source))
        names = combined(mapping, mapping_of(book, source))
        table = chosen_table(book, sheet, names, source)
    except (CalamineError, OSError) as error:
        raise DataError(f"{source.name} cannot be copied: {error}. Save it again.") from error
    if table.header:
        raise DataError(
            f"The header of {source.name} stands in row {table.header + 1}. Move it to row 1 for "
            "a marked copy."
        )
    matrix, _ = cells_below(table)
    if not len(matrix):
        raise DataError(f"{source.name} holds no rows to mark. Fill it in.")
    header = [unguarded(str(cell).strip()) for cell in table.rows[0]]
    attributes = [_attribute(name, names) for name in header]
    cells = Cells(
        tuple(safe(name) if name else "" for name in header),
        [_values(matrix[:, place].tolist()) for place in range(len(header))],
        tuple(_kind(attribute) for attribute in attributes),
    )
    return write_workbook(path, cells, names, _remarks(findings, len(matrix)))


def _attribute(name: str, mapping: Mapping) -> str | None:
    yours = {column: attribute for attribute, column in mapping.columns.items()}
    return yours.get(name) or _NAMES.get(folded(name))


def _kind(attribute: str | None) -> Kind:
    return ATTRIBUTE_NAMED[attribute].kind if attribute else "level"


def _values(column: Sequence[Any]) -> list[Any]:
    return [None if v == "" else safe(unguarded(v)) if isinstance(v, str) else v for v in column]


def _remarks(findings: pd.DataFrame, n_rows: int) -> dict[tuple[int, int], tuple[str, str]]:
    """Severity and text by row and column; a cell's worst finding first."""
    remarks: dict[tuple[int, int], tuple[str, str]] = {}
    of_cell = findings[findings["severity"] != "refused"].head(_COMMENTED)
    for severity, cell, what, remedy in of_cell[["severity", "cell", "what", "remedy"]].itertuples(
        index=False, name=None
    ):
        reference = str(cell).rsplit("!", 1)[-1].split(":")[0]
        place = xl_cell_to_rowcol(reference)
        if not 0 < place[0] <= min(n_rows, MOST_ROWS):
            continue
        text = f"{what}\n{remedy}"
        if place in remarks:
            remarks[place] = (remarks[place][0], f"{remarks[place][1]}\n\n{text}")
        else:
            remarks[place] = (str(severity), text)
    return remarks
