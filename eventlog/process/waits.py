"""The waits of each step side by side: counted, placed and summarised in compiled passes.

A step is two consecutive activities of an invoice; its code is ``a * (n + 1) + b``, where `n`
stands for "still open". One pass counts, a second lays all waits of a step side by side and adds up
its money, so that median and 90th percentile are exact at any size and no sort is needed.
"""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.process.traces import Mask, Traces

Floats = NDArray[np.float64]

#: Stretches of invoices that the cores share out among them; always as many, so that sums of
#: money-days do not depend on the machine.
_STRETCHES = 4


@dataclass(frozen=True)
class Waits:
    """What was measured of each step; n is the number of activities.

    Attributes
    ----------
    n_invoices : int
        With at least one shown activity.
    counts : ndarray of int64, shape (n * (n + 1),)
    totals : ndarray of int64, shape (3, n * (n + 1))
        Invoices that took the step, their amounts (minor units), passages without a known balance.
    money : ndarray of float64, shape (2, n * (n + 1))
        Balance × days, and the same after the due date; minor units × days.
    days : ndarray of float64, shape (3, n * (n + 1))
        Mean, median and 90th percentile; NaN for steps never taken.
    ends : ndarray of int64, shape (4, n)
        Invoices that an activity begins, and ends; how often it occurs, and on how many invoices.
    """

    n_invoices: int
    counts: Ints
    totals: Ints
    money: Floats
    days: Floats
    ends: Ints


def measure(traces: Traces, amount: Ints, until: Ints, shown: Mask) -> Waits:
    """Count, time and price the steps of some traces.

    Parameters
    ----------
    traces : Traces
    amount : ndarray of int64, shape (n_invoices,)
        Minor units; `NONE` where not known.
    until : ndarray of int64, shape (n_invoices,)
        Until when an invoice has been waiting since its last event; `NONE` if it is not.
    shown : ndarray of bool, shape (n_activities,)
        Activities that count; the time and money of others go to the step that leads past them.
    """
    n = len(shown)
    size = n * (n + 1)
    bounds = np.linspace(0, len(traces), _STRETCHES + 1).astype(np.int64)
    stretches = list(itertools.pairwise(bounds.tolist()))
    counted = np.zeros((_STRETCHES, size), dtype=np.int64)
    ends = np.zeros((_STRETCHES, 4, n), dtype=np.int64)
    totals = np.zeros((_STRETCHES, 3, size), dtype=np.int64)
    money, days = np.zeros((_STRETCHES, 2, size)), np.full((3, size), np.nan)

    def count(i: int) -> int:
        begin, end = stretches[i]
        found: int = _count(
            begin, end, traces.starts, traces.activity, until, shown, counted[i], ends[i]
        )
        return found

    def place(i: int) -> None:
        begin, end = stretches[i]
        _place(
            begin,
            end,
            traces.starts,
            traces.activity,
            traces.moment,
            traces.balance,
            traces.due,
            traces.has_money,
            amount,
            until,
            shown,
            places[i],
            waits,
            totals[i],
            money[i],
        )

    def summarise(step: int) -> None:
        _summarise(waits[offsets[step] : offsets[step + 1]], days[:, step])

    with ThreadPoolExecutor(os.cpu_count() or 1) as cores:
        n_invoices = sum(cores.map(count, range(_STRETCHES)))
        counts = counted.sum(axis=0)
        offsets = np.append(0, np.cumsum(counts))
        places = offsets[:-1] + np.cumsum(counted, axis=0) - counted
        waits = np.empty(int(offsets[-1]), dtype=np.int64)
        list(cores.map(place, range(_STRETCHES)))
        taken = np.flatnonzero(counts)  # a few hundred at most; the longest first
        list(cores.map(summarise, taken[np.argsort(-counts[taken], kind="stable")].tolist()))
    return Waits(n_invoices, counts, totals.sum(axis=0), money.sum(axis=0), days, ends.sum(axis=0))


def _summarise(waits: Ints, days: Floats) -> None:
    """Mean, median and 90th percentile of the waits of one step, written to `days`."""
    days[0] = waits.mean() / DAY
    ranks = (0.5 * (len(waits) - 1), 0.9 * (len(waits) - 1))
    waits.partition(
        sorted({int(r) for r in ranks} | {min(int(r) + 1, len(waits) - 1) for r in ranks})
    )
    for i, rank in enumerate(ranks):
        low, high = waits[int(rank)], waits[min(int(rank) + 1, len(waits) - 1)]
        days[1 + i] = (low + (high - low) * (rank - int(rank))) / DAY


@numba.njit(cache=True, nogil=True)
def _count(
    begin: int,
    end: int,
    starts: Ints,
    activity: NDArray[np.int16],
    until: Ints,
    shown: Mask,
    counts: Ints,
    ends: Ints,
) -> int:  # pragma: no cover - compiled
    """Count steps into `counts`, and into `ends`: firsts, lasts, events, invoices an activity."""
    n = len(shown)
    seen = np.full(n, -1, dtype=np.int64)
    n_invoices = 0
    for i in range(begin, end):
        previous = -1
        for s in range(starts[i], starts[i + 1]):
            a = activity[s]
            if not shown[a]:
                continue
            if previous < 0:
                ends[0, a] += 1
            else:
                counts[previous * (n + 1) + a] += 1
            ends[2, a] += 1
            if seen[a] != i:
                seen[a] = i
                ends[3, a] += 1
            previous = a
        if previous >= 0:
            n_invoices += 1
            ends[1, previous] += 1
            if until[i] != NONE:
                counts[previous * (n + 1) + n] += 1
    return n_invoices


@numba.njit(cache=True, nogil=True)
def _place(
    begin: int,
    end: int,
    starts: Ints,
    activity: NDArray[np.int16],
    moment: Ints,
    balance: Ints,
    due: Ints,
    has_money: bool,
    amount: Ints,
    until: Ints,
    shown: Mask,
    place: Ints,
    waits: Ints,
    totals: Ints,
    money: Floats,
) -> None:  # pragma: no cover - compiled
    """Lay the waits of each step side by side and add up its invoices, amounts and money-days."""
    n = len(shown)
    seen = np.full(n * (n + 1), -1, dtype=np.int64)
    for i in range(begin, end):
        begun, previous = -1, -1
        all_days, late_days, unpriced = 0.0, 0.0, False
        for s in range(starts[i], starts[i + 1] + 1):
            is_end = s == starts[i + 1]
            if is_end and (until[i] == NONE or begun < 0):
                break
            now = until[i] if is_end else moment[s]
            if has_money and s > starts[i] and begun >= 0:  # since the event before, shown or not
                open_ = balance[s - 1]
                if open_ == NONE:
                    unpriced = True
                else:
                    all_days += open_ * ((now - moment[s - 1]) / DAY)
                    if due[s - 1] != NONE:
                        late = due[s - 1] - due[s - 1] % DAY + DAY
                        since = max(moment[s - 1], late)
                        if now > since:
                            late_days += open_ * ((now - since) / DAY)
            a = n if is_end else activity[s]
            if not is_end and not shown[a]:
                continue
            if begun >= 0:
                step = previous * (n + 1) + a
                waits[place[step]] = now - moment[begun]
                place[step] += 1
                money[0, step] += all_days
                money[1, step] += late_days
                if unpriced:
                    totals[2, step] += 1
                if seen[step] != i:
                    seen[step] = i
                    totals[0, step] += 1
                    if amount[i] != NONE:
                        totals[1, step] += amount[i]
            begun, previous = s, a
            all_days, late_days, unpriced = 0.0, 0.0, False
