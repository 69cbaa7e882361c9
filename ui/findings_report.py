"""What a check found wrong, cell by cell, on the terminal."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

#: Cells shown of each kind of mistake, and rows of the whole table.
_OF_A_KIND, _SHOWN = 5, 60
_COLOURS = {"refused": "bold red", "error": "red", "warning": "yellow"}


def print_findings(out: Console, findings: pd.DataFrame) -> None:
    """Mistakes with their cells, the worst first; the first few of each kind.

    Parameters
    ----------
    out : Console
    findings : DataFrame
        As `eventlog.summary.ReadSummary.findings`.
    """
    if not len(findings):
        out.print("[green]No mistakes found.[/]")
        return
    table = Table(title="What to mend", title_justify="left", title_style="bold", expand=True)
    table.add_column("cell", no_wrap=True)
    table.add_column("")
    table.add_column("what is wrong", ratio=3)
    table.add_column("how to mend it", ratio=3)
    of_kind = findings.groupby(["mistake", "column"], sort=False)
    first = findings[of_kind.cumcount() < _OF_A_KIND].head(_SHOWN)
    for row in first.to_dict("records"):
        colour = _COLOURS[row["severity"]]
        texts = (escape(str(row[name])) for name in ("what", "remedy"))
        table.add_row(escape(str(row["cell"])), f"[{colour}]{row['severity']}[/]", *texts)
    out.print(table)
    left = len(findings) - len(first)
    counts = findings["severity"].value_counts()
    told = [
        f"{n:,} {severity}{'s' if n != 1 and severity != 'refused' else ''}"
        for severity, n in counts.items()
    ]
    more = f"; {left:,} more like these with --json" if left else ""
    out.print(f"{', '.join(told)}{more}.")
