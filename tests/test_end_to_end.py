"""The whole path through the command line: a synthetic log to a stored, ranked worklist."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from eventlog.log import micros
from eventlog.reader import read_log
from eventlog.writer import write_log
from serving.history import customer_story
from serving.settings import Settings
from serving.store import Store
from ui import cli, opening

runner = CliRunner()


def run(*words: str) -> str:
    """Standard output of a command that succeeds."""
    result = runner.invoke(cli.app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which a synthetic company was simulated, trained on and scored."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DUECAST_HOME", str(folder))
        patch.delenv("DUECAST_STORE", raising=False)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (folder / "policy.toml").write_text('reporting_currency = "EUR"\n')
        run("simulate", "log.csv", "--invoices", "3000", "--rates", "rates.csv")
        words = ("train", "log.csv", "--rates", "rates.csv", "--seeds", "1", "--threads", "1")
        words += ("--snapshots", "monthly", "--serve-anyway", "a test on a small company")
        (folder / "trained.json").write_text(run(*words, "--json"))
        (folder / "run.json").write_text(
            run("score", "log.csv", "--rates", "rates.csv", "--out", "worklist.csv", "--json")
        )
        yield folder


def test_check_reports_money_that_ties(home: Path) -> None:
    found = json.loads(run("check", "log.csv", "--json"))
    assert found["rows"]["read"] == found["rows"]["kept"] + found["rows"]["quarantined"]
    assert found["invoices"] == 3000


def test_first_versions_are_champions_and_were_tested(home: Path) -> None:
    trained = json.loads((home / "trained.json").read_text())
    registered = [outcome for outcome in trained if outcome["version"]]
    assert {"late_payment", "still_open"} <= {outcome["target"] for outcome in registered}
    assert all(outcome["alias"] == ["champion"] for outcome in registered)
    late = next(outcome for outcome in registered if outcome["target"] == "late_payment")
    model = late["report"]["metrics"]["roc_auc"]
    assert model > late["report"]["baselines"]["ageing"]["roc_auc"] + 0.05


def test_a_target_with_too_few_cases_is_skipped_with_a_sentence(home: Path) -> None:
    words = ("train", "log.csv", "--rates", "rates.csv", "--target", "write_off")
    found = json.loads(run(*words, "--train-until", "2021-12-01", "--json"))
    assert found[0]["version"] is None
    assert "50 are needed" in found[0]["skipped"]


def test_the_stored_worklist_ties_with_the_exported_one(home: Path) -> None:
    made = json.loads((home / "run.json").read_text())
    exported = pd.read_csv(home / "worklist.csv")
    stored = pd.DataFrame(json.loads(run("worklist", "--tab", "all", "--limit", "9999", "--json")))
    assert len(exported) == len(stored) == made["n_invoices"]
    for column in ("open_balance_reporting", "expected_loss", "priority"):
        assert stored[column].sum() == pytest.approx(exported[column].sum(), abs=0.01)
    assert stored["open_balance_reporting"].sum() == pytest.approx(made["open_balance"], abs=0.01)


def test_the_worklist_is_ranked_by_money_and_holds_back_what_must_not_be_chased(home: Path) -> None:
    frame = pd.read_csv(home / "worklist.csv").sort_values("rank")
    call = frame[frame["actionable"]]
    assert call["priority"].is_monotonic_decreasing
    held = frame[~frame["actionable"]]
    assert len(held) > 0
    assert held["suppressed_reason"].notna().all()
    assert (held["priority"] == 0).all()
    assert call["reason_1"].notna().mean() > 0.9


def test_probabilities_stand_in_their_own_phase_only(home: Path) -> None:
    frame = pd.read_csv(home / "worklist.csv")
    assert frame.loc[frame["phase"] == "late", "p_late"].isna().all()
    assert frame.loc[frame["phase"] == "not yet late", "p_still_open"].isna().all()
    for column in ("p_late", "p_still_open", "p_write_off"):
        assert frame[column].dropna().between(0, 1).all()


def test_the_history_beside_a_score_ends_at_the_cutoff_with_its_balance(home: Path) -> None:
    store = Store(Settings.from_env({"DUECAST_HOME": str(home)}).store_url)
    latest = store.latest_run()
    row = store.worklist(latest.run_id, limit=1).iloc[0]
    policy = opening.policy_now(opening.settings_now(), None)
    story = customer_story(
        Path(latest.history_path), row["company"], row["customer_account"], latest.as_of, policy
    )
    mine = story.events[story.events["invoice"] == row["invoice"]]
    assert mine["known_at"].max() <= latest.as_of
    assert mine["balance"].iloc[-1] == pytest.approx(row["open_balance"], abs=0.005)


def test_scoring_at_an_earlier_cutoff_ignores_what_came_later(home: Path, tmp_path: Path) -> None:
    moment = "2023-06-01"
    log, _ = read_log(home / "log.csv")
    write_log(log.upto(micros(moment)), tmp_path / "cut.csv")
    both = []
    for source in ("log.csv", str(tmp_path / "cut.csv")):
        out = tmp_path / f"{len(both)}.csv"
        run(
            "score", source, "--rates", "rates.csv", "--cutoff", moment, "--out", str(out), "--json"
        )
        both.append(pd.read_csv(out).drop(columns=["run_id", "scored_at"]))
    pd.testing.assert_frame_equal(both[0], both[1])


PROMOTE = ("log.csv", "still_open", "--rates", "rates.csv", "--repeats", "50", "--yes")


def registered(target: str) -> list[dict]:
    return [m for m in json.loads(run("models", "--json")) if m["target"] == target]


def test_a_second_training_waits_as_challenger_until_promoted(home: Path) -> None:
    words = ("train", "log.csv", "--rates", "rates.csv", "--target", "still_open", "--seeds", "1")
    run(*words, "--snapshots", "monthly", "--threads", "1", "--json")
    assert [m["aliases"] for m in registered("still_open")] == [["challenger"], ["champion"]]
    compared = runner.invoke(cli.app, ["promote", *PROMOTE, "--json"], catch_exceptions=False)
    decision = json.loads(compared.stdout)
    assert compared.exit_code == (0 if decision["accepted"] else 1)
    if not decision["accepted"]:
        assert [m["aliases"] for m in registered("still_open")] == [["challenger"], ["champion"]]
        run("promote", *PROMOTE, "--override", "a test", "--json")
    assert [m["aliases"] for m in registered("still_open")] == [["champion"], ["previous"]]
    run("rollback", "still_open", "--reason", "a test", "--yes")
    assert [m["aliases"] for m in registered("still_open")] == [[], ["champion"]]


def test_the_cash_forecast_ties_with_the_open_balances(home: Path) -> None:
    found = json.loads(run("cash", "log.csv", "--rates", "rates.csv", "--json"))
    worklist = pd.read_csv(home / "worklist.csv")
    expected = pd.DataFrame(found["rows"]).groupby("currency")["expected"].sum()
    owed = worklist.groupby("currency")["open_balance"].sum()
    assert pd.Timestamp(found["cutoff"]).year == 2024
    pd.testing.assert_series_equal(expected, owed, check_names=False, atol=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "absent.csv"), "absent.csv"),
        (("score", "log.csv", "--cutoff", "yesterday-ish"), "no date"),
        (("score", "log.csv", "--rates", "rates.csv", "--cutoff", "1999-01-01"), "No invoice is"),
        (("worklist", "--run", "none"), "no run 'none'"),
        (("score", "log.csv", "--rates", "rates.csv", "--cutoff", "2030-01-01"), "after the log's"),
        (("score", "log.csv", "--out", "worklist.pdf"), "neither"),
        (("check", "log.csv", "--quarantine", "log.csv"), "exists"),
        (("simulate", "log.csv"), "exists"),
        (("train", "log.csv"), "several|3 currencies"),
        (("backtest", "log.csv", "--train-until", "x", "--test-until", "y"), "no date"),
    ],
)
def test_a_wrong_call_ends_in_one_sentence_and_exit_code_2(
    home: Path,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["duecast", *words])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    message = capsys.readouterr().err
    assert any(part in message for part in said.split("|")), message
    assert "Traceback" not in message


def test_help_of_every_command_has_an_example() -> None:
    groups = [cli.app, *(group.typer_instance for group in cli.app.registered_groups)]
    commands = [command for group in groups if group for command in group.registered_commands]
    assert len(commands) > 15
    for command in commands:
        assert command.callback is not None
        assert "Example:" in (command.callback.__doc__ or ""), command.callback.__name__
