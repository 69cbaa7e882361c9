"""What was read: how many rows and which, whether the money ties, and what was assumed."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.cells import guard
from eventlog.dates import Mask
from eventlog.errors import DataError
from eventlog.findings import no_findings
from eventlog.known import Ints
from eventlog.log import DAY, END_OF_DAY, MINOR, NONE, Column, EventLog, timestamp
from eventlog.order import side_by_side
from eventlog.template import ACTIVITY_NAMED, ATTRIBUTES

#: Money columns whose totals are followed through reading.
TOTALLED = ("InvoiceAmount", "PaymentAmount")
#: How the customer of an invoice that names none is called: this and its number.
UNNAMED = "invoice "
_SHOWN = 20
#: Findings that go out as JSON; how many there are of each kind is told beside them.
_LISTED = 10_000


@dataclass(frozen=True, eq=False)
class ReadSummary:
    """What reading a log came to.

    Attributes
    ----------
    source : str
    rows_read, rows_kept, rows_quarantined, rows_calculated : int
        The last three add up to the first. Calculated rows are "Payment Due Date Passed", which
        the ledger works out itself.
    quarantine : DataFrame of shape (rows_quarantined, n), columns line, reason, then the source's
        Rows set aside; see `eventlog.quarantine.quarantine_of`.
    events, invoices, customers, companies : int
        Of the log; customers are those that the source names.
    period : tuple of Timestamp
        First and last event.
    log_end : Timestamp
        Up to when the log says what happened.
    template_activities, unknown_activities : mapping of str to int
        Events by activity, most frequent first.
    template_columns, missing_recommended : tuple of str
    additional_columns : mapping of str to str
        Columns the template does not know, and their kinds.
    repeats : int
        Events that say nothing but what an earlier one said; they are kept.
    totals : DataFrame, columns column, currency, read, kept, quarantined, calculated, unreadable
        Exact sums (`decimal.Decimal`, in currency units) of the cells of InvoiceAmount and
        PaymentAmount, so that ``read = kept + quarantined``; calculated rows are in neither.
        ``unreadable`` counts cells that are no amount and are in no sum.
    notes : tuple of str
        What was assumed or noticed, a sentence each.
    findings : DataFrame, columns severity, mistake, cell, line, column, what, remedy
        What is wrong, cell by cell; see `eventlog.mistakes`. Errors always, warnings if asked for.
    rows_blank : int
        Blank rows among those of a sheet; they are no rows read.
    """

    source: str
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    rows_calculated: int
    quarantine: pd.DataFrame
    events: int
    invoices: int
    customers: int
    companies: int
    period: tuple[pd.Timestamp, pd.Timestamp]
    log_end: pd.Timestamp
    template_activities: Mapping[str, int]
    unknown_activities: Mapping[str, int]
    template_columns: tuple[str, ...]
    additional_columns: Mapping[str, str]
    missing_recommended: tuple[str, ...]
    repeats: int
    totals: pd.DataFrame
    notes: tuple[str, ...]
    findings: pd.DataFrame = field(default_factory=no_findings)
    rows_blank: int = 0

    def write_quarantine(self, path: str | Path) -> None:
        """Write the rows set aside as CSV; cells that a spreadsheet would run are guarded.

        Raises
        ------
        DataError
            If the name does not end in .csv or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".csv":
            raise DataError(f"{path.name} is no CSV file. Name the quarantine something.csv.")
        texts = {
            name: guard(pa.array(column.astype("str"), pa.large_string(), from_pandas=True))
            if column.dtype.kind not in "iufM"
            else column
            for name, column in self.quarantine.items()
        }
        frame = pd.DataFrame({name: pd.Series(column) for name, column in texts.items()})
        try:
            frame.to_csv(path, index=False, encoding="utf-8-sig")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}. Check it.") from error

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: money as texts, moments in ISO 8601, the first rows set aside."""
        shown = self.quarantine[["line", "reason"]].head(_SHOWN)
        return {
            "source": self.source,
            "rows": {
                "read": self.rows_read,
                "kept": self.rows_kept,
                "quarantined": self.rows_quarantined,
                "calculated": self.rows_calculated,
                "repeats": self.repeats,
                "blank": self.rows_blank,
            },
            "events": self.events,
            "invoices": self.invoices,
            "customers": self.customers,
            "companies": self.companies,
            "period": [moment.isoformat() for moment in self.period],
            "log_end": self.log_end.isoformat(),
            "activities": {
                "template": dict(self.template_activities),
                "unknown": dict(self.unknown_activities),
            },
            "columns": {
                "template": list(self.template_columns),
                "additional": dict(self.additional_columns),
                "missing_recommended": list(self.missing_recommended),
            },
            "totals": [
                {str(k): str(v) if isinstance(v, decimal.Decimal) else v for k, v in row.items()}
                for row in self.totals.to_dict("records")
            ],
            "quarantine": [
                {"line": int(line), "reason": reason}
                for line, reason in zip(shown["line"], shown["reason"], strict=True)
            ],
            "findings": self.findings.head(_LISTED).to_dict("records"),
            "findings_by_mistake": self.findings["mistake"].value_counts().to_dict(),
            "notes": list(self.notes),
        }


def totals_of(
    money: Mapping[str, tuple[Ints, Mask]],
    currency: Column | None,
    *,
    aside: Mask,
    calculated: Mask,
    log: EventLog,
) -> pd.DataFrame:
    """Sums of money as read and as kept, by column and currency.

    Parameters
    ----------
    money : mapping of str to (ndarray of int64, ndarray of bool)
        Amounts and unreadable cells of all rows of the source.
    currency : Column or None
        Of all rows of the source.
    aside, calculated : ndarray of bool
        Rows set aside, and rows left out as calculated.
    log : EventLog
        What was kept, summed anew, so that nothing can be lost on the way unseen.

    Returns
    -------
    DataFrame
        As `ReadSummary.totals`.
    """
    code, names = _codes(currency, len(aside))
    state = code * 3 + aside + 2 * calculated
    kept_code, kept_names = _codes(log.columns.get("CurrencyCode"), len(log))
    rows = []
    summed = side_by_side(
        lambda column: (
            _sums(money[column][0], state, 3 * len(names)),
            _sums(log.money(column), kept_code, len(kept_names)),
        ),
        list(money),
        len(state),
    )
    for (column, (amounts, unreadable)), (by_state, kept_sums) in zip(
        money.items(), summed, strict=True
    ):
        kept = dict(zip(kept_names, kept_sums, strict=True))
        spoilt = np.bincount(code[unreadable], minlength=len(names))
        stated = np.bincount(code[amounts != NONE], minlength=len(names))
        rows += [
            {
                "column": column,
                "currency": names[place],
                "read": by_state[3 * place] + by_state[3 * place + 1],
                "kept": kept.get(names[place], decimal.Decimal(0)),
                "quarantined": by_state[3 * place + 1],
                "calculated": by_state[3 * place + 2],
                "unreadable": int(spoilt[place]),
            }
            for place in np.flatnonzero((spoilt > 0) | (stated > 0))
        ]
    columns = ["column", "currency", "read", "kept", "quarantined", "calculated", "unreadable"]
    return pd.DataFrame(rows, columns=columns)


def _codes(currency: Column | None, n_rows: int) -> tuple[Ints, list[str]]:
    if currency is None:
        return np.zeros(n_rows, dtype=np.int64), [""]
    return currency.values.astype(np.int64) + 1, ["", *currency.levels]


def _sums(amounts: Ints, code: Ints, n_codes: int) -> list[decimal.Decimal]:
    """Exact sums by code, however large they grow."""
    high, low = _halves(amounts, code, n_codes)
    sums = zip(high.tolist(), low.tolist(), strict=True)
    return [decimal.Decimal((above << 32) + below) / MINOR for above, below in sums]


@numba.njit(cache=True, nogil=True)
def _halves(
    amounts: Ints, code: Ints, n_codes: int
) -> tuple[Ints, Ints]:  # pragma: no cover - compiled
    """Sums of the upper and the lower 32 bits, neither of which can outgrow an int64."""
    high, low = np.zeros(n_codes, dtype=np.int64), np.zeros(n_codes, dtype=np.int64)
    for i in range(len(amounts)):
        if amounts[i] != NONE:
            high[code[i]] += amounts[i] >> 32
            low[code[i]] += amounts[i] & 0xFFFFFFFF
    return high, low


def activity_counts(log: EventLog) -> tuple[dict[str, int], dict[str, int]]:
    """Events by activity, most frequent first: the template's, and all others."""
    counts = np.bincount(log.activity, minlength=len(log.activities))
    ranked = sorted(zip(log.activities, counts.tolist(), strict=True), key=lambda x: (-x[1], x[0]))
    known = {name: count for name, count in ranked if name in ACTIVITY_NAMED}
    return known, {name: count for name, count in ranked if name not in ACTIVITY_NAMED}


def repeated(log: EventLog) -> Ints:
    """Positions of the events that are identical to an earlier one in every attribute."""
    keys = (log.invoice, log.customer, log.activity, log.event_time, log.known_at)
    alike = np.ones(max(len(log) - 1, 0), dtype=bool)
    for key in keys:
        alike &= key[1:] == key[:-1]
    # The log is sorted by these keys, so only neighbours can be identical.
    rows = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for values in (*keys, *(column.values for column in log.columns.values())):
        part: NDArray[np.generic] = np.asarray(values)[rows]
        bits = part.view(np.uint64) if part.dtype.itemsize == 8 else part.astype(np.uint64)
        mixed = (mixed ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(31)
    return rows[pd.Series(mixed).duplicated().to_numpy()]


def count_repeats(log: EventLog) -> int:
    """How many events are identical to an earlier one in every attribute."""
    return len(repeated(log))


def unnamed_customers(log: EventLog) -> Mask:
    """Which customers stand for an invoice that names none, shape (n_customers,).

    `eventlog.log.build_log` puts them last and names them after their invoice.
    """
    names = log.customer_keys["customer"].to_numpy(dtype=object)
    last = np.full(len(names), -1, dtype=np.int64)
    last[log.invoice_customer] = np.arange(log.n_invoices)
    own = np.append(log.invoice_keys["invoice"].iloc[last[last >= 0]].to_numpy(dtype=object), "")
    own = own[np.where(last >= 0, np.cumsum(last >= 0) - 1, -1)]
    several = np.bincount(log.invoice_customer, minlength=len(names)) != 1
    others = np.flatnonzero(several | (names != UNNAMED + own))
    unnamed = np.zeros(len(names), dtype=bool)
    unnamed[others[-1] + 1 if len(others) else 0 :] = True
    return unnamed


def missing_recommended(columns: Iterable[str]) -> tuple[str, ...]:
    """Recommended attributes that a source lacks."""
    have = set(columns)
    return tuple(a.name for a in ATTRIBUTES if a.need == "recommended" and a.name not in have)


def shown_moment(moment: int) -> pd.Timestamp:
    """A moment for show: to the second; the end of a day stands for its date."""
    return timestamp(moment - END_OF_DAY if moment % DAY == END_OF_DAY else moment).floor("s")
