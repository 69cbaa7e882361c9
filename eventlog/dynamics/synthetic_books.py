"""The synthetic company as its ledger sees it: what was drawn, event by event, with its links.

The event log says what happened; a ledger also says which posting belongs to which payment. Here
the simulator's blocks keep those links: rows of *Payment Received* and *Payment Posted* of one
payment stand at the same position, and so do requests for credit and their approvals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.dynamics.synthetic_rows import Coded, numbered
from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate import USERS, draw, invoice_numbers, users
from eventlog.simulate_company import START_RATES, Company, Floats, checked
from eventlog.simulate_customers import COMPANIES, SEGMENTS, Customers
from eventlog.simulate_events import Block
from eventlog.simulate_invoices import Invoices
from eventlog.template import ACTIVITIES

#: Accounting currency of each legal entity.
ACCOUNTING_CURRENCY = ("EUR", "USD")
_CODE = {activity.name: position for position, activity in enumerate(ACTIVITIES)}


@dataclass(frozen=True)
class Books:
    """What the company's systems hold.

    Attributes
    ----------
    company : Company
    customers : Customers
    invoices : Invoices
    closed : ndarray of int64, shape (n_invoices,)
        Day of the last payment or credit note, `NEVER` for defaults.
    blocks : dict of str to list of Block
        Uncut events by activity, in the order in which they were drawn.
    number : ndarray of int64, shape (n_invoices,)
        Number of each invoice within its legal entity, from 1.
    end : int
        First moment after the log, microseconds since 1970.
    """

    company: Company
    customers: Customers
    invoices: Invoices
    closed: Ints
    blocks: dict[str, list[Block]]
    number: Ints
    end: int

    def one(self, activity: str) -> Block:
        """All events of an activity as one block."""
        blocks = self.blocks[activity]
        names = dict.fromkeys(name for block in blocks for name in block.values)
        invoice, customer, time, recorded = (
            np.concatenate([getattr(block, field) for block in blocks])
            for field in ("invoice", "customer", "time", "recorded")
        )
        return Block(
            activity,
            invoice,
            customer,
            time,
            recorded,
            {
                name: np.concatenate(
                    [b.values.get(name, np.full(len(b.time), NONE)) for b in blocks]
                )
                for name in names
            },
        )

    def entity(self, customer: Ints) -> Ints:
        """Legal entity of customers; codes into `COMPANIES`."""
        return self.customers.company[customer].astype(np.int64)

    def data_area(self, customer: Ints) -> Coded:
        """DataAreaId of customers."""
        return Coded(self.customers.company[customer], COMPANIES)

    def account(self, customer: Ints) -> pa.Array:
        """AccountNum of customers."""
        return pa.array(self.customers.account, pa.string()).take(pa.array(customer))

    def currency(self, customer: Ints) -> Coded:
        """Currency of customers and of their invoices."""
        return Coded(self.customers.currency[customer], self.company.currencies)

    def group(self, customer: Ints) -> Coded:
        """CustGroup: the segment itself for customers that have no `segment`, else a number."""
        n = len(SEGMENTS)
        code = self.customers.segment.astype(np.int64)
        code = np.where(self.has_segment(), n, code)
        return Coded(code[customer], (*SEGMENTS, "10"))

    def has_segment(self) -> NDArray[np.bool_]:
        """Which customers have a SegmentId; one in five is grouped by CustGroup alone."""
        return np.arange(len(self.customers)) % 5 != 0

    def invoice_id(self, invoice: Ints) -> pa.Array:
        """InvoiceId of invoices; empty for position -1."""
        numbers = numbered("INV-", self.number)
        numbers = pa.concat_arrays([numbers, pa.array([""], pa.string())])
        return numbers.take(pa.array(np.where(invoice < 0, len(self.number), invoice)))

    def to_accounting(self, customer: Ints) -> Floats:
        """Units of the accounting currency for one of the customer's currency."""
        rate = np.array([START_RATES[code] for code in self.company.currencies])
        home = np.array([START_RATES[code] for code in ACCOUNTING_CURRENCY])
        factor: Floats = rate[self.customers.currency[customer]] / home[self.entity(customer)]
        return factor

    def accounting_cents(self, customer: Ints, cents: Ints) -> Ints:
        """Amounts in cents of the accounting currency."""
        return np.rint(cents * self.to_accounting(customer)).astype(np.int64)

    def terms(self, invoice: Ints) -> Coded:
        """Terms of payment of invoices; empty for position -1."""
        days, code = np.unique(self.invoices.term_days, return_inverse=True)
        return Coded(np.where(invoice < 0, -1, code[invoice]), [f"Net{d}" for d in days])


def user(books: Books, activity: str, invoice: Ints, customer: Ints) -> Ints:
    """Who records events of an activity; codes into `eventlog.simulate.USERS`."""
    code = np.full(len(customer), _CODE[activity], dtype=np.int8)
    return users(books.customers, code, invoice, customer)[0]


def by_user(codes: Ints) -> Coded:
    """CreatedBy of rows."""
    return Coded(codes, USERS)


def booked(company: Company) -> Company:
    """The same company, its events such that D365 could have recorded every one of them."""
    return replace(company, share_posted=1.0, share_settled=1.0, ledger_order=True)


def open_books(company: Company | None = None, seed: int = 0) -> Books:
    """Draw a company's books.

    Parameters
    ----------
    company : Company, optional
        Taken as `booked` gives it.
    seed : int
        The books belong to the log `eventlog.simulate.simulate(booked(company), seed)`.

    Raises
    ------
    SettingsError
        If an argument of the company lies outside its range.
    """
    company = booked(checked(Company() if company is None else company))
    customers, invoices, payments, written = draw(company, seed)
    blocks: dict[str, list[Block]] = {}
    for block in written:
        blocks.setdefault(block.activity, []).append(block)
    return Books(
        company=company,
        customers=customers,
        invoices=invoices,
        closed=payments.closed,
        blocks=blocks,
        number=invoice_numbers(customers.company[invoices.customer])[0] + 1,
        end=int(customers.edges[company.months]) * DAY,
    )
