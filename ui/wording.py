"""How values are written for people: money with its currency, shares, days, moments in UTC.

Missing values are a dash, never "None" or "NaN".
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

DASH = "–"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:@])")


def missing(value: Any) -> bool:
    """Whether a single value is None, NaN, NaT or an empty text."""
    return value is None or bool(pd.isna(value)) or value == ""


def money(value: Any, currency: Any) -> str:
    """``1,234.50 EUR``; without a currency, the number alone."""
    if missing(value):
        return DASH
    amount = f"{float(value) + 0.0:,.2f}"
    if amount == "-0.00":
        amount = "0.00"
    return amount if missing(currency) else f"{amount} {currency}"


def money_by_currency(amounts: dict[str, float]) -> str:
    """``1,234.50 EUR · 10.00 USD``."""
    return " · ".join(money(value, currency) for currency, value in amounts.items()) or DASH


def share(value: Any) -> str:
    """A probability or share as percent, with a decimal where it is small."""
    if missing(value):
        return DASH
    percent = 100 * float(value)
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def number(value: Any, unit: str = "") -> str:
    """A number in whole units (a decimal below 10 where it is not whole), and its unit."""
    if missing(value):
        return DASH
    plain = float(value)
    text = f"{plain:,.0f}" if plain == round(plain) or abs(plain) >= 10 else f"{plain:,.1f}"
    if not unit:
        return text
    return f"{text} {unit[:-1] if text == '1' and unit.endswith('s') else unit}"


def day(value: Any) -> str:
    """``1 May 2024``."""
    if missing(value):
        return DASH
    stamp = pd.Timestamp(value)
    return f"{stamp.day} {stamp:%b %Y}"


def moment(value: Any) -> str:
    """``1 May 2024, 09:30 UTC``; naive moments are UTC."""
    if missing(value):
        return DASH
    stamp = pd.Timestamp(value)
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC")
    return f"{day(stamp)}, {stamp:%H:%M} UTC"


def span(days: Any) -> str:
    """A stretch of time given in days: ``12 days``, ``5 hours``, ``3 minutes``."""
    if missing(days):
        return DASH
    length = float(days)
    if length >= 1:
        return number(round(length), "days")
    if length >= 1 / 24:
        return number(round(24 * length), "hours")
    return number(round(1440 * length), "minutes")


def text(value: Any) -> str:
    """A text as it is, or a dash."""
    return DASH if missing(value) else str(value)


def plain(value: Any) -> str:
    """A text from the data, safe to stand inside Markdown."""
    return _MARKDOWN.sub(r"\\\1", text(value))
