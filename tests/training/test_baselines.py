"""Baselines are what they are called, computed by hand here."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.tables import table
from training import baselines
from training.baselines import (
    BASELINES,
    CELL_PRIOR,
    baseline_predictions,
    baselines_left_out,
    beside,
    business_central_inputs,
)

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
    }
    columns |= customers_record(draw, n) | changes
    y = (draw.random(n) < 1 / (1 + np.exp(-days / 100))).astype(np.float64)
    return table(["last_activity"], **columns), y


def customers_record(draw, n: int):
    """What Business Central's inputs are read from, besides."""
    counts = ("n_overdue_1_30", "n_overdue_31_60", "n_overdue_61_90", "n_overdue_over_90")
    columns = {name: draw.integers(0, 2, n).astype(np.float64) for name in counts}
    n_overdue = np.sum(list(columns.values()), axis=0)
    return columns | {
        "term_days": np.full(n, 30.0),
        "share_paid": draw.random(n).round(),
        "n_payments": draw.integers(0, 2, n).astype(np.float64),
        "usual_amount": draw.lognormal(5, 1, n),
        "late_amount_share": draw.random(n),
        "mean_days_late": draw.normal(5, 10, n),
        "n_open": n_overdue + draw.integers(0, 4, n),
        "n_overdue": n_overdue,
        "open_balance": draw.lognormal(6, 1, n),
        "overdue_balance": draw.lognormal(5, 1, n),
        "share_overdue": draw.random(n),
        "oldest_overdue_days": np.where(n_overdue > 0, draw.integers(91, 200, n), np.nan),
    }


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


# Business Central's extension.


def of_one_customer(**changes: float):
    """The seventeen inputs of one row, in the order of the module's table."""
    record = {
        "amount": 500.0,
        "term_days": 30.0,
        "share_paid": 0.0,
        "n_payments": 0.0,
        "history_depth": 10.0,
        "late_share": (4 + 0.5) / (12 + 5),  # 4 of 12 matured, shrunk to 10 %
        "usual_amount": 200.0,
        "late_amount_share": 0.25,
        "mean_days_late": 6.0,
        "n_open": 5.0,
        "n_overdue": 2.0,
        "open_balance": 900.0,
        "overdue_balance": 300.0,
        "share_overdue": 1 / 3,
        "oldest_overdue_days": 41.0,
        "n_overdue_1_30": 1.0,
        "n_overdue_31_60": 1.0,
        "n_overdue_61_90": 0.0,
        "n_overdue_over_90": 0.0,
    } | changes
    return business_central_inputs(table(**{name: [value] for name, value in record.items()}))[0]


def test_the_seventeen_inputs_are_those_of_the_table():
    assert of_one_customer() == pytest.approx(
        [
            *(500, 30, 0),
            *(10, 4, 0.4),
            *(200 * 15 - 900, 0.25 * 2100, 0.25, 6),
            *(5, 2, 0.4),
            *(900, 300, 1 / 3, (15.5 + (31 + 41) / 2) / 2),
        ]
    )


def test_ratios_and_means_of_nothing_are_0():
    missing = dict.fromkeys(
        ("usual_amount", "late_amount_share", "mean_days_late", "share_overdue"), np.nan
    )
    nothing = dict.fromkeys(
        ("history_depth", "n_open", "n_overdue", "open_balance", "overdue_balance"), 0.0
    )
    none_overdue = {"n_overdue_1_30": 0.0, "n_overdue_31_60": 0.0, "oldest_overdue_days": np.nan}
    new = of_one_customer(**missing, **nothing, **none_overdue, late_share=0.1)
    assert new.tolist() == [500, 30, 0] + [0] * 14


def test_a_balance_that_falls_without_a_payment_was_corrected():
    assert of_one_customer(share_paid=0.5)[2] == 1
    assert of_one_customer(share_paid=0.5, n_payments=1.0)[2] == 0


def test_a_single_overdue_invoice_is_as_old_as_the_oldest():
    assert of_one_customer(n_overdue=1.0, n_overdue_1_30=0.0)[16] == 41


def test_business_centrals_inputs_carry_what_they_know():
    (train, _), (test, _) = world(), world(seed=1)
    late, then = (each["late_share"].astype(np.float64) for each in (train, test))
    draw = np.random.default_rng(2)
    y = (draw.random(N) < late).astype(np.float64)
    p = baseline_predictions("late_payment", train, y, test)["business_central"]
    assert roc_auc_score((draw.random(N) < then).astype(np.float64), p) > 0.6


def test_an_input_that_nobody_knows_is_left_out():
    found = predicted(amount=np.full(N, np.nan))[0]
    assert np.isfinite(found["business_central"]).all()


def test_without_customers_there_is_no_business_central_and_it_is_said_why():
    found, train, _, _ = predicted(history_depth=np.full(N, np.nan))
    assert tuple(found) == BASELINES[:-1]
    assert list(baselines_left_out(train)) == ["business_central"]
    assert "names no customers" in baselines_left_out(train)["business_central"]
    assert baselines_left_out(world()[0]) == {}


def test_business_centrals_trees_are_fitted_on_a_sample_of_many_rows(monkeypatch):
    whole = predicted()[0]["business_central"]
    monkeypatch.setattr(baselines, "LOGISTIC_ROWS", 200)
    some, again = predicted()[0]["business_central"], predicted()[0]["business_central"]
    assert not np.array_equal(whole, some)
    np.testing.assert_array_equal(some, again)


def test_model_and_baselines_stand_beside_each_other():
    shown = beside({"roc_auc": 0.8}, {"ageing": {"roc_auc": 0.6}})
    assert shown.index.tolist() == ["model", "ageing"]
    assert shown["roc_auc"].tolist() == [0.8, 0.6]
