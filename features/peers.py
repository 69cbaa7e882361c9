"""What happened to invoices alike: the segment, country, size and dunning level against all.

Outcomes are facts of a group, known from the moment they are decided: late or not at the end of
due date + `late_after_days`, written off or not at closing. A group's rate is read as of each
cutoff, shrunk to the rate of the whole, so a small group says little, and divided by it: 1 means
"as everybody". The rate of the whole itself is no feature, neither alone nor inside a group's: it
is one number a cutoff, by which trees tell seasons apart instead of invoices. (On five inner
origins of the charges log the rates as such put the Brier score at 0.0525; the last origin, after
a wave of late payment, was over-predicted almost fourfold.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed, Matured
from eventlog.known import Codes, Ints
from eventlog.log import MINOR, NONE
from features.as_of import AsOf, Floats, ratio, shrunk
from features.attributes import last_stated
from features.running_totals import read_at, running_total, sort_facts, total_at

#: How many cases' worth of the whole a group's own record is mixed with.
PRIOR_CASES = 50.0
_SIZES = 20
_LEVELS = 10


def peer_features(seen: AsOf) -> dict[str, Floats]:
    """Late and write-off rates of each snapshot's groups over those of all, as of its cutoff.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_snapshots,)
        1 where nothing is known that sets the group apart.
    """
    steps = seen.ledger.steps
    groups = _groups(seen)
    found: dict[str, Floats] = {}
    ripe = _turns(seen, (steps["matured"] == Matured.ON_TIME) | (steps["matured"] == Matured.LATE))
    late = (steps["matured"] == Matured.LATE)[ripe]
    ended = _turns(seen, steps["closed"] != Closed.OPEN)
    lost = (steps["written_off_at"] != NONE)[ended]
    for outcome, at, hit in (("late_ratio", ripe, late), ("write_off_ratio", ended, lost)):
        nobody = np.zeros(len(seen.snapshots), dtype=np.int32)
        n_all, k_all = _record(seen, np.zeros(len(at), np.int32), 1, at, hit, nobody)
        whole = ratio(k_all, n_all)
        for name, (of_step, of_snapshot, size) in groups.items():
            n_group, k_group = _record(seen, of_step[at], size, at, hit, of_snapshot)
            against = ratio(shrunk(k_group, n_group, whole, PRIOR_CASES), whole)
            found[f"{name}_{outcome}"] = np.nan_to_num(against, nan=1.0)
    return found


def _turns(seen: AsOf, state: NDArray[np.bool_]) -> Ints:
    """Steps at which a state sets in for an invoice."""
    offsets = seen.ledger.offsets
    before = np.roll(state, 1)
    before[offsets[:-1][offsets[1:] > offsets[:-1]]] = False
    return np.flatnonzero(state & ~before)


def _record(
    seen: AsOf,
    group: Codes,
    n_groups: int,
    at: Ints,
    hit: NDArray[np.bool_],
    asked: Codes,
) -> tuple[Floats, Floats]:
    """Cases decided and cases hit in each snapshot's group, as of its cutoff."""
    facts = sort_facts(group, seen.ledger.steps["known_at"][at], n_groups)
    reading = read_at(facts, asked, seen.snapshots.cutoff)
    cases = total_at(running_total(facts, np.ones(len(at), dtype=np.int64)), reading)
    hits = total_at(running_total(facts, hit.astype(np.int64)), reading)
    unknown = asked < 0
    return np.where(unknown, 0.0, cases), np.where(unknown, 0.0, hits)


def _groups(seen: AsOf) -> dict[str, tuple[Codes, Codes, int]]:
    """For each grouping: group of each step, group of each snapshot, number of groups."""
    steps, states = seen.ledger.steps, seen.states
    grouped = {}
    for name, column in (("segment", "CustomerSegment"), ("country", "Country")):
        grouped[name] = _by_column(seen, column)
    sizes = _size_of(seen.reporting(steps, "amount")), _size_of(seen.reporting(states, "amount"))
    grouped["size"] = (*sizes, _SIZES)
    levels = [np.minimum(s["level"], _LEVELS - 1).astype(np.int32) for s in (steps, states)]
    grouped["level"] = (levels[0], levels[1], _LEVELS)
    return grouped


def _by_column(seen: AsOf, name: str) -> tuple[Codes, Codes, int]:
    column = seen.log.columns.get(name)
    if column is None:
        nothing = np.full(len(seen.ledger.steps), -1, dtype=np.int32)
        return nothing, np.full(len(seen.snapshots), -1, dtype=np.int32), 1
    last = last_stated(seen.log, column)
    rows = seen.log.of_invoice
    code = np.append(np.where(last >= 0, column.values[rows[last]], -1), -1).astype(np.int32)
    of_step = code[seen.step_event]
    return of_step, code[seen.event_position], max(len(column.levels), 1)


def _size_of(amount: Ints) -> Codes:
    """Half a power of ten of the amount: 0 up to 1, 1 up to 3.2, 2 up to 10, …."""
    units = np.maximum(amount / MINOR, 1.0)
    return np.clip(np.ceil(2 * np.log10(units)), 0, _SIZES - 1).astype(np.int32)
