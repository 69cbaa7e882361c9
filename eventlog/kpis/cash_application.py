"""How long payments wait from being received to being posted."""

from __future__ import annotations

import numpy as np

from eventlog.known import last_known, starts_of
from eventlog.kpis.pairs import paired
from eventlog.kpis.seen import Amounts, Measure, Seen, Spells
from eventlog.template import Role


def measures(seen: Seen) -> dict[str, Measure]:
    """Payments by the month in which they were received, each with the posting it goes with.

    A payment without a posting whose invoice is stated to be settled later was applied at a moment
    that the log does not tell: it is left out and counted.
    """
    log = seen.log
    received = np.flatnonzero((log.role == Role.RECEIVED) & (log.invoice >= 0))
    posted = np.flatnonzero((log.role == Role.PAYMENT_POSTED) & (log.invoice >= 0))
    at = log.event_time[received]
    invoice = log.invoice[received]
    partner = paired(invoice, at, log.invoice[posted], log.event_time[posted])
    has = partner >= 0
    until = np.full(len(received), seen.cutoff, dtype=np.int64)
    until[has] = log.event_time[posted[partner[has]]]
    settled = np.flatnonzero((log.role == Role.SETTLED) & (log.invoice >= 0))
    settled = settled[np.lexsort((log.event_time[settled], log.invoice[settled]))]
    forever = np.full(len(received), np.iinfo(np.int64).max)
    last = last_known(
        starts_of(log.invoice[settled], log.n_invoices), log.event_time[settled], invoice, forever
    )
    applied = ~has & (last >= 0)
    if len(settled):
        applied &= log.event_time[settled[np.maximum(last, 0)]] >= at
    month = seen.months.of(at)
    month = np.where(month < seen.months.first_shown, -1, month)
    rows = seen.rows(np.where(applied, month, -1), invoice, at)
    counted = seen.rows(np.where(applied, -1, month), invoice, at)
    unposted = ~has & ~applied
    return {
        "posting_lag": Spells(counted, np.maximum(until - at, 0), has),
        "n_received": Amounts(counted),
        "n_unposted": Amounts(counted, unposted),
        "n_applied_unposted": Amounts(rows),
    }
