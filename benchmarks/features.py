"""Ninety-six point-in-time features: our engine beside Polars, DuckDB, pandas and featuretools.

    python -m benchmarks.features --events 100000 1000000 10000000 --repeat 3 --plot features.png

All results must be equal in every float32 before anything is timed. Tools take turns, so that a
busy machine is busy for all of them; medians. Memory is that of a fresh process for each tool and
size: resident memory sampled every 20 ms, less that with the data loaded and the tool warmed up.
`polars_as_of` and `pandas_as_of` are the textbook forms, slower than what stands in `polars` and
`pandas`. featuretools runs in a process of its own (`--featuretools-python`), once, on 10,000
events and then on each size as long as it ends within `--budget` seconds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.memory import Peak
from benchmarks.synthetic import (
    FEATURES,
    Events,
    SnapshotRows,
    expected,
    synthetic_events,
    weekly_snapshots,
)

#: Module, and the endings of its functions load_…, with_…, as_array_….
TOOLS = {
    "duecast": ("benchmarks.engine", "duecast", "duecast"),
    "polars": ("benchmarks.peers", "polars", "polars"),
    "polars_as_of": ("benchmarks.peers", "polars", "polars_as_of"),
    "duckdb": ("benchmarks.peers", "duckdb", "duckdb"),
    "pandas": ("benchmarks.peers", "pandas", "pandas"),
    "pandas_as_of": ("benchmarks.peers", "pandas", "pandas_as_of"),
}
FEATURETOOLS = "featuretools"
SMALL = 10_000
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Measured:
    """One tool on one size.

    Attributes
    ----------
    seconds : float
        Median.
    ratio : float
        Seconds over those of duecast (of the first tool, where duecast is left out).
    peak_mb : float
        Memory beyond the loaded data, the result included.
    peak_ratio : float
        The same over the size of the float32 matrix.
    """

    tool: str
    events: int
    snapshots: int
    seconds: float
    ratio: float
    peak_mb: float
    peak_ratio: float


@dataclass(frozen=True)
class _Tool:
    load: Callable[[Events, SnapshotRows], Any]
    run: Callable[[Any], Any]
    as_array: Callable[[Any], NDArray[np.float32]]


def _tool(name: str) -> _Tool:
    # By name, so that a package that is missing stops only those who ask for it.
    module_name, frames, form = TOOLS[name]
    module = importlib.import_module(module_name)
    return _Tool(
        getattr(module, f"load_{frames}"),
        getattr(module, f"with_{form}"),
        getattr(module, f"as_array_{frames}"),
    )


def measure(
    sizes: Sequence[int],
    tools: Sequence[str],
    repeat: int = 3,
    seed: int = 0,
    budget: float = 600,
    featuretools_python: str = sys.executable,
) -> list[Measured]:
    """Check that results are equal, then time all tools in turn, then weigh each alone.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of events.
    tools : sequence of str
        From `TOOLS`, and ``featuretools``.
    repeat : int
        Timed runs a tool and size.
    budget : float
        Seconds after which featuretools is stopped, and not tried on larger sizes.
    featuretools_python : str
        Interpreter that has featuretools and a pandas that it runs with.

    Raises
    ------
    ValueError
        If a tool's values differ.
    """
    others = [tool for tool in tools if tool != FEATURETOOLS]
    has_featuretools = FEATURETOOLS in tools
    measured = []
    for n_events in sorted({*sizes, SMALL} if has_featuretools else set(sizes)):
        events = synthetic_events(n_events, seed)
        snapshots = weekly_snapshots(events, seed)
        right = expected(events, snapshots) if n_events <= SMALL else None
        ready = {name: _tool(name) for name in others}
        data = {name: tool.load(events, snapshots) for name, tool in ready.items()}
        for name, tool in ready.items():
            matrix = tool.as_array(tool.run(data[name]))
            right = matrix if right is None else right
            _must_equal(name, n_events, matrix, right)
            del matrix
        seconds: dict[str, list[float]] = {name: [] for name in others}
        for _ in range(repeat):
            for name, tool in ready.items():
                begun = time.perf_counter()
                result = tool.run(data[name])
                seconds[name].append(time.perf_counter() - begun)
                del result
        del data
        median = {name: statistics.median(taken) for name, taken in seconds.items()}
        peak = {name: _peak_alone(name, n_events, seed) for name in others}
        if has_featuretools:
            found = _featuretools(events, snapshots, right, budget, featuretools_python)
            has_featuretools = found is not None
            if found is not None:
                median[FEATURETOOLS], peak[FEATURETOOLS] = found
        if not median:
            break
        base = median.get("duecast", next(iter(median.values())))
        matrix_mb = len(snapshots) * len(FEATURES) * FLOAT_BYTES / 2**20
        measured += [
            Measured(
                tool=name,
                events=n_events,
                snapshots=len(snapshots),
                seconds=taken,
                ratio=taken / base,
                peak_mb=peak[name],
                peak_ratio=peak[name] / matrix_mb,
            )
            for name, taken in median.items()
        ]
    return measured


def _must_equal(
    name: str, n_events: int, matrix: NDArray[np.float32], right: NDArray[np.float32]
) -> None:
    if matrix.dtype != np.float32 or matrix.shape != right.shape:
        raise ValueError(f"{name} gives {matrix.dtype} {matrix.shape}, not float32 {right.shape}")
    if not np.array_equal(matrix, right):
        columns = np.flatnonzero((matrix != right).any(axis=0))
        raise ValueError(
            f"{name} differs on {n_events:,} events in {len(columns)} features, "
            f"the first of them {FEATURES[columns[0]]}"
        )


def _peak_alone(name: str, n_events: int, seed: int) -> float:
    """Peak memory of one tool in a fresh process, MB."""
    command = [sys.executable, "-m", "benchmarks.features", "--weigh", name]
    command += ["--events", str(n_events), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed in a process of its own:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def weigh(name: str, n_events: int, seed: int) -> float:
    """Peak memory of one tool beyond its loaded data in this process, MB."""
    tool = _tool(name)
    small = synthetic_events(SMALL, seed)
    tool.run(tool.load(small, weekly_snapshots(small, seed)))  # compiled code, thread pools
    data = _loaded(tool, n_events, seed)
    with Peak() as peak:
        result = tool.run(data)
    del result
    return peak.megabytes


def _loaded(tool: _Tool, n_events: int, seed: int) -> object:
    events = synthetic_events(n_events, seed)
    return tool.load(events, weekly_snapshots(events, seed))


def _featuretools(
    events: Events,
    snapshots: SnapshotRows,
    right: NDArray[np.float32] | None,
    budget: float,
    python: str,
) -> tuple[float, float] | None:
    """Seconds and MB of featuretools; None if it took longer than the budget."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / file for file in ("events.parquet", "snapshots.parquet", "matrix.npy")]
        for path, table in zip(paths, (events, snapshots), strict=False):
            columns = {k: v for k, v in vars(table).items() if k != "customer_of_invoice"}
            pd.DataFrame(columns).to_parquet(path, index=False)
        command = [python, "-m", "benchmarks.peer_featuretools", *map(str, paths)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=budget
            )
        except subprocess.TimeoutExpired:
            print(f"featuretools: more than {budget:g} s on {len(events):,} events", flush=True)
            return None
        if done.returncode:
            raise RuntimeError(
                f"featuretools failed in {python}; it needs pandas < 3, see "
                f"--featuretools-python\n{done.stderr[-2000:]}"
            )
        if right is not None:
            _must_equal(FEATURETOOLS, len(events), np.load(paths[2]), right)
    said = json.loads(done.stdout.splitlines()[-1])
    return float(said["seconds"]), float(said["peak_mb"])


def growth(measured: Sequence[Measured]) -> dict[tuple[str, int], float]:
    """Seconds at ten times the events over seconds, by tool and the smaller size."""
    seconds = {(one.tool, one.events): one.seconds for one in measured}
    return {
        (tool, n): seconds[tool, 10 * n] / taken
        for (tool, n), taken in seconds.items()
        if (tool, 10 * n) in seconds
    }


def show(measured: Sequence[Measured], console: Console) -> None:
    """Print the table of sizes and tools, and how seconds grow."""
    table = Table(title=f"{len(FEATURES)} features, equal in all tools", box=box.SIMPLE_HEAD)
    for name in ("events", "snapshots", "tool", "seconds", "× duecast", "peak MB", "÷ matrix"):
        table.add_column(name, justify="left" if name == "tool" else "right")
    previous = None
    for one in measured:
        if previous not in (None, one.events):
            table.add_section()
        previous = one.events
        table.add_row(
            f"{one.events:,}",
            f"{one.snapshots:,}",
            one.tool,
            f"{one.seconds:.3f}",
            f"{one.ratio:.1f}",
            f"{one.peak_mb:,.0f}",
            f"{one.peak_ratio:.1f}",
        )
    console.print(table)
    grown = growth(measured)
    if grown:
        table = Table(title="Seconds at 10× the events ÷ seconds", box=box.SIMPLE_HEAD)
        table.add_column("tool")
        table.add_column("from events", justify="right")
        table.add_column("growth", justify="right")
        for (tool, n_events), factor in grown.items():
            table.add_row(tool, f"{n_events:,}", f"{factor:.1f}")
        console.print(table)


def plot(measured: Sequence[Measured], path: Path) -> None:
    """Bars of seconds by size and tool, on a log scale, as PNG."""
    tools = list(dict.fromkeys(one.tool for one in measured))
    sizes = sorted({one.events for one in measured})
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.84 / len(tools)
    colours = mpl.colormaps["tab10"]
    for i, tool in enumerate(tools):
        bars = [one for one in measured if one.tool == tool]
        drawn = axes.bar(
            [sizes.index(one.events) + (i - (len(tools) - 1) / 2) * width for one in bars],
            [one.seconds for one in bars],
            width * 0.92,
            label=tool,
            color=colours(i),
        )
        axes.bar_label(drawn, [f"{one.seconds:.2g}" for one in bars], fontsize=7, padding=1)
    axes.set_yscale("log")
    axes.set_xticks(range(len(sizes)), [f"{n:,} events" for n in sizes])
    axes.set_ylabel("seconds (log scale)")
    axes.set_title(f"{len(FEATURES)} point-in-time features, 0.16 snapshots an event", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, fontsize=8)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--tools",
        nargs="+",
        choices=[*TOOLS, FEATURETOOLS],
        default=["duecast", "polars", "duckdb", "pandas"],
    )
    parser.add_argument("--budget", type=float, default=600, help="seconds for featuretools")
    parser.add_argument("--featuretools-python", default=sys.executable, metavar="PATH")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--weigh", choices=list(TOOLS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.weigh:
        print(weigh(chosen.weigh, chosen.events[0], chosen.seed))
        return
    measured = measure(
        chosen.events,
        chosen.tools,
        chosen.repeat,
        chosen.seed,
        chosen.budget,
        chosen.featuretools_python,
    )
    show(measured, Console(width=100))
    if chosen.plot:
        plot(measured, chosen.plot)


if __name__ == "__main__":
    main()
