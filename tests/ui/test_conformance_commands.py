"""`duecast conformance` says how the letters agree with the policy, in words, JSON and files."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from eventlog.errors import DataError, SettingsError
from eventlog.simulate import Company, rate_table, simulate
from ui.conformance_commands import commands

COMPANY = Company(n_invoices=600, months=12, share_late=0.4, share_very_late=0.2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conformance")
    frame = simulate(COMPANY, seed=1)
    frame.to_parquet(folder / "log.parquet")
    silent = frame.loc[frame["ActivityName"] != "Dunning Letter Generated"]
    silent.to_parquet(folder / "silent.parquet")
    frame.drop(columns="PaymentDueDate").to_parquet(folder / "undated.parquet")
    rate_table(COMPANY, seed=1).to_csv(folder / "rates.csv", index=False)
    (folder / "policy.toml").write_text('reporting_currency = "EUR"\n')
    return folder


@pytest.fixture
def run(files, monkeypatch):
    def conformance(*options: str, log: str = "log.parquet", rates: bool = True) -> Result:
        monkeypatch.setenv("DUECAST_HOME", str(files))
        monkeypatch.delenv("DUECAST_POLICY", raising=False)
        given = ["--rates", str(files / "rates.csv")] if rates else []
        return CliRunner().invoke(commands, [str(files / log), *given, *options])

    return conformance


def words(result: Result) -> str:
    """What was printed, however its lines were broken."""
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def said(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_policy_the_totals_and_both_tables_are_printed(run):
    told = words(run("--invoices", "3"))
    assert "Dunning conformance · cutoff" in told
    assert "log.parquet · money in EUR" in told
    assert "letters 7, 21, 35 days past due, 3 days of tolerance; the days of an open" in told
    assert "Adherence" in told
    assert "money-days" in told
    assert "Letters that the policy called for, by level; EUR" in told
    assert "Letters sent, by level" in told
    assert "Invoices that were furthest behind" in told


@pytest.mark.parametrize("by", ["level", "segment", "collector", "month"])
def test_json_groups_add_up_to_the_totals(run, by):
    found = said(run("--json", "--by", by))
    assert found["by"] == by
    assert sum(row["required"] for row in found["due"]) == found["totals"]["required"] > 100
    assert sum(row["letters"] for row in found["sent"]) == found["letters"]["letters"] > 100
    assert found["currency"] == "EUR"
    assert found["notes"] == found["invoices"] == []


def test_the_worst_invoices_come_worst_first(run):
    rows = said(run("--json", "--invoices", "5"))["invoices"]
    assert len(rows) == 5
    costs = [row["money_days"] for row in rows]
    assert costs == sorted(costs, reverse=True)


def test_a_cutoff_looks_back(run):
    whole, then = said(run("--json")), said(run("--json", "--cutoff", "2021-07-01"))
    assert then["cutoff"] == "2021-07-01T00:00:00Z"
    assert 0 < then["totals"]["required"] < whole["totals"]["required"]


def test_another_policy_calls_for_other_letters(run, tmp_path):
    policy = tmp_path / "strict.toml"
    policy.write_text('dunning_days = [14]\ndunning_tolerance_days = 0\nreporting_currency="EUR"\n')
    found = said(run("--json", "--policy", str(policy)))
    assert found["policy"]["dunning_days"] == [14]
    assert [row["level"] for row in found["due"]] == [1]
    assert "letters 14 days past due, 0 days" in words(run("--policy", str(policy)))


def test_files_hold_every_letter(run, tmp_path):
    totals = said(run("--json"))
    run("--out", str(tmp_path / "due.csv"))
    run("--out", str(tmp_path / "all.xlsx"))
    due = pd.read_csv(tmp_path / "due.csv")
    assert len(due) == totals["totals"]["required"]
    assert (due["verdict"] == "missing").sum() == totals["totals"]["missing"]
    sheets = pd.read_excel(tmp_path / "all.xlsx", sheet_name=None, engine="calamine")
    assert len(sheets["Letters due"]) == totals["totals"]["required"]
    assert len(sheets["Letters sent"]) == totals["letters"]["letters"]


def test_a_log_without_letters_is_said_to_have_none(run):
    told = words(run(log="silent.parquet"))
    assert "No letter is known at the cutoff, so every one that was due counts as missing." in told
    assert "0 on time" in told
    assert "Letters sent" not in told


def test_a_log_without_due_dates_is_said_to_have_none(run):
    found = said(run("--json", log="undated.parquet"))
    assert "No invoice has a due date" in found["notes"][0]
    assert found["totals"]["required"] == 0
    assert found["totals"]["adherence"] is None


def test_due_dates_that_are_known_later_only_are_said_to_be(files, run):
    pd.DataFrame(
        {
            "InvoiceNumber": ["A", "A"],
            "ActivityName": ["Invoice Posted and Sent", "Dunning Letter Generated"],
            "EventTime": ["2024-01-01", "2024-03-05"],
            "PaymentDueDate": [None, "2024-02-01"],
        }
    ).to_parquet(files / "later.parquet")
    told = words(run("--cutoff", "2024-02-20", log="later.parquet"))
    assert "No due date is known at the cutoff yet. Choose a later --cutoff." in told


def test_a_policy_without_letters_is_said_to_have_none(run, tmp_path):
    policy = tmp_path / "none.toml"
    policy.write_text('dunning_days = []\nreporting_currency = "EUR"\n')
    assert "The policy names no dunning_days" in words(run("--policy", str(policy)))


def test_several_currencies_need_a_rate_table(run):
    found = run(rates=False)
    assert isinstance(found.exception, DataError)
    assert "--rates FILE" in str(found.exception)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        (["--cutoff", "2031-01-01"], DataError, "lies outside the log"),
        (["--cutoff", "2001-01-01"], DataError, "lies outside the log"),
        (["--cutoff", "soon"], SettingsError, "no date"),
        (["--out", "letters.txt"], DataError, "neither .csv nor .xlsx"),
    ],
)
def test_wrong_options_are_refused_in_words(run, options, error, match):
    found = run(*options)
    assert isinstance(found.exception, error)
    assert match in str(found.exception)


def test_a_file_is_not_replaced_unasked(run, tmp_path):
    path = tmp_path / "due.csv"
    path.write_text("mine")
    assert "Add --overwrite" in str(run("--out", str(path)).exception)
    assert path.read_text() == "mine"
    assert run("--out", str(path), "--overwrite").exit_code == 0
    assert path.read_text() != "mine"
