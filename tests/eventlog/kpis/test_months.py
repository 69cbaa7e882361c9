"""Months are whole calendar months; a running one comes last."""

import numpy as np
import pytest

from eventlog.errors import SettingsError
from eventlog.kpis.months import months_until
from eventlog.log import DAY, micros


def shown(cutoff: str, n: int = 2):
    months = months_until(micros(cutoff), n)
    return months, months.labels[months.first_shown :]


def test_the_first_moment_of_a_month_closes_the_month_before():
    months, labels = shown("2024-06-01")
    assert labels == ["2024-04", "2024-05"]
    assert not months.running
    assert months.seen_from == micros("2024-06-01") - 1


def test_the_last_moment_of_a_month_closes_it_too():
    months, labels = shown("2024-05-31T23:59:59.999999")
    assert labels == ["2024-04", "2024-05"]
    assert not months.running
    assert months.seen_from == micros("2024-06-01") - 1


def test_another_moment_ends_a_running_month_beside_the_whole_ones():
    months, labels = shown("2024-06-15T10:00")
    assert labels == ["2024-04", "2024-05", "2024-06"]
    assert months.running
    assert months.seen_from == micros("2024-06-15T10:00")


def test_a_month_holds_its_first_and_its_last_moment():
    months, _ = shown("2024-06-01")
    moments = [f"2024-05-{day}" for day in ("01", "31T23:59:59.999999")]
    at = np.array([*map(micros, moments), micros("2024-06-01"), micros("1990-01-01")])
    assert [months.labels[i] if i >= 0 else None for i in months.of(at)] == [
        "2024-05",
        "2024-05",
        None,
        None,
    ]


def test_days_and_weekdays_of_a_running_month_are_those_so_far():
    months, _ = shown("2024-06-15T10:00")
    assert months.days[-3:].tolist() == [30, 31, 15]
    assert months.weekdays[-3:].tolist() == [22, 23, 10]


def test_months_follow_each_other_without_a_gap():
    months, _ = shown("2024-03-01", 30)
    np.testing.assert_array_equal(months.starts[1:], months.ends[:-1] + 1)
    assert months.days.sum() * DAY == months.ends[-1] + 1 - months.starts[0]


@pytest.mark.parametrize("n", [0, 121])
def test_too_few_or_too_many_months_are_refused(n):
    with pytest.raises(SettingsError, match="choose a number from 1 to 120"):
        months_until(micros("2024-06-01"), n)
