"""The product's whole feature matrix: seconds, memory and growth, from the loaded log on.

Every feature of the catalogue, ledger included, of invoices open at regular cutoffs; the log is
synthetic. Peaks are resident memory beyond the loaded log, sampled every 20 ms.

    python -m benchmarks.matrix --events 100000 1000000 10000000
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.company import synthetic_company
from benchmarks.memory import Peak
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding, choose_encoding
from features.matrix import build_matrix
from features.matrix_file import write_matrix
from features.snapshots import Rhythm, Snapshots, take_snapshots

POLICY = Policy(reporting_currency="EUR")
#: Rows that are looked at, a share of the events: with monthly cutoffs there are about 0.26.
ROWS_SHARE = 0.16


def measure(n_events: int, repeat: int) -> dict[str, Any]:
    """Seconds and peak of the matrix in memory, and of the same as a file."""
    log, rates = synthetic_company(n_events)
    snapshots = _snapshots(log, round(ROWS_SHARE * len(log)))
    encoding = choose_encoding(log, log.ends_at)
    build_matrix(log, snapshots.take(slice(0, 1000)), encoding, POLICY, rates)  # compiled
    seconds, peaks = [], []
    size = 0
    for _ in range(repeat):
        with Peak() as peak:
            begun = time.perf_counter()
            matrix = build_matrix(log, snapshots, encoding, POLICY, rates)
            seconds.append(time.perf_counter() - begun)
        size = matrix.values.nbytes
        peaks.append(peak.megabytes)
        del matrix
    file_seconds, file_peak, file_rows = _as_file(log, "monthly", encoding, rates)
    return {
        "events": len(log),
        "rows": len(snapshots),
        "columns": len(snapshots) and size // 4 // len(snapshots),
        "seconds": median(seconds),
        "peak": median(peaks),
        "matrix": size / 2**20,
        "file_seconds": file_seconds,
        "file_peak": file_peak,
        "file_rows": file_rows,
    }


def _snapshots(log: EventLog, n: int) -> Snapshots:
    """About so many of the invoices open at monthly cutoffs, in (cutoff, invoice) order."""
    ledger = keep_ledger(log, POLICY)
    found = take_snapshots(log, ledger, "monthly", None, log.ends_at)
    rows = np.random.default_rng(0).permutation(len(found))[:n]
    return found.take(np.sort(rows))


def _as_file(
    log: EventLog, rhythm: Rhythm, encoding: Encoding, rates: Rates
) -> tuple[float, float, int]:
    with TemporaryDirectory() as name, Peak() as peak:
        begun = time.perf_counter()
        path = Path(name) / "matrix.parquet"
        rows = write_matrix(log, path, rhythm, None, log.ends_at, encoding, POLICY, rates)
        seconds = time.perf_counter() - begun
    return seconds, peak.megabytes, rows


def show(found: list[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table(
        title="The product's feature matrix (synthetic logs)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    names = ("events", "rows", "columns", "seconds", "× time", "peak MB", "÷ matrix")
    for name in (*names, "file: rows", "seconds", "peak MB"):
        table.add_column(name, justify="right")
    before: dict[str, Any] | None = None
    for size in found:
        growth = f"{size['seconds'] / before['seconds']:.1f}" if before else ""
        table.add_row(
            f"{size['events']:,}",
            f"{size['rows']:,}",
            f"{size['columns']}",
            f"{size['seconds']:.2f}",
            growth,
            f"{size['peak']:,.0f}",
            f"{size['peak'] / size['matrix']:.1f}",
            f"{size['file_rows']:,}",
            f"{size['file_seconds']:.2f}",
            f"{size['file_peak']:,.0f}",
        )
        before = size
    Console(width=120).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    show([measure(n, chosen.repeat) for n in chosen.events])


if __name__ == "__main__":
    main()
