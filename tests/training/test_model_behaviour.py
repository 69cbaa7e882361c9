"""What a trained model must do, whatever its numbers are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from eventlog.ledger import keep_ledger
from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.reader import log_from_frame
from features.matrix import Matrix, build_matrix
from features.snapshots import at_cutoffs
from tests.training.company import (
    POLICY,
    RECIPE,
    TRAIN_UNTIL,
    backtested,
    company_frame,
    company_log,
    company_rates,
    trained,
)
from training.fit import fit_examples
from training.labels import TARGETS, phase

CUTOFF = micros("2022-07-01")


def looked_at(log: EventLog, cutoff: int = CUTOFF) -> tuple[pd.MultiIndex, Matrix]:
    """Open invoices at a cutoff and their features."""
    ledger = keep_ledger(log, POLICY)
    snapshots = at_cutoffs(ledger, np.array([cutoff], dtype=np.int64))
    encoding = trained("late_payment")[0].encoding
    matrix = build_matrix(log, snapshots, encoding, POLICY, company_rates())
    return pd.MultiIndex.from_frame(log.invoice_keys.iloc[snapshots.invoice]), matrix


def probabilities(target: str, log: EventLog) -> pd.Series:
    """Probability of each open invoice, by company and number."""
    keys, matrix = looked_at(log)
    return pd.Series(trained(target)[0].probability(matrix), index=keys)


@pytest.mark.parametrize(
    ("target", "least"), [("late_payment", 0.015), ("still_open", 0.1), ("write_off", 0.08)]
)
def test_a_model_ranks_better_than_the_customers_rate_and_age(target, least):
    report = backtested(target).report
    auc = report["metrics"]["roc_auc"]
    assert auc > report["baselines"]["customer_rate"]["roc_auc"] + least
    assert auc > report["baselines"]["ageing"]["roc_auc"]
    assert auc > report["baselines"]["state_age"]["roc_auc"]


@pytest.mark.parametrize("target", TARGETS)
def test_probabilities_are_better_than_prevalence_and_near_what_happens(target):
    found = backtested(target)
    metrics = found.report["metrics"]
    assert metrics["brier_skill"] > 0.1
    assert metrics["mean_p"] == pytest.approx(metrics["prevalence"], abs=0.1)
    assert ((found.p > 0) & (found.p < 1)).all()


@pytest.mark.parametrize("target", TARGETS)
def test_renaming_invoices_and_customers_changes_no_probability(target):
    frame = company_frame()
    draw = np.random.default_rng(0)
    renamed = frame.copy()
    for name in ("InvoiceNumber", "CustomerAccount", "CustomerName"):
        levels = frame[name].cat.categories
        new = [f"{name[0]}{k:06d}" for k in draw.permutation(len(levels))]
        renamed[name] = frame[name].cat.rename_categories(dict(zip(levels, new, strict=True)))
    log, _ = log_from_frame(renamed)
    now, then = probabilities(target, log), probabilities(target, company_log())
    both = frame.assign(new=renamed["InvoiceNumber"]).drop_duplicates(
        ["CompanyCode", "InvoiceNumber"]
    )
    keys = pd.MultiIndex.from_frame(both[["CompanyCode", "InvoiceNumber"]].astype(str))
    name_of = pd.Series(both["new"].astype(str).to_numpy(), index=keys)
    names = pd.MultiIndex.from_arrays(
        [then.index.get_level_values(0), name_of.loc[then.index].to_numpy()]
    )
    assert len(now) == len(then) > 100
    np.testing.assert_array_equal(now.loc[names].to_numpy(), then.to_numpy())


def with_broken_promises(frame: pd.DataFrame) -> pd.DataFrame:
    """Three promises that nobody kept on an older invoice of every customer, long before."""
    posted = frame[frame["ActivityName"] == "Invoice Posted and Sent"]
    first = posted[posted["EventTime"] < "2022-04-01"].groupby("CustomerAccount", observed=True)
    old = first.head(2)
    rows = []
    for days in (0, 20, 40):
        made = old["EventTime"].dt.normalize() + pd.Timedelta(hours=9)
        promise = old.assign(
            ActivityName="Payment Promise Created",
            EventTime=made + pd.Timedelta(days=days),
            PromisedDate=(made + pd.Timedelta(days=days + 2)).dt.normalize(),
            PromisedAmount=old["InvoiceAmount"] * 10,
            InvoiceAmount=np.nan,
            RecordedTime=pd.NaT,
        )
        rows.append(promise)
    return pd.concat([frame.astype({"ActivityName": object}), *rows], ignore_index=True)


def test_broken_promises_in_a_customers_history_do_not_lower_the_mean_probability():
    log, summary = log_from_frame(with_broken_promises(company_frame()))
    assert summary.rows_quarantined == 0
    before, after = looked_at(company_log())[1], looked_at(log)[1]
    assert after["promise_kept_ratio"].mean() < before["promise_kept_ratio"].mean() - 0.1
    model = trained("late_payment")[0]
    assert model.probability(after).mean() >= model.probability(before).mean() - 0.005


def test_a_customer_that_used_to_pay_late_is_the_greater_risk():
    _, matrix = looked_at(company_log())
    model = trained("late_payment")[0]
    p, share = model.probability(matrix), matrix["late_share"]
    worst, best = share >= np.quantile(share, 0.8), share <= np.quantile(share, 0.2)
    assert p[worst].mean() > 2 * p[best].mean()


def test_invoices_late_already_are_the_ones_that_may_be_written_off():
    log = company_log()
    _, matrix = looked_at(log)
    phases = phase(keep_ledger(log, POLICY), matrix.snapshots, POLICY)
    p = trained("write_off")[0].probability(matrix)
    assert p[phases == "late"].mean() > 5 * p[phases == "not yet late"].mean()


@pytest.mark.parametrize("target", TARGETS)
def test_a_probability_does_not_depend_on_which_others_are_scored(target):
    model, _ = trained(target)
    _, matrix = looked_at(company_log())
    rows = np.arange(0, len(matrix.snapshots), 7)
    np.testing.assert_array_equal(
        model.probability(matrix.take(rows)), model.probability(matrix)[rows]
    )


@pytest.mark.parametrize("target", TARGETS)
def test_one_more_broken_promise_never_lowers_a_probability(target):
    _, matrix = looked_at(company_log())
    model = trained(target)[0]
    found = [model.probability(with_broken(matrix, n)) for n in range(6)]
    assert (np.diff(found, axis=0) >= 0).all()


def with_broken(matrix: Matrix, n: int) -> Matrix:
    """The same rows, each with so many broken promises."""
    values = matrix.values.copy()
    values[:, matrix.columns.index("n_promises_broken")] = n
    return replace(matrix, values=values)


def test_without_the_policy_a_log_that_says_so_makes_broken_promises_lower_risk():
    model, examples = trained("late_payment")
    draw = np.random.default_rng(0)
    broken = draw.poisson(np.where(examples.y > 0, 0.3, 3.0))
    values = examples.matrix.values.copy()
    values[:, examples.matrix.columns.index("n_promises_broken")] = broken
    misled = replace(examples, matrix=replace(examples.matrix, values=values))

    def steps(policy: Policy) -> np.ndarray:
        fitted = fit_examples(misled, model.encoding, "late_payment", TRAIN_UNTIL, policy, RECIPE)
        few = misled.matrix.take(np.arange(200))
        return np.diff([fitted.probability(with_broken(few, n)) for n in range(6)], axis=0)

    assert steps(POLICY.changed(never_lowers_risk=())).min() < -0.05
    assert steps(POLICY).min() >= 0
