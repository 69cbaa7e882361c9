"""A feature is a running total read at a moment.

Every fact carries deltas: an invoice that becomes late adds one to its customer's late invoices, a
payment takes its amount from the open balance. Facts are sorted once by (entity, known time)
(`sort_facts`), and each question "entity, moment" is given the place of the last fact known to it
(`read_at`). One walk over the facts then keeps the running totals of the entity it is at, adds what
each fact brings, and writes them down for whoever asked at this fact (`totals_at`): a fact costs
what it changes, a question the row that it is given. Two readings make a look-back. The search is
`eventlog.known.last_known` and there is no other way from a fact to a feature, which is why nothing
can see the future.

Deltas are int64 (counts, minor units, whole days) and each entity starts at zero, so a total is
exact and does not depend on which other entities share the array. That is also why the work can be
cut between any two entities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints, last_known
from eventlog.log import DAY

Floats = NDArray[np.float64]
#: Up to so many facts an entity's are sorted by insertion.
_FEW = 32


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


@dataclass(frozen=True)
class Deltas:
    """What each fact adds to which totals; what it leaves alone is not stored.

    Attributes
    ----------
    starts : ndarray of int64, shape (n_given + 1,)
        Where the entries of each fact begin, facts in the order given to `sort_facts`.
    total : ndarray of int16, shape (n_entries,)
    amount : ndarray of int64, shape (n_entries,)
    n_totals : int
    """

    starts: Ints
    total: NDArray[np.int16]
    amount: Ints
    n_totals: int


def sort_facts(entity: Codes, known_at: Ints, n_entities: int) -> Facts:
    """Sort facts once, those of one moment as they were given; entity -1 (not known whose) is out.

    Parameters
    ----------
    entity : ndarray of int32, shape (n_given,)
    known_at : ndarray of int64, shape (n_given,)
    n_entities : int
    """
    order, starts = _side_by_side(np.ascontiguousarray(entity, dtype=np.int32), n_entities)
    moments = known_at[order]
    _sort_each(starts, moments, order)
    return Facts(order, starts, moments)


def read_at(facts: Facts, entity: Codes, moment: Ints) -> Reading:
    """Find the last fact of each entity that is known at each moment."""
    last = last_known(facts.starts, facts.known_at, entity, moment)
    return Reading(facts.starts[np.maximum(entity, 0)], last, moment)


def changes_of(share: Ints, starts: Ints) -> Deltas:
    """Deltas of facts that state where each total stands for a part of the entity from then on.

    Parameters
    ----------
    share : ndarray of int64, shape (n_given, n_totals)
        What the part (an invoice) adds to the entity's (its customer's) totals after each fact.
    starts : ndarray of int64, shape (n_parts + 1,)
        Where the facts of each part begin; before its first a part adds nothing.
    """
    entries = np.zeros(len(share) + 1, dtype=np.int64)
    _count_changes(share, starts, entries)
    total = np.empty(entries[-1], dtype=np.int16)
    amount = np.empty(entries[-1], dtype=np.int64)
    _write_changes(share, starts, entries, total, amount)
    return Deltas(entries, total, amount, share.shape[1])


def totals_at(facts: Facts, deltas: Deltas, last: Ints) -> Ints:
    """Totals after the last known facts, from `read_at`; 0 where nothing is known.

    Parameters
    ----------
    last : ndarray of int64, any shape
        Several readings may be stacked.

    Returns
    -------
    ndarray of int64, shape (*last.shape, n_totals)

    Raises
    ------
    ValueError
        If the reading or the deltas belong to other facts.
    """
    if last.max(initial=-1) >= len(facts.order) or len(deltas.starts) <= facts.order.max(
        initial=-1
    ):
        raise ValueError("The reading or the deltas are of other facts.")
    asked, starts = _side_by_side(last.ravel().astype(np.int32), len(facts.order))
    found = np.zeros((last.size, deltas.n_totals), dtype=np.int64)
    _walk(
        facts.starts, facts.order, deltas.starts, deltas.total, deltas.amount, starts, asked, found
    )
    return found.reshape(*last.shape, deltas.n_totals)


def value_at(facts: Facts, value: Floats, reading: Reading, back: int = 0) -> Floats:
    """Value of the last known fact, or of the one ``back`` facts before it; NaN if none."""
    position = reading.last - back
    known = (reading.last >= 0) & (position >= reading.first)
    if not len(facts.order):
        return np.full(len(reading.last), np.nan)
    return np.where(known, value[facts.order[np.maximum(position, 0)]], np.nan)


def decayed_totals(facts: Facts, delta: Floats, half_life_days: float) -> Floats:
    """Totals after each fact in which a delta loses half its weight every ``half_life_days``.

    Parameters
    ----------
    delta : ndarray of float64, shape (n_given, n_totals)

    Returns
    -------
    ndarray of float64, shape (n_facts, n_totals)
    """
    delta = np.ascontiguousarray(delta, dtype=np.float64)
    totals: Floats = _fade(facts.starts, facts.order, facts.known_at, delta, half_life_days * DAY)
    return totals


def decayed_at(facts: Facts, totals: Floats, reading: Reading, half_life_days: float) -> Floats:
    """Decayed totals of each entity at each moment, shape (n_questions, n_totals); 0 if nothing."""
    if not len(facts.order):
        return np.zeros((len(reading.last), totals.shape[1]))
    silence = (reading.moment - facts.known_at[np.maximum(reading.last, 0)]) / (
        half_life_days * DAY
    )
    found = totals[np.maximum(reading.last, 0)] * np.exp2(-np.maximum(silence, 0.0))[:, None]
    return np.where(reading.last[:, None] < 0, 0.0, found)


@numba.njit(cache=True, nogil=True)
def _side_by_side(entity, n_entities):  # type: ignore[no-untyped-def]
    """Bring facts of each entity together, in their given order: a counting sort."""
    starts = np.zeros(n_entities + 1, dtype=np.int64)
    for i in range(len(entity)):
        if entity[i] >= 0:
            starts[entity[i] + 1] += 1
    for k in range(n_entities):
        starts[k + 1] += starts[k]
    place = starts[:-1].copy()
    order = np.empty(starts[-1], dtype=np.int64)
    for i in range(len(entity)):
        k = entity[i]
        if k >= 0:
            order[place[k]] = i
            place[k] += 1
    return order, starts


@numba.njit(cache=True, nogil=True)
def _sort_each(starts, moments, order):  # type: ignore[no-untyped-def]
    """Sort each entity's facts by their moments, in place and stably."""
    for k in range(len(starts) - 1):
        low, high = starts[k], starts[k + 1]
        is_sorted = True
        for i in range(low + 1, high):
            if moments[i] < moments[i - 1]:
                is_sorted = False
                break
        if is_sorted:
            continue
        if high - low > _FEW:
            ranks = np.argsort(moments[low:high], kind="mergesort")
            moments[low:high] = moments[low:high][ranks]
            order[low:high] = order[low:high][ranks]
            continue
        for i in range(low + 1, high):
            moment, fact = moments[i], order[i]
            j = i - 1
            while j >= low and moments[j] > moment:
                moments[j + 1] = moments[j]
                order[j + 1] = order[j]
                j -= 1
            moments[j + 1] = moment
            order[j + 1] = fact


@numba.njit(cache=True, nogil=True)
def _walk(  # type: ignore[no-untyped-def]
    starts, order, entries, total, amount, questions, asked, found
):
    """Keep the totals of one entity after the other; answer who asks after each fact."""
    now = np.zeros(found.shape[1], dtype=np.int64)
    for k in range(len(starts) - 1):
        now[:] = 0
        for i in range(starts[k], starts[k + 1]):
            for e in range(entries[order[i]], entries[order[i] + 1]):
                now[total[e]] += amount[e]
            for j in range(questions[i], questions[i + 1]):
                row = found[asked[j]]
                for q in range(len(now)):
                    row[q] = now[q]


@numba.njit(cache=True, nogil=True)
def _count_changes(share, starts, entries):  # type: ignore[no-untyped-def]
    """Fill in where the entries of each fact begin."""
    for part in range(len(starts) - 1):
        for i in range(starts[part], starts[part + 1]):
            n = 0
            for q in range(share.shape[1]):
                n += share[i, q] != (share[i - 1, q] if i > starts[part] else 0)
            entries[i + 1] = entries[i] + n


@numba.njit(cache=True, nogil=True)
def _write_changes(share, starts, entries, total, amount):  # type: ignore[no-untyped-def]
    for part in range(len(starts) - 1):
        for i in range(starts[part], starts[part + 1]):
            e = entries[i]
            for q in range(share.shape[1]):
                change = share[i, q] - (share[i - 1, q] if i > starts[part] else 0)
                if change != 0:
                    total[e], amount[e] = q, change
                    e += 1


@numba.njit(cache=True, nogil=True)
def _fade(starts, order, known_at, delta, half_life):  # type: ignore[no-untyped-def]
    n_totals = delta.shape[1]
    totals = np.empty((len(order), n_totals), dtype=np.float64)
    before = np.empty(n_totals, dtype=np.float64)
    now = np.empty(n_totals, dtype=np.float64)
    for k in range(len(starts) - 1):
        before[:], now[:] = 0.0, 0.0  # whole deltas of one moment add up exactly, in any order
        for i in range(starts[k], starts[k + 1]):
            if i > starts[k] and known_at[i] > known_at[i - 1]:
                weight = 2.0 ** (-(known_at[i] - known_at[i - 1]) / half_life)
                for q in range(n_totals):
                    before[q] = (before[q] + now[q]) * weight
                    now[q] = 0.0
            for q in range(n_totals):
                now[q] += delta[order[i], q]
                totals[i, q] = before[q] + now[q]
    return totals
