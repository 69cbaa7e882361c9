"""Promises told apart one by one are those that the ledger counts."""

import numpy as np
import pytest

from eventlog.kpis.months import months_until
from eventlog.kpis.promises import BROKEN, KEPT, OPEN, RESCHEDULED, VOID, promises_of
from eventlog.kpis.seen import Seen
from eventlog.ledger import keep_ledger
from eventlog.log import MINOR, EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import rates_for
from tests.builders import happened, make_log
from tests.features.drawn import random_log, rates

POST = happened("A", "post", "2024-01-01", amount=100, due="2024-02-01")


def seen_at(log: EventLog, cutoff: int) -> Seen:
    months = months_until(cutoff, 3)
    known = log.upto(months.seen_from)
    several = len(log.columns["CurrencyCode"].levels) > 1 if "CurrencyCode" in log.columns else 0
    table = rates() if several else rates_for(log, None)
    return Seen(known, keep_ledger(known, Policy()), months, Policy(), table)


def stands(*rows, cutoff="2024-06-01") -> list[int]:
    """How the promises of one invoice stand."""
    log = make_log(POST, *rows)
    return promises_of(seen_at(log, micros(cutoff)))["how"].tolist()


@pytest.mark.parametrize("seed", range(10))
def test_kept_and_broken_promises_add_up_to_the_ledgers(seed):
    log = random_log(seed)
    for cutoff in np.quantile(log.known_at, [0.4, 0.8, 1.0]).astype(np.int64).tolist():
        seen = seen_at(log, cutoff + 1)
        found = promises_of(seen)
        everyone = np.arange(log.n_invoices, dtype=np.int32)
        book = seen.ledger.as_of(everyone, np.full(len(everyone), seen.cutoff))
        for how, field in ((KEPT, "n_kept"), (BROKEN, "n_broken"), (OPEN, "promise_open")):
            count = np.bincount(found["invoice"][found["how"] == how], minlength=log.n_invoices)
            np.testing.assert_array_equal(count, book[field], err_msg=f"{field} at {cutoff}")


def test_a_promise_paid_in_its_window_is_kept_and_another_broken():
    paid = happened("A", "promise", "2024-02-01", promised="2024-02-10", promised_amount=40)
    late = happened("A", "promise", "2024-02-20", promised="2024-02-28", promised_amount=60)
    assert stands(paid, happened("A", "pay", "2024-02-09", moved=40), late) == [KEPT, BROKEN]


def test_a_new_promise_takes_the_place_of_the_open_one():
    first = happened("A", "promise", "2024-02-01", promised="2024-02-10")
    second = happened("A", "promise", "2024-02-05", promised="2024-02-20")
    assert stands(first, second, cutoff="2024-02-10") == [RESCHEDULED, OPEN]


def test_a_dispute_makes_a_promise_void():
    promise = happened("A", "promise", "2024-02-01", promised="2024-02-10")
    assert stands(promise, happened("A", "dispute", "2024-02-03")) == [VOID]


def test_a_payment_recorded_late_keeps_the_promise_that_it_falls_into():
    rows = (
        happened("A", "promise", "2024-02-01", promised="2024-02-05", promised_amount=10),
        happened("A", "promise", "2024-02-20", promised="2024-02-25", promised_amount=10),
        happened("A", "pay", "2024-02-24", moved=10, recorded="2024-04-01"),
    )
    assert stands(*rows, cutoff="2024-03-15") == [BROKEN, BROKEN]
    assert stands(*rows) == [BROKEN, KEPT]


def test_a_payment_that_bounces_breaks_the_promise_again():
    rows = (
        happened("A", "promise", "2024-02-01", promised="2024-02-10", promised_amount=40),
        happened("A", "pay", "2024-02-09", moved=40),
        happened("A", "reverse", "2024-03-20", moved=40),
    )
    assert stands(*rows, cutoff="2024-03-01") == [KEPT]
    assert stands(*rows) == [BROKEN]


def test_without_a_stated_amount_the_whole_balance_is_promised():
    log = make_log(POST, happened("A", "promise", "2024-02-01", promised="2024-02-10"))
    found = promises_of(seen_at(log, micros("2024-02-02")))
    assert found["target"].tolist() == [100 * MINOR]
