"""What else the customer has to pay around the invoice's due date.

Open invoices of one customer compete for the same money, and those due on one day are paid, or put
off, together. So it is told how many of the other open invoices fall due on the due date of the
snapshot's own, what is due then and within a week of it, and how far off the nearest is.

A sum over a range of due dates is not a running total, so each customer's open invoices are kept
in a tree of partial sums over their due dates (Fenwick 1994, A New Data Structure for Cumulative
Frequency Tables): an invoice that opens, closes or changes costs the logarithm of the number of
dates, and so does a question.
"""

from __future__ import annotations

import numba
import numpy as np

from eventlog.ledger import is_open
from eventlog.log import DAY, MINOR, NONE
from features.as_of import AsOf, Floats
from features.running_totals import Facts, Reading

#: Due dates at most so many days apart fall due together.
WITHIN_DAYS = 7


def due_around_features(seen: AsOf, facts: Facts, reading: Reading) -> dict[str, Floats]:
    """Other open invoices by their due dates, by name; each of shape (n_snapshots,).

    Parameters
    ----------
    facts : Facts
        All steps of the ledger, by customer.
    reading : Reading
        The facts known at each snapshot.

    Returns
    -------
    dict of str to ndarray of float64
        NaN where the snapshot's invoice has no due date; ``days_to_nearest_due`` also where no
        other open invoice has one.
    """
    steps, due = seen.ledger.steps, seen.states["due_date"]
    stands = is_open(steps) & (steps["due_date"] != NONE)
    found = np.zeros((len(due), 4), dtype=np.int64)
    _look_around(
        facts.starts,
        facts.order,
        np.ascontiguousarray(steps["invoice"]),
        np.where(stands, steps["due_date"] // DAY, NONE),
        seen.of_steps("balance"),
        np.argsort(reading.last, kind="stable"),
        reading.last,
        seen.snapshots.invoice,
        np.where(due == NONE, NONE, due // DAY),
        np.full((2, seen.log.n_invoices), NONE, dtype=np.int64),
        found,
    )
    n_same, same, within, nearest = found.astype(np.float64).T
    features = {
        "n_due_same_day": n_same,
        "balance_due_same_day": same / MINOR,
        "balance_due_within_7": within / MINOR,
        "days_to_nearest_due": np.where(nearest < 0, np.nan, nearest),
    }
    return {name: np.where(due == NONE, np.nan, values) for name, values in features.items()}


@numba.njit(cache=True, nogil=True)
def _add(tree, place, n, money):  # type: ignore[no-untyped-def]
    """Add to the count and the money of a date."""
    i = place + 1
    while i < len(tree):
        tree[i, 0] += n
        tree[i, 1] += money
        i += i & -i


@numba.njit(cache=True, nogil=True)
def _up_to(tree, place):  # type: ignore[no-untyped-def]
    """Count and money of the dates before a place."""
    n, money = np.int64(0), np.int64(0)
    i = place
    while i > 0:
        n += tree[i, 0]
        money += tree[i, 1]
        i -= i & -i
    return n, money


@numba.njit(cache=True, nogil=True)
def _place_of(tree, rank):  # type: ignore[no-untyped-def]
    """Place of the date that holds the invoice of a rank, from 1, in the order of the dates."""
    place, step = 0, 1
    while 2 * step < len(tree):
        step *= 2
    while step > 0:
        if place + step < len(tree) and tree[place + step, 0] < rank:
            place += step
            rank -= tree[place, 0]
        step //= 2
    return place


@numba.njit(cache=True, nogil=True)
def _look_around(  # type: ignore[no-untyped-def]
    starts, order, invoice, due, balance, questions, last, asker, wanted, standing, found
):
    """Keep one customer's tree after the other; answer who asks after each fact.

    ``standing`` holds the due date and the balance with which each invoice is in the tree.
    """
    q = 0
    while q < len(questions) and last[questions[q]] < 0:
        found[questions[q], 3] = -1
        q += 1
    for k in range(len(starts) - 1):
        dates = np.unique(due[order[starts[k] : starts[k + 1]]])
        if len(dates) > 0 and dates[0] == NONE:
            dates = dates[1:]
        tree = np.zeros((len(dates) + 1, 2), dtype=np.int64)
        for i in range(starts[k], starts[k + 1]):
            step = order[i]
            who = invoice[step]
            old_due, old_balance = standing[0, who], standing[1, who]
            if due[step] != old_due or (due[step] != NONE and balance[step] != old_balance):
                if old_due != NONE:
                    _add(tree, np.searchsorted(dates, old_due), -1, -old_balance)
                if due[step] != NONE:
                    _add(tree, np.searchsorted(dates, due[step]), 1, balance[step])
                standing[0, who], standing[1, who] = due[step], balance[step]
            while q < len(questions) and last[questions[q]] == i:
                j = questions[q]
                q += 1
                if wanted[j] == NONE:
                    continue
                own_due, own = standing[0, asker[j]], standing[1, asker[j]]
                if own_due != NONE:
                    _add(tree, np.searchsorted(dates, own_due), -1, -own)
                _answer(tree, dates, wanted[j], found[j])
                if own_due != NONE:
                    _add(tree, np.searchsorted(dates, own_due), 1, own)


@numba.njit(cache=True, nogil=True)
def _answer(tree, dates, day, row):  # type: ignore[no-untyped-def]
    """What the tree holds on a day and around it, and how far off the nearest date is."""
    begin = np.searchsorted(dates, day)
    end = np.searchsorted(dates, day + 1)
    n_before, before = _up_to(tree, begin)
    n_through, through = _up_to(tree, end)
    row[0], row[1] = n_through - n_before, through - before
    row[2] = (
        _up_to(tree, np.searchsorted(dates, day + WITHIN_DAYS + 1))[1]
        - _up_to(tree, np.searchsorted(dates, day - WITHIN_DAYS))[1]
    )
    if n_through > n_before:
        row[3] = 0
        return
    row[3] = -1
    if n_before > 0:
        row[3] = day - dates[_place_of(tree, n_before)]
    if _up_to(tree, len(dates))[0] > n_through:
        gap = dates[_place_of(tree, n_through + 1)] - day
        if row[3] < 0 or gap < row[3]:
            row[3] = gap
