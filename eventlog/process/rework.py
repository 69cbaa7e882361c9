"""What is done more than once, what is taken back, and what people do by hand.

Whether a person or a program did something is told by the user on the event; which users are
programs is a list of patterns. In a log that names no user at all it is told by what was done,
as far as the template knows the activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.log import NONE, EventLog, datetimes
from eventlog.process.history import History
from eventlog.process.process_map import ProcessMap, process_map
from eventlog.process.traces import Mask
from eventlog.state import Closed
from eventlog.template import Role, role_of

#: Users that are programs, as patterns; capitals do not matter.
AUTOMATIC_USERS = (
    *("batch*", "*_batch", "*-batch", "system*", "sys", "auto*", "*import*", "*export*"),
    *("*interface*", "*integration*", "*service*", "svc*", "workflow*", "*bot", "robot*", "edi*"),
    *("dynamics*", "azure*", "admin", "sysadmin"),
)
#: What a person does, where no event of the log names its user.
MANUAL_ROLES = frozenset(
    {
        *(Role.CONTACT, Role.DISPUTE_OPENED, Role.DISPUTE_CLOSED, Role.PROMISE, Role.CREDITED),
        *(Role.WRITTEN_OFF, Role.REVERSED, Role.AGENCY, Role.LIMIT_REQUESTED, Role.LIMIT_CHANGED),
    }
)
#: Issuing an invoice and booking its money: done by people in many companies, and no follow-up.
ROUTINE_ROLES = frozenset(
    {Role.GENERATED, Role.POSTED, Role.RECEIVED, Role.PAYMENT_POSTED, Role.SETTLED}
)
PERSON, PROGRAM, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Rework:
    """Repetition and manual work of a history.

    Attributes
    ----------
    repeats : DataFrame of shape (n_repeated_activities,)
        activity; repeats (occurrences beyond an invoice's first), of which directly (right after
        itself) and returns (with something between); invoices that repeat it; share_invoices of
        all. The most repeated first.
    reopened, due_date_changed, reversed, disputed : int
        Invoices that were opened again after closing, whose due date changed, with a payment
        reversed, with a dispute.
    n_invoices : int
    n_repeating : int
        Invoices that repeat some activity.
    touches : DataFrame of shape (n_activities,)
        activity, people, programs, unknown: number of events.
    by_month : DataFrame of shape (n_months,)
        month (first day), events by people, programs, unknown; closed (invoices closed in the
        month), touch_free and no_follow_up (of those), with share_touch_free and
        share_no_follow_up (0 to 1; NaN if none was closed).
    per_invoice, follow_up : ndarray of int64, shape (n_invoices,)
        Events by people; those of them that neither issue the invoice nor book its money.
    n_closed, n_touch_free, n_no_follow_up : int
        Closed invoices; those of them that no person touched; those that no person followed up.
        An event of which it is not known who did it counts as a person's here.
    basis : str
        What tells people from programs: "user", "activity".
    programs : tuple of str
        Users of the log that were taken for programs.
    """

    repeats: pd.DataFrame
    reopened: int
    due_date_changed: int
    reversed: int
    disputed: int
    n_invoices: int
    n_repeating: int
    touches: pd.DataFrame
    by_month: pd.DataFrame
    per_invoice: Ints
    follow_up: Ints
    n_closed: int
    n_touch_free: int
    n_no_follow_up: int
    basis: str
    programs: tuple[str, ...]


def rework(
    history: History,
    log: EventLog,
    automatic: Sequence[str] = AUTOMATIC_USERS,
    found: ProcessMap | None = None,
) -> Rework:
    """Repeats, things taken back, and touches by people.

    Parameters
    ----------
    history : History
    log : EventLog
        That the history is of.
    automatic : sequence of str
        Patterns (``*`` and ``?``) of users that are programs.
    found : ProcessMap, optional
        The history's map, if it is at hand.
    """
    traces, outcome = history.traces, history.outcome
    found = found or process_map(history)
    of_step = traces.invoice_of_step
    real = traces.event >= 0
    by, programs, basis = _who(log, automatic)
    who = np.where(real, by[np.maximum(traces.event, 0)] if len(by) else UNKNOWN, PROGRAM)
    routine = np.array([role_of(name) in ROUTINE_ROLES for name in traces.activities], dtype=bool)
    routine = routine[traces.activity] if len(routine) else np.zeros(len(real), dtype=bool)

    def each(steps: Mask) -> Ints:
        return np.bincount(of_step[steps], minlength=len(history)).astype(np.int64)

    by_hand = real & (who != PROGRAM)
    is_closed = (outcome["closed"] != Closed.OPEN) & (outcome["closed_at"] != NONE)
    touch_free = is_closed & (each(by_hand) == 0)
    no_follow_up = is_closed & (each(by_hand & ~routine) == 0)
    reversing = np.array([role_of(name) == Role.REVERSED for name in traces.activities], dtype=bool)
    repeats, n_repeating = _repeats(history, found)
    return Rework(
        repeats=repeats,
        reopened=int((outcome["n_reopened"] > 0).sum()),
        due_date_changed=int((outcome["n_due_changes"] > 0).sum()),
        reversed=len(np.unique(of_step[reversing[traces.activity]])) if len(reversing) else 0,
        disputed=int((outcome["n_disputes"] > 0).sum()),
        n_invoices=len(history),
        n_repeating=n_repeating,
        touches=_by_activity(history, who, real),
        by_month=_by_month(history, who, real, is_closed, touch_free, no_follow_up),
        per_invoice=each(real & (who == PERSON)),
        follow_up=each(real & (who == PERSON) & ~routine),
        n_closed=int(is_closed.sum()),
        n_touch_free=int(touch_free.sum()),
        n_no_follow_up=int(no_follow_up.sum()),
        basis=basis,
        programs=programs,
    )


def _who(log: EventLog, automatic: Sequence[str]) -> tuple[NDArray[np.int8], tuple[str, ...], str]:
    """Who did each event: `PERSON`, `PROGRAM` or `UNKNOWN`; which users are programs; how told."""
    column = log.columns.get("UserId")
    if column is None or not column.stated().any():
        roles = [role_of(name) for name in log.activities]
        told = [PERSON if role in MANUAL_ROLES else PROGRAM for role in roles]
        own = [UNKNOWN if r == Role.OTHER else who for r, who in zip(roles, told, strict=True)]
        return np.array(own, dtype=np.int8)[log.activity], (), "activity"
    patterns = [pattern.lower() for pattern in automatic]
    is_program = [any(fnmatchcase(user.lower(), p) for p in patterns) for user in column.levels]
    kind = np.array([*(PROGRAM if is_ else PERSON for is_ in is_program), UNKNOWN], dtype=np.int8)
    programs = tuple(u for u, is_ in zip(column.levels, is_program, strict=True) if is_)
    return kind[column.values.astype(np.int64)], programs, "user"


def _repeats(history: History, found: ProcessMap) -> tuple[pd.DataFrame, int]:
    """Repeated activities, and how many invoices repeat one."""
    traces = history.traces
    n = len(traces.activities)
    pair, times = np.unique(
        traces.invoice_of_step.astype(np.int64) * max(n, 1) + traces.activity, return_counts=True
    )
    again = pair[times > 1]
    invoices = np.bincount(again % max(n, 1), minlength=n)
    repeats = found.events - found.on_invoices
    directly = np.diagonal(found.counts[:, :n])
    table = pd.DataFrame(
        {
            "activity": traces.activities,
            "repeats": repeats,
            "directly": directly,
            "returns": repeats - directly,
            "invoices": invoices,
            "share_invoices": invoices / max(len(history), 1),
        }
    )
    table = table[table["repeats"] > 0].sort_values("repeats", ascending=False, kind="stable")
    return table.reset_index(drop=True), len(np.unique(again // max(n, 1)))


def _by_activity(history: History, who: NDArray[np.integer], real: Mask) -> pd.DataFrame:
    """Events of each activity by people, programs and unknown users."""
    traces = history.traces
    n = len(traces.activities)
    counts = np.bincount(traces.activity[real] * 3 + who[real], minlength=3 * n).reshape(n, 3)
    table = pd.DataFrame(counts, columns=["people", "programs", "unknown"])
    table.insert(0, "activity", traces.activities)
    table = table[counts.sum(axis=1) > 0]
    return table.sort_values("people", ascending=False, kind="stable").reset_index(drop=True)


def _by_month(
    history: History,
    who: NDArray[np.integer],
    real: Mask,
    is_closed: Mask,
    touch_free: Mask,
    no_follow_up: Mask,
) -> pd.DataFrame:
    """Events by month of happening, closed invoices by month of closing."""
    traces = history.traces

    def months(moments: Ints) -> Ints:
        return datetimes(moments).astype("datetime64[M]").astype(np.int64)

    happened, closed = (
        months(traces.moment[real]),
        months(history.outcome["closed_at"][is_closed].copy()),
    )
    every = np.unique(np.append(happened, closed))
    at, closing = np.searchsorted(every, happened), np.searchsorted(every, closed)
    counts = np.bincount(at * 3 + who[real], minlength=3 * len(every)).reshape(-1, 3)

    def closed_with(mask: Mask) -> Ints:
        return np.bincount(closing[mask[is_closed]], minlength=len(every)).astype(np.int64)

    n_closed, free, quiet = (closed_with(x) for x in (is_closed, touch_free, no_follow_up))
    with np.errstate(invalid="ignore"):
        share, share_quiet = free / n_closed, quiet / n_closed
    return pd.DataFrame(
        {
            "month": every.astype("datetime64[M]").astype("datetime64[us]"),
            "people": counts[:, PERSON],
            "programs": counts[:, PROGRAM],
            "unknown": counts[:, UNKNOWN],
            "closed": n_closed,
            "touch_free": free,
            "no_follow_up": quiet,
            "share_touch_free": share,
            "share_no_follow_up": share_quiet,
        }
    )
