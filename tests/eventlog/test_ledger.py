"""The ledger's money: what is owed at a moment, what closed an invoice, how the columns add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from eventlog.ledger import (
    collections_status,
    is_open,
    keep_ledger,
    ledger_table,
    status,
)
from eventlog.log import MINOR, NONE, micros
from eventlog.policy import Policy
from eventlog.state import Closed
from tests.builders import happened, make_log, state_at

LATER = "2026-01-01"


def post(amount: float | None = 100, when: str = "2024-01-01", **attributes: Any) -> dict[str, Any]:
    """Invoice A is posted."""
    return happened("A", "post", when, amount=amount, **attributes)


def then(what: str, when: str, moved: float | None = None, **attributes: Any) -> dict[str, Any]:
    """Something happens to invoice A."""
    return happened("A", what, when, moved=moved, **attributes)


def after(*rows: dict[str, Any], when: str = LATER, policy: Policy | None = None) -> np.void:
    """State of invoice A after some rows."""
    return state_at(make_log(*rows), "A", when, policy)


def money(state: np.void, name: str = "balance") -> float:
    """A sum in currency units."""
    return float(state[name]) / MINOR


def closed(state: np.void) -> Closed:
    return Closed(int(state["closed"]))


# Balance


def test_a_posted_invoice_owes_its_amount() -> None:
    state = after(post(100))
    assert (money(state), money(state, "paid"), closed(state)) == (100, 0, Closed.OPEN)


def test_partial_payments_lower_the_balance_until_it_is_paid() -> None:
    rows = [
        post(100),
        then("pay", "2024-02-01", 40),
        then("pay", "2024-02-10", 35),
        then("pay", "2024-02-20", 25),
    ]
    balances = [money(after(*rows[:n])) for n in (1, 2, 3, 4)]
    assert balances == [100, 60, 25, 0]
    assert closed(after(*rows[:3])) == Closed.OPEN
    assert closed(after(*rows)) == Closed.PAID
    assert after(*rows)["n_payments"] == 3


def test_money_is_exact_to_the_cent() -> None:
    rows = [then("pay", f"2024-02-{day:02}", 0.1) for day in range(1, 11)]
    assert money(after(post(1.0), *rows, policy=Policy(settled_tolerance=0))) == 0


def test_a_payment_is_known_from_its_moment_on_and_not_a_microsecond_before() -> None:
    log = make_log(post(100), then("pay", "2024-02-01 10:00", 100))
    assert money(state_at(log, "A", "2024-02-01 09:59:59.999999")) == 100
    assert money(state_at(log, "A", "2024-02-01 10:00")) == 0


def test_a_credit_note_lowers_the_balance_and_is_no_payment() -> None:
    state = after(post(100), then("credit", "2024-02-01", 30))
    assert (money(state), money(state, "credited"), money(state, "paid")) == (70, 30, 0)


def test_a_reversal_with_an_amount_opens_the_balance_again() -> None:
    rows = (post(100), then("pay", "2024-02-01", 100), then("reverse", "2024-02-05", 100))
    assert closed(after(*rows, when="2024-02-03")) == Closed.PAID
    state = after(*rows)
    assert (money(state), money(state, "paid"), closed(state)) == (100, 0, Closed.OPEN)
    assert (state["n_reopened"], state["closed_at"]) == (1, NONE)


def test_a_reversal_may_take_back_a_part() -> None:
    state = after(post(100), then("pay", "2024-02-01", 100), then("reverse", "2024-02-05", 30))
    assert (money(state), money(state, "paid")) == (30, 70)


def test_a_reversal_without_an_amount_takes_back_the_last_payment() -> None:
    rows = (post(100), then("pay", "2024-02-01", 60), then("pay", "2024-02-02", 40))
    assert money(after(*rows, then("reverse", "2024-02-05"))) == 40


def test_reversals_without_an_amount_go_back_payment_by_payment() -> None:
    rows = (post(100), then("pay", "2024-02-01", 60), then("pay", "2024-02-02", 40))
    assert money(after(*rows, then("reverse", "2024-02-05"), then("reverse", "2024-02-06"))) == 100


def test_a_reversal_without_an_amount_goes_on_where_one_with_an_amount_ended() -> None:
    rows = [post(100), then("pay", "2024-02-01", 60), then("pay", "2024-02-02", 40)]
    rows += [then("reverse", "2024-02-05", 40), then("reverse", "2024-02-06")]
    assert money(after(*rows)) == 100


def test_a_reversal_without_an_amount_and_without_a_payment_changes_nothing() -> None:
    assert money(after(post(100), then("reverse", "2024-02-05"))) == 100


def test_a_reversal_known_before_its_payment_is_made_good_when_the_payment_is_known() -> None:
    rows = (
        post(100),
        then("reverse", "2024-02-05", 100),
        then("pay", "2024-02-01", 100, recorded="2024-02-10"),
    )
    assert money(after(*rows, when="2024-02-08")) == 200
    assert money(after(*rows)) == 100


def test_more_than_is_owed_is_overpaid_and_the_balance_stays_at_zero() -> None:
    state = after(post(100), then("pay", "2024-02-01", 130))
    assert (money(state), money(state, "overpaid"), closed(state)) == (0, 30, Closed.PAID)


def test_an_amount_that_is_lowered_below_what_was_paid_is_overpaid() -> None:
    state = after(post(100), then("pay", "2024-02-01", 100), then("note", "2024-02-05", amount=80))
    assert (money(state), money(state, "overpaid")) == (0, 20)


def test_the_amount_is_that_of_the_last_known_row_that_states_one() -> None:
    state = after(post(100), then("letter", "2024-02-01", amount=112.5), then("call", "2024-02-02"))
    assert (money(state, "amount"), money(state)) == (112.5, 112.5)


# Payment Posted beside Payment Received


def test_a_posting_of_what_was_received_moves_nothing() -> None:
    rows = (post(100), then("pay", "2024-02-01", 60), then("book", "2024-02-03", 60))
    state = after(*rows)
    assert (money(state), state["n_payments"]) == (40, 1)


def test_a_posting_without_a_receipt_moves_the_balance() -> None:
    state = after(post(100), then("book", "2024-02-03", 60))
    assert (money(state), state["n_payments"]) == (40, 1)


def test_a_posting_known_before_its_receipt_counts_once() -> None:
    rows = (
        post(100),
        then("book", "2024-02-03", 60),
        then("pay", "2024-02-01", 60, recorded="2024-02-05"),
    )
    assert [money(after(*rows, when=day)) for day in ("2024-02-04", LATER)] == [40, 40]


def test_the_larger_of_what_was_received_and_posted_counts_at_every_moment() -> None:
    rows = (
        post(200),
        then("pay", "2024-02-01", 60),
        then("book", "2024-02-03", 60),
        then("book", "2024-02-10", 50),
        then("pay", "2024-02-12", 50),
        then("pay", "2024-02-20", 40),
    )
    days = ("2024-02-02", "2024-02-04", "2024-02-11", "2024-02-13", "2024-02-21")
    assert [money(after(*rows, when=day), "paid") for day in days] == [60, 60, 110, 110, 150]


def test_a_reversal_takes_a_payment_back_that_was_received_and_posted() -> None:
    rows = (post(100), then("pay", "2024-02-01", 100), then("book", "2024-02-03", 100))
    assert money(after(*rows, then("reverse", "2024-02-06", 100))) == 100


# Payments without an amount, invoices without an amount


def test_a_payment_without_an_amount_waits_for_invoice_settled() -> None:
    rows = (post(100), then("pay", "2024-02-01"), then("settle", "2024-02-04"))
    waiting = after(*rows, when="2024-02-03")
    assert (money(waiting), closed(waiting), waiting["n_payments"]) == (100, Closed.OPEN, 1)
    assert (money(after(*rows)), closed(after(*rows))) == (0, Closed.PAID)


def test_waiting_for_invoice_settled_is_decided_per_invoice() -> None:
    log = make_log(
        post(100),
        then("pay", "2024-02-01"),
        happened("B", "post", "2024-01-01", amount=100),
        happened("B", "pay", "2024-02-01", moved=70),
    )
    assert [money(state_at(log, name, LATER)) for name in "AB"] == [100, 30]


def test_invoice_settled_pays_what_stated_payments_left() -> None:
    rows = (post(100), then("pay", "2024-02-01", 70), then("pay", "2024-02-03"))
    state = after(*rows, then("settle", "2024-02-04"))
    assert (money(state), money(state, "paid"), money(state, "cleared")) == (0, 70, 30)


def test_a_posting_without_an_amount_counts_as_a_payment_only_where_none_was_received() -> None:
    rows = (post(100), then("book", "2024-02-03"))
    assert after(*rows)["n_payments"] == 1
    assert after(*rows, then("pay", "2024-02-01"))["n_payments"] == 1


def test_taking_back_a_payment_without_an_amount_opens_what_its_settlement_paid() -> None:
    rows = [post(100), then("pay", "2024-02-01", 70), then("pay", "2024-02-03")]
    rows += [then("settle", "2024-02-04"), then("reverse", "2024-02-09")]
    state = after(*rows)
    assert (money(state), money(state, "paid"), closed(state)) == (30, 70, Closed.OPEN)


def test_a_stated_part_of_a_payment_without_an_amount_may_be_taken_back() -> None:
    rows = (post(100), then("pay", "2024-02-03"), then("settle", "2024-02-04"))
    state = after(*rows, then("reverse", "2024-02-09", 30))
    assert (money(state), money(state, "cleared"), money(state, "paid")) == (30, 70, 0)


def test_a_settlement_without_any_payment_can_be_taken_back() -> None:
    rows = (post(100), then("settle", "2024-02-04"), then("reverse", "2024-02-09", 100))
    state = after(*rows)
    assert (money(state), money(state, "paid"), closed(state)) == (100, 0, Closed.OPEN)


def test_an_empty_amount_leaves_the_balance_unknown_and_the_invoice_open() -> None:
    state = after(post(None), then("pay", "2024-02-01", 40))
    assert (state["balance"], closed(state), money(state, "paid")) == (NONE, Closed.OPEN, 40)


def test_an_invoice_without_an_amount_is_closed_by_invoice_settled() -> None:
    rows = (post(None), then("pay", "2024-02-01"), then("settle", "2024-02-04"))
    assert closed(after(*rows, when="2024-02-03")) == Closed.OPEN
    assert closed(after(*rows)) == Closed.PAID
    assert closed(after(*rows, then("reverse", "2024-02-09"))) == Closed.OPEN


def test_an_amount_that_becomes_known_counts_from_then_on() -> None:
    rows = (post(None), then("pay", "2024-02-01", 40), then("note", "2024-02-05", amount=100))
    assert after(*rows, when="2024-02-04")["balance"] == NONE
    assert money(after(*rows)) == 60


def test_an_amount_that_becomes_known_after_the_settlement_opens_nothing() -> None:
    rows = (post(None), then("pay", "2024-02-01"), then("settle", "2024-02-04"))
    state = after(*rows, then("note", "2024-02-09", amount=100))
    assert (money(state), money(state, "cleared"), closed(state)) == (0, 100, Closed.PAID)
    assert state["n_reopened"] == 0


def test_an_amount_that_becomes_known_after_the_write_off_was_written_off() -> None:
    rows = (post(None), then("lose", "2024-09-01"), then("note", "2024-09-09", amount=100))
    state = after(*rows)
    assert (money(state, "written_off"), closed(state)) == (100, Closed.WRITTEN_OFF)


# Settling: cash discount, penny difference, growing again


def test_a_cash_discount_is_cleared_not_paid() -> None:
    state = after(post(100), then("pay", "2024-01-09", 98), then("settle", "2024-01-09"))
    assert (money(state), money(state, "paid"), money(state, "cleared")) == (0, 98, 2)
    assert closed(state) == Closed.PAID


def test_a_penny_difference_within_tolerance_is_settled_and_stays_visible() -> None:
    state = after(post(100), then("pay", "2024-01-09", 99.5))
    assert (closed(state), money(state)) == (Closed.PAID, 0.5)


def test_a_balance_just_above_the_tolerance_is_open() -> None:
    state = after(post(100), then("pay", "2024-01-09", 99.49))
    assert (closed(state), money(state)) == (Closed.OPEN, 0.51)


def test_the_tolerance_is_the_policys() -> None:
    rows = (post(100), then("pay", "2024-01-09", 95))
    assert closed(after(*rows)) == Closed.OPEN
    assert closed(after(*rows, policy=Policy(settled_tolerance=5))) == Closed.PAID


def test_a_payment_recorded_after_the_settlement_explains_what_was_cleared() -> None:
    rows = (
        post(100),
        then("settle", "2024-02-04"),
        then("pay", "2024-02-03", 97, recorded="2024-02-09"),
    )
    state = after(*rows, when="2024-02-08")
    assert (money(state, "cleared"), money(state, "paid")) == (100, 0)
    state = after(*rows)
    assert (money(state, "cleared"), money(state, "paid"), money(state)) == (3, 97, 0)
    assert (state["n_reopened"], money(state, "overpaid")) == (0, 0)


def test_a_settled_invoice_that_grows_is_open_with_what_it_grew_by() -> None:
    rows = [post(100), then("pay", "2024-01-09", 98), then("settle", "2024-01-09")]
    rows += [then("letter", "2024-03-01", amount=150)]
    assert closed(after(*rows, when="2024-02-29")) == Closed.PAID
    state = after(*rows)
    assert (closed(state), money(state), state["n_reopened"]) == (Closed.OPEN, 50, 1)
    state = after(*rows, then("pay", "2024-03-09", 50))
    assert (closed(state), state["n_reopened"]) == (Closed.PAID, 1)


def test_a_cash_discount_does_not_outlast_its_payment() -> None:
    rows = (post(100), then("pay", "2024-01-09", 98), then("settle", "2024-01-09"))
    for bounced in (then("reverse", "2024-01-12", 98), then("reverse", "2024-01-12")):
        state = after(*rows, bounced)
        assert (money(state), money(state, "cleared"), money(state, "paid")) == (100, 0, 0)


def test_a_reversal_of_payment_and_discount_together_opens_the_amount_only() -> None:
    rows = (post(100), then("pay", "2024-01-09", 98), then("settle", "2024-01-09"))
    assert money(after(*rows, then("reverse", "2024-01-12", 100))) == 100


def test_settling_twice_changes_nothing() -> None:
    rows = (post(100), then("pay", "2024-01-09", 98), then("settle", "2024-01-09"))
    assert money(after(*rows, then("settle", "2024-01-20")), "cleared") == 2


# How it closed


@pytest.mark.parametrize(
    ("credit", "how"), [(30, Closed.PAID), (50, Closed.PAID), (51, Closed.CREDITED)]
)
def test_what_closed_more_of_the_invoice_names_how_it_closed(credit: float, how: Closed) -> None:
    rows = (post(100), then("credit", "2024-02-01", credit))
    assert closed(after(*rows, then("pay", "2024-02-09", 100 - credit))) == how


def test_a_full_credit_note_is_not_a_payment() -> None:
    state = after(post(100), then("credit", "2024-02-01", 100))
    assert (closed(state), money(state, "paid")) == (Closed.CREDITED, 0)


def test_a_credit_note_without_an_amount_closes_with_invoice_settled() -> None:
    rows = (post(100), then("credit", "2024-02-01"), then("settle", "2024-02-03"))
    assert closed(after(*rows, when="2024-02-02")) == Closed.OPEN
    assert (closed(after(*rows)), money(after(*rows), "credited")) == (Closed.CREDITED, 100)


def test_a_payment_without_an_amount_outweighs_a_credit_note_without_one() -> None:
    rows = (post(100), then("credit", "2024-02-01"), then("pay", "2024-02-02"))
    assert closed(after(*rows, then("settle", "2024-02-03"))) == Closed.PAID


def test_a_payment_without_an_amount_that_was_taken_back_pays_nothing_later() -> None:
    rows = (post(100), then("pay", "2024-02-01"), then("settle", "2024-02-02"))
    rest = (then("reverse", "2024-02-05"), then("credit", "2024-02-08"))
    assert closed(after(*rows, *rest, then("settle", "2024-02-09"))) == Closed.CREDITED


def test_a_credit_note_closes_an_invoice_without_an_amount_as_credited() -> None:
    for credit in (then("credit", "2024-02-01"), then("credit", "2024-02-01", 40)):
        assert closed(after(post(None), credit, then("settle", "2024-02-03"))) == Closed.CREDITED


def test_an_invoice_closes_on_the_day_of_the_payment_not_of_its_recording() -> None:
    state = after(post(100), then("pay", "2024-02-01 12:00", 100, recorded="2024-02-09"))
    assert state["closed_at"] == micros("2024-02-01 12:00")


def test_an_invoice_closes_with_its_latest_payment_in_whatever_order_they_are_recorded() -> None:
    rows = (
        post(100),
        then("pay", "2024-02-10 12:00", 60),
        then("pay", "2024-02-05 12:00", 40, recorded="2024-02-12"),
    )
    assert after(*rows)["closed_at"] == micros("2024-02-10 12:00")


def test_an_invoice_recorded_after_its_payment_closes_on_the_day_of_the_payment() -> None:
    rows = (post(100, recorded="2024-01-20"), then("pay", "2024-01-10 12:00", 100))
    assert after(*rows)["closed_at"] == micros("2024-01-10 12:00")


def test_an_invoice_that_was_never_issued_is_neither_open_nor_closed() -> None:
    log = make_log(then("pay", "2024-02-01", 100, amount=100))
    state = keep_ledger(log, Policy()).as_of(np.array([0]), np.array([micros(LATER)]))
    assert not is_open(state)[0]
    assert (state["closed"][0], status(state)[0]) == (Closed.OPEN, "Not issued")


# Written off


def test_a_write_off_without_an_amount_gives_up_the_balance() -> None:
    rows = (post(100), then("pay", "2024-02-01", 30), then("lose", "2024-09-01"))
    state = after(*rows)
    assert (money(state, "written_off"), money(state)) == (70, 0)
    assert closed(state) == Closed.WRITTEN_OFF


@pytest.mark.parametrize(("given_up", "is_lost"), [(50, True), (49.99, False)])
def test_giving_up_half_of_the_open_balance_makes_it_written_off(
    given_up: float, is_lost: bool
) -> None:
    state = after(post(100), then("lose", "2024-09-01", given_up))
    assert (state["written_off_at"] != NONE) == is_lost
    assert money(state) == pytest.approx(100 - given_up)


def test_half_is_measured_by_the_balance_that_was_open() -> None:
    rows = (post(100), then("pay", "2024-02-01", 90), then("lose", "2024-09-01", 5))
    assert after(*rows)["written_off_at"] != NONE


def test_a_penny_that_is_given_up_is_no_write_off() -> None:
    state = after(post(100), then("pay", "2024-02-01", 99.6), then("lose", "2024-09-01", 0.4))
    assert (closed(state), state["written_off_at"]) == (Closed.PAID, NONE)
    assert money(state, "written_off") == pytest.approx(0.4)


def test_a_write_off_never_gives_up_more_than_is_open() -> None:
    rows = (post(100), then("pay", "2024-02-01", 80), then("lose", "2024-09-01", 100))
    assert money(after(*rows), "written_off") == 20


def test_a_write_off_of_a_paid_invoice_is_none() -> None:
    rows = (post(100), then("pay", "2024-02-01", 100), then("lose", "2024-09-01", 100))
    assert (closed(after(*rows)), after(*rows)["written_off_at"]) == (Closed.PAID, NONE)


def test_small_write_offs_do_not_add_up_to_one_that_counts() -> None:
    rows = (post(100), then("lose", "2024-09-01", 30), then("lose", "2024-10-01", 30))
    assert (closed(after(*rows)), money(after(*rows))) == (Closed.OPEN, 40)
    assert closed(after(*rows, then("pay", "2024-11-01", 40))) == Closed.PAID


def test_what_is_paid_of_the_rest_does_not_undo_the_write_off() -> None:
    rows = (post(100), then("lose", "2024-09-01", 60), then("pay", "2024-10-01", 40))
    state = after(*rows)
    assert (closed(state), money(state, "paid")) == (Closed.WRITTEN_OFF, 40)


@pytest.mark.parametrize(
    ("lost_at", "settled_at"),
    [
        ("2024-09-01", "2024-09-01"),
        ("2024-09-01 10:00", "2024-09-01 15:00"),
        ("2024-09-01 15:00", "2024-09-01 10:00"),
    ],
)
def test_a_write_off_settled_on_the_same_day_stays_a_write_off(
    lost_at: str, settled_at: str
) -> None:
    state = after(post(100), then("lose", lost_at), then("settle", settled_at))
    assert closed(state) == Closed.WRITTEN_OFF
    assert (money(state, "written_off"), money(state, "cleared")) == (100, 0)


def test_an_invoice_without_an_amount_can_be_written_off() -> None:
    state = after(post(None), then("lose", "2024-09-01"))
    assert (closed(state), state["balance"]) == (Closed.WRITTEN_OFF, NONE)


# Recoveries


def lost(*rows: dict[str, Any]) -> np.void:
    """State of invoice A, of 100, written off in September after 40 were paid, and more rows."""
    begun = (post(100), then("pay", "2024-02-01", 40), then("lose", "2024-09-01"))
    return after(*begun, *rows)


@pytest.mark.parametrize("what", ["recover", "pay", "book"])
def test_money_after_a_write_off_is_recovered_and_pays_nothing(what: str) -> None:
    state = lost(then(what, "2024-10-01", 25))
    expected = 25 if what != "book" else 0  # 25 of the 40 that were received before
    assert (money(state, "recovered"), money(state, "paid")) == (expected, 40)
    assert (closed(state), money(state, "written_off")) == (Closed.WRITTEN_OFF, 60)


def test_a_recovery_that_is_posted_too_counts_once() -> None:
    rows = (then("book", "2024-02-03", 40), then("pay", "2024-10-01", 25))
    assert money(lost(*rows, then("book", "2024-10-03", 25)), "recovered") == 25


def test_posting_an_earlier_payment_after_the_write_off_recovers_nothing() -> None:
    assert money(lost(then("book", "2024-09-03", 40)), "recovered") == 0


def test_recoveries_add_up() -> None:
    rows = (then("recover", "2024-10-01", 25), then("recover", "2024-11-01", 10))
    assert money(lost(*rows), "recovered") == 35


def test_a_recovery_of_a_part_that_was_written_off_leaves_the_rest_open() -> None:
    rows = (post(100), then("lose", "2024-09-01", 60), then("recover", "2024-10-01", 20))
    state = after(*rows)
    assert (money(state, "recovered"), money(state), closed(state)) == (20, 40, Closed.OPEN)


def test_a_recovery_without_a_write_off_is_a_payment() -> None:
    state = after(post(100), then("recover", "2024-10-01", 25))
    assert (money(state, "paid"), money(state, "recovered"), state["n_payments"]) == (25, 0, 1)


def test_a_recovery_that_bounces_is_taken_back_and_opens_nothing() -> None:
    for bounced in (then("reverse", "2024-10-05", 25), then("reverse", "2024-10-05")):
        state = lost(then("recover", "2024-10-01", 25), bounced)
        assert (money(state, "recovered"), closed(state)) == (0, Closed.WRITTEN_OFF)
        assert money(state, "paid") == 40


def test_a_payment_that_bounces_after_the_write_off_opens_its_amount() -> None:
    state = lost(then("reverse", "2024-10-05", 40))
    assert (money(state), money(state, "written_off"), closed(state)) == (40, 60, Closed.OPEN)


# Whose events they are


def test_equal_invoice_numbers_of_two_companies_are_two_invoices() -> None:
    rows = (post(100, company="DE01"), post(70, company="US01"))
    log = make_log(*rows, then("pay", "2024-02-01", 100, company="DE01"))
    table = ledger_table(log, keep_ledger(log, Policy()), micros(LATER)).set_index("company")
    assert log.n_invoices == 2
    assert table["balance"].to_dict() == {"DE01": 0, "US01": 70}


def test_events_of_a_customer_alone_touch_no_invoice() -> None:
    rows = (post(100), then("call", "2024-02-01"))
    alone = happened("", "unapplied", "2024-02-01", moved=50)
    with_it, without = after(*rows, alone), after(*rows)
    changing = ["event", "activity", "previous"]  # positions and codes
    for name in set(with_it.dtype.names or ()) - set(changing):
        assert with_it[name] == without[name]


def test_unknown_activities_are_counted_and_harmless() -> None:
    rows = (post(100), then("Moon Phase Changed", "2024-02-01", 70), then("pay", "2024-02-02", 30))
    state = after(*rows)
    assert (state["n_events"], money(state), state["n_payments"]) == (3, 70, 1)


def test_repeated_activities_are_counted() -> None:
    rows = (post(100), then("call", "2024-02-01"), then("call", "2024-02-02"))
    assert after(*rows, then("call", "2024-02-03"))["n_repeats"] == 2


def test_an_event_recorded_later_changes_nothing_before_it_is_recorded() -> None:
    rows = (post(100), then("pay", "2024-02-01", 100, recorded="2024-02-20 08:00"))
    assert money(after(*rows, when="2024-02-20 07:59:59.999999")) == 100
    assert money(after(*rows, when="2024-02-20 08:00")) == 0


def test_an_event_recorded_before_it_happens_is_known_when_it_happens() -> None:
    rows = (post(100), then("pay", "2024-02-10 12:00", 100, recorded="2024-02-01 08:00"))
    assert money(after(*rows, when="2024-02-10 11:59")) == 100
    assert money(after(*rows, when="2024-02-10 12:00")) == 0


# Looking up, and the ledger as people read it


def test_nothing_is_known_before_the_first_event() -> None:
    state = after(post(100), when="2023-12-31")
    assert (state["amount"], state["issued_at"], state["n_events"]) == (NONE, NONE, 0)


def test_each_of_many_questions_is_answered_for_itself() -> None:
    log = make_log(post(100), then("pay", "2024-02-01", 100))
    moments = np.array([micros(day) for day in ("2024-03-01", "2023-01-01", "2024-01-15")])
    states = keep_ledger(log, Policy()).as_of(np.zeros(3, dtype=np.int32), moments)
    assert states["balance"].tolist() == [0, NONE, 100 * MINOR]


def test_a_log_without_events_has_an_empty_ledger() -> None:
    log = make_log(post(100)).upto(micros("2023-01-01"))
    ledger = keep_ledger(log, Policy())
    assert len(ledger.steps) == 0
    assert ledger.as_of(np.array([0]), np.array([micros(LATER)]))["balance"][0] == NONE
    assert ledger_table(log, ledger, micros(LATER)).empty


def test_the_table_lists_issued_invoices_with_money_in_units() -> None:
    log = make_log(
        post(100, due="2024-01-31"),
        then("pay", "2024-01-15", 40),
        happened("B", "post", "2024-06-01", amount=5),
        happened("C", "call", "2024-01-05"),
    )
    table = ledger_table(log, keep_ledger(log, Policy()), micros("2024-02-10"))
    row = table.iloc[0]
    assert table["invoice"].tolist() == ["A"]
    assert (row["amount"], row["paid"], row["balance"], row["days_overdue"]) == (100, 40, 60, 10)
    assert (row["due_date"], row["status"]) == (pd.Timestamp("2024-01-31"), "Partially Paid")


def test_the_table_leaves_an_unknown_amount_missing() -> None:
    log = make_log(post(None), then("pay", "2024-01-15", 40))
    row = ledger_table(log, keep_ledger(log, Policy()), micros(LATER)).iloc[0]
    assert np.isnan(row["amount"])
    assert np.isnan(row["balance"])
    assert row["paid"] == 40


def test_days_overdue_are_missing_once_an_invoice_is_closed() -> None:
    log = make_log(post(100, due="2024-01-31"), then("pay", "2024-03-01", 100))
    table = ledger_table(log, keep_ledger(log, Policy()), micros(LATER))
    assert np.isnan(table["days_overdue"].iloc[0])


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([], "Open"),
        ([then("pay", "2024-02-01", 1)], "Partially Paid"),
        ([then("pay", "2024-02-01", 1), then("dispute", "2024-02-02")], "Disputed"),
        ([then("pay", "2024-02-01", 100)], "Paid"),
        ([then("credit", "2024-02-01", 100)], "Credited"),
        ([then("lose", "2024-02-01")], "Written Off"),
    ],
)
def test_the_status_says_how_the_invoice_stands(rows: list[dict[str, Any]], word: str) -> None:
    assert status(np.array([after(post(100), *rows)]))[0] == word


@pytest.mark.parametrize(
    ("rows", "when", "words"),
    [
        ([], "2024-02-05", "Not disputed"),
        ([then("promise", "2024-02-01", promised="2024-02-10")], "2024-02-05", "Promise to pay"),
        (
            [then("promise", "2024-02-01", promised="2024-02-10")],
            "2024-03-01",
            "Promise to pay broken",
        ),
        ([then("dispute", "2024-02-01")], "2024-02-05", "Disputed"),
        ([then("dispute", "2024-02-01"), then("resolve", "2024-02-03")], "2024-02-05", "Resolved"),
    ],
)
def test_the_collections_status_speaks_as_dynamics_does(
    rows: list[dict[str, Any]], when: str, words: str
) -> None:
    assert collections_status(np.array([after(post(100), *rows, when=when)]))[0] == words
