"""One column of a source as a column of the log: of which kind, and which cells are unreadable."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.cells import (
    EXACT,
    Texts,
    compact,
    first_integers,
    level_column,
    parse_flags,
    texts_of,
)
from eventlog.dates import Mask, Moments, moments_of_typed, parse_moments
from eventlog.errors import RefusedError
from eventlog.log import Column
from eventlog.numbers import (
    Decimal,
    amounts_of_typed,
    decimal_mark,
    looks_numeric,
    parse_amounts,
    parse_numbers,
)
from eventlog.template import Attribute

#: What a cell of each kind should have been, for the reason of a quarantine.
EXPECTED = {
    "money": "is no amount of money below 10^13",
    "number": "is no number",
    "time": "is no date or time from 1970 to 2100",
    "date": "is no date from 1970 to 2100",
    "flag": "is neither true nor false",
}
#: Additional columns may hold older dates, such as when a customer's company was founded.
_WIDE_YEARS = (1800, 2100)


@dataclass(frozen=True)
class Form:
    """How the texts of a source are written.

    Attributes
    ----------
    decimal : {'.', ','}
    decimal_stated : bool
        True where no column may differ from it.
    day_first : bool or None
        None decides column by column.
    timezone : str or None
    serials : bool
        Whether numbers may stand for dates.
    guarded : bool
        Whether an apostrophe may guard a text.
    """

    decimal: Decimal = "."
    decimal_stated: bool = False
    day_first: bool | None = None
    timezone: str | None = None
    serials: bool = False
    guarded: bool = False


@dataclass(frozen=True)
class Parsed:
    """A column of the log, the cells that could not be read, and how its dates were read."""

    column: Column
    bad: Mask
    day_first: bool | None = None


def needs_texts(attribute: Attribute, column: pa.ChunkedArray) -> bool:
    """Whether an attribute is read from its cells' texts rather than from their type."""
    kind = column.type
    if attribute.kind == "money":
        return not (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and (
            amounts_of_typed(column.slice(0, 0)) is None
        )
    if attribute.kind == "number":
        return not _is_number(kind)
    if attribute.kind in ("time", "date"):
        return not (pa.types.is_timestamp(kind) or pa.types.is_date(kind))
    return True


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def parse_attribute(
    attribute: Attribute, column: pa.ChunkedArray, texts: Texts | None, form: Form
) -> Parsed:
    """Read the cells of a template attribute.

    Parameters
    ----------
    attribute : Attribute
    column : ChunkedArray of shape (n_rows,)
    texts : Texts or None
        Of the column, where `needs_texts`.
    form : Form

    Raises
    ------
    DataError
        If day and month of its dates could change places and nothing shows their order.
    """
    if attribute.kind in ("time", "date"):
        return _moments(attribute, column, texts, form)
    if attribute.kind == "money":
        typed = None if texts else amounts_of_typed(column)
        if typed is not None:
            return Parsed(Column("money", typed[0]), typed[1])
        texts = texts or texts_of(column, attribute.name, guarded=form.guarded)
        amounts, bad = parse_amounts(texts.values, form.decimal)
        return Parsed(Column("money", texts.spread(amounts)), texts.spread_mask(bad))
    if attribute.kind == "number":
        if texts is None:
            return _typed_numbers(column)
        numbers, bad = parse_numbers(texts.values, form.decimal)
        return Parsed(Column("number", texts.spread(numbers)), texts.spread_mask(bad))
    texts = texts or texts_of(column, attribute.name, guarded=form.guarded)
    none_bad = np.zeros(len(column), dtype=bool)
    if attribute.kind == "level":
        return Parsed(Column("number", texts.spread(first_integers(texts.values))), none_bad)
    if attribute.kind == "flag":
        flags, bad = parse_flags(texts.values)
        return Parsed(level_column(replace(texts, values=flags)), texts.spread_mask(bad))
    if attribute.name == "CurrencyCode":
        texts = replace(texts, values=pc.utf8_upper(texts.values))
    return Parsed(level_column(texts, ordered=attribute.name != "InvoiceNumber"), none_bad)


def _moments(
    attribute: Attribute, column: pa.ChunkedArray, texts: Texts | None, form: Form
) -> Parsed:
    wall = attribute.kind == "date"
    if texts is None:
        typed = moments_of_typed(column.combine_chunks(), timezone=form.timezone, wall=wall)
        return Parsed(Column("time", typed.values), typed.bad)
    found = parse_moments(
        texts.values,
        day_first=form.day_first,
        timezone=form.timezone,
        wall=wall,
        serials=form.serials,
    )
    if found.ambiguous:
        raise _ambiguous(attribute.name, texts, found)
    return Parsed(
        Column("time", texts.spread(found.values)), texts.spread_mask(found.bad), found.day_first
    )


def _ambiguous(name: str, texts: Texts, found: Moments) -> RefusedError:
    written = pc.match_substring_regex(texts.values, r"^\d\d?[-/.]\d\d?[-/.]\d{4}")
    example = texts.values.filter(written.fill_null(False))[0].as_py()
    rows = int(texts.spread(found.values != np.iinfo(np.int64).min).sum())
    fits = written.fill_null(False).to_numpy(zero_copy_only=False)
    return RefusedError(
        f"Day and month of '{name}' could change places in {rows:,} of "
        f"{len(texts.stated()):,} rows, such as '{example}', and no other row shows which comes "
        "first. State day_first.",
        "order_unclear",
        column=name,
        row=int(np.flatnonzero(texts.spread(fits))[0]),
    )


def _typed_numbers(column: pa.ChunkedArray) -> Parsed:
    numbers = column.cast(pa.float64()).to_numpy()
    bad = np.isinf(numbers)
    return Parsed(Column("number", np.where(bad, np.nan, numbers)), bad)


def additional_column(
    name: str, column: pa.ChunkedArray, form: Form, kind: str | None = None
) -> Column:
    """A column that the template does not know, in the kind that all its values allow.

    Parameters
    ----------
    name : str
    column : ChunkedArray of shape (n_rows,)
    form : Form
    kind : str, optional
        The kind, where the source states it.

    Returns
    -------
    Column
        Number if all values are numbers (see `eventlog.numbers.looks_numeric`), time if all are
        dates of one order, otherwise level. A column without values is a level column.

    Raises
    ------
    DataError
        If the cells are lists, structures or bytes.
    """
    typed = _additional_typed(column, form, kind)
    if typed is not None:
        return typed
    texts = texts_of(column, name, guarded=form.guarded)
    stated = texts.values.drop_null()
    if kind == "level" or not len(stated):
        return compact(level_column(texts))
    mark = form.decimal if form.decimal_stated else decimal_mark([stated]) or form.decimal
    if kind in (None, "number") and looks_numeric(stated, mark):
        numbers, bad = parse_numbers(texts.values, mark)
        if not bad.any():
            return Column("number", texts.spread(numbers))
    if kind in (None, "time") and not _parse_dates(stated.slice(0, 100), form).bad.any():
        found = _parse_dates(texts.values, form)
        if not found.bad.any() and not found.ambiguous:
            return Column("time", texts.spread(found.values))
    return level_column(texts)


def _parse_dates(texts: pa.LargeStringArray, form: Form) -> Moments:
    return parse_moments(texts, day_first=form.day_first, timezone=form.timezone, years=_WIDE_YEARS)


def _additional_typed(column: pa.ChunkedArray, form: Form, kind: str | None) -> Column | None:
    """A column whose type says what it is; None where its texts have to."""
    stored = column.type
    if kind == "money":
        amounts = amounts_of_typed(column)
        return None if amounts is None or amounts[1].any() else Column("money", amounts[0])
    if pa.types.is_timestamp(stored) or pa.types.is_date(stored):
        found = moments_of_typed(column.combine_chunks(), timezone=form.timezone, years=_WIDE_YEARS)
        return None if found.bad.any() else Column("time", found.values)
    if not _is_number(stored):
        return None
    if pa.types.is_integer(stored) and len(column) > column.null_count:
        ends = pc.min_max(column).as_py()
        if max(abs(ends["min"]), abs(ends["max"])) >= min(EXACT, 10**15):
            return None
    return _typed_numbers(column).column
