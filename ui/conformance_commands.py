"""The command that lays the dunning policy beside what was done."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eventlog.cutoffs import cutoff_text, refuse_cutoff
from eventlog.errors import DataError
from ui.opening import (
    moment_of,
    name_of,
    out,
    policy_now,
    print_json,
    rates_now,
    read,
    refuse_existing,
    settings_now,
)
from ui.options import (
    DayFirstOption,
    JsonOption,
    LogArgument,
    MappingOption,
    PolicyOption,
    QueryOption,
    RatesOption,
    SheetOption,
)
from ui.progress import stages

commands = typer.Typer()


class Grouping(StrEnum):
    """What the letters are counted by."""

    level = "level"
    segment = "segment"
    collector = "collector"
    month = "month"


@commands.command()
def conformance(
    log: LogArgument,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="Moment to look from; default: the log's end.")
    ] = None,
    by: Annotated[
        Grouping,
        typer.Option("--by", help="Count by this; segment and collector as known at the time."),
    ] = Grouping.level,
    invoices: Annotated[
        int,
        typer.Option("--invoices", min=0, help="Also list so many invoices, worst first."),
    ] = 0,
    file: Annotated[
        Path | None,
        typer.Option("--out", help="Also write every letter: .csv (those due), .xlsx (all)."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare dunning letters with the policy: on time, early, late, skipped, missing.

    The policy's dunning_days, dunning_tolerance_days, dunning_paused_by and dunning_min_balance say
    which letters were called for.

    Example: `duecast conformance log.parquet --by collector --invoices 20`
    """
    from eventlog.conformance import judge
    from eventlog.ledger import keep_ledger
    from ui.conformance_report import print_conformance, report_of, write_letters

    refuse_existing(file, overwrite)
    if file is not None and file.suffix.lower() not in {".csv", ".xlsx"}:
        raise DataError(f"'{file.name}' is neither .csv nor .xlsx. Choose one of them.")
    decided = policy_now(settings_now(), policy)
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    moment = moment_of(cutoff, "--cutoff") if cutoff else events.ends_at
    if cutoff:
        refuse_cutoff(events, moment)
    converted = rates_now(events, rates, decided)
    with stages("Conformance", steps=3, quiet=as_json) as say:
        say("ledger")
        ledger = keep_ledger(events, decided)
        say("letters")
        found = judge(events, ledger, decided, moment)
        say("figures")
        report = report_of(events, found, decided, converted, by.value, invoices, name_of(log))
        if file is not None:
            write_letters(events, found, file)
    if as_json:
        print_json(report | {"cutoff": cutoff_text(moment)})
        return
    print_conformance(out, report)
    if file is not None:
        out.print(f"{len(found.required):,} letters called for written to {file}.")
