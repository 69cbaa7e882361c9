"""Which recipes a search tries: LightGBM parameters, recency, and features left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from training.forward import Task
from training.model import PARAMETERS, parameters_of
from training.recipe_file import RecipeFile
from training.selection import families_of

#: What is tried, see https://lightgbm.readthedocs.io/en/stable/Parameters.html.
BOOSTING: dict[str, BaseDistribution] = {
    "num_leaves": IntDistribution(4, 64, log=True),
    "min_data_in_leaf": IntDistribution(20, 1000, log=True),
    "learning_rate": FloatDistribution(0.015, 0.1, log=True),
    "feature_fraction": FloatDistribution(0.1, 1.0),
    "bagging_fraction": FloatDistribution(0.4, 1.0),
    "lambda_l1": FloatDistribution(0.0, 5.0),
    "lambda_l2": FloatDistribution(0.1, 100.0, log=True),
    "max_bin": CategoricalDistribution((63, 127, 255)),
    "extra_trees": CategoricalDistribution((False, True)),
    "path_smooth": CategoricalDistribution((0.0, 1.0, 10.0, 100.0)),
    "scale_pos_weight": FloatDistribution(1.0, 10.0, log=True),
}
#: LightGBM's own values of what `training.model.PARAMETERS` does not set.
NOT_SET = {"lambda_l1": 0.0, "extra_trees": False, "path_smooth": 0.0, "scale_pos_weight": 1.0}
#: Families of features that may be left out as a whole.
DROPPABLE = ("peers", "calendar", "attribute")
#: Share of the gain that the weakest groups of features may hold together to be left out.
WEAKEST = (0.0, 0.005, 0.02, 0.05)
SPACE: dict[str, BaseDistribution] = BOOSTING | {
    "half_life_days": CategoricalDistribution((0.0, 90.0, 180.0, 365.0, 730.0)),
    "weakest_left_out": CategoricalDistribution(WEAKEST),
    **{f"without_{name}": CategoricalDistribution((False, True)) for name in DROPPABLE},
}


def recipe_of(task: Task, parameters: Mapping[str, Any]) -> RecipeFile:
    """The recipe that a point of the search space stands for; only what differs is stated."""
    default = default_of(task.target)
    columns = task.examples.matrix.columns
    families = families_of(columns)
    dropped = set(task.weakest[parameters["weakest_left_out"]])
    for name in DROPPABLE:
        if parameters[f"without_{name}"]:
            dropped |= set(families.get(name, ()))
    return RecipeFile(
        target=task.target,
        parameters={n: parameters[n] for n in BOOSTING if parameters[n] != default[n]},
        left_out=tuple(name for name in columns if name in dropped),
        half_life_days=parameters["half_life_days"],
    )


def default_of(target: str) -> dict[str, Any]:
    """The point of the search space that is the default recipe of a target."""
    usual = NOT_SET | PARAMETERS | parameters_of(target)
    others = {"half_life_days": 0.0, "weakest_left_out": 0.0}
    others |= {f"without_{name}": False for name in DROPPABLE}
    return {name: usual[name] for name in BOOSTING} | others
