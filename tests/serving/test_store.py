"""Runs are written whole and only added; questions are answered from bound parameters."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from eventlog.errors import DataError, NotFoundError, NotReadyError, SettingsError
from serving import store as store_module
from serving.database import Database
from serving.store import Filters, Store
from serving.worklist import COLUMNS
from tests.serving.scored import CUTOFF, run_of, scored

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """URL of an empty database that is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/scores.db"
        return
    schema = f"duecast_test_{os.getpid()}_{folder.name}"
    try:
        execute(POSTGRES, f'CREATE SCHEMA "{schema}"')
    except OperationalError:
        pytest.skip("no PostgreSQL at TEST_POSTGRES_URL (default: 127.0.0.1:5432)")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    execute(POSTGRES, f'DROP SCHEMA "{schema}" CASCADE')


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    folder = tmp_path / uuid4().hex[:12]
    folder.mkdir()
    with database(request.param, folder) as address:
        yield address


@pytest.fixture
def store(url):
    return Store(url)


@pytest.fixture
def own(store):
    """A store with one run, for tests that change it."""
    frame = scored()
    store.write_run(run_of(frame), frame)
    return store


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, tmp_path_factory):
    """A store with one run, for tests that only ask."""
    with database(request.param, tmp_path_factory.mktemp("filled")) as address:
        frame = scored()
        store = Store(address)
        store.write_run(run_of(frame), frame)
        yield store


def test_what_is_written_is_read_back(store):
    frame = scored()
    store.write_run(run_of(frame), frame)
    back = store.worklist("run-1", tab="all")
    assert list(back.columns) == [column.name for column in COLUMNS]
    expected = frame.sort_values("rank").reset_index(drop=True)
    for name in frame.columns:
        known = expected[name].notna()
        assert (back[name].notna() == known).all(), name
        assert (back[name][known].to_numpy() == expected[name][known].to_numpy()).all(), name


def test_absent_columns_read_back_as_missing(filled):
    rows = filled.worklist("run-1", tab="all")
    assert rows["promise_date"].isna().all()
    assert rows["dunning_level"].isna().all()
    assert rows["unapplied_credit"].isna().all()


def test_rows_carry_run_cutoff_and_time_of_scoring(filled):
    row = filled.worklist("run-1", limit=1).iloc[0]
    assert row["run_id"] == "run-1"
    assert row["as_of"] == CUTOFF
    assert row["scored_at"] == pd.Timestamp("2024-05-01T06:12:30")


def test_times_with_a_zone_are_kept_as_utc(store):
    frame = scored(4)
    frame["last_event_at"] = pd.Timestamp("2024-04-30T20:00:00+02:00")
    store.write_run(run_of(frame), frame)
    back = store.worklist("run-1", tab="all")["last_event_at"]
    assert (back == pd.Timestamp("2024-04-30T18:00:00")).all()


def test_a_run_is_read_back_as_it_was_written(store):
    frame = scored()
    run = run_of(frame, skipped={"write_off": "No champion."})
    store.write_run(run, frame)
    back = store.run("run-1")
    assert back.models == run.models
    assert back.skipped == run.skipped
    assert back.as_of == run.as_of
    assert back.open_balance == pytest.approx(run.open_balance)
    assert back.policy["quiet_days"] == run.policy["quiet_days"]


def test_the_call_tab_holds_actionable_rows_by_rank(filled):
    rows = filled.worklist("run-1")
    assert rows["actionable"].all()
    assert rows["rank"].tolist() == list(range(1, len(rows) + 1))


def test_the_suppressed_tab_holds_the_other_rows_with_their_reason(filled):
    rows = filled.worklist("run-1", tab="suppressed")
    assert (~rows["actionable"]).all()
    assert set(rows["suppressed_reason"]) == {"disputed"}
    assert len(rows) + len(filled.worklist("run-1")) == 12


def test_pages_continue_where_the_last_one_ended(filled):
    pages = [filled.worklist("run-1", tab="all", limit=5, offset=k) for k in (0, 5, 10)]
    assert [len(page) for page in pages] == [5, 5, 2]
    assert pd.concat(pages)["rank"].tolist() == list(range(1, 13))


@pytest.mark.parametrize("tab", ["call", "suppressed", "all"])
def test_totals_tie_with_the_rows_of_each_tab(filled, tab):
    rows, totals = filled.worklist("run-1", tab=tab), filled.totals("run-1", tab=tab)
    assert totals.count == len(rows)
    assert totals.open_balance == pytest.approx(rows["open_balance_reporting"].sum())
    assert totals.expected_loss == pytest.approx(rows["expected_loss"].sum())
    assert totals.cost_of_delay == pytest.approx(rows["cost_of_delay"].sum())
    assert totals.priority == pytest.approx(rows["priority"].sum())
    sums = rows.groupby("currency")["open_balance"].sum().to_dict()
    assert totals.open_by_currency == pytest.approx(sums)


def test_an_unknown_balance_is_counted_and_left_out_of_sums(store):
    frame = scored(4)
    frame.loc[0, ["open_balance", "open_balance_reporting"]] = np.nan
    store.write_run(run_of(frame), frame)
    totals = store.totals("run-1", tab="all")
    assert totals.count == 4
    assert totals.without_balance == 1
    assert totals.open_balance == pytest.approx(frame["open_balance_reporting"][1:].sum())


def test_totals_of_nothing_are_zero(filled):
    totals = filled.totals("run-1", Filters(search="nobody"))
    assert (totals.count, totals.priority, totals.open_by_currency) == (0, 0, {})


def test_filters_narrow_the_rows_to_the_chosen_values(filled):
    filters = Filters(country=("USA",), risk_band=("high", "medium"))
    rows = filled.worklist("run-1", filters, tab="all")
    assert len(rows)
    assert set(rows["country"]) == {"USA"}
    assert set(rows["risk_band"]) <= {"high", "medium"}
    assert filled.totals("run-1", filters, tab="all").count == len(rows)


def test_none_among_chosen_values_finds_rows_where_it_is_missing(filled):
    rows = filled.worklist("run-1", Filters(segment=("Small", None)), tab="all")
    assert rows["segment"].isna().sum() == 2
    assert set(rows["segment"].dropna()) == {"Small"}


@pytest.mark.parametrize("text", ["inv-0003", "INV-0003", " 0003 "])
def test_search_finds_invoices_whatever_the_case(filled, text):
    rows = filled.worklist("run-1", Filters(search=text), tab="all")
    assert rows["invoice"].tolist() == ["INV-0003"]


def test_search_finds_names_whatever_the_case_beyond_ascii(store):
    frame = scored(4)
    frame.loc[2, "customer_name"] = "Österreich Ölwerke"
    store.write_run(run_of(frame), frame)
    rows = store.worklist("run-1", Filters(search="österreich"), tab="all")
    assert rows["invoice"].tolist() == ["INV-0002"]


def test_a_search_text_is_taken_literally(store):
    texts = ["O'Brien", "%", "_", "\\", "'; DROP TABLE scores; --", '"']
    frame = scored(len(texts) + 1)
    frame.loc[1:, "customer_name"] = [f"before {text} after" for text in texts]
    store.write_run(run_of(frame), frame)
    for place, text in enumerate(texts, start=1):
        rows = store.worklist("run-1", Filters(search=f"before {text}"), tab="all")
        assert rows["invoice"].tolist() == [f"INV-{place:04d}"], text


def test_a_filter_value_is_taken_literally(filled):
    assert filled.worklist("run-1", Filters(collector=("x' OR '1'='1",)), tab="all").empty


def test_choices_come_in_reading_order_with_missing_last(filled):
    choices = filled.choices("run-1")
    assert choices["risk_band"] == ("high", "medium", "low")
    assert choices["segment"] == ("Enterprise", "Small", None)
    assert choices["ageing_bucket"] == ("not due", "1-30", "31-60", "90+")


def test_one_invoice_is_found_by_company_and_number(filled):
    row = filled.invoice("run-1", "USMF", "INV-0003")
    assert row["invoice"] == "INV-0003"
    assert row["promise_date"] is None
    assert row["p_late"] is None


def test_an_invoice_that_was_not_scored_is_named(filled):
    with pytest.raises(NotFoundError, match="no open invoice 'INV-9999' of company 'USMF'"):
        filled.invoice("run-1", "USMF", "INV-9999")


def test_an_unknown_run_is_named_with_those_there_are(filled):
    with pytest.raises(NotFoundError, match=r"no run 'run-9'.*\['run-1'\]"):
        filled.run("run-9")


def test_an_empty_store_says_what_to_run(store):
    assert store.runs() == []
    with pytest.raises(NotReadyError, match="`duecast score LOG`"):
        store.latest_run()


def test_scoring_again_adds_a_run_and_keeps_the_old_one(own):
    frame = scored()
    later = pd.Timestamp("2024-05-01T09:00:00")
    own.write_run(run_of(frame, "run-2", scored_at=later), frame)
    assert [run.run_id for run in own.runs()] == ["run-2", "run-1"]
    assert len(own.worklist("run-1", tab="all")) == 12


def test_the_latest_run_is_the_one_with_the_latest_cutoff(own):
    frame = scored()
    earlier = run_of(
        frame,
        "backfill",
        as_of=CUTOFF - pd.Timedelta(days=30),
        scored_at=pd.Timestamp("2024-06-01"),
    )
    own.write_run(earlier, frame)
    assert own.latest_run().run_id == "run-1"


def test_a_run_is_never_overwritten(own):
    frame = scored(4)
    with pytest.raises(DataError, match="'run-1' is in the store already"):
        own.write_run(run_of(frame), frame)
    assert len(own.worklist("run-1", tab="all")) == 12


def test_a_write_that_fails_in_the_middle_leaves_nothing(store, monkeypatch):
    frame = scored()
    chunks = []
    insert = store_module.insert_scores

    def failing(connection, rows):
        if chunks:
            raise OSError("no space left")
        chunks.append(len(rows))
        insert(connection, rows)

    monkeypatch.setattr(store_module, "_CHUNK", 5)
    monkeypatch.setattr(store_module, "insert_scores", failing)
    with pytest.raises(OSError, match="no space left"):
        store.write_run(run_of(frame), frame)
    assert chunks == [5]
    assert store.runs() == []
    assert store.worklist("run-1", tab="all").empty


def test_a_process_killed_while_writing_leaves_the_store_as_it_was(tmp_path):
    url = f"sqlite:///{tmp_path}/scores.db"
    frame = scored()
    Store(url).write_run(run_of(frame), frame)
    script = f"""
        import os
        from serving import store as store_module
        from tests.serving.scored import run_of, scored

        insert = store_module.insert_scores
        def killed(connection, rows):
            insert(connection, rows)
            os._exit(9)

        store_module.insert_scores = killed
        frame = scored()
        store_module.Store({url!r}).write_run(run_of(frame, "run-2"), frame)
    """
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ended = subprocess.run(command, cwd=root, check=False)
    assert ended.returncode == 9
    assert [run.run_id for run in Store(url).runs()] == ["run-1"]
    assert Store(url).worklist("run-2", tab="all").empty


def test_an_unknown_column_is_refused_by_name(store):
    frame = scored(4).assign(p_lat=0.5)
    with pytest.raises(DataError, match=r"columns \['p_lat'\]"):
        store.write_run(run_of(frame), frame)


def test_a_lacking_required_column_is_refused_by_name(store):
    frame = scored(4).drop(columns="actionable")
    with pytest.raises(DataError, match=r"lacks \['actionable'\]"):
        store.write_run(run_of(frame), frame)


def test_an_empty_required_value_is_refused_with_its_row(store):
    frame = scored(4)
    frame.loc[2, "invoice"] = None
    with pytest.raises(DataError, match=r"'invoice' is empty in 1 of 4 rows \(line 2\)"):
        store.write_run(run_of(frame), frame)


def test_an_invoice_scored_twice_is_refused(store):
    frame = pd.concat([scored(3), scored(1)], ignore_index=True)
    with pytest.raises(DataError, match=r"stands there again .* in 1 of 4 rows"):
        store.write_run(run_of(frame), frame)


def test_a_row_count_that_differs_from_the_run_is_refused(store):
    frame = scored(4)
    with pytest.raises(DataError, match="states 5 invoices and has 4 rows"):
        store.write_run(run_of(frame, n_invoices=5), frame)


def test_a_value_of_the_wrong_kind_is_refused_by_column(store):
    frame = scored(4).astype({"open_balance": object})
    frame.loc[1, "open_balance"] = "much"
    with pytest.raises(DataError, match="'open_balance' holds a value that is no money"):
        store.write_run(run_of(frame), frame)
    assert store.runs() == []


def test_a_store_of_another_schema_is_refused(own, url):
    execute(url, "UPDATE schema_version SET version = '0-old'")
    with pytest.raises(NotReadyError, match="has schema 0-old"):
        Store(url).runs()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "scores.db").write_text("not a database, but long enough to be looked at " * 20)
    with pytest.raises(NotReadyError, match="cannot be read or written: file is not a database"):
        Store(f"sqlite:///{tmp_path}/scores.db").runs()


def test_a_store_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="nowhere does not exist"):
        Store(f"sqlite:///{tmp_path}/nowhere/scores.db").runs()


@pytest.mark.parametrize("address", ["scores.db", "nosuch://host/db"])
def test_an_address_that_cannot_be_read_is_refused(address):
    with pytest.raises(SettingsError, match="Mend DUECAST_STORE"):
        Store(address)


def test_a_database_never_shows_its_password():
    assert "secret" not in str(Database("postgresql://user:secret@host/db"))
