"""Payment on time or late: rates over all invoices that could have been paid, and days late."""

from __future__ import annotations

import numpy as np

from eventlog.kpis.seen import Amounts, Measure, Seen, settled_in_time
from eventlog.kpis.turns import Turn
from eventlog.log import DAY, NONE

SECOND = 1_000_000
_FIELDS = ("invoice", "closed_at", "due_date", "issued_at", "amount")


def measures(seen: Seen) -> dict[str, Measure]:
    """On-time payment of invoices that matured, and lateness of payments booked in a month."""
    return _on_time(seen) | _late(seen)


def _on_time(seen: Seen) -> dict[str, Measure]:
    rows, in_time = settled_in_time(seen, seen.policy.late_after_days)
    amount = seen.final["amount"][rows.invoice]
    money = seen.reporting(amount, rows.invoice, rows.moment)
    return {
        "n_mature": Amounts(rows),
        "n_on_time": Amounts(rows, in_time),
        "mature_amount": Amounts(rows, money),
        "on_time_amount": Amounts(rows, money * in_time),
        "n_mature_unknown": Amounts(rows, amount == NONE),
    }


def _late(seen: Seen) -> dict[str, Measure]:
    """Payments that closed an invoice, in the month in which that was booked."""
    steps = seen.steps_with(Turn.PAID)
    steps = steps[seen.months.of(seen.ledger.known_at[steps]) >= seen.months.first_shown]
    states = seen.ledger.fields(steps, _FIELDS)
    moment = seen.ledger.known_at[steps]
    rows = seen.rows(seen.months.of(moment), states["invoice"].copy(), moment)
    has_due = states["due_date"] != NONE
    late = np.where(has_due, states["closed_at"] // DAY - states["due_date"] // DAY, 0)
    money = seen.reporting(states["amount"], rows.invoice, moment)
    money = np.where(has_due, money, 0)
    stock = seen.stock
    overdue = np.where(stock.days > 0, stock.days, 0).astype(np.int64)
    taken = np.maximum(states["closed_at"] - states["issued_at"], 0) // SECOND
    return {
        "n_paid_due": Amounts(rows, has_due),
        "n_paid_late": Amounts(rows, late > 0),
        "days_late": Amounts(rows, np.maximum(late, 0)),
        "paid_money": Amounts(rows, money),
        "paid_money_days": Amounts(rows, money * late),
        "overdue_money_days": Amounts(stock.rows, stock.balance * overdue),
        "n_paid": Amounts(rows),
        "paid_seconds": Amounts(rows, taken),
    }
