"""May a challenger serve? Both models on the same fresh rows, and the answer in words.

Fresh means later than anything either model was trained on. Where the log holds too few such rows,
because the challenger was trained on all of it, both recipes are fitted again on what was known
before the latest quarter of the labelled rows, and judged on that quarter.

A challenger is refused unless it is free of leaks, calibrated, no worse than the champion where the
team works, and harms no group. A first champion must beat every baseline instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import NotReadyError
from eventlog.known import Ints
from eventlog.log import DAY, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.snapshots import Rhythm
from training.backtest import Backtest, gather_test
from training.baselines import baseline_predictions
from training.drift import effective_size
from training.evaluation import calibration_bins, expected_calibration_error
from training.examples import Examples, Source, cases_of
from training.fit import Progress, Recipe, fit_model
from training.gate import lint, too_good
from training.intervals import Interval, Resampled, resample
from training.labels import DECIDED_BY, Target
from training.model import RiskModel
from training.slices import cut_into_slices

Floats = NDArray[np.float64]

#: Calibration error allowed, as a share of the rarer outcome's prevalence.
ECE_SHARE = 0.2
#: Observed over expected positives: its interval has to touch this band.
RATIO_BAND = (0.8, 1.25)
#: Balance recall that the lower bound may lie below the champion's: a loss of so much has to be
#: ruled out. Two equally good models differ by some hundredths on a few thousand rows; a margin
#: of 0.02 refused 25 of 30 of them.
RECALL_MARGIN = 0.10
#: Rise of a group's Brier score that counts as harm, where its interval lies above none.
HARM = 0.10
#: Fewest invoices of either outcome for a window, and for a group, to be judged.
FEWEST_CASES = 30
#: Fewest customers, in effect, for what chance gives to excuse a calibration error.
FEWEST_CUSTOMERS = 10
#: Ways to cut the rows into groups that may not be harmed.
JUDGED = (
    "segment",
    "country",
    "phase",
    "ageing_bucket",
    "amount",
    "history_depth",
    "customer",
)
#: The latest share of labelled rows that is judged where no rows are fresh.
TEST_SHARE = 0.25
#: Draws of outcomes from the probabilities that tell how large a calibration error is noise.
NOISE_DRAWS = 400

Compared = Literal["as trained", "fitted again"]


@dataclass(frozen=True)
class Window:
    """The rows that both models are judged on.

    Attributes
    ----------
    compared : {'as trained', 'fitted again'}
    since, until : int
        Cutoffs in ``[since, until)``, microseconds.
    """

    compared: Compared
    since: int
    until: int


@dataclass(frozen=True)
class Question:
    """Outcomes and what was predicted of them.

    Attributes
    ----------
    name : str
        Of the question, for people: the target, or a horizon of the payment curve.
    y : ndarray of float64, shape (n,)
    p : ndarray of float64, shape (n,)
        The challenger's probabilities.
    champion : ndarray of float64, shape (n,), or None
        The champion's.
    rivals : mapping of str to ndarray of float64, shape (n,)
        The baselines'.
    balance : ndarray of float64, shape (n,)
    group : ndarray of int32, shape (n,)
        Customers (or invoices), resampled together.
    invoice : ndarray of int32, shape (n,)
        However often an invoice is looked at, it is one case.
    slices : mapping of str to ndarray of str, shape (n,)
        Ways to cut the rows into groups.
    prevalence : float
        In training.
    """

    name: str
    y: Floats
    p: Floats
    champion: Floats | None
    rivals: Mapping[str, Floats]
    balance: Floats
    group: NDArray[np.int32]
    invoice: NDArray[np.int32]
    slices: Mapping[str, NDArray[np.object_]]
    prevalence: float


@dataclass(frozen=True)
class Check:
    """One condition: whether it holds, and the finding in words."""

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Decision:
    """What was found about a challenger.

    Attributes
    ----------
    target, version : str
    champion : str
        Version it was compared with; "" where there is none.
    compared : str
        How, see `Window`.
    since, until : str
        Dates of the window's cutoffs.
    n, positives : int
    checks : tuple of Check
    """

    target: str
    version: str
    champion: str
    compared: str
    since: str
    until: str
    n: int
    positives: int
    checks: tuple[Check, ...] = field(default_factory=tuple)

    @property
    def accepted(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def objections(self) -> tuple[str, ...]:
        """What speaks against it, in words."""
        return tuple(check.said for check in self.checks if not check.passed)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the record."""
        return asdict(self) | {"accepted": self.accepted}


def policy_of(model: RiskModel, policy: Policy) -> Policy:
    """The policy with the horizons that a model was trained for."""
    stated = model.facts["policy"]
    return policy.changed(**{name: stated[name] for name in DECIDED_BY[model.target]})


def same_question(model: RiskModel, other: RiskModel) -> bool:
    """Whether two models answer the same question."""
    mine, theirs = model.facts["policy"], other.facts["policy"]
    return all(mine[name] == theirs[name] for name in DECIDED_BY[model.target])


def recipe_of(model: RiskModel, threads: int = 0) -> Recipe:
    """The recipe that a model was trained by, from its own record."""
    facts = model.facts
    return Recipe(
        rhythm=facts["rhythm"],
        seeds=int(facts["seeds"]),
        threads=threads,
        only=tuple(facts.get("attributes_only", ())),
        without=tuple(facts.get("attributes_without", ())),
        left_out=model.left_out,
        parameters=dict(facts.get("parameters", {})),
        half_life_days=float(facts.get("half_life_days", 0.0)),
        tuned_until=str(facts.get("tuned_until", "")),
    )


def choose_window(
    source: Source, models: tuple[RiskModel, ...], target: Target, policy: Policy
) -> Window:
    """The rows to judge models on: fresh ones, else the latest quarter for models fitted again.

    Raises
    ------
    NotReadyError
        If no row has a label at all.
    """
    rhythm: Rhythm = models[0].facts["rhythm"]
    until = source.ends_at + 1
    cutoffs, y, invoice = source.outcomes(target, rhythm, until, policy)
    if not len(cutoffs):
        raise NotReadyError(
            f"{target}: no row of the log has a label, so nothing can be compared. Bring a longer "
            "log, or shorten the horizon in the policy."
        )
    fresh = max(trained_until(model) for model in models)
    later = cutoffs >= fresh
    if min(cases_of(y[later], invoice[later])) >= FEWEST_CASES:
        return Window("as trained", fresh, until)
    tuned = max(tuned_until(model.facts) for model in models)
    return Window("fitted again", untuned_share(cutoffs, y, invoice, tuned), until)


def untuned_share(cutoffs: Ints, y: Floats, invoice: Ints, tuned: int) -> int:
    """Midnight from which on to test: the latest share of the rows, or what no search has seen.

    Parameters
    ----------
    tuned : int
        Moment up to which the search for a recipe knew the log; 0 without one. Where too few
        cases are later, the latest share has to do, see `unseen_by_tuning`.
    """
    since = latest_share(cutoffs)
    later = cutoffs >= tuned
    if since < tuned and min(cases_of(y[later], invoice[later])) >= FEWEST_CASES:
        return tuned
    return since


def unseen_by_tuning(facts: Mapping[str, Any], since: int) -> list[Check]:
    """One failed check where a recipe was chosen with rows in view that it is judged on."""
    tuned = tuned_until(facts)
    if since >= tuned:
        return []
    said = (
        f"tuning: the recipe was chosen with the log up to {timestamp(tuned):%Y-%m-%d} in view and "
        f"is judged on rows from {timestamp(since):%Y-%m-%d} on; tune with an earlier "
        "--train-until, or wait for fresh rows"
    )
    return [Check("tuning", False, said)]


def latest_share(cutoffs: Ints) -> int:
    """Midnight from which on the latest `TEST_SHARE` of some rows are seen, microseconds."""
    since = int(np.quantile(cutoffs, 1 - TEST_SHARE, method="lower"))
    return since - since % DAY


def trained_until(model: RiskModel) -> int:
    """Moment up to which a model, or the search for its recipe, knows the log, microseconds."""
    return max(_moment(model.facts["train_until"]), tuned_until(model.facts))


def tuned_until(facts: Mapping[str, Any]) -> int:
    """Moment up to which the search for a recipe knew the log, microseconds; 0 without one."""
    stated = str(facts.get("tuned_until", ""))
    return _moment(stated) if stated else 0


def _moment(stated: str) -> int:
    return int(np.datetime64(stated.removesuffix("+00:00"), "us").astype(np.int64))


def compare(
    source: Source,
    target: str,
    version: str,
    challenger: RiskModel,
    champion: tuple[str, RiskModel] | None,
    policy: Policy,
    rates: Rates,
    *,
    threads: int = 0,
    repeats: int = 400,
    progress: Progress = lambda _: None,
) -> Decision:
    """Judge a challenger on rows that neither model knows.

    Parameters
    ----------
    version : str
        The challenger's.
    champion : tuple of str and RiskModel, or None
        Version and model that serve now.
    policy : Policy
        The models' own, see `training.registry.champion`.

    Raises
    ------
    NotReadyError
        If no row has a label.
    DataError
        If the window holds no labelled row.
    TooFewCasesError
        If a recipe that has to be fitted again finds too few cases.
    """
    models = (challenger,) if champion is None else (challenger, champion[1])
    asked = cast(Target, target)
    window = choose_window(source, models, asked, policy)
    if window.compared == "fitted again":
        fitted = []
        for name, model in zip(("challenger", "champion"), models, strict=False):
            progress(f"fitting the {name} again")
            recipe = recipe_of(model, threads)
            again, train = fit_model(source, asked, window.since, policy, rates, recipe)
            fitted.append((again, train))
        judged = tuple(model for model, _ in fitted)
        train = fitted[0][1]
    else:
        progress("training rows")
        judged = models
        train = _training_rows(source, asked, challenger, policy, rates)
    progress("fresh rows")
    tests = [
        gather_test(source, _in_rhythm_of(challenger, m), window.since, window.until, policy, rates)
        for m in judged
    ]
    test, p = tests[0], judged[0].probability(tests[0].matrix)
    progress("baselines")
    question = Question(
        name=target,
        y=test.y,
        p=p,
        champion=judged[1].probability(tests[1].matrix) if champion else None,
        rivals=baseline_predictions(asked, train.matrix, train.y, test.matrix),
        balance=test.balance,
        group=test.customer,
        invoice=test.matrix.snapshots.invoice,
        slices=cut_into_slices(
            train, test, source.has_customers, judged[0].encoding, policy
        ).labels,
        prevalence=float(train.y.mean()),
    )
    progress("checks")
    matrix = judged[0].seen(test.matrix)
    leaks = lint(judged[0].encoding, matrix, test.y, policy) + too_good(
        test.y, p, test.matrix, policy
    )
    said = "; ".join(f"'{leak.name}': {leak.why}" for leak in leaks)
    checks = [Check("leakage", not leaks, f"leakage: {said or 'nothing found'}")]
    for model in models:
        checks += unseen_by_tuning(model.facts, window.since)
    checks += judge(question, repeats=repeats)
    return Decision(
        target=target,
        version=version,
        champion=champion[0] if champion else "",
        compared=window.compared,
        since=f"{timestamp(window.since):%Y-%m-%d}",
        until=f"{timestamp(window.until):%Y-%m-%d}",
        n=len(test.y),
        positives=int(test.y.sum()),
        checks=tuple(checks),
    )


def _in_rhythm_of(model: RiskModel, other: RiskModel) -> RiskModel:
    """A model that is asked in another's rhythm, so that both see the same rows."""
    return RiskModel(
        **{name: getattr(other, name) for name in other.__dataclass_fields__}
        | {"facts": other.facts | {"rhythm": model.facts["rhythm"]}}
    )


def _training_rows(
    source: Source, target: Target, model: RiskModel, policy: Policy, rates: Rates
) -> Examples:
    """The rows that a model was trained on, for the baselines to learn from."""
    until = _moment(model.facts["train_until"])
    known = source.before(until)
    rhythm: Rhythm = model.facts["rhythm"]
    return known.examples(target, rhythm, None, until, model.encoding, policy, rates)


def question_of(tested: Backtest) -> Question:
    """The rows of a backtest as a question to a first champion."""
    return Question(
        name=tested.model.target,
        y=tested.test.y,
        p=tested.p,
        champion=None,
        rivals=tested.rivals,
        balance=tested.test.balance,
        group=tested.test.customer,
        invoice=tested.test.matrix.snapshots.invoice,
        slices={},
        prevalence=float(tested.model.facts["prevalence"]),
    )


def judge(question: Question, *, repeats: int = 400) -> list[Check]:
    """Every check but leakage, on outcomes and predictions."""
    few = _too_few(question.y, question.invoice)
    if few:
        return [Check("cases", False, f"{question.name}: {few}; nothing can be judged")]
    predictions = {"challenger": question.p, **question.rivals}
    if question.champion is not None:
        predictions["champion"] = question.champion
    drawn = resample(
        question.y,
        predictions,
        question.balance,
        question.group,
        question.prevalence,
        repeats=repeats,
    )
    checks = [_calibrated(question), _level(question, drawn.of("challenger"))]
    if question.champion is None:
        return checks + [_beats(question, drawn, name) for name in question.rivals]
    over = drawn.difference("challenger", "champion")
    checks += [_keeps_recall(question, over), _keeps_probabilities(question, over)]
    return [*checks, _harms_no_group(question, repeats)]


def _too_few(y: Floats, invoice: NDArray[np.int32]) -> str:
    cases = cases_of(y, invoice)
    if min(cases) >= FEWEST_CASES:
        return ""
    kind = "positive" if cases[0] <= cases[1] else "negative"
    return (
        f"{min(cases):,} invoices with a {kind} outcome in {len(y):,} rows, {FEWEST_CASES} are "
        "needed"
    )


def calibration_noise(
    y: Floats,
    p: Floats,
    group: NDArray[np.integer],
    repeats: int = NOISE_DRAWS,
    seed: int = 0,
) -> float:
    """Calibration error that right probabilities stay below in 95 of 100 samples.

    A wild bootstrap: what each group was off by, bin by bin, is given a random sign, so that rows
    of one customer, and the same invoice seen twice, stay together (Cameron, Gelbach and Miller
    2008, Bootstrap-Based Improvements for Inference with Clustered Errors). What a bin is off by as
    a whole is taken out first: it is what is being asked about, not noise.

    Parameters
    ----------
    y, p : ndarray of float64, shape (n,)
    group : ndarray of integers, shape (n,)
        Customer (or invoice) of each row.

    Returns
    -------
    float
        0 where the rows are, in effect, of fewer than `FEWEST_CUSTOMERS` groups.
    """
    if effective_size(group) < FEWEST_CUSTOMERS:
        return 0.0
    bins = calibration_bins(p)
    names, code = np.unique(group, return_inverse=True)
    n_bins = int(bins.max()) + 1
    of_bin = np.bincount(bins, y - p) / np.maximum(np.bincount(bins), 1)
    residual = y - p - of_bin[bins]
    off = np.bincount(code * n_bins + bins, weights=residual, minlength=len(names) * n_bins)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (repeats, len(names)))
    drawn = np.abs(signs @ off.reshape(len(names), n_bins)).sum(axis=1) / len(p)
    return float(np.quantile(drawn, 0.95))


def _calibrated(question: Question) -> Check:
    error = expected_calibration_error(question.y, question.p)
    share = float(question.y.mean())
    allowed = ECE_SHARE * min(share, 1 - share)
    noise = calibration_noise(question.y, question.p, question.group) if error > allowed else 0.0
    said = (
        f"{question.name}: calibration error {error:.4f}; allowed is {allowed:.4f} "
        f"({ECE_SHARE:g} × the rarer outcome's share)"
    )
    said += f" or what chance alone gives, {noise:.4f}" if error > allowed else ""
    return Check("calibration", error <= max(allowed, noise), said)


def _level(question: Question, own: dict[str, Interval]) -> Check:
    ratio = own["observed_to_expected"]
    low, high = RATIO_BAND
    said = (
        f"{question.name}: {ratio.estimate:.2f} positives for each one predicted "
        f"[{ratio.low:.2f}, {ratio.high:.2f}]; the interval has to touch {low:g} to {high:g}"
    )
    return Check("level", ratio.low <= high and ratio.high >= low, said)


def _beats(question: Question, drawn: Resampled, rival: str) -> Check:
    over = drawn.difference("challenger", rival)
    skill, auc = over["brier_skill"], over["roc_auc"]
    said = (
        f"{question.name}: over the baseline {rival}, Brier skill {_signed(skill)} and ROC AUC "
        f"{_signed(auc)}; the first has to be above 0, the interval of the second may not lie below"
    )
    return Check(f"baseline {rival}", skill.estimate > 0 and not auc.high < 0, said)


def _keeps_recall(question: Question, over: dict[str, Interval]) -> Check:
    recall = over["balance_recall_at_10"]
    said = (
        f"{question.name}: balance reached by the first 10 % of calls, {_signed(recall)} against "
        f"the champion; the interval may not lie below 0, nor its lower bound below "
        f"-{RECALL_MARGIN:g}"
    )
    return Check("balance recall", not (recall.high < 0 or recall.low < -RECALL_MARGIN), said)


def _keeps_probabilities(question: Question, over: dict[str, Interval]) -> Check:
    skill = over["brier_skill"]
    said = (
        f"{question.name}: Brier skill {_signed(skill)} against the champion; the interval may not "
        "lie below 0"
    )
    return Check("probabilities", not skill.high < 0, said)


def _harms_no_group(question: Question, repeats: int) -> Check:
    assert question.champion is not None
    harmed = []
    for cut in JUDGED:
        labels = question.slices.get(cut, np.empty(0, dtype=object))
        for name in sorted(set(labels)):
            rows = labels == name
            if _too_few(question.y[rows], question.invoice[rows]):
                continue
            found = _brier_rise(question, rows, repeats)
            if found.estimate > HARM and found.low > 0:
                harmed.append(f"{cut} {name} ({_signed(found, '.0%')})")
    said = f"Brier score up by more than {HARM:.0%} in: {', '.join(harmed) or 'no group'}"
    return Check("groups", not harmed, f"{question.name}: {said}")


def _brier_rise(question: Question, rows: NDArray[np.bool_], repeats: int) -> Interval:
    """Rise of the Brier score over the champion's, a share of it, with its 95 % interval."""
    assert question.champion is not None
    y, group = question.y[rows], question.group[rows]
    mine, theirs = (question.p[rows] - y) ** 2, (question.champion[rows] - y) ** 2
    names, code = np.unique(group, return_inverse=True)
    sums = np.stack([np.bincount(code, mine), np.bincount(code, theirs)])
    drawn = np.random.default_rng(0).multinomial(
        len(names), np.full(len(names), 1 / len(names)), repeats
    )
    new, old = drawn @ sums[0], drawn @ sums[1]
    rise = np.divide(new, old, out=np.ones(repeats), where=old > 0) - 1
    low, high = np.quantile(rise, [0.025, 0.975])
    return Interval(float(sums[0].sum() / max(sums[1].sum(), 1e-12) - 1), float(low), float(high))


def _signed(found: Interval, form: str = ".3f") -> str:
    low, high = format(found.low, f"+{form}"), format(found.high, f"+{form}")
    return f"{format(found.estimate, f'+{form}')} [{low}, {high}]"
