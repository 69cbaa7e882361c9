"""Handmade Dynamics 365 tables: a few rows for one fact, written as the CSV files of an export.

Each builder returns rows by table; `together` adds them up and `write` writes them. Record ids are
given by hand, so a test can make them collide between companies.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eventlog.dynamics.schema import TABLE_NAMED

Rows = dict[str, list[dict[str, Any]]]
DEMF, USMF = "DEMF", "USMF"


def together(*parts: Rows) -> Rows:
    """All rows of some parts, by table."""
    rows: Rows = {}
    for part in parts:
        for table, some in part.items():
            rows.setdefault(table, []).extend(some)
    return rows


def write(folder: Path, *parts: Rows, tables: Iterable[str] = ()) -> Path:
    """Write the rows as one CSV file a table, with the columns that any row states.

    Tables that the import requires, and `tables`, are written without rows if there are none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = together(*parts)
    required = [name for name, table in TABLE_NAMED.items() if table.need == "required"]
    for table in {*rows, *required, *tables}:
        declared = [c.name for c in TABLE_NAMED[table].columns if c.need == "required"]
        names = list(
            dict.fromkeys([*declared, *(name for row in rows.get(table, []) for name in row)])
        )
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows.get(table, []))
    return folder


def created(at: str, by: str = "clerk") -> dict[str, str]:
    return {"CreatedDateTime": at, "CreatedBy": by}


def customer(account: str, rec: int, company: str = DEMF, **more: Any) -> Rows:
    """A customer with a name, at a party of the same record id."""
    row = {"RecId": rec, "AccountNum": account, "Party": rec, "CustGroup": "30", "Currency": "EUR"}
    return {
        "CustTable": [row | {"DataAreaId": company} | more],
        "DirPartyTable": [{"RecId": rec, "Name": f"{account} Ltd", "PrimaryAddressLocation": rec}],
    }


def transaction(
    rec: int,
    kind: int,
    amount: float,
    on: str,
    account: str = "C1",
    company: str = DEMF,
    at: str | None = None,
    **more: Any,
) -> Rows:
    """A row of CustTrans; made at noon of its date unless `at` says when."""
    row = {
        "RecId": rec,
        "AccountNum": account,
        "TransDate": on,
        "Voucher": f"V{rec}",
        "TransType": kind,
        "AmountCur": f"{amount:.2f}",
        "CurrencyCode": "EUR",
        "DueDate": "1900-01-01",
        "Invoice": "",
        "DataAreaId": company,
    }
    return {"CustTrans": [row | created(at or f"{on}T12:00:00Z") | more]}


def invoice(
    number: str,
    rec: int,
    amount: float = 100.0,
    on: str = "2024-01-10",
    due: str = "2024-02-10",
    account: str = "C1",
    company: str = DEMF,
    at: str | None = None,
    journal: dict[str, Any] | None = None,
    **more: Any,
) -> Rows:
    """An invoice of a sales order: its journal and its claim."""
    row = {
        "RecId": rec,
        "InvoiceId": number,
        "LedgerVoucher": f"V{rec}",
        "InvoiceAccount": account,
        "InvoiceDate": on,
        "DocumentDate": on,
        "DueDate": due,
        "InvoiceAmount": f"{amount:.2f}",
        "CurrencyCode": "EUR",
        "SalesId": f"SO{rec}",
        "DataAreaId": company,
    }
    row |= created(at or f"{on}T12:00:00Z") | (journal or {})
    claim = transaction(rec, 2, amount, on, account, company, at, Invoice=number, DueDate=due)
    claim["CustTrans"][0] |= more
    return together({"CustInvoiceJour": [row]}, claim)


def settlement(
    rec: int,
    of: int,
    by: int,
    amount: float,
    on: str,
    company: str = DEMF,
    at: str | None = None,
) -> Rows:
    """Both sides of a settlement; a negative amount takes one back."""
    shared = {"TransDate": on, "DataAreaId": company} | created(at or f"{on}T12:00:00Z", "cash")
    return {
        "CustSettlement": [
            {"RecId": rec, "TransRecId": of, "OffsetRecid": by, "SettleAmountCur": amount} | shared,
            {"RecId": rec + 1, "TransRecId": by, "OffsetRecid": of, "SettleAmountCur": -amount}
            | shared,
        ]
    }


def journal_line(
    rec: int,
    voucher: str,
    amount: float,
    on: str,
    marks: str,
    posted: str = "",
    account: str = "C1",
    company: str = DEMF,
    at: str | None = None,
    kind: int = 7,
) -> Rows:
    """A line of a payment journal of its own; posted on a day, or not."""
    day = created(at or f"{on}T09:00:00Z", "bank")
    return {
        "LedgerJournalTable": [
            {
                "RecId": rec,
                "JournalNum": f"J{rec}",
                "JournalType": kind,
                "Posted": int(bool(posted)),
                "PostedDateTime": posted or "1900-01-01",
                "DataAreaId": company,
            }
            | day
        ],
        "LedgerJournalTrans": [
            {
                "RecId": rec,
                "JournalNum": f"J{rec}",
                "Voucher": voucher,
                "TransDate": on,
                "AccountType": 1,
                "CustAccount": account,
                "AmountCurCredit": amount,
                "CurrencyCode": "EUR",
                "MarkedInvoice": marks,
                "DataAreaId": company,
            }
            | day
        ],
    }


def payment(
    rec: int,
    of: int,
    amount: float,
    on: str,
    marks: str = "",
    posted: str | None = None,
    company: str = DEMF,
    account: str = "C1",
    **more: Any,
) -> Rows:
    """A payment received on a day, posted (the same day by default) and settled with an invoice."""
    day = posted or on
    return together(
        transaction(rec, 15, -amount, on, account, company, f"{day}T15:00:00Z", **more),
        journal_line(rec, f"V{rec}", amount, on, marks, day, account, company),
        settlement(10 * rec, of, rec, amount, day, company),
    )
