"""Runs and model versions in MLflow; the only module that imports it.

A version's files are LightGBM text and JSON. The alias ``champion`` names the version that serves;
it is moved last, so a training that is killed leaves the champion as it was.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from eventlog.errors import NotFoundError, NotReadyError
from training.labels import TARGETS
from training.model import RiskModel, load_model, save_model

EXPERIMENT = "duecast"


@dataclass(frozen=True)
class Registry:
    """A connection to MLflow."""

    client: MlflowClient
    experiment_id: str


@dataclass(frozen=True)
class Version:
    """A registered model version.

    Attributes
    ----------
    target : str
    version : str
    run_id : str
    aliases : tuple of str
        ``champion``, ``challenger`` or ``previous``.
    tags : dict of str to str
    """

    target: str
    version: str
    run_id: str
    aliases: tuple[str, ...]
    tags: dict[str, str]


def model_name(target: str) -> str:
    """Registered name of a target's model."""
    return f"duecast-{target.replace('_', '-')}"


def open_registry(tracking_uri: str, artifacts: Path) -> Registry:
    """Connect to MLflow, creating the experiment on first use.

    Parameters
    ----------
    tracking_uri : str
        For example ``sqlite:///…/mlruns/mlflow.db``.
    artifacts : Path
        Where a local tracking store keeps files; a server decides for itself.
    """
    local = tracking_uri.startswith("sqlite:")
    if local:
        Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(tracking_uri=tracking_uri)
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return Registry(client, found.experiment_id)
    location = artifacts.absolute().as_uri() if local else None
    return Registry(client, client.create_experiment(EXPERIMENT, artifact_location=location))


def register(
    registry: Registry,
    model: RiskModel,
    *,
    parameters: dict[str, Any],
    metrics: dict[str, float],
    tags: dict[str, str],
    files: dict[str, str],
    figures: Path | None = None,
) -> Version:
    """Log a run with its model, register the version, and give it an alias.

    The first version of a target becomes ``champion``, later ones ``challenger``.

    Parameters
    ----------
    parameters, metrics, tags : dict
        What the run records.
    files : dict of str to str
        Name to text, kept beside the model.
    figures : Path, optional
        Folder of pictures.

    Returns
    -------
    Version
    """
    client = registry.client
    run = client.create_run(registry.experiment_id, run_name=f"train {model.target}", tags=tags)
    run_id = run.info.run_id
    try:
        for name, value in parameters.items():
            client.log_param(run_id, name, str(value)[:6000])
        for name, number in metrics.items():
            client.log_metric(run_id, name, number)
        with tempfile.TemporaryDirectory() as folder:
            save_model(model, Path(folder) / "model")
            client.log_artifacts(run_id, folder)
        for name, text in files.items():
            client.log_text(run_id, text, name)
        if figures is not None:
            client.log_artifacts(run_id, str(figures), "figures")
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    name = model_name(model.target)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"{run.info.artifact_uri}/model"
    made = client.create_model_version(name, source, run_id, tags=tags)
    alias = "challenger" if _aliased(registry, name, "champion") else "champion"
    client.set_registered_model_alias(name, alias, made.version)
    return Version(model.target, str(made.version), run_id, (alias,), tags)


def _aliased(registry: Registry, name: str, alias: str) -> ModelVersion | None:
    try:
        return registry.client.get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def champion(registry: Registry, target: str) -> tuple[RiskModel, Version]:
    """The version that serves a target.

    Raises
    ------
    NotReadyError
        If there is none.
    """
    found = _aliased(registry, model_name(target), "champion")
    if found is None:
        raise NotReadyError(
            f"There is no champion for {target}. Train one with `duecast train LOG`."
        )
    return load_version(registry, found), _version(target, found, ("champion",))


def load_version(registry: Registry, version: ModelVersion) -> RiskModel:
    """Load the files of a registered version."""
    with tempfile.TemporaryDirectory() as folder:
        path = registry.client.download_artifacts(str(version.run_id), "model", folder)
        return load_model(Path(path))


def champions(registry: Registry) -> dict[str, tuple[RiskModel, Version]]:
    """Every target's champion, where there is one."""
    found: dict[str, tuple[RiskModel, Version]] = {}
    for target in TARGETS:
        if _aliased(registry, model_name(target), "champion") is not None:
            found[target] = champion(registry, target)
    return found


def _version(target: str, found: ModelVersion, aliases: tuple[str, ...]) -> Version:
    return Version(target, str(found.version), str(found.run_id), aliases, dict(found.tags or {}))


def versions(registry: Registry) -> list[Version]:
    """All versions of all targets, newest first within a target."""
    found = []
    for target in TARGETS:
        name = model_name(target)
        try:
            aliases = registry.client.get_registered_model(name).aliases
        except MlflowException:
            continue
        for version in registry.client.search_model_versions(f"name='{name}'"):
            own = tuple(a for a, number in aliases.items() if str(number) == str(version.version))
            found.append(_version(target, version, own))
    order: dict[str, int] = {target: i for i, target in enumerate(TARGETS)}
    return sorted(found, key=lambda v: (order[v.target], -int(v.version)))


def promote(registry: Registry, target: str, version: str, reason: str) -> Version:
    """Make a version the champion; the one before becomes ``previous``.

    Raises
    ------
    NotFoundError
        If the target has no such version.
    """
    name = model_name(target)
    try:
        found = registry.client.get_model_version(name, version)
    except MlflowException as error:
        known = [v.version for v in versions(registry) if v.target == target]
        raise NotFoundError(
            f"{target} has no version {version}; it has {known or 'none'}. See `duecast models`."
        ) from error
    before = _aliased(registry, name, "champion")
    if before is not None and str(before.version) != str(version):
        registry.client.set_registered_model_alias(name, "previous", before.version)
    registry.client.set_model_version_tag(name, version, "promoted_because", reason)
    registry.client.set_registered_model_alias(name, "champion", version)
    challenger = _aliased(registry, name, "challenger")
    if challenger is not None and str(challenger.version) == str(version):
        registry.client.delete_registered_model_alias(name, "challenger")
    return _version(target, found, ("champion",))


def report_of(registry: Registry, version: Version) -> dict[str, Any]:
    """The test report that was logged with a version."""
    with tempfile.TemporaryDirectory() as folder:
        path = registry.client.download_artifacts(version.run_id, "report.json", folder)
        report: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return report


def logged_figures(registry: Registry, version: Version) -> dict[str, float]:
    """Test metrics that were logged with a version, by name."""
    found = registry.client.get_run(version.run_id).data.metrics
    return {
        name.removeprefix("test."): value
        for name, value in found.items()
        if name.startswith("test.")
    }
