"""The sequences of activities in which invoices run, and how each one ends.

Invoices of one variant have the same activities in the same order. Each sequence is hashed in one
compiled pass; equal hashes are then compared step by step with the first invoice of their group, so
a collision costs another round of hashing and never joins two variants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Codes, Ints
from eventlog.log import DAY, MINOR, NONE
from eventlog.process.history import History
from eventlog.process.traces import Traces
from eventlog.state import Closed, Matured


@dataclass(frozen=True)
class Variants:
    """Sequences of activities, the most frequent first; equally frequent ones by first invoice.

    Attributes
    ----------
    traces : Traces
    of_invoice : ndarray of int32, shape (n_invoices,)
        Which variant each of the traces' invoices runs in.
    counts : ndarray of int64, shape (n_variants,)
    example : ndarray of int64, shape (n_variants,)
        Position, among the traces' invoices, of the first one in each variant.
    """

    traces: Traces
    of_invoice: Codes
    counts: Ints
    example: Ints

    def __len__(self) -> int:
        """Number of variants."""
        return len(self.counts)

    def sequence(self, variant: int) -> tuple[str, ...]:
        """Names of the activities of a variant, in order."""
        first = self.example[variant]
        steps = self.traces.activity[self.traces.starts[first] : self.traces.starts[first + 1]]
        return tuple(self.traces.activities[a] for a in steps)

    @property
    def length(self) -> Ints:
        """Number of activities in each variant, shape (n_variants,)."""
        return np.diff(self.traces.starts)[self.example]


def variants_of(traces: Traces, bits: int = 64) -> Variants:
    """Group invoices by their sequence of activities.

    Parameters
    ----------
    traces : Traces
    bits : int
        How many bits of a hash are used, 1 to 64; fewer only to provoke collisions.
    """
    group = np.zeros(len(traces), dtype=np.int64)
    first = np.zeros(min(len(traces), 1), dtype=np.int64)
    mask = np.uint64((1 << bits) - 1)
    for seed in range(1, 1 << 16):
        hashed = np.empty(len(traces), dtype=np.uint64)
        _hash(traces.starts, traces.activity, np.uint64(seed), mask, hashed)
        group, first = _numbered(group, hashed)
        if _agree(traces.starts, traces.activity, group, first):
            break
    counts = np.bincount(group, minlength=len(first))
    order = np.lexsort((first, -counts))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return Variants(traces, rank[group], counts[order].astype(np.int64), first[order])


def _numbered(group: Ints, hashed: NDArray[np.uint64]) -> tuple[Ints, Ints]:
    """Groups split by hash and numbered by first appearance, and where each first appears."""
    code, _ = pd.factorize(hashed)
    if group.any():
        code, _ = pd.factorize(group * (int(code.max()) + 1) + code)
    code = code.astype(np.int64)
    first = np.full(int(code.max(initial=-1)) + 1, len(code), dtype=np.int64)
    np.minimum.at(first, code, np.arange(len(code)))
    return code, first


def variant_table(history: History, variants: Variants, top: int | None = None) -> pd.DataFrame:
    """What the invoices of each variant have in common, one variant a row.

    Parameters
    ----------
    history : History
        Whose traces the variants are of.
    variants : Variants
    top : int, optional
        Only so many, the most frequent; default: all.

    Returns
    -------
    DataFrame of shape (n_variants,)
        sequence (tuple of str), invoices, share and cumulative_share (0 to 1, of all invoices),
        length; amount and balance (currency units, what is known of them); paid, credited,
        written_off, open (number of invoices); matured (due date + `late_after_days` has ended and
        it was not closed by credit before) and share_late of these (NaN if none); median_days from
        first event to closing, of the closed ones (NaN if none).
    """
    outcome, of = history.outcome, variants.of_invoice
    n, total = len(variants), max(len(history), 1)
    shown = np.arange(n if top is None else min(top, n))

    def number(mask: NDArray[np.bool_]) -> Ints:
        return np.bincount(of[mask], minlength=n)[shown]

    def money(name: str) -> NDArray[np.float64]:
        known = np.where(outcome[name] == NONE, 0, outcome[name])
        return np.bincount(of, weights=known, minlength=n)[shown] / MINOR

    late = outcome["matured"] == Matured.LATE
    matured = late | (outcome["matured"] == Matured.ON_TIME)
    n_matured = number(matured)
    with np.errstate(invalid="ignore"):
        share_late = number(late) / n_matured
    counts = variants.counts[shown]
    return pd.DataFrame(
        {
            "sequence": pd.Series([variants.sequence(v) for v in shown.tolist()], dtype=object),
            "invoices": counts,
            "share": counts / total,
            "cumulative_share": np.cumsum(counts) / total,
            "length": variants.length[shown],
            "amount": money("amount"),
            "balance": money("balance"),
            "paid": number(outcome["closed"] == Closed.PAID),
            "credited": number(outcome["closed"] == Closed.CREDITED),
            "written_off": number(outcome["closed"] == Closed.WRITTEN_OFF),
            "open": number(outcome["closed"] == Closed.OPEN),
            "matured": n_matured,
            "share_late": share_late,
            "median_days": grouped_median(days_to_close(history), of, n)[shown],
        }
    )


def days_to_close(history: History) -> NDArray[np.float64]:
    """Days from an invoice's first event to its closing, shape (n_invoices,); NaN while open."""
    traces, closed_at = history.traces, history.outcome["closed_at"]
    begun = traces.moment[traces.starts[:-1]] if len(traces) else closed_at
    is_closed = (history.outcome["closed"] != Closed.OPEN) & (closed_at != NONE)
    return np.where(is_closed, (closed_at - begun) / DAY, np.nan)


def grouped_median(
    values: NDArray[np.float64], group: NDArray[np.integer], n_groups: int
) -> NDArray[np.float64]:
    """Median of the known values of each group, shape (n_groups,); NaN where there are none."""
    known = ~np.isnan(values)
    values, group = values[known], group[known]
    order = np.lexsort((values, group))
    values = values[order]
    ends = np.cumsum(np.bincount(group, minlength=n_groups))
    size = np.diff(ends, prepend=0)
    found = np.full(n_groups, np.nan)
    some = size > 0
    low = ends[some] - size[some] + (size[some] - 1) // 2
    found[some] = (values[low] + values[ends[some] - size[some] + size[some] // 2]) / 2
    return found


@numba.njit(cache=True, nogil=True)
def _hash(
    starts: Ints,
    activity: NDArray[np.int16],
    seed: np.uint64,
    mask: np.uint64,
    hashed: NDArray[np.uint64],
) -> None:  # pragma: no cover - compiled
    """Mix each sequence into 64 bits, by the finaliser of MurmurHash3 after each step."""
    for i in range(len(starts) - 1):
        h = seed * np.uint64(0x9E3779B97F4A7C15)
        for s in range(starts[i], starts[i + 1]):
            h ^= np.uint64(activity[s]) + np.uint64(1)
            h ^= h >> np.uint64(33)
            h *= np.uint64(0xFF51AFD7ED558CCD)
            h ^= h >> np.uint64(33)
            h *= np.uint64(0xC4CEB9FE1A85EC53)
            h ^= h >> np.uint64(33)
        hashed[i] = h & mask


@numba.njit(cache=True, nogil=True)
def _agree(
    starts: Ints, activity: NDArray[np.int16], group: Ints, first: Ints
) -> bool:  # pragma: no cover - compiled
    """Whether every invoice has the very sequence of the first one in its group."""
    for i in range(len(starts) - 1):
        model = first[group[i]]
        shift = starts[model] - starts[i]
        if starts[model + 1] - shift != starts[i + 1]:
            return False
        for s in range(starts[i], starts[i + 1]):
            if activity[s] != activity[s + shift]:
                return False
    return True
