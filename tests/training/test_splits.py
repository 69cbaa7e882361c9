"""Inner origins look forward only, and leave enough decided behind them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.splits import inner_origins

rows = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60)), max_size=60)


@given(rows, st.integers(1, 5))
def test_stretches_follow_each_other_up_to_the_last_row(rows, n_folds):
    cutoff = np.array(sorted(c for c, _ in rows), dtype=np.int64)
    window_end = cutoff + np.array([w for _, w in rows], dtype=np.int64)
    origins = inner_origins(cutoff, window_end, n_folds)
    assert len(origins) <= n_folds + 1
    assert (np.diff(origins) > 0).all()
    if len(origins):
        assert origins[-1] == cutoff.max() + 1


@given(rows, st.integers(1, 5))
def test_a_fifth_of_the_rows_is_decided_before_the_first_origin(rows, n_folds):
    cutoff = np.array(sorted(c for c, _ in rows), dtype=np.int64)
    window_end = cutoff + np.array([w for _, w in rows], dtype=np.int64)
    for origin in inner_origins(cutoff, window_end, n_folds)[:-1]:
        assert (window_end < origin).mean() >= 0.2


@given(st.integers(1, 4))
def test_stretches_hold_equally_many_of_the_later_half(n_folds):
    cutoff = np.arange(1000, dtype=np.int64)
    origins = inner_origins(cutoff, cutoff + 1, n_folds)
    assert origins[0] in (499, 500)
    counts = np.histogram(cutoff, bins=origins)[0]
    assert np.ptp(counts) <= 2


def test_no_rows_have_no_origins():
    nothing = np.empty(0, dtype=np.int64)
    assert len(inner_origins(nothing, nothing, 3)) == 0


def test_rows_that_are_all_decided_at_the_end_leave_nothing_to_look_forward_from():
    cutoff = np.arange(100, dtype=np.int64)
    origins = inner_origins(cutoff, np.full(100, 500), 3)
    assert len(origins) < 2
