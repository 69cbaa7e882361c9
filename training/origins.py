"""Rolling origins: the same test begun at several dates, each with a model trained by then.

One test period is one draw of the economy. Here it is cut into consecutive stretches; each is
predicted by a model trained on what was known when it begins, less an embargo. The window of a
label needs no gap of its own: the log is cut at each origin, so a row whose window was not finished
by then has no label there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from eventlog.errors import SettingsError
from eventlog.log import DAY, EventLog, micros, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from training.assessment import MODEL, ScoredRows, assess, pool
from training.backtest import NothingToTestError, run_backtest
from training.capacity import CALL_COST, Per, costs_of, period_of
from training.examples import Source, source_of
from training.fit import Progress, Recipe, TooFewCasesError
from training.labels import Target

#: Metrics whose spread over the origins is told.
SPREAD = (
    "prevalence",
    "roc_auc",
    "average_precision",
    "brier",
    "brier_skill",
    "ece",
    "slope",
    "observed_to_expected",
    "balance_recall_at_10",
)


@dataclass(frozen=True)
class RollingBacktest:
    """Backtests at several origins.

    Attributes
    ----------
    parts : tuple of ScoredRows
        The test rows of each origin that could be trained and tested.
    rows : ScoredRows
        All of them.
    report : dict
        Plain values: what `duecast backtest --origins --json` prints.
    """

    parts: tuple[ScoredRows, ...]
    rows: ScoredRows
    report: dict[str, Any]


def bounds_of(since: int, until: int, n: int) -> list[int]:
    """Bounds of n consecutive stretches of ``[since, until)``, about equally long.

    Inner bounds are the nearest starts of months, or of days where the stretches are too short for
    that.

    Raises
    ------
    SettingsError
        If the period has fewer days than stretches.
    """
    even = np.linspace(since, until, n + 1)[1:-1]
    for step in ("MS", "D"):
        first, last = timestamp(since), timestamp(until)
        starts = pd.date_range(first.floor("D"), last, freq=step)
        inside = np.array([micros(day) for day in starts if first < day < last], dtype=np.int64)
        if not len(even):
            return [since, until]
        if not len(inside):
            continue
        nearest = inside[np.abs(inside[None, :] - even[:, None]).argmin(axis=1)]
        if len(np.unique(nearest)) == n - 1:
            return [since, *nearest.tolist(), until]
    raise SettingsError(
        f"{n} origins do not fit between {timestamp(since):%Y-%m-%d} and "
        f"{timestamp(until):%Y-%m-%d}. Choose fewer, or later --test-until."
    )


def run_rolling(
    log: EventLog | Source,
    target: Target,
    train_until: int,
    test_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    *,
    origins: int = 4,
    embargo_days: int = 0,
    override: str = "",
    repeats: int = 400,
    progress: Progress = lambda _: None,
    call_cost: float = CALL_COST,
    per: Per | None = None,
) -> RollingBacktest:
    """Backtest on consecutive stretches of ``[train_until, test_until)``.

    Parameters
    ----------
    origins : int
        How many stretches; three or more tell something of the spread.
    embargo_days : int
        Days before each stretch that its model does not know.
    override, repeats, call_cost, per
        See `training.backtest.run_backtest`.

    Returns
    -------
    RollingBacktest
        ``report["origins"]`` lists every origin: its report, or ``left_out`` with the reason why it
        could not be trained or tested. ``report["pooled"]`` is about the rows of all stretches,
        ``report["spread"]`` about the figures over the origins.

    Raises
    ------
    SettingsError
        If the stretches do not fit, or the embargo is negative.
    NothingToTestError
        If no origin could be trained and tested.
    LeakageError
        If the linter objects at any origin and no override is given.
    """
    if embargo_days < 0:
        raise SettingsError(f"The embargo is {embargo_days} days. State 0 or more.")
    source = source_of(log)
    bounds = bounds_of(train_until, test_until, origins)
    told: list[dict[str, Any]] = []
    parts: list[ScoredRows] = []
    for i, (since, until) in enumerate(pairwise(bounds)):

        def say(stage: str, i: int = i) -> None:
            progress(f"origin {i + 1} of {origins}: {stage}")

        known_until = since - embargo_days * DAY
        about = {
            "origin": timestamp(since).isoformat(),
            "train_until": timestamp(known_until).isoformat(),
            "test_until": timestamp(until).isoformat(),
        }
        try:
            found = run_backtest(
                source,
                target,
                known_until,
                until,
                policy,
                rates,
                recipe,
                override=override,
                repeats=repeats,
                progress=say,
                test_since=since,
                call_cost=call_cost,
                per=per,
            )
        except (TooFewCasesError, NothingToTestError) as error:
            told.append(about | {"left_out": str(error)})
            continue
        told.append(about | {"report": found.report})
        if found.rows is not None:
            parts.append(found.rows)
    if not parts:
        reasons = "; ".join(f"{each['origin'][:10]}: {each['left_out']}" for each in told)
        raise NothingToTestError(f"No origin could be tested. {reasons}")
    progress("all origins together")
    rows = pool(parts)
    reports = [each["report"] for each in told if "report" in each]
    first = reports[0]
    pooled = assess(
        rows,
        resampled="customers" if source.has_customers else "invoices",
        repeats=repeats,
        costs=costs_of(target, policy, call=call_cost),
        per=per or period_of(first["snapshots"]),
        currency=first["capacity"]["currency"],
    )
    report = {
        "target": target,
        "train_until": timestamp(train_until).isoformat(),
        "test_until": timestamp(test_until).isoformat(),
        "log_end": first["log_end"],
        "snapshots": first["snapshots"],
        "policy": policy.as_dict(),
        "embargo_days": embargo_days,
        "n_test": len(rows.y),
        "positives": int(rows.y.sum()),
        "origins": told,
        "pooled": pooled,
        "spread": spread(reports, list(rows.predictions)),
    }
    return RollingBacktest(tuple(parts), rows, report)


def spread(
    reports: list[dict[str, Any]], names: list[str]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Mean, standard deviation, least and greatest of each metric over the origins.

    Every origin counts the same, however many rows it has. The standard deviation (of a sample) is
    None with a single origin.

    Returns
    -------
    dict of str to dict of str to dict
        For each prediction and metric: ``mean``, ``sd``, ``least``, ``greatest``, and ``origins``,
        the number of origins at which the metric is defined.
    """
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for name in names:
        tables = [r["metrics"] if name == MODEL else r["baselines"][name] for r in reports]
        found[name] = {}
        for metric in SPREAD:
            values = np.array([t[metric] for t in tables if t.get(metric) is not None])
            if not len(values):
                continue
            found[name][metric] = {
                "mean": float(values.mean()),
                "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
                "least": float(values.min()),
                "greatest": float(values.max()),
                "origins": len(values),
            }
    return found
