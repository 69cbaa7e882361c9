"""Are the probabilities still right? Observed against expected, with intervals, cohort by cohort.

Rows of one customer share their luck, and weekly looks at one invoice share their outcome, so all
intervals are by customer (cluster-robust), in closed form: they are wanted for every stretch of
cohorts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression

from training.drift import effective_size

Floats = NDArray[np.float64]
Groups = NDArray[np.integer]

#: Fewest positives and negatives, expected and observed, for a figure to be given.
FEWEST_CASES = 10
#: What observed over expected may be, and what a calibration slope may be, before it matters.
RATIO_BAND = (0.8, 1.25)
SLOPE_BAND = (0.8, 1.2)
#: Standard deviation by which the log of observed over expected swings from month to month though
#: nothing has changed, at least: seasons that a model without clocks does not follow, a bad month
#: for everybody. Of the values tried on simulated companies, 0.06 with the odds below alarmed
#: soonest after a change among those that never did before it. The months that models of the
#: charges log were trained on swing by 0.12 to 0.15.
LEAST_SWING = 0.06
#: Odds that a lasting miscalibration must reach. Page's argument (1954) with Lorden's bound (1971):
#: a rule that waits for odds of 1,000 to 1 is wrong once in 1,000 months or less often, if months
#: are independent and errors normal; both only nearly hold, so it is more often in fact.
ODDS = 1000.0


@dataclass(frozen=True)
class Figure:
    """A figure with its interval.

    Attributes
    ----------
    estimate, low, high : float
    error : float
        Standard error; of a ratio, that of its logarithm.
    """

    estimate: float
    low: float
    high: float
    error: float

    def lies_outside(self, band: tuple[float, float]) -> bool:
        """Whether the whole interval lies outside a band."""
        return self.low > band[1] or self.high < band[0]


def observed_to_expected(
    y: Floats, p: Floats, group: Groups, confidence: float = 0.95
) -> Figure | None:
    """Positives over the sum of probabilities.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n,)
    group : ndarray of integers, shape (n,)
        Customer (or invoice) of each row.
    confidence : float
        Of the interval.

    Returns
    -------
    Figure or None
        None where there are fewer than `FEWEST_CASES` positives or negatives, observed or expected,
        or fewer than two groups.

    Notes
    -----
    The error of the ratio ``r`` is linearised: each group contributes ``sum(y - r p)``. The
    interval is symmetric in the logarithm, with Student's t of the effective number of groups less
    one (few large customers make for few independent ones).
    """
    if not _enough(y, p):
        return None
    ratio = float(y.sum() / p.sum())
    residual = _by_group(group, y - ratio * p)
    if len(residual) < 2:
        return None
    error = float(np.sqrt((residual**2).sum() * _small(len(residual))) / y.sum())
    width = error * _quantile(group, confidence)
    return Figure(ratio, ratio * float(np.exp(-width)), ratio * float(np.exp(width)), error)


def slope_of(y: Floats, p: Floats, group: Groups, confidence: float = 0.95) -> Figure | None:
    """Slope of the outcome on the log odds of p; 1 is right, below 1 too far apart.

    Parameters and what is returned are as in `observed_to_expected`; the interval is by the
    sandwich estimator over groups.
    """
    if not _enough(y, p):
        return None
    margin = logit(np.clip(p, 1e-6, 1 - 1e-6))
    if np.ptp(margin) < 1e-9:
        return None
    line = LogisticRegression(C=1e6, solver="newton-cholesky").fit(margin[:, None], y)
    slope = float(line.coef_[0, 0])
    design = np.column_stack([np.ones(len(y)), margin])
    fitted = expit(float(line.intercept_[0]) + slope * margin)
    scores = np.column_stack([_by_group(group, column * (y - fitted)) for column in design.T])
    if len(scores) < 2:
        return None
    bread = np.linalg.inv(design.T @ (design * (fitted * (1 - fitted))[:, None]))
    variance = bread @ (scores.T @ scores * _small(len(scores))) @ bread
    error = float(np.sqrt(variance[1, 1]))
    width = error * _quantile(group, confidence)
    return Figure(slope, slope - width, slope + width, error)


def _enough(y: Floats, p: Floats) -> bool:
    cases = (y.sum(), (1 - y).sum(), p.sum(), (1 - p).sum())
    return len(y) > 0 and min(cases) >= FEWEST_CASES


def _by_group(group: Groups, value: Floats) -> Floats:
    return np.bincount(pd.factorize(group)[0], weights=value).astype(np.float64)


def _small(n_groups: int) -> float:
    """Correction for few groups."""
    return n_groups / (n_groups - 1)


def _quantile(group: Groups, confidence: float) -> float:
    freedom = max(effective_size(group) - 1.0, 1.0)
    return float(student.ppf((1 + confidence) / 2, freedom))


def swing_of(y: Floats, p: Floats, group: Groups, month: NDArray[np.int64]) -> float:
    """Standard deviation by which log(observed / expected) swings from month to month.

    What is left of its variance over the months once that of each month's own error is taken off
    (DerSimonian and Laird 1986); `LEAST_SWING` at least.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n,)
        Training rows. The model knows them, so this is rather too small, hence the least.
    month : ndarray of int64, shape (n,)
        In which each label matured. The last 24 that can be judged are looked at.
    """
    found = [
        figure
        for each in np.unique(month)
        if (figure := observed_to_expected(*(a[month == each] for a in (y, p, group)))) is not None
    ][-24:]
    if len(found) < 2:
        return LEAST_SWING
    squares = np.log([figure.estimate for figure in found]) ** 2
    own = np.array([figure.error for figure in found]) ** 2
    return float(max(np.sqrt(max(float(np.mean(squares - own)), 0.0)), LEAST_SWING))


@dataclass(frozen=True)
class Lasting:
    """The stretch of latest months that speaks most for a lasting miscalibration.

    Attributes
    ----------
    odds : float
        How many times likelier its figures are if observed over expected has moved to an edge of
        `RATIO_BAND` than if it is 1.
    since : int
        Its first month.
    figure : Figure
        Observed over expected, all its rows together.
    """

    odds: float
    since: int
    figure: Figure

    @property
    def is_clear(self) -> bool:
        """Whether the odds suffice."""
        return self.odds >= ODDS


def lasting_shift(
    y: Floats, p: Floats, group: Groups, month: NDArray[np.int64], swing: float
) -> Lasting | None:
    """Look for a miscalibration that began in some month and has lasted since.

    For each stretch of two or more months up to the latest, the log likelihood ratio of "moved to
    an edge of the band" against "still 1" is

        ``(d x - d² / 2) / (error² + swing² sum(share²))``,

    with x the logarithm of observed over expected of the stretch's rows, d that of the edge, and
    the share of each month in what was expected. The largest over all stretches is what Page's test
    (CUSUM) looks at. A stretch's rows are pooled, because months share customers and their figures
    are not independent; and months are those in which labels *matured*: the latest cohorts' first
    labels all fall in one month, good or bad, and count as one month so. One month cannot decide;
    and where the latest two months by themselves speak against a shift, it is over.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n,)
        Matured rows that the model was not trained on.
    month : ndarray of int64, shape (n,)
        In which each label matured.
    swing : float
        From `swing_of`.

    Returns
    -------
    Lasting or None
        None with fewer than two months, or too few cases to judge.
    """
    best, still = None, None
    for since in np.unique(month)[-2::-1].tolist():
        rows = month >= since
        figure = observed_to_expected(y[rows], p[rows], group[rows])
        if figure is None:
            continue
        share = np.bincount(month[rows] - since, weights=p[rows]) / p[rows].sum()
        ratios = _log_odds(figure, swing**2 * float((share**2).sum()))
        still = ratios > 0 if still is None else still
        odds = float(np.exp(min(np.where(still, ratios, np.minimum(ratios, 0.0)).max(), 50.0)))
        if best is None or odds > best.odds:
            best = Lasting(odds, int(since), figure)
    return best


def _log_odds(figure: Figure, common: float) -> Floats:
    """Log likelihood ratio of each edge of `RATIO_BAND` against 1, shape (2,)."""
    edges = np.log(RATIO_BAND)
    variance = figure.error**2 + common
    found: Floats = (edges * np.log(figure.estimate) - edges**2 / 2) / variance
    return found


def latest(cohort: NDArray[np.int64], cohorts: int) -> NDArray[np.bool_]:
    """Mask of the rows of the latest cohorts; none at all if there are fewer than two."""
    names: Sequence[int] = np.unique(cohort).tolist()
    if len(names) < 2:
        return np.zeros(len(cohort), dtype=bool)
    return cohort >= names[-cohorts:][0]
