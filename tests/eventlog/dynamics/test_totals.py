"""The money of tables and log: what ties, what does not, and what is refused for it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from eventlog.dynamics import job
from eventlog.dynamics.enums import read_enums
from eventlog.dynamics.totals import MEASURES, refuse_difference, tie
from eventlog.errors import DataError
from eventlog.policy import Policy
from tests.eventlog.dynamics.books import (
    customer,
    invoice,
    payment,
    settlement,
    together,
    transaction,
    write,
)

BOOKS = together(
    customer("C1", 1),
    invoice("A", 101),
    payment(201, 101, 60, "2024-02-05", "A"),
    invoice("B", 102),
)


def side(**invoices: int) -> pd.DataFrame:
    rows = [
        {"company": "DEMF", "currency": "EUR", "invoice": name, "open": amount}
        for name, amount in invoices.items()
    ]
    return pd.DataFrame(rows).reindex(
        columns=["company", "currency", "invoice", *MEASURES], fill_value=0
    )


def test_equal_sides_tie():
    totals = tie(side(A=10_000), side(A=10_000))
    assert totals.table[["before", "after", "difference"]].to_numpy().tolist() == [[1.0, 1.0, 0.0]]
    refuse_difference(totals)


def test_differences_that_cancel_out_do_not_pass_for_equal():
    totals = tie(side(A=10_000, B=20_000), side(A=20_000, B=10_000))
    assert totals.table["difference"].tolist() == [0.0]
    with pytest.raises(
        DataError, match=r"does not tie on 2 invoices: DEMF A: open balance 1.00 in"
    ):
        refuse_difference(totals)


def test_an_invoice_that_is_not_there_is_a_difference():
    with pytest.raises(
        DataError, match=r"does not tie on 1 invoices: DEMF B: .* 0.00 EUR in the l"
    ):
        refuse_difference(tie(side(A=10_000, B=1), side(A=10_000)))


def run(folder: Path, *more) -> job.Imported:
    write(folder / "export", BOOKS, *more)
    return job.import_export(
        folder / "export", folder / "log.parquet", enums=read_enums(None), policy=Policy()
    )


def test_an_event_lost_on_the_way_is_refused_and_no_log_written(tmp_path, monkeypatch):
    def losing(rows, log, policy):
        table = job_with_answers(rows, log, policy)
        names = table["ActivityName"].to_pylist()
        return table.filter([name != "Payment Received" for name in names])

    job_with_answers = job.with_answers
    monkeypatch.setattr(job, "with_answers", losing)
    with pytest.raises(DataError, match=r"DEMF A: paid.* 60.00 in the tables, 0.00 EUR in the log"):
        run(tmp_path)
    assert not (tmp_path / "log.parquet").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_type_that_is_neither_payment_nor_credit_is_refused(tmp_path):
    bill = transaction(300, 19, -100, "2024-03-01")
    with pytest.raises(
        DataError, match=r"neither payments, .*: BillOfExchange 19 in 1 settlements"
    ):
        run(tmp_path, bill, settlement(400, 102, 300, 100, "2024-03-01"))


def test_an_export_without_invoices_is_refused(tmp_path):
    write(tmp_path / "none", customer("C1", 1), transaction(1, 15, -5, "2024-01-01"))
    with pytest.raises(DataError, match=r"None of the 1 rows of CustTrans is an invoice"):
        job.import_export(
            tmp_path / "none", tmp_path / "log.parquet", enums=read_enums(None), policy=Policy()
        )
