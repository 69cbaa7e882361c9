"""The Excel template explains itself, works empty, and gives back what is filled in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from eventlog.errors import DataError, DuecastError, RefusedError
from eventlog.ledger import keep_ledger
from eventlog.log import MINOR, EventLog, micros
from eventlog.mapping import Mapping
from eventlog.policy import Policy
from eventlog.reader import log_from_frame, read_log
from eventlog.simulate import Company, simulate
from eventlog.state import Closed
from eventlog.template import ACTIVITIES, ATTRIBUTES
from eventlog.workbook import rows as workbook_rows
from eventlog.workbook import writing as workbook
from eventlog.workbook.marked import write_marked
from eventlog.workbook.rows import cells_of_log
from eventlog.workbook.sheets import read_sheet
from eventlog.workbook.writing import write_template, write_workbook
from tests.builders import frames, happened, ledger_state, make_log
from tests.eventlog.log_tables import columns_of, rows_of, tables
from tests.eventlog.sheets_to_read import (
    HEADINGS,
    ROWS,
    FormulaError,
    changed,
    grid_of,
    write_filled,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_template(tmp_path_factory.mktemp("template") / "events.xlsx")


def assert_same(one: EventLog, other: EventLog) -> None:
    assert rows_of(one) == rows_of(other)
    assert columns_of(one) == columns_of(other)
    assert one.ends_at == other.ends_at


def sheet_of(path: Path, name: str) -> list[list[Any]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_name(name).to_python()


def test_the_template_has_every_attribute_and_activity(template: Path) -> None:
    assert CalamineWorkbook.from_path(template).sheet_names == [
        "Instructions",
        "Events",
        "Attributes",
        "Activities",
        "Example",
        "Mapping",
    ]
    assert sheet_of(template, "Events") == [[attribute.name for attribute in ATTRIBUTES]]
    listed = {(row[0], row[1]) for row in sheet_of(template, "Attributes")[1:]}
    assert listed == {(attribute.name, attribute.need) for attribute in ATTRIBUTES}
    named = [row[0] for row in sheet_of(template, "Activities")[1:] if row[0]]
    assert named == [activity.name for activity in ACTIVITIES]


def test_headings_explain_themselves_and_columns_have_lists_and_checks(template: Path) -> None:
    with zipfile.ZipFile(template) as packed:
        comments = packed.read("xl/comments1.xml").decode()
        events = packed.read("xl/worksheets/sheet2.xml").decode()
    for attribute in ATTRIBUTES:
        assert attribute.source in comments.replace("&gt;", ">")
    assert f"<formula1>Activities!$A$2:$A${len(ACTIVITIES) + 1}</formula1>" in events
    for kind in ("date", "decimal", "list"):
        assert f'<dataValidation type="{kind}" errorStyle="warning"' in events
    assert '<pane xSplit="3" ySplit="1"' in events
    assert "<autoFilter" in events


def test_an_empty_template_says_that_it_holds_no_rows_yet(template: Path) -> None:
    with pytest.raises(RefusedError, match=r"Events!A2: Sheet 'Events' .* holds no rows yet"):
        read_log(template)


def test_the_example_reads_without_a_finding_and_makes_sense(template: Path) -> None:
    log, summary = read_log(template, sheet="Example", inspect=True, today=micros("2024-07-01"))
    assert summary.rows_quarantined == 0
    assert summary.findings["mistake"].tolist() == []
    ledger = keep_ledger(log, Policy())
    ends = {
        invoice: ledger_state(log, ledger, invoice, "2024-07-01")
        for invoice in ("CIV-000101", "CIV-000102", "CIV-000103")
    }
    assert {name: Closed(int(state["closed"])) for name, state in ends.items()} == {
        "CIV-000101": Closed.PAID,
        "CIV-000102": Closed.PAID,
        "CIV-000103": Closed.WRITTEN_OFF,
    }
    assert all(state["balance"] == 0 for state in ends.values())
    assert ends["CIV-000102"]["credited"] == 700 * MINOR
    assert ends["CIV-000103"]["written_off"] == 2000 * MINOR
    assert ends["CIV-000103"]["paid"] == 400 * MINOR
    assert ends["CIV-000101"]["n_kept"] == 1


@pytest.mark.parametrize("many", [10, 100_000])
def test_a_filled_template_reads_as_its_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(workbook, "_MANY", many)  # row by row, and at once
    simulate(Company(n_invoices=300), seed=5).to_parquet(tmp_path / "log.parquet")
    log, summary = read_log(tmp_path / "log.parquet")
    assert summary.additional_columns
    write_template(tmp_path / "log.xlsx", log)
    again, told = read_log(tmp_path / "log.xlsx")
    assert_same(again, log)
    assert told.rows_quarantined == 0
    assert told.additional_columns == summary.additional_columns


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(frame=frames(max_events=25))
def test_any_log_that_is_filled_in_reads_the_same(tmp_path: Path, frame: pd.DataFrame) -> None:
    log, _ = log_from_frame(frame)
    write_workbook(tmp_path / "log.xlsx", cells_of_log(log), Mapping())
    assert_same(read_log(tmp_path / "log.xlsx")[0], log)


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_odd_cells_that_can_be_read_survive_a_workbook(tmp_path: Path, table: pd.DataFrame) -> None:
    try:
        log, _ = log_from_frame(table, day_first=True)
    except DataError:
        return
    write_template(tmp_path / "log.xlsx", log)
    assert_same(read_log(tmp_path / "log.xlsx", day_first=True)[0], log)


def test_texts_that_a_spreadsheet_would_run_are_defused_and_come_back(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "'=quoted"]
    rows = [
        happened(f"I{i}", "post", "2024-01-01", amount=10, customer=name)
        | {"=Evil": f"={i}", "Plain": i}
        for i, name in enumerate(names)
    ]
    log = make_log(*rows)
    write_template(tmp_path / "log.xlsx", log)
    cells = [cell for row in sheet_of(tmp_path / "log.xlsx", "Events") for cell in row]
    assert not [c for c in cells if isinstance(c, str) and c.startswith(("=", "+", "-", "@"))]
    again, _ = read_log(tmp_path / "log.xlsx")
    assert_same(again, log)


def test_values_that_excel_holds_less_exactly_come_back_exactly(tmp_path: Path) -> None:
    log = make_log(
        happened("A", "post", "2024-01-01T10:11:12.000001", amount=123456789012.3456)
        | {"Share": 0.1 + 0.2, "Founded": pd.Timestamp("1871-01-18")},
        happened("A", "pay", "2024-02-01T10:11:12.123", moved=9_999_999_999_999.25)
        | {"Share": 1e-300, "Founded": pd.Timestamp("2024-02-01T01:02:03.456")},
    )
    write_template(tmp_path / "log.xlsx", log)
    assert_same(read_log(tmp_path / "log.xlsx")[0], log)


def test_a_log_that_no_sheet_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = make_log(happened("A", "post", "2024-01-01") | {"Note": "x" * 32_768})
    with pytest.raises(DataError, match="'Note' holds texts of more than 32,767 letters"):
        write_template(tmp_path / "log.xlsx", long)
    monkeypatch.setattr(workbook_rows, "MOST_ROWS", 1)
    two = make_log(happened("A", "post", "2024-01-01"), happened("A", "pay", "2024-02-01"))
    with pytest.raises(DataError, match="has 2 events, and a sheet holds 1"):
        write_template(tmp_path / "log.xlsx", two)
    assert list(tmp_path.iterdir()) == []


def test_a_filled_mapping_sheet_is_applied(tmp_path: Path) -> None:
    path = write_filled(
        tmp_path / "log.xlsx",
        {"A1": "Beleg", "C1": "Wann", "W1": "Betrag", "B5": "Zahlung", "B7": "Zahlung"},
        mapping={
            "A5": "InvoiceNumber",
            "B5": "Beleg",
            "A6": "EventTime",
            "B6": "Wann",
            "A7": "PaymentAmount",
            "B7": "Betrag",
            "D5": "Zahlung",
            "E5": "Payment Received",
            "G5": "Time zone",
            "H5": "Europe/Berlin",
        },
    )
    log, summary = read_log(path)
    plain, _ = read_log(
        write_filled(tmp_path / "plain.xlsx"), mapping=Mapping(timezone="Europe/Berlin")
    )
    assert_same(log, plain)
    assert "The Mapping sheet names 3 columns and 1 activities." in summary.notes


def test_settings_of_the_mapping_sheet_are_applied_and_a_file_goes_before_it(
    tmp_path: Path,
) -> None:
    path = write_filled(
        tmp_path / "log.xlsx",
        {"C5": "02/03/2024", "W5": "1.234"},
        mapping={
            "G5": "Day or month first",
            "H5": "Day first",
            "G6": "Decimal mark",
            "H6": "comma",
        },
    )
    log, _ = read_log(path)
    row = np.flatnonzero(log.row == 3)[0]
    assert log.money("PaymentAmount")[row] == 1234 * MINOR
    assert pd.Timestamp(log.event_time[row], unit="us").date() == date(2024, 3, 2)
    other, _ = read_log(path, mapping=Mapping(day_first=False))
    row = np.flatnonzero(other.row == 3)[0]
    assert pd.Timestamp(other.event_time[row], unit="us").date() == date(2024, 2, 3)


def test_a_mapping_sheet_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "log.xlsx")
    book = CalamineWorkbook.from_path(path)
    assert book.sheet_names == ["Instructions", "Events", "Mapping"]
    raw = read_sheet(path, None, Mapping())
    assert raw.mapping == Mapping()
    assert replace(raw, mapping=None).sheet == raw.sheet


def test_a_title_may_stand_above_the_header(tmp_path: Path) -> None:
    rows = [dict(zip(HEADINGS, HEADINGS, strict=True)), *ROWS]
    path = write_filled(
        tmp_path / "log.xlsx", {"A1": "Our events 2024", **blank_header()}, rows=rows
    )
    log, summary = read_log(path, inspect=True)
    assert len(log) == len(ROWS)
    assert summary.findings["mistake"].tolist() == []
    bad = write_filled(tmp_path / "bad.xlsx", {"C6": "soon", **blank_header()}, rows=rows)
    assert read_log(bad)[1].findings["cell"].tolist() == ["Events!C6"]


def blank_header() -> dict[str, None]:
    return {f"{letter}1": None for letter in "BCDEFGHIJKLMNOPQRSTUVWXYZ"} | {"AA1": None}


def test_template_columns_that_are_not_filled_are_as_if_not_there(tmp_path: Path) -> None:
    _, summary = read_log(write_filled(tmp_path / "log.xlsx"))
    assert "CreditLimit" not in summary.template_columns
    assert "Country" in summary.missing_recommended


def test_a_marked_copy_holds_the_same_cells_and_the_same_findings(tmp_path: Path) -> None:
    edits = {"C5": "soon", "E6": FormulaError("#REF!"), "J4": "USD", "AB1": "Mine", "AB3": 7}
    path = write_filled(
        tmp_path / "log.xlsx", edits, mapping={"D5": "Zahlung", "E5": "Payment Received"}
    )
    _, summary = read_log(path, inspect=True)
    assert len(summary.findings) >= 3
    copy = write_marked(tmp_path / "look.xlsx", path, summary.findings, Mapping())
    _, again = read_log(copy, inspect=True)
    told = ["mistake", "cell", "what"]
    assert again.findings.loc[again.findings["cell"] != "Events!E6", told].to_numpy().tolist() == (
        summary.findings.loc[summary.findings["cell"] != "Events!E6", told].to_numpy().tolist()
    )
    assert set(again.quarantine["line"]) == set(summary.quarantine["line"])
    with zipfile.ZipFile(copy) as packed:
        comments = packed.read("xl/comments1.xml").decode()
        events = packed.read("xl/worksheets/sheet2.xml").decode()
    assert "EventTime 'soon' is no date or time" in comments
    plain = events.split('<c r="C4" s="')[1].split('"')[0]
    assert events.split('<c r="C5" s="')[1].split('"')[0] != plain


@pytest.mark.parametrize("name", ["log.xls", "log.csv"])
def test_a_template_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is no Excel workbook"):
        write_template(tmp_path / name)


def test_a_template_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        write_template(tmp_path / "none" / "log.xlsx")
    (tmp_path / "log.xlsx").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        write_template(tmp_path / "log.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["log.xlsx"]


ODD: list[Any] = [
    None,
    "",
    " ",
    "x",
    "1900-01-01",
    "31/12/2024",
    "1.234,5",
    "€ -5",
    "=1+1",
    "\u200b",
    "I-1",
    "Payment Received",
    "EventTime",
    "#N/A",
    -1,
    0,
    0.5,
    1e300,
    45000.25,
    123456789012345678,
    True,
    date(1999, 12, 31),
    date(9999, 12, 31),
    FormulaError("#N/A"),
    FormulaError("#DIV/0!"),
]


def damaged_cells() -> Iterator[Any]:
    column = st.sampled_from([*"ABCDEFIJNRUWXZ", "AA", "AB"])
    cell = st.tuples(column, st.integers(1, 12)).map(lambda place: f"{place[0]}{place[1]}")
    return st.dictionaries(cell, st.sampled_from(ODD), min_size=1, max_size=12)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(edits=damaged_cells())
def test_damage_is_told_and_no_row_is_lost(tmp_path: Path, edits: dict[str, Any]) -> None:
    path = write_filled(tmp_path / "log.xlsx", edits)
    grid = changed(grid_of(ROWS), edits)
    filled = {
        line
        for (line, _), value in grid.items()
        if line and not (isinstance(value, str) and not value.strip())
    }
    try:
        log, summary = read_log(path, inspect=True, today=micros("2024-07-01"))
    except DuecastError:
        return
    assert summary.rows_read == len(filled)
    assert summary.rows_read + summary.rows_blank == max(filled)
    assert summary.rows_read == len(log) + summary.rows_quarantined + summary.rows_calculated
    errors = summary.findings.loc[summary.findings["severity"] == "error", "line"]
    assert set(errors) == set(summary.quarantine["line"])
    for row in summary.totals.to_dict("records"):
        assert row["read"] == row["kept"] + row["quarantined"]


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(place=st.floats(0, 0.999), byte=st.integers(0, 255), part=st.sampled_from(["zip", "xml"]))
def test_damage_to_the_file_itself_is_refused_or_does_no_harm(
    tmp_path: Path, place: float, byte: int, part: str
) -> None:
    path = write_filled(tmp_path / "log.xlsx")
    if part == "zip":
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] = byte
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        sheet = bytearray(parts["xl/worksheets/sheet2.xml"])
        start = int(place * len(sheet))
        del sheet[start : start + byte + 1]
        with zipfile.ZipFile(path, "w") as packed:
            for name, content_of in parts.items():
                changed_part = name == "xl/worksheets/sheet2.xml"
                packed.writestr(name, bytes(sheet) if changed_part else content_of)
    with suppress(DuecastError):  # anything else fails
        read_log(path, inspect=True)
