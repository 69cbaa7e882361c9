"""Which calendar months are looked at, and from which moment each is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eventlog.errors import SettingsError
from eventlog.known import Ints, known_by
from eventlog.lazy import lazy
from eventlog.log import DAY, micros, timestamp

MOST_MONTHS = 120
#: Months before the first one shown whose sales the days of sales outstanding may reach back to.
HISTORY = 24


@dataclass(frozen=True)
class Months:
    """Consecutive calendar months up to a cutoff, in UTC.

    Attributes
    ----------
    starts, ends : ndarray of int64, shape (n_months,)
        First and last moment of each month, microseconds; the last month ends with the cutoff.
    first_shown : int
        Position of the first month of the tables; those before are history.
    running : bool
        Whether the last month is not over yet.
    """

    starts: Ints
    ends: Ints
    first_shown: int
    running: bool

    def __len__(self) -> int:
        """Number of months, history included."""
        return len(self.starts)

    @property
    def seen_from(self) -> int:
        """The moment from which everything is seen: nothing that becomes known later counts."""
        return int(self.ends[-1])

    def of(self, moment: Ints) -> Ints:
        """Month in which each moment lies, shape (n,); -1 where in none of them."""
        place = np.searchsorted(self.starts, moment, side="right") - 1
        return np.where((place >= 0) & known_by(moment, self.ends[place]), place, -1)

    @lazy
    def days(self) -> Ints:
        """Days of each month up to its end, a begun day counting as one."""
        return -((self.starts - 1 - self.ends) // DAY)

    @lazy
    def labels(self) -> list[str]:
        """Name of each month, such as 2024-05."""
        return [f"{timestamp(int(start)):%Y-%m}" for start in self.starts]

    @property
    def weekdays(self) -> Ints:
        """Mondays to Fridays of each month up to its end; holidays are not known."""
        first = (self.starts // DAY).astype("datetime64[D]")
        last = (self.ends // DAY + 1).astype("datetime64[D]")
        return np.busday_count(first, last).astype(np.int64)


def refuse_months(months: int) -> None:
    """Refuse a number of months that cannot be shown.

    Raises
    ------
    SettingsError
        If it is not from 1 to `MOST_MONTHS`.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise SettingsError(f"{months} months: choose a number from 1 to {MOST_MONTHS}.")


def months_until(cutoff: int, shown: int, history: int = HISTORY) -> Months:
    """The calendar months up to a cutoff.

    Parameters
    ----------
    cutoff : int
        Microseconds. A month's last moment, and the first one after it, close that month; any other
        moment lies in the running month, which comes last, in addition to the months asked for.
    shown : int
        Whole months to show.
    history : int
        Months before them.

    Raises
    ------
    SettingsError
        If there are fewer than 1 or more than `MOST_MONTHS` months to show.
    """
    refuse_months(shown)
    day = timestamp(cutoff + 1)
    this = pd.Timestamp(year=day.year, month=day.month, day=1)
    running = micros(this) < cutoff
    first = this - pd.DateOffset(months=shown + history)
    borders = pd.date_range(first, this, freq="MS")
    starts = np.array([micros(border) for border in borders], dtype=np.int64)
    ends = starts[1:] - 1
    if running:
        ends = np.append(ends, cutoff)
    return Months(starts[: len(ends)], ends, history, running)
