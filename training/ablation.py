"""What each part of a model adds: the same rows predicted without it, and how much is lost.

Variants are fitted and tested on the same rows as the full model, origin by origin; the matrix is
built once an origin and columns are dropped from it. Rankings are judged within each origin and
averaged: a ROC AUC of all origins' rows together would compare rows that different models scored
and no one ever ranks beside each other. (On the charges log it made leaving out the peer rates look
worth 0.010; within the origins it is worth 0.001.)

Differences come with bootstrap intervals by customer. These hold the noise of the rows and not that
of the fits, so the full model is also fitted with other seeds: a difference that chance draws of
rows and columns make as well says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import DataError, SettingsError
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding
from features.matrix import Matrix
from features.snapshots import Rhythm
from training.evaluation import metrics
from training.examples import Examples, Source, source_of
from training.fit import Progress, Recipe, fit_examples, in_rhythm, refuse_too_few
from training.gate import lint, refuse
from training.intervals import Interval
from training.labels import Target
from training.selection import families_of, groups_of

Floats = NDArray[np.float64]

FULL = "full model"
#: How often the full model is fitted with other seeds, and how many standard deviations of what
#: that changes a difference has to exceed.
REFITS, CLEAR = 4, 2.0
_REFIT = "other seeds "
#: Weights of rows that are held at once.
_CELLS = 4_000_000
#: Metrics of the table: key, and whether higher is better.
SHOWN = {"roc_auc": True, "average_precision": True, "brier": False, "log_loss": False}
#: What the row "late record never lowers risk" constrains.
LATE_RECORD = (
    "late_share",
    "late_share_365",
    "late_amount_share",
    "mean_days_late",
    "n_overdue",
    "oldest_overdue_days",
)


@dataclass(frozen=True)
class Variant:
    """A model that differs from the full one in one respect.

    Attributes
    ----------
    name : str
    kind : {'without', 'only', 'recipe'}
    left_out : tuple of str
        Columns taken away, besides those that the recipe leaves out.
    recipe : mapping
        Fields of the recipe that differ.
    parameters : mapping
        LightGBM parameters that differ.
    policy : mapping
        Fields of the policy that differ.
    is_corrected : bool
        False leaves a weight on the positives in the probabilities.
    """

    name: str
    kind: str
    left_out: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    is_corrected: bool = True


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    variant : Variant
    figures : dict of str to float
        The metrics of `SHOWN`, NaN where not defined: rankings are means over the origins, losses
        means over all test rows.
    differences : dict of str to Interval
        Variant less full model in each of them; empty for the full model.
    by_origin : dict of str to dict
        `training.evaluation.metrics` of each origin's test rows.
    """

    variant: Variant
    figures: dict[str, float]
    differences: dict[str, Interval]
    by_origin: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Ablation:
    """What each part of a model adds.

    Attributes
    ----------
    rows : tuple of Row
        The full model first.
    fit_noise : dict of str to float
        Standard deviation of the difference that other seeds alone make, for each metric of
        `SHOWN`.
    facts : dict
        Target, dates, sizes and policy, plain values.
    """

    rows: tuple[Row, ...]
    fit_noise: dict[str, float]
    facts: dict[str, Any]

    def is_clear(self, row: Row, metric: str) -> bool:
        """Whether a difference is more than noise of the test rows, and of the fits."""
        found = row.differences.get(metric)
        if found is None or not (found.low > 0 or found.high < 0):
            return False
        return abs(found.estimate) > CLEAR * self.fit_noise[metric]


def family_variants(matrix: Matrix, by: str = "family") -> list[Variant]:
    """The model without each family (or group) of columns that varies; families also alone.

    Raises
    ------
    SettingsError
        If ``by`` is neither 'family' nor 'group'.
    """
    if by not in ("family", "group"):
        raise SettingsError(f"Features are taken away by 'family' or by 'group', not by '{by}'.")
    parts = families_of(matrix.columns) if by == "family" else groups_of(matrix.columns)
    varying = {
        name
        for name, column in zip(matrix.columns, matrix.values.T, strict=True)
        if _varies(column)
    }
    parts = {name: members for name, members in parts.items() if varying & set(members)}
    found = [Variant(f"without {name}", "without", members) for name, members in parts.items()]
    if by == "family":
        everything = set(matrix.columns)
        found += [
            Variant(f"only {name}", "only", tuple(c for c in matrix.columns if c not in members))
            for name, members in parts.items()
            if everything - set(members)
        ]
    return found


def _varies(column: NDArray[np.float32]) -> bool:
    known = column[~np.isnan(column)]
    return 0 < len(known) < len(column) or bool(len(known) and np.ptp(known) > 0)


def recipe_variants(recipe: Recipe, policy: Policy, prevalence: float) -> list[Variant]:
    """Constraints, recency and class weight, each the other way round.

    Parameters
    ----------
    prevalence : float
        Share of positives, 0 to 1; the class weight evens both kinds out.
    """
    weight = (1 - prevalence) / prevalence
    found = []
    if policy.never_lowers_risk or policy.never_raises_risk:
        none = {"never_lowers_risk": (), "never_raises_risk": ()}
        found.append(Variant("monotone constraints off", "recipe", policy=none))
    more = {"never_lowers_risk": tuple(dict.fromkeys((*policy.never_lowers_risk, *LATE_RECORD)))}
    found.append(Variant("late record never lowers risk", "recipe", policy=more))
    for days in (365.0, 180.0, 0.0):
        if days != recipe.half_life_days:
            name = f"recency, half-life {days:.0f} days" if days else "no recency weights"
            found.append(Variant(name, "recipe", recipe={"half_life_days": days}))
    if recipe.parameters.get("scale_pos_weight", 1.0) == 1.0:
        change = {"scale_pos_weight": weight}
        name = f"class weight {weight:.1f}"
        found.append(Variant(name, "recipe", parameters=change))
        name += ", probabilities not corrected"
        found.append(Variant(name, "recipe", parameters=change, is_corrected=False))
    else:
        found.append(Variant("no class weight", "recipe", parameters={"scale_pos_weight": 1.0}))
    return found


def gather_train(
    log: EventLog | Source,
    target: Target,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
) -> tuple[Examples, Encoding, Recipe]:
    """Rows with a label at ``train_until``, their encoding, and the recipe with its rhythm decided.

    Raises
    ------
    TooFewCasesError
        If there are too few positives or negatives.
    """
    known = source_of(log).before(train_until)
    recipe = in_rhythm(known, recipe, train_until, policy)
    rhythm: Rhythm = recipe.rhythm or "weekly"
    encoding = known.encoding(recipe.only, recipe.without)
    found = known.examples(target, rhythm, None, train_until, encoding, policy, rates)
    refuse_too_few(target, len(found.y), found.cases)
    return found, encoding, recipe


def ablate(
    log: EventLog | Source,
    target: Target,
    origins: Sequence[int],
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    *,
    by: str = "family",
    variants: Sequence[Variant] | None = None,
    repeats: int = 400,
    override: str = "",
    progress: Progress = lambda _: None,
) -> Ablation:
    """Fit and test the full model and its variants.

    Parameters
    ----------
    origins : sequence of int
        Rising moments, microseconds: each but the last is trained until and tested from, up to
        the next.
    by : {'family', 'group'}
        What is taken away at a time.
    variants : sequence of Variant, optional
        Those of `family_variants` and `recipe_variants` by default.
    repeats : int
        Bootstrap samples; 0 leaves the intervals out.
    override : str
        Reason for going on although the leakage linter objects.

    Raises
    ------
    SettingsError
        If the origins do not rise.
    TooFewCasesError, LeakageError
        From the first training that is refused.
    DataError
        If no row is left to test on.
    """
    if len(origins) < 2 or any(b <= a for a, b in pairwise(origins)):
        raise SettingsError("The dates of an ablation have to rise. Put them in order.")
    source = source_of(log)
    compared: list[Variant] = []
    tested: list[_Tested] = []
    for since, until in pairwise(origins):
        day = f"{timestamp(since):%Y-%m-%d}"
        progress(f"{day}: features")
        train, encoding, decided = gather_train(source, target, since, policy, rates, recipe)
        refuse(target, lint(encoding, train.matrix, train.y, policy), override)
        rhythm: Rhythm = decided.rhythm or "weekly"
        test = source.examples(target, rhythm, since, until, encoding, policy, rates)
        if not len(test.y):
            continue
        if not compared:
            prevalence = float(train.y.mean())
            usual = [
                *family_variants(train.matrix, by),
                *recipe_variants(decided, policy, prevalence),
            ]
            compared = [Variant(FULL, "full"), *(usual if variants is None else variants)]
        predicted: dict[str, Floats] = {}
        for variant in compared:
            progress(f"{day}: {variant.name}")
            found = _predicted(variant, train, test, encoding, target, since, policy, decided)
            predicted |= {variant.name: found[0]}
            predicted |= {f"{_REFIT}{i}": p for i, p in enumerate(found[1:])}
        tested.append(_Tested(day, train, test, predicted, decided))
    if not tested:
        raise DataError(
            f"{target}: no row from {timestamp(origins[0]):%Y-%m-%d} to "
            f"{timestamp(origins[-1]):%Y-%m-%d} has a label: the log ends on "
            f"{timestamp(source.ends_at):%Y-%m-%d}. Move the dates back or shorten the horizon."
        )
    progress("bootstrap")
    return _ablation(tested, compared, target, origins, policy, source, repeats)


@dataclass(frozen=True)
class _Tested:
    """One origin: its rows, and what each variant said of the test rows."""

    day: str
    train: Examples
    test: Examples
    predicted: dict[str, Floats]
    recipe: Recipe


def _predicted(
    variant: Variant,
    train: Examples,
    test: Examples,
    encoding: Encoding,
    target: Target,
    train_until: int,
    policy: Policy,
    recipe: Recipe,
) -> list[Floats]:
    """Probabilities of the test rows by a variant; the full model's also with other seeds."""
    changed = replace(
        recipe,
        left_out=(*recipe.left_out, *variant.left_out),
        parameters={**recipe.parameters, **variant.parameters},
    )
    changed = replace(changed, **variant.recipe)
    if variant.name == FULL:
        changed = replace(changed, seeds=(1 + REFITS) * recipe.seeds)
    model = fit_examples(
        train, encoding, target, train_until, policy.changed(**variant.policy), changed
    )
    calibrator = model.calibrator
    if not variant.is_corrected:
        calibrator = replace(calibrator, shift=0.0)
    models = [
        replace(model, calibrator=calibrator, boosters=model.boosters[i : i + recipe.seeds])
        for i in range(0, len(model.boosters), recipe.seeds)
    ]
    return [each.probability(test.matrix) for each in models]


def _ablation(
    tested: Sequence[_Tested],
    variants: Sequence[Variant],
    target: Target,
    origins: Sequence[int],
    policy: Policy,
    source: Source,
    repeats: int,
) -> Ablation:
    """Compare the variants over all origins."""
    everyone = [variant.name for variant in variants]
    again = [f"{_REFIT}{i}" for i in range(REFITS)]
    customer = np.concatenate([each.test.customer for each in tested])
    code, customers = pd.factorize(customer)
    codes = np.split(code, np.cumsum([len(each.test.y) for each in tested])[:-1])
    even = np.ones((1, len(customers)))
    estimate = {name: _figures(tested, name, codes, even)[0] for name in (*everyone, *again)}
    differences: dict[str, dict[str, Interval]] = {name: {} for name in everyone}
    if repeats:
        differences |= _differences(tested, everyone[1:], codes, len(customers), repeats, estimate)
    rows = tuple(
        Row(
            variant,
            dict(zip(SHOWN, estimate[variant.name].tolist(), strict=True)),
            differences[variant.name],
            {each.day: _metrics(each, variant.name) for each in tested},
        )
        for variant in variants
    )
    of_seeds = np.array([estimate[name] for name in (FULL, *again)])
    fit_noise = np.sqrt(2) * of_seeds.std(axis=0, ddof=1)
    return Ablation(
        rows,
        dict(zip(SHOWN, fit_noise.tolist(), strict=True)),
        {
            "target": target,
            "origins": [f"{timestamp(moment):%Y-%m-%d}" for moment in origins],
            "log_end": timestamp(source.ends_at).isoformat(),
            "snapshots": tested[0].recipe.rhythm,
            "seeds": tested[0].recipe.seeds,
            "n_train": [len(each.train.y) for each in tested],
            "n_test": len(customer),
            "positives": int(sum(each.test.y.sum() for each in tested)),
            "resampled": "customers" if source.has_customers else "invoices",
            "n_resampled": len(customers),
            "repeats": repeats,
            "policy": policy.as_dict(),
        },
    )


def _metrics(tested: _Tested, name: str) -> dict[str, float | None]:
    test, prevalence = tested.test, float(tested.train.y.mean())
    return metrics(test.y, tested.predicted[name], test.balance, prevalence)


def _differences(
    tested: Sequence[_Tested],
    names: Sequence[str],
    codes: Sequence[NDArray[np.int64]],
    n_customers: int,
    repeats: int,
    estimate: Mapping[str, Floats],
) -> dict[str, dict[str, Interval]]:
    """Variant less full model in each metric, on the same samples of customers."""
    random = np.random.default_rng(0)
    weight = random.multinomial(n_customers, np.full(n_customers, 1 / n_customers), repeats)
    full = _figures(tested, FULL, codes, weight.astype(np.float64))
    found = {}
    for name in names:
        sampled = _figures(tested, name, codes, weight.astype(np.float64)) - full
        low, high = np.nanquantile(sampled, [0.025, 0.975], axis=0)
        point = estimate[name] - estimate[FULL]
        found[name] = {
            metric: Interval(float(point[i]), float(low[i]), float(high[i]))
            for i, metric in enumerate(SHOWN)
        }
    return found


def _figures(
    tested: Sequence[_Tested], name: str, codes: Sequence[NDArray[np.int64]], weight: Floats
) -> Floats:
    """`SHOWN` of a variant under weights of the customers, shape (n_samples, n_metrics)."""
    rankings, losses, rows = [], [], []
    for each, code in zip(tested, codes, strict=True):
        y, p = each.test.y, each.predicted[name]
        rankings.append(weighted_rankings(y, p, code, weight))
        of_rows = np.stack([np.ones(len(y)), (p - y) ** 2, log_losses(y, p)])
        n_groups = weight.shape[1]
        sums = np.stack([np.bincount(code, values, n_groups) for values in of_rows], axis=1)
        found = weight @ sums
        losses.append(found[:, 1:])
        rows.append(found[:, :1])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_losses = np.sum(losses, axis=0) / np.sum(rows, axis=0)
    return np.hstack([np.mean(rankings, axis=0), mean_losses])


def weighted_rankings(y: Floats, p: Floats, code: NDArray[np.int64], weight: Floats) -> Floats:
    """ROC AUC and average precision of the same rows under many weights.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n_rows,)
    code : ndarray of int64, shape (n_rows,)
        Customer of each row.
    weight : ndarray of float64, shape (n_samples, n_customers)

    Returns
    -------
    ndarray of float64, shape (n_samples, 2)
        As scikit-learn's with the same sample weights; NaN where one kind of outcome is missing.
    """
    order = np.argsort(-p, kind="stable")
    y, p, code = y[order], p[order], code[order]
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True))
    found = np.empty((len(weight), 2))
    at_once = max(1, _CELLS // max(len(y), 1))
    for begin in range(0, len(weight), at_once):
        w = weight[begin : begin + at_once, code]
        hits = np.cumsum(w * y, axis=1)[:, last]
        rows = np.cumsum(w, axis=1)[:, last]
        more = np.diff(hits, axis=1, prepend=0.0)
        misses = rows - hits
        before = misses - np.diff(misses, axis=1, prepend=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            outranked = misses[:, -1:] - (before + misses) / 2
            auc = (more * outranked).sum(axis=1) / (hits[:, -1] * misses[:, -1])
            precision = np.where(rows > 0, hits / rows, 0.0)
            average_precision = (more * precision).sum(axis=1) / hits[:, -1]
        found[begin : begin + at_once, 0] = auc
        found[begin : begin + at_once, 1] = np.where(misses[:, -1] > 0, average_precision, np.nan)
    return found


def log_losses(y: Floats, p: Floats) -> Floats:
    """Log loss of each row."""
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    found: Floats = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    return found
