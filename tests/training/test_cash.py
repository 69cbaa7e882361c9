"""The cash forecast: weeks, currencies, what came in, and what adds up."""

import numpy as np
import pytest

from eventlog.ledger import keep_ledger
from eventlog.log import micros
from features.matrix import build_matrix
from features.snapshots import Snapshots
from tests.builders import happened, make_log
from tests.training.company import POLICY, TRAIN_UNTIL, company_log, company_rates, curve_trained
from training.cash import (
    METHODS,
    Portfolio,
    all_at,
    by_week,
    forecast,
    portfolio,
    received_by_week,
    run_cash_test,
)
from training.curve import Curves, curves_of

CUTOFF = micros("2024-01-10")
A = Snapshots(np.zeros(1, np.int32), np.array([CUTOFF]))
POST = happened("A", "post", "2024-01-01", amount=100.0, due="2024-01-20", currency="EUR")


def received(*more, log_end="2024-06-01", weeks=3):
    ledger = keep_ledger(make_log(POST, *more), POLICY)
    return received_by_week(ledger, A, micros(log_end), weeks)[0].tolist()


def test_a_payment_counts_in_the_week_it_came_in():
    assert received(happened("A", "pay", "2024-01-18", moved=40.0)) == [0, 40, 0]


def test_a_payment_before_the_cutoff_does_not_count():
    assert received(happened("A", "pay", "2024-01-09", moved=40.0)) == [0, 0, 0]


def test_a_reversal_takes_its_payment_back():
    paid = happened("A", "pay", "2024-01-12", moved=100.0)
    back = happened("A", "reverse", "2024-01-18", moved=100.0)
    assert received(paid, back) == [100, -100, 0]


def test_a_settlement_without_a_payment_brings_in_the_balance():
    assert received(happened("A", "settle", "2024-01-18")) == [0, 100, 0]


@pytest.mark.parametrize("how", ["credit", "lose"])
def test_a_credit_note_and_a_write_off_bring_in_nothing(how):
    assert received(happened("A", how, "2024-01-18", moved=100.0)) == [0, 0, 0]


def test_a_week_that_is_not_over_when_the_log_ends_is_not_known():
    found = received(happened("A", "pay", "2024-01-12", moved=100.0), log_end="2024-01-20")
    assert found[0] == 100
    assert np.isnan(found[1:]).all()


def test_expected_cash_is_the_balance_times_what_leaves_the_curve_each_week():
    curves = Curves(np.array([0.0, 7.0, 14.0, 180.0]), np.array([[1.0, 0.6, 0.1, 0.1]]))
    assert by_week(curves, np.array([200.0]), 3)[0] == pytest.approx([80.0, 100.0, 0.0])


def test_what_should_have_come_already_is_expected_in_the_first_week():
    money = all_at(np.array([-30.0, 6.9, 7.0, 500.0, np.nan]), np.full(5, 10.0), 2)
    assert money.tolist() == [[10, 0], [10, 0], [0, 10], [0, 0], [0, 0]]


def test_the_weeks_of_a_currency_and_what_comes_later_add_up_to_its_open_balance():
    model, _ = curve_trained()
    log = company_log()
    found = portfolio(log, keep_ledger(log, POLICY), TRAIN_UNTIL)
    matrix = build_matrix(log, found.snapshots, model.encoding, POLICY, company_rates())
    table = forecast(curves_of(model, matrix), found)
    assert set(table["currency"]) == set(found.currency) == {"EUR", "GBP", "USD"}
    for name, rows in table.groupby("currency"):
        assert rows["expected"].sum() == pytest.approx(found.balance[found.currency == name].sum())
        assert (rows["expected"] >= 0).all()


def test_an_empty_portfolio_has_an_empty_forecast():
    none = Snapshots(np.empty(0, np.int32), np.empty(0, np.int64))
    found = Portfolio(none, np.empty(0), np.empty(0, dtype=object), np.empty(0))
    assert forecast(Curves(np.array([0.0, 180.0]), np.ones((0, 2))), found).empty


def test_the_curve_forecasts_weeks_better_than_either_habit_on_the_company():
    model, _ = curve_trained()
    cutoffs = np.array([micros("2022-05-01"), micros("2022-07-01"), micros("2022-09-01")])
    found = run_cash_test(company_log(), model, cutoffs, POLICY, company_rates())
    for errors in found.errors.values():
        assert set(errors) == set(METHODS)
        assert errors["payment_curve"]["weekly"] < errors["on_due_date"]["weekly"]
        assert errors["payment_curve"]["weekly"] < errors["usual_delay"]["weekly"]


def test_a_cutoff_whose_weeks_are_not_over_is_left_out():
    model, _ = curve_trained()
    log = company_log()
    late = np.array([log.ends_at - 7 * 86_400_000_000])
    assert run_cash_test(log, model, late, POLICY, company_rates()).table.empty
