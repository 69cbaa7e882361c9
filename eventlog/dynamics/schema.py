"""Which tables and columns of Dynamics 365 Finance duecast reads or writes.

`TABLES` is the one source for the import, the synthetic tables, the check and the docs. Names, base
types and nullability are those of Microsoft's published Common Data Model (CDM) schemas; what
exports add to them or what they lack (``RecId``, ``CreatedDateTime``, dated copies of the customer
table, a few tables of the address book) is marked `Column.beyond`. Columns that duecast neither
reads nor writes are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Need = Literal["required", "recommended", "optional"]
BaseType = Literal["string", "integer", "bigInteger", "date", "datetime", "decimal"]

#: Row without a date: D365 stores this day instead of nothing.
EMPTY_DATE = "1900-01-01"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        As the CDM schema spells it.
    type : str
        Base type: string, integer, bigInteger, date, datetime (UTC) or decimal.
    need : str
        ``required``: the import refuses a table without it; otherwise it is taken as empty.
    meaning : str
    beyond : bool
        Not in the CDM schema of the table, but in exports.
    nullable : bool
    """

    name: str
    type: BaseType
    need: Need
    meaning: str
    beyond: bool = False
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
    need : str
        ``required``: the import refuses an export without it; otherwise its events are missing.
    meaning : str
    columns : tuple of Column
    schemas : tuple of str
        CDM schemas that hold its columns; empty for tables beyond the published ones used here.
    """

    name: str
    need: Need
    meaning: str
    columns: tuple[Column, ...]
    schemas: tuple[str, ...] = ()


#: name, type (``!`` not nullable, ``+`` beyond the CDM schema), need, meaning.
_Row = tuple[str, str, Need, str]

_ID: _Row = ("RecId", "+bigInteger!", "required", "key of the row, unique in its table")
_COMPANY: _Row = ("DataAreaId", "string!", "required", "legal entity")
_CREATED: tuple[_Row, ...] = (
    ("CreatedDateTime", "+datetime", "recommended", "when the row was made, UTC"),
    ("CreatedBy", "+string", "optional", "user that made the row"),
)


def _table(
    name: str, need: Need, meaning: str, *rows: _Row, schemas: tuple[str, ...] | None = None
) -> Table:
    """A table from its rows; a type's marks become the column's flags."""
    columns = tuple(
        Column(
            column,
            kind.strip("+!"),  # type: ignore[arg-type]
            column_need,
            what,
            beyond=kind.startswith("+"),
            nullable=not kind.endswith("!"),
        )
        for column, kind, column_need, what in rows
    )
    return Table(name, need, meaning, columns, (name,) if schemas is None else schemas)


_CUSTOMER_ROWS: tuple[_Row, ...] = (
    ("AccountNum", "string!", "required", "customer account"),
    ("Party", "bigInteger", "recommended", "DirPartyTable.RecId: name and address"),
    ("CustGroup", "string!", "optional", "customer group"),
    ("SegmentId", "string", "optional", "sales segment"),
    ("PaymTermId", "string", "optional", "terms of payment"),
    ("Currency", "string!", "optional", "customer's currency"),
    ("CreditMax", "decimal", "recommended", "credit limit in the accounting currency"),
    ("CredManCustCreditMaxAlt", "decimal", "optional", "credit limit in the customer's currency"),
    ("Blocked", "integer", "optional", "on hold; state at the export"),
    ("InvoiceAccount", "string", "optional", "who is invoiced instead"),
    ("MainContactWorker", "bigInteger", "optional", "HcmWorker.RecId of the collector"),
    _COMPANY,
)

TABLES: tuple[Table, ...] = (
    _table(
        "CustInvoiceJour",
        "required",
        "posted invoices and credit notes, of sales orders and of free text",
        _ID,
        ("InvoiceId", "string", "required", "invoice number"),
        ("LedgerVoucher", "string", "required", "voucher of the posting"),
        ("InvoiceAccount", "string!", "required", "customer that owes the money"),
        ("OrderAccount", "string!", "optional", "customer that ordered"),
        ("InvoiceDate", "date!", "required", "posting date"),
        ("DocumentDate", "date", "optional", "date on the document"),
        ("DueDate", "date", "optional", "due date at posting"),
        ("Payment", "string", "optional", "terms of payment"),
        ("InvoiceAmount", "decimal", "required", "gross, in the invoice's currency"),
        ("InvoiceAmountMST", "decimal", "optional", "gross, in the accounting currency"),
        ("CurrencyCode", "string!", "required", "currency"),
        ("CustGroup", "string!", "optional", "customer group"),
        ("SalesId", "string", "optional", "sales order; empty for free text"),
        ("InterCompanyPosted", "integer", "recommended", "1: between own companies"),
        ("Prepayment", "integer", "recommended", "1: prepayment"),
        ("Proforma", "integer", "recommended", "1: no claim yet"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustInvoiceTable",
        "optional",
        "free text invoices, from their draft on",
        _ID,
        ("InvoiceId", "string", "required", "invoice number, empty until posted"),
        ("InvoiceAccount", "string!", "required", "customer that owes the money"),
        ("OrderAccount", "string!", "optional", "customer that ordered"),
        ("InvoiceDate", "date!", "optional", "invoice date"),
        ("DueDate", "date", "optional", "due date"),
        ("CustGroup", "string!", "optional", "customer group"),
        ("CurrencyCode", "string!", "optional", "currency"),
        ("Posted", "integer", "optional", "1: posted; state at the export"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "SalesTable",
        "optional",
        "sales orders",
        _ID,
        ("SalesId", "+string!", "required", "sales order number"),
        ("CustAccount", "+string!", "optional", "customer that ordered"),
        ("SalesOriginId", "+string", "recommended", "where the order came from: the channel"),
        ("DataAreaId", "+string!", "required", "legal entity"),
        *_CREATED,
        schemas=(),
    ),
    _table(
        "CustTrans",
        "required",
        "every posted transaction of a customer: invoices, payments, credits, write-offs",
        _ID,
        ("AccountNum", "string!", "required", "customer"),
        ("TransDate", "date!", "required", "accounting date"),
        ("DocumentDate", "date", "optional", "date on the document"),
        ("DueDate", "date", "required", "due date as posted"),
        ("Closed", "date", "optional", "fully settled on; state at the export"),
        ("LastSettleDate", "date", "optional", "last settlement; state at the export"),
        ("Invoice", "string", "required", "invoice number"),
        ("Voucher", "string!", "required", "voucher of the posting"),
        ("TransType", "integer", "required", "LedgerTransType"),
        ("AmountCur", "decimal", "required", "positive owed by the customer, negative credited"),
        ("AmountMST", "decimal", "optional", "the same in the accounting currency"),
        ("SettleAmountCur", "decimal", "optional", "settled so far; state at the export"),
        ("CurrencyCode", "string!", "required", "currency"),
        ("PaymMode", "string", "optional", "method of payment"),
        ("PaymTermId", "string", "optional", "terms of payment"),
        ("CancelledPayment", "integer", "optional", "1: payment taken back; state at the export"),
        ("CollectionLetterCode", "integer", "optional", "letter level; state at the export"),
        ("ReasonRefRecId", "bigInteger", "optional", "ReasonTableRef.RecId"),
        ("Prepayment", "integer", "optional", "1: prepayment"),
        ("PostingProfile", "string", "optional", "posting profile"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustTransOpen",
        "optional",
        "what is open at the export; written by the simulation, never read as history",
        _ID,
        ("RefRecId", "bigInteger!", "optional", "CustTrans.RecId"),
        ("AccountNum", "string!", "optional", "customer"),
        ("AmountCur", "decimal", "optional", "what is left"),
        ("DueDate", "date", "optional", "due date as it stands"),
        ("TransDate", "date", "optional", "accounting date"),
        ("CollectionLetterCode", "integer", "optional", "letter level"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustSettlement",
        "required",
        "which transaction settled which, one row for each side",
        _ID,
        ("TransRecId", "bigInteger", "required", "CustTrans.RecId of this side"),
        ("OffsetRecid", "bigInteger", "required", "CustTrans.RecId of the other side"),
        ("AccountNum", "string", "optional", "customer of this side"),
        ("TransDate", "date", "required", "date of the settlement"),
        ("ClosedDate", "date", "optional", "closed by this settlement on"),
        ("SettleAmountCur", "decimal", "required", "settled, signed as this side's amount"),
        ("SettleAmountMST", "decimal", "optional", "the same in the accounting currency"),
        ("UtilizedCashDisc", "decimal", "optional", "cash discount in it"),
        ("PennyDiff", "decimal", "optional", "penny difference in it"),
        ("DueDate", "date", "optional", "due date at the settlement"),
        ("SettlementVoucher", "string", "optional", "voucher of the settlement"),
        ("OffsetTransVoucher", "string", "optional", "voucher of the other side"),
        ("OffsetAccountNum", "string", "optional", "customer of the other side"),
        ("CanBeReversed", "integer", "optional", "1: may still be reversed"),
        ("SettlementGroup", "bigInteger", "optional", "what was settled together"),
        ("TransType", "integer", "optional", "LedgerTransType of this side"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustCollectionLetterJour",
        "optional",
        "collection letters, one a customer, day and level",
        _ID,
        ("CollectionLetterNum", "string!", "required", "letter number"),
        ("AccountNum", "string!", "optional", "customer"),
        ("CollectionLetterDate", "date", "required", "date of the letter"),
        ("CollectionLetterCode", "integer", "optional", "level"),
        ("Fee", "decimal", "optional", "fee charged"),
        ("Status", "integer", "optional", "state of the letter at the export"),
        ("PrintDate", "date", "optional", "printed on"),
        ("Updated", "date", "optional", "posted on"),
        ("Canceled", "date", "required", "canceled on"),
        ("CurrencyCode", "string", "optional", "currency"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustCollectionLetterTrans",
        "optional",
        "the invoices on each collection letter",
        _ID,
        ("CollectionLetterNum", "string!", "required", "letter number"),
        ("CustTransId", "bigInteger", "required", "CustTrans.RecId of the invoice"),
        ("AccountNum", "string", "optional", "customer"),
        ("CollectionLetterCode", "integer", "required", "level of this invoice"),
        ("Invoice", "string", "optional", "invoice number"),
        ("DueDate", "date", "optional", "due date as it stood then"),
        ("RemainAmount", "decimal", "optional", "balance on the letter"),
        ("CurrencyCode", "string!", "optional", "currency"),
        ("TransDate", "date", "optional", "date of the invoice"),
        ("Voucher", "string", "optional", "voucher of the invoice"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustDisputeHistory",
        "optional",
        "disputes and promises to pay, every change of status",
        _ID,
        ("CustTrans", "bigInteger!", "required", "CustTrans.RecId of the invoice"),
        ("ReasonTableRef", "bigInteger!", "optional", "ReasonTableRef.RecId, 0 for none"),
        ("Status", "integer", "required", "CustVendDisputeStatus"),
        ("StatusChangedDate", "date", "required", "day of the change"),
        ("FollowUpDate", "date", "recommended", "promised date"),
        ("AmountCur", "decimal", "recommended", "promised amount, 0 for the whole balance"),
        ("TransactionCurrency", "string", "optional", "currency"),
        ("TransactionBalance", "decimal", "optional", "balance then"),
        ("IsAutomaticUpdate", "integer", "recommended", "1: set by a batch job"),
        ("ResponsibleWorker", "bigInteger", "optional", "HcmWorker.RecId"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "ReasonTableRef",
        "optional",
        "reasons, one row for each use",
        _ID,
        ("Reason", "string", "required", "reason code"),
        ("ReasonComment", "string", "optional", "what was typed with it"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustWriteOffFinancialReasonsSetup",
        "optional",
        "which reasons mean a write-off",
        _ID,
        ("Company", "string!", "required", "legal entity"),
        ("Reason", "string!", "required", "reason code"),
        ("Description", "string!", "optional", "what it stands for"),
        ("IsDefault", "integer", "optional", "1: proposed"),
        ("WriteOffLedgerDimension", "bigInteger!", "optional", "account it posts to"),
        *_CREATED,
    ),
    _table(
        "LedgerJournalTable",
        "optional",
        "journals: of payments, of write-offs",
        _ID,
        ("JournalNum", "string!", "required", "journal number"),
        ("JournalName", "string!", "optional", "kind of journal by the company's own names"),
        ("JournalType", "integer", "required", "LedgerJournalType"),
        ("Posted", "integer", "required", "1: posted; state at the export"),
        ("PostedDateTime", "date", "required", "posted on; state at the export"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "LedgerJournalTrans",
        "optional",
        "lines of journals, posted or not",
        _ID,
        ("JournalNum", "string!", "required", "journal number"),
        ("LineNum", "decimal", "optional", "line in the journal"),
        ("Voucher", "string", "required", "voucher, that of CustTrans once posted"),
        ("TransDate", "date", "required", "value date of the payment"),
        ("DocumentDate", "date", "optional", "date on the document"),
        ("AccountType", "integer", "required", "LedgerJournalACType"),
        ("LedgerDimension", "bigInteger", "optional", "account, through dimension tables"),
        ("CustAccount", "+string", "recommended", "customer account of the line"),
        ("AmountCurCredit", "decimal", "required", "credited"),
        ("AmountCurDebit", "decimal", "optional", "debited"),
        ("CurrencyCode", "string!", "required", "currency"),
        ("Invoice", "string", "optional", "invoice number"),
        ("MarkedInvoice", "string", "required", "invoice marked for settlement"),
        ("PaymMode", "string", "optional", "method of payment"),
        ("PaymReference", "string", "optional", "reference of the bank"),
        ("TransactionType", "integer", "optional", "LedgerTransType"),
        ("ReasonRefRecID", "bigInteger", "optional", "ReasonTableRef.RecId"),
        ("PostingProfile", "string", "optional", "posting profile"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "smmActivities",
        "optional",
        "calls, tasks, appointments and mails; columns as in the entity smmActivitiesEntity",
        _ID,
        ("ActivityNumber", "string", "required", "activity number"),
        ("Category", "string", "required", "phone call, task, appointment, event"),
        ("TypeId", "string", "recommended", "the company's own kinds of activity"),
        ("Purpose", "string", "optional", "what it was about"),
        ("StartDateTime", "string", "required", "start, UTC, as text"),
        ("EndDateTime", "string", "optional", "end, UTC, as text"),
        ("Closed", "string", "optional", "Yes or No; state at the export"),
        ("ResponsibleWorkerPersonnelNumber", "string", "optional", "who is responsible"),
        ("DataAreaId", "+string!", "required", "legal entity"),
        *_CREATED,
        schemas=("smmActivitiesEntity",),
    ),
    _table(
        "CustCollectionsLinkActivitiesCustTrans",
        "optional",
        "which activity is about which invoice",
        _ID,
        ("PrimaryRecId", "bigInteger!", "required", "smmActivities.RecId"),
        ("RefRecId", "bigInteger!", "required", "CustTrans.RecId"),
        _COMPANY,
        *_CREATED,
        schemas=("CustCollectionsLinkTable", "CustCollectionsLinkActivitiesCustTrans"),
    ),
    _table(
        "smmActivityParentLinkTable",
        "optional",
        "which activity is about which customer",
        _ID,
        ("ActivityNumber", "+string!", "required", "activity number"),
        ("RefRecId", "+bigInteger!", "required", "CustTable.RecId"),
        ("DataAreaId", "+string!", "required", "legal entity"),
        *_CREATED,
        schemas=(),
    ),
    _table(
        "CredManCreditLimitAdjTable",
        "optional",
        "requests for other credit limits",
        _ID,
        ("JournalId", "string!", "required", "request number"),
        ("AdjustmentType", "integer", "optional", "limit or temporary limit"),
        ("Description", "string", "optional", "what it was about"),
        ("Posted", "integer", "required", "1: applied; state at the export"),
        ("PostedDate", "date", "required", "applied on; state at the export"),
        ("Status", "integer", "optional", "state of the approval at the export"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CredManCreditLimitAdjTrans",
        "optional",
        "the customers of each request",
        _ID,
        ("JournalId", "string!", "required", "request number"),
        ("LineNum", "decimal", "optional", "line of the request"),
        ("CustAccount", "string", "required", "customer"),
        ("CreditMax", "decimal", "optional", "limit before, accounting currency"),
        ("CreditMaxNew", "decimal", "required", "limit asked for, accounting currency"),
        ("CustCreditMaxAltNew", "decimal", "optional", "limit asked for, customer's currency"),
        ("Status", "integer", "optional", "state of the line at the export"),
        _COMPANY,
        *_CREATED,
    ),
    _table(
        "CustTable",
        "required",
        "customers as they are at the export",
        _ID,
        *_CUSTOMER_ROWS,
        *_CREATED,
    ),
    _table(
        "CustTableSnapshots",
        "recommended",
        "dated copies of the customer table: the history of credit limits",
        ("RecId", "+bigInteger!", "optional", "CustTable.RecId, once a snapshot"),
        ("SnapshotDate", "+date!", "required", "day whose end the copy shows"),
        *_CUSTOMER_ROWS,
        schemas=("CustTable",),
    ),
    _table(
        "DirPartyTable",
        "recommended",
        "names of customers and workers; the same for all companies",
        _ID,
        ("Name", "+string", "required", "name"),
        ("PrimaryAddressLocation", "+bigInteger", "recommended", "LogisticsPostalAddress.Location"),
        schemas=(),
    ),
    _table(
        "HcmWorker",
        "optional",
        "workers, among them collectors; the same for all companies",
        _ID,
        ("Person", "+bigInteger!", "required", "DirPartyTable.RecId"),
        ("PersonnelNumber", "+string", "optional", "personnel number"),
        schemas=(),
    ),
    _table(
        "LogisticsPostalAddress",
        "optional",
        "postal addresses; the same for all companies",
        _ID,
        ("Location", "+bigInteger!", "required", "where it belongs"),
        ("CountryRegionId", "+string", "required", "country, ISO code of three letters"),
        ("ValidFrom", "+datetime", "optional", "valid from, UTC"),
        ("ValidTo", "+datetime", "optional", "valid to, UTC; 2154-12-31 for ever"),
        schemas=(),
    ),
)

TABLE_NAMED = {table.name: table for table in TABLES}
