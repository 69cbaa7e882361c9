"""The dunning policy beside what was done: one fact an example, then a whole company."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from eventlog.conformance import (
    Conformance,
    Sent,
    Verdict,
    adherence,
    judge,
    sent_letters,
    worst_invoices,
)
from eventlog.conformance_tables import letter_table, required_table
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog, micros, timestamp
from eventlog.policy import Policy
from eventlog.rates import rates_for, rates_from_table
from eventlog.reader import log_from_frame
from eventlog.simulate import Company, rate_table, simulate
from eventlog.stated import NOT_STATED
from tests.builders import happened, make_log
from tests.eventlog.dunning_oracle import by_definition, names
from tests.eventlog.kpis.reading import table_of

#: Letters 7, 21 and 35 days past due, three days' tolerance.
POLICY = Policy()
#: The due date of every example: letters are due on 2024-01-17, 2024-01-31 and 2024-02-14.
DUE = "2024-01-10"


def posted(name: str = "A", **attributes):
    return happened(name, "post", "2023-12-10", **({"amount": 100.0, "due": DUE} | attributes))


def found_at(log: EventLog, when: str, policy: Policy = POLICY) -> Conformance:
    return judge(log, keep_ledger(log, policy), policy, micros(when))


def verdicts(log: EventLog, when: str, policy: Policy = POLICY) -> list[tuple[int, str, int]]:
    """Level, verdict and days of each letter that was called for."""
    rows = found_at(log, when, policy).required
    return list(zip(rows["level"], names(rows["verdict"], Verdict), rows["days"], strict=True))


def faults(log: EventLog, when: str = "2024-06-01", policy: Policy = POLICY) -> list[str]:
    return names(found_at(log, when, policy).sent["verdict"], Sent)


# When a letter is due


def test_no_letter_is_called_for_before_its_day():
    assert verdicts(make_log(posted()), "2024-01-16T23:59") == []


def test_a_letter_is_due_from_the_midnight_of_its_day():
    assert verdicts(make_log(posted()), "2024-01-17") == [(1, "NOT_YET", 0)]


def test_the_window_ends_with_the_last_day_of_the_tolerance():
    (row,) = found_at(make_log(posted()), "2024-01-18").required
    assert timestamp(row["due_at"]) == pd.Timestamp("2024-01-17")
    assert timestamp(row["deadline"]) == pd.Timestamp("2024-01-20 23:59:59.999999")


def test_once_the_window_is_over_the_letter_is_missing():
    log = make_log(posted())
    assert verdicts(log, "2024-01-20T23:59") == [(1, "NOT_YET", 3)]
    assert verdicts(log, "2024-01-21") == [(1, "MISSING", 4)]
    assert verdicts(log, "2024-02-01") == [(1, "MISSING", 15), (2, "NOT_YET", 1)]


def test_without_a_due_date_no_letter_is_called_for():
    assert verdicts(make_log(posted(due=None)), "2025-01-01") == []


def test_a_policy_without_letters_calls_for_none():
    log = make_log(posted(), happened("A", "letter", "2024-01-17", level=1))
    policy = Policy(dunning_days=())
    assert verdicts(log, "2025-01-01", policy) == []
    assert faults(log, policy=policy) == ["NOT_IN_POLICY"]


def test_a_letter_may_be_due_on_the_due_date_itself():
    policy = Policy(dunning_days=(0, 7), dunning_tolerance_days=0)
    log = make_log(posted(), happened("A", "letter", DUE, level=1))
    assert verdicts(log, "2024-01-09T23:59", policy) == []
    assert verdicts(log, "2024-01-10", policy) == [(1, "NOT_YET", 0)]
    assert verdicts(log, "2024-01-11", policy) == [(1, "ON_TIME", 0)]
    assert faults(log, policy=policy) == ["ON_TIME"]


def test_a_balance_below_the_smallest_calls_for_no_letter():
    log = make_log(posted(), happened("A", "pay", "2024-01-12", moved=60.0))
    assert verdicts(log, "2024-01-18", Policy(dunning_min_balance=40.0)) == [(1, "NOT_YET", 1)]
    assert verdicts(log, "2024-01-18", Policy(dunning_min_balance=40.01)) == []


def test_an_unknown_balance_calls_for_letters_and_is_left_out_of_the_money():
    log = make_log(posted(amount=None), posted("B"))
    found = found_at(log, "2024-01-25", Policy(dunning_min_balance=40.0))
    told = adherence(log, found, rates_for(log, None)).iloc[0]
    assert (told["missing"], told["n_balance_unknown"], told["balance"]) == (2, 1, 100.0)


def test_a_due_date_that_moves_moves_the_letters():
    log = make_log(posted(), happened("A", "note", "2024-01-18T12:00", due="2024-02-10"))
    assert verdicts(log, "2024-01-18T11:59") == [(1, "NOT_YET", 1)]
    assert verdicts(log, "2024-02-16T23:59") == []
    assert verdicts(log, "2024-02-17") == [(1, "NOT_YET", 0)]


def test_a_letter_sent_in_time_stays_so_when_the_due_date_moves():
    log = make_log(
        posted(),
        happened("A", "letter", "2024-01-18", level=1),
        happened("A", "note", "2024-01-20T12:00", due="2024-02-10"),
    )
    assert verdicts(log, "2024-02-20") == [(1, "ON_TIME", 1)]


def test_nothing_is_asked_before_the_due_date_was_known():
    log = make_log(posted(due=None), happened("A", "note", "2024-03-01T12:00", due=DUE))
    assert verdicts(log, "2024-03-07") == []
    assert verdicts(log, "2024-03-08") == [(1, "NOT_YET", 0)]


# What became of it


@pytest.mark.parametrize(
    ("day", "verdict", "days"),
    [
        ("2024-01-15", "EARLY", -2),
        ("2024-01-17", "ON_TIME", 0),
        ("2024-01-20", "ON_TIME", 3),
        ("2024-01-21", "LATE", 4),
    ],
)
def test_a_letter_is_judged_by_the_day_it_was_sent(day, verdict, days):
    log = make_log(posted(), happened("A", "letter", day, level=1))
    assert verdicts(log, "2024-01-22") == [(1, verdict, days)]
    (sent,) = found_at(log, "2024-01-22").sent
    assert (Sent(sent["verdict"]).name, sent["days"]) == (verdict, days)


def test_a_higher_letter_in_its_place_skips_one():
    log = make_log(posted(), happened("A", "letter", "2024-01-31", level=2))
    assert verdicts(log, "2024-01-30") == [(1, "MISSING", 13)]
    assert verdicts(log, "2024-02-01") == [(1, "SKIPPED", 14), (2, "ON_TIME", 0)]


def test_a_level_above_the_policy_skips_what_lies_below():
    log = make_log(posted(), happened("A", "letter", "2024-01-18", level=5))
    assert verdicts(log, "2024-01-19") == [(1, "SKIPPED", 1)]
    assert faults(log) == ["NOT_IN_POLICY"]


def test_letters_without_a_level_count_up():
    log = make_log(
        posted(), happened("A", "letter", "2024-01-17"), happened("A", "letter", "2024-01-31")
    )
    assert verdicts(log, "2024-02-01") == [(1, "ON_TIME", 0), (2, "ON_TIME", 0)]


def test_an_invoice_closed_within_the_window_needs_no_letter():
    log = make_log(posted(), happened("A", "pay", "2024-01-19", moved=100.0))
    assert verdicts(log, "2024-03-01") == [(1, "VOID", 2)]


def test_a_balance_that_falls_below_the_smallest_in_the_window_needs_no_letter():
    log = make_log(posted(), happened("A", "pay", "2024-01-19", moved=60.0))
    assert verdicts(log, "2024-03-01", Policy(dunning_min_balance=50.0)) == [(1, "VOID", 2)]


def test_a_letter_about_a_paid_invoice_counts_once_the_payment_bounces():
    log = make_log(
        posted(),
        happened("A", "pay", "2024-01-15T12:00", moved=100.0),
        happened("A", "letter", "2024-01-18", level=1),
        happened("A", "reverse", "2024-01-25T12:00", moved=100.0),
    )
    assert verdicts(log, "2024-01-27") == [(1, "EARLY", -2)]  # due on the 27th
    assert faults(log) == ["NOT_OPEN"]


def test_an_invoice_closed_after_the_window_still_lacks_its_letter():
    log = make_log(posted(), happened("A", "pay", "2024-01-25", moved=100.0))
    assert verdicts(log, "2024-03-01") == [(1, "MISSING", 8)]


def test_the_first_letter_of_a_level_counts_and_the_next_is_repeated():
    log = make_log(
        posted(),
        happened("A", "letter", "2024-01-17", level=1),
        happened("A", "letter", "2024-01-25", level=1),
    )
    assert verdicts(log, "2024-01-26") == [(1, "ON_TIME", 0)]
    assert faults(log) == ["ON_TIME", "REPEATED"]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "NOT_OVERDUE"),
        ([happened("A", "pay", "2024-01-03", moved=100.0)], "NOT_OPEN"),
    ],
)
def test_a_letter_about_what_is_not_owed_or_not_yet_has_no_basis(rows, fault):
    log = make_log(posted(), *rows, happened("A", "letter", DUE, level=1))
    assert faults(log) == [fault]


def test_a_letter_before_the_invoice_is_known_has_no_basis():
    log = make_log(posted(recorded="2024-02-01"), happened("A", "letter", "2024-01-20", level=1))
    assert faults(log) == ["NOT_OPEN"]


# Pauses


def disputed(since="2024-01-15", until="2024-01-25"):
    return [
        happened("A", "dispute", f"{since}T12:00"),
        happened("A", "resolve", f"{until}T12:00"),
    ]


def test_the_clock_stands_still_in_a_dispute():
    log = make_log(posted(), *disputed())  # five days past due, then ten days of dispute
    assert verdicts(log, "2024-01-26T23:59") == []
    assert verdicts(log, "2024-01-27") == [(1, "NOT_YET", 0)]
    assert verdicts(log, "2024-02-10") == [(1, "MISSING", 14), (2, "NOT_YET", 0)]


def test_a_window_that_a_dispute_interrupts_goes_on_after_it():
    log = make_log(posted(), *disputed("2024-01-18", "2024-01-28"))
    (row,) = found_at(log, "2024-01-20").required
    assert (Verdict(row["verdict"]).name, row["days"]) == ("PAUSED", 1)
    assert np.isnat(required_table(log, found_at(log, "2024-01-20"))["deadline"].to_numpy()[0])
    assert verdicts(log, "2024-01-30T23:59") == [(1, "NOT_YET", 3)]
    assert verdicts(log, "2024-01-31") == [(1, "MISSING", 4)]


def test_the_clock_stands_still_while_a_promise_is_open():
    log = make_log(posted(), happened("A", "promise", "2024-01-15T12:00", promised="2024-01-22"))
    assert verdicts(log, "2024-01-27") == [(1, "NOT_YET", 0)]  # broken at the end of the 25th


def test_what_pauses_dunning_is_policy():
    log = make_log(posted(), *disputed(), happened("A", "agency", "2024-02-20T12:00"))
    without = Policy(dunning_paused_by=())
    assert verdicts(log, "2024-01-17", without) == [(1, "NOT_YET", 0)]
    agency = Policy(dunning_paused_by=("agency",))
    assert verdicts(log, "2024-12-31", agency)[-1] == (3, "MISSING", 6)
    assert verdicts(log, "2024-12-31", without)[-1] == (3, "MISSING", 321)


def test_a_letter_in_a_pause_is_sent_against_the_policy():
    log = make_log(posted(), *disputed(), happened("A", "letter", "2024-01-20", level=1))
    assert faults(log) == ["PAUSED"]
    assert faults(log, policy=Policy(dunning_paused_by=())) == ["ON_TIME"]


def test_a_letter_on_the_day_that_ends_a_dispute_is_not_sent_in_it():
    log = make_log(
        posted(),
        happened("A", "dispute", "2024-01-18"),
        happened("A", "resolve", "2024-01-20"),
        happened("A", "letter", "2024-01-20", level=1),
    )
    assert faults(log) == ["ON_TIME"]


# What is recorded late


def test_a_letter_recorded_late_corrects_the_verdict_from_then_on():
    letter = happened("A", "letter", "2024-01-18", level=1, recorded="2024-02-05T12:00")
    log = make_log(posted(), letter)
    assert verdicts(log, "2024-01-30") == [(1, "MISSING", 13)]
    assert verdicts(log, "2024-02-05T12:00")[0] == (1, "ON_TIME", 1)


def test_a_payment_recorded_late_excuses_the_letter_from_then_on():
    pay = happened("A", "pay", "2024-01-18", moved=100.0, recorded="2024-01-28T12:00")
    log = make_log(posted(), pay)
    assert verdicts(log, "2024-01-28T11:59:59.999999") == [(1, "MISSING", 11)]
    assert verdicts(log, "2024-01-28T12:00") == [(1, "VOID", 1)]


def test_a_dispute_recorded_late_excuses_the_letter_from_then_on():
    dispute = happened("A", "dispute", "2024-01-15", recorded="2024-01-28T12:00")
    log = make_log(posted(), dispute)
    assert verdicts(log, "2024-01-28") == [(1, "MISSING", 11)]
    assert verdicts(log, "2024-01-28T12:00") == []


def test_nobody_is_blamed_for_a_letter_whose_dispute_was_recorded_after_it():
    log = make_log(
        posted(),
        happened("A", "dispute", "2024-01-15", recorded="2024-01-28T12:00"),
        happened("A", "letter", "2024-01-18", level=1),
    )
    assert faults(log) == ["ON_TIME"]


def test_the_days_between_a_payment_and_its_reversal_do_not_count():
    log = make_log(
        posted(),
        happened("A", "pay", "2024-01-12T12:00", moved=100.0),
        happened("A", "reverse", "2024-02-01T12:00", moved=100.0),
    )
    assert verdicts(log, "2024-02-05") == []
    assert verdicts(log, "2024-02-06") == [(1, "NOT_YET", 0)]  # two days before, five after


# Totals


def four_invoices() -> EventLog:
    return make_log(
        posted("A", segment="Large", CollectorAssigned="Jo"),
        happened("A", "letter", "2024-01-17", level=1, CollectorAssigned="Kim"),
        posted("B", segment="Large", amount=300.0),
        happened("B", "letter", "2024-01-25", level=1),
        posted("C", segment="Small", amount=50.0),
        happened("C", "pay", "2024-01-12", moved=10.0),
        posted("D", segment="Small", due="2023-12-20", amount=500.0),
        happened("D", "letter", "2024-01-10", level=2),
    )


def test_adherence_is_the_share_on_time_of_what_is_decided():
    log = four_invoices()
    told = adherence(log, found_at(log, "2024-01-28"), rates_for(log, None)).iloc[0]
    counts = told[["required", "on_time", "early", "late", "skipped", "missing", "not_yet"]]
    assert counts.tolist() == [6, 2, 0, 1, 1, 2, 0]
    assert told["adherence"] == pytest.approx(2 / 6)
    assert told["balance"] == 100 + 300 + 40 + 3 * 500
    assert told["adherence_of_balance"] == pytest.approx(600 / 1940)
    assert told["mean_days_late"] == 8
    assert told["money_days"] == 300 * 8 + 40 * 11 + 500 * 4


def test_groups_add_up_to_the_whole():
    log = four_invoices()
    found = found_at(log, "2024-01-28")
    whole = adherence(log, found, rates_for(log, None)).iloc[0]
    for by in ("level", "segment", "collector", "month"):
        parts = adherence(log, found, rates_for(log, None), by)
        for name in ("required", "on_time", "missing", "decided", "balance", "money_days"):
            assert parts[name].sum() == pytest.approx(whole[name])
    parts = adherence(log, found, rates_for(log, None), "segment")
    assert parts["segment"].tolist() == ["Large", "Small"]
    assert parts["required"].tolist() == [2, 4]
    assert adherence(log, found, rates_for(log, None), "month")["month"].tolist() == [
        "2023-12",
        "2024-01",
    ]


def test_a_collector_answers_for_what_became_due_under_them():
    log = four_invoices()
    told = adherence(log, found_at(log, "2024-01-28"), rates_for(log, None), "collector")
    assert told["collector"].tolist() == ["Jo", "Kim"]  # the customer's, where B, C, D state none
    assert told["on_time"].tolist() == [2, 0]
    sent = sent_letters(log, found_at(log, "2024-01-28"), "collector")
    assert dict(zip(sent["collector"], sent["letters"], strict=True)) == {"Jo": 1, "Kim": 2}


def test_collectors_are_those_of_the_kpi():
    log = make_log(
        posted("A", customer="Acme"),
        happened("A", "letter", "2024-01-17", level=1, customer="Acme"),
        posted("B", customer="Acme", CollectorAssigned="Jo", due="2024-12-01"),
        posted("C", customer="Bolt", due="2024-01-09"),
        happened("C", "letter", "2024-01-25", level=1, customer="Bolt"),
        happened("D", "post", "2024-01-12", customer="Bolt", CollectorAssigned="Kim"),
        posted("E", customer="Coil"),
        happened("F", "post", "2024-03-01", customer="Coil", CollectorAssigned="Lee"),
        happened("A", "note", "2024-02-03", CollectorAssigned="Max", customer="Acme"),
    )
    told = adherence(log, found_at(log, "2024-02-01"), rates_for(log, None), "collector")
    assert told["collector"].tolist() == ["Jo", "Kim", NOT_STATED]
    kpi = table_of(log, "2024-02-01", "dunning_adherence", by=("collector",), months=1)
    kpi = kpi[(kpi["dimension"] == "collector") & (kpi["part"] == "all")]
    assert kpi["group"].tolist() == told["collector"].tolist()
    np.testing.assert_array_equal(kpi["value"], told["adherence"])
    np.testing.assert_array_equal(kpi["denominator"], told["decided"])


def test_without_the_column_nobody_is_named():
    log = make_log(posted())
    told = adherence(log, found_at(log, "2024-02-01"), rates_for(log, None), "segment")
    assert told["segment"].tolist() == [NOT_STATED]


def test_several_currencies_are_added_at_the_rate_of_the_due_day():
    log = make_log(posted(currency="USD"), posted("B", currency="EUR"))
    table = pd.DataFrame(
        {"currency": ["USD", "USD"], "date": ["2023-01-01", "2024-01-18"], "rate": ["0.5", "9"]}
    )
    told = adherence(log, found_at(log, "2024-01-25"), rates_from_table(table, "EUR")).iloc[0]
    assert told["balance"] == 150


def test_the_worst_invoice_has_the_most_money_days():
    log = four_invoices()
    worst = worst_invoices(log, found_at(log, "2024-01-28"), rates_for(log, None), 1)
    assert worst.to_dict("records") == [
        {
            "company": "",
            "invoice": "B",
            "customer": "Acme",
            "late": 1,
            "missing": 0,
            "days": 8,
            "balance": 300.0,
            "money_days": 2400.0,
        }
    ]


def test_a_log_without_invoices_that_are_due_gives_empty_tables():
    log = make_log(posted(due=None))
    found = found_at(log, "2024-06-01")
    assert np.isnan(adherence(log, found, rates_for(log, None))["adherence"].item())
    assert len(adherence(log, found, rates_for(log, None), "segment")) == 0
    assert len(required_table(log, found)) == len(letter_table(log, found)) == 0
    assert len(worst_invoices(log, found, rates_for(log, None), 5)) == 0


# A whole company

COMPANY = Company(n_invoices=1000, months=12, share_late=0.4, share_very_late=0.2)


@cache
def company() -> tuple[pd.DataFrame, EventLog]:
    frame = simulate(COMPANY, seed=3)
    return frame, log_from_frame(frame)[0]


def test_the_company_is_judged_as_by_definition():
    _, log = company()
    ledger = keep_ledger(log, POLICY)
    rows, sent = by_definition(log, ledger, POLICY, log.ends_at)
    found = judge(log, ledger, POLICY, log.ends_at)
    assert len(rows) > 100
    told = zip(
        found.required["invoice"],
        found.required["level"],
        names(found.required["verdict"], Verdict),
        found.required["days"],
        strict=True,
    )
    assert list(told) == [row[:4] for row in rows]
    assert names(found.sent["verdict"], Sent) == [verdict for *_, verdict in sent]


def test_enterprises_get_their_letters_a_week_after_the_policy():
    _, log = company()
    rates = rates_from_table(rate_table(COMPANY, 3).astype(str), "EUR")
    told = adherence(log, found_at(log, str(timestamp(log.ends_at))), rates, "segment")
    late = (told["late"] / told["decided"]).set_axis(told["segment"])
    assert late["Enterprise"] > 3 * late["Mid-Market"]


def test_who_writes_as_letters_fall_due_keeps_the_policy_entirely():
    frame, log = company()
    until = timestamp(log.ends_at)
    due = required_table(log, found_at(log, str(until)))
    written = pd.DataFrame(
        {
            "CompanyCode": due["company"],
            "InvoiceNumber": due["invoice"],
            "ActivityName": "Dunning Letter Generated",
            "EventTime": due["due_at"] + pd.Timedelta(minutes=1),
            "DunningLevel": due["level"],
        }
    )
    others = frame.loc[frame["ActivityName"] != "Dunning Letter Generated"].astype(
        {"ActivityName": object, "InvoiceNumber": object, "CompanyCode": object}
    )
    both = pd.concat([others, written.reindex(columns=frame.columns)], ignore_index=True)
    rewritten, _ = log_from_frame(both)
    found = found_at(rewritten, str(until))
    assert len(found.required) == len(found.sent) == len(due)
    assert set(names(found.required["verdict"], Verdict)) == {"ON_TIME"}
    assert set(names(found.sent["verdict"], Sent)) == {"ON_TIME"}
