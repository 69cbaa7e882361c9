"""What k calls a stretch reach, worked out by hand."""

import numpy as np
import pytest

from eventlog.errors import SettingsError
from eventlog.log import micros
from eventlog.policy import Policy
from training.capacity import (
    FORESIGHT,
    OLDEST,
    Costs,
    capacity_curves,
    capacity_report,
    cheapest,
    costs_of,
    period_of,
    rankings,
    reached,
    shown_ks,
    stretch_of,
)

FREE = Costs(call=0.0, lost=1.0, said="")


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_the_team_calls_the_highest_of_every_stretch():
    stretch = np.array([0, 0, 0, 1, 1])
    found = reached(floats(3, 1, 2, 5, 9), floats(10, 20, 40, 1, 2), stretch)
    assert found.tolist() == [0, 10 + 2, 10 + 40 + 2 + 1, 10 + 40 + 20 + 3]


def test_rows_of_equal_score_share_their_places_evenly():
    found = reached(floats(1, 1, 1, 1, 9), floats(8, 0, 0, 0, 100), np.zeros(5, dtype=np.int64))
    assert found.tolist() == [0, 100, 102, 104, 106, 108]


def test_ties_are_shared_within_a_stretch_only():
    stretch = np.array([0, 0, 1, 1])  # the last of one scores as the first of the next
    found = reached(floats(5, 1, 1, 0), floats(0, 10, 30, 0), stretch)
    assert found.tolist() == [0, 30, 40]


def test_the_order_of_rows_does_not_matter():
    draw = np.random.default_rng(0)
    score, worth = draw.integers(0, 4, 50).astype(np.float64), draw.random(50)
    stretch = np.sort(draw.integers(0, 3, 50))
    order = draw.permutation(50)
    np.testing.assert_allclose(
        reached(score[order], worth[order], stretch[order]), reached(score, worth, stretch)
    )


def test_no_rows_reach_nothing():
    none = np.empty(0)
    assert reached(none, none, np.empty(0, dtype=np.int64)).tolist() == [0]


def test_stretches_are_days_weeks_from_monday_and_calendar_months():
    moments = ["2024-02-25T23:00", "2024-02-26", "2024-02-29T08:00", "2024-03-01", "2024-03-04"]
    cutoff = np.array([micros(moment) for moment in moments])  # a Sunday, then a Monday
    assert stretch_of(cutoff, "day").tolist() == [0, 1, 2, 3, 4]
    assert stretch_of(cutoff, "week").tolist() == [0, 1, 1, 1, 2]
    assert stretch_of(cutoff, "month").tolist() == [0, 0, 0, 1, 1]
    with pytest.raises(SettingsError, match="'year' is no stretch"):
        stretch_of(cutoff, "year")  # type: ignore[arg-type]


def test_calls_are_counted_by_week_unless_rows_are_monthly():
    assert [period_of(r) for r in ("posting", "weekly", "monthly")] == ["week", "week", "month"]


def test_the_costs_of_late_targets_are_the_policys_money_and_days():
    policy = Policy(annual_rate=0.1, still_open_days=73)
    for target in ("late_payment", "still_open"):
        assert costs_of(target, policy).lost == pytest.approx(0.02)
    assert costs_of("late_payment", policy, annual_rate=0.2, days=365).lost == pytest.approx(0.2)
    assert costs_of("late_payment", policy, call=7).call == 7


def test_the_cost_of_a_write_off_is_the_loss_given_default():
    assert costs_of("write_off", Policy(loss_given_default=0.6)).lost == 0.6
    assert costs_of("write_off", Policy(), loss_given_default=0.3).lost == 0.3


def test_a_call_cannot_earn_money():
    with pytest.raises(SettingsError, match="A call costs -1"):
        costs_of("late_payment", Policy(), call=-1)


def test_cost_is_calls_and_what_is_not_reached():
    y, balance = floats(1, 0, 1), floats(100, 50, 20)
    stretch = np.zeros(3, dtype=np.int64)
    costs = Costs(call=3.0, lost=0.5, said="")
    curve = capacity_curves(y, balance, {"a": floats(3, 2, 1)}, stretch, costs)["a"]
    assert curve["calls"].tolist() == [0, 1, 2, 3]
    assert curve["cost"].tolist() == [60, 3 + 10, 6 + 10, 9]
    assert curve["balance_recall"].tolist() == pytest.approx([0, 100 / 120, 100 / 120, 1])
    assert curve["precision"].tolist() == pytest.approx([np.nan, 1, 0.5, 2 / 3], nan_ok=True)
    assert cheapest(curve) == 3


def test_of_equally_cheap_capacities_the_smallest_is_taken():
    y, balance = floats(1, 0), floats(10, 5)
    stretch = np.zeros(2, dtype=np.int64)
    curve = capacity_curves(y, balance, {"a": floats(2, 1)}, stretch, FREE)["a"]
    assert curve["cost"].tolist() == [10, 0, 0]
    assert cheapest(curve) == 1


def test_no_late_balance_has_no_share_reached():
    stretch = np.zeros(2, dtype=np.int64)
    curve = capacity_curves(floats(0, 0), floats(5, 5), {"a": floats(1, 2)}, stretch, FREE)["a"]
    assert curve["balance_recall"].isna().all()
    assert curve["cost"].tolist() == [0, 0, 0]


def world():
    draw = np.random.default_rng(1)
    p = draw.random(300)
    y = (draw.random(300) < p).astype(np.float64)
    days = np.where(draw.random(300) < 0.2, np.nan, draw.integers(-30, 90, 300))
    scores = rankings(
        y, draw.lognormal(4, 1, 300), days, {"model": p, "prevalence": np.full(300, 0.5)}
    )
    return y, draw.lognormal(4, 1, 300), days, scores


def test_every_prediction_ranks_alone_and_times_balance():
    y, balance, days = floats(1, 0), floats(10, 30), floats(5, np.nan)
    scores = rankings(y, balance, days, {"model": floats(0.9, 0.4), "prevalence": floats(0.5, 0.5)})
    assert set(scores) == {"model", "model x balance", "prevalence", "balance", OLDEST, FORESIGHT}
    assert scores["model x balance"].tolist() == [9, 12]
    assert scores[FORESIGHT].tolist() == [10, 0]


def test_rows_without_a_due_date_are_the_last_of_the_oldest():
    days = floats(-400, np.nan, 3)
    score = rankings(floats(1, 0, 0), floats(1, 1, 1), days, {})[OLDEST]
    assert np.argsort(-score).tolist() == [2, 0, 1]


def test_nothing_beats_perfect_foresight_and_everything_is_reached_in_the_end():
    y, balance, _, scores = world()
    scores[FORESIGHT] = y * balance
    stretch = np.arange(300) % 5
    curves = capacity_curves(y, balance, scores, stretch, FREE)
    best = curves[FORESIGHT]["balance_recall"]
    for name, curve in curves.items():
        assert (curve["balance_recall"] <= best + 1e-12).all(), name
        assert curve["balance_recall"].iloc[-1] == pytest.approx(1)
        assert curve["balance_recall"].is_monotonic_increasing


def test_prevalence_calls_at_random():
    y, balance, _, scores = world()
    stretch = np.zeros(300, dtype=np.int64)
    curve = capacity_curves(y, balance, scores, stretch, FREE)["prevalence"]
    np.testing.assert_allclose(curve["balance_recall"], np.arange(301) / 300)


def test_a_table_shows_1_2_5_and_the_longest_stretch():
    assert shown_ks(30) == [1, 2, 5, 10, 20, 30]
    assert shown_ks(1) == [1]


def test_the_report_states_its_assumptions_and_the_cheapest_capacity():
    y, balance, _, scores = world()
    cutoff = np.full(300, micros("2024-01-01"))
    costs = costs_of("late_payment", Policy())
    found = capacity_report(y, balance, scores, cutoff, "week", costs, "EUR")
    assert (found["per"], found["stretches"], found["currency"]) == ("week", 1, "EUR")
    assert found["costs"]["said"] == "a late balance stays out 30 days longer at 8.0% a year"
    assert found["owed"] == pytest.approx((y * balance).sum())
    assert found["idle_cost"] == pytest.approx(found["owed"] * 0.08 * 30 / 365)
    for ranking in found["rankings"].values():
        assert ranking["cheapest"]["cost"] <= min(each["cost"] for each in ranking["at"])
        assert [each["k"] for each in ranking["at"]] == shown_ks(300)
