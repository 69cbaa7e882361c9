"""The synthetic company as tables of Dynamics 365 Finance, as an export on some day shows them.

The same company that `eventlog.simulate` writes as an event log, drawn so that D365 could have
recorded all of it (`eventlog.dynamics.synthetic_books.booked`). What real exports hold beside the
events is there too: documents and transactions that no event comes from, canceled letters, journals
not yet posted, numbers that repeat in the other legal entity, dates of 1900.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa

from eventlog.dynamics.synthetic_books import Books, open_books
from eventlog.dynamics.synthetic_collections import (
    activity_tables,
    dispute_table,
    disputes_entered,
    letter_levels,
    letter_tables,
)
from eventlog.dynamics.synthetic_customers import customer_ids, customer_tables, limit_tables
from eventlog.dynamics.synthetic_journals import journal_tables, reasons, write_off_reasons
from eventlog.dynamics.synthetic_ledger import Ledger
from eventlog.dynamics.synthetic_postings import keep_ledger
from eventlog.dynamics.synthetic_receivables import receivable_tables
from eventlog.simulate_company import Company

__all__ = ["Ledger", "changed_rows", "d365_ledger", "d365_tables"]


def d365_ledger(company: Company | None = None, seed: int = 0) -> Ledger:
    """Draw a company and post everything that happens to it.

    Parameters
    ----------
    company : Company, optional
        Taken as `eventlog.dynamics.synthetic_books.booked` gives it.
    seed : int

    Returns
    -------
    Ledger
        For `d365_tables`; its books end where the company's log ends (``ledger.books.end``).

    Raises
    ------
    SettingsError
        If an argument of the company lies outside its range.
    """
    return keep_ledger(open_books(company, seed), np.random.default_rng([seed, 20]))


def d365_tables(ledger: Ledger, until: int | None = None) -> dict[str, pa.Table]:
    """Tables of the company as an export shows them.

    Parameters
    ----------
    ledger : Ledger
    until : int, optional
        A midnight, microseconds since 1970: what happened before it is exported, and states are
        those of that moment. Default: the end of the company's log.

    Returns
    -------
    dict of str to pyarrow.Table
        Every table of `eventlog.dynamics.schema.TABLES` in its columns and types. Record ids and
        numbers are the same whatever the day of the export.
    """
    books: Books = ledger.books
    until = books.end if until is None else until
    rng = np.random.default_rng(len(books.invoices))
    why = reasons(ledger, *disputes_entered(books), until)
    return {
        **receivable_tables(ledger, why.of_trans, letter_levels(books, until), until, rng),
        **letter_tables(ledger, until),
        "CustDisputeHistory": dispute_table(ledger, why.of_dispute, until),
        "ReasonTableRef": why.table,
        "CustWriteOffFinancialReasonsSetup": write_off_reasons(),
        **journal_tables(ledger, why.of_trans, until),
        **activity_tables(ledger, customer_ids(books), until),
        **limit_tables(books, until),
        **customer_tables(books, until),
    }


def changed_rows(
    before: Mapping[str, pa.Table], after: Mapping[str, pa.Table]
) -> dict[str, pa.Table]:
    """What an export of changes holds: rows that are new or no longer as they were.

    Parameters
    ----------
    before, after : mapping of str to pyarrow.Table
        Two exports of the same company.

    Returns
    -------
    dict of str to pyarrow.Table
        Rows of `after`, some of them an earlier row's new state under the same record id; every
        table is there, if only with its header.
    """
    changed = {}
    with duckdb.connect() as connection:
        for name, rows in after.items():
            connection.register("before", before[name])
            connection.register("after", rows)
            found = connection.sql("FROM after EXCEPT FROM before ORDER BY RecId").to_arrow_table()
            changed[name] = found.cast(rows.schema)
    return changed
