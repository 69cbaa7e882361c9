"""What follows what: the directly-follows counts of the log's invoices.

The map that process mining draws. Events stand in the order in which they happened, not in which
they became known (the order of the log); what happened at the same moment stays in the log's order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, known_by
from eventlog.log import EventLog


@dataclass(frozen=True)
class DirectlyFollows:
    """How often one activity came right after another on the same invoice.

    Attributes
    ----------
    activities : tuple of str
        What the positions below stand for; those of the log.
    counts : ndarray of int64, shape (n_activities, n_activities)
        ``counts[a, b]``: how often `b` came right after `a`.
    starts, ends : ndarray of int64, shape (n_activities,)
        On how many invoices the activity came first, and last.
    """

    activities: tuple[str, ...]
    counts: Ints
    starts: Ints
    ends: Ints


def directly_follows(
    log: EventLog, cutoff: int | None = None, where: NDArray[np.bool_] | None = None
) -> DirectlyFollows:
    """Count the pairs of consecutive events of each invoice.

    Parameters
    ----------
    log : EventLog
        Events of a customer alone are left out.
    cutoff : int, optional
        Only events known at this moment (microseconds); default: all.
    where : ndarray of bool, shape (n_events,), optional
        Only these events; what stood on both sides of an event left out then follows directly.
        For some invoices only: ``some_invoices[log.invoice]``.

    Returns
    -------
    DirectlyFollows

    Raises
    ------
    ValueError
        If `where` has not one entry an event.
    """
    if where is not None and where.shape != (len(log),):
        raise ValueError(
            f"where has shape {where.shape}, but the log has {len(log)} events; "
            "give one entry an event, such as some_invoices[log.invoice]"
        )
    keep = where
    if cutoff is not None:
        known = known_by(log.known_at, cutoff)
        keep = known if where is None else known & where
    n = len(log.activities)
    counts = np.zeros((n, n), dtype=np.int64)
    starts, ends = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    everything = keep is None
    if keep is None:
        keep = np.empty(0, dtype=np.bool_)
    _count(log.invoice, log.activity, log.event_time, keep, everything, counts, starts, ends)
    return DirectlyFollows(log.activities, counts, starts, ends)


@numba.njit(cache=True, nogil=True)
def _count(
    invoice: Codes,
    activity: NDArray[np.int16],
    event_time: Ints,
    keep: NDArray[np.bool_],
    everything: bool,
    counts: Ints,
    starts: Ints,
    ends: Ints,
) -> None:  # pragma: no cover - compiled
    e, n = 0, len(invoice)
    while e < n:
        current = invoice[e]
        begin = e
        previous = -1
        is_ordered = True
        # Count along the log's order; nearly always that is the order of event times too.
        while e < n and invoice[e] == current:
            if current >= 0 and (everything or keep[e]):
                if previous < 0:
                    starts[activity[e]] += 1
                else:
                    if event_time[e] < event_time[previous]:
                        is_ordered = False
                    counts[activity[previous], activity[e]] += 1
                previous = e
            e += 1
        if previous < 0:
            continue
        if is_ordered:
            ends[activity[previous]] += 1
        else:
            _count_again(begin, e, activity, event_time, keep, everything, counts, starts, ends)


@numba.njit(cache=True, nogil=True)
def _count_again(
    begin: int,
    end: int,
    activity: NDArray[np.int16],
    event_time: Ints,
    keep: NDArray[np.bool_],
    everything: bool,
    counts: Ints,
    starts: Ints,
    ends: Ints,
) -> None:  # pragma: no cover - compiled
    """Take back one invoice's counts and count it in the order of event times."""
    kept = np.empty(end - begin, dtype=np.int64)
    n = 0
    for e in range(begin, end):
        if everything or keep[e]:
            kept[n] = e
            n += 1
    kept = kept[:n]
    starts[activity[kept[0]]] -= 1
    for i in range(1, n):
        counts[activity[kept[i - 1]], activity[kept[i]]] -= 1
    kept = kept[np.argsort(event_time[kept], kind="mergesort")]  # stable: ties stay as they are
    starts[activity[kept[0]]] += 1
    for i in range(1, n):
        counts[activity[kept[i - 1]], activity[kept[i]]] += 1
    ends[activity[kept[n - 1]]] += 1
