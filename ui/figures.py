"""How tables and single figures are written in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table


def number(value: Any, digits: int = 3) -> str:
    """A figure, or a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:,.{digits}f}"


def percent(value: Any) -> str:
    """A probability, or a dash."""
    return "–" if value is None or pd.isna(value) else f"{value:.0%}".replace("%", " %")


def day(value: Any) -> str:
    """A date, or a dash."""
    return "–" if value is None or pd.isna(value) else f"{value:%Y-%m-%d}"


def table_of(title: str, *headings: str, right: Sequence[int] = ()) -> Table:
    """An empty table; `right` are the columns of figures."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in right else "left")
    return table


def named_rows(title: str, *headings: str) -> Table:
    """A table of figures, each row under a name that is not broken."""
    table = table_of(title, *headings, right=range(1, len(headings)))
    table.columns[0].no_wrap = True
    return table
