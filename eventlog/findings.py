"""What was found wrong while reading, cell by cell: the mistake, its place and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.dates import Mask
from eventlog.errors import RefusedError
from eventlog.known import Ints
from eventlog.mistakes import MISTAKE_NAMED
from eventlog.raw import Raw

Objects = NDArray[np.object_]

COLUMNS = ("severity", "mistake", "cell", "line", "column", "what", "remedy")
_RANK = {"refused": 0, "error": 1, "warning": 2}


class Findings:
    """Collects findings about the rows of a source.

    Parameters
    ----------
    raw : Raw
    places : mapping of str to int
        Attribute to position among the source's columns.
    """

    def __init__(self, raw: Raw, places: Mapping[str, int]) -> None:
        self._raw, self._places = raw, places
        self._parts: list[pd.DataFrame] = []

    def add(
        self,
        mistake: str,
        where: Mask | Ints,
        column: str | int,
        what: str | Objects,
        remedy: str | Objects = "",
    ) -> None:
        """Rows on which the cell of a column is wrong.

        Parameters
        ----------
        mistake : str
            Its code.
        where : ndarray
            A mask of the source's rows, or their positions.
        column : str or int
            An attribute, or a position among the source's columns.
        what : str or ndarray of object
            What is wrong, for all rows or for each of those found.
        remedy : str or ndarray of object
            The mistake's own by default.
        """
        rows = np.flatnonzero(where) if where.dtype == np.bool_ else where
        if not len(rows):
            return
        place = column if isinstance(column, int) else self._places.get(column, -1)
        lines = self._raw.lines(self._raw.row[rows])
        name = self._raw.names[place] if place >= 0 else str(column)
        self._parts.append(
            pd.DataFrame(
                {
                    "severity": MISTAKE_NAMED[mistake].severity,
                    "mistake": mistake,
                    "cell": self._cells(lines, place, name),
                    "line": lines,
                    "column": name,
                    "what": what,
                    "remedy": remedy if len(remedy) else MISTAKE_NAMED[mistake].remedy,
                }
            )
        )

    def has_cells(self, attribute: str) -> bool:
        """Whether there are cells for an attribute, be they empty."""
        sheet = self._raw.sheet
        return attribute in self._places or (sheet is not None and attribute in sheet.unused)

    def _cells(self, lines: Ints, place: int, name: str) -> Objects:
        """How cells are called: ``Events!C17``, or ``line 17`` outside of workbooks."""
        sheet = self._raw.sheet
        if sheet is None:
            return np.array("line ", dtype=object) + lines.astype(str).astype(object)
        column = sheet.columns[place] if place >= 0 else sheet.unused.get(name, sheet.columns[0])
        return sheet.cells(lines, column)

    def add_cells(
        self, mistake: str, cells: list[str], lines: list[int], what: str, column: str = ""
    ) -> None:
        """Cells that do not stand on the source's rows, such as headings and blank rows."""
        if cells:
            told = MISTAKE_NAMED[mistake]
            self._parts.append(
                pd.DataFrame(
                    {
                        "severity": told.severity,
                        "mistake": mistake,
                        "cell": cells,
                        "line": lines,
                        "column": column,
                        "what": what,
                        "remedy": told.remedy,
                    }
                )
            )

    def frame(self) -> pd.DataFrame:
        """All findings, errors before warnings, then by line.

        Returns
        -------
        DataFrame, columns severity, mistake, cell, line, column, what, remedy
        """
        if not self._parts:
            return no_findings()
        found = pd.concat(self._parts, ignore_index=True)
        rank = found["severity"].map(_RANK)
        order = np.lexsort((found["line"].to_numpy(), rank.to_numpy()))
        return found.iloc[order].reset_index(drop=True)[list(COLUMNS)]


def no_findings() -> pd.DataFrame:
    """Findings of a source without mistakes."""
    texts = {name: pd.Series(dtype=object) for name in COLUMNS}
    return pd.DataFrame({**texts, "line": pd.Series(dtype=np.int64)})[list(COLUMNS)]


def header_cells(raw: Raw) -> list[str]:
    """Cells of the column names, in a workbook; empty elsewhere."""
    if raw.sheet is None:
        return []
    return [raw.sheet.cell(raw.sheet.header, place) for place in range(len(raw.names))]


def finding_of(error: RefusedError, file: str) -> pd.DataFrame:
    """What a refused source has wrong, in the form of `Findings.frame`."""
    if error.findings is not None:
        return error.findings
    return pd.DataFrame(
        {
            "severity": ["refused"],
            "mistake": [error.mistake],
            "cell": [error.cell or file],
            "line": [0],
            "column": [error.column],
            "what": [error.message],
            "remedy": [MISTAKE_NAMED[error.mistake].remedy],
        }
    )


def placed(error: RefusedError, raw: Raw, places: Mapping[str, int]) -> RefusedError:
    """A refusal that knows its column and row, with the cell's name before its message."""
    if error.cell or not error.column or raw.sheet is None:
        return error
    place = places.get(error.column, 0)
    line = raw.sheet.header if error.row < 0 else int(raw.lines(raw.row[[error.row]])[0])
    return RefusedError(
        error.message,
        error.mistake,
        cell=raw.sheet.cell(line, place),
        column=error.column,
        row=error.row,
    )
