"""The command that prints the KPIs: headline figures, groups, months, and what each means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from eventlog.errors import SettingsError
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
    MappingOption,
    PolicyOption,
    QueryOption,
    RatesOption,
    SheetOption,
)
from ui.progress import stages

commands = typer.Typer()


@commands.command()
def kpis(
    log: Annotated[
        str | None,
        typer.Argument(
            metavar="LOG",
            help="CSV, Parquet or XLSX file, folder of Parquet files or of partitions, or "
            "database URL.",
        ),
    ] = None,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="Moment to look from; default: the log's end.")
    ] = None,
    months: Annotated[int, typer.Option("--months", help="Whole months to show.")] = 12,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help="segment, country, collector, company, currency, 'customer group' or a text "
            "column of the log; may be given several times.",
        ),
    ] = None,
    kpi: Annotated[
        list[str] | None,
        typer.Option("--kpi", help="Only this one, month by month; may be given several times."),
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="Name, unit and formula of each.")] = False,
    explain: Annotated[
        str | None, typer.Option("--explain", help="All there is to say of one KPI.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The page docs/kpis.md.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--out", help="Write the whole table: .csv, .parquet or .xlsx."),
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
    """Print the KPIs as of a cutoff: DSO, overdue, dunning, disputes, promises, write-offs, ….

    Example: `duecast kpis log.parquet --cutoff 2024-06-01 --by segment`
    """
    from eventlog.kpis.catalogue import KPIS, chosen
    from eventlog.kpis.months import refuse_months
    from eventlog.kpis.page import as_markdown
    from eventlog.kpis.table import kpi_table
    from ui.kpi_report import as_dict, meanings, print_explained, print_kpis, print_list

    if markdown:
        sys.stdout.write(as_markdown())
        return
    if names:
        print_list(out, KPIS)
        return
    if explain is not None:
        print_explained(out, chosen([explain])[0])
        return
    if log is None:
        raise SettingsError(
            "A log is missing. Write `duecast kpis LOG`, or `duecast kpis --list` to see what "
            "there is."
        )
    refuse_existing(file, overwrite)
    refuse_months(months)
    decided = policy_now(settings_now(), policy)
    wanted, dimensions = chosen(kpi or ()), tuple(by or ())
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    moment = moment_of(cutoff, "--cutoff") if cutoff else events.ends_at
    with stages("KPIs", quiet=as_json) as say:
        table = kpi_table(
            events,
            moment,
            decided,
            None if rates is None else rates_now(events, rates, decided),
            months=max(months, 13) if not kpi else months,  # the headline looks a year back
            by=dimensions,
            kpis=[each.name for each in wanted],
            progress=say,
        )
    shown = table if kpi else table[table["month"].isin(_last_months(table, months))]
    if file is not None:
        from serving.export import export

        export(shown, file, sheet="KPIs", meanings=meanings(wanted))
        sys.stderr.write(f"{len(shown):,} rows written to {file}.\n")
    if as_json:
        print_json({"log": name_of(log), **as_dict(shown, moment)})
        return
    print_kpis(out, table, wanted if kpi else None, moment, name_of(log))


def _last_months(table: Any, months: int) -> list[str]:
    """The months asked for, and a running one."""
    every = sorted(set(table["month"]))
    running = table["note"].str.contains("month running").any()
    return every[-(months + int(running)) :]
