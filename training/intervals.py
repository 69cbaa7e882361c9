"""How sure the figures of a test are: bootstrap intervals by customer.

Rows of one customer go together: they are drawn with replacement as a whole, so a sample is a
weight for each customer. Scores are sorted once; every sample is then one walk along that order
which adds up weights, and gives what `training.evaluation.metrics` says of the rows drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.evaluation import calibration_line

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Metrics that come with an interval.
HEADLINE = (
    "roc_auc",
    "average_precision",
    "brier",
    "brier_skill",
    "ece",
    "slope",
    "observed_to_expected",
    "balance_recall_at_10",
)
#: Steps of the score that the calibration slope tells apart; rows between two are taken at their
#: mean. Fewer different scores than this are all told apart.
SLOPE_STEPS = 1_000
#: Share of the rows, the highest p, that balance recall looks at.
_SHARE = 0.1


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Resampled:
    """Headline metrics of several predictions of the same rows, and of samples of the rows.

    Attributes
    ----------
    estimate : dict of str to ndarray of float64, shape (n_metrics,)
        For each prediction, `HEADLINE` of all rows; NaN where a metric is not defined.
    samples : dict of str to ndarray of float64, shape (repeats, n_metrics)
        The same of each sample; all predictions were given the same samples.
    """

    estimate: dict[str, Floats]
    samples: dict[str, Floats]

    def of(self, name: str) -> dict[str, Interval]:
        """Interval of each metric of a prediction.

        That of ``ece`` lies high: a sample's calibration error holds the noise of drawing besides.
        """
        return _intervals(self.estimate[name], self.samples[name])

    def difference(self, name: str, rival: str) -> dict[str, Interval]:
        """Interval of each metric of a prediction less the rival's on the same samples."""
        return _intervals(
            self.estimate[name] - self.estimate[rival], self.samples[name] - self.samples[rival]
        )


def _intervals(estimate: Floats, sampled: Floats) -> dict[str, Interval]:
    found = {}
    for i, metric in enumerate(HEADLINE):
        known = sampled[~np.isnan(sampled[:, i]), i]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        found[metric] = Interval(float(estimate[i]), float(low), float(high))
    return found


def resample(
    y: Floats,
    predictions: Mapping[str, Floats],
    balance: Floats,
    group: NDArray[np.integer[Any]],
    prevalence: float | Floats,
    *,
    repeats: int = 400,
    seed: int = 0,
) -> Resampled:
    """Headline metrics of predictions over bootstrap samples of whole groups.

    Parameters
    ----------
    y : ndarray of float64, shape (n,)
    predictions : mapping of str to ndarray of float64, shape (n,)
    balance : ndarray of float64, shape (n,)
    group : ndarray of integers, shape (n,)
        Customer (or invoice) of each row; its rows are drawn together.
    prevalence : float or ndarray of float64, shape (n,)
        For the Brier skill's reference, see `training.evaluation.metrics`.
    repeats : int
        Samples; each draws as many groups as there are.
    """
    code, groups = pd.factorize(group)
    naive = np.bincount(code, weights=(prevalence - y) ** 2).astype(np.float64)[:, None]
    ranked = {name: _Ranked(y, p, balance, code) for name, p in predictions.items()}
    found = {name: _Found.empty(repeats + 1, each.n_steps) for name, each in ranked.items()}
    random = np.random.default_rng(seed)
    for i in range(repeats + 1):
        weight = np.ones(len(groups))
        if i:
            drawn = random.integers(0, len(groups), len(groups))
            weight = np.bincount(drawn, minlength=len(groups)).astype(np.float64)
        for name, each in ranked.items():
            each.read(weight, _sums(weight, naive)[0], found[name], i)
    for name, each in ranked.items():
        found[name].figures[:, HEADLINE.index("slope")] = each.slopes(found[name])
    return Resampled(
        {name: each.figures[0] for name, each in found.items()},
        {name: each.figures[1:] for name, each in found.items()},
    )


def paired_differences(
    y: Floats,
    p: Floats,
    rival: Floats,
    group: NDArray[np.integer[Any]],
    prevalence: float | Floats,
    *,
    balance: Floats | None = None,
    repeats: int = 400,
    seed: int = 0,
) -> dict[str, Interval]:
    """Model less rival in every headline metric, resampling whole groups with replacement.

    Parameters
    ----------
    y, p, rival : ndarray of float64, shape (n,)
    group : ndarray of integers, shape (n,)
        Customer (or invoice) of each row; its rows are drawn together.
    prevalence : float or ndarray of float64, shape (n,)
        For the Brier skill's reference.
    balance : ndarray of float64, shape (n,), optional
        Without it there is no balance recall.
    repeats : int
        Bootstrap samples.
    """
    both = {"model": p, "rival": rival}
    worth = np.ones(len(y)) if balance is None else balance
    found = resample(y, both, worth, group, prevalence, repeats=repeats, seed=seed)
    differences = found.difference("model", "rival")
    if balance is None:
        del differences["balance_recall_at_10"]
    return differences


@dataclass(frozen=True)
class _Found:
    """Figures of each sample, and its rows and positives at each step of the slope."""

    figures: Floats
    cases: Floats
    hits: Floats

    @classmethod
    def empty(cls, n_samples: int, n_steps: int) -> _Found:
        return cls(
            np.full((n_samples, len(HEADLINE)), np.nan),
            np.zeros((n_samples, n_steps)),
            np.zeros((n_samples, n_steps)),
        )


class _Ranked:
    """Rows in the order of their score, lowest first, and sums of them by group."""

    def __init__(self, y: Floats, p: Floats, balance: Floats, code: Places) -> None:
        order = np.argsort(p, kind="stable")
        self.p, self.y, self.code = p[order], y[order], code[order]
        self.worth = (y * balance)[order]
        summed = (np.ones(len(y)), y, p, (p - y) ** 2, y * balance)
        sums = [np.bincount(code, weights=each) for each in summed]
        self.by_group = np.column_stack(sums).astype(np.float64)
        clipped = np.clip(self.p, 1e-6, 1 - 1e-6)
        self.line = calibration_line(self.y, clipped) if 0 < y.sum() < len(y) else (None, None)
        self._cut_into_steps(np.log(clipped / (1 - clipped)))

    def _cut_into_steps(self, margin: Floats) -> None:
        """Step of the slope that each row belongs to, and each step's mean margin."""
        new = np.append(False, self.p[1:] != self.p[:-1])
        step = np.cumsum(new)
        if step[-1] >= SLOPE_STEPS:
            first = np.flatnonzero(np.append(True, new[1:]))[step]  # of the row's equals
            step = np.unique(first * SLOPE_STEPS // len(step), return_inverse=True)[1]
        self.step, self.n_steps = step.astype(np.int32), int(step[-1]) + 1
        self.margin = np.bincount(step, weights=margin) / np.bincount(step)

    def read(self, weight: Floats, naive: float, found: _Found, sample: int) -> None:
        """Write `HEADLINE` but for the slope, and the slope's steps, under weights of groups."""
        rows, positives, expected, squares, owed = _sums(weight, self.by_group)
        virtual = np.linspace(0, 1, 11)[1:-1] * (rows - 1)
        k = max(1, round(rows * _SHARE))
        auc, precision, ece, missed = _walk(
            self.code,
            self.p,
            self.y,
            self.worth,
            self.step,
            weight,
            (rows, positives, rows - k),
            virtual,
            found.cases[sample],
            found.hits[sample],
        )
        both = 0 < positives < rows
        values = {
            "roc_auc": auc if both else np.nan,
            "average_precision": precision if both else np.nan,
            "brier": squares / rows,
            "brier_skill": 1 - squares / naive if naive > 0 else np.nan,
            "ece": ece,
            "observed_to_expected": positives / expected if expected > 0 else np.nan,
            "balance_recall_at_10": 1 - missed / owed if owed > 0 else np.nan,
        }
        found.figures[sample] = [values.get(name, np.nan) for name in HEADLINE]

    def slopes(self, found: _Found) -> Floats:
        """Slope of the outcome on the log odds for each sample, by Newton's method for all at once.

        NaN where it has none: outcomes of one kind only, equal scores, or steps that do not end.
        """
        cases, hits, margin = found.cases, found.hits, self.margin
        if self.line[0] is None or self.line[1] is None:
            return np.full(len(cases), np.nan)
        slope, intercept = (np.full(len(cases), start) for start in self.line)
        moved = np.full(len(cases), np.inf)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for _ in range(12):
                p = 1 / (1 + np.exp(-(slope[:, None] * margin + intercept[:, None])))
                gap = hits - cases * p
                spread = cases * p * (1 - p)
                s0, s1, s2 = spread.sum(axis=1), spread @ margin, spread @ margin**2
                g0, g1 = gap.sum(axis=1), gap @ margin
                determinant = s0 * s2 - s1**2
                step = (s0 * g1 - s1 * g0) / determinant
                slope = slope + step
                intercept = intercept + (s2 * g0 - s1 * g1) / determinant
                moved = np.abs(step)
                if (moved < 1e-7).all():
                    break
        return np.where(moved < 1e-3, slope, np.nan)


def _sums(weight: Floats, by_group: Floats) -> list[float]:
    """Sum of each column under weights of the groups; without BLAS, whose threads wait longer."""
    found: list[float] = np.einsum("g,gk->k", weight, by_group).tolist()
    return found


@numba.njit(cache=True, nogil=True)
def _walk(code, p, y, worth, step, weight, totals, virtual, cases, hits):  # type: ignore[no-untyped-def]
    """Walk along the rows, lowest score first, as often as each one's group was drawn.

    Parameters
    ----------
    code, p, y, worth, step : ndarray, shape (n,)
        Group, score, outcome, balance of a positive, and step of the slope.
    weight : ndarray of float64, shape (n_groups,)
    totals : tuple of float
        Rows and positives drawn, and the place from below at which the highest tenth begins.
    virtual : ndarray of float64, shape (9,)
        Places of the deciles among the rows drawn, between two rows where not whole.
    cases, hits : ndarray of float64, shape (n_steps,)
        Rows and positives of each step are added here.

    Returns
    -------
    tuple of float
        ROC AUC, average precision, calibration error, and the worth below the highest tenth.
    """
    rows, positives, tenth = totals
    n, n_edges = len(p), len(virtual)
    below, above = np.empty(n_edges), np.empty(n_edges)
    at_below, at_above = 0, 0
    upto = hits_upto = worth_upto = 0.0
    pairs = precision = missed = 0.0
    i = 0
    while i < n:
        score = p[i]
        here = hits_here = worth_here = 0.0
        while i < n and p[i] == score:
            w = weight[code[i]]
            here += w
            hits_here += w * y[i]
            worth_here += w * worth[i]
            cases[step[i]] += w
            hits[step[i]] += w * y[i]
            i += 1
        if here == 0.0:
            continue
        pairs += hits_here * (upto - hits_upto + (here - hits_here) / 2)
        precision += hits_here * (positives - hits_upto) / (rows - upto)
        if upto < tenth:
            missed += worth_here * min(1.0, (tenth - upto) / here)
        upto += here
        hits_upto += hits_here
        worth_upto += worth_here
        while at_below < n_edges and np.floor(virtual[at_below]) < upto:
            below[at_below] = score
            at_below += 1
        while at_above < n_edges and min(np.floor(virtual[at_above]) + 1, rows - 1) < upto:
            above[at_above] = score
            at_above += 1
    edges = below + (above - below) * (virtual - np.floor(virtual))
    gap, error, at = 0.0, 0.0, 0
    for j in range(n):
        while at < n_edges and p[j] >= edges[at]:
            error += abs(gap)
            gap = 0.0
            at += 1
        gap += weight[code[j]] * (y[j] - p[j])
    misses = rows - positives
    auc = pairs / (positives * misses) if positives > 0 and misses > 0 else np.nan
    average = precision / positives if positives > 0 else np.nan
    return auc, average, (error + abs(gap)) / rows, missed
