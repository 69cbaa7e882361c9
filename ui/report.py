"""Trainings, backtests and versions as tables for the terminal; they print, they do not compute."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from training.capacity import BALANCE, BY_BALANCE, FORESIGHT, OLDEST
from training.labels import QUESTION
from training.promotion import Decision
from training.registry import Version
from training.train import Outcome
from ui.curve_report import print_curve_report
from ui.figures import named_rows, number, percent, table_of

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
        if outcome.report and "by_horizon" in outcome.report:
            print_curve_report(out, outcome.report)
        elif outcome.report:
            print_backtest(out, outcome.report, brief=True)
        elif outcome.untested:
            out.print(f"[yellow]Not tested: {escape(outcome.untested)}[/]")
        if outcome.decision is not None and not outcome.decision.accepted:
            _print_objections(out, outcome.target, outcome.decision, version)


def _print_objections(out: Console, target: str, decision: Decision, version: Version) -> None:
    """What the checks hold against a first version."""
    serves = "champion" in version.aliases
    said = "serves by override" if serves else "does not serve yet"
    out.print(f"[yellow]{target} version {version.version} {said}. Against it:[/]")
    for objection in decision.objections:
        out.print(f"  • {escape(objection)}")
    if not serves:
        out.print(f'Who knows better: `duecast promote LOG {target} --override "why"`.')


def print_backtest(out: Console, report: dict[str, Any], brief: bool = False) -> None:
    """Metrics of a test beside the baselines', with split, cutoff and question."""
    question = QUESTION[report["target"]].format(**report["policy"])
    since = report.get("test_since", report["train_until"])[:10]
    begun = "seen" if since == report["train_until"][:10] else f"seen from {since}"
    out.print(
        f"[bold]{report['target']}[/]: {question}.\n"
        f"Trained on {report['n_train']:,} rows ({report['positives_train']:,} positive) known "
        f"before {report['train_until'][:10]}; tested on {report['n_test']:,} rows "
        f"({report['positives']:,} positive) {begun} until {report['test_until'][:10]}, "
        f"{report['snapshots']} snapshots; calibration: {report['calibration']}."
    )
    _print_metrics(out, report)
    for name, why in report.get("baselines_left_out", {}).items():
        out.print(f"• Without {name}: {why}.")
    if brief:
        return
    _print_sureness(out, report)
    _print_slices(out, report)
    _print_capacity(out, report["capacity"])


def print_origins(out: Console, report: dict[str, Any]) -> None:
    """A rolling backtest: every origin, all of them together, and the spread."""
    question = QUESTION[report["target"]].format(**report["policy"])
    embargo = f", embargo {report['embargo_days']} days" if report["embargo_days"] else ""
    out.print(
        f"[bold]{report['target']}[/]: {question}.\n"
        f"{len(report['origins'])} origins from {report['train_until'][:10]} to "
        f"{report['test_until'][:10]}{embargo}; {report['snapshots']} snapshots; tested on "
        f"{report['n_test']:,} rows ({report['positives']:,} positive)."
    )
    for each in report["origins"]:
        span = f"{each['origin'][:10]} to {each['test_until'][:10]}"
        if "left_out" in each:
            out.print(f"[yellow]Origin {span} left out: {escape(each['left_out'])}[/]")
            continue
        found = each["report"]
        _print_metrics(
            out,
            found,
            f"Origin {span}: trained on {found['n_train']:,} rows known before "
            f"{each['train_until'][:10]}, tested on {found['n_test']:,} "
            f"({found['positives']:,} positive)",
        )
    left_out = {
        name: why
        for each in report["origins"]
        for name, why in each.get("report", {}).get("baselines_left_out", {}).items()
    }
    for name, why in left_out.items():
        out.print(f"• Without {name}: {why}.")
    _print_spread(out, report["spread"])
    pooled = report["pooled"]
    _print_metrics(out, pooled, "All origins together")
    _print_sureness(out, pooled)
    _print_slices(out, pooled)
    _print_capacity(out, pooled["capacity"])


def _print_metrics(out: Console, report: dict[str, Any], title: str = "") -> None:
    """Metrics of the model and of every baseline."""
    table = named_rows(title, "", *(heading for _, heading in SHOWN))
    rows = {"model": report["metrics"], **report["baselines"]}
    for name, found in rows.items():
        figures = (number(found.get(key), 4) for key, _ in SHOWN)
        table.add_row(f"[bold]{name}[/]" if name == "model" else name, *figures)
    out.print(table)


#: Metrics whose differences to the baselines are shown.
_COMPARED = (
    ("roc_auc", "ROC AUC"),
    ("average_precision", "avg. precision"),
    ("brier_skill", "Brier skill"),
    ("balance_recall_at_10", "balance recall@10 %"),
)
#: Metrics of the model itself that are shown with their intervals.
_SURE = (
    *(("roc_auc", "ROC AUC"), ("average_precision", "average precision"), ("brier", "Brier")),
    *(("brier_skill", "Brier skill"), ("ece", "ECE"), ("slope", "calibration slope")),
    ("observed_to_expected", "observed / expected"),
    ("balance_recall_at_10", "balance recall@10 %"),
)


def _print_sureness(out: Console, report: dict[str, Any]) -> None:
    """Intervals of the model's figures, and of its differences to the baselines."""
    if "differences" not in report:
        return
    by = report["differences"]["resampled"]
    if "intervals" in report:
        table = named_rows(f"Model, 95 % intervals by resampled {by}", "", "", "from", "to")
        for key, heading in _SURE:
            span = report["intervals"]["model"][key]
            cells = (number(span[side], 4) for side in ("estimate", "low", "high"))
            table.add_row(heading, *cells)
        out.print(table)
        noise = report["metrics"].get("ece_noise")
        if noise is not None:
            out.print(f"• Right probabilities would show an ECE of {noise:.4f} by chance.")
    table = named_rows(
        f"Model less baseline, 95 % interval by resampled {by}",
        "baseline",
        *(heading for _, heading in _COMPARED),
    )
    for name, found in report["differences"]["over"].items():
        table.add_row(name, *(escape(_span(found.get(key))) for key, _ in _COMPARED))
    out.print(table)


def _span(found: dict[str, float | None] | None) -> str:
    """A difference with its interval, or a dash."""
    if not found or found["estimate"] is None:
        return "–"
    if found["low"] is None:
        return f"{found['estimate']:+.3f}"
    return f"{found['estimate']:+.3f} [{found['low']:+.3f},{found['high']:+.3f}]"


def _print_slices(out: Console, report: dict[str, Any]) -> None:
    """Figures of the model in every group of every cut; cuts with one group are only named."""
    single = []
    for name, groups in report["slices"].items():
        if len(groups) == 1:
            single.append(f"{name.replace('_', ' ')} ({escape(next(iter(groups)))})")
            continue
        table = named_rows(
            f"By {name.replace('_', ' ')}",
            *("", "rows", "positive", "ROC AUC", "AP", "skill"),
            *("mean p", "observed", "ECE", "chance", "Σp·B/Σy·B"),
        )
        for group, found in groups.items():
            table.add_row(
                escape(group),
                f"{found['n']:,}",
                f"{found['positives']:,}",
                number(found.get("roc_auc")),
                number(found.get("average_precision")),
                number(found.get("brier_skill")),
                number(found.get("mean_p")),
                number(found.get("prevalence")),
                number(found.get("ece")),
                number(found.get("ece_noise")),
                number(found.get("balance_ratio"), 2),
            )
        out.print(table)
    out.print(
        "• AP: average precision; skill: Brier skill against the share of positives in training; "
        "chance: the ECE that right probabilities would show; Σp·B/Σy·B: expected over actual late "
        "balance. Groups of few rows are taken together as other."
    )
    if single:
        out.print(f"• All rows are one group by {', '.join(single)}.")
    if report.get("prefix_roc_auc") is not None:
        out.print(
            f"• ROC AUC by number of events seen, mean weighted by rows: "
            f"{report['prefix_roc_auc']:.4f}."
        )


def _print_capacity(out: Console, found: dict[str, Any]) -> None:
    """What a team with k calls gets out of each ranking, and its cheapest k."""
    per, currency = found["per"], found["currency"]
    costs = found["costs"]
    shown = [
        name
        for name in found["rankings"]
        if BY_BALANCE in name or name in ("model", "prevalence", BALANCE, OLDEST, FORESIGHT)
    ]
    ks = [each["k"] for each in found["rankings"]["model"]["at"]]
    few = [i for i, k in enumerate(ks) if k <= ks[-1] / 2][-5:]
    table = named_rows(
        f"Late balance reached by k calls a {per}, over {found['stretches']:,} {per}s, and at the "
        "cheapest k",
        "ranking",
        *(f"k={ks[i]:,.0f}" for i in few),
        *("best k", "reached", "precision", f"cost {currency}".strip()),
    )
    for name in shown:
        ranking = found["rankings"][name]
        best = ranking["cheapest"]
        said = "at random" if name == "prevalence" else name.replace(BY_BALANCE, " × balance")
        table.add_row(
            said,
            *(percent(ranking["at"][i]["balance_recall"]) for i in few),
            f"{best['k']:,.0f}",
            percent(best["balance_recall"]),
            percent(best["precision"]),
            number(best["cost"], 0),
        )
    out.print(table)
    owed, idle = (f"{number(found[name], 0)} {currency}".strip() for name in ("owed", "idle_cost"))
    call = f"{costs['call']:g} {currency}".strip()
    out.print(
        f"• A call costs {call}; {costs['said']}. "
        f"Late balance of all rows {owed}; no calls at all would cost {idle}."
    )


def _print_spread(out: Console, spread: dict[str, Any]) -> None:
    """Mean and spread of the headline metrics over the origins."""
    keys = [(key, heading) for key, heading in SHOWN if key in spread["model"]]
    table = named_rows(
        "Over the origins: mean ± standard deviation, the model's least and greatest",
        "",
        *(heading for _, heading in keys),
    )

    def cell(told: dict[str, float | None] | None) -> str:
        sd = f" ± {told['sd']:.3f}" if told and told["sd"] is not None else ""
        return f"{number(told['mean'])}{sd}" if told else "–"

    for name, found in spread.items():
        cells = (cell(found.get(key)) for key, _ in keys)
        table.add_row(f"[bold]{name}[/]" if name == "model" else name, *cells)
        if name == "model":
            for side in ("least", "greatest"):
                table.add_row(f"  {side}", *(number(found[key][side]) for key, _ in keys))
    out.print(table)


def print_models(out: Console, found: list[tuple[Version, dict[str, float]]]) -> None:
    """Registered versions, newest first."""
    if not found:
        out.print("No model is registered yet. Run `duecast train LOG`.")
        return
    table = table_of(
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
        days = figures.get("horizon_days")
        table.add_row(
            version.target if days is None else f"{version.target} ({days:.0f} days ahead)",
            version.version,
            ", ".join(version.aliases),
            number(figures.get("n"), 0),
            number(figures.get("roc_auc")),
            number(figures.get("average_precision")),
            number(figures.get("brier_skill")),
            version.run_id[:8],
        )
    out.print(table)
