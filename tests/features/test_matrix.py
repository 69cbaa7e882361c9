"""The matrix as a whole: units kept, rows in order, partitions alike."""

from dataclasses import replace

import numpy as np
import pytest

from eventlog.log import EventLog
from features.catalogue import FEATURES
from features.matrix import build_matrix
from features.snapshots import Snapshots
from tests.features.drawn import (
    POLICY,
    encoding_of,
    matrix_of,
    random_log,
    rates,
    snapshots_of,
)

SEEDS = range(12)
#: A difference of two shares.
SIGNED = {"late_share_trend"}


def values_of(name: str) -> np.ndarray:
    values = np.concatenate([matrix_of(seed)[name] for seed in SEEDS])
    return values[~np.isnan(values)]


def test_nothing_is_infinite():
    assert not any(np.isinf(matrix_of(seed).values).any() for seed in SEEDS)


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [("share", 0, 1), ("count", 0, 1e6), ("yes/no", 0, 1), ("category", 0, 99)],
)
def test_values_stay_within_their_unit(unit, low, high):
    named = [f.name for f in FEATURES if f.unit == unit and f.name not in SIGNED]
    wrong = {
        name: (float(values.min()), float(values.max()))
        for name in named
        if len(values := values_of(name)) and not (low <= values.min() <= values.max() <= high)
    }
    assert not wrong


@pytest.mark.parametrize("unit", ["count", "yes/no", "category", "level"])
def test_what_is_counted_is_whole(unit):
    named = [f.name for f in FEATURES if f.unit == unit]
    assert [name for name in named if (values_of(name) % 1 != 0).any()] == []


def test_columns_are_taken_by_name_and_rows_by_mask_or_position():
    matrix = matrix_of(0)
    mask = np.arange(len(matrix.snapshots)) % 3 == 0
    some = matrix.take(mask)
    again = matrix.take(np.flatnonzero(mask))
    np.testing.assert_array_equal(some.values, again.values)
    np.testing.assert_array_equal(some["balance"], matrix["balance"][mask])
    np.testing.assert_array_equal(some.snapshots.invoice, matrix.snapshots.invoice[mask])


def test_a_row_does_not_depend_on_which_other_rows_are_asked_for():
    matrix, snapshots = matrix_of(1), snapshots_of(1)
    rows = np.array([len(snapshots) - 1, 4, 0])
    alone = build_matrix(random_log(1), snapshots.take(rows), encoding_of(1), POLICY, rates())
    np.testing.assert_array_equal(alone.values, matrix.values[rows])


def test_no_snapshots_give_an_empty_matrix():
    none = Snapshots(np.empty(0, np.int32), np.empty(0, np.int64))
    matrix = build_matrix(random_log(0), none, encoding_of(0), POLICY, rates())
    assert matrix.values.shape == (0, len(matrix.columns))


def of_customers(log: EventLog, customers: np.ndarray) -> EventLog:
    """The events of some customers, codes unchanged."""
    keep = np.isin(log.customer, customers)
    by_event = ("invoice", "customer", "activity", "event_time", "known_at", "row")
    return replace(
        log,
        **{name: getattr(log, name)[keep] for name in by_event},
        columns={name: column.take(keep) for name, column in log.columns.items()},
    )


@pytest.mark.parametrize("seed", [0, 5])
def test_invoice_and_customer_features_of_a_part_of_the_customers_are_those_of_the_whole(seed):
    log, snapshots, whole = random_log(seed), snapshots_of(seed), matrix_of(seed)
    part = np.array([0, 2])
    mine = np.isin(log.invoice_customer[snapshots.invoice], part)
    some = of_customers(log, part)
    alone = build_matrix(some, snapshots.take(mine), encoding_of(seed), POLICY, rates())
    assert mine.any()
    for feature in FEATURES:
        if feature.family != "peers":
            np.testing.assert_array_equal(
                alone[feature.name], whole[feature.name][mine], err_msg=feature.name
            )
