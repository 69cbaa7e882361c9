"""Legal entities are kept apart in every join: alone or beside a twin, the events are the same."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.extract import choose_companies, extract_events
from eventlog.dynamics.source import load_export
from eventlog.errors import DataError, SettingsError
from tests.eventlog.dynamics.books import Rows, customer, invoice, payment, write
from tests.eventlog.dynamics.books import together as added
from tests.eventlog.dynamics.test_rules import BOOKS

AT = datetime.fromisoformat("2026-01-01")
AMOUNTS = ("Amount", "CreditMax", "SettleAmount")
SHARED = ("DirPartyTable", "HcmWorker", "LogisticsPostalAddress")


def of_demf(rows: Rows) -> Rows:
    """The rows of one company, without the tables that all companies share."""
    return {
        table: [row for row in some if row.get("DataAreaId", row.get("Company")).upper() == "DEMF"]
        for table, some in rows.items()
        if table not in SHARED
    }


#: Columns by what they number; ``table.column`` where the name alone does not say.
NUMBERS = {
    "transaction": (
        "CustTrans.RecId TransRecId OffsetRecid CustTransId CustDisputeHistory.CustTrans "
        "CustCollectionsLinkActivitiesCustTrans.RefRecId"
    ),
    "invoice": "InvoiceId Invoice MarkedInvoice",
    "voucher": "LedgerVoucher Voucher",
    "account": "AccountNum CustAccount InvoiceAccount",
    "customer": "CustTable.RecId smmActivityParentLinkTable.RefRecId",
    "reason": "ReasonTableRef.RecId ReasonTableRef ReasonRefRecId",
    "activity": "smmActivities.RecId PrimaryRecId",
    "activity number": "ActivityNumber",
    "letter": "CollectionLetterNum",
    "journal": "JournalNum",
    "request": "JournalId",
    "order": "SalesId",
}
NUMBERED = {column: kind for kind, columns in NUMBERS.items() for column in columns.split()}


def kind_of(table: str, column: str) -> str | None:
    return NUMBERED.get(f"{table}.{column}", NUMBERED.get(column))


def twin(rows: Rows) -> Rows:
    """The rows of DEMF as a second company, on other days, with other amounts.

    It uses the same record ids and numbers, each for something else: a join that takes rows of the
    other company finds some, and they are wrong.
    """
    own = of_demf(rows)
    used: dict[str, set] = {}
    for table, some in own.items():
        for row in some:
            for name, value in row.items():
                if (kind := kind_of(table, name)) and value:
                    used.setdefault(kind, set()).add(value)
    next_one = {
        kind: dict(zip(sorted(found), sorted(found)[1:] + sorted(found)[:1], strict=True))
        for kind, found in used.items()
    }

    def other(table: str, name: str, value: object) -> object:
        if kind := kind_of(table, name):
            return next_one[kind].get(value, value)
        if name in ("DataAreaId", "Company"):
            return "TWIN"
        if name.startswith(AMOUNTS) and float(value or 0):
            return f"{3 * float(value):.2f}"
        if name in ("CreatedBy", "SegmentId", "SalesOriginId"):
            return f"other {value}"
        if isinstance(value, str) and re.match(r"20\d\d-\d\d-\d\d", value):
            return f"{date.fromisoformat(value[:10]) + timedelta(days=40)}{value[10:]}"
        return value

    return {
        table: [{name: other(table, name, value) for name, value in row.items()} for row in some]
        for table, some in own.items()
    }


def extracted(folder: Path) -> pa.Table:
    with connected() as connection:
        load_export(connection, folder, read_enums(None))
        return extract_events(connection, read_enums(None), AT).rows


def listed(rows: pa.Table, company: str) -> list[dict]:
    return sorted((row for row in rows.to_pylist() if row["CompanyCode"] == company), key=str)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    return write(folder / "both", BOOKS, twin(BOOKS))


@pytest.fixture(scope="module")
def together(both) -> pa.Table:
    return extracted(both)


@pytest.mark.parametrize("company", ["DEMF", "TWIN"])
def test_a_company_beside_its_twin_gives_what_it_gives_alone(together, company, tmp_path):
    own = twin(BOOKS) if company == "TWIN" else of_demf(BOOKS)
    shared = {table: BOOKS[table] for table in SHARED}
    alone = extracted(write(tmp_path / "alone", own, shared))
    assert len(alone) > 70
    assert listed(together, company) == listed(alone, company)


def test_chosen_companies_are_all_that_is_left_and_others_are_refused(both, together):
    with connected() as connection:
        load_export(connection, both, read_enums(None))
        with pytest.raises(SettingsError, match=r"--company FRRT is not in the export; it has DEM"):
            choose_companies(connection, ["FRRT"])
        choose_companies(connection, ["twin"])
        chosen = extract_events(connection, read_enums(None), AT).rows
    assert set(chosen["CompanyCode"].to_pylist()) == {"TWIN"}
    assert listed(chosen, "TWIN") == listed(together, "TWIN")


def test_rows_are_of_the_types_in_which_logs_are_written(together):
    assert together.schema.field("EventTime").type == pa.timestamp("us", tz="UTC")
    assert together.schema.field("PaymentAmount").type == pa.decimal128(19, 4)


PAID = [
    added(customer("C1", 1, name), invoice("A", 101, company=name), invoice("B", 102, company=name))
    for name in ("DEMF", "USMF")
]
PAYMENTS = [
    added(
        payment(201, 101, 60, "2024-02-05", company=name),
        payment(202, 102, 50, "2024-02-05", company=name),
    )
    for name in ("DEMF", "USMF")
]


@pytest.mark.parametrize(
    ("lost", "match"),
    [
        (101, r"2 of 8 rows of CustSettlement name a .* lacks: RecId 101 of DEMF\. Export"),
        (201, r"2 of 8 rows of CustSettlement name a .* lacks: RecId 201 of DEMF\. Export"),
        (None, r"4 of 8 rows .*: RecId 101 of DEMF, 102 of DEMF, 201 of DEMF, …\. Export"),
    ],
    ids=["an invoice", "a payment", "a company"],
)
def test_settlements_of_transactions_that_another_company_has_are_refused(lost, match, tmp_path):
    rows = added(*PAID, *PAYMENTS)
    rows["CustTrans"] = [
        row
        for row in rows["CustTrans"]
        if row["DataAreaId"] != "DEMF" or (lost is not None and row["RecId"] != lost)
    ]
    with pytest.raises(DataError, match=match):
        extracted(write(tmp_path, rows))


def test_settlements_of_companies_that_were_not_chosen_do_not_count(tmp_path):
    rows = added(*PAID, *PAYMENTS)
    rows["CustTrans"] = [row for row in rows["CustTrans"] if row["DataAreaId"] != "DEMF"]
    with connected() as connection:
        load_export(connection, write(tmp_path, rows), read_enums(None))
        choose_companies(connection, ["USMF"])
        chosen = extract_events(connection, read_enums(None), AT).rows
    assert set(chosen["CompanyCode"].to_pylist()) == {"USMF"}
