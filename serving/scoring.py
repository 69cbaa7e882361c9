"""From a log, a cutoff and the champions to the ranked worklist; pure, nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.blocks import in_parallel
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
from eventlog.roll_rates import OUTCOMES, bucket_code
from eventlog.template import Role
from features.as_of import AsOf
from features.attributes import Encoding, last_stated
from features.blocks import Block, blocks_of
from features.matrix import Matrix, build_matrix, look_at
from features.peers import Outcomes, PeerRecord, count_outcomes, record_of, sum_outcomes
from features.snapshots import NO_SNAPSHOTS, Snapshots, at_cutoffs
from serving.delay import LateCases, add_cases, expected_overdue_days, late_cases, past_cases
from serving.payment_dates import overdue_days_of, payment_dates
from serving.priority import cost_of_delay, expected_loss, ranks, risk_band, suppressed_reason
from serving.reasons import Reasons, give_reasons
from serving.stand_in import CUSTOMERS_SHARE, customers_share, late_share_of_all
from serving.worklist import COLUMNS
from training.curve import TARGET as CURVE
from training.curve import Curves, curves_of
from training.fit import FEWEST_CASES
from training.labels import DECIDED_BY, TARGETS, phase
from training.model import RiskModel
from training.provision import (
    Flows,
    ProvisionMatrix,
    add_flows,
    count_flows,
    matrix_of,
    month_ends,
    no_flows,
)
from training.recoveries import (
    LossGivenDefault,
    WriteOffs,
    add_write_offs,
    count_write_offs,
    estimate_loss,
)

Floats = NDArray[np.float64]

#: What stands for a model's version where roll rates stand in for one.
ROLL_RATES = "roll rates"
#: Months of roll rates that stand in for a write-off model: write-offs are rare, so many.
ROLL_RATE_MONTHS = 36
_NO_ENDS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Scored:
    """A scoring run's result.

    Attributes
    ----------
    worklist : DataFrame
        One row an open invoice in rank order, the columns of `serving.worklist.COLUMNS`.
    policy : Policy
        As applied: horizons are those of the models, loss given default is that of `loss`.
    skipped : dict of str to str
        Targets that no model scored, and why.
    loss : LossGivenDefault
        Where the loss given default comes from.
    """

    worklist: pd.DataFrame
    policy: Policy
    skipped: dict[str, str]
    loss: LossGivenDefault


def policy_of_models(policy: Policy, models: Mapping[str, RiskModel]) -> Policy:
    """The policy with the horizons that the models were trained for.

    Raises
    ------
    SettingsError
        If two models were trained for different values of one horizon.
    """
    stated: dict[str, dict[int, list[str]]] = {}
    for target, model in models.items():
        for name in DECIDED_BY[target]:
            stated.setdefault(name, {}).setdefault(model.facts["policy"][name], []).append(target)
    for name, values in stated.items():
        if len(values) > 1:
            raise SettingsError(
                f"The champions disagree on '{name}': "
                + ", ".join(f"{targets} have {value}" for value, targets in values.items())
                + ". Train them together under one policy."
            )
    return policy.changed(**{name: next(iter(values)) for name, values in stated.items()})


def applied(policy: Policy, loss: LossGivenDefault) -> dict[str, Any]:
    """The policy as it held for a run, and where its loss given default comes from."""
    return policy.as_dict() | {"loss_given_default_from": loss.as_dict()}


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
    counted = count_known(known, cutoff, policy, rates, ends=ends_to_follow(models, cutoff))
    refuse_none_open(counted.n_open, cutoff, int(log.known_at.min()), log.ends_at)
    common = in_common(counted, known, cutoff, policy, models)
    policy = policy.changed(loss_given_default=common.loss.value)
    frame = score_customers(known, cutoff, models, policy, rates, common, progress)
    frame["rank"] = ranks_of(frame)
    skipped = skipped_targets(models, common, policy)
    return Scored(as_worklist(frame, models, versions or {}), policy, skipped, common.loss)


def skipped_targets(
    models: Mapping[str, RiskModel], common: Common, policy: Policy
) -> dict[str, str]:
    """Targets that no model scores, why, and what stands in."""
    skipped: dict[str, str] = {
        target: f"{target} is not scored: there is no champion for it."
        for target in TARGETS
        if target not in models
    }
    if common.late_share is not None:
        skipped["late_payment"] = (
            "late_payment: from each customer's own share of late invoices, drawn towards the "
            f"company's ({common.late_share:.1%}), because no model serves for it "
            f"({FEWEST_CASES} invoices of either outcome are needed to train one, and one that "
            "waits as challenger serves after `duecast promote`). No test has judged these."
        )
    if "write_off" in skipped:
        known = (
            f"no model serves for it ({common.n_written_off:,} write-offs with an amount are known "
            f"at the cutoff; {FEWEST_CASES} invoices with a label are needed to train one, and one "
            "that waits as challenger serves after `duecast promote`)"
        )
        matrix = common.roll_rates
        skipped["write_off"] = (
            f"write_off: from roll rates of the {matrix.n_months} months before the cutoff, within "
            f"{policy.write_off_horizon_days} days, because {known}."
            if matrix is not None
            else f"write_off is not scored: {known}, and no open balance was written off in the "
            f"{ROLL_RATE_MONTHS} months before the cutoff."
        )
    return skipped


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
    refuse_late_cutoff(cutoff, ends_at)
    return policy_of_models(policy, models)


def refuse_late_cutoff(cutoff: int, ends_at: int) -> None:
    """Refuse a cutoff after the end of the log.

    Raises
    ------
    DataError
        Saying when the log ends.
    """
    if cutoff > ends_at + DAY:
        raise DataError(
            f"The cutoff {timestamp(cutoff):%Y-%m-%d} lies after the log's end on "
            f"{timestamp(ends_at):%Y-%m-%d}: nobody knows what happened in between. Choose a "
            "cutoff up to the day after it."
        )


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
    write_offs : training.recoveries.WriteOffs
    flows : training.provision.Flows
    """

    outcomes: Outcomes
    cases: LateCases
    n_open: int
    write_offs: WriteOffs
    flows: Flows


@dataclass(frozen=True)
class Common:
    """What scoring one customer has to know of all others.

    Attributes
    ----------
    record : features.peers.PeerRecord
    cases : serving.delay.LateCases
    loss : training.recoveries.LossGivenDefault
    n_written_off : int
        Write-offs of a known amount at the cutoff.
    roll_rates : ProvisionMatrix or None
        What stands in for a write-off model; None where there is a model, or nothing to tell.
    late_share : float or None
        Share of late invoices among all, which customers' own are drawn to where they stand in for
        a model of late payment; None where there is a model.
    """

    record: PeerRecord
    cases: LateCases
    loss: LossGivenDefault
    n_written_off: int
    roll_rates: ProvisionMatrix | None
    late_share: float | None


def ends_to_follow(models: Mapping[str, RiskModel], cutoff: int) -> Ints:
    """Month ends between which balances are followed: none where a model scores write-offs."""
    return _NO_ENDS if "write_off" in models else month_ends(cutoff, ROLL_RATE_MONTHS)


def in_common(
    counted: Counted,
    part: EventLog,
    cutoff: int,
    policy: Policy,
    models: Mapping[str, RiskModel],
) -> Common:
    """What is common to all customers, from the counts of all.

    Parameters
    ----------
    part : EventLog
        The log or any part of it: all have the same levels.
    """
    flows, matrix = counted.flows, None
    if flows.moved[..., OUTCOMES.index("written off")].any():
        matrix = matrix_of(flows, repeats=0)
    return Common(
        record_of(counted.outcomes, part, np.array([cutoff])),
        counted.cases,
        estimate_loss(counted.write_offs, cutoff, policy),
        counted.write_offs.n_known,
        matrix,
        None if "late_payment" in models else late_share_of_all(counted.outcomes),
    )


def count_known(
    known: EventLog,
    cutoff: int,
    policy: Policy,
    rates: Rates,
    *,
    ends: Ints = _NO_ENDS,
    threads: int = 0,
) -> Counted:
    """Count what a part of the log, cut at the cutoff, adds to what is common to all.

    Parameters
    ----------
    ends : ndarray of int64, shape (n_months + 1,)
        From `ends_to_follow`.
    """
    cutoffs = np.array([cutoff], dtype=np.int64)

    def count(block: Block) -> Counted:
        seen = look_at(block, policy, rates)
        states = _everyone(seen.log, seen.ledger, cutoff)
        return Counted(
            count_outcomes(seen, cutoffs),
            late_cases(states, policy),
            int(is_open(states).sum()),
            count_write_offs(seen.log, states, cutoff, rates),
            count_flows(seen.log, seen.ledger, ends, rates) if len(ends) else no_flows(),
        )

    return add_counted(in_parallel(count, blocks_of(known, NO_SNAPSHOTS), threads))


def add_counted(parts: Iterable[Counted]) -> Counted:
    """What the whole adds up to, from its parts."""
    parts = list(parts)
    return Counted(
        sum_outcomes(part.outcomes for part in parts),
        add_cases(part.cases for part in parts),
        sum(part.n_open for part in parts),
        add_write_offs(part.write_offs for part in parts),
        add_flows(part.flows for part in parts),
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
        From `refuse_unready`, with the loss given default of ``common``.
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
        if target != CURVE
    }
    if common.late_share is not None:
        share = customers_share(next(iter(matrices.values())), common.late_share)
        probability["late_payment"] = np.where(_asked("late_payment", phases), share, np.nan)
    curves = curves_of(models[CURVE], matrices[CURVE]) if CURVE in models else None
    if common.roll_rates is not None:
        probability["write_off"] = _by_bucket(common.roll_rates, ledger, snapshots, policy)
    progress("reasons")
    told = _reasons(models, matrices, phases)
    progress("worklist")
    return _worklist(
        known, ledger, snapshots, cutoff, policy, rates, probability, curves, told, matrices, common
    )


def ranks_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Rank of each scored row among all, see `serving.priority.ranks`."""
    priority = frame["priority"].to_numpy(dtype=np.float64)
    balance = frame["open_balance_reporting"].to_numpy(dtype=np.float64)
    return ranks(priority, balance, frame["actionable"].to_numpy(dtype=bool))


def as_worklist(
    frame: pd.DataFrame, models: Mapping[str, RiskModel], versions: Mapping[str, str]
) -> pd.DataFrame:
    """Scored and ranked rows in rank order, with the versions, or stand-ins, that scored them."""
    for target, column in (
        ("late_payment", "model_late"),
        ("still_open", "model_still_open"),
        ("write_off", "model_write_off"),
        (CURVE, "model_payment_curve"),
    ):
        frame[column] = versions.get(target) if target in models else None
    if "write_off" not in models and frame["p_write_off"].notna().any():
        frame["model_write_off"] = ROLL_RATES
    if "late_payment" not in models and frame["p_late"].notna().any():
        frame["model_late"] = CUSTOMERS_SHARE
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


def _by_bucket(
    matrix: ProvisionMatrix, ledger: Ledger, snapshots: Snapshots, policy: Policy
) -> Floats:
    """Write-off rate of each row's ageing bucket within the policy's horizon."""
    states = ledger.as_of(snapshots.invoice, snapshots.cutoff)
    rate = matrix.rate_within(policy.write_off_horizon_days)
    return rate[bucket_code(states, snapshots.cutoff)]


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
    curves: Curves | None,
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
    overdue_days = (
        expected_overdue_days(cases, states, cutoff, customer, p_late, p_still, policy)
        if curves is None
        else overdue_days_of(curves, states, cutoff)
    )
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
    if curves is not None:
        frame = frame.assign(**payment_dates(curves, ledger, snapshots, policy))
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
