"""What an import from Dynamics 365 came to, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.dynamics.check import Finding
from eventlog.dynamics.job import CANNOT_SAY, Imported
from eventlog.dynamics.source import Export, Found
from eventlog.dynamics.totals import MEASURES


def print_import(out: Console, made: Imported, log: Path) -> None:
    """Tables found, events, what was left out, money before and after, what cannot be said."""
    _print_tables(out, made)
    if made.merged is not None:
        _print_merged(out, made.merged)
    events = _table("Events written", "activity", "events", right=(1,))
    for name, count in made.activities.items():
        events.add_row(escape(name), f"{count:,}")
    out.print(events)
    if made.changes is not None:
        _print_changes(out, made.changes)
    if len(made.left_out):
        left = _table("Left out", "rows", "what", "why", right=(0,))
        for row in made.left_out.to_dict("records"):
            left.add_row(f"{row['rows']:,}", escape(str(row["what"])), escape(str(row["reason"])))
        out.print(left)
    _print_money(out, made)
    for note in made.notes:
        out.print(f"• {escape(note)}", soft_wrap=True)
    out.print("What Dynamics 365 does not record, so the log cannot say:")
    for sentence in CANNOT_SAY:
        out.print(f"• {escape(sentence)}", soft_wrap=True)
    first, last = made.summary.period
    out.print(
        f"{sum(made.activities.values()):,} events of {made.summary.invoices:,} invoices and "
        f"{made.summary.customers:,} customers from {first:%Y-%m-%d} to {last:%Y-%m-%d} written to "
        f"{log}; extracted {made.extracted_at:%Y-%m-%d %H:%M} UTC ({made.extracted_why}).",
        soft_wrap=True,
    )


def print_findings(out: Console, export: Export, findings: Sequence[Finding]) -> None:
    """Rows of an export that refer to nothing, or that there are none."""
    if not findings:
        rows = sum(found.rows for found in export.found.values())
        out.print(
            f"{rows:,} rows of {len(export.found)} tables of {export.name}: every reference leads "
            "to a row that is there.",
            soft_wrap=True,
        )
        return
    table = _table("Rows that refer to nothing", "rows", "of", "column", "example", right=(0, 1))
    for finding in findings:
        table.add_row(
            f"{finding.count:,}",
            f"{finding.total:,}",
            f"{finding.table}.{finding.column}",
            escape(finding.example),
        )
    out.print(table)
    out.print("Export the tables they refer to without a filter, or take it that they say less.")


def _print_tables(out: Console, made: Imported) -> None:
    tables = _table("Tables found", "table", "rows", "", right=(1,))
    for found in made.export.found.values():
        tables.add_row(found.name, f"{found.rows:,}", escape(_remarks(found)))
    out.print(tables)
    if made.export.absent:
        out.print(
            f"• Tables that are not there, so their events are missing: "
            f"{', '.join(made.export.absent)}",
            soft_wrap=True,
        )


def _remarks(found: Found) -> str:
    remarks = []
    if found.older:
        remarks.append(f"{found.older:,} earlier versions")
    if found.deleted:
        remarks.append(f"{found.deleted:,} deleted")
    if found.lacking:
        remarks.append(f"without {', '.join(found.lacking)}")
    return "; ".join(remarks)


def _print_merged(out: Console, merged: pd.DataFrame) -> None:
    columns = ("new", "changed", "unchanged", "kept", "deleted")
    table = _table(
        "Rows laid over those of the earlier run",
        "table",
        "new",
        "changed",
        "unchanged",
        "only kept",
        "deleted",
        right=range(1, 6),
    )
    for row in merged.to_dict("records"):
        table.add_row(str(row["table"]), *(f"{row[name]:,}" for name in columns))
    out.print(table)


def _print_changes(out: Console, changes: pd.DataFrame) -> None:
    if not len(changes):
        out.print("• The events are those of the earlier log.")
        return
    table = _table(
        "Against the earlier log (an event that changed counts as both)",
        "activity",
        "added",
        "withdrawn",
        right=(1, 2),
    )
    for row in changes.to_dict("records"):
        table.add_row(escape(str(row["activity"])), f"{row['added']:,}", f"{row['withdrawn']:,}")
    out.print(table)


def _print_money(out: Console, made: Imported) -> None:
    money = _table(
        "Money, in each invoice's currency",
        "company",
        "",
        "",
        "tables",
        "log",
        "difference",
        right=(3, 4, 5),
    )
    for row in made.totals.table.to_dict("records"):
        amounts = (f"{row[name]:,.2f}" for name in ("before", "after", "difference"))
        currency = escape(str(row["currency"])) or "not stated"
        money.add_row(escape(str(row["company"])), currency, MEASURES[row["measure"]], *amounts)
    out.print(money)


def _table(title: str, *headings: str, right: Sequence[int] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in right else "left")
    return table
