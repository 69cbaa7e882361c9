"""Disputes: why, how much, how long, and what of it was credited."""

from __future__ import annotations

import numpy as np

from eventlog.known import Ints
from eventlog.kpis.seen import Amounts, Mask, Measure, Seen, Spells
from eventlog.kpis.turns import Turn
from eventlog.log import NONE
from eventlog.stated import NOT_STATED, last_of
from eventlog.template import Role

_OPENED = int(Role.DISPUTE_OPENED)


def measures(seen: Seen) -> dict[str, Measure]:
    """Disputes by the month in which they were registered, and by reason."""
    begun, length, ended, step = _spells(seen)
    states = seen.ledger.fields(step, ("invoice", "balance", "credited"))
    invoice = states["invoice"].copy()
    rows = seen.rows(seen.months.of(begun), invoice, seen.cutoff)
    reason, reasons = _reasons(seen, step, invoice)
    money = seen.reporting(states["balance"], invoice, begun)
    final = seen.final[invoice]
    credited = np.clip(final["credited"] - states["credited"], 0, None)
    balance = np.where(states["balance"] == NONE, 0, states["balance"])
    came_back = seen.reporting(np.minimum(credited, balance), invoice, begun)
    stock = seen.stock
    disputed = stock.states["disputed"] == 1
    return {
        "dispute_days": Spells(rows, length, ended, reason, reasons),
        "n_disputes": Amounts(rows, None, reason, reasons),
        "disputed_amount": Amounts(rows, money, reason, reasons),
        "n_disputed_unknown": Amounts(rows, states["balance"] == NONE, reason, reasons),
        "n_disputes_ended": Amounts(rows, ended, reason, reasons),
        "dispute_seconds": Amounts(rows, np.where(ended, length // 1_000_000, 0), reason, reasons),
        "ended_amount": Amounts(rows, money * ended, reason, reasons),
        "ended_credited": Amounts(rows, came_back * ended, reason, reasons),
        "disputed_balance": Amounts(stock.rows, stock.balance * disputed),
        "n_in_dispute": Amounts(stock.rows, disputed),
    }


def _spells(seen: Seen) -> tuple[Ints, Ints, Mask, Ints]:
    """Beginning, length so far, whether ended, and step of the registration of each dispute.

    A dispute ends with its resolution or with the invoice's closing, as in the ledger. One whose
    end was known before its beginning has ended in the step that registers it.
    """
    steps, turns = seen.ledger.steps, seen.turns
    turning = seen.steps_with(Turn.DISPUTED | Turn.ENDED)  # they take turns on each invoice
    opens = np.flatnonzero(turns[turning] & Turn.DISPUTED)
    first = turning[opens]
    after = np.append(turning, -1)[opens + 1]
    invoice = steps["invoice"]
    ended = (after >= 0) & (invoice[after] == invoice[first])
    begun = steps["dispute_since"][first]
    gained = steps["dispute_time"][after] - seen.previous(np.maximum(after, 0), "dispute_time", 0)
    length = np.where(ended, gained, np.maximum(seen.cutoff - begun, 0))
    once = seen.steps_with(Turn.DISPUTE_TIME)
    once = once[(turns[once] & Turn.ENDED == 0) & (seen.step_role[once] == _OPENED)]
    at_once = steps["dispute_time"][once] - seen.previous(once, "dispute_time", 0)
    return (
        np.append(begun, seen.happened(once)),
        np.append(length, at_once),
        np.append(ended, np.ones(len(once), dtype=bool)),
        np.append(first, once),
    )


def _reasons(seen: Seen, step: Ints, invoice: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Reason on the registration's own row, else the last that the invoice states by the cutoff."""
    column = seen.log.columns.get("DisputeReason")
    if column is None or column.kind != "level":
        return np.zeros(len(step), dtype=np.int64), (NOT_STATED,)
    event = seen.log.of_invoice[seen.ledger.steps["event"][step]]
    own = column.values[event].astype(np.int64)
    at = np.full(len(invoice), seen.cutoff, dtype=np.int64)
    asked = invoice.astype(np.int32)
    last = last_of("invoice", seen.log, "DisputeReason", asked, at, seen.stated)
    reason = np.where(own >= 0, own, last)
    return np.where(reason < 0, len(column.levels), reason), (*column.levels, NOT_STATED)
