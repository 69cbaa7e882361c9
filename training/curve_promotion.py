"""May another payment curve serve? The checks of `training.promotion`, at each horizon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import NotReadyError
from eventlog.known import Ints
from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import DAY, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding
from features.matrix import Matrix, build_matrix
from features.snapshots import Rhythm, Snapshots, take_snapshots
from training.curve import TARGET, Curves, curves_of, days_to_late, fit_curve, in_memory, unpaid
from training.curve_backtest import HORIZONS, Asked, ask, life_table
from training.examples import Source, cases_of
from training.fit import Progress
from training.gate import Finding, lint, too_good
from training.model import RiskModel
from training.promotion import (
    FEWEST_CASES,
    TEST_SHARE,
    Check,
    Decision,
    Question,
    Window,
    judge,
    latest_share,
    recipe_of,
    trained_until,
)
from training.slices import slices_of

Floats = NDArray[np.float64]

#: Horizon of the linter's question where an invoice is late already or has no due date, in days.
LINTED_DAYS = 30.0


def compare_curves(
    source: Source,
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
    """Judge a payment curve at `HORIZONS` on rows that neither curve knows.

    Horizons with too few cases of either outcome are not judged; one at least has to be.

    Raises
    ------
    NotReadyError
        If no window of the longest horizon is over.
    """
    log = in_memory(source).log
    models = [challenger] if champion is None else [challenger, champion[1]]
    rhythm: Rhythm = challenger.facts["rhythm"]
    ledger = keep_ledger(log, policy)
    window = _window(log, ledger, models, rhythm)
    if window.compared == "fitted again":
        progress("fitting again")
        models = [
            fit_curve(log, window.since, policy, rates, recipe_of(model, threads))[0]
            for model in models
        ]
        until = window.since
    else:
        until = trained_until(challenger)
    progress("fresh rows")
    snapshots = take_snapshots(log, ledger, rhythm, window.since, window.until)
    matrices = [build_matrix(log, snapshots, m.encoding, policy, rates) for m in models]
    curves = [curves_of(m, matrix) for m, matrix in zip(models, matrices, strict=True)]
    table = life_table(log.upto(until - 1), rhythm, policy)
    progress("checks")
    seen = matrices[0].without(models[0].unseen)
    leaks = lint_curve(log, snapshots, seen, models[0].encoding, policy)
    leaks += _too_good_curve(log, snapshots, matrices[0], curves[0], policy)
    said = "; ".join(f"'{leak.name}': {leak.why}" for leak in leaks)
    checks = [Check("leakage", not leaks, f"leakage: {said or 'nothing found'}")]
    mine, *others = (
        ask(log, snapshots, matrix, each, table)
        for matrix, each in zip(matrices, curves, strict=True)
    )
    checks += judge_curve(
        mine, others[0] if others else None, matrices[0], models[0], policy, repeats
    )
    return Decision(
        target=TARGET,
        version=version,
        champion=champion[0] if champion else "",
        compared=window.compared,
        since=f"{timestamp(window.since):%Y-%m-%d}",
        until=f"{timestamp(window.until):%Y-%m-%d}",
        n=len(snapshots),
        positives=int(mine[-1].y.sum()),
        checks=tuple(checks),
    )


def judge_curve(
    mine: tuple[Asked, ...],
    champion: tuple[Asked, ...] | None,
    matrix: Matrix,
    model: RiskModel,
    policy: Policy,
    repeats: int = 400,
) -> list[Check]:
    """The checks at each horizon that has cases enough of both outcomes; one at least has to."""
    checks: list[Check] = []
    for i, asked in enumerate(mine):
        if min(cases_of(asked.y, matrix.snapshots.invoice[asked.rows])) < FEWEST_CASES:
            continue
        question = Question(
            name=f"unpaid after {asked.days} days",
            y=asked.y,
            p=asked.p,
            champion=champion[i].p if champion else None,
            rivals={"life_table": asked.rival},
            balance=asked.balance,
            group=asked.group,
            invoice=matrix.snapshots.invoice[asked.rows],
            slices=slices_of(matrix.take(asked.rows), model.encoding, policy).labels,
            prevalence=asked.overall,
        )
        checks += judge(question, repeats=repeats)
    if checks:
        return checks
    named = f"no horizon of {HORIZONS} days has {FEWEST_CASES} cases of both outcomes"
    return [Check("cases", False, f"{TARGET}: {named}; nothing can be judged")]


def _window(log: EventLog, ledger: Ledger, models: list[RiskModel], rhythm: Rhythm) -> Window:
    """Fresh snapshots whose longest horizon is over, else the latest quarter of these."""
    until = log.ends_at - HORIZONS[-1] * DAY + 1
    found = take_snapshots(log, ledger, rhythm, None, until)
    cutoffs: Ints = found.cutoff
    if not len(cutoffs):
        raise NotReadyError(
            f"{TARGET}: no snapshot lies {HORIZONS[-1]} days before the log's end on "
            f"{timestamp(log.ends_at):%Y-%m-%d}. Bring a longer log."
        )
    fresh = max(trained_until(model) for model in models)
    later = np.unique(found.invoice[cutoffs >= fresh])
    if len(later) >= FEWEST_CASES / TEST_SHARE:
        return Window("as trained", fresh, until)
    return Window("fitted again", latest_share(cutoffs), until)


def lint_curve(
    log: EventLog, snapshots: Snapshots, matrix: Matrix, encoding: Encoding, policy: Policy
) -> list[Finding]:
    """Look for leaks at the moment that invoices in time turn late, and 30 days on for the others.

    At a fixed horizon the days to the due date alone may tell who has paid by then, and rightly so.
    """
    y, _ = _linted(log, snapshots, policy)
    rows = ~np.isnan(y)
    return lint(encoding, matrix.take(rows), y[rows], policy)


def _linted(log: EventLog, snapshots: Snapshots, policy: Policy) -> tuple[Floats, Floats]:
    """Outcomes that the linter looks at, and the days after which."""
    ledger = keep_ledger(log, policy)
    days = days_to_late(ledger, snapshots, policy, policy.late_after_days)
    days = np.where(days > 0, days, LINTED_DAYS)
    return unpaid(ledger, snapshots, days, log.ends_at), days


def _too_good_curve(
    log: EventLog, snapshots: Snapshots, matrix: Matrix, curves: Curves, policy: Policy
) -> list[Finding]:
    """Object to a curve that ranks the outcomes of `lint_curve` beyond belief."""
    y, days = _linted(log, snapshots, policy)
    rows = ~np.isnan(y)
    return too_good(y[rows], curves.at(days)[rows], matrix.take(rows), policy)
