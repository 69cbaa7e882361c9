"""The life of each invoice, folded event by event into the state the ledger knows.

One compiled pass walks the events of every invoice in the order in which they became known and
writes the invoice's state after each of them. Time itself is an actor: between events the pass
also stops where a due date passes, an ageing bucket ends, an invoice becomes late or a promise
matures, and writes a step there too. A state therefore depends on nothing but events known by its
own moment, and "as of a cutoff" is no more than looking up the last step at or before it.

The rules are those of `docs/design.md`, section "The invoice ledger"; each function below answers
for one of them. `tests/eventlog/test_ledger.py` (money) and `test_fold.py` (time) hold a golden
case for each.
"""

# Compiled code: no coverage can be measured inside it. It stays in one file because numba does not
# notice a change in another file that a cached function calls. Arrays are handed down only where an
# event needs them, because every handing over is counted at run time.
from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, END_OF_DAY, NONE
from eventlog.state import STATE, Closed, Matured, empty_state
from eventlog.template import Role

__all__ = ["STATE", "Closed", "Matured", "empty_state", "fold"]

_GENERATED, _POSTED = int(Role.GENERATED), int(Role.POSTED)
_CONTACT, _REMINDER, _LETTER = int(Role.CONTACT), int(Role.REMINDER), int(Role.LETTER)
_OPENED, _RESOLVED = int(Role.DISPUTE_OPENED), int(Role.DISPUTE_CLOSED)
_PROMISE, _CREDITED = int(Role.PROMISE), int(Role.CREDITED)
_RECEIVED, _PAYMENT_POSTED = int(Role.RECEIVED), int(Role.PAYMENT_POSTED)
_SETTLED, _REVERSED = int(Role.SETTLED), int(Role.REVERSED)
_AGENCY, _WRITTEN_OFF, _RECOVERED = int(Role.AGENCY), int(Role.WRITTEN_OFF), int(Role.RECOVERED)
_OPEN, _PAID = int(Closed.OPEN), int(Closed.PAID)
_BY_CREDIT, _BY_WRITE_OFF = int(Closed.CREDITED), int(Closed.WRITTEN_OFF)
_NOT_YET, _ON_TIME = int(Matured.NOT_YET), int(Matured.ON_TIME)
_LATE, _CREDITED_BEFORE = int(Matured.LATE), int(Matured.CREDITED)

# How a promise stands, and what time alone can bring about.
_P_OPEN, _P_KEPT, _P_BROKEN, _P_RESCHEDULED, _P_VOID = 1, 2, 3, 4, 5
_NOTHING, _PROMISE_ENDS, _BUCKET_BEGINS, _MATURES = 0, 1, 2, 3
_FAR = np.iinfo(np.int64).max


class _Terms(NamedTuple):
    """What the policy says: minor units and days."""

    tolerance: int
    grace_days: int
    default_days: int
    late_after_days: int


#: The book that is kept of an invoice beside its state (`b` beside `s`): sums of what was received,
#: posted and reversed; when the last payment without an amount came, when money last moved, when a
#: dispute ended whose beginning is not known yet, when the open promise ends; counts; whether a
#: credit note came without an amount, and whether Invoice Settled is known.
_BOOK = np.dtype(
    [
        (name, "i8")
        for name in (
            *("received", "posted", "reversed", "nameless_at", "money_at", "resolved_at"),
            *("until", "n_received", "n_posted", "n_paid", "n_promises"),
            *("nameless_credit", "settled"),
        )
    ]
)
_A_PROMISE = np.dtype([(n, "i8") for n in ("since", "date", "until", "target", "got", "how")])
_A_PAYMENT = np.dtype([(n, "i8") for n in ("at", "amount", "promise")])


# Time


@numba.njit(cache=True)
def _bucket_of(due, moment):
    """Ageing bucket of a due date at a moment, 0 while it has not passed."""
    days = moment // DAY - due // DAY
    if days < 1:
        return 0
    if days < 31:
        return 1
    if days < 61:
        return 2
    return 3 if days < 91 else 4


@numba.njit(cache=True)
def _next_timer(s, b, late_after):
    """When time alone changes the state next, and how."""
    moment, what = _FAR, _NOTHING
    if s.promise_open == 1:
        moment, what = b.until, _PROMISE_ENDS
    if s.due_date != NONE and s.issued_at != NONE:
        due = s.due_date - s.due_date % DAY
        if s.matured == _NOT_YET:
            ripe = due + (late_after + 1) * DAY - 1
            if ripe < moment:
                moment, what = ripe, _MATURES
        if s.closed == _OPEN and s.bucket < 4:
            begins = due + (1 if s.bucket == 0 else 30 * s.bucket + 1) * DAY
            if begins < moment:
                moment, what = begins, _BUCKET_BEGINS
    return moment, what


@numba.njit(cache=True)
def _let_pass(s, moment, what):
    """What time alone brings about; known now where the moment lies in the past."""
    s.event = -1
    s.due_passed = 0
    s.known_at = max(s.known_at, moment)
    if what == _BUCKET_BEGINS:
        s.due_passed = 1 if s.bucket == 0 else 0
        s.bucket += 1
    elif what == _MATURES:
        if s.closed == _BY_CREDIT:
            s.matured = _CREDITED_BEFORE
        elif s.closed == _PAID and s.closed_at <= moment:
            s.matured = _ON_TIME
        else:
            s.matured = _LATE
            s.late_at = moment


@numba.njit(cache=True)
def _is_before(s, moment, known, happened):
    """Whether a moment comes before an event; among what is known at once, by when it happened."""
    reached = max(s.known_at, moment)
    return reached < known or (reached == known and moment < happened)


# What an event says


@numba.njit(cache=True)
def _note(s, e, known, at, activity):
    """Every event: that it happened, and when."""
    s.event = e
    s.known_at = known
    s.due_passed = 0
    s.previous = s.activity
    s.activity = activity
    s.n_events += 1
    s.last_event_at = max(s.last_event_at, at)
    if s.first_event_at == NONE or at < s.first_event_at:
        s.first_event_at = at


@numba.njit(cache=True)
def _change_due_date(s, due):
    """A due date that becomes known or changes starts anew what hangs on it."""
    if s.due_date != NONE:
        s.n_due_changes += 1
    s.due_date = due
    s.bucket = 0
    if s.closed == _OPEN:
        s.matured = _NOT_YET
        s.late_at = NONE


@numba.njit(cache=True)
def _issue_or_chase(s, r, at, level):
    """Issuing, letters, contacts, and handing over to an agency."""
    if r in (_GENERATED, _POSTED):
        if s.issued_at == NONE:
            s.issued_at = s.known_at
        if r == _POSTED and s.posted_at == NONE:
            s.posted_at = s.known_at
    elif r == _LETTER:
        s.n_letters += 1
        if level < 0:  # the next one after the level reached
            s.level = max(s.level, min(s.level + 1, 9))
        elif at >= s.last_letter_at:
            s.level = level
        s.last_letter_at = max(s.last_letter_at, at)
    elif r in (_CONTACT, _REMINDER):
        s.n_contacts += 1
        s.last_contact_at = max(s.last_contact_at, at)
    elif r == _AGENCY:
        s.agency = 1


# Disputes


@numba.njit(cache=True)
def _dispute(s, b, promises, r, at):
    """Disputes: an open one voids the promise; one status an invoice, so one resolution ends it."""
    if r == _OPENED:
        s.n_disputes += 1
        if s.disputed == 0 and at <= b.resolved_at:  # its end was known before its beginning
            s.dispute_time += b.resolved_at - at
            b.resolved_at = NONE
        elif s.disputed == 0 and s.closed == _OPEN:
            s.disputed = 1
            s.dispute_since = at
            _end_promise(s, b, promises, _P_VOID)
    elif s.disputed == 1:
        _end_dispute(s, at)
    else:
        b.resolved_at = max(b.resolved_at, at)


@numba.njit(cache=True)
def _end_dispute(s, at):
    """End the open dispute, if there is one."""
    if s.disputed == 1:
        s.disputed = 0
        s.dispute_time += max(at - s.dispute_since, 0)
        s.dispute_since = NONE


# Money


@numba.njit(cache=True)
def _left(s):
    """What is left of the amount, negative where more than it has come in; 0 if it is unknown."""
    if s.amount == NONE:
        return 0
    return s.amount - s.paid - s.credited - s.written_off - s.cleared


@numba.njit(cache=True)
def _receive(s, b, r, m, at):
    """Money comes in; posting it moves nothing where as much has been received."""
    lost = s.closed == _BY_WRITE_OFF or (r == _RECOVERED and s.written_off_at != NONE)
    is_posting = r == _PAYMENT_POSTED
    stated = m if m != NONE else 0
    before = max(b.received, b.posted)
    if is_posting:
        b.n_posted += 1
        b.posted += stated
    else:
        b.n_received += 1
        b.received += stated
    gain = max(b.received, b.posted) - before
    if lost:
        s.recovered += gain
    is_new = gain > 0
    if m == NONE and (not is_posting or b.n_posted > b.n_received):
        is_new = True
        if not lost:
            b.nameless_at = max(b.nameless_at, at)
    s.n_payments += r == _RECEIVED or (is_new and not (lost and r == _RECOVERED))
    s.last_payment_at = max(s.last_payment_at, at)


@numba.njit(cache=True)
def _reverse(s, b, promises, payments, m, tolerance):
    """Take back what came in last; a settlement does not outlast it, nor does a cash discount."""
    b.settled = 0
    if m == NONE and (b.nameless_at != NONE or b.n_paid == 0):
        m = s.cleared
    elif m == NONE:
        m = payments[b.n_paid - 1].amount
    left = m - min(m, s.recovered)
    s.recovered -= m - left
    if b.nameless_at != NONE or left > s.paid:  # what was cleared was a payment without an amount
        taken = min(left, s.cleared)
        s.cleared -= taken
        m -= taken
    else:
        s.cleared = 0
    if s.cleared == 0:
        b.nameless_at = NONE
    b.reversed += m
    _take_back(s, b, promises, payments, m, tolerance)


@numba.njit(cache=True)
def _clear_rest(s, b, is_lost):
    """Close the rest of the amount by what is known to have closed it; returns the rest."""
    rest = max(_left(s), 0)
    if is_lost:
        s.written_off += rest
    elif b.nameless_credit == 1 and b.nameless_at == NONE:
        s.credited += rest
    else:
        s.cleared += rest
    return rest


@numba.njit(cache=True)
def _write_off(s, b, m, tolerance):
    """Give up the balance or the stated part; half of the balance makes it written off."""
    open_ = max(_left(s), 0)
    if open_ <= tolerance and b.nameless_at == NONE:  # settled first: this is what cleared it
        open_ += s.cleared
    given_up = min(m, open_) if s.amount != NONE and m != NONE else open_
    s.cleared -= min(max(given_up - max(_left(s), 0), 0), s.cleared)
    s.written_off += given_up
    if s.amount == NONE:
        b.settled = 1
    elif 2 * given_up < open_ or given_up <= tolerance:
        return
    if s.written_off_at == NONE:
        s.written_off_at = s.known_at


@numba.njit(cache=True)
def _strike_balance(s):
    """Balance and overpayment; a payment known later explains what was cleared."""
    left = _left(s)
    if left < 0 and s.cleared > 0:
        explained = min(s.cleared, -left)
        s.cleared -= explained
        left += explained
    s.balance = max(left, 0) if s.amount != NONE else NONE
    s.overpaid = max(-left, 0)


@numba.njit(cache=True)
def _move_money(s, b, r, m, at, tolerance):
    """Payments, credit notes, write-offs and settlements."""
    if r in (_RECEIVED, _PAYMENT_POSTED, _RECOVERED):
        _receive(s, b, r, m, at)
    elif r == _CREDITED and m == NONE:
        b.nameless_credit = 1
    elif r == _CREDITED:
        s.credited += m
        b.money_at = max(b.money_at, at)
    elif r == _WRITTEN_OFF:
        _write_off(s, b, m, tolerance)
    s.paid = max(b.received, b.posted) - s.recovered - b.reversed


@numba.njit(cache=True)
def _keep_payment(s, b, promises, payments, at, paid_before, cash_before, tolerance):
    """Remember what came in, and which promise it served."""
    p = payments[b.n_paid]
    b.n_paid += 1
    p.at = at
    p.amount = s.paid + s.recovered - cash_before
    p.promise = -1
    if s.paid > paid_before:
        is_all = s.amount != NONE and s.balance <= tolerance
        p.promise = _serve(s, b, promises, 0, at, p.amount, is_all, tolerance)
    b.money_at = max(b.money_at, at)


@numba.njit(cache=True)
def _account(s, b, promises, payments, r, m, at, learned, tolerance):
    """Money, and what follows from it: the balance, and the promises that it serves."""
    paid, cash = s.paid, s.paid + s.recovered
    if learned and b.settled == 1:  # the amount of an invoice that an event has closed
        _clear_rest(s, b, s.written_off_at != NONE)
    if r == _REVERSED:
        _reverse(s, b, promises, payments, m, tolerance)
    _move_money(s, b, r, m, at, tolerance)
    if r == _SETTLED:
        rest = _clear_rest(s, b, False)
        if b.nameless_at != NONE and (rest > 0 or b.settled == 0):
            _serve(s, b, promises, 0, b.nameless_at, rest, True, tolerance)
        b.settled = 1
    _strike_balance(s)
    if s.paid + s.recovered > cash:
        _keep_payment(s, b, promises, payments, at, paid, cash, tolerance)


# Promises


@numba.njit(cache=True)
def _serve(s, b, promises, first, at, paid, is_all, tolerance):
    """Let a payment serve the oldest promise whose window it falls into; returns which, or -1."""
    for j in range(first, b.n_promises):
        p = promises[j]
        if (p.how == _P_OPEN or p.how == _P_BROKEN) and p.since <= at <= p.until:
            p.got += paid
            if is_all or (p.target != NONE and p.got >= p.target - tolerance):
                if p.how == _P_OPEN:
                    _end_promise(s, b, promises, _P_KEPT)
                else:
                    s.n_broken -= 1
                    s.n_kept += 1
                    p.how = _P_KEPT
                    s.broken_last = _was_broken(b, promises)
            return j
    return -1


@numba.njit(cache=True)
def _was_broken(b, promises):
    """1 if the last promise that was kept or broken was broken."""
    for j in range(b.n_promises - 1, -1, -1):
        if promises[j].how == _P_KEPT:
            return 0
        if promises[j].how == _P_BROKEN:
            return 1
    return 0


@numba.njit(cache=True)
def _end_promise(s, b, promises, how):
    """End the open promise, if there is one: the last that was made."""
    if s.promise_open == 0:
        return
    promises[b.n_promises - 1].how = how
    s.promise_open = 0
    s.promised_date = NONE
    s.promised_amount = NONE
    if how == _P_KEPT:
        s.n_kept += 1
        s.broken_last = 0
    elif how == _P_BROKEN:
        s.n_broken += 1
        s.broken_last = 1
    elif how == _P_RESCHEDULED:
        s.n_rescheduled += 1


@numba.njit(cache=True)
def _open_promise(s, b, p):
    """Let a promise stand open."""
    p.how = _P_OPEN
    b.until = p.until
    s.promise_open = 1
    s.promised_date = p.date
    s.promised_amount = p.target


@numba.njit(cache=True)
def _promise(s, b, promises, payments, at, date, amount, terms):
    """A new promise takes the place of the open one; payments known since it was made count."""
    s.n_promises += 1
    j = b.n_promises
    is_older = s.promise_open == 1 and at < promises[j - 1].since
    if is_older:  # recorded late, and superseded already: it goes before the open one
        promises[j] = promises[j - 1]
        j -= 1
        for k in range(b.n_paid):
            payments[k].promise += payments[k].promise == j
        s.n_rescheduled += 1
    else:
        _end_promise(s, b, promises, _P_RESCHEDULED)
    b.n_promises += 1
    p = promises[j]
    date = date if date != NONE else at + terms.default_days * DAY
    p.since = at
    p.date = date - date % DAY
    p.until = p.date + terms.grace_days * DAY + END_OF_DAY
    p.target = amount if amount != NONE else s.balance
    p.got = 0
    p.how = _P_RESCHEDULED if is_older else _P_VOID
    if s.closed == _OPEN and s.disputed == 0 and not is_older:
        _open_promise(s, b, p)
        for k in range(b.n_paid if at < s.known_at else 0):
            paid = payments[k]
            if p.how == _P_OPEN and paid.promise < 0:
                paid.promise = _serve(
                    s, b, promises, j, paid.at, paid.amount, False, terms.tolerance
                )


@numba.njit(cache=True)
def _take_back(s, b, promises, payments, amount, tolerance):
    """Take money back from the last payments and from the promises that they served."""
    while amount > 0 and b.n_paid > 0:
        paid = payments[b.n_paid - 1]
        part = min(amount, paid.amount)
        amount -= part
        paid.amount -= part
        if paid.amount == 0:
            b.n_paid -= 1
        if paid.promise >= 0:
            p = promises[paid.promise]
            p.got -= part
            if p.how == _P_KEPT and (p.target == NONE or p.got < p.target - tolerance):
                s.n_kept -= 1
                _not_kept(s, b, p, paid.promise == b.n_promises - 1)
                s.broken_last = _was_broken(b, promises)


@numba.njit(cache=True)
def _not_kept(s, b, p, is_last):
    """How a promise stands whose payment was taken back."""
    if p.until < s.known_at:
        p.how = _P_BROKEN
        s.n_broken += 1
    elif not is_last:
        p.how = _P_RESCHEDULED
        s.n_rescheduled += 1
    elif s.disputed == 1:
        p.how = _P_VOID
    else:
        _open_promise(s, b, p)


# Open or closed


@numba.njit(cache=True)
def _how_closed(s, b):
    """What has closed most of an invoice that is closed."""
    if s.written_off_at != NONE and (s.written_off > 0 or s.amount == NONE):
        return _BY_WRITE_OFF
    if s.credited > s.paid + s.cleared:
        return _BY_CREDIT
    if s.amount == NONE and b.nameless_credit == 1 and b.nameless_at == NONE and s.paid <= 0:
        return _BY_CREDIT
    return _PAID


@numba.njit(cache=True)
def _stand(s, b, at, tolerance):
    """Whether the invoice stands open, how it was closed, and what ends with its closing."""
    is_closed = s.balance <= tolerance if s.amount != NONE else b.settled == 1
    if is_closed and s.issued_at != NONE:
        if s.closed == _OPEN:
            s.closed_at = max(at, b.money_at)
            s.bucket = 0
            _end_dispute(s, at)
        s.closed = _how_closed(s, b)
    elif s.closed != _OPEN:
        s.closed = _OPEN
        s.closed_at = NONE
        s.n_reopened += 1
        if s.due_date != NONE:  # its due date has passed while it was closed
            s.bucket = _bucket_of(s.due_date, s.known_at)


# All of it


@numba.njit(cache=True, nogil=True)
def _fold(starts, events, terms, n_activities, longest, blank, offsets, steps):
    """Fill `steps`, or, while `steps` is empty, count each invoice's steps into `offsets`."""
    role, activity, known, happened, amount, moved, due, promised, promised_amount, level = events
    tolerance, counting = terms.tolerance, len(steps) == 0
    promises, payments = np.zeros(longest, _A_PROMISE), np.zeros(longest, _A_PAYMENT)
    seen = np.full(n_activities, -1, np.int64)
    nothing = np.zeros(1, _BOOK)
    nothing[0].nameless_at = nothing[0].money_at = nothing[0].resolved_at = NONE
    work, book = blank.copy(), nothing.copy()
    s, b = work[0], book[0]
    written = 0
    for i in range(len(starts) - 1):
        work[0] = blank[0]
        book[0] = nothing[0]
        s.invoice = i
        if not counting and written != offsets[i]:
            raise ValueError("the two passes over the events disagree")
        for e in range(starts[i], starts[i + 1] + 1):
            is_end = e == starts[i + 1]
            t, at = (_FAR, _FAR) if is_end else (known[e], happened[e])
            while True:  # what comes to pass before this event
                moment, what = _next_timer(s, b, terms.late_after_days)
                if not _is_before(s, moment, t, at):
                    break
                _let_pass(s, moment, what)
                if what == _PROMISE_ENDS:
                    _end_promise(s, b, promises, _P_BROKEN)
                if not counting:
                    steps[written] = work[0]
                written += 1
            if is_end:
                break
            r, has_amount = role[e], amount[e] != NONE
            _note(s, e, t, at, activity[e])
            s.n_repeats += seen[activity[e]] == i
            seen[activity[e]] = i
            is_learned = has_amount and s.amount == NONE
            if has_amount:
                s.amount = amount[e]
            if due[e] != NONE and due[e] != s.due_date:
                _change_due_date(s, due[e])
            _issue_or_chase(s, r, at, level[e])
            if r in (_OPENED, _RESOLVED):
                _dispute(s, b, promises, r, at)
            if r >= _CREDITED or has_amount:
                _account(s, b, promises, payments, r, moved[e], at, is_learned, tolerance)
            if r == _PROMISE:
                _promise(s, b, promises, payments, at, promised[e], promised_amount[e], terms)
            if r >= _CREDITED or has_amount or r in (_GENERATED, _POSTED):
                _stand(s, b, at, tolerance)
                if s.promise_open == 1 and s.closed != _OPEN:
                    _end_promise(s, b, promises, _P_KEPT if s.closed == _PAID else _P_VOID)
            if not counting:
                steps[written] = work[0]
            written += 1
        offsets[i + 1] = written


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
    events = (role, activity, known, happened, amount, moved, due, promised, promised_amount, level)
    terms = _Terms(tolerance, grace_days, default_days, late_after_days)
    offsets = np.zeros(len(starts), dtype=np.int64)
    longest = int(np.diff(starts).max(initial=1))
    arguments = (starts, events, terms, max(n_activities, 1), longest, empty_state(), offsets)
    _fold(*arguments, np.empty(0, dtype=STATE))
    steps = np.empty(int(offsets[-1]), dtype=STATE)
    if len(steps):
        _fold(*arguments, steps)
    return steps, offsets
