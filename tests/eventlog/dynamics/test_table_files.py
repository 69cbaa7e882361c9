"""Tables go to folders and databases, and nothing is replaced unasked."""

import sqlite3

import pytest

from eventlog.dynamics.table_files import write_database, write_folder
from eventlog.errors import DataError, SettingsError
from tests.eventlog.dynamics.company import tables

FEW = ("HcmWorker", "CustTable")


def few():
    return {name: tables()[name] for name in FEW}


def test_a_filled_folder_is_replaced_only_when_asked(tmp_path):
    write_folder(few(), tmp_path / "export", "csv")
    (tmp_path / "export" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="--overwrite"):
        write_folder(few(), tmp_path / "export")
    write_folder(few(), tmp_path / "export", "parquet", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == [
        "CustTable.parquet",
        "HcmWorker.parquet",
        "notes.txt",
    ]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "export").write_text("")
    with pytest.raises(DataError, match="is a file"):
        write_folder(few(), tmp_path / "export", overwrite=True)


def test_tables_of_a_database_are_replaced_only_when_asked(tmp_path):
    url = f"sqlite:///{tmp_path}/d365.db"
    write_database(few(), url)
    with pytest.raises(DataError, match=r"holds 2 of the tables \(CustTable, HcmWorker\)"):
        write_database(few(), url)
    write_database(few(), url, overwrite=True)
    with sqlite3.connect(tmp_path / "d365.db") as connection:
        (rows,) = connection.execute('SELECT count(*) FROM "CustTable"').fetchone()
        (limit,) = connection.execute('SELECT max("CreditMax") FROM "CustTable"').fetchone()
    assert rows == len(tables()["CustTable"])
    assert limit == max(tables()["CustTable"]["CreditMax"].to_pylist())


def test_a_url_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="cannot be used"):
        write_database(few(), "nonsense://")


def test_an_unreachable_database_is_named_without_its_password():
    with pytest.raises(DataError, match=r"user:\*\*\*@127.0.0.1:1/db cannot be written"):
        write_database(few(), "postgresql://user:secret@127.0.0.1:1/db")
