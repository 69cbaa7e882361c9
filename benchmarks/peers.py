"""The 96 features of `benchmarks.synthetic` in Polars, DuckDB and pandas.

Each as somebody would write it who knows the tool: totals once, as-of joins once a look-back, no
needless copies, in whichever form proved fastest on 10^6 events (2 cores); the docstrings say what
else was tried. The forms are not the tools' limits, but what remains within their own idiom.
featuretools, which needs an older pandas, stands in `benchmarks.peer_featuretools`.

Not taken in any of them: cumulative sums over the whole table instead of by entity, with row
numbers from an as-of join and gathers by hand. That is our own engine's idea written down in
another language. In Polars it took 1.0 s where `with_polars` took 0.7 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.synthetic import FEATURES, LOOK_BACKS, N_ACTIVITIES, Events, SnapshotRows

KINDS = range(N_ACTIVITIES)
#: The 24 totals of an entity, in their order.
TOTALS = [f"{what}_{k}" for what in ("n", "sum") for k in KINDS]
THREADS = 2


@dataclass(frozen=True)
class PolarsData:
    """Frames with their sort orders declared."""

    events: pl.DataFrame
    snapshots: pl.DataFrame


def load_polars(events: Events, snapshots: SnapshotRows) -> PolarsData:
    """Zero-copy where Polars can."""
    return PolarsData(
        pl.DataFrame(_event_columns(events)).with_columns(
            pl.col("customer").set_sorted(), pl.col("invoice").set_sorted()
        ),
        pl.DataFrame(_snapshot_columns(snapshots)).with_columns(pl.col("cutoff").set_sorted()),
    )


def with_polars(data: PolarsData) -> pl.DataFrame:
    """Invoices: join and aggregate. Customers: `cum_sum().over()`, then an as-of join a look-back.

    On 10^6 events 0.7 s. Tried besides: invoices by `cum_sum().over("invoice")` and an as-of join
    too (`with_polars_as_of`), 2.4 s, since `over` is slow with many small groups, and
    ``mapping_strategy="explode"`` is slower still; everything lazy in one query 3.5 s, the same on
    the streaming engine 3.6 s; one as-of join an activity and look-back 2.0 s; an as-of join for
    the row number and a gather 2.9 s; `pivot` for the invoices 0.9 s.
    """
    own = (
        data.snapshots.lazy()
        .with_row_index("row")
        .join(data.events.lazy().drop("customer"), on="invoice")
        .filter(pl.col("known_at") <= pl.col("cutoff"))
        .select("row", *_polars_deltas())
        .group_by("row")
        .agg(pl.col(TOTALS).sum())
        .sort("row")
        .select(pl.col(TOTALS).cast(pl.Float32).name.prefix("i_"))
        .collect()
    )
    return pl.concat([own, *_polars_customers(data)], how="horizontal")


def with_polars_as_of(data: PolarsData) -> pl.DataFrame:
    """Running totals and as-of joins throughout, as the textbook has it."""
    totals = data.events.select("invoice", "known_at", *_polars_running("invoice"))
    own = _polars_as_of(data, totals, "invoice", 0).select(
        pl.all().cast(pl.Float32).name.prefix("i_")
    )
    del totals
    return pl.concat([own, *_polars_customers(data)], how="horizontal")


def _polars_deltas() -> list[pl.Expr]:
    is_kind = [pl.col("activity") == k for k in KINDS]
    counts = [is_kind[k].cast(pl.Int32).alias(f"n_{k}") for k in KINDS]
    return counts + [
        pl.when(is_kind[k]).then("amount").otherwise(0).alias(f"sum_{k}") for k in KINDS
    ]


def _polars_running(entity: str) -> Iterator[pl.Expr]:
    return (delta.cum_sum().over(entity) for delta in _polars_deltas())


def _polars_as_of(
    data: PolarsData, totals: pl.DataFrame, entity: str, look_back: int
) -> pl.DataFrame:
    moments = data.snapshots.select(entity, moment=pl.col("cutoff") - look_back)
    return moments.join_asof(
        totals,
        left_on="moment",
        right_on="known_at",
        by=entity,
        strategy="backward",
        check_sortedness=False,  # sorted within each entity, which it cannot check
    ).select(pl.col(TOTALS).fill_null(0))


def _polars_customers(data: PolarsData) -> Iterator[pl.DataFrame]:
    totals = data.events.sort("customer", "known_at").select(
        "customer", "known_at", *_polars_running("customer")
    )
    now = _polars_as_of(data, totals, "customer", 0)
    for name, look_back in LOOK_BACKS.items():
        if look_back is None:
            yield now.select(_named(pl.col(total), total, name) for total in TOTALS)
        else:
            before = _polars_as_of(data, totals, "customer", look_back)
            yield now.select(_named(pl.col(total) - before[total], total, name) for total in TOTALS)


def _named(value: pl.Expr, total: str, look_back: str) -> pl.Expr:
    return value.cast(pl.Float32).alias(f"c_{total}_{look_back}")


def as_array_polars(result: pl.DataFrame) -> NDArray[np.float32]:
    """The matrix."""
    return result.select(FEATURES).to_numpy()


@dataclass(frozen=True)
class DuckData:
    """An in-memory database with tables events and snapshots."""

    connection: duckdb.DuckDBPyConnection


def load_duckdb(events: Events, snapshots: SnapshotRows) -> DuckData:
    """Tables in DuckDB's own storage; snapshots carry their row number."""
    connection = duckdb.connect(config={"threads": THREADS})
    connection.register("the_events", pa.table(_event_columns(events)))
    rows = {"row": np.arange(len(snapshots), dtype=np.int32)}
    connection.register("the_snapshots", pa.table(rows | _snapshot_columns(snapshots)))
    for name in ("events", "snapshots"):
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM the_{name}")
        connection.unregister(f"the_{name}")
    connection.execute("SET preserve_insertion_order = false")  # rows are numbered; saves memory
    return DuckData(connection)


def with_duckdb(data: DuckData) -> pa.Table:
    """Invoices: join and aggregate. Customers: windows by activity, ASOF JOIN, aggregate.

    Windows over (customer, activity) need two sums where windows over customers need 24, and
    DuckDB pays for each. One as-of join a look-back finds all activities of a snapshot, and a
    conditional aggregate lays them side by side. Window frames are by value (RANGE), so events
    of one moment share a total and the as-of join may take any of them.

    On 10^6 events 4.1 s. Tried besides: 24 filtered window sums by customer and one ASOF JOIN a
    look-back 11 s, with invoices that way too 12 s; the same after grouping by moment, with ROWS
    frames 18 s; unpartitioned streaming windows 8 s; one ASOF JOIN an activity and look-back 7.7 s;
    the three look-backs joined before aggregating 8.4 s.
    """
    data.connection.execute(
        "CREATE OR REPLACE TEMP TABLE running AS "
        "SELECT customer, activity, known_at,"
        " (count(*) OVER entity)::INT AS n, (sum(amount) OVER entity)::BIGINT AS total "
        "FROM events WINDOW entity AS (PARTITION BY customer, activity ORDER BY known_at)"
    )
    columns = [f"i.{total}::FLOAT AS i_{total}" for total in TOTALS]
    joins = []
    for name, look_back in LOOK_BACKS.items():
        joins.append(f"LEFT JOIN ({_duckdb_customers(look_back or 0)}) c_{name} USING (row)")
        for total in TOTALS:
            value = f"coalesce(c_{name}.{total}, 0)"
            if look_back is not None:
                value = f"(coalesce(c_all.{total}, 0) - {value})"
            columns.append(f"{value}::FLOAT AS c_{total}_{name}")
    query = f"SELECT i.row, {', '.join(columns)} FROM ({_duckdb_invoices()}) i {' '.join(joins)}"
    result = data.connection.sql(query).to_arrow_table()
    data.connection.execute("DROP TABLE running")
    return result


def _duckdb_invoices() -> str:
    counts = [f"count(*) FILTER (activity = {k}) AS n_{k}" for k in KINDS]
    # A sum of BIGINT is a HUGEINT; back to BIGINT, whose cast to FLOAT rounds once.
    sums = [f"coalesce(sum(amount) FILTER (activity = {k}), 0)::BIGINT AS sum_{k}" for k in KINDS]
    return (
        f"SELECT s.row, {', '.join(counts + sums)} FROM snapshots s "
        "JOIN events e ON e.invoice = s.invoice AND e.known_at <= s.cutoff GROUP BY s.row"
    )


def _duckdb_customers(look_back: int) -> str:
    picked = [
        f"coalesce(any_value({of}) FILTER (activity = {k}), 0) AS {what}_{k}"
        for what, of in (("n", "n"), ("sum", "total"))
        for k in KINDS
    ]
    return (
        f"SELECT row, {', '.join(picked)} FROM ("
        "SELECT s.row, s.activity, r.n, r.total FROM ("
        f"SELECT row, customer, cutoff - {look_back} AS moment, kind::SMALLINT AS activity "
        f"FROM snapshots, range({N_ACTIVITIES}) kinds(kind)) s "
        "ASOF JOIN running r ON r.customer = s.customer AND r.activity = s.activity "
        "AND r.known_at <= s.moment) GROUP BY row"
    )


def as_array_duckdb(result: pa.Table) -> NDArray[np.float32]:
    """The matrix, rows put in order."""
    matrix = np.empty((len(result), len(FEATURES)), dtype=np.float32)
    place = result["row"].to_numpy()
    for j, name in enumerate(FEATURES):
        matrix[place, j] = result[name].to_numpy()
    return matrix


@dataclass(frozen=True)
class PandasData:
    """Two frames."""

    events: pd.DataFrame
    snapshots: pd.DataFrame


def load_pandas(events: Events, snapshots: SnapshotRows) -> PandasData:
    """Frames of the same columns."""
    return PandasData(
        pd.DataFrame(_event_columns(events)), pd.DataFrame(_snapshot_columns(snapshots))
    )


def with_pandas(data: PandasData) -> pd.DataFrame:
    """Invoices: merge and aggregate. Customers: `groupby.cumsum`, then `merge_asof` a look-back.

    On 10^6 events 1.15 s. Tried besides: invoices by `cumsum` and `merge_asof` too
    (`with_pandas_as_of`) 1.55 s; `merge_asof` for the row number only and `reindex` 1.3 s; one
    `merge_asof` an activity and look-back 1.0 to 1.3 s, and several times slower on small data.
    """
    counted = (
        data.snapshots[["invoice", "cutoff"]]
        .reset_index(names="row")
        .merge(data.events[["invoice", "known_at", "activity", "amount"]], on="invoice")
        .query("known_at <= cutoff")
        .groupby(["row", "activity"])["amount"]
        .agg(["size", "sum"])
    )
    own = counted.unstack("activity", fill_value=0)  # noqa: PD010 - pivot_table is slower
    own = own.astype("float32")
    own.columns = [f"i_{total}" for total in TOTALS]
    return pd.concat([own, *_pandas_customers(data)], axis=1)


def with_pandas_as_of(data: PandasData) -> pd.DataFrame:
    """Running totals and `merge_asof` throughout, as the textbook has it."""
    events = data.events.sort_values("known_at", kind="stable", ignore_index=True)
    own = _pandas_as_of(data, _pandas_running(events, "invoice"), "invoice", 0)
    return pd.concat([own.astype("float32").add_prefix("i_"), *_pandas_customers(data)], axis=1)


def _pandas_running(events: pd.DataFrame, entity: str) -> pd.DataFrame:
    counts = {f"n_{k}": (events["activity"] == k).astype("int32") for k in KINDS}
    sums = {f"sum_{k}": events["amount"].where(events["activity"] == k, 0) for k in KINDS}
    totals = pd.DataFrame(counts | sums).groupby(events[entity], sort=False).cumsum()
    totals[[entity, "known_at"]] = events[[entity, "known_at"]]
    return totals


def _pandas_as_of(
    data: PandasData, totals: pd.DataFrame, entity: str, look_back: int
) -> pd.DataFrame:
    moments = data.snapshots[[entity]].assign(moment=data.snapshots["cutoff"] - look_back)
    found = pd.merge_asof(moments, totals, left_on="moment", right_on="known_at", by=entity)
    return found[TOTALS].fillna(0)


def _pandas_customers(data: PandasData) -> Iterator[pd.DataFrame]:
    # `merge_asof` wants the whole right side in the order of time, not within each customer.
    events = data.events.sort_values("known_at", kind="stable", ignore_index=True)
    totals = _pandas_running(events, "customer")
    now = _pandas_as_of(data, totals, "customer", 0)
    for name, look_back in LOOK_BACKS.items():
        value = now
        if look_back is not None:
            value = now - _pandas_as_of(data, totals, "customer", look_back)
        yield value.astype("float32").add_prefix("c_").add_suffix(f"_{name}")


def as_array_pandas(result: pd.DataFrame) -> NDArray[np.float32]:
    """The matrix."""
    return result[list(FEATURES)].to_numpy()


def _event_columns(events: Events) -> dict[str, NDArray[np.generic]]:
    names = ("customer", "invoice", "known_at", "activity", "amount")
    return {name: getattr(events, name) for name in names}


def _snapshot_columns(snapshots: SnapshotRows) -> dict[str, NDArray[np.generic]]:
    return {name: getattr(snapshots, name) for name in ("invoice", "customer", "cutoff")}
