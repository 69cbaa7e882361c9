"""Reading a filled template: `read_log` beside calamine's bare read of the same workbook.

Calamine gives lists of Python values; `read_log` also reads the Mapping sheet, finds formula
errors, merged cells and blank rows, types and checks every cell, codes and sorts. `check` is the
same with the search for what is probably a mistake. They take turns in this one run. The log is
synthetic.

    python -m benchmarks.workbook --rows 200000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.reading import EVENTS_AN_INVOICE
from eventlog.reader import log_from_frame, read_log
from eventlog.simulate import Company, simulate
from eventlog.workbook.names import EVENTS
from eventlog.workbook.writing import write_template


def write_filled(rows: int, path: Path) -> float:
    """Write a template with so many events; seconds that the writing alone took."""
    invoices = max(round(1.05 * rows / EVENTS_AN_INVOICE), 1)
    frame = simulate(Company(n_invoices=invoices), seed=0).iloc[:rows]
    log, _ = log_from_frame(frame)
    return _timed(lambda: write_template(path, log))[0]


def measure(path: Path, repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds of each way of reading a workbook, medians of some turns.

    Returns
    -------
    list of dict
        One a way: who, seconds, cpu_seconds (what a machine with nothing else to do would
        take, or less), ratio of the latter to calamine's, rows.
    """
    ways: dict[str, Callable[[], Any]] = {
        "calamine, bare": lambda: (
            CalamineWorkbook.from_path(path)
            .get_sheet_by_name(EVENTS)
            .to_python(skip_empty_area=False)
        ),
        "duecast read": lambda: read_log(path)[1].rows_kept,
        "duecast check": lambda: read_log(path, inspect=True)[1].rows_kept,
    }
    seconds: dict[str, list[float]] = {who: [] for who in ways}
    cpu: dict[str, list[float]] = {who: [] for who in ways}
    rows: dict[str, int] = {}
    for _ in range(repeat):
        for who, way in ways.items():
            before = time.process_time()
            spent, found = _timed(way)
            cpu[who].append(time.process_time() - before)
            seconds[who].append(spent)
            rows[who] = found if isinstance(found, int) else len(found) - 1
            del found
    assert len(set(rows.values())) == 1, rows
    bare = statistics.median(cpu["calamine, bare"])
    return [
        {
            "who": who,
            "seconds": statistics.median(spent),
            "cpu_seconds": statistics.median(cpu[who]),
            "ratio": statistics.median(cpu[who]) / bare,
            "rows": rows[who],
        }
        for who, spent in seconds.items()
    ]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> None:
    """Write a workbook, time reading it, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--workbook", type=Path, help="a filled workbook to read instead")
    chosen = parser.parse_args()
    out = Console()
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.xlsx"
        write_filled(500, small)
        read_log(small, inspect=True)  # compiled code is made or loaded once, unmeasured
        path = chosen.workbook or Path(folder) / "events.xlsx"
        if not chosen.workbook:
            spent = write_filled(chosen.rows, path)
            size = path.stat().st_size / 1e6
            out.print(f"{chosen.rows:,} rows written in {spent:.1f} s ({size:.0f} MB).")
        table = Table(box=box.MARKDOWN)
        for heading in ("", "rows", "seconds", "of CPU", "÷ calamine"):
            table.add_column(heading, justify="right" if heading else "left")
        for row in measure(path, chosen.repeat):
            told = (f"{row['rows']:,}", f"{row['seconds']:.2f}", f"{row['cpu_seconds']:.2f}")
            told = (*told, f"{row['ratio']:.2f}")
            table.add_row(row["who"], *told)
        out.print(table)


if __name__ == "__main__":
    main()
