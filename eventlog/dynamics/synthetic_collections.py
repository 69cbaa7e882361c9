"""Tables of collecting: letters, activities, disputes and promises of the synthetic company."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.dynamics.synthetic_books import Books, by_user, user
from eventlog.dynamics.synthetic_ledger import Ledger
from eventlog.dynamics.synthetic_rows import (
    HOUR,
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
from eventlog.simulate_invoices import NEVER, REASONS

DISPUTED, PROMISED, RESOLVED, BROKEN = 1, 2, 3, 4
AGENCY_LEVEL = 5
#: One canceled letter for so many letters.
_CANCELED = 40
#: What activities are: category and the company's own kind.
CATEGORIES = ("PhoneCall", "Event", "Task", "Appointment")
KINDS = ("", "REMINDER")
_CALL, _MAIL, _TASK, _APPOINTMENT = range(len(CATEGORIES))


def letter_levels(books: Books, until: int) -> Ints:
    """Highest letter of each invoice made before a moment, 0 for none; shape (n_invoices,)."""
    block = books.one("Dunning Letter Generated")
    level = np.zeros(len(books.invoices), dtype=np.int64)
    made = block.time < until
    np.maximum.at(level, block.invoice[made], block.values["DunningLevel"][made])
    return level


def letter_tables(ledger: Ledger, until: int) -> dict[str, pa.Table]:
    """CustCollectionLetterJour and CustCollectionLetterTrans.

    Invoices of one customer, day and level stand on one letter. Some letters are made twice, the
    first of them canceled the same day.
    """
    books = ledger.books
    letters, agency = books.one("Dunning Letter Generated"), books.one("Sent to Agency")
    parts: list[Columns] = [
        {
            "created": block.time,
            "invoice": block.invoice,
            "customer": block.customer,
            "level": block.values.get("DunningLevel", AGENCY_LEVEL),
            "due": block.values.get("PaymentDueDate", books.invoices.final_due[block.invoice]),
            "user": user(books, block.activity, block.invoice, block.customer),
        }
        for block in (letters, agency)
    ]
    every = slice(None, None, _CANCELED)
    canceled: Columns = {name: np.asarray(values)[every] for name, values in parts[0].items()}
    canceled |= {"created": letters.time[every] - HOUR, "canceled": 1}
    rows = joined([*parts, canceled])
    created, level, who = rows["created"], rows["level"], rows["customer"]
    letter, first = grouped(who, created, level, rows["canceled"])
    entity = books.entity(who[first])
    number = numbered("CL-", counted(created[first], entity))
    day = created // DAY
    header = table(
        "CustCollectionLetterJour",
        {
            "RecId": rec_ids(created[first]),
            "CollectionLetterNum": number,
            "AccountNum": books.account(who[first]),
            "CollectionLetterDate": day[first],
            "CollectionLetterCode": level[first],
            "Fee": np.where(level[first] > 1, 1_000, 0),
            "Status": np.where(rows["canceled"][first] == 1, 3, 2),
            "PrintDate": day[first],
            "Updated": np.where(rows["canceled"][first] == 1, NONE, day[first]),
            "Canceled": np.where(rows["canceled"][first] == 1, day[first], NONE),
            "CurrencyCode": books.currency(who[first]),
            "DataAreaId": books.data_area(who[first]),
            "CreatedDateTime": created[first],
            "CreatedBy": by_user(rows["user"][first]),
        },
        created[first] < until,
    )
    invoice = rows["invoice"]
    lines = table(
        "CustCollectionLetterTrans",
        {
            "RecId": rec_ids(created),
            "CollectionLetterNum": number.take(pa.array(letter)),
            "CustTransId": ledger.rec_id[invoice],
            "AccountNum": books.account(who),
            "CollectionLetterCode": level,
            "Invoice": books.invoice_id(invoice),
            "DueDate": rows["due"],
            "RemainAmount": ledger.balance(invoice, created),
            "CurrencyCode": books.currency(who),
            "TransDate": ledger.trans["day"][invoice],
            "Voucher": ledger.voucher.take(pa.array(invoice)),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": by_user(rows["user"]),
        },
        created < until,
    )
    return {"CustCollectionLetterJour": header, "CustCollectionLetterTrans": lines}


def disputes_entered(books: Books) -> tuple[Ints, Ints, Coded]:
    """When disputes were entered, whose they are and why they were raised; shape (n_disputes,)."""
    block = books.one("Dispute Registered")
    entered = np.where(block.recorded == NONE, block.time, block.recorded)
    return entered, block.customer, Coded(block.values["DisputeReason"], REASONS)


def dispute_table(ledger: Ledger, reason: Ints, until: int) -> pa.Table:
    """CustDisputeHistory: every change of status of a dispute or promise.

    Parameters
    ----------
    ledger : Ledger
    reason : ndarray of int64, shape (n_disputes,)
        RecId of the reason of each dispute.
    until : int
    """
    books = ledger.books
    raised, solved = books.one("Dispute Registered"), books.one("Dispute Resolved")
    promised = books.one("Payment Promise Created")
    entered = np.where(raised.recorded == NONE, raised.time, raised.recorded)
    collector = user(books, raised.activity, raised.invoice, raised.customer)
    promisers = user(books, promised.activity, promised.invoice, promised.customer)
    disputes: Columns = {"created": entered, "day": raised.time // DAY, "status": DISPUTED}
    ends: Columns = {"created": solved.time, "day": solved.time // DAY, "status": RESOLVED}
    for part in (disputes, ends):
        part |= {"invoice": raised.invoice, "reason": reason, "user": collector}
    promises: Columns = {
        "created": promised.time,
        "day": promised.time // DAY,
        "status": PROMISED,
        "invoice": promised.invoice,
        "follow_up": promised.values["PromisedDate"],
        "cents": np.maximum(promised.values["PromisedAmount"], 0),
        "user": promisers,
    }
    rows = joined([disputes, ends, promises])
    rows = joined([rows, *_promise_ends(books, rows)])
    invoice, created = rows["invoice"], rows["created"]
    who = ledger.trans["customer"][invoice]
    return table(
        "CustDisputeHistory",
        {
            "RecId": rec_ids(created),
            "CustTrans": ledger.rec_id[invoice],
            "ReasonTableRef": rows["reason"],
            "Status": rows["status"],
            "StatusChangedDate": rows["day"],
            "FollowUpDate": np.where(rows["follow_up"] == 0, NONE, rows["follow_up"]),
            "AmountCur": rows["cents"],
            "TransactionCurrency": books.currency(who),
            "TransactionBalance": ledger.balance(invoice, created),
            "IsAutomaticUpdate": (rows["status"] == BROKEN).astype(np.int64),
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": by_user(rows["user"]),
        },
        created < until,
    )


def _promise_ends(books: Books, rows: dict[str, Ints]) -> list[dict[str, Ints | int]]:
    """Promises found broken by the nightly job, and promises closed because they were kept.

    Only where nothing else was written about the invoice in between: a status that has been
    replaced can no longer end.
    """
    order = np.lexsort((rows["created"], rows["invoice"]))
    same = rows["invoice"][order][1:] == rows["invoice"][order][:-1]
    after = np.full(len(order), np.iinfo(np.int64).max)
    after[order[:-1]] = np.where(same, rows["created"][order][1:], after[order[:-1]])
    closed = books.closed[rows["invoice"]]
    broken = (rows["follow_up"] + 1) * DAY + 2 * HOUR
    kept = (np.minimum(closed, NEVER - 1) + 6) * DAY + 2 * HOUR
    is_promise = rows["status"] == PROMISED
    is_broken = is_promise & (closed > rows["follow_up"] + 1) & (broken < after)
    is_kept = is_promise & (closed <= rows["follow_up"]) & (kept < after)
    return [
        {
            "created": at[where],
            "day": at[where] // DAY,
            "status": status,
            "invoice": rows["invoice"][where],
            "user": 0 if status == BROKEN else rows["user"][where],
        }
        for at, where, status in ((broken, is_broken, BROKEN), (kept, is_kept, RESOLVED))
    ]


def activity_tables(ledger: Ledger, customer_ids: Ints, until: int) -> dict[str, pa.Table]:
    """smmActivities, their links to invoices and to customers.

    Parameters
    ----------
    ledger : Ledger
    customer_ids : ndarray of int64, shape (n_customers,)
        CustTable.RecId.
    until : int
    """
    books = ledger.books
    parts: list[Columns] = []
    for activity, category, kind in (
        ("Overdue Reminder Sent", _MAIL, 1),
        ("Collection Call Made", _CALL, 0),
        ("Collection Activity Logged", _TASK, 0),
    ):
        block = books.one(activity)
        parts.append(
            {
                "created": block.time,
                "invoice": block.invoice,
                "customer": block.customer,
                "category": category + (category == _TASK) * (block.customer % 2),
                "kind": kind,
                "linked": 1,
                "user": user(books, activity, block.invoice, block.customer),
            }
        )
    visits: Columns = {
        name: np.asarray(parts[-1][name])[::25] for name in ("invoice", "customer", "user")
    }
    visits |= {"created": block.time[::25] - DAY, "category": _APPOINTMENT}
    parts.append(visits)
    rows = joined(parts)
    created, who, invoice = rows["created"], rows["customer"], rows["invoice"]
    ids = rec_ids(created)
    number = numbered("ACT-", counted(created, books.entity(who)))
    start = pc.strftime(pa.array(created, pa.timestamp("us")), format="%Y-%m-%d %H:%M:%S")
    start = pc.utf8_slice_codeunits(start, 0, 19)
    inside, stamp = created < until, by_user(rows["user"])
    activities = table(
        "smmActivities",
        {
            "RecId": ids,
            "ActivityNumber": number,
            "Category": Coded(rows["category"], CATEGORIES),
            "TypeId": Coded(rows["kind"] - 1, KINDS[1:]),
            "Purpose": Coded(np.where(rows["linked"] == 1, 0, 1), ("Collections", "Sales visit")),
            "StartDateTime": start,
            "EndDateTime": start,
            "Closed": "Yes",
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": stamp,
        },
        inside,
    )
    linked = rows["linked"] == 1
    to_invoice = table(
        "CustCollectionsLinkActivitiesCustTrans",
        {
            "RecId": ids,
            "PrimaryRecId": ids,
            "RefRecId": ledger.rec_id[np.maximum(invoice, 0)],
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": stamp,
        },
        inside & linked & (invoice >= 0),
    )
    to_customer = table(
        "smmActivityParentLinkTable",
        {
            "RecId": ids,
            "ActivityNumber": number,
            "RefRecId": customer_ids[who],
            "DataAreaId": books.data_area(who),
            "CreatedDateTime": created,
            "CreatedBy": stamp,
        },
        inside & linked,
    )
    return {
        "smmActivities": activities,
        "CustCollectionsLinkActivitiesCustTrans": to_invoice,
        "smmActivityParentLinkTable": to_customer,
    }
