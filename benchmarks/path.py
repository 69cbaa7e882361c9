"""The whole path on one machine: events in a CSV file to a scored, stored worklist.

Prints seconds, share and memory of every step. The log is synthetic unless one is given.

    python -m benchmarks.path --events 1000000
    python -m benchmarks.path --log log.csv --rates rates.csv
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from eventlog.ledger import keep_ledger
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.rates import rates_for, read_rates
from eventlog.reader import read_log
from eventlog.simulate import Company, rate_table, simulate
from features.attributes import choose_encoding
from features.matrix import build_matrix
from features.snapshots import take_snapshots
from serving.history import keep_history
from serving.scoring import score
from serving.store import Run, Store
from training.fit import Recipe, TooFewCasesError, fit_model
from training.labels import TARGETS
from training.model import RiskModel

#: Events of an invoice in the synthetic company, on average.
EVENTS_AN_INVOICE = 5.45


class Meter:
    """Seconds and memory of named steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float, float, float, str]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Measure a step; the list takes a remark."""
        remark: list[str] = []
        peak = [_resident()]
        running = threading.Event()

        def watch() -> None:
            while not running.wait(0.02):
                peak[0] = max(peak[0], _resident())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        begun = time.perf_counter()
        yield remark
        seconds = time.perf_counter() - begun
        running.set()
        watcher.join()
        self.steps.append((name, seconds, peak[0], _resident(), "".join(remark)))
        print(f"{name}: {seconds:.1f} s, {''.join(remark)}", file=sys.stderr, flush=True)

    def show(self, title: str) -> None:
        """Print the table."""
        total = sum(seconds for _, seconds, *_ in self.steps)
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in ("step", "seconds", "share", "peak MB", "MB after", ""):
            table.add_column(name, justify="left" if name in {"step", ""} else "right")
        for name, seconds, peak, after, remark in self.steps:
            table.add_row(
                name,
                f"{seconds:.2f}",
                f"{seconds / total:.0%}",
                f"{peak:,.0f}",
                f"{after:,.0f}",
                remark,
            )
        table.add_row("all", f"{total:.2f}", "100%", "", "", "")
        Console(width=120).print(table)


def _resident() -> float:
    """Resident memory of this process in MB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def warm_up() -> None:
    """Compile the compiled passes once, so that their first call is not measured."""
    frame = simulate(Company(n_invoices=300, months=12), seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        frame.to_parquet(path, index=False)
        log, _ = read_log(path)
    ledger = keep_ledger(log, Policy())
    snapshots = take_snapshots(log, ledger, "monthly", None, log.ends_at)
    rates = _flat_rates(log)
    encoding = choose_encoding(log, log.ends_at)
    build_matrix(log, snapshots, encoding, Policy(), rates)


def _flat_rates(log: EventLog):  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rates.csv"
        rate_table(Company(n_invoices=300, months=12), 1).to_csv(path, index=False)
        return read_rates(path, "EUR")


def main() -> None:
    """Measure the path."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="synthetic events")
    parser.add_argument("--log", type=Path, help="measure on this log instead")
    parser.add_argument(
        "--rates", type=Path, help="rate table, where the log has several currencies"
    )
    parser.add_argument("--seeds", type=int, default=3, help="boosters a model")
    chosen = parser.parse_args()
    warm_up()
    meter, policy = Meter(), Policy(reporting_currency="EUR")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, rate_path = chosen.log, chosen.rates
        if path is None:
            company = Company(n_invoices=round(chosen.events / EVENTS_AN_INVOICE))
            path, rate_path = folder / "log.csv", folder / "rates.csv"
            simulate(company, seed=0).to_csv(path, index=False)
            rate_table(company, 0).to_csv(rate_path, index=False)
        size = path.stat().st_size / 1e6 if path.is_file() else 0.0
        with meter.step("read, check and code") as said:
            log, summary = read_log(path)
            said.append(f"{summary.rows_read:,} rows, {size:,.0f} MB")
        rates = read_rates(rate_path, "EUR") if rate_path else rates_for(log, None)
        with meter.step("ledger") as said:
            ledger = keep_ledger(log, policy)
            said.append(f"{log.n_invoices:,} invoices, {len(ledger.steps):,} steps")
        with meter.step("weekly snapshots") as said:
            snapshots = take_snapshots(log, ledger, "weekly", None, log.ends_at)
            said.append(f"{len(snapshots):,} rows")
        with meter.step("features") as said:
            encoding = choose_encoding(log, log.ends_at)
            matrix = build_matrix(log, snapshots, encoding, policy, rates)
            said.append(f"{len(matrix.columns)} columns, {matrix.values.nbytes / 1e6:,.0f} MB")
        del matrix, snapshots, ledger
        models: dict[str, RiskModel] = {}
        for target in TARGETS:
            with meter.step(f"train {target}") as said:
                try:
                    models[target], examples = fit_model(
                        log, target, log.ends_at + 1, policy, rates, Recipe(seeds=chosen.seeds)
                    )
                    facts = models[target].facts
                    said.append(
                        f"{facts['n_train']:,} rows, {facts['rounds']} trees × {chosen.seeds}"
                    )
                    del examples
                except TooFewCasesError as error:
                    said.append(str(error))
        with meter.step("score, with reasons") as said:
            scored = score(log, log.ends_at, models, policy, rates)
            said.append(f"{len(scored.worklist):,} open invoices")
        with meter.step("history file"):
            kept = keep_history(log, folder / "history")
        with meter.step("store"):
            _store(folder, scored.worklist, log, kept, rates.reporting)
    meter.show(
        f"{len(log):,} events, CSV to stored worklist" + (" (synthetic)" if not chosen.log else "")
    )


def _store(folder: Path, worklist: pd.DataFrame, log: EventLog, kept: Path, currency: str) -> None:
    moment = pd.Timestamp(np.datetime64(log.ends_at, "us"))
    run = Run(
        run_id="bench",
        as_of=moment,
        scored_at=moment,
        log_name="bench",
        log_fingerprint=log.fingerprint,
        history_path=str(kept),
        reporting_currency=currency,
        policy={},
        models={},
        n_invoices=len(worklist),
        open_balance=float(worklist["open_balance_reporting"].sum()),
        expected_loss=float(worklist["expected_loss"].sum()),
        priority=float(worklist["priority"].sum()),
        skipped={},
    )
    Store(f"sqlite:///{folder / 'bench.db'}").write_run(run, worklist)


if __name__ == "__main__":
    main()
