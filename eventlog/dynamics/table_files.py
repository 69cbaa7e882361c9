"""Where D365 tables are written: a folder with a file a table, or a database."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    Text,
    create_engine,
    inspect,
)
from sqlalchemy import Table as SqlTable
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.types import TypeEngine

from eventlog.dynamics.schema import TABLE_NAMED, BaseType
from eventlog.errors import DataError, SettingsError

Format = Literal["parquet", "csv"]
_SQL_TYPES: dict[BaseType, TypeEngine[object]] = {
    "string": Text(),  # type: ignore[dict-item]
    "integer": Integer(),  # type: ignore[dict-item]
    "bigInteger": BigInteger(),  # type: ignore[dict-item]
    "date": Date(),  # type: ignore[dict-item]
    "datetime": DateTime(),  # type: ignore[dict-item]
    "decimal": Numeric(32, 6),  # type: ignore[dict-item]
}
_ROWS_AT_ONCE = 20_000


def write_folder(
    tables: Mapping[str, pa.Table],
    folder: Path,
    file_format: Format = "parquet",
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write tables as the files of a folder, which is made.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
    folder : Path
    file_format : str
        ``parquet`` or ``csv``.
    overwrite : bool
        Replace files of tables in an existing folder; other files are left alone.
    progress : callable, optional
        Called with the name of each table before it is written.

    Raises
    ------
    DataError
        If the folder is a file, or holds something and is not to be overwritten.
    """
    refuse_filled(folder, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if progress is not None:
            progress(name)
        for suffix in ("parquet", "csv"):
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
        path = folder / f"{name}.{file_format}"
        if file_format == "parquet":
            pq.write_table(table, path, compression="zstd")
        else:
            pc_csv.write_csv(_to_seconds(table), path)


def refuse_filled(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it is to be overwritten.

    Raises
    ------
    DataError
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file. Name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise DataError(f"{folder} holds files. Choose another folder, or add --overwrite.")


def write_database(
    tables: Mapping[str, pa.Table],
    url: str,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write tables into a database, as D365 exports them to one (BYOD).

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
    url : str
        As SQLAlchemy takes it, such as ``postgresql://user@host/database``.
    overwrite : bool
        Drop tables of these names first.
    progress : callable, optional
        Called with the name of each table before it is written.

    Raises
    ------
    SettingsError
        If the URL is none.
    DataError
        If tables of these names exist and are not to be overwritten, or the database refuses.
    """
    try:
        address = make_url(url)
        if address.drivername in {"postgresql", "postgres"}:
            address = address.set(drivername="postgresql+psycopg")
        engine = create_engine(address)
    except (ArgumentError, SQLAlchemyError, ImportError, ValueError) as error:
        raise SettingsError(
            "The database URL cannot be used. Write it like postgresql://user@host/database."
        ) from error
    try:
        with engine.begin() as connection:
            _write(connection, tables, overwrite, progress)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        shown = address.render_as_string(hide_password=True)
        raise DataError(f"{shown} cannot be written: {reason}. Check the URL.") from error
    finally:
        engine.dispose()


def _write(
    connection: Connection,
    tables: Mapping[str, pa.Table],
    overwrite: bool,
    progress: Callable[[str], None] | None,
) -> None:
    there = sorted(set(inspect(connection).get_table_names()) & set(tables))
    if there and not overwrite:
        raise DataError(
            f"The database holds {len(there)} of the tables ({', '.join(there[:5])}). "
            "Choose another one, or add --overwrite."
        )
    metadata = MetaData()
    declared = {name: _sql_table(name, metadata) for name in tables}
    metadata.drop_all(connection, tables=[declared[name] for name in there])
    metadata.create_all(connection)
    for name, table in tables.items():
        if progress is not None:
            progress(name)
        if connection.dialect.name == "postgresql":
            _copy(connection, name, table)
            continue
        for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            connection.execute(declared[name].insert(), batch.to_pylist())


def _sql_table(name: str, metadata: MetaData) -> SqlTable:
    columns = (Column(column.name, _SQL_TYPES[column.type]) for column in TABLE_NAMED[name].columns)
    return SqlTable(name, metadata, *columns)


def _copy(connection: Connection, name: str, table: pa.Table) -> None:
    """PostgreSQL's own way in: a hundred times as fast as statements."""
    quoted = connection.dialect.identifier_preparer.quote_identifier(name)
    cells = io.BytesIO()
    pc_csv.write_csv(table, cells)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {quoted} FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
        copy.write(cells.getbuffer())


def _to_seconds(table: pa.Table) -> pa.Table:
    """Times to the second, as exports write them."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.timestamp("s")))
    return table
