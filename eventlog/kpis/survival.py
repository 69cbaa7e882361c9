"""Kaplan-Meier: how long something takes when part of it has not ended yet.

Leaving out what has not ended makes durations look short, the more so the younger the cases. The
product-limit estimate (Kaplan and Meier 1958, JASA 53, 457-481) lets every case count for as long
as it has been watched. The interval of a quantile holds the times at which the curve's own 95 %
interval, from Greenwood's variance on the log(-log) scale, holds the quantile (Brookmeyer and
Crowley 1982, Biometrics 38, 29-41).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints

Floats = NDArray[np.float64]
#: Two-sided 95 % of a normal distribution.
Z = 1.959963984540054


@dataclass(frozen=True)
class Quantiles:
    """A quantile of the duration in each cell.

    Attributes
    ----------
    value, low, high : ndarray of float64, shape (n_cells,)
        In the unit of the durations, with its 95 % interval; NaN where it is not reached.
    n, n_ended : ndarray of int64, shape (n_cells,)
    """

    value: Floats
    low: Floats
    high: Floats
    n: Ints
    n_ended: Ints


def quantiles(
    cell: Ints, duration: Ints, ended: NDArray[np.bool_], n_cells: int, share: float
) -> Quantiles:
    """The time by which a share of the cases has ended, cell by cell.

    Parameters
    ----------
    cell : ndarray of int64, shape (n,)
        From 0 to ``n_cells - 1``.
    duration : ndarray of int64, shape (n,)
        Until the end, or for as long as it has been watched.
    ended : ndarray of bool, shape (n,)
    share : float
        0.5 for the median: the first time at which no more than half go on.
    """
    order = np.lexsort((duration, cell))
    value, low, high = (np.full(n_cells, np.nan) for _ in range(3))
    n, n_ended = np.zeros(n_cells, dtype=np.int64), np.zeros(n_cells, dtype=np.int64)
    _walk(cell[order], duration[order], ended[order], 1.0 - share, value, low, high, n, n_ended)
    return Quantiles(value, low, high, n, n_ended)


@numba.njit(cache=True, nogil=True)
def _walk(
    cell: Ints,
    duration: Ints,
    ended: NDArray[np.bool_],
    left: float,
    value: Floats,
    low: Floats,
    high: Floats,
    n: Ints,
    n_ended: Ints,
) -> None:  # pragma: no cover - compiled
    i = 0
    while i < len(cell):
        c = cell[i]
        end = i
        while end < len(cell) and cell[end] == c:
            end += 1
        n[c] = end - i
        survival, spread = 1.0, 0.0
        while i < end:
            t, at_risk, ends = duration[i], end - i, 0
            while i < end and duration[i] == t:
                ends += ended[i]
                i += 1
            n_ended[c] += ends
            if ends == 0:
                continue
            survival *= (at_risk - ends) / at_risk
            if at_risk > ends:
                spread += ends / (at_risk * (at_risk - ends))
            if np.isnan(value[c]) and survival <= left + 1e-12:
                value[c] = t
            if survival == 0.0:  # the variance is not defined there
                continue
            half = Z * np.sqrt(spread) / -np.log(survival)
            if np.isnan(low[c]) and survival ** np.exp(half) <= left + 1e-12:
                low[c] = t
            if np.isnan(high[c]) and survival ** np.exp(-half) <= left + 1e-12:
                high[c] = t
