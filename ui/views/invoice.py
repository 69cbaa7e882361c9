"""One invoice: how risky it is and why, what happened so far, and what else its customer owes."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import streamlit as st

from eventlog.errors import DuecastError, NotFoundError
from eventlog.policy import Policy
from serving.history import Story
from serving.store import Run
from serving.worklist import COLUMN_NAMED
from ui import data
from ui.charts import balance_chart
from ui.timeline import timeline
from ui.wording import (
    DASH,
    day,
    missing,
    moment,
    money,
    money_by_currency,
    number,
    plain,
    share,
    text,
)

BADGES: dict[str, Literal["red", "orange", "green"]] = {
    "high": "red",
    "medium": "orange",
    "low": "green",
}
OTHERS = (
    "invoice",
    "status",
    "issued_at",
    "due_date",
    "days_overdue",
    "amount",
    "balance",
    "currency",
    "closed_at",
    "dunning_level",
    "n_disputes",
)


def open_invoice(company: str, number: str) -> None:
    """Make an invoice the page's subject."""
    st.query_params["company"] = company
    st.query_params["invoice"] = number


def search(run: Run) -> None:
    """Find an invoice by its number or customer."""
    words = st.sidebar.text_input(
        "Find an open invoice", key="find", placeholder="Invoice, customer or account"
    )
    if not words.strip():
        return
    found = data.find(run, words)
    if found.empty:
        st.sidebar.info("No open invoice matches. Try a part of the number or of the name.")
        return
    labels = found["invoice"].map(text) + " · " + found["customer_name"].map(text)
    capped = "the first " if len(found) == data.FOUND else ""

    def take() -> None:
        row = st.session_state.get("match")
        if row is not None:
            open_invoice(found["company"][row], found["invoice"][row])

    st.sidebar.selectbox(
        "Matches, by rank",
        list(found.index),
        index=None,
        format_func=lambda row: labels[row],
        key="match",
        on_change=take,
        placeholder=f"Choose one of {capped}{len(found)}",
    )


def header(run: Run, scored: dict[str, Any]) -> None:
    """Which invoice, whose, and how it stands."""
    st.title(f"Invoice {plain(scored['invoice'])}")
    who = [
        scored["customer_name"],
        scored["customer_account"],
        scored["company"] and f"company {scored['company']}",
        scored["segment"],
        scored["country"],
        scored["collector"] and f"collector {scored['collector']}",
    ]
    st.markdown(" · ".join(plain(part) for part in who if not missing(part)))
    overdue = scored["days_past_due"]
    badges = st.container(horizontal=True, gap="small")
    if scored["risk_band"]:
        badges.badge(f"{scored['risk_band']} risk", color=BADGES.get(scored["risk_band"], "gray"))
    if scored["actionable"]:
        badges.badge("may be called now", color="blue")
    else:
        badges.badge(f"on hold: {plain(scored['suppressed_reason'])}", color="violet")
    if overdue is not None:
        late = f"{number(overdue, 'days')} past due" if overdue > 0 else "not yet due"
        badges.badge(late, color="gray")
    if scored["collections_status"]:
        badges.badge(plain(scored["collections_status"]), color="gray")
    st.caption(
        f"Cutoff **{moment(run.as_of)}** · issued {day(scored['invoice_date'])} · "
        f"due {day(scored['due_date'])} · run {plain(run.run_id)}"
    )


def card(place: Any, label: str, value: str, note: str) -> None:
    """One figure and what it says."""
    box = place.container(border=True, height="stretch")
    box.metric(label, value)
    box.caption(note)


def score(run: Run, policy: Policy, scored: dict[str, Any]) -> None:
    """Probabilities with horizon and model, and what they come to in money."""
    reporting = run.reporting_currency
    label, probability, horizon, version = data.main_question(scored, policy)
    places = st.columns(6)
    card(
        places[0],
        "Open balance",
        money(scored["open_balance"], scored["currency"]),
        f"of {money(scored['original_amount'], scored['currency'])} invoiced",
    )
    card(places[1], label, share(probability), f"{horizon} · model {plain(version)}")
    card(
        places[2],
        "Write-off",
        share(scored["p_write_off"]),
        f"within {policy.write_off_horizon_days} days · model {plain(scored['model_write_off'])}"
        if scored["model_write_off"]
        else "no write-off model in this run",
    )
    card(
        places[3],
        "Expected loss",
        money(scored["expected_loss"], reporting),
        f"write-off × {share(policy.loss_given_default)} lost × open balance"
        if scored["model_write_off"]
        else "not counted: no write-off model in this run",
    )
    card(
        places[4],
        "Cost of delay",
        money(scored["cost_of_delay"], reporting),
        f"{number(scored['expected_overdue_days'], 'days')} overdue expected, at "
        f"{share(policy.annual_rate)} a year",
    )
    card(
        places[5],
        "Priority",
        money(scored["priority"], reporting),
        f"rank {number(scored['rank'])} of {number(run.n_invoices)}",
    )


def payment(policy: Policy, scored: dict[str, Any]) -> None:
    """When payment is expected, and how likely it is on time, late and very late."""
    if missing(scored["model_payment_curve"]):
        return
    expected, first, last = (
        scored[name] for name in ("expected_payment_date", "payment_from", "payment_to")
    )
    when = "later than 180 days from now" if missing(expected) else f"by {day(expected)}"
    until = "later than 180 days" if missing(last) else day(last)
    said = [f"**Payment expected {when}**", f"8 in 10 from {day(first)} to {until}"]
    if not missing(scored["p_on_time"]):
        said.append(
            f"on time {share(scored['p_on_time'])}, late {share(scored['p_paid_late'])}, very late "
            f"(over {policy.very_late_after_days} days) {share(scored['p_very_late'])}"
        )
    said.append(f"payment curve model {plain(scored['model_payment_curve'])}")
    st.markdown(" · ".join(said))


def reasons(scored: dict[str, Any]) -> None:
    """Why the risk is what it is."""
    raising = [scored[name] for name in ("reason_1", "reason_2", "reason_3") if scored[name]]
    lowering = [scored[name] for name in ("relief_1", "relief_2") if scored[name]]
    up, down = st.columns(2)
    for place, title, found in (
        (up, "What raises the risk", raising),
        (down, "What lowers the risk", lowering),
    ):
        place.subheader(title)
        place.markdown("\n".join(f"- {plain(reason)}" for reason in found) or "Nothing stands out.")


def history(run: Run, scored: dict[str, Any], story: Story) -> None:
    """The process history, the balance over time and the ledger."""
    events = data.of_invoice(story.events, scored)
    ledger = data.of_invoice(story.invoices, scored)
    left, right = st.columns([5, 6], gap="large")
    left.subheader("What happened so far")
    right.subheader("Open balance over time")
    if events.empty:
        left.info("The log has no event of this invoice before the cutoff.")
        return
    left.html(timeline(events, run.as_of, scored["currency"]))
    due = None if missing(scored["due_date"]) else pd.Timestamp(scored["due_date"])
    right.altair_chart(balance_chart(events, run.as_of, due, scored["currency"]))
    right.subheader("Ledger")
    if not ledger.empty:
        account(right, ledger.iloc[0], scored)


def account(place: Any, row: pd.Series[Any], scored: dict[str, Any]) -> None:
    """How the open balance comes about."""
    currency = scored["currency"]
    lines = data.ledger_lines(row)
    rows = [f"| {title} | {plain(money(value, currency))} |" for title, value in lines.items()]
    title = f"| At the cutoff, {moment(scored['as_of'])} | Amount |\n|:--|--:|\n"
    place.markdown(title + "\n".join(rows))
    told = f"{number(row['n_disputes'], 'disputes')} · {number(row['n_promises'], 'promises')}"
    if row["n_promises"]:
        told += (
            f" ({number(row['n_promises_kept'])} kept, {number(row['n_promises_broken'])} broken)"
        )
    place.caption(f"{told} · dunning level {number(row['dunning_level'])}")


def customer(run: Run, scored: dict[str, Any], story: Story | None) -> None:
    """The customer's credit, and its other invoices."""
    st.subheader(f"The customer: {plain(scored['customer_name'] or scored['customer_account'])}")
    reporting = run.reporting_currency
    shown = (
        ("Credit limit", money(scored["credit_limit"], reporting), "credit_limit"),
        ("Limit used", share(scored["utilisation"]), "utilisation"),
        ("Promises kept", share(scored["promise_kept_ratio"]), "promise_kept_ratio"),
        ("Unapplied cash", money(scored["unapplied_credit"], reporting), "unapplied_credit"),
        ("History", number(scored["history_depth"], "closed invoices"), "history_depth"),
    )
    for place, (label, value, name) in zip(st.columns(len(shown)), shown, strict=True):
        place.metric(label, value, help=COLUMN_NAMED[name].meaning, border=True)
    if story is None:
        return
    others = data.other_invoices(story, scored)
    if others.empty:
        st.caption("The log has no other invoice of this customer.")
        return
    event = st.dataframe(
        others[list(OTHERS)],
        column_config={
            "invoice": "Invoice",
            "status": "Status",
            "issued_at": st.column_config.DatetimeColumn("Issued", format="D MMM YYYY"),
            "due_date": st.column_config.DateColumn("Due date", format="D MMM YYYY"),
            "days_overdue": st.column_config.NumberColumn("Days overdue", format="%d"),
            "amount": st.column_config.NumberColumn("Amount", format="accounting"),
            "balance": st.column_config.NumberColumn("Open balance", format="accounting"),
            "currency": "Currency",
            "closed_at": st.column_config.DatetimeColumn("Closed (UTC)", format="D MMM YYYY"),
            "dunning_level": st.column_config.NumberColumn("Dunning level", format="%d"),
            "n_disputes": st.column_config.NumberColumn("Disputes", format="%d"),
        },
        hide_index=True,
        height=min(36 * (len(others) + 1), 36 * 11) + 2,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=DASH,
        key=f"others_{scored['company']}_{scored['invoice']}",
    )
    n_open = int(others["is_open"].sum())
    st.caption(
        f"{number(len(others), 'other invoices')}, {n_open:,} open · their open balance: "
        f"{money_by_currency(data.balances(others))} · select a row to open it"
    )
    if event["selection"]["rows"]:
        row = others.iloc[event["selection"]["rows"][0]]
        open_invoice(row["company"], row["invoice"])
        st.rerun()


def draw() -> None:
    """The page."""
    run = data.chosen_run()
    policy = data.policy_of(run)
    search(run)
    number_asked = st.query_params.get("invoice")
    if not number_asked:
        st.title("Invoice")
        st.info("Find an invoice in the sidebar, or select a row of the worklist.")
        return
    try:
        scored = data.invoice(run, st.query_params.get("company", ""), number_asked)
    except NotFoundError as error:
        st.title(f"Invoice {plain(number_asked)}")
        st.info(str(error))
        return
    header(run, scored)
    score(run, policy, scored)
    payment(policy, scored)
    reasons(scored)
    st.divider()
    story = None
    try:
        story = data.story(run, scored)
    except DuecastError as error:
        st.warning(f"The process history cannot be shown. {plain(error)}")
    if story is not None:
        history(run, scored, story)
        st.divider()
    customer(run, scored, story)


draw()
