"""On a cluster of two worker processes everything comes out as on one machine, also if one dies.

The cluster is real: two processes, partitions on disk, LightGBM's sockets between them.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster, wait

from eventlog.errors import DataError
from eventlog.log import EventLog
from eventlog.partitions import Partitions, write_partitions
from features.partitions import PartitionedLog
from serving.cluster import make_run_on_cluster
from serving.history import customer_story
from serving.run import make_run
from serving.store import Store
from tests.training.company import (
    POLICY,
    RECIPE,
    TEST_UNTIL,
    TRAIN_UNTIL,
    company_log,
    company_rates,
    trained,
)
from training.backtest import run_backtest
from training.cluster import OnCluster
from training.examples import Examples, InMemory
from training.labels import TARGETS
from training.model import parameters_of
from training.registry import Version

CUTOFF = TRAIN_UNTIL
SCORED_AT = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def partitions(tmp_path_factory: pytest.TempPathFactory) -> Partitions:
    return write_partitions(company_log(), tmp_path_factory.mktemp("log") / "parts", 6)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        memory_limit=None,
        silence_logs=50,
    )
    with cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def log(client: Client, partitions: Partitions) -> PartitionedLog:
    client.wait_for_workers(2, timeout=180)
    return PartitionedLog(client, partitions)


def kill_a_worker(client: Client) -> None:
    """As the kernel does when memory runs out."""
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)


def in_order(examples: Examples) -> Examples:
    """Local rows in the order of (cutoff, invoice), in which the cluster's come."""
    snapshots = examples.matrix.snapshots
    order = np.lexsort((snapshots.invoice, snapshots.cutoff))
    return replace(
        examples,
        matrix=examples.matrix.take(order),
        **{n: getattr(examples, n)[order] for n in ("y", "window_end", "balance", "customer")},
    )


def assert_same_rows(one: Examples, other: Examples) -> None:
    one, other = in_order(one), in_order(other)
    assert one.matrix.columns == other.matrix.columns
    np.testing.assert_array_equal(one.matrix.values, other.matrix.values)
    np.testing.assert_array_equal(one.matrix.snapshots.invoice, other.matrix.snapshots.invoice)
    np.testing.assert_array_equal(one.matrix.snapshots.cutoff, other.matrix.snapshots.cutoff)
    for name in ("y", "window_end", "balance", "customer"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.n_credited, one.n_unknown) == (other.n_credited, other.n_unknown)


@pytest.mark.parametrize("rhythm", ["monthly", "posting"])
@pytest.mark.parametrize("target", ["late_payment", "write_off"])
def test_features_and_labels_are_those_of_one_machine_to_the_last_bit(log, target, rhythm):
    local, spread = (s.before(TRAIN_UNTIL) for s in (InMemory(company_log()), OnCluster(log)))
    encoding = local.encoding((), ())
    assert spread.encoding((), ()) == encoding
    asked = (target, rhythm, None, TRAIN_UNTIL, encoding, POLICY, company_rates())
    assert_same_rows(spread.examples(*asked), local.examples(*asked))
    assert spread.count(rhythm, TRAIN_UNTIL, POLICY) == local.count(rhythm, TRAIN_UNTIL, POLICY)


def test_a_log_cut_twice_stays_cut_at_the_earlier_moment(log):
    once = OnCluster(log).before(TRAIN_UNTIL)
    assert once.before(TEST_UNTIL) == once
    assert once.before(TEST_UNTIL).ends_at == TRAIN_UNTIL - 1


def test_a_model_trained_on_the_cluster_is_as_good_as_a_local_one(log):
    dates = (TRAIN_UNTIL, TEST_UNTIL, POLICY, company_rates(), RECIPE)
    local, spread = (
        run_backtest(source, "late_payment", *dates, repeats=0)
        for source in (InMemory(company_log()), OnCluster(log))
    )
    for name in ("rounds", "n_train", "positives_train", "n_test", "positives", "calibration"):
        assert spread.report[name] == local.report[name], name
    for name, figures in local.report["baselines"].items():
        for metric, value in figures.items():
            assert spread.report["baselines"][name][metric] == pytest.approx(value), (name, metric)
    seen = [r.report["metrics"]["roc_auc"] for r in (local, spread)]
    assert seen[0] == pytest.approx(seen[1], abs=0.01)
    assert abs(np.corrcoef(local.p, spread.p)[0, 1]) > 0.97


def test_rows_that_the_client_does_not_hold_are_trained_on_all_the_same(log, monkeypatch):
    monkeypatch.setattr("training.cluster.ROWS_AT_HAND", 2000)
    source = OnCluster(log).before(TRAIN_UNTIL)
    encoding = source.encoding((), ())
    found = source.examples(
        "late_payment", "monthly", None, TRAIN_UNTIL, encoding, POLICY, company_rates()
    )
    whole = trained("late_payment")[1]
    assert len(found.y) < found.whole.n_rows == len(whole.y)
    assert found.whole.n_positives == whole.y.sum()
    np.testing.assert_array_equal(found.customers, whole.customers)
    booster = found.whole.fit((), 5, parameters_of("late_payment"), 0)
    assert rows_of_first_tree(booster) == pytest.approx(0.8 * len(whole.y), rel=0.05)  # bagging


def rows_of_first_tree(booster: lgb.Booster) -> int:
    return booster.dump_model()["tree_info"][0]["tree_structure"]["internal_count"]


def champions() -> dict:
    return {t: (trained(t)[0], Version(t, "1", "run", ("champion",), {})) for t in TARGETS}


def scored_rows(folder: Path, log: EventLog | PartitionedLog, history: Path) -> pd.DataFrame:
    store = Store(f"sqlite:///{folder}")
    job = make_run if isinstance(log, EventLog) else make_run_on_cluster
    job(
        log,
        CUTOFF,
        champions(),
        POLICY,
        company_rates(),
        store,
        history,
        run_id="r",
        scored_at=SCORED_AT,
    )
    return store.worklist("r", tab="all")


def test_a_run_scored_partition_by_partition_is_the_local_run(log, tmp_path):
    local = scored_rows(tmp_path / "local.db", company_log(), tmp_path / "history")
    spread = scored_rows(tmp_path / "spread.db", log, tmp_path / "parts")
    pd.testing.assert_frame_equal(local, spread)
    stores = [Store(f"sqlite:///{tmp_path / name}.db") for name in ("local", "spread")]
    for name in ("n_invoices", "open_balance", "expected_loss", "priority", "policy", "models"):
        one, other = (getattr(store.run("r"), name) for store in stores)
        assert one == (pytest.approx(other) if isinstance(other, float) else other), name
    row = spread.iloc[0]
    stories = [
        customer_story(
            Path(store.run("r").history_path),
            row["company"],
            row["customer_account"],
            row["as_of"],
            POLICY,
        )
        for store in stores
    ]
    pd.testing.assert_frame_equal(stories[0].events, stories[1].events)
    pd.testing.assert_frame_equal(stories[0].invoices, stories[1].invoices)


def test_a_cutoff_without_open_invoices_is_refused_as_on_one_machine(log, tmp_path):
    early = int(company_log().known_at.min()) - 1
    with pytest.raises(DataError, match="No invoice is open"):
        make_run_on_cluster(
            log,
            early,
            champions(),
            POLICY,
            company_rates(),
            Store(f"sqlite:///{tmp_path / 's.db'}"),
            tmp_path,
            run_id="r",
            scored_at=SCORED_AT,
        )


def test_a_worker_killed_among_its_tasks_loses_and_doubles_no_row(log):
    source = OnCluster(log).before(TRAIN_UNTIL)
    encoding = source.encoding((), ())
    asked = ("late_payment", "monthly", None, TRAIN_UNTIL, encoding, POLICY, company_rates())
    before = source.examples(*asked)
    wait(before.whole.rows)
    kill_a_worker(log.client)  # its finished partitions are gone, and have to be made again
    customers = before.whole.customers
    after = source.examples(*asked)
    np.testing.assert_array_equal(customers, after.whole.customers)
    assert_same_rows(before, after)
    found = log.client.gather(before.whole.rows)
    assert sum(len(rows.y) for rows in found) == before.whole.n_rows
    keys = np.concatenate([rows.matrix.snapshots.invoice for rows in found])
    assert len(np.unique(keys)) == len(np.unique(before.matrix.snapshots.invoice))


def test_a_fit_that_fails_with_all_workers_alive_is_not_tried_again(log, caplog):
    source = OnCluster(log).before(TRAIN_UNTIL)
    encoding = source.encoding((), ())
    asked = ("late_payment", "monthly", None, TRAIN_UNTIL, encoding, POLICY, company_rates())
    whole = source.examples(*asked).whole
    with pytest.raises(lgb.basic.LightGBMError):
        whole.fit((), 5, {"num_leaves": -3}, 0)
    assert "lost a worker" not in caplog.text


def test_a_worker_killed_in_the_middle_of_a_fit_loses_no_row(log, caplog):
    source = OnCluster(log).before(TRAIN_UNTIL)
    encoding = source.encoding((), ())
    asked = ("late_payment", "monthly", None, TRAIN_UNTIL, encoding, POLICY, company_rates())
    whole = source.examples(*asked).whole
    changes = parameters_of("late_payment")
    calm = whole.fit((), 300, changes, 0)
    log.client.wait_for_workers(2, timeout=180)
    pid = next(iter(log.client.run(os.getpid).values()))

    def kill_when_fitting() -> None:
        for _ in range(600):
            running = [key for keys in log.client.processing().values() for key in keys]
            if any("_train_part" in str(key) for key in running):
                break
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_fitting, daemon=True)
    killer.start()
    booster = whole.fit((), 300, changes, 0)
    killer.join(timeout=60)
    assert "lost a worker" in caplog.text
    assert booster.num_trees() == 300
    assert rows_of_first_tree(booster) == pytest.approx(rows_of_first_tree(calm), rel=0.02)
