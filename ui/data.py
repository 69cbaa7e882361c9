"""The pages' only door to data: runs, worklists and stories, remembered for as long as they hold.

A scoring run never changes once it is written, so what belongs to one is cached by its id; the
list of runs is read anew each time.
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from eventlog.policy import Policy
from serving.export import as_bytes
from serving.history import Story, customer_story
from serving.settings import Settings
from serving.store import Filters, Run, Store, Tab, Totals
from serving.worklist import COLUMN_NAMED, LATE

RUN_KEY = "run_id"
#: How many matches a search offers.
FOUND = 50


def settings() -> Settings:
    """Settings of this process."""
    return Settings.from_env(os.environ)


def store_url() -> str:
    """Where the scores are."""
    return settings().store_url


@st.cache_resource
def _store(url: str) -> Store:
    return Store(url)


def runs() -> list[Run]:
    """All scoring runs, the latest first."""
    return _store(store_url()).runs()


def chosen_run() -> Run:
    """The run picked in the sidebar, else the latest.

    Raises
    ------
    NotReadyError
        If nothing has been scored yet, saying which command to run.
    """
    store = _store(store_url())
    latest = store.latest_run()
    chosen = st.session_state.get(RUN_KEY)
    return latest if chosen in (None, latest.run_id) else store.run(chosen)


def policy_of(run: Run) -> Policy:
    """The policy as it held for a run; keys that it did not have yet take their defaults."""
    known = {field.name for field in fields(Policy)}
    stated = {name: value for name, value in run.policy.items() if name in known}
    if "dunning_days" in stated:
        stated["dunning_days"] = tuple(stated["dunning_days"])
    return Policy().changed(**stated)


def choices(run: Run) -> dict[str, tuple[str | None, ...]]:
    """Values that each filter can take."""
    return _choices(store_url(), run.run_id)


def totals(run: Run, filters: Filters, tab: Tab) -> Totals:
    """Count and sums of a filtered worklist."""
    return _totals(store_url(), run.run_id, filters, tab)


def page(run: Run, filters: Filters, tab: Tab, limit: int, offset: int) -> pd.DataFrame:
    """Some rows of a filtered worklist, in rank order."""
    return _page(store_url(), run.run_id, filters, tab, limit, offset)


def file(run: Run, filters: Filters, tab: Tab, extension: str) -> bytes:
    """All rows of a filtered worklist as a file; made when it is asked for, not kept."""
    return as_bytes(_store(store_url()).worklist(run.run_id, filters, tab), extension)


def find(run: Run, text: str) -> pd.DataFrame:
    """Open invoices whose number or customer holds a text; the first fifty by rank."""
    return _page(store_url(), run.run_id, Filters(search=text), "all", FOUND, 0)


def invoice(run: Run, company: str, number: str) -> dict[str, Any]:
    """The scored row of one invoice; missing values are None.

    Raises
    ------
    NotFoundError
        If the run did not score it.
    """
    return _invoice(store_url(), run.run_id, company, number)


def story(run: Run, scored: dict[str, Any]) -> Story:
    """What happened to all invoices of a scored invoice's customer, up to the cutoff.

    Raises
    ------
    DuecastError
        If the log as scored cannot be read.
    """
    customer = (
        scored["customer_account"] or scored["customer_name"] or f"invoice {scored['invoice']}"
    )
    path = settings().home / run.history_path  # an absolute path stays as it is
    return _story(str(path), scored["company"], customer, run.as_of, policy_of(run))


def of_invoice(frame: pd.DataFrame, scored: dict[str, Any]) -> pd.DataFrame:
    """Rows of a story that belong to one invoice."""
    mine = (frame["company"] == scored["company"]) & (frame["invoice"] == scored["invoice"])
    return frame.loc[mine]


def other_invoices(story: Story, scored: dict[str, Any]) -> pd.DataFrame:
    """The customer's other invoices: open ones first, then the latest issued."""
    frame = story.invoices
    mine = (frame["company"] == scored["company"]) & (frame["invoice"] == scored["invoice"])
    order = ["is_open", "issued_at"]
    return frame.loc[~mine].sort_values(order, ascending=False, ignore_index=True)


def balances(invoices: pd.DataFrame) -> dict[str, float]:
    """Open balance by currency over the invoices that are open."""
    open_ones = invoices.loc[invoices["is_open"]]
    sums = open_ones["balance"].groupby(open_ones["currency"].fillna("")).sum()
    return {str(currency): float(value) for currency, value in sums.items()}


def ledger_lines(row: pd.Series[Any]) -> dict[str, float]:
    """How the invoiced amount becomes the open balance; the lines between add up to it.

    Parameters
    ----------
    row : Series
        One row of `Story.invoices`. Penny clearings and overpayments are listed where there are
        any.
    """
    lines = {
        "Invoiced": row["amount"],
        "Paid": -row["paid"],
        "Credited": -row["credited"],
        "Written off": -row["written_off"],
    }
    if row["cleared"]:
        lines["Cleared on settlement"] = -row["cleared"]
    if row["overpaid"]:
        lines["Overpaid"] = row["overpaid"]
    return lines | {"Open balance": row["balance"]}


def main_question(scored: dict[str, Any], policy: Policy) -> tuple[str, Any, str, Any]:
    """Which question the risk of an invoice answers.

    Returns
    -------
    tuple of (label, probability, horizon in words, model version)
    """
    if scored["phase"] == LATE:
        return (
            COLUMN_NAMED["p_still_open"].label,
            scored["p_still_open"],
            f"still unpaid {policy.still_open_days} days after the cutoff",
            scored["model_still_open"],
        )
    return (
        COLUMN_NAMED["p_late"].label,
        scored["p_late"],
        f"not paid by the due date + {policy.late_after_days} days",
        scored["model_late"],
    )


@st.cache_data(max_entries=20, show_spinner=False)
def _choices(url: str, run_id: str) -> dict[str, tuple[str | None, ...]]:
    return _store(url).choices(run_id)


@st.cache_data(max_entries=500, show_spinner=False)
def _totals(url: str, run_id: str, filters: Filters, tab: Tab) -> Totals:
    return _store(url).totals(run_id, filters, tab)


@st.cache_data(max_entries=200, show_spinner=False)
def _page(
    url: str, run_id: str, filters: Filters, tab: Tab, limit: int, offset: int
) -> pd.DataFrame:
    return _store(url).worklist(run_id, filters, tab, limit, offset)


@st.cache_data(max_entries=500, show_spinner=False)
def _invoice(url: str, run_id: str, company: str, number: str) -> dict[str, Any]:
    return _store(url).invoice(run_id, company, number)


@st.cache_data(max_entries=50, show_spinner="Reading the history …")
def _story(
    history_path: str, company: str, customer: str, cutoff: pd.Timestamp, policy: Policy
) -> Story:
    return customer_story(Path(history_path), company, customer, cutoff, policy)
