"""What every family of features looks at: the snapshots and the invoices' states at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, known_by, last_known
from eventlog.ledger import Ledger
from eventlog.log import MINOR, NONE, EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates, converted, currency_of_invoices
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

    @cached_property
    def states(self) -> NDArray[np.void]:
        """State of each snapshot's invoice at its cutoff, shape (n_snapshots,)."""
        return self.ledger.as_of(self.snapshots.invoice, self.snapshots.cutoff)

    @cached_property
    def customer(self) -> Codes:
        """Customer of each snapshot, shape (n_snapshots,)."""
        return self.log.invoice_customer[self.snapshots.invoice]

    @cached_property
    def step_event(self) -> Ints:
        """Last logged event at or before each step, a position in `log.of_invoice`."""
        event = self.ledger.steps["event"].astype(np.int64)
        return np.maximum.accumulate(event) if len(event) else event

    @cached_property
    def event_position(self) -> Ints:
        """Last known event of each snapshot's invoice, a position in `log.of_invoice`."""
        known_at = self.log.known_at[self.log.of_invoice]
        return last_known(
            self.log.invoice_starts, known_at, self.snapshots.invoice, self.snapshots.cutoff
        )

    @cached_property
    def _several_currencies(self) -> bool:
        return len(self.rates.currencies) > 0

    @cached_property
    def _currency(self) -> NDArray[np.object_]:
        return currency_of_invoices(self.log)

    @cached_property
    def _currency_since(self) -> Ints:
        """When each invoice's currency was first stated, shape (n_invoices,)."""
        since = np.full(self.log.n_invoices, np.iinfo(np.int64).max)
        column = self.log.columns.get("CurrencyCode")
        if column is not None:
            rows = self.log.of_invoice[column.stated()[self.log.of_invoice]][::-1]
            since[self.log.invoice[rows]] = self.log.known_at[rows]
        return since

    def rate_of(self, states: NDArray[np.void]) -> Floats:
        """Reporting rate of each state's invoice at that state's own time.

        A currency that is stated later is not known yet: the amount counts as it stands.
        """
        if not self._several_currencies:
            return np.ones(len(states))
        invoice, moment = np.maximum(states["invoice"], 0), states["known_at"]
        stated = known_by(self._currency_since[invoice], moment)
        return self.rates.of(np.where(stated, self._currency[invoice], ""), moment)

    def reporting(self, states: NDArray[np.void], name: str) -> Ints:
        """A money field of states in minor units of the reporting currency; unknown is 0."""
        if not self._several_currencies:
            money = states[name]
            return np.where(money == NONE, 0, money)
        return converted(states[name], self.rate_of(states))


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
