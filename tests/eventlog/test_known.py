"""The one comparison of times: an event at the moment is known, a later one is not."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.known import known_by, last_known, starts_of


def ask(times: list[list[int]], entity: list[int], moment: list[int]) -> list[int]:
    """Answers of `last_known` for entities whose events were known at some times."""
    lengths = [len(own) for own in times]
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    known_at = np.array([time for own in times for time in own], dtype=np.int64)
    found = last_known(starts, known_at, np.array(entity, dtype=np.int32), np.array(moment))
    return found.tolist()


def test_an_event_at_the_cutoff_is_known_and_a_later_one_is_not() -> None:
    assert known_by(np.array([4, 5, 6]), 5).tolist() == [True, True, False]


def test_every_event_may_have_a_cutoff_of_its_own() -> None:
    assert known_by(np.array([4, 5, 6]), np.array([3, 5, 7])).tolist() == [False, True, True]


def test_the_last_known_event_is_the_last_at_or_before_the_moment() -> None:
    assert ask([[10, 20, 30]], [0] * 5, [9, 10, 19, 20, 99]) == [-1, 0, 0, 1, 2]


def test_of_events_known_at_one_moment_the_last_is_found() -> None:
    assert ask([[10, 10, 10, 20]], [0, 0], [10, 15]) == [2, 2]


def test_entities_do_not_see_each_others_events() -> None:
    times = [[10, 20], [5, 15], [1]]
    assert ask(times, [1, 0, 1, 2, 1], [4, 4, 5, 0, 15]) == [-1, -1, 2, -1, 3]


def test_an_entity_without_events_knows_nothing() -> None:
    assert ask([[10], [], [20]], [1, 1], [5, 99]) == [-1, -1]


def test_nobody_has_no_events() -> None:
    assert ask([[10]], [-1], [99]) == [-1]


def test_no_question_has_no_answer() -> None:
    assert ask([[10]], [], []) == []


def test_entities_begin_where_their_first_event_stands() -> None:
    entity = np.array([0, 0, 2, 2, 2], dtype=np.int32)
    assert starts_of(entity, 4).tolist() == [0, 2, 2, 5, 5]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), max_size=8).map(sorted), min_size=1, max_size=5),
    st.data(),
)
def test_the_search_agrees_with_the_mask(times: list[list[int]], data: st.DataObject) -> None:
    entity = data.draw(st.integers(0, len(times) - 1))
    moment = data.draw(st.integers(-1, 31))
    before = sum(len(own) for own in times[:entity])
    known = known_by(np.array(times[entity], dtype=np.int64), moment).sum()
    assert ask(times, [entity], [moment]) == [before + known - 1 if known else -1]
