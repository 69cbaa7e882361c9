"""The directly-follows map beside pm4py: counts alone, and with waiting times.

    python -m benchmarks.directly_follows --events 100000 1000000 10000000

pm4py is given frames that are already formatted and sorted, in three ways: as its users call it
(`pm4py.discover_dfg` on what `pm4py.format_dataframe` returns), its pandas path with integer cases,
categorical activities and no sorting of its own, and its Polars path. With waiting times it is
`pm4py.discover_performance_dfg`, whose mean and median must be ours to a microsecond; variants are
`pm4py.get_variants`. Counts must be equal before anything is timed. pm4py is under the AGPL: it is
used here and nowhere else.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pm4py
import polars as pl
from pm4py.algo.discovery.dfg.adapters.pandas import df_statistics
from pm4py.algo.discovery.dfg.variants import clean_polars
from pm4py.statistics.end_activities.pandas import get as last_activities
from pm4py.statistics.start_activities.pandas import get as first_activities
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.synthetic import DAY, N_ACTIVITIES, synthetic_events
from eventlog.log import EventLog
from eventlog.process.directly_follows import DirectlyFollows, directly_follows
from eventlog.process.process_map import ProcessMap, waiting_map
from eventlog.process.traces import traces_of
from eventlog.process.variants import Variants, variants_of
from eventlog.template import ACTIVITIES

#: Share of events that are recorded later than they happened.
LATE = 0.02
CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"

#: What is compared with what.
WAITS, PERFORMANCE = "duecast, waiting times", "pm4py.discover_performance_dfg"
VARIANTS = "duecast, variants"
RIVAL = {PERFORMANCE: WAITS, WAITS: WAITS, VARIANTS: VARIANTS, "pm4py.get_variants": VARIANTS}

#: Pairs, starts and ends by name.
Found = tuple[dict[tuple[str, str], int], dict[str, int], dict[str, int]]


@dataclass(frozen=True)
class Timing:
    """Seconds of one contestant on one size, median of the repeats."""

    tool: str
    events: int
    seconds: float
    ratio: float


def synthetic_log(n_events: int, seed: int = 0) -> EventLog:
    """An event log without columns; some events happened days before they became known."""
    events = synthetic_events(n_events, seed)
    rng = np.random.default_rng(seed + 2)
    late = np.where(rng.random(n_events) < LATE, rng.integers(20 * DAY, size=n_events), 0)
    happened = events.known_at - late
    order = np.lexsort((events.activity, happened, events.known_at, events.invoice))
    n_invoices = len(events.customer_of_invoice)
    n_customers = int(events.customer_of_invoice.max()) + 1
    return EventLog(
        invoice=events.invoice,
        customer=events.customer,
        activity=events.activity[order],
        event_time=happened[order],
        known_at=events.known_at[order],
        row=np.arange(n_events),
        columns={},
        activities=tuple(sorted(a.name for a in ACTIVITIES)[:N_ACTIVITIES]),
        invoice_keys=pd.DataFrame({"company": "", "invoice": np.arange(n_invoices)}),
        invoice_customer=events.customer_of_invoice,
        customer_keys=pd.DataFrame({"company": "", "customer": np.arange(n_customers)}),
        ends_at=int(events.known_at.max()),
    )


def frame_of(log: EventLog) -> pd.DataFrame:
    """The log as pm4py's pandas path is quickest on it, in the order of event times."""
    order = np.lexsort((log.event_time, log.invoice))  # stable: ties as in the log
    return pd.DataFrame(
        {
            CASE: log.invoice[order],
            ACTIVITY: pd.Categorical.from_codes(log.activity[order], list(log.activities)),
            TIME: pd.to_datetime(log.event_time[order], unit="us", utc=True),
        }
    )


def contestants(log: EventLog) -> dict[str, Callable[[], object]]:
    """What is timed; frames are made here."""
    frame = frame_of(log)
    texts = frame.astype({CASE: "str", ACTIVITY: "str"})
    # Cases as texts sort by their characters; pm4py's own order, once and for all.
    formatted = pm4py.format_dataframe(
        texts, case_id=CASE, activity_key=ACTIVITY, timestamp_key=TIME
    )
    lazy = pl.DataFrame(
        {
            CASE: frame[CASE].to_numpy(),
            ACTIVITY: pl.Series(frame[ACTIVITY].astype(str).to_list(), dtype=pl.Categorical),
            TIME: frame[TIME].dt.tz_localize(None).to_numpy(),
        }
    ).lazy()
    return {
        "duecast": lambda: directly_follows(log),
        "pm4py.discover_dfg": lambda: pm4py.discover_dfg(formatted),
        "pm4py pandas, prepared": lambda: _prepared(frame),
        "pm4py Polars": lambda: clean_polars.apply(lazy, {"case_id_key": CASE}),
        WAITS: lambda: waiting_map(traces_of(log)),
        PERFORMANCE: lambda: pm4py.discover_performance_dfg(formatted),
        VARIANTS: lambda: variants_of(traces_of(log)),
        "pm4py.get_variants": lambda: pm4py.get_variants(formatted),
    }


def _prepared(frame: pd.DataFrame) -> Found:
    keys = {"pm4py:param:case_id_key": CASE, "pm4py:param:activity_key": ACTIVITY}
    follows = df_statistics.get_dfg_graph(
        frame[[CASE, ACTIVITY]].assign(start_timestamp=0),
        sort_caseid_required=False,
        sort_timestamp_along_case_id=False,
    )
    return (
        follows,
        first_activities.get_start_activities(frame, keys),
        last_activities.get_end_activities(frame, keys),
    )


def as_found(result: object) -> Found:
    """What any contestant returns, in one form."""
    if isinstance(result, DirectlyFollows):
        names = result.activities
        return (
            {(names[a], names[b]): int(result.counts[a, b]) for a, b in np.argwhere(result.counts)},
            {names[a]: int(result.starts[a]) for a in np.flatnonzero(result.starts)},
            {names[a]: int(result.ends[a]) for a in np.flatnonzero(result.ends)},
        )
    if not isinstance(result, tuple):
        result = (result.graph, result.start_activities, result.end_activities)  # type: ignore[attr-defined]
    return tuple({key: int(n) for key, n in part.items() if n} for part in result)  # type: ignore[return-value]


def agree(runs: dict[str, Callable[[], object]], n_events: int) -> None:
    """Check that waiting times and variants are the same on both sides.

    Raises
    ------
    ValueError
        If they are not.
    """
    waits, (performance, *_) = runs[WAITS](), runs[PERFORMANCE]()  # type: ignore[misc]
    assert isinstance(waits, ProcessMap)
    place = {name: i for i, name in enumerate(waits.activities)}
    apart = [
        abs(table[place[a], place[b]] * 86_400 - theirs[name])
        for (a, b), theirs in performance.items()
        for name, table in (("mean", waits.mean_days), ("median", waits.median_days))
    ]
    if len(performance) != int((waits.counts > 0).sum()) or max(apart) > 1e-6:
        raise ValueError(f"Waiting times differ on {n_events:,} events by {max(apart)} s")
    ours = runs[VARIANTS]()
    assert isinstance(ours, Variants)
    theirs = runs["pm4py.get_variants"]()
    if {ours.sequence(v): int(n) for v, n in enumerate(ours.counts)} != theirs:
        raise ValueError(f"Variants differ on {n_events:,} events")


def measure(sizes: Sequence[int], repeat: int = 3, seed: int = 0) -> list[Timing]:
    """Time all contestants in turn on each size.

    Raises
    ------
    ValueError
        If two of them count differently.
    """
    timings = []
    for n_events in sizes:
        log = synthetic_log(n_events, seed)
        runs = contestants(log)
        ours = as_found(runs["duecast"]())
        for tool, run in runs.items():
            if tool not in RIVAL and as_found(run()) != ours:
                raise ValueError(f"{tool} counts otherwise than duecast on {n_events:,} events")
        agree(runs, n_events)
        seconds: dict[str, list[float]] = {tool: [] for tool in runs}
        for _ in range(repeat):
            for tool, run in runs.items():
                begun = time.perf_counter()
                run()
                seconds[tool].append(time.perf_counter() - begun)
        median = {tool: statistics.median(taken) for tool, taken in seconds.items()}
        timings += [
            Timing(tool, n_events, median[tool], median[tool] / median[RIVAL.get(tool, "duecast")])
            for tool in runs
        ]
    return timings


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    table = Table(title="Directly-follows counts, equal in all", box=box.SIMPLE_HEAD)
    for name in ("events", "tool", "seconds", "× duecast's"):
        table.add_column(name, justify="left" if name == "tool" else "right")
    for timing in measure(chosen.events, chosen.repeat, chosen.seed):
        table.add_row(
            f"{timing.events:,}", timing.tool, f"{timing.seconds:.4f}", f"{timing.ratio:.1f}"
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
