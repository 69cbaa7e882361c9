"""A small company in D365, drawn once for all tests of the folder."""

from functools import cache

import pandas as pd
import pyarrow as pa

from eventlog.dynamics.projection import known_before, projected
from eventlog.dynamics.synthetic import d365_ledger, d365_tables
from eventlog.dynamics.synthetic_books import booked
from eventlog.dynamics.synthetic_ledger import Ledger
from eventlog.log import DAY
from eventlog.simulate import Company, simulate

COMPANY, SEED = Company(n_invoices=400, n_customers=40, share_written_off=0.05), 11


@cache
def ledger() -> Ledger:
    return d365_ledger(COMPANY, SEED)


@cache
def log() -> pd.DataFrame:
    return simulate(booked(COMPANY), SEED)


def days_before_end(days: int) -> int:
    """A midnight, microseconds since 1970."""
    return ledger().books.end - days * DAY


@cache
def tables(days: int = 0) -> dict[str, pa.Table]:
    """The export so many days before the company's end."""
    return d365_tables(ledger(), days_before_end(days))


def expected(days: int = 0) -> pd.DataFrame:
    """What the export must give."""
    until = days_before_end(days)
    return projected(known_before(log(), until), until)
