"""The provision matrix follows every unit of balance, whatever it does, as known at its cutoff."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eventlog.errors import DataError, SettingsError
from eventlog.ledger import AGEING, keep_ledger
from eventlog.log import DAY, MINOR, EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import rates_for, rates_from_table
from eventlog.reader import log_from_frame
from eventlog.roll_rates import OUTCOMES, follow
from serving.worklist import AGEING_BUCKETS
from tests.builders import frames, happened, make_log
from tests.training.company import company_frame, company_log, company_rates
from training.provision import (
    DAYS_A_MONTH,
    Flows,
    ProvisionMatrix,
    add_flows,
    count_flows,
    loss_rate,
    matrix_of,
    month_ends,
    provision_matrix,
    refuse_forward,
)

POLICY = Policy(settled_tolerance=0.0)
CUTOFF = micros("2024-05-01")
NOT_DUE, TO_30, TO_60, TO_90, OVER_90 = range(1, 6)
LOST, SETTLED = 6, 7


def invoice(name: str, amount: float, due: str, *later: dict) -> list[dict]:
    """An invoice posted in 2023 and what happens to it."""
    posted = happened(name, "post", "2023-06-01", amount=amount, due=due)
    return [posted, *later]


#: The worked example: eight invoices, followed over March and April 2024.
EXAMPLE = (
    # 1-30 days past due at the end of March, paid in part, then 31-60.
    invoice("A", 100, "2024-03-20", happened("A", "pay", "2024-04-10", moved=60)),
    # Paid in March, three days late.
    invoice("B", 200, "2024-03-25", happened("B", "pay", "2024-03-28", moved=200)),
    # 31-60, then 61-90, then written off.
    invoice("C", 300, "2024-01-10", happened("C", "lose", "2024-04-20", moved=300)),
    # 90+, written off in March.
    invoice("D", 400, "2023-10-01", happened("D", "lose", "2024-03-15", moved=400)),
    # 90+ for a month more, then paid.
    invoice("E", 100, "2023-11-01", happened("E", "pay", "2024-04-05", moved=100)),
    # A long term: not due at two month ends.
    invoice("F", 100, "2024-04-25"),
    # Written off early, three weeks past due.
    invoice("G", 100, "2024-03-10", happened("G", "lose", "2024-03-30", moved=100)),
    # 31-60, 61-90, 90+.
    invoice("H", 100, "2024-01-15"),
)


def matrix_from(*invoices: list[dict], months: int = 2, repeats: int = 20) -> ProvisionMatrix:
    log = make_log(*(row for rows in invoices for row in rows))
    return provision_matrix(
        log, CUTOFF, POLICY, rates_for(log, None), months=months, repeats=repeats, threads=1
    )


def shares(matrix: ProvisionMatrix, bucket: int) -> dict[str, float]:
    """What became of a bucket's balance within a month, without the zeros."""
    row = dict(zip(OUTCOMES, matrix.share[bucket].tolist(), strict=True))
    return {name: share for name, share in row.items() if share}


def test_the_worked_example_gives_the_roll_rates_calculated_by_hand():
    found = matrix_from(*EXAMPLE)
    assert found.followed.tolist() == [0, 600, 100, 400, 400, 600]
    assert shares(found, NOT_DUE) == pytest.approx(  # A, B, F twice, G, of which F stays a month
        {"not due": 1 / 6, "1-30": 2 / 6, "written off": 1 / 6, "settled": 2 / 6}
    )
    assert shares(found, TO_30) == pytest.approx({"31-60": 0.4, "settled": 0.6})  # A
    assert shares(found, TO_60) == pytest.approx({"61-90": 1.0})  # C and H
    assert shares(found, TO_90) == pytest.approx({"90+": 0.25, "written off": 0.75})  # H, C
    assert shares(found, OVER_90) == pytest.approx(  # D, E twice
        {"90+": 1 / 6, "written off": 4 / 6, "settled": 1 / 6}
    )
    assert np.isnan(found.share[0]).all()
    assert found.written_off == 800.0


def test_the_worked_example_gives_the_write_off_rates_calculated_by_hand():
    found = matrix_from(*EXAMPLE)
    over_90 = (4 / 6) / (1 - 1 / 6)
    to_90 = 0.75 + 0.25 * over_90
    to_30 = 0.4 * to_90
    not_due = (1 / 6 + 2 / 6 * to_30) / (1 - 1 / 6)
    by_hand = [not_due, not_due, to_30, to_90, to_90, over_90]
    assert by_hand == pytest.approx([0.352, 0.352, 0.38, 0.95, 0.95, 0.8])
    assert found.write_off_rate == pytest.approx(by_hand)
    assert found.assumed.tolist() == [True, False, False, False, False, False]
    assert found.by_product[1:] == pytest.approx([2 / 6 * 0.08, 0.4 * 0.2, 0.2, 0.2, 0.8])


def test_the_worked_example_gives_the_rates_within_a_horizon():
    found = matrix_from(*EXAMPLE)
    one = [0, 1 / 6, 0, 0, 0.75, 4 / 6]
    two = [1 / 6, 1 / 6 + 1 / 36, 0, 0.75, 0.75 + 0.25 * 4 / 6, 4 / 6 + 1 / 6 * 4 / 6]
    assert found.rate_within(DAYS_A_MONTH) == pytest.approx(one)
    assert found.rate_within(2 * DAYS_A_MONTH) == pytest.approx(two)
    assert found.rate_within(1.5 * DAYS_A_MONTH) == pytest.approx((np.array(one) + two) / 2)
    assert found.rate_within(0) == pytest.approx([0] * 6)
    assert found.rate_within(36_500) == pytest.approx(found.write_off_rate)


def test_balances_stand_where_they_stood_at_each_month_end():
    found = matrix_from(*EXAMPLE)
    assert [pd.Timestamp(end, unit="us").isoformat()[:10] for end in found.ends] == [
        "2024-03-01",
        "2024-04-01",
        "2024-05-01",
    ]
    assert found.balance.tolist() == [
        [0, 500, 0, 400, 0, 500],
        [0, 100, 100, 0, 400, 100],
        [0, 0, 100, 40, 0, 100],
    ]
    assert found.n_open[-1].tolist() == [0, 0, 1, 1, 0, 1]
    assert found.n_months == 2


def test_where_balances_move_one_bucket_a_month_the_rate_is_the_product_of_roll_rates():
    moved = np.zeros((1, 6, 8))
    for bucket, roll in enumerate((0.1, 0.3, 0.5, 0.8), start=1):
        moved[0, bucket, bucket + 1] = roll * 1000
        moved[0, bucket, SETTLED] = (1 - roll) * 1000
    moved[0, OVER_90, [OVER_90, LOST, SETTLED]] = 200, 600, 200
    flows = np.rint(moved * MINOR).astype(np.int64)
    zeros = np.zeros((2, 6), dtype=np.int64)
    found = matrix_of(Flows(month_ends(CUTOFF, 1), flows, zeros, zeros), repeats=10)
    last = 0.6 / 0.8
    by_hand = [0.1 * 0.3 * 0.5 * 0.8 * last, 0.3 * 0.5 * 0.8 * last, 0.5 * 0.8 * last, 0.8 * last]
    assert found.write_off_rate[1:] == pytest.approx([*by_hand, last])
    assert found.by_product[1:] == pytest.approx(found.write_off_rate[1:])


def test_a_due_date_put_off_takes_a_balance_back_a_bucket():
    moved = happened("A", "note", "2024-04-15", due="2024-05-10")
    found = matrix_from(invoice("A", 100, "2024-02-20", moved), months=1)
    assert shares(found, TO_60) == {"not due": 1.0}


def test_a_balance_without_a_due_date_is_followed_to_the_day_it_has_one():
    posted = happened("A", "post", "2024-01-01", amount=100)
    found = matrix_from([posted, happened("A", "note", "2024-04-15", due="2024-05-10")], months=1)
    assert shares(found, 0) == {"not due": 1.0}


def test_what_an_amount_grows_by_is_not_part_of_the_balance_that_is_followed():
    grown = happened("A", "note", "2024-04-15", amount=150)
    stays = matrix_from(invoice("A", 100, "2024-02-20", grown), months=1)
    assert shares(stays, TO_60) == {"61-90": 1.0}
    assert stays.followed[TO_60] == 100
    assert stays.balance[-1].sum() == 150
    lost = happened("A", "lose", "2024-04-20", moved=150)
    gone = matrix_from(invoice("A", 100, "2024-02-20", grown, lost), months=1)
    assert shares(gone, TO_60) == {"written off": 1.0}
    assert gone.written_off == 100
    log = make_log(*invoice("A", 100, "2024-02-20", grown, lost))
    now, then = (
        keep_ledger(log, POLICY).as_of(np.zeros(1, dtype=np.int32), np.array([micros(day)]))
        for day in ("2024-04-01", "2024-05-01")
    )
    assert [part[0] / MINOR for part in follow(now, then)] == [100, 0, 100]


def test_a_small_remainder_given_up_is_settled_and_half_of_the_balance_is_written_off():
    small = [happened("A", "pay", "2024-04-10", moved=70)]
    small += [happened("A", "lose", "2024-04-12", moved=10)]  # a third of what was open
    kept = matrix_from(invoice("A", 100, "2024-02-20", *small), months=1)
    assert shares(kept, TO_60) == pytest.approx({"61-90": 0.2, "settled": 0.8})
    half = [happened("A", "lose", "2024-04-12", moved=50)]
    lost = matrix_from(invoice("A", 100, "2024-02-20", *half), months=1)
    assert shares(lost, TO_60) == pytest.approx({"61-90": 0.5, "written off": 0.5})


def test_a_penny_difference_is_settled_with_the_rest():
    log = make_log(*invoice("A", 100, "2024-02-20", happened("A", "pay", "2024-04-10", moved=99.7)))
    found = provision_matrix(log, CUTOFF, Policy(), rates_for(log, None), months=1, threads=1)
    assert shares(found, TO_60) == {"settled": 1.0}


def test_a_bucket_that_nothing_left_passes_to_the_next_worse_and_the_last_is_lost():
    found = matrix_from(invoice("E", 100, "2023-11-01"))
    assert shares(found, OVER_90) == {"90+": 1.0}
    assert found.write_off_rate.tolist() == [1.0] * 6
    assert found.assumed.all()
    paid = matrix_from(*EXAMPLE[4:5], invoice("H", 100, "2024-01-15"))
    assert paid.write_off_rate.tolist() == [0.0] * 6
    assert paid.assumed.tolist() == [True, True, True, False, False, False]


def test_invoices_closed_or_of_unknown_amount_hold_no_balance():
    unknown = happened("U", "post", "2023-06-01", due="2024-03-01")
    closed = invoice("Z", 50, "2024-01-01", happened("Z", "pay", "2024-01-15", moved=50))
    found = matrix_from(*EXAMPLE, [unknown], closed)
    assert found.followed.tolist() == matrix_from(*EXAMPLE).followed.tolist()
    assert found.n_open[-1].sum() == 4
    log = make_log(unknown)
    state = keep_ledger(log, POLICY).as_of(np.zeros(1, dtype=np.int32), np.array([CUTOFF]))
    assert [part.tolist() for part in follow(state, state)] == [[0], [0], [0]]


def test_currencies_are_added_and_an_exchange_rate_that_moves_is_no_roll():
    dates = ["2024-01-01", "2024-04-15"]
    table = pd.DataFrame({"currency": "USD", "date": dates, "rate": ["0.5", "2"]})
    rows = invoice("A", 100, "2024-02-20") + invoice("B", 100, "2024-02-20")
    rows[0]["CurrencyCode"], rows[1]["CurrencyCode"] = "EUR", "USD"
    rates = rates_from_table(table, "EUR")
    found = provision_matrix(make_log(*rows), CUTOFF, POLICY, rates, months=1, threads=1)
    assert shares(found, TO_60) == {"61-90": 1.0}
    assert found.followed[TO_60] == 150
    assert found.balance[-1, TO_90] == 300


def test_rounding_makes_no_flow_negative():
    table = pd.DataFrame({"currency": ["USD"], "date": ["2023-01-01"], "rate": ["0.6"]})
    lost = happened("A", "lose", "2024-04-12", moved=0.0003)  # 1.8, of 2.4, and 0.6 remain
    rows = [row | {"CurrencyCode": "USD"} for row in invoice("A", 0.0004, "2024-02-20", lost)]
    log, rates = make_log(*rows), rates_from_table(table, "EUR")
    flows = count_flows(log, keep_ledger(log, POLICY), month_ends(CUTOFF, 1), rates)
    assert flows.moved[0, TO_60].tolist() == [0, 0, 0, 0, 1, 0, 1, 0]


def test_a_currency_stated_later_is_not_known_yet():
    table = pd.DataFrame({"currency": ["USD"], "date": ["2023-01-01"], "rate": ["0.5"]})
    log = make_log(
        *invoice("A", 100, "2024-02-20", happened("A", "note", "2024-05-02", CurrencyCode="USD"))
    )
    rates = rates_from_table(table, "EUR")
    for cutoff, balance in ((CUTOFF, 100), (CUTOFF + 2 * DAY, 50)):
        found = provision_matrix(log, cutoff, POLICY, rates, months=1, threads=1)
        assert found.balance[-1].sum() == balance


def test_the_interval_is_by_months_and_needs_repeats():
    found = matrix_from(*EXAMPLE, repeats=200)
    assert (found.low <= found.write_off_rate + 1e-12).all()
    assert (found.high >= found.write_off_rate - 1e-12).all()
    assert found.low[OVER_90] == 0.0  # April alone: paid
    assert found.high[OVER_90] == pytest.approx(1.0)  # March alone: written off, the rest stays
    assert np.isnan(matrix_from(*EXAMPLE, repeats=0).low).all()


def test_months_in_which_nothing_was_open_do_not_count():
    assert matrix_from(*EXAMPLE, months=36).n_months == 11
    early = micros("2023-05-01")
    log = make_log(*(row for rows in EXAMPLE for row in rows))
    with pytest.raises(DataError, match=r"No balance was open .* from 2023-03-01 to 2023-05-01"):
        provision_matrix(log, early, POLICY, rates_for(log, None), months=2)


@pytest.mark.parametrize("months", [0, 121])
def test_months_out_of_their_range_are_refused(months):
    with pytest.raises(SettingsError, match=rf"{months} months: choose a number from 1 to 120"):
        month_ends(CUTOFF, months)


def test_the_last_day_of_a_month_has_a_day_in_every_month():
    ends = month_ends(micros("2024-05-31"), 3)
    days = [f"{pd.Timestamp(end, unit='us'):%m-%d}" for end in ends]
    assert days == ["02-29", "03-31", "04-30", "05-31"]


def test_a_loss_rate_is_adjusted_forward_and_at_most_the_loss_given_default():
    rates = np.array([0.0, 0.1, 0.5, 0.95])
    assert loss_rate(rates, 0.8) == pytest.approx([0, 0.08, 0.4, 0.76])
    assert loss_rate(rates, 0.8, 0.1) == pytest.approx([0, 0.088, 0.44, 0.8])
    assert loss_rate(rates, 0.8, -1.0).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("forward", [-1.01, 11.0, float("nan")])
def test_a_forward_adjustment_that_is_no_share_is_refused(forward):
    with pytest.raises(SettingsError, match="Choose a share from -1 to 10"):
        refuse_forward(forward)


def test_buckets_are_those_of_the_worklist_in_its_order():
    assert AGEING == AGEING_BUCKETS


def parts_of(log: EventLog, n: int) -> list[EventLog]:
    edges = np.linspace(0, log.n_customers, n + 1).astype(int)
    return [log.of_customers(a, b) for a, b in pairwise(edges)]


def assert_same(one: ProvisionMatrix, other: ProvisionMatrix) -> None:
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_parts_of_a_log_add_up_to_the_whole_to_the_last_bit_in_any_order():
    cutoff, rates = micros("2022-09-10"), company_rates()
    log = company_log().upto(cutoff)
    whole = provision_matrix(log, cutoff, POLICY, rates, threads=1)
    assert whole.written_off > 0
    ends = month_ends(cutoff, 12)
    flows = [count_flows(part, keep_ledger(part, POLICY), ends, rates) for part in parts_of(log, 7)]
    for order in (flows, flows[::-1]):
        assert_same(matrix_of(add_flows(order)), whole)


@pytest.mark.parametrize("day", ["2022-03-01", "2022-08-14T13:00", "2022-12-24"])
def test_the_matrix_at_a_moment_is_that_of_the_log_and_of_the_file_as_they_were(day):
    cutoff, log, frame = micros(day), company_log(), company_frame()
    known = np.empty(len(frame), dtype=np.int64)
    known[log.row] = log.known_at
    then = log_from_frame(frame.loc[known <= cutoff])[0]
    assert len(then) < len(log)
    found = [
        provision_matrix(each, cutoff, POLICY, company_rates(), threads=1)
        for each in (log, log.upto(cutoff), then)
    ]
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


@settings(max_examples=25)
@given(frames(), st.integers(0, 320))
def test_on_random_logs_flows_add_up_and_what_becomes_known_later_changes_none(frame, day):
    log = log_from_frame(frame)[0]
    cutoff = micros("2024-01-01") + day * DAY
    assume((log.known_at <= cutoff).any())
    ends, rates = month_ends(cutoff, 12), rates_for(log, None)
    now, then = (
        count_flows(each, keep_ledger(each, POLICY), ends, rates)
        for each in (log, log.upto(cutoff))
    )
    for name in ("moved", "balance", "n_open"):
        np.testing.assert_array_equal(getattr(now, name), getattr(then, name))
    np.testing.assert_array_equal(now.moved.sum(axis=2), now.balance[:-1])
    assert (now.moved >= 0).all()
    assume(now.moved.any())
    found = matrix_of(now, repeats=5)
    rates_by_month = [found.rate_within(months * DAYS_A_MONTH) for months in (0, 1, 3, 12, 60)]
    for earlier, later in pairwise([*rates_by_month, found.write_off_rate]):
        assert (earlier <= later + 1e-9).all()
    assert ((found.write_off_rate >= 0) & (found.write_off_rate <= 1)).all()
