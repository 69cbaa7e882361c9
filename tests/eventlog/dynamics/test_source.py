"""Reading an export: what is found, what is lacking, what is empty, and that nothing is lost."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.folder import Part, find_tables, read_part
from eventlog.dynamics.schema import TABLE_NAMED, TABLES
from eventlog.dynamics.source import load_export
from eventlog.dynamics.typed import create_typed, refuse_bad_cells
from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.mapping import folded
from eventlog.raw import numbered
from tests.eventlog.dynamics.books import customer, invoice, together, write

TRANS = TABLE_NAMED["CustTrans"]
NOON, EMPTY = map(datetime.fromisoformat, ("2024-05-31T12:00", "1900-01-01T00:00"))
BOOKS = together(customer("C1", 1), invoice("A", 101), invoice("B", 102))


def cells(**columns: list) -> Part:
    """A part of CustTrans with some columns."""
    arrays = {
        folded(name): pa.chunked_array([pa.array(values)]) for name, values in columns.items()
    }
    return Part("CustTrans.csv", len(next(iter(columns.values()))), arrays, numbered)


def typed(*parts: Part, table=TRANS, **labels) -> dict[str, list]:
    """Columns of the parts as DuckDB has them; bad cells are refused."""
    with connected() as connection:
        refuse_bad_cells(create_typed(connection, table, parts, labels))
        return connection.sql(f'FROM "{table.name}"').to_arrow_table().to_pydict()


def load(folder: Path) -> dict[str, int]:
    with connected() as connection:
        return {
            n: f.rows for n, f in load_export(connection, folder, read_enums(None)).found.items()
        }


def test_tables_are_found_in_any_case_as_files_and_as_folders_of_parts(tmp_path):
    for name in ("custtrans.CSV", "CUSTTABLE.parquet", "notes.txt", "CustInvoiceJour/part-0.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "CustInvoiceJour" / "_delta_log").mkdir()
    (tmp_path / "CustInvoiceJour" / "_delta_log" / "0.json").touch()
    found = find_tables(tmp_path, TABLES)
    assert {name: [file.name for file in files] for name, files in found.items()} == {
        "CustTrans": ["custtrans.CSV"],
        "CustTable": ["CUSTTABLE.parquet"],
        "CustInvoiceJour": ["part-0.csv"],
    }


def test_a_table_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "CustTrans.csv").touch()
    (tmp_path / "custtrans.parquet").touch()
    with pytest.raises(
        DataError, match=r"1 tables more than once \(CustTrans: CustTrans.csv, cust"
    ):
        find_tables(tmp_path, TABLES)


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(NotFoundError, match="no folder at nowhere"):
        find_tables(Path("nowhere"), TABLES)


def test_all_lacking_tables_are_named_at_once(tmp_path):
    write(tmp_path, BOOKS)
    (tmp_path / "CustTable.csv").unlink()
    (tmp_path / "CustSettlement.csv").unlink()
    with pytest.raises(DataError, match="lacks 2 required tables: CustSettlement, CustTable"):
        load(tmp_path)


def test_all_lacking_columns_are_named_at_once(tmp_path):
    write(tmp_path, BOOKS)
    (tmp_path / "CustTable.csv").write_text("RecId,DataAreaId\n1,DEMF\n")
    (tmp_path / "CustSettlement.csv").write_text("RecId,TransRecId,OffsetRecid,DataAreaId\n")
    expected = r"CustSettlement.TransDate, CustSettlement.SettleAmountCur, CustTable.AccountNum"
    with pytest.raises(DataError, match=f"lacks 3 required columns: {expected}"):
        load(tmp_path)


def test_tables_without_rows_are_tables(tmp_path):
    write(tmp_path, BOOKS, tables=["smmActivities"])
    found = load(tmp_path)
    assert (found["smmActivities"], found["CustTrans"]) == (0, 2)


def test_headers_count_in_any_case_and_parts_may_order_columns_otherwise(tmp_path):
    (tmp_path / "1.csv").write_text("RECID,dataareaid,AmountCur\n1,demf,5\n")
    (tmp_path / "2.csv").write_text("AmountCur;RecId;DataAreaId\n7.5;2;DEMF\n")
    columns = [folded(c.name) for c in TRANS.columns]
    parts = [read_part(tmp_path / name, columns, name) for name in ("1.csv", "2.csv")]
    rows = typed(*parts)
    amounts = map(float, rows["AmountCur"])
    assert sorted(zip(rows["RecId"], amounts, strict=True)) == [(1, 5), (2, 7.5)]  # in any order
    assert rows["DataAreaId"] == ["DEMF", "DEMF"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1900-01-01", None),
        ("1900-01-01 00:00:00.000", None),
        ("", None),
        (" null ", None),
        ("2024-05-31", date(2024, 5, 31)),
        ("2024-05-31T00:00:00.0000000Z", date(2024, 5, 31)),
        ("2024-05-31 12:00:00", date(2024, 5, 31)),
        ("2154-12-31", date(2154, 12, 31)),
    ],
)
def test_dates_are_read_and_the_empty_date_is_none(text, day):
    assert typed(cells(TransDate=[text]))["TransDate"] == [day]


@pytest.mark.parametrize(
    "text", ["31.05.2024", "5/31/2024", "2024-02-30", "1024-05-31", "soon", "0"]
)
def test_what_is_no_date_is_refused_with_its_place(text):
    with pytest.raises(DataError, match=rf"CustTrans.TransDate is no date .*line 2 '{text}'"):
        typed(cells(TransDate=["2024-05-31", text]))


@pytest.mark.parametrize(
    ("text", "amount"), [("1500.75", 1500.75), ("-3.100000", -3.1), ("1E3", 1000), ("", None)]
)
def test_amounts_are_exact(text, amount):
    (found,) = typed(cells(AmountCur=[text]))["AmountCur"]
    assert (None if found is None else float(found)) == amount


@pytest.mark.parametrize("text", ["1,500.75", "1.500,75", "12.34567", "EUR 5", "9" * 26, "1-"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(
        DataError, match=r"1 cells cannot be read: CustTrans.AmountCur is no amount"
    ):
        typed(cells(AmountCur=[text]))


def test_typed_columns_are_taken_as_they_are():
    rows = typed(
        cells(
            TransDate=[NOON, EMPTY, None],
            AmountCur=[0.1 + 0.2, float("nan"), -7.0],
            Invoice=[12345.0, None, 7.5],
            TransType=[2, 15, None],
            ReasonRefRecId=[0, 5, None],
        )
    )
    assert rows["TransDate"] == [date(2024, 5, 31), None, None]
    assert [None if x is None else float(x) for x in rows["AmountCur"]] == [0.3, None, -7.0]
    assert rows["Invoice"] == ["12345", None, "7.5"]
    assert rows["TransType"] == [2, 15, None]
    assert rows["ReasonRefRecId"] == [None, 5, None]


def test_labels_of_enums_are_read_as_their_numbers():
    labels = {"TransType": read_enums(None).values["LedgerTransType"]}
    assert typed(cells(TransType=["Payment", "write off", "2"]), **labels)["TransType"] == [
        15,
        35,
        2,
    ]
    with pytest.raises(
        DataError, match=r"CustTrans.TransType is no whole number in 1 rows .*'Paymt'"
    ):
        typed(cells(TransType=["Paymt"]), **labels)


def test_of_several_versions_of_a_row_the_latest_holds(tmp_path):
    first, second = (
        {"CustTrans": [row | {"VersionNumber": n, "AmountCur": n}]}
        for n, row in zip((8, 3), 2 * invoice("A", 101)["CustTrans"], strict=True)
    )
    write(tmp_path, {k: v for k, v in BOOKS.items() if k != "CustTrans"}, first, second)
    with connected() as connection:
        export = load_export(connection, tmp_path, read_enums(None))
        kept = connection.execute("SELECT AmountCur FROM CustTrans").fetchall()
    assert [float(amount) for (amount,) in kept] == [8.0]
    assert (export.found["CustTrans"].rows, export.found["CustTrans"].older) == (1, 1)


def test_rows_of_one_key_that_differ_without_a_version_are_refused(tmp_path):
    other = {"CustTrans": [BOOKS["CustTrans"][0] | {"AmountCur": "1.00"}]}
    write(tmp_path, BOOKS, other)
    with pytest.raises(
        DataError, match="CustTrans has rows of one DataAreaId and RecId that differ"
    ):
        load(tmp_path)


def test_rows_without_a_key_are_refused(tmp_path):
    write(tmp_path, BOOKS, {"CustTrans": [BOOKS["CustTrans"][0] | {"RecId": ""}]})
    with pytest.raises(DataError, match="CustTrans has no DataAreaId or RecId in 1 of 3 rows"):
        load(tmp_path)


def test_a_damaged_parquet_file_is_named(tmp_path):
    pq.write_table(pa.table({"RecId": [1]}), tmp_path / "CustTrans.parquet")
    (tmp_path / "CustTrans.parquet").write_bytes((tmp_path / "CustTrans.parquet").read_bytes()[:-9])
    with pytest.raises(DataError, match=r"CustTrans.parquet cannot be read as Parquet"):
        read_part(tmp_path / "CustTrans.parquet", ["recid"], "CustTrans.parquet")


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "nonsense://x"])
def test_a_database_that_cannot_be_read_is_said_plainly(url):
    with (
        connected() as connection,
        pytest.raises((DataError, SettingsError), match=r"database|read"),
    ):
        load_export(connection, url, read_enums(None))


ROWS = [
    {"RecId": n, "DataAreaId": "DEMF", "AmountCur": f"{n * 1.25:.2f}", "TransDate": "2024-01-10"}
    | {"Invoice": f'INV "{n}", x', "TransType": 2}
    for n in range(1, 9)
]


def as_csv() -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ROWS[0]))
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue()


@given(st.data())
@settings(max_examples=25)
def test_no_damage_loses_anything_in_silence(tmp_path_factory, data):
    """Either the damage is refused, or every stated cell of every record is there."""
    text = list(as_csv())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(
            st.integers(
                len("RecId,DataAreaId,AmountCur,TransDate,Invoice,TransType\n"), len(text) - 1
            )
        )
        what = data.draw(
            st.sampled_from(['"', ",", ";", "\n", "x", "", "\x00", "é", "-", "9", "."])
        )
        text[place] = what if data.draw(st.booleans()) else text[place] + what
    damaged = "".join(text)
    path = tmp_path_factory.mktemp("damage") / "CustTrans.csv"
    path.write_text(damaged, encoding="utf-8", newline="")
    try:
        part = read_part(path, [folded(name) for name in ROWS[0]], path.name)
        rows = typed(part)
    except DataError:
        return
    records = [r for r in csv.reader(io.StringIO(damaged, newline="")) if any(c.strip() for c in r)]
    header, stated = records[0], records[1:]
    assert len(rows["RecId"]) == len(stated)
    for record, *found in zip(stated, *(rows[name] for name in header), strict=True):
        missing = [
            name
            for name, cell, value in zip(header, record, found, strict=True)
            if cell.strip().upper() not in ("", "NULL", "NAN", "N/A", "-") and value is None
        ]
        assert [name for name in missing if record[header.index(name)] not in ("0",)] == []


def test_the_place_of_a_bad_cell_is_found_in_the_part_it_stands_in():
    one, two = cells(TransDate=["2024-01-01"] * 3), cells(TransDate=["2024-01-01", "x"])
    with pytest.raises(DataError, match=r"CustTrans.csv line 2 'x'"):
        typed(one, two)
    assert int(one.lines(np.array([0]))[0]) == 1
