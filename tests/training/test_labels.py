"""What became of a snapshot: borders to the microsecond, and unknown while its window runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.fold import Closed
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, NONE, micros
from eventlog.policy import Policy
from features.snapshots import Snapshots, at_cutoffs
from tests.builders import happened, logs, make_log
from training.labels import TARGETS, label, phase

POLICY = Policy()
#: Last moment at which an invoice due on 2024-02-01 is not late yet.
RIPE = micros("2024-02-06T23:59:59.999999")
FAR = micros("2030-01-01")


def invoice(*more, due="2024-02-01"):
    return make_log(happened("A", "post", "2024-01-01", amount=100.0, due=due), *more)


def asked(target, log, cutoff, log_end=FAR):
    """The label of invoice A at a cutoff."""
    snapshots = Snapshots(np.zeros(1, np.int32), np.array([cutoff]))
    return label(target, keep_ledger(log, POLICY), snapshots, POLICY, log_end)


def outcome(target, log, when, log_end=FAR):
    return asked(target, log, micros(when), log_end).y.item()


@pytest.mark.parametrize(
    ("paid", "late"), [("2024-02-06T23:59:59.999999", 0), ("2024-02-07T00:00:00.000001", 1)]
)
def test_a_payment_is_in_time_up_to_the_end_of_the_last_day_of_grace(paid, late):
    log = invoice(happened("A", "pay", paid, moved=100.0))
    assert outcome("late_payment", log, "2024-01-10") == late


def test_an_invoice_that_is_never_paid_is_late():
    assert outcome("late_payment", invoice(), "2024-01-10") == 1


def test_a_part_payment_is_not_in_time():
    log = invoice(happened("A", "pay", "2024-01-20", moved=60.0))
    assert outcome("late_payment", log, "2024-01-10") == 1


@pytest.mark.parametrize("paid", ["2024-01-20", "2024-03-20", None])
@pytest.mark.parametrize(("log_end", "known"), [(RIPE - 1, False), (RIPE, True)])
def test_a_label_is_known_once_its_window_is_over_whatever_happened(paid, log_end, known):
    log = invoice(*([happened("A", "pay", paid, moved=100.0)] if paid else []))
    value = outcome("late_payment", log, "2024-01-10", log_end)
    assert np.isnan(value) == (not known)


@pytest.mark.parametrize(("cutoff", "target"), [(RIPE, "late_payment"), (RIPE + 1, "still_open")])
def test_each_phase_is_asked_its_own_question(cutoff, target):
    found = {name: asked(name, invoice(), cutoff).asked.item() for name in TARGETS}
    other = {"late_payment", "still_open"} - {target}
    assert found == {target: True, other.pop(): False, "write_off": True}


@pytest.mark.parametrize(("after", "open_still"), [(0, 0), (1, 1)])
def test_still_open_looks_thirty_days_ahead_to_the_microsecond(after, open_still):
    cutoff = micros("2024-03-01T08:00")
    paid = f"2024-03-31T08:00:00.00000{after}"
    log = invoice(happened("A", "pay", paid, moved=100.0))
    found = asked("still_open", log, cutoff)
    assert found.window_end.item() == cutoff + 30 * DAY
    assert found.y.item() == open_still


@pytest.mark.parametrize(("log_end", "known"), [(-1, False), (0, True)])
@pytest.mark.parametrize("target", ["still_open", "write_off"])
def test_a_window_that_ends_with_the_log_is_finished(target, log_end, known):
    cutoff = micros("2024-03-01")
    days = {"still_open": 30, "write_off": 365}[target]
    found = asked(target, invoice(), cutoff, cutoff + days * DAY + log_end)
    assert np.isnan(found.y.item()) == (not known)


@pytest.mark.parametrize(("after", "lost"), [(0, 1), (1, 0)])
def test_a_write_off_counts_up_to_the_end_of_its_horizon(after, lost):
    log = invoice(happened("A", "lose", f"2025-02-28T08:00:00.00000{after}"))
    assert outcome("write_off", log, "2024-02-29T08:00") == lost


def test_an_invoice_that_was_written_off_already_is_not_asked_again():
    log = invoice(
        happened("A", "lose", "2024-03-01", moved=60.0),
    )
    found = asked("write_off", log, micros("2024-04-01"))
    assert not found.asked.item()
    assert found.window_end.item() == NONE


@pytest.mark.parametrize(
    ("target", "when"), [("late_payment", "2024-01-10"), ("still_open", "2024-02-20")]
)
def test_written_off_inside_the_window_is_not_paid(target, when):
    log = invoice(happened("A", "lose", "2024-02-25" if target == "still_open" else "2024-02-03"))
    assert outcome(target, log, when) == 1


@pytest.mark.parametrize(
    ("target", "when"), [("late_payment", "2024-01-10"), ("still_open", "2024-02-20")]
)
def test_credited_inside_the_window_is_left_out_and_counted(target, when):
    day = "2024-02-25" if target == "still_open" else "2024-02-03"
    found = asked(target, invoice(happened("A", "credit", day, moved=100.0)), micros(when))
    assert np.isnan(found.y.item())
    assert found.n_credited == 1


def test_credited_in_an_unfinished_window_is_not_counted_yet():
    log = invoice(happened("A", "credit", "2024-02-03", moved=100.0))
    assert asked("late_payment", log, micros("2024-01-10"), RIPE - 1).n_credited == 0


def test_credit_does_not_keep_the_write_off_question_from_an_answer():
    log = invoice(happened("A", "credit", "2024-02-03", moved=100.0))
    assert outcome("write_off", log, "2024-01-10") == 0


def test_a_payment_that_bounced_inside_the_window_was_none():
    log = invoice(
        happened("A", "pay", "2024-01-20", moved=100.0),
        happened("A", "reverse", "2024-02-05", moved=100.0),
        happened("A", "pay", "2024-02-20", moved=100.0),
    )
    assert outcome("late_payment", log, "2024-01-10") == 1


def test_a_label_reads_what_was_known_at_its_windows_end():
    log = invoice(
        happened("A", "pay", "2024-01-20", moved=100.0, recorded="2024-03-01"),
    )
    assert outcome("late_payment", log, "2024-01-10") == 1


def test_a_due_date_that_is_known_later_opens_rows_from_then_on():
    log = make_log(
        happened("A", "post", "2024-01-01", amount=100.0),
        happened("A", "note", "2024-01-10T12:00", due="2024-02-01"),
    )
    before = asked("late_payment", log, micros("2024-01-10T11:59:59.999999"))
    after = asked("late_payment", log, micros("2024-01-10T12:00"))
    assert not before.asked.item()
    assert np.isnan(before.y.item())
    assert (after.asked.item(), after.y.item()) == (True, 1)


def test_a_due_date_that_changes_later_does_not_move_the_window():
    log = invoice(
        happened("A", "note", "2024-01-20T12:00", due="2024-03-01"),
        happened("A", "pay", "2024-02-20", moved=100.0),
    )
    before = asked("late_payment", log, micros("2024-01-10"))
    after = asked("late_payment", log, micros("2024-01-21"))
    assert (before.window_end.item(), before.y.item()) == (RIPE, 1)
    assert after.y.item() == 0


def test_the_policy_holds_the_horizons():
    policy = Policy(late_after_days=0, still_open_days=7, write_off_horizon_days=90)
    snapshots = Snapshots(np.zeros(2, np.int32), np.array([micros("2024-01-10"), RIPE]))
    ledger = keep_ledger(invoice(), policy)
    ends = [label(t, ledger, snapshots, policy, FAR).window_end.tolist() for t in TARGETS]
    assert ends == [
        [micros("2024-02-02") - 1, NONE],
        [NONE, RIPE + 7 * DAY],
        [micros("2024-01-10") + 90 * DAY, RIPE + 90 * DAY],
    ]


def test_phases_have_names():
    log = make_log(
        happened("A", "post", "2024-01-01", amount=1.0, due="2024-02-01"),
        happened("B", "post", "2024-01-01", amount=1.0),
    )
    snapshots = Snapshots(np.array([0, 0, 1], np.int32), np.array([RIPE, RIPE + 1, RIPE]))
    found = phase(keep_ledger(log, POLICY), snapshots, POLICY)
    assert found.tolist() == ["not yet late", "late", "no due date"]


@given(logs(), st.integers(0, 400))
def test_labels_are_what_a_loop_over_the_ledger_says(log, end_day):
    policy = Policy(late_after_days=2, still_open_days=20, write_off_horizon_days=40)
    ledger = keep_ledger(log, policy)
    log_end = micros("2024-01-01") + end_day * DAY
    cutoffs = np.arange(int(log.known_at.min()), int(log.known_at.max()), 13 * DAY + 7)
    snapshots = at_cutoffs(ledger, cutoffs)
    for target in TARGETS:
        found = label(target, ledger, snapshots, policy, log_end)
        credited = 0
        for k, (code, cutoff) in enumerate(zip(snapshots.invoice, snapshots.cutoff, strict=True)):
            state = one(ledger, code, cutoff)
            due = int(state["due_date"])
            grace = None if due == NONE else (due // DAY + 3) * DAY - 1
            if target == "write_off":
                end = None if state["written_off_at"] != NONE else int(cutoff) + 40 * DAY
            elif grace is None:
                end = None
            elif target == "late_payment":
                end = grace if cutoff <= grace else None
            else:
                end = int(cutoff) + 20 * DAY if cutoff > grace else None
            assert found.asked[k] == (end is not None)
            if end is None or end > log_end:
                assert np.isnan(found.y[k])
                continue
            later = one(ledger, code, end)
            if target == "write_off":
                assert found.y[k] == (later["written_off_at"] != NONE)
            elif later["closed"] == Closed.CREDITED:
                credited += 1
                assert np.isnan(found.y[k])
            else:
                assert found.y[k] == (later["closed"] != Closed.PAID)
        assert found.n_credited == credited


def one(ledger, invoice, moment):
    return ledger.as_of(np.array([invoice], np.int32), np.array([moment]))[0]
