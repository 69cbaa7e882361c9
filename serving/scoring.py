"""From a log, a cutoff and the champions to the ranked worklist; pure, nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import DataError, NotReadyError, SettingsError
from eventlog.known import Codes, Ints, known_by
from eventlog.ledger import (
    Ledger,
    ageing_bucket,
    collections_status,
    days_overdue,
    is_open,
    keep_ledger,
)
from eventlog.log import DAY, MINOR, NONE, EventLog, datetimes, timestamp, units
from eventlog.policy import Policy
from eventlog.rates import Rates, currency_of_invoices
from eventlog.template import Role
from features.as_of import AsOf
from features.attributes import Encoding, last_stated
from features.blocks import Block, blocks_of, in_parallel
from features.matrix import Matrix, build_matrix, look_at
from features.peers import Outcomes, PeerRecord, count_outcomes, record_of, sum_outcomes
from features.snapshots import NO_SNAPSHOTS, Snapshots, at_cutoffs
from serving.delay import LateCases, add_cases, expected_overdue_days, late_cases, past_cases
from serving.priority import cost_of_delay, expected_loss, ranks, risk_band, suppressed_reason
from serving.reasons import Reasons, give_reasons
from serving.worklist import COLUMNS
from training.labels import TARGETS, phase
from training.model import RiskModel

Floats = NDArray[np.float64]

#: Policy values that a model was trained under and that scoring has to repeat.
HORIZONS = {
    "late_payment": ("late_after_days",),
    "still_open": ("late_after_days", "still_open_days"),
    "write_off": ("write_off_horizon_days",),
}


@dataclass(frozen=True)
class Scored:
    """A scoring run's result.

    Attributes
    ----------
    worklist : DataFrame
        One row an open invoice in rank order, the columns of `serving.worklist.COLUMNS`.
    policy : Policy
        As applied: horizons are those of the models.
    skipped : dict of str to str
        Targets that were not scored, and why.
    """

    worklist: pd.DataFrame
    policy: Policy
    skipped: dict[str, str]


def policy_of_models(policy: Policy, models: Mapping[str, RiskModel]) -> Policy:
    """The policy with the horizons that the models were trained for.

    Raises
    ------
    SettingsError
        If two models were trained for different values of one horizon.
    """
    stated: dict[str, dict[int, list[str]]] = {}
    for target, model in models.items():
        for name in HORIZONS[target]:
            stated.setdefault(name, {}).setdefault(model.facts["policy"][name], []).append(target)
    for name, values in stated.items():
        if len(values) > 1:
            raise SettingsError(
                f"The champions disagree on '{name}': "
                + ", ".join(f"{targets} have {value}" for value, targets in values.items())
                + ". Train them together under one policy."
            )
    return policy.changed(**{name: next(iter(values)) for name, values in stated.items()})


def score(
    log: EventLog,
    cutoff: int,
    models: Mapping[str, RiskModel],
    policy: Policy,
    rates: Rates,
    *,
    versions: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Scored:
    """Score every invoice that is open at a cutoff.

    Parameters
    ----------
    log : EventLog
        May reach further; it is cut at the cutoff first.
    cutoff : int
        Microseconds; what is known at it counts.
    models : mapping of str to RiskModel
        Target to champion; targets without one are skipped and said so.
    versions : mapping of str to str, optional
        Target to the version to show.

    Raises
    ------
    NotReadyError
        If there is no model at all.
    DataError
        If the cutoff lies after the end of the log, or no invoice is open at it.
    """
    policy = refuse_unready(models, cutoff, log.ends_at, policy)
    progress("ledger")
    known = log.upto(cutoff)
    counted = count_known(known, cutoff, policy, rates)
    refuse_none_open(counted.n_open, cutoff, int(log.known_at.min()), log.ends_at)
    common = Common(record_of(counted.outcomes, known, np.array([cutoff])), counted.cases)
    frame = score_customers(known, cutoff, models, policy, rates, common, progress)
    frame["rank"] = ranks_of(frame)
    return Scored(as_worklist(frame, models, versions or {}), policy, skipped_targets(models))


def skipped_targets(models: Mapping[str, RiskModel]) -> dict[str, str]:
    """Targets that are not scored, and why."""
    return {
        target: f"{target} is not scored: there is no champion for it."
        for target in TARGETS
        if target not in models
    }


def refuse_unready(
    models: Mapping[str, RiskModel], cutoff: int, ends_at: int, policy: Policy
) -> Policy:
    """The policy to score under.

    Raises
    ------
    NotReadyError
        If there is no model at all.
    DataError
        If the cutoff lies after the end of the log.
    """
    if not models:
        raise NotReadyError("There is no champion for any target. Run `duecast train LOG` first.")
    if cutoff > ends_at + DAY:
        raise DataError(
            f"The cutoff {timestamp(cutoff):%Y-%m-%d} lies after the log's end on "
            f"{timestamp(ends_at):%Y-%m-%d}: nobody knows what happened in between. Choose a "
            "cutoff up to the day after it."
        )
    return policy_of_models(policy, models)


def refuse_none_open(n_open: int, cutoff: int, first_known_at: int, ends_at: int) -> None:
    """Refuse a cutoff at which no invoice is open.

    Raises
    ------
    DataError
        Saying from when to when the log runs.
    """
    if not n_open:
        raise DataError(
            f"No invoice is open at {timestamp(cutoff):%Y-%m-%d %H:%M}: the log runs from "
            f"{timestamp(first_known_at):%Y-%m-%d} to {timestamp(ends_at):%Y-%m-%d}. Choose a "
            "cutoff inside it."
        )


@dataclass(frozen=True)
class Counted:
    """What a log, or a part of one, adds to what is common to all customers.

    Attributes
    ----------
    outcomes : features.peers.Outcomes
    cases : serving.delay.LateCases
    n_open : int
        Invoices open at the cutoff.
    """

    outcomes: Outcomes
    cases: LateCases
    n_open: int


@dataclass(frozen=True)
class Common:
    """What scoring one customer has to know of all others."""

    record: PeerRecord
    cases: LateCases


def count_known(
    known: EventLog, cutoff: int, policy: Policy, rates: Rates, *, threads: int = 0
) -> Counted:
    """Count what a part of the log, cut at the cutoff, adds to what is common to all."""
    cutoffs = np.array([cutoff], dtype=np.int64)

    def count(block: Block) -> Counted:
        seen = look_at(block, policy, rates)
        states = _everyone(seen.log, seen.ledger, cutoff)
        outcomes = count_outcomes(seen, cutoffs)
        return Counted(outcomes, late_cases(states, policy), int(is_open(states).sum()))

    return add_counted(in_parallel(count, blocks_of(known, NO_SNAPSHOTS), threads))


def add_counted(parts: Iterable[Counted]) -> Counted:
    """What the whole adds up to, from its parts."""
    parts = list(parts)
    return Counted(
        sum_outcomes(part.outcomes for part in parts),
        add_cases(part.cases for part in parts),
        sum(part.n_open for part in parts),
    )


def score_customers(
    known: EventLog,
    cutoff: int,
    models: Mapping[str, RiskModel],
    policy: Policy,
    rates: Rates,
    common: Common,
    progress: Callable[[str], None] = lambda _: None,
    *,
    threads: int = 0,
) -> pd.DataFrame:
    """Score the open invoices of a part of the log.

    Parameters
    ----------
    known : EventLog
        Some customers' events, cut at the cutoff.
    policy : Policy
        From `refuse_unready`.
    common : Common
        From the counts of all parts.

    Returns
    -------
    DataFrame of shape (n_open,)
        In the order of the invoices; not ranked yet.
    """
    ledger = keep_ledger(known, policy)
    snapshots = at_cutoffs(ledger, np.array([cutoff], dtype=np.int64))
    progress("features")
    matrices = _matrices(known, snapshots, models, policy, rates, common.record, threads)
    progress("probabilities")
    phases = phase(ledger, snapshots, policy)
    probability = {
        target: _probability(model, matrices[target], _asked(target, phases))
        for target, model in models.items()
    }
    progress("reasons")
    told = _reasons(models, matrices, phases)
    progress("worklist")
    return _worklist(
        known, ledger, snapshots, cutoff, policy, rates, probability, told, matrices, common
    )


def ranks_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Rank of each scored row among all, see `serving.priority.ranks`."""
    priority = frame["priority"].to_numpy(dtype=np.float64)
    balance = frame["open_balance_reporting"].to_numpy(dtype=np.float64)
    return ranks(priority, balance, frame["actionable"].to_numpy(dtype=bool))


def as_worklist(
    frame: pd.DataFrame, models: Mapping[str, RiskModel], versions: Mapping[str, str]
) -> pd.DataFrame:
    """Scored and ranked rows in rank order, with the versions that scored them."""
    for target, column in (
        ("late_payment", "model_late"),
        ("still_open", "model_still_open"),
        ("write_off", "model_write_off"),
    ):
        frame[column] = versions.get(target) if target in models else None
    ordered = frame.sort_values("rank", ignore_index=True)
    return ordered[[column.name for column in COLUMNS if column.name in ordered.columns]]


def _everyone(log: EventLog, ledger: Ledger, cutoff: int) -> NDArray[np.void]:
    """State of every invoice at the cutoff."""
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    return ledger.as_of(everyone, np.full(log.n_invoices, cutoff))


def _matrices(
    log: EventLog,
    snapshots: Snapshots,
    models: Mapping[str, RiskModel],
    policy: Policy,
    rates: Rates,
    record: PeerRecord,
    threads: int,
) -> dict[str, Matrix]:
    """Each model's feature matrix; models of one encoding share theirs."""
    made: list[tuple[Encoding, Matrix]] = []
    found: dict[str, Matrix] = {}
    for target, model in models.items():
        shared = [matrix for encoding, matrix in made if encoding == model.encoding]
        if not shared:
            matrix = build_matrix(
                log, snapshots, model.encoding, policy, rates, record=record, threads=threads
            )
            made.append((model.encoding, matrix))
            shared = [matrix]
        found[target] = shared[0]
    return found


def _probability(model: RiskModel, matrix: Matrix, asked: NDArray[np.bool_]) -> Floats:
    """Probability of the rows that are asked for, NaN for the others."""
    found = np.full(len(asked), np.nan)
    found[asked] = model.probability(matrix.take(asked))
    return found


def _asked(target: str, phases: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Rows whose phase a target's question is asked in."""
    if target == "write_off":
        return np.ones(len(phases), dtype=bool)
    return phases == ("not yet late" if target == "late_payment" else "late")


def _reasons(
    models: Mapping[str, RiskModel],
    matrices: Mapping[str, Matrix],
    phases: NDArray[np.object_],
) -> Reasons:
    """Reasons of each row from the model of its phase, or from the write-off model."""
    raising = np.full((len(phases), 3), None, dtype=object)
    lowering = np.full((len(phases), 2), None, dtype=object)
    left = np.ones(len(phases), dtype=bool)
    for target in TARGETS:
        if target not in models:
            continue
        rows = left & _asked(target, phases)
        if rows.any():
            told = give_reasons(models[target], matrices[target].take(rows))
            raising[rows], lowering[rows] = told.raising, told.lowering
        left &= ~rows
    return Reasons(raising, lowering)


def _worklist(
    log: EventLog,
    ledger: Ledger,
    snapshots: Snapshots,
    cutoff: int,
    policy: Policy,
    rates: Rates,
    probability: Mapping[str, Floats],
    told: Reasons,
    matrices: Mapping[str, Matrix],
    common: Common,
) -> pd.DataFrame:
    n = len(snapshots)
    moment = np.full(n, cutoff, dtype=np.int64)
    seen = AsOf(log, ledger, snapshots, policy, rates)
    states, customer = seen.states, seen.customer
    unknown = np.full(n, np.nan)
    p_late = probability.get("late_payment", unknown)
    p_still = probability.get("still_open", unknown)
    p_lost = probability.get("write_off", unknown)
    currency = currency_of_invoices(log)[snapshots.invoice]
    balance = units(states["balance"])
    reporting = np.round(balance * rates.of(currency, moment), 2)
    cases = past_cases(log, _everyone(log, ledger, cutoff), policy, common.cases)
    overdue_days = expected_overdue_days(cases, states, cutoff, customer, p_late, p_still, policy)
    loss = np.round(expected_loss(p_lost, reporting, policy), 2)
    delay = np.round(cost_of_delay(overdue_days, reporting, policy), 2)
    contact = np.maximum(states["last_contact_at"], _customer_contact(log, customer, cutoff))
    held = suppressed_reason(states, contact, cutoff, policy)
    actionable = held == None  # noqa: E711 - element by element
    priority = np.where(actionable, np.round(np.nan_to_num(loss) + delay, 2), 0.0)
    matrix = next(iter(matrices.values()))
    account = log.customer_keys["customer"].to_numpy()[customer]
    matured = matrix["n_promises_matured"] > 0
    event = log.of_invoice[seen.event_position]
    phases = phase(ledger, snapshots, policy)
    disputed = states["disputed"] == 1
    frame = pd.DataFrame(
        {
            "as_of": timestamp(cutoff),
            "company": log.invoice_keys["company"].to_numpy()[snapshots.invoice],
            "customer_account": account,
            "customer_name": _text_as_of(seen, "CustomerName", account),
            "segment": _text_as_of(seen, "CustomerSegment"),
            "country": _text_as_of(seen, "Country"),
            "invoice": log.invoice_keys["invoice"].to_numpy()[snapshots.invoice],
            "currency": currency,
            "invoice_date": _dates(
                np.where(states["posted_at"] == NONE, states["issued_at"], states["posted_at"])
            ),
            "due_date": _dates(states["due_date"]),
            "days_past_due": days_overdue(states, moment),
            "ageing_bucket": ageing_bucket(states, moment),
            "phase": phases,
            "original_amount": units(states["amount"]),
            "open_balance": balance,
            "open_balance_reporting": reporting,
            "to_collect": np.where(actionable, reporting, 0.0),
            "p_late": p_late,
            "p_still_open": p_still,
            "p_write_off": p_lost,
            "expected_overdue_days": overdue_days,
            "expected_loss": loss,
            "cost_of_delay": delay,
            "priority": priority,
            "risk_band": risk_band(np.where(np.isnan(p_late), p_still, p_late), policy),
            "actionable": actionable,
            "suppressed_reason": held,
            "dunning_level": states["level"],
            "letters": states["n_letters"],
            "collections_status": collections_status(states),
            "open_dispute_days": np.where(
                disputed, (cutoff - states["dispute_since"]) / DAY, np.nan
            ),
            "promise_date": _dates(
                np.where(states["promise_open"] == 1, states["promised_date"], NONE)
            ),
            "promise_kept_ratio": np.where(matured, matrix["promise_kept_ratio"], np.nan),
            "credit_limit": matrix["credit_limit"].astype(np.float64),
            "utilisation": matrix["credit_limit_usage"].astype(np.float64),
            "history_depth": matrix["history_depth"].astype(np.float64),
            "last_event": np.array(log.activities, dtype=object)[log.activity[event]],
            "last_event_at": datetimes(states["last_event_at"].copy()),
            "last_contact_at": datetimes(contact.copy()),
            "collector": _text_as_of(seen, "CollectorAssigned"),
            "unapplied_credit": _unapplied(log, customer, cutoff, rates),
        }
    )
    for i in range(3):
        frame[f"reason_{i + 1}"] = told.raising[:, i]
    for i in range(2):
        frame[f"relief_{i + 1}"] = told.lowering[:, i]
    return frame


def _dates(moment: Ints) -> NDArray[np.datetime64]:
    return datetimes(np.where(moment == NONE, NONE, moment - moment % DAY))


def _text_as_of(
    seen: AsOf, name: str, otherwise: NDArray[np.object_] | None = None
) -> NDArray[np.object_]:
    """A text column as last stated by the cutoff; ``otherwise`` (or None) where it never was."""
    empty = np.full(len(seen.snapshots), None, dtype=object) if otherwise is None else otherwise
    column = seen.log.columns.get(name)
    if column is None or not column.levels:
        return empty
    last = last_stated(seen.log, column)[seen.event_position]
    code = column.values.astype(np.int64)[seen.log.of_invoice[np.maximum(last, 0)]]
    return np.where(last >= 0, np.array(column.levels, dtype=object)[code], empty)


def _customer_contact(log: EventLog, customer: Codes, cutoff: int) -> Ints:
    """Last contact with each row's customer that concerned no single invoice."""
    rows = log.of_customer_alone
    called = np.isin(log.role[rows], (Role.CONTACT, Role.REMINDER))
    rows = rows[called & known_by(log.known_at[rows], cutoff)]
    last = np.full(log.n_customers, NONE, dtype=np.int64)
    np.maximum.at(last, log.customer[rows], log.event_time[rows])
    return last[customer]


def _unapplied(log: EventLog, customer: Codes, cutoff: int, rates: Rates) -> Floats:
    """Unapplied cash and credits of each row's customer, in the reporting currency."""
    rows = np.flatnonzero((log.role == Role.UNAPPLIED) & known_by(log.known_at, cutoff))
    money = log.money("PaymentAmount")[rows]
    currency = np.full(len(rows), rates.reporting, dtype=object)
    column = log.columns.get("CurrencyCode")
    if column is not None and column.levels:
        code = column.values.astype(np.int64)[rows]
        currency = np.where(code >= 0, np.array(column.levels, dtype=object)[code], rates.reporting)
    rate = rates.of(currency, np.full(len(rows), cutoff, dtype=np.int64))
    amount = np.where(money == NONE, 0.0, money / MINOR) * rate
    return np.round(np.bincount(log.customer[rows], amount, log.n_customers)[customer], 2)
