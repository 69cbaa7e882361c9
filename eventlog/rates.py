"""Exchange rates: amounts of several currencies in one reporting currency.

A rate says how many units of the reporting currency one unit of a currency is worth from a date
on, until the next one. Amounts are converted where they are added, never where they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import DataError, NotFoundError
from eventlog.known import Codes, Ints, last_known, starts_of
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
        known = pd.Index(self.currencies)
        code = known.get_indexer(pd.Index(currency))
        own = (currency == self.reporting) | (currency == "")
        lacking = sorted({str(c) for c in currency[(code < 0) & ~own]})
        if lacking:
            raise DataError(
                f"The rate table has no rate for {lacking}; it has {list(self.currencies)}. "
                "Add rows for them."
            )
        asked: Codes = np.where(own, -1, code).astype(np.int32)
        position = last_known(self.starts, self.since, asked, moment)
        first = self.starts[np.maximum(asked, 0)]
        at = np.where(position < 0, first, position)
        return np.where(own, 1.0, self.rate[np.minimum(at, max(len(self.rate) - 1, 0))])


def read_rates(path: Path, reporting: str) -> Rates:
    """Read a rate table: CSV with the columns currency, date, rate.

    Raises
    ------
    NotFoundError
        If the file does not exist.
    DataError
        If a column is missing, a date or rate cannot be read, or a rate is not positive.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no rate table at {path}. Check the path.")
    table = pd.read_csv(path, dtype=str)
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
        If a date or a rate cannot be read, or a rate is not positive.
    """
    since = pd.to_datetime(table["date"], errors="coerce", utc=True).dt.tz_localize(None)
    rate = pd.to_numeric(table["rate"], errors="coerce").to_numpy(dtype=np.float64)
    wrong = since.isna().to_numpy() | ~(rate > 0) | ~np.isfinite(rate)
    if wrong.any():
        lines = (np.flatnonzero(wrong) + 2)[:5].tolist()
        raise DataError(
            f"The date or rate is unreadable or not positive in {int(wrong.sum())} of "
            f"{len(table)} rows of the rate table (lines {lines}). Mend them."
        )
    code, currencies = pd.factorize(table["currency"].astype(str).str.strip(), sort=True)
    moment: Ints = since.to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((moment, code))
    return Rates(
        reporting=reporting,
        currencies=tuple(str(c) for c in currencies),
        starts=starts_of(code[order].astype(np.int32), len(currencies)),
        since=moment[order],
        rate=rate[order],
    )


def currency_of_invoices(log: EventLog) -> NDArray[np.object_]:
    """Currency of each invoice: the first that any of its rows states; "" if none does."""
    found = np.full(log.n_invoices, "", dtype=object)
    column = log.columns.get("CurrencyCode")
    if column is None or not column.levels:
        return found
    rows = log.of_invoice[column.stated()[log.of_invoice]][::-1]
    code = column.values.astype(np.int64)[rows]
    found[log.invoice[rows]] = np.array(column.levels, dtype=object)[code]
    return found


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
            "table, so they cannot be added. Give one with --rates FILE (currency,date,rate)."
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
