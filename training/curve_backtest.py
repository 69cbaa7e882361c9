"""The payment curve's test: calibration at horizons, three buckets, payment dates, cash.

Trained on what was known at one date, asked of snapshots seen after it. Beside it stands a life
table: the share of the training snapshots of the same ageing bucket that were unpaid as much later.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from eventlog.errors import DataError
from eventlog.fold import Closed
from eventlog.known import Ints
from eventlog.ledger import Ledger, bucket_of_days, keep_ledger
from eventlog.log import DAY, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.as_of import shrunk
from features.matrix import Matrix, build_matrix
from features.snapshots import Rhythm, Snapshots, grid, take_snapshots
from training.cash import CashTest, run_cash_test
from training.curve import (
    MOST_DAYS,
    Curves,
    buckets,
    curves_of,
    days_to_late,
    fit_curve,
    in_memory,
    refuse_thresholds,
    unpaid,
    window_ends,
)
from training.evaluation import expected_calibration_error, metrics, reliability
from training.examples import Source
from training.fit import Progress, Recipe
from training.intervals import resample
from training.labels import phase
from training.model import RiskModel

Floats = NDArray[np.float64]

#: Days from the cutoff at which the curve is held against what happened.
HORIZONS = (7, 30, 60, 90)
#: Share of payments that the interval of the payment date is to hold.
HELD = 0.8
BUCKETS = ("on time", "late", "very late")
#: Cases' worth of the whole that a cell of the life table is mixed with.
CELL_PRIOR = 20.0


@dataclass(frozen=True)
class CurveBacktest:
    """A payment curve and how it did.

    Attributes
    ----------
    model : RiskModel
    report : dict
        Plain values: what `duecast backtest --target payment_curve --json` prints.
    asked : tuple of Asked
        The horizons with their rows.
    matrix : Matrix
        Of all test snapshots.
    cash : CashTest
    """

    model: RiskModel
    report: dict[str, Any]
    asked: tuple[Asked, ...]
    matrix: Matrix
    cash: CashTest


@dataclass(frozen=True)
class Asked:
    """What happened at one horizon, and what was said of it.

    Attributes
    ----------
    days : int
    rows : ndarray of int64, shape (n,)
        Positions of the snapshots whose window was over.
    y, p, rival : ndarray of float64, shape (n,)
        Unpaid or not; the curve's probability; the life table's.
    overall : float
        Share unpaid of all training snapshots.
    balance : ndarray of float64, shape (n,)
    group : ndarray of int32, shape (n,)
        Customer, or invoice where the log names none.
    """

    days: int
    rows: NDArray[np.int64]
    y: Floats
    p: Floats
    rival: Floats
    overall: float
    balance: Floats
    group: NDArray[np.int32]


def ask(
    log: EventLog, snapshots: Snapshots, matrix: Matrix, curves: Curves, table: LifeTable
) -> tuple[Asked, ...]:
    """Hold curves against what happened at each of `HORIZONS`."""
    ledger = keep_ledger(log, table.policy)
    invoice = snapshots.invoice
    group = log.invoice_customer[invoice] if log.has_customers else invoice
    balance = np.nan_to_num(matrix["balance"].astype(np.float64))
    found = []
    for days in HORIZONS:
        horizon = np.full(len(snapshots), float(days))
        y = unpaid(ledger, snapshots, horizon, log.ends_at)
        rows = np.flatnonzero(~np.isnan(y))
        rival, overall = table.at(days, matrix.take(rows))
        p = curves.at(horizon)[rows]
        found.append(Asked(days, rows, y[rows], p, rival, overall, balance[rows], group[rows]))
    return tuple(found)


def run_curve_backtest(
    log: EventLog | Source,
    train_until: int,
    test_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    *,
    repeats: int = 400,
    progress: Progress = lambda _: None,
) -> CurveBacktest:
    """Train on what was known at ``train_until``, test on ``[train_until, test_until)``.

    Raises
    ------
    TooFewCasesError
        If the training rows hold too few paid or unpaid pairs.
    DataError
        If there is nothing to test on.
    """
    refuse_thresholds(policy.late_after_days, policy.very_late_after_days)
    source = in_memory(log)
    model, examples = fit_curve(source, train_until, policy, rates, recipe, progress)
    progress("test rows")
    known, whole = source.before(train_until).log, source.log
    ledger = keep_ledger(whole, policy)
    rhythm: Rhythm = model.facts["rhythm"]
    snapshots = take_snapshots(whole, ledger, rhythm, train_until, test_until)
    if not len(snapshots):
        raise DataError(
            f"No invoice was open from {timestamp(train_until):%Y-%m-%d} to "
            f"{timestamp(test_until):%Y-%m-%d}. Choose dates inside the log."
        )
    matrix = build_matrix(whole, snapshots, model.encoding, policy, rates)
    curves = curves_of(model, matrix)
    progress("calibration")
    asked = ask(whole, snapshots, matrix, curves, life_table(known, rhythm, policy))
    by_horizon = {str(each.days): _at_horizon(each, repeats) for each in asked}
    progress("buckets")
    bucketed = _bucketed(whole, snapshots, curves, matrix, policy)
    progress("cash")
    cash = run_cash_test(whole, model, grid("monthly", train_until, test_until), policy, rates)
    report = {
        "target": model.target,
        "train_until": timestamp(train_until).isoformat(),
        "test_until": timestamp(test_until).isoformat(),
        "log_end": timestamp(whole.ends_at).isoformat(),
        "snapshots": rhythm,
        "policy": policy.as_dict(),
        "n_train": len(examples.y),
        "n_train_unfinished": examples.n_unknown,
        "n_test": len(snapshots),
        "rounds": model.facts["rounds"],
        "calibration": model.calibrator.kind,
        "by_horizon": by_horizon,
        "buckets": bucketed,
        "payment_date": _payment_dates(ledger, snapshots, curves, whole.ends_at),
        "crossings": int((np.diff(curves.unpaid, axis=1) > 0).sum()),
        "cash": {
            "weeks": int(cash.table["week"].max()) if len(cash.table) else 0,
            "cutoffs": sorted({f"{moment:%Y-%m-%d}" for moment in cash.table["cutoff"]}),
            "errors": cash.errors,
        },
    }
    return CurveBacktest(model, report, asked, matrix, cash)


def _at_horizon(asked: Asked, repeats: int) -> dict[str, Any]:
    """Metrics at one horizon, the life table's beside, intervals by resampled customers."""
    y, p, balance, overall = asked.y, asked.p, asked.balance, asked.overall
    found: dict[str, Any] = metrics(y, p, balance, overall)
    if not len(y):
        return found
    found["life_table"] = metrics(y, asked.rival, balance, overall)
    found["reliability"] = reliability(y, p).to_dict(orient="list")
    if repeats:
        both = {"model": p, "life_table": asked.rival}
        drawn = resample(y, both, balance, asked.group, overall, repeats=repeats)
        found["intervals"] = {name: asdict(each) for name, each in drawn.of("model").items()}
        over = drawn.difference("model", "life_table")
        found["over_life_table"] = {name: asdict(each) for name, each in over.items()}
    return found


@dataclass(frozen=True)
class LifeTable:
    """Training snapshots by ageing bucket, and the ledger that says when they were paid."""

    log: EventLog
    policy: Policy
    snapshots: Snapshots
    bucket: NDArray[np.object_]

    def at(self, days: int, test: Matrix) -> tuple[Floats, float]:
        """Share unpaid so much later of each test row's bucket, and of all."""
        ledger = keep_ledger(self.log, self.policy)
        horizon = np.full(len(self.snapshots), float(days))
        y = unpaid(ledger, self.snapshots, horizon, self.log.ends_at)
        rows = ~np.isnan(y)
        overall = float(y[rows].mean()) if rows.any() else 0.5
        names = np.unique(self.bucket[rows].astype(str))
        code = np.searchsorted(names, self.bucket[rows].astype(str))
        hits = np.bincount(code, y[rows], len(names) + 1).astype(np.float64)
        cases = np.bincount(code, minlength=len(names) + 1).astype(np.float64)
        rate = shrunk(hits, cases, np.full(len(cases), overall), CELL_PRIOR)
        asked = bucket_of_days(test["days_past_due"].astype(np.float64)).astype(str)
        place = np.clip(np.searchsorted(names, asked), 0, len(names) - 1)
        return rate[np.where(names[place] == asked, place, len(names))], overall


def life_table(known: EventLog, rhythm: Rhythm, policy: Policy) -> LifeTable:
    """The life table of all that was known."""
    ledger = keep_ledger(known, policy)
    snapshots = take_snapshots(known, ledger, rhythm, None, known.ends_at + 1)
    days = days_to_late(ledger, snapshots, policy, 0)
    return LifeTable(known, policy, snapshots, bucket_of_days(1.0 - days))


def _bucketed(
    log: EventLog, snapshots: Snapshots, curves: Curves, matrix: Matrix, policy: Policy
) -> dict[str, Any]:
    """On time, late, very late: mean probability against the share that it was, of rows in time."""
    ledger = keep_ledger(log, policy)
    late = days_to_late(ledger, snapshots, policy, policy.late_after_days)
    very = days_to_late(ledger, snapshots, policy, policy.very_late_after_days)
    in_time = (phase(ledger, snapshots, policy) == "not yet late") & (very <= MOST_DAYS)
    rows = np.flatnonzero(in_time)
    pairs = snapshots.take(rows)
    y_late = unpaid(ledger, pairs, late[rows], log.ends_at)
    y_very = unpaid(ledger, pairs, very[rows], log.ends_at)
    known = ~np.isnan(y_very)
    rows, y_late, y_very = rows[known], y_late[known], y_very[known]
    p = buckets(Curves(curves.days, curves.unpaid[rows]), late[rows], very[rows])
    became = np.column_stack([1 - y_late, y_late - y_very, y_very]).clip(0, 1)
    found: dict[str, Any] = {
        "n": len(rows),
        "late_after_days": policy.late_after_days,
        "very_late_after_days": policy.very_late_after_days,
    }
    if not len(rows):
        return found
    for i, name in enumerate(BUCKETS):
        both = 0 < became[:, i].mean() < 1
        found[name] = {
            "positives": int(became[:, i].sum()),
            "observed": float(became[:, i].mean()),
            "mean_p": float(p[:, i].mean()),
            "ece": expected_calibration_error(became[:, i], p[:, i]),
            "roc_auc": float(roc_auc_score(became[:, i], p[:, i])) if both else None,
        }
    base = became.mean(axis=0)
    found["log_loss"] = float(-np.log(np.clip((p * became).sum(axis=1), 1e-6, 1)).mean())
    found["log_loss_base_rates"] = float(-np.log(np.clip(became @ base, 1e-6, 1)).mean())
    return found


def _payment_dates(
    ledger: Ledger, snapshots: Snapshots, curves: Curves, log_end: int
) -> dict[str, Any]:
    """How well the expected date and its interval hold where 180 days are over.

    Dates are whole days, as the worklist says them. The interval is judged on the rows where both
    its dates lie within 180 days, whatever became of them; errors are of the rows that have an
    expected date and were paid, both within 180 days.
    """
    over = snapshots.cutoff + MOST_DAYS * DAY <= log_end
    rows = np.flatnonzero(over)
    if not len(rows):
        return {"n": 0}
    mine, seen = Curves(curves.days, curves.unpaid[rows]), snapshots.take(rows)
    paid = _day_of_payment(ledger, seen)
    low, middle, high = (
        _day_by_which(mine.quantile(share), seen) for share in ((1 - HELD) / 2, 0.5, (1 + HELD) / 2)
    )
    bounded = np.isfinite(high)
    held = (paid >= low) & (paid <= high)
    both = np.isfinite(middle) & np.isfinite(paid)
    off = np.abs(middle[both] - paid[both])
    return {
        "n": len(rows),
        "interval": HELD,
        "n_bounded": int(bounded.sum()),
        "held_by_interval": float(held[bounded].mean()) if bounded.any() else None,
        "n_with_error": int(both.sum()),
        "median_absolute_error_days": float(np.median(off)) if len(off) else None,
        "mean_absolute_error_days": float(off.mean()) if len(off) else None,
        "predicted_beyond": int((~np.isfinite(middle)).sum()),
        "unpaid_after_180_days": int((~np.isfinite(paid)).sum()),
    }


def _day_of_payment(ledger: Ledger, snapshots: Snapshots) -> Floats:
    """Day since 1970 on which each invoice was closed by payment; inf if not in 180 days."""
    end: Ints = snapshots.cutoff + MOST_DAYS * DAY
    later = ledger.as_of(snapshots.invoice, end)
    moment = np.maximum(later["closed_at"], snapshots.cutoff)
    return np.where(later["closed"] == Closed.PAID, moment // DAY, np.inf)


def _day_by_which(days: Floats, snapshots: Snapshots) -> Floats:
    """Day since 1970 that ends so many days after each cutoff, as the worklist dates it; or inf."""
    known = np.isfinite(days)
    end = window_ends(snapshots, np.where(known, days, 0.0)) - 1
    return np.where(known, np.maximum(end, snapshots.cutoff) // DAY, np.inf)
