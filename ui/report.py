"""Tables for the terminal; they print, they do not compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eventlog.summary import ReadSummary
from features.catalogue import Feature
from serving.store import Run, Totals
from training.labels import QUESTION
from training.registry import Version
from training.train import Outcome

#: Metrics shown beside each other: key in the report, heading.
SHOWN = (
    ("roc_auc", "ROC AUC"),
    ("average_precision", "avg. precision"),
    ("brier", "Brier"),
    ("brier_skill", "Brier skill"),
    ("log_loss", "log loss"),
    ("ece", "ECE"),
    ("recall_at_10", "recall@10 %"),
    ("balance_recall_at_10", "balance recall@10 %"),
)


def _table(title: str, *headings: str, right: Sequence[int] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in right else "left")
    return table


def number(value: Any, digits: int = 3) -> str:
    """A figure, or a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:,.{digits}f}"


def percent(value: Any) -> str:
    """A probability, or a dash."""
    return "–" if value is None or pd.isna(value) else f"{value:.0%}".replace("%", " %")


def day(value: Any) -> str:
    """A date, or a dash."""
    return "–" if value is None or pd.isna(value) else f"{value:%Y-%m-%d}"


def print_check(out: Console, summary: ReadSummary) -> None:
    """What a log holds."""
    facts = _table("What was read", "", "", right=(1,))
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
    activities = _table("Activities", "activity", "events", "", right=(1,))
    for name, events in summary.template_activities.items():
        activities.add_row(escape(name), f"{events:,}", "")
    for name, events in summary.unknown_activities.items():
        activities.add_row(escape(name), f"{events:,}", "not in the template, kept")
    out.print(activities)
    totals = _table("Money", "column", "currency", "read", "kept", "set aside", right=(2, 3, 4))
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


def print_training(out: Console, outcomes: list[Outcome]) -> None:
    """What training did for each target."""
    for outcome in outcomes:
        if outcome.skipped:
            out.print(f"[yellow]{escape(outcome.skipped)}[/]")
            continue
        version = outcome.version
        if version is None:
            continue
        out.print(
            f"[bold]{outcome.target}[/] version {version.version} is registered as "
            f"{', '.join(version.aliases)}."
        )
        if outcome.report:
            print_backtest(out, outcome.report, brief=True)
        elif outcome.untested:
            out.print(f"[yellow]Not tested: {escape(outcome.untested)}[/]")


def print_backtest(out: Console, report: dict[str, Any], brief: bool = False) -> None:
    """Metrics of a test beside the baselines', with split, cutoff and question."""
    question = QUESTION[report["target"]].format(**report["policy"])
    out.print(
        f"[bold]{report['target']}[/]: {question}.\n"
        f"Trained on {report['n_train']:,} rows ({report['positives_train']:,} positive) known "
        f"before {report['train_until'][:10]}; tested on {report['n_test']:,} rows "
        f"({report['positives']:,} positive) seen until {report['test_until'][:10]}, "
        f"{report['snapshots']} snapshots; calibration: {report['calibration']}."
    )
    table = _table("", "", *(heading for _, heading in SHOWN), right=range(1, len(SHOWN) + 1))
    rows = {"model": report["metrics"], **report["baselines"]}
    for name, found in rows.items():
        figures = (number(found.get(key), 4) for key, _ in SHOWN)
        table.add_row(f"[bold]{name}[/]" if name == "model" else name, *figures)
    out.print(table)
    if "differences" in report and not brief:
        differences = _table(
            f"Model less baseline, 95 % interval by resampled {report['differences']['resampled']}",
            "baseline",
            "ROC AUC",
            "Brier skill",
            right=(1, 2),
        )
        for name, found in report["differences"]["over"].items():
            cells = (
                f"{d['estimate']:+.4f} [{d['low']:+.4f}, {d['high']:+.4f}]"
                for d in (found["roc_auc"], found["brier_skill"])
            )
            differences.add_row(name, *(escape(cell) for cell in cells))
        out.print(differences)
    if brief:
        return
    for name, groups in report["slices"].items():
        table = _table(
            f"By {name.replace('_', ' ')}",
            "",
            "rows",
            "positive",
            "ROC AUC",
            "Brier skill",
            "ECE",
            "mean p",
            "observed",
            right=range(1, 8),
        )
        for group, found in groups.items():
            table.add_row(
                escape(group),
                f"{found['n']:,}",
                f"{found['positives']:,}",
                number(found.get("roc_auc")),
                number(found.get("brier_skill")),
                number(found.get("ece")),
                number(found.get("mean_p")),
                number(found.get("prevalence")),
            )
        out.print(table)


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


def print_models(out: Console, found: list[tuple[Version, dict[str, float]]]) -> None:
    """Registered versions, newest first."""
    if not found:
        out.print("No model is registered yet. Run `duecast train LOG`.")
        return
    table = _table(
        "Models",
        "target",
        "version",
        "alias",
        "test rows",
        "ROC AUC",
        "avg. precision",
        "Brier skill",
        "run",
        right=(1, 3, 4, 5, 6),
    )
    for version, figures in found:
        table.add_row(
            version.target,
            version.version,
            ", ".join(version.aliases),
            number(figures.get("n"), 0),
            number(figures.get("roc_auc")),
            number(figures.get("average_precision")),
            number(figures.get("brier_skill")),
            version.run_id[:8],
        )
    out.print(table)


def print_features(out: Console, features: Sequence[Feature]) -> None:
    """The catalogue."""
    table = _table(f"{len(features)} features", "name", "family", "unit", "meaning")
    for feature in features:
        table.add_row(feature.name, feature.family, feature.unit, escape(feature.meaning))
    out.print(table)
