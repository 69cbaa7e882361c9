"""`duecast tune` and `duecast ablate` from the command line, on a small company."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eventlog.errors import DataError, SettingsError
from eventlog.simulate import rate_table
from tests.training.company import COMPANY, company_frame
from training import fit, forward, registry, tuning_record
from training.fit import Recipe
from training.recipe_file import read_recipe
from ui.tuning_commands import commands

pytestmark = pytest.mark.slow

runner = CliRunner()


class Record:
    """Stands in for MLflow: what was recorded, by run."""

    def __init__(self) -> None:
        self.runs: dict[str, dict] = {}
        self.trials: list[tuple[str, int]] = []

    def open(self, registry, study, *, parameters, run_id=""):
        run_id = run_id if run_id in self.runs else f"run {len(self.runs)}"
        self.runs.setdefault(run_id, {"study": study, "parameters": parameters})
        return run_id

    def log(self, registry, parent, number, *, parameters, metrics, pruned=False):
        assert metrics["log_loss"] > 0
        self.trials.append((parent, number))

    def close(self, registry, run_id, *, metrics=None, files=None, status="FINISHED"):
        self.runs[run_id] |= {"metrics": metrics, "files": files, "status": status}


@pytest.fixture(scope="module")
def log_path(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    company_frame().to_parquet(folder / "log.parquet")
    rate_table(COMPANY, seed=1).to_csv(folder / "rates.csv", index=False)
    return folder / "log.parquet"


@pytest.fixture
def record(monkeypatch, tmp_path) -> Record:
    """A home of one's own, a stand-in for MLflow, and few trees."""
    found = Record()
    monkeypatch.setenv("DUECAST_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "policy.toml").write_text('reporting_currency = "EUR"\n')
    monkeypatch.setattr(registry, "open_registry", lambda *_: None)
    for name, stand_in in (
        ("open_tuning", found.open),
        ("log_trial", found.log),
        ("close_tuning", found.close),
    ):
        monkeypatch.setattr(tuning_record, name, stand_in)
    for module in (fit, forward):
        monkeypatch.setattr(module, "MOST_ROUNDS", 15)
    return found


def run(command: str, log: Path, *words: str) -> str:
    options = ("--rates", str(log.with_name("rates.csv")), "--snapshots", "monthly")
    threads = ("--threads", "1", "--target", "still_open")
    result = runner.invoke(
        commands, [command, str(log), *options, *threads, *words], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_search_is_written_recorded_and_gone_on_with(log_path, record, tmp_path):
    path = tmp_path / "recipe.json"
    words = ("--train-until", "2022-05-01", "--folds", "2", "--out", str(path))
    first = json.loads(run("tune", log_path, *words, "--trials", "2", "--json"))
    assert first["trials"] == 2
    file = read_recipe(path)
    assert file.target == "still_open"
    assert isinstance(file.applied(Recipe(), "still_open"), Recipe)
    assert file.chosen["study"].startswith("still_open-20220501-")

    told = run("tune", log_path, *words, "--trials", "3", "--overwrite")
    assert "3 trials in all" in told
    assert "2022-05" not in file.chosen["origins"]
    (only,) = record.runs
    assert record.trials == [(only, 0), (only, 1), (only, 2)]
    assert record.runs[only]["status"] == "FINISHED"
    assert json.loads(record.runs[only]["files"]["recipe.json"])["target"] == "still_open"
    assert record.runs[only]["parameters"]["train_until"] == "2022-05-01"

    run("tune", log_path, *words, "--trials", "1", "--overwrite", "--fresh", "--json")
    assert len(record.runs) == 2, "a fresh search has a record of its own"


def test_a_recipe_is_not_written_over_by_accident(log_path, record, tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    words = ["tune", str(log_path), "--out", str(tmp_path / "recipe.json")]
    with pytest.raises(DataError, match=r"recipe.json exists. Add --overwrite"):
        runner.invoke(commands, words, catch_exceptions=False)


def test_an_ablation_is_printed_and_written_as_markdown(log_path, record, tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(
        '{"format": 1, "target": "still_open", "recipe": {"half_life_days": 365}, "chosen": {}}'
    )
    found = json.loads(
        run(
            "ablate",
            log_path,
            *("--train-until", "2022-05-01", "--test-until", "2022-11-01", "--repeats", "20"),
            *("--known-until", "2022-10-20", "--recipe", str(recipe)),
            *("--markdown", str(tmp_path / "ablation.md"), "--json"),
        )
    )
    named = [row["variant"] for row in found["rows"]]
    assert named[0] == "full model"
    assert {"without customer", "only invoice", "no recency weights"} <= set(named)
    assert found["log_end"] < "2022-10-20"
    lines = (tmp_path / "ablation.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == len(named) + 2
    assert rows[1].startswith("| full model | 0.")
    assert "95 % interval by resampled customers (20 samples)" in "".join(lines)


def test_another_way_to_take_features_away_is_refused(log_path, record):
    words = ["ablate", str(log_path), "--train-until", "2022-05-01", "--test-until", "2022-11-01"]
    with pytest.raises(SettingsError, match=r"--by is 'column'. Write 'family' or 'group'"):
        runner.invoke(commands, [*words, "--by", "column"], catch_exceptions=False)


def test_every_command_shows_an_example():
    for name in ("tune", "ablate"):
        result = runner.invoke(commands, [name, "--help"])
        assert "Example" in result.stdout
