"""What was known at a moment: the only place where an event's time is compared with a cutoff.

An event is known at a cutoff when the later of its time and its recording is at or before the
cutoff. Every form of that comparison stands here: as a mask, as a search for the last event known
at a moment, and as a search for the first cutoff that knows an event. Features, ledger, labels and
pages all look at the log through them. `tests/test_truncation.py` fails when
either is loosened.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]


def known_by(known_at: Ints, cutoff: int | Ints) -> NDArray[np.bool_]:
    """Mask of the events that are known at a cutoff.

    Parameters
    ----------
    known_at : ndarray of int64, shape (n_events,)
        Microseconds since 1970 UTC.
    cutoff : int or ndarray of int64, shape (n_events,)
        The same unit. An event at the cutoff itself is known.
    """
    return known_at <= cutoff


def starts_of(entity: Codes, n_entities: int) -> Ints:
    """First position of each entity in an array sorted by entity; one closing entry more.

    Parameters
    ----------
    entity : ndarray of int32, shape (n_events,)
        Sorted codes from 0 to ``n_entities - 1``.
    n_entities : int

    Returns
    -------
    ndarray of int64, shape (n_entities + 1,)
    """
    return np.searchsorted(entity, np.arange(n_entities + 1, dtype=np.int32)).astype(np.int64)


def first_knowing(cutoffs: Ints, known_at: Ints) -> Ints:
    """Position of the first cutoff at which each event is known.

    Parameters
    ----------
    cutoffs : ndarray of int64, shape (n_cutoffs,)
        Sorted.
    known_at : ndarray of int64, shape (n_events,)

    Returns
    -------
    ndarray of int64, shape (n_events,)
        ``n_cutoffs`` where none of them knows it.
    """
    return np.searchsorted(cutoffs, known_at, side="left").astype(np.int64, copy=False)


@numba.njit(cache=True, nogil=True)
def _last_known(
    starts: Ints, known_at: Ints, entity: Codes, moment: Ints
) -> Ints:  # pragma: no cover - compiled
    position = np.empty(len(entity), dtype=np.int64)
    for i in range(len(entity)):
        if entity[i] < 0:
            position[i] = -1
            continue
        low = starts[entity[i]]
        high = starts[entity[i] + 1]
        first = low
        while low < high:
            middle = (low + high) // 2
            if known_at[middle] <= moment[i]:
                low = middle + 1
            else:
                high = middle
        position[i] = low - 1 if low > first else -1
    return position


def last_known(starts: Ints, known_at: Ints, entity: Codes, moment: Ints) -> Ints:
    """Position of the last event of an entity that is known at a moment.

    Parameters
    ----------
    starts : ndarray of int64, shape (n_entities + 1,)
        From `starts_of`; events are sorted by (entity, known time).
    known_at : ndarray of int64, shape (n_events,)
    entity, moment : ndarray, shape (n_questions,)
        Whom and when is asked for; an entity of -1 has no events.

    Returns
    -------
    ndarray of int64, shape (n_questions,)
        -1 where nothing is known yet.
    """
    found: Ints = _last_known(
        starts,
        known_at,
        np.ascontiguousarray(entity, dtype=np.int32),
        np.ascontiguousarray(moment, dtype=np.int64),
    )
    return found
