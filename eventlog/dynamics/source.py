"""An export of Dynamics 365, as files or in a database, becomes typed DuckDB tables.

What is lacking or unreadable is named before anything is computed: required tables and columns in
one error, unreadable cells in another. Rows that an export holds more than once, as exports of
changes do, are brought down to their latest version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from eventlog.dynamics.cell import ADDED
from eventlog.dynamics.database import Database, opened_database, read_table
from eventlog.dynamics.engine import first_row
from eventlog.dynamics.enums import ENUM_OF, Enums
from eventlog.dynamics.folder import Part, find_tables, read_part
from eventlog.dynamics.queries import columns_read, tables_read
from eventlog.dynamics.schema import Table
from eventlog.dynamics.typed import create_typed, refuse_bad_cells
from eventlog.errors import DataError
from eventlog.mapping import folded

#: What identifies a row where that is not company and RecId.
KEYS = {
    "CustTableSnapshots": ("DataAreaId", "AccountNum", "SnapshotDate"),
    "CustWriteOffFinancialReasonsSetup": ("Company", "RecId"),
}
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Found:
    """One table as it was found.

    Attributes
    ----------
    name : str
    rows : int
        Rows read, the latest version of each.
    older : int
        Earlier versions and repeats of rows, left aside.
    deleted : int
        Rows that the export marks as deleted, left aside.
    lacking : tuple of str
        Columns that are not there and are taken as empty.
    """

    name: str
    rows: int
    older: int = 0
    deleted: int = 0
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Export:
    """What an export holds.

    Attributes
    ----------
    name : str
        How messages call it; a URL without its password.
    found : dict of str to Found
        By table.
    absent : tuple of str
        Optional tables that are not there.
    notes : tuple of str
        What was assumed, a sentence each.
    """

    name: str
    found: dict[str, Found]
    absent: tuple[str, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)


def key_of(table: Table) -> tuple[str, ...]:
    """Columns that identify a row of the table."""
    names = {column.name for column in table.columns}
    if table.name in KEYS:
        return KEYS[table.name]
    return ("DataAreaId", "RecId") if "DataAreaId" in names else ("RecId",)


def load_export(
    connection: duckdb.DuckDBPyConnection,
    source: str | Path,
    enums: Enums,
    *,
    schema: str | None = None,
    since: datetime | None = None,
    partial_export: bool = False,
    progress: Progress | None = None,
) -> Export:
    """Read every table of an export that duecast uses into DuckDB.

    Tables that are absent are made without rows, so that every query can run.

    Parameters
    ----------
    connection : DuckDBPyConnection
        From `connected`.
    source : str or Path
        A folder, or a database URL.
    enums : Enums
        Whose labels are understood in place of numbers.
    schema : str, optional
        Schema of the database that holds the tables.
    since : datetime, optional
        Of a database's tables that say when a row was changed, read only what changed from then.
    partial_export : bool
        True where required tables may be absent, because earlier runs have kept them.
    progress : callable, optional
        Called with a table's name and the share done, 0 to 1.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    SettingsError
        If the URL cannot be used.
    DataError
        If required tables or columns are lacking, a file is damaged, cells cannot be read, or rows
        of one key differ and the export does not say which is the latest.
    """
    tables = tables_read()
    with _readers(source, schema, since, tables) as (name, readers):
        if not readers:
            raise DataError(
                f"{name} holds none of the tables of Dynamics 365 ({', '.join(_required(tables))}, "
                "…). Name the files after the tables, such as CustTrans.csv."
            )
        lacking = [] if partial_export else [t for t in _required(tables) if t not in readers]
        if lacking:
            raise DataError(
                f"{name} lacks {len(lacking)} required tables: {', '.join(lacking)}. Export them "
                "too."
            )
        found, bad, faults = {}, [], []
        for done, table in enumerate(tables):
            if progress is not None:
                progress(table.name, done / len(tables))
            parts = readers[table.name]() if table.name in readers else []
            faults += _lacking_columns(table, parts)
            labels = {
                column: enums.values[enum]
                for (of_table, column), enum in ENUM_OF.items()
                if of_table == table.name
            }
            bad += create_typed(connection, table, parts, labels)
            if table.name in readers:
                found[table.name] = Found(table.name, 0, lacking=_absent_columns(table, parts))
    if faults:
        raise DataError(
            f"{name} lacks {len(faults)} required columns: {', '.join(faults)}. Export them too."
        )
    refuse_bad_cells(bad)
    for table in tables:
        if table.name in found:
            found[table.name] = _latest(connection, table, found[table.name])
    absent = tuple(table.name for table in tables if table.name not in found)
    return Export(name, found, absent)


def _required(tables: Iterable[Table]) -> list[str]:
    return [table.name for table in tables if table.need == "required"]


Reader = Callable[[], Sequence[Part]]


@contextmanager
def _readers(
    source: str | Path, schema: str | None, since: datetime | None, tables: Sequence[Table]
) -> Iterator[tuple[str, Mapping[str, Reader]]]:
    """The source's name, and for each of its tables what reads it."""
    wanted = {
        table.name: {folded(name) for name in columns_read(table)} | ADDED for table in tables
    }
    if "://" in str(source):
        with opened_database(str(source), schema, tables) as database:
            yield (
                database.shown,
                {
                    name: partial(_of_database, database, name, wanted[name], since)
                    for name in database.tables
                },
            )
        return
    folder = Path(source)
    files = find_tables(folder, tables)
    yield (
        folder.name or str(folder),
        {name: partial(_of_files, folder, files[name], wanted[name]) for name in files},
    )


def _of_database(
    database: Database, name: str, columns: Iterable[str], since: datetime | None
) -> Sequence[Part]:
    return [read_table(database, name, columns, since=since)]


def _of_files(folder: Path, files: Sequence[Path], columns: Iterable[str]) -> Sequence[Part]:
    return [read_part(file, columns, file.relative_to(folder).as_posix()) for file in files]


def _lacking_columns(table: Table, parts: Sequence[Part]) -> list[str]:
    """Required columns that some part of a table lacks."""
    required = [column.name for column in table.columns if column.need == "required"]
    return [
        f"{table.name}.{name}"
        for name in required
        if any(folded(name) not in part.cells for part in parts)
    ]


def _absent_columns(table: Table, parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(
        column.name
        for column in table.columns
        if column.name in columns_read(table)
        and not any(folded(column.name) in part.cells for part in parts)
    )


def _latest(connection: duckdb.DuckDBPyConnection, table: Table, found: Found) -> Found:
    """Keep the latest version of each row, and none of those marked as deleted.

    Raises
    ------
    DataError
        If a key is empty, or rows of one key differ and nothing says which is the latest.
    """
    key = ", ".join(f'"{name}"' for name in key_of(table))
    empty = " OR ".join(f'"{name}" IS NULL' for name in key_of(table))
    total, keyless, distinct = first_row(
        connection,
        f"SELECT count(*), count(*) FILTER (WHERE {empty}), count(DISTINCT ({key})) "
        f'FROM "{table.name}"',
    )
    if keyless:
        raise DataError(
            f"{table.name} has no {' or '.join(key_of(table))} in {keyless:,} of {total:,} rows. "
            "Export these columns with every row."
        )
    if distinct < total:
        _refuse_versions(connection, table, key)
        connection.execute(
            f'CREATE OR REPLACE TABLE "{table.name}" AS SELECT * FROM "{table.name}" '
            f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY version DESC NULLS LAST, "
            "changed DESC NULLS LAST) = 1"
        )
    (deleted,) = first_row(connection, f'SELECT count(*) FROM "{table.name}" WHERE deleted')
    return replace(found, rows=distinct - deleted, older=total - distinct, deleted=deleted)


def _refuse_versions(connection: duckdb.DuckDBPyConnection, table: Table, key: str) -> None:
    """Stop where rows of one key differ although they are of one version."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    unclear, example = first_row(
        connection,
        f"SELECT count(*), min(shown) FROM (SELECT {key}, version, changed, "
        f"min(concat_ws(' ', {key})) AS shown FROM "
        f'(SELECT DISTINCT {columns}, version, changed, deleted FROM "{table.name}") '
        f"GROUP BY {key}, version, changed HAVING count(*) > 1)",
    )
    if unclear:
        raise DataError(
            f"{table.name} has rows of one {' and '.join(key_of(table))} that differ, for "
            f"{unclear:,} keys (such as {example}), and nothing says which is the latest. Export "
            "VersionNumber or ModifiedDateTime with them, or each row once."
        )
