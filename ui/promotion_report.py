"""A promotion's checks, for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.promotion import Decision


def print_decision(out: Console, decision: Decision) -> None:
    """Every check with its finding, and on which rows it was made."""
    against = f"version {decision.champion}" if decision.champion else "no champion: the baselines"
    out.print(
        f"[bold]{decision.target} version {decision.version}[/] against {against}, "
        f"{decision.compared}, on {decision.n:,} labelled rows ({decision.positives:,} positive) "
        f"with cutoffs from {decision.since} to {decision.until}; intervals are 95 %, by customer."
    )
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("check")
    table.add_column("")
    table.add_column("finding")
    for check in decision.checks:
        mark = "[green]holds[/]" if check.passed else "[bold red]fails[/]"
        table.add_row(check.name, mark, escape(check.said))
    out.print(table)
