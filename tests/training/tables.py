"""Feature matrices written out column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.attributes import Encoding
from features.matrix import Matrix
from features.snapshots import Snapshots


def table(categories: Sequence[str] = (), **columns: Sequence[float] | np.ndarray) -> Matrix:
    """A matrix of the given columns, its rows being invoices 0, 1, 2, … at one cutoff."""
    values = np.asfortranarray(np.column_stack(list(columns.values())).astype(np.float32))
    n = len(values)
    snapshots = Snapshots(np.arange(n, dtype=np.int32), np.zeros(n, dtype=np.int64))
    return Matrix(tuple(columns), values, tuple(categories), snapshots)


def encoding(**attributes: str) -> Encoding:
    """An encoding that uses some additional attributes, by kind."""
    return Encoding({}, attributes, {})
