"""The table says what it cannot tell, and adds no currencies silently."""

import numpy as np
import pandas as pd
import pytest

from eventlog.errors import DataError, SettingsError
from eventlog.kpis.catalogue import KPIS
from eventlog.kpis.table import COLUMNS, kpi_table
from eventlog.log import EventLog, micros
from eventlog.policy import Policy
from eventlog.rates import rates_from_table
from tests.builders import happened, make_log
from tests.eventlog.kpis.examples import disputes, receivables
from tests.eventlog.kpis.reading import figure, table_of

BARE = [happened("A", "post", "2024-01-10"), happened("A", "settle", "2024-03-20")]


def two_currencies() -> EventLog:
    return make_log(
        happened("A", "post", "2024-03-01", amount=100, due="2024-03-10", currency="EUR"),
        happened("B", "post", "2024-03-01", amount=70, due="2024-04-10", currency="USD"),
        happened("Z", "post", "2024-04-01", amount=1, currency="EUR"),
    )


def test_columns_and_types_are_always_the_same():
    found = table_of(receivables(), "2024-04-01")
    assert tuple(found.columns) == COLUMNS
    assert found["n"].dtype == np.int64
    assert all(found[name].dtype == np.float64 for name in ("value", "numerator", "denominator"))


def test_a_kpi_whose_events_the_log_lacks_says_so():
    found = table_of(make_log(*BARE), "2024-03-21", "dunning_effectiveness", "disputes", "overdue")
    notes = found.groupby("kpi")["note"].unique().map(list).to_dict()
    assert notes["dunning_effectiveness"] == ["no Dunning Letter Generated in this log"]
    assert notes["disputes"] == ["no Dispute Registered in this log"]
    assert notes["overdue"] == ["no PaymentDueDate in this log"]
    assert found["value"].isna().all()


def test_a_log_of_required_columns_alone_gives_a_table_of_every_kpi():
    found = table_of(make_log(*BARE), "2024-03-21")
    assert set(found["kpi"]) == {kpi.name for kpi in KPIS}
    assert figure(found, "days_to_collect", "2024-01")["value"] == pytest.approx(70, abs=1)


def test_an_invoice_of_unknown_amount_is_counted_and_left_out_of_money():
    log = make_log(
        happened("A", "post", "2024-03-01", due="2024-03-10"),
        happened("B", "post", "2024-03-01", amount=50, due="2024-03-10"),
        happened("Z", "post", "2024-04-01", amount=1),
    )
    row = figure(table_of(log, "2024-04-01"), "receivables", "2024-03")
    assert (row["value"], row["n"]) == (50, 2)
    assert row["note"] == "1 of unknown amount"


def test_an_invoice_without_a_due_date_has_its_own_bucket():
    log = make_log(
        happened("A", "post", "2024-03-01", amount=40),
        happened("B", "post", "2024-03-01", amount=50, due="2024-03-10"),
        happened("Z", "post", "2024-04-01", amount=1),
    )
    found = table_of(log, "2024-04-01", "ageing")
    assert figure(found, "ageing", "2024-03", part="no due date")["value"] == 40
    assert figure(found, "ageing", "2024-03")["value"] == 90


def test_a_running_month_says_up_to_when():
    found = table_of(receivables(), "2024-03-16", "receivables")
    assert figure(found, "receivables", "2024-03")["note"] == "month running, to 2024-03-16"
    assert figure(found, "receivables", "2024-02")["note"] == ""


def test_what_has_not_matured_is_missing_and_says_so():
    log = make_log(
        happened("A", "post", "2024-02-01", amount=100, due="2024-02-10"),
        happened("A", "letter", "2024-03-25", level=1),
        happened("Z", "post", "2024-04-01", amount=1),
    )
    row = figure(table_of(log, "2024-04-01"), "dunning_effectiveness", "2024-03")
    assert np.isnan(row["value"])
    assert row["note"] == "nothing has matured yet"


def test_several_currencies_without_rates_are_refused():
    with pytest.raises(
        DataError, match=r"2 currencies \(EUR, USD\) and no rate table.*--by currency"
    ):
        table_of(two_currencies(), "2024-04-01", by=("segment",))


def test_without_rates_what_adds_no_money_is_told_of_several_currencies():
    found = table_of(two_currencies(), "2024-04-01", "days_to_collect", "dispute_cycle_time")
    assert figure(found, "days_to_collect", "2024-03")["n"] == 2
    assert set(found["currency"]) == {""}


def test_cut_by_currency_alone_each_group_is_in_its_own_and_no_sum_is_made():
    found = table_of(
        two_currencies(), "2024-04-01", "receivables", "overdue_share", by=("currency",)
    )
    euros, dollars = (figure(found, "receivables", "2024-03", group=c) for c in ("EUR", "USD"))
    assert (euros["value"], euros["currency"]) == (100, "EUR")
    assert (dollars["value"], dollars["currency"]) == (70, "USD")
    whole = figure(found, "receivables", "2024-03")
    assert np.isnan(whole["value"])
    assert whole["currency"] == ""
    assert whole["note"] == "amounts in several currencies: give a rate table"
    assert figure(found, "overdue_share", "2024-03", group="EUR")["value"] == 1


def test_with_rates_amounts_are_added_in_the_reporting_currency():
    rates = rates_from_table(
        pd.DataFrame({"currency": ["USD"], "date": ["2024-01-01"], "rate": ["0.5"]}), "EUR"
    )
    found = kpi_table(
        two_currencies(), micros("2024-04-01"), Policy(), rates, by=["currency"], kpis=["dso"]
    )
    assert figure(found, "dso", "2024-03")["numerator"] == 135
    assert figure(found, "dso", "2024-03", group="USD")["numerator"] == 35


def test_groups_are_those_stated_by_the_months_end():
    log = make_log(
        happened("A", "post", "2024-01-10", amount=100, segment="Small"),
        happened("A", "call", "2024-03-10", segment="Large"),
        happened("Z", "post", "2024-04-01", amount=1, segment="Small"),
    )
    found = table_of(log, "2024-04-01", "receivables", by=("segment",))
    assert figure(found, "receivables", "2024-02", group="Small")["value"] == 100
    assert figure(found, "receivables", "2024-03", group="Small")["value"] == 0
    assert figure(found, "receivables", "2024-03", group="Large")["value"] == 100


def test_an_invoice_that_states_no_group_takes_its_customers_last_and_else_none():
    log = make_log(
        happened("A", "post", "2024-01-10", amount=100, customer="Acme"),
        happened("B", "post", "2024-02-10", amount=10, CollectorAssigned="Jo", customer="Acme"),
        happened("C", "post", "2024-01-10", amount=1, customer="Bolt"),
        happened("Z", "post", "2024-04-01", amount=1, customer="Bolt"),
    )
    found = table_of(log, "2024-04-01", "receivables", by=("collector",))
    assert figure(found, "receivables", "2024-01", group="(not stated)")["value"] == 101
    assert figure(found, "receivables", "2024-03", group="Jo")["value"] == 110
    assert figure(found, "receivables", "2024-03", group="(not stated)")["value"] == 1


def test_any_text_column_of_the_log_may_cut_the_table():
    log = make_log(
        happened("A", "post", "2024-03-01", amount=100, Channel="web"),
        happened("B", "post", "2024-03-02", amount=50, Channel="shop"),
        happened("Z", "post", "2024-04-01", amount=1, Channel="web"),
    )
    found = table_of(log, "2024-04-01", "receivables", by=("Channel",))
    assert figure(found, "receivables", "2024-03", group="shop")["value"] == 50


def test_disputes_are_told_by_reason_and_all_together():
    found = table_of(disputes(), "2024-04-01", "disputes", "dispute_cycle_time")
    price = figure(found, "disputes", "2024-03", part="Price")
    assert (price["value"], figure(found, "disputes", "2024-03")["value"]) == (2, 3)
    row = figure(found, "dispute_cycle_time", "2024-03", part="Price")
    assert (row["value"], row["numerator"], row["denominator"]) == (5, 1, 2)


def test_an_open_dispute_makes_the_median_longer_than_the_mean_of_resolved_ones():
    found = table_of(disputes(), "2024-04-01")
    assert (
        figure(found, "dispute_cycle_time", "2024-03")["value"]
        > figure(found, "dispute_cycle_time_resolved", "2024-03")["value"]
    )


def test_a_count_back_that_outlasts_the_sales_on_record_is_missing():
    log = make_log(
        happened("A", "post", "2020-01-10", amount=100),
        happened("B", "post", "2024-03-02", amount=50),
        happened("Z", "post", "2024-04-01", amount=1),
    )
    row = figure(table_of(log, "2024-04-01", months=1), "dso_count_back", "2024-03")
    assert np.isnan(row["value"])
    assert row["note"] == "more than the sales on record"


@pytest.mark.parametrize("cutoff", ["2023-12-01", "2024-01-10", "2025-01-01"])
def test_a_cutoff_outside_the_log_is_refused(cutoff):
    with pytest.raises(DataError, match="lies outside the log, which tells what happened from"):
        table_of(receivables(), cutoff)


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(SettingsError, match="There is no KPI dos"):
        table_of(receivables(), "2024-04-01", "dos")
    with pytest.raises(SettingsError, match=r"cannot be cut by 'segment'.*'company'"):
        table_of(receivables(), "2024-04-01", by=("segment",))


def test_an_empty_log_is_refused():
    log = receivables()
    with pytest.raises(DataError, match="has no events"):
        kpi_table(log.upto(0), 0, Policy())
