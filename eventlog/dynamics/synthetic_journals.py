"""Journals of the synthetic company: customer payments, write-offs, and lines of no customer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.dynamics.synthetic_books import by_user
from eventlog.dynamics.synthetic_ledger import Ledger
from eventlog.dynamics.synthetic_rows import (
    Coded,
    Columns,
    counted,
    grouped,
    joined,
    numbered,
    rec_ids,
    table,
)
from eventlog.known import Ints
from eventlog.log import DAY, NONE

CUSTOMER_PAYMENT, DAILY = 7, 0
CUSTOMER, VENDOR, BANK = 1, 2, 6
#: What stands for the number where a line marks several invoices.
SEVERAL = "*"
REASONS = ("BADDEBT", "INSOLVENT")
#: Days that a write-off journal waits before it is posted.
_DAYS_TO_APPROVE = 5
_NAMES = ("CustPay", "WriteOff", "VendInv")
_PREFIXES = ("CPJ-", "WOJ-", "VIJ-")


class Reasons(NamedTuple):
    """RecIds of reasons, and their table.

    Attributes
    ----------
    of_trans : ndarray of int64, shape (n_trans,)
        0 for none.
    of_dispute : ndarray of int64, shape (n_disputes,)
    table : pyarrow.Table
    """

    of_trans: Ints
    of_dispute: Ints
    table: pa.Table


def reasons(ledger: Ledger, created: Ints, customer: Ints, words: Coded, until: int) -> Reasons:
    """Reasons of write-offs and disputes, one row for each use.

    Parameters
    ----------
    ledger : Ledger
    created, customer : ndarray of int64, shape (n_disputes,)
        When disputes were entered, and whose they are.
    words : Coded, shape (n_disputes,)
        Why they were raised.
    until : int
    """
    trans = ledger.trans
    given_up = np.flatnonzero(trans["reason"] > 0)
    n = len(given_up)
    made = np.concatenate([trans["created"][given_up], created])
    who = np.concatenate([trans["customer"][given_up], customer])
    code = np.concatenate([trans["reason"][given_up] - 1, len(REASONS) + words.codes])
    ids = rec_ids(made)
    of_trans = np.zeros(len(trans["created"]), dtype=np.int64)
    of_trans[given_up] = ids[:n]
    rows = table(
        "ReasonTableRef",
        {
            "RecId": ids,
            "Reason": Coded(code, (*REASONS, *words.levels)),
            "DataAreaId": ledger.books.data_area(who),
            "CreatedDateTime": made,
        },
        made < until,
    )
    return Reasons(of_trans, ids[n:], rows)


def write_off_reasons() -> pa.Table:
    """CustWriteOffFinancialReasonsSetup: both reasons in both legal entities."""
    code = np.tile(np.arange(len(REASONS)), 2)
    return table(
        "CustWriteOffFinancialReasonsSetup",
        {
            "RecId": rec_ids(np.zeros(4, dtype=np.int64)),
            "Company": Coded(np.repeat((0, 1), len(REASONS)), ("DEMF", "USMF")),
            "Reason": Coded(code, REASONS),
            "Description": Coded(code, ("Bad debt", "Insolvency")),
            "IsDefault": (code == 0).astype(np.int64),
            "WriteOffLedgerDimension": 68_719_476_736 + code,
        },
        np.ones(4, dtype=np.bool_),
    )


def journal_tables(ledger: Ledger, reason_of: Ints, until: int) -> dict[str, pa.Table]:
    """LedgerJournalTable and LedgerJournalTrans.

    A journal of payments holds what one user posts on one day of what was entered on one day; its
    header says posted from then on.
    """
    lines = _lines(ledger)
    books = ledger.books
    entity, name = lines["entity"], lines["name"]
    group, first = grouped(entity, name, lines["number"])
    opened = np.full(len(first), np.iinfo(np.int64).max)
    np.minimum.at(opened, group, lines["created"])
    journal = pc.binary_join_element_wise(
        pa.array(_PREFIXES).take(pa.array(name)), numbered("", lines["number"]), ""
    )
    posted = lines["posted_at"][first] < until
    header = table(
        "LedgerJournalTable",
        {
            "RecId": rec_ids(opened),
            "JournalNum": journal.take(pa.array(first)),
            "JournalName": Coded(name[first], _NAMES),
            "JournalType": np.where(name[first] == 0, CUSTOMER_PAYMENT, DAILY),
            "Posted": posted.astype(np.int64),
            "PostedDateTime": np.where(posted, lines["posted_at"][first] // DAY, NONE),
            "DataAreaId": Coded(entity[first], ("DEMF", "USMF")),
            "CreatedDateTime": opened,
            "CreatedBy": by_user(lines["user"][first]),
        },
        opened < until,
    )
    customer, trans, invoice = lines["customer"], lines["trans"], lines["marked"] - 1
    of_customer = lines["account_type"] == CUSTOMER
    mentioned = np.where(lines["mentioned"] > 0, lines["mentioned"], lines["marked"]) - 1
    voucher = pc.if_else(
        pa.array(trans >= 0),
        ledger.voucher.take(pa.array(np.maximum(trans, 0))),
        numbered("GNJL-", lines["number"]),
    )
    rows = table(
        "LedgerJournalTrans",
        {
            "RecId": rec_ids(lines["created"]),
            "JournalNum": journal,
            "LineNum": 100 * counted(lines["created"], group),
            "Voucher": voucher,
            "TransDate": lines["day"],
            "DocumentDate": lines["day"],
            "AccountType": lines["account_type"],
            "CustAccount": pc.if_else(pa.array(of_customer), books.account(customer), ""),
            "AmountCurCredit": lines["credit"],
            "AmountCurDebit": lines["debit"],
            "CurrencyCode": books.currency(customer),
            "Invoice": books.invoice_id(mentioned),
            "MarkedInvoice": pc.if_else(
                pa.array(lines["several"] == 1), SEVERAL, books.invoice_id(invoice)
            ),
            "PaymMode": Coded(np.where(name == 0, 0, -1), ("ELECTR",)),
            "TransactionType": np.where(trans >= 0, ledger.trans["kind"][np.maximum(trans, 0)], 0),
            "ReasonRefRecID": np.where(trans >= 0, reason_of[np.maximum(trans, 0)], 0),
            "PostingProfile": Coded(
                np.where(of_customer, lines["recovery"], -1), ("GEN", "RECOVERY")
            ),
            "DataAreaId": Coded(entity, ("DEMF", "USMF")),
            "CreatedDateTime": lines["created"],
            "CreatedBy": by_user(lines["user"]),
        },
        lines["created"] < until,
    )
    return {"LedgerJournalTable": header, "LedgerJournalTrans": rows}


def _lines(ledger: Ledger) -> dict[str, Ints]:
    """All lines; `trans` is the transaction once posted, `marked` the invoice's position + 1."""
    books, pay, trans = ledger.books, ledger.journal, ledger.trans
    n = len(pay)
    payments: Columns = {
        "created": pay.entered,
        "trans": ledger.payment_from + np.arange(n),
        "entity": books.entity(pay.customer),
        "number": pay.number,
        "customer": pay.customer,
        "day": pay.day,
        "posted_at": pay.posted_at,
        "account_type": CUSTOMER,
        "credit": pay.cents,
        "marked": np.where(pay.recovery == 1, 0, pay.invoice + 1),
        "mentioned": np.where(pay.recovery == 1, pay.invoice + 1, 0),
        "recovery": pay.recovery,
        "several": pay.several,
        "user": pay.receiver,
    }
    given_up = np.flatnonzero(trans["written_off"] > 0)
    made = trans["created"][given_up]
    entity = books.entity(trans["customer"][given_up])
    group, first = grouped(entity, made // DAY)
    losses: Columns = {
        "created": made - _DAYS_TO_APPROVE * DAY,
        "name": 1,
        "trans": given_up,
        "entity": entity,
        "number": counted(made[first], entity[first])[group],
        "customer": trans["customer"][given_up],
        "day": made // DAY,
        "posted_at": made,
        "account_type": CUSTOMER,
        "credit": -trans["cents"][given_up],
        "marked": trans["written_off"][given_up],
        "user": trans["user"][given_up],
    }
    bank = _bank_side(payments, BANK)
    vendors = _bank_side(
        {
            name: np.asarray(values)[::40] if np.ndim(values) else values
            for name, values in payments.items()
        },
        VENDOR,
    )
    return joined([payments, losses, bank, vendors])


def _bank_side(payments: Columns, account_type: int) -> Columns:
    """Lines on other accounts: the bank's in each journal of payments, vendors' in their own."""
    number, entity = np.asarray(payments["number"]), np.asarray(payments["entity"])
    _, first = grouped(entity, number)
    taken: Columns = {
        name: np.asarray(payments[name])[first]
        for name in ("created", "entity", "number", "customer", "day", "posted_at", "user")
    }
    amount = np.asarray(payments["credit"])[first]
    to_vendor = account_type == VENDOR
    side: Columns = {"credit" if to_vendor else "debit": amount}
    return {
        **taken,
        **side,
        "trans": -1,
        "account_type": account_type,
        "name": 2 if to_vendor else 0,
    }
