"""Columns are left out group by group, the least useful first."""

import numpy as np
import pytest

from training.model import fit_booster
from training.selection import families_of, gain_of_groups, groups_of, weakest

COLUMNS = ("amount", "balance", "due_weekday", "late_share", "Region")
GAIN = {"Region": 0.0, "calendar": 0.02, "amount": 0.18, "late record": 0.8}


def test_columns_are_parted_by_family_and_by_group():
    assert families_of(COLUMNS) == {
        "invoice": ("amount", "balance"),
        "calendar": ("due_weekday",),
        "customer": ("late_share",),
        "attribute": ("Region",),
    }
    assert groups_of(COLUMNS) == {
        "amount": ("amount", "balance"),
        "calendar": ("due_weekday",),
        "late record": ("late_share",),
        "Region": ("Region",),
    }


def test_gain_goes_to_the_group_that_tells_the_outcome():
    draw = np.random.default_rng(0)
    values = draw.random((600, len(COLUMNS))).astype(np.float32)
    y = (values[:, 3] > 0.5).astype(np.float64)
    booster = fit_booster(values, y, np.arange(600, dtype=np.int32), COLUMNS, (), 20, threads=1)
    found = gain_of_groups(booster, COLUMNS)
    assert list(found)[-1] == "late record"
    assert found["late record"] > 0.8
    assert sum(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("most", "left_out"),
    [
        (0.0, ()),
        (0.01, ("Region",)),
        (0.02, ("due_weekday", "Region")),
        (0.2, ("amount", "balance", "due_weekday", "Region")),
    ],
)
def test_the_weakest_groups_go_as_far_as_their_gain_together_allows(most, left_out):
    assert weakest(GAIN, COLUMNS, most) == left_out
