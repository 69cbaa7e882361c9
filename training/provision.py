"""The provision matrix: how balances move between ageing buckets, and what of them is written off.

Each balance is followed from one month's end to the next: what of it stands in which bucket then,
what was written off, and what was settled. Those flows, summed over some months, are the roll
rates. Because every unit is followed, an invoice that is paid in part, jumps a bucket, goes back
because its due date moved, stays where it is because its term is long, or is written off early is
counted for what it does, and the shares of a bucket add up to 1. (Balances of two month ends set
against each other, as the formula is often written, mix in invoices that were never in the bucket
before, and give "rates" far above 1 for the last bucket, in which balances gather.)

A bucket's write-off rate is the share of its balance that is written off in the end, if balances
go on moving as they did: the absorption probabilities of a Markov chain (Cyert, Davidson and
Thompson 1962, Management Science 8(3), 287-303). Where balances move one bucket a month or leave,
that is the product of the later roll rates and the rate of write-off from the last bucket, the
formula of IFRS 9's simplified approach; the product is told beside it.

Flows are counted in whole numbers, so the parts of a log add up to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.blocks import in_parallel
from eventlog.errors import DataError, SettingsError
from eventlog.known import Ints
from eventlog.ledger import AGEING, Ledger
from eventlog.log import MINOR, EventLog, micros, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from eventlog.roll_rates import OUTCOMES, follow_balances
from features.blocks import Block, blocks_of
from features.matrix import look_at
from features.snapshots import NO_SNAPSHOTS

Floats = NDArray[np.float64]

#: The matrix has a row for each bucket in `AGEING`, a column for each of `OUTCOMES`.
_LOST = len(AGEING)
#: Months behind a cutoff over which balances are followed.
MONTHS = 12
MOST_MONTHS = 120
DAYS_A_MONTH = 365.25 / 12
REPEATS = 400


@dataclass(frozen=True)
class Flows:
    """How balances moved from each month's end to the next; parts of a log add up.

    Attributes
    ----------
    ends : ndarray of int64, shape (n_months + 1,)
        Month ends, the last being the cutoff; microseconds.
    moved : ndarray of int64, shape (n_months, 6, 8)
        Balance by bucket at the month's beginning (`AGEING`) and by what had become of it at its
        end (`OUTCOMES`); minor units of the reporting currency at the beginning's rate.
    balance, n_open : ndarray of int64, shape (n_months + 1, 6)
        Open balance, and number of open invoices, at each end.
    """

    ends: Ints
    moved: Ints
    balance: Ints
    n_open: Ints


@dataclass(frozen=True)
class ProvisionMatrix:
    """Roll rates and write-off rates by ageing bucket, as of a cutoff.

    Attributes
    ----------
    cutoff : int
    ends : ndarray of int64, shape (n_months + 1,)
        Month ends.
    n_months : int
        Months in which any balance was open, of those looked at.
    balance, n_open : ndarray of float64 and int64, shape (n_months + 1, 6)
        By month end and bucket; reporting currency, invoices.
    followed : ndarray of float64, shape (6,)
        Balance that was followed out of each bucket, all months together.
    share : ndarray of float64, shape (6, 8)
        Share of each bucket's balance that a month later is in each of `OUTCOMES`; rows add up to
        1. NaN where the bucket held nothing.
    write_off_rate : ndarray of float64, shape (6,)
        Share of a balance that is written off in the end, before recoveries.
    low, high : ndarray of float64, shape (6,)
        95 % interval of it by resampled months.
    by_product : ndarray of float64, shape (6,)
        The same by the product of roll rates; NaN without a due date.
    assumed : ndarray of bool, shape (6,)
        Buckets that nothing is known to have left: they are taken to pass to the next worse one,
        and the last one to be lost.
    written_off : float
        What was written off in these months of balances that were open at a month's end.
    """

    cutoff: int
    ends: Ints
    n_months: int
    balance: Floats
    n_open: Ints
    followed: Floats
    share: Floats
    write_off_rate: Floats
    low: Floats
    high: Floats
    by_product: Floats
    assumed: NDArray[np.bool_]
    written_off: float

    def rate_within(self, days: float) -> Floats:
        """Share of each bucket's balance that is written off within some days, shape (6,).

        Between two whole numbers of months the rate is read off the straight line.
        """
        stay, lost, _ = _chain(np.nan_to_num(self.share))
        months = days / DAYS_A_MONTH
        before = after = np.zeros(len(AGEING))
        for _ in range(int(months) + 1):
            before, after = after, lost + stay @ after
        return before + (months - int(months)) * (after - before)


def month_ends(cutoff: int, months: int) -> Ints:
    """The cutoff and the same day of the months before it, sorted, shape (months + 1,).

    Raises
    ------
    SettingsError
        If there are fewer than 1 or more than `MOST_MONTHS` months.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise SettingsError(f"{months} months: choose a number from 1 to {MOST_MONTHS}.")
    day = timestamp(cutoff)
    return np.array([micros(day - pd.DateOffset(months=k)) for k in range(months, -1, -1)])


def no_flows() -> Flows:
    """Flows over no months at all."""
    none = np.zeros((0, len(AGEING)), dtype=np.int64)
    return Flows(none[:, 0], none[:, :, None].repeat(len(OUTCOMES), 2), none, none)


def provision_matrix(
    log: EventLog,
    cutoff: int,
    policy: Policy,
    rates: Rates,
    *,
    months: int = MONTHS,
    repeats: int = REPEATS,
    threads: int = 0,
) -> ProvisionMatrix:
    """The provision matrix as known at a cutoff.

    Parameters
    ----------
    log : EventLog
        May reach further; it is cut at the cutoff first.
    cutoff : int
        Microseconds.
    months : int
        Months before the cutoff over which balances are followed.

    Raises
    ------
    DataError
        If nothing was open in those months.
    SettingsError
        If there are too few or too many months.
    """
    ends = month_ends(cutoff, months)
    known = log.upto(cutoff)

    def count(block: Block) -> Flows:
        return count_flows(block.log, look_at(block, policy, rates).ledger, ends, rates)

    flows = add_flows(in_parallel(count, blocks_of(known, NO_SNAPSHOTS), threads))
    return matrix_of(flows, repeats=repeats)


def count_flows(log: EventLog, ledger: Ledger, ends: Ints, rates: Rates) -> Flows:
    """Count how the balances of a log, or of a part of one, moved between month ends.

    Parameters
    ----------
    log : EventLog
        Cut at the last of the ends.
    ends : ndarray of int64, shape (n_months + 1,)
        From `month_ends`.
    """
    months = len(ends) - 1
    rows = follow_balances(log, ledger, ends, rates)
    balance = np.zeros((months + 1, len(AGEING)), dtype=np.int64)
    np.add.at(balance, (rows.month, rows.bucket), rows.balance)
    n_open = np.zeros_like(balance)
    np.add.at(n_open, (rows.month, rows.bucket), 1)
    moved = np.zeros((months + 1, len(AGEING), len(OUTCOMES)), dtype=np.int64)
    np.add.at(moved, (rows.month, rows.bucket, rows.later), rows.remaining)
    np.add.at(moved[..., _LOST], (rows.month, rows.bucket), rows.written_off)
    settled = rows.balance - rows.remaining - rows.written_off
    np.add.at(moved[..., _LOST + 1], (rows.month, rows.bucket), settled)
    return Flows(ends, moved[:months], balance, n_open)


def add_flows(parts: Iterable[Flows]) -> Flows:
    """The flows of the whole from those of its parts."""
    parts = list(parts)
    moved, balance, n_open = (
        np.stack([getattr(part, name) for part in parts]).sum(axis=0)
        for name in ("moved", "balance", "n_open")
    )
    return Flows(parts[0].ends, moved, balance, n_open)


def matrix_of(flows: Flows, *, repeats: int = REPEATS, seed: int = 0) -> ProvisionMatrix:
    """Roll rates and write-off rates from the flows of a whole log.

    Parameters
    ----------
    repeats : int
        Bootstrap samples of months behind the interval; 0 leaves it out (NaN).

    Raises
    ------
    DataError
        If nothing was open in these months.
    """
    cutoff = int(flows.ends[-1])
    moved = flows.moved / MINOR
    with_any = moved[moved.sum(axis=(1, 2)) > 0]
    if not len(with_any):
        raise DataError(
            f"No balance was open at a month's end from {timestamp(int(flows.ends[0])):%Y-%m-%d} "
            f"to {timestamp(cutoff):%Y-%m-%d}, so there is nothing to follow. Choose a later "
            "cutoff or more months."
        )
    whole = moved.sum(axis=0)
    followed = whole.sum(axis=1)
    stay, lost, assumed = _chain(_shares(whole))
    low, high = _resampled(with_any, repeats, seed)
    return ProvisionMatrix(
        cutoff=cutoff,
        ends=flows.ends,
        n_months=len(with_any),
        balance=flows.balance / MINOR,
        n_open=flows.n_open,
        followed=followed,
        share=np.where(followed[:, None] > 0, _shares(whole), np.nan),
        write_off_rate=_absorbed(stay, lost),
        low=low,
        high=high,
        by_product=_product(stay, lost),
        assumed=assumed,
        written_off=float(whole[:, _LOST].sum()),
    )


def _resampled(moved: Floats, repeats: int, seed: int) -> tuple[Floats, Floats]:
    """2.5 and 97.5 % quantiles of the write-off rates over months drawn with replacement."""
    if not repeats:
        return np.full(len(AGEING), np.nan), np.full(len(AGEING), np.nan)
    random = np.random.default_rng(seed)
    drawn = moved[random.integers(0, len(moved), (repeats, len(moved)))].sum(axis=1)
    low, high = np.quantile(_absorbed(*_chain(_shares(drawn))[:2]), [0.025, 0.975], axis=0)
    return low, high


def refuse_forward(forward: float) -> None:
    """Refuse a forward-looking adjustment that is no share.

    Raises
    ------
    SettingsError
        If it lies below -1 or above 10.
    """
    if not -1.0 <= forward <= 10.0:
        raise SettingsError(
            f"The forward-looking adjustment is {forward}. Choose a share from -1 to 10: 0.1 "
            "raises every rate by a tenth."
        )


def loss_rate(write_off_rate: Floats, loss_given_default: float, forward: float = 0.0) -> Floats:
    """min(1, write-off rate × (1 + forward-looking adjustment)) × loss given default."""
    rates: Floats = np.clip(write_off_rate * (1.0 + forward), 0.0, 1.0) * loss_given_default
    return rates


def _shares(moved: Floats) -> Floats:
    """Flows over the balance that they came from; 0 where there was none. Shape (..., 6, 8)."""
    balance = moved.sum(axis=-1, keepdims=True)
    return np.divide(moved, balance, out=np.zeros_like(moved), where=balance > 0)


def _chain(share: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Shares that stay open in each bucket and that are lost, a month on; and what is assumed.

    A bucket from which no way leads out passes to the next worse one, the last to write-off.

    Parameters
    ----------
    share : ndarray of float64, shape (..., 6, 8)
    """
    stay, lost = share[..., :_LOST].copy(), share[..., _LOST].copy()
    leads_out = share[..., _LOST:].sum(axis=-1) > 0
    for _ in AGEING:
        leads_out |= ((stay > 0) & leads_out[..., None, :]).any(axis=-1)
    onward = np.eye(_LOST, k=1)
    stay = np.where(leads_out[..., None], stay, onward)
    lost = np.where(leads_out, lost, onward.sum(axis=1) == 0)
    return stay, lost, ~leads_out


def _absorbed(stay: Floats, lost: Floats) -> Floats:
    """Share that is lost in the end: x = lost + stay x. Shape (..., 6)."""
    found = np.linalg.solve(np.eye(_LOST) - stay, lost[..., None])[..., 0]
    return np.clip(found, 0.0, 1.0)


def _product(stay: Floats, lost: Floats) -> Floats:
    """The product of roll rates to later buckets and the last one's rate of write-off."""
    rate = np.full(len(AGEING), np.nan)
    left = 1.0 - stay[-1, -1]
    rate[-1] = lost[-1] / left if left > 0 else 0.0
    for j in range(len(AGEING) - 2, 0, -1):
        rate[j] = stay[j, j + 1 :].sum() * rate[j + 1]
    return rate
