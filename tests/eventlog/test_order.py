"""Events stand in the order that a sort by all keys would give, however large their groups are."""

import numpy as np
import pytest

from eventlog.order import Ordered, in_order, occurring, picked, side_by_side


def ordered(n: int, n_groups: int, moments: int, seed: int = 0) -> tuple[Ordered, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n).astype(np.int32)
    known, happened = rng.integers(0, moments, (2, n))
    rank = rng.integers(0, 3, n).astype(np.int16)
    return in_order(group, known, happened, rank, n_groups), [rank, happened, known, group]


@pytest.mark.parametrize(
    ("n", "n_groups", "moments"),
    [
        (0, 1, 5),
        (1, 1, 5),
        (2_000, 700, 4),
        (2_000, 700, 100_000),
        (2_000, 20, 6),
        (2_000, 1, 50),
        (30_000, 9_000, 4),
    ],
)
def test_the_order_is_that_of_a_stable_sort_by_all_keys(
    n: int, n_groups: int, moments: int
) -> None:
    found, keys = ordered(n, n_groups, moments)
    rows = np.lexsort(keys)
    assert found.rows.tolist() == rows.tolist()
    for key, sorted_key in zip(
        keys, (found.rank, found.happened, found.known, found.group), strict=True
    ):
        assert sorted_key.tolist() == key[rows].tolist()


def test_events_that_equal_the_one_before_are_tied() -> None:
    found, keys = ordered(2_000, 300, 3)
    rows = np.stack(keys)[:, found.rows]
    assert found.tied.tolist() == [False, *(rows[:, 1:] == rows[:, :-1]).all(axis=0).tolist()]
    assert found.tied.any()


def test_values_are_picked_by_place_and_the_last_by_minus_one() -> None:
    assert picked(np.array([1.5, 2.5, 9.0]), np.array([1, -1, 0], np.int32)).tolist() == [
        2.5,
        9,
        1.5,
    ]


def test_codes_that_occur_are_found_with_minus_one_among_them() -> None:
    assert occurring(np.array([3, -1, 0, 3], np.int32), 5).tolist() == [-1, 0, 3]
    assert occurring(np.array([1], np.int32), 2).tolist() == [1]


def test_work_done_side_by_side_comes_back_in_order() -> None:
    for size in (1, 1_000_000):
        assert side_by_side(lambda x: x * 2, [3, 1, 2], size) == [6, 2, 4]
        assert side_by_side(lambda x: x * 2, [], size) == []
