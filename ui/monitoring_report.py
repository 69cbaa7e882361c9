"""What was seen of a champion, as tables; they print, they do not compute."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.drift import WATCH
from training.retrain_rule import IMPORTANT, RUNNING
from training.retrain_rule import percent as as_percent
from ui.figures import number, percent

#: Most features that are listed in a table or a sentence.
MOST_FEATURES = 15
#: Metrics shown: key, heading, factor, digits.
_QUALITY = (
    ("prevalence", "positive\n%", 100.0, 1),
    ("roc_auc", "ROC\nAUC", 1.0, 3),
    ("brier_skill", "Brier\nskill", 1.0, 3),
    ("balance_recall_at_10", "recall\n@10 %", 100.0, 1),
)
_COLOUR = {"alarm": "red", "retraining worthwhile": "yellow", "quiet": "green"}


def print_monitoring(out: Console, report: dict[str, Any]) -> None:
    """One target: its cohorts, its features, the rules and the verdict."""
    out.print(
        f"[bold]{report['target']}[/] version {report['version']}: {report['question']}.\n"
        f"Trained on {report['n_train']:,} rows known before {report['train_until'][:10]} "
        f"({_share(report['prevalence_train'])} positive), watched from {report['since'][:10]} to "
        f"the log's end on {report['log_end'][:10]}: {report['n_rows']:,} rows at "
        f"{report['snapshots']} cutoffs, {report['n_matured']:,} of them with a label."
    )
    for note in report["notes"]:
        out.print(f"[yellow]• {escape(note)}[/]")
    _print_calibration(out, report)
    _print_quality(out, report)
    _print_features(out, report)
    _print_rules(out, report)


def monitoring_page(report: dict[str, Any]) -> str:
    """The same as an HTML page, for the run's record."""
    console = Console(record=True, width=120, file=io.StringIO())
    print_monitoring(console, report)
    return console.export_html()


def _table(title: str, *headings: str, right: Sequence[int] = (), broken: int = -1) -> Table:
    """A table whose cells are not broken, but for those of one column."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, caption_justify="left")
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in right else "left", no_wrap=i != broken)
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else as_percent(value, 1)


def _figure(found: dict[str, float] | None) -> str:
    if found is None:
        return "–"
    return escape(f"{found['estimate']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")


def _print_calibration(out: Console, report: dict[str, Any]) -> None:
    table = _table(
        "Calibration by scoring cohort (month of the cutoff), on matured labels; 95 % intervals by "
        f"{report['intervals_by']}",
        "cohort",
        "rows",
        "matured",
        "observed",
        "expected",
        "observed /\nexpected",
        "slope",
        "ECE",
        "score\nPSI",
        "its\nthreshold",
        right=range(1, 10),
    )
    for cohort in report["cohorts"]:
        known = cohort["matured"] > 0
        table.add_row(
            cohort["cohort"],
            f"{cohort['rows']:,}",
            percent(cohort["share_matured"]),
            f"{cohort['observed']:,}" if known else "–",
            f"{cohort['expected']:,.0f}" if known else "–",
            _figure(cohort["observed_to_expected"]),
            _figure(cohort["slope"]),
            number(cohort["ece"]),
            number(cohort["score"]["psi"], 2),
            number(cohort["score"]["threshold"], 2),
        )
    out.print(table)


def _print_quality(out: Console, report: dict[str, Any]) -> None:
    """Realised figures, what was expected of the same rows, and of all rows of the cohort."""
    headings = [h for _, name, _, _ in _QUALITY for h in (name, "exp.", "exp.,\nall")]
    table = _table(
        "Quality by scoring cohort: realised on matured labels, expected (CBPE) of the same rows "
        "and of all",
        "cohort",
        *headings,
        right=range(1, len(headings) + 1),
    )
    table.caption = (
        "! lies outside what right probabilities give 95 times in 100, invoices being independent. "
        f"Brier skill is against predicting the training's share, "
        f"{_share(report['prevalence_train'])}, for every invoice; recall is of "
        "the positives' balance among the riskiest 10 %."
    )
    for cohort in report["cohorts"]:
        cells = []
        for key, _, factor, digits in _QUALITY:
            realised, expected, of_all = _three(cohort, key)
            outside = (
                realised is not None
                and expected is not None
                and not expected["low"] <= realised <= expected["high"]
            )
            figures = (
                realised,
                *(each["estimate"] if each else None for each in (expected, of_all)),
            )
            told = [number(None if f is None else f * factor, digits) for f in figures]
            cells += [told[0] + ("!" if outside else ""), *told[1:]]
        table.add_row(cohort["cohort"], *cells)
    out.print(table)


def _three(
    cohort: dict[str, Any], key: str
) -> tuple[float | None, dict[str, float] | None, dict[str, float] | None]:
    estimated = [cohort[name] or {} for name in ("estimated_of_matured", "estimated")]
    return cohort["realised"][key], estimated[0].get(key), estimated[1].get(key)


def _print_features(out: Console, report: dict[str, Any]) -> None:
    """Important features that moved at all; the others are counted."""
    matter = [f for f in report["features"] if f["importance"] >= IMPORTANT]
    shown = [f for f in matter if f["drifts"] or _latest(f)["psi"] > WATCH]
    table = _table(
        f"Features with {as_percent(IMPORTANT)} or more of the model's say and a PSI above {WATCH} "
        f"in the latest cohort: {len(shown)} of {len(matter)}",
        "feature",
        "unit",
        "say",
        "PSI",
        "threshold",
        "drifts",
        f"what moved: training → latest {RUNNING} cohorts",
        right=(2, 3, 4),
        broken=6,
    )
    for feature in shown[:MOST_FEATURES]:
        latest = _latest(feature)
        table.add_row(
            escape(feature["name"]),
            feature["unit"],
            _share(feature["importance"]),
            number(latest["psi"], 2),
            number(latest["threshold"], 2),
            "[bold]yes[/]" if feature["drifts"] else "no",
            escape(feature["moved"]),
        )
    if shown:
        out.print(table)
    others = [f["name"] for f in report["features"] if f["drifts"] and f not in matter]
    if others:
        out.print(
            f"Beyond their threshold, but with too little say to count, {len(others)}: "
            f"{escape(', '.join(others[:MOST_FEATURES]))}{', …' * (len(others) > MOST_FEATURES)}"
        )


def _latest(feature: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = list(feature["cohorts"].values())[-1]
    return found


def _print_rules(out: Console, report: dict[str, Any]) -> None:
    for rule in report["rules"]:
        mark = "[bold]✗[/]" if rule["fired"] else "✓"
        out.print(f"{mark} {rule['rule']}: {escape(rule['says'])}", soft_wrap=True)
    verdict = report["verdict"]
    said = {
        "alarm": "ALARM: someone should look.",
        "retraining worthwhile": "Retraining is worthwhile; there is no alarm.",
        "quiet": "Quiet.",
    }[verdict]
    out.print(f"[bold {_COLOUR[verdict]}]{report['target']}: {said}[/]")
    fired = [rule for rule in report["rules"] if rule["fired"] and rule["verdict"] == verdict]
    for do in dict.fromkeys(rule["do"] for rule in fired):
        out.print(f"  → {escape(do)}", soft_wrap=True)
    out.print()
