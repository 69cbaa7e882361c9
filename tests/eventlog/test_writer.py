"""What is written reads the same; one customer's rows are read without the rest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.errors import DataError, NotFoundError
from eventlog.log import END_OF_DAY, MINOR, NONE, Column, EventLog, build_log, micros
from eventlog.reader import log_from_frame, read_log
from eventlog.writer import ROW_GROUP, log_to_frame, read_customers, write_log
from tests.eventlog.log_tables import GENERATED, RECEIVED, columns_of, rows_of, tables

FRAME = pd.DataFrame(
    {
        "InvoiceNumber": ["B", "B", "A", None, "A"],
        "ActivityName": [GENERATED, RECEIVED, GENERATED, "Credit Limit Changed", "Portal Login"],
        "EventTime": [
            "2024-01-02",
            "2024-02-03",
            "2024-01-05",
            "2024-01-01T08:30:00Z",
            "2024-03-01T10:00:00.25Z",
        ],
        "RecordedTime": [None, "2024-02-05", "2024-01-09T07:00:00Z", None, None],
        "CompanyCode": ["USMF", "USMF", "DEMF", "DEMF", "DEMF"],
        "CustomerAccount": ["7", "7", "8", "8", "8"],
        "CustomerName": ["Contoso", None, "=Fabrikam", "=Fabrikam", "'@x"],
        "InvoiceAmount": ["1500.75", "1500.75", "0.0001", None, "99.10"],
        "PaymentAmount": [None, "1500.75", None, None, None],
        "PaymentDueDate": ["2024-02-01", "2024-02-01", None, None, None],
        "DunningLevel": [None, None, None, None, "final"],
        "Note": ['say "hi"', "two\nlines", "a,b;c", "007", None],
        "Size": ["1.5", "2", None, "1e20", None],
        "Since": ["1950-05-05", "2024-01-01T10:11:12.000001Z", None, None, None],
    }
)


@pytest.fixture(scope="module")
def log() -> EventLog:
    return log_from_frame(FRAME)[0]


def assert_same(one: EventLog, other: EventLog) -> None:
    assert rows_of(one) == rows_of(other)
    assert columns_of(one) == columns_of(other)
    assert one.ends_at == other.ends_at
    assert one.has_customers == other.has_customers


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.csv.gz"])
def test_a_log_that_is_written_reads_the_same(tmp_path: Path, log: EventLog, name: str) -> None:
    path = write_log(log, tmp_path / name)
    assert_same(read_log(path)[0], log)


def test_a_log_as_a_frame_reads_the_same(log: EventLog) -> None:
    assert_same(log_from_frame(log_to_frame(log))[0], log)


def test_a_frame_shows_the_log_in_the_templates_names(log: EventLog) -> None:
    frame = log_to_frame(log)
    assert list(frame.columns[:6]) == [
        "InvoiceNumber",
        "ActivityName",
        "EventTime",
        "RecordedTime",
        "CompanyCode",
        "CustomerAccount",
    ]
    assert frame["InvoiceNumber"].isna().tolist() == [True, False, False, False, False]
    assert frame["InvoiceAmount"].dtype == np.float64
    paid = frame[frame["ActivityName"] == RECEIVED].iloc[0]
    assert paid["EventTime"] == pd.Timestamp("2024-02-03", tz="UTC"), "the date as it was stated"
    assert paid["PaymentDueDate"] == pd.Timestamp("2024-02-01")


def test_amounts_too_large_for_floats_stay_exact_in_a_frame() -> None:
    frame = FRAME.assign(InvoiceAmount="9999999999999.9999")
    log = log_from_frame(frame)[0]
    assert_same(log_from_frame(log_to_frame(log))[0], log)


def test_names_alone_are_written_as_names(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="CustomerAccount").assign(CustomerName="Contoso")
    log = log_from_frame(frame)[0]
    assert "CustomerAccount" not in log_to_frame(log).columns
    assert_same(read_log(write_log(log, tmp_path / "log.csv"))[0], log)


def test_a_log_without_customers_is_written_without_them(tmp_path: Path) -> None:
    frame = FRAME.drop(columns=["CustomerAccount", "CustomerName"]).drop(index=3)
    log = log_from_frame(frame)[0]
    assert not log.has_customers
    path = write_log(log, tmp_path / "log.parquet")
    assert_same(read_log(path)[0], log)
    assert rows_of(read_customers(path, "USMF", "invoice B")) == rows_of(log)[-2:]


def test_where_a_log_ends_is_written_if_it_is_not_its_last_event(
    tmp_path: Path, log: EventLog
) -> None:
    assert "LastDataUpdate" not in log_to_frame(log).columns
    for end in ("2024-12-31", "2024-12-31T10:11:12"):
        longer = replace(log, ends_at=micros(end))
        assert read_log(write_log(longer, tmp_path / "log.csv"))[0].ends_at == micros(end)


def test_calculated_events_are_not_written(log: EventLog) -> None:
    row = log.row.copy()
    row[-1] = -1
    assert len(log_to_frame(replace(log, row=row))) == len(log) - 1


def test_cells_that_a_spreadsheet_would_run_are_guarded(tmp_path: Path, log: EventLog) -> None:
    text = write_log(log, tmp_path / "log.csv").read_text()
    assert '"\'=Fabrikam"' in text
    assert "\"''@x\"" in text


def test_money_in_a_csv_is_a_plain_number(tmp_path: Path) -> None:
    frame = FRAME.assign(InvoiceAmount=["1500.75", "-2", "", "", "3"])
    path = write_log(log_from_frame(frame)[0], tmp_path / "log.csv")
    assert sorted(pd.read_csv(path)["InvoiceAmount"].dropna()) == [-2.0, 3.0, 1500.75]


def test_kinds_of_a_parquet_file_are_those_of_the_log(tmp_path: Path) -> None:
    n = 2
    log = build_log(
        invoice=Column("level", np.array([0, 1], dtype=np.int32), ("A", "B")),
        customer=Column("level", np.zeros(n, dtype=np.int32), ("7",)),
        activity=Column("level", np.zeros(n, dtype=np.int32), (GENERATED,)),
        event_time=np.array([micros("2024-01-31")] * n),
        columns={
            "Code": Column("level", np.array([0, 1], dtype=np.int32), ("1", "2")),
            "Fee": Column("money", np.array([5 * MINOR, NONE])),
            "Void": Column("number", np.full(n, np.nan)),
            "Never": Column("time", np.full(n, NONE)),
        },
    )
    again = read_log(write_log(log, tmp_path / "log.parquet"))[0]
    assert {name: column.kind for name, column in again.columns.items()} == {
        "Code": "level",
        "Fee": "money",
        "Void": "number",
        "Never": "time",
    }
    assert_same(again, log)


def test_one_customer_is_read_as_the_log_has_it(tmp_path: Path, log: EventLog) -> None:
    path = write_log(log, tmp_path / "log.parquet")
    one = read_customers(path, "DEMF", "8")
    assert rows_of(one) == [row for row in rows_of(log) if row[1] == ("DEMF", "8")]
    assert one.customer_keys.to_numpy().tolist() == [["DEMF", "8"]]
    assert (one.customer == 0).all()


def test_a_customer_known_by_name_is_read_by_name(tmp_path: Path) -> None:
    frame = FRAME.drop(columns=["CustomerAccount", "CompanyCode"]).assign(CustomerName="Contoso")
    path = write_log(log_from_frame(frame)[0], tmp_path / "log.parquet")
    assert len(read_customers(path, "", "Contoso")) == 5


def test_an_invoice_that_names_no_customer_is_read_by_its_own(tmp_path: Path) -> None:
    frame = FRAME.assign(CustomerAccount=["7", "", "", "8", ""], CustomerName="")
    log = log_from_frame(frame)[0]
    path = write_log(log, tmp_path / "log.parquet")
    assert read_log(path)[1].customers == 2
    one = read_customers(path, "DEMF", "invoice A")
    assert rows_of(one) == [row for row in rows_of(log) if row[0] == ("DEMF", "A")]


def test_a_customer_that_is_not_there_is_named(tmp_path: Path, log: EventLog) -> None:
    path = write_log(log, tmp_path / "log.parquet")
    for company, customer in (("USMF", "8"), ("", "7"), ("USMF", "invoice B")):
        with pytest.raises(NotFoundError, match=f"no events of customer '{customer}'"):
            read_customers(path, company, customer)
    with pytest.raises(NotFoundError, match="no file at"):
        read_customers(tmp_path / "none.parquet", "", "x")


def test_only_files_in_the_templates_names_are_read_by_customer(tmp_path: Path) -> None:
    pd.DataFrame({"Beleg": ["A"]}).to_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"not in the template's names; it has \['Beleg'\]"):
        read_customers(tmp_path / "log.parquet", "", "x")


def test_row_groups_hold_customers_side_by_side(tmp_path: Path) -> None:
    n = 2 * ROW_GROUP
    frame = pd.DataFrame(
        {
            "InvoiceNumber": np.arange(n) % 5000,
            "ActivityName": GENERATED,
            "EventTime": pd.Timestamp("2024-01-31"),
            "CustomerAccount": (np.arange(n) % 100).astype(str),
        }
    )
    log = log_from_frame(frame)[0]
    path = write_log(log, tmp_path / "log.parquet")
    file = pq.ParquetFile(path).metadata
    place = file.schema.to_arrow_schema().names.index("CustomerAccount")
    bounds = [file.row_group(g).column(place).statistics for g in range(file.num_row_groups)]
    assert len(bounds) == 2
    assert bounds[0].max <= bounds[1].min


def test_a_log_that_cannot_be_written_says_why(tmp_path: Path, log: EventLog) -> None:
    with pytest.raises(DataError, match="is of an unknown kind"):
        write_log(log, tmp_path / "log.txt")
    with pytest.raises(DataError, match="cannot be written"):
        write_log(log, tmp_path / "none" / "log.csv")
    with pytest.raises(DataError, match="The log has no events to write"):
        write_log(log.upto(micros("2000-01-01")), tmp_path / "log.csv")


def test_a_log_cut_at_a_moment_reads_as_it_stood_then(tmp_path: Path, log: EventLog) -> None:
    cut = log.upto(micros("2024-02-01"))
    again = read_log(write_log(cut, tmp_path / "log.csv"))[0]
    assert rows_of(again) == rows_of(cut)
    assert again.ends_at == micros("2024-02-01")


def test_ends_of_days_are_written_as_dates(tmp_path: Path, log: EventLog) -> None:
    assert (log.event_time % (END_OF_DAY + 1) == END_OF_DAY).any()
    assert "23:59:59" not in write_log(log, tmp_path / "log.csv").read_text()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=tables(), name=st.sampled_from(["log.parquet", "log.csv"]))
def test_any_log_that_can_be_read_survives_being_written(
    tmp_path: Path, table: pd.DataFrame, name: str
) -> None:
    try:
        log, _ = log_from_frame(table, day_first=True)
    except DataError:
        return
    assert_same(read_log(write_log(log, tmp_path / name), day_first=True)[0], log)
    assert_same(log_from_frame(log_to_frame(log), day_first=True)[0], log)
