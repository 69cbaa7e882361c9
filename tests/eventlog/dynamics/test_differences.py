"""Every difference between two logs is found, counted and shown where it is."""

from decimal import Decimal

import pandas as pd

from eventlog.dynamics.differences import differences

ONE = pd.DataFrame(
    {
        "ActivityName": ["Payment Received", "Payment Received", "Invoice Settled"],
        "CompanyCode": "DEMF",
        "CustomerAccount": "C-1",
        "InvoiceNumber": ["1", "1", None],
        "EventTime": pd.to_datetime(["2024-01-02", "2024-01-02", "2024-01-03"]),
        "PaymentAmount": [10.0, 10.0, None],
    }
)


def test_equal_logs_differ_in_nothing_whatever_their_order_and_types():
    other = ONE.iloc[::-1].astype({"PaymentAmount": object})
    other["PaymentAmount"] = [None, Decimal("10.0000"), Decimal("10.00")]
    other["EventTime"] = other["EventTime"].dt.tz_localize("UTC")
    other["More"] = 1
    assert differences(ONE, other) == []


def test_a_row_that_stands_once_instead_of_twice_is_missing():
    lines = differences(ONE, ONE.drop(index=1))
    assert lines[0] == "1 rows missing: Payment Received"
    assert lines[1].startswith("Payment Received missing: ActivityName=Payment Received")
    assert differences(ONE.drop(index=1), ONE)[0] == "1 rows unexpected: Payment Received"


def test_another_amount_is_shown_with_its_invoice():
    other = ONE.copy()
    other.loc[1, "PaymentAmount"] = 10.01
    lines = differences(ONE, other)
    assert lines[:2] == [
        "1 rows missing: Payment Received",
        "1 rows unexpected: Payment Received",
    ]
    assert lines[2] == "Payment Received, PaymentAmount differs in 1 rows: DEMF 1: 10 → 10.01"


def test_an_empty_cell_is_not_a_zero():
    other = ONE.fillna({"PaymentAmount": 0.0})
    assert any("Invoice Settled, PaymentAmount" in line for line in differences(ONE, other))


def test_lacking_columns_are_named():
    assert differences(ONE, ONE.drop(columns="EventTime")) == ["columns lacking: ['EventTime']"]


def test_calculated_rows_are_not_compared():
    passed = ONE.iloc[:1].assign(ActivityName="Payment Due Date Passed")
    assert differences(ONE, pd.concat([ONE, passed])) == []
