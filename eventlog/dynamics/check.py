"""Whether tables of D365 are what the schema says: columns, types, keys, references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import Enums
from eventlog.dynamics.extract import choose_companies
from eventlog.dynamics.schema import TABLE_NAMED, BaseType, Table
from eventlog.dynamics.source import Export, load_export
from eventlog.errors import NotFoundError

#: Columns that refer to rows of another table: table, column, table, column; within the company
#: where both have one. 0 and the empty text refer to nothing.
REFERENCES = (
    ("CustSettlement", "TransRecId", "CustTrans", "RecId"),
    ("CustSettlement", "OffsetRecid", "CustTrans", "RecId"),
    ("CustTransOpen", "RefRecId", "CustTrans", "RecId"),
    ("CustCollectionLetterTrans", "CustTransId", "CustTrans", "RecId"),
    (
        "CustCollectionLetterTrans",
        "CollectionLetterNum",
        "CustCollectionLetterJour",
        "CollectionLetterNum",
    ),
    ("CustDisputeHistory", "CustTrans", "CustTrans", "RecId"),
    ("CustDisputeHistory", "ReasonTableRef", "ReasonTableRef", "RecId"),
    ("CustTrans", "ReasonRefRecId", "ReasonTableRef", "RecId"),
    ("CustTrans", "AccountNum", "CustTable", "AccountNum"),
    ("CustInvoiceJour", "InvoiceAccount", "CustTable", "AccountNum"),
    ("CustInvoiceJour", "SalesId", "SalesTable", "SalesId"),
    ("LedgerJournalTrans", "JournalNum", "LedgerJournalTable", "JournalNum"),
    ("CustCollectionsLinkActivitiesCustTrans", "PrimaryRecId", "smmActivities", "RecId"),
    ("CustCollectionsLinkActivitiesCustTrans", "RefRecId", "CustTrans", "RecId"),
    ("smmActivityParentLinkTable", "ActivityNumber", "smmActivities", "ActivityNumber"),
    ("smmActivityParentLinkTable", "RefRecId", "CustTable", "RecId"),
    ("CredManCreditLimitAdjTrans", "JournalId", "CredManCreditLimitAdjTable", "JournalId"),
    ("CredManCreditLimitAdjTrans", "CustAccount", "CustTable", "AccountNum"),
    ("CustTable", "Party", "DirPartyTable", "RecId"),
    ("CustTable", "MainContactWorker", "HcmWorker", "RecId"),
    ("HcmWorker", "Person", "DirPartyTable", "RecId"),
    ("DirPartyTable", "PrimaryAddressLocation", "LogisticsPostalAddress", "Location"),
)
#: Columns that repeat in a table of copies of the same rows.
_COPIED = {"CustTableSnapshots": ("SnapshotDate",)}
_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One rule that tables break.

    Attributes
    ----------
    table, column : str
        The column is empty where the rule is about the whole table.
    rule : str
        ``unknown table``, ``unknown column``, ``lacking column``, ``wrong type``, ``empty key``,
        ``duplicate key`` or ``dangling reference``.
    count : int
        Rows that break it; 0 where it is about a whole table or column.
    total : int
        Rows of the table.
    example : str
        What was found, the first few.
    """

    table: str
    column: str
    rule: str
    count: int
    total: int
    example: str

    def __str__(self) -> str:
        """One line for a person."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        rows = f" in {self.count:,} of {self.total:,} rows" if self.count else ""
        return f"{where}: {self.rule}{rows} ({self.example})"


def check_tables(tables: Mapping[str, pa.Table]) -> list[Finding]:
    """Hold tables against the schema.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
        Typed, as `read_folder` or `eventlog.dynamics.synthetic.d365_tables` give them.

    Returns
    -------
    list of Finding
        Empty where every rule holds.
    """
    findings = []
    for name, table in tables.items():
        declared = TABLE_NAMED.get(name)
        if declared is None:
            findings.append(Finding(name, "", "unknown table", 0, len(table), "not declared"))
            continue
        findings += _columns(declared, table)
        findings += _keys(declared, table)
    for reference in REFERENCES:
        findings += _dangling(tables, *reference)
    return findings


def check_export(
    source: str | Path,
    enums: Enums,
    *,
    companies: Sequence[str] = (),
    schema: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[Export, list[Finding]]:
    """Read an export as the import does, and look for rows that refer to rows that are not there.

    An import works on what refers to something; a reference to nothing loses an event or an
    attribute, most often because a table was exported with a filter.

    Parameters
    ----------
    source : str or Path
        A folder, or a database URL.
    enums : Enums
    companies : sequence of str
        Legal entities to look at; default all.
    schema : str, optional
        Of the database.
    progress : callable, optional
        Called with a table's name and the share done, 0 to 1.

    Returns
    -------
    export : Export
        What was looked at.
    findings : list of Finding
        Only of tables and columns that are in the export.

    Raises
    ------
    NotFoundError, SettingsError, DataError
        As `eventlog.dynamics.source.load_export` does: required tables or columns are lacking,
        cells cannot be read. As `eventlog.dynamics.extract.choose_companies` does.
    """
    with connected() as connection:
        export = load_export(connection, source, enums, schema=schema, progress=progress)
        if companies:
            choose_companies(connection, companies)
        tables = {}
        for name in export.found:
            rows = connection.sql(f'FROM "{name}" WHERE NOT deleted').to_arrow_table()
            tables[name] = rows.drop_columns(
                [column for column in rows.column_names if rows[column].null_count == len(rows)]
                if len(rows)
                else []
            )
    looked_at = {
        name: replace(found, rows=len(tables[name])) for name, found in export.found.items()
    }
    return replace(export, found=looked_at), [
        finding for reference in REFERENCES for finding in _dangling(tables, *reference)
    ]


def _columns(declared: Table, table: pa.Table) -> list[Finding]:
    known = {column.name: column for column in declared.columns}
    findings = [
        Finding(declared.name, name, "unknown column", 0, len(table), "not declared")
        for name in table.column_names
        if name not in known
    ]
    for name, column in known.items():
        if name not in table.column_names:
            findings.append(
                Finding(declared.name, name, "lacking column", 0, len(table), column.need)
            )
            continue
        cells = table.column(name)
        if not _fits(cells.type, column.type):
            found = f"{cells.type}, declared {column.type}"
            findings.append(Finding(declared.name, name, "wrong type", 0, len(table), found))
        if not column.nullable and cells.null_count:
            found = "declared not nullable"
            findings.append(
                Finding(declared.name, name, "empty key", cells.null_count, len(table), found)
            )
    return findings


def _fits(kind: pa.DataType, base: BaseType) -> bool:
    """Whether an Arrow type holds a base type."""
    if base == "string":
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    if base in ("integer", "bigInteger"):
        return bool(kind == pa.int32() or (base == "bigInteger" and kind == pa.int64()))
    if base == "date":
        return bool(pa.types.is_date(kind))
    if base == "datetime":
        return bool(pa.types.is_timestamp(kind))
    return bool(pa.types.is_decimal(kind))


def _keys(declared: Table, table: pa.Table) -> list[Finding]:
    key = ["RecId", *_COPIED.get(declared.name, ())]
    if not set(key) <= set(table.column_names):
        return []
    counts = table.group_by(key).aggregate([("RecId", "count")])
    twice = counts.filter(pc.greater(counts.column("RecId_count"), 1))
    if not len(twice):
        return []
    rows = int(pc.sum(twice.column("RecId_count")).as_py())
    shown = ", ".join(str(cell) for cell in twice.column("RecId").to_pylist()[:_SHOWN])
    return [Finding(declared.name, "RecId", "duplicate key", rows, len(table), shown)]


def _dangling(
    tables: Mapping[str, pa.Table], name: str, column: str, target: str, key: str
) -> list[Finding]:
    if name not in tables or target not in tables:
        return []
    rows, targets = tables[name], tables[target]
    if column not in rows.column_names or key not in targets.column_names:
        return []
    cells = rows.column(column)
    stated = pc.not_equal(cells, "" if _fits(cells.type, "string") else 0)
    by_company = key != "RecId" and all(
        "DataAreaId" in table.column_names for table in (rows, targets)
    )
    wanted = rows.filter(pc.fill_null(stated, False))
    found = pc.is_in(
        _joined(wanted, column, by_company), value_set=_joined(targets, key, by_company)
    )
    missing = wanted.filter(pc.invert(found)).column(column)
    if not len(missing):
        return []
    shown = ", ".join(str(cell) for cell in missing.to_pylist()[:_SHOWN])
    example = f"no {target}.{key} {shown}"
    return [Finding(name, column, "dangling reference", len(missing), len(rows), example)]


def _joined(table: pa.Table, column: str, by_company: bool) -> pa.Array:
    """A column as one array, with the company before it where that counts."""
    cells = table.column(column).combine_chunks()
    if not by_company:
        return cells
    return pc.binary_join_element_wise(table.column("DataAreaId").combine_chunks(), cells, "\x1f")


def read_folder(folder: Path) -> dict[str, pa.Table]:
    """Read the files of `eventlog.dynamics.table_files.write_folder` in the schema's types.

    Parameters
    ----------
    folder : Path
        With files ``Table.parquet`` or ``Table.csv``.

    Returns
    -------
    dict of str to pyarrow.Table

    Raises
    ------
    NotFoundError
        If there is no such folder, or no table in it.
    pyarrow.ArrowInvalid
        If a cell of a CSV file is not of its column's type.
    """
    files = sorted(folder.glob("*.parquet")) + sorted(folder.glob("*.csv"))
    if not files:
        raise NotFoundError(f"There are no tables in {folder}. Check the path.")
    return {path.stem: _read(path) for path in files}


def _read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    types = {
        column.name: _CSV_TYPES[column.type]
        for column in (TABLE_NAMED[path.stem].columns if path.stem in TABLE_NAMED else ())
    }
    options = pc_csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    return pc_csv.read_csv(path, convert_options=options)


_CSV_TYPES: dict[BaseType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int32(),
    "bigInteger": pa.int64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("s"),
    "decimal": pa.decimal128(32, 6),
}
