"""Receivables, credit sales and days sales outstanding: how long money is out."""

from __future__ import annotations

import numpy as np

from eventlog.fold import Closed
from eventlog.kpis.seen import Amounts, Measure, Seen, Spells
from eventlog.log import NONE


def measures(seen: Seen) -> dict[str, Measure]:
    """Balances at the ends of months, sales booked in them, and days until payment."""
    return _balances(seen) | _sales(seen) | _days_to_collect(seen)


def _balances(seen: Seen) -> dict[str, Measure]:
    stock = seen.stock
    is_overdue = stock.days > 0
    return {
        "open_balance": Amounts(stock.rows, stock.balance),
        "overdue_balance": Amounts(stock.rows, np.where(is_overdue, stock.balance, 0)),
        "current_balance": Amounts(stock.rows, np.where(is_overdue, 0, stock.balance)),
        "n_open": Amounts(stock.rows),
        "n_overdue": Amounts(stock.rows, is_overdue),
        "n_current": Amounts(stock.rows, ~is_overdue),
        "n_open_unknown": Amounts(stock.rows, stock.states["balance"] == NONE),
    }


def _sales(seen: Seen) -> dict[str, Measure]:
    """Sales of a month as its end knows them; a later change of an amount does not restate them."""
    issued_at = seen.final["issued_at"]
    month = seen.months.of(issued_at)
    invoice = np.flatnonzero((issued_at != NONE) & (month >= 0)).astype(np.int32)
    month = month[invoice]
    rows = seen.rows(month, invoice, seen.months.ends[month])
    position = seen.ledger.position(invoice, rows.moment)
    amount = seen.ledger.fields(position, ("amount",))["amount"]
    return {
        "sales": Amounts(rows, seen.reporting(amount, invoice, issued_at[invoice])),
        "n_sales": Amounts(rows),
        "n_sales_unknown": Amounts(rows, amount == NONE),
    }


def _days_to_collect(seen: Seen) -> dict[str, Measure]:
    """From being issued to full payment; what was written off stays unpaid until the cutoff."""
    states = seen.final
    issued_at = states["issued_at"]
    credited = states["closed"] == Closed.CREDITED
    month = seen.months.of(issued_at)
    counted = (issued_at != NONE) & (month >= seen.months.first_shown)
    invoice = np.flatnonzero(counted & ~credited).astype(np.int32)
    paid = states["closed"][invoice] == Closed.PAID
    until = np.where(paid, states["closed_at"][invoice], seen.cutoff)
    left_out = np.flatnonzero(counted & credited).astype(np.int32)
    return {
        "days_to_collect": Spells(
            seen.rows(month[invoice], invoice, seen.cutoff),
            np.maximum(until - issued_at[invoice], 0),
            paid,
        ),
        "n_issued_credited": Amounts(seen.rows(month[left_out], left_out, seen.cutoff)),
    }
