"""The process map: counts, waiting times and the money that waits, as far as it was known."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.errors import DataError
from eventlog.log import DAY, EventLog, micros
from eventlog.policy import Policy
from eventlog.process import process_map as module
from eventlog.process.directly_follows import directly_follows
from eventlog.process.history import History, history_of
from eventlog.process.main_flow import main_flow, rare_activities
from eventlog.process.process_map import STILL_OPEN, ProcessMap, process_map, waiting_map
from eventlog.process.traces import traces_of
from eventlog.template import DUE_DATE_PASSED
from tests.builders import SHORT, as_date, happened, logs, make_log

quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
NAMES = SHORT | {"due": DUE_DATE_PASSED, "open": STILL_OPEN}


def step(found: ProcessMap, a: str, b: str) -> dict[str, float]:
    """One row of the map's table."""
    table = found.steps()
    row = table[(table["from"] == NAMES[a]) & (table["to"] == NAMES[b])]
    assert len(row) == 1
    return row.iloc[0].to_dict()


def three_invoices() -> EventLog:
    return make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-31"),
        happened("A", "letter", "2024-02-10", amount=100),
        happened("A", "letter", "2024-02-20"),
        happened("A", "pay", "2024-03-01", moved=100),
        happened("B", "post", "2024-01-01", amount=300, due="2024-01-31"),
        happened("B", "pay", "2024-01-21", moved=300),
        happened("C", "post", "2024-01-01", amount=50, due="2024-02-15"),
    )


@pytest.fixture(scope="module")
def history() -> History:
    return history_of(three_invoices(), micros("2024-03-02"), Policy())


def test_a_step_has_its_count_its_times_and_the_money_that_waited(history: History) -> None:
    found = process_map(history)
    posted = step(found, "post", "due")
    assert (posted["count"], posted["invoices"]) == (2, 2)
    assert posted["median_days"] == pytest.approx((31 + 46) / 2)
    assert posted["p90_days"] == pytest.approx(31 + 0.9 * 15)
    assert posted["mean_days"] == pytest.approx(38.5)
    assert posted["amount"] == 150
    assert posted["money_days"] == pytest.approx(100 * 31 + 50 * 46)
    assert posted["overdue_money_days"] == 0
    assert posted["share_invoices"] == pytest.approx(2 / 3)


def test_only_days_after_the_due_date_are_overdue() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-31"),
        happened("A", "call", "2024-02-05 12:00"),
    )
    found = process_map(history_of(log, micros("2024-02-06"), Policy(), with_due_date=False))
    called = step(found, "post", "call")
    assert called["money_days"] == pytest.approx(100 * 35.5)
    assert called["overdue_money_days"] == pytest.approx(100 * 4.5)


def test_what_is_still_open_waits_until_the_cutoff(history: History) -> None:
    waiting = step(process_map(history), "due", "open")
    assert (waiting["count"], waiting["amount"]) == (1, 50)
    assert waiting["median_days"] == pytest.approx(15)
    assert waiting["money_days"] == waiting["overdue_money_days"] == pytest.approx(50 * 15)


def test_an_invoice_that_repeats_a_step_adds_its_amount_once() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100),
        *(happened("A", "call", f"2024-01-0{day}") for day in (2, 3, 4)),
    )
    again = step(process_map(history_of(log, log.ends_at, Policy())), "call", "call")
    assert (again["count"], again["invoices"], again["amount"]) == (2, 1, 100)


def test_starts_ends_events_and_invoices_of_each_activity(history: History) -> None:
    found = process_map(history)
    letter = found.activities.index(SHORT["letter"])
    assert (found.events[letter], found.on_invoices[letter]) == (2, 1)
    assert (found.starts.sum(), found.ends.sum(), found.still_open.sum()) == (3, 3, 1)


def test_an_unknown_balance_is_counted_and_adds_no_money() -> None:
    log = make_log(happened("A", "post", "2024-01-01"), happened("A", "call", "2024-01-11"))
    called = step(process_map(history_of(log, log.ends_at, Policy())), "post", "call")
    assert (called["n_unpriced"], called["money_days"], called["amount"]) == (1, 0, 0)


def test_hiding_an_activity_hands_its_time_and_money_to_the_step_around_it(
    history: History,
) -> None:
    found = process_map(history)
    letters = np.array([name == SHORT["letter"] for name in found.activities])
    hidden = process_map(history, hide=letters)
    around = step(hidden, "due", "pay")
    assert around["count"] == 1
    assert around["median_days"] == pytest.approx(30, abs=1e-6)
    assert hidden.money_days.sum() == pytest.approx(found.money_days.sum())
    assert hidden.overdue_money_days.sum() == pytest.approx(found.overdue_money_days.sum())


def test_more_activities_than_a_map_can_show_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ACTIVITIES", 1)
    with pytest.raises(DataError, match="has 3 activities, and a process map at most 1"):
        waiting_map(traces_of(three_invoices()))


def test_a_map_of_nothing_is_empty() -> None:
    log = make_log(happened("", "call", "2024-01-01"))
    found = process_map(history_of(log, log.ends_at, Policy()))
    assert (len(found.steps()), found.n_invoices) == (0, 0)


def slow_waits(log: EventLog, cutoff: int) -> dict[tuple[int, int], list[float]]:
    """Days of each pair by going through each invoice's sorted events."""
    waits: dict[tuple[int, int], list[float]] = defaultdict(list)
    for invoice in range(log.n_invoices):
        own = np.flatnonzero((log.invoice == invoice) & (log.known_at <= cutoff))
        own = own[np.argsort(log.event_time[own], kind="stable")]
        for a, b in itertools.pairwise(own):
            pair = int(log.activity[a]), int(log.activity[b])
            waits[pair].append((log.event_time[b] - log.event_time[a]) / DAY)
    return waits


@quick
@given(logs(), st.integers(0, 320))
def test_counts_and_times_are_those_of_a_slow_count(log: EventLog, day: int) -> None:
    cutoff = micros(as_date(day))
    found, expected = waiting_map(traces_of(log, cutoff)), slow_waits(log, cutoff)
    assert {(a, b) for a, b in np.argwhere(found.counts).tolist()} == set(expected)
    for pair, days in expected.items():
        assert found.counts[pair] == len(days)
        assert found.mean_days[pair] == pytest.approx(np.mean(days))
        assert found.median_days[pair] == pytest.approx(np.median(days))
        assert found.p90_days[pair] == pytest.approx(np.quantile(days, 0.9))
    simple = directly_follows(log, cutoff)
    np.testing.assert_array_equal(found.starts, simple.starts)
    np.testing.assert_array_equal(found.ends, simple.ends)


@quick
@given(logs(), st.integers(0, 320), st.floats(0, 0.6))
def test_a_map_at_a_cutoff_is_that_of_the_log_cut_there_and_its_main_flow_hangs_together(
    log: EventLog, day: int, share: float
) -> None:
    cutoff = micros(as_date(day))
    history = history_of(log, cutoff, Policy())
    found = process_map(history)
    cut = process_map(history_of(log.upto(cutoff), cutoff, Policy()))
    assert found.steps().equals(cut.steps())
    shown = process_map(history, hide=rare_activities(history, share))
    flow = main_flow(shown, share)
    n = len(shown.activities)
    present = set(np.flatnonzero(shown.on_invoices).tolist())
    steps = [(a, b) for a, b in np.argwhere(flow.steps).tolist() if shown.counts[a, b]]
    forward, backward = set(np.flatnonzero(flow.starts).tolist()), {n}
    backward |= set(np.flatnonzero(flow.ends).tolist())
    for _ in range(n + 1):
        forward |= {b for a, b in steps if a in forward and b < n}
        backward |= {a for a, b in steps if b in backward}
    assert present <= forward
    assert present <= backward


def test_a_rare_activity_is_left_out_and_the_most_frequent_never_is(history: History) -> None:
    names = np.array(history.traces.activities)
    rare = set(names[rare_activities(history, 0.5)])
    assert rare == {SHORT["letter"]}
    assert SHORT["post"] not in set(names[rare_activities(history, 1.0)])


def test_a_frequent_step_stays_and_a_rare_one_that_nothing_needs_goes() -> None:
    rows = []
    for i in range(10):
        rows += [happened(f"I{i}", "post", "2024-01-01", amount=10)]
        rows += [happened(f"I{i}", "call", "2024-01-05")] if i < 5 else []
        rows += [happened(f"I{i}", "pay", "2024-01-10", moved=10)]
        rows += [happened(f"I{i}", "call", "2024-01-15")] if i == 9 else []
    log = make_log(*rows)
    found = process_map(history_of(log, log.ends_at, Policy()))
    flow = main_flow(found, 0.3)
    post, call, pay = (found.activities.index(SHORT[x]) for x in ("post", "call", "pay"))
    assert flow.steps[post, call]
    assert flow.steps[call, pay]
    assert flow.steps[post, pay]
    assert not flow.steps[pay, call]
    assert flow.ends[pay]
    assert not flow.ends[call]
