"""Commands that look for a better recipe, and that tell what each part of a model adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from eventlog.errors import SettingsError
from eventlog.log import EventLog, timestamp
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
    JsonOption,
    LogArgument,
    MappingOption,
    OverrideOption,
    PolicyOption,
    QueryOption,
    RatesOption,
    Rhythm,
    SheetOption,
    TargetName,
    ThreadsOption,
)
from ui.progress import stages

commands = typer.Typer()

KnownUntilOption = Annotated[
    str | None,
    typer.Option(
        "--known-until",
        help="Look at nothing that became known from this date on, labels of the test rows "
        "included; default: the whole log.",
    ),
]
RecipeOption = Annotated[
    Path | None, typer.Option("--recipe", help="Recipe file of `duecast tune`.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the file.")]


@commands.command()
def tune(
    log: LogArgument,
    train_until: Annotated[
        str | None,
        typer.Option(
            "--train-until",
            help="Use what was known before this date; default: before the latest quarter of the "
            "labelled rows, on which train and promote will test.",
        ),
    ] = None,
    target: Annotated[TargetName, typer.Option("--target")] = TargetName.late_payment,
    minutes: Annotated[
        float, typer.Option(min=0, help="Time for the search and the check of the finalists.")
    ] = 30,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Trials in all, earlier ones included; default: time decides."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Trials at a time, each on one thread if above 1.")
    ] = 1,
    out_path: Annotated[
        Path | None, typer.Option("--out", help="Recipe file to write, for train and backtest.")
    ] = None,
    overwrite: OverwriteOption = False,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Begin anew, or go on with earlier trials.")
    ] = False,
    folds: Annotated[
        int, typer.Option(min=1, max=12, help="Stretches of time that judge a trial.")
    ] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    snapshots: Annotated[Rhythm | None, typer.Option(help="Default: as in train.")] = None,
    late_after_days: Annotated[int | None, typer.Option(min=0)] = None,
    still_open_days: Annotated[int | None, typer.Option(min=1)] = None,
    write_off_horizon_days: Annotated[int | None, typer.Option(min=1)] = None,
    attributes: AttributesOption = "",
    override_leakage: OverrideOption = "",
    threads: ThreadsOption = 0,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search for LightGBM parameters, recency and features that predict better.

    Trials are judged on later stretches of the training period. The search goes on where it was
    left: Ctrl+C keeps what is done. The best recipe is adopted only if it beats the default by
    more than the noise; otherwise the file holds the default.

    Example: `duecast tune log.parquet --train-until 2024-01-01 --minutes 30 --out recipe.json`
    """
    import time

    from training.ablation import gather_train
    from training.examples import source_of
    from training.fit import Recipe
    from training.gate import lint, refuse
    from training.recipe_file import as_text, write_recipe
    from training.registry import open_registry
    from training.tuning import (
        Trial,
        open_study,
        record_under,
        recorded_under,
        study_name,
        task_of,
    )
    from training.tuning import tune as search
    from training.tuning_record import close_tuning, log_trial, open_tuning
    from ui.tuning_report import print_tuning, tuning_as_dict

    refuse_existing(out_path, overwrite)
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
        inner_folds=folds,
        threads=threads,
        only=only,
        without=without,
    )
    begun = time.monotonic()
    events = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]
    with stages("Tuning", quiet=as_json) as say:
        say("features", 0.0)
        if train_until:
            until = moment_of(train_until, "--train-until")
        else:
            until = _before_the_test(events, target.value, recipe, decided)
        known = source_of(events).before(until)
        examples, encoding, recipe = gather_train(
            known, target.value, until, decided, rates_now(events, rates, decided), recipe
        )
        refuse(target.value, lint(encoding, examples.matrix, examples.y, decided), override_leakage)
        say("ranking features", 0.0)
        task = task_of(examples, encoding, target.value, decided, recipe)
        name = study_name(task, until, known.facts())
        study = open_study(
            f"sqlite:///{(settings.home / 'tuning.db').as_posix()}", name, fresh=fresh
        )
        registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
        facts = known.facts() | {
            "log": name_of(log),
            "target": target.value,
            "train_until": f"{timestamp(until):%Y-%m-%d}",
            "snapshots": recipe.rhythm,
            "rows": len(examples.y),
            "folds": folds,
        }
        run_id = open_tuning(registry, name, parameters=facts, run_id=recorded_under(study))
        record_under(study, run_id)

        def told(trial: Trial) -> None:
            metrics = {"log_loss": trial.loss} | {
                f"log_loss_{i}": loss for i, loss in enumerate(trial.losses)
            }
            log_trial(
                registry,
                run_id,
                trial.number,
                parameters=trial.parameters,
                metrics=metrics,
                pruned=trial.pruned,
            )

        try:
            found = search(
                task,
                study,
                clock=time.monotonic,
                seconds=max(60 * minutes - (time.monotonic() - begun), 0.0),
                trials=trials,
                jobs=jobs,
                seed=seed,
                told=told,
                progress=say,
            )
        except BaseException:
            close_tuning(registry, run_id, status="KILLED")
            raise
        close_tuning(
            registry,
            run_id,
            metrics={"best.log_loss": found.best.loss, "default.log_loss": found.default.loss},
            files={"recipe.json": as_text(found.recipe)},
        )
    chosen = found.recipe.chosen | {"known_until": timestamp(until).isoformat()}
    found = replace(found, recipe=replace(found.recipe, chosen=chosen))
    if out_path is not None:
        write_recipe(out_path, found.recipe)
    if as_json:
        print_json(tuning_as_dict(found))
        return
    print_tuning(out, found)
    if out_path is not None:
        out.print(f"Written to {out_path}. Use it with `duecast train LOG --recipe {out_path}`.")
    else:
        out.print("Add `--minutes 0 --out recipe.json` to write it without searching on.")


def _before_the_test(events: EventLog, target: Any, recipe: Any, policy: Any) -> int:
    """Moment from which on train and promote test by default; the log's end without labels."""
    from training.examples import source_of
    from training.promotion import latest_share

    rhythm: Any = "posting" if recipe.rhythm == "posting" else "monthly"
    until = events.ends_at + 1
    cutoffs, _, _ = source_of(events).outcomes(target, rhythm, until, policy)
    return latest_share(cutoffs) if len(cutoffs) else until


@commands.command()
def ablate(
    log: LogArgument,
    train_until: Annotated[
        list[str],
        typer.Option(
            "--train-until",
            help="Train on what was known; give it several times for rolling origins, each tested "
            "up to the next.",
        ),
    ],
    test_until: Annotated[str, typer.Option("--test-until", help="Test on cutoffs before this.")],
    target: Annotated[TargetName, typer.Option("--target")] = TargetName.late_payment,
    by: Annotated[
        str, typer.Option("--by", help="Take features away by 'family' or by 'group'.")
    ] = "family",
    known_until: KnownUntilOption = None,
    recipe_path: RecipeOption = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Also write the table to this file.")
    ] = None,
    overwrite: OverwriteOption = False,
    snapshots: Annotated[Rhythm | None, typer.Option(help="Default: as in train.")] = None,
    late_after_days: Annotated[int | None, typer.Option(min=0)] = None,
    still_open_days: Annotated[int | None, typer.Option(min=1)] = None,
    write_off_horizon_days: Annotated[int | None, typer.Option(min=1)] = None,
    attributes: AttributesOption = "",
    override_leakage: OverrideOption = "",
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Boosters to average.")] = 1,
    repeats: Annotated[int, typer.Option(min=0, help="Bootstrap samples.")] = 400,
    threads: ThreadsOption = 0,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what each family of features adds, and what constraints, recency and weights do.

    Each variant is trained and tested on the same rows as the full model. Give --train-until
    several times for rolling origins.

    Example: `duecast ablate log.parquet --train-until 2023-07-01 --test-until 2024-01-01`
    """
    from training.ablation import ablate as compare
    from training.examples import source_of
    from training.fit import Recipe
    from training.recipe_file import read_recipe
    from ui.tuning_report import ablation_as_dict, ablation_as_markdown, print_ablation

    refuse_existing(markdown, overwrite)
    if by not in ("family", "group"):
        raise SettingsError(f"--by is '{by}'. Write 'family' or 'group'.")
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
    if recipe_path is not None:
        recipe = read_recipe(recipe_path).applied(recipe, target.value)
    dates = [moment_of(day, "--train-until") for day in train_until]
    dates.append(moment_of(test_until, "--test-until"))
    events: EventLog = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)[0]
    source: Any = source_of(events)
    if known_until is not None:
        source = source.before(moment_of(known_until, "--known-until"))
    with stages("Ablation", steps=25 * len(train_until), quiet=as_json) as say:
        found = compare(
            source,
            target.value,
            dates,
            decided,
            rates_now(events, rates, decided),
            recipe,
            by=by,
            repeats=repeats,
            override=override_leakage,
            progress=say,
        )
    if markdown is not None:
        markdown.write_text(ablation_as_markdown(found), encoding="utf-8")
    if as_json:
        print_json(ablation_as_dict(found))
        return
    print_ablation(out, found)
