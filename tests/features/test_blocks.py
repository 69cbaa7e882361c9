"""Blocks hold every customer, event and snapshot once; results do not depend on how one cuts."""

import time

import numpy as np
import pytest

from eventlog.blocks import in_parallel
from features import blocks
from features.blocks import blocks_of
from features.matrix import build_matrix
from tests.features.drawn import POLICY, encoding_of, matrix_of, random_log, rates, snapshots_of


@pytest.mark.parametrize("size", [1, 60, 10**6])
def test_every_event_and_every_snapshot_is_in_one_block(size):
    log, snapshots = random_log(0), snapshots_of(0)
    cut = list(blocks_of(log, snapshots, size))
    rows = np.concatenate([block.log.row for block in cut])
    np.testing.assert_array_equal(rows, log.row)
    places = np.concatenate([block.rows for block in cut])
    np.testing.assert_array_equal(np.sort(places), np.arange(len(snapshots)))
    assert len(cut) == {1: log.n_customers, 10**6: 1}.get(size, len(cut))


def test_a_block_names_its_invoices_and_customers_as_the_log_does():
    log, snapshots = random_log(0), snapshots_of(0)
    for block in blocks_of(log, snapshots, 60):
        part = block.log
        names = part.invoice_keys["invoice"].to_numpy()[block.snapshots.invoice]
        whole = log.invoice_keys["invoice"].to_numpy()[snapshots.invoice[block.rows]]
        np.testing.assert_array_equal(names, whole)
        assert part.invoice.max() < part.n_invoices
        assert part.customer.max() < part.n_customers
        assert part.invoice_customer.max() < part.n_customers


@pytest.mark.parametrize("size", [1, 60, 300])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_matrix_is_the_same_bit_for_bit_however_the_log_is_cut(monkeypatch, size, threads):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", size)
    for seed in (1, 2):
        found = build_matrix(
            random_log(seed),
            snapshots_of(seed),
            encoding_of(seed),
            POLICY,
            rates(),
            threads=threads,
        )
        np.testing.assert_array_equal(found.values, matrix_of(seed).values)


@pytest.mark.parametrize("threads", [1, 2])
def test_results_come_in_the_order_of_the_blocks_and_none_is_left_out(threads):
    def slow_at_first(number: int) -> int:
        time.sleep(0.01 if number == 0 else 0)
        return number

    numbers = iter(range(25))
    assert list(in_parallel(slow_at_first, numbers, threads)) == list(range(25))


def test_an_error_in_a_block_is_not_swallowed():
    def fails(number: int) -> int:
        raise ValueError(f"block {number}")

    with pytest.raises(ValueError, match="block 0"):
        list(in_parallel(fails, iter(range(3)), 2))
