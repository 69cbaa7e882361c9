"""Whom to call first, in money: expected loss, cost of delay, and what must not be chased."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, NONE, timestamp
from eventlog.policy import Policy

Floats = NDArray[np.float64]


def expected_loss(p_write_off: Floats, balance: Floats, policy: Policy) -> Floats:
    """p_write_off × loss given default × balance (0 if unknown); NaN without a probability.

    The policy's loss given default is that of `training.recoveries` where write-offs tell it.
    """
    return p_write_off * policy.loss_given_default * np.nan_to_num(balance)


def cost_of_delay(overdue_days: Floats, balance: Floats, policy: Policy) -> Floats:
    """Balance × annual rate / 365 × expected further overdue days; 0 where not known."""
    return np.nan_to_num(balance * policy.annual_rate / 365.0 * overdue_days)


def suppressed_reason(
    states: NDArray[np.void], last_contact: Ints, cutoff: int, policy: Policy
) -> NDArray[np.object_]:
    """Why an invoice must not be chased now; None where it may be.

    Parameters
    ----------
    states : ndarray of STATE, shape (n,)
    last_contact : ndarray of int64, shape (n,)
        Last call or reminder to the invoice or its customer; `NONE` if there was none.
    """
    reason = np.full(len(states), None, dtype=object)
    days = np.where(last_contact == NONE, np.inf, (cutoff - last_contact) / DAY)
    quiet = days < policy.quiet_days
    whole = np.floor(np.where(quiet, days, 0)).astype(np.int64)
    said = np.array(
        ["contacted today", "contacted yesterday"]
        + [f"contacted {n} days ago" for n in range(2, max(policy.quiet_days, 2) + 1)],
        dtype=object,
    )
    reason[quiet] = said[whole[quiet]]
    promised = states["promise_open"] == 1
    dates, index = np.unique(states["promised_date"][promised], return_inverse=True)
    words = [f"promise open until {timestamp(int(date)):%Y-%m-%d}" for date in dates]
    reason[promised] = np.array(words, dtype=object)[index] if len(words) else None
    reason[states["agency"] == 1] = "with agency"
    reason[states["disputed"] == 1] = "disputed"
    return reason


def ranks(priority: Floats, balance: Floats, actionable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """1 is called first: actionable before suppressed, then by priority, then by balance."""
    order = np.lexsort((-np.nan_to_num(balance), -priority, ~actionable))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def risk_band(p: Floats, policy: Policy) -> NDArray[np.object_]:
    """Band of a probability: high, medium or low; None where it is not known."""
    words = np.select([p >= policy.band_high, p >= policy.band_medium], ["high", "medium"], "low")
    band = words.astype(object)
    band[np.isnan(p)] = None
    return band
