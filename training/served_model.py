"""The model as MLflow serves it: feature rows in, calibrated probabilities out.

This file is copied into every registered version and run when MLflow loads it ("models from
code"), so a version holds LightGBM's text, JSON and this file, and nothing is unpickled. It reads
the copied model with `training.model.load_model`: serving needs duecast installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from pandas.api.types import infer_dtype

from eventlog.errors import DataError
from features.attributes import Encoding
from features.matrix import Matrix
from features.snapshots import Snapshots
from training.model import RiskModel, load_model


class ServedModel(PythonModel):
    """One target's model behind MLflow's interface; loaded from its artifact."""

    model: RiskModel

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's files, its only artifact."""
        (folder,) = context.artifacts.values()
        self.model = load_model(Path(folder))

    def predict(
        self,
        context: PythonModelContext | None,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Calibrated probability of each row.

        Parameters
        ----------
        model_input : DataFrame of shape (n_rows, n_columns)
            As `duecast matrix` writes it, see `matrix_of`.

        Returns
        -------
        DataFrame of shape (n_rows, 1), column p
            0 to 1.

        Raises
        ------
        MlflowException
            What `matrix_of` refuses, in a form that the scoring server answers with.
        """
        try:
            matrix = matrix_of(self.model, model_input)
        except DataError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return pd.DataFrame({"p": self.model.probability(matrix)})


def matrix_of(model: RiskModel, frame: pd.DataFrame) -> Matrix:
    """Rows of a table as the model's matrix.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, at least the model's columns)
        Columns by name, in any order; others are ignored. Numbers are in the catalogue's units,
        categories are texts; null, and a text that training did not see, is "not known".

    Raises
    ------
    DataError
        If a column of the model is lacking, or holds texts for numbers or numbers for texts.
        Whoever does not know a feature has to say so, with null: a column that was forgotten would
        be scored all the same, and wrongly.
    """
    lacking = [name for name in model.columns if name not in frame.columns]
    if lacking:
        raise DataError(
            f"The rows lack {len(lacking):,} of the model's {len(model.columns):,} columns: "
            f"{lacking[:5]}{' and more' if len(lacking) > 5 else ''}. Build them with "
            "`duecast matrix`; state null where a value is not known."
        )
    values = np.empty((len(frame), len(model.columns)), dtype=np.float32)
    for i, name in enumerate(model.columns):
        if name in model.categories:
            values[:, i] = _codes(frame[name], name, model.encoding)
        else:
            values[:, i] = _numbers(frame[name], name)
    rows = np.arange(len(frame))
    snapshots = Snapshots(rows.astype(np.int32), np.zeros(len(frame), dtype=np.int64))
    return Matrix(model.columns, values, model.categories, snapshots)


def _codes(texts: pd.Series[Any], name: str, encoding: Encoding) -> np.ndarray:
    """Codes into a category's levels; NaN for null and for levels that training did not see."""
    column = texts.astype(object)
    if infer_dtype(column, skipna=True) not in ("string", "empty"):
        raise DataError(
            f"Column '{name}' is to hold texts, and holds {infer_dtype(column)} values. Write the "
            "names of its levels, null where one is not known."
        )
    codes = pd.Index(encoding.levels.get(name, ()), dtype=object).get_indexer(pd.Index(column))
    return np.where(codes < 0, np.nan, codes)


def _numbers(column: pd.Series[Any], name: str) -> np.ndarray:
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Column '{name}' is to hold numbers: {error}. Write null where a value is not known."
        ) from error


set_model(ServedModel())
