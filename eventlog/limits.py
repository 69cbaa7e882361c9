"""Since when which credit limit of a customer has been known: only where it changes along the log.

An extract often repeats today's limit on every row. So a limit counts from an event that sets it
(Credit Limit Approved or Changed), and from other rows only once they have shown two different
values; before that nobody knows since when it has held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints
from eventlog.log import NONE, EventLog
from eventlog.template import Role


@dataclass(frozen=True)
class Limits:
    """Credit limits in (customer, known time) order.

    Attributes
    ----------
    customer : ndarray of int32, shape (n_limits,)
    known_at : ndarray of int64, shape (n_limits,)
        Microseconds.
    value : ndarray of int64, shape (n_limits,)
        The limit from then on, minor units of the row's currency.
    changed : ndarray of bool, shape (n_limits,)
        Whether an earlier row of the customer is known that states another limit.
    event : ndarray of int64, shape (n_limits,)
        Position of the row in the log.
    before : ndarray of int64, shape (n_limits,)
        Limit on the customer's row before, whether or not it counted as history; `NONE` if none.
    """

    customer: Codes
    known_at: Ints
    value: Ints
    changed: NDArray[np.bool_]
    event: Ints
    before: Ints


def limits_of(log: EventLog) -> Limits:
    """The limits that count as history, of every customer."""
    limit = log.money("CreditLimit")
    rows = np.flatnonzero(limit != NONE)
    rows = rows[np.lexsort((log.known_at[rows], log.customer[rows]))]
    value, customer = limit[rows], log.customer[rows]
    is_set = log.role[rows] == Role.LIMIT_CHANGED
    new_customer = (
        np.append(True, customer[1:] != customer[:-1]) if len(rows) else np.zeros(0, bool)
    )
    before = np.where(new_customer, NONE, np.roll(value, 1))
    changed = ~new_customer & (value != before)
    fact = is_set | changed
    return Limits(
        customer[fact],
        log.known_at[rows][fact],
        value[fact],
        changed[fact],
        rows[fact],
        before[fact],
    )
