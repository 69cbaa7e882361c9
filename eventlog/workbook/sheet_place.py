"""Where a cell stands in a workbook: the sheet, its header and the names of cells, such as C17."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xlsxwriter.utility import quote_sheetname, xl_col_to_name

from eventlog.dates import Mask
from eventlog.known import Ints


@dataclass(frozen=True)
class SheetPlace:
    """The sheet that a source's rows come from.

    Attributes
    ----------
    name : str
    header : int
        Row of the sheet on which the column names stand, the first being 1.
    columns : tuple of int
        Column of the sheet, the first being 0, of each of the source's columns.
    unused : mapping of str to int
        By attribute: column of the sheet, from 0, of template columns in which nothing is filled.
    blank : ndarray of int64, shape (n_blank,)
        Rows of the sheet below the header and above the last row with a value that hold nothing.
    merged : tuple of str
        Ranges of merged cells that reach below the header, such as ``A5:A8``.
    errors : mapping of int to ndarray of bool, shape (n_rows,)
        By position among the source's columns: cells that hold the error value of a formula.
    typed : mapping of int to ndarray of bool, shape (n_rows,)
        By position: cells that hold a number or a date, of columns that also hold texts.
    """

    name: str
    header: int
    columns: tuple[int, ...] = ()
    unused: Mapping[str, int] = field(default_factory=dict)
    blank: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    merged: tuple[str, ...] = ()
    errors: Mapping[int, Mask] = field(default_factory=dict)
    typed: Mapping[int, Mask] = field(default_factory=dict)

    def at(self, reference: str) -> str:
        """A cell or range of the sheet with the sheet's name, such as ``Events!C17``."""
        return f"{quote_sheetname(self.name)}!{reference}"

    def cell(self, line: int, place: int) -> str:
        """Name of the cell on a row of the sheet (from 1) in a column of the source (from 0)."""
        return self.at(f"{xl_col_to_name(self.columns[place])}{line}")

    def cells(self, lines: Ints, column: int) -> NDArray[np.object_]:
        """Names of the cells of one column of the sheet (from 0), shape (n_lines,)."""
        start = self.at(xl_col_to_name(column))
        return np.array(start, dtype=object) + lines.astype(str).astype(object)


def unnamed_column(place: int) -> str:
    """What a column of a sheet without a heading is called, such as ``Column C``."""
    return f"Column {xl_col_to_name(place)}"
