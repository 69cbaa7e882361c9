"""Dunning by definition, midnight by midnight in sets of days: slow, and easy to believe.

Reads the ledger's states and the log's rows; nothing of `eventlog.dunning` but its codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from eventlog.dunning import Sent, Verdict
from eventlog.fold import Closed
from eventlog.ledger import Ledger
from eventlog.log import DAY, MINOR, NONE, EventLog
from eventlog.policy import Policy
from eventlog.template import Role

Row = tuple[int, int, str, int, int | None, int | None]


def reasons_to_wait(s: np.void, policy: Policy) -> set[str]:
    """Why no letter is due in a state."""
    why = set()
    if s["issued_at"] == NONE or s["closed"] != Closed.OPEN:
        why.add("shut")
    if s["balance"] != NONE and s["balance"] < policy.dunning_min_balance * MINOR:
        why.add("low")
    pauses = {"dispute": "disputed", "promise": "promise_open", "agency": "agency"}
    why |= {name for name in policy.dunning_paused_by if s[pauses[name]]}
    return why


@dataclass
class Invoice:
    """One invoice followed step by step."""

    log: EventLog
    policy: Policy
    steps: np.ndarray
    sent: dict[int, int] = field(default_factory=dict)  # level: first sending
    settled: dict[int, tuple[int, int]] = field(default_factory=dict)  # level: due day, days
    beyond: list[int] = field(default_factory=list)  # sendings of levels above the policy's
    letters: list[tuple[int, str]] = field(default_factory=list)  # level, verdict

    def __post_init__(self) -> None:
        self.reasons = [reasons_to_wait(step, self.policy) for step in self.steps]
        dues = self.steps["due_date"].tolist()
        self.due_days = [None if due == NONE else due // DAY for due in dues]

    def happened(self, step: np.void) -> int | None:
        if step["event"] < 0:
            return None
        return int(self.log.event_time[self.log.of_invoice[step["event"]]])

    def midnights(self, n_steps: int, before: int, today_counts: bool = False) -> set[int]:
        """Days counted by the first steps alone, of those whose midnight is before a moment."""
        steps = self.steps[:n_steps]
        if not n_steps or steps[-1]["due_date"] == NONE:
            return set()
        due = int(steps[-1]["due_date"]) // DAY
        days = set()
        for day in range(due + 1, before // DAY + 1):
            midnight = day * DAY
            if midnight == before and not today_counts:
                continue
            n_known = int(np.searchsorted(steps["known_at"], midnight, side="right"))
            if not n_known or self.due_days[n_known - 1] is None or self.reasons[n_known - 1]:
                continue
            if day > max(self.due_days[n_known - 1 : n_steps]):  # of the due dates since
                days.add(day)
        for i, step in enumerate(steps):
            new = self.reasons[i] - (self.reasons[i - 1] if i else {"shut"})
            since = self.happened(step) if new else None
            if since is None:
                continue
            if "shut" in new and step["closed"] != Closed.OPEN:
                since = int(step["closed_at"])
            days -= {d for d in days if since <= d * DAY < step["known_at"]}
        return days

    def shown(self, days: set[int], n_steps: int, moment: int) -> int:
        due = int(self.steps[n_steps - 1]["due_date"]) // DAY
        if moment // DAY < due:
            return moment // DAY - due
        return sum(day <= moment // DAY for day in days)

    def settle(self, n_steps: int, days: set[int]) -> None:
        for level, at in self.sent.items():
            need = self.policy.dunning_days[level - 1]
            if level not in self.settled and len(days) >= need:
                late = self.shown(days, n_steps, at) - need
                self.settled[level] = sorted(days)[need - 1], late

    def judge(self, n_steps: int, days: set[int], at: int, level: int) -> str:
        """How the letter of step n_steps agrees with the policy."""
        policy = self.policy
        back_then = [s for s in self.steps[:n_steps] if s["known_at"] <= at]
        if not back_then or "shut" in reasons_to_wait(back_then[-1], policy):
            return "NOT_OPEN"
        s = back_then[-1]
        if s["due_date"] == NONE or at // DAY <= int(s["due_date"]) // DAY:
            return "NOT_OVERDUE"
        moment = self.steps[self.steps["known_at"] <= at][-1]
        before, after = reasons_to_wait(s, policy), reasons_to_wait(moment, policy)
        if before & after - {"low", "shut"}:
            return "PAUSED"
        if not 1 <= level <= len(policy.dunning_days):
            return "NOT_IN_POLICY"
        if level in self.sent:
            return "REPEATED"
        late = self.shown(days, n_steps, at) - policy.dunning_days[level - 1]
        if late < 0:
            return "EARLY"
        return "LATE" if late > policy.dunning_tolerance_days else "ON_TIME"


def followed(
    log: EventLog, ledger: Ledger, policy: Policy, number: int, cutoff: int
) -> tuple[Invoice, set[int]] | None:
    """An invoice with its letters judged, and the midnights counted by a cutoff; None if unknown.

    For policies whose first letter is due after the due date.
    """
    stated = log.columns["DunningLevel"].values.astype(float)
    steps = ledger.steps[ledger.offsets[number] : ledger.offsets[number + 1]]
    steps = steps[steps["known_at"] <= cutoff]
    if not len(steps):
        return None
    it = Invoice(log, policy, steps)
    for n, step in enumerate(steps):
        days = it.midnights(n, int(step["known_at"]))
        row = log.of_invoice[step["event"]] if step["event"] >= 0 else None
        if row is not None and log.role[row] == Role.LETTER:
            at = int(log.event_time[row])
            level = int(step["level"] if np.isnan(stated[row]) else stated[row])
            it.letters.append((level, it.judge(n, days, at, level)))
            if level > len(policy.dunning_days):
                it.beyond.append(at)
            elif level > 0 and at < it.sent.get(level, at + 1):
                it.sent[level] = at
                it.settled.pop(level, None)
        it.settle(n, days)
    days = it.midnights(len(steps), cutoff, today_counts=True)
    it.settle(len(steps), days)
    return it, days


def by_definition(
    log: EventLog, ledger: Ledger, policy: Policy, cutoff: int
) -> tuple[list[Row], list[tuple[int, int, str]]]:
    """Rows (invoice, level, verdict, days, due day, sending) and letters (invoice, level, verdict).

    As `followed`.
    """
    rows: list[Row] = []
    letters: list[tuple[int, int, str]] = []
    for number in range(log.n_invoices):
        found = followed(log, ledger, policy, number, cutoff)
        if found is not None:
            rows += _rows(*found, number)
            letters += [(number, *letter) for letter in found[0].letters]
    return rows, letters


def behind_by_definition(
    log: EventLog, ledger: Ledger, policy: Policy, number: int, cutoff: int
) -> tuple[int, int]:
    """Letters whose window ended without them, and days since the next letter was due."""
    found = followed(log, ledger, policy, number, cutoff)
    assert found is not None
    it, days = found
    missed = behind = 0
    highest = len(policy.dunning_days) + 1 if it.beyond else max(it.sent, default=0)
    for level, need in enumerate(policy.dunning_days, start=1):
        if level in it.settled:
            missed += it.settled[level][1] > policy.dunning_tolerance_days
        elif level not in it.sent:
            missed += len(days) > need + policy.dunning_tolerance_days
        if level > highest and not behind:
            behind = max(len(days) - need, 0)
    return missed, behind


def _rows(it: Invoice, days: set[int], number: int) -> list[Row]:
    policy, found = it.policy, []
    waits = reasons_to_wait(it.steps[-1], policy)
    for level, need in enumerate(policy.dunning_days, start=1):
        if level in it.settled:
            due, late = it.settled[level]
            verdict = Verdict.EARLY if late < 0 else Verdict.ON_TIME
            verdict = Verdict.LATE if late > policy.dunning_tolerance_days else verdict
            found.append((number, level, verdict.name, late, due, it.sent[level]))
            continue
        if len(days) < need:
            continue
        due, late = sorted(days)[need - 1], len(days) - need
        higher = [at for other, at in it.sent.items() if other > level] + it.beyond
        if higher:
            verdict = Verdict.SKIPPED
            late = it.shown(days, len(it.steps), min(higher)) - need
        elif late > policy.dunning_tolerance_days:
            verdict = Verdict.MISSING
        elif waits & {"shut", "low"}:
            verdict = Verdict.VOID
        else:
            verdict = Verdict.PAUSED if waits else Verdict.NOT_YET
        found.append((number, level, verdict.name, late, due, None))
    return found


def names(codes: np.ndarray, kind: type[Verdict] | type[Sent]) -> list[str]:
    return [kind(code).name for code in codes]
