"""Rows that cannot be used are set aside with their reason, and the money ties."""

import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.errors import DataError, DuecastError
from eventlog.reader import log_from_frame, read_log
from eventlog.summary import ReadSummary
from tests.eventlog.log_tables import GENERATED, RECEIVED, read, reasons, tables


def test_cells_that_cannot_be_read_set_their_row_aside_with_the_cell() -> None:
    _, summary = read(
        EventTime=["2024-01-31", "2024-02-30", None, "2024-01-31", "x"],
        InvoiceAmount=["1.50", "2.50", "3.50", "see mail", "y"],
    )
    assert reasons(summary) == [
        (2, "EventTime '2024-02-30' is no date or time from 1970 to 2100"),
        (3, "EventTime is empty"),
        (4, "InvoiceAmount 'see mail' is no amount of money below 10^13"),
        (
            5,
            "EventTime 'x' is no date or time from 1970 to 2100; "
            "InvoiceAmount 'y' is no amount of money below 10^13",
        ),
    ]
    assert (summary.rows_read, summary.rows_kept, summary.rows_quarantined) == (5, 1, 4)


def test_numbers_that_are_not_finite_set_their_row_aside() -> None:
    _, summary = read(DaysOverdue=[1.0, float("inf")], CreditLimit=[float("nan"), 1.0])
    assert reasons(summary) == [(2, "DaysOverdue 'inf' is no number")]


def test_rows_set_aside_keep_what_stood_in_them(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "InvoiceNumber,ActivityName,EventTime,line,InvoiceAmount\n"
        "A,Invoice Generated,2024-01-31,1,5\n"
        "B,Invoice Generated,soon,2,=1+1\n"
        "C,Invoice Generated\n"
    )
    _, summary = read_log(path)
    aside = summary.quarantine
    assert list(aside.columns) == [
        "line",
        "reason",
        "InvoiceNumber",
        "ActivityName",
        "EventTime",
        "line (file)",
        "InvoiceAmount",
        "unsplit line",
    ]
    assert aside["line"].tolist() == [3, 4]
    assert aside["EventTime"].tolist()[0] == "soon"
    assert aside["unsplit line"].tolist()[1] == "C,Invoice Generated"
    summary.write_quarantine(tmp_path / "aside.csv")
    written = pd.read_csv(tmp_path / "aside.csv")
    assert written["InvoiceAmount"].tolist()[0] == "'=1+1"
    assert written["reason"].tolist()[1] == "2 cells where the header has 5"
    with pytest.raises(DataError, match="Name the quarantine something"):
        summary.write_quarantine(tmp_path / "aside.xlsx")


def test_money_totals_tie_to_the_last_minor_unit() -> None:
    _, summary = read(
        ActivityName=[GENERATED, GENERATED, GENERATED, "Payment Due Date Passed"],
        EventTime=["2024-01-31", "x", "2024-01-31", "x"],
        InvoiceAmount=["0.0001", "1,000.10", "oops", "7"],
        CurrencyCode=["eur", "EUR", "USD", "EUR"],
    )
    euro, dollar = summary.totals.to_dict("records")
    assert euro["read"] == euro["kept"] + euro["quarantined"] == Decimal("1000.1001")
    assert (euro["kept"], euro["calculated"]) == (Decimal("0.0001"), Decimal(7))
    assert (euro["currency"], dollar["currency"]) == ("EUR", "USD")
    assert (euro["unreadable"], dollar["unreadable"]) == (0, 1)


def test_sums_beyond_sixty_four_bits_are_exact() -> None:
    _, summary = read(InvoiceAmount=["9999999999999.9999"] * 2000, CurrencyCode=["EUR"] * 2000)
    assert summary.totals["read"].tolist() == [Decimal("19999999999999999.8")]
    assert summary.totals["kept"].tolist() == [Decimal("19999999999999999.8")]


def test_payments_that_are_all_negative_lose_their_sign() -> None:
    log, summary = read(ActivityName=[RECEIVED] * 3, PaymentAmount=["-5", "-7.5", "0"])
    assert sorted(log.money("PaymentAmount").tolist()) == [0, 50000, 75000]
    assert any("the sign is dropped in 2 rows" in note for note in summary.notes)
    assert summary.totals["read"].tolist() == [Decimal("12.5")]


def test_negative_payments_among_positive_ones_are_set_aside() -> None:
    _, summary = read(ActivityName=[RECEIVED] * 2, PaymentAmount=["-5", "7.5"])
    assert reasons(summary) == [
        (1, "PaymentAmount '-5' is negative, and not all payments of the log are")
    ]


def test_calculated_rows_are_left_out_and_counted() -> None:
    log, summary = read(
        ActivityName=[GENERATED, "payment due date passed"], EventTime=["2024-01-31", "whenever"]
    )
    assert len(log) == 1
    assert (summary.rows_calculated, summary.rows_quarantined) == (1, 0)
    assert any("1 rows of 'Payment Due Date Passed' are left out" in note for note in summary.notes)


def test_repeats_are_kept_and_counted() -> None:
    log, summary = read(UserId=["x", "y", "x", "x"])
    assert len(log) == 4
    assert summary.repeats == 2
    assert "2 rows repeat an earlier row in every column: they are kept." in summary.notes


def test_the_log_remembers_where_its_rows_stood() -> None:
    log, _ = read(EventTime=["2024-02-02", "never", "2024-01-01"], UserId=["a", "b", "c"])
    assert log.row.tolist() == [2, 0]


def test_if_no_row_is_left_the_first_reason_is_given() -> None:
    with pytest.raises(
        DataError, match=r"2 of 2 rows are set aside \(lines 1, 2\), the first because EventTime"
    ):
        read(EventTime=["x", "y"])
    with pytest.raises(DataError, match="'Payment Due Date Passed' is calculated"):
        read(ActivityName=["Payment Due Date Passed"])


def test_a_log_may_hold_events_of_customers_alone() -> None:
    _, summary = read(InvoiceNumber=[None], ActivityName=["Credit Limit Changed"])
    assert (summary.events, summary.invoices, summary.rows_quarantined) == (1, 0, 0)


def test_if_no_line_fits_the_header_the_first_reason_is_given(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("InvoiceNumber,ActivityName,EventTime\nA,B\n")
    with pytest.raises(DataError, match="the first because 2 cells where the header has 3"):
        read_log(path)


def check_accounts(summary: ReadSummary, n_rows: int) -> None:
    assert summary.rows_read == n_rows
    assert (
        summary.rows_kept + summary.rows_quarantined + summary.rows_calculated == summary.rows_read
    )
    assert len(summary.quarantine) == summary.rows_quarantined
    totals = summary.totals
    assert (totals["read"] == totals["kept"] + totals["quarantined"]).all()
    json.dumps(summary.as_dict())


@settings(max_examples=80, deadline=None)
@given(table=tables(), day_first=st.sampled_from([None, True, False]))
def test_any_table_is_refused_in_words_or_accounted_for(
    table: pd.DataFrame, day_first: bool | None
) -> None:
    try:
        _, summary = log_from_frame(table, day_first=day_first)
    except DataError:
        return
    check_accounts(summary, len(table))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=tables(), damage=st.binary(max_size=3), place=st.floats(0, 1))
def test_a_damaged_file_is_refused_in_words_or_accounted_for(
    tmp_path: Path, table: pd.DataFrame, damage: bytes, place: float
) -> None:
    path = tmp_path / "log.csv"
    content = table.to_csv(index=False).encode("utf-8", "replace")
    cut = int(place * len(content))
    path.write_bytes(content[:cut] + damage + content[cut:])
    try:
        _, summary = read_log(path, day_first=True, decimal=".")
    except DuecastError:
        return
    check_accounts(summary, summary.rows_read)
