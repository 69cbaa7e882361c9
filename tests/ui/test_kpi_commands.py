"""`duecast kpis` prints a screen that can be read, and says what it cannot tell."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.kpis.catalogue import KPIS
from eventlog.simulate import Company, rate_table, simulate
from ui.kpi_commands import commands

COMPANY = Company(n_invoices=600)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kpis")
    simulate(COMPANY, seed=5).to_parquet(folder / "log.parquet")
    rate_table(COMPANY, seed=5).to_csv(folder / "rates.csv", index=False)
    (folder / "policy.toml").write_text('reporting_currency = "EUR"\n')
    return folder


@pytest.fixture
def run(files, monkeypatch):
    """Run the command on the company's log."""
    monkeypatch.setenv("DUECAST_HOME", str(files))

    def kpis(*options: str, rates: bool = True) -> Result:
        log = [str(files / "log.parquet")]
        log += ["--rates", str(files / "rates.csv")] if rates else []
        return CliRunner().invoke(commands, [*log, *options])

    return kpis


def words(result: Result) -> str:
    """What was printed, however its lines were broken."""
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_the_first_screen_holds_the_headline_against_earlier_months(run):
    said = words(run("--cutoff", "2023-12-01"))
    assert "KPIs · cutoff 2023-12-01 00:00 UTC · log.parquet · money in EUR" in said
    assert "2023-11 month before against the month before a year before" in said
    assert "DSO, balance method days" in said
    assert "to date" not in said


def test_a_running_month_stands_beside_the_last_whole_one(run):
    assert "2023-12, to date 2023-11 month before" in words(run("--cutoff", "2023-12-14"))


def test_groups_stand_beside_each_other_for_the_last_whole_month(run):
    said = words(run("--cutoff", "2023-12-01", "--by", "segment"))
    assert "By segment, 2023-11" in said
    assert "Small Business" in said


def test_one_kpi_is_shown_month_by_month_with_its_parts(run):
    said = words(
        run("--cutoff", "2023-12-01", "--months", "3", "--kpi", "ageing", "--by", "company")
    )
    assert "Open balance by age (EUR)" in said
    assert "month not due 1-30" in said
    assert "Open balance by age, by company (EUR)" in said
    assert "2023-08" not in said


def test_json_holds_the_formula_and_every_row(run):
    found = json.loads(
        run("--cutoff", "2023-12-01", "--kpi", "dso", "--months", "2", "--json").stdout
    )
    assert found["cutoff"] == "2023-12-01T00:00:00Z"
    assert found["kpis"]["dso"]["unit"] == "days"
    assert [row["month"] for row in found["rows"]] == ["2023-10", "2023-11"]
    assert found["rows"][0]["starts"] == "2023-10-01T00:00:00.000000"
    assert found["rows"][0]["low"] is None


@pytest.mark.parametrize("kind", [".csv", ".parquet", ".xlsx"])
def test_the_whole_table_is_written_to_a_file(run, tmp_path, kind):
    file = tmp_path / f"kpis{kind}"
    options = ["--cutoff", "2023-12-01", "--months", "2", "--kpi", "dso", "--kpi", "cei"]
    assert run(*options, "--out", str(file)).exit_code == 0
    read = {
        ".csv": pd.read_csv,
        ".parquet": pd.read_parquet,
        ".xlsx": lambda file: pd.read_excel(file, sheet_name="KPIs", engine="calamine"),
    }
    found = read[kind](file)
    assert set(found["kpi"]) == {"dso", "cei"}
    assert len(found) == 4
    again = run(*options, "--out", str(file))
    assert isinstance(again.exception, DataError)
    assert run(*options, "--out", str(file), "--overwrite").exit_code == 0


def test_the_months_of_a_file_are_those_asked_for(run, tmp_path):
    file = tmp_path / "kpis.parquet"
    assert run("--cutoff", "2023-12-14", "--months", "2", "--out", str(file)).exit_code == 0
    assert sorted(set(pd.read_parquet(file)["month"])) == ["2023-10", "2023-11", "2023-12"]


def test_a_kpi_whose_events_the_log_lacks_is_named_with_what_lacks(files, run):
    bare = pd.read_parquet(files / "log.parquet")
    bare = bare[~bare["ActivityName"].isin(["Dispute Registered", "Dunning Letter Generated"])]
    bare.to_parquet(files / "bare.parquet")
    result = CliRunner().invoke(
        commands,
        [
            str(files / "bare.parquet"),
            "--cutoff",
            "2023-12-01",
            "--rates",
            str(files / "rates.csv"),
        ],
    )
    said = words(result)
    assert "14 days; Dunning adherence: no Dunning Letter Generated in this log" in said
    assert "Dispute cycle time, median: no Dispute Registered in this log" in said
    one = words(run("--cutoff", "2023-12-01", "--kpi", "recovered", "--months", "1"))
    assert "Recovered after write-off" in one


def test_without_rates_several_currencies_are_refused_or_shown_apart(run):
    refused = run("--cutoff", "2023-12-01", rates=False).exception
    assert isinstance(refused, DataError)
    assert "--rates FILE" in str(refused)
    said = words(run("--cutoff", "2023-12-01", "--by", "currency", rates=False))
    assert "money in EUR" in said
    assert ", all " not in said
    assert "Open receivables own currency" in said
    assert "amounts in several currencies: give a rate table" in said


def test_the_list_names_every_kpi():
    said = words(CliRunner().invoke(commands, ["--list"]))
    assert [kpi.name for kpi in KPIS if kpi.name not in said] == []


def test_explaining_one_says_formula_exclusions_source_and_example():
    said = words(CliRunner().invoke(commands, ["--explain", "dso"]))
    for piece in (
        "formula",
        "left out",
        "definition",
        "900 / 1,600 × 91 = 51.1875",
        "less is better",
    ):
        assert piece in said


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (["--months", "0"], SettingsError, "choose a number from 1 to 120"),
        (["--kpi", "dos"], SettingsError, "There is no KPI dos"),
        (["--by", "weather"], SettingsError, "cannot be cut by 'weather'"),
        (["--cutoff", "2031-01-01"], DataError, "lies outside the log"),
        (["--cutoff", "2001-01-01"], DataError, "lies outside the log"),
        (["--cutoff", "soon"], SettingsError, "no date"),
        (["--policy", "none.toml"], NotFoundError, "no policy file"),
        (["--out", "none/x.csv"], DataError, "no folder"),
    ],
)
def test_wrong_options_are_refused_in_words(run, options, error, text):
    found = run(*options).exception
    assert isinstance(found, error)
    assert text in str(found)


def test_without_a_log_it_says_how_to_call_it():
    found = CliRunner().invoke(commands, []).exception
    assert isinstance(found, SettingsError)
    assert "duecast kpis LOG" in str(found)
