"""The customer's other invoices, as known at the cutoff.

Every total is a sum over the customer's invoices of something their ledger states say ("is open and
overdue", "was paid late", "its balance"): the invoice's share (`SHARE`). The delta of a step is how
much its invoice's share changes there; `features.running_totals` adds the deltas up per customer
and reads them. What the snapshot's own invoice contributes is taken off again, so these are the
*other* invoices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed, Matured
from eventlog.known import Ints
from eventlog.lazy import lazy
from eventlog.log import DAY, MINOR, NONE
from features.alike import alike_features, terms
from features.as_of import AsOf, Floats, days_since, ratio, shrunk
from features.catalogue import FEATURES
from features.due_around import due_around_features
from features.limits import limit_features
from features.oldest import oldest_overdue_since
from features.running_totals import (
    Facts,
    Reading,
    changes_of,
    decayed_at,
    decayed_totals,
    read_at,
    sort_facts,
    totals_at,
    value_at,
)

States = NDArray[np.void]
_OPEN, _PAID = int(Closed.OPEN), int(Closed.PAID)
_ON_TIME, _LATE = int(Matured.ON_TIME), int(Matured.LATE)

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


def _is_matured(s: States) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = (s["matured"] == Matured.ON_TIME) | (s["matured"] == Matured.LATE)
    return mask


#: What an invoice adds to each total of its customer: counts, whole days, and money in minor units
#: of the reporting currency. Those in the first line are asked for over every look-back.
SHARE = np.dtype(
    [
        (name, "i8")
        for name in (
            *("issued", "matured", "late", "matured_amount", "late_amount", "paid", "days_late"),
            *("letters", "disputed", "promises_kept", "promises_broken"),
            *("issued_amount", "amounts", "open", "open_balance", "overdue", "overdue_balance"),
            *("days_late_squared", "in_parts", "closed", "written_off", "in_dispute"),
            *("disputes_ended", "dispute_days", "contacts", "terms", "term_days"),
            *("n_1_30", "n_31_60", "n_61_90", "n_over_90"),
            *("overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_over_90"),
        )
    ]
)
N_LOOKED_BACK = 11


@numba.njit(cache=True, nogil=True)
def _write_shares(steps, amount, balance, late_days, shares):  # type: ignore[no-untyped-def]
    """Share of each step's invoice from this step on; amounts are in the reporting currency."""
    for i in range(len(steps)):
        s, share = steps[i], shares[i]
        issued = s.issued_at != NONE
        closed = s.closed != _OPEN
        paid = s.closed == _PAID and s.due_date != NONE
        late = s.matured == _LATE
        matured = late or s.matured == _ON_TIME
        is_open = issued and not closed
        owed = balance[i] if is_open else 0
        bucket = s.bucket if is_open else 0
        share.issued = issued
        share.issued_amount = amount[i] if issued else 0
        share.amounts = issued and s.amount != NONE
        share.open = is_open
        share.open_balance = owed
        share.overdue = bucket > 0
        share.overdue_balance = owed if bucket > 0 else 0
        share.n_1_30, share.overdue_1_30 = bucket == 1, owed if bucket == 1 else 0
        share.n_31_60, share.overdue_31_60 = bucket == 2, owed if bucket == 2 else 0
        share.n_61_90, share.overdue_61_90 = bucket == 3, owed if bucket == 3 else 0
        share.n_over_90, share.overdue_over_90 = bucket == 4, owed if bucket == 4 else 0
        share.matured = matured
        share.matured_amount = amount[i] if matured else 0
        share.late = late
        share.late_amount = amount[i] if late else 0
        share.paid = paid
        share.days_late = late_days[i]
        share.days_late_squared = late_days[i] * late_days[i]
        share.in_parts = paid and s.n_payments > 1
        share.closed = closed
        share.written_off = s.written_off_at != NONE
        share.disputed = s.n_disputes > 0
        share.in_dispute = s.disputed
        share.disputes_ended = s.dispute_time > 0
        share.dispute_days = s.dispute_time // DAY
        share.promises_kept = s.n_kept
        share.promises_broken = s.n_broken
        share.letters = s.n_letters
        share.contacts = s.n_contacts
        since = s.issued_at if s.posted_at == NONE else s.posted_at
        has_term = issued and s.due_date != NONE
        share.terms = has_term
        share.term_days = s.due_date // DAY - since // DAY if has_term else 0


@dataclass(frozen=True)
class _Others:
    """Reads totals of the customer's other invoices."""

    seen: AsOf

    @lazy
    def facts(self) -> Facts:
        """All steps of the ledger, by customer."""
        log, ledger = self.seen.log, self.seen.ledger
        customer = log.invoice_customer[ledger.steps["invoice"]]
        return sort_facts(customer, ledger.known_at, log.n_customers)

    @lazy
    def now(self) -> Reading:
        """The steps known at each snapshot."""
        return read_at(self.facts, self.seen.customer, self.seen.snapshots.cutoff)

    def totals(self) -> dict[int, dict[str, Floats]]:
        """For each look-back in days (0: all time), each total by name, shape (n_snapshots,)."""
        seen, ledger, snapshots = self.seen, self.seen.ledger, self.seen.snapshots
        shares = np.zeros(len(ledger.steps) + 1, dtype=SHARE)
        money = seen.of_steps("amount"), seen.of_steps("balance")
        _write_shares(ledger.steps, *money, days_late(ledger.steps), shares)
        share = shares.view(np.int64).reshape(len(shares), -1)
        moments = [snapshots.cutoff - days * DAY for days in LOOK_BACKS]
        theirs = np.stack([read_at(self.facts, seen.customer, at).last for at in moments])
        own = np.stack([ledger.position(snapshots.invoice, at) for at in moments])
        standing = totals_at(self.facts, changes_of(share[:-1], ledger.offsets), theirs)
        standing -= share[own]  # step -1, nothing known, is the last row: zeros
        names = list(SHARE.names or ())
        found = {0: _by_name(names, standing[0])}
        for days, then in zip(LOOK_BACKS[1:], standing[1:], strict=True):
            recent = standing[0, :, :N_LOOKED_BACK] - then[:, :N_LOOKED_BACK]
            found[days] = _by_name(names[:N_LOOKED_BACK], recent)
        return found


def _by_name(names: list[str], totals: Ints) -> dict[str, Floats]:
    """Columns of totals by name."""
    return dict(zip(names, totals.T.astype(np.float64, order="C"), strict=True))


def customer_features(seen: AsOf) -> dict[str, Floats]:
    """Features of the customer's other invoices, by name; each of shape (n_snapshots,).

    Returns
    -------
    dict of str to ndarray of float64
        All NaN where the log names no customers.
    """
    if not seen.log.has_customers:
        nothing = np.full(len(seen.snapshots), np.nan)
        return {f.name: nothing for f in FEATURES if f.family == "customer"}
    others = _Others(seen)
    q = others.totals()
    total = q[0]
    mean_late, spread = _mean_and_spread(total)
    features = {
        "mean_days_late": mean_late,
        "spread_days_late": spread,
        "history_depth": total["closed"],
        "share_paid_in_parts": _share(total["in_parts"], total["paid"]),
        "dispute_rate": _share(total["disputed"], total["issued"]),
        "dispute_rate_365": _share(q[365]["disputed"], q[365]["issued"]),
        "n_in_dispute": total["in_dispute"],
        "mean_dispute_days": ratio(total["dispute_days"], total["disputes_ended"]),
        "letters_per_invoice": ratio(total["letters"], total["issued"]),
        "letters_per_invoice_365": ratio(q[365]["letters"], q[365]["issued"]),
        "contacts_per_invoice": ratio(total["contacts"], total["issued"]),
        "n_written_off": total["written_off"],
        "share_written_off": _share(total["written_off"], total["closed"]),
        "n_open": total["open"],
        "open_balance": total["open_balance"] / MINOR,
        "n_overdue": total["overdue"],
        "overdue_balance": total["overdue_balance"] / MINOR,
        "share_overdue": _share(total["overdue_balance"], total["open_balance"]),
        "n_issued_90": q[90]["issued"],
    }
    for bucket in ("1_30", "31_60", "61_90", "over_90"):
        features[f"overdue_{bucket}"] = total[f"overdue_{bucket}"] / MINOR
        features[f"n_overdue_{bucket}"] = total[f"n_{bucket}"]
    for days, suffix in ((0, ""), (365, "_365"), (90, "_90")):
        matured = np.maximum(q[days]["matured"], 0.0)  # a new due date takes an outcome back
        late = np.clip(q[days]["late"], 0.0, matured)
        features[f"late_share{suffix}"] = shrunk(late, matured, LATE_AT_FIRST, PRIOR_CASES)
        features[f"late_amount_share{suffix}"] = _share(
            q[days]["late_amount"], q[days]["matured_amount"]
        )
        if days:
            features[f"mean_days_late{suffix}"] = ratio(
                q[days]["days_late"], np.maximum(q[days]["paid"], 0.0)
            )
        ended = q[days]["promises_kept"] + q[days]["promises_broken"]
        if days != 90:  # a payment known late turns a broken promise into a kept one
            kept = np.clip(q[days]["promises_kept"], 0.0, ended)
            features[f"promise_kept_ratio{suffix}"] = shrunk(kept, ended, KEPT_AT_FIRST, 2.0)
    features["n_promises_matured"] = total["promises_kept"] + total["promises_broken"]
    features |= _decayed_lateness(seen)
    features |= _last_payments(seen)
    features |= _order_rhythm(seen, total)
    features |= limit_features(seen, total["open_balance"])
    features |= due_around_features(seen, others.facts, others.now)
    features |= alike_features(seen, others.facts, others.now)
    features["term_to_usual"] = terms(seen.states) - ratio(total["term_days"], total["terms"])
    features["oldest_overdue_days"] = days_since(
        seen.snapshots.cutoff, oldest_overdue_since(seen, others.facts, others.now)
    )
    return features


def _share(part: Floats, whole: Floats) -> Floats:
    """Part of a whole, 0 to 1: over a look-back the part may have begun before it."""
    return np.clip(ratio(part, np.maximum(whole, 0.0)), 0.0, 1.0)


def _mean_and_spread(total: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of days late over the paid invoices."""
    mean = ratio(total["days_late"], total["paid"])
    square = ratio(total["days_late_squared"], total["paid"])
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _decayed_lateness(seen: AsOf) -> dict[str, Floats]:
    """Late shares and days late in which old invoices fade, and the trend between the two."""
    log, ledger, snapshots = seen.log, seen.ledger, seen.snapshots
    ripe = _is_matured(ledger.steps)
    ripe &= ~ledger.before(ripe, False)
    paid = _begins_paid(seen)
    turn = np.flatnonzero(ripe | paid)
    turns, known_at, ripe, paid = ledger.steps[turn], ledger.known_at[turn], ripe[turn], paid[turn]
    late = ripe & (turns["matured"] == Matured.LATE)
    late_days = np.where(paid, days_late(turns), 0)
    delta = np.column_stack([late, ripe, paid, late_days]).astype(np.float64)
    customer = log.invoice_customer[turns["invoice"]]
    theirs = sort_facts(customer, known_at, log.n_customers)
    own = sort_facts(turns["invoice"], known_at, log.n_invoices)
    read_theirs = read_at(theirs, seen.customer, snapshots.cutoff)
    read_own = read_at(own, snapshots.invoice, snapshots.cutoff)
    found: dict[str, Floats] = {}
    for days in HALF_LIVES:
        total = decayed_at(theirs, decayed_totals(theirs, delta, days), read_theirs, days)
        total -= decayed_at(own, decayed_totals(own, delta, days), read_own, days)
        n_late, n_ripe, n_paid, days_of_paid = total.T
        found[f"late_share_decayed_{days}"] = shrunk(
            np.maximum(n_late, 0.0), np.maximum(n_ripe, 0.0), LATE_AT_FIRST, 1.0
        )
        known = np.where(n_paid < 1e-3, 0.0, n_paid)
        found[f"mean_days_late_decayed_{days}"] = ratio(days_of_paid, known)
    short, long = (f"late_share_decayed_{days}" for days in HALF_LIVES)
    found["late_share_trend"] = found[short] - found[long]
    return found


def _begins_paid(seen: AsOf) -> NDArray[np.bool_]:
    """Steps at which an invoice with a due date comes to stand paid."""
    closed = seen.ledger.steps["closed"]
    before = seen.ledger.before(closed, Closed.OPEN)
    return _is_paid(seen.ledger.steps) & (before != Closed.PAID)


def _last_payments(seen: AsOf) -> dict[str, Floats]:
    """Days late of the customer's last three paid invoices."""
    log, ledger = seen.log, seen.ledger
    paid = ledger.steps[_begins_paid(seen)]
    paid = paid[np.lexsort((paid["closed_at"], days_late(paid)))]  # of one moment: latest last
    facts = sort_facts(log.invoice_customer[paid["invoice"]], paid["known_at"], log.n_customers)
    reading = read_at(facts, seen.customer, seen.snapshots.cutoff)
    late = days_late(paid).astype(np.float64)
    found = {f"days_late_{n}_ago": value_at(facts, late, reading, n - 1) for n in (1, 2, 3)}
    paid_at = value_at(facts, paid["closed_at"].astype(np.float64), reading)
    found["days_since_customer_paid"] = (seen.snapshots.cutoff - paid_at) / DAY
    return found


def _order_rhythm(seen: AsOf, total: dict[str, Floats]) -> dict[str, Floats]:
    """How long and how often the customer buys, and how this invoice compares."""
    log, steps, cutoff = seen.log, seen.ledger.steps, seen.snapshots.cutoff
    at = np.ascontiguousarray(steps["issued_at"])
    first_issue = np.flatnonzero((at != NONE) & (at != seen.ledger.before(at, NONE)))
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
    n_issued = _n_known(reading).astype(np.float64)

    own_issue = seen.states["issued_at"]
    day = own_issue - own_issue % DAY
    through = read_at(facts, seen.customer, np.minimum(cutoff, day + DAY - 1))
    until = read_at(facts, seen.customer, day - 1)
    same_day = _n_known(through) - _n_known(until) - 1
    previous = read_at(facts, seen.customer, own_issue - 1)
    usual = ratio(total["issued_amount"] / MINOR, total["amounts"])
    own_amount = np.where(seen.states["amount"] == NONE, np.nan, seen.of_states("amount") / MINOR)
    return {
        "tenure_days": np.minimum((cutoff - begun) / DAY, LONGEST_TENURE),
        "order_gap_days": ratio((last - begun) / DAY, np.maximum(n_issued - 1, 0)),
        "days_since_previous_invoice": (own_issue - value_at(facts, when, previous)) / DAY,
        "n_issued_same_day": np.maximum(same_day, 0).astype(np.float64),
        "amount_to_usual": ratio(own_amount, usual),
        "usual_amount": usual,
    }


def _n_known(reading: Reading) -> Ints:
    """Number of the entity's facts that are known."""
    return np.where(reading.last < 0, 0, reading.last - reading.first + 1)
