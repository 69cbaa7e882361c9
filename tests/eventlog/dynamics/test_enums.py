"""Enum numbers: defaults, a company's own, and what does not fit."""

from __future__ import annotations

import pytest

from eventlog.dynamics.engine import connected
from eventlog.dynamics.enums import as_toml, read_enums
from eventlog.dynamics.noticed import unknown_enums
from eventlog.errors import NotFoundError, SettingsError


def test_what_is_printed_is_what_is_read(tmp_path):
    path = tmp_path / "enums.toml"
    path.write_text(as_toml(read_enums(None)))
    assert read_enums(path) == read_enums(None)


def test_a_company_states_only_what_it_numbers_otherwise(tmp_path):
    path = tmp_path / "enums.toml"
    path.write_text('[CustVendDisputeStatus]\nResolved = 200\n[rules]\nreminders = ["MAIL"]\n')
    enums = read_enums(path)
    assert enums.parameters()["resolved"] == 200
    assert enums.parameters()["disputed"] == 1
    assert enums.rules["reminders"] == ("MAIL",)
    assert enums.parameters()["write_offs"] == [35, 251]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[Ledger]\nSales = 2\n", r"unknown parts \['Ledger'\]"),
        ("[LedgerTransType]\nSales = 'two'\n", "LedgerTransType.Sales .* is 'two'. Write a whole"),
        ("[LedgerTransType]\nSales = 15\n", r"one number to 2 labels: \['Payment', 'Sales'\]"),
        ("[rules]\npayment = []\n", r"unknown rules \['payment'\]"),
        ("[rules]\npayments = 15\n", "rules.payments .* is 15. Write a list of texts"),
        ("[rules]\npayments = ['Cash']\n", r"names \['Cash'\], which LedgerTransType lacks"),
        ("[rules]\npayments = ['Payment', 'WriteOff']\n", r"lists \['WriteOff'\] under more than"),
        ("[rules", "is not valid TOML"),
        ('[LedgerTransType]\n"x\'; DROP" = 900\n', "Write a whole number after a label of lett"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, text, match):
    path = tmp_path / "enums.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=match):
        read_enums(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"no enum file at .*none.toml"):
        read_enums(tmp_path / "none.toml")


def test_values_nobody_knows_are_named_with_their_table_and_count():
    with connected() as connection:
        from_schema = (
            "CustInvoiceJour(InterCompanyPosted INT, Prepayment INT, Proforma INT)",
            "CustTrans(TransType INT, Prepayment INT)",
            "CustCollectionLetterTrans(CollectionLetterCode INT)",
            "CustDisputeHistory(Status INT, IsAutomaticUpdate INT)",
            "LedgerJournalTable(Posted INT)",
            "CredManCreditLimitAdjTable(AdjustmentType INT, Posted INT)",
        )
        for table in from_schema:
            connection.execute(f"CREATE TABLE {table}")
        connection.execute("INSERT INTO CustDisputeHistory VALUES (1, 0), (9, 0), (9, 1), (11, 0)")
        notes = unknown_enums(connection, read_enums(None))
    assert notes == [
        "CustDisputeHistory.Status holds values of CustVendDisputeStatus that are not known: 9 in "
        "2 rows, 11 in 1 rows. Name them in the file for --enums."
    ]
