"""Small logs that can be read at a glance, and random ones for properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.reader import log_from_frame
from eventlog.template import ACTIVITIES

#: Short names for activities: ``happened("A", "post", "2024-01-01")``.
SHORT = {
    "generate": "Invoice Generated",
    "post": "Invoice Posted and Sent",
    "letter": "Dunning Letter Generated",
    "remind": "Overdue Reminder Sent",
    "call": "Collection Call Made",
    "note": "Collection Activity Logged",
    "dispute": "Dispute Registered",
    "resolve": "Dispute Resolved",
    "promise": "Payment Promise Created",
    "pay": "Payment Received",
    "book": "Payment Posted",
    "settle": "Invoice Settled",
    "lose": "Invoice Written Off",
    "credit": "Credit Note Applied",
    "reverse": "Payment Reversed",
    "recover": "Recovery Received",
    "agency": "Sent to Agency",
    "unapplied": "Unapplied Payment",
    "ask_limit": "Credit Limit Requested",
    "set_limit": "Credit Limit Approved",
}
COLUMN = {
    "amount": "InvoiceAmount",
    "moved": "PaymentAmount",
    "due": "PaymentDueDate",
    "promised": "PromisedDate",
    "promised_amount": "PromisedAmount",
    "level": "DunningLevel",
    "customer": "CustomerName",
    "recorded": "RecordedTime",
    "currency": "CurrencyCode",
    "limit": "CreditLimit",
    "segment": "CustomerSegment",
    "country": "Country",
    "company": "CompanyCode",
    "reason": "DisputeReason",
}


def happened(invoice: str, what: str, when: str, **attributes: Any) -> dict[str, Any]:
    """One row of a log: ``happened("A", "pay", "2024-02-01", moved=40)``."""
    row = {
        "InvoiceNumber": invoice,
        "ActivityName": SHORT.get(what, what),
        "EventTime": pd.Timestamp(when),
    }
    return row | {COLUMN.get(name, name): value for name, value in attributes.items()}


def make_log(*rows: dict[str, Any]) -> EventLog:
    """A log of rows from `happened`; customers default to one called Acme."""
    frame = pd.DataFrame(list(rows))
    if "CustomerName" not in frame:
        frame["CustomerName"] = "Acme"
    for name in ("PaymentDueDate", "PromisedDate", "RecordedTime"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    log, summary = log_from_frame(frame)
    assert summary.rows_quarantined == 0, summary.quarantine
    return log


def state_at(log: EventLog, invoice: str, when: str, policy: Policy | None = None) -> np.void:
    """The ledger's state of one invoice at a moment."""
    ledger = keep_ledger(log, policy or Policy())
    return ledger_state(log, ledger, invoice, when)


def ledger_state(log: EventLog, ledger: Ledger, invoice: str, when: str) -> np.void:
    """State of one invoice in a ledger that is kept already."""
    code = np.flatnonzero(log.invoice_keys["invoice"] == invoice).astype(np.int32)
    state: np.void = ledger.as_of(code, np.array([micros(when)]))[0]
    return state


_FIRST = pd.Timestamp("2024-01-01")
_INVOICE_ACTIVITIES = [a.name for a in ACTIVITIES if a.name != "Payment Due Date Passed"]


@st.composite
def frames(draw: st.DrawFn, max_events: int = 60) -> pd.DataFrame:
    """Random logs in the template's columns: any order of events, late records, odd amounts."""
    n_invoices = draw(st.integers(1, 6))
    n_customers = draw(st.integers(1, 3))
    rows = []
    for i in range(n_invoices):
        issued = draw(st.integers(0, 120))
        rows.append(
            {
                "invoice": f"I{i}",
                "customer": f"C{i % n_customers}",
                "activity": "Invoice Posted and Sent",
                "day": issued,
                "late": 0,
                "amount": draw(st.sampled_from([50.0, 100.0, 1234.56, None])),
                "moved": None,
                "due": draw(st.one_of(st.none(), st.integers(issued, issued + 60))),
                "promised": None,
                "promised_amount": None,
            }
        )
    for _ in range(draw(st.integers(0, max_events - n_invoices))):
        i = draw(st.integers(0, n_invoices - 1))
        rows.append(
            {
                "invoice": f"I{i}",
                "customer": f"C{i % n_customers}",
                "activity": draw(st.sampled_from(_INVOICE_ACTIVITIES)),
                "day": draw(st.integers(0, 300)),
                "late": draw(st.sampled_from([0, 0, 0, 1, 10, 40])),
                "amount": draw(st.sampled_from([None, None, None, 80.0, 150.0])),
                "moved": draw(st.sampled_from([None, 10.0, 50.0, 100.0, 1234.56])),
                "due": draw(st.sampled_from([None, None, None, 40, 90, 200])),
                "promised": draw(st.sampled_from([None, None, 30, 100, 250])),
                "promised_amount": draw(st.sampled_from([None, None, None, 50.0, 100.0])),
            }
        )
    table = pd.DataFrame(rows)
    day = pd.to_timedelta(table["day"], unit="D")
    return pd.DataFrame(
        {
            "InvoiceNumber": table["invoice"],
            "CustomerName": table["customer"],
            "CustomerSegment": "S" + table["customer"].str[1:],
            "Country": "DEU",
            "CurrencyCode": "EUR",
            "ActivityName": table["activity"],
            "EventTime": _FIRST + day,
            "RecordedTime": _FIRST + day + pd.to_timedelta(table["late"], unit="D"),
            "InvoiceAmount": table["amount"].astype(float),
            "PaymentAmount": table["moved"].astype(float),
            "PaymentDueDate": _FIRST + pd.to_timedelta(table["due"].astype(float), unit="D"),
            "PromisedDate": _FIRST + pd.to_timedelta(table["promised"].astype(float), unit="D"),
            "PromisedAmount": table["promised_amount"].astype(float),
            "DunningLevel": np.where(table["activity"] == "Dunning Letter Generated", 1.0, np.nan),
            "CreditLimit": table["amount"].astype(float) * 10,
            "Channel": np.where(table["day"] % 2 == 0, "web", "shop"),
        }
    )


@st.composite
def logs(draw: st.DrawFn, max_events: int = 60) -> EventLog:
    """Random logs, read."""
    log, _ = log_from_frame(draw(frames(max_events)))
    return log


def as_date(day: int) -> str:
    """A day counted from 2024-01-01 as a date."""
    return f"{_FIRST + pd.Timedelta(days=day):%Y-%m-%d}"
