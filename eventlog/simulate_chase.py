"""When the synthetic company's invoices are paid, and what collectors do about those that are not.

Scores become days in two steps. A quantile function places each invoice's payment around its due
date; then disputes hold it back, payment runs put it on the customer's weekday, and reminders,
letters, calls and promises bring some of it forward. The two knots of the quantile function that
carry the late and the very late share are set by a few rounds of trial on a sample, so the shares
come out after all of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY
from eventlog.simulate_company import Bools, Company, Floats
from eventlog.simulate_customers import Customers
from eventlog.simulate_invoices import (
    FULLY_CREDITED,
    NEVER,
    WRITE_OFF_DAYS,
    Invoices,
    matured,
    month_of_year,
    share_cut,
    weekday,
    working_day,
)

HOUR = DAY // 24
#: Time of day at which letters are made where they bear one; see `Company.ledger_order`.
NIGHTLY = 5 * HOUR
#: Share of invoices outside disputes that a credit note closes (goods returned).
SHARE_RETURNED = 0.006
#: Days past the last letter at which collectors call once more.
LATER_CALLS = (18, 40, 70)
AGENCY_DAYS = (90, 135)
_SAMPLE = 60_000
_TRIALS = 6


class Actions(NamedTuple):
    """Things done about invoices: position of the invoice, time in microseconds, and details.

    `level` of letters, `day` and `cents` of promises; empty otherwise.
    """

    invoice: Ints
    time: Ints
    level: Ints
    day: Ints
    cents: Ints


@dataclass(frozen=True)
class Payments:
    """How the invoices end, one position each; days count from 1970.

    Attributes
    ----------
    closed : ndarray of int64, shape (n_invoices,)
        Day on which the last payment, or the credit note, is known; `NEVER` for defaults.
    credited, defaulted : ndarray of bool
    last_action : ndarray of int64
        Last day before `closed` on which something was done about the invoice.
    part_day, part_cents : ndarray of int64
        Partial payment that was promised; `NEVER` and 0 for most.
    actions : dict of str to list of Actions
        By activity.
    """

    closed: Ints
    credited: Bools
    defaulted: Bools
    last_action: Ints
    part_day: Ints
    part_cents: Ints
    actions: dict[str, list[Actions]]


def collect(
    company: Company, customers: Customers, invoices: Invoices, rng: np.random.Generator
) -> Payments:
    """Decide when each invoice is paid and what is done about it until then."""
    rows = np.arange(len(invoices))
    if len(rows) > _SAMPLE:
        rows = np.sort(rng.choice(len(rows), _SAMPLE, replace=False))
    sample = invoices.take(rows)
    cut = share_cut(
        invoices.default_score,
        matured(company, customers, invoices.final_due, WRITE_OFF_DAYS),
        company.share_written_off,
    )
    late = matured(company, customers, sample.final_due, company.late_after_days)
    very_late = matured(company, customers, sample.final_due, company.very_late_after_days)
    ranked = np.sort(invoices.late_score[matured(company, customers, invoices.final_due, 0)])
    knots = np.array([company.share_late, company.share_very_late])
    aims = knots.copy()
    for trial in range(_TRIALS):
        payments = _collected(company, customers, sample, ranked, knots, cut, trial)
        after = payments.closed - sample.final_due
        counts = ~(payments.credited & (after <= company.late_after_days))
        reached = np.array(
            [
                np.mean((after > company.late_after_days)[late & counts]),
                np.mean((after > company.very_late_after_days)[very_late & counts]),
            ]
        )
        knots = np.clip(knots + 0.9 * (aims - np.nan_to_num(reached)), 1e-4, 1 - 1e-4)
        knots[1] = min(knots[1], knots[0] - 5e-5)
    return _collected(company, customers, invoices, ranked, knots, cut, int(rng.integers(2**62)))


def _collected(
    company: Company,
    customers: Customers,
    invoices: Invoices,
    ranked: Floats,
    knots: Floats,
    default_cut: float,
    seed: int,
) -> Payments:
    """Payments and actions for given knots of the quantile function."""
    rng = np.random.default_rng(seed)
    n = len(invoices)
    held = invoices.dispute_opened < NEVER
    defaulted = invoices.default_score > default_cut
    credited = held & (invoices.dispute_outcome == FULLY_CREDITED)
    credited |= ~held & (invoices.credit_score < SHARE_RETURNED)
    defaulted &= ~credited

    relative = _days_from_due(company, invoices, ranked, knots)
    closed = np.maximum(invoices.final_due + relative, invoices.posted + 2)
    freed = invoices.dispute_closed + 1 + np.rint(rng.exponential(7.0, n)).astype(np.int64)
    closed = np.where(held, np.maximum(closed, freed), closed)
    closed = np.where(
        held & credited,
        invoices.dispute_closed + rng.integers(1, 5, n),
        _on_run(customers, invoices, closed),
    )
    closed = np.where(defaulted, NEVER, closed)
    return _chased(company, customers, invoices, closed, credited, defaulted, rng)


def _days_from_due(company: Company, invoices: Invoices, ranked: Floats, knots: Floats) -> Ints:
    """Days from due date to payment: the quantile function at each invoice's rank."""
    rank = np.searchsorted(ranked, invoices.late_score, side="right") / (len(ranked) + 1)
    on_time, late, very_late = 1 - knots[0], knots[0], knots[1]
    first, second = company.late_after_days, company.very_late_after_days
    grace = min(late, 0.25 * on_time)  # the fewer are late, the fewer come close to it
    at = [0.0, 0.05 * on_time, 0.4 * on_time, on_time - grace, on_time]
    at += [on_time + 0.5 * (late - very_late), 1 - very_late]
    at += [1 - 0.5 * very_late, 1 - 0.1 * very_late, 1.0]
    days = [-28.0, -14.0, -4.0, 0.0, first + 1.0]
    days += [first + 1 + 0.35 * (second - first), second + 1.0]
    days += [second + 30.0, second + 100.0, second + 170.0]
    spread = np.interp(rank, at, days)
    spread = np.where(spread < 0, spread * np.minimum(invoices.term_days / 30, 1.0), spread)
    return np.floor(spread).astype(np.int64)


def _on_run(customers: Customers, invoices: Invoices, day: Ints) -> Ints:
    """Next payment run of the customer at or after a day, else the next working day."""
    run = customers.run_weekday[invoices.customer]
    return np.where(run >= 0, day + (run - weekday(day)) % 7, working_day(day))


def records(
    company: Company, customers: Customers, invoices: Invoices, closed: Ints
) -> NDArray[np.int8]:
    """Risk class of each customer and month by what the ledger showed before that month.

    0 good, 1 middling, 2 bad: the share of late invoices among those that had matured, shrunk
    towards the company's. It rests on the log alone, not on the traits.
    """
    n_months = customers.liquidity.shape[1]
    ripe = invoices.final_due + company.late_after_days + 1
    cell = invoices.customer * n_months + customers.month_of(ripe)
    shape = (len(customers), n_months)
    size = shape[0] * shape[1]
    is_late = closed >= ripe
    seen = np.bincount(cell, minlength=size).reshape(shape)
    bad = np.bincount(cell, weights=is_late, minlength=size).reshape(shape)
    seen, bad = np.cumsum(seen, axis=1) - seen, np.cumsum(bad, axis=1) - bad
    rate = (bad + 4 * company.share_late) / (seen + 4)
    level = (rate > 0.75 * company.share_late).astype(np.int8)
    level[rate > 1.8 * company.share_late] = 2
    return level


@dataclass
class _Overdue:
    """The overdue invoices while they are being chased; arrays of shape (n_overdue,)."""

    rows: Ints
    due: Ints
    closed: Ints
    opened: Ints
    freed: Ints
    last: Ints
    promised: Ints
    agency: Ints
    part_day: Ints
    part_cents: Ints
    cents: Ints
    risk: NDArray[np.int8]
    payer: Bools
    means_to: Floats
    honest: Floats

    def disputed_on(self, day: Ints) -> Bools:
        """Whether a dispute is open on a day."""
        return (self.opened <= day) & (day <= self.freed)

    def bring_forward(self, who: Bools, day: Ints) -> None:
        """Let some pay on a day, if that is earlier and no dispute holds it."""
        earliest = np.where(self.opened < NEVER, self.freed + 1, 0)
        day = working_day(np.maximum(day, earliest))
        who = who & self.payer
        self.closed = np.where(who, np.minimum(self.closed, day), self.closed)


def _chased(
    company: Company,
    customers: Customers,
    invoices: Invoices,
    closed: Ints,
    credited: Bools,
    defaulted: Bools,
    rng: np.random.Generator,
) -> Payments:
    """Go through reminder, letters, calls and agency with the invoices that are overdue."""
    risk = records(company, customers, invoices, closed)
    rows = np.flatnonzero(closed > invoices.final_due + 1)
    who = invoices.customer[rows]
    n = len(rows)
    agency = invoices.final_due[rows] + rng.integers(*AGENCY_DAYS, n)
    liquidity = customers.liquidity[who, invoices.month[rows]]
    overdue = _Overdue(
        rows=rows,
        due=invoices.final_due[rows],
        closed=closed[rows],
        opened=invoices.dispute_opened[rows],
        freed=invoices.dispute_closed[rows],
        last=invoices.final_due[rows],
        promised=np.zeros(n, dtype=np.int64),
        agency=np.where(rng.random(n) < 0.55, working_day(agency), NEVER),
        part_day=np.full(n, NEVER),
        part_cents=np.zeros(n, dtype=np.int64),
        cents=invoices.cents[rows],
        risk=risk[who, invoices.month[rows]],
        payer=~defaulted[rows] & ~credited[rows],
        means_to=_chance(-0.7 + 0.5 * liquidity),
        honest=_chance(2.8 + customers.honesty[who] + 0.7 * liquidity),
    )
    gentle = np.isin(customers.segment[who], (0, 3)) & (overdue.risk < 2)
    actions: dict[str, list[Actions]] = {}
    nightly = NIGHTLY if company.ledger_order else 0
    _remind(overdue, actions, rng)
    last_letter = company.dunning_days[-1]
    for step, after in enumerate((*company.dunning_days, *(last_letter + d for d in LATER_CALLS))):
        planned = np.where(overdue.risk == 2, round(0.75 * after), after) + 7 * gentle
        slip = np.where(rng.random(n) < 0.12, rng.integers(3, 13, n), rng.integers(0, 2, n))
        day = _allowed(overdue, overdue.due + planned + slip, rng)
        if step < len(company.dunning_days):
            _write(overdue, actions, day, step + 1, nightly, rng)
        _call(overdue, actions, day, rng)
    handed_over = (overdue.closed > overdue.agency) & ~overdue.disputed_on(overdue.agency)
    _note(actions, "Sent to Agency", overdue, handed_over, overdue.agency * DAY + nightly)
    overdue.last = np.where(handed_over, np.maximum(overdue.last, overdue.agency), overdue.last)

    n_all = len(invoices)
    last_action = np.where(
        invoices.dispute_opened < NEVER, invoices.dispute_closed, invoices.posted
    )
    part_day, part_cents = np.full(n_all, NEVER), np.zeros(n_all, dtype=np.int64)
    closed = closed.copy()
    closed[rows] = overdue.closed
    last_action[rows] = np.maximum(last_action[rows], overdue.last)
    part_day[rows], part_cents[rows] = overdue.part_day, overdue.part_cents
    return Payments(closed, credited, defaulted, last_action, part_day, part_cents, actions)


def _allowed(overdue: _Overdue, day: Ints, rng: np.random.Generator) -> Ints:
    """Earliest working day from a day on that respects earlier steps, disputes and promises.

    Three in a hundred steps disregard an open dispute or promise, as people do.
    """
    heedless = rng.random(len(day)) < 0.03
    day = np.maximum(day, overdue.last + 4)
    waits = (day <= overdue.promised + 3) & ~heedless
    day = np.where(waits, overdue.promised + 4, day)
    waits = overdue.disputed_on(day) & ~heedless
    return working_day(np.where(waits, overdue.freed + 4, day))


def _remind(overdue: _Overdue, actions: dict[str, list[Actions]], rng: np.random.Generator) -> None:
    """A friendly reminder, by a nightly job, two to four days past due."""
    n = len(overdue.rows)
    day = working_day(overdue.due + rng.integers(2, 5, n))
    sent = (overdue.closed > day) & ~overdue.disputed_on(day) & (rng.random(n) < 0.7)
    _note(actions, "Overdue Reminder Sent", overdue, sent, day * DAY + 6 * HOUR)
    overdue.last = np.where(sent, day, overdue.last)


def _write(
    overdue: _Overdue,
    actions: dict[str, list[Actions]],
    day: Ints,
    level: int,
    nightly: int,
    rng: np.random.Generator,
) -> None:
    """A letter, sometimes skipped (more in holidays); those who can pay often do so after it."""
    n = len(day)
    holidays = np.isin(month_of_year(day), (7, 11))
    sent = (overdue.closed > day) & (day < overdue.agency)
    sent &= rng.random(n) >= 0.06 + 0.08 * holidays
    level_of = np.full(n, level)
    _note(actions, "Dunning Letter Generated", overdue, sent, day * DAY + nightly, level=level_of)
    overdue.last = np.where(sent, day, overdue.last)
    moved = sent & (rng.random(n) < overdue.means_to)
    overdue.bring_forward(moved, day + 2 + np.rint(rng.exponential(4.0, n)).astype(np.int64))


def _call(
    overdue: _Overdue, actions: dict[str, list[Actions]], day: Ints, rng: np.random.Generator
) -> None:
    """A call some days later, and often a promise: kept, kept in part, or made to end the call."""
    n = len(day)
    day = _allowed(overdue, day + rng.integers(2, 8, n), rng)
    large = overdue.cents > np.median(overdue.cents) if n else np.empty(0, dtype=np.bool_)
    made = rng.random(n) < 0.25 + 0.15 * overdue.risk + 0.15 * large
    made &= (overdue.closed > day) & (day < overdue.agency)
    time = day * DAY + 9 * HOUR + rng.integers(0, 8 * HOUR // 1_000_000, n) * 1_000_000
    by_phone = rng.random(n) < 0.7
    _note(actions, "Collection Call Made", overdue, made & by_phone, time)
    _note(actions, "Collection Activity Logged", overdue, made & ~by_phone, time)
    overdue.last = np.where(made, day, overdue.last)

    willing = np.where(overdue.payer, 0.65, 0.3)
    promises = made & ~overdue.disputed_on(day) & (rng.random(n) < willing)
    until = working_day(day + 3 + rng.integers(0, 12, n))
    honest = rng.random(n) < overdue.honest
    partly = promises & (overdue.part_day == NEVER) & (rng.random(n) < 0.15)
    part = np.where(partly, np.rint(overdue.cents * rng.uniform(0.25, 0.55, n)), 0).astype(np.int64)
    _note(
        actions,
        "Payment Promise Created",
        overdue,
        promises,
        time + HOUR // 12,
        day=until,
        cents=part,
    )
    overdue.promised = np.where(promises, until, overdue.promised)
    before = np.maximum(until - rng.integers(0, 3, n), day + 1)
    overdue.bring_forward(promises & honest & ~partly, before)
    pays_part = partly & honest & overdue.payer & (before < overdue.closed - 1) & (part > 0)
    overdue.part_day = np.where(pays_part, working_day(before), overdue.part_day)
    overdue.part_cents = np.where(pays_part, part, overdue.part_cents)


def _note(
    actions: dict[str, list[Actions]],
    activity: str,
    overdue: _Overdue,
    done: Bools,
    time: Ints,
    **details: Ints,
) -> None:
    """Add what was done to the actions."""
    empty = np.empty(0, dtype=np.int64)
    kept = {
        name: details[name][done] if name in details else empty
        for name in ("level", "day", "cents")
    }
    actions.setdefault(activity, []).append(Actions(overdue.rows[done], time[done], **kept))


def _chance(logit: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-logit))
    return chance
