"""Probabilities that mean what they say.

A calibrator maps the model's raw margin to a probability. It is chosen on forward-in-time
predictions of inner fits: a candidate is fitted on the earlier stretches of time and judged on each
later one; the identity stays unless the candidate lowers the log loss on every one of them. (A
calibrator that helps once may only have learnt the level of one season; on the charges log, one
fitted through the spring of 2020 doubled the calibration error of the summer.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

Floats = NDArray[np.float64]
#: An isotonic curve needs many positives not to follow noise.
ISOTONIC_POSITIVES = 1000
#: Smallest relative gain in log loss, on every later stretch, for giving up the identity.
WORTH_IT = 0.002
#: Later stretches that a candidate has to be judged on.
FEWEST_JUDGED = 2


@dataclass(frozen=True)
class Calibrator:
    """A map from margin to probability, kept as plain numbers.

    Attributes
    ----------
    kind : {'identity', 'platt', 'isotonic'}
    x, y : tuple of float
        ``platt``: intercept and slope on the margin in `x`. ``isotonic``: knots on the margin and
        their probabilities.
    """

    kind: str = "identity"
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def probability(self, margin: Floats) -> Floats:
        """Probability of each margin (log odds), shape (n,)."""
        if self.kind == "platt":
            return sigmoid(self.x[0] + self.x[1] * margin)
        if self.kind == "isotonic":
            return np.interp(margin, self.x, self.y)
        return sigmoid(margin)


def sigmoid(margin: Floats) -> Floats:
    """Probability of log odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(margin, -35.0, 35.0)))


def fit_calibrator(kind: str, margin: Floats, y: Floats) -> Calibrator:
    """Fit one kind of calibrator on margins and outcomes."""
    if kind == "platt":
        model = LogisticRegression(C=1e6).fit(margin[:, None], y)
        return Calibrator("platt", (float(model.intercept_[0]), float(model.coef_[0, 0])))
    if kind == "isotonic":
        curve = IsotonicRegression(y_min=1e-4, y_max=1 - 1e-4, out_of_bounds="clip").fit(margin, y)
        knots = tuple(map(float, curve.X_thresholds_)), tuple(map(float, curve.y_thresholds_))
        return Calibrator("isotonic", *knots)
    return Calibrator()


def choose_calibrator(margin: Floats, y: Floats, stretch: NDArray[np.int64]) -> Calibrator:
    """Choose and fit a calibrator on forward predictions.

    Parameters
    ----------
    margin, y : ndarray of float64, shape (n,)
        Predictions of inner fits on rows later than they were trained on, and what happened.
    stretch : ndarray of int64, shape (n,)
        Which stretch of time each row belongs to, rising.

    Returns
    -------
    Calibrator
        The identity where there are fewer than three stretches or nothing improves on it.
    """
    stretches = np.unique(stretch)
    kinds = ["platt"] + (["isotonic"] if y.sum() >= 2 * ISOTONIC_POSITIVES else [])
    best, most = "identity", 0.0
    for kind in kinds:
        gains = [
            _gain(kind, margin, y, stretch < later, stretch == later) for later in stretches[1:]
        ]
        if len(gains) >= FEWEST_JUDGED and min(gains) > WORTH_IT and sum(gains) > most:
            best, most = kind, sum(gains)
    return fit_calibrator(best, margin, y)


def _gain(
    kind: str,
    margin: Floats,
    y: Floats,
    earlier: NDArray[np.bool_],
    later: NDArray[np.bool_],
) -> float:
    """Share of log loss that a calibrator fitted on earlier rows saves on later ones."""
    if min(_classes(y[earlier]), _classes(y[later])) < 2:
        return 0.0
    fitted = fit_calibrator(kind, margin[earlier], y[earlier])
    if kind == "platt" and fitted.x[1] <= 0:
        return 0.0  # would turn the ranking round
    before = log_loss(y[later], sigmoid(margin[later]))
    return float(1.0 - log_loss(y[later], fitted.probability(margin[later])) / before)


def _classes(y: Floats) -> int:
    return len(np.unique(y))
