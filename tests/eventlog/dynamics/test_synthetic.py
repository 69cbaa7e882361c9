"""The company's tables: valid, tied, the same whatever the day of the export."""

import numpy as np
import pyarrow.compute as pc
import pytest

from eventlog.dynamics.check import check_tables
from eventlog.dynamics.schema import TABLE_NAMED
from eventlog.dynamics.synthetic import d365_ledger, d365_tables
from eventlog.simulate import Company
from tests.eventlog.dynamics.company import COMPANY, SEED, days_before_end, tables

#: Columns that hold a state and so may differ between two exports.
STATES = {
    "Closed",
    "LastSettleDate",
    "SettleAmountCur",
    "CancelledPayment",
    "CollectionLetterCode",
    "InvoiceId",
    "Posted",
    "PostedDateTime",
    "PostedDate",
    "Status",
    "CreditMax",
    "CredManCustCreditMaxAlt",
    "AmountCur",
    "DueDate",
}


@pytest.mark.parametrize("days", [0, 200, 1_000])
def test_tables_hold_to_the_schema(days):
    assert list(map(str, check_tables(tables(days)))) == []
    assert set(tables(days)) == set(TABLE_NAMED)


def test_nothing_made_after_the_day_of_the_export_is_in_it():
    until = np.datetime64(days_before_end(200), "us")
    for name, table in tables(200).items():
        if "CreatedDateTime" in table.column_names and len(table):
            assert pc.max(table["CreatedDateTime"]).as_py() < until.astype(object), name


@pytest.mark.parametrize("name", sorted(set(TABLE_NAMED) - {"CustTransOpen", "CustTableSnapshots"}))
def test_a_later_export_has_the_same_rows_and_more(name):
    early, late = (
        tables(days)[name].to_pandas().set_index("RecId").sort_index() for days in (200, 0)
    )
    assert set(early.index) <= set(late.index)
    stable = [column for column in early.columns if column not in STATES]
    if name in ("CustTrans", "CustDisputeHistory"):
        stable += ["AmountCur"]
    assert early[stable].equals(late.loc[early.index, stable])


def test_states_stand_as_they_stood():
    early, late = (tables(days)["CustTrans"].to_pandas().set_index("RecId") for days in (200, 0))
    both = late.loc[early.index]
    closed_since = (early["SettleAmountCur"] != early["AmountCur"]) & (
        both["SettleAmountCur"] == both["AmountCur"]
    )
    assert closed_since.sum() > 5
    empty = np.datetime64("1900-01-01").astype(object)
    assert (early.loc[closed_since, "Closed"] == empty).all()
    assert (both.loc[closed_since, "Closed"] > empty).all()


def test_each_application_has_two_sides_and_sums_to_what_is_settled():
    trans, pairs = (tables()[n].to_pandas() for n in ("CustTrans", "CustSettlement"))
    mirrored = pairs.merge(
        pairs,
        left_on=["TransRecId", "OffsetRecid", "SettlementGroup"],
        right_on=["OffsetRecid", "TransRecId", "SettlementGroup"],
    )
    assert len(mirrored) == len(pairs)
    assert (mirrored["SettleAmountCur_x"] == -mirrored["SettleAmountCur_y"]).all()
    settled = pairs.groupby("TransRecId")["SettleAmountCur"].sum()
    settled = settled.reindex(trans["RecId"], fill_value=0).astype(float)
    assert np.allclose(settled, trans["SettleAmountCur"].astype(float))


def test_numbers_repeat_in_the_other_company():
    for name, column in (
        ("CustInvoiceJour", "InvoiceId"),
        ("CustTrans", "Voucher"),
        ("CustCollectionLetterJour", "CollectionLetterNum"),
        ("LedgerJournalTable", "JournalNum"),
        ("smmActivities", "ActivityNumber"),
        ("CustTable", "AccountNum"),
    ):
        rows = tables()[name].to_pandas()
        one, other = (set(rows.loc[rows["DataAreaId"] == c, column]) for c in ("DEMF", "USMF"))
        assert one & other, name


def test_what_no_event_comes_from_is_there_too():
    held = {name: table.to_pandas() for name, table in tables().items()}
    invoices, trans = held["CustInvoiceJour"], held["CustTrans"]
    for flag in ("Proforma", "InterCompanyPosted", "Prepayment"):
        assert (invoices[flag] == 1).any()
    assert (invoices["InvoiceAmount"] < 0).any()
    assert trans["TransType"].isin((7, 13)).any()
    assert (held["CustInvoiceTable"]["InvoiceId"] == "").any()
    empty = np.datetime64("1900-01-01").astype(object)
    assert (held["CustCollectionLetterJour"]["Canceled"] > empty).any()
    journals = [
        tables(days)["LedgerJournalTable"]["Posted"].to_pylist() for days in (0, 200, 1_000)
    ]
    assert any(0 in posted for posted in journals)
    assert (held["LedgerJournalTrans"]["MarkedInvoice"] == "*").any()
    assert len(held["CustTransOpen"])
    assert held["LogisticsPostalAddress"]["Location"].duplicated().any()


def test_the_same_seed_gives_the_same_tables_and_another_one_others():
    small = Company(n_invoices=100)
    one, same, other = (d365_tables(d365_ledger(small, seed)) for seed in (1, 1, 2))
    assert all(one[name].equals(same[name]) for name in one)
    assert not one["CustTrans"].equals(other["CustTrans"])


def test_one_letter_covers_the_invoices_of_one_customer_day_and_level():
    few = Company(n_invoices=600, n_customers=4)
    letters = d365_tables(d365_ledger(few, SEED))
    lines = letters["CustCollectionLetterTrans"].to_pandas()
    jour = letters["CustCollectionLetterJour"].to_pandas()
    size = lines.groupby(["DataAreaId", "CollectionLetterNum"]).size()
    assert size.max() > 1
    kept = jour[jour["Canceled"] == np.datetime64("1900-01-01").astype(object)]
    key = ["DataAreaId", "AccountNum", "CollectionLetterDate", "CollectionLetterCode"]
    assert not kept.duplicated(key).any()


def test_the_company_is_taken_as_d365_could_have_recorded_it():
    assert d365_ledger(COMPANY, SEED).books.company.ledger_order
