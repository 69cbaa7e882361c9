"""What happened to invoices alike: the segment, country, size and dunning level against all.

Outcomes are facts of a group, known from the moment they are decided: late or not at the end of
due date + `late_after_days`, written off or not at closing. A group's rate is read as of each
cutoff, shrunk to the rate of the whole, so a small group says little, and divided by it: 1 means
"as everybody". The rate of the whole itself is no feature, neither alone nor inside a group's: it
is one number a cutoff, by which trees tell seasons apart instead of invoices. (On five inner
origins of the charges log the rates as such put the Brier score at 0.0525; the last origin, after
a wave of late payment, was over-predicted almost fourfold.)

These are the only features of an invoice that need other customers' events, and all they need is a
small table: of every group, how many cases were decided and how many were hit by each cutoff. So
each part of the log counts its own outcomes (`count_outcomes`), the counts are added up
(`sum_outcomes`), and each part reads its snapshots' rates from the sum (`record_of`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eventlog.errors import DataError
from eventlog.fold import Closed, Matured
from eventlog.known import Codes, Ints, first_knowing
from eventlog.log import MINOR, NONE, EventLog
from features.as_of import AsOf, Floats, ratio, shrunk
from features.attributes import last_stated
from features.running_totals import Facts, read_at, sort_facts

#: How many cases' worth of the whole a group's own record is mixed with.
PRIOR_CASES = 50.0
GROUPINGS = ("segment", "country", "size", "level")
OUTCOMES = ("late_ratio", "write_off_ratio")
_SIZES = 20
_LEVELS = 10


@dataclass(frozen=True)
class Outcomes:
    """Cases of each group by the cutoff that first knows them, one row a pair that has any.

    Group 0 is everybody; those of the groupings follow, see `_first_groups`.

    Attributes
    ----------
    group : ndarray of int32, shape (n_pairs,)
    cutoff : ndarray of int64, shape (n_pairs,)
        Position of the cutoff.
    counts : ndarray of int64, shape (n_pairs, 4)
        Cases matured, of them late, cases closed, of them written off.
    """

    group: Codes
    cutoff: Ints
    counts: Ints


@dataclass(frozen=True)
class PeerRecord:
    """How many cases were decided, and hit, in each group up to each cutoff.

    Attributes
    ----------
    cutoffs : ndarray of int64, shape (n_cutoffs,)
        Sorted; the record can be read at these.
    facts : features.running_totals.Facts
        Groups are the entities, positions of cutoffs the moments.
    totals : ndarray of int64, shape (n_facts + 1, 4)
        Running over all facts, zeros in front.
    """

    cutoffs: Ints
    facts: Facts
    totals: Ints


def count_outcomes(seen: AsOf, cutoffs: Ints) -> Outcomes:
    """Count the cases of each group in one part of the log by the cutoff that first knows them.

    Parameters
    ----------
    cutoffs : ndarray of int64, shape (n_cutoffs,)
        Sorted; cases decided after the last are left out.
    """
    ledger = seen.ledger
    steps, groups = ledger.steps, _groups_of_steps(seen)
    ripe = (steps["matured"] == Matured.ON_TIME) | (steps["matured"] == Matured.LATE)
    ripe &= ~ledger.before(ripe, False)
    ended = steps["closed"] != Closed.OPEN
    ended &= ~ledger.before(ended, False)
    at = np.flatnonzero(ripe | ended)
    first = first_knowing(cutoffs, ledger.known_at[at])
    at, first = at[first < len(cutoffs)], first[first < len(cutoffs)]
    case = np.column_stack(
        [
            ripe[at],
            ripe[at] & (steps["matured"][at] == Matured.LATE),
            ended[at],
            ended[at] & (steps["written_off_at"][at] != NONE),
        ]
    ).astype(np.int64)
    everybody = np.zeros(len(at), dtype=np.int32)
    pairs = [(everybody, first, case)] + [(group[at], first, case) for group in groups]
    return _summed(pairs)


def sum_outcomes(parts: Iterable[Outcomes]) -> Outcomes:
    """The counts of the whole from those of its parts."""
    return _summed([(part.group, part.cutoff, part.counts) for part in parts])


def record_of(outcomes: Outcomes, log: EventLog, cutoffs: Ints) -> PeerRecord:
    """The counts of a whole log as a record that can be read at its cutoffs.

    Parameters
    ----------
    log : EventLog
        The log or any part of it: all have the same levels.
    """
    facts = sort_facts(outcomes.group, outcomes.cutoff, _first_groups(log)[-1])
    counts = outcomes.counts[facts.order]
    totals = np.concatenate([np.zeros((1, 4), dtype=np.int64), np.cumsum(counts, axis=0)])
    return PeerRecord(cutoffs, facts, totals)


def _summed(pairs: list[tuple[Codes, Ints, Ints]]) -> Outcomes:
    """Counts added up per pair of group and cutoff; groups of -1 (not known) are left out."""
    group, cutoff = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    counts = np.concatenate([pair[2] for pair in pairs])
    known = group >= 0
    width = int(cutoff.max(initial=0)) + 1
    key, place = np.unique(
        group[known].astype(np.int64) * width + cutoff[known], return_inverse=True
    )
    total = np.zeros((len(key), counts.shape[1]), dtype=np.int64)
    for i in range(counts.shape[1]):
        total[:, i] = np.bincount(place, counts[known, i], len(key))
    return Outcomes((key // width).astype(np.int32), key % width, total)


def peer_features(seen: AsOf, record: PeerRecord) -> dict[str, Floats]:
    """Late and write-off rates of each snapshot's groups over those of all, as of its cutoff.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_snapshots,)
        1 where nothing is known that sets the group apart.
    """
    moment = first_knowing(record.cutoffs, seen.snapshots.cutoff)
    _refuse_other_cutoffs(record, seen.snapshots.cutoff)
    nobody = np.zeros(len(moment), dtype=np.int32)
    whole = _read(record, nobody, moment)
    found: dict[str, Floats] = {}
    for name, group in zip(GROUPINGS, _groups_of_snapshots(seen), strict=True):
        own = _read(record, group, moment)
        for i, outcome in enumerate(OUTCOMES):
            n_all, k_all, n_group, k_group = (
                whole[2 * i],
                whole[2 * i + 1],
                own[2 * i],
                own[2 * i + 1],
            )
            usual = ratio(k_all, n_all)
            against = ratio(shrunk(k_group, n_group, usual, PRIOR_CASES), usual)
            found[f"{name}_{outcome}"] = np.nan_to_num(against, nan=1.0)
    return found


def _refuse_other_cutoffs(record: PeerRecord, cutoff: Ints) -> None:
    """Refuse a record of other cutoffs: read between two of its own it would say too much."""
    if not np.isin(cutoff, record.cutoffs).all():
        raise DataError(
            "The peers' record was not made for these cutoffs. Make it for all cutoffs of the "
            "snapshots."
        )


def _read(record: PeerRecord, group: Codes, moment: Ints) -> Floats:
    """The four totals of each group at each moment, shape (4, n)."""
    reading = read_at(record.facts, group, moment)
    after, before = record.totals[reading.last + 1], record.totals[reading.first]
    return np.where(reading.last < 0, 0.0, (after - before).T)


def _first_groups(log: EventLog) -> list[int]:
    """Number of the first group of each grouping, and one beyond the last."""
    sizes = [_n_levels(log, "CustomerSegment"), _n_levels(log, "Country"), _SIZES, _LEVELS]
    return np.cumsum([1, *sizes]).tolist()


def _n_levels(log: EventLog, name: str) -> int:
    return len(log.columns[name].levels) if name in log.columns else 0


def _groups_of_steps(seen: AsOf) -> list[Codes]:
    """Group of each step in each grouping, -1 where it is not known."""
    steps = seen.ledger.steps
    own = [
        _last_level(seen, "CustomerSegment", seen.step_event),
        _last_level(seen, "Country", seen.step_event),
        _size_of(seen.of_steps("amount")),
        np.minimum(steps["level"], _LEVELS - 1),
    ]
    return _numbered(seen.log, own)


def _groups_of_snapshots(seen: AsOf) -> list[Codes]:
    """Group of each snapshot in each grouping, -1 where it is not known."""
    own = [
        _last_level(seen, "CustomerSegment", seen.event_position),
        _last_level(seen, "Country", seen.event_position),
        _size_of(seen.of_states("amount")),
        np.minimum(seen.states["level"], _LEVELS - 1),
    ]
    return _numbered(seen.log, own)


def _numbered(log: EventLog, codes: list[Codes]) -> list[Codes]:
    """Codes within each grouping as numbers of groups."""
    return [
        np.where(code < 0, -1, code.astype(np.int32) + first).astype(np.int32)
        for code, first in zip(codes, _first_groups(log)[:-1], strict=True)
    ]


def _last_level(seen: AsOf, name: str, event: Ints) -> Codes:
    """Level of a column as last stated by some of the invoices' events; -1 if none was."""
    column = seen.log.columns.get(name)
    if column is None:
        return np.full(len(event), -1, dtype=np.int32)
    last = last_stated(seen.log, column)
    rows = seen.log.of_invoice
    code = np.append(np.where(last >= 0, column.values[rows[last]], -1), -1).astype(np.int32)
    return code[event]


def _size_of(amount: Ints) -> Codes:
    """Half a power of ten of the amount: 0 up to 1, 1 up to 3.2, 2 up to 10, …."""
    units = np.maximum(amount / MINOR, 1.0)
    return np.clip(np.ceil(2 * np.log10(units)), 0, _SIZES - 1).astype(np.int32)
