"""The order of events: by customer, invoice, known time, event time, role and activity.

Events are dealt to their groups (an invoice, or a customer's events without one) in one pass and
put in order inside each, because groups are many and small; only large groups that are out of
order are sorted as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eventlog.known import Codes, Ints

Scalar = TypeVar("Scalar", bound=np.generic)
Given = TypeVar("Given")
Found = TypeVar("Found")

#: Groups up to this size are put in order by moving events past their neighbours.
_SMALL = 48
#: Values that are worth a thread.
_WORTH = 10_000


@dataclass(frozen=True)
class Ordered:
    """Events in their order.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_events,)
        Where each event stood.
    group : ndarray of int32, shape (n_events,)
    known, happened : ndarray of int64, shape (n_events,)
    rank : ndarray of int16, shape (n_events,)
    tied : ndarray of bool, shape (n_events,)
        True where an event equals the one before it in group, times and rank.
    """

    rows: Ints
    group: Codes
    known: Ints
    happened: Ints
    rank: NDArray[np.int16]
    tied: NDArray[np.bool_]


def in_order(
    group: Codes, known: Ints, happened: Ints, rank: NDArray[np.int16], n_groups: int
) -> Ordered:
    """Sort events by (group, known time, event time, rank); equal ones keep their order.

    Parameters
    ----------
    group : ndarray of int32, shape (n_events,)
        From 0 to ``n_groups - 1``.
    known, happened : ndarray of int64, shape (n_events,)
    rank : ndarray of int16, shape (n_events,)
    n_groups : int
    """
    n = len(group)
    starts = _starts(group, n_groups)
    rows = np.empty(n, dtype=np.int64)
    keys = (np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int16))
    sorted_group, tied = np.empty(n, dtype=np.int32), np.zeros(n, dtype=bool)
    places = starts[:-1].copy()
    # Each core deals and orders a range of groups with as many events as the others'.
    aims = np.linspace(0, n, pa.cpu_count() + 1)[1:-1]
    cuts = [0, *np.searchsorted(starts, aims).tolist(), n_groups]

    def order(first: int, last: int) -> None:
        _deal(group, known, happened, rank, first, last, places, rows, *keys)
        _order_small(starts, first, last, sorted_group, rows, *keys)

    side_by_side(lambda ends: order(*ends), list(pairwise(cuts)), n)
    if (large := np.diff(starts) > _SMALL).any():
        at = np.flatnonzero(large[sorted_group])
        best = at[np.lexsort((*(key[at] for key in keys[::-1]), sorted_group[at]))]
        rows[at] = rows[best]
        for key in keys:
            key[at] = key[best]
    _mark_ties(sorted_group, *keys, tied)
    return Ordered(rows, sorted_group, *keys, tied)


def picked(values: NDArray[Scalar], places: NDArray[Any]) -> NDArray[Scalar]:
    """``values[places]`` for one-dimensional arrays; -1 picks the last."""
    found = np.empty(len(places), dtype=values.dtype)
    _pick(values, places, found)
    return found


def occurring(codes: Codes, n_levels: int) -> Ints:
    """Which codes from -1 to ``n_levels - 1`` occur, ascending."""
    seen = np.zeros(n_levels + 1, dtype=bool)
    _see(codes, seen)
    return np.flatnonzero(seen) - 1


def side_by_side(work: Callable[[Given], Found], items: Sequence[Given], size: int) -> list[Found]:
    """Do the same work for several items on all cores; it has to let go of the interpreter.

    `size` is how many values each item has about; a few are done sooner without threads.
    """
    if len(items) < 2 or size < _WORTH:
        return [work(item) for item in items]
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        return list(pool.map(work, items))


@numba.njit(cache=True, nogil=True)
def _pick(values, places, found):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    for i in range(len(places)):
        found[i] = values[places[i]]


@numba.njit(cache=True, nogil=True)
def _see(codes: Codes, seen: NDArray[np.bool_]) -> None:  # pragma: no cover - compiled
    for code in codes:
        seen[code + 1] = True


@numba.njit(cache=True, nogil=True)
def _starts(group: Codes, n_groups: int) -> Ints:  # pragma: no cover - compiled
    starts = np.zeros(n_groups + 1, dtype=np.int64)
    for i in range(len(group)):
        starts[group[i] + 1] += 1
    for g in range(n_groups):
        starts[g + 1] += starts[g]
    return starts


@numba.njit(cache=True, nogil=True)
def _deal(
    group: Codes,
    known: Ints,
    happened: Ints,
    rank: NDArray[np.int16],
    first: int,
    last: int,
    places: Ints,
    rows: Ints,
    knowns: Ints,
    happeneds: Ints,
    ranks: NDArray[np.int16],
) -> None:  # pragma: no cover - compiled
    for i in range(len(group)):
        g = group[i]
        if first <= g < last:
            place = places[g]
            places[g] += 1
            rows[place] = i
            knowns[place] = known[i]
            happeneds[place] = happened[i]
            ranks[place] = rank[i]


@numba.njit(cache=True, nogil=True)
def _order_small(
    starts: Ints,
    first: int,
    last: int,
    group: Codes,
    rows: Ints,
    known: Ints,
    happened: Ints,
    rank: NDArray[np.int16],
) -> None:  # pragma: no cover - compiled
    for g in range(first, last):
        group[starts[g] : starts[g + 1]] = g
        if starts[g + 1] - starts[g] > _SMALL:
            continue
        for i in range(starts[g] + 1, starts[g + 1]):
            row, k, h, r = rows[i], known[i], happened[i], rank[i]
            place = i
            while place > starts[g]:
                before = place - 1
                if known[before] < k:
                    break
                if known[before] == k:
                    if happened[before] < h:
                        break
                    if happened[before] == h and rank[before] <= r:
                        break
                rows[place], known[place] = rows[before], known[before]
                happened[place], rank[place] = happened[before], rank[before]
                place = before
            rows[place], known[place], happened[place], rank[place] = row, k, h, r


@numba.njit(cache=True, nogil=True)
def _mark_ties(
    group: Codes, known: Ints, happened: Ints, rank: NDArray[np.int16], tied: NDArray[np.bool_]
) -> None:  # pragma: no cover - compiled
    for i in range(1, len(group)):
        tied[i] = (
            group[i] == group[i - 1]
            and known[i] == known[i - 1]
            and happened[i] == happened[i - 1]
            and rank[i] == rank[i - 1]
        )
