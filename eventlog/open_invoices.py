"""Which invoices are open at which of some moments."""

from __future__ import annotations

import numpy as np

from eventlog.known import Codes, Ints, first_knowing
from eventlog.ledger import Ledger, is_open

_FOREVER = np.iinfo(np.int64).max


def open_at(ledger: Ledger, cutoffs: Ints) -> tuple[Codes, Ints]:
    """Every invoice at every given cutoff at which it is open, in (cutoff, invoice) order.

    Parameters
    ----------
    ledger : Ledger
    cutoffs : ndarray of int64, shape (n_cutoffs,)
        Sorted; microseconds since 1970 UTC.

    Returns
    -------
    invoice : ndarray of int32, shape (n_seen,)
    place : ndarray of int64, shape (n_seen,)
        Position of the cutoff among `cutoffs`.
    """
    steps = ledger.steps
    open_now = is_open(steps)
    first_of_invoice = np.zeros(len(steps), dtype=bool)
    first_of_invoice[ledger.first_steps] = True
    before = np.roll(open_now, 1)
    opens = np.flatnonzero(open_now & (first_of_invoice | ~before))
    turns = np.flatnonzero(first_of_invoice | (open_now != before))
    next_turn = np.append(turns, len(steps))[np.searchsorted(turns, opens, side="right")]
    inside = np.minimum(next_turn, max(len(steps) - 1, 0))
    same = (next_turn < len(steps)) & (steps["invoice"][inside] == steps["invoice"][opens])
    begins = ledger.known_at[opens]
    ends = np.where(same, ledger.known_at[inside], _FOREVER)
    low, high = first_knowing(cutoffs, begins), first_knowing(cutoffs, ends)
    count = np.maximum(high - low, 0)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    invoice = np.repeat(steps["invoice"][opens], count).astype(np.int32)
    place = np.repeat(low, count) + within
    order = np.lexsort((invoice, place))
    return invoice[order], place[order]
