"""Random tables as extracts have them, and logs laid open so that two can be compared."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from eventlog.cells import objects_of
from eventlog.log import EventLog
from eventlog.reader import log_from_frame
from eventlog.summary import ReadSummary
from eventlog.template import ATTRIBUTES

GENERATED, RECEIVED = "Invoice Generated", "Payment Received"


def read(**columns: Sequence[object]) -> tuple[EventLog, ReadSummary]:
    """The log of a frame whose required columns are filled in where they are left out."""
    n = max(len(values) for values in columns.values())
    required = {
        "InvoiceNumber": ["A"] * n,
        "ActivityName": [GENERATED] * n,
        "EventTime": ["2024-01-31"] * n,
        "CustomerName": ["Contoso"] * n,
    }
    return log_from_frame(pd.DataFrame({**required, **columns}))


def in_file_order(log: EventLog, values: np.ndarray) -> list[object]:
    return np.asarray(values)[np.argsort(log.row)].tolist()


def texts(log: EventLog, name: str) -> list[object]:
    return in_file_order(log, objects_of(log.columns[name]))


def reasons(summary: ReadSummary) -> list[tuple[int, str]]:
    return list(zip(summary.quarantine["line"], summary.quarantine["reason"], strict=True))


WRITTEN = """
A|B|x;y|say "hi"|é|=1+1|-|NULL|Invoice Generated|payment received|Payment Due Date Passed
Portal Login|2024-01-31|2024-01-31T10:11:12+02:00|31/01/2024|01/02/2024|01/31/2024|1900-01-01
9999-12-31|20240131|5|-5|1,234.50|1.234,56|1.234|(7.25)|€ 9|1e5|1e300|inf|true|007
99999999999999999999|3 - Final
"""
CELLS = st.sampled_from(["", *WRITTEN.strip().replace("\n", "|").split("|")]) | st.text(max_size=6)
NAMES = [a.name for a in ATTRIBUTES] + ["Region", "line", "reason", ""]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    names = ["InvoiceNumber", "ActivityName", "EventTime"]
    names += draw(st.lists(st.sampled_from(NAMES[3:]), max_size=6, unique=True))
    n = draw(st.integers(1, 8))
    likely = {
        "ActivityName": st.sampled_from([GENERATED, RECEIVED, "Portal Login", "x"]) | CELLS,
        "EventTime": st.sampled_from(["2024-01-31", "2024-02-01 10:00", "2024-03-05"]) | CELLS,
    }
    columns = {
        name: draw(st.lists(likely.get(name, CELLS), min_size=n, max_size=n)) for name in names
    }
    return pd.DataFrame(columns)


def rows_of(log: EventLog) -> list[list[object]]:
    """Keys, activity and times of each event, codes resolved."""
    invoices = [*log.invoice_keys.itertuples(index=False, name=None), ("", "")]
    customers = list(log.customer_keys.itertuples(index=False, name=None))
    return [
        [invoices[invoice], customers[customer], log.activities[activity], happened, known]
        for invoice, customer, activity, happened, known in zip(
            log.invoice, log.customer, log.activity, log.event_time, log.known_at, strict=True
        )
    ]


def columns_of(log: EventLog) -> dict[str, tuple[str, list[object]]]:
    """Kind and values of each column that states anything; what is missing as None."""
    return {
        name: (
            column.kind,
            [
                value if stated else None
                for value, stated in zip(
                    (objects_of(column) if column.kind == "level" else column.values).tolist(),
                    column.stated(),
                    strict=True,
                )
            ],
        )
        for name, column in log.columns.items()
        if column.stated().any()
    }
