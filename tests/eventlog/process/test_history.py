"""Traces in the order of happening, what stood open meanwhile, and how invoices stand."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.ledger import keep_ledger, ledger_table
from eventlog.log import NONE, EventLog, micros, units
from eventlog.policy import Policy
from eventlog.process.history import History, history_of
from eventlog.process.traces import Traces, by_happening, traces_of
from eventlog.template import DUE_DATE_PASSED
from tests.builders import SHORT, as_date, happened, logs, make_log

quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
SHORT_OF = {name: short for short, name in SHORT.items()} | {DUE_DATE_PASSED: "due"}


def story(traces: Traces, invoice: int = 0) -> list[str]:
    """Activities of one invoice in short."""
    steps = traces.activity[traces.starts[invoice] : traces.starts[invoice + 1]]
    return [SHORT_OF[traces.activities[a]] for a in steps]


def assert_same(one: History, other: History) -> None:
    np.testing.assert_array_equal(one.outcome, other.outcome)
    for field in fields(Traces):
        a, b = (getattr(each.traces, field.name) for each in (one, other))
        if field.name != "event":  # positions differ between logs
            np.testing.assert_array_equal(a, b, err_msg=field.name)


def late_payment_record() -> EventLog:
    """Paid on time, but the payment was recorded after the due date and after a letter."""
    return make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-31"),
        happened("A", "pay", "2024-01-20 10:00", moved=60, recorded="2024-02-20"),
        happened("A", "letter", "2024-02-10 10:00"),
        happened("A", "pay", "2024-02-28 10:00", moved=40),
    )


def test_events_stand_in_the_order_of_happening_and_ties_in_the_order_of_the_log() -> None:
    log = make_log(
        happened("A", "settle", "2024-02-01 10:00"),
        happened("A", "pay", "2024-02-01 10:00"),
        happened("A", "call", "2024-02-01 10:00", recorded="2024-02-03"),
        happened("A", "post", "2024-01-01", recorded="2024-02-04"),
        happened("", "set_limit", "2024-01-01"),
    )
    traces = traces_of(log)
    assert story(traces) == ["post", "pay", "settle", "call"]
    assert log.activities[log.activity[traces.event[0]]] == SHORT["post"]


def test_many_events_out_of_order_are_sorted_as_by_a_slow_sort() -> None:
    random = np.random.default_rng(0)
    times = np.datetime64("2024-01-01T01:00:00") + random.integers(9000, size=300)
    rows = [
        happened(f"I{i % 2}", "note", str(t), recorded="2025-01-01") for i, t in enumerate(times)
    ]
    log = make_log(*rows[::-1])
    event = by_happening(log, log.of_invoice)
    expected = np.lexsort((log.event_time, log.invoice))
    np.testing.assert_array_equal(event, expected)


def test_the_balance_after_a_step_is_that_of_the_order_of_happening() -> None:
    history = history_of(late_payment_record(), micros("2024-03-01"), Policy())
    assert story(history.traces) == ["post", "pay", "due", "letter", "pay"]
    assert units(history.traces.balance).tolist() == [100, 40, 40, 40, 0]


def test_before_the_payment_was_recorded_nobody_knew_of_it() -> None:
    history = history_of(late_payment_record(), micros("2024-02-15"), Policy())
    assert story(history.traces) == ["post", "due", "letter"]
    assert units(history.outcome["balance"]).tolist() == [100]


def test_the_due_date_of_what_was_paid_in_time_never_passed_even_if_recorded_late() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-31"),
        happened("A", "pay", "2024-01-20", moved=100, recorded="2024-02-20"),
    )
    assert story(history_of(log, micros("2024-03-01"), Policy()).traces) == ["post", "pay"]


def test_the_passing_of_a_due_date_is_left_out_on_request_and_in_the_future() -> None:
    log = make_log(happened("A", "post", "2024-01-01", amount=100, due="2024-01-31"))
    policy = Policy()
    assert story(history_of(log, micros("2024-01-31"), policy).traces) == ["post"]
    assert story(history_of(log, micros("2024-02-01"), policy).traces) == ["post", "due"]
    without = history_of(log, micros("2024-02-01"), policy, with_due_date=False)
    assert story(without.traces) == ["post"]
    assert DUE_DATE_PASSED not in without.traces.activities


def test_an_event_at_the_cutoff_is_in_and_one_after_it_is_not() -> None:
    log = late_payment_record()
    at = micros("2024-02-10 10:00")
    assert story(history_of(log, at, Policy()).traces)[-1] == "letter"
    assert story(history_of(log, at - 1, Policy()).traces)[-1] == "due"


def test_within_days_looks_at_every_invoice_at_the_same_age() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-11"),
        happened("A", "pay", "2024-01-21 10:00", moved=100),
        happened("B", "post", "2024-01-11", amount=50, due="2024-01-21"),
        happened("B", "pay", "2024-03-01", moved=50),
        happened("C", "post", "2024-02-20", amount=70, due="2024-04-01"),
    )
    history = history_of(log, micros("2024-03-05"), Policy(), within_days=30)
    assert log.invoice_keys["invoice"].to_numpy()[history.traces.invoices].tolist() == ["A", "B"]
    assert [story(history.traces, i) for i in (0, 1)] == [["post", "due", "pay"], ["post", "due"]]
    assert units(history.outcome["balance"]).tolist() == [0, 50]
    assert history.looked_at.tolist() == [micros("2024-01-31"), micros("2024-02-10")]


def test_some_invoices_of_a_history_keep_their_steps_and_outcomes() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=10),
        happened("B", "post", "2024-01-02", amount=20),
        happened("B", "pay", "2024-01-03", moved=20),
        happened("C", "post", "2024-01-04", amount=30),
    )
    history = history_of(log, log.ends_at, Policy())
    some = history.of(np.array([False, True, True]))
    assert [story(some.traces, i) for i in (0, 1)] == [["post", "pay"], ["post"]]
    assert units(some.outcome["amount"]).tolist() == [20, 30]
    none = history.of(np.zeros(3, dtype=bool))
    assert (len(none), none.traces.n_steps) == (0, 0)


def test_traces_without_an_activity_close_up_and_empty_ones_go() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01"),
        happened("A", "call", "2024-01-02"),
        happened("A", "pay", "2024-01-03"),
        happened("B", "call", "2024-01-02"),
    )
    traces = traces_of(log)
    calls = np.array([name == SHORT["call"] for name in traces.activities])
    left = traces.without(calls)
    assert (story(left), left.invoices.tolist()) == (["post", "pay"], [0])


def test_a_log_without_invoices_has_an_empty_history() -> None:
    history = history_of(make_log(happened("", "call", "2024-01-01")), NONE, Policy())
    assert (len(history), history.traces.n_steps) == (0, 0)


@quick
@given(logs(), st.integers(0, 320), st.sampled_from([None, 30]))
def test_a_history_at_a_cutoff_is_that_of_the_log_cut_there(
    log: EventLog, day: int, within: int | None
) -> None:
    cutoff = micros(as_date(day))
    whole, cut = (
        history_of(each, cutoff, Policy(), within_days=within) for each in (log, log.upto(cutoff))
    )
    assert_same(whole, cut)


@quick
@given(logs(), st.integers(0, 320))
def test_blocks_change_nothing_and_balances_tie_to_the_ledger(log: EventLog, day: int) -> None:
    cutoff = micros(as_date(day))
    whole = history_of(log, cutoff, Policy())
    blocks = history_of(log, cutoff, Policy(), block_size=3)
    assert_same(whole, blocks)
    np.testing.assert_array_equal(whole.traces.event, blocks.traces.event)
    issued = whole.outcome[whole.outcome["issued_at"] != NONE]
    table = ledger_table(log, keep_ledger(log, Policy()), cutoff)
    assert units(issued["balance"]).tolist() == pytest.approx(table["balance"], nan_ok=True)
