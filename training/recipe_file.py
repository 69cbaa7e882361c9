"""A tuned recipe as a JSON file: what differs from the default, and how that was found.

The file changes a recipe and never replaces it: rhythm, seeds and attributes stay the command's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from eventlog.errors import NotFoundError, SettingsError
from training.fit import Recipe
from training.labels import TARGETS

FORMAT = 1
#: LightGBM parameters that a recipe file may set: type, smallest and largest value.
MAY_SET: dict[str, tuple[type, float, float]] = {
    "learning_rate": (float, 0.001, 1.0),
    "num_leaves": (int, 2, 4096),
    "max_depth": (int, -1, 64),
    "min_data_in_leaf": (int, 1, 1_000_000),
    "min_gain_to_split": (float, 0.0, 1e6),
    "feature_fraction": (float, 0.01, 1.0),
    "bagging_fraction": (float, 0.01, 1.0),
    "bagging_freq": (int, 0, 1000),
    "lambda_l1": (float, 0.0, 1e6),
    "lambda_l2": (float, 0.0, 1e6),
    "cat_smooth": (float, 0.0, 1e6),
    "cat_l2": (float, 0.0, 1e6),
    "max_cat_threshold": (int, 1, 1000),
    "max_bin": (int, 2, 65_535),
    "extra_trees": (bool, 0, 1),
    "path_smooth": (float, 0.0, 1e6),
    "scale_pos_weight": (float, 1e-3, 1e3),
}


@dataclass(frozen=True)
class RecipeFile:
    """What a recipe file says.

    Attributes
    ----------
    target : str
        The only target that it is meant for.
    parameters : dict of str to value
        LightGBM parameters, see `MAY_SET`.
    left_out : tuple of str
        Columns that the trees do not look at.
    half_life_days : float
        As in `training.fit.Recipe`.
    chosen : dict
        How it was found, plain values: the study, the trials, the score beside the default's;
        ``known_until`` is the moment up to which the search knew the log.
    """

    target: str
    parameters: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    half_life_days: float = 0.0
    chosen: dict[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> dict[str, Any]:
        """What to hand to ``dataclasses.replace`` together with a recipe."""
        return {
            "parameters": dict(self.parameters),
            "left_out": self.left_out,
            "half_life_days": self.half_life_days,
            "tuned_until": str(self.chosen.get("known_until", "")),
        }

    def applied(self, recipe: Recipe, target: str) -> Recipe:
        """The recipe with the file's changes.

        Raises
        ------
        SettingsError
            If the file is meant for another target.
        """
        if target != self.target:
            raise SettingsError(
                f"The recipe was tuned for {self.target}, not for {target}. Give the file with "
                f"--target {self.target}, or tune {target} too."
            )
        return replace(recipe, **self.changes)


def write_recipe(path: Path, found: RecipeFile) -> None:
    """Write a recipe file that `read_recipe` reads back as it was."""
    path.write_text(as_text(found), encoding="utf-8")


def as_text(found: RecipeFile) -> str:
    """A recipe file's text.

    Raises
    ------
    SettingsError
        If `read_recipe` would refuse it.
    """
    told = asdict(found)
    document = {
        "format": FORMAT,
        "target": told["target"],
        "recipe": {name: told[name] for name in ("parameters", "left_out", "half_life_days")},
        "chosen": told["chosen"],
    }
    _checked(document, "The recipe")
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def read_recipe(path: Path) -> RecipeFile:
    """Read a recipe file.

    Raises
    ------
    NotFoundError
        If there is no such file.
    SettingsError
        If it is not JSON, has another format, names what is not known, or a value has the wrong
        type or lies outside its range.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no recipe at {path}. Make one with `duecast tune`.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}. Mend that line.") from error
    return _checked(document, str(path))


def _checked(document: Any, source: str) -> RecipeFile:
    """The document as a recipe file, or an error that names the key and the source."""
    _refuse_unknown(document, ("format", "target", "recipe", "chosen"), source)
    if document.get("format") != FORMAT:
        raise SettingsError(
            f"{source} has format {document.get('format')!r}, this version reads {FORMAT}. "
            "Tune again."
        )
    target = document.get("target")
    if target not in TARGETS:
        raise SettingsError(f"{source} is for target {target!r}. Name one of {list(TARGETS)}.")
    stated = document.get("recipe", {})
    _refuse_unknown(stated, ("parameters", "left_out", "half_life_days"), f"'recipe' in {source}")
    parameters = stated.get("parameters", {})
    _refuse_unknown(parameters, MAY_SET, f"'parameters' in {source}")
    left_out = stated.get("left_out", [])
    if not isinstance(left_out, list | tuple) or not all(isinstance(n, str) for n in left_out):
        raise SettingsError(f"'left_out' in {source} is {left_out!r}. List names of features.")
    chosen = document.get("chosen", {})
    if not isinstance(chosen, dict):
        raise SettingsError(f"'chosen' in {source} is {chosen!r}. Write a JSON object.")
    return RecipeFile(
        target=target,
        parameters={
            name: _number(name, value, *MAY_SET[name], source) for name, value in parameters.items()
        },
        left_out=tuple(left_out),
        half_life_days=_number(
            "half_life_days", stated.get("half_life_days", 0.0), float, 0.0, 36_500.0, source
        ),
        chosen=chosen,
    )


def _refuse_unknown(stated: Any, known: Mapping[str, Any] | tuple[str, ...], source: str) -> None:
    if not isinstance(stated, dict):
        raise SettingsError(f"{source} is {stated!r}. Write a JSON object.")
    unknown = sorted(set(stated) - set(known))
    if unknown:
        raise SettingsError(
            f"{source} has unknown keys {unknown}. Known are {sorted(known)}. Mend or remove them."
        )


def _number(name: str, value: Any, kind: type, low: float, high: float, source: str) -> Any:
    """A value in the type and the range it must have."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        called = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise SettingsError(f"'{name}' in {source} is {value!r}. Write {called}.")
    number: float = value  # type: ignore[assignment]
    if not low <= number <= high:  # neither does NaN
        raise SettingsError(
            f"'{name}' in {source} is {value}. Choose a number from {low:g} to {high:g}."
        )
    return value
