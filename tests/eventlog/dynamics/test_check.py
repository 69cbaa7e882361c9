"""Each rule that tables can break is found, with its table, column and count."""

from pathlib import Path

import pyarrow as pa
import pytest

from eventlog.dynamics.check import check_export, check_tables, read_folder
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.table_files import write_folder
from eventlog.errors import NotFoundError
from tests.eventlog.dynamics.company import tables


def found(**changed: pa.Table) -> list[tuple[str, str, str, int]]:
    findings = check_tables({**tables(), **changed})
    return [(f.table, f.column, f.rule, f.count) for f in findings]


def with_column(name: str, column: str, values: pa.Array) -> pa.Table:
    table = tables()[name]
    return table.set_column(table.column_names.index(column), column, values)


def test_an_unknown_table_and_an_unknown_column_are_found():
    extra = tables()["HcmWorker"].append_column("Shoe", pa.nulls(8, pa.string()))
    assert found(HcmWorker=extra, CustTabel=extra) == [
        ("HcmWorker", "Shoe", "unknown column", 0),
        ("CustTabel", "", "unknown table", 0),
    ]


def test_a_lacking_column_is_found():
    assert found(CustTrans=tables()["CustTrans"].drop_columns(["DueDate"])) == [
        ("CustTrans", "DueDate", "lacking column", 0)
    ]


def test_a_wrong_type_is_found():
    cells = tables()["CustTrans"]["AmountCur"].cast(pa.float64())
    changed = with_column("CustTrans", "AmountCur", cells)
    assert found(CustTrans=changed) == [("CustTrans", "AmountCur", "wrong type", 0)]


def test_an_empty_cell_where_there_must_be_one_is_found():
    cells = tables()["CustTable"]["Currency"].to_pylist()
    changed = with_column("CustTable", "Currency", pa.array([None, *cells[1:]]))
    assert found(CustTable=changed) == [("CustTable", "Currency", "empty key", 1)]


def test_a_key_that_stands_twice_is_found():
    table = tables()["CustDisputeHistory"]
    assert found(CustDisputeHistory=pa.concat_tables([table, table.slice(0, 1)])) == [
        ("CustDisputeHistory", "RecId", "duplicate key", 2)
    ]


def test_a_reference_to_nothing_is_found():
    cells = tables()["CustSettlement"]["TransRecId"].to_pylist()
    changed = with_column("CustSettlement", "TransRecId", pa.array([5, *cells[1:]]))
    assert found(CustSettlement=changed) == [
        ("CustSettlement", "TransRecId", "dangling reference", 1)
    ]


def test_a_number_of_the_other_company_is_no_reference():
    lines = tables()["CustCollectionLetterTrans"].to_pandas()
    company = lines["DataAreaId"]
    number = lines.loc[company == "DEMF", "CollectionLetterNum"]
    only = sorted(set(number) - set(lines.loc[company == "USMF", "CollectionLetterNum"]))
    lines.loc[lines.index[company == "USMF"][0], "CollectionLetterNum"] = only[0]
    schema = tables()["CustCollectionLetterTrans"].schema
    changed = pa.Table.from_pandas(lines, schema, preserve_index=False)
    assert found(CustCollectionLetterTrans=changed) == [
        ("CustCollectionLetterTrans", "CollectionLetterNum", "dangling reference", 1)
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_written_tables_read_back_as_they_were(kind, tmp_path):
    write_folder(tables(), tmp_path, kind)
    back = read_folder(tmp_path)
    assert {name: table.cast(tables()[name].schema) for name, table in back.items()} == tables()
    assert check_tables(back) == []


def test_a_folder_without_tables_is_refused(tmp_path: Path):
    with pytest.raises(NotFoundError, match="no tables in"):
        read_folder(tmp_path)


def test_an_export_is_checked_for_references_without_its_optional_tables(tmp_path):
    some = {name: table for name, table in tables().items() if name != "smmActivities"}
    some["CustTrans"] = some["CustTrans"].slice(1)
    lost = tables()["CustTrans"]["RecId"][0].as_py()
    write_folder(some, tmp_path)
    export, findings = check_export(tmp_path, read_enums(None))
    assert "smmActivities" in export.absent
    assert findings
    assert {finding.rule for finding in findings} == {"dangling reference"}
    assert all(str(lost) in finding.example for finding in findings)
