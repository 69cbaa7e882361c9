"""The life of each invoice, folded event by event into the state the ledger knows.

One compiled pass walks the events of every invoice in the order in which they became known and
writes the invoice's state after each of them. Time itself is an actor: between events the pass
also stops where a due date passes, an ageing bucket ends, an invoice becomes late or a promise
matures, and writes a step there too. A state therefore depends on nothing but events known by its
own moment, and "as of a cutoff" is no more than looking up the last step at or before it.

The rules are those of `docs/design.md`, section "The invoice ledger";
`tests/eventlog/test_ledger.py` holds a golden case for each.
"""

# The functions below are compiled; the coverage of a line cannot be measured inside them.
from __future__ import annotations

from enum import IntEnum

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, END_OF_DAY, NONE
from eventlog.template import Role

#: Days past due at which the ageing buckets 1-30, 31-60, 61-90 and 90+ begin.
BUCKET_STARTS = (1, 31, 61, 91)


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

_GENERATED, _POSTED = int(Role.GENERATED), int(Role.POSTED)
_CONTACT, _REMINDER, _LETTER = int(Role.CONTACT), int(Role.REMINDER), int(Role.LETTER)
_OPENED, _RESOLVED = int(Role.DISPUTE_OPENED), int(Role.DISPUTE_CLOSED)
_PROMISE, _CREDITED = int(Role.PROMISE), int(Role.CREDITED)
_RECEIVED, _PAYMENT_POSTED = int(Role.RECEIVED), int(Role.PAYMENT_POSTED)
_SETTLED, _REVERSED = int(Role.SETTLED), int(Role.REVERSED)
_AGENCY, _WRITTEN_OFF, _RECOVERED = int(Role.AGENCY), int(Role.WRITTEN_OFF), int(Role.RECOVERED)

# States of a promise.
_P_OPEN, _P_KEPT, _P_BROKEN, _P_RESCHEDULED, _P_VOID = 1, 2, 3, 4, 5
_FAR = np.iinfo(np.int64).max


def empty_state() -> NDArray[np.void]:
    """State of an invoice of which nothing is known, shape (1,)."""
    state = np.zeros(1, dtype=STATE)
    for name in STATE.names or ():
        if STATE[name] == np.int64 and name not in {
            "paid",
            "credited",
            "written_off",
            "cleared",
            "overpaid",
            "recovered",
            "dispute_time",
        }:
            state[name] = NONE
    state["event"] = state["invoice"] = state["activity"] = state["previous"] = -1
    return state


@numba.njit(cache=True)
def _bucket_of(due: int, moment: int) -> int:
    days = (moment - due) // DAY
    if days < 1:
        return 0
    if days < 31:
        return 1
    if days < 61:
        return 2
    return 3 if days < 91 else 4


@numba.njit(cache=True)
def _serve(p_state, p_from, p_to, p_target, p_got, n, paid_at, paid, tolerance, s):
    """Let a payment serve the oldest promise whose window it falls into."""
    for j in range(n):
        if (p_state[j] == _P_OPEN or p_state[j] == _P_BROKEN) and p_from[j] <= paid_at <= p_to[j]:
            p_got[j] += paid
            if p_target[j] != NONE and p_got[j] >= p_target[j] - tolerance:
                if p_state[j] == _P_BROKEN:
                    s.n_broken -= 1
                else:
                    s.promise_open = 0
                    s.promised_date = NONE
                    s.promised_amount = NONE
                s.broken_last = 0
                s.n_kept += 1
                p_state[j] = _P_KEPT
            return


@numba.njit(cache=True)
def _end_promise(p_state, n, outcome, s):
    """End the open promise, if there is one."""
    if s.promise_open == 1:
        p_state[n - 1] = outcome
        s.promise_open = 0
        s.promised_date = NONE
        s.promised_amount = NONE
        if outcome == _P_KEPT:
            s.n_kept += 1
            s.broken_last = 0
        elif outcome == _P_BROKEN:
            s.n_broken += 1
            s.broken_last = 1
        elif outcome == _P_RESCHEDULED:
            s.n_rescheduled += 1


@numba.njit(cache=True)
def _next_timer(s, p_to, n, late_after):
    """When time alone changes the state next, and how: 1 promise, 2 bucket, 3 maturity."""
    moment, what = _FAR, 0
    if s.promise_open == 1:
        moment, what = p_to[n - 1], 1
    if s.due_date != NONE and s.issued_at != NONE:
        due = s.due_date - s.due_date % DAY
        if s.matured == 0:
            ripe = due + (late_after + 1) * DAY - 1
            if ripe < moment:
                moment, what = ripe, 3
        if s.closed == 0 and s.bucket < 4:
            begins = due + (1 if s.bucket == 0 else 30 * s.bucket + 1) * DAY
            if begins < moment:
                moment, what = begins, 2
    return moment, what


@numba.njit(cache=True)
def _fold(
    starts,
    role,
    activity,
    known,
    happened,
    amount,
    moved,
    due,
    promised,
    promised_amount,
    level,
    tolerance,
    grace,
    default_days,
    late_after,
    n_activities,
    blank,
    offsets,
    steps,
):
    """Fill `steps`, or, while `steps` is empty, count each invoice's steps into `offsets`."""
    counting = len(steps) == 0
    work = blank.copy()
    s = work[0]
    longest = 1
    for i in range(len(starts) - 1):
        longest = max(longest, starts[i + 1] - starts[i])
    p_state = np.zeros(longest, np.int8)
    p_from = np.zeros(longest, np.int64)
    p_to = np.zeros(longest, np.int64)
    p_target = np.zeros(longest, np.int64)
    p_got = np.zeros(longest, np.int64)
    paid_at = np.zeros(longest, np.int64)
    paid_amount = np.zeros(longest, np.int64)
    seen = np.full(max(n_activities, 1), -1, np.int64)
    written = 0
    for i in range(len(starts) - 1):
        work[0] = blank[0]
        s.invoice = i
        n_promises = 0
        n_paid = 0
        received, posted, reversed_ = 0, 0, 0
        nameless_payment, nameless_credit = False, False
        settled_unknown = False
        begun = written
        for e in range(starts[i], starts[i + 1] + 1):
            last = e == starts[i + 1]
            t = _FAR if last else known[e]
            # 1. What time alone has brought about before this event.
            while True:
                moment, what = _next_timer(s, p_to, n_promises, late_after)
                if what == 0 or moment >= t:
                    break
                s.event = -1
                s.due_passed = 0
                s.known_at = max(s.known_at, moment)
                if what == 1:
                    _end_promise(p_state, n_promises, _P_BROKEN, s)
                elif what == 2:
                    s.due_passed = 1 if s.bucket == 0 else 0
                    s.bucket += 1
                elif s.closed == 0 or s.closed == 3:
                    s.matured = 2
                    s.late_at = moment
                else:
                    s.matured = 1 if s.closed == 1 else 3
                if not counting:
                    steps[written] = work[0]
                written += 1
            if last:
                break
            # 2. The event itself.
            r = role[e]
            m = moved[e]
            at = happened[e]
            s.event = e
            s.known_at = t
            s.due_passed = 0
            s.previous = s.activity
            s.activity = activity[e]
            s.n_events += 1
            s.last_event_at = max(s.last_event_at, at)
            if s.first_event_at == NONE or at < s.first_event_at:
                s.first_event_at = at
            if seen[activity[e]] == i:
                s.n_repeats += 1
            seen[activity[e]] = i
            if amount[e] != NONE:
                s.amount = amount[e]
            if due[e] != NONE and due[e] != s.due_date:
                if s.due_date != NONE:
                    s.n_due_changes += 1
                s.due_date = due[e]
                s.bucket = 0
                if s.closed == 0:
                    s.matured = 0
                    s.late_at = NONE
            if r in (_GENERATED, _POSTED):
                if s.issued_at == NONE:
                    s.issued_at = t
                if r == _POSTED and s.posted_at == NONE:
                    s.posted_at = t
            owed = s.amount != NONE
            paid_before = s.paid
            if r in (_RECEIVED, _PAYMENT_POSTED):
                s.n_payments += r == _RECEIVED or posted + max(m, 0) > received
                s.last_payment_at = max(s.last_payment_at, at)
                if s.closed == 3:
                    s.recovered += max(m, 0)
                elif m == NONE:
                    nameless_payment = True
                elif r == _RECEIVED:
                    received += m
                else:
                    posted += m
            elif r == _RECOVERED:
                if s.written_off_at != NONE:
                    s.recovered += max(m, 0)
                elif m != NONE:
                    received += m
                s.last_payment_at = max(s.last_payment_at, at)
            elif r == _CREDITED:
                if m != NONE:
                    s.credited += m
                else:
                    nameless_credit = True
            elif r == _REVERSED:
                settled_unknown = False
                if m != NONE:
                    reversed_ += m
                elif s.cleared > 0:
                    s.cleared = 0
                elif n_paid > 0:
                    n_paid -= 1
                    reversed_ += paid_amount[n_paid]
            elif r == _LETTER:
                s.n_letters += 1
                s.last_letter_at = max(s.last_letter_at, at)
                s.level = max(s.level, level[e] if level[e] >= 0 else min(s.level + 1, 9))
            elif r in (_CONTACT, _REMINDER):
                s.n_contacts += 1
                s.last_contact_at = max(s.last_contact_at, at)
            elif r == _AGENCY:
                s.agency = 1
            elif r == _OPENED:
                s.n_disputes += 1
                if s.disputed == 0 and s.closed == 0:
                    s.disputed = 1
                    s.dispute_since = at
                    _end_promise(p_state, n_promises, _P_VOID, s)
            elif r == _RESOLVED and s.disputed == 1:
                s.disputed = 0
                s.dispute_time += max(at - s.dispute_since, 0)
                s.dispute_since = NONE
            s.paid = max(received, posted) - reversed_
            raw = s.amount - s.paid - s.credited - s.written_off - s.cleared if owed else 0
            if r == _SETTLED:
                if owed:
                    rest = max(raw, 0)
                    raw -= rest
                    if nameless_credit and not nameless_payment:
                        s.credited += rest
                    else:
                        s.cleared += rest
                    if nameless_payment and rest > 0:
                        _serve(
                            p_state,
                            p_from,
                            p_to,
                            p_target,
                            p_got,
                            n_promises,
                            at,
                            rest,
                            tolerance,
                            s,
                        )
                settled_unknown = True
            elif r == _WRITTEN_OFF:
                before = max(raw, 0)
                given_up = min(m, before) if owed and m != NONE else before
                s.written_off += given_up
                raw -= given_up
                if not owed or (2 * given_up >= before and given_up > tolerance):
                    settled_unknown = True
                    if s.written_off_at == NONE:
                        s.written_off_at = t
            if owed and raw < 0 and s.cleared > 0:  # a payment known later explains the clearing
                explained = min(s.cleared, -raw)
                s.cleared -= explained
                raw += explained
            s.balance = max(raw, 0) if owed else NONE
            s.overpaid = max(-raw, 0)
            # 3. Promises: new ones, and those that this payment serves.
            if s.paid > paid_before:
                paid_at[n_paid] = at
                paid_amount[n_paid] = s.paid - paid_before
                n_paid += 1
                _serve(
                    p_state,
                    p_from,
                    p_to,
                    p_target,
                    p_got,
                    n_promises,
                    at,
                    s.paid - paid_before,
                    tolerance,
                    s,
                )
            if r == _PROMISE:
                s.n_promises += 1
                _end_promise(p_state, n_promises, _P_RESCHEDULED, s)
                until = promised[e] if promised[e] != NONE else at + default_days * DAY
                until -= until % DAY
                j = n_promises
                p_from[j] = at
                p_to[j] = until + grace * DAY + END_OF_DAY
                p_got[j] = 0
                p_target[j] = promised_amount[e] if promised_amount[e] != NONE else s.balance
                p_state[j] = _P_VOID
                n_promises += 1
                if s.closed == 0 and s.disputed == 0:
                    p_state[j] = _P_OPEN
                    s.promise_open = 1
                    s.promised_date = until
                    s.promised_amount = p_target[j]
                    if at < t:  # recorded later than made: payments known since count
                        for k in range(n_paid):
                            if paid_at[k] >= at and p_state[j] == _P_OPEN:
                                _serve(
                                    p_state[j:],
                                    p_from[j:],
                                    p_to[j:],
                                    p_target[j:],
                                    p_got[j:],
                                    1,
                                    paid_at[k],
                                    paid_amount[k],
                                    tolerance,
                                    s,
                                )
            # 4. Open or closed.
            is_closed = s.balance <= tolerance if owed else settled_unknown
            if is_closed and s.issued_at != NONE:
                if s.closed == 0:
                    s.closed_at = at
                    s.bucket = 0
                    if s.disputed == 1:
                        s.disputed = 0
                        s.dispute_time += max(at - s.dispute_since, 0)
                        s.dispute_since = NONE
                if s.written_off_at != NONE and (s.written_off > 0 or not owed):
                    s.closed = 3
                elif s.credited > s.paid + s.cleared:
                    s.closed = 2
                else:
                    s.closed = 1
                _end_promise(p_state, n_promises, _P_KEPT if s.closed == 1 else _P_VOID, s)
            else:
                if s.closed != 0:
                    s.closed = 0
                    s.closed_at = NONE
                    s.n_reopened += 1
                if s.due_date != NONE and s.issued_at != NONE:
                    reached = _bucket_of(s.due_date - s.due_date % DAY, t)
                    if s.bucket == 0 and reached > 0:
                        s.due_passed = 1
                    s.bucket = max(s.bucket, reached)
            if not counting:
                steps[written] = work[0]
            written += 1
        if counting:
            offsets[i + 1] = written
        elif begun != offsets[i]:
            raise ValueError("the two passes over the events disagree")


def fold(
    starts: Ints,
    *,
    role: NDArray[np.int8],
    activity: NDArray[np.int16],
    known: Ints,
    happened: Ints,
    amount: Ints,
    moved: Ints,
    due: Ints,
    promised: Ints,
    promised_amount: Ints,
    level: NDArray[np.int8],
    tolerance: int,
    grace_days: int,
    default_days: int,
    late_after_days: int,
    n_activities: int,
) -> tuple[NDArray[np.void], Ints]:
    """States of every invoice after each of its events and after each passing of a term.

    Parameters
    ----------
    starts : ndarray of int64, shape (n_invoices + 1,)
        Where each invoice's events begin; events are sorted by (invoice, known time).
    role, activity, known, happened, amount, moved, due, promised, promised_amount, level : ndarray
        One entry an event, shape (n_events,); money in minor units, times in microseconds,
        `NONE` (level: -1) where not stated.
    tolerance : int
        Balance up to which an invoice counts as settled, minor units.
    grace_days, default_days, late_after_days : int
        See `eventlog.policy.Policy`.
    n_activities : int

    Returns
    -------
    steps : ndarray of STATE, shape (n_steps,)
        Sorted by (invoice, known time).
    offsets : ndarray of int64, shape (n_invoices + 1,)
    """
    blank = empty_state()
    offsets = np.zeros(len(starts), dtype=np.int64)
    arguments = (
        starts,
        role,
        activity,
        known,
        happened,
        amount,
        moved,
        due,
        promised,
        promised_amount,
        level,
        tolerance,
        grace_days,
        default_days,
        late_after_days,
        n_activities,
        blank,
        offsets,
    )
    _fold(*arguments, np.empty(0, dtype=STATE))
    steps = np.empty(int(offsets[-1]), dtype=STATE)
    if len(steps):
        _fold(*arguments, steps)
    return steps, offsets
