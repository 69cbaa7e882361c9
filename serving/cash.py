"""The cash forecast of the invoices open at a cutoff."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from eventlog.errors import DataError
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.matrix import build_matrix
from training.cash import forecast, portfolio
from training.curve import curves_of
from training.model import RiskModel


def forecast_cash(
    log: EventLog,
    cutoff: int,
    model: RiskModel,
    policy: Policy,
    rates: Rates,
    weeks: int,
    progress: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Expected cash by week and currency, see `training.cash.forecast`.

    Parameters
    ----------
    cutoff : int
        Microseconds; nothing known later is used.
    model : RiskModel
        A payment curve.

    Raises
    ------
    DataError
        If the cutoff lies after the end of the log, or no invoice is open at it.
    """
    if cutoff > log.ends_at + DAY:
        raise DataError(
            f"The cutoff {timestamp(cutoff):%Y-%m-%d} lies after the log's end on "
            f"{timestamp(log.ends_at):%Y-%m-%d}. Choose one up to the day after it."
        )
    known = log.upto(cutoff)
    progress("ledger")
    found = portfolio(known, keep_ledger(known, policy), cutoff)
    if not len(found.snapshots):
        raise DataError(
            f"No invoice is open at {timestamp(cutoff):%Y-%m-%d}. Choose a cutoff inside the log."
        )
    progress("features")
    matrix = build_matrix(known, found.snapshots, model.encoding, policy, rates)
    progress("curves")
    return forecast(curves_of(model, matrix), found, weeks)
