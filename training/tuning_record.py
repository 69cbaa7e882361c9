"""A search for a recipe on record: one run, and one below it for each trial."""

from __future__ import annotations

from typing import Any

from training.registry import Registry


def open_tuning(
    registry: Registry, study: str, *, parameters: dict[str, Any], run_id: str = ""
) -> str:
    """Begin the record of a search for a recipe, or go on with it.

    Parameters
    ----------
    study : str
        The search's name.
    parameters : dict
        What the search is about; recorded when it begins.
    run_id : str
        The record that the search had when it was last open. A new one begins where MLflow does
        not know it.

    Returns
    -------
    str
        Id of the run under which `log_trial` puts the trials.
    """
    client = registry.client
    if run_id:
        known = client.search_runs([registry.experiment_id], f"attributes.run_id = '{run_id}'")
        if known:
            client.update_run(run_id, status="RUNNING")
            return run_id
    tags = {"kind": "tuning", "study": study}
    run = client.create_run(registry.experiment_id, run_name=f"tune {study}", tags=tags)
    _log(registry, run.info.run_id, parameters, {})
    return str(run.info.run_id)


def log_trial(
    registry: Registry,
    parent_run_id: str,
    number: int,
    *,
    parameters: dict[str, Any],
    metrics: dict[str, float],
    pruned: bool = False,
) -> str:
    """Record a trial as a child run; one that was given up early ends as ``KILLED``."""
    client = registry.client
    tags = {"mlflow.parentRunId": parent_run_id, "kind": "trial"}
    run = client.create_run(registry.experiment_id, run_name=f"trial {number}", tags=tags)
    _log(registry, run.info.run_id, parameters, metrics)
    client.set_terminated(run.info.run_id, "KILLED" if pruned else "FINISHED")
    return str(run.info.run_id)


def close_tuning(
    registry: Registry,
    parent_run_id: str,
    *,
    metrics: dict[str, float] | None = None,
    files: dict[str, str] | None = None,
    status: str = "FINISHED",
) -> None:
    """End the record of a search with its result; ``KILLED`` where it was broken off."""
    client = registry.client
    _log(registry, parent_run_id, {}, metrics or {})
    for name, text in (files or {}).items():
        client.log_text(parent_run_id, text, name)
    client.set_terminated(parent_run_id, status)


def _log(
    registry: Registry, run_id: str, parameters: dict[str, Any], metrics: dict[str, float]
) -> None:
    for name, value in parameters.items():
        registry.client.log_param(run_id, name, str(value)[:6000])
    for name, number in metrics.items():
        registry.client.log_metric(run_id, name, number)
