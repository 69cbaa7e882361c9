"""Baselines are what they are called, computed by hand here."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.tables import table
from training import baselines
from training.baselines import BASELINES, CELL_PRIOR, baseline_predictions, beside

N = 600


def world(n: int = N, seed: int = 0, **changes):
    """Rows of a matrix with everything the baselines read, and outcomes that go with age."""
    draw = np.random.default_rng(seed)
    days = draw.integers(-90, 300, n).astype(np.float64)
    columns = {
        "days_past_due": np.where(draw.random(n) < 0.1, np.nan, days),
        "age_days": days + 100,
        "last_activity": draw.integers(0, 3, n).astype(np.float64),
        "late_share": draw.random(n),
        "n_written_off": draw.integers(0, 3, n).astype(np.float64),
        "history_depth": draw.integers(3, 30, n).astype(np.float64),
        "amount": draw.lognormal(5, 2, n),
    } | changes
    y = (draw.random(n) < 1 / (1 + np.exp(-days / 100))).astype(np.float64)
    return table(["last_activity"], **columns), y


def predicted(target="late_payment", **changes):
    (train, y), (test, _) = world(**changes), world(seed=1, **changes)
    return baseline_predictions(target, train, y, test), train, y, test


def test_every_baseline_gives_a_probability_for_every_row():
    found = predicted()[0]
    assert tuple(found) == BASELINES
    for name, p in found.items():
        assert p.shape == (N,), name
        assert ((p >= 0) & (p <= 1)).all(), name


def test_prevalence_is_the_share_of_positives_in_training():
    found, _, y, _ = predicted()
    assert set(found["prevalence"]) == {y.mean()}


@pytest.mark.parametrize(("low", "high"), [(1, 31), (31, 61), (-7, 1), (366, 9999)])
def test_ageing_is_the_shrunk_rate_of_the_bucket(low, high):
    found, train, y, test = predicted()
    here = (train["days_past_due"] >= low) & (train["days_past_due"] < high)
    rate = (y[here].sum() + CELL_PRIOR * y.mean()) / (here.sum() + CELL_PRIOR)
    asked = (test["days_past_due"] >= low) & (test["days_past_due"] < high)
    np.testing.assert_allclose(found["ageing"][asked], rate)


def test_rows_without_a_due_date_are_a_bucket_of_their_own():
    found, train, y, test = predicted()
    here = np.isnan(train["days_past_due"])
    rate = (y[here].sum() + CELL_PRIOR * y.mean()) / (here.sum() + CELL_PRIOR)
    np.testing.assert_allclose(found["ageing"][np.isnan(test["days_past_due"])], rate)


def test_state_and_age_rank_better_than_nothing():
    (train, y), (test, outcome) = world(), world(seed=1)
    p = baseline_predictions("late_payment", train, y, test)["state_age"]
    assert roc_auc_score(outcome, p) > 0.7
    assert len(np.unique(p)) <= 3 * 20


def test_the_customers_rate_is_its_late_share():
    found, _, _, test = predicted()
    np.testing.assert_allclose(found["customer_rate"], test["late_share"])


def test_the_customers_rate_of_write_offs_is_shrunk_to_prevalence():
    found, _, y, test = predicted("write_off")
    rate = (test["n_written_off"] + 5 * y.mean()) / (test["history_depth"] + 5)
    np.testing.assert_allclose(found["customer_rate"], rate, rtol=1e-6)


@pytest.mark.parametrize("target", ["late_payment", "write_off"])
def test_without_customers_the_customers_rate_is_prevalence(target):
    missing = np.full(N, np.nan)
    found, _, y, _ = predicted(
        target, late_share=missing, n_written_off=missing, history_depth=missing
    )
    assert set(found["customer_rate"]) == {y.mean()}


def test_the_logistic_regression_learns_and_bears_missing_and_unseen_values():
    train, y = world()
    test, outcome = world(seed=1, amount=np.full(N, np.nan), last_activity=np.full(N, 7.0))
    p = baseline_predictions("late_payment", train, y, test)["logistic"]
    assert roc_auc_score(outcome, p) > 0.7
    empty, labels = world(amount=np.full(N, np.nan))
    assert np.isfinite(baseline_predictions("late_payment", empty, labels, test)["logistic"]).all()


def test_the_logistic_regression_is_fitted_on_a_sample_of_many_rows(monkeypatch):
    whole = predicted()[0]["logistic"]
    monkeypatch.setattr(baselines, "LOGISTIC_ROWS", 200)
    some, again = predicted()[0]["logistic"], predicted()[0]["logistic"]
    assert not np.array_equal(whole, some)
    np.testing.assert_array_equal(some, again)


def test_model_and_baselines_stand_beside_each_other():
    shown = beside({"roc_auc": 0.8}, {"ageing": {"roc_auc": 0.6}})
    assert shown.index.tolist() == ["model", "ageing"]
    assert shown["roc_auc"].tolist() == [0.8, 0.6]
