"""Random logs by number, richer than `tests.builders.logs`: the same number draws the same log.

Customers of two companies, several currencies, events of a customer alone, late records, bounced
payments, changed due dates, invoices over nothing: whatever may stand in an export. Properties that
need a shrunk counterexample use Hypothesis; these serve comparisons with an oracle.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import DAY, EventLog
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_from_table
from eventlog.reader import log_from_frame
from features.attributes import Encoding, choose_encoding
from features.matrix import Matrix, build_matrix
from features.snapshots import Snapshots, at_cutoffs

POLICY = Policy()
FIRST = pd.Timestamp("2023-01-02")
#: Days after the first on which anything may happen.
LAST_DAY = 700
_OWN = (
    "Payment Received",
    "Payment Received",
    "Payment Received",
    "Payment Received",
    "Payment Posted",
    "Payment Reversed",
    "Invoice Settled",
    "Invoice Written Off",
    "Credit Note Applied",
    "Recovery Received",
    "Dunning Letter Generated",
    "Overdue Reminder Sent",
    "Collection Call Made",
    "Dispute Registered",
    "Dispute Resolved",
    "Payment Promise Created",
    "Payment Promise Created",
    "Sent to Agency",
    "Invoice Generated",
    "Something Of Their Own",
)
_ALONE = (
    "Credit Limit Requested",
    "Credit Limit Approved",
    "Credit Limit Changed",
    "Collection Call Made",
    "Unapplied Payment",
)


def random_frame(seed: int, n_invoices: int = 24, n_events: int = 200) -> pd.DataFrame:
    """Rows of a log in the template's columns, in any order."""
    draw = np.random.default_rng(seed)

    def some(values: list[object], share: float, n: int) -> np.ndarray:
        picked = np.array(values, dtype=object)[draw.integers(0, len(values), n)]
        return np.where(draw.random(n) < share, picked, None)

    customer = draw.integers(0, 5, n_invoices)
    posted = draw.integers(0, (LAST_DAY - 100) // 30, n_invoices) * 30
    amount = np.round(draw.lognormal(5, 2, n_invoices), 2) * (draw.random(n_invoices) < 0.95)
    term = draw.integers(0, 60, n_invoices)
    term = np.where(term % 3, term // 30 * 30, term)  # many alike, so that due dates coincide
    which = draw.integers(0, n_invoices, n_events)
    alone = 20
    issue = pd.DataFrame(
        {
            "invoice": [f"I{i}" for i in range(n_invoices)],
            "customer": customer,
            "activity": "Invoice Posted and Sent",
            "day": posted,
            "amount": np.where(draw.random(n_invoices) < 0.9, amount, np.nan),
            "moved": np.nan,
            "due": np.where(draw.random(n_invoices) < 0.9, posted + term, np.nan),
        }
    )
    own = pd.DataFrame(
        {
            "invoice": [f"I{i}" for i in which],
            "customer": customer[which],
            "activity": np.array(_OWN, dtype=object)[draw.integers(0, len(_OWN), n_events)],
            "day": np.maximum(posted[which] + draw.integers(-5, 150, n_events), 0),
            "amount": np.where(draw.random(n_events) < 0.03, 2 * amount[which], np.nan),
            "moved": np.where(
                draw.random(n_events) < 0.7,
                np.round(amount[which] * draw.choice([0.3, 1.0, 1.0, 1.2], n_events), 2),
                np.nan,
            ),
            "due": np.where(
                draw.random(n_events) < 0.06,
                posted[which] + draw.integers(0, 120, n_events),
                np.nan,
            ),
        }
    )
    of_customer = pd.DataFrame(
        {
            "invoice": None,
            "customer": draw.integers(0, 5, alone),
            "activity": np.array(_ALONE, dtype=object)[draw.integers(0, len(_ALONE), alone)],
            "day": draw.integers(0, LAST_DAY, alone),
            "amount": np.nan,
            "moved": np.round(draw.lognormal(4, 1, alone), 2),
            "due": np.nan,
        }
    )
    rows = pd.concat([issue, own, of_customer], ignore_index=True)
    rows = rows.iloc[draw.permutation(len(rows))].reset_index(drop=True)
    n = len(rows)
    hour = np.where(draw.random(n) < 0.5, draw.integers(1, 24, n), 0)
    happened = FIRST + pd.to_timedelta(rows["day"] * 24 + hour, unit="h")
    delay = draw.choice([0, 0, 0, 0, 1, 5, 40], n)
    is_limit = rows["activity"].str.startswith("Credit Limit")
    return pd.DataFrame(
        {
            "CompanyCode": "U" + (rows["customer"] % 2).astype(str),
            "InvoiceNumber": rows["invoice"],
            "CustomerAccount": "C" + rows["customer"].astype(str),
            "CustomerSegment": some(["Small", "Large", "Public"], 0.4, n),
            "Country": np.where(rows["customer"] < 2, "DEU", "USA"),
            "CurrencyCode": np.where(
                draw.random(n) < 0.7, np.where(rows["customer"] == 1, "USD", "EUR"), None
            ),
            "ActivityName": rows["activity"],
            "EventTime": happened,
            "RecordedTime": (happened + pd.to_timedelta(delay, unit="D")).where(delay > 0),
            "InvoiceAmount": rows["amount"],
            "PaymentAmount": rows["moved"],
            "PaymentDueDate": FIRST + pd.to_timedelta(rows["due"], unit="D"),
            "PromisedDate": (
                happened.dt.normalize() + pd.to_timedelta(draw.integers(0, 30, n), unit="D")
            ).where((rows["activity"] == "Payment Promise Created") & (draw.random(n) < 0.7)),
            "PromisedAmount": np.where(draw.random(n) < 0.2, 100.0, np.nan),
            "DunningLevel": np.where(
                draw.random(n) < 0.5, draw.integers(1, 4, n).astype(float), np.nan
            ),
            "CreditLimit": np.where(
                is_limit | (draw.random(n) < 0.05), draw.choice([1e3, 5e3, 9e3], n), np.nan
            ),
            "DisputeReason": some(["Price", "Quantity"], 0.2, n),
            "CollectorAssigned": some(["Jo", "Kim"], 0.2, n),
            "Channel": some(["web", "shop", "phone"], 0.5, n),
            "Score": np.where(draw.random(n) < 0.5, draw.normal(0, 1, n).round(3), np.nan),
            "Founded": (FIRST - pd.to_timedelta(draw.integers(1, 9000, n), unit="D")).where(
                draw.random(n) < 0.5
            ),
        }
    )


def rates() -> Rates:
    """Dollars in euros, changing along the random logs."""
    table = pd.DataFrame(
        {
            "currency": ["USD", "USD", "USD"],
            "date": ["2022-01-01", "2023-06-01", "2024-03-01"],
            "rate": ["0.9", "0.5", "1.25"],
        }
    )
    return rates_from_table(table, "EUR")


@cache
def random_log(seed: int) -> EventLog:
    """The log of `random_frame`, read."""
    log, summary = log_from_frame(random_frame(seed))
    assert summary.rows_quarantined == 0, summary.quarantine
    return log


@cache
def ledger_of(seed: int) -> Ledger:
    """The ledger of `random_log`."""
    return keep_ledger(random_log(seed), POLICY)


@cache
def cutoffs_of(seed: int) -> tuple[int, ...]:
    """Moments inside a random log: some arbitrary, some on which something becomes known."""
    log = random_log(seed)
    draw = np.random.default_rng([seed, 1])
    low, high = int(log.known_at.min()), int(log.known_at.max())
    moments = [*draw.integers(low, high, 3), *draw.choice(log.known_at, 3)]
    midnight = int(draw.integers(low // DAY + 1, high // DAY)) * DAY
    return tuple(sorted({*map(int, moments), midnight}))


@cache
def snapshots_of(seed: int) -> Snapshots:
    """Every open invoice at `cutoffs_of`."""
    return at_cutoffs(ledger_of(seed), np.array(cutoffs_of(seed), dtype=np.int64))


@cache
def encoding_of(seed: int) -> Encoding:
    """The encoding a model would be trained with in the middle of the log."""
    return choose_encoding(random_log(seed), cutoffs_of(seed)[len(cutoffs_of(seed)) // 2])


@cache
def matrix_of(seed: int) -> Matrix:
    """Features of `snapshots_of`."""
    return build_matrix(random_log(seed), snapshots_of(seed), encoding_of(seed), POLICY, rates())
