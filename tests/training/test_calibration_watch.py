"""Observed against expected: intervals by customer, and miscalibration that lasts."""

import numpy as np
import pytest

from training.calibration_watch import (
    LEAST_SWING,
    RATIO_BAND,
    Figure,
    lasting_shift,
    latest,
    observed_to_expected,
    slope_of,
    swing_of,
)
from training.evaluation import calibration_line


def drawn(n=3000, seed=0, customers=150, factor=1.0, spread=0.0):
    """Probabilities, outcomes ``factor`` times as frequent, and customers who share luck."""
    draw = np.random.default_rng(seed)
    p = draw.beta(1.5, 6, n)
    group = draw.integers(0, customers, n)
    luck = np.exp(spread * draw.normal(size=customers) - spread**2 / 2)[group]
    return (draw.random(n) < p * factor * luck).astype(np.float64), p, group


def test_the_ratio_is_positives_over_the_sum_of_probabilities():
    y, p, group = drawn()
    found = observed_to_expected(y, p, group)
    assert found.estimate == pytest.approx(y.sum() / p.sum())
    assert found.low < found.estimate < found.high
    assert found.estimate**2 == pytest.approx(found.low * found.high)


def test_the_interval_holds_the_truth_as_often_as_it_says_though_customers_share_luck():
    inside, naive = [], []
    for seed in range(200):
        y, p, group = drawn(1500, seed, customers=60, spread=0.5)
        found = observed_to_expected(y, p, group)
        inside.append(found.low <= 1 <= found.high)
        alone = observed_to_expected(y, p, np.arange(len(y)))
        naive.append(alone.low <= 1 <= alone.high)
    assert np.mean(inside) > 0.9
    assert np.mean(naive) < 0.85


def test_looking_at_each_invoice_four_times_makes_nothing_surer():
    y, p, group = drawn()
    once = observed_to_expected(y, p, group)
    often = observed_to_expected(np.tile(y, 4), np.tile(p, 4), np.tile(group, 4))
    assert often.error == pytest.approx(once.error)


def test_one_large_customer_makes_the_interval_wide():
    y, p, group = drawn()
    large = np.where(np.arange(len(y)) < 2800, 0, group)
    even, uneven = observed_to_expected(y, p, group), observed_to_expected(y, p, large)
    assert (uneven.high - uneven.low) / uneven.error > 2 * (even.high - even.low) / even.error


def test_the_slope_is_that_of_the_test_report():
    y, p, group = drawn()
    assert slope_of(y, p, group).estimate == pytest.approx(calibration_line(y, p)[0], rel=1e-3)


def test_the_slope_of_right_probabilities_is_one_and_of_halved_log_odds_two():
    y, p, group = drawn(20_000)
    right = slope_of(y, p, group)
    assert right.low < 1 < right.high
    timid = 1 / (1 + np.exp(-np.log(p / (1 - p)) / 2))
    assert slope_of(y, timid, group).estimate == pytest.approx(2 * right.estimate, rel=1e-3)


def test_the_slopes_interval_holds_the_truth_as_often_as_it_says():
    found = [slope_of(*drawn(1500, seed)) for seed in range(60)]
    assert 0.86 <= np.mean([f.low <= 1 <= f.high for f in found]) <= 1


def test_too_few_cases_give_no_figure():
    y, p = np.r_[np.ones(9), np.zeros(500)], np.full(509, 0.05)
    group = np.arange(509)
    assert observed_to_expected(y, p, group) is None
    assert slope_of(y, p, group) is None
    assert observed_to_expected(np.empty(0), np.empty(0), np.empty(0, dtype=int)) is None


def test_one_customer_gives_no_figure():
    y, p, _ = drawn()
    assert observed_to_expected(y, p, np.zeros(len(y), dtype=int)) is None
    assert slope_of(y, p, np.zeros(len(y), dtype=int)) is None


def test_equal_probabilities_have_no_slope():
    y, p, group = drawn()
    assert slope_of(y, np.full(len(p), 0.2), group) is None


def test_only_an_interval_that_clears_the_band_lies_outside():
    assert Figure(1.4, 1.26, 1.5, 0.1).lies_outside(RATIO_BAND)
    assert not Figure(1.4, 1.24, 1.6, 0.1).lies_outside(RATIO_BAND)
    assert Figure(0.7, 0.6, 0.79, 0.1).lies_outside(RATIO_BAND)


def months(*factors, rows=2500, seed=3):
    """Months of rows with outcomes so many times as frequent as predicted."""
    found = [drawn(rows, seed + i, factor=factor) for i, factor in enumerate(factors)]
    y, p, group = (np.concatenate(column) for column in zip(*found, strict=True))
    return y, p, group, np.repeat(np.arange(100, 100 + len(factors)), rows)


def test_a_shift_that_lasts_is_clear_though_it_stays_within_the_band():
    y, p, group, month = months(1, 1, 1, 1.22, 1.22, 1.22, 1.22, 1.22)
    found = lasting_shift(y, p, group, month, LEAST_SWING)
    assert found.is_clear
    assert 102 <= found.since <= 104
    assert not found.figure.lies_outside(RATIO_BAND)


def test_a_shift_that_has_passed_is_over():
    past = months(1, 1.6, 1.6, 1.6, 1.6, 1, 1)
    assert lasting_shift(*(a[past[3] < 105] for a in past), LEAST_SWING).is_clear
    assert not lasting_shift(*past, LEAST_SWING).is_clear


def test_falling_short_of_the_predictions_counts_as_much():
    assert lasting_shift(*months(1, 1, 0.75, 0.75, 0.75, 0.75), LEAST_SWING).is_clear


def test_right_probabilities_are_never_clear():
    for seed in range(30):
        found = lasting_shift(*months(1, 1, 1, 1, 1, 1, seed=10 * seed), LEAST_SWING)
        assert not found.is_clear


def test_one_bad_month_alone_decides_nothing():
    y, p, group, month = months(1, 1, 1, 1, 1, 1.3)
    assert not lasting_shift(y, p, group, month, LEAST_SWING).is_clear
    alone = month == 105
    assert lasting_shift(y[alone], p[alone], group[alone], month[alone], LEAST_SWING) is None


def test_the_more_months_swing_the_more_it_takes():
    rows = months(1, 1.25, 1.25, 1.25)
    odds = [lasting_shift(*rows, swing).odds for swing in (0.05, 0.1, 0.2)]
    assert odds[0] > odds[1] > odds[2] > 1


def test_two_months_of_which_one_has_all_the_labels_count_as_one():
    y, p, group, month = months(1.3, 1.3)
    few = np.r_[np.arange(2500), 2500 + np.arange(100)]
    even = lasting_shift(y, p, group, month, 0.3)
    lopsided = lasting_shift(y[few], p[few], group[few], month[few], 0.3)
    assert np.log(lopsided.odds) < 0.7 * np.log(even.odds)


def test_the_swing_of_months_is_found_and_is_never_less_than_the_least():
    draw = np.random.default_rng(4)
    steady = months(*np.ones(24), rows=2000)
    swinging = months(*np.exp(0.25 * draw.normal(size=24)), rows=2000)
    assert swing_of(*steady[:3], steady[3]) == LEAST_SWING
    assert swing_of(*swinging[:3], swinging[3]) == pytest.approx(0.25, abs=0.08)


def test_months_of_few_rows_do_not_swing_by_their_own_error():
    small = months(*np.ones(24), rows=150)
    errors = [
        observed_to_expected(*(a[small[3] == month] for a in small[:3])).error
        for month in np.unique(small[3])
    ]
    assert np.mean(errors) > 0.13
    assert swing_of(*small[:3], small[3]) < 0.12


def test_a_single_month_has_no_swing_of_its_own():
    y, p, group, month = months(1.5)
    assert swing_of(y, p, group, month) == LEAST_SWING


def test_the_latest_cohorts_are_taken_together_but_never_one_alone():
    cohort = np.array([1, 1, 2, 3, 4])
    assert latest(cohort, 3).tolist() == [False, False, True, True, True]
    assert not latest(np.array([7, 7]), 3).any()
    assert latest(np.array([7, 8]), 3).all()
