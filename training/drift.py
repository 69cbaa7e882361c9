"""How far the rows of today differ from those a model was trained on: population stability index.

Bins are fixed on the training rows and never move: tenths of a number's values, the levels of a
category, and one bin for "missing". The index of a month is compared with three things, and drifts
only where it exceeds them all:

- `ACT`, the usual threshold, beyond what two samples of these sizes differ by on average;
- what two samples of these sizes differ by once in a hundred times;
- the most that any month of the *training period* differed from the rows as long before it.

The last is what features need that grow with the length of the log (counts since ever, tenure, the
record of a customer): they differ from the past by construction, and did so all through training.
Where the training period is too short to tell, they have to differ by as much as only a broken
extract does, `BLIND`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Index from which something is to be done; 0.1 is worth watching (credit scoring's rule of thumb).
WATCH, ACT = 0.1, 0.25
#: The same for a feature of which nobody knows how much it usually moves: about what a fifth of the
#: values gone missing gives. Models of the charges log trained on 11 to 16 months saw up to 0.93 in
#: features of the customers' records while nothing was wrong.
BLIND = 1.0
#: Shares below this are taken for this: a bin that one row in a thousand falls in decides nothing.
SMALLEST_SHARE = 0.001
#: How rare a difference has to be to be more than the noise of two samples.
RARE = 0.01
#: Months of the training period that have to be comparable, for what they moved to say anything.
FEWEST_MONTHS = 6
_TENTHS = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class Bins:
    """The bins of one column; the last one is for missing values.

    Attributes
    ----------
    edges : ndarray of float64, shape (n_edges,)
        A number falls in bin i if it is at most edge i and above the one before.
    levels : int
        Number of levels, where the column is a category; 0 for numbers.
    """

    edges: Floats
    levels: int = 0

    @property
    def n(self) -> int:
        """Number of bins."""
        return (self.levels or len(self.edges) + 1) + 1

    def of(self, values: NDArray[np.floating]) -> Whole:
        """Bin of each value, shape (n_rows,)."""
        missing = np.isnan(values)
        if self.levels:
            code = np.where(missing, self.levels, np.nan_to_num(values)).astype(np.int64)
            return np.minimum(code, self.levels)
        return np.where(missing, self.n - 1, np.searchsorted(self.edges, values, side="left"))


def bins_of(reference: NDArray[np.floating], levels: int = 0) -> Bins:
    """Bins fixed on reference values.

    Parameters
    ----------
    reference : ndarray of floats, shape (n_rows,)
        NaN is missing; a category holds codes.
    levels : int
        Levels of a category; 0 for a number, whose values are cut into tenths (fewer where values
        repeat). What never varied gets bins for "below" and "above".
    """
    if levels:
        return Bins(np.empty(0), levels)
    known = reference[~np.isnan(reference)].astype(np.float64)
    if not len(known):
        return Bins(np.empty(0))
    if known.min() == known.max():
        return Bins(np.array([np.nextafter(known[0], -np.inf), known[0]]))
    edges = np.unique(np.quantile(known, _TENTHS, method="inverted_cdf"))
    return Bins(edges[edges < known.max()])


def tally(bin_of: Whole, cohort: Whole, n_bins: int, n_cohorts: int) -> Floats:
    """Rows of each cohort in each bin, shape (n_cohorts, n_bins)."""
    cell = cohort * n_bins + bin_of
    counted = np.bincount(cell, minlength=n_cohorts * n_bins).astype(np.float64)
    return counted.reshape(n_cohorts, n_bins)


def psi(reference: Floats, current: Floats) -> Floats:
    """Population stability index, ``sum (a - e) ln(a / e)`` over the bins' shares.

    Parameters
    ----------
    reference, current : ndarray of float64, shape (..., n_bins)
        Rows in each bin; either may have more dimensions than the other.

    Returns
    -------
    ndarray of float64, shape (...)
        0 for equal shares. Shares below `SMALLEST_SHARE` are taken for that. NaN without rows.
    """
    expected, actual = _shares(reference), _shares(current)
    index: Floats = ((actual - expected) * np.log(actual / expected)).sum(axis=-1)
    return index


def _shares(counts: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.maximum(counts / counts.sum(axis=-1, keepdims=True), SMALLEST_SHARE)


def effective_size(group: NDArray[np.integer]) -> float:
    """How many independent rows these are worth, where rows of one group say the same.

    Kish's ``(sum n)² / sum n²`` over the groups' numbers of rows: as many as there are groups if
    all are of one size, fewer if a few groups hold most rows.
    """
    sizes = np.unique(group, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0


@dataclass(frozen=True)
class Noise:
    """What two samples of one distribution differ by.

    Attributes
    ----------
    mean : float
        Their index on average.
    rare : float
        Their index in the worst of a hundred times.
    """

    mean: float
    rare: float


def noise_of(n_bins: int, reference: float, current: float) -> Noise:
    """The index of two samples of the same distribution.

    Parameters
    ----------
    n_bins : int
        Bins that hold anything.
    reference, current : float
        Independent rows in each, see `effective_size`.

    Notes
    -----
    The index then is distributed like ``(1 / n + 1 / m)`` times a chi-square variable with
    ``n_bins - 1`` degrees of freedom (Yurdakul 2018, "Statistical properties of population
    stability index").
    """
    if n_bins < 2:
        return Noise(0.0, 0.0)
    if min(reference, current) <= 0:
        return Noise(np.inf, np.inf)
    scale = 1.0 / reference + 1.0 / current
    return Noise((n_bins - 1) * scale, float(chi2.ppf(1 - RARE, n_bins - 1)) * scale)


def moved_in_training(
    training: Floats, shown: Floats, distance: int, fewest_rows: int
) -> float | None:
    """The most that a month of the training period differed from the rows as long before it.

    Parameters
    ----------
    training : ndarray of float64, shape (n_months, n_bins)
        Training rows by month and bin, the last row being the last month that has any.
    shown : ndarray of float64, shape (>= n_months, n_bins)
        All rows of the target by month and bin, those without a label too.
    distance : int
        Months from the last training month to the month that is judged.
    fewest_rows : int
        Months with fewer rows are passed over, and so are months with less than half a year of
        training rows that long before them.

    Returns
    -------
    float or None
        None with fewer than `FEWEST_MONTHS` such months.
    """
    months = np.arange(max(distance, 1) + FEWEST_MONTHS, len(shown))
    months = months[shown[months].sum(axis=1) >= fewest_rows]
    before = np.cumsum(training, axis=0)[np.minimum(months - distance, len(training) - 1)]
    comparable = before.sum(axis=1) > 0
    if comparable.sum() < FEWEST_MONTHS:
        return None
    return float(psi(before[comparable], shown[months[comparable]]).max())


@dataclass(frozen=True)
class Drift:
    """How far one column, or the score, has moved in one cohort.

    Attributes
    ----------
    psi : float
    noise : float
        What it would be on average if nothing had changed.
    usual : float or None
        The most it was in the training period at the same distance; None if that is too short.
    threshold : float or None
        What it has to exceed; None where it is not judged.
    """

    psi: float
    noise: float
    usual: float | None
    threshold: float | None

    @property
    def drifts(self) -> bool:
        """Whether it exceeds the threshold."""
        return self.threshold is not None and self.psi > self.threshold


def drift_of(
    reference: Floats,
    current: Floats,
    sizes: tuple[float, float],
    usual: float | None,
    unknown: float | None = ACT,
) -> Drift:
    """Compare one cohort with the training rows.

    Parameters
    ----------
    reference, current : ndarray of float64, shape (n_bins,)
        Rows in each bin.
    sizes : tuple of float
        Independent rows in each, see `effective_size`.
    usual : float or None
        From `moved_in_training`.
    unknown : float or None
        What takes the place of `ACT` where ``usual`` is None; None: then it is not judged.
    """
    used = int(((reference > 0) | (current > 0)).sum())
    noise = noise_of(used, *sizes)
    least = ACT if usual is not None else unknown
    threshold = None if least is None else max(least + noise.mean, noise.rare, usual or 0.0)
    return Drift(float(psi(reference, current)), noise.mean, usual, threshold)


def most_moved(reference: Floats, current: Floats) -> tuple[int, float, float]:
    """The bin that adds most to the index, its share in the reference, and its share now."""
    expected, actual = _shares(reference), _shares(current)
    at = int(np.argmax((actual - expected) * np.log(actual / expected)))
    return at, float(reference[at] / reference.sum()), float(current[at] / current.sum())


def in_a_row(drifts: Sequence[bool], times: int = 2) -> bool:
    """Whether the latest cohorts all drift: so many of them, and not fewer."""
    return len(drifts) >= times and all(drifts[-times:])
