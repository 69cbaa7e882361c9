"""Which (invoice, cutoff) pairs are looked at: only invoices that are open at the cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import SettingsError
from eventlog.known import Codes, Ints
from eventlog.ledger import Ledger, is_open
from eventlog.log import NONE, EventLog, micros, timestamp
from eventlog.open_invoices import open_at
from eventlog.template import Role, role_of

Rhythm = Literal["posting", "weekly", "monthly"]


@dataclass(frozen=True)
class Snapshots:
    """Invoices and the moments at which they are seen.

    Attributes
    ----------
    invoice : ndarray of int32, shape (n_snapshots,)
    cutoff : ndarray of int64, shape (n_snapshots,)
        Microseconds since 1970 UTC.
    """

    invoice: Codes
    cutoff: Ints

    def __len__(self) -> int:
        """Number of snapshots."""
        return len(self.invoice)

    def take(self, rows: NDArray[np.generic]) -> Snapshots:
        """Some of the snapshots, by position or mask."""
        return Snapshots(self.invoice[rows], self.cutoff[rows])


#: None at all.
NO_SNAPSHOTS = Snapshots(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))


def at_posting(log: EventLog, ledger: Ledger) -> Snapshots:
    """Each invoice at the moment it was first posted; generated, in a log without postings.

    Whether a log has postings is told by its activities, which every part of a log shares.
    """
    steps = ledger.steps
    has_postings = any(role_of(name) == Role.POSTED for name in log.activities)
    name = "posted_at" if has_postings else "issued_at"
    last = ledger.offsets[1:] - 1
    alive = ledger.offsets[1:] > ledger.offsets[:-1]
    moment = np.full(log.n_invoices, NONE, dtype=np.int64)
    moment[alive] = steps[name][last[alive]]
    invoice = np.flatnonzero(moment != NONE).astype(np.int32)
    snapshots = Snapshots(invoice, moment[invoice])
    return snapshots.take(is_open(ledger.as_of(snapshots.invoice, snapshots.cutoff)))


def at_cutoffs(ledger: Ledger, cutoffs: Ints) -> Snapshots:
    """Every invoice at every given cutoff at which it is open, in cutoff order.

    Parameters
    ----------
    cutoffs : ndarray of int64, shape (n_cutoffs,)
        Sorted.
    """
    invoice, place = open_at(ledger, cutoffs)
    return Snapshots(invoice, cutoffs[place] if len(cutoffs) else place)


def grid(rhythm: Rhythm, since: int, until: int) -> Ints:
    """Cutoffs of a rhythm in ``[since, until)``: Mondays, or the firsts of months, at midnight.

    Raises
    ------
    SettingsError
        If the rhythm has no grid.
    """
    frequency = {"weekly": "W-MON", "monthly": "MS"}.get(rhythm)
    if frequency is None:
        raise SettingsError(
            f"'{rhythm}' has no calendar grid. Use one of {list(get_args(Rhythm))[1:]}."
        )
    days = pd.date_range(timestamp(since).ceil("D"), timestamp(until), freq=frequency)
    cutoffs = np.array([micros(day) for day in days], dtype=np.int64)
    return cutoffs[(cutoffs >= since) & (cutoffs < until)]


def take_snapshots(
    log: EventLog, ledger: Ledger, rhythm: Rhythm, since: int | None, until: int
) -> Snapshots:
    """Snapshots of a rhythm with cutoffs in ``[since, until)``; from the log's start if None."""
    if rhythm == "posting":
        posted = at_posting(log, ledger)
        inside = posted.cutoff < until
        if since is not None:
            inside &= posted.cutoff >= since
        return posted.take(inside)
    begin = int(log.known_at.min()) if since is None and len(log) else since or 0
    return at_cutoffs(ledger, grid(rhythm, begin, until))
