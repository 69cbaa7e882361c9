"""What every family of features looks at: the snapshots and the invoices' states at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, last_known
from eventlog.lazy import lazy
from eventlog.ledger import Ledger
from eventlog.log import MINOR, NONE, EventLog
from eventlog.policy import Policy
from eventlog.rates import InvoiceRates, Rates, converted
from features.snapshots import Snapshots

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AsOf:
    """A log, its ledger and the snapshots asked for.

    Attributes
    ----------
    log : EventLog
    ledger : Ledger
    snapshots : Snapshots
    policy : Policy
    rates : Rates
        For adding amounts of several currencies.
    """

    log: EventLog
    ledger: Ledger
    snapshots: Snapshots
    policy: Policy
    rates: Rates

    @lazy
    def step(self) -> Ints:
        """Last known step of each snapshot's invoice, shape (n_snapshots,); -1 if there is none."""
        return self.ledger.position(self.snapshots.invoice, self.snapshots.cutoff)

    @lazy
    def states(self) -> NDArray[np.void]:
        """State of each snapshot's invoice at its cutoff, shape (n_snapshots,)."""
        return self.ledger.at(self.step)

    @lazy
    def customer(self) -> Codes:
        """Customer of each snapshot, shape (n_snapshots,)."""
        return self.log.invoice_customer[self.snapshots.invoice]

    @lazy
    def step_event(self) -> Ints:
        """Last logged event at or before each step, a position in `log.of_invoice`."""
        event = self.ledger.steps["event"].astype(np.int64)
        return np.maximum.accumulate(event) if len(event) else event

    @lazy
    def event_position(self) -> Ints:
        """Last known event of each snapshot's invoice, a position in `log.of_invoice`."""
        known_at = self.log.known_at[self.log.of_invoice]
        return last_known(
            self.log.invoice_starts, known_at, self.snapshots.invoice, self.snapshots.cutoff
        )

    @lazy
    def _rate(self) -> InvoiceRates:
        return InvoiceRates(self.log, self.rates)

    @lazy
    def _rate_of_step(self) -> Floats:
        steps = self.ledger.steps
        return self._rate.at(np.ascontiguousarray(steps["invoice"]), self.ledger.known_at)

    @lazy
    def _rate_of_state(self) -> Floats:
        known = np.maximum(self.step, 0)
        if not len(self.ledger.steps):
            return np.ones(len(self.step))
        return np.where(self.step < 0, 1.0, self._rate_of_step[known])

    def of_steps(self, name: str) -> Ints:
        """A money field of every step in minor units of the reporting currency; unknown is 0.

        Converted at the rate of the step's own time.
        """
        return self._reporting(self.ledger.steps[name], self._rate_of_step)

    def of_states(self, name: str) -> Ints:
        """The same for the state of every snapshot."""
        return self._reporting(self.states[name], self._rate_of_state)

    def _reporting(self, money: Ints, rate: Floats) -> Ints:
        if not len(self.rates.currencies):
            return np.where(money == NONE, 0, money)
        return converted(money, rate)


def days_since(moment: Ints, then: Ints) -> Floats:
    """Days from an earlier time to a moment, fractions kept; NaN where there was none."""
    return np.where(then == NONE, np.nan, (moment - then) / (86_400 * 1_000_000))


def as_units(money: Ints) -> Floats:
    """Currency units of minor units; `NONE` becomes NaN."""
    return np.where(money == NONE, np.nan, money / MINOR)


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    """Part over whole; NaN where the whole is zero or missing."""
    top = np.asarray(part, dtype=np.float64)
    bottom = np.asarray(whole, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom != 0)


def shrunk(part: Floats, whole: Floats, prior: Floats | float, weight: float) -> Floats:
    """Share pulled towards a prior as if ``weight`` more cases had shown it.

    The posterior mean of a beta prior, (part + weight × prior) / (whole + weight).
    """
    shares: Floats = (part + weight * prior) / (whole + weight)
    return shares
