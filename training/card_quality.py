"""The tables of a model card that say how good a version was in its test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.card_words import (
    DASH,
    METRIC,
    METRICS,
    Metric,
    absent,
    baseline_said,
    count,
    cut_said,
    day,
    number,
    percent,
    plain,
    rows_said,
    table,
)
from training.caveats import is_few

#: Groups of a cut, or months, that are listed; the report has them all.
MOST_GROUPS = 24

#: Metrics in which the model is compared with each baseline, with intervals.
COMPARED = ("roc_auc", "average_precision", "brier_skill", "balance_recall_at_10", "ece")

Report = Mapping[str, Any]


def split_words(report: Report) -> str:
    """What the test was: rows, dates, and what was left out."""
    since, until = tested_from(report), day(report["test_until"])
    tested = rows_said(report["n_test"], report["positives"])
    return (
        f"Trained on {rows_said(report['n_train'], report['positives_train'])}, whose outcome was "
        f"known before {day(report['train_until'])}; tested on {tested}: "
        f"invoices open at cutoffs from {since} on and before {until} whose window closed by the "
        f"end of the log, {day(str(report['log_end'])[:10])}. A row is an invoice seen at a "
        "cutoff. The label window is the gap between training and test. Left out of the test: "
        f"{count(report.get('n_credited', 0), 'rows')} closed by credit note inside the window and "
        f"{count(report.get('n_window_unfinished', 0), 'rows')} with an unfinished window."
    )


def tested_from(report: Report) -> str:
    """First day of the test: the end of training, or later where there was an embargo."""
    return day(report.get("test_since") or report["train_until"])


def against_best(report: Report, metric: Metric) -> str:
    """The model's figure in one metric, and the best baseline's."""
    ours = metric.said(report["metrics"].get(metric.key))
    span = _interval(report, metric)
    told = f"{metric.heading} {ours}" + (f" [{span}]" if span else "")
    name, value = _best(report, metric)
    return f"{told}; best baseline {metric.said(value)} ({baseline_said(name)})" if name else told


def _best(report: Report, metric: Metric) -> tuple[str, float | None]:
    """The baseline that is best in a metric, and its value."""
    best, value = "", None
    for name, found in report["baselines"].items():
        theirs = found.get(metric.key)
        if not absent(theirs) and (value is None or metric.beats(theirs, value)):
            best, value = name, float(theirs)
    return best, value


def _interval(report: Report, metric: Metric) -> str:
    """The model's 95 % interval of a metric, where the report has one."""
    found: Mapping[str, Any] = report.get("intervals") or {}
    span = found.get("model", found).get(metric.key) or {}
    if absent(span.get("low")):
        return ""
    return f"{metric.cell(span['low'])} to {metric.cell(span['high'])}"


def headline(report: Report) -> str:
    """Every metric of the model beside the best baseline in it."""
    with_intervals = any(_interval(report, metric) for metric in METRICS)
    rows = []
    for metric in _told(report):
        value = report["metrics"].get(metric.key)
        name, best = _best(report, metric)
        worse = not absent(value) and best is not None and metric.beats(best, value)
        which = baseline_said(name) + (" – **better than the model**" if worse else "")
        row = [metric.title, f"**{metric.cell(value)}**", metric.cell(best), which or DASH]
        row.append(metric.better)
        if with_intervals:
            row.insert(2, _interval(report, metric) or DASH)
        rows.append(row)
    headings = ["", "model", "best baseline", "which", "better is"]
    if with_intervals:
        headings.insert(2, "95 % interval")
    return table(headings, rows, right=range(1, len(headings) - 2))


def _told(report: Report) -> list[Metric]:
    """Metrics that the report has."""
    return [metric for metric in METRICS if metric.key in report["metrics"]]


def intervals_words(report: Report) -> str:
    """How the intervals were made, or that there are none."""
    if not report.get("intervals"):
        return "The report has no intervals of these figures; differences follow below."
    by = report.get("differences", {}).get("resampled") or "customers"
    return f"Intervals are of 95 %, from resampled {by}."


def beside(report: Report) -> str:
    """The model and every baseline in every metric."""
    rivals = report["baselines"]
    rows = [
        (
            metric.title,
            f"**{metric.cell(report['metrics'].get(metric.key))}**",
            *(metric.cell(found.get(metric.key)) for found in rivals.values()),
        )
        for metric in _told(report)
    ]
    headings = ("", "model", *(baseline_said(name) for name in rivals))
    return table(headings, rows, right=range(1, len(headings)))


def left_out_words(report: Report) -> str:
    """Baselines that the log cannot be given, and why; empty if there are none."""
    told = [
        f"{baseline_said(name)} ({plain(why)})"
        for name, why in (report.get("baselines_left_out") or {}).items()
    ]
    return f"Not there: {'; '.join(told)}." if told else ""


def differences(report: Report) -> str:
    """Model less each baseline, with intervals; empty where the report has none."""
    over = report.get("differences", {}).get("over", {})
    shown = [METRIC[k] for k in COMPARED if any(k in pairs for pairs in over.values())]
    if not shown:
        return ""
    rows = [
        (baseline_said(name), *(_difference(pairs.get(m.key), m) for m in shown))
        for name, pairs in over.items()
    ]
    by = report["differences"].get("resampled", "customers")
    heading = f"model less … (95 % interval by resampled {by})"
    return table((heading, *(m.title for m in shown)), rows, right=range(1, len(shown) + 1))


def _difference(found: Mapping[str, Any] | None, metric: Metric) -> str:
    if not found or absent(found.get("estimate")):
        return DASH
    estimate, low, high = (metric.change(found.get(key)) for key in ("estimate", "low", "high"))
    return f"{estimate} ({low} to {high})"


def calibration_words(report: Report) -> str:
    """How the probabilities compare with what happened."""
    found = report["metrics"]
    noise, slope = found.get("ece_noise"), found.get("slope")
    told = (
        f"On average {percent(found.get('mean_p'), 2)} was expected and "
        f"{percent(found.get('prevalence'), 2)} observed. Over ten bins of equally many rows, "
        f"observed and predicted share lie {METRIC['ece'].said(found.get('ece'))} apart on average "
        "(ECE)"
    )
    if noise is not None:
        told += f"; right probabilities would show {METRIC['ece'].said(noise)} by chance"
    told += (
        ". The balance expected to be at stake was "
        f"{METRIC['balance_ratio'].said(found.get('balance_ratio'))} the actual one."
    )
    if slope is not None:
        told += f" Calibration slope {slope:.2f}; 1 is perfect."
    return told


_GROUP = ("rows", "positive", "expected (%)", "observed (%)", "ECE (pp)", "ROC AUC")


def _group(found: Mapping[str, Any]) -> tuple[str, ...]:
    """A group's figures, in the order of `_GROUP`."""
    share = METRIC["brier_skill"]  # a share as percent with one decimal
    return (
        number(found["n"]),
        number(found["positives"]),
        share.cell(found.get("mean_p")),
        share.cell(found.get("prevalence")),
        METRIC["ece"].cell(found.get("ece")),
        METRIC["roc_auc"].cell(found.get("roc_auc")),
    )


def months(report: Report) -> str:
    """The test month by month, with the best baseline's ROC AUC; empty where there is one only."""
    groups = report.get("slices", {}).get("cutoff", {})
    if len(groups) < 2:
        return ""
    rows = []
    for name in sorted(groups)[-MOST_GROUPS:]:
        found = report.get("by_cutoff", {}).get(name, {})
        rivals = [v.get("roc_auc") for who, v in found.items() if who != "model"]
        best = max((value for value in rivals if not absent(value)), default=None)
        rows.append(
            (_named(name, groups[name]), *_group(groups[name]), METRIC["roc_auc"].cell(best))
        )
    headings = ("month of the cutoff", *_GROUP, "best baseline's ROC AUC")
    return table(headings, rows, right=range(1, len(headings)))


def _named(name: str, group: Mapping[str, Any]) -> str:
    """A group's name, marked where it rests on few cases."""
    return f"{plain(name)} (*few*)" if is_few(group) else plain(name)


def slices(report: Report) -> list[str]:
    """A table for each other cut of the test rows into two groups or more."""
    found = []
    for cut, groups in report.get("slices", {}).items():
        if cut == "cutoff" or len(groups) < 2:
            continue
        shown = list(groups.items())[:MOST_GROUPS]
        rows = [(_named(name, group), *_group(group)) for name, group in shown]
        if len(groups) > len(shown):
            rest = f"… {len(groups) - len(shown)} more in report.json"
            rows.append((rest, *[""] * len(_GROUP)))
        headings = (cut_said(cut), *_GROUP)
        found.append(table(headings, rows, right=range(1, len(_GROUP) + 1)))
    return found


def capacity(report: Report) -> str:
    """What a team gets out of each ranking at its cheapest capacity; empty where not told."""
    found = report.get("capacity") or {}
    rows = [
        (
            baseline_said(name),
            number(best.get("k")),
            METRIC["brier_skill"].cell(best.get("balance_recall")),
            number(best.get("cost")),
        )
        for name, ranking in found.get("rankings", {}).items()
        if (best := ranking.get("cheapest"))
    ]
    if not rows:
        return ""
    currency, per = plain(found["currency"] or "units of money"), found["per"]
    costs = found["costs"]
    headings = ("ranking", f"calls a {per}", "balance reached (%)", f"cost ({currency})")
    return (
        f"A team that calls the highest rows of each {per} and always succeeds, over "
        f"{count(found['stretches'], per + 's')}, at each ranking's cheapest number of calls. A "
        f"call costs {costs['call']:g} {currency}; {plain(costs['said'])}; no calls at all would "
        f"cost {number(found['idle_cost'])} {currency}.\n\n"
    ) + table(headings, rows, right=(1, 2, 3))
