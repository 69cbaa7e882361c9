"""How the test of a payment curve judges its dates: whole days, and nothing held for free."""

import numpy as np
import pytest

from eventlog.ledger import keep_ledger
from eventlog.log import micros
from features.snapshots import Snapshots
from serving.payment_dates import payment_dates
from tests.builders import happened, make_log
from tests.training.company import POLICY
from training.curve import Curves
from training.curve_backtest import _payment_dates
from ui.curve_report import _print_dates
from ui.opening import Console

CUTOFF = micros("2024-01-10")
POST = happened("A", "post", "2024-01-01", amount=100.0, due="2024-01-20")
#: A tenth is paid within 2.4 days (by the 12th), half within 10 (the 19th), all but a tenth within
#: 20.6 (the 30th).
BOUNDED = Curves(np.array([0.0, 2.4, 10.0, 20.6, 180.0]), np.array([[1.0, 0.9, 0.5, 0.1, 0.0]]))
#: The same with no end: a fifth is never paid.
OPEN = Curves(BOUNDED.days, np.array([[1.0, 0.9, 0.5, 0.3, 0.2]]))


def judged(curves, paid=None, log_end="2025-01-01"):
    more = [happened("A", "pay", paid, moved=100.0)] if paid else []
    log = make_log(POST, *more)
    one = Snapshots(np.zeros(1, np.int32), np.array([CUTOFF]))
    return _payment_dates(keep_ledger(log, POLICY), one, curves, micros(log_end))


@pytest.mark.parametrize(
    ("paid", "held"),
    [
        ("2024-01-11", 0.0),
        ("2024-01-12", 1.0),
        ("2024-01-12T23:00", 1.0),
        ("2024-01-30T23:00", 1.0),
        ("2024-01-31T00:00", 0.0),
    ],
)
def test_an_interval_holds_the_days_that_it_names_and_no_more(paid, held):
    assert judged(BOUNDED, paid)["held_by_interval"] == held


def test_the_days_are_those_of_the_worklist():
    log = make_log(POST)
    one = Snapshots(np.zeros(1, np.int32), np.array([CUTOFF]))
    named = payment_dates(BOUNDED, keep_ledger(log, POLICY), one, POLICY)
    assert str(named["payment_from"][0])[:10] == "2024-01-12"
    assert str(named["payment_to"][0])[:10] == "2024-01-30"
    assert str(named["expected_payment_date"][0])[:10] == "2024-01-19"


@pytest.mark.parametrize(("paid", "days"), [("2024-01-19T15:00", 0.0), ("2024-01-22", 3.0)])
def test_errors_are_whole_days_between_the_dates(paid, days):
    found = judged(BOUNDED, paid)
    assert found["median_absolute_error_days"] == found["mean_absolute_error_days"] == days


@pytest.mark.parametrize("paid", ["2024-02-10", None])
def test_an_interval_without_an_end_is_counted_out_whatever_became_of_the_invoice(paid):
    found = judged(OPEN, paid)
    assert found["n_bounded"] == 0
    assert found["held_by_interval"] is None


def test_an_unpaid_invoice_is_a_miss_of_its_bounded_interval():
    found = judged(BOUNDED)
    assert found["held_by_interval"] == 0.0
    assert (found["n_bounded"], found["n_with_error"], found["unpaid_after_180_days"]) == (1, 0, 1)


def test_the_terminal_says_in_the_same_sentence_what_is_left_out():
    said = Console(width=1000, record=True)
    figures = {"n_bounded": 150, "n_with_error": 120, "predicted_beyond": 60}
    dates = judged(BOUNDED, "2024-01-19") | {"n": 200, "unpaid_after_180_days": 50} | figures
    _print_dates(said, dates)
    text = said.export_text()
    assert "without the 40 % that have no date within 180 days (30 %)" in text
    assert "were not paid in them (25 %)" in text
    assert "held 100 %, without the 25 % whose interval has no end within 180 days." in text
