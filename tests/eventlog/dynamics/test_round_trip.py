"""Simulate, write as D365 tables, import: the same events under the stated projection."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from eventlog.dynamics.differences import differences
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.job import Imported, import_export
from eventlog.dynamics.synthetic import changed_rows
from eventlog.dynamics.table_files import write_database, write_folder
from eventlog.policy import Policy
from tests.eventlog.dynamics.company import days_before_end, expected, tables

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
#: Days between the two exports; a write-off waits in its journal at the first.
EARLIER = 158


def run(source: str | Path, out: Path, days: int = 0, incremental: bool = False) -> Imported:
    """Import what was exported so many days before the company's end; its money must tie."""
    at = datetime.fromtimestamp(days_before_end(days) / 1e6, UTC).replace(tzinfo=None)
    result = import_export(
        source,
        out,
        enums=read_enums(None),
        policy=Policy(),
        extracted_at=at,
        incremental=incremental,
    )
    assert (result.totals.table["difference"] == 0).all()
    return result


def imported(source: str | Path, folder: Path) -> pd.DataFrame:
    """The log that an import writes."""
    run(source, folder / "log.parquet")
    return pd.read_parquet(folder / "log.parquet")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    schema = f"duecast_d365_{os.getpid()}"
    engine = sa.create_engine(POSTGRES)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
    except OperationalError:
        pytest.skip("no PostgreSQL at TEST_POSTGRES_URL (default: 127.0.0.1:5432)")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP SCHEMA "{schema}" CASCADE')
    engine.dispose()


def test_files_give_back_the_log(tmp_path):
    write_folder(tables(), tmp_path / "export", "csv")
    assert differences(expected(), imported(tmp_path / "export", tmp_path)) == []


def test_a_database_gives_back_the_log(postgres, tmp_path):
    write_database(tables(), postgres)
    assert differences(expected(), imported(postgres, tmp_path)) == []


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the log of an export made EARLIER days before the others, and its kept rows."""
    folder = tmp_path_factory.mktemp("earlier")
    write_folder(tables(EARLIER), folder / "export")
    run(folder / "export", folder / "log.parquet", EARLIER)
    return folder


def test_an_earlier_export_gives_back_what_was_known_then(earlier):
    assert differences(expected(EARLIER), pd.read_parquet(earlier / "log.parquet")) == []


def test_an_incremental_run_over_changes_adds_exactly_the_new_events(earlier, tmp_path):
    shutil.copytree(earlier, tmp_path, dirs_exist_ok=True)
    write_folder(changed_rows(tables(EARLIER), tables()), tmp_path / "later", "csv")
    result = run(tmp_path / "later", tmp_path / "log.parquet", incremental=True)
    assert differences(expected(), pd.read_parquet(tmp_path / "log.parquet")) == []
    counts = [frame["ActivityName"].value_counts() for frame in (expected(), expected(EARLIER))]
    new = counts[0].sub(counts[1], fill_value=0).astype(int)
    changes = result.changes.set_index("activity")
    assert changes["added"].to_dict() == new[new > 0].to_dict()
    assert (changes["withdrawn"] == 0).all()


def changed(name: str, column: str, places: pa.Array, value: object) -> dict[str, pa.Table]:
    """The tables with one column set to a value in some rows."""
    table = tables()[name]
    cells = table[column].combine_chunks()
    cells = pc.if_else(places, pa.scalar(value, cells.type), cells)
    return {**tables(), name: table.set_column(table.column_names.index(column), column, cells)}


def test_one_changed_cell_is_one_difference(tmp_path):
    """The round trip can fail: it sees a single letter on another level."""
    lines = tables()["CustCollectionLetterTrans"]
    first = pc.index(lines["CollectionLetterCode"], 2).as_py()
    places = pa.array([row == first for row in range(len(lines))])
    broken = changed("CustCollectionLetterTrans", "CollectionLetterCode", places, 3)
    write_folder(broken, tmp_path / "export")
    lines = differences(expected(), imported(tmp_path / "export", tmp_path))
    assert lines[:2] == [
        "1 rows missing: Dunning Letter Generated",
        "1 rows unexpected: Dunning Letter Generated",
    ]
    assert "DunningLevel differs in 1 rows" in lines[2]
