"""Money is parsed exactly or marked as bad; decimal marks are found, not guessed."""

import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.log import MINOR, NONE
from eventlog.numbers import (
    amounts_of_typed,
    decimal_mark,
    looks_numeric,
    parse_amounts,
    parse_numbers,
)


def texts(*values: str | None) -> pa.LargeStringArray:
    return pa.array(values, pa.large_string())


def amount(text: str, mark: str = ".") -> int:
    minor, bad = parse_amounts(texts(text), mark)  # type: ignore[arg-type]
    assert not bad[0], text
    return int(minor[0])


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1500.75", ".", "1500.75"),
        ("-2.5", ".", "-2.5"),
        ("1,234.50", ".", "1234.5"),
        ("1,00,000.00", ".", "100000"),
        ("1.234,56", ",", "1234.56"),
        ("12,5", ",", "12.5"),
        ("1 234,56", ",", "1234.56"),
        ("1\u00a0234.56", ".", "1234.56"),
        ("CHF 1'234.50", ".", "1234.5"),
        ("EUR 1.234,56", ",", "1234.56"),
        ("1.234,56 €", ",", "1234.56"),
        ("$5", ".", "5"),
        ("-$5.00", ".", "-5"),
        ("$-5.00", ".", "-5"),
        ("US$ 7", ".", "7"),
        ("5 usd", ".", "5"),
        ("(5.00)", ".", "-5"),
        ("($5.00)", ".", "-5"),
        ("5.00-", ".", "-5"),
        ("\u22123", ".", "-3"),
        ("+4", ".", "4"),
        (".5", ".", "0.5"),
        ("5.", ".", "5"),
        ("1E+05", ".", "100000"),
        ("0.30000000000000004", ".", "0.3"),
        ("1.00005", ".", "1"),
        ("1.00015", ".", "1.0002"),
        ("00012", ".", "12"),
        ("9999999999999", ".", "9999999999999"),
    ],
)
def test_each_way_of_writing_money_is_read(text: str, mark: str, value: str) -> None:
    assert amount(text, mark) == decimal.Decimal(value) * MINOR


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "EUR",
        "INV12",
        "12..50",
        "1,23",
        "1.2.3",
        "(5",
        "-(5)",
        "--5",
        "1e400",
        "#VALUE!",
        "5 XYZ",
        "99999999999999999999999",
        "10000000000000",
        "18446744073709551.61",  # times 10,000 all but ten times 2 to the 64
        "34028236692093846346337460743176821",  # times 10,000 all but 2 to the 128
        "9" * 60,
    ],
)
def test_what_is_no_amount_is_bad(text: str) -> None:
    minor, bad = parse_amounts(texts(text, None, "1"), ".")
    assert bad.tolist() == [True, False, False]
    assert minor.tolist() == [NONE, NONE, MINOR]


@settings(max_examples=60, deadline=None)
@given(
    st.decimals(-(10**12), 10**12, places=4, allow_nan=False),
    st.sampled_from([("", "."), (",", "."), (".", ","), ("", ","), (" ", ",")]),
)
def test_any_written_amount_comes_back_exactly(
    value: decimal.Decimal, marks: tuple[str, str]
) -> None:
    group, point = marks
    text = f"{value:,.4f}".replace(",", "g").replace(".", point).replace("g", group)
    assert amount(text, point) == int(value * MINOR)


def test_typed_amounts_lose_no_cent() -> None:
    cents = np.arange(0, 10**6, 997) / 100
    minor, bad = amounts_of_typed(pa.chunked_array([cents]))  # type: ignore[misc]
    assert not bad.any()
    assert np.array_equal(minor, np.arange(0, 10**6, 997) * 100)


def test_typed_amounts_that_are_no_number_are_empty_or_bad() -> None:
    minor, bad = amounts_of_typed(pa.chunked_array([[1.5, None, float("nan"), float("inf")]]))  # type: ignore[misc]
    assert minor.tolist() == [15000, NONE, NONE, NONE]
    assert bad.tolist() == [False, False, False, True]


def test_typed_decimals_are_exact() -> None:
    column = pa.chunked_array(
        [pa.array([decimal.Decimal("922337203685.47")], pa.decimal128(18, 2))]
    )
    minor, _ = amounts_of_typed(column)  # type: ignore[misc]
    assert minor.tolist() == [9223372036854700]


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        (["1500.75"], "."),
        (["1,5", "2,55"], ","),
        (["1.234,56"], ","),
        (["1,234.56"], "."),
        (["1.234.567"], ","),
        (["1,234", "0.125"], "."),
        (["12"], "."),
        ([], "."),
        (["1.5e-05"], "."),
        (["1.234"], None),
        (["1,234"], None),
        (["1,50", "1.50"], None),
    ],
)
def test_values_show_their_decimal_mark(values: list[str], mark: str | None) -> None:
    assert decimal_mark([texts(*values)]) == mark


@pytest.mark.parametrize(("last", "mark"), [("0.5", "."), ("1.234", None), ("1.234.567", ",")])
def test_a_late_value_may_be_the_one_that_shows_the_mark(last: str, mark: str | None) -> None:
    assert decimal_mark([texts(*["1.234"] * 3_000, last)]) == mark


def test_numbers_that_are_not_finite_are_bad() -> None:
    values, bad = parse_numbers(texts("1.5", "inf", "nan", "x", None, "1,234"), ".")
    assert bad.tolist() == [False, True, True, True, False, False]
    assert values[[0, 5]].tolist() == [1.5, 1234.0]
    assert np.isnan(values[1:5]).all()


@pytest.mark.parametrize("values", [["1", "-2.5"], ["0", "0.5"], ["1e5"], ["1,234.5"]])
def test_plain_numbers_look_numeric(values: list[str]) -> None:
    assert looks_numeric(texts(*values), ".")


@pytest.mark.parametrize("values", [["007"], ["1", "a"], ["1234567890123456"], ["+49 30"], ["-"]])
def test_identifiers_and_texts_do_not_look_numeric(values: list[str]) -> None:
    assert not looks_numeric(texts(*values), ".")
