"""Snapshots in, feature matrix out: block of customers by block of customers, on all cores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.blocks import in_parallel
from eventlog.known import Ints
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.as_of import AsOf
from features.attributes import CATEGORIES, Encoding, attribute_as_of
from features.blocks import Block, blocks_of
from features.catalogue import FEATURES
from features.customer import customer_features
from features.due_calendar import calendar_features
from features.invoice import invoice_features
from features.peers import (
    Outcomes,
    PeerRecord,
    count_outcomes,
    peer_features,
    record_of,
    sum_outcomes,
)
from features.snapshots import NO_SNAPSHOTS, Snapshots


@dataclass(frozen=True)
class Matrix:
    """Features of snapshots.

    Attributes
    ----------
    columns : tuple of str
        Catalogue features, then the additional attributes in use.
    values : ndarray of float32, shape (n_snapshots, n_columns)
        NaN is "not known"; categories are codes into the encoding's levels.
    categories : tuple of str
        Which columns are categories.
    snapshots : Snapshots
        What the rows are.
    """

    columns: tuple[str, ...]
    values: NDArray[np.float32]
    categories: tuple[str, ...]
    snapshots: Snapshots

    def __getitem__(self, column: str) -> NDArray[np.float32]:
        """One column, shape (n_snapshots,)."""
        return self.values[:, self.columns.index(column)]

    def take(self, rows: NDArray[np.generic]) -> Matrix:
        """Some of the rows, by position or mask."""
        return Matrix(self.columns, self.values[rows], self.categories, self.snapshots.take(rows))

    def without(self, columns: Iterable[str]) -> Matrix:
        """The matrix without some of its columns; names that it does not have are no error."""
        left_out = set(columns) & set(self.columns)
        if not left_out:
            return self
        kept = [i for i, name in enumerate(self.columns) if name not in left_out]
        return Matrix(
            tuple(self.columns[i] for i in kept),
            np.ascontiguousarray(self.values[:, kept]),
            tuple(name for name in self.categories if name not in left_out),
            self.snapshots,
        )


def build_matrix(
    log: EventLog,
    snapshots: Snapshots,
    encoding: Encoding,
    policy: Policy,
    rates: Rates,
    *,
    record: PeerRecord | None = None,
    threads: int = 0,
) -> Matrix:
    """Compute every feature of every snapshot from what was known at its cutoff.

    Parameters
    ----------
    log : EventLog
    snapshots : Snapshots
    encoding : Encoding
        From training; fixes levels and additional attributes.
    policy : Policy
        The ledger's, under which balances are kept.
    rates : Rates
    record : PeerRecord, optional
        What happened in each group by each cutoff, where the log is only a part of the whole.
    threads : int
        Blocks of customers that are worked on at once; 0 means one a core.

    Returns
    -------
    Matrix of shape (n_snapshots, n_features)
    """
    columns = columns_of(encoding)
    values = np.empty((len(snapshots), len(columns)), dtype=np.float32)
    if record is None:
        record = peer_record(log, np.unique(snapshots.cutoff), policy, rates, threads=threads)

    def fill(block: Block) -> None:
        seen = look_at(block, policy, rates)
        _place(features_of(seen, encoding, record), block.rows, values)

    for _ in in_parallel(fill, blocks_of(log, snapshots), threads):
        pass
    return Matrix(columns, values, categories_of(encoding), snapshots)


def peer_record(
    log: EventLog, cutoffs: Ints, policy: Policy, rates: Rates, *, threads: int = 0
) -> PeerRecord:
    """Count the outcomes of all groups up to each cutoff."""
    return record_of(outcomes_of(log, cutoffs, policy, rates, threads=threads), log, cutoffs)


def outcomes_of(
    log: EventLog, cutoffs: Ints, policy: Policy, rates: Rates, *, threads: int = 0
) -> Outcomes:
    """The outcomes of a log, or of a part of one."""

    def count(block: Block) -> Outcomes:
        return count_outcomes(look_at(block, policy, rates), cutoffs)

    return sum_outcomes(in_parallel(count, blocks_of(log, NO_SNAPSHOTS), threads))


def look_at(block: Block, policy: Policy, rates: Rates) -> AsOf:
    """Keep the ledger of a block and look at its snapshots."""
    return AsOf(block.log, keep_ledger(block.log, policy), block.snapshots, policy, rates)


def features_of(seen: AsOf, encoding: Encoding, record: PeerRecord) -> NDArray[np.float32]:
    """Every feature of the snapshots, column by column, shape (n_columns, n_snapshots)."""
    found = invoice_features(seen, encoding)
    found |= calendar_features(seen)
    found |= peer_features(seen, record)
    found |= customer_features(seen)
    values = np.empty((len(columns_of(encoding)), len(seen.snapshots)), dtype=np.float32)
    for i, feature in enumerate(FEATURES):
        values[i] = found[feature.name]
    for i, (name, kind) in enumerate(encoding.attributes.items(), start=len(FEATURES)):
        values[i] = attribute_as_of(seen, name, kind, encoding.levels.get(name, ()))
    return values


@numba.njit(cache=True, nogil=True)
def _place(columns, rows, values):  # type: ignore[no-untyped-def]
    """Turn columns into rows of the matrix, a few rows at a time so that both sides stay cached."""
    for begin in range(0, len(rows), 64):
        end = min(begin + 64, len(rows))
        for c in range(len(columns)):
            for i in range(begin, end):
                values[rows[i], c] = columns[c, i]


def columns_of(encoding: Encoding) -> tuple[str, ...]:
    """Names of the columns: the catalogue's, then the additional attributes in use."""
    return (*(feature.name for feature in FEATURES), *encoding.attributes)


def categories_of(encoding: Encoding) -> tuple[str, ...]:
    """Names of the columns that are categories."""
    return (*CATEGORIES, *(n for n, kind in encoding.attributes.items() if kind == "level"))
