"""What a KPI leaves out does not count, and is named where it is counted."""

import numpy as np
import pytest

from tests.builders import happened, make_log
from tests.eventlog.kpis.reading import figure, table_of

LATER = happened("Z", "post", "2024-04-01", amount=1)


def march(*rows, kpi: str, part: str = "all"):
    """A KPI's row for March."""
    return figure(table_of(make_log(*rows, LATER), "2024-04-01", kpi), kpi, "2024-03", part=part)


def post(invoice: str, due: str = "2024-03-10", day: str = "2024-02-01", **more):
    return happened(invoice, "post", day, amount=100, due=due, **more)


def test_a_letter_to_a_paid_invoice_is_left_out_and_named():
    row = march(
        post("A", "2024-02-20"),
        happened("A", "pay", "2024-03-01", moved=100),
        happened("A", "letter", "2024-03-05", level=1),
        post("B", "2024-02-20"),
        happened("B", "letter", "2024-03-05", level=1),
        happened("B", "pay", "2024-03-10", moved=100),
        kpi="dunning_effectiveness",
    )
    assert (row["value"], row["n"]) == (1, 1)
    assert row["note"] == "1 sent to a paid invoice, left out"


def test_a_letter_that_crossed_a_payment_recorded_later_is_left_out_too():
    row = march(
        post("A", "2024-02-20"),
        happened("A", "pay", "2024-03-01", moved=100, recorded="2024-03-08"),
        happened("A", "letter", "2024-03-05", level=1),
        kpi="dunning_effectiveness",
    )
    assert (row["n"], row["note"]) == (
        0,
        "nothing has matured yet; 1 sent to a paid invoice, left out",
    )


def test_an_invoice_credited_before_its_time_is_neither_on_time_nor_late():
    row = march(
        post("A"),
        happened("A", "credit", "2024-03-05", moved=100),
        post("B"),
        happened("B", "pay", "2024-03-09", moved=100),
        kpi="on_time_rate",
    )
    assert (row["value"], row["n"]) == (1, 1)


def test_an_invoice_credited_after_its_time_was_not_paid_on_time():
    row = march(post("A"), happened("A", "credit", "2024-03-25", moved=100), kpi="on_time_rate")
    assert (row["value"], row["n"]) == (0, 1)


def test_a_written_off_invoice_stays_unpaid_however_early_it_was_given_up():
    log = make_log(
        post("A", day="2024-02-01"),
        happened("A", "lose", "2024-02-02", moved=100),
        post("B", day="2024-02-01"),
        happened("B", "pay", "2024-02-21", moved=100),
        LATER,
    )
    row = figure(table_of(log, "2024-04-01", "days_to_collect"), "days_to_collect", "2024-02")
    assert row["value"] == pytest.approx(21, abs=1)  # half of two is paid


def test_an_invoice_closed_by_a_credit_note_is_named_as_left_out():
    log = make_log(post("A"), happened("A", "credit", "2024-02-09", moved=100), post("B"), LATER)
    row = figure(table_of(log, "2024-04-01", "days_to_collect"), "days_to_collect", "2024-02")
    assert row["n"] == 1
    assert row["note"].endswith("1 closed by a credit note, left out")


def test_a_limit_that_is_lowered_is_no_increase():
    log = make_log(
        happened("", "set_limit", "2023-05-02", limit=900, customer="Acme"),
        happened("", "set_limit", "2023-06-10", limit=500, customer="Acme"),
        happened("L", "post", "2023-06-01", amount=300, due="2023-07-01", customer="Acme"),
        happened("L", "lose", "2023-09-01", moved=300, customer="Acme"),
        happened("Z", "post", "2024-04-01", amount=1, customer="Zoe"),
    )
    found = table_of(log, "2024-04-01", "write_off_after_increase_share")
    assert figure(found, "write_off_after_increase_share", "2023-06")["n"] == 0


def test_a_promise_kept_before_its_date_counts_in_the_month_of_its_date():
    promise = happened("A", "promise", "2024-03-01", promised="2024-04-20", promised_amount=50)
    paid = happened("A", "pay", "2024-03-05", moved=50)
    row = march(post("A"), promise, paid, kpi="promise_kept_rate")
    assert (row["n"], row["note"]) == (0, "nothing has matured yet")


def test_a_rescheduled_promise_is_neither_kept_nor_broken():
    row = march(
        post("A"),
        happened("A", "promise", "2024-03-01", promised="2024-03-05"),
        happened("A", "promise", "2024-03-04", promised="2024-03-10"),
        kpi="promise_kept_rate",
    )
    assert (row["value"], row["n"]) == (0, 1)


def test_a_payment_settled_without_a_posting_is_left_out_and_named():
    row = march(
        post("A"),
        happened("A", "pay", "2024-03-05T12:00", moved=100),
        happened("A", "settle", "2024-03-06T12:00"),
        post("B"),
        happened("B", "pay", "2024-03-05T12:00", moved=100),
        happened("B", "book", "2024-03-07T12:00", moved=100),
        kpi="cash_application_lag",
    )
    assert (row["value"], row["n"]) == (2, 1)
    assert row["note"] == "1 settled without a posting on record, left out"


def test_a_balance_that_stays_in_its_bucket_has_not_rolled():
    row = march(post("A", "2024-05-10"), kpi="roll_rate", part="not due")
    assert (row["value"], row["denominator"]) == (0, 100)


def test_an_invoice_issued_within_the_month_is_not_followed():
    row = march(post("A", "2024-03-10", day="2024-03-02"), kpi="roll_rate")
    assert np.isnan(row["value"])


def test_a_letter_and_a_reminder_are_no_contacts():
    row = march(
        post("A"),
        happened("A", "call", "2024-03-20"),
        happened("A", "remind", "2024-03-21"),
        happened("A", "letter", "2024-03-22", level=1),
        kpi="contacts_per_day",
    )
    assert row["numerator"] == 1


def test_a_payment_counts_once_however_many_contacts_went_before():
    row = march(
        post("A"),
        happened("A", "call", "2024-03-11"),
        happened("A", "call", "2024-03-12"),
        happened("", "note", "2024-03-13", customer="Acme"),
        happened("A", "pay", "2024-03-15", moved=100),
        kpi="cash_after_contact",
    )
    assert row["numerator"] == 100


def test_a_contact_with_the_customer_alone_counts_for_its_invoices():
    log = make_log(
        post("A", customer="Acme"),
        happened("", "note", "2024-03-13", customer="Acme"),
        happened("A", "pay", "2024-03-15", moved=100, customer="Acme"),
        happened("Z", "post", "2024-04-01", amount=1, customer="Acme"),
    )
    row = figure(table_of(log, "2024-04-01", "cash_after_contact"), "cash_after_contact", "2024-03")
    assert row["numerator"] == 100
