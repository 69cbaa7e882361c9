"""The leakage linter: what a model must not be given, and what is too good to be true.

It runs before every training and again on every test. Whoever knows better may override it with a
reason, which goes on record with the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from eventlog.errors import DuecastError
from eventlog.policy import Policy
from eventlog.template import ATTRIBUTE_NAMED
from features.attributes import Encoding
from features.catalogue import FEATURE_NAMED
from features.matrix import Matrix

#: A single feature that alone ranks outcomes this well is taken for a leak.
SINGLE_FEATURE_AUC = 0.95
#: A model that ranks unseen outcomes this well is taken for a leak.
TEST_AUC = 0.98
#: Rows on which single features are tried, and the fewest cases of either kind among them.
_ROWS = 50_000
_CASES = 30


class LeakageError(DuecastError):
    """The linter has found something; training stops."""


@dataclass(frozen=True)
class Finding:
    """One thing the linter objects to: the column (or "model") and why."""

    name: str
    why: str


def lint(
    encoding: Encoding, matrix: Matrix, y: np.ndarray, policy: Policy, seed: int = 0
) -> list[Finding]:
    """Look for leaks among the features of a training set.

    Barred names, identifiers and dates ahead of their rows never get this far: `choose_encoding`
    leaves them out and says why. Here every column is tried alone against the label, within a
    phase: over both, whatever tells late invoices from others tells most write-offs too.
    """
    found = [
        Finding(name, "an answer of the extract, never a feature")
        for name in encoding.attributes
        if name in ATTRIBUTE_NAMED and ATTRIBUTE_NAMED[name].answer
    ]
    rows = np.arange(len(y))
    if len(rows) > _ROWS:
        rows = np.random.default_rng(seed).choice(rows, _ROWS, replace=False)
    for phase, of_phase in _phases(matrix, policy).items():
        found += _alone(matrix, y, rows[of_phase[rows]], phase)
    return found


def _phases(matrix: Matrix, policy: Policy) -> dict[str, np.ndarray]:
    """Masks of the rows of either phase; invoices without a due date are not yet late."""
    is_late = matrix["days_past_due"] > policy.late_after_days
    return {"late": is_late, "not yet late": ~is_late}


def _too_few(outcome: np.ndarray, invoice: np.ndarray) -> bool:
    """Whether either kind rests on too few invoices for its AUC to mean anything."""
    kinds = (invoice[outcome == 1], invoice[outcome == 0])
    return min(len(np.unique(of_kind)) for of_kind in kinds) < _CASES


def _alone(matrix: Matrix, y: np.ndarray, rows: np.ndarray, phase: str) -> list[Finding]:
    """Columns that alone rank the outcomes of one phase too well."""
    found: list[Finding] = []
    outcome, invoice = y[rows], matrix.snapshots.invoice[rows]
    if _too_few(outcome, invoice):
        return found
    for name in matrix.columns:
        column = matrix[name][rows].astype(np.float64)
        if np.isnan(column).all():
            continue
        value = np.where(np.isnan(column), np.nanmin(column) - 1.0, column)
        if name in matrix.categories:
            value = _rate_of_level(value, outcome, invoice)
        auc = roc_auc_score(outcome, value)
        auc = max(auc, 1 - auc)
        if auc > SINGLE_FEATURE_AUC:
            kind = "feature" if name in FEATURE_NAMED else "additional attribute"
            why = f"this {kind} alone reaches ROC AUC {auc:.3f} among invoices {phase}"
            found.append(Finding(name, why))
    return found


def _rate_of_level(code: np.ndarray, outcome: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Rate of each row's level among the other half of the invoices, so none is its own proof."""
    levels, index = np.unique(code, return_inverse=True)
    half = (unit.astype(np.uint64) * np.uint64(2654435761) >> np.uint64(16)) % 2
    rate = np.empty(len(code))
    for mine, theirs in ((half == 0, half == 1), (half == 1, half == 0)):
        cases = np.bincount(index[theirs], minlength=len(levels))
        hits = np.bincount(index[theirs], weights=outcome[theirs], minlength=len(levels))
        rate[mine] = ((hits + outcome.mean()) / (cases + 1.0))[index[mine]]
    return rate


def too_good(y: np.ndarray, p: np.ndarray, matrix: Matrix, policy: Policy) -> list[Finding]:
    """Object to a ROC AUC on test rows that is beyond belief within a phase."""
    found = []
    for phase, rows in _phases(matrix, policy).items():
        if (
            not _too_few(y[rows], matrix.snapshots.invoice[rows])
            and (auc := roc_auc_score(y[rows], p[rows])) > TEST_AUC
        ):
            why = f"its test ROC AUC is {auc:.3f} among invoices {phase}, above {TEST_AUC}"
            found.append(Finding("model", why))
    return found


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
