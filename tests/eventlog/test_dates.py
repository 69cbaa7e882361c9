"""Texts that say when become the right microsecond, or are marked as bad; never a guess."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from eventlog.dates import Moments, moments_of_typed, parse_moments
from eventlog.log import NONE, micros


def parse(*texts: str | None, **options: Any) -> Moments:
    array = pa.array(texts, pa.large_string())
    return parse_moments(array, **{"day_first": None, **options})


def first(text: str, **options: Any) -> int:
    found = parse(text, **options)
    assert not found.bad[0], text
    return int(found.values[0])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31 10:11:12", "2024-01-31 10:11:12"),
        ("2024-01-31T10:11", "2024-01-31 10:11"),
        ("2024-01-31T10:11:12Z", "2024-01-31 10:11:12"),
        ("2024-01-31T10:11:12.5", "2024-01-31 10:11:12.5"),
        ("2024-01-31T10:11:12.1234567Z", "2024-01-31 10:11:12.123456"),
        ("2024-01-31T10:11:12+02:00", "2024-01-31 08:11:12"),
        ("2024-01-31 10:11:12 -0530", "2024-01-31 15:41:12"),
        ("2024/01/31 10:11:12", "2024-01-31 10:11:12"),
        ("20240131", "2024-01-31"),
        ("20240131T101112Z", "2024-01-31 10:11:12"),
        ("20240131 101112", "2024-01-31 10:11:12"),
        ("31.01.2024", "2024-01-31"),
        ("31/01/2024 10:11", "2024-01-31 10:11"),
        ("01/31/2024", "2024-01-31"),
        ("1/31/2024 3:04:05 PM", "2024-01-31 15:04:05"),
        ("1/31/2024 12:04 am", "2024-01-31 00:04"),
        ("31 Jan 2024 09:30", "2024-01-31 09:30"),
        ("January 31, 2024 09:30", "2024-01-31 09:30"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_each_common_form_is_read(text: str, moment: str) -> None:
    assert first(text) == micros(moment)
    assert first(text) == int(parse(text, "x", text).values[2]), "in company of garbage"


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "0000-00-00",
        "2023-02-29",
        "2023-02-30",
        "2024-13-01",
        "31/31/2022",
        "2024-01-31T24:00:00",
        "2024-01-31 10:61",
        "1/31/2024 13:04 PM",
        "1969-12-31",
        "2101-01-01",
        "45322",
        "31 Foo 2024",
        "2024-01-31T10:11:12+25:00",
        "1" * 60,
    ],
)
def test_what_is_no_date_is_bad(text: str) -> None:
    found = parse(text, None)
    assert found.bad.tolist() == [True, False]
    assert found.values.tolist() == [NONE, NONE]


def test_the_null_date_of_dynamics_is_empty() -> None:
    found = parse("1900-01-01", "1900-01-01T00:00:00Z", "01/01/1900")
    assert not found.bad.any()
    assert (found.values == NONE).all()


def test_a_part_above_twelve_decides_for_the_whole_column() -> None:
    found = parse("31/01/2024", "02/03/2024")
    assert found.day_first is True
    assert int(found.values[1]) == micros("2024-03-02")
    assert int(parse("01/31/2024", "02/03/2024").values[1]) == micros("2024-02-03")


def test_an_order_that_nothing_shows_stays_open() -> None:
    assert parse("02/03/2024").ambiguous
    assert not parse("02/03/2024", day_first=False).ambiguous
    assert not parse("02/02/2024").ambiguous


def test_the_rarer_of_two_orders_is_bad() -> None:
    found = parse("31/01/2024", "30/01/2024", "01/31/2024")
    assert found.bad.tolist() == [False, False, True]


def test_two_orders_equally_often_stay_open() -> None:
    assert parse("31/01/2024", "01/31/2024").ambiguous


def test_numbers_are_dates_where_serials_are_allowed() -> None:
    found = parse("45322", "45322.5", "999999", serials=True)
    assert found.values[:2].tolist() == [micros("2024-01-31"), micros("2024-01-31 12:00")]
    assert found.bad.tolist() == [False, False, True]


def test_a_time_without_zone_is_local_and_a_date_stays_its_day() -> None:
    found = parse("2024-07-01 12:00", "2024-07-01", "2024-07-01T12:00Z", timezone="Europe/Berlin")
    assert found.values.tolist() == [
        micros("2024-07-01 10:00"),
        micros("2024-07-01"),
        micros("2024-07-01 12:00"),
    ]


def test_midnights_of_a_zone_count_as_dates_however_they_are_written() -> None:
    found = parse("2024-07-01 12:00", "2024-07-01 00:00", timezone="Europe/Berlin")
    assert found.values.tolist() == [micros("2024-07-01 10:00"), micros("2024-07-01")]


def test_a_due_date_is_the_day_as_written() -> None:
    assert first("2024-07-01T00:00:00+02:00", wall=True) == micros("2024-07-01")
    assert first("2024-07-01 15:30", wall=True) == micros("2024-07-01")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_typed_timestamps_follow_the_same_rules(unit: str) -> None:
    written = ["2024-01-31 10:11", None, "1900-01-01", "1969-01-01"]
    stamps = np.array(written, dtype="datetime64[s]")
    found = moments_of_typed(pa.array(stamps).cast(pa.timestamp(unit)))
    assert found.values.tolist() == [micros("2024-01-31 10:11"), NONE, NONE, NONE]
    assert found.bad.tolist() == [False, False, False, True]


def test_typed_dates_and_zones_are_read() -> None:
    days = pa.array(np.array(["2024-01-31"], dtype="datetime64[D]"))
    assert int(moments_of_typed(days).values[0]) == micros("2024-01-31")
    instant = pa.array(np.array(["2024-06-30T22:00"], dtype="datetime64[us]"))
    stamp = instant.cast(pa.timestamp("us", tz="Europe/Berlin"))
    assert int(moments_of_typed(stamp).values[0]) == micros("2024-06-30 22:00")
    assert int(moments_of_typed(stamp, wall=True).values[0]) == micros("2024-07-01")


def test_the_quick_way_and_the_careful_way_agree() -> None:
    days = np.arange("1971-01-01", "2099-12-31", 97, dtype="datetime64[D]")
    texts = [str(day) for day in days]
    quick = parse(*texts).values
    careful = parse(*texts, "not a date").values[:-1]
    assert np.array_equal(quick, days.astype("datetime64[us]").astype(np.int64))
    assert np.array_equal(quick, careful)
