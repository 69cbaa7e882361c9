"""Write-offs over several horizons: how many positives each has, and how well it can be told.

Per horizon one model, trained on what was known at the first date and tested on the cutoffs from
then on whose window closed by the end of the log. Every figure comes with a 95 % interval by
resampled customers (invoices, where the log names none), beside the differences to two look-up
tables on the same samples, and cutoff by cutoff, because write-offs that are made in batches fall
into the windows of some cutoffs and of others not at all. A horizon with too few positives is
refused in words. Beside the positive invoices stands on how many days they were written off: an
interval by invoices says nothing of how other days would have come out.

    python -m benchmarks.write_off_horizons LOG --train-until 2005-04-01 --test-until 2007-01-01 \
        --horizons 180 365 730 --snapshots monthly --seeds 1 --threads 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from eventlog.errors import DataError
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, EventLog, micros, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_for, read_rates
from eventlog.reader import read_log
from training.backtest import Backtest, run_backtest
from training.evaluation import metrics
from training.fit import Recipe, TooFewCasesError
from training.gate import LeakageError
from training.intervals import Interval, resample

HORIZONS = (180, 365, 730)
#: Metrics with an interval, and what they are called.
SHOWN = {"roc_auc": "ROC AUC", "average_precision": "avg. precision", "brier_skill": "Brier skill"}
#: Baselines that the model is set against.
RIVALS = ("ageing", "state_age")


@dataclass(frozen=True)
class Horizon:
    """What a backtest says of one horizon; ``refused`` instead where there is no model or test.

    Attributes
    ----------
    figures : dict of str to Interval
        Of `SHOWN`, and of the observed over the expected number.
    over : dict of str to dict of str to Interval
        Model less each of `RIVALS`, on the same samples.
    days_positive : int
        Days on which the positive rows' invoices were written off.
    by_cutoff : list of dict
        Rows, positives, ROC AUC, Brier skill, sum of probabilities of each cutoff.
    """

    days: int
    refused: str = ""
    n_train: int = 0
    positives_train: int = 0
    n_test: int = 0
    positives: int = 0
    invoices_positive: int = 0
    days_positive: int = 0
    n_unfinished: int = 0
    resampled: str = ""
    figures: dict[str, Interval] | None = None
    over: dict[str, dict[str, Interval]] | None = None
    by_cutoff: list[dict[str, Any]] | None = None


def horizon_reports(
    log: EventLog,
    horizons: Sequence[int],
    train_until: int,
    test_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    *,
    override: str = "",
    repeats: int = 400,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Horizon]:
    """Backtest the write-off target once a horizon; see the module.

    What `training.backtest.run_backtest` refuses (too few cases, a leak that ``override`` does not
    answer for, nothing to test on) is told in its words, and the next horizon begins.
    """
    found = []
    for days in horizons:

        def say(stage: str, days: int = days) -> None:
            progress(f"{days} days: {stage}")

        try:
            tested = run_backtest(
                log,
                "write_off",
                train_until,
                test_until,
                policy.changed(write_off_horizon_days=days),
                rates,
                recipe,
                override=override,
                repeats=0,
                progress=say,
            )
        except (TooFewCasesError, LeakageError, DataError) as error:
            found.append(Horizon(days, refused=str(error)))
            continue
        say("bootstrap")
        found.append(_report(tested, log, days, repeats))
    return found


def _report(tested: Backtest, log: EventLog, days: int, repeats: int) -> Horizon:
    test, prevalence = tested.test, float(tested.train.y.mean())
    predictions = {"model": tested.p} | {name: tested.rivals[name] for name in RIVALS}
    sampled = resample(
        test.y, predictions, test.balance, test.customer, prevalence, repeats=repeats
    )
    shown = (*SHOWN, "observed_to_expected")
    snapshots = test.matrix.snapshots
    lost = np.unique(snapshots.invoice[test.y > 0])
    return Horizon(
        days=days,
        n_train=len(tested.train.y),
        positives_train=int(tested.train.y.sum()),
        n_test=len(test.y),
        positives=int(test.y.sum()),
        invoices_positive=len(lost),
        days_positive=_days_of_write_off(log, lost),
        n_unfinished=test.n_unknown,
        resampled="customers" if log.has_customers else "invoices",
        figures={name: sampled.of("model")[name] for name in shown},
        over={
            rival: {name: sampled.difference("model", rival)[name] for name in SHOWN}
            for rival in RIVALS
        },
        by_cutoff=[
            _at(tested, snapshots.cutoff == cutoff, int(cutoff), prevalence)
            for cutoff in np.unique(snapshots.cutoff)
        ],
    )


def _days_of_write_off(log: EventLog, invoice: np.ndarray) -> int:
    """On how many days some invoices were written off."""
    states = keep_ledger(log, Policy()).as_of(invoice, np.full(len(invoice), log.ends_at))
    return len(np.unique(states["written_off_at"] // DAY))


def _at(tested: Backtest, rows: np.ndarray, cutoff: int, prevalence: float) -> dict[str, Any]:
    """Figures of the rows of one cutoff, the last activity × age look-up beside."""
    test, p = tested.test, tested.p
    y, balance = test.y[rows], test.balance[rows]
    found = metrics(y, p[rows], balance, prevalence)
    rival = metrics(y, tested.rivals["state_age"][rows], balance, prevalence)
    shown = ("n", "positives", "roc_auc", "brier_skill")
    return {
        "cutoff": f"{timestamp(cutoff):%Y-%m-%d}",
        **{name: found.get(name) for name in shown},
        "expected": float(p[rows].sum()),
        "roc_auc_state_age": rival.get("roc_auc"),
    }


def print_reports(out: Console, found: Sequence[Horizon], split: str) -> None:
    """One table over all horizons, one a horizon by cutoff, and the refusals in words."""
    tested = [each for each in found if not each.refused]
    table = Table(title=f"Written off within a horizon; {split}", box=box.SIMPLE_HEAD)
    for heading in ("horizon", "train rows (+)", "test rows (+)", "invoices (+), days"):
        table.add_column(heading, justify="right")
    for heading in (*SHOWN.values(), "observed / expected"):
        table.add_column(heading, justify="right")
    for each in tested:
        table.add_row(
            f"{each.days} days",
            f"{each.n_train:,} ({each.positives_train:,})",
            f"{each.n_test:,} ({each.positives:,})",
            f"{each.invoices_positive:,}, {each.days_positive:,}",
            *(_interval(figure) for figure in (each.figures or {}).values()),
        )
    out.print(table)
    table = Table(title="Model less look-up table, same samples", box=box.SIMPLE_HEAD)
    for heading in ("horizon", "less", *SHOWN.values()):
        table.add_column(heading, justify="right")
    for each in tested:
        for rival, figures in (each.over or {}).items():
            table.add_row(
                f"{each.days} days", rival, *(_interval(f, "+") for f in figures.values())
            )
    out.print(table)
    for each in tested:
        out.print(_by_cutoff(each))
    for each in tested:
        out.print(
            f"{each.days} days: intervals by resampled {each.resampled}; {each.n_unfinished:,} "
            "rows of the test period have no label, because the log ends before their window does."
        )
    for each in found:
        if each.refused:
            out.print(f"{each.days} days is refused: {each.refused}")


def _by_cutoff(each: Horizon) -> Table:
    table = Table(title=f"{each.days} days, by cutoff", box=box.SIMPLE_HEAD)
    headings = ("cutoff", "rows", "positive", "expected", "ROC AUC", "last activity × age")
    for heading in (*headings, "Brier skill"):
        table.add_column(heading, justify="right")
    for row in each.by_cutoff or []:
        table.add_row(
            row["cutoff"],
            f"{row['n']:,}",
            f"{row['positives']:,}",
            f"{row['expected']:,.0f}",
            *(_figure(row[name]) for name in ("roc_auc", "roc_auc_state_age", "brier_skill")),
        )
    return table


def _interval(figure: Interval, sign: str = "") -> str:
    return (
        rf"{figure.estimate:{sign}.4f} \[{figure.low:{sign}.4f}, {figure.high:{sign}.4f}]"
        if np.isfinite(figure.estimate)
        else "–"
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log")
    parser.add_argument("--train-until", required=True)
    parser.add_argument("--test-until", required=True)
    parser.add_argument("--horizons", type=int, nargs="+", default=list(HORIZONS))
    parser.add_argument("--snapshots", default="monthly", choices=["weekly", "monthly"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="for LightGBM")
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--override-leakage", default="", help="reason for going on")
    parser.add_argument("--rates", type=Path)
    parser.add_argument("--reporting-currency", default="EUR")
    parser.add_argument("--json", type=Path, help="also write everything here")
    chosen = parser.parse_args()
    log, _ = read_log(chosen.log)
    policy = Policy(reporting_currency=chosen.reporting_currency if chosen.rates else "")
    stated = read_rates(chosen.rates, policy.reporting_currency) if chosen.rates else None
    rates = rates_for(log, stated)
    recipe = Recipe(rhythm=chosen.snapshots, seeds=chosen.seeds, threads=chosen.threads)
    found = horizon_reports(
        log,
        chosen.horizons,
        micros(chosen.train_until),
        micros(chosen.test_until),
        policy,
        rates,
        recipe,
        override=chosen.override_leakage,
        repeats=chosen.repeats,
        progress=lambda stage: print(stage, file=sys.stderr),
    )
    split = (
        f"trained on what was known before {chosen.train_until}, tested on {chosen.snapshots} "
        f"cutoffs until {chosen.test_until}, {chosen.seeds} seed(s)"
    )
    print_reports(Console(width=150), found, split)
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(each) for each in found], indent=1))


if __name__ == "__main__":
    main()
