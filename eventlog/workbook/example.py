"""A little case for the template's Example sheet: three invoices and how each of them ended."""

from __future__ import annotations

from datetime import date, datetime

#: What a cell of the example holds; None is empty.
Value = str | float | date | datetime | None

_at = datetime.fromisoformat

_CUSTOMERS: dict[str, dict[str, Value]] = {
    "C-1001": {
        "CustomerName": "Contoso Ltd.",
        "CustomerSegment": "Enterprise",
        "CollectorAssigned": "Emily Jones",
        "Country": "DEU",
    },
    "C-1002": {
        "CustomerName": "Fabrikam Inc.",
        "CustomerSegment": "Public Sector",
        "CollectorAssigned": "Collections Team A",
        "Country": "AUT",
    },
    "C-1003": {
        "CustomerName": "Tailspin Toys",
        "CustomerSegment": "Small Business",
        "CollectorAssigned": "Emily Jones",
        "Country": "DEU",
    },
}
_INVOICES: dict[str, tuple[str, float, date]] = {
    "CIV-000101": ("C-1001", 1500.75, date(2024, 2, 14)),
    "CIV-000102": ("C-1002", 8200.00, date(2024, 2, 21)),
    "CIV-000103": ("C-1003", 2400.00, date(2024, 2, 9)),
}
#: Invoice, activity, when, and what else the row says.
_EVENTS: tuple[tuple[str, str, date | datetime, dict[str, Value]], ...] = (
    # Reminded, dunned once, promised and paid.
    ("CIV-000101", "Invoice Generated", _at("2024-01-15 09:12"), {}),
    ("CIV-000101", "Invoice Posted and Sent", date(2024, 1, 15), {}),
    ("CIV-000101", "Overdue Reminder Sent", _at("2024-02-19 08:00"), {}),
    ("CIV-000101", "Dunning Letter Generated", date(2024, 2, 26), {"DunningLevel": "1"}),
    (
        "CIV-000101",
        "Payment Promise Created",
        _at("2024-03-01 14:30"),
        {"PromisedDate": date(2024, 3, 8), "PromisedAmount": 1500.75, "UserId": "ejones"},
    ),
    ("CIV-000101", "Payment Received", date(2024, 3, 7), {"PaymentAmount": 1500.75}),
    ("CIV-000101", "Payment Posted", date(2024, 3, 8), {"PaymentAmount": 1500.75}),
    ("CIV-000101", "Invoice Settled", date(2024, 3, 8), {}),
    # Disputed, partly credited, the rest paid.
    ("CIV-000102", "Invoice Generated", _at("2024-01-22 10:40"), {}),
    ("CIV-000102", "Invoice Posted and Sent", date(2024, 1, 22), {}),
    (
        "CIV-000102",
        "Dispute Registered",
        _at("2024-02-16 11:05"),
        {"DisputeReason": "Pricing Error"},
    ),
    ("CIV-000102", "Credit Note Applied", date(2024, 2, 28), {"PaymentAmount": 700.00}),
    ("CIV-000102", "Dispute Resolved", _at("2024-02-28 16:20"), {}),
    ("CIV-000102", "Payment Received", date(2024, 3, 5), {"PaymentAmount": 7500.00}),
    (
        "CIV-000102",
        "Payment Posted",
        date(2024, 3, 5),
        {"PaymentAmount": 7500.00, "RecordedTime": _at("2024-03-06 07:45")},
    ),
    ("CIV-000102", "Invoice Settled", date(2024, 3, 6), {}),
    # Dunned to the end, paid in part, the rest written off.
    ("CIV-000103", "Invoice Generated", _at("2024-01-10 15:03"), {}),
    ("CIV-000103", "Invoice Posted and Sent", date(2024, 1, 10), {}),
    ("CIV-000103", "Dunning Letter Generated", date(2024, 2, 16), {"DunningLevel": "1"}),
    ("CIV-000103", "Dunning Letter Generated", date(2024, 3, 1), {"DunningLevel": "2"}),
    ("CIV-000103", "Collection Call Made", _at("2024-03-04 09:50"), {"UserId": "ejones"}),
    ("CIV-000103", "Payment Received", date(2024, 3, 12), {"PaymentAmount": 400.00}),
    ("CIV-000103", "Dunning Letter Generated", date(2024, 3, 15), {"DunningLevel": "3 - Final"}),
    ("", "Credit Limit Changed", date(2024, 3, 20), {"CreditLimit": 0.00}),
    ("CIV-000103", "Sent to Agency", date(2024, 4, 30), {}),
    ("CIV-000103", "Invoice Written Off", date(2024, 6, 28), {"PaymentAmount": 2000.00}),
)
_LIMITED_CUSTOMER = "C-1003"
_STATING_THE_INVOICE = ("Invoice Generated", "Invoice Posted and Sent")


def example_rows() -> list[dict[str, Value]]:
    """Rows of the example: attribute to value, those that are empty left out."""
    rows = []
    for invoice, activity, when, more in _EVENTS:
        account, amount, due = _INVOICES.get(invoice, (_LIMITED_CUSTOMER, 0.0, when))
        row: dict[str, Value] = {
            "ActivityName": activity,
            "EventTime": when,
            "CustomerAccount": account,
            "CurrencyCode": "EUR",
            "CompanyCode": "DEMF",
            **_CUSTOMERS[account],
            **more,
        }
        if invoice:
            row |= {"InvoiceNumber": invoice, "PaymentDueDate": due}
        if activity in _STATING_THE_INVOICE:
            row["InvoiceAmount"] = amount
        rows.append(row)
    return rows
