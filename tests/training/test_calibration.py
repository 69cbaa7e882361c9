"""Probabilities keep their level; the slope changes only where that helps every time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.calibration import Calibrator, choose_calibrator, fit_slope, sigmoid

N = 4000


def world(slope: float, levels=(0.0, 0.0, 0.0), seed: int = 0):
    """Margins, outcomes and stretches; true log odds are the margin's, stretched around -1."""
    draw = np.random.default_rng(seed)
    stretch = np.repeat(np.arange(len(levels)), N)
    margin = draw.normal(-1, 1.5, len(stretch))
    truth = sigmoid(slope * (margin + 1) - 1 + np.array(levels)[stretch])
    return margin, (draw.random(len(stretch)) < truth).astype(np.float64), stretch


def test_the_identity_is_the_logistic_function():
    assert Calibrator().kind == "identity"
    np.testing.assert_allclose(Calibrator().probability(np.array([0.0, np.log(3)])), [0.5, 0.75])


def test_margins_that_are_right_already_are_left_alone():
    assert choose_calibrator(*world(1.0)) == Calibrator()


@pytest.mark.parametrize("slope", [0.4, 2.0])
def test_probabilities_that_reach_too_far_or_not_far_enough_get_their_slope(slope):
    found = choose_calibrator(*world(slope))
    assert found.kind == "slope"
    assert found.slope == pytest.approx(slope, rel=0.1)


def test_the_slope_is_found_though_every_stretch_has_a_level_of_its_own():
    margin, y, stretch = world(0.5, levels=(-1.0, 0.0, 1.0))
    assert fit_slope(margin, y, stretch).slope == pytest.approx(0.5, rel=0.1)


def test_a_level_that_rises_is_not_learnt():
    assert choose_calibrator(*world(1.0, levels=(0.0, 0.5, 1.0))) == Calibrator()


def test_a_calibrator_changes_nothing_at_the_level():
    found = fit_slope(*world(0.5))
    centre = np.array([found.centre])
    np.testing.assert_allclose(found.probability(centre), sigmoid(centre))


def test_two_stretches_are_too_few_to_judge_by():
    assert choose_calibrator(*world(0.4, levels=(0.0, 0.0))) == Calibrator()


def test_no_predictions_keep_the_identity():
    assert choose_calibrator(np.empty(0), np.empty(0), np.empty(0, np.int64)) == Calibrator()


def test_a_slope_that_fails_once_is_not_taken():
    margin, y, stretch = world(0.4)
    right = world(1.6, seed=1)
    last = stretch == 2
    y[last], margin[last] = right[1][last], right[0][last]
    assert choose_calibrator(margin, y, stretch) == Calibrator()


def test_a_ranking_is_never_turned_round():
    assert fit_slope(*world(-1.0)) == Calibrator()
    assert choose_calibrator(*world(-1.0)) == Calibrator()


def test_a_stretch_in_which_everybody_pays_keeps_the_identity():
    margin, y, stretch = world(0.4)
    y[stretch == 1] = 0.0
    assert choose_calibrator(margin, y, stretch) == Calibrator()


@given(
    st.floats(-4, 2),
    st.floats(0.1, 5),
    st.lists(st.floats(-30, 30), min_size=2, max_size=20),
)
def test_a_calibrator_keeps_the_order_and_stays_between_0_and_1(centre, slope, margins):
    p = Calibrator(centre, slope).probability(np.array(sorted(margins)))
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p < 1)).all()
