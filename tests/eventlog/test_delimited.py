"""Delimited text is split the way it was meant; lines that do not fit are handed over, not lost."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.delimited import read_delimited
from eventlog.errors import DataError, DuecastError, SettingsError
from eventlog.raw import Raw

KNOWN = frozenset({"invoicenumber", "activityname", "eventtime"})


def read(folder: Path, content: bytes | str, name: str = "log.csv", **options: str) -> Raw:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    stated = {"delimiter": None, "encoding": None, **options}
    return read_delimited(path, known=KNOWN, **stated)


def rows(raw: Raw) -> list[tuple[str, ...]]:
    return list(zip(*(column.to_pylist() for column in raw.cells), strict=True))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, mark: str) -> None:
    raw = read(tmp_path, f"a{mark}b\n1{mark}2\n")
    assert raw.names == ("a", "b")
    assert rows(raw) == [("1", "2")]


def test_known_names_speak_louder_than_many_columns(tmp_path: Path) -> None:
    raw = read(tmp_path, "InvoiceNumber;Event Time;x,y,z,w\n1;2;3\n")
    assert raw.names == ("InvoiceNumber", "Event Time", "x,y,z,w")


def test_a_stated_delimiter_holds(tmp_path: Path) -> None:
    assert read(tmp_path, "a;b^c\n1;2^3\n", delimiter="^").names == ("a;b", "c")
    assert read(tmp_path, "a\tb,c\n1\t2\n", delimiter="tab").names == ("a", "b,c")


def test_the_line_that_excel_writes_first_states_the_delimiter(tmp_path: Path) -> None:
    raw = read(tmp_path, "sep=;\na,b;c\n1;2\n3\n")
    assert raw.names == ("a,b", "c")
    assert raw.lines(np.array([0, 1])).tolist() == [3, 4]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    text = "name,city\nMüller,Köln\nBöhm,Gießen\n"
    raw = read(tmp_path, text.encode(encoding))
    assert raw.names == ("name", "city")
    assert rows(raw) == [("Müller", "Köln"), ("Böhm", "Gießen")]


def test_a_stated_encoding_holds(tmp_path: Path) -> None:
    raw = read(tmp_path, "name\nŁódź\nx\n".encode("cp1250"), encoding="cp1250")
    assert rows(raw)[0] == ("Łódź",)


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    raw = read(tmp_path, gzip.compress(b"a,b\n1,2\n"), "log.csv.gz")
    assert rows(raw) == [("1", "2")]


def test_quoted_cells_may_hold_line_breaks_quotes_and_delimiters(tmp_path: Path) -> None:
    raw = read(tmp_path, 'a,b\n"x\ny","say ""hi"", ok"\n3,4\n')
    assert rows(raw) == [("x\ny", 'say "hi", ok'), ("3", "4")]


def test_line_breaks_in_cells_are_no_ends_wherever_the_file_is_cut_into_blocks(
    tmp_path: Path,
) -> None:
    raw = read(tmp_path, "a,b\n" + '"x\ny\nz","1\n2"\n' * 150_000)
    assert len(raw) == 150_000
    assert raw.cells[1].unique().to_pylist() == ["1\n2"]


def test_lines_that_do_not_fit_are_handed_over_with_a_reason(tmp_path: Path) -> None:
    raw = read(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert rows(raw) == [("1", "2"), ("7", "8")]
    assert raw.row.tolist() == [0, 3]
    assert raw.unsplit["reason"].tolist() == [
        "1 cell where the header has 2",
        "3 cells where the header has 2",
    ]
    assert raw.unsplit["text"].tolist() == ["3", "4,5,6"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_numbers_are_those_of_the_file(tmp_path: Path, ending: str) -> None:
    lines = ["a,b", "1,2", "", '"x', 'y",3', "", "4", "5,6", ""]
    raw = read(tmp_path, ending.join(lines))
    assert raw.lines(np.arange(4)).tolist() == [2, 4, 7, 8]
    assert raw.row.tolist() == [0, 1, 3]


def test_where_stray_quotes_hide_lines_records_are_counted(tmp_path: Path) -> None:
    raw = read(tmp_path, 'a,b\n5" pipe,2\n6" pipe,3\n7" pipe,4\n8\n')
    assert raw.lines(raw.row).tolist() == [2, 3, 4]


def test_a_quote_that_never_closes_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"quote on line 3 that is never closed"):
        read(tmp_path, 'a,b\n1,2\n3,"x\n5,6\n7,8\n')


def test_columns_without_a_name_are_kept_only_where_they_say_something(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b,\n1,2,\n").names == ("a", "b")
    raw = read(tmp_path, "a,,c\n1,2,3\n")
    assert raw.names == ("a", "Column 2", "c")
    assert "Column 2" in raw.notes[0]


def test_a_cell_longer_than_a_block_is_read(tmp_path: Path) -> None:
    raw = read(tmp_path, "a,b\n1," + "x" * 3_000_000 + "\n3\n")
    assert len(rows(raw)[0][1]) == 3_000_000
    assert len(raw.unsplit) == 1


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "is empty"),
        (b"\xff\xfe", "is empty"),
        (b"a,b", "holds only a header"),
        (b"a,b\n\n", "holds only a header"),
        (b"a,a\n1,2\n", r"more than one column named \['a'\]"),
        (b"a,b\n\x81,2\n", "neither UTF-8, UTF-16 nor cp1252"),
        (b"a,b\n\0\0\0\0,2\n", "binary zeros"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        read(tmp_path, content)


def test_a_damaged_packed_file_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n1,2\n" * 1000)
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(tmp_path, packed[:-20], "log.csv.gz")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "utf-16"])
def test_a_wrong_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(DataError, match="encod"):
        read(tmp_path, "a,b\nMüller,23".encode("cp1252"), encoding=encoding)


def test_unknown_encodings_and_delimiters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'klingon' is unknown"):
        read(tmp_path, "a,b\n1,2\n", encoding="klingon")
    with pytest.raises(SettingsError, match="'ab' is not one character"):
        read(tmp_path, "a,b\n1,2\n", delimiter="ab")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=80) | st.text('ab12,;"\r\n\t', max_size=60).map(str.encode))
def test_no_bytes_raise_anything_of_their_own(tmp_path: Path, content: bytes) -> None:
    try:
        raw = read(tmp_path, content)
    except DuecastError:
        return
    every = np.sort(np.append(raw.row, raw.unsplit["row"].to_numpy(dtype=np.int64)))
    assert every.tolist() == list(range(len(every)))
    assert (np.diff(raw.lines(every)) > 0).all()
