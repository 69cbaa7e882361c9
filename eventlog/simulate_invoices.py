"""What the synthetic company invoices, and how inclined each invoice is to be paid late.

`issue` draws the invoices with everything that is settled when they are made or that happens to
them whatever the collectors do: terms, amount, extension, dispute, and three scores (late, default,
credit) that `eventlog.simulate_chase` turns into days so that the company's shares come out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.simulate_company import Bools, Company, Floats, regime
from eventlog.simulate_customers import CHANNELS, TERMS_DAYS, Customers

#: A day that never comes.
NEVER = 1_000_000
#: Dispute reasons and their shares, after the causes that clearreceivables.com lists.
REASONS = ("Pricing Error", "Quantity Short", "Duplicate Invoice", "Damaged Goods", "Late Delivery")
REASON_SHARES = (0.36, 0.27, 0.15, 0.13, 0.09)
REJECTED, PART_CREDITED, FULLY_CREDITED = 0, 1, 2
OUTCOME_SHARES = (0.62, 0.26, 0.12)
#: Days after the due date within which a write-off is decided; see `Company.share_written_off`.
WRITE_OFF_DAYS = 365


@dataclass(frozen=True)
class Invoices:
    """The invoices in the order of posting, one position each; days count from 1970.

    Attributes
    ----------
    customer : ndarray of int64, shape (n_invoices,)
        Position among the customers.
    channel : ndarray of int8
        Code into the sales channels.
    posted, due, final_due : ndarray of int64
        Day of posting, first due date, and the due date that holds in the end.
    term_days : ndarray of int64
    extended : ndarray of int64
        Day on which the due date was moved; `NEVER` for most.
    cents : ndarray of int64
        Amount.
    month : ndarray of int64
        Month of the final due date, counted from the start.
    dispute_opened, dispute_closed : ndarray of int64
        `NEVER` where there is no dispute.
    dispute_outcome, dispute_reason : ndarray of int8
    late_score, default_score, credit_score : ndarray of float64
        Higher is later, more likely never, more likely closed by a credit note.
    """

    customer: Ints
    channel: NDArray[np.int8]
    posted: Ints
    due: Ints
    final_due: Ints
    term_days: Ints
    extended: Ints
    cents: Ints
    month: Ints
    dispute_opened: Ints
    dispute_closed: Ints
    dispute_outcome: NDArray[np.int8]
    dispute_reason: NDArray[np.int8]
    late_score: Floats
    default_score: Floats
    credit_score: Floats

    def __len__(self) -> int:
        """Number of invoices."""
        return len(self.customer)

    def take(self, rows: Ints) -> Invoices:
        """Some of the invoices."""
        return Invoices(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def issue(company: Company, customers: Customers, rng: np.random.Generator) -> Invoices:
    """Draw the invoices of a company."""
    n = company.n_invoices
    customer, posted = _when_and_to_whom(company, customers, rng)
    term_days = np.where(
        rng.random(n) < 0.1, rng.choice(TERMS_DAYS, n), customers.term_days[customer]
    )
    channel = np.where(
        rng.random(n) < 0.85, customers.channel[customer], rng.integers(0, len(CHANNELS), n)
    ).astype(np.int8)
    log_amount = 0.8 * rng.normal(size=n)
    cents = np.rint(100 * np.exp(6.9 + 0.8 * customers.size[customer] + log_amount))
    cents = np.clip(cents, 500, 2e8).astype(np.int64)

    due = posted + term_days
    liquidity = customers.liquidity[customer, customers.month_of(due)]
    asked = rng.random(n) < np.clip(0.012 * np.exp(-0.5 * liquidity), 0, 0.1)
    asked &= term_days >= 14
    extended = np.where(asked, due - rng.integers(1, 10, n), NEVER)
    final_due = due + np.where(asked, rng.choice((14, 30), n), 0)
    month = customers.month_of(final_due)
    liquidity = customers.liquidity[customer, month]

    dispute_score = (
        0.9 * customers.dispute[customer]
        + np.array([0.0, -0.6, 0.2, 0.1])[channel]
        + 0.2 * log_amount
        - 0.15 * liquidity
        + rng.normal(size=n)
    )
    disputed = dispute_score > share_cut(
        dispute_score, matured(company, customers, final_due, 30), company.share_disputed
    )
    at_once = rng.random(n) < 0.65
    opened = np.where(
        at_once,
        posted + 2 + np.rint(rng.random(n) * (term_days - 2)).astype(np.int64),
        final_due + rng.integers(1, 21, n),
    )
    opened = np.where(disputed, working_day(opened), NEVER)
    length = np.exp(2.7 + 0.8 * rng.normal(size=n) - 0.15 * liquidity)
    closed = opened + 1 + np.rint(np.minimum(length, 180)).astype(np.int64)

    return Invoices(
        customer=customer,
        channel=channel,
        posted=posted,
        due=due,
        final_due=final_due,
        term_days=term_days,
        extended=extended,
        cents=cents,
        month=month,
        dispute_opened=opened,
        dispute_closed=np.where(disputed, working_day(closed), NEVER),
        dispute_outcome=rng.choice(3, n, p=OUTCOME_SHARES).astype(np.int8),
        dispute_reason=rng.choice(len(REASONS), n, p=REASON_SHARES).astype(np.int8),
        late_score=(
            customers.habit[customer]
            - liquidity
            - 0.2 * customers.honesty[customer]
            + 0.2 * customers.dispute[customer]
            + season(final_due)
            + 0.15 * log_amount
            + 0.45 * regime(company)[month]
            + customers.spread[customer] * rng.normal(size=n)
        ),
        default_score=(
            -liquidity
            - 0.3 * customers.honesty[customer]
            + 0.3 * regime(company)[month]
            + 0.1 * log_amount
            + 0.3 * disputed
            + 0.7 * rng.normal(size=n)
        ),
        credit_score=rng.random(n),
    )


def season(day: Ints) -> Floats:
    """Lateness by month of the year: slow in August and December, fast in March and June."""
    by_month = np.array([0.1, 0.0, -0.15, 0.0, 0.0, -0.1, 0.1, 0.35, 0.0, 0.0, 0.0, 0.3])
    factors: Floats = by_month[month_of_year(day)]
    return factors


def month_of_year(day: Ints) -> Ints:
    """Month of the year, January 0, of days since 1970."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def weekday(day: Ints) -> Ints:
    """Weekday, Monday 0, of days since 1970 (a Thursday)."""
    return (day + 3) % 7


def working_day(day: Ints) -> Ints:
    """The day itself from Monday to Friday, the Monday after it on a weekend."""
    return day + np.maximum(7 - weekday(day), 0) * (weekday(day) > 4)


def matured(company: Company, customers: Customers, due: Ints, days: int) -> Bools:
    """Whether the days after the due date have passed inside the log; all, if none have."""
    ripe: Bools = due + days < customers.edges[company.months]
    return ripe if ripe.any() else np.ones(len(due), dtype=np.bool_)


def share_cut(score: Floats, among: Bools, share: float) -> float:
    """Score that a share of some invoices exceeds."""
    if share <= 0:
        return np.inf
    return float(np.quantile(score[among], 1 - share)) if share < 1 else -np.inf


def _when_and_to_whom(
    company: Company, customers: Customers, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Customer and day of posting of each invoice, by day.

    Sales follow the season and grow by a hundredth a month; within a month the last working days
    are the busiest, apart from the end of December.
    """
    months = np.arange(company.months)
    factor = np.array([0.9, 0.95, 1.1, 1.0, 1.0, 1.1, 0.9, 0.75, 1.1, 1.1, 1.15, 0.95])
    volume = factor[month_of_year(customers.edges[: company.months])] * 1.01**months
    buying = (months >= customers.joined[:, None]) & (months < customers.left[:, None])
    weights = (customers.weight[:, None] * buying * volume).ravel()
    if not weights.any():
        weights[:] = 1.0
    total = np.cumsum(weights)
    cell = np.searchsorted(total, rng.random(company.n_invoices) * total[-1], side="right")
    cell = np.minimum(cell, len(total) - 1)
    customer, month = np.divmod(cell, company.months)

    days = np.arange(customers.edges[0], customers.edges[company.months])
    dates = days.astype("datetime64[D]")
    next_month = (dates.astype("datetime64[M]") + 1).astype("datetime64[D]").astype(np.int64)
    busy = np.where(next_month - days <= 4, 2.4, 1.0) * (weekday(days) < 5)
    busy[(month_of_year(days) == 11) & (next_month - days <= 8)] *= 0.2
    running = np.concatenate(([0.0], np.cumsum(busy)))
    low = running[customers.edges[month] - days[0]]
    high = running[customers.edges[month + 1] - days[0]]
    place = low + rng.random(company.n_invoices) * (high - low)
    position = np.minimum(np.searchsorted(running, place, side="right") - 1, len(days) - 1)
    posted = days[position]
    order = np.argsort(posted, kind="stable")
    return customer[order], posted[order]
