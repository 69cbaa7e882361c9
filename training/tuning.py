"""A search for a better recipe, judged by looking forward inside the training period.

Every trial is fitted on what was known at each inner origin and judged by the log loss of the
stretch after it, so a recipe is chosen the way it will be used. The first trial is the default.

The best of many trials looks better than it is: it was picked for its luck too. So the finalists
and the default are fitted again with other seeds on shorter stretches, and a finalist is adopted
only if it beat the default in the search and its mean gain here is larger than the standard error
of that mean over the stretches (the one-standard-error rule: Breiman, Friedman, Olshen and Stone
1984, Classification and Regression Trees, section 3.4.3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed
from optuna.trial import FrozenTrial, TrialState

from eventlog.errors import NotReadyError
from eventlog.log import timestamp
from eventlog.policy import Policy
from features.attributes import Encoding
from training.examples import Examples
from training.fit import Recipe
from training.forward import (
    Stretch,
    Task,
    candidate,
    fit_before,
    look_forward,
    stretch_loss,
    stretches_of,
)
from training.labels import Target
from training.model import PARAMETERS, parameters_of
from training.recipe_file import RecipeFile
from training.search_space import SPACE, WEAKEST, default_of, recipe_of
from training.selection import gain_of_groups, weakest

#: Trials drawn at random before the sampler begins to learn, and complete ones before it prunes.
RANDOM_TRIALS, TRIALS_BEFORE_PRUNING = 12, 6
#: Trials that are fitted again, with how many seeds each, and how many times finer the stretches.
FINALISTS, SEEDS, FINER = 3, 2, 2
#: How trials are judged; losses found in another way are another search's.
JUDGED = "log loss with the trees that the other stretches ask for"
#: Trees by whose gain the features are ranked.
RANKING_ROUNDS = 100
#: Fewest stretches on which a finalist can be told from the default.
FEWEST_STRETCHES = 3

Say = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Trial:
    """One recipe and how it did.

    Attributes
    ----------
    number : int
    parameters : dict of str to value
        The point of the search space.
    losses : tuple of float
        Log loss of each stretch that was judged; of a pruned trial with the rounds of its own.
    rounds : tuple of int
        Trees that served each stretch best.
    pruned : bool
        Given up after some of the stretches.
    """

    number: int
    parameters: dict[str, Any]
    losses: tuple[float, ...]
    rounds: tuple[int, ...]
    pruned: bool = False

    @property
    def loss(self) -> float:
        """Mean log loss over the stretches."""
        return float(np.mean(self.losses))


@dataclass(frozen=True)
class Tuning:
    """What a search has found.

    Attributes
    ----------
    recipe : RecipeFile
        The default, with nothing changed, where no finalist was adopted.
    default, best : Trial
        The first trial, and the finalist with the lowest loss when fitted again; the search's own
        losses.
    default_again, best_again : tuple of float
        Log loss of each finer stretch, fitted again with seeds that the search has not used.
    gain, noise : float
        Mean of what the finalist saves there, and the standard error of that mean over stretches;
        NaN where there are too few stretches.
    adopted : bool
        Whether the gain is above the noise.
    trials, pruned : int
        Trials of the study in all, and those given up early.
    """

    recipe: RecipeFile
    default: Trial
    best: Trial
    default_again: tuple[float, ...]
    best_again: tuple[float, ...]
    gain: float
    noise: float
    adopted: bool
    trials: int
    pruned: int


def task_of(
    examples: Examples, encoding: Encoding, target: Target, policy: Policy, recipe: Recipe
) -> Task:
    """Decide the stretches, and rank the groups of features before the first of them.

    Raises
    ------
    NotReadyError
        If the log is too short, or the horizon too long, to look forward inside it.
    """
    stretches = stretches_of(examples, recipe.inner_folds)
    if not stretches:
        raise NotReadyError(
            f"{target} cannot be tuned: no label of its {len(examples.y):,} rows was known early "
            "enough to look forward inside the training period. Take a longer log, a later "
            "--train-until or a shorter horizon."
        )
    task = Task(examples, encoding, target, policy, recipe, stretches, {})
    columns = examples.matrix.columns
    booster = fit_before(candidate(task, recipe), stretches[0], RANKING_ROUNDS)
    gain = gain_of_groups(booster, columns)
    return replace(task, weakest={most: weakest(gain, columns, most) for most in WEAKEST})


def study_name(task: Task, train_until: int, facts: Mapping[str, Any]) -> str:
    """Name of a search: the same for the same log, question, rows, stretches and search space.

    Parameters
    ----------
    facts : mapping
        What identifies the log.
    """
    recipe = task.recipe
    identity = {
        "judged": JUDGED,
        "facts": dict(facts),
        "train_until": train_until,
        "policy": task.policy.as_dict(),
        "rhythm": recipe.rhythm,
        "folds": recipe.inner_folds,
        "columns": task.examples.matrix.columns,
        "default": PARAMETERS | parameters_of(task.target),
        "space": {name: repr(distribution) for name, distribution in SPACE.items()},
    }
    text = json.dumps(identity, sort_keys=True, default=str)
    code = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{task.target}-{timestamp(train_until):%Y%m%d}-{code}"


def open_study(storage: str, name: str, *, fresh: bool = False) -> optuna.Study:
    """Open a search, going on with what is there unless a fresh one is asked for.

    Parameters
    ----------
    storage : str
        Database URL, for example ``sqlite:///…/tuning.db``.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    waiting = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {}
    database = optuna.storages.RDBStorage(storage, engine_kwargs=waiting)
    if fresh and name in optuna.get_all_study_names(database):
        optuna.delete_study(study_name=name, storage=database)
    return optuna.create_study(
        study_name=name,
        storage=database,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING),
    )


def tune(
    task: Task,
    study: optuna.Study,
    *,
    clock: Callable[[], float],
    seconds: float = float("inf"),
    trials: int | None = None,
    jobs: int = 1,
    seed: int = 0,
    told: Callable[[Trial], None] = lambda _: None,
    progress: Say = lambda stage, done: None,
) -> Tuning:
    """Search until the time or the trials are used up, then fit the finalists again.

    Whoever interrupts the search keeps the trials that are done.

    Parameters
    ----------
    clock : callable
        Seconds from any moment on, for the budget.
    seconds : float
        For the search and the fits of the finalists; one trial may exceed it.
    trials : int, optional
        Trials of the study in all, those done earlier included.
    jobs : int
        Trials at a time, each on one thread; 1 leaves LightGBM the recipe's threads.
    told : callable
        Hears of each trial of this call when it is done.
    """
    begun = clock()
    _forget_unfinished(study)
    try:
        while not _is_enough(task, study, clock() - begun, seconds, trials):
            progress(*_so_far(study, clock() - begun, seconds, trials))
            room = jobs if trials is None else min(jobs, trials - len(_done(study)))
            for trial in _next_trials(task, study, room, seed, clock):
                told(trial)
    except KeyboardInterrupt:
        _forget_unfinished(study)
    return conclude(task, study, progress)


def _forget_unfinished(study: optuna.Study) -> None:
    """Count trials that were broken off as failed, so that they are drawn anew."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _done(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _is_enough(
    task: Task, study: optuna.Study, spent: float, seconds: float, trials: int | None
) -> bool:
    """Whether to end the search: always with the default judged, and time kept for finalists."""
    default = _default_trial(task, study)
    if default is None:
        return False
    if trials is not None and len(_done(study)) >= trials:
        return True
    fits = (1 + FINALISTS) * SEEDS * FINER * task.recipe.inner_folds
    kept = default.user_attrs["seconds"] / len(task.stretches) * fits
    return spent + kept >= seconds


def _default_trial(task: Task, study: optuna.Study) -> FrozenTrial | None:
    """The trial of the default recipe, once it is complete."""
    default = default_of(task.target)
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((trial for trial in done if trial.params == default), None)


def _next_trials(
    task: Task, study: optuna.Study, room: int, seed: int, clock: Callable[[], float]
) -> list[Trial]:
    """Ask for a few recipes, judge them side by side, and tell the study.

    The sampler is seeded by the number of each trial, so that a search that was interrupted goes
    on as it would have done.
    """
    is_first = _default_trial(task, study) is None
    if is_first and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(default_of(task.target))
    asked = []
    for _ in range(1 if is_first else room):
        number = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(
            seed=seed * 1_000_003 + number, multivariate=True, n_startup_trials=RANDOM_TRIALS
        )
        asked.append(study.ask(SPACE))
    judged = Parallel(n_jobs=len(asked), prefer="threads")(
        delayed(_judge)(task, trial, len(asked) > 1, not is_first, clock) for trial in asked
    )
    for trial, found in zip(asked, judged, strict=True):
        trial.set_user_attr("losses", found.losses)
        trial.set_user_attr("rounds", found.rounds)
        state = TrialState.PRUNED if found.pruned else TrialState.COMPLETE
        study.tell(trial, None if found.pruned else found.loss, state=state)
    return list(judged)


def _judge(
    task: Task,
    trial: optuna.Trial,
    beside_others: bool,
    may_stop: bool,
    clock: Callable[[], float],
) -> Trial:
    """Fit one recipe origin by origin; stop where its mean loss is worse than the usual trial's."""
    begun = clock()
    threads = 1 if beside_others else task.recipe.threads
    recipe = replace(task.recipe, threads=threads, **recipe_of(task, trial.params).changes)
    fitted = candidate(task, recipe)
    early: list[float] = []

    def goes_on(step: int, loss: float) -> bool:
        early.append(loss)
        trial.report(float(np.mean(early)), step)
        is_last = step + 1 == len(task.stretches)
        return is_last or not (may_stop and trial.should_prune())

    margins, rounds = look_forward(fitted, task.stretches, goes_on)
    losses = [
        stretch_loss(fitted, stretch, margin)
        for stretch, margin in zip(task.stretches, margins, strict=False)
    ]
    trial.set_user_attr("seconds", clock() - begun)
    pruned = len(losses) < len(task.stretches)
    return Trial(trial.number, dict(trial.params), tuple(losses), tuple(rounds), pruned)


def _so_far(
    study: optuna.Study, spent: float, seconds: float, trials: int | None
) -> tuple[str, float]:
    """What the progress bar says: trials done, the best of them beside the first, time left."""
    done = _done(study)
    complete = [trial for trial in done if trial.state == TrialState.COMPLETE]
    share = [spent / seconds if np.isfinite(seconds) and seconds else 0.0]
    if trials:
        share.append(len(done) / trials)
    words = f"{len(done)} trials"
    if complete:
        best = min(float(trial.values[0]) for trial in complete)
        words += f", best log loss {best:.5f} (default {complete[0].values[0]:.5f})"
    if np.isfinite(seconds):
        words += f", {max(seconds - spent, 0) / 60:.0f} min left"
    return words, min(max(share), 1.0)


def conclude(task: Task, study: optuna.Study, progress: Say = lambda stage, done: None) -> Tuning:
    """Fit the default and the finalists again with other seeds, and adopt one or none.

    Raises
    ------
    NotReadyError
        If the default has not been judged yet.
    """
    default = _default_trial(task, study)
    if default is None:
        raise NotReadyError(
            f"The search {study.study_name} was stopped before the default was judged. Give it "
            "more time."
        )
    finer = stretches_of(task.examples, FINER * task.recipe.inner_folds)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    rivals = sorted(
        (trial for trial in complete if trial.params != default.params), key=lambda t: t.values[0]
    )
    again: dict[int, tuple[float, ...]] = {}
    running = [default, *rivals[:FINALISTS]]
    for i, trial in enumerate(running):
        progress(f"finalists {i + 1}/{len(running)}", i / len(running))
        again[trial.number] = _again(task, trial.params, finer)
    best = min(running[1:] or running, key=lambda trial: float(np.mean(again[trial.number])))
    gain, noise = _gain_and_noise(again[default.number], again[best.number])
    is_lower = float(best.values[0]) < float(default.values[0])
    adopted = best is not default and is_lower and bool(gain > noise)
    done = _done(study)
    found = Tuning(
        recipe=recipe_of(task, (best if adopted else default).params),
        default=_as_trial(default),
        best=_as_trial(best),
        default_again=again[default.number],
        best_again=again[best.number],
        gain=gain,
        noise=noise,
        adopted=adopted,
        trials=len(done),
        pruned=sum(trial.state == TrialState.PRUNED for trial in done),
    )
    return replace(found, recipe=replace(found.recipe, chosen=_on_record(task, study, found)))


def _again(
    task: Task, parameters: Mapping[str, Any], stretches: Sequence[Stretch]
) -> tuple[float, ...]:
    """Log loss of each stretch by the mean margin of fits with seeds of their own."""
    recipe = replace(task.recipe, **recipe_of(task, parameters).changes)
    by_seed = [candidate(task, recipe, 1000 + i) for i in range(SEEDS)]
    margins = [look_forward(fitted, stretches)[0] for fitted in by_seed]
    return tuple(
        stretch_loss(by_seed[0], stretch, np.mean(of_seeds, axis=0))
        for stretch, of_seeds in zip(stretches, zip(*margins, strict=True), strict=True)
    )


def _gain_and_noise(default: tuple[float, ...], rival: tuple[float, ...]) -> tuple[float, float]:
    """Mean saving over the stretches and its standard error; NaN where they are too few."""
    if len(default) < FEWEST_STRETCHES:
        return float("nan"), float("nan")
    saved = np.subtract(default, rival)
    return float(saved.mean()), float(saved.std(ddof=1) / np.sqrt(len(saved)))


def _as_trial(trial: FrozenTrial) -> Trial:
    attributes = trial.user_attrs
    return Trial(
        trial.number, dict(trial.params), tuple(attributes["losses"]), tuple(attributes["rounds"])
    )


def _on_record(task: Task, study: optuna.Study, found: Tuning) -> dict[str, Any]:
    """Where a recipe comes from, as plain values."""
    return {
        "study": study.study_name,
        "trials": found.trials,
        "trials_pruned": found.pruned,
        "adopted": found.adopted,
        "rule": "mean gain over the default above its standard error over the stretches",
        "best_trial": found.best.number,
        "best_parameters": found.best.parameters,
        "origins": [f"{timestamp(s.origin):%Y-%m-%d}" for s in task.stretches],
        "inner_log_loss": {"default": found.default.loss, "best": found.best.loss},
        "fitted_again": {
            "default": list(found.default_again),
            "best": list(found.best_again),
            "gain": None if np.isnan(found.gain) else found.gain,
            "noise": None if np.isnan(found.noise) else found.noise,
        },
        "snapshots": task.recipe.rhythm,
        "policy": task.policy.as_dict(),
    }


def recorded_under(study: optuna.Study) -> str:
    """Id of the run that the search was recorded under; empty before `record_under`."""
    return str(study.user_attrs.get("run_id", ""))


def record_under(study: optuna.Study, run_id: str) -> None:
    """Remember which run the search is recorded under."""
    study.set_user_attr("run_id", run_id)
