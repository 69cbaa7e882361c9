"""What the sheets of the template workbook are called."""

from __future__ import annotations

from collections.abc import Iterable

from eventlog.mapping import folded

INSTRUCTIONS = "Instructions"
EVENTS = "Events"
ATTRIBUTES_SHEET = "Attributes"
ACTIVITIES_SHEET = "Activities"
EXAMPLE = "Example"
MAPPING = "Mapping"

#: Sheets of a template that hold no events of the person who fills it in; folded.
NOT_EVENTS = frozenset(
    folded(name) for name in (INSTRUCTIONS, ATTRIBUTES_SHEET, ACTIVITIES_SHEET, EXAMPLE, MAPPING)
)

#: Headings of the Mapping sheet: yours beside the template's, for columns, activities, settings.
TEMPLATE_COLUMN, YOUR_COLUMN = "Template column", "Your column"
YOUR_ACTIVITY, TEMPLATE_ACTIVITY = "Your activity", "Template activity"
SETTING, VALUE = "Setting", "Value"
#: Settings of the Mapping sheet.
TIME_ZONE, DATE_ORDER, DECIMAL_MARK = "Time zone", "Day or month first", "Decimal mark"
DATE_ORDERS = {"day first": True, "month first": False}
DECIMAL_MARKS = {"point": ".", "comma": ","}


def is_template(names: Iterable[str]) -> bool:
    """Whether a workbook with sheets of these names was made by `duecast template`."""
    return {folded(INSTRUCTIONS), folded(MAPPING)} <= {folded(name) for name in names}
