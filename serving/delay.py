"""How many more days overdue an invoice will be: what happened to late invoices before it.

Past cases are the late invoices whose payment is known at the cutoff. The further days of an
invoice that is d days overdue are read from the cases that lasted longer than d, counted up to 180
days, and scaled by how the customer's own late cases compare, shrunk to the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed
from eventlog.ledger import days_overdue
from eventlog.log import DAY, NONE, EventLog
from eventlog.policy import Policy
from features.as_of import shrunk

Floats = NDArray[np.float64]

MOST_DAYS = 180.0
#: How many cases' worth of the whole a customer's own cases are mixed with.
PRIOR_CASES = 5.0
#: Further days assumed while no late invoice has ever been paid.
WITHOUT_CASES = 30.0


@dataclass(frozen=True)
class LateCases:
    """Late invoices that were paid, counted by days from due date to payment; parts add up.

    Attributes
    ----------
    days : ndarray of float64, shape (n_days,)
        Whole days, sorted, each once.
    count : ndarray of int64, shape (n_days,)
    """

    days: Floats
    count: NDArray[np.int64]


@dataclass(frozen=True)
class PastCases:
    """Late invoices that were paid, and how each customer's compare.

    Attributes
    ----------
    days : ndarray of float64, shape (n_days,)
        Days from due date to payment, sorted, each once.
    n_upto, total : ndarray, shape (n_days + 1,)
        Running number of cases and running sum of their days, a zero in front.
    factor : ndarray of float64, shape (n_customers,)
        Mean of the customer's own cases over the mean of all, shrunk to 1.
    """

    days: Floats
    n_upto: NDArray[np.int64]
    total: Floats
    factor: Floats


def late_cases(states: NDArray[np.void], policy: Policy) -> LateCases:
    """Count the cases among some invoices, by their states at a cutoff."""
    late, overdue = _late(states, policy)
    days, count = np.unique(overdue[late], return_counts=True)
    return LateCases(days, count.astype(np.int64))


def add_cases(parts: Iterable[LateCases]) -> LateCases:
    """The cases of the whole from those of its parts."""
    parts = list(parts)
    days, place = np.unique(np.concatenate([part.days for part in parts]), return_inverse=True)
    count = np.zeros(len(days), dtype=np.int64)
    np.add.at(count, place, np.concatenate([part.count for part in parts]))
    return LateCases(days, count)


def past_cases(
    log: EventLog, states: NDArray[np.void], policy: Policy, whole: LateCases
) -> PastCases:
    """The cases known at a cutoff, and how those of the customers of a log compare.

    Parameters
    ----------
    states : ndarray of STATE, shape (n_invoices,)
        State of every invoice of the log at the cutoff.
    whole : LateCases
        Of all customers, where the log is only a part of the whole.
    """
    late, overdue = _late(states, policy)
    customer = log.invoice_customer[late]
    n = np.bincount(customer, minlength=log.n_customers).astype(np.float64)
    capped = np.minimum(overdue[late], MOST_DAYS)
    own = np.bincount(customer, capped, log.n_customers).astype(np.float64)
    n_all = int(whole.count.sum())
    usual = float(np.minimum(whole.days, MOST_DAYS) @ whole.count) / n_all if n_all else 1.0
    factor = shrunk(own, n, np.full(log.n_customers, usual), PRIOR_CASES) / usual
    n_upto = np.append(0, np.cumsum(whole.count))
    return PastCases(
        whole.days, n_upto, np.append(0.0, np.cumsum(whole.days * whole.count)), factor
    )


def _late(states: NDArray[np.void], policy: Policy) -> tuple[NDArray[np.bool_], Floats]:
    """Invoices paid late, and days from due date to payment of every invoice."""
    paid = (states["closed"] == Closed.PAID) & (states["due_date"] != NONE)
    overdue = (states["closed_at"] // DAY - states["due_date"] // DAY).astype(np.float64)
    return paid & (overdue > policy.late_after_days), overdue


def _mean_further(cases: PastCases, since: Floats, above: Floats, upto: Floats) -> Floats:
    """Mean of min(days - since, 180) over cases with above < days <= upto; 30 days if none."""
    low = np.searchsorted(cases.days, above, side="right")
    high = np.maximum(np.searchsorted(cases.days, upto, side="right"), low)
    cap = np.clip(np.searchsorted(cases.days, since + MOST_DAYS, side="right"), low, high)
    n_low, n_cap, n_high = (cases.n_upto[place] for place in (low, cap, high))
    summed = cases.total[cap] - cases.total[low] - (n_cap - n_low) * since
    summed += (n_high - n_cap) * MOST_DAYS
    n = n_high - n_low
    return np.divide(summed, n, out=np.full(len(since), WITHOUT_CASES), where=n > 0)


def expected_overdue_days(
    cases: PastCases,
    states: NDArray[np.void],
    cutoff: int,
    customer: NDArray[np.int32],
    p_late: Floats,
    p_still_open: Floats,
    policy: Policy,
) -> Floats:
    """Expected days from the later of cutoff and due date until payment, at most 180.

    Parameters
    ----------
    states : ndarray of STATE, shape (n,)
        Open invoices at the cutoff.
    customer : ndarray of int32, shape (n,)
    p_late, p_still_open : ndarray of float64, shape (n,)
        NaN where the other phase, or no model, applies.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where neither probability is known.

    Notes
    -----
    Not yet late: p_late × mean of the late cases. Late: the cases that lasted longer than today,
    those that stayed `still_open_days` more weighted with p_still_open, the others with the rest.
    """
    overdue = np.maximum(days_overdue(states, np.full(len(states), cutoff)), 0.0)
    overdue = np.nan_to_num(overdue)
    forever = np.full(len(states), np.inf)
    after = np.full(len(states), float(policy.late_after_days))
    first = p_late * _mean_further(cases, overdue, np.maximum(after, overdue), forever)
    horizon = overdue + policy.still_open_days
    longer = _mean_further(cases, overdue, horizon, forever)
    longer = np.maximum(longer, policy.still_open_days)
    sooner = np.minimum(_mean_further(cases, overdue, overdue, horizon), policy.still_open_days)
    second = p_still_open * longer + (1 - p_still_open) * sooner
    days = np.where(np.isnan(p_late), second, first) * cases.factor[customer]
    return np.minimum(days, MOST_DAYS)
