"""How good scores will turn out, before their labels are known.

Confidence-based performance estimation (CBPE) as in NannyML's documentation ("Estimation of
Performance of the Monitored Model"): if a probability p is right, its row is worth p of a positive
and 1 - p of a negative, and any metric of outcomes becomes a metric of expectations. It follows a
changing mix of invoices, and is blind to a change of the outcome *given* the features: there only
matured labels tell (`training.calibration_watch`). Hence the interval: realised figures outside it
say that the probabilities are no longer right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Metrics that are estimated.
ESTIMATED = ("prevalence", "roc_auc", "brier", "brier_skill", "balance_recall_at_10")
#: Share of the rows, the highest p, that balance recall looks at.
_SHARE = 0.1


@dataclass(frozen=True)
class Estimate:
    """An expected figure, and where the realised one will lie 95 times in 100; NaN if undefined."""

    estimate: float
    low: float
    high: float


def estimate_quality(
    p: Floats,
    balance: Floats,
    unit: NDArray[np.integer],
    prevalence: float,
    *,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Expected metrics of rows without labels.

    Parameters
    ----------
    p : ndarray of float64, shape (n,)
        Calibrated probabilities.
    balance : ndarray of float64, shape (n,)
        Open balance at the cutoff.
    unit : ndarray of integers, shape (n,)
        Invoice of each row: its rows share their luck in the draws behind the interval.
    prevalence : float
        Share of positives in training, for the Brier skill.
    draws : int
        Sets of outcomes drawn from the probabilities, for the intervals.

    Returns
    -------
    dict of str to Estimate
        `ESTIMATED`. The ROC AUC is the expected number of pairs in order over the expected number
        of pairs, which is NannyML's area under expected rates less each row's pair with itself.
    """
    if not len(p):
        return {name: Estimate(np.nan, np.nan, np.nan) for name in ESTIMATED}
    order = np.argsort(-p, kind="stable")
    p, balance = p[order], balance[order]
    ends = np.append(np.flatnonzero(np.diff(p)) + 1, len(p))
    code, units = pd.factorize(unit[order])
    calls = max(1, round(len(p) * _SHARE))
    random = np.random.default_rng(seed)
    drawn = np.empty((draws, len(ESTIMATED)))
    for i in range(draws):
        y = (random.random(len(units))[code] < p).astype(np.float64)
        drawn[i] = _metrics(p, y, balance, ends, calls, prevalence)
    expected = _metrics(p, p, balance, ends, calls, prevalence)
    found = {}
    for name, estimate, sample in zip(ESTIMATED, expected, drawn.T, strict=True):
        known = sample[~np.isnan(sample)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        found[name] = Estimate(float(estimate), float(low), float(high))
    return found


@numba.njit(cache=True)
def _metrics(p, y, balance, ends, calls, prevalence):  # type: ignore[no-untyped-def]
    """Metrics of outcomes, or expected outcomes, y in falling order of p.

    A row that is y of a positive and 1 - y of a negative makes no pair with itself. ``ends`` are
    the ends of the stretches of equal p, whose rows share their places evenly.
    """
    positives = negatives = squares = naive = 0.0
    pairs = itself = 0.0
    owed = reached = 0.0
    begin = 0
    for end in ends:
        above = positives
        group = less = money = 0.0
        for i in range(begin, end):
            group += y[i]
            less += 1.0 - y[i]
            itself += y[i] * (1.0 - y[i])
            squares += y[i] * (1.0 - p[i]) ** 2 + (1.0 - y[i]) * p[i] ** 2
            naive += y[i] * (1.0 - prevalence) ** 2 + (1.0 - y[i]) * prevalence**2
            money += y[i] * balance[i]
        positives += group
        negatives += less
        pairs += less * (above + group / 2.0)
        owed += money
        if begin < calls:
            reached += money * min(1.0, (calls - begin) / (end - begin))
        begin = end
    n = len(p)
    found = np.full(5, np.nan)
    found[0] = positives / n
    if positives * negatives - itself > 0.0:
        found[1] = (pairs - itself / 2.0) / (positives * negatives - itself)
    found[2] = squares / n
    if naive > 0.0:
        found[3] = 1.0 - squares / naive
    if owed > 0.0:
        found[4] = reached / owed
    return found
