"""`duecast import-d365` as it is typed: output, files, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eventlog.errors import DuecastError
from tests.eventlog.dynamics.books import customer, invoice, payment, together, write
from ui.cli import app

BOOKS = together(
    customer("C1", 1),
    invoice("A", 101),
    payment(201, 101, 60, "2024-02-05", "A"),
    invoice("B", 102),
)


def typed(*words: object, leaves: int = 0) -> str:
    done = CliRunner().invoke(app, ["import-d365", *map(str, words)])
    if isinstance(done.exception, DuecastError):
        raise done.exception
    assert done.exit_code == leaves, done.output
    return done.output


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("export"), BOOKS)


def test_it_tells_tables_events_money_and_what_cannot_be_known(export, tmp_path):
    log = tmp_path / "log.parquet"
    said = typed(export, "--out", log, "--extracted-at", "2024-06-30")
    for words in ("CustSettlement", "Payment Received", "open balance", "cannot say", "2024-06-30"):
        assert words in said
    assert log.is_file()
    with pytest.raises(DuecastError, match=r"log.parquet exists. Add --overwrite"):
        typed(export, "--out", log)
    found = json.loads(typed(export, "--out", log, "--incremental", "--json"))
    assert found["changes"] == []
    assert {row["new"] + row["changed"] + row["deleted"] for row in found["merged"]} == {0}
    assert {row["measure"]: row["after"] for row in found["totals"]} == {
        "invoiced": 200.0,
        "paid": 60.0,
        "open": 140.0,
    }


def test_enum_numbers_are_printed_as_the_file_that_is_read(tmp_path):
    (tmp_path / "enums.toml").write_text("[LedgerTransType]\nPayment = 99\n")
    said = typed("--print-enums", "--enums", tmp_path / "enums.toml")
    assert "Payment = 99" in said
    assert "[rules]" in said


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["export"], "needs an export and --out"),
        (["export", "--out", "log.csv"], "'log.csv' is no .parquet file"),
        (["export", "--out", "log.parquet", "--since", "2024-01-01"], "goes with --incremental"),
        (["--check"], "--check needs an export to look at"),
        (["export", "--check", "--out", "log.parquet"], "so --out does not go with it"),
        (["export", "--check", "--extracted-at", "2024-01-01"], "so --extracted-at does not go"),
        (
            ["export", "--check", "--incremental", "--policy", "policy.toml"],
            "so --incremental, --policy do not go with it",
        ),
        (["nowhere", "--out", "log.parquet"], "no folder at nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(words, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DuecastError, match=match):
        typed(*words)


def test_a_check_of_what_is_whole_says_so(export):
    assert "every reference leads to a row that is there" in " ".join(
        typed(export, "--check").split()
    )


def test_a_check_with_findings_leaves_with_1_for_the_companies_that_have_them(tmp_path):
    whole, filtered = (
        together(
            customer(f"{name}1", rec, name),
            invoice(name, rec + 1, account=f"{name}1", company=name),
        )
        for name, rec in (("USMF", 1), ("DEMF", 5))
    )
    filtered = together(
        filtered, payment(9, 777, 60, "2024-02-05", company="DEMF", account="DEMF1")
    )
    export = write(tmp_path / "export", whole, filtered)
    assert "CustSettlement.TransRecId" in typed(export, "--check", leaves=1)
    found = json.loads(typed(export, "--check", "--company", "demf", "--json", leaves=1))
    assert {(f["table"], f["rule"]) for f in found["findings"]} == {
        ("CustSettlement", "dangling reference")
    }
    assert json.loads(typed(export, "--check", "--company", "USMF", "--json"))["findings"] == []
    with pytest.raises(DuecastError, match="--company FRRT is not in the export"):
        typed(export, "--check", "--company", "FRRT")
