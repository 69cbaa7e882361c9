"""The payment curve: what it learns from, that it never crosses, what is read from it."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import SettingsError
from eventlog.fold import Closed
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, micros
from features.matrix import build_matrix
from features.snapshots import Snapshots, take_snapshots
from tests.builders import happened, make_log
from tests.training.company import (
    POLICY,
    TEST_UNTIL,
    TRAIN_UNTIL,
    company_log,
    company_rates,
    curve_trained,
)
from training.cluster import OnCluster
from training.curve import (
    MOST_DAYS,
    MOST_PAIRS,
    STRETCHES,
    Curves,
    buckets,
    curve_examples,
    curves_of,
    days_to_late,
    draw_horizons,
    in_memory,
    refuse_thresholds,
    unpaid,
    unpaid_at,
)
from training.evaluation import expected_calibration_error
from training.model import HORIZON, THEN, fit_booster, load_model, save_model

CUTOFF = micros("2024-01-10")
A = Snapshots(np.zeros(1, np.int32), np.array([CUTOFF]))
POST = happened("A", "post", "2024-01-01", amount=100.0, due="2024-01-20")


def unpaid_after(days, *more, log_end="2030-01-01"):
    ledger = keep_ledger(make_log(POST, *more), POLICY)
    return unpaid(ledger, A, np.array([float(days)]), micros(log_end)).item()


def test_an_invoice_is_unpaid_until_the_day_of_its_payment_is_over():
    paid = happened("A", "pay", "2024-01-20", moved=100.0)
    assert unpaid_after(10, paid) == 1
    assert unpaid_after(11, paid) == 0


@pytest.mark.parametrize("how", ["credit", "lose"])
def test_a_credited_or_written_off_invoice_stays_unpaid_for_good(how):
    gone = happened("A", how, "2024-01-15", moved=100.0)
    assert unpaid_after(180, gone) == 1


@pytest.mark.parametrize("paid", ["2024-01-12", "2024-01-25", None])
@pytest.mark.parametrize(("end", "known"), [("2024-01-29T23:59:59", False), ("2024-01-30", True)])
def test_whether_a_pair_is_learned_from_depends_on_its_window_alone(paid, end, known):
    more = [happened("A", "pay", paid, moved=100.0)] if paid else []
    assert np.isnan(unpaid_after(20, *more, log_end=end)) == (not known)


@given(days_past_due=st.floats(-400, 400) | st.just(float("nan")), seed=st.integers(0, 99))
def test_every_snapshot_is_drawn_once_in_each_stretch_and_once_more(days_past_due, seed):
    row, days = draw_horizons(A, np.array([days_past_due]), seed)
    assert (row == 0).all()
    for (low, high), drawn in zip(STRETCHES, days, strict=False):
        assert low <= drawn <= high
    assert len(days) == len(STRETCHES) + 1
    assert 1 <= days[-1] <= MOST_DAYS


def test_the_last_draw_lies_near_the_due_date():
    many = Snapshots(np.zeros(500, np.int32), np.full(500, CUTOFF))
    _, days = draw_horizons(many, np.full(500, -60.0))
    near = days.reshape(500, -1)[:, -1]
    assert near.min() >= 55
    assert near.max() <= 75


def test_pairs_beyond_the_most_are_a_random_part_of_all(monkeypatch):
    monkeypatch.setattr("training.curve.MOST_PAIRS", 60)
    many = Snapshots(np.zeros(500, np.int32), np.full(500, CUTOFF))
    row, days = draw_horizons(many, np.full(500, -60.0))
    assert len(row) == len(days) == 60 < MOST_PAIRS
    assert len(np.unique(row)) > 40


def test_no_pair_was_known_only_after_the_training_ended():
    _, examples = curve_trained()
    assert examples.window_end.max() < TRAIN_UNTIL
    ends = examples.matrix.snapshots.cutoff + examples.matrix[HORIZON].astype(np.int64) * DAY
    assert (ends == examples.window_end).all()


@cache
def asked():
    """Test snapshots and their features."""
    model, _ = curve_trained()
    log = company_log()
    snapshots = take_snapshots(log, keep_ledger(log, POLICY), "monthly", TRAIN_UNTIL, TEST_UNTIL)
    return snapshots, build_matrix(log, snapshots, model.encoding, POLICY, company_rates())


@pytest.mark.parametrize("seed", range(10))
def test_no_curve_rises_in_a_million_random_pairs(seed):
    model, _ = curve_trained()
    _, matrix = asked()
    random = np.random.default_rng(seed)
    some = matrix.take(random.integers(0, len(matrix.snapshots), 100_000))
    first, second = np.sort(random.uniform(0, 200, (2, 100_000)), axis=0)
    assert (unpaid_at(model, some, second) <= unpaid_at(model, some, first)).all()


def test_no_curve_as_read_for_the_worklist_rises():
    curves = curves_of(curve_trained()[0], asked()[1])
    assert (np.diff(curves.unpaid, axis=1) <= 0).all()


def test_beyond_the_end_of_the_curve_there_are_no_buckets():
    curves = Curves(np.array([0.0, 180.0]), np.array([[1.0, 0.4]] * 3))
    found = buckets(curves, np.array([10.0, 175.0, 200.0]), np.array([35.0, 205.0, 225.0]))
    assert np.isnan(found[1:]).all()
    assert found[0].sum() == pytest.approx(1.0)


def test_without_the_constraints_curves_do_rise():
    _, examples = curve_trained()
    matrix = examples.matrix
    free = fit_booster(
        matrix.values, examples.y, matrix.snapshots.invoice, matrix.columns, (), 60, threads=1
    )
    later = matrix.values.copy()
    later[:, [matrix.columns.index(HORIZON), matrix.columns.index(THEN)]] += 5
    assert (free.predict(later) > free.predict(matrix.values)).any()


def test_probabilities_at_the_horizons_are_near_what_happened():
    model, _ = curve_trained()
    snapshots, matrix = asked()
    ledger, log = keep_ledger(company_log(), POLICY), company_log()
    curves = curves_of(model, matrix)
    for days in (7.0, 30.0, 60.0, 90.0):
        y = unpaid(ledger, snapshots, np.full(len(snapshots), days), log.ends_at)
        rows = ~np.isnan(y)
        p = curves.at(np.full(len(snapshots), days))[rows]
        assert abs(p.mean() - y[rows].mean()) < 0.05
        assert expected_calibration_error(y[rows], p) < 0.06


@cache
def open_at_the_end():
    """Snapshots of the last months before `TRAIN_UNTIL`, as the curve's training knew them.

    The company goes on afterwards, so the truth about them is known.
    """
    log, (model, _) = company_log(), curve_trained()
    ledger = keep_ledger(log, POLICY)
    snapshots = take_snapshots(log, ledger, "monthly", micros("2022-03-01"), TRAIN_UNTIL + 1)
    return snapshots, build_matrix(log, snapshots, model.encoding, POLICY, company_rates())


@pytest.mark.parametrize("horizon", [7.0, 30.0, 60.0, 90.0, 120.0, 180.0])
def test_invoices_open_at_the_end_of_the_log_do_not_bias_the_curve(horizon):
    snapshots, matrix = open_at_the_end()
    log, (model, _) = company_log(), curve_trained()
    days = np.full(len(snapshots), horizon)
    truth = unpaid(keep_ledger(log, POLICY), snapshots, days, log.ends_at)
    assert not np.isnan(truth).any()
    bias = unpaid_at(model, matrix, days).mean() - truth.mean()
    assert abs(bias) < 0.035
    # What learning from the invoices that are paid by then would have said:
    assert share_of_paid_ones(horizon) - truth.mean() < -0.08


def share_of_paid_ones(horizon: float) -> float:
    """Share unpaid after some days among the snapshots whose invoices are paid by the end."""
    snapshots, _ = open_at_the_end()
    ledger = keep_ledger(company_log().upto(TRAIN_UNTIL - 1), POLICY)
    last = ledger.as_of(snapshots.invoice, np.full(len(snapshots), TRAIN_UNTIL))
    paid = snapshots.take(last["closed"] == Closed.PAID)
    return unpaid(ledger, paid, np.full(len(paid), horizon), micros("2030-01-01")).mean()


def test_a_whole_curve_is_what_the_model_says_of_each_point():
    model, _ = curve_trained()
    _, matrix = asked()
    curves = curves_of(model, matrix)
    for i, days in enumerate(curves.days[1:], start=1):
        one = unpaid_at(model, matrix, np.full(len(matrix.snapshots), days))
        np.testing.assert_allclose(curves.unpaid[:, i], one, rtol=0, atol=1e-12)


CURVES = Curves(np.array([0.0, 10.0, 30.0]), np.array([[1.0, 0.5, 0.1], [1.0, 0.9, 0.8]]))


def test_between_two_points_a_curve_is_straight():
    assert CURVES.at(np.array([5.0, 20.0])) == pytest.approx([0.75, 0.85])
    assert CURVES.at(np.array([-1.0, 99.0])) == pytest.approx([1.0, 0.8])


def test_the_median_is_where_half_is_paid_and_infinite_where_that_is_not_reached():
    assert CURVES.quantile(0.5) == pytest.approx([10.0, np.inf])
    assert CURVES.quantile(0.7)[0] == pytest.approx(20.0)


def test_the_expected_unpaid_days_are_the_area_under_the_curve():
    whole = 10 * 0.75 + 20 * 0.3
    assert CURVES.area(np.zeros(2))[0] == pytest.approx(whole)
    assert CURVES.area(np.full(2, 20.0))[0] == pytest.approx(10 * (0.3 + 0.1) / 2)
    assert CURVES.area(np.full(2, 30.0)) == pytest.approx([0.0, 0.0])


@given(late=st.integers(0, 20), more=st.integers(1, 60))
def test_the_three_buckets_add_up_to_one_at_any_threshold(late, more):
    snapshots, _ = asked()
    few = slice(0, 50)
    ledger = keep_ledger(company_log(), POLICY)
    some = snapshots.take(np.arange(50))
    p = buckets(
        Curves(curves_read().days, curves_read().unpaid[few]),
        days_to_late(ledger, some, POLICY, late),
        days_to_late(ledger, some, POLICY, late + more),
    )
    assert np.allclose(p.sum(axis=1)[~np.isnan(p[:, 0])], 1.0)
    assert (p[~np.isnan(p)] >= -1e-12).all()


@cache
def curves_read():
    """The curves of all test snapshots."""
    return curves_of(curve_trained()[0], asked()[1])


def test_an_invoice_that_is_late_already_cannot_be_on_time():
    ledger = keep_ledger(make_log(POST), POLICY)
    late = Snapshots(np.zeros(1, np.int32), np.array([micros("2024-02-15")]))
    days = [days_to_late(ledger, late, POLICY, after) for after in (5, 30)]
    assert days[0] < 0 < days[1]
    p = buckets(Curves(CURVES.days, CURVES.unpaid[:1]), *days)
    assert p[0, 0] == 0.0


def test_an_invoice_without_a_due_date_has_no_buckets():
    ledger = keep_ledger(make_log(happened("A", "post", "2024-01-01", amount=100.0)), POLICY)
    late = days_to_late(ledger, A, POLICY, 5)
    assert np.isnan(buckets(Curves(CURVES.days, CURVES.unpaid[:1]), late, late)).all()


def test_a_saved_curve_reads_back_the_same(tmp_path):
    model, _ = curve_trained()
    _, matrix = asked()
    save_model(model, tmp_path)
    some = matrix.take(np.arange(100))
    days = np.linspace(0, 180, 100)
    assert (unpaid_at(load_model(tmp_path), some, days) == unpaid_at(model, some, days)).all()


def test_the_examples_of_a_cut_log_are_those_of_the_whole_known_by_then():
    log, (model, _) = company_log(), curve_trained()
    until = micros("2021-09-01")
    terms = ("monthly", None, until, model.encoding, POLICY, company_rates())
    cut, whole = curve_examples(log.upto(until - 1), *terms), curve_examples(log, *terms)
    known = whole.window_end < until
    assert cut.matrix.values.shape == whole.matrix.values[known].shape
    assert np.array_equal(cut.matrix.values, whole.matrix.values[known], equal_nan=True)
    assert (cut.y == whole.y[known]).all()


def test_very_late_has_to_lie_after_late():
    with pytest.raises(SettingsError, match=r"very_late_after_days \(5\) must lie after"):
        refuse_thresholds(5, 5)


def test_a_log_on_a_cluster_is_refused():
    with pytest.raises(SettingsError, match="trained on one machine only"):
        in_memory(OnCluster(None))  # type: ignore[arg-type]
