"""Watching a champion: the rows it is compared with, what it reports, when it raises an alarm."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from eventlog.errors import DataError, NotReadyError
from eventlog.ledger import keep_ledger
from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import rates_for
from eventlog.reader import log_from_frame
from eventlog.simulate import Company, simulate
from features.matrix import build_matrix
from features.snapshots import take_snapshots
from tests.training.company import (
    COMPANY,
    POLICY,
    TRAIN_UNTIL,
    company_frame,
    company_log,
    company_rates,
    curve_trained,
    trained,
)
from training.calibration_watch import Figure
from training.curve import unpaid, unpaid_at
from training.examples import InMemory
from training.fit import Recipe, fit_model
from training.model import RiskModel
from training.monitoring import Monitoring, monitor, series_of, what_moved
from training.registry import Version
from training.retrain_rule import judge_slope
from ui import monitoring_commands, opening

#: A company whose habits worsen from its 25th month on, and when its model was trained.
WORSENING = Company(
    n_invoices=8_000, months=30, share_late=0.25, regime_change_months=6, currencies=("EUR",)
)


def after(company: Company, months: int) -> int:
    """First moment after so many months of a company."""
    return micros(pd.Timestamp(company.start) + pd.DateOffset(months=months))


@cache
def worsening_log() -> EventLog:
    return log_from_frame(simulate(WORSENING, seed=1))[0]


@cache
def worsening_model() -> RiskModel:
    recipe = Recipe(rhythm="posting", seeds=1, threads=1, inner_folds=2)
    log, until = worsening_log(), after(WORSENING, 21)
    return fit_model(log, "late_payment", until, Policy(), rates_for(log, None), recipe)[0]


@cache
def seen_at(ends_at: int) -> Monitoring:
    """What is seen of the worsening company when its log ends there."""
    log = worsening_log().upto(ends_at)
    return monitor(log, worsening_model(), Policy(), rates_for(log, None))


def log_after(months: int) -> EventLog:
    """The worsening company's log at the end of a month."""
    return worsening_log().upto(after(WORSENING, months) - 1)


@cache
def watched(target: str = "late_payment") -> Monitoring:
    """The company in which nothing changes, watched to the end of its log."""
    return monitor(company_log(), trained(target)[0], POLICY, company_rates())


def fired(seen: Monitoring) -> list[str]:
    return [rule["rule"] for rule in seen.report["rules"] if rule["fired"]]


@pytest.mark.parametrize("months", [22, 23, 24])
def test_every_month_before_the_change_is_quiet(months):
    before = seen_at(log_after(months).ends_at)
    assert before.verdict != "alarm"
    assert set(fired(before)) <= {"new labels"}


def test_the_first_alarm_comes_in_the_fourth_month_of_the_change_at_the_latest_and_stays():
    found = [seen_at(log_after(months).ends_at).verdict for months in range(25, 31)]
    first = 25 + found.index("alarm")
    assert first <= 28
    assert set(found[first - 25 :]) == {"alarm"}


def test_an_alarm_says_by_how_much_and_what_to_do():
    later = seen_at(log_after(30).ends_at)
    assert "lasting miscalibration" in fired(later)
    words = next(r for r in later.report["rules"] if r["rule"] == "lasting miscalibration")
    assert "times as many late payments as predicted" in words["says"]
    assert "duecast train LOG" in words["do"]


def test_a_company_in_which_nothing_changes_raises_no_alarm():
    assert watched().verdict == "retraining worthwhile"
    assert fired(watched()) == ["new labels"]


def test_the_rows_trained_on_are_rebuilt_from_the_log():
    _, examples = trained("late_payment")
    report = watched().report
    assert report["n_train_rebuilt"] == report["n_train"] == len(examples.y)
    assert report["notes"] == []


def test_cohorts_are_the_months_of_the_cutoffs_since_training():
    cohorts = watched().report["cohorts"]
    months = [cohort["cohort"] for cohort in cohorts]
    assert months[0] == f"{pd.Timestamp(TRAIN_UNTIL, unit='us'):%Y-%m}"
    assert months == sorted(set(months))
    assert len(months) >= COMPANY.months - 17


def test_matured_rows_are_those_that_a_test_would_have():
    model, _ = trained("late_payment")
    log = company_log()
    test = InMemory(log).examples(
        "late_payment",
        model.facts["rhythm"],
        TRAIN_UNTIL,
        log.ends_at + 1,
        model.encoding,
        POLICY,
        company_rates(),
    )
    cohorts = watched().report["cohorts"]
    assert sum(cohort["matured"] for cohort in cohorts) == len(test.y)
    assert sum(cohort["observed"] for cohort in cohorts) == test.y.sum()
    expected = model.probability(test.matrix).sum()
    assert sum(cohort["expected"] for cohort in cohorts) == pytest.approx(expected)


def test_the_latest_cohorts_are_estimated_before_their_labels_mature():
    latest = watched("still_open").report["cohorts"][-1]
    assert latest["matured"] == 0
    assert latest["share_matured"] == 0
    assert latest["realised"]["roc_auc"] is None
    assert latest["observed_to_expected"] is None
    assert 0.5 < latest["estimated"]["roc_auc"]["estimate"] < 1
    assert latest["estimated_of_matured"] is None


def test_realised_figures_stand_beside_those_expected_of_the_same_rows():
    ripe = [c for c in watched().report["cohorts"] if c["share_matured"] == 1]
    assert len(ripe) >= 3
    for cohort in ripe:
        realised, expected = cohort["realised"], cohort["estimated_of_matured"]
        assert realised["roc_auc"] == pytest.approx(expected["roc_auc"]["estimate"], abs=0.15)
        assert expected["brier"]["low"] < expected["brier"]["estimate"] < expected["brier"]["high"]


def test_every_feature_has_its_drift_and_the_most_important_come_first():
    model, _ = trained("late_payment")
    features = watched().report["features"]
    assert sorted(f["name"] for f in features) == sorted(model.columns)
    gains = [f["importance"] for f in features]
    assert gains == sorted(gains, reverse=True)
    assert sum(gains) == pytest.approx(1)
    assert not any(f["drifts"] for f in features if f["importance"] >= 0.02)


def test_what_comes_later_changes_nothing_about_a_cohort_that_has_matured():
    model, _ = trained("late_payment")
    earlier = monitor(
        company_log().upto(micros("2022-10-01") - 1), model, POLICY, company_rates()
    ).report["cohorts"]
    same = [c for c in earlier if c["share_matured"] == 1]
    assert len(same) >= 2
    later = {c["cohort"]: c for c in watched().report["cohorts"]}
    for cohort in same:
        assert cohort["observed"] == later[cohort["cohort"]]["observed"]
        assert cohort["expected"] == pytest.approx(later[cohort["cohort"]]["expected"])
        assert cohort["score"]["psi"] == pytest.approx(later[cohort["cohort"]]["score"]["psi"])


def test_an_extract_with_another_unit_drifts_and_says_what_moved():
    model, _ = trained("late_payment")
    frame = company_frame().copy()
    since = frame["EventTime"] >= pd.Timestamp("2022-05-01")
    for name in ("InvoiceAmount", "PaymentAmount"):
        frame.loc[since, name] *= 1000
    log, _ = log_from_frame(frame)
    report = monitor(log, model, POLICY, company_rates()).report
    amount = next(f for f in report["features"] if f["name"] == "amount")
    assert amount["drifts"]
    was, now = amount["moved"].removeprefix("median ").replace(",", "").split(" → ")
    assert float(now) > 100 * float(was)


def test_a_row_count_that_differs_from_the_recorded_one_is_spoken_of():
    model, _ = trained("late_payment")
    log = log_from_frame(company_frame().query("EventTime >= '2021-09-01'"))[0]
    (note,) = monitor(log, model, POLICY, company_rates()).report["notes"]
    assert f"the model was trained on {model.facts['n_train']:,}" in note


def test_nothing_matured_yet_is_said_and_is_no_alarm():
    model, _ = trained("write_off")
    seen = monitor(company_log().upto(micros("2022-08-01") - 1), model, POLICY, company_rates())
    assert seen.verdict != "alarm"
    assert any("No label has matured since training" in note for note in seen.report["notes"])
    assert seen.report["cohorts"][0]["estimated"]["prevalence"]["estimate"] > 0


def test_looking_later_only_leaves_out_the_cohorts_before():
    model, _ = trained("late_payment")
    since = micros("2022-09-01")
    report = monitor(company_log(), model, POLICY, company_rates(), since=since).report
    everything = watched().report
    assert report["cohorts"] == [c for c in everything["cohorts"] if c["cohort"] >= "2022-09"]
    assert report["n_train_rebuilt"] == everything["n_train_rebuilt"]
    before = monitor(company_log(), model, POLICY, company_rates(), since=micros("2021-06-01"))
    assert before.report["since"] == everything["since"]


def test_a_log_that_ends_before_training_did_is_refused():
    model, _ = trained("late_payment")
    early = company_log().upto(micros("2022-02-01"))
    with pytest.raises(DataError, match=r"ends on 2022-02-01.*from 2022-05-01 on.*a later log"):
        monitor(early, model, POLICY, company_rates())


def test_a_log_without_the_rows_trained_on_is_refused():
    model, _ = trained("late_payment")
    log = log_from_frame(company_frame().query("EventTime >= '2022-06-01'"))[0]
    with pytest.raises(DataError, match=r"none of the .* rows that the model was trained on"):
        monitor(log, model, POLICY, company_rates())


@cache
def curve_watched() -> Monitoring:
    return monitor(company_log(), curve_trained()[0], POLICY, company_rates())


def test_a_payment_curve_is_watched_at_30_days_by_the_same_rules():
    model, examples = curve_trained()
    report = curve_watched().report
    assert "30 days from the cutoff" in report["question"]
    rules = [rule["rule"] for rule in report["rules"]]
    assert rules == [rule["rule"] for rule in watched().report["rules"]]
    assert curve_watched().verdict == "retraining worthwhile"
    assert report["n_train_rebuilt"] == report["n_train"] == len(examples.y)
    assert report["notes"] == []
    assert sorted(f["name"] for f in report["features"]) == sorted(model.columns)


def test_cohorts_of_a_payment_curve_are_what_became_of_it_in_30_days():
    model, _ = curve_trained()
    log, ledger = company_log(), keep_ledger(company_log(), POLICY)
    snapshots = take_snapshots(log, ledger, "monthly", TRAIN_UNTIL, log.ends_at + 1)
    days = np.full(len(snapshots), 30.0)
    y = unpaid(ledger, snapshots, days, log.ends_at)
    p = unpaid_at(
        model, build_matrix(log, snapshots, model.encoding, POLICY, company_rates()), days
    )
    known = ~np.isnan(y)
    cohorts = curve_watched().report["cohorts"]
    assert sum(cohort["matured"] for cohort in cohorts) == known.sum() > 500
    assert sum(cohort["observed"] for cohort in cohorts) == y[known].sum()
    assert sum(cohort["expected"] for cohort in cohorts) == pytest.approx(p[known].sum())
    assert cohorts[-1]["share_matured"] < 1


def test_a_payment_curve_that_says_too_little_raises_the_alarm():
    model, _ = curve_trained()
    low = replace(model, calibrator=replace(model.calibrator, shift=-2.0))
    seen = monitor(company_log(), low, POLICY, company_rates())
    assert seen.verdict == "alarm"
    assert "observed / expected" in fired(seen)
    (rule,) = (r for r in seen.report["rules"] if r["rule"] == "observed / expected")
    assert "as many invoices unpaid at the horizon as predicted" in rule["says"]


def test_the_slope_of_a_payment_curve_is_shown_and_not_judged():
    steep = Figure(1.65, 1.33, 1.97, 0.1)
    shown = judge_slope(steep, "2022-11 to 2022-12", "payment_curve")
    assert not shown.fired
    assert "slope 1.65 [1.33, 1.97]" in shown.says
    assert "not judged" in shown.says
    assert judge_slope(steep, "2022-11 to 2022-12", "late_payment").fired


def test_figures_by_cohort_are_numbers_by_month():
    found = series_of(watched().report)
    assert found["rows"][202206] == watched().report["cohorts"][1]["rows"]
    assert set(found["realised.roc_auc"]) <= set(found["estimated.roc_auc"])
    assert all(np.isfinite(v) for series in found.values() for v in series.values())


def test_the_report_is_plain_values():
    text = json.dumps(watched().report, allow_nan=False)
    assert json.loads(text)["verdict"] == watched().verdict


@pytest.mark.parametrize(
    ("reference", "current", "unit", "levels", "said"),
    [
        ([1, 2, 3], [4, 5, 6], "days", (), "median 2 days → 5 days"),
        ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5], "share", (), "median 20.0 % → 50.0 %"),
        ([0, 0, 0, 1], [0, 1, 1, 1], "yes/no", (), "yes 25 % → 75 %"),
        ([0, 0, 0, 1], [0, 0, 1, 1], "category", ("DE", "FR"), "'FR' 25 % → 50 %"),
        ([1, 2, 3, 4], [1, 2, np.nan, np.nan], "days", (), "missing 0 % → 50 %, median 2.5 days"),
        ([1, 2], [np.nan, np.nan], "days", (), "missing 0 % → 100 %"),
        ([np.nan], [np.nan], "days", (), "missing throughout"),
        ([0] * 9 + [1], [0] * 6 + [1] * 4, "count", (), "above 0: 10 % → 40 %"),
    ],
)
def test_what_moved_is_said_in_the_features_own_unit(reference, current, unit, levels, said):
    found = what_moved(np.array(reference, float), np.array(current, float), unit, levels)
    assert found.startswith(said)


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs `duecast monitor` on a log in memory, without MLflow; gives result and record."""
    written: list[dict] = []
    version = Version("late_payment", "3", "run", ("champion",), {})

    def run(log, models, *options):
        monkeypatch.setenv("DUECAST_HOME", str(tmp_path))
        monkeypatch.setattr(monitoring_commands, "read", lambda *_, **__: (log, None))
        monkeypatch.setattr("training.registry.open_registry", lambda *_: None)
        found = {model.target: (model, version) for model in models}
        monkeypatch.setattr("training.registry.champions", lambda _: found)
        monkeypatch.setattr("training.registry.champion", lambda _, target: found[target])
        monkeypatch.setattr(
            "training.monitoring_record.log_monitoring",
            lambda _, version, **record: written.append(record) or "run-7",
            raising=False,
        )
        monkeypatch.setattr(
            "training.monitoring.monitor", lambda log, *_, **__: seen_at(log.ends_at)
        )
        monkeypatch.setattr(monitoring_commands, "out", opening.Console(width=120))
        result = CliRunner().invoke(monitoring_commands.commands, ["log.parquet", *options])
        return result, written

    return run


def test_the_command_exits_with_1_on_an_alarm_and_with_0_before(command):
    quiet, _ = command(log_after(24), [worsening_model()])
    assert quiet.exit_code == 0, quiet.exception
    assert "Retraining is worthwhile; there is no alarm." in quiet.output
    alarm, written = command(log_after(30), [worsening_model()])
    assert alarm.exit_code == 1
    assert "ALARM: someone should look." in alarm.output
    assert "lasting miscalibration" in alarm.output
    assert [record["tags"]["verdict"] for record in written] == ["retraining worthwhile", "alarm"]


def test_the_command_records_figures_and_both_files(command):
    _, (record,) = command(log_after(30), [worsening_model()])
    assert record["metrics"]["alarm"] == 1
    assert record["series"]["observed_to_expected"]
    assert json.loads(record["files"]["monitoring.json"])["target"] == "late_payment"
    assert "someone should look" in record["files"]["monitoring.html"]
    assert record["parameters"]["log"] == "log.parquet"


def test_the_command_prints_one_json_object(command):
    result, _ = command(log_after(30), [worsening_model()], "--json", "--target", "late_payment")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["verdict"] == "alarm"
    (report,) = found["targets"]
    assert (report["version"], report["run_id"], report["log"]) == ("3", "run-7", "log.parquet")


def test_a_payment_curve_alone_is_watched_too(command):
    result, written = command(log_after(24), [curve_trained()[0]])
    assert result.exit_code == 0, result.exception
    assert len(written) == 1


def test_without_a_champion_one_is_told_to_train(command):
    result, written = command(log_after(30), [])
    assert isinstance(result.exception, NotReadyError)
    assert "duecast train LOG" in str(result.exception)
    assert not written


def test_nothing_is_recorded_of_a_log_that_cannot_be_watched(command):
    result, written = command(log_after(10), [worsening_model()])
    assert isinstance(result.exception, DataError)
    assert not written
