"""Quality before labels are known: exact where it can be enumerated, right where it should be."""

from itertools import product

import numpy as np
import pytest

from training.estimated_quality import ESTIMATED, estimate_quality
from training.evaluation import metrics


def drawn(n=600, seed=0):
    draw = np.random.default_rng(seed)
    return draw.beta(1, 3, n), draw.lognormal(5, 1, n), np.arange(n)


def realised(p, balance, seed):
    y = (np.random.default_rng(seed).random(len(p)) < p).astype(np.float64)
    return metrics(y, p, balance, 0.25)


def test_expectations_are_those_over_all_outcomes():
    p = np.array([0.9, 0.7, 0.7, 0.4, 0.2, 0.1])
    balance = np.array([5.0, 1.0, 2.0, 8.0, 3.0, 1.0])
    sums = np.zeros(6)
    for outcome in product([0, 1], repeat=6):
        y = np.array(outcome, dtype=np.float64)
        chance = np.prod(np.where(y == 1, p, 1 - p))
        above = (p[:, None] > p[None, :]) + 0.5 * (p[:, None] == p[None, :])
        pairs = y[:, None] * (1 - y[None, :])
        sums += chance * np.array(
            [
                y.mean(),
                np.mean((p - y) ** 2),
                (pairs * above).sum(),
                pairs.sum(),
                np.mean((0.3 - y) ** 2),
                y[0] * balance[0],
            ]
        )
    found = estimate_quality(p, balance, np.arange(6), 0.3)
    assert found["prevalence"].estimate == pytest.approx(sums[0])
    assert found["brier"].estimate == pytest.approx(sums[1])
    assert found["roc_auc"].estimate == pytest.approx(sums[2] / sums[3])
    assert found["brier_skill"].estimate == pytest.approx(1 - sums[1] / sums[4])
    owed = (p * balance).sum()
    assert found["balance_recall_at_10"].estimate == pytest.approx(sums[5] / owed)


def test_right_probabilities_are_realised_inside_the_interval_as_often_as_said():
    p, balance, unit = drawn()
    found = estimate_quality(p, balance, unit, 0.25, draws=400)
    truths = [realised(p, balance, seed) for seed in range(1, 151)]
    for name in ESTIMATED:
        inside = [found[name].low <= truth[name] <= found[name].high for truth in truths]
        assert np.mean(inside) >= 0.88, name


def test_a_change_of_the_mix_is_followed():
    p, balance, unit = drawn()
    risky = np.argsort(-p)[:200]
    found = estimate_quality(p[risky], balance[risky], unit[risky], 0.25)
    truth = realised(p[risky], balance[risky], 5)
    assert found["prevalence"].estimate == pytest.approx(truth["prevalence"], abs=0.06)
    assert found["roc_auc"].estimate == pytest.approx(truth["roc_auc"], abs=0.06)


def test_a_change_of_the_outcomes_given_the_features_is_not_seen_until_labels_tell():
    p, balance, unit = drawn()
    found = estimate_quality(p, balance, unit, 0.25)
    worse = realised(1 - (1 - p) ** 2, balance, 6)
    assert not found["prevalence"].low <= worse["prevalence"] <= found["prevalence"].high


def test_certain_probabilities_are_perfect():
    p = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    found = estimate_quality(p, np.ones(5), np.arange(5), 0.5)
    assert (found["roc_auc"].estimate, found["brier"].estimate) == (1, 0)
    assert found["roc_auc"].low == found["roc_auc"].high == 1


def test_rows_of_one_invoice_share_their_luck():
    p, balance, unit = drawn()
    alone = estimate_quality(p, balance, unit, 0.25)["prevalence"]
    together = estimate_quality(p, balance, unit // 20, 0.25)["prevalence"]
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert together.estimate == pytest.approx(alone.estimate)


def test_the_same_rows_give_the_same_estimate():
    p, balance, unit = drawn(300)
    assert estimate_quality(p, balance, unit, 0.2) == estimate_quality(p, balance, unit, 0.2)


def test_no_rows_have_no_quality():
    nothing = np.empty(0)
    found = estimate_quality(nothing, nothing, np.empty(0, dtype=int), 0.2)
    assert all(np.isnan(found[name].estimate) for name in ESTIMATED)
