"""How the customer has paid other invoices like this one: of about its amount and payment term.

Many customers pay one kind of invoice on time and another late: the small ones, the fees, those
with a long term. So the customer's last matured invoices are weighed by how much they are like the
snapshot's, and how fresh they are, and their lateness is averaged. This is the estimator of
Nadaraya (1964, On Estimating Regression) and Watson (1964, Smooth Regression Analysis), with

    weight = 2^(-age / half-life) / ((1 + (ln(amount / its amount) / 0.35)²) (1 + (days / 4)²))

where age is the time since the invoice matured and ``days`` the difference of the two terms. An
unknown amount or due date counts as not much alike (`UNLIKE` instead of its fraction).

Weights are whole numbers (of 2^-40), so a sum does not depend on the order of invoices that matured
at the same moment.
"""

from __future__ import annotations

import numba
import numpy as np

from eventlog.fold import Closed, Matured
from eventlog.known import Ints
from eventlog.log import DAY, MINOR, NONE
from features.as_of import AsOf, Floats, ratio
from features.running_totals import Facts, Reading

HALF_LIFE_DAYS = 180
#: Differences at which the weight has halved: of the logarithms of amounts, and of terms in days.
AMOUNT_WIDTH, TERM_WIDTH = 0.35, 4.0
UNLIKE = 0.2
#: Matured invoices that are looked back upon, and those that matured with the last of them.
MOST_ALIKE = 100
#: Share of invoices not paid by their due date, and how many cases' worth of it is mixed in.
SLIPPED_AT_FIRST = 0.1
#: Days late are kept within these: one invoice years overdue is no habit.
EARLIEST, LATEST = -30, 60
_ONE = float(1 << 40)
_PAID, _ON_TIME, _LATE = int(Closed.PAID), int(Matured.ON_TIME), int(Matured.LATE)


def alike_features(seen: AsOf, facts: Facts, reading: Reading) -> dict[str, Floats]:
    """Lateness of the customer's other invoices alike, by name; each of shape (n_snapshots,).

    Parameters
    ----------
    facts : Facts
        All steps of the ledger, by customer.
    reading : Reading
        The facts known at each snapshot.

    Returns
    -------
    dict of str to ndarray of float64
        ``slipped_share_alike``: of the matured, those that were not paid by their due date, pulled
        towards `SLIPPED_AT_FIRST`. ``mean_days_late_alike``: days late, so far where not paid;
        NaN where nothing has matured.
    """
    steps, snapshots = seen.ledger.steps, seen.snapshots
    sums = np.zeros((len(snapshots), 3), dtype=np.int64)
    _weigh(
        facts.starts,
        facts.order,
        facts.known_at,
        steps,
        _logarithm(seen.of_steps("amount"), steps["amount"]),
        terms(steps),
        np.argsort(reading.last, kind="stable"),
        reading.last,
        snapshots.invoice,
        snapshots.cutoff,
        _logarithm(seen.of_states("amount"), seen.states["amount"]),
        terms(seen.states),
        np.full(seen.log.n_invoices, -1, dtype=np.int64),
        sums,
    )
    weight, slipped, days = (sums / _ONE).T
    return {
        "slipped_share_alike": (slipped + SLIPPED_AT_FIRST) / (weight + 1.0),
        "mean_days_late_alike": ratio(days, np.where(weight < 1e-3, 0.0, weight)),
    }


def terms(states: np.ndarray) -> Floats:
    """Days from posting, or else from issue, to the due date; NaN where one is not known."""
    issued = np.where(states["posted_at"] == NONE, states["issued_at"], states["posted_at"])
    known = (states["due_date"] != NONE) & (issued != NONE)
    return np.where(known, states["due_date"] // DAY - issued // DAY, np.nan)


def _logarithm(money: Ints, stated: Ints) -> Floats:
    """Logarithm of amounts in the reporting currency, 1 at least; NaN where none is stated."""
    return np.where(stated == NONE, np.nan, np.log(np.maximum(money / MINOR, 1.0)))


@numba.njit(cache=True, nogil=True)
def _likeness(one, other, width):  # type: ignore[no-untyped-def]
    """From 1 where two numbers are the same towards 0."""
    apart = (one - other) / width
    return UNLIKE if np.isnan(apart) else 1.0 / (1.0 + apart * apart)


@numba.njit(cache=True, nogil=True)
def _weigh(  # type: ignore[no-untyped-def]
    starts,
    order,
    known_at,
    steps,
    size,
    term,
    questions,
    last,
    asker,
    moment,
    asked_size,
    asked_term,
    place,
    sums,
):
    """Keep each customer's matured invoices in the order in which they matured; answer who asks.

    ``place`` is where an invoice stands among them, -1 where it does not.
    """
    half_life = float(HALF_LIFE_DAYS * DAY)
    q = 0
    while q < len(questions) and last[questions[q]] < 0:
        q += 1
    for k in range(len(starts) - 1):
        n = 0
        room = starts[k + 1] - starts[k]
        matured_at = np.empty(room, dtype=np.int64)
        now = np.empty(room, dtype=np.int64)  # the step at which it stands, -1: no longer matured
        freshness = np.empty(room, dtype=np.float64)
        for i in range(starts[k], starts[k + 1]):
            step = order[i]
            s = steps[step]
            who = s.invoice
            if s.matured == _ON_TIME or s.matured == _LATE:
                if place[who] < 0:
                    place[who] = n
                    matured_at[n] = known_at[i]
                    freshness[n] = 2.0 ** (known_at[i] / half_life)
                    n += 1
                now[place[who]] = step
            elif place[who] >= 0:
                now[place[who]] = -1
                place[who] = -1
            while q < len(questions) and last[questions[q]] == i:
                j = questions[q]
                q += 1
                faded = 2.0 ** (-moment[j] / half_life)
                today = moment[j] // DAY
                n_seen = 0
                until = np.int64(0)
                for e in range(n - 1, -1, -1):
                    if now[e] < 0:
                        continue
                    other = steps[now[e]]
                    if other.invoice == asker[j]:
                        continue
                    if n_seen >= MOST_ALIKE and matured_at[e] != until:
                        break
                    n_seen += 1
                    until = matured_at[e]
                    likeness = _likeness(size[now[e]], asked_size[j], AMOUNT_WIDTH)
                    likeness *= _likeness(term[now[e]], asked_term[j], TERM_WIDTH)
                    weight = np.int64(_ONE * faded * freshness[e] * likeness)
                    paid_on = other.closed_at // DAY if other.closed == _PAID else today
                    late = paid_on - other.due_date // DAY
                    sums[j, 0] += weight
                    if late > 0:
                        sums[j, 1] += weight
                    sums[j, 2] += weight * min(max(late, EARLIEST), LATEST)
