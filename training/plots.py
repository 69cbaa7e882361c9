"""Figures of a test: reliability, recall against calls made, importance of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from features.catalogue import feature_of
from training.evaluation import reliability
from training.model import RiskModel

Floats = NDArray[np.float64]


def _figure(title: str) -> Figure:
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    return figure


def plot_reliability(y: Floats, p: Floats, title: str, path: Path) -> None:
    """Observed share against mean probability in ten bins of equally many rows."""
    table = reliability(y, p)
    figure = _figure(title)
    axes = figure.subplots()
    top = max(float(table[["predicted", "observed"]].to_numpy().max()) * 1.05, 0.05)
    axes.plot([0, top], [0, top], color="0.6", linewidth=1, label="perfect")
    axes.plot(table["predicted"], table["observed"], marker="o", color="#1f5fa8", label="model")
    axes.set_xlabel("mean predicted probability")
    axes.set_ylabel("observed share")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def plot_recall(
    y: Floats, balance: Floats, scores: dict[str, Floats], title: str, path: Path
) -> None:
    """Share of the positives' balance among the invoices called first, for each ranking."""
    figure = _figure(title)
    axes = figure.subplots()
    owed = y * balance if (y * balance).sum() > 0 else y
    share = np.linspace(0, 1, len(y) + 1)
    for name, p in scores.items():
        found = np.append(0.0, np.cumsum(owed[np.argsort(-p, kind="stable")])) / owed.sum()
        axes.plot(share, found, label=name, linewidth=2.2 if name == "model" else 1)
    axes.set_xlabel("share of invoices called")
    axes.set_ylabel("share of the balance at stake reached")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def importance(model: RiskModel) -> pd.DataFrame:
    """Gain of each column over all boosters, as a share, largest first."""
    gain = np.sum([b.feature_importance("gain") for b in model.boosters], axis=0)
    table = pd.DataFrame({"feature": model.columns, "share": gain / max(gain.sum(), 1e-12)})
    return table.sort_values("share", ascending=False, ignore_index=True)


def plot_importance(model: RiskModel, title: str, path: Path, top: int = 20) -> None:
    """The columns that the trees gained most from."""
    table = importance(model).head(top).iloc[::-1]
    said = [
        feature_of(name, model.encoding.attributes.get(name, "number")).said
        for name in table["feature"]
    ]
    figure = _figure(title)
    axes = figure.subplots()
    axes.barh(said, table["share"], color="#1f5fa8")
    axes.set_xlabel("share of total gain")
    figure.savefig(path, dpi=120)
