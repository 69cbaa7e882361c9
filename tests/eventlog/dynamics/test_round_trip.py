"""Simulate, write as D365 tables, import: the same events under the stated projection."""

import os
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
from eventlog.dynamics.job import import_export
from eventlog.dynamics.table_files import write_database, write_folder
from eventlog.policy import Policy
from tests.eventlog.dynamics.company import days_before_end, expected, tables

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


def imported(source: str | Path, folder: Path, days: int = 0, **options: object) -> pd.DataFrame:
    """The log that an import writes."""
    at = datetime.fromtimestamp(days_before_end(days) / 1e6, UTC).replace(tzinfo=None)
    out = folder / "log.parquet"
    result = import_export(
        source, out, enums=read_enums(None), policy=Policy(), extracted_at=at, **options
    )
    assert (result.totals.table["difference"] == 0).all()
    return pd.read_parquet(out)


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


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_give_back_the_log(kind, tmp_path):
    write_folder(tables(), tmp_path / "export", kind)
    assert differences(expected(), imported(tmp_path / "export", tmp_path)) == []


def test_a_database_gives_back_the_log(postgres, tmp_path):
    write_database(tables(), postgres)
    assert differences(expected(), imported(postgres, tmp_path)) == []


def test_an_earlier_export_gives_back_what_was_known_then(tmp_path):
    write_folder(tables(200), tmp_path / "export")
    assert differences(expected(200), imported(tmp_path / "export", tmp_path, 200)) == []


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
