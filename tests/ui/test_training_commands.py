"""`duecast train` leaves with exit code 1 where the leakage linter stopped a target."""

import json

import pytest
from typer.testing import CliRunner

from tests.builders import happened, make_log
from training import train as job
from training.fit import TooFewCasesError
from training.gate import LeakageError
from ui import training_commands

LOG = make_log(happened("A", "post", "2024-01-01", amount=100.0, due="2024-01-20"))


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Run the command with a training that ends in an error."""

    def run(error: Exception, *options: str):
        def fails(*_):
            raise error

        monkeypatch.setenv("DUECAST_HOME", str(tmp_path))
        monkeypatch.setattr(training_commands, "read", lambda *_, **__: (LOG, None))
        monkeypatch.setattr("training.registry.open_registry", lambda *_: None)
        monkeypatch.setattr(job, "_train_target", fails)
        words = ["train", "log.parquet", "--target", "late_payment", *options]
        return CliRunner().invoke(training_commands.commands, words)

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [(LeakageError("'CreditClass': it knows"), 1), (TooFewCasesError("50 are needed"), 0)],
)
def test_a_leak_is_an_exit_code_and_too_few_cases_are_none(trained, error, code):
    found = trained(error)
    assert found.exit_code == code, found.exception
    assert str(error) in found.output


def test_a_leak_is_told_in_json(trained):
    found = trained(LeakageError("'CreditClass': it knows"), "--json")
    assert found.exit_code == 1
    (outcome,) = json.loads(found.stdout)
    assert outcome["leaks"] is True
    assert outcome["version"] is None
