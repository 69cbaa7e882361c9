"""Tables and columns to export, and what the round trip changes, as Markdown for people."""

from __future__ import annotations

from eventlog.dynamics.projection import CHANGES
from eventlog.dynamics.queries import columns_read, tables_read
from eventlog.dynamics.schema import Table


def tables_page() -> str:
    """Every table the import reads, with its columns: what to export.

    Columns are bold where the import refuses the table without them, and marked ``+`` where
    Microsoft's CDM schema of the table lacks them, so that they have to be added to the export.
    """
    lines = ["| table | need | what it is | columns |", "|---|---|---|---|"]
    lines += [
        f"| `{table.name}` | {table.need} | {table.meaning} | {_columns(table)} |"
        for table in tables_read()
    ]
    return "\n".join(lines) + "\n"


def _columns(table: Table) -> str:
    read = columns_read(table)
    names = []
    for column in table.columns:
        if column.name in read:
            shown = f"**{column.name}**" if column.need == "required" else column.name
            names.append(shown + (" +" if column.beyond else ""))
    return ", ".join(names)


def changes_page() -> str:
    """What of a log the tables say less exactly, or not at all."""
    lines = ["| what changes | on which events | why |", "|---|---|---|"]
    lines += [
        f"| {change.name} | {', '.join(change.activities) or 'all'} | {change.reason} |"
        for change in CHANGES
    ]
    return "\n".join(lines) + "\n"
