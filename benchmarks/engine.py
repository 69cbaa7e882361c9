"""The features of `benchmarks.peers` by duecast's own engine, written as the product uses it.

Blocks of customers from `features.blocks`, totals from `features.running_totals`; nothing is
computed here that the product does not compute the same way in `features.customer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.synthetic import Events, SnapshotRows
from eventlog.blocks import in_parallel
from eventlog.log import DAY, Column, EventLog
from features.blocks import Block, blocks_of
from features.running_totals import Deltas, read_at, sort_facts, totals_at
from features.snapshots import Snapshots

#: Days; 0 is all time.
LOOK_BACKS = (0, 365, 90)


@dataclass(frozen=True)
class Loaded:
    """The events as a canonical log, and the snapshots."""

    log: EventLog
    snapshots: Snapshots
    n_activities: int


def load_duecast(events: Events, snapshots: SnapshotRows) -> Loaded:
    """The canonical log of the synthetic events; they come sorted as it wants them."""
    n_invoices, n_customers = int(events.invoice.max()) + 1, int(events.customer.max()) + 1
    owner = np.zeros(n_invoices, dtype=np.int32)
    owner[events.invoice] = events.customer
    n_activities = int(events.activity.max()) + 1
    log = EventLog(
        invoice=events.invoice,
        customer=events.customer,
        activity=events.activity,
        event_time=events.known_at,
        known_at=events.known_at,
        row=np.arange(len(events.invoice)),
        columns={"InvoiceAmount": Column("money", events.amount)},
        activities=tuple(f"Activity {k}" for k in range(n_activities)),
        invoice_keys=pd.DataFrame(index=range(n_invoices)),
        invoice_customer=owner,
        customer_keys=pd.DataFrame(index=range(n_customers)),
        ends_at=int(events.known_at.max()),
    )
    return Loaded(log, Snapshots(snapshots.invoice, snapshots.cutoff), n_activities)


def with_duecast(data: Loaded) -> NDArray[np.float32]:
    """Counts and sums per activity, by invoice and by customer over three look-backs."""
    n_totals = 2 * data.n_activities
    values = np.empty((len(data.snapshots), 4 * n_totals), dtype=np.float32)

    def fill(block: Block) -> None:
        log, asked = block.log, block.snapshots
        deltas = _counts_and_sums(log, data.n_activities)
        by_invoice = sort_facts(log.invoice, log.known_at, log.n_invoices)
        known = read_at(by_invoice, asked.invoice, asked.cutoff).last
        own = totals_at(by_invoice, deltas, known)
        by_customer = sort_facts(log.customer, log.known_at, log.n_customers)
        customer = log.invoice_customer[asked.invoice]
        moments = [asked.cutoff - days * DAY for days in LOOK_BACKS]
        known = np.stack([read_at(by_customer, customer, moment).last for moment in moments])
        standing, *then = totals_at(by_customer, deltas, known)
        parts = [own, standing, *(standing - earlier for earlier in then)]
        values[block.rows] = np.hstack(parts, dtype=np.float32, casting="unsafe")

    for _ in in_parallel(fill, blocks_of(data.log, data.snapshots)):
        pass
    return values


def _counts_and_sums(log: EventLog, n_activities: int) -> Deltas:
    """An event adds one to the count of its activity, and its amount to the sum."""
    total = np.column_stack([log.activity, log.activity + np.int16(n_activities)])
    amount = np.ones((len(log), 2), dtype=np.int64)
    amount[:, 1] = log.money("InvoiceAmount")
    starts = np.arange(0, 2 * len(log) + 1, 2)
    return Deltas(starts, total.ravel(), amount.ravel(), 2 * n_activities)


def as_array_duecast(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix itself."""
    return found
