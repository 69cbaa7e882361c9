"""Incremental imports: what changed since the last run, on top of what that run has kept.

Events cannot be derived from changed rows alone: a settlement of today needs the invoice of last
year, and a letter canceled today takes back an event of last month. So a run keeps the rows it used
in a folder beside the log (``log.tables`` for ``log.parquet``); the next one lays new and changed
rows over them by their keys and derives all events anew, which takes seconds. The result is that of
a full import, whether the new export is full or holds only what changed, and whatever changed.

The log's Parquet metadata says which kept rows belong to it, so a run that is interrupted leaves
the log and its rows as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from eventlog.dynamics.engine import first_row
from eventlog.dynamics.kept import Run, kept_rows
from eventlog.dynamics.queries import columns_read, tables_read
from eventlog.dynamics.schema import Table
from eventlog.dynamics.source import Export, key_of
from eventlog.errors import DataError
from eventlog.template import DUE_DATE_PASSED

#: What makes an event the same in two logs; attributes of customers may change under it.
IDENTITY = (
    "InvoiceNumber",
    "ActivityName",
    "EventTime",
    "RecordedTime",
    "CompanyCode",
    "CustomerAccount",
    "CurrencyCode",
    "InvoiceAmount",
    "PaymentDueDate",
    "PaymentAmount",
    "DunningLevel",
    "DisputeReason",
    "PromisedDate",
    "PromisedAmount",
    "CreditLimit",
    "UserId",
)


@dataclass(frozen=True)
class Merged:
    """What became of the rows of an export that was laid over kept ones.

    Attributes
    ----------
    rows : DataFrame, columns table, new, changed, unchanged, kept, deleted
        Counts; ``kept`` rows are not in the export.
    notes : tuple of str
    """

    rows: pd.DataFrame
    notes: tuple[str, ...]


def merge_kept(
    connection: duckdb.DuckDBPyConnection, export: Export, out: Path, run: Run
) -> Merged:
    """Lay the export's rows over those that the earlier run kept.

    Of two rows of one key the later version holds, where the export says versions or times of
    change, else the one that is exported now.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With the export's tables; they are completed.
    export : Export
    out : Path
        The earlier log.
    run : Run
        Its run.

    Raises
    ------
    DataError
        If the export lacks columns that the earlier one had, or kept rows cannot be read.
    """
    _refuse_lost_columns(export, run)
    counts = [
        _merge(connection, table, kept_rows(out, run, table), table.name in export.found)
        for table in tables_read()
    ]
    notes = []
    late = sorted(set(export.found) - set(run.lacking))
    if late:
        notes.append(
            f"{', '.join(late)} were not in the earlier export: unless this export is full, their "
            "earlier rows are missing."
        )
    return Merged(pd.DataFrame(counts), tuple(notes))


def _refuse_lost_columns(export: Export, run: Run) -> None:
    lost = [
        f"{name}.{column}"
        for name, found in export.found.items()
        if name in run.lacking and found.rows
        for column in found.lacking
        if column not in run.lacking[name]
    ]
    if lost:
        raise DataError(
            f"The export lacks {len(lost)} columns that the earlier one had: {', '.join(lost)}. "
            "Export the same columns each time, or import anew without --incremental."
        )


def _merge(
    connection: duckdb.DuckDBPyConnection, table: Table, kept: pa.Table | None, exported: bool
) -> dict[str, object]:
    name = f'"{table.name}"'
    (rows, deleted) = first_row(
        connection, f"SELECT count(*), count(*) FILTER (WHERE deleted) FROM {name}"
    )
    counts = {"table": table.name, "new": rows, "changed": 0, "unchanged": 0, "kept": 0}
    if kept is None:
        return counts | {"deleted": deleted}
    columns = [c.name for c in table.columns if c.name in set(kept.column_names)]
    connection.register("kept", kept)
    try:
        same_key = " AND ".join(f'k."{key}" = n."{key}"' for key in key_of(table))
        differs = " OR ".join(f'k."{c}" IS DISTINCT FROM n."{c}"' for c in columns) or "FALSE"
        older = (
            "(n.version < k.version OR (n.version IS NOT DISTINCT FROM k.version "
            "AND n.changed < k.changed))"
        )
        (unchanged, changed, late) = first_row(
            connection,
            f"SELECT count(*) FILTER (WHERE NOT ({differs}) AND NOT n.deleted), "
            f"count(*) FILTER (WHERE (({differs}) AND NOT coalesce({older}, FALSE)) "
            "AND NOT n.deleted), "
            f"count(*) FILTER (WHERE coalesce({older}, FALSE)) "
            f"FROM {name} AS n JOIN kept AS k ON {same_key}",
        )
        (both,) = first_row(
            connection, f"SELECT count(*) FROM {name} AS n JOIN kept AS k ON {same_key}"
        )
        if late:
            connection.execute(
                f"DELETE FROM {name} AS n USING kept AS k WHERE {same_key} AND {older}"
            )
        connection.execute(
            f"INSERT INTO {name} BY NAME SELECT k.*, FALSE AS deleted FROM kept AS k "
            f"ANTI JOIN {name} AS n ON {same_key}"
        )
    finally:
        connection.unregister("kept")
    return {
        "table": table.name,
        "new": rows - both if exported else 0,
        "changed": changed,
        "unchanged": unchanged,
        "kept": len(kept) - both,
        "deleted": deleted,
    }


def watermark(connection: duckdb.DuckDBPyConnection) -> str:
    """Latest moment at which a row was made or changed, ISO 8601; "" if no row says."""
    stamps = []
    for table in tables_read():
        made = "CreatedDateTime" if "CreatedDateTime" in columns_read(table) else "changed"
        stamps.append(f'SELECT max(greatest("{made}", changed)) AS stamp FROM "{table.name}"')
    (latest,) = first_row(connection, f"SELECT max(stamp) FROM ({' UNION ALL '.join(stamps)})")
    return latest.isoformat() if latest is not None else ""


def changes(earlier: Path, rows: pa.Table) -> pd.DataFrame:
    """Which events a log has more or less than an earlier one.

    Parameters
    ----------
    earlier : Path
        The earlier log.
    rows : Table
        The rows of the new one.

    Returns
    -------
    DataFrame, columns activity, added, withdrawn
        Calculated events are not compared. An event that changed counts as both.
    """
    before = pq.read_table(earlier)
    named = [name for name in IDENTITY if name in rows.column_names]
    alike = []
    for name in named:
        kind = rows.schema.field(name).type
        has = name in before.column_names
        alike.append(before[name].cast(kind) if has else pa.nulls(len(before), kind))
    columns = ", ".join(f'"{name}"' for name in named)
    with duckdb.connect() as connection:
        connection.register("before", pa.table(alike, names=named))
        connection.register("after", rows.select(named))
        return connection.execute(  # one aggregation is far faster than EXCEPT ALL both ways
            "SELECT ActivityName AS activity, "
            "CAST(sum(greatest(surplus, 0)) AS BIGINT) AS added, "
            "CAST(sum(greatest(-surplus, 0)) AS BIGINT) AS withdrawn "
            f"FROM (SELECT {columns}, sum(side) AS surplus FROM "
            "(SELECT *, 1 AS side FROM after UNION ALL BY NAME SELECT *, -1 AS side FROM before) "
            f"WHERE ActivityName <> ? GROUP BY {columns} HAVING sum(side) <> 0) "
            "GROUP BY 1 ORDER BY 1",
            [DUE_DATE_PASSED],
        ).df()


def lacking_columns(export: Export, earlier: Run | None) -> dict[str, list[str]]:
    """Columns taken as empty by table, of this export and of the runs before it."""
    lacking: dict[str, list[str]] = dict(earlier.lacking) if earlier else {}
    for name, found in export.found.items():
        if found.rows or name not in lacking:
            lacking[name] = list(found.lacking)
    return lacking
