"""Rows that cannot be used: which they are and why, with what stood in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.dates import Mask
from eventlog.known import Ints
from eventlog.raw import Raw, plain

_LONGEST = 60
UNSPLIT = "unsplit line"


@dataclass(frozen=True)
class Fault:
    """Rows that break one rule.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Positions among the source's rows, ascending.
    reasons : ndarray of object, shape (n,)
    mistake : str
        A code of `eventlog.mistakes.MISTAKES`.
    column : str or int
        The attribute, or the position among the source's columns, that it is about.
    """

    rows: Ints
    reasons: NDArray[np.object_]
    mistake: str
    column: str | int


def shown_texts(cells: pa.ChunkedArray, rows: Ints) -> NDArray[np.object_]:
    """Cells as a message quotes them: as text, long ones cut, "" where empty."""
    texts = cells.take(pa.array(rows)).cast(pa.large_string()).fill_null("")
    shown = pd.Series(texts.to_pandas(), dtype=object)
    shown = shown.where(shown.str.len() <= _LONGEST, shown.str.slice(0, _LONGEST) + "…")
    return shown.to_numpy(dtype=object)


class Faults:
    """Collects what is wrong with rows, rule by rule.

    Parameters
    ----------
    n_rows : int
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._found: list[Fault] = []

    def add(self, wrong: Mask, reason: str, mistake: str, column: str) -> None:
        """Rows that break a rule, about a column."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            self._found.append(Fault(rows, np.full(len(rows), reason, object), mistake, column))

    def add_cells(
        self,
        wrong: Mask,
        name: str,
        cells: pa.ChunkedArray,
        rule: str,
        mistake: str,
        column: str | int | None = None,
    ) -> None:
        """Rows whose cell of one column breaks a rule; the reason quotes it."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            shown = pd.Series(shown_texts(cells, rows))
            texts = (f"{name} '" + shown + f"' {rule}").to_numpy(dtype=object)
            self._found.append(Fault(rows, texts, mistake, name if column is None else column))

    def __iter__(self) -> Iterator[Fault]:
        """What was found, rule by rule."""
        return iter(self._found)

    @property
    def mask(self) -> Mask:
        """Rows with any fault, shape (n_rows,)."""
        faulty = np.zeros(self._n_rows, dtype=bool)
        for fault in self._found:
            faulty[fault.rows] = True
        return faulty

    def reasons(self, rows: Ints) -> NDArray[np.object_]:
        """All reasons of some faulty rows in one text each; `rows` is sorted."""
        joined = np.full(len(rows), "", dtype=object)
        for fault in self._found:
            here = np.isin(fault.rows, rows)
            place = np.searchsorted(rows, fault.rows[here])
            before = joined[place]
            joined[place] = before + np.where(before == "", "", "; ") + fault.reasons[here]
        return joined


def quarantine_of(raw: Raw, faults: Faults, excused: Mask) -> pd.DataFrame:
    """The rows that were set aside.

    Parameters
    ----------
    raw : Raw
    faults : Faults
    excused : ndarray of bool, shape (n_rows,)
        Rows that are left out for another reason and not set aside.

    Returns
    -------
    DataFrame, columns line, reason, then the source's own
        Sorted by line. Lines that could not be split have their text in a last column
        ``unsplit line``; a source's own column named line or reason gets " (file)" appended.
    """
    rows = np.flatnonzero(faults.mask & ~excused)
    taken = pa.array(rows)
    own = {
        f"{name} (file)" if name in ("line", "reason", UNSPLIT) else name: plain(column.take(taken))
        for name, column in zip(raw.names, raw.cells, strict=True)
    }
    split = pd.DataFrame(
        {
            "line": raw.lines(raw.row[rows]),
            "reason": pd.Series(faults.reasons(rows), dtype="str"),
            **{name: column.to_pandas() for name, column in own.items()},
        }
    )
    if not len(raw.unsplit):
        return split
    unsplit = pd.DataFrame(
        {
            "line": raw.lines(raw.unsplit["row"].to_numpy(dtype=np.int64)),
            "reason": raw.unsplit["reason"].astype("str"),
            UNSPLIT: raw.unsplit["text"].astype("str"),
        }
    )
    both = pd.concat([split, unsplit], ignore_index=True) if len(split) else unsplit
    both = both.reindex(columns=["line", "reason", *own, UNSPLIT])
    return both.sort_values("line", kind="stable", ignore_index=True)
