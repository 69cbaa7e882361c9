"""From a log as it stood at a moment to a model: labels, inner forward fits, refit on everything.

The log handed in is cut at ``train_until`` before anything is read from it, so a model cannot have
been trained on what was not known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from eventlog.errors import NotReadyError, SettingsError
from eventlog.known import Ints
from eventlog.log import DAY, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding
from features.snapshots import Rhythm
from training.calibration import choose_calibrator
from training.examples import Examples, Source, source_of
from training.labels import Target
from training.linear import choose_share, fit_line
from training.model import (
    HORIZON,
    THEN,
    RiskModel,
    fit_booster,
    monotone_signs,
    parameters_of,
    split_as_sets,
    usual_values,
)
from training.splits import inner_origins

Progress = Callable[[str], None]

#: Fewest invoices with a positive outcome, and with a negative one, that a model is trained on.
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
    left_out : tuple of str
        Features that the trees do not look at.
    parameters : mapping of str to value
        LightGBM parameters that differ from `training.model.PARAMETERS`, for instance as tuned.
        ``scale_pos_weight`` weighs the positives; the calibrator takes the weight back.
    half_life_days : float
        Age at which a row counts half as much as the latest; 0 lets all count alike.
    tuned_until : str
        Moment (ISO 8601, UTC) up to which the search that found it knew the log; "" without one.
    """

    rhythm: Rhythm | None = None
    seeds: int = 3
    inner_folds: int = 3
    threads: int = 0
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    half_life_days: float = 0.0
    tuned_until: str = ""

    def weight(self, cutoff: Ints) -> NDArray[np.float64] | None:
        """How much each row counts by its age, shape (n_rows,); None where all count alike."""
        if not self.half_life_days or not len(cutoff):
            return None
        found: NDArray[np.float64] = 0.5 ** ((cutoff.max() - cutoff) / DAY / self.half_life_days)
        return found


def refuse_too_few(target: str, n_rows: int, cases: tuple[int, int]) -> None:
    """Refuse a target with fewer than `FEWEST_CASES` invoices of either outcome.

    An invoice that is looked at every week is one case, however many rows it has.

    Parameters
    ----------
    cases : tuple of int
        Invoices with a positive and with a negative row, see `training.examples.cases_of`.

    Raises
    ------
    TooFewCasesError
        Saying how many there are and how many are needed.
    """
    fewest = min(cases)
    if fewest < FEWEST_CASES:
        kind = "positive" if cases[0] <= cases[1] else "negative"
        raise TooFewCasesError(
            f"{target} is skipped: {fewest:,} invoices with a {kind} outcome among {n_rows:,} "
            f"labelled rows, {FEWEST_CASES} are needed."
        )


def fit_model(
    log: EventLog | Source,
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
    log : EventLog or Source
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
    known = source_of(log).before(train_until)
    progress("snapshots")
    recipe = in_rhythm(known, recipe, train_until, policy)
    encoding = known.encoding(recipe.only, recipe.without)
    progress("features")
    rhythm: Rhythm = recipe.rhythm or "weekly"
    examples = known.examples(target, rhythm, None, train_until, encoding, policy, rates)
    refuse_too_few(target, _size(examples)[0], examples.cases)
    return fit_examples(examples, encoding, target, train_until, policy, recipe, progress), examples


def in_rhythm(known: Source, recipe: Recipe, train_until: int, policy: Policy) -> Recipe:
    """The recipe with its rhythm decided: weekly, or monthly where that is too many rows."""
    if recipe.rhythm is not None:
        return recipe
    many = known.count("weekly", train_until, policy) > MOST_ROWS
    return replace(recipe, rhythm="monthly" if many else "weekly")


def _size(examples: Examples) -> tuple[int, int]:
    """Number of rows, and of positives among them."""
    whole = examples.whole
    if whole is not None:
        return whole.n_rows, whole.n_positives
    return len(examples.y), int(examples.y.sum())


def fit_examples(
    examples: Examples,
    encoding: Encoding,
    target: str,
    train_until: int,
    policy: Policy,
    recipe: Recipe,
    progress: Progress = lambda _: None,
) -> RiskModel:
    """Choose rounds and calibrator on inner forward fits, then refit on every example.

    Where the examples are only those of some customers, the choices are made on these and the
    refit on the whole.
    """
    whole = examples.whole
    if whole is not None and (recipe.left_out or recipe.half_life_days):
        raise SettingsError(
            "Features cannot be left out and rows cannot be weighted by age on a cluster yet. "
            "Train without them, or on one machine."
        )
    examples = replace(examples, matrix=examples.matrix.without(recipe.left_out))
    matrix, y = examples.matrix, examples.y
    progress("inner fits")
    sets = split_as_sets(target, matrix, encoding)
    changes = parameters_of(target) | monotone_signs(matrix, policy) | dict(recipe.parameters)
    shift = -float(np.log(changes.get("scale_pos_weight", 1.0)))
    signs = changes.get("monotone_constraints", ())
    ordered = tuple(name for name, sign in zip(matrix.columns, signs, strict=False) if sign)
    with_line = not set(ordered) & {HORIZON, THEN}
    ahead = _forward_fits(examples, sets, changes, recipe, ordered if with_line else None)
    judged = (ahead.trees, ahead.line, ahead.y, ahead.stretch, shift)
    share = choose_share(*judged) if with_line else 0.0
    margins = (1 - share) * ahead.trees + share * ahead.line + shift
    calibrator = replace(choose_calibrator(margins, ahead.y, ahead.stretch), shift=shift)
    rounds = ahead.rounds
    progress("final fit")
    weight = recipe.weight(matrix.snapshots.cutoff)

    def fit_all(seed: int) -> lgb.Booster:
        if whole is not None:
            return whole.fit(sets, rounds, changes, seed)
        return fit_booster(
            matrix.values,
            y,
            matrix.snapshots.invoice,
            matrix.columns,
            sets,
            rounds,
            changes=changes,
            weight=weight,
            seed=seed,
            threads=recipe.threads,
        )

    n_rows, positives = _size(examples)
    return RiskModel(
        target=target,
        boosters=tuple(fit_all(seed) for seed in range(recipe.seeds)),
        calibrator=calibrator,
        columns=matrix.columns,
        categories=matrix.categories,
        encoding=encoding,
        usual=usual_values(matrix),
        left_out=tuple(recipe.left_out),
        line=fit_line(matrix, y, _weight(recipe, examples), without=ordered) if share else None,
        line_share=share,
        facts={
            "policy": policy.as_dict(),
            "train_until": timestamp(train_until).isoformat(),
            "rhythm": recipe.rhythm,
            "n_train": n_rows,
            "positives": positives,
            "prevalence": positives / n_rows,
            "n_credited": examples.n_credited,
            "n_window_unfinished": examples.n_unknown,
            "rounds": rounds,
            "seeds": recipe.seeds,
            "attributes_only": list(recipe.only),
            "attributes_without": list(recipe.without),
            "parameters": dict(recipe.parameters),
            "half_life_days": recipe.half_life_days,
            "tuned_until": recipe.tuned_until,
            "line_share": share,
            "calibration": calibrator.kind,
        },
    )


@dataclass(frozen=True)
class _Ahead:
    """Predictions of inner fits on stretches of time after their origins.

    Attributes
    ----------
    trees, line : ndarray of float64, shape (n,)
        Margins; those of the trees again where no line was fitted.
    y : ndarray of float64, shape (n,)
    stretch : ndarray of int64, shape (n,)
    rounds : int
        That served best.
    """

    trees: NDArray[np.float64]
    line: NDArray[np.float64]
    y: NDArray[np.float64]
    stretch: NDArray[np.int64]
    rounds: int


def _forward_fits(
    examples: Examples,
    sets: tuple[str, ...],
    changes: dict[str, Any],
    recipe: Recipe,
    line_without: tuple[str, ...] | None,
) -> _Ahead:
    """Predict stretches of time after each inner origin; no line where ``line_without`` is None."""
    matrix, y = examples.matrix, examples.y
    cutoff = matrix.snapshots.cutoff
    origins = inner_origins(cutoff, examples.window_end, recipe.inner_folds)
    boosters, afters, lines = [], [], []
    for origin, until in _pairs(origins):
        before = examples.window_end < origin
        after = (cutoff >= origin) & (cutoff < until)
        if min(_fewest(y[before]), _fewest(y[after])) < 10:
            continue
        boosters.append(_stop_early(examples, sets, changes, before, after, recipe))
        afters.append(after)
        if line_without is not None:
            weight = _weight(recipe, examples)[before]
            line = fit_line(matrix.take(before), y[before], weight, without=line_without)
            lines.append(line.margin(matrix.take(after)))
    if not boosters:
        rare = y == (1.0 if y.mean() <= 0.5 else 0.0)
        rounds = min(len(np.unique(matrix.snapshots.invoice[rare])), USUAL_ROUNDS)
        none = np.empty(0)
        return _Ahead(none, none, none, np.empty(0, dtype=np.int64), max(rounds, FEWEST_ROUNDS))
    best = [int(booster.best_iteration) for booster in boosters]
    trees = [
        np.asarray(booster.predict(matrix.values[after], raw_score=True, num_iteration=rounds))
        for booster, after, rounds in zip(boosters, afters, rounds_elsewhere(best), strict=True)
    ]
    return _Ahead(
        np.concatenate(trees),
        np.concatenate(lines or trees),
        np.concatenate([y[after] for after in afters]),
        np.repeat(np.arange(len(afters)), [int(after.sum()) for after in afters]),
        usual_rounds(best),
    )


def usual_rounds(best: Sequence[int]) -> int:
    """Trees for a fit to more rows than those were that so many served best."""
    return int(np.clip(np.median(best) * 1.1, FEWEST_ROUNDS, MOST_ROUNDS))


def rounds_elsewhere(best: Sequence[int]) -> list[int]:
    """Trees for each stretch from what served the *others* best; a lone stretch keeps its own.

    With those that served a stretch itself, trees look better there than they will.
    """
    if len(best) == 1:
        return list(best)
    return [usual_rounds([*best[:i], *best[i + 1 :]]) for i in range(len(best))]


def _stop_early(
    examples: Examples,
    sets: tuple[str, ...],
    changes: dict[str, Any],
    train: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    recipe: Recipe,
) -> lgb.Booster:
    """Grow trees until more do not serve the valid rows."""
    matrix, y = examples.matrix, examples.y
    return fit_booster(
        matrix.values[train],
        y[train],
        matrix.snapshots.invoice[train],
        matrix.columns,
        sets,
        MOST_ROUNDS,
        changes=changes,
        weight=recipe.weight(matrix.snapshots.cutoff[train]),
        threads=recipe.threads,
        valid=(matrix.values[valid], y[valid]),
    )


def _weight(recipe: Recipe, examples: Examples) -> NDArray[np.float64]:
    """How much each row counts for a line, which LightGBM weighs by its own parameter."""
    of_kind = np.where(examples.y > 0, recipe.parameters.get("scale_pos_weight", 1.0), 1.0)
    of_age = recipe.weight(examples.matrix.snapshots.cutoff)
    return of_kind if of_age is None else of_kind * of_age


def _pairs(origins: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    return zip(origins[:-1].tolist(), origins[1:].tolist(), strict=True)


def _fewest(y: NDArray[np.float64]) -> int:
    return int(min(y.sum(), len(y) - y.sum())) if len(y) else 0
