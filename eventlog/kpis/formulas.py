"""From totals to figures: one function a kind of formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.kpis.kpi import SALES_MONTHS, Kpi
from eventlog.kpis.months import Months
from eventlog.kpis.survival import quantiles
from eventlog.kpis.totals import Durations, Sums, Total
from eventlog.log import DAY

Floats = NDArray[np.float64]
Totals = Mapping[str, Total]
ALL_PARTS = "all"
_SHARE = {"median": 0.5, "90 %": 0.9}


@dataclass(frozen=True)
class Figures:
    """A KPI's values along one dimension, for every month, history included.

    Attributes
    ----------
    value, low, high, numerator, denominator : ndarray of float64
        Shape (n_months, n_groups, n_parts); the last part is all of them together. NaN where there
        is none.
    n, unknown, left_out : ndarray of int64, of the same shape
        Facts counted; those without an amount; those left out for another reason.
    seen : ndarray of bool, shape (n_groups,)
        Groups with any fact.
    parts : tuple of str
    """

    value: Floats
    low: Floats
    high: Floats
    numerator: Floats
    denominator: Floats
    n: Ints
    unknown: Ints
    left_out: Ints
    seen: NDArray[np.bool_]
    parts: tuple[str, ...]


def figures(kpi: Kpi, totals: Totals, months: Months) -> Figures:
    """The values of a KPI from the totals of its measures along one dimension."""
    if kpi.kind in _SHARE:
        return _durations(kpi, totals, months)
    top = _total(totals, kpi.numerator)
    bottom = _total(totals, kpi.denominator) if kpi.denominator else np.zeros_like(top)
    value, over, under = _KINDS[kpi.kind](kpi, totals, months, top, bottom)
    counted = kpi.n or kpi.denominator or kpi.numerator
    n = _like(_total(totals, counted), value.shape)
    seen = np.any([totals[name].seen for name in kpi.measures() - {"at_work"}], axis=0)
    nothing = np.full(value.shape, np.nan)
    return Figures(
        value=value,
        low=nothing,
        high=nothing,
        numerator=over,
        denominator=under,
        n=n,
        unknown=_count(totals, kpi.unknown, value.shape),
        left_out=_count(totals, kpi.left_out, value.shape),
        seen=seen,
        parts=(*_parts(totals, kpi.numerator), ALL_PARTS),
    )


def _parts(totals: Totals, names: str) -> tuple[str, ...]:
    parts = totals[names.split("+")[0]].parts
    return parts if len(parts) > 1 else ()


def _total(totals: Totals, names: str) -> Ints:
    """Sum of the measures joined by "+", and after the parts the sum of all of them."""
    found = []
    for name in names.split("+"):
        each = totals[name]
        if not isinstance(each, Sums):
            raise TypeError(f"{name} holds durations, which are not added")
        total = each.total
        whole = total.sum(axis=-1, keepdims=True)
        found.append(whole if total.shape[-1] == 1 else np.concatenate([total, whole], axis=-1))
    summed = found[0]
    for each_total in found[1:]:
        summed = summed + each_total
    return summed


def _like(counts: Ints, shape: tuple[int, ...]) -> Ints:
    return np.broadcast_to(counts if counts.shape == shape else counts[..., -1:], shape)


def _count(totals: Totals, name: str, shape: tuple[int, ...]) -> Ints:
    return _like(_total(totals, name), shape) if name else np.zeros(shape, dtype=np.int64)


def _divided(top: Floats, bottom: Floats) -> Floats:
    """Quotient; NaN where there is nothing below."""
    quotient: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return quotient


def _before(total: Ints) -> Ints:
    """What stood at the end of the month before."""
    return np.concatenate([np.zeros_like(total[:1]), total[:-1]])


_Found = tuple[Floats, Floats, Floats]


def _sum(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    value = top / kpi.scale[0]
    return value, value, np.full(value.shape, np.nan)


def _ratio(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    over, under = top / kpi.scale[0], bottom / kpi.scale[1]
    return _divided(over, under), over, under


def _sales_days(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    kernel = np.ones(SALES_MONTHS, dtype=np.int64)
    days = np.convolve(months.days, kernel)[: len(months)]
    total = np.cumsum(bottom, axis=0)
    total[SALES_MONTHS:] -= total[:-SALES_MONTHS].copy()
    over, under = top / kpi.scale[0], total / kpi.scale[1]
    return _divided(over, under) * days[:, None, None], over, under


def _count_back(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    sales = np.maximum(_total(totals, "sales"), 0)
    left = top.astype(np.float64)
    days = np.zeros(left.shape)
    for back in range(len(months)):
        then, has = sales[: len(months) - back], months.days[: len(months) - back, None, None]
        rest = left[back:]
        part = np.where(then > 0, np.clip(_divided(rest, then.astype(np.float64)), 0, 1), 1.0)
        days[back:] += np.where(rest > 0, part * has, 0.0)
        left[back:] = np.maximum(rest - then, 0)
    over = top / kpi.scale[0]
    has_sales = np.cumsum(sales, axis=0) > 0
    value = np.where((left > 0) | ~has_sales, np.nan, days)
    return value, over, np.full(value.shape, np.nan)


def _average(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    over, under = top / kpi.scale[0], (bottom + _before(bottom)) / 2 / kpi.scale[1]
    return _divided(over, under), over, under


def _of_beginning(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    return _ratio(kpi, totals, months, top, _before(bottom))


def _effectiveness(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    owed = _before(top) + _total(totals, "sales")
    return _ratio(kpi, totals, months, owed - top, owed - bottom)


def _per_collector_day(kpi: Kpi, totals: Totals, months: Months, top: Ints, bottom: Ints) -> _Found:
    at_work = totals["at_work"]
    if not isinstance(at_work, Sums):
        raise TypeError("at_work holds durations")
    collectors = (at_work.total > 0).sum(axis=-1, keepdims=True)
    days: Ints = collectors * months.weekdays[:, None, None]
    return _ratio(kpi, totals, months, top, days)


_KINDS: dict[str, Callable[[Kpi, Totals, Months, Ints, Ints], _Found]] = {
    "sum": _sum,
    "ratio": _ratio,
    "sales days": _sales_days,
    "count back": _count_back,
    "average": _average,
    "of beginning": _of_beginning,
    "effectiveness": _effectiveness,
    "per collector-day": _per_collector_day,
}


def _durations(kpi: Kpi, totals: Totals, months: Months) -> Figures:
    """Quantiles of durations in each cell, and in each cell of all parts together."""
    spells = totals[kpi.numerator]
    if not isinstance(spells, Durations):
        raise TypeError(f"{kpi.numerator} holds totals, of which there is no median")
    n_parts = len(spells.parts)
    whole = replace(spells, part=np.zeros_like(spells.part), parts=("",))
    pieces = [spells, whole] if n_parts > 1 else [whole]
    fields = []
    for piece in pieces:
        shape = (len(months), len(spells.seen), len(piece.parts))
        cell = np.ravel_multi_index((piece.month, piece.group, piece.part), shape)
        size = int(np.prod(shape))
        found = quantiles(cell, piece.duration, piece.ended, size, _SHARE[kpi.kind])
        columns = (found.value, found.low, found.high, found.n_ended, found.n)
        fields.append([column.reshape(shape) for column in columns])
    value, low, high, ended, n = (
        np.concatenate(column, axis=-1) for column in zip(*fields, strict=True)
    )
    return Figures(
        value=value / DAY,
        low=low / DAY,
        high=high / DAY,
        numerator=ended.astype(np.float64),
        denominator=n.astype(np.float64),
        n=n,
        unknown=np.zeros_like(n),
        left_out=_count(totals, kpi.left_out, n.shape),
        seen=spells.seen,
        parts=(*(spells.parts if n_parts > 1 else ()), ALL_PARTS),
    )
