"""What collectors do in a working day, and the money that follows."""

from __future__ import annotations

import numpy as np

from eventlog.known import Codes, Ints, last_known, starts_of
from eventlog.kpis.groups import dimension_of, group_of
from eventlog.kpis.seen import Amounts, Measure, Rows, Seen
from eventlog.kpis.turns import Turn
from eventlog.log import DAY
from eventlog.template import Role

#: Money counts as following a contact for so many days.
CASH_DAYS = 14
_MONEY = (Role.RECEIVED, Role.PAYMENT_POSTED, Role.RECOVERED)


def measures(seen: Seen) -> dict[str, Measure]:
    """Contacts, promises, and money received soon after a contact, in the month of booking."""
    log = seen.log
    is_promise = (log.role == Role.PROMISE) & (log.invoice >= 0)
    contact = np.flatnonzero(log.role == Role.CONTACT)
    at_work = np.flatnonzero((log.role == Role.CONTACT) | is_promise)
    working = _booked(seen, at_work)
    cash = _cash_after(seen, contact)
    collector, collectors = _collectors(seen, working)
    return {
        "contacts": Amounts(_booked(seen, contact)),
        "promises_obtained": Amounts(_booked(seen, np.flatnonzero(is_promise))),
        "at_work": Amounts(working, None, collector, collectors),
        "cash_after_contact": cash,
        "n_cash_after_contact": Amounts(cash.rows),
    }


def _booked(seen: Seen, event: Ints) -> Rows:
    """Rows of events, in the month in which they became known."""
    log = seen.log
    at = log.known_at[event]
    return Rows(seen.months.of(at), log.invoice[event], log.customer[event], at)


def _collectors(seen: Seen, rows: Rows) -> tuple[Ints, tuple[str, ...]]:
    """Collector behind each row, and all collectors; one of no name in a log without collectors."""
    column = seen.log.columns.get("CollectorAssigned")
    if column is None or column.kind != "level":
        return np.zeros(len(rows), dtype=np.int64), ("",)
    dimension = dimension_of(seen.log, "collector")
    return group_of(seen, rows, dimension), dimension.labels


def _cash_after(seen: Seen, contact: Ints) -> Amounts:
    """Money on an invoice within some days of the last contact about it or with its customer.

    Each payment counts once, for the last contact before it.
    """
    log, steps = seen.log, seen.ledger.steps
    step = seen.steps_with(Turn.MONEY)
    step = step[np.isin(seen.step_role[step], _MONEY)]
    gain = (
        steps["paid"][step]
        + steps["recovered"][step]
        - seen.previous(step, "paid", 0)
        - seen.previous(step, "recovered", 0)
    )
    step, gain = step[gain > 0], gain[gain > 0]
    invoice, at = steps["invoice"][step], seen.ledger.known_at[step]
    own = contact[log.invoice[contact] >= 0]
    alone = contact[log.invoice[contact] < 0]  # each in (entity, known time) order
    last = np.maximum(
        _last(log.known_at[own], log.invoice[own], log.n_invoices, invoice, at),
        _last(
            log.known_at[alone],
            log.customer[alone],
            log.n_customers,
            log.invoice_customer[invoice],
            at,
        ),
    )
    soon = np.flatnonzero(at - last <= CASH_DAYS * DAY)
    invoice, at = invoice[soon], at[soon]
    rows = seen.rows(seen.months.of(at), invoice, last[soon])
    return Amounts(rows, seen.reporting(gain[soon], invoice, at))


def _last(known_at: Ints, entity: Codes, n: int, whom: Codes, at: Ints) -> Ints:
    """When the last event of an entity before a moment became known; long ago if never."""
    long_ago = np.iinfo(np.int64).min // 2
    if not len(known_at):
        return np.full(len(whom), long_ago)
    place = last_known(starts_of(entity, n), known_at, whom, at)
    return np.where(place < 0, long_ago, known_at[np.maximum(place, 0)])
