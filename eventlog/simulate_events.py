"""What the synthetic company's systems write down about each invoice and customer.

Days become events here: issuing, payments with their posting and settlement, credit notes,
reversals, write-offs, disputes, whatever collectors did, and credit limits. Amounts tie: what is
paid, credited and written off less what is reversed never exceeds the invoice, and equals it where
a cash discount or a penny difference does not close it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, END_OF_DAY, NONE
from eventlog.simulate_chase import HOUR, Actions, Payments, records
from eventlog.simulate_company import Bools, Company
from eventlog.simulate_customers import Customers
from eventlog.simulate_invoices import NEVER, PART_CREDITED, Invoices, weekday, working_day
from eventlog.template import ISSUING_ROLES, role_of

SHARE_RECOVERED = 0.4
#: Days past due at which a write-off is first thought of, and days of silence before it.
WRITE_OFF_FROM, WRITE_OFF_SPREAD, SILENT_DAYS = 150, 120, 60


@dataclass(frozen=True)
class Block:
    """Events of one activity.

    Attributes
    ----------
    activity : str
    invoice, customer : ndarray of int64, shape (n,)
        Positions; invoice -1 on events of a customer alone.
    time, recorded : ndarray of int64, shape (n,)
        Microseconds since 1970; `recorded` may hold `NONE`.
    values : dict of str to ndarray
        Columns of the log that this activity fills; money in cents, dates in days.
    """

    activity: str
    invoice: Ints
    customer: Ints
    time: Ints
    recorded: Ints
    values: dict[str, Ints] = field(default_factory=dict)

    def known(self) -> Ints:
        """When the system knows of each event; dates without a time count as in the log."""
        issuing = role_of(self.activity) in ISSUING_ROLES
        whole_day = (self.time % DAY == 0) & (not issuing)
        return np.maximum(self.time + whole_day * END_OF_DAY, self.recorded)

    def take(self, rows: NDArray[np.generic]) -> Block:
        """Some of the events."""
        return Block(
            self.activity,
            self.invoice[rows],
            self.customer[rows],
            self.time[rows],
            self.recorded[rows],
            {name: values[rows] for name, values in self.values.items()},
        )


@dataclass(frozen=True)
class _Money:
    """Amounts in cents and days of what closes each invoice; shape (n_invoices,)."""

    part_credit: Ints
    part_day: Ints
    part: Ints
    bounced_day: Ints
    reversed_day: Ints
    last: Ints
    short: Bools


def write_down(
    company: Company,
    customers: Customers,
    invoices: Invoices,
    payments: Payments,
    rng: np.random.Generator,
) -> Iterator[Block]:
    """Events of the company, one block an activity, in no order of time."""
    money = _money(company, customers, invoices, payments, rng)
    yield from _issuing(company, customers, invoices, payments, rng)
    yield from _disputes(invoices, rng)
    for activity, done in payments.actions.items():
        yield from _chasing(activity, done, invoices, rng)
    yield from _incoming(company, invoices, payments, money, rng)
    yield from _given_up(invoices, payments, money, rng)
    yield from _unapplied(invoices, payments, rng)
    yield from _limits(company, customers, invoices, payments, rng)


def _money(
    company: Company,
    customers: Customers,
    invoices: Invoices,
    payments: Payments,
    rng: np.random.Generator,
) -> _Money:
    """Split each invoice into what is credited, paid in part, paid last."""
    n = len(invoices)
    cents, closed = invoices.cents, payments.closed
    pays = ~payments.credited
    in_part = (invoices.dispute_outcome == PART_CREDITED) & (invoices.dispute_opened < NEVER) & pays
    part_credit = np.where(in_part, np.rint(cents * rng.uniform(0.05, 0.4, n)), 0).astype(np.int64)

    promised = payments.part_day < NEVER
    end = np.where(payments.defaulted, invoices.final_due + 60, closed)
    some_day = invoices.posted + ((end - invoices.posted) * rng.uniform(0.5, 0.95, n)).astype(int)
    some_day = working_day(some_day)
    liquidity = customers.liquidity[invoices.customer, invoices.month]
    lean = np.exp(-0.5 * liquidity)
    rate = (company.share_partial - promised.mean()) * lean / lean.mean()
    parts = ~promised & pays & (rng.random(n) < rate)
    parts &= (some_day > invoices.posted + 1) & (some_day < end)
    part_day = np.where(promised, payments.part_day, np.where(parts, some_day, NEVER))
    some_part = np.rint(cents * rng.uniform(0.2, 0.55, n)).astype(np.int64)
    part = np.where(promised, payments.part_cents, np.where(parts, some_part, 0))

    quiet = closed - payments.last_action
    may_bounce = (part == 0) & pays & ~payments.defaulted & (quiet >= 12)
    chance = company.share_reversed / max(float(may_bounce.mean()), company.share_reversed, 1e-9)
    bounces = may_bounce & (rng.random(n) < chance)
    bounced = payments.last_action + 1 + (rng.random(n) * (quiet - 11)).astype(np.int64)
    bounced = working_day(bounced)
    back = working_day(bounced + rng.integers(2, 6, n))

    rest = cents - part_credit - part
    u = rng.random(n)
    discount = (closed <= invoices.final_due - 10) & (rest == cents) & (u < 0.15) & ~bounces & pays
    penny = ~discount & (u > 0.99) & pays & ~payments.defaulted
    less = np.where(discount, np.rint(0.02 * cents), np.where(penny, rng.integers(1, 31, n), 0))
    return _Money(
        part_credit=part_credit,
        part_day=part_day,
        part=part,
        bounced_day=np.where(bounces, bounced, NEVER),
        reversed_day=np.where(bounces, back, NEVER),
        last=rest - less.astype(np.int64),
        short=discount | penny,
    )


def _issuing(
    company: Company,
    customers: Customers,
    invoices: Invoices,
    payments: Payments,
    rng: np.random.Generator,
) -> Iterator[Block]:
    n = len(invoices)
    rows = np.arange(n)
    first = np.zeros(n, dtype=np.bool_)
    first[np.unique(invoices.customer, return_index=True)[1]] = True
    limit = np.where(first, np.rint(100 * customers.limit[invoices.customer]), NONE)
    values = {
        "InvoiceAmount": invoices.cents,
        "PaymentDueDate": invoices.due,
        "CreditLimit": limit.astype(np.int64),
    }
    early = rng.random(n) < 0.3
    draft = (invoices.posted - rng.integers(1, 4, n)) * DAY + _clock(n, rng)
    generated = np.where(early, draft, invoices.posted * DAY)
    back_dated = rng.random(n) < 0.01
    entered = invoices.posted + rng.integers(1, 5, n)
    late = _none(n)
    if company.ledger_order:
        back_dated &= ~first
        entered = invoices.posted + 1
    recorded = np.where(back_dated, entered * DAY + _clock(n, rng), NONE)
    if company.ledger_order:
        late = np.where(early, NONE, recorded)
    yield Block("Invoice Generated", rows, invoices.customer, generated, late, values)
    posted = invoices.posted * DAY
    yield Block("Invoice Posted and Sent", rows, invoices.customer, posted, recorded, values)
    rows = np.flatnonzero(invoices.extended < np.minimum(payments.closed, NEVER))
    yield Block(
        "Collection Activity Logged",
        rows,
        invoices.customer[rows],
        invoices.extended[rows] * DAY + _clock(len(rows), rng),
        _none(len(rows)),
        {"PaymentDueDate": invoices.final_due[rows]},
    )


def _disputes(invoices: Invoices, rng: np.random.Generator) -> Iterator[Block]:
    rows = np.flatnonzero(invoices.dispute_opened < NEVER)
    n = len(rows)
    who = invoices.customer[rows]
    reason = invoices.dispute_reason[rows].astype(np.int64)
    opened = invoices.dispute_opened[rows] * DAY + _clock(n, rng)
    late_entry = opened + rng.integers(1, 4, n) * DAY
    recorded = np.where(
        (rng.random(n) < 0.1) & (late_entry < invoices.dispute_closed[rows] * DAY), late_entry, NONE
    )
    values = {"DisputeReason": reason, "InvoiceAmount": invoices.cents[rows]}
    yield Block("Dispute Registered", rows, who, opened, recorded, values)
    solved = invoices.dispute_closed[rows] * DAY + _clock(n, rng)
    yield Block("Dispute Resolved", rows, who, solved, _none(n), {"DisputeReason": reason})


def _chasing(
    activity: str, done: list[Actions], invoices: Invoices, rng: np.random.Generator
) -> Iterator[Block]:
    """What collectors did; some calls are about the customer's whole account."""
    rows = np.concatenate([actions.invoice for actions in done])
    time = np.concatenate([actions.time for actions in done])
    values = {}
    if activity == "Dunning Letter Generated":
        level = np.concatenate([actions.level for actions in done])
        values = {
            "DunningLevel": level,
            "InvoiceAmount": invoices.cents[rows],
            "PaymentDueDate": invoices.final_due[rows],
        }
    elif activity == "Payment Promise Created":
        cents = np.concatenate([actions.cents for actions in done])
        values = {
            "PromisedDate": np.concatenate([actions.day for actions in done]),
            "PromisedAmount": np.where(cents > 0, cents, NONE),
        }
    about_customer = activity.startswith("Collection") & (rng.random(len(rows)) < 0.12)
    yield Block(
        activity,
        np.where(about_customer, -1, rows),
        invoices.customer[rows],
        time,
        _none(len(rows)),
        values,
    )


def _incoming(
    company: Company,
    invoices: Invoices,
    payments: Payments,
    money: _Money,
    rng: np.random.Generator,
) -> Iterator[Block]:
    closed, pays = payments.closed, ~payments.credited & ~payments.defaulted
    credit = np.flatnonzero(money.part_credit > 0)
    yield _moved(
        "Credit Note Applied", invoices, credit, invoices.dispute_closed, money.part_credit
    )
    full = np.flatnonzero(payments.credited)
    yield _moved("Credit Note Applied", invoices, full, closed, invoices.cents)

    settled = closed.copy()  # of each invoice's payments the last one sets it, so that comes last
    taken_back = money.reversed_day if company.ledger_order else np.full(len(closed), NEVER)
    for day, cents, rows in (
        (money.part_day, money.part, np.flatnonzero(money.part_day < NEVER)),
        (money.bounced_day, money.last, np.flatnonzero(money.bounced_day < NEVER)),
        (closed, money.last, np.flatnonzero(pays)),
    ):
        bounced = day is money.bounced_day
        n = len(rows)
        known = day[rows]
        value_date = known - rng.integers(1, 10, n)
        value_date -= np.maximum(weekday(value_date) - 4, 0)
        back_dated = rng.random(n) < company.share_back_dated
        value_date = np.where(back_dated, np.maximum(value_date, invoices.posted[rows] + 1), known)
        values = {"PaymentAmount": cents[rows]}
        who = invoices.customer[rows]
        recorded = known * DAY + _clock(n, rng)
        yield Block("Payment Received", rows, who, value_date * DAY, recorded, values)
        booked = rng.random(n) < company.share_posted
        posted = working_day(known + rng.integers(0, 4, n))
        if bounced:
            posted = np.where(posted < taken_back[rows], posted, known)
        yield Block("Payment Posted", rows, who, posted * DAY, _none(n), values).take(booked)
        last = closed[rows] < NEVER
        if company.ledger_order:
            closes = np.where(booked, posted, known)
            settled[rows[last]] = np.maximum(settled[rows], closes)[last]
            if bounced:
                yield Block("Invoice Settled", rows, who, closes * DAY, _none(n), {})
        else:
            settled[rows[last]] = np.where(booked & ~money.short[rows], posted, known)[last]
    rows = np.flatnonzero(money.reversed_day < NEVER)
    yield _moved("Payment Reversed", invoices, rows, money.reversed_day, money.last)
    said = money.short | (rng.random(len(invoices)) < company.share_settled)
    if company.ledger_order:
        said &= ~payments.credited
    rows = np.flatnonzero((closed < NEVER) & said)
    n = len(rows)
    yield Block("Invoice Settled", rows, invoices.customer[rows], settled[rows] * DAY, _none(n), {})


def _given_up(
    invoices: Invoices, payments: Payments, money: _Money, rng: np.random.Generator
) -> Iterator[Block]:
    """Write-offs at the end of a month after long silence, and what comes in later all the same."""
    rows = np.flatnonzero(payments.defaulted)
    n = len(rows)
    day = invoices.final_due[rows] + WRITE_OFF_FROM + rng.integers(0, WRITE_OFF_SPREAD, n)
    day = np.maximum(day, payments.last_action[rows] + SILENT_DAYS)
    next_month = day.astype("datetime64[D]").astype("datetime64[M]") + 1
    month_end = next_month.astype("datetime64[D]").astype(np.int64) - 1
    day = month_end - np.maximum(weekday(month_end) - 4, 0)
    day = np.where(day < payments.last_action[rows] + SILENT_DAYS, month_end, day)
    rest = np.zeros(len(invoices), dtype=np.int64)
    written = np.full(len(invoices), NEVER)
    rest[rows] = (invoices.cents - money.part_credit - money.part)[rows]
    written[rows] = day
    yield _moved("Invoice Written Off", invoices, rows, written, rest)
    back = rng.random(n) < SHARE_RECOVERED
    written[rows] = working_day(day + rng.integers(30, 250, n))
    rest[rows] = np.rint(rest[rows] * rng.uniform(0.1, 0.7, n)).astype(np.int64)
    yield _moved("Recovery Received", invoices, rows[back & (rest[rows] > 0)], written, rest)


def _unapplied(invoices: Invoices, payments: Payments, rng: np.random.Generator) -> Iterator[Block]:
    """Money and credits that no invoice has been settled with, on some customers' accounts."""
    closed = np.flatnonzero(payments.closed < NEVER)
    for activity, share in (("Unapplied Payment", 0.004), ("Unapplied Credit", 0.0015)):
        rows = closed[rng.random(len(closed)) < share]
        n = len(rows)
        cents = np.rint(invoices.cents[rows] * rng.uniform(0.02, 0.5, n)).astype(np.int64)
        day = working_day(payments.closed[rows] + rng.integers(0, 4, n))
        values = {"PaymentAmount": np.maximum(cents, 1)}
        yield Block(activity, np.full(n, -1), invoices.customer[rows], day * DAY, _none(n), values)


def _limits(
    company: Company,
    customers: Customers,
    invoices: Invoices,
    payments: Payments,
    rng: np.random.Generator,
) -> Iterator[Block]:
    """Requests for more credit, most of them approved, and cuts for customers with a bad record."""
    risk = records(company, customers, invoices, payments.closed)
    n = len(customers)
    first = np.full(n, company.months, dtype=np.int64)
    np.minimum.at(first, invoices.customer, customers.month_of(invoices.posted))
    limit = customers.limit.copy()
    pending = np.full(n, NONE)
    for month in range(1, company.months):
        buying = (month > first) & (month <= customers.left)
        day = rng.integers(customers.edges[month], customers.edges[month + 1], n)
        time = working_day(day) * DAY + _clock(n, rng)
        u = rng.random(n)
        free = time > pending if company.ledger_order else np.ones(n, dtype=np.bool_)
        asks = buying & (u < 0.025) & free
        yield _of_customers("Credit Limit Requested", asks, time, None)
        granted = asks & (rng.random(n) < 0.85 - 0.25 * risk[:, month])
        limit = np.where(granted, 1_000 * np.rint(limit * rng.uniform(1.2, 2, n) / 1_000), limit)
        later = working_day(day + rng.integers(1, 15, n)) * DAY + _clock(n, rng)
        yield _of_customers("Credit Limit Approved", granted, later, limit)
        pending = np.where(granted, later - later % DAY + END_OF_DAY, pending)
        cut = buying & (u > 0.97) & (risk[:, month] == 2) & (limit >= 2_000) & free
        limit = np.where(cut, 1_000 * np.floor(limit * 0.7 / 1_000), limit)
        yield _of_customers("Credit Limit Changed", cut, time, limit)


def _of_customers(
    activity: str, who: Bools, time: Ints, limit: NDArray[np.float64] | None
) -> Block:
    customer = np.flatnonzero(who)
    values = {}
    if limit is not None:
        values["CreditLimit"] = np.rint(100 * limit[customer]).astype(np.int64)
    n = len(customer)
    return Block(activity, np.full(n, -1), customer, time[customer], _none(n), values)


def _moved(activity: str, invoices: Invoices, rows: Ints, day: Ints, cents: Ints) -> Block:
    """Events on a date that move money."""
    values = {"PaymentAmount": cents[rows]}
    return Block(activity, rows, invoices.customer[rows], day[rows] * DAY, _none(len(rows)), values)


def _clock(n: int, rng: np.random.Generator) -> Ints:
    """Times of day in office hours, to the second, never midnight."""
    return 8 * HOUR + rng.integers(0, 9 * 3600, n) * 1_000_000


def _none(n: int) -> Ints:
    return np.full(n, NONE)
