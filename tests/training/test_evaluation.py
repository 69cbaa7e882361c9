"""Metrics against scikit-learn and against sums done by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from eventlog.log import micros
from training.evaluation import (
    FEWEST_IN_GROUP,
    Slices,
    expected_calibration_error,
    expected_noise,
    history_band,
    metrics,
    month_of,
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


def test_outcomes_told_apart_without_a_flaw_have_no_slope():
    y = np.repeat([0.0, 1.0], 20)
    p = np.linspace(0.1, 0.6, 40)
    assert metrics(y, p, np.ones(40), 0.5)["slope"] is None
    assert metrics(y, np.append(p[1:], 0.1), np.ones(40), 0.5)["slope"] > 0


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


def test_the_level_is_told_as_observed_over_expected():
    y, p, balance = drawn()
    found = metrics(y, p, balance, 0.25)
    assert found["observed_to_expected"] == pytest.approx(y.sum() / p.sum())
    assert metrics(y, np.zeros(500), balance, 0.25)["observed_to_expected"] is None


def test_each_row_can_have_the_prevalence_of_its_own_training():
    y, p, balance = drawn()
    naive = np.where(np.arange(500) < 200, 0.1, 0.4)
    skill = 1 - np.mean((p - y) ** 2) / np.mean((naive - y) ** 2)
    assert metrics(y, p, balance, naive)["brier_skill"] == pytest.approx(skill)


def test_the_noise_is_the_calibration_error_of_right_probabilities():
    p = drawn(2000)[1]
    draw = np.random.default_rng(5)
    found = [
        expected_calibration_error((draw.random(2000) < p).astype(np.float64), p)
        for _ in range(200)
    ]
    assert expected_noise(p) == pytest.approx(np.mean(found), rel=0.05)
    assert metrics(*drawn(2000), 0.25)["ece_noise"] == expected_noise(p)


def test_the_band_of_a_bin_is_a_binomials_deviation():
    table = reliability(np.zeros(400), np.full(400, 0.2))
    assert table["noise"].tolist() == pytest.approx([np.sqrt(0.2 * 0.8 / 400)])


def test_slices_have_metrics_of_their_own():
    y, p, balance = drawn(100)
    group = np.where(np.arange(100) < 30, "a", "b").astype(object)
    naive = np.linspace(0.1, 0.3, 100)
    found = Slices({"cut": group}).metrics(y, p, balance, naive)["cut"]
    assert found["a"] == metrics(y[:30], p[:30], balance[:30], naive[:30])
    assert found["a"]["n"] + found["b"]["n"] == 100


def grouped(*sizes: int, order: tuple[str, ...] = ()):
    names = [name for name, size in zip("abcde", sizes, strict=False) for _ in range(size)]
    found = Slices({"cut": np.array(names, dtype=object)}, {"cut": order}).groups("cut")
    return {name: int(rows.sum()) for name, rows in found}


def test_small_groups_are_taken_together_and_counted():
    few = FEWEST_IN_GROUP - 1
    assert grouped(few, 200, few, 300) == {"b": 200, "d": 300, "other (2 groups)": 2 * few}


def test_a_group_is_small_against_many_rows_too():
    found = grouped(60, 100_000, 70)
    assert found == {"b": 100_000, "other (2 groups)": 130}


def test_a_single_small_group_keeps_its_name():
    assert grouped(3, 200) == {"a": 3, "b": 200}


def test_groups_come_in_the_order_of_their_cut():
    assert list(grouped(100, 100, 100, order=("c", "a"))) == ["c", "a", "b"]


def test_bands_and_months_have_names():
    depth = np.array([0, 1, 4, 5, np.nan])
    assert history_band(depth).tolist() == ["0", "1-4", "1-4", "5+", "no customer"]
    cutoffs = np.array([micros("2024-05-31T23:59"), micros("2024-06-01"), micros("2024-05-01")])
    assert month_of(cutoffs).tolist() == ["2024-05", "2024-06", "2024-05"]
