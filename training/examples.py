"""Labelled rows to learn from, and where they come from: a log in memory, or one on a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.attributes import Encoding, count_stated, encoding_of
from features.matrix import Matrix, build_matrix
from features.snapshots import Rhythm, Snapshots, take_snapshots
from training.labels import Target, label

Floats = NDArray[np.float64]


class Whole(Protocol):
    """All rows of a training, where they are more than one machine holds."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def n_positives(self) -> int:
        """Number of rows whose label is 1."""

    @property
    def cases(self) -> tuple[int, int]:
        """Number of invoices with a positive row, and with a negative one."""

    @property
    def customers(self) -> Codes:
        """Customers that any row is of, sorted."""

    def fit(
        self, sets: tuple[str, ...], rounds: int, changes: dict[str, Any], seed: int
    ) -> lgb.Booster:
        """Fit a booster to all rows; see `training.model.fit_booster`."""


@dataclass(frozen=True)
class Labelled:
    """Snapshots whose label is known.

    Attributes
    ----------
    snapshots : Snapshots
    y : ndarray of float64, shape (n_rows,)
    window_end : ndarray of int64, shape (n_rows,)
        When each label became known.
    n_credited, n_unknown : int
        Snapshots left out: closed by credit note inside the window; window unfinished.
    """

    snapshots: Snapshots
    y: Floats
    window_end: Ints
    n_credited: int
    n_unknown: int


@dataclass(frozen=True)
class Examples:
    """Labelled rows of one target.

    Attributes
    ----------
    matrix : Matrix of shape (n_rows, n_columns)
    y : ndarray of float64, shape (n_rows,)
    window_end : ndarray of int64, shape (n_rows,)
        When each label became known.
    balance : ndarray of float64, shape (n_rows,)
        Open balance at the cutoff in the reporting currency; 0 where it is not known.
    customer : ndarray of int32, shape (n_rows,)
        Whose invoice it is; the invoice itself where the log names no customers.
    n_credited, n_unknown : int
        Rows left out: closed by credit note inside the window; window unfinished.
    whole : Whole or None
        All rows, where these are only those of some customers.
    """

    matrix: Matrix
    y: Floats
    window_end: Ints
    balance: Floats
    customer: Codes
    n_credited: int = 0
    n_unknown: int = 0
    whole: Whole | None = None

    @property
    def cases(self) -> tuple[int, int]:
        """Number of invoices with a positive row, and with a negative one, of all rows."""
        if self.whole is not None:
            return self.whole.cases
        return cases_of(self.y, self.matrix.snapshots.invoice)

    @property
    def customers(self) -> Codes:
        """The customers of all rows."""
        return np.unique(self.customer) if self.whole is None else self.whole.customers


class Source(Protocol):
    """A log to learn from."""

    @property
    def ends_at(self) -> int:
        """Up to when the log says what happened."""

    @property
    def has_customers(self) -> bool:
        """False where each invoice stands for its own customer."""

    def before(self, moment: int) -> Source:
        """The log as it stood just before a moment."""

    def encoding(self, only: Iterable[str], without: Iterable[str]) -> Encoding:
        """The encoding that all its rows give, see `features.attributes.choose_encoding`."""

    def count(self, rhythm: Rhythm, until: int, policy: Policy) -> int:
        """Number of snapshots before a moment."""

    def outcomes(
        self, target: Target, rhythm: Rhythm, until: int, policy: Policy
    ) -> tuple[Ints, Floats, Ints]:
        """Cutoff, label and invoice of the snapshots before a moment that have a label."""

    def examples(
        self,
        target: Target,
        rhythm: Rhythm,
        since: int | None,
        until: int,
        encoding: Encoding,
        policy: Policy,
        rates: Rates,
    ) -> Examples:
        """Labelled rows with cutoffs in ``[since, until)``."""

    def facts(self) -> dict[str, Any]:
        """What identifies the log in a run's record."""


@dataclass(frozen=True)
class InMemory:
    """A log in memory as a source of examples."""

    log: EventLog

    @property
    def ends_at(self) -> int:  # noqa: D102 - as in Source
        return self.log.ends_at

    @property
    def has_customers(self) -> bool:  # noqa: D102
        return self.log.has_customers

    def before(self, moment: int) -> InMemory:  # noqa: D102
        return InMemory(self.log.upto(moment - 1))

    def encoding(self, only: Iterable[str], without: Iterable[str]) -> Encoding:  # noqa: D102
        return encoding_of(count_stated(self.log), only=only, without=without)

    def count(self, rhythm: Rhythm, until: int, policy: Policy) -> int:  # noqa: D102
        ledger = keep_ledger(self.log, policy)
        return len(take_snapshots(self.log, ledger, rhythm, None, until))

    def outcomes(  # noqa: D102
        self, target: Target, rhythm: Rhythm, until: int, policy: Policy
    ) -> tuple[Ints, Floats, Ints]:
        found = take_labelled(self.log, target, rhythm, None, until, policy)
        return found.snapshots.cutoff, found.y, found.snapshots.invoice.astype(np.int64)

    def examples(  # noqa: D102
        self,
        target: Target,
        rhythm: Rhythm,
        since: int | None,
        until: int,
        encoding: Encoding,
        policy: Policy,
        rates: Rates,
    ) -> Examples:
        found = take_labelled(self.log, target, rhythm, since, until, policy)
        matrix = build_matrix(self.log, found.snapshots, encoding, policy, rates)
        invoice = found.snapshots.invoice
        return Examples(
            matrix=matrix,
            y=found.y,
            window_end=found.window_end,
            balance=np.nan_to_num(matrix["balance"].astype(np.float64)),
            customer=self.log.invoice_customer[invoice] if self.log.has_customers else invoice,
            n_credited=found.n_credited,
            n_unknown=found.n_unknown,
        )

    def facts(self) -> dict[str, Any]:  # noqa: D102
        return {
            "log_fingerprint": self.log.fingerprint,
            "log_events": len(self.log),
            "log_invoices": self.log.n_invoices,
            "log_first_event": timestamp(int(self.log.event_time.min())).isoformat(),
            "log_last_event": timestamp(int(self.log.event_time.max())).isoformat(),
        }


def cases_of(y: Floats, invoice: NDArray[np.integer[Any]]) -> tuple[int, int]:
    """Number of invoices with a positive row, and with a negative one.

    Parameters
    ----------
    y : ndarray of float64, shape (n_rows,)
    invoice : ndarray of integers, shape (n_rows,)
    """
    return len(np.unique(invoice[y > 0])), len(np.unique(invoice[y == 0]))


def source_of(log: EventLog | Source) -> Source:
    """A log as a source of examples; a source stays what it is."""
    return InMemory(log) if isinstance(log, EventLog) else log


def take_labelled(
    log: EventLog,
    target: Target,
    rhythm: Rhythm,
    since: int | None,
    until: int,
    policy: Policy,
) -> Labelled:
    """Snapshots with cutoffs in ``[since, until)`` whose label is known by the end of the log."""
    ledger = keep_ledger(log, policy)
    snapshots = take_snapshots(log, ledger, rhythm, since, until)
    labels = label(target, ledger, snapshots, policy, log.ends_at)
    known = ~np.isnan(labels.y)
    return Labelled(
        snapshots.take(known),
        labels.y[known],
        labels.window_end[known],
        labels.n_credited,
        int(labels.asked.sum() - known.sum()) - labels.n_credited,
    )
