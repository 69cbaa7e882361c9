"""What was written off, what of it came back, and how much that is of sales and receivables."""

from __future__ import annotations

from eventlog.known import Ints
from eventlog.kpis.seen import Amounts, Mask, Measure, Rows, Seen
from eventlog.kpis.turns import Turn
from eventlog.log import NONE


def measures(seen: Seen) -> dict[str, Measure]:
    """Write-offs and recoveries in the month in which they were booked."""
    rows, lost, begins, unknown = written_off(seen)
    recovered, money = _recovered(seen)
    return {
        "written_off": Amounts(rows, lost),
        "n_written_off": Amounts(rows, begins),
        "n_written_off_unknown": Amounts(rows, unknown),
        "recovered": Amounts(recovered, money),
        "n_recovered": Amounts(recovered),
        "minus_recovered": Amounts(recovered, -money),
    }


def written_off(seen: Seen) -> tuple[Rows, Ints, Mask, Mask]:
    """Money given up step by step; whether an invoice became written off, and of unknown amount."""
    steps = seen.ledger.steps
    step = seen.steps_with(Turn.LOST | Turn.WRITTEN_OFF)  # parts below half of a balance too
    money = steps["written_off"][step] - seen.previous(step, "written_off", 0)
    invoice, moment = steps["invoice"][step], seen.ledger.known_at[step]
    rows = seen.rows(seen.months.of(moment), invoice, moment)
    turned = seen.turns[step] & Turn.WRITTEN_OFF > 0
    unknown = turned & (steps["amount"][step] == NONE)
    return rows, seen.reporting(money, invoice, moment), turned, unknown


def _recovered(seen: Seen) -> tuple[Rows, Ints]:
    """Money that came back, step by step."""
    steps = seen.ledger.steps
    step = seen.steps_with(Turn.RECOVERED)
    money = steps["recovered"][step] - seen.previous(step, "recovered", 0)
    invoice, moment = steps["invoice"][step], seen.ledger.known_at[step]
    rows = seen.rows(seen.months.of(moment), invoice, moment)
    return rows, seen.reporting(money, invoice, moment)
