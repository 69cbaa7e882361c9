"""What raises and what lowers a score, in the catalogue's words.

Contributions are LightGBM's exact tree contributions to the raw score (log odds, before
calibration); contributions of features that say the same thing are added up. They say what the
score goes along with, not what causes a late payment.
"""

from __future__ import annotations

from calendar import day_name
from dataclasses import dataclass

import numba
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
    features = [
        feature_of(name, model.encoding.attributes.get(name, "number")) for name in model.columns
    ]
    code, names = pd.factorize(np.array([feature.group for feature in features], dtype=object))
    strongest = _strongest(
        model.contributions(matrix), code, len(names), N_RAISING, N_LOWERING, LEAST
    )
    told = _tell(model, matrix, features, strongest)
    return Reasons(told[:, :N_RAISING], told[:, N_RAISING:])


@numba.njit(cache=True, nogil=True)
def _strongest(
    contributions: Floats,
    code: NDArray[np.int64],
    n_groups: int,
    n_raising: int,
    n_lowering: int,
    least: float,
) -> NDArray[np.int64]:
    """The strongest column of each of the groups that raise a row's score most, then lower it.

    Returns
    -------
    ndarray of int64, shape (n_rows, n_raising + n_lowering)
        -1 where no further group moves the score by more than ``least``. Among equals the first
        group, and the first column of it.
    """
    found = np.full((len(contributions), n_raising + n_lowering), -1)
    grouped, taken = np.empty(n_groups), np.empty(n_groups, dtype=np.bool_)
    for row in range(len(contributions)):
        grouped[:] = 0.0
        for column in range(len(code)):
            grouped[code[column]] += contributions[row, column]
        taken[:] = False
        for place in range(n_raising + n_lowering):
            sign = 1.0 if place < n_raising else -1.0
            best, most = -1, least
            for group in range(n_groups):
                if not taken[group] and sign * grouped[group] > most:
                    best, most = group, sign * grouped[group]
            if best < 0:
                continue
            taken[best] = True
            most = -np.inf
            for column in range(len(code)):
                if code[column] == best and sign * contributions[row, column] > most:
                    found[row, place], most = column, sign * contributions[row, column]
    return found


def _tell(
    model: RiskModel, matrix: Matrix, features: list[Feature], strongest: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Words for the column at each row and place, shape as ``strongest``; None where it is -1."""
    told = np.full(strongest.size, None, dtype=object)
    order = np.argsort(strongest, axis=None, kind="stable")
    ends = np.searchsorted(strongest.ravel()[order], np.arange(-1, len(features)), side="right")
    for column, feature in enumerate(features):
        here = order[ends[column] : ends[column + 1]]
        if len(here):
            rows = here // strongest.shape[1]
            told[here] = in_words(model, feature, matrix.values[rows, column])
    return told.reshape(strongest.shape)


def in_words(
    model: RiskModel, feature: Feature, values: NDArray[np.float32]
) -> NDArray[np.object_]:
    """Name, value and the usual value of one feature, for each row."""
    levels = model.encoding.levels.get(feature.name, ())
    usual = model.usual.get(feature.name)
    tail = ""
    if usual is not None and feature.family != "calendar":
        tail = f" (usual: {say(feature, usual, levels)})"
    # By their bits: -0.3 and 0.3 both round to zero, and are not said alike.
    bits, index = np.unique(_rounded(feature, values).view(np.int64), return_inverse=True)
    distinct = bits.view(np.float64).tolist()
    words = [f"{feature.said}: {say(feature, value, levels)}{tail}" for value in distinct]
    return np.array(words, dtype=object)[index]


def _rounded(feature: Feature, values: NDArray[np.float32]) -> Floats:
    """Values as `say` rounds them, so that few distinct ones are left to be worded."""
    exact = values.astype(np.float64) + 0.0  # no negative zero
    if feature.unit in ("days", "count", "level"):
        return np.rint(exact)
    if feature.unit == "share":
        return np.rint(exact * 100) / 100
    if feature.unit in ("money", "ratio"):
        return np.where(np.abs(exact) >= 100, np.rint(exact), exact)
    return exact


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
