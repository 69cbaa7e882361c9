"""The queries of the import: their texts, their order, and which columns they read."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from eventlog.dynamics.schema import TABLES, Table

#: The queries in the order in which they run; later ones use what earlier ones made.
QUERIES = (
    "base_invoices",
    "base_settlements",
    "base_payments",
    "invoice_generated",
    "invoice_posted",
    "dunning_letters",
    "collection_activities",
    "disputes",
    "promises",
    "payments_received",
    "payments_posted",
    "payments_reversed",
    "credit_notes",
    "write_offs",
    "invoices_settled",
    "recoveries",
    "unapplied",
    "credit_limits",
    "attributes",
)

#: Columns of the state at the export that share a name with one that is read elsewhere.
UNREAD = {"CustTrans": frozenset({"CollectionLetterCode", "LastSettleDate", "SettleAmountCur"})}


def query(name: str) -> str:
    """Text of a query."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")


@cache
def tables_read() -> tuple[Table, ...]:
    """The tables that some query names, in the schema's order."""
    words = _words()
    return tuple(table for table in TABLES if table.name in words)


@cache
def columns_read(table: Table) -> frozenset[str]:
    """Columns of a table that are read: the required ones, and those whose name a query has.

    A name that a query has for another table's sake is read here too; that costs little and keeps
    the queries the only place where columns are chosen.
    """
    words = _words()
    named = {c.name for c in table.columns if c.need == "required" or c.name in words}
    return frozenset(named - UNREAD.get(table.name, frozenset()))


@cache
def _words() -> frozenset[str]:
    texts = (re.sub(r"--.*|'[^']*'", "", query(name)) for name in QUERIES)
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))
