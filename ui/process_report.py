"""The process view for the terminal and as JSON; it prints, and computes nothing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.comparison import Comparison
from eventlog.log import timestamp
from eventlog.rework import Rework
from eventlog.traces import History
from ui.figures import number
from ui.process_graph import days_in_words, share_in_words

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
    found["cutoff"] = f"{timestamp(shown['cutoff']):%Y-%m-%dT%H:%M:%S}Z"
    found["variants"] = _records(shown["variants"])
    found["steps"] = _records(shown["steps"])
    if bottlenecks:
        found["bottlenecks"] = _records(shown["bottlenecks"])
        found["overdue_bottlenecks"] = _records(shown["overdue"])
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
            "figures": _records(one.figures),
            "variants": _records(one.variants),
            "steps": _records(one.steps),
        }
    return found


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_dict(orient="records")  # type: ignore[assignment]
    return rows


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
        "repeats": _records(found.repeats),
        "touches": _records(found.touches),
        "by_month": _records(months),
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
        Print both tables of where money waits; else the overdue one alone.
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
        _print_waits(out, shown, "overdue", top)
        if bottlenecks:
            _print_waits(out, shown, "bottlenecks", top)
    if "rework" in shown:
        _print_rework(out, shown["rework"], top)


def _table(title: str, texts: int, *headings: str) -> Table:
    """A table whose first columns are texts and the others figures."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        if i < texts:
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    return table


def _print_variants(out: Console, variants: pd.DataFrame, n_variants: int) -> None:
    table = _table(
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
            _share(row["share_late"]),
            f"{row['written_off']:,}",
            days_in_words(row["median_days"]),
        )
    out.print(table)


def _print_steps(out: Console, steps: pd.DataFrame, top: int) -> None:
    table = _table(
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
    table = _table(
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


def _print_rework(out: Console, found: Rework, top: int) -> None:
    n = max(found.n_invoices, 1)
    table = _table(
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
    table = _table("Who does it", 1, "activity", "people", "programs", "unknown")
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
    table = _table(
        "By month",
        1,
        *("month", "people", "programs", "unknown", "closed", "touch-free", "no follow-up"),
    )
    for row in found.by_month.tail(12).to_dict(orient="records"):
        table.add_row(
            f"{row['month']:%Y-%m}",
            *(f"{row[name]:,}" for name in ("people", "programs", "unknown", "closed")),
            _share(row["share_touch_free"]),
            _share(row["share_no_follow_up"]),
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
    for row in _records(found.figures):
        table.add_row(escape(row["figure"]), *_figures(row, row["unit"]))
    out.print(table)
    table = _compared("Variants: share of each group's invoices", "activities, in order")
    for row in _records(found.variants):
        table.add_row(escape(" → ".join(row["sequence"])), *_figures(row, "share"))
    out.print(table)
    table = _compared("Steps: median time", "step")
    for row in _records(found.steps):
        table.add_row(escape(f"{row['from']} → {row['to']}"), *_figures(row, "days"))
    out.print(table)
    out.print(
        "● differs beyond noise: the interval of B - A leaves out 0. Intervals of a table hold "
        "together with 95 %, with customers drawn as a whole. – too few to tell."
    )


def _compared(title: str, first: str) -> Table:
    return _table(title, 1, first, "A", "B", "B - A", "interval", "n A", "n B", "")


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


def _share(value: float) -> str:
    return "–" if pd.isna(value) else share_in_words(value)
