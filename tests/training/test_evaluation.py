"""Metrics against scikit-learn and against sums done by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from eventlog.log import micros
from training.evaluation import (
    Slices,
    expected_calibration_error,
    history_band,
    metrics,
    month_of,
    paired_differences,
    reliability,
)


def drawn(n: int = 500, seed: int = 0):
    draw = np.random.default_rng(seed)
    p = draw.beta(1, 3, n)
    return (draw.random(n) < p).astype(np.float64), p, draw.lognormal(5, 1, n)


def test_metrics_are_those_of_scikit_learn():
    y, p, balance = drawn()
    found = metrics(y, p, balance, prevalence=0.3)
    assert (found["n"], found["positives"]) == (500, y.sum())
    assert found["prevalence"] == pytest.approx(y.mean())
    assert found["mean_p"] == pytest.approx(p.mean())
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p))
    assert found["average_precision"] == pytest.approx(average_precision_score(y, p))
    assert found["brier"] == pytest.approx(brier_score_loss(y, p))
    assert found["log_loss"] == pytest.approx(log_loss(y, p))
    naive = brier_score_loss(y, np.full(500, 0.3))
    assert found["brier_skill"] == pytest.approx(1 - brier_score_loss(y, p) / naive)
    assert found["balance_ratio"] == pytest.approx((p * balance).sum() / (y * balance).sum())


def test_recall_and_precision_among_the_highest():
    y = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0], dtype=np.float64)
    p = np.linspace(1, 0.1, 10)
    balance = np.array([10, 1, 20, 1, 1, 70, 1, 1, 1, 1], dtype=np.float64)
    found = metrics(y, p, balance, 0.3)
    assert found["precision_at_10"] == 1
    assert found["recall_at_10"] == pytest.approx(1 / 3)
    assert found["balance_recall_at_10"] == pytest.approx(10 / 100)
    assert found["precision_at_20"] == pytest.approx(1 / 2)
    assert found["recall_at_20"] == pytest.approx(1 / 3)
    assert found["precision_at_5"] == 1  # one row at least


def test_ties_share_their_places_evenly():
    y = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=np.float64)
    found = metrics(y, np.full(10, 0.2), np.ones(10), 0.2)
    assert found["recall_at_10"] == pytest.approx(0.1)
    assert found["recall_at_20"] == pytest.approx(0.2)
    p = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0])
    assert metrics(y, p, np.ones(10), 0.2)["recall_at_20"] == pytest.approx((1 + 1 / 4) / 2)


@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order):
    y = np.array([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1], dtype=np.float64)
    p = np.array([3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1]) / 4
    balance = np.arange(1.0, 13.0)
    once = metrics(y, p, balance, 0.4)
    again = metrics(y[list(order)], p[list(order)], balance[list(order)], 0.4)
    assert again == pytest.approx(once)


def test_a_constant_prediction_has_metrics_too():
    y, _, balance = drawn(100)
    found = metrics(y, np.full(100, 0.25), balance, 0.25)
    assert found["roc_auc"] == 0.5
    assert (found["slope"], found["intercept"]) == (None, None)
    assert found["brier_skill"] == pytest.approx(0)
    assert found["ece"] == pytest.approx(abs(y.mean() - 0.25))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_single_kind_of_outcome_leaves_ranking_undefined(value):
    found = metrics(np.full(50, value), np.linspace(0, 1, 50), np.ones(50), 0.5)
    assert (found["roc_auc"], found["average_precision"], found["slope"]) == (None, None, None)
    assert found["recall_at_10"] == (None if value == 0 else pytest.approx(0.1))
    assert np.isfinite(found["log_loss"])


def test_probabilities_of_0_and_1_have_a_finite_log_loss():
    found = metrics(np.array([0.0, 1.0] * 10), np.array([1.0, 0.0] * 10), np.ones(20), 0.5)
    assert np.isfinite(found["log_loss"])


def test_no_rows_have_no_metrics():
    none = np.empty(0)
    assert metrics(none, none, none, 0.5) == {"n": 0, "positives": 0}


def test_true_probabilities_are_calibrated():
    y, p, balance = drawn(20_000)
    found = metrics(y, p, balance, 0.25)
    assert found["ece"] < 0.015
    assert found["slope"] == pytest.approx(1, abs=0.08)
    assert found["intercept"] == pytest.approx(0, abs=0.08)


def test_overconfident_probabilities_are_not_calibrated():
    y, p, balance = drawn(20_000)
    spread = 1 / (1 + np.exp(-2 * np.log(p / (1 - p))))
    found = metrics(y, spread, balance, 0.25)
    assert found["ece"] > 0.05
    assert found["slope"] == pytest.approx(0.5, abs=0.05)


def test_reliability_has_bins_of_equally_many_rows_and_keeps_ties_together():
    y, p, _ = drawn(1000)
    table = reliability(y, p)
    assert len(table) == 10
    assert table["n"].tolist() == [100] * 10
    assert (table["n"] * table["observed"]).sum() == pytest.approx(y.sum())
    tied = reliability(y, np.where(p < 0.3, 0.1, 0.6))
    assert tied["predicted"].tolist() == pytest.approx([0.1, 0.6])
    assert tied["n"].tolist() == [(p < 0.3).sum(), (p >= 0.3).sum()]
    assert reliability(np.empty(0), np.empty(0)).empty


def test_the_calibration_error_is_the_mean_distance_over_the_bins():
    y = np.array([0.0, 0.0, 1.0, 1.0])
    p = np.array([0.2, 0.2, 0.7, 0.7])
    assert expected_calibration_error(y, p) == pytest.approx((0.2 + 0.3) / 2)


def test_slices_have_metrics_of_their_own():
    y, p, balance = drawn(100)
    group = np.where(np.arange(100) < 30, "a", "b").astype(object)
    found = Slices({"cut": group}).metrics(y, p, balance, 0.25)["cut"]
    assert found["a"] == metrics(y[:30], p[:30], balance[:30], 0.25)
    assert found["a"]["n"] + found["b"]["n"] == 100


def test_bands_and_months_have_names():
    depth = np.array([0, 1, 4, 5, np.nan])
    assert history_band(depth).tolist() == ["0", "1-4", "1-4", "5+", "no customer"]
    cutoffs = np.array([micros("2024-05-31T23:59"), micros("2024-06-01"), micros("2024-05-01")])
    assert month_of(cutoffs).tolist() == ["2024-05", "2024-06", "2024-05"]


# Differences to a rival.


def two_models(n_groups: int = 150, seed: int = 0, gain: float = 1.0):
    """Groups of rows, a model that sees the truth and a rival that sees it through noise."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), 4)
    truth = draw.normal(0, 1, n_groups)[group] + draw.normal(0, 0.5, len(group))
    y = (draw.random(len(group)) < 1 / (1 + np.exp(-truth))).astype(np.float64)
    rival = truth + gain * draw.normal(0, 1.5, len(group))
    return y, 1 / (1 + np.exp(-truth)), 1 / (1 + np.exp(-rival)), group


def test_a_difference_is_the_difference_of_the_metrics():
    y, p, rival, group = two_models()
    found = paired_differences(y, p, rival, group, 0.5, repeats=50)
    assert found["roc_auc"].estimate == pytest.approx(roc_auc_score(y, p) - roc_auc_score(y, rival))
    naive = np.mean((0.5 - y) ** 2)
    skill = (np.mean((rival - y) ** 2) - np.mean((p - y) ** 2)) / naive
    assert found["brier_skill"].estimate == pytest.approx(skill)
    for difference in found.values():
        assert difference.low < difference.estimate < difference.high


def test_resampled_groups_weigh_as_scikit_learns_sample_weight():
    y, p, rival, group = two_models(30)
    p = p.round(1)  # ties
    found = paired_differences(y, p, rival, group, 0.5, repeats=1, seed=3)
    draws = np.random.default_rng(3).integers(0, 30, 30)
    weight = np.bincount(draws, minlength=30)[pd.factorize(group)[0]]
    expected = roc_auc_score(y, p, sample_weight=weight) - roc_auc_score(
        y, rival, sample_weight=weight
    )
    assert found["roc_auc"].low == pytest.approx(expected)
    assert found["roc_auc"].high == pytest.approx(expected)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    data = two_models()
    once = paired_differences(*data, 0.5, repeats=50)
    assert paired_differences(*data, 0.5, repeats=50) == once
    assert paired_differences(*data, 0.5, repeats=50, seed=1) != once


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    large = two_models(40_000, seed=99)
    truth = roc_auc_score(large[0], large[1]) - roc_auc_score(large[0], large[2])
    covered = 0
    for seed in range(40):
        found = paired_differences(*two_models(seed=seed), 0.5, repeats=100)["roc_auc"]
        covered += found.low <= truth <= found.high
    assert covered >= 33


def test_equal_models_do_not_differ():
    y, p, _, group = two_models()
    found = paired_differences(y, p, p, group, 0.5, repeats=20)
    assert found["roc_auc"].estimate == found["roc_auc"].low == found["roc_auc"].high == 0


def test_outcomes_of_one_kind_have_no_interval():
    p = np.linspace(0, 1, 20)
    found = paired_differences(np.zeros(20), p, 1 - p, np.arange(20), 0.5, repeats=10)
    assert np.isnan([found["roc_auc"].estimate, found["roc_auc"].low]).all()
