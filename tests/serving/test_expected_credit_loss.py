"""The model's expected credit loss ties to the worklist, the matrix's to its rates and balances."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import DataError, SettingsError
from eventlog.ledger import AGEING
from eventlog.log import DAY, micros
from serving.expected_credit_loss import (
    CreditLoss,
    beside_model,
    expected_credit_loss,
    written_off_later,
)
from serving.scoring import score
from tests.builders import happened, make_log
from tests.training.company import POLICY, TRAIN_UNTIL, company_log, company_rates, trained
from training.labels import TARGETS
from training.model import RiskModel
from training.provision import provision_matrix

CUTOFF = TRAIN_UNTIL


@cache
def champions() -> dict[str, RiskModel]:
    return {target: trained(target)[0] for target in TARGETS}


@cache
def worklist() -> pd.DataFrame:
    return score(company_log(), CUTOFF, champions(), POLICY, company_rates()).worklist


@cache
def found(forward: float = 0.0) -> CreditLoss:
    return expected_credit_loss(
        company_log(), CUTOFF, POLICY, company_rates(), models=champions(), forward=forward
    )


def test_the_models_losses_are_those_of_the_worklist_in_all_and_in_every_bucket():
    rows, table = worklist(), found().table
    assert found().totals["ecl_model"] == pytest.approx(rows["expected_loss"].sum(), abs=1e-6)
    assert found().totals["ecl_model"] > 0
    for bucket in AGEING:
        own = rows[rows["ageing_bucket"] == bucket]
        assert table.loc[bucket, "ecl_model"] == pytest.approx(own["expected_loss"].sum())
        assert table.loc[bucket, "invoices"] == len(own)
        assert table.loc[bucket, "exposure"] == pytest.approx(
            own["open_balance_reporting"].sum(), abs=0.005 * len(own) + 1e-9
        )


def test_the_matrix_s_losses_are_exposure_by_rate_by_loss_given_default():
    table, matrix = found().table, found().matrix
    expected = matrix.balance[-1] * matrix.write_off_rate * found().loss.value
    np.testing.assert_allclose(table["ecl_lifetime"], expected)
    expected = matrix.balance[-1] * matrix.rate_within(180) * found().loss.value
    np.testing.assert_allclose(table["ecl_horizon"], expected)
    assert found().horizon_days == POLICY.write_off_horizon_days == 180


def test_the_difference_is_the_models_and_the_horizons_and_adds_up_over_the_buckets():
    table, totals = found().table, found().totals
    parts = table["difference_model"] + table["difference_horizon"]
    np.testing.assert_allclose(table["difference"], parts)
    assert totals["difference"] == pytest.approx(totals["ecl_model"] - totals["ecl_lifetime"])
    assert (table["difference_horizon"] <= 1e-9).all()  # a part of a life is no more than the whole


def test_the_model_s_rate_is_weighted_by_balance():
    table = found().table
    exposed = table["exposure"] > 0
    np.testing.assert_allclose(
        (table["rate_model"] * table["exposure"] * found().loss.value)[exposed],
        table["ecl_model"][exposed],
        rtol=2e-3,  # expected losses are rounded to cents
    )


def test_looking_forward_raises_the_matrix_and_leaves_the_model():
    ahead, now = found(0.1).table, found().table
    bucket = "not due"
    assert ahead.loc[bucket, "ecl_lifetime"] == pytest.approx(1.1 * now.loc[bucket, "ecl_lifetime"])
    assert ahead.loc[bucket, "ecl_horizon"] == pytest.approx(1.1 * now.loc[bucket, "ecl_horizon"])
    assert (ahead["rate_lifetime"] <= 1).all()
    np.testing.assert_array_equal(ahead["ecl_model"], now["ecl_model"])


def test_only_what_is_known_later_looks_beyond_the_cutoff():
    cut = company_log().upto(CUTOFF)
    then = expected_credit_loss(cut, CUTOFF, POLICY, company_rates(), models=champions())
    shown = [name for name in found().table if name != "lost_later"]
    pd.testing.assert_frame_equal(then.table[shown], found().table[shown], check_exact=True)
    assert then.table["lost_later"].isna().all()
    assert np.isnan(then.totals["lost_later"])
    assert found().totals["lost_later"] > 0


def test_what_was_written_off_later_is_told_by_the_bucket_at_the_cutoff():
    log = make_log(
        happened("A", "post", "2023-12-01", amount=100, due="2024-01-01"),
        happened("A", "lose", "2024-06-01", moved=100),
        happened("B", "post", "2024-02-01", amount=70, due="2024-03-05"),
        happened("B", "pay", "2024-03-04", moved=50),
        happened("B", "lose", "2024-06-01", moved=20),
        happened("C", "post", "2024-02-01", amount=30, due="2024-03-05"),
        happened("C", "lose", "2024-12-01", moved=30),
    )
    rates, cutoff = company_rates(), micros("2024-03-01")
    policy = replace(POLICY, write_off_horizon_days=100)
    lost = written_off_later(log, cutoff, policy, rates)
    assert dict(zip(AGEING, lost.tolist(), strict=True)) == {
        "no due date": 0,
        "not due": 20,
        "1-30": 0,
        "31-60": 100,
        "61-90": 0,
        "90+": 0,
    }
    until = cutoff + 100 * DAY
    assert not np.isnan(written_off_later(log.upto(until), cutoff, policy, rates)).any()
    assert np.isnan(written_off_later(log.upto(until - 1), cutoff, policy, rates)).all()


def test_without_a_model_of_write_offs_the_matrix_stands_alone():
    models = {"late_payment": champions()["late_payment"]}
    alone = expected_credit_loss(company_log(), CUTOFF, POLICY, company_rates(), models=models)
    for name in ("ecl_model", "rate_model", "difference"):
        assert alone.table[name].isna().all()
    assert np.isnan(alone.totals["ecl_model"])
    np.testing.assert_array_equal(alone.table["ecl_lifetime"], found().table["ecl_lifetime"])


def test_the_models_horizon_holds_whatever_the_policy_says():
    policy = replace(POLICY, write_off_horizon_days=365)
    one = expected_credit_loss(company_log(), CUTOFF, policy, company_rates(), models=champions())
    assert one.horizon_days == 180
    none = expected_credit_loss(company_log(), CUTOFF, policy, company_rates())
    assert none.horizon_days == 365


def test_a_bucket_that_the_worklist_does_not_have_loses_nothing():
    rows = worklist()
    table = beside_model(found().table, rows[rows["ageing_bucket"] == "90+"])
    assert table.loc["1-30", "ecl_model"] == 0
    assert np.isnan(table.loc["1-30", "rate_model"])


def test_a_report_is_plain_json_but_for_what_is_not_known():
    said = json.loads(json.dumps(found().as_dict(), default=str))
    assert said["horizon_days"] == 180
    assert set(said["buckets"]) == set(said["roll_rates"]) == set(said["rates"]) == set(AGEING)
    assert said["totals"]["ecl_model"] == found().totals["ecl_model"]
    assert len(said["balances"]) == 13
    assert said["loss_given_default"]["source"] in ("policy", "recoveries")


def test_more_months_follow_more():
    matrix = provision_matrix(company_log(), CUTOFF, POLICY, company_rates(), months=6)
    assert matrix.followed.sum() < found().matrix.followed.sum()


def test_a_cutoff_after_the_end_of_the_log_is_refused():
    log = company_log()
    with pytest.raises(DataError, match=r"lies after the log's end"):
        expected_credit_loss(log, log.ends_at + 2 * DAY, POLICY, company_rates())


def test_an_adjustment_or_months_out_of_their_range_are_refused():
    log, rates = company_log(), company_rates()
    with pytest.raises(SettingsError, match=r"forward-looking adjustment is 40"):
        expected_credit_loss(log, CUTOFF, POLICY, rates, forward=40)
    with pytest.raises(SettingsError, match=r"0 months"):
        expected_credit_loss(log, CUTOFF, POLICY, rates, months=0)
