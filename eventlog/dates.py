"""Texts that say when: dates and times in the forms extracts use, parsed column-wise.

A text's *shape* is the text with every digit written as 0. Texts of one shape are parsed together
by slicing their bytes at the same places, so the work grows with the number of shapes, not with a
call per cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, NONE

Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

#: Years a moment may lie in; anything else is a slip of the pen or a "never".
FIRST_YEAR, LAST_YEAR = 1970, 2100
#: Dynamics writes an empty date as this day.
EMPTY_DAY = int(np.datetime64("1900-01-01", "D").astype(np.int64))
SERIAL_ZERO = int(np.datetime64("1899-12-30", "D").astype(np.int64))
LONGEST = 48
_TRIED = 100

_ZONE = (
    r"(?: ?(?:(?P<utc>[Zz]|UTC|GMT)|(?P<side>[+-])(?P<zone_hour>00)(?::?(?P<zone_minute>00))?))?"
)
_TIME = (
    r"(?:(?:T|, ?| {1,2})(?P<hour>00?):(?P<minute>00)(?::(?P<second>00)(?:[.,](?P<fraction>0+))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?" + _ZONE + r")?"
)
_TIGHT = r"(?:[T ](?P<hour>00)(?P<minute>00)(?P<second>00)" + _ZONE + r")?"
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_LAYOUTS = tuple(
    re.compile(layout)
    for layout in (
        r"(?P<year>0000)(?P<mark>[-/.])(?P<month>00?)(?P=mark)(?P<day>00?)" + _TIME,
        r"(?P<first>00?)(?P<mark>[-/.])(?P<next>00?)(?P=mark)(?P<year>0000)" + _TIME,
        r"(?P<year>0000)(?P<month>00)(?P<day>00)" + _TIGHT,
        r"(?P<day>00?)\.?[ -]" + _NAME + r",?[ -](?P<year>0000)" + _TIME,
        _NAME + r" (?P<day>00?),? (?P<year>0000)" + _TIME,
    )
)
_MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH_OF = {name: month for month, name in enumerate(_MONTH_NAMES, 1)}
_MONTH_OF |= {name[:3]: month for name, month in _MONTH_OF.items()} | {"sept": 9}
_SERIAL = re.compile(r"0{1,5}(?:\.0+)?")


@dataclass(frozen=True)
class Moments:
    """Parsed moments.

    Attributes
    ----------
    values : ndarray of int64, shape (n,)
        Microseconds since 1970 UTC; `NONE` where empty or bad.
    bad : ndarray of bool, shape (n,)
        True where a text stands that is no moment.
    day_first : bool or None
        How texts such as 01/02/2024 were read; None if none of them needed an order.
    ambiguous : bool
        True if such texts occur, nothing shows their order and none was stated.
    """

    values: Ints
    bad: Mask
    day_first: bool | None = None
    ambiguous: bool = False


@dataclass(frozen=True)
class _Parts:
    """Wall-clock parts of texts of one shape; `month` and `day` are open while `ordered` is."""

    where: Ints
    year: Ints
    month: Ints
    day: Ints
    ordered: bool
    clock: Ints
    timed: bool
    offset: Ints | None
    valid: Mask


def parse_moments(
    texts: pa.LargeStringArray,
    *,
    day_first: bool | None,
    timezone: str | None = None,
    wall: bool = False,
    serials: bool = False,
    years: tuple[int, int] = (FIRST_YEAR, LAST_YEAR),
) -> Moments:
    """Parse texts that say when.

    Parameters
    ----------
    texts : LargeStringArray of shape (n,)
        Trimmed; null where empty.
    day_first : bool or None
        Order of day and month where the year comes last; None decides from the values: a part
        above 12 is the day, and the order with more such values holds for all.
    timezone : str, optional
        Zone of times that state none; UTC by default. Dates without a time are never shifted.
    wall : bool
        Return the day as written (midnight), whatever the time and zone: for due dates.
    serials : bool
        Read numbers such as 45322.5 as Excel's days since 1899-12-30.
    years : tuple of int
        First and last year that count as readable.

    Returns
    -------
    Moments
    """
    if not serials and (quick := _iso(texts, wall=wall)) is not None:
        return moments_of_typed(quick, timezone=timezone, wall=wall, years=years)
    n = len(texts)
    values = np.full(n, NONE, dtype=np.int64)
    bad = np.asarray(texts.is_valid().to_numpy(zero_copy_only=False)).copy()
    parts = []
    for where, layout, matrix in _groups(texts, serials=serials):
        if layout is None:
            values[where], bad[where] = _serial_moments(texts, where, years, wall=wall)
        else:
            parts.append(_parts_of(where, layout, matrix))
    order, ambiguous = _order_of([part for part in parts if not part.ordered], day_first)
    for part in parts:
        placed = part if part.ordered or order is not False else _swapped(part)
        values[placed.where], bad[placed.where] = _micros(placed, timezone, years, wall=wall)
    return Moments(values, bad, order, ambiguous)


def moments_of_typed(
    column: pa.Array,
    *,
    timezone: str | None = None,
    wall: bool = False,
    years: tuple[int, int] = (FIRST_YEAR, LAST_YEAR),
) -> Moments:
    """Moments of a column that is typed as date or timestamp already; rules as for texts."""
    kind = column.type
    empty = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
    if pa.types.is_date(kind):
        days = column.cast(pa.date32()).cast(pa.int32()).fill_null(0)
        per_day, numbers, zone = 1, days.to_numpy(zero_copy_only=False).astype(np.int64), None
    else:
        per_day = {"s": 86_400, "ms": 86_400_000, "us": DAY, "ns": DAY * 1000}[kind.unit]
        zone = kind.tz
        plain = column.cast(pa.timestamp(kind.unit)) if zone else column
        numbers = plain.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    low, high = (_start_of_year(years[0]), _start_of_year(years[1] + 1))
    blank = empty | (numbers // per_day == EMPTY_DAY)
    # One day of room on either side, so that a zone cannot push a moment over the edge unseen.
    bad = ~blank & ((numbers < (low - 1) * per_day) | (numbers >= (high + 1) * per_day))
    numbers = np.where(blank | bad, 0, numbers)
    micros = numbers // (per_day // DAY) if per_day > DAY else numbers * (DAY // per_day)
    if zone and wall:
        local = pd.DatetimeIndex(micros.view("datetime64[us]"), tz="UTC").tz_convert(zone)
        micros = _naive_micros(local)
    if not zone and not wall:
        micros = _to_utc(micros, timezone)
    if wall:
        micros = micros // DAY * DAY
    bad |= ~blank & ((micros < low * DAY) | (micros >= high * DAY))
    return Moments(np.where(blank | bad, NONE, micros), bad)


def _iso(texts: pa.LargeStringArray, *, wall: bool) -> pa.Array | None:
    """Texts as timestamps if all are ISO 8601 and either all or none state a zone."""
    for zone in (None,) if wall else (None, "UTC"):
        try:
            # Every failing cell is costly, so a few are tried first.
            texts.slice(0, _TRIED).cast(pa.timestamp("us", tz=zone))
            return texts.cast(pa.timestamp("us", tz=zone))
        except pa.ArrowInvalid:
            continue
    return None


def _groups(
    texts: pa.LargeStringArray, *, serials: bool
) -> Iterator[tuple[Ints, re.Match[str] | None, Bytes]]:
    """Texts by shape: their positions, the match of a layout (None: serial), their bytes.

    Bytes have one row per letter and one column per text.
    """
    present = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
    if not len(present):
        return
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset :][: len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    starts = offsets[:-1][present]
    lengths = (offsets[1:] - offsets[:-1])[present]
    for length in np.unique(lengths[(lengths > 0) & (lengths <= LONGEST)]):
        chosen = np.flatnonzero(lengths == length)
        matrix = data[starts[chosen] + np.arange(length)[:, None]]
        shapes = np.where(matrix - np.uint8(48) < 10, np.uint8(48), matrix)
        code, kinds = pd.factorize(_hashes(shapes))
        alone = len(kinds) == 1
        order = np.arange(len(code)) if alone else np.argsort(code, kind="stable")
        ends = np.cumsum(np.bincount(code, minlength=len(kinds)))
        for start, end in zip(np.append(0, ends[:-1]), ends, strict=True):
            shape = shapes[:, order[start]].tobytes().decode("latin-1")
            layout = next((m for r in _LAYOUTS if (m := r.fullmatch(shape))), None)
            if layout is None and not (serials and _SERIAL.fullmatch(shape)):
                continue
            rows = order[start:end]
            yield present[chosen[rows]], layout, matrix if alone else matrix[:, rows]


def _hashes(matrix: Bytes) -> NDArray[np.uint64]:
    """One number a text; equal texts have equal numbers, and others practically never do."""
    hashes = np.zeros(matrix.shape[1], dtype=np.uint64)
    for letters in matrix:
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes += letters
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _parts_of(where: Ints, layout: re.Match[str], matrix: Bytes) -> _Parts:
    fields = layout.groupdict()

    def number(name: str) -> Ints:
        value = np.zeros(matrix.shape[1], dtype=np.int64)
        if fields.get(name):
            for letters in matrix[slice(*layout.span(name))]:
                value = value * 10 + (letters - np.uint8(48))
        return value

    ordered = "first" not in fields
    hour, minute, second = number("hour"), number("minute"), number("second")
    valid = (hour < 24) & (minute < 60) & (second < 60)
    month = number("month") if ordered else number("next")
    if "name" in fields:
        month += _MONTH_OF.get(fields["name"].lower(), 0)
    if fields.get("half"):
        valid &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + (12 if fields["half"] in "Pp" else 0)
    clock = ((hour * 60 + minute) * 60 + second) * 1_000_000
    if fields.get("fraction"):
        start, end = layout.span("fraction")
        for place, weight in zip(range(start, min(end, start + 6)), _WEIGHTS, strict=False):
            clock += (matrix[place] - np.uint8(48)).astype(np.int64) * weight
    offset = None
    if fields.get("utc"):
        offset = np.zeros(matrix.shape[1], dtype=np.int64)
    elif fields.get("side"):
        hours, minutes = number("zone_hour"), number("zone_minute")
        valid &= (hours <= 15) & (minutes < 60)
        offset = (hours * 60 + minutes) * (60_000_000 if fields["side"] == "+" else -60_000_000)
    return _Parts(
        where=where,
        year=number("year"),
        month=month,
        day=number("day") if ordered else number("first"),
        ordered=ordered,
        clock=clock,
        timed=bool(fields.get("hour")),
        offset=offset,
        valid=valid,
    )


_WEIGHTS = (100_000, 10_000, 1_000, 100, 10, 1)


def _swapped(parts: _Parts) -> _Parts:
    """Read the month before the day."""
    return replace(parts, month=parts.day, day=parts.month)


def _order_of(parts: list[_Parts], day_first: bool | None) -> tuple[bool | None, bool]:
    """Whether the day comes first, and whether that stays open."""
    if not parts:
        return None, False
    if day_first is not None:
        return day_first, False
    shows_day = sum(int(((p.day > 12) & (p.month <= 12)).sum()) for p in parts)
    shows_month = sum(int(((p.month > 12) & (p.day <= 12)).sum()) for p in parts)
    if shows_day != shows_month:
        return shows_day > shows_month, False
    either = any(((p.day <= 12) & (p.month <= 12) & (p.day != p.month)).any() for p in parts)
    is_open = bool(either or shows_day)
    return (True if is_open else None), is_open


def _micros(
    parts: _Parts, timezone: str | None, years: tuple[int, int], *, wall: bool
) -> tuple[Ints, Mask]:
    month = np.clip(parts.month, 1, 12)
    months = (parts.year - 1970) * 12 + month - 1
    first = _first_of(months)
    length = _first_of(months + 1) - first
    valid = parts.valid & (parts.month == month) & (parts.day >= 1) & (parts.day <= length)
    days = first + parts.day - 1
    blank = valid & (days == EMPTY_DAY)
    micros = days * DAY + parts.clock
    if wall:
        micros = days * DAY
    elif parts.offset is not None:
        micros = micros - parts.offset
    elif parts.timed and timezone:
        inside = valid & (parts.year >= years[0]) & (parts.year <= years[1])
        micros = np.where(inside, _to_utc(np.where(inside, micros, 0), timezone), micros)
    low, high = _start_of_year(years[0]) * DAY, _start_of_year(years[1] + 1) * DAY
    good = valid & ~blank & (micros >= low) & (micros < high)
    return np.where(good, micros, NONE), ~good & ~blank


def _first_of(months: Ints) -> Ints:
    """Days since 1970 of the first of a month, months counted from January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _start_of_year(year: int) -> int:
    return int(np.datetime64(f"{year:04d}-01-01", "D").astype(np.int64))


def _serial_moments(
    texts: pa.LargeStringArray, where: Ints, years: tuple[int, int], *, wall: bool
) -> tuple[Ints, Mask]:
    serial = texts.take(pa.array(where)).cast(pa.float64()).to_numpy(zero_copy_only=False)
    # Serials carry about a millisecond of precision: round there.
    micros = np.rint((serial + SERIAL_ZERO) * 86_400_000).astype(np.int64) * 1000
    if wall:
        micros = micros // DAY * DAY
    blank = micros // DAY == EMPTY_DAY
    low, high = _start_of_year(years[0]) * DAY, _start_of_year(years[1] + 1) * DAY
    good = ~blank & (micros >= low) & (micros < high)
    return np.where(good, micros, NONE), ~good & ~blank


def _to_utc(micros: Ints, timezone: str | None) -> Ints:
    """Wall-clock times of a zone in UTC; exact midnights are dates and stay."""
    if not timezone or timezone == "UTC":
        return micros
    wall = pd.DatetimeIndex(micros.view("datetime64[us]"))
    # The repeated hour in autumn is read as standard time, the skipped one in spring moves on.
    placed = wall.tz_localize(
        timezone, ambiguous=np.zeros(len(wall), dtype=bool), nonexistent="shift_forward"
    )
    return np.where(micros % DAY == 0, micros, _naive_micros(placed.tz_convert("UTC")))


def _naive_micros(index: pd.DatetimeIndex) -> Ints:
    naive = index.tz_localize(None).to_numpy().astype("datetime64[us]")
    return naive.astype(np.int64)
