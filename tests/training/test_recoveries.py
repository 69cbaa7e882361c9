"""Loss given default is what the recoveries known at a moment say, and the policy's number else."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eventlog.ledger import keep_ledger
from eventlog.log import DAY, EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_for, rates_from_table
from eventlog.reader import log_from_frame
from tests.builders import frames, happened, make_log
from tests.training.company import company_frame, company_log, company_rates
from training.recoveries import (
    FEWEST_WRITE_OFFS,
    PRIOR_CUSTOMERS,
    LossGivenDefault,
    add_write_offs,
    count_write_offs,
    estimate_loss,
    loss_given_default,
)

POLICY = Policy(loss_given_default=0.8)
CUTOFF = micros("2025-06-01")


def written_off(
    number: int, amount: float, back: float = 0.0, lost_on: str = "2024-03-01", **attributes: object
) -> list[dict]:
    """An invoice that is written off and, if anything comes back, recovered 60 days later."""
    customer = attributes.pop("customer", f"C{number}")
    rows = [
        happened(f"I{number}", "post", "2023-12-01", amount=amount, customer=customer),
        happened(f"I{number}", "lose", lost_on, moved=amount, customer=customer),
    ]
    if back:
        later = f"{pd.Timestamp(lost_on) + pd.Timedelta(days=60):%Y-%m-%d}"
        rows.append(happened(f"I{number}", "recover", later, moved=back, customer=customer))
    return [row | attributes for row in rows]


def estimated(
    *cases: list[dict], cutoff: int = CUTOFF, rates: Rates | None = None, **changes: object
) -> LossGivenDefault:
    log = make_log(*(row for case in cases for row in case))
    return loss_given_default(
        log, cutoff, POLICY, rates_for(log, rates), threads=1, repeats=50, **changes
    )


def twenty(back: float = 30.0) -> list[list[dict]]:
    """Twenty customers, 100 written off of each."""
    return [written_off(i, 100.0, back) for i in range(20)]


def test_what_did_not_come_back_is_the_share_drawn_towards_the_policy():
    found = estimated(*twenty(30.0))
    assert found.source == "recoveries"
    assert found.observed == pytest.approx(0.7)
    assert found.effective_customers == pytest.approx(20.0)
    assert found.value == pytest.approx((20 * 0.7 + 10 * 0.8) / 30)
    assert (found.n_write_offs, found.n_customers, found.n_young) == (20, 20, 0)
    assert (found.written_off, found.recovered) == (2000.0, 600.0)
    assert (found.maturity_days, found.prior, found.prior_customers) == (365, 0.8, 10.0)
    assert found.reason == (
        "From the recoveries of 20 write-offs older than 365 days at 2025-06-01."
    )


def test_a_large_write_off_counts_by_its_amount_and_as_one_customer():
    found = estimated(*twenty(100.0), written_off(20, 8000.0))
    assert found.observed == pytest.approx(0.8)
    assert found.effective_customers == pytest.approx(10_000**2 / (20 * 100**2 + 8000**2))
    weight = found.effective_customers
    assert found.value == pytest.approx((weight * 0.8 + PRIOR_CUSTOMERS * 0.8) / (weight + 10))


def test_write_offs_of_one_customer_count_as_one_customer():
    found = estimated(*(written_off(i, 100.0, 30.0, customer="Acme") for i in range(20)))
    assert (found.n_write_offs, found.n_customers) == (20, 1)
    assert found.effective_customers == pytest.approx(1.0)


@pytest.mark.parametrize(("days", "counted"), [(364, 20), (365, 21)])
def test_a_write_off_counts_from_the_day_on_which_it_is_old_enough(days, counted):
    day = pd.Timestamp("2025-06-01") - pd.Timedelta(days=days)
    found = estimated(*twenty(), written_off(20, 100.0, lost_on=str(day)), cutoff=CUTOFF + DAY - 1)
    assert (found.n_write_offs, found.n_young) == (counted, 21 - counted)


def test_a_recovery_counts_however_late_it_comes_but_not_before_it_is_known():
    late = [*written_off(20, 100.0), happened("I20", "recover", "2025-05-31", moved=40)]
    later = [*written_off(20, 100.0), happened("I20", "recover", "2025-06-01", moved=40)]
    for case in (late, later):
        case[-1]["CustomerName"] = "C20"
    assert estimated(*twenty(), late).recovered == 640.0
    assert estimated(*twenty(), later).recovered == 600.0


def test_no_more_is_recovered_than_was_written_off():
    assert estimated(*twenty(), written_off(20, 100.0, 250.0)).recovered == 700.0


def test_a_recovery_that_is_taken_back_is_none():
    case = [*written_off(20, 100.0, 50.0), happened("I20", "reverse", "2024-07-01", moved=50)]
    case[-1]["CustomerName"] = "C20"
    assert estimated(*twenty(), case).recovered == 600.0


def test_a_write_off_of_an_unknown_amount_is_left_out():
    case = [
        happened("I20", "post", "2023-12-01", customer="C20"),
        happened("I20", "lose", "2024-03-01", customer="C20"),
    ]
    assert estimated(*twenty(), case).n_write_offs == 20


def test_too_few_write_offs_leave_it_to_the_policy_and_say_so():
    found = estimated(*twenty()[1:])
    assert (found.value, found.source, found.low, found.high) == (0.8, "policy", None, None)
    assert found.observed == pytest.approx(0.7)
    assert found.reason == (
        "The policy's number: 19 write-offs are older than 365 days at 2025-06-01, 20 are needed."
    )
    assert FEWEST_WRITE_OFFS == 20


def test_a_log_without_write_offs_leaves_it_to_the_policy():
    found = estimated([happened("A", "post", "2024-01-01", amount=100)])
    assert (found.value, found.observed, found.n_write_offs) == (0.8, None, 0)


def test_a_log_without_recoveries_may_not_record_them_and_leaves_it_to_the_policy():
    found = estimated(*twenty(0.0))
    assert (found.value, found.source, found.observed) == (0.8, "policy", 1.0)
    assert "none of the 20 write-offs older than 365 days" in found.reason


def test_amounts_are_added_at_the_rate_of_the_write_off():
    table = pd.DataFrame(
        {
            "currency": ["USD", "USD"],
            "date": ["2023-01-01", "2024-04-01"],
            "rate": ["0.5", "2"],
        }
    )
    cases = [written_off(i, 100.0, 30.0, CurrencyCode="EUR") for i in range(20)]
    cases.append(written_off(20, 100.0, 80.0, CurrencyCode="USD"))
    found = estimated(*cases, rates=rates_from_table(table, "EUR"))
    assert (found.written_off, found.recovered) == (2050.0, 640.0)


def test_a_currency_stated_later_is_not_known_yet():
    table = pd.DataFrame({"currency": ["USD"], "date": ["2023-01-01"], "rate": ["0.5"]})
    later = happened("I0", "note", "2025-07-01", CurrencyCode="USD", customer="C0")
    cases, rates = [*twenty(), [later]], rates_from_table(table, "EUR")
    assert estimated(*cases, rates=rates).written_off == 2000.0
    assert estimated(*cases, rates=rates, cutoff=micros("2025-08-01")).written_off == 1950.0


def test_the_interval_is_by_customers_and_holds_the_value():
    cases = [written_off(i, 100.0, 100.0 * (i % 2)) for i in range(40)]
    found = estimated(*cases)
    assert found.low < found.value < found.high
    shared = [written_off(i, 100.0, 100.0 * (i % 2), customer=f"C{i % 2}") for i in range(40)]
    weight = 2 / (2 + PRIOR_CUSTOMERS)
    few = estimated(*shared)  # both customers, or one of them twice
    assert few.low == pytest.approx((1 - weight) * 0.8)
    assert few.high == pytest.approx(weight + (1 - weight) * 0.8)


def test_a_record_of_it_is_plain_json():
    for cases in (twenty(), twenty()[1:]):
        found = estimated(*cases).as_dict()
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def states_at(log: EventLog, cutoff: int) -> np.ndarray:
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    return keep_ledger(log, POLICY).as_of(everyone, np.full(log.n_invoices, cutoff))


def parts_of(log: EventLog, n: int) -> list[EventLog]:
    edges = np.linspace(0, log.n_customers, n + 1).astype(int)
    return [log.of_customers(a, b) for a, b in pairwise(edges)]


def test_parts_of_a_log_add_up_to_the_whole_to_the_last_bit_in_any_order():
    cutoff = micros("2022-12-01")
    log, rates = company_log().upto(cutoff), company_rates()
    whole = loss_given_default(log, cutoff, POLICY, rates, maturity_days=90, threads=1)
    assert whole.source == "recoveries"
    counted = [
        count_write_offs(part, states_at(part, cutoff), cutoff, rates, 90)
        for part in parts_of(log, 7)
    ]
    for order in (counted, counted[::-1]):
        assert estimate_loss(add_write_offs(order), cutoff, POLICY, maturity_days=90) == whole


@pytest.mark.parametrize("day", ["2022-06-01", "2022-08-14T13:00", "2022-12-24"])
def test_the_value_at_a_moment_is_that_of_the_log_and_of_the_file_as_they_were(day):
    cutoff, log, frame = micros(day), company_log(), company_frame()
    known = np.empty(len(frame), dtype=np.int64)
    known[log.row] = log.known_at
    then = log_from_frame(frame.loc[known <= cutoff])[0]
    assert len(then) < len(log)
    found = [
        loss_given_default(each, cutoff, POLICY, company_rates(), maturity_days=90, threads=1)
        for each in (log, log.upto(cutoff), then)
    ]
    assert found[0].source == "recoveries"
    assert found[0] == found[1] == found[2]


@settings(max_examples=25)
@given(frames(), st.integers(0, 320))
def test_what_becomes_known_later_changes_no_count(frame, day):
    """Random logs, whose amounts, recoveries and write-offs are recorded late."""
    log = log_from_frame(frame)[0]
    cutoff = micros("2024-01-01") + day * DAY
    assume((log.known_at <= cutoff).any())
    rates = rates_for(log, None)
    now, then = (
        count_write_offs(each, states_at(each, cutoff), cutoff, rates, 30)
        for each in (log, log.upto(cutoff))
    )
    assert now.n_known == then.n_known
    for name in ("n", "lost", "recovered"):
        np.testing.assert_array_equal(getattr(now, name), getattr(then, name))
