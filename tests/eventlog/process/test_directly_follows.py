"""The directly-follows counts: what came after what, as it happened, as far as it was known."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.log import EventLog, micros
from eventlog.process.directly_follows import DirectlyFollows, directly_follows
from tests.builders import SHORT, as_date, happened, logs, make_log

quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
LONG = {name: short for short, name in SHORT.items()}


def pairs(found: DirectlyFollows) -> dict[tuple[str, str], int]:
    """Counts by name, those above zero."""
    names = [LONG.get(name, name) for name in found.activities]
    return {(names[a], names[b]): int(found.counts[a, b]) for a, b in np.argwhere(found.counts)}


def named(found: DirectlyFollows, counts: np.ndarray) -> dict[str, int]:
    names = [LONG.get(name, name) for name in found.activities]
    return {names[a]: int(counts[a]) for a in np.flatnonzero(counts)}


def counted_slowly(log: EventLog, keep: np.ndarray) -> tuple[Counter, Counter, Counter]:
    """Pairs, starts and ends by sorting each invoice's events and going through them."""
    follows, starts, ends = Counter(), Counter(), Counter()
    for invoice in range(log.n_invoices):
        events = np.flatnonzero((log.invoice == invoice) & keep)
        trace = [int(log.activity[e]) for e in sorted(events, key=lambda e: log.event_time[e])]
        follows.update(pairwise(trace))
        starts.update(trace[:1])
        ends.update(trace[-1:])
    return follows, starts, ends


def as_counters(found: DirectlyFollows) -> tuple[Counter, Counter, Counter]:
    return (
        Counter({(int(a), int(b)): int(found.counts[a, b]) for a, b in np.argwhere(found.counts)}),
        Counter({int(a): int(found.starts[a]) for a in np.flatnonzero(found.starts)}),
        Counter({int(a): int(found.ends[a]) for a in np.flatnonzero(found.ends)}),
    )


def assert_same(one: DirectlyFollows, other: DirectlyFollows) -> None:
    assert one.activities == other.activities
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.starts, other.starts)
    np.testing.assert_array_equal(one.ends, other.ends)


def three_invoices() -> EventLog:
    return make_log(
        happened("A", "post", "2024-01-01"),
        happened("A", "letter", "2024-02-01"),
        happened("A", "letter", "2024-03-01"),
        happened("A", "pay", "2024-03-05"),
        happened("B", "post", "2024-01-02"),
        happened("B", "pay", "2024-01-20"),
        happened("C", "post", "2024-01-03"),
    )


def test_each_pair_of_consecutive_events_of_an_invoice_is_counted() -> None:
    found = directly_follows(three_invoices())
    assert pairs(found) == {
        ("post", "letter"): 1,
        ("letter", "letter"): 1,
        ("letter", "pay"): 1,
        ("post", "pay"): 1,
    }
    assert named(found, found.starts) == {"post": 3}
    assert named(found, found.ends) == {"pay": 2, "post": 1}


def test_events_of_a_customer_alone_neither_count_nor_part_an_invoice_from_itself() -> None:
    log = make_log(
        happened("", "set_limit", "2024-01-01"),
        happened("A", "post", "2024-01-01"),
        happened("", "call", "2024-01-15"),
        happened("A", "pay", "2024-02-01"),
    )
    found = directly_follows(log)
    assert pairs(found) == {("post", "pay"): 1}
    assert named(found, found.starts) == {"post": 1}
    assert named(found, found.ends) == {"pay": 1}


def test_a_late_record_stands_where_it_happened() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01"),
        happened("A", "pay", "2024-02-01", recorded="2024-03-01"),
        happened("A", "letter", "2024-02-10"),
        happened("B", "post", "2024-01-01"),
        happened("B", "letter", "2024-02-10"),
    )
    found = directly_follows(log)
    assert pairs(found) == {("post", "pay"): 1, ("pay", "letter"): 1, ("post", "letter"): 1}
    assert named(found, found.starts) == {"post": 2}
    assert named(found, found.ends) == {"letter": 2}


def test_an_event_recorded_late_that_happened_first_is_the_start() -> None:
    log = make_log(
        happened("A", "post", "2024-01-02"),
        happened("A", "generate", "2024-01-01", recorded="2024-03-01"),
        happened("A", "pay", "2024-02-01", recorded="2024-04-01"),
    )
    found = directly_follows(log)
    assert pairs(found) == {("generate", "post"): 1, ("post", "pay"): 1}
    assert named(found, found.starts) == {"generate": 1}


def test_what_happened_at_one_moment_stays_in_the_order_of_the_log() -> None:
    log = make_log(
        happened("A", "settle", "2024-02-01 10:00"),
        happened("A", "pay", "2024-02-01 10:00"),
        happened("A", "call", "2024-02-01 10:00", recorded="2024-02-03"),
        happened("A", "post", "2024-01-01", recorded="2024-02-04"),
    )
    found = directly_follows(log)
    assert pairs(found) == {("post", "pay"): 1, ("pay", "settle"): 1, ("settle", "call"): 1}


def test_only_what_was_known_at_the_cutoff_counts() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01"),
        happened("A", "call", "2024-01-10", recorded="2024-03-01"),
        happened("A", "pay", "2024-02-01 12:00"),
    )
    noon = micros("2024-02-01 12:00")
    assert pairs(directly_follows(log, cutoff=noon)) == {("post", "pay"): 1}
    assert pairs(directly_follows(log, cutoff=noon - 1)) == {}


def test_where_chooses_events_and_neighbours_close_up() -> None:
    log = three_invoices()
    letter = log.activities.index(SHORT["letter"])
    found = directly_follows(log, where=log.activity != letter)
    assert pairs(found) == {("post", "pay"): 2}
    only_c = log.invoice_keys["invoice"].to_numpy() == "C"
    found = directly_follows(log, where=only_c[log.invoice])
    assert (pairs(found), named(found, found.starts)) == ({}, {"post": 1})


def test_a_mask_of_another_length_is_refused_and_both_lengths_are_named() -> None:
    log = three_invoices()
    with pytest.raises(ValueError, match=r"shape \(3,\).* 7 events"):
        directly_follows(log, where=np.ones(3, dtype=bool))


def test_a_log_without_invoices_counts_nothing() -> None:
    found = directly_follows(make_log(happened("", "call", "2024-01-01")))
    assert (found.counts.sum(), found.starts.sum(), found.ends.sum()) == (0, 0, 0)


@quick
@given(logs())
def test_there_are_as_many_pairs_as_events_less_invoices(log: EventLog) -> None:
    found = directly_follows(log)
    n_invoices = len(np.unique(log.invoice[log.of_invoice]))
    assert found.counts.sum() == len(log.of_invoice) - n_invoices
    assert found.starts.sum() == found.ends.sum() == n_invoices


@quick
@given(logs(), st.integers(0, 320))
def test_counts_at_a_cutoff_are_those_of_the_log_cut_there(log: EventLog, day: int) -> None:
    cutoff = micros(as_date(day))
    assert_same(directly_follows(log, cutoff=cutoff), directly_follows(log.upto(cutoff)))


@quick
@given(logs(), st.integers(0, 320), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_a_slow_count(log: EventLog, day: int, seed: int) -> None:
    cutoff = micros(as_date(day))
    where = np.random.default_rng(seed).random(len(log)) < 0.8
    assert as_counters(directly_follows(log)) == counted_slowly(log, np.ones(len(log), bool))
    found = directly_follows(log, cutoff, where)
    assert as_counters(found) == counted_slowly(log, where & (log.known_at <= cutoff))
