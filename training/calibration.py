"""Probabilities that mean what they say.

A calibrator maps the model's raw margin to a probability. It is chosen on forward-in-time
predictions of inner fits: each candidate is fitted on the earlier stretches and judged on the
latest; the identity stays unless another lowers the log loss there.
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
#: Smallest relative gain in log loss for which the identity is given up.
WORTH_IT = 0.002


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
        The identity where there are fewer than two stretches or nothing improves on it.
    """
    latest = stretch == stretch.max() if len(stretch) else np.zeros(0, dtype=bool)
    if not len(y) or latest.all() or min(_classes(y[latest]), _classes(y[~latest])) < 2:
        return Calibrator()
    kinds = ["platt"] + (["isotonic"] if y[~latest].sum() >= ISOTONIC_POSITIVES else [])
    best, lowest = "identity", log_loss(y[latest], sigmoid(margin[latest])) * (1 - WORTH_IT)
    for kind in kinds:
        fitted = fit_calibrator(kind, margin[~latest], y[~latest])
        if kind == "platt" and fitted.x[1] <= 0:
            continue  # would turn the ranking round
        loss = log_loss(y[latest], fitted.probability(margin[latest]))
        if loss < lowest:
            best, lowest = kind, loss
    return fit_calibrator(best, margin, y)


def _classes(y: Floats) -> int:
    return len(np.unique(y))
