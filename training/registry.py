"""Runs and model versions in MLflow; with `training.served_model` the only module that imports it.

A version's files are LightGBM text and JSON, and the code with which MLflow serves them: see
`save_served`. The alias ``champion`` names the version that serves; it is moved last, so a training
that is killed leaves the champion as it was.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import pyfunc
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType

from eventlog.errors import NotFoundError, NotReadyError
from training.labels import MODELS
from training.model import RiskModel, load_model, save_model

EXPERIMENT = "duecast"
#: The code that MLflow runs to serve a version, and what it calls the model's own files.
CODE = Path(__file__).with_name("served_model.py")
RISK_MODEL = "risk_model"
#: What serving a version takes, for its requirements.txt.
SERVED_WITH = ("duecast", "lightgbm", "mlflow", "numpy", "pandas", "scikit-learn")


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
    card: Callable[[Version, Mapping[str, str]], Mapping[str, str]] | None = None,
) -> Version:
    """Log a run with its model and register the version as ``challenger``.

    Who serves is decided elsewhere, see `training.appointments`. Besides what is handed in, the run
    records the model's `fingerprint` and the libraries it was made with.

    Parameters
    ----------
    parameters, metrics, tags : dict
        What the run records.
    files : dict of str to str
        Name to text, kept beside the model.
    figures : Path, optional
        Folder of pictures.
    card : callable, optional
        Gives the texts of the model card, name to text, from the version and from what its run
        recorded; see `training.card.card_texts`. They are kept beside the figures.

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
            save_served(model, Path(folder) / "model", run_id)
            client.log_param(run_id, "model_fingerprint", fingerprint(model))
            client.log_param(run_id, "libraries", ", ".join(_requirements()))
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
    version = Version(model.target, str(made.version), run_id, ("challenger",), tags)
    texts = card(version, record_of(registry, version)) if card else {}
    for file, text in texts.items():
        client.log_text(run_id, text, file)
    client.set_registered_model_alias(name, "challenger", made.version)
    return version


def save_served(model: RiskModel, folder: Path, run_id: str | None = None) -> None:
    """Write a model as MLflow serves it: a pyfunc model from code, with nothing pickled.

    ``artifacts/risk_model/`` holds what `training.model.save_model` writes, ``served_model.py`` the
    code that loads it, ``MLmodel`` the columns and when it was made, ``input_example.json`` and
    ``serving_input_example.json`` a row to try it with (no invoice's: see `usual_row`).

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    run_id : str, optional
        The run that trained it.
    """
    with tempfile.TemporaryDirectory() as files, warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)
        save_model(model, Path(files) / RISK_MODEL)
        pyfunc.save_model(
            folder,
            python_model=str(CODE),
            artifacts={RISK_MODEL: str(Path(files) / RISK_MODEL)},
            signature=signature_of(model),
            input_example=usual_row(model),
            mlflow_model=Model(run_id=run_id),
            pip_requirements=_requirements(),
        )
    # MLflow notes the paths of this machine, and the cloudpickle that it did not use.
    described = Model.load(str(folder))
    flavor = described.flavors[pyfunc.FLAVOR_NAME]
    flavor["model_code_path"] = CODE.name
    flavor["artifacts"][RISK_MODEL]["uri"] = ""
    flavor.pop("cloudpickle_version", None)
    described.save(str(folder / "MLmodel"))


def _requirements() -> list[str]:
    """The versions in use, as pip pins them; without those of packages that are not installed."""
    found = []
    for name in SERVED_WITH:
        try:
            found.append(f"{name}=={installed_version(name)}")
        except PackageNotFoundError:
            continue
    return found


def signature_of(model: RiskModel) -> ModelSignature:
    """What serving takes, the model's columns by name, and what it answers, column p.

    Categories may be of any type: MLflow's texts would refuse the dictionaries of `duecast matrix`.
    `training.served_model` looks at them itself.
    """
    any_type = AnyType()  # type: ignore[no-untyped-call]
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(any_type if name in model.categories else DataType.double, name)
        for name in model.columns
    ]
    return ModelSignature(Schema(columns), Schema([ColSpec(DataType.double, "p")]))


def usual_row(model: RiskModel) -> pd.DataFrame:
    """One row to try a served model with; no invoice's own.

    It has the usual value of every number and the most frequent level of every category, null where
    training knew none.

    Returns
    -------
    DataFrame of shape (1, n_columns)
    """
    row: dict[str, list[Any]] = {}
    for name in model.columns:
        if name in model.categories:
            levels = model.encoding.levels.get(name, ())
            row[name] = [levels[0] if levels else None]
        else:
            row[name] = [model.usual.get(name, float("nan"))]
    return pd.DataFrame(row)


def fingerprint(model: RiskModel) -> str:
    """SHA-256 of the files that `training.model.save_model` writes, 64 hexadecimal digits.

    Same data, policy, recipe and libraries give the same fingerprint. LightGBM's note of how many
    threads it was given does not count: the trees are the same for any number.
    """
    found = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder))
        for path in sorted(Path(folder).iterdir()):
            found.update(path.name.encode())
            for line in path.read_bytes().splitlines(keepends=True):
                if not line.startswith(b"[num_threads:"):
                    found.update(line)
    return found.hexdigest()


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


def load_version(registry: Registry, version: ModelVersion | Version) -> RiskModel:
    """Load the files of a registered version: LightGBM text and JSON, none of MLflow's code.

    Versions of before models were served hold them without a folder of their own.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(registry.client.download_artifacts(str(version.run_id), "model", folder))
        own = path / "artifacts" / RISK_MODEL
        return load_model(own if own.is_dir() else path)


def champions(registry: Registry) -> dict[str, tuple[RiskModel, Version]]:
    """Every target's champion, where there is one."""
    found: dict[str, tuple[RiskModel, Version]] = {}
    for target in MODELS:
        if _aliased(registry, model_name(target), "champion") is not None:
            found[target] = champion(registry, target)
    return found


def _version(target: str, found: ModelVersion, aliases: tuple[str, ...]) -> Version:
    return Version(target, str(found.version), str(found.run_id), aliases, dict(found.tags or {}))


def versions(registry: Registry) -> list[Version]:
    """All versions of all models, newest first within a target."""
    found = []
    for target in MODELS:
        name = model_name(target)
        try:
            aliases = registry.client.get_registered_model(name).aliases
        except MlflowException:
            continue
        for version in registry.client.search_model_versions(f"name='{name}'"):
            own = tuple(a for a, number in aliases.items() if str(number) == str(version.version))
            found.append(_version(target, version, own))
    order = {target: i for i, target in enumerate(MODELS)}
    return sorted(found, key=lambda v: (order[v.target], -int(v.version)))


def find_version(registry: Registry, target: str, which: str = "champion") -> Version:
    """A version of a target by its number, or by its alias.

    Raises
    ------
    NotFoundError
        If the target has no such version.
    """
    known = [version for version in versions(registry) if version.target == target]
    for version in known:
        if which == version.version or which in version.aliases:
            return version
    names = [" ".join((each.version, *(f"({alias})" for alias in each.aliases))) for each in known]
    raise NotFoundError(
        f"{target} has no version '{which}'; it has {', '.join(names) or 'none'}. "
        "See `duecast models`."
    )


def record_of(registry: Registry, version: Version) -> dict[str, str]:
    """What the run of a version recorded as its parameters, as texts."""
    return dict(registry.client.get_run(version.run_id).data.params)


def has_report(registry: Registry, version: Version) -> bool:
    """Whether a version was tested before it was registered."""
    logged = registry.client.list_artifacts(version.run_id)
    return any(file.path == "report.json" for file in logged)


def decisions_about(registry: Registry, version: Version) -> list[dict[str, str]]:
    """What has been decided about a version: promotions, refusals and rollbacks, oldest first.

    Returns
    -------
    list of dict
        What `training.appointments` records, and ``when``, the UTC time of the decision.
    """
    filtered = f"tags.kind = 'decision' and tags.target = '{version.target}'"
    runs = registry.client.search_runs(
        [registry.experiment_id], filtered, max_results=1000, order_by=["attributes.start_time ASC"]
    )
    found = []
    for run in runs:
        said = dict(run.data.params)
        if version.version in (said.get(key) for key in ("version", "from_version", "to_version")):
            when = pd.Timestamp(run.info.start_time, unit="ms")
            found.append(said | {"when": f"{when:%Y-%m-%d %H:%M}"})
    return found


def fetch_figures(registry: Registry, version: Version, folder: Path) -> Path | None:
    """Copy the pictures logged with a version into a folder; None if there are none."""
    if not registry.client.list_artifacts(version.run_id, "figures"):
        return None
    return Path(registry.client.download_artifacts(version.run_id, "figures", str(folder)))


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
