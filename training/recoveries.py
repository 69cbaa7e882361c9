"""Loss given default: what share of a written-off balance does not come back.

Counted from the ledger as known at a moment: of the write-offs that are old enough, the money that
came in afterwards against the balance that was given up. The share is weighted by amount, drawn
towards the policy's number while few customers stand behind it, and left to the policy where the
log cannot tell. What a part of a log counts is whole numbers by customer, so the parts of a log add
up to the whole exactly, in whatever order they come.

Recoveries are not discounted, and what an agency keeps is not known: both make the true loss larger
than the share told here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eventlog.blocks import in_parallel
from eventlog.known import Ints, known_by
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, MINOR, NONE, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates, converted, currency_of_invoices
from features.blocks import Block, blocks_of
from features.snapshots import NO_SNAPSHOTS

Floats = NDArray[np.float64]

#: Days after which a write-off counts: by then most of what comes back has come.
MATURITY_DAYS = 365
#: Fewest mature write-offs that an estimate is made from.
FEWEST_WRITE_OFFS = 20
#: How many customers' worth of the policy's number the observed share is mixed with.
PRIOR_CUSTOMERS = 10.0
REPEATS = 400


@dataclass(frozen=True)
class WriteOffs:
    """Write-offs known at a moment, by customer; parts of a log add up.

    Attributes
    ----------
    n : ndarray of int64, shape (n_customers,)
        Mature write-offs of each customer that has any.
    lost, recovered : ndarray of int64, shape (n_customers,)
        Balance written off, and of it what came in later; minor units of the reporting currency,
        converted at the rate of the write-off.
    n_young : int
        Write-offs that are not mature yet.
    """

    n: Ints
    lost: Ints
    recovered: Ints
    n_young: int

    @property
    def n_known(self) -> int:
        """All write-offs of a known amount at the moment, mature or not."""
        return int(self.n.sum()) + self.n_young


@dataclass(frozen=True)
class LossGivenDefault:
    """The share of a written-off balance that is lost, and where the number comes from.

    Attributes
    ----------
    value : float
        0 to 1, what is to be used.
    source : {'recoveries', 'policy'}
    reason : str
        One sentence.
    low, high : float or None
        95 % interval of `value` by resampled customers; None where it is the policy's.
    observed : float or None
        The share before it is drawn towards the policy's; None without a mature write-off.
    n_write_offs, n_customers : int
        Mature write-offs, and whose they are.
    effective_customers : float
        (sum of balances)² / sum of squared balances: one large insolvency counts as one.
    n_young : int
        Write-offs younger than `maturity_days`, which are not counted.
    written_off, recovered : float
        Reporting currency, over the mature write-offs.
    maturity_days : int
    prior : float
        The policy's number.
    prior_customers : float
        Its weight, in effective customers.
    """

    value: float
    source: Literal["recoveries", "policy"]
    reason: str
    low: float | None
    high: float | None
    observed: float | None
    n_write_offs: int
    n_customers: int
    effective_customers: float
    n_young: int
    written_off: float
    recovered: float
    maturity_days: int
    prior: float
    prior_customers: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a run's record."""
        return asdict(self)


def loss_given_default(
    log: EventLog,
    cutoff: int,
    policy: Policy,
    rates: Rates,
    *,
    maturity_days: int = MATURITY_DAYS,
    repeats: int = REPEATS,
    threads: int = 0,
) -> LossGivenDefault:
    """Loss given default as known at a cutoff.

    Parameters
    ----------
    log : EventLog
        May reach further; it is cut at the cutoff first.
    cutoff : int
        Microseconds.
    maturity_days : int
        Write-offs younger than this are left out: their recoveries are still to come.
    """
    known = log.upto(cutoff)

    def count(block: Block) -> WriteOffs:
        everyone = np.arange(block.log.n_invoices, dtype=np.int32)
        moment = np.full(len(everyone), cutoff, dtype=np.int64)
        states = keep_ledger(block.log, policy).as_of(everyone, moment)
        return count_write_offs(block.log, states, cutoff, rates, maturity_days)

    counted = add_write_offs(in_parallel(count, blocks_of(known, NO_SNAPSHOTS), threads))
    return estimate_loss(counted, cutoff, policy, maturity_days=maturity_days, repeats=repeats)


def count_write_offs(
    log: EventLog,
    states: NDArray[np.void],
    cutoff: int,
    rates: Rates,
    maturity_days: int = MATURITY_DAYS,
) -> WriteOffs:
    """Count the write-offs of a log, or of a part of one, that is cut at the cutoff.

    Every recovery known at the cutoff counts, however late it came, but never more than was
    written off of its invoice. Write-offs of an unknown amount are left out.

    Parameters
    ----------
    states : ndarray of STATE, shape (n_invoices,)
        State of every invoice of the log at the cutoff.
    """
    lost = (states["written_off_at"] != NONE) & (states["written_off"] > 0)
    invoice, states = np.flatnonzero(lost), states[lost]
    ripe = known_by(states["written_off_at"] + maturity_days * DAY, cutoff)
    n_young = int((~ripe).sum())
    invoice, states = invoice[ripe], states[ripe]
    rate = rates.of(currency_of_invoices(log)[invoice], states["written_off_at"].copy())
    written_off = converted(states["written_off"].copy(), rate)
    back = converted(np.minimum(states["recovered"], states["written_off"]), rate)
    customers, place = np.unique(log.invoice_customer[invoice], return_inverse=True)
    sums = np.zeros((3, len(customers)), dtype=np.int64)
    for row, values in zip(sums, (np.ones_like(back), written_off, back), strict=True):
        np.add.at(row, place, values)
    return WriteOffs(sums[0], sums[1], sums[2], n_young)


def add_write_offs(parts: Iterable[WriteOffs]) -> WriteOffs:
    """The write-offs of the whole from those of its parts, each of whole customers."""
    parts = list(parts)
    n, lost, recovered = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("n", "lost", "recovered")
    )
    return WriteOffs(n, lost, recovered, sum(part.n_young for part in parts))


def estimate_loss(
    write_offs: WriteOffs,
    cutoff: int,
    policy: Policy,
    *,
    maturity_days: int = MATURITY_DAYS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> LossGivenDefault:
    """The share that is lost, or the policy's number and why.

    Parameters
    ----------
    write_offs : WriteOffs
        Of the whole log, at the cutoff.
    repeats : int
        Bootstrap samples of customers behind the interval.

    Notes
    -----
    With the share 1 - recovered / lost of all mature write-offs and the effective number of
    customers n = (sum of lost)² / sum of lost² (Kish 1965, Survey Sampling, section 11.7), the
    value is (n × share + `PRIOR_CUSTOMERS` × policy) / (n + `PRIOR_CUSTOMERS`).
    """
    prior, day = policy.loss_given_default, f"{timestamp(cutoff):%Y-%m-%d}"
    order = np.lexsort((write_offs.n, write_offs.recovered, write_offs.lost))  # whichever way
    lost, back = (x[order] / MINOR for x in (write_offs.lost, write_offs.recovered))
    n, whole, returned = int(write_offs.n.sum()), float(lost.sum()), float(back.sum())
    square = float((lost**2).sum())
    effective = whole**2 / square if square > 0 else 0.0
    observed = 1.0 - returned / whole if whole > 0 else None
    old = f"older than {maturity_days} days at {day}"
    value, low, high = prior, None, None
    source: Literal["recoveries", "policy"] = "policy"
    if n < FEWEST_WRITE_OFFS or observed is None:
        reason = f"The policy's number: {n:,} write-offs are {old}, {FEWEST_WRITE_OFFS} are needed."
    elif returned == 0:
        reason = (
            f"The policy's number: none of the {n:,} write-offs {old} has a recovery, so the log "
            "may not record any."
        )
    else:
        source = "recoveries"
        reason = f"From the recoveries of {n:,} write-offs {old}."
        drawn = _resampled(lost, back, repeats, seed)
        weight = effective / (effective + PRIOR_CUSTOMERS)
        value, low, high = (weight * share + (1.0 - weight) * prior for share in (observed, *drawn))
    return LossGivenDefault(
        value=value,
        source=source,
        reason=reason,
        low=low,
        high=high,
        observed=observed,
        n_write_offs=n,
        n_customers=len(lost),
        effective_customers=effective,
        n_young=write_offs.n_young,
        written_off=whole,
        recovered=returned,
        maturity_days=maturity_days,
        prior=prior,
        prior_customers=PRIOR_CUSTOMERS,
    )


def _resampled(lost: Floats, back: Floats, repeats: int, seed: int) -> tuple[float, float]:
    """2.5 and 97.5 % quantiles of the lost share over customers drawn with replacement."""
    random = np.random.default_rng(seed)
    shares = np.empty(repeats)
    for i in range(repeats):
        drawn = random.integers(0, len(lost), len(lost))
        shares[i] = 1.0 - back[drawn].sum() / lost[drawn].sum()
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
