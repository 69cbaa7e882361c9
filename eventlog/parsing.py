"""All template columns of a source, parsed side by side under one way of writing numbers."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.compute as pc

from eventlog.cells import Texts, texts_of
from eventlog.columns import Form, Parsed, needs_texts, parse_attribute
from eventlog.errors import RefusedError, SettingsError
from eventlog.mapping import Mapping as NameMapping
from eventlog.mapping import checked_zone
from eventlog.numbers import Decimal, decimal_mark
from eventlog.raw import Raw
from eventlog.template import ATTRIBUTE_NAMED

_THREADS = 2


def parse_columns(
    raw: Raw,
    places: Mapping[str, int],
    mapping: NameMapping,
    *,
    decimal: str | None,
    day_first: bool | None,
) -> tuple[dict[str, Parsed], Form, list[str]]:
    """Parse the template columns of a source.

    Parameters
    ----------
    raw : Raw
    places : mapping of str to int
        Attribute to position among the source's columns.
    mapping : Mapping
        Its format holds where an argument is None.
    decimal, day_first
        As in `eventlog.reader.read_log`.

    Returns
    -------
    parsed : dict of str to Parsed
        In the order of `places`.
    form : Form
        How texts are written, for the additional columns.
    notes : list of str
        What the values themselves decided.

    Raises
    ------
    DataError
        If decimal and thousands marks, or day and month, cannot be told apart.
    SettingsError
        If the decimal mark or the time zone is none.
    """
    with ThreadPoolExecutor(_THREADS) as pool:

        def texts_if_needed(name: str) -> Texts | None:
            column = raw.cells[places[name]]
            if not needs_texts(ATTRIBUTE_NAMED[name], column):
                return None
            return texts_of(column, name, guarded=raw.guarded)

        texts = dict(zip(places, pool.map(texts_if_needed, places), strict=True))
        stated = decimal or mapping.decimal
        form = Form(
            decimal=_decimal_of(raw, texts, stated),
            decimal_stated=bool(stated),
            day_first=mapping.day_first if day_first is None else day_first,
            timezone=checked_zone(mapping.timezone),
            serials=raw.serials,
            guarded=raw.guarded,
        )

        def parse(name: str) -> Parsed:
            column = raw.cells[places[name]]
            return parse_attribute(ATTRIBUTE_NAMED[name], column, texts[name], form)

        parsed = dict(zip(places, pool.map(parse, places), strict=True))
    notes = []
    if form.decimal == "," and not form.decimal_stated:
        notes.append("Numbers are read with decimal commas, as their values show.")
    if form.day_first is None:
        for first, order in ((True, "day before month"), (False, "month before day")):
            names = [name for name, column in parsed.items() if column.day_first is first]
            if names:
                notes.append(f"Dates of {names} are read {order}, as their values show.")
    if form.timezone:
        notes.append(f"Times without a zone are read as times in {form.timezone}.")
    return parsed, form, notes


def _decimal_of(raw: Raw, texts: Mapping[str, Texts | None], stated: str | None) -> Decimal:
    """Decimal mark of the money and number columns that are text."""
    if stated:
        if stated not in (".", ","):
            raise SettingsError(f"Decimal mark {stated!r} is unknown. Use '.' or ','.")
        return "." if stated == "." else ","
    columns = {
        name: text.values
        for name, text in texts.items()
        if text is not None and ATTRIBUTE_NAMED[name].kind in ("money", "number")
    }
    found = decimal_mark(columns.values())
    if found is None:
        name, row = _first_marked(texts, list(columns))
        raise RefusedError(
            f"Decimal and thousands marks of {sorted(columns)} in {raw.name} cannot be told apart. "
            "State decimal as '.' or ','.",
            "marks_unclear",
            column=name,
            row=row,
        )
    return found


def _first_marked(texts: Mapping[str, Texts | None], names: list[str]) -> tuple[str, int]:
    """The first cell with a mark: its column and row."""
    for name in names:
        text = texts[name]
        if text is not None:
            marked = pc.match_substring_regex(text.values, "[.,]").fill_null(False)
            rows = np.flatnonzero(text.spread(marked.to_numpy(zero_copy_only=False)))
            if len(rows):
                return name, int(rows[0])
    return names[0], -1
