"""Versions in MLflow: who serves, who waits, and files that nobody has to unpickle."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eventlog.errors import NotFoundError, NotReadyError
from tests.training.company import backtested, trained
from tests.training.registered import add, serve
from training import registry as runs
from training.appointments import roll_back
from training.model import save_model
from training.registry import (
    champion,
    champions,
    decisions_about,
    fetch_figures,
    find_version,
    fingerprint,
    has_report,
    load_version,
    model_name,
    open_registry,
    record_of,
    report_of,
    versions,
)


def test_a_new_version_waits_as_challenger_in_the_place_of_the_one_before(registry):
    first, second = add(registry), add(registry)
    assert first.aliases == second.aliases == ("challenger",)
    assert {v.version: v.aliases for v in versions(registry)} == {"2": ("challenger",), "1": ()}


def test_a_version_that_does_not_exist_is_not_found(registry):
    add(registry)
    with pytest.raises(
        NotFoundError, match=r"still_open has no version '7'; it has 1 \(challenger"
    ):
        find_version(registry, "still_open", "7")


def test_every_target_has_a_champion_of_its_own(registry):
    serve(registry)
    serve(registry, "write_off")
    found = champions(registry)
    assert sorted(found) == ["still_open", "write_off"]
    assert {target: model.target for target, (model, _) in found.items()} == {
        "still_open": "still_open",
        "write_off": "write_off",
    }


def test_versions_are_listed_newest_first_by_target(registry):
    for target in ("write_off", "still_open", "still_open"):
        add(registry, target)
    listed = [(v.target, v.version) for v in versions(registry)]
    assert listed == [("still_open", "2"), ("still_open", "1"), ("write_off", "1")]


def test_a_loaded_champion_gives_equal_probabilities_bit_for_bit(registry):
    model, examples = trained("still_open")
    serve(registry)
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
    assert {path.suffix for path in files} <= {
        *(".txt", ".json", ".png", ".py", ".yaml", ".md", ".html", "")
    }
    assert {path.name for path in files if not path.suffix} == {"MLmodel"}
    assert "model.json" in {path.name for path in files}
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]


def test_a_version_that_was_kept_before_models_were_served_still_loads(registry, tmp_path):
    model, examples = trained("still_open")
    version = add(registry)
    old = registry.client.create_run(registry.experiment_id).info.run_id
    save_model(model, tmp_path / "plain" / "model")
    registry.client.log_artifacts(old, str(tmp_path / "plain"))
    loaded = load_version(registry, replace(version, run_id=old))
    np.testing.assert_array_equal(
        loaded.probability(examples.matrix), model.probability(examples.matrix)
    )


def test_a_version_is_found_by_its_number_and_by_its_alias(registry):
    serve(registry)
    add(registry, tags={"target": "still_open"})
    assert find_version(registry, "still_open").version == "1"
    second = find_version(registry, "still_open", "challenger")
    assert second == find_version(registry, "still_open", "2")
    assert second.tags == {"target": "still_open"}
    with pytest.raises(NotFoundError, match=r"write_off has no version 'champion'; it has none"):
        find_version(registry, "write_off")


def test_a_run_records_the_models_fingerprint_and_its_libraries(registry):
    version = add(registry, parameters={"log": "events.csv"})
    recorded = record_of(registry, version)
    assert recorded["log"] == "events.csv"
    assert recorded["model_fingerprint"] == fingerprint(trained("still_open")[0])
    assert recorded["model_fingerprint"] == fingerprint(load_version(registry, version))
    assert "lightgbm==" in recorded["libraries"]


def test_the_card_is_written_for_the_number_given_and_kept_with_the_version(registry, tmp_path):
    add(registry)

    def card(version, record):
        return {"card.md": f"version {version.version} of {record['log']}"}

    version = add(registry, parameters={"log": "events.csv"}, card=card)
    kept = registry.client.download_artifacts(version.run_id, "card.md", str(tmp_path))
    assert Path(kept).read_text(encoding="utf-8") == "version 2 of events.csv"


def test_a_card_that_fails_leaves_the_aliases_as_they_were(registry):
    add(registry)

    def card(version, record):
        raise RuntimeError("no card")

    with pytest.raises(RuntimeError, match="no card"):
        add(registry, card=card)
    assert find_version(registry, "still_open", "challenger").version == "1"


def test_a_version_without_test_or_figures_says_so(registry, tmp_path):
    bare = add(registry)
    assert not has_report(registry, bare)
    assert fetch_figures(registry, bare, tmp_path) is None
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "recall.png").write_bytes(b"png")
    files = {"report.json": "{}"}
    whole = add(registry, files=files, figures=tmp_path / "drawn")
    assert has_report(registry, whole)
    found = fetch_figures(registry, whole, tmp_path)
    assert [path.name for path in found.iterdir()] == ["recall.png"]


def test_decisions_about_a_version_are_those_and_no_others(registry):
    first, second = serve(registry), serve(registry)
    roll_back(registry, "still_open", "worse on Mondays")
    serve(registry, "write_off")
    for version in (first, second):
        (found,) = decisions_about(registry, version)
        assert found["decision"] == "rolled back"
        assert found["reason"] == "worse on Mondays"
        assert len(found["when"]) == len("2024-01-31 10:00")
    assert decisions_about(registry, add(registry)) == []


def test_without_a_champion_one_is_told_to_train(registry):
    with pytest.raises(NotReadyError, match=r"no champion for write_off\. Train .*duecast train"):
        champion(registry, "write_off")
    assert champions(registry) == {}
    assert versions(registry) == []


def test_a_training_that_fails_leaves_the_champion_and_a_failed_run(registry, tmp_path):
    add(registry)
    with pytest.raises(TypeError, match=r"str|int"):
        add(registry, files={"report.json": 5})
    assert [v.version for v in versions(registry)] == ["1"]
    runs = registry.client.search_runs([registry.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED"]


def test_opening_again_finds_what_was_registered(registry, tmp_path):
    serve(registry)
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
