"""The catalogue of a scored invoice's columns."""

from serving.schema import FILTER_COLUMNS, REQUIRED, SCORES, SEARCH_COLUMNS, TOTAL_COLUMNS
from serving.worklist import COLUMN_NAMED, COLUMNS


def test_no_column_is_named_twice():
    assert len(COLUMN_NAMED) == len(COLUMNS)


def test_the_stored_columns_are_those_of_the_catalogue_in_its_order():
    assert [column.name for column in SCORES.columns] == [column.name for column in COLUMNS]


def test_what_is_filtered_searched_and_added_up_is_in_the_catalogue():
    used = {*FILTER_COLUMNS, *SEARCH_COLUMNS, *TOTAL_COLUMNS, *REQUIRED}
    assert used <= set(COLUMN_NAMED)


def test_every_amount_and_number_states_its_unit():
    bare = [
        column.name
        for column in COLUMNS
        if column.kind in ("money", "number", "probability", "time") and not column.unit
    ]
    assert bare == []


def test_every_column_has_a_label_and_a_sentence():
    assert all(column.label and column.meaning.endswith(".") for column in COLUMNS)
