"""The synthetic company: its books tie, its shares come out, and its log keeps its rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import SettingsError
from eventlog.simulate import COLUMNS, Company, as_text, make_dirty, rate_table, simulate
from eventlog.template import ACTIVITIES, ATTRIBUTE_NAMED

KEY = ["CompanyCode", "InvoiceNumber"]
DAY = pd.Timedelta(days=1)
SIGNS = {
    "Payment Received": 1,
    "Credit Note Applied": 1,
    "Invoice Written Off": 1,
    "Payment Reversed": -1,
}
COMPANY = Company(n_invoices=8_000)


def known(log: pd.DataFrame) -> pd.Series:
    """When each event is known: dates without a time at the end of their day, unless issuing."""
    issuing = log["ActivityName"].isin(["Invoice Generated", "Invoice Posted and Sent"])
    whole_day = (log["EventTime"] == log["EventTime"].dt.normalize()) & ~issuing
    happened = log["EventTime"].where(~whole_day, log["EventTime"] + DAY - pd.Timedelta(1, "us"))
    return happened.where(~(log["RecordedTime"] > happened), log["RecordedTime"])


def of(log: pd.DataFrame, *activities: str) -> pd.DataFrame:
    return log[log["ActivityName"].isin(activities)]


def invoices_of(log: pd.DataFrame) -> pd.DataFrame:
    """One row an invoice: customer, amount, the due date that holds in the end."""
    rows = log.dropna(subset=["InvoiceNumber"])
    first = rows.dropna(subset=["InvoiceAmount"]).groupby(KEY, observed=True).first()
    due = rows.groupby(KEY, observed=True)["PaymentDueDate"].last()
    return first.assign(due=due)[["CustomerAccount", "InvoiceAmount", "due", "CustomerSegment"]]


def outcomes(log: pd.DataFrame, days: int) -> pd.DataFrame:
    """Invoices whose due date + days has passed: late or not, and whether credited by then."""
    invoices = invoices_of(log)
    end = log["LastDataUpdate"].iloc[0].normalize()
    ripe = invoices[invoices["due"] + (days + 1) * DAY <= end]
    moves = log.assign(known=known(log)).dropna(subset=["InvoiceNumber"])
    moves = moves.join(ripe["due"], on=KEY, how="inner")
    moves = moves[moves["known"] < moves["due"] + (days + 1) * DAY]
    signed = moves["PaymentAmount"] * moves["ActivityName"].astype(str).map(SIGNS)
    moved = signed.groupby([moves[k] for k in KEY], observed=True).sum()
    settled = of(moves, "Invoice Settled").groupby(KEY, observed=True).size()
    credits = of(moves, "Credit Note Applied").groupby(KEY, observed=True)["PaymentAmount"].sum()
    rest = ripe["InvoiceAmount"] - moved.reindex(ripe.index, fill_value=0)
    closed = (rest <= 0.5) | ripe.index.isin(settled.index)
    half = ripe["InvoiceAmount"] / 2
    credited = closed & (credits.reindex(ripe.index, fill_value=0) > half)
    return ripe.assign(late=~closed, credited=credited)


def late_share(log: pd.DataFrame, days: int) -> float:
    ripe = outcomes(log, days)
    return float(ripe.loc[~ripe["credited"], "late"].mean())


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return simulate(COMPANY, seed=1)


def test_the_same_seed_gives_the_same_log(log: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(simulate(COMPANY, seed=1), log)


def test_another_seed_gives_another_log(log: pd.DataFrame) -> None:
    assert not simulate(COMPANY, seed=2).equals(log)


def test_columns_are_the_templates_but_for_two(log: pd.DataFrame) -> None:
    assert tuple(log.columns) == COLUMNS
    assert [name for name in COLUMNS if name not in ATTRIBUTE_NAMED] == [
        "SalesChannel",
        "PaymentTermsDays",
    ]


def test_every_activity_of_the_template_happens_but_the_calculated_one(log: pd.DataFrame) -> None:
    expected = {activity.name for activity in ACTIVITIES} - {"Payment Due Date Passed"}
    assert set(log["ActivityName"]) == expected


def test_times_are_microseconds_and_money_is_whole_cents(log: pd.DataFrame) -> None:
    for name in COLUMNS:
        kind = ATTRIBUTE_NAMED[name].kind if name in ATTRIBUTE_NAMED else "text"
        if kind in ("time", "date"):
            assert log[name].dtype == "datetime64[us]"
        if kind == "money":
            cents = log[name].dropna() * 100
            assert np.array_equal(cents, np.rint(cents)) or np.allclose(cents, np.rint(cents))
            assert (cents > 0).all()


def test_rows_stand_in_the_order_in_which_they_became_known(log: pd.DataFrame) -> None:
    assert known(log).is_monotonic_increasing


def test_nothing_is_known_after_the_last_day(log: pd.DataFrame) -> None:
    assert len(log["LastDataUpdate"].unique()) == 1
    assert (known(log) < log["LastDataUpdate"].iloc[0].normalize()).all()


def test_the_youngest_invoices_are_open_at_the_end(log: pd.DataFrame) -> None:
    posted = of(log, "Invoice Posted and Sent")
    young = posted[posted["EventTime"] > log["LastDataUpdate"].iloc[0] - 20 * DAY]
    settled = pd.MultiIndex.from_frame(of(log, "Invoice Settled")[KEY])
    assert pd.MultiIndex.from_frame(young[KEY]).isin(settled).mean() < 0.5


@pytest.mark.parametrize(
    "company",
    [
        Company(),
        Company(share_late=0.08, share_very_late=0.02, share_disputed=0.02, share_written_off=0.01),
        Company(share_late=0.35, share_very_late=0.15, share_disputed=0.1, share_written_off=0.05),
    ],
    ids=["defaults", "good payers", "bad payers"],
)
def test_the_shares_asked_for_come_out(company: Company) -> None:
    log = simulate(company, seed=3)
    assert late_share(log, company.late_after_days) == pytest.approx(company.share_late, rel=0.05)
    very_late = late_share(log, company.very_late_after_days)
    assert very_late == pytest.approx(company.share_very_late, rel=0.1)
    for activity, days, share in (
        ("Dispute Registered", 30, company.share_disputed),
        ("Invoice Written Off", 365, company.share_written_off),
    ):
        ripe = outcomes(log, days).index
        found = pd.MultiIndex.from_frame(of(log, activity)[KEY])
        assert ripe.isin(found).mean() == pytest.approx(share, rel=0.1)


def test_no_invoice_is_closed_by_more_than_its_amount(log: pd.DataFrame) -> None:
    moved = log["PaymentAmount"] * log["ActivityName"].astype(str).map(SIGNS)
    moved = moved.groupby([log[k] for k in KEY], observed=True).sum()
    invoices = invoices_of(log)
    assert (moved.reindex(invoices.index) <= invoices["InvoiceAmount"] + 0.005).all()


def test_a_settled_invoice_is_paid_up_to_two_percent_of_cash_discount(log: pd.DataFrame) -> None:
    moved = log["PaymentAmount"] * log["ActivityName"].astype(str).map(SIGNS)
    moved = moved.groupby([log[k] for k in KEY], observed=True).sum()
    settled = pd.MultiIndex.from_frame(of(log, "Invoice Settled")[KEY])
    invoices = invoices_of(log).loc[settled]
    rest = invoices["InvoiceAmount"] - moved.loc[settled]
    assert (rest <= 0.02 * invoices["InvoiceAmount"] + 0.5).all()
    assert (rest > 0.5).any()


def test_a_written_off_balance_is_what_was_left(log: pd.DataFrame) -> None:
    written = pd.MultiIndex.from_frame(of(log, "Invoice Written Off")[KEY])
    moved = log["PaymentAmount"] * log["ActivityName"].astype(str).map(SIGNS)
    moved = moved.groupby([log[k] for k in KEY], observed=True).sum()
    amounts = invoices_of(log)["InvoiceAmount"]
    np.testing.assert_allclose(moved.loc[written], amounts.loc[written], atol=0.005)


def test_a_write_off_follows_two_months_of_silence(log: pd.DataFrame) -> None:
    acts = of(log, "Dunning Letter Generated", "Collection Call Made", "Sent to Agency")
    last = acts.groupby(KEY, observed=True)["EventTime"].max()
    written = of(log, "Invoice Written Off").set_index(KEY)["EventTime"]
    silence = (written - last.reindex(written.index)).dropna()
    assert len(silence) > 20
    assert (silence >= 59 * DAY).all()


def test_a_recovery_follows_its_write_off_and_is_smaller(log: pd.DataFrame) -> None:
    written = of(log, "Invoice Written Off").set_index(KEY)
    recovered = of(log, "Recovery Received").set_index(KEY)
    assert len(recovered) > 0
    before = written.loc[recovered.index]
    assert (recovered["EventTime"] > before["EventTime"]).all()
    assert (recovered["PaymentAmount"] <= before["PaymentAmount"]).all()


def test_a_reversed_payment_is_made_again_after_the_reversal(log: pd.DataFrame) -> None:
    reversed_ = of(log, "Payment Reversed").set_index(KEY)["EventTime"]
    old = reversed_[reversed_ < log["LastDataUpdate"].iloc[0] - 200 * DAY]
    received = of(log, "Payment Received").groupby(KEY, observed=True)["EventTime"]
    assert len(old) > 10
    assert (received.size().loc[old.index] == 2).all()
    assert (received.min().loc[old.index] < old).all()
    recorded = of(log, "Payment Received").groupby(KEY, observed=True)["RecordedTime"].max()
    assert (recorded.loc[old.index] > old).all()


def test_no_disputed_invoice_settles_before_its_dispute_ends(log: pd.DataFrame) -> None:
    resolved = of(log, "Dispute Resolved").set_index(KEY)["EventTime"]
    settled = of(log, "Invoice Settled").set_index(KEY)["EventTime"]
    both = settled.index.intersection(resolved.index)
    assert len(both) > 50
    assert (settled.loc[both] >= resolved.loc[both].dt.normalize()).all()


def test_letters_rise_in_level_and_stop_once_an_invoice_is_settled(log: pd.DataFrame) -> None:
    letters = of(log, "Dunning Letter Generated").sort_values([*KEY, "EventTime"])
    steps = letters.groupby(KEY, observed=True)["DunningLevel"].diff().dropna()
    assert (steps > 0).all()
    settled = of(log, "Invoice Settled").set_index(KEY)["EventTime"]
    after = letters.join(settled.rename("settled"), on=KEY)
    assert not (after["EventTime"] > after["settled"]).any()


def test_letters_keep_to_the_policy_or_come_later(log: pd.DataFrame) -> None:
    letters = of(log, "Dunning Letter Generated")
    past_due = (letters["EventTime"] - letters["PaymentDueDate"]).dt.days
    policy = letters["DunningLevel"].astype(int).map(dict(enumerate(COMPANY.dunning_days, 1)))
    assert (past_due >= np.floor(0.75 * policy)).all()
    assert (past_due < policy).any()
    assert (past_due > policy + 7).any()


def test_some_promises_are_broken_and_some_are_kept(log: pd.DataFrame) -> None:
    promises = of(log, "Payment Promise Created").drop_duplicates(KEY)
    promises = promises[promises["PromisedDate"] < log["LastDataUpdate"].iloc[0] - 10 * DAY]
    paid = of(log, "Payment Received").groupby(KEY, observed=True)["EventTime"].max()
    paid_at = promises.join(paid.rename("paid"), on=KEY)["paid"]
    kept = (paid_at <= promises["PromisedDate"] + 3 * DAY).mean()
    assert 0.4 < kept < 0.9


def test_dates_without_a_time_and_real_times_both_occur(log: pd.DataFrame) -> None:
    midnight = log["EventTime"] == log["EventTime"].dt.normalize()
    for activity in ("Invoice Posted and Sent", "Payment Received", "Dunning Letter Generated"):
        assert midnight[log["ActivityName"] == activity].all()
    for activity in ("Collection Call Made", "Dispute Registered", "Payment Promise Created"):
        assert not midnight[log["ActivityName"] == activity].any()


def test_some_payments_are_recorded_days_after_they_were_made(log: pd.DataFrame) -> None:
    payments = of(log, "Payment Received")
    lag = payments["RecordedTime"] - payments["EventTime"]
    assert (lag >= pd.Timedelta(0)).all()
    assert (lag > DAY).mean() == pytest.approx(COMPANY.share_back_dated, rel=0.25)


def test_a_few_due_dates_are_extended_by_a_later_row(log: pd.DataFrame) -> None:
    stated = log.dropna(subset=["PaymentDueDate"])
    n_different = stated.groupby(KEY, observed=True)["PaymentDueDate"].nunique()
    assert 0 < (n_different > 1).mean() < 0.05


def test_events_of_a_customer_alone_carry_no_invoice_number(log: pd.DataFrame) -> None:
    nameless = set(log.loc[log["InvoiceNumber"].isna(), "ActivityName"])
    assert nameless <= {activity.name for activity in ACTIVITIES if not activity.invoice}
    assert {"Credit Limit Approved", "Unapplied Payment", "Collection Call Made"} <= nameless


def test_an_invoice_number_is_unique_within_its_company_only(log: pd.DataFrame) -> None:
    numbers = of(log, "Invoice Generated").groupby("InvoiceNumber", observed=True)["CompanyCode"]
    assert numbers.nunique().max() == 2
    owners = log.groupby(KEY, observed=True)["CustomerName"].nunique()
    assert (owners == 1).all()


def test_a_customers_first_invoice_states_its_limit(log: pd.DataFrame) -> None:
    first = of(log, "Invoice Posted and Sent").drop_duplicates("CustomerName")
    assert first["CreditLimit"].notna().mean() > 0.95


def test_customers_join_along_the_way(log: pd.DataFrame) -> None:
    first = of(log, "Invoice Posted and Sent").groupby("CustomerName", observed=True)["EventTime"]
    assert (first.min() > log["EventTime"].min() + 365 * DAY).mean() > 0.1


def test_month_ends_are_busy(log: pd.DataFrame) -> None:
    posted = of(log, "Invoice Posted and Sent")["EventTime"]
    assert (posted.dt.days_in_month - posted.dt.day < 4).mean() > 1.4 * 4 / 30


def test_habits_worsen_in_the_last_months_only_if_asked() -> None:
    def rise(months: int) -> float:
        log = simulate(Company(n_invoices=8_000, regime_change_months=months), seed=4)
        ripe = outcomes(log, 5)
        new = ripe["due"] > log["LastDataUpdate"].iloc[0] - 150 * DAY
        return float(ripe.loc[new, "late"].mean() - ripe.loc[~new, "late"].mean())

    assert rise(6) > 0.06
    assert abs(rise(0)) < 0.05


def test_a_customers_record_ranks_its_later_invoices_well_but_not_perfectly(
    log: pd.DataFrame,
) -> None:
    ripe = outcomes(log, 5).sort_values("due")
    early, late = ripe.iloc[: len(ripe) // 2], ripe.iloc[len(ripe) // 2 :]
    by = ["CompanyCode", "CustomerAccount"]
    seen = early.reset_index().groupby(by, observed=True)["late"].agg(["sum", "size"])
    record = (seen["sum"] + 1) / (seen["size"] + 5)
    rows = late.reset_index().join(record.rename("record"), on=by).dropna(subset=["record"])
    ranks = rows["record"].rank()
    n_late, n_good = rows["late"].sum(), (~rows["late"]).sum()
    auc = (ranks[rows["late"]].sum() - n_late * (n_late + 1) / 2) / (n_late * n_good)
    assert 0.7 < auc < 0.85


def test_what_a_customer_did_lately_says_more_than_what_it_did_long_ago() -> None:
    ripe = outcomes(simulate(Company(n_invoices=30_000, regime_change_months=0), seed=9), 5)
    rows = ripe.reset_index()
    customer = rows["CompanyCode"].astype(str) + rows["CustomerAccount"].astype(str)
    quarter = (rows["due"] - rows["due"].min()).dt.days // 91
    share = pd.crosstab(customer, quarter, rows["late"], aggfunc="mean")
    near = [share[q].corr(share[q - 1]) for q in range(6, 12)]
    far = [share[q].corr(share[q - 6]) for q in range(6, 12)]
    assert np.mean(near) > np.mean(far) + 0.1


def test_one_invoice_is_enough() -> None:
    log = simulate(Company(n_invoices=1, months=6))
    assert len(log["InvoiceNumber"].dropna().unique()) == 1


def test_a_single_currency_stands_on_every_row() -> None:
    log = simulate(Company(n_invoices=200, currencies=("CHF",)))
    assert set(log["CurrencyCode"]) == {"CHF"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n_invoices": 0}, "'n_invoices' is 0. Choose a number from 1"),
        ({"share_late": 1.5}, "'share_late' is 1.5"),
        ({"share_very_late": 0.5}, r"'share_very_late' \(0.5\) is above 'share_late'"),
        ({"late_after_days": 30}, r"'very_late_after_days' \(30\) does not exceed"),
        ({"dunning_days": (7, 7)}, r"'dunning_days' is \[7, 7\]. List rising days"),
        ({"currencies": ("EUR", "XXX")}, r"not known are \['XXX'\]"),
        ({"start": "January"}, "'start' is 'January'. Write a date"),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        simulate(Company(**arguments))


def test_the_euro_is_worth_one_euro_and_the_others_drift_mildly() -> None:
    table = rate_table(Company(), seed=5)
    assert list(table.columns) == ["currency", "date", "rate"]
    assert len(table) == 3 * 37
    assert (table.loc[table["currency"] == "EUR", "rate"] == 1).all()
    steps = table.groupby("currency")["rate"].pct_change().abs()
    assert 0 < steps.max() < 0.06


def test_text_writes_days_as_days_and_moments_in_utc(log: pd.DataFrame) -> None:
    text = as_text(log.head(2_000))
    assert (text.dtypes == "str").all()
    posted = of(text, "Invoice Posted and Sent")
    called = of(text, "Collection Call Made")
    assert posted["EventTime"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert called["EventTime"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert posted["InvoiceAmount"].str.fullmatch(r"\d+\.\d\d").all()
    assert (posted["DunningLevel"] == "").all()


def test_damage_is_listed_row_by_row_and_nothing_else_changes(log: pd.DataFrame) -> None:
    dirty, damages = make_dirty(log, seed=6, share=0.02)
    copies = damages.loc[damages["kind"] == "duplicate row", "row"].to_numpy()
    assert set(damages["kind"]) >= {"bad date", "text in amount", "no activity", "date form"}
    assert len(damages) == round(0.02 * len(log))
    np.testing.assert_array_equal(dirty.iloc[copies], dirty.iloc[copies - 1])
    mended = {name: dirty[name].to_numpy(dtype=object).copy() for name in dirty.columns}
    for name in ("EventTime", "ActivityName", "InvoiceNumber", "InvoiceAmount", "PaymentAmount"):
        changed = damages[damages["column"] == name]
        rows = changed["row"].to_numpy()
        assert (mended[name][rows] == changed["after"]).all()
        assert (changed["after"] != changed["before"]).all()
        mended[name][rows] = changed["before"]
    originals = np.setdiff1d(np.arange(len(dirty)), copies)
    clean = as_text(log)
    for name in clean.columns:
        np.testing.assert_array_equal(mended[name][originals], clean[name])


def test_bad_dates_are_no_dates_and_other_forms_are_the_same_moment(log: pd.DataFrame) -> None:
    _, damages = make_dirty(log, seed=7, share=0.02)
    bad = damages.loc[damages["kind"] == "bad date", "after"]
    assert pd.to_datetime(bad, errors="coerce", format="mixed").isna().all()
    other = damages[damages["kind"] == "date form"]
    read = pd.to_datetime(other["after"], format="mixed")
    stated = pd.to_datetime(other["before"], format="mixed", utc=True).dt.tz_localize(None)
    assert (read == stated).all()


def test_only_events_of_an_invoice_lose_its_number(log: pd.DataFrame) -> None:
    _, damages = make_dirty(log, seed=8, share=0.1)
    assert (damages.loc[damages["kind"] == "no invoice number", "before"] != "").all()


def test_a_share_of_damage_above_one_is_refused(log: pd.DataFrame) -> None:
    with pytest.raises(SettingsError, match=r"'share' is 2\. Choose a number from 0 to 1"):
        make_dirty(log, share=2)


@pytest.fixture(scope="module")
def two_orders() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same company with and without the order that a ledger enforces."""
    company = replace(COMPANY, n_invoices=2_000, share_reversed=0.05, share_posted=1.0)
    return simulate(company, 4), simulate(replace(company, ledger_order=True), 4)


def test_the_order_of_a_ledger_draws_no_other_company(two_orders):
    loose, strict = two_orders
    for activity in ("Payment Received", "Credit Note Applied", "Invoice Written Off"):
        one, other = (of(log, activity).reset_index(drop=True) for log in (loose, strict))
        assert one.equals(other)
    key = ["CompanyCode", "InvoiceNumber", "EventTime", "InvoiceAmount"]
    one, other = (of(log, "Invoice Posted and Sent")[key].astype(object) for log in (loose, strict))
    assert set(one.itertuples(index=False)) == set(other.itertuples(index=False))


def test_in_the_order_of_a_ledger_the_last_posting_closes_the_invoice(two_orders):
    _, log = two_orders
    last = of(log, "Payment Posted").groupby(KEY, observed=True)["EventTime"].max()
    settled = of(log, "Invoice Settled").groupby(KEY, observed=True)["EventTime"].max()
    back = of(log, "Payment Reversed").groupby(KEY, observed=True)["EventTime"].max()
    both = pd.concat([last.rename("posted"), settled.rename("settled"), back], axis=1)
    closed = both[both["settled"].notna() & ~(both["EventTime"] >= both["settled"])]
    assert len(closed) > 1_000
    assert (closed["settled"] == closed["posted"]).all()


def test_in_the_order_of_a_ledger_a_bounced_payment_had_closed_the_invoice(two_orders):
    _, log = two_orders
    back = of(log, "Payment Reversed").set_index(KEY)["EventTime"]
    for activity in ("Payment Posted", "Invoice Settled"):
        first = of(log, activity).groupby(KEY, observed=True)["EventTime"].min()
        assert (first.reindex(back.index) < back).all()
    assert len(back) > 50


def test_in_the_order_of_a_ledger_credit_notes_settle_nothing_by_payment(two_orders):
    _, log = two_orders
    paid = of(log, "Payment Received")[KEY].astype(object)
    settled = of(log, "Invoice Settled")[KEY].astype(object)
    assert set(settled.itertuples(index=False)) <= set(paid.itertuples(index=False))


def test_in_the_order_of_a_ledger_one_request_for_credit_is_open_at_a_time(two_orders):
    _, log = two_orders
    key = ["CompanyCode", "CustomerAccount"]
    rows = of(log, "Credit Limit Requested", "Credit Limit Approved", "Credit Limit Changed")
    rows = rows.sort_values([*key, "EventTime"])
    approved = rows["ActivityName"] == "Credit Limit Approved"
    before = rows.groupby(key, observed=True)["ActivityName"].shift()
    assert (before[approved] == "Credit Limit Requested").all()
    assert approved.sum() > 10
