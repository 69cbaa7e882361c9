"""Everything that is said about test rows: metrics, baselines, slices, intervals, capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Ints
from training.capacity import Costs, Per, capacity_report, rankings
from training.evaluation import Slices, brief_metrics, metrics
from training.intervals import Interval, resample
from training.slices import LONGEST_PREFIX

Floats = NDArray[np.float64]
#: The name of the model among the predictions.
MODEL = "model"


@dataclass(frozen=True)
class ScoredRows:
    """Test rows with what became of them and what was predicted.

    Attributes
    ----------
    y : ndarray of float64, shape (n,)
    predictions : dict of str to ndarray of float64, shape (n,)
        Probabilities of the model, under `MODEL`, and of every baseline.
    balance : ndarray of float64, shape (n,)
        Open balance in the reporting currency; 0 where it is not known.
    days_past_due : ndarray of float64, shape (n,)
        NaN without a due date.
    customer : ndarray of int64, shape (n,)
        Whose invoice it is; the invoice itself where the log names no customers.
    cutoff : ndarray of int64, shape (n,)
    prevalence : ndarray of float64, shape (n,)
        Share of positives in the training of the model that predicted the row.
    slices : Slices
    """

    y: Floats
    predictions: dict[str, Floats]
    balance: Floats
    days_past_due: Floats
    customer: Ints
    cutoff: Ints
    prevalence: Floats
    slices: Slices


def pool(parts: Sequence[ScoredRows]) -> ScoredRows:
    """Rows of several tests as one; only predictions and cuts that all of them have."""
    first = parts[0]

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    shared = [n for n in first.predictions if all(n in part.predictions for part in parts)]
    cuts = [n for n in first.slices.labels if all(n in part.slices.labels for part in parts)]
    orders = {
        cut: tuple(dict.fromkeys(g for part in parts for g in part.slices.orders.get(cut, ())))
        for cut in cuts
    }
    return ScoredRows(
        y=joined("y"),
        predictions={n: np.concatenate([part.predictions[n] for part in parts]) for n in shared},
        balance=joined("balance"),
        days_past_due=joined("days_past_due"),
        customer=joined("customer"),
        cutoff=joined("cutoff"),
        prevalence=joined("prevalence"),
        slices=Slices(
            {cut: np.concatenate([part.slices.labels[cut] for part in parts]) for cut in cuts},
            orders,
        ),
    )


def assess(
    rows: ScoredRows,
    *,
    resampled: str,
    repeats: int,
    costs: Costs,
    per: Per,
    currency: str = "",
) -> dict[str, Any]:
    """Plain values about the rows.

    Parameters
    ----------
    resampled : {'customers', 'invoices'}
        What `ScoredRows.customer` holds, for people.
    repeats : int
        Bootstrap samples; 0 leaves intervals and differences out.
    costs, per, currency
        See `training.capacity.capacity_report`.

    Returns
    -------
    dict
        ``metrics`` of the model, ``baselines``, ``slices`` of the model, ``by_cutoff``,
        ``prefix_roc_auc``, ``capacity``, and with repeats ``intervals`` of model and baselines and
        ``differences`` of the model to each baseline.
    """
    y, balance, naive = rows.y, rows.balance, rows.prevalence
    found: dict[str, Any] = {
        name: metrics(y, p, balance, naive) for name, p in rows.predictions.items()
    }
    slices = rows.slices.metrics(y, rows.predictions[MODEL], balance, naive)
    scores = rankings(y, balance, rows.days_past_due, rows.predictions)
    report = {
        "metrics": found.pop(MODEL),
        "baselines": found,
        "slices": slices,
        "by_cutoff": _by_cutoff(rows),
        "prefix_roc_auc": prefix_roc_auc(slices.get("events_seen", {})),
        "capacity": capacity_report(y, balance, scores, rows.cutoff, per, costs, currency),
    }
    return report | (_sureness(rows, resampled, repeats) if repeats else {})


def prefix_roc_auc(by_events_seen: dict[str, dict[str, Any]]) -> float | None:
    """ROC AUC by number of events seen, mean over lengths up to 10 weighted by their rows.

    As Teinemaa et al. (2019, ACM TKDD 13(2)) weigh prefix lengths. Lengths that are too rare to be
    groups of their own are left out; None where no length has an AUC.
    """
    lengths = [str(n) for n in range(1, LONGEST_PREFIX + 1)]
    told = [f for n in lengths if (f := by_events_seen.get(n, {})).get("roc_auc") is not None]
    if not told:
        return None
    return float(np.average([f["roc_auc"] for f in told], weights=[f["n"] for f in told]))


def _by_cutoff(rows: ScoredRows) -> dict[str, dict[str, dict[str, float | None]]]:
    """ROC AUC and Brier skill of the model and of every baseline, cutoff month by cutoff month."""
    code, months = pd.factorize(rows.slices.labels["cutoff"], sort=True)
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for i, month in enumerate(months):
        here = code == i
        found[str(month)] = {}
        for who, p in rows.predictions.items():
            found[str(month)][who] = brief_metrics(rows.y[here], p[here], rows.prevalence[here])
    return found


def _sureness(rows: ScoredRows, resampled: str, repeats: int) -> dict[str, Any]:
    """95 % intervals of all predictions, and of the model less each baseline."""
    sampled = resample(
        rows.y, rows.predictions, rows.balance, rows.customer, rows.prevalence, repeats=repeats
    )
    rivals = [name for name in rows.predictions if name != MODEL]
    return {
        "intervals": {name: plain(sampled.of(name)) for name in rows.predictions},
        "differences": {
            "resampled": resampled,
            "repeats": repeats,
            "over": {name: plain(sampled.difference(MODEL, name)) for name in rivals},
        },
    }


def plain(intervals: dict[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Intervals as plain values; None where a figure is not defined."""
    return {
        metric: {k: v if np.isfinite(v) else None for k, v in asdict(interval).items()}
        for metric, interval in intervals.items()
    }
