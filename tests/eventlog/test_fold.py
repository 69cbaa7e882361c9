"""What time does to an invoice: promises, disputes, dunning, due dates, ageing, lateness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eventlog.ledger import ageing_bucket, days_in_dispute, days_overdue, keep_ledger
from eventlog.log import DAY, MINOR, NONE, micros
from eventlog.policy import Policy
from eventlog.state import Closed, Matured
from tests.builders import happened, make_log, state_at

LATER = "2026-01-01"
#: The last microsecond of 13 March: a promise for the 10th with three days of grace.
END_OF_GRACE = "2024-03-13 23:59:59.999999"


def post(amount: float | None = 100, when: str = "2024-01-01", **attributes: Any) -> dict[str, Any]:
    """Invoice A is posted."""
    return happened("A", "post", when, amount=amount, **attributes)


def then(what: str, when: str, moved: float | None = None, **attributes: Any) -> dict[str, Any]:
    """Something happens to invoice A."""
    return happened("A", what, when, moved=moved, **attributes)


def promise(
    when: str = "2024-03-01 09:00", promised: str | None = "2024-03-10", **attributes: Any
) -> dict[str, Any]:
    """A promise of invoice A, for the 10th of March."""
    return happened("A", "promise", when, promised=promised, **attributes)


def after(*rows: dict[str, Any], when: str = LATER, policy: Policy | None = None) -> np.void:
    """State of invoice A after some rows."""
    return state_at(make_log(*rows), "A", when, policy)


def promises(state: np.void) -> dict[str, int]:
    """How many promises stand how, those that are none left out."""
    counts = {
        "open": state["promise_open"],
        "kept": state["n_kept"],
        "broken": state["n_broken"],
        "rescheduled": state["n_rescheduled"],
    }
    counts["void"] = state["n_promises"] - sum(counts.values())
    return {name: int(count) for name, count in counts.items() if count}


# Promises: kept or broken


def test_a_promise_is_open_from_its_moment_on() -> None:
    rows = (post(), promise())
    assert promises(after(*rows, when="2024-03-01 08:59")) == {}
    state = after(*rows, when="2024-03-01 09:00")
    assert promises(state) == {"open": 1}
    assert state["promised_date"] == micros("2024-03-10")


def test_a_promise_is_kept_by_a_payment_before_its_date() -> None:
    rows = (post(), promise(), then("pay", "2024-03-05 12:00", 100))
    assert promises(after(*rows, when="2024-03-05 11:59")) == {"open": 1}
    state = after(*rows, when="2024-03-05 12:00")
    assert promises(state) == {"kept": 1}
    assert state["promised_date"] == NONE


def test_a_promise_is_kept_on_the_last_day_of_grace() -> None:
    assert promises(after(post(), promise(), then("pay", "2024-03-13", 100))) == {"kept": 1}
    late = then("pay", END_OF_GRACE, 100)
    assert promises(after(post(), promise(), late)) == {"kept": 1}


def test_a_promise_is_broken_by_a_payment_after_the_grace() -> None:
    late = then("pay", "2024-03-14 00:00:00.000001", 100)
    assert promises(after(post(), promise(), late)) == {"broken": 1}


def test_a_promise_is_broken_at_the_end_of_the_grace_and_not_a_microsecond_before() -> None:
    rows = (post(), promise())
    assert promises(after(*rows, when="2024-03-13 23:59:59.999998")) == {"open": 1}
    state = after(*rows, when=END_OF_GRACE)
    assert (promises(state), state["broken_last"]) == ({"broken": 1}, 1)
    assert (state["promised_date"], state["event"]) == (NONE, -1)


def test_the_grace_is_the_policys() -> None:
    rows = (post(), promise(), then("pay", "2024-03-11", 100))
    assert promises(after(*rows, policy=Policy(promise_grace_days=0))) == {"broken": 1}
    assert promises(after(*rows, policy=Policy(promise_grace_days=1))) == {"kept": 1}


def test_a_promise_without_a_date_runs_fourteen_days() -> None:
    rows = (post(), promise(promised=None))
    assert after(*rows, when="2024-03-02")["promised_date"] == micros("2024-03-15")
    assert promises(after(*rows, when="2024-03-18")) == {"open": 1}
    assert promises(after(*rows, when="2024-03-19")) == {"broken": 1}
    days = Policy(promise_default_days=30)
    assert after(*rows, when="2024-03-02", policy=days)["promised_date"] == micros("2024-03-31")


def test_a_promise_for_a_day_that_is_over_is_broken_when_it_is_known() -> None:
    rows = (post(), promise("2024-03-20 09:00", "2024-03-10"))
    assert promises(after(*rows, when="2024-03-20 09:00")) == {"broken": 1}


def test_a_promise_of_the_whole_balance_is_not_kept_by_a_part() -> None:
    rows = (post(), then("pay", "2024-02-01", 30), promise(), then("pay", "2024-03-05", 60))
    assert after(*rows, when="2024-03-02")["promised_amount"] == 70 * MINOR
    assert promises(after(*rows)) == {"broken": 1}


def test_a_promise_of_the_whole_balance_is_kept_by_paying_what_was_open() -> None:
    rows = (post(), then("pay", "2024-02-01", 30), promise(), then("pay", "2024-03-05", 70))
    assert promises(after(*rows)) == {"kept": 1}


def test_a_promised_part_is_kept_while_the_rest_stays_open() -> None:
    rows = (post(), promise(promised_amount=40), then("pay", "2024-03-05", 40))
    state = after(*rows)
    assert (promises(state), state["closed"]) == ({"kept": 1}, Closed.OPEN)


def test_several_payments_keep_a_promise_together() -> None:
    rows = (post(), promise(promised_amount=40), then("pay", "2024-03-05", 25))
    assert promises(after(*rows, when="2024-03-06")) == {"open": 1}
    assert promises(after(*rows, then("pay", "2024-03-07", 15))) == {"kept": 1}


def test_a_promise_may_be_missed_by_the_tolerance() -> None:
    rows = (post(), promise(promised_amount=40))
    assert promises(after(*rows, then("pay", "2024-03-05", 39.5))) == {"kept": 1}
    assert promises(after(*rows, then("pay", "2024-03-05", 39.49))) == {"broken": 1}


def test_a_payment_before_the_promise_does_not_serve_it() -> None:
    rows = (post(), then("pay", "2024-02-28", 40), promise(promised_amount=40))
    assert promises(after(*rows)) == {"broken": 1}


def test_a_payment_before_the_promise_does_not_serve_it_when_it_is_recorded_later() -> None:
    early = then("pay", "2024-02-28", 40, recorded="2024-03-05")
    assert promises(after(post(), promise(promised_amount=40), early)) == {"broken": 1}


def test_a_payment_on_the_day_of_the_promise_serves_it() -> None:
    rows = (post(), promise("2024-03-01", promised_amount=40), then("pay", "2024-03-01", 40))
    assert promises(after(*rows)) == {"kept": 1}


def test_an_invoice_paid_off_keeps_its_promise_whatever_was_promised() -> None:
    rows = (post(), promise(promised_amount=500), then("pay", "2024-03-05", 100))
    assert promises(after(*rows)) == {"kept": 1}
    rows = (*rows[:2], then("pay", "2024-03-05", 100, recorded="2024-03-20"))
    assert promises(after(*rows, when="2024-03-19")) == {"broken": 1}
    assert promises(after(*rows)) == {"kept": 1}


def test_a_promise_is_kept_by_a_payment_less_cash_discount() -> None:
    rows = (post(), promise(), then("pay", "2024-03-05", 98), then("settle", "2024-03-06"))
    assert promises(after(*rows, when="2024-03-06")) == {"open": 1}
    assert promises(after(*rows)) == {"kept": 1}


def test_a_promise_on_an_unknown_balance_is_kept_by_the_settlement() -> None:
    rows = (post(None), promise(), then("pay", "2024-03-05"), then("settle", "2024-03-06"))
    assert promises(after(*rows)) == {"kept": 1}


def test_a_payment_without_an_amount_serves_the_promise_of_its_day_once_it_is_settled() -> None:
    for amount in (100, None):
        rows = (post(amount), promise(), then("pay", "2024-03-12"), then("settle", "2024-03-20"))
        assert promises(after(*rows, when="2024-03-19")) == {"broken": 1}
        assert promises(after(*rows)) == {"kept": 1}


def test_a_recovery_keeps_no_promise() -> None:
    rows = (post(), then("lose", "2024-02-20", 60), promise(), then("recover", "2024-03-05", 40))
    assert promises(after(*rows)) == {"broken": 1}


def test_a_credit_note_keeps_no_promise() -> None:
    rows = (post(), promise(promised_amount=40), then("credit", "2024-03-05", 40))
    assert promises(after(*rows)) == {"broken": 1}


# Promises: rescheduled and void


def test_a_new_promise_takes_the_place_of_the_open_one() -> None:
    rows = (post(), promise(), promise("2024-03-08", "2024-03-25"))
    state = after(*rows, when="2024-03-20")
    assert promises(state) == {"open": 1, "rescheduled": 1}
    assert state["promised_date"] == micros("2024-03-25")
    assert promises(after(*rows)) == {"broken": 1, "rescheduled": 1}


def test_a_new_promise_leaves_a_broken_one_broken() -> None:
    rows = (post(), promise(), promise("2024-03-20", "2024-03-25"))
    assert promises(after(*rows, when="2024-03-21")) == {"open": 1, "broken": 1}


def test_a_dispute_voids_the_open_promise() -> None:
    state = after(post(), promise(), then("dispute", "2024-03-05"))
    assert (promises(state), state["broken_last"]) == ({"void": 1}, 0)


def test_a_dispute_after_the_promise_was_broken_leaves_it_broken() -> None:
    assert promises(after(post(), promise(), then("dispute", "2024-03-20"))) == {"broken": 1}


def test_a_promise_made_in_a_dispute_is_void() -> None:
    rows = (post(), then("dispute", "2024-02-20"), promise(), then("resolve", "2024-03-02"))
    assert promises(after(*rows)) == {"void": 1}


@pytest.mark.parametrize("closing", [("credit", 100), ("lose", None)])
def test_a_credit_note_or_a_write_off_that_closes_voids_the_promise(
    closing: tuple[str, float | None],
) -> None:
    what, moved = closing
    assert promises(after(post(), promise(), then(what, "2024-03-05", moved))) == {"void": 1}


def test_a_promise_on_a_closed_invoice_is_void() -> None:
    assert promises(after(post(), then("pay", "2024-02-01", 100), promise())) == {"void": 1}


# Promises: one payment, one promise, and what is known late


def test_a_payment_serves_one_promise_and_the_oldest_first() -> None:
    rows = (
        post(),
        promise("2024-03-01", "2024-03-10", promised_amount=40),
        promise("2024-03-14 10:00", "2024-03-25", promised_amount=40),
        then("pay", "2024-03-14 12:00", 80),
        then("pay", "2024-03-13", 40, recorded="2024-03-16"),
    )
    assert promises(after(*rows, when="2024-03-15")) == {"broken": 1, "kept": 1}
    assert promises(after(*rows)) == {"kept": 2}


def test_what_a_payment_has_over_does_not_serve_a_second_promise() -> None:
    rows = (
        post(),
        promise(promised_amount=40),
        then("pay", "2024-03-05", 80),
        promise("2024-03-06", "2024-03-20", promised_amount=20),
    )
    assert promises(after(*rows)) == {"kept": 1, "broken": 1}


def test_a_payment_recorded_late_corrects_a_broken_promise_when_it_becomes_known() -> None:
    rows = (post(), promise(), then("pay", "2024-03-12", 100, recorded="2024-03-20 08:00"))
    state = after(*rows, when="2024-03-20 07:59:59.999999")
    assert (promises(state), state["broken_last"]) == ({"broken": 1}, 1)
    state = after(*rows, when="2024-03-20 08:00")
    assert (promises(state), state["broken_last"]) == ({"kept": 1}, 0)


def test_correcting_an_older_promise_leaves_the_last_one_broken() -> None:
    rows = (
        post(),
        promise("2024-03-01", "2024-03-05", promised_amount=40),
        promise("2024-03-15", "2024-03-20", promised_amount=40),
        then("pay", "2024-03-04", 40, recorded="2024-04-01"),
    )
    state = after(*rows)
    assert (promises(state), state["broken_last"]) == ({"kept": 1, "broken": 1}, 1)


def test_a_promise_recorded_late_is_served_by_payments_known_since_it_was_made() -> None:
    rows = (
        post(),
        then("pay", "2024-03-05", 40),
        promise(promised_amount=40, recorded="2024-03-08"),
    )
    assert promises(after(*rows, when="2024-03-07")) == {}
    assert promises(after(*rows, when="2024-03-09")) == {"kept": 1}


def test_a_promise_recorded_after_its_term_is_broken_at_once() -> None:
    rows = (post(), promise(recorded="2024-03-20 08:00"))
    assert promises(after(*rows, when="2024-03-20 08:00")) == {"broken": 1}


def test_a_promise_recorded_late_does_not_take_a_payment_that_served_another() -> None:
    rows = (
        post(),
        promise("2024-03-01", "2024-03-04", promised_amount=40),
        then("pay", "2024-03-04 12:00", 40),
        promise("2024-03-03", "2024-03-08", promised_amount=40, recorded="2024-03-06"),
    )
    assert promises(after(*rows)) == {"kept": 1, "broken": 1}


def test_a_promise_recorded_late_does_not_count_a_payment_that_bounced() -> None:
    rows = (
        post(),
        then("pay", "2024-03-05", 40),
        then("reverse", "2024-03-06", 40),
        promise(promised_amount=40, recorded="2024-03-08"),
    )
    assert promises(after(*rows)) == {"broken": 1}


def test_a_promise_recorded_late_does_not_take_the_place_of_one_that_was_made_after_it() -> None:
    rows = (
        post(),
        promise("2024-03-05", "2024-03-20"),
        then("pay", "2024-03-05 23:59:59.999999", 10),
        promise("2024-03-02", "2024-03-04", recorded="2024-03-10"),
    )
    state = after(*rows, when="2024-03-12")
    assert promises(state) == {"open": 1, "rescheduled": 1}
    assert state["promised_date"] == micros("2024-03-20")
    assert promises(after(*rows, then("pay", "2024-03-15", 90))) == {"kept": 1, "rescheduled": 1}


def test_payments_stay_with_their_promise_when_an_older_one_is_recorded() -> None:
    rows = (
        post(),
        promise("2024-03-05", "2024-03-20", promised_amount=40),
        then("pay", "2024-03-07", 10),
        promise("2024-03-02", "2024-03-04", recorded="2024-03-10"),
        then("pay", "2024-03-12", 30),
        then("reverse", "2024-03-13", 40),
        then("pay", "2024-03-15", 30),
    )
    assert promises(after(*rows, when="2024-03-13")) == {"kept": 1, "rescheduled": 1}
    assert promises(after(*rows)) == {"broken": 1, "rescheduled": 1}


def test_events_known_at_one_moment_take_their_turn_by_when_they_happened() -> None:
    recorded = "2024-06-01 08:00"
    rows = (
        post(due="2024-02-01", recorded=recorded),
        promise("2024-03-01", "2024-03-10", recorded=recorded),
        promise("2024-04-01", "2024-04-10", recorded=recorded),
        then("pay", "2024-04-05", 100, recorded=recorded),
    )
    state = after(*rows, when=recorded)
    assert promises(state) == {"broken": 1, "kept": 1}
    assert state["matured"] == Matured.LATE


# Promises whose payment bounces


def test_a_payment_that_bounced_keeps_no_promise() -> None:
    rows = (
        post(),
        promise(promised_amount=100),
        then("pay", "2024-03-05", 60),
        then("reverse", "2024-03-06", 60),
        then("pay", "2024-03-07", 40),
    )
    assert promises(after(*rows)) == {"broken": 1}


def test_a_promise_whose_payment_bounces_before_its_end_is_open_again() -> None:
    rows = (post(), promise(), then("pay", "2024-03-05", 100), then("reverse", "2024-03-08"))
    assert promises(after(*rows, when="2024-03-06")) == {"kept": 1}
    state = after(*rows, when="2024-03-09")
    assert (promises(state), state["promised_date"]) == ({"open": 1}, micros("2024-03-10"))
    assert promises(after(*rows)) == {"broken": 1}
    assert promises(after(*rows, then("pay", "2024-03-11", 100))) == {"kept": 1}


def test_a_promise_whose_payment_bounces_after_its_end_is_broken() -> None:
    rows = (post(), promise(), then("pay", "2024-03-05", 100), then("reverse", "2024-03-20", 100))
    assert promises(after(*rows, when="2024-03-19")) == {"kept": 1}
    state = after(*rows)
    assert (promises(state), state["broken_last"]) == ({"broken": 1}, 1)


def test_a_bounced_payment_gives_way_to_the_promise_made_since() -> None:
    rows = (
        post(),
        promise(promised_amount=40),
        then("pay", "2024-03-05", 40),
        promise("2024-03-07", "2024-03-20", promised_amount=60),
        then("reverse", "2024-03-08", 40),
    )
    assert promises(after(*rows, when="2024-03-09")) == {"open": 1, "rescheduled": 1}


def test_a_bounced_payment_breaks_an_older_promise_whose_end_is_over() -> None:
    rows = (
        post(),
        promise(promised_amount=40),
        then("pay", "2024-03-05", 40),
        promise("2024-03-12", "2024-03-30", promised_amount=60),
        then("reverse", "2024-03-20", 40),
    )
    state = after(*rows, when="2024-03-21")
    assert (promises(state), state["broken_last"]) == ({"open": 1, "broken": 1}, 1)


def test_a_promise_whose_payment_bounces_in_a_dispute_is_void() -> None:
    rows = (
        post(),
        promise(promised_amount=40),
        then("pay", "2024-03-05", 40),
        then("dispute", "2024-03-06"),
        then("reverse", "2024-03-07", 40),
    )
    assert promises(after(*rows)) == {"void": 1}


# Disputes


def disputed_days(*rows: dict[str, Any], when: str = LATER) -> tuple[int, float]:
    """Whether invoice A is disputed, and how many days it has been."""
    state = after(*rows, when=when)
    days = days_in_dispute(np.array([state]), np.array([micros(when)]))
    return int(state["disputed"]), float(days[0])


def test_an_open_dispute_runs_until_the_moment_of_looking() -> None:
    rows = (post(), then("dispute", "2024-02-01 12:00"))
    assert disputed_days(*rows, when="2024-02-01 12:00") == (1, 0)
    assert disputed_days(*rows, when="2024-02-11 12:00") == (1, 10)


def test_a_resolution_ends_the_dispute() -> None:
    rows = (post(), then("dispute", "2024-02-01 12:00"), then("resolve", "2024-02-07 12:00"))
    assert disputed_days(*rows) == (0, 6)
    assert after(*rows)["n_disputes"] == 1


def test_a_second_dispute_counts_and_does_not_restart_the_clock_of_the_first() -> None:
    rows = (
        post(),
        then("dispute", "2024-02-01 12:00"),
        then("dispute", "2024-02-05 12:00"),
        then("resolve", "2024-02-07 12:00"),
    )
    assert disputed_days(*rows, when="2024-02-06 12:00") == (1, 5)
    assert disputed_days(*rows) == (0, 6)
    assert after(*rows)["n_disputes"] == 2


def test_disputes_one_after_the_other_add_up() -> None:
    rows = (
        post(),
        then("dispute", "2024-02-01 12:00"),
        then("resolve", "2024-02-03 12:00"),
        then("dispute", "2024-03-01 12:00"),
        then("resolve", "2024-03-05 12:00"),
    )
    assert disputed_days(*rows) == (0, 6)


@pytest.mark.parametrize("closing", [("pay", 100), ("credit", 100), ("lose", None)])
def test_closing_ends_the_dispute(closing: tuple[str, float | None]) -> None:
    what, moved = closing
    rows = (post(), then("dispute", "2024-02-01 12:00"), then(what, "2024-02-09 12:00", moved))
    assert disputed_days(*rows) == (0, 8)


def test_a_dispute_of_a_closed_invoice_is_counted_and_holds_nothing() -> None:
    rows = (post(), then("pay", "2024-02-01", 100), then("dispute", "2024-02-05"))
    assert disputed_days(*rows) == (0, 0)
    assert after(*rows)["n_disputes"] == 1


def test_a_resolution_without_a_dispute_changes_nothing() -> None:
    assert disputed_days(post(), then("resolve", "2024-02-05")) == (0, 0)


def test_a_dispute_recorded_after_its_resolution_is_over() -> None:
    rows = (
        post(),
        then("dispute", "2024-02-01 12:00", recorded="2024-02-20"),
        then("resolve", "2024-02-07 12:00"),
    )
    assert disputed_days(*rows) == (0, 6)


def test_a_dispute_after_a_stray_resolution_is_open() -> None:
    rows = (post(), then("resolve", "2024-02-05 12:00"), then("dispute", "2024-02-06 12:00"))
    assert disputed_days(*rows, when="2024-02-08 12:00") == (1, 2)


# Letters, contacts, agency


def test_the_dunning_level_comes_from_dunning_rows_alone() -> None:
    rows = (post(level=3), then("call", "2024-02-01", level=2), then("letter", "2024-02-05"))
    assert after(*rows, when="2024-02-02")["level"] == 0
    assert after(*rows)["level"] == 1


def test_the_dunning_level_is_that_of_the_last_letter() -> None:
    rows = (
        post(),
        then("letter", "2024-02-05", level=1),
        then("letter", "2024-02-19", level=3),
        then("letter", "2024-06-01", level=1),
    )
    levels = [after(*rows, when=day)["level"] for day in ("2024-02-06", "2024-03-01", LATER)]
    assert levels == [1, 3, 1]
    assert after(*rows)["n_letters"] == 3


def test_an_earlier_letter_recorded_late_does_not_lower_the_level() -> None:
    rows = (
        post(),
        then("letter", "2024-02-05", level=1, recorded="2024-03-01"),
        then("letter", "2024-02-19", level=2),
    )
    assert after(*rows)["level"] == 2


def test_letters_without_a_level_count_up() -> None:
    rows = [then("letter", f"2024-02-{day:02}") for day in range(1, 13)]
    assert after(post(), *rows[:2])["level"] == 2
    assert after(post(), then("letter", "2024-01-20", level=2), *rows[:1])["level"] == 3
    assert after(post(), *rows)["level"] == 9


def test_reminders_and_calls_are_contacts_and_no_letters() -> None:
    rows = (post(), then("remind", "2024-02-01"), then("call", "2024-02-02 10:00"))
    state = after(*rows)
    assert (state["n_contacts"], state["n_letters"], state["level"]) == (2, 0, 0)
    assert state["last_contact_at"] == micros("2024-02-02 10:00")


def test_an_invoice_sent_to_an_agency_says_so() -> None:
    assert after(post(), then("agency", "2024-06-01"))["agency"] == 1


# Dates without a time


def test_issuing_without_a_time_stands_at_the_start_of_its_day() -> None:
    assert after(post(when="2024-01-05"), when="2024-01-05")["n_events"] == 1
    generated = happened("A", "generate", "2024-01-05", amount=100)
    assert after(generated, when="2024-01-05")["issued_at"] == micros("2024-01-05")


def test_everything_else_without_a_time_stands_at_the_end_of_its_day() -> None:
    rows = (post(), then("pay", "2024-01-05", 100))
    assert after(*rows, when="2024-01-05 23:59:59.999998")["closed"] == Closed.OPEN
    assert after(*rows, when="2024-01-05 23:59:59.999999")["closed"] == Closed.PAID


def test_an_invoice_is_issued_when_its_first_issuing_event_is_known() -> None:
    rows = (
        happened("A", "generate", "2024-01-03 10:00", amount=100),
        post(when="2024-01-05", recorded="2024-01-08 09:00"),
    )
    state = after(*rows)
    assert state["issued_at"] == micros("2024-01-03 10:00")
    assert state["posted_at"] == micros("2024-01-08 09:00")


# Due dates


def due_passed(*rows: dict[str, Any]) -> list[str]:
    """Moments at which the due date of invoice A passed."""
    steps = keep_ledger(make_log(*rows), Policy()).steps
    moments = steps["known_at"][steps["due_passed"] == 1]
    return [str(moment)[:16] for moment in moments.view("datetime64[us]")]


def test_the_due_date_passes_at_the_midnight_after_it() -> None:
    assert due_passed(post(due="2024-01-31")) == ["2024-02-01T00:00"]


def test_the_due_date_does_not_pass_what_is_paid_on_it() -> None:
    assert due_passed(post(due="2024-01-31"), then("pay", "2024-01-31", 100)) == []


def test_the_due_date_passes_what_is_paid_in_part() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-01-31", 50))
    assert due_passed(*rows) == ["2024-02-01T00:00"]


def test_a_payment_known_after_the_due_date_does_not_undo_its_passing() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-01-30", 100, recorded="2024-02-03"))
    assert due_passed(*rows) == ["2024-02-01T00:00"]


def test_without_a_due_date_nothing_passes() -> None:
    assert due_passed(post()) == []
    assert np.isnan(days_overdue(np.array([after(post())]), np.array([micros(LATER)])))[0]


def test_a_due_date_that_becomes_known_late_passes_when_it_is_known() -> None:
    rows = (post(), then("note", "2024-03-01 10:00", due="2024-01-31"))
    assert due_passed(*rows) == ["2024-03-01T10:00"]
    assert after(*rows, when="2024-02-15")["due_date"] == NONE
    state = after(*rows, when="2024-03-01 10:00")
    assert (state["due_date"], state["bucket"]) == (micros("2024-01-31"), 1)


def test_a_due_date_that_becomes_known_late_passes_nothing_paid_before() -> None:
    rows = (post(), then("pay", "2024-01-20", 100), then("note", "2024-03-01", due="2024-01-31"))
    assert due_passed(*rows) == []


def test_a_changed_due_date_passes_anew() -> None:
    rows = (post(due="2024-01-31"), then("note", "2024-02-10 10:00", due="2024-02-29"))
    assert due_passed(*rows) == ["2024-02-01T00:00", "2024-03-01T00:00"]
    state = after(*rows, when="2024-02-15")
    assert (state["due_date"], state["bucket"]) == (micros("2024-02-29"), 0)
    assert state["n_due_changes"] == 1


def test_a_due_date_that_is_put_off_in_time_passes_once() -> None:
    rows = (post(due="2024-01-31"), then("note", "2024-01-20", due="2024-02-29"))
    assert due_passed(*rows) == ["2024-03-01T00:00"]


def test_repeating_the_due_date_changes_nothing() -> None:
    rows = (post(due="2024-01-31"), then("letter", "2024-02-10", due="2024-01-31"))
    assert due_passed(*rows) == ["2024-02-01T00:00"]
    assert after(*rows)["n_due_changes"] == 0


def test_a_due_date_that_passed_a_paid_invoice_does_not_pass_when_it_is_opened_again() -> None:
    rows = (
        post(due="2024-01-31"),
        then("pay", "2024-01-20", 100),
        then("reverse", "2024-02-10", 100),
    )
    assert due_passed(*rows) == []
    assert after(*rows, when="2024-02-11")["bucket"] == 1


def test_an_invoice_opened_again_before_its_due_date_is_passed_by_it() -> None:
    rows = (
        post(due="2024-01-31"),
        then("pay", "2024-01-10", 100),
        then("reverse", "2024-01-20", 100),
    )
    assert due_passed(*rows) == ["2024-02-01T00:00"]


def test_a_due_date_with_a_time_stands_for_its_day() -> None:
    assert due_passed(post(due="2024-01-31 15:30")) == ["2024-02-01T00:00"]


# Ageing


@pytest.mark.parametrize(
    ("days", "name", "code"),
    [
        (-1, "not due", 0),
        (0, "not due", 0),
        (1, "1-30", 1),
        (30, "1-30", 1),
        (31, "31-60", 2),
        (60, "31-60", 2),
        (61, "61-90", 3),
        (90, "61-90", 3),
        (91, "90+", 4),
        (400, "90+", 4),
    ],
)
def test_ageing_buckets_begin_at_the_midnight_of_their_first_day(
    days: int, name: str, code: int
) -> None:
    log = make_log(post(due="2024-01-31"))
    begins = micros("2024-01-31") + days * DAY
    moments = np.array([begins, begins + DAY - 1])
    states = keep_ledger(log, Policy()).as_of(np.zeros(2, dtype=np.int32), moments)
    assert ageing_bucket(states, moments).tolist() == [name, name]
    assert states["bucket"].tolist() == [code, code]
    assert days_overdue(states, moments).tolist() == [days, days]


def test_an_invoice_without_a_due_date_has_a_bucket_of_its_own() -> None:
    states = np.array([after(post())])
    assert ageing_bucket(states, np.array([micros(LATER)]))[0] == "no due date"


def test_a_closed_invoice_is_in_no_bucket() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-03-20", 100))
    assert [after(*rows, when=day)["bucket"] for day in ("2024-03-15", LATER)] == [2, 0]


@pytest.mark.parametrize(
    ("days", "code"), [(0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4)]
)
def test_an_invoice_opened_again_is_in_the_bucket_of_its_day(days: int, code: int) -> None:
    noon = str(np.datetime64("2024-01-31T12:00") + np.timedelta64(days, "D"))
    rows = (post(due="2024-01-31"), then("pay", "2024-01-10", 100), then("reverse", noon, 100))
    assert after(*rows, when=noon)["bucket"] == code


# Lateness


def matured(*rows: dict[str, Any], when: str = LATER, policy: Policy | None = None) -> Matured:
    return Matured(int(after(*rows, when=when, policy=policy)["matured"]))


def test_an_invoice_is_late_at_the_end_of_the_fifth_day_and_not_a_microsecond_before() -> None:
    rows = (post(due="2024-01-31"),)
    assert matured(*rows, when="2024-02-05 23:59:59.999998") == Matured.NOT_YET
    state = after(*rows, when="2024-02-05 23:59:59.999999")
    assert state["matured"] == Matured.LATE
    assert state["late_at"] == micros("2024-02-05 23:59:59.999999")


def test_the_days_until_late_are_the_policys() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-02-01", 100))
    assert matured(*rows, policy=Policy(late_after_days=0)) == Matured.LATE
    assert matured(*rows, policy=Policy(late_after_days=1)) == Matured.ON_TIME


def test_a_payment_due_on_the_fifth_and_paid_on_the_fifth_is_on_time() -> None:
    rows = (post(due="2024-02-05"), then("pay", "2024-02-05", 100))
    state = after(*rows, policy=Policy(late_after_days=0))
    assert state["matured"] == Matured.ON_TIME
    assert state["closed_at"] // DAY == state["due_date"] // DAY


@pytest.mark.parametrize(
    ("day", "found"), [("2024-02-05", Matured.ON_TIME), ("2024-02-06", Matured.LATE)]
)
def test_the_last_day_on_time_is_the_fifth_after_the_due_date(day: str, found: Matured) -> None:
    assert matured(post(due="2024-01-31"), then("pay", day, 100)) == found


@pytest.mark.parametrize(
    ("what", "moved", "found"),
    [
        ("pay", 99, Matured.LATE),
        ("lose", None, Matured.LATE),
        ("credit", 100, Matured.CREDITED),
        ("settle", None, Matured.ON_TIME),
    ],
)
def test_maturing_asks_how_the_invoice_was_closed(
    what: str, moved: float | None, found: Matured
) -> None:
    assert matured(post(due="2024-01-31"), then(what, "2024-02-03", moved)) == found


def test_a_payment_known_too_late_leaves_the_invoice_late() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-02-03", 100, recorded="2024-02-20"))
    assert matured(*rows) == Matured.LATE


def test_a_new_due_date_takes_the_lateness_of_an_open_invoice_back() -> None:
    rows = (post(due="2024-01-31"), then("note", "2024-02-20 10:00", due="2024-03-31"))
    assert matured(*rows, when="2024-02-20 09:59") == Matured.LATE
    state = after(*rows, when="2024-02-20 10:00")
    assert (state["matured"], state["late_at"]) == (Matured.NOT_YET, NONE)
    assert matured(*rows) == Matured.LATE


def test_a_new_due_date_leaves_the_outcome_of_a_closed_invoice() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-02-20", 100))
    assert matured(*rows, then("note", "2024-03-01", due="2024-03-31")) == Matured.LATE


@pytest.mark.parametrize(
    ("paid", "found"), [("2024-02-03", Matured.ON_TIME), ("2024-02-20", Matured.LATE)]
)
def test_a_due_date_known_after_the_payment_is_compared_with_it(paid: str, found: Matured) -> None:
    rows = (post(), then("pay", paid, 100), then("note", "2024-04-01", due="2024-01-31"))
    assert matured(*rows) == found


def test_an_invoice_recorded_with_its_payment_is_judged_by_when_it_was_paid() -> None:
    recorded = "2024-06-01 08:00"
    issued = post(due="2024-01-31", recorded=recorded)
    for paid, found in (("2024-02-03", Matured.ON_TIME), ("2024-02-10", Matured.LATE)):
        rows = (issued, then("pay", paid, 100, recorded=recorded))
        assert matured(*rows, when=recorded) == found


def test_a_bounced_payment_leaves_the_outcome_that_was_known() -> None:
    rows = (post(due="2024-01-31"), then("pay", "2024-01-30", 100))
    assert matured(*rows, then("reverse", "2024-02-20", 100)) == Matured.ON_TIME
    assert matured(*rows, then("reverse", "2024-02-03", 100)) == Matured.LATE
