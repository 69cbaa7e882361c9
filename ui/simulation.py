"""Writing the synthetic company as tables of Dynamics 365, to a folder or a database."""

from __future__ import annotations

from pathlib import Path

from eventlog.dynamics.synthetic import changed_rows, d365_ledger, d365_tables
from eventlog.dynamics.table_files import refuse_filled, write_database, write_folder
from eventlog.errors import SettingsError
from eventlog.log import DAY, timestamp
from eventlog.simulate_company import Company
from ui.options import TableFormat
from ui.progress import Say


def write_as_d365(
    target: str,
    company: Company,
    seed: int,
    since: int | None,
    until: int | None,
    file_format: TableFormat,
    overwrite: bool,
    say: Say,
) -> tuple[int, int, str]:
    """Write a company's tables as an export shows them.

    Parameters
    ----------
    target : str
        A folder, or a database URL.
    company : Company
    seed : int
    since : int or None
        Midnight of an earlier export: only what has changed since is written.
    until : int or None
        Midnight before which everything is exported; None for the end of the company's log.
    file_format : TableFormat
        Of a folder.
    overwrite : bool
        Replace tables that are there.
    say : callable
        Told what is being done.

    Returns
    -------
    n_tables, n_rows : int
    exported_at : str
        The midnight, as ``--extracted-at`` of the import takes it.

    Raises
    ------
    DataError
        If something is there and is not to be overwritten, or the database refuses.
    SettingsError
        If `since` or `until` is no midnight within the company's log, in this order.
    """
    in_database = "://" in target
    if not in_database:
        refuse_filled(Path(target), overwrite)
    say("company", 0.0)
    ledger = d365_ledger(company, seed)
    start, end = int(ledger.books.customers.edges[0]) * DAY, ledger.books.end
    until = end if until is None else until
    _refuse_other_days("--until", until, start, end)
    if since is not None:
        _refuse_other_days("--since", since, start, until)
    say("tables", 0.3)
    tables = d365_tables(ledger, until)
    if since is not None:
        tables = changed_rows(d365_tables(ledger, since), tables)
    n_written = 0

    def tell(name: str) -> None:
        nonlocal n_written
        say(name, 0.5 + 0.5 * n_written / len(tables))
        n_written += 1

    if in_database:
        write_database(tables, target, overwrite, tell)
    else:
        write_folder(tables, Path(target), file_format.value, overwrite, tell)
    n_rows = sum(len(table) for table in tables.values())
    return len(tables), n_rows, f"{timestamp(until):%Y-%m-%dT%H:%M:%SZ}"


def _refuse_other_days(option: str, moment: int, start: int, end: int) -> None:
    if moment % DAY or not start < moment <= end:
        raise SettingsError(
            f"{option} {timestamp(moment):%Y-%m-%dT%H:%M:%S} is no day after "
            f"{timestamp(start):%Y-%m-%d} and up to {timestamp(end):%Y-%m-%d}. Choose one."
        )
