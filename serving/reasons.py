"""What raises and what lowers a score, in the catalogue's words.

Contributions are LightGBM's exact tree contributions to the raw score (log odds, before
calibration); contributions of features that say the same thing are added up. They say what the
score goes along with, not what causes a late payment.
"""

from __future__ import annotations

from calendar import day_name
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import Feature, feature_of
from features.matrix import Matrix
from training.model import RiskModel

Floats = NDArray[np.float64]

N_RAISING, N_LOWERING = 3, 2
#: A group that moves the log odds by less than this is not worth a reason.
LEAST = 0.02


@dataclass(frozen=True)
class Reasons:
    """Reasons of some rows, in words.

    Attributes
    ----------
    raising : ndarray of object, shape (n, 3)
        Largest first; None where fewer than three groups raise the score.
    lowering : ndarray of object, shape (n, 2)
    """

    raising: NDArray[np.object_]
    lowering: NDArray[np.object_]


def give_reasons(model: RiskModel, matrix: Matrix) -> Reasons:
    """The groups of features that raise and lower each row's score most.

    Each is told by its strongest feature: how a person would call it, its value, and what is usual
    among the model's training rows.
    """
    contributions = model.contributions(matrix)[:, :-1]
    features = [
        feature_of(name, model.encoding.attributes.get(name, "number")) for name in model.columns
    ]
    groups = pd.Index([feature.group for feature in features])
    code, names = groups.factorize()
    grouped = np.zeros((len(contributions), len(names)))
    for i in range(contributions.shape[1]):
        grouped[:, code[i]] += contributions[:, i]
    raising = _tell(model, matrix, contributions, grouped, code, features, N_RAISING, 1)
    lowering = _tell(model, matrix, contributions, grouped, code, features, N_LOWERING, -1)
    return Reasons(raising, lowering)


def _tell(
    model: RiskModel,
    matrix: Matrix,
    contributions: Floats,
    grouped: Floats,
    code: NDArray[np.int64],
    features: list[Feature],
    n: int,
    sign: int,
) -> NDArray[np.object_]:
    """Words for the n groups that move the score most in one direction, shape (n_rows, n)."""
    rows = np.arange(len(grouped))
    told = np.full((len(grouped), n), None, dtype=object)
    order = np.argsort(-sign * grouped, axis=1, kind="stable")[:, :n]
    for place in range(min(n, grouped.shape[1])):
        group = order[:, place]
        worth = sign * grouped[rows, group] > LEAST
        within = np.where(code[None, :] == group[:, None], sign * contributions, -np.inf)
        strongest = within.argmax(axis=1)
        for column in np.unique(strongest[worth]):
            here = worth & (strongest == column)
            told[here, place] = in_words(model, features[column], matrix.values[here, column])
    return told


def in_words(
    model: RiskModel, feature: Feature, values: NDArray[np.float32]
) -> NDArray[np.object_]:
    """Name, value and the usual value of one feature, for each row."""
    levels = model.encoding.levels.get(feature.name, ())
    usual = model.usual.get(feature.name)
    tail = ""
    if usual is not None and feature.family != "calendar":
        tail = f" (usual: {say(feature, usual, levels)})"
    distinct, index = np.unique(values, return_inverse=True)
    words = [f"{feature.said}: {say(feature, float(v), levels)}{tail}" for v in distinct]
    return np.array(words, dtype=object)[index]


def say(feature: Feature, value: float, levels: tuple[str, ...] = ()) -> str:
    """One value in a person's words, with its unit.

    Examples
    --------
    >>> from features.catalogue import FEATURE_NAMED
    >>> say(FEATURE_NAMED["late_share"], 0.382)
    '38 %'
    >>> say(FEATURE_NAMED["days_past_due"], -3.0)
    '-3 days'
    """
    if np.isnan(value):
        return "none"
    if feature.unit == "category":
        return levels[int(value)] if 0 <= int(value) < len(levels) else "other"
    if feature.name == "due_weekday":
        return day_name[int(value)]
    if feature.unit == "yes/no":
        return "yes" if value else "no"
    if feature.unit == "share":
        return f"{value:.0%}".replace("%", " %")
    if feature.unit == "days":
        return f"{value:,.0f} day{'' if round(value) == 1 else 's'}"
    if feature.unit in ("count", "level"):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2g}"
