"""Reading whole payment curves from the trees: each tree is walked once a row, not once a day.

All points of a row's curve share every feature but the horizon and the days past due then, and both
rise from point to point. So at a node that asks for one of these two the points part into earlier
and later ones; at any other node they go the same way together.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numba
import numpy as np
from numpy.typing import NDArray

from training.trees import IN_SET, NAN_LEFT, NAN_RIGHT, ZERO, ZERO_LEFT, Trees, trees_of

Floats = NDArray[np.float64]

#: Rows that a thread reads at a time.
_ROWS = 512
_THREADS = os.cpu_count() or 1


def read_margins(
    boosters: tuple[lgb.Booster, ...], values: NDArray[np.float32], days: Floats, past_due: int
) -> Floats:
    """Margins of every row at every point of its curve, the mean over the boosters.

    Parameters
    ----------
    boosters : tuple of lightgbm.Booster
        Whose last two columns are the horizon and the days past due then.
    values : ndarray of float32, shape (n, n_columns)
        Features without these two.
    days : ndarray of float64, shape (n_points,)
        Horizons, rising.
    past_due : int
        Which column holds the days past due at the cutoff.

    Returns
    -------
    ndarray of float64, shape (n, n_points)
        As LightGBM predicts them one by one, but for the order of summing.
    """
    found = np.zeros((len(values), len(days)))
    horizon = days.astype(np.float32)
    for booster in boosters:
        trees, _ = trees_of(booster.model_to_string())

        def read(begin: int, trees: Trees = trees) -> None:
            rows = slice(begin, begin + _ROWS)
            _read(trees, values[rows], horizon, past_due, found[rows])

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(read, range(0, len(values), _ROWS)))
    return found / len(boosters)


@numba.njit(cache=True, nogil=True)
def _goes_left(trees, node, value):  # type: ignore[no-untyped-def]
    """Whether a value goes to the left child, missing ones included."""
    kind = trees.kind[node]
    if kind == IN_SET:
        begin = trees.set_from[node]
        n_categories = np.float32(32 * (trees.set_to[node] - begin))
        if not (value > -1 and value < n_categories):
            return False
        category = np.uint32(value)
        return ((trees.words[begin + (category >> 5)] >> (category & 31)) & 1) == 1
    if kind in (NAN_RIGHT, NAN_LEFT):
        if np.isnan(value):
            return kind == NAN_LEFT
        return value <= trees.threshold[node]
    if np.isnan(value) or abs(value) <= ZERO:
        return kind == ZERO_LEFT
    return value <= trees.threshold[node]


@numba.njit(cache=True, nogil=True)
def _read(trees, values, horizon, past_due, found):  # type: ignore[no-untyped-def]
    """Add the leaves that each point of each row's curve ends in."""
    n_points, last = len(horizon), values.shape[1]
    waiting = np.empty(len(trees.column) + 1, dtype=np.int64)
    first_of = np.empty(len(waiting), dtype=np.int64)
    end_of = np.empty(len(waiting), dtype=np.int64)
    for row in range(len(values)):
        due = np.float64(values[row, past_due])
        for root in trees.root:
            waiting[0], first_of[0], end_of[0] = root, 0, n_points
            n = 1
            while n > 0:
                n -= 1
                node, first, end = waiting[n], first_of[n], end_of[n]
                while node >= 0:
                    column = trees.column[node]
                    if column < last:
                        left = _goes_left(trees, node, values[row, column])
                        node = trees.left[node] if left else trees.right[node]
                        continue
                    begin = np.float64(0.0) if column == last else due
                    part = first
                    while part < end and _goes_left(
                        trees, node, np.float32(begin + np.float64(horizon[part]))
                    ):
                        part += 1
                    if part == end:
                        node = trees.left[node]
                    elif part == first:
                        node = trees.right[node]
                    else:
                        waiting[n], first_of[n], end_of[n] = trees.right[node], part, end
                        n += 1
                        node, end = trees.left[node], part
                for point in range(first, end):
                    found[row, point] += trees.value[~node]
