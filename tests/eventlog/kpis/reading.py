"""One figure of a KPI table, read off by name."""

from __future__ import annotations

import pandas as pd

from eventlog.kpis.table import kpi_table
from eventlog.log import EventLog, micros
from eventlog.policy import Policy


def table_of(
    log: EventLog, cutoff: str, *kpis: str, by: tuple[str, ...] = (), months: int = 12
) -> pd.DataFrame:
    """KPIs of a small log in one currency."""
    return kpi_table(log, micros(cutoff), Policy(), months=months, by=by, kpis=kpis, threads=1)


def figure(
    table: pd.DataFrame, kpi: str, month: str, *, group: str = "all", part: str = "all"
) -> pd.Series:
    """The one row of a KPI, month, group and part."""
    rows = table[
        (table["kpi"] == kpi)
        & (table["month"] == month)
        & (table["group"] == group)
        & (table["part"] == part)
    ]
    assert len(rows) == 1, rows
    return rows.iloc[0]
