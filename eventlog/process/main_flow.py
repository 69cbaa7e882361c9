"""The activities and steps that make up the main flow of a process map.

A map of everything is a ball of wool. Rare activities are left out before steps are counted, so
that what stood on both sides of them follows directly. Of the steps between the others the frequent
ones stay, and, whatever their frequency, the most frequent ones that lead from the start to each
activity and from each activity to an end: the widest paths, whose rarest step is as frequent as it
can be. So every activity shown can be reached and left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eventlog.known import Ints
from eventlog.process.history import History
from eventlog.process.process_map import ProcessMap
from eventlog.process.traces import Mask


@dataclass(frozen=True)
class MainFlow:
    """What of a map is shown.

    Attributes
    ----------
    steps : ndarray of bool, shape (n, n + 1)
        Steps; the last column is "still open".
    starts, ends : ndarray of bool, shape (n,)
        First activities, and last ones of closed invoices.
    """

    steps: Mask
    starts: Mask
    ends: Mask


def rare_activities(history: History, min_share: float) -> Mask:
    """Activities on fewer than a share of the invoices; the most frequent one never is.

    Parameters
    ----------
    history : History
    min_share : float
        0 to 1.

    Returns
    -------
    ndarray of bool, shape (n_activities,)
        True too for activities that do not occur.
    """
    traces = history.traces
    n = len(traces.activities)
    pair = np.unique(traces.invoice_of_step.astype(np.int64) * max(n, 1) + traces.activity)
    on = np.bincount(pair % max(n, 1), minlength=n)[:n]
    rare: Mask = (on == 0) | (on < min(min_share * len(traces), on.max(initial=0)))
    return rare


def main_flow(found: ProcessMap, min_share: float) -> MainFlow:
    """Steps taken by at least a share of the invoices, and those that keep the map connected.

    Parameters
    ----------
    found : ProcessMap
    min_share : float
        0 to 1.

    Returns
    -------
    MainFlow
    """
    n = len(found.activities)
    ends = found.ends - found.still_open
    least = max(min_share * found.n_invoices, 1)
    steps, starts, last = found.invoices >= least, found.starts >= least, ends >= least
    # One graph of activities 0 … n - 1, the start n, the ends n + 1 (closed) and n + 2 (still open)
    width = np.zeros((n + 3, n + 3), dtype=np.int64)
    width[:n, :n] = found.invoices[:, :n]
    np.fill_diagonal(width, 0)
    width[n, :n] = found.starts
    backward = width.T.copy()
    width[:n, n + 1], width[:n, n + 2] = ends, found.invoices[:, n]
    # Both ends are one goal: a path from it over the reversed steps.
    backward[n, :n] = np.maximum(ends, found.invoices[:, n])
    backward[:, n + 1 :] = 0
    backward[:n, n] = 0
    for a, b in _widest_tree(width[: n + 1, : n + 1], n):
        if a == n:
            starts[b] = True
        else:
            steps[a, b] = True
    for b, a in _widest_tree(backward[: n + 1, : n + 1], n):
        if b != n:
            steps[a, b] = True
        elif ends[a] >= found.invoices[a, n]:
            last[a] = True
        else:
            steps[a, n] = True
    return MainFlow(steps, starts, last)


def _widest_tree(width: Ints, root: int) -> list[tuple[int, int]]:
    """Steps of the widest paths from a root to all that can be reached (Prim, smallest code first).

    Parameters
    ----------
    width : ndarray of int64, shape (n, n)
        0 where there is no step.
    root : int
    """
    n = len(width)
    best, parent = width[root].copy(), np.full(n, root)
    reached = np.zeros(n, dtype=bool)
    reached[root] = True
    tree = []
    for _ in range(n - 1):
        at = int(np.argmax(np.where(reached, -1, best)))
        if reached[at] or best[at] <= 0:
            break
        reached[at] = True
        tree.append((int(parent[at]), at))
        better = np.minimum(best[at], width[at]) > best
        through = better & ~reached
        best[through] = np.minimum(best[at], width[at])[through]
        parent[through] = at
    return tree
