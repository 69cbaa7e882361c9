"""The time line's HTML and the balance chart, drawn from an invoice's events."""

import pandas as pd

from eventlog.template import ACTIVITIES
from tests.serving.scored import CUTOFF
from tests.ui.conftest import events_of
from ui.charts import balance_chart
from ui.timeline import COLOURS, event_kinds, timeline


def test_texts_of_the_log_are_escaped():
    events = events_of("USMF", "INV-1").assign(activity="<script>x</script>")
    shown = timeline(events, CUTOFF, "<EUR>")
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "level &lt;1&gt;" in shown
    assert "<EUR>" not in shown


def test_the_first_event_has_no_gap_before_it():
    shown = timeline(events_of("USMF", "INV-1").head(1), CUTOFF, "EUR")
    assert "later" not in shown
    assert "same time" not in shown


def test_events_at_one_moment_say_so():
    events = events_of("USMF", "INV-1").assign(gap_days=0.0)
    assert "at the same time" in timeline(events, CUTOFF, "EUR")


def test_missing_amounts_and_balances_leave_no_trace():
    events = events_of("USMF", "INV-1").assign(
        amount=float("nan"), balance=float("nan"), detail=None
    )
    shown = timeline(events, CUTOFF, None)
    for raw in ("nan", "None", "NaT", "balance"):
        assert raw not in shown


def test_every_activity_of_the_template_has_a_colour():
    kinds = event_kinds(pd.Series([activity.name for activity in ACTIVITIES]))
    assert set(kinds) <= set(COLOURS)
    others = pd.Series(["Promise Broken", "Something Of Our Own"])
    assert event_kinds(others).tolist() == ["promise", "other"]


def test_the_balance_runs_on_to_the_cutoff():
    chart = balance_chart(events_of("USMF", "INV-1"), CUTOFF, None, "EUR").to_dict()
    line = chart["datasets"][chart["layer"][0]["data"]["name"]]
    assert line[-1]["time"].startswith("2024-05-01")
    assert line[-1]["balance"] == 600.0


def test_the_chart_names_its_unit_and_marks_every_event():
    events = events_of("USMF", "INV-1")
    chart = balance_chart(events, CUTOFF, CUTOFF - pd.Timedelta(days=33), "EUR").to_dict()
    assert chart["layer"][0]["encoding"]["y"]["title"] == "Open balance (EUR)"
    marks = chart["datasets"][chart["layer"][-1]["data"]["name"]]
    assert [mark["Event"] for mark in marks] == events["activity"].tolist()


def test_a_history_without_balances_is_still_drawn():
    events = events_of("USMF", "INV-1").assign(balance=float("nan"))
    chart = balance_chart(events, CUTOFF, None, None).to_dict()
    assert len(chart["datasets"][chart["layer"][-1]["data"]["name"]]) == len(events)


def test_a_date_without_a_time_is_shown_as_a_date():
    day = pd.Timestamp("2024-03-01")
    last = day + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    events = events_of("USMF", "INV-1").assign(
        event_time=[day, last, day + pd.Timedelta(hours=9), last]
    )
    shown = timeline(events, CUTOFF, "EUR")
    assert shown.count(">1 Mar 2024<") == 3
    assert shown.count(">1 Mar 2024, 09:00 UTC<") == 1


def test_two_events_at_one_moment_are_not_added_up_in_the_chart():
    events = events_of("USMF", "INV-1").assign(event_time=CUTOFF - pd.Timedelta(days=9))
    chart = balance_chart(events, CUTOFF, None, "EUR").to_dict()
    assert [layer["encoding"]["y"]["stack"] for layer in chart["layer"][:2]] == [None, None]


def test_an_event_dated_before_the_one_known_earlier_says_so():
    events = events_of("USMF", "INV-1").assign(gap_days=[float("nan"), 3.0, -2.0, 1.0])
    assert "dated 2 days earlier" in timeline(events, CUTOFF, "EUR")
