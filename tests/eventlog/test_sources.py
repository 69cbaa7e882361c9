"""Every kind of source gives the same log; a file that is not what its name says is refused."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.log import EventLog, micros
from eventlog.mapping import Mapping
from eventlog.reader import log_from_frame, read_log

CSV = """InvoiceNumber,ActivityName,EventTime,CustomerAccount,InvoiceAmount,PaymentDueDate,Note
1001,Invoice Generated,2024-01-02,7,1500.75,2024-02-01,a
1001,Payment Received,2024-02-03,7,1500.75,2024-02-01,b
1002,Invoice Generated,2024-01-05,8,99.10,2024-02-04,
"""
FRAME = pd.DataFrame(
    {
        "InvoiceNumber": [1001, 1001, 1002],
        "ActivityName": ["Invoice Generated", "Payment Received", "Invoice Generated"],
        "EventTime": pd.to_datetime(["2024-01-02", "2024-02-03", "2024-01-05"]),
        "CustomerAccount": [7, 7, 8],
        "InvoiceAmount": [1500.75, 1500.75, 99.1],
        "PaymentDueDate": pd.to_datetime(["2024-02-01", "2024-02-01", "2024-02-04"]),
        "Note": ["a", "b", None],
    }
)


def facts(log: EventLog) -> list[object]:
    return [
        log.invoice_keys.to_numpy().tolist(),
        log.customer_keys.to_numpy().tolist(),
        log.event_time.tolist(),
        log.money("InvoiceAmount").tolist(),
        log.times("PaymentDueDate").tolist(),
        log.columns["Note"].levels,
    ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_text(CSV)
    return facts(read_log(path)[0])


def write_workbook(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        book.add_worksheet("Read me").write(0, 0, "Fill in the next sheet")
        page = book.add_worksheet("Events")
        for place, row in enumerate(rows):
            page.write_row(place, 0, row)


def test_a_frame_reads_like_its_csv(expected: list[object]) -> None:
    assert facts(log_from_frame(FRAME)[0]) == expected
    assert facts(log_from_frame(FRAME.astype({"ActivityName": "category"}))[0]) == expected
    assert facts(log_from_frame(FRAME.astype(object))[0]) == expected


def test_parquet_reads_like_its_csv(tmp_path: Path, expected: list[object]) -> None:
    FRAME.to_parquet(tmp_path / "log.parquet")
    assert facts(read_log(tmp_path / "log.parquet")[0]) == expected


def test_a_folder_of_parquet_files_reads_as_one_log(tmp_path: Path, expected: list[object]) -> None:
    FRAME.iloc[:2].to_parquet(tmp_path / "a.parquet")
    FRAME.iloc[2:].drop(columns="Note").to_parquet(tmp_path / "b.parquet")
    (tmp_path / "readme.txt").write_text("not a part")
    assert facts(read_log(tmp_path)[0]) == expected


def test_excel_reads_like_its_csv(tmp_path: Path, expected: list[object]) -> None:
    path = tmp_path / "log.xlsx"
    cells = FRAME.astype(object).where(FRAME.notna(), None)
    dates = [
        [c.to_pydatetime() if isinstance(c, pd.Timestamp) else c for c in row]
        for row in cells.to_numpy()
    ]
    write_workbook(path, [list(FRAME.columns), *dates])
    log, summary = read_log(path)
    assert facts(log) == expected
    assert "Sheet 'Events' is read." in summary.notes


def test_excel_serial_numbers_are_dates(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    header = ["InvoiceNumber", "ActivityName", "EventTime", "InvoiceAmount"]
    write_workbook(path, [header, ["A", "Invoice Generated", 45322.5, "1,234.50"]])
    log, _ = read_log(path)
    assert log.event_time.tolist() == [micros("2024-01-31 12:00")]
    assert log.money("InvoiceAmount").tolist() == [12345000]


def test_excel_numbers_with_three_decimals_are_not_taken_for_thousands(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    header = ["InvoiceNumber", "ActivityName", "EventTime", "InvoiceAmount"]
    day = pd.Timestamp("2024-01-31").to_pydatetime()
    write_workbook(path, [header, ["A", "Invoice Generated", day, 1.234], ["B", "X", day, "n/a"]])
    assert read_log(path)[0].money("InvoiceAmount")[0] == 12340


def test_excel_lines_are_rows_of_the_sheet(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    header = ["InvoiceNumber", "ActivityName", "EventTime"]
    good, bad = ["A", "Invoice Generated", "2024-01-31"], ["A", "Payment Received", "soon"]
    write_workbook(path, [[], header, good, [], bad])
    assert read_log(path)[1].quarantine["line"].tolist() == [5]


def test_a_sheet_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    write_workbook(path, [["InvoiceNumber"]])
    with pytest.raises(DataError, match=r"no sheet 'Log'; it has \['Read me', 'Events'\]"):
        read_log(path, sheet="Log")
    with pytest.raises(DataError, match="holds only a header"):
        read_log(path, sheet="Events")


def test_a_query_reads_like_its_csv(tmp_path: Path, expected: list[object]) -> None:
    path = tmp_path / "erp.db"
    with sqlite3.connect(path) as connection:
        texts = FRAME.assign(
            EventTime=FRAME["EventTime"].astype(str),
            PaymentDueDate=FRAME["PaymentDueDate"].astype(str),
        )
        texts.to_sql("events", connection, index=False)
    connection.close()
    query = "select * from events where EventTime like '%2024%' and ':x' <> '%s'"
    assert facts(read_log(f"sqlite:///{path}", query=query)[0]) == expected


def test_a_database_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    path = tmp_path / "erp.db"
    sqlite3.connect(path).close()
    with pytest.raises(SettingsError, match="needs a query"):
        read_log(f"sqlite:///{path}")
    with pytest.raises(DataError, match="no such table: events"):
        read_log(f"sqlite:///{path}", query="select * from events")
    with pytest.raises(DataError, match="The query has no rows"):
        read_log(f"sqlite:///{path}", query="select 1 as a where 1 = 0")
    with pytest.raises(NotFoundError, match="no SQLite database at"):
        read_log(f"sqlite:///{tmp_path}/none.db", query="select 1")
    with pytest.raises(SettingsError, match="database URL cannot be used"):
        read_log("nonsense://x/y", query="select 1")


def test_an_unreachable_database_is_named_without_its_password() -> None:
    with pytest.raises(DataError, match="cannot be queried") as caught:
        read_log("postgresql://ann:secret@127.0.0.1:1/erp", query="select 1")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "log.csv")
    (tmp_path / "log.parquet").write_text(CSV)
    (tmp_path / "log.xlsx").write_text(CSV)
    (tmp_path / "log.csv.gz").write_text(CSV)
    with pytest.raises(DataError, match=r"log.csv is named as text but holds Parquet"):
        read_log(tmp_path / "log.csv")
    with pytest.raises(DataError, match=r"named as Parquet but holds text"):
        read_log(tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"named as Excel but holds text"):
        read_log(tmp_path / "log.xlsx")
    with pytest.raises(DataError, match=r"named as gzip but holds text"):
        read_log(tmp_path / "log.csv.gz")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(b"PAR1" + b"\0" * 50)
    (tmp_path / "log.xlsx").write_bytes(b"PK\x03\x04" + b"\0" * 50)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_log(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="cannot be read as Excel"):
        read_log(tmp_path / "log.xlsx")


def test_sources_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file at"):
        read_log(tmp_path / "none.csv")
    with pytest.raises(DataError, match="folder without Parquet files"):
        read_log(tmp_path)
    FRAME.iloc[:0].to_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="has no rows"):
        read_log(tmp_path / "log.parquet")
    (tmp_path / "log.xlsx").touch()
    with pytest.raises(DataError, match="is empty"):
        read_log(tmp_path / "log.xlsx")
    (tmp_path / "log.json").write_text("{}")
    with pytest.raises(DataError, match="is of an unknown kind"):
        read_log(tmp_path / "log.json")
    with pytest.raises(DataError, match="The table has no rows"):
        log_from_frame(FRAME.iloc[:0])


def test_parts_of_a_folder_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    pq.write_table(pa.table({"EventTime": pa.array([[1]])}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="do not go together"):
        read_log(tmp_path)


def test_options_that_cannot_apply_are_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(CSV)
    FRAME.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(SettingsError, match=r"\['sheet'\] cannot apply to a CSV file"):
        read_log(tmp_path / "log.csv", sheet="x")
    with pytest.raises(SettingsError, match=r"\['delimiter'\] cannot apply to a Parquet file"):
        read_log(tmp_path / "log.parquet", delimiter=";")
    with pytest.raises(SettingsError, match=r"\['query'\] cannot apply to a file"):
        read_log(tmp_path / "log.csv", query="select 1")
    with pytest.raises(SettingsError, match="Decimal mark ';' is unknown"):
        read_log(tmp_path / "log.csv", decimal=";")


def test_a_mapping_of_another_source_does_no_harm(tmp_path: Path, expected: list[object]) -> None:
    FRAME.to_parquet(tmp_path / "log.parquet")
    mapping = Mapping(delimiter=";", sheet="Events", encoding="cp1252")
    assert facts(read_log(tmp_path / "log.parquet", mapping=mapping)[0]) == expected


def test_cells_that_are_lists_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="'Tags' holds"):
        log_from_frame(
            FRAME.assign(Tags=pd.Series([[1], [2], [3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))))
        )


def test_text_that_is_not_unicode_is_refused_by_name() -> None:
    broken = pd.Series(["a", "\ud800", "b"], dtype=object)
    with pytest.raises(DataError, match="'Note' holds text that is not valid Unicode"):
        log_from_frame(FRAME.assign(Note=broken))


def test_identifiers_that_are_numbers_keep_their_digits() -> None:
    frame = FRAME.assign(InvoiceNumber=[1001.0, 1001.0, np.nan], Long=[2**60, 2**60 + 1, 2**60])
    log, summary = log_from_frame(frame)
    assert log.invoice_keys["invoice"].tolist() == ["1001"]
    assert summary.rows_quarantined == 1
    assert log.columns["Long"].levels == (str(2**60), str(2**60 + 1))
