"""The 96 features in featuretools, in whatever interpreter has a pandas it runs with.

featuretools 1.31 (woodwork 0.31) does not run with pandas 3, so `benchmarks.features` calls this
module as a subprocess and hands data over in Parquet files:

    /path/to/python -m benchmarks.peer_featuretools EVENTS.parquet SNAPSHOTS.parquet MATRIX.npy

It prints one line of JSON: seconds, MB of memory beyond the loaded data, versions.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import featuretools as ft
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.memory import Peak
from benchmarks.synthetic import DAY, FEATURES, LOOK_BACKS, N_ACTIVITIES, Events, SnapshotRows


@dataclass(frozen=True)
class Loaded:
    """An entity set of events, invoices and customers, and the cutoff times."""

    entities: ft.EntitySet
    cutoff_times: pd.DataFrame


def load_featuretools(events: Events, snapshots: SnapshotRows) -> Loaded:
    """Entities with their relations; each event carries a count and an amount for each activity."""
    kinds = range(N_ACTIVITIES)
    n_events, n_invoices = len(events), len(events.customer_of_invoice)
    table = pd.DataFrame(
        {
            "event": np.arange(n_events),
            "invoice": events.invoice.astype(np.int64),
            "known_at": pd.to_datetime(events.known_at, unit="us"),
            **{f"n_{k}": (events.activity == k).astype(np.int64) for k in kinds},
            **{f"sum_{k}": np.where(events.activity == k, events.amount, 0) for k in kinds},
        }
    )
    invoices = pd.DataFrame(
        {"invoice": np.arange(n_invoices), "customer": events.customer_of_invoice.astype(np.int64)}
    )
    customers = pd.DataFrame({"customer": np.unique(events.customer_of_invoice).astype(np.int64)})
    # Two parents of an event, so that a customer's totals need not go through its invoices.
    table["customer"] = events.customer.astype(np.int64)
    entities = ft.EntitySet("log")
    entities.add_dataframe(
        dataframe_name="events",
        dataframe=table,
        index="event",
        time_index="known_at",
        logical_types={f"{what}_{k}": "Integer" for what in ("n", "sum") for k in kinds},
    )
    entities.add_dataframe(dataframe_name="invoices", dataframe=invoices, index="invoice")
    entities.add_dataframe(dataframe_name="customers", dataframe=customers, index="customer")
    entities.add_relationship("invoices", "invoice", "events", "invoice")
    entities.add_relationship("customers", "customer", "events", "customer")
    entities.add_relationship("customers", "customer", "invoices", "customer")
    cutoff_times = pd.DataFrame(
        {
            "invoice": snapshots.invoice.astype(np.int64),
            "time": pd.to_datetime(snapshots.cutoff, unit="us"),
        }
    )
    return Loaded(entities, cutoff_times)


def with_featuretools(data: Loaded) -> pd.DataFrame:
    """All features by deep feature synthesis: sums of 24 numbers that each event carries.

    Everything can be expressed. The invoice's own are aggregations, the customer's are direct
    features of them (``customers.SUM(events.n_3)``); a look-back is a `training_window`, which
    leaves out what is exactly as old as the window, as we do. The window holds for a whole call,
    so there are three calls. The 24 numbers (one or nothing, amount or nothing) are made while
    loading, which is not timed.

    Tried besides: activities as interesting values, Count and Sum with `where_primitives`: the same
    values, 198 s on 40,000 events where this takes 118 s, as each condition is a grouping of its
    own. Not tried: `n_jobs=2`, which needs a Dask cluster and could at best halve the time.
    `approximate` is no choice: its values are others.
    """
    of_invoice = _totals(data.entities, "invoices")
    of_customer = [
        ft.Feature(f, dataframe_name="invoices") for f in _totals(data.entities, "customers")
    ]
    parts = []
    for look_back in LOOK_BACKS.values():
        matrix = ft.calculate_feature_matrix(
            of_customer if look_back else of_invoice + of_customer,
            entityset=data.entities,
            cutoff_time=data.cutoff_times,
            training_window=None if look_back is None else f"{look_back // DAY} days",
        )
        parts.append(matrix.fillna(0).astype(np.float32))
    result = pd.concat(parts, axis=1)
    result.columns = list(FEATURES)
    return result


def _totals(entities: ft.EntitySet, of: str) -> list[ft.AggregationFeature]:
    """Count and sum of each activity's events, by invoices or by customers."""
    features = ft.dfs(
        entityset=entities,
        target_dataframe_name=of,
        agg_primitives=["sum"],
        trans_primitives=[],
        max_depth=1,
        features_only=True,
    )
    by_name = {feature.get_name(): feature for feature in features}
    return [
        by_name[f"SUM(events.{what}_{k})"] for what in ("n", "sum") for k in range(N_ACTIVITIES)
    ]


def as_array_featuretools(result: pd.DataFrame) -> NDArray[np.float32]:
    """Rows come back in the order of the cutoff times."""
    return result.to_numpy(dtype=np.float32)


def _read(events: Path, snapshots: Path) -> tuple[Events, SnapshotRows]:
    e, s = pd.read_parquet(events), pd.read_parquet(snapshots)
    owner = e.drop_duplicates("invoice")["customer"].to_numpy()
    return (
        Events(**{name: e[name].to_numpy() for name in e}, customer_of_invoice=owner),
        SnapshotRows(**{name: s[name].to_numpy() for name in s}),
    )


def main() -> None:
    """Compute, write the matrix, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("events", "snapshots", "matrix"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    data = load_featuretools(*_read(chosen.events, chosen.snapshots))
    with Peak() as peak:
        begun = time.perf_counter()
        result = with_featuretools(data)
        seconds = time.perf_counter() - begun
    np.save(chosen.matrix, as_array_featuretools(result))
    versions = {"featuretools": ft.__version__, "pandas": pd.__version__}
    print(json.dumps({"seconds": seconds, "peak_mb": peak.megabytes, "versions": versions}))


if __name__ == "__main__":
    main()
