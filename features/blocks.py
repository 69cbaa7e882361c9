"""A log cut into blocks of whole customers, small enough that work on one stays in the cache.

No feature of an invoice needs another customer's events (but for the peers' counts, which add up),
so a block is worked on as if it were the log. Blocks are what the cores share out among them, and
what bounds the memory: only the finished rows outlive a block.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from eventlog.known import Ints
from eventlog.log import EventLog
from features.snapshots import Snapshots

Work = TypeVar("Work")
Result = TypeVar("Result")

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
    number = np.cumsum(work) // size
    begins = np.flatnonzero(np.diff(number, prepend=-1) > 0)
    return np.append(np.union1d([0], begins), log.n_customers).astype(np.int64)


def in_parallel(
    work: Callable[[Work], Result], blocks: Iterator[Work], threads: int = 0
) -> Iterator[Result]:
    """Work on blocks, a few at a time, and yield the results in the blocks' order.

    Parameters
    ----------
    threads : int
        0 means one a core. Compiled passes and numpy let go of the interpreter while they run.
    """
    threads = threads or os.cpu_count() or 1
    if threads == 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(work, block) for block in islice(blocks, 2 * threads))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, block) for block in islice(blocks, 1))
