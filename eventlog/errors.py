"""The error classes of duecast and how their messages are worded.

A message says which rule was broken and where it is named, in how many of how many rows, where
(the first five), and what to do. One handler at each entry point turns a `DuecastError` into one
sentence and exit code 2; nothing is swallowed on the way.
"""

from __future__ import annotations

from collections.abc import Iterable


class DuecastError(Exception):
    """Base of everything duecast refuses to do."""


class DataError(DuecastError, ValueError):
    """The input breaks a rule."""


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
