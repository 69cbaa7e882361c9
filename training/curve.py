"""The payment curve: how likely an invoice is to be unpaid h days from now, for any h up to 180.

One classifier answers for every h: the horizon is a feature, and the days past due that the invoice
would then have is another. The trees may only let the probability fall as either rises, so a curve
never crosses itself. Whoever asks for another threshold asks the same model.

Each snapshot is drawn at several horizons. Whether a pair of snapshot and horizon is learned from
depends on whether its window was over when the log ended, never on what happened in it, so an
invoice that is still open at the end teaches what is known of it: unpaid so far.

Only payment is cash. An invoice that was credited or written off stays unpaid for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import SettingsError
from eventlog.fold import Closed
from eventlog.known import Ints, known_by
from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import DAY, NONE, EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding, choose_encoding
from features.matrix import Matrix, build_matrix
from features.snapshots import Rhythm, Snapshots, take_snapshots
from training.curve_reader import read_margins
from training.examples import Examples, InMemory, Source, source_of
from training.fit import Progress, Recipe, fit_examples, in_rhythm, refuse_too_few
from training.labels import late_from
from training.model import HORIZON, THEN, RiskModel, check_columns

Floats = NDArray[np.float64]

TARGET = "payment_curve"
#: Farthest horizon, in days.
MOST_DAYS = 180
#: One horizon is drawn from each of these stretches of days for every snapshot, and one near the
#: due date, where most payments come.
STRETCHES = ((1, 7), (8, 21), (22, 45), (46, 90), (91, MOST_DAYS))
NEAR_DUE = (-5, 15)
#: Pairs of snapshot and horizon that a curve is learned from, at most; a random part beyond it.
MOST_PAIRS = 500_000
#: Horizons at which a whole curve is read, whole weeks among them; straight lines join them.
GRID = (
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 21, 25, 28, 30, 35, 42, 45, 49, 56, 60, 63, 70),
    *(77, 84, 90, 105, 120, 135, 150, 165, MOST_DAYS),
)


def unpaid(ledger: Ledger, snapshots: Snapshots, days: Floats, log_end: int) -> Floats:
    """Whether each snapshot's invoice was still unpaid some days later.

    Parameters
    ----------
    days : ndarray of float64, shape (n_snapshots,)
        Days from the cutoff.
    log_end : int
        Up to when the log says what happened, microseconds.

    Returns
    -------
    ndarray of float64, shape (n_snapshots,)
        1 unpaid (open, credited or written off), 0 paid, NaN where the window was not over when
        the log ended.
    """
    window_end = window_ends(snapshots, days)
    later = ledger.as_of(snapshots.invoice, window_end)
    happened = (later["closed"] != Closed.PAID).astype(np.float64)
    return np.where(known_by(window_end, log_end), happened, np.nan)


def window_ends(snapshots: Snapshots, days: Floats) -> Ints:
    """The moments so many days from each cutoff, microseconds."""
    found: Ints = snapshots.cutoff + np.round(days * DAY).astype(np.int64)
    return found


def draw_horizons(
    snapshots: Snapshots, days_past_due: Floats, seed: int = 0
) -> tuple[NDArray[np.int64], Floats]:
    """Draw horizons for each snapshot: one a stretch, and one near the due date.

    Parameters
    ----------
    days_past_due : ndarray of float64, shape (n_snapshots,)
        NaN without a due date; such snapshots get any horizon in the due date's place.

    Returns
    -------
    row : ndarray of int64, shape (n_pairs,)
        Position among the snapshots.
    days : ndarray of float64, shape (n_pairs,)
        Whole days, 1 to 180.
    """
    random, n = np.random.default_rng(seed), len(snapshots)
    drawn = [random.integers(low, high + 1, n) for low, high in STRETCHES]
    near = -days_past_due + random.integers(NEAR_DUE[0], NEAR_DUE[1] + 1, n)
    anywhere = random.integers(1, MOST_DAYS + 1, n)
    useful = (near >= 1) & (near <= MOST_DAYS)
    days = np.stack([*drawn, np.where(useful, near, anywhere)], axis=1).astype(np.float64)
    row = np.repeat(np.arange(n), days.shape[1])
    days = days.ravel()
    if len(row) > MOST_PAIRS:
        kept = np.sort(random.choice(len(row), MOST_PAIRS, replace=False))
        row, days = row[kept], days[kept]
    return row, days


def with_horizon(matrix: Matrix, days: Floats) -> Matrix:
    """The matrix with the two columns of a horizon behind its own, days of shape (n_rows,)."""
    then = matrix["days_past_due"].astype(np.float64) + days
    values = np.empty((len(days), len(matrix.columns) + 2), dtype=np.float32)
    values[:, :-2] = matrix.values
    values[:, -2], values[:, -1] = days, then
    return Matrix((*matrix.columns, HORIZON, THEN), values, matrix.categories, matrix.snapshots)


def curve_examples(
    log: EventLog,
    rhythm: Rhythm,
    since: int | None,
    until: int,
    encoding: Encoding,
    policy: Policy,
    rates: Rates,
    seed: int = 0,
) -> Examples:
    """Pairs of snapshot and horizon with cutoffs in ``[since, until)`` and windows over.

    One row a pair; `y` is 1 where the invoice was unpaid at the horizon.
    """
    ledger = keep_ledger(log, policy)
    snapshots = take_snapshots(log, ledger, rhythm, since, until)
    past_due = _days_past_due(ledger, snapshots)
    row, days = draw_horizons(snapshots, past_due, seed)
    pairs = snapshots.take(row)
    y = unpaid(ledger, pairs, days, log.ends_at)
    known = ~np.isnan(y)
    row, days, y = row[known], days[known], y[known]
    used, place = np.unique(row, return_inverse=True)
    matrix = build_matrix(log, snapshots.take(used), encoding, policy, rates)
    of_pairs = with_horizon(matrix.take(place), days)
    invoice = of_pairs.snapshots.invoice
    return Examples(
        matrix=of_pairs,
        y=y,
        window_end=window_ends(of_pairs.snapshots, days),
        balance=np.nan_to_num(of_pairs["balance"].astype(np.float64)),
        customer=log.invoice_customer[invoice] if log.has_customers else invoice,
        n_unknown=int((~known).sum()),
    )


def _days_past_due(ledger: Ledger, snapshots: Snapshots) -> Floats:
    due = ledger.as_of(snapshots.invoice, snapshots.cutoff)["due_date"]
    days = (snapshots.cutoff // DAY - due // DAY).astype(np.float64)
    return np.where(due == NONE, np.nan, days)


def fit_curve(
    log: EventLog | Source,
    train_until: int,
    policy: Policy,
    rates: Rates,
    recipe: Recipe,
    progress: Progress = lambda _: None,
) -> tuple[RiskModel, Examples]:
    """Train the payment curve on what was known at ``train_until``.

    Parameters
    ----------
    train_until : int
        Exclusive, microseconds; the log is cut first.

    Returns
    -------
    model : RiskModel
        Its columns are the matrix's and the two of a horizon; read it with `unpaid_at`.
    examples : Examples
        The pairs it was trained on.

    Raises
    ------
    TooFewCasesError
        If there are too few paid or unpaid pairs.
    SettingsError
        If the log is on a cluster.
    """
    known = in_memory(log).before(train_until)
    progress("snapshots")
    recipe = in_rhythm(known, recipe, train_until, policy)
    encoding = choose_encoding(known.log, train_until, only=recipe.only, without=recipe.without)
    progress("features")
    rhythm: Rhythm = recipe.rhythm or "weekly"
    examples = curve_examples(known.log, rhythm, None, train_until, encoding, policy, rates)
    refuse_too_few(TARGET, len(examples.y), examples.cases)
    model = fit_examples(examples, encoding, TARGET, train_until, policy, recipe, progress)
    return model, examples


def in_memory(log: EventLog | Source) -> InMemory:
    """The log as one in memory.

    Raises
    ------
    SettingsError
        If it is on a cluster.
    """
    source = source_of(log)
    if not isinstance(source, InMemory):
        raise SettingsError(
            "The payment curve is trained on one machine only. Train it without --scheduler, for "
            "instance on some of the partitions."
        )
    return source


def unpaid_at(model: RiskModel, matrix: Matrix, days: Floats) -> Floats:
    """Probability that each row's invoice is unpaid some days from its cutoff.

    Parameters
    ----------
    model : RiskModel
        From `fit_curve`.
    matrix : Matrix of shape (n, n_columns)
        Features at the cutoff, without a horizon.
    days : ndarray of float64, shape (n,)
        0 to 180; beyond it the probability at 180, at 0 and before it 1.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    asked = with_horizon(matrix.without(model.left_out), np.clip(days, 0.0, MOST_DAYS))
    return np.where(days <= 0, 1.0, model.probability(asked))


@dataclass(frozen=True)
class Curves:
    """Payment curves of some invoices.

    Attributes
    ----------
    days : ndarray of float64, shape (n_points,)
        Days from the cutoff, rising from 0.
    unpaid : ndarray of float64, shape (n, n_points)
        Probability of being unpaid then: 1 at first, never rising.
    """

    days: Floats
    unpaid: Floats

    def at(self, days: Floats) -> Floats:
        """Probability of being unpaid at a horizon of each row's own, shape (n,)."""
        days = np.clip(days, 0.0, self.days[-1])
        right = np.clip(np.searchsorted(self.days, days, side="left"), 1, len(self.days) - 1)
        row = np.arange(len(self.unpaid))
        before, after = self.unpaid[row, right - 1], self.unpaid[row, right]
        start, width = self.days[right - 1], np.diff(self.days)[right - 1]
        return before + (after - before) * (days - start) / width

    def quantile(self, share: float) -> Floats:
        """Days until a share of the probability has been paid, shape (n,); inf beyond the curve."""
        found = np.full(len(self.unpaid), np.inf)
        paid = 1.0 - self.unpaid
        reaches = paid[:, -1] >= share
        right = np.argmax(paid[reaches] >= share, axis=1)
        row = np.arange(len(right))
        low, high = paid[reaches][row, right - 1], paid[reaches][row, right]
        part = np.divide(share - low, high - low, out=np.ones(len(right)), where=high > low)
        found[reaches] = self.days[right - 1] + part * (self.days[right] - self.days[right - 1])
        return found

    def area(self, since: Floats) -> Floats:
        """Expected unpaid days from some days after the cutoff to the curve's end, shape (n,)."""
        since = np.clip(since, 0.0, self.days[-1])
        width = np.diff(self.days)
        pieces = (self.unpaid[:, 1:] + self.unpaid[:, :-1]) / 2 * width
        upto = np.column_stack([np.zeros(len(pieces)), np.cumsum(pieces, axis=1)])
        right = np.clip(np.searchsorted(self.days, since, side="left"), 1, len(self.days) - 1)
        row = np.arange(len(pieces))
        inside = (self.at(since) + self.unpaid[row, right - 1]) / 2 * (since - self.days[right - 1])
        return upto[:, -1] - upto[row, right - 1] - inside


def curves_of(model: RiskModel, matrix: Matrix, days: Sequence[float] = GRID) -> Curves:
    """Read the payment curve of every row.

    Parameters
    ----------
    days : sequence of float
        Points of the curve, rising from 0.
    """
    points = np.asarray(days, dtype=np.float64)
    matrix = matrix.without(model.unseen)
    check_columns(model.columns, (*matrix.columns, HORIZON, THEN))
    past_due = matrix.columns.index("days_past_due")
    found = np.ones((len(matrix.snapshots), len(points)))
    margins = read_margins(model.boosters, matrix.values, points[1:], past_due)
    found[:, 1:] = model.calibrator.probability(margins)
    return Curves(points, found)


def days_to_late(ledger: Ledger, snapshots: Snapshots, policy: Policy, after_days: int) -> Floats:
    """Days from each cutoff until an invoice is late by more than so many days; NaN without due."""
    states = ledger.as_of(snapshots.invoice, snapshots.cutoff)
    moment = late_from(states, policy.changed(late_after_days=after_days))
    return np.where(moment == NONE, np.nan, (moment + 1 - snapshots.cutoff) / DAY)


def buckets(curves: Curves, late: Floats, very_late: Floats) -> Floats:
    """Probabilities of being paid on time, late and very late, at any two thresholds.

    Parameters
    ----------
    late, very_late : ndarray of float64, shape (n,)
        Days from the cutoff until the invoice counts as late, and as very late
        (`days_to_late`); NaN without a due date.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Rows add up to 1; NaN without a due date, and where a threshold lies beyond the curve's
        end. "Very late" holds what is never paid, too.
    """
    on_time = 1.0 - curves.at(np.nan_to_num(late))
    upto_very = 1.0 - curves.at(np.nan_to_num(very_late))
    found = np.column_stack([on_time, upto_very - on_time, 1.0 - upto_very])
    found[~((late <= curves.days[-1]) & (very_late <= curves.days[-1]))] = np.nan
    return found


def refuse_thresholds(late_days: int, very_late_days: int) -> None:
    """Refuse a "very late" that does not lie after "late".

    Raises
    ------
    SettingsError
        Naming both.
    """
    if very_late_days <= late_days:
        raise SettingsError(
            f"very_late_after_days ({very_late_days}) must lie after late_after_days "
            f"({late_days}). Raise it."
        )
