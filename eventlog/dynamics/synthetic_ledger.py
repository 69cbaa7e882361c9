"""Customer transactions of the synthetic company, and what settled what.

Every invoice, credit note, payment, taken-back payment, cash discount, penny difference, write-off
and recovery is one row of CustTrans; each application of one to another is a pair of rows of
CustSettlement. `eventlog.dynamics.synthetic_postings` fills the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.dynamics.synthetic_books import Books
from eventlog.dynamics.synthetic_payments import Journal
from eventlog.dynamics.synthetic_rows import SECOND, counted, numbered, rec_ids
from eventlog.known import Ints
from eventlog.log import NONE

#: LedgerTransType.
SALES, INTEREST, FREE_TEXT, LETTER_FEE = 2, 7, 8, 13
PAYMENT, DISCOUNT, PENNY, WRITE_OFF, GENERAL = 15, 27, 29, 35, 36
#: Series of vouchers and of document numbers.
VOUCHERS = ("ARIV-", "FTIV-", "CRV-", "PAYV-", "STLM-", "WOFF-", "INTV-")
DOCUMENTS = ("", "INV-", "CRN-", "PRE-", "ICI-", "INT-", "FEE-")
NO_DOCUMENT, OWN, CREDIT_NOTE, PREPAYMENT, INTERCOMPANY, INTEREST_NOTE, FEE = range(7)
PROFILES = ("", "GEN", "RECOVERY")


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


def _series(books: Books, rows: dict[str, Ints], name: str, prefixes: tuple[str, ...]) -> pa.Array:
    """Numbers of a series, counted within legal entity and series."""
    code = rows[name]
    entity = books.entity(rows["customer"])
    number = counted(rows["numbered_at"], entity, code)
    texts = numbered("", number)
    return pc.binary_join_element_wise(pa.array(prefixes).take(pa.array(code)), texts, "")
