"""Training: our fit beside plain `lightgbm.train` on the ready matrix, and a whole fit beside both.

One booster each, the same rows, parameters and trees, taking turns. A whole fit is more boosters:
inner ones that look forward for the number of trees and the calibrator, then one a seed.

    python -m benchmarks.training --events 1000000 --rounds 100
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median
from typing import Any

import lightgbm as lgb
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.company import synthetic_company
from eventlog.policy import Policy
from training.examples import Examples, InMemory
from training.fit import Recipe, fit_examples
from training.model import PARAMETERS, fit_booster, parameters_of, smallest_leaf

TARGET = "late_payment"


def measure(n_events: int, rounds: int, repeat: int, whole: bool) -> dict[str, Any]:
    """Seconds of one booster by each, and of a whole fit if asked for."""
    log, rates = synthetic_company(n_events)
    source, policy = InMemory(log), Policy(reporting_currency="EUR")
    encoding = source.encoding((), ())
    begun = time.perf_counter()
    until = log.ends_at + 1
    examples = source.examples(TARGET, "weekly", None, until, encoding, policy, rates)
    gathered = time.perf_counter() - begun
    threads = os.cpu_count() or 1
    plain, ours = [], []
    same = True
    for _ in range(repeat):
        begun = time.perf_counter()
        one = _plain(examples, rounds, threads)
        plain.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        other = _ours(examples, rounds, threads)
        ours.append(time.perf_counter() - begun)
        rows = examples.matrix.values[:1000]
        same &= np.array_equal(one.predict(rows), other.predict(rows))
    found: dict[str, Any] = {
        "events": len(log),
        "rows": len(examples.y),
        "columns": examples.matrix.values.shape[1],
        "rounds": rounds,
        "gathering": gathered,
        "lightgbm": median(plain),
        "duecast": median(ours),
        "ratio": median(b / a for a, b in zip(plain, ours, strict=True)),
        "same_predictions": bool(same),
    }
    if whole:
        begun = time.perf_counter()
        model = fit_examples(
            examples, encoding, TARGET, until, policy, Recipe(rhythm="weekly", seeds=1)
        )
        found["whole"] = time.perf_counter() - begun
        found["whole_rounds"] = model.facts["rounds"]
    return found


def _plain(examples: Examples, rounds: int, threads: int) -> lgb.Booster:
    """As anyone would on a ready matrix."""
    n_invoices = len(np.unique(examples.matrix.snapshots.invoice))
    parameters = PARAMETERS | parameters_of(TARGET) | {"seed": 0, "num_threads": threads}
    parameters["min_data_in_leaf"] = smallest_leaf(parameters, len(examples.y), n_invoices)
    data = lgb.Dataset(examples.matrix.values, examples.y)
    return lgb.train(parameters, data, rounds)


def _ours(examples: Examples, rounds: int, threads: int) -> lgb.Booster:
    matrix = examples.matrix
    return fit_booster(
        matrix.values,
        examples.y,
        matrix.snapshots.invoice,
        matrix.columns,
        (),
        rounds,
        changes=parameters_of(TARGET),
        threads=threads,
    )


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table(
        title=f"Training on {found['rows']:,} rows × {found['columns']} columns, "
        f"{found['rounds']} trees (synthetic)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("", "seconds", "× lightgbm.train"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("lightgbm.train on the ready matrix", f"{found['lightgbm']:.2f}", "1.00")
    table.add_row("our fit of the same booster", f"{found['duecast']:.2f}", f"{found['ratio']:.2f}")
    gathered = found["gathering"]
    table.add_row("before: snapshots, labels, features", f"{gathered:.2f}", "")
    if "whole" in found:
        said = f"a whole fit, {found['whole_rounds']} trees, inner fits included"
        table.add_row(said, f"{found['whole']:.2f}", "")
    Console(width=110).print(table)
    if not found["same_predictions"]:
        raise SystemExit("The two boosters do not predict the same: the comparison is not fair.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="synthetic events")
    parser.add_argument("--rounds", type=int, default=100, help="trees of a booster")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each")
    parser.add_argument("--whole", action="store_true", help="also a whole fit (minutes)")
    chosen = parser.parse_args()
    show(measure(chosen.events, chosen.rounds, chosen.repeat, chosen.whole))


if __name__ == "__main__":
    main()
