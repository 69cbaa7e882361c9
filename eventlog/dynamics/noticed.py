"""What is odd in the tables of an export but no reason to refuse it, in sentences with counts."""

from __future__ import annotations

import duckdb

from eventlog.dynamics.engine import first_row
from eventlog.dynamics.enums import ENUM_OF, OPEN_ENUMS, Enums

#: What is counted once the queries have run, and how it is said.
_NOTICED = (
    (
        "SELECT count(*) FROM invoice WHERE number <> stated_number",
        "{count:,} invoices have a number that their company had used before: ' / ' and their "
        "RecId are added to it.",
    ),
    (
        "SELECT count(*) FROM invoice WHERE NOT has_journal",
        "{count:,} invoices of CustTrans have no row in CustInvoiceJour (as opening balances have "
        "none): they are dated by CustTrans.TransDate.",
    ),
    (
        "SELECT count(*) FROM invoice WHERE journal_amount IS DISTINCT FROM amount AND has_journal",
        "{count:,} invoices have another amount in CustInvoiceJour than in CustTrans: that of "
        "CustTrans holds.",
    ),
    (
        "SELECT count(*) FROM applied WHERE kind = 'credit' "
        "AND other_type = getvariable('general_journal')",
        "{count:,} settlements are against general journal transactions without a write-off "
        "reason: they are taken as credits. Move GeneralJournal to another rule with --enums if "
        "they are payments.",
    ),
    (
        "SELECT count(*) FROM invoice AS i LEFT JOIN (SELECT company, invoice_id, sum(amount) AS "
        "settled FROM applied GROUP BY ALL) AS a USING (company, invoice_id) "
        "WHERE (i.closed_on IS NOT NULL AND i.closed_on <= extracted_on()) "
        "<> (coalesce(a.settled, 0) >= i.amount) "
        "AND EXISTS (SELECT 1 FROM invoice WHERE closed_on IS NOT NULL)",
        "CustTrans.Closed and the settlements disagree on {count:,} invoices on whether they are "
        "settled: the settlements hold. Check that CustSettlement is exported in full.",
    ),
    (
        "SELECT count(*) FROM invoice WHERE due_date IS NULL",
        "{count:,} invoices have no due date.",
    ),
    (
        "SELECT count(*) FROM CustTrans WHERE CreatedDateTime IS NULL",
        "{count:,} rows of CustTrans do not say when they were made (CreatedDateTime): what was "
        "entered late cannot be told from what was entered in time.",
    ),
    (
        "SELECT count(DISTINCT (e.company, e.customer)) FROM event AS e LEFT JOIN customer AS c "
        "USING (company, customer) WHERE c.customer IS NULL",
        "{count:,} customers of events are not in CustTable: their attributes are empty.",
    ),
)


def unknown_enums(connection: duckdb.DuckDBPyConnection, enums: Enums) -> list[str]:
    """Sentences on enum columns that hold numbers nobody knows, with their counts."""
    notes = []
    for (table, column), enum in ENUM_OF.items():
        if enum in OPEN_ENUMS:
            continue
        known = list(enums.values[enum].values())
        found = connection.execute(
            f'SELECT "{column}", count(*) FROM "{table}" WHERE "{column}" IS NOT NULL '
            f'AND NOT list_contains(?, "{column}") GROUP BY 1 ORDER BY 1',
            [known],
        ).fetchall()
        if found:
            shown = ", ".join(f"{value} in {count:,} rows" for value, count in found)
            notes.append(
                f"{table}.{column} holds values of {enum} that are not known: {shown}. Name them "
                "in the file for --enums."
            )
    return notes


def noticed(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What was noticed in the tables, in sentences."""
    notes = []
    for query_text, sentence in _NOTICED:
        (count,) = first_row(connection, query_text)
        if count:
            notes.append(sentence.format(count=count))
    return notes
