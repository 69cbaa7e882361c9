"""The leakage linter: what a model must not be given, and what is too good to be true.

It runs before every training and again on every test. Whoever knows better may override it with a
reason, which goes on record with the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from eventlog.errors import DuecastError
from eventlog.template import ATTRIBUTE_NAMED
from features.attributes import Encoding
from features.catalogue import FEATURE_NAMED
from features.matrix import Matrix

#: A single feature that alone ranks outcomes this well is taken for a leak.
SINGLE_FEATURE_AUC = 0.95
#: A model that ranks unseen outcomes this well is taken for a leak.
TEST_AUC = 0.98
#: Rows on which single features are tried.
_ROWS = 50_000


class LeakageError(DuecastError):
    """The linter has found something; training stops."""


@dataclass(frozen=True)
class Finding:
    """One thing the linter objects to: the column (or "model") and why."""

    name: str
    why: str


def lint(encoding: Encoding, matrix: Matrix, y: np.ndarray, seed: int = 0) -> list[Finding]:
    """Look for leaks among the features of a training set.

    Barred names, identifiers and dates ahead of their rows never get this far: `choose_encoding`
    leaves them out and says why. Here every column is tried alone against the label.
    """
    found = [
        Finding(name, "an answer of the extract, never a feature")
        for name in encoding.attributes
        if name in ATTRIBUTE_NAMED and ATTRIBUTE_NAMED[name].answer
    ]
    rows = np.arange(len(y))
    if len(rows) > _ROWS:
        rows = np.random.default_rng(seed).choice(rows, _ROWS, replace=False)
    outcome = y[rows]
    if min(outcome.sum(), len(outcome) - outcome.sum()) < 10:
        return found
    for name in matrix.columns:
        column = matrix[name][rows].astype(np.float64)
        if np.isnan(column).all():
            continue
        value = np.where(np.isnan(column), np.nanmin(column) - 1.0, column)
        if name in matrix.categories:
            value = _rate_of_level(value, outcome)
        auc = roc_auc_score(outcome, value)
        auc = max(auc, 1 - auc)
        if auc > SINGLE_FEATURE_AUC:
            kind = "feature" if name in FEATURE_NAMED else "additional attribute"
            found.append(Finding(name, f"this {kind} alone reaches ROC AUC {auc:.3f}"))
    return found


def _rate_of_level(code: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    levels, index = np.unique(code, return_inverse=True)
    cases = np.bincount(index, minlength=len(levels))
    return (np.bincount(index, weights=outcome) / cases)[index]


def too_good(test_auc: float | None) -> list[Finding]:
    """Object to a test ROC AUC beyond belief."""
    if test_auc is None or test_auc <= TEST_AUC:
        return []
    return [Finding("model", f"its test ROC AUC is {test_auc:.3f}, above {TEST_AUC}")]


def refuse(target: str, findings: list[Finding], override: str) -> None:
    """Stop on findings unless an override gives a reason.

    Raises
    ------
    LeakageError
        Naming every finding.
    """
    if findings and not override:
        named = "; ".join(f"'{finding.name}': {finding.why}" for finding in findings)
        raise LeakageError(
            f"The leakage linter stops {target}: {named}. Leave them out with --attributes, or "
            'state why they are known in time with --override-leakage "reason".'
        )
