"""Dunning conformance for the terminal, for programs and as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.conformance import (
    By,
    Conformance,
    adherence,
    sent_letters,
    worst_invoices,
)
from eventlog.conformance_tables import letter_table, required_table
from eventlog.errors import DataError
from eventlog.known import known_by
from eventlog.log import NONE, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from serving.export import export
from ui.figures import number

#: Rows of an Excel sheet below its heading.
_EXCEL_ROWS = 1_048_575
_DUE = {
    "required": "due",
    "on_time": "on time",
    "early": "early",
    "late": "late",
    "skipped": "skipped",
    "missing": "missing",
    "not_yet": "in time",
    "paused": "paused",
    "void": "void",
}
_SENT = {
    "letters": "sent",
    "on_time": "on time",
    "early": "early",
    "late": "late",
    "repeated": "repeated",
    "not_in_policy": "no such level",
    "paused": "while paused",
    "not_overdue": "not overdue",
    "not_open": "not open",
}


def report_of(
    log: EventLog,
    found: Conformance,
    policy: Policy,
    rates: Rates,
    by: By,
    n_invoices: int,
    log_name: str,
) -> dict[str, Any]:
    """Everything that is printed, as plain values; money in the reporting currency."""
    return {
        "log": log_name,
        "cutoff": timestamp(found.cutoff),
        "currency": rates.reporting or None,
        "policy": {
            name: value for name, value in policy.as_dict().items() if name.startswith("dunning_")
        },
        "notes": _notes(log, found, policy),
        "totals": _records(adherence(log, found, rates))[0],
        "letters": _records(sent_letters(log, found))[0],
        "by": by,
        "due": _records(adherence(log, found, rates, by)),
        "sent": _records(sent_letters(log, found, by)),
        "invoices": _records(worst_invoices(log, found, rates, n_invoices)) if n_invoices else [],
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _notes(log: EventLog, found: Conformance, policy: Policy) -> list[str]:
    """Why there is nothing to see, where that is so."""
    due = log.times("PaymentDueDate")
    if not policy.dunning_days:
        return ["The policy names no dunning_days, so it calls for no letter. List them there."]
    if not (known_by(log.known_at, found.cutoff) & (due != NONE)).any():
        if (due != NONE).any():
            return ["No due date is known at the cutoff yet. Choose a later --cutoff."]
        return [
            "No invoice has a due date, so no letter is ever due. Add the column PaymentDueDate to "
            "the log, or name it in a mapping file."
        ]
    if not len(found.sent):
        return [
            "No letter is known at the cutoff, so every one that was due counts as missing. If "
            "letters were sent, add them to the log as Dunning Letter Generated."
        ]
    return []


def print_conformance(out: Console, report: dict[str, Any]) -> None:
    """Totals in words, letters due and letters sent by group, and the worst invoices."""
    currency = report["currency"] or "the invoice currency"
    out.print(
        f"[bold]Dunning conformance[/] · cutoff {report['cutoff']:%Y-%m-%d %H:%M} UTC · "
        f"{escape(report['log'])} · money in {escape(currency)}\n"
        f"{policy_in_words(report['policy'])}"
    )
    for note in report["notes"]:
        out.print(f"[yellow]{note}[/]")
    if not report["totals"]["required"] and not report["letters"]["letters"]:
        out.print("No letter was called for and none was sent.")
        return
    out.print(totals_in_words(report["totals"], currency))
    _print_due(out, report, currency)
    _print_sent(out, report)
    if report["invoices"]:
        _print_invoices(out, report["invoices"], currency)


def policy_in_words(policy: dict[str, Any]) -> str:
    """The policy's dunning keys as a sentence."""
    days = ", ".join(str(day) for day in policy["dunning_days"]) or "no"
    tolerance = policy["dunning_tolerance_days"]
    said = f"Policy: letters {days} days past due, {tolerance} days of tolerance"
    if policy["dunning_paused_by"]:
        said += f"; the days of an open {' or '.join(policy['dunning_paused_by'])} do not count"
    if policy["dunning_min_balance"]:
        said += f"; no letter for less than {policy['dunning_min_balance']:,.2f} of the currency"
    return said + "."


def totals_in_words(totals: dict[str, Any], currency: str) -> str:
    """Adherence and what stands behind it."""
    said = (
        f"Adherence {_share(totals['adherence'])}: of {totals['required']:,} letters called for, "
        f"{totals['decided']:,} are decided: {totals['on_time']:,} on time, {totals['early']:,} "
        f"early, {totals['late']:,} late, {totals['skipped']:,} skipped, {totals['missing']:,} "
        f"missing. {totals['not_yet']:,} may still go out in time, {totals['paused']:,} are "
        f"paused, {totals['void']:,} became void (closed in time).\n"
        f"By balance when due {_share(totals['adherence_of_balance'])} of "
        f"{number(totals['balance'], 0)} {escape(currency)}"
    )
    if totals["n_balance_unknown"]:
        said += f", {totals['n_balance_unknown']:,} letters of unknown balance left out"
    if totals["late"]:
        said += f"; late letters went {totals['mean_days_late']:.1f} days after they were due"
    return f"{said}; late and missing cost {number(totals['money_days'], 0)} money-days."


def _print_due(out: Console, report: dict[str, Any], currency: str) -> None:
    by = report["by"]
    headings = [*_DUE.values(), "adherence", "balance", "of balance"]
    table = _table(f"Letters that the policy called for, by {by}; {currency}", by, *headings)
    for row in report["due"]:
        table.add_row(
            escape(str(row[by])),
            *(f"{row[name]:,}" for name in _DUE),
            _share(row["adherence"]),
            number(row["balance"], 0),
            _share(row["adherence_of_balance"]),
        )
    out.print(table)


def _print_sent(out: Console, report: dict[str, Any]) -> None:
    if not report["letters"]["letters"]:
        return
    by = report["by"]
    table = _table(f"Letters sent, by {by}", by, *_SENT.values(), "days early")
    for row in report["sent"]:
        table.add_row(
            escape(str(row[by])),
            *(f"{row[name]:,}" for name in _SENT),
            number(row["mean_days_early"], 1),
        )
    out.print(table)


def _print_invoices(out: Console, rows: list[dict[str, Any]], currency: str) -> None:
    headings = ("late", "missing", "days behind", f"balance, {currency}", "money-days")
    table = _table("Invoices that were furthest behind, by money-days", "invoice", *headings)
    for row in rows:
        named = " ".join(filter(None, (row["company"], row["invoice"])))
        table.add_row(
            f"{escape(named)} [dim]{escape(str(row['customer']))}[/]",
            f"{row['late']:,}",
            f"{row['missing']:,}",
            f"{row['days']:,}",
            number(row["balance"], 2),
            number(row["money_days"], 0),
        )
    out.print(table)


def write_letters(log: EventLog, found: Conformance, path: Path) -> None:
    """Write the letters called for (.csv), or on two sheets also those that were sent (.xlsx).

    Raises
    ------
    DataError
        If a sheet cannot hold so many letters.
    """
    due = required_table(log, found)
    if path.suffix.lower() == ".csv":
        export(due, path)
        return
    longest = max(len(found.required), len(found.sent))
    if longest > _EXCEL_ROWS:
        raise DataError(
            f"An Excel sheet holds {_EXCEL_ROWS:,} rows below its heading; there are {longest:,}. "
            "Write .csv instead."
        )
    plain = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs=plain) as book:
        for name, table in (("Letters due", due), ("Letters sent", letter_table(log, found))):
            table.to_excel(book, sheet_name=name, index=False, freeze_panes=(1, 0))
            book.sheets[name].autofilter(0, 0, max(len(table), 1), len(table.columns) - 1)
            book.sheets[name].set_column(0, len(table.columns) - 1, 16)


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    return table


def _share(value: Any) -> str:
    """A share in per cent with one decimal, a dash where there is none."""
    return "–" if value is None or np.isnan(value) else f"{value:.1%}".replace("%", " %")
