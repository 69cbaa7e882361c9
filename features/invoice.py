"""The invoice's own trace up to the cutoff."""

from __future__ import annotations

import numpy as np

from eventlog.dunning import behind_at, marks_of
from eventlog.known import Ints, last_known, starts_of
from eventlog.ledger import days_in_dispute, days_overdue
from eventlog.log import DAY, NONE
from eventlog.template import Role
from features.as_of import AsOf, Floats, as_units, days_since, ratio
from features.attributes import CATEGORY_COLUMNS, Encoding, category_as_of, recoded


def invoice_features(seen: AsOf, encoding: Encoding) -> dict[str, Floats]:
    """Features of the invoice itself, by name; each of shape (n_snapshots,).

    Amounts are in the reporting currency; NaN is "not known" or "never happened".
    """
    s, now = seen.states, seen.snapshots.cutoff
    issued = np.where(s["posted_at"] == NONE, s["issued_at"], s["posted_at"])
    amount_known = s["amount"] != NONE
    amount = np.where(amount_known, as_units(seen.of_states("amount")), np.nan)
    balance = np.where(amount_known, as_units(seen.of_states("balance")), np.nan)
    promised = np.where(s["promise_open"] == 1, s["promised_date"], NONE)
    marks = marks_of(seen.log, seen.ledger, seen.policy)
    missed, behind = behind_at(seen.ledger, marks, seen.step, now, seen.policy)
    has_due = s["due_date"] != NONE
    features = {
        "age_days": days_since(now, s["first_event_at"]),
        "days_past_due": days_overdue(s, now),
        "term_days": np.where(
            s["due_date"] == NONE, np.nan, (s["due_date"] // DAY - issued // DAY).astype(float)
        ),
        "posting_lag_days": np.where(
            s["posted_at"] == NONE,
            np.nan,
            (s["posted_at"] // DAY - s["first_event_at"] // DAY).astype(float),
        ),
        "amount": amount,
        "balance": balance,
        "share_paid": np.clip(ratio(amount - balance, amount), 0.0, 1.0),
        "n_payments": s["n_payments"],
        "days_since_payment": days_since(now, s["last_payment_at"]),
        "dunning_level": s["level"],
        "n_letters": s["n_letters"],
        "days_since_letter": days_since(now, s["last_letter_at"]),
        "n_dunning_steps_missed": np.where(has_due, missed, np.nan),
        "days_dunning_behind": np.where(has_due, behind, np.nan),
        "n_contacts": s["n_contacts"],
        "days_since_contact": days_since(now, s["last_contact_at"]),
        "n_disputes": s["n_disputes"],
        "is_disputed": s["disputed"],
        "days_in_dispute": days_in_dispute(s, now),
        "n_promises": s["n_promises"],
        "n_promises_kept": s["n_kept"],
        "n_promises_broken": s["n_broken"],
        "is_promise_open": s["promise_open"],
        "days_to_promised_date": -days_since(now, promised),
        "n_rescheduled": s["n_rescheduled"],
        "n_limit_requests": limit_requests_since(seen, issued),
        "n_events": s["n_events"],
        "n_repeats": s["n_repeats"],
        "days_since_event": days_since(now, s["last_event_at"]),
        "n_due_changes": s["n_due_changes"],
        "n_reopened": s["n_reopened"],
        "is_with_agency": s["agency"],
        "is_amount_known": amount_known,
    }
    for name, column in CATEGORY_COLUMNS.items():
        features[name] = category_as_of(seen, column, encoding.levels.get(name, ()))
    company = seen.log.invoice_keys["company"].astype("category")
    features["company"] = recoded(
        company.cat.codes.to_numpy()[seen.snapshots.invoice],
        company.cat.categories,
        encoding.levels["company"],
    )
    for name, field in (("last_activity", "activity"), ("previous_activity", "previous")):
        features[name] = recoded(s[field], seen.log.activities, encoding.levels[name])
    return {name: np.asarray(values, dtype=np.float64) for name, values in features.items()}


def limit_requests_since(seen: AsOf, since: Ints) -> Floats:
    """Credit limit requests of the customer after a time and known at the cutoff."""
    log = seen.log
    rows = np.flatnonzero(log.role == Role.LIMIT_REQUESTED)
    if not len(rows):
        return np.zeros(len(seen.snapshots))
    rows = rows[np.lexsort((log.known_at[rows], log.customer[rows]))]
    starts = starts_of(log.customer[rows], log.n_customers)
    known_at = log.known_at[rows]
    by_now = last_known(starts, known_at, seen.customer, seen.snapshots.cutoff)
    by_then = last_known(starts, known_at, seen.customer, since)
    first = starts[seen.customer]
    return (np.maximum(by_now, first - 1) - np.maximum(by_then, first - 1)).astype(np.float64)
