"""The backtest: train on what was known at one date, report on what came after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError
from eventlog.ledger import ageing_bucket, keep_ledger
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.snapshots import take_snapshots
from training.baselines import baseline_predictions
from training.evaluation import Slices, history_band, metrics, month_of, paired_differences
from training.fit import Examples, Progress, Recipe, fit_model, gather_examples
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
    log: EventLog,
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
    model, train = fit_model(log, target, train_until, policy, rates, recipe, progress)
    findings = lint(model.encoding, train.matrix, train.y, policy)
    refuse(target, findings, override)
    progress("test rows")
    test = gather_test(log, model, train_until, test_until, policy, rates)
    p = model.probability(test.matrix)
    progress("baselines")
    rivals = baseline_predictions(target, train.matrix, train.y, test.matrix)
    report = _report(log, model, train, test, p, rivals, train_until, test_until, policy)
    findings += too_good(test.y, p, test.matrix, policy)
    refuse(target, findings, override)
    report["leakage"] = {"findings": [asdict(f) for f in findings], "override": override}
    if repeats:
        progress("bootstrap")
        report["differences"] = _differences(log, train, test, p, rivals, repeats)
    return Backtest(model, train, test, p, rivals, report)


def gather_test(
    log: EventLog,
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
    ledger = keep_ledger(log, policy)
    snapshots = take_snapshots(log, ledger, model.facts["rhythm"], train_until, test_until)
    target: Target = model.target  # type: ignore[assignment]
    test = gather_examples(log, ledger, snapshots, model.encoding, target, policy, rates)
    if not len(test.y):
        raise DataError(
            f"{target}: none of the {len(snapshots):,} snapshots from "
            f"{timestamp(train_until):%Y-%m-%d} to {timestamp(test_until):%Y-%m-%d} has a label: "
            f"the log ends on {timestamp(log.ends_at):%Y-%m-%d}. Move the dates back or shorten "
            "the horizon."
        )
    return test


def _report(
    log: EventLog,
    model: RiskModel,
    train: Examples,
    test: Examples,
    p: NDArray[np.float64],
    rivals: dict[str, NDArray[np.float64]],
    train_until: int,
    test_until: int,
    policy: Policy,
) -> dict[str, Any]:
    y, balance, prevalence = test.y, test.balance, float(train.y.mean())
    slices = cut_into_slices(log, train, test, policy)
    return {
        "target": model.target,
        "train_until": timestamp(train_until).isoformat(),
        "test_until": timestamp(test_until).isoformat(),
        "log_end": timestamp(log.ends_at).isoformat(),
        "snapshots": model.facts["rhythm"],
        "policy": policy.as_dict(),
        "n_train": len(train.y),
        "n_test": len(test.y),
        "positives": int(y.sum()),
        "positives_train": int(train.y.sum()),
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


def cut_into_slices(log: EventLog, train: Examples, test: Examples, policy: Policy) -> Slices:
    """Test rows by month of cutoff, ageing bucket, history depth and customers seen in training."""
    snapshots = test.matrix.snapshots
    states = keep_ledger(log, policy).as_of(snapshots.invoice, snapshots.cutoff)
    owner = log.invoice_customer if log.has_customers else np.arange(log.n_invoices)
    known = np.isin(owner[snapshots.invoice], owner[train.matrix.snapshots.invoice])
    return Slices(
        {
            "cutoff": month_of(snapshots.cutoff),
            "ageing_bucket": ageing_bucket(states, snapshots.cutoff),
            "history_depth": history_band(test.matrix["history_depth"].astype(np.float64)),
            "customer" if log.has_customers else "invoice": np.where(
                known, "seen in training", "unseen"
            ).astype(object),
        }
    )


def _differences(
    log: EventLog,
    train: Examples,
    test: Examples,
    p: NDArray[np.float64],
    rivals: dict[str, NDArray[np.float64]],
    repeats: int,
) -> dict[str, Any]:
    """Model less each baseline, with 95 % intervals by resampled customers (or invoices)."""
    invoice = test.matrix.snapshots.invoice
    group = log.invoice_customer[invoice] if log.has_customers else invoice
    prevalence = float(train.y.mean())
    found = {}
    for name, rival in rivals.items():
        pairs = paired_differences(
            test.y, p, rival, group.astype(np.int64), prevalence, repeats=repeats
        )
        found[name] = {metric: asdict(difference) for metric, difference in pairs.items()}
    return {"resampled": "customers" if log.has_customers else "invoices", "over": found}
