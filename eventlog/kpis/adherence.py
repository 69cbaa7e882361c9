"""Whether the letters that the dunning policy called for were sent in time."""

from __future__ import annotations

import numpy as np

from eventlog.conformance import DECIDED, judge
from eventlog.dunning import Verdict
from eventlog.kpis.dunning import LEVELS
from eventlog.kpis.seen import Amounts, Measure, Seen


def measures(seen: Seen) -> dict[str, Measure]:
    """Letters called for, by the month in which they became due and by level."""
    required = judge(seen.log, seen.ledger, seen.policy, seen.cutoff).required
    due_at = np.ascontiguousarray(required["due_at"])
    rows = seen.rows(seen.months.of(due_at), required["invoice"].copy(), due_at)
    level = required["level"].astype(np.int64)
    verdict = required["verdict"]
    missing = np.isin(verdict, (Verdict.MISSING, Verdict.SKIPPED))
    return {
        "n_called_for": Amounts(rows, np.isin(verdict, DECIDED), level, LEVELS),
        "n_sent_in_time": Amounts(rows, verdict == Verdict.ON_TIME, level, LEVELS),
        "n_not_sent": Amounts(rows, missing, level, LEVELS),
    }
