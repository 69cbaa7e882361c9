"""Expected credit loss: the model's, invoice by invoice, beside the provision matrix's, by bucket.

The two views differ in two things, and the bridge tells them apart. The matrix looks at a balance's
whole life, as IFRS 9's simplified approach wants it (paragraphs 5.5.15 and B5.5.35); the model says
what is written off within the policy's horizon. So the matrix is told over the same horizon as
well: model less matrix over the horizon is what the model knows of the single invoices, matrix over
the horizon less matrix over the whole life is what is written off later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import known_by
from eventlog.ledger import AGEING, is_open, keep_ledger
from eventlog.log import DAY, MINOR, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates, converted, currency_of_invoices
from eventlog.roll_rates import OUTCOMES, bucket_code, follow
from serving.scoring import policy_of_models, refuse_late_cutoff, score
from training.model import RiskModel
from training.provision import (
    MONTHS,
    ProvisionMatrix,
    loss_rate,
    provision_matrix,
    refuse_forward,
)
from training.recoveries import LossGivenDefault, loss_given_default

Floats = NDArray[np.float64]

#: Columns of the table that add up to a total.
SUMMED = (
    "invoices",
    "exposure",
    "ecl_lifetime",
    "ecl_horizon",
    "ecl_model",
    "difference",
    "difference_model",
    "difference_horizon",
    "lost_later",
)


@dataclass(frozen=True)
class CreditLoss:
    """Provision matrix and expected credit loss of the invoices open at a cutoff.

    Attributes
    ----------
    cutoff : int
    currency : str
        Reporting currency.
    horizon_days : int
        What the model's probability, and the ``_horizon`` columns, cover.
    forward : float
        Forward-looking adjustment of the matrix's rates; the model's are left alone.
    matrix : ProvisionMatrix
    loss : LossGivenDefault
    table : DataFrame of shape (6,), by ageing bucket
        ``invoices``, ``exposure`` (open balance), ``rate_lifetime`` and ``rate_horizon`` (write-off
        rates of the matrix, adjusted, at most 1), ``ecl_lifetime`` and ``ecl_horizon`` (exposure ×
        rate × loss given default); with a model ``rate_model`` (probability weighted by balance),
        ``ecl_model`` (sum of the worklist's expected losses), ``difference`` = ecl_model −
        ecl_lifetime = ``difference_model`` (ecl_model − ecl_horizon) + ``difference_horizon``
        (ecl_horizon − ecl_lifetime), else NaN. ``lost_later``: balance at the cutoff that was
        written off within the horizon × loss given default, known afterwards; NaN while the log
        does not go that far.
    """

    cutoff: int
    currency: str
    horizon_days: int
    forward: float
    matrix: ProvisionMatrix
    loss: LossGivenDefault
    table: pd.DataFrame

    @property
    def totals(self) -> dict[str, float]:
        """Sums over all buckets of what adds up; NaN where a bucket does not have it."""
        return {name: float(self.table[name].sum(skipna=False)) for name in SUMMED}

    def as_dict(self) -> dict[str, Any]:
        """Plain values: what `duecast provision --json` prints."""
        matrix = self.matrix
        rolled = pd.DataFrame(matrix.share, AGEING, OUTCOMES)
        return {
            "cutoff": timestamp(self.cutoff).isoformat(),
            "currency": self.currency,
            "horizon_days": self.horizon_days,
            "forward": self.forward,
            "months": matrix.n_months,
            "loss_given_default": self.loss.as_dict(),
            "roll_rates": rolled.to_dict("index"),
            "rates": pd.DataFrame(
                {
                    "followed": matrix.followed,
                    "write_off_rate": matrix.write_off_rate,
                    "write_off_rate_low": matrix.low,
                    "write_off_rate_high": matrix.high,
                    "by_product": matrix.by_product,
                    "assumed": matrix.assumed,
                },
                AGEING,
            ).to_dict("index"),
            "balances": [
                {"date": timestamp(int(end)).isoformat(), **dict(zip(AGEING, row, strict=True))}
                for end, row in zip(matrix.ends, matrix.balance.tolist(), strict=True)
            ],
            "buckets": self.table.to_dict("index"),
            "totals": self.totals,
        }


def expected_credit_loss(
    log: EventLog,
    cutoff: int,
    policy: Policy,
    rates: Rates,
    *,
    models: Mapping[str, RiskModel] | None = None,
    months: int = MONTHS,
    forward: float = 0.0,
    progress: Callable[[str], None] = lambda _: None,
) -> CreditLoss:
    """Expected credit loss of the invoices open at a cutoff, by the matrix and by a model.

    Parameters
    ----------
    log : EventLog
        May reach further. Only ``lost_later`` looks beyond the cutoff.
    cutoff : int
        Microseconds.
    models : mapping of str to RiskModel, optional
        The champions, as they score a worklist; without one of write-offs the matrix stands alone.
    months : int
        Months before the cutoff over which balances are followed.
    forward : float
        0.1 raises the matrix's write-off rates by a tenth.

    Raises
    ------
    DataError
        If the cutoff lies after the end of the log, nothing was open in the months before it, or,
        with a model, nothing is open at it.
    SettingsError
        If ``months`` or ``forward`` is out of its range.
    """
    refuse_forward(forward)
    refuse_late_cutoff(cutoff, log.ends_at)
    policy = policy_of_models(policy, models or {})
    model = (models or {}).get("write_off")
    progress("roll rates")
    matrix = provision_matrix(log, cutoff, policy, rates, months=months)
    progress("recoveries")
    loss = loss_given_default(log, cutoff, policy, rates)
    progress("expected losses")
    table = _by_matrix(matrix, loss, policy, forward)
    if model is not None:
        worklist = score(log, cutoff, {"write_off": model}, policy, rates).worklist
        table = beside_model(table, worklist)
    progress("afterwards")
    table["lost_later"] = written_off_later(log, cutoff, policy, rates) * loss.value
    return CreditLoss(
        cutoff=cutoff,
        currency=rates.reporting,
        horizon_days=policy.write_off_horizon_days,
        forward=forward,
        matrix=matrix,
        loss=loss,
        table=table,
    )


def _by_matrix(
    matrix: ProvisionMatrix, loss: LossGivenDefault, policy: Policy, forward: float
) -> pd.DataFrame:
    """Exposure and the matrix's expected credit loss by bucket; the model's columns are missing."""
    exposure = matrix.balance[-1]
    lifetime = loss_rate(matrix.write_off_rate, 1.0, forward)
    horizon = loss_rate(matrix.rate_within(policy.write_off_horizon_days), 1.0, forward)
    nobody = np.full(len(AGEING), np.nan)
    return pd.DataFrame(
        {
            "invoices": matrix.n_open[-1],
            "exposure": exposure,
            "rate_lifetime": lifetime,
            "rate_horizon": horizon,
            "ecl_lifetime": exposure * lifetime * loss.value,
            "ecl_horizon": exposure * horizon * loss.value,
            "rate_model": nobody,
            "ecl_model": nobody,
            "difference": nobody,
            "difference_model": nobody,
            "difference_horizon": nobody,
        },
        index=pd.Index(AGEING, name="bucket"),
    )


def beside_model(table: pd.DataFrame, worklist: pd.DataFrame) -> pd.DataFrame:
    """Add a worklist's expected losses, bucket by bucket; they sum up to the worklist's.

    Parameters
    ----------
    table : DataFrame of shape (6,)
        The matrix's side, see `CreditLoss`.
    worklist : DataFrame
        Scored at the same cutoff, with a write-off probability on every row.
    """
    balance = worklist["open_balance_reporting"].fillna(0.0)
    grouped = pd.DataFrame(
        {
            "ecl": worklist["expected_loss"],
            "p_balance": worklist["p_write_off"] * balance,
            "balance": balance,
        }
    ).groupby(worklist["ageing_bucket"])
    summed = grouped.sum().reindex(table.index, fill_value=0.0)
    found = table.copy()
    found["ecl_model"] = summed["ecl"]
    found["rate_model"] = summed["p_balance"] / summed["balance"].where(summed["balance"] > 0)
    found["difference"] = found["ecl_model"] - found["ecl_lifetime"]
    found["difference_model"] = found["ecl_model"] - found["ecl_horizon"]
    found["difference_horizon"] = found["ecl_horizon"] - found["ecl_lifetime"]
    return found


def written_off_later(log: EventLog, cutoff: int, policy: Policy, rates: Rates) -> Floats:
    """Balance open at a cutoff that was written off within the policy's horizon, by bucket.

    Returns
    -------
    ndarray of float64, shape (6,)
        Reporting currency at the cutoff's rate, before recoveries, by the bucket at the cutoff; NaN
        while the log ends before the horizon does.
    """
    until = cutoff + policy.write_off_horizon_days * DAY
    if not known_by(np.array([until]), log.ends_at).all():
        return np.full(len(AGEING), np.nan)
    ledger = keep_ledger(log, policy)
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    now = np.full(log.n_invoices, cutoff, dtype=np.int64)
    states = ledger.as_of(everyone, now)
    rows = is_open(states)
    states, now, everyone = states[rows], now[rows], everyone[rows]
    _, _, lost = follow(states, ledger.as_of(everyone, np.full(len(now), until)))
    money = converted(lost, rates.of(currency_of_invoices(log)[everyone], now))
    return np.bincount(bucket_code(states, now), money / MINOR, len(AGEING)).astype(np.float64)
