"""Two groups of invoices side by side: outcomes, variants and waiting times.

Only differences beyond noise are marked; `eventlog.process.differences` says how that is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eventlog.log import DAY, NONE, EventLog
from eventlog.process.differences import FEWEST_CUSTOMERS, FEWEST_INVOICES, Floats, rows_of
from eventlog.process.history import History
from eventlog.process.traces import Mask, Traces
from eventlog.process.variants import days_to_close, variants_of
from eventlog.state import Closed, Matured


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
    shares = rows_of([(values, False) for values in running], masks, customer)
    shares.insert(0, "sequence", pd.Series([variants.sequence(v) for v in chosen.tolist()]))
    pairs, waits = _first_waits(history.traces, one | other, top)
    steps = rows_of([(values, True) for values in waits], masks, customer)
    activities = history.traces.activities
    steps.insert(0, "from", pd.Series([activities[a] for a, _ in pairs], dtype=object))
    steps.insert(1, "to", pd.Series([activities[b] for _, b in pairs], dtype=object))
    figures = _figures(history)
    told = rows_of([(values, unit == "days") for _, unit, values in figures], masks, customer)
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
