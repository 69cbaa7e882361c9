"""Incremental runs give what a full import gives, whatever changed and however it is exported."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.increment import merge_kept
from eventlog.dynamics.job import Imported, import_export
from eventlog.dynamics.kept import MARKER, Run, folder_of, keep_rows
from eventlog.dynamics.source import load_export
from eventlog.errors import DataError, DuecastError, NotReadyError, SettingsError
from eventlog.policy import Policy
from tests.eventlog.dynamics.books import (
    Rows,
    customer,
    invoice,
    payment,
    settlement,
    together,
    transaction,
    write,
)
from tests.eventlog.dynamics.test_rules import activity, letter

CALL = activity(1, "PhoneCall", "2024-02-14 10:00:00", 102, None)
BEFORE = together(
    CALL,
    customer("C1", 1),
    invoice("A", 101),
    payment(201, 101, 100, "2024-02-05", "A"),
    invoice("B", 102),
    invoice("C", 103),
    letter("L1", 901, 102, 1, "2024-02-20"),
    letter("L2", 902, 103, 1, "2024-02-20"),
)
#: New or other since: A's payment bounced, B was paid, C's letter was canceled, D was posted, and
#: the call about B was deleted.
SINCE = together(
    settlement(2018, 101, 201, -100, "2024-03-10"),
    payment(202, 102, 100, "2024-03-11", "B"),
    {
        "CustCollectionLetterJour": letter("L2", 902, 103, 1, "2024-02-20", canceled="2024-03-12")[
            "CustCollectionLetterJour"
        ]
    },
    invoice("D", 104, on="2024-03-12", due="2024-04-12"),
    {"smmActivities": [row | {"IsDelete": "True"} for row in CALL["smmActivities"]]},
)

GONE = {"smmActivities": SINCE["smmActivities"]}


def run(source: Path, out: Path, **more) -> Imported:
    return import_export(source, out, enums=read_enums(None), policy=Policy(), **more)


def after() -> Rows:
    """The full export that stands behind `SINCE`: changed rows in place of the old ones."""
    rows = together(BEFORE, SINCE)
    letters = rows["CustCollectionLetterJour"]
    rows["CustCollectionLetterJour"] = list({row["RecId"]: row for row in letters}.values())
    del rows["smmActivities"]
    return rows


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    run(write(folder / "before", BEFORE), folder / "log.parquet")
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("full")
    run(write(folder / "after", after()), folder / "log.parquet")
    return pd.read_parquet(folder / "log.parquet")


@pytest.fixture
def log(earlier, tmp_path) -> Path:
    """The earlier log and its kept rows, to work on."""
    shutil.copytree(earlier / "log.tables", tmp_path / "log.tables")
    return Path(shutil.copy(earlier / "log.parquet", tmp_path / "log.parquet"))


@pytest.mark.parametrize(
    "export", [together(after(), GONE), SINCE], ids=["full", "changed rows only"]
)
def test_an_incremental_run_gives_what_a_full_import_gives(export, full, log, tmp_path):
    made = run(write(tmp_path / "export", export), log, incremental=True)
    pd.testing.assert_frame_equal(pd.read_parquet(log), full)
    changes = made.changes.set_index("activity")
    assert changes.loc["Payment Reversed"].tolist() == [1, 0]
    assert changes.loc["Payment Received"].tolist() == [1, 0]
    assert changes.loc["Dunning Letter Generated"].tolist() == [0, 1]
    assert changes.loc["Collection Call Made"].tolist() == [0, 1]
    assert changes.loc["Invoice Posted and Sent"].tolist() == [1, 0]
    merged = made.merged.set_index("table")
    assert merged.loc["CustCollectionLetterJour", "changed"] == 1
    assert merged.loc["CustInvoiceJour", "new"] == 1
    assert [path.name for path in folder_of(log).iterdir()] == [_kept(log)]


def _kept(log: Path) -> str:
    return next(
        part
        for part in str(pq.read_schema(log).metadata[b"duecast.dynamics"]).split('"')
        if len(part) == 16 and part.isalnum()
    )


def test_an_older_version_of_a_row_does_not_undo_a_newer_one(tmp_path):
    row = transaction(500, 15, -5, "2024-03-01")["CustTrans"][0]
    newer, older = ({"CustTrans": [row | {"VersionNumber": n, "AmountCur": -n}]} for n in (7, 6))
    log, enums = tmp_path / "log.parquet", read_enums(None)
    with connected() as connection:
        load_export(connection, write(tmp_path / "newer", newer), enums)
        keep_rows(connection, log, "first")
    with connected() as connection:
        export = load_export(connection, write(tmp_path / "older", older), enums)
        run_before = Run("first", "", "2024-03-01", (), {})
        merged = merge_kept(connection, export, log, run_before).rows.set_index("table")
        amounts = connection.execute("SELECT AmountCur FROM CustTrans").fetchall()
    assert [float(amount) for (amount,) in amounts] == [-7.0]
    assert merged.loc["CustTrans", ["new", "changed"]].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("spoil", "error", "match"),
    [
        (lambda log: shutil.rmtree(folder_of(log)), NotReadyError, "not in log.tables beside it"),
        (
            lambda log: pd.read_parquet(log).to_parquet(log),
            NotReadyError,
            "was not written by `duecast import-d365`",
        ),
        (lambda log: log.write_text("no log"), NotReadyError, "cannot be read as Parquet"),
    ],
)
def test_a_log_without_its_rows_cannot_be_brought_up_to_date(spoil, error, match, log, earlier):
    spoil(log)
    with pytest.raises(error, match=match):
        run(earlier / "before", log, incremental=True)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"companies": ["DEMF"]}, "earlier run, which took all companies"),
        (
            {"extracted_at": datetime.fromisoformat("2024-02-20T05:00")},
            "lies before the export's last",
        ),
    ],
)
def test_a_run_that_does_not_go_with_the_earlier_one_is_refused(more, match, log, tmp_path):
    with pytest.raises(SettingsError, match=match):
        run(write(tmp_path / "export", SINCE), log, incremental=True, **more)


def test_a_column_that_is_no_longer_exported_is_refused_and_the_log_left_alone(log, tmp_path):
    export = write(tmp_path / "export", after())
    trans = pd.read_csv(export / "CustTrans.csv").drop(columns="CreatedBy")
    trans.to_csv(export / "CustTrans.csv", index=False)
    before = log.read_bytes()
    with pytest.raises(DataError, match=r"lacks 1 columns that the earlier one had: CustTrans\.Cr"):
        run(export, log, incremental=True)
    assert log.read_bytes() == before


def test_a_run_that_fails_leaves_log_and_kept_rows_as_they_were(log, tmp_path):
    orphan = settlement(7000, 101, 999_999, 10, "2024-03-10")
    before, kept = log.read_bytes(), sorted(folder_of(log).rglob("*"))
    with pytest.raises(DuecastError, match="2 of 4 rows of CustSettlement name a"):
        run(write(tmp_path / "export", orphan), log, incremental=True)
    assert log.read_bytes() == before
    assert sorted(folder_of(log).rglob("*")) == kept
    assert not list(tmp_path.glob(".*part*"))


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "of an earlier duecast"])
@pytest.mark.parametrize("keep", [True, False])
def test_only_rows_that_an_import_kept_are_dropped(keep, marked, log, tmp_path):
    tables, old = folder_of(log), _kept(log)
    if not marked:
        (tables / old / MARKER).unlink()
    (tables / "mine").mkdir()
    for mine in (tables / "mine" / "CustTrans.parquet", tables / "note.txt"):
        mine.write_text("mine")
    run(write(tmp_path / "export", after()), log, keep=keep)
    left = {path.relative_to(tables).as_posix() for path in tables.rglob("*")}
    own = {name for name in left if name.split("/")[0] == _kept(log)} if keep else set()
    assert left - own == {"mine", "mine/CustTrans.parquet", "note.txt"}
    assert bool(own) is keep
    assert not (tables / old).exists()


def test_a_file_beside_the_kept_rows_survives_and_the_next_run_goes_on(log, tmp_path):
    note = folder_of(log) / _kept(log) / "note.txt"
    note.write_text("mine")
    run(write(tmp_path / "same", BEFORE), log, incremental=True)
    assert note.read_text() == "mine"
    run(write(tmp_path / "export", SINCE), log, incremental=True)
    assert note.read_text() == "mine"
    assert [path.name for path in note.parent.iterdir()] == ["note.txt"]


def test_without_kept_rows_their_folder_goes(log, tmp_path):
    run(write(tmp_path / "export", after()), log, keep=False)
    assert not folder_of(log).exists()


@pytest.mark.parametrize("place", ["log.tables", "log.tables/mine/notes"])
def test_a_folder_of_someone_else_is_refused_before_anything_is_written(place, tmp_path):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("mine")
    export, log = write(tmp_path / "export", BEFORE), tmp_path / "log.parquet"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"log\.tables, which duecast did not write"):
        run(export, log)
    assert sorted(tmp_path.rglob("*")) == before
    run(export, log, keep=False)
    assert (tmp_path / place).read_text() == "mine"
    assert log.is_file()
