"""KPIs of a log as of a cutoff, by month and by dimension, in one long table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.blocks import first_customers, in_parallel
from eventlog.cutoffs import refuse_cutoff
from eventlog.errors import DataError
from eventlog.kpis import (
    adherence,
    ageing,
    cash_application,
    collections,
    credit_limits,
    disputes,
    dso,
    dunning,
    productivity,
    promises,
    punctuality,
    write_offs,
)
from eventlog.kpis.catalogue import chosen
from eventlog.kpis.formulas import ALL_PARTS, Figures, figures
from eventlog.kpis.groups import Dimension, dimension_of
from eventlog.kpis.kpi import Kpi
from eventlog.kpis.months import Months, months_until
from eventlog.kpis.seen import Measure, Seen
from eventlog.kpis.totals import Total, add_up, merged
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_for
from eventlog.stated import NOT_STATED

#: Everything together: a dimension with one group.
ALL = "all"
COLUMNS = (
    "kpi",
    "month",
    "starts",
    "ends",
    "dimension",
    "group",
    "part",
    "value",
    "low",
    "high",
    "numerator",
    "denominator",
    "n",
    "unit",
    "currency",
    "note",
)
_FAMILIES: dict[str, ModuleType] = {
    "adherence": adherence,
    "ageing": ageing,
    "cash_application": cash_application,
    "collections": collections,
    "credit_limits": credit_limits,
    "disputes": disputes,
    "dso": dso,
    "dunning": dunning,
    "productivity": productivity,
    "promises": promises,
    "punctuality": punctuality,
    "write_offs": write_offs,
}
#: Further families that a family's KPIs take measures from.
_ALSO = {
    "ageing": ("dso",),
    "punctuality": ("dso",),
    "write_offs": ("dso",),
    "productivity": ("dso",),
}
#: Events that are worked on at a time, unless one customer has more.
BLOCK_SIZE = 500_000

_Totals = dict[str, dict[str, Total]]
_Piece = dict[str, NDArray[Any]]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Plan:
    """What is to be computed, the same for every part of the log."""

    kpis: tuple[Kpi, ...]
    months: Months
    dimensions: tuple[Dimension, ...]
    policy: Policy
    rates: Rates


def kpi_table(
    log: EventLog,
    cutoff: int,
    policy: Policy,
    rates: Rates | None = None,
    *,
    months: int = 12,
    by: Sequence[str] = (),
    kpis: Sequence[str] = (),
    threads: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """KPIs as of a cutoff, month by month, of everything and of each group of each dimension.

    Parameters
    ----------
    log : EventLog
        May reach further; only what is known at the cutoff is looked at.
    cutoff : int
        Microseconds. A month's last moment, and the first one after it, close that month; another
        moment is the end of a running month, which comes last.
    rates : Rates, optional
        Needed where the log has several currencies and amounts are to be added, unless it is cut
        by currency alone: then each group's money is in its own currency, and money of all
        together is left empty.
    months : int
        Whole calendar months to show.
    by : sequence of str
        Dimensions: see `eventlog.kpis.groups.dimension_of`.
    kpis : sequence of str
        Names of the catalogue; default: all.
    threads : int
        0 means one a core.
    progress : callable, optional
        Told the stage and the share done.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; one row a KPI, month, group and part. ``dimension`` is ``all`` for
        everything together; ``part`` is ``all`` for a KPI's total, and else one of what it is split
        into. ``value`` is in ``unit``, ``low`` and ``high`` bound a median's 95 % interval,
        ``numerator`` and ``denominator`` are what it was divided from (of a median: cases ended,
        and cases), ``n`` counts the facts. Missing values say in ``note`` why. ``ends`` is the
        last moment of the month that was looked at.

    Raises
    ------
    DataError
        If the cutoff lies after the log's end or before its beginning, or amounts of several
        currencies would have to be added without rates.
    SettingsError
        If a KPI or a dimension is unknown, or there are too few or too many months.
    """
    refuse_cutoff(log, cutoff)
    wanted = chosen(kpis)
    per_currency = False
    if rates is None:
        per_currency = _several_currencies(log) and [*by] == ["currency"]
        mixes = not per_currency and any(kpi.is_money or kpi.of_customers for kpi in wanted)
        rates = _without_table(log) if mixes else _as_they_stand()
    dimensions = tuple(dimension_of(log, name) for name in dict.fromkeys(by))
    plan = _Plan(wanted, months_until(cutoff, months), dimensions, policy, rates)
    totals, happened = _totals_of(log, plan, threads, progress)
    pieces = [
        piece
        for kpi in wanted
        for piece in _pieces_of(kpi, plan, totals, happened, log, per_currency, rates.reporting)
    ]
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in COLUMNS}
    frame = pd.DataFrame(columns, columns=list(COLUMNS))
    texts = [name for name in COLUMNS if frame[name].dtype == object]
    return frame.astype(dict.fromkeys(texts, "str"))


def _several_currencies(log: EventLog) -> bool:
    column = log.columns.get("CurrencyCode")
    return column is not None and len(column.levels) > 1


def _without_table(log: EventLog) -> Rates:
    """What a log in one currency needs: no conversion."""
    try:
        return rates_for(log, None)
    except DataError as error:
        raise DataError(
            f"{error} Or cut by currency alone, with --by currency: each group's money then is in "
            "its own."
        ) from error


def _as_they_stand() -> Rates:
    """No conversion: every amount stays in its own currency."""
    empty = np.empty(0, dtype=np.int64)
    return Rates("", (), np.zeros(1, np.int64), empty, np.ones(1))


def _totals_of(
    log: EventLog, plan: _Plan, threads: int, progress: Progress | None
) -> tuple[_Totals, set[str]]:
    """Totals by dimension and measure, and the activities that the log has by the cutoff."""
    work = np.bincount(log.customer, minlength=log.n_customers)
    first = first_customers(work, BLOCK_SIZE)
    bounds = list(zip(first[:-1].tolist(), first[1:].tolist(), strict=True))

    def count(bound: tuple[int, int]) -> tuple[_Totals, NDArray[np.bool_]]:
        part = log.of_customers(*bound).upto(plan.months.seen_from)
        happened = np.zeros(len(log.activities), dtype=bool)
        happened[part.activity] = True
        return _count(part, plan), happened

    found, happened = [], np.zeros(len(log.activities), dtype=bool)
    for done, (totals, own) in enumerate(in_parallel(count, iter(bounds), threads), start=1):
        found.append(totals)
        happened |= own
        if progress is not None:
            progress("counting", done / len(bounds))
    names = [ALL, *(dimension.name for dimension in plan.dimensions)]
    whole = {name: merged([totals[name] for totals in found]) for name in names}
    return whole, {name for name, has in zip(log.activities, happened, strict=True) if has}


def _count(part: EventLog, plan: _Plan) -> _Totals:
    """Totals of whole customers, by dimension and measure."""
    seen = Seen(part, keep_ledger(part, plan.policy), plan.months, plan.policy, plan.rates)
    families = {kpi.family for kpi in plan.kpis}
    families |= {also for family in families for also in _ALSO.get(family, ())}
    needed = set().union(*(kpi.measures() for kpi in plan.kpis))
    measures: dict[str, Measure] = {}
    for family in sorted(families):
        measures |= _FAMILIES[family].measures(seen)
    kept = {name: measures[name] for name in sorted(needed)}
    totals = {ALL: {name: add_up(seen, measure, None) for name, measure in kept.items()}}
    for dimension in plan.dimensions:
        totals[dimension.name] = {
            name: add_up(seen, measure, dimension) for name, measure in kept.items()
        }
    return totals


def _pieces_of(
    kpi: Kpi,
    plan: _Plan,
    totals: _Totals,
    happened: set[str],
    log: EventLog,
    per_currency: bool,
    reporting: str,
) -> Iterator[_Piece]:
    """Rows of the table, dimension by dimension."""
    lacks = _what_lacks(kpi, happened, log)
    everything = Dimension(ALL, (ALL,))
    for dimension in (everything, *plan.dimensions):
        found = figures(kpi, totals[dimension.name], plan.months)
        why = lacks
        if not why and per_currency and (kpi.is_money or kpi.of_customers):
            if dimension is everything:
                why = "amounts in several currencies: give a rate table"
            elif kpi.of_customers:
                why = "a customer's invoices may be in several currencies: give a rate table"
        piece = _long(kpi, found, dimension, plan.months, why)
        currency = reporting if "money" in kpi.unit else ""
        piece["currency"] = _texts(currency, len(piece["n"]))
        if per_currency and "money" in kpi.unit and dimension is not everything:
            group = piece["group"]
            piece["currency"] = np.where(group == NOT_STATED, "", group).astype(object)
        yield piece


def _what_lacks(kpi: Kpi, happened: set[str], log: EventLog) -> str:
    """What the log would need for the KPI; empty where it has it."""
    if kpi.needs and not happened & set(kpi.needs):
        return f"no {' or '.join(kpi.needs)} in this log"
    if kpi.column and kpi.column not in log.columns:
        return f"no {kpi.column} in this log"
    return ""


def _long(kpi: Kpi, found: Figures, dimension: Dimension, months: Months, lacks: str) -> _Piece:
    """One row a month, group and part; groups and parts without any fact are left out."""
    is_all = dimension.name == ALL
    groups = np.flatnonzero(found.seen) if not is_all else np.array([0])
    groups = groups[np.argsort([_last_if_unstated(dimension.labels[g]) for g in groups])]
    has_part = found.n[:, groups].any(axis=(0, 1))
    parts = np.flatnonzero(has_part | (np.array(found.parts) == ALL_PARTS))
    if lacks:
        parts = parts[-1:]
    month = np.arange(months.first_shown, len(months))
    cells = np.ix_(month, groups, parts)
    at = [place.ravel() for place in np.meshgrid(month, groups, parts, indexing="ij")]
    n_rows = len(at[0])
    piece: _Piece = {
        name: np.full(n_rows, np.nan) if lacks else getattr(found, name)[cells].ravel()
        for name in ("value", "low", "high", "numerator", "denominator")
    }
    piece |= {
        "kpi": _texts(kpi.name, n_rows),
        "month": np.array(months.labels, dtype=object)[at[0]],
        "starts": months.starts[at[0]].view("datetime64[us]"),
        "ends": months.ends[at[0]].view("datetime64[us]"),
        "dimension": _texts(dimension.name, n_rows),
        "group": np.array(dimension.labels, dtype=object)[at[1]],
        "part": np.array(found.parts, dtype=object)[at[2]],
        "n": np.zeros(n_rows, dtype=np.int64) if lacks else found.n[cells].ravel(),
        "unit": _texts(kpi.unit, n_rows),
        "note": _texts(lacks, n_rows) if lacks else _notes(kpi, found, cells, at[0], months),
    }
    return piece


def _texts(text: str, n: int) -> NDArray[np.object_]:
    return np.full(n, text, dtype=object)


def _last_if_unstated(label: str) -> str:
    return "\uffff" if label.startswith("(") else label


def _notes(
    kpi: Kpi,
    found: Figures,
    cells: tuple[NDArray[np.intp], ...],
    month: NDArray[np.intp],
    months: Months,
) -> NDArray[np.object_]:
    """What a reader has to know of single figures."""
    missing = np.isnan(found.value[cells].ravel())
    n = found.n[cells].ravel()
    why = {
        "median": "fewer than half have ended",
        "90 %": "fewer than 90 % have ended",
        "count back": "more than the sales on record",
    }.get(kpi.kind, "nothing to divide by")
    none_yet = "nothing has matured yet" if kpi.seen == "cutoff" else "nothing to count"
    notes = np.where(missing, np.where(n > 0, why, none_yet), "").astype(object)
    for counted, said in (
        (found.unknown, "of unknown amount"),
        (found.left_out, kpi.left_out_because + ", left out"),
    ):
        count = counted[cells].ravel()
        if not count.any():
            continue
        text = np.char.add(count.astype(str), f" {said}").astype(object)
        notes = _joined(notes, np.where(count > 0, text, ""))
    if months.running:
        until = f"month running, to {timestamp(months.seen_from):%Y-%m-%d}"
        notes = _joined(notes, np.where(month == len(months) - 1, until, "").astype(object))
    return notes


def _joined(notes: NDArray[np.object_], more: NDArray[np.object_]) -> NDArray[np.object_]:
    both = (notes != "") & (more != "")
    joined: NDArray[np.object_] = np.where(both, notes + "; " + more, notes + more)
    return joined
