"""The sheets of the template that explain: Instructions, Attributes, Activities and Mapping."""

from __future__ import annotations

from typing import Any

from eventlog.mapping import Mapping
from eventlog.numbers import CURRENCIES
from eventlog.template import ACTIVITIES, ATTRIBUTES, STATUSES, Need
from eventlog.workbook.names import (
    ACTIVITIES_SHEET,
    DATE_ORDER,
    DATE_ORDERS,
    DECIMAL_MARK,
    DECIMAL_MARKS,
    EVENTS,
    EXAMPLE,
    MAPPING,
    SETTING,
    TEMPLATE_ACTIVITY,
    TEMPLATE_COLUMN,
    TIME_ZONE,
    VALUE,
    YOUR_ACTIVITY,
    YOUR_COLUMN,
)
from eventlog.workbook.style import FORMS, Styles, safe

_STEPS = (
    f"Look at the {EXAMPLE} sheet: three invoices, from posting to payment or write-off.",
    f"Fill in the {EVENTS} sheet, one row for each thing that happened to an invoice: posted, "
    "reminded, disputed, promised, paid, written off. The order of the rows does not matter.",
    f"If your columns or activities have other names, keep them and write them into the {MAPPING} "
    "sheet.",
    "Save the workbook and check it:  duecast check FILE.xlsx  names every mistake by its cell and "
    "says how to mend it. Add  --marked OUT.xlsx  for a copy with those cells in colour.",
    "When the check is clean:  duecast train FILE.xlsx  and  duecast score FILE.xlsx.",
)
_RULES = (
    (
        "Dates",
        "Real Excel dates, or text like 2024-03-15 or 2024-03-15 09:30. A date without a time "
        "stands for the whole day. Times are UTC unless the Mapping sheet names a time zone.",
    ),
    (
        "Money",
        "Plain numbers, always positive: the activity says whether money came in, went back or "
        "was given up. InvoiceAmount and PaymentDueDate hold from the row on which they stand.",
    ),
    (
        "Currencies",
        "ISO codes (EUR, USD) in CurrencyCode. All amounts of one invoice are in the invoice's "
        "currency.",
    ),
    (
        "Customers",
        "CustomerAccount identifies the customer, CustomerName where there is no account. Write "
        "it on every row.",
    ),
    (
        "Numbers that are names",
        "Invoice numbers and accounts are text, so leading zeros stay: the columns are formatted "
        "that way. When you paste, choose Paste Values.",
    ),
    (
        "What is not known",
        "Leave the cell empty. Empty means not stated, never zero.",
    ),
    (
        "More columns",
        "Add your own to the right; they are kept, and used where that is safe.",
    ),
)
_NEEDS: tuple[tuple[Need, str], ...] = (
    ("required", "Without it nothing can be read. InvoiceNumber may be empty on events of a "
     "customer alone."),
    ("recommended", "Can be left out, and predictions are the poorer for it."),
    ("optional", "Worth having where you have it."),
)  # fmt: skip
_SETTINGS = (
    (TIME_ZONE, "Zone of times that state none, such as Europe/Berlin. Empty: UTC."),
    (DATE_ORDER, "How texts like 01/02/2024 are meant. Empty: found from the values."),
    (DECIMAL_MARK, "Mark of amounts that are text. Empty: found from the values."),
)
#: Rows of the Mapping sheet for your activities.
ACTIVITY_ROWS = 200


def write_instructions(sheet: Any, styles: Styles) -> None:
    """What the workbook is, what to do with it, and the rules."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 3)
    sheet.set_column(1, 1, 24)
    sheet.set_column(2, 2, 96)
    sheet.set_row(0, 34)
    sheet.write_string(0, 1, "Credit-to-cash event log", styles.title)
    sheet.set_row(1, 36)
    sheet.merge_range(
        1,
        1,
        1,
        2,
        "What happened to your invoices, one row an event, for duecast: late-payment and "
        "write-off risk of every open invoice.",
        styles.lead,
    )
    line = 3
    sheet.merge_range(line, 1, line, 2, "What to do", styles.section)
    for number, step in enumerate(_STEPS, 1):
        line += 1
        sheet.set_row(line, 34 if len(step) > 105 else 19)
        sheet.write_string(line, 1, f"Step {number}", styles.wrapped)
        sheet.write_string(line, 2, step, styles.wrapped)
    line += 2
    sheet.merge_range(line, 1, line, 2, f"Colours of the {EVENTS} sheet's headings", styles.section)
    for need, meaning in _NEEDS:
        line += 1
        sheet.set_row(line, 19)
        sheet.write_string(line, 1, need, styles.need[need])
        sheet.write_string(line, 2, meaning, styles.wrapped)
    line += 2
    sheet.merge_range(line, 1, line, 2, "Rules", styles.section)
    for name, rule in _RULES:
        line += 1
        sheet.set_row(line, 34 if len(rule) > 105 else 19)
        sheet.write_string(line, 1, name, styles.wrapped)
        sheet.write_string(line, 2, rule, styles.wrapped)
    line += 2
    sheet.merge_range(
        line,
        1,
        line,
        2,
        "Point at a heading of the Events sheet to see what the column means and where Dynamics "
        "365 Finance keeps it; the Attributes and Activities sheets list all of them.",
        styles.hint,
    )
    sheet.set_row(line, 34)


def write_attributes(sheet: Any, styles: Styles) -> None:
    """Every column of the Events sheet."""
    heads = ("Attribute", "Need", "Write", "Meaning", "Source in Dynamics 365 Finance", "Examples")
    widths = (24, 15, 22, 70, 44, 30)
    _head(sheet, styles, heads, widths)
    for line, attribute in enumerate(ATTRIBUTES, 1):
        texts = (FORMS[attribute.kind], attribute.meaning, attribute.source)
        examples = ", ".join(attribute.examples)
        sheet.set_row(line, _height((*texts, examples), widths[2:]))
        sheet.write_string(line, 0, attribute.name, styles.wrapped)
        sheet.write_string(line, 1, attribute.need, styles.need[attribute.need])
        sheet.write_string(line, 2, FORMS[attribute.kind], styles.wrapped)
        sheet.write_string(line, 3, attribute.meaning, styles.wrapped)
        sheet.write_string(line, 4, attribute.source, styles.wrapped)
        sheet.write_string(line, 5, safe(examples), styles.wrapped)


def write_activities(sheet: Any, styles: Styles) -> None:
    """Every activity, and the words of the other lists."""
    heads = ("Activity", "Meaning", "Source in Dynamics 365 Finance", "", "InvoiceStatus")
    widths = (30, 70, 52, 3, 18, 16)
    _head(sheet, styles, (*heads, "CurrencyCode"), widths)
    longest = max(len(ACTIVITIES), len(STATUSES), len(CURRENCIES))
    for line in range(1, longest + 1):
        if line <= len(ACTIVITIES):
            activity = ACTIVITIES[line - 1]
            sheet.set_row(line, _height((activity.meaning, activity.source), widths[1:3]))
            sheet.write_string(line, 0, activity.name, styles.wrapped)
            sheet.write_string(line, 1, activity.meaning, styles.wrapped)
            sheet.write_string(line, 2, activity.source, styles.wrapped)
        if line <= len(STATUSES):
            sheet.write_string(line, 4, STATUSES[line - 1], styles.wrapped)
        sheet.write_string(line, 5, CURRENCIES[line - 1], styles.wrapped)


def _head(sheet: Any, styles: Styles, headings: tuple[str, ...], widths: tuple[int, ...]) -> None:
    sheet.hide_gridlines(2)
    sheet.freeze_panes(1, 1)
    sheet.set_row(0, 24)
    for place, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        sheet.set_column(place, place, width)
        if heading:
            sheet.write_string(0, place, heading, styles.table_heading)


def _height(texts: tuple[str, ...], widths: tuple[int, ...]) -> float:
    """Height of a row in which the longest text has room, in points."""
    lines = max(-(-len(text) // width) for text, width in zip(texts, widths, strict=True))
    return 15.0 * lines + 5


def activity_list() -> str:
    """Where the names of the activities stand, for a drop-down list."""
    return f"={ACTIVITIES_SHEET}!$A$2:$A${len(ACTIVITIES) + 1}"


def status_list() -> str:
    """Where the words of InvoiceStatus stand."""
    return f"={ACTIVITIES_SHEET}!$E$2:$E${len(STATUSES) + 1}"


def currency_list() -> str:
    """Where the ISO codes stand."""
    return f"={ACTIVITIES_SHEET}!$F$2:$F${len(CURRENCIES) + 1}"


def write_mapping(sheet: Any, styles: Styles, mapping: Mapping) -> None:
    """Where your names are written beside the template's; those known already are filled in."""
    sheet.hide_gridlines(2)
    for place, width in enumerate((24, 28, 3, 34, 30, 3, 22, 20, 62)):
        sheet.set_column(place, place, width)
    sheet.set_row(0, 34)
    sheet.write_string(0, 0, "Your names for the template's", styles.title)
    sheet.set_row(1, 36)
    sheet.merge_range(
        1,
        0,
        1,
        8,
        "Only where they differ. Left: the heading of your column beside the template's name. "
        "Middle: your name of an activity and the template's. Right: how dates and amounts are "
        "written. Yellow cells are yours to fill; what stays empty changes nothing.",
        styles.lead,
    )
    heads = {0: TEMPLATE_COLUMN, 1: YOUR_COLUMN, 3: YOUR_ACTIVITY, 4: TEMPLATE_ACTIVITY}
    for place, heading in (heads | {6: SETTING, 7: VALUE, 8: "What it does"}).items():
        sheet.write_string(3, place, heading, styles.table_heading)
    sheet.freeze_panes(4, 0)
    pairs = list(mapping.activities.items())
    for row in range(max(ACTIVITY_ROWS, len(pairs))):
        line = row + 4
        if row < len(ATTRIBUTES):
            name = ATTRIBUTES[row].name
            sheet.write_string(line, 0, name, styles.need[ATTRIBUTES[row].need])
            _enter(sheet, line, 1, mapping.columns.get(name, ""), styles)
        yours, target = pairs[row] if row < len(pairs) else ("", "")
        _enter(sheet, line, 3, yours, styles)
        _enter(sheet, line, 4, target, styles)
        if row < len(_SETTINGS):
            setting, meaning = _SETTINGS[row]
            sheet.write_string(line, 6, setting, styles.wrapped)
            _enter(sheet, line, 7, _value_of(setting, mapping), styles)
            sheet.write_string(line, 8, meaning, styles.wrapped)
    last = max(ACTIVITY_ROWS, len(pairs)) + 3
    sheet.data_validation(4, 4, last, 4, {"validate": "list", "source": activity_list()})
    sheet.data_validation(5, 7, 5, 7, {"validate": "list", "source": list(DATE_ORDERS)})
    sheet.data_validation(6, 7, 6, 7, {"validate": "list", "source": list(DECIMAL_MARKS)})


def _value_of(setting: str, mapping: Mapping) -> str:
    """A setting of a mapping in the words of the sheet; "" where it says nothing."""
    if setting == TIME_ZONE:
        return mapping.timezone or ""
    words: dict[str, object] = {**(DATE_ORDERS if setting == DATE_ORDER else DECIMAL_MARKS)}
    stated = mapping.day_first if setting == DATE_ORDER else mapping.decimal
    return next((word for word, value in words.items() if value == stated), "")


def _enter(sheet: Any, line: int, place: int, text: str, styles: Styles) -> None:
    if text:
        sheet.write_string(line, place, safe(text), styles.entry)
    else:
        sheet.write_blank(line, place, None, styles.entry)
