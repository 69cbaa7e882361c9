"""Plain delimited text is coded exactly as Arrow splits it; whatever else there is, is declined."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import coding
from eventlog.coding import coded_cells
from eventlog.delimited import _parsed, _width
from eventlog.errors import DuecastError


def code(content: str | bytes, width: int) -> tuple[list[str], list[list[str]]] | None:
    data = pa.py_buffer(content.encode() if isinstance(content, str) else content)
    found = coded_cells(data, ",", width)
    return found and (found[0], [column.to_pylist() for column in found[1]])


@pytest.fixture
def many_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cut even short texts into parts, as many as five cores would."""
    monkeypatch.setattr(coding, "_PART", 1)
    cores = pa.cpu_count()
    pa.set_cpu_count(5)
    yield
    pa.set_cpu_count(cores)


def test_cells_are_codes_of_the_distinct_texts_of_their_column() -> None:
    data = pa.py_buffer(b"name,size\nx,1\ny,\nx,1\n")
    header, (name, size) = coded_cells(data, ",", 2) or ([], [])
    assert header == ["name", "size"]
    assert name.chunk(0).dictionary.to_pylist() == ["", "x", "y"]
    assert name.chunk(0).indices.to_pylist() == [1, 2, 1]
    assert size.to_pylist() == ["1", "", "1"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_may_end_either_way_and_be_blank(ending: str, last: bool) -> None:
    lines = ["", "a,b", "1,2", "", "3,", *[""] * last]
    assert code(ending.join(lines), 2) == (["a", "b"], [["1", "3"], ["2", ""]])


def test_quotes_enclose_delimiters_line_breaks_and_doubled_quotes() -> None:
    text = '"a ""b""",c\n"1,\n2","say ""hi"""\n"",""\n'
    assert code(text, 2) == (['a "b"', "c"], [["1,\n2", ""], ['say "hi"', ""]])


def test_texts_that_differ_only_far_from_their_beginning_are_different() -> None:
    texts = [
        f"{'x' * length}{mark}" for length in (6, 7, 8, 15, 31, 32, 33, 40, 70) for mark in "ab"
    ]
    assert code("t\n" + "\n".join(texts * 2), 1) == (["t"], [texts * 2])


def test_a_text_is_told_from_one_that_goes_on_with_zeros() -> None:
    assert code(b"text,1\nab,1\nab\0,1\nab\0\0,1", 2) == (
        ["text", "1"],
        [["ab", "ab\0", "ab\0\0"], ["1", "1", "1"]],
    )


def test_a_table_grows_with_its_texts() -> None:
    texts = [str(number % 60_000) for number in range(120_000)]
    found = coded_cells(pa.py_buffer(("n\n" + "\n".join(texts)).encode()), ",", 1)
    assert found is not None
    assert found[1][0].to_pylist() == texts
    assert len(found[1][0].chunk(0).dictionary) == 60_001


@pytest.mark.usefixtures("many_parts")
def test_parts_are_joined_in_the_order_of_the_file_under_one_set_of_levels() -> None:
    rows = [(str(n % 7), f"v{n}", "" if n % 3 else 'two\n"lines"') for n in range(400)]
    quoted = [(a, b, '"' + c.replace('"', '""') + '"') for a, b, c in rows]
    text = "a,b,c\n" + "\n\n".join(",".join(row) for row in quoted)
    found = coded_cells(pa.py_buffer(text.encode()), ",", 3)
    assert found is not None
    assert list(zip(*(column.to_pylist() for column in found[1]), strict=True)) == rows
    levels = found[1][0].chunk(0).dictionary.to_pylist()
    assert levels == ["", "0", "1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3\n",
        "a,b\n1,2\n3,4,5\n",
        'a,b\n5" pipe,2\n',
        'a,b\n"1"x,2\n',
        'a,b\n1,"2\n',
        "a,b\r1,2\r",
        "a,b\n1\r2,3\n",
        b"a,b\nM\xfcller,2\n",
        b"a\xff,b\n1,2\n",
        "a,b\n",
        "a,b\n\n\n",
        "",
    ],
)
def test_what_is_not_plain_is_declined(content: str | bytes) -> None:
    assert code(content, 2) is None


@pytest.mark.usefixtures("many_parts")
@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["1", "ab", '"x,y"', '"a""b"', '"\n"', '""', ",", ",", "\n", "\n", "\r\n", "é"]
        ),
        max_size=40,
    )
)
def test_what_is_coded_is_what_arrow_splits(pieces: list[str]) -> None:
    data = pa.py_buffer(("a,b\n" + "".join(pieces)).encode())
    width = _width(data.to_pybytes().decode(), ",")
    coded = coded_cells(data, ",", width)
    if coded is None:
        return
    table, misfits = _parsed(data, ",", width, "log.csv")
    assert not misfits
    assert coded[0] == [column[0].as_py() for column in table.columns]
    assert [c.to_pylist() for c in coded[1]] == [c.to_pylist()[1:] for c in table.columns]


@pytest.mark.usefixtures("many_parts")
@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text('ab,"\n\r', max_size=60).map(str.encode))
def test_no_bytes_are_coded_otherwise_than_arrow_splits_them(content: bytes) -> None:
    coded = coded_cells(pa.py_buffer(content), ",", 2)
    if coded is None:
        return
    try:
        table, misfits = _parsed(pa.py_buffer(content), ",", 2, "log.csv")
    except DuecastError as error:
        raise AssertionError(content) from error
    assert not misfits
    assert [c.to_pylist() for c in coded[1]] == [c.to_pylist()[1:] for c in table.columns]
