"""The product's first promise: what becomes known later changes nothing that was said before.

Features, labels, encodings and scores at a cutoff, from the whole log, are those of the log as it
stood then: bit for bit, on random logs. The guards are proved by breaking them: with the comparison
of a door taken out or loosened by a microsecond, the same property finds a counterexample.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from eventlog.known import first_knowing, known_by, last_known
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, NONE, EventLog, timestamp
from eventlog.policy import Policy
from eventlog.reader import log_from_frame
from eventlog.template import Role
from features.attributes import choose_encoding
from features.matrix import Matrix, build_matrix
from features.snapshots import Snapshots, at_cutoffs, at_posting
from serving.scoring import score
from tests.builders import frames
from tests.features.drawn import POLICY, random_frame, rates
from tests.training.company import TRAIN_UNTIL, company_frame, company_rates, trained
from training.labels import TARGETS, label

LABEL_POLICY = Policy(still_open_days=14, write_off_horizon_days=60)

quick = settings(
    max_examples=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
#: For guards: find a counterexample and stop, the same one in every run.
find = settings(
    quick, max_examples=300, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False
)

#: Logs with everything in them, and among them logs that a person can read when they fail.
rich = st.integers(0, 10**6).map(random_frame)
rows = st.one_of(frames(), rich)


def read(frame: pd.DataFrame) -> EventLog:
    return log_from_frame(frame)[0]


def known_at(frame: pd.DataFrame, log: EventLog) -> np.ndarray:
    """When each row of a frame became known."""
    moments = np.empty(len(frame), dtype=np.int64)
    moments[log.row] = log.known_at
    return moments


def draw_cutoff(data: st.DataObject, log: EventLog) -> int:
    """A cutoff at, just before or just after something became known, or anywhere."""
    moments = np.unique(log.known_at)
    if data.draw(st.booleans()):
        border = int(moments[data.draw(st.integers(0, len(moments) - 1))])
        return border + data.draw(st.sampled_from([-1, 0, 1]))
    return data.draw(st.integers(int(moments[0]), int(moments[-1])))


def features_at(log: EventLog, snapshots: Snapshots, train_until: int | None = None) -> Matrix:
    """Features under an encoding chosen from what was known first."""
    until = int(np.median(log.known_at)) if train_until is None else train_until
    encoding = choose_encoding(log, until)
    return build_matrix(log, snapshots, encoding, POLICY, rates())


def open_at(log: EventLog, cutoff: int) -> Snapshots:
    return at_cutoffs(keep_ledger(log, POLICY), np.array([cutoff], dtype=np.int64))


def assert_same(one: Matrix, other: Matrix) -> None:
    """Bit for bit, missing for missing."""
    assert one.columns == other.columns
    same = one.values.view(np.int32) == other.values.view(np.int32)
    same |= np.isnan(one.values) & np.isnan(other.values)
    changed = [one.columns[i] for i in np.flatnonzero(~same.all(axis=0))]
    assert not changed


def by_name(log: EventLog, matrix: Matrix) -> tuple[list[str], Matrix]:
    """Rows in the order of their invoices' names, for logs whose codes differ."""
    keys = log.invoice_keys.iloc[matrix.snapshots.invoice]
    names = (keys["company"] + "/" + keys["invoice"]).tolist()
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    return [names[i] for i in order], matrix.take(order)


# The properties, apart from Hypothesis, so that the guards below can run them too.


def features_do_not_see_later_events(frame: pd.DataFrame, data: st.DataObject) -> None:
    log = read(frame)
    cutoff = draw_cutoff(data, log)
    until = min(cutoff, int(np.median(log.known_at)))
    cut = log.upto(cutoff)
    snapshots = open_at(log, cutoff)
    then = open_at(cut, cutoff)
    np.testing.assert_array_equal(snapshots.invoice, then.invoice)
    assert_same(features_at(log, snapshots, until), features_at(cut, then, until))


def a_shorter_file_says_the_same(frame: pd.DataFrame, data: st.DataObject) -> None:
    log = read(frame)
    cutoff = draw_cutoff(data, log)
    known = known_at(frame, log) <= cutoff
    assume(frame.loc[known, "InvoiceNumber"].notna().any())
    cut = read(frame.loc[known])
    until = int(np.median(cut.known_at))
    encoding = choose_encoding(log.upto(cutoff), until)
    found = []
    for each in (log, log.upto(cutoff), cut):
        ledger = keep_ledger(each, POLICY)
        snapshots = at_cutoffs(ledger, np.array([cutoff], dtype=np.int64))
        matrix = build_matrix(each, snapshots, encoding, POLICY, rates())
        found.append(by_name(each, matrix))
    for names, matrix in found[1:]:
        assert names == found[0][0]
        assert_same(matrix, found[0][1])
    assert len(log.upto(cutoff)) == len(cut)


def labels_do_not_see_beyond_the_log(frame: pd.DataFrame, data: st.DataObject) -> None:
    log = read(frame)
    closing = np.isin(log.role, (Role.RECEIVED, Role.SETTLED, Role.WRITTEN_OFF))
    moments = np.unique(log.known_at[closing] if closing.any() else log.known_at)
    end = int(data.draw(st.sampled_from(moments.tolist()))) - data.draw(st.integers(0, 1))
    cut = log.upto(end)
    horizons = (LABEL_POLICY.still_open_days, LABEL_POLICY.write_off_horizon_days)
    last = [end - days * DAY + i for days in horizons for i in (0, 1)]  # windows that end with it
    cutoffs = np.union1d(np.arange(int(log.known_at.min()), end + 1, 9 * DAY + 1), last)
    ledger, ledger_then = (keep_ledger(each, LABEL_POLICY) for each in (log, cut))
    snapshots = at_cutoffs(ledger, cutoffs)
    for target in TARGETS:
        whole = label(target, ledger, snapshots, LABEL_POLICY, log.ends_at)
        then = label(target, ledger_then, snapshots, LABEL_POLICY, cut.ends_at)
        np.testing.assert_array_equal(whole.asked, then.asked)
        np.testing.assert_array_equal(whole.window_end, then.window_end)
        finished = (whole.window_end <= end) & (whole.window_end != NONE)
        np.testing.assert_array_equal(whole.y[finished], then.y[finished])
        assert np.isnan(then.y[~finished]).all()


def encodings_do_not_see_later_rows(frame: pd.DataFrame, data: st.DataObject) -> None:
    log = read(frame)
    until = draw_cutoff(data, log) + 1
    assert choose_encoding(log, until) == choose_encoding(log.upto(until - 1), until)


@quick
@given(rows, st.data())
def test_features_of_the_whole_log_are_those_of_the_log_cut_at_the_cutoff(frame, data):
    features_do_not_see_later_events(frame, data)


@quick
@given(rows, st.data())
def test_features_of_the_whole_file_are_those_of_the_file_as_it_was_at_the_cutoff(frame, data):
    a_shorter_file_says_the_same(frame, data)


@quick
@given(rows, st.data())
def test_features_at_posting_are_those_of_the_log_cut_at_posting(frame, data):
    log = read(frame)
    posted = at_posting(log, keep_ledger(log, POLICY))
    assume(len(posted))
    one = posted.take(np.array([data.draw(st.integers(0, len(posted) - 1))]))
    cutoff = int(one.cutoff[0])
    cut = log.upto(cutoff)
    then = at_posting(cut, keep_ledger(cut, POLICY))
    assert (one.invoice[0], cutoff) in set(zip(then.invoice, then.cutoff, strict=True))
    assert_same(features_at(log, one, cutoff), features_at(cut, one, cutoff))


@quick
@given(rows, st.data())
def test_labels_of_finished_windows_are_those_of_the_log_cut_after_them(frame, data):
    labels_do_not_see_beyond_the_log(frame, data)


@quick
@given(rows, st.data())
def test_an_encoding_is_that_of_the_log_cut_at_train_until(frame, data):
    encodings_do_not_see_later_rows(frame, data)


@quick
@given(rows, st.data())
def test_an_encoding_is_that_of_the_file_as_it_was_at_train_until(frame, data):
    log = read(frame)
    until = draw_cutoff(data, log) + 1
    known = known_at(frame, log) < until
    assume(frame.loc[known, "InvoiceNumber"].notna().any())
    cut, whole = choose_encoding(read(frame.loc[known]), until), choose_encoding(log, until)
    assert cut.levels == whole.levels
    assert cut.attributes == whole.attributes
    assert cut.left_out.keys() == whole.left_out.keys()


@quick
@given(rows, rows, st.data())
def test_changing_adding_and_deleting_later_events_changes_no_feature(frame, others, data):
    log = read(frame)
    cutoff = draw_cutoff(data, log)
    known = known_at(frame, log) <= cutoff
    assume(known.any())
    until = int(np.median(log.known_at[log.known_at <= cutoff]))
    later = frame.loc[~known]
    kept = later.sample(frac=data.draw(st.sampled_from([0.0, 0.5, 1.0])), random_state=0)
    factor = data.draw(st.sampled_from([0.5, 1.0, 3.0]))
    kept = kept.assign(
        InvoiceAmount=kept["InvoiceAmount"] * factor,
        PaymentDueDate=kept["PaymentDueDate"] + pd.Timedelta(days=11),
        ActivityName=kept["ActivityName"].to_numpy()[::-1],
        CurrencyCode="USD",
        CustomerSegment="Other",
        Channel="post",
    )
    shift = timestamp(cutoff) - others["EventTime"].min() + pd.Timedelta(days=1)
    added = others.reindex(columns=frame.columns)
    added = added.assign(
        InvoiceNumber=frame["InvoiceNumber"].to_numpy()[np.arange(len(added)) % len(frame)],
        EventTime=added["EventTime"] + shift.ceil("D"),
        RecordedTime=pd.NaT,
    )
    for name in ("CustomerName", "CustomerAccount", "CompanyCode"):
        if name in frame:  # whoever owns an invoice keeps it
            added[name] = frame[name].to_numpy()[np.arange(len(added)) % len(frame)]
    changed = pd.concat([frame.loc[known], kept, added], ignore_index=True)
    other = read(changed)
    assume((known_at(changed, other)[known.sum() :] > cutoff).all())
    encoding = choose_encoding(log, until)
    found = []
    for each in (log, other):
        ledger = keep_ledger(each, POLICY)
        snapshots = at_cutoffs(ledger, np.array([cutoff], dtype=np.int64))
        matrix = build_matrix(each, snapshots, encoding, POLICY, rates())
        found.append(by_name(each, matrix))
    assert found[0][0] == found[1][0]
    assert_same(found[0][1], found[1][1])


# Scores.


@cache
def models():
    return {target: trained(target)[0] for target in TARGETS}


@pytest.mark.parametrize("day", ["2022-05-01", "2022-09-13T11:30"])
def test_a_worklist_from_the_whole_log_is_that_of_the_file_as_it_was(day):
    frame = company_frame()
    log = read(frame)
    cutoff = int(pd.Timestamp(day).value // 1000)
    assert cutoff >= TRAIN_UNTIL
    cut = read(frame.loc[known_at(frame, log) <= cutoff])
    assert len(cut) < len(log)
    now, then = (score(each, cutoff, models(), Policy(), company_rates()) for each in (log, cut))
    assert len(now.worklist) > 100
    pd.testing.assert_frame_equal(now.worklist, then.worklist, check_exact=True)
    assert now.policy == then.policy


# The guards, broken one by one.


def blind(moment: int | np.ndarray) -> np.ndarray:
    """Any moment is as good as the end of time."""
    return np.full(np.shape(moment), np.iinfo(np.int64).max)


def early(moment: int | np.ndarray) -> int | np.ndarray:
    """One microsecond too generous."""
    return moment + 1


def assert_found_out(holds: Callable[[pd.DataFrame, st.DataObject], None]) -> None:
    with pytest.raises(AssertionError, match=r"assert|Arrays are not equal"):
        find(given(rich, st.data())(holds))()


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("broken", [blind, early])
@pytest.mark.parametrize(
    ("door", "holds"),
    [
        ("eventlog.ledger.last_known", features_do_not_see_later_events),
        ("features.as_of.last_known", features_do_not_see_later_events),
        ("features.running_totals.last_known", features_do_not_see_later_events),
        ("eventlog.ledger.last_known", labels_do_not_see_beyond_the_log),
    ],
)
def test_a_search_that_looks_past_its_moment_is_found_out(monkeypatch, door, holds, broken):
    def loose(starts, moments, entity, moment):
        return last_known(starts, moments, entity, broken(np.asarray(moment)))

    monkeypatch.setattr(door, loose)
    assert_found_out(holds)


@pytest.mark.parametrize(
    ("door", "holds", "broken"),
    [
        ("eventlog.log.known_by", a_shorter_file_says_the_same, blind),
        ("eventlog.log.known_by", a_shorter_file_says_the_same, early),
        ("eventlog.rates.known_by", a_shorter_file_says_the_same, blind),
        ("training.labels.known_by", labels_do_not_see_beyond_the_log, blind),
        ("training.labels.known_by", labels_do_not_see_beyond_the_log, early),
    ],
)
def test_a_mask_that_lets_later_events_pass_is_found_out(monkeypatch, door, holds, broken):
    monkeypatch.setattr(door, lambda moments, cutoff: known_by(moments, broken(cutoff)))
    assert_found_out(holds)


@pytest.mark.parametrize(
    "door", ["eventlog.open_invoices.first_knowing", "features.peers.first_knowing"]
)
def test_a_cutoff_that_knows_an_event_too_early_is_found_out(monkeypatch, door):
    monkeypatch.setattr(door, lambda cutoffs, known_at: first_knowing(cutoffs, known_at - 1))
    assert_found_out(features_do_not_see_later_events)
