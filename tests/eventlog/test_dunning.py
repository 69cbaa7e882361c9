"""The dunning clock and its verdicts equal the definition, and see nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.dunning import Sent, Verdict, dunned
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, NONE, EventLog
from eventlog.policy import Policy
from tests.builders import logs
from tests.eventlog.dunning_oracle import by_definition, names
from tests.features.drawn import cutoffs_of, random_log

quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
POLICIES = [
    Policy(dunning_days=(3, 10, 20)),
    Policy(dunning_days=(1, 2), dunning_tolerance_days=0, dunning_paused_by=()),
    Policy(
        dunning_days=(5, 30),
        dunning_tolerance_days=10,
        dunning_paused_by=("agency", "promise"),
        dunning_min_balance=60.0,
    ),
]
#: Random logs that hold every verdict between them, see below.
SEEDS = (0, 1, 4, 5, 12, 14)


def rows_of(required: np.ndarray) -> list[tuple]:
    sent = [None if at == NONE else int(at) for at in required["sent_at"]]
    return list(
        zip(
            required["invoice"].tolist(),
            required["level"].tolist(),
            names(required["verdict"], Verdict),
            required["days"].tolist(),
            (required["due_at"] // DAY).tolist(),
            sent,
            strict=True,
        )
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_verdicts_equal_those_counted_midnight_by_midnight(seed):
    log = random_log(seed)
    policy = POLICIES[seed % len(POLICIES)]
    ledger = keep_ledger(log, policy)
    for cutoff in (*cutoffs_of(seed)[::3], log.ends_at):
        required, sent = dunned(log, ledger, policy, cutoff)
        rows, letters = by_definition(log, ledger, policy, cutoff)
        assert rows_of(required) == rows
        told = zip(sent["invoice"], sent["level"], names(sent["verdict"], Sent), strict=True)
        assert list(told) == letters


def test_the_random_logs_hold_every_verdict():
    required, sent = set(), set()
    for seed in SEEDS:
        log, policy = random_log(seed), POLICIES[seed % len(POLICIES)]
        ledger = keep_ledger(log, policy)
        for cutoff in (*cutoffs_of(seed)[::3], log.ends_at):
            found = dunned(log, ledger, policy, cutoff)
            required |= set(names(found[0]["verdict"], Verdict))
            sent |= set(names(found[1]["verdict"], Sent))
    assert required == {each.name for each in Verdict}
    assert sent == {each.name for each in Sent}


def draw_cutoff(data: st.DataObject, log: EventLog) -> int:
    low, high = int(log.known_at.min()), int(log.known_at.max()) + 60 * DAY
    if data.draw(st.booleans()):
        border = data.draw(st.sampled_from(sorted({int(at) for at in log.known_at})))
        return border + data.draw(st.sampled_from([-1, 0, 1]))
    return data.draw(st.integers(low, high))


@quick
@given(logs(), st.data())
def test_verdicts_at_a_cutoff_are_those_of_the_log_cut_there(log, data):
    cutoff = draw_cutoff(data, log)
    policy = data.draw(st.sampled_from([*POLICIES, Policy(dunning_days=(0, 7))]))
    cut = log.upto(cutoff)
    whole = dunned(log, keep_ledger(log, policy), policy, cutoff)
    then = dunned(cut, keep_ledger(cut, policy), policy, cutoff)
    for one, other in zip(whole, then, strict=True):
        np.testing.assert_array_equal(one, other)
