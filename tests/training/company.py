"""A small synthetic company and the models trained on it, each made once for all tests."""

from __future__ import annotations

from functools import cache

import pandas as pd

from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import Rates, rates_from_table
from eventlog.reader import log_from_frame
from eventlog.simulate import Company, rate_table, simulate
from training.backtest import Backtest, run_backtest
from training.curve import fit_curve
from training.examples import Examples
from training.fit import Recipe, fit_model
from training.labels import Target
from training.model import RiskModel

COMPANY = Company(
    n_invoices=4000,
    months=24,
    share_late=0.3,
    share_very_late=0.15,
    share_written_off=0.06,
    regime_change_months=0,
)
POLICY = Policy(write_off_horizon_days=180)
RECIPE = Recipe(rhythm="monthly", threads=1, seeds=1, inner_folds=2)
TRAIN_UNTIL = micros("2022-05-01")
TEST_UNTIL = micros("2022-11-01")


@cache
def company_frame() -> pd.DataFrame:
    """The company's export."""
    return simulate(COMPANY, seed=1)


@cache
def company_log() -> EventLog:
    """Its log."""
    log, summary = log_from_frame(company_frame())
    assert summary.rows_quarantined == 0, summary.quarantine
    return log


@cache
def company_rates() -> Rates:
    """Its currencies in euros."""
    return rates_from_table(rate_table(COMPANY, seed=1), "EUR")


@cache
def trained(target: Target) -> tuple[RiskModel, Examples]:
    """A model trained on what was known at `TRAIN_UNTIL`, and its rows."""
    return fit_model(company_log(), target, TRAIN_UNTIL, POLICY, company_rates(), RECIPE)


@cache
def backtested(target: Target) -> Backtest:
    """The backtest over `[TRAIN_UNTIL, TEST_UNTIL)`."""
    return run_backtest(
        company_log(),
        target,
        TRAIN_UNTIL,
        TEST_UNTIL,
        POLICY,
        company_rates(),
        RECIPE,
        repeats=60,
    )


@cache
def curve_trained() -> tuple[RiskModel, Examples]:
    """A payment curve trained on what was known at `TRAIN_UNTIL`, and its pairs."""
    return fit_curve(company_log(), TRAIN_UNTIL, POLICY, company_rates(), RECIPE)
