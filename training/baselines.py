"""What one would predict without a model; printed beside every metric of one.

One of them is a product: Business Central's Late Payment Prediction extension, which fits a boosted
tree to seventeen inputs of an invoice and of its customer's record at posting (microsoft/
ALAppExtensions, ``LPMLInputData.Table.al`` and ``FeatureTableHelper.Codeunit.al``). Its trees stand
on a service of Microsoft's, so scikit-learn's with their default settings take their place, and its
inputs are read from our matrix, as of the cutoff and over the customer's other invoices:

| input of the extension | from our matrix | how near |
|---|---|---|
| Base Amount | ``amount`` | exact |
| Payment Terms Days | ``term_days`` | exact |
| Corrected (a credit memo applies to it) | ``share_paid`` above 0 without a payment | derived |
| No. Paid Invoices (closed) | ``history_depth`` | exact |
| No. Paid Late Invoices | ``late_share``, no longer shrunk, of the closed | stood in |
| ratio of those two | the same | stood in |
| Total Paid Invoices Amount | ``usual_amount`` of all issued less ``open_balance`` | derived |
| Total Paid Late Invoices Amount | ``late_amount_share`` of that | stood in |
| ratio of those two | ``late_amount_share`` | stood in |
| Average Days Late (of the paid late) | ``mean_days_late`` (of all paid) | stood in |
| No. Outstanding Invoices | ``n_open`` | exact |
| No. Outstanding Late Invoices | ``n_overdue`` | exact |
| ratio of those two | the same | exact |
| Total Outstanding Amount | ``open_balance`` | exact without part payments |
| Total Outstanding Late Amount | ``overdue_balance`` | exact without part payments |
| ratio of those two | ``share_overdue`` | exact without part payments |
| Average Outstanding Days Late | middles of ageing buckets, ``oldest_overdue_days`` | derived |

What differs besides: the extension counts an invoice as late from the day after its due date, our
late shares from the policy's `late_after_days` on, and over matured invoices instead of closed
ones; it leaves out other invoices of the same day; it looks at posting only, we at every cutoff
with what is known there; and its `Corrected` knows credit memos of the future.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from features.as_of import ratio, shrunk
from features.customer import LATE_AT_FIRST, PRIOR_CASES
from features.matrix import Matrix
from training.labels import Target

Floats = NDArray[np.float64]
BASELINES = (
    "prevalence",
    "ageing",
    "state_age",
    "customer_rate",
    "logistic",
    "business_central",
)
#: Rows that the logistic regression, and Business Central's trees, are fitted on, at most.
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
        regression on the same features. ``business_central``: boosted trees on the seventeen
        inputs of Business Central's extension; not there where the log names no customers, see
        `baselines_left_out`.
    """
    prevalence = float(y.mean())
    found = {
        "prevalence": np.full(len(test.snapshots), prevalence),
        "ageing": _lookup(_ageing(train), y, _ageing(test), prevalence),
        "state_age": _state_age(train, y, test, prevalence),
        "customer_rate": _customer_rate(target, test, prevalence),
        "logistic": _logistic(train, y, test, seed),
    }
    if "business_central" not in baselines_left_out(train):
        found["business_central"] = _business_central(train, y, test, seed)
    return found


def baselines_left_out(train: Matrix) -> dict[str, str]:
    """Baselines that these rows cannot be given, and why."""
    if np.isnan(train["history_depth"]).all():
        return {"business_central": "the log names no customers, and its inputs are a customer's"}
    return {}


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


def _some_rows(n: int, seed: int) -> NDArray[np.int64]:
    """All rows, or `LOGISTIC_ROWS` of them drawn at random, in their order."""
    if n <= LOGISTIC_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, LOGISTIC_ROWS, replace=False))


def _logistic(train: Matrix, y: Floats, test: Matrix, seed: int) -> Floats:
    rows = _some_rows(len(y), seed)
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


def business_central_inputs(matrix: Matrix) -> Floats:
    """The seventeen inputs of Business Central's extension, as the table above says.

    Returns
    -------
    ndarray of float64, shape (n_snapshots, 17)
        In the order of the table. Ratios and means of nothing are 0, as the extension has them.
    """
    column = {name: matrix[name].astype(np.float64) for name in _READ}
    closed, n_open, n_overdue = (column[n] for n in ("history_depth", "n_open", "n_overdue"))
    matured = closed + n_overdue + PRIOR_CASES
    late = column["late_share"] * matured - LATE_AT_FIRST * PRIOR_CASES
    paid_late = np.clip(np.round(late), 0.0, closed)
    issued_amount = np.nan_to_num(column["usual_amount"]) * (closed + n_open)
    paid_amount = np.maximum(issued_amount - column["open_balance"], 0.0)
    late_amount_share = np.nan_to_num(column["late_amount_share"])
    return np.column_stack(
        [
            column["amount"],
            column["term_days"],
            (column["share_paid"] > 0) & (column["n_payments"] == 0),
            closed,
            paid_late,
            np.nan_to_num(ratio(paid_late, closed)),
            paid_amount,
            late_amount_share * paid_amount,
            late_amount_share,
            np.nan_to_num(column["mean_days_late"]),
            n_open,
            n_overdue,
            np.nan_to_num(ratio(n_overdue, n_open)),
            column["open_balance"],
            column["overdue_balance"],
            np.nan_to_num(column["share_overdue"]),
            _mean_days_overdue(column),
        ]
    )


#: Columns that the inputs are made of.
_READ = (
    *("amount", "term_days", "share_paid", "n_payments", "history_depth", "late_share"),
    *("usual_amount", "late_amount_share", "mean_days_late", "n_open", "n_overdue"),
    *("open_balance", "overdue_balance", "share_overdue", "oldest_overdue_days"),
    *("n_overdue_1_30", "n_overdue_31_60", "n_overdue_61_90", "n_overdue_over_90"),
)


def _mean_days_overdue(column: dict[str, Floats]) -> Floats:
    """Mean days overdue of the other open invoices, each at the middle of its ageing bucket."""
    oldest = np.nan_to_num(column["oldest_overdue_days"])
    total = np.zeros(len(oldest))
    for bucket, first, last in (
        ("1_30", 1.0, 30.0),
        ("31_60", 31.0, 60.0),
        ("61_90", 61.0, 90.0),
        ("over_90", 91.0, np.inf),
    ):
        middle = (first + np.clip(oldest, first, last)) / 2
        total += column[f"n_overdue_{bucket}"] * middle
    mean = np.nan_to_num(ratio(total, column["n_overdue"]))
    return np.where(column["n_overdue"] == 1, oldest, mean)


def _business_central(train: Matrix, y: Floats, test: Matrix, seed: int) -> Floats:
    rows = _some_rows(len(y), seed)
    inputs = business_central_inputs(train)[rows]
    known = ~np.isnan(inputs).all(axis=0)
    model = HistGradientBoostingClassifier(random_state=seed)
    model.fit(inputs[:, known], y[rows])
    found: Floats = model.predict_proba(business_central_inputs(test)[:, known])[:, 1]
    return found


def beside(
    model: dict[str, float | None], rivals: dict[str, dict[str, float | None]]
) -> pd.DataFrame:
    """Model and baselines as one table, a row each."""
    return pd.DataFrame({"model": model, **rivals}).T
