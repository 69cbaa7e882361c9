"""The invoice page: score with horizon and model, reasons, history, ledger, the customer."""

from __future__ import annotations

import pandas as pd
import pytest

from eventlog.errors import DataError
from serving.store import Store
from tests.serving.scored import run_of, scored
from ui import data

LATE, NOT_YET_LATE, HELD = "INV-0001", "INV-0002", "INV-0003"


def company_of(invoice: str) -> str:
    frame = scored(30).set_index("invoice")
    return str(frame.loc[invoice, "company"])


def opened(app, invoice: str, company: str | None = None):
    app.run()
    app.switch_page("views/invoice.py")
    app.query_params["company"] = company_of(invoice) if company is None else company
    app.query_params["invoice"] = invoice
    app.run()
    assert not app.exception
    return app


def plain(text: str) -> str:
    return text.replace("\\", "")


def words(app) -> str:
    """Everything the page says outside its tables."""
    shown = [
        *app.title,
        *app.caption,
        *app.markdown,
        *app.subheader,
        *app.info,
        *app.warning,
        *app.html,
    ]
    said = [getattr(element, "value", "") or "" for element in shown]
    return plain("\n".join([*said, *(f"{metric.label} {metric.value}" for metric in app.metric)]))


def metric(app, label: str) -> str:
    return next(m.value for m in app.metric if m.label == label)


def timeline(app) -> str:
    return next(element.value for element in app.html if "dc-line" in element.value)


def test_without_an_invoice_the_page_says_how_to_find_one(store, app):
    app.run()
    app.switch_page("views/invoice.py").run()
    assert "Find an invoice in the sidebar" in app.info[0].value


def test_an_empty_store_says_which_command_to_run(home, app):
    app.run()
    app.switch_page("views/invoice.py").run()
    assert "`duecast score LOG`" in app.info[0].value


def test_a_late_invoice_shows_the_question_of_late_invoices(store, app):
    opened(app, LATE)
    assert metric(app, "Still open") == "15 %"
    assert "Late payment" not in [m.label for m in app.metric]
    assert "still unpaid 30 days after the cutoff · model 4" in words(app)


def test_an_invoice_not_yet_late_shows_the_question_of_late_payment(store, app):
    opened(app, NOT_YET_LATE)
    assert metric(app, "Late payment") == "25 %"
    assert "not paid by the due date + 5 days · model 3" in words(app)


def test_the_figures_are_those_of_the_store_with_their_currencies(store, app):
    opened(app, HELD)
    row = store.invoice("run-1", company_of(HELD), HELD)
    assert metric(app, "Open balance") == f"{row['open_balance']:,.2f} {row['currency']}"
    assert metric(app, "Expected loss") == f"{row['expected_loss']:,.2f} EUR"
    assert "within 365 days · model 5" in words(app)


def test_an_invoice_on_hold_says_why(store, app):
    assert "on hold: disputed" in words(opened(app, HELD))
    assert "may be called now" in words(opened(app, LATE))


def test_reasons_up_and_down_are_said(store, app):
    said = words(opened(app, LATE))
    assert "- The customer paid its last 6 invoices late" in said
    assert "- All earlier invoices were paid" in said


def test_the_time_line_shows_events_with_the_gaps_between_them(store, app):
    shown = timeline(opened(app, LATE))
    assert shown.index("Invoice Posted and Sent") < shown.index("Payment Received")
    for gap in ("31 days later", "12 days later", "12 hours later"):
        assert gap in shown
    assert "400.00" in shown
    assert "balance 600.00" in shown


def test_a_calculated_event_is_marked(store, app):
    assert timeline(opened(app, LATE)).count(">calculated<") == 1


def test_the_silence_until_the_cutoff_ends_the_time_line(store, app):
    assert "Nothing since, for 20 days until the cutoff, 1 May 2024" in timeline(opened(app, LATE))


def test_the_ledger_leads_from_the_invoiced_amount_to_the_open_balance(store, app):
    said = words(opened(app, LATE))
    lines = ["| Invoiced | 1,000.00", "| Paid | -400.00", "| Open balance | 600.00"]
    places = [said.index(line) for line in lines]
    assert places == sorted(places)
    assert "2 promises (1 kept, 1 broken)" in said


def test_the_other_invoices_are_totalled_by_currency(store, app):
    opened(app, LATE)
    table = app.dataframe[0].value
    assert LATE not in set(table["invoice"])
    assert "OLD-1" in set(table["invoice"])
    n_open = int((table["status"] != "Paid").sum())
    assert f"{n_open} open · their open balance: {600 * n_open:,.2f} EUR" in words(app)


def test_a_search_offers_matches_and_opens_the_chosen_one(store, app):
    app.run()
    app.switch_page("views/invoice.py").run()
    app.text_input(key="find").set_value("inv-0004").run()
    app.selectbox(key="match").set_value(0).run()
    assert not app.exception
    assert plain(app.title[0].value) == "Invoice INV-0004"


def test_an_invoice_outside_the_run_is_said_to_be(store, app):
    opened(app, "INV-9999", company="USMF")
    assert "no open invoice 'INV-9999'" in app.info[0].value


def test_a_history_that_cannot_be_read_leaves_the_score_standing(store, app, monkeypatch):
    def broken(*_):
        raise DataError("history.parquet is damaged. Score again.")

    monkeypatch.setattr(data, "customer_story", broken)
    opened(app, LATE)
    assert "history.parquet is damaged" in plain(app.warning[0].value)
    assert metric(app, "Still open") == "15 %"


def test_missing_values_are_dashes(home, app):
    frame = scored(2)
    known = ["company", "invoice", "rank", "actionable", "customer_account"]
    frame = frame.assign(customer_account="C-0", company="USMF")[known]
    Store(f"sqlite:///{home}/duecast.db").write_run(
        run_of(
            frame.assign(
                **dict.fromkeys(["open_balance_reporting", "expected_loss", "priority"], 0.0)
            )
        ),
        frame,
    )
    said = words(opened(app, "INV-0000", company="USMF"))
    assert metric(app, "Open balance") == "–"
    for raw in ("None", "nan", "NaN", "NaT", "<NA>"):
        assert raw not in said


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "**bold** $x$"])
def test_a_customer_name_is_shown_as_it_is(home, app, name):
    frame = scored(30)
    frame["customer_name"] = name
    Store(f"sqlite:///{home}/duecast.db").write_run(run_of(frame), frame)
    opened(app, LATE)
    assert name in words(app)
    assert name not in "\n".join(element.value for element in app.markdown)


def test_the_ledger_lines_add_up_to_the_open_balance():
    row = pd.Series(
        {
            "amount": 1000.0,
            "paid": 700.0,
            "credited": 200.0,
            "written_off": 150.0,
            "cleared": 0.3,
            "overpaid": 50.3,
            "balance": 0.0,
        }
    )
    lines = data.ledger_lines(row)
    balance = lines.pop("Open balance")
    assert sum(lines.values()) == pytest.approx(balance)
    assert "Overpaid" in lines
