"""Small workbooks to read: a filled Events sheet as the template has it, with cells changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_cell_to_rowcol

from eventlog.template import ATTRIBUTES

HEADINGS = [attribute.name for attribute in ATTRIBUTES]
_CONTOSO = {"CustomerName": "Contoso", "CustomerAccount": "C1", "CurrencyCode": "EUR"}
_FABRIKAM = {"CustomerName": "Fabrikam", "CustomerAccount": "C2", "CurrencyCode": "EUR"}
#: Seven rows without a mistake, on rows 2 to 8 of the sheet.
ROWS: list[dict[str, Any]] = [
    {
        "InvoiceNumber": "I-1",
        "ActivityName": "Invoice Posted and Sent",
        "EventTime": date(2024, 1, 10),
        "InvoiceAmount": 100.5,
        "PaymentDueDate": date(2024, 2, 9),
        "SourceSystem": "ERP",
        "IsDisputed": "false",
        "DaysOverdue": 3,
        "InvoiceStatus": "Paid",
        **_CONTOSO,
    },
    {
        "InvoiceNumber": "I-1",
        "ActivityName": "Dunning Letter Generated",
        "EventTime": date(2024, 2, 20),
        "DunningLevel": "1",
        **_CONTOSO,
    },
    {
        "InvoiceNumber": "I-1",
        "ActivityName": "Payment Promise Created",
        "EventTime": datetime.fromisoformat("2024-02-22 10:30"),
        "PromisedDate": date(2024, 3, 1),
        "PromisedAmount": 100.5,
        "RecordedTime": datetime.fromisoformat("2024-02-22 10:45"),
        **_CONTOSO,
    },
    {
        "InvoiceNumber": "I-1",
        "ActivityName": "Payment Received",
        "EventTime": date(2024, 3, 1),
        "PaymentAmount": 100.5,
        **_CONTOSO,
    },
    {
        "InvoiceNumber": "I-2",
        "ActivityName": "Invoice Posted and Sent",
        "EventTime": date(2024, 1, 12),
        "InvoiceAmount": 250,
        "PaymentDueDate": date(2024, 2, 11),
        **_FABRIKAM,
    },
    {
        "InvoiceNumber": "I-2",
        "ActivityName": "Payment Received",
        "EventTime": date(2024, 2, 11),
        "PaymentAmount": 250,
        **_FABRIKAM,
    },
    {
        "InvoiceNumber": None,
        "ActivityName": "Collection Call Made",
        "EventTime": date(2024, 2, 1),
        **_FABRIKAM,
    },
]


class FormulaError(str):
    """A cell whose formula gives this error value."""


def grid_of(
    rows: Sequence[Mapping[str, Any]], headings: Sequence[str] = HEADINGS
) -> dict[tuple[int, int], Any]:
    """Cells by row and column, headings first; what is None is left out."""
    lines = [dict(zip(headings, headings, strict=True)), *rows]
    return {
        (line, place): row[name]
        for line, row in enumerate(lines)
        for place, name in enumerate(headings)
        if row.get(name) is not None
    }


def changed(grid: dict[tuple[int, int], Any], cells: Mapping[str, Any]) -> dict[Any, Any]:
    """The grid with cells changed; None empties one."""
    grid = grid | {xl_cell_to_rowcol(cell): value for cell, value in cells.items()}
    return {place: value for place, value in grid.items() if value is not None}


def write_grid(sheet: Any, grid: Mapping[tuple[int, int], Any], day: Any, moment: Any) -> None:
    for (line, place), value in sorted(grid.items()):
        if isinstance(value, FormulaError):
            sheet.write_formula(line, place, "=NA()", None, str(value))
        elif isinstance(value, datetime):
            sheet.write_datetime(line, place, value, moment)
        elif isinstance(value, date):
            sheet.write_datetime(line, place, value, day)
        elif isinstance(value, str):
            sheet.write_string(line, place, value)
        elif isinstance(value, bool):
            sheet.write_boolean(line, place, value)
        else:
            sheet.write_number(line, place, value)


MAPPING_HEADINGS = {
    "A4": "Template column",
    "B4": "Your column",
    "D4": "Your activity",
    "E4": "Template activity",
    "G4": "Setting",
    "H4": "Value",
}


def write_filled(
    path: Path,
    cells: Mapping[str, Any] | None = None,
    *,
    rows: Sequence[Mapping[str, Any]] = ROWS,
    mapping: Mapping[str, Any] | None = None,
    sheet: str = "Events",
    merged: str = "",
) -> Path:
    """Write a workbook with the template's sheets that count, some cells of Events changed."""
    with xlsxwriter.Workbook(str(path)) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        book.add_worksheet("Instructions").write_string(0, 0, "Credit-to-cash event log")
        events = book.add_worksheet(sheet)
        if merged:
            events.merge_range(merged, "")
        write_grid(events, changed(grid_of(rows), cells or {}), day, moment)
        page = book.add_worksheet("Mapping")
        write_grid(page, changed({}, MAPPING_HEADINGS | dict(mapping or {})), day, moment)
    return path
