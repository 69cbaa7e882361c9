"""Kaplan-Meier medians and their intervals are those of published examples."""

import numpy as np
import pytest

from eventlog.kpis.survival import quantiles

#: Weeks in remission of the leukaemia trial of Freireich et al. (1963, Blood 21, 699-716), as in
#: Cox and Oakes, Analysis of Survival Data, 1984, table 1.1; negative: still in remission then.
DRUG = (6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35)
PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)


def found(*samples: tuple[int, ...], share: float = 0.5):
    cell = np.concatenate([np.full(len(s), i) for i, s in enumerate(samples)]).astype(np.int64)
    weeks = np.concatenate(samples).astype(np.int64)
    return quantiles(cell, np.abs(weeks), weeks > 0, len(samples), share)


def test_median_and_interval_are_those_of_the_leukaemia_trial():
    result = found(DRUG, PLACEBO)
    np.testing.assert_array_equal(result.value, [23, 8])
    np.testing.assert_array_equal(result.low, [13, 4])
    np.testing.assert_array_equal(result.high, [np.nan, 11])
    np.testing.assert_array_equal(result.n, [21, 21])
    np.testing.assert_array_equal(result.n_ended, [9, 21])


def test_what_ends_while_another_is_lost_sight_of_still_counts_it_at_risk():
    # S(6) = 1 - 3/21, S(7) = S(6) × (1 - 1/17): six weeks' loss is at risk at six weeks.
    assert found(DRUG, share=1 - 18 / 21).value.item() == 6
    assert found(DRUG, share=1 - 18 / 21 * 16 / 17).value.item() == 7


def test_without_losses_the_median_is_the_plain_one():
    assert found((3, 1, 2)).value.item() == 2
    assert found(tuple(range(1, 11)), share=0.9).value.item() == 9


def test_half_ended_is_the_median_and_less_is_none():
    assert found((4, -9)).value.item() == 4
    assert np.isnan(found((4, -9, -9)).value.item())


def test_a_single_case_has_no_interval():
    result = found((5,))
    assert (result.value.item(), result.n.item()) == (5, 1)
    assert np.isnan([result.low.item(), result.high.item()]).all()


def test_an_empty_cell_has_no_median_and_disturbs_no_other():
    result = quantiles(np.array([2, 2, 0]), np.array([7, 9, 1]), np.array([True] * 3), 4, 0.5)
    np.testing.assert_array_equal(result.value, [1, np.nan, 7, np.nan])
    np.testing.assert_array_equal(result.n, [1, 0, 2, 0])


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_the_order_of_cases_changes_nothing(order):
    weeks = np.array([6, -6, 10, 3])[order]
    result = quantiles(np.zeros(4, dtype=np.int64), np.abs(weeks), weeks > 0, 1, 0.5)
    assert result.value.item() == 6
