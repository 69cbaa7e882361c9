"""Tables of a search for a recipe and of an ablation, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.ablation import FULL, SHOWN, Ablation, Row
from training.intervals import Interval
from training.labels import QUESTION
from training.tuning import Tuning

HEADING = {
    "roc_auc": "ROC AUC",
    "average_precision": "avg. precision",
    "brier": "Brier",
    "log_loss": "log loss",
}
#: Digits in which small losses are told apart.
DIGITS = {"roc_auc": 4, "average_precision": 4, "brier": 5, "log_loss": 5}
#: What marks a difference that says nothing, and what it means.
NOISE = "·"
WITHIN_NOISE = "no more than noise (the interval holds 0, or other seeds change as much)"
OTHER_SEEDS = "other seeds, standard deviation"


def print_tuning(out: Console, found: Tuning) -> None:
    """The best recipe beside the default, and whether it was adopted."""
    chosen = found.recipe.chosen
    question = QUESTION[found.recipe.target].format(**chosen["policy"])
    out.print(
        f"[bold]{found.recipe.target}[/]: {question}.\n"
        f"{found.trials} trials in all, {found.pruned} given up early, judged by log loss on "
        f"{len(found.default.losses)} stretches from {', '.join(chosen['origins'])}; "
        f"{chosen['snapshots']} snapshots; study {escape(chosen['study'])}."
    )
    table = _table("", "", "default", f"trial {found.best.number}", right=(1, 2))
    for name, value in found.best.parameters.items():
        usual = found.default.parameters[name]
        shown = (_value(usual), _value(value))
        style = "" if value == usual else "[bold]"
        table.add_row(name, shown[0], f"{style}{shown[1]}")
    table.add_row("mean log loss in the search", *_losses(found.default.losses, found.best.losses))
    again = _losses(found.default_again, found.best_again)
    table.add_row(f"fitted again, {len(found.default_again)} stretches", *again)
    out.print(table)
    out.print(verdict(found))


def verdict(found: Tuning) -> str:
    """One sentence: adopted or not, and why."""
    if found.best.number == found.default.number:
        return "Only the default was tried to the end, so it stays."
    if np.isnan(found.gain):
        return "Too few stretches to tell a gain from noise, so the default stays."
    said = (
        f"saves {found.gain:+.5f} ± {found.noise:.5f} of log loss over the default "
        "(mean and its standard error over the stretches)"
    )
    if found.adopted:
        return f"Trial {found.best.number} is adopted: it {said}."
    return f"The default stays: trial {found.best.number} {said}, which has to exceed the error."


def _losses(*stretches: Sequence[float]) -> list[str]:
    return [f"{np.mean(losses):.5f}" if losses else "–" for losses in stretches]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"


def tuning_as_dict(found: Tuning) -> dict[str, Any]:
    """What `duecast tune --json` prints."""
    return {
        "target": found.recipe.target,
        "adopted": found.adopted,
        "verdict": verdict(found),
        "recipe": found.recipe.changes,
        "trials": found.trials,
        "trials_pruned": found.pruned,
        "default": asdict(found.default),
        "best": asdict(found.best),
        "chosen": found.recipe.chosen,
    }


def print_ablation(out: Console, found: Ablation) -> None:
    """Metrics of every variant, and what it loses or gains against the full model."""
    out.print(_about(found))
    table = _table("", "", *HEADING.values(), right=range(1, 5))
    for row in found.rows:
        table.add_row(
            f"[bold]{FULL}[/]" if row.variant.name == FULL else escape(row.variant.name),
            *(_figure(row, name) for name in HEADING),
        )
    out.print(table)
    if not found.facts["repeats"]:
        return
    title = (
        f"Variant less full model, 95 % interval by resampled {found.facts['resampled']}; "
        f"{NOISE} {WITHIN_NOISE}"
    )
    table = _table(title, "", *HEADING.values(), right=range(1, 5))
    for row in found.rows[1:]:
        cells = (_interval(found, row, name) for name in HEADING)
        table.add_row(escape(row.variant.name), *(escape(cell) for cell in cells))
    table.add_row(OTHER_SEEDS, *(f"{found.fit_noise[name]:.{DIGITS[name]}f}" for name in HEADING))
    out.print(table)


def _about(found: Ablation) -> str:
    facts = found.facts
    question = QUESTION[facts["target"]].format(**facts["policy"])
    origins = facts["origins"]
    return (
        f"{facts['target']}: {question}. Trained on what was known before "
        f"{', '.join(origins[:-1])}, each tested up to the next date, the last up to "
        f"{origins[-1]}: {facts['n_test']:,} rows, {facts['positives']:,} positive, of "
        f"{facts['n_resampled']:,} {facts['resampled']}; {facts['snapshots']} snapshots, "
        f"{facts['seeds']} seeds, log known until {facts['log_end'][:10]}. ROC AUC and average "
        "precision are means over the origins."
    )


def _figure(row: Row, name: str) -> str:
    value = row.figures[name]
    return "–" if np.isnan(value) else f"{value:.{DIGITS[name]}f}"


def _interval(found: Ablation, row: Row, name: str) -> str:
    interval: Interval | None = row.differences.get(name)
    if interval is None or np.isnan(interval.estimate):
        return "–"
    digits = DIGITS[name]
    bounds = f"[{interval.low:+.{digits}f}, {interval.high:+.{digits}f}]"
    mark = "" if found.is_clear(row, name) else f" {NOISE}"
    return f"{interval.estimate:+.{digits}f} {bounds}{mark}"


def ablation_as_markdown(found: Ablation) -> str:
    """The table as Markdown; a dot marks differences that are no more than noise."""
    lines = [
        _about(found),
        "",
        f"Variant less full model with its 95 % interval by resampled {found.facts['resampled']} "
        f"({found.facts['repeats']} samples); {NOISE} {WITHIN_NOISE}. Lower Brier and log loss are "
        "better.",
        "",
        "| variant | " + " | ".join(HEADING.values()) + " |",
        "|---|" + "---:|" * len(HEADING),
    ]
    for row in found.rows:
        cells = [
            _figure(row, name)
            if row.variant.name == FULL
            else f"{_figure(row, name)} ({_interval(found, row, name)})"
            for name in HEADING
        ]
        lines.append(f"| {row.variant.name} | " + " | ".join(cells) + " |")
    noise = " | ".join(f"± {found.fit_noise[name]:.{DIGITS[name]}f}" for name in HEADING)
    lines.append(f"| {OTHER_SEEDS} | {noise} |")
    return "\n".join(lines) + "\n"


def ablation_as_dict(found: Ablation) -> dict[str, Any]:
    """What `duecast ablate --json` prints."""
    return found.facts | {
        "fit_noise": found.fit_noise,
        "rows": [
            {
                "variant": row.variant.name,
                "kind": row.variant.kind,
                "left_out": list(row.variant.left_out),
                "figures": row.figures,
                "differences": {
                    name: asdict(each) | {"is_clear": found.is_clear(row, name)}
                    for name, each in row.differences.items()
                },
                "by_origin": {
                    day: {name: figures.get(name) for name in ("n", "positives", *SHOWN)}
                    for day, figures in row.by_origin.items()
                },
            }
            for row in found.rows
        ],
    }


def _table(title: str, *headings: str, right: Sequence[int] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in right else "left")
    return table
