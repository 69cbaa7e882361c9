"""Promises to pay: how many, over how much, and whether they were kept."""

from __future__ import annotations

import numba
import numpy as np

from eventlog.known import known_by
from eventlog.kpis.seen import Amounts, Measure, Seen, States
from eventlog.log import DAY, END_OF_DAY, NONE
from eventlog.template import Role

OPEN, KEPT, BROKEN, RESCHEDULED, VOID = 1, 2, 3, 4, 5
#: A promise as it stands at the cutoff: since when, until when with its grace, over how much
#: (`NONE` where unknown), and how it stands.
PROMISE = np.dtype(
    [("invoice", "i4"), ("since", "i8"), ("until", "i8"), ("target", "i8"), ("how", "i8")]
)
_PROMISED = int(Role.PROMISE)


def measures(seen: Seen) -> dict[str, Measure]:
    """Promises by the month in which they were made, and by that in which they matured."""
    found = promises_of(seen)
    invoice = found["invoice"].copy()
    made = found["since"].copy()
    rows = seen.rows(seen.months.of(made), invoice, made)
    money = seen.reporting(found["target"], invoice, made)
    kept, broken = found["how"] == KEPT, found["how"] == BROKEN
    ripe = np.flatnonzero((kept | broken) & known_by(found["until"], seen.cutoff))
    until = found["until"][ripe]
    matured = seen.rows(seen.months.of(until), invoice[ripe], until)
    return {
        "n_promises": Amounts(rows),
        "promised_amount": Amounts(rows, money),
        "n_promised_unknown": Amounts(rows, found["target"] == NONE),
        "n_matured": Amounts(matured),
        "n_kept": Amounts(matured, kept[ripe]),
        "matured_amount": Amounts(matured, money[ripe]),
        "kept_amount": Amounts(matured, money[ripe] * kept[ripe]),
        "n_matured_unknown": Amounts(matured, found["target"][ripe] == NONE),
    }


def promises_of(seen: Seen) -> States:
    """Every promise as it stands at the cutoff.

    The ledger counts promises; here each is told apart, by following the ledger's counts step by
    step. Kept and broken ones add up to the ledger's (`tests/eventlog/kpis/test_promises.py`).

    Returns
    -------
    ndarray of PROMISE, shape (n_promises,)
    """
    log, steps = seen.log, seen.ledger.steps
    final = seen.final
    promised = np.flatnonzero(final["n_promises"] > 0)
    starts = seen.ledger.offsets[promised]
    ends = seen.ledger.position(
        promised.astype(np.int32), np.full(len(promised), seen.cutoff, dtype=np.int64)
    )
    found = np.zeros(int(final["n_promises"].sum()), dtype=PROMISE)
    if len(found):
        rows = log.of_invoice
        _follow(
            starts,
            ends + 1,
            steps,
            seen.step_role,
            log.event_time[rows],
            log.times("PromisedDate")[rows],
            log.money("PromisedAmount")[rows],
            seen.policy.promise_default_days * DAY,
            seen.policy.promise_grace_days * DAY,
            found,
        )
    return found


@numba.njit(cache=True, nogil=True)
def _follow(  # type: ignore[no-untyped-def]
    starts, ends, steps, role, happened, date, amount, default, grace, found
):  # pragma: no cover - compiled
    n = 0
    for i in range(len(starts)):
        first = n  # of this invoice's promises
        standing = -1  # the open one
        for k in range(starts[i], ends[i]):
            s = steps[k]
            e = s.event
            kept, broken, moved, was_open, balance = s.n_kept, s.n_broken, s.n_rescheduled, 0, NONE
            if k > starts[i]:
                b = steps[k - 1]
                kept -= b.n_kept
                broken -= b.n_broken
                moved -= b.n_rescheduled
                was_open = b.promise_open
            if role[k] == _PROMISED:
                p = found[n]
                p.invoice = s.invoice
                p.since = happened[e]
                day = date[e] if date[e] != NONE else happened[e] + default
                p.until = day - day % DAY + grace + END_OF_DAY
                balance = s.balance
                p.target = amount[e] if amount[e] != NONE else balance
                if was_open == 1 and moved > 0 and p.since < found[standing].since:
                    p.how = RESCHEDULED  # recorded late, and superseded already
                    n += 1
                    continue
                if was_open == 1:
                    found[standing].how = RESCHEDULED
                standing = n
                n += 1
                p.how = OPEN if s.promise_open == 1 else (KEPT if kept > 0 else VOID)
                continue
            if was_open == 1 and s.promise_open == 0:
                p = found[standing]
                p.how = KEPT if kept > 0 else (BROKEN if broken > 0 else VOID)
            elif kept > 0:  # a payment known late keeps the first broken one that it falls into
                j = _first_broken(found, first, n, happened[e])
                if j >= 0:
                    found[j].how = KEPT
            elif kept < 0:  # a payment was taken back
                for _ in range(-kept):
                    j = _last_kept(found, first, n)
                    if j < 0:
                        break
                    if s.promise_open == 1 and was_open == 0 and j == n - 1:
                        found[j].how = OPEN
                        standing = j
                    elif broken > 0:
                        found[j].how = BROKEN
                        broken -= 1
                    elif moved > 0:
                        found[j].how = RESCHEDULED
                        moved -= 1
                    else:
                        found[j].how = VOID


@numba.njit(cache=True, nogil=True)
def _first_broken(found, first, n, at):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The first broken promise whose window holds a payment; the first broken one if none does."""
    fallback = -1
    for j in range(first, n):
        if found[j].how == BROKEN:
            if found[j].since <= at <= found[j].until:
                return j
            if fallback < 0:
                fallback = j
    return fallback


@numba.njit(cache=True, nogil=True)
def _last_kept(found, first, n):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    for j in range(n - 1, first - 1, -1):
        if found[j].how == KEPT:
            return j
    return -1
