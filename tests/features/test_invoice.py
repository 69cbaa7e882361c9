"""What an invoice's own trace says at a cutoff."""

import numpy as np
import pytest

from tests.builders import happened, make_log
from tests.eventlog.dunning_oracle import behind_by_definition
from tests.features.drawn import POLICY, ledger_of, matrix_of, random_log, rates, snapshots_of
from tests.features.look import look, whole_encoding


def posted(**attributes):
    return happened("A", "post", "2024-01-03", **({"amount": 100.0} | attributes))


def test_ages_and_terms_count_whole_days_from_their_dates():
    log = make_log(
        happened("A", "generate", "2024-01-01", due="2024-02-02"),
        posted(),
    )
    seen = look(log, "A", "2024-02-05T12:00")
    assert seen["age_days"] == 35.5
    assert seen["posting_lag_days"] == 2
    assert seen["term_days"] == 30
    assert seen["days_past_due"] == 3


@pytest.mark.parametrize(
    ("when", "days"),
    [("2024-02-01", -1), ("2024-02-02", 0), ("2024-02-02T23:59", 0), ("2024-02-03", 1)],
)
def test_an_invoice_is_past_due_from_the_midnight_after_its_due_date(when, days):
    assert look(make_log(posted(due="2024-02-02")), "A", when)["days_past_due"] == days


def test_without_a_due_date_nothing_is_past_due():
    seen = look(make_log(posted()), "A", "2024-02-05")
    assert np.isnan(seen["days_past_due"])
    assert np.isnan(seen["term_days"])
    assert np.isnan(seen["due_weekday"])


def test_a_part_payment_lowers_the_balance():
    log = make_log(posted(), happened("A", "pay", "2024-01-10T12:00", moved=40.0))
    seen = look(log, "A", "2024-01-12T12:00")
    assert (seen["amount"], seen["balance"]) == (100, 60)
    assert seen["share_paid"] == pytest.approx(0.4)
    assert seen["n_payments"] == 1
    assert seen["days_since_payment"] == 2


def test_without_a_payment_there_are_no_days_since_one():
    seen = look(make_log(posted()), "A", "2024-01-12")
    assert np.isnan(seen["days_since_payment"])
    assert np.isnan(seen["days_since_letter"])
    assert np.isnan(seen["days_since_contact"])


def test_the_share_paid_stays_above_nothing_when_more_bounced_than_was_paid():
    log = make_log(posted(), happened("A", "reverse", "2024-01-10", moved=40.0))
    seen = look(log, "A", "2024-01-12")
    assert seen["balance"] == 140
    assert seen["share_paid"] == 0


def test_an_amount_that_is_not_stated_is_missing():
    log = make_log(
        happened("A", "post", "2024-01-03"), happened("B", "post", "2024-01-03", amount=1.0)
    )
    seen = look(log, "A", "2024-01-12")
    assert np.isnan([seen["amount"], seen["balance"], seen["share_paid"]]).all()
    assert seen["is_amount_known"] == 0
    assert look(log, "B", "2024-01-12")["is_amount_known"] == 1


def test_the_dunning_level_counts_on_dunning_rows_only():
    log = make_log(
        posted(due="2024-01-10", level="3"),
        happened("A", "letter", "2024-01-20T12:00", level="2"),
        happened("A", "call", "2024-01-25T12:00", level="3"),
    )
    assert look(log, "A", "2024-01-15")["dunning_level"] == 0
    seen = look(log, "A", "2024-01-30T12:00")
    assert (seen["dunning_level"], seen["n_letters"], seen["days_since_letter"]) == (2, 1, 10)
    assert (seen["n_contacts"], seen["days_since_contact"]) == (1, 5)


@pytest.mark.parametrize(
    ("when", "missed", "behind"),
    [
        ("2024-01-17", 0, 0),  # due today
        ("2024-01-20T23:59", 0, 3),  # the window's last day
        ("2024-01-21", 1, 4),
        ("2024-01-31", 1, 14),
        ("2024-02-04", 2, 18),
    ],
)
def test_a_letter_is_missed_from_the_end_of_its_window(when, missed, behind):
    seen = look(make_log(posted(due="2024-01-10")), "A", when)
    assert (seen["n_dunning_steps_missed"], seen["days_dunning_behind"]) == (missed, behind)


def test_a_letter_sent_late_was_missed_but_leaves_nothing_behind():
    log = make_log(posted(due="2024-01-10"), happened("A", "letter", "2024-01-24", level=1))
    seen = look(log, "A", "2024-01-25")
    assert (seen["n_dunning_steps_missed"], seen["days_dunning_behind"]) == (1, 0)


def test_a_letter_recorded_late_was_not_missed_from_then_on():
    letter = happened("A", "letter", "2024-01-18", level=1, recorded="2024-01-26T12:00")
    log = make_log(posted(due="2024-01-10"), letter)
    assert look(log, "A", "2024-01-26T11:59")["n_dunning_steps_missed"] == 1
    assert look(log, "A", "2024-01-26T12:00")["n_dunning_steps_missed"] == 0


def test_days_behind_stand_still_in_a_dispute():
    log = make_log(posted(due="2024-01-10"), happened("A", "dispute", "2024-01-22T12:00"))
    assert look(log, "A", "2024-03-01")["days_dunning_behind"] == 5


def test_without_a_due_date_no_letter_is_missed_or_behind():
    seen = look(make_log(posted()), "A", "2024-06-01")
    assert np.isnan([seen["n_dunning_steps_missed"], seen["days_dunning_behind"]]).all()


def test_at_posting_no_letter_is_missed_or_behind():
    seen = look(make_log(posted(due="2024-01-01")), "A", "2024-01-03")
    assert (seen["n_dunning_steps_missed"], seen["days_dunning_behind"]) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_missed_letters_equal_those_counted_midnight_by_midnight(seed):
    matrix, snapshots, log = matrix_of(seed), snapshots_of(seed), random_log(seed)
    found = [matrix.columns.index(n) for n in ("n_dunning_steps_missed", "days_dunning_behind")]
    n_missed = 0
    for i, values in enumerate(matrix.values[:, found].tolist()):
        at = int(snapshots.invoice[i]), int(snapshots.cutoff[i])
        if not np.isnan(values).any():
            expected = behind_by_definition(log, ledger_of(seed), POLICY, *at)
            assert tuple(values) == expected
            n_missed += expected[0]
    assert n_missed > 10


def test_days_in_dispute_include_the_open_one():
    log = make_log(
        posted(),
        happened("A", "dispute", "2024-01-10T12:00", reason="Price"),
        happened("A", "resolve", "2024-01-14T12:00"),
        happened("A", "dispute", "2024-01-20T12:00", reason="Quantity"),
    )
    between, after = look(log, "A", "2024-01-16"), look(log, "A", "2024-01-23T12:00")
    assert (between["n_disputes"], between["is_disputed"], between["days_in_dispute"]) == (1, 0, 4)
    assert (after["n_disputes"], after["is_disputed"], after["days_in_dispute"]) == (2, 1, 7)
    assert between["dispute_reason"] != after["dispute_reason"]


def test_a_promise_is_open_then_broken():
    log = make_log(
        posted(),
        happened("A", "promise", "2024-01-10T12:00", promised="2024-01-20"),
    )
    before, during, after = (look(log, "A", f"2024-01-{day}") for day in ("10", "15", "25"))
    assert (before["n_promises"], before["is_promise_open"]) == (0, 0)
    assert (during["n_promises"], during["is_promise_open"]) == (1, 1)
    assert during["days_to_promised_date"] == 5
    assert (after["is_promise_open"], after["n_promises_broken"]) == (0, 1)
    assert np.isnan(after["days_to_promised_date"])


def test_a_new_promise_reschedules_the_open_one():
    log = make_log(
        posted(),
        happened("A", "promise", "2024-01-10T12:00", promised="2024-01-20"),
        happened("A", "promise", "2024-01-18T12:00", promised="2024-01-30"),
    )
    seen = look(log, "A", "2024-01-25")
    assert (seen["n_promises"], seen["n_rescheduled"], seen["n_promises_broken"]) == (2, 1, 0)


def test_limit_requests_count_since_posting():
    def asked(when, customer="Acme"):
        return happened("", "ask_limit", when, limit=10.0, customer=customer)

    log = make_log(
        posted(customer="Acme"),
        asked("2024-01-02T12:00"),
        asked("2024-01-10T12:00"),
        asked("2024-01-20T12:00"),
        asked("2024-01-11T12:00", customer="Other"),
    )
    counts = [look(log, "A", f"2024-01-{day}")["n_limit_requests"] for day in ("05", "15", "25")]
    assert counts == [0, 1, 2]


def test_events_repeats_and_silence():
    log = make_log(
        posted(),
        happened("A", "call", "2024-01-10T12:00"),
        happened("A", "call", "2024-01-12T12:00"),
        happened("A", "remind", "2024-01-13T12:00"),
    )
    seen = look(log, "A", "2024-01-16T12:00")
    assert (seen["n_events"], seen["n_repeats"], seen["days_since_event"]) == (4, 1, 3)
    levels = whole_encoding(log).levels
    assert levels["last_activity"][int(seen["last_activity"])] == "Overdue Reminder Sent"
    assert levels["previous_activity"][int(seen["previous_activity"])] == "Collection Call Made"


def test_changed_due_dates_reopenings_and_agencies_are_counted():
    log = make_log(
        posted(due="2024-01-20"),
        happened("A", "note", "2024-01-05", due="2024-01-25"),
        happened("A", "note", "2024-01-06", due="2024-01-25"),
        happened("A", "pay", "2024-01-10", moved=100.0),
        happened("A", "reverse", "2024-01-12", moved=100.0),
        happened("A", "agency", "2024-01-15"),
    )
    seen = look(log, "A", "2024-01-20")
    assert (seen["n_due_changes"], seen["n_reopened"], seen["is_with_agency"]) == (1, 1, 1)


def test_an_event_counts_from_when_it_was_recorded():
    log = make_log(
        posted(),
        happened("A", "pay", "2024-01-10T12:00", moved=40.0, recorded="2024-01-15T12:00"),
    )
    assert look(log, "A", "2024-01-15T11:59")["balance"] == 100
    seen = look(log, "A", "2024-01-15T12:00")
    assert seen["balance"] == 60
    assert seen["days_since_payment"] == 5


def test_the_due_date_tells_its_calendar():
    seen = look(make_log(posted(due="2024-02-27")), "A", "2024-01-15")
    assert seen["due_weekday"] == 1
    assert seen["due_day_of_month"] == 27
    assert seen["due_days_to_month_end"] == 2


def test_amounts_are_in_the_reporting_currency():
    log = make_log(posted(currency="USD"), happened("B", "post", "2024-01-03", currency="EUR"))
    assert look(log, "A", "2024-01-15", rates=rates())["amount"] == 50


def test_a_currency_that_is_stated_later_is_not_known_before():
    log = make_log(posted(), happened("A", "note", "2024-01-10T12:00", currency="USD"))
    assert look(log, "A", "2024-01-10T11:59", rates=rates())["amount"] == 100
    assert look(log, "A", "2024-01-10T12:00", rates=rates())["amount"] == 50
    assert np.isnan(look(log, "A", "2024-01-10T11:59", rates=rates())["currency"])
