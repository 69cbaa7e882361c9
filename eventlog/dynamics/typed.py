"""Cells of an export as a typed DuckDB table: what is empty, what is readable, what is neither.

Empty are blank texts, D365's empty date (1900-01-01) and a reference to record 0. A cell that
states something which cannot be read in the column's type is never emptied: all of them are listed
in one error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from eventlog.dynamics.cell import ADDED, Cell, added_columns, emptied, is_bad, value_of
from eventlog.dynamics.engine import first_row
from eventlog.dynamics.folder import Part
from eventlog.dynamics.schema import Column, Table
from eventlog.errors import DataError
from eventlog.mapping import folded

#: Columns that are read as another type than they are exported in.
READ_AS = {("smmActivities", "StartDateTime"): "datetime"}
SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "bigInteger": "BIGINT",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "decimal": "DECIMAL(28,4)",
}
EXPECTED = {
    "integer": "a whole number",
    "bigInteger": "a whole number",
    "date": "a date like 2024-05-31",
    "datetime": "a time like 2024-05-31T17:00:00Z",
    "decimal": "an amount like 1500.75 of at most four decimals",
}
_SHOWN = 5


@dataclass(frozen=True)
class BadCells:
    """Cells of one column that cannot be read.

    Attributes
    ----------
    table, column, expected : str
    count : int
    where : tuple of str
        The first ones: file, line and text.
    """

    table: str
    column: str
    expected: str
    count: int
    where: tuple[str, ...]


def create_typed(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[Part],
    labels: Mapping[str, Mapping[str, int]],
) -> list[BadCells]:
    """Create the DuckDB table of the schema's columns, all parts one after another.

    Beside them stand ``version``, ``changed`` and ``deleted``, which exports of changes add.

    Parameters
    ----------
    connection : DuckDBPyConnection
        In UTC.
    table : Table
    parts : sequence of Part
    labels : mapping of str to mapping of str to int
        For columns that hold an enum: number by label, for exports that write labels.

    Returns
    -------
    list of BadCells
        Empty where every stated cell is understood.
    """
    if not parts:
        _create_empty(connection, table)
        return []
    raw = _raw(table, parts)
    connection.register("raw", raw)
    try:
        _stage(connection, table, raw, labels)
        present = [column for column in table.columns if folded(column.name) in raw.column_names]
        chosen = [
            f'{emptied(column)} AS "{column.name}"'
            if column in present
            else f'CAST(NULL AS {SQL_TYPES[_kind(table, column)]}) AS "{column.name}"'
            for column in table.columns
        ]
        chosen += ["version", "changed", "deleted"]
        connection.execute(
            f'CREATE OR REPLACE TABLE "{table.name}" AS SELECT {", ".join(chosen)} FROM staged'
        )
        return _bad_cells(connection, table, present, parts)
    finally:
        connection.unregister("raw")
        for name in ("cut", "staged"):
            connection.execute(f"DROP TABLE IF EXISTS {name}")


def _create_empty(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """The table of an export that lacks it."""
    columns = [f'"{c.name}" {SQL_TYPES[_kind(table, c)]}' for c in table.columns]
    columns += ["version BIGINT", "changed TIMESTAMP", "deleted BOOLEAN"]
    connection.execute(f'CREATE OR REPLACE TABLE "{table.name}" ({", ".join(columns)})')


def _kind(table: Table, column: Column) -> str:
    """Type a column is read as."""
    return READ_AS.get((table.name, column.name), column.type)


def _stage(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    raw: pa.Table,
    labels: Mapping[str, Mapping[str, int]],
) -> None:
    """Make the table ``staged``: of each cell its text (``t_``), null if empty, and value (``v_``).

    In two steps, so that no text is trimmed twice: first the texts, then what is made of them.
    """
    kinds = {field.name: Cell(field.name, field.type) for field in raw.schema}
    texts = [f'{cell.cut()} AS "{name}"' for name, cell in kinds.items() if name != "row"]
    connection.execute(
        f"CREATE OR REPLACE TABLE cut AS SELECT {', '.join(['row', *texts])} FROM raw"
    )
    values = ["row", *added_columns(kinds)]
    for column in table.columns:
        key = folded(column.name)
        if key in kinds:
            value = value_of(kinds[key], _kind(table, column), labels.get(column.name, {}))
            values += [f'"{key}" AS "t_{key}"', f'{value} AS "v_{key}"']
    connection.execute(f"CREATE OR REPLACE TABLE staged AS SELECT {', '.join(values)} FROM cut")


def _raw(table: Table, parts: Sequence[Part]) -> pa.Table:
    """The parts as one Arrow table by folded names, with the row's position in ``row``."""
    wanted = [folded(column.name) for column in table.columns] + sorted(ADDED)
    present = [key for key in wanted if any(key in part.cells for part in parts)]
    columns = {"row": pa.array(np.arange(sum(part.n_rows for part in parts)))}
    for key in present:
        columns[key] = _joined([part.cells.get(key, pa.nulls(part.n_rows)) for part in parts])
    return pa.table(columns)


def _joined(cells: Sequence[pa.ChunkedArray | pa.Array]) -> pa.ChunkedArray:
    """Cells of all parts as one column; of different types, as text."""
    plain = []
    for column in cells:
        if pa.types.is_dictionary(column.type) and len(cells) > 1:
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us"))
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.large_string())
        plain.append(column)
    kinds = {column.type for column in plain if not pa.types.is_null(column.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.large_string()
    if len(plain) > 1 or plain[0].type != kind:
        plain = [column.cast(kind) for column in plain]
    chunks = [
        chunk
        for column in plain
        for chunk in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])
    ]
    return pa.chunked_array(chunks, kind)


def _bad_cells(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    present: Sequence[Column],
    parts: Sequence[Part],
) -> list[BadCells]:
    """Cells of the table ``staged`` that state something unreadable."""
    rules = {
        column.name: is_bad(column, _kind(table, column))
        for column in present
        if _kind(table, column) != "string"
    }
    if not rules:
        return []
    counts = ", ".join(f"count(*) FILTER (WHERE {rule})" for rule in rules.values())
    found = first_row(connection, f"SELECT {counts} FROM staged")
    cells = []
    for (name, rule), count in zip(rules.items(), found, strict=True):
        if not count:
            continue
        rows = connection.execute(
            f'SELECT row, CAST("t_{folded(name)}" AS VARCHAR) FROM staged WHERE {rule} '
            f"ORDER BY row LIMIT {_SHOWN}"
        ).fetchall()
        (column,) = (column for column in present if column.name == name)
        where = tuple(f"{_place(parts, row)} '{text}'" for row, text in rows)
        expected = EXPECTED[_kind(table, column)]
        cells.append(BadCells(table.name, name, expected, int(count), where))
    return cells


def _place(parts: Sequence[Part], row: int) -> str:
    """File and line of a row."""
    for part in parts:
        if row < part.n_rows:
            return f"{part.name} line {int(part.lines(np.array([row]))[0])}"
        row -= part.n_rows
    raise IndexError(row)


def refuse_bad_cells(cells: Sequence[BadCells]) -> None:
    """Stop where cells cannot be read.

    Raises
    ------
    DataError
        Naming each table and column, how many cells, and the first of them by file and line.
    """
    if not cells:
        return
    shown = "; ".join(
        f"{bad.table}.{bad.column} is no {bad.expected.split(' ', 1)[1]} in {bad.count:,} rows "
        f"({', '.join(bad.where)}{', …' if bad.count > len(bad.where) else ''})"
        for bad in cells
    )
    raise DataError(
        f"{sum(bad.count for bad in cells):,} cells cannot be read: {shown}. Mend them, or export "
        "the tables again with ISO dates and decimal points."
    )
