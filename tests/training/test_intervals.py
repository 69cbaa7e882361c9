"""Bootstrap samples give what the metrics say of the rows drawn, and the intervals hold."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from training import intervals
from training.evaluation import metrics
from training.intervals import HEADLINE, paired_differences, resample


def rows(n: int = 300, n_groups: int = 40, seed: int = 0):
    """Outcomes, predictions (good, tied and constant), balances and the customer of each row."""
    draw = np.random.default_rng(seed)
    margin = draw.normal(-1.5, 1.5, n)
    y = (draw.random(n) < 1 / (1 + np.exp(-margin))).astype(np.float64)
    p = 1 / (1 + np.exp(-margin))
    predictions = {"model": p, "tied": p.round(1) * 0.8 + 0.1, "constant": np.full(n, y.mean())}
    return y, predictions, draw.lognormal(5, 1, n), draw.integers(0, n_groups, n) * 7


def drawn_rows(group, i: int, seed: int = 0):
    """Rows of the i-th sample, each as often as its customer was drawn."""
    code, groups = pd.factorize(group)
    random = np.random.default_rng(seed)
    for _ in range(i + 1):
        drawn = random.integers(0, len(groups), len(groups))
    return np.repeat(np.arange(len(group)), np.bincount(drawn, minlength=len(groups))[code])


def test_a_sample_has_the_metrics_of_the_rows_drawn():
    y, predictions, balance, group = rows()
    prevalence = np.linspace(0.1, 0.3, len(y))
    found = resample(y, predictions, balance, group, prevalence, repeats=8)
    for i in range(8):
        at = drawn_rows(group, i)
        for name, p in predictions.items():
            expected = metrics(y[at], p[at], balance[at], prevalence[at])
            for metric, value in zip(HEADLINE, found.samples[name][i], strict=True):
                told = np.nan if expected[metric] is None else expected[metric]
                close = pytest.approx(told, rel=2e-3 if metric == "slope" else 1e-9, nan_ok=True)
                assert value == close, (metric, name, i)


def test_the_estimate_is_the_metric_of_all_rows():
    y, predictions, balance, group = rows()
    found = resample(y, predictions, balance, group, 0.2, repeats=1)
    for name, p in predictions.items():
        expected = metrics(y, p, balance, 0.2)
        for metric, interval in found.of(name).items():
            value = np.nan if expected[metric] is None else expected[metric]
            close = pytest.approx(value, rel=2e-3 if metric == "slope" else 1e-9, nan_ok=True)
            assert interval.estimate == close, metric


def test_the_interval_is_between_the_quantiles_of_the_samples():
    y, predictions, balance, group = rows()
    found = resample(y, predictions, balance, group, 0.2, repeats=50)
    sampled = found.samples["model"][:, HEADLINE.index("brier")]
    interval = found.of("model")["brier"]
    assert (interval.low, interval.high) == tuple(np.quantile(sampled, [0.025, 0.975]))
    gap = sampled - found.samples["tied"][:, HEADLINE.index("brier")]
    interval = found.difference("model", "tied")["brier"]
    assert (interval.low, interval.high) == tuple(np.quantile(gap, [0.025, 0.975]))


def test_many_scores_are_told_apart_in_steps_for_the_slope(monkeypatch):
    y, predictions, balance, group = rows(4000)
    only = {"model": predictions["model"]}
    exact = resample(y, only, balance, group, 0.2, repeats=5).samples["model"]
    monkeypatch.setattr(intervals, "SLOPE_STEPS", 100)
    coarse = resample(y, only, balance, group, 0.2, repeats=5).samples["model"]
    place = HEADLINE.index("slope")
    assert not np.array_equal(coarse[:, place], exact[:, place])
    np.testing.assert_allclose(coarse[:, place], exact[:, place], rtol=0.01)
    np.testing.assert_array_equal(coarse[:, :place], exact[:, :place])


def test_rows_of_one_customer_are_drawn_together():
    y, predictions, balance, _ = rows(200)
    twice = [np.concatenate([each, each]) for each in (y, balance, np.arange(200))]
    doubled = {name: np.concatenate([p, p]) for name, p in predictions.items()}
    once = resample(y, predictions, balance, np.arange(200), 0.2, repeats=30)
    again = resample(twice[0], doubled, twice[1], twice[2], 0.2, repeats=30)
    place = HEADLINE.index("roc_auc")
    np.testing.assert_allclose(again.samples["model"][:, place], once.samples["model"][:, place])


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
    y, p, rival, _ = two_models(40_000, seed=99)
    told = ("roc_auc", "average_precision", "brier_skill", "balance_recall_at_10")
    ours, theirs = (metrics(y, each, np.ones(len(y)), 0.5) for each in (p, rival))
    covered = dict.fromkeys(told, 0)
    for seed in range(40):
        y, p, rival, group = two_models(seed=seed)
        balance = np.ones(len(y))
        found = paired_differences(y, p, rival, group, 0.5, balance=balance, repeats=80)
        for metric in told:
            truth = ours[metric] - theirs[metric]
            covered[metric] += found[metric].low <= truth <= found[metric].high
    assert min(covered.values()) >= 33, covered


def test_equal_models_do_not_differ():
    y, p, _, group = two_models()
    found = paired_differences(y, p, p, group, 0.5, repeats=20)
    for difference in found.values():
        assert difference.estimate == difference.low == difference.high == 0


def test_balance_recall_needs_a_balance():
    y, p, rival, group = two_models()
    assert "balance_recall_at_10" not in paired_differences(y, p, rival, group, 0.5, repeats=5)
    balance = np.arange(len(y), dtype=np.float64)
    found = paired_differences(y, p, rival, group, 0.5, balance=balance, repeats=5)
    ours, theirs = (metrics(y, each, balance, 0.5)["balance_recall_at_10"] for each in (p, rival))
    assert found["balance_recall_at_10"].estimate == pytest.approx(ours - theirs)


def test_outcomes_of_one_kind_have_no_interval():
    p = np.linspace(0, 1, 20)
    found = paired_differences(np.zeros(20), p, 1 - p, np.arange(20), 0.5, repeats=10)
    for metric in ("roc_auc", "average_precision", "slope"):
        assert np.isnan([found[metric].estimate, found[metric].low]).all()
    assert np.isfinite(found["brier"].low)
