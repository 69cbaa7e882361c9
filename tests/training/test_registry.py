"""Versions in MLflow: who serves, who waits, and files that nobody has to unpickle."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from eventlog.errors import NotFoundError, NotReadyError
from tests.training.company import backtested, trained
from training import registry as runs
from training.registry import (
    champion,
    champions,
    model_name,
    open_registry,
    promote,
    register,
    report_of,
    versions,
)


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory):
    """An MLflow home in which the experiment has been made, once for all tests."""
    home = tmp_path_factory.mktemp("mlflow")
    open_registry(f"sqlite:///{home}/mlflow.db", home / "artifacts")
    return home


@pytest.fixture
def registry(empty_registry, tmp_path):
    """A registry of one's own."""
    shutil.copy(empty_registry / "mlflow.db", tmp_path / "mlflow.db")
    return open_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts")


def add(registry, target="still_open", **more):
    model, _ = trained(target)
    options = {"parameters": {}, "metrics": {}, "tags": {}, "files": {}} | more
    return register(registry, model, **options)


def test_the_first_version_serves_and_later_ones_wait(registry):
    first, second = add(registry), add(registry)
    assert (first.version, first.aliases) == ("1", ("champion",))
    assert (second.version, second.aliases) == ("2", ("challenger",))
    assert champion(registry, "still_open")[1].version == "1"


def test_every_target_has_a_champion_of_its_own(registry):
    add(registry)
    add(registry, "write_off")
    found = champions(registry)
    assert sorted(found) == ["still_open", "write_off"]
    assert {target: model.target for target, (model, _) in found.items()} == {
        "still_open": "still_open",
        "write_off": "write_off",
    }


def test_promoting_moves_the_champion_and_keeps_the_one_before(registry):
    for _ in range(3):
        add(registry)
    promoted = promote(registry, "still_open", "3", "better on the last quarter")
    assert (promoted.version, promoted.aliases) == ("3", ("champion",))
    shown = {v.version: v for v in versions(registry)}
    assert shown["1"].aliases == ("previous",)
    assert "champion" in shown["3"].aliases
    assert shown["3"].tags["promoted_because"] == "better on the last quarter"
    promote(registry, "still_open", "1", "back again")
    shown = {v.version: v.aliases for v in versions(registry)}
    assert "champion" in shown["1"]
    assert "previous" in shown["3"]


def test_promoting_the_champion_again_keeps_the_one_before(registry):
    add(registry)
    add(registry)
    promote(registry, "still_open", "2", "better")
    promote(registry, "still_open", "2", "still better")
    assert {v.version: v.aliases for v in versions(registry)}["1"] == ("previous",)


def test_versions_are_listed_newest_first_by_target(registry):
    for target in ("write_off", "still_open", "still_open"):
        add(registry, target)
    listed = [(v.target, v.version) for v in versions(registry)]
    assert listed == [("still_open", "2"), ("still_open", "1"), ("write_off", "1")]


def test_a_loaded_champion_gives_equal_probabilities_bit_for_bit(registry):
    model, examples = trained("still_open")
    add(registry)
    loaded, _ = champion(registry, "still_open")
    np.testing.assert_array_equal(
        loaded.probability(examples.matrix), model.probability(examples.matrix)
    )
    assert loaded.facts == json.loads(json.dumps(model.facts))


def test_a_version_keeps_what_its_run_recorded(registry, tmp_path):
    report = backtested("still_open").report
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "recall.png").write_bytes(b"png")
    version = add(
        registry,
        parameters={"log": "events.csv", "long": "x" * 7000},
        metrics={"test.roc_auc": 0.8, "ageing.roc_auc": 0.6},
        tags={"target": "still_open"},
        files={"report.json": json.dumps(report)},
        figures=tmp_path / "figures",
    )
    assert report_of(registry, version) == json.loads(json.dumps(report))
    assert runs.logged_figures(registry, version) == {"roc_auc": 0.8}
    run = registry.client.get_run(version.run_id)
    assert run.data.params["log"] == "events.csv"
    assert run.info.status == "FINISHED"
    assert version.tags == {"target": "still_open"}


def test_nothing_in_the_registry_is_a_pickle(registry, empty_registry):
    add(registry)
    files = [path for path in (empty_registry / "artifacts").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".txt", ".json", ".png"}
    assert "model.json" in {path.name for path in files}
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]


def test_without_a_champion_one_is_told_to_train(registry):
    with pytest.raises(NotReadyError, match=r"no champion for write_off\. Train .*duecast train"):
        champion(registry, "write_off")
    assert champions(registry) == {}
    assert versions(registry) == []


def test_a_version_that_does_not_exist_cannot_be_promoted(registry):
    with pytest.raises(NotFoundError, match=r"still_open has no version 1; it has none"):
        promote(registry, "still_open", "1", "")
    add(registry)
    with pytest.raises(NotFoundError, match=r"still_open has no version 7; it has \['1'\]"):
        promote(registry, "still_open", "7", "")


def test_a_training_that_fails_leaves_the_champion_and_a_failed_run(registry, tmp_path):
    add(registry)
    with pytest.raises(TypeError, match=r"str|int"):
        add(registry, files={"report.json": 5})
    assert [v.version for v in versions(registry)] == ["1"]
    runs = registry.client.search_runs([registry.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED"]


def test_opening_again_finds_what_was_registered(registry, tmp_path):
    add(registry)
    again = open_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts")
    assert again.experiment_id == registry.experiment_id
    assert champion(again, "still_open")[1].version == "1"


def test_a_home_that_does_not_exist_is_made(tmp_path, empty_registry):
    home = tmp_path / "new" / "mlruns"
    home.mkdir(parents=True)
    shutil.copy(empty_registry / "mlflow.db", home / "mlflow.db")
    assert open_registry(f"sqlite:///{home}/mlflow.db", home / "artifacts").experiment_id
    assert Path(home).is_dir()


def test_names_in_mlflow_are_spelled_with_hyphens():
    assert model_name("late_payment") == "duecast-late-payment"
