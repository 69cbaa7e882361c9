"""The architecture: arrows between the packages point down, checked by import-linter."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["ui", "serving", "training", "features", "eventlog"]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
CONFIG = """
[tool.importlinter]
root_packages = {packages}

[[tool.importlinter.contracts]]
name = "{name}"
type = "{type}"
layers = {layers}
"""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of a folder's pyproject.toml."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", "pyproject.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def contract(kind: str) -> dict:
    (found,) = [each for each in CONTRACTS if each["type"] == kind]
    return found


def test_the_packages_keep_their_contracts():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_layers_are_the_five_packages_from_top_to_bottom():
    assert contract("layers")["layers"] == PACKAGES
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests", "benchmarks"} == set(PACKAGES)


def test_only_the_registry_and_what_it_serves_may_import_mlflow():
    modules = {f"training.{path.stem}" for path in (ROOT / "training").glob("*.py")}
    modules -= {"training.__init__", "training.registry", "training.served_model"}
    bound = set(contract("forbidden")["source_modules"])
    assert contract("forbidden")["forbidden_modules"] == ["mlflow"]
    assert modules | {"eventlog", "features", "serving", "ui"} <= bound


@pytest.mark.parametrize(
    ("lower", "upper"), [("features", "training"), ("eventlog", "ui"), ("training", "serving")]
)
def test_an_import_that_points_up_breaks_the_contract(tmp_path, lower, upper):
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "work.py").write_text("ANSWER = 42\n")
    own = contract("layers")
    config = CONFIG.format(packages=PACKAGES, **own)
    (tmp_path / "pyproject.toml").write_text(config)
    (tmp_path / upper / "work.py").write_text(f"import {lower}.work\n")
    kept = lint_imports(tmp_path)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    (tmp_path / upper / "work.py").write_text("ANSWER = 42\n")
    (tmp_path / lower / "work.py").write_text(f"import {upper}.work\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert f"{lower}.work -> {upper}.work" in broken.stdout
