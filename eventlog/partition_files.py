"""The files of a partition: an `EventLog`'s arrays to Parquet and back, without a text per row.

Other tools can read them: levels and activities are texts (as dictionaries), times are timestamps
in UTC without a zone, what is not stated is null. Money stays whole, in ten-thousandths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from eventlog.errors import DataError, NotFoundError
from eventlog.known import Ints
from eventlog.log import NONE, Column, EventLog
from eventlog.tables import KIND_KEY

MANIFEST = "log.json"
EVENTS, INVOICES, CUSTOMERS = "events", "invoices", "customers"
#: Key of a money field's unit in the Parquet metadata, and the unit.
UNIT_KEY = b"duecast.unit"
MONEY_UNIT = "0.0001"
#: Key under which every file says of which log it is, by fingerprint.
LOG_KEY = b"duecast.log"
#: Key of how pandas held the texts of a key table: as object or as its own text type.
_DTYPE_KEY = b"duecast.dtype"
#: Fields of the events that are no columns of the log, in the order of the file.
KEY_DTYPES: Mapping[str, type[np.generic]] = {
    "invoice": np.int32,
    "customer": np.int32,
    "activity": np.int16,
    "event_time": np.int64,
    "known_at": np.int64,
    "row": np.int64,
}
#: Of a column's values, by kind.
DTYPES: Mapping[str, type[np.generic]] = {
    "money": np.int64,
    "time": np.int64,
    "number": np.float64,
    "level": np.int32,
}

_OURS = re.compile(rf"({EVENTS}|{INVOICES}|{CUSTOMERS})-\d{{5,}}\.parquet")
_MOMENT = pa.timestamp("us")
_LEVEL = pa.dictionary(pa.int32(), pa.string())
_TYPES = {"money": pa.int64(), "time": _MOMENT, "number": pa.float64(), "level": _LEVEL}
_NAN_BITS = np.float64(np.nan).view(np.uint64)


@dataclass(frozen=True)
class ColumnKind:
    """What a column of the log holds; see `eventlog.log.Column`."""

    kind: str
    levels: tuple[str, ...] = ()


def file_name(what: str, number: int) -> str:
    """Name of one of a partition's files."""
    return f"{what}-{number:05d}.parquet"


def file_names(n_parts: int) -> Iterator[str]:
    """Names of all files of a folder of partitions but the manifest."""
    for number in range(n_parts):
        for what in (EVENTS, INVOICES, CUSTOMERS):
            yield file_name(what, number)


def is_ours(name: str) -> bool:
    """Whether a file of that name may belong to a folder of partitions."""
    return name == MANIFEST or _OURS.fullmatch(name) is not None


def field_names(columns: Iterable[str]) -> dict[str, str]:
    """Names of the log's columns in the files: their own, with ``_`` after it where taken.

    Upper and lower case count as the same, as they do for most tools that read the files.
    """
    taken = {name.casefold() for name in KEY_DTYPES}
    names = {}
    for column in columns:
        name = column
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        names[column] = name
    return names


def _event_schema(columns: Mapping[str, ColumnKind], fingerprint: str) -> pa.Schema:
    fields = [
        pa.field("invoice", pa.int32()),
        pa.field("customer", pa.int32()),
        pa.field("activity", _LEVEL),
        pa.field("event_time", _MOMENT),
        pa.field("known_at", _MOMENT),
        pa.field("row", pa.int64()),
    ]
    for column, name in field_names(columns).items():
        kind = columns[column].kind
        unit = {UNIT_KEY: MONEY_UNIT.encode()} if kind == "money" else {}
        fields.append(pa.field(name, _TYPES[kind], metadata={KIND_KEY: kind.encode()} | unit))
    return pa.schema(fields, metadata={LOG_KEY: fingerprint.encode()})


def _invoice_schema(fingerprint: str) -> pa.Schema:
    fields = [("company", pa.string()), ("invoice", pa.string()), ("customer", pa.int32())]
    return pa.schema(fields, metadata={LOG_KEY: fingerprint.encode()})


def _customer_schema(fingerprint: str) -> pa.Schema:
    fields = [("company", pa.string()), ("customer", pa.string())]
    return pa.schema(fields, metadata={LOG_KEY: fingerprint.encode()})


# Writing


def write_part(
    log: EventLog, fingerprint: str, levels: Mapping[str, pa.Array], folder: Path, number: int
) -> None:
    """Write the three files of a partition.

    Parameters
    ----------
    log : EventLog
        The partition's part of the log, counted from 0.
    fingerprint : str
        Of the whole log.
    levels : mapping of str to LargeStringArray
        Of the level columns, so that they are not made anew for each partition.
    folder : Path
    number : int
    """
    columns = {name: ColumnKind(column.kind) for name, column in log.columns.items()}
    cells = [
        pa.array(log.invoice, mask=log.invoice < 0),
        pa.array(log.customer),
        _level_cells(log.activity, pa.array(log.activities, pa.large_string())),
        _moment_cells(log.event_time),
        _moment_cells(log.known_at),
        pa.array(log.row),
        *(_cells(column, levels.get(name)) for name, column in log.columns.items()),
    ]
    invoices = [*_texts(log.invoice_keys), pa.array(log.invoice_customer)]
    customers = [*_texts(log.customer_keys)]
    invoice_schema = _as_held(_invoice_schema(fingerprint), log.invoice_keys)
    customer_schema = _as_held(_customer_schema(fingerprint), log.customer_keys)
    for what, arrays, schema in (
        (EVENTS, cells, _event_schema(columns, fingerprint)),
        (INVOICES, invoices, invoice_schema),
        (CUSTOMERS, customers, customer_schema),
    ):
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=schema),
            folder / file_name(what, number),
            compression="zstd",
            # Plain numbers pack better than dictionaries of them.
            use_dictionary=[field.name for field in schema if field.type == _LEVEL],
            write_page_checksum=True,
        )


def _as_held(schema: pa.Schema, keys: pd.DataFrame) -> pa.Schema:
    for place, name in enumerate(keys.columns):
        held = {_DTYPE_KEY: str(keys[name].dtype).encode()}
        schema = schema.set(place, schema.field(name).with_metadata(held))
    return schema


def _texts(keys: pd.DataFrame) -> Iterator[pa.Array]:
    for name in keys.columns:
        column = pa.array(keys[name], pa.string())
        yield column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _cells(column: Column, levels: pa.Array | None) -> pa.Array:
    if column.kind == "level":
        return _level_cells(column.values, levels)
    if column.kind == "number":
        # Only the usual NaN is null: others, such as -NaN, are kept as they are.
        numbers = np.ascontiguousarray(column.values, dtype=np.float64)
        return pa.array(numbers, mask=numbers.view(np.uint64) == _NAN_BITS)
    values = column.values.astype(np.int64, copy=False)
    if column.kind == "time":
        return _moment_cells(values)
    return pa.array(values, mask=values == NONE)


def _moment_cells(moments: Ints) -> pa.Array:
    return pa.array(moments, mask=moments == NONE).view(_MOMENT)


def _level_cells(code: NDArray[np.generic], levels: pa.Array) -> pa.Array:
    """Codes as a dictionary of the levels that occur; null for -1."""
    places = code.astype(np.int64)
    used = np.flatnonzero(np.bincount(places[places >= 0], minlength=len(levels)))
    new = np.full(len(levels) + 1, -1, dtype=np.int32)
    new[used] = np.arange(len(used), dtype=np.int32)
    own = new[places]
    texts = levels.take(pa.array(used)).cast(pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(own, mask=own < 0), texts)


# Reading


def read_events(
    path: Path,
    n_events: int,
    activities: tuple[str, ...],
    columns: Mapping[str, ColumnKind],
    fingerprint: str,
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Read the arrays of a partition's events: those of `KEY_DTYPES`, and those of the columns.

    One column at a time, so that little stands in memory twice.

    Raises
    ------
    NotFoundError, DataError
        As `eventlog.partitions.load_partition`.
    """
    keys: dict[str, NDArray[Any]] = {}
    values: dict[str, NDArray[Any]] = {}
    with _opened(path, _event_schema(columns, fingerprint), n_events) as file:
        for name, dtype in KEY_DTYPES.items():
            cells = _column_of(file, name)
            if name == "activity":
                keys[name] = _codes_of(cells, activities, dtype, path)
            else:
                keys[name] = _values_of(cells, dtype, NONE if dtype == np.int64 else -1)
        for column, field in field_names(columns).items():
            cells = _column_of(file, field)
            held = columns[column]
            if held.kind == "level":
                values[column] = _codes_of(cells, held.levels, np.int32, path)
            else:
                missing = np.nan if held.kind == "number" else NONE
                values[column] = _values_of(cells, DTYPES[held.kind], missing)
    return keys, values


def read_invoices(
    path: Path, n_invoices: int, fingerprint: str
) -> tuple[pa.Table, NDArray[np.int32]]:
    """Read the keys of a partition's invoices, and the customers they belong to."""
    with _opened(path, _invoice_schema(fingerprint), n_invoices) as file:
        table = file.read()
    customer: NDArray[np.int32] = _values_of(table["customer"], np.int32, -1)
    return _with_long_offsets(table.drop_columns("customer")), customer


def read_customers(path: Path, n_customers: int, fingerprint: str) -> pa.Table:
    """Read the keys of a partition's customers."""
    with _opened(path, _customer_schema(fingerprint), n_customers) as file:
        return _with_long_offsets(file.read())


@contextmanager
def _opened(path: Path, schema: pa.Schema, n_rows: int) -> Iterator[pq.ParquetFile]:
    """A file of a partition that is what the manifest says; words what goes wrong in it."""
    again = "Copy the whole folder, or make it again with duecast partition."
    if not path.is_file():
        raise NotFoundError(f"{path} is missing. {again}")
    texts = [field.name for field in schema if field.type == _LEVEL]
    try:
        with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
            held = file.schema_arrow
            wanted = [(field.name, field.type) for field in schema]
            found = [(field.name, field.type) for field in held]
            if found != wanted:
                odd = [pair for pair in [*wanted, *found] if (pair in wanted) != (pair in found)]
                wrong = f"'{odd[0][0]}' differs" if odd else "their order differs"
                raise DataError(f"{path} has other columns than {MANIFEST} says: {wrong}. {again}")
            if file.metadata.num_rows != n_rows:
                raise DataError(
                    f"{path} has {file.metadata.num_rows:,} rows where {MANIFEST} says "
                    f"{n_rows:,}. {again}"
                )
            if (held.metadata or {}).get(LOG_KEY) != schema.metadata[LOG_KEY]:
                raise DataError(f"{path} is of another log than {MANIFEST}. {again}")
            yield file
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}. {again}") from error


def _column_of(file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    return file.read(columns=[name], use_threads=False).column(0)


def _values_of(column: pa.ChunkedArray, dtype: type[np.generic], missing: float) -> NDArray[Any]:
    """Numbers of a column, nulls as `missing`."""
    values = np.empty(len(column), dtype=dtype)
    end = 0
    for chunk in column.chunks:
        begin, end = end, end + len(chunk)
        numbers = chunk.view(pa.int64()) if chunk.type == _MOMENT else chunk
        values[begin:end] = numbers.fill_null(missing) if numbers.null_count else numbers
    return values


def _codes_of(
    column: pa.ChunkedArray, levels: tuple[str, ...], dtype: type[np.generic], path: Path
) -> NDArray[Any]:
    """Texts of a column as codes into the whole log's levels, -1 where null."""
    codes = np.empty(len(column), dtype=dtype)
    known = pa.array(levels, pa.large_string())
    end = 0
    for chunk in column.chunks:
        begin, end = end, end + len(chunk)
        texts = chunk.dictionary.cast(pa.large_string())
        places = pc.index_in(texts, value_set=known)
        if places.null_count:
            strange = texts.filter(places.is_null())[0].as_py()
            raise DataError(
                f"{path} holds '{strange}', which {MANIFEST} does not list. Make the folder again "
                "with duecast partition."
            )
        code = np.append(places.to_numpy(), -1).astype(dtype)
        own = chunk.indices.fill_null(len(texts)) if chunk.null_count else chunk.indices
        np.take(code, own.to_numpy(), out=codes[begin:end], mode="clip")
    return codes


def _with_long_offsets(table: pa.Table) -> pa.Table:
    """Texts of which those of all partitions fit into one array."""
    fields = [pa.field(f.name, pa.large_string(), metadata=f.metadata) for f in table.schema]
    return table.cast(pa.schema(fields))


def keys_frame(table: pa.Table) -> pd.DataFrame:
    """A key table as `EventLog` has it, its texts held as they were."""
    frame: pd.DataFrame = table.replace_schema_metadata().combine_chunks().to_pandas()
    for field in table.schema:
        if (field.metadata or {}).get(_DTYPE_KEY) == b"object":
            frame[field.name] = frame[field.name].astype(object)
    return frame
