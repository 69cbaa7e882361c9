"""What each step of the ledger brought about: one pass over all steps finds every kind of turn."""

from __future__ import annotations

from enum import IntFlag

import numba
import numpy as np
from numpy.typing import NDArray

from eventlog.fold import Closed
from eventlog.known import Ints, known_by
from eventlog.ledger import Ledger
from eventlog.log import NONE


class Turn(IntFlag):
    """What changed with a step."""

    PAID = 1  # the invoice came to stand closed by payment
    MONEY = 2  # more money had come in, recoveries included
    LOST = 4  # what was written off changed
    WRITTEN_OFF = 8  # half or more of the balance was given up for the first time
    RECOVERED = 16  # what came back after a write-off changed
    DISPUTED = 32  # a dispute began
    ENDED = 64  # the dispute ended
    DISPUTE_TIME = 128  # time in dispute was added


_PAID = int(Closed.PAID)


def turns_of(ledger: Ledger, cutoff: int) -> NDArray[np.uint8]:
    """Bits of `Turn` of every step; 0 for steps that are not known at the cutoff.

    Returns
    -------
    ndarray of uint8, shape (n_steps,)
    """
    found = np.zeros(len(ledger.steps), dtype=np.uint8)
    if len(found):
        _mark(ledger.steps, ledger.offsets, found)
        found[~known_by(ledger.known_at, cutoff)] = 0
    return found


@numba.njit(cache=True, nogil=True)
def _mark(
    steps: NDArray[np.void], offsets: Ints, found: NDArray[np.uint8]
) -> None:  # pragma: no cover - compiled
    for i in range(len(offsets) - 1):
        closed, money, lost, since, recovered, disputed, time = 0, 0, 0, NONE, 0, 0, 0
        for k in range(offsets[i], offsets[i + 1]):
            s = steps[k]
            bits = 0
            if s.closed == _PAID and closed != _PAID:
                bits |= 1
            if s.paid + s.recovered > money:
                bits |= 2
            if s.written_off != lost:
                bits |= 4
            if s.written_off_at != NONE and since == NONE:
                bits |= 8
            if s.recovered != recovered:
                bits |= 16
            if s.disputed == 1 and disputed == 0:
                bits |= 32
            if s.disputed == 0 and disputed == 1:
                bits |= 64
            if s.dispute_time > time:
                bits |= 128
            found[k] = bits
            closed, money, lost = s.closed, s.paid + s.recovered, s.written_off
            since, recovered = s.written_off_at, s.recovered
            disputed, time = s.disputed, s.dispute_time
