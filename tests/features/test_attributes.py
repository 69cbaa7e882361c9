"""Which additional columns become features, at which levels, and what they read at a cutoff."""

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import SettingsError
from eventlog.log import micros
from eventlog.template import ATTRIBUTES, OUTCOME_NAMES
from features.attributes import CATEGORIES, MOST_LEVELS, choose_encoding
from tests.builders import happened, make_log
from tests.features.look import look, whole_encoding


def log_with(n: int = 200, **columns):
    """A log of n invoices posted day by day, with additional columns by invoice number."""
    rows = []
    for i in range(n):
        when = f"{pd.Timestamp('2023-01-01') + pd.Timedelta(days=i):%Y-%m-%d}"
        values = {name: value(i) for name, value in columns.items()}
        rows.append(happened(f"I{i}", "post", when, amount=100.0, **values))
    return make_log(*rows)


def test_a_column_of_a_hundred_levels_is_used_and_one_more_is_not():
    log = log_with(Hundred=lambda i: f"h{i % 100}", More=lambda i: f"m{i % 101}")
    found = whole_encoding(log)
    assert found.attributes == {"Hundred": "level"}
    assert len(found.levels["Hundred"]) == MOST_LEVELS
    assert found.left_out == {"More": "101 levels, more than 100"}


def test_a_template_column_keeps_its_hundred_most_frequent_levels():
    log = log_with(300, segment=lambda i: f"s{min(i, 120)}")
    levels = whole_encoding(log).levels["segment"]
    assert len(levels) == MOST_LEVELS
    assert levels[0] == "s120"


def test_a_date_after_its_row_bars_the_column():
    log = log_with(
        Ordered=lambda i: pd.Timestamp("2023-01-01") + pd.Timedelta(days=i - 3),
        Delivered=lambda i: pd.Timestamp("2023-01-01") + pd.Timedelta(days=i + (i == 7)),
    )
    found = whole_encoding(log)
    assert found.attributes == {"Ordered": "time"}
    assert found.left_out["Delivered"] == "a date later than its row's own time on 1 rows"


@pytest.mark.parametrize("name", ["ClosedDate", "Days_Late", "clearing date", "IsPaid"])
def test_a_column_with_the_name_of_an_outcome_is_barred(name):
    assert "".join(c for c in name.lower() if c.isalpha()) in OUTCOME_NAMES
    found = whole_encoding(log_with(**{name: lambda i: f"x{i % 3}"}))
    assert found.left_out == {name: "its name says that it is an outcome"}


@pytest.mark.parametrize("attribute", [a for a in ATTRIBUTES if a.answer], ids=lambda a: a.name)
def test_an_answer_of_the_extract_never_becomes_a_feature(attribute):
    value = {"number": lambda i: float(i % 7), "time": lambda _: pd.Timestamp("2023-01-01")}
    other = {"flag": lambda i: i % 2 == 0}.get(attribute.kind, lambda i: f"v{i % 3}")
    found = whole_encoding(log_with(**{attribute.name: value.get(attribute.kind, other)}))
    assert attribute.name not in found.attributes
    assert attribute.name not in found.levels


def test_a_number_that_is_different_on_every_invoice_is_an_identifier():
    log = log_with(DocEntry=lambda i: 1000 + 7 * i, Weight=lambda i: i / 7, Term=lambda i: i % 30)
    found = whole_encoding(log)
    assert found.attributes == {"Weight": "number", "Term": "number"}
    assert found.left_out["DocEntry"] == "an identifier: as many values as invoices"


def test_a_text_that_is_different_on_every_invoice_has_too_many_levels():
    found = whole_encoding(log_with(Voucher=lambda i: f"V-{i}"))
    assert found.left_out == {"Voucher": "200 levels, more than 100"}


def test_a_column_that_never_changes_is_left_out():
    found = whole_encoding(log_with(Plant=lambda _: "P1"))
    assert found.left_out == {"Plant": "the same on every row"}


def test_levels_and_columns_are_those_known_before_train_until():
    log = log_with(
        Channel=lambda i: ["web", "shop"][i % 2] if i < 100 else "phone",
        Late=lambda i: None if i < 100 else float(i % 5),
    )
    early = choose_encoding(log, micros("2023-04-11"))  # the first moment of row 100
    later = choose_encoding(log, micros("2023-04-11T00:00:00.000001"))
    assert set(early.levels["Channel"]) == {"web", "shop"}
    assert set(later.levels["Channel"]) == {"web", "shop", "phone"}


def test_a_column_that_was_empty_at_training_is_left_out():
    log = log_with(Rating=lambda i: None if i < 100 else float(i % 5))
    found = choose_encoding(log, micros("2023-04-11"))
    assert found.left_out == {"Rating": "empty up to train_until"}


def test_a_company_that_appears_later_is_no_level():
    log = make_log(
        happened("A", "post", "2024-01-01", company="DE"),
        happened("B", "post", "2024-06-01", company="US"),
    )
    assert choose_encoding(log, micros("2024-03-01")).levels["company"] == ("DE",)


def test_named_columns_are_used_exclusively_or_left_out():
    log = log_with(Channel=lambda i: "ab"[i % 2], Plant=lambda i: "xyz"[i % 3])
    until = log.ends_at + 1
    only = choose_encoding(log, until, only=["Plant"])
    without = choose_encoding(log, until, without=["Plant"])
    assert only.attributes == {"Plant": "level"}
    assert only.left_out == {"Channel": "not named in --attributes"}
    assert without.attributes == {"Channel": "level"}
    assert without.left_out == {"Plant": "excluded with --attributes"}


def test_naming_a_barred_column_does_not_admit_it():
    log = log_with(IsPaid=lambda i: "yn"[i % 2])
    assert choose_encoding(log, log.ends_at + 1, only=["IsPaid"]).attributes == {}


@pytest.mark.parametrize("argument", ["only", "without"])
def test_a_column_that_does_not_exist_is_an_error_that_names_what_there_is(argument):
    log = log_with(Channel=lambda i: "ab"[i % 2])
    with pytest.raises(SettingsError, match=r"names \['Chanel'\].*columns are \['Channel'\]"):
        choose_encoding(log, log.ends_at, **{argument: ["Channel", "Chanel"]})


def test_an_attribute_reads_as_last_stated_on_the_invoice():
    log = make_log(
        happened("A", "post", "2024-01-01", Channel="web", Score=1.5),
        happened("A", "call", "2024-01-10T12:00"),
        happened("A", "call", "2024-01-20T12:00", Channel="shop", Score=2.5),
        happened("B", "post", "2024-01-01", Channel="phone"),
    )
    levels = whole_encoding(log).levels["Channel"]
    told = [look(log, "A", f"2024-01-{day}") for day in ("05", "15", "25")]
    assert [levels[int(seen["Channel"])] for seen in told] == ["web", "web", "shop"]
    assert [seen["Score"] for seen in told] == [1.5, 1.5, 2.5]
    assert np.isnan(look(log, "B", "2024-01-05")["Score"])


def test_a_date_becomes_its_age():
    log = make_log(
        happened("A", "post", "2024-01-10", Founded=pd.Timestamp("2024-01-01")),
        happened("B", "post", "2024-01-10", Founded=pd.Timestamp("2024-01-02")),
    )
    assert look(log, "A", "2024-01-11T12:00")["Founded"] == 10.5


def test_a_level_that_training_did_not_know_is_missing():
    log = make_log(
        happened("A", "post", "2024-01-01", Channel="web", segment="Old"),
        happened("B", "post", "2024-01-02", Channel="shop", segment="Older"),
        happened("C", "post", "2024-02-01", Channel="phone", segment="New"),
    )
    encoding = choose_encoding(log, micros("2024-01-15"))
    known, unknown = (look(log, n, "2024-03-01", encoding=encoding) for n in ("A", "C"))
    assert not np.isnan([known["Channel"], known["segment"]]).any()
    assert np.isnan([unknown["Channel"], unknown["segment"]]).all()


def test_a_column_that_the_log_no_longer_has_is_missing():
    old = make_log(
        happened("A", "post", "2024-01-01", Channel="web", Score=1.0),
        happened("B", "post", "2024-01-02", Channel="shop", Score=2.0),
    )
    new = make_log(happened("A", "post", "2024-01-01", amount=5.0))
    seen = look(new, "A", "2024-01-03", encoding=whole_encoding(old))
    assert np.isnan([seen["Channel"], seen["Score"]]).all()


def test_the_encoding_names_levels_for_no_category_that_does_not_exist():
    log = log_with(Channel=lambda i: "ab"[i % 2], segment=lambda i: "ab"[i % 2])
    found = whole_encoding(log)
    assert set(found.levels) <= {*CATEGORIES, "Channel"}
