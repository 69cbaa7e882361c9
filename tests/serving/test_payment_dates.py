"""Dates and buckets of the worklist, read from payment curves worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from eventlog.ledger import keep_ledger
from eventlog.log import DAY, micros
from eventlog.policy import Policy
from features.snapshots import Snapshots
from serving.payment_dates import overdue_days_of, payment_dates
from tests.builders import happened, make_log
from training.curve import Curves

CUTOFF = micros("2024-01-10")
POLICY = Policy(late_after_days=5, very_late_after_days=30)
#: Half is paid within 10 days, a tenth never within 180.
CURVE = Curves(np.array([0.0, 10.0, 100.0, 180.0]), np.array([[1.0, 0.5, 0.1, 0.1]]))


def dates(curve: Curves = CURVE, **attributes: object) -> dict[str, object]:
    log = make_log(happened("A", "post", "2024-01-01", amount=100.0, **attributes))
    one = Snapshots(np.zeros(1, np.int32), np.array([CUTOFF]))
    found = payment_dates(curve, keep_ledger(log, POLICY), one, POLICY)
    return {name: values[0] for name, values in found.items()}


def test_the_expected_date_is_the_day_by_which_half_is_paid():
    assert pd.Timestamp(dates(due="2024-01-20")["expected_payment_date"]) == pd.Timestamp(
        "2024-01-19"  # ten days from the first moment of the 10th: the 19th is over
    )


def test_the_interval_leaves_a_tenth_on_either_side():
    found = dates(due="2024-01-20")
    assert pd.Timestamp(found["payment_from"]) == pd.Timestamp("2024-01-11")
    assert pd.Timestamp(found["payment_to"]) == pd.Timestamp("2024-04-18")


def test_what_is_not_paid_within_the_curve_has_no_date():
    never = Curves(CURVE.days, np.array([[1.0, 0.95, 0.8, 0.7]]))
    found = dates(never, due="2024-01-20")
    assert pd.isna(found["expected_payment_date"])
    assert pd.isna(found["payment_to"])
    assert not pd.isna(found["payment_from"])


def test_the_buckets_are_read_where_late_and_very_late_begin():
    found = dates(due="2024-01-20")
    late, very = 16.0, 41.0  # days from the cutoff until due date + 5 and + 30 are over
    unpaid = [0.5 - 0.4 * (days - 10) / 90 for days in (late, very)]
    assert found["p_on_time"] == pytest.approx(1 - unpaid[0])
    assert found["p_paid_late"] == pytest.approx(unpaid[0] - unpaid[1])
    assert found["p_very_late"] == pytest.approx(unpaid[1])


def test_without_a_due_date_there_are_dates_but_no_buckets():
    found = dates()
    assert all(np.isnan(found[name]) for name in ("p_on_time", "p_paid_late", "p_very_late"))
    assert not pd.isna(found["expected_payment_date"])


def test_overdue_days_are_the_area_from_the_due_date_on():
    def area(cutoff: int, due: str) -> float:
        log = make_log(happened("A", "post", "2024-01-01", amount=100.0, due=due))
        states = keep_ledger(log, POLICY).as_of(np.zeros(1, np.int32), np.array([cutoff]))
        return overdue_days_of(CURVE, states, cutoff).item()

    whole = 7.5 + 27.0 + 8.0  # trapezes of the curve
    assert area(CUTOFF + 20 * DAY, "2024-01-15") == pytest.approx(whole)
    assert area(CUTOFF, "2024-01-19") == pytest.approx(27.0 + 8.0)
