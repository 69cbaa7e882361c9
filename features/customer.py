"""The customer's other invoices, as known at the cutoff.

Every quantity is a sum over the customer's invoices of something their ledger states say ("is open
and overdue", "was paid late", "its balance"). The delta of a step is how much its invoice's share
of the sum changes there; `features.running_totals` adds the deltas up per customer and reads them.
What the snapshot's own invoice contributes is taken off again, so these are the *other* invoices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed, Matured
from eventlog.known import Ints
from eventlog.log import DAY, MINOR, NONE
from features.as_of import AsOf, Floats, days_since, ratio, shrunk
from features.limits import limit_features
from features.oldest import oldest_overdue_since
from features.running_totals import (
    Facts,
    Reading,
    decayed_at,
    decayed_total,
    read_at,
    running_total,
    sort_facts,
    total_at,
    value_at,
)

States = NDArray[np.void]
Quantity = Callable[[States, AsOf], NDArray[Any]]

#: Look-backs in days; 0 is all time.
LOOK_BACKS = (0, 365, 90)
HALF_LIVES = (30, 180)
#: How many cases' worth of a prior a customer's own record is mixed with, and the priors. They are
#: constants: a rate of the whole as of the cutoff would tell trees the date of customers without a
#: record. Late: between the logs at hand (6 to 36 %). Kept: 60-80 % is called typical.
PRIOR_CASES = 5.0
LATE_AT_FIRST = 0.1
KEPT_AT_FIRST = 0.6
#: Longer than this a customer is simply old: a log has a beginning, tenure before it is unknown.
LONGEST_TENURE = 365.0


def _is_paid(s: States) -> NDArray[np.bool_]:
    paid: NDArray[np.bool_] = (s["closed"] == Closed.PAID) & (s["due_date"] != NONE)
    return paid


def days_late(s: States) -> Ints:
    """Whole days from due date to closing, kept within -90 and 365; 0 where not paid."""
    late = np.clip(s["closed_at"] // DAY - s["due_date"] // DAY, -90, 365)
    return np.where(_is_paid(s), late, 0)


def _is_open(s: States) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = (s["issued_at"] != NONE) & (s["closed"] == Closed.OPEN)
    return mask


def _open_in(s: States, bucket: int) -> NDArray[np.bool_]:
    return _is_open(s) & (s["bucket"] == bucket)


def _is_matured(s: States) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = (s["matured"] == Matured.ON_TIME) | (s["matured"] == Matured.LATE)
    return mask


def _money(name: str, where: Callable[[States], NDArray[np.bool_]]) -> Quantity:
    return lambda s, seen: np.where(where(s), seen.reporting(s, name), 0)


QUANTITIES: dict[str, Quantity] = {
    "issued": lambda s, _: s["issued_at"] != NONE,
    "issued_amount": _money("amount", lambda s: s["issued_at"] != NONE),
    "amounts": lambda s, _: (s["issued_at"] != NONE) & (s["amount"] != NONE),
    "open": lambda s, _: _is_open(s),
    "open_balance": _money("balance", _is_open),
    "overdue": lambda s, _: _is_open(s) & (s["bucket"] > 0),
    "overdue_balance": _money("balance", lambda s: _is_open(s) & (s["bucket"] > 0)),
    "overdue_1_30": _money("balance", lambda s: _open_in(s, 1)),
    "overdue_31_60": _money("balance", lambda s: _open_in(s, 2)),
    "overdue_61_90": _money("balance", lambda s: _open_in(s, 3)),
    "overdue_over_90": _money("balance", lambda s: _open_in(s, 4)),
    "n_1_30": lambda s, _: _open_in(s, 1),
    "n_31_60": lambda s, _: _open_in(s, 2),
    "n_61_90": lambda s, _: _open_in(s, 3),
    "n_over_90": lambda s, _: _open_in(s, 4),
    "matured": lambda s, _: _is_matured(s),
    "late": lambda s, _: s["matured"] == Matured.LATE,
    "matured_amount": _money("amount", _is_matured),
    "late_amount": _money("amount", lambda s: s["matured"] == Matured.LATE),
    "paid": lambda s, _: _is_paid(s),
    "days_late": lambda s, _: days_late(s),
    "days_late_squared": lambda s, _: days_late(s) ** 2,
    "in_parts": lambda s, _: (s["n_payments"] > 1) & _is_paid(s),
    "closed": lambda s, _: s["closed"] != Closed.OPEN,
    "written_off": lambda s, _: s["written_off_at"] != NONE,
    "disputed": lambda s, _: s["n_disputes"] > 0,
    "in_dispute": lambda s, _: s["disputed"],
    "disputes_ended": lambda s, _: s["dispute_time"] > 0,
    "dispute_days": lambda s, _: s["dispute_time"] // DAY,
    "promises_kept": lambda s, _: s["n_kept"],
    "promises_broken": lambda s, _: s["n_broken"],
    "letters": lambda s, _: s["n_letters"],
    "contacts": lambda s, _: s["n_contacts"],
}

#: Quantities that are asked for over every look-back; the others over all time only.
LOOKED_BACK = {
    "issued",
    "matured",
    "late",
    "matured_amount",
    "late_amount",
    "paid",
    "days_late",
    "letters",
    "disputed",
    "promises_kept",
    "promises_broken",
}


@dataclass(frozen=True)
class _Others:
    """Reads quantities of the customer's other invoices."""

    seen: AsOf

    @cached_property
    def facts(self) -> Facts:
        log, steps = self.seen.log, self.seen.ledger.steps
        return sort_facts(
            log.invoice_customer[steps["invoice"]], steps["known_at"], log.n_customers
        )

    @cached_property
    def first_steps(self) -> Ints:
        offsets = self.seen.ledger.offsets
        return offsets[:-1][offsets[1:] > offsets[:-1]]

    @cached_property
    def readings(self) -> dict[int, tuple[Reading, States]]:
        """For each look-back, the facts known that many days ago and the invoice's own state."""
        seen, found = self.seen, {}
        for days in LOOK_BACKS:
            moment = seen.snapshots.cutoff - days * DAY
            own = seen.ledger.as_of(seen.snapshots.invoice, moment) if days else seen.states
            found[days] = (read_at(self.facts, seen.customer, moment), own)
        return found

    def read(self, name: str) -> dict[int, Floats]:
        """A quantity over all time (0) and, where asked for, over each look-back."""
        quantity = QUANTITIES[name]
        share = quantity(self.seen.ledger.steps, self.seen).astype(np.int64)
        delta = np.diff(share, prepend=0)
        delta[self.first_steps] = share[self.first_steps]
        total = running_total(self.facts, delta)
        standing = {
            days: total_at(total, reading) - quantity(own, self.seen).astype(np.int64)
            for days, (reading, own) in self.readings.items()
            if days == 0 or name in LOOKED_BACK
        }
        return {
            days: (standing[0] if days == 0 else standing[0] - value).astype(np.float64)
            for days, value in standing.items()
        }


def customer_features(seen: AsOf) -> dict[str, Floats]:
    """Features of the customer's other invoices, by name; each of shape (n_snapshots,).

    Returns
    -------
    dict of str to ndarray of float64
        All NaN where the log names no customers.
    """
    others = _Others(seen)
    q = {name: others.read(name) for name in QUANTITIES}
    total = {name: values[0] for name, values in q.items()}
    mean_late, spread = _mean_and_spread(total)
    features = {
        "mean_days_late": mean_late,
        "spread_days_late": spread,
        "history_depth": total["closed"],
        "share_paid_in_parts": _share(total["in_parts"], total["paid"]),
        "dispute_rate": _share(total["disputed"], total["issued"]),
        "dispute_rate_365": _share(q["disputed"][365], q["issued"][365]),
        "n_in_dispute": total["in_dispute"],
        "mean_dispute_days": ratio(total["dispute_days"], total["disputes_ended"]),
        "letters_per_invoice": ratio(total["letters"], total["issued"]),
        "letters_per_invoice_365": ratio(q["letters"][365], q["issued"][365]),
        "contacts_per_invoice": ratio(total["contacts"], total["issued"]),
        "n_written_off": total["written_off"],
        "share_written_off": _share(total["written_off"], total["closed"]),
        "n_open": total["open"],
        "open_balance": total["open_balance"] / MINOR,
        "n_overdue": total["overdue"],
        "overdue_balance": total["overdue_balance"] / MINOR,
        "share_overdue": _share(total["overdue_balance"], total["open_balance"]),
        "n_issued_90": q["issued"][90],
    }
    for bucket in ("1_30", "31_60", "61_90", "over_90"):
        features[f"overdue_{bucket}"] = total[f"overdue_{bucket}"] / MINOR
        features[f"n_overdue_{bucket}"] = total[f"n_{bucket}"]
    for days, suffix in ((0, ""), (365, "_365"), (90, "_90")):
        matured = np.maximum(q["matured"][days], 0.0)  # a new due date takes an outcome back
        late = np.clip(q["late"][days], 0.0, matured)
        features[f"late_share{suffix}"] = shrunk(late, matured, LATE_AT_FIRST, PRIOR_CASES)
        features[f"late_amount_share{suffix}"] = _share(
            q["late_amount"][days], q["matured_amount"][days]
        )
        if days:
            features[f"mean_days_late{suffix}"] = ratio(
                q["days_late"][days], np.maximum(q["paid"][days], 0.0)
            )
        ended = q["promises_kept"][days] + q["promises_broken"][days]
        if days != 90:  # a payment known late turns a broken promise into a kept one
            kept = np.clip(q["promises_kept"][days], 0.0, ended)
            features[f"promise_kept_ratio{suffix}"] = shrunk(kept, ended, KEPT_AT_FIRST, 2.0)
    features["n_promises_matured"] = total["promises_kept"] + total["promises_broken"]
    features |= _decayed_lateness(seen, others)
    features |= _last_payments(seen)
    features |= _order_rhythm(seen, others, total)
    features |= limit_features(seen, total["open_balance"])
    features["oldest_overdue_days"] = days_since(
        seen.snapshots.cutoff, oldest_overdue_since(seen, others.facts, others.readings[0][0])
    )
    if not seen.log.has_customers:
        features = {name: np.full(len(seen.snapshots), np.nan) for name in features}
    return features


def _share(part: Floats, whole: Floats) -> Floats:
    """Part of a whole, 0 to 1: over a look-back the part may have begun before it."""
    return np.clip(ratio(part, np.maximum(whole, 0.0)), 0.0, 1.0)


def _mean_and_spread(total: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of days late over the paid invoices."""
    mean = ratio(total["days_late"], total["paid"])
    square = ratio(total["days_late_squared"], total["paid"])
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _decayed_lateness(seen: AsOf, others: _Others) -> dict[str, Floats]:
    """Late shares and days late in which old invoices fade, and the trend between the two."""
    log, steps, snapshots = seen.log, seen.ledger.steps, seen.snapshots
    before = np.roll(steps["matured"], 1)
    before[others.first_steps] = Matured.NOT_YET
    ripe = _is_matured(steps) & (before == Matured.NOT_YET)
    closed_before = np.roll(steps["closed"], 1)
    closed_before[others.first_steps] = Closed.OPEN
    paid = _is_paid(steps) & (closed_before != Closed.PAID)
    turns, ripe, paid = steps[ripe | paid], ripe[ripe | paid], paid[ripe | paid]
    late = ripe & (turns["matured"] == Matured.LATE)
    customer = log.invoice_customer[turns["invoice"]]
    theirs = sort_facts(customer, turns["known_at"], log.n_customers)
    own = sort_facts(turns["invoice"], turns["known_at"], log.n_invoices)
    read_theirs = read_at(theirs, seen.customer, snapshots.cutoff)
    read_own = read_at(own, snapshots.invoice, snapshots.cutoff)
    found: dict[str, Floats] = {}
    for half_life in HALF_LIVES:

        def faded(mask: NDArray[np.bool_], weight: NDArray[np.integer], days: int) -> Floats:
            delta = np.where(mask, weight, 0).astype(np.float64)
            total = decayed_at(theirs, decayed_total(theirs, delta, days), read_theirs, days)
            return total - decayed_at(own, decayed_total(own, delta, days), read_own, days)

        n_late = np.maximum(faded(late, late, half_life), 0.0)
        n_ripe = np.maximum(faded(ripe, ripe, half_life), 0.0)
        found[f"late_share_decayed_{half_life}"] = shrunk(n_late, n_ripe, LATE_AT_FIRST, 1.0)
        n_paid = faded(paid, paid, half_life)
        known = np.where(n_paid < 1e-3, 0.0, n_paid)
        late_days = faded(paid, days_late(turns), half_life)
        found[f"mean_days_late_decayed_{half_life}"] = ratio(late_days, known)
    short, long = (f"late_share_decayed_{half_life}" for half_life in HALF_LIVES)
    found["late_share_trend"] = found[short] - found[long]
    return found


def _last_payments(seen: AsOf) -> dict[str, Floats]:
    """Days late of the customer's last three paid invoices."""
    log, ledger = seen.log, seen.ledger
    before = np.roll(ledger.steps["closed"], 1)
    before[ledger.offsets[:-1][ledger.offsets[1:] > ledger.offsets[:-1]]] = Closed.OPEN
    paid = ledger.steps[_is_paid(ledger.steps) & (before != Closed.PAID)]
    paid = paid[np.lexsort((paid["closed_at"], days_late(paid)))]  # of one moment: latest last
    facts = sort_facts(log.invoice_customer[paid["invoice"]], paid["known_at"], log.n_customers)
    reading = read_at(facts, seen.customer, seen.snapshots.cutoff)
    late = days_late(paid).astype(np.float64)
    found = {f"days_late_{n}_ago": value_at(facts, late, reading, n - 1) for n in (1, 2, 3)}
    paid_at = value_at(facts, paid["closed_at"].astype(np.float64), reading)
    found["days_since_customer_paid"] = (seen.snapshots.cutoff - paid_at) / DAY
    return found


def _order_rhythm(seen: AsOf, others: _Others, total: dict[str, Floats]) -> dict[str, Floats]:
    """How long and how often the customer buys, and how this invoice compares."""
    log, steps, cutoff = seen.log, seen.ledger.steps, seen.snapshots.cutoff
    issues = others.first_steps
    at = np.where(steps["issued_at"] != NONE, steps["issued_at"], NONE)
    first_issue = np.flatnonzero(
        (at != NONE) & (np.roll(at, 1) != at) | np.isin(np.arange(len(at)), issues) & (at != NONE)
    )
    issued = steps[first_issue]
    facts = sort_facts(log.invoice_customer[issued["invoice"]], issued["known_at"], log.n_customers)
    reading = read_at(facts, seen.customer, cutoff)
    when = issued["issued_at"].astype(np.float64)
    first = facts.order[np.minimum(reading.first, max(len(facts.order) - 1, 0))]
    begun = (
        np.where(reading.last >= 0, when[first], np.nan)
        if len(when)
        else np.full(len(cutoff), np.nan)
    )
    last = value_at(facts, when, reading)
    n_issued = (reading.last - reading.first + 1).astype(np.float64)

    own_issue = seen.states["issued_at"]
    day = own_issue - own_issue % DAY
    through = read_at(facts, seen.customer, np.minimum(cutoff, day + DAY - 1))
    until = read_at(facts, seen.customer, day - 1)
    ones = running_total(facts, np.ones(len(issued), dtype=np.int64))
    same_day = total_at(ones, through) - total_at(ones, until) - 1
    previous = read_at(facts, seen.customer, own_issue - 1)
    usual = ratio(total["issued_amount"] / MINOR, total["amounts"])
    own_amount = np.where(
        seen.states["amount"] == NONE, np.nan, seen.reporting(seen.states, "amount") / MINOR
    )
    return {
        "tenure_days": np.minimum((cutoff - begun) / DAY, LONGEST_TENURE),
        "order_gap_days": ratio((last - begun) / DAY, np.maximum(n_issued - 1, 0)),
        "days_since_previous_invoice": (own_issue - value_at(facts, when, previous)) / DAY,
        "n_issued_same_day": np.maximum(same_day, 0).astype(np.float64),
        "amount_to_usual": ratio(own_amount, usual),
        "usual_amount": usual,
    }
