"""What is used as it stands in a log but is probably a mistake: warnings, cell by cell.

How cells are written is looked at in workbooks only; what rows say about each other everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np

from eventlog.columns import Parsed
from eventlog.dates import Mask
from eventlog.findings import Findings, header_cells
from eventlog.inspect_cases import look_at_cases
from eventlog.inspect_cells import look_at_forms, look_at_words
from eventlog.known import Ints
from eventlog.log import Column
from eventlog.mapping import folded, like_attribute
from eventlog.mistakes import MISTAKE_NAMED
from eventlog.raw import Raw
from eventlog.rules import Activities
from eventlog.template import ACTIVITY_NAMED, ATTRIBUTE_NAMED
from eventlog.workbook.sheet_place import unnamed_column

#: Unknown activities that are compared with the template's.
_COMPARED = 500
_ALIKE = 0.8


def look_over(
    findings: Findings,
    raw: Raw,
    places: Mapping[str, int],
    parsed: Mapping[str, Parsed],
    activities: Activities,
    customers: Column,
    keep: Mask,
    today: int | None,
) -> None:
    """Collect warnings about a source.

    Parameters
    ----------
    findings : Findings
        Filled here.
    raw, places, parsed
        The source, where each attribute stands in it, and what its cells say.
    activities, customers
        Of all rows.
    keep : ndarray of bool, shape (n_rows,)
        Rows that are used; the others have errors of their own.
    today : int or None
        Microseconds; None looks for nothing in the future.
    """
    _look_at_headings(findings, raw, places)
    _look_at_activities(findings, activities, keep)
    if raw.sheet is not None:
        _look_at_sheet(findings, raw)
        look_at_forms(findings, raw, places, parsed, keep)
    look_at_words(findings, raw, places, parsed, activities, keep)
    look_at_cases(findings, parsed, activities, customers, keep, today)


def look_for_repeats(findings: Findings, raw: Raw, rows: Ints) -> None:
    """Collect rows that repeat an earlier one; `rows` are numbers of data rows."""
    places = np.sort(np.searchsorted(raw.row, rows))
    findings.add("row_repeated", places, "InvoiceNumber", "The row repeats an earlier one")


def _look_at_headings(findings: Findings, raw: Raw, places: Mapping[str, int]) -> None:
    cells = header_cells(raw) or [f"column '{name}'" for name in raw.names]
    line = raw.sheet.header if raw.sheet else 1
    lacking = [name for name in ATTRIBUTE_NAMED if name not in places]
    for place, name in enumerate(raw.names):
        if place in places.values():
            continue
        if raw.sheet and name == unnamed_column(raw.sheet.columns[place]):
            told = f"The column has values but no heading; it is kept as '{name}'"
            findings.add_cells("header_missing", [cells[place]], [line], told, name)
        elif like := like_attribute(name, lacking):
            told = f"The heading '{name}' looks like {like}, which the sheet lacks"
            findings.add_cells("header_misspelt", [cells[place]], [line], told, name)


def _look_at_activities(findings: Findings, activities: Activities, keep: Mask) -> None:
    codes = activities.column.values
    template = {folded(name): name for name in ACTIVITY_NAMED}
    unknown = [
        place for place, name in enumerate(activities.column.levels) if name not in ACTIVITY_NAMED
    ]
    for place in unknown if len(unknown) <= _COMPARED else ():
        name = activities.column.levels[place]
        rows = np.flatnonzero((codes == place) & keep)
        close = get_close_matches(folded(name), list(template), n=1, cutoff=_ALIKE)
        if not len(rows):
            continue
        if close:
            meant = template[close[0]]
            told = f"ActivityName '{name}' is not in the template; did you mean '{meant}'?"
            remedy = f"Write '{meant}', or pick it from the list."
            findings.add("activity_misspelt", rows, "ActivityName", told, remedy)
        else:
            told = f"ActivityName '{name}' is not in the template ({len(rows):,} rows)"
            findings.add("activity_unknown", rows[:1], "ActivityName", told)
    if len(unknown) > _COMPARED:
        rows = np.flatnonzero(np.isin(codes, unknown) & keep)
        told = f"{len(unknown):,} different activities are not in the template ({len(rows):,} rows)"
        findings.add("activity_unknown", rows[:1], "ActivityName", told)
    calculated = np.flatnonzero(activities.calculated)
    told = f"{len(calculated):,} rows say what is calculated from due dates; they are left out"
    findings.add("activity_calculated", calculated[:1], "ActivityName", told)


def _look_at_sheet(findings: Findings, raw: Raw) -> None:
    """Merged cells and runs of blank rows."""
    where = raw.sheet
    if where is None:
        return
    breaks = np.flatnonzero(np.diff(where.blank) > 1)
    firsts = where.blank[np.append(0, breaks + 1)] if len(where.blank) else where.blank
    lasts = where.blank[np.append(breaks, -1)] if len(where.blank) else where.blank
    cells = [
        where.at(f"A{first}" if first == last else f"A{first}:A{last}")
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
    told = MISTAKE_NAMED["row_blank"].meaning
    findings.add_cells("row_blank", cells, firsts.tolist(), told)
    merged = [where.at(reference) for reference in where.merged]
    lines = [where.header + 1] * len(merged)
    findings.add_cells("cells_merged", merged, lines, MISTAKE_NAMED["cells_merged"].meaning)
