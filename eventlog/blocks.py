"""Where a log is cut into blocks of whole customers, and how the cores share them out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from eventlog.known import Ints

Work = TypeVar("Work")
Result = TypeVar("Result")


def first_customers(work: Ints, size: int) -> Ints:
    """First customer of each block, and the number of customers.

    Parameters
    ----------
    work : ndarray of int64, shape (n_customers,)
        Of each customer, in whatever unit `size` is.
    size : int
        Work of a block, unless one customer has more.
    """
    number = np.cumsum(work) // size
    begins = np.flatnonzero(np.diff(number, prepend=-1) > 0)
    return np.append(np.union1d([0], begins), len(work)).astype(np.int64)


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
