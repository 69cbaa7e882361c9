"""Rows of one invoice, or columns of one row, that do not go together and are used all the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.columns import Parsed
from eventlog.dates import Mask
from eventlog.findings import Findings
from eventlog.known import Ints
from eventlog.log import DAY, NONE, Column
from eventlog.rules import Activities
from eventlog.template import ISSUING_ROLES, Role, role_of

#: Roles that say nothing without an amount.
_PAYING = (Role.RECEIVED, Role.REVERSED, Role.CREDITED, Role.RECOVERED, Role.UNAPPLIED)
_EARLY = int(np.datetime64("1990-01-01", "us").astype(np.int64))
_AMOUNTS = ("InvoiceAmount", "PaymentAmount", "PromisedAmount")


def look_at_cases(
    findings: Findings,
    parsed: Mapping[str, Parsed],
    activities: Activities,
    customers: Column,
    keep: Mask,
    today: int | None,
) -> None:
    """Collect what does not go together; parameters as `eventlog.inspection.look_over`."""
    happened = _times(parsed, "EventTime", len(keep))
    role = np.append([role_of(n) for n in activities.column.levels], Role.OTHER)
    roles = role[activities.column.values]
    _look_at_times(findings, parsed, happened, keep, today)
    _look_at_promises(findings, parsed, happened, keep & (roles == Role.PROMISE))
    paying = keep & np.isin(roles, _PAYING)
    if not findings.has_cells("PaymentAmount"):
        told = "Money moved but the file has no PaymentAmount"
        rows = np.flatnonzero(paying)[:1]
        findings.add("payment_without_amount", rows, "ActivityName", told)
    else:
        if "PaymentAmount" in parsed:
            paying = paying & ~parsed["PaymentAmount"].column.stated()
        told = "PaymentAmount is empty where money moved"
        findings.add("payment_without_amount", paying, "PaymentAmount", told)
    invoice = _invoices(parsed, keep)
    order = np.lexsort((np.arange(len(keep)), happened, invoice))
    order = order[invoice[order] >= 0]  # rows of invoices, in time within each
    _look_at_customers(findings, parsed, customers, invoice, order)
    _look_at_currencies(findings, parsed, invoice, order)
    issued = np.where(np.isin(roles, ISSUING_ROLES), happened, NONE)
    posted = np.where(roles == Role.POSTED, happened, NONE)
    _look_at_due_dates(findings, parsed, invoice, order, issued, posted)


def _times(parsed: Mapping[str, Parsed], name: str, n_rows: int) -> Ints:
    if name not in parsed:
        return np.full(n_rows, NONE, dtype=np.int64)
    return parsed[name].column.values.astype(np.int64, copy=False)


def _look_at_times(
    findings: Findings,
    parsed: Mapping[str, Parsed],
    happened: Ints,
    keep: Mask,
    today: int | None,
) -> None:
    early = keep & (happened < _EARLY)
    findings.add("time_early", early, "EventTime", _dated("EventTime", happened[early], ""))
    if today is not None:
        future = keep & (happened >= (today // DAY + 2) * DAY)  # a day of room for time zones
        told = _dated("EventTime", happened[future], " lies in the future")
        findings.add("time_in_future", future, "EventTime", told)
    recorded = _times(parsed, "RecordedTime", len(keep))
    same_day = (recorded % DAY == 0) & (recorded // DAY == happened // DAY)
    before = keep & (recorded != NONE) & (recorded < happened) & ~same_day
    told = _dated("RecordedTime", recorded[before], " lies before EventTime")
    findings.add("recorded_before_event", before, "RecordedTime", told)


def _look_at_promises(
    findings: Findings, parsed: Mapping[str, Parsed], happened: Ints, promises: Mask
) -> None:
    promised = _times(parsed, "PromisedDate", len(promises))
    empty = promises & (promised == NONE)
    column = "PromisedDate" if findings.has_cells("PromisedDate") else "ActivityName"
    findings.add("promise_without_date", empty, column, "The promise states no PromisedDate")
    past = promises & (promised != NONE) & (promised < happened // DAY * DAY)
    told = _dated("PromisedDate", promised[past], " lies before the promise")
    findings.add("promise_in_past", past, "PromisedDate", told)


def _invoices(parsed: Mapping[str, Parsed], keep: Mask) -> Ints:
    """Number of the invoice of each row, company by company; -1 where there is none."""
    invoice = parsed["InvoiceNumber"].column.values.astype(np.int64)
    if "CompanyCode" in parsed:
        company = parsed["CompanyCode"].column.values.astype(np.int64) + 1
        invoice = np.where(invoice < 0, -1, invoice + company * (int(invoice.max()) + 1))
    return np.where(keep, invoice, -1)


def _firsts(invoice: Ints, rows: Ints, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row, in time within its invoice, the first value its invoice states."""
    return pd.Series(values[rows]).groupby(invoice[rows], sort=False).transform("first").to_numpy()


def _look_at_customers(
    findings: Findings,
    parsed: Mapping[str, Parsed],
    customers: Column,
    invoice: Ints,
    order: Ints,
) -> None:
    codes = customers.values.astype(np.int64)
    rows = order[codes[order] >= 0]
    if not len(rows):
        return
    first = _firsts(invoice, rows, codes)
    other = first != codes[rows]
    names = np.array([*customers.levels, ""], dtype=object)
    for name in ("CustomerAccount", "CustomerName"):
        if name not in parsed:
            continue
        here = other & parsed[name].column.stated()[rows]
        told = names[codes[rows[here]]] + "' is the customer, '" + names[first[here]]
        _add_sorted(findings, "customers_several", rows[here], name, "'" + told + "' before")
        other &= ~here


def _look_at_currencies(
    findings: Findings, parsed: Mapping[str, Parsed], invoice: Ints, order: Ints
) -> None:
    if "CurrencyCode" not in parsed:
        return
    currency = parsed["CurrencyCode"].column
    codes = currency.values.astype(np.int64)
    counted = np.zeros(len(codes), dtype=bool)
    for name in _AMOUNTS:
        if name in parsed:
            counted |= parsed[name].column.stated()
    rows = order[(codes[order] >= 0) & counted[order]]
    if not len(rows):
        return
    first = _firsts(invoice, rows, codes)
    other = first != codes[rows]
    names = np.array([*currency.levels, ""], dtype=object)
    told = "Amounts in " + names[codes[rows[other]]] + ", of the same invoice in "
    told = told + names[first[other]] + " before"
    _add_sorted(findings, "currencies_several", rows[other], "CurrencyCode", told)


def _look_at_due_dates(
    findings: Findings,
    parsed: Mapping[str, Parsed],
    invoice: Ints,
    order: Ints,
    issued: Ints,
    posted: Ints,
) -> None:
    """Due dates before the first posting, or before the invoice was made where none is posted."""
    due = _times(parsed, "PaymentDueDate", len(invoice))
    rows = order[due[order] != NONE]
    if not len(rows):
        return
    start = np.full(len(invoice), np.iinfo(np.int64).max)
    for times in (issued, posted):  # the posting goes before
        of_event = order[times[order] != NONE]
        earliest = pd.Series(times[of_event]).groupby(invoice[of_event]).min()
        found = earliest.reindex(invoice[rows])
        stated = found.notna().to_numpy()
        start[rows[stated]] = earliest.reindex(invoice[rows[stated]]).to_numpy(dtype=np.int64)
    early = rows[(start[rows] != np.iinfo(np.int64).max) & (due[rows] < start[rows] // DAY * DAY)]
    told = _dated("PaymentDueDate", due[early], " lies before the posting on ")
    told = told + np.datetime_as_string(start[early].astype("datetime64[us]"), "D").astype(object)
    _add_sorted(findings, "due_before_posting", early, "PaymentDueDate", told)


def _dated(name: str, moments: Ints, told: str) -> NDArray[np.object_]:
    days = np.datetime_as_string(moments.astype("datetime64[us]"), unit="D")
    texts: NDArray[np.object_] = days.astype(object)
    return f"{name} " + texts + told


def _add_sorted(
    findings: Findings, mistake: str, rows: Ints, column: str, told: NDArray[np.object_]
) -> None:
    order = np.argsort(rows, kind="stable")
    findings.add(mistake, rows[order], column, told[order])
