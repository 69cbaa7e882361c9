"""How well money is brought in: balances that roll into a worse bucket from month to month."""

from __future__ import annotations

import numpy as np

from eventlog.kpis.seen import Amounts, Measure, Seen
from eventlog.ledger import AGEING
from eventlog.roll_rates import follow_balances


def measures(seen: Seen) -> dict[str, Measure]:
    """Balances at the beginning of each month, by bucket, and what of them is worse at its end."""
    months = seen.months
    first = months.first_shown - 1
    ends = months.ends[first:]
    found = follow_balances(seen.log, seen.ledger, ends, seen.rates)
    begun = np.flatnonzero(found.month < len(ends) - 1)
    month, bucket = found.month[begun], found.bucket[begun]
    rows = seen.rows(month + first + 1, found.invoice[begun], ends[month])
    worse = np.where(found.later[begun] > bucket, found.remaining[begun], 0)
    lost = found.written_off[begun]
    return {
        "followed_balance": Amounts(rows, found.balance[begun], bucket, AGEING),
        "rolled_balance": Amounts(rows, worse + lost, bucket, AGEING),
        "n_followed": Amounts(rows, None, bucket, AGEING),
    }
