"""A log in partitions is the log that was written, bit for bit, and a half-written one is none."""

from __future__ import annotations

import json
import pickle  # noqa: TID251 - how a cluster hands it on
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from eventlog import partitions as module
from eventlog.errors import DataError, NotFoundError, SettingsError
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, MINOR, NONE, Column, EventLog, micros
from eventlog.partition_files import field_names
from eventlog.partitions import (
    Partitions,
    is_partitioned,
    load_partition,
    open_partitions,
    read_whole,
    write_partitions,
)
from eventlog.reader import log_from_frame, read_log
from eventlog.writer import write_log
from features.matrix import build_matrix
from features.snapshots import at_cutoffs
from tests.builders import happened, make_log
from tests.features.drawn import (
    POLICY,
    cutoffs_of,
    encoding_of,
    random_frame,
    random_log,
    rates,
)
from ui import cli, opening

ARRAYS = ("invoice", "customer", "activity", "event_time", "known_at", "row", "invoice_customer")


def assert_equal(found: EventLog, wanted: EventLog) -> None:
    """Every array with its dtype and bits, every text, in every place."""
    for name in ARRAYS:
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.dtype == other.dtype, name
        assert one.tobytes() == other.tobytes(), name
    assert list(found.columns) == list(wanted.columns)
    for name, column in wanted.columns.items():
        mine = found.columns[name]
        assert (mine.kind, mine.levels) == (column.kind, column.levels), name
        assert mine.values.dtype == column.values.dtype, name
        assert mine.values.tobytes() == column.values.tobytes(), name
    for name in ("invoice_keys", "customer_keys"):
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(wanted, name).reset_index(drop=True)
        )
    assert found.activities == wanted.activities
    assert found.ends_at == wanted.ends_at
    assert found.has_customers == wanted.has_customers
    assert found.fingerprint == wanted.fingerprint


def assert_comes_back(log: EventLog, folder: Path, n_parts: int) -> Partitions:
    """The whole and each part are what was written."""
    written = write_partitions(log, folder, n_parts, name="log.csv", replace=True)
    assert open_partitions(folder) == written
    assert_equal(read_whole(written), log)
    for number, part in enumerate(written.parts):
        last = part.first_customer + part.n_customers
        assert_equal(load_partition(written, number), log.of_customers(part.first_customer, last))
    return written


def odd_log() -> EventLog:
    """What seldom stands in a log, in columns that are called as the files' own."""
    log = random_log(3)
    n = len(log)
    numbers = np.linspace(-1, 1, n)
    numbers[:6] = [0.0, -0.0, np.nan, -np.nan, np.inf, 5e-324]
    money = np.full(n, NONE, dtype=np.int64)
    money[1:4] = [0, -(1 << 62), np.iinfo(np.int64).max]
    times = np.where(np.arange(n) % 3 == 0, NONE, -(1 << 60) + np.arange(n))
    codes = np.where(np.arange(n) % 2 == 0, -1, np.arange(n)).astype(np.int32)
    texts = ("", "null", 'ä\n,"', *(f"t{i}" for i in range(n)))
    columns = {
        **log.columns,
        "row": Column("number", numbers),
        "Customer": Column("money", money),
        "customer_": Column("money", np.full(n, NONE, dtype=np.int64)),
        "a.b": Column("time", times),
        "": Column("level", codes, texts),
        "Empty": Column("level", np.full(n, -1, dtype=np.int32), ()),
        "Unused": Column("level", np.full(n, -1, dtype=np.int32), ("x", "y")),
    }
    return replace(log, columns=columns, event_time=log.event_time - 200 * 365 * DAY)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_parts", [1, 3])
def test_a_log_comes_back_bit_for_bit(tmp_path: Path, seed: int, n_parts: int) -> None:
    written = assert_comes_back(random_log(seed), tmp_path / "parts", n_parts)
    assert len(written.parts) == n_parts


def test_odd_values_and_names_come_back_bit_for_bit(tmp_path: Path) -> None:
    assert_comes_back(odd_log(), tmp_path / "parts", 2)


def test_a_log_without_customers_comes_back(tmp_path: Path) -> None:
    frame = random_frame(0).drop(columns="CustomerAccount")
    log, _ = log_from_frame(frame[frame["InvoiceNumber"].notna()])
    assert not log.has_customers
    assert_comes_back(log, tmp_path / "parts", 4)


def test_a_log_of_a_customers_events_alone_comes_back(tmp_path: Path) -> None:
    rows = [happened("", "unapplied", "1971-03-01", customer=name, moved=5) for name in "abc"]
    log = make_log(*rows)
    assert log.n_invoices == 0
    assert_comes_back(log, tmp_path / "parts", 2)


def test_invoices_and_customers_that_are_not_known_yet_come_back(tmp_path: Path) -> None:
    log = random_log(1).upto(int(np.sort(random_log(1).known_at)[4]))
    assert len(np.unique(log.customer)) < log.n_customers
    written = assert_comes_back(log, tmp_path / "parts", 99)
    assert all(part.n_events for part in written.parts)


def test_arrays_that_are_read_can_be_changed_no_more_than_those_of_the_log(tmp_path: Path) -> None:
    log = random_log(0)
    written = write_partitions(log, tmp_path / "parts", 2)
    for found in (load_partition(written, 0), read_whole(written)):
        assert not any(getattr(found, name).flags.writeable for name in ARRAYS)


def test_features_of_a_partition_are_those_of_its_customers(tmp_path: Path) -> None:
    log = random_log(2)
    written = write_partitions(log, tmp_path / "parts", 3)
    for number, part in enumerate(written.parts):
        parts = (
            load_partition(written, number),
            log.of_customers(part.first_customer, part.first_customer + part.n_customers),
        )
        one, other = (
            build_matrix(
                each,
                at_cutoffs(keep_ledger(each, POLICY), np.array(sorted(cutoffs_of(2)))),
                encoding_of(2),
                POLICY,
                rates(),
                threads=1,
            )
            for each in parts
        )
        assert len(one.values)
        np.testing.assert_array_equal(one.values, other.values)


def test_what_is_said_of_a_log_is_small_and_goes_to_other_processes(tmp_path: Path) -> None:
    log = random_log(0)
    written = write_partitions(log, tmp_path / "parts", 3, name="log.csv")
    sent = pickle.loads(pickle.dumps(written))
    assert sent == written
    assert len(pickle.dumps(written)) < 4000
    assert (sent.n_events, sent.n_invoices, sent.n_customers) == (
        len(log),
        log.n_invoices,
        log.n_customers,
    )
    assert sent.fingerprint == log.fingerprint
    assert sent.first_known_at == log.known_at.min()
    assert sent.name == "log.csv"
    assert sent.folder.is_absolute()
    assert_equal(read_whole(sent), log)


# Where partitions begin


def shares(events: list[int], n_parts: int) -> list[list[int]]:
    first = module._first_customers(np.array(events), n_parts)
    return [events[a:b] for a, b in pairwise(first)]


@pytest.mark.parametrize(
    ("events", "n_parts", "cut"),
    [
        ([1, 1, 1, 1], 2, [[1, 1], [1, 1]]),
        ([1, 1, 100, 1, 1], 3, [[1, 1], [100], [1, 1]]),
        ([100, 1, 1, 1, 1], 3, [[100], [1, 1], [1, 1]]),
        ([20, 40, 40], 3, [[20], [40], [40]]),
        ([1, 100, 1, 100, 1], 3, [[1], [100, 1], [100, 1]]),
        ([5, 6], 7, [[5], [6]]),
        ([0, 5, 0, 6, 0], 2, [[0, 5, 0], [6, 0]]),
        ([3, 3, 3], 1, [[3, 3, 3]]),
    ],
)
def test_partitions_are_even_and_a_large_customer_has_its_own(
    events: list[int], n_parts: int, cut: list[list[int]]
) -> None:
    assert shares(events, n_parts) == cut


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any), st.integers(1, 50))
def test_customers_are_cut_into_as_many_partitions_as_can_have_events(
    events: list[int], n_parts: int
) -> None:
    cut = shares(events, n_parts)
    assert list(chain(*cut)) == events
    assert all(sum(part) > 0 for part in cut)
    assert len(cut) == min(n_parts, sum(n > 0 for n in events))
    assert max(map(sum, cut)) <= sum(events) / len(cut) + 2 * max(events)


def test_more_partitions_than_customers_become_one_each(tmp_path: Path) -> None:
    log = random_log(0)
    written = assert_comes_back(log, tmp_path / "parts", 1000)
    assert [part.n_customers for part in written.parts] == [1] * log.n_customers


# What other tools see


def test_other_tools_read_names_texts_times_and_whole_money(tmp_path: Path) -> None:
    log = make_log(
        happened("A", "post", "2024-01-01", customer="x", amount=12.5, due="2024-02-01"),
        happened("", "unapplied", "2024-01-02 10:00", customer="x", moved=1),
        happened("B", "post", "2024-01-03", customer="y", amount=99, Channel="web"),
    )
    write_partitions(log, tmp_path / "parts", 1)
    events = pq.read_table(tmp_path / "parts" / "events-00000.parquet")
    assert events["invoice"].to_pylist() == [None, 0, 1]
    assert events["customer"].to_pylist() == [0, 0, 1]
    assert events["activity"].to_pylist()[0] == "Unapplied Payment"
    assert events["event_time"].to_pylist()[0] == pd.Timestamp("2024-01-02 10:00")
    assert events["InvoiceAmount"].to_pylist() == [None, 12.5 * MINOR, 99 * MINOR]
    assert events.schema.field("InvoiceAmount").metadata[b"duecast.unit"] == b"0.0001"
    assert events["PaymentDueDate"].type == pa.timestamp("us")
    assert events["Channel"].to_pylist() == [None, None, "web"]
    invoices = pq.read_table(tmp_path / "parts" / "invoices-00000.parquet").to_pylist()
    assert invoices[1] == {"company": "", "invoice": "B", "customer": 1}
    customers = pq.read_table(tmp_path / "parts" / "customers-00000.parquet").to_pylist()
    assert customers == [{"company": "", "customer": "x"}, {"company": "", "customer": "y"}]
    stated = json.loads((tmp_path / "parts" / "log.json").read_text(encoding="utf-8"))
    assert stated["format"] == 1
    fields = {column["name"]: column for column in stated["columns"]}
    assert fields["InvoiceAmount"]["unit"] == "0.0001"
    assert fields["Channel"]["levels"] == ["web"]


def test_columns_named_as_the_files_own_get_another_name_there() -> None:
    assert field_names(["Row", "row", "row_", "Channel"]) == {
        "Row": "Row_",
        "row": "row__",
        "row_": "row___",
        "Channel": "Channel",
    }


# Folders that are not whole


@pytest.fixture
def written(tmp_path: Path) -> Partitions:
    return write_partitions(random_log(0), tmp_path / "parts", 3)


def restate(folder: Path, **changes: object) -> None:
    path = folder / "log.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))


def swap(folder: Path, change: Callable[[pa.Table], pa.Table], what: str = "events") -> None:
    path = folder / f"{what}-00001.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def spoil(path: Path) -> None:
    """Turn one bit of a page."""
    place = pq.read_metadata(path).row_group(0).column(5)
    held = bytearray(path.read_bytes())
    held[place.data_page_offset + place.total_compressed_size - 1] ^= 1
    path.write_bytes(held)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: (f / "log.json").unlink(), "has no log.json"),
        (lambda f: (f / "log.json").write_text("{"), "no manifest"),
        (lambda f: (f / "log.json").write_text("[]"), "no manifest"),
        (lambda f: (f / "log.json").write_text("{}"), "no manifest"),
        (lambda f: restate(f, format=2), "is of format 2"),
        (lambda f: restate(f, parts=None), "damaged"),
        (lambda f: restate(f, parts=[{"n_events": 3}]), "damaged"),
        (lambda f: restate(f, columns=[{"name": "x", "kind": "text"}]), "damaged"),
        (lambda f: (f / "invoices-00002.parquet").unlink(), "lacks 1 .*invoices-00002"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_a_sentence(
    written: Partitions, harm: Callable[[Path], object], said: str
) -> None:
    harm(written.folder)
    with pytest.raises(DataError, match=said) as raised:
        open_partitions(written.folder)
    assert "duecast partition" in str(raised.value)


def test_a_folder_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = write_partitions(random_log(0), "parts", 2)
    assert made == open_partitions("parts")
    monkeypatch.chdir("/")
    assert_equal(read_whole(made), random_log(0))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder at"):
        open_partitions(tmp_path / "absent")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: swap(f, lambda t: t.slice(1)), "events-00001.* rows where"),
        (lambda f: swap(f, lambda t: t.slice(1), "invoices"), "invoices-00001.* rows where"),
        (lambda f: swap(f, lambda t: t.slice(1), "customers"), "customers-00001.* rows where"),
        (lambda f: swap(f, lambda t: t.drop_columns("Score")), "events-00001.*'Score' differs"),
        (lambda f: swap(f, lambda t: t.select(t.column_names[::-1])), "order differs"),
        (lambda f: swap(f, lambda t: t.append_column("new", t["row"])), "'new' differs"),
        (
            lambda f: swap(f, lambda t: t.set_column(5, "row", t["row"].cast(pa.float64()))),
            "'row' differs",
        ),
        (lambda f: swap(f, lambda t: t.replace_schema_metadata()), "of another log"),
        (lambda f: cut_short(f / "events-00001.parquet"), "events-00001.* cannot be read"),
        (lambda f: spoil(f / "events-00001.parquet"), "events-00001.* cannot be read.*CRC"),
    ],
)
def test_a_file_that_is_not_what_the_manifest_says_is_named(
    written: Partitions, harm: Callable[[Path], None], said: str
) -> None:
    harm(written.folder)
    load_partition(written, 0)
    with pytest.raises(DataError, match=said):
        load_partition(written, 1)
    with pytest.raises(DataError, match=said):
        read_whole(written)


def test_a_text_that_the_manifest_does_not_list_is_named(written: Partitions) -> None:
    kinds = written.columns | {"Channel": replace(written.columns["Channel"], levels=("web",))}
    with pytest.raises(DataError, match=r"holds '(phone|shop)'"):
        load_partition(replace(written, columns=kinds), 0)


def test_a_missing_file_or_partition_is_named(written: Partitions) -> None:
    (written.folder / "customers-00001.parquet").unlink()
    with pytest.raises(NotFoundError, match=r"customers-00001\.parquet is missing"):
        load_partition(written, 1)
    for number in (-1, 3):
        with pytest.raises(NotFoundError, match=f"no partition {number} in .* Use 0 to 2"):
            load_partition(written, number)


def test_files_that_together_are_another_log_are_refused(written: Partitions) -> None:
    parts = replace(written, parts=(written.parts[0],))
    with pytest.raises(DataError, match=r"not the log that log\.json names"):
        read_whole(parts)


# Writing


def fail_in_third(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    real = module.write_part

    def write(*stated: object) -> None:
        real(*stated)
        if stated[-1] == 2:
            raise error

    monkeypatch.setattr(module, "write_part", write)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full"), MemoryError()])
def test_work_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    fail_in_third(monkeypatch, error)
    expected = DataError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_partitions(random_log(0), tmp_path / "parts", 5)
    assert list(tmp_path.iterdir()) == []


def test_work_that_fails_half_way_leaves_the_old_folder_as_it_was(
    written: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in_third(monkeypatch, OSError("disk full"))
    with pytest.raises(DataError, match="cannot be written: disk full"):
        write_partitions(random_log(1), written.folder, 5, replace=True)
    assert [path.name for path in written.folder.parent.iterdir()] == ["parts"]
    assert_equal(read_whole(open_partitions(written.folder)), random_log(0))


def test_a_folder_whose_name_cannot_be_given_leaves_the_old_one_as_it_was(
    written: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.suffix == ".part":
            raise OSError("no")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(DataError, match="cannot be written: no"):
        write_partitions(random_log(1), written.folder, 5, replace=True)
    assert [path.name for path in written.folder.parent.iterdir()] == ["parts"]
    assert_equal(read_whole(open_partitions(written.folder)), random_log(0))


def test_partitions_are_replaced_only_when_asked_for(written: Partitions) -> None:
    with pytest.raises(DataError, match="holds partitions already"):
        write_partitions(random_log(1), written.folder, 2)
    assert_equal(read_whole(open_partitions(written.folder)), random_log(0))
    write_partitions(random_log(1), written.folder, 2, replace=True)
    assert_equal(read_whole(open_partitions(written.folder)), random_log(1))
    assert len(list(written.folder.iterdir())) == 7, "nothing of the three before"
    assert [path.name for path in written.folder.parent.iterdir()] == ["parts"]


def test_a_folder_with_other_things_in_it_is_never_replaced(
    tmp_path: Path, written: Partitions
) -> None:
    (written.folder / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"what is no partition, such as notes\.txt"):
        write_partitions(random_log(1), written.folder, 2, replace=True)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(DataError, match="is a file"):
        write_partitions(random_log(1), file, 2, replace=True)
    with pytest.raises(DataError, match="There is no folder"):
        write_partitions(random_log(1), tmp_path / "absent" / "parts", 2)
    assert (written.folder / "notes.txt").read_text() == file.read_text() == "mine"


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    assert_comes_back(random_log(0), tmp_path / "parts", 2)


def test_no_partitions_and_no_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="0 partitions"):
        write_partitions(random_log(0), tmp_path / "parts", 0)
    with pytest.raises(DataError, match="no events"):
        write_partitions(random_log(0).upto(micros("1950-01-01")), tmp_path / "parts", 1)


def test_progress_goes_up_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    made = write_partitions(
        random_log(0), tmp_path / "parts", 3, progress=lambda *now: told.append(now)
    )
    assert [done for _, done in told] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    told.clear()
    read_whole(made, progress=lambda *now: told.append(now))
    assert told[-1] == ("partition 3 of 3", 1.0)


def test_a_folder_of_partitions_is_told_from_others(tmp_path: Path, written: Partitions) -> None:
    assert is_partitioned(written.folder)
    (written.folder / "log.json").unlink()
    assert is_partitioned(written.folder), "one that lost its manifest is to be refused, not read"
    assert not is_partitioned(tmp_path)
    assert not is_partitioned(tmp_path / "absent")
    write_log(random_log(0), tmp_path / "log.parquet")
    assert not is_partitioned(tmp_path / "log.parquet")


# The command line


def run(*words: str) -> str:
    result = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_the_command_writes_partitions_that_are_a_log_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_log(random_log(0), tmp_path / "log.parquet")
    log, summary = read_log(tmp_path / "log.parquet")
    said = run("partition", "log.parquet", "parts")
    assert "244 events of 24 invoices and 5 customers written to parts in 1 partition, " in said
    size = sum(path.stat().st_size for path in (tmp_path / "parts").iterdir())
    assert f"{size:,} bytes" in said
    assert "3 partitions" in run("partition", "parts", "parts", "--partitions", "3", "--overwrite")
    again, parted = opening.read("parts", quiet=True)
    assert_equal(again, log)
    assert open_partitions("parts").name == "parts"
    found, told = parted.as_dict(), summary.as_dict()
    for key in ("rows", "events", "invoices", "customers", "companies", "period", "log_end"):
        assert found[key] == told[key], key
    for key in ("activities", "totals", "columns"):
        assert sorted(map(str, found[key])) == sorted(map(str, told[key])), key
    assert "3 partitions, written from parts" in found["notes"][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("partition", "log.parquet", "parts"), "Name another folder, or replace them"),
        (("partition", "absent.csv", "new"), "absent.csv"),
        (("partition", "log.parquet", "here/there"), "no folder"),
        (("partition", "parts", "new", "--sheet", "x"), "--sheet cannot apply to parts"),
        (("partition", "broken", "new"), "has no log.json"),
    ],
)
def test_a_wrong_call_ends_in_one_sentence_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_log(random_log(0), tmp_path / "log.parquet")
    write_partitions(random_log(0), tmp_path / "parts", 2)
    shutil.copytree("parts", "broken")
    Path("broken/log.json").unlink()
    monkeypatch.setattr(sys, "argv", ["duecast", *words])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
