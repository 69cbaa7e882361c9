"""Prefixes of the fines log, encoded as Teinemaa et al. 2019 encode them, and a few columns more.

A prefix of length k is what is known of a fine after its first k events. The encoding follows the
authors' code (github.com/irhete/predictive-monitoring-benchmark): categories of events counted,
numbers of events as mean, max, min, sum and standard deviation, attributes of the case from its
first event. Read by `benchmarks.fines_outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CREATED, SENT = "Invoice Generated", "Invoice Posted and Sent"
PENALTY, PAID = "Dunning Letter Generated", "Payment Received"
COLLECTION = "Invoice Written Off"
#: Made from the payments when the log was put into the template; not in the original log.
DERIVED = ("Invoice Settled",)

#: The protocol's names of attributes, and the log's; those without one are used if the log has
#: a column of the protocol's own name.
NAMES = {
    "Resource": "CollectorAssigned",
    "article": "CustomerSegment",
    "vehicleClass": "VehicleClass",
    "points": "Points",
    "amount": "InvoiceAmount",
}
EVENT_CATEGORIES = ("Activity", "Resource", "lastSent", "notificationType", "dismissal")
EVENT_NUMBERS = (
    "expense",
    "timesincelastevent",
    "timesincecasestart",
    "timesincemidnight",
    "event_nr",
    "month",
    "weekday",
    "hour",
    "open_cases",
)
CASE_CATEGORIES, CASE_NUMBERS = ("article", "vehicleClass"), ("amount", "points")
LONGEST = 10
#: Levels of a category with fewer events are one level, 'other'.
FEWEST_OF_LEVEL = 10
MINUTE = pd.Timedelta(minutes=1)


@dataclass(frozen=True)
class Prefixes:
    """Prefixes of length 1 to `LONGEST`, a row each.

    Attributes
    ----------
    values : ndarray of float32, shape (n_prefixes, n_columns)
    columns : tuple of str
    n_protocol : int
        How many of the first columns are the protocol's; the others go beyond it: last state,
        payments, balance.
    y : ndarray of float64, shape (n_prefixes,)
        1 if the fine goes to credit collection later.
    case, length : ndarray of int64, shape (n_prefixes,)
    at, start : ndarray of datetime64[us], shape (n_prefixes,)
        Time of the prefix's last event, and of its case's first.
    is_unpaid : ndarray of bool, shape (n_prefixes,)
        No payment yet.
    last : ndarray of int64, shape (n_prefixes,)
        Code of the last activity.
    """

    values: NDArray[np.float32]
    columns: tuple[str, ...]
    n_protocol: int
    y: Floats
    case: NDArray[np.int64]
    length: NDArray[np.int64]
    at: NDArray[np.datetime64]
    start: NDArray[np.datetime64]
    is_unpaid: NDArray[np.bool_]
    last: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of prefixes."""
        return len(self.y)

    def take(self, rows: NDArray[np.bool_]) -> Prefixes:
        """Some of the prefixes, by mask."""
        return Prefixes(
            self.values[rows],
            self.columns,
            self.n_protocol,
            self.y[rows],
            self.case[rows],
            self.length[rows],
            self.at[rows],
            self.start[rows],
            self.is_unpaid[rows],
            self.last[rows],
        )


def read_events(path: Path) -> pd.DataFrame:
    """Events of a log in the template's columns, in order of case and time, under protocol names.

    Raises
    ------
    SystemExit
        If the file lacks a column that the protocol cannot do without.
    """
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    needed = ["InvoiceNumber", "ActivityName", "EventTime", "InvoiceAmount", "PaymentAmount"]
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise SystemExit(f"{path} lacks the columns {lacking}: it is not a log in the template.")
    frame = frame[~frame["ActivityName"].isin(DERIVED)]
    events = pd.DataFrame(
        {
            "case": pd.factorize(frame["InvoiceNumber"])[0].astype(np.int64),
            "Activity": frame["ActivityName"].astype(str),
            "at": pd.to_datetime(frame["EventTime"]).astype("datetime64[us]"),
            "owed": frame["InvoiceAmount"].astype(float),
            "paid": frame["PaymentAmount"].astype(float).fillna(0.0),
        }
    )
    for name in (*EVENT_CATEGORIES[1:], *CASE_CATEGORIES, *CASE_NUMBERS, "expense"):
        column = NAMES.get(name, name)
        if column in frame:
            events[name] = frame[column]
    return events.sort_values(["case", "at"], kind="stable").reset_index(drop=True)


def lacking_columns(events: pd.DataFrame) -> list[str]:
    """Attributes of the protocol that the log does not have."""
    wanted = (*EVENT_CATEGORIES, *CASE_CATEGORIES, *CASE_NUMBERS)
    return [name for name in wanted if name not in events]


@dataclass(frozen=True)
class Outcomes:
    """Events up to the outcome, and what dropping and cutting did.

    Attributes
    ----------
    events : DataFrame
        Without incomplete cases; column y holds the label; cut before credit collection.
    collected_at : Series of datetime64[us]
        When each positive case went to credit collection.
    facts : dict
        Counts.
    """

    events: pd.DataFrame
    collected_at: pd.Series
    facts: dict[str, Any]


def label_cases(events: pd.DataFrame, started_before: pd.Timestamp | None) -> Outcomes:
    """Drop incomplete cases, label, cut before the first credit collection.

    Parameters
    ----------
    started_before : Timestamp or None
        Younger cases are left out: their outcome cannot have happened yet.
    """
    by_case = events.groupby("case")
    last = by_case["Activity"].transform("last")
    start = by_case["at"].transform("min")
    young = start >= started_before if started_before is not None else start.isna()
    incomplete = last == SENT
    collected = (events["Activity"] == COLLECTION).astype(np.int64)
    after = collected.groupby(events["case"]).cumsum()
    labelled = events.assign(y=collected.groupby(events["case"]).transform("max").astype(float))
    kept = labelled[~young & ~incomplete & (after == 0)].reset_index(drop=True)
    cases = kept.groupby("case")["y"].first()
    facts = {
        "cases in the log": int(events["case"].nunique()),
        "left out as too young": int(events.loc[young, "case"].nunique()),
        "dropped as incomplete": int(events.loc[~young & incomplete, "case"].nunique()),
        "cases": len(cases),
        "events": len(kept),
        "positive share": float(cases.mean()),
        "median length": float(kept.groupby("case").size().median()),
        "longest": int(kept.groupby("case").size().max()),
    }
    first = events[(events["Activity"] == COLLECTION) & (after == 1)].groupby("case")["at"].min()
    return Outcomes(kept, first[first.index.isin(cases.index)], facts)


def outcome_known_until(events: pd.DataFrame) -> pd.Timestamp:
    """Creation date up to which the log has seen whether fines go to credit collection.

    Fines are collected in batches, each of which takes those whose penalty was added by some day.
    The youngest penalty in any batch, less the days from creation to penalty of all but one in
    twenty fines, is therefore the last creation date whose outcome has been decided.
    """
    created = events.groupby("case")["at"].min()
    penalty = events[events["Activity"] == PENALTY].groupby("case")["at"].min()
    collected = events.loc[events["Activity"] == COLLECTION, "case"].unique()
    lag = (penalty - created.reindex(penalty.index)).quantile(0.95)
    return (penalty.reindex(collected).max() - lag).floor("D")


def encode(outcomes: Outcomes) -> Prefixes:
    """Encode every prefix of length 1 to `LONGEST`."""
    events = _with_features(outcomes.events)
    length = events["event_nr"].to_numpy()
    counted = {
        f"{name}={level}": _running_sum(events["case"], (events[name] == level).astype(float))
        for name in EVENT_CATEGORIES
        if name in events
        for level in sorted(events[name].unique())
    }
    numbers: dict[str, Floats] = {}
    for name in EVENT_NUMBERS:
        numbers |= _aggregates(events, name, length)
    protocol = _of_case(events) | counted | numbers
    more = _beyond(events)
    rows = length <= LONGEST
    columns = protocol | more
    values = np.empty((int(rows.sum()), len(columns)), dtype=np.float32)
    for i, column in enumerate(columns.values()):
        values[:, i] = column[rows]
    start = events.groupby("case")["at"].transform("min")
    return Prefixes(
        values,
        tuple(columns),
        len(protocol),
        events["y"].to_numpy()[rows],
        events["case"].to_numpy()[rows],
        length.astype(np.int64)[rows],
        events["at"].to_numpy()[rows],
        start.to_numpy()[rows],
        _running_sum(events["case"], (events["Activity"] == PAID).astype(float))[rows] == 0,
        pd.factorize(events["Activity"], sort=True)[0].astype(np.int64)[rows],
    )


def _with_features(events: pd.DataFrame) -> pd.DataFrame:
    """Events with the protocol's own attributes; gaps filled forward, rare levels put together."""
    case, at = events["case"], events["at"]
    first = at.groupby(case).transform("min")
    day = at.dt.floor("D")
    found = events.assign(
        timesincelastevent=((at - at.groupby(case).shift()) / MINUTE).fillna(0.0),
        timesincecasestart=(at - first) / MINUTE,
        timesincemidnight=(at - day) / MINUTE,
        event_nr=events.groupby("case").cumcount() + 1,
        month=at.dt.month,
        weekday=at.dt.weekday,
        hour=at.dt.hour,
        open_cases=_open_cases(events),
    )
    if "expense" not in found:
        found["expense"] = _expense(events)
    for name in (*EVENT_CATEGORIES, *CASE_CATEGORIES):
        if name in found:
            filled = found[name].groupby(case).ffill().fillna("missing").astype(str)
            often = filled.map(filled.value_counts()) >= FEWEST_OF_LEVEL
            found[name] = filled.where(often, "other")
    return found


def _expense(events: pd.DataFrame) -> pd.Series:
    """Postage: what sending the fine added to the amount owed; 0 before."""
    before = events["owed"].groupby(events["case"]).shift()
    added = (events["owed"] - before).where(events["Activity"] == SENT)
    return added.groupby(events["case"]).ffill().fillna(0.0)


def _open_cases(events: pd.DataFrame) -> NDArray[np.int64]:
    """Cases begun and not at their last event yet, as the protocol counts them (it looks ahead)."""
    spans = events.groupby("case")["at"].agg(["min", "max"])
    at = events["at"].to_numpy()
    begun = np.searchsorted(np.sort(spans["min"].to_numpy()), at, side="right")
    ended = np.searchsorted(np.sort(spans["max"].to_numpy()), at, side="right")
    return begun - ended


def _running_sum(case: pd.Series, values: pd.Series) -> Floats:
    return values.groupby(case).cumsum().to_numpy(dtype=np.float64)


def _aggregates(events: pd.DataFrame, name: str, length: NDArray[np.int64]) -> dict[str, Floats]:
    """Mean, max, min, sum and standard deviation (0 for one event) so far."""
    case, values = events["case"], events[name].astype(float)
    grouped = values.groupby(case)
    first = grouped.transform("first")
    total = _running_sum(case, values)
    shifted = values - first  # numbers near their own start lose no digits when squared
    moved, squares = _running_sum(case, shifted), _running_sum(case, shifted**2)
    spread = np.maximum(squares - moved**2 / length, 0.0) / np.maximum(length - 1, 1)
    return {
        f"mean {name}": total / length,
        f"max {name}": grouped.cummax().to_numpy(),
        f"min {name}": grouped.cummin().to_numpy(),
        f"sum {name}": total,
        f"std {name}": np.sqrt(spread),
    }


def _of_case(events: pd.DataFrame) -> dict[str, Floats]:
    """Attributes of the case, from its first event."""
    first = events.groupby("case")
    found: dict[str, Floats] = {}
    for name in CASE_CATEGORIES:
        if name in events:
            stated = first[name].transform("first")
            for level in sorted(stated.unique()):
                found[f"{name}={level}"] = (stated == level).to_numpy(dtype=np.float64)
    for name in CASE_NUMBERS:
        if name in events:
            found[name] = first[name].transform("first").fillna(0.0).to_numpy(dtype=np.float64)
    return found


def _beyond(events: pd.DataFrame) -> dict[str, Floats]:
    """Last state, payments and balance: what the protocol's attributes leave out."""
    paid = _running_sum(events["case"], events["paid"])
    owed = events["owed"].groupby(events["case"]).ffill().to_numpy(dtype=np.float64)
    last = {
        f"last {name}": events[name].to_numpy(dtype=np.float64)
        for name in EVENT_NUMBERS
        if name != "event_nr"
    }
    state = {
        f"last Activity={level}": (events["Activity"] == level).to_numpy(dtype=np.float64)
        for level in sorted(events["Activity"].unique())
    }
    money = {
        "last payment": events["paid"].to_numpy(dtype=np.float64),
        "paid": paid,
        "owed": owed,
        "balance": owed - paid,
        "share paid": paid / np.where(owed > 0, owed, np.nan),
    }
    return last | state | money
