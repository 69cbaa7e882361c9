"""A logistic regression beside the trees: insurance against what trees learned of accidents.

Trees of few thousand positives split on what happened once; a straight line through the same
features does not, and errs elsewhere. Inside a quiet stretch of time its share of the margin gains
little or costs a little, and where habits change it saves the most: on four inner origins of the
charges log (2019-07 to 2020-06) a share of 0.2 changed the log loss by -0.4, -3.2, -2.4 and -4.1 %.
So the share is the largest that costs next to nothing, as the one-standard-error rule takes the
simplest tree (Breiman et al. 1984, Classification and Regression Trees, section 3.4.3).

Numbers are compressed (signed logarithm), missing ones set to the median with an indicator,
and scaled; each level of a category that at least `FEWEST_IN_LEVEL` rows have is a column. What is
kept is plain numbers: no pickle, and exact contributions (coefficient times value less its mean).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from features.matrix import Matrix

Floats = NDArray[np.float64]
#: Inverse strength of the ridge penalty, and rows a level needs: as in `training.baselines`.
STRENGTH = 0.1
FEWEST_IN_LEVEL = 50
MOST_ITERATIONS = 100
#: Rows that a line is fitted on, at most; a random part beyond it.
MOST_ROWS = 50_000
#: Shares of the margin that are tried, and what the insurance may cost, a share of the log loss.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
PREMIUM = 0.005


@dataclass(frozen=True)
class Line:
    """A logistic regression over some columns of a matrix.

    Attributes
    ----------
    intercept : float
    numbers : dict of str to tuple of float
        Of each number column: median, mean, scale, coefficient; then the mean of "is missing" and
        the coefficient of its deviation from it.
    levels : dict of str to dict of float to float
        Of each category column, coefficients by code; -1 is missing, other codes count 0.
    """

    intercept: float
    numbers: dict[str, tuple[float, float, float, float, float, float]]
    levels: dict[str, dict[float, float]]

    def contributions(self, matrix: Matrix) -> Floats:
        """What each column adds to the margin, the intercept last, shape (n, n_columns + 1)."""
        found = np.zeros((len(matrix.snapshots), len(matrix.columns) + 1))
        found[:, -1] = self.intercept
        for i, name in enumerate(matrix.columns):
            column = matrix.values[:, i].astype(np.float64)
            missing = np.isnan(column)
            if name in self.numbers:
                median, mean, scale, slope, share, jump = self.numbers[name]
                filled = np.where(missing, median, compressed(column))
                found[:, i] = slope * (filled - mean) / scale + jump * (missing - share)
            elif name in self.levels:
                code = np.where(missing, -1.0, column)
                for level, slope in self.levels[name].items():
                    found[code == level, i] = slope
        return found

    def margin(self, matrix: Matrix) -> Floats:
        """Log odds of each row, shape (n,)."""
        total: Floats = self.contributions(matrix).sum(axis=1)
        return total

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the model's JSON."""
        levels = {name: list(of.items()) for name, of in self.levels.items()}
        return {"intercept": self.intercept, "numbers": self.numbers, "levels": levels}


def line_from_dict(document: dict[str, Any]) -> Line:
    """The line that `Line.as_dict` has written."""
    return Line(
        document["intercept"],
        {name: tuple(of) for name, of in document["numbers"].items()},
        {name: {float(k): v for k, v in of} for name, of in document["levels"].items()},
    )


def compressed(values: Floats) -> Floats:
    """Signed logarithm: long tails of amounts and days become short."""
    return np.sign(values) * np.log1p(np.abs(values))


def choose_share(
    trees: Floats, line: Floats, y: Floats, stretch: NDArray[np.int64], shift: float = 0.0
) -> float:
    """The line's share of the margin: the largest that later stretches of time bear.

    Parameters
    ----------
    trees, line : ndarray of float64, shape (n,)
        Margins of rows later than either was fitted on.
    y : ndarray of float64, shape (n,)
    stretch : ndarray of int64, shape (n,)
        Which stretch of time each row belongs to; all count alike.
    shift : float
        Added to the margin, see `training.calibration.Calibrator`.

    Returns
    -------
    float
        The largest of `SHARES` whose log loss is at most `PREMIUM` above that of the best; 0 where
        there is nothing to judge by.
    """
    if not len(y):
        return 0.0

    def loss(share: float) -> float:
        margin = (1 - share) * trees + share * line + shift
        each = np.logaddexp(0.0, margin) - y * margin
        return float(np.mean([each[stretch == moment].mean() for moment in np.unique(stretch)]))

    found = {share: loss(share) for share in SHARES}
    most = (1 + PREMIUM) * min(found.values())
    return max(share for share in SHARES if found[share] <= most)


def fit_line(
    matrix: Matrix,
    y: Floats,
    weight: Floats | None = None,
    *,
    without: tuple[str, ...] = (),
    seed: int = 0,
) -> Line:
    """Fit a line; columns that say nothing about these rows are left out.

    Parameters
    ----------
    without : tuple of str
        Columns that it does not look at: those whose direction the policy decides.
    """
    if len(y) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(y), MOST_ROWS, replace=False))
        matrix, y = matrix.take(rows), y[rows]
        weight = weight[rows] if weight is not None else None
    parts: list[Floats] = []
    numbers: dict[str, list[float]] = {}
    levels: dict[str, list[float]] = {}
    for i, name in enumerate(matrix.columns):
        if name in without:
            continue
        column = matrix.values[:, i].astype(np.float64)
        missing = np.isnan(column)
        if name in matrix.categories:
            codes, counts = np.unique(np.where(missing, -1.0, column), return_counts=True)
            levels[name] = codes[counts >= FEWEST_IN_LEVEL].tolist()
            filled = np.where(missing, -1.0, column)
            parts += [(filled == level).astype(np.float64) for level in levels[name]]
            continue
        known = compressed(column[~missing])
        if not len(known):
            continue
        median = float(np.median(known))
        filled = np.where(missing, median, compressed(column))
        mean, scale = float(filled.mean()), float(filled.std())
        share = float(missing.mean())
        spread = float(missing.std())
        if scale < 1e-9 and not spread:
            continue
        numbers[name] = [median, mean, scale if scale >= 1e-9 else 1.0, share, spread or 1.0]
        parts.append((filled - mean) / numbers[name][2])
        parts.append((missing - share) / numbers[name][4])
    model = LogisticRegression(C=STRENGTH, solver="newton-cholesky", max_iter=MOST_ITERATIONS)
    model.fit(np.column_stack(parts), y, sample_weight=weight)
    slope = iter(model.coef_[0].tolist())
    kept_numbers, kept_levels = {}, {}
    for name in matrix.columns:
        if name in numbers:
            median, mean, scale, share, spread = numbers[name]
            kept_numbers[name] = (median, mean, scale, next(slope), share, next(slope) / spread)
        elif name in levels:
            kept_levels[name] = {level: next(slope) for level in levels[name]}
    return Line(float(model.intercept_[0]), kept_numbers, kept_levels)
