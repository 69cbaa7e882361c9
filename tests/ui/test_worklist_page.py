"""The worklist page: its figures tie with its table, its filters narrow, its rows open."""

from __future__ import annotations

import pandas as pd
import pytest

from serving.store import Filters, Store
from tests.serving.scored import CUTOFF, run_of, scored


def calls(app):
    """Table of the first tab."""
    return app.tabs[0].dataframe[0].value


def figure(app, label, tab=0):
    return next(m.value for m in app.tabs[tab].metric if m.label.startswith(label))


def words(app):
    """Everything the page says outside its tables."""
    shown = [*app.title, *app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return "\n".join(element.value for element in shown)


def test_an_empty_store_says_which_command_to_run(home, app):
    app.run()
    assert [info.value for info in app.info] == [
        "Nothing has been scored yet. Run `duecast score LOG` first."
    ]
    assert not app.exception


def test_the_page_opens_with_the_ranked_invoices_to_call(store, app):
    app.run()
    assert not app.exception
    table = calls(app)
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert len(table) == store.totals("run-1").count


def test_the_figures_tie_with_the_table(store, app):
    table = calls(app.run())
    for label, name in (
        ("Expected loss", "expected_loss"),
        ("Cost of delay", "cost_of_delay"),
        ("Priority", "priority"),
    ):
        assert figure(app, label) == f"{table[name].sum():,.2f}"
    assert figure(app, "To call") == str(len(table))


def test_the_caption_gives_the_open_balance_in_each_currency(store, app):
    table = calls(app.run())
    caption = app.tabs[0].caption[0].value
    for currency, total in table.groupby("currency")["open_balance"].sum().items():
        assert f"{total:,.2f} {currency}" in caption


def test_the_header_states_cutoff_models_and_run(store, app):
    caption = app.run().caption[0].value
    assert "1 May 2024, 00:00 UTC" in caption
    assert r"late\_payment 3" in caption
    assert r"run\-1" in caption


def test_a_target_that_was_not_scored_is_said(home, app):
    frame = scored(4)
    run = run_of(frame, skipped={"write_off": "No champion of this target."})
    Store(f"sqlite:///{home}/duecast.db").write_run(run, frame)
    assert "No champion of this target" in app.run().warning[0].value


def test_a_filter_narrows_table_and_figures(store, app):
    app.run()
    app.multiselect(key="kept_country").set_value(["USA"]).run()
    table = calls(app)
    assert set(table["country"]) == {"USA"}
    assert figure(app, "Priority") == f"{table['priority'].sum():,.2f}"


def test_a_filter_for_a_missing_value_finds_it(store, app):
    app.run()
    app.multiselect(key="kept_segment").set_value([None]).run()
    assert not app.exception
    assert len(calls(app)) == store.totals("run-1", Filters(segment=(None,))).count
    assert "segment" not in calls(app)  # empty throughout


def test_a_search_with_quotes_finds_the_name(home, app):
    frame = scored(6)
    frame.loc[1, "customer_name"] = """O'Brien "and" Söhne"""
    Store(f"sqlite:///{home}/duecast.db").write_run(run_of(frame), frame)
    app.run()
    app.text_input(key="kept_search").set_value("""o'brien "and" SÖHNE""").run()
    assert calls(app)["invoice"].tolist() == ["INV-0001"]


def test_filters_that_match_nothing_say_so(store, app):
    app.run()
    app.text_input(key="kept_search").set_value("nobody").run()
    assert "No invoice of this tab matches" in app.tabs[0].info[0].value


def test_invoices_on_hold_stand_in_their_own_tab_with_the_reason(store, app):
    app.run()
    held = app.tabs[1].dataframe[0].value
    assert set(held["suppressed_reason"]) == {"disputed"}
    assert figure(app, "On hold", tab=1) == str(len(held))
    assert figure(app, "Priority", tab=1) == "0.00"
    assert not set(held["invoice"]) & set(calls(app)["invoice"])


def test_nothing_on_hold_says_so(home, app):
    frame = scored(3)
    Store(f"sqlite:///{home}/duecast.db").write_run(run_of(frame), frame)
    assert "Nothing is on hold" in app.run().tabs[1].info[0].value


def test_the_next_page_goes_on_where_the_first_ended(home, app):
    frame = scored(120)
    Store(f"sqlite:///{home}/duecast.db").write_run(run_of(frame), frame)
    app.run()
    assert calls(app)["rank"].tolist() == list(range(1, 51))
    app.tabs[0].number_input[0].set_value(2).run()
    assert calls(app)["rank"].tolist() == list(range(51, 91))


def test_filters_outlive_a_visit_to_the_invoice_page(store, app):
    app.run()
    app.multiselect(key="kept_country").set_value(["USA"]).run()
    app.switch_page("views/invoice.py").run()
    app.switch_page("views/worklist.py").run()
    assert set(calls(app)["country"]) == {"USA"}


def test_a_selected_row_opens_its_invoice(store, app):
    app.run()
    invoice = calls(app)["invoice"].iloc[2]
    app.session_state["table_call_0"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert app.query_params["invoice"] == invoice
    assert invoice in app.title[0].value.replace("\\", "")


def test_probabilities_are_shown_in_percent_of_one_question_each(store, app):
    table = calls(app.run())
    stored = store.worklist("run-1")
    assert table["p_late"].max() == pytest.approx(100 * stored["p_late"].max())
    assert (table["p_late"].isna() != table["p_still_open"].isna()).all()


def test_several_runs_can_be_chosen_between(store, app):
    frame = scored(5)
    earlier = CUTOFF - pd.Timedelta(days=7)
    store.write_run(run_of(frame, "run-0", as_of=earlier), frame)
    app.run()
    assert "1 May 2024" in app.caption[0].value
    app.selectbox(key="run_id").set_value("run-0").run()
    assert "24 Apr 2024" in app.caption[0].value
    assert len(calls(app)) == 4


def test_one_run_needs_no_choice(store, app):
    app.run()
    assert "run_id" not in [box.key for box in app.selectbox]


def test_a_filter_value_that_another_run_lacks_is_dropped(store, app):
    frame = scored(30).query("country == 'DEU'")
    earlier = CUTOFF - pd.Timedelta(days=7)
    store.write_run(run_of(frame, "run-0", as_of=earlier), frame)
    app.run()
    app.multiselect(key="kept_country").set_value(["USA"]).run()
    app.selectbox(key="run_id").set_value("run-0").run()
    assert not app.exception
    assert set(calls(app)["country"]) == {"DEU"}


def test_names_are_not_read_as_markup(home, app):
    frame = scored(3)
    run = run_of(frame, log_name="a*b* $x$ [link](http://x)")
    Store(f"sqlite:///{home}/duecast.db").write_run(run, frame)
    assert r"a\*b\* \$x\$ \[link\]\(http\://x\)" in words(app.run())


def test_a_setting_that_is_not_known_is_said_in_one_sentence(home, app, monkeypatch):
    monkeypatch.setenv("DUECAST_STOR", "x")
    app.run()
    assert "DUECAST_STOR" in app.error[0].value
    assert not app.exception
