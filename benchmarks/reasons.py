"""Explanations: LightGBM's contributions against ours, row for row the same numbers, and the words.

The booster is trained as the product trains, on synthetic rows under the catalogue's names, unless
a model's folder is given. Both take turns on the same rows.

    python -m benchmarks.reasons --rows 12000 100000 --trees 800 --leaves 12
    python -m benchmarks.reasons --model FOLDER
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from features.attributes import CATEGORIES, Encoding
from features.catalogue import FEATURES
from features.matrix import Matrix
from features.snapshots import Snapshots
from serving.reasons import give_reasons
from training.calibration import Calibrator
from training.contributions import contributions, forest_of
from training.model import RiskModel, fit_booster, load_model

TRAINING_ROWS = 40_000
N_LEVELS = 12
#: Rows on which both are compared.
COMPARED = 500
#: LightGBM is given at most so many rows where all of them would take it longer than that.
FEWER_ROWS, MOST_SECONDS = 5_000, 60.0
THREADS = 2


@dataclass(frozen=True)
class Timing:
    """Medians over the rounds, in seconds, for one number of rows.

    Attributes
    ----------
    n_rows : int
    lightgbm, ours : float
        LightGBM's is scaled to ``n_rows`` from ``n_rows_lightgbm``.
    n_rows_lightgbm : int
    ratio : float
        Median of the rounds' ratios.
    reasons : float
        `give_reasons` as a whole, contributions of one booster included.
    """

    n_rows: int
    lightgbm: float
    ours: float
    n_rows_lightgbm: int
    ratio: float
    reasons: float


@dataclass(frozen=True)
class Measured:
    """What `measure` found."""

    n_trees: int
    n_columns: int
    reading: float
    largest_difference: float
    timings: tuple[Timing, ...]


def synthetic_rows(n: int, seed: int) -> NDArray[np.float32]:
    """Values under the catalogue's columns: real and whole numbers, zeros, gaps, categories."""
    draw = np.random.default_rng(seed)
    values = np.empty((n, len(FEATURES)), dtype=np.float32, order="F")
    for i, feature in enumerate(FEATURES):
        if feature.unit == "category":
            values[:, i] = draw.integers(0, N_LEVELS, n)
            continue
        if feature.unit in ("share", "ratio"):
            values[:, i] = draw.random(n)
        elif feature.unit == "money":
            values[:, i] = np.exp(draw.normal(7, 2, n))
        elif feature.unit == "yes/no":
            values[:, i] = draw.random(n) < 0.2
        elif feature.family == "calendar":
            values[:, i] = draw.integers(0, 7, n)
        else:
            values[:, i] = np.rint(np.exp(draw.normal(2, 1.5, n)))
        if i % 3 == 0:
            values[draw.random(n) < 0.3, i] = np.nan
    return values


def synthetic_model(trees: int, leaves: int, seed: int = 0) -> RiskModel:
    """A model with one booster of so many trees; categories are split as sets."""
    values = synthetic_rows(TRAINING_ROWS, seed)
    draw = np.random.default_rng(seed + 1)
    rank = np.nan_to_num(values).argsort(axis=0).argsort(axis=0) / len(values) - 0.5
    weight = draw.normal(size=values.shape[1]) * (draw.random(values.shape[1]) < 0.4)
    margin = rank @ weight + 6 * rank[:, 0] * rank[:, 1] - 1
    y = (draw.random(len(values)) < 1 / (1 + np.exp(-margin))).astype(np.float64)
    columns = tuple(feature.name for feature in FEATURES)
    invoice = np.arange(len(values), dtype=np.int32)
    booster = fit_booster(
        values,
        y,
        invoice,
        columns,
        CATEGORIES,
        trees,
        changes={"num_leaves": leaves},
        seed=seed,
        threads=THREADS,
    )
    levels = {name: tuple(f"{name} {k}" for k in range(N_LEVELS)) for name in CATEGORIES}
    usual = dict.fromkeys(set(columns) - set(CATEGORIES), 1.0)
    return RiskModel(
        "late_payment",
        (booster,),
        Calibrator(0.0, 1.0),
        columns,
        CATEGORIES,
        Encoding(levels, {}, {}),
        usual,
    )


def rows_for(model: RiskModel, n: int, seed: int) -> NDArray[np.float32]:
    """Rows around the thresholds of a model's first booster, a fifth of the values missing."""
    draw = np.random.default_rng(seed)
    trees = model.forests[0].trees
    values = np.zeros((n, len(model.columns)), dtype=np.float32, order="F")
    for column in range(values.shape[1]):
        met = trees.threshold[trees.column == column]
        if model.columns[column] in model.categories or not len(met):
            values[:, column] = draw.integers(0, N_LEVELS, n)
        else:
            values[:, column] = draw.choice(met, n) + draw.integers(-1, 2, n)
        values[draw.random(n) < 0.2, column] = np.nan
    return values


def measure(
    rows: list[int], trees: int, leaves: int, repeats: int = 3, folder: Path | None = None
) -> Measured:
    """Check that both agree, then time them in turns.

    Raises
    ------
    AssertionError
        If any contribution differs by more than rounding.
    """
    given = load_model(folder) if folder else synthetic_model(trees, leaves)
    model = RiskModel(
        given.target,
        given.boosters[:1],
        given.calibrator,
        given.columns,
        given.categories,
        given.encoding,
        given.usual,
    )
    booster = model.boosters[0]
    most = max(rows)
    drawn = rows_for(model, most, 2) if folder else synthetic_rows(most, 2)
    matrix = Matrix(
        model.columns,
        drawn,
        model.categories,
        Snapshots(np.arange(most, dtype=np.int32), np.zeros(most, dtype=np.int64)),
    )
    forest_of(booster)  # compiles
    reading = median(_seconds(lambda: forest_of(booster)) for _ in range(repeats))
    sample = matrix.values[:COMPARED]
    forest = model.forests[0]
    theirs = booster.predict(sample, pred_contrib=True, num_threads=THREADS)
    found = contributions(forest, sample)
    np.testing.assert_allclose(found, theirs, rtol=1e-9, atol=1e-11)
    give_reasons(model, matrix.take(np.arange(10)))  # compiles
    per_row = _seconds(lambda: booster.predict(sample, pred_contrib=True, num_threads=THREADS))
    per_row /= len(sample)
    timings = []
    for n in rows:
        n_theirs = n if per_row * n <= MOST_SECONDS else min(n, FEWER_ROWS)
        timings.append(_in_turns(model, matrix.take(np.arange(n)), n_theirs, repeats))
    difference = float(np.abs(found - theirs).max())
    return Measured(booster.num_trees(), len(model.columns), reading, difference, tuple(timings))


def _in_turns(model: RiskModel, matrix: Matrix, n_theirs: int, repeats: int) -> Timing:
    """Time LightGBM on the first ``n_theirs`` rows and ours on all of them, in turns."""
    booster, forest = model.boosters[0], model.forests[0]
    n, some = len(matrix.values), matrix.values[:n_theirs]
    lightgbm, ours, words = [], [], []
    for _ in range(repeats):
        seconds = _seconds(lambda: booster.predict(some, pred_contrib=True, num_threads=THREADS))
        lightgbm.append(seconds * n / n_theirs)
        ours.append(_seconds(lambda: contributions(forest, matrix.values)))
        words.append(_seconds(lambda: give_reasons(model, matrix)))
    ratios = [a / b for a, b in zip(lightgbm, ours, strict=True)]
    return Timing(n, median(lightgbm), median(ours), n_theirs, median(ratios), median(words))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[12_000, 100_000])
    parser.add_argument("--trees", type=int, default=800, help="of the synthetic booster")
    parser.add_argument("--leaves", type=int, default=12, help="of the synthetic booster's trees")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of turns; medians count")
    parser.add_argument("--model", type=Path, help="folder of a model; its first booster is taken")
    chosen = parser.parse_args()
    found = measure(chosen.rows, chosen.trees, chosen.leaves, chosen.repeats, chosen.model)
    table = Table(
        title=f"{found.n_trees} trees × {found.n_columns} columns; read in {found.reading:.2f} s; "
        f"largest difference {found.largest_difference:.1e}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("rows", "LightGBM s", "ours s", "ratio", "ours s / 100,000 rows", "reasons s", ""):
        table.add_column(name, justify="left" if not name else "right")
    for t in found.timings:
        scaled = t.n_rows_lightgbm < t.n_rows
        table.add_row(
            f"{t.n_rows:,}",
            f"{t.lightgbm:.2f}",
            f"{t.ours:.2f}",
            f"{t.ratio:.1f}",
            f"{t.ours / t.n_rows * 100_000:.2f}",
            f"{t.reasons:.2f}",
            f"LightGBM scaled from {t.n_rows_lightgbm:,} rows" if scaled else "",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
