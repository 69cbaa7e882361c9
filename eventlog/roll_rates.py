"""What becomes of open balances from one moment to the next: where each is, what of it was lost.

Every balance is followed: what of it stands in which ageing bucket at the next moment, what was
written off, and the rest, which was settled. The provision matrix (`training.provision`) and the
roll rates among the KPIs (`eventlog.kpis.collections`) are sums of the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Codes, Ints
from eventlog.ledger import AGEING, Ledger, bucket_places, days_overdue, is_open
from eventlog.log import NONE, EventLog
from eventlog.open_invoices import open_at
from eventlog.rates import InvoiceRates, Rates, converted

#: Where a balance can be at the next moment.
OUTCOMES = (*AGEING, "written off", "settled")
_FIELDS = ("issued_at", "closed", "balance", "due_date", "written_off", "written_off_at")


@dataclass(frozen=True)
class Followed:
    """Open balances at some moments, and what had become of each at the next one.

    Attributes
    ----------
    invoice : ndarray of int32, shape (n,)
    month : ndarray of int64, shape (n,)
        Position of the moment at which the balance was open.
    bucket, later : ndarray of int64, shape (n,)
        Place in `AGEING` then and at the next moment.
    balance, remaining, written_off : ndarray of int64, shape (n,)
        Minor units of the reporting currency at the first moment's rate; what is neither remaining
        nor written off was settled. At the last moment nothing has become of a balance yet.
    """

    invoice: Codes
    month: Ints
    bucket: Ints
    later: Ints
    balance: Ints
    remaining: Ints
    written_off: Ints


def bucket_code(states: NDArray[np.void], moment: Ints) -> Ints:
    """Place in `AGEING` of the ageing bucket of states at moments, shape (n,)."""
    return bucket_places(days_overdue(states, moment))


def follow(states: NDArray[np.void], later: NDArray[np.void]) -> tuple[Ints, Ints, Ints]:
    """What has become of balances by a later moment; the rest of each was settled.

    Parameters
    ----------
    states, later : ndarray of STATE, shape (n,)
        Of the same invoices; open at the first moment.

    Returns
    -------
    balance, remaining, written_off : ndarray of int64, shape (n,)
        Minor units. What the amount has grown by in between is not part of the balance that is
        followed. A write-off counts where it qualifies, as it does for the label: half of the
        balance then open, above the tolerance. An unknown balance is 0.
    """
    balance = np.where(states["balance"] == NONE, 0, states["balance"])
    open_then = np.where(is_open(later), later["balance"], 0)
    remaining = np.clip(open_then, 0, balance)
    given_up = np.where(
        later["written_off_at"] != NONE, later["written_off"] - states["written_off"], 0
    )
    return balance, remaining, np.clip(given_up, 0, balance - remaining)


def follow_balances(log: EventLog, ledger: Ledger, ends: Ints, rates: Rates) -> Followed:
    """Follow every open balance from each moment to the next.

    Parameters
    ----------
    ends : ndarray of int64, shape (n_months + 1,)
        Sorted moments, microseconds.
    """
    invoice, month = open_at(ledger, ends)
    now = ends[month]
    then = ends[np.minimum(month + 1, len(ends) - 1)]
    states, later = (
        ledger.fields(ledger.position(invoice, moment), _FIELDS) for moment in (now, then)
    )
    rate = InvoiceRates(log, rates).at(invoice, now)
    owed, remaining, lost = (converted(money, rate) for money in follow(states, later))
    return Followed(
        invoice=invoice,
        month=month,
        bucket=bucket_code(states, now),
        later=bucket_code(later, then),
        balance=owed,
        remaining=remaining,
        written_off=np.minimum(lost, owed - remaining),  # both were rounded
    )
