"""The order in which things happened to each invoice.

A trace is the sequence of an invoice's events in the order in which they *happened*; what happened
at the same moment stays in the log's order. Only what was known at the cutoff is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, known_by
from eventlog.log import EventLog

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Traces:
    """Steps of some invoices, each invoice's side by side in the order of happening.

    Attributes
    ----------
    activities : tuple of str
        Those of the log; the calculated "Payment Due Date Passed" last, where it was asked for.
    invoices : ndarray of int32, shape (n_invoices,)
        Codes of the log's invoices that have a step, rising.
    starts : ndarray of int64, shape (n_invoices + 1,)
        Where each one's steps begin.
    activity : ndarray of int16, shape (n_steps,)
    moment : ndarray of int64, shape (n_steps,)
        When it happened, microseconds.
    event : ndarray of int64, shape (n_steps,)
        Position in the log; -1 for a calculated step.
    balance, due : ndarray of int64, shape (n_steps,) or (0,)
        What is open after the step (minor units) and the due date as stated by then; `NONE` where
        not known. Empty where no ledger was kept.
    """

    activities: tuple[str, ...]
    invoices: Codes
    starts: Ints
    activity: NDArray[np.int16]
    moment: Ints
    event: Ints
    balance: Ints
    due: Ints

    def __len__(self) -> int:
        """Number of invoices."""
        return len(self.invoices)

    @property
    def n_steps(self) -> int:
        """Number of steps of all invoices."""
        return len(self.activity)

    @property
    def has_money(self) -> bool:
        """Whether a ledger says what was open."""
        return len(self.balance) == len(self.activity)

    @property
    def invoice_of_step(self) -> Codes:
        """Position in `invoices` of each step's invoice."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def of(self, chosen: Mask) -> Traces:
        """The traces of some invoices.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n_invoices,)
        """
        return self._kept(chosen, np.repeat(chosen, np.diff(self.starts)))

    def without(self, activities: Mask) -> Traces:
        """The traces without some activities; invoices of which nothing is left go too.

        Parameters
        ----------
        activities : ndarray of bool, shape (n_activities,)
            What is left out; what stood on both sides then follows directly.
        """
        stays = ~activities[self.activity]
        counts = np.add.reduceat(stays, self.starts[:-1]) if len(self) else np.empty(0, np.int64)
        return self._kept(counts > 0, stays)

    def _kept(self, invoices: Mask, steps: Mask) -> Traces:
        size = np.diff(self.starts)
        if not steps.all():
            size = np.add.reduceat(steps, self.starts[:-1]) if len(self) else size
        return replace(
            self,
            invoices=self.invoices[invoices],
            starts=np.append(0, np.cumsum(size[invoices])).astype(np.int64),
            activity=self.activity[steps],
            moment=self.moment[steps],
            event=self.event[steps],
            balance=self.balance[steps] if self.has_money else self.balance,
            due=self.due[steps] if self.has_money else self.due,
        )


def traces_of(log: EventLog, cutoff: int | None = None) -> Traces:
    """The order in which the events of each invoice happened, without a ledger.

    Parameters
    ----------
    log : EventLog
        Events of a customer alone are left out.
    cutoff : int, optional
        Only events known at this moment; default: all.
    """
    keep = log.invoice >= 0
    if cutoff is not None:
        keep &= known_by(log.known_at, cutoff)
    event = by_happening(log, np.flatnonzero(keep))
    invoice = log.invoice[event]
    first = np.flatnonzero(np.diff(invoice, prepend=np.int32(-1)))
    nothing = np.empty(0, dtype=np.int64)
    return Traces(
        log.activities,
        invoice[first],
        np.append(first, len(event)),
        log.activity[event],
        log.event_time[event],
        event,
        nothing,
        nothing,
    )


def by_happening(log: EventLog, event: Ints) -> Ints:
    """Events of invoices, given in the log's order, each invoice's in the order of happening.

    Parameters
    ----------
    log : EventLog
    event : ndarray of int64, shape (n,)
        Positions in the log, rising.
    """
    invoice, happened = log.invoice[event], log.event_time[event]
    ordered = event.copy()
    if _insert(invoice, happened, ordered):
        return ordered
    happened = log.event_time[event]
    back = (np.diff(happened) < 0) & (np.diff(invoice) == 0)
    places = np.flatnonzero(np.isin(invoice, invoice[1:][back]))
    order = np.lexsort((happened[places], invoice[places]))  # stable, as insertion is
    ordered[:] = event
    ordered[places] = event[places[order]]
    return ordered


@numba.njit(cache=True, nogil=True)
def _insert(invoice: Codes, happened: Ints, event: Ints) -> bool:  # pragma: no cover - compiled
    """Sort each invoice's events by insertion, in place; False if that would take too long."""
    moves = 0
    for i in range(1, len(event)):
        j = i
        while j > 0 and invoice[j - 1] == invoice[i] and happened[j - 1] > happened[j]:
            happened[j - 1], happened[j] = happened[j], happened[j - 1]
            event[j - 1], event[j] = event[j], event[j - 1]
            j -= 1
            moves += 1
        if moves > 8 * len(event) + 1000:
            return False
    return True
