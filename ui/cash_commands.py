"""Commands about cash: what the open invoices will bring in, week by week."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eventlog.errors import DataError
from eventlog.log import timestamp
from ui.opening import (
    moment_of,
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


@commands.command()
def cash(
    log: LogArgument,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="Moment to look from; default: the log's end.")
    ] = None,
    weeks: Annotated[int, typer.Option(min=1, max=25, help="Weeks to forecast.")] = 12,
    file: Annotated[
        Path | None, typer.Option("--out", help="Also write the forecast: .csv or .parquet.")
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
    """Forecast the cash that open invoices bring in, by week and currency.

    Sums of open balances × the probability of payment in each week, from the champion of the
    payment curve. Invoices not issued yet are not in it.

    Example: `duecast cash log.parquet --cutoff 2024-06-01 --weeks 8`
    """
    from serving.cash import forecast_cash
    from training.registry import champion, open_registry
    from ui.curve_report import print_cash

    refuse_existing(file, overwrite)
    if file is not None and file.suffix.lower() not in {".csv", ".parquet"}:
        raise DataError(f"'{file.name}' is neither .csv nor .parquet. Choose one of them.")
    settings = settings_now()
    decided = policy_now(settings, policy)
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    model, version = champion(registry, "payment_curve")
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    moment = moment_of(cutoff, "--cutoff") if cutoff else events.ends_at
    with stages("Forecasting", steps=3, quiet=as_json) as say:
        table = forecast_cash(
            events, moment, model, decided, rates_now(events, rates, decided), weeks, say
        )
    if file is not None and file.suffix.lower() == ".csv":
        table.to_csv(file, index=False)
    elif file is not None:
        table.to_parquet(file, index=False)
    if as_json:
        print_json(
            {
                "cutoff": timestamp(moment).isoformat(),
                "version": version.version,
                "rows": table.to_dict(orient="records"),
            }
        )
        return
    print_cash(out, table, moment, version.version)
