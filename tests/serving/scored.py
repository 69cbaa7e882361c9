"""Scored frames for tests of the store, the exports and the pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from eventlog.policy import Policy
from serving.store import Run

CUTOFF = pd.Timestamp("2024-05-01")
CURRENCY = {"DEMF": "EUR", "USMF": "USD"}


def scored(n: int = 12) -> pd.DataFrame:
    """A frame of scored invoices: every fourth on hold, every other one late, two currencies."""
    k = np.arange(n)
    company = np.where(k % 3 == 0, "USMF", "DEMF").astype(object)
    balance = np.round(1000.0 + 100.25 * k, 2)
    rate = np.where(company == "USMF", 0.9, 1.0)
    late = k % 2 == 1
    calls = k % 4 != 3
    p = (k % 10) / 10 + 0.05
    loss = np.round(0.8 * 0.02 * balance * rate, 4)
    delay = np.round(balance * rate * 0.08 / 365 * 20, 4)
    cost = loss + delay
    rank = np.empty(n, dtype=np.int64)
    rank[np.lexsort((-cost, ~calls))] = k + 1
    days = np.where(late, k * 9 + 1, -k - 1)
    due = CUTOFF - pd.to_timedelta(days, unit="D")
    return pd.DataFrame(
        {
            "company": company,
            "customer_account": [f"C-{i % 5}" for i in k],
            "customer_name": [f"Customer {i % 5}" for i in k],
            "segment": np.where(k % 6 == 0, None, np.where(k % 2 == 0, "Small", "Enterprise")),
            "country": np.where(company == "USMF", "USA", "DEU"),
            "invoice": [f"INV-{i:04d}" for i in k],
            "currency": [CURRENCY[name] for name in company],
            "invoice_date": due - pd.Timedelta(days=30),
            "due_date": due,
            "days_past_due": days,
            "ageing_bucket": np.select(
                [~late, days <= 30, days <= 60], ["not due", "1-30", "31-60"], "90+"
            ),
            "phase": np.where(late, "late", "not yet late"),
            "original_amount": balance,
            "open_balance": balance,
            "open_balance_reporting": balance * rate,
            "to_collect": balance * rate * calls,
            "p_late": np.where(late, np.nan, p),
            "p_still_open": np.where(late, p, np.nan),
            "p_write_off": 0.02,
            "p_on_time": np.where(late, 0.0, 1 - p),
            "p_paid_late": np.where(late, 1 - p, p / 2),
            "p_very_late": np.where(late, p, p / 2),
            "expected_payment_date": CUTOFF.normalize() + pd.Timedelta(days=9),
            "payment_from": CUTOFF.normalize() + pd.Timedelta(days=2),
            "payment_to": pd.NaT,
            "expected_overdue_days": 20.0,
            "expected_loss": loss,
            "cost_of_delay": delay,
            "priority": cost * calls,
            "rank": rank,
            "risk_band": np.select([p >= 0.5, p >= 0.2], ["high", "medium"], "low"),
            "actionable": calls,
            "suppressed_reason": np.where(calls, None, "disputed"),
            "reason_1": "The customer paid its last 6 invoices late",
            "relief_1": "All earlier invoices were paid",
            "last_event_at": CUTOFF - pd.Timedelta(hours=30),
            "collector": np.where(k % 2 == 0, "Emily Jones", "Omar Haddad"),
            "model_late": "3",
            "model_still_open": "4",
            "model_write_off": "5",
            "model_payment_curve": "6",
        }
    )


def run_of(frame: pd.DataFrame, run_id: str = "run-1", **changes: Any) -> Run:
    """The run that a frame belongs to."""
    values: dict[str, Any] = {
        "as_of": CUTOFF,
        "scored_at": pd.Timestamp("2024-05-01T06:12:30"),
        "log_name": "events.csv",
        "log_fingerprint": "abc",
        "history_path": "history.parquet",
        "reporting_currency": "EUR",
        "policy": Policy().as_dict(),
        "models": {"late_payment": "3", "still_open": "4", "write_off": "5"},
        "n_invoices": len(frame),
        "open_balance": float(frame["open_balance_reporting"].sum()),
        "expected_loss": float(frame["expected_loss"].sum()),
        "priority": float(frame["priority"].sum()),
        "skipped": {},
    }
    return Run(run_id=run_id, **(values | changes))
