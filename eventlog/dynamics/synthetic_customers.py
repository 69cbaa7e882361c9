"""Customer tables of the synthetic company: masters, addresses, collectors, credit limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from eventlog.dynamics.synthetic_books import Books, by_user, user
from eventlog.dynamics.synthetic_rows import (
    FIRST_REC_ID,
    HOUR,
    Coded,
    Values,
    counted,
    numbered,
    rec_ids,
    table,
)
from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate_customers import COLLECTORS, COUNTRIES, SEGMENTS

#: Last moment that D365 knows: an address without an end is valid until then.
_FOR_EVER = int(np.datetime64("2154-12-31T23:59:59", "us").astype(np.int64))
#: One customer in so many has moved from another country.
_MOVED = 30
_DAYS_BEFORE = 30


@dataclass(frozen=True)
class Limits:
    """Credit limits as they changed, by customer and time; cents of the customer's currency.

    Attributes
    ----------
    customer, time, cents : ndarray of int64, shape (n_changes,)
        The first of each customer is its first limit, at the making of the customer.
    """

    customer: Ints
    time: Ints
    cents: Ints

    def at(self, customer: Ints, time: Ints) -> Ints:
        """Limit of customers at moments, changes of that moment among them; shape (n,)."""
        key = self.customer * (1 << 33) + self.time // 1_000_000
        place = np.searchsorted(key, customer * (1 << 33) + time // 1_000_000, side="right") - 1
        return self.cents[place]


def made_at(books: Books) -> Ints:
    """When each customer's record was made; shape (n_customers,), microseconds."""
    joined_on = books.customers.edges[books.customers.joined]
    return (joined_on - _DAYS_BEFORE) * DAY + 9 * HOUR


def limits(books: Books) -> Limits:
    """All changes of credit limits."""
    approved, cut = books.one("Credit Limit Approved"), books.one("Credit Limit Changed")
    n = len(books.customers)
    customer = np.concatenate([np.arange(n), approved.customer, cut.customer])
    time = np.concatenate([made_at(books), approved.time, cut.time])
    first = np.rint(100 * books.customers.limit).astype(np.int64)
    cents = np.concatenate([first, approved.values["CreditLimit"], cut.values["CreditLimit"]])
    order = np.lexsort((time, customer))
    return Limits(customer[order], time[order], cents[order])


def customer_ids(books: Books) -> Ints:
    """CustTable.RecId of each customer; shape (n_customers,)."""
    return rec_ids(made_at(books))


def customer_tables(books: Books, until: int) -> dict[str, pa.Table]:
    """CustTable, CustTableSnapshots, DirPartyTable, HcmWorker, LogisticsPostalAddress."""
    n, n_workers = len(books.customers), len(COLLECTORS)
    who, ids, made = np.arange(n), customer_ids(books), made_at(books)
    changes = limits(books)
    customers = table(
        "CustTable",
        {
            "RecId": ids,
            **_master(books, who, changes.at(who, np.full(n, until - 1))),
            "CreatedDateTime": made,
            "CreatedBy": by_user(np.zeros(n, dtype=np.int64)),
        },
        made < until,
    )
    copied, day = _copies(books, changes)
    copies = table(
        "CustTableSnapshots",
        {
            "RecId": ids[copied],
            "SnapshotDate": day,
            **_master(books, copied, changes.at(copied, (day + 1) * DAY - 1)),
        },
        day * DAY < until,
    )
    everyone = np.ones(n + n_workers, dtype=np.bool_)
    position = np.arange(n + n_workers)
    parties = table(
        "DirPartyTable",
        {
            "RecId": FIRST_REC_ID + position,
            "Name": Coded(position, (*books.customers.name, *COLLECTORS)),
            "PrimaryAddressLocation": np.where(position < n, FIRST_REC_ID + 7 + position, 0),
        },
        everyone,
    )
    workers = table(
        "HcmWorker",
        {
            "RecId": FIRST_REC_ID + np.arange(n_workers),
            "Person": FIRST_REC_ID + n + np.arange(n_workers),
            "PersonnelNumber": numbered("", np.arange(1, n_workers + 1)),
        },
        everyone[:n_workers],
    )
    return {
        "CustTable": customers,
        "CustTableSnapshots": copies,
        "DirPartyTable": parties,
        "HcmWorker": workers,
        "LogisticsPostalAddress": _addresses(books),
    }


def _master(books: Books, who: Ints, limit: Ints) -> dict[str, Values]:
    """Columns of the customer table for customers with a limit."""
    customers = books.customers
    segment = np.where(books.has_segment(), customers.segment, -1)
    days, term = np.unique(customers.term_days, return_inverse=True)
    return {
        "AccountNum": books.account(who),
        "Party": FIRST_REC_ID + who,
        "CustGroup": books.group(who),
        "SegmentId": Coded(segment[who], SEGMENTS),
        "PaymTermId": Coded(term[who], [f"Net{d}" for d in days]),
        "Currency": books.currency(who),
        "CreditMax": books.accounting_cents(who, limit),
        "CredManCustCreditMaxAlt": limit,
        "MainContactWorker": FIRST_REC_ID + customers.collector[who].astype(np.int64),
        "DataAreaId": books.data_area(who),
    }


def _copies(books: Books, changes: Limits) -> tuple[Ints, Ints]:
    """Customers and days of copies: when they are made, at every month's start, at changes."""
    n, edges = len(books.customers), books.customers.edges
    months = np.tile(edges, n)
    of_month = np.repeat(np.arange(n), len(edges))
    later = months * DAY >= made_at(books)[of_month]
    customer = np.concatenate([changes.customer, of_month[later]])
    day = np.concatenate([changes.time // DAY, months[later]])
    _, first = np.unique(customer * (1 << 20) + day, return_index=True)
    return customer[first], day[first]


def _addresses(books: Books) -> pa.Table:
    """Addresses as they hold now, and those of customers that moved."""
    n = len(books.customers)
    moved = np.arange(0, n, _MOVED)
    who = np.concatenate([np.arange(n), moved])
    old = np.arange(len(who)) >= n
    moved_on = (made_at(books) - 400 * DAY) // DAY * DAY
    country = books.customers.country[who].astype(np.int64)
    country = np.where(old, (country + 3) % len(COUNTRIES), country)
    has_moved = np.isin(who, moved)
    return table(
        "LogisticsPostalAddress",
        {
            "RecId": FIRST_REC_ID + np.arange(len(who)),
            "Location": FIRST_REC_ID + 7 + who,
            "CountryRegionId": Coded(country, COUNTRIES),
            "ValidFrom": np.where(has_moved & ~old, moved_on[who], NONE),
            "ValidTo": np.where(old, moved_on[who] - 1_000_000, _FOR_EVER),
        },
        np.ones(len(who), dtype=np.bool_),
    )


def limit_tables(books: Books, until: int) -> dict[str, pa.Table]:
    """CredManCreditLimitAdjTable and CredManCreditLimitAdjTrans, one line a request."""
    asked, granted_at, granted = _requests(books)
    changes = limits(books)
    who, created = asked[0], asked[1]
    before = changes.at(who, created)
    wanted = np.where(granted > 0, granted, before * 3 // 2)
    journal = numbered("CLA-", counted(created, books.entity(who)))
    approved = (granted > 0) & (granted_at < until)
    ids, inside = rec_ids(created), created < until
    stamp = by_user(user(books, "Credit Limit Requested", np.full(len(who), -1), who))
    header = table(
        "CredManCreditLimitAdjTable",
        {
            "RecId": ids,
            "JournalId": journal,
            "Description": "Credit limit request",
            "Posted": approved.astype(np.int64),
            "PostedDate": np.where(approved, granted_at // DAY, NONE),
            "Status": np.where(approved, 3, 1),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": stamp,
        },
        inside,
    )
    lines = table(
        "CredManCreditLimitAdjTrans",
        {
            "RecId": ids,
            "JournalId": journal,
            "LineNum": 100,
            "CustAccount": books.account(who),
            "CreditMax": books.accounting_cents(who, before),
            "CreditMaxNew": books.accounting_cents(who, wanted),
            "CustCreditMaxAltNew": wanted,
            "Status": np.where(approved, 3, 1),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": stamp,
        },
        inside,
    )
    return {"CredManCreditLimitAdjTable": header, "CredManCreditLimitAdjTrans": lines}


def _requests(books: Books) -> tuple[tuple[Ints, Ints], Ints, Ints]:
    """Requests, and when and what each was granted; 0 for those that were not.

    The simulator draws requests and approvals month by month, and asks once a month at most.
    """
    asked, approved = books.blocks["Credit Limit Requested"], books.blocks["Credit Limit Approved"]
    request = books.one("Credit Limit Requested")
    grant = books.one("Credit Limit Approved")
    n = len(books.customers)
    month = np.repeat(np.arange(len(asked)), [len(block.time) for block in asked])
    granted_month = np.repeat(np.arange(len(approved)), [len(block.time) for block in approved])
    place = np.searchsorted(month * n + request.customer, granted_month * n + grant.customer)
    at, cents = np.zeros(len(month), dtype=np.int64), np.zeros(len(month), dtype=np.int64)
    at[place] = grant.time
    cents[place] = grant.values["CreditLimit"]
    return (request.customer, request.time), at, cents
