"""Commands about registered models: which there are, and which serve."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.opening import (
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
    ModelName,
    PolicyOption,
    QueryOption,
    RatesOption,
    SheetOption,
    ThreadsOption,
)
from ui.progress import stages

commands = typer.Typer()


@commands.command()
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
                    "promoted_because": version.tags.get("promoted_because", ""),
                    "metrics": figures,
                }
                for version, figures in found
            ]
        )
        return
    print_models(out, found)


@commands.command()
def promote(
    log: LogArgument,
    target: Annotated[ModelName, typer.Argument(help="Whose champion to change.")],
    version: Annotated[
        str, typer.Option("--version", help="Number from `duecast models`; default: challenger.")
    ] = "challenger",
    reason: Annotated[str, typer.Option("--reason", help="Goes on record.")] = "",
    override: Annotated[
        str,
        typer.Option("--override", help="Promote although the checks object; say why."),
    ] = "",
    repeats: Annotated[
        int, typer.Option(min=50, help="Bootstrap samples behind the intervals.")
    ] = 400,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    threads: ThreadsOption = 0,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a challenger with the champion on fresh rows of LOG; let it serve if it passes.

    It has to be free of leaks, calibrated, no worse where the team works, and to harm no group; a
    first champion has to beat every baseline. The champion before stays as `previous`, see
    `duecast rollback`. Exit code 1 means refused.

    Example: `duecast promote log.parquet late_payment --reason "retrained on the last quarter"`
    """
    from training.appointments import appoint, holder, record
    from training.curve_promotion import compare_curves
    from training.examples import InMemory
    from training.promotion import compare, policy_of, same_question
    from training.registry import find_version, load_version, open_registry
    from ui.promotion_report import print_decision

    settings = settings_now()
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    chosen = find_version(registry, target.value, version)
    serving = holder(registry, target.value, "champion")
    if serving is not None and serving.version == chosen.version:
        out.print(f"Version {chosen.version} is the champion of {target.value} already.")
        return
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    challenger = load_version(registry, chosen)
    now = (serving.version, load_version(registry, serving)) if serving else None
    decided = policy_of(challenger, policy_now(settings, policy))
    if now is not None and not same_question(challenger, now[1]):
        out.print(
            f"The champion, version {now[0]}, answers another question: version {chosen.version} "
            "is judged as a first champion."
        )
        now = None
    terms = {"threads": threads, "repeats": repeats}
    with stages("Comparing", steps=7, quiet=as_json) as say:
        source, rate_table = InMemory(events), rates_now(events, rates, decided)
        if target is ModelName.payment_curve:
            decision = compare_curves(
                source, chosen.version, challenger, now, decided, rate_table, progress=say, **terms
            )
        else:
            decision = compare(
                source,
                target.value,
                chosen.version,
                challenger,
                now,
                decided,
                rate_table,
                progress=say,
                **terms,
            )
    serve = decision.accepted or bool(override)
    if not as_json:
        print_decision(out, decision)
    if serve and not yes:
        typer.confirm(
            f"Make version {chosen.version} the champion of {target.value}?", abort=True, err=True
        )
    because = reason or f"passed every check on {name_of(log)}"
    if serve:
        appoint(registry, chosen, decision, because, "" if decision.accepted else override)
    else:
        record(registry, decision, "refused", reason)
    if as_json:
        print_json(decision.as_dict() | {"serves": serve, "override": override})
    elif serve:
        how = "" if decision.accepted else " by override, which is on record"
        out.print(f"Version {chosen.version} now is the champion of {target.value}{how}.")
    else:
        out.print(
            f"[bold]Version {chosen.version} of {target.value} is refused[/] and stays as it was. "
            'Who knows better may add --override "why"; it goes on record.'
        )
    if not serve:
        raise typer.Exit(1)


@commands.command()
def rollback(
    target: Annotated[ModelName, typer.Argument(help="Whose champion to take back.")],
    reason: Annotated[str, typer.Option("--reason", help="Goes on record.", prompt="Reason")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let the previous champion serve again.

    Example: `duecast rollback late_payment --reason "alarm on the March cohort"`
    """
    from training.appointments import roll_back
    from training.registry import open_registry

    settings = settings_now()
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    if not yes:
        typer.confirm(
            f"Let the previous champion of {target.value} serve again?", abort=True, err=True
        )
    restored, replaced = roll_back(registry, target.value, reason)
    out.print(
        f"Version {restored.version} is the champion of {target.value} again; version "
        f"{replaced.version} serves no longer."
    )
