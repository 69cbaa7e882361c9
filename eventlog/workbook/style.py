"""How the template workbook looks: colours, number formats, and how a cell is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from xlsxwriter import Workbook

from eventlog.cells import guard
from eventlog.template import Kind, Need

FONT = "Calibri"
NAVY, BLUE, PALE, INK, GREY = "#1F3864", "#2F75B5", "#DDEBF7", "#1F2937", "#6B7280"
#: Background and letters of a heading, by how much its column is needed.
HEADING_COLOURS: dict[Need, tuple[str, str]] = {
    "required": (NAVY, "#FFFFFF"),
    "recommended": (BLUE, "#FFFFFF"),
    "optional": (PALE, INK),
}
#: Background of a cell with a finding.
FINDING_COLOURS = {"error": "#F8CBAD", "warning": "#FFE699"}
#: Number formats of columns; texts as text, so that leading zeros stay.
NUMBER_FORMATS: dict[Kind, str] = {
    "text": "@",
    "level": "General",
    "flag": "General",
    "number": "General",
    "money": "#,##0.00",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm",
}
#: What a person writes into a column of each kind.
FORMS: dict[Kind, str] = {
    "text": "text",
    "level": "whole number, or text with one",
    "flag": "true or false",
    "number": "number",
    "money": "amount",
    "date": "date",
    "time": "date, or date and time",
}
WIDTHS: dict[Kind, int] = {
    "text": 19,
    "level": 14,
    "flag": 12,
    "number": 15,
    "money": 15,
    "date": 16,
    "time": 18,
}


@dataclass(frozen=True)
class Styles:
    """The formats of a workbook, made once."""

    title: Any
    lead: Any
    section: Any
    text: Any
    wrapped: Any
    code: Any
    hint: Any
    entry: Any
    heading: dict[Need, Any]
    need: dict[Need, Any]
    table_heading: Any
    by_kind: dict[Kind, Any]
    found: dict[str, dict[Kind, Any]]


def styles_of(book: Workbook) -> Styles:
    """Formats for a new workbook."""

    def style(**properties: Any) -> Any:
        return book.add_format(
            {"font_name": FONT, "font_size": 11, "font_color": INK, "valign": "vcenter"}
            | properties
        )

    top: dict[str, Any] = {"text_wrap": True, "valign": "top"}
    line: dict[str, Any] = {"bottom": 1, "bottom_color": "#E5E7EB"}
    headings = {
        need: {"bold": True, "bg_color": back, "font_color": letters, "border": 1}
        | {"border_color": "#FFFFFF"}
        for need, (back, letters) in HEADING_COLOURS.items()
    }
    return Styles(
        title=style(font_size=20, bold=True, font_color=NAVY),
        lead=style(font_size=12, font_color=GREY, **top),
        section=style(font_size=13, bold=True, font_color=NAVY, bottom=2, bottom_color=BLUE),
        text=style(),
        wrapped=style(**top, **line, indent=1),
        code=style(font_name="Consolas", bg_color="#F3F4F6", **top),
        hint=style(font_color=GREY, italic=True, **top),
        entry=style(bg_color="#FFFDE7", border=1, border_color="#D1D5DB", num_format="@"),
        heading={n: style(**p, text_wrap=True) for n, p in headings.items()},
        need={n: style(**p, align="center") for n, p in headings.items()},
        table_heading=style(bold=True, bg_color=NAVY, font_color="#FFFFFF", text_wrap=True),
        by_kind={kind: style(**_form(kind)) for kind in NUMBER_FORMATS},
        found={
            severity: {kind: style(**_form(kind), bg_color=colour) for kind in NUMBER_FORMATS}
            for severity, colour in FINDING_COLOURS.items()
        },
    )


def _form(kind: Kind) -> dict[str, Any]:
    centred = {"align": "center"} if kind in ("date", "time", "level", "flag") else {}
    return {"num_format": NUMBER_FORMATS[kind], **centred}


def safe(text: str) -> str:
    """A text that no spreadsheet runs as a formula; reading takes the apostrophe off again."""
    return str(guard(pa.array([text], pa.large_string()))[0].as_py())
