"""Snapshots are of invoices open at their cutoff, once each, on the calendar asked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.errors import SettingsError
from eventlog.ledger import is_open, keep_ledger
from eventlog.log import DAY, micros, timestamp
from eventlog.policy import Policy
from features.snapshots import at_cutoffs, at_posting, grid, take_snapshots
from tests.builders import happened, logs, make_log
from tests.features.drawn import cutoffs_of, ledger_of, random_log, snapshots_of


def open_pairs(ledger, n_invoices: int, cutoffs) -> set[tuple[int, int]]:
    """Brute force: every invoice asked at every cutoff."""
    found = set()
    for cutoff in cutoffs:
        states = ledger.as_of(np.arange(n_invoices, dtype=np.int32), np.full(n_invoices, cutoff))
        found |= {(int(i), int(cutoff)) for i in np.flatnonzero(is_open(states))}
    return found


def pairs(snapshots) -> list[tuple[int, int]]:
    return list(zip(snapshots.invoice.tolist(), snapshots.cutoff.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_exactly_the_invoices_open_at_a_cutoff_are_looked_at_once(seed):
    found = pairs(snapshots_of(seed))
    expected = open_pairs(ledger_of(seed), random_log(seed).n_invoices, cutoffs_of(seed))
    assert len(found) == len(set(found))
    assert set(found) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs(), st.integers(-1, 1))
def test_an_invoice_opens_and_closes_with_the_microsecond_of_its_event(log, shift):
    ledger = keep_ledger(log, Policy())
    cutoffs = np.unique(log.known_at) + shift
    found = pairs(at_cutoffs(ledger, cutoffs))
    assert len(found) == len(set(found))
    assert set(found) == open_pairs(ledger, log.n_invoices, cutoffs)


def test_snapshots_come_in_cutoff_order():
    cutoff = snapshots_of(0).cutoff
    assert (np.diff(cutoff) >= 0).all()


def test_a_reopened_invoice_is_looked_at_again():
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100),
        happened("A", "pay", "2024-01-10", moved=100),
        happened("A", "reverse", "2024-01-20", moved=100),
    )
    cutoffs = np.array([micros(f"2024-01-{day}") for day in ("05", "15", "25")])
    found = at_cutoffs(keep_ledger(log, Policy()), cutoffs)
    assert [timestamp(c).day for c in found.cutoff] == [5, 25]


def test_an_invoice_is_not_looked_at_before_it_was_issued():
    log = make_log(
        happened("A", "promise", "2024-01-01"),
        happened("A", "post", "2024-01-10", amount=100),
    )
    cutoffs = np.array([micros("2024-01-05"), micros("2024-01-10")])
    found = at_cutoffs(keep_ledger(log, Policy()), cutoffs)
    assert found.cutoff.tolist() == [micros("2024-01-10")]


def test_no_cutoff_means_no_snapshot():
    log = make_log(happened("A", "post", "2024-01-01", amount=100))
    assert len(at_cutoffs(keep_ledger(log, Policy()), np.empty(0, dtype=np.int64))) == 0


def test_at_posting_each_open_invoice_is_looked_at_when_it_was_first_posted():
    log = make_log(
        happened("A", "generate", "2024-01-01", amount=100),
        happened("A", "post", "2024-01-03"),
        happened("A", "post", "2024-01-09"),
        happened("B", "generate", "2024-01-02", amount=100),
    )
    found = at_posting(log, keep_ledger(log, Policy()))
    assert log.invoice_keys["invoice"].to_numpy()[found.invoice].tolist() == ["A"]
    assert found.cutoff.tolist() == [micros("2024-01-03")]


def test_an_invoice_that_was_paid_before_it_was_posted_is_not_looked_at():
    log = make_log(
        happened("A", "generate", "2024-01-01", amount=100),
        happened("A", "pay", "2024-01-02", moved=100),
        happened("A", "post", "2024-01-05"),
        happened("B", "post", "2024-01-05", amount=10),
    )
    found = at_posting(log, keep_ledger(log, Policy()))
    assert log.invoice_keys["invoice"].to_numpy()[found.invoice].tolist() == ["B"]


def test_a_log_without_postings_is_looked_at_when_invoices_were_generated():
    log = make_log(happened("A", "generate", "2024-01-01", amount=100))
    found = at_posting(log, keep_ledger(log, Policy()))
    assert found.cutoff.tolist() == [micros("2024-01-01")]


@pytest.mark.parametrize(
    ("rhythm", "since", "until", "days"),
    [
        ("weekly", "2024-01-01", "2024-01-15", ["2024-01-01", "2024-01-08"]),
        ("weekly", "2024-01-02", "2024-01-15T00:00:00.000001", ["2024-01-08", "2024-01-15"]),
        ("weekly", "2024-01-01T00:00:00.000001", "2024-01-09", ["2024-01-08"]),
        ("monthly", "2024-01-01", "2024-03-01", ["2024-01-01", "2024-02-01"]),
        ("monthly", "2024-01-02", "2024-03-02", ["2024-02-01", "2024-03-01"]),
        ("monthly", "2024-01-02", "2024-01-31", []),
        ("weekly", "2024-01-01", "2024-01-01", []),
    ],
)
def test_a_grid_holds_its_first_moment_and_not_its_last(rhythm, since, until, days):
    found = grid(rhythm, micros(since), micros(until))
    assert found.tolist() == [micros(day) for day in days]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 800), st.integers(0, 800), st.sampled_from(["weekly", "monthly"]))
def test_a_grid_is_every_monday_or_first_of_month_inside_its_range(since, days, rhythm):
    begin = micros("2023-05-17") + since * DAY
    found = grid(rhythm, begin, begin + days * DAY)
    each = [pd.Timestamp("2023-05-17") + pd.Timedelta(days=since + d) for d in range(days)]
    fits = [d for d in each if (d.weekday() == 0 if rhythm == "weekly" else d.day == 1)]
    assert found.tolist() == [micros(d) for d in fits]


def test_posting_has_no_grid():
    with pytest.raises(SettingsError, match=r"'posting' has no calendar grid.*weekly.*monthly"):
        grid("posting", 0, DAY)


def test_an_invoice_posted_at_the_end_of_the_range_is_not_looked_at():
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100),
        happened("B", "post", "2024-01-02", amount=100),
    )
    ledger = keep_ledger(log, Policy())
    since, until = micros("2024-01-01"), micros("2024-01-02")
    assert len(take_snapshots(log, ledger, "posting", since, until)) == 1
    assert len(take_snapshots(log, ledger, "posting", since, until + 1)) == 2
    assert len(take_snapshots(log, ledger, "posting", since + 1, until)) == 0


@pytest.mark.parametrize("rhythm", ["posting", "weekly", "monthly"])
def test_snapshots_lie_in_their_half_open_range_and_parts_make_up_the_whole(rhythm):
    log, ledger = random_log(3), ledger_of(3)
    first, middle, last = micros("2023-03-06"), micros("2023-10-02"), micros("2024-07-01")
    early = pairs(take_snapshots(log, ledger, rhythm, first, middle))
    late = pairs(take_snapshots(log, ledger, rhythm, middle, last))
    assert early
    assert late
    assert all(first <= cutoff < middle for _, cutoff in early)
    assert all(middle <= cutoff < last for _, cutoff in late)
    assert sorted(early + late) == sorted(pairs(take_snapshots(log, ledger, rhythm, first, last)))


@pytest.mark.parametrize("rhythm", ["posting", "weekly", "monthly"])
def test_without_a_beginning_snapshots_begin_with_the_log(rhythm):
    log, ledger = random_log(3), ledger_of(3)
    until = micros("2024-07-01")
    whole = pairs(take_snapshots(log, ledger, rhythm, None, until))
    assert whole == pairs(take_snapshots(log, ledger, rhythm, micros("2022-01-01"), until))


def test_at_posting_a_customer_without_postings_is_looked_at_alike_alone_and_among_others():
    log = make_log(
        happened("A", "generate", "2024-01-01", amount=10.0, customer="C1"),
        happened("B", "post", "2024-01-05", amount=10.0, customer="C2"),
    )
    whole = pairs(at_posting(log, keep_ledger(log, Policy())))
    alone = []
    for customer in range(log.n_customers):
        part = log.of_customers(customer, customer + 1)
        alone += pairs(at_posting(part, keep_ledger(part, Policy())))
    assert len(whole) == len(alone) == 1
