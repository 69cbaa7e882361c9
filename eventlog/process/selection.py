"""Which invoices a person means by a condition, and the currency they are added in.

A condition is written ``NAME=VALUE``. `NAME` is an attribute of the log or one of what the ledger
knows (`DERIVED`); `VALUE` is one value, several separated by ``|``, or ``LOW..HIGH`` for amounts,
numbers and dates, both ends included and either left out. ``!=`` takes the others. Conditions on
one name are alternatives; conditions on several names all hold.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError, SettingsError
from eventlog.known import Codes, Ints, known_by
from eventlog.log import DAY, MINOR, NONE, Column, EventLog, micros
from eventlog.process.history import History
from eventlog.process.traces import Mask
from eventlog.rates import Rates, converted, first_currency
from eventlog.state import Closed, Matured

#: What the ledger knows of an invoice, and the answers there are.
DERIVED: Mapping[str, tuple[str, ...]] = {
    "Outcome": ("open", "paid", "credited", "written off"),
    "Disputed": ("no", "yes"),
    "Late": ("no", "yes"),
}
#: Attributes that lie in the keys of invoices and customers.
_KEYS = ("CompanyCode", "CustomerAccount")
_CONDITION = re.compile(r"^\s*([^=!]+?)\s*(!?=)\s*(.*?)\s*$", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """``NAME=VALUE`` taken apart; `is_not` for ``!=``."""

    name: str
    value: str
    is_not: bool = False


def condition(text: str) -> Condition:
    """Read a condition.

    Raises
    ------
    SettingsError
        If it is not ``NAME=VALUE``.
    """
    found = _CONDITION.match(text)
    if not found or not found[3]:
        raise SettingsError(
            f"'{text}' is no condition. Write NAME=VALUE, such as CustomerSegment=Enterprise."
        )
    return Condition(found[1], found[3], found[2] == "!=")


def chosen(history: History, log: EventLog, conditions: Iterable[Condition]) -> Mask:
    """Mask of the invoices that conditions describe, as of the moment they were looked at.

    Parameters
    ----------
    history : History
    log : EventLog
        That the history is of.
    conditions : iterable of Condition

    Returns
    -------
    ndarray of bool, shape (n_invoices,)
        An invoice that does not state an attribute meets no condition on it but ``!=``.

    Raises
    ------
    DataError
        If the log has no such attribute, or no invoice has such a value.
    SettingsError
        If a range cannot be read.
    """
    either: dict[str, Mask] = {}
    for each in conditions:
        name = attribute_named(log, each.name)
        mask = _matches(history, log, name, each.value)
        mask = ~mask if each.is_not else mask
        both = np.logical_and if each.is_not else np.logical_or
        key = f"!{name}" if each.is_not else name
        either[key] = both(either[key], mask) if key in either else mask
    if not either:
        return np.ones(len(history), dtype=bool)
    return np.logical_and.reduce(list(either.values()))


def attribute_named(log: EventLog, name: str) -> str:
    """The name of an attribute in the log's own spelling; capitals do not matter.

    Raises
    ------
    DataError
        If the log has no such attribute.
    """
    known = [*DERIVED, *_KEYS, *log.columns]
    for each in known:
        if each.lower() == name.lower():
            return each
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"It has {sorted(set(known))}."
    raise DataError(f"The log has no attribute '{name}'. {hint}")


def values_of(history: History, log: EventLog, name: str) -> tuple[Codes, tuple[str, ...]]:
    """Value of an attribute of each invoice, as known at the moment it was looked at.

    An attribute that changes along an invoice has the value that became known last.

    Returns
    -------
    code : ndarray of int32, shape (n_invoices,)
        Codes into `levels`; -1 where none is stated.
    levels : tuple of str

    Raises
    ------
    DataError
        If the attribute is a number, an amount or a date.
    """
    outcome = history.outcome
    if name == "Outcome":
        order = (Closed.OPEN, Closed.PAID, Closed.CREDITED, Closed.WRITTEN_OFF)
        place = np.argsort(np.array([int(x) for x in order]))
        return place[outcome["closed"]].astype(np.int32), DERIVED[name]
    if name == "Disputed":
        return (outcome["n_disputes"] > 0).astype(np.int32), DERIVED[name]
    if name == "Late":
        late = np.full(len(history), -1, dtype=np.int32)
        late[outcome["matured"] == Matured.ON_TIME] = 0
        late[outcome["matured"] == Matured.LATE] = 1
        return late, DERIVED[name]
    if name in _KEYS and name not in log.columns:
        keys = log.invoice_keys["company"]
        if name == "CustomerAccount":
            keys = log.customer_keys["customer"].take(log.invoice_customer)
        texts = keys.to_numpy()[history.traces.invoices]
        levels, code = np.unique(texts.astype(str), return_inverse=True)
        return code.astype(np.int32), tuple(str(level) for level in levels)
    column = log.columns[name]
    if column.kind != "level":
        called = {"money": "an amount", "time": "a date"}.get(column.kind, "a number")
        raise DataError(
            f"'{name}' is {called}, not a text with a few values. Give ranges, such as "
            f"--compare '{name}=..LOW' '{name}=HIGH..'."
        )
    return _last_stated(history, log, column, -1).astype(np.int32), column.levels


def levels_by_count(code: Codes, levels: tuple[str, ...]) -> list[tuple[str, int]]:
    """Values that occur, each with its number of invoices, the most frequent first."""
    counts = np.bincount(code[code >= 0], minlength=len(levels))
    order = np.lexsort((np.arange(len(levels)), -counts))
    return [(levels[i], int(counts[i])) for i in order if counts[i]]


def posted_between(history: History, since: int | None, until: int | None) -> Mask:
    """Mask of the invoices posted in ``[since, until)``.

    Parameters
    ----------
    history : History
    since, until : int, optional
        Microseconds; default: no bound. An invoice that was never posted goes by its issue.
    """
    outcome = history.outcome
    day = np.where(outcome["posted_at"] != NONE, outcome["posted_at"], outcome["issued_at"])
    mask: Mask = np.ones(len(history), dtype=bool)
    if since is not None:
        mask &= (day != NONE) & (day >= since)
    if until is not None:
        mask &= (day != NONE) & (day < until)
    return mask


def priced(history: History, log: EventLog, rates: Rates | None) -> History:
    """The history with all money in one currency, at the rate of the moment of the cutoff.

    One rate for the whole life of an invoice, so that its balance is what remains of its amount.

    Parameters
    ----------
    history : History
    log : EventLog
    rates : Rates, optional
        Not needed where the invoices of the history are in one currency.

    Raises
    ------
    DataError
        If they are in several and there are no rates, or the rates lack one of them.
    """
    level, since = first_currency(log)
    own = level[history.traces.invoices]
    own = np.where(known_by(since[history.traces.invoices], history.looked_at), own, -1)
    column = log.columns.get("CurrencyCode")
    levels = np.array([*(column.levels if column else ()), ""], dtype=object)
    used = np.unique(own[own >= 0])
    if rates is None:
        if len(used) > 1:
            named = sorted(str(levels[code]) for code in used)
            raise DataError(
                f"These invoices have amounts in {len(used)} currencies ({', '.join(named[:5])}) "
                "and there is no rate table, so they cannot be added. Give one with --rates FILE "
                f"(currency,date,rate), or keep to one: --where CurrencyCode={named[0]}."
            )
        return replace(history, currency=str(levels[used[0]]) if len(used) else "")
    moment = np.full(len(history), history.cutoff, dtype=np.int64)
    rate = rates.of(levels[own], moment)
    traces, outcome = history.traces, history.outcome.copy()
    for name in ("amount", "balance"):
        known = outcome[name] != NONE
        outcome[name] = np.where(known, converted(outcome[name], rate), NONE)
    per_step = np.repeat(rate, np.diff(traces.starts))
    balance = np.where(traces.balance == NONE, NONE, converted(traces.balance, per_step))
    return replace(
        history, traces=replace(traces, balance=balance), outcome=outcome, currency=rates.reporting
    )


def _matches(history: History, log: EventLog, name: str, value: str) -> Mask:
    """Mask of the invoices with one of the values, or in the range, written in a condition."""
    column = log.columns.get(name)
    if name in DERIVED or column is None or column.kind == "level":
        code, levels = values_of(history, log, name)
        by_name = {level.lower(): i for i, level in enumerate(levels)}
        wanted = []
        for part in value.split("|"):
            if part.strip().lower() not in by_name:
                found = [level for level, _ in levels_by_count(code, levels)]
                shown = ", ".join(found[:8]) + (", …" if len(found) > 8 else "")
                raise DataError(f"No invoice has {name} '{part.strip()}'. Choose of: {shown}.")
            wanted.append(by_name[part.strip().lower()])
        return np.isin(code, wanted)
    low, high = _range(name, value, column.kind)
    if name == "InvoiceAmount":
        own = history.outcome["amount"].copy()
    else:
        missing = np.nan if column.kind == "number" else NONE
        own = _last_stated(history, log, column, missing)
    stated = ~np.isnan(own) if column.kind == "number" else own != NONE
    mask: Mask = stated & (own >= low) & (own <= high)
    return mask


def _range(name: str, value: str, kind: str) -> tuple[float, float]:
    """Both ends of ``LOW..HIGH`` in the units of a column; one value is a range of its own."""
    low, dots, high = value.partition("..")
    ends = (low.strip(), high.strip() if dots else low.strip())
    try:
        if kind == "time":
            day = (micros(ends[0]) if ends[0] else NONE + 1, micros(ends[1] or "2262-01-01"))
            return day[0], day[1] + (DAY - 1)
        unit = MINOR if kind == "money" else 1
        return float(ends[0] or "-inf") * unit, float(ends[1] or "inf") * unit
    except ValueError as error:
        raise SettingsError(
            f"'{value}' is no range of {name}. Write LOW..HIGH, such as "
            f"{'2024-01-01..2024-03-31' if kind == 'time' else '1000..5000'}."
        ) from error


def _last_stated(
    history: History, log: EventLog, column: Column, missing: float
) -> NDArray[np.generic]:
    """The value each invoice stated last, of the events in its trace; shape (n_invoices,)."""
    event: Ints = history.traces.event
    rows = np.sort(event[event >= 0])  # the order in which they became known
    rows = rows[column.stated()[rows]]
    place = np.searchsorted(history.traces.invoices, log.invoice[rows])
    values = np.full(len(history), missing, dtype=column.values.dtype)
    values[place] = column.values[rows]  # of several, the last remains
    return values
