"""What holds for the ledger of any log: no look ahead, no order of rows, columns that add up."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventlog.fold import STATE
from eventlog.known import Codes, Ints
from eventlog.ledger import Ledger, is_open, keep_ledger, ledger_table
from eventlog.log import MINOR, NONE, EventLog
from eventlog.policy import Policy
from eventlog.reader import log_from_frame
from tests.builders import frames, logs
from tests.features.drawn import cutoffs_of, ledger_of

quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
few = settings(quick, max_examples=12)
#: For guards: find one counterexample and stop, the same one in every run.
find = settings(
    quick, max_examples=300, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False
)
LookUp = Callable[[Ints, Ints, Codes, Ints], Ints]
#: Everything a state says but the position of its event.
SAID = [name for name in STATE.names or () if name != "event"]
MONEY = ("amount", "credited", "written_off", "cleared", "balance", "overpaid", "recovered")


def assert_same(one: np.ndarray, other: np.ndarray, leaving_out: tuple[str, ...] = ()) -> None:
    said = [name for name in SAID if name not in leaving_out]
    changed = [name for name in said if (one[name] != other[name]).any()]
    assert not changed, f"changed: {changed}"


def all_at(log: EventLog, ledger: Ledger, moment: int) -> np.ndarray:
    """States of all invoices at one moment."""
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    return ledger.as_of(everyone, np.full(log.n_invoices, moment))


def draw_moment(data: st.DataObject, moments: Ints) -> int:
    """One of some moments, or a microsecond before or after it."""
    return int(data.draw(st.sampled_from(np.unique(moments).tolist()))) + data.draw(
        st.integers(-1, 1)
    )


def cutting_changes_nothing(log: EventLog, data: st.DataObject) -> None:
    """States at a cutoff are those of the log cut at it."""
    ledger = keep_ledger(log, Policy())
    cutoff = draw_moment(data, np.append(ledger.steps["known_at"], log.known_at))
    cut = log.upto(cutoff)
    assert_same(all_at(log, ledger, cutoff), all_at(cut, keep_ledger(cut, Policy()), cutoff))


@quick
@given(logs(), st.data())
def test_the_ledger_at_a_cutoff_is_that_of_the_log_cut_at_the_cutoff(
    log: EventLog, data: st.DataObject
) -> None:
    cutting_changes_nothing(log, data)


def ignoring_the_moment(starts: Ints, known_at: Ints, entity: Codes, moment: Ints) -> Ints:
    """The last event of an entity, known or not."""
    return np.where(starts[entity] < starts[entity + 1], starts[entity + 1] - 1, -1)


def a_microsecond_early(starts: Ints, known_at: Ints, entity: Codes, moment: Ints) -> Ints:
    """The last event of an entity that is known a microsecond after the moment."""
    last = [
        starts[e] + np.searchsorted(known_at[starts[e] : starts[e + 1]], m + 1, side="right") - 1
        for e, m in zip(entity, moment, strict=True)
    ]
    return np.where(np.array(last) < starts[entity], -1, last)


@pytest.mark.parametrize("look_up", [ignoring_the_moment, a_microsecond_early])
def test_a_look_up_that_sees_ahead_is_found_out(
    monkeypatch: pytest.MonkeyPatch, look_up: LookUp
) -> None:
    monkeypatch.setattr("eventlog.ledger.last_known", look_up)
    with pytest.raises(AssertionError, match="changed: "):
        find(given(logs(), st.data())(cutting_changes_nothing))()


def test_a_cut_that_loses_what_is_known_at_the_cutoff_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eventlog.log.known_by", lambda known_at, cutoff: known_at < cutoff)
    with pytest.raises(AssertionError, match="changed: "):
        find(given(logs(), st.data())(cutting_changes_nothing))()


@quick
@given(frames(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_state(frame: pd.DataFrame, random: Random) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    ledgers = [
        keep_ledger(log_from_frame(rows)[0], Policy()) for rows in (frame, frame.iloc[order])
    ]
    np.testing.assert_array_equal(ledgers[0].offsets, ledgers[1].offsets)
    assert_same(ledgers[0].steps, ledgers[1].steps)


@few
@given(frames())
def test_an_invoice_does_not_depend_on_other_customers(frame: pd.DataFrame) -> None:
    log, _ = log_from_frame(frame)
    steps = keep_ledger(log, Policy()).steps
    owner = log.customer_keys["customer"].to_numpy()[log.invoice_customer[steps["invoice"]]]
    for name, rows in frame.groupby("CustomerName"):
        alone = keep_ledger(log_from_frame(rows)[0], Policy()).steps
        codes = ("invoice", "activity", "previous")
        assert_same(steps[owner == name], alone, leaving_out=codes)


@few
@given(logs())
def test_what_is_known_never_goes_back_within_an_invoice(log: EventLog) -> None:
    steps = keep_ledger(log, Policy()).steps
    same = np.diff(steps["invoice"]) == 0
    assert (np.diff(steps["known_at"])[same] >= 0).all()


@few
@given(logs())
def test_every_event_of_an_invoice_makes_one_step(log: EventLog) -> None:
    steps = keep_ledger(log, Policy()).steps
    assert steps["event"][steps["event"] >= 0].tolist() == list(range(len(log.of_invoice)))
    last = np.append(np.diff(steps["invoice"]) > 0, True)
    assert steps["n_events"][last].sum() == len(log.of_invoice)


@few
@given(logs())
def test_no_sum_of_the_ledger_is_negative(log: EventLog) -> None:
    steps = keep_ledger(log, Policy()).steps
    for name in MONEY:
        assert (steps[name][steps[name] != NONE] >= 0).all(), name
    assert not ((steps["balance"] > 0) & (steps["overpaid"] > 0)).any()


@few
@given(logs())
def test_promises_that_have_ended_are_never_more_than_were_made(log: EventLog) -> None:
    steps = keep_ledger(log, Policy()).steps
    counts = [steps[name] for name in ("n_kept", "n_broken", "n_rescheduled", "promise_open")]
    assert all((count >= 0).all() for count in counts)
    assert (sum(counts) <= steps["n_promises"]).all()


@few
@given(logs())
def test_what_a_closed_or_disputed_invoice_cannot_be(log: EventLog) -> None:
    steps = keep_ledger(log, Policy()).steps
    is_closed = steps["closed"] > 0
    assert ((steps["closed_at"] != NONE) == is_closed).all()
    assert (steps["issued_at"][is_closed] != NONE).all()
    for name in ("bucket", "disputed", "promise_open"):
        assert (steps[name][is_closed] == 0).all(), name
    assert not ((steps["disputed"] == 1) & (steps["promise_open"] == 1)).any()
    assert ((steps["dispute_since"] != NONE) == (steps["disputed"] == 1)).all()


@quick
@given(logs(), st.data())
def test_the_columns_of_the_table_add_up(log: EventLog, data: st.DataObject) -> None:
    ledger = keep_ledger(log, Policy())
    cutoff = draw_moment(data, ledger.steps["known_at"])
    table = ledger_table(log, ledger, cutoff)
    known = table[table["amount"].notna()]
    parts = known[["paid", "credited", "written_off", "cleared", "balance"]].sum(axis=1)
    np.testing.assert_allclose(parts - known["overpaid"], known["amount"], atol=1e-6)
    states = all_at(log, ledger, cutoff)
    owed = is_open(states) & (states["amount"] != NONE)
    is_due = table["status"].isin(["Open", "Partially Paid", "Disputed"])
    total = table.loc[is_due, "balance"].sum()
    assert total == pytest.approx(states["balance"][owed].sum() / MINOR)


@few
@given(frames())
def test_what_is_paid_is_the_larger_of_received_and_posted(frame: pd.DataFrame) -> None:
    lost = ["Payment Reversed", "Invoice Written Off"]
    log, _ = log_from_frame(frame[~frame["ActivityName"].isin(lost)])
    rows = log.of_invoice
    name = np.array(log.activities, dtype=object)[log.activity[rows]]
    moved = np.where(log.money("PaymentAmount") == NONE, 0, log.money("PaymentAmount"))[rows]
    steps = keep_ledger(log, Policy()).steps
    paid = steps["paid"][steps["event"] >= 0]
    for first, end in zip(log.invoice_starts[:-1], log.invoice_starts[1:], strict=True):
        own = slice(first, end)
        received = np.isin(name[own], ["Payment Received", "Recovery Received"]) * moved[own]
        posted = (name[own] == "Payment Posted") * moved[own]
        expected = np.maximum(np.cumsum(received), np.cumsum(posted))
        np.testing.assert_array_equal(paid[own], expected)


@pytest.mark.parametrize("seed", range(4))
def test_some_fields_of_states_are_those_of_whole_states(seed):
    ledger, cutoffs = ledger_of(seed), cutoffs_of(seed)
    n = len(ledger.offsets) - 1
    everyone = np.tile(np.arange(n, dtype=np.int32), len(cutoffs))
    position = ledger.position(everyone, np.repeat(np.array(cutoffs, dtype=np.int64), n))
    assert (position < 0).any()
    whole, some = ledger.at(position), ledger.fields(position, ("balance", "closed", "due_date"))
    for name in some.dtype.names:
        np.testing.assert_array_equal(some[name], whole[name])
