"""The training job: test on the latest labelled stretch, refit on everything known, register."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from eventlog.errors import DataError
from eventlog.known import Ints
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import choose_encoding
from features.matrix import build_matrix
from features.snapshots import Rhythm, take_snapshots
from training.appointments import appoint, holder, record
from training.backtest import Backtest, run_backtest
from training.card import card_texts
from training.curve import TARGET as CURVE
from training.curve import fit_curve, in_memory
from training.curve_backtest import HORIZONS, CurveBacktest, run_curve_backtest
from training.curve_plots import draw_curve
from training.curve_promotion import judge_curve, lint_curve
from training.examples import Source, source_of
from training.fit import Progress, Recipe, TooFewCasesError, fit_model, in_rhythm
from training.gate import LeakageError, lint, refuse
from training.importance import FACT as IMPORTANCE
from training.importance import with_importance
from training.labels import MODELS, QUESTION, Target
from training.model import RiskModel
from training.plots import draw_test
from training.promotion import (
    Check,
    Decision,
    judge,
    latest_share,
    question_of,
    tuned_until,
    unseen_by_tuning,
    untuned_share,
)
from training.registry import Registry, Version, find_version, register

#: Rows that are searched for leaks before a payment curve is trained, at most.
LINTED_ROWS = 50_000
#: Horizon at which a payment curve's figures stand beside those of the other models, in days.
HEADLINE_DAYS = 30


@dataclass(frozen=True)
class Outcome:
    """What training did for a target: a version with its test, or the reason it was skipped.

    Attributes
    ----------
    target : str
    version : Version or None
        None where the target was skipped.
    report : dict or None
        Of the test; None where there was none.
    untested, skipped : str
        Why, in words; "" where it was tested, or trained.
    decision : Decision or None
        Where no version served yet: whether this one may.
    leaks : bool
        Whether it was the leakage linter that stopped it.
    """

    target: str
    version: Version | None = None
    report: dict[str, Any] | None = None
    untested: str = ""
    skipped: str = ""
    decision: Decision | None = None
    leaks: bool = False


def train_all(
    log: EventLog | Source,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    registry: Registry,
    *,
    targets: tuple[str, ...] = MODELS,
    recipes: Mapping[str, Recipe] | None = None,
    log_name: str = "",
    override: str = "",
    serve_anyway: str = "",
    progress: Progress = lambda _: None,
) -> list[Outcome]:
    """Train, test and register every target that has enough cases.

    A version waits as challenger for `duecast promote`. Where none serves yet, it serves at once if
    its own test passes the checks of a first champion.

    Parameters
    ----------
    train_until : int
        Exclusive, microseconds; nothing known later is used.
    targets : tuple of str
        Targets, and ``payment_curve``.
    recipes : mapping of str to Recipe, optional
        Recipes of some targets that differ from ``recipe``, for instance tuned ones.
    log_name : str
        For the run's record.
    override : str
        Reason for going on although the leakage linter objects.
    serve_anyway : str
        Reason for letting a first version serve although its test objects; goes on record.
    """
    known = source_of(log).before(train_until)
    outcomes = []
    for target in targets:

        def say(stage: str, target: str = target) -> None:
            progress(f"{target}: {stage}")

        job = _train_curve if target == CURVE else _train_target
        try:
            its_own = (recipes or {}).get(target, recipe)
            trained = job(known, target, train_until, policy, rates, its_own, override, say)
        except (TooFewCasesError, LeakageError) as error:
            leaks = isinstance(error, LeakageError)
            outcomes.append(Outcome(target, skipped=str(error), leaks=leaks))
            continue
        say("registering")
        version = _register(registry, known, trained, log_name, override)
        decision = None
        if holder(registry, target, "champion") is None:
            decision = _first(trained, version.version, train_until)
            version = _appointed(registry, version, decision, serve_anyway)
        outcomes.append(Outcome(target, version, trained.report, trained.untested, "", decision))
    return outcomes


@dataclass(frozen=True)
class _Trained:
    """A model ready to be registered, and what its test found."""

    model: RiskModel
    untested: str = ""
    report: dict[str, Any] | None = None
    checks: tuple[Check, ...] = ()
    draw: Callable[[Path], Any] | None = None


def _train_target(
    known: Source,
    target: str,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    override: str,
    progress: Progress,
) -> _Trained:
    """Test a target's model on the latest labelled stretch, then fit it to all."""
    asked = cast(Target, target)
    tested, untested = _test(known, asked, train_until, policy, rates, recipe, override, progress)
    model, examples = fit_model(known, asked, train_until, policy, rates, recipe, progress)
    seen = examples.matrix.without(model.left_out)
    refuse(target, lint(model.encoding, seen, examples.y, policy), override)
    model = with_importance(model, examples.matrix)
    if tested is None:
        return _Trained(model, untested)
    progress("checks")
    return _Trained(
        model,
        "",
        tested.report,
        (*unseen_by_tuning(model.facts, _since(tested.report)), *judge(question_of(tested))),
        lambda folder: draw_test(tested, folder),
    )


def _train_curve(
    known: Source,
    target: str,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    override: str,
    progress: Progress,
) -> _Trained:
    """Test a payment curve on the latest quarter of the snapshots, then fit it to all."""
    log = in_memory(known).log
    ledger = keep_ledger(log, policy)
    rhythm: Rhythm = in_rhythm(known, recipe, train_until, policy).rhythm or "weekly"
    snapshots = take_snapshots(log, ledger, rhythm, None, train_until)
    drawn = np.random.default_rng(0).permutation(len(snapshots))[:LINTED_ROWS]
    some = snapshots.take(np.sort(drawn))
    encoding = choose_encoding(log, train_until, only=recipe.only, without=recipe.without)
    progress("leaks")
    matrix = build_matrix(log, some, encoding, policy, rates)
    leaks = lint_curve(log, some, matrix.without(recipe.left_out), encoding, policy)
    refuse(target, leaks, override)
    tested: CurveBacktest | None = None
    untested = ""
    since = _curve_test_since(snapshots.cutoff, train_until)
    try:
        tested = run_curve_backtest(
            known, since, train_until, policy, rates, recipe, repeats=100, progress=progress
        )
    except (TooFewCasesError, DataError) as error:
        untested = f"no test before {timestamp(since):%Y-%m-%d}: {error}"
    model, examples = fit_curve(known, train_until, policy, rates, recipe, progress)
    model = with_importance(model, examples.matrix)
    if tested is None:
        return _Trained(model, untested)
    progress("checks")
    checks = judge_curve(tested.asked, None, tested.matrix, tested.model, policy)
    found = tested
    return _Trained(model, "", found.report, tuple(checks), lambda to: draw_curve(found, to))


def _curve_test_since(cutoff: Ints, train_until: int) -> int:
    """Day from which on a quarter of the snapshots are seen whose longest window was over."""
    over = cutoff[cutoff + HORIZONS[-1] * DAY < train_until]
    if not len(over):
        return train_until
    return latest_share(over)


def _first(trained: _Trained, version: str, train_until: int) -> Decision:
    """Whether a version may be the first to serve, by its own test."""
    report = trained.report
    checks = trained.checks
    if report is None:
        checks = (Check("test", False, f"it was not tested: {trained.untested}"),)
    metrics = (report or {}).get("metrics", {})
    return Decision(
        target=trained.model.target,
        version=version,
        champion="",
        compared="fitted again",
        since=report["train_until"][:10] if report else "",
        until=f"{timestamp(train_until):%Y-%m-%d}",
        n=report["n_test"] if report else 0,
        positives=int(metrics.get("positives", 0)),
        checks=checks,
    )


def _appointed(registry: Registry, version: Version, decision: Decision, anyway: str) -> Version:
    if not decision.accepted and not anyway:
        record(registry, decision, "refused", "first version, by its own test")
        return version
    said = "first version: it passed every check of its own test"
    appoint(registry, version, decision, said, "" if decision.accepted else anyway)
    return find_version(registry, version.target, version.version)


def _test(
    known: Source,
    target: Target,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    override: str,
    progress: Progress,
) -> tuple[Backtest | None, str]:
    """Backtest on the latest labelled stretch; or why that is not possible."""
    since = _test_since(known, target, train_until, policy, recipe)
    if since is None:
        return None, "no row has a label"
    try:
        return run_backtest(
            known,
            target,
            since,
            train_until,
            policy,
            rates,
            recipe,
            override=override,
            repeats=100,
            progress=progress,
        ), ""
    except (TooFewCasesError, DataError) as error:
        return None, f"no test before {timestamp(since):%Y-%m-%d}: {error}"


def _since(report: dict[str, Any]) -> int:
    return int(np.datetime64(report["train_until"], "us").astype(np.int64))


def _test_since(
    known: Source, target: Target, train_until: int, policy: Policy, recipe: Recipe
) -> int | None:
    """Day from which on the latest `TEST_SHARE` of the labelled rows are seen."""
    rhythm: Rhythm = "posting" if recipe.rhythm == "posting" else "monthly"
    cutoffs, y, invoice = known.outcomes(target, rhythm, train_until, policy)
    if not len(cutoffs):
        return None
    return untuned_share(cutoffs, y, invoice, tuned_until({"tuned_until": recipe.tuned_until}))


def _register(
    registry: Registry, known: Source, trained: _Trained, log_name: str, override: str
) -> Version:
    model, report = trained.model, trained.report
    facts = model.facts
    parameters = {f"policy.{name}": value for name, value in facts["policy"].items()}
    parameters |= {
        name: value for name, value in facts.items() if name not in ("policy", IMPORTANCE)
    }
    parameters |= known.facts()
    parameters |= {
        "log": log_name,
        "question": QUESTION[model.target].format(**facts["policy"]),
        "attributes": model.encoding.attributes,
        "attributes_left_out": model.encoding.left_out,
        "leakage_override": override,
        "untested": trained.untested,
    }
    tags = {"target": model.target, "log_fingerprint": known.facts()["log_fingerprint"]}
    files: dict[str, str] = {}
    metrics: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if report is not None and trained.draw is not None:
            parameters |= {
                "test_since": report["train_until"],
                "test_until": report["test_until"],
                "n_train_before_test": report["n_train"],
                "n_test": report["n_test"],
            }
            metrics = _numbers("test", report.get("metrics", {}))
            for name, rival in report.get("baselines", {}).items():
                metrics |= _numbers(name, rival)
            by_horizon = report.get("by_horizon", {})
            for days, found in by_horizon.items():
                metrics |= _numbers(f"test.{days}_days", found)
            metrics |= _numbers("test", headline(by_horizon))
            files["report.json"] = json.dumps(report, indent=1, default=str)
            trained.draw(Path(folder))
        figures = Path(folder) if report is not None else None
        written = json.loads(files["report.json"]) if report is not None else None
        return register(
            registry,
            model,
            parameters=parameters,
            metrics=metrics,
            tags=tags,
            files=files,
            figures=figures,
            card=partial(card_texts, model, report=written, figures=figures),
        )


def headline(by_horizon: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A payment curve's figures at the tested horizon that is nearest to `HEADLINE_DAYS`.

    Returns
    -------
    dict
        That horizon's metrics and ``horizon_days``; empty where no horizon was tested.
    """
    tested = [days for days, found in by_horizon.items() if found.get("n")]
    if not tested:
        return {}
    nearest = min(tested, key=lambda days: (abs(int(days) - HEADLINE_DAYS), int(days)))
    return {**by_horizon[nearest], "horizon_days": int(nearest)}


def _numbers(prefix: str, found: dict[str, Any]) -> dict[str, float]:
    return {
        f"{prefix}.{name}": float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and np.isfinite(value)
    }
