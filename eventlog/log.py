"""EventLog: the canonical columnar form of an event log, sorted, coded and read-only.

Raw data becomes canonical in `build_log` and nowhere else: entities and texts become codes, money
becomes int64 in ten-thousandths of the currency unit (as SQL's ``money`` does, so sums are exact),
times become int64 microseconds since 1970 UTC. Rows are sorted by (customer, invoice, known time,
event time, role, activity, what else they state), events of a customer without an invoice first, so
whatever is asked of one invoice or customer lies side by side, and the order of the source's rows
changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, known_by, starts_of
from eventlog.template import ATTRIBUTE_NAMED, DUE_DATE_PASSED, Role, role_of

Scalar = TypeVar("Scalar", bound=np.generic)

#: "Not stated" among int64 money and times.
NONE = np.iinfo(np.int64).min
#: Steps of money in one currency unit.
MINOR = 10_000
DAY = 86_400_000_000
END_OF_DAY = DAY - 1
EPOCH = pd.Timestamp("1970-01-01")


@dataclass(frozen=True)
class Column:
    """One attribute of the log, row by row.

    Attributes
    ----------
    kind : {'money', 'time', 'number', 'level'}
        How `values` are to be read: int64 minor units, int64 microseconds (`NONE` is "not
        stated" in both), float64 (NaN), or int32 codes into `levels` (-1).
    """

    kind: str
    values: NDArray[np.generic]
    levels: tuple[str, ...] = ()

    def take(self, rows: NDArray[np.generic]) -> Column:
        """The same column for some rows, by position or mask."""
        return replace(self, values=self.values[rows])

    def stated(self) -> NDArray[np.bool_]:
        """Mask of the rows on which a value stands."""
        if self.kind == "number":
            return ~np.isnan(self.values.astype(np.float64, copy=False))
        missing = -1 if self.kind == "level" else NONE
        return np.asarray(self.values != missing)


@dataclass(frozen=True)
class EventLog:
    """Events of invoices and customers; see the module for order and units.

    Attributes
    ----------
    invoice, customer : ndarray of int32, shape (n_events,)
        Codes into `invoice_keys` and `customer_keys`; invoice -1 on events of a customer alone.
    activity : ndarray of int16, shape (n_events,)
        Codes into `activities`.
    event_time, known_at : ndarray of int64, shape (n_events,)
        Microseconds since 1970 UTC; `known_at` is the later of event and recording.
    row : ndarray of int64, shape (n_events,)
        Row of the source file, its first data row being 0; -1 for calculated events.
    columns : mapping of str to Column
        Attributes in the template's names, then whatever else the source had.
    invoice_keys : DataFrame of shape (n_invoices,), columns company, invoice
    invoice_customer : ndarray of int32, shape (n_invoices,)
        Whom each invoice belongs to.
    customer_keys : DataFrame of shape (n_customers,), columns company, customer
    ends_at : int
        Up to when the log says what happened.
    has_customers : bool
        False where the source names no customer and each invoice stands for its own.
    """

    invoice: Codes
    customer: Codes
    activity: NDArray[np.int16]
    event_time: Ints
    known_at: Ints
    row: Ints
    columns: Mapping[str, Column]
    activities: tuple[str, ...]
    invoice_keys: pd.DataFrame
    invoice_customer: Codes
    customer_keys: pd.DataFrame
    ends_at: int
    has_customers: bool = True

    def __len__(self) -> int:
        """Number of events."""
        return len(self.invoice)

    @property
    def n_invoices(self) -> int:
        """Number of invoices."""
        return len(self.invoice_keys)

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return len(self.customer_keys)

    @cached_property
    def role(self) -> NDArray[np.int8]:
        """Role of each event's activity."""
        roles = np.array([role_of(name) for name in self.activities], dtype=np.int8)
        return roles[self.activity] if len(roles) else np.empty(0, dtype=np.int8)

    @cached_property
    def of_invoice(self) -> Ints:
        """Positions of the events that belong to an invoice, in (invoice, known time) order."""
        return np.flatnonzero(self.invoice >= 0)

    @cached_property
    def of_customer_alone(self) -> Ints:
        """Positions of the events without an invoice, in (customer, known time) order."""
        return np.flatnonzero(self.invoice < 0)

    @cached_property
    def invoice_starts(self) -> Ints:
        """Where each invoice begins among the positions `of_invoice`."""
        return starts_of(self.invoice[self.of_invoice], self.n_invoices)

    def money(self, name: str) -> Ints:
        """A money column in minor units; `NONE` everywhere if the log lacks it."""
        return self._ints(name)

    def times(self, name: str) -> Ints:
        """A date or time column in microseconds; `NONE` everywhere if the log lacks it."""
        return self._ints(name)

    def _ints(self, name: str) -> Ints:
        column = self.columns.get(name)
        if column is None:
            return np.full(len(self), NONE, dtype=np.int64)
        return column.values.astype(np.int64, copy=False)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what the log says, 16 hexadecimal digits; the same for equal logs."""
        digest = hashlib.sha256()
        for values in (self.invoice, self.customer, self.activity, self.event_time, self.known_at):
            digest.update(np.ascontiguousarray(values).tobytes())
        for name in sorted(self.columns):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.columns[name].values).tobytes())
        return digest.hexdigest()[:16]

    def upto(self, cutoff: int) -> EventLog:
        """The log as it stood at a cutoff: only what was known then, ending then.

        Codes keep their meaning (invoices not yet known are still listed in `invoice_keys`), so
        results for the full and the cut log can be laid side by side.
        """
        keep = known_by(self.known_at, cutoff)
        return replace(
            self,
            invoice=self.invoice[keep],
            customer=self.customer[keep],
            activity=self.activity[keep],
            event_time=self.event_time[keep],
            known_at=self.known_at[keep],
            row=self.row[keep],
            columns={name: column.take(keep) for name, column in self.columns.items()},
            ends_at=min(self.ends_at, cutoff),
        )

    def of_customers(self, first: int, last: int) -> EventLog:
        """The part of the log that is of the customers with codes in ``[first, last)``.

        Nothing but codes is copied: customers, invoices and events lie side by side. Invoices and
        customers are counted anew from 0; levels and activities keep their codes.
        """
        begin, end = np.searchsorted(self.customer, [first, last])
        since, until = np.searchsorted(self.invoice_customer, [first, last])
        rows = slice(int(begin), int(end))
        invoice = self.invoice[rows]
        return replace(
            self,
            invoice=np.where(invoice >= 0, invoice - np.int32(since), np.int32(-1)),
            customer=self.customer[rows] - np.int32(first),
            activity=self.activity[rows],
            event_time=self.event_time[rows],
            known_at=self.known_at[rows],
            row=self.row[rows],
            columns={
                name: replace(column, values=column.values[rows])
                for name, column in self.columns.items()
            },
            invoice_keys=self.invoice_keys.iloc[since:until],
            invoice_customer=self.invoice_customer[since:until] - np.int32(first),
            customer_keys=self.customer_keys.iloc[first:last],
        )


def micros(moment: object) -> int:
    """Microseconds since 1970 UTC of a date, a text or a Timestamp; naive ones are UTC."""
    stamp = pd.Timestamp(moment)  # type: ignore[arg-type]
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return int((stamp - EPOCH) // pd.Timedelta(microseconds=1))


def timestamp(moment: int) -> pd.Timestamp:
    """Timestamp (naive, UTC) of a moment in microseconds."""
    return EPOCH + pd.Timedelta(microseconds=int(moment))


def datetimes(moments: Ints) -> NDArray[np.datetime64]:
    """datetime64[us] array of moments in microseconds; `NONE` becomes NaT."""
    return moments.view("datetime64[us]")


def units(money: Ints) -> NDArray[np.float64]:
    """Money in currency units, for show and for features; `NONE` becomes NaN."""
    return np.where(money == NONE, np.nan, money / MINOR)


def _placed_in_day(moments: Ints, issuing: NDArray[np.bool_]) -> Ints:
    """Put dates without a time at the start (issuing) or the end (all others) of their day."""
    date_only = (moments % DAY == 0) & (moments != NONE)
    placed: Ints = np.where(date_only & ~issuing, moments + END_OF_DAY, moments)
    return placed


def build_log(
    *,
    invoice: pd.DataFrame,
    customer: pd.DataFrame,
    activity: pd.Series[str],
    event_time: Ints,
    recorded_time: Ints,
    columns: Mapping[str, Column],
    row: Ints | None = None,
    ends_at: int | None = None,
    has_customers: bool = True,
) -> EventLog:
    """Sort and code clean rows into an `EventLog`.

    Parameters
    ----------
    invoice : DataFrame of shape (n_events,), columns company, invoice (text)
        ``invoice`` empty ("") on events of a customer alone; ``company`` "" where none is stated.
    customer : DataFrame of shape (n_events,), columns company, customer (text)
        ``customer`` "" where the row does not say; the invoice's other rows then do. The customer
        that an invoice's first known row states holds for all its rows.
    activity : Series of str, shape (n_events,)
    event_time, recorded_time : ndarray of int64, shape (n_events,)
        Microseconds; `recorded_time` may hold `NONE`. Exact midnights are dates without a time.
    columns : mapping of str to Column
    row : ndarray of int64, optional
    ends_at : int, optional
        Default: the last known time.

    Notes
    -----
    "Payment Due Date Passed" rows are dropped here: the ledger calculates that event itself
    (a stated one may have been made from an outcome).
    """
    n = len(activity)
    rows = np.arange(n, dtype=np.int64) if row is None else row
    names = activity.astype(object).to_numpy()
    keep = names != DUE_DATE_PASSED
    if not keep.all():
        return build_log(
            invoice=invoice.loc[keep].reset_index(drop=True),
            customer=customer.loc[keep].reset_index(drop=True),
            activity=activity.loc[keep].reset_index(drop=True),
            event_time=event_time[keep],
            recorded_time=recorded_time[keep],
            columns={name: column.take(keep) for name, column in columns.items()},
            row=rows[keep],
            ends_at=ends_at,
            has_customers=has_customers,
        )

    activity_code, activities = pd.factorize(names, sort=True)
    roles = np.array([role_of(name) for name in activities], dtype=np.int8)
    role = roles[activity_code] if n else np.empty(0, dtype=np.int8)
    issuing = np.isin(role, (Role.GENERATED, Role.POSTED))
    happened = _placed_in_day(event_time, issuing)
    recorded = _placed_in_day(recorded_time, issuing)
    known = np.maximum(happened, recorded)

    invoice_code, invoice_keys = _keys(invoice, "invoice")
    customer_code, customer_keys = _keys(customer, "customer")
    owner = _first_stated(invoice_code, customer_code, known, len(invoice_keys))
    orphans = owner < 0
    if orphans.any():  # an invoice that never names a customer stands for its own
        own = invoice_keys.loc[orphans].rename(columns={"invoice": "customer"})
        own["customer"] = "invoice " + own["customer"]
        owner[orphans] = len(customer_keys) + np.arange(int(orphans.sum()))
        customer_keys = pd.concat([customer_keys, own], ignore_index=True)
    customer_of_row = np.where(invoice_code >= 0, np.append(owner, -1)[invoice_code], customer_code)

    # Customers in key order, invoices side by side within their customer.
    order_of_invoices = np.argsort(owner, kind="stable")
    new_code = np.empty(len(owner) + 1, dtype=np.int32)
    new_code[order_of_invoices] = np.arange(len(owner), dtype=np.int32)
    new_code[-1] = -1
    invoice_code = new_code[invoice_code].astype(np.int64)
    keys = (activity_code, role, happened, known, invoice_code, customer_of_row)
    order = _untied(np.lexsort((rows, *keys)), keys, columns)

    return EventLog(
        invoice=_fixed(invoice_code[order].astype(np.int32)),
        customer=_fixed(customer_of_row[order].astype(np.int32)),
        activity=_fixed(activity_code[order].astype(np.int16)),
        event_time=_fixed(happened[order]),
        known_at=_fixed(known[order]),
        row=_fixed(rows[order]),
        columns={name: column.take(order) for name, column in columns.items()},
        activities=tuple(str(name) for name in activities),
        invoice_keys=invoice_keys.iloc[order_of_invoices].reset_index(drop=True),
        invoice_customer=_fixed(owner[order_of_invoices].astype(np.int32)),
        customer_keys=customer_keys.reset_index(drop=True),
        ends_at=int(known.max()) if ends_at is None else ends_at,
        has_customers=has_customers,
    )


def _untied(
    order: NDArray[np.intp], keys: tuple[NDArray[np.generic], ...], columns: Mapping[str, Column]
) -> NDArray[np.intp]:
    """The order, rows with equal keys by what their columns state instead of by their place."""
    tied = np.ones(max(len(order) - 1, 0), dtype=bool)
    for key in keys:
        ranked = key[order]
        tied &= ranked[1:] == ranked[:-1]
    places = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
    if len(places):
        rows = order[places]
        names = sorted(columns, key=lambda name: (name not in ATTRIBUTE_NAMED, name), reverse=True)
        stated = [columns[name].values[rows] for name in names]
        order[places] = rows[np.lexsort((*stated, *(key[rows] for key in keys)))]
    return order


def _fixed(values: NDArray[Scalar]) -> NDArray[Scalar]:
    values.setflags(write=False)
    return values


def _keys(pairs: pd.DataFrame, name: str) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Codes of (company, name) pairs, sorted, and the pairs; -1 where the name is empty."""
    company, companies = pd.factorize(pairs["company"].to_numpy(dtype=object), sort=True)
    value, values = pd.factorize(pairs[name].to_numpy(dtype=object), sort=True)
    joint = company.astype(np.int64) * max(len(values), 1) + value
    if len(values) and (empty := np.flatnonzero(values == "")).size:
        joint = np.where(value == empty[0], -1, joint)
    present = np.unique(joint[joint >= 0])
    code = np.where(joint >= 0, np.searchsorted(present, joint), -1)
    keys = pd.DataFrame(
        {
            "company": companies[present // max(len(values), 1)],
            name: values[present % max(len(values), 1)],
        }
    )
    return code, keys


def _first_stated(
    invoice: NDArray[np.int64], customer: NDArray[np.int64], known: Ints, n_invoices: int
) -> NDArray[np.int64]:
    """Customer on the first known row of each invoice that states one; -1 if none does."""
    owner = np.full(n_invoices, -1, dtype=np.int64)
    rows = np.flatnonzero((invoice >= 0) & (customer >= 0))
    owner[invoice[rows]] = customer[rows]
    if (owner[invoice[rows]] != customer[rows]).any():
        rows = rows[np.lexsort((customer[rows], known[rows]))[::-1]]
        owner[invoice[rows]] = customer[rows]
    return owner
