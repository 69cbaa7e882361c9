"""The projection changes what it states and nothing else."""

import pandas as pd

from eventlog.dynamics.projection import CHANGES, known_before, projected
from eventlog.template import ACTIVITY_NAMED
from tests.eventlog.dynamics.company import days_before_end, log

AT = days_before_end(0)


def both() -> tuple[pd.DataFrame, pd.DataFrame]:
    after = projected(log(), AT)
    return log().loc[after.index].astype(object), after.astype(object)


def test_only_stated_columns_change_and_only_on_stated_activities():
    before, after = both()
    changed = {
        (column, activity)
        for column in before.columns
        for activity in before.loc[
            (before[column] != after[column]) & ~(before[column].isna() & after[column].isna()),
            "ActivityName",
        ].unique()
    }
    stated = {
        (word, activity)
        for change in CHANGES
        for word in [change.name.split()[0]]
        for activity in (change.activities or ACTIVITY_NAMED)
    }
    assert changed <= stated
    assert {column for column, _ in changed} >= {"EventTime", "RecordedTime", "SalesChannel"}


def test_nothing_is_dropped_at_the_end_of_the_log_but_drafts():
    dropped = log().drop(projected(log(), AT).index)
    assert set(dropped["ActivityName"]) <= {"Invoice Generated"}


def test_drafts_that_are_not_posted_yet_are_dropped():
    drafts = log()[log()["ActivityName"] == "Invoice Generated"]
    early = drafts[drafts["EventTime"] != drafts["EventTime"].dt.floor("D")].iloc[3]
    day_after = early["EventTime"].floor("D") + pd.Timedelta(days=1)
    until = int(day_after.value // 1000)
    seen = known_before(log(), until)
    key = ["CompanyCode", "InvoiceNumber"]
    assert len(seen[(seen[key] == early[key]).all(axis=1)]) == 1
    left = projected(seen, until)
    assert len(left[(left[key] == early[key]).all(axis=1)]) == 0


def test_late_records_keep_their_time_and_others_lose_it():
    before, after = both()
    late = before["RecordedTime"].astype("datetime64[us]").dt.floor("D") > before[
        "EventTime"
    ].astype("datetime64[us]").dt.floor("D")
    assert late.any()
    assert (after.loc[late, "RecordedTime"] == before.loc[late, "RecordedTime"]).all()
    assert after.loc[~late, "RecordedTime"].isna().all()
