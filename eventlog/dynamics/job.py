"""The import as one job: export in, log out, with the account of what became of everything.

The log is written under another name, read back, and put in its place only once its money ties.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from eventlog.dynamics.answers import with_answers
from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import Enums
from eventlog.dynamics.extract import choose_companies, extract_events, extraction_time
from eventlog.dynamics.increment import changes, lacking_columns, merge_kept, watermark
from eventlog.dynamics.kept import (
    Run,
    drop_others,
    keep_rows,
    own_folders,
    read_run,
    refuse_foreign_folder,
    with_run,
)
from eventlog.dynamics.queries import tables_read
from eventlog.dynamics.source import Export, load_export
from eventlog.dynamics.totals import (
    Totals,
    refuse_difference,
    tie,
    totals_of_log,
    totals_of_tables,
)
from eventlog.errors import DataError, SettingsError
from eventlog.policy import Policy
from eventlog.reader import log_of_arrow, read_log
from eventlog.summary import ReadSummary
from eventlog.writer import ROW_GROUP

Progress = Callable[[str, float], None]

#: What no export of Dynamics 365 can say, for people who read the log.
CANNOT_SAY = (
    "Changes of the due date: only the date at posting and those on collection letters are dated.",
    "When an invoice was sent: posting is taken for sending.",
    "The time of day of payments, settlements, credit notes, write-offs and approvals: only days.",
    "When a credit limit was changed without a request, closer than between two dated copies of "
    "CustTable (CustTableSnapshots).",
    "Earlier names, segments, countries and collectors of customers: those at the export stand on "
    "every row.",
    "Later use of money that was unapplied when it was posted: it is never taken off again.",
    "Credit notes and write-offs that were taken back: they stand in the log with what is left.",
)


@dataclass(frozen=True)
class Imported:
    """What an import came to.

    Attributes
    ----------
    export : Export
    extracted_at, extracted_why : datetime, str
        LastDataUpdate of the log, and how it is known.
    summary : ReadSummary
        Of the log as every command reads it.
    activities : dict of str to int
        Events by activity, the calculated one included.
    left_out : DataFrame, columns what, reason, rows
    totals : Totals
    notes : tuple of str
    """

    export: Export
    extracted_at: datetime
    extracted_why: str
    summary: ReadSummary
    activities: dict[str, int]
    left_out: pd.DataFrame
    totals: Totals
    notes: tuple[str, ...]
    merged: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": self.export.name,
            "extracted_at": self.extracted_at.isoformat() + "Z",
            "extracted_at_is": self.extracted_why,
            "tables": {
                found.name: {
                    "rows": found.rows,
                    "older_versions": found.older,
                    "deleted": found.deleted,
                    "columns_taken_as_empty": list(found.lacking),
                }
                for found in self.export.found.values()
            },
            "tables_absent": list(self.export.absent),
            "events": self.activities,
            "left_out": self.left_out.to_dict("records"),
            "totals": self.totals.as_dict(),
            "invoices": self.summary.invoices,
            "customers": self.summary.customers,
            "companies": self.summary.companies,
            "period": [moment.isoformat() for moment in self.summary.period],
            "merged": None if self.merged is None else self.merged.to_dict("records"),
            "changes": None if self.changes is None else self.changes.to_dict("records"),
            "notes": list(self.notes),
            "cannot_say": list(CANNOT_SAY),
        }


def import_export(
    source: str | Path,
    out: Path,
    *,
    enums: Enums,
    policy: Policy,
    companies: Sequence[str] = (),
    extracted_at: datetime | None = None,
    schema: str | None = None,
    incremental: bool = False,
    since: datetime | None = None,
    keep: bool = True,
    progress: Progress | None = None,
) -> Imported:
    """Read an export of Dynamics 365 and write its event log.

    Parameters
    ----------
    source : str or Path
        A folder of CSV or Parquet files, or a database URL.
    out : Path
        ``.parquet``; replaced if it exists, once everything is in order.
    enums, policy
    companies : sequence of str
        Legal entities to keep; default all.
    extracted_at : datetime, optional
        When the export was made (naive, UTC).
    schema : str, optional
        Of the database.
    incremental : bool
        Lay the export over the rows that the run which wrote `out` has kept; without such a log,
        import in full.
    since : datetime, optional
        Of an incremental run from a database: read rows changed from then on, where tables say
        when; default a day before the latest change that the earlier run saw.
    keep : bool
        Keep the rows beside the log, for incremental runs.
    progress : callable, optional
        Called with a stage's name and the share done, 0 to 1.

    Raises
    ------
    NotFoundError, SettingsError, DataError
        As the steps do; and DataError if the money of tables and log does not tie, or the rows
        would be kept in a folder that is not duecast's own. Nothing is written then.
    """
    if keep:
        refuse_foreign_folder(out)
    earlier = read_run(out) if incremental and out.exists() else None
    with connected() as connection:
        export = load_export(
            connection,
            source,
            enums,
            schema=schema,
            since=(since or earlier.since) if earlier else None,
            partial_export=earlier is not None,
            progress=_within(progress, 0.0, 0.4),
        )
        merged = merge_kept(connection, export, out, earlier) if earlier else None
        for table in tables_read():
            connection.execute(f'DELETE FROM "{table.name}" WHERE deleted')
        chosen = _chosen_companies(connection, companies, earlier)
        moment, why = _extraction(connection, extracted_at, earlier)
        events = extract_events(connection, enums, moment, _within(progress, 0.4, 0.3))
        before = totals_of_tables(connection)
        _tell(progress, "calculated attributes", 0.7)
        log = log_of_arrow(events.rows, export.name)
        rows = with_answers(events.rows, log, policy)
        run = Run(
            kept=log.fingerprint if keep else "",
            watermark=watermark(connection),
            extracted_at=moment.isoformat(),
            companies=chosen,
            lacking=lacking_columns(export, earlier),
        )
        temporary = out.with_name(f".{out.name}.part.parquet")
        try:
            _tell(progress, "writing", 0.8)
            stored = with_run(rows, run)
            pq.write_table(stored, temporary, row_group_size=ROW_GROUP, compression="zstd")
            _tell(progress, "reading back", 0.85)
            written, summary = read_log(temporary)
            _refuse_quarantine(summary)
            totals = tie(before, totals_of_log(written, policy))
            refuse_difference(totals)
            changed = changes(out, rows) if earlier else None
            if keep:
                _tell(progress, "keeping tables", 0.95)
                keep_rows(connection, out, run.kept)
            own = own_folders(out)
            temporary.replace(out)
            drop_others(out, run.kept, own)
        except OSError as error:
            raise DataError(
                f"{out} cannot be written: {error.strerror}. Check the folder."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
    _tell(progress, "done", 1.0)
    counts = rows["ActivityName"].value_counts().to_pylist()
    return Imported(
        export,
        moment,
        why,
        summary,
        {item["values"]: item["counts"] for item in sorted(counts, key=lambda x: -x["counts"])},
        events.left_out,
        totals,
        (*export.notes, *(merged.notes if merged else ()), *events.notes),
        merged.rows if merged else None,
        changed,
    )


def _chosen_companies(
    connection: duckdb.DuckDBPyConnection, companies: Sequence[str], earlier: Run | None
) -> tuple[str, ...]:
    """The companies to keep, the same in each run; none for all."""
    chosen = tuple(sorted({company.upper() for company in companies}))
    if earlier is not None and chosen and chosen != earlier.companies:
        was = ", ".join(earlier.companies) or "all companies"
        raise SettingsError(
            f"--company {', '.join(chosen)} does not go with the earlier run, which took {was}. "
            "Leave it out, or import anew without --incremental."
        )
    chosen = chosen or (earlier.companies if earlier else ())
    if chosen:
        choose_companies(connection, chosen)
    return chosen


def _extraction(
    connection: duckdb.DuckDBPyConnection, stated: datetime | None, earlier: Run | None
) -> tuple[datetime, str]:
    """When the export was made, and how that is known; never before the earlier run's."""
    moment, why = extraction_time(connection, stated)
    before = datetime.fromisoformat(earlier.extracted_at) if earlier else moment
    if moment >= before:
        return moment, why
    if stated is None:
        return before, "that of the earlier run, since when nothing was made"
    raise SettingsError(
        f"--extracted-at {moment:%Y-%m-%dT%H:%M:%SZ} lies before that of the earlier run, "
        f"{before:%Y-%m-%dT%H:%M:%SZ}. State when the new export was made."
    )


def _refuse_quarantine(summary: ReadSummary) -> None:
    if summary.rows_quarantined:
        first = summary.quarantine.iloc[0]
        raise DataError(
            f"{summary.rows_quarantined:,} of {summary.rows_read:,} events cannot be read back, "
            f"the first because {first['reason']}. Mend the texts in question in the export."
        )


def _tell(progress: Progress | None, stage: str, done: float) -> None:
    if progress is not None:
        progress(stage, done)


def _within(progress: Progress | None, start: float, share: float) -> Progress | None:
    """A progress of one step as part of the whole."""
    if progress is None:
        return None
    return lambda stage, done: progress(stage, start + share * done)
