"""How good probabilities and a ranking are: metrics, slices, differences with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from eventlog.log import timestamp

Floats = NDArray[np.float64]
SHARES = (5, 10, 20)
#: Below this many positives (or negatives) a slice's ranking metrics say nothing.
FEWEST_FOR_RANKING = 5


def metrics(y: Floats, p: Floats, balance: Floats, prevalence: float) -> dict[str, float | None]:
    """Metrics of probabilities against outcomes.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n,)
    balance : ndarray of float64, shape (n,)
        Open balance at the cutoff, for recall in money.
    prevalence : float
        Share of positives in *training*; ``brier_skill`` is measured against predicting it.

    Returns
    -------
    dict of str to float or None
        ``recall_at_k``: share of positives among the k % highest p. ``balance_recall_at_k``: share
        of the positives' balance there. None where a metric is not defined.
    """
    n, positives = len(y), int(y.sum())
    found: dict[str, float | None] = {"n": n, "positives": positives}
    if n == 0:
        return found
    found["prevalence"] = float(y.mean())
    ranked = min(positives, n - positives) >= FEWEST_FOR_RANKING
    found["roc_auc"] = float(roc_auc_score(y, p)) if ranked else None
    found["average_precision"] = float(average_precision_score(y, p)) if ranked else None
    brier = float(np.mean((p - y) ** 2))
    naive = float(np.mean((prevalence - y) ** 2))
    found["brier"] = brier
    found["brier_skill"] = 1.0 - brier / naive if naive > 0 else None
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    found["log_loss"] = float(-np.mean(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)))
    found["ece"] = expected_calibration_error(y, p)
    found["mean_p"] = float(p.mean())
    found["balance_ratio"] = (
        float((p * balance).sum() / (y * balance).sum()) if (y * balance).sum() > 0 else None
    )
    found["slope"], found["intercept"] = _calibration_line(y, clipped) if ranked else (None, None)
    owed = float((y * balance).sum())
    for share in SHARES:
        k = max(1, round(n * share / 100))
        hits, balance_hit = _among_highest(p, y, k), _among_highest(p, y * balance, k)
        found[f"precision_at_{share}"] = hits / k
        found[f"recall_at_{share}"] = hits / positives if positives else None
        found[f"balance_recall_at_{share}"] = balance_hit / owed if owed > 0 else None
    return found


def _among_highest(p: Floats, value: Floats, k: int) -> float:
    """Sum of a value over the k highest p; rows of equal p share a place evenly."""
    order = np.argsort(-p, kind="stable")
    ranked = p[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1
    reached = np.cumsum(value[order])[ends - 1]
    return float(np.interp(k, np.append(0, ends), np.append(0.0, reached)))


def reliability(y: Floats, p: Floats, bins: int = 10) -> pd.DataFrame:
    """Mean probability and share of positives in bins of equally many rows.

    Returns
    -------
    DataFrame of shape (<= bins, 3), columns predicted, observed, n
        Rows with equal probability stay in one bin.
    """
    if not len(p):
        return pd.DataFrame({"predicted": [], "observed": [], "n": []})
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    frame = pd.DataFrame({"bin": np.searchsorted(edges, p, side="right"), "y": y, "p": p})
    table = frame.groupby("bin").agg(
        predicted=("p", "mean"), observed=("y", "mean"), n=("y", "size")
    )
    return table.reset_index(drop=True)


def expected_calibration_error(y: Floats, p: Floats) -> float:
    """Mean distance of observed from predicted share over ten bins of equally many rows."""
    table = reliability(y, p)
    gap = (table["observed"] - table["predicted"]).abs()
    return float((gap * table["n"]).sum() / table["n"].sum())


def _calibration_line(y: Floats, p: Floats) -> tuple[float | None, float | None]:
    """Slope and intercept of the outcome on the log odds of p; (1, 0) is perfect."""
    margin = np.log(p / (1 - p))
    if np.ptp(margin) < 1e-9:
        return None, None
    line = LogisticRegression(C=1e6).fit(margin[:, None], y)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


@dataclass(frozen=True)
class Slices:
    """Ways to cut test rows into groups: a label for each row, shape (n,) each."""

    labels: dict[str, NDArray[np.object_]]

    def metrics(
        self, y: Floats, p: Floats, balance: Floats, prevalence: float
    ) -> dict[str, dict[str, Any]]:
        """Metrics of every group of every cut."""
        return {
            name: {
                str(group): metrics(y[rows], p[rows], balance[rows], prevalence)
                for group in pd.unique(labels)
                if (rows := labels == group).any()
            }
            for name, labels in self.labels.items()
        }


def history_band(depth: Floats) -> NDArray[np.object_]:
    """History depth in words: '0', '1-4', '5+' closed invoices, or 'no customer'."""
    words = np.select([depth < 1, depth < 5], ["0", "1-4"], "5+").astype(object)
    return np.where(np.isnan(depth), "no customer", words)


def month_of(cutoff: NDArray[np.int64]) -> NDArray[np.object_]:
    """Month of each cutoff, as 2024-05."""
    moments, code = np.unique(cutoff, return_inverse=True)
    names = pd.Index([timestamp(int(moment)).strftime("%Y-%m") for moment in moments])
    return names.to_numpy(dtype=object)[code]


@dataclass(frozen=True)
class Difference:
    """A paired bootstrap difference: point estimate and 95 % interval."""

    estimate: float
    low: float
    high: float


def paired_differences(
    y: Floats,
    p: Floats,
    rival: Floats,
    group: NDArray[np.int64],
    prevalence: float,
    *,
    repeats: int = 400,
    seed: int = 0,
) -> dict[str, Difference]:
    """Model less rival in ROC AUC and Brier skill, resampling whole groups with replacement.

    Parameters
    ----------
    y, p, rival : ndarray of float64, shape (n,)
    group : ndarray of int64, shape (n,)
        Customer (or invoice) of each row; its rows are drawn together.
    prevalence : float
        For the Brier skill's reference.
    repeats : int
        Bootstrap samples.
    """
    code, groups = pd.factorize(group)
    random = np.random.default_rng(seed)
    ours, theirs = _Ranked(y, p), _Ranked(y, rival)
    squares = (prevalence - y) ** 2, (p - y) ** 2, (rival - y) ** 2
    auc, skill = np.full(repeats, np.nan), np.full(repeats, np.nan)
    for i in range(repeats):
        drawn = random.integers(0, len(groups), len(groups))
        weight = np.bincount(drawn, minlength=len(groups)).astype(np.float64)[code]
        auc[i] = ours.auc(weight) - theirs.auc(weight)
        naive, model, other = (float((weight * square).sum()) for square in squares)
        skill[i] = (other - model) / naive if naive > 0 else np.nan
    even = np.ones(len(y))
    naive, model, other = (float(square.sum()) for square in squares)
    return {
        "roc_auc": _interval(ours.auc(even) - theirs.auc(even), auc),
        "brier_skill": _interval((other - model) / naive if naive > 0 else np.nan, skill),
    }


def _interval(estimate: float, sampled: Floats) -> Difference:
    if np.isnan(sampled).all():
        return Difference(float(estimate), float("nan"), float("nan"))
    low, high = np.nanquantile(sampled, [0.025, 0.975])
    return Difference(float(estimate), float(low), float(high))


class _Ranked:
    """Rows in the order of their score, for weighted ROC AUCs without sorting again."""

    def __init__(self, y: Floats, p: Floats) -> None:
        self.order = np.argsort(p, kind="stable")
        self.y = y[self.order]
        ranked = p[self.order]
        starts = np.ones(len(ranked), dtype=bool)
        starts[1:] = ranked[1:] != ranked[:-1]
        self.starts = np.flatnonzero(starts)

    def auc(self, weight: Floats) -> float:
        """Weighted probability that a positive outranks a negative, ties counting half."""
        w = weight[self.order]
        positive = np.add.reduceat(w * self.y, self.starts)
        negative = np.add.reduceat(w * (1 - self.y), self.starts)
        below = np.cumsum(negative) - negative
        pairs = positive.sum() * negative.sum()
        return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")
