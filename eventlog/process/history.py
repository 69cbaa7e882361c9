"""The traces of invoices with what stood open meanwhile, and how each invoice stands.

The ledger is kept twice, customers in blocks: once in the order in which things became known, for
how each invoice stands at the cutoff (so that totals tie to the ledger everywhere else), and, where
something was recorded late, once more in the order of happening, for the balance that was open
after each step and for the passing of due dates.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints, known_by
from eventlog.ledger import Ledger, keep_ledger
from eventlog.log import DAY, NONE, EventLog
from eventlog.policy import Policy
from eventlog.process.traces import Mask, Traces, by_happening
from eventlog.template import DUE_DATE_PASSED

#: Events of a block of customers; bounds the memory that the ledger's states take.
BLOCK_SIZE = 200_000
#: Columns that the ledger reads.
_MONEY = (
    *("InvoiceAmount", "PaymentAmount", "PaymentDueDate", "PromisedDate", "PromisedAmount"),
    "DunningLevel",
)
#: How an invoice stands at the cutoff: name and type, as in `eventlog.state.STATE`.
OUTCOME = np.dtype(
    [
        (name, "i8")
        for name in ("amount", "balance", "issued_at", "posted_at", "due_date", "closed_at")
    ]
    + [(name, "i4") for name in ("n_disputes", "n_reopened", "n_due_changes")]
    + [(name, "i1") for name in ("closed", "matured")],
    align=True,
)


@dataclass(frozen=True)
class History:
    """Traces, and how their invoices stand at the cutoff.

    Attributes
    ----------
    traces : Traces
    outcome : ndarray of OUTCOME, shape (n_invoices,)
        Of each of the traces' invoices.
    cutoff : int
        Microseconds.
    within_days : int, optional
        Where each invoice was looked at so many days after it was issued, instead of the cutoff.
    currency : str
        Of all money; "" before `eventlog.process.selection.priced`, and where the log names none.
    """

    traces: Traces
    outcome: NDArray[np.void]
    cutoff: int
    within_days: int | None = None
    currency: str = ""

    def __len__(self) -> int:
        """Number of invoices."""
        return len(self.traces)

    def of(self, chosen: Mask) -> History:
        """The history of some invoices, by mask."""
        return replace(self, traces=self.traces.of(chosen), outcome=self.outcome[chosen])

    @property
    def looked_at(self) -> Ints:
        """The moment at which each invoice was looked at, shape (n_invoices,)."""
        if self.within_days is None:
            return np.full(len(self), self.cutoff, dtype=np.int64)
        moment: Ints = self.outcome["issued_at"] + self.within_days * DAY
        return moment


def history_of(
    log: EventLog,
    cutoff: int,
    policy: Policy,
    *,
    with_due_date: bool = True,
    within_days: int | None = None,
    block_size: int = BLOCK_SIZE,
) -> History:
    """Traces with what was open after each step, and how each invoice stands.

    Parameters
    ----------
    log : EventLog
    cutoff : int
        Only what was known at this moment.
    policy : Policy
    with_due_date : bool
        Let the calculated "Payment Due Date Passed" be a step: the midnight after the due date, if
        something was open then.
    within_days : int, optional
        Look at each invoice that many days after it was issued, at what was known then; invoices
        that are younger at the cutoff are left out. So old and young invoices can be compared.
    block_size : int
        Events a block of customers, at least.
    """
    slim = replace(log, columns={n: c for n, c in log.columns.items() if n in _MONEY})
    with ThreadPoolExecutor(os.cpu_count() or 1) as cores:
        parts = list(
            cores.map(
                lambda block: _block_history(block, cutoff, policy, with_due_date, within_days),
                _blocks(slim, block_size),
            )
        )
    return _joined(parts, cutoff, within_days)


def _blocks(log: EventLog, size: int) -> Iterator[tuple[EventLog, int, int]]:
    """Parts of whole customers: their log, the first invoice's code, the first event's position."""
    places = np.arange(size, len(log), size)
    first = np.unique(np.append(0, log.customer[places] if len(log) else places))
    ends = np.append(first[1:], log.n_customers)
    for begin, end in zip(first.tolist(), ends.tolist(), strict=True):
        bounds = np.array([begin], dtype=np.int32)
        yield (
            log.of_customers(begin, end),
            int(np.searchsorted(log.invoice_customer, bounds)[0]),
            int(np.searchsorted(log.customer, bounds)[0]),
        )


def _block_history(
    block: tuple[EventLog, int, int],
    cutoff: int,
    policy: Policy,
    with_due_date: bool,
    within_days: int | None,
) -> History:
    """The history of one block, in the codes of the whole log."""
    log, first_invoice, first_event = block
    seen = np.flatnonzero((log.invoice >= 0) & known_by(log.known_at, cutoff))
    ledger, everyone = _ledger(log, seen, policy), np.arange(log.n_invoices, dtype=np.int32)
    looked_at = np.full(log.n_invoices, cutoff, dtype=np.int64)
    if within_days is not None:
        issued = ledger.as_of(everyone, looked_at)["issued_at"]
        ripe = (issued != NONE) & known_by(issued + within_days * DAY, cutoff)
        looked_at = np.where(ripe, issued + within_days * DAY, NONE)
        seen = seen[known_by(log.known_at[seen], looked_at[log.invoice[seen]])]
        ledger = _ledger(log, seen, policy)
    stands, last = ledger.steps, ledger.position(everyone, looked_at)
    event = by_happening(log, seen)
    if (log.known_at[event] != log.event_time[event]).any():
        ledger = _ledger(replace(log, known_at=log.event_time), event, policy)
    steps = ledger.steps
    own, code = steps["event"], steps["invoice"]
    passed = (own < 0) & (steps["due_passed"] == 1) & with_due_date
    shown = (own >= 0) | (passed & known_by(ledger.known_at, looked_at[code]))
    own, code, passed = own[shown], code[shown], passed[shown]
    starts = np.flatnonzero(np.diff(code, prepend=np.int32(-1)))
    traces = Traces(
        (*log.activities, DUE_DATE_PASSED) if with_due_date else log.activities,
        code[starts] + np.int32(first_invoice),
        np.append(starts, len(code)),
        np.where(passed, len(log.activities), steps["activity"][shown]).astype(np.int16),
        ledger.known_at[shown],
        np.where(passed, -1, np.append(event, 0)[own] + first_event),
        steps["balance"][shown],
        steps["due_date"][shown],
    )
    outcome = np.empty(len(traces), dtype=OUTCOME)
    for name in OUTCOME.names or ():
        outcome[name] = stands[name][last[code[starts]]]
    return History(traces, outcome, cutoff, within_days)


def _ledger(log: EventLog, event: Ints, policy: Policy) -> Ledger:
    """The ledger of some events of a log, in their order."""
    return keep_ledger(
        replace(
            log,
            invoice=log.invoice[event],
            customer=log.customer[event],
            activity=log.activity[event],
            event_time=log.event_time[event],
            known_at=log.known_at[event],
            row=log.row[event],
            columns={name: column.take(event) for name, column in log.columns.items()},
        ),
        policy,
    )


def _joined(parts: list[History], cutoff: int, within_days: int | None) -> History:
    """One history of those of all blocks."""
    traces = [part.traces for part in parts]

    def side_by_side(name: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(each, name) for each in traces])

    sizes = np.concatenate([np.diff(each.starts) for each in traces])
    return History(
        Traces(
            traces[0].activities,
            side_by_side("invoices"),  # type: ignore[arg-type]
            np.append(0, np.cumsum(sizes)).astype(np.int64),
            side_by_side("activity"),  # type: ignore[arg-type]
            side_by_side("moment"),  # type: ignore[arg-type]
            side_by_side("event"),  # type: ignore[arg-type]
            side_by_side("balance"),  # type: ignore[arg-type]
            side_by_side("due"),  # type: ignore[arg-type]
        ),
        np.concatenate([part.outcome for part in parts]),
        cutoff,
        within_days,
    )
