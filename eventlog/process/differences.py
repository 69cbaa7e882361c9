"""The difference of a figure between two groups of invoices, and whether it is more than noise.

Shares are compared by Newcombe's interval of a difference of two proportions, medians by
Woodruff's interval of a quantile, and the two medians' intervals are joined as Newcombe joins those
of proportions. Invoices of one customer behave alike, so a group counts as fewer invoices than it
has (`_effective_sizes`). All rows of a table hold together with 95 %: each has
1 - 0.05 / number of rows (Bonferroni).

References: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; Woodruff (1952), JASA
47, 635-646; Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Codes
from eventlog.process.traces import Mask

Floats = NDArray[np.float64]

#: Fewer invoices, or customers, than this in one of the groups: no verdict.
FEWEST_INVOICES = 30
FEWEST_CUSTOMERS = 5
#: Probability with which some interval of a table misses although nothing differs.
ERROR = 0.05

#: Values of a group, and whose invoice each is of.
Group = tuple[Floats, Codes]
#: Invoices of both groups, both figures, their difference and its interval.
Row = tuple[int, int, float, float, float, float, float]


def rows_of(
    figures: list[tuple[Floats, bool]], masks: tuple[Mask, Mask], customer: Codes
) -> pd.DataFrame:
    """Both groups' figure, the difference and its interval, for each figure of a table.

    Parameters
    ----------
    figures : list of (ndarray of float64, shape (n_invoices,), bool)
        Values by invoice, NaN where not known; True to compare medians, False means (of zeros and
        ones: shares).
    masks : pair of ndarray of bool, shape (n_invoices,)
        The groups.
    customer : ndarray of int32, shape (n_invoices,)
        Whose invoices are alike.

    Returns
    -------
    DataFrame of shape (n_figures,)
        n_a, n_b, a, b, difference (b - a), low, high (NaN for groups too small) and differs.
    """
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
