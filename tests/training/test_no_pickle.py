"""No pickle on any path, from training to a scored worklist and to watching the champions.

A process of its own runs under the guard of `tests.training.guarded`: it trains, promotes and rolls
back from the command line, loads the champions, loads one as MLflow serves it, predicts, scores a
log, writes a model card and watches.

The guard lets one reader through: numba, which keeps the machine code of our own functions in
``__pycache__`` and indexes it with pickles. That is code of ours that was compiled on this machine;
no version holds any of it. The planted pickles show that everything else is caught.
"""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 - to plant some
import shutil
import subprocess
import sys
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc

from eventlog.simulate import rate_table
from tests.training.company import COMPANY, company_frame
from tests.training.registered import serve
from training.registry import open_registry

ROOT = Path(__file__).parents[2]
#: A thread that the guard stops may keep others waiting for good.
MOST_SECONDS = 400
CYCLE = """
import sys
from pathlib import Path
from mlflow import pyfunc, set_tracking_uri
from training.registry import champions, find_version, open_registry, usual_row
from typer.main import get_command
from ui import card_commands, cli

home = sys.argv[1]
uri = f"sqlite:///{home}/mlruns/mlflow.db"
registry = open_registry(uri, Path(home) / "mlruns" / "artifacts")
log, rates = f"{home}/log.parquet", f"{home}/rates.csv"
both = ["--target", "late_payment", "--target", "payment_curve"]


def duecast(*words):
    get_command(cli.app)(list(words), standalone_mode=False)


few = ["--train-until", "2022-05-01", "--snapshots", "monthly", "--seeds", "1", "--threads", "1"]
duecast("train", log, "--rates", rates, *both, *few, "--serve-anyway", "a test")
words = [log, "late_payment", "--rates", rates, "--repeats", "50", "--threads", "1", "--yes"]
duecast("promote", *words, "--override", "a test")
assert find_version(registry, "late_payment").version == "2"
duecast("rollback", "late_payment", "--reason", "a test", "--yes")
assert find_version(registry, "late_payment").version == "1"
duecast("monitor", log, "--rates", rates, *both)

found = champions(registry)
assert sorted(found) == ["late_payment", "payment_curve", "still_open"], found
set_tracking_uri(uri)
served = pyfunc.load_model("models:/duecast-still-open@champion")
model = found["still_open"][0]
assert 0 < served.predict(usual_row(model))["p"].item() < 1

words = [log, "--rates", rates, "--cutoff", "2022-11-01", "--out", f"{home}/out.csv"]
duecast("score", *words)
card = ["still_open", "--out", f"{home}/card.html"]
get_command(card_commands.commands)(card, standalone_mode=False)
"""


def run_guarded(
    script: str, folder: Path, *words: str
) -> tuple[subprocess.CompletedProcess[str], dict]:
    """Run a script under the guard; what it did, and what the guard reports."""
    (folder / "script.py").write_text(script, encoding="utf-8")
    report = folder / "report.json"
    surroundings = os.environ | {
        "DUECAST_HOME": str(folder),
        "GUARD_REPORT": str(report),
        "PYTHONPATH": str(ROOT),
        # With more threads, a baseline of scikit-learn starts joblib's thread pool, whose threads
        # send each other notes as pickles, in memory.
        "OMP_NUM_THREADS": "1",
    }
    surroundings.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.guarded", "script.py", *words],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    return done, json.loads(report.read_text(encoding="utf-8"))


@pytest.fixture
def home(tmp_path, empty_registry):
    """A home with two champions, a log and its rates."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_registry / "mlflow.db", tmp_path / "mlruns" / "mlflow.db")
    registry = open_registry(
        f"sqlite:///{tmp_path}/mlruns/mlflow.db", tmp_path / "mlruns" / "artifacts"
    )
    for target in ("late_payment", "still_open"):
        serve(registry, target)
    company_frame().to_parquet(tmp_path / "log.parquet", index=False)
    rate_table(COMPANY, seed=1).to_csv(tmp_path / "rates.csv", index=False)
    (tmp_path / "policy.toml").write_text('reporting_currency = "EUR"\n')
    return tmp_path


def test_training_serving_scoring_and_watching_read_no_pickle(home):
    done, report = run_guarded(CYCLE, home, str(home))
    assert done.returncode == 0, done.stderr[-2000:]
    assert report["refused"] == []
    scored = pd.read_csv(home / "out.csv")
    assert len(scored) > 100
    assert scored["p_late"].notna().any()
    assert scored["p_still_open"].notna().any()
    assert scored["expected_payment_date"].notna().any()
    for target in ("late_payment", "payment_curve"):
        assert f"{target} version 1: " in done.stdout  # as monitoring begins
    assert "Model card: still open" in (home / "card.html").read_text(encoding="utf-8")


PLANTED = {
    "pickle.load": "import pickle; pickle.load(open('planted', 'rb'))",
    "pickle.loads": "import pickle; pickle.loads(open('planted', 'rb').read())",
    "_pickle.loads": "import _pickle; _pickle.loads(open('planted', 'rb').read())",
    "pickle.Unpickler": "import pickle; pickle.Unpickler(open('planted', 'rb')).load()",
    "pickle._Unpickler": "import pickle; pickle._Unpickler(open('planted', 'rb')).load()",
    "joblib": "import joblib; joblib.load('joblib')",
    "cloudpickle": "import cloudpickle; cloudpickle.loads(open('cloud', 'rb').read())",
    "pandas": "import pandas; pandas.read_pickle('planted')",
    "numpy": "import numpy; numpy.load('array.npy', allow_pickle=True)",
    "mlflow": "from mlflow import pyfunc; pyfunc.load_model('pickled')",
}
TRY_ALL = """
import json, sys
found = {}
for name, code in json.loads(sys.argv[1]).items():
    try:
        exec(code)
        found[name] = "read"
    except Exception as error:
        found[name] = type(error).__name__
print(json.dumps(found))
"""


class Pickled(pyfunc.PythonModel):
    """A model as MLflow keeps those that are not saved from code."""

    def predict(self, context, model_input, params=None):
        return model_input


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """What became of each reader of a pickle, and what the guard reports about all of them."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "planted").write_bytes(pickle.dumps({"plain": [1, 2]}))
    (folder / "cloud").write_bytes(cloudpickle.dumps(pd.Timestamp("2024-01-01")))
    joblib.dump({"a": 1}, folder / "joblib")
    np.save(folder / "array.npy", np.array([{"a": 1}], dtype=object))
    pyfunc.save_model(folder / "pickled", python_model=Pickled(), pip_requirements=[])
    done, report = run_guarded(TRY_ALL, folder, json.dumps(PLANTED))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), report


@pytest.mark.parametrize("kind", PLANTED)
def test_the_guard_catches_a_planted_pickle(planted, kind):
    assert planted[0][kind] == "UnpicklingError"


def test_what_was_refused_is_reported_also_where_the_error_was_swallowed(planted):
    assert len(planted[1]["refused"]) == len(PLANTED)
    assert planted[1]["compiled_code"] == 0
