"""The round trip through Dynamics 365: simulate, write as tables, import, compare every row.

With ``--cdm`` also whether the declared and the written columns are those of the original Common
Data Model schemas (``*.cdm.json`` of microsoft/CDM, operationsCommon). Every figure printed is of
this run; the exit code is 1 if anything differs.

    python -m benchmarks.d365 --invoices 100000 --cdm FOLDER --database postgresql://...
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa

from eventlog.dynamics.check import check_tables, read_folder
from eventlog.dynamics.differences import differences
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.job import Imported, import_export
from eventlog.dynamics.projection import known_before, projected
from eventlog.dynamics.schema import TABLES, BaseType
from eventlog.dynamics.synthetic import changed_rows, d365_ledger, d365_tables
from eventlog.dynamics.synthetic_books import booked
from eventlog.dynamics.table_files import write_database, write_folder
from eventlog.log import DAY
from eventlog.policy import Policy
from eventlog.simulate import Company, simulate

#: Base types of the CDM schemas, after their extended types, as Arrow may hold them.
_HELD_AS: dict[BaseType, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("int32",),
    "bigInteger": ("int64",),
    "date": ("date32[day]",),
    "datetime": ("timestamp[us]", "timestamp[ms]", "timestamp[s]"),
    "decimal": ("decimal128(32, 6)",),
}


def cdm_columns(path: Path) -> dict[str, tuple[str, bool]]:
    """Base type and nullability of each column of a CDM schema.

    Extended types are followed to their base in the file itself; a missing ``isNullable`` is False.
    """
    definitions = json.loads(path.read_text(encoding="utf-8-sig"))["definitions"]
    extends = {d["dataTypeName"]: d["extendsDataType"] for d in definitions if "dataTypeName" in d}
    columns = {}
    for definition in definitions:
        for attribute in definition.get("hasAttributes", ()):
            kind = attribute.get("dataType")
            while kind in extends:
                kind = extends[kind]
            if kind is not None:
                columns[attribute["name"]] = (kind, bool(attribute.get("isNullable", False)))
    return columns


def schema_differences(folder: Path) -> tuple[list[str], int]:
    """Where the declared tables differ from the CDM schemas, and how many columns were compared."""
    lines, compared = [], 0
    for table in TABLES:
        published: dict[str, tuple[str, bool]] = {}
        for name in table.schemas:
            path = folder / f"{name}.cdm.json"
            if not path.is_file():
                lines.append(f"{table.name}: there is no {path.name}")
                continue
            published |= cdm_columns(path)
        for column in table.columns:
            original = published.get(column.name)
            if column.beyond:
                if original is not None:
                    lines.append(f"{table.name}.{column.name}: declared beyond, but published")
            elif original is None:
                lines.append(f"{table.name}.{column.name}: not published under this name")
            else:
                compared += 1
                if original[0] != column.type:
                    lines.append(f"{table.name}.{column.name}: {column.type}, not {original[0]}")
                if original[1] != column.nullable:
                    lines.append(f"{table.name}.{column.name}: nullable is {original[1]}")
    return lines, compared


def written_differences(folder: Path, cdm: Path) -> list[str]:
    """Where written files differ from the CDM schemas: names, types, empty cells."""
    lines = []
    beyond = {(t.name, c.name) for t in TABLES for c in t.columns if c.beyond}
    schemas = {table.name: table.schemas for table in TABLES}
    for name, table in read_folder(folder).items():
        published: dict[str, tuple[str, bool]] = {}
        for schema in schemas[name]:
            published |= cdm_columns(cdm / f"{schema}.cdm.json")
        for field in table.schema:
            if (name, field.name) in beyond:
                continue
            if field.name not in published:
                lines.append(f"{name}.{field.name}: written, not published")
                continue
            kind, nullable = published[field.name]
            if str(field.type) not in _HELD_AS[kind]:  # type: ignore[index]
                lines.append(f"{name}.{field.name}: written as {field.type}, published {kind}")
            if not nullable and table[field.name].null_count:
                lines.append(f"{name}.{field.name}: has empty cells, must not")
    return lines


def imported(
    source: str | Path, out: Path, until: int, incremental: bool = False
) -> tuple[pd.DataFrame, Imported]:
    """The log that the import writes, and its account."""
    at = datetime.fromtimestamp(until / 1e6, UTC).replace(tzinfo=None)
    result = import_export(
        source,
        out,
        enums=read_enums(None),
        policy=Policy(),
        extracted_at=at,
        incremental=incremental,
    )
    return pd.read_parquet(out), result


class Run:
    """What was done, how long it took, and whether anything differed."""

    def __init__(self) -> None:
        self.failed = False

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Print the seconds of a step."""
        begun, worked = time.perf_counter(), time.process_time()
        yield
        took, cpu = time.perf_counter() - begun, time.process_time() - worked
        print(f"  {took:7.1f} s, {cpu:7.1f} s of processor time  {what}", flush=True)

    def judge(self, what: str, lines: list[str]) -> None:
        """Print whether a comparison holds, and where it does not."""
        self.failed |= bool(lines)
        print(f"{'DIFFERS' if lines else 'equal  '}  {what}", flush=True)
        for line in lines[:40]:
            print(f"    {line[:1000]}")


def same_log(
    run: Run,
    source: str | Path,
    label: str,
    out: Path,
    expected: pd.DataFrame,
    until: int,
    incremental: bool = False,
) -> Imported:
    """Import a source and compare the log with what it must be."""
    with run.timed(f"import {label}"):
        log, result = imported(source, out, until, incremental)
    with run.timed("compare"):
        lines = differences(expected, log)
    run.judge(f"{label}: {len(expected):,} events and the projected log, every column", lines)
    totals = result.totals.table
    off = totals[totals["difference"] != 0]
    run.judge(
        f"{label}: {len(totals)} totals (company, currency, measure) of tables and log",
        [str(row) for row in off.to_dict("records")],
    )
    return result


def only_new(
    run: Run, label: str, changes: pd.DataFrame | None, new: pd.DataFrame, old: pd.DataFrame
) -> None:
    """Hold what an incremental run says it added against what was new."""
    if changes is None:
        run.judge(f"{label}: added events", ["the run was not incremental"])
        return
    counts = [log["ActivityName"].value_counts() for log in (new, old)]
    due = counts[0].sub(counts[1], fill_value=0).astype(int)
    added = changes.set_index("activity")["added"].reindex(due.index, fill_value=0)
    lines = [f"{name}: {added[name]:,}, not {due[name]:,}" for name in due.index[added != due]]
    if withdrawn := int(changes["withdrawn"].sum()):
        lines.append(f"{withdrawn:,} events withdrawn")
    run.judge(f"{label}: exactly the {due.sum():,} new events added, none withdrawn", lines)


def main() -> None:
    """Run the round trip."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--invoices", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cdm", type=Path, help="folder of *.cdm.json")
    parser.add_argument("--formats", nargs="*", default=["parquet", "csv"])
    parser.add_argument("--database", help="URL of a database whose tables may be replaced")
    parser.add_argument("--days", type=int, default=90, help="between the two exports")
    chosen = parser.parse_args()
    run, company = Run(), Company(n_invoices=chosen.invoices)
    if chosen.cdm:
        lines, compared = schema_differences(chosen.cdm)
        run.judge(f"{compared} declared columns and the published schemas", lines)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with run.timed(f"draw and post {chosen.invoices:,} invoices"):
            ledger = d365_ledger(company, chosen.seed)
        end = ledger.books.end
        with run.timed("tables"):
            tables = d365_tables(ledger)
        print(f"  {sum(map(len, tables.values())):,} rows of {len(tables)} tables")
        run.judge("tables and the declared schema", list(map(str, check_tables(tables))))
        with run.timed("the simulated log, projected"):
            log = simulate(booked(company), chosen.seed)
            expected = projected(log, end)
        _from_files(run, tables, folder, chosen.formats, chosen.cdm, expected, end)
        if chosen.database:
            with run.timed("write the database"):
                write_database(tables, chosen.database, overwrite=True)
            same_log(run, chosen.database, "the database", folder / "log.parquet", expected, end)
        early = end - chosen.days * DAY
        with run.timed(f"tables {chosen.days} days earlier, and what changed since"):
            before = d365_tables(ledger, early)
            write_folder(before, folder / "early")
            write_folder(changed_rows(before, tables), folder / "changes", "csv")
        then = projected(known_before(log, early), early)
        out = folder / "incremental.parquet"
        same_log(run, folder / "early", f"{chosen.days} days earlier", out, then, early)
        shutil.copytree(folder / "incremental.tables", folder / "again.tables")
        shutil.copy(out, folder / "again.parquet")
        for label, source, log_file in (
            ("then the full export", folder / chosen.formats[0], out),
            ("then what changed", folder / "changes", folder / "again.parquet"),
        ):
            result = same_log(run, source, label, log_file, expected, end, incremental=True)
            only_new(run, label, result.changes, expected, then)
    sys.exit(int(run.failed))


def _from_files(
    run: Run,
    tables: Mapping[str, pa.Table],
    folder: Path,
    formats: list[str],
    cdm: Path | None,
    expected: pd.DataFrame,
    end: int,
) -> None:
    for kind in formats:
        with run.timed(f"write {kind}"):
            write_folder(tables, folder / kind, kind)  # type: ignore[arg-type]
        if cdm and kind == "parquet":
            run.judge(
                "written files and the published schemas", written_differences(folder / kind, cdm)
            )
        same_log(run, folder / kind, kind, folder / "log.parquet", expected, end)


if __name__ == "__main__":
    main()
