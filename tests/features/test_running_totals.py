"""Totals read at a moment are what a loop over the facts adds up, for each entity alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.log import DAY
from features.running_totals import (
    Deltas,
    changes_of,
    decayed_at,
    decayed_totals,
    read_at,
    sort_facts,
    totals_at,
    value_at,
)

N = 4
facts = st.lists(
    st.tuples(st.integers(-1, N - 1), st.integers(0, 20), st.integers(-(10**15), 10**15)),
    max_size=40,
)
questions = st.lists(
    st.tuples(st.integers(-1, N - 1), st.integers(-1, 22)), min_size=1, max_size=20
)
modest = settings(max_examples=30, deadline=None)


def columns(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0].astype(np.int32), table[:, 1] * DAY, table[:, 2]


def asked(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(rows, dtype=np.int64)
    return table[:, 0].astype(np.int32), table[:, 1] * DAY


def plain_deltas(*amounts: np.ndarray) -> Deltas:
    """One entry a fact and total, also where it is zero."""
    n, k = len(amounts[0]), len(amounts)
    total = np.tile(np.arange(k, dtype=np.int16), n)
    return Deltas(np.arange(n + 1) * k, total, np.column_stack(amounts).ravel(), k)


@modest
@given(facts, questions)
def test_a_total_is_the_sum_of_what_is_known(rows, questions):
    entity, known_at, delta = columns(rows)
    who, moment = asked(questions)
    sorted_facts = sort_facts(entity, known_at, N)
    reading = read_at(sorted_facts, who, moment)
    found = totals_at(sorted_facts, plain_deltas(delta, np.ones_like(delta)), reading.last)
    for (total, count), (w, at) in zip(found.tolist(), questions, strict=True):
        known = [d for e, k, d in rows if e == w >= 0 and k <= at]
        assert (total, count) == (sum(known), len(known))


@modest
@given(facts, questions)
def test_a_value_is_that_of_the_last_known_fact_or_of_one_before_it(rows, questions):
    entity, known_at, delta = columns(rows)
    who, moment = asked(questions)
    sorted_facts = sort_facts(entity, known_at, N)
    reading = read_at(sorted_facts, who, moment)
    for back in (0, 1, 2):
        found = value_at(sorted_facts, delta.astype(np.float64), reading, back)
        for value, (w, at) in zip(found, questions, strict=True):
            known = sorted((k, i) for i, (e, k, _) in enumerate(rows) if e == w >= 0 and k <= at)
            if len(known) > back:
                assert value == float(delta[known[-1 - back][1]])
            else:
                assert np.isnan(value)


@modest
@given(facts, questions)
def test_a_decayed_total_halves_every_half_life(rows, questions):
    rows = [(e, k, d % 100) for e, k, d in rows]
    entity, known_at, delta = columns(rows)
    who, moment = asked(questions)
    sorted_facts = sort_facts(entity, known_at, N)
    total = decayed_totals(sorted_facts, delta[:, None], 7)
    found = decayed_at(sorted_facts, total, read_at(sorted_facts, who, moment), 7)[:, 0]
    expected = [
        sum(d * 0.5 ** ((at - k) / 7) for e, k, d in rows if e == w >= 0 and k <= at)
        for w, at in questions
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)


@modest
@given(facts, questions, st.integers(0, N - 1))
def test_an_entity_reads_the_same_bit_for_bit_without_the_others(rows, questions, entity):
    alone = [row for row in rows if row[0] == entity]
    who, moment = asked([(entity, at) for _, at in questions])
    found = []
    for each in (rows, alone):
        code, known_at, delta = columns(each)
        sorted_facts = sort_facts(code, known_at, N)
        reading = read_at(sorted_facts, who, moment)
        decayed = decayed_totals(sorted_facts, delta[:, None] / 7.0, 30)
        found.append(
            (
                totals_at(sorted_facts, plain_deltas(delta), reading.last).tobytes(),
                decayed_at(sorted_facts, decayed, reading, 30).tobytes(),
                value_at(sorted_facts, delta.astype(np.float64), reading).tobytes(),
            )
        )
    assert found[0] == found[1]


@modest
@given(st.permutations(range(12)))
def test_the_order_of_facts_of_one_moment_does_not_matter(order):
    known_at = np.arange(12) // 4 * 5 * DAY
    delta = np.array([3.0, -7, 11, 1, 90, -90, 13, 5, 1, 2, 365, 4])
    found = []
    for rows in (list(range(12)), order):
        sorted_facts = sort_facts(np.zeros(12, np.int32), known_at[rows], 1)
        total = decayed_totals(sorted_facts, delta[rows][:, None], 30)
        moments = np.array([0, 5, 10, 17]) * DAY
        reading = read_at(sorted_facts, np.zeros(4, np.int32), moments)
        found.append(decayed_at(sorted_facts, total, reading, 30).tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(("moment", "total"), [(99, 0), (100, 5), (101, 5)])
def test_a_fact_is_known_from_its_own_microsecond_on(moment, total):
    sorted_facts = sort_facts(np.zeros(1, np.int32), np.array([100]), 1)
    reading = read_at(sorted_facts, np.zeros(1, np.int32), np.array([moment]))
    assert totals_at(sorted_facts, plain_deltas(np.array([5])), reading.last).item() == total


def test_money_adds_up_exactly_beyond_what_floats_can_hold():
    delta = np.array([2**60, 1, -(2**60)])
    sorted_facts = sort_facts(np.zeros(3, np.int32), np.arange(3), 1)
    reading = read_at(sorted_facts, np.zeros(1, np.int32), np.array([9]))
    assert totals_at(sorted_facts, plain_deltas(delta), reading.last).item() == 1


def test_nobody_has_facts_in_an_empty_log():
    nothing = np.empty(0, dtype=np.int64)
    sorted_facts = sort_facts(nothing.astype(np.int32), nothing, 2)
    reading = read_at(sorted_facts, np.array([0, 1], np.int32), np.array([5, 5]))
    assert totals_at(sorted_facts, plain_deltas(nothing), reading.last).tolist() == [[0], [0]]
    assert np.isnan(value_at(sorted_facts, nothing.astype(float), reading)).all()
    decayed = decayed_totals(sorted_facts, nothing[:, None].astype(float), 30)
    assert decayed_at(sorted_facts, decayed, reading, 30).tolist() == [[0], [0]]


@pytest.mark.parametrize("n", [20, 500])
def test_facts_are_sorted_stably_within_each_entity(n):
    draw = np.random.default_rng(n)
    entity, known_at = draw.integers(-1, 3, n).astype(np.int32), draw.integers(0, n // 4, n)
    found = sort_facts(entity, known_at, 3)
    order = np.lexsort((np.arange(n), known_at, entity))
    order = order[entity[order] >= 0]
    np.testing.assert_array_equal(found.order, order)
    np.testing.assert_array_equal(found.known_at, known_at[order])
    assert found.starts.tolist() == [int((entity[order] < k).sum()) for k in range(4)]


def test_stacked_readings_are_answered_in_their_shape():
    sorted_facts = sort_facts(np.zeros(3, np.int32), np.arange(3), 1)
    last = np.array([[0, -1], [2, 1]])
    found = totals_at(sorted_facts, plain_deltas(np.array([1, 10, 100])), last)
    assert found.tolist() == [[[1], [0]], [[111], [11]]]


@modest
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3), st.integers(0, 1)), max_size=30))
def test_changes_of_a_part_add_up_to_where_it_stands(rows):
    rows = sorted(rows, key=lambda row: row[0])
    part = np.array([row[0] for row in rows], dtype=np.int32)
    share = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 2)
    starts = np.searchsorted(part, np.arange(5))
    deltas = changes_of(share, starts)
    assert (deltas.amount != 0).all()
    one_each = sort_facts(part, np.arange(len(part)), 4)
    found = totals_at(one_each, deltas, np.arange(len(part)))
    np.testing.assert_array_equal(found, share)
