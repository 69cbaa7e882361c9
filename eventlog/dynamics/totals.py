"""Whether the money ties: invoices, settlements and open balances, in the tables and in the log.

Before: what the tables of Dynamics 365 say, added up in SQL. After: what stands in the log that was
written, read back as every command reads it, its balances from the ledger. Both are laid side by
side invoice by invoice, so amounts that happen to cancel out do not pass for equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eventlog.errors import DataError
from eventlog.known import Ints
from eventlog.ledger import keep_ledger
from eventlog.log import MINOR, NONE, EventLog
from eventlog.policy import Policy
from eventlog.template import Role

#: Measures in the order in which they are shown, and how they are called.
MEASURES = {
    "invoiced": "invoiced",
    "paid": "paid, less what was reversed",
    "credited": "credited",
    "written_off": "written off",
    "discounted": "cash discounts, penny differences",
    "open": "open balance",
    "recovered": "recovered after write-off",
    "unapplied": "unapplied payments and credits",
}
#: Roles whose amounts make up a measure of the log, and with which sign.
_MOVES = {
    "paid": ((Role.RECEIVED, 1), (Role.REVERSED, -1)),
    "credited": ((Role.CREDITED, 1),),
    "written_off": ((Role.WRITTEN_OFF, 1),),
    "recovered": ((Role.RECOVERED, 1),),
}
_KEY = ["company", "currency", "invoice"]
_SHOWN = 5
#: SQL of the tables' side, in minor units. A cash discount closes an invoice with the rest of it;
#: before that it has moved nothing.
_BEFORE = """
WITH sums AS (
    SELECT
        i.company, i.currency, i.number AS invoice, i.amount,
        coalesce(sum(a.amount) FILTER (WHERE a.kind = 'payment'), 0) AS settled_by_payment,
        coalesce(sum(a.amount) FILTER (WHERE a.kind = 'credit'), 0) AS credited,
        coalesce(sum(a.amount) FILTER (WHERE a.kind = 'write-off'), 0) AS written_off,
        coalesce(sum(a.amount) FILTER (WHERE a.kind = 'discount'), 0) AS discount,
        coalesce(any_value(u.amount), 0) AS unposted,
        coalesce(any_value(r.amount), 0) AS recovered
    FROM invoice AS i
    LEFT JOIN applied AS a ON a.company = i.company AND a.invoice_id = i.invoice_id
    LEFT JOIN (SELECT company, invoice_id, sum(amount) AS amount FROM unposted GROUP BY ALL) AS u
        ON u.company = i.company AND u.invoice_id = i.invoice_id
    LEFT JOIN (
        SELECT company, invoice_id, sum(amount) AS amount FROM recovery
        WHERE value_date <= extracted_on() GROUP BY ALL
    ) AS r ON r.company = i.company AND r.invoice_id = i.invoice_id
    GROUP BY i.company, i.currency, i.number, i.amount
),
standing AS (
    SELECT
        *,
        CASE WHEN settled_by_payment + credited + written_off + discount >= amount
            THEN discount ELSE 0 END AS discounted
    FROM sums
)
SELECT
    company, currency, invoice,
    CAST(10000 * amount AS BIGINT) AS invoiced,
    CAST(10000 * (settled_by_payment + unposted) AS BIGINT) AS paid,
    CAST(10000 * credited AS BIGINT) AS credited,
    CAST(10000 * written_off AS BIGINT) AS written_off,
    CAST(10000 * discounted AS BIGINT) AS discounted,
    CAST(10000 * (
        amount - settled_by_payment - unposted - credited - written_off - discounted
    ) AS BIGINT) AS open,
    CAST(10000 * recovered AS BIGINT) AS recovered,
    CAST(0 AS BIGINT) AS unapplied
FROM standing
UNION ALL
SELECT e.company, t.currency, '', 0, 0, 0, 0, 0, 0, 0,
    CAST(10000 * sum(e.payment_amount) AS BIGINT)
FROM event AS e
LEFT JOIN customer AS t USING (company, customer)
WHERE e.activity IN ('Unapplied Payment', 'Unapplied Credit')
    AND CAST(e.event_time AS DATE) <= extracted_on()
GROUP BY ALL
"""


@dataclass(frozen=True)
class Totals:
    """Money before and after.

    Attributes
    ----------
    table : DataFrame, columns company, currency, measure, before, after, difference
        In currency units; what is not there at all is left out.
    apart : DataFrame, columns company, currency, invoice, measure, before, after
        Invoices on which the two sides differ; empty where everything ties.
    """

    table: pd.DataFrame
    apart: pd.DataFrame

    def as_dict(self) -> list[dict[str, Any]]:
        """Plain values for JSON."""
        return [{str(k): v for k, v in row.items()} for row in self.table.to_dict("records")]


def totals_of_tables(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Money in the tables, one row an invoice and one a currency for customers alone.

    Parameters
    ----------
    connection : DuckDBPyConnection
        After `eventlog.dynamics.extract.extract_events`.

    Returns
    -------
    DataFrame, columns company, currency, invoice, then `MEASURES` in minor units
    """
    return connection.execute(_BEFORE).df().fillna({"currency": "", "company": ""})


def totals_of_log(log: EventLog, policy: Policy) -> pd.DataFrame:
    """The same of a log, as of its end."""
    ledger = keep_ledger(log, policy)
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    states = ledger.as_of(everyone, np.full(log.n_invoices, log.ends_at, dtype=np.int64))
    moved = np.where(log.money("PaymentAmount") == NONE, 0, log.money("PaymentAmount"))
    sums = {name: _sums(log, moved, moves) for name, moves in _MOVES.items()}
    # Money that came in after a write-off is a recovery to the ledger, whatever it is called.
    renamed = states["recovered"] - sums["recovered"]
    known = states["amount"] != NONE
    frame = pd.DataFrame(
        {
            "company": log.invoice_keys["company"].to_numpy(),
            "currency": _currencies(log),
            "invoice": log.invoice_keys["invoice"].to_numpy(),
            "invoiced": np.where(known, states["amount"], 0),
            **sums,
            "discounted": states["cleared"],
            "open": np.where(known, states["balance"], 0) - states["overpaid"] - renamed,
            "unapplied": 0,
        }
    )
    alone = (log.invoice < 0) & (log.role == Role.UNAPPLIED)
    customers = pd.DataFrame(
        {
            "company": log.customer_keys["company"].to_numpy()[log.customer[alone]],
            "currency": _texts(log, "CurrencyCode")[alone],
            "invoice": "",
            "unapplied": moved[alone],
        }
    )
    customers = customers.groupby(_KEY, as_index=False).sum()
    return pd.concat([frame, customers], ignore_index=True).fillna(0)


def tie(before: pd.DataFrame, after: pd.DataFrame) -> Totals:
    """Lay both sides next to each other.

    Parameters
    ----------
    before, after : DataFrame
        From `totals_of_tables` and `totals_of_log`.
    """
    sides = []
    for side, frame in (("before", before), ("after", after)):
        long = frame.melt(_KEY, list(MEASURES), "measure", side)
        sides.append(long.groupby([*_KEY, "measure"], as_index=False)[side].sum())
    both = sides[0].merge(sides[1], on=[*_KEY, "measure"], how="outer")
    both[["before", "after"]] = both[["before", "after"]].fillna(0).astype(np.int64)
    apart = both[both["before"] != both["after"]].reset_index(drop=True)
    groups = ["company", "currency", "measure"]
    table = both.groupby(groups, as_index=False)[["before", "after"]].sum()
    table = table[(table["before"] != 0) | (table["after"] != 0)]
    table["difference"] = table["after"] - table["before"]
    order = {name: place for place, name in enumerate(MEASURES)}
    table = table.sort_values(
        groups, key=lambda column: column.map(order) if column.name == "measure" else column
    )
    for frame, columns in (
        (table, ("before", "after", "difference")),
        (apart, ("before", "after")),
    ):
        for column in columns:
            frame[column] = frame[column] / MINOR
    return Totals(table.reset_index(drop=True), apart)


def refuse_difference(totals: Totals) -> None:
    """Stop where money was lost or made.

    Raises
    ------
    DataError
        Naming measures, amounts and the first invoices.
    """
    apart = totals.apart
    if not len(apart):
        return
    shown = "; ".join(
        f"{row['company']} {row['invoice'] or 'customers alone'}: {MEASURES[row['measure']]} "
        f"{row['before']:,.2f} in the tables, {row['after']:,.2f} {row['currency']} in the log"
        for row in apart.head(_SHOWN).to_dict("records")
    )
    n_invoices = apart[["company", "invoice"]].drop_duplicates().shape[0]
    raise DataError(
        f"The money does not tie on {n_invoices:,} invoices: {shown}"
        f"{'; …' if len(apart) > _SHOWN else ''}. No log was written; check the settlements of "
        "these invoices in the export."
    )


def _sums(log: EventLog, moved: Ints, moves: tuple[tuple[Role, int], ...]) -> Ints:
    """Signed amounts of some roles by invoice."""
    signs = np.zeros(max(Role) + 1, dtype=np.int64)
    for role, sign in moves:
        signs[role] = sign
    rows = log.of_invoice
    sums = np.zeros(log.n_invoices, dtype=np.int64)
    np.add.at(sums, log.invoice[rows], moved[rows] * signs[log.role[rows]])
    return sums


def _texts(log: EventLog, name: str) -> NDArray[np.object_]:
    column = log.columns.get(name)
    if column is None:
        return np.full(len(log), "", dtype=object)
    levels = np.array([*column.levels, ""], dtype=object)
    texts: NDArray[np.object_] = levels[column.values.astype(np.int64)]
    return texts


def _currencies(log: EventLog) -> NDArray[np.object_]:
    """Currency of each invoice, as its first row states it."""
    first = log.of_invoice[log.invoice_starts[:-1]]
    return _texts(log, "CurrencyCode")[first]
