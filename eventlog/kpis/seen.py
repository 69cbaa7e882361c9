"""What every family of KPIs looks at: a log as known at the cutoff, its ledger and its months."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed
from eventlog.known import Codes, Ints, known_by
from eventlog.kpis.months import Months
from eventlog.kpis.turns import turns_of
from eventlog.lazy import lazy
from eventlog.ledger import Ledger, bucket_places, days_overdue
from eventlog.log import DAY, NONE, EventLog
from eventlog.open_invoices import open_at
from eventlog.policy import Policy
from eventlog.rates import InvoiceRates, Rates, converted
from eventlog.stated import Kept

States = NDArray[np.void]
#: What is asked of invoices at the cutoff, and of open ones at the ends of months.
FINAL = ("issued_at", "due_date", "closed", "closed_at", "amount", "credited", "n_promises")
_OPEN = ("balance", "due_date", "disputed")
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rows:
    """What is counted: one row a fact, with whom it concerns and when.

    Attributes
    ----------
    month : ndarray of int64, shape (n,)
        Position of the month that the fact belongs to; -1 where in none.
    invoice : ndarray of int32, shape (n,)
        -1 where the fact concerns a customer alone.
    customer : ndarray of int32, shape (n,)
    moment : ndarray of int64, shape (n,)
        As of when segment, country, collector and the like are read.
    codes : dict
        Group of each row by dimension, once asked for.
    cells : dict
        Where each row is added to, by dimension, once asked for.
    """

    month: Ints
    invoice: Codes
    customer: Codes
    moment: Ints
    codes: dict[str, Ints] = field(default_factory=dict)
    cells: dict[str, tuple[Ints, Ints, Ints]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of facts."""
        return len(self.month)


@dataclass(frozen=True)
class Amounts:
    """A total over rows: money in minor units of the reporting currency, or a count.

    Attributes
    ----------
    rows : Rows
    values : ndarray of int64 or bool, shape (n,), optional
        Default: 1 each.
    part : ndarray of int64, shape (n,), optional
        Place of each row among `parts`.
    parts : tuple of str
        What the total is split into, in the order of a table.
    """

    rows: Rows
    values: NDArray[np.generic] | None = None
    part: Ints | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spells:
    """How long something took, or has taken so far.

    Attributes
    ----------
    rows : Rows
    duration : ndarray of int64, shape (n,)
        Microseconds.
    ended : ndarray of bool, shape (n,)
        False where it had not ended at the cutoff.
    part : ndarray of int64, shape (n,), optional
    parts : tuple of str
    """

    rows: Rows
    duration: Ints
    ended: Mask
    part: Ints | None = None
    parts: tuple[str, ...] = ()


Measure = Amounts | Spells


@dataclass(frozen=True)
class Stock:
    """Every open invoice at the beginning of the first month shown and at each month's end.

    Attributes
    ----------
    rows : Rows
        The beginning of the first month shown is the end of the month before.
    states : ndarray of STATE, shape (n,)
    balance : ndarray of int64, shape (n,)
        Minor units of the reporting currency at the moment's rate; 0 where the amount is unknown.
    days : ndarray of float64, shape (n,)
        Days overdue; NaN without a due date.
    bucket : ndarray of int64, shape (n,)
        Place in `eventlog.ledger.AGEING`.
    """

    rows: Rows
    states: States
    balance: Ints
    days: NDArray[np.float64]
    bucket: Ints


@dataclass(frozen=True)
class Seen:
    """A log, or whole customers of one, cut at the moment from which it is seen.

    Attributes
    ----------
    log : EventLog
        Cut at `months.seen_from`.
    ledger : Ledger
        Of that log. Its steps may go on after the cutoff, where time alone brings them about.
    months : Months
    policy : Policy
    rates : Rates
    stated : dict
        Rows that state a column, by whom and column, once asked for.
    """

    log: EventLog
    ledger: Ledger
    months: Months
    policy: Policy
    rates: Rates
    stated: Kept = field(default_factory=dict)

    @property
    def cutoff(self) -> int:
        """The moment from which everything is seen."""
        return self.months.seen_from

    @lazy
    def rate(self) -> InvoiceRates:
        """What an invoice's money is worth, moment by moment."""
        return InvoiceRates(self.log, self.rates)

    def reporting(self, money: Ints, invoice: Codes, moment: Ints) -> Ints:
        """Money in minor units of the reporting currency; `NONE` becomes 0."""
        return converted(money, self.rate.at(invoice, moment))

    def rows(self, month: Ints, invoice: Codes, moment: Ints | int) -> Rows:
        """Rows of facts that concern invoices."""
        at = np.broadcast_to(np.asarray(moment, dtype=np.int64), month.shape)
        return Rows(month, invoice, self.log.invoice_customer[invoice], at)

    def of_customers(self, month: Ints, customer: Codes, moment: Ints | int) -> Rows:
        """Rows of facts that concern customers alone."""
        at = np.broadcast_to(np.asarray(moment, dtype=np.int64), month.shape)
        return Rows(month, np.full(len(month), -1, dtype=np.int32), customer, at)

    @lazy
    def final(self) -> States:
        """State of every invoice at the cutoff, its fields `FINAL`, shape (n_invoices,)."""
        everyone = np.arange(self.log.n_invoices, dtype=np.int32)
        moment = np.full(len(everyone), self.cutoff, dtype=np.int64)
        return self.ledger.fields(self.ledger.position(everyone, moment), FINAL)

    @lazy
    def turns(self) -> NDArray[np.uint8]:
        """What each step of the ledger brought about, as bits of `eventlog.kpis.turns.Turn`."""
        return turns_of(self.ledger, self.cutoff)

    def steps_with(self, turn: int) -> Ints:
        """Positions of the known steps that brought something about."""
        return np.flatnonzero(self.turns & turn)

    @lazy
    def step_role(self) -> NDArray[np.int8]:
        """Role of the event behind each step of the ledger; -1 where time alone has made it."""
        event = self.ledger.steps["event"]
        role = np.append(self.log.role[self.log.of_invoice], np.int8(-1))
        return role[event]

    def steps_of(self, *roles: int) -> Ints:
        """Positions of the steps that events of these roles have made; all of them are known."""
        wanted = np.zeros(128, dtype=bool)
        wanted[list(roles)] = True
        return np.flatnonzero(wanted[self.step_role])

    def happened(self, step: Ints) -> Ints:
        """When the events behind steps happened, shape (n,)."""
        event = self.log.of_invoice[self.ledger.steps["event"][step]]
        return self.log.event_time[event]

    def previous(self, step: Ints, field_name: str, at_first: int) -> Ints:
        """A field of each step's predecessor on the same invoice, shape (n,)."""
        steps = self.ledger.steps
        first = step == self.ledger.offsets[steps["invoice"][step]]
        found: Ints = np.where(first, at_first, steps[field_name][np.maximum(step - 1, 0)])
        return found

    @lazy
    def stock(self) -> Stock:
        """Open invoices at the ends of months."""
        first = self.months.first_shown - 1
        invoice, place = open_at(self.ledger, self.months.ends[first:])
        month = place + first
        moment = self.months.ends[month]
        states = self.ledger.fields(self.ledger.position(invoice, moment), _OPEN)
        days = days_overdue(states, moment)
        return Stock(
            rows=self.rows(month, invoice, moment),
            states=states,
            balance=self.reporting(states["balance"], invoice, moment),
            days=days,
            bucket=bucket_places(days),
        )


def settled_in_time(seen: Seen, days: int) -> tuple[Rows, Mask]:
    """Invoices whose due date + some days has come, and whether they were paid by then.

    An invoice belongs to the month in which the end of due date + ``days`` falls. What was closed
    by a credit note by then is left out: nothing was left to pay. Written off is not paid.

    Returns
    -------
    rows : Rows
    in_time : ndarray of bool, shape (n,)
    """
    states = seen.final
    has_due = (states["due_date"] != NONE) & (states["issued_at"] != NONE)
    until = np.where(has_due, states["due_date"] // DAY * DAY + (days + 1) * DAY - 1, NONE)
    closed_by_then = (states["closed"] != Closed.OPEN) & (states["closed_at"] <= until)
    credited = closed_by_then & (states["closed"] == Closed.CREDITED)
    ripe = np.flatnonzero(has_due & known_by(until, seen.cutoff) & ~credited).astype(np.int32)
    in_time = closed_by_then[ripe] & (states["closed"][ripe] == Closed.PAID)
    return seen.rows(seen.months.of(until[ripe]), ripe, seen.cutoff), in_time
