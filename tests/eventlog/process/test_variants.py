"""Variants: which invoices run alike, and what becomes of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.process.history import history_of
from eventlog.process.traces import traces_of
from eventlog.process.variants import Variants, grouped_median, variant_table, variants_of
from tests.builders import SHORT, as_date, happened, logs, make_log

quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def counted(variants: Variants) -> Counter[tuple[str, ...]]:
    return Counter({variants.sequence(v): int(n) for v, n in enumerate(variants.counts)})


def five_invoices() -> EventLog:
    rows = []
    for name, days, amount in (("A", 20, 100), ("B", 40, 200), ("C", 30, 300)):
        rows += [happened(name, "post", "2024-01-01", amount=amount, due="2024-01-31")]
        paid = np.datetime64("2024-01-01") + days
        rows += [happened(name, "pay", str(paid), moved=amount)]
    rows += [happened("D", "post", "2024-01-01", amount=400, due="2024-01-31")]
    rows += [happened("D", "lose", "2024-02-20", moved=400)]
    rows += [happened("E", "post", "2024-01-01", amount=500, due="2024-01-31")]
    return make_log(*rows)


def test_a_variant_has_its_share_its_money_its_outcomes_and_its_time() -> None:
    history = history_of(five_invoices(), micros("2024-03-01"), Policy(), with_due_date=False)
    table = variant_table(history, variants_of(history.traces))
    paid = table.iloc[0]
    assert paid["sequence"] == (SHORT["post"], SHORT["pay"])
    assert (paid["invoices"], paid["share"], paid["length"]) == (3, 0.6, 2)
    assert (paid["amount"], paid["balance"], paid["paid"]) == (600, 0, 3)
    assert (paid["matured"], paid["share_late"]) == (3, pytest.approx(1 / 3))
    assert paid["median_days"] == pytest.approx(31)
    others = table.iloc[1:].set_index("open")
    assert others.loc[0, "written_off"] == 1
    assert (others.loc[1, "balance"], others.loc[1, "amount"]) == (500, 500)
    assert np.isnan(others.loc[1, "median_days"])
    assert table["cumulative_share"].tolist() == pytest.approx([0.6, 0.8, 1.0])


def test_equally_frequent_variants_stand_in_the_order_of_their_first_invoice() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01"),
        happened("B", "generate", "2024-01-01"),
        happened("C", "post", "2024-01-01"),
        happened("D", "generate", "2024-01-01"),
    )
    variants = variants_of(traces_of(log))
    assert [variants.sequence(v) for v in range(2)] == [(SHORT["post"],), (SHORT["generate"],)]


def test_a_sequence_and_its_beginning_are_two_variants() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01"),
        happened("A", "call", "2024-01-02"),
        happened("B", "post", "2024-01-01"),
    )
    assert len(variants_of(traces_of(log), bits=1)) == 2


def test_the_median_of_a_group_leaves_out_what_is_not_known() -> None:
    values = np.array([1.0, np.nan, 3.0, 5.0, np.nan])
    found = grouped_median(values, np.array([0, 0, 0, 1, 2]), 4)
    assert found[:2].tolist() == [2.0, 5.0]
    assert np.isnan(found[2:]).all()


def test_no_invoices_have_no_variants() -> None:
    log = make_log(happened("", "call", "2024-01-01"))
    history = history_of(log, log.ends_at, Policy())
    variants = variants_of(history.traces)
    assert (len(variants), len(variant_table(history, variants))) == (0, 0)


@quick
@given(logs(), st.integers(0, 320))
def test_variants_are_those_of_a_slow_count_whatever_the_hash(log: EventLog, day: int) -> None:
    cutoff = micros(as_date(day))
    traces = traces_of(log, cutoff)
    expected = Counter(
        tuple(log.activities[a] for a in traces.activity[begin:end])
        for begin, end in zip(traces.starts, traces.starts[1:], strict=False)
    )
    variants, colliding = variants_of(traces), variants_of(traces, bits=1)
    assert counted(variants) == expected
    np.testing.assert_array_equal(variants.of_invoice, colliding.of_invoice)
    history = history_of(log, cutoff, Policy())
    cut = history_of(log.upto(cutoff), cutoff, Policy())
    one, other = (variant_table(h, variants_of(h.traces)) for h in (history, cut))
    assert one.equals(other)
