"""A column's importance is its share in what the model says, the line beside the trees included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.company import trained
from training import importance as module
from training.card_origin import (
    families,
    features_words,
    importance_words,
    made_words,
    top_features,
)
from training.importance import importance, recorded_importance, with_importance
from training.linear import Line
from training.model import HORIZON, THEN

COLUMN = "due_day_of_month"


def model_of_line(share: float = 1.0, slope: float = 0.7):
    """A model whose log odds are, to a share, a straight line through one column."""
    model, examples = trained("late_payment")
    line = Line(-1.0, {COLUMN: (0.0, 0.0, 1.0, slope, 0.0, 0.0)}, {})
    return replace(model, line=line, line_share=share), examples.matrix


def share_of(found, name=COLUMN):
    return float(found.set_index("feature")["share"][name])


def test_a_column_that_only_the_line_looks_at_has_all_the_say_of_the_line():
    model, matrix = model_of_line()
    found = importance(model, matrix)
    assert share_of(found) == pytest.approx(1.0)
    assert found["feature"][0] == COLUMN
    assert share_of(recorded_importance(model)) < 0.5


def test_importance_is_the_mean_absolute_deviation_of_the_contributions():
    model, matrix = model_of_line(0.4)
    few = matrix.take(np.arange(300))
    told = model.contributions(few)[:, :-1]
    say = np.abs(told - told.mean(axis=0)).mean(axis=0)
    found = importance(model, few).set_index("feature")["share"]
    np.testing.assert_allclose(found[list(model.columns)], say / say.sum())


def test_what_a_column_adds_to_every_row_alike_does_not_count():
    model, matrix = model_of_line()
    line = replace(model.line, levels={"currency": dict.fromkeys((-1.0, 0.0, 1.0, 2.0), 5.0)})
    found = importance(replace(model, line=line), matrix)
    assert share_of(found, "currency") == pytest.approx(0.0)
    assert share_of(found) == pytest.approx(1.0)


def test_at_most_so_many_rows_are_looked_at(monkeypatch):
    model, matrix = model_of_line(0.4)
    monkeypatch.setattr(module, "MOST_ROWS", 50)
    seen = []
    real = type(model).contributions

    def watched(self, some):
        seen.append(len(some.snapshots))
        return real(self, some)

    monkeypatch.setattr(type(model), "contributions", watched)
    importance(model, matrix)
    assert seen == [50]


def test_a_card_shows_the_importance_that_was_recorded_at_training():
    model, matrix = model_of_line()
    known = with_importance(model, matrix)
    assert share_of(recorded_importance(known)) == pytest.approx(1.0)
    assert "mean absolute contribution" in importance_words(known)
    assert "| calendar | 3 | 100.0 |" in families(known)


def test_a_card_of_a_model_without_a_record_says_that_the_line_is_left_out():
    model, _ = model_of_line()
    assert "leaves out the logistic regression" in importance_words(model)
    without = replace(model, line=None, line_share=0.0)
    assert importance_words(without) == "a column's share of the trees' gain"


def test_a_card_says_what_share_of_the_log_odds_a_logistic_regression_has():
    model, _ = model_of_line(0.3)
    assert "logistic regression on the same columns has 30 % of the log odds" in made_words(model)
    without = replace(model, line=None, line_share=0.0)
    assert "logistic regression" not in made_words(without)


def test_a_card_of_a_payment_curve_tells_its_horizon_from_the_columns_of_the_log():
    model, _ = trained("late_payment")
    shares = {HORIZON: 0.5, THEN: 0.25, COLUMN: 0.25}
    usual = model.usual | {HORIZON: 33.0, THEN: 12.0}
    facts = model.facts | {"importance": shares}
    curve = replace(model, columns=(*model.columns, HORIZON, THEN), usual=usual, facts=facts)
    assert "| horizon | 2 | 75.0 |" in families(curve)
    assert "| horizon | 50.0 | 33 days |" in top_features(curve)
    words = features_words(curve)
    assert f"2 columns more hold the horizon that is asked about: `{HORIZON}`, `{THEN}`." in words
    assert words.startswith(f"{len(model.columns):,} columns, ")
    assert "horizon" not in features_words(model)
