"""Synthetic events and weekly snapshots as bare arrays, and what 96 features of them must be.

The data every tool of `benchmarks.features` is given, and a slow computation of the result that
can be checked by reading it. Nothing is imported from the product, so that a tool that needs an
interpreter of its own can use this module there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY = 86_400_000_000
WEEK = 7 * DAY
#: Monday 2020-01-06, in microseconds since 1970.
BEGIN = 18_267 * DAY
SPAN = 4 * 365 * DAY
N_ACTIVITIES = 12
#: Snapshots an event, about one an invoice.
SNAPSHOTS_AN_EVENT = 0.16
EVENTS_AN_INVOICE = 6
INVOICES_A_CUSTOMER = 50

#: Look-backs of the customer features, by the name they end with; None: all time.
LOOK_BACKS: dict[str, int | None] = {"all": None, "365": 365 * DAY, "90": 90 * DAY}


def _named(kind: str, ending: str = "") -> list[str]:
    numbers = range(N_ACTIVITIES)
    return [f"{kind}_{what}_{k}{ending}" for what in ("n", "sum") for k in numbers]


#: The 96 features in their order.
FEATURES: tuple[str, ...] = (
    *_named("i"),
    *(name for look_back in LOOK_BACKS for name in _named("c", f"_{look_back}")),
)


@dataclass(frozen=True)
class Events:
    """Events sorted by (customer, invoice, known_at).

    Attributes
    ----------
    customer, invoice : ndarray of int32, shape (n_events,)
        An invoice belongs to one customer; both are counted from 0 in this order.
    known_at : ndarray of int64, shape (n_events,)
        Microseconds since 1970 UTC.
    activity : ndarray of int16, shape (n_events,)
        From 0 to 11.
    amount : ndarray of int64, shape (n_events,)
        Minor units.
    customer_of_invoice : ndarray of int32, shape (n_invoices,)
    """

    customer: NDArray[np.int32]
    invoice: NDArray[np.int32]
    known_at: NDArray[np.int64]
    activity: NDArray[np.int16]
    amount: NDArray[np.int64]
    customer_of_invoice: NDArray[np.int32]

    def __len__(self) -> int:
        """Number of events."""
        return len(self.invoice)


@dataclass(frozen=True)
class SnapshotRows:
    """Invoices that have begun, as looked at on Mondays; sorted by (cutoff, invoice).

    Attributes
    ----------
    invoice, customer : ndarray of int32, shape (n_snapshots,)
    cutoff : ndarray of int64, shape (n_snapshots,)
        Microseconds since 1970 UTC; what is known at the cutoff itself counts.
    """

    invoice: NDArray[np.int32]
    customer: NDArray[np.int32]
    cutoff: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of snapshots."""
        return len(self.invoice)


def synthetic_events(n_events: int, seed: int = 0) -> Events:
    """About six events an invoice over four years, and a few customers with very many invoices.

    Three events in ten become known at a midnight, as nightly runs make them: so several events of
    a customer share a moment, and some stand exactly at a cutoff.
    """
    rng = np.random.default_rng(seed)
    n_invoices = max(n_events // EVENTS_AN_INVOICE, 1)
    customer_of_invoice = _customers(n_invoices, rng)
    events_of = 1 + np.bincount(
        rng.integers(n_invoices, size=n_events - n_invoices), minlength=n_invoices
    )
    first = np.cumsum(events_of) - events_of
    invoice = np.repeat(np.arange(n_invoices, dtype=np.int32), events_of)

    gap = rng.integers(18 * DAY, size=n_events)
    gap[first] = 0
    elapsed = np.cumsum(gap)
    elapsed -= np.repeat(elapsed[first], events_of)
    life = elapsed[first + events_of - 1]
    begin = BEGIN + (rng.random(n_invoices) * (SPAN - life)).astype(np.int64)
    known_at = np.repeat(begin, events_of) + elapsed
    nightly = rng.random(n_events) < 0.3
    known_at[nightly] -= known_at[nightly] % DAY
    order = np.lexsort((known_at, invoice))
    activity = rng.integers(1, N_ACTIVITIES, size=n_events).astype(np.int16)
    activity[first] = 0
    return Events(
        customer=customer_of_invoice[invoice],
        invoice=invoice,
        known_at=known_at[order],
        activity=activity,
        amount=(rng.lognormal(16.0, 1.5, size=n_events)).astype(np.int64) % 10**10 + 1,
        customer_of_invoice=customer_of_invoice,
    )


def _customers(n_invoices: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Whom each invoice belongs to: every customer has one, the rest fall Zipf-like."""
    n_customers = max(n_invoices // INVOICES_A_CUSTOMER, 1)
    weight = np.cumsum(np.arange(1, n_customers + 1) ** -0.7)
    drawn = np.searchsorted(weight, rng.random(n_invoices - n_customers) * weight[-1])
    name = rng.permutation(n_customers)
    owner: NDArray[np.int32] = np.sort(np.append(name, name[drawn])).astype(np.int32)
    return owner


def weekly_snapshots(events: Events, seed: int = 0) -> SnapshotRows:
    """A random choice among the Mondays from an invoice's begin to four weeks after its end."""
    rng = np.random.default_rng(seed + 1)
    n_invoices = len(events.customer_of_invoice)
    first = np.searchsorted(events.invoice, np.arange(n_invoices))
    last = np.append(first[1:], len(events)) - 1
    # Monday at or after the first event: an event at the cutoff itself is known.
    earliest = -((BEGIN - events.known_at[first]) // WEEK)
    latest = (events.known_at[last] - BEGIN) // WEEK + 4
    mondays = latest - earliest + 1
    n_snapshots = min(round(SNAPSHOTS_AN_EVENT * len(events)), int(mondays.sum()))
    chosen = rng.choice(int(mondays.sum()), size=n_snapshots, replace=False, shuffle=False)
    ends = np.cumsum(mondays)
    invoice = np.searchsorted(ends, chosen, side="right")
    monday = earliest[invoice] + chosen - (ends[invoice] - mondays[invoice])
    order = np.lexsort((invoice, monday))
    invoice = invoice[order].astype(np.int32)
    return SnapshotRows(
        invoice=invoice,
        customer=events.customer_of_invoice[invoice],
        cutoff=BEGIN + monday[order] * WEEK,
    )


def expected(events: Events, snapshots: SnapshotRows) -> NDArray[np.float32]:
    """The 96 features by going through all events for every snapshot; for small data only."""
    rows = []
    asked = zip(snapshots.invoice, snapshots.customer, snapshots.cutoff, strict=True)
    for invoice, customer, cutoff in asked:
        known = events.known_at <= cutoff
        row = _counts_and_sums(events, known & (events.invoice == invoice))
        for look_back in LOOK_BACKS.values():
            inside = known & (events.customer == customer)
            if look_back is not None:
                inside &= events.known_at > cutoff - look_back
            row += _counts_and_sums(events, inside)
        rows.append(row)
    return np.array(rows, dtype=np.int64).astype(np.float32)


def _counts_and_sums(events: Events, inside: NDArray[np.bool_]) -> list[int]:
    activity, amount = events.activity[inside], events.amount[inside]
    kinds = range(N_ACTIVITIES)
    counts = [int(np.sum(activity == k)) for k in kinds]
    return counts + [int(np.sum(amount[activity == k])) for k in kinds]
