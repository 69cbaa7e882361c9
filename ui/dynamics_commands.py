"""The command that reads an export of Dynamics 365: import-d365."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eventlog.errors import DataError, SettingsError
from eventlog.log import timestamp
from ui.opening import moment_of, out, policy_now, print_json, refuse_existing, settings_now
from ui.options import JsonOption, PolicyOption
from ui.progress import stages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventlog.dynamics.enums import Enums

commands = typer.Typer()

#: Exit code of --check when rows refer to nothing.
DANGLING = 1


@commands.command("import-d365")
def import_d365(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPORT",
            help="Folder of CSV or Parquet files named after the tables, or database URL.",
        ),
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--out", metavar="LOG", help="Where to write: .parquet.")
    ] = None,
    enums: Annotated[
        Path | None,
        typer.Option("--enums", help="TOML file with your company's enum numbers and rules."),
    ] = None,
    print_enums: Annotated[
        bool,
        typer.Option("--print-enums", help="Print the enum numbers and rules in use, and stop."),
    ] = False,
    print_tables: Annotated[
        bool,
        typer.Option(
            "--print-tables", help="Print the tables and columns to export, as Markdown, and stop."
        ),
    ] = False,
    company: Annotated[
        list[str] | None,
        typer.Option("--company", help="Legal entity to take, such as DEMF; default: all."),
    ] = None,
    extracted_at: Annotated[
        str | None,
        typer.Option(
            "--extracted-at",
            help="When the export was made (UTC); default: the latest CreatedDateTime in it.",
        ),
    ] = None,
    incremental: Annotated[
        bool,
        typer.Option(
            "--incremental", help="Bring LOG up to date; EXPORT may hold only what changed."
        ),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="With --incremental from a database: read rows changed from then on; default: "
            "a day before the latest change in LOG.",
        ),
    ] = None,
    keep_tables: Annotated[
        bool,
        typer.Option(
            "--keep-tables/--no-keep-tables",
            help="Keep the rows that were used beside LOG, for --incremental.",
        ),
    ] = True,
    schema: Annotated[
        str | None, typer.Option("--schema", help="Of the database that holds the tables.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only see whether rows refer to rows that are there; write nothing. Exit code 1: "
            "some do not.",
        ),
    ] = False,
    policy: PolicyOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace LOG.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the event log of an export of Dynamics 365 Finance.

    Example: `duecast import-d365 export --out log.parquet --extracted-at 2024-04-01T02:00`

    Example: `duecast import-d365 export --check`
    """
    from eventlog.dynamics.enums import as_toml, read_enums
    from eventlog.dynamics.job import import_export
    from eventlog.dynamics.pages import tables_page
    from ui.dynamics_report import print_import

    if print_tables:
        sys.stdout.write(tables_page())
        return
    numbers = read_enums(enums)
    if print_enums:
        sys.stdout.write(as_toml(numbers))
        return
    if check:
        _refuse_with_check(
            {
                "--out": log is not None,
                "--extracted-at": extracted_at is not None,
                "--incremental": incremental,
                "--since": since is not None,
                "--no-keep-tables": not keep_tables,
                "--policy": policy is not None,
                "--overwrite": overwrite,
            }
        )
        _check(source, numbers, company or (), schema, as_json)
        return
    if source is None or log is None:
        raise SettingsError(
            "import-d365 needs an export and --out. Write `duecast import-d365 EXPORT --out "
            "LOG.parquet`."
        )
    if log.suffix.lower() != ".parquet":
        raise DataError(f"'{log.name}' is no .parquet file. Name it so.")
    if since and not incremental:
        raise SettingsError("--since goes with --incremental. Add it, or leave --since out.")
    refuse_existing(log, overwrite or incremental)
    with stages("Importing", quiet=as_json) as say:
        made = import_export(
            source,
            log,
            enums=numbers,
            policy=policy_now(settings_now(), policy),
            companies=company or (),
            extracted_at=timestamp(moment_of(extracted_at, "--extracted-at")).to_pydatetime()
            if extracted_at
            else None,
            schema=schema,
            incremental=incremental,
            since=timestamp(moment_of(since, "--since")).to_pydatetime() if since else None,
            keep=keep_tables,
            progress=say,
        )
    if as_json:
        print_json(made.as_dict() | {"log": str(log)})
        return
    print_import(out, made, log)


def _refuse_with_check(stated: Mapping[str, bool]) -> None:
    """Refuse options of an import where nothing is imported."""
    idle = [option for option, is_stated in stated.items() if is_stated]
    if idle:
        raise SettingsError(
            f"--check writes no log, so {', '.join(idle)} {'does' if len(idle) == 1 else 'do'} not "
            "go with it: leave out one or the other."
        )


def _check(
    source: str | None, enums: Enums, companies: Sequence[str], schema: str | None, as_json: bool
) -> None:
    """Print which rows of an export refer to nothing, and leave with an exit code that says so."""
    from dataclasses import asdict

    from eventlog.dynamics.check import check_export
    from ui.dynamics_report import print_findings

    if source is None:
        raise SettingsError(
            "--check needs an export to look at. Write `duecast import-d365 EXPORT --check`."
        )
    with stages("Checking", quiet=as_json) as say:
        export, findings = check_export(
            source, enums, companies=companies, schema=schema, progress=say
        )
    if as_json:
        print_json({"source": export.name, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(out, export, findings)
    if findings:
        raise typer.Exit(DANGLING)
