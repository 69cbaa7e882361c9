"""What a scored invoice holds: the one catalogue behind store, exports and pages.

Every column is named here once, with its kind, unit, label and meaning; the store builds its
schema from it, exports their formats, pages their headings. Any value may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "int", "number", "money", "probability", "date", "time", "flag"]

#: Ageing buckets and risk bands in the order people read them.
AGEING_BUCKETS = ("no due date", "not due", "1-30", "31-60", "61-90", "90+")
RISK_BANDS = ("high", "medium", "low")
NOT_YET_LATE, LATE, NO_DUE_DATE = "not yet late", "late", "no due date"


@dataclass(frozen=True, slots=True)
class WorklistColumn:
    """One column of a scored invoice.

    Attributes
    ----------
    name : str
        As in the store, in CSV and in Parquet.
    kind : str
        How its values are stored and shown; times are UTC, probabilities 0 to 1.
    unit : str
        What a number counts; empty where there is none.
    label : str
        Heading for people.
    meaning : str
        One sentence.
    """

    name: str
    kind: Kind
    unit: str
    label: str
    meaning: str


_INVOICE = "invoice currency"
_REPORTING = "reporting currency"

COLUMNS: tuple[WorklistColumn, ...] = (
    WorklistColumn("as_of", "time", "UTC", "Cutoff", "Moment the invoice was looked at."),
    WorklistColumn("company", "text", "", "Company", "Legal entity that issued the invoice."),
    WorklistColumn("customer_account", "text", "", "Account", "Customer account number."),
    WorklistColumn("customer_name", "text", "", "Customer", "Who owes the invoice."),
    WorklistColumn("segment", "text", "", "Segment", "Customer segment."),
    WorklistColumn("country", "text", "", "Country", "Country of the billing address."),
    WorklistColumn("invoice", "text", "", "Invoice", "Invoice number, unique within the company."),
    WorklistColumn("currency", "text", "", "Currency", "Currency of the invoice."),
    WorklistColumn("invoice_date", "date", "", "Invoice date", "Day the invoice was issued."),
    WorklistColumn("due_date", "date", "", "Due date", "Last day on which payment is on time."),
    WorklistColumn(
        "days_past_due",
        "int",
        "days",
        "Days past due",
        "Days from the due date to the cutoff; negative before it.",
    ),
    WorklistColumn(
        "ageing_bucket", "text", "days past due", "Ageing", "Days past due, in the usual steps."
    ),
    WorklistColumn(
        "phase",
        "text",
        "",
        "Phase",
        "Which question was asked: 'not yet late', 'late', or 'no due date'.",
    ),
    WorklistColumn("original_amount", "money", _INVOICE, "Amount", "Amount invoiced."),
    WorklistColumn(
        "open_balance", "money", _INVOICE, "Open balance", "Unpaid at the cutoff, as then known."
    ),
    WorklistColumn(
        "open_balance_reporting",
        "money",
        _REPORTING,
        "Open balance, reporting",
        "Open balance converted at the cutoff's rate.",
    ),
    WorklistColumn(
        "to_collect",
        "money",
        _REPORTING,
        "To collect",
        "Open balance if the invoice may be chased now, else 0.",
    ),
    WorklistColumn(
        "p_late",
        "probability",
        "0-1",
        "Late payment",
        "Probability of not being paid by the due date plus the policy's grace; only for "
        "invoices not yet late.",
    ),
    WorklistColumn(
        "p_still_open",
        "probability",
        "0-1",
        "Still open",
        "Probability of still being unpaid after the policy's horizon; only for late invoices.",
    ),
    WorklistColumn(
        "p_write_off",
        "probability",
        "0-1",
        "Write-off",
        "Probability of being written off within the policy's horizon.",
    ),
    WorklistColumn(
        "p_on_time",
        "probability",
        "0-1",
        "Paid on time",
        "Probability of payment by the due date plus the policy's grace, from the payment curve.",
    ),
    WorklistColumn(
        "p_paid_late",
        "probability",
        "0-1",
        "Paid late",
        "Probability of payment after that and before it is very late.",
    ),
    WorklistColumn(
        "p_very_late",
        "probability",
        "0-1",
        "Very late",
        "Probability of being unpaid when the policy calls it very late.",
    ),
    WorklistColumn(
        "expected_payment_date",
        "date",
        "",
        "Expected payment",
        "Day by which payment is as likely as not; empty where that lies more than 180 days ahead.",
    ),
    WorklistColumn(
        "payment_from",
        "date",
        "",
        "Payment from",
        "Day by which 1 in 10 such invoices is paid; 8 in 10 are paid from here to 'payment to'.",
    ),
    WorklistColumn(
        "payment_to",
        "date",
        "",
        "Payment to",
        "Day by which 9 in 10 such invoices are paid; empty where more than 180 days ahead.",
    ),
    WorklistColumn(
        "expected_overdue_days",
        "number",
        "days",
        "Expected overdue days",
        "Further days overdue until payment, expected, at most 180.",
    ),
    WorklistColumn(
        "expected_loss",
        "money",
        _REPORTING,
        "Expected loss",
        "Probability of write-off x loss given default x open balance.",
    ),
    WorklistColumn(
        "cost_of_delay",
        "money",
        _REPORTING,
        "Cost of delay",
        "Open balance x yearly rate / 365 x expected overdue days.",
    ),
    WorklistColumn(
        "priority",
        "money",
        _REPORTING,
        "Priority",
        "Expected loss + cost of delay; 0 for invoices on hold.",
    ),
    WorklistColumn("rank", "int", "", "Rank", "1 is to be called first; invoices on hold last."),
    WorklistColumn("risk_band", "text", "", "Band", "High, medium or low risk, by the policy."),
    WorklistColumn("actionable", "flag", "", "Actionable", "Whether it may be chased now."),
    WorklistColumn(
        "suppressed_reason", "text", "", "On hold because", "Why it must not be chased now."
    ),
    WorklistColumn(
        "dunning_level", "int", "", "Dunning level", "Highest letter sent for the invoice."
    ),
    WorklistColumn("letters", "int", "letters", "Letters", "Dunning letters sent so far."),
    WorklistColumn(
        "collections_status",
        "text",
        "",
        "Collections status",
        "Not disputed, Disputed, Promise to pay, Promise to pay broken, or Resolved.",
    ),
    WorklistColumn(
        "open_dispute_days", "number", "days", "Dispute open", "Days since the open dispute began."
    ),
    WorklistColumn("promise_date", "date", "", "Promised for", "Day payment is promised by."),
    WorklistColumn(
        "promise_kept_ratio",
        "probability",
        "0-1",
        "Promises kept",
        "Share of the customer's matured promises that were kept.",
    ),
    WorklistColumn(
        "credit_limit", "money", _REPORTING, "Credit limit", "Customer's limit at the cutoff."
    ),
    WorklistColumn(
        "utilisation",
        "number",
        "share",
        "Limit used",
        "Customer's open balance as a share of the credit limit; above 1 is over the limit.",
    ),
    WorklistColumn(
        "history_depth",
        "int",
        "invoices",
        "History",
        "Closed invoices of this customer known at the cutoff.",
    ),
    WorklistColumn("reason_1", "text", "", "Main reason", "What raises the risk most."),
    WorklistColumn("reason_2", "text", "", "Second reason", "What raises the risk next."),
    WorklistColumn("reason_3", "text", "", "Third reason", "What raises the risk after that."),
    WorklistColumn("relief_1", "text", "", "Main relief", "What lowers the risk most."),
    WorklistColumn("relief_2", "text", "", "Second relief", "What lowers the risk next."),
    WorklistColumn("last_event", "text", "", "Last event", "What happened last."),
    WorklistColumn("last_event_at", "time", "UTC", "Last event at", "When it happened."),
    WorklistColumn(
        "last_contact_at", "time", "UTC", "Last contact", "Last call or other contact logged."
    ),
    WorklistColumn("collector", "text", "", "Collector", "Who is responsible for collecting."),
    WorklistColumn(
        "unapplied_credit",
        "money",
        _REPORTING,
        "Unapplied cash",
        "Money on the customer's account that no invoice has been settled with.",
    ),
    WorklistColumn(
        "model_late", "text", "", "Late payment model", "Version behind the late probability."
    ),
    WorklistColumn(
        "model_still_open", "text", "", "Still open model", "Version behind that probability."
    ),
    WorklistColumn(
        "model_write_off", "text", "", "Write-off model", "Version behind that probability."
    ),
    WorklistColumn(
        "model_payment_curve",
        "text",
        "",
        "Payment curve",
        "Version behind the buckets and the payment dates.",
    ),
    WorklistColumn("run_id", "text", "", "Run", "Scoring run that the row belongs to."),
    WorklistColumn("scored_at", "time", "UTC", "Scored at", "When the run was made."),
)

COLUMN_NAMED = {column.name: column for column in COLUMNS}
