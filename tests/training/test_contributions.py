"""What each column adds is what LightGBM says it adds, for every kind of node, tree and value."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from eventlog.errors import DataError
from tests.training.tables import encoding, table
from training import contributions as module
from training.calibration import Calibrator
from training.contributions import MOST_BITS, Forest, contributions, forest_of
from training.model import RiskModel

N_COLUMNS, CATEGORIES = 10, (7, 8)
ODD = [np.nan, 0.0, -0.0, np.inf, -np.inf, 3e38, -3e38, 1e-36, -1e-36, 1e-35, -1e-35, 1e-34, -1e-34]
#: What a category column may hold that no training row held.
UNSEEN = [np.nan, -1.0, -0.5, 0.7, 40.0, 63.5, 64.0, 1000.0, 3e9, -3e9, np.inf, -np.inf]
KINDS: dict[str, dict[str, Any]] = {
    "NaN is missing": {},
    "zero is missing": {"zero_as_missing": True},
    "nothing is missing": {"use_missing": False},
    "many leaves": {"num_leaves": 40, "min_data_in_leaf": 3},
    "two leaves": {"num_leaves": 2},
    "no split pays": {"min_gain_to_split": 1e9},
    "not from the average": {"boost_from_average": False},
    "regression": {"objective": "regression"},
    "one against the rest": {"max_cat_to_onehot": 64},
}


def drawn_rows(n: int, seed: int) -> NDArray[np.float32]:
    """Rows of every sort of column: whole and real numbers, zeros, gaps, dust, categories."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, N_COLUMNS))
    x[:, 1] = np.round(np.exp(x[:, 1]) * 3)
    x[draw.random(n) < 0.4, 2] = 0.0
    x[:, 3] *= 1e-35
    x[:, 4] *= 10.0 ** draw.integers(-30, 30, n)
    x[:, 7], x[:, 8] = draw.integers(0, 6, n), draw.integers(0, 45, n)
    for column in (0, 1, 2, 7):
        x[draw.random(n) < 0.2, column] = np.nan
    return np.asfortranarray(x.astype(np.float32))


@cache
def trained(kind: str, seed: int = 0, rounds: int = 12) -> lgb.Booster:
    """A small booster of a kind."""
    x = drawn_rows(500, seed)
    draw = np.random.default_rng(seed + 1)
    z = np.nan_to_num(x.astype(np.float64), posinf=0, neginf=0)
    score = z[:, 0] + np.isnan(x[:, 1]) + (z[:, 2] == 0) * z[:, 5] + (z[:, 3] > 0) + z[:, 6]
    score = score + np.sign(z[:, 4]) + np.isin(z[:, 7], [1, 4]) + (z[:, 8] % 3 == 1)
    y = (score + draw.normal(size=len(x)) > 1).astype(float)
    parameters = {
        "objective": "binary",
        "learning_rate": 0.3,
        "num_leaves": 10,
        "min_data_in_leaf": 8,
        "min_data_per_group": 5,
        "cat_smooth": 1.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "num_threads": 1,
        "seed": seed,
        "verbose": -1,
    }
    data = lgb.Dataset(x, y, categorical_feature=list(CATEGORIES), params=KINDS[kind])
    return lgb.train(parameters | KINDS[kind], data, rounds)


def of_lightgbm(booster: lgb.Booster, values: NDArray[np.float32]) -> NDArray[np.float64]:
    return booster.predict(values, pred_contrib=True, num_threads=1)


def assert_as_lightgbm(
    booster: lgb.Booster, values: NDArray[np.float32], rtol: float = 1e-9
) -> None:
    found, theirs = contributions(forest_of(booster), values), of_lightgbm(booster, values)
    scale = max(1.0, float(np.abs(theirs).max()))
    np.testing.assert_allclose(found, theirs, rtol=rtol, atol=rtol / 100 * scale)
    score = booster.predict(values, raw_score=True, num_threads=1)
    np.testing.assert_allclose(found.sum(axis=1), score, rtol=1e-9, atol=1e-11 * scale)


def kinds_of_nodes(*kinds: str) -> set[int]:
    return {int(k) for kind in kinds for k in np.unique(forest_of(trained(kind)).trees.kind)}


def longest_path(forest: Forest) -> int:
    trees = forest.trees
    return int(module.depth_of_leaves(trees.left, trees.right, len(trees.value)).max())


def chain(n_leaves: int, *, same_column: bool) -> tuple[lgb.Booster, NDArray[np.float32]]:
    """Trees that split off one leaf after the other, from one column or from one each."""
    x = np.arange(n_leaves, dtype=np.float32)[:, None] if same_column else np.eye(n_leaves)
    x = np.asfortranarray(np.repeat(x, 3, axis=0).astype(np.float32))
    y = np.repeat(2.5 ** np.arange(n_leaves), 3)
    parameters = {
        "objective": "regression",
        "num_leaves": n_leaves,
        "min_data_in_leaf": 1,
        "min_data_in_bin": 1,
        "feature_pre_filter": False,
        "enable_bundle": False,
        "num_threads": 1,
        "verbose": -1,
    }
    return lgb.train(parameters, lgb.Dataset(x, y), 2), x


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_contributions_are_lightgbms(kind, seed):
    assert_as_lightgbm(trained(kind, seed), drawn_rows(300, seed + 10))


def odd_values(booster: lgb.Booster, column: int) -> list[float]:
    """Values at the edge of something: each threshold, its neighbours, zeros, unseen categories."""
    trees = forest_of(booster).trees
    near = trees.threshold[trees.column == column]
    above, below = (np.nextafter(near, np.float32(way)) for way in (np.inf, -np.inf))
    return [*ODD, *UNSEEN, *near.tolist(), *above.tolist(), *below.tolist()]


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_are_lightgbms_for_each_odd_value(kind):
    booster = trained(kind)
    usual, rows = drawn_rows(5, 20), []
    for column in range(N_COLUMNS):
        for value in odd_values(booster, column):
            row = usual[len(rows) % 5].copy()
            row[column] = value
            rows.append(row)
    assert_as_lightgbm(booster, np.array(rows))


@settings(max_examples=20)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_contributions_are_lightgbms_for_any_values(kind, data):
    number = st.sampled_from(ODD + UNSEEN) | st.floats(width=32)
    row = st.tuples(*(number for _ in range(N_COLUMNS)))
    values = np.array(data.draw(st.lists(row, min_size=1, max_size=8)), dtype=np.float32)
    assert_as_lightgbm(trained(kind), values)


def test_these_models_hold_every_kind_of_node():
    assert kinds_of_nodes(*KINDS) == set(range(5))
    assert (forest_of(trained("no split pays")).trees.root < 0).all()
    sets = forest_of(trained("NaN is missing")).trees
    assert (sets.set_to - sets.set_from).max() == 2  # the 45 categories need two words


@pytest.mark.parametrize("together", [1, 3, 30])
def test_it_does_not_matter_how_trees_are_taken_to_pieces(monkeypatch, together):
    booster, rows = trained("many leaves"), drawn_rows(50, 3)
    monkeypatch.setattr(module, "TOGETHER", together)
    assert_as_lightgbm(booster, rows)


def test_it_does_not_matter_how_many_rows_and_tables_are_held_at_a_time(monkeypatch):
    forest, rows = forest_of(trained("many leaves")), drawn_rows(50, 3)
    once = contributions(forest, rows)
    monkeypatch.setattr(module, "BLOCK", 7)
    monkeypatch.setattr(module, "MOST_ENTRIES", 100)
    np.testing.assert_array_equal(contributions(forest, rows), once)
    one_by_one = [contributions(forest, rows[i : i + 1])[0] for i in range(5)]
    np.testing.assert_array_equal(one_by_one, once[:5])


@pytest.mark.parametrize("same_column", [True, False])
@pytest.mark.parametrize("n_leaves", [10, 13, 14, 18, 40])
def test_long_paths_are_exact_too(n_leaves, same_column):
    booster, rows = chain(n_leaves, same_column=same_column)
    longest = longest_path(forest_of(booster))
    assert (longest > MOST_BITS) == (n_leaves > MOST_BITS + 1)
    # LightGBM's own recursion loses digits on paths of many columns.
    rtol = 1e-3 if n_leaves == 40 and not same_column else 1e-9
    assert_as_lightgbm(booster, rows, rtol)
    assert_as_lightgbm(booster, np.asfortranarray(1 - rows), rtol)


@given(st.lists(st.tuples(st.floats(0.001, 1), st.booleans()), min_size=1, max_size=6))
def test_a_leaf_is_shared_out_by_shapleys_formula(columns):
    n = len(columns)
    zero, agrees = np.array([z for z, _ in columns]), [int(o) for _, o in columns]

    def worth_of(known: tuple[int, ...]) -> float:
        return 3.0 * math.prod(agrees[j] if j in known else zero[j] for j in range(n))

    expected = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            share = math.factorial(size) * math.factorial(n - 1 - size) / math.factorial(n)
            for known in combinations(others, size):
                expected[i] += share * (worth_of((*known, i)) - worth_of(known))
    found = np.empty(n)
    bits = sum(o << j for j, o in enumerate(agrees))
    module._play(3.0, zero, bits, np.empty(n), found)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_paths_longer_than_a_pattern_holds_are_left_to_lightgbm(monkeypatch):
    booster, rows = trained("many leaves"), drawn_rows(50, 3)
    monkeypatch.setattr(module, "LONGEST_PATH", longest_path(forest_of(booster)))
    assert forest_of(booster).pieces is not None
    monkeypatch.setattr(module, "LONGEST_PATH", longest_path(forest_of(booster)) - 1)
    forest = forest_of(booster)
    assert forest.pieces is None
    np.testing.assert_array_equal(contributions(forest, rows), of_lightgbm(booster, rows))
    assert contributions(forest, rows[:0]).shape == (0, N_COLUMNS + 1)


def test_both_memory_orders_and_views_are_taken():
    forest, rows = forest_of(trained("NaN is missing")), drawn_rows(64, 5)
    found = contributions(forest, rows)
    np.testing.assert_array_equal(contributions(forest, np.ascontiguousarray(rows)), found)
    np.testing.assert_array_equal(contributions(forest, rows[::2]), found[::2])


def test_no_rows_have_no_contributions():
    forest = forest_of(trained("NaN is missing"))
    assert contributions(forest, drawn_rows(0, 0)).shape == (0, N_COLUMNS + 1)


def test_the_trees_that_count_are_those_of_the_best_iteration():
    booster, rows = lgb.Booster(model_str=trained("regression").model_to_string()), drawn_rows(9, 0)
    all_trees = contributions(forest_of(booster), rows)
    booster.best_iteration = 5
    assert_as_lightgbm(booster, rows)
    assert (contributions(forest_of(booster), rows) != all_trees).any()


@pytest.mark.parametrize("shape", [(4, N_COLUMNS - 1), (4, N_COLUMNS + 1), (N_COLUMNS,)])
def test_values_of_other_columns_are_refused(shape):
    forest = forest_of(trained("two leaves"))
    with pytest.raises(DataError, match=rf"float32 of shape \({shape[0]},.*model has 10 columns"):
        contributions(forest, np.zeros(shape, dtype=np.float32))


def test_values_that_are_no_float32_are_refused():
    with pytest.raises(DataError, match=r"are float64 of shape .* Give float32"):
        contributions(forest_of(trained("two leaves")), np.zeros((4, N_COLUMNS)))


@pytest.mark.parametrize(
    "unlike",
    [
        {"objective": "multiclass", "num_class": 3},
        {"objective": "regression", "linear_tree": True},
        {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    ],
)
def test_boosters_that_add_up_otherwise_are_refused(unlike):
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(200, 3)), draw.integers(0, unlike.get("num_class", 2), 200)
    parameters = {"verbose": -1, "num_threads": 1} | unlike
    booster = lgb.train(parameters, lgb.Dataset(x, y), 2)
    with pytest.raises(DataError, match="one tree a round with constant leaves"):
        forest_of(booster)


def test_a_model_of_several_boosters_gives_their_mean_and_reads_each_once():
    rows = drawn_rows(30, 0)
    names = {f"c{i}": rows[:, i] for i in range(N_COLUMNS)}
    boosters = (trained("NaN is missing"), trained("NaN is missing", 1), trained("two leaves"))
    matrix = table([], **names)
    model = RiskModel(
        "late_payment", boosters, Calibrator(0.0, 1.0), matrix.columns, (), encoding()
    )
    mean = np.mean([of_lightgbm(booster, rows) for booster in boosters], axis=0)
    np.testing.assert_allclose(model.contributions(matrix), mean, rtol=1e-9, atol=1e-12)
    assert model.forests is model.forests
    again = replace(model, boosters=boosters[:1]).contributions(matrix)
    np.testing.assert_allclose(again, of_lightgbm(boosters[0], rows), rtol=1e-9, atol=1e-12)
