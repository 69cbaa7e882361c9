"""Which findings are alarms, which merely make retraining worthwhile, and what is said."""

import pytest

from training.calibration_watch import Figure, Lasting
from training.drift import Drift
from training.retrain_rule import (
    IMPORTANT,
    judge_features,
    judge_labels,
    judge_lasting,
    judge_ratio,
    judge_score,
    judge_slope,
    verdict_of,
)

STILL, MOVED = Drift(0.1, 0.05, None, 0.3), Drift(0.6, 0.05, None, 0.3)


def feature(name="amount", importance=0.2, drifts=True):
    return {"name": name, "importance": importance, "drifts": drifts, "moved": "median 1 → 2"}


def test_a_score_that_moved_in_two_cohorts_running_is_an_alarm():
    months = ["2024-01", "2024-02", "2024-03"]
    found = judge_score(months, [STILL, MOVED, MOVED])
    assert verdict_of([found]) == "alarm"
    assert "0.60 in 2024-02 (threshold 0.30), 0.60 in 2024-03" in found.says
    assert "duecast train LOG" in found.do
    assert not judge_score(months, [MOVED, MOVED, STILL]).fired
    assert not judge_score(months, [STILL, STILL, MOVED]).fired


def test_without_a_large_cohort_the_score_is_not_judged():
    found = judge_score([], [])
    assert not found.fired
    assert found.says == "No cohort is large enough to judge the score."


def test_only_important_features_raise_an_alarm_and_are_named():
    found = judge_features([feature(), feature("age_days", 0.3, drifts=False)])
    assert found.fired
    assert "amount (median 1 → 2)" in found.says
    assert "age_days" not in found.says
    assert not judge_features([feature(importance=IMPORTANT / 2)]).fired


def test_a_ratio_is_an_alarm_only_when_its_interval_clears_the_band():
    clear = judge_ratio(Figure(1.5, 1.3, 1.7, 0.1), "2024-01 to 2024-03", "late_payment")
    assert clear.fired
    assert clear.says.startswith(
        "2024-01 to 2024-03: 1.50 [1.30, 1.70] times as many late payments"
    )
    assert not judge_ratio(Figure(1.5, 1.2, 1.9, 0.1), "", "late_payment").fired


@pytest.mark.parametrize("slope", [Figure(0.6, 0.5, 0.7, 0.05), Figure(1.5, 1.3, 1.7, 0.1)])
def test_a_slope_outside_its_band_is_an_alarm_on_either_side(slope):
    assert judge_slope(slope, "2024-01 to 2024-03", "write_off").fired


@pytest.mark.parametrize("slope", [Figure(0.76, 0.59, 0.93, 0.06), Figure(1.3, 1.1, 1.5, 0.08)])
def test_a_slope_outside_its_band_but_not_surely_so_makes_retraining_worthwhile(slope):
    found = judge_slope(slope, "2024-01 to 2024-03", "late_payment")
    assert verdict_of([found]) == "retraining worthwhile"
    assert "calibrates on the latest outcomes" in found.do


@pytest.mark.parametrize("slope", [Figure(0.76, 0.5, 1.02, 0.1), Figure(0.85, 0.75, 0.95, 0.04)])
def test_a_slope_that_may_be_1_or_lies_inside_its_band_is_quiet(slope):
    assert verdict_of([judge_slope(slope, "2024-01 to 2024-03", "late_payment")]) == "quiet"


def test_a_lasting_shift_is_an_alarm_at_odds_of_a_thousand():
    figure = Figure(1.2, 1.1, 1.3, 0.05)
    found = judge_lasting(Lasting(2500.0, 650, figure), "2024-03", "still_open")
    assert found.fired
    assert "since 2024-03: 1.20 [1.10, 1.30]" in found.says
    assert "2,500 to 1, 1,000 are needed" in found.says
    assert not judge_lasting(Lasting(999.0, 650, figure), "2024-03", "still_open").fired
    certain = judge_lasting(Lasting(1e9, 650, figure), "2024-03", "write_off")
    assert "a million or more to 1" in certain.says


def test_nothing_matured_is_said_and_is_no_alarm():
    for found in (
        judge_ratio(None, "", "write_off"),
        judge_slope(None, "", "write_off"),
        judge_lasting(None, "", "write_off"),
    ):
        assert not found.fired
        assert "enough matured labels of write_off" in found.says


def test_a_tenth_of_new_labels_makes_retraining_worthwhile_and_is_no_alarm():
    found = judge_labels(1000, 100)
    assert verdict_of([found]) == "retraining worthwhile"
    assert "100 labels have matured since training, 10 % of the 1,000" in found.says
    assert verdict_of([judge_labels(1000, 99)]) == "quiet"


def test_an_alarm_outweighs_new_labels():
    rulings = [judge_labels(1000, 500), judge_features([feature()])]
    assert verdict_of(rulings) == "alarm"
    assert verdict_of([]) == "quiet"


def test_what_to_do_is_said_only_where_a_rule_fired():
    assert judge_labels(1000, 5).do == ""
    assert judge_features([feature(drifts=False)]).do == ""
    assert judge_ratio(Figure(1.0, 0.9, 1.1, 0.05), "", "late_payment").do == ""
