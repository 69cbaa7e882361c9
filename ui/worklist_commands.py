"""Commands that score open invoices and show the worklist."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from eventlog.errors import DataError
from eventlog.log import EventLog, timestamp
from ui.opening import (
    moment_of,
    name_of,
    opened,
    out,
    policy_now,
    print_json,
    rates_now,
    read,
    refuse_existing,
    scoring_job,
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
    SchedulerOption,
    SheetOption,
    TabName,
)
from ui.progress import stages

commands = typer.Typer()


@commands.command()
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
    from ui.worklist_report import print_run, print_worklist

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


@commands.command()
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
    from ui.worklist_report import print_run, print_totals, print_worklist

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
