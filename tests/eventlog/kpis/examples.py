"""A worked example of every KPI: a log that can be read at a glance, and where its value stands.

The value itself is the last number of the catalogue's `example`, computed by hand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from eventlog.log import EventLog
from tests.builders import happened, make_log


def receivables() -> EventLog:
    """Sales of 300 in January, 800 in February and 500 in March; B and C are open in April."""
    return make_log(
        happened("A", "post", "2024-01-10", amount=300, due="2024-02-09"),
        happened("A", "pay", "2024-02-20", moved=300),  # 11 days late
        happened("B", "post", "2024-02-05", amount=800, due="2024-03-06"),
        happened("B", "pay", "2024-03-01", moved=200),  # in part; 600 stay open
        happened("C", "post", "2024-03-05", amount=300, due="2024-04-04"),  # open
        happened("D", "post", "2024-03-01", amount=100, due="2024-03-10"),
        happened("D", "pay", "2024-03-12", moved=100),  # 2 days late, within the 5 days of grace
        happened("E", "post", "2024-03-01", amount=100, due="2024-03-31"),
        happened("E", "pay", "2024-03-15", moved=100),  # 16 days early
        happened("Z", "post", "2024-07-01", amount=1, due="2024-08-01"),  # the log goes on
    )


def issued_together() -> EventLog:
    """Five invoices of one noon: paid after 10 and 20 days, two open, one credited."""
    noon = "2024-01-01T12:00"
    return make_log(
        *(happened(name, "post", noon, amount=100, due="2024-01-31") for name in "ABCDE"),
        happened("A", "pay", "2024-01-11T12:00", moved=100),
        happened("B", "pay", "2024-01-21T12:00", moved=100),
        happened("D", "credit", "2024-01-05T12:00", moved=100),
        happened("E", "call", "2024-03-31T12:00"),
    )


def letters() -> EventLog:
    """Three first letters in March: paid after 10 days, after 20 days, and too young to tell."""
    return make_log(
        *(happened(x, "post", "2024-02-01", amount=100, due="2024-02-20") for x in "ABC"),
        happened("A", "letter", "2024-03-05T12:00", level=1),
        happened("A", "pay", "2024-03-15T12:00", moved=100),
        happened("B", "letter", "2024-03-05T12:00", level=1),
        happened("B", "pay", "2024-03-25T12:00", moved=100),
        happened("C", "letter", "2024-03-25T12:00", level=1),
        happened("Z", "post", "2024-04-01", amount=1),
    )


def dunned() -> EventLog:
    """Due on 1 March, a letter called for on the 8th: sent on the 9th to A, never to B."""
    return make_log(
        *(happened(x, "post", "2024-02-01", amount=100, due="2024-03-01") for x in "AB"),
        happened("A", "letter", "2024-03-09T12:00", level=1),
        happened("A", "pay", "2024-03-18", moved=100),
        happened("B", "pay", "2024-03-18", moved=100),
        happened("Z", "post", "2024-04-01", amount=1),
    )


def disputes() -> EventLog:
    """Three disputes in March: 5 days over a price, 10 days over a quantity, one open."""
    return make_log(
        happened("A", "post", "2024-02-20", amount=100, due="2024-04-20"),
        happened("A", "dispute", "2024-03-01T12:00", reason="Price"),
        happened("A", "credit", "2024-03-06T12:00", moved=40),
        happened("A", "resolve", "2024-03-06T12:00"),
        happened("B", "post", "2024-02-20", amount=200, due="2024-04-20"),
        happened("B", "dispute", "2024-03-05T12:00", reason="Quantity"),
        happened("B", "resolve", "2024-03-15T12:00"),
        happened("C", "post", "2024-02-20", amount=300, due="2024-04-20"),
        happened("C", "dispute", "2024-03-20T12:00", reason="Price"),
        happened("Z", "post", "2024-04-01", amount=1),
    )


def promises() -> EventLog:
    """200 promised and paid, 100 promised and not paid, 50 promised for the end of March."""
    return make_log(
        *(happened(x, "post", "2024-02-01", amount=500, due="2024-02-20") for x in "ABC"),
        happened("A", "promise", "2024-03-01", promised="2024-03-10", promised_amount=200),
        happened("A", "pay", "2024-03-09", moved=200),
        happened("B", "promise", "2024-03-02", promised="2024-03-12", promised_amount=100),
        happened("C", "promise", "2024-03-20", promised="2024-03-30", promised_amount=50),
        happened("Z", "post", "2024-04-01", amount=1),
    )


def payments() -> EventLog:
    """Payments of March: posted after 2 and 3 days, waiting since the 20th, settled unposted."""
    return make_log(
        *(happened(x, "post", "2024-02-01", amount=100, due="2024-03-20") for x in "ABCD"),
        happened("A", "pay", "2024-03-01T12:00", moved=100),
        happened("A", "book", "2024-03-03T12:00", moved=100),
        happened("B", "pay", "2024-03-05T12:00", moved=100),
        happened("B", "book", "2024-03-08T12:00", moved=100),
        happened("C", "pay", "2024-03-20T12:00", moved=100),
        happened("D", "pay", "2024-03-05T12:00", moved=100),
        happened("D", "settle", "2024-03-06T12:00"),
        happened("Z", "post", "2024-04-01", amount=1),
    )


def ten_payments() -> EventLog:
    """Ten payments of 1 March, posted after 1, 2, … 10 days."""
    rows = []
    for day in range(1, 11):
        rows.append(happened(f"I{day}", "post", "2024-02-01", amount=100))
        rows.append(happened(f"I{day}", "pay", "2024-03-01T12:00", moved=100))
        rows.append(happened(f"I{day}", "book", f"2024-03-{day + 1:02d}T12:00", moved=100))
    return make_log(*rows, happened("Z", "post", "2024-04-01", amount=1))


def losses() -> EventLog:
    """200 written off in March, of which 50 come back; sales of 1,000."""
    return make_log(
        happened("A", "post", "2024-03-01", amount=1000, due="2024-04-01"),
        happened("B", "post", "2024-02-01", amount=200, due="2024-02-10"),
        happened("B", "lose", "2024-03-10", moved=200),
        happened("B", "recover", "2024-03-20", moved=50),
        happened("Z", "post", "2024-04-01", amount=1),
    )


def limits() -> EventLog:
    """Acme may owe 1,000 and owes 1,200; Bolt may owe 3,000 and owes 600. Both were raised in June.

    Acme lost 300 within 180 days of it. Requests of March: 3 days, 6 days, and open.
    """
    acme, bolt = {"customer": "Acme"}, {"customer": "Bolt"}
    return make_log(
        happened("", "set_limit", "2023-05-02", limit=500, **acme),
        happened("", "set_limit", "2023-06-10", limit=1000, **acme),
        happened("", "set_limit", "2023-05-02", limit=1000, **bolt),
        happened("", "set_limit", "2023-06-20", limit=3000, **bolt),
        happened("L", "post", "2023-06-01", amount=300, due="2023-07-01", **acme),
        happened("L", "lose", "2023-09-01", moved=300, **acme),
        happened("A", "post", "2024-03-01", amount=1200, due="2024-04-30", **acme),
        happened("B", "post", "2024-03-01", amount=600, due="2024-04-30", **bolt),
        happened("", "ask_limit", "2024-03-01T12:00", **acme),
        happened("", "set_limit", "2024-03-04T12:00", limit=1000, **acme),
        happened("", "ask_limit", "2024-03-05T12:00", **bolt),
        happened("", "set_limit", "2024-03-11T12:00", limit=3000, **bolt),
        happened("", "ask_limit", "2024-03-20T12:00", **bolt),
        happened("Z", "post", "2024-04-01", amount=1, customer="Zoe"),
    )


def team() -> EventLog:
    """Jo and Kim at work in March 2024 (21 weekdays): three contacts, a promise, 100 soon after."""
    jo, kim = {"CollectorAssigned": "Jo"}, {"CollectorAssigned": "Kim"}
    return make_log(
        happened("A", "post", "2024-01-01", amount=100, due="2024-02-01"),
        happened("B", "post", "2024-01-01", amount=500, due="2024-02-01"),
        happened("A", "call", "2024-03-05T09:00", **jo),
        happened("A", "note", "2024-03-06T09:00", **jo),
        happened("A", "pay", "2024-03-10T09:00", moved=100),  # 4 days after the last contact
        happened("B", "call", "2024-03-01T09:00", **kim),
        happened("B", "promise", "2024-03-01T10:00", promised="2024-03-20", **kim),
        happened("B", "pay", "2024-03-25T09:00", moved=500),  # 24 days after
        happened("Z", "post", "2024-04-01", amount=1),
    )


@dataclass(frozen=True)
class Example:
    """Where the value of a KPI's example stands.

    Attributes
    ----------
    log : name of a function above
    month, part : str
    cutoff : str
    """

    log: str
    month: str = "2024-03"
    part: str = "all"
    cutoff: str = "2024-04-01"


EXAMPLES = {
    "receivables": Example("receivables"),
    "credit_sales": Example("receivables"),
    "dso": Example("receivables"),
    "dso_count_back": Example("receivables"),
    "dso_best_possible": Example("receivables"),
    "dso_delinquent": Example("receivables"),
    "days_to_collect": Example("issued_together", month="2024-01"),
    "days_to_pay": Example("receivables"),
    "ageing": Example("receivables", part="1-30"),
    "ageing_invoices": Example("receivables"),
    "overdue": Example("receivables"),
    "overdue_share": Example("receivables"),
    "at_risk_share": Example("receivables", month="2024-06", cutoff="2024-07-01"),
    "gone_90_share": Example("receivables", month="2024-06", cutoff="2024-07-01"),
    "on_time_rate": Example("receivables"),
    "on_time_rate_amount": Example("receivables"),
    "late_payment_share": Example("receivables"),
    "late_payment_share_paid": Example("receivables"),
    "days_late_paid": Example("receivables"),
    "days_late_weighted": Example("receivables"),
    "cei": Example("receivables"),
    "roll_rate": Example("receivables", part="not due"),
    "dunning_letters": Example("letters"),
    "dunning_effectiveness": Example("letters", part="1"),
    "dunning_adherence": Example("dunned"),
    "letters_not_sent": Example("dunned"),
    "disputes": Example("disputes"),
    "disputed_amount": Example("disputes"),
    "dispute_cycle_time": Example("disputes"),
    "dispute_cycle_time_resolved": Example("disputes"),
    "dispute_credited_share": Example("disputes"),
    "in_dispute": Example("disputes"),
    "promises": Example("promises"),
    "promised_amount": Example("promises"),
    "promise_kept_rate": Example("promises"),
    "promise_kept_rate_amount": Example("promises"),
    "cash_application_lag": Example("payments"),
    "cash_application_lag_90": Example("ten_payments"),
    "unposted_payments": Example("payments"),
    "written_off": Example("losses"),
    "recovered": Example("losses"),
    "write_off_rate_sales": Example("losses"),
    "write_off_rate_receivables": Example("losses"),
    "credit_limit_usage": Example("limits"),
    "over_limit_share": Example("limits"),
    "over_limit": Example("limits"),
    "write_off_after_increase_share": Example("limits", month="2023-06"),
    "written_off_after_increase": Example("limits", month="2023-06"),
    "credit_approval_time": Example("limits"),
    "contacts_per_day": Example("team"),
    "promises_per_day": Example("team"),
    "cash_after_contact": Example("team"),
    "cash_after_contact_share": Example("team"),
}


@cache
def log_of(name: str) -> EventLog:
    """The log of an example."""
    made: EventLog = globals()[name]()
    return made
