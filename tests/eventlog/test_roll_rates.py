"""Every unit of an open balance is somewhere at the next month's end."""

import numpy as np
import pandas as pd
import pytest

from eventlog.ledger import AGEING, keep_ledger
from eventlog.log import MINOR, micros
from eventlog.policy import Policy
from eventlog.rates import rates_for, rates_from_table
from eventlog.roll_rates import follow_balances
from tests.builders import happened, make_log
from tests.features.drawn import ledger_of, random_log, rates


def followed(*rows, moments=("2024-03-01", "2024-04-01"), table=None):
    log = make_log(*rows)
    ends = np.array([micros(moment) for moment in moments])
    return follow_balances(log, keep_ledger(log, Policy()), ends, table or rates_for(log, None))


def test_a_balance_paid_in_part_goes_on_with_what_is_left():
    found = followed(
        happened("A", "post", "2024-02-01", amount=100, due="2024-03-10"),
        happened("A", "pay", "2024-03-05", moved=30),
    )
    assert [AGEING[i] for i in (found.bucket[0], found.later[0])] == ["not due", "1-30"]
    assert (found.balance[0], found.remaining[0], found.written_off[0]) == (
        100 * MINOR,
        70 * MINOR,
        0,
    )


def test_what_is_written_off_is_neither_remaining_nor_settled():
    found = followed(
        happened("A", "post", "2024-02-01", amount=100, due="2024-02-10"),
        happened("A", "lose", "2024-03-05", moved=100),
    )
    assert (found.remaining[0], found.written_off[0]) == (0, 100 * MINOR)


def test_at_the_last_moment_nothing_has_become_of_a_balance():
    found = followed(happened("A", "post", "2024-02-01", amount=100, due="2024-03-10"))
    last = found.month == 1
    np.testing.assert_array_equal(found.remaining[last], found.balance[last])


def test_a_currency_that_is_stated_later_is_not_known_before():
    table = rates_from_table(
        pd.DataFrame({"currency": ["USD"], "date": ["2024-01-01"], "rate": ["0.5"]}), "EUR"
    )
    found = followed(
        happened("A", "post", "2024-02-01", amount=100, due="2024-03-10"),
        happened("A", "call", "2024-03-15", currency="USD"),
        table=table,
    )
    assert found.balance.tolist() == [100 * MINOR, 50 * MINOR]


@pytest.mark.parametrize("seed", range(6))
def test_remaining_and_lost_never_exceed_what_was_owed(seed):
    log = random_log(seed)
    ends = np.quantile(log.known_at, np.linspace(0.2, 1, 8)).astype(np.int64)
    found = follow_balances(log, ledger_of(seed), ends, rates())
    assert (found.remaining >= 0).all()
    assert (found.written_off >= 0).all()
    assert (found.remaining + found.written_off <= found.balance).all()
