"""The attributes and activities of a credit-to-cash event log: the one source for all readers.

Everything that has to know the template's names (the reader, the ledger, the simulator, the
workbook, the docs) reads the two tables below. Names are spelled as in the Dynamics 365 template;
what an activity *does* to an invoice is its role, and only roles are known further inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Need = Literal["required", "recommended", "optional"]
Kind = Literal["text", "time", "date", "money", "number", "flag", "level"]


class Role(IntEnum):
    """What an activity does to an invoice; the value is its natural order within one moment."""

    LIMIT_REQUESTED = 0
    LIMIT_CHANGED = 1
    GENERATED = 2
    POSTED = 3
    DUE_PASSED = 4
    OTHER = 5
    CONTACT = 6
    REMINDER = 7
    LETTER = 8
    DISPUTE_OPENED = 9
    DISPUTE_CLOSED = 10
    PROMISE = 11
    UNAPPLIED = 12
    CREDITED = 13
    RECEIVED = 14
    PAYMENT_POSTED = 15
    WRITTEN_OFF = 16
    SETTLED = 17
    REVERSED = 18
    AGENCY = 19
    RECOVERED = 20


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column of the log.

    Attributes
    ----------
    name : str
        Column name in files.
    kind : str
        How its cells are read: text, time (a moment), date, money, number, flag or level.
    need : str
        ``required``, ``recommended`` or ``optional``.
    meaning : str
        What it says, for a person who fills in the template.
    source : str
        Where Dynamics 365 Finance keeps it.
    examples : tuple of str
    answer : bool
        True for values computed when the extract was made. They know the outcome, so they are
        kept for show and never become a feature.
    """

    name: str
    kind: Kind
    need: Need
    meaning: str
    source: str
    examples: tuple[str, ...]
    answer: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """One kind of event; ``invoice`` is False where it may concern a customer alone."""

    name: str
    role: Role
    meaning: str
    source: str
    invoice: bool = True


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        "InvoiceNumber",
        "text",
        "required",
        "Which invoice the event belongs to: the case. Empty only for events of a customer alone, "
        "such as a credit limit change.",
        "CustInvoiceJour.InvoiceId, CustTrans.Invoice",
        ("INV-0012345", "CIV-2023-8876"),
    ),
    Attribute(
        "ActivityName",
        "text",
        "required",
        "What happened. Names outside the template are kept and shown as they are.",
        "derived from CustInvoiceJour, CustTrans, CustCollectionLetterJour, CustDisputeHistory",
        ("Invoice Posted and Sent", "Payment Received"),
    ),
    Attribute(
        "EventTime",
        "time",
        "required",
        "When it happened. A date without a time stands at the start of its day for invoices "
        "being issued and at the end of its day for everything else.",
        "TransDate, InvoiceDate, CollectionLetterDate or CreatedDateTime, by activity",
        ("2023-01-15T09:30:00Z", "2023-02-28"),
    ),
    Attribute(
        "CustomerName",
        "text",
        "recommended",
        "Who owes the invoice; identifies the customer where there is no CustomerAccount.",
        "DirPartyTable.Name through CustTable.Party",
        ("Contoso Ltd.", "Fabrikam Inc."),
    ),
    Attribute(
        "InvoiceAmount",
        "money",
        "recommended",
        "Gross amount owed as known on this row, in the invoice's currency.",
        "CustInvoiceJour.InvoiceAmount",
        ("1500.75", "25000.00"),
    ),
    Attribute(
        "PaymentDueDate",
        "date",
        "recommended",
        "Last day on which a payment is on time, as known on this row.",
        "CustTrans.DueDate, CustInvoiceJour.DueDate",
        ("2023-02-14",),
    ),
    Attribute(
        "CustomerSegment",
        "text",
        "recommended",
        "A grouping of customers by size, industry or importance.",
        "CustTable.CustGroup or CustClassificationId",
        ("Enterprise", "Public Sector"),
    ),
    Attribute(
        "CollectorAssigned",
        "text",
        "recommended",
        "Who is responsible for collecting the invoice.",
        "CustTable.MainContactWorker, collections agent pools",
        ("Emily Jones", "Collections Team A"),
    ),
    Attribute(
        "DunningLevel",
        "level",
        "recommended",
        "Step of the dunning sequence that this letter is. Counts only on dunning rows.",
        "CustCollectionLetterJour.CollectionLetterCode",
        ("1", "3 - Final"),
    ),
    Attribute(
        "CurrencyCode",
        "text",
        "recommended",
        "ISO code of the currency of every amount on the row.",
        "CustInvoiceJour.CurrencyCode",
        ("EUR", "USD"),
    ),
    Attribute(
        "Country",
        "text",
        "recommended",
        "Country of the customer's billing address.",
        "LogisticsPostalAddress.CountryRegionId",
        ("DEU", "USA"),
    ),
    Attribute(
        "CreditLimit",
        "money",
        "optional",
        "Highest debt the customer may run up. Counts as history only where it changes along "
        "the log.",
        "CustTable.CreditMax; dated: CredManCreditLimitAdjTrans",
        ("50000.00",),
    ),
    Attribute(
        "DisputeReason",
        "text",
        "optional",
        "Why the customer disputes the invoice.",
        "CustDisputeHistory.Reason",
        ("Pricing Error", "Quantity Short"),
    ),
    Attribute(
        "InvoiceStatus",
        "text",
        "optional",
        "State of the invoice when the extract was made. Shown, never used as a feature.",
        "CustTrans settlement status",
        ("Open", "Paid"),
        answer=True,
    ),
    Attribute(
        "DaysOverdue",
        "number",
        "optional",
        "Days past due when the extract was made. Recomputed as of each cutoff.",
        "calculated",
        ("15",),
        answer=True,
    ),
    Attribute(
        "DaysSalesOutstanding",
        "number",
        "optional",
        "Days from Invoice Generated to Payment Received. An outcome.",
        "calculated",
        ("28.5",),
        answer=True,
    ),
    Attribute(
        "DisputeResolutionTime",
        "number",
        "optional",
        "Days from Dispute Registered to Dispute Resolved. An outcome.",
        "calculated",
        ("7.2",),
        answer=True,
    ),
    Attribute(
        "IsDisputed",
        "flag",
        "optional",
        "Whether the invoice was ever disputed, seen from the extract. Recomputed as of a cutoff.",
        "calculated",
        ("true", "false"),
        answer=True,
    ),
    Attribute(
        "LastDataUpdate",
        "time",
        "optional",
        "When the extract was made; it states where the log ends.",
        "extraction pipeline",
        ("2023-04-01T02:00:00Z",),
        answer=True,
    ),
    Attribute(
        "SourceSystem",
        "text",
        "optional",
        "Which system recorded the event.",
        "constant of the extraction",
        ("Microsoft Dynamics 365",),
    ),
    # Columns beyond the seeds' template that duecast can use.
    Attribute(
        "CustomerAccount",
        "text",
        "optional",
        "Customer account number; preferred over CustomerName as the customer's identity.",
        "CustTable.AccountNum",
        ("US-007",),
    ),
    Attribute(
        "CompanyCode",
        "text",
        "optional",
        "Legal entity. Invoice numbers and accounts are unique within it only.",
        "DataAreaId",
        ("USMF",),
    ),
    Attribute(
        "PaymentAmount",
        "money",
        "optional",
        "Money moved by this event, always positive: payment, credit note, reversal, write-off, "
        "recovery.",
        "LedgerJournalTrans.AmountCurCredit, CustSettlement.SettleAmountCur",
        ("750.00",),
    ),
    Attribute(
        "PromisedDate",
        "date",
        "optional",
        "Day by which payment is promised.",
        "CustDisputeHistory.FollowUpDate",
        ("2023-03-15",),
    ),
    Attribute(
        "PromisedAmount",
        "money",
        "optional",
        "Amount promised; the whole open balance where it is empty.",
        "CustDisputeHistory.AmountCur",
        ("500.00",),
    ),
    Attribute(
        "RecordedTime",
        "time",
        "optional",
        "When the system learned of the event; taken to be EventTime where it is empty.",
        "CreatedDateTime",
        ("2023-01-17T08:00:00Z",),
    ),
    Attribute(
        "UserId",
        "text",
        "optional",
        "Who recorded the event.",
        "CreatedBy",
        ("ejones",),
    ),
)

ACTIVITIES: tuple[Activity, ...] = (
    Activity(
        "Invoice Generated",
        Role.GENERATED,
        "The invoice document was created, before posting.",
        "CustInvoiceTable / CustInvoiceJour, created date-time",
    ),
    Activity(
        "Invoice Posted and Sent",
        Role.POSTED,
        "The invoice entered the ledger and went to the customer; terms of payment run from here.",
        "CustInvoiceJour.InvoiceDate",
    ),
    Activity(
        "Payment Due Date Passed",
        Role.DUE_PASSED,
        "The midnight after the due date found a balance still open. Calculated, never taken "
        "from a file.",
        "calculated from CustTrans.DueDate",
    ),
    Activity(
        "Dunning Letter Generated",
        Role.LETTER,
        "A formal collection letter was made for the overdue invoice.",
        "CustCollectionLetterJour / CustCollectionLetterTrans",
    ),
    Activity(
        "Overdue Reminder Sent",
        Role.REMINDER,
        "A friendly reminder outside the formal letter sequence.",
        "process automation e-mails, smmActivities",
    ),
    Activity(
        "Collection Activity Logged",
        Role.CONTACT,
        "A collector called, wrote or met the customer.",
        "smmActivities through CustCollectionsLinkActivitiesCustTrans",
        invoice=False,
    ),
    Activity(
        "Collection Call Made",
        Role.CONTACT,
        "A collector's phone call.",
        "smmActivities, category phone call",
        invoice=False,
    ),
    Activity(
        "Dispute Registered",
        Role.DISPUTE_OPENED,
        "The customer contests the invoice; payment is held until it is resolved.",
        "CustDisputeHistory.Status = Disputed",
    ),
    Activity(
        "Dispute Resolved",
        Role.DISPUTE_CLOSED,
        "The dispute came to an end.",
        "CustDisputeHistory.Status = Resolved",
    ),
    Activity(
        "Payment Promise Created",
        Role.PROMISE,
        "The customer promised to pay by a date.",
        "CustDisputeHistory.Status = PromiseToPay, FollowUpDate",
    ),
    Activity(
        "Payment Received",
        Role.RECEIVED,
        "Money arrived and was entered in a payment journal.",
        "LedgerJournalTrans.TransDate",
    ),
    Activity(
        "Payment Posted",
        Role.PAYMENT_POSTED,
        "The payment was posted and applied to the invoice.",
        "CustTrans, TransType = Payment",
    ),
    Activity(
        "Invoice Settled",
        Role.SETTLED,
        "The invoice's balance came to zero in the source system.",
        "CustSettlement, CustTrans.Closed",
    ),
    Activity(
        "Invoice Written Off",
        Role.WRITTEN_OFF,
        "The balance, or the stated part of it, was given up as uncollectible.",
        "CustSettlement against CustTrans of type WriteOff",
    ),
    # Beyond the seeds' twelve.
    Activity(
        "Credit Note Applied",
        Role.CREDITED,
        "A credit note reduced the invoice; that is not a payment.",
        "CustSettlement against a credit note",
    ),
    Activity(
        "Payment Reversed",
        Role.REVERSED,
        "A payment bounced or its settlement was undone; the balance is open again.",
        "CustTrans.CancelledPayment, reversed CustSettlement",
    ),
    Activity(
        "Recovery Received",
        Role.RECOVERED,
        "Money that came in after a write-off.",
        "CustTrans on a recovery profile",
    ),
    Activity(
        "Sent to Agency",
        Role.AGENCY,
        "The invoice was handed to a collection agency.",
        "collection letter code Collection, case management",
    ),
    Activity(
        "Unapplied Payment",
        Role.UNAPPLIED,
        "Money on the customer's account that no invoice has been settled with.",
        "CustTransOpen of payments",
        invoice=False,
    ),
    Activity(
        "Unapplied Credit",
        Role.UNAPPLIED,
        "A credit on the customer's account that no invoice has been settled with.",
        "CustTransOpen of credit notes",
        invoice=False,
    ),
    Activity(
        "Credit Limit Requested",
        Role.LIMIT_REQUESTED,
        "A change of the customer's credit limit was asked for.",
        "CredManCreditLimitAdjTable, created",
        invoice=False,
    ),
    Activity(
        "Credit Limit Approved",
        Role.LIMIT_CHANGED,
        "A requested credit limit came into force.",
        "CredManCreditLimitAdjTable.PostedDate",
        invoice=False,
    ),
    Activity(
        "Credit Limit Changed",
        Role.LIMIT_CHANGED,
        "The credit limit changed without a recorded request.",
        "CustTable.CreditMax between dated snapshots",
        invoice=False,
    ),
)

ATTRIBUTE_NAMED = {attribute.name: attribute for attribute in ATTRIBUTES}
ACTIVITY_NAMED = {activity.name: activity for activity in ACTIVITIES}
DUE_DATE_PASSED = "Payment Due Date Passed"

#: Words for InvoiceStatus; others are kept and shown.
STATUSES = (
    "Open",
    "Partially Paid",
    "Overdue",
    "Disputed",
    "Paid",
    "Credited",
    "Written Off",
    "Closed",
)

#: Roles whose date-only events stand at the start of their day.
ISSUING_ROLES = (Role.GENERATED, Role.POSTED)

#: Additional columns with these names (compared in lower case, letters only) are outcomes.
OUTCOME_NAMES = frozenset(
    {
        "closeddate",
        "closedon",
        "closed",
        "isclosed",
        "clearingdate",
        "cleardate",
        "dayslate",
        "delay",
        "daystosettle",
        "daystopay",
        "settleddate",
        "settledat",
        "paiddate",
        "paymentdate",
        "paidon",
        "islate",
        "ispaid",
        "late",
        "paid",
        "outcome",
        "lastsettledate",
        "lastsettlevoucher",
        "settleamountcur",
        "writeoffdate",
        "writtenoff",
    }
)


def role_of(activity: str) -> Role:
    """Role of an activity by its name; `Role.OTHER` for names the template does not know."""
    known = ACTIVITY_NAMED.get(activity)
    return known.role if known else Role.OTHER
