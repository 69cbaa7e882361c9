"""The policy file: decisions are read as meant, slips are refused by name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from eventlog.errors import NotFoundError, SettingsError
from eventlog.policy import Policy, checked, read_policy


def read(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path)


def test_without_a_file_the_defaults_hold() -> None:
    assert read_policy(None) == Policy()


def test_the_defaults_lie_in_their_ranges() -> None:
    assert checked(Policy()) == Policy()


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    policy = read(tmp_path, "late_after_days = 10\ndunning_days = [5, 15]\n")
    assert policy == Policy(late_after_days=10, dunning_days=(5, 15))


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Policy()


def test_a_whole_number_will_do_for_a_number(tmp_path: Path) -> None:
    tolerance = read(tmp_path, "settled_tolerance = 2\n").settled_tolerance
    assert (tolerance, type(tolerance)) == (2.0, float)


def test_no_dunning_is_a_policy(tmp_path: Path) -> None:
    assert read(tmp_path, "dunning_days = []\n").dunning_days == ()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no policy file at .*nowhere\.toml"):
        read_policy(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("content", [b"late_after_days = ", b"late_after_days = '\xff'"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="is not valid TOML"):
        read_policy(path)


def test_an_unknown_key_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"unknown keys \['late_days'\].*late_after_days"):
        read(tmp_path, "late_days = 5\n")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("late_after_days = 5.5", "a whole number"),
        ("late_after_days = true", "a whole number"),
        ("late_after_days = '5'", "a whole number"),
        ("annual_rate = '8 %'", "a number"),
        ("annual_rate = true", "a number"),
        ("reporting_currency = 1", "a text"),
        ("dunning_days = 7", "a list of whole numbers"),
        ("dunning_days = ['7']", "a list of whole numbers"),
        ("dunning_days = [true]", "a list of whole numbers"),
        ("dunning_paused_by = 'dispute'", "a list of texts"),
        ("dunning_paused_by = [1]", "a list of texts"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, line: str, wanted: str) -> None:
    name = line.split(" ")[0]
    with pytest.raises(SettingsError, match=rf"'{name}' in .*policy\.toml is .*Write {wanted}\."):
        read(tmp_path, line)


RANGES = {
    "late_after_days": (0, 365),
    "very_late_after_days": (1, 365),
    "still_open_days": (1, 730),
    "write_off_horizon_days": (1, 3650),
    "promise_grace_days": (0, 60),
    "promise_default_days": (0, 365),
    "settled_tolerance": (0, 1_000_000),
    "loss_given_default": (0, 1),
    "annual_rate": (0, 10),
    "quiet_days": (0, 365),
    "dunning_tolerance_days": (0, 60),
    "dunning_min_balance": (0, 1_000_000),
    "band_high": (0.2, 1),
    "band_medium": (0, 0.5),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_are_allowed_and_what_lies_beyond_is_not(name: str) -> None:
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(Policy().changed(**{name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(SettingsError, match=f"'{name}'"):
            Policy().changed(**{name: value})


def test_every_number_has_a_range() -> None:
    numbers = {f.name for f in fields(Policy) if type(f.default) in (int, float)}
    assert numbers == set(RANGES)


def test_no_number_at_all_lies_in_no_range(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'annual_rate' is nan\. Choose a number from 0 to 10"):
        read(tmp_path, "annual_rate = nan\n")


def test_the_lower_band_does_not_lie_above_the_higher(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'band_medium' \(0.6\) lies above 'band_high'"):
        read(tmp_path, "band_medium = 0.6\n")


@pytest.mark.parametrize("days", [(7, 7), (21, 7), (-1, 7)])
def test_dunning_days_rise(days: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="List rising days past due"):
        Policy().changed(dunning_days=days)


def test_a_policy_has_at_most_thirty_letters() -> None:
    assert len(Policy().changed(dunning_days=tuple(range(30))).dunning_days) == 30
    with pytest.raises(SettingsError, match=r"lists 31 letters\. List at most 30"):
        Policy().changed(dunning_days=tuple(range(31)))


def test_what_pauses_dunning_is_chosen_from_a_list(tmp_path: Path) -> None:
    assert read(tmp_path, "dunning_paused_by = []\n").dunning_paused_by == ()
    assert read(tmp_path, "dunning_paused_by = ['agency']\n").dunning_paused_by == ("agency",)
    with pytest.raises(SettingsError, match=r"names \['holiday'\].*Choose among \['dispute'"):
        read(tmp_path, "dunning_paused_by = ['dispute', 'holiday']\n")


# Changes


def test_a_change_of_none_leaves_a_value_as_it_is() -> None:
    assert Policy(quiet_days=9).changed(quiet_days=None, annual_rate=0.1) == Policy(
        quiet_days=9, annual_rate=0.1
    )


def test_what_a_run_keeps_of_a_policy_gives_the_same_policy() -> None:
    policy = Policy(late_after_days=9, dunning_days=(1, 2), reporting_currency="EUR")
    kept = policy.as_dict() | {"dunning_days": list(policy.dunning_days)}  # as JSON keeps it
    assert Policy().changed(**kept) == policy


def test_a_record_from_before_a_key_gives_its_default() -> None:
    before = Policy(late_after_days=9).as_dict()
    added = ("dunning_tolerance_days", "dunning_paused_by", "dunning_min_balance")
    kept = {name: value for name, value in before.items() if name not in added}
    assert Policy().changed(**kept) == Policy(late_after_days=9)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"late_days": 5}, r"unknown keys \['late_days'\]"),
        ({"late_after_days": "5"}, r"'late_after_days' in The policy is '5'"),
        ({"dunning_days": ("7",)}, "a list of whole numbers"),
    ],
)
def test_a_change_is_checked_as_a_file_is(change: dict[str, Any], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        Policy().changed(**change)


def test_a_policy_is_not_changed_in_place() -> None:
    policy = Policy()
    policy.changed(late_after_days=9)
    assert policy.late_after_days == 5
