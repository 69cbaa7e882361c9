"""Tables as files, worklists above all: CSV, Parquet and Excel workbooks.

CSV and Parquet keep the catalogue's names; a workbook has headings for people and a second sheet
that explains them. A file appears whole or not at all, and texts that a spreadsheet would run as a
formula are defused.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import xlsxwriter

from eventlog.errors import DataError, NotFoundError
from serving.schema import utc
from serving.worklist import COLUMN_NAMED, COLUMNS

#: First characters at which a spreadsheet begins to read a text as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

_EXCEL_ROWS = 1_048_576
_TYPES = {
    "text": pa.string(),
    "int": pa.int64(),
    "number": pa.float64(),
    "money": pa.float64(),
    "probability": pa.float64(),
    "date": pa.date32(),
    "time": pa.timestamp("s", tz="UTC"),
    "flag": pa.bool_(),
}
_SHARE = "0.0%"
_Meanings = Sequence[tuple[str, ...]] | None
_FORMATS = {
    "int": "#,##0",
    "number": "#,##0.0",
    "money": "#,##0.00",
    "probability": _SHARE,
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm",
}
_WIDTHS = {"text": 20, "time": 17, "flag": 10}


def export(
    frame: pd.DataFrame,
    path: Path,
    *,
    sheet: str = "Worklist",
    meanings: Sequence[tuple[str, ...]] | None = None,
) -> Path:
    """Write scored rows, or another table, to a file, replacing it only once that is complete.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows,)
        Columns of the catalogue in any selection; missing values become empty cells. Other
        columns are written as they are.
    path : Path
        Its extension chooses the format: ``.csv``, ``.parquet`` or ``.xlsx``.
    sheet : str
        Name of a workbook's first sheet.
    meanings : sequence of tuples of str, optional
        Rows of a workbook's second sheet, the first its headings; default: the catalogue's.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If the extension is not known, or a workbook cannot hold so many rows.
    NotFoundError
        If the folder does not exist.
    """
    write = _writer(path.suffix)
    if not path.parent.is_dir():
        raise NotFoundError(f"There is no folder {path.parent}. Create it or change the path.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(frame, file, sheet, meanings)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def as_bytes(frame: pd.DataFrame, extension: str) -> bytes:
    """The file that `export` would write, in memory; same parameters and errors."""
    buffer = io.BytesIO()
    _writer(extension)(frame, buffer, "Worklist", None)
    return buffer.getvalue()


def _writer(extension: str) -> Callable[[pd.DataFrame, BinaryIO, str, _Meanings], None]:
    writers = {".csv": _write_csv, ".parquet": _write_parquet, ".xlsx": _write_xlsx}
    write = writers.get(extension.lower())
    if write is None:
        raise DataError(
            f"Extension '{extension}' is not a format to export to. Use one of {sorted(writers)}."
        )
    return write


def _write_csv(frame: pd.DataFrame, file: BinaryIO, sheet: str, meanings: _Meanings) -> None:
    table = defused(_table(frame))
    pa.csv.write_csv(table, file)


def _write_parquet(frame: pd.DataFrame, file: BinaryIO, sheet: str, meanings: _Meanings) -> None:
    pq.write_table(_table(frame), file)


def _write_xlsx(frame: pd.DataFrame, file: BinaryIO, sheet_name: str, meanings: _Meanings) -> None:
    """One sheet of rows, one of explanations; rows go out as they are made (constant memory)."""
    table = defused(_table(frame))
    if table.num_rows >= _EXCEL_ROWS:
        raise DataError(
            f"An Excel sheet holds {_EXCEL_ROWS - 1:,} rows below its heading; there are "
            f"{table.num_rows:,}. Export .csv or .parquet, or filter first."
        )
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    bold = book.add_format({"bold": True, "bottom": 1})
    formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
    sheet = book.add_worksheet(sheet_name)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, table.num_rows, max(table.num_columns - 1, 0))
    writes = []
    for place, name in enumerate(table.column_names):
        column = COLUMN_NAMED.get(name)
        is_time = pa.types.is_timestamp(table.schema.field(name).type)
        kind = column.kind if column else ("time" if is_time else "text")
        if column and column.unit == "share":
            kind = "probability"
        heading = _heading(name)
        sheet.set_column(place, place, max(_WIDTHS.get(kind, 12), len(heading) + 3))
        sheet.write_string(0, place, heading, bold)
        writes.append(_cell_writer(sheet, table.schema.field(name).type, formats.get(kind)))
    columns = [_cells(table.column(name)) for name in table.column_names]
    for line, row in enumerate(zip(*columns, strict=True), start=1):  # the library's own unit
        for place, value in enumerate(row):
            if value is not None:
                writes[place](line, place, value)
    if meanings is None:
        _explain(book.add_worksheet("Columns"), table.column_names, bold)
    else:
        _write_texts(book.add_worksheet("Meanings"), meanings, bold)
    book.close()


def _heading(name: str) -> str:
    column = COLUMN_NAMED.get(name)
    if column is None:
        return name
    return f"{column.label} ({column.unit})" if column.unit else column.label


def _cell_writer(sheet: Any, kind: pa.DataType, form: Any) -> Callable[[int, int, Any], Any]:
    """How a cell of a column is written."""
    if pa.types.is_string(kind):
        return lambda line, place, text: sheet.write_string(line, place, text)
    if pa.types.is_boolean(kind):
        return lambda line, place, flag: sheet.write_boolean(line, place, flag)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return lambda line, place, day: sheet.write_datetime(line, place, day, form)
    return lambda line, place, number: sheet.write_number(line, place, number, form)


def _cells(column: pa.ChunkedArray) -> list[date | datetime | str | float | bool | None]:
    if pa.types.is_timestamp(column.type):  # Excel knows no time zones
        column = column.cast(pa.timestamp("s"))
    return list(column.to_pylist())


def _explain(sheet: Any, names: list[str], bold: Any) -> None:
    for place, (text, width) in enumerate((("Column", 28), ("Name", 24), ("Meaning", 90))):
        sheet.write_string(0, place, text, bold)
        sheet.set_column(place, place, width)
    shown = [column for column in COLUMNS if column.name in names]
    for line, column in enumerate(shown, start=1):
        sheet.write_string(line, 0, _heading(column.name))
        sheet.write_string(line, 1, column.name)
        sheet.write_string(line, 2, column.meaning)


def _write_texts(sheet: Any, rows: Sequence[tuple[str, ...]], bold: Any) -> None:
    sheet.freeze_panes(1, 0)
    for line, row in enumerate(rows):
        for place, text in enumerate(row):
            sheet.write_string(line, place, text, *([] if line else [bold]))
            if not line:
                sheet.set_column(place, place, 24 if place < 2 else 70)


def _table(frame: pd.DataFrame) -> pa.Table:
    """The frame with the catalogue's types; columns of no catalogue keep theirs."""
    columns = {str(name): _typed(frame[name], str(name)) for name in frame.columns}
    return pa.table(columns)


def _typed(values: pd.Series[Any], name: str) -> pa.Array:
    column = COLUMN_NAMED.get(name)
    if column is None:
        kind = pa.Array.from_pandas(values).type
        if pa.types.is_timestamp(kind):
            return (
                pa.Array.from_pandas(utc(values), type=pa.timestamp("us"))
                .cast(pa.timestamp("s"), safe=False)
                .cast(_TYPES["time"], safe=False)
            )
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return pa.Array.from_pandas(values)
        return pa.Array.from_pandas(values.astype("string"), type=pa.string())
    if column.kind in ("date", "time"):
        moments = pa.Array.from_pandas(utc(values), type=pa.timestamp("us"))
        return moments.cast(pa.timestamp("s"), safe=False).cast(_TYPES[column.kind], safe=False)
    if column.kind == "text":
        values = values.astype("string")
    return pa.Array.from_pandas(values, type=_TYPES[column.kind])


def defused(table: pa.Table) -> pa.Table:
    """The table with an apostrophe before every text that starts like a formula.

    Names of columns are treated alike: a source's additional column may be called anything.
    """
    pattern = "^[" + "".join(f"\\{c}" if c in "=+-@" else c for c in FORMULA_STARTS) + "]"
    columns = []
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_string(field.type):
            risky = pc.match_substring_regex(column, pattern)
            column = pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)
        columns.append(column)
    names = [f"'{name}" if name.startswith(FORMULA_STARTS) else name for name in table.column_names]
    return pa.table(columns, names=names)
