"""Peer rates are those of the group, as decided by the cutoff, over those of everybody."""

import numpy as np
import pytest

from eventlog.errors import DataError
from features.catalogue import FEATURES
from features.matrix import build_matrix, peer_record
from features.peers import PRIOR_CASES
from tests.builders import happened, make_log
from tests.features.drawn import (
    POLICY,
    encoding_of,
    ledger_of,
    matrix_of,
    random_log,
    rates,
    snapshots_of,
)
from tests.features.look import look
from tests.features.oracle import Oracle, peer_answers

OF_PEERS = sorted(feature.name for feature in FEATURES if feature.family == "peers")


@pytest.mark.parametrize("seed", range(6))
def test_every_rate_equals_the_loop_over_all_invoices(seed):
    matrix = matrix_of(seed)
    wrong = {}
    for k in range(0, len(matrix.snapshots), 3):
        code, cutoff = int(matrix.snapshots.invoice[k]), int(matrix.snapshots.cutoff[k])
        expected = peer_answers(Oracle(random_log(seed), ledger_of(seed), rates(), code, cutoff))
        assert sorted(expected) == OF_PEERS
        for name, value in expected.items():
            found = float(matrix[name][k])
            if not np.isclose(found, value, rtol=2e-6):
                wrong.setdefault(name, []).append((k, found, value))
    assert not wrong


def group_of(segment: str, n_late: int, n_on_time: int):
    for i in range(n_late + n_on_time):
        name = f"{segment}{i}"
        yield happened(name, "post", "2024-01-01", amount=50.0, due="2024-01-10", segment=segment)
        paid = "2024-02-20" if i < n_late else "2024-01-05"
        yield happened(name, "pay", paid, moved=50.0)


def test_a_segment_that_pays_later_than_all_stands_above_one():
    log = make_log(
        *group_of("bad", 8, 2),
        *group_of("good", 0, 10),
        happened("A", "post", "2024-03-01", amount=50.0, segment="bad"),
        happened("B", "post", "2024-03-01", amount=50.0, segment="good"),
        happened("C", "post", "2024-03-01", amount=50.0, segment="new"),
        happened("D", "post", "2024-03-01", amount=50.0),
    )
    found = {name: look(log, name, "2024-03-02")["segment_late_ratio"] for name in "ABCD"}
    whole = 8 / 20
    assert found["A"] == pytest.approx((8 + PRIOR_CASES * whole) / (10 + PRIOR_CASES) / whole)
    assert found["B"] == pytest.approx((PRIOR_CASES * whole) / (10 + PRIOR_CASES) / whole)
    assert found["C"] == 1
    assert found["D"] == 1


def test_lateness_that_is_not_decided_yet_says_nothing():
    log = make_log(
        *group_of("bad", 8, 2),
        *group_of("good", 0, 10),
        happened("A", "post", "2024-01-02", amount=50.0, segment="bad"),
    )
    assert look(log, "A", "2024-01-15")["segment_late_ratio"] == 1
    assert look(log, "A", "2024-01-16")["segment_late_ratio"] > 1


def test_while_nothing_is_decided_every_group_is_as_everybody():
    log = make_log(happened("A", "post", "2024-01-01", amount=50.0, segment="bad"))
    seen = look(log, "A", "2024-01-02")
    assert {seen[name] for name in OF_PEERS} == {1.0}


def test_a_record_of_other_cutoffs_is_refused():
    log, snapshots = random_log(0), snapshots_of(0)
    record = peer_record(log, np.unique(snapshots.cutoff)[1:], POLICY, rates())
    with pytest.raises(DataError, match="not made for these cutoffs"):
        build_matrix(log, snapshots, encoding_of(0), POLICY, rates(), record=record)
