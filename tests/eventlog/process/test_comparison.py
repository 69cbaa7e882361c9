"""Two groups side by side: what differs is marked, what may be noise is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eventlog.log import EventLog
from eventlog.policy import Policy
from eventlog.process.comparison import Comparison, compare
from eventlog.process.differences import rows_of
from eventlog.process.history import History, history_of
from eventlog.process.selection import chosen, condition
from eventlog.reader import log_from_frame
from tests.builders import SHORT

INVOICES, CUSTOMERS = 300, 60


def company(seed: int) -> EventLog:
    """Segment "Slow" pays 20 days later than "Fast"; colours mean nothing."""
    random = np.random.default_rng(seed)
    customer = np.arange(INVOICES) % CUSTOMERS
    slow = customer % 2 == 0
    posted = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(60, size=INVOICES), "D")
    days = random.integers(15, 30, size=INVOICES) + 20 * slow
    common = pd.DataFrame(
        {
            "InvoiceNumber": [f"I{i:03}" for i in range(INVOICES)],
            "CustomerName": [f"C{c}" for c in customer],
            "CustomerSegment": np.where(slow, "Slow", "Fast"),
            "Colour": np.where(customer % 4 < 2, "red", "blue"),
            "PaymentDueDate": posted + pd.Timedelta(days=30),
        }
    )
    rows = [
        common.assign(ActivityName=SHORT["post"], EventTime=posted, InvoiceAmount=100.0),
        common.assign(
            ActivityName=SHORT["pay"],
            EventTime=posted + pd.to_timedelta(days, "D"),
            PaymentAmount=100.0,
        ),
    ]
    log, _ = log_from_frame(pd.concat(rows, ignore_index=True))
    return log


@pytest.fixture(scope="module")
def log() -> EventLog:
    return company(0)


@pytest.fixture(scope="module")
def history(log: EventLog) -> History:
    return history_of(log, log.ends_at, Policy())


def compared(history: History, log: EventLog, a: str, b: str) -> Comparison:
    one, other = (chosen(history, log, [condition(text)]) for text in (a, b))
    return compare(history, log, one, other, (a, b))


def test_groups_that_differ_are_marked_with_the_difference(history: History, log: EventLog) -> None:
    found = compared(history, log, "CustomerSegment=Fast", "CustomerSegment=Slow")
    assert (found.n_invoices, found.n_customers) == ((150, 150), (30, 30))
    assert found.too_few == ""
    figures = found.figures.set_index("figure")
    late = figures.loc["late"]
    assert late["a"] == 0
    assert late["b"] > 0.6
    assert late["differs"]
    assert late["low"] < late["difference"] < late["high"]
    closing = figures.loc["days to close, of the closed ones"]
    assert closing["difference"] == pytest.approx(20, abs=3)
    assert closing["differs"]
    assert not figures.loc["disputed", "differs"]


def test_every_variant_and_step_has_both_shares_and_times(history: History, log: EventLog) -> None:
    found = compared(history, log, "CustomerSegment=Fast", "CustomerSegment=Slow")
    straight = found.variants.set_index("sequence").loc[[(SHORT["post"], SHORT["pay"])]].iloc[0]
    assert straight["a"] == 1.0
    assert straight["b"] < 0.2
    assert straight["differs"]
    paid = found.steps.set_index(["from", "to"]).loc[(SHORT["post"], SHORT["pay"])]
    assert paid["n_a"] == 150
    assert 15 <= paid["a"] <= 30


def test_a_label_that_means_nothing_is_marked_nowhere(history: History, log: EventLog) -> None:
    found = compared(history, log, "Colour=red", "Colour=blue")
    for table in (found.figures, found.variants, found.steps):
        assert not table["differs"].any()
        assert table["low"].notna().any()


def test_too_few_invoices_or_customers_get_no_verdict(history: History, log: EventLog) -> None:
    found = compared(history, log, "CustomerName=C0", "Colour=blue")
    assert "'CustomerName=C0' has 5 invoices; at least 30" in found.too_few
    assert found.figures["low"].isna().all()
    assert not found.figures["differs"].any()


def test_many_invoices_of_too_few_customers_get_no_verdict(
    history: History, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventlog.process.comparison.FEWEST_CUSTOMERS", 40)
    found = compared(history, log, "Colour=red", "Colour=blue")
    assert "'Colour=red' has 30 customers; at least 40" in found.too_few


def test_an_invoice_in_both_groups_is_told(history: History, log: EventLog) -> None:
    found = compared(history, log, "CustomerSegment=Slow", "Colour=red")
    assert found.n_overlap == 75


def in_customers(values: np.ndarray, n_customers: int) -> pd.Series:
    """The comparison of two halves whose invoices belong to so many customers each."""
    n = len(values) // 2
    first = np.arange(2 * n) < n
    customer = (np.arange(2 * n) * n_customers // n).astype(np.int32)
    return rows_of([(values, False)], (first, ~first), customer).iloc[0]


def test_invoices_of_few_customers_who_behave_alike_prove_less() -> None:
    random = np.random.default_rng(0)
    late = np.repeat(random.random(20) < np.repeat([0.3, 0.7], 10), 30).astype(np.float64)
    alone, alike = in_customers(late, 300), in_customers(late, 10)
    assert alone["difference"] == alike["difference"]
    assert alone["differs"]
    assert not alike["differs"]
    assert alike["high"] - alike["low"] > 3 * (alone["high"] - alone["low"])


def test_a_median_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    first = np.arange(160) < 80
    customer = np.arange(160, dtype=np.int32)
    draws = [(random.exponential(size=160), True) for _ in range(200)]
    found = pd.concat([rows_of([draw], (first, ~first), customer) for draw in draws])
    assert 0.01 <= found["differs"].mean() <= 0.08


def test_more_figures_in_a_table_make_each_interval_wider() -> None:
    random = np.random.default_rng(2)
    first = np.arange(200) < 100
    values = (random.random(200) < 0.4).astype(np.float64)
    customer = np.arange(200, dtype=np.int32)
    one, ten = (rows_of([(values, False)] * n, (first, ~first), customer) for n in (1, 10))
    assert ten["high"].iloc[0] > one["high"].iloc[0]


def test_without_customers_each_invoice_stands_for_itself() -> None:
    frame = pd.DataFrame(
        {
            "InvoiceNumber": [f"I{i}" for i in range(80)],
            "ActivityName": SHORT["post"],
            "EventTime": pd.Timestamp("2024-01-01"),
            "Colour": np.where(np.arange(80) % 2 == 0, "red", "blue"),
        }
    )
    log, _ = log_from_frame(frame)
    history = history_of(log, log.ends_at, Policy())
    found = compared(history, log, "Colour=red", "Colour=blue")
    assert found.n_customers == (40, 40)
    assert found.too_few == ""
