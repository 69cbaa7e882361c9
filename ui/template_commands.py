"""The command that writes the Excel template."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from eventlog.errors import DataError
from ui.opening import out, read, refuse_existing
from ui.options import DayFirstOption, MappingOption, QueryOption, SheetOption

commands = typer.Typer()


@commands.command()
def template(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write: .xlsx.")
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option("--fill", metavar="LOG", help="Write the events of this log into it."),
    ] = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    mistakes: Annotated[
        bool,
        typer.Option("--mistakes", help="Print the table of mistakes of docs/template.md instead."),
    ] = False,
) -> None:
    """Write an Excel workbook to fill in with events.

    It has a sheet for the events with lists and checks, one for your own names, and sheets that
    explain. `duecast check FILE.xlsx` then names every mistake by its cell.

    Example: `duecast template events.xlsx`
    """
    if mistakes:
        from eventlog.mistakes import as_markdown

        sys.stdout.write(as_markdown())
        return
    if file is None:
        raise DataError("The template needs a file to go to. Name it: duecast template FILE.xlsx.")
    if file.suffix.lower() != ".xlsx":
        raise DataError(f"'{file.name}' is no .xlsx file. Name it so.")
    refuse_existing(file, overwrite)
    from eventlog.workbook.writing import write_template

    log = None
    if fill is not None:
        log, _ = read(fill, mapping, query, sheet, day_first=day_first)
    write_template(file, log)
    if log is None:
        out.print(f"Template written to {file}. Fill in its Events sheet, one row an event.")
    else:
        out.print(f"Template with {len(log):,} events written to {file}.")
    out.print(f"Then check it: [bold]duecast check {file}[/]")
