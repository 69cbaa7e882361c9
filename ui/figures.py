"""How single figures are written in the terminal's tables."""

from __future__ import annotations

from typing import Any

import pandas as pd


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
