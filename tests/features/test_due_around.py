"""Other open invoices are told apart by their due dates, seen from the invoice's own."""

import numpy as np
import pytest

from features.catalogue import FEATURES
from tests.builders import happened, make_log
from tests.features.look import look

NAMES = [feature.name for feature in FEATURES if feature.group == "other due dates"]


def invoice(name: str, due: str | None, amount: float = 100.0, **more):
    return happened(name, "post", "2024-01-01", amount=amount, due=due, **more)


def around(*rows, when: str = "2024-01-20") -> dict[str, float]:
    """What falls due around invoice A, which is due on 15 February."""
    seen = look(make_log(invoice("A", "2024-02-15"), *rows), "A", when)
    return {name: seen[name] for name in NAMES}


def test_what_is_due_the_same_day_is_counted_and_added_up():
    found = around(
        invoice("B", "2024-02-15", 10.0),
        invoice("C", "2024-02-15", 20.0),
        invoice("D", "2024-02-14", 40.0),
        invoice("E", "2024-02-16", 80.0),
    )
    assert (found["n_due_same_day"], found["balance_due_same_day"]) == (2, 30)
    assert (found["balance_due_within_7"], found["days_to_nearest_due"]) == (150, 0)


@pytest.mark.parametrize(
    ("due", "within"),
    [("2024-02-08", 100), ("2024-02-07", 0), ("2024-02-22", 100), ("2024-02-23", 0)],
)
def test_a_week_before_and_after_counts_as_near(due, within):
    assert around(invoice("B", due))["balance_due_within_7"] == within


@pytest.mark.parametrize(
    ("others", "days"),
    [
        (["2024-02-10", "2024-02-18"], 3),
        (["2024-02-14", "2024-02-18"], 1),
        (["2024-01-16", "2024-01-26", "2024-03-20"], 20),
        (["2024-04-15"], 60),
    ],
)
def test_the_nearest_other_due_date_may_come_before_or_after(others, days):
    found = around(*(invoice(f"B{i}", due) for i, due in enumerate(others)))
    assert found["days_to_nearest_due"] == days


def test_alone_an_invoice_has_nothing_around_it():
    found = around()
    assert np.isnan(found.pop("days_to_nearest_due"))
    assert set(found.values()) == {0}


def test_without_a_due_date_everything_is_missing():
    seen = look(make_log(invoice("A", None), invoice("B", "2024-02-15")), "A", "2024-01-20")
    assert np.isnan([seen[name] for name in NAMES]).all()


def test_only_what_is_still_open_counts_and_with_what_is_still_open_of_it():
    rows = [
        invoice("B", "2024-02-15"),
        happened("B", "pay", "2024-01-10", moved=100.0),
        invoice("C", "2024-02-15"),
        happened("C", "pay", "2024-01-25", moved=30.0),
        invoice("D", None),
    ]
    before, after = around(*rows), around(*rows, when="2024-01-26")
    assert (before["n_due_same_day"], before["balance_due_same_day"]) == (1, 100)
    assert (after["n_due_same_day"], after["balance_due_same_day"]) == (1, 70)


def test_a_payment_that_bounces_and_a_new_due_date_move_an_invoice():
    rows = [
        invoice("B", "2024-02-15"),
        happened("B", "pay", "2024-01-10", moved=100.0),
        happened("B", "reverse", "2024-01-12", moved=100.0),
        invoice("C", "2024-02-15"),
        happened("C", "note", "2024-01-15", due="2024-03-01"),
    ]
    found = around(*rows)
    assert (found["n_due_same_day"], found["balance_due_within_7"]) == (1, 100)
    assert around(*rows, when="2024-01-11")["n_due_same_day"] == 1
    assert around(*rows, when="2024-01-14")["n_due_same_day"] == 2


def test_other_customers_due_dates_do_not_count():
    log = make_log(
        invoice("A", "2024-02-15", customer="Acme"), invoice("B", "2024-02-15", customer="Other")
    )
    seen = look(log, "A", "2024-01-20")
    assert (seen["n_due_same_day"], seen["balance_due_within_7"]) == (0, 0)
