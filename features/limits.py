"""The customer's credit limit as history: only where it changes along the log.

An extract often repeats today's limit on every row. So a limit counts from an event that sets it
(Credit Limit Approved or Changed), and from other rows only once they have shown two different
values; before that nobody knows since when it has held.
"""

from __future__ import annotations

import numpy as np

from eventlog.log import DAY, MINOR, NONE
from eventlog.template import Role
from features.as_of import AsOf, Floats, ratio
from features.running_totals import read_at, sort_facts, value_at


def limit_features(seen: AsOf, others_open_balance: Floats) -> dict[str, Floats]:
    """Credit limit, its usage and its changes, by name; each of shape (n_snapshots,).

    Parameters
    ----------
    others_open_balance : ndarray of float64, shape (n_snapshots,)
        Open balance of the customer's other invoices, minor units of the reporting currency.
    """
    log = seen.log
    limit = log.money("CreditLimit")
    rows = np.flatnonzero(limit != NONE)
    rows = rows[np.lexsort((log.known_at[rows], log.customer[rows]))]
    value, customer = limit[rows], log.customer[rows]
    is_set = log.role[rows] == Role.LIMIT_CHANGED
    new_customer = (
        np.append(True, customer[1:] != customer[:-1]) if len(rows) else np.zeros(0, bool)
    )
    changed = ~new_customer & (value != np.roll(value, 1))
    fact = is_set | changed
    facts = sort_facts(customer[fact], log.known_at[rows][fact], log.n_customers)
    reading = read_at(facts, seen.customer, seen.snapshots.cutoff)
    known = value_at(facts, value[fact].astype(np.float64), reading) / MINOR
    since = value_at(facts, log.known_at[rows][fact].astype(np.float64), reading)
    before = np.append(0, np.cumsum((changed & ~new_customer)[fact][facts.order]))
    n_changes = np.where(reading.last < 0, 0, before[reading.last + 1] - before[reading.first])
    own = np.where(seen.states["balance"] == NONE, 0, seen.of_states("balance"))
    return {
        "credit_limit": known,
        "credit_limit_usage": ratio((others_open_balance + own) / MINOR, known),
        "n_limit_changes": n_changes.astype(np.float64),
        "days_since_limit_change": (seen.snapshots.cutoff - since) / DAY,
    }
