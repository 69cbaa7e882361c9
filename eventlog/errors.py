"""The error classes of duecast and how their messages are worded.

A message says which rule was broken and where it is named, in how many of how many rows, where
(the first five), and what to do. One handler at each entry point turns a `DuecastError` into one
sentence and exit code 2; nothing is swallowed on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class DuecastError(Exception):
    """Base of everything duecast refuses to do."""


class DataError(DuecastError, ValueError):
    """The input breaks a rule."""


class RefusedError(DataError):
    """A source is refused for a mistake whose place is known.

    Parameters
    ----------
    message : str
    mistake : str
        A code of `eventlog.mistakes.MISTAKES`.
    cell : str
        Where, such as ``Events!C17``; the message begins with it. "" where it is not known (yet).
    column : str
        Which attribute, where the cell is not known yet.
    row : int
        Position among the source's rows, where the cell is not known yet; -1 for none.
    findings : DataFrame, optional
        All that was found, as `eventlog.summary.ReadSummary.findings`; made of the message by
        default.
    """

    def __init__(
        self,
        message: str,
        mistake: str,
        *,
        cell: str = "",
        column: str = "",
        row: int = -1,
        findings: Any = None,
    ) -> None:
        super().__init__(f"{cell}: {message}" if cell else message)
        self.message, self.mistake, self.cell = message, mistake, cell
        self.column, self.row, self.findings = column, row, findings


class NotFoundError(DuecastError, LookupError):
    """A file, invoice, run or model that was asked for does not exist."""


class NotReadyError(DuecastError, RuntimeError):
    """An earlier step is missing: no champion model, no scoring run."""


class SettingsError(DuecastError, ValueError):
    """A policy file, an environment variable or an option is wrong."""


def bad_rows(rule: str, lines: Iterable[int], total: int, remedy: str) -> DataError:
    """Word an error about rows: rule, count, the first five line numbers, remedy.

    Parameters
    ----------
    rule : str
        The rule broken, naming the column, without a full stop.
    lines : iterable of int
        Line numbers of the offending rows, in the file's own counting.
    total : int
        How many rows there are in all.
    remedy : str
        One imperative sentence.
    """
    found = sorted(lines)
    shown = ", ".join(str(line) for line in found[:5]) + (", …" if len(found) > 5 else "")
    noun = "line" if len(found) == 1 else "lines"
    return DataError(f"{rule} in {len(found):,} of {total:,} rows ({noun} {shown}). {remedy}")
