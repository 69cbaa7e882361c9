"""When an open invoice will be paid, read from its payment curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventlog.ledger import Ledger, days_overdue
from eventlog.log import DAY, NONE, datetimes
from eventlog.policy import Policy
from features.snapshots import Snapshots
from training.curve import Curves, buckets, days_to_late

Floats = NDArray[np.float64]

#: Shares of the probability before and up to the dates of an interval.
FIRST, MIDDLE, LAST = 0.1, 0.5, 0.9


def payment_dates(
    curves: Curves, ledger: Ledger, snapshots: Snapshots, policy: Policy
) -> dict[str, Any]:
    """Buckets and dates of each invoice, by the worklist's column names.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``p_on_time``, ``p_paid_late`` and ``p_very_late`` add up to 1 (NaN without a due date);
        ``expected_payment_date``, ``payment_from`` and ``payment_to`` are days, NaT beyond 180
        days.
    """
    late = days_to_late(ledger, snapshots, policy, policy.late_after_days)
    very = days_to_late(ledger, snapshots, policy, policy.very_late_after_days)
    p = buckets(curves, late, very)
    return {
        "p_on_time": p[:, 0],
        "p_paid_late": p[:, 1],
        "p_very_late": p[:, 2],
        "expected_payment_date": _day(curves.quantile(MIDDLE), snapshots),
        "payment_from": _day(curves.quantile(FIRST), snapshots),
        "payment_to": _day(curves.quantile(LAST), snapshots),
    }


def _day(days: Floats, snapshots: Snapshots) -> NDArray[np.datetime64]:
    """The day on which so many days from the cutoff end; NaT where they are infinite."""
    known = np.isfinite(days)
    end = snapshots.cutoff + np.round(np.where(known, days, 0.0) * DAY).astype(np.int64) - 1
    end = np.maximum(end, snapshots.cutoff)
    return datetimes(np.where(known, end - end % DAY, NONE))


def overdue_days_of(curves: Curves, states: NDArray[np.void], cutoff: int) -> Floats:
    """Expected days from the later of cutoff and due date until payment, at most 180.

    The area under the payment curve from then on; from the cutoff where there is no due date.
    """
    past_due = days_overdue(states, np.full(len(states), cutoff))
    return curves.area(np.where(past_due <= 0, 1.0 - past_due, 0.0))
