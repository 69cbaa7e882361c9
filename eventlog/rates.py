"""Exchange rates: amounts of several currencies in one reporting currency.

A rate says how many units of the reporting currency one unit of a currency is worth from a date
on, until the next one. Amounts are converted where they are added, never where they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.dates import parse_moments
from eventlog.errors import DataError, NotFoundError, bad_rows
from eventlog.known import Codes, Ints, known_by, last_known, starts_of
from eventlog.lazy import lazy
from eventlog.log import NONE, EventLog


@dataclass(frozen=True)
class Rates:
    """Rates of some currencies over time.

    Attributes
    ----------
    reporting : str
        The currency that everything is expressed in; its own rate is 1.
    currencies : tuple of str
        Sorted.
    starts, since, rate : ndarray
        Per currency, sorted by date: from when (microseconds) which rate holds.
    """

    reporting: str
    currencies: tuple[str, ...]
    starts: Ints
    since: Ints
    rate: NDArray[np.float64]

    def of(self, currency: NDArray[np.object_], moment: Ints) -> NDArray[np.float64]:
        """Rate of each currency at each moment, shape (n,).

        Before the first dated rate of a currency its first rate holds.

        Raises
        ------
        DataError
            If the table has no rate for a currency that is asked for.
        """
        return self.of_code(self.code_of(currency), moment)

    def code_of(self, currency: NDArray[np.object_]) -> Codes:
        """Places of currencies in the table; -1 for the reporting currency and for "".

        Raises
        ------
        DataError
            If the table has no rate for a currency that is asked for.
        """
        code = pd.Index(self.currencies).get_indexer(pd.Index(currency))
        own = (currency == self.reporting) | (currency == "")
        lacking = sorted({str(c) for c in currency[(code < 0) & ~own]})
        if lacking:
            raise DataError(
                f"The rate table has no rate for {lacking}; it has {list(self.currencies)}. "
                "Add rows for them."
            )
        return np.where(own, -1, code).astype(np.int32)

    def of_code(self, code: Codes, moment: Ints) -> NDArray[np.float64]:
        """Rate of each currency, by its place from `code_of`, at each moment, shape (n,)."""
        if not len(self.currencies):
            return np.ones(len(code))
        position = last_known(self.starts, self.since, code, moment)
        first = self.starts[np.maximum(code, 0)]
        at = np.where(position < 0, first, position)
        return np.where(code < 0, 1.0, self.rate[at])


def read_rates(path: Path, reporting: str) -> Rates:
    """Read a rate table: CSV with the columns currency, date, rate.

    Raises
    ------
    NotFoundError
        If the file does not exist.
    DataError
        If it is no CSV file in UTF-8, a column is missing, or as `rates_from_table`.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no rate table at {path}. Check the path.")
    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(
            f"The rate table {path} is not a CSV file in UTF-8: {error}. Write currency,date,rate."
        ) from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    lacking = [name for name in ("currency", "date", "rate") if name not in table.columns]
    if lacking:
        raise DataError(
            f"The rate table {path} lacks the columns {lacking}; it has {list(table.columns)}. "
            "Write currency,date,rate."
        )
    return rates_from_table(table, reporting)


def rates_from_table(table: pd.DataFrame, reporting: str) -> Rates:
    """Rates from a table with the columns currency, date and rate.

    Raises
    ------
    DataError
        If there is no row, a currency is empty, a date or a rate cannot be read, a rate is not
        positive, or a currency has two rates for one date.
    """
    if not len(table):
        raise DataError("The rate table has no rows. Write one per currency and date.")
    dates = pa.array(
        table["date"].astype("string").str.strip(), pa.large_string(), from_pandas=True
    )
    since = parse_moments(dates, day_first=None, wall=True)
    if since.ambiguous:
        raise DataError(
            "Day and month of 'date' could change places in the rate table. Write dates like "
            "2024-01-31."
        )
    currency = table["currency"].fillna("").astype(str).str.strip().str.upper()
    rate = pd.to_numeric(table["rate"], errors="coerce").to_numpy(dtype=np.float64)
    wrong = (since.values == NONE) | ~(rate > 0) | ~np.isfinite(rate)
    wrong |= (currency == "").to_numpy()
    if wrong.any():
        raise bad_rows(
            "The currency is empty, or the date or rate is unreadable or not positive,",
            (np.flatnonzero(wrong) + 2).tolist(),
            len(table),
            "Mend them in the rate table.",
        )
    code, currencies = pd.factorize(currency, sort=True)
    order = np.lexsort((since.values, code))
    code, moment = code[order], since.values[order]
    twice = (np.diff(code) == 0) & (np.diff(moment) == 0) & (np.diff(rate[order]) != 0)
    if twice.any():
        raise bad_rows(
            "A currency has two rates for one date",
            (order[1:][twice] + 2).tolist(),
            len(table),
            "Leave one of them in the rate table.",
        )
    return Rates(
        reporting=reporting.upper(),
        currencies=tuple(str(c) for c in currencies),
        starts=starts_of(code.astype(np.int32), len(currencies)),
        since=moment,
        rate=rate[order],
    )


def currency_of_invoices(log: EventLog) -> NDArray[np.object_]:
    """Currency of each invoice: the first that any of its rows states; "" if none does."""
    level, _ = first_currency(log)
    levels = log.columns["CurrencyCode"].levels if "CurrencyCode" in log.columns else ()
    return np.array([*levels, ""], dtype=object)[level]


def first_currency(log: EventLog) -> tuple[Codes, Ints]:
    """The currency that each invoice states first, and since when it is known.

    Returns
    -------
    level : ndarray of int32, shape (n_invoices,)
        Codes into the levels of ``CurrencyCode``; -1 where none is stated.
    since : ndarray of int64, shape (n_invoices,)
        Microseconds; the largest number where none is stated.
    """
    level = np.full(log.n_invoices, -1, dtype=np.int32)
    since = np.full(log.n_invoices, np.iinfo(np.int64).max)
    column = log.columns.get("CurrencyCode")
    if column is not None:
        rows = log.of_invoice[column.stated()[log.of_invoice]][::-1]
        level[log.invoice[rows]] = column.values[rows]
        since[log.invoice[rows]] = log.known_at[rows]
    return level, since


@dataclass(frozen=True)
class InvoiceRates:
    """What an amount of an invoice is worth in the reporting currency, moment by moment.

    Attributes
    ----------
    log : EventLog
    rates : Rates
    """

    log: EventLog
    rates: Rates

    @lazy
    def _currency(self) -> tuple[Codes, Ints]:
        """Currency of each invoice as its place in the rate table, and since when it is known."""
        level, since = first_currency(self.log)
        column = self.log.columns.get("CurrencyCode")
        levels = () if column is None else column.levels
        used, place = np.unique(level, return_inverse=True)
        return self.rates.code_of(np.array([*levels, ""], dtype=object)[used])[place], since

    def at(self, invoice: Codes, moment: Ints) -> NDArray[np.float64]:
        """Rates of invoices at moments, shape (n,).

        A currency that is stated later is not known yet: the amount counts as it stands.
        """
        if not len(self.rates.currencies):
            return np.ones(len(invoice))
        code, since = self._currency
        stated = known_by(since[invoice], moment)
        return self.rates.of_code(np.where(stated, code[invoice], -1).astype(np.int32), moment)


def rates_for(log: EventLog, rates: Rates | None) -> Rates:
    """The rates under which a log's amounts can be added.

    A log in one currency needs none: that currency then is the reporting currency.

    Raises
    ------
    DataError
        If the log has several currencies and no rate table was given.
    """
    if rates is not None:
        return rates
    column = log.columns.get("CurrencyCode")
    used = [] if column is None else sorted(column.levels)
    if len(used) > 1:
        raise DataError(
            f"The log has amounts in {len(used)} currencies ({', '.join(used[:5])}) and no rate "
            "table, so they cannot be added. Give one with --rates FILE (currency,date,rate), and "
            'name the currency it converts to in the policy file: reporting_currency = "EUR".'
        )
    empty = np.empty(0, dtype=np.int64)
    return Rates(used[0] if used else "", (), np.zeros(1, np.int64), empty, np.ones(1))


def converted(money: Ints, rate: NDArray[np.float64]) -> Ints:
    """Money times rate, rounded to minor units; `NONE` becomes 0."""
    stated = np.where(money == NONE, 0, money)
    if (rate == 1.0).all():
        return stated
    exact: Ints = np.rint(stated * rate).astype(np.int64)
    return exact
