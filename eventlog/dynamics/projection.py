"""What Dynamics 365 can say of the synthetic company's event log.

`projected` changes a log exactly as `CHANGES` states, nothing else; the round trip (simulate, write
as tables, import) must give back that log, row by row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.log import DAY, END_OF_DAY
from eventlog.simulate import COLUMNS
from eventlog.template import ISSUING_ROLES, role_of


class Change(NamedTuple):
    """One thing that the tables of D365 say less exactly than the log, or not at all."""

    name: str
    activities: tuple[str, ...]
    reason: str


CHANGES: tuple[Change, ...] = (
    Change(
        "EventTime loses its time of day",
        ("Credit Limit Approved", "Credit Limit Changed"),
        "CredManCreditLimitAdjTable.PostedDate and the days of copies of CustTable are dates.",
    ),
    Change(
        "EventTime loses its time of day where the event was recorded on a later day",
        ("Dispute Registered",),
        "CustDisputeHistory.StatusChangedDate is a date; the time of day is that of the record.",
    ),
    Change(
        "RecordedTime is empty where it is on the day of the event",
        ("Payment Received",),
        "A date is known at the end of its day; a record of the same day says no more.",
    ),
    Change(
        "PaymentDueDate is empty",
        ("Collection Activity Logged",),
        "smmActivities holds no due date: a due date moved without a letter is not recorded.",
    ),
    Change(
        "SalesChannel is empty on all events of free text invoices",
        (),
        "Only sales orders have an origin (SalesTable.SalesOriginId).",
    ),
    Change(
        "UserId is empty",
        ("Credit Limit Changed",),
        "Copies of CustTable do not say who changed it.",
    ),
    Change(
        "Missing until the invoice is posted",
        ("Invoice Generated",),
        "A draft of a free text invoice has no number yet.",
    ),
    Change(
        "SourceSystem is the same on all events",
        (),
        "Tables of one system; bank statements arrive as its journals.",
    ),
    Change(
        "LastDataUpdate is the moment of the extraction",
        (),
        "The log ends where the tables were read.",
    ),
)
SOURCE_SYSTEM = "Microsoft Dynamics 365"
_GENERATED, _POSTED = "Invoice Generated", "Invoice Posted and Sent"


def known_before(log: pd.DataFrame, until: int) -> pd.DataFrame:
    """The rows of a simulated log that the company knew before a midnight.

    Parameters
    ----------
    log : DataFrame of shape (n_events, 24)
        As `eventlog.simulate.simulate` gives it.
    until : int
        Microseconds since 1970.
    """
    time = log["EventTime"].to_numpy().astype("datetime64[us]").astype(np.int64)
    recorded = log["RecordedTime"].to_numpy().astype("datetime64[us]").astype(np.int64)
    issuing = [name for name in log["ActivityName"].unique() if role_of(name) in ISSUING_ROLES]
    whole_day = (time % DAY == 0) & ~log["ActivityName"].isin(issuing).to_numpy()
    return log[np.maximum(time + whole_day * END_OF_DAY, recorded) < until]


def projected(log: pd.DataFrame, extracted_at: int) -> pd.DataFrame:
    """A simulated log as the tables of D365 can tell it: changed as `CHANGES` states.

    Parameters
    ----------
    log : DataFrame of shape (n_events, 24)
        Of a company whose bookings D365 could have recorded
        (`eventlog.dynamics.synthetic_books.booked`).
    extracted_at : int
        Microseconds since 1970.

    Returns
    -------
    DataFrame of shape (n_left, 24)
        Columns `eventlog.simulate.COLUMNS`; texts as objects, None where missing.
    """
    log = log.astype(dict.fromkeys(log.columns[log.dtypes == "category"], object))
    activity = log["ActivityName"].to_numpy()
    key = pd.MultiIndex.from_frame(log[["CompanyCode", "InvoiceNumber"]])
    posted = key.isin(key[activity == _POSTED])
    log = log[posted | (activity != _GENERATED)].copy()
    activity = log["ActivityName"].to_numpy()
    key = pd.MultiIndex.from_frame(log[["CompanyCode", "InvoiceNumber"]])

    day = log["EventTime"].dt.floor("D")
    dated = np.isin(activity, ("Credit Limit Approved", "Credit Limit Changed"))
    late = log["RecordedTime"].dt.floor("D") > day
    dated |= (activity == "Dispute Registered") & late.to_numpy()
    free = (activity == _GENERATED) & (log["EventTime"] != day).to_numpy()
    log["EventTime"] = log["EventTime"].where(~dated, day)
    log["RecordedTime"] = log["RecordedTime"].where(late)
    _empty(log, "PaymentDueDate", activity == "Collection Activity Logged")
    _empty(log, "UserId", activity == "Credit Limit Changed")
    _empty(log, "SalesChannel", key.isin(key[free]))
    log["SourceSystem"] = SOURCE_SYSTEM
    log["LastDataUpdate"] = pd.Timestamp(extracted_at, unit="us")
    return log[list(COLUMNS)]


def _empty(log: pd.DataFrame, column: str, rows: NDArray[np.bool_]) -> None:
    log[column] = log[column].where(~rows)
