"""Snapshots in, feature matrix out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.ledger import Ledger
from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.as_of import AsOf
from features.attributes import CATEGORIES, Encoding, attribute_as_of
from features.catalogue import FEATURES
from features.customer import customer_features
from features.due_calendar import calendar_features
from features.invoice import invoice_features
from features.peers import peer_features
from features.snapshots import Snapshots


@dataclass(frozen=True)
class Matrix:
    """Features of snapshots.

    Attributes
    ----------
    columns : tuple of str
        Catalogue features, then the additional attributes in use.
    values : ndarray of float32, shape (n_snapshots, n_columns), column-major
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
        values = np.asfortranarray(self.values[rows])
        return Matrix(self.columns, values, self.categories, self.snapshots.take(rows))


def build_matrix(
    log: EventLog,
    ledger: Ledger,
    snapshots: Snapshots,
    encoding: Encoding,
    policy: Policy,
    rates: Rates,
) -> Matrix:
    """Compute every feature of every snapshot from what was known at its cutoff.

    Parameters
    ----------
    log : EventLog
    ledger : Ledger
        Of the same log under the same policy.
    snapshots : Snapshots
    encoding : Encoding
        From training; fixes levels and additional attributes.
    policy : Policy
    rates : Rates

    Returns
    -------
    Matrix of shape (n_snapshots, n_features)
    """
    seen = AsOf(log, ledger, snapshots, policy, rates)
    found = invoice_features(seen, encoding)
    found |= calendar_features(seen)
    found |= peer_features(seen)
    found |= customer_features(seen)
    columns = [feature.name for feature in FEATURES]
    values = np.empty((len(snapshots), len(columns) + len(encoding.attributes)), np.float32, "F")
    for i, name in enumerate(columns):
        values[:, i] = found.pop(name)
    for name, kind in encoding.attributes.items():
        levels = encoding.levels.get(name, ())
        values[:, len(columns)] = attribute_as_of(seen, name, kind, levels)
        columns.append(name)
    categories = (*CATEGORIES, *(n for n, kind in encoding.attributes.items() if kind == "level"))
    return Matrix(tuple(columns), values, categories, snapshots)
