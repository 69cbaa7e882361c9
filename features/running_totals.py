"""A feature is a running total read at a moment.

Every fact carries a delta: an invoice that becomes late adds one to its customer's late invoices,
a payment takes its amount from the open balance. Facts are sorted once by (entity, known time).
The prefix sum of a delta, read at the last fact known by a moment, is then the total of the entity
at that moment; two readings make a look-back. The search is `eventlog.known.last_known` and there
is no other way from a fact to a feature, which is why nothing can see the future.

Deltas are int64 (counts, minor units, whole days), so differences of prefix sums are exact and a
total does not depend on which other entities share the array. Decayed totals are a recurrence that
starts anew with each entity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, last_known, starts_of
from eventlog.log import DAY


@dataclass(frozen=True)
class Facts:
    """Facts of one kind of entity, in the order (entity, known time).

    Attributes
    ----------
    order : ndarray of int64, shape (n_facts,)
        Where each fact stands in the arrays that deltas come in.
    starts : ndarray of int64, shape (n_entities + 1,)
    known_at : ndarray of int64, shape (n_facts,)
        Sorted within each entity.
    """

    order: Ints
    starts: Ints
    known_at: Ints


@dataclass(frozen=True)
class Reading:
    """Which facts are known to whom: one place in the facts for each question.

    Attributes
    ----------
    first : ndarray of int64, shape (n_questions,)
        Where the entity's facts begin.
    last : ndarray of int64, shape (n_questions,)
        The last known fact; -1 where there is none.
    moment : ndarray of int64, shape (n_questions,)
    """

    first: Ints
    last: Ints
    moment: Ints


def sort_facts(entity: Codes, known_at: Ints, n_entities: int) -> Facts:
    """Sort facts once; ``entity`` -1 (not known whose) is left out."""
    order = np.lexsort((known_at, entity))
    order = order[np.searchsorted(entity[order], 0) :]
    return Facts(order, starts_of(entity[order].astype(np.int32), n_entities), known_at[order])


def read_at(facts: Facts, entity: Codes, moment: Ints) -> Reading:
    """Find the last fact of each entity that is known at each moment."""
    last = last_known(facts.starts, facts.known_at, entity, moment)
    return Reading(facts.starts[np.maximum(entity, 0)], last, moment)


def running_total(facts: Facts, delta: Ints) -> Ints:
    """Prefix sums of a delta over the sorted facts, a zero in front, shape (n_facts + 1,)."""
    total = np.zeros(len(facts.order) + 1, dtype=np.int64)
    np.cumsum(delta[facts.order], out=total[1:])
    return total


def total_at(total: Ints, reading: Reading) -> Ints:
    """Total of each entity at each moment; 0 where nothing is known."""
    known: Ints = total[np.maximum(reading.last + 1, reading.first)] - total[reading.first]
    return np.where(reading.last < 0, 0, known)


def value_at(
    facts: Facts, value: NDArray[np.float64], reading: Reading, back: int = 0
) -> NDArray[np.float64]:
    """Value of the last known fact, or of the one ``back`` facts before it; NaN if none."""
    position = reading.last - back
    known = (reading.last >= 0) & (position >= reading.first)
    if not len(facts.order):
        return np.full(len(reading.last), np.nan)
    return np.where(known, value[facts.order[np.maximum(position, 0)]], np.nan)


def decayed_total(
    facts: Facts, delta: NDArray[np.float64], half_life_days: float
) -> NDArray[np.float64]:
    """Totals after each fact in which a delta loses half its weight every ``half_life_days``."""
    total: NDArray[np.float64] = _decayed(
        facts.starts,
        facts.known_at,
        np.ascontiguousarray(delta[facts.order], dtype=np.float64),
        half_life_days * DAY,
    )
    return total


def decayed_at(
    facts: Facts, total: NDArray[np.float64], reading: Reading, half_life_days: float
) -> NDArray[np.float64]:
    """Decayed total of each entity at each moment; 0 where nothing is known."""
    if not len(facts.order):
        return np.zeros(len(reading.last))
    last = np.maximum(reading.last, 0)
    silence = (reading.moment - facts.known_at[last]) / (half_life_days * DAY)
    return np.where(reading.last < 0, 0.0, total[last] * np.exp2(-np.maximum(silence, 0.0)))


@numba.njit(cache=True)
def _decayed(
    starts: Ints, known_at: Ints, delta: NDArray[np.float64], half_life: float
) -> NDArray[np.float64]:
    total = np.empty(len(delta), dtype=np.float64)
    for entity in range(len(starts) - 1):
        before, now = 0.0, 0.0  # whole deltas of one moment add up exactly, in any order
        for i in range(starts[entity], starts[entity + 1]):
            if i > starts[entity] and known_at[i] > known_at[i - 1]:
                before = (before + now) * 2.0 ** (-(known_at[i] - known_at[i - 1]) / half_life)
                now = 0.0
            now += delta[i]
            total[i] = before + now
    return total
