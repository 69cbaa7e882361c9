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
    additional = [name for name in log.columns if name not in ATTRIBUTE_NAMED]
    named = [*only, *without]
    missing = [name for name in named if name not in additional]
    if missing:
        raise SettingsError(
            f"--attributes names {missing}, which the log lacks; its additional columns are "
            f"{additional}. Mend the names."
        )
    known = log.upto(train_until - 1)
    levels = {
        name: _levels(known.columns[column])
        for name, column in CATEGORY_COLUMNS.items()
        if column in known.columns
    }
    seen = np.unique(known.invoice[known.of_invoice])
    companies = known.invoice_keys["company"].iloc[seen].unique()
    levels["company"] = tuple(sorted(str(c) for c in companies))[:MOST_LEVELS]
    activities = pd.Series(known.activity).value_counts().index[:MOST_LEVELS]
    levels["last_activity"] = tuple(known.activities[i] for i in activities)
    levels["previous_activity"] = levels["last_activity"]
    chosen: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in additional:
        reason = _why_not(name, known)
        if name in set(without):
            reason = "excluded with --attributes"
        elif only and name not in set(only):
            reason = "not named in --attributes"
        if reason:
            left_out[name] = reason
            continue
        chosen[name] = known.columns[name].kind
        if chosen[name] == "level":
            levels[name] = _levels(known.columns[name])
    return Encoding(levels, chosen, left_out)


def _levels(column: Column) -> tuple[str, ...]:
    codes = column.values[column.stated()]
    frequent = pd.Series(codes).value_counts().index[:MOST_LEVELS]
    return tuple(column.levels[i] for i in frequent)


def _why_not(name: str, log: EventLog) -> str:
    """Reason why an additional column cannot be a feature; empty if it can."""
    column = log.columns[name]
    plain = "".join(letter for letter in name.lower() if letter.isalpha())
    stated = column.stated()
    if plain in OUTCOME_NAMES:
        return "its name says that it is an outcome"
    if not stated.any():
        return "empty up to train_until"
    values = column.values[stated]
    distinct = len(pd.unique(values))
    if distinct == 1:
        return "the same on every row"
    if column.kind == "level" and distinct > MOST_LEVELS:
        return f"{distinct:,} levels, more than {MOST_LEVELS}"
    if column.kind == "time" and not known_by(values.astype(np.int64), log.known_at[stated]).all():
        ahead = int((values.astype(np.int64) > log.known_at[stated]).sum())
        return f"a date later than its row's own time on {ahead:,} rows"
    whole = column.kind == "number" and (values == np.floor(values)).all()
    if whole and distinct > max(0.95 * len(pd.unique(log.invoice)), 50):
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
