"""Attributes as features: the last value stated by a cutoff, coded as it was at training.

Which additional columns are used, their kinds and their levels are decided once, from rows known
at ``train_until``, and kept with the model as an `Encoding`; scoring repeats that decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import SettingsError
from eventlog.known import Ints, known_by
from eventlog.log import NONE, Column, EventLog
from eventlog.template import ATTRIBUTE_NAMED, OUTCOME_NAMES
from features.as_of import AsOf, Floats, days_since

MOST_LEVELS = 100

#: Categories that every model sees, and where they come from.
CATEGORY_COLUMNS = {
    "segment": "CustomerSegment",
    "country": "Country",
    "currency": "CurrencyCode",
    "collector": "CollectorAssigned",
    "dispute_reason": "DisputeReason",
}
CATEGORIES = (*CATEGORY_COLUMNS, "company", "last_activity", "previous_activity")


@dataclass(frozen=True)
class Encoding:
    """How texts and additional columns become numbers, as decided at training.

    Attributes
    ----------
    levels : dict of str to tuple of str
        Levels of each category, most frequent first; others count as missing.
    attributes : dict of str to str
        Additional columns used: column name to kind (number, time or level).
    left_out : dict of str to str
        Additional columns not used, and why, for the run's record.
    """

    levels: dict[str, tuple[str, ...]]
    attributes: dict[str, str]
    left_out: dict[str, str]


@dataclass(frozen=True)
class Stated:
    """What the columns of a log, or of a part of one, have stated; parts add up.

    Attributes
    ----------
    kinds : dict of str to str
        Kind of each additional column, in the log's order.
    names : dict of str to tuple of str
        Levels of each level column, and the activities under ``""``.
    counts : dict of str to ndarray of int64, shape (n_levels,)
        How often each of them was stated.
    distinct : dict of str to ndarray
        Distinct values of each additional number or time column.
    ahead : dict of str to int
        Dates later than their row's own time.
    companies : frozenset of str
    n_invoices : int
        Invoices that have an event.
    """

    kinds: dict[str, str]
    names: dict[str, tuple[str, ...]]
    counts: dict[str, Ints]
    distinct: dict[str, NDArray[np.generic]]
    ahead: dict[str, int]
    companies: frozenset[str]
    n_invoices: int


def count_stated(known: EventLog) -> Stated:
    """Count what the columns of a log state; hand in what is known at ``train_until``."""
    kinds = {n: c.kind for n, c in known.columns.items() if n not in ATTRIBUTE_NAMED}
    names = {"": known.activities}
    counts = {"": np.bincount(known.activity, minlength=len(known.activities))}
    distinct, ahead = {}, {}
    for name, column in known.columns.items():
        values = column.values[column.stated()]
        if column.kind == "level":
            names[name] = column.levels
            counts[name] = np.bincount(values.astype(np.int64), minlength=len(column.levels))
        elif name in kinds:
            distinct[name] = np.sort(pd.unique(values))
        if name in kinds and column.kind == "time":
            moments = values.astype(np.int64)
            ahead[name] = int((~known_by(moments, known.known_at[column.stated()])).sum())
    seen = np.unique(known.invoice[known.of_invoice])
    companies = frozenset(str(c) for c in known.invoice_keys["company"].iloc[seen].unique())
    return Stated(kinds, names, counts, distinct, ahead, companies, len(seen))


def add_stated(parts: Iterable[Stated]) -> Stated:
    """What the whole has stated, from its parts; kinds and levels are the same in all."""
    parts = list(parts)
    first = parts[0]
    return Stated(
        first.kinds,
        first.names,
        {name: np.sum([part.counts[name] for part in parts], axis=0) for name in first.counts},
        {
            name: np.unique(np.concatenate([part.distinct[name] for part in parts]))
            for name in first.distinct
        },
        {name: sum(part.ahead[name] for part in parts) for name in first.ahead},
        frozenset().union(*(part.companies for part in parts)),
        sum(part.n_invoices for part in parts),
    )


def choose_encoding(
    log: EventLog,
    train_until: int,
    *,
    only: Iterable[str] = (),
    without: Iterable[str] = (),
) -> Encoding:
    """Decide from rows known at ``train_until`` which levels and additional columns count.

    Parameters
    ----------
    only : iterable of str
        Use just these additional columns; empty means all that qualify.
    without : iterable of str
        Additional columns to leave out.

    Raises
    ------
    SettingsError
        If a column named does not exist.
    """
    return encoding_of(count_stated(log.upto(train_until - 1)), only=only, without=without)


def encoding_of(
    stated: Stated, *, only: Iterable[str] = (), without: Iterable[str] = ()
) -> Encoding:
    """The same from what has been counted."""
    only, without = set(only), set(without)
    missing = [name for name in (*only, *without) if name not in stated.kinds]
    if missing:
        raise SettingsError(
            f"--attributes names {sorted(missing)}, which the log lacks; its additional columns "
            f"are {list(stated.kinds)}. Mend the names."
        )
    levels = {
        name: _most_frequent(stated, column)
        for name, column in CATEGORY_COLUMNS.items()
        if column in stated.names
    }
    levels["company"] = tuple(sorted(stated.companies))[:MOST_LEVELS]
    levels["last_activity"] = levels["previous_activity"] = _most_frequent(stated, "")
    chosen: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, kind in stated.kinds.items():
        reason = _why_not(name, stated)
        if name in without:
            reason = "excluded with --attributes"
        elif only and name not in only:
            reason = "not named in --attributes"
        if reason:
            left_out[name] = reason
            continue
        chosen[name] = kind
        if kind == "level":
            levels[name] = _most_frequent(stated, name)
    return Encoding(levels, chosen, left_out)


def _most_frequent(stated: Stated, name: str) -> tuple[str, ...]:
    """Levels that have been stated, most frequent first, of equally frequent ones the first."""
    counts = stated.counts[name]
    frequent = np.argsort(-counts, kind="stable")[: min(MOST_LEVELS, int((counts > 0).sum()))]
    return tuple(stated.names[name][i] for i in frequent)


def _why_not(name: str, stated: Stated) -> str:
    """Reason why an additional column cannot be a feature; empty if it can."""
    plain = "".join(letter for letter in name.lower() if letter.isalpha())
    kind, values = stated.kinds[name], stated.distinct.get(name, np.empty(0))
    n_distinct = int((stated.counts[name] > 0).sum()) if kind == "level" else len(values)
    if plain in OUTCOME_NAMES:
        return "its name says that it is an outcome"
    if not n_distinct:
        return "empty up to train_until"
    if n_distinct == 1:
        return "the same on every row"
    if kind == "level" and n_distinct > MOST_LEVELS:
        return f"{n_distinct:,} levels, more than {MOST_LEVELS}"
    if kind == "time" and stated.ahead[name]:
        return f"a date later than its row's own time on {stated.ahead[name]:,} rows"
    whole = kind == "number" and bool((values == np.floor(values.astype(np.float64))).all())
    if whole and n_distinct > max(0.95 * stated.n_invoices, 50):
        return "an identifier: as many values as invoices"
    return ""


def last_stated(log: EventLog, column: Column) -> Ints:
    """For each event of an invoice, where its column was last stated, or -1.

    Positions in `log.of_invoice`, shape (n_invoice_events,).
    """
    rows = log.of_invoice
    here = np.arange(len(rows))
    stated = column.stated()[rows]
    last = np.maximum.accumulate(np.where(stated, here, -1)) if len(rows) else here
    return np.where(last >= log.invoice_starts[log.invoice[rows]], last, -1)


def _as_of(seen: AsOf, name: str) -> tuple[Column, Ints] | None:
    """A column and the row of its last statement by each snapshot (-1: none yet)."""
    column = seen.log.columns.get(name)
    if column is None:
        return None
    event = seen.event_position
    last = last_stated(seen.log, column)
    if not len(last):
        return column, np.full(len(event), -1, dtype=np.int64)
    position = np.where(event >= 0, last[np.maximum(event, 0)], -1)
    row = np.where(position >= 0, seen.log.of_invoice[np.maximum(position, 0)], -1)
    return column, row


def category_as_of(seen: AsOf, name: str, levels: tuple[str, ...]) -> Floats:
    """Code of a level column's last statement in ``levels``; NaN where none or another."""
    found = _as_of(seen, name)
    if found is None:
        return np.full(len(seen.snapshots), np.nan)
    column, row = found
    recode = pd.Index(levels).get_indexer(pd.Index(column.levels)).astype(np.float64)
    recode = np.append(np.where(recode < 0, np.nan, recode), np.nan)
    code = np.where(row >= 0, column.values.astype(np.int64)[np.maximum(row, 0)], -1)
    return recode[code]


def attribute_as_of(seen: AsOf, name: str, kind: str, levels: tuple[str, ...]) -> Floats:
    """An additional column as of the snapshots: number, age in days, or level code."""
    if kind == "level":
        return category_as_of(seen, name, levels)
    found = _as_of(seen, name)
    if found is None or found[0].kind != kind:
        return np.full(len(seen.snapshots), np.nan)
    column, row = found
    value = column.values[np.maximum(row, 0)]
    if kind == "number":
        return np.where(row >= 0, value.astype(np.float64), np.nan)
    then = np.where(row >= 0, value.astype(np.int64), NONE)
    return days_since(seen.snapshots.cutoff, then)


def recoded(codes: NDArray[np.integer], names: Iterable[str], levels: tuple[str, ...]) -> Floats:
    """Codes into ``names`` as codes into ``levels``; NaN for -1 and for other names."""
    recode = pd.Index(levels).get_indexer(pd.Index(list(names))).astype(np.float64)
    recode = np.append(np.where(recode < 0, np.nan, recode), np.nan)
    return recode[codes]
