"""A version as MLflow serves it: from code, by column names, the model's own probabilities."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import invocations

from eventlog.errors import DataError
from tests.training.company import trained
from training.model import load_model
from training.registry import RISK_MODEL, save_served, usual_row
from training.served_model import matrix_of

PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def model():
    return trained("still_open")[0]


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """The model as a version's folder."""
    path = tmp_path_factory.mktemp("served") / "model"
    save_served(model, path, "run-1")
    return path


@pytest.fixture(scope="module")
def served(folder):
    return pyfunc.load_model(str(folder))


@pytest.fixture(scope="module")
def rows(model):
    """Forty training rows as a table with texts for categories, and their matrix."""
    matrix = trained("still_open")[1].matrix.take(np.arange(40))
    columns = {}
    for name in matrix.columns:
        values = matrix[name]
        if name in matrix.categories:
            levels = np.array([*model.encoding.levels.get(name, ()), None], dtype=object)
            values = levels[np.where(np.isnan(values), -1, values).astype(int)]
        columns[name] = values
    return pd.DataFrame(columns), matrix


def answer(served, body, kind="application/json"):
    """What the scoring server answers to a request."""
    found = invocations(body, kind, served, served.metadata.get_input_schema())
    assert found.status == 200
    return pd.DataFrame(json.loads(found.response)["predictions"])


def test_served_probabilities_are_the_models_own_bit_for_bit(served, model, rows):
    frame, matrix = rows
    found = served.predict(frame)
    assert list(found.columns) == ["p"]
    np.testing.assert_array_equal(found["p"], model.probability(matrix))
    assert found["p"].nunique() > 5


def test_columns_go_by_name_and_others_are_ignored(served, rows):
    frame, _ = rows
    turned = frame[frame.columns[::-1]].assign(InvoiceNumber="INV-1")
    pd.testing.assert_frame_equal(served.predict(turned), served.predict(frame))


def test_a_column_that_lacks_is_an_error_that_names_it(served, model, rows):
    frame, _ = rows
    with pytest.raises(MlflowException, match=r"missing inputs \['balance', 'segment'\]"):
        served.predict(frame.drop(columns=["balance", "segment"]))
    with pytest.raises(
        DataError, match=r"lack 1 of the model's \d+ columns: \['balance'\]\. Build"
    ):
        matrix_of(model, frame.drop(columns="balance"))


def test_null_is_not_known_and_so_is_a_level_that_training_did_not_see(model, rows):
    frame, matrix = rows
    blank = matrix_of(model, frame.assign(segment=None, term_days=None, amount=np.nan))
    for name in ("segment", "term_days", "amount"):
        assert np.isnan(blank[name]).all(), name
    np.testing.assert_array_equal(blank["balance"], matrix["balance"])
    unseen = matrix_of(model, frame.assign(segment="Atlantis"))
    assert np.isnan(unseen["segment"]).all()


def test_texts_for_numbers_and_numbers_for_texts_are_refused(model, rows):
    frame, _ = rows
    with pytest.raises(DataError, match=r"'balance' is to hold numbers: .*'much'.*null"):
        matrix_of(model, frame.assign(balance="much"))
    with pytest.raises(DataError, match=r"'segment' is to hold texts, and holds floating values"):
        matrix_of(model, frame.assign(segment=3.0))


def test_what_is_refused_is_answered_in_our_words(served, rows):
    frame, _ = rows
    body = json.dumps(
        {"dataframe_records": json.loads(frame.assign(segment=3).to_json(orient="records"))}
    )
    with pytest.raises(MlflowException, match=r"^Column 'segment' is to hold texts") as caught:
        answer(served, body)
    assert caught.value.get_http_status_code() == 400


def test_a_request_in_json_is_answered_with_a_probability_a_row(served, rows):
    frame, _ = rows
    body = json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split"))})
    found = answer(served, body)
    np.testing.assert_allclose(found["p"], served.predict(frame)["p"], rtol=1e-6)


def test_whole_numbers_in_json_serve_as_well(served, model):
    row = json.loads(usual_row(model).to_json(orient="records"))[0] | {"n_letters": 2}
    assert 0 < answer(served, json.dumps({"dataframe_records": [row]}))["p"].item() < 1


def test_a_request_in_parquet_may_hold_categories_as_dictionaries(served, model, rows):
    frame, _ = rows
    file = io.BytesIO()
    frame.astype(dict.fromkeys(model.categories, "category")).to_parquet(file)
    found = answer(served, file.getvalue(), PARQUET)
    np.testing.assert_array_equal(found["p"], served.predict(frame)["p"])


def test_the_example_beside_the_model_can_be_sent_as_it_is(served, folder, model):
    body = (folder / "serving_input_example.json").read_text()
    assert answer(served, body)["p"].item() == served.predict(usual_row(model))["p"].item()


def test_a_version_holds_texts_only_and_the_models_own_files(folder, model):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        *("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "served_model.py"),
        *("input_example.json", "serving_input_example.json"),
        *(f"artifacts/{RISK_MODEL}/model.json", f"artifacts/{RISK_MODEL}/booster_0.txt"),
    }
    for name in files:
        (folder / name).read_text(encoding="utf-8")
    own = load_model(folder / "artifacts" / RISK_MODEL)
    assert own.boosters[0].model_to_string() == model.boosters[0].model_to_string()


def test_the_description_names_code_and_run_and_no_place_on_this_machine(folder):
    text = (folder / "MLmodel").read_text()
    flavor = yaml.safe_load(text)["flavors"]["python_function"]
    assert flavor["model_code_path"] == "served_model.py"
    assert flavor["loader_module"] == "mlflow.pyfunc.loaders.code_model"
    assert "python_model" not in flavor
    assert "pickle" not in text
    assert yaml.safe_load(text)["run_id"] == "run-1"
    assert "/" not in "".join(flavor["artifacts"][RISK_MODEL].values()).replace("artifacts/", "")


def test_every_column_of_the_model_is_asked_for_by_name(served, model):
    inputs = served.metadata.get_input_schema()
    assert tuple(inputs.input_names()) == model.columns
    assert inputs.required_input_names() == list(model.columns)
    assert served.metadata.get_output_schema().input_names() == ["p"]
