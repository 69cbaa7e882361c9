"""Posting the synthetic company: every transaction, and every application of one to another.

Rows that no event comes from are among them, as in real ledgers: prepayments, invoices between own
companies, interest, letter fees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eventlog.dynamics.synthetic_books import Books, user
from eventlog.dynamics.synthetic_ledger import (
    CREDIT_NOTE,
    DISCOUNT,
    FEE,
    FREE_TEXT,
    GENERAL,
    INTERCOMPANY,
    INTEREST,
    INTEREST_NOTE,
    LETTER_FEE,
    NO_DOCUMENT,
    OWN,
    PAYMENT,
    PENNY,
    PREPAYMENT,
    SALES,
    VOUCHERS,
    WRITE_OFF,
    Ledger,
)
from eventlog.dynamics.synthetic_payments import Journal, payment_lines
from eventlog.dynamics.synthetic_rows import HOUR, SECOND, Columns, clock, joined
from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate_events import Block

_ARIV, _FTIV, _CRV, _PAYV, _STLM, _WOFF, _INTV = range(len(VOUCHERS))
#: Smallest cash discount, in cents; what is less is a penny difference.
_LEAST_DISCOUNT = 31
#: One row of each kind that no event comes from for so many invoices.
_RARE = 150


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
    journal = payment_lines(books, rng)
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
