"""Beginnings and ends of an entity go together first come, first served."""

import numpy as np

from eventlog.kpis.pairs import paired
from eventlog.log import DAY


def pairs(begins: list[tuple[int, float]], ends: list[tuple[int, float]]) -> list[int]:
    entity, at = (np.array(column) for column in zip(*begins, strict=True))
    other, later = (np.array(column) for column in zip(*ends, strict=True)) if ends else ([], [])
    return paired(
        entity.astype(np.int32),
        (at * DAY).astype(np.int64),
        np.array(other, dtype=np.int32),
        (np.array(later) * DAY).astype(np.int64),
    ).tolist()


def test_the_first_beginning_takes_the_first_end():
    assert pairs([(0, 1), (0, 2)], [(0, 3), (0, 5)]) == [0, 1]


def test_an_end_serves_once_and_what_is_left_has_none():
    assert pairs([(0, 1), (0, 2)], [(0, 3)]) == [0, -1]


def test_an_end_of_an_earlier_day_or_of_another_entity_does_not_count():
    assert pairs([(0, 4)], [(0, 3), (1, 5)]) == [-1]


def test_an_end_earlier_on_the_same_day_counts():
    assert pairs([(0, 4.9)], [(0, 4.2)]) == [0]


def test_the_order_of_rows_changes_nothing():
    assert pairs([(1, 2), (0, 2), (0, 1)], [(0, 5), (1, 2), (0, 3)]) == [1, 0, 2]


def test_without_ends_nothing_is_paired():
    assert pairs([(0, 1)], []) == [-1]
