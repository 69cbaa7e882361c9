"""The rows that a run keeps beside its log, and the note in the log which rows are its own.

A run writes the rows under a name of their own and the log after them; only then are earlier rows
removed. So whatever interrupts it, a log and the rows it names belong together. What duecast did
not write there is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from eventlog.dynamics.queries import columns_read, tables_read
from eventlog.dynamics.schema import TABLE_NAMED, Table
from eventlog.dynamics.source import key_of
from eventlog.errors import DataError, NotReadyError

METADATA_KEY = b"duecast.dynamics"
#: Rows changed this long before the last run's latest change are read again from a database:
#: transactions may be stamped before they can be seen.
OVERLAP = timedelta(days=1)
#: File in a folder of kept rows that says who wrote it.
MARKER = ".duecast"


@dataclass(frozen=True)
class Run:
    """What a log's metadata says of the run that wrote it.

    Attributes
    ----------
    kept : str
        Name of the folder of kept rows, "" if none were kept.
    watermark : str
        Latest moment at which a row was made or changed, ISO 8601; "" if no row says.
    extracted_at : str
        ISO 8601.
    companies : tuple of str
        Those that were chosen; empty for all.
    lacking : dict of str to list of str
        Columns that were taken as empty, by table that was there.
    """

    kept: str
    watermark: str
    extracted_at: str
    companies: tuple[str, ...]
    lacking: dict[str, list[str]]

    @property
    def since(self) -> datetime | None:
        """From when changed rows have to be read again."""
        return datetime.fromisoformat(self.watermark) - OVERLAP if self.watermark else None


def folder_of(out: Path) -> Path:
    """Where the rows kept for a log stand."""
    return out.with_name(f"{out.stem}.tables")


def read_run(out: Path) -> Run:
    """What the earlier run left behind.

    Raises
    ------
    NotReadyError
        If the log was not written by an import, or the rows it kept are not there.
    """
    try:
        metadata = pq.read_schema(out).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise NotReadyError(
            f"{out.name} cannot be read as Parquet ({str(error).splitlines()[0]}). Import once "
            "without --incremental."
        ) from error
    if METADATA_KEY not in metadata:
        raise NotReadyError(
            f"{out.name} was not written by `duecast import-d365`. Import once without "
            "--incremental."
        )
    stated = json.loads(metadata[METADATA_KEY])
    run = Run(**{**stated, "companies": tuple(stated["companies"])})
    if not run.kept or not (folder_of(out) / run.kept).is_dir():
        raise NotReadyError(
            f"The rows that {out.name} was made of are not in {folder_of(out).name} beside it. "
            "Import once without --incremental, and keep that folder with the log."
        )
    return run


def with_run(rows: pa.Table, run: Run) -> pa.Table:
    """The rows of a log with the run in their metadata."""
    metadata = {**(rows.schema.metadata or {}), METADATA_KEY: json.dumps(asdict(run)).encode()}
    return rows.replace_schema_metadata(metadata)


def kept_rows(out: Path, run: Run, table: Table) -> pa.Table | None:
    """The rows of one table that a run kept; None if it had no such table.

    Raises
    ------
    DataError
        If they cannot be read.
    """
    path = folder_of(out) / run.kept / f"{table.name}.parquet"
    if not path.is_file():
        return None
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path.name} in {folder_of(out).name} cannot be read: {str(error).splitlines()[0]}. "
            "Import anew without --incremental."
        ) from error


def own_folders(out: Path) -> frozenset[str]:
    """Names of the folders beside a log that imports wrote: marked, or named by the log itself."""
    try:
        metadata = pq.read_schema(out).metadata or {}
    except (pa.ArrowException, OSError):
        metadata = {}
    stated = json.loads(metadata[METADATA_KEY])["kept"] if METADATA_KEY in metadata else ""
    folder = folder_of(out)
    return frozenset(
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_dir()
        and not path.is_symlink()
        and (path.name == stated or (path / MARKER).is_file())
    )


def refuse_foreign_folder(out: Path) -> None:
    """Refuse to keep rows where somebody else's files are.

    Raises
    ------
    DataError
        If the folder for kept rows is a file, or holds something but nothing of an import.
    """
    folder = folder_of(out)
    if folder.is_dir() and (own_folders(out) or not any(folder.iterdir())):
        return
    if folder.exists():
        raise DataError(
            f"The tables would be kept in {folder}, which duecast did not write. Move it, choose "
            "another name for --out, or add --no-keep-tables."
        )


def keep_rows(connection: duckdb.DuckDBPyConnection, out: Path, name: str) -> None:
    """Write the rows of all tables that the queries read for the next run.

    Raises
    ------
    DataError
        If they cannot be written.
    """
    folder = folder_of(out) / name
    partial = folder.with_name(f"{name}.part")
    try:
        _remove_kept(partial)
        partial.mkdir(parents=True)
        (partial / MARKER).touch()
        for table in tables_read():
            columns = [f'"{column}"' for column in _kept_columns(table)]
            rows = connection.sql(
                f'SELECT {", ".join([*columns, "version", "changed"])} FROM "{table.name}"'
            ).to_arrow_table()
            pq.write_table(rows, partial / f"{table.name}.parquet", compression="zstd")
        if folder.is_dir():
            for path in sorted(partial.iterdir()):
                path.replace(folder / path.name)
            partial.rmdir()
        else:
            partial.rename(folder)
    except OSError as error:
        raise DataError(
            f"The tables cannot be kept in {folder_of(out)}: {error.strerror}. Check the folder, "
            "or leave them out with --no-keep-tables."
        ) from error


def drop_others(out: Path, name: str, own: Collection[str]) -> None:
    """Remove kept rows that no longer belong to the log; all of them for the name "".

    Parameters
    ----------
    out : Path
    name : str
        Folder of the rows that the log was made of.
    own : collection of str
        Folders that may go: `own_folders` before the log was replaced.
    """
    folder = folder_of(out)
    for other in sorted(set(own) - {name}):
        _remove_kept(folder / other)
    if own and not name and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _remove_kept(folder: Path) -> None:
    """Remove what `keep_rows` wrote into a folder, and the folder if nothing else is in it."""
    written = {f"{table.name}.parquet" for table in TABLE_NAMED.values()} | {MARKER}
    with suppress(OSError):
        for path in sorted(folder.iterdir(), reverse=True):
            if path.name in written:
                path.unlink()
        folder.rmdir()


def _kept_columns(table: Table) -> list[str]:
    read = columns_read(table) | set(key_of(table))
    return [column.name for column in table.columns if column.name in read]
