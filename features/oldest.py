"""Since when the customer's oldest overdue invoice is overdue: a minimum, so not a sum.

A heap of due dates per customer, one pass over the steps in (customer, known time) order.
"""

from __future__ import annotations

import heapq

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import NONE
from features.as_of import AsOf
from features.running_totals import Facts, Reading


@numba.njit(cache=True, nogil=True)
def _oldest(
    starts: Ints,
    order: Ints,
    invoice: NDArray[np.int32],
    overdue: NDArray[np.bool_],
    due: Ints,
    n_invoices: int,
) -> tuple[Ints, Ints]:
    """Smallest due date, and the second smallest, of overdue invoices after each fact."""
    standing = np.full(n_invoices, NONE, dtype=np.int64)  # due date while overdue
    first = np.full(len(order), NONE, dtype=np.int64)
    second = np.full(len(order), NONE, dtype=np.int64)
    for entity in range(len(starts) - 1):
        heap = [(np.int64(0), np.int64(0)) for _ in range(0)]
        for i in range(starts[entity], starts[entity + 1]):
            step = order[i]
            who = invoice[step]
            now = due[step] if overdue[step] else NONE
            if now != standing[who]:
                standing[who] = now
                if now != NONE:
                    heapq.heappush(heap, (np.int64(now), np.int64(who)))
            while len(heap) > 0 and standing[heap[0][1]] != heap[0][0]:
                heapq.heappop(heap)
            if len(heap) > 0:
                first[i] = heap[0][0]
                top = heapq.heappop(heap)
                while len(heap) > 0 and (
                    standing[heap[0][1]] != heap[0][0] or heap[0][1] == top[1]
                ):
                    heapq.heappop(heap)
                if len(heap) > 0:
                    second[i] = heap[0][0]
                heapq.heappush(heap, top)
    return first, second


def oldest_overdue_since(seen: AsOf, facts: Facts, reading: Reading) -> Ints:
    """Due date of the oldest overdue invoice among the customer's others; `NONE` if none.

    Parameters
    ----------
    facts : Facts
        All steps of the ledger, by customer.
    reading : Reading
        The facts known at each snapshot.

    Returns
    -------
    ndarray of int64, shape (n_snapshots,)
    """
    steps = seen.ledger.steps
    if not len(facts.order):
        return np.full(len(seen.snapshots), NONE, dtype=np.int64)
    overdue = (steps["closed"] == 0) & (steps["bucket"] > 0) & (steps["issued_at"] != NONE)
    first, second = _oldest(
        facts.starts,
        facts.order,
        np.ascontiguousarray(steps["invoice"]),
        overdue,
        np.ascontiguousarray(steps["due_date"]),
        seen.log.n_invoices,
    )
    at = np.maximum(reading.last, 0)
    own = seen.states
    own_overdue = (own["closed"] == 0) & (own["bucket"] > 0) & (own["issued_at"] != NONE)
    is_own = own_overdue & (own["due_date"] == first[at])
    oldest = np.where(is_own, second[at], first[at])
    return np.where(reading.last < 0, NONE, oldest)
