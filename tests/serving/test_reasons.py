"""Reasons name the groups that move a score most, by their strongest feature, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.attributes import Encoding
from features.catalogue import FEATURE_NAMED, FEATURES
from features.matrix import Matrix
from serving.reasons import LEAST, Reasons, give_reasons, in_words, say
from tests.training.tables import encoding, table

#: Two columns of one group, then two of another, then groups of one column.
COLUMNS = ("late_share", "late_share_365", "amount", "balance", "term_days", "segment")
GROUPS = ("late record", "late record", "amount", "amount", "payment term", "segment")


@dataclass
class Said:
    """Stands for a model: its contributions are given."""

    columns: tuple[str, ...]
    given: NDArray[np.float64]
    usual: dict[str, float] = field(default_factory=dict)
    encoding: Encoding = field(default_factory=encoding)

    def contributions(self, matrix: Matrix) -> NDArray[np.float64]:
        assert len(matrix.snapshots) == len(self.given)
        base = np.full((len(self.given), 1), 9.0)
        return np.asfortranarray(np.hstack([self.given, base]))


def reasons(
    given: Sequence[Sequence[float]] | NDArray[np.float64], values: Sequence[float] = (0,) * 6
) -> Reasons:
    """Reasons where each row holds ``values`` and its columns contribute what is given."""
    given = np.array(given, dtype=np.float64).reshape(-1, len(COLUMNS))
    held = {name: np.full(len(given), v) for name, v in zip(COLUMNS, values, strict=True)}
    return give_reasons(Said(COLUMNS, given), table(["segment"], **held))


def named(told: NDArray[np.object_]) -> list[list[str | None]]:
    """The columns that reasons are told by."""
    column = {FEATURE_NAMED[name].said: name for name in COLUMNS}
    return [[None if t is None else column[t.split(":")[0]] for t in row] for row in told]


def test_a_group_counts_by_its_sum_and_is_told_by_its_strongest_feature():
    found = reasons([[0.3, 0.2, 0.6, -0.2, -0.5, -0.7], [-0.2, -0.3, 0.1, 0.2, 0.4, 0]])
    assert named(found.raising) == [
        ["late_share", "amount", None],
        ["term_days", "balance", None],
    ]
    assert named(found.lowering) == [["segment", "term_days"], ["late_share_365", None]]


def test_what_hardly_moves_the_score_is_no_reason():
    least = [0, 0, LEAST, 0, -LEAST, 0]
    found = reasons([least, np.multiply(least, 1.01)])
    assert named(found.raising) == [[None] * 3, ["amount", None, None]]
    assert named(found.lowering) == [[None] * 2, ["term_days", None]]


def test_among_equals_the_first_group_and_its_first_column_come_first():
    found = reasons([[0.2, 0.2, 0.1, 0.3, 0.4, 0.4], [-0.4, 0, -0.2, -0.2, -0.4, -0.4]])
    assert named(found.raising)[0] == ["late_share", "balance", "term_days"]
    assert named(found.lowering)[1] == ["late_share", "amount"]


@given(st.integers(0, 10_000))
def test_reasons_are_those_of_a_plain_ranking(seed):
    draw = np.random.default_rng(seed)
    given = np.round(draw.normal(size=(6, len(COLUMNS))), draw.integers(0, 3))  # ties
    found = reasons(given)
    for told, sign in ((found.raising, 1), (found.lowering, -1)):
        for row, tells in zip(sign * given, named(told), strict=True):
            worth = {
                g: sum(c for c, of in zip(row, GROUPS, strict=True) if of == g) for g in GROUPS
            }
            ranked = sorted((g for g in worth if worth[g] > LEAST), key=lambda g: -worth[g])
            expected = [
                max((i for i in range(6) if GROUPS[i] == g), key=lambda i: row[i])
                for g in ranked[: told.shape[1]]
            ]
            assert [t for t in tells if t] == [COLUMNS[i] for i in expected]


def test_each_row_is_told_its_own_value():
    rows = table(late_share=[0.382, 0.5, 0.382], term_days=[30, 1, np.nan])
    given = np.array([[0.3, -0.3], [-0.3, 0.3], [0.3, 0.2]])
    model = Said(("late_share", "term_days"), given, {"late_share": 0.1, "term_days": 14.0})
    found = give_reasons(model, rows)
    assert found.raising[:, 0].tolist() == [
        "invoices paid late: 38 % (usual: 10 %)",
        "payment term: 1 day (usual: 14 days)",
        "invoices paid late: 38 % (usual: 10 %)",
    ]
    assert found.lowering[:, 0].tolist() == [
        "payment term: 30 days (usual: 14 days)",
        "invoices paid late: 50 % (usual: 10 %)",
        None,
    ]
    assert found.raising[2, 1] == "payment term: none (usual: 14 days)"


def test_attributes_are_told_in_their_levels():
    rows = table(["Channel"], Channel=[1, 7, np.nan])
    model = Said(
        ("Channel",),
        np.full((3, 1), 0.5),
        encoding=Encoding({"Channel": ("Web", "Fax")}, {"Channel": "level"}, {}),
    )
    told = [text.split(": ")[1] for text in give_reasons(model, rows).raising[:, 0]]
    assert told == ["Fax", "other", "none"]


def test_no_rows_have_no_reasons():
    found = reasons([])
    assert found.raising.shape == (0, 3)
    assert found.lowering.shape == (0, 2)


@pytest.mark.parametrize("unit", sorted({feature.unit for feature in FEATURES}))
@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(np.nan), min_size=1, max_size=20))
@example([99.75, -99.75, 100.5, 0.25, -0.25, 0.005, 0.5, 1.5, 0.0, np.nan])
def test_values_are_said_one_by_one_as_they_are_said_together(unit, values):
    feature = next(f for f in FEATURES if f.unit == unit)
    exact = [v + 0.0 for v in values]  # no negative zero
    model = Said((feature.name,), np.empty((0, 1)), {feature.name: 3.0})
    tail = f" (usual: {say(feature, 3.0)})"
    expected = [f"{feature.said}: {say(feature, v)}{tail}" for v in exact]
    assert in_words(model, feature, np.array(values, dtype=np.float32)).tolist() == expected


def test_zero_is_said_without_a_sign():
    feature = FEATURE_NAMED["days_past_due"]
    model = Said((feature.name,), np.empty((0, 1)))
    words = in_words(model, feature, np.array([-0.0, 0.0], dtype=np.float32))
    assert words.tolist() == ["days past due: 0 days"] * 2
