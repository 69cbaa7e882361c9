"""The backtest: train on what was known at one date, report on what came after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError
from eventlog.ledger import bucket_of_days
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.snapshots import Rhythm
from training.baselines import baseline_predictions
from training.evaluation import Slices, history_band, metrics, month_of, paired_differences
from training.examples import Examples, Source, source_of
from training.fit import Progress, Recipe, fit_model
from training.gate import lint, refuse, too_good
from training.labels import Target
from training.model import RiskModel


@dataclass(frozen=True)
class Backtest:
    """A model and how it did on rows it could not have known.

    Attributes
    ----------
    model : RiskModel
    train, test : Examples
    p : ndarray of float64, shape (n_test,)
        The model's probabilities.
    rivals : dict of str to ndarray of float64, shape (n_test,)
        The baselines' probabilities.
    report : dict
        Plain values: what `duecast backtest --json` prints.
    """

    model: RiskModel
    train: Examples
    test: Examples
    p: NDArray[np.float64]
    rivals: dict[str, NDArray[np.float64]]
    report: dict[str, Any]


def run_backtest(
    log: EventLog | Source,
    target: Target,
    train_until: int,
    test_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    *,
    override: str = "",
    repeats: int = 400,
    progress: Progress = lambda _: None,
) -> Backtest:
    """Train on what was known at ``train_until``, test on ``[train_until, test_until)``.

    Parameters
    ----------
    override : str
        Reason for going on although the leakage linter objects.
    repeats : int
        Bootstrap samples behind the differences to the baselines; 0 leaves them out.

    Raises
    ------
    TooFewCasesError
        If the training rows hold too few positives or negatives.
    LeakageError
        If the linter objects and no override is given.
    DataError
        If there is nothing to test on.
    """
    source = source_of(log)
    model, train = fit_model(source, target, train_until, policy, rates, recipe, progress)
    findings = lint(model.encoding, train.matrix, train.y, policy)
    refuse(target, findings, override)
    progress("test rows")
    test = gather_test(source, model, train_until, test_until, policy, rates)
    p = model.probability(test.matrix)
    progress("baselines")
    rivals = baseline_predictions(target, train.matrix, train.y, test.matrix)
    report = _report(source, model, train, test, p, rivals, train_until, test_until, policy)
    findings += too_good(test.y, p, test.matrix, policy)
    refuse(target, findings, override)
    report["leakage"] = {"findings": [asdict(f) for f in findings], "override": override}
    if repeats:
        progress("bootstrap")
        report["differences"] = _differences(source, train, test, p, rivals, repeats)
    return Backtest(model, train, test, p, rivals, report)


def gather_test(
    source: Source,
    model: RiskModel,
    train_until: int,
    test_until: int,
    policy: Policy,
    rates: Rates,
) -> Examples:
    """Labelled rows seen in ``[train_until, test_until)``.

    Raises
    ------
    DataError
        If there are none.
    """
    target: Target = model.target  # type: ignore[assignment]
    rhythm: Rhythm = model.facts["rhythm"]
    test = source.examples(target, rhythm, train_until, test_until, model.encoding, policy, rates)
    if not len(test.y):
        raise DataError(
            f"{target}: none of the {test.n_credited + test.n_unknown:,} rows from "
            f"{timestamp(train_until):%Y-%m-%d} to {timestamp(test_until):%Y-%m-%d} has a label: "
            f"the log ends on {timestamp(source.ends_at):%Y-%m-%d}. Move the dates back or shorten "
            "the horizon."
        )
    return test


def _report(
    source: Source,
    model: RiskModel,
    train: Examples,
    test: Examples,
    p: NDArray[np.float64],
    rivals: dict[str, NDArray[np.float64]],
    train_until: int,
    test_until: int,
    policy: Policy,
) -> dict[str, Any]:
    y, balance, prevalence = test.y, test.balance, float(model.facts["prevalence"])
    slices = cut_into_slices(train, test, source.has_customers)
    return {
        "target": model.target,
        "train_until": timestamp(train_until).isoformat(),
        "test_until": timestamp(test_until).isoformat(),
        "log_end": timestamp(source.ends_at).isoformat(),
        "snapshots": model.facts["rhythm"],
        "policy": policy.as_dict(),
        "n_train": model.facts["n_train"],
        "n_test": len(test.y),
        "n_test_whole": test.whole.n_rows if test.whole else len(test.y),
        "positives": int(y.sum()),
        "positives_train": model.facts["positives"],
        "n_credited": test.n_credited,
        "n_window_unfinished": test.n_unknown,
        "rounds": model.facts["rounds"],
        "calibration": model.calibrator.kind,
        "attributes": model.encoding.attributes,
        "attributes_left_out": model.encoding.left_out,
        "metrics": metrics(y, p, balance, prevalence),
        "baselines": {
            name: metrics(y, rival, balance, prevalence) for name, rival in rivals.items()
        },
        "slices": slices.metrics(y, p, balance, prevalence),
        "by_cutoff": _by_cutoff(
            slices.labels["cutoff"], y, balance, prevalence, {"model": p} | rivals
        ),
    }


def _by_cutoff(
    month: NDArray[np.object_],
    y: NDArray[np.float64],
    balance: NDArray[np.float64],
    prevalence: float,
    predictions: dict[str, NDArray[np.float64]],
) -> dict[str, dict[str, dict[str, float | None]]]:
    """ROC AUC and Brier skill of the model and of every baseline, cutoff month by cutoff month."""
    shown = ("n", "positives", "roc_auc", "brier_skill")
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for name in sorted(set(month)):
        rows = month == name
        found[name] = {}
        for who, p in predictions.items():
            figures = metrics(y[rows], p[rows], balance[rows], prevalence)
            found[name][who] = {key: figures.get(key) for key in shown}
    return found


def cut_into_slices(train: Examples, test: Examples, has_customers: bool) -> Slices:
    """Test rows by month of cutoff, ageing bucket, history depth and customers seen in training."""
    matrix = test.matrix
    known = np.isin(test.customer, train.customers)
    return Slices(
        {
            "cutoff": month_of(matrix.snapshots.cutoff),
            "ageing_bucket": bucket_of_days(matrix["days_past_due"].astype(np.float64)),
            "history_depth": history_band(matrix["history_depth"].astype(np.float64)),
            "customer" if has_customers else "invoice": np.where(
                known, "seen in training", "unseen"
            ).astype(object),
        }
    )


def _differences(
    source: Source,
    train: Examples,
    test: Examples,
    p: NDArray[np.float64],
    rivals: dict[str, NDArray[np.float64]],
    repeats: int,
) -> dict[str, Any]:
    """Model less each baseline, with 95 % intervals by resampled customers (or invoices)."""
    prevalence = float(train.y.mean())
    found = {}
    for name, rival in rivals.items():
        pairs = paired_differences(
            test.y, p, rival, test.customer.astype(np.int64), prevalence, repeats=repeats
        )
        found[name] = {metric: asdict(difference) for metric, difference in pairs.items()}
    return {"resampled": "customers" if source.has_customers else "invoices", "over": found}
