"""What holds of every KPI on any log: no look ahead, no restating, groups and parts that add up."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventlog.known import known_by, last_known
from eventlog.kpis import table as module
from eventlog.kpis.catalogue import KPI_NAMED, KPIS
from eventlog.kpis.months import months_until
from eventlog.kpis.table import ALL, kpi_table
from eventlog.ledger import keep_ledger, ledger_table
from eventlog.log import DAY, EventLog, micros
from eventlog.rates import rates_from_table
from eventlog.reader import log_from_frame
from eventlog.simulate import Company, rate_table, simulate
from tests.builders import frames
from tests.features.drawn import POLICY, random_log, rates

BY = ("segment", "currency")
SUMS = [kpi.name for kpi in KPIS if kpi.kind == "sum"]
quick = settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes; the log's number is told
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
#: A random log by number: rich in everything, or small enough to read when it fails.
any_log = st.one_of(
    st.integers(0, 10**6).map(random_log), frames().map(lambda frame: log_from_frame(frame)[0])
)


def table(log: EventLog, cutoff: int, by: tuple[str, ...] = BY) -> pd.DataFrame:
    return kpi_table(log, cutoff, POLICY, rates(), months=6, by=by, threads=1)


def a_cutoff(data: st.DataObject, log: EventLog) -> int:
    """At, or a microsecond before or after something became known, or a month's first moment."""
    moments = np.unique(log.known_at)
    moment = int(data.draw(st.sampled_from(moments[1:].tolist() or moments.tolist())))
    if data.draw(st.booleans()):
        month = pd.Timestamp(moment, unit="us").to_period("M").to_timestamp()
        return max(micros(month), int(moments[0]) + 1)
    return max(moment + data.draw(st.sampled_from([-1, 0, 1])), int(moments[0]) + 1)


@quick
@given(any_log, st.data())
def test_what_becomes_known_later_changes_no_kpi(log, data):
    cutoff = a_cutoff(data, log)
    pd.testing.assert_frame_equal(table(log, cutoff), table(log.upto(cutoff), cutoff))


@quick
@given(any_log, st.data())
def test_a_month_seen_from_its_end_is_never_restated(log, data):
    cutoff = a_cutoff(data, log)
    months = months_until(cutoff, 6)
    ends = months.ends[months.first_shown : -1]
    ends = ends[ends > int(log.known_at.min())]
    if not len(ends):
        return
    end = int(data.draw(st.sampled_from(ends.tolist())))
    now, then = table(log, cutoff), table(log, end + 1)
    stable = [kpi.name for kpi in KPIS if kpi.seen == "month end"]
    keys = ["kpi", "dimension", "group", "part"]
    figures = ["value", "numerator", "denominator", "n"]
    month = then["month"].iloc[-1]
    both = [
        each[(each["month"] == month) & each["kpi"].isin(stable) & (each["n"] > 0)]
        .set_index(keys)[figures]
        .sort_index()
        for each in (now, then)
    ]
    lacking = then[then["note"].str.contains("in this log")]["kpi"].unique()
    both[0] = both[0].drop(lacking, level="kpi", errors="ignore")
    pd.testing.assert_frame_equal(*both)


@quick
@given(any_log, st.data())
def test_groups_and_parts_add_up_to_the_whole(log, data):
    found = table(log, a_cutoff(data, log))
    sums = found[found["kpi"].isin(SUMS)]
    whole = sums[(sums["dimension"] == ALL) & (sums["part"] == "all")]
    whole = whole.set_index(["kpi", "month"])[["numerator", "n"]].fillna(0.0)
    for dimension in BY:
        groups = sums[(sums["dimension"] == dimension) & (sums["part"] == "all")]
        added = groups.groupby(["kpi", "month"])[["numerator", "n"]].sum()
        added = added.reindex(whole.index, fill_value=0.0)
        np.testing.assert_allclose(added, whole, rtol=0, atol=1e-6)
    parts = sums[(sums["dimension"] == ALL) & (sums["part"] != "all")]
    added = parts.groupby(["kpi", "month"])[["numerator", "n"]].sum()
    np.testing.assert_allclose(added, whole.loc[added.index], rtol=0, atol=1e-6)


# A synthetic company.


@cache
def company():
    made = Company(n_invoices=2000)
    log, _ = log_from_frame(simulate(made, seed=5))
    return log, rates_from_table(rate_table(made, 5), "EUR")


def test_the_receivables_of_a_month_are_the_ledgers_balances_at_its_end():
    log, euros = company()
    months = months_until(log.ends_at, 3)
    found = kpi_table(log, log.ends_at, POLICY, euros, months=3, kpis=["receivables", "ageing"])
    ledger = keep_ledger(log, POLICY)
    for end, label in zip(months.ends[-4:].tolist(), months.labels[-4:], strict=True):
        book = ledger_table(log, ledger, end)
        book = book[~book["status"].isin(["Paid", "Credited", "Written Off"])]
        level = log.columns["CurrencyCode"]
        codes = np.full(log.n_invoices, -1)
        rows = log.of_invoice[level.stated()[log.of_invoice]][::-1]
        codes[log.invoice[rows]] = level.values[rows]
        key = log.invoice_keys.assign(code=codes).merge(book, on=["company", "invoice"])
        currency = np.array([*level.levels, ""], dtype=object)[key["code"].to_numpy()]
        rate = euros.of(currency, np.full(len(key), end))
        expected = (key["balance"].fillna(0.0) * rate).sum()
        row = found[(found["month"] == label) & (found["part"] == "all")].set_index("kpi")
        assert row.loc["receivables", "value"] == pytest.approx(expected, abs=0.01 * len(key))
        assert row.loc["receivables", "value"] == row.loc["ageing", "value"]
        assert row.loc["receivables", "n"] == len(book)


def test_parts_of_the_log_worked_on_apart_give_the_same_table(monkeypatch):
    log, euros = company()
    cutoff = micros("2023-06-15")
    whole = kpi_table(log, cutoff, POLICY, euros, by=("segment",), threads=1)
    monkeypatch.setattr(module, "BLOCK_SIZE", 700)
    told: list[float] = []
    parts = kpi_table(
        log,
        cutoff,
        POLICY,
        euros,
        by=("segment",),
        threads=2,
        progress=lambda _, done: told.append(done),
    )
    pd.testing.assert_frame_equal(whole, parts)
    assert len(told) > 5
    assert told[-1] == 1.0


def test_best_possible_and_delinquent_dso_make_up_dso():
    log, euros = company()
    names = ["dso", "dso_best_possible", "dso_delinquent"]
    found = kpi_table(log, log.ends_at, POLICY, euros, by=("segment",), kpis=names)
    wide = found.pivot_table(index=["month", "group"], columns="kpi", values="value")
    np.testing.assert_allclose(wide["dso"], wide["dso_best_possible"] + wide["dso_delinquent"])


def test_every_kpi_has_figures_in_a_company_that_does_everything():
    log, euros = company()
    found = kpi_table(log, micros("2023-12-01"), POLICY, euros, threads=1)
    known = set(found[found["value"].notna() & (found["n"] > 0)]["kpi"])
    assert known == set(KPI_NAMED)


# The guards, broken one by one.


def late(moment):
    return np.full(np.shape(moment), np.iinfo(np.int64).max)


def no_border(at, cutoff):
    return known_by(at, late(at))


def no_moment(starts, known_at, entity, moment):
    return last_known(starts, known_at, entity, late(moment))


@pytest.mark.parametrize(
    ("door", "broken"),
    [
        ("eventlog.log.known_by", no_border),
        ("eventlog.ledger.last_known", no_moment),
        ("eventlog.open_invoices.first_knowing", lambda c, k: np.searchsorted(c, k - 9 * DAY)),
        ("eventlog.kpis.dunning.known_by", no_border),
        ("eventlog.kpis.credit_limits.known_by", no_border),
        ("eventlog.kpis.credit_limits.last_known", no_moment),
        ("eventlog.stated.last_known", no_moment),
        ("eventlog.kpis.productivity.last_known", no_moment),
    ],
)
def test_a_door_that_lets_later_events_pass_is_found_out(monkeypatch, door, broken):
    log, euros = company()
    cutoff = micros("2023-09-14")

    def found():
        return kpi_table(log, cutoff, POLICY, euros, months=3, by=("collector",), threads=1)

    then = found()
    monkeypatch.setattr(door, broken)
    assert not then.equals(found())
