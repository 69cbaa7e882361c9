"""How two groups of invoices differ, and which differences are more than noise.

Shares are compared by Newcombe's interval of a difference of two proportions, medians by
Woodruff's interval of a quantile, and the two medians' intervals are joined as Newcombe joins those
of proportions. Invoices of one customer behave alike, so a group counts as fewer invoices than it
has (`_effective_sizes`). All rows of a table hold together with 95 %: each has
1 - 0.05 / number of rows (Bonferroni).

References: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; Woodruff (1952), JASA
47, 635-646; Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Codes
from eventlog.log import DAY, NONE, EventLog
from eventlog.state import Closed, Matured
from eventlog.traces import History, Mask, Traces
from eventlog.variants import days_to_close, variants_of

Floats = NDArray[np.float64]

#: Fewer invoices, or customers, than this in one of the groups: no verdict.
FEWEST_INVOICES = 30
FEWEST_CUSTOMERS = 5
#: Probability with which some interval of a table misses although nothing differs.
ERROR = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two groups side by side.

    Attributes
    ----------
    names : tuple of str
        Of the two groups.
    n_invoices, n_customers : tuple of int
    n_overlap : int
        Invoices in both groups.
    too_few : str
        Why no verdict is possible; "" if one is.
    figures : DataFrame of shape (n_figures,)
        figure, unit (share or days), n_a and n_b (invoices it is known of), a, b, difference
        (b - a), low and high (its interval; NaN where there are too few), differs (more than
        noise).
    variants : DataFrame of shape (n_variants,)
        sequence, and the same columns: share of each group's invoices that run in it.
    steps : DataFrame of shape (n_steps,)
        from, to, and the same columns: median days that an invoice's first passage took.
    """

    names: tuple[str, str]
    n_invoices: tuple[int, int]
    n_customers: tuple[int, int]
    n_overlap: int
    too_few: str
    figures: pd.DataFrame
    variants: pd.DataFrame
    steps: pd.DataFrame


def compare(
    history: History,
    log: EventLog,
    one: Mask,
    other: Mask,
    names: tuple[str, str],
    top: int = 10,
) -> Comparison:
    """Set two groups of invoices side by side.

    Parameters
    ----------
    history : History
    log : EventLog
        That the history is of; it says whose the invoices are.
    one, other : ndarray of bool, shape (n_invoices,)
        The groups. An invoice in both counts in both.
    names : tuple of str
    top : int
        Variants and steps compared: the most frequent of the two groups together.
    """
    customer = log.invoice_customer[history.traces.invoices]
    if not log.has_customers:
        customer = np.arange(len(history), dtype=np.int32)
    masks = (one, other)
    sizes = (int(one.sum()), int(other.sum()))
    customers = (len(np.unique(customer[one])), len(np.unique(customer[other])))
    variants = variants_of(history.traces)
    most = np.bincount(variants.of_invoice[one | other], minlength=len(variants))
    chosen = np.lexsort((np.arange(len(most)), -most))[: min(top, int((most > 0).sum()))]
    running = [(variants.of_invoice == v).astype(np.float64) for v in chosen.tolist()]
    shares = _rows([(values, False) for values in running], masks, customer)
    shares.insert(0, "sequence", pd.Series([variants.sequence(v) for v in chosen.tolist()]))
    pairs, waits = _first_waits(history.traces, one | other, top)
    steps = _rows([(values, True) for values in waits], masks, customer)
    activities = history.traces.activities
    steps.insert(0, "from", pd.Series([activities[a] for a, _ in pairs], dtype=object))
    steps.insert(1, "to", pd.Series([activities[b] for _, b in pairs], dtype=object))
    figures = _figures(history)
    told = _rows([(values, unit == "days") for _, unit, values in figures], masks, customer)
    told.insert(0, "figure", pd.Series([name for name, _, _ in figures]))
    told.insert(1, "unit", pd.Series([unit for _, unit, _ in figures]))
    return Comparison(
        names,
        sizes,
        customers,
        int((one & other).sum()),
        _too_few(names, sizes, customers, log.has_customers),
        told,
        shares,
        steps,
    )


def _too_few(
    names: tuple[str, str], sizes: tuple[int, int], customers: tuple[int, int], named: bool
) -> str:
    for name, size, n_customers in zip(names, sizes, customers, strict=True):
        if size < FEWEST_INVOICES:
            return (
                f"'{name}' has {size:,} invoices; at least {FEWEST_INVOICES} are needed to tell a "
                "difference from noise."
            )
        if named and n_customers < FEWEST_CUSTOMERS:
            return (
                f"'{name}' has {n_customers:,} customers; at least {FEWEST_CUSTOMERS} are needed "
                "to tell a difference from noise."
            )
    return ""


def _figures(history: History) -> list[tuple[str, str, Floats]]:
    """Name, unit and value by invoice of what is compared; NaN where it is not known."""
    outcome, traces = history.outcome, history.traces
    matured = (outcome["matured"] == Matured.ON_TIME) | (outcome["matured"] == Matured.LATE)
    late = np.where(matured, outcome["matured"] == Matured.LATE, np.nan)
    issued = outcome["issued_at"] != NONE

    def share(mask: Mask) -> Floats:
        return np.where(issued, mask, np.nan)

    return [
        ("late", "share", late),
        ("paid", "share", share(outcome["closed"] == Closed.PAID)),
        ("written off", "share", share(outcome["closed"] == Closed.WRITTEN_OFF)),
        ("still open", "share", share(outcome["closed"] == Closed.OPEN)),
        ("disputed", "share", share(outcome["n_disputes"] > 0)),
        ("reopened", "share", share(outcome["n_reopened"] > 0)),
        ("days to close, of the closed ones", "days", days_to_close(history)),
        ("steps an invoice", "steps", np.diff(traces.starts).astype(np.float64)),
    ]


def _first_waits(
    traces: Traces, among: Mask, top: int
) -> tuple[list[tuple[int, int]], list[Floats]]:
    """The most frequent steps of some invoices, and how long each invoice's first passage took.

    Returns
    -------
    pairs : list of (int, int)
        Activities before and after.
    waits : list of ndarray of float64, shape (n_invoices,)
        Days; NaN for invoices that did not take the step.
    """
    n = len(traces.activities)
    of_step = traces.invoice_of_step
    follows = (of_step[1:] == of_step[:-1]) & among[of_step[1:]] if len(of_step) else np.empty(0)
    before = np.flatnonzero(follows)
    step = traces.activity[before].astype(np.int64) * n + traces.activity[before + 1]
    counts = np.bincount(step, minlength=n * n)
    chosen = np.lexsort((np.arange(n * n), -counts))[: min(top, int((counts > 0).sum()))]
    pairs, waits = [], []
    for code in chosen.tolist():
        own = before[step == code][::-1]  # of several passages the first remains
        days = np.full(len(traces), np.nan)
        days[of_step[own]] = (traces.moment[own + 1] - traces.moment[own]) / DAY
        pairs.append((code // n, code % n))
        waits.append(days)
    return pairs, waits


def _rows(
    figures: list[tuple[Floats, bool]], masks: tuple[Mask, Mask], customer: Codes
) -> pd.DataFrame:
    """Both groups' figure, the difference and its interval, for each of a table's figures."""
    z = NormalDist().inv_cdf(1 - ERROR / max(len(figures), 1) / 2)
    rows = []
    for values, is_median in figures:
        known = ~np.isnan(values)
        one, other = ((values[known & mask], customer[known & mask]) for mask in masks)
        rows.append((_median_row if is_median else _mean_row)(one, other, z))
    columns = ["n_a", "n_b", "a", "b", "difference", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    table["differs"] = (table["low"] > 0) | (table["high"] < 0)
    return table


Group = tuple[Floats, Codes]
Row = tuple[int, int, float, float, float, float, float]


def _is_enough(*groups: Group) -> bool:
    """Whether each group is large enough for an interval."""
    return all(
        len(values) >= FEWEST_INVOICES and len(np.unique(customer)) >= FEWEST_CUSTOMERS
        for values, customer in groups
    )


def _mean_row(one: Group, other: Group, z: float) -> Row:
    """Shares (of zeros and ones) or means of two groups, and the interval of their difference."""
    means = [float(values.mean()) if len(values) else np.nan for values, _ in (one, other)]
    low = high = np.nan
    if _is_enough(one, other):
        pooled = np.concatenate([one[0], other[0]])
        if np.isin(pooled, (0.0, 1.0)).all():
            sizes = _effective_sizes(one, other)
            bounds = [_wilson(mean, n, z) for mean, n in zip(means, sizes, strict=True)]
        else:
            errors = [z * sqrt(_variance_of_mean(*group)) for group in (one, other)]
            bounds = [(m - e, m + e) for m, e in zip(means, errors, strict=True)]
        low, high = _joined(means, bounds)
    return (len(one[0]), len(other[0]), means[0], means[1], means[1] - means[0], low, high)


def _median_row(one: Group, other: Group, z: float) -> Row:
    """Medians of two groups, and the interval of their difference."""
    groups = (one, other)
    medians = [float(np.median(values)) if len(values) else np.nan for values, _ in groups]
    low = high = np.nan
    if _is_enough(one, other):
        below = [
            (values <= m).astype(np.float64) for (values, _), m in zip(groups, medians, strict=True)
        ]
        sizes = _effective_sizes((below[0], one[1]), (below[1], other[1]))
        bounds = [_woodruff(values, n, z) for (values, _), n in zip(groups, sizes, strict=True)]
        low, high = _joined(medians, bounds)
    return (len(one[0]), len(other[0]), medians[0], medians[1], medians[1] - medians[0], low, high)


def _joined(estimate: list[float], bounds: list[tuple[float, float]]) -> tuple[float, float]:
    """Interval of second less first, from an estimate and an interval of each."""
    (a, b), ((a_low, a_high), (b_low, b_high)) = estimate, bounds
    low = b - a - sqrt((b - b_low) ** 2 + (a_high - a) ** 2)
    high = b - a + sqrt((b_high - b) ** 2 + (a - a_low) ** 2)
    return low, high


def _variance_of_mean(values: Floats, customer: Codes) -> float:
    """Variance of a mean whose customers, not invoices, are independent (linearised)."""
    _, code = np.unique(customer, return_inverse=True)
    n_customers = int(code.max()) + 1
    sums = np.bincount(code, weights=values - values.mean())
    return float((sums**2).sum()) / len(values) ** 2 * n_customers / max(n_customers - 1, 1)


def _effective_sizes(*groups: Group) -> list[float]:
    """How many independent invoices each group of zeros and ones is worth.

    A group's size is divided by 1 + (m - 1) × r, where m is how many invoices the customer of an
    invoice has on average, and r how alike a customer's invoices are (what the variance by
    customers implies, never below 0). r is the larger one of the groups: in the group that lacks
    the customer with many cases everything looks calmer than it is.
    """
    alike, sizes = 0.0, []
    for values, customer in groups:
        _, code = np.unique(customer, return_inverse=True)
        size = float((np.bincount(code).astype(np.float64) ** 2).sum()) / len(values)
        alone = float(values.var()) / len(values)
        if alone > 0 and size > 1:
            effect = _variance_of_mean(values, customer) / alone
            alike = max(alike, (effect - 1) / (size - 1))
        sizes.append(size)
    alike = min(alike, 1.0)
    return [
        len(values) / (1 + (size - 1) * alike)
        for (values, _), size in zip(groups, sizes, strict=True)
    ]


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share of `n` (effective) invoices."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _woodruff(values: Floats, n: float, z: float) -> tuple[float, float]:
    """Interval of a median: where the share below it lies within noise of one half."""
    ends = np.quantile(values, _wilson(0.5, n, z), method="inverted_cdf")
    return float(ends[0]), float(ends[1])
