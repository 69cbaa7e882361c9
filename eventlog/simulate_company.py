"""What can be said about the synthetic company: its arguments, its calendar, its currencies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import SettingsError
from eventlog.known import Ints

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Euros for one unit of the currency when the simulation starts: round figures.
START_RATES = {
    "EUR": 1.0,
    "USD": 0.85,
    "GBP": 1.15,
    "CHF": 0.93,
    "SEK": 0.098,
    "NOK": 0.098,
    "DKK": 0.134,
    "PLN": 0.22,
    "CZK": 0.039,
    "CAD": 0.67,
    "AUD": 0.63,
    "JPY": 0.0079,
}
#: Months simulated beyond the end, for invoices that fall due after it.
MONTHS_BEYOND = 8


@dataclass(frozen=True, slots=True)
class Company:
    """What the synthetic company is like.

    The four shares are of *matured* invoices (their window lies inside the log) and hold over the
    whole log; the last months are worse and the first ones better.

    Attributes
    ----------
    n_invoices : int
    n_customers : int, optional
        Default: one per 40 invoices, at least 4. A choice; Datarisk's ledger has one per 62,
        IBM's sample one per 25.
    start : str
        First day of invoicing, ``YYYY-MM-DD``.
    months : int
        Length of the log.
    share_late : float
        Not closed by payment at the end of due date + `late_after_days`. 0.20 is a choice between
        what is published: 5.8 to 7 % at 5 days or more (Datarisk's charges), 35.6 % late at all
        (IBM's sample), 41.8 % of receivables past due (Atradius Payment Practices Barometer,
        Western Europe 2018). Open disputes hold payment, so shares below about two thirds of
        `share_disputed` are out of reach.
    share_very_late : float
        The same after `very_late_after_days`. 0.06 is a choice.
    share_disputed : float
        Disputed at least once. 0.05 is the upper end of what a KPI catalogue calls acceptable
        (2 to 5 %, kpidepot.com).
    share_written_off : float
        Written off within a year of the due date. 0.013 is the uncollectable share that Atradius
        reports for Western Europe in 2018; their later surveys say 4 to 8 %.
    late_after_days : int
        5 as in Appel et al. 2020 (arXiv 2008.07363), who allow for bank processing.
    very_late_after_days : int
        30, the start of the second bucket of an ageing report.
    dunning_days : tuple of int
        Days past due at which letter 1, 2, … is due under the standard policy. Customers with a bad
        record get theirs at three quarters of it, enterprises and public bodies a week later.
    currencies : tuple of str
        Customers use their country's currency where it is listed, else one of these.
    regime_change_months : int
        Last months, in which habits worsen step by step; 0 for none. 6 is a choice.
    share_partial : float
        Invoices first paid in part; a choice.
    share_reversed : float
        Invoices whose first payment bounces; a choice.
    share_back_dated : float
        Payments entered one to nine days after their value date; a choice.
    share_posted : float
        Payments whose posting is written down too; a choice.
    share_settled : float
        Closed invoices whose settlement is written down too; a choice. Where a cash discount or a
        penny difference closed the invoice it always is.
    ledger_order : bool
        Whether bookings keep the order that a ledger enforces: an invoice closes when its last
        payment is posted, not before; a bounced payment had closed it, and was posted on a day
        before it was taken back; closing by a credit note is no settlement by payment; an invoice
        entered late is entered the next day; one request for credit at a time; letters bear the
        time of the nightly job. Off, systems disagree in such things, as extracts from several do.
    """

    n_invoices: int = 20_000
    n_customers: int | None = None
    start: str = "2021-01-04"
    months: int = 36
    share_late: float = 0.20
    share_very_late: float = 0.06
    share_disputed: float = 0.05
    share_written_off: float = 0.013
    late_after_days: int = 5
    very_late_after_days: int = 30
    dunning_days: tuple[int, ...] = (7, 21, 35)
    currencies: tuple[str, ...] = ("EUR", "USD", "GBP")
    regime_change_months: int = 6
    share_partial: float = 0.08
    share_reversed: float = 0.01
    share_back_dated: float = 0.06
    share_posted: float = 0.85
    share_settled: float = 0.96
    ledger_order: bool = False


def checked(company: Company) -> Company:
    """Return the company if it can be simulated.

    Raises
    ------
    SettingsError
        Naming the first argument that lies outside its range, and the range.
    """
    for name, low, high in (
        ("n_invoices", 1, 50_000_000),
        ("n_customers", 1, 50_000_000),
        ("months", 1, 600),
        ("share_late", 0, 1),
        ("share_very_late", 0, 1),
        ("share_disputed", 0, 1),
        ("share_written_off", 0, 1),
        ("late_after_days", 0, 60),
        ("very_late_after_days", 1, 120),
        ("regime_change_months", 0, 600),
        ("share_partial", 0, 1),
        ("share_reversed", 0, 1),
        ("share_back_dated", 0, 1),
        ("share_posted", 0, 1),
        ("share_settled", 0, 1),
    ):
        value = getattr(company, name)
        if value is not None and not low <= value <= high:
            raise SettingsError(f"'{name}' is {value}. Choose a number from {low} to {high:,}.")
    shares = ("share_late", "share_very_late", "share_written_off")
    for larger, smaller in pairwise(shares):
        if getattr(company, smaller) > getattr(company, larger):
            raise SettingsError(
                f"'{smaller}' ({getattr(company, smaller)}) is above '{larger}' "
                f"({getattr(company, larger)}), of which it is a part. Lower it."
            )
    if company.very_late_after_days <= company.late_after_days:
        raise SettingsError(
            f"'very_late_after_days' ({company.very_late_after_days}) does not exceed "
            f"'late_after_days' ({company.late_after_days}). Raise it."
        )
    days = company.dunning_days
    if not days or days[0] < 1 or any(b <= a for a, b in pairwise(days)):
        raise SettingsError(f"'dunning_days' is {list(days)}. List rising days past due.")
    unknown = [code for code in company.currencies if code not in START_RATES]
    if unknown or not company.currencies:
        raise SettingsError(
            f"'currencies' is {list(company.currencies)}; not known are {unknown}. "
            f"Use some of {sorted(START_RATES)}."
        )
    try:
        date.fromisoformat(company.start)
    except ValueError as error:
        raise SettingsError(
            f"'start' is {company.start!r}. Write a date like 2021-01-04."
        ) from error
    return company


def month_edges(company: Company) -> Ints:
    """First day of each simulated month, in days since 1970; some months beyond the end too."""
    first = pd.Timestamp(company.start)
    steps = range(company.months + MONTHS_BEYOND + 1)
    stamps = pd.DatetimeIndex([first + pd.DateOffset(months=step) for step in steps])
    return stamps.to_numpy().astype("datetime64[D]").astype(np.int64)


def rates(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """Monthly rates to the euro, a mild random walk of 1.2 % a month."""
    starts = np.array([START_RATES[code] for code in company.currencies])
    n_months = company.months + 1
    steps = rng.normal(scale=0.012, size=(len(starts), n_months))
    steps[:, 0] = 0.0
    steps[[code == "EUR" for code in company.currencies]] = 0.0
    days = month_edges(company)[:n_months].astype("datetime64[D]").astype("datetime64[us]")
    return pd.DataFrame(
        {
            "currency": pd.array(np.repeat(company.currencies, n_months), dtype="str"),
            "date": np.tile(days, len(starts)),
            "rate": np.round(starts[:, None] * np.exp(np.cumsum(steps, axis=1)), 6).ravel(),
        }
    )


def regime(company: Company) -> Floats:
    """How far the change of regime has come, month by month: 0 before it, rising to 1."""
    month = np.arange(company.months + MONTHS_BEYOND)
    length = company.regime_change_months
    first = company.months - length
    return np.clip((month - first + 1) / max(length, 1), 0.0, 1.0) * (length > 0)
