"""The moment that a view of a log is taken from: refused outside the log, written for programs."""

from __future__ import annotations

from eventlog.errors import DataError
from eventlog.log import DAY, EventLog, timestamp

__all__ = ["cutoff_text", "refuse_cutoff"]


def refuse_cutoff(log: EventLog, cutoff: int) -> None:
    """Refuse a cutoff at which nothing had happened before, or that nobody can know yet.

    Parameters
    ----------
    log : EventLog
    cutoff : int
        Microseconds.

    Raises
    ------
    DataError
        If the log has no events, or the cutoff is not later than its first known moment, or lies
        more than a day after its end.
    """
    if not len(log):
        raise DataError("The log has no events, so there is nothing to compute. Give another log.")
    first, last = int(log.known_at.min()), log.ends_at
    if cutoff > last + DAY or cutoff <= first:
        raise DataError(
            f"The cutoff {timestamp(cutoff):%Y-%m-%d %H:%M} lies outside the log, which tells what "
            f"happened from {timestamp(first):%Y-%m-%d} to {timestamp(last):%Y-%m-%d}. Choose a "
            "day between."
        )


def cutoff_text(cutoff: int) -> str:
    """A cutoff for programs, such as 2024-01-04T02:00:00Z."""
    return f"{timestamp(cutoff):%Y-%m-%dT%H:%M:%S}Z"
