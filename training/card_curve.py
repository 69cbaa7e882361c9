"""The tables of a payment curve's card that say how good it was in its test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.card_words import METRIC, count, day, number, percent, plain, table

Report = Mapping[str, Any]

#: Metrics shown at each horizon, and which of them the life table stands beside.
_AT_HORIZON = ("ece", "roc_auc", "brier")
_METHODS = {
    "payment_curve": "payment curve",
    "on_due_date": "everybody pays on the due date",
    "usual_delay": "due date + customer's usual delay",
}


def split_words(report: Report) -> str:
    """What the test was."""
    since, until = day(report["train_until"]), day(report["test_until"])
    return (
        f"Trained on {count(report['n_train'], 'pairs')} of snapshot and horizon known before "
        f"{since}; tested on {count(report['n_test'], 'snapshots')}: invoices open at cutoffs from "
        f"{since} on and before {until}, at each horizon those whose window was over by the end of "
        f"the log, {day(str(report['log_end'])[:10])}. Curves that cross themselves: "
        f"{number(report['crossings'])}."
    )


def horizons(report: Report) -> str:
    """Calibration and ranking at some horizons, the life table by ageing bucket beside."""
    rows = []
    for days, found in report["by_horizon"].items():
        rival = found.get("life_table", {})
        cells = [_pair(key, found, rival) for key in _AT_HORIZON]
        observed, expected = percent(found.get("prevalence")), percent(found.get("mean_p"))
        rows.append((str(days), number(found["n"]), expected, observed, *cells))
    headings = (
        "days from the cutoff",
        "rows",
        "expected unpaid",
        "observed unpaid",
        *(f"{METRIC[key].title}, life table's" for key in _AT_HORIZON),
    )
    return table(headings, rows, right=range(len(headings)))


def _pair(key: str, found: Report, rival: Report) -> str:
    metric = METRIC[key]
    return f"**{metric.cell(found.get(key))}**, {metric.cell(rival.get(key))}"


def buckets(report: Report) -> str:
    """On time, late and very late; empty where no row could be told."""
    found = report["buckets"]
    rows = [
        (
            plain(name),
            number(each["positives"]),
            percent(each["mean_p"]),
            percent(each["observed"]),
            METRIC["ece"].cell(each["ece"]),
            METRIC["roc_auc"].cell(each["roc_auc"]),
        )
        for name, each in found.items()
        if isinstance(each, Mapping)
    ]
    if not rows:
        return ""
    words = (
        f"Of {count(found['n'], 'rows')} that were not late yet. Late: after the due date + "
        f"{count(found['late_after_days'], 'days')}; very late: after "
        f"{count(found['very_late_after_days'], 'days')}. Log loss {found['log_loss']:.4f} nats, "
        f"and {found['log_loss_base_rates']:.4f} nats of always saying the shares themselves."
    )
    headings = ("bucket", "rows in it", "expected", "observed", "ECE (pp)", "ROC AUC")
    return f"{words}\n\n" + table(headings, rows, right=range(1, 6))


def dates_words(report: Report) -> str:
    """How well the expected payment dates and their intervals held."""
    found = report["payment_date"]
    if not found.get("n"):
        return "No row of the test had 180 days to be paid in, so expected dates were not tested."
    n = found["n"]
    unbounded, unerring = (
        f" (without the {percent(1 - found[key] / n)} {why})" if key in found else ""
        for key, why in (
            ("n_bounded", "whose interval has no end within them"),
            ("n_with_error", "that have no expected date or no payment within them"),
        )
    )
    return (
        f"Expected payment dates of {count(n, 'rows')} with 180 days to be paid in: the "
        f"{percent(found['interval'], 0)} interval held {percent(found['held_by_interval'])}"
        f"{unbounded}; median error {number(found['median_absolute_error_days'], 1)} days, mean "
        f"{number(found['mean_absolute_error_days'], 1)} days{unerring}."
    )


def cash(report: Report) -> str:
    """Error of the cash forecast beside the naive ones; empty where there is none."""
    rows = [
        (
            plain(currency) or "not stated",
            _METHODS.get(method, plain(method.replace("_", " "))),
            percent(errors.get("weekly")),
            percent(errors.get("total")),
        )
        for currency, methods in report.get("cash", {}).get("errors", {}).items()
        for method, errors in methods.items()
    ]
    if not rows:
        return ""
    headings = ("currency", "forecast", "error by week", "error of the sum")
    words = "Sums of absolute errors over what came in; 0 % is perfect."
    return f"{words}\n\n" + table(headings, rows, right=(2, 3))
