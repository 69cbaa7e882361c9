"""What of a payment curve is watched: what it says at one horizon, as another model its answer.

Every snapshot asks whether its invoice will be unpaid `DAYS` days later, so that drift, calibration
and quality of the curve are judged by the same rules as those of the other models.
"""

from __future__ import annotations

import numpy as np

from eventlog.known import known_by
from eventlog.ledger import Ledger, days_overdue
from features.matrix import Matrix
from features.snapshots import Snapshots
from training.curve import draw_horizons, unpaid, window_ends, with_horizon
from training.labels import Labels

#: Horizon at which the curve is watched, in days from the cutoff.
DAYS = 30
QUESTION = f"still unpaid {DAYS} days from the cutoff, the horizon at which the curve is watched"


def label_at_horizon(ledger: Ledger, snapshots: Snapshots, log_end: int) -> Labels:
    """Label every snapshot at the watched horizon; what was credited stays unpaid."""
    days = np.full(len(snapshots), float(DAYS))
    asked = np.ones(len(snapshots), dtype=bool)
    y = unpaid(ledger, snapshots, days, log_end)
    return Labels(asked, y, window_ends(snapshots, days), n_credited=0)


def at_horizon(matrix: Matrix) -> Matrix:
    """The matrix with the watched horizon's columns behind its own."""
    return with_horizon(matrix, np.full(len(matrix.snapshots), float(DAYS)))


def pairs_known(ledger: Ledger, snapshots: Snapshots, train_until: int) -> int:
    """How many pairs of snapshot and horizon a curve trained at a moment has learned from.

    Parameters
    ----------
    snapshots : Snapshots
        In the curve's rhythm, from the log's start on.
    train_until : int
        Exclusive, microseconds.
    """
    before = snapshots.take(snapshots.cutoff < train_until)
    past_due = days_overdue(ledger.as_of(before.invoice, before.cutoff), before.cutoff)
    row, days = draw_horizons(before, past_due)
    return int(known_by(window_ends(before.take(row), days), train_until - 1).sum())
