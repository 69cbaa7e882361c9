"""The population stability index, its noise, and what a feature usually moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.drift import (
    ACT,
    BLIND,
    SMALLEST_SHARE,
    bins_of,
    drift_of,
    effective_size,
    in_a_row,
    most_moved,
    moved_in_training,
    noise_of,
    psi,
    tally,
)

MANY = (1e6, 1e6)
shares = st.lists(st.integers(1, 50), min_size=2, max_size=12)


def counted(values, bins):
    return np.bincount(bins.of(np.asarray(values, dtype=np.float64)), minlength=bins.n).astype(
        np.float64
    )


def test_the_index_is_the_sum_over_bins_as_done_by_hand():
    reference, current = np.array([50.0, 30.0, 20.0]), np.array([20.0, 30.0, 50.0])
    by_hand = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    assert psi(reference, current) == pytest.approx(by_hand)


@given(shares, st.integers(1, 5))
def test_equal_shares_have_index_zero_whatever_the_sizes(counts, times):
    reference = np.array(counts, dtype=np.float64)
    assert psi(reference, reference * times) == pytest.approx(0, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12))
def test_the_index_is_never_negative_and_the_same_both_ways(pairs):
    reference, current = np.array(pairs, dtype=np.float64).T
    if min(reference.sum(), current.sum()) == 0:
        return
    assert psi(reference, current) >= 0
    assert psi(reference, current) == pytest.approx(psi(current, reference))


def test_an_empty_bin_counts_as_the_smallest_share():
    found = psi(np.array([100.0, 0.0]), np.array([50.0, 50.0]))
    expected = (0.5 - 1) * np.log(0.5) + (0.5 - SMALLEST_SHARE) * np.log(0.5 / SMALLEST_SHARE)
    assert found == pytest.approx(expected)


def test_months_are_compared_side_by_side():
    months = np.array([[10.0, 10.0], [5.0, 15.0]])
    found = psi(np.array([10.0, 10.0]), months)
    assert found[0] == pytest.approx(0)
    assert found[1] > 0.1


def test_numbers_fall_in_tenths_of_the_reference():
    bins = bins_of(np.arange(1000.0))
    assert counted(np.arange(1000.0), bins)[:10] == pytest.approx(100, abs=1)
    later = counted(np.arange(1000.0) + 500, bins)
    assert later[:5].sum() == 0  # the bins have not moved along
    assert later[9] == pytest.approx(600, abs=1)


def test_missing_values_have_a_bin_of_their_own():
    bins = bins_of(np.array([1.0, 2.0, np.nan, 4.0]))
    assert bins.of(np.array([np.nan, 3.0])).tolist()[0] == bins.n - 1
    full, empty = counted(np.arange(100.0), bins), counted(np.full(100, np.nan), bins)
    assert psi(full, empty) > 5


def test_repeated_values_share_a_bin():
    bins = bins_of(np.array([0.0] * 70 + [1.0] * 20 + [5.0] * 10))
    found = counted([0.0, 0.0, 1.0, 5.0, 9.0], bins)
    assert found[found > 0].tolist() == [2, 1, 2]


def test_what_never_varied_has_bins_below_and_above():
    bins = bins_of(np.full(50, 3.0))
    assert counted([2.0, 3.0, 4.0], bins).tolist() == [1, 1, 1, 0]


def test_a_column_that_was_always_missing_tells_when_it_is_not():
    bins = bins_of(np.full(50, np.nan))
    assert psi(counted(np.full(50, np.nan), bins), counted(np.arange(50.0), bins)) > 5


def test_categories_fall_in_a_bin_a_level():
    bins = bins_of(np.array([0.0, 1.0, 1.0]), levels=3)
    assert counted([0.0, 2.0, 2.0, np.nan], bins).tolist() == [1, 0, 2, 1]


def test_rows_are_counted_by_cohort_and_bin():
    found = tally(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), 3, 2)
    assert found.tolist() == [[1, 1, 0], [0, 1, 1]]


def test_noise_is_what_two_samples_of_one_distribution_differ_by():
    draw = np.random.default_rng(0)
    p = np.full(10, 0.1)
    n, m = 4000, 1500
    drawn = psi(
        draw.multinomial(n, p, 2000).astype(np.float64),
        draw.multinomial(m, p, 2000).astype(np.float64),
    )
    noise = noise_of(10, n, m)
    assert drawn.mean() == pytest.approx(noise.mean, rel=0.05)
    assert np.mean(drawn > noise.rare) == pytest.approx(0.01, abs=0.006)


def test_one_bin_has_no_noise_and_no_rows_have_endless_noise():
    assert noise_of(1, 10, 10).mean == 0
    assert noise_of(5, 10, 0).rare == np.inf


def test_equal_customers_count_one_each_and_a_large_one_hides_the_rest():
    assert effective_size(np.repeat(np.arange(30), 4)) == pytest.approx(30)
    assert effective_size(np.r_[np.zeros(1000, dtype=int), np.arange(1, 11)]) < 1.1
    assert effective_size(np.empty(0, dtype=int)) == 0


def test_small_samples_of_one_distribution_drift_once_in_a_hundred_times_at_most():
    draw = np.random.default_rng(1)
    p = np.full(10, 0.1)
    reference = draw.multinomial(200, p).astype(np.float64)
    months = draw.multinomial(100, p, 1000).astype(np.float64)
    found = [drift_of(reference, month, (200, 100), None) for month in months]
    assert np.mean([drift.psi > ACT for drift in found]) > 0.02  # the bare rule of thumb alarms
    assert np.mean([drift.drifts for drift in found]) < 0.01


def test_a_large_sample_drifts_from_the_usual_threshold_on():
    reference = np.array([100.0, 100.0])
    little, much = np.array([60.0, 140.0]), np.array([50.0, 150.0])
    assert not drift_of(reference, little, MANY, None).drifts
    assert drift_of(reference, much, MANY, None).drifts


def a_counter(months, rows=300, rise=1.0):
    """Months of a count that grows with the log, and its rows by month and tenth of training."""
    draw = np.random.default_rng(2)
    values = np.concatenate([draw.poisson(5 + rise * m, rows) for m in range(months)])
    return values.astype(np.float64), np.repeat(np.arange(months), rows)


def drift_after(rise, training=24, now=26):
    values, month = a_counter(now + 1, rise=rise)
    trained = month < training
    bins = bins_of(values[trained])
    counts = tally(bins.of(values), month, bins.n, now + 1)
    before = counts[:training]
    usual = moved_in_training(before, before, now - training + 1, 100)
    return drift_of(before.sum(axis=0), counts[now], MANY, usual)


def test_a_feature_that_grew_all_through_training_does_not_drift_by_growing_on():
    found = drift_after(rise=1.0)
    assert found.psi > 2 * ACT
    assert found.usual is not None
    assert found.usual > found.psi
    assert not found.drifts


def test_a_feature_that_stood_still_in_training_drifts_when_it_begins_to_grow():
    values, month = a_counter(24, rise=0.0)
    bins = bins_of(values)
    counts = tally(bins.of(values), month, bins.n, 24)
    now = np.bincount(bins.of(values[:300] + 3), minlength=bins.n).astype(np.float64)
    found = drift_of(counts.sum(axis=0), now, MANY, moved_in_training(counts, counts, 2, 100))
    assert found.usual is not None
    assert found.usual < ACT
    assert found.drifts


def test_a_training_period_of_a_few_months_says_nothing_of_what_is_usual():
    values, month = a_counter(10)
    bins = bins_of(values)
    counts = tally(bins.of(values), month, bins.n, 10)
    assert moved_in_training(counts, counts, 3, 100) is None


def test_where_nobody_knows_what_is_usual_a_feature_has_to_move_as_far_as_broken_ones_do():
    reference, current = np.array([100.0, 100.0]), np.array([40.0, 160.0])
    assert drift_of(reference, current, MANY, None).drifts
    assert not drift_of(reference, current, MANY, None, BLIND).drifts
    assert drift_of(reference, current, MANY, 0.1, BLIND).drifts
    assert not drift_of(reference, current, MANY, None, None).drifts
    missing = np.array([100.0, 100.0, 0.0]), np.array([75.0, 75.0, 50.0])
    assert drift_of(*missing, MANY, None, BLIND).drifts


def test_the_longer_ago_training_was_the_more_a_growing_feature_may_have_moved():
    values, month = a_counter(36)
    bins = bins_of(values)
    counts = tally(bins.of(values), month, bins.n, 36)
    assert moved_in_training(counts, counts, 12, 100) > moved_in_training(counts, counts, 1, 100)


def test_the_bin_that_moved_most_is_told_with_its_shares():
    at, was, now = most_moved(np.array([50.0, 40.0, 10.0]), np.array([48.0, 12.0, 40.0]))
    assert (at, was, now) == (2, pytest.approx(0.1), pytest.approx(0.4))


def test_one_cohort_alone_is_not_drift():
    assert not in_a_row([False, True])
    assert not in_a_row([True, True, False])
    assert not in_a_row([True])
    assert in_a_row([False, True, True])
