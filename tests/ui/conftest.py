"""A store of scored invoices, and a story made up for each customer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import ui
from serving.history import Story
from serving.store import Store
from tests.serving.scored import CUTOFF, run_of, scored
from ui import data

APP = Path(ui.__file__).parent / "app.py"


def events_of(company: str, invoice: str, currency: str = "EUR") -> pd.DataFrame:
    """One invoice's events: issued, due, dunned, paid in part and recorded late."""
    rows = [
        ("Invoice Posted and Sent", 0.0, 0.0, None, 1000.0, "", False),
        ("Payment Due Date Passed", 31.0, 0.0, None, 1000.0, "", True),
        ("Dunning Letter Generated", 43.0, 0.0, None, 1000.0, "level <1>", False),
        ("Payment Received", 43.5, 3.0, 400.0, 600.0, "", False),
    ]
    events = pd.DataFrame(
        rows,
        columns=["activity", "day", "recorded", "amount", "balance", "detail", "calculated"],
    )
    issued = CUTOFF - pd.Timedelta(days=64)
    event_time = issued + pd.to_timedelta(events["day"], unit="D")
    return pd.DataFrame(
        {
            "company": company,
            "invoice": invoice,
            "activity": events["activity"],
            "event_time": event_time,
            "known_at": event_time + pd.to_timedelta(events["recorded"], unit="D"),
            "gap_days": events["day"].diff(),
            "amount": events["amount"].astype(float),
            "balance": events["balance"],
            "detail": events["detail"],
            "calculated": events["calculated"],
        }
    )


def invoices_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The customer's invoices: the scored ones open, and one that was paid."""
    open_ones = pd.DataFrame(
        {
            "company": frame["company"],
            "invoice": frame["invoice"],
            "currency": frame["currency"],
            "issued_at": frame["invoice_date"],
            "due_date": frame["due_date"],
            "amount": 1000.0,
            "paid": 400.0,
            "credited": 0.0,
            "written_off": 0.0,
            "cleared": 0.0,
            "overpaid": 0.0,
            "balance": 600.0,
            "status": "Partially Paid",
            "is_open": True,
            "closed_at": pd.NaT,
            "days_overdue": frame["days_past_due"],
            "dunning_level": 1,
            "n_disputes": 0,
            "n_promises": 2,
            "n_promises_kept": 1,
            "n_promises_broken": 1,
        }
    )
    paid = open_ones.iloc[:1].assign(
        invoice="OLD-1", paid=1000.0, balance=0.0, status="Paid", is_open=False
    )
    return pd.concat([open_ones, paid], ignore_index=True)


@pytest.fixture(autouse=True)
def _fresh_caches():
    """Streamlit's caches outlive a run of the app; a test must not see another one's store."""
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder of the pages, its store still empty, and stories for every customer."""
    for name in ("DUECAST_STORE", "DUECAST_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DUECAST_HOME", str(tmp_path))

    def story(path, company, customer, cutoff, policy):
        frame = scored(30)
        mine = frame[(frame["company"] == company) & (frame["customer_account"] == customer)]
        events = pd.concat([events_of(company, invoice) for invoice in mine["invoice"]])
        return Story(events=events, invoices=invoices_of(mine))

    monkeypatch.setattr(data, "customer_story", story)
    return tmp_path


@pytest.fixture
def store(home):
    """The pages' store with one run of thirty invoices."""
    store = Store(f"sqlite:///{home}/duecast.db")
    frame = scored(30)
    store.write_run(run_of(frame), frame)
    return store


@pytest.fixture
def app():
    """The app, not yet run."""
    return AppTest.from_file(APP, default_timeout=30)
