"""The command that prints the provision matrix and the expected credit loss."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.opening import (
    moment_of,
    name_of,
    out,
    policy_now,
    print_json,
    rates_now,
    read,
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
def provision(
    log: LogArgument,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="Moment to look from; default: the log's end.")
    ] = None,
    months: Annotated[
        int, typer.Option("--months", help="Months before it over which balances are followed.")
    ] = 12,
    forward: Annotated[
        float,
        typer.Option("--forward", help="Forward-looking: 0.1 raises write-off rates by a tenth."),
    ] = 0.0,
    write_off_horizon_days: Annotated[
        int | None, typer.Option(min=1, help="Without a champion, whose own horizon holds.")
    ] = None,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print roll rates, loss rates and expected credit loss by ageing bucket, the model beside.

    The model is the champion for write_off; without one the provision matrix stands alone.

    Example: `duecast provision log.parquet --cutoff 2024-06-01 --forward 0.1`
    """
    from serving.expected_credit_loss import expected_credit_loss
    from training.registry import champions, open_registry
    from ui.provision_report import print_provision

    settings = settings_now()
    decided = policy_now(settings, policy, write_off_horizon_days=write_off_horizon_days)
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    with stages("Provision", steps=5, quiet=as_json) as say:
        say("champions")
        registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
        found = champions(registry)
        result = expected_credit_loss(
            events,
            moment_of(cutoff, "--cutoff") if cutoff else events.ends_at,
            decided,
            rates_now(events, rates, decided),
            models={target: model for target, (model, _) in found.items()},
            months=months,
            forward=forward,
            progress=say,
        )
    version = found["write_off"][1].version if "write_off" in found else None
    if as_json:
        print_json({"log": name_of(log), "model_write_off": version, **result.as_dict()})
        return
    print_provision(out, result, name_of(log), version)
