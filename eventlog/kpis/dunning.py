"""What follows dunning letters, level by level."""

from __future__ import annotations

import numpy as np

from eventlog.fold import Closed
from eventlog.known import known_by
from eventlog.kpis.seen import Amounts, Measure, Seen
from eventlog.log import DAY
from eventlog.template import Role

#: A letter has worked if full payment follows within so many days.
WITHIN_DAYS = 14
LEVELS = tuple(str(level) for level in range(100))


def measures(seen: Seen) -> dict[str, Measure]:
    """Letters, mature letters, and mature letters followed by full payment, by level."""
    step = seen.steps_of(Role.LETTER)
    states = seen.ledger.fields(step, ("invoice", "level", "closed"))
    sent = seen.happened(step)
    rows = seen.rows(seen.months.of(sent), states["invoice"].copy(), sent)
    level = np.clip(states["level"].astype(np.int64), 0, 99)
    final = seen.final[rows.invoice]
    paid = final["closed"] == Closed.PAID
    for_nothing = (states["closed"] != Closed.OPEN) | (paid & (final["closed_at"] <= sent))
    mature = known_by(sent + WITHIN_DAYS * DAY, seen.cutoff) & ~for_nothing
    followed = mature & paid & (final["closed_at"] <= sent + WITHIN_DAYS * DAY)
    return {
        "n_letters": Amounts(rows, None, level, LEVELS),
        "n_letters_mature": Amounts(rows, mature, level, LEVELS),
        "n_letters_followed": Amounts(rows, followed, level, LEVELS),
        "n_letters_for_nothing": Amounts(rows, for_nothing, level, LEVELS),
    }
