"""`duecast process`: what it prints, draws and refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from eventlog.errors import DataError, SettingsError
from ui import cli

runner = CliRunner()
SVG = "{http://www.w3.org/2000/svg}"


def run(*words: str) -> str:
    """Standard output of a command that succeeds, on one line a sentence."""
    result = runner.invoke(cli.app, ["process", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the log of a small synthetic company and its rates."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DUECAST_HOME", str(folder))
        (folder / "policy.toml").write_text('reporting_currency = "EUR"\n')
        words = ["simulate", "log.parquet", "--invoices", "600", "--rates", "rates.csv"]
        assert runner.invoke(cli.app, words).exit_code == 0
        yield folder


@pytest.fixture(scope="module")
def found(home: Path) -> dict:
    words = ("log.parquet", "--rates", "rates.csv", "--rework", "--bottlenecks", "--json")
    return json.loads(run(*words, "--compare-by", "Disputed"))


def test_the_first_lines_say_of_what_and_as_of_when(home: Path) -> None:
    said = run("log.parquet", "--rates", "rates.csv", "--top", "3", "--where", "Country!=DEU")
    head = said.splitlines()
    assert head[0].startswith("Process · log.parquet · cutoff 20")
    assert head[0].endswith("UTC · Country!=DEU")
    assert "variants · money in EUR" in head[1]
    assert "Variants: the 3 most frequent" in said
    assert "Steps: the 3 most frequent" in said
    assert "Where overdue money waits" in said


def test_json_holds_every_table_and_its_sums_agree(found: dict) -> None:
    assert found["invoices"] == 600
    assert found["cutoff"].endswith("Z")
    assert found["currency"] == "EUR"
    lost = sum(row["money_days"] for row in found["bottlenecks"])
    assert lost == pytest.approx(sum(row["money_days"] for row in found["steps"]))
    assert sum(row["share"] for row in found["overdue_bottlenecks"]) == pytest.approx(1)
    pairs = sum(row["count"] for row in found["steps"] if row["to"] != "still open")
    assert pairs == found["events"] + found["steps_calculated"] - found["invoices"]
    assert found["rework"]["programs"] == ["bankimport", "batch"]
    assert sum(found["comparison"]["invoices"]) == 600


def test_an_earlier_cutoff_knows_less(home: Path, found: dict) -> None:
    words = ("log.parquet", "--rates", "rates.csv", "--json", "--cutoff", "2022-01-01")
    earlier = json.loads(run(*words))
    assert earlier["cutoff"] == "2022-01-01T00:00:00Z"
    assert 0 < earlier["invoices"] < found["invoices"]


def test_rework_and_a_comparison_are_printed(home: Path) -> None:
    words = ("log.parquet", "--rates", "rates.csv", "--top", "2", "--rework", "--bottlenecks")
    said = run(*words)
    for title in ("Repeats:", "Who does it", "By month", "Where money waits"):
        assert title in said
    said = run("log.parquet", "--rates", "rates.csv", "--compare-by", "2023-01-01", "--top", "2")
    assert "each invoice as it stood 90 days after its issue" in said
    assert "A: posted before 2023-01-01" in said
    assert "money waits" not in said
    words = ("log.parquet", "--rates", "rates.csv", "--compare-by", "Disputed", "--bottlenecks")
    said = run(*words)
    for title in ("A: Disputed=", "Where overdue money waits", "Where money waits"):
        assert title in said
    said = run(
        *("log.parquet", "--rates", "rates.csv", "--top", "2", "--compare"),
        *("Outcome=written off", "Outcome=paid"),
    )
    assert "Too few for a verdict: 'Outcome=written off' has" in said


def test_the_picture_is_the_same_each_time_and_well_formed(home: Path) -> None:
    words = ("log.parquet", "--where", "CurrencyCode=EUR", "--min-share", "0.05", "--map")
    assert "Process map written to one.svg." in run(*words, "one.svg")
    run(*words, "two.svg")
    one = (home / "one.svg").read_bytes()
    assert one == (home / "two.svg").read_bytes()
    root = ElementTree.fromstring(one)
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert "Invoice Posted and Sent" in texts
    assert any("as known at 20" in text for text in texts)
    assert any(text.startswith("start ") for text in texts)
    assert any("CurrencyCode=EUR" in text for text in texts)
    curves = [node.get("d") for node in root.iter(f"{SVG}path")]
    assert len(curves) >= 5
    assert all(curve.startswith("M") and "C" in curve for curve in curves)


def test_names_with_marks_are_escaped_in_both_kinds_of_picture(home: Path) -> None:
    odd = 'Say "no" & <go>'
    pd.DataFrame(
        {
            "InvoiceNumber": ["A", "A"],
            "ActivityName": ["Invoice Posted and Sent", odd],
            "EventTime": ["2024-01-01", "2024-01-05"],
        }
    ).to_parquet(home / "odd.parquet")
    run("odd.parquet", "--map", "odd.svg")
    run("odd.parquet", "--map", "odd.dot")
    texts = [n.text for n in ElementTree.parse(home / "odd.svg").iter(f"{SVG}text")]
    assert odd in texts
    dot = (home / "odd.dot").read_text(encoding="utf-8")
    assert r"Say \"no\" & <go>" in dot
    assert dot.startswith("digraph process {")
    assert dot.count("->") == 3


def test_no_invoice_left_says_what_to_loosen_and_draws_nothing(home: Path) -> None:
    words = ("log.parquet", "--where", "CurrencyCode=EUR", "--posted-until", "2000-01-01")
    said = run(*words, "--map", "none.svg", "--compare-by", "Disputed")
    assert "No invoice is left to show. Loosen --where" in said
    assert not (home / "none.svg").exists()


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["--map", "map.png"], DataError, "neither .svg nor .dot"),
        (["--map", "policy.toml"], DataError, "Add --overwrite"),
        (["--where", "Enterprise"], SettingsError, "NAME=VALUE"),
        (["--cutoff", "2100-01-01"], DataError, "lies outside the log"),
        (["--cutoff", "2010-01-01"], DataError, "lies outside the log"),
        ([], DataError, "keep to one: --where CurrencyCode="),
        (["--compare", "A=1", "A=2", "--compare-by", "A"], SettingsError, "exclude each other"),
        (
            ["--where", "CurrencyCode=EUR", "--compare-by", "CustomerSegment"],
            DataError,
            "two can be compared. Choose two with --compare",
        ),
        (
            ["--where", "CurrencyCode=EUR", "--compare-by", "InvoiceAmount"],
            DataError,
            "'InvoiceAmount' is an amount, not a text",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    home: Path, words: list[str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        runner.invoke(cli.app, ["process", "log.parquet", *words], catch_exceptions=False)
