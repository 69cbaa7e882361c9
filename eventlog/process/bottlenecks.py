"""Where money waits longest: the steps ranked by what they cost in money-days.

Money-days of a step are the balance that was open × the days waited, summed over all passages. A
step's share is what one would gain, at most, by taking it without delay; divided by 365 and times
the yearly cost of money it is what the wait has cost.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from eventlog.process.process_map import STILL_OPEN, ProcessMap

DAYS_A_YEAR = 365


def bottlenecks(found: ProcessMap, annual_rate: float, overdue: bool = False) -> pd.DataFrame:
    """Steps ranked by the money-days lost in them.

    Parameters
    ----------
    found : ProcessMap
    annual_rate : float
        Yearly cost of money, 0.08 for 8 %.
    overdue : bool
        Count only the days after the due date: where overdue time is spent.

    Returns
    -------
    DataFrame of shape (n_steps,)
        from, to ("still open": invoices that have no further event yet), money_days (currency
        units × days), share and cumulative_share of all money-days (0 to 1), cost (currency units,
        money_days × annual_rate / 365), median_days, p90_days, count, invoices, is_waiting (True
        for "still open"). Steps that cost nothing are left out. Waiting times are of the whole
        step, also where only days after the due date are counted.
    """
    steps = found.steps()
    lost = steps["overdue_money_days" if overdue else "money_days"].to_numpy()
    table = pd.DataFrame(
        {
            "from": steps["from"],
            "to": steps["to"],
            "money_days": lost,
            "share": lost / lost.sum() if lost.sum() > 0 else np.nan,
            "cumulative_share": np.nan,
            "cost": lost * annual_rate / DAYS_A_YEAR,
            "median_days": steps["median_days"],
            "p90_days": steps["p90_days"],
            "count": steps["count"],
            "invoices": steps["invoices"],
            "is_waiting": steps["to"] == STILL_OPEN,
        }
    )
    table = table[lost > 0].sort_values("money_days", ascending=False, kind="stable")
    table["cumulative_share"] = table["share"].cumsum()
    return table.reset_index(drop=True)
