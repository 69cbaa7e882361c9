"""Tables of invoices, customer transactions and settlements of the synthetic company.

`until` is the first moment that an export does not show: rows made later are missing, and columns
that hold a state (closed, settled, canceled, the level of letters) stand as they stood then.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.dynamics.synthetic_books import Books, by_user, user
from eventlog.dynamics.synthetic_ledger import (
    CREDIT_NOTE,
    INTERCOMPANY,
    PAYMENT,
    PREPAYMENT,
    PROFILES,
    SALES,
    Ledger,
)
from eventlog.dynamics.synthetic_rows import (
    HOUR,
    Coded,
    clock,
    counted,
    joined,
    numbered,
    rec_ids,
    table,
)
from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate_customers import CHANNELS

#: One proforma invoice, and one draft that is never posted, for so many invoices.
_RARE = 150


def receivable_tables(
    ledger: Ledger, reason_of: Ints, letter_level: Ints, until: int, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """CustInvoiceJour, CustInvoiceTable, SalesTable, CustTrans, CustTransOpen, CustSettlement.

    Parameters
    ----------
    ledger : Ledger
    reason_of : ndarray of int64, shape (n_trans,)
        RecId of the reason of each transaction, 0 for none.
    letter_level : ndarray of int64, shape (n_invoices,)
        Highest letter of each invoice before `until`, 0 for none.
    until : int
        Microseconds since 1970.
    rng : Generator

    Returns
    -------
    dict of str to pyarrow.Table
    """
    trans = ledger.trans
    settled, last = ledger.settled_by(until)
    level = np.zeros(len(settled), dtype=np.int64)
    level[: len(letter_level)] = letter_level
    return {
        "CustInvoiceJour": _journal(ledger, until, rng),
        "CustInvoiceTable": _free_text(ledger, until, rng),
        "SalesTable": _orders(ledger, until),
        "CustTrans": _transactions(ledger, settled, last, level, reason_of, until),
        "CustTransOpen": _open(ledger, trans["cents"] - settled, level, until),
        "CustSettlement": _settlements(ledger, until),
    }


def _transactions(
    ledger: Ledger, settled: Ints, last: Ints, level: Ints, reason_of: Ints, until: int
) -> pa.Table:
    books, trans = ledger.books, ledger.trans
    who, cents = trans["customer"], trans["cents"]
    taken_back = np.zeros(len(cents), dtype=np.int64)
    back = ledger.settled["cents"] < 0
    back &= ledger.settled["created"] < until
    taken_back[ledger.settled["b"][back]] = 1
    taken_back &= trans["kind"] == PAYMENT
    return table(
        "CustTrans",
        {
            "RecId": ledger.rec_id,
            "AccountNum": books.account(who),
            "TransDate": trans["day"],
            "DocumentDate": trans["day"],
            "DueDate": _or_none(trans["due"]),
            "Closed": np.where(settled == cents, last, NONE),
            "LastSettleDate": last,
            "Invoice": ledger.document,
            "Voucher": ledger.voucher,
            "TransType": trans["kind"],
            "AmountCur": cents,
            "AmountMST": books.accounting_cents(who, cents),
            "SettleAmountCur": settled,
            "CurrencyCode": books.currency(who),
            "PaymMode": Coded(np.where(trans["kind"] == PAYMENT, 0, -1), ("ELECTR",)),
            "PaymTermId": books.terms(_own_invoice(ledger)),
            "CancelledPayment": taken_back,
            "CollectionLetterCode": level,
            "ReasonRefRecId": reason_of,
            "Prepayment": trans["prepaid"],
            "PostingProfile": Coded(trans["profile"] - 1, PROFILES[1:]),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": trans["created"],
            "CreatedBy": by_user(trans["user"]),
        },
        trans["created"] < until,
    )


def _open(ledger: Ledger, left: Ints, level: Ints, until: int) -> pa.Table:
    """What is open at the export, with the due date as it stands."""
    books, trans = ledger.books, ledger.trans
    due = _or_none(trans["due"]).copy()
    extended = books.invoices.extended * DAY < until
    n = len(books.invoices)
    due[:n] = np.where(extended, books.invoices.final_due, due[:n])
    return table(
        "CustTransOpen",
        {
            "RecId": ledger.rec_id,
            "RefRecId": ledger.rec_id,
            "AccountNum": books.account(trans["customer"]),
            "AmountCur": left,
            "DueDate": due,
            "TransDate": trans["day"],
            "CollectionLetterCode": level,
            "DataAreaId": books.data_area(trans["customer"]),
            "CreatedDateTime": trans["created"],
            "CreatedBy": by_user(trans["user"]),
        },
        (trans["created"] < until) & (left != 0),
    )


def _settlements(ledger: Ledger, until: int) -> pa.Table:
    """Two rows for each application, one of each side."""
    books, trans, pairs = ledger.books, ledger.trans, ledger.settled
    n = len(pairs["a"])
    one = np.concatenate([pairs["a"], pairs["b"]])
    other = np.concatenate([pairs["b"], pairs["a"]])
    cents = np.concatenate([pairs["cents"], -pairs["cents"]])
    created, who = np.tile(pairs["created"], 2), trans["customer"][one]
    group = np.tile(counted(pairs["created"]), 2)
    number = np.tile(counted(pairs["created"], books.entity(trans["customer"][pairs["a"]])), 2)
    kind = trans["kind"]
    order = np.argsort(np.tile(np.arange(n), 2), kind="stable")
    ids = np.empty(2 * n, dtype=np.int64)
    ids[order] = rec_ids(created[order])
    discount, penny = (np.where(kind[other] == code, np.abs(cents), 0) for code in (27, 29))
    return table(
        "CustSettlement",
        {
            "RecId": ids,
            "TransRecId": ledger.rec_id[one],
            "OffsetRecid": ledger.rec_id[other],
            "AccountNum": books.account(who),
            "TransDate": np.tile(pairs["day"], 2),
            "SettleAmountCur": cents,
            "SettleAmountMST": books.accounting_cents(who, cents),
            "UtilizedCashDisc": discount,
            "PennyDiff": penny,
            "DueDate": _or_none(trans["due"])[one],
            "SettlementVoucher": numbered("SETV-", number),
            "OffsetTransVoucher": ledger.voucher.take(pa.array(other)),
            "OffsetAccountNum": books.account(trans["customer"][other]),
            "CanBeReversed": (cents > 0).astype(np.int64),
            "SettlementGroup": group,
            "TransType": kind[one],
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": by_user(np.tile(pairs["user"], 2)),
        },
        created < until,
    )


def _journal(ledger: Ledger, until: int, rng: np.random.Generator) -> pa.Table:
    """Posted invoices, credit notes, prepayments, invoices between own companies, proformas."""
    books, trans = ledger.books, ledger.trans
    printed = np.isin(trans["document"], (CREDIT_NOTE, PREPAYMENT, INTERCOMPANY))
    printed[: len(books.invoices)] = True
    rows = np.flatnonzero(printed)
    like = rng.choice(len(books.invoices), max(2, len(books.invoices) // _RARE), replace=False)
    n, m = len(rows), len(like)
    proforma = np.arange(n + m) >= n
    both = np.concatenate([rows, like])
    who, day = trans["customer"][both], trans["day"][both]
    early = (day[n:] - 1) * DAY + clock(m, rng)
    created = np.concatenate([trans["created"][rows], early])
    number = np.zeros(n + m, dtype=np.int64)
    number[n:] = counted(early, books.entity(who[n:]))
    document = ledger.document.take(pa.array(both))
    document = pc.if_else(pa.array(proforma), numbered("PRO-", number), document)
    voucher = pc.if_else(pa.array(proforma), "", ledger.voucher.take(pa.array(both)))
    cents, kind = trans["cents"][both], trans["document"][both]
    invoice = _own_invoice(ledger)[both]
    sold = (invoice >= 0) & (trans["kind"][both] == SALES) & ~proforma
    return table(
        "CustInvoiceJour",
        {
            "RecId": rec_ids(created),
            "InvoiceId": document,
            "LedgerVoucher": voucher,
            "InvoiceAccount": books.account(who),
            "OrderAccount": books.account(who),
            "InvoiceDate": day,
            "DocumentDate": day,
            "DueDate": _or_none(trans["due"][both]),
            "Payment": books.terms(invoice),
            "InvoiceAmount": cents,
            "InvoiceAmountMST": books.accounting_cents(who, cents),
            "CurrencyCode": books.currency(who),
            "CustGroup": books.group(who),
            "SalesId": pc.if_else(pa.array(sold), _order_number(books, invoice), ""),
            "InterCompanyPosted": (kind == INTERCOMPANY).astype(np.int64),
            "Prepayment": (kind == PREPAYMENT).astype(np.int64),
            "Proforma": proforma.astype(np.int64),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": by_user(trans["user"][both]),
        },
        created < until,
    )


def _free_text(ledger: Ledger, until: int, rng: np.random.Generator) -> pa.Table:
    """Free text invoices from their draft on, numbered once posted; some drafts stay drafts."""
    books, trans = ledger.books, ledger.trans
    made = books.one("Invoice Generated")
    free = made.time % DAY != 0
    n = len(books.invoices)
    like = rng.choice(n, max(2, n // _RARE), replace=False)
    drafts = {
        "created": (trans["day"][like] - 2) * DAY + clock(len(like), rng),
        "invoice": like,
    }
    rows = joined([{"created": made.time[free], "invoice": made.invoice[free], "real": 1}, drafts])
    invoice, created = rows["invoice"], rows["created"]
    posted = (rows["real"] == 1) & (trans["created"][invoice] < until)
    who = trans["customer"][invoice]
    return table(
        "CustInvoiceTable",
        {
            "RecId": rec_ids(created),
            "InvoiceId": pc.if_else(pa.array(posted), books.invoice_id(invoice), ""),
            "InvoiceAccount": books.account(who),
            "OrderAccount": books.account(who),
            "InvoiceDate": trans["day"][invoice],
            "DueDate": trans["due"][invoice],
            "CustGroup": books.group(who),
            "CurrencyCode": books.currency(who),
            "Posted": posted.astype(np.int64),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": by_user(trans["user"][invoice]),
        },
        created < until,
    )


def _orders(ledger: Ledger, until: int) -> pa.Table:
    """Sales orders, one an invoice of that kind, with the channel as their origin."""
    books, trans = ledger.books, ledger.trans
    invoice = np.flatnonzero(trans["kind"][: len(books.invoices)] == SALES)
    who, created = trans["customer"][invoice], (trans["day"][invoice] - 3) * DAY + 10 * HOUR
    return table(
        "SalesTable",
        {
            "RecId": rec_ids(created),
            "SalesId": _order_number(books, invoice),
            "CustAccount": books.account(who),
            "SalesOriginId": Coded(books.invoices.channel[invoice], CHANNELS),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": by_user(user(books, "Invoice Generated", invoice, who)),
        },
        created < until,
    )


def _order_number(books: Books, invoice: Ints) -> pa.Array:
    return numbered("SO-", np.where(invoice < 0, 0, books.number[invoice]))


def _own_invoice(ledger: Ledger) -> Ints:
    """Position of the invoice that a transaction is; -1 for all others."""
    n = len(ledger.books.invoices)
    invoice = np.full(len(ledger.rec_id), -1)
    invoice[:n] = np.arange(n)
    return invoice


def _or_none(day: Ints) -> Ints:
    """Days, of which 0 was never stated."""
    return np.where(day == 0, NONE, day)
