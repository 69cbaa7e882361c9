"""Customer transactions of the synthetic company, and what settled what.

Every invoice, credit note, payment, taken-back payment, cash discount, penny difference, write-off
and recovery is one row of CustTrans; each application of one to another is a pair of rows of
CustSettlement. Rows that no event comes from are among them, as in real ledgers: prepayments,
invoices between own companies, interest, letter fees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.dynamics.synthetic_books import Books, user
from eventlog.dynamics.synthetic_rows import (
    HOUR,
    SECOND,
    Columns,
    clock,
    counted,
    grouped,
    joined,
    numbered,
    rec_ids,
)
from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate_company import Bools
from eventlog.simulate_events import Block

SALES, INTEREST, FREE_TEXT, LETTER_FEE = 2, 7, 8, 13
PAYMENT, DISCOUNT, PENNY, WRITE_OFF, GENERAL = 15, 27, 29, 35, 36
#: Smallest cash discount, in cents; what is less is a penny difference.
_LEAST_DISCOUNT = 31
#: Series of vouchers and of document numbers.
VOUCHERS = ("ARIV-", "FTIV-", "CRV-", "PAYV-", "STLM-", "WOFF-", "INTV-")
_ARIV, _FTIV, _CRV, _PAYV, _STLM, _WOFF, _INTV = range(len(VOUCHERS))
DOCUMENTS = ("", "INV-", "CRN-", "PRE-", "ICI-", "INT-", "FEE-", "PRO-")
OWN, NO_DOCUMENT, CREDIT_NOTE, PREPAYMENT, INTERCOMPANY, INTEREST_NOTE, FEE, PROFORMA = (
    1,
    0,
    2,
    3,
    4,
    5,
    6,
    7,
)
PROFILES = ("", "GEN", "RECOVERY")
#: One row of each kind that no event comes from for so many invoices.
_RARE = 150


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


@dataclass(frozen=True)
class Ledger:
    """Customer transactions and settlements of a company's whole life.

    Attributes
    ----------
    books : Books
    journal : Journal
        Its lines are the transactions from `payment_from` on, in the same order.
    trans : dict of str to ndarray of int64, shape (n_trans,)
        Columns of CustTrans by short names; the first are the invoices, in their own order.
    settled : dict of str to ndarray of int64, shape (n_pairs,)
        One row for each application: positions `a` and `b` in `trans`, cents as they count for
        `a`, day, time of making, user.
    """

    books: Books
    journal: Journal
    payment_from: int
    trans: dict[str, Ints]
    settled: dict[str, Ints]

    @cached_property
    def rec_id(self) -> Ints:
        """RecId of each transaction."""
        return rec_ids(self.trans["created"])

    @cached_property
    def voucher(self) -> pa.Array:
        """Voucher of each transaction."""
        return _series(self.books, self.trans, "series", VOUCHERS)

    @cached_property
    def document(self) -> pa.Array:
        """Invoice number on each transaction; that of the invoice it recovers on recoveries."""
        own = self.books.invoice_id(self.trans["invoice"])
        other = _series(self.books, self.trans, "document", DOCUMENTS)
        choice = pa.array(self.trans["document"] == OWN)
        return pc.if_else(choice, own, other)

    def settled_by(self, until: int) -> tuple[Ints, Ints]:
        """What was settled of each transaction before a moment, and the day of the last.

        Returns
        -------
        cents : ndarray of int64, shape (n_trans,)
            Signed as the transaction.
        day : ndarray of int64, shape (n_trans,)
            `NONE` where nothing was.
        """
        n = len(self.rec_id)
        done = self.settled["created"] < until
        side = np.concatenate([self.settled["a"][done], self.settled["b"][done]])
        cents = np.concatenate([self.settled["cents"][done], -self.settled["cents"][done]])
        day = np.full(n, NONE)
        np.maximum.at(day, side, np.tile(self.settled["day"][done], 2))
        total = np.zeros(n, dtype=np.int64)
        np.add.at(total, side, cents)
        return total, day

    def balance(self, invoice: Ints, time: Ints) -> Ints:
        """What is open of invoices at moments, cents; shape (n,)."""
        a, created = self.settled["a"], self.settled["created"]
        order = np.lexsort((created, a))
        key = a[order] * (1 << 33) + created[order] // SECOND
        running = np.concatenate(([0], np.cumsum(self.settled["cents"][order])))
        low = np.searchsorted(key, invoice * (1 << 33))
        high = np.searchsorted(key, invoice * (1 << 33) + time // SECOND)
        return self.trans["cents"][invoice] - (running[high] - running[low])


class _Posting:
    """Transactions and settlements while they are being posted."""

    def __init__(self) -> None:
        self.n = 0
        self.parts: list[Columns] = []
        self.pairs: list[Columns] = []

    def add(self, created: Ints, **columns: NDArray[np.generic] | int) -> Ints:
        """Post transactions; return their positions."""
        self.parts.append({"created": created, **columns})
        self.n += len(created)
        return np.arange(self.n - len(created), self.n)

    def settle(self, created: Ints, **columns: NDArray[np.generic] | int) -> None:
        """Apply transactions `b` to transactions `a`."""
        self.pairs.append({"created": created, **columns})


def keep_ledger(books: Books, rng: np.random.Generator) -> Ledger:
    """Post everything that the books hold."""
    posting = _Posting()
    journal = _payment_lines(books, rng)
    _post_invoices(posting, books, rng)
    payment_from = posting.n
    paid = posting.add(
        journal.posted_at,
        invoice=np.where(journal.recovery == 1, journal.invoice, -1),
        customer=journal.customer,
        day=journal.day,
        kind=PAYMENT,
        cents=-journal.cents,
        user=journal.poster,
        series=_PAYV,
        numbered_at=journal.entered,
        document=np.where(journal.recovery == 1, OWN, NO_DOCUMENT),
        profile=1 + journal.recovery,
    )
    credited = _post_credits(posting, books, rng)
    _apply_payments(posting, books, journal, paid, credited)
    _post_write_offs(posting, books)
    _post_oddities(posting, books, rng)
    trans = joined(posting.parts)
    trans["numbered_at"] = np.where(
        trans["numbered_at"] == 0, trans["created"], trans["numbered_at"]
    )
    return Ledger(books, journal, payment_from, trans, joined(posting.pairs))


def _post_invoices(posting: _Posting, books: Books, rng: np.random.Generator) -> None:
    """The invoices; those with a draft before their day are free text invoices."""
    made, posted = books.one("Invoice Generated"), books.one("Invoice Posted and Sent")
    free = made.time % DAY != 0
    same_day = posted.time + clock(len(free), rng)
    posting.add(
        np.where(posted.recorded == NONE, same_day, posted.recorded),
        invoice=posted.invoice,
        customer=posted.customer,
        day=posted.time // DAY,
        due=books.invoices.due,
        kind=np.where(free, FREE_TEXT, SALES),
        cents=books.invoices.cents,
        user=user(books, posted.activity, posted.invoice, posted.customer),
        series=np.where(free, _FTIV, _ARIV),
        document=OWN,
        profile=1,
    )


def _payment_lines(books: Books, rng: np.random.Generator) -> Journal:
    """Lines of customer payments in the journals of their day of entry and day of posting."""
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


def _post_credits(posting: _Posting, books: Books, rng: np.random.Generator) -> Ints:
    """Credit notes, applied on their day or to nothing; return the cents of partial ones.

    Returns
    -------
    ndarray of int64, shape (n_invoices,)
    """
    partial = np.zeros(len(books.invoices), dtype=np.int64)
    first = books.blocks["Credit Note Applied"][0]
    partial[first.invoice] = first.values["PaymentAmount"]
    for block in (books.one("Credit Note Applied"), books.one("Unapplied Credit")):
        n = len(block.customer)
        created = block.time + clock(n, rng)
        who = user(books, block.activity, block.invoice, block.customer)
        cents = block.values["PaymentAmount"]
        rows = posting.add(
            created,
            invoice=np.full(n, -1),
            customer=block.customer,
            day=block.time // DAY,
            kind=SALES,
            cents=-cents,
            user=who,
            series=_CRV,
            document=CREDIT_NOTE,
            profile=1,
        )
        if block.activity == "Credit Note Applied":
            posting.settle(
                created + SECOND,
                a=block.invoice,
                b=rows,
                cents=cents,
                day=block.time // DAY,
                user=who,
            )
    return partial


def _apply_payments(
    posting: _Posting, books: Books, journal: Journal, paid: Ints, credited: Ints
) -> None:
    """Settle invoices with payments; close them with discounts and pennies; take some back."""
    invoice, line = journal.paid_invoice, journal.paid_line
    customer, at = journal.customer[line], journal.posted_at[line]
    batch = user(books, "Invoice Settled", invoice, customer)
    common = {"day": at // DAY, "user": batch}
    posting.settle(at + SECOND, a=invoice, b=paid[line], cents=journal.paid_cents, **common)

    part_paid, bounced, _last = books.blocks["Payment Received"]
    n_part, n_bounced = len(part_paid.time), len(bounced.time)
    part = np.zeros(len(books.invoices), dtype=np.int64)
    part[part_paid.invoice] = part_paid.values["PaymentAmount"]
    less = (books.invoices.cents - credited - part)[invoice] - journal.paid_cents
    less[:n_part] = 0
    short = np.flatnonzero(less > 0)
    small = posting.add(
        at[short],
        invoice=np.full(len(short), -1),
        customer=customer[short],
        day=at[short] // DAY,
        kind=np.where(less[short] < _LEAST_DISCOUNT, PENNY, DISCOUNT),
        cents=-less[short],
        user=batch[short],
        series=_STLM,
        profile=1,
    )
    posting.settle(
        at[short] + 2 * SECOND,
        a=invoice[short],
        b=small,
        cents=less[short],
        **{name: values[short] for name, values in common.items()},
    )
    back = books.one("Payment Reversed")
    lines = np.arange(n_part, n_part + n_bounced)
    pennies = short[(short >= n_part) & (short < n_part + n_bounced)] - n_part
    _take_back(posting, books, back, paid[line[lines]], back.values["PaymentAmount"], PAYMENT)
    _take_back(
        posting,
        books,
        back.take(pennies),
        small[(short >= n_part) & (short < n_part + n_bounced)],
        less[lines[pennies]],
        PENNY,
    )


def _take_back(
    posting: _Posting, books: Books, back: Block, rows: Ints, cents: Ints, kind: int
) -> None:
    """Undo the settlement of invoices by transactions, and close those by their opposites."""
    n = len(rows)
    at = back.time + 18 * HOUR
    who = user(books, back.activity, back.invoice, back.customer)
    opposite = posting.add(
        at,
        invoice=np.full(n, -1),
        customer=back.customer,
        day=back.time // DAY,
        kind=kind,
        cents=cents,
        user=who,
        series=_STLM,
        profile=1,
    )
    common = {"day": back.time // DAY, "user": who}
    posting.settle(at + SECOND, a=back.invoice, b=rows, cents=-cents, **common)
    posting.settle(at + 2 * SECOND, a=opposite, b=rows, cents=cents, **common)


def _post_write_offs(posting: _Posting, books: Books) -> None:
    """Write-offs; the second legal entity posts some through its general journal."""
    block = books.one("Invoice Written Off")
    at = block.time + 17 * HOUR
    who = user(books, block.activity, block.invoice, block.customer)
    general = (books.entity(block.customer) == 1) & (block.invoice % 3 == 0)
    rows = posting.add(
        at,
        invoice=np.full(len(at), -1),
        customer=block.customer,
        day=block.time // DAY,
        kind=np.where(general, GENERAL, WRITE_OFF),
        cents=-block.values["PaymentAmount"],
        user=who,
        series=_WOFF,
        reason=1 + block.invoice % 2,
        written_off=1 + block.invoice,
        profile=1,
    )
    posting.settle(
        at + SECOND,
        a=block.invoice,
        b=rows,
        cents=block.values["PaymentAmount"],
        day=block.time // DAY,
        user=who,
    )


def _post_oddities(posting: _Posting, books: Books, rng: np.random.Generator) -> None:
    """Transactions that no event comes from: a few of each kind."""
    invoices = books.invoices
    for kind, document in (
        (SALES, PREPAYMENT),
        (SALES, INTERCOMPANY),
        (INTEREST, INTEREST_NOTE),
        (LETTER_FEE, FEE),
    ):
        like = rng.choice(len(invoices), max(2, len(invoices) // _RARE), replace=False)
        day = invoices.posted[like] + (60 if kind != SALES else 0)
        cents = (
            rng.integers(500, 500_000, len(like))
            if kind == SALES
            else rng.integers(500, 9_000, len(like))
        )
        posting.add(
            day * DAY + clock(len(like), rng),
            invoice=np.full(len(like), -1),
            customer=invoices.customer[like],
            day=day,
            due=day + 30,
            kind=kind,
            cents=cents,
            user=user(books, "Invoice Settled", like, invoices.customer[like]),
            series=_ARIV if kind == SALES else _INTV,
            document=document,
            prepaid=int(document == PREPAYMENT),
            profile=1,
        )


def _series(books: Books, rows: dict[str, Ints], name: str, prefixes: tuple[str, ...]) -> pa.Array:
    """Numbers of a series, counted within legal entity and series."""
    code = rows[name]
    entity = books.entity(rows["customer"])
    number = counted(rows["numbered_at"], entity, code)
    texts = numbered("", number)
    return pc.binary_join_element_wise(pa.array(prefixes).take(pa.array(code)), texts, "")
