"""What a log holds, and what is computed from it, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from eventlog.summary import ReadSummary
from features.catalogue import Feature
from ui.figures import day, table_of


def print_check(out: Console, summary: ReadSummary) -> None:
    """What a log holds."""
    facts = table_of("What was read", "", "", right=(1,))
    for name, value in (
        ("rows read", f"{summary.rows_read:,}"),
        ("rows kept", f"{summary.rows_kept:,}"),
        ("rows set aside", f"{summary.rows_quarantined:,}"),
        ("rows calculated anew", f"{summary.rows_calculated:,}"),
        ("invoices", f"{summary.invoices:,}"),
        ("customers named", f"{summary.customers:,}"),
        ("first event", day(summary.period[0])),
        ("last event", day(summary.period[1])),
        ("log ends", day(summary.log_end)),
    ):
        facts.add_row(name, value)
    out.print(facts)
    activities = table_of("Activities", "activity", "events", "", right=(1,))
    for name, events in summary.template_activities.items():
        activities.add_row(escape(name), f"{events:,}", "")
    for name, events in summary.unknown_activities.items():
        activities.add_row(escape(name), f"{events:,}", "not in the template, kept")
    out.print(activities)
    totals = table_of("Money", "column", "currency", "read", "kept", "set aside", right=(2, 3, 4))
    for row in summary.totals.to_dict("records"):
        amounts = (f"{row[name]:,.2f}" for name in ("read", "kept", "quarantined"))
        totals.add_row(str(row["column"]), str(row["currency"]) or "not stated", *amounts)
    out.print(totals)
    if summary.missing_recommended:
        out.print(
            f"• Recommended columns that are missing: {', '.join(summary.missing_recommended)}"
        )
    if summary.additional_columns:
        named = ", ".join(f"{name} ({kind})" for name, kind in summary.additional_columns.items())
        out.print(f"• Additional columns, kept: {escape(named)}")
    for note in summary.notes:
        out.print(f"• {escape(note)}")


def print_features(out: Console, features: Sequence[Feature]) -> None:
    """The catalogue."""
    table = table_of(f"{len(features)} features", "name", "family", "unit", "meaning")
    for feature in features:
        table.add_row(feature.name, feature.family, feature.unit, escape(feature.meaning))
    out.print(table)
