"""The canonical log: order, codes, owners, times, units, and the log as it stood at a cutoff."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.known import known_by
from eventlog.log import (
    DAY,
    END_OF_DAY,
    NONE,
    Column,
    EventLog,
    build_log,
    datetimes,
    micros,
    timestamp,
    units,
)
from eventlog.reader import log_from_frame
from eventlog.template import DUE_DATE_PASSED, Role
from tests.builders import frames, happened, logs, make_log

quick = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def told(log: EventLog) -> list[tuple[str, str]]:
    """Invoice and activity of each event, in the order of the log."""
    names = [*log.invoice_keys["invoice"], ""]
    return [(names[i], log.activities[a]) for i, a in zip(log.invoice, log.activity, strict=True)]


# Order


def test_events_of_an_invoice_stand_in_the_order_in_which_they_became_known() -> None:
    log = make_log(
        happened("A", "pay", "2024-02-01", recorded="2024-03-01"),
        happened("A", "call", "2024-02-10"),
        happened("A", "post", "2024-01-01", amount=100),
    )
    assert [name for _, name in told(log)] == [
        "Invoice Posted and Sent",
        "Collection Call Made",
        "Payment Received",
    ]


def test_what_became_known_at_once_stands_in_the_order_in_which_it_happened() -> None:
    recorded = "2024-03-01 08:00"
    log = make_log(
        happened("A", "pay", "2024-02-01", recorded=recorded),
        happened("A", "call", "2024-01-10", recorded=recorded),
    )
    assert [name for _, name in told(log)] == ["Collection Call Made", "Payment Received"]


def test_what_happened_at_once_stands_in_the_order_of_its_roles() -> None:
    names = ["settle", "pay", "generate", "lose", "promise", "dispute", "letter", "book"]
    log = make_log(*[happened("A", name, "2024-01-01 10:00") for name in names])
    roles = [Role(role) for role in log.role]
    assert roles == sorted(roles)
    assert (roles[0], roles[-1]) == (Role.GENERATED, Role.SETTLED)


def test_invoices_stand_side_by_side_within_their_customer_and_customers_alone_come_first() -> None:
    log = make_log(
        happened("B", "post", "2024-01-01", customer="Acme"),
        happened("C", "post", "2024-01-02", customer="Zeta"),
        happened("A", "post", "2024-01-03", customer="Zeta"),
        happened("", "call", "2024-05-01", customer="Zeta"),
    )
    assert [invoice for invoice, _ in told(log)] == ["B", "", "A", "C"]
    assert log.invoice_starts.tolist() == [0, 1, 2, 3]
    assert log.of_customer_alone.tolist() == [1]


@quick
@given(frames(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_but_row_numbers(
    frame: pd.DataFrame, random: Random
) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    log, other = (log_from_frame(rows)[0] for rows in (frame, frame.iloc[order]))
    assert log.fingerprint == other.fingerprint
    assert log.invoice_keys.equals(other.invoice_keys)
    np.testing.assert_array_equal(log.invoice_customer, other.invoice_customer)


def test_rows_alike_in_all_but_what_they_state_stand_in_the_same_order_in_any_file() -> None:
    rows = [happened("A", "note", "2024-01-01", due=day) for day in ("2024-03-01", "2024-02-01")]
    for order in (rows, rows[::-1]):
        due = make_log(*order).times("PaymentDueDate")
        assert due.tolist() == [micros("2024-02-01"), micros("2024-03-01")]


def test_the_row_of_the_source_is_kept_beside_each_event() -> None:
    log = make_log(happened("A", "pay", "2024-02-01"), happened("A", "post", "2024-01-01"))
    assert log.row.tolist() == [1, 0]


def test_a_log_cannot_be_written_to() -> None:
    log = make_log(happened("A", "post", "2024-01-01"))
    for values in (log.invoice, log.customer, log.activity, log.event_time, log.known_at, log.row):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


# Whose events they are


def test_an_invoice_belongs_to_the_customer_that_its_first_known_row_names() -> None:
    rows = [
        happened("A", "pay", "2024-02-01", customer="Zeta"),
        happened("A", "post", "2024-01-01", customer=None),
        happened("A", "call", "2024-01-05", customer="Acme"),
    ]
    for order in (rows, rows[::-1]):
        log = make_log(*order)
        owner = log.customer_keys["customer"].iloc[log.invoice_customer[0]]
        assert owner == "Acme"
        assert set(log.customer.tolist()) == {int(log.invoice_customer[0])}


def test_an_invoice_that_never_names_a_customer_stands_for_its_own() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", customer=None),
        happened("B", "post", "2024-01-01", customer="Acme"),
    )
    names = log.customer_keys["customer"].iloc[log.invoice_customer]
    assert dict(zip(log.invoice_keys["invoice"], names, strict=True)) == {
        "A": "invoice A",
        "B": "Acme",
    }


def test_companies_keep_equal_invoices_and_customers_apart() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", company="DE01"),
        happened("A", "post", "2024-01-01", company="US01"),
    )
    assert log.invoice_keys["company"].tolist() == ["DE01", "US01"]
    assert (log.n_invoices, log.n_customers) == (2, 2)


# Times


def test_issuing_dates_stand_at_the_start_of_their_day_and_others_at_its_end() -> None:
    day = micros("2024-01-05")
    for what in ("generate", "post"):
        assert make_log(happened("A", what, "2024-01-05")).known_at.tolist() == [day]
    for what in ("pay", "letter", "dispute", "promise", "credit", "Moon Phase Changed"):
        assert make_log(happened("A", what, "2024-01-05")).known_at.tolist() == [day + END_OF_DAY]


def test_a_time_stands_as_it_is() -> None:
    log = make_log(happened("A", "pay", "2024-01-05 00:00:00.000001"))
    assert log.event_time.tolist() == [micros("2024-01-05") + 1]


def test_an_event_is_known_at_the_later_of_its_time_and_its_recording() -> None:
    log = make_log(
        happened("A", "pay", "2024-01-05 10:00", recorded="2024-01-09 08:00"),
        happened("B", "pay", "2024-01-05 10:00", recorded="2024-01-02 08:00"),
        happened("C", "pay", "2024-01-05 10:00", recorded=None),
    )
    known = ["2024-01-09 08:00", "2024-01-05 10:00", "2024-01-05 10:00"]
    assert log.known_at.tolist() == [micros(moment) for moment in known]
    assert (log.event_time == micros("2024-01-05 10:00")).all()


def test_a_recording_date_without_a_time_stands_as_the_event_would() -> None:
    log = make_log(
        happened("A", "post", "2024-01-05", recorded="2024-01-09"),
        happened("A", "pay", "2024-01-07", recorded="2024-01-09"),
    )
    assert log.known_at.tolist() == [micros("2024-01-09"), micros("2024-01-10") - 1]


def test_a_log_ends_with_what_became_known_last() -> None:
    log = make_log(happened("A", "pay", "2024-01-05 10:00", recorded="2024-01-09 08:00"))
    assert log.ends_at == micros("2024-01-09 08:00")


def test_stated_passings_of_the_due_date_are_left_out() -> None:
    two = np.array([0, 0], dtype=np.int32)
    log = build_log(
        invoice=Column("level", two, ("A",)),
        customer=Column("level", two - 1),
        activity=Column("level", np.array([0, 1]), (DUE_DATE_PASSED, "Invoice Posted and Sent")),
        event_time=np.array([micros("2024-02-01"), micros("2024-01-01")]),
        columns={"Score": Column("number", np.array([1.0, 2.0]))},
    )
    assert log.activities == ("Invoice Posted and Sent",)
    assert (log.row.tolist(), log.columns["Score"].values.tolist()) == ([1], [2.0])


# The log as it stood


def test_the_log_up_to_a_cutoff_holds_what_was_known_then_and_ends_then() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100),
        happened("A", "call", "2024-01-05 10:00"),
        happened("A", "pay", "2024-01-03 10:00", recorded="2024-01-05 10:00:00.000001"),
    )
    cut = log.upto(micros("2024-01-05 10:00"))
    assert [name for _, name in told(cut)] == ["Invoice Posted and Sent", "Collection Call Made"]
    assert cut.ends_at == micros("2024-01-05 10:00")
    assert cut.row.tolist() == [0, 1]
    assert len(cut.money("InvoiceAmount")) == 2


def test_a_cutoff_after_the_end_leaves_the_log_as_it_is() -> None:
    log = make_log(happened("A", "post", "2024-01-01"))
    assert log.upto(micros("2030-01-01")).ends_at == log.ends_at


def test_codes_keep_their_meaning_in_a_log_that_was_cut() -> None:
    log = make_log(happened("A", "post", "2024-03-01"), happened("B", "post", "2024-01-01"))
    cut = log.upto(micros("2024-02-01"))
    assert cut.invoice_keys is log.invoice_keys
    assert told(cut) == [("B", "Invoice Posted and Sent")]
    assert cut.invoice_starts.tolist() == [0, 0, 1]


@quick
@given(logs(), st.data())
def test_cutting_keeps_exactly_the_events_known_at_the_cutoff(
    log: EventLog, data: st.DataObject
) -> None:
    cutoff = int(data.draw(st.sampled_from(log.known_at.tolist()))) + data.draw(st.integers(-1, 1))
    assert sorted(log.upto(cutoff).row) == sorted(log.row[known_by(log.known_at, cutoff)])
    assert (log.upto(cutoff).known_at <= cutoff).all()


@quick
@given(logs(), st.data())
def test_cutting_twice_is_cutting_at_the_earlier_cutoff(log: EventLog, data: st.DataObject) -> None:
    one, other = (int(data.draw(st.sampled_from(log.known_at.tolist()))) for _ in range(2))
    twice, once = log.upto(one).upto(other), log.upto(min(one, other))
    assert twice.fingerprint == once.fingerprint
    assert twice.ends_at == once.ends_at


# Columns, units, fingerprints


def test_a_column_that_the_log_lacks_states_nothing() -> None:
    log = make_log(happened("A", "post", "2024-01-01"))
    assert log.money("PaymentAmount").tolist() == [NONE]
    assert log.times("PaymentDueDate").tolist() == [NONE]


def test_money_is_kept_exactly_in_ten_thousandths() -> None:
    log = make_log(happened("A", "post", "2024-01-01", amount=1234.56))
    assert log.money("InvoiceAmount").tolist() == [12_345_600]


@pytest.mark.parametrize(
    ("column", "stated"),
    [
        (Column("money", np.array([0, NONE])), [True, False]),
        (Column("time", np.array([0, NONE])), [True, False]),
        (Column("number", np.array([0.0, np.nan])), [True, False]),
        (Column("level", np.array([0, -1], dtype=np.int32), ("x",)), [True, False]),
    ],
)
def test_a_column_knows_where_it_states_something(column: Column, stated: list[bool]) -> None:
    assert column.stated().tolist() == stated


def test_a_column_can_be_taken_by_position_and_by_mask() -> None:
    column = Column("level", np.array([0, 1, -1], dtype=np.int32), ("x", "y"))
    assert column.take(np.array([2, 0])).values.tolist() == [-1, 0]
    assert column.take(np.array([False, True, False])).values.tolist() == [1]
    assert column.take(np.array([0])).levels == ("x", "y")


@pytest.mark.parametrize(
    "moment",
    ["1970-01-02", pd.Timestamp("1970-01-02"), pd.Timestamp("1970-01-02 01:00", tz="Europe/Rome")],
)
def test_moments_count_microseconds_in_utc(moment: object) -> None:
    assert micros(moment) == DAY


def test_a_moment_and_its_timestamp_are_each_others_inverse() -> None:
    stamp = pd.Timestamp("2024-02-29 12:34:56.789012")
    assert timestamp(micros(stamp)) == stamp


def test_what_is_not_stated_is_missing_when_shown() -> None:
    assert units(np.array([15_000, NONE])).tolist()[0] == 1.5
    assert np.isnan(units(np.array([NONE])))[0]
    assert np.isnat(datetimes(np.array([NONE])))[0]


def test_equal_logs_have_one_fingerprint_and_a_cent_changes_it() -> None:
    prints = [
        make_log(happened("A", "post", "2024-01-01", amount=amount)).fingerprint
        for amount in (100, 100, 100.01)
    ]
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0]) == 16
