"""Conditions on invoices, and one currency for those that remain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import DataError, SettingsError
from eventlog.log import EventLog, micros, units
from eventlog.policy import Policy
from eventlog.process.history import History, history_of
from eventlog.process.selection import (
    chosen,
    condition,
    levels_by_count,
    posted_between,
    priced,
    values_of,
)
from eventlog.rates import rates_from_table
from tests.builders import happened, make_log


@pytest.fixture(scope="module")
def log() -> EventLog:
    due = {"due": "2024-01-31"}
    return make_log(
        happened("A", "post", "2024-01-01", amount=100, segment="Small", currency="EUR", **due),
        happened("A", "pay", "2024-01-10", moved=100, segment="Large"),
        happened("B", "post", "2024-01-05", amount=200, segment="Large", currency="USD", **due),
        happened("B", "dispute", "2024-01-20"),
        happened("C", "post", "2024-02-01", amount=300, currency="USD", due="2024-03-01"),
        happened("C", "lose", "2024-02-10", moved=300, segment="Later"),
    )


@pytest.fixture(scope="module")
def history(log: EventLog) -> History:
    return history_of(log, micros("2024-02-09"), Policy())


def named(history: History, log: EventLog, *texts: str) -> str:
    """Numbers of the invoices that conditions describe."""
    mask = chosen(history, log, [condition(text) for text in texts])
    return "".join(log.invoice_keys["invoice"].to_numpy()[history.traces.invoices[mask]])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["CustomerSegment=Large"], "AB"),
        (["customersegment=large"], "AB"),
        (["CustomerSegment!=Large"], "C"),
        (["Outcome=paid"], "A"),
        (["Outcome=open"], "BC"),
        (["Outcome=paid|open"], "ABC"),
        (["Outcome=paid", "Outcome=open"], "ABC"),
        (["Disputed=yes"], "B"),
        (["Disputed=no", "Outcome=open"], "C"),
        (["Late=yes"], "B"),
        (["InvoiceAmount=150..250"], "B"),
        (["InvoiceAmount=..200"], "AB"),
        (["InvoiceAmount=300"], "C"),
        (["PaymentDueDate=2024-02-01..2024-03-01"], "C"),
        (["CurrencyCode!=EUR", "CurrencyCode!=USD"], ""),
        ([], "ABC"),
    ],
)
def test_conditions_choose_invoices_as_known_at_the_cutoff(
    history: History, log: EventLog, texts: list[str], expected: str
) -> None:
    assert named(history, log, *texts) == expected


def test_a_value_that_became_known_later_is_not_there_yet(history: History, log: EventLog) -> None:
    with pytest.raises(DataError, match=r"No invoice has CustomerSegment 'Nobody'.*Large\.$"):
        named(history, log, "CustomerSegment=Nobody")
    code, levels = values_of(history, log, "CustomerSegment")
    assert levels_by_count(code, levels) == [("Large", 2)]


def test_company_and_account_are_conditions_too() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", company="X", CustomerAccount="C1"),
        happened("A", "post", "2024-01-01", company="Y", CustomerAccount="C2"),
    )
    history = history_of(log, log.ends_at, Policy())
    for text in ("CompanyCode=Y", "CustomerAccount=C2"):
        assert chosen(history, log, [condition(text)]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("Enterprise", SettingsError, "is no condition. Write NAME=VALUE"),
        ("Segment=", SettingsError, "is no condition"),
        ("Segment=Large", DataError, "no attribute 'Segment'. Did you mean CustomerSegment"),
        ("InvoiceAmount=a..b", SettingsError, "no range of InvoiceAmount.*1000..5000"),
        ("PaymentDueDate=soon", SettingsError, "no range of PaymentDueDate.*2024-01-01"),
    ],
)
def test_a_condition_that_cannot_be_met_is_refused(
    history: History, log: EventLog, text: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        named(history, log, text)


def test_the_period_of_posting_is_half_open(history: History) -> None:
    mask = posted_between(history, micros("2024-01-05"), micros("2024-02-01"))
    assert mask.tolist() == [False, True, False]
    assert posted_between(history, None, None).all()


def test_several_currencies_without_rates_are_refused_and_one_is_not(
    history: History, log: EventLog
) -> None:
    with pytest.raises(DataError, match=r"2 currencies \(EUR, USD\).*CurrencyCode=EUR"):
        priced(history, log, None)
    assert priced(history.of(np.array([False, True, True])), log, None).currency == "USD"


def test_money_is_converted_at_the_rate_of_the_cutoff(history: History, log: EventLog) -> None:
    table = pd.DataFrame(
        {
            "currency": ["USD", "USD"],
            "date": ["2024-01-01", "2024-02-09"],
            "rate": ["0.5", "0.8"],
        }
    )
    found = priced(history, log, rates_from_table(table, "EUR"))
    assert found.currency == "EUR"
    assert units(found.outcome["amount"]).tolist() == [100, 160, 240]
    assert units(found.traces.balance)[-1] == 240


def test_a_currency_stated_after_the_cutoff_is_not_known_yet() -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100, currency="EUR"),
        happened("B", "post", "2024-01-01", amount=100),
        happened("B", "call", "2024-02-01", currency="USD"),
    )
    before = history_of(log, micros("2024-01-15"), Policy())
    assert priced(before, log, None).currency == "EUR"
    with pytest.raises(DataError, match="2 currencies"):
        priced(history_of(log, log.ends_at, Policy()), log, None)
