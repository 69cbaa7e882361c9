"""Tables of an export in a database (BYOD and the like), read through SQLAlchemy.

Names of tables and columns are those the database itself reports, matched without regard to case to
the ones the schema declares; nothing a user types becomes part of a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Column, MetaData, create_engine, func, inspect, or_, select
from sqlalchemy import Table as SqlTable
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.types import DateTime

from eventlog.dynamics.folder import Part
from eventlog.dynamics.schema import Table
from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.mapping import folded
from eventlog.raw import numbered

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mssql": "mssql+pyodbc",
}
#: Rows fetched at once.
_FETCH = 50_000
#: Columns that say when a row was last changed, the first that a table has being taken.
CHANGED = ("modifieddatetime", "sinkmodifiedon", "syncstartdatetime")


@dataclass(frozen=True)
class Database:
    """An open database and the tables that were found in it.

    Attributes
    ----------
    connection : Connection
    shown : str
        The URL without its password.
    tables : dict of str to sqlalchemy.Table
        By table name as duecast's schema spells it.
    """

    connection: Connection
    shown: str
    tables: dict[str, SqlTable]


@contextmanager
def opened_database(url: str, schema: str | None, tables: Iterable[Table]) -> Iterator[Database]:
    """Connect, and find the tables of the export.

    Parameters
    ----------
    url : str
        Such as ``postgresql://user@host/database`` or
        ``mssql+pyodbc://user@host/database?driver=...``.
    schema : str or None
        Schema of the database that holds the tables; None takes the connection's default.

    Raises
    ------
    SettingsError
        If the URL is none, its driver is not installed, or there is no such schema.
    NotFoundError
        If the SQLite file does not exist.
    DataError
        If the database cannot be reached or read, or holds two tables whose names differ only in
        case.
    """
    engine, shown = _engine(url)
    try:
        with engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True)
            yield Database(streaming, shown, _found(streaming, schema, tables))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DataError(
            f"{shown} cannot be read: {reason}. Check the URL, and the right to read the tables."
        ) from error
    finally:
        engine.dispose()


def _engine(url: str) -> tuple[Engine, str]:
    try:
        address = make_url(url)
        address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
        shown = address.render_as_string(hide_password=True)
        file = address.database if address.get_backend_name() == "sqlite" else None
        if file and file != ":memory:" and not Path(file).is_file():
            raise NotFoundError(f"There is no SQLite database at {file}. Check the URL.")
        if address.get_backend_name() == "postgresql":
            stated = address.normalized_query.get("options", ())
            options = " ".join((*stated, "-c TimeZone=UTC"))
            address = address.update_query_dict({"options": options})
        return create_engine(address), shown
    except (ArgumentError, SQLAlchemyError, ValueError) as error:
        raise SettingsError(
            "The database URL cannot be used. Write it like postgresql://user@host/database."
        ) from error
    except ImportError as error:
        raise SettingsError(
            f"The database's driver is not installed: {error}. Install it, for SQL Server with "
            "`pip install pyodbc`."
        ) from error


def _found(
    connection: Connection, schema: str | None, tables: Iterable[Table]
) -> dict[str, SqlTable]:
    inspector = inspect(connection)
    if schema is not None and schema not in inspector.get_schema_names():
        there = sorted(inspector.get_schema_names())
        raise SettingsError(
            f"The database has no schema '{schema}'; it has {there}. Choose one with --schema."
        )
    names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    found = {}
    for table in tables:
        matching = [name for name in names if folded(name) in _spellings(table.name)]
        if len(matching) > 1:
            raise DataError(
                f"The database has {len(matching)} tables for {table.name}: {sorted(matching)}. "
                "Keep one, or put the export into a schema of its own and name it with --schema."
            )
        if matching:
            columns = inspector.get_columns(matching[0], schema)
            found[table.name] = _sql_table(matching[0], schema, columns)
    return found


def _sql_table(name: str, schema: str | None, columns: Iterable[ReflectedColumn]) -> SqlTable:
    described = (Column(column["name"], column["type"]) for column in columns)
    return SqlTable(name, MetaData(), *described, schema=schema)


def _spellings(name: str) -> tuple[str, ...]:
    """A table, as BYOD names it too: with ``Staging`` after it."""
    return folded(name), folded(name + "Staging")


def read_table(
    database: Database,
    name: str,
    columns: Iterable[str],
    *,
    since: datetime | None = None,
    progress: Callable[[float], None] | None = None,
) -> Part:
    """Read some columns of a table, streaming.

    Parameters
    ----------
    database : Database
    name : str
        As the schema spells it.
    columns : iterable of str
        Folded names.
    since : datetime, optional
        Leave out rows that were last changed before this moment, where the table says when.
    progress : callable, optional
        Called with the share of rows read, 0 to 1.

    Raises
    ------
    DataError
        If a column holds what is neither text, number nor time.
    """
    table = database.tables[name]
    wanted = frozenset(columns)
    chosen = [column for column in table.columns if folded(column.name) in wanted]
    query = select(*chosen)
    count = select(func.count()).select_from(table)
    if since is not None and (changed := _changed(table)) is not None:
        newer = or_(changed >= since, changed.is_(None))
        query, count = query.where(newer), count.where(newer)
    expected = int(database.connection.execute(count).scalar_one())
    batches: list[list[pa.Array]] = [[] for _ in chosen]
    done = 0
    for rows in database.connection.execute(query).partitions(_FETCH):
        for batch, values in zip(batches, zip(*rows, strict=True), strict=True):
            batch.append(_cells(values))
        done += len(rows)
        if progress is not None:
            progress(done / max(expected, 1))
    cells = {
        folded(column.name): _chunked(arrays)
        for column, arrays in zip(chosen, batches, strict=True)
    }
    return Part(f"table {name}", done, cells, numbered)


def _changed(table: SqlTable) -> Column[datetime] | None:
    """The column that says when a row was last changed, if the table has one."""
    by_name = {folded(column.name): column for column in table.columns}
    found = next((by_name[name] for name in CHANGED if name in by_name), None)
    return found if found is not None and isinstance(found.type, DateTime) else None


def _cells(values: tuple[object, ...]) -> pa.Array:
    """Values of one column as Arrow; decimals as exact texts."""
    try:
        cells = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise DataError(
            f"A column holds {', '.join(kinds)}, which is neither text, number nor time. Read the "
            "tables through views that convert it."
        ) from error
    if pa.types.is_decimal(cells.type):
        return cells.cast(pa.large_string())
    if pa.types.is_timestamp(cells.type) and cells.type.tz is not None:
        return cells.cast(pa.timestamp("us"))
    return cells


def _chunked(arrays: list[pa.Array]) -> pa.ChunkedArray:
    """The batches as one column, as text where they have not one type."""
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.large_string()
    return pa.chunked_array([array.cast(kind) for array in arrays], kind)
