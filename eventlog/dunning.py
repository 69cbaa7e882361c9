"""How far the dunning of each invoice has come, by a clock that stands still while it is paused.

One compiled pass over the ledger's steps. The **dunning clock** of an invoice counts the midnights
after its due date at which it was known to be open, to owe enough and not to be paused; so without
pauses it shows the days past due. Letter k is due at the midnight at which the clock reaches
``dunning_days[k]``, and its window ends with the day on which the clock shows
``dunning_days[k] + dunning_tolerance_days``.

Two rules make it fair to whoever sends the letters. Nothing is asked before it was known: a due
date, a resolution or a bounced payment counts from when it was recorded. And what excuses counts
from when it happened: a payment, dispute or promise recorded late takes back the midnights since.
Both look only at what is known by the moment that is asked about.
"""

# Compiled code: no coverage can be measured inside it. It stays in one file because numba does not
# notice a change in another file that a cached function calls.
from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.ledger import Ledger, stated_levels
from eventlog.log import DAY, END_OF_DAY, MINOR, NONE, EventLog
from eventlog.policy import Policy
from eventlog.state import Closed
from eventlog.template import Role


class Verdict(IntEnum):
    """What became of a letter that the policy called for."""

    ON_TIME = 0
    EARLY = 1
    LATE = 2
    SKIPPED = 3
    MISSING = 4
    NOT_YET = 5
    PAUSED = 6
    VOID = 7


class Sent(IntEnum):
    """How a letter that was sent agrees with the policy."""

    ON_TIME = 0
    EARLY = 1
    LATE = 2
    REPEATED = 3
    NOT_IN_POLICY = 4
    PAUSED = 5
    NOT_OVERDUE = 6
    NOT_OPEN = 7


#: Where a number of days is not known.
NO_DAYS = np.iinfo(np.int32).min
#: A letter that the policy calls for. Times are microseconds, `NONE` where there is none; money in
#: minor units of the invoice's currency; `days` on the dunning clock.
REQUIRED = np.dtype(
    [
        ("due_at", "i8"),
        ("deadline", "i8"),
        ("sent_at", "i8"),
        ("balance", "i8"),
        ("invoice", "i4"),
        ("days", "i4"),
        ("level", "i1"),
        ("verdict", "i1"),
    ],
    align=True,
)
#: A letter that was sent.
LETTER = np.dtype(
    [
        ("sent_at", "i8"),
        ("known_at", "i8"),
        ("invoice", "i4"),
        ("days", "i4"),
        ("level", "i1"),
        ("verdict", "i1"),
    ],
    align=True,
)
#: How the dunning of an invoice stands after a step: what its clock shows, whether it runs, the
#: highest level sent, and as bits which of the policy's letters have been sent, and which too late.
MARK = np.dtype(
    [("sent", "i8"), ("late", "i8"), ("clock", "i4"), ("runs", "i1"), ("highest", "i1")],
    align=True,
)

_LETTER, _OPEN = int(Role.LETTER), int(Closed.OPEN)
_ON_TIME, _EARLY, _LATE = int(Verdict.ON_TIME), int(Verdict.EARLY), int(Verdict.LATE)
_SKIPPED, _MISSING, _NOT_YET = int(Verdict.SKIPPED), int(Verdict.MISSING), int(Verdict.NOT_YET)
_PAUSED, _VOID = int(Verdict.PAUSED), int(Verdict.VOID)
_REPEATED, _NOT_IN_POLICY = int(Sent.REPEATED), int(Sent.NOT_IN_POLICY)
_WHILE_PAUSED, _NOT_OVERDUE, _NOT_OPEN = int(Sent.PAUSED), int(Sent.NOT_OVERDUE), int(Sent.NOT_OPEN)

#: What stops the clock, as bits: not open, owing too little, and the three pauses.
_SHUT, _LOW, _DISPUTED, _PROMISED, _AGENCY = 1, 2, 4, 8, 16
_PAUSES = {"dispute": _DISPUTED, "promise": _PROMISED, "agency": _AGENCY}
_NO_DAY = -1_000_000_000


class _Terms(NamedTuple):
    """What the policy says: days, bits of what pauses, and minor units."""

    tolerance: int
    pauses: int
    min_balance: int


#: The clock of an invoice: midnights counted, since which day it has run as it does now, whether it
#: runs, the day of the due date, when a letter due on the due date itself became due, number of
#: spans of counted midnights, what stops it; and what was sent, as in `MARK`; unsettled letters are
#: not due yet.
_CLOCK = np.dtype(
    [
        (name, "i8")
        for name in (
            *("count", "since", "runs", "due", "zero_at", "n_spans", "halts"),
            *("sent", "unsettled", "late", "highest"),
        )
    ]
)
#: A letter of the policy: when it was first sent, and, once it was both due and sent, its days.
_LEVEL = np.dtype([(name, "i8") for name in ("sent_at", "settled", "due", "deadline", "days")])


# The clock


@numba.njit(cache=True)
def _first_midnight(moment):
    """First day whose midnight is not before a moment."""
    return -(-moment // DAY)


@numba.njit(cache=True)
def _halts(s, terms):
    """What stops the clock in a state, as bits."""
    bits = 0
    if s.issued_at == NONE or s.closed != _OPEN:
        bits |= _SHUT
    if s.balance != NONE and s.balance < terms.min_balance:
        bits |= _LOW
    if s.disputed == 1:
        bits |= _DISPUTED
    if s.promise_open == 1:
        bits |= _PROMISED
    if s.agency == 1:
        bits |= _AGENCY
    return bits & (terms.pauses | _SHUT | _LOW)


@numba.njit(cache=True)
def _run_until(k, spans, begun, until):
    """Count the midnights of ``[begun, until)``, moments between which the clock ran."""
    if k.zero_at == NONE and max(begun, k.due * DAY) < until:
        k.zero_at = max(begun, k.due * DAY)
    first, before = max(_first_midnight(begun), k.due + 1), _first_midnight(until)
    if before <= first:
        return
    k.count += before - first
    if k.n_spans > 0 and spans[k.n_spans - 1, 1] == first:
        spans[k.n_spans - 1, 1] = before
    else:
        spans[k.n_spans, 0], spans[k.n_spans, 1] = first, before
        k.n_spans += 1


@numba.njit(cache=True)
def _day_of(k, spans, n):
    """Day on which the clock reached a number that it has reached."""
    if n == 0:
        return k.zero_at // DAY
    for i in range(k.n_spans):
        length = spans[i, 1] - spans[i, 0]
        if n <= length:
            return spans[i, 0] + n - 1
        n -= length
    return np.int64(_NO_DAY)


@numba.njit(cache=True)
def _shown_on(k, spans, day):
    """What the clock showed at the end of a day; negative before the due date."""
    if day < k.due:
        return day - k.due
    n = np.int64(0)
    for i in range(k.n_spans):
        n += max(min(spans[i, 1], day + 1) - spans[i, 0], 0)
    return n


@numba.njit(cache=True)
def _has_reached(k, n):
    """Whether the clock has come to a number of days."""
    return k.count >= n if n > 0 else k.zero_at != NONE


@numba.njit(cache=True)
def _deadline(k, spans, n, today):
    """Day with which the window ends whose last day is n on the clock, were it to run on."""
    if n <= k.count and _has_reached(k, n):
        return _day_of(k, spans, n)
    last = today
    if k.runs == 0:
        last = spans[k.n_spans - 1, 1] - 1 if k.n_spans > 0 else k.zero_at // DAY
    return last + n - k.count


# What changes it


@numba.njit(cache=True)
def _settle(k, spans, levels, days, terms, today):
    """Keep how letters stand that are both due and sent: no change of the clock undoes that."""
    for j in range(len(days)):
        bit = np.int64(1) << j
        if k.unsettled & bit and _has_reached(k, days[j]):
            v = levels[j]
            v.settled = 1
            v.due = _day_of(k, spans, days[j])
            v.deadline = _deadline(k, spans, days[j] + terms.tolerance, today)
            v.days = _shown_on(k, spans, v.sent_at // DAY) - days[j]
            if v.sent_at // DAY < v.due:  # the clock may have shown as much before a pause
                v.days = min(v.days, -1)
            k.unsettled &= ~bit
            k.late = k.late | bit if v.days > terms.tolerance else k.late & ~bit


@numba.njit(cache=True)
def _take_back(k, spans, moment):
    """Count no midnight from a moment on."""
    day = _first_midnight(moment)
    while k.n_spans > 0 and spans[k.n_spans - 1, 1] > day:
        span = spans[k.n_spans - 1]
        k.count -= span[1] - max(span[0], day)
        span[1] = max(span[0], day)
        if span[0] == span[1]:
            k.n_spans -= 1
    if k.zero_at != NONE and k.zero_at >= moment:
        k.zero_at = NONE


@numba.njit(cache=True)
def _change_due(k, spans, due):
    """Count only the midnights after another due date."""
    k.due = due
    if k.zero_at != NONE and k.zero_at < due * DAY:
        k.zero_at = NONE
    n = 0
    k.count = 0
    for i in range(k.n_spans):
        first = max(spans[i, 0], due + 1)
        if first < spans[i, 1]:
            spans[n, 0], spans[n, 1] = first, spans[i, 1]
            k.count += spans[n, 1] - first
            n += 1
    k.n_spans = n


@numba.njit(cache=True)
def _receive(k, spans, s, halts, happened):
    """Bring the clock up to what a step says, the time before it being counted already."""
    due = np.int64(_NO_DAY) if s.due_date == NONE else s.due_date // DAY
    if due != k.due:
        _change_due(k, spans, due)
    new = halts & ~k.halts
    if new != 0 and happened != NONE:
        _take_back(k, spans, s.closed_at if new & _SHUT and s.closed != _OPEN else happened)
    k.halts = halts
    k.runs = 1 if halts == 0 and due != _NO_DAY else 0
    k.since = s.known_at


# Letters


@numba.njit(cache=True)
def _send(k, levels, days, j, at):
    """Note a letter; the first of its level is the one that counts."""
    k.highest = max(k.highest, j + 1)
    v = levels[min(j, len(days))]
    if v.sent_at != NONE and v.sent_at <= at:
        return
    v.sent_at = at
    if j < len(days):
        k.sent |= np.int64(1) << j
        k.unsettled |= np.int64(1) << j


@numba.njit(cache=True)
def _judged(k, spans, levels, days, terms, steps, first, p, end, at, j):
    """How a letter agrees with the policy by what was known when it was sent, and its days."""
    b = p - 1
    while b >= first and steps[b].known_at > at:  # recorded late: look at the state back then
        b -= 1
    if b < first:
        return np.int64(_NOT_OPEN), np.int64(NO_DAYS)
    s, late = steps[b], np.int64(NO_DAYS)
    overdue = np.int64(_NO_DAY) if s.due_date == NONE else at // DAY - s.due_date // DAY
    in_policy = 0 <= j < len(days)
    if s.due_date != NONE and in_policy:
        late = (overdue if overdue < 0 else _shown_on(k, spans, at // DAY)) - days[j]
    halts = _halts(s, terms)
    if halts & _SHUT:
        return np.int64(_NOT_OPEN), late
    if overdue < 0 or (overdue == 0 and (len(days) == 0 or days[0] > 0)):
        return np.int64(_NOT_OVERDUE), late
    a = b  # a pause that ends at the very moment of the letter does not forbid it
    while a + 1 < end and steps[a + 1].known_at <= at:
        a += 1
    if halts & terms.pauses & _halts(steps[a], terms):
        return np.int64(_WHILE_PAUSED), late
    if not in_policy:
        return np.int64(_NOT_IN_POLICY), late
    if levels[j].sent_at != NONE:
        return np.int64(_REPEATED), late
    if late < 0:
        return np.int64(_EARLY), late
    return np.int64(_LATE if late > terms.tolerance else _ON_TIME), late


# All of it


@numba.njit(cache=True)
def _required(k, spans, levels, days, terms, j, today, row):
    """Write how a letter that the policy calls for stands; False where none is called for."""
    v = levels[j]
    if v.settled == 0 and not _has_reached(k, days[j]):
        return False
    row.level = j + 1
    if v.settled == 1:
        row.verdict = _EARLY if v.days < 0 else _LATE if v.days > terms.tolerance else _ON_TIME
        row.days = v.days
        row.due_at, row.deadline = v.due * DAY, v.deadline * DAY + END_OF_DAY
        row.sent_at = v.sent_at
        return True
    row.due_at = _day_of(k, spans, days[j]) * DAY
    row.deadline = _deadline(k, spans, days[j] + terms.tolerance, today) * DAY + END_OF_DAY
    row.sent_at = NONE
    row.days = k.count - days[j]
    if k.highest > j + 1:
        row.verdict = _SKIPPED
        instead = np.int64(NONE)
        for i in range(j + 1, len(levels)):
            at = levels[i].sent_at
            if at != NONE and (instead == NONE or at < instead):
                instead = at
        row.days = _shown_on(k, spans, instead // DAY) - days[j]
    elif row.days > terms.tolerance:
        row.verdict = _MISSING
    elif k.halts & (_SHUT | _LOW):
        row.verdict = _VOID
    elif k.halts != 0:
        row.verdict = _PAUSED
        row.deadline = NONE
    else:
        row.verdict = _NOT_YET
    return True


@numba.njit(cache=True, nogil=True)
def _walk(steps, starts, last, cutoff, events, days, terms, longest, rows, letters, marks):
    """Follow each invoice up to its last step and on to the cutoff; or mark every step."""
    role, happened, stated = events
    spans = np.empty((longest + 2, 2), np.int64)
    blank, clock = np.zeros(1, _CLOCK), np.zeros(1, _CLOCK)
    blank[0].due, blank[0].zero_at, blank[0].halts = _NO_DAY, NONE, _SHUT
    fresh, levels = np.zeros(1, _LEVEL), np.zeros(len(days) + 1, _LEVEL)
    fresh[0].sent_at = NONE
    marking = len(marks) > 0
    k = clock[0]
    n_rows, n_letters = 0, 0
    for i in range(len(starts) - 1):
        first, end = starts[i], last[i] + 1
        if end <= first:
            continue
        clock[0] = blank[0]
        for j in range(len(levels)):
            levels[j] = fresh[0]
        for p in range(first, end):
            s = steps[p]
            if k.runs == 1:
                _run_until(k, spans, k.since, s.known_at)
            e = s.event
            at = happened[e] if e >= 0 else np.int64(NONE)
            if e >= 0 and role[e] == _LETTER:
                j = (stated[e] if stated[e] >= 0 else s.level) - 1
                verdict, late = _judged(k, spans, levels, days, terms, steps, first, p, end, at, j)
                if not marking:
                    row = letters[n_letters]
                    row.sent_at, row.known_at, row.invoice = at, s.known_at, i
                    row.level, row.verdict, row.days = j + 1, verdict, late
                    n_letters += 1
                if j >= 0:
                    _send(k, levels, days, j, at)
            if k.unsettled != 0:
                _settle(k, spans, levels, days, terms, s.known_at // DAY)
            _receive(k, spans, s, _halts(s, terms), at)
            if marking:
                mark = marks[p]
                mark.sent, mark.late, mark.clock = k.sent, k.late, k.count
                mark.runs, mark.highest = k.runs, min(k.highest, 99)
        if marking:
            continue
        if k.runs == 1:
            _run_until(k, spans, k.since, cutoff + 1)
        today = cutoff // DAY
        _settle(k, spans, levels, days, terms, today)
        for j in range(len(days)):
            if _required(k, spans, levels, days, terms, j, today, rows[n_rows]):
                rows[n_rows].invoice = i
                n_rows += 1
    return n_rows, n_letters


_Events = tuple[NDArray[np.int8], Ints, NDArray[np.int8]]


def _prepared(log: EventLog, ledger: Ledger, policy: Policy) -> tuple[_Events, Ints, _Terms, int]:
    """The events in the ledger's order, and the policy, as the compiled pass takes them."""
    rows = log.of_invoice
    events = log.role[rows], log.event_time[rows], stated_levels(log)[rows]
    pauses = sum({_PAUSES[name] for name in policy.dunning_paused_by})
    terms = _Terms(policy.dunning_tolerance_days, pauses, round(policy.dunning_min_balance * MINOR))
    longest = int(np.diff(ledger.offsets).max(initial=1))
    return events, np.array(policy.dunning_days, dtype=np.int64), terms, longest


def dunned(
    log: EventLog, ledger: Ledger, policy: Policy, cutoff: int
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Letters that the policy calls for, and letters sent, as known at a cutoff.

    Returns
    -------
    required : ndarray of REQUIRED, shape (n_required,)
        By invoice and level; `balance` is that of the step known when the letter became due.
    sent : ndarray of LETTER, shape (n_letters,)
        By invoice and known time.
    """
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    last = ledger.position(everyone, np.full(log.n_invoices, cutoff, dtype=np.int64))
    prepared = events, days, *_ = _prepared(log, ledger, policy)
    rows = np.empty(log.n_invoices * len(days) + 1, dtype=REQUIRED)  # not touched where not filled
    letters = np.empty(int((events[0] == Role.LETTER).sum()), dtype=LETTER)
    n_rows, n_letters = _walk(
        ledger.steps,
        ledger.offsets,
        last,
        cutoff,
        *prepared,
        rows,
        letters,
        np.empty(0, dtype=MARK),
    )
    required, sent = rows[:n_rows].copy(), letters[:n_letters]
    if len(required):
        invoice = np.ascontiguousarray(required["invoice"])
        then = ledger.position(invoice, np.ascontiguousarray(required["due_at"]))
        then = np.maximum(then, ledger.offsets[invoice])  # issued on its due date
        required["balance"] = ledger.steps["balance"][then]
    return required, sent


def marks_of(log: EventLog, ledger: Ledger, policy: Policy) -> NDArray[np.void]:
    """How dunning stands after each step of the ledger, shape (n_steps,), dtype `MARK`."""
    marks = np.zeros(len(ledger.steps), dtype=MARK)
    if len(marks):
        nothing = np.empty(0, dtype=REQUIRED), np.empty(0, dtype=LETTER)
        _walk(
            ledger.steps,
            ledger.offsets,
            ledger.offsets[1:] - 1,
            0,
            *_prepared(log, ledger, policy),
            *nothing,
            marks,
        )
    return marks


def behind_at(
    ledger: Ledger, marks: NDArray[np.void], step: Ints, moment: Ints, policy: Policy
) -> tuple[Ints, Ints]:
    """How far the dunning of invoices is behind the policy at moments.

    Parameters
    ----------
    marks : ndarray of MARK, shape (n_steps,)
        From `marks_of`.
    step, moment : ndarray of int64, shape (n,)
        The last step known at each moment, from `Ledger.position`; -1 is none.

    Returns
    -------
    missed : ndarray of int64, shape (n,)
        Letters whose window ended without them, those sent afterwards included.
    behind : ndarray of int64, shape (n,)
        Days on the dunning clock since the next letter was due; 0 while none is due.
    """
    missed, behind = np.zeros(len(step), dtype=np.int64), np.zeros(len(step), dtype=np.int64)
    if len(marks):
        days = np.array(policy.dunning_days, dtype=np.int64)
        tolerance = policy.dunning_tolerance_days
        _read_marks(ledger.steps, marks, step, moment, days, tolerance, missed, behind)
    return missed, behind


@numba.njit(cache=True, nogil=True)
def _read_marks(steps, marks, step, moment, days, tolerance, missed, behind):
    for q in range(len(step)):
        if step[q] < 0:
            continue
        mark, s = marks[step[q]], steps[step[q]]
        clock = np.int64(mark.clock)
        if mark.runs == 1:
            first = max(_first_midnight(s.known_at), s.due_date // DAY + 1)
            clock += max(moment[q] // DAY + 1 - first, 0)
        for j in range(len(days)):
            is_sent = mark.sent >> j & 1
            if mark.late >> j & 1 or (is_sent == 0 and clock > days[j] + tolerance):
                missed[q] += 1
            if behind[q] == 0 and j >= mark.highest and clock > days[j]:
                behind[q] = clock - days[j]
