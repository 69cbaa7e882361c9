"""What rows last stated of a text by a moment: of an invoice, else of any row of its customer.

Segment, collector and the like are read here by the KPIs and by dunning conformance alike, so that
both put a fact into the same group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from eventlog.known import Codes, Ints, last_known, starts_of
from eventlog.log import EventLog

__all__ = ["NOT_STATED", "Kept", "Stated", "last_of", "last_stated", "or_of_customer"]

#: What the group is called that holds facts for which nothing is stated.
NOT_STATED = "(not stated)"
Whose = Literal["invoice", "customer"]


@dataclass(frozen=True)
class Stated:
    """The rows that state a column, in (entity, known time) order.

    Attributes
    ----------
    starts : ndarray of int64, shape (n_entities + 1,)
    known_at, value : ndarray of int64, shape (n_stated,)
        When each row became known, and the code that it states.
    """

    starts: Ints
    known_at: Ints
    value: Ints


#: Rows that state a column, by whom and column, once asked for.
Kept = dict[tuple[str, str], Stated]


def last_stated(
    log: EventLog, column: str, invoice: Codes, customer: Codes, moment: Ints, kept: Kept
) -> Ints:
    """Last value that an invoice's own rows state by a moment, else any row of its customer.

    Parameters
    ----------
    column : str
        A text column that the log has.
    invoice, customer, moment : ndarray, shape (n,)
        An invoice of -1 states nothing itself.
    kept : dict
        Filled on the way.

    Returns
    -------
    ndarray of int64, shape (n,)
        Codes into the column's levels; -1 where nothing is stated.
    """
    code = last_of("invoice", log, column, invoice, moment, kept)
    return or_of_customer(code, log, column, customer, moment, kept)


def or_of_customer(
    code: Ints, log: EventLog, column: str, customer: Codes, moment: Ints, kept: Kept
) -> Ints:
    """Codes, with those of -1 replaced by the last that any row of the customer states."""
    lacking = np.flatnonzero(code < 0)
    if not len(lacking):
        return code
    found = code.copy()
    found[lacking] = last_of("customer", log, column, customer[lacking], moment[lacking], kept)
    return found


def last_of(
    whose: Whose, log: EventLog, column: str, entity: Codes, moment: Ints, kept: Kept
) -> Ints:
    """Last value that rows of an invoice, or of a customer, state by a moment; -1 if none."""
    if (whose, column) not in kept:
        kept[whose, column] = _rows_stating(log, column, whose)
    stated = kept[whose, column]
    position = last_known(stated.starts, stated.known_at, entity, moment)
    if not len(stated.value):
        return position
    return np.where(position < 0, -1, stated.value[position])


def _rows_stating(log: EventLog, column: str, whose: Whose) -> Stated:
    values = log.columns[column]
    if whose == "invoice":
        rows = log.of_invoice[values.stated()[log.of_invoice]]
        entity, n = log.invoice[rows], log.n_invoices
    else:
        rows = np.flatnonzero(values.stated())
        rows = rows[np.lexsort((log.known_at[rows], log.customer[rows]))]
        entity, n = log.customer[rows], log.n_customers
    return Stated(starts_of(entity, n), log.known_at[rows], values.values[rows].astype(np.int64))
