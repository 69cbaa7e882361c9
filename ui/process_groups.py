"""Rework and the comparison of two groups for the terminal; it prints, and computes nothing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.process.comparison import Comparison
from eventlog.process.rework import Rework
from ui.process_graph import share_in_words
from ui.process_tables import rows_of, share, table_of


def print_rework(out: Console, found: Rework, top: int) -> None:
    """Repeats, what was taken back, and touches by people and programs."""
    n = max(found.n_invoices, 1)
    table = table_of(
        "Repeats: an activity again on the same invoice",
        1,
        *("activity", "repeats", "right after", "later", "invoices", "share"),
    )
    for row in found.repeats.head(top).to_dict(orient="records"):
        table.add_row(
            escape(row["activity"]),
            *(f"{row[name]:,}" for name in ("repeats", "directly", "returns", "invoices")),
            share_in_words(row["share_invoices"]),
        )
    out.print(table)
    counts = {
        "repeat something": found.n_repeating,
        "were opened again after closing": found.reopened,
        "had a payment reversed": found.reversed,
        "had their due date changed": found.due_date_changed,
        "were disputed": found.disputed,
    }
    said = [f"{count:,} ({share_in_words(count / n)}) {what}" for what, count in counts.items()]
    out.print(f"Of {found.n_invoices:,} invoices " + ", ".join(said) + ".")
    _print_touches(out, found, top)


def _print_touches(out: Console, found: Rework, top: int) -> None:
    table = table_of("Who does it", 1, "activity", "people", "programs", "unknown")
    for row in found.touches.head(top).to_dict(orient="records"):
        table.add_row(
            escape(row["activity"]),
            *(f"{row[name]:,}" for name in ("people", "programs", "unknown")),
        )
    out.print(table)
    if found.basis == "user":
        named = ", ".join(escape(user) for user in found.programs[:8]) or "none"
        out.print(f"Told by the user on each event; taken for programs: {named}.")
    else:
        out.print("The log names no users, so people and programs are told by the activity.")
    if found.n_closed:
        touches, follow = found.per_invoice.sum(), found.follow_up.sum()
        out.print(
            f"{touches / max(found.n_invoices, 1):.2f} touches by people an invoice, "
            f"{follow / max(found.n_invoices, 1):.2f} of them follow-up (neither issuing nor "
            f"booking). Of {found.n_closed:,} closed invoices "
            f"{share_in_words(found.n_touch_free / found.n_closed)} were touch-free, "
            f"{share_in_words(found.n_no_follow_up / found.n_closed)} needed no follow-up."
        )
    table = table_of(
        "By month",
        1,
        *("month", "people", "programs", "unknown", "closed", "touch-free", "no follow-up"),
    )
    for row in found.by_month.tail(12).to_dict(orient="records"):
        table.add_row(
            f"{row['month']:%Y-%m}",
            *(f"{row[name]:,}" for name in ("people", "programs", "unknown", "closed")),
            share(row["share_touch_free"]),
            share(row["share_no_follow_up"]),
        )
    out.print(table)


def print_comparison(out: Console, found: Comparison) -> None:
    """Two groups side by side; only differences beyond noise are marked."""
    a, b = (escape(name) for name in found.names)
    out.print(
        f"A: {a}, {found.n_invoices[0]:,} invoices of {found.n_customers[0]:,} customers\n"
        f"B: {b}, {found.n_invoices[1]:,} invoices of {found.n_customers[1]:,} customers"
    )
    if found.n_overlap:
        out.print(f"{found.n_overlap:,} invoices are in both.")
    if found.too_few:
        out.print(f"[bold]Too few for a verdict:[/] {escape(found.too_few)}")
    table = _compared("Outcomes", "figure")
    for row in rows_of(found.figures):
        table.add_row(escape(row["figure"]), *_figures(row, row["unit"]))
    out.print(table)
    table = _compared("Variants: share of each group's invoices", "activities, in order")
    for row in rows_of(found.variants):
        table.add_row(escape(" → ".join(row["sequence"])), *_figures(row, "share"))
    out.print(table)
    table = _compared("Steps: median time", "step")
    for row in rows_of(found.steps):
        table.add_row(escape(f"{row['from']} → {row['to']}"), *_figures(row, "days"))
    out.print(table)
    out.print(
        "● differs beyond noise: the interval of B - A leaves out 0. Intervals of a table hold "
        "together with 95 %, with customers drawn as a whole. – too few to tell."
    )


def _compared(title: str, first: str) -> Table:
    return table_of(title, 1, first, "A", "B", "B - A", "interval", "n A", "n B", "")


def _figures(row: dict[str, Any], unit: str) -> list[str]:
    """Cells of a compared figure."""

    def written(value: float, signed: bool = False) -> str:
        if pd.isna(value):
            return "–"
        sign = "+" if signed else ""
        if unit == "share":
            return f"{value:{sign}.1%}".replace("%", " %")
        return f"{value:{sign},.1f}{' d' if unit == 'days' else ''}"

    interval = "–"
    if not pd.isna(row["low"]):
        interval = rf"\[{written(row['low'], True)}, {written(row['high'], True)}]"
    return [
        written(row["a"]),
        written(row["b"]),
        written(row["difference"], True),
        interval,
        f"{row['n_a']:,}",
        f"{row['n_b']:,}",
        "[bold]●[/]" if row["differs"] else "",
    ]
