"""RiskModel: LightGBM boosters, their calibrator, and all that scoring has to repeat.

Kept as LightGBM's own text and one JSON file: nothing is unpickled when a model is loaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.lazy import lazy
from eventlog.policy import Policy
from features.attributes import Encoding
from features.catalogue import FEATURE_NAMED
from features.matrix import Matrix
from training.calibration import Calibrator
from training.contributions import Forest, contributions, forest_of
from training.linear import Line, line_from_dict

Floats = NDArray[np.float64]

#: Chosen on five origins before 2020-07 of the charges log: the best there in ROC AUC, average
#: precision and Brier score.
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 12,
    "min_data_in_leaf": 300,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "cat_smooth": 50.0,
    "cat_l2": 50.0,
    "max_cat_threshold": 16,
    "max_bin": 255,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


#: Columns of a horizon in the payment curve's matrix: days from the cutoff, days past due then.
HORIZON, THEN = "horizon_days", "days_past_due_then"
#: What differs for the payment curve: more to tell apart, and every tree may look at the horizon.
#: "basic" constraints: the "intermediate" and "advanced" ones of LightGBM 4.6 leave trees more
#: freedom but let 2 and 116 of 200,000 random pairs of horizons cross, by up to 0.017 in log odds.
OF_CURVE: dict[str, Any] = {
    "num_leaves": 31,
    "learning_rate": 0.05,
    "feature_fraction": 0.8,
    "monotone_constraints_method": "basic",
}

#: What differs for write-off, seen on the fines log: smaller trees (rows of many cutoffs share few
#: outcomes), and categories of at most so many levels split as sets. Elsewhere category codes,
#: which are ranked by frequency, are split like numbers: on the inner origins of the charges log
#: sets of many levels overfit (ROC AUC 0.928 against 0.931).
OF_WRITE_OFF: dict[str, Any] = {"num_leaves": 8, "feature_fraction": 0.5}
MOST_LEVELS_IN_SETS = 20


@dataclass(frozen=True)
class RiskModel:
    """One target's model.

    Attributes
    ----------
    target : str
    boosters : tuple of lightgbm.Booster
        Fits that differ in their seed only; margins are averaged.
    calibrator : Calibrator
    columns, categories : tuple of str
        The matrix columns in their order, and which of them are categories.
    encoding : Encoding
        Levels and additional attributes, as decided at training.
    left_out : tuple of str
        Columns of the matrix that the model does not look at.
    line : Line or None
        A logistic regression beside the trees.
    line_share : float
        Its share of the margin; the trees have the rest.
    usual : dict of str to float
        Median of each number column over the training rows, "what is usual" in reasons.
    facts : dict
        Policy, dates, counts and metrics of the training, plain values.
    """

    target: str
    boosters: tuple[lgb.Booster, ...]
    calibrator: Calibrator
    columns: tuple[str, ...]
    categories: tuple[str, ...]
    encoding: Encoding
    usual: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    line: Line | None = None
    line_share: float = 0.0

    @property
    def unseen(self) -> tuple[str, ...]:
        """Columns of today's matrix that the model does not look at.

        Those of `left_out`, and features that came into the catalogue after it was trained.
        """
        known = {*self.columns, *self.left_out}
        return (*self.left_out, *(name for name in FEATURE_NAMED if name not in known))

    def seen(self, matrix: Matrix) -> Matrix:
        """The matrix without the columns that the model does not look at.

        Raises
        ------
        DataError
            If the other columns are not the model's, in its order.
        """
        matrix = matrix.without(self.unseen)
        check_columns(self.columns, matrix.columns)
        return matrix

    def margin(self, matrix: Matrix) -> Floats:
        """Raw score (log odds) of each row, the mean over the boosters."""
        matrix = self.seen(matrix)
        if not len(matrix.snapshots):
            return np.empty(0)
        trees: Floats = np.mean(
            [booster.predict(matrix.values, raw_score=True) for booster in self.boosters], axis=0
        )
        if self.line is None:
            return trees
        return (1 - self.line_share) * trees + self.line_share * self.line.margin(matrix)

    def probability(self, matrix: Matrix) -> Floats:
        """Calibrated probability of each row, 0 to 1."""
        return self.calibrator.probability(self.margin(matrix))

    @lazy
    def forests(self) -> tuple[Forest, ...]:
        """The boosters' trees, made ready for `contributions` once."""
        return tuple(forest_of(booster) for booster in self.boosters)

    def contributions(self, matrix: Matrix) -> Floats:
        """What each column adds to the raw score, and the base value last.

        Returns
        -------
        ndarray of float64, shape (n_snapshots, n_columns + 1), column-major
            Rows add up to `margin`.
        """
        matrix = self.seen(matrix)
        total = contributions(self.forests[0], matrix.values)
        for forest in self.forests[1:]:
            total += contributions(forest, matrix.values)
        total /= len(self.forests)
        if self.line is not None:
            total *= 1 - self.line_share
            total += self.line_share * self.line.contributions(matrix)
        return total


def check_columns(expected: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Refuse a matrix whose columns are not the model's, in its order.

    Raises
    ------
    DataError
        Listing what is lacking, extra or out of order.
    """
    if expected == given:
        return
    lacking = [name for name in expected if name not in given]
    extra = [name for name in given if name not in expected]
    if lacking or extra:
        raise DataError(
            f"The matrix lacks the model's columns {lacking} and has {extra} besides. "
            "Build it with the model's own encoding."
        )
    raise DataError("The matrix has the model's columns in another order. Rebuild it.")


def fit_booster(
    values: NDArray[np.float32],
    y: Floats,
    invoice: NDArray[np.int32],
    columns: tuple[str, ...],
    sets: tuple[str, ...],
    rounds: int,
    *,
    changes: dict[str, Any] | None = None,
    weight: Floats | None = None,
    seed: int = 0,
    threads: int = 0,
    valid: tuple[NDArray[np.float32], Floats] | None = None,
    patience: int = 60,
) -> lgb.Booster:
    """Fit one booster; with ``valid`` it stops when that log loss has not improved for a while.

    Parameters
    ----------
    values, y, invoice : ndarray, shape (n_rows, n_columns), (n_rows,) and (n_rows,)
        Features, labels, and which invoice each row is of.
    columns : tuple of str
    sets : tuple of str
        Columns whose codes are split as sets, see `split_as_sets`.
    rounds : int
        Number of trees, at most.
    changes : dict, optional
        Parameters that differ from `PARAMETERS`, see `parameters_of`.
    weight : ndarray of float64, shape (n_rows,), optional
        How much each row counts; all alike by default.
    """
    parameters = PARAMETERS | (changes or {}) | {"seed": seed, "num_threads": threads}
    parameters["min_data_in_leaf"] = smallest_leaf(parameters, len(y), len(np.unique(invoice)))
    places = [columns.index(name) for name in sets]
    names = plain_names(columns)
    data = lgb.Dataset(values, y, weight=weight, feature_name=names, categorical_feature=places)
    callbacks: list[Any] = []
    judged = []
    if valid is not None:
        judged = [lgb.Dataset(*valid, reference=data)]
        callbacks = [lgb.early_stopping(patience, verbose=False)]
    return lgb.train(parameters, data, rounds, valid_sets=judged, callbacks=callbacks)


def smallest_leaf(parameters: dict[str, Any], n_rows: int, n_invoices: int) -> int:
    """Rows that a leaf holds at least: so many invoices, however often each was looked at."""
    fewest = round(parameters["min_data_in_leaf"] * n_rows / max(n_invoices, 1))
    return min(fewest, max(n_rows // 50, 5))


def parameters_of(target: str) -> dict[str, Any]:
    """What differs from `PARAMETERS` for a target."""
    return {"write_off": OF_WRITE_OFF, "payment_curve": OF_CURVE}.get(target, {})


def monotone_signs(matrix: Matrix, policy: Policy) -> dict[str, Any]:
    """Constraints that keep probabilities from falling, or rising, as a feature rises.

    What the policy names, and the horizon of a payment curve: unpaid longer is never likelier.

    Returns
    -------
    dict
        LightGBM's ``monotone_constraints``, a sign a column; empty where no column that the policy
        names varies.

    Raises
    ------
    SettingsError
        If the policy names something that is no feature, or a category.
    """
    signs = dict.fromkeys(policy.never_lowers_risk, 1) | dict.fromkeys(policy.never_raises_risk, -1)
    unknown = sorted(set(signs) - set(FEATURE_NAMED) - set(matrix.columns))
    unordered = sorted(set(signs) & set(matrix.categories))
    if unknown or unordered:
        raise SettingsError(
            f"The policy orders risk by {unknown + unordered}, which are no features with an "
            "order. Name number columns of `duecast features` in never_lowers_risk and "
            "never_raises_risk."
        )
    signs |= {HORIZON: -1, THEN: -1}
    found = [signs.get(name, 0) for name in matrix.columns]
    if not any(found[i] and np.ptp(matrix.values[:, i]) != 0 for i in range(len(found))):
        return {}
    return {"monotone_constraints": found}


def split_as_sets(target: str, matrix: Matrix, encoding: Encoding) -> tuple[str, ...]:
    """Categories that a target's trees split as sets."""
    if target != "write_off":
        return ()
    few = MOST_LEVELS_IN_SETS
    return tuple(n for n in matrix.categories if len(encoding.levels.get(n, ())) <= few)


def plain_names(columns: tuple[str, ...]) -> list[str]:
    """Column names as LightGBM accepts them: attribute names may hold any character."""
    return [name if name.isidentifier() else f"column_{i}" for i, name in enumerate(columns)]


def usual_values(matrix: Matrix) -> dict[str, float]:
    """Median of each number column, over rows that have a value."""
    found = {}
    for name in matrix.columns:
        if name in matrix.categories:
            continue
        column = matrix[name]
        column = column[~np.isnan(column)]
        if len(column):
            found[name] = float(np.median(column))
    return found


def save_model(model: RiskModel, folder: Path) -> None:
    """Write a model: ``model.json`` and ``booster_<n>.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, booster in enumerate(model.boosters):
        booster.save_model(str(folder / f"booster_{i}.txt"))
    document = {
        "format": 1,
        "target": model.target,
        "boosters": len(model.boosters),
        "calibrator": asdict(model.calibrator),
        "columns": model.columns,
        "categories": model.categories,
        "encoding": asdict(model.encoding),
        "left_out": model.left_out,
        "line": model.line.as_dict() if model.line else None,
        "line_share": model.line_share,
        "usual": model.usual,
        "facts": model.facts,
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)  # order of attributes counts
    (folder / "model.json").write_text(text, encoding="utf-8")


def load_model(folder: Path) -> RiskModel:
    """Read a model that `save_model` has written.

    Raises
    ------
    NotFoundError
        If the folder holds no model.
    DataError
        If its format is not known.
    """
    if not (folder / "model.json").is_file():
        raise NotFoundError(f"There is no model in {folder}. Train one with `duecast train`.")
    document = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if document.get("format") != 1:
        raise DataError(
            f"The model in {folder} has format {document.get('format')!r}, this version reads 1. "
            "Train it again."
        )
    encoding = document["encoding"]
    return RiskModel(
        target=document["target"],
        boosters=tuple(
            lgb.Booster(model_file=str(folder / f"booster_{i}.txt"))
            for i in range(document["boosters"])
        ),
        calibrator=Calibrator(**document["calibrator"]),
        columns=tuple(document["columns"]),
        categories=tuple(document["categories"]),
        encoding=Encoding(
            {name: tuple(levels) for name, levels in encoding["levels"].items()},
            encoding["attributes"],
            encoding["left_out"],
        ),
        usual=document["usual"],
        facts=document["facts"],
        left_out=tuple(document.get("left_out", ())),
        line=line_from_dict(document["line"]) if document.get("line") else None,
        line_share=document.get("line_share", 0.0),
    )
