"""A synthetic company's log of a given size, read as a file would be."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eventlog.log import EventLog
from eventlog.rates import Rates, read_rates
from eventlog.reader import read_log
from eventlog.simulate import Company, rate_table, simulate

#: Events of an invoice in the synthetic company, on average.
EVENTS_AN_INVOICE = 5.45


def synthetic_company(n_events: int, seed: int = 0) -> tuple[EventLog, Rates]:
    """About so many events, and the rates of their currencies in euros."""
    company = Company(n_invoices=round(n_events / EVENTS_AN_INVOICE))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(company, seed=seed).to_parquet(folder / "log.parquet", index=False)
        rate_table(company, seed).to_csv(folder / "rates.csv", index=False)
        return read_log(folder / "log.parquet")[0], read_rates(folder / "rates.csv", "EUR")
