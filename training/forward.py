"""How well a recipe predicts what comes after each inner origin.

Fitted on what was known at an origin, a recipe is judged by the stretch after it, with as many
trees as the other stretches ask for. Judged with those that serve the stretch itself best, as early
stopping finds them, recipes look good whose trees come too fast: on the charges log between 15 and
112 were right for one of them, and which, nobody could have known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from eventlog.policy import Policy
from features.attributes import Encoding
from features.matrix import Matrix
from training.calibration import sigmoid
from training.examples import Examples
from training.fit import MOST_ROUNDS, Recipe, rounds_elsewhere
from training.labels import Target
from training.model import fit_booster, monotone_signs, parameters_of, split_as_sets
from training.splits import inner_origins

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Fewest cases of either kind, before a stretch and in it, for it to be judged.
FEWEST_CASES = 10


@dataclass(frozen=True)
class Stretch:
    """A stretch of time to be predicted, and what was known when it began.

    Attributes
    ----------
    origin : int
        When it begins, microseconds.
    before : ndarray of bool, shape (n_rows,)
        Rows whose label was known before the origin.
    after : ndarray of bool, shape (n_rows,)
        Rows that are seen in the stretch.
    """

    origin: int
    before: Mask
    after: Mask


@dataclass(frozen=True)
class Task:
    """What a recipe is sought for.

    Attributes
    ----------
    examples : Examples
        Every row with a label at ``train_until``; gathered once.
    recipe : Recipe
        The one to be bettered; its ``inner_folds`` stretches judge the trials.
    stretches : tuple of Stretch
    weakest : dict of float to tuple of str
        Columns of the groups that bring at most such a share of the gain in a fit on what was
        known before the first origin.
    """

    examples: Examples
    encoding: Encoding
    target: Target
    policy: Policy
    recipe: Recipe
    stretches: tuple[Stretch, ...]
    weakest: Mapping[float, tuple[str, ...]]


def stretches_of(examples: Examples, n_folds: int) -> tuple[Stretch, ...]:
    """Stretches after each inner origin that hold enough cases of both kinds, before and after."""
    cutoff, y = examples.matrix.snapshots.cutoff, examples.y
    found = []
    for origin, until in pairwise(inner_origins(cutoff, examples.window_end, n_folds).tolist()):
        before = examples.window_end < origin
        after = (cutoff >= origin) & (cutoff < until)
        kinds = np.array([[y[rows].sum(), (1 - y[rows]).sum()] for rows in (before, after)])
        if kinds.min() >= FEWEST_CASES:
            found.append(Stretch(origin, before, after))
    return tuple(found)


def parameters_in(task: Task, matrix: Matrix, recipe: Recipe, seed: int) -> dict[str, Any]:
    """LightGBM parameters of a recipe; a seed other than 0 draws rows and columns anew."""
    found = parameters_of(task.target) | monotone_signs(matrix, task.policy)
    found |= dict(recipe.parameters)
    drawn = ("bagging_seed", "feature_fraction_seed", "extra_seed")
    return found | (dict.fromkeys(drawn, seed) if seed else {})


@dataclass(frozen=True)
class Candidate:
    """A recipe made ready to be fitted.

    Attributes
    ----------
    examples : Examples
        Without the columns that the recipe leaves out.
    sets : tuple of str
    changes : dict
        LightGBM parameters.
    recipe : Recipe
    shift : float
        Takes a weight on the positives back from the log odds.
    """

    examples: Examples
    sets: tuple[str, ...]
    changes: dict[str, Any]
    recipe: Recipe
    shift: float


def candidate(task: Task, recipe: Recipe, seed: int = 0) -> Candidate:
    """Make a recipe ready to be fitted."""
    examples = replace(task.examples, matrix=task.examples.matrix.without(recipe.left_out))
    changes = parameters_in(task, examples.matrix, recipe, seed)
    shift = -float(np.log(changes.get("scale_pos_weight", 1.0)))
    sets = split_as_sets(task.target, examples.matrix, task.encoding)
    return Candidate(examples, sets, changes, recipe, shift)


def fit_before(fitted: Candidate, stretch: Stretch, rounds: int | None = None) -> lgb.Booster:
    """Fit to what was known before a stretch: so many trees, or until more do not serve it."""
    examples, recipe, known = fitted.examples, fitted.recipe, stretch.before
    matrix = examples.matrix
    return fit_booster(
        matrix.values[known],
        examples.y[known],
        matrix.snapshots.invoice[known],
        matrix.columns,
        fitted.sets,
        MOST_ROUNDS if rounds is None else rounds,
        changes=fitted.changes,
        weight=recipe.weight(matrix.snapshots.cutoff[known]),
        threads=recipe.threads,
        valid=None if rounds else (matrix.values[stretch.after], examples.y[stretch.after]),
    )


def _log_odds(fitted: Candidate, stretch: Stretch, booster: lgb.Booster, rounds: int) -> Floats:
    """Log odds of a stretch's rows by so many trees, which are grown where they are lacking."""
    if rounds > booster.num_trees():
        booster = fit_before(fitted, stretch, rounds)
    rows = fitted.examples.matrix.values[stretch.after]
    found = booster.predict(rows, raw_score=True, num_iteration=rounds)
    return np.asarray(found) + fitted.shift


def look_forward(
    fitted: Candidate,
    stretches: Sequence[Stretch],
    goes_on: Callable[[int, float], bool] = lambda step, loss: True,
) -> tuple[list[Floats], list[int]]:
    """Log odds of the rows of each stretch, and the trees that would have served it best.

    Parameters
    ----------
    goes_on : callable
        Is told each stretch's place and its log loss with those trees; on False the stretches so
        far are returned as predicted with them.
    """
    best, boosters, early = [], [], []
    for step, stretch in enumerate(stretches):
        booster = fit_before(fitted, stretch)
        rounds = int(booster.best_iteration)
        best.append(rounds)
        boosters.append(booster)
        early.append(_log_odds(fitted, stretch, booster, rounds))
        if not goes_on(step, stretch_loss(fitted, stretch, early[-1])):
            return early, best
    told = zip(stretches, boosters, rounds_elsewhere(best), strict=True)
    return [_log_odds(fitted, *of_stretch) for of_stretch in told], best


def stretch_loss(fitted: Candidate, stretch: Stretch, margin: Floats) -> float:
    """Log loss of the log odds of a stretch's rows."""
    return float(log_loss(fitted.examples.y[stretch.after], sigmoid(margin)))
