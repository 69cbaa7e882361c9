"""Which beginning goes with which end: first come, first served."""

from __future__ import annotations

import numba
import numpy as np

from eventlog.known import Codes, Ints
from eventlog.log import DAY


def paired(entity: Codes, moment: Ints, other: Codes, later: Ints) -> Ints:
    """For each beginning the first end of its entity, not used before, that is not earlier.

    Days are compared, because a date without a time stands at the end of its day.

    Parameters
    ----------
    entity, moment : ndarray of int32 and int64, shape (n,)
        Of the beginnings, in any order.
    other, later : ndarray of int32 and int64, shape (m,)
        Of the ends.

    Returns
    -------
    ndarray of int64, shape (n,)
        Position among the ends; -1 where there is none.
    """
    begins, ends = np.lexsort((moment, entity)), np.lexsort((later, other))
    found = _paired(
        entity[begins], moment[begins] // DAY, other[ends].astype(np.int32), later[ends] // DAY
    )
    partner = np.full(len(entity), -1, dtype=np.int64)
    has = found >= 0
    partner[begins[has]] = ends[found[has]]
    return partner


@numba.njit(cache=True, nogil=True)
def _paired(
    entity: Codes, day: Ints, other: Codes, later: Ints
) -> Ints:  # pragma: no cover - compiled
    found = np.full(len(entity), -1, dtype=np.int64)
    j = 0
    for i in range(len(entity)):
        while j < len(other) and (
            other[j] < entity[i] or (other[j] == entity[i] and later[j] < day[i])
        ):
            j += 1
        if j < len(other) and other[j] == entity[i]:
            found[i] = j
            j += 1
    return found
