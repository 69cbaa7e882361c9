"""The cash forecast: what open invoices bring in week by week, and what they did bring.

A week's cash is the sum of balances times the probability that falls into the week, in the
invoices' own currencies: nothing is converted. Invoices that are not issued yet are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import DAY, NONE, EventLog, timestamp, units
from eventlog.policy import Policy
from eventlog.rates import Rates, currency_of_invoices
from features.matrix import Matrix, build_matrix
from features.snapshots import Snapshots, at_cutoffs
from training.curve import Curves, curves_of
from training.model import RiskModel

Floats = NDArray[np.float64]

#: Weeks that are forecast, and the days of each.
WEEKS, WEEK = 12, 7
#: Days late that are assumed of a customer who has paid nothing yet, where nobody has.
WITHOUT_HISTORY = 0.0


@dataclass(frozen=True)
class Portfolio:
    """The invoices open at a cutoff.

    Attributes
    ----------
    snapshots : Snapshots of shape (n,)
    balance : ndarray of float64, shape (n,)
        Open balance in units of the invoice's currency; 0 where it is not known.
    currency : ndarray of str, shape (n,)
        "" where none is stated.
    days_to_due : ndarray of float64, shape (n,)
        Negative when overdue, NaN without a due date.
    """

    snapshots: Snapshots
    balance: Floats
    currency: NDArray[np.object_]
    days_to_due: Floats


def portfolio(log: EventLog, ledger: Ledger, cutoff: int) -> Portfolio:
    """The invoices open at a cutoff, as known then."""
    snapshots = at_cutoffs(ledger, np.array([cutoff], dtype=np.int64))
    states = ledger.as_of(snapshots.invoice, snapshots.cutoff)
    due = states["due_date"]
    days = np.where(due == NONE, np.nan, (due // DAY - cutoff // DAY).astype(np.float64))
    currency = currency_of_invoices(log)[snapshots.invoice]
    return Portfolio(snapshots, np.nan_to_num(units(states["balance"])), currency, days)


def by_week(curves: Curves, balance: Floats, weeks: int = WEEKS) -> Floats:
    """Expected cash of each invoice and week, shape (n, weeks), in the invoice's currency."""
    edges = np.arange(weeks + 1) * float(WEEK)
    left = np.stack([curves.at(np.full(len(balance), edge)) for edge in edges], axis=1)
    found: Floats = -np.diff(left, axis=1) * balance[:, None]
    return found


def all_at(days: Floats, balance: Floats, weeks: int = WEEKS) -> Floats:
    """Cash by week if every invoice were paid in full after so many days, shape (n, weeks).

    What should have come already comes in the first week; NaN never comes.
    """
    place = np.maximum(np.floor(days / WEEK), 0)
    found = np.zeros((len(balance), weeks))
    rows = np.flatnonzero(place < weeks)
    found[rows, place[rows].astype(np.int64)] = balance[rows]
    return found


def usual_delays(matrix: Matrix) -> Floats:
    """Mean days late of each row's customer so far, the mean of all where there is none."""
    delay = matrix["mean_days_late"].astype(np.float64)
    known = ~np.isnan(delay)
    return np.where(known, delay, delay[known].mean() if known.any() else WITHOUT_HISTORY)


def received_by_week(
    ledger: Ledger, snapshots: Snapshots, log_end: int, weeks: int = WEEKS
) -> Floats:
    """What each invoice did bring in, shape (n, weeks), in its currency.

    Payments less reversals, and what was settled without a stated payment. NaN for weeks that were
    not over when the log ended.
    """
    paid = np.stack(
        [_paid(ledger, snapshots, snapshots.cutoff + k * WEEK * DAY) for k in range(weeks + 1)],
        axis=1,
    )
    found = np.diff(paid, axis=1)
    over = snapshots.cutoff[:, None] + np.arange(1, weeks + 1)[None, :] * WEEK * DAY <= log_end
    return np.where(over, found, np.nan)


def _paid(ledger: Ledger, snapshots: Snapshots, moment: Ints) -> Floats:
    states = ledger.as_of(snapshots.invoice, moment)
    return units(states["paid"] + states["cleared"])


def forecast(curves: Curves, found: Portfolio, weeks: int = WEEKS) -> pd.DataFrame:
    """Expected cash by week and currency.

    Returns
    -------
    DataFrame
        One row a week and currency: ``week`` (from 1), ``from``, ``to`` (exclusive), ``currency``,
        ``expected`` (money of that currency), ``n_invoices``. The rows of a currency and what is
        expected later or never (`week` 0, without dates) add up to its open balance.
    """
    cash = by_week(curves, found.balance, weeks)
    start = timestamp(int(found.snapshots.cutoff[0])) if len(found.snapshots) else pd.NaT
    rows = []
    for name in sorted(set(found.currency)):
        mine = found.currency == name
        expected = cash[mine].sum(axis=0)
        for week in range(weeks):
            begin = start + pd.Timedelta(days=week * WEEK)
            end = begin + pd.Timedelta(days=WEEK)
            rows.append((week + 1, begin, end, name, float(expected[week]), int(mine.sum())))
        later = float(found.balance[mine].sum() - expected.sum())
        rows.append((0, pd.NaT, pd.NaT, name, later, int(mine.sum())))
    columns = ["week", "from", "to", "currency", "expected", "n_invoices"]
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class CashTest:
    """Forecasts against what came in: one row a cutoff, currency and week.

    Attributes
    ----------
    table : DataFrame
        ``cutoff``, ``currency``, ``week``, ``received``, and one column a method.
    errors : dict of str to dict of str to dict of str to float
        Currency, method, then ``weekly`` (sum of absolute errors by week over what came in),
        ``total`` (the same of whole forecasts) and ``bias`` (forecast over received).
    """

    table: pd.DataFrame
    errors: dict[str, dict[str, dict[str, float]]]


METHODS = ("payment_curve", "on_due_date", "usual_delay")


def run_cash_test(
    log: EventLog,
    model: RiskModel,
    cutoffs: Ints,
    policy: Policy,
    rates: Rates,
    weeks: int = WEEKS,
) -> CashTest:
    """Forecast at each cutoff and compare with what came in.

    Parameters
    ----------
    cutoffs : ndarray of int64, shape (n_cutoffs,)
        Those whose weeks were not all over when the log ended are left out.

    Returns
    -------
    CashTest
        Beside the payment curve stand ``on_due_date`` (everybody pays on the due date, what is
        overdue within the first week) and ``usual_delay`` (due date plus the customer's mean days
        late so far).
    """
    ledger = keep_ledger(log, policy)
    over = cutoffs + weeks * WEEK * DAY <= log.ends_at
    tables = [_test_at(log, ledger, model, int(c), policy, rates, weeks) for c in cutoffs[over]]
    columns = ["cutoff", "currency", "week", "received", *METHODS]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    errors = {str(name): _errors(rows) for name, rows in table.groupby("currency")}
    return CashTest(table, errors)


def _test_at(
    log: EventLog,
    ledger: Ledger,
    model: RiskModel,
    cutoff: int,
    policy: Policy,
    rates: Rates,
    weeks: int,
) -> pd.DataFrame:
    found = portfolio(log, ledger, cutoff)
    matrix = build_matrix(log, found.snapshots, model.encoding, policy, rates)
    delay = np.maximum(found.days_to_due + usual_delays(matrix), 0.0)
    cash = {
        "received": received_by_week(ledger, found.snapshots, log.ends_at, weeks),
        "payment_curve": by_week(curves_of(model, matrix), found.balance, weeks),
        "on_due_date": all_at(np.maximum(found.days_to_due, 0.0), found.balance, weeks),
        "usual_delay": all_at(delay, found.balance, weeks),
    }
    tables = []
    for name in sorted(set(found.currency)):
        mine = found.currency == name
        table = pd.DataFrame({method: money[mine].sum(axis=0) for method, money in cash.items()})
        table.insert(0, "week", np.arange(1, weeks + 1))
        table.insert(0, "currency", name)
        table.insert(0, "cutoff", timestamp(cutoff))
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _errors(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    received = float(rows["received"].sum())
    found = {}
    for method in METHODS:
        gap = rows[method] - rows["received"]
        total = gap.groupby(rows["cutoff"]).sum().abs().sum()
        found[method] = {
            "weekly": float(gap.abs().sum() / received) if received else float("nan"),
            "total": float(total / received) if received else float("nan"),
            "bias": float(rows[method].sum() / received) if received else float("nan"),
        }
    return found
