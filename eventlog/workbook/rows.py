"""Events as cells of a sheet: a log, or cells as another workbook holds them, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.cells import guard
from eventlog.dates import SERIAL_ZERO
from eventlog.errors import DataError
from eventlog.log import DAY, MINOR, EventLog
from eventlog.template import ATTRIBUTES, Kind
from eventlog.workbook.style import Styles, safe
from eventlog.writer import log_to_table

#: Rows a sheet holds below its header.
MOST_ROWS = 1_048_575
_LONGEST = 32_767
#: Serial of 1900-03-01: before it Excel counts a day that never was.
_FIRST_SERIAL = 61
_EXACT_MONEY = 10**15

#: Writes a cell: row, column, value, severity of what was found there.
Write = Callable[[int, int, Any, str], None]


class Exact(float):
    """A number that a workbook states to the last bit, not to 16 digits."""

    def __format__(self, spec: str) -> str:
        """The shortest text that is this number."""
        return repr(float(self))


@dataclass(frozen=True)
class Cells:
    """Columns of a sheet.

    Attributes
    ----------
    names : tuple of str
        Headings: the template's attributes in its order, then others.
    columns : sequence of sequences
        Values of each column, all of one length; None is empty. Moments are numbers: Excel's days.
    kinds : tuple of str
        Kinds of the columns, as `eventlog.template.Attribute.kind`.
    """

    names: tuple[str, ...]
    columns: Sequence[Sequence[Any]]
    kinds: tuple[Kind, ...]


def cells_of_log(log: EventLog) -> Cells:
    """A log as cells that read back as the same log.

    Raises
    ------
    DataError
        If the log has more rows than a sheet holds, or a text that is longer than a cell holds.
    """
    table = log_to_table(log)
    if table.num_rows > MOST_ROWS:
        raise DataError(
            f"The log has {table.num_rows:,} events, and a sheet holds {MOST_ROWS:,}. Write "
            ".parquet or .csv instead, or choose an earlier cutoff."
        )
    attributes = {attribute.name: attribute for attribute in ATTRIBUTES}
    others = [name for name in table.column_names if name not in attributes]
    names = (*attributes, *others)
    columns: list[Sequence[Any]] = []
    kinds: list[Kind] = []
    for name in names:
        if name not in table.column_names:
            columns.append((None,) * table.num_rows)
            kinds.append(attributes[name].kind)
            continue
        column = table[name].combine_chunks()
        columns.append(_values(column, name))
        kinds.append(attributes[name].kind if name in attributes else _kind_of(column.type))
    return Cells(tuple(safe(name) for name in names), columns, tuple(kinds))


def _kind_of(stored: pa.DataType) -> Kind:
    if pa.types.is_timestamp(stored):
        return "time"
    return "text" if pa.types.is_string(stored) else "number"


def _values(column: pa.Array, name: str) -> list[Any]:
    if pa.types.is_string(column.type):
        texts = guard(column)
        if (pc.max(pc.utf8_length(texts)).as_py() or 0) > _LONGEST:
            raise DataError(
                f"'{name}' holds texts of more than {_LONGEST:,} letters, more than a cell of a "
                "sheet. Write .parquet or .csv instead."
            )
        return list(texts.to_pylist())
    empty = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_timestamp(column.type):
        values = _serials(column)
    elif pa.types.is_decimal(column.type):
        values = column.cast(pa.float64()).fill_null(0).to_numpy().astype(object)
        large = np.abs(values.astype(np.float64)) * MINOR >= _EXACT_MONEY
        values[large] = column.cast(pa.string()).to_numpy(zero_copy_only=False)[large]
    else:
        numbers = column.cast(pa.float64()).fill_null(0).to_numpy()
        values = np.fromiter(map(Exact, numbers), object, len(numbers))
    values[empty] = None
    return list(values)


def _serials(column: pa.Array) -> Any:
    """Excel's days; ISO 8601 texts where Excel has none or counts more coarsely."""
    plain = column.cast(pa.timestamp("us")) if column.type.tz else column
    micros = plain.cast(pa.int64()).fill_null(0).to_numpy()
    days = micros // DAY - SERIAL_ZERO
    values = (days + (micros % DAY) / DAY).astype(object)
    text = (days < _FIRST_SERIAL) | (micros % 1000 != 0)
    if text.any():
        moments: NDArray[np.datetime64] = micros[text].view("datetime64[us]")
        zone: Literal["UTC", "naive"] = "UTC" if column.type.tz else "naive"
        written = np.datetime_as_string(moments, unit="us", timezone=zone)
        dates = np.datetime_as_string(moments, unit="D")
        values[text] = np.where(micros[text] % DAY == 0, dates, written)
    return values


def write_rows(
    sheet: Any, cells: Cells, styles: Styles, found: Mapping[tuple[int, int], str]
) -> int:
    """Write the columns below the header; rows go out one after the other.

    Parameters
    ----------
    sheet : xlsxwriter worksheet
    cells : Cells
    styles : Styles
    found : mapping of (int, int) to str
        By row and column: the severity of a finding, which colours the cell.

    Returns
    -------
    int
        How many rows.
    """
    writers = [_writer(sheet, kind, styles) for kind in cells.kinds]
    rows = zip(*cells.columns, strict=True)
    line = 0
    for line, row in enumerate(rows, 1):  # a cell is the library's own unit
        for place, value in enumerate(row):
            if value is not None or (found and (line, place) in found):
                writers[place](line, place, value, found.get((line, place), "") if found else "")
    return line


def _writer(sheet: Any, kind: Kind, styles: Styles) -> Write:
    """How a cell of a column is written, whatever it holds."""
    forms = {
        severity: (of_kind[kind], of_kind["date"], of_kind["time"])
        for severity, of_kind in (("", styles.by_kind), *styles.found.items())
    }
    timed = kind in ("time", "date")

    def write(line: int, place: int, value: Any, severity: str) -> None:
        form, day, moment = forms[severity]
        if value is None:
            sheet.write_blank(line, place, None, form)
        elif isinstance(value, str):
            sheet.write_string(line, place, value, form)
        elif isinstance(value, bool):
            sheet.write_boolean(line, place, value, form)
        elif isinstance(value, datetime | date | time | timedelta):
            midnight = not isinstance(value, datetime) or value.time() == time()
            sheet.write_datetime(line, place, value, day if midnight else moment)
        elif timed:
            sheet.write_number(line, place, value, day if float(value).is_integer() else moment)
        else:
            sheet.write_number(line, place, value, form)

    return write


def cells_of_rows(rows: Iterable[dict[str, Any]]) -> Cells:
    """Rows by attribute as cells of all the template's columns; texts are made safe."""
    given = list(rows)
    columns = [
        [safe(v) if isinstance(v := row.get(a.name), str) else v for row in given]
        for a in ATTRIBUTES
    ]
    return Cells(tuple(a.name for a in ATTRIBUTES), columns, tuple(a.kind for a in ATTRIBUTES))
