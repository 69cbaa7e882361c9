"""The calendar of the due date: when in the week and in the month it falls.

Not when in the year: with a few years of log, the month tells seasons that happened, not seasons.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from eventlog.log import NONE, datetimes
from features.as_of import AsOf, Floats


def calendar_features(seen: AsOf) -> dict[str, Floats]:
    """Features of the due date by name; NaN where the invoice has none yet."""
    due = seen.states["due_date"].copy()
    dates = pd.DatetimeIndex(datetimes(due))
    known = due != NONE
    to_month_end = dates.days_in_month - dates.day
    return {
        name: np.where(known, np.asarray(values, dtype=np.float64), np.nan)
        for name, values in {
            "due_weekday": dates.day_of_week,
            "due_day_of_month": dates.day,
            "due_days_to_month_end": to_month_end,
        }.items()
    }
