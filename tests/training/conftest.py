"""An MLflow home for each test that wants one."""

import shutil

import pytest

from training.registry import open_registry


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory):
    """An MLflow home in which the experiment has been made, once for all tests."""
    home = tmp_path_factory.mktemp("mlflow")
    open_registry(f"sqlite:///{home}/mlflow.db", home / "artifacts")
    return home


@pytest.fixture
def registry(empty_registry, tmp_path):
    """A registry of one's own."""
    shutil.copy(empty_registry / "mlflow.db", tmp_path / "mlflow.db")
    return open_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts")
