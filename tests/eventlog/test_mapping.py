"""Names match exactly, then loosely, never by guesswork; a mapping file is read strictly."""

from pathlib import Path

import pytest

from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.mapping import Mapping, match_activities, match_columns, read_mapping

REQUIRED = ("InvoiceNumber", "ActivityName", "EventTime")


def mapping_file(folder: Path, text: str) -> Path:
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_file_is_read(tmp_path: Path) -> None:
    mapping = read_mapping(
        mapping_file(
            tmp_path,
            """
            [columns]
            InvoiceNumber = "Beleg"
            [activities]
            "Rechnung" = "Invoice Generated"
            [format]
            delimiter = ";"
            decimal = ","
            day_first = true
            timezone = "Europe/Berlin"
            """,
        )
    )
    assert mapping.columns == {"InvoiceNumber": "Beleg"}
    assert mapping.activities == {"Rechnung": "Invoice Generated"}
    assert (mapping.delimiter, mapping.decimal, mapping.day_first) == (";", ",", True)
    assert mapping.encoding is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[colums]\n", r"unknown sections: \['colums'\]"),
        ('[columns]\nInvoiceNo = "x"\n', r"unknown names: \['InvoiceNo'\]"),
        ('[format]\nseparator = ";"\n', r"unknown keys: \['separator'\]"),
        ('[format]\nday_first = "yes"\n', "'day_first' in .* Write true or false"),
        ('[format]\ntimezone = "Mars/Olympus"\n', "'Mars/Olympus' is unknown"),
        ('[activities]\n"Paid" = "Payment Recieved"\n', r"unknown targets: \['Payment Recieved'\]"),
        ("[columns]\nInvoiceNumber = 3\n", r"no text for \['InvoiceNumber'\]"),
        ('columns = "x"\n', "'columns' in .* is no section"),
        ("[columns\n", "is not valid TOML"),
    ],
)
def test_a_slip_in_a_mapping_file_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule):
        read_mapping(mapping_file(tmp_path, text))


def test_a_mapping_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no mapping file at"):
        read_mapping(tmp_path / "none.toml")


def test_columns_match_whatever_their_case_spaces_and_underscores() -> None:
    names = ("Invoice Number", "ACTIVITY_NAME", "event time", "Region")
    assert match_columns(names, Mapping(), "log") == {
        "InvoiceNumber": 0,
        "ActivityName": 1,
        "EventTime": 2,
    }


def test_a_mapped_column_comes_before_its_own_name() -> None:
    mapping = Mapping(columns={"CustomerAccount": "CustomerName"})
    places = match_columns((*REQUIRED, "CustomerName"), mapping, "log")
    assert places["CustomerAccount"] == 3
    assert "CustomerName" not in places


def test_two_columns_for_one_attribute_are_refused() -> None:
    with pytest.raises(DataError, match=r"\['EventTime', 'event_time'\] that all hold 'EventTime'"):
        match_columns((*REQUIRED, "event_time"), Mapping(), "log")
    mapped = Mapping(columns={"EventTime": "Datum"})
    with pytest.raises(DataError, match=r"\['Datum', 'EventTime'\]"):
        match_columns((*REQUIRED, "Datum"), mapped, "log")


def test_a_missing_required_column_lists_what_is_there() -> None:
    with pytest.raises(DataError, match=r"log lacks \['EventTime'\]; it has .*'Datum'.*mapping"):
        match_columns(("InvoiceNumber", "ActivityName", "Datum"), Mapping(), "log")


def test_a_mapping_to_a_column_that_is_not_there_lists_what_is_there() -> None:
    with pytest.raises(
        DataError, match=r"a column 'Zeit' that log does not have; it has .*'Datum'"
    ):
        match_columns((*REQUIRED, "Datum"), Mapping(columns={"RecordedTime": "Zeit"}), "log")


def test_activities_take_the_templates_spelling() -> None:
    names = ["payment  received", "INVOICE_GENERATED", "Portal login", ""]
    assert match_activities(names, Mapping()) == [
        "Payment Received",
        "Invoice Generated",
        "Portal login",
        "",
    ]


def test_mapped_activities_match_loosely_too() -> None:
    mapping = Mapping(activities={"Zahlung erhalten": "Payment Received"})
    assert match_activities(["zahlung  ERHALTEN"], mapping) == ["Payment Received"]
