"""Reading event logs: CSV, Parquet, Excel, a database query or a data frame to an `EventLog`.

Every cell is either understood or its row is set aside with the reason; nothing is emptied or
dropped in silence, and the money read is the money kept plus the money set aside. How names are
matched stands in `eventlog.mapping`, how cells are parsed in `eventlog.dates`, `eventlog.numbers`
and `eventlog.cells`. LastDataUpdate says where the log ends and becomes `EventLog.ends_at`; it is
no column of the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from eventlog.cells import compact, level_column, texts_of, without_unused
from eventlog.columns import Form, Parsed, additional_column
from eventlog.dates import Mask
from eventlog.errors import RefusedError
from eventlog.findings import Findings, header_cells, placed
from eventlog.inspection import look_for_repeats, look_over
from eventlog.known import Ints
from eventlog.log import DAY, NONE, Column, EventLog, build_log
from eventlog.mapping import Mapping, combined, match_columns, read_mapping
from eventlog.notes import notes_on_keys, notes_on_levels, notes_on_rows
from eventlog.order import picked, side_by_side
from eventlog.parsing import parse_columns
from eventlog.quarantine import Faults, quarantine_of
from eventlog.raw import Raw
from eventlog.rules import (
    Activities,
    activities_of,
    add_faults,
    add_missing_invoices,
    customers_of,
    settle_signs,
)
from eventlog.sources import open_source
from eventlog.summary import (
    TOTALLED,
    ReadSummary,
    activity_counts,
    missing_recommended,
    repeated,
    shown_moment,
    totals_of,
    unnamed_customers,
)
from eventlog.tables import of_arrow, of_frame
from eventlog.template import ATTRIBUTE_NAMED, DUE_DATE_PASSED

__all__ = [
    "Mapping",
    "ReadSummary",
    "log_from_frame",
    "log_of_arrow",
    "read_log",
    "read_mapping",
]

#: Attributes that are no columns of the log: they become its keys, times and end.
CONSUMED = (
    "InvoiceNumber",
    "ActivityName",
    "EventTime",
    "RecordedTime",
    "CompanyCode",
    "CustomerAccount",
    "LastDataUpdate",
)
Progress = Callable[[str, float], None]


def read_log(
    source: str | Path,
    *,
    mapping: Mapping | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    day_first: bool | None = None,
    sheet: str | None = None,
    query: str | None = None,
    inspect: bool = False,
    today: int | None = None,
    progress: Progress | None = None,
) -> tuple[EventLog, ReadSummary]:
    """Read an event log.

    Parameters
    ----------
    source : str or Path
        A file (.csv, .tsv, .txt, each also .gz; .parquet; .xlsx), a folder of Parquet files, or a
        database URL such as ``postgresql://user@host/database``.
    mapping : Mapping, optional
        Your names, from `eventlog.mapping.read_mapping`. Its format holds where an argument here
        is None.
    delimiter, decimal, encoding : str, optional
        Of a CSV file; found from its contents by default.
    day_first : bool, optional
        Whether 01/02/2024 is the first of February. Decided column by column by default: a part
        above 12 is the day.
    sheet : str, optional
        Of an Excel workbook.
    query : str, optional
        What to read from a database.
    inspect : bool
        Also look for what is used as it stands but is probably a mistake; see
        `eventlog.inspection`.
    today : int, optional
        Microseconds; what lies after it is in the future. Only looked at with `inspect`.
    progress : callable, optional
        Called with a stage's name and the share done, 0 to 1.

    Returns
    -------
    log : EventLog
        Its `row` numbers the data rows of the source from 0.
    summary : ReadSummary
        Line numbers are those of `eventlog.raw.Raw.lines`: in a CSV file or a sheet the header
        usually stands on line 1 and the first data row on line 2; Parquet, database and frame
        rows are numbered from 1.

    Raises
    ------
    NotFoundError
        If the file does not exist.
    DataError
        If the source is empty, damaged or not what its name says, lacks a required column or a
        mapped one, has two columns for one attribute, day and month or decimal and thousands
        marks cannot be told apart, or no row can be used.
    SettingsError
        If an option does not apply to the source, or is none.
    """
    mapping = mapping or Mapping()
    _tell(progress, "reading", 0.0)
    raw = open_source(
        source, mapping, delimiter=delimiter, encoding=encoding, sheet=sheet, query=query
    )
    return _log_of(
        raw,
        combined(mapping, raw.mapping),
        decimal=decimal,
        day_first=day_first,
        inspect=inspect,
        today=today,
        progress=progress,
    )


def log_from_frame(
    frame: pd.DataFrame, *, mapping: Mapping | None = None, day_first: bool | None = None
) -> tuple[EventLog, ReadSummary]:
    """Make a log of a data frame, by the same rules as `read_log`.

    Parameters
    ----------
    frame : DataFrame of shape (n_events, n_columns)
        Columns typed or text; the index is left out. Line 1 of the summary is the first row.
    mapping, day_first
        As in `read_log`.

    Raises
    ------
    DataError
        As `read_log`.
    """
    return _log_of(of_frame(frame), mapping or Mapping(), day_first=day_first)


def log_of_arrow(table: pa.Table, name: str) -> EventLog:
    """The log of an Arrow table in the template's names, such as `eventlog.writer` writes.

    Raises
    ------
    DataError
        As `read_log`.
    """
    return _log_of(of_arrow(table, name), Mapping())[0]


def _tell(progress: Progress | None, stage: str, done: float) -> None:
    if progress is not None:
        progress(stage, done)


def _log_of(
    raw: Raw,
    mapping: Mapping,
    *,
    decimal: str | None = None,
    day_first: bool | None = None,
    inspect: bool = False,
    today: int | None = None,
    progress: Progress | None = None,
) -> tuple[EventLog, ReadSummary]:
    if not len(raw):
        raise _nothing_left(raw, raw.unsplit["reason"].iloc[0], raw.unsplit["row"].to_numpy())
    places = match_columns(raw.names, mapping, raw.name, header_cells(raw))
    findings = Findings(raw, places)
    _tell(progress, "parsing", 0.3)
    try:
        parsed, form, notes = parse_columns(
            raw, places, mapping, decimal=decimal, day_first=day_first
        )
    except RefusedError as error:
        raise placed(error, raw, places) from error

    _tell(progress, "checking", 0.6)
    activities = activities_of(parsed["ActivityName"].column, mapping)
    customers, fallen_back = customers_of(parsed, len(raw))
    faults = Faults(len(raw))
    add_faults(faults, raw, places, parsed)
    add_missing_invoices(faults, parsed["InvoiceNumber"].column, activities, customers.stated())
    turned = 0
    if "PaymentAmount" in parsed:
        parsed["PaymentAmount"], turned = settle_signs(
            faults, raw, places["PaymentAmount"], parsed["PaymentAmount"], activities
        )
    calculated = activities.calculated
    aside = faults.mask & ~calculated
    keep = ~aside & ~calculated
    for fault in faults:
        used = ~calculated[fault.rows]
        findings.add(fault.mistake, fault.rows[used], fault.column, fault.reasons[used])
    if inspect:
        look_over(findings, raw, places, parsed, activities, customers, keep, today)
    if not keep.any():
        rows = np.flatnonzero(aside)[:1]
        reason = faults.reasons(rows)[0] if len(rows) else f"'{DUE_DATE_PASSED}' is calculated"
        raise _nothing_left(raw, reason, raw.row[aside], findings)

    _tell(progress, "building", 0.7)
    log = _built(raw, places, parsed, activities, customers, keep, form)
    log, end_notes = _ended(log, parsed.get("LastDataUpdate"), ~aside)

    _tell(progress, "summing up", 0.95)
    quarantine = quarantine_of(raw, faults, calculated)
    again = repeated(log)
    if inspect:
        look_for_repeats(findings, raw, log.row[again])
    known, unknown = activity_counts(log)
    notes = [
        *raw.notes,
        *notes,
        *notes_on_rows(activities, fallen_back, turned, int(calculated.sum()), len(again)),
        *end_notes,
        *notes_on_keys(log, parsed, keep),
        *notes_on_levels(log),
    ]
    currency = parsed.get("CurrencyCode")
    summary = ReadSummary(
        source=raw.name,
        rows_read=len(raw) + len(raw.unsplit),
        rows_kept=len(log),
        rows_quarantined=len(quarantine),
        rows_calculated=int(calculated.sum()),
        quarantine=quarantine,
        events=len(log),
        invoices=log.n_invoices,
        customers=int((~unnamed_customers(log)).sum()),
        companies=log.customer_keys["company"].nunique(),
        period=(shown_moment(int(log.event_time.min())), shown_moment(int(log.event_time.max()))),
        log_end=shown_moment(log.ends_at),
        template_activities=known,
        unknown_activities=unknown,
        template_columns=tuple(places),
        additional_columns={
            name: column.kind for name, column in log.columns.items() if name not in ATTRIBUTE_NAMED
        },
        missing_recommended=missing_recommended(places),
        repeats=len(again),
        totals=totals_of(
            {n: (_ints(parsed[n].column), parsed[n].bad) for n in TOTALLED if n in parsed},
            currency.column if currency else None,
            aside=aside,
            calculated=calculated,
            log=log,
        ),
        notes=tuple(notes),
        findings=findings.frame(),
        rows_blank=len(raw.sheet.blank) if raw.sheet else 0,
    )
    _tell(progress, "done", 1.0)
    return log, summary


def _ints(column: Column) -> Ints:
    return column.values.astype(np.int64, copy=False)


def _nothing_left(
    raw: Raw, reason: str, rows: Ints, findings: Findings | None = None
) -> RefusedError:
    lines = sorted(raw.lines(rows[:5]).tolist())
    shown = ", ".join(str(line) for line in lines) + (", …" if len(rows) > 5 else "")
    where = f" (lines {shown})" if len(rows) else ""
    return RefusedError(
        f"No row of {raw.name} can be used: {len(rows):,} of {len(raw) + len(raw.unsplit):,} rows "
        f"are set aside{where}, the first because {reason}. Mend the file, or name your columns "
        "and formats in a mapping file.",
        "nothing_left",
        findings=None if findings is None else findings.frame(),
    )


def _built(
    raw: Raw,
    places: dict[str, int],
    parsed: dict[str, Parsed],
    activities: Activities,
    customers: Column,
    keep: Mask,
    form: Form,
) -> EventLog:
    """The log of the rows that are kept."""
    everything = bool(keep.all())
    kept = np.arange(len(keep)) if everything else np.flatnonzero(keep)

    def part(column: Column) -> Column:
        if everything:
            return column
        return compact(replace(column, values=picked(column.values, kept)))

    recorded = parsed.get("RecordedTime")
    shown = [name for name in ATTRIBUTE_NAMED if name in parsed and name not in CONSUMED]
    columns = dict(
        zip(
            shown,
            side_by_side(lambda name: part(parsed[name].column), shown, len(kept)),
            strict=True,
        )
    )
    columns |= _level_texts(raw, places, columns.get("DunningLevel"), kept)
    mask = pa.array(keep)

    def additional(place: int) -> Column:
        cells = raw.cells[place] if everything else without_unused(raw.cells[place].filter(mask))
        return additional_column(raw.names[place], cells, form, raw.kinds.get(raw.names[place]))

    others = [place for place in range(len(raw.names)) if place not in places.values()]
    for place, column in zip(others, side_by_side(additional, others, len(kept)), strict=True):
        columns[raw.names[place]] = column
    return build_log(
        invoice=part(parsed["InvoiceNumber"].column),
        customer=part(customers),
        activity=part(activities.column),
        event_time=_ints(part(parsed["EventTime"].column)),
        recorded_time=_ints(part(recorded.column)) if recorded else None,
        columns=columns,
        company=part(parsed["CompanyCode"].column) if "CompanyCode" in parsed else None,
        row=raw.row[kept],
        has_customers="CustomerAccount" in places or "CustomerName" in places,
    )


def _level_texts(
    raw: Raw, places: dict[str, int], levels: Column | None, kept: Ints
) -> dict[str, Column]:
    """Texts of dunning levels, where some text has no number in it."""
    if levels is None or "DunningLevelText" in raw.names:
        return {}
    cells = raw.cells[places["DunningLevel"]].take(pa.array(kept))
    texts = texts_of(cells, "DunningLevel", guarded=raw.guarded)
    if not (texts.stated() & ~levels.stated()).any():
        return {}
    return {"DunningLevelText": compact(level_column(texts))}


def _ended(log: EventLog, updated: Parsed | None, usable: Mask) -> tuple[EventLog, list[str]]:
    """The log up to the latest LastDataUpdate, which cannot lie before an event it holds."""
    stated = _ints(updated.column)[usable] if updated else np.empty(0, dtype=np.int64)
    if not (stated != NONE).any():
        return log, []
    end, last = int(stated.max()), log.ends_at
    if end >= last:
        return replace(log, ends_at=end), []
    if end % DAY == 0 and last < end + DAY:  # a date stands for its whole day
        return log, []
    late = int((log.known_at > end).sum())
    return log, [
        f"{late:,} events lie after the latest LastDataUpdate, {shown_moment(end)}: the log is "
        f"taken to end with its last event, {shown_moment(last)}."
    ]
