"""The Excel template: a workbook to fill in with events, that explains and checks itself.

`eventlog.workbook.sheets` reads it back. Everything in it comes from `eventlog.template`, so its
columns, lists and explanations are those of the reader.
"""

from __future__ import annotations

import os
from collections.abc import Mapping as AnyMapping
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from eventlog.errors import DataError
from eventlog.log import EventLog
from eventlog.mapping import Mapping
from eventlog.template import ATTRIBUTE_NAMED, Attribute
from eventlog.workbook.example import example_rows
from eventlog.workbook.guides import (
    activity_list,
    currency_list,
    status_list,
    write_activities,
    write_attributes,
    write_instructions,
    write_mapping,
)
from eventlog.workbook.names import (
    ACTIVITIES_SHEET,
    ATTRIBUTES_SHEET,
    EVENTS,
    EXAMPLE,
    INSTRUCTIONS,
    MAPPING,
)
from eventlog.workbook.rows import MOST_ROWS, Cells, cells_of_log, cells_of_rows, write_rows
from eventlog.workbook.style import FORMS, WIDTHS, Styles, styles_of

#: Rows above which a workbook is written row by row, to keep memory small.
_MANY = 5_000
#: Rows in which cells turn red while they are filled in.
_WATCHED = 10_000
_ALARM = {"bg_color": "#F8CBAD"}
_TABS = {INSTRUCTIONS: "#6B7280", EVENTS: "#1F3864", EXAMPLE: "#2F75B5", MAPPING: "#BF9000"}


def write_template(path: str | Path, log: EventLog | None = None) -> Path:
    """Write the template workbook, empty or filled with the events of a log.

    Parameters
    ----------
    path : str or Path
        Ends in .xlsx; replaced only once the new workbook is complete.
    log : EventLog, optional
        Its events go into the Events sheet, additional columns to the right, and read back as the
        same log. Texts that a spreadsheet would run get an apostrophe, which reading takes off.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the name ends otherwise, the log is larger than a sheet, or the file cannot be written.
    """
    return write_workbook(path, cells_of_rows([]) if log is None else cells_of_log(log), Mapping())


def write_workbook(
    path: str | Path,
    events: Cells,
    mapping: Mapping,
    remarks: AnyMapping[tuple[int, int], tuple[str, str]] | None = None,
) -> Path:
    """Write a template workbook around the cells of an Events sheet.

    Parameters
    ----------
    path : str or Path
    events : Cells
    mapping : Mapping
        Filled into the Mapping sheet.
    remarks : mapping, optional
        By row and column of the Events sheet, from 0: severity and text of a finding, shown as
        the cell's colour and comment.

    Raises
    ------
    DataError
        As `write_template`.
    """
    path = Path(path)
    if path.suffix.lower() != ".xlsx":
        raise DataError(f"{path.name} is no Excel workbook. Name it something.xlsx.")
    rows = len(events.columns[0]) if events.columns else 0
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        book = xlsxwriter.Workbook(str(part), {"constant_memory": rows > _MANY})
        book.set_properties({"title": "Credit-to-cash event log", "comments": "duecast template"})
        styles = styles_of(book)
        sheets = {name: book.add_worksheet(name) for name in (
            INSTRUCTIONS, EVENTS, ATTRIBUTES_SHEET, ACTIVITIES_SHEET, EXAMPLE, MAPPING
        )}  # fmt: skip
        for name, sheet in sheets.items():
            sheet.set_landscape()
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 0)
            if name in _TABS:
                sheet.set_tab_color(_TABS[name])
        write_instructions(sheets[INSTRUCTIONS], styles)
        _write_events(sheets[EVENTS], events, styles, remarks or {}, book)
        write_attributes(sheets[ATTRIBUTES_SHEET], styles)
        write_activities(sheets[ACTIVITIES_SHEET], styles)
        example = cells_of_rows(example_rows())
        _write_events(sheets[EXAMPLE], example, styles, {}, book)
        for place, column in enumerate(example.columns):
            if not any(value is not None for value in column):
                sheets[EXAMPLE].set_column(place, place, None, None, {"hidden": True})
        write_mapping(sheets[MAPPING], styles, mapping)
        sheets[EVENTS if rows else INSTRUCTIONS].activate()
        book.close()
        part.replace(path)
    except (OSError, xlsxwriter.exceptions.XlsxWriterException) as error:
        raise DataError(f"{path} cannot be written: {error}. Check the folder.") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _write_events(
    sheet: Any,
    cells: Cells,
    styles: Styles,
    remarks: AnyMapping[tuple[int, int], tuple[str, str]],
    book: Any,
) -> None:
    """A sheet of events: headings, formats, lists, checks, rows."""
    last_column = len(cells.names) - 1
    sheet.set_row(0, 32)
    sheet.freeze_panes(1, 3)
    sheet.repeat_rows(0)
    sheet.set_comments_author("duecast")
    for place, (name, kind) in enumerate(zip(cells.names, cells.kinds, strict=True)):
        attribute = ATTRIBUTE_NAMED.get(name)
        width = 26 if name in ("ActivityName", "CustomerName") else WIDTHS[kind]
        sheet.set_column(place, place, max(width, len(name) + 4), styles.by_kind[kind])
        need = attribute.need if attribute else "optional"
        sheet.write_string(0, place, name, styles.heading[need])
        if attribute:
            _explain(sheet, place, attribute)
            for check in _checks(attribute):
                sheet.data_validation(1, place, MOST_ROWS, place, check)
    rows = write_rows(sheet, cells, styles, {place: told[0] for place, told in remarks.items()})
    for (line, place), (_, text) in remarks.items():
        sheet.write_comment(line, place, text, {"x_scale": 2.2, "y_scale": 1.2})
    sheet.autofilter(0, 0, max(rows, 1), last_column)
    _watch(sheet, cells, book)


def _explain(sheet: Any, place: int, attribute: Attribute) -> None:
    """The comment of a heading."""
    text = (
        f"{attribute.name} ({attribute.need})\n{attribute.meaning}\n"
        f"Write: {FORMS[attribute.kind]}\nExamples: {', '.join(attribute.examples)}\n"
        f"Dynamics 365: {attribute.source}"
    )
    lines = 2 + sum(-(-len(part) // 52) for part in text.split("\n"))
    size = {"width": 330, "height": 16 * lines}
    sheet.write_comment(0, place, text, {**size, "font_size": 9, "color": "#F3F4F6"})


def _checks(attribute: Attribute) -> list[dict[str, Any]]:
    """What Excel checks while a column is filled in; a warning, never a prohibition."""
    lists = {
        "ActivityName": activity_list(),
        "InvoiceStatus": status_list(),
        "CurrencyCode": currency_list(),
        "IsDisputed": ["true", "false"],
    }
    told: dict[str, Any] = {"error_type": "warning", "error_title": attribute.name}
    if attribute.name in lists:
        source = lists[attribute.name]
        message = "This is not in the list. Keep it all the same?"
        return [{"validate": "list", "source": source, "error_message": message, **told}]
    if attribute.kind in ("date", "time"):
        limits = {"minimum": date(1990, 1, 1), "maximum": date(2100, 12, 31)}
        message = "This is no date from 1990 to 2100. Write it like 2024-03-15."
        return [
            {"validate": "date", "criteria": "between", **limits, "error_message": message, **told}
        ]
    if attribute.kind == "money":
        least = 0 if attribute.name == "PaymentAmount" else -(10**13)
        message = "This is no plain number (and payments are positive). Write it like 1500.75."
        between = {"criteria": "between", "minimum": least, "maximum": 10**13}
        return [{"validate": "decimal", **between, "error_message": message, **told}]
    return []


def _watch(sheet: Any, cells: Cells, book: Any) -> None:
    """Cells that turn red while they are filled in: required ones left empty, text for amounts."""
    alarm = book.add_format(_ALARM)
    last = xl_col_to_name(len(cells.names) - 1)
    for place, name in enumerate(cells.names):
        attribute = ATTRIBUTE_NAMED.get(name)
        letter = xl_col_to_name(place)
        if name in ("ActivityName", "EventTime"):
            rule = f"=AND(ISBLANK({letter}2),COUNTA($A2:${last}2)>0)"
        elif attribute and attribute.kind == "money":
            rule = f"=ISTEXT({letter}2)"
        else:
            continue
        shown = {"type": "formula", "criteria": rule, "format": alarm}
        sheet.conditional_format(1, place, _WATCHED, place, shown)
