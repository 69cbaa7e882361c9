"""Delimited text files: encoding, delimiter, lines that do not fit, and which line is which."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from eventlog.coding import coded_cells
from eventlog.errors import DataError, SettingsError
from eventlog.known import Ints
from eventlog.raw import Raw, named

DELIMITERS = (",", ";", "\t", "|")
SPOKEN = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_SAMPLE = 1 << 16
_BLOCK = 1 << 20
_LARGEST_BLOCK = 1 << 30
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_SEP_LINE = re.compile(rb"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class _Misfit:
    """A record that has not as many cells as the header; records count from 1, the header's."""

    record: int
    cells: int
    text: str


def read_delimited(
    path: Path, *, delimiter: str | None, encoding: str | None, known: frozenset[str]
) -> Raw:
    """Read a delimited text file, all cells as text.

    Parameters
    ----------
    path : Path
        ``.gz`` is unpacked.
    delimiter, encoding : str or None
        None finds them: of the delimiters the one that yields most known column names, then most
        columns; UTF-8 (with or without mark), UTF-16, else cp1252.
    known : frozenset of str
        Column names, folded by `eventlog.mapping.folded`, that speak for a delimiter.

    Raises
    ------
    DataError
        If the file is empty, holds only a header, is no text in its encoding, cannot be unpacked
        or has a quote that is never closed.
    SettingsError
        If the delimiter or the encoding is none.
    """
    data, notes = _as_utf8(_bytes(path), encoding, path.name)
    skipped = 0
    if (stated := _SEP_LINE.match(data.slice(0, min(len(data), 8)).to_pybytes())) is not None:
        delimiter = delimiter or stated.group(1).decode("latin-1")
        data, skipped = data.slice(stated.end()), 1
    sample = data.slice(0, min(len(data), _SAMPLE)).to_pybytes().decode("utf-8", "replace")
    mark = _checked(delimiter) if delimiter else _delimiter_of(sample, known)
    if not delimiter and mark != ",":
        notes.append(f"Columns are separated by {SPOKEN[mark]}s.")
    try:
        header, columns, misfits = _split(data, mark, _width(sample, mark), path.name)
    except UnicodeDecodeError:
        data, note = _from_cp1252(data, encoding, path.name)
        notes.append(note)
        header, columns, misfits = _split(data, mark, _width(sample, mark), path.name)
    names, cells, more = named(header, columns, path.name)
    total = len(columns[0]) + len(misfits)
    if not total:
        raise DataError(f"{path.name} holds only a header. Export it again with its rows.")
    odd = np.array([misfit.record - 2 for misfit in misfits], dtype=np.int64)
    return Raw(
        name=path.name,
        names=names,
        cells=cells,
        row=np.delete(np.arange(total), odd),
        lines=partial(_lines, data, total + 1, skipped),
        unsplit=pd.DataFrame(
            {
                "row": odd,
                "reason": [_reason(misfit, len(columns)) for misfit in misfits],
                "text": [misfit.text for misfit in misfits],
            }
        ),
        notes=(*notes, *more),
        guarded=True,
    )


def _bytes(path: Path) -> pa.Buffer:
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty. Export it again.")
    if path.suffix.lower() != ".gz":
        with pa.memory_map(str(path)) as file:
            return file.read_buffer()
    try:
        with gzip.open(path) as file:
            return pa.py_buffer(file.read())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be unpacked: {error}. Pack it again.") from error


def _as_utf8(data: pa.Buffer, encoding: str | None, name: str) -> tuple[pa.Buffer, list[str]]:
    """The text as UTF-8 without a byte order mark; plain UTF-8 is not copied."""
    head = data.slice(0, min(len(data), 4096)).to_pybytes()
    if encoding:
        try:
            stated = codecs.lookup(encoding).name
        except LookupError as error:
            raise SettingsError(
                f"Encoding '{encoding}' is unknown. Use utf-8, utf-16 or cp1252."
            ) from error
        if stated in ("utf-8", "utf-8-sig"):
            return _unmarked(data), []
        return _recoded(data, stated, name), []
    found = _wide_encoding(head)
    if found:
        return _recoded(data, found, name), [f"The file is encoded as {found}."]
    if head.count(0) > len(head) // 10:
        raise DataError(f"{name} is no text file: it holds binary zeros. Export it as CSV.")
    return _unmarked(data), []


def _unmarked(data: pa.Buffer) -> pa.Buffer:
    marked = data.slice(0, min(len(data), 3)).to_pybytes() == codecs.BOM_UTF8
    return data.slice(3) if marked else data


def _wide_encoding(head: bytes) -> str:
    """UTF-16 by its mark, or by zeros in every other place; "" if it is not that."""
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    half = max(len(head) // 2, 1)
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        here, there = head[first::2].count(0), head[1 - first :: 2].count(0)
        if here > 0.4 * half and there < 0.05 * half:
            return encoding
    return ""


def _recoded(data: pa.Buffer, encoding: str, name: str) -> pa.Buffer:
    try:
        text = data.to_pybytes().decode(encoding)
        recoded = pa.py_buffer(text.removeprefix("\ufeff").encode("utf-8"))
    except (UnicodeError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"{name} cannot be read as {encoding}. State its encoding, such as utf-8 or cp1252."
        ) from error
    if not len(recoded):
        raise DataError(f"{name} is empty. Export it again.")
    return recoded


def _from_cp1252(data: pa.Buffer, encoding: str | None, name: str) -> tuple[pa.Buffer, str]:
    if encoding:
        raise DataError(f"{name} is not encoded as {encoding}. State its encoding, such as cp1252.")
    try:
        recoded = data.to_pybytes().decode("cp1252").encode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is neither UTF-8, UTF-16 nor cp1252. State its encoding."
        ) from error
    return pa.py_buffer(recoded), "The file is not UTF-8; it is read as cp1252 (Western European)."


def _checked(delimiter: str) -> str:
    mark = {"tab": "\t", "\\t": "\t"}.get(delimiter.lower(), delimiter)
    if len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in '"\r\n\0':
        raise SettingsError(
            f"Delimiter {delimiter!r} is not one character that can separate columns. Use one of "
            f"{', '.join(SPOKEN.values())}, or the character itself."
        )
    return mark


def _first_record(sample: str, mark: str) -> list[str]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
    try:
        return next((record for record in reader if record), [])
    except csv.Error:
        return sample.split("\n", 1)[0].split(mark)


def _delimiter_of(sample: str, known: frozenset[str]) -> str:
    scores = []
    for mark in DELIMITERS:
        names = _first_record(sample, mark)
        hits = sum(re.sub(r"[\s_]", "", name).casefold() in known for name in names)
        scores.append((hits, len(names)))
    return DELIMITERS[scores.index(max(scores))]


def _width(sample: str, mark: str) -> int:
    return max(len(_first_record(sample, mark)), 1)


def _split(
    data: pa.Buffer, mark: str, width: int, name: str
) -> tuple[list[str], list[pa.ChunkedArray], list[_Misfit]]:
    """Header, columns and the records that do not fit.

    Plain text comes out coded (`eventlog.coding`); Arrow splits whatever else there is.
    """
    if (coded := coded_cells(data, mark, width)) is not None:
        return *coded, []
    table, misfits = _parsed(data, mark, width, name)
    _refuse_open_quote(table, misfits, data, name)
    header = [str(column[0]) for column in table.columns]
    return header, [column.slice(1) for column in table.columns], misfits


def _parsed(data: pa.Buffer, mark: str, width: int, name: str) -> tuple[pa.Table, list[_Misfit]]:
    """Cells as text and the records that do not fit; on two threads unless there are some."""
    try:
        return _table(data, mark, width, None, name), []
    except _RaggedError:
        # Error rows are handed over as text, which must be valid by then.
        codecs.lookup("utf-8").decode(data)
        misfits: list[_Misfit] = []
        return _table(data, mark, width, misfits, name), misfits


class _RaggedError(Exception):
    """A record has more or fewer cells than the header."""


def _table(
    data: pa.Buffer, mark: str, width: int, misfits: list[_Misfit] | None, name: str
) -> pa.Table:
    def note(record: arrow_csv.InvalidRow) -> str:
        if misfits is None:
            return "error"
        misfits.append(_Misfit(record.number, record.actual_columns, record.text))
        return "skip"

    block = _BLOCK
    while True:
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(data),
                read_options=arrow_csv.ReadOptions(
                    autogenerate_column_names=True, use_threads=misfits is None, block_size=block
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=mark,
                    newlines_in_values=True,
                    invalid_row_handler=None if misfits is None else note,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={f"f{place}": pa.large_string() for place in range(width)},
                    quoted_strings_can_be_null=False,
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            reason = str(error)
            if "invalid UTF8" in reason:
                raise UnicodeDecodeError("utf-8", b"", 0, 1, reason) from error
            if "Expected" in reason and "columns" in reason and misfits is None:
                raise _RaggedError from error
            if "straddling" in reason and block < min(len(data), _LARGEST_BLOCK):
                block = min(max(len(data), block) + 1, _LARGEST_BLOCK)
                if misfits is not None:
                    misfits.clear()
                continue
            raise _refused(data, reason, name) from error
        if all(pa.types.is_large_string(column.type) for column in table.columns):
            return table
        width = table.num_columns
        if misfits is not None:
            misfits.clear()


def _refused(data: pa.Buffer, reason: str, name: str) -> DataError:
    lines = data.slice(0, min(len(data), _SAMPLE)).to_pybytes().split()
    if "Empty" in reason and not lines:
        return DataError(f"{name} is empty. Export it again.")
    if "Empty" in reason:
        return DataError(f"{name} holds only a header. Export it again with its rows.")
    if "straddling" in reason:
        return DataError(
            f"{name} has a cell of more than a gigabyte: a quote is opened and never closed. "
            "Close it."
        )
    return DataError(f"{name} cannot be split into cells: {reason}. Export it again as CSV.")


def _refuse_open_quote(table: pa.Table, misfits: list[_Misfit], data: pa.Buffer, name: str) -> None:
    """Stop where the last record has swallowed lines because its quote never closes."""
    records = len(table) + len(misfits)
    if misfits and misfits[-1].record == records:
        last = misfits[-1].text
    else:
        last = str(table.columns[-1][-1]) if len(table) else ""
    if "\n" not in last and "\r" not in last:
        return
    if np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _QUOTE) % 2:
        lines = data.to_pybytes().rstrip(b"\r\n").count(b"\n") + 1
        begins = lines - last.rstrip("\r\n").count("\n")
        raise DataError(
            f"{name} opens a quote on line {begins} that is never closed. Close it, or double "
            "quotes inside cells."
        )


def _reason(misfit: _Misfit, width: int) -> str:
    cells = "1 cell" if misfit.cells == 1 else f"{misfit.cells} cells"
    reason = f"{cells} where the header has {width}"
    lines = len(misfit.text.splitlines())
    if lines > 1:
        reason += f", over {lines} lines: perhaps a quote is not closed"
    return reason


def _lines(data: pa.Buffer, records: int, skipped: int, rows: Ints) -> Ints:
    """Line on which each data row begins, the first line of the file being 1.

    Where stray quotes make lines uncountable, records are counted in their place: the header is
    1, the first data row 2.
    """
    if not len(rows):
        return rows
    begins = _record_lines(np.frombuffer(data, dtype=np.uint8))
    if len(begins) != records:
        return rows + 2 + skipped
    return begins[rows + 1] + skipped


def _record_lines(view: NDArray[np.uint8]) -> Ints:
    """Line numbers on which records begin; blank lines are no records."""
    ends = _NEWLINE if _NEWLINE in view[:_SAMPLE] or (view == _NEWLINE).any() else _RETURN
    lines = np.empty(_count_lines(view, ends), dtype=np.int64)
    return lines[: _find_records(view, ends, lines)]


@numba.njit(cache=True, nogil=True)
def _count_lines(view: NDArray[np.uint8], ends: int) -> int:  # pragma: no cover - compiled
    lines = 1
    for byte in view:
        if byte == ends:
            lines += 1
    return lines


@numba.njit(cache=True, nogil=True)
def _find_records(
    view: NDArray[np.uint8], ends: int, lines: Ints
) -> int:  # pragma: no cover - compiled
    """Write the numbers of the lines that are not blank and begin outside quotes; how many."""
    records, line, begin = 0, 1, 0
    quoted = inside = False
    for position in range(len(view) + 1):
        if position == len(view) or view[position] == ends:
            end = position
            if end > begin and view[end - 1] == _RETURN:
                end -= 1
            if end > begin and not inside:
                lines[records] = line
                records += 1
            begin, inside = position + 1, quoted
            line += 1
        elif view[position] == _QUOTE:
            quoted = not quoted
    return records
