"""What the catalogue says of a KPI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eventlog.log import MINOR

Unit = Literal["money", "count", "share", "days", "per collector-day", "money per collector-day"]
Kind = Literal[
    "sum",  # of the numerator
    "ratio",  # numerator over denominator
    "sales days",  # numerator over the sales of three months, times their days
    "count back",  # months of sales that the numerator is worth, counted backwards
    "average",  # numerator over the mean of the denominator at the month's two ends
    "of beginning",  # numerator over the denominator at the month's beginning
    "effectiveness",  # collection effectiveness index
    "per collector-day",
    "median",
    "90 %",
]
SeenFrom = Literal["month end", "cutoff"]

SECONDS = 86_400
SALES_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure: what it is called, how it is computed, and where its definition comes from.

    Attributes
    ----------
    name : str
    family : str
        Module of `eventlog.kpis` that counts its measures.
    title : str
        How a person would call it.
    unit : str
        ``share`` runs from 0 to 1; ``money`` is in the reporting currency.
    better : {'up', 'down', ''}
        Which way is good, all else equal; empty where neither is.
    seen : {'month end', 'cutoff'}
        From when a month is seen: as its end knew it, never restated; or, for what takes time to
        show, as the cutoff knows it.
    kind, numerator, denominator : str
        How the value follows from the measures; several joined by ``+`` are added.
    formula, excluded, source, example : str
        In words. The example is a test (`tests/eventlog/kpis/test_examples.py`).
    scale : tuple of int
        Divisors that turn the totals of numerator and denominator into the units of the table.
    n : str
        Measure that counts the facts; default: the denominator.
    split : str
        What its parts are, where it is split; shown beside the total.
    unknown, left_out : str
        Measures that count facts without an amount, and facts left out for another reason.
    left_out_because : str
    needs : tuple of str
        Activities, one of which the log must have.
    column : str
        Column that the log must have.
    of_customers : bool
        Whether customers are counted, whose invoices may be in several currencies.
    headline : bool
        Whether it stands on the first screen.
    """

    name: str
    family: str
    title: str
    unit: Unit
    better: Literal["up", "down", ""]
    seen: SeenFrom
    kind: Kind
    numerator: str
    formula: str
    excluded: str
    source: str
    example: str
    denominator: str = ""
    scale: tuple[int, int] = (1, 1)
    n: str = ""
    split: str = ""
    unknown: str = ""
    left_out: str = ""
    left_out_because: str = ""
    needs: tuple[str, ...] = ()
    column: str = ""
    of_customers: bool = False
    headline: bool = False

    @property
    def is_money(self) -> bool:
        """Whether amounts of several currencies would have to be added."""
        return MINOR in self.scale

    def measures(self) -> set[str]:
        """Names of all measures that it is computed from."""
        named = [self.numerator, self.denominator, self.n, self.unknown, self.left_out]
        found = {name for text in named for name in text.split("+") if name}
        if self.kind in ("sales days", "count back", "effectiveness"):
            found |= {"sales"}
        if self.kind == "per collector-day":
            found |= {"at_work"}
        return found
