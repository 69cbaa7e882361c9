"""What was assumed or noticed while reading, in sentences for the person who sent the file."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from eventlog.columns import Parsed
from eventlog.dates import Mask
from eventlog.log import EventLog
from eventlog.rules import Activities
from eventlog.summary import unnamed_customers
from eventlog.template import DUE_DATE_PASSED, Role


def notes_on_rows(
    activities: Activities, fallen_back: int, turned: int, calculated: int, repeats: int
) -> list[str]:
    """What was done to rows that were kept, and which were left out.

    Parameters
    ----------
    activities : Activities
    fallen_back : int
        Rows whose customer is known by name instead of account.
    turned : int
        Rows whose payment lost its sign.
    calculated : int
        Rows left out because the ledger calculates them.
    repeats : int
        Rows that repeat an earlier one.
    """
    notes = []
    if activities.respelt:
        notes.append(
            f"Activities of {activities.respelt:,} rows are spelled differently from the template "
            "and were matched."
        )
    if fallen_back:
        notes.append(
            f"CustomerAccount is empty in {fallen_back:,} rows: CustomerName is the customer there."
        )
    if turned:
        notes.append(
            f"PaymentAmount is negative wherever money moves: the sign is dropped in {turned:,} "
            "rows."
        )
    if calculated:
        notes.append(
            f"{calculated:,} rows of '{DUE_DATE_PASSED}' are left out: the ledger calculates them."
        )
    if repeats:
        notes.append(f"{repeats:,} rows repeat an earlier row in every column: they are kept.")
    return notes


def notes_on_keys(log: EventLog, parsed: Mapping[str, Parsed], keep: Mask) -> list[str]:
    """What is missing from the keys."""
    notes = []
    if "CompanyCode" in parsed:
        empty = int((keep & ~parsed["CompanyCode"].column.stated()).sum())
        if empty:
            notes.append(
                f"CompanyCode is empty in {empty:,} of {len(log):,} rows: they are read as a "
                "company of their own."
            )
    if not log.has_customers:
        notes.append("No column names a customer: each invoice stands for its own.")
    elif nameless := int(unnamed_customers(log).sum()):
        notes.append(f"{nameless:,} invoices never name a customer: each stands for its own.")
    return notes


def notes_on_levels(log: EventLog) -> list[str]:
    """What stands in the log that the rest of the system reads with care."""
    notes = []
    level = log.columns.get("DunningLevel")
    if level is not None:
        stray = int((level.stated() & (log.role != Role.LETTER)).sum())
        if stray:
            notes.append(
                f"DunningLevel stands on rows that are not dunning rows in {stray:,} rows: it is "
                "ignored there."
            )
    limit = log.columns.get("CreditLimit")
    if limit is not None:
        stated = limit.stated()
        limits = pd.DataFrame({"customer": log.customer[stated], "limit": limit.values[stated]})
        spread = limits.groupby("customer")["limit"].agg(["min", "max"])
        constant = int((spread["min"] == spread["max"]).sum())
        if constant:
            notes.append(
                f"CreditLimit never changes along the log of {constant:,} of {len(spread):,} "
                "customers: it is taken as history only where it changes."
            )
    return notes
