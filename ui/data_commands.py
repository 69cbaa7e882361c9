"""Commands about logs: check, partition, simulate, features, matrix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from eventlog.errors import DataError, RefusedError, SettingsError
from eventlog.log import DAY, micros, timestamp
from ui.opening import (
    chosen_attributes,
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
    AttributesOption,
    DayFirstOption,
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    JsonOption,
    LogArgument,
    MappingOption,
    PolicyOption,
    QueryOption,
    RatesOption,
    Rhythm,
    SheetOption,
    TableFormat,
)
from ui.progress import stages

commands = typer.Typer()

#: Events of a partition where nobody says how many partitions there are to be.
EVENTS_A_PARTITION = 1_000_000


@commands.command()
def check(
    log: LogArgument,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    day_first: DayFirstOption = None,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", help="Write rows that cannot be used, with the reason."),
    ] = None,
    marked: Annotated[
        Path | None,
        typer.Option("--marked", help="Write a copy of an XLSX file with the mistakes in colour."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a log and report what is in it, each mistake with its cell, and what was set aside.

    Example: `duecast check extract.csv --mapping names.toml --quarantine bad.csv`
    """
    from eventlog.findings import finding_of
    from ui.findings_report import print_findings
    from ui.log_report import print_check

    refuse_existing(quarantine, overwrite)
    refuse_marked(marked, log, overwrite)
    try:
        _, summary = read(
            log,
            mapping,
            query,
            sheet,
            delimiter,
            decimal,
            encoding,
            day_first,
            quiet=as_json,
            today=micros(pd.Timestamp.now(tz="UTC").tz_localize(None)),  # noqa: TID251
        )
    except RefusedError as error:
        findings = finding_of(error, name_of(log))
        if marked is not None:
            _write_marked(marked, log, findings, mapping, sheet)
        if as_json:
            print_json({"refused": str(error), "findings": findings.to_dict("records")})
        elif error.findings is not None:
            print_findings(out, findings)
        raise
    if quarantine is not None:
        summary.write_quarantine(quarantine)
    if marked is not None:
        _write_marked(marked, log, summary.findings, mapping, sheet)
    if as_json:
        print_json(summary.as_dict())
        return
    print_findings(out, summary.findings)
    print_check(out, summary)
    if marked is not None:
        out.print(f"A copy with the mistakes in colour is in {marked}.")
    if summary.rows_quarantined and quarantine is None:
        out.print("Add [bold]--quarantine FILE.csv[/] to see the rows that were set aside.")


def refuse_marked(marked: Path | None, source: str, overwrite: bool) -> None:
    """Refuse to mark what is no workbook, or to write over the workbook itself."""
    if marked is None:
        return
    if not source.lower().endswith((".xlsx", ".xlsm")) or "://" in source:
        raise SettingsError(f"--marked applies to XLSX files, and {name_of(source)} is none.")
    if marked.suffix.lower() != ".xlsx":
        raise DataError(f"'{marked.name}' is no .xlsx file. Name it so.")
    if marked.exists() and marked.samefile(source):
        raise DataError(f"{marked} is the workbook itself. Choose another name for the copy.")
    refuse_existing(marked, overwrite)


def _write_marked(
    marked: Path, source: str, findings: Any, mapping: Path | None, sheet: str | None
) -> None:
    from eventlog.mapping import Mapping, read_mapping
    from eventlog.workbook.marked import write_marked

    names = read_mapping(mapping) if mapping else Mapping()
    write_marked(marked, Path(source), findings, names, sheet)


@commands.command()
def partition(
    log: LogArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made here.")],
    partitions: Annotated[
        int | None,
        typer.Option(
            "--partitions",
            min=1,
            help="How many; default: so that each has about 1 million events, at least 1.",
        ),
    ] = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder of partitions.")
    ] = False,
) -> None:
    """Write a log as a folder of partitions, for work on a cluster.

    Each partition holds whole customers. The folder then is a LOG for every command.

    Example: `duecast partition log.parquet parts --partitions 16`
    """
    from eventlog.partitions import refuse_folder, write_partitions

    refuse_folder(folder, overwrite)
    events, _ = read(log, mapping, query, sheet, day_first=day_first)
    number = partitions or max(1, round(len(events) / EVENTS_A_PARTITION))
    name = name_of(log)
    with stages("Writing") as say:
        made = write_partitions(events, folder, number, name=name, replace=overwrite, progress=say)
    counted = "1 partition" if len(made.parts) == 1 else f"{len(made.parts):,} partitions"
    out.print(
        f"{made.n_events:,} events of {made.n_invoices:,} invoices and {made.n_customers:,} "
        f"customers written to {folder} in {counted}, {made.n_bytes:,} bytes."
    )


@commands.command()
def simulate(
    path: Annotated[
        str,
        typer.Argument(
            help="Where to write: .parquet or .csv; with --as-d365 a folder or a database URL."
        ),
    ],
    invoices: Annotated[int, typer.Option(min=100, help="How many invoices.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, same company.")] = 0,
    rates: Annotated[
        Path | None, typer.Option("--rates", help="Also write the rate table here.")
    ] = None,
    dirty: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of rows to damage, for trying the reader.")
    ] = 0.0,
    as_d365: Annotated[
        bool,
        typer.Option(
            "--as-d365",
            help="Write the tables of Dynamics 365 instead of the log. The company then does only "
            "what a ledger can record, so its events differ a little from those without.",
        ),
    ] = False,
    table_format: Annotated[
        TableFormat, typer.Option("--format", help="Of the tables of --as-d365.")
    ] = TableFormat.parquet,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Day of an earlier export: --as-d365 writes what changed since then."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help="Day before which --as-d365 exports; default: the company's end."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write the event log of a synthetic company, or its tables in Dynamics 365.

    Example: `duecast simulate log.parquet --invoices 50000 --rates rates.csv`

    Example: `duecast simulate export --as-d365 --format csv`
    """
    from eventlog.simulate import Company, make_dirty, rate_table
    from eventlog.simulate import simulate as simulated

    company = Company(n_invoices=invoices)
    refuse_existing(rates, overwrite)
    if as_d365:
        from ui.simulation import write_as_d365

        if dirty:
            raise SettingsError("--dirty damages rows of a log, not of --as-d365. Leave one out.")
        days = (("--since", since), ("--until", until))
        first, last = (None if day is None else moment_of(day, name) for name, day in days)
        with stages("Simulating") as say:
            n_tables, n_rows, at = write_as_d365(
                path, company, seed, first, last, table_format, overwrite, say
            )
            if rates is not None:
                rate_table(company, seed).to_csv(rates, index=False)
        shown = "the database" if "://" in path else path
        out.print(
            f"{n_rows:,} rows of {n_tables} tables, {invoices:,} invoices, written to {shown} "
            f"(synthetic), as exported at {at}."
        )
        return
    if since is not None or until is not None:
        raise SettingsError("--since and --until are for --as-d365. Leave them out.")
    file = Path(path)
    refuse_existing(file, overwrite)
    if file.suffix not in {".parquet", ".csv"}:
        raise DataError(f"'{file.name}' is neither .parquet nor .csv. Choose one of them.")
    with stages("Simulating") as say:
        say("events", 0.0)
        frame = simulated(company, seed=seed)
        if dirty:
            frame, _ = make_dirty(frame, seed=seed, share=dirty)
        say("writing", 0.7)
        if file.suffix == ".parquet":
            frame.to_parquet(file, index=False)
        else:
            frame.to_csv(file, index=False)
        if rates is not None:
            rate_table(company, seed).to_csv(rates, index=False)
    out.print(f"{len(frame):,} events of {invoices:,} invoices written to {path} (synthetic).")


@commands.command()
def features(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The page docs/features.md.")
    ] = False,
) -> None:
    """List the features: name, unit, meaning.

    Example: `duecast features --markdown > docs/features.md`
    """
    from features.catalogue import FEATURES, as_markdown
    from ui.log_report import print_features

    if markdown:
        sys.stdout.write(as_markdown())
        return
    print_features(out, FEATURES)


@commands.command()
def matrix(
    log: LogArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: .parquet.")],
    snapshots: Annotated[Rhythm, typer.Option(help="When invoices are looked at.")] = Rhythm.weekly,
    since: Annotated[
        str | None, typer.Option("--since", help="First cutoff; default: all.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Cutoffs before this; default: the log's end.")
    ] = None,
    attributes: AttributesOption = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
) -> None:
    """Write the feature matrix of every open invoice at every cutoff, as known then.

    The file is written block by block, so it may be larger than memory. Which additional columns
    and levels there are is decided from all rows known at --until.

    Example: `duecast matrix log.parquet features.parquet --snapshots monthly`
    """
    from features.attributes import choose_encoding
    from features.matrix import columns_of
    from features.matrix_file import write_matrix

    refuse_existing(file, overwrite)
    if file.suffix.lower() != ".parquet":
        raise DataError(f"'{file.name}' is no .parquet file. Name it so.")
    decided = policy_now(settings_now(), policy)
    events, _ = read(log, mapping, query, sheet, day_first=day_first)
    last = moment_of(until, "--until") if until else events.ends_at + 1
    if last > events.ends_at + DAY:
        raise DataError(
            f"--until {until} lies after the log's end on {timestamp(events.ends_at):%Y-%m-%d}: "
            "nobody knows which invoices were open then. Choose a day up to the one after it."
        )
    only, without = chosen_attributes(attributes)
    encoding = choose_encoding(events, last, only=only, without=without)
    with stages("Features") as say:
        n_rows = write_matrix(
            events,
            file,
            snapshots.value,
            moment_of(since, "--since") if since else None,
            last,
            encoding,
            decided,
            rates_now(events, rates, decided),
            progress=say,
        )
    size, n_columns = file.stat().st_size / 1e6, len(columns_of(encoding))
    out.print(f"{n_rows:,} rows × {n_columns} features written to {file} ({size:,.0f} MB).")
