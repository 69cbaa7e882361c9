"""Currencies: one needs no table, several are never added without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import DataError, NotFoundError
from eventlog.log import NONE, micros
from eventlog.rates import (
    Rates,
    converted,
    currency_of_invoices,
    rates_for,
    rates_from_table,
    read_rates,
)
from eventlog.simulate import Company, rate_table
from tests.builders import happened, make_log


def table(*rows: tuple[object, object, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["currency", "date", "rate"])


def dollars() -> Rates:
    """Dollars in euros: 0.9 from January on, 0.8 from March on."""
    return rates_from_table(table(("USD", "2024-03-01", 0.8), ("USD", "2024-01-01", 0.9)), "EUR")


def rate(rates: Rates, currency: str, day: str) -> float:
    return float(rates.of(np.array([currency], dtype=object), np.array([micros(day)]))[0])


# Rates over time


def test_a_rate_holds_from_its_date_until_the_next() -> None:
    days = ("2024-01-01", "2024-02-29 23:59:59.999999", "2024-03-01", "2030-01-01")
    assert [rate(dollars(), "USD", day) for day in days] == [0.9, 0.9, 0.8, 0.8]


def test_before_its_first_date_the_first_rate_holds() -> None:
    assert rate(dollars(), "USD", "2020-01-01") == 0.9


def test_the_reporting_currency_is_worth_one() -> None:
    assert rate(dollars(), "EUR", "2024-02-01") == 1


def test_a_missing_currency_is_taken_for_the_reporting_currency() -> None:
    assert rate(dollars(), "", "2024-02-01") == 1


def test_each_of_many_questions_is_answered_for_itself() -> None:
    rows = (("GBP", "2024-01-01", 1.2), ("USD", "2024-01-01", 0.9), ("GBP", "2024-02-01", 1.1))
    currency = np.array(["USD", "GBP", "EUR", "GBP"], dtype=object)
    moment = np.array([micros("2024-02-15")] * 3 + [micros("2024-01-15")])
    found = rates_from_table(table(*rows), "EUR").of(currency, moment)
    assert found.tolist() == [0.9, 1.1, 1, 1.2]


def test_a_currency_without_a_rate_is_named() -> None:
    with pytest.raises(DataError, match=r"no rate for \['GBP'\]; it has \['USD'\]"):
        rate(dollars(), "GBP", "2024-01-01")


def test_currencies_are_written_in_any_case() -> None:
    rates = rates_from_table(table((" usd ", "2024-01-01", 0.9)), "eur")
    assert rate(rates, "USD", "2024-01-01") == 0.9
    assert rate(rates, "EUR", "2024-01-01") == 1


# Tables


@pytest.mark.parametrize(
    ("date", "moment"), [("2024-01-31", "2024-01-31"), ("31.01.2024", "2024-01-31")]
)
def test_dates_are_read_as_in_a_log(date: str, moment: str) -> None:
    assert rates_from_table(table(("USD", date, 0.9)), "EUR").since.tolist() == [micros(moment)]


def test_dates_whose_day_and_month_could_change_places_are_refused() -> None:
    with pytest.raises(DataError, match="could change places in the rate table"):
        rates_from_table(table(("USD", "01/02/2024", 0.9)), "EUR")


@pytest.mark.parametrize(
    "row",
    [
        ("USD", "soon", 0.9),
        ("USD", None, 0.9),
        ("USD", "2024-01-01", "much"),
        ("USD", "2024-01-01", None),
        ("USD", "2024-01-01", 0),
        ("USD", "2024-01-01", -1),
        ("USD", "2024-01-01", np.inf),
        (None, "2024-01-01", 0.9),
        (" ", "2024-01-01", 0.9),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(row: tuple[object, object, object]) -> None:
    with pytest.raises(DataError, match=r"in 1 of 2 rows \(line 3\)\. Mend them"):
        rates_from_table(table(("GBP", "2024-01-01", 1.2), row), "EUR")


def test_two_rates_for_one_date_are_refused() -> None:
    rows = (("USD", "2024-01-01", 0.9), ("GBP", "2024-01-01", 1.2), ("USD", "2024-01-01", 0.8))
    with pytest.raises(DataError, match=r"two rates for one date in 1 of 3 rows \(line 4\)"):
        rates_from_table(table(*rows), "EUR")


def test_the_same_rate_twice_is_harmless() -> None:
    rows = (("USD", "2024-01-01", 0.9), ("USD", "2024-01-01", 0.9))
    assert rate(rates_from_table(table(*rows), "EUR"), "USD", "2024-06-01") == 0.9


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="has no rows"):
        rates_from_table(table(), "EUR")


def test_the_simulated_companys_table_can_be_used() -> None:
    rates = rates_from_table(rate_table(Company(n_invoices=10)), "EUR")
    assert rates.currencies == ("EUR", "GBP", "USD")


def test_a_table_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("\ufeffCurrency, Date ,rate\nUSD,2024-01-01,0.9\n", encoding="utf-8")
    assert rate(read_rates(path, "EUR"), "USD", "2024-01-01") == 0.9


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no rate table at .*nowhere\.csv"):
        read_rates(tmp_path / "nowhere.csv", "EUR")


def test_a_file_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("currency,day,rate\nUSD,2024-01-01,0.9\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks the columns \['date'\]"):
        read_rates(path, "EUR")


@pytest.mark.parametrize(
    "content", [b"", b"currency,date,rate\n\xff\xfe,1,2\n", b"a,b\n1,2,3,4\n1"]
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rates.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="Write currency,date,rate"):
        read_rates(path, "EUR")


# What a log needs


def in_currencies(*currencies: str | None) -> list[dict[str, object]]:
    return [
        happened(f"I{i}", "post", "2024-01-01", amount=100, currency=currency)
        for i, currency in enumerate(currencies)
    ]


def test_a_log_in_one_currency_needs_no_table() -> None:
    rates = rates_for(make_log(*in_currencies("USD", "USD", None)), None)
    assert rates.reporting == "USD"
    assert [rate(rates, currency, "2024-01-01") for currency in ("USD", "")] == [1, 1]


def test_a_log_without_currencies_needs_no_table() -> None:
    rates = rates_for(make_log(happened("A", "post", "2024-01-01", amount=100)), None)
    assert (rates.reporting, rate(rates, "", "2024-01-01")) == ("", 1)


def test_several_currencies_without_a_table_are_never_added() -> None:
    log = make_log(*in_currencies("USD", "EUR"))
    with pytest.raises(DataError, match=r"in 2 currencies \(EUR, USD\) and no rate table"):
        rates_for(log, None)


def test_a_given_table_is_used() -> None:
    given = dollars()
    assert rates_for(make_log(*in_currencies("USD", "EUR")), given) is given


def test_the_currency_of_an_invoice_is_the_first_that_was_known() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", currency=None),
        happened("A", "call", "2024-01-02", currency="USD"),
        happened("A", "pay", "2024-01-03", currency="EUR"),
        happened("B", "post", "2024-01-01", currency=None),
    )
    assert currency_of_invoices(log).tolist() == ["USD", ""]


def test_a_log_without_a_currency_column_states_none() -> None:
    assert currency_of_invoices(make_log(happened("A", "post", "2024-01-01"))).tolist() == [""]


def test_money_is_converted_to_whole_minor_units_and_unknown_becomes_nothing() -> None:
    money = np.array([10_000, 15, NONE])
    assert converted(money, np.array([0.9, 0.5, 0.9])).tolist() == [9_000, 8, 0]
    assert converted(money, np.ones(3)).tolist() == [10_000, 15, 0]
