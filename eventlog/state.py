"""What the ledger knows of an invoice after each step: the fields and what they mean."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from eventlog.log import NONE


class Closed(IntEnum):
    """How an invoice stands closed."""

    OPEN = 0
    PAID = 1
    CREDITED = 2
    WRITTEN_OFF = 3


class Matured(IntEnum):
    """What the end of due date + `late_after_days` found."""

    NOT_YET = 0
    ON_TIME = 1
    LATE = 2
    CREDITED = 3


#: State of an invoice after a step. Money is in minor units, times in microseconds; `NONE` is
#: "not stated" or "not yet". `event` is the position among the invoice events, -1 for a step that
#: time alone has made.
STATE = np.dtype(
    [
        ("known_at", "i8"),
        ("amount", "i8"),
        ("paid", "i8"),
        ("credited", "i8"),
        ("written_off", "i8"),
        ("cleared", "i8"),  # settled without a stated amount: cash discount, penny difference
        ("balance", "i8"),
        ("overpaid", "i8"),
        ("recovered", "i8"),
        ("due_date", "i8"),
        ("issued_at", "i8"),
        ("posted_at", "i8"),
        ("closed_at", "i8"),
        ("written_off_at", "i8"),
        ("late_at", "i8"),
        ("dispute_since", "i8"),
        ("dispute_time", "i8"),
        ("promised_date", "i8"),
        ("promised_amount", "i8"),
        ("last_payment_at", "i8"),
        ("last_letter_at", "i8"),
        ("last_contact_at", "i8"),
        ("last_event_at", "i8"),
        ("first_event_at", "i8"),
        ("event", "i4"),
        ("invoice", "i4"),
        ("n_events", "i4"),
        ("n_payments", "i4"),
        ("n_letters", "i4"),
        ("n_contacts", "i4"),
        ("n_disputes", "i4"),
        ("n_promises", "i4"),
        ("n_kept", "i4"),
        ("n_broken", "i4"),
        ("n_rescheduled", "i4"),
        ("n_reopened", "i4"),
        ("n_repeats", "i4"),
        ("n_due_changes", "i4"),
        ("activity", "i2"),
        ("previous", "i2"),
        ("closed", "i1"),
        ("bucket", "i1"),
        ("matured", "i1"),
        ("level", "i1"),
        ("disputed", "i1"),
        ("promise_open", "i1"),
        ("broken_last", "i1"),
        ("agency", "i1"),
        ("due_passed", "i1"),  # 1 on the very step at which the due date passed unpaid
    ],
    align=True,
)
#: Sums that begin at zero; the other amounts and all times begin as not stated.
_SUMS = {
    "paid",
    "credited",
    "written_off",
    "cleared",
    "overpaid",
    "recovered",
    "dispute_time",
}


def empty_state() -> NDArray[np.void]:
    """State of an invoice of which nothing is known, shape (1,)."""
    state = np.zeros(1, dtype=STATE)
    for name in STATE.names or ():
        if STATE[name] == np.int64 and name not in _SUMS:
            state[name] = NONE
    state["event"] = state["invoice"] = state["activity"] = state["previous"] = -1
    return state
