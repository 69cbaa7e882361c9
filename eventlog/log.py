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
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, known_by, starts_of
from eventlog.lazy import lazy
from eventlog.order import in_order, occurring, picked, side_by_side
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

    @lazy
    def role(self) -> NDArray[np.int8]:
        """Role of each event's activity."""
        roles = np.array([role_of(name) for name in self.activities], dtype=np.int8)
        return roles[self.activity] if len(roles) else np.empty(0, dtype=np.int8)

    @lazy
    def of_invoice(self) -> Ints:
        """Positions of the events that belong to an invoice, in (invoice, known time) order."""
        return np.flatnonzero(self.invoice >= 0)

    @lazy
    def of_customer_alone(self) -> Ints:
        """Positions of the events without an invoice, in (customer, known time) order."""
        return np.flatnonzero(self.invoice < 0)

    @lazy
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

    @lazy
    def fingerprint(self) -> str:
        """Hash of what the log says, 16 hexadecimal digits; the same for equal logs."""
        digest = hashlib.sha256(f"{self.ends_at} {self.has_customers}".encode())
        names: list[Iterable[object]] = [self.activities]
        for keys in (self.invoice_keys, self.customer_keys):
            names += [keys[name] for name in keys]
        names += [self.columns[name].levels for name in sorted(self.columns)]
        for texts in names:
            digest.update("\x1f".join(map(str, texts)).encode() + b"\x1e")
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
        if keep.all():
            return self if cutoff >= self.ends_at else replace(self, ends_at=cutoff)
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
        ends = np.array([first, last], dtype=np.int32)  # of another type, all would be converted
        begin, end = np.searchsorted(self.customer, ends)
        since, until = np.searchsorted(self.invoice_customer, ends)
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


def build_log(
    *,
    invoice: Column,
    customer: Column,
    activity: Column,
    event_time: Ints,
    recorded_time: Ints | None = None,
    columns: Mapping[str, Column],
    company: Column | None = None,
    row: Ints | None = None,
    ends_at: int | None = None,
    has_customers: bool = True,
) -> EventLog:
    """Sort and code clean rows into an `EventLog`.

    Parameters
    ----------
    invoice : Column of levels, shape (n_events,)
        Empty (-1) on events of a customer alone. An invoice is a (company, invoice) pair.
    customer : Column of levels, shape (n_events,)
        Empty where the row does not say; the invoice's other rows then do. The customer that an
        invoice's first known row states holds for all its rows.
    activity : Column of levels, shape (n_events,)
        Stated on every row.
    event_time, recorded_time : ndarray of int64, shape (n_events,)
        Microseconds; `recorded_time` may hold `NONE`. Exact midnights are dates without a time.
    columns : mapping of str to Column
    company : Column of levels, shape (n_events,), optional
        Empty where none is stated.
    row : ndarray of int64, optional
        Ascending.
    ends_at : int, optional
        Default: the last known time.

    Notes
    -----
    Levels are distinct texts in any order. "Payment Due Date Passed" rows are dropped here: the
    ledger calculates that event itself (a stated one may have been made from an outcome).
    """
    n = len(activity.values)
    rows = np.arange(n, dtype=np.int64) if row is None else row
    if DUE_DATE_PASSED in activity.levels:
        keep = activity.values != activity.levels.index(DUE_DATE_PASSED)
        return build_log(
            invoice=invoice.take(keep),
            customer=customer.take(keep),
            activity=replace(
                activity.take(keep),
                levels=tuple("" if x == DUE_DATE_PASSED else x for x in activity.levels),
            ),
            event_time=event_time[keep],
            recorded_time=None if recorded_time is None else recorded_time[keep],
            columns={name: column.take(keep) for name, column in columns.items()},
            company=company.take(keep) if company else None,
            row=rows[keep],
            ends_at=ends_at,
            has_customers=has_customers,
        )

    company_code, companies = (
        _ranked(company) if company else (np.zeros(n, dtype=np.int32), np.array([""], dtype=object))
    )
    with ThreadPoolExecutor(1) as other:  # sorting invoice numbers takes as long as all the rest
        invoices = other.submit(_keys, company_code, companies, invoice, "invoice")
        customer_code, customer_keys = _keys(company_code, companies, customer, "customer")
        activity_code, activities = _ranked(activity)
        roles = np.array([role_of(name) for name in activities], dtype=np.int8)
        issuing = np.isin(roles, (Role.GENERATED, Role.POSTED))
        recorded = np.empty(0, dtype=np.int64) if recorded_time is None else recorded_time
        happened, known = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        _place_in_day(activity_code, issuing, event_time, recorded, happened, known)
        invoice_code, invoice_keys = invoices.result()
    owner = _first_stated(invoice_code, customer_code, known, len(invoice_keys))
    orphans = owner < 0
    if orphans.any():  # an invoice that never names a customer stands for its own
        own = invoice_keys.loc[orphans].rename(columns={"invoice": "customer"})
        own["customer"] = "invoice " + own["customer"]
        owner[orphans] = len(customer_keys) + np.arange(int(orphans.sum()))
        customer_keys = pd.concat([customer_keys, own], ignore_index=True)

    # Customers in key order, invoices side by side within their customer.
    order_of_invoices = np.argsort(owner, kind="stable")
    invoice_customer: Codes = owner[order_of_invoices].astype(np.int32)
    n_invoices, n_customers = len(owner), len(customer_keys)
    new_code = np.empty(n_invoices, dtype=np.int32)
    new_code[order_of_invoices] = np.arange(n_invoices, dtype=np.int32)
    group_of_invoice, group_of_customer, invoice_of, customer_of = _groups(
        invoice_customer, n_customers
    )
    group = np.where(
        invoice_code >= 0,
        picked(np.append(group_of_invoice[new_code], np.int32(0)), invoice_code),
        picked(np.append(group_of_customer, np.int32(0)), customer_code),
    )
    by_role = np.lexsort((np.arange(len(roles)), roles)).astype(np.int16)
    rank = np.empty(len(roles), dtype=np.int16)
    rank[by_role] = np.arange(len(roles), dtype=np.int16)
    ordered = in_order(group, known, happened, picked(rank, activity_code), len(invoice_of))
    order = _untied(ordered.rows, ordered.tied, columns)

    names = list(columns)
    taken = side_by_side(
        lambda name: replace(columns[name], values=picked(columns[name].values, order)), names, n
    )
    return EventLog(
        invoice=_fixed(picked(invoice_of, ordered.group)),
        customer=_fixed(picked(customer_of, ordered.group)),
        activity=_fixed(picked(by_role, ordered.rank)),
        event_time=_fixed(ordered.happened),
        known_at=_fixed(ordered.known),
        row=_fixed(picked(rows, order)),
        columns=dict(zip(names, taken, strict=True)),
        activities=tuple(str(name) for name in activities),
        invoice_keys=invoice_keys.iloc[order_of_invoices].reset_index(drop=True),
        invoice_customer=_fixed(invoice_customer),
        customer_keys=customer_keys.reset_index(drop=True),
        ends_at=int(known.max()) if ends_at is None else ends_at,
        has_customers=has_customers,
    )


@numba.njit(cache=True, nogil=True)
def _place_in_day(
    activity: Codes,
    issuing: NDArray[np.bool_],
    event_time: Ints,
    recorded_time: Ints,
    happened: Ints,
    known: Ints,
) -> None:  # pragma: no cover - compiled
    """Put dates without a time at the start (issuing) or the end (all others) of their day."""
    for i in range(len(activity)):
        end = 0 if issuing[activity[i]] else END_OF_DAY
        moment = event_time[i]
        happened[i] = moment + end if moment % DAY == 0 and moment != NONE else moment
        known[i] = happened[i]
        if len(recorded_time):
            moment = recorded_time[i]
            if moment % DAY == 0 and moment != NONE:
                moment += end
            known[i] = max(known[i], moment)


def _untied(order: Ints, tied: NDArray[np.bool_], columns: Mapping[str, Column]) -> Ints:
    """The order, tied rows by what their columns state instead of by their place."""
    places = np.flatnonzero(tied | np.append(tied[1:], False))
    if len(places):
        rows, run = order[places], np.cumsum(~tied[places])
        names = sorted(columns, key=lambda name: (name not in ATTRIBUTE_NAMED, name), reverse=True)
        stated = [columns[name].values[rows] for name in names]
        order[places] = rows[np.lexsort((*stated, run))]
    return order


def _fixed(values: NDArray[Scalar]) -> NDArray[Scalar]:
    values.setflags(write=False)
    return values


def _ranked(column: Column) -> tuple[Codes, NDArray[np.object_]]:
    """Codes into the sorted levels that some row has, and those; "" stands for no level."""
    codes = column.values.astype(np.int32, copy=False)
    levels = np.array([*column.levels, ""], dtype=object)
    used = occurring(codes, len(column.levels))
    used = used[np.argsort(levels[used], kind="stable")]
    rank = np.zeros(len(levels), dtype=np.int32)
    rank[used] = np.arange(len(used), dtype=np.int32)
    return picked(rank, codes), levels[used]


def _keys(
    company: Codes, companies: NDArray[np.object_], column: Column, name: str
) -> tuple[Codes, pd.DataFrame]:
    """Codes of (company, name) pairs, sorted, and the pairs; -1 where the name is empty."""
    levels = pa.array(column.levels, pa.large_string())
    by_text = pc.array_sort_indices(levels).to_numpy().astype(np.int64)
    rank = np.empty(len(levels) + 1, dtype=np.int64)
    rank[by_text] = np.arange(len(levels))
    rank[-1] = -1
    n_levels = max(len(levels), 1)
    joint = np.empty(len(company), dtype=np.int64)
    _join(company, column.values.astype(np.int32, copy=False), rank, n_levels, joint)
    room = len(companies) * n_levels
    if room <= 4 * len(joint):  # marking what occurs is quicker than sorting it
        occurs = np.zeros(room + 1, dtype=bool)
        occurs[joint] = True
        present = np.flatnonzero(occurs[:room])
        code_of = np.full(room + 1, -1, dtype=np.int32)
        code_of[present] = np.arange(len(present), dtype=np.int32)
        code = picked(code_of, joint)
    else:
        present = np.unique(joint[joint >= 0])
        found = np.searchsorted(present, joint).astype(np.int32)
        code = np.where(joint >= 0, found, np.int32(-1))
    texts = levels.take(pa.array(by_text[present % n_levels]))
    names = texts.to_pandas() if len(texts) else np.empty(0, dtype=object)
    return code, pd.DataFrame({"company": companies[present // n_levels], name: names})


def _groups(invoice_customer: Codes, n_customers: int) -> tuple[Codes, Codes, Codes, Codes]:
    """Groups of events in their order: of each customer those of it alone, then its invoices.

    Returns
    -------
    of_invoice : ndarray of int32, shape (n_invoices,)
    of_customer : ndarray of int32, shape (n_customers,)
        The group of its events without an invoice.
    invoice, customer : ndarray of int32, shape (n_groups,)
        Whose events each group holds; -1 where none. Group 0 has neither.
    """
    invoices = np.arange(len(invoice_customer), dtype=np.int32)
    customers = np.arange(n_customers, dtype=np.int32)
    of_invoice = invoices + invoice_customer + 2
    before = np.searchsorted(invoice_customer, customers).astype(np.int32)
    of_customer = before + customers + 1
    invoice = np.full(len(invoices) + n_customers + 1, -1, dtype=np.int32)
    invoice[of_invoice] = invoices
    customer = np.full(len(invoice), -1, dtype=np.int32)
    customer[of_invoice] = invoice_customer
    customer[of_customer] = customers
    return of_invoice, of_customer, invoice, customer


@numba.njit(cache=True, nogil=True)
def _join(
    company: Codes, code: Codes, rank: Ints, n_levels: int, joint: Ints
) -> None:  # pragma: no cover - compiled
    for i in range(len(code)):
        joint[i] = np.int64(company[i]) * n_levels + rank[code[i]] if code[i] >= 0 else -1


@numba.njit(cache=True, nogil=True)
def _first_stated(
    invoice: Codes, customer: Codes, known: Ints, n_invoices: int
) -> Ints:  # pragma: no cover - compiled
    """Customer on the first known row of each invoice that states one; -1 if none does."""
    owner = np.full(n_invoices, -1, dtype=np.int64)
    since = np.empty(n_invoices, dtype=np.int64)
    for row in range(len(invoice)):
        i, c = invoice[row], customer[row]
        if i >= 0 and c >= 0:
            earlier = owner[i] < 0 or known[row] < since[i]
            if earlier or (known[row] == since[i] and c < owner[i]):
                owner[i], since[i] = c, known[row]
    return owner
