"""A synthetic company: the event log of its credit-to-cash process, for the demo and the tests.

`simulate` draws customers with hidden traits, invoices them through seasons and month-ends, lets
them pay, dispute, promise and default, chases them under a dunning policy, and returns what its
systems would export: one row per event under the template's names. The log is cut at its end, so
the youngest invoices are open and nobody knows how they will fare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate_chase import HOUR, Payments, collect
from eventlog.simulate_company import Bools, Company, Floats, checked, rates
from eventlog.simulate_customers import (
    CHANNELS,
    COLLECTORS,
    COMPANIES,
    COUNTRIES,
    SEGMENTS,
    Customers,
    make_customers,
)
from eventlog.simulate_damage import as_text, make_dirty
from eventlog.simulate_events import Block, write_down
from eventlog.simulate_invoices import REASONS, Invoices, issue
from eventlog.template import ACTIVITIES, Role, role_of

__all__ = ["COLUMNS", "Company", "as_text", "make_dirty", "rate_table", "simulate"]

#: Columns of the log, the last two unknown to the template.
COLUMNS = (
    "InvoiceNumber",
    "ActivityName",
    "EventTime",
    "RecordedTime",
    "CompanyCode",
    "CustomerAccount",
    "CustomerName",
    "CustomerSegment",
    "Country",
    "CurrencyCode",
    "InvoiceAmount",
    "PaymentDueDate",
    "PaymentAmount",
    "DunningLevel",
    "DisputeReason",
    "PromisedDate",
    "PromisedAmount",
    "CreditLimit",
    "CollectorAssigned",
    "UserId",
    "SourceSystem",
    "LastDataUpdate",
    "SalesChannel",
    "PaymentTermsDays",
)
USERS = (
    "batch",
    "bankimport",
    "billing1",
    "billing2",
    "cash1",
    "cash2",
    "credit1",
    *(name.lower().replace(" ", ".") for name in COLLECTORS),
)
_FIRST_COLLECTOR = len(USERS) - len(COLLECTORS)
_SOURCES = ("Microsoft Dynamics 365", "Bank Statement Import")
#: Done by a nightly job in the collector's name.
_BATCHES = ("Dunning Letter Generated", "Overdue Reminder Sent")
#: Users by activity: first one and how many share the work; collectors do the rest.
_DESKS = {
    Role.GENERATED: (2, 2),
    Role.POSTED: (2, 2),
    Role.LETTER: (0, 1),
    Role.REMINDER: (0, 1),
    Role.RECEIVED: (1, 1),
    Role.PAYMENT_POSTED: (4, 2),
    Role.SETTLED: (0, 1),
    Role.CREDITED: (2, 2),
    Role.REVERSED: (4, 2),
    Role.RECOVERED: (4, 2),
    Role.UNAPPLIED: (4, 2),
    Role.LIMIT_REQUESTED: (6, 1),
    Role.LIMIT_CHANGED: (6, 1),
    Role.WRITTEN_OFF: (6, 1),
}


def simulate(company: Company | None = None, seed: int = 0) -> pd.DataFrame:
    """Draw the event log of a synthetic company.

    Parameters
    ----------
    company : Company, optional
        Default: `Company()`, 20,000 invoices over three years.
    seed : int
        The same company and seed give the same log.

    Returns
    -------
    DataFrame of shape (n_events, 24)
        One row per event in the order in which the company learned of them, columns `COLUMNS`.
        Times are datetime64[us], naive UTC; exact midnights are dates without a time. Money is
        float64 in the invoice's currency, exact to cents, NaN where the row states none.
        ``InvoiceNumber`` is missing on events of a customer alone, ``RecordedTime`` where it is
        the event's own time; texts are categorical. Invoice numbers and accounts are unique within
        a ``CompanyCode`` only. ``LastDataUpdate`` is two hours after the last day.

    Raises
    ------
    SettingsError
        If an argument of the company lies outside its range.

    Notes
    -----
    Events that were not known by the end are left out, among them the rest of what will happen to
    invoices that are open then.
    """
    company = checked(Company() if company is None else company)
    customers, invoices, _, written = draw(company, seed)
    end = int(customers.edges[company.months]) * DAY
    blocks = []
    for block in written:
        inside = block.known() < end
        blocks.append(block if inside.all() else block.take(inside))
    return _frame(company, customers, invoices, blocks, end + 2 * HOUR)


def draw(company: Company, seed: int) -> tuple[Customers, Invoices, Payments, Iterator[Block]]:
    """Everything that happens to a checked company, what lies beyond the end of its log too.

    Returns
    -------
    Customers, Invoices, Payments
    iterator of Block
        Draws as it goes.
    """
    draws = [np.random.default_rng([seed, stage]) for stage in range(4)]
    customers = make_customers(company, draws[0])
    invoices = issue(company, customers, draws[1])
    payments = collect(company, customers, invoices, draws[2])
    blocks = write_down(company, customers, invoices, payments, draws[3])
    return customers, invoices, payments, blocks


def rate_table(company: Company | None = None, seed: int = 0) -> pd.DataFrame:
    """Exchange rates of the company's currencies to the euro, by month.

    Parameters
    ----------
    company : Company, optional
    seed : int
        Independent of the log's: the same company may be seen under other rates.

    Returns
    -------
    DataFrame of shape (n_currencies * (months + 1), 3), columns currency, date, rate
        Euros for one unit of the currency from that date on.

    Raises
    ------
    SettingsError
        If an argument of the company lies outside its range.
    """
    return rates(
        checked(Company() if company is None else company), np.random.default_rng([seed, 9])
    )


def _frame(
    company: Company, customers: Customers, invoices: Invoices, blocks: list[Block], updated: int
) -> pd.DataFrame:
    """The blocks as one frame, in the order in which they became known."""
    order = np.argsort(np.concatenate([block.known() for block in blocks]), kind="stable")
    invoice = np.concatenate([block.invoice for block in blocks])[order]
    customer = np.concatenate([block.customer for block in blocks])[order]
    names = [activity.name for activity in ACTIVITIES]
    codes = np.array([names.index(block.activity) for block in blocks], dtype=np.int8)
    activity = np.repeat(codes, [len(block.time) for block in blocks])[order]
    user, by_collector = users(customers, activity, invoice, customer)
    collector = customers.collector[customer]
    has_collector = by_collector | np.isin(activity, [names.index(name) for name in _BATCHES])
    account_code, accounts = pd.factorize(np.array(customers.account, dtype=object), sort=True)
    number, numbers = invoice_numbers(customers.company[invoices.customer])

    def values(name: str) -> Ints:
        parts = [block.values.get(name, np.full(len(block.time), NONE)) for block in blocks]
        return np.concatenate(parts)[order]

    def money(name: str) -> Floats:
        cents = values(name)
        return np.where(cents == NONE, np.nan, cents / 100)

    def date(name: str) -> NDArray[np.datetime64]:
        days = values(name)
        return np.where(days == NONE, NONE, days * DAY).view("datetime64[us]")

    def of_invoice(codes: NDArray[np.integer]) -> NDArray[np.integer]:
        return np.where(invoice < 0, -1, codes[invoice])

    level = values("DunningLevel")
    columns = {
        "InvoiceNumber": _texts(of_invoice(number), numbers),
        "ActivityName": _texts(activity, names),
        "EventTime": np.concatenate([b.time for b in blocks])[order].view("datetime64[us]"),
        "RecordedTime": np.concatenate([b.recorded for b in blocks])[order].view("datetime64[us]"),
        "CompanyCode": _texts(customers.company[customer], COMPANIES),
        "CustomerAccount": _texts(account_code[customer], accounts.tolist()),
        "CustomerName": _texts(customer, customers.name),
        "CustomerSegment": _texts(customers.segment[customer], SEGMENTS),
        "Country": _texts(customers.country[customer], COUNTRIES),
        "CurrencyCode": _texts(customers.currency[customer], company.currencies),
        "InvoiceAmount": money("InvoiceAmount"),
        "PaymentDueDate": date("PaymentDueDate"),
        "PaymentAmount": money("PaymentAmount"),
        "DunningLevel": _whole(level, level == NONE, np.int8),
        "DisputeReason": _texts(np.maximum(values("DisputeReason"), -1), REASONS),
        "PromisedDate": date("PromisedDate"),
        "PromisedAmount": money("PromisedAmount"),
        "CreditLimit": money("CreditLimit"),
        "CollectorAssigned": _texts(np.where(has_collector, collector, -1), COLLECTORS),
        "UserId": _texts(user, USERS),
        "SourceSystem": _texts(activity == names.index("Payment Received"), _SOURCES),
        "LastDataUpdate": np.full(len(order), updated).view("datetime64[us]"),
        "SalesChannel": _texts(of_invoice(invoices.channel), CHANNELS),
        "PaymentTermsDays": _whole(invoices.term_days[invoice], invoice < 0, np.int16),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS), copy=False)


def users(
    customers: Customers, activity: NDArray[np.int8], invoice: Ints, customer: Ints
) -> tuple[Ints, Bools]:
    """Who recorded events, and whether that was the collector.

    Parameters
    ----------
    customers : Customers
    activity : ndarray of int8, shape (n,)
        Positions in the template's activities.
    invoice, customer : ndarray of int64, shape (n,)
        Positions; invoice -1 on events of a customer alone.

    Returns
    -------
    ndarray of int64, shape (n,)
        Codes into `USERS`.
    ndarray of bool, shape (n,)
    """
    desks = [_desk(named.name) for named in ACTIVITIES]
    first, sharing = (np.array(column) for column in zip(*desks, strict=True))
    by_collector = first[activity] < 0
    desk = first[activity] + np.where(invoice < 0, customer, invoice) % sharing[activity]
    collector = _FIRST_COLLECTOR + customers.collector[customer]
    return np.where(by_collector, collector, desk), by_collector


def _desk(activity: str) -> tuple[int, int]:
    """First user of an activity and how many share it; -1 where the collector does it."""
    return _DESKS.get(role_of(activity), (-1, 1))


def invoice_numbers(company: NDArray[np.int8]) -> tuple[Ints, list[str]]:
    """Invoice numbers, counted in the order of posting within each legal entity.

    Parameters
    ----------
    company : ndarray of int8, shape (n_invoices,)
        Legal entity of each invoice, by day of posting.

    Returns
    -------
    ndarray of int64, shape (n_invoices,)
        Positions in the list.
    list of str
    """
    number = np.empty(len(company), dtype=np.int64)
    longest = 0
    for code in range(len(COMPANIES)):
        rows = np.flatnonzero(company == code)
        number[rows] = np.arange(len(rows))
        longest = max(longest, len(rows))
    return number, np.char.mod("INV-%07d", np.arange(1, longest + 1)).tolist()


def _texts(codes: NDArray[np.generic], levels: Sequence[str]) -> pd.Categorical:
    """Categorical of codes into some texts; -1 is missing."""
    return pd.Categorical.from_codes(codes.astype(np.int32), pd.Index(list(levels), dtype="str"))


def _whole(numbers: Ints, missing: Bools, dtype: type[np.integer]) -> pd.arrays.IntegerArray:
    """Whole numbers of which some are missing."""
    return pd.arrays.IntegerArray(np.where(missing, 0, numbers).astype(dtype), missing)
