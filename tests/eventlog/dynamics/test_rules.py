"""One handmade company, imported once; each test looks at one invoice and the rule it shows."""

from __future__ import annotations

import pandas as pd
import pytest

from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.job import Imported, import_export
from eventlog.policy import Policy
from tests.eventlog.dynamics.books import (
    USMF,
    created,
    customer,
    invoice,
    journal_line,
    payment,
    settlement,
    together,
    transaction,
    write,
)

CREDIT, PAYMENT, DISCOUNT, PENNY, WRITE_OFF, GENERAL = 2, 15, 27, 29, 35, 36


def letter(num: str, rec: int, of: int, level: int, on: str, canceled: str = "1900-01-01", at=""):
    header = {"RecId": rec, "CollectionLetterNum": num, "CollectionLetterDate": on}
    line = {"RecId": rec, "CollectionLetterNum": num, "CustTransId": of, "DueDate": "2024-02-20"}
    line["CollectionLetterCode"] = level
    return {
        "CustCollectionLetterJour": [
            header | {"Canceled": canceled, "DataAreaId": "DEMF"} | created(at or f"{on}T05:00:00Z")
        ],
        "CustCollectionLetterTrans": [line | {"DataAreaId": "DEMF"}],
    }


def status(rec: int, of: int, kind: int, on: str, at: str, follow="1900-01-01", amount=0.0, auto=0):
    row = {"RecId": rec, "CustTrans": of, "Status": kind, "StatusChangedDate": on}
    row |= {"FollowUpDate": follow, "AmountCur": amount, "IsAutomaticUpdate": auto}
    return {
        "CustDisputeHistory": [row | {"ReasonTableRef": 77, "DataAreaId": "DEMF"} | created(at)]
    }


def activity(rec: int, category: str, start: str, of: int | None, of_customer: int | None, kind=""):
    row = {"RecId": rec, "ActivityNumber": f"A{rec}", "Category": category, "TypeId": kind}
    rows = {
        "smmActivities": [row | {"StartDateTime": start, "DataAreaId": "DEMF"} | created(start)]
    }
    if of:
        link = {"RecId": rec, "PrimaryRecId": rec, "RefRecId": of, "DataAreaId": "DEMF"}
        rows["CustCollectionsLinkActivitiesCustTrans"] = [link]
    if of_customer:
        link = {"RecId": rec, "ActivityNumber": f"A{rec}", "RefRecId": of_customer}
        rows["smmActivityParentLinkTable"] = [link | {"DataAreaId": "DEMF"}]
    return rows


def limit(rec: int, posted: int, on: str, new: float, kind: int = 0):
    header = {"RecId": rec, "JournalId": f"L{rec}", "AdjustmentType": kind, "Posted": posted}
    header |= {"PostedDate": on, "DataAreaId": "DEMF"}
    line = {"RecId": rec, "JournalId": f"L{rec}", "CustAccount": "C1", "CreditMaxNew": new}
    return {
        "CredManCreditLimitAdjTable": [header | created("2024-03-01T10:20:30Z", "desk")],
        "CredManCreditLimitAdjTrans": [line | {"DataAreaId": "DEMF"}],
    }


def snapshot(on: str, amount: float):
    row = {"RecId": 1, "SnapshotDate": on, "AccountNum": "C1", "CreditMax": amount}
    return {"CustTableSnapshots": [row | {"DataAreaId": "DEMF"}]}


BOOKS = together(
    customer("C1", 1, SegmentId="KEY", MainContactWorker=5),
    customer("C1", 2, USMF, Currency="USD"),
    {
        "HcmWorker": [{"RecId": 5, "Person": 50}],
        "DirPartyTable": [{"RecId": 50, "Name": "Ann Lee", "PrimaryAddressLocation": 0}],
        "ReasonTableRef": [
            {"RecId": 77, "Reason": "PRICE", "DataAreaId": "DEMF"},
            {"RecId": 78, "Reason": "BAD", "DataAreaId": "DEMF"},
        ],
        "CustWriteOffFinancialReasonsSetup": [{"RecId": 1, "Company": "demf", "Reason": "BAD"}],
        "SalesTable": [
            {"RecId": 1, "SalesId": "SO101", "SalesOriginId": "Web", "DataAreaId": "DEMF"},
            {"RecId": 2, "SalesId": "SO101", "SalesOriginId": "Shop", "DataAreaId": "USMF"},
        ],
        "LogisticsPostalAddress": [
            {"RecId": 9, "Location": 1, "CountryRegionId": "FRA", "ValidTo": "2023-01-01"},
            {"RecId": 8, "Location": 1, "CountryRegionId": "DEU", "ValidTo": "2154-12-31"},
        ],
    },
    # paid in full, entered two days late; and the same number and record ids in another company
    invoice("PAID", 101),
    payment(201, 101, 100, "2024-02-05", "PAID", "2024-02-07"),
    invoice("PAID", 101, 250, account="C1", company=USMF, CurrencyCode="USD"),
    payment(201, 101, 50, "2024-02-06", "PAID", company=USMF),
    # paid in part, the rest credited
    invoice("CREDITED", 102),
    payment(202, 102, 40, "2024-02-05", "CREDITED"),
    transaction(302, CREDIT, -60, "2024-02-08", Invoice="CN-1"),
    settlement(3020, 102, 302, 60, "2024-02-08"),
    # paid short, closed by a cash discount
    invoice("DISCOUNT", 103),
    payment(203, 103, 98, "2024-01-15", "DISCOUNT"),
    transaction(303, DISCOUNT, -2, "2024-01-15"),
    settlement(3030, 103, 303, 2, "2024-01-15"),
    # bounced, then paid again
    invoice("BOUNCED", 104),
    payment(204, 104, 100, "2024-02-01", "BOUNCED", CancelledPayment=1),
    settlement(2048, 104, 204, -100, "2024-02-06"),
    payment(254, 104, 100, "2024-02-20", "BOUNCED"),
    # written off by type, and by a general journal with a write-off reason; something comes back
    invoice("LOST", 105),
    payment(205, 105, 30, "2024-02-01", "LOST"),
    transaction(305, WRITE_OFF, -70, "2024-05-31"),
    settlement(3050, 105, 305, 70, "2024-05-31"),
    transaction(405, PAYMENT, -20, "2024-06-10", Invoice="LOST", PostingProfile="RECOVERY"),
    invoice("GIVEN-UP", 106),
    transaction(306, GENERAL, -100, "2024-05-31", ReasonRefRecId=78),
    settlement(3060, 106, 306, 100, "2024-05-31"),
    # a general journal without such a reason is a credit
    invoice("ADJUSTED", 107),
    transaction(307, GENERAL, -100, "2024-03-31", ReasonRefRecId=77),
    settlement(3070, 107, 307, 100, "2024-03-31"),
    # a credit note applied by mistake and taken back
    invoice("UNDONE", 108),
    transaction(308, CREDIT, -100, "2024-02-08", Invoice="CN-2"),
    settlement(3080, 108, 308, 100, "2024-02-08"),
    settlement(3082, 108, 308, -100, "2024-02-12"),
    # a payment on account, applied a week later; nobody marked the invoice
    invoice("ON-ACCOUNT", 109),
    payment(209, 109, 100, "2024-02-05", "", "2024-02-05"),
    # a line that is not posted yet, and one of a daily journal
    invoice("UNPOSTED", 110),
    journal_line(810, "V810", 60, "2024-02-05", "UNPOSTED"),
    journal_line(811, "V811", 40, "2024-02-05", "UNPOSTED", kind=0),
    # letters: sent, late in the books, canceled, to the agency
    invoice("DUNNED", 111),
    letter("L1", 911, 111, 1, "2024-02-20"),
    letter("L2", 912, 111, 2, "2024-03-05", at="2024-03-07T08:00:00Z"),
    letter("L3", 913, 111, 3, "2024-03-20", canceled="2024-03-21"),
    letter("L4", 914, 111, 5, "2024-04-20"),
    # disputed, with an edit, resolved; a promise in between that the batch calls broken
    invoice("DISPUTED", 112),
    status(1, 112, 1, "2024-02-12", "2024-02-12T10:11:12Z"),
    status(2, 112, 1, "2024-02-13", "2024-02-13T08:00:00Z"),
    status(3, 112, 3, "2024-02-15", "2024-02-16T09:00:00Z"),
    invoice("PROMISED", 113),
    status(4, 113, 2, "2024-02-20", "2024-02-20T09:00:00Z", "2024-03-01", 60.0),
    status(5, 113, 2, "2024-02-20", "2024-02-20T09:30:00Z", "2024-03-01", 60.0),
    status(6, 113, 4, "2024-03-05", "2024-03-05T02:00:00Z", auto=1),
    status(7, 113, 3, "2024-03-08", "2024-03-08T09:00:00Z"),
    status(8, 113, 2, "2024-03-09", "2024-03-09T09:00:00Z", "2024-03-20"),
    # contacts
    invoice("CALLED", 114),
    activity(1, "PhoneCall", "2024-02-14 10:00:00", 114, 1),
    activity(2, "Task", "2024-02-15T11:00:00Z", 114, None, "REMINDER"),
    activity(3, "Appointment", "2024-02-16 12:00:00", None, 1),
    activity(4, "PhoneCall", "2024-02-17 12:00:00", None, None),
    # a free text invoice: drafted two days before it is posted
    invoice("FREE", 115, journal={"SalesId": ""}, TransType=8),
    {
        "CustInvoiceTable": [
            {"RecId": 1, "InvoiceId": "FREE", "InvoiceAccount": "C1", "DataAreaId": "DEMF"}
            | created("2024-01-08T16:20:00Z")
        ]
    },
    # posted late, with an earlier date
    invoice("LATE", 116, at="2024-01-13T09:00:00Z"),
    # no claims, or none to chase
    invoice("PROFORMA", 117, journal={"Proforma": 1}),
    invoice("SISTER", 118, journal={"InterCompanyPosted": 1}),
    invoice("ADVANCE", 119, journal={"Prepayment": 1}),
    # the same number again in the company
    invoice("TWICE", 120, 10),
    invoice("TWICE", 121, 20, "2024-03-10"),
    # money and credits on account
    transaction(320, PAYMENT, -55, "2024-02-05", at="2024-02-09T10:00:00Z"),
    transaction(321, CREDIT, -15, "2024-02-05", Invoice="CN-3"),
    # credit limits
    limit(1, 1, "2024-03-04", 5000),
    limit(2, 0, "1900-01-01", 9000),
    limit(3, 1, "2024-03-06", 7000, kind=1),
    snapshot("2024-01-01", 1000),
    snapshot("2024-03-01", 2000),
    snapshot("2024-04-01", 5000),
    {
        "CustTable": [
            {"RecId": 3, "AccountNum": "LAST", "CustGroup": "30", "DataAreaId": "DEMF"}
            | created("2024-07-01T00:00:00Z")
        ]
    },
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Imported, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("books")
    write(folder / "export", BOOKS)
    out = folder / "log.parquet"
    done = import_export(folder / "export", out, enums=read_enums(None), policy=Policy())
    return done, pd.read_parquet(out)


@pytest.fixture(scope="module")
def log(made) -> pd.DataFrame:
    return made[1]


def of(log: pd.DataFrame, number: str, company: str = "DEMF") -> pd.DataFrame:
    return log[(log["InvoiceNumber"] == number) & (log["CompanyCode"] == company)]


def story(rows: pd.DataFrame) -> list[str]:
    """What happened after issuing, in order: activity, time (midnight is a day), amount."""
    rows = rows[
        ~rows["ActivityName"].str.startswith(("Invoice Gen", "Invoice Posted", "Payment Due"))
    ]
    told = []
    for row in rows.sort_values("EventTime", kind="stable").itertuples():
        at = f"{row.EventTime:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
        late = f" known {row.RecordedTime:%m-%d}" if pd.notna(row.RecordedTime) else ""
        amount = f" {row.PaymentAmount:.0f}" if pd.notna(row.PaymentAmount) else ""
        told.append(f"{row.ActivityName} {at}{late}{amount}")
    return told


def left_out(made, what: str) -> dict[str, int]:
    table = made[0].left_out
    return dict(table[table["what"].str.contains(what)][["reason", "rows"]].itertuples(index=False))


def test_a_payment_is_received_on_its_value_date_and_posted_with_its_journal(log):
    assert story(of(log, "PAID")) == [
        "Payment Received 2024-02-05 100",
        "Payment Posted 2024-02-07 100",
        "Invoice Settled 2024-02-07",
    ]


def test_the_same_number_and_record_ids_in_another_company_stay_apart(log):
    other = of(log, "PAID", "USMF")
    assert story(other) == ["Payment Received 2024-02-06 50", "Payment Posted 2024-02-06 50"]
    assert set(other["InvoiceAmount"].dropna().astype(float)) == {250.0}
    assert set(other["CurrencyCode"]) == {"USD"}
    assert set(other["SalesChannel"]) == {"Shop"}
    assert set(of(log, "PAID")["SalesChannel"]) == {"Web"}


def test_what_a_credit_note_closes_is_credited_and_not_settled(log):
    rows = of(log, "CREDITED")
    assert story(rows)[-1] == "Credit Note Applied 2024-02-08 60"
    assert set(rows["InvoiceStatus"]) == {"Credited"}


def test_a_cash_discount_settles_the_invoice_without_an_event_of_its_own(log):
    assert story(of(log, "DISCOUNT"))[-1] == "Invoice Settled 2024-01-15"
    assert set(of(log, "DISCOUNT")["InvoiceStatus"]) == {"Paid"}


def test_a_bounced_payment_opens_the_invoice_again(log):
    assert story(of(log, "BOUNCED")) == [
        "Payment Received 2024-02-01 100",
        "Payment Posted 2024-02-01 100",
        "Invoice Settled 2024-02-01",
        "Payment Reversed 2024-02-06 100",
        "Payment Received 2024-02-20 100",
        "Payment Posted 2024-02-20 100",
        "Invoice Settled 2024-02-20",
    ]


def test_a_write_off_and_what_comes_in_after_it(log):
    rows = of(log, "LOST")
    assert story(rows)[-2:] == [
        "Invoice Written Off 2024-05-31 70",
        "Recovery Received 2024-06-10 20",
    ]
    assert set(rows["InvoiceStatus"]) == {"Written Off"}


def test_a_general_journal_is_a_write_off_by_its_reason_alone(log):
    assert story(of(log, "GIVEN-UP")) == ["Invoice Written Off 2024-05-31 100"]
    assert story(of(log, "ADJUSTED")) == ["Credit Note Applied 2024-03-31 100"]


def test_a_credit_note_that_was_taken_back_is_left_out_and_counted(log, made):
    assert story(of(log, "UNDONE")) == []
    assert set(of(log, "UNDONE")["InvoiceStatus"]) == {"Open"}
    assert left_out(made, "Credit Note Applied") == {"taken back": 1}


def test_a_line_that_is_not_posted_is_received_and_one_of_another_journal_is_not(log):
    assert story(of(log, "UNPOSTED")) == ["Payment Received 2024-02-05 60"]


def test_letters_carry_their_level_and_canceled_ones_never_were(log):
    rows = of(log, "DUNNED")
    assert story(rows) == [
        "Dunning Letter Generated 2024-02-20 05:00",
        "Dunning Letter Generated 2024-03-05 known 03-07",
        "Sent to Agency 2024-04-20 05:00",
    ]
    letters = rows[rows["ActivityName"] == "Dunning Letter Generated"].sort_values("EventTime")
    assert letters["DunningLevel"].tolist() == [1, 2]
    assert letters["PaymentDueDate"].dt.strftime("%m-%d").tolist() == ["02-20", "02-20"]


def test_a_dispute_opens_once_and_ends_with_its_resolution(log):
    rows = of(log, "DISPUTED")
    assert story(rows) == [
        "Dispute Registered 2024-02-12 10:11",
        "Dispute Resolved 2024-02-15 known 02-16",
    ]
    opened = rows[rows["ActivityName"] == "Dispute Registered"].iloc[0]
    assert (opened["DisputeReason"], opened["CollectorAssigned"]) == ("PRICE", "Ann Lee")
    assert rows["IsDisputed"].all()


def test_promises_are_events_and_their_edits_and_the_batch_are_not(log):
    rows = of(log, "PROMISED")
    assert story(rows) == [
        "Payment Promise Created 2024-02-20 09:00",
        "Payment Promise Created 2024-03-09 09:00",
    ]
    promises = rows[rows["ActivityName"] == "Payment Promise Created"].sort_values("EventTime")
    assert promises["PromisedDate"].dt.strftime("%m-%d").tolist() == ["03-01", "03-20"]
    assert promises["PromisedAmount"].isna().tolist() == [False, True]


def test_contacts_belong_to_the_invoice_else_to_the_customer_else_to_nobody(log, made):
    assert story(of(log, "CALLED")) == [
        "Collection Call Made 2024-02-14 10:00",
        "Overdue Reminder Sent 2024-02-15 11:00",
    ]
    alone = log[log["InvoiceNumber"].isna() & (log["ActivityName"] == "Collection Activity Logged")]
    assert alone["CustomerAccount"].tolist() == ["C1"]
    assert left_out(made, "smmActivities") == {"linked to no invoice and no customer": 1}


def test_a_free_text_invoice_is_generated_with_its_draft(log):
    issued = of(log, "FREE").set_index("ActivityName")["EventTime"]
    assert str(issued["Invoice Generated"]) == "2024-01-08 16:20:00+00:00"
    assert str(issued["Invoice Posted and Sent"]) == "2024-01-10 00:00:00+00:00"


def test_what_is_entered_later_than_its_date_is_known_later(log):
    assert of(log, "LATE")["RecordedTime"].dropna().dt.strftime("%m-%d").tolist() == ["01-13"] * 2
    assert of(log, "FREE")["RecordedTime"].isna().all()


def test_what_is_no_claim_to_chase_is_left_out_and_counted_with_its_money(log, made):
    assert not {"PROFORMA", "SISTER", "ADVANCE"} & set(log["InvoiceNumber"])
    assert left_out(made, r"Invoices \(CustTrans\)") == {
        "pro forma: 100.00 EUR of DEMF": 1,
        "between own companies: 100.00 EUR of DEMF": 1,
        "prepayment: 100.00 EUR of DEMF": 1,
    }


def test_a_number_that_is_used_twice_makes_two_invoices(log, made):
    amounts = log.dropna(subset=["InvoiceAmount"]).drop_duplicates("InvoiceNumber")
    amounts = amounts.set_index("InvoiceNumber")["InvoiceAmount"].astype(float)
    assert amounts["TWICE"] == 10
    assert amounts["TWICE / 121"] == 20
    assert any("had used before" in note for note in made[0].notes)


def test_what_settles_nothing_on_the_day_of_its_posting_is_unapplied(log):
    alone = log[log["ActivityName"].str.startswith("Unapplied")]
    assert story(alone) == [
        "Unapplied Credit 2024-02-05 15",
        "Unapplied Payment 2024-02-05 known 02-09 55",
    ]


def test_credit_limits_are_requested_approved_and_changed(log):
    rows = log[log["ActivityName"].str.startswith("Credit Limit")].sort_values("EventTime")
    told = [
        (row.ActivityName, f"{row.EventTime:%m-%d %H:%M}", row.CreditLimit)
        for row in rows.itertuples()
    ]
    assert [(name, at) for name, at, _ in told] == [
        ("Credit Limit Changed", "03-01 00:00"),
        ("Credit Limit Requested", "03-01 10:20"),
        ("Credit Limit Requested", "03-01 10:20"),
        ("Credit Limit Approved", "03-04 00:00"),
    ]
    assert [float(amount) for *_, amount in told if amount is not None] == [2000, 5000]


def test_the_first_invoice_carries_the_limit_its_customer_had_by_then(log):
    stated = log[log["ActivityName"].str.startswith("Invoice") & log["CreditLimit"].notna()]
    assert set(stated["CreditLimit"].astype(float)) == {1000.0}
    assert len(stated) == 2


def test_customers_get_name_segment_and_the_country_that_is_valid(log):
    row = of(log, "PAID").iloc[0]
    assert (row["CustomerName"], row["CustomerSegment"], row["Country"]) == ("C1 Ltd", "KEY", "DEU")
    assert of(log, "PAID", "USMF").iloc[0]["CustomerSegment"] == "30"


def test_the_due_date_passes_once_for_what_was_open_then(log):
    passed = log[log["ActivityName"] == "Payment Due Date Passed"]
    assert "PAID" not in set(passed[passed["CompanyCode"] == "DEMF"]["InvoiceNumber"])
    assert str(of(passed, "UNDONE")["EventTime"].iloc[0]) == "2024-02-11 00:00:00+00:00"
    assert not passed.duplicated(["CompanyCode", "InvoiceNumber", "EventTime"]).any()


def test_answers_are_as_of_the_extraction(log):
    paid = of(log, "DISCOUNT").iloc[0]
    assert paid["DaysSalesOutstanding"] == pytest.approx(6.0, abs=0.01)
    assert pd.isna(paid["DaysOverdue"])
    assert of(log, "UNDONE")["DaysOverdue"].iloc[0] == 142
    assert str(log["LastDataUpdate"].iloc[0]) == "2024-07-01 00:00:00+00:00"
    assert of(log, "DISPUTED")["DisputeResolutionTime"].iloc[0] == pytest.approx(3.58, abs=0.01)


def test_every_command_reads_the_log_without_setting_a_row_aside(made):
    assert made[0].summary.rows_quarantined == 0
    assert made[0].summary.unknown_activities == {}


def test_the_money_of_both_companies_ties(made):
    table = made[0].totals.table
    assert len(made[0].totals.apart) == 0
    assert (table["difference"] == 0).all()
    found = table.set_index(["company", "currency", "measure"])["after"]
    assert found["USMF", "USD", "open"] == 200
    assert found["DEMF", "EUR", "written_off"] == 170
    assert found["DEMF", "EUR", "recovered"] == 20
    assert found["DEMF", "EUR", "discounted"] == 2
