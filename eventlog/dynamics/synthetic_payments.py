"""Lines of customer payments of the synthetic company, in the journals that they come in with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eventlog.dynamics.synthetic_books import Books, user
from eventlog.dynamics.synthetic_rows import HOUR, SECOND, Columns, clock, counted, grouped, joined
from eventlog.known import Ints
from eventlog.log import DAY
from eventlog.simulate_company import Bools


@dataclass(frozen=True)
class Journal:
    """Lines of customer payments, and the invoices that each pays.

    Attributes
    ----------
    invoice, customer, day, entered, posted_day, posted_at, cents, receiver, poster : ndarray
        Of int64, shape (n_lines,). Invoice -1 where none is marked; `day` is the value date,
        `entered` and `posted_at` are microseconds, money in cents, users are codes.
    recovery, several : ndarray of int64, shape (n_lines,)
        1 for money that comes in after a write-off; 1 where one line pays several invoices.
    number : ndarray of int64, shape (n_lines,)
        Journal number within the legal entity.
    paid_invoice, paid_line, paid_cents : ndarray of int64, shape (n_applications,)
        What is applied to which invoice: first parts, then payments that bounce, then the last
        ones, each in the order of the simulator's blocks.
    """

    invoice: Ints
    customer: Ints
    day: Ints
    entered: Ints
    posted_day: Ints
    posted_at: Ints
    cents: Ints
    receiver: Ints
    poster: Ints
    recovery: Ints
    several: Ints
    number: Ints
    paid_invoice: Ints
    paid_line: Ints
    paid_cents: Ints

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.customer)


def payment_lines(books: Books, rng: np.random.Generator) -> Journal:
    """Draw the lines of customer payments; a journal is one day of entry, day of posting and user.

    Parameters
    ----------
    books : Books
    rng : Generator
        For the times of day that the books do not state.
    """
    parts: list[Columns] = []
    received, posted = books.blocks["Payment Received"], books.blocks["Payment Posted"]
    for entry, booking in zip(received, posted, strict=True):
        parts.append(
            {
                "created": entry.recorded,
                "invoice": entry.invoice,
                "customer": entry.customer,
                "day": entry.time // DAY,
                "posted_day": booking.time // DAY,
                "cents": entry.values["PaymentAmount"],
                "receiver": user(books, entry.activity, entry.invoice, entry.customer),
                "poster": user(books, booking.activity, booking.invoice, booking.customer),
            }
        )
    for activity in ("Unapplied Payment", "Recovery Received"):
        block = books.one(activity)
        who = user(books, activity, block.invoice, block.customer)
        parts.append(
            {
                "created": block.time + clock(len(who), rng),
                "invoice": block.invoice,
                "customer": block.customer,
                "day": block.time // DAY,
                "posted_day": block.time // DAY,
                "cents": block.values["PaymentAmount"],
                "receiver": who,
                "poster": who,
                "recovery": int(activity == "Recovery Received"),
            }
        )
    rows = joined(parts)
    n_before, n_paid = (sum(len(block.time) for block in received[:k]) for k in (2, 3))
    last = np.zeros(len(rows["created"]), dtype=np.bool_)
    last[n_before:n_paid] = True
    kept, line = _together(rows, last)
    lines = {name: values[kept] for name, values in rows.items()}
    lines["several"] = (np.bincount(line) > 1).astype(np.int64)
    lines["cents"] = np.zeros(len(kept), dtype=np.int64)
    np.add.at(lines["cents"], line, rows["cents"])
    np.minimum.at(lines["created"], line, rows["created"])
    lines["invoice"] = np.where(lines["several"] == 1, -1, lines["invoice"])
    entity = books.entity(lines["customer"])
    group, first = grouped(
        entity,
        lines["created"] // DAY,
        lines["posted_day"],
        lines["poster"],
        lines["recovery"],
    )
    opened = np.full(len(first), np.iinfo(np.int64).max)
    np.minimum.at(opened, group, lines["created"])
    number = counted(opened, entity[first])[group]
    return Journal(
        entered=lines.pop("created"),
        number=number,
        posted_at=lines["posted_day"] * DAY + 17 * HOUR + HOUR // 2 + number % 1_200 * SECOND,
        paid_invoice=rows["invoice"][:n_paid],
        paid_line=line[:n_paid],
        paid_cents=rows["cents"][:n_paid],
        **lines,
    )


def _together(rows: dict[str, Ints], last: Bools) -> tuple[Ints, Ints]:
    """Put last payments of a customer that come in, count and are posted on one day on one line.

    Returns
    -------
    kept : ndarray of int64, shape (n_lines,)
        A row of each line.
    line : ndarray of int64, shape (n_rows,)
    """
    day = rows["created"] // DAY
    may = np.flatnonzero(last & (rows["day"] == day) & (rows["posted_day"] == day))
    group, first = grouped(rows["customer"][may], day[may], rows["poster"][may])
    leader = np.arange(len(day))
    leader[may] = may[first[group]]
    kept, line = np.unique(leader, return_inverse=True)
    return kept, line
