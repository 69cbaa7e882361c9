"""Customer features are what a loop over the customer's other invoices adds up."""

import numpy as np
import pandas as pd
import pytest

from eventlog.reader import log_from_frame
from features.catalogue import FEATURES
from features.customer import LATE_AT_FIRST, PRIOR_CASES
from tests.builders import happened, make_log
from tests.features.drawn import ledger_of, matrix_of, random_log, rates
from tests.features.look import look
from tests.features.oracle import Oracle, customer_answers

OF_CUSTOMER = sorted(feature.name for feature in FEATURES if feature.family == "customer")


def invoice(name: str, posted: str, *, due: str | None = None, paid: str | None = None, **more):
    """Rows of an invoice over 100, paid in full where a day is given."""
    rows = [happened(name, "post", posted, **({"amount": 100.0, "due": due} | more))]
    owner = {"customer": more["customer"]} if "customer" in more else {}
    if paid:
        rows.append(happened(name, "pay", paid, moved=100.0, **owner))
    return rows


#: Random logs; in the last, invoices fall due the same day.
SEEDS = (*range(7), 9)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_feature_equals_the_loop_over_the_ledger(seed):
    matrix = matrix_of(seed)
    wrong = {}
    for k, (code, cutoff) in enumerate(
        zip(matrix.snapshots.invoice, matrix.snapshots.cutoff, strict=True)
    ):
        at = Oracle(random_log(seed), ledger_of(seed), rates(), int(code), int(cutoff))
        expected = customer_answers(at)
        assert sorted(expected) == OF_CUSTOMER
        for name, value in expected.items():
            found = float(matrix[name][k])
            if not np.isclose(found, value, rtol=2e-6, atol=1e-6, equal_nan=True):
                wrong.setdefault(name, []).append((k, found, value))
    assert not wrong


def test_the_random_logs_give_every_feature_something_to_say():
    found = {
        name: np.concatenate([matrix_of(seed)[name] for seed in SEEDS]) for name in OF_CUSTOMER
    }
    told = {name: np.unique(values[~np.isnan(values)]) for name, values in found.items()}
    assert [name for name, values in told.items() if len(values) < 2] == []


def test_other_customers_do_not_count():
    log = make_log(
        *invoice("A", "2024-01-01", due="2024-02-01", customer="Acme"),
        *invoice("B", "2024-01-01", due="2024-02-01", customer="Other"),
    )
    seen = look(log, "A", "2024-03-01")
    assert (seen["n_open"], seen["n_overdue"], seen["history_depth"]) == (0, 0, 0)


def test_the_invoice_itself_does_not_count():
    log = make_log(
        *invoice("A", "2024-01-01", due="2024-02-01"),
        happened("A", "dispute", "2024-01-10"),
        happened("A", "letter", "2024-02-10"),
        *invoice("B", "2024-01-05", due="2024-01-20", paid="2024-01-25"),
    )
    seen = look(log, "A", "2024-03-01")
    assert (seen["n_open"], seen["open_balance"], seen["n_overdue"]) == (0, 0, 0)
    assert (seen["dispute_rate"], seen["letters_per_invoice"]) == (0, 0)
    assert (seen["history_depth"], seen["mean_days_late"], seen["usual_amount"]) == (1, 5, 100)


def test_a_late_share_is_pulled_towards_its_prior():
    late = [
        row
        for i in range(3)
        for row in invoice(f"L{i}", "2024-01-01", due="2024-01-10", paid="2024-02-10")
    ]
    log = make_log(*late, *invoice("A", "2024-02-15", due="2024-03-15"))
    share = (3 + PRIOR_CASES * LATE_AT_FIRST) / (3 + PRIOR_CASES)
    assert look(log, "A", "2024-03-01")["late_share"] == pytest.approx(share)


def test_an_outcome_is_known_at_the_end_of_due_date_and_days_of_grace():
    log = make_log(
        *invoice("B", "2024-01-01", due="2024-01-10"), *invoice("A", "2024-01-01", due="2024-02-01")
    )
    before = look(log, "A", "2024-01-15T23:59:59.999998")
    after = look(log, "A", "2024-01-15T23:59:59.999999")
    assert before["late_share"] == pytest.approx(LATE_AT_FIRST)
    assert after["late_share"] > before["late_share"]


@pytest.mark.parametrize(
    ("when", "bucket"),
    [
        ("2024-02-02", "1_30"),
        ("2024-03-02", "1_30"),
        ("2024-03-03", "31_60"),
        ("2024-04-02", "61_90"),
        ("2024-05-01", "61_90"),
        ("2024-05-02", "over_90"),
    ],
)
def test_an_overdue_invoice_is_in_the_bucket_of_its_days(when, bucket):
    log = make_log(
        *invoice("B", "2024-01-01", due="2024-02-01"), *invoice("A", "2024-01-01", due="2024-12-01")
    )
    seen = look(log, "A", when)
    for name in ("1_30", "31_60", "61_90", "over_90"):
        assert seen[f"n_overdue_{name}"] == (name == bucket)
        assert seen[f"overdue_{name}"] == 100 * (name == bucket)


def test_the_oldest_overdue_invoice_is_another_one():
    log = make_log(
        *invoice("A", "2024-01-01", due="2024-01-10"),
        *invoice("B", "2024-01-01", due="2024-01-20"),
        *invoice("C", "2024-01-01", due="2024-01-15", paid="2024-02-05"),
    )
    assert look(log, "A", "2024-02-01")["oldest_overdue_days"] == 17
    assert look(log, "A", "2024-02-09")["oldest_overdue_days"] == 20
    assert look(log, "B", "2024-02-09")["oldest_overdue_days"] == 30
    assert np.isnan(look(log, "A", "2024-01-12")["oldest_overdue_days"])


def test_a_due_date_moved_forth_and_back_is_still_the_invoices_own():
    log = make_log(
        *invoice("A", "2024-01-01", due="2024-01-10"),
        happened("A", "note", "2024-02-01", due="2024-01-15"),
        happened("A", "note", "2024-02-02", due="2024-01-10"),
        *invoice("B", "2024-01-01", due="2024-01-20"),
        *invoice("C", "2024-01-01", due="2024-01-05", paid="2024-02-05"),
        *invoice("D", "2024-01-01", due="2024-01-06", paid="2024-02-05"),
    )
    assert look(log, "A", "2024-02-09")["oldest_overdue_days"] == 20


def test_invoices_issued_the_same_day_count_once_they_are_known():
    log = make_log(
        *invoice("A", "2024-01-01T09:00"),
        *invoice("B", "2024-01-01"),
        *invoice("C", "2024-01-01T15:00"),
        *invoice("D", "2024-01-02"),
    )
    morning, evening = (look(log, "A", f"2024-01-0{moment}") for moment in ("1T09:00", "3"))
    assert morning["n_issued_same_day"] == 1
    assert evening["n_issued_same_day"] == 2


def test_a_new_due_date_does_not_make_a_share_negative():
    late = [row for i in range(6) for row in invoice(f"L{i}", "2023-01-01", due="2023-01-10")]
    moved = [happened(f"L{i}", "note", "2024-05-01", due="2024-12-31") for i in range(6)]
    log = make_log(*late, *moved, *invoice("A", "2024-06-01", due="2024-07-01"))
    seen = look(log, "A", "2024-06-10")
    assert seen["late_share_365"] == pytest.approx(LATE_AT_FIRST)
    assert np.isnan(seen["late_amount_share_365"])


def test_a_promise_that_turns_out_kept_does_not_lift_the_ratio_above_one():
    old = "2022-01-05T12:00"
    log = make_log(
        happened("B", "post", "2022-01-01", amount=100.0),
        happened("B", "promise", old, promised="2022-01-10"),
        happened("B", "pay", "2022-01-08", moved=100.0, recorded="2024-01-01"),
        *invoice("A", "2024-01-01"),
    )
    assert look(log, "A", "2023-12-31")["promise_kept_ratio"] < 0.6
    seen = look(log, "A", "2024-02-01")
    assert seen["promise_kept_ratio"] > 0.6
    assert seen["promise_kept_ratio_365"] <= 1


def test_a_dispute_about_an_older_invoice_does_not_lift_the_rate_above_one():
    old = [row for i in range(3) for row in invoice(f"B{i}", "2022-01-01")]
    disputes = [happened(f"B{i}", "dispute", "2024-01-15") for i in range(3)]
    log = make_log(*old, *disputes, *invoice("C", "2024-01-01"), *invoice("A", "2024-01-20"))
    assert look(log, "A", "2024-02-01")["dispute_rate_365"] == 1


def test_an_invoice_written_off_and_reopened_does_not_lift_the_share_above_one():
    gone = [
        *invoice("B", "2024-01-01"),
        happened("B", "lose", "2024-01-10"),
        happened("B", "note", "2024-01-15", amount=500.0),
    ]
    fine = invoice("C", "2024-01-01", paid="2024-01-05")
    log = make_log(*gone, *fine, *invoice("A", "2024-01-01"))
    seen = look(log, "A", "2024-02-01")
    assert (seen["n_written_off"], seen["history_depth"]) == (1, 1)
    assert seen["share_written_off"] == 1


@pytest.mark.parametrize("half_life", [30, 180])
def test_what_the_invoice_itself_once_was_does_not_fade_into_its_record(half_life):
    bounced = make_log(
        *invoice("A", "2024-01-01", due="2024-01-10", paid="2024-01-08"),
        happened("A", "reverse", "2024-02-01", moved=100.0),
        *invoice("B", "2024-01-01", due="2024-12-31"),
    )
    seen = look(bounced, "A", "2024-02-10")
    assert seen[f"late_share_decayed_{half_life}"] == pytest.approx(LATE_AT_FIRST)
    assert np.isnan(seen[f"mean_days_late_decayed_{half_life}"])
    told_late = make_log(
        *invoice("A", "2024-01-01"),
        happened("A", "note", "2024-05-01", due="2024-01-10"),
        *invoice("B", "2024-01-01", due="2024-12-31"),
    )
    seen = look(told_late, "A", "2024-05-10")
    assert seen[f"late_share_decayed_{half_life}"] == pytest.approx(LATE_AT_FIRST)


def test_an_invoice_over_nothing_is_paid_when_it_is_issued():
    log = make_log(
        *invoice("B", "2024-01-01", due="2024-01-10", paid="2024-01-15"),
        happened("C", "post", "2024-01-20", amount=0.0, due="2024-01-25"),
        *invoice("A", "2024-01-01", due="2024-12-31"),
    )
    seen = look(log, "A", "2024-02-10")
    assert (seen["history_depth"], seen["mean_days_late"]) == (2, 0)
    assert (seen["days_late_1_ago"], seen["days_late_2_ago"]) == (-5, 5)


def test_an_old_late_invoice_fades():
    log = make_log(
        *invoice("B", "2023-01-01", due="2023-01-10", paid="2023-03-01"),
        *invoice("A", "2024-01-01", due="2024-02-01"),
    )
    seen = look(log, "A", "2024-01-15")
    assert seen["late_share_decayed_30"] == pytest.approx(LATE_AT_FIRST, abs=0.001)
    assert seen["late_share_decayed_180"] > 0.2
    assert seen["mean_days_late_decayed_180"] == pytest.approx(50)
    assert np.isnan(seen["mean_days_late_decayed_30"])


# The credit limit.


def test_a_limit_repeated_on_every_row_is_not_history():
    log = make_log(
        *invoice("A", "2024-01-01", limit=500.0),
        *invoice("B", "2024-01-02", limit=500.0),
        *invoice("C", "2024-01-03", limit=500.0),
    )
    seen = look(log, "A", "2024-02-01")
    assert np.isnan([seen["credit_limit"], seen["credit_limit_usage"]]).all()
    assert np.isnan(seen["days_since_limit_change"])
    assert seen["n_limit_changes"] == 0


def test_a_limit_counts_from_the_row_on_which_it_changes():
    log = make_log(
        *invoice("A", "2024-01-01", limit=500.0),
        *invoice("B", "2024-01-10", limit=400.0),
        *invoice("C", "2024-01-20", limit=400.0),
    )
    assert np.isnan(look(log, "A", "2024-01-09")["credit_limit"])
    seen = look(log, "A", "2024-01-25")
    assert (seen["credit_limit"], seen["n_limit_changes"]) == (400, 1)
    assert seen["days_since_limit_change"] == 15
    assert seen["credit_limit_usage"] == pytest.approx(300 / 400)


@pytest.mark.parametrize("activity", ["set_limit", "Credit Limit Changed"])
def test_a_limit_counts_at_once_from_an_event_that_sets_it(activity):
    log = make_log(
        *invoice("A", "2024-01-01", customer="Acme"),
        happened("", activity, "2024-01-10T12:00", limit=400.0, customer="Acme"),
        happened("", activity, "2024-01-12T12:00", limit=900.0, customer="Other"),
    )
    assert np.isnan(look(log, "A", "2024-01-10T11:59")["credit_limit"])
    seen = look(log, "A", "2024-01-15T12:00")
    assert (seen["credit_limit"], seen["n_limit_changes"]) == (400, 0)
    assert seen["days_since_limit_change"] == 5


def test_a_limit_that_was_only_asked_for_does_not_count():
    log = make_log(
        *invoice("A", "2024-01-01", customer="Acme"),
        happened("", "ask_limit", "2024-01-10", limit=400.0, customer="Acme"),
    )
    assert np.isnan(look(log, "A", "2024-01-20")["credit_limit"])


def test_without_customers_every_customer_feature_is_missing():
    rows = invoice("A", "2024-01-01", due="2024-02-01") + invoice("B", "2024-01-01")
    log, _ = log_from_frame(pd.DataFrame(rows).assign(PaymentDueDate=pd.NaT))
    seen = look(log, "A", "2024-03-01")
    assert np.isnan([seen[name] for name in OF_CUSTOMER]).all()
