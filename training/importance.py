"""How much each column has to say in a model: its mean absolute contribution to the log odds.

Unlike the trees' gain it counts all that a prediction is made of, the logistic regression beside
the trees too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.matrix import Matrix
from training.model import RiskModel

#: Rows that a model's say is measured on, at most; a random part beyond it.
MOST_ROWS = 5_000
#: What the model's facts call it.
FACT = "importance"


def importance(model: RiskModel, matrix: Matrix, seed: int = 0) -> pd.DataFrame:
    """Share of each column in what a model says of some rows, largest first.

    Parameters
    ----------
    matrix : Matrix of shape (n, n_columns)
        Training rows; `MOST_ROWS` of them are looked at.

    Returns
    -------
    DataFrame
        ``feature`` and ``share``: the mean absolute deviation of the column's contribution from
        the mean of its contributions, over the sum of all columns'. What a column adds to every
        row alike tells no row from another and does not count.
    """
    if len(matrix.snapshots) > MOST_ROWS:
        drawn = np.random.default_rng(seed).choice(len(matrix.snapshots), MOST_ROWS, replace=False)
        matrix = matrix.take(np.sort(drawn))
    told = model.contributions(matrix)[:, :-1]
    say = np.abs(told - told.mean(axis=0)).mean(axis=0)
    return _largest_first(model, say)


def with_importance(model: RiskModel, matrix: Matrix) -> RiskModel:
    """The model with its importance over these rows among its facts, for `recorded_importance`."""
    found = importance(model, matrix)
    shares = found.set_index("feature")["share"].round(6).to_dict()
    return replace(model, facts=model.facts | {FACT: shares})


def recorded_importance(model: RiskModel) -> pd.DataFrame:
    """Share of each column as recorded at training, largest first.

    Of a model that has none on record, the share of the trees' gain: see `is_recorded`.
    """
    if is_recorded(model):
        shares = model.facts[FACT]
        return _largest_first(model, np.array([shares.get(name, 0.0) for name in model.columns]))
    gain = np.sum([b.feature_importance("gain") for b in model.boosters], axis=0)
    return _largest_first(model, gain)


def is_recorded(model: RiskModel) -> bool:
    """Whether the model's importance was measured when it was trained."""
    return FACT in model.facts


def _largest_first(model: RiskModel, weight: NDArray[np.float64]) -> pd.DataFrame:
    share = weight / max(weight.sum(), 1e-12)
    table = pd.DataFrame({"feature": model.columns, "share": share})
    return table.sort_values("share", ascending=False, ignore_index=True)
