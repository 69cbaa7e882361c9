"""A logistic regression beside the trees: exact, plain, and only where it helps."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.company import trained
from training.linear import SHARES, choose_share, fit_line, line_from_dict


def line_and_matrix():
    _, examples = trained("late_payment")
    return fit_line(examples.matrix, examples.y), examples


def test_the_contributions_add_up_to_the_margin():
    line, examples = line_and_matrix()
    found = line.contributions(examples.matrix)
    assert found.shape == (len(examples.y), len(examples.matrix.columns) + 1)
    np.testing.assert_allclose(found.sum(axis=1), line.margin(examples.matrix), atol=1e-9)


def test_a_line_ranks_its_own_rows_far_better_than_chance():
    line, examples = line_and_matrix()
    assert roc_auc_score(examples.y, line.margin(examples.matrix)) > 0.75


def test_a_line_reads_back_from_json_bit_for_bit():
    line, examples = line_and_matrix()
    again = line_from_dict(json.loads(json.dumps(line.as_dict())))
    np.testing.assert_array_equal(again.margin(examples.matrix), line.margin(examples.matrix))


def test_a_column_that_it_must_not_look_at_has_no_coefficient():
    _, examples = trained("late_payment")
    line = fit_line(examples.matrix, examples.y, without=("late_share", "segment"))
    assert not {"late_share", "segment"} & (set(line.numbers) | set(line.levels))
    assert "late_share_365" in line.numbers


def test_more_rows_than_the_most_are_a_random_part(monkeypatch):
    _, examples = trained("late_payment")
    monkeypatch.setattr("training.linear.MOST_ROWS", 500)
    few = fit_line(examples.matrix, examples.y)
    assert few.as_dict() == fit_line(examples.matrix, examples.y).as_dict()
    assert roc_auc_score(examples.y, few.margin(examples.matrix)) > 0.65


RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.normal(-1.5, 1.2, 8000)
Y = (RANDOM.random(8000) < 1 / (1 + np.exp(-TRUTH))).astype(float)
STRETCH = np.arange(8000) // 2000


def test_a_line_that_errs_elsewhere_gets_a_share():
    trees, line = (TRUTH + RANDOM.normal(0, 1.0, 8000) for _ in range(2))
    assert choose_share(trees, line, Y, STRETCH) >= 0.3


def test_a_line_that_says_the_opposite_gets_none():
    assert choose_share(TRUTH, -TRUTH, Y, STRETCH) == 0.0


def test_the_share_is_the_largest_that_costs_next_to_nothing():
    line = np.full(8000, -1.5)
    found = choose_share(TRUTH, line, Y, STRETCH)
    losses = {s: np.logaddexp(0, m) - Y * m for s in SHARES for m in [TRUTH + s * (line - TRUTH)]}
    means = {share: loss.mean() for share, loss in losses.items()}
    assert 0 < found < max(SHARES)
    assert means[found] <= 1.005 * min(means.values()) < means[round(found + 0.1, 1)]


def test_without_a_stretch_to_judge_by_there_is_no_share():
    none = np.empty(0)
    assert choose_share(none, none, none, np.empty(0, dtype=np.int64)) == 0.0


@pytest.mark.parametrize("target", ["late_payment", "still_open", "write_off"])
def test_a_model_with_a_line_adds_up_as_one_without(target):
    model, examples = trained(target)
    some = examples.matrix.take(np.arange(200))
    np.testing.assert_allclose(
        model.contributions(some).sum(axis=1), model.margin(some), rtol=0, atol=1e-9
    )
    assert (model.line is None) == (model.line_share == 0.0)
