"""Invoices that are more like this one, and fresher, say more about it."""

import numpy as np
import pytest

from features import alike
from features.alike import SLIPPED_AT_FIRST
from tests.builders import happened, make_log
from tests.features.look import look


def paid(
    name: str, days_late: int, *, amount: float = 100.0, posted: str = "2024-01-01", due: str
) -> list[dict[str, object]]:
    """An invoice and its payment so many days after the due date."""
    when = np.datetime64(due) + np.timedelta64(days_late, "D")
    return [
        happened(name, "post", posted, amount=amount, due=due),
        happened(name, "pay", f"{when}T12:00", moved=amount),
    ]


def asked(*rows: dict[str, object], amount: float = 100.0) -> dict[str, float]:
    """What invoice A, posted on 1 March and due in 30 days, is told on that day."""
    own = happened("A", "post", "2024-03-01", amount=amount, due="2024-03-31")
    return look(make_log(own, *rows), "A", "2024-03-01T12:00")


def test_an_invoice_of_the_same_amount_and_term_counts_fully_but_for_its_age():
    seen = asked(*paid("B", 3, due="2024-01-31"))
    matured = np.datetime64("2024-02-05T23:59:59.999999")
    weight = 0.5 ** (((np.datetime64("2024-03-01T12:00") - matured) / np.timedelta64(1, "D")) / 180)
    assert seen["slipped_share_alike"] == pytest.approx(
        (weight + SLIPPED_AT_FIRST) / (weight + 1), rel=1e-6
    )
    assert seen["mean_days_late_alike"] == pytest.approx(3)


@pytest.mark.parametrize(("amount", "mean"), [(100.0, 9), (5000.0, 1)])
def test_small_invoices_are_like_small_ones_and_large_ones_like_large(amount, mean):
    seen = asked(
        *paid("B", 10, amount=110.0, due="2024-01-31"),
        *paid("C", 0, amount=5200.0, due="2024-01-31"),
        amount=amount,
    )
    assert seen["mean_days_late_alike"] == pytest.approx(mean, abs=1.1)


def test_a_short_term_is_not_like_a_long_one():
    long = asked(*paid("B", 10, due="2024-01-31"), *paid("C", 0, due="2024-01-08"))
    assert long["mean_days_late_alike"] > 9


def test_paid_on_the_due_date_has_not_slipped():
    on_time, slipped = (asked(*paid("B", d, due="2024-01-31")) for d in (0, 1))
    assert on_time["slipped_share_alike"] < SLIPPED_AT_FIRST < slipped["slipped_share_alike"]


def test_unpaid_after_maturing_counts_as_late_as_it_is_so_far():
    open_now = happened("B", "post", "2024-01-01", amount=100.0, due="2024-01-31")
    assert asked(open_now)["mean_days_late_alike"] == pytest.approx(30)


def test_days_late_are_kept_within_bounds():
    early = paid("B", -45, posted="2023-12-01", due="2024-02-10")
    assert asked(*early)["mean_days_late_alike"] == pytest.approx(alike.EARLIEST)
    never = happened("B", "post", "2023-01-01", amount=100.0, due="2023-01-31")
    assert asked(never)["mean_days_late_alike"] == pytest.approx(alike.LATEST)


def test_nothing_matured_says_nothing():
    seen = asked(happened("B", "post", "2024-02-25", amount=100.0, due="2024-02-26"))
    assert seen["slipped_share_alike"] == pytest.approx(SLIPPED_AT_FIRST)
    assert np.isnan(seen["mean_days_late_alike"])


def test_a_new_due_date_in_the_future_takes_an_outcome_back():
    rows = [
        happened("B", "post", "2024-01-01", amount=100.0, due="2024-01-31"),
        happened("B", "note", "2024-02-20", due="2024-04-30"),
    ]
    assert np.isnan(asked(*rows)["mean_days_late_alike"])
    assert asked(rows[0])["mean_days_late_alike"] == pytest.approx(30)


def on_time(n: int) -> list[dict[str, object]]:
    """So many fresh invoices, paid on their due date."""
    return [row for i in range(n) for row in paid(f"C{i}", 0, due="2024-01-31")]


@pytest.mark.parametrize(("fresh", "counts"), [(99, True), (100, False)])
def test_only_the_last_hundred_are_looked_back_upon(fresh, counts):
    late = paid("B", 10, due="2024-01-25")
    assert (asked(*late, *on_time(fresh))["mean_days_late_alike"] > 0) == counts


def test_all_that_matured_with_the_hundredth_count_too():
    late = [row for i in range(3) for row in paid(f"B{i}", 10, due="2024-01-25")]
    mean = [asked(*some, *on_time(99))["mean_days_late_alike"] for some in (late[:2], late)]
    assert mean[1] == pytest.approx(3 * mean[0], rel=0.03)


def test_the_invoice_itself_is_not_like_itself():
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100.0, due="2024-01-10"),
        happened("B", "post", "2024-01-01", amount=100.0, due="2024-12-31"),
    )
    assert np.isnan(look(log, "A", "2024-02-10")["mean_days_late_alike"])


def test_a_term_is_held_against_the_mean_of_the_others():
    rows = [
        happened("B", "post", "2024-01-01", amount=1.0, due="2024-01-11"),
        happened("C", "post", "2024-01-01", amount=1.0, due="2024-01-21"),
        happened("D", "post", "2024-01-01", amount=1.0),
    ]
    assert asked(*rows)["term_to_usual"] == pytest.approx(30 - 15)
    assert np.isnan(asked(rows[2])["term_to_usual"])
