"""The invoice ledger: balance, settlement, promises and disputes of any invoice at any moment.

`keep_ledger` folds the log once; `Ledger.as_of` then answers for any (invoice, moment). Balance,
closing, promises, disputes, dunning level and lateness are states of the fold (`eventlog.fold`);
what follows from a state and the moment alone (status, days overdue) is derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.fold import STATE, Closed, empty_state, fold
from eventlog.known import Codes, Ints, last_known
from eventlog.lazy import lazy
from eventlog.log import DAY, MINOR, NONE, EventLog, datetimes, units
from eventlog.policy import Policy

BUCKETS = ("not due", "1-30", "31-60", "61-90", "90+")
NO_DUE_DATE = "no due date"
#: Every bucket, each worse than the one before; a due date comes to be known.
AGEING = (NO_DUE_DATE, *BUCKETS)


@dataclass(frozen=True)
class Ledger:
    """Every state of every invoice.

    Attributes
    ----------
    steps : ndarray of eventlog.fold.STATE, shape (n_steps,)
        States in (invoice, known time) order.
    offsets : ndarray of int64, shape (n_invoices + 1,)
        Where each invoice's steps begin.
    """

    steps: NDArray[np.void]
    offsets: Ints

    def as_of(self, invoice: Codes, moment: Ints) -> NDArray[np.void]:
        """State of invoices at moments.

        Parameters
        ----------
        invoice, moment : ndarray, shape (n,)

        Returns
        -------
        ndarray of eventlog.fold.STATE, shape (n,)
            The empty state where nothing is known of the invoice yet.
        """
        return self.at(self.position(invoice, moment))

    def position(self, invoice: Codes, moment: Ints) -> Ints:
        """Last step of each invoice that is known at each moment, shape (n,); -1 if none is."""
        return last_known(self.offsets, self.known_at, invoice, moment)

    def at(self, position: Ints) -> NDArray[np.void]:
        """State after each step; the empty state for -1."""
        if not len(self.steps):
            return np.repeat(empty_state(), len(position))
        states = self.steps[np.maximum(position, 0)]
        states[position < 0] = empty_state()[0]
        return states

    def fields(self, position: Ints, names: tuple[str, ...]) -> NDArray[np.void]:
        """Some fields of the state after each step, as `at` gives all of them: quicker for many.

        Parameters
        ----------
        position : ndarray of int64, shape (n,)
            The empty state for -1.
        names : tuple of str
            Fields of `eventlog.fold.STATE`.
        """
        found = np.empty(len(position), dtype=[(name, STATE[name]) for name in names])
        blank, nothing = empty_state()[0], np.flatnonzero(position < 0)
        for name in names:
            found[name] = self.steps[name][position] if len(self.steps) else blank[name]
            found[name][nothing] = blank[name]
        return found

    @lazy
    def known_at(self) -> Ints:
        """When each step became known, shape (n_steps,)."""
        return np.ascontiguousarray(self.steps["known_at"])

    @lazy
    def first_steps(self) -> Ints:
        """Where the steps of each invoice that has any begin."""
        return self.offsets[:-1][self.offsets[1:] > self.offsets[:-1]]

    def before(self, values: NDArray[Any], at_first: Any) -> NDArray[Any]:
        """What stood at the invoice's previous step, ``at_first`` where there is none.

        Parameters
        ----------
        values : ndarray, shape (n_steps,)
        """
        previous = np.empty_like(values)
        previous[1:] = values[:-1]
        previous[self.first_steps] = at_first
        return previous


def keep_ledger(log: EventLog, policy: Policy) -> Ledger:
    """Fold the log into the states of its invoices, under a policy."""
    rows = log.of_invoice
    level = stated_levels(log)
    steps, offsets = fold(
        log.invoice_starts,
        role=log.role[rows],
        activity=log.activity[rows],
        known=log.known_at[rows],
        happened=log.event_time[rows],
        amount=log.money("InvoiceAmount")[rows],
        moved=log.money("PaymentAmount")[rows],
        due=log.times("PaymentDueDate")[rows],
        promised=log.times("PromisedDate")[rows],
        promised_amount=log.money("PromisedAmount")[rows],
        level=level[rows],
        tolerance=round(policy.settled_tolerance * MINOR),
        grace_days=policy.promise_grace_days,
        default_days=policy.promise_default_days,
        late_after_days=policy.late_after_days,
        n_activities=len(log.activities),
    )
    return Ledger(steps, offsets)


def stated_levels(log: EventLog) -> NDArray[np.int8]:
    """Dunning level that each event states, shape (n_events,); -1 where it states none."""
    if "DunningLevel" not in log.columns:
        return np.full(len(log), -1, dtype=np.int8)
    stated = log.columns["DunningLevel"].values.astype(np.float64)
    return np.where(np.isnan(stated), -1, np.clip(stated, 0, 99)).astype(np.int8)


def days_overdue(states: NDArray[np.void], moment: Ints) -> NDArray[np.float64]:
    """Whole days from the due date to a moment, negative before it; NaN without a due date.

    Parameters
    ----------
    states : ndarray of STATE, shape (n,)
    moment : ndarray of int64, shape (n,)
    """
    due = states["due_date"]
    days = np.asarray(moment) // DAY - due // DAY
    return np.where(due == NONE, np.nan, days.astype(np.float64))


def is_open(states: NDArray[np.void]) -> NDArray[np.bool_]:
    """Mask of the states in which an invoice has been issued and is not closed."""
    mask: NDArray[np.bool_] = (states["issued_at"] != NONE) & (states["closed"] == Closed.OPEN)
    return mask


def days_in_dispute(states: NDArray[np.void], moment: Ints) -> NDArray[np.float64]:
    """Days an invoice has spent in dispute up to a moment, an open dispute included."""
    running = np.where(states["disputed"] == 1, np.asarray(moment) - states["dispute_since"], 0)
    days: NDArray[np.float64] = (states["dispute_time"] + np.maximum(running, 0)) / DAY
    return days


def status(states: NDArray[np.void]) -> NDArray[np.object_]:
    """Status in the template's words: Open, Partially Paid, Disputed, Paid, Credited, …."""
    words = np.select(
        [
            states["issued_at"] == NONE,
            states["closed"] == Closed.WRITTEN_OFF,
            states["closed"] == Closed.CREDITED,
            states["closed"] == Closed.PAID,
            states["disputed"] == 1,
            states["paid"] > 0,
        ],
        ["Not issued", "Written Off", "Credited", "Paid", "Disputed", "Partially Paid"],
        "Open",
    )
    return words.astype(object)


def collections_status(states: NDArray[np.void]) -> NDArray[np.object_]:
    """Collections status as Dynamics 365 words it."""
    words = np.select(
        [
            states["disputed"] == 1,
            states["promise_open"] == 1,
            states["broken_last"] == 1,
            states["n_disputes"] > 0,
        ],
        ["Disputed", "Promise to pay", "Promise to pay broken", "Resolved"],
        "Not disputed",
    )
    return words.astype(object)


def ageing_bucket(states: NDArray[np.void], moment: Ints) -> NDArray[np.object_]:
    """Ageing bucket by due date at a moment; invoices without a due date have their own."""
    return bucket_of_days(days_overdue(states, moment))


def bucket_of_days(days: NDArray[np.float64]) -> NDArray[np.object_]:
    """Ageing bucket of days overdue; NaN is "no due date"."""
    return np.array(AGEING, dtype=object)[bucket_places(days)]


def bucket_places(days: NDArray[np.float64]) -> Ints:
    """Place in `AGEING` of the bucket of days overdue, shape (n,)."""
    edges = np.searchsorted([1, 31, 61, 91], np.nan_to_num(days), side="right")
    return np.where(np.isnan(days), 0, edges + 1).astype(np.int64)


def ledger_table(log: EventLog, ledger: Ledger, cutoff: int) -> pd.DataFrame:
    """The ledger as a person reads it: one row an invoice that is known at the cutoff.

    Returns
    -------
    DataFrame of shape (n_known_invoices, 21)
        Money in currency units; columns add up: amount = paid + credited + written_off + cleared
        + balance - overpaid. An unknown amount leaves amount and balance missing.
    """
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    moment = np.full(log.n_invoices, cutoff, dtype=np.int64)
    states = ledger.as_of(everyone, moment)
    known = states["issued_at"] != NONE
    states, moment, everyone = states[known], moment[known], everyone[known]
    return pd.DataFrame(
        {
            "company": log.invoice_keys["company"].to_numpy()[everyone],
            "invoice": log.invoice_keys["invoice"].to_numpy()[everyone],
            "customer": log.customer_keys["customer"].to_numpy()[log.invoice_customer[everyone]],
            "issued_at": datetimes(states["issued_at"].copy()),
            "due_date": datetimes(states["due_date"].copy()),
            "amount": units(states["amount"]),
            "paid": units(states["paid"]),
            "credited": units(states["credited"]),
            "written_off": units(states["written_off"]),
            "cleared": units(states["cleared"]),
            "overpaid": units(states["overpaid"]),
            "balance": units(states["balance"]),
            "status": status(states),
            "closed_at": datetimes(states["closed_at"].copy()),
            "days_overdue": np.where(is_open(states), days_overdue(states, moment), np.nan),
            "dunning_level": states["level"],
            "n_disputes": states["n_disputes"],
            "days_in_dispute": days_in_dispute(states, moment),
            "n_promises": states["n_promises"],
            "n_promises_kept": states["n_kept"],
            "n_promises_broken": states["n_broken"],
        }
    )
