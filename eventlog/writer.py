"""Writing event logs: an `EventLog` back to the template's columns, so that it reads the same.

Rows stand in the log's order, by customer and invoice, and Parquet files hold them in row groups,
so one customer's rows are found by the groups' bounds without reading the rest. Events that were
calculated (`row` below 0) are not written: whoever reads the file calculates them again. Only
what the log keeps can be written, so a second customer named on an invoice, levels no row has and
the numbers of the source's rows are not in the file; and a CSV file does not say of which kind an
additional column without any value is.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from eventlog.cells import guard, objects_of
from eventlog.dates import Mask
from eventlog.errors import DataError, NotFoundError
from eventlog.known import Ints
from eventlog.log import DAY, END_OF_DAY, NONE, Column, EventLog
from eventlog.reader import log_of_arrow
from eventlog.summary import UNNAMED, unnamed_customers
from eventlog.tables import KIND_KEY, open_parquet
from eventlog.template import ATTRIBUTE_NAMED, ISSUING_ROLES

#: Rows of a Parquet row group: small enough to skip by, large enough to pack well.
ROW_GROUP = 1 << 16
#: Largest money in minor units that float64 units give back exactly.
_EXACT_FLOAT = 1 << 51
_TEMPLATE_TIMES = {a.name for a in ATTRIBUTE_NAMED.values() if a.kind == "time"}


def log_to_frame(log: EventLog) -> pd.DataFrame:
    """The log as a data frame in the template's names.

    Parameters
    ----------
    log : EventLog

    Returns
    -------
    DataFrame of shape (n_events, n_columns)
        Sorted as the log. Texts are str, times datetime64 in UTC (with zone for moments, without
        for dates), numbers and money float64; amounts beyond what float64 holds exactly make
        their column decimal. Events that stood for a whole day are at midnight.
    """
    table = log_to_table(log)
    columns = {}
    for field in table.schema:
        column = table[field.name]
        if pa.types.is_decimal(field.type):
            columns[field.name] = _money_series(column)
        else:
            columns[field.name] = column.to_pandas()
    return pd.DataFrame(columns)


def write_log(log: EventLog, path: str | Path) -> Path:
    """Write the log as Parquet or CSV.

    Parameters
    ----------
    log : EventLog
    path : str or Path
        ``.parquet``, ``.csv`` or ``.csv.gz``. In CSV, texts that a spreadsheet would run get an
        apostrophe before them, which the reader takes off.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the log is empty, the name ends otherwise, or the file cannot be written.
    """
    path = Path(path)
    name = path.name.lower()
    if not len(log):
        raise DataError(f"The log has no events to write to {path.name}. Choose a later cutoff.")
    if not name.endswith((".parquet", ".csv", ".csv.gz")):
        raise DataError(f"{path.name} is of an unknown kind. Use .parquet, .csv or .csv.gz.")
    table = log_to_table(log)
    try:
        if name.endswith(".parquet"):
            pq.write_table(table, path, row_group_size=ROW_GROUP, compression="zstd")
        elif name.endswith(".csv"):
            arrow_csv.write_csv(_as_text(table), path)
        else:
            with gzip.open(path, "wb", compresslevel=6) as file:
                arrow_csv.write_csv(_as_text(table), file)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}. Check the folder.") from error
    return path


def read_customers(path: str | Path, company: str, customer: str) -> EventLog:
    """Read one customer's events from a Parquet file that `write_log` wrote.

    Parameters
    ----------
    path : str or Path
        A file or a folder of them. Only row groups that can hold the customer are read.
    company, customer : str
        As in `EventLog.customer_keys`; company "" where the log states none.

    Returns
    -------
    EventLog
        Of that customer alone, with codes of its own.

    Raises
    ------
    NotFoundError
        If there is no such file, or no event of that customer in it.
    DataError
        If the file is not Parquet or was not written by `write_log`.
    """
    path = Path(path)
    if not path.exists():
        raise NotFoundError(f"There is no file at {path}. Check the path.")
    dataset = open_parquet(path)
    names = set(dataset.schema.names)
    key = "CustomerAccount" if "CustomerAccount" in names else "CustomerName"
    if not {"InvoiceNumber", "ActivityName", "EventTime"} <= names:
        raise DataError(
            f"{path.name} is not in the template's names; it has {sorted(names)}. Read it and "
            "write it again with write_log."
        )
    whose = _of_customer(key if key in names else None, customer)
    if {"CustomerAccount", "CustomerName"} <= names and whose is not None:
        # Of several files, one whose names are its accounts states the names alone.
        unnamed = arrow_dataset.field("CustomerAccount").is_null()
        whose |= unnamed & (arrow_dataset.field("CustomerName") == customer)
    if whose is not None and "CompanyCode" in names:
        stated = arrow_dataset.field("CompanyCode")
        whose &= (stated == company) if company else stated.is_null()
    elif company:
        whose = None
    try:
        found = dataset.to_table(filter=whose) if whose is not None else dataset.head(0)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name} cannot be read: {error}. Write it again.") from error
    if not len(found):
        raise NotFoundError(
            f"{path.name} has no events of customer '{customer}' of company '{company}'. Check "
            "both."
        )
    return log_of_arrow(found, path.name)


def _of_customer(key: str | None, customer: str) -> arrow_dataset.Expression | None:
    """Rows of a customer; of an invoice that stands for its own where no row names one."""
    number = customer.removeprefix(UNNAMED)
    own = arrow_dataset.field("InvoiceNumber") == number
    if key is None:
        return own if number != customer else None
    named = arrow_dataset.field(key) == customer
    if number == customer:
        return named
    return named | (arrow_dataset.field(key).is_null() & own)


def log_to_table(log: EventLog) -> pa.Table:
    """The log as an Arrow table in the template's names, kinds in the fields' metadata."""
    rows = np.flatnonzero(log.row >= 0)
    issuing = np.isin(log.role[rows], ISSUING_ROLES)
    columns: dict[str, tuple[pa.Array, str]] = {
        "InvoiceNumber": (_keys(log.invoice_keys["invoice"], log.invoice[rows]), "level"),
        "ActivityName": (_keys(pd.Series(log.activities), log.activity[rows]), "level"),
        "EventTime": (_moments(_as_stated(log.event_time[rows], issuing), zone=True), "time"),
    }
    late = log.known_at[rows] > log.event_time[rows]
    if late.any():
        recorded = np.where(late, _as_stated(log.known_at[rows], issuing), NONE)
        columns["RecordedTime"] = (_moments(recorded, zone=True), "time")
    columns |= _customer_columns(log, rows)
    if log.ends_at != int(log.known_at[rows].max(initial=NONE)):
        columns["LastDataUpdate"] = (
            _moments(np.full(len(rows), log.ends_at), zone=True),
            "time",
        )
    for name, column in log.columns.items():
        if name not in columns and name != "LastDataUpdate":
            columns[name] = (_cells(name, column.take(rows)), column.kind)
    fields = [
        pa.field(name, cells.type, metadata={KIND_KEY: kind.encode()})
        for name, (cells, kind) in columns.items()
    ]
    return pa.table([cells for cells, _ in columns.values()], schema=pa.schema(fields))


def _as_stated(moments: Ints, issuing: Mask) -> Ints:
    """Ends of days as the dates they were stated as; see `eventlog.log.build_log`."""
    dated = (moments % DAY == END_OF_DAY) & ~issuing
    return np.where(dated, moments - END_OF_DAY, moments)


def _customer_columns(log: EventLog, rows: Ints) -> dict[str, tuple[pa.Array, str]]:
    """Company and customer of each row.

    CustomerName alone where it says on every row who the customer is, otherwise the customer's
    key as CustomerAccount. Invoices that never name a customer have neither.
    """
    customer = log.customer[rows]
    columns = {}
    companies = log.customer_keys["company"]
    if (companies != "").any():
        columns["CompanyCode"] = (_keys(companies, customer), "level")
    if not log.has_customers:
        return columns
    named = np.where(unnamed_customers(log)[customer], -1, customer)
    keys = _keys(log.customer_keys["customer"], named)
    shown = log.columns.get("CustomerName")
    if shown is None or not np.array_equal(
        objects_of(shown.take(rows)), keys.fill_null("").to_numpy(zero_copy_only=False)
    ):
        columns["CustomerAccount"] = (keys, "level")
    return columns


def _keys(texts: pd.Series, code: NDArray[np.integer]) -> pa.Array:
    """Texts by code; null for -1 and for empty ones."""
    values = pa.array(texts.astype(object), pa.string())
    places = pa.array(code.astype(np.int64), mask=code < 0)
    taken = values.take(places)
    return pc.if_else(pc.equal(taken, ""), pa.scalar(None, pa.string()), taken)


def _moments(moments: Ints, *, zone: bool) -> pa.Array:
    plain = pa.array(moments, pa.int64(), mask=moments == NONE)
    return plain.cast(pa.timestamp("us", tz="UTC" if zone else None))


def _cells(name: str, column: Column) -> pa.Array:
    if column.kind == "level":
        levels = pa.array(column.levels, pa.string())
        codes = column.values.astype(np.int32, copy=False)
        return levels.take(pa.array(codes, mask=codes < 0))
    if column.kind == "number":
        return pa.array(column.values, mask=np.isnan(column.values))
    values = column.values.astype(np.int64, copy=False)
    if column.kind == "time":
        return _moments(values, zone=name in _TEMPLATE_TIMES)
    words = np.stack([values, values >> 63], axis=1)
    stated = np.packbits(values != NONE, bitorder="little")
    buffers = [pa.py_buffer(stated), pa.py_buffer(words)]
    return pa.Array.from_buffers(pa.decimal128(19, 4), len(values), buffers)


def _money_series(column: pa.ChunkedArray) -> pd.Series:
    largest = pc.max(pc.abs(column)).as_py() or 0
    if largest * 10_000 < _EXACT_FLOAT:
        return column.cast(pa.float64()).to_pandas()
    return pd.Series(column, dtype=pd.ArrowDtype(column.type))


def _as_text(table: pa.Table) -> pa.Table:
    """The table as a CSV file states it: guarded texts, ISO 8601 moments, plain amounts."""
    columns = {}
    for field in table.schema:
        column = table[field.name].combine_chunks()
        if pa.types.is_string(field.type):
            columns[field.name] = guard(column)
        elif pa.types.is_timestamp(field.type):
            columns[field.name] = _moment_texts(column)
        elif pa.types.is_decimal(field.type):
            cents = pc.round(column, 2)
            whole = pc.all(pc.equal(cents, column)).as_py() is not False
            columns[field.name] = cents.cast(pa.decimal128(19, 2)) if whole else column
        else:
            columns[field.name] = column
    return pa.table(columns)


def _moment_texts(column: pa.Array) -> pa.Array:
    """Midnights as dates, everything else with time and zone."""
    moments: NDArray[np.datetime64] = column.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    micros = moments.view(np.int64)
    fine = (micros[~np.isnat(moments)] % 1_000_000).any()
    unit: Literal["s", "us"] = "us" if fine else "s"
    days = np.datetime_as_string(moments, unit="D")
    texts = np.datetime_as_string(moments, unit=unit, timezone="UTC")
    written = np.where(micros % DAY == 0, days, texts)
    return pa.array(written, pa.string(), mask=np.isnat(moments))
