"""The process history beside a score: what happened to a customer's invoices up to the cutoff.

A scoring run keeps the log as it was scored, sorted by customer, in one Parquet file; a story
reads that customer's rows alone and folds them into the ledger again, so what a page shows is what
the model was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.fold import Closed
from eventlog.known import known_by
from eventlog.ledger import keep_ledger, ledger_table
from eventlog.log import NONE, EventLog, datetimes, micros, units
from eventlog.policy import Policy
from eventlog.rates import currency_of_invoices
from eventlog.template import DUE_DATE_PASSED
from eventlog.writer import read_customers, write_log

PROMISE_BROKEN = "Promise Broken"


@dataclass(frozen=True)
class Story:
    """What is known of a customer at a cutoff.

    Attributes
    ----------
    events : DataFrame, columns company, invoice, activity, event_time, known_at, gap_days, amount,
            balance, detail, calculated
        Every event of every invoice, in (invoice, known time) order. ``gap_days`` is the time
        since the invoice's previous event (NaN for the first), ``amount`` the money moved (NaN),
        ``balance`` what is open after it (NaN while the amount is not known). ``calculated``
        marks what time alone has brought about.
    invoices : DataFrame
        `eventlog.ledger.ledger_table` with currency and ``is_open``.
    """

    events: pd.DataFrame
    invoices: pd.DataFrame


def keep_history(log: EventLog, folder: Path) -> Path:
    """Write the log that a run scores, once per content; returns the file.

    The file appears under its name only when it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{log.fingerprint}.parquet"
    if not path.exists():
        unfinished = folder / f"unfinished-{log.fingerprint}.parquet"
        write_log(log, unfinished)
        unfinished.replace(path)
    return path


def keep_part(log: EventLog, number: int, folder: Path) -> None:
    """Write one customer partition of the log that a run scores into the run's folder."""
    if len(log):
        write_log(log, folder / f"part-{number:05d}.parquet")


def customer_story(
    path: Path, company: str, customer: str, cutoff: pd.Timestamp, policy: Policy
) -> Story:
    """Read a customer's story from a run's history file.

    Parameters
    ----------
    path : Path
        From `keep_history`, or a folder of files from `keep_part`.
    company, customer : str
        As in `EventLog.customer_keys`.
    cutoff : Timestamp
        Later events are not shown.
    policy : Policy
        As applied in the run.

    Raises
    ------
    NotFoundError
        If the file or the customer is not there.
    """
    log = read_customers(path, company, customer).upto(micros(cutoff))
    ledger = keep_ledger(log, policy)
    invoices = ledger_table(log, ledger, micros(cutoff))
    number = log.invoice_keys["invoice"]
    currency = pd.Series(currency_of_invoices(log), index=number)
    invoices["currency"] = invoices["invoice"].map(currency)
    invoices["is_open"] = invoices["closed_at"].isna()
    return Story(
        _events(log, ledger.steps[known_by(ledger.steps["known_at"], micros(cutoff))]), invoices
    )


def _events(log: EventLog, steps: NDArray[np.void]) -> pd.DataFrame:
    """Steps that a person would call an event, in words."""
    broken = np.diff(steps["n_broken"], prepend=0) > 0
    broken &= steps["invoice"] == np.roll(steps["invoice"], 1)
    shown = (steps["event"] >= 0) | (steps["due_passed"] == 1) | broken
    steps, broken = steps[shown], broken[shown]
    logged = steps["event"] >= 0
    row = log.of_invoice[np.maximum(steps["event"], 0)]
    names = np.array(log.activities, dtype=object)[log.activity[row]]
    calculated = np.where(broken, PROMISE_BROKEN, DUE_DATE_PASSED)
    happened = np.where(logged, log.event_time[row], steps["known_at"])
    money = np.where(logged, log.money("PaymentAmount")[row], NONE)
    frame = pd.DataFrame(
        {
            "company": log.invoice_keys["company"].to_numpy()[steps["invoice"]],
            "invoice": log.invoice_keys["invoice"].to_numpy()[steps["invoice"]],
            "activity": np.where(logged, names, calculated),
            "event_time": datetimes(happened),
            "known_at": datetimes(steps["known_at"].copy()),
            "amount": units(money),
            "balance": np.where(steps["issued_at"] == NONE, np.nan, units(steps["balance"])),
            "detail": _details(log, row, logged, steps),
            "calculated": ~logged,
        }
    )
    gap = frame.groupby(["company", "invoice"], sort=False)["event_time"].diff()
    frame.insert(5, "gap_days", gap.dt.total_seconds() / 86_400)
    return frame


def _details(
    log: EventLog, row: NDArray[np.int64], logged: NDArray[np.bool_], steps: NDArray[np.void]
) -> NDArray[np.object_]:
    """What a row says besides activity and money: level, promise, reason, due date, delay."""
    parts: list[pd.Series[str]] = []

    def add(values: pd.Series[str], where: NDArray[np.bool_]) -> None:
        parts.append(values.where(where & logged, ""))

    for name, word in (("PromisedDate", "for"), ("PaymentDueDate", "due")):
        moments = log.times(name)[row]
        changed = moments != NONE
        if name == "PaymentDueDate":
            earlier = np.roll(steps["due_date"], 1)
            earlier[steps["invoice"] != np.roll(steps["invoice"], 1)] = NONE
            changed &= moments != earlier
        days = pd.Series(datetimes(np.where(changed, moments, NONE))).dt.strftime("%Y-%m-%d")
        add(f"{word} " + days.fillna(""), changed)
    if "DunningLevel" in log.columns:
        level = pd.Series(log.columns["DunningLevel"].values[row].astype(np.float64))
        add("level " + level.fillna(0).astype(int).astype(str), level.notna().to_numpy())
    for name in ("DisputeReason", "UserId"):
        column = log.columns.get(name)
        if column is not None and column.levels:
            code = column.values[row].astype(np.int64)
            text = pd.Series(np.array(column.levels, dtype=object)[np.maximum(code, 0)])
            add(text if name == "DisputeReason" else "by " + text, code >= 0)
    late = (log.known_at[row] - log.event_time[row]) // 86_400_000_000
    add("recorded " + pd.Series(late).astype(str) + " days later", late > 0)
    closed = np.array([status.name.lower().replace("_", " ") for status in Closed], dtype=object)
    turned = (steps["closed"] != 0) & (
        (np.roll(steps["closed"], 1) == 0) | (np.roll(steps["invoice"], 1) != steps["invoice"])
    )
    add("closed: " + pd.Series(closed[steps["closed"]]), turned)
    told = pd.Series([""] * len(row), dtype=str)
    for part in parts:
        both = (told != "") & (part != "")
        told = told + np.where(both, " · ", "") + part
    return told.to_numpy(dtype=object)
