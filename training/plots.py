"""Figures of a test: calibration, recall, prefixes, differences, cost of a team, importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from features.catalogue import feature_of
from features.matrix import Matrix
from training.assessment import MODEL, ScoredRows
from training.backtest import Backtest
from training.capacity import (
    BALANCE,
    BY_BALANCE,
    FORESIGHT,
    OLDEST,
    Costs,
    capacity_curves,
    cheapest,
    rankings,
    reached,
    stretch_of,
)
from training.evaluation import reliability
from training.importance import importance
from training.intervals import resample
from training.model import RiskModel
from training.origins import RollingBacktest

Floats = NDArray[np.float64]
BLUE, ORANGE, GREEN, GREY = "#1f5fa8", "#d9822b", "#2e8b57", "0.55"
_OTHERS = ("#7b5ea7", "#b5485d", "#4aa3a2", "#8c6d31", "#6b7a8f", "#c08497", "#93a344")
#: Columns of small multiples, and panels of one figure at most.
_COLUMNS, _PANELS = 4, 16
#: Groups with fewer positives, or negatives, than this get no panel: their curve says nothing.
_FEWEST_IN_PANEL = 10
_TO_95 = 1.96
#: What the metrics are called on axes.
_TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "ece": "calibration error",
    "balance_recall_at_10": "balance recall at 10 %",
    "observed_to_expected": "observed / expected",
    "prevalence": "observed share",
}


def _figure(title: str, size: tuple[float, float] = (7, 5)) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=120)
    return path


def _plain_axes(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)


def draw_test(tested: Backtest, folder: Path) -> list[Path]:
    """Draw every figure of a backtest into a folder.

    Returns
    -------
    list of Path
        The PNG files: ``reliability``, ``recall``, ``importance``, ``capacity``, ``prefixes``,
        ``differences`` (where it was resampled), and ``reliability_by_…`` for every cut of the
        rows with two or more groups that can be told.
    """
    report, y = tested.report, tested.test.y
    split = f"trained until {report['train_until'][:10]}, tested until {report['test_until'][:10]}"
    title = f"{report['target']}: {split}, {report['n_test']:,} rows"
    ranked = {MODEL: tested.p, "by balance": tested.test.balance} | {
        name: p for name, p in tested.rivals.items() if name != "prevalence"
    }
    drawn = [
        plot_reliability(y, tested.p, title, folder / "reliability.png"),
        plot_recall(y, tested.test.balance, ranked, title, folder / "recall.png"),
        plot_importance(tested.model, tested.train.matrix, title, folder / "importance.png"),
    ]
    if tested.rows is not None:
        drawn += _draw_rows(tested.rows, report, title, folder)
    return drawn


def draw_origins(found: RollingBacktest, folder: Path) -> list[Path]:
    """Draw every figure of a rolling backtest into a folder.

    Returns
    -------
    list of Path
        ``origins`` (figures origin by origin), and about the rows of all origins together the same
        as `draw_test`, but for the importance of features.
    """
    report, rows = found.report, found.rows
    n = sum("report" in each for each in report["origins"])
    split = f"{n} origins from {report['train_until'][:10]} to {report['test_until'][:10]}"
    title = f"{report['target']}: {split}, {report['n_test']:,} rows"
    p = rows.predictions[MODEL]
    ranked = {MODEL: p, "by balance": rows.balance} | {
        name: rival for name, rival in rows.predictions.items() if name not in (MODEL, "prevalence")
    }
    return [
        plot_origins(report, title, folder / "origins.png"),
        plot_reliability(rows.y, p, title, folder / "reliability.png"),
        plot_recall(rows.y, rows.balance, ranked, title, folder / "recall.png"),
        *_draw_rows(rows, report["pooled"], title, folder),
    ]


def _draw_rows(
    rows: ScoredRows, assessed: Mapping[str, Any], title: str, folder: Path
) -> list[Path]:
    """Figures that need the rows: capacity, prefixes, slices, differences."""
    drawn = [plot_capacity(rows, assessed["capacity"], title, folder / "capacity.png")]
    if "differences" in assessed:
        differences = assessed["differences"]
        drawn.append(plot_differences(differences, title, folder / "differences.png"))
    prefixes = plot_prefixes(rows, title, folder / "prefixes.png")
    cuts = [
        plot_reliability_of(rows, cut, title, folder / f"reliability_by_{cut}.png")
        for cut in rows.slices.labels
    ]
    return drawn + [path for path in (prefixes, *cuts) if path is not None]


# Calibration.


def plot_reliability(y: Floats, p: Floats, title: str, path: Path) -> Path:
    """Observed share against mean probability in ten bins of equally many rows.

    The band holds 95 % of bins of that size if the probabilities are right and the rows
    independent. Below, how many rows have which probability.
    """
    figure = _figure(title, (7, 6.4))
    axes, below = figure.subplots(2, 1, height_ratios=[4, 1])
    _reliability_curve(axes, reliability(y, p))
    axes.set_xlabel("mean predicted probability (square-root scale)")
    axes.set_ylabel("observed share")
    axes.legend(frameon=False, loc="upper left")
    edges = np.linspace(0, np.sqrt(axes.get_xlim()[1]), 41) ** 2
    below.hist(np.minimum(p, edges[-1]), bins=edges, color=BLUE, alpha=0.75)
    below.set_xscale("function", functions=(_root, np.square))
    below.set_xlim(axes.get_xlim())
    below.set_xticks(axes.get_xticks())
    below.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    below.set_ylabel("rows")
    _plain_axes(below)
    return _save(figure, path)


def _root(values: Floats) -> Floats:
    return np.sqrt(np.maximum(values, 0.0))


def _reliability_curve(axes: Axes, table: pd.DataFrame, top: float | None = None) -> None:
    """Curve, diagonal and band of one reliability table, on square-root scales."""
    highest = float(table[["predicted", "observed"]].to_numpy().max())
    if top is None:
        top = min(max(highest * 1.08, 0.05), 1.02)
    line = np.linspace(0, 1, 200)
    axes.plot(line, line, color=GREY, linewidth=1, label="perfect")
    band = _TO_95 * table["noise"]
    axes.fill_between(
        table["predicted"],
        np.maximum(table["predicted"] - band, 0),
        np.minimum(table["predicted"] + band, 1),
        color=GREY,
        alpha=0.25,
        linewidth=0,
        label="95 % by chance",
    )
    axes.plot(
        table["predicted"], table["observed"], marker="o", markersize=4, color=BLUE, label="model"
    )
    for set_scale in (axes.set_xscale, axes.set_yscale):
        set_scale("function", functions=(_root, np.square))
    ticks = [t for t in (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0) if t <= top]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks)
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    _plain_axes(axes)


def plot_reliability_of(rows: ScoredRows, cut: str, title: str, path: Path) -> Path | None:
    """Small reliability curves of the groups of one cut; None where fewer than two can be told."""
    p = rows.predictions[MODEL]
    told = []
    for group, here in rows.slices.groups(cut):
        positives, n = float(rows.y[here].sum()), int(here.sum())
        if min(positives, n - positives) >= _FEWEST_IN_PANEL:
            bins = 10 if min(positives, n - positives) >= 50 else 5
            told.append((group, n, positives, reliability(rows.y[here], p[here], bins)))
    if len(told) < 2:
        return None
    said = f"calibration by {cut.replace('_', ' ')}"
    if len(told) > _PANELS:
        said += f" (the first {_PANELS} of {len(told)} groups)"
        told = told[:_PANELS]
    columns = min(_COLUMNS, len(told))
    lines = -(-len(told) // columns)
    figure = _figure(f"{title}\n{said}", _multiples(columns, lines))
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    top = max(float(t[["predicted", "observed"]].to_numpy().max()) for *_, t in told)
    top = min(max(top * 1.08, 0.05), 1.02)
    for axes, (group, n, positives, table) in zip(panels, told, strict=False):
        _reliability_curve(axes, table, top)
        axes.set_title(f"{group}\n{n:,} rows, {positives:,.0f} positive", fontsize=8.5)
        axes.tick_params(labelsize=7)
    for axes in panels[max(len(told) - columns, 0) :]:
        axes.tick_params(labelbottom=True)
    for axes in panels[len(told) :]:
        axes.set_visible(False)
    panels[0].legend(frameon=False, fontsize=7, loc="upper left")
    figure.supxlabel("mean predicted probability", fontsize=9)
    figure.supylabel("observed share", fontsize=9)
    return _save(figure, path)


def _multiples(columns: int, lines: int) -> tuple[float, float]:
    return 1.0 + 2.7 * max(columns, 2), 1.0 + 2.7 * lines


# Ranking.


def plot_recall(
    y: Floats, balance: Floats, scores: dict[str, Floats], title: str, path: Path
) -> Path:
    """Share of the positives' balance among the invoices called first, for each ranking."""
    figure = _figure(title)
    axes = figure.subplots()
    owed = y * balance if (y * balance).sum() > 0 else y
    everyone = np.zeros(len(y), dtype=np.int64)
    share = np.linspace(0, 1, len(y) + 1)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="at random")
    for i, (name, p) in enumerate(scores.items()):
        found = reached(p, owed, everyone) / max(owed.sum(), 1e-12)
        axes.plot(
            share,
            found,
            label=name.replace("_", " "),
            linewidth=2.4 if name == MODEL else 1.2,
            color=BLUE if name == MODEL else _OTHERS[i % len(_OTHERS)],
            zorder=3 if name == MODEL else 2,
        )
    axes.set_xlabel("share of invoices called")
    axes.set_ylabel("share of the balance at stake reached")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    _plain_axes(axes)
    axes.legend(frameon=False, loc="lower right")
    return _save(figure, path)


def plot_prefixes(rows: ScoredRows, title: str, path: Path, repeats: int = 100) -> Path | None:
    """ROC AUC by number of events seen and by days since posting, with 95 % intervals.

    None where neither cut has two groups with an AUC.
    """
    cuts = ("events_seen", "days_since_posting")
    told = {cut: _auc_by_group(rows, cut, repeats) for cut in cuts if cut in rows.slices.labels}
    told = {cut: table for cut, table in told.items() if len(table) > 1}
    if not told:
        return None
    figure = _figure(f"{title}\nquality by prefix", (6 * len(told), 5))
    panels = figure.subplots(2, len(told), squeeze=False, sharex="col", height_ratios=[3, 1])
    for (above, below), (cut, table) in zip(panels.T, told.items(), strict=True):
        place = np.arange(len(table))
        for name, colour, shift in ((MODEL, BLUE, -0.08), ("state_age", ORANGE, 0.08)):
            if name not in rows.predictions:
                continue
            at, low, high = (table[f"{name}_{k}"] for k in ("estimate", "low", "high"))
            reach = np.maximum([at - low, high - at], 0)
            above.errorbar(
                place + shift, at, reach, fmt="o", color=colour, label=name.replace("_", " ")
            )
        above.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
        above.set_ylabel("ROC AUC")
        below.bar(place, table["n"], color="0.82", label="rows")
        below.bar(place, table["positives"], color=BLUE, label="positive")
        below.set_yscale("log")
        below.set_ylim(bottom=1)
        below.set_ylabel("rows (log)")
        below.set_xticks(place, table["group"], rotation=30 if len(table) > 6 else 0)
        below.set_xlabel(cut.replace("_", " "))
        _plain_axes(above)
        _plain_axes(below)
    drawn = [axes.get_legend_handles_labels() for axes in panels[:, 0]]
    handles, labels = ([*top, *bottom] for top, bottom in zip(*drawn, strict=True))
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return _save(figure, path)


def _auc_by_group(rows: ScoredRows, cut: str, repeats: int) -> pd.DataFrame:
    """ROC AUC of model and state-age look-up in each group of a cut that has one."""
    wanted = {n: rows.predictions[n] for n in (MODEL, "state_age") if n in rows.predictions}
    found = []
    for group, here in rows.slices.groups(cut):
        y = rows.y[here]
        if min(y.sum(), len(y) - y.sum()) < _FEWEST_IN_PANEL:
            continue
        sampled = resample(
            y,
            {name: p[here] for name, p in wanted.items()},
            rows.balance[here],
            rows.customer[here],
            rows.prevalence[here],
            repeats=repeats,
        )
        line: dict[str, Any] = {"group": group, "n": len(y), "positives": float(y.sum())}
        for name in wanted:
            auc = sampled.of(name)["roc_auc"]
            line |= {f"{name}_{k}": getattr(auc, k) for k in ("estimate", "low", "high")}
        found.append(line)
    return pd.DataFrame(found)


def plot_differences(differences: Mapping[str, Any], title: str, path: Path) -> Path:
    """Model less each baseline in the headline metrics, with 95 % intervals."""
    shown = ("roc_auc", "average_precision", "brier_skill", "balance_recall_at_10")
    names = list(differences["over"])
    by = differences["resampled"]
    figure = _figure(
        f"{title}\nmodel less baseline, 95 % interval by resampled {by}; right of 0 is better",
        (3 * len(shown), 1.9 + 0.42 * len(names)),
    )
    panels = figure.subplots(1, len(shown), sharey=True)
    for axes, metric in zip(panels, shown, strict=True):
        axes.axvline(0, color=GREY, linewidth=1)
        for i, name in enumerate(names):
            gap = differences["over"][name].get(metric, {})
            if gap.get("estimate") is None or gap.get("low") is None:
                continue
            colour = GREEN if gap["low"] > 0 else ORANGE if gap["high"] < 0 else GREY
            axes.plot([gap["low"], gap["high"]], [i, i], color=colour, linewidth=2.2)
            axes.plot(gap["estimate"], i, marker="o", color=colour)
        axes.set_title(_TITLES[metric], fontsize=10)
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        _plain_axes(axes)
    return _save(figure, path)


# Work and money.


def plot_capacity(rows: ScoredRows, found: Mapping[str, Any], title: str, path: Path) -> Path:
    """Balance reached, and cost, against the calls that a team makes in a stretch of time.

    A dot marks each ranking's cheapest capacity. Of the baselines times balance only the cheapest
    is drawn.
    """
    scores = rankings(rows.y, rows.balance, rows.days_past_due, rows.predictions)
    costs = Costs(**found["costs"])
    stretch = stretch_of(rows.cutoff, found["per"])
    curves = capacity_curves(rows.y, rows.balance, scores, stretch, costs)
    styles = _capacity_styles(curves, list(rows.predictions))
    currency = found["currency"] or "units of money"
    figure = _figure(
        f"{title}\n{found['stretches']} {found['per']}s; a call costs {costs.call:g} {currency}, "
        f"{costs.said}",
        (12, 5.2),
    )
    left, right = figure.subplots(1, 2)
    end = _interesting(curves, styles)
    for name, (label, colour, width, line) in styles.items():
        curve = curves[name].iloc[: end + 1]
        style: dict[str, Any] = {"color": colour, "linewidth": width, "linestyle": line}
        left.plot(curve["k"], curve["balance_recall"], label=label, **style)
        right.plot(curve["k"], curve["cost"], label=label, **style)
        best = cheapest(curves[name])
        if best <= end:
            right.plot(best, curves[name]["cost"].iloc[best], marker="o", color=colour)
    left.set_ylabel("share of the late balance reached")
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.set_ylim(0, 1.02)
    right.set_ylabel(f"cost over all {found['per']}s, {currency}")
    for axis in (left.xaxis, right.xaxis, right.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for axes in (left, right):
        axes.set_xlabel(f"calls a {found['per']}")
        axes.set_xlim(0, end)
        _plain_axes(axes)
    left.legend(frameon=False, fontsize=9)
    return _save(figure, path)


def _capacity_styles(
    curves: Mapping[str, pd.DataFrame], predictions: Sequence[str]
) -> dict[str, tuple[str, str, float, str]]:
    """Label, colour, width and dash of the rankings that are drawn."""
    styles = {
        MODEL + BY_BALANCE: ("model × balance", BLUE, 2.6, "-"),
        MODEL: ("model", BLUE, 1.6, "--"),
        BALANCE: (BALANCE, ORANGE, 1.6, "-"),
        OLDEST: (OLDEST, "#8c6d31", 1.4, "-"),
        "prevalence": ("at random", GREY, 1.4, ":"),
        FORESIGHT: (FORESIGHT, GREEN, 1.4, "-."),
    }
    rivals = [n + BY_BALANCE for n in predictions if n != MODEL and n + BY_BALANCE in curves]
    if rivals:
        best = min(rivals, key=lambda name: float(curves[name]["cost"].min()))
        label = best.replace(BY_BALANCE, " × balance").replace("_", " ")
        styles[best] = (f"{label} (best baseline)", "#b5485d", 1.6, "-")
    return {name: style for name, style in styles.items() if name in curves}


def _interesting(curves: Mapping[str, pd.DataFrame], names: Mapping[str, Any]) -> int:
    """Capacity up to which the curves are worth drawing: past every cheapest one but the last's."""
    longest = len(next(iter(curves.values()))) - 1
    bests = [cheapest(curves[name]) for name in names]
    return int(min(max(1.6 * max(bests), longest / 4, 10), longest))


# Several origins.


def plot_origins(report: Mapping[str, Any], title: str, path: Path) -> Path:
    """Headline metrics origin by origin, the model with its interval and the baselines beside."""
    told = [each for each in report["origins"] if "report" in each]
    shown = (
        *("roc_auc", "average_precision", "brier_skill", "balance_recall_at_10"),
        *("observed_to_expected", "prevalence"),
    )
    figure = _figure(f"{title}\nbars: 95 % intervals of the model by resampling", (12, 7))
    panels = figure.subplots(2, 3).ravel()
    labels = [f"{each['origin'][:10]}\nn={each['report']['n_test']:,}" for each in told]
    place = np.arange(len(told))
    rivals = list(report["spread"])
    for axes, metric in zip(panels, shown, strict=True):
        for i, name in enumerate(rivals):
            values = [_value(each["report"], name, metric) for each in told]
            if name == MODEL:
                _model_with_interval(axes, place, values, told, metric)
            elif metric != "prevalence":
                axes.plot(
                    place,
                    values,
                    marker=".",
                    linewidth=1,
                    color=_OTHERS[i % len(_OTHERS)],
                    label=name.replace("_", " "),
                )
        if metric == "observed_to_expected":
            axes.axhspan(0.8, 1.25, color=GREEN, alpha=0.08)
            axes.axhline(1, color=GREY, linewidth=1, linestyle=":")
        axes.set_title(_TITLES[metric], fontsize=10)
        axes.set_xticks(place, labels, fontsize=8)
        axes.set_xlim(-0.4, len(told) - 0.6)
        _plain_axes(axes)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(rivals),
        frameon=False,
        fontsize=9,
    )
    return _save(figure, path)


def _value(report: Mapping[str, Any], name: str, metric: str) -> float:
    found = report["metrics"] if name == MODEL else report["baselines"].get(name, {})
    value = found.get(metric)
    return np.nan if value is None else float(value)


def _model_with_interval(
    axes: Axes,
    place: NDArray[np.int64],
    values: list[float],
    told: list[dict[str, Any]],
    metric: str,
) -> None:
    spans = [
        each["report"].get("intervals", {}).get(MODEL, {}).get(metric, {}) or {} for each in told
    ]
    low, high = (
        np.array([np.nan if span.get(side) is None else span[side] for span in spans], dtype=float)
        for side in ("low", "high")
    )
    at = np.array(values, dtype=float)
    reach = np.nan_to_num(np.maximum([at - low, high - at], 0))
    axes.errorbar(
        place, at, reach, fmt="o-", color=BLUE, linewidth=2, capsize=3, label="model", zorder=3
    )


# The model.


def plot_importance(
    model: RiskModel, matrix: Matrix, title: str, path: Path, top: int = 20
) -> Path:
    """The columns that have most to say about some rows."""
    table = importance(model, matrix).head(top).iloc[::-1]
    said = [
        feature_of(name, model.encoding.attributes.get(name, "number")).said
        for name in table["feature"]
    ]
    figure = _figure(title)
    axes = figure.subplots()
    axes.barh(range(len(said)), table["share"], color=BLUE)
    axes.set_yticks(range(len(said)), said)
    axes.set_xlabel("share of the model's say (mean absolute contribution to the log odds)")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _plain_axes(axes)
    return _save(figure, path)
