"""Cells that are used as they stand but are probably mistakes, each looked at by itself."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.cells import EMPTY_TEXTS
from eventlog.columns import Parsed
from eventlog.dates import Mask
from eventlog.findings import Findings
from eventlog.log import Column
from eventlog.mapping import folded
from eventlog.mistakes import MISTAKE_NAMED
from eventlog.numbers import CURRENCIES
from eventlog.quarantine import shown_texts
from eventlog.raw import Raw
from eventlog.rules import Activities
from eventlog.template import ATTRIBUTE_NAMED, STATUSES, Role, role_of

_SPACE = r"[\s\x{A0}\x{2000}-\x{200A}\x{202F}\x{3000}]"
_AROUND = rf"^{_SPACE}|{_SPACE}$"
_INVISIBLE = r"[\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}\x{FEFF}\x{AD}\x00-\x08\x0A-\x1F\x7F]"
_ISO = r"^\s*[0-9]{4}-?[0-9]{2}-?[0-9]{2}"
_WITH_CURRENCY = r"[^\s\x{A0}\x{2009}\x{202F}0-9.,'’()+\-\x{2212}eE]"
_MANY_DIGITS, _HIGHEST_LEVEL = 10**15, 9
#: Unknown words of a column that are compared with those of its list.
_COMPARED = 500


def look_at_forms(
    findings: Findings,
    raw: Raw,
    places: Mapping[str, int],
    parsed: Mapping[str, Parsed],
    keep: Mask,
) -> None:
    """How cells of a workbook are written.

    Parameters
    ----------
    findings : Findings
        Filled here.
    raw, places, parsed
        As in `eventlog.inspection.look_over`.
    keep : ndarray of bool, shape (n_rows,)
    """
    typed = raw.sheet.typed if raw.sheet else {}
    for name, place in places.items():
        cells, kind = raw.cells[place], ATTRIBUTE_NAMED[name].kind
        if kind in ("time", "date"):
            emptied = keep & _stated(cells) & ~parsed[name].column.stated() & ~parsed[name].bad
            findings.add("date_emptied", emptied, name, f"{name} is 1900-01-01: read as empty")
        if not pa.types.is_large_string(cells.type):
            continue
        own = keep & _stated(cells)
        if place in typed:
            own = own & ~typed[place]
        around = own & _fits(cells, _AROUND)
        _quote(findings, "spaces_around", around, name, cells, "has spaces around it")
        hidden = own & ~around & _fits(cells, _INVISIBLE)
        _quote(findings, "invisible_character", hidden, name, cells, "has invisible characters")
        if kind in ("time", "date"):
            _dates_as_text(findings, name, cells, parsed[name].column, own & ~_fits(cells, _ISO))
        elif kind in ("money", "number"):
            marked = own & _fits(cells, _WITH_CURRENCY)
            told = "holds a currency: the sign is ignored"
            _quote(findings, "currency_in_amount", marked, name, cells, told)
            _quote(findings, "number_as_text", own & ~marked, name, cells, "is a number as text")
    _look_at_invoice_numbers(findings, raw, places["InvoiceNumber"], parsed, keep)


def _dates_as_text(
    findings: Findings, name: str, cells: pa.ChunkedArray, column: Column, found: Mask
) -> None:
    rows = np.flatnonzero(found & column.stated())
    days = np.datetime_as_string(column.values[rows].astype("datetime64[us]"), unit="D")
    told = f"{name} '" + pd.Series(shown_texts(cells, rows)) + "' is text, read as "
    findings.add("date_as_text", rows, name, (told + pd.Series(days)).to_numpy(dtype=object))


def _look_at_invoice_numbers(
    findings: Findings, raw: Raw, place: int, parsed: Mapping[str, Parsed], keep: Mask
) -> None:
    """Numbers that a spreadsheet may have changed."""
    cells, column = raw.cells[place], parsed["InvoiceNumber"].column
    codes = column.values.astype(np.int64)
    levels = pd.Series(column.levels, dtype="str")
    texts = pa.chunked_array([pa.array(levels, pa.large_string())])
    if pa.types.is_floating(cells.type):
        long = keep & (np.abs(cells.fill_null(0).to_numpy()) >= _MANY_DIGITS)
        typed: Mask | None = None
    else:
        typed = raw.sheet.typed.get(place) if raw.sheet else None
        size = pd.to_numeric(levels, errors="coerce").abs().to_numpy(dtype=np.float64)
        of_level = np.append(size >= _MANY_DIGITS, False)[codes]
        long = keep & of_level & (typed if typed is not None else False)
    _quote(findings, "digits_lost", long, "InvoiceNumber", cells, "has more than 15 digits")
    digits = np.append(_fits(texts, r"^[0-9]+$"), False)
    bare = levels.str.lstrip("0")
    padded = set(bare[levels.str.startswith("0") & digits[:-1]])
    lost = np.append(bare.isin(padded) & ~levels.str.startswith("0") & digits[:-1], False)[codes]
    told = "stands elsewhere with leading zeros"
    _quote(findings, "leading_zeros", keep & lost, "InvoiceNumber", cells, told)
    if typed is not None:
        rest = keep & typed & ~long & ~lost
        told = "is a number, others are texts"
        _quote(findings, "invoice_as_number", rest, "InvoiceNumber", cells, told)


def look_at_words(
    findings: Findings,
    raw: Raw,
    places: Mapping[str, int],
    parsed: Mapping[str, Parsed],
    activities: Activities,
    keep: Mask,
) -> None:
    """Words that have to be one of a list, and dunning levels; parameters as `look_at_forms`."""
    _look_at_levels_of(findings, "CurrencyCode", "currency_unknown", CURRENCIES, parsed, keep)
    _look_at_levels_of(findings, "InvoiceStatus", "status_unknown", STATUSES, parsed, keep)
    if "DunningLevel" not in parsed:
        return
    cells, level = raw.cells[places["DunningLevel"]], parsed["DunningLevel"].column
    letter = activities.where([role_of(n) == Role.LETTER for n in activities.column.levels])
    wordy = keep & letter & _stated(cells) & ~level.stated()
    _quote(findings, "level_unknown", wordy, "DunningLevel", cells, "has no number in it")
    steps = level.values.astype(np.float64)
    high = keep & letter & level.stated() & (steps > _HIGHEST_LEVEL)
    _quote(findings, "level_high", high, "DunningLevel", cells, f"is above {_HIGHEST_LEVEL}")
    stray = keep & ~letter & level.stated()
    told = "stands on a row that is no dunning letter"
    _quote(findings, "level_elsewhere", stray, "DunningLevel", cells, told)


def _look_at_levels_of(
    findings: Findings,
    name: str,
    mistake: str,
    known: tuple[str, ...],
    parsed: Mapping[str, Parsed],
    keep: Mask,
) -> None:
    if name not in parsed:
        return
    column = parsed[name].column
    words = {folded(word): word for word in known}
    told = np.full(len(column.levels) + 1, "", dtype=object)
    remedy = np.full(len(told), MISTAKE_NAMED[mistake].remedy, dtype=object)
    unknown = [i for i, level in enumerate(column.levels) if folded(level) not in words]
    for number, place in enumerate(unknown):
        level = column.levels[place]
        close = []
        if number < _COMPARED:
            close = get_close_matches(folded(level), list(words), n=1, cutoff=0.7)
        told[place] = f"{name} '{level}' is not in the list"
        if close:
            told[place] += f"; did you mean '{words[close[0]]}'?"
            remedy[place] = f"Write {words[close[0]]}."
    codes = column.values.astype(np.int64)
    rows = np.flatnonzero(keep & (told != "")[codes])
    findings.add(mistake, rows, name, told[codes[rows]], remedy[codes[rows]])


def _quote(
    findings: Findings, mistake: str, wrong: Mask, name: str, cells: pa.ChunkedArray, told: str
) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        what = f"{name} '" + pd.Series(shown_texts(cells, rows)) + f"' {told}"
        findings.add(mistake, rows, name, what.to_numpy(dtype=object))


def _stated(cells: pa.ChunkedArray) -> Mask:
    """Cells in which something stands."""
    stated: NDArray[np.bool_] = cells.is_valid().to_numpy()
    texts = cells
    if pa.types.is_dictionary(cells.type):
        texts = cells.cast(pa.large_string())
    if pa.types.is_large_string(texts.type):
        upper = pc.utf8_upper(pc.utf8_trim_whitespace(texts))
        empty = pc.is_in(upper, value_set=pa.array(EMPTY_TEXTS, pa.large_string()))
        stated = stated & ~empty.to_numpy()
    return stated


def _fits(cells: pa.ChunkedArray, pattern: str) -> Mask:
    fits: Mask = pc.match_substring_regex(cells, pattern).fill_null(False).to_numpy()
    return fits
