"""Tables of the payment curve and of cash, for the terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from eventlog.log import timestamp
from training.curve_backtest import BUCKETS
from ui.figures import day, number, percent

_SAID = {
    "payment_curve": "payment curve",
    "on_due_date": "everybody pays on the due date",
    "usual_delay": "due date + customer's usual delay",
}


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def print_cash(out: Console, table: pd.DataFrame, cutoff: int, version: str) -> None:
    """Expected cash, a row a week and a column a currency."""
    names = sorted(table["currency"].unique())
    title = f"Expected cash as of {timestamp(cutoff):%Y-%m-%d}, payment curve version {version}"
    shown = _table(title, "week", "from", "to", *(name or "no currency" for name in names))
    money = table.pivot_table(index="week", columns="currency", values="expected", aggfunc="sum")
    for week in sorted(set(table["week"]) - {0}):
        first = table[table["week"] == week].iloc[0]
        amounts = [number(money.loc[week, name], 0) for name in names]
        last = first["to"] - pd.Timedelta(days=1)
        shown.add_row(str(week), day(first["from"]), day(last), *amounts)
    shown.add_row("later or never", "", "", *(number(money.loc[0, name], 0) for name in names))
    total = money.sum()
    shown.add_row("[bold]open balance[/]", "", "", *(number(total[name], 0) for name in names))
    out.print(shown)
    out.print("Sums of open balances × probability of payment; invoices to come are not in it.")


def print_curve_report(out: Console, report: dict[str, Any]) -> None:
    """Calibration at the horizons, the three buckets, payment dates and cash."""
    out.print(
        f"[bold]payment curve[/]: trained on {report['n_train']:,} pairs known before "
        f"{report['train_until'][:10]}, tested on {report['n_test']:,} snapshots "
        f"({report['snapshots']}) from then to {report['test_until'][:10]}; the log ends on "
        f"{report['log_end'][:10]}."
    )
    horizons = _table(
        "Unpaid after so many days; beside it the life table by ageing bucket",
        *("days", "rows", "observed", "predicted", "observed / expected", "ECE"),
        *("Brier", "life table", "ROC AUC"),
    )
    for days, found in report["by_horizon"].items():
        if not found["n"]:
            horizons.add_row(days, "0 (no window was over)")
            continue
        ratio = found.get("intervals", {}).get("observed_to_expected")
        said = number(found["observed_to_expected"], 2)
        said += f" [{ratio['low']:.2f}, {ratio['high']:.2f}]" if ratio else ""
        horizons.add_row(
            days,
            f"{found['n']:,}",
            number(found["prevalence"]),
            number(found["mean_p"]),
            said,
            number(found["ece"]),
            number(found["brier"], 4),
            number(found["life_table"]["brier"], 4),
            number(found["roc_auc"]),
        )
    out.print(horizons)
    _print_buckets(out, report["buckets"])
    dates = report["payment_date"]
    if dates["n"]:
        _print_dates(out, dates)
    out.print(f"Points at which a curve rises: {report['crossings']:,}.")
    _print_cash_test(out, report["cash"])


def _print_dates(out: Console, dates: dict[str, Any]) -> None:
    """Errors of the expected dates and what their intervals held, each with what it leaves out."""
    n = dates["n"]
    out.print(
        f"Payment date, {n:,} snapshots with 180 days behind them: median error "
        f"{number(dates['median_absolute_error_days'], 1)} days, mean "
        f"{number(dates['mean_absolute_error_days'], 1)} days, without the "
        f"{percent(1 - dates['n_with_error'] / n)} that have no date within 180 days "
        f"({percent(dates['predicted_beyond'] / n)}) or were not paid in them "
        f"({percent(dates['unpaid_after_180_days'] / n)}); the {percent(dates['interval'])} "
        f"interval held {percent(dates['held_by_interval'])}, without the "
        f"{percent(1 - dates['n_bounded'] / n)} whose interval has no end within 180 days."
    )


def _print_buckets(out: Console, found: dict[str, Any]) -> None:
    late, very = found["late_after_days"], found["very_late_after_days"]
    title = (
        f"Buckets, {found['n']:,} snapshots in time: late after {late} days, very late after {very}"
    )
    table = _table(title, "bucket", "cases", "observed", "predicted", "ECE", "ROC AUC")
    for name in BUCKETS:
        if name in found:
            each = found[name]
            table.add_row(
                name,
                f"{each['positives']:,}",
                number(each["observed"]),
                number(each["mean_p"]),
                number(each["ece"]),
                number(each["roc_auc"]),
            )
    out.print(table)
    if "log_loss" in found:
        out.print(
            f"Log loss of the three {number(found['log_loss'])}; of their shares in this test "
            f"{number(found['log_loss_base_rates'])}."
        )


def _print_cash_test(out: Console, found: dict[str, Any]) -> None:
    if not found["cutoffs"]:
        out.print("No cutoff has its weeks over, so the cash forecast is not tested.")
        return
    title = (
        f"Cash of {found['weeks']} weeks, forecast at {len(found['cutoffs'])} month starts from "
        f"{found['cutoffs'][0]} to {found['cutoffs'][-1]}, against what came in"
    )
    headings = ("method", "currency", "weekly error", "error of the sum", "forecast / received")
    table = _table(title, *headings)
    for currency, methods in found["errors"].items():
        for method, errors in methods.items():
            table.add_row(
                _SAID[method],
                currency or "not stated",
                percent(errors["weekly"]),
                percent(errors["total"]),
                number(errors["bias"], 3),
            )
    out.print(table)
    out.print("Errors are sums of absolute errors over what came in, by week or by forecast.")
