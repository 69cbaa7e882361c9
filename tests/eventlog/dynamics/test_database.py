"""Tables in a database: found by name, typed, only what changed; nothing a user types is run."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from eventlog.dynamics.database import opened_database, read_table
from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.queries import tables_read
from eventlog.dynamics.schema import TABLE_NAMED
from eventlog.dynamics.source import load_export
from eventlog.dynamics.typed import create_typed
from eventlog.errors import DataError, NotFoundError, SettingsError

COLUMNS = ("recid", "dataareaid", "transdate", "amountcur", "modifieddatetime")
ROWS = [
    (1, "demf", "2024-01-10", "1.2345", "2024-01-10 08:00:00"),
    (2, "demf", "2024-01-11", "7", "2024-02-10 08:00:00"),
    (3, "demf", "1900-01-01", None, None),
]


@pytest.fixture
def url(tmp_path) -> str:
    """A database with CustTrans as BYOD names it, in its own case."""
    made = f"sqlite:///{tmp_path / 'byod.db'}"
    engine = sa.create_engine(made)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE CUSTTRANSSTAGING (RECID BIGINT, DATAAREAID TEXT, TRANSDATE DATE, "
            "AMOUNTCUR TEXT, MODIFIEDDATETIME DATETIME, SECRET BLOB)"
        )
        for row in ROWS:
            connection.exec_driver_sql(
                "INSERT INTO CUSTTRANSSTAGING VALUES (?, ?, ?, ?, ?, x'00')", row
            )
    engine.dispose()
    return made


def read(url: str, since: datetime | None = None) -> dict[str, list]:
    told: list[float] = []
    with opened_database(url, None, tables_read()) as database:
        assert list(database.tables) == ["CustTrans"]
        part = read_table(database, "CustTrans", COLUMNS, since=since, progress=told.append)
    assert told[-1:] == [1.0]
    with connected() as connection:
        assert create_typed(connection, TABLE_NAMED["CustTrans"], [part], {}) == []
        return connection.sql("FROM CustTrans").to_arrow_table().to_pydict()


def test_a_table_is_found_in_any_case_and_read_in_its_types(url):
    rows = read(url)
    assert rows["RecId"] == [1, 2, 3]
    assert rows["DataAreaId"] == ["DEMF"] * 3
    assert rows["AmountCur"] == [Decimal("1.2345"), Decimal(7), None]
    assert [str(day) for day in rows["TransDate"]] == ["2024-01-10", "2024-01-11", "None"]


def test_only_rows_changed_since_are_read_and_those_that_do_not_say(url):
    assert read(url, datetime.fromisoformat("2024-02-01"))["RecId"] == [2, 3]


def test_two_tables_of_one_name_are_refused(url):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW CustTrans AS SELECT * FROM CUSTTRANSSTAGING")
    engine.dispose()
    with pytest.raises(DataError, match=r"2 tables for CustTrans: \['CUSTTRANSSTAGING', 'CustTr"):
        read(url)


def test_a_schema_is_chosen_among_those_there_are_and_never_run(url):
    with (
        pytest.raises(SettingsError, match=r"no schema 'x; DROP TABLE t'; it has \['main'\]"),
        opened_database(url, "x; DROP TABLE t", tables_read()),
    ):
        pass
    assert len(read(url)["RecId"]) == 3


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    path = tmp_path / "none.db"
    with connected() as connection, pytest.raises(NotFoundError, match="no SQLite database at"):
        load_export(connection, f"sqlite:///{path}", read_enums(None))
    assert not Path(path).exists()


def test_a_password_is_not_shown():
    url = "postgresql://clerk:secret@127.0.0.1:1/none"
    with connected() as connection, pytest.raises(DataError) as raised:
        load_export(connection, url, read_enums(None))
    assert "clerk" in str(raised.value)
    assert "secret" not in str(raised.value)
