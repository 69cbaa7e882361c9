"""Where the tables of an export stand in a folder, and their files as columns of cells.

A table is a file ``CustTrans.csv`` (also ``.csv.gz``, ``.parquet``) or a folder ``CustTrans`` of
part files, in any case of letters. CSV is read by the reader of event logs (`eventlog.delimited`),
so encodings, delimiters and quotes are found as there; a line that cannot be split stops the
import.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from eventlog.delimited import read_delimited
from eventlog.dynamics.schema import Table
from eventlog.errors import DataError, NotFoundError
from eventlog.known import Ints
from eventlog.mapping import folded
from eventlog.raw import Raw, numbered

_SUFFIXES = (".csv", ".csv.gz", ".txt", ".txt.gz", ".parquet", ".pq")
_PARQUET = (".parquet", ".pq")
#: A header is shorter than this; a longer file has rows.
_HEADER = 1 << 18


@dataclass(frozen=True)
class Part:
    """Rows of one file, or of one database table.

    Attributes
    ----------
    name : str
        How messages call it.
    n_rows : int
    cells : dict of str to ChunkedArray
        Cells by folded column name; only columns that were asked for.
    lines : callable
        From positions of rows to line numbers of the file.
    """

    name: str
    n_rows: int
    cells: dict[str, pa.ChunkedArray]
    lines: Callable[[Ints], Ints]


def find_tables(folder: Path, tables: Iterable[Table]) -> dict[str, list[Path]]:
    """The files of each table that the folder holds.

    Returns
    -------
    dict of str to list of Path
        By table name as the schema spells it, parts in the order of their names.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    DataError
        If a table stands there twice, as two files or as a file and a folder.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder at {folder}. Check the path.")
    wanted = {folded(table.name): table.name for table in tables}
    found: dict[str, list[tuple[Path, list[Path]]]] = {}
    for path in sorted(folder.iterdir()):
        name = wanted.get(folded(path.name if path.is_dir() else _stem(path)))
        if name is None:
            continue
        parts = _parts(path)
        if parts:
            found.setdefault(name, []).append((path, parts))
    twice = {name: [path.name for path, _ in places] for name, places in found.items()}
    twice = {name: places for name, places in twice.items() if len(places) > 1}
    if twice:
        shown = "; ".join(f"{name}: {', '.join(places)}" for name, places in sorted(twice.items()))
        raise DataError(
            f"{folder.name} holds {len(twice)} tables more than once ({shown}). Leave one of each."
        )
    return {name: places[0][1] for name, places in found.items()}


def _stem(path: Path) -> str:
    name = path.name
    suffix = next((s for s in sorted(_SUFFIXES, key=len)[::-1] if name.lower().endswith(s)), None)
    return name[: -len(suffix)] if suffix else ""


def _parts(path: Path) -> list[Path]:
    """The file itself, or the files of a folder that are not hidden."""
    if path.is_file():
        return [path]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and not any(p.startswith((".", "_")) for p in file.relative_to(path).parts)
    )
    odd = [file.name for file in files if not file.name.lower().endswith(_SUFFIXES)]
    odd = [name for name in odd if not name.lower().endswith((".json", ".crc", ".md"))]
    if odd:
        raise DataError(
            f"Folder {path.name} holds {len(odd)} files that are neither CSV nor Parquet "
            f"({', '.join(odd[:5])}). Unpack or remove them."
        )
    return [file for file in files if file.name.lower().endswith(_SUFFIXES)]


def read_part(path: Path, columns: Iterable[str], label: str) -> Part:
    """Read some columns of one file.

    Parameters
    ----------
    path : Path
    columns : iterable of str
        Folded names.
    label : str
        How messages call the file.

    Raises
    ------
    DataError
        If the file is damaged, or lines of it have not as many cells as the header.
    """
    columns = frozenset(columns)
    if path.name.lower().endswith(_PARQUET):
        return _of_parquet(path, columns, label)
    if (header := _only_header(path)) is not None:
        return _part(header, (), 0, columns, label, numbered)
    raw = read_delimited(path, delimiter=None, encoding=None, known=columns)
    _refuse_unsplit(raw, label)
    return _part(raw.names, raw.cells, len(raw), columns, label, raw.lines)


def _of_parquet(path: Path, columns: frozenset[str], label: str) -> Part:
    try:
        names = pq.read_schema(path).names
        chosen = [name for name in names if folded(name) in columns]
        table = pq.read_table(path, columns=chosen, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{label} cannot be read as Parquet: {reason}. Export it again.") from error
    return _part(tuple(table.column_names), table.columns, len(table), columns, label, numbered)


def _part(
    names: Iterable[str],
    cells: Iterable[pa.ChunkedArray],
    n_rows: int,
    columns: frozenset[str],
    label: str,
    lines: Callable[[Ints], Ints],
) -> Part:
    names = list(names)
    keys = [folded(name) for name in names]
    twice = sorted({name for name, key in zip(names, keys, strict=True) if keys.count(key) > 1})
    twice = [name for name in twice if folded(name) in columns]
    if twice:
        raise DataError(f"{label} has columns that differ only in case: {twice}. Leave one.")
    filled = list(cells) or [pa.chunked_array([pa.array([], pa.large_string())]) for _ in names]
    found = {key: column for key, column in zip(keys, filled, strict=True) if key in columns}
    return Part(label, n_rows, found, lines)


def _refuse_unsplit(raw: Raw, label: str) -> None:
    if not len(raw.unsplit):
        return
    lines = raw.lines(raw.unsplit["row"].to_numpy()[:5]).tolist()
    shown = ", ".join(map(str, lines)) + (", …" if len(raw.unsplit) > 5 else "")
    raise DataError(
        f"{label} cannot be split in {len(raw.unsplit):,} of {len(raw) + len(raw.unsplit):,} rows "
        f"(lines {shown}): {raw.unsplit['reason'].iloc[0]}. Export it again with quoted texts."
    )


def _only_header(path: Path) -> tuple[str, ...] | None:
    """Column names of a CSV file without rows, as an empty table is exported; None if it has rows.

    Raises
    ------
    DataError
        If the file has not even a header.
    """
    packed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            data = file.read(_HEADER)
    except (OSError, EOFError) as error:
        raise DataError(f"{path.name} cannot be read: {error}. Export it again.") from error
    if len(data) == _HEADER:
        return None
    text = data.decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path.name} is empty, without even a header. Export it again.")
    if len(lines) > 1 or "\x00" in text:
        return None
    mark = max(",;\t|", key=lines[0].count)
    return tuple(next(csv.reader(io.StringIO(lines[0]), delimiter=mark)))
