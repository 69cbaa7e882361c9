"""What became of each snapshot, where that can be known.

A label is read from the ledger as known at the end of its window. Whether it is known depends on
the window alone: a window that is not finished when the log ends has no label, whatever happened
in its first part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed
from eventlog.known import Ints, known_by
from eventlog.ledger import Ledger
from eventlog.log import DAY, NONE
from eventlog.policy import Policy
from features.snapshots import Snapshots

Target = Literal["late_payment", "still_open", "write_off"]
TARGETS: tuple[Target, ...] = ("late_payment", "still_open", "write_off")

#: Everything that can be trained: the targets, and the payment curve.
MODELS = (*TARGETS, "payment_curve")

#: What each model is asked, for people.
QUESTION = {
    "late_payment": "not closed by payment at the end of the due date + {late_after_days} days",
    "still_open": "already late, and not closed by payment {still_open_days} days from the cutoff",
    "write_off": "written off within {write_off_horizon_days} days from the cutoff",
    "payment_curve": "still unpaid h days from the cutoff, for any h up to 180",
}
#: Which of the policy's numbers decide what each model is asked.
DECIDED_BY: dict[str, tuple[str, ...]] = {
    "late_payment": ("late_after_days",),
    "still_open": ("late_after_days", "still_open_days"),
    "write_off": ("write_off_horizon_days",),
    "payment_curve": (),
}


@dataclass(frozen=True)
class Labels:
    """Labels of some snapshots for one target.

    Attributes
    ----------
    asked : ndarray of bool, shape (n_snapshots,)
        Whether the target's question applies (its phase).
    y : ndarray of float64, shape (n_snapshots,)
        1 it happened, 0 it did not, NaN not asked, not known, or closed by credit note.
    window_end : ndarray of int64, shape (n_snapshots,)
        When the label becomes known; `NONE` where not asked.
    n_credited : int
        Snapshots left out because the invoice was closed by credit note inside its window.
    """

    asked: NDArray[np.bool_]
    y: NDArray[np.float64]
    window_end: Ints
    n_credited: int


def late_from(states: NDArray[np.void], policy: Policy) -> Ints:
    """Last moment at which each invoice is not late yet; `NONE` without a due date."""
    due = states["due_date"]
    return np.where(due == NONE, NONE, due - due % DAY + (policy.late_after_days + 1) * DAY - 1)


def label(
    target: Target, ledger: Ledger, snapshots: Snapshots, policy: Policy, log_end: int
) -> Labels:
    """Label snapshots for a target.

    Parameters
    ----------
    target : {'late_payment', 'still_open', 'write_off'}
    ledger : Ledger
    snapshots : Snapshots
        Open invoices at their cutoffs.
    policy : Policy
        Holds the horizons.
    log_end : int
        Up to when the log says what happened, microseconds.
    """
    invoice, cutoff = snapshots.invoice, snapshots.cutoff
    states = ledger.as_of(invoice, cutoff)
    late_at = late_from(states, policy)
    if target == "late_payment":
        asked = (late_at != NONE) & (cutoff <= late_at)
        window_end = late_at
    elif target == "still_open":
        asked = (late_at != NONE) & (cutoff > late_at)
        window_end = cutoff + policy.still_open_days * DAY
    else:
        asked = states["written_off_at"] == NONE
        window_end = cutoff + policy.write_off_horizon_days * DAY
    window_end = np.where(asked, window_end, NONE)
    later = ledger.as_of(invoice, np.where(asked, window_end, cutoff))
    if target == "write_off":
        credited = np.zeros(len(snapshots), dtype=bool)
        happened = later["written_off_at"] != NONE
    else:
        credited = later["closed"] == Closed.CREDITED
        happened = later["closed"] != Closed.PAID
    known = asked & known_by(window_end, log_end)
    y = np.where(known & ~credited, happened.astype(np.float64), np.nan)
    return Labels(asked, y, window_end, int((known & credited).sum()))


def phase(ledger: Ledger, snapshots: Snapshots, policy: Policy) -> NDArray[np.object_]:
    """Phase of each snapshot: 'not yet late', 'late' or 'no due date'."""
    late_at = late_from(ledger.as_of(snapshots.invoice, snapshots.cutoff), policy)
    words = np.where(snapshots.cutoff <= late_at, "not yet late", "late").astype(object)
    return np.where(late_at == NONE, "no due date", words)
