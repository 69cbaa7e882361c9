"""A scoring run from the log's file to the stored, explained worklist, step by step.

Beside it the bare minimum: the feature matrix and `Booster.predict`. Models are trained on a small
company of the same kind; the log is synthetic.

    python -m benchmarks.scoring --open 100000
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.company import synthetic_company
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates
from eventlog.reader import read_log
from eventlog.writer import write_log
from features.matrix import build_matrix
from features.snapshots import at_cutoffs
from serving.run import make_run
from serving.store import Store
from training import fit
from training.fit import Recipe, TooFewCasesError, fit_model
from training.labels import TARGETS
from training.model import RiskModel
from training.registry import Version

POLICY = Policy(reporting_currency="EUR")
#: Invoices open at the end of the synthetic log, a share of its events.
OPEN_SHARE = 0.0124
#: Events of the company that the models are trained on.
TRAINED_ON = 100_000


def measure(n_open: int, rounds: int, seeds: int) -> dict[str, Any]:
    """Seconds of each step of a run over about ``n_open`` open invoices."""
    champions = _champions(rounds, seeds)
    log, rates = synthetic_company(round(n_open / OPEN_SHARE))
    with TemporaryDirectory() as name:
        path = write_log(log, Path(name) / "log.parquet")
        size = path.stat().st_size / 1e6
        del log
        steps: dict[str, float] = {}
        begun = time.perf_counter()
        read, _ = read_log(path)
        steps["read, check and code"] = time.perf_counter() - begun
        told: list[tuple[str, float]] = []
        begun = time.perf_counter()
        run = make_run(
            read,
            read.ends_at,
            champions,
            POLICY,
            rates,
            Store(f"sqlite:///{name}/scores.db"),
            Path(name) / "history",
            run_id="bench",
            scored_at=pd.Timestamp("2026-01-01"),
            progress=lambda stage: told.append((stage, time.perf_counter())),
        )
        ended = time.perf_counter()
    times = [*told, ("", ended)]
    for (stage, since), (_, until) in pairwise(times):
        steps[stage] = steps.get(stage, 0.0) + until - since
    least = _least(read, champions, rates)
    return {
        "events": len(read),
        "megabytes": size,
        "open": run.n_invoices,
        "steps": steps,
        "least": least,
        "run": ended - begun,
        "trees": {t: [b.num_trees() for b in m.boosters] for t, (m, _) in champions.items()},
    }


def _champions(rounds: int, seeds: int) -> dict[str, tuple[RiskModel, Version]]:
    """Models of so many trees: how good they are does not matter here."""
    log, rates = synthetic_company(TRAINED_ON, seed=1)
    fit.MOST_ROUNDS = fit.FEWEST_ROUNDS = fit.USUAL_ROUNDS = rounds
    found = {}
    for target in TARGETS:
        try:
            recipe = Recipe(rhythm="monthly", seeds=seeds, inner_folds=1)
            model, _ = fit_model(log, target, log.ends_at + 1, POLICY, rates, recipe)
        except TooFewCasesError:
            continue
        found[target] = (model, Version(target, "1", "bench", ("champion",), {}))
    return found


def _least(
    log: EventLog, champions: dict[str, tuple[RiskModel, Version]], rates: Rates
) -> dict[str, float]:
    """Seconds of the features of the open invoices, and of LightGBM's predictions on them."""
    begun = time.perf_counter()
    model = next(iter(champions.values()))[0]
    ledger = keep_ledger(log, POLICY)
    snapshots = at_cutoffs(ledger, np.array([log.ends_at]))
    matrix = build_matrix(log, snapshots, model.encoding, POLICY, rates)
    made = time.perf_counter()
    for each, _ in champions.values():
        for booster in each.boosters:
            booster.predict(matrix.values, raw_score=True)
    return {"features": made - begun, "predict": time.perf_counter() - made}


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    total = sum(found["steps"].values())
    table = Table(
        title=f"{found['open']:,} open invoices of a log of {found['events']:,} events "
        f"({found['megabytes']:,.0f} MB Parquet, synthetic), trees {found['trees']}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("step", "seconds", "share"):
        table.add_column(name, justify="left" if name == "step" else "right")
    for name, seconds in found["steps"].items():
        table.add_row(name, f"{seconds:.2f}", f"{seconds / total:.0%}")
    table.add_row("all", f"{total:.2f}", "100%")
    least = sum(found["least"].values())
    for name, seconds in found["least"].items():
        table.add_row(f"bare: {name}", f"{seconds:.2f}", "")
    table.add_row("run over bare features + predict", f"{found['run'] / least:.2f} ×", "")
    Console(width=120).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--open", type=int, default=100_000, help="open invoices, about")
    parser.add_argument("--rounds", type=int, default=500, help="trees of a booster")
    parser.add_argument("--seeds", type=int, default=1, help="boosters of a model")
    chosen = parser.parse_args()
    show(measure(chosen.open, chosen.rounds, chosen.seeds))


if __name__ == "__main__":
    main()
