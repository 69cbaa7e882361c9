"""A backtest reports on rows that the model could not have known."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from eventlog.errors import DataError, SettingsError
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
from training.capacity import period_of
from training.evaluation import metrics
from training.examples import InMemory
from training.gate import LeakageError
from training.intervals import HEADLINE
from training.labels import TARGETS
from training.plots import draw_test
from training.slices import slices_of


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
    assert set(found["slices"]) == {
        *("cutoff", "phase", "ageing_bucket", "segment", "country", "amount", "history_depth"),
        *("events_seen", "days_since_posting", "customer", "invoice_in_training"),
    }
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
    labels = set(cut_into_slices(found.train, found.test, False).labels)
    assert "invoice" in labels
    assert not labels & {"customer", "invoice_in_training"}


def test_an_invoice_of_training_rows_is_told_from_others():
    found = backtested("write_off")
    known = cut_into_slices(found.train, found.test, True).labels["invoice_in_training"]
    trained_on = set(found.train.matrix.snapshots.invoice.tolist())
    tested = found.test.matrix.snapshots.invoice.tolist()
    assert [each in trained_on for each in tested] == (known == "seen in training").tolist()
    assert set(known) == {"seen in training", "unseen"}


def test_rows_are_cut_by_what_their_matrix_says():
    found = backtested("write_off")
    matrix, encoding = found.test.matrix, found.model.encoding
    labels = slices_of(matrix, encoding, POLICY, "EUR").labels
    row = int(np.flatnonzero(matrix["days_past_due"] > 40)[0])
    assert labels["phase"][row] == "late"
    assert labels["segment"][row] == encoding.levels["segment"][int(matrix["segment"][row])]
    assert labels["events_seen"][row] in (f"{matrix['n_events'][row]:.0f}", "over 10")
    assert labels["amount"][row].endswith(" EUR")
    assert set(labels["phase"]) <= {"late", "not yet late", "no due date"}
    days = np.isnan(matrix["days_past_due"]), matrix["days_past_due"] <= POLICY.late_after_days
    for name, rows in zip(("no due date", "not yet late"), days, strict=True):
        assert (labels["phase"][rows] == name).all()
    assert "segment" not in slices_of(matrix).labels


def test_differences_to_every_baseline_come_with_intervals():
    found = backtested("late_payment").report["differences"]
    assert found["resampled"] == "customers"
    assert tuple(found["over"]) == BASELINES
    for difference in found["over"].values():
        for value in difference.values():
            assert value["estimate"] is None or value["low"] <= value["high"]
        assert difference["roc_auc"]["low"] <= difference["roc_auc"]["estimate"]


def test_the_models_own_figures_come_with_intervals():
    report = backtested("late_payment").report
    found = report["intervals"]["model"]
    assert tuple(found) == HEADLINE
    assert set(report["intervals"]) == {"model", *BASELINES}
    for name in ("roc_auc", "brier", "balance_recall_at_10"):
        assert found[name]["estimate"] == pytest.approx(report["metrics"][name])
        assert found[name]["low"] < found[name]["estimate"] < found[name]["high"]


def test_the_work_of_a_team_is_costed_at_the_policys_assumptions():
    found = backtested("write_off")
    capacity = found.report["capacity"]
    assert capacity["per"] == period_of("monthly")
    assert capacity["costs"]["lost"] == POLICY.loss_given_default
    owed = (found.test.y * found.test.balance).sum()
    assert capacity["owed"] == pytest.approx(owed)
    assert {"model x balance", "balance", "oldest", "perfect foresight", *BASELINES} <= set(
        capacity["rankings"]
    )


@cache
def after_an_embargo():
    """A backtest with an embargo, and its own idea of calls."""
    return run_backtest(
        company_log(),
        "late_payment",
        TRAIN_UNTIL,
        TEST_UNTIL,
        POLICY,
        company_rates(),
        RECIPE,
        repeats=0,
        test_since=TRAIN_UNTIL + 60 * DAY,
        call_cost=2.0,
        per="week",
    )


def test_the_call_and_the_stretch_can_be_stated():
    found = after_an_embargo().report["capacity"]
    assert (found["costs"]["call"], found["per"]) == (2.0, "week")


def test_an_embargo_lies_between_training_and_test():
    found = after_an_embargo()
    assert found.test.matrix.snapshots.cutoff.min() >= TRAIN_UNTIL + 60 * DAY
    assert found.train.window_end.max() < TRAIN_UNTIL
    assert found.report["train_until"] == "2022-05-01T00:00:00"
    assert found.report["test_since"] == "2022-06-30T00:00:00"


def test_a_test_cannot_begin_before_training_ends():
    with pytest.raises(SettingsError, match="begin on 2022-04-30, before the training ends"):
        run_backtest(
            company_log(),
            "late_payment",
            TRAIN_UNTIL,
            TEST_UNTIL,
            POLICY,
            company_rates(),
            RECIPE,
            test_since=TRAIN_UNTIL - DAY,
        )


def test_every_figure_is_drawn(tmp_path):
    drawn = draw_test(backtested("late_payment"), tmp_path)
    names = {path.name for path in drawn}
    assert names >= {
        *("reliability.png", "recall.png", "importance.png", "capacity.png", "differences.png"),
        "prefixes.png",
    }
    assert any(name.startswith("reliability_by_") for name in names)
    for path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG")
    assert sorted(tmp_path.iterdir()) == sorted(drawn)


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


def test_without_repeats_there_are_no_intervals():
    assert not {"differences", "intervals"} & set(after_an_embargo().report)


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
