"""Figures of a payment curve's test: calibration at the horizons, and cash by week."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.curve_backtest import CurveBacktest
from training.evaluation import reliability

_COLOURS = {
    "received": "#222222",
    "payment_curve": "#1f5fa8",
    "on_due_date": "#c46a1b",
    "usual_delay": "#7a7a7a",
}
_SAID = {
    "received": "received",
    "payment_curve": "payment curve",
    "on_due_date": "all on the due date",
    "usual_delay": "customer's usual delay",
}


def draw_curve(tested: CurveBacktest, folder: Path) -> list[Path]:
    """Draw ``reliability.png`` and, where cash was tested, ``cash.png`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_draw_reliability(tested, folder / "reliability.png")]
    if len(tested.cash.table):
        drawn.append(_draw_cash(tested, folder / "cash.png"))
    return drawn


def _title(tested: CurveBacktest) -> str:
    report = tested.report
    return (
        f"payment curve, trained until {report['train_until'][:10]}, "
        f"tested until {report['test_until'][:10]}"
    )


def _figure(columns: int, lines: int) -> Figure:
    figure = Figure(figsize=(4.2 * columns, 3.6 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_reliability(tested: CurveBacktest, path: Path) -> Path:
    """Observed against predicted share unpaid at each horizon, with the noise expected."""
    figure = _figure(2, 2)
    figure.suptitle(_title(tested))
    for axes, asked in zip(figure.subplots(2, 2).ravel(), tested.asked, strict=False):
        table = reliability(asked.y, asked.p)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.errorbar(
            table["predicted"],
            table["observed"],
            yerr=2 * table["noise"],
            marker="o",
            markersize=4,
            color=_COLOURS["payment_curve"],
            linewidth=1.2,
        )
        axes.set_title(f"unpaid after {asked.days} days, {len(asked.y):,} snapshots", fontsize=10)
        axes.set_xlabel("predicted share")
        axes.set_ylabel("observed share")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    return path


def _draw_cash(tested: CurveBacktest, path: Path) -> Path:
    """Mean cash by week after the cutoff, received and forecast, one panel a currency."""
    table = tested.cash.table
    names = sorted(table["currency"].unique())
    figure = _figure(len(names), 1)
    figure.suptitle(f"{_title(tested)}: mean cash of {table['cutoff'].nunique()} cutoffs")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        mean = table[table["currency"] == name].groupby("week")[list(_COLOURS)].mean()
        for method, colour in _COLOURS.items():
            heavy = method in {"received", "payment_curve"}
            axes.plot(
                mean.index,
                mean[method],
                color=colour,
                linewidth=2 if heavy else 1.2,
                linestyle="-" if heavy else "--",
                label=_SAID[method],
            )
        axes.set_xlabel("week after the cutoff")
        axes.set_ylabel(f"cash a week, {name or 'currency not stated'}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=120)
    return path
