"""A log cut into blocks of whole customers, small enough that work on one stays in the cache.

No feature of an invoice needs another customer's events (but for the peers' counts, which add up),
so a block is worked on as if it were the log. Blocks are what the cores share out among them, and
what bounds the memory: only the finished rows outlive a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eventlog.blocks import first_customers
from eventlog.known import Ints
from eventlog.log import EventLog
from features.snapshots import Snapshots

#: Events and snapshots together that make up a block, unless one customer has more.
BLOCK_SIZE = 40_000


@dataclass(frozen=True)
class Block:
    """Some customers of a log.

    Attributes
    ----------
    log : EventLog
        Their part, see `EventLog.of_customers`.
    snapshots : Snapshots
        Of their invoices, numbered as in the block's log.
    rows : ndarray of int64, shape (n_snapshots,)
        Where these snapshots stand among all.
    """

    log: EventLog
    snapshots: Snapshots
    rows: Ints


def blocks_of(log: EventLog, snapshots: Snapshots, size: int | None = None) -> Iterator[Block]:
    """Cut a log and the snapshots of its invoices into blocks, in the order of the customers.

    Parameters
    ----------
    size : int, optional
        Events and snapshots a block; default `BLOCK_SIZE`.
    """
    first = _first_customers(log, snapshots, size or BLOCK_SIZE)
    first_invoice = np.searchsorted(log.invoice_customer, first.astype(np.int32)).astype(np.int32)
    block = np.searchsorted(first_invoice[1:-1], snapshots.invoice, side="right")
    rows = np.argsort(block.astype(np.int32), kind="stable")
    starts = np.searchsorted(block[rows], np.arange(len(first)))
    for i in range(len(first) - 1):
        own = rows[starts[i] : starts[i + 1]]
        invoice = snapshots.invoice[own] - first_invoice[i]
        yield Block(
            log.of_customers(int(first[i]), int(first[i + 1])),
            Snapshots(invoice, snapshots.cutoff[own]),
            own,
        )


def _first_customers(log: EventLog, snapshots: Snapshots, size: int) -> Ints:
    """First customer of each block, and the number of customers."""
    work = np.bincount(log.customer, minlength=log.n_customers)
    work += np.bincount(log.invoice_customer[snapshots.invoice], minlength=log.n_customers)
    return first_customers(work, size)
