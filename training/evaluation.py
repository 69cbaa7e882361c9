"""How good probabilities and a ranking are: metrics of all rows, and of groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
#: Groups of fewer rows than this, or than this share of all, are taken together, where a cut has
#: two or more of them.
FEWEST_IN_GROUP, LEAST_SHARE = 50, 0.001


def metrics(
    y: Floats, p: Floats, balance: Floats, prevalence: float | Floats
) -> dict[str, float | None]:
    """Metrics of probabilities against outcomes.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n,)
    balance : ndarray of float64, shape (n,)
        Open balance at the cutoff, for recall in money.
    prevalence : float or ndarray of float64, shape (n,)
        Share of positives in *training*; ``brier_skill`` is measured against predicting it. One a
        row where rows were predicted by models of several trainings.

    Returns
    -------
    dict of str to float or None
        ``ece_noise``: the calibration error that right probabilities would show by chance, see
        `expected_noise`. ``observed_to_expected``: positives over the sum of p. ``balance_ratio``:
        sum of p × balance over sum of outcome × balance. ``recall_at_k``: share of positives among
        the k % highest p. ``balance_recall_at_k``: share of the positives' balance there. None
        where a metric is not defined.
    """
    found = brief_metrics(y, p, prevalence)
    n, positives = len(y), int(y.sum())
    if n == 0:
        return found
    found["prevalence"] = float(y.mean())
    ranked = _is_ranked(y)
    found["average_precision"] = float(average_precision_score(y, p)) if ranked else None
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    found["log_loss"] = float(-np.mean(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)))
    found["ece"] = expected_calibration_error(y, p)
    found["ece_noise"] = expected_noise(p)
    found["mean_p"] = float(p.mean())
    found["observed_to_expected"] = float(y.sum() / p.sum()) if p.sum() > 0 else None
    found["balance_ratio"] = (
        float((p * balance).sum() / (y * balance).sum()) if (y * balance).sum() > 0 else None
    )
    found["slope"], found["intercept"] = calibration_line(y, clipped) if ranked else (None, None)
    owed = float((y * balance).sum())
    for share in SHARES:
        k = max(1, round(n * share / 100))
        hits, balance_hit = _among_highest(p, y, k), _among_highest(p, y * balance, k)
        found[f"precision_at_{share}"] = hits / k
        found[f"recall_at_{share}"] = hits / positives if positives else None
        found[f"balance_recall_at_{share}"] = balance_hit / owed if owed > 0 else None
    return found


def brief_metrics(y: Floats, p: Floats, prevalence: float | Floats) -> dict[str, float | None]:
    """Of `metrics` only ``n``, ``positives``, ``roc_auc``, ``brier`` and ``brier_skill``."""
    found: dict[str, float | None] = {"n": len(y), "positives": int(y.sum())}
    if len(y) == 0:
        return found
    found["roc_auc"] = float(roc_auc_score(y, p)) if _is_ranked(y) else None
    brier = float(np.mean((p - y) ** 2))
    naive = float(np.mean((prevalence - y) ** 2))
    found["brier"] = brier
    found["brier_skill"] = 1.0 - brier / naive if naive > 0 else None
    return found


def _is_ranked(y: Floats) -> bool:
    """Whether there are enough outcomes of either kind for a ranking to be judged."""
    return bool(min(y.sum(), len(y) - y.sum()) >= FEWEST_FOR_RANKING)


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
    DataFrame of shape (<= bins, 4), columns predicted, observed, n, noise
        Rows with equal probability stay in one bin. ``noise`` is the standard deviation that the
        observed share would have if the probabilities were right and the rows independent.
    """
    if not len(p):
        return pd.DataFrame({"predicted": [], "observed": [], "n": [], "noise": []})
    frame = pd.DataFrame(
        {"bin": calibration_bins(p, bins), "y": y, "p": p, "variance": p * (1 - p)}
    )
    table = frame.groupby("bin").agg(
        predicted=("p", "mean"), observed=("y", "mean"), n=("y", "size"), noise=("variance", "mean")
    )
    table["noise"] = np.sqrt(table["noise"] / table["n"])
    return table.reset_index(drop=True)


def calibration_bins(p: Floats, bins: int = 10) -> NDArray[np.int64]:
    """Bin of each row, bounded at quantiles of p."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, p, side="right")


def expected_calibration_error(y: Floats, p: Floats) -> float:
    """Mean distance of observed from predicted share over ten bins of equally many rows."""
    bin_ = calibration_bins(p)
    return float(np.abs(np.bincount(bin_, weights=y - p)).sum() / len(p))


def expected_noise(p: Floats) -> float:
    """Calibration error that right probabilities would show by chance.

    The mean of a normal variable's distance from its mean, ``sqrt(2 / pi)`` standard deviations,
    over the ten bins; rows count as independent, so rows of one customer make it too small.
    """
    variance = np.bincount(calibration_bins(p), weights=p * (1 - p))
    return float(np.sqrt(2 / np.pi * variance).sum() / len(p))


def calibration_line(y: Floats, p: Floats) -> tuple[float | None, float | None]:
    """Slope and intercept of the outcome on the log odds of p; (1, 0) is perfect.

    None where there is none: equal probabilities, or outcomes that they tell apart without a flaw.
    """
    margin = np.log(p / (1 - p))
    if np.ptp(margin) < 1e-9 or margin[y == 0].max() < margin[y == 1].min():
        return None, None
    line = LogisticRegression(C=1e6, solver="newton-cholesky").fit(margin[:, None], y)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


@dataclass(frozen=True)
class Slices:
    """Ways to cut test rows into groups.

    Attributes
    ----------
    labels : dict of str to ndarray of object, shape (n,)
        For each cut, the group of each row.
    orders : dict of str to tuple of str
        For each cut, its groups in the order in which they are shown; others come after, as they
        first appear.
    """

    labels: dict[str, NDArray[np.object_]]
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def with_cut(
        self, cut: str, labels: NDArray[np.object_], order: tuple[str, ...] = ()
    ) -> Slices:
        """The same and one cut more."""
        return Slices(self.labels | {cut: labels}, self.orders | {cut: order})

    def groups(self, cut: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Each group of a cut and the mask of its rows; small groups together as "other"."""
        code, found = pd.factorize(self.labels[cut])
        names = [str(name) for name in found]
        size = np.bincount(code, minlength=len(names))
        small = size < max(FEWEST_IN_GROUP, LEAST_SHARE * len(code))
        if small.sum() < 2:
            small[:] = False
        place = {name: i for i, name in enumerate(self.orders.get(cut, ()))}
        for i in sorted(range(len(names)), key=lambda i: place.get(names[i], len(place))):
            if not small[i]:
                yield names[i], code == i
        if small.any():
            yield f"other ({int(small.sum())} groups)", small[code]

    def metrics(
        self, y: Floats, p: Floats, balance: Floats, prevalence: float | Floats
    ) -> dict[str, dict[str, Any]]:
        """Metrics of every group of every cut."""
        naive = np.broadcast_to(np.asarray(prevalence, dtype=np.float64), y.shape)
        return {
            cut: {
                group: metrics(y[rows], p[rows], balance[rows], naive[rows])
                for group, rows in self.groups(cut)
            }
            for cut in self.labels
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
