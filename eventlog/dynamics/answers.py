"""What a log says about itself as of its end: the template's calculated event and attributes.

The ledger answers (`eventlog.ledger`); here its answers only become columns. They know how things
came out, so the reader keeps them for show and makes no feature of them, and it leaves out the rows
of "Payment Due Date Passed", which every reader calculates again.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.known import known_by, last_known
from eventlog.ledger import Ledger, days_overdue, is_open, keep_ledger, status
from eventlog.log import DAY, EventLog
from eventlog.policy import Policy
from eventlog.state import Closed
from eventlog.template import DUE_DATE_PASSED

#: What a calculated row states besides its activity and time: facts of its invoice and customer.
OF_INVOICE = (
    "InvoiceNumber",
    "CompanyCode",
    "CustomerAccount",
    "CustomerName",
    "CustomerSegment",
    "Country",
    "CurrencyCode",
    "SalesChannel",
    "PaymentTermsDays",
    "SourceSystem",
    "LastDataUpdate",
)


def with_answers(rows: pa.Table, log: EventLog, policy: Policy) -> pa.Table:
    """The rows of a log in the log's order, with what is calculated as of its end.

    Parameters
    ----------
    rows : Table of shape (n_events, n_columns)
        What `log` was read from, under the template's names.
    log : EventLog
        Of all rows.
    policy : Policy
        Says which balance counts as settled.

    Returns
    -------
    Table of shape (n_events + n_due_dates_passed, n_columns + 5)
        The answers stand on every row of an invoice, and are null on rows of a customer alone.
    """
    ledger = keep_ledger(log, policy)
    passed = np.flatnonzero(
        (ledger.steps["due_passed"] == 1) & known_by(ledger.known_at, log.ends_at)
    )
    invoice = np.concatenate([log.invoice, ledger.steps["invoice"][passed]])
    calculated = _due_dates_passed(rows, log, ledger, passed)
    table = pa.concat_tables([rows.take(pa.array(log.row)), calculated]).combine_chunks()
    for name, column in _answers(log, ledger).items():
        table = table.append_column(name, column.take(pa.array(invoice, mask=invoice < 0)))
    return table.take(pa.array(_places(log, ledger, passed)))


def _places(log: EventLog, ledger: Ledger, passed: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order that puts each calculated row behind what was known of its invoice by then."""
    invoice, moment = ledger.steps["invoice"][passed], ledger.known_at[passed]
    before = last_known(log.invoice_starts, log.known_at[log.of_invoice], invoice, moment)
    after = log.of_invoice[np.maximum(before, 0)]
    keys = np.concatenate([2 * np.arange(len(log)), 2 * after + 1])
    return np.argsort(keys, kind="stable")


def _due_dates_passed(
    rows: pa.Table, log: EventLog, ledger: Ledger, passed: NDArray[np.int64]
) -> pa.Table:
    """One row for each midnight that found a due date passed and a balance open."""
    invoice = ledger.steps["invoice"][passed]
    first = log.row[log.of_invoice[log.invoice_starts[:-1]]]
    source = rows.take(pa.array(first[invoice]))
    n = len(passed)
    columns = []
    for field in rows.schema:
        if field.name == "ActivityName":
            column = pa.array([DUE_DATE_PASSED]).take(pa.array(np.zeros(n, dtype=np.int64)))
        elif field.name == "EventTime":
            column = pa.array(ledger.known_at[passed]).cast(pa.timestamp("us", tz="UTC"))
        elif field.name == "PaymentDueDate":
            column = pa.array(np.ascontiguousarray(ledger.steps["due_date"][passed]))
            column = column.cast(pa.timestamp("us"))
        elif field.name in OF_INVOICE:
            column = source[field.name]
        else:
            column = pa.nulls(n, field.type)
        columns.append(column)
    return pa.table(columns, schema=rows.schema)


def _answers(log: EventLog, ledger: Ledger) -> dict[str, pa.Array]:
    """The answers by invoice, as of the log's end."""
    everyone = np.arange(log.n_invoices, dtype=np.int32)
    moment = np.full(log.n_invoices, log.ends_at, dtype=np.int64)
    states = ledger.as_of(everyone, moment)
    disputed = states["n_disputes"] > 0
    paid = (states["closed"] == Closed.PAID) & (states["n_payments"] > 0)
    outstanding = (states["last_payment_at"] - states["issued_at"]) / DAY
    return {
        "InvoiceStatus": pa.array(status(states), pa.string()),
        "DaysOverdue": _numbers(days_overdue(states, moment), is_open(states)),
        "DaysSalesOutstanding": _numbers(outstanding, paid),
        "DisputeResolutionTime": _numbers(
            states["dispute_time"] / DAY, disputed & (states["disputed"] == 0)
        ),
        "IsDisputed": pc.cast(pa.array(disputed), pa.bool_()),
    }


def _numbers(values: NDArray[np.float64], stated: NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.round(values, 2), mask=~stated | np.isnan(values))
