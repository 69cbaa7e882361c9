"""The process view beside pm4py on real logs, and beside what is published of the fines.

    python -m benchmarks.process_fines traffic_fines_events.parquet charges.parquet

Both sides get the same events. Checked to be equal: the count of every directly-follows pair, of
every first and last activity, of every variant; and mean and median waiting time of every pair to a
microsecond. Only then the clock is read. pm4py is under the AGPL: it is used here and nowhere else.

Ties: events of one moment (the fines have days, no times of day) stand in the log's order, which is
that of the template's roles; pm4py keeps the order of the rows it is given within one timestamp. So
pm4py is given the rows in the log's order. How many invoices it would see otherwise in the order of
the file's own rows is printed.

"Payment Due Date Passed" is calculated by the ledger and stands in no file; it is left out here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pm4py
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.directly_follows import ACTIVITY, CASE, TIME, as_found, frame_of
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.process.directly_follows import directly_follows
from eventlog.process.history import history_of
from eventlog.process.process_map import ProcessMap, process_map, waiting_map
from eventlog.process.traces import traces_of
from eventlog.process.variants import Variants, variants_of
from eventlog.reader import read_log

#: Equal to a microsecond, in seconds.
CLOSE = 1e-6
SECONDS_A_DAY = 86_400


def formatted(log: EventLog) -> pd.DataFrame:
    """The log as pm4py's users have it."""
    texts = frame_of(log).astype({CASE: "str", ACTIVITY: "str"})
    return pm4py.format_dataframe(texts, case_id=CASE, activity_key=ACTIVITY, timestamp_key=TIME)


def in_file_order(log: EventLog) -> pd.DataFrame:
    """The same with events of one moment in the order of the file's rows."""
    order = np.lexsort((log.row, log.event_time, log.invoice))
    texts = pd.DataFrame(
        {
            CASE: log.invoice[order].astype(str),
            ACTIVITY: np.array(log.activities, dtype=object)[log.activity[order]],
            TIME: pd.to_datetime(log.event_time[order], unit="us", utc=True),
        }
    )
    return pm4py.format_dataframe(texts, case_id=CASE, activity_key=ACTIVITY, timestamp_key=TIME)


def counted(variants: Variants) -> dict[tuple[str, ...], int]:
    """Variants by name."""
    return {variants.sequence(v): int(n) for v, n in enumerate(variants.counts)}


def differences(log: EventLog, frame: pd.DataFrame) -> list[tuple[str, int, int, int]]:
    """What is counted, how many of it duecast and pm4py find, and how many differ."""
    ours, theirs = as_found(directly_follows(log)), as_found(pm4py.discover_dfg(frame))
    mine = counted(variants_of(traces_of(log)))
    other = {tuple(k): int(n) for k, n in pm4py.get_variants(frame).items()}
    rows = []
    pairs = zip(
        ("directly-follows pairs", "first activities", "last activities", "variants"),
        (*ours, mine),
        (*theirs, other),
        strict=True,
    )
    for name, one, two in pairs:
        wrong = sum(one.get(key) != two.get(key) for key in one.keys() | two.keys())
        rows.append((name, len(one), len(two), wrong))
    waits = waiting_map(traces_of(log))
    performance, *_ = pm4py.discover_performance_dfg(frame)
    rows.append(("mean and median times", *_times_apart(waits, performance)))
    return rows


def _times_apart(
    found: ProcessMap, performance: dict[tuple[str, str], Any]
) -> tuple[int, int, int]:
    """Pairs on both sides, and those whose mean or median differ by more than a microsecond."""
    n, wrong = len(found.activities), 0
    place = {name: i for i, name in enumerate(found.activities)}
    for (a, b), theirs in performance.items():
        at = place[a], place[b]
        for name, table in (("mean", found.mean_days), ("median", found.median_days)):
            apart = abs(table[at] * SECONDS_A_DAY - theirs[name])
            wrong += not apart <= max(CLOSE, 1e-12 * theirs[name])
    return int((found.counts[:, :n] > 0).sum()), len(performance), wrong


def ties(log: EventLog) -> tuple[int, int]:
    """Invoices with two activities at one moment, and those that the file tells otherwise."""
    traces = traces_of(log)
    same = (np.diff(traces.moment) == 0) & (np.diff(traces.invoice_of_step) == 0)
    same &= np.diff(traces.activity) != 0
    tied = len(np.unique(traces.invoice_of_step[1:][same]))
    order = np.lexsort((log.row, log.event_time, log.invoice))
    order = order[log.invoice[order] >= 0]
    moved = log.activity[order] != traces.activity
    return tied, len(np.unique(traces.invoice_of_step[moved]))


def timed(run: Callable[[], object], repeat: int) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(repeat):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


def published(log: EventLog) -> Table:
    """What is published of the whole log of fines beside this part of it."""
    waits = waiting_map(traces_of(log))
    place = {name: i for i, name in enumerate(waits.activities)}
    letter = place["Fine Notified"], place["Dunning Letter Generated"]
    settled = int((log.activity == place["Invoice Settled"]).sum())
    table = Table(
        title="The fines beside what is published of the whole log (2000 to mid 2013)",
        box=box.SIMPLE_HEAD,
    )
    for name in ("", "whole log", "this part", "why they differ"):
        table.add_column(name)
    table.add_row("cases", "150,370", f"{log.n_invoices:,}", "fines created up to 2008 only")
    table.add_row(
        "events",
        "561,470",
        f"{len(log) - settled:,}",
        f"up to 2008; {settled:,} 'Invoice Settled' were added here",
    )
    table.add_row(
        "activities",
        "11",
        f"{len(log.activities) - 1}",
        "appeals to prefecture and to judge are both 'Dispute Registered'",
    )
    median, p90 = waits.median_days[letter], waits.p90_days[letter]
    table.add_row(
        "penalty after notification", "60 days", f"median {median:.0f}, 9 of 10 {p90:.0f}", "equal"
    )
    return table


def report(console: Console, path: Path, repeat: int) -> int:
    """Compare on one log; how many figures differ."""
    log, _ = read_log(path)
    frame = formatted(log)
    table = Table(
        title=f"{path.name}: {len(log):,} events, {log.n_invoices:,} invoices", box=box.SIMPLE_HEAD
    )
    for name in ("", "duecast", "pm4py", "different"):
        table.add_column(name, justify="left" if not name else "right")
    rows = differences(log, frame)
    for name, mine, other, wrong in rows:
        table.add_row(name, f"{mine:,}", f"{other:,}", f"{wrong:,}")
    console.print(table)
    tied, moved = ties(log)
    console.print(
        f"{tied:,} invoices have two activities at one moment; the order of the file's own rows "
        f"would tell {moved:,} of them otherwise ({len(pm4py.get_variants(in_file_order(log))):,} "
        "variants)."
    )
    runs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "counts": (lambda: directly_follows(log), lambda: pm4py.discover_dfg(frame)),
        "counts and waiting times": (
            lambda: waiting_map(traces_of(log)),
            lambda: pm4py.discover_performance_dfg(frame),
        ),
        "variants": (lambda: variants_of(traces_of(log)), lambda: pm4py.get_variants(frame)),
    }
    speed = Table(title="Seconds, median", box=box.SIMPLE_HEAD)
    for name in ("", "duecast", "pm4py", "× faster"):
        speed.add_column(name, justify="left" if not name else "right")
    for name, (ours, theirs) in runs.items():
        mine, other = timed(ours, repeat), timed(theirs, repeat)
        speed.add_row(name, f"{mine:.4f}", f"{other:.3f}", f"{other / mine:,.0f}")
    with_money = timed(lambda: process_map(history_of(log, log.ends_at, Policy())), repeat)
    speed.add_row("with due dates and balances", f"{with_money:.3f}", "–", "")
    console.print(speed)
    if "Fine Notified" in log.activities:
        console.print(published(log))
    return sum(wrong for *_, wrong in rows)


def main() -> None:
    """Compare on each log; exit with 1 if any figure differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("logs", type=Path, nargs="+", help="in the template's names")
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    console = Console(width=110)
    if sum(report(console, path, chosen.repeat) for path in chosen.logs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
