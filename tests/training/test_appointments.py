"""Who serves: champion, challenger, previous, and the record of each decision."""

import json
from pathlib import Path

import pytest

from eventlog.errors import NotReadyError
from tests.training.registered import add
from training.appointments import appoint, holder, record, roll_back
from training.promotion import Check, Decision
from training.registry import champion


def decision(version="2", passed=True):
    checks = (Check("calibration", passed, "calibration error 0.2; allowed is 0.1"),)
    return Decision(
        "still_open", version, "1", "as trained", "2022-05-01", "2022-11-01", 900, 90, checks
    )


def aliases(registry):
    names = ("champion", "challenger", "previous")
    found = {name: holder(registry, "still_open", name) for name in names}
    return {name: version.version for name, version in found.items() if version}


def decisions(registry):
    runs = registry.client.search_runs([registry.experiment_id], "tags.kind = 'decision'")
    return [run.data.params | {"run_id": run.info.run_id} for run in runs][::-1]


def test_a_new_version_waits_as_challenger(registry):
    add(registry)
    assert aliases(registry) == {"challenger": "1"}


def test_an_appointment_moves_the_champion_and_keeps_the_one_before(registry):
    first, second = add(registry), add(registry)
    appoint(registry, first, None, "first")
    appoint(registry, second, decision(), "better on the last quarter")
    assert aliases(registry) == {"champion": "2", "previous": "1"}
    assert champion(registry, "still_open")[1].tags["promoted_because"] == (
        "better on the last quarter"
    )


def test_appointing_the_champion_again_keeps_the_one_before(registry):
    first, second = add(registry), add(registry)
    appoint(registry, first, None, "first")
    appoint(registry, second, decision(), "better")
    appoint(registry, second, decision(), "still better")
    assert aliases(registry) == {"champion": "2", "previous": "1"}


def test_a_rollback_restores_the_one_before_and_says_so(registry):
    first, second = add(registry), add(registry)
    appoint(registry, first, None, "first")
    appoint(registry, second, decision(), "better")
    restored, replaced = roll_back(registry, "still_open", "alarm in March")
    assert (restored.version, replaced.version) == ("1", "2")
    assert aliases(registry) == {"champion": "1"}
    last = decisions(registry)[-1]
    assert (last["decision"], last["from_version"], last["reason"]) == (
        "rolled back",
        "2",
        "alarm in March",
    )


def test_without_a_previous_champion_nothing_is_rolled_back(registry):
    first = add(registry)
    appoint(registry, first, None, "first")
    with pytest.raises(NotReadyError, match="nothing to go back to"):
        roll_back(registry, "still_open", "alarm")
    assert aliases(registry) == {"champion": "1"}


def test_an_override_is_on_record_with_its_reason_and_what_was_objected(registry):
    version = add(registry)
    appoint(registry, version, decision("1", passed=False), "", "the month was closed late")
    (on_record,) = decisions(registry)
    assert on_record["decision"] == "overridden"
    assert on_record["reason"] == "the month was closed late"
    path = registry.client.download_artifacts(on_record["run_id"], "decision.json")
    kept = json.loads(Path(path).read_text(encoding="utf-8"))
    assert kept["accepted"] is False
    assert kept["checks"][0]["said"].startswith("calibration error 0.2")
    assert champion(registry, "still_open")[1].tags["promoted_because"] == (
        "override: the month was closed late"
    )


def test_a_refusal_is_on_record_and_moves_nothing(registry):
    first = add(registry)
    appoint(registry, first, None, "first")
    add(registry)
    record(registry, decision(passed=False), "refused", "")
    assert aliases(registry) == {"champion": "1", "challenger": "2"}
    assert decisions(registry)[-1]["decision"] == "refused"


def test_a_promotion_that_is_killed_half_way_leaves_the_champion_as_it_was(registry, monkeypatch):
    first, second = add(registry), add(registry)
    appoint(registry, first, None, "first")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry.client, "set_registered_model_alias", killed)
    with pytest.raises(KeyboardInterrupt):
        appoint(registry, second, decision(), "better")
    assert aliases(registry) == {"champion": "1", "challenger": "2"}
