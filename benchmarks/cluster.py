"""A local cluster of two worker processes beside the same work in one process.

Also what one partition costs, from which `docs/cluster.md` plans for a billion events. Synthetic.

    python -m benchmarks.cluster --events 1000000 --partitions 4
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from distributed import wait
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.company import synthetic_company
from benchmarks.memory import Peak
from eventlog.log import EventLog
from eventlog.partitions import load_partition, write_partitions
from eventlog.policy import Policy
from features.partitions import PartitionedLog
from training.backtest import gather_test
from training.cluster import OnCluster
from training.evaluation import metrics
from training.examples import InMemory, Source, take_labelled
from training.fit import Recipe, fit_model
from training.labels import Target
from ui.cluster import partitioned_log

POLICY = Policy(reporting_currency="EUR")
TARGET: Target = "late_payment"
Result = TypeVar("Result")


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    begun = time.perf_counter()
    found = work()
    return found, time.perf_counter() - begun


def measure(n_events: int, n_parts: int) -> list[tuple[str, str, str]]:
    """Rows of the table: what, one process, the cluster."""
    log, rates = synthetic_company(n_events)
    until = log.ends_at - 150 * 86_400_000_000
    rows: list[tuple[str, str, str]] = []
    with TemporaryDirectory() as name:
        folder = Path(name) / "log"
        partitions, seconds = _timed(lambda: write_partitions(log, folder, n_parts))
        size = partitions.n_bytes / 1e6
        rows.append((f"partition {len(log):,} events, {size:,.0f} MB", "", f"{seconds:.1f} s"))
        with Peak() as peak:
            part, seconds = _timed(lambda: load_partition(partitions, 0))
        said = f"load one of {n_parts} partitions, {len(part):,} events"
        rows.append((said, "", f"{seconds:.1f} s, {peak.megabytes:,.0f} MB"))
        with Peak() as peak:
            found, seconds = _timed(
                lambda: take_labelled(part, TARGET, "weekly", None, until, POLICY)
            )
        said = f"its labels, {len(found.y):,} rows weekly"
        rows.append((said, "", f"{seconds:.1f} s, {peak.megabytes:,.0f} MB"))
        local = InMemory(log).before(until)
        encoding, alone = _timed(lambda: local.encoding((), ()))
        with partitioned_log("local", str(folder), lambda: log) as on_cluster:
            spread = OnCluster(on_cluster).before(until)
            _warm_up(on_cluster)
            same, seconds = _timed(lambda: spread.encoding((), ()))
            rows.append(("levels and attributes", f"{alone:.1f} s", f"{seconds:.1f} s"))
            assert same == encoding
            asked: Any = (TARGET, "weekly", None, until, encoding, POLICY, rates)
            mine, alone = _timed(lambda: local.examples(*asked))
            theirs, seconds = _timed(lambda: spread.examples(*asked))
            order = np.lexsort((mine.matrix.snapshots.invoice, mine.matrix.snapshots.cutoff))
            n_differ = int(
                (theirs.matrix.values.view(np.int32) != mine.matrix.values[order].view(np.int32))
                .any(axis=1)
                .sum()
            )
            said = f"features and labels, {len(mine.y):,} rows, {n_differ} differ"
            rows.append((said, f"{alone:.1f} s", f"{seconds:.1f} s, rows fetched"))
            assert theirs.whole is not None
            wait(theirs.whole.rows)  # type: ignore[attr-defined]
            del mine, theirs
            rows.append(_quality(log, on_cluster, until, rates))
    return rows


def _warm_up(log: PartitionedLog) -> None:
    """Let the workers import and compile before anything is timed."""
    log.gather(_touch)


def _touch(log: EventLog) -> int:
    until = log.ends_at
    return len(take_labelled(log, TARGET, "monthly", None, until, POLICY).y)


def _quality(
    log: EventLog, on_cluster: PartitionedLog, until: int, rates: Any
) -> tuple[str, str, str]:
    """Test ROC AUC and seconds of a monthly fit by each, over three seeds."""
    cells = []
    sources: tuple[Source, ...] = (InMemory(log), OnCluster(on_cluster))
    for source in sources:
        recipe = Recipe(rhythm="monthly", seeds=3)
        begun = time.perf_counter()
        model, _ = fit_model(source, TARGET, until, POLICY, rates, recipe)
        seconds = time.perf_counter() - begun
        test = gather_test(sources[0], model, until, log.ends_at, POLICY, rates)
        prevalence = model.facts["prevalence"]
        found = metrics(test.y, model.probability(test.matrix), test.balance, prevalence)
        alone = [
            metrics(test.y, b.predict(test.matrix.values), test.balance, prevalence)
            for b in model.boosters
        ]
        noise = np.ptp([each["roc_auc"] for each in alone])
        cells.append(
            f"{seconds:.0f} s, ROC AUC {found['roc_auc']:.4f} (seeds within {noise:.4f}), "
            f"Brier {found['brier']:.4f}, {model.facts['rounds']} trees"
        )
    return ("fit, three seeds, monthly; tested on the later months", *cells)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=4)
    chosen = parser.parse_args()
    logging.getLogger("distributed").setLevel(logging.ERROR)
    table = Table(
        title=f"Two worker processes beside one process, {chosen.events:,} events (synthetic)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("", "one process", "cluster or partition"):
        table.add_column(name)
    for row in measure(chosen.events, chosen.partitions):
        table.add_row(*row)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
