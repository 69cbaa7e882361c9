"""Cells of a delimited text as codes: each distinct text of a column is kept once.

Most cells of a log repeat a few texts. So the bytes are read once, cell by cell, and each cell
becomes the number of its text; no text is copied per row. The file is cut into parts, one a core,
which are coded at once and then joined. What is split here is plain: records of one width whose
quotes enclose whole cells. Anything else is left to the more patient reader in
`eventlog.delimited`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from eventlog.known import Codes, Ints
from eventlog.order import side_by_side

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
#: A machine number, whose type is found when the code is compiled.
Number = Any
Head = tuple[Number, Number, Number, Number]

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
#: Bytes that are worth a part of their own.
_PART = 1 << 22
#: Bytes that are counted at once.
_PIECE = 1 << 18
#: Levels a table has room for at first, and how often more its slots are.
_LEVELS, _SPARE = 1 << 14, 2
#: Cells that are split before they are coded, so that both stay in a core's cache.
_AT_ONCE = 1 << 13
#: Bytes of text for each level, roughly.
_A_LEVEL = 256
#: Levels of a column that a core's cache holds.
_CACHED = 1 << 12
#: A level is eight words: its first 32 bytes, where it first stands, its length, its column and
#: its code there.
_HEAD, _START, _LENGTH, _COLUMN, _CODE, _FIELDS = 32, 4, 5, 6, 7, 8
_LEVEL_BITS = np.uint64(0xFFFFFFFF)
_HASH_BITS = np.uint64(0xFFFFFFFF00000000)
#: Eight equal bytes, and each place of a byte in a word, from the top.
_ONES, _HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _SIXTEENS = np.uint64(0x2222222222222222), np.uint64(0x1010101010101010)
_PLACES = np.uint64(0x0001020304050607)
_MIX = tuple(
    np.uint64(odd)
    for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
)


@dataclass
class _Table:
    """Distinct texts of all columns of a part, found by their hashes."""

    slots: Words
    levels: Words
    n_levels: int
    counts: Codes

    def make_room(self, address: int, last: int, more: int) -> None:
        """Let there be room for so many more levels."""
        room = len(self.levels)
        while room < self.n_levels + more:
            room *= 2
        if room > len(self.levels):
            levels = _empty_levels(room)
            levels[: self.n_levels] = self.levels[: self.n_levels]
            self.levels, self.slots = levels, np.zeros(_SPARE * room, dtype=np.uint64)
            _place(address, last, levels, self.n_levels, self.slots)


def coded_cells(
    data: pa.Buffer, mark: str, width: int
) -> tuple[list[str], list[pa.ChunkedArray]] | None:
    """Split a text into cells and code them, if it is plain.

    Parameters
    ----------
    data : Buffer
        UTF-8; the first record is the header.
    mark : str
        Delimiter, one ASCII character.
    width : int
        Cells of a record.

    Returns
    -------
    header : list of str
    cells : list of ChunkedArray of dictionary<int32, large_string>, each of shape (n_records,)
        Level 0 is "", whether it occurs or not; the others stand in the order in which they do.
    None
        Where records differ in width, quotes do not enclose whole cells, lines end in a carriage
        return alone, bytes are no UTF-8, or there is no record but the header.
    """
    if len(data) < 8:  # texts are compared eight bytes at a time
        return None
    view = np.frombuffer(data, dtype=np.uint8)
    table, codes, byte = _new_table(width), np.empty((width, 1), dtype=np.int32), ord(mark)
    found = _coded(view, 0, len(view), byte, table, codes)
    if found is None:
        return None
    cuts = _cuts(view, found[1])
    most = side_by_side(
        lambda ends: _count(view, ends[0], ends[1], _NEWLINE) + 1, list(pairwise(cuts)), len(view)
    )
    codes_of = np.empty((width, sum(most)), dtype=np.int32)
    firsts = np.cumsum([0, *most])
    tables = [_new_table(width, end - begin) for begin, end in pairwise(cuts)]

    def code(part: int) -> int:
        room = codes_of[:, firsts[part] : firsts[part + 1]]
        coded = _coded(view, cuts[part], cuts[part + 1], byte, tables[part], room)
        return -1 if coded is None else coded[0]

    n_records = side_by_side(code, range(len(most)), len(view))
    if min(n_records) < 0 or not sum(n_records):
        return None
    _join(view, tables, codes_of, firsts, n_records)
    try:
        header = [
            texts[code].as_py()
            for texts, code in zip(_levels(view, table, width), codes[:, 0].tolist(), strict=True)
        ]
        levels = _levels(view, tables[0], width)
    except pa.ArrowInvalid:
        return None
    total = sum(n_records)
    return header, [
        pa.chunked_array(
            [pa.DictionaryArray.from_arrays(pa.array(column[:total]), texts, safe=False)]
        )
        for column, texts in zip(codes_of, levels, strict=True)
    ]


def _new_table(width: int, size: int = 0) -> _Table:
    """A table for so many bytes of text; rooms that are not used cost nothing."""
    table = _Table(
        slots=np.zeros(_SPARE * _LEVELS, dtype=np.uint64),
        levels=_empty_levels(_LEVELS),
        n_levels=1,
        counts=np.ones(width, dtype=np.int32),
    )
    table.make_room(0, 0, max(_AT_ONCE, width, size // _A_LEVEL))
    return table


def _empty_levels(room: int) -> Words:
    """Levels, each in one line of the cache."""
    words = np.zeros((room + 1) * _FIELDS, dtype=np.uint64)
    first = -words.ctypes.data % 64 // 8
    return words[first : first + room * _FIELDS].reshape(room, _FIELDS)


def _coded(
    view: Bytes, begin: int, end: int, mark: int, table: _Table, codes: Codes
) -> tuple[int, int] | None:
    """Code records until there is no more room or text: how many, and where the next begins.

    None where they are not plain.
    """
    record, address = 0, view.ctypes.data
    last = address + len(view) - 8
    while begin < end and record < codes.shape[1]:
        record, begin, table.n_levels = _code_records(
            view, address, last, begin, end, mark,
            table.slots, table.levels, table.n_levels, table.counts, codes, record,
        )  # fmt: skip
        if begin < 0:
            return None
        table.make_room(address, last, max(_AT_ONCE, len(codes)))
    return record, begin


def _join(
    view: Bytes, tables: list[_Table], codes: Codes, firsts: Ints, n_records: list[int]
) -> None:
    """Bring all parts under the levels of the first, and their records side by side."""
    address, to = view.ctypes.data, n_records[0]
    last = address + len(view) - 8
    joined = tables[0]
    for part, table in enumerate(tables[1:], 1):
        own = table.levels[: table.n_levels]
        joined.make_room(address, last, len(own))
        by_column = _by_column(own, len(codes))
        code_of = []
        for column, places in enumerate(by_column):
            begins, lengths = own[places, _START], own[places, _LENGTH]
            code_of.append(np.zeros(len(places) + 1, dtype=np.int32))
            joined.n_levels = _code(
                address, last, begins.astype(np.int64), lengths.astype(np.int32), column,
                joined.slots, joined.levels, joined.n_levels, joined.counts, code_of[column][1:],
            )  # fmt: skip

        def place(
            column: int,
            code_of: list[Codes] = code_of,
            start: int = int(firsts[part]),
            to: int = to,
            n: int = n_records[part],
        ) -> None:
            _move(codes[column], start, to, n, code_of[column])

        side_by_side(place, range(len(codes)), n_records[part])
        to += n_records[part]


def _by_column(levels: Words, width: int) -> list[Ints]:
    """Positions of the levels of each column, in the order of their codes; "" is left out."""
    column = levels[1:, _COLUMN].astype(np.int64)
    order = np.argsort(column, kind="stable") + 1
    ends = np.cumsum(np.bincount(column, minlength=width))
    return np.split(order, ends[:-1])


def _levels(view: Bytes, table: _Table, width: int) -> list[pa.LargeStringArray]:
    """Texts of the levels of each column; quotes that were doubled inside a cell are single.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a text is no UTF-8.
    """

    def texts(places: Ints) -> pa.LargeStringArray:
        chosen = table.levels[places]
        offsets = np.zeros(len(chosen) + 2, dtype=np.int64)
        written = np.empty(int(chosen[:, _LENGTH].sum()), dtype=np.uint8)
        _copy(view, chosen, offsets, written)
        array = pa.LargeStringArray.from_buffers(
            len(chosen) + 1, pa.py_buffer(offsets), pa.py_buffer(written)
        )
        array.validate(full=True)
        return array

    places = _by_column(table.levels[: table.n_levels], width)
    return side_by_side(texts, places, table.n_levels)


def _cuts(view: Bytes, body: int) -> list[int]:
    """Where the parts of a text begin, and its end: after line breaks that no quotes enclose."""
    size = len(view) - body
    n_parts = max(min(pa.cpu_count(), size // _PART), 1)
    cuts, quotes = [body], 0
    for part in range(1, n_parts):
        aim = max(body + size * part // n_parts, cuts[-1])
        quotes += _count(view, cuts[-1], aim, _QUOTE)
        cuts.append(_next_line(view, aim, quotes % 2 == 1))
        quotes += _count(view, aim, cuts[-1], _QUOTE)
    return [*cuts, len(view)]


def _count(view: Bytes, begin: int, end: int, byte: int) -> int:
    """How often a byte occurs, looked for in pieces that stay in the cache."""
    pieces = range(begin, end, _PIECE)
    return sum(int(np.count_nonzero(view[at : min(at + _PIECE, end)] == byte)) for at in pieces)


@numba.njit(cache=True, nogil=True)
def _next_line(view: Bytes, position: int, quoted: bool) -> int:  # pragma: no cover - compiled
    while position < len(view):
        byte = view[position]
        position += 1
        if byte == _QUOTE:
            quoted = not quoted
        elif byte == _NEWLINE and not quoted:
            break
    return position


def _load(context: Any, address: Any) -> Any:
    """How the eight bytes at an address are loaded as one word, aligned or not."""

    def load(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word = builder.load(
            builder.inttoptr(given[0], context.get_value_type(types.uint64).as_pointer())
        )
        word.align = 1
        return word

    return types.uint64(types.int64), load


_eight_bytes: Any = intrinsic(_load)


# The functions below take addresses and not arrays: handing an array on counts its users, which
# would cost more than what is done for a cell. `last` is the last address at which eight bytes of
# the text can be read.


@numba.njit(cache=True, nogil=True)
def _word(address: Number, length: Number, last: Number) -> Number:  # pragma: no cover - compiled
    """Up to eight bytes of a text as one word, filled up with zeros; `length` is above 0."""
    if address <= last:
        word = _eight_bytes(address)
    else:
        word = _eight_bytes(last) >> np.uint64(8 * (address - last))
    if length < 8:
        spare = np.uint64(64 - 8 * length)
        word = word << spare >> spare
    return word


@numba.njit(cache=True, nogil=True)
def _head(address: Number, length: Number, last: Number) -> Head:  # pragma: no cover - compiled
    """The first 32 bytes of a text as four words."""
    second = third = fourth = np.uint64(0)
    first = _word(address, length, last)
    if length > 8:
        second = _word(address + 8, length - 8, last)
        if length > 16:
            third = _word(address + 16, length - 16, last)
            if length > 24:
                fourth = _word(address + 24, length - 24, last)
    return first, second, third, fourth


@numba.njit(cache=True, nogil=True)
def _hash(
    address: Number,
    length: Number,
    column: Number,
    last: Number,
    head: Head,
) -> Number:  # pragma: no cover - compiled
    mixed = (head[0] ^ np.uint64(length)) * _MIX[0] + (head[1] ^ np.uint64(column)) * _MIX[1]
    mixed ^= head[2] * _MIX[2] + head[3] * _MIX[3]
    for place in range(_HEAD, length, 8):
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX[0]
        mixed += _word(address + place, length - place, last)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX[1]
    return mixed ^ (mixed >> np.uint64(29))


@numba.njit(cache=True, nogil=True)
def _same_tail(
    one: Number, other: Number, length: Number, last: Number
) -> bool:  # pragma: no cover - compiled
    """Whether two texts of one length agree beyond their heads."""
    for place in range(_HEAD, length, 8):
        left = length - place
        if _word(one + place, left, last) != _word(other + place, left, last):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _code(
    address: int,
    last: int,
    begins: Ints,
    lengths: Codes,
    column: int,
    slots: Words,
    levels: Words,
    n_levels: int,
    counts: Codes,
    codes: Codes,
) -> int:  # pragma: no cover - compiled
    """Code cells of one column, for whose levels there is room; the number of levels then."""
    mask, n = np.uint64(len(slots) - 1), len(begins)
    hashes, fetched = np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.uint64)
    heads = np.empty((n, 4), dtype=np.uint64)
    for i in range(n):
        length = np.int64(lengths[i])
        hashes[i] = 0
        if length:
            here = address + begins[i]
            head = _head(here, length, last)
            heads[i, 0], heads[i, 1], heads[i, 2], heads[i, 3] = head
            hashes[i] = _hash(here, length, column, last, head)
    if counts[column] > _CACHED:
        # Fetch all that will be looked at, so that waiting for memory is done once and not n times.
        for i in range(n):
            fetched[i] = slots[hashes[i] & mask]
        for i in range(n):
            codes[i] = levels[fetched[i] & _LEVEL_BITS, _CODE]
    for i in range(n):
        length = np.int64(lengths[i])
        if length == 0:
            codes[i] = 0
            continue
        head = (heads[i, 0], heads[i, 1], heads[i, 2], heads[i, 3])
        mixed = hashes[i]
        slot = mixed & mask
        while True:
            entry = slots[slot]
            if entry == 0:
                slots[slot] = (mixed & _HASH_BITS) | np.uint64(n_levels)
                levels[n_levels, 0] = head[0]
                levels[n_levels, 1] = head[1]
                levels[n_levels, 2] = head[2]
                levels[n_levels, 3] = head[3]
                levels[n_levels, _START] = begins[i]
                levels[n_levels, _LENGTH] = length
                levels[n_levels, _COLUMN] = column
                levels[n_levels, _CODE] = counts[column]
                codes[i] = counts[column]
                counts[column] += 1
                n_levels += 1
                break
            if (entry ^ mixed) & _HASH_BITS == 0:
                level = entry & _LEVEL_BITS
                if (
                    levels[level, 0] == head[0]
                    and levels[level, 1] == head[1]
                    and levels[level, 2] == head[2]
                    and levels[level, 3] == head[3]
                    and levels[level, _LENGTH] == np.uint64(length)
                    and levels[level, _COLUMN] == np.uint64(column)
                ):
                    here = address + begins[i]
                    there = address + np.int64(levels[level, _START])
                    if length <= _HEAD or _same_tail(here, there, length, last):
                        codes[i] = levels[level, _CODE]
                        break
            slot = (slot + np.uint64(1)) & mask
    return n_levels


@numba.njit(cache=True, nogil=True)
def _hits(word: np.uint64, marks: np.uint64) -> np.uint64:  # pragma: no cover - compiled
    """High bits of the bytes of a word that are delimiters, quotes or below 16.

    The lowest bit is exact; those above it may be too many.
    """
    mark, quote = word ^ marks, word ^ _QUOTES
    found = (mark - _ONES) & ~mark | (quote - _ONES) & ~quote | (word - _SIXTEENS) & ~word
    return found & _HIGH_BITS


@numba.njit(cache=True, nogil=True)
def _split(
    view: Bytes, address: int, position: Number, end: int, mark: int, begins: Ints, lengths: Codes
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Find the cells of the next records, as many as there is room for.

    Returns their number and where the next one begins; -1 if they are not plain.
    """
    width, most = begins.shape
    ends_cell = np.zeros(256, dtype=np.bool_)
    ends_cell[mark] = ends_cell[_NEWLINE] = ends_cell[_RETURN] = ends_cell[_QUOTE] = True
    marks, by_words = np.uint64(mark) * _ONES, end - 8
    record = 0
    while record < most and position < end:
        if view[position] == _NEWLINE:  # a blank line is no record
            position += 1
            continue
        if view[position] == _RETURN and position + 1 < end and view[position + 1] == _NEWLINE:
            position += 2
            continue
        for column in range(width):
            if position < end and view[position] == _QUOTE:
                position += 1
                begin = position
                while True:
                    while position < end and view[position] != _QUOTE:
                        position += 1
                    if position >= end:
                        return record, -1
                    if position + 1 == end or view[position + 1] != _QUOTE:
                        break
                    position += 2
                length = position - begin
                position += 1
            else:
                begin = position
                while True:
                    while position <= by_words:  # eight bytes at a time
                        found = _hits(_eight_bytes(address + position), marks)
                        if found:
                            lowest = (found & (~found + np.uint64(1))) >> np.uint64(7)
                            position += np.int64((lowest * _PLACES) >> np.uint64(56))
                            break
                        position += 8
                    if position >= end or ends_cell[view[position]]:
                        break
                    position += 1
                length = position - begin
            begins[column, record] = begin
            lengths[column, record] = length
            if column < width - 1:
                if position >= end or view[position] != mark:
                    return record, -1
                position += 1
            elif position < end:
                if view[position] == _RETURN and position + 1 < end:
                    position += 1
                if view[position] != _NEWLINE:
                    return record, -1
                position += 1
        record += 1
    return record, position


@numba.njit(cache=True, nogil=True)
def _code_records(
    view: Bytes,
    address: int,
    last: int,
    position: int,
    end: int,
    mark: int,
    slots: Words,
    levels: Words,
    n_levels: int,
    counts: Codes,
    codes: Codes,
    record: int,
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Split and code records while there is room for them and for their levels.

    Returns the number of the next record, where it begins (-1 if something is not plain), and the
    number of levels.
    """
    width, most = codes.shape
    begins = np.empty((width, max(_AT_ONCE // width, 1)), dtype=np.int64)
    lengths = np.empty(begins.shape, dtype=np.int32)
    while record < most and position < end and n_levels + begins.size <= len(levels):
        n = min(begins.shape[1], most - record)
        n, position = _split(view, address, position, end, mark, begins[:, :n], lengths[:, :n])
        if position < 0:
            break
        for column in range(width):
            n_levels = _code(
                address, last, begins[column, :n], lengths[column, :n], column,
                slots, levels, n_levels, counts, codes[column, record : record + n],
            )  # fmt: skip
        record += n
    return record, position, n_levels


@numba.njit(cache=True, nogil=True)
def _place(
    address: int, last: int, levels: Words, n_levels: int, slots: Words
) -> None:  # pragma: no cover - compiled
    """Enter levels in an empty table."""
    mask = np.uint64(len(slots) - 1)
    for level in range(1, n_levels):
        length, column = np.int64(levels[level, _LENGTH]), np.int64(levels[level, _COLUMN])
        head = (levels[level, 0], levels[level, 1], levels[level, 2], levels[level, 3])
        mixed = _hash(address + np.int64(levels[level, _START]), length, column, last, head)
        slot = mixed & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = (mixed & _HASH_BITS) | np.uint64(level)


@numba.njit(cache=True, nogil=True)
def _move(
    codes: Codes, start: int, to: int, n: int, code_of: Codes
) -> None:  # pragma: no cover - compiled
    for i in range(n):
        codes[to + i] = code_of[codes[start + i]]


@numba.njit(cache=True, nogil=True)
def _copy(
    view: Bytes, levels: Words, offsets: Ints, texts: Bytes
) -> None:  # pragma: no cover - compiled
    """Write "" and the texts of levels one after the other."""
    at = 0
    for level in range(len(levels)):
        begin = np.int64(levels[level, _START])
        end = begin + np.int64(levels[level, _LENGTH])
        while begin < end:
            byte = view[begin]
            texts[at] = byte
            at += 1
            begin += 2 if byte == _QUOTE else 1
        offsets[level + 2] = at
