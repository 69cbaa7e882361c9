"""The backtest: train on what was known at one date, report on what came after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError, SettingsError
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding
from features.snapshots import Rhythm
from training.assessment import MODEL, ScoredRows, assess
from training.baselines import baseline_predictions, baselines_left_out
from training.capacity import CALL_COST, Per, costs_of, period_of
from training.examples import Examples, Source, source_of
from training.fit import Progress, Recipe, fit_model
from training.gate import lint, refuse, too_good
from training.labels import Target
from training.model import RiskModel
from training.slices import cut_into_slices as cut_into_slices


class NothingToTestError(DataError):
    """No row of the test period has a label."""


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
    rows : ScoredRows or None
        The test rows with all predictions and the ways to cut them.
    """

    model: RiskModel
    train: Examples
    test: Examples
    p: NDArray[np.float64]
    rivals: dict[str, NDArray[np.float64]]
    report: dict[str, Any]
    rows: ScoredRows | None = None


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
    test_since: int | None = None,
    call_cost: float = CALL_COST,
    per: Per | None = None,
) -> Backtest:
    """Train on what was known at ``train_until``, test on ``[train_until, test_until)``.

    Parameters
    ----------
    override : str
        Reason for going on although the leakage linter objects.
    repeats : int
        Bootstrap samples behind intervals and differences to the baselines; 0 leaves them out.
    test_since : int, optional
        Test on ``[test_since, test_until)`` instead, for an embargo between training and test.
    call_cost : float
        Currency units a call, for the cost of a team's work; see `training.capacity`.
    per : {'day', 'week', 'month'}, optional
        Stretch in which the team's calls are counted; default a week, a month for monthly rows.

    Raises
    ------
    TooFewCasesError
        If the training rows hold too few positives or negatives.
    LeakageError
        If the linter objects and no override is given.
    NothingToTestError
        If there is nothing to test on.
    SettingsError
        If the test would begin before the training ends.
    """
    since = train_until if test_since is None else test_since
    if since < train_until:
        raise SettingsError(
            f"The test would begin on {timestamp(since):%Y-%m-%d}, before the training ends on "
            f"{timestamp(train_until):%Y-%m-%d}. Move it back."
        )
    source = source_of(log)
    model, train = fit_model(source, target, train_until, policy, rates, recipe, progress)
    findings = lint(model.encoding, train.matrix, train.y, policy)
    refuse(target, findings, override)
    progress("test rows")
    test = gather_test(source, model, since, test_until, policy, rates)
    p = model.probability(test.matrix)
    progress("baselines")
    rivals = baseline_predictions(target, train.matrix, train.y, test.matrix)
    currency = currency_of(model.encoding, rates)
    rows = _scored(source, model, train, test, {MODEL: p} | rivals, policy, currency)
    findings += too_good(test.y, p, test.matrix, policy)
    refuse(target, findings, override)
    progress("metrics and bootstrap" if repeats else "metrics")
    report = _facts(source, model, train, test, train_until, since, test_until, policy)
    report |= assess(
        rows,
        resampled="customers" if source.has_customers else "invoices",
        repeats=repeats,
        costs=costs_of(target, policy, call=call_cost),
        per=per or period_of(model.facts["rhythm"]),
        currency=currency,
    )
    report["leakage"] = {"findings": [asdict(f) for f in findings], "override": override}
    return Backtest(model, train, test, p, rivals, report, rows)


def gather_test(
    source: Source,
    model: RiskModel,
    since: int,
    test_until: int,
    policy: Policy,
    rates: Rates,
) -> Examples:
    """Labelled rows seen in ``[since, test_until)``.

    Raises
    ------
    NothingToTestError
        If there are none.
    """
    target: Target = model.target  # type: ignore[assignment]
    rhythm: Rhythm = model.facts["rhythm"]
    test = source.examples(target, rhythm, since, test_until, model.encoding, policy, rates)
    if not len(test.y):
        raise NothingToTestError(
            f"{target}: none of the {test.n_credited + test.n_unknown:,} rows from "
            f"{timestamp(since):%Y-%m-%d} to {timestamp(test_until):%Y-%m-%d} has a label: "
            f"the log ends on {timestamp(source.ends_at):%Y-%m-%d}. Move the dates back or shorten "
            "the horizon."
        )
    return test


def currency_of(encoding: Encoding, rates: Rates) -> str:
    """What amounts are in: the rate table's currency, else the log's only one, else not said."""
    stated = encoding.levels.get("currency", ())
    return rates.reporting or (stated[0] if len(stated) == 1 else "")


def _scored(
    source: Source,
    model: RiskModel,
    train: Examples,
    test: Examples,
    predictions: dict[str, NDArray[np.float64]],
    policy: Policy,
    currency: str,
) -> ScoredRows:
    return ScoredRows(
        y=test.y,
        predictions=predictions,
        balance=test.balance,
        days_past_due=test.matrix["days_past_due"].astype(np.float64),
        customer=test.customer.astype(np.int64),
        cutoff=test.matrix.snapshots.cutoff,
        prevalence=np.full(len(test.y), float(model.facts["prevalence"])),
        slices=cut_into_slices(train, test, source.has_customers, model.encoding, policy, currency),
    )


def _facts(
    source: Source,
    model: RiskModel,
    train: Examples,
    test: Examples,
    train_until: int,
    since: int,
    test_until: int,
    policy: Policy,
) -> dict[str, Any]:
    """What was trained and tested on what."""
    return {
        "target": model.target,
        "train_until": timestamp(train_until).isoformat(),
        "test_since": timestamp(since).isoformat(),
        "test_until": timestamp(test_until).isoformat(),
        "log_end": timestamp(source.ends_at).isoformat(),
        "snapshots": model.facts["rhythm"],
        "policy": policy.as_dict(),
        "n_train": model.facts["n_train"],
        "n_test": len(test.y),
        "n_test_whole": test.whole.n_rows if test.whole else len(test.y),
        "positives": int(test.y.sum()),
        "positives_train": model.facts["positives"],
        "n_credited": test.n_credited,
        "n_window_unfinished": test.n_unknown,
        "rounds": model.facts["rounds"],
        "calibration": model.calibrator.kind,
        "attributes": model.encoding.attributes,
        "attributes_left_out": model.encoding.left_out,
        "baselines_left_out": baselines_left_out(train.matrix),
    }
