"""From a log as it stood at a moment to a model: labels, inner forward fits, refit on everything.

The log handed in is cut at ``train_until`` before anything is read from it, so a model cannot have
been trained on what was not known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import NotReadyError
from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding, choose_encoding
from features.matrix import Matrix, build_matrix
from features.snapshots import Rhythm, Snapshots, take_snapshots
from training.calibration import choose_calibrator
from training.labels import Labels, Target, label
from training.model import (
    RiskModel,
    fit_booster,
    parameters_of,
    split_as_sets,
    usual_values,
)
from training.splits import inner_origins

Progress = Callable[[str], None]

#: Fewest positives, and fewest negatives, that a model is trained on.
FEWEST_CASES = 50
FEWEST_ROUNDS, MOST_ROUNDS = 30, 1500
#: Rounds where the log is too short, or the horizon too long, to look forward inside it; fewer
#: where the rarer outcome has fewer invoices. Judging on windows that overlap the training rows'
#: instead asks for far too many: on the fines log 983, and a model worse than a look-up table.
USUAL_ROUNDS = 200
#: Snapshots above which the default rhythm is monthly instead of weekly.
MOST_ROWS = 1_500_000


class TooFewCasesError(NotReadyError):
    """A target has too few positives or negatives to be trained."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, apart from the business policy.

    Attributes
    ----------
    rhythm : {'posting', 'weekly', 'monthly'} or None
        When invoices are looked at. None: weekly, or monthly where that would give more than
        `MOST_ROWS` snapshots.
    seeds : int
        Boosters that are averaged.
    inner_folds : int
        Forward stretches on which rounds and calibrator are chosen.
    threads : int
        For LightGBM; 0 means all cores.
    only, without : tuple of str
        Additional attributes to use exclusively, or to leave out.
    """

    rhythm: Rhythm | None = None
    seeds: int = 3
    inner_folds: int = 3
    threads: int = 0
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examples:
    """Labelled rows of one target.

    Attributes
    ----------
    matrix : Matrix of shape (n_rows, n_columns)
    y : ndarray of float64, shape (n_rows,)
    window_end : ndarray of int64, shape (n_rows,)
        When each label became known.
    balance : ndarray of float64, shape (n_rows,)
        Open balance at the cutoff in the reporting currency; 0 where it is not known.
    n_credited, n_unknown : int
        Rows left out: closed by credit note inside the window; window unfinished.
    """

    matrix: Matrix
    y: NDArray[np.float64]
    window_end: NDArray[np.int64]
    balance: NDArray[np.float64]
    n_credited: int = 0
    n_unknown: int = 0


def gather_examples(
    log: EventLog,
    ledger: Ledger,
    snapshots: Snapshots,
    encoding: Encoding,
    target: Target,
    policy: Policy,
    rates: Rates,
) -> Examples:
    """Features and labels of the snapshots whose label is known by the end of the log."""
    labels: Labels = label(target, ledger, snapshots, policy, log.ends_at)
    known = ~np.isnan(labels.y)
    matrix = build_matrix(log, snapshots.take(known), encoding, policy, rates)
    return Examples(
        matrix=matrix,
        y=labels.y[known],
        window_end=labels.window_end[known],
        balance=np.nan_to_num(matrix["balance"].astype(np.float64)),
        n_credited=labels.n_credited,
        n_unknown=int(labels.asked.sum() - known.sum()) - labels.n_credited,
    )


def refuse_too_few(target: str, y: NDArray[np.float64]) -> None:
    """Refuse a target with fewer than `FEWEST_CASES` cases of either kind.

    Raises
    ------
    TooFewCasesError
        Saying how many there are and how many are needed.
    """
    positives = int(y.sum())
    fewest = min(positives, len(y) - positives)
    if fewest < FEWEST_CASES:
        kind = "positive" if positives <= len(y) - positives else "negative"
        raise TooFewCasesError(
            f"{target} is skipped: {fewest:,} {kind} cases among {len(y):,} labelled rows, "
            f"{FEWEST_CASES} are needed."
        )


def fit_model(
    log: EventLog,
    target: Target,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    progress: Progress = lambda _: None,
) -> tuple[RiskModel, Examples]:
    """Train one target on what was known at ``train_until``.

    Parameters
    ----------
    log : EventLog
        May reach further; it is cut first.
    train_until : int
        Exclusive, microseconds.

    Returns
    -------
    model : RiskModel
    examples : Examples
        The rows it was trained on.

    Raises
    ------
    TooFewCasesError
        If there are too few positives or negatives.
    """
    known = log.upto(train_until - 1)
    progress("ledger")
    ledger = keep_ledger(known, policy)
    recipe, snapshots = _in_rhythm(known, ledger, recipe, train_until)
    encoding = choose_encoding(known, train_until, only=recipe.only, without=recipe.without)
    progress("features")
    examples = gather_examples(known, ledger, snapshots, encoding, target, policy, rates)
    refuse_too_few(target, examples.y)
    return fit_examples(examples, encoding, target, train_until, policy, recipe, progress), examples


def _in_rhythm(
    known: EventLog, ledger: Ledger, recipe: Recipe, train_until: int
) -> tuple[Recipe, Snapshots]:
    """Snapshots before ``train_until`` in the recipe's rhythm, and the recipe with it decided."""
    rhythm: Rhythm = recipe.rhythm or "weekly"
    snapshots = take_snapshots(known, ledger, rhythm, None, train_until)
    if recipe.rhythm is None and len(snapshots) > MOST_ROWS:
        rhythm = "monthly"
        snapshots = take_snapshots(known, ledger, rhythm, None, train_until)
    return replace(recipe, rhythm=rhythm), snapshots


def fit_examples(
    examples: Examples,
    encoding: Encoding,
    target: Target,
    train_until: int,
    policy: Policy,
    recipe: Recipe,
    progress: Progress = lambda _: None,
) -> RiskModel:
    """Choose rounds and calibrator on inner forward fits, then refit on every example."""
    matrix, y = examples.matrix, examples.y
    invoice = matrix.snapshots.invoice
    progress("inner fits")
    sets, changes = split_as_sets(target, matrix, encoding), parameters_of(target)
    margins, outcomes, stretches, rounds = _forward_fits(examples, sets, changes, recipe)
    calibrator = choose_calibrator(margins, outcomes, stretches)
    progress("final fit")
    boosters = tuple(
        fit_booster(
            matrix.values,
            y,
            invoice,
            matrix.columns,
            sets,
            rounds,
            changes=changes,
            seed=seed,
            threads=recipe.threads,
        )
        for seed in range(recipe.seeds)
    )
    return RiskModel(
        target=target,
        boosters=boosters,
        calibrator=calibrator,
        columns=matrix.columns,
        categories=matrix.categories,
        encoding=encoding,
        usual=usual_values(matrix),
        facts={
            "policy": policy.as_dict(),
            "train_until": timestamp(train_until).isoformat(),
            "rhythm": recipe.rhythm,
            "n_train": len(y),
            "positives": int(y.sum()),
            "prevalence": float(y.mean()),
            "rounds": rounds,
            "seeds": recipe.seeds,
            "calibration": calibrator.kind,
        },
    )


def _forward_fits(
    examples: Examples, sets: tuple[str, ...], changes: dict[str, Any], recipe: Recipe
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int]:
    """Predictions on stretches of time after each inner origin, and the rounds that served best."""
    cutoff, y = examples.matrix.snapshots.cutoff, examples.y
    origins = inner_origins(cutoff, examples.window_end, recipe.inner_folds)
    margins, outcomes, stretches, best = [], [], [], []
    for i, (origin, until) in enumerate(_pairs(origins)):
        before = examples.window_end < origin
        after = (cutoff >= origin) & (cutoff < until)
        if min(_fewest(y[before]), _fewest(y[after])) < 10:
            continue
        rounds, margin = _stop_early(examples, sets, changes, before, after, recipe)
        best.append(rounds)
        margins.append(margin)
        outcomes.append(y[after])
        stretches.append(np.full(int(after.sum()), i, dtype=np.int64))
    if not best:
        rare = y == (1.0 if y.mean() <= 0.5 else 0.0)
        rounds = min(len(np.unique(examples.matrix.snapshots.invoice[rare])), USUAL_ROUNDS)
        none = np.empty(0)
        return none, none, np.empty(0, dtype=np.int64), max(rounds, FEWEST_ROUNDS)
    return (
        np.concatenate(margins),
        np.concatenate(outcomes),
        np.concatenate(stretches),
        int(np.clip(np.median(best) * 1.1, FEWEST_ROUNDS, MOST_ROUNDS)),
    )


def _stop_early(
    examples: Examples,
    sets: tuple[str, ...],
    changes: dict[str, Any],
    train: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    recipe: Recipe,
) -> tuple[int, NDArray[np.float64]]:
    """Rounds that serve the valid rows best, and their margins by that many."""
    matrix, y = examples.matrix, examples.y
    later = matrix.values[valid]
    booster = fit_booster(
        matrix.values[train],
        y[train],
        matrix.snapshots.invoice[train],
        matrix.columns,
        sets,
        MOST_ROUNDS,
        changes=changes,
        threads=recipe.threads,
        valid=(later, y[valid]),
    )
    rounds = int(booster.best_iteration)
    return rounds, np.asarray(booster.predict(later, raw_score=True, num_iteration=rounds))


def _pairs(origins: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    return zip(origins[:-1].tolist(), origins[1:].tolist(), strict=True)


def _fewest(y: NDArray[np.float64]) -> int:
    return int(min(y.sum(), len(y) - y.sum())) if len(y) else 0
