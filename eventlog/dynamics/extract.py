"""Tables of Dynamics 365 become the events of a log: the queries, in their order, and their sum.

Each activity has a query of its own in ``queries``; all write into one table of events. Nothing
here knows which files or which database the tables came from, nor the time of day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pandas as pd
import pyarrow as pa

from eventlog.dynamics.engine import first_row
from eventlog.dynamics.enums import Enums
from eventlog.dynamics.noticed import noticed, unknown_enums
from eventlog.dynamics.queries import QUERIES, query, tables_read
from eventlog.errors import DataError, SettingsError

SOURCE_SYSTEM = "Microsoft Dynamics 365"
#: Columns whose latest value is when the export was made, where nobody says it.
_DATED = ("CustTrans.TransDate", "CustSettlement.TransDate", "CustInvoiceJour.InvoiceDate")
_SHOWN = 3
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Events:
    """The events of an export.

    Attributes
    ----------
    rows : Table of shape (n_events, n_columns)
        Under the template's names; exact midnights of EventTime are dates without a time.
    left_out : DataFrame, columns what, reason, rows
        What did not become an event, counted.
    notes : tuple of str
        What was assumed or noticed, a sentence each.
    """

    rows: pa.Table
    left_out: pd.DataFrame
    notes: tuple[str, ...]


def choose_companies(connection: duckdb.DuckDBPyConnection, companies: Sequence[str]) -> None:
    """Keep some legal entities only.

    Raises
    ------
    SettingsError
        If an entity is not in the export.
    """
    found = connection.execute("SELECT DISTINCT DataAreaId FROM CustTrans ORDER BY 1").fetchall()
    names = [name for (name,) in found]
    wanted = [company.upper() for company in companies]
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        raise SettingsError(
            f"--company {', '.join(unknown)} is not in the export; it has {', '.join(names)}. "
            "Choose among them."
        )
    for table in tables_read():
        if all(c.name != "DataAreaId" for c in table.columns):
            continue
        connection.execute(
            f'DELETE FROM "{table.name}" WHERE NOT list_contains(?, DataAreaId)', [wanted]
        )


def extraction_time(
    connection: duckdb.DuckDBPyConnection, stated: datetime | None
) -> tuple[datetime, str]:
    """When the export was made, and how that is known.

    Parameters
    ----------
    stated : datetime or None
        Naive, UTC. None takes the latest moment at which a row was made, else the latest date.

    Raises
    ------
    SettingsError
        If rows were made after the moment that is stated.
    DataError
        If the export has no date at all.
    """
    with_created = [
        table.name
        for table in tables_read()
        if any(c.name == "CreatedDateTime" for c in table.columns)
    ]
    latest = " UNION ALL ".join(
        f'SELECT max(CreatedDateTime) AS made FROM "{name}"' for name in with_created
    )
    (made,) = first_row(connection, f"SELECT max(made) FROM ({latest})")
    if stated is not None:
        if made is not None and made > stated:
            raise SettingsError(
                f"--extracted-at {stated:%Y-%m-%dT%H:%M:%SZ} lies before the export's last row, "
                f"made {made:%Y-%m-%dT%H:%M:%SZ}. State when the export ended, or leave it out."
            )
        return stated, "as stated"
    if made is not None:
        return made, "the latest CreatedDateTime"
    dated = " UNION ALL ".join(
        f'SELECT max("{column}") AS day FROM "{table}"'
        for table, column in (name.split(".") for name in _DATED)
    )
    (day,) = first_row(connection, f"SELECT CAST(max(day) AS TIMESTAMP) FROM ({dated})")
    if day is None:
        raise DataError("The export has no dates. State when it was made with --extracted-at.")
    return day, "the latest date, because the export has no CreatedDateTime"


def extract_events(
    connection: duckdb.DuckDBPyConnection,
    enums: Enums,
    extracted_at: datetime,
    progress: Progress | None = None,
) -> Events:
    """Run the queries.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With a table for each of the schema's; see `eventlog.dynamics.source`.
    enums : Enums
    extracted_at : datetime
        Naive, UTC; becomes LastDataUpdate.
    progress : callable, optional
        Called with a query's name and the share done, 0 to 1.

    Raises
    ------
    DataError
        If there is no invoice, a side of a settlement is not in the export, or invoices are settled
        against transactions of a type of which nobody knows whether it is a payment.
    """
    for name, value in {**enums.parameters(), "extracted_at": extracted_at}.items():
        connection.execute(f"SET VARIABLE {name} = ?", [value])
    notes = unknown_enums(connection, enums)
    for done, name in enumerate(QUERIES):
        if progress is not None:
            progress(name.removeprefix("base_").replace("_", " "), done / len(QUERIES))
        connection.execute(query(name))
        if name == "base_invoices":
            _refuse_no_invoices(connection)
        if name == "base_settlements":
            _refuse_lost_transactions(connection)
            _refuse_unknown_settlements(connection, enums)
    left_out = connection.execute(
        "SELECT what, reason, CAST(sum(n) AS BIGINT) AS rows FROM left_out GROUP BY ALL "
        "HAVING sum(n) > 0 ORDER BY what, reason"
    ).df()
    rows = _as_stated(connection.sql("FROM row_of_log").to_arrow_table(), extracted_at)
    return Events(rows, left_out, (*notes, *noticed(connection)))


def _as_stated(table: pa.Table, extracted_at: datetime) -> pa.Table:
    """The rows in the types in which logs are written."""
    columns = {}
    for field in table.schema:
        column = table[field.name]
        if field.name in ("EventTime", "RecordedTime"):
            column = column.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
        elif pa.types.is_date(field.type):
            column = column.cast(pa.timestamp("us"))
        elif pa.types.is_decimal(field.type):
            column = column.cast(pa.decimal128(19, 4))
        columns[field.name] = column
    source = pa.nulls(len(table), pa.string()).fill_null(SOURCE_SYSTEM)
    updated = pa.nulls(len(table), pa.timestamp("us", tz="UTC")).fill_null(
        pa.scalar(extracted_at, pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    )
    return pa.table({**columns, "SourceSystem": source, "LastDataUpdate": updated})


def _refuse_no_invoices(connection: duckdb.DuckDBPyConnection) -> None:
    invoices, claims = first_row(
        connection, "SELECT (SELECT count(*) FROM invoice), (SELECT count(*) FROM CustTrans)"
    )
    if not invoices:
        raise DataError(
            f"None of the {claims:,} rows of CustTrans is an invoice: a positive AmountCur and a "
            "TransType among the rule 'invoices'. Check the numbers of LedgerTransType in your "
            "company and name them with --enums."
        )


def _refuse_lost_transactions(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse settlements of which either side is not in the export: nothing could tie them."""
    lost, total = first_row(
        connection, "SELECT count(*) FILTER (WHERE lost), count(*) FROM settlement_side"
    )
    if not lost:
        return
    sides = connection.execute(
        "SELECT DISTINCT company, coalesce(lost_id, 0) AS lost_id FROM settlement_side WHERE lost "
        "ORDER BY ALL LIMIT ?",
        [_SHOWN + 1],
    ).fetchall()
    shown = ", ".join(f"{number} of {company}" for company, number in sides[:_SHOWN])
    more = ", …" if len(sides) > _SHOWN else ""
    raise DataError(
        f"{lost:,} of {total:,} rows of CustSettlement name a transaction that CustTrans of the "
        f"same company lacks: RecId {shown}{more}. Export CustTrans whole, without a filter on "
        "dates, types or companies."
    )


def _refuse_unknown_settlements(connection: duckdb.DuckDBPyConnection, enums: Enums) -> None:
    names = {number: label for label, number in enums.values["LedgerTransType"].items()}
    unknown = connection.execute(
        "SELECT other_type, count(*) FROM applied WHERE kind = 'unknown' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    if unknown:
        shown = ", ".join(
            f"{names.get(value, 'unnamed')} {value} in {count:,}" for value, count in unknown
        )
        raise DataError(
            f"Invoices are settled against transactions of types that are neither payments, credit "
            f"notes, write-offs nor discounts: {shown} settlements. Put them into one of these "
            "rules in the file for --enums."
        )
