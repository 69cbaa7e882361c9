"""The Mapping sheet of a workbook: your names for the template's, written beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from python_calamine import CalamineWorkbook

from eventlog.cells import unguarded
from eventlog.errors import RefusedError, SettingsError
from eventlog.mapping import Mapping, checked_zone, folded
from eventlog.template import ACTIVITY_NAMED, ATTRIBUTE_NAMED
from eventlog.workbook.names import (
    DATE_ORDER,
    DATE_ORDERS,
    DECIMAL_MARK,
    DECIMAL_MARKS,
    MAPPING,
    SETTING,
    TEMPLATE_ACTIVITY,
    TEMPLATE_COLUMN,
    TIME_ZONE,
    VALUE,
    YOUR_ACTIVITY,
    YOUR_COLUMN,
    is_template,
)
from eventlog.workbook.sheet_cells import formula_errors
from eventlog.workbook.sheet_place import SheetPlace

_HEADINGS = (TEMPLATE_COLUMN, YOUR_COLUMN, YOUR_ACTIVITY, TEMPLATE_ACTIVITY, SETTING, VALUE)
_TITLE_ROWS = 20

#: A name, the one beside it, and the cells of both.
_Pair = tuple[str, str, str, str]


def mapping_of(book: CalamineWorkbook, path: Path) -> Mapping | None:
    """What the Mapping sheet of a workbook says; None where there is no such sheet.

    Parameters
    ----------
    book : CalamineWorkbook
    path : Path
        Of the workbook.

    Raises
    ------
    RefusedError
        If it names an attribute, an activity or a setting that does not exist, says two different
        things about one name, or a template's sheet has lost its headings.
    """
    name = next((n for n in book.sheet_names if folded(n) == folded(MAPPING)), None)
    if name is None:
        return None
    formula_errors(path, name)  # refuses a sheet that would not fit into memory
    cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    rows = [[_text(cell) for cell in row] for row in cells]
    header = next((i for i, row in enumerate(rows[:_TITLE_ROWS]) if YOUR_COLUMN in row), None)
    where = SheetPlace(name, (header or 0) + 1, tuple(range(max(map(len, rows), default=1))))
    if header is None or not set(_HEADINGS) <= set(rows[header]):
        if is_template(book.sheet_names) and any(any(row) for row in rows):
            raise RefusedError(
                f"Sheet '{name}' of {path.name} has lost its headings {list(_HEADINGS)}. "
                "Copy the sheet from a new template, or delete it.",
                "mapping_headings",
                cell=where.at("A1"),
            )
        return None
    place = {heading: rows[header].index(heading) for heading in _HEADINGS}

    def pairs(left: str, right: str) -> Iterator[_Pair]:
        for line, row in enumerate(rows[header + 1 :], header + 2):
            one, other = row[place[left]], row[place[right]]
            yield one, other, where.cell(line, place[left]), where.cell(line, place[right])

    columns, stated = _columns(pairs(TEMPLATE_COLUMN, YOUR_COLUMN))
    activities = _activities(pairs(YOUR_ACTIVITY, TEMPLATE_ACTIVITY))
    zone, day_first, decimal = _settings(pairs(SETTING, VALUE))
    return Mapping(
        columns=columns,
        activities=activities,
        timezone=zone,
        day_first=day_first,
        decimal=decimal,
        cells=stated,
    )


def _text(cell: object) -> str:
    """A cell as a name: whole numbers without decimals."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return unguarded(str(cell).strip())


def _columns(pairs: Iterator[_Pair]) -> tuple[dict[str, str], dict[str, str]]:
    """Columns by attribute, and the cells that say so."""
    columns: dict[str, str] = {}
    cells: dict[str, str] = {}
    for attribute, yours, left, right in pairs:
        if not yours:
            continue
        if attribute not in ATTRIBUTE_NAMED:
            raise RefusedError(
                f"'{attribute}' is no column of the template{_alike(attribute, ATTRIBUTE_NAMED)}. "
                "Write a name of the Attributes sheet.",
                "mapping_attribute",
                cell=left,
            )
        if columns.get(attribute, yours) != yours:
            raise RefusedError(
                f"'{attribute}' is taken from '{yours}' here and from '{columns[attribute]}' in "
                f"{cells[attribute]}. Empty one of the two.",
                "mapping_attribute_twice",
                cell=right,
            )
        columns[attribute], cells[attribute] = yours, right
    return columns, cells


def _activities(pairs: Iterator[_Pair]) -> dict[str, str]:
    activities: dict[str, str] = {}
    cells: dict[str, str] = {}
    for yours, target, left, right in pairs:
        if not yours and not target:
            continue
        if target not in ACTIVITY_NAMED or not yours:
            told = f"'{target}' is no activity of the template{_alike(target, ACTIVITY_NAMED)}"
            if not target or not yours:
                told = f"'{yours or target}' stands alone"
            raise RefusedError(
                f"{told}. Write your name on the left and pick the template's on the right.",
                "mapping_activity",
                cell=right if yours else left,
            )
        if activities.get(yours, target) != target:
            raise RefusedError(
                f"'{yours}' means '{target}' here and '{activities[yours]}' in {cells[yours]}. "
                "Empty one of the two.",
                "mapping_activity_twice",
                cell=left,
            )
        activities[yours], cells[yours] = target, left
    return activities


def _settings(pairs: Iterator[_Pair]) -> tuple[str | None, bool | None, str | None]:
    """Time zone, whether the day comes first, and the decimal mark."""
    zone: str | None = None
    day_first: bool | None = None
    decimal: str | None = None
    for setting, value, left, right in pairs:
        if not value:
            continue
        if setting == TIME_ZONE:
            try:
                zone = checked_zone(value)
            except SettingsError as error:
                raise RefusedError(str(error), "mapping_setting", cell=right) from error
        elif setting == DATE_ORDER and value.casefold() in DATE_ORDERS:
            day_first = DATE_ORDERS[value.casefold()]
        elif setting == DECIMAL_MARK and value.casefold() in DECIMAL_MARKS:
            decimal = DECIMAL_MARKS[value.casefold()]
        else:
            known = {DATE_ORDER: list(DATE_ORDERS), DECIMAL_MARK: list(DECIMAL_MARKS)}.get(setting)
            raise RefusedError(
                f"'{value}' is no value of {setting}. Write one of {known}."
                if known
                else f"'{setting}' is no setting. Known are "
                f"{[TIME_ZONE, DATE_ORDER, DECIMAL_MARK]}; mend or empty it.",
                "mapping_setting",
                cell=right if known else left,
            )
    return zone, day_first, decimal


def _alike(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f" (did you mean '{close[0]}'?)" if close else ""
