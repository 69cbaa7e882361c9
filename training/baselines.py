"""What one would predict without a model; printed beside every metric of one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from features.as_of import shrunk
from features.matrix import Matrix
from training.labels import Target

Floats = NDArray[np.float64]
BASELINES = ("prevalence", "ageing", "state_age", "customer_rate", "logistic")
#: Rows that the logistic regression is fitted on, at most.
LOGISTIC_ROWS = 100_000
#: Cases' worth of the whole that a cell of a look-up table is mixed with.
CELL_PRIOR = 20.0
#: Days past due (or to the due date) that bound the cells of the ageing baseline.
AGEING_EDGES = (-60.0, -30.0, -14.0, -7.0, 1.0, 31.0, 61.0, 91.0, 181.0, 366.0)


def baseline_predictions(
    target: Target, train: Matrix, y: Floats, test: Matrix, seed: int = 0
) -> dict[str, Floats]:
    """Probabilities of each test row by each baseline, fitted on the training rows.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_test,)
        ``prevalence``: the training share of positives. ``ageing``: by days past due.
        ``state_age``: last activity by age. ``customer_rate``: the customer's own shrunk past
        rate (write-offs for `write_off`, late invoices otherwise). ``logistic``: a logistic
        regression on the same features.
    """
    prevalence = float(y.mean())
    return {
        "prevalence": np.full(len(test.snapshots), prevalence),
        "ageing": _lookup(_ageing(train), y, _ageing(test), prevalence),
        "state_age": _state_age(train, y, test, prevalence),
        "customer_rate": _customer_rate(target, test, prevalence),
        "logistic": _logistic(train, y, test, seed),
    }


def _lookup(train: NDArray[np.int64], y: Floats, test: NDArray[np.int64], whole: float) -> Floats:
    """Shrunk rate of each test row's cell."""
    size = int(max(train.max(initial=0), test.max(initial=0))) + 1
    hits: Floats = np.bincount(train, weights=y, minlength=size).astype(np.float64)
    cases = np.bincount(train, minlength=size).astype(np.float64)
    return shrunk(hits, cases, np.full(size, whole), CELL_PRIOR)[test]


def _ageing(matrix: Matrix) -> NDArray[np.int64]:
    days = matrix["days_past_due"]
    cell = np.searchsorted(AGEING_EDGES, np.nan_to_num(days), side="right")
    return np.where(np.isnan(days), len(AGEING_EDGES) + 1, cell).astype(np.int64)


def _state_age(train: Matrix, y: Floats, test: Matrix, whole: float) -> Floats:
    """Last activity by twenty bands of age, the bands cut at quantiles of the training rows."""
    edges = np.unique(np.quantile(train["age_days"], np.linspace(0, 1, 21)[1:-1]))
    cells = []
    for matrix in (train, test):
        activity = np.nan_to_num(matrix["last_activity"], nan=-1.0).astype(np.int64) + 1
        age = np.searchsorted(edges, matrix["age_days"], side="right")
        cells.append(activity * (len(edges) + 1) + age)
    return _lookup(cells[0], y, cells[1], whole)


def _customer_rate(target: Target, test: Matrix, prevalence: float) -> Floats:
    if target == "write_off":
        lost = test["n_written_off"].astype(np.float64)
        closed = test["history_depth"].astype(np.float64)
        rate = shrunk(lost, closed, np.full(len(lost), prevalence), 5.0)
    else:
        rate = test["late_share"].astype(np.float64)
    return np.where(np.isnan(rate), prevalence, rate)


def _compressed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed logarithm: long tails of amounts and days become short."""
    return np.sign(values) * np.log1p(np.abs(values))


def _logistic(train: Matrix, y: Floats, test: Matrix, seed: int) -> Floats:
    rows = np.arange(len(y))
    if len(rows) > LOGISTIC_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, LOGISTIC_ROWS, replace=False))
    numbers = [i for i, name in enumerate(train.columns) if name not in train.categories]
    known = np.flatnonzero(~np.isnan(train.values[rows]).all(axis=0))
    numbers = [i for i in numbers if i in set(known.tolist())]
    categories = [i for i, name in enumerate(train.columns) if name in train.categories]
    model = make_pipeline(
        ColumnTransformer(
            [
                ("number", _number_steps(), numbers),
                ("category", OneHotEncoder(handle_unknown="ignore", min_frequency=50), categories),
            ]
        ),
        LogisticRegression(C=0.1, max_iter=300),
    )
    model.fit(_plain(train.values[rows], categories), y[rows])
    found: Floats = model.predict_proba(_plain(test.values, categories))[:, 1]
    return found


def _number_steps() -> Pipeline:
    return make_pipeline(
        FunctionTransformer(_compressed, validate=False),
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
    )


def _plain(values: NDArray[np.float32], categories: list[int]) -> NDArray[np.float64]:
    """float64 copy in which a missing category is a level of its own."""
    plain = values.astype(np.float64)
    plain[:, categories] = np.nan_to_num(plain[:, categories], nan=-1.0)
    return plain


def beside(
    model: dict[str, float | None], rivals: dict[str, dict[str, float | None]]
) -> pd.DataFrame:
    """Model and baselines as one table, a row each."""
    return pd.DataFrame({"model": model, **rivals}).T
