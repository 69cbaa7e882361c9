"""duecast simulate writes a log, or the tables of Dynamics 365."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from eventlog.errors import DataError, SettingsError
from ui.data_commands import commands


def simulate(*options: str) -> str:
    """What the command says; its own errors are raised."""
    result = CliRunner().invoke(commands, ["simulate", *options, "--invoices", "100"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_tables_are_written_and_the_day_of_the_export_is_said(tmp_path):
    said = simulate(str(tmp_path / "export"), "--as-d365", "--format", "csv")
    assert "of 23 tables, 100 invoices, written to" in said
    assert said.endswith("as exported at 2024-01-04T00:00:00Z.")
    assert len(list((tmp_path / "export").glob("*.csv"))) == 23


def test_an_export_of_changes_holds_fewer_rows(tmp_path):
    simulate(str(tmp_path / "all"), "--as-d365")
    simulate(str(tmp_path / "new"), "--as-d365", "--since", "2023-10-01")
    rows = [len(pd.read_parquet(tmp_path / name / "CustTrans.parquet")) for name in ("all", "new")]
    assert 0 < rows[1] < rows[0] / 2


def test_a_filled_folder_is_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(DataError, match="--overwrite"):
        simulate(str(tmp_path), "--as-d365")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--as-d365", "--until", "2019-01-01"), "--until 2019-01-01T00:00:00 is no day after"),
        (("--as-d365", "--since", "2024-01-05"), "--since 2024-01-05T00:00:00 is no day after"),
        (("--as-d365", "--until", "2023-01-01T12:00"), "is no day after"),
        (("--as-d365", "--dirty", "0.1"), "--dirty damages rows of a log"),
        (("--until", "2023-01-01"), "--since and --until are for --as-d365"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, reason, tmp_path):
    with pytest.raises(SettingsError, match=reason):
        simulate(str(tmp_path / "export"), *options)
