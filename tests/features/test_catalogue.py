"""The catalogue and the matrix name the same features, and people can read each."""

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from features.attributes import CATEGORIES
from features.catalogue import FEATURES, Unit, as_markdown, feature_of
from tests.features.drawn import encoding_of, matrix_of

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_matrix_computes_what_the_catalogue_lists_in_its_order():
    own = tuple(feature.name for feature in FEATURES)
    matrix = matrix_of(0)
    assert matrix.columns == own + tuple(encoding_of(0).attributes)


def test_every_name_stands_once():
    assert [n for n, count in Counter(f.name for f in FEATURES).items() if count > 1] == []


def test_every_unit_is_one_that_reasons_can_say():
    assert {feature.unit for feature in FEATURES} <= set(get_args(Unit))


def test_everything_is_said_and_explained():
    for feature in FEATURES:
        assert all((feature.name, feature.group, feature.said, feature.meaning)), feature
        assert feature.meaning.endswith("."), feature.name


def test_features_of_one_group_share_a_family():
    families = {}
    for feature in FEATURES:
        families.setdefault(feature.group, set()).add(feature.family)
    mixed = {group for group, found in families.items() if len(found) > 1}
    assert mixed <= {"credit limit", "due date"}


def test_categories_are_those_that_the_matrix_encodes():
    assert {f.name for f in FEATURES if f.unit == "category"} == set(CATEGORIES)


@pytest.mark.parametrize(
    ("kind", "unit", "said"),
    [
        ("number", "ratio", "Score"),
        ("time", "days", "days since Score"),
        ("level", "category", "Score"),
    ],
)
def test_an_additional_attribute_has_an_entry_of_its_own(kind, unit, said):
    entry = feature_of("Score", kind)
    assert (entry.family, entry.unit, entry.said, entry.group) == ("attribute", unit, said, "Score")


def test_a_known_name_keeps_its_entry():
    assert feature_of("balance", "level").family == "invoice"


def test_the_page_lists_every_feature():
    page = as_markdown()
    assert all(f"| `{feature.name}` | {feature.unit} |" in page for feature in FEATURES)


def test_the_page_in_docs_is_the_generated_one():
    assert PAGE.read_text(encoding="utf-8").strip() == as_markdown().strip()


@pytest.mark.parametrize("name", ["horizon_days", "days_past_due_then"])
def test_a_horizon_is_asked_for_and_no_attribute_of_the_log(name):
    found = feature_of(name)
    assert (found.family, found.unit) == ("horizon", "days")
    assert "Additional attribute" not in found.meaning
    assert name not in {feature.name for feature in FEATURES}
