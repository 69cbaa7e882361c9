"""Same data, same seed: the same model, byte for byte.

Trainings run in processes of their own, whose hashes of texts differ, and twice in one process,
where caches are warm the second time. The number of threads must be the same for equal bytes:
LightGBM notes it in its file. The trees do not depend on it, so the fingerprint leaves it out.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.company import trained
from training.model import load_model, save_model
from training.registry import fingerprint

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.training import company as c
from training.fit import fit_model
from training.model import save_model
from training.registry import fingerprint

found = {}
for name, threads in json.loads(sys.argv[1]).items():
    recipe = replace(c.RECIPE, seeds=2, threads=threads)
    rates = c.company_rates()
    model, _ = fit_model(c.company_log(), "write_off", c.TRAIN_UNTIL, c.POLICY, rates, recipe)
    save_model(model, Path(sys.argv[2]) / name)
    found[name] = fingerprint(model)
sys.stdout.write(json.dumps(found))
"""


def start(runs: dict[str, int], folder: Path, seed: int) -> subprocess.Popen[str]:
    """Begin trainings, name to number of threads, in a process with its own hashes of texts."""
    surroundings = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", TRAIN, json.dumps(runs), str(folder)]
    return subprocess.Popen(
        command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder of the models that were trained, and their fingerprints."""
    folder = tmp_path_factory.mktemp("models")
    both = [start({"first": 1, "second": 1}, folder, 1), start({"other": 1, "wide": 2}, folder, 2)]
    prints: dict[str, str] = {}
    for process in both:
        told, _ = process.communicate()
        assert process.returncode == 0
        prints |= json.loads(told)
    return folder, prints


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("again", ["second", "other"])
def test_training_again_gives_the_same_bytes(made, again):
    folder, prints = made
    first = bytes_of(folder / "first")
    assert set(first) == {"booster_0.txt", "booster_1.txt", "model.json"}
    assert first["booster_0.txt"] != first["booster_1.txt"]
    assert bytes_of(folder / again) == first
    assert prints[again] == prints["first"]


def test_another_number_of_threads_changes_its_note_and_nothing_else(made):
    folder, prints = made
    one, two = (bytes_of(folder / name)["booster_0.txt"] for name in ("first", "wide"))
    pairs = zip(one.splitlines(), two.splitlines(), strict=True)
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    assert differing == [(b"[num_threads: 1]", b"[num_threads: 2]")]
    assert bytes_of(folder / "wide")["model.json"] == bytes_of(folder / "first")["model.json"]
    assert prints["wide"] == prints["first"]


def test_a_fingerprint_is_that_of_the_model_and_of_nothing_less():
    model, _ = trained("write_off")
    same = fingerprint(model)
    assert len(same) == 64
    assert fingerprint(replace(model)) == same
    changed = replace(model, calibrator=replace(model.calibrator, centre=0.125))
    assert fingerprint(changed) != same
    assert fingerprint(replace(model, facts=model.facts | {"rounds": 1})) != same
    assert fingerprint(replace(model, boosters=(trained("still_open")[0].boosters))) != same


def test_loading_and_saving_a_model_keeps_its_bytes(made, tmp_path):
    folder, prints = made
    loaded = load_model(folder / "first")
    save_model(loaded, tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(folder / "first")
    assert fingerprint(loaded) == prints["first"]
