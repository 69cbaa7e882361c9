"""Measures added up by month, group and part; the totals of the parts of a log add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.kpis.groups import Dimension, group_of
from eventlog.kpis.seen import Amounts, Measure, Rows, Seen


@dataclass(frozen=True)
class Sums:
    """A measure's totals along one dimension.

    Attributes
    ----------
    total : ndarray of int64, shape (n_months, n_groups, n_parts)
        Minor units or a count.
    seen : ndarray of bool, shape (n_groups,)
        Groups in which there is any fact.
    parts : tuple of str
        A single empty text where the measure is not split.
    """

    total: Ints
    seen: NDArray[np.bool_]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Durations:
    """Spells with the cell each falls into.

    Attributes
    ----------
    month, group, part, duration : ndarray of int64, shape (n,)
    ended : ndarray of bool, shape (n,)
    seen : ndarray of bool, shape (n_groups,)
    parts : tuple of str
    """

    month: Ints
    group: Ints
    part: Ints
    duration: Ints
    ended: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    parts: tuple[str, ...]


Total = Sums | Durations


def add_up(seen: Seen, measure: Measure, dimension: Dimension | None) -> Total:
    """One measure's totals along a dimension; without one, over everything as a single group."""
    n_groups = 1 if dimension is None else len(dimension.labels)
    inside, group, cell = _cells(seen, measure.rows, dimension)
    parts = measure.parts or ("",)
    with_facts = np.zeros(n_groups, dtype=bool)
    with_facts[group] = True
    if not isinstance(measure, Amounts):
        part = _taken(measure.part, inside) if measure.part is not None else np.zeros_like(group)
        month = cell // n_groups
        duration, ended = _taken(measure.duration, inside), measure.ended[inside]
        return Durations(month, group, part, duration, ended, with_facts, parts)
    shape = (len(seen.months), n_groups, len(parts))
    size = int(np.prod(shape))
    if measure.part is not None:
        cell = cell * len(parts) + measure.part[inside]
    if measure.values is None:
        total = np.bincount(cell, minlength=size)
    elif measure.values.dtype == np.bool_:
        total = np.bincount(cell[measure.values[inside]], minlength=size)
    else:
        total = np.zeros(size, dtype=np.int64)
        np.add.at(total, cell, _taken(measure.values, inside))
    return Sums(total.reshape(shape), with_facts, parts)


def _taken(values: NDArray[np.generic], rows: Ints) -> Ints:
    return values[rows].astype(np.int64, copy=False)


def _cells(seen: Seen, rows: Rows, dimension: Dimension | None) -> tuple[Ints, Ints, Ints]:
    """Rows that lie in a month, the group of each, and month and group as one number."""
    name = "" if dimension is None else dimension.name
    if name not in rows.cells:
        inside = np.flatnonzero(rows.month >= 0)
        if dimension is None:
            group, n_groups = np.zeros(len(inside), dtype=np.int64), 1
        else:
            group, n_groups = group_of(seen, rows, dimension)[inside], len(dimension.labels)
        rows.cells[name] = inside, group, rows.month[inside] * n_groups + group
    return rows.cells[name]


def merged(parts: Iterable[Mapping[str, Total]]) -> dict[str, Total]:
    """The totals of the whole from those of its parts, measure by measure."""
    every = list(parts)
    return {name: _together([each[name] for each in every]) for name in every[0]}


def _together(totals: list[Total]) -> Total:
    first = totals[0]
    seen = np.any([each.seen for each in totals], axis=0)
    if isinstance(first, Sums):
        total = np.sum([each.total for each in totals if isinstance(each, Sums)], axis=0)
        return Sums(total, seen, first.parts)
    names = ("month", "group", "part", "duration", "ended")
    joined = {name: np.concatenate([getattr(each, name) for each in totals]) for name in names}
    return Durations(**joined, seen=seen, parts=first.parts)
