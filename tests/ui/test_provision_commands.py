"""`duecast provision` prints the matrix, and the model's expected loss where there is a model."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eventlog.errors import DataError, SettingsError
from eventlog.simulate import rate_table
from tests.training.company import COMPANY, company_frame, trained
from training.registry import Version
from ui.provision_commands import commands


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("provision")
    company_frame().to_parquet(folder / "log.parquet")
    rate_table(COMPANY, seed=1).to_csv(folder / "rates.csv", index=False)
    (folder / "policy.toml").write_text('reporting_currency = "EUR"\n')
    return folder


@pytest.fixture
def run(files, monkeypatch):
    """Run the command on the company's log, with champions but without a registry."""

    def provision(*options: str, targets: tuple[str, ...] = ()) -> Result:
        found = {t: (trained(t)[0], Version(t, "7", "run", ("champion",), {})) for t in targets}
        monkeypatch.setenv("DUECAST_HOME", str(files))
        monkeypatch.setattr("training.registry.open_registry", lambda *_: None)
        monkeypatch.setattr("training.registry.champions", lambda _: found)
        log = [str(files / "log.parquet"), "--rates", str(files / "rates.csv")]
        return CliRunner().invoke(commands, [*log, *options])

    return provision


def words(result: Result) -> str:
    """What was printed, however its lines were broken."""
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_without_a_champion_the_matrix_stands_alone_and_says_so(run):
    said = words(run("--cutoff", "2022-05-01"))
    assert "Provision · cutoff 2022-05-01 00:00 UTC · log.parquet · money in EUR" in said
    assert "Balances followed month by month from 2021-05-01 on, 12 months" in said
    assert "Loss given default 80.0 %. The policy's number:" in said
    assert "Roll rates: where a bucket's balance is a month later" in said
    assert "There is no champion for write_off, so the matrix stands alone." in said
    assert "model less matrix" not in said


def test_with_a_champion_the_bridge_names_its_version_and_both_horizons(run):
    said = words(run("--cutoff", "2022-05-01", targets=("write_off",)))
    assert "v7" in said
    assert "The model says what is written off within 180 days of the cutoff" in said
    assert "the matrix what is written off in the end" in said
    assert "Known later:" in said


def test_json_holds_what_is_printed(run):
    found = run("--cutoff", "2022-05-01", "--json", "--months", "6", targets=("write_off",))
    said = json.loads(found.stdout)
    assert (said["cutoff"], said["months"], said["model_write_off"]) == (
        "2022-05-01T00:00:00",
        6,
        "7",
    )
    assert said["totals"]["difference"] == pytest.approx(
        said["totals"]["ecl_model"] - said["totals"]["ecl_lifetime"]
    )
    alone = json.loads(run("--cutoff", "2022-05-01", "--json").stdout)
    assert alone["model_write_off"] is alone["totals"]["ecl_model"] is None


def test_looking_forward_is_said_and_raises_the_losses(run):
    now, ahead = (
        json.loads(run("--cutoff", "2022-05-01", "--json", "--forward", forward).stdout)
        for forward in ("0", "0.2")
    )
    assert ahead["totals"]["ecl_lifetime"] > now["totals"]["ecl_lifetime"]
    said = words(run("--cutoff", "2022-05-01", "--forward", "0.2"))
    assert "Loss rate: × loss given default × 1.2 (forward-looking)." in said


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--months", "0"], SettingsError),
        (["--forward", "-3"], SettingsError),
        (["--cutoff", "2031-01-01"], DataError),
        (["--cutoff", "2020-01-01"], DataError),
        (["--cutoff", "soon"], SettingsError),
    ],
)
def test_wrong_options_are_refused_in_words(run, options, error):
    assert isinstance(run(*options).exception, error)
