"""The command line: `duecast …`.

Every command reads settings and policy once, calls down, and prints. Errors that duecast words
itself end as one sentence and exit code 2. The commands import what they need when they run, so
that `duecast --help` and `duecast check` do not wait for MLflow.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from eventlog.errors import DataError, DuecastError, SettingsError
from eventlog.log import DAY, EventLog, micros, timestamp
from eventlog.policy import Policy, read_policy
from eventlog.rates import Rates, rates_for, read_rates
from serving.settings import Settings
from ui.progress import stages

app = typer.Typer(
    name="duecast",
    help="Late-payment and write-off risk of open invoices, from the event log of a "
    "credit-to-cash process.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
#: Piped output is given room; a terminal keeps its own width.
out = Console(width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True)

#: Events of a partition where nobody says how many partitions there are to be.
EVENTS_A_PARTITION = 1_000_000


class Rhythm(StrEnum):
    """When invoices are looked at."""

    posting = "posting"
    weekly = "weekly"
    monthly = "monthly"


class TargetName(StrEnum):
    """What is predicted."""

    late_payment = "late_payment"
    still_open = "still_open"
    write_off = "write_off"


class TabName(StrEnum):
    """Which part of the worklist."""

    call = "call"
    hold = "hold"
    all = "all"


LogArgument = Annotated[
    str,
    typer.Argument(
        metavar="LOG",
        help="CSV, Parquet or XLSX file, folder of Parquet files or of partitions, or database "
        "URL.",
    ),
]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="TOML file that says what your names mean.")
]
QueryOption = Annotated[
    str | None, typer.Option("--query", help="SQL query, where LOG is a database URL.")
]
SheetOption = Annotated[str | None, typer.Option("--sheet", help="Sheet of an XLSX file.")]
DelimiterOption = Annotated[
    str | None, typer.Option("--delimiter", help="Of a CSV file; found by default.")
]
DecimalOption = Annotated[
    str | None, typer.Option("--decimal", help="'.' or ','; found by default.")
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="Of a CSV file; found by default.")
]
DayFirstOption = Annotated[
    bool | None,
    typer.Option("--day-first/--month-first", help="How 01/02/2024 is meant, where unclear."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="Policy file; default: policy.toml in DUECAST_HOME."),
]
RatesOption = Annotated[
    Path | None,
    typer.Option("--rates", help="CSV with currency,date,rate to the reporting currency."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
AttributesOption = Annotated[
    str,
    typer.Option(
        "--attributes",
        help="Additional columns to use, comma-separated; a leading '-' leaves one out.",
    ),
]
OverrideOption = Annotated[
    str,
    typer.Option("--override-leakage", help="Go on despite the leakage linter; say why."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Work on a Dask cluster: 'local' for a worker process a core of this machine, or "
        "the address of a scheduler, tcp://HOST:PORT.",
    ),
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=0, help="Threads for LightGBM; 0 uses every core.")
]


def main() -> None:
    """Run the command line; word errors in one sentence and exit with 2."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=FutureWarning, module="mlflow")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # Threads that wait should sleep: on a busy machine spinning ones slow LightGBM tenfold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except DuecastError as error:
        err.print(f"[bold red]duecast:[/] {_escaped(str(error))}", soft_wrap=True)
        sys.exit(2)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def settings_now() -> Settings:
    """Settings from the environment."""
    return Settings.from_env(os.environ)


def policy_now(settings: Settings, path: Path | None, **changes: Any) -> Policy:
    """The policy file's values with what the command line changes."""
    return read_policy(path or settings.policy_path).changed(**changes)


def read(
    source: str,
    mapping: Path | None = None,
    query: str | None = None,
    sheet: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    day_first: bool | None = None,
    quiet: bool = False,
) -> tuple[EventLog, Any]:
    """Read a log with a progress bar."""
    from eventlog.mapping import read_mapping
    from eventlog.partitions import is_partitioned
    from eventlog.reader import read_log

    if "://" not in source and is_partitioned(source):
        options = {
            "--mapping": mapping,
            "--query": query,
            "--sheet": sheet,
            "--delimiter": delimiter,
            "--decimal": decimal,
            "--encoding": encoding,
            "--day-first": day_first,
        }
        return read_partitions(
            source, [name for name in options if options[name] is not None], quiet
        )
    names = read_mapping(mapping) if mapping else None
    with stages("Reading", quiet=quiet) as say:
        return read_log(
            source,
            mapping=names,
            query=query,
            sheet=sheet,
            delimiter=delimiter,
            decimal=decimal,
            encoding=encoding,
            day_first=day_first,
            progress=lambda stage, done: say(stage, done),
        )


def read_partitions(folder: str, options: list[str], quiet: bool) -> tuple[EventLog, Any]:
    """Read a folder of partitions as one log, with a progress bar.

    Raises
    ------
    SettingsError
        If options are stated that say how a file is to be understood.
    """
    from eventlog.partitions import open_partitions, read_whole, summary_of

    if options:
        raise SettingsError(
            f"{', '.join(options)} cannot apply to {folder}: a log in partitions is not parsed "
            f"again. Leave {', '.join(options)} out."
        )
    with stages("Reading", quiet=quiet) as say:
        partitions = open_partitions(folder)
        log = read_whole(partitions, progress=say)
        return log, summary_of(partitions, log)


def name_of(source: str) -> str:
    """LOG as it goes on record: a database's URL may hold a password."""
    return "database query" if "://" in source else Path(source).name


@contextmanager
def opened(
    source: str, scheduler: str | None, read_log: Callable[[], EventLog]
) -> Iterator[tuple[Any, EventLog]]:
    """A log to work on, in memory or on a cluster, and a log with its levels for the rate table."""
    if scheduler is None:
        log = read_log()
        yield log, log
        return
    from eventlog.partitions import load_partition

    try:
        from ui.cluster import partitioned_log
    except ImportError as error:
        raise SettingsError(
            f"--scheduler needs Dask, which is not installed ({error}). Install it with "
            "`pip install 'duecast[cluster]'`."
        ) from error
    with partitioned_log(scheduler, source, read_log) as on_cluster:
        yield on_cluster, load_partition(on_cluster.partitions, 0)


def learned_from(log: Any) -> Any:
    """What models learn from: a log in memory, or a log in partitions as a source of rows."""
    if isinstance(log, EventLog):
        return log
    from training.cluster import OnCluster

    return OnCluster(log)


def scoring_job(log: Any) -> Callable[..., Any]:
    """What makes a scoring run of a log in memory, or of one in partitions."""
    if isinstance(log, EventLog):
        from serving.run import make_run

        return make_run
    from serving.cluster import make_run_on_cluster

    return make_run_on_cluster


def rates_now(log: EventLog, path: Path | None, policy: Policy) -> Rates:
    """The rate table, or what a log in one currency needs: none."""
    if path is None:
        return rates_for(log, None)
    if not policy.reporting_currency:
        raise SettingsError(
            "A rate table needs to know what it converts to. Set reporting_currency in the policy "
            'file, for example reporting_currency = "EUR".'
        )
    return read_rates(path, policy.reporting_currency)


def moment_of(text: str, option: str) -> int:
    """A date or time given on the command line, in microseconds; "now" and the like are none.

    Raises
    ------
    SettingsError
        If it cannot be read.
    """
    try:
        if not text[:4].isdigit():
            raise ValueError(text)
        return micros(pd.Timestamp(text))
    except ValueError as error:
        raise SettingsError(
            f"{option} is '{text}', which is no date. Write it like 2024-05-31."
        ) from error


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Refuse to write over a file unless asked to.

    Raises
    ------
    DataError
        If the file exists, or its folder does not.
    """
    if path is None:
        return
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists. Add --overwrite to replace it.")
    if not path.absolute().parent.is_dir():
        raise DataError(f"There is no folder {path.absolute().parent}. Make it first.")


def chosen_attributes(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns named and columns left out, from ``--attributes A,-B``."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    only = tuple(name for name in names if not name.startswith("-"))
    return only, tuple(name[1:] for name in names if name.startswith("-"))


def print_json(found: Any) -> None:
    """One JSON object on standard output; what is not a number becomes null."""
    sys.stdout.write(json.dumps(_plain(found), ensure_ascii=False, indent=1, default=str) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    return value


@app.command()
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a log and report what is in it, what is missing and what was set aside.

    Example: `duecast check extract.csv --mapping names.toml --quarantine bad.csv`
    """
    from ui.report import print_check

    refuse_existing(quarantine, overwrite)
    _, summary = read(
        log, mapping, query, sheet, delimiter, decimal, encoding, day_first, quiet=as_json
    )
    if quarantine is not None:
        summary.write_quarantine(quarantine)
    if as_json:
        print_json(summary.as_dict())
        return
    print_check(out, summary)
    if summary.rows_quarantined and quarantine is None:
        out.print("Add [bold]--quarantine FILE.csv[/] to see the rows that were set aside.")


@app.command()
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


@app.command()
def simulate(
    path: Annotated[Path, typer.Argument(help="Where to write: .parquet or .csv.")],
    invoices: Annotated[int, typer.Option(min=100, help="How many invoices.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, same company.")] = 0,
    rates: Annotated[
        Path | None, typer.Option("--rates", help="Also write the rate table here.")
    ] = None,
    dirty: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of rows to damage, for trying the reader.")
    ] = 0.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write the event log of a synthetic company.

    Example: `duecast simulate log.parquet --invoices 50000 --rates rates.csv`
    """
    from eventlog.simulate import Company, make_dirty, rate_table
    from eventlog.simulate import simulate as simulated

    for target in (path, rates):
        refuse_existing(target, overwrite)
    if path.suffix not in {".parquet", ".csv"}:
        raise DataError(f"'{path.name}' is neither .parquet nor .csv. Choose one of them.")
    company = Company(n_invoices=invoices)
    with stages("Simulating") as say:
        say("events", 0.0)
        frame = simulated(company, seed=seed)
        if dirty:
            frame, _ = make_dirty(frame, seed=seed, share=dirty)
        say("writing", 0.7)
        if path.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False)
        if rates is not None:
            rate_table(company, seed).to_csv(rates, index=False)
    out.print(f"{len(frame):,} events of {invoices:,} invoices written to {path} (synthetic).")


@app.command()
def train(
    log: LogArgument,
    train_until: Annotated[
        str | None,
        typer.Option("--train-until", help="Use what was known before this date; default: all."),
    ] = None,
    target: Annotated[
        list[TargetName] | None, typer.Option("--target", help="Default: all three.")
    ] = None,
    snapshots: Annotated[
        Rhythm | None,
        typer.Option(help="Default: weekly, or monthly where that is more than 1.5 million rows."),
    ] = None,
    late_after_days: Annotated[int | None, typer.Option(min=0)] = None,
    still_open_days: Annotated[int | None, typer.Option(min=1)] = None,
    write_off_horizon_days: Annotated[int | None, typer.Option(min=1)] = None,
    attributes: AttributesOption = "",
    override_leakage: OverrideOption = "",
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Boosters to average.")] = 3,
    threads: ThreadsOption = 0,
    scheduler: SchedulerOption = None,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train, test and register the models.

    The first version of each target serves at once; later ones wait for `duecast promote`.

    Example: `duecast train log.parquet --train-until 2024-01-01`
    """
    from training.fit import Recipe
    from training.labels import TARGETS, Target
    from training.registry import open_registry
    from training.train import train_all
    from ui.report import print_training

    settings = settings_now()
    decided = policy_now(
        settings,
        policy,
        late_after_days=late_after_days,
        still_open_days=still_open_days,
        write_off_horizon_days=write_off_horizon_days,
    )
    only, without = chosen_attributes(attributes)
    recipe = Recipe(
        rhythm=snapshots.value if snapshots else None,
        seeds=seeds,
        threads=threads,
        only=only,
        without=without,
    )
    wanted: tuple[Target, ...] = tuple(t.value for t in target) if target else TARGETS

    def read_it() -> EventLog:
        return read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]

    with (
        opened(log, scheduler, read_it) as (events, part),
        stages("Training", steps=12 * len(wanted), quiet=as_json) as say,
    ):
        source = learned_from(events)
        outcomes = train_all(
            source,
            moment_of(train_until, "--train-until") if train_until else source.ends_at + 1,
            decided,
            rates_now(part, rates, decided),
            recipe,
            open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts"),
            targets=wanted,
            log_name=name_of(log),
            override=override_leakage,
            progress=say,
        )
    if as_json:
        print_json(
            [
                {
                    "target": o.target,
                    "version": o.version.version if o.version else None,
                    "alias": list(o.version.aliases) if o.version else [],
                    "skipped": o.skipped,
                    "untested": o.untested,
                    "report": o.report,
                }
                for o in outcomes
            ]
        )
        return
    print_training(out, outcomes)


@app.command()
def backtest(
    log: LogArgument,
    train_until: Annotated[str, typer.Option("--train-until", help="Train on what was known.")],
    test_until: Annotated[str, typer.Option("--test-until", help="Test on cutoffs before this.")],
    target: Annotated[TargetName, typer.Option("--target")] = TargetName.late_payment,
    snapshots: Annotated[Rhythm | None, typer.Option(help="Default: as in train.")] = None,
    late_after_days: Annotated[int | None, typer.Option(min=0)] = None,
    still_open_days: Annotated[int | None, typer.Option(min=1)] = None,
    write_off_horizon_days: Annotated[int | None, typer.Option(min=1)] = None,
    attributes: AttributesOption = "",
    override_leakage: OverrideOption = "",
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Boosters to average.")] = 3,
    repeats: Annotated[
        int, typer.Option(min=0, help="Bootstrap samples for the differences to the baselines.")
    ] = 400,
    threads: ThreadsOption = 0,
    scheduler: SchedulerOption = None,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train on what was known at one date and report on what came after, baselines beside.

    Example: `duecast backtest log.parquet --train-until 2024-01-01 --test-until 2024-07-01`
    """
    from training.backtest import run_backtest
    from training.fit import Recipe
    from ui.report import print_backtest

    settings = settings_now()
    decided = policy_now(
        settings,
        policy,
        late_after_days=late_after_days,
        still_open_days=still_open_days,
        write_off_horizon_days=write_off_horizon_days,
    )
    only, without = chosen_attributes(attributes)
    recipe = Recipe(
        rhythm=snapshots.value if snapshots else None,
        seeds=seeds,
        threads=threads,
        only=only,
        without=without,
    )

    def read_it() -> EventLog:
        return read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]

    with (
        opened(log, scheduler, read_it) as (events, part),
        stages("Backtest", steps=7, quiet=as_json) as say,
    ):
        found = run_backtest(
            learned_from(events),
            target.value,
            moment_of(train_until, "--train-until"),
            moment_of(test_until, "--test-until"),
            decided,
            rates_now(part, rates, decided),
            recipe,
            override=override_leakage,
            repeats=repeats,
            progress=say,
        )
    if as_json:
        print_json(found.report)
        return
    print_backtest(out, found.report)


@app.command()
def score(
    log: LogArgument,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="Moment to look from; default: the log's end.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="Also write the worklist: .csv, .parquet, .xlsx.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    scheduler: SchedulerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score every open invoice with the champions and store the ranked worklist.

    Example: `duecast score log.parquet --cutoff 2024-06-01 --out worklist.xlsx`
    """
    from serving.store import Store
    from training.registry import champions, open_registry
    from ui.report import print_run, print_worklist

    settings = settings_now()
    decided = policy_now(settings, policy)
    refuse_existing(file, overwrite)
    if file is not None and file.suffix.lower() not in {".csv", ".parquet", ".xlsx"}:
        raise DataError(f"'{file.name}' is neither .csv, .parquet nor .xlsx. Choose one of them.")
    store = Store(settings.store_url)

    def read_it() -> EventLog:
        return read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]

    with (
        opened(log, scheduler, read_it) as (events, part),
        stages("Scoring", steps=8, quiet=as_json) as say,
    ):
        moment = moment_of(cutoff, "--cutoff") if cutoff else part.ends_at
        say("champions")
        registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
        run = scoring_job(events)(
            events,
            moment,
            champions(registry),
            decided,
            rates_now(part, rates, decided),
            store,
            settings.home / "history",
            run_id=f"{timestamp(moment):%Y%m%d}-{uuid.uuid4().hex[:8]}",
            scored_at=pd.Timestamp.now(tz="UTC").tz_localize(None),  # noqa: TID251 - entry point
            log_name=name_of(log),
            progress=say,
        )
    if file is not None:
        from serving.export import export

        export(store.worklist(run.run_id, tab="all"), file)
    if as_json:
        print_json({field: getattr(run, field) for field in run.__dataclass_fields__})
        return
    print_run(out, run)
    print_worklist(out, store.worklist(run.run_id, limit=15), run.reporting_currency)


@app.command()
def worklist(
    run: Annotated[str | None, typer.Option("--run", help="Scoring run; default: latest.")] = None,
    tab: Annotated[TabName, typer.Option("--tab", help="To call, on hold, or all.")] = TabName.call,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 20,
    collector: Annotated[list[str] | None, typer.Option("--collector")] = None,
    segment: Annotated[list[str] | None, typer.Option("--segment")] = None,
    country: Annotated[list[str] | None, typer.Option("--country")] = None,
    currency: Annotated[list[str] | None, typer.Option("--currency")] = None,
    band: Annotated[list[str] | None, typer.Option("--band", help="high, medium, low.")] = None,
    company: Annotated[list[str] | None, typer.Option("--company")] = None,
    search: Annotated[str, typer.Option("--search", help="In invoice or customer.")] = "",
    file: Annotated[
        Path | None, typer.Option("--out", help="Write all rows: .csv, .parquet, .xlsx.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the stored worklist: whom to call first, and why.

    Example: `duecast worklist --collector "Emily Jones" --limit 50`
    """
    from serving.export import export
    from serving.store import Filters, Store
    from ui.report import print_run, print_totals, print_worklist

    store = Store(settings_now().store_url)
    chosen = store.run(run) if run else store.latest_run()
    filters = Filters(
        collector=tuple(collector or ()),
        segment=tuple(segment or ()),
        country=tuple(country or ()),
        currency=tuple(currency or ()),
        risk_band=tuple(band or ()),
        company=tuple(company or ()),
        search=search,
    )
    part: Any = {"call": "call", "hold": "suppressed", "all": "all"}[tab.value]
    if file is not None:
        refuse_existing(file, overwrite)
        export(store.worklist(chosen.run_id, filters, part), file)
    rows = store.worklist(chosen.run_id, filters, part, limit)
    if as_json:
        print_json(json.loads(rows.to_json(orient="records", date_format="iso")))
        return
    print_run(out, chosen)
    print_worklist(out, rows, chosen.reporting_currency, hold=tab is not TabName.call)
    print_totals(out, store.totals(chosen.run_id, filters, part), chosen.reporting_currency)


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List the registered model versions, their aliases and their test figures.

    Example: `duecast models`
    """
    from training.registry import logged_figures, open_registry, versions
    from ui.report import print_models

    settings = settings_now()
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    found = [(version, logged_figures(registry, version)) for version in versions(registry)]
    if as_json:
        print_json(
            [
                {
                    "target": version.target,
                    "version": version.version,
                    "aliases": list(version.aliases),
                    "run_id": version.run_id,
                    "metrics": figures,
                }
                for version, figures in found
            ]
        )
        return
    print_models(out, found)


@app.command()
def promote(
    target: Annotated[TargetName, typer.Argument(help="Whose champion to change.")],
    version: Annotated[str, typer.Argument(help="Version number, from `duecast models`.")],
    reason: Annotated[str, typer.Option("--reason", help="Goes on record.", prompt="Reason")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make a version the champion; the one before stays as `previous`.

    Example: `duecast promote late_payment 3 --reason "better on the last quarter"`
    """
    from training.registry import open_registry
    from training.registry import promote as promoted

    if not yes:
        typer.confirm(f"Make version {version} the champion of {target.value}?", abort=True)
    settings = settings_now()
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    found = promoted(registry, target.value, version, reason)
    out.print(f"Version {found.version} now is the champion of {found.target}.")


@app.command()
def features(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The page docs/features.md.")
    ] = False,
) -> None:
    """List the features: name, unit, meaning.

    Example: `duecast features --markdown > docs/features.md`
    """
    from features.catalogue import FEATURES, as_markdown
    from ui.report import print_features

    if markdown:
        sys.stdout.write(as_markdown())
        return
    print_features(out, FEATURES)


@app.command()
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


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser")] = True,
) -> None:
    """Open the web pages on this machine.

    Example: `duecast ui --port 8600`
    """
    settings_now()
    page = Path(__file__).with_name("app.py")
    command = [sys.executable, "-m", "streamlit", "run", str(page), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--browser.gatherUsageStats", "false"]
    command += ["--server.headless", "false" if browser else "true"]
    out.print(f"duecast on http://127.0.0.1:{port} (stop with Ctrl+C)")
    try:
        sys.exit(subprocess.run(command, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Made anew each time.")] = Path("demo"),
    invoices: Annotated[int, typer.Option(min=2000, help="How many invoices.")] = 12_000,
) -> None:
    """Run everything on a synthetic company: simulate, check, train, score, worklist.

    Example: `duecast demo`
    """
    from ui.demo import run_demo

    run_demo(out, folder, invoices)


if __name__ == "__main__":
    main()
