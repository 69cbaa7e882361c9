"""The training job: test on the latest labelled stretch, refit on everything known, register."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eventlog.errors import DataError
from eventlog.log import DAY, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.snapshots import Rhythm
from training.backtest import Backtest, run_backtest
from training.examples import Source, source_of
from training.fit import Progress, Recipe, TooFewCasesError, fit_model
from training.gate import LeakageError, lint, refuse
from training.labels import QUESTION, TARGETS, Target
from training.model import RiskModel
from training.plots import plot_importance, plot_recall, plot_reliability
from training.registry import Registry, Version, register

#: The latest share of labelled rows on which a version is tested before it is refitted.
TEST_SHARE = 0.25


@dataclass(frozen=True)
class Outcome:
    """What training did for a target: a version with its test, or the reason it was skipped."""

    target: str
    version: Version | None = None
    report: dict[str, Any] | None = None
    untested: str = ""
    skipped: str = ""


def train_all(
    log: EventLog | Source,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    registry: Registry,
    *,
    targets: tuple[Target, ...] = TARGETS,
    log_name: str = "",
    override: str = "",
    progress: Progress = lambda _: None,
) -> list[Outcome]:
    """Train, test and register every target that has enough cases.

    Parameters
    ----------
    train_until : int
        Exclusive, microseconds; nothing known later is used.
    log_name : str
        For the run's record.
    override : str
        Reason for going on although the leakage linter objects.
    """
    known = source_of(log).before(train_until)
    outcomes = []
    for target in targets:

        def say(stage: str, target: str = target) -> None:
            progress(f"{target}: {stage}")

        try:
            tested, untested = _test(
                known, target, train_until, policy, rates, recipe, override, say
            )
            model, examples = fit_model(known, target, train_until, policy, rates, recipe, say)
            refuse(target, lint(model.encoding, examples.matrix, examples.y, policy), override)
        except (TooFewCasesError, LeakageError) as error:
            outcomes.append(Outcome(target, skipped=str(error)))
            continue
        say("registering")
        version = _register(registry, known, model, tested, log_name, override)
        report = tested.report if tested else None
        outcomes.append(Outcome(target, version, report, untested))
    return outcomes


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


def _test_since(
    known: Source, target: Target, train_until: int, policy: Policy, recipe: Recipe
) -> int | None:
    """Day from which on the latest `TEST_SHARE` of the labelled rows are seen."""
    rhythm: Rhythm = "posting" if recipe.rhythm == "posting" else "monthly"
    cutoffs = known.labelled_cutoffs(target, rhythm, train_until, policy)
    if not len(cutoffs):
        return None
    since = int(np.quantile(cutoffs, 1 - TEST_SHARE, method="lower"))
    return since - since % DAY


def _register(
    registry: Registry,
    known: Source,
    model: RiskModel,
    tested: Backtest | None,
    log_name: str,
    override: str,
) -> Version:
    facts = model.facts
    parameters = {f"policy.{name}": value for name, value in facts["policy"].items()}
    parameters |= {name: value for name, value in facts.items() if name != "policy"}
    parameters |= known.facts()
    parameters |= {
        "log": log_name,
        "question": QUESTION[model.target].format(**facts["policy"]),
        "attributes": model.encoding.attributes,
        "attributes_left_out": model.encoding.left_out,
        "leakage_override": override,
    }
    tags = {"target": model.target, "log_fingerprint": known.facts()["log_fingerprint"]}
    files: dict[str, str] = {}
    metrics: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if tested:
            report = tested.report
            parameters |= {
                "test_since": report["train_until"],
                "test_until": report["test_until"],
                "n_train_before_test": report["n_train"],
                "n_test": report["n_test"],
            }
            metrics = _numbers("test", report["metrics"])
            for name, rival in report["baselines"].items():
                metrics |= _numbers(name, rival)
            files["report.json"] = json.dumps(report, indent=1, default=str)
            _draw(tested, Path(folder))
        return register(
            registry,
            model,
            parameters=parameters,
            metrics=metrics,
            tags=tags,
            files=files,
            figures=Path(folder) if tested else None,
        )


def _numbers(prefix: str, found: dict[str, Any]) -> dict[str, float]:
    return {
        f"{prefix}.{name}": float(value)
        for name, value in found.items()
        if value is not None and np.isfinite(value)
    }


def _draw(tested: Backtest, folder: Path) -> None:
    report, y = tested.report, tested.test.y
    split = f"trained until {report['train_until'][:10]}, tested until {report['test_until'][:10]}"
    title = f"{report['target']}: {split}, {report['n_test']:,} rows"
    plot_reliability(y, tested.p, title, folder / "reliability.png")
    ranked = {"model": tested.p, "by balance": tested.test.balance} | {
        name: p for name, p in tested.rivals.items() if name != "prevalence"
    }
    plot_recall(y, tested.test.balance, ranked, title, folder / "recall.png")
    plot_importance(tested.model, title, folder / "importance.png")
