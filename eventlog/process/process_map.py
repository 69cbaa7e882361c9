"""What follows what, how long that takes, and what money waits meanwhile.

The directly-follows map with waiting times. A step from `a` to `b` is two consecutive events of one
invoice in the order of happening. What an invoice that is still open has been waiting for since its
last event is a step too, into "still open"; otherwise the map would show the waits that ended and
hide the ones that did not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eventlog.errors import DataError
from eventlog.known import Ints
from eventlog.log import MINOR, NONE
from eventlog.process.history import History
from eventlog.process.traces import Mask, Traces
from eventlog.process.waits import Floats, measure
from eventlog.state import Closed

#: What stands for "no further event yet" among the activities that follow.
STILL_OPEN = "still open"
#: A map of more activities than this is refused: there is a cell for each pair of them.
MOST_ACTIVITIES = 1_000


@dataclass(frozen=True)
class ProcessMap:
    """Steps between activities, as far as they were known.

    Row `a` and column `b` of each table are the step from `activities[a]` to `activities[b]`; the
    last column is the wait of invoices that are still open, from their last event until they were
    looked at.

    Attributes
    ----------
    activities : tuple of str
    n_invoices : int
        With at least one shown activity.
    counts, invoices : ndarray of int64, shape (n, n + 1)
        How often the step was taken, and by how many invoices.
    mean_days, median_days, p90_days : ndarray of float64, shape (n, n + 1)
        Waiting time; percentiles interpolate linearly between neighbours. NaN where never taken.
    amount : ndarray of int64, shape (n, n + 1)
        Amounts of the invoices that took the step, each once, minor units; unknown ones left out.
    money_days, overdue_money_days : ndarray of float64, shape (n, n + 1)
        Balance × days waited, summed; the latter counts only days after the due date then stated.
        Currency units × days.
    n_unpriced : ndarray of int64, shape (n, n + 1)
        Passages during which the balance was not known; they add nothing to the money.
    starts, ends : ndarray of int64, shape (n,)
        On how many invoices the activity came first, and last.
    events, on_invoices : ndarray of int64, shape (n,)
        How often the activity occurred, and on how many invoices.
    has_money : bool
        False where no ledger was kept: money is 0 and nothing is "still open".
    """

    activities: tuple[str, ...]
    n_invoices: int
    counts: Ints
    invoices: Ints
    mean_days: Floats
    median_days: Floats
    p90_days: Floats
    amount: Ints
    money_days: Floats
    overdue_money_days: Floats
    n_unpriced: Ints
    starts: Ints
    ends: Ints
    events: Ints
    on_invoices: Ints
    has_money: bool

    @property
    def still_open(self) -> Ints:
        """Invoices still open after each activity, shape (n,)."""
        return self.counts[:, -1]

    def steps(self) -> pd.DataFrame:
        """The steps taken, one a row, the most frequent first.

        Returns
        -------
        DataFrame of shape (n_steps,)
            Columns from, to, count, invoices, share_invoices (0 to 1), mean_days, median_days,
            p90_days, amount, money_days, overdue_money_days, n_unpriced. Money in currency units.
        """
        a, b = np.nonzero(self.counts)
        names = np.array([*self.activities, STILL_OPEN], dtype=object)
        table = pd.DataFrame(
            {
                "from": names[a],
                "to": names[b],
                "count": self.counts[a, b],
                "invoices": self.invoices[a, b],
                "share_invoices": self.invoices[a, b] / max(self.n_invoices, 1),
                "mean_days": self.mean_days[a, b],
                "median_days": self.median_days[a, b],
                "p90_days": self.p90_days[a, b],
                "amount": self.amount[a, b] / MINOR,
                "money_days": self.money_days[a, b],
                "overdue_money_days": self.overdue_money_days[a, b],
                "n_unpriced": self.n_unpriced[a, b],
            }
        )
        order = np.lexsort((b, a, -table["count"].to_numpy()))
        return table.iloc[order].reset_index(drop=True)


def process_map(history: History, hide: Mask | None = None) -> ProcessMap:
    """Steps, waiting times and money of a history.

    Parameters
    ----------
    history : History
    hide : ndarray of bool, shape (n_activities,), optional
        Activities to leave out. What stood on both sides then follows directly, and the time and
        money of what lay between count for that step.

    Raises
    ------
    DataError
        If there are more than `MOST_ACTIVITIES` activities.
    """
    outcome = history.outcome
    waits = (outcome["issued_at"] != NONE) & (outcome["closed"] == Closed.OPEN)
    until = np.where(waits, history.looked_at, NONE)
    amount = outcome["amount"].copy()
    return _measured(history.traces, amount, until, hide)


def waiting_map(traces: Traces, hide: Mask | None = None) -> ProcessMap:
    """Steps and waiting times alone, without money and without what is still open.

    Parameters
    ----------
    traces : Traces
        From `eventlog.process.traces.traces_of`.
    hide : ndarray of bool, shape (n_activities,), optional
        As of `process_map`.
    """
    nothing = np.full(len(traces), NONE, dtype=np.int64)
    return _measured(traces, nothing, nothing, hide)


def _measured(traces: Traces, amount: Ints, until: Ints, hide: Mask | None) -> ProcessMap:
    n = len(traces.activities)
    if n > MOST_ACTIVITIES:
        raise DataError(
            f"The log has {n:,} activities, and a process map at most {MOST_ACTIVITIES:,}. Map "
            "their names to fewer with --mapping."
        )
    shown = np.ones(n, dtype=bool) if hide is None else ~hide
    found = measure(traces, amount, until, shown)
    table = (n, n + 1)
    return ProcessMap(
        activities=traces.activities,
        n_invoices=found.n_invoices,
        counts=found.counts.reshape(table),
        invoices=found.totals[0].reshape(table),
        mean_days=found.days[0].reshape(table),
        median_days=found.days[1].reshape(table),
        p90_days=found.days[2].reshape(table),
        amount=found.totals[1].reshape(table),
        money_days=found.money[0].reshape(table) / MINOR,
        overdue_money_days=found.money[1].reshape(table) / MINOR,
        n_unpriced=found.totals[2].reshape(table),
        starts=found.ends[0],
        ends=found.ends[1],
        events=found.ends[2],
        on_invoices=found.ends[3],
        has_money=traces.has_money,
    )
