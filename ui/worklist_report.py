"""The worklist and its run as tables for the terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.store import Run, Totals
from ui.figures import number, percent


def print_run(out: Console, run: Run) -> None:
    """What a scoring run is about."""
    versions = ", ".join(f"{target} v{version}" for target, version in run.models.items())
    currency = run.reporting_currency
    out.print(
        f"[bold]Run {run.run_id}[/] · cutoff {run.as_of:%Y-%m-%d %H:%M} UTC · "
        f"{escape(run.log_name)} · {versions}\n"
        f"{run.n_invoices:,} open invoices · open balance {run.open_balance:,.2f} {currency} · "
        f"expected loss {run.expected_loss:,.2f} {currency}"
    )
    for sentence in run.skipped.values():
        out.print(f"[yellow]{escape(sentence)}[/]")


def print_worklist(out: Console, rows: pd.DataFrame, currency: str, hold: bool = False) -> None:
    """Ranked rows; says so where there are none."""
    if rows.empty:
        out.print("No invoice matches. Widen the filters, or look at `--tab all`.")
        return
    table = Table(
        title=f"Worklist, money in {currency or 'the invoice currency'}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="risk: late = not paid in time, open = late and still open at the horizon",
        caption_justify="left",
    )
    for heading in ("#", "invoice"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "#" else "left")
    table.add_column("customer, and on hold because" if hold else "customer, and why", ratio=1)
    for heading in ("open", "days", "risk", "write-off", "priority"):
        table.add_column(heading, no_wrap=True, justify="right")
    for row in rows.to_dict("records"):
        why = row["suppressed_reason"] if hold else None
        why = row["reason_1"] if why is None or pd.isna(why) else why
        told = "" if why is None or pd.isna(why) else f"\n[dim]{escape(str(why))}[/]"
        table.add_row(
            f"{row['rank']:,}",
            escape(str(row["invoice"])),
            escape(str(row["customer_name"])) + told,
            number(row["open_balance_reporting"], 2),
            number(row["days_past_due"], 0),
            _risk(row),
            percent(row["p_write_off"]),
            number(row["priority"], 2),
        )
    out.print(table)


def _risk(row: dict[Any, Any]) -> str:
    """Probability of the row's phase, and which it is."""
    if not pd.isna(row["p_late"]):
        return f"late {percent(row['p_late'])}"
    return f"open {percent(row['p_still_open'])}" if not pd.isna(row["p_still_open"]) else "–"


def print_totals(out: Console, totals: Totals, currency: str) -> None:
    """Sums over all rows that match."""
    out.print(
        f"{totals.count:,} invoices · open balance {totals.open_balance:,.2f} {currency} · "
        f"expected loss {totals.expected_loss:,.2f} · cost of delay {totals.cost_of_delay:,.2f} · "
        f"priority {totals.priority:,.2f}"
        + (
            f" · {totals.without_balance:,} without a known balance"
            if totals.without_balance
            else ""
        )
    )
