"""Commands that train and test models."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from eventlog.errors import SettingsError
from eventlog.log import DAY, EventLog
from ui.opening import (
    chosen_attributes,
    learned_from,
    moment_of,
    name_of,
    opened,
    out,
    policy_now,
    print_json,
    rates_now,
    read,
    settings_now,
)
from ui.options import (
    AttributesOption,
    DayFirstOption,
    JsonOption,
    LogArgument,
    MappingOption,
    ModelName,
    OverrideOption,
    PolicyOption,
    QueryOption,
    RatesOption,
    RecipeOption,
    RecipesOption,
    Rhythm,
    SchedulerOption,
    SheetOption,
    ThreadsOption,
)
from ui.progress import stages

commands = typer.Typer()


class Stretch(StrEnum):
    """Stretch of time in which a team's calls are counted."""

    day = "day"
    week = "week"
    month = "month"


@commands.command()
def train(
    log: LogArgument,
    train_until: Annotated[
        str | None,
        typer.Option("--train-until", help="Use what was known before this date; default: all."),
    ] = None,
    target: Annotated[
        list[ModelName] | None,
        typer.Option("--target", help="Default: all three questions and the payment curve."),
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
    serve_anyway: Annotated[
        str,
        typer.Option(
            "--serve-anyway",
            help="Let a first version serve although the checks of its test object; say why.",
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Boosters to average.")] = 3,
    recipe_files: RecipesOption = None,
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

    Versions wait for `duecast promote`. Where none serves yet, the first serves at once if its own
    test passes the checks: calibrated, and better than every baseline. Exit code 1 means that the
    leakage linter stopped a target.

    Example: `duecast train log.parquet --train-until 2024-01-01`
    """
    from training.fit import Recipe
    from training.labels import MODELS
    from training.recipe_file import read_recipe
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
    read_recipes = [read_recipe(path) for path in recipe_files or ()]
    recipes = {found.target: found.applied(recipe, found.target) for found in read_recipes}
    wanted = tuple(t.value for t in target) if target else MODELS

    def read_it() -> EventLog:
        return read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]

    with (
        opened(log, scheduler, read_it) as (events, part),
        stages("Training", steps=14 * len(wanted), quiet=as_json) as say,
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
            recipes=recipes,
            log_name=name_of(log),
            override=override_leakage,
            serve_anyway=serve_anyway,
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
                    "leaks": o.leaks,
                    "objections": list(o.decision.objections) if o.decision else [],
                    "untested": o.untested,
                    "report": o.report,
                }
                for o in outcomes
            ]
        )
    else:
        print_training(out, outcomes)
    if any(outcome.leaks for outcome in outcomes):
        raise typer.Exit(1)


@commands.command()
def backtest(
    log: LogArgument,
    train_until: Annotated[str, typer.Option("--train-until", help="Train on what was known.")],
    test_until: Annotated[str, typer.Option("--test-until", help="Test on cutoffs before this.")],
    target: Annotated[ModelName, typer.Option("--target")] = ModelName.late_payment,
    snapshots: Annotated[Rhythm | None, typer.Option(help="Default: as in train.")] = None,
    late_after_days: Annotated[int | None, typer.Option(min=0)] = None,
    still_open_days: Annotated[int | None, typer.Option(min=1)] = None,
    write_off_horizon_days: Annotated[int | None, typer.Option(min=1)] = None,
    attributes: AttributesOption = "",
    override_leakage: OverrideOption = "",
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Boosters to average.")] = 3,
    repeats: Annotated[
        int, typer.Option(min=0, help="Bootstrap samples for the intervals; 0: none.")
    ] = 400,
    origins: Annotated[
        int,
        typer.Option(min=1, help="Cut the test into so many stretches, each with its own model."),
    ] = 1,
    embargo_days: Annotated[
        int,
        typer.Option("--embargo-days", min=0, help="Days before a test that no model knows."),
    ] = 0,
    call_cost: Annotated[
        float, typer.Option(min=0, help="What a call costs, in the log's money.")
    ] = 5.0,
    calls_per: Annotated[
        Stretch | None,
        typer.Option(help="Count a team's calls by this; default: week, month for monthly rows."),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Folder to draw figures into, as PNG.")
    ] = None,
    recipe_file: RecipeOption = None,
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

    With --origins 4 the test is cut into four stretches, at starts of months where possible; each
    is predicted by a model that knows what was known when it begins, less the embargo.

    Example: `duecast backtest log.parquet --train-until 2024-01-01 --test-until 2024-07-01`

    Example: `duecast backtest log.parquet --train-until 2023-01-01 --test-until 2024-01-01
    --origins 4 --figures figures`
    """
    from training.backtest import run_backtest
    from training.curve_backtest import run_curve_backtest
    from training.curve_plots import draw_curve
    from training.fit import Recipe
    from training.origins import run_rolling
    from training.plots import draw_origins, draw_test
    from training.recipe_file import read_recipe
    from ui.curve_report import print_curve_report
    from ui.report import print_backtest, print_origins

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
    if recipe_file is not None:
        recipe = read_recipe(recipe_file).applied(recipe, target.value)

    def read_it() -> EventLog:
        return read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]

    since = moment_of(train_until, "--train-until")
    until = moment_of(test_until, "--test-until")
    if until <= since:
        raise SettingsError(
            f"--test-until is {test_until}, not after --train-until {train_until}. Choose a later "
            "date."
        )
    curve = target is ModelName.payment_curve
    if curve and (origins > 1 or embargo_days):
        raise SettingsError(
            "The payment curve is tested from one date on: leave out --origins and --embargo-days."
        )
    per = calls_per.value if calls_per else None
    with (
        opened(log, scheduler, read_it) as (events, part),
        stages("Backtest", steps=7 * origins + 2, quiet=as_json) as say,
    ):
        common = (decided, rates_now(part, rates, decided), recipe)
        said: dict[str, Any] = {"repeats": repeats, "progress": say}
        more = said | {"override": override_leakage, "call_cost": call_cost, "per": per}
        source, asked = learned_from(events), cast(Any, target.value)
        draw: Callable[[Path], list[Path]]
        if curve:
            tested = run_curve_backtest(source, since, until, *common, **said)
            report, draw, show = tested.report, partial(draw_curve, tested), print_curve_report
        elif origins > 1:
            rolling = run_rolling(
                source,
                asked,
                since,
                until,
                *common,
                origins=origins,
                embargo_days=embargo_days,
                **more,
            )
            report, draw, show = rolling.report, partial(draw_origins, rolling), print_origins
        else:
            known = since - embargo_days * DAY
            single = run_backtest(source, asked, known, until, *common, test_since=since, **more)
            report, draw, show = single.report, partial(draw_test, single), print_backtest
        drawn: list[Path] = []
        if figures is not None:
            say("figures")
            figures.mkdir(parents=True, exist_ok=True)
            drawn = draw(figures)
    if as_json:
        print_json(report)
        return
    show(out, report)
    if drawn:
        out.print(f"{len(drawn)} figures in {figures}.")
