"""The process view for the terminal and as JSON; it prints, and computes nothing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from eventlog.cutoffs import cutoff_text
from eventlog.log import timestamp
from eventlog.process.comparison import Comparison
from eventlog.process.history import History
from eventlog.process.rework import Rework
from ui.figures import number
from ui.process_graph import days_in_words, share_in_words
from ui.process_groups import print_comparison, print_rework
from ui.process_tables import rows_of, share, table_of

#: Age at which invoices are looked at where those posted before and after a date are compared.
COMPARED_DAYS = 90


def headline(history: History, n_variants: int, log_name: str, selection: str) -> dict[str, Any]:
    """What everything below is about."""
    return {
        "log": log_name,
        "cutoff": history.cutoff,
        "selection": selection,
        "within_days": history.within_days,
        "said": selection + _within(history.within_days, bool(selection)),
        "currency": history.currency,
        "invoices": len(history),
        "events": int((history.traces.event >= 0).sum()),
        "steps_calculated": int((history.traces.event < 0).sum()),
        "n_variants": n_variants,
    }


def _within(days: int | None, follows: bool) -> str:
    if days is None:
        return ""
    said = f"each invoice as it stood {days} days after its issue"
    return f"; {said}" if follows else said


def as_json(shown: dict[str, Any], top: int, bottlenecks: bool) -> dict[str, Any]:
    """Everything that was asked for, as plain values."""
    hidden = {"said", "cutoff", "steps", "bottlenecks", "overdue", "comparison", "rework"}
    found = {name: value for name, value in shown.items() if name not in hidden}
    found["cutoff"] = cutoff_text(shown["cutoff"])
    found["variants"] = rows_of(shown["variants"])
    found["steps"] = rows_of(shown["steps"])
    if bottlenecks:
        found["bottlenecks"] = rows_of(shown["bottlenecks"])
        found["overdue_bottlenecks"] = rows_of(shown["overdue"])
    if "rework" in shown:
        found["rework"] = _rework_as_json(shown["rework"])
    if "comparison" in shown:
        one: Comparison = shown["comparison"]
        found["comparison"] = {
            "groups": list(one.names),
            "invoices": list(one.n_invoices),
            "customers": list(one.n_customers),
            "in_both": one.n_overlap,
            "too_few": one.too_few,
            "figures": rows_of(one.figures),
            "variants": rows_of(one.variants),
            "steps": rows_of(one.steps),
        }
    return found


def _rework_as_json(found: Rework) -> dict[str, Any]:
    months = found.by_month.assign(month=found.by_month["month"].dt.strftime("%Y-%m"))
    return {
        "told_by": found.basis,
        "programs": list(found.programs),
        "reopened": found.reopened,
        "due_date_changed": found.due_date_changed,
        "reversed": found.reversed,
        "disputed": found.disputed,
        "repeating": found.n_repeating,
        "closed": found.n_closed,
        "touch_free": found.n_touch_free,
        "no_follow_up": found.n_no_follow_up,
        "touches_by_people": int(found.per_invoice.sum()),
        "follow_up_by_people": int(found.follow_up.sum()),
        "repeats": rows_of(found.repeats),
        "touches": rows_of(found.touches),
        "by_month": rows_of(months),
    }


def print_process(out: Console, shown: dict[str, Any], top: int, bottlenecks: bool) -> None:
    """Headline, then the tables that were asked for.

    Parameters
    ----------
    shown : dict
        Of `headline`, with the tables variants, steps, bottlenecks and overdue, and, where asked
        for, rework and comparison.
    top : int
        Rows of each table.
    bottlenecks : bool
        Print both tables of where money waits; else the overdue one alone, or none where groups
        are compared.
    """
    selection = f" · {escape(shown['said'])}" if shown["said"] else ""
    out.print(
        f"[bold]Process[/] · {escape(shown['log'])} · cutoff "
        f"{timestamp(shown['cutoff']):%Y-%m-%d %H:%M} UTC{selection}\n"
        f"{shown['invoices']:,} invoices, {shown['events']:,} events, {shown['n_variants']:,} "
        f"variants · money in {shown['currency'] or 'the invoice currency'}"
    )
    if not shown["invoices"]:
        out.print(
            "No invoice is left to show. Loosen --where, --posted-from, --posted-until or "
            "--within, or choose a later --cutoff."
        )
        return
    if "comparison" in shown:
        print_comparison(out, shown["comparison"])
    else:
        _print_variants(out, shown["variants"], shown["n_variants"])
        _print_steps(out, shown["steps"], top)
    if bottlenecks or "comparison" not in shown:
        _print_waits(out, shown, "overdue", top)
    if bottlenecks:
        _print_waits(out, shown, "bottlenecks", top)
    if "rework" in shown:
        print_rework(out, shown["rework"], top)


def _print_variants(out: Console, variants: pd.DataFrame, n_variants: int) -> None:
    table = table_of(
        f"Variants: the {len(variants):,} most frequent of {n_variants:,}",
        1,
        *("activities, in order", "invoices", "share", "so far", "amount", "open", "late"),
        *("written off", "to close"),
    )
    for row in variants.to_dict(orient="records"):
        table.add_row(
            escape(" → ".join(row["sequence"])),
            f"{row['invoices']:,}",
            share_in_words(row["share"]),
            share_in_words(row["cumulative_share"]),
            number(row["amount"], 0),
            number(row["balance"], 0),
            share(row["share_late"]),
            f"{row['written_off']:,}",
            days_in_words(row["median_days"]),
        )
    out.print(table)


def _print_steps(out: Console, steps: pd.DataFrame, top: int) -> None:
    table = table_of(
        f"Steps: the {min(top, len(steps)):,} most frequent of {len(steps):,}",
        2,
        *("from", "to", "count", "invoices", "median", "9 of 10 within", "mean", "amount"),
    )
    for row in steps.head(top).to_dict(orient="records"):
        table.add_row(
            escape(row["from"]),
            escape(row["to"]),
            f"{row['count']:,}",
            share_in_words(row["share_invoices"]),
            days_in_words(row["median_days"]),
            days_in_words(row["p90_days"]),
            days_in_words(row["mean_days"]),
            number(row["amount"], 0),
        )
    out.print(table)


def _print_waits(out: Console, shown: dict[str, Any], which: str, top: int) -> None:
    waits: pd.DataFrame = shown[which]
    unit = f"{shown['currency'] or 'money'} × days"
    title, until = "Where money waits (balance × days)", "all days"
    if which == "overdue":
        title, until = "Where overdue money waits (balance × days after the due date)", "after due"
    if not len(waits):
        out.print(f"{title}: nowhere, as far as balances are known.")
        return
    table = table_of(
        title,
        2,
        *("from", "to", unit, "share", "so far", "cost", "median", "9 of 10 within", "count"),
    )
    for row in waits.head(top).to_dict(orient="records"):
        table.add_row(
            escape(row["from"]),
            escape(row["to"]),
            number(row["money_days"], 0),
            share_in_words(row["share"]),
            share_in_words(row["cumulative_share"]),
            number(row["cost"], 0),
            days_in_words(row["median_days"]),
            days_in_words(row["p90_days"]),
            f"{row['count']:,}",
        )
    out.print(table)
    unpriced = int(shown["steps"]["n_unpriced"].sum())
    if unpriced:
        out.print(f"{unpriced:,} steps of invoices without a known balance add nothing ({until}).")
