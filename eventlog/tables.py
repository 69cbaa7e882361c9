"""Typed sources: Parquet, databases and data frames, as named Arrow columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.raw import Raw, named, numbered, plain, typed_objects

#: Key of a Parquet field's metadata under which `eventlog.writer` states the column's kind.
KIND_KEY = b"duecast.kind"
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SUFFIXES = (".parquet", ".pq")


def read_parquet(path: Path) -> Raw:
    """Read a Parquet file, or all Parquet files of a folder in the order of their names.

    Raises
    ------
    DataError
        If the folder has no Parquet file, a file is damaged or has no rows, or files of one
        folder have columns that do not go together.
    """
    dataset = open_parquet(path)
    try:
        table = dataset.to_table()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    return of_arrow(table, path.name)


def open_parquet(path: Path) -> arrow_dataset.Dataset:
    """The rows of a Parquet file or folder, nothing read yet.

    Raises
    ------
    DataError
        As `read_parquet`.
    """
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.suffix.lower() in _SUFFIXES and f.is_file())
        if not files:
            raise DataError(f"{path.name} is a folder without Parquet files. Check the path.")
    try:
        schemas = [pq.read_schema(file) for file in files]
        schema = pa.unify_schemas(schemas, promote_options="permissive")
        parts = [str(file) for file in files]
        return arrow_dataset.dataset(parts, schema=schema, format="parquet")
    except pa.ArrowTypeError as error:
        raise DataError(
            f"The files in {path.name} have columns of types that do not go together: {error}. "
            "Write them again with one set of types."
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).splitlines()[0]
    return DataError(f"{path.name} cannot be read as Parquet: {reason}. Export it again.")


def of_arrow(table: pa.Table, name: str) -> Raw:
    """An Arrow table as a source; a kind that a field's metadata states is kept."""
    if not len(table):
        raise DataError(f"{name} has no rows. Export it again with its rows.")
    cells = [plain(column) for column in table.columns]
    names, kept, notes = named(table.column_names, cells, name)
    kinds = {
        field.name.strip(): field.metadata[KIND_KEY].decode("utf-8", "replace")
        for field in table.schema
        if field.metadata and KIND_KEY in field.metadata
    }
    row = np.arange(len(table))
    return Raw(name, names, kept, row, numbered, notes=tuple(notes), kinds=kinds)


def of_frame(frame: pd.DataFrame, name: str = "The table") -> Raw:
    """A data frame as a source; its index is left out.

    Raises
    ------
    DataError
        If it has no rows, a column that cannot be text, number or time, or two of one name.
    """
    if not len(frame):
        raise DataError(f"{name} has no rows. Pass one row per event.")
    cells = [_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    names, kept, notes = named([str(column) for column in frame.columns], cells, name)
    row = np.arange(len(frame))
    return Raw(name, names, kept, row, numbered, notes=tuple(notes))


def _column(values: pd.Series) -> pa.ChunkedArray:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if values.dtype.kind in "mcV" or isinstance(values.dtype, pd.PeriodDtype | pd.IntervalDtype):
        values = values.astype("str")
    if values.dtype == object:
        return typed_objects(values)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        instants = pa.array(values.dt.tz_convert(None).to_numpy(), from_pandas=True)
        zone = pa.timestamp(values.dtype.unit, tz=str(values.dtype.tz))
        return pa.chunked_array([instants.cast(zone)])
    try:
        column = pa.array(values, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise DataError(
            f"'{values.name}' holds {values.dtype}, which is neither text, number nor time. "
            "Convert it to text."
        ) from error
    return plain(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]))


def read_database(url: str, query: str | None) -> Raw:
    """Read the rows of a query.

    Parameters
    ----------
    url : str
        Such as ``postgresql://user@host/database`` or ``sqlite:///file.db``.
    query : str or None
        Passed on as it is; one row per event.

    Raises
    ------
    SettingsError
        If there is no query, or the URL is none that SQLAlchemy can use.
    NotFoundError
        If the SQLite file does not exist.
    DataError
        If the database cannot be reached, the query fails or returns no rows.
    """
    if not query or not query.strip():
        raise SettingsError("A database URL needs a query. State one that returns the events.")
    try:
        address = make_url(url)
        address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
        shown = address.render_as_string(hide_password=True)
        file = address.database if address.get_backend_name() == "sqlite" else None
        if file and file != ":memory:" and not Path(file).is_file():
            raise NotFoundError(f"There is no SQLite database at {file}. Check the URL.")
        engine = create_engine(address)
    except (ArgumentError, SQLAlchemyError, ImportError, ValueError) as error:
        raise SettingsError(
            "The database URL cannot be used. Write it like postgresql://user@host/database."
        ) from error
    try:
        with engine.connect() as connection:
            plain = connection.execution_options(no_parameters=True)
            result = plain.exec_driver_sql(query)
            if not result.returns_rows:
                raise DataError(f"The query returns no table from {shown}. Use a SELECT.")
            columns = [str(name) for name in result.keys()]  # noqa: SIM118 - not a mapping
            rows = result.fetchall()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DataError(f"{shown} cannot be queried: {reason}. Check the URL and query.") from error
    finally:
        engine.dispose()
    frame = pd.DataFrame.from_records(rows, columns=range(len(columns)), coerce_float=False)
    return of_frame(frame.set_axis(columns, axis=1), "The query")
