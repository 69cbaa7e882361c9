"""Bottlenecks, repeats, what was taken back, and work by hand."""

from __future__ import annotations

import numpy as np
import pytest

from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.process.bottlenecks import bottlenecks
from eventlog.process.history import history_of
from eventlog.process.process_map import STILL_OPEN, process_map
from eventlog.process.rework import Rework, rework
from eventlog.template import DUE_DATE_PASSED
from tests.builders import SHORT, happened, make_log


def two_invoices(**users: str) -> EventLog:
    def by(name: str) -> dict[str, str]:
        return {"UserId": users[name]} if users else {}

    return make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-31", **by("biller")),
        happened("A", "call", "2024-02-05", **by("collector")),
        happened("A", "letter", "2024-02-10", **by("program")),
        happened("A", "call", "2024-02-15", **by("collector")),
        happened("A", "call", "2024-02-20", **by("collector")),
        happened("A", "pay", "2024-02-25", moved=100, due="2024-02-28", **by("program")),
        happened("A", "reverse", "2024-02-28", moved=100, **by("collector")),
        happened("A", "pay", "2024-03-10", moved=100, **by("program")),
        happened("B", "post", "2024-01-01", amount=300, due="2024-03-05", **by("biller")),
        happened("B", "pay", "2024-01-11", moved=300, **by("program")),
    )


def found_in(log: EventLog, *automatic: str) -> Rework:
    history = history_of(log, micros("2024-03-31"), Policy())
    return rework(history, log, automatic) if automatic else rework(history, log)


USERS = {"biller": "anna", "collector": "emily", "program": "BATCH01"}


def test_repeats_are_those_beyond_the_first_directly_or_later() -> None:
    found = found_in(two_invoices())
    repeats = found.repeats.set_index("activity")
    calls = repeats.loc[SHORT["call"]]
    assert (calls["repeats"], calls["directly"], calls["returns"]) == (2, 1, 1)
    assert (calls["invoices"], calls["share_invoices"]) == (1, 0.5)
    assert repeats.loc[SHORT["pay"], "repeats"] == 1
    assert found.n_repeating == 1
    assert SHORT["letter"] not in repeats.index


def test_reopened_reversed_and_changed_due_dates_are_counted_by_invoice() -> None:
    found = found_in(two_invoices())
    assert (found.reopened, found.reversed, found.due_date_changed) == (1, 1, 1)
    assert (found.disputed, found.n_invoices) == (0, 2)


def test_people_are_told_from_programs_by_the_user() -> None:
    found = found_in(two_invoices(**USERS))
    assert (found.basis, found.programs) == ("user", ("BATCH01",))
    assert found.per_invoice.tolist() == [5, 1]
    assert found.follow_up.tolist() == [4, 0]
    assert (found.n_closed, found.n_touch_free, found.n_no_follow_up) == (2, 0, 1)
    touches = found.touches.set_index("activity")
    assert touches.loc[SHORT["call"], ["people", "programs", "unknown"]].tolist() == [3, 0, 0]
    assert DUE_DATE_PASSED not in touches.index


def test_which_users_are_programs_can_be_said() -> None:
    found = found_in(two_invoices(**USERS), "ann?", "batch*")
    assert found.programs == ("BATCH01", "anna")
    assert (found.n_touch_free, found.per_invoice.tolist()) == (1, [4, 0])


def test_an_event_without_a_user_in_a_log_with_users_makes_no_invoice_touch_free() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=10, UserId="batch"),
        happened("A", "pay", "2024-01-05", moved=10, UserId=None),
    )
    found = found_in(log)
    assert (found.n_closed, found.n_touch_free, found.per_invoice.tolist()) == (1, 0, [0])
    assert found.touches["unknown"].sum() == 1


def test_without_any_user_the_activity_tells_and_unknown_activities_stay_unknown() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=10),
        happened("A", "call", "2024-01-03"),
        happened("A", "Rubber Stamped", "2024-01-04"),
        happened("A", "pay", "2024-01-05", moved=10),
    )
    found = found_in(log)
    assert (found.basis, found.per_invoice.tolist()) == ("activity", [1])
    touches = found.touches.set_index("activity")
    assert touches.loc["Rubber Stamped", "unknown"] == 1
    assert touches.loc[SHORT["pay"], "programs"] == 1


def test_months_count_events_and_the_closed_invoices_nobody_followed_up() -> None:
    months = found_in(two_invoices(**USERS)).by_month.set_index("month")
    january, march = months.loc["2024-01-01"], months.loc["2024-03-01"]
    assert (january["people"], january["programs"], january["closed"]) == (2, 1, 1)
    assert (january["no_follow_up"], january["share_no_follow_up"]) == (1, 1.0)
    assert (march["closed"], march["no_follow_up"]) == (1, 0)
    assert np.isnan(months.loc["2024-02-01", "share_no_follow_up"])


def test_bottlenecks_are_ranked_by_money_days_with_their_cost() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-01-31"),
        happened("A", "pay", "2024-02-10 00:00:01", moved=100),
        happened("B", "post", "2024-01-01", amount=50, due="2024-01-11"),
    )
    found = process_map(history_of(log, micros("2024-02-11"), Policy()))
    table = bottlenecks(found, annual_rate=0.365)
    assert table["from"].tolist() == [SHORT["post"], DUE_DATE_PASSED, DUE_DATE_PASSED]
    first = table.iloc[0]
    assert first["money_days"] == pytest.approx(100 * 31 + 50 * 11)
    assert first["cost"] == pytest.approx(3.65)
    assert table["cumulative_share"].iloc[-1] == pytest.approx(1)
    overdue = bottlenecks(found, annual_rate=0.365, overdue=True)
    assert overdue["to"].tolist() == [STILL_OPEN, SHORT["pay"]]
    assert overdue["money_days"].tolist() == pytest.approx([50 * 30, 100 * 9], rel=1e-4)
    assert overdue["is_waiting"].tolist() == [True, False]


def test_where_nothing_waits_there_is_no_bottleneck() -> None:
    log = make_log(happened("A", "post", "2024-01-01"))
    found = process_map(history_of(log, log.ends_at, Policy()))
    assert len(bottlenecks(found, 0.08)) == 0
