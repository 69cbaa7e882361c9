"""Values as people read them; missing ones are a dash."""

import numpy as np
import pandas as pd
import pytest

from ui import wording


@pytest.mark.parametrize("value", [None, float("nan"), pd.NaT, pd.NA, ""])
def test_a_missing_value_is_a_dash(value):
    shown = {
        wording.money(value, "EUR"),
        wording.share(value),
        wording.number(value, "days"),
        wording.day(value),
        wording.moment(value),
        wording.span(value),
        wording.text(value),
        wording.plain(value),
    }
    assert shown == {"–"}


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (1234.5, "EUR", "1,234.50 EUR"),
        (-0.001, "EUR", "0.00 EUR"),
        (-12, "USD", "-12.00 USD"),
        (np.float64(7), None, "7.00"),
    ],
)
def test_money_has_two_decimals_and_its_currency(value, currency, shown):
    assert wording.money(value, currency) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "50 %"), (0.0123, "1.2 %"), (1.18, "118 %"), (0, "0.0 %")]
)
def test_a_share_is_in_percent_with_a_decimal_where_small(value, shown):
    assert wording.share(value) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1, "days", "1 day"),
        (12, "days", "12 days"),
        (3.25, "days", "3.2 days"),
        (32.6, "days", "33 days"),
        (170009, "invoices", "170,009 invoices"),
        (5, "", "5"),
    ],
)
def test_a_number_carries_its_unit(value, unit, shown):
    assert wording.number(value, unit) == shown


@pytest.mark.parametrize(
    ("days", "shown"),
    [(12.4, "12 days"), (1.0, "1 day"), (0.5, "12 hours"), (0.01, "14 minutes")],
)
def test_a_span_is_in_the_unit_that_fits(days, shown):
    assert wording.span(days) == shown


def test_moments_are_in_utc():
    assert wording.moment(pd.Timestamp("2024-05-01T09:30:00")) == "1 May 2024, 09:30 UTC"
    assert wording.moment(pd.Timestamp("2024-05-01T01:30:00+02:00")) == "30 Apr 2024, 23:30 UTC"
