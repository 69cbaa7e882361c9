"""A recipe file changes a recipe as it says, and nothing slips through that it does not know."""

import json

import pytest

from eventlog.errors import NotFoundError, SettingsError
from training.fit import Recipe
from training.recipe_file import RecipeFile, as_text, read_recipe, write_recipe

FOUND = RecipeFile(
    target="late_payment",
    parameters={"num_leaves": 8, "learning_rate": 0.02, "extra_trees": True},
    left_out=("due_weekday", "Zahlungsart (neu)"),
    half_life_days=365.0,
    chosen={"study": "late_payment-20200101-abc", "trials": 40, "adopted": True},
)


def written(tmp_path, **changes):
    """A recipe file with some of its document changed."""
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(json.loads(as_text(FOUND)) | changes), encoding="utf-8")
    return path


def test_what_is_written_is_read_back_as_it_was(tmp_path):
    write_recipe(tmp_path / "recipe.json", FOUND)
    assert read_recipe(tmp_path / "recipe.json") == FOUND


def test_a_recipe_takes_the_changes_and_keeps_the_rest():
    before = Recipe(rhythm="posting", seeds=5, threads=2, only=("Region",))
    after = FOUND.applied(before, "late_payment")
    assert (after.parameters, after.left_out) == (FOUND.parameters, FOUND.left_out)
    assert after.half_life_days == 365.0
    assert (after.rhythm, after.seeds, after.threads, after.only) == ("posting", 5, 2, ("Region",))


def test_another_target_is_refused():
    with pytest.raises(SettingsError, match=r"tuned for late_payment, not for write_off"):
        FOUND.applied(Recipe(), "write_off")


def test_a_whole_number_stands_for_a_number(tmp_path):
    path = written(tmp_path, recipe={"parameters": {"lambda_l2": 3}, "half_life_days": 90})
    found = read_recipe(path)
    assert found.parameters == {"lambda_l2": 3.0}
    assert isinstance(found.parameters["lambda_l2"], float)
    assert found.half_life_days == 90.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipes": {}}, r"unknown keys \['recipes'\]"),
        ({"recipe": {"halflife": 3}}, r"'recipe' in .* unknown keys \['halflife'\]"),
        ({"recipe": {"parameters": {"num_leafs": 3}}}, r"unknown keys \['num_leafs'\]"),
        ({"recipe": {"parameters": {"objective": "l2"}}}, r"unknown keys \['objective'\]"),
        ({"recipe": {"parameters": {"num_leaves": 3.5}}}, r"'num_leaves'.*a whole number"),
        ({"recipe": {"parameters": {"num_leaves": True}}}, r"'num_leaves'.*a whole number"),
        ({"recipe": {"parameters": {"extra_trees": 1}}}, r"'extra_trees'.*true or false"),
        ({"recipe": {"parameters": {"feature_fraction": 1.5}}}, r"from 0.01 to 1"),
        ({"recipe": {"parameters": {"lambda_l1": float("nan")}}}, r"'lambda_l1'.*is nan"),
        ({"recipe": {"half_life_days": -1}}, r"'half_life_days'.*is -1.*from 0"),
        ({"recipe": {"left_out": "due_weekday"}}, r"'left_out'.*List names of features"),
        ({"recipe": []}, r"'recipe' in .* is \[\]. Write a JSON object"),
        ({"chosen": 3}, r"'chosen' in .* is 3"),
        ({"target": "early_payment"}, r"target 'early_payment'. Name one of"),
        ({"format": 2}, r"has format 2, this version reads 1"),
    ],
)
def test_what_is_not_known_or_out_of_range_is_refused(tmp_path, changes, said):
    with pytest.raises(SettingsError, match=said):
        read_recipe(written(tmp_path, **changes))


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(NotFoundError, match=r"no recipe at .*none.json.*duecast tune"):
        read_recipe(tmp_path / "none.json")


def test_a_file_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "recipe.json").write_text("num_leaves = 3", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"recipe.json is not valid JSON"):
        read_recipe(tmp_path / "recipe.json")


def test_nothing_is_written_that_would_not_be_read():
    with pytest.raises(SettingsError, match=r"'num_leaves'.*is 1"):
        as_text(RecipeFile("late_payment", parameters={"num_leaves": 1}))
