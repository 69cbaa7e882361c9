"""Reading a CSV: `read_log` beside pyarrow's bare read of the same file.

pyarrow splits the file and guesses types; `read_log` also checks every cell, sets aside rows that
cannot be used, codes and sorts. Both may use all cores, and take turns in this one run; peaks of
memory are those of processes that do nothing else. The logs are synthetic unless one is given.

    python -m benchmarks.reading --rows 100000 1000000 10000000
    python -m benchmarks.reading --log log.csv
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from rich import box
from rich.console import Console
from rich.table import Table

from eventlog.reader import read_log
from eventlog.simulate import Company, simulate

#: Events of an invoice in the synthetic company, on average.
EVENTS_AN_INVOICE = 5.45
_READ = {
    "pyarrow": "from pyarrow import csv; kept = csv.read_csv({path!r})",
    "duecast": "from eventlog.reader import read_log; kept = read_log({path!r})",
}
_PEAK = (
    "\nfor line in open('/proc/self/status'):\n"
    "    if line.startswith('VmHWM:'): print(int(line.split()[1]) / 1024)"
)


def write_synthetic(rows: int, path: Path) -> None:
    """Write about so many events as `duecast simulate` would, only sooner."""
    frame = simulate(Company(n_invoices=max(round(rows / EVENTS_AN_INVOICE), 1)), seed=0)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    del frame
    columns = [_as_written(column) for column in table.columns]
    arrow_csv.write_csv(
        pa.table(columns, names=table.column_names),
        path,
        arrow_csv.WriteOptions(quoting_style="none", quoting_header="none"),
    )


def _as_written(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments to the second, or as dates where all are midnights."""
    if not pa.types.is_timestamp(column.type):
        return column
    seconds = column.cast(pa.timestamp("s"))
    days = seconds.cast(pa.date32(), safe=False)
    midnights = pc.all(pc.equal(days.cast(pa.timestamp("s")), seconds)).as_py()
    return days if midnights else seconds


def measure(
    rows: Sequence[int] = (100_000, 1_000_000), log: Path | None = None, repeat: int = 3
) -> list[dict[str, Any]]:
    """Time both ways of reading.

    Parameters
    ----------
    rows : sequence of int
        Sizes of synthetic logs, ascending; not used where a log is given.
    log : Path, optional
        A CSV file to read instead.
    repeat : int
        Turns of each; their medians count.

    Returns
    -------
    list of dict
        One a file: rows, megabytes, pyarrow_seconds, duecast_seconds, ratio, pyarrow_peak_mb,
        duecast_peak_mb (NaN where the system does not tell), and growth, how many times as long
        `read_log` takes for ten times the rows, from the file before (None for the first).
    """
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / "small.csv"
        write_synthetic(2_000, small)
        read_log(small)  # compiled code is made or loaded once, unmeasured
        for size in (0,) if log else rows:
            path = log or Path(name) / "log.csv"
            if not log:
                write_synthetic(size, path)
            found.append(_compared(path, repeat, found[-1] if found else None))
    return found


def _compared(path: Path, repeat: int, before: dict[str, Any] | None) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"pyarrow": [], "duecast": []}
    n = 0
    for turn in range(repeat):
        seconds["pyarrow"].append(_timed(lambda: arrow_csv.read_csv(path))[0])
        spent, (_, summary) = _timed(lambda: read_log(path))
        seconds["duecast"].append(spent)
        n = summary.rows_read
        del summary
        print(
            f"{n:,} rows, turn {turn + 1}: pyarrow {seconds['pyarrow'][-1]:.2f} s, "
            f"duecast {spent:.2f} s",
            file=sys.stderr,
            flush=True,
        )
    bare, ours = (statistics.median(seconds[who]) for who in ("pyarrow", "duecast"))
    growth = None
    if before and n > before["rows"]:
        growth = (ours / before["duecast_seconds"]) ** (1 / math.log10(n / before["rows"]))
    return {
        "rows": n,
        "megabytes": path.stat().st_size / 1e6,
        "pyarrow_seconds": bare,
        "duecast_seconds": ours,
        "ratio": ours / bare,
        "pyarrow_peak_mb": _peak("pyarrow", path),
        "duecast_peak_mb": _peak("duecast", path),
        "growth": growth,
    }


def _timed(read: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = read()
    return time.perf_counter() - begun, found


def _peak(who: str, path: Path) -> float:
    """Peak of resident memory of a process that reads the file, in MB (Linux)."""
    if not Path("/proc/self/status").exists():
        return float("nan")
    code = _READ[who].format(path=str(path)) + _PEAK
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes of synthetic logs"
    )
    parser.add_argument("--log", type=Path, help="measure on this CSV instead")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each")
    chosen = parser.parse_args()
    show(measure(sorted(chosen.rows), chosen.log, chosen.repeat))


def show(found: list[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table(
        title="Reading a CSV: read_log beside pyarrow.csv.read_csv",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    names = (
        "rows", "MB", "pyarrow s", "duecast s", "ratio", "pyarrow peak MB", "duecast peak MB",
        "× time for 10× rows",
    )  # fmt: skip
    for name in names:
        table.add_column(name, justify="right")
    for line in found:
        growth = line["growth"]
        table.add_row(
            f"{line['rows']:,}",
            f"{line['megabytes']:,.0f}",
            f"{line['pyarrow_seconds']:.2f}",
            f"{line['duecast_seconds']:.2f}",
            f"{line['ratio']:.2f}",
            f"{line['pyarrow_peak_mb']:,.0f}",
            f"{line['duecast_peak_mb']:,.0f}",
            "" if growth is None else f"{growth:.1f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
