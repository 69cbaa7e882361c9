"""DuckDB as the import uses it: in memory, counting in UTC, one question at a time."""

from __future__ import annotations

from typing import Any

import duckdb


def connected() -> duckdb.DuckDBPyConnection:
    """A DuckDB database in memory that counts in UTC and reads no files by itself."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET enable_external_access = false")
    return connection


def first_row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None
) -> tuple[Any, ...]:
    """The first row of a query's result, which must have one."""
    row: tuple[Any, ...] = connection.execute(query, parameters or []).fetchall()[0]
    return row
