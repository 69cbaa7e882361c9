"""Every kind of mistake in a workbook is named by its cell, with the remedy."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from eventlog.errors import RefusedError
from eventlog.findings import finding_of
from eventlog.log import micros
from eventlog.mistakes import MISTAKE_NAMED, MISTAKES, as_markdown
from eventlog.reader import read_log
from tests.eventlog.sheets_to_read import ROWS, FormulaError, write_filled

TODAY = micros("2024-07-01")
DAY = date(2024, 2, 3)


def findings_in(path: Path, **options: Any) -> list[dict[str, Any]]:
    """All that is found in a workbook, also where it is refused."""
    try:
        _, summary = read_log(path, inspect=True, today=TODAY, **options)
    except RefusedError as error:
        if not str(error).startswith(error.cell):
            raise
        return finding_of(error, path.name).to_dict("records")
    assert summary.rows_kept + summary.rows_quarantined + summary.rows_calculated == (
        summary.rows_read
    )
    assert set(summary.quarantine["line"]) == {
        row["line"] for row in summary.findings.to_dict("records") if row["severity"] == "error"
    }
    for row in summary.totals.to_dict("records"):
        assert row["read"] == row["kept"] + row["quarantined"]
    return summary.findings.to_dict("records")


def assert_found(found: list[dict[str, Any]], mistake: str, cell: str, remedy: str = "") -> None:
    """Exactly this mistake, at this cell, with this remedy; nothing else."""
    told = MISTAKE_NAMED[mistake]
    assert [(row["mistake"], row["cell"], row["severity"]) for row in found] == [
        (mistake, cell, told.severity)
    ]
    assert found[0]["remedy"] == (remedy or told.remedy)


#: Mistake, cells of the Events sheet that are changed, the cell that is named.
IN_CELLS: list[tuple[str, dict[str, Any], str]] = [
    ("formula_error", {"E2": FormulaError("#REF!")}, "Events!E2"),
    ("formula_error", {"D4": FormulaError("#N/A")}, "Events!D4"),
    ("formula_error", {"C5": FormulaError("#VALUE!")}, "Events!C5"),
    ("formula_error", {"AB1": "Margin", "AB2": 1, "AB6": FormulaError("#DIV/0!")}, "Events!AB6"),
    ("activity_empty", {"B5": None}, "Events!B5"),
    ("time_empty", {"C3": None}, "Events!C3"),
    ("time_empty", {"C3": date(1900, 1, 1)}, "Events!C3"),
    ("invoice_empty", {"A5": None}, "Events!A5"),
    ("nobody", {"D8": None, "U8": None}, "Events!A8"),
    ("date_unreadable", {"C5": "mid March"}, "Events!C5"),
    ("date_unreadable", {"F2": "14 days net"}, "Events!F2"),
    ("no_such_day", {"C5": "2024-02-30"}, "Events!C5"),
    ("no_such_day", {"Z4": "2024-02-22 25:61"}, "Events!Z4"),
    ("date_out_of_range", {"C5": date(2204, 3, 1)}, "Events!C5"),
    ("date_out_of_range", {"F6": 99999999}, "Events!F6"),
    ("date_out_of_range", {"C5": "1024-03-01"}, "Events!C5"),
    ("amount_unreadable", {"E6": "about 250"}, "Events!E6"),
    ("amount_too_large", {"E6": 2e14}, "Events!E6"),
    ("number_unreadable", {"O2": "three"}, "Events!O2"),
    ("flag_unreadable", {"R2": "perhaps"}, "Events!R2"),
    ("payment_negative", {"W7": -250}, "Events!W7"),
    ("activity_unknown", {"B8": "Portal Login", "A8": "I-2"}, "Events!B8"),
    ("activity_calculated", {"A8": "I-2", "B8": "Payment Due Date Passed"}, "Events!B8"),
    ("header_misspelt", {"W1": "Payment Amt.", "W5": None, "W7": None, "B5": "Dispute Resolved",
                         "B7": "Dispute Resolved", "W2": 5}, "Events!W1"),
    ("header_missing", {"AB5": "x"}, "Events!AB1"),
    ("spaces_around", {"A5": "I-1 "}, "Events!A5"),
    ("spaces_around", {"D6": "\u00a0Fabrikam"}, "Events!D6"),
    ("invisible_character", {"D6": "Fabri\u200bkam"}, "Events!D6"),
    ("date_as_text", {"C5": "13.03.2024"}, "Events!C5"),
    ("date_emptied", {"F6": date(1900, 1, 1)}, "Events!F6"),
    ("number_as_text", {"W7": "250.00"}, "Events!W7"),
    ("currency_in_amount", {"W7": "€ 250.00"}, "Events!W7"),
    ("time_early", {"C2": date(1989, 12, 31)}, "Events!C2"),
    ("time_in_future", {"C5": date(2024, 7, 9)}, "Events!C5"),
    ("recorded_before_event", {"Z4": datetime.fromisoformat("2024-02-22 10:15")}, "Events!Z4"),
    ("currencies_several", {"J7": "USD"}, "Events!J7"),
    ("customers_several", {"U7": "C3"}, "Events!U7"),
    ("due_before_posting", {"F2": date(2024, 1, 9)}, "Events!F2"),
    ("promise_without_date", {"X4": None}, "Events!X4"),
    ("promise_in_past", {"X4": date(2024, 2, 21)}, "Events!X4"),
    ("payment_without_amount", {"W7": None}, "Events!W7"),
    ("level_unknown", {"I3": "Final"}, "Events!I3"),
    ("level_high", {"I3": 4711}, "Events!I3"),
    ("level_elsewhere", {"I5": 1}, "Events!I5"),
    ("status_unknown", {"N2": "In Klärung"}, "Events!N2"),
    ("invoice_as_number", {"A8": 17}, "Events!A8"),
    ("leading_zeros", {"A6": "0017", "A7": "0017", "A8": 17}, "Events!A8"),
    ("digits_lost", {"A8": 12345678901234567890}, "Events!A8"),
    ("far_cell", {"AAA3": 1}, "Events!AAA3"),
    ("order_unclear", {"C5": "02/03/2024"}, "Events!C5"),
    ("marks_unclear", {"W5": "1.234", "W7": "1.250"}, "Events!W5"),
    ("column_missing", {"C1": None}, "Events!C1"),
    ("column_missing", {f"C{line}": None for line in range(1, 9)}, "Events!A1"),
    ("column_missing", {"A1": "Invoice No."}, "Events!A1"),
    ("column_missing", {"C1": "Event Date"}, "Events!C1"),
    ("column_twice", {"P1": "InvoiceAmount", "P2": 1}, "Events!P1"),
    ("attribute_twice", {"AB1": "Invoice Amount", "AB2": 1}, "Events!AB1"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "cells", "cell"), IN_CELLS)
def test_a_mistake_in_a_cell_is_named_by_the_cell(
    tmp_path: Path, mistake: str, cells: dict[str, Any], cell: str
) -> None:
    assert_found(findings_in(write_filled(tmp_path / "e.xlsx", cells)), mistake, cell)


#: With a remedy of its own.
MEANT: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "activity_misspelt",
        {"B8": "Collection Call Mode"},
        "Events!B8",
        "Write 'Collection Call Made', or pick it from the list.",
    ),
    (
        "currency_unknown",
        {f"J{line}": "Euro" for line in (2, 3, 4, 5)},
        "Events!J2",
        "Write EUR.",
    ),
    ("status_unknown", {"N2": "Writen Off"}, "Events!N2", "Write Written Off."),
]


@pytest.mark.parametrize(("mistake", "cells", "cell", "remedy"), MEANT)
def test_a_word_that_looks_like_another_is_answered_with_it(
    tmp_path: Path, mistake: str, cells: dict[str, Any], cell: str, remedy: str
) -> None:
    found = findings_in(write_filled(tmp_path / "e.xlsx", cells))
    assert_found([row for row in found if row["cell"] == cell], mistake, cell, remedy)
    assert {row["mistake"] for row in found} == {mistake}


#: Mistake, cells of the Mapping sheet, the cell that is named.
IN_MAPPING: list[tuple[str, dict[str, Any], str]] = [
    ("mapping_headings", {"B4": "Mine"}, "Mapping!A1"),
    ("mapping_attribute", {"A5": "InvoiceNo", "B5": "InvoiceNumber"}, "Mapping!A5"),
    ("mapping_column", {"A5": "CreditLimit", "B5": "Limit"}, "Mapping!B5"),
    (
        "mapping_attribute_twice",
        {"A5": "Country", "B5": "Country", "A6": "Country", "B6": "UserId"},
        "Mapping!B6",
    ),
    ("mapping_activity", {"D5": "Zahlung", "E5": "Payment Recieved"}, "Mapping!E5"),
    ("mapping_activity", {"D5": "Zahlung"}, "Mapping!E5"),
    (
        "mapping_activity_twice",
        {"D5": "Z", "E5": "Payment Received", "D6": "Z", "E6": "Payment Posted"},
        "Mapping!D6",
    ),
    ("mapping_setting", {"G5": "Time zone", "H5": "Middle Earth"}, "Mapping!H5"),
    ("mapping_setting", {"G5": "Day or month first", "H5": "whatever"}, "Mapping!H5"),
    ("mapping_setting", {"G5": "Colour", "H5": "red"}, "Mapping!G5"),
]


@pytest.mark.parametrize(("mistake", "mapping", "cell"), IN_MAPPING)
def test_a_mistake_in_the_mapping_sheet_is_named_by_its_cell(
    tmp_path: Path, mistake: str, mapping: dict[str, Any], cell: str
) -> None:
    found = findings_in(write_filled(tmp_path / "e.xlsx", mapping=mapping))
    assert_found(found, mistake, cell)


def test_an_exact_duplicate_is_named_by_its_row(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "e.xlsx", rows=[*ROWS, ROWS[1]])
    assert_found(findings_in(path), "row_repeated", "Events!A9")


@pytest.mark.parametrize(("gap", "cell"), [(1, "Events!A9"), (3, "Events!A9:A11")])
def test_blank_rows_in_the_middle_are_named(tmp_path: Path, gap: int, cell: str) -> None:
    path = write_filled(tmp_path / "e.xlsx", rows=[*ROWS, *[{}] * gap, {**ROWS[6], "UserId": "x"}])
    assert_found(findings_in(path), "row_blank", cell)
    _, summary = read_log(path)
    assert (summary.rows_read, summary.rows_blank) == (8, gap)


def test_rows_that_hold_only_spaces_are_blank(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "e.xlsx", {"B9": "  "}, rows=[*ROWS, {}, ROWS[6]])
    assert "row_blank" in {row["mistake"] for row in findings_in(path)}


def test_merged_cells_are_named_by_their_range(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "e.xlsx", merged="G3:G5")
    assert_found(findings_in(path), "cells_merged", "Events!G3:G5")


def test_a_sheet_without_rows_says_where_the_first_goes(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "e.xlsx", rows=[])
    assert_found(findings_in(path), "no_rows", "Events!A2")


def test_an_events_sheet_that_is_gone_is_missed(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "e.xlsx", sheet="Example")
    assert_found(findings_in(path), "no_events_sheet", "e.xlsx")
    with pytest.raises(RefusedError, match="has no sheet 'Events'; it has"):
        read_log(path)
    assert len(read_log(path, sheet="Example")[0]) == len(ROWS)
    path = write_filled(tmp_path / "f.xlsx")
    assert_found(findings_in(path, sheet="Nope"), "no_events_sheet", "f.xlsx")


def test_a_workbook_of_which_no_row_is_left_says_what_is_wrong_with_each(tmp_path: Path) -> None:
    path = write_filled(tmp_path / "e.xlsx", {f"C{line}": "soon" for line in range(2, 9)})
    found = findings_in(path)
    assert [row["cell"] for row in found] == [f"Events!C{line}" for line in range(2, 9)]
    assert {row["mistake"] for row in found} == {"date_unreadable"}
    with pytest.raises(RefusedError, match=r"No row of e\.xlsx can be used: 7 of 7") as refused:
        read_log(path)
    assert refused.value.mistake == "nothing_left"


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("word/document.xml", "<x/>")


def _cut(path: Path) -> None:
    write_filled(path)
    path.write_bytes(path.read_bytes()[:2000])


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


@pytest.mark.parametrize(
    ("mistake", "make"),
    [
        ("not_excel", lambda path: path.write_text("InvoiceNumber,ActivityName,EventTime\n")),
        ("old_excel", lambda path: path.write_bytes(_OLE)),
        ("encrypted", lambda path: path.write_bytes(_OLE + "EncryptedPackage".encode("utf-16-le"))),
        ("not_a_workbook", _zipped),
        ("damaged", _cut),
    ],
)
def test_a_file_that_is_no_workbook_is_refused_by_kind(
    tmp_path: Path, mistake: str, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "e.xlsx")
    assert_found(findings_in(tmp_path / "e.xlsx"), mistake, "e.xlsx")


def test_a_workbook_without_mistakes_has_no_findings(tmp_path: Path) -> None:
    assert findings_in(write_filled(tmp_path / "e.xlsx")) == []


def test_every_mistake_is_tested_here() -> None:
    here = {case[0] for cases in (IN_CELLS, MEANT, IN_MAPPING) for case in cases}
    here |= {"row_repeated", "row_blank", "cells_merged", "no_rows", "no_events_sheet"}
    here |= {"nothing_left", "not_excel", "old_excel", "encrypted", "not_a_workbook", "damaged"}
    assert here == {mistake.code for mistake in MISTAKES}
    assert len(MISTAKES) >= 30


def test_outside_of_workbooks_a_mistake_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "InvoiceNumber,ActivityName,EventTime\nA,Invoice Generated,soon\nA,x,2024-01-01\n"
    )
    _, summary = read_log(path, inspect=True)
    assert summary.findings["cell"].tolist() == ["line 2", "line 3"]


def test_the_page_lists_every_mistake_as_the_code_has_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "template.md").read_text(encoding="utf-8")
    assert as_markdown() in page
