"""A backtest reports on rows that the model could not have known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from eventlog.errors import DataError
from eventlog.log import DAY
from tests.training.company import (
    POLICY,
    RECIPE,
    TEST_UNTIL,
    TRAIN_UNTIL,
    backtested,
    company_log,
    company_rates,
    trained,
)
from training.backtest import cut_into_slices, gather_test, run_backtest
from training.baselines import BASELINES
from training.evaluation import metrics
from training.examples import InMemory
from training.gate import LeakageError
from training.labels import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_test_rows_are_seen_from_the_end_of_training_on(target):
    found = backtested(target)
    cutoff = found.test.matrix.snapshots.cutoff
    assert cutoff.min() >= TRAIN_UNTIL
    assert cutoff.max() < TEST_UNTIL
    assert found.train.window_end.max() < TRAIN_UNTIL
    assert found.test.window_end.max() <= company_log().ends_at


def test_the_model_is_the_one_that_training_alone_gives():
    assert (
        backtested("late_payment").model.boosters[0].model_to_string()
        == trained("late_payment")[0].boosters[0].model_to_string()
    )


def test_metrics_are_those_of_the_test_rows():
    found = backtested("late_payment")
    test, prevalence = found.test, found.train.y.mean()
    assert found.report["metrics"] == metrics(test.y, found.p, test.balance, prevalence)
    assert tuple(found.report["baselines"]) == BASELINES
    for name, rival in found.rivals.items():
        expected = metrics(test.y, rival, test.balance, prevalence)
        assert found.report["baselines"][name] == expected


def test_every_cut_slices_all_rows():
    found = backtested("late_payment").report
    assert set(found["slices"]) == {"cutoff", "ageing_bucket", "history_depth", "customer"}
    for name, groups in found["slices"].items():
        assert sum(group["n"] for group in groups.values()) == found["n_test"], name
    assert set(found["slices"]["customer"]) <= {"seen in training", "unseen"}
    assert set(found["slices"]["cutoff"]) == {f"2022-{month:02}" for month in range(5, 11)}


def test_an_unseen_customer_has_no_row_in_training():
    found, log = backtested("late_payment"), company_log()
    slices = cut_into_slices(found.train, found.test, True).labels["customer"]
    owner = log.invoice_customer
    trained_on = set(owner[found.train.matrix.snapshots.invoice])
    tested = owner[found.test.matrix.snapshots.invoice]
    assert [c not in trained_on for c in tested] == (slices == "unseen").tolist()


def test_without_customers_invoices_are_resampled_and_told_apart():
    found = backtested("late_payment")
    assert set(cut_into_slices(found.train, found.test, False).labels) == {
        "cutoff",
        "ageing_bucket",
        "history_depth",
        "invoice",
    }


def test_differences_to_every_baseline_come_with_intervals():
    found = backtested("late_payment").report["differences"]
    assert found["resampled"] == "customers"
    assert tuple(found["over"]) == BASELINES
    for difference in found["over"].values():
        for value in difference.values():
            assert value["low"] <= value["estimate"] <= value["high"]


def test_counts_and_dates_are_reported():
    found = backtested("late_payment").report
    assert found["target"] == "late_payment"
    assert found["train_until"] == "2022-05-01T00:00:00"
    assert found["test_until"] == "2022-11-01T00:00:00"
    assert found["policy"] == POLICY.as_dict()
    assert found["n_test"] == len(backtested("late_payment").test.y)
    assert found["positives"] == backtested("late_payment").test.y.sum()
    assert found["attributes"] == {"SalesChannel": "level", "PaymentTermsDays": "number"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_report_is_plain_json_without_nan(target):
    text = json.dumps(backtested(target).report, allow_nan=False)
    assert json.loads(text)["target"] == target


def test_without_repeats_there_are_no_differences():
    log, rates = company_log(), company_rates()
    found = run_backtest(
        log, "still_open", TRAIN_UNTIL, TEST_UNTIL, POLICY, rates, RECIPE, repeats=0
    )
    assert "differences" not in found.report


def test_a_stretch_without_labels_is_an_error_that_says_where_the_log_ends():
    log, rates = company_log(), company_rates()
    model, _ = trained("write_off")
    since = log.ends_at - 40 * DAY
    with pytest.raises(DataError, match=r"write_off: none of the .* rows .* the log ends on"):
        gather_test(InMemory(log), model, since, log.ends_at, POLICY, rates)


def leaking():
    """The company's log with a column that knows which invoices will be paid late."""
    log = company_log()
    payment = log.activities.index("Payment Received")
    due = np.zeros(log.n_invoices)
    paid = np.full(log.n_invoices, np.inf)
    dates = log.times("PaymentDueDate")
    for row in np.flatnonzero(log.invoice >= 0):
        code = log.invoice[row]
        due[code] = max(due[code], dates[row])
        if log.activity[row] == payment:
            paid[code] = log.event_time[row]
    late = (paid > due + 6 * DAY).astype(np.float64)
    column = replace(log.columns["PaymentTermsDays"], values=np.append(late, 0.0)[log.invoice])
    return replace(log, columns=dict(log.columns) | {"RiskFlag": column})


def test_a_planted_leak_stops_the_backtest_with_its_name():
    with pytest.raises(LeakageError, match=r"stops late_payment: 'RiskFlag': this additional"):
        run_backtest(
            leaking(), "late_payment", TRAIN_UNTIL, TEST_UNTIL, POLICY, company_rates(), RECIPE
        )


def test_an_override_goes_on_and_is_on_record():
    found = run_backtest(
        leaking(),
        "late_payment",
        TRAIN_UNTIL,
        TEST_UNTIL,
        POLICY,
        company_rates(),
        RECIPE,
        override="it is set by hand before posting",
        repeats=0,
    )
    assert found.report["leakage"]["override"] == "it is set by hand before posting"
    assert "RiskFlag" in {finding["name"] for finding in found.report["leakage"]["findings"]}


def test_leaving_the_leak_out_passes():
    recipe = replace(RECIPE, without=("RiskFlag",))
    found = run_backtest(
        leaking(),
        "late_payment",
        TRAIN_UNTIL,
        TEST_UNTIL,
        POLICY,
        company_rates(),
        recipe,
        repeats=0,
    )
    assert found.report["attributes_left_out"] == {"RiskFlag": "excluded with --attributes"}
    assert found.report["metrics"] == backtested("late_payment").report["metrics"]
