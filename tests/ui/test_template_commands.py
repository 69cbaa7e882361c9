"""`duecast template` and what `duecast check` says about a workbook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eventlog.errors import DataError, RefusedError, SettingsError
from eventlog.reader import read_log
from eventlog.workbook.writing import write_template
from tests.eventlog.sheets_to_read import ROWS, write_filled
from ui.cli import app

runner = CliRunner()


def run(*words: object, fails: type[Exception] | None = None, match: str = "") -> str:
    """What a command prints; the error it ends with is the one expected."""
    result = runner.invoke(app, [str(word) for word in words])
    if fails is None:
        assert result.exception is None, result.output
    else:
        with pytest.raises(fails, match=match):
            raise result.exception or AssertionError(result.output)
    return result.output


def test_the_template_is_written_and_says_what_to_do_next(tmp_path: Path) -> None:
    path = tmp_path / "events.xlsx"
    said = run("template", path)
    said = " ".join(said.split())  # the terminal breaks lines
    assert "Fill in its Events sheet" in said
    assert "duecast check" in said
    run("template", path, fails=DataError, match="exists. Add --overwrite")
    run("template", path, "--overwrite")
    run("template", tmp_path / "events.csv", fails=DataError, match=r"is no \.xlsx file")
    run("template", fails=DataError, match="needs a file to go to")
    run("check", path, fails=RefusedError, match="Events!A2: .* holds no rows yet")


def test_the_template_can_be_filled_with_a_log(tmp_path: Path) -> None:
    source = write_filled(tmp_path / "log.xlsx")
    said = run("template", tmp_path / "events.xlsx", "--fill", source)
    assert f"with {len(ROWS)} events written" in said
    assert len(read_log(tmp_path / "events.xlsx")[0]) == len(ROWS)


def test_check_shows_each_mistake_with_its_cell_and_remedy(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "log.xlsx", {"C5": "soon", "J4": "USD"})
    said = run("check", path)
    assert "Events!C5" in said
    assert "Write it as a date" in said
    assert "1 error" in said
    assert "2 warnings" not in said
    assert said.index("Events!C5") < said.index("Events!J4")
    told = json.loads(run("check", path, "--json"))
    assert [(row["cell"], row["mistake"]) for row in told["findings"]] == [
        ("Events!C5", "date_unreadable"),
        ("Events!J4", "currencies_several"),
    ]
    assert told["findings_by_mistake"] == {"date_unreadable": 1, "currencies_several": 1}
    assert "No mistakes found" in run("check", write_filled(tmp_path / "clean.xlsx"))


def test_a_refused_workbook_has_findings_as_json_too(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "log.xlsx", {"C1": "When"})
    said = run("check", path, "--json", fails=RefusedError, match="lacks")
    told = json.loads(said)
    assert told["findings"][0]["mistake"] == "column_missing"
    assert told["refused"].startswith("Events!A1: log.xlsx lacks ['EventTime']")


def test_a_marked_copy_is_written_beside_the_workbook_never_over_it(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "log.xlsx", {"C5": "soon"})
    said = run("check", path, "--marked", tmp_path / "look.xlsx")
    assert "A copy with the mistakes in colour" in said
    assert read_log(tmp_path / "look.xlsx")[1].findings["cell"].tolist() == ["Events!C5"]
    marked = ("check", path, "--marked")
    run(*marked, tmp_path / "look.xlsx", fails=DataError, match="exists. Add --overwrite")
    run(*marked, path, "--overwrite", fails=DataError, match="is the workbook itself")
    run(*marked, tmp_path / "look.csv", fails=DataError, match=r"is no \.xlsx file")
    csv = tmp_path / "log.csv"
    csv.write_text("InvoiceNumber,ActivityName,EventTime\nA,Invoice Generated,2024-01-01\n")
    run("check", csv, "--marked", tmp_path / "m.xlsx", fails=SettingsError, match="applies to XLSX")


def test_the_mistakes_are_printed_as_the_page_has_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "template.md").read_text(encoding="utf-8")
    assert run("template", "--mistakes") in page


def test_a_template_is_a_workbook_whatever_the_case_of_its_name(tmp_path: Path) -> None:
    assert write_template(tmp_path / "EVENTS.XLSX").exists()
