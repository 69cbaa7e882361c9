"""The customer's credit limit as history (`eventlog.limits`), at each snapshot."""

from __future__ import annotations

import numpy as np

from eventlog.limits import limits_of
from eventlog.log import DAY, MINOR, NONE
from features.as_of import AsOf, Floats, ratio
from features.running_totals import read_at, sort_facts, value_at


def limit_features(seen: AsOf, others_open_balance: Floats) -> dict[str, Floats]:
    """Credit limit, its usage and its changes, by name; each of shape (n_snapshots,).

    Parameters
    ----------
    others_open_balance : ndarray of float64, shape (n_snapshots,)
        Open balance of the customer's other invoices, minor units of the reporting currency.
    """
    limits = limits_of(seen.log)
    facts = sort_facts(limits.customer, limits.known_at, seen.log.n_customers)
    reading = read_at(facts, seen.customer, seen.snapshots.cutoff)
    known = value_at(facts, limits.value.astype(np.float64), reading) / MINOR
    since = value_at(facts, limits.known_at.astype(np.float64), reading)
    before = np.append(0, np.cumsum(limits.changed[facts.order]))
    n_changes = np.where(reading.last < 0, 0, before[reading.last + 1] - before[reading.first])
    own = np.where(seen.states["balance"] == NONE, 0, seen.of_states("balance"))
    return {
        "credit_limit": known,
        "credit_limit_usage": ratio((others_open_balance + own) / MINOR, known),
        "n_limit_changes": n_changes.astype(np.float64),
        "days_since_limit_change": (seen.snapshots.cutoff - since) / DAY,
    }
