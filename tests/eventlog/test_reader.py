"""Every cell is understood or its row is set aside with the reason; nothing vanishes in silence."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import DataError, SettingsError
from eventlog.log import END_OF_DAY, micros, timestamp
from eventlog.mapping import Mapping
from eventlog.reader import log_from_frame, read_log
from tests.eventlog.log_tables import (
    GENERATED,
    RECEIVED,
    in_file_order,
    read,
    reasons,
    texts,
)

# What becomes of columns


def test_a_small_log_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "Invoice Number,activity_name,EventTime,CustomerName,InvoiceAmount,PaymentDueDate,Region\n"
        "A,invoice generated,2024-01-02,Contoso,1500.75,2024-02-01,North\n"
        "A,Payment Received,2024-02-03T10:00:00Z,Contoso,1500.75,2024-02-01,North\n"
    )
    stages: list[tuple[str, float]] = []
    log, summary = read_log(path, progress=lambda *stage: stages.append(stage))
    assert log.invoice_keys.to_numpy().tolist() == [["", "A"]]
    assert log.customer_keys.to_numpy().tolist() == [["", "Contoso"]]
    assert log.activities == (GENERATED, RECEIVED)
    assert log.event_time.tolist() == [micros("2024-01-02"), micros("2024-02-03 10:00")]
    assert log.money("InvoiceAmount").tolist() == [15007500, 15007500]
    assert log.times("PaymentDueDate").tolist() == [micros("2024-02-01")] * 2
    assert log.columns["Region"].levels == ("North",)
    assert list(log.columns) == ["CustomerName", "InvoiceAmount", "PaymentDueDate", "Region"]
    assert (summary.events, summary.invoices, summary.customers, summary.companies) == (2, 1, 1, 1)
    assert summary.period == (
        timestamp(micros("2024-01-02")),
        timestamp(micros("2024-02-03 10:00")),
    )
    assert summary.additional_columns == {"Region": "level"}
    assert "DunningLevel" in summary.missing_recommended
    assert "CustomerName" not in summary.missing_recommended
    assert any("Activities of 1 rows are spelled differently" in note for note in summary.notes)
    assert [done for _, done in stages] == sorted(done for _, done in stages)
    assert stages[-1] == ("done", 1.0)


def test_a_date_stands_at_the_start_of_its_day_when_issued_and_at_its_end_otherwise() -> None:
    log, _ = read(ActivityName=[GENERATED, RECEIVED])
    day = micros("2024-01-31")
    assert in_file_order(log, log.event_time) == [day, day + END_OF_DAY]


def test_texts_that_say_nothing_are_empty() -> None:
    log, summary = read(UserId=["x", "", " ", "NULL", "NaN", "n/a", "-", None])
    assert texts(log, "UserId") == ["x"] + [""] * 7
    assert summary.rows_quarantined == 0


def test_flags_become_true_and_false() -> None:
    log, summary = read(IsDisputed=["Yes", "0", None, "maybe"])
    assert texts(log, "IsDisputed") == ["true", "false", ""]
    assert reasons(summary) == [(4, "IsDisputed 'maybe' is neither true nor false")]


def test_a_dunning_level_is_the_number_in_its_text() -> None:
    log, _ = read(
        ActivityName=["Dunning Letter Generated"] * 3, DunningLevel=["3 - Final", "1", ""]
    )
    level = log.columns["DunningLevel"]
    assert level.kind == "number"
    assert in_file_order(log, level.values)[:2] == [3.0, 1.0]
    assert "DunningLevelText" not in log.columns


def test_a_dunning_level_without_a_number_keeps_its_text() -> None:
    log, _ = read(DunningLevel=["3 - Final", "Last warning"])
    assert np.isnan(log.columns["DunningLevel"].values).sum() == 1
    assert texts(log, "DunningLevelText") == ["3 - Final", "Last warning"]


def test_additional_columns_are_numbers_times_or_levels() -> None:
    log, summary = read(
        Size=["1", "2.5", None],
        Since=["31.12.1965", "01.02.2003", None],
        Code=["007", "12", None],
        Phone=["12345678901234567", "1", "2"],
        Mixed=["1", "2", "x"],
        Empty=[None, None, None],
        Unclear=["01/02/2003", "02/03/2004", None],
    )
    assert summary.additional_columns == {
        "Size": "number",
        "Since": "time",
        "Code": "level",
        "Phone": "level",
        "Mixed": "level",
        "Empty": "level",
        "Unclear": "level",
    }
    assert in_file_order(log, log.columns["Since"].values)[0] == micros("1965-12-31")


def test_a_row_set_aside_does_not_decide_the_kind_of_a_column() -> None:
    _, summary = read(EventTime=["2024-01-31", "never"], Size=["1", "big"])
    assert summary.additional_columns == {"Size": "number"}


def test_a_line_set_aside_does_not_decide_the_kind_of_a_column(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "InvoiceNumber,ActivityName,EventTime,Size,DunningLevel\n"
        f"A,{GENERATED},2024-01-31,1,2\nB,{GENERATED},never,big,final\n"
    )
    log, summary = read_log(path)
    assert summary.additional_columns == {"Size": "number"}
    assert log.columns["Size"].values.tolist() == [1.0]
    assert summary.quarantine["Size"].tolist() == ["big"]


def test_recorded_later_than_it_happened_is_known_later() -> None:
    log, _ = read(
        EventTime=["2024-01-31T10:00Z", "2024-01-31T11:00Z"],
        RecordedTime=["2024-02-02T08:00Z", "2024-01-30T08:00Z"],
    )
    assert in_file_order(log, log.known_at) == [
        micros("2024-02-02 08:00"),
        micros("2024-01-31 11:00"),
    ]
    assert "RecordedTime" not in log.columns


def test_a_due_date_is_the_day_as_written() -> None:
    log, _ = read(PaymentDueDate=["2024-07-01T00:00:00+02:00"])
    assert log.times("PaymentDueDate").tolist() == [micros("2024-07-01")]


def test_times_without_zone_are_those_of_the_mapping() -> None:
    frame = pd.DataFrame(
        {"InvoiceNumber": ["A"], "ActivityName": [RECEIVED], "EventTime": ["2024-07-01 12:00"]}
    )
    log, summary = log_from_frame(frame, mapping=Mapping(timezone="Europe/Berlin"))
    assert log.event_time.tolist() == [micros("2024-07-01 10:00")]
    assert "Times without a zone are read as times in Europe/Berlin." in summary.notes
    with pytest.raises(SettingsError, match="'Mars' is unknown"):
        log_from_frame(frame, mapping=Mapping(timezone="Mars"))


# Who and what


def test_the_account_is_the_customer_and_the_name_is_kept_beside_it() -> None:
    log, _ = read(CustomerAccount=["7"], CompanyCode=["USMF"])
    assert log.customer_keys.to_numpy().tolist() == [["USMF", "7"]]
    assert log.invoice_keys.to_numpy().tolist() == [["USMF", "A"]]
    assert texts(log, "CustomerName") == ["Contoso"]


def test_where_the_account_is_empty_the_name_is_the_customer() -> None:
    log, summary = read(InvoiceNumber=["A", "B"], CustomerAccount=["7", None])
    assert log.customer_keys["customer"].tolist() == ["7", "Contoso"]
    assert (
        "CustomerAccount is empty in 1 rows: CustomerName is the customer there." in summary.notes
    )


def test_without_a_customer_column_each_invoice_stands_for_its_own() -> None:
    frame = pd.DataFrame(
        {
            "InvoiceNumber": ["A", "B"],
            "ActivityName": [GENERATED] * 2,
            "EventTime": ["2024-01-31"] * 2,
        }
    )
    log, summary = log_from_frame(frame)
    assert not log.has_customers
    assert log.n_customers == 2
    assert summary.customers == 0


def test_invoices_that_name_no_customer_are_counted() -> None:
    log, summary = read(InvoiceNumber=["A", "B"], CustomerName=["Contoso", None])
    assert (log.n_customers, summary.customers) == (2, 1)
    assert "1 invoices never name a customer: each stands for its own." in summary.notes


def test_an_event_of_a_customer_alone_needs_no_invoice() -> None:
    log, summary = read(
        InvoiceNumber=[None] * 5 + ["A"],
        ActivityName=["Credit Limit Changed", "Portal Login", RECEIVED, "Portal Login", None, "X"],
        CustomerName=["Contoso", "Contoso", "Contoso", None, "Contoso", "Contoso"],
    )
    assert log.invoice.tolist() == [-1, -1, 0]
    assert reasons(summary) == [
        (3, "InvoiceNumber is empty and the activity needs one"),
        (4, "InvoiceNumber and the customer are both empty"),
        (5, "ActivityName is empty"),
    ]


def test_a_company_that_is_left_out_on_some_rows_is_noted() -> None:
    _, summary = read(CompanyCode=["USMF", None])
    assert any(note.startswith("CompanyCode is empty in 1 of 2 rows") for note in summary.notes)


def test_unknown_activities_stay_as_written() -> None:
    _, summary = read(ActivityName=["Fine  Notified", "payment  received"])
    assert summary.template_activities == {RECEIVED: 1}
    assert summary.unknown_activities == {"Fine  Notified": 1}


def test_more_activities_than_a_log_can_hold_are_refused() -> None:
    names = [f"activity {number}" for number in range(33_000)]
    with pytest.raises(DataError, match="'ActivityName' has 33,000 different values"):
        read(ActivityName=names)


# What is decided from the values


def test_an_order_of_day_and_month_that_nothing_shows_is_asked_for(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"InvoiceNumber": ["A"], "ActivityName": [RECEIVED], "EventTime": ["01/02/2024"]}
    )
    with pytest.raises(DataError, match=r"'EventTime' .* such as '01/02/2024'.* State day_first"):
        log_from_frame(frame)
    assert log_from_frame(frame, day_first=True)[0].event_time[0] > micros("2024-02-01")
    assert log_from_frame(frame, day_first=False)[0].event_time[0] < micros("2024-02-01")


def test_each_column_decides_its_own_order_of_day_and_month() -> None:
    log, summary = read(
        EventTime=["31.01.2024", "01.02.2024"], PaymentDueDate=["02/29/2024", "03/01/2024"]
    )
    assert log.times("PaymentDueDate").max() == micros("2024-03-01")
    assert (
        "Dates of ['EventTime'] are read day before month, as their values show." in summary.notes
    )


def test_decimal_commas_are_found_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "InvoiceNumber;ActivityName;EventTime;InvoiceAmount;Rate\n"
        "A;Invoice Generated;31.01.2024;1.234,56 €;6,99\n"
        "A;Invoice Generated;31.01.2024;(5,5);7\n"
    )
    log, summary = read_log(path)
    assert sorted(log.money("InvoiceAmount").tolist()) == [-55000, 12345600]
    assert summary.additional_columns == {"Rate": "number"}
    assert "Numbers are read with decimal commas, as their values show." in summary.notes
    assert "Columns are separated by semicolons." in summary.notes


def test_marks_that_could_mean_either_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("InvoiceNumber,ActivityName,EventTime,InvoiceAmount\nA,X,2024-01-31,1.500\n")
    with pytest.raises(DataError, match=r"marks of \['InvoiceAmount'\] .* State decimal"):
        read_log(path)
    assert read_log(path, decimal=",")[0].money("InvoiceAmount").tolist() == [15_000_000]
    mapping = Mapping(decimal=".")
    assert read_log(path, mapping=mapping)[0].money("InvoiceAmount").tolist() == [15_000]


def test_the_log_ends_with_its_last_data_update() -> None:
    log, summary = read(LastDataUpdate=["2024-03-01T02:00:00Z", "2024-02-01"])
    assert log.ends_at == micros("2024-03-01 02:00")
    assert summary.log_end == timestamp(log.ends_at)
    assert "LastDataUpdate" not in log.columns


def test_a_last_data_update_before_the_last_event_gives_way() -> None:
    log, summary = read(LastDataUpdate=["2024-01-30"])
    assert log.ends_at == int(log.known_at.max())
    assert any("1 events lie after the latest LastDataUpdate" in note for note in summary.notes)


def test_a_last_data_update_without_time_covers_its_day() -> None:
    log, summary = read(ActivityName=[RECEIVED], LastDataUpdate=["2024-01-31"])
    assert log.ends_at == micros("2024-01-31") + END_OF_DAY
    assert not any("LastDataUpdate" in note for note in summary.notes)


def test_levels_and_limits_that_stand_where_they_cannot_be_history_are_noted() -> None:
    _, summary = read(
        ActivityName=[GENERATED, "Dunning Letter Generated"],
        DunningLevel=["1", "1"],
        CreditLimit=["500", "500"],
    )
    assert (
        "DunningLevel stands on rows that are not dunning rows in 1 rows: it is ignored there."
        in summary.notes
    )
    assert any(
        "CreditLimit never changes along the log of 1 of 1" in note for note in summary.notes
    )


def test_the_summary_is_plain_values() -> None:
    _, summary = read(EventTime=["2024-01-31", "x"], InvoiceAmount=["5.25", "1"])
    plain = json.loads(json.dumps(summary.as_dict()))
    rows = {"read": 2, "kept": 1, "quarantined": 1, "calculated": 0, "repeats": 0, "blank": 0}
    assert plain["rows"] == rows
    assert plain["totals"][0]["read"] == "6.25"
    assert plain["quarantine"][0]["line"] == 2
    assert plain["log_end"] == "2024-01-31T00:00:00"
