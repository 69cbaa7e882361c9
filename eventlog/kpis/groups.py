"""Into which group of a dimension each fact falls: segment, country, collector, company, …."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eventlog.errors import SettingsError
from eventlog.known import Ints, known_by
from eventlog.kpis.seen import Rows, Seen
from eventlog.log import EventLog
from eventlog.rates import first_currency
from eventlog.stated import NOT_STATED, last_stated, or_of_customer

#: Dimensions by the name that a user gives, and the column of the log behind each.
COLUMN_OF = {
    "segment": "CustomerSegment",
    "country": "Country",
    "collector": "CollectorAssigned",
    "company": "CompanyCode",
    "currency": "CurrencyCode",
    "customer group": "CustomerGroup",
}
MOST_GROUPS = 500


@dataclass(frozen=True)
class Dimension:
    """A way of cutting the totals.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Names of the groups, the last one being `NOT_STATED`.
    """

    name: str
    labels: tuple[str, ...]


def dimension_of(log: EventLog, name: str) -> Dimension:
    """A dimension by the name of `COLUMN_OF` or of any text column of the log.

    Raises
    ------
    SettingsError
        If the log has no such column, it holds no texts, or too many different ones.
    """
    plain = name.strip().replace("-", " ").replace("_", " ").lower()
    column_name = COLUMN_OF.get(plain, name)
    if column_name == "CompanyCode":
        companies = sorted({str(code) for code in log.invoice_keys["company"]} - {""})
        return Dimension(plain, (*companies, NOT_STATED))
    column = log.columns.get(column_name)
    if column is None or column.kind != "level":
        known = [key for key, value in COLUMN_OF.items() if value in log.columns]
        other = [
            key
            for key, value in log.columns.items()
            if value.kind == "level" and key not in COLUMN_OF.values()
        ]
        raise SettingsError(
            f"This log cannot be cut by '{name}': it has no text column {column_name}. Use one of "
            f"{[*known, 'company', *sorted(other)]}."
        )
    if len(column.levels) > MOST_GROUPS:
        raise SettingsError(
            f"'{name}' has {len(column.levels):,} different values, more than {MOST_GROUPS}. "
            "Choose a coarser dimension."
        )
    return Dimension(plain if plain in COLUMN_OF else name, (*column.levels, NOT_STATED))


def group_of(seen: Seen, rows: Rows, dimension: Dimension) -> Ints:
    """Place of each row's group among the dimension's labels, shape (n,).

    The last value that the invoice's own rows state by the row's moment counts; where they state
    none, the last that any row of its customer states by then.
    """
    if dimension.name not in rows.codes:
        rows.codes[dimension.name] = _group_of(seen, rows, dimension)
    return rows.codes[dimension.name]


def _group_of(seen: Seen, rows: Rows, dimension: Dimension) -> Ints:
    log, nobody = seen.log, len(dimension.labels) - 1
    column_name = COLUMN_OF.get(dimension.name, dimension.name)
    if column_name == "CompanyCode":
        labels = pd.Index(dimension.labels)
        of_customer = labels.get_indexer(pd.Index(log.customer_keys["company"].astype(str)))
        code = of_customer[rows.customer].astype(np.int64)
        return np.where(code < 0, nobody, code)
    if column_name == "CurrencyCode":  # an invoice keeps the currency that it stated first
        level, since = first_currency(log)
        stated = known_by(np.append(since, 0)[rows.invoice], rows.moment)
        own = np.where(stated, np.append(level, np.int32(-1))[rows.invoice], -1)
        code = or_of_customer(
            own.astype(np.int64), log, column_name, rows.customer, rows.moment, seen.stated
        )
    else:
        code = last_stated(log, column_name, rows.invoice, rows.customer, rows.moment, seen.stated)
    return np.where(code < 0, nobody, code)
