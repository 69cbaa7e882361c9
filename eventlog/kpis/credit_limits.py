"""Credit limits: their use, who is over, what follows an increase, how long approval takes."""

from __future__ import annotations

import numpy as np

from eventlog.known import Ints, known_by, last_known, starts_of
from eventlog.kpis.pairs import paired
from eventlog.kpis.seen import Amounts, Measure, Seen, Spells
from eventlog.kpis.write_offs import written_off
from eventlog.limits import Limits, limits_of
from eventlog.log import DAY, NONE
from eventlog.rates import converted
from eventlog.template import Role

#: Write-offs count as following an increase for so many days.
AFTER_DAYS = 180
APPROVED = "Credit Limit Approved"


def measures(seen: Seen) -> dict[str, Measure]:
    """Limits against balances at the ends of months, increases, and requests."""
    limits = limits_of(seen.log)
    return _usage(seen, limits) | _increases(seen, limits) | _approvals(seen)


def _usage(seen: Seen, limits: Limits) -> dict[str, Measure]:
    log, months = seen.log, seen.months
    first = months.first_shown - 1
    moments = months.ends[first:]
    n_moments, n_customers = len(moments), log.n_customers
    balance = np.zeros((n_moments, n_customers), dtype=np.int64)
    stock = seen.stock
    np.add.at(balance, (stock.rows.month - first, stock.rows.customer), stock.balance)
    customer = np.tile(np.arange(n_customers, dtype=np.int32), n_moments)
    moment = np.repeat(moments, n_customers)
    starts = starts_of(limits.customer, n_customers)
    place = last_known(starts, limits.known_at, customer, moment)
    has = np.flatnonzero(place >= 0)
    limit = _reporting(seen, limits, place[has], moment[has])
    owed = balance.ravel()[has]
    month = np.repeat(np.arange(first, len(months), dtype=np.int64), n_customers)[has]
    rows = seen.of_customers(month, customer[has], moment[has])
    over = np.maximum(owed - limit, 0)
    return {
        "limit": Amounts(rows, limit),
        "limited_balance": Amounts(rows, owed),
        "n_limited": Amounts(rows),
        "n_over_limit": Amounts(rows, over > 0),
        "over_limit": Amounts(rows, over),
    }


def _reporting(seen: Seen, limits: Limits, place: Ints, moment: Ints) -> Ints:
    """Limits in the reporting currency: each is in its row's currency, if that states one."""
    value = limits.value[place] if len(place) else np.empty(0, dtype=np.int64)
    column = seen.log.columns.get("CurrencyCode")
    if column is None or not len(seen.rates.currencies) or not len(place):
        return value
    level = column.values[limits.event[place]].astype(np.int64)
    used, own = np.unique(level, return_inverse=True)
    code = seen.rates.code_of(np.array([*column.levels, ""], dtype=object)[used])[own]
    return converted(value, seen.rates.of_code(code.astype(np.int32), moment))


def _increases(seen: Seen, limits: Limits) -> dict[str, Measure]:
    """Increases that are old enough, and what the customer's invoices lost in the time after."""
    rose = np.flatnonzero((limits.before != NONE) & (limits.value > limits.before))
    at = limits.known_at[rose]
    ripe = known_by(at + AFTER_DAYS * DAY, seen.cutoff)
    rose, at = rose[ripe], at[ripe]
    customer = limits.customer[rose]
    rows, lost, turned, _ = written_off(seen)
    order = np.lexsort((rows.moment, rows.customer))
    starts = starts_of(rows.customer[order], seen.log.n_customers)
    known_at = np.ascontiguousarray(rows.moment[order])
    found = []
    for values in (lost, turned.astype(np.int64)):
        total = np.append(0, np.cumsum(values[order]))
        first = starts[customer] - 1  # read where nothing is known yet
        until, since = (
            total[np.maximum(last_known(starts, known_at, customer, moment), first) + 1]
            for moment in (at + AFTER_DAYS * DAY, at)
        )
        found.append(until - since)
    raised = seen.of_customers(seen.months.of(at), customer, at)
    return {
        "n_increases": Amounts(raised),
        "n_increases_lost": Amounts(raised, found[1] > 0),
        "lost_after_increase": Amounts(raised, found[0]),
    }


def _approvals(seen: Seen) -> dict[str, Measure]:
    """Requests by the month in which they were made, each with the approval that answers it."""
    log = seen.log
    asked = np.flatnonzero(log.role == Role.LIMIT_REQUESTED)
    names = np.array([name == APPROVED for name in log.activities], dtype=bool)
    granted = np.flatnonzero(names[log.activity]) if len(names) else asked[:0]
    at = log.event_time[asked]
    partner = paired(log.customer[asked], at, log.customer[granted], log.event_time[granted])
    has = partner >= 0
    until = np.full(len(asked), seen.cutoff, dtype=np.int64)
    until[has] = log.event_time[granted[partner[has]]]
    rows = seen.of_customers(seen.months.of(at), log.customer[asked], at)
    return {
        "approval_time": Spells(rows, np.maximum(until - at, 0), has),
        "n_requests": Amounts(rows),
        "n_requests_open": Amounts(rows, ~has),
    }
