"""Ageing of open balances by due date, and what has grown old."""

from __future__ import annotations

from eventlog.kpis.seen import Amounts, Measure, Seen, settled_in_time
from eventlog.ledger import AGEING

#: Days overdue from which a balance is at risk: the last ageing bucket.
AT_RISK_DAYS = 90


def measures(seen: Seen) -> dict[str, Measure]:
    """Balance and number by bucket, and the invoices that went more than 90 days overdue."""
    stock = seen.stock
    at_risk = stock.days > AT_RISK_DAYS
    ripe, in_time = settled_in_time(seen, AT_RISK_DAYS)
    return {
        "aged_balance": Amounts(stock.rows, stock.balance, stock.bucket, AGEING),
        "n_aged": Amounts(stock.rows, None, stock.bucket, AGEING),
        "n_aged_unknown": Amounts(stock.rows, stock.states["balance"] < 0, stock.bucket, AGEING),
        "at_risk_balance": Amounts(stock.rows, stock.balance * at_risk),
        "n_at_risk": Amounts(stock.rows, at_risk),
        "n_ripe_90": Amounts(ripe),
        "n_gone_90": Amounts(ripe, ~in_time),
    }
