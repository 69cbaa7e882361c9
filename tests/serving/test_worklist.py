"""The catalogue of a scored invoice's columns, and what its money rests on.

Where no model of write-offs serves, roll rates stand in; recoveries tell the loss given default.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import Client

from eventlog.fold import Matured
from eventlog.ledger import AGEING, keep_ledger
from eventlog.log import EventLog, micros
from eventlog.partitions import write_partitions
from features.partitions import PartitionedLog
from features.peers import Outcomes
from serving.cluster import make_run_on_cluster
from serving.run import make_run
from serving.schema import FILTER_COLUMNS, REQUIRED, SCORES, SEARCH_COLUMNS, TOTAL_COLUMNS
from serving.scoring import ROLL_RATE_MONTHS, Scored, score
from serving.stand_in import customers_share, late_share_of_all
from serving.store import Run, Store
from serving.worklist import COLUMN_NAMED, COLUMNS
from tests.training.company import POLICY, TRAIN_UNTIL, company_log, company_rates, trained
from tests.training.tables import table
from training.provision import provision_matrix
from training.recoveries import loss_given_default
from training.registry import Version

CUTOFF = TRAIN_UNTIL
#: Days in 2022 with a write-off known, and none.
LATE, EARLY = micros("2022-11-15"), micros("2021-03-01")
WITHOUT = ("late_payment",)


def test_no_column_is_named_twice():
    assert len(COLUMN_NAMED) == len(COLUMNS)


def test_the_stored_columns_are_those_of_the_catalogue_in_its_order():
    assert [column.name for column in SCORES.columns] == [column.name for column in COLUMNS]


def test_what_is_filtered_searched_and_added_up_is_in_the_catalogue():
    used = {*FILTER_COLUMNS, *SEARCH_COLUMNS, *TOTAL_COLUMNS, *REQUIRED}
    assert used <= set(COLUMN_NAMED)


def test_every_amount_and_number_states_its_unit():
    bare = [
        column.name
        for column in COLUMNS
        if column.kind in ("money", "number", "probability", "time") and not column.unit
    ]
    assert bare == []


def test_every_column_has_a_label_and_a_sentence():
    assert all(column.label and column.meaning.endswith(".") for column in COLUMNS)


# What stands in for a model of write-offs.


@cache
def scored(*targets: str, cutoff: int = CUTOFF) -> Scored:
    models = {target: trained(target)[0] for target in targets}
    return score(company_log(), cutoff, models, POLICY, company_rates())


def test_without_a_champion_write_offs_are_scored_by_the_roll_rates_of_their_bucket():
    rows, policy = scored(*WITHOUT).worklist, scored(*WITHOUT).policy
    matrix = provision_matrix(
        company_log(), CUTOFF, POLICY, company_rates(), months=ROLL_RATE_MONTHS
    )
    rate = pd.Series(matrix.rate_within(POLICY.write_off_horizon_days), AGEING)
    np.testing.assert_array_equal(rows["p_write_off"], rate[rows["ageing_bucket"]])
    assert rows["p_write_off"].nunique() >= 5
    assert (rows["model_write_off"] == "roll rates").all()
    balance = rows["open_balance_reporting"].fillna(0)
    np.testing.assert_allclose(
        rows["expected_loss"],
        rows["p_write_off"] * policy.loss_given_default * balance,
        atol=0.0051,
    )
    np.testing.assert_allclose(
        rows["priority"],
        np.where(rows["actionable"], rows["expected_loss"] + rows["cost_of_delay"], 0),
        atol=0.0051,
    )


def test_the_run_says_that_roll_rates_stand_in_and_why():
    skipped = scored(*WITHOUT).skipped
    assert list(skipped) == ["still_open", "write_off"]
    said = skipped["write_off"]
    assert said.startswith("write_off: from roll rates of the 15 months before the cutoff, within")
    assert "within 180 days, because no model serves for it (" in said
    assert "write-offs with an amount are known at the cutoff; 50 invoices" in said
    log = company_log()
    lost = log.activity == log.activities.index("Invoice Written Off")
    assert f"({(lost & (log.known_at <= CUTOFF)).sum()} write-offs" in said


def test_the_other_targets_are_scored_as_with_a_champion_of_write_offs():
    one, other = scored(*WITHOUT), scored(*WITHOUT, "write_off")
    kept = ["invoice", "p_late", "cost_of_delay", "model_late"]
    pd.testing.assert_frame_equal(
        one.worklist.sort_values("invoice", ignore_index=True)[kept],
        other.worklist.sort_values("invoice", ignore_index=True)[kept],
    )


def test_with_a_champion_the_model_scores_and_nothing_stands_in(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("balances were followed for nothing")

    monkeypatch.setattr("serving.scoring.count_flows", refuse)
    model, _ = trained("write_off")
    found = score(
        company_log(),
        CUTOFF,
        {"write_off": model},
        POLICY,
        company_rates(),
        versions={"write_off": "7"},
    )
    assert (found.worklist["model_write_off"] == "7").all()
    assert found.worklist["p_write_off"].nunique() > len(AGEING)
    assert set(found.skipped) == {"late_payment", "still_open"}


def test_before_anything_was_written_off_nothing_stands_in_and_the_run_says_so():
    found = scored(*WITHOUT, cutoff=EARLY)
    assert found.worklist["p_write_off"].isna().all()
    assert found.worklist["expected_loss"].isna().all()
    assert found.worklist["model_write_off"].isna().all()
    assert found.skipped["write_off"] == (
        "write_off is not scored: no model serves for it (0 write-offs with an amount are known "
        "at the cutoff; 50 invoices with a label are needed to train one, and one that waits as "
        "challenger serves after `duecast promote`), and no open balance was written off in the 36 "
        "months before the cutoff."
    )


def test_roll_rates_do_not_see_beyond_the_cutoff():
    models = {target: trained(target)[0] for target in WITHOUT}
    then = score(company_log().upto(CUTOFF), CUTOFF, models, POLICY, company_rates())
    pd.testing.assert_frame_equal(then.worklist, scored(*WITHOUT).worklist, check_exact=True)
    assert (then.skipped, then.policy) == (scored(*WITHOUT).skipped, scored(*WITHOUT).policy)


# Loss given default.


@pytest.fixture
def few_are_enough(monkeypatch):
    """The small company has few write-offs that are a year old."""
    monkeypatch.setattr("training.recoveries.FEWEST_WRITE_OFFS", 3)


def test_loss_given_default_is_that_of_the_recoveries_where_they_tell_it(few_are_enough):
    model, _ = trained("write_off")
    found = score(company_log(), LATE, {"write_off": model}, POLICY, company_rates())
    loss = loss_given_default(company_log(), LATE, POLICY, company_rates())
    assert loss.source == "recoveries"
    assert found.loss == loss
    assert found.policy.loss_given_default == loss.value != POLICY.loss_given_default
    rows = found.worklist
    np.testing.assert_allclose(
        rows["expected_loss"],
        rows["p_write_off"] * loss.value * rows["open_balance_reporting"].fillna(0),
        atol=0.0051,
    )


def test_loss_given_default_is_the_policy_s_where_write_offs_are_too_few():
    found = scored(*WITHOUT)
    assert found.loss.source == "policy"
    assert found.policy.loss_given_default == POLICY.loss_given_default


def run_of(
    log: EventLog | PartitionedLog, folder: Path, targets: tuple[str, ...]
) -> tuple[Run, pd.DataFrame]:
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'scores.db'}")
    job = make_run if isinstance(log, EventLog) else make_run_on_cluster
    job(
        log,
        LATE,
        {t: (trained(t)[0], Version(t, "1", "run", ("champion",), {})) for t in targets},
        POLICY,
        company_rates(),
        store,
        folder / "history",
        run_id="r",
        scored_at=pd.Timestamp("2026-01-01"),
    )
    return store.run("r"), store.worklist("r", tab="all")


@pytest.mark.parametrize("targets", [WITHOUT, ("write_off",)])
def test_a_run_keeps_value_and_source_and_is_the_same_partition_by_partition(
    few_are_enough, tmp_path, targets
):
    local, rows = run_of(company_log(), tmp_path / "local", targets)
    parts = write_partitions(company_log(), tmp_path / "parts", 5)
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as c:
        spread, others = run_of(PartitionedLog(c, parts), tmp_path / "spread", targets)
    pd.testing.assert_frame_equal(rows, others)
    assert spread.policy == local.policy
    assert spread.skipped == local.skipped
    source = local.policy["loss_given_default_from"]
    assert source["source"] == "recoveries"
    assert source["value"] == local.policy["loss_given_default"]
    assert source["prior"] == POLICY.loss_given_default
    assert source["n_write_offs"] >= 3
    assert set(rows["model_write_off"]) == ({"roll rates"} if targets == WITHOUT else {"1"})
    assert local.expected_loss == pytest.approx(rows["expected_loss"].sum()) != 0
    assert spread.expected_loss == pytest.approx(local.expected_loss)


# What stands in for a model of late payment.


def test_without_a_champion_late_payment_is_each_customers_own_share():
    rows = scored("write_off").worklist
    in_time = rows["phase"] == "not yet late"
    assert rows.loc[in_time, "p_late"].between(0, 1).all()
    assert rows.loc[~in_time, "p_late"].isna().all()
    assert (rows["model_late"] == "customer's share").all()
    assert rows.loc[in_time, "cost_of_delay"].notna().all()
    states = keep_ledger(company_log(), POLICY).as_of(
        np.arange(company_log().n_invoices, dtype=np.int32),
        np.full(company_log().n_invoices, CUTOFF, dtype=np.int64),
    )
    matured = np.isin(states["matured"], (Matured.ON_TIME, Matured.LATE))
    late = states["matured"] == Matured.LATE
    of_all = (late.sum() + 5.0) / (matured.sum() + 50.0)
    new = in_time & (rows["history_depth"] == 0)
    assert rows.loc[new, "p_late"].median() == pytest.approx(of_all)
    owner = company_log().customer_keys["customer"].to_numpy()[company_log().invoice_customer]
    share = pd.Series(late[matured]).groupby(owner[matured]).mean()
    usual = rows["customer_account"].map(share)[in_time & (rows["history_depth"] >= 5)]
    assert usual.corr(rows["p_late"]) > 0.9


def test_the_run_says_that_customers_own_shares_stand_in_and_why():
    said = scored("write_off").skipped["late_payment"]
    assert said.startswith("late_payment: from each customer's own share of late invoices, drawn")
    assert "because no model serves for it (50 invoices of either outcome are needed" in said
    assert "No test has judged these." in said
    assert "late_payment" not in scored("late_payment", "write_off").skipped


def test_a_share_is_that_of_the_record_and_of_the_company_by_the_weight_of_five_cases():
    matrix = table(
        late_share=np.array([0.1, (3 + 0.5) / (8 + 5), np.nan]),
        history_depth=np.array([0.0, 7.0, np.nan]),
        n_overdue=np.array([0.0, 1.0, np.nan]),
    )
    found = customers_share(matrix, 0.3)
    assert found == pytest.approx([0.3, (3 + 5 * 0.3) / (8 + 5), 0.3])


def test_the_share_of_all_is_late_over_matured_and_few_cases_do_not_move_it_far():
    def of(matured: int, late: int) -> float:
        counts = np.array([[matured, late, 9, 9], [99, 99, 9, 9]])
        return late_share_of_all(Outcomes(np.array([0, 1], np.int32), np.zeros(2, int), counts))

    assert of(0, 0) == pytest.approx(0.1)
    assert of(50, 50) == pytest.approx((50 + 5) / 100)
    assert of(9950, 1990) == pytest.approx((1990 + 5) / 10_000)


def test_customers_shares_do_not_see_beyond_the_cutoff():
    models = {"write_off": trained("write_off")[0]}
    then = score(company_log().upto(CUTOFF), CUTOFF, models, POLICY, company_rates())
    pd.testing.assert_frame_equal(then.worklist, scored("write_off").worklist, check_exact=True)
    assert then.skipped == scored("write_off").skipped
