"""A look at a champion on record: figures by scoring cohort, the report as JSON and as a page."""

from __future__ import annotations

from typing import Any

from training.registry import Registry, Version


def log_monitoring(
    registry: Registry,
    version: Version,
    *,
    parameters: dict[str, Any],
    metrics: dict[str, float],
    series: dict[str, dict[int, float]],
    tags: dict[str, str],
    files: dict[str, str],
) -> str:
    """Log a run that watched a champion; see `training.monitoring`.

    Parameters
    ----------
    version : Version
        Whom it watched.
    parameters, metrics, tags : dict
        What the run records.
    series : dict of str to dict of int to float
        Figures by scoring cohort: name to month, as 202405, to value.
    files : dict of str to str
        Name to text.

    Returns
    -------
    str
        The run's id.
    """
    client = registry.client
    tags = tags | {"kind": "monitoring", "target": version.target, "version": version.version}
    name = f"monitor {version.target}"
    run_id: str = client.create_run(registry.experiment_id, run_name=name, tags=tags).info.run_id
    try:
        for key, value in parameters.items():
            client.log_param(run_id, key, str(value)[:6000])
        for key, number in metrics.items():
            client.log_metric(run_id, key, number)
        for key, by_month in series.items():
            for month, number in by_month.items():
                client.log_metric(run_id, f"cohort.{key}", number, step=month)
        for file, text in files.items():
            client.log_text(run_id, text, file)
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id
