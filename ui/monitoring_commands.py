"""The command that watches the champions."""

from __future__ import annotations

import json
from typing import Annotated, Any

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
    ModelName,
    PolicyOption,
    QueryOption,
    RatesOption,
    SheetOption,
)
from ui.progress import stages

commands = typer.Typer()

#: Exit code when someone should look.
ALARM = 1


@commands.command()
def monitor(
    log: LogArgument,
    target: Annotated[
        list[ModelName] | None, typer.Option("--target", help="Default: all with a champion.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Look at cutoffs from here on; default: since training."),
    ] = None,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what has come since training with what the champions were trained on.

    Drift of features and scores, calibration and quality on matured labels by scoring cohort,
    estimated quality before they mature; the payment curve is watched at 30 days. Writes a run to
    MLflow. Exit code 0: quiet, or merely worth retraining; 1: someone should look; 2: bad input.

    Example: `duecast monitor log.parquet --target late_payment`
    """
    from training.monitoring import monitor as watch
    from training.registry import open_registry
    from ui.monitoring_report import print_monitoring

    settings = settings_now()
    decided = policy_now(settings, policy)
    begin = moment_of(since, "--since") if since else None
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    models = _models(registry, target)
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    known_rates = rates_now(events, rates, decided)
    found = []
    with stages("Monitoring", steps=3 * len(models), quiet=as_json) as say:
        for name, (model, version) in models.items():

            def tell(stage: str, name: str = name) -> None:
                say(f"{name}: {stage}")

            seen = watch(events, model, decided, known_rates, since=begin, progress=tell)
            found.append({"version": version.version, "log": name_of(log), **seen.report})
    for report, (_, version) in zip(found, models.values(), strict=True):
        report["run_id"] = _record(registry, version, report, events.fingerprint)
    if as_json:
        print_json({"verdict": _gravest(found), "targets": found})
    else:
        for report in found:
            print_monitoring(out, report)
    if _gravest(found) == "alarm":
        raise typer.Exit(ALARM)


def _models(registry: Any, target: list[ModelName] | None) -> dict[str, Any]:
    """The champions asked for, by target; all there are if none was named.

    Raises
    ------
    NotReadyError
        If there is none.
    """
    from eventlog.errors import NotReadyError
    from training.registry import champion, champions

    if target:
        return {each.value: champion(registry, each.value) for each in target}
    found: dict[str, Any] = champions(registry)
    if not found:
        raise NotReadyError("There is no champion to watch. Train one with `duecast train LOG`.")
    return found


def _gravest(found: list[dict[str, Any]]) -> str:
    verdicts = {report["verdict"] for report in found}
    return next(v for v in ("alarm", "retraining worthwhile", "quiet") if v in verdicts)


def _record(registry: Any, version: Any, report: dict[str, Any], fingerprint: str) -> str:
    """Write one target's run to MLflow; returns its id."""
    from training.monitoring import series_of
    from training.monitoring_record import log_monitoring
    from ui.monitoring_report import monitoring_page

    run_id: str = log_monitoring(
        registry,
        version,
        tags={"verdict": report["verdict"], "log_fingerprint": fingerprint},
        parameters={
            name: report[name]
            for name in ("log", "train_until", "since", "log_end", "snapshots", "n_train")
        },
        metrics={
            "rows": report["n_rows"],
            "matured": report["n_matured"],
            "rules_fired": sum(rule["fired"] for rule in report["rules"]),
            "alarm": float(report["verdict"] == "alarm"),
        },
        series=series_of(report),
        files={
            "monitoring.json": json.dumps(report, indent=1, default=str),
            "monitoring.html": monitoring_page(report),
        },
    )
    return run_id
