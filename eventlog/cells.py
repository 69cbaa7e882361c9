"""Cells of one column as text: trimmed, emptied where they say nothing, parsed once per value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.dates import Mask
from eventlog.errors import DataError
from eventlog.known import Ints
from eventlog.log import Column, Scalar
from eventlog.order import occurring, picked

#: Texts that say nothing, in upper case.
EMPTY_TEXTS = ("", "NULL", "NAN", "N/A", "-")
#: A text that a spreadsheet would run, and the same with the apostrophe that guards it.
_RUNNABLE, _GUARDED = r"^('*[=+\-@])", r"^'('*[=+\-@])"
_SAMPLE = 20_000
_TRUE, _FALSE = ("TRUE", "YES", "Y", "T", "1"), ("FALSE", "NO", "N", "F", "0")
#: Largest distance from zero at which every whole number is a float64.
EXACT = 2**53


@dataclass(frozen=True)
class Texts:
    """Texts of a column, either row by row or as distinct values with a code per row.

    Attributes
    ----------
    values : LargeStringArray
        Trimmed; null where empty.
    code : ndarray of int32 or None, shape (n_rows,)
        Position in `values` of each row; None where `values` are the rows themselves.
    """

    values: pa.LargeStringArray
    code: NDArray[np.int32] | None = None

    def spread(self, per_value: NDArray[Scalar]) -> NDArray[Scalar]:
        """Give each row what belongs to its value."""
        return per_value if self.code is None else picked(per_value, self.code)

    def spread_mask(self, per_value: Mask) -> Mask:
        """As `spread`, quick where the mask is empty, as that of unreadable cells mostly is."""
        if self.code is None or per_value.any():
            return self.spread(per_value)
        return np.zeros(len(self.code), dtype=bool)

    def rows(self, where: Ints) -> NDArray[np.object_]:
        """Texts of some rows; "" where empty."""
        places = where if self.code is None else self.code[where]
        taken = self.values.take(pa.array(places)).fill_null("")
        return np.asarray(taken.to_numpy(zero_copy_only=False), dtype=object)

    def stated(self) -> Mask:
        """Mask of the rows on which a text stands."""
        return self.spread(self.values.is_valid().to_numpy(zero_copy_only=False))


def texts_of(column: pa.ChunkedArray, name: str, *, guarded: bool = False) -> Texts:
    """The texts of a column, whatever its type.

    Whole numbers lose their decimals (12345.0 is 12345), so identifiers that a spreadsheet took
    for numbers come out as they went in. `EMPTY_TEXTS` become null.

    Parameters
    ----------
    column : ChunkedArray of shape (n_rows,)
    name : str
    guarded : bool
        Take off apostrophes that `guard` put before texts.

    Raises
    ------
    DataError
        If the column holds lists, structures or bytes.
    """
    code = None
    if pa.types.is_dictionary(column.type):
        coded = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        code, texts = coded.indices.to_numpy(), coded.dictionary
    elif _repeats(texts := _as_text(column, name)):
        coded = texts.dictionary_encode(null_encoding="encode")
        code = coded.indices.to_numpy(zero_copy_only=False)
        texts = coded.dictionary
    values = pc.utf8_trim_whitespace(texts)
    blank = pc.is_in(pc.utf8_upper(values), value_set=pa.array(EMPTY_TEXTS, pa.large_string()))
    values = pc.if_else(blank, pa.scalar(None, pa.large_string()), values)
    if guarded and pc.any(pc.starts_with(values, "'")).as_py():
        values = pc.replace_substring_regex(values, _GUARDED, r"\1")
    return Texts(values, code)


def without_unused(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column whose levels, if it is coded, all stand on some row."""
    if not pa.types.is_dictionary(column.type):
        return column
    coded = column.combine_chunks()
    code, levels = coded.indices.to_numpy(), coded.dictionary
    used = occurring(code, len(levels))
    new = np.zeros(len(levels), dtype=np.int32)
    new[used] = np.arange(len(used), dtype=np.int32)
    levels = levels.take(pa.array(used))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(picked(new, code)), levels)])


def guard(texts: pa.Array) -> pa.Array:
    """Texts for a CSV that a spreadsheet may open: none of them starts a formula.

    Texts that begin with ``= + - @`` get an apostrophe before them; `texts_of` takes it off.
    """
    return pc.replace_substring_regex(texts, _RUNNABLE, r"'\1")


def unguarded(text: str) -> str:
    """A text without the apostrophe that `guard` put before it."""
    return text[1:] if text.startswith("'") and text.lstrip("'")[:1] in tuple("=+-@") else text


def _as_text(column: pa.ChunkedArray, name: str) -> pa.LargeStringArray:
    kind = column.type
    try:
        if pa.types.is_floating(kind):
            return _float_texts(column)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_nested(kind):
            raise pa.ArrowNotImplementedError("no text")
        merged = column.cast(pa.large_string()).combine_chunks()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise DataError(f"'{name}' holds {kind}, which is no text. Export it as text.") from error
    return merged


def _float_texts(column: pa.ChunkedArray) -> pa.LargeStringArray:
    numbers = column.cast(pa.float64()).combine_chunks()
    plain = numbers.to_numpy(zero_copy_only=False)
    whole = (np.abs(plain) < EXACT) & (np.floor(plain) == plain)
    ints = pa.array(np.where(whole, plain, 0).astype(np.int64)).cast(pa.large_string())
    texts = pc.if_else(pa.array(whole), ints, numbers.cast(pa.large_string()))
    return pc.if_else(pa.array(np.isnan(plain)), pa.scalar(None, pa.large_string()), texts)


def _repeats(texts: pa.LargeStringArray) -> bool:
    """Whether coding the distinct values pays, judged by rows from all over the column."""
    step = max(len(texts) // _SAMPLE, 1)
    sample = texts if step == 1 else texts.take(pa.array(np.arange(0, len(texts), step)))
    neighbours = texts.slice(0, min(len(texts), _SAMPLE))
    spread = min(
        pc.count_distinct(part, mode="all").as_py() / max(len(part), 1)
        for part in (sample, neighbours)
    )
    return bool(spread < 0.7)


def level_column(texts: Texts, *, ordered: bool = True) -> Column:
    """Texts as a level column: codes into the distinct texts, -1 where empty.

    Levels are sorted, or in order of appearance where that takes too long for nothing, as for
    invoice numbers.
    """
    stated = texts.values.drop_null()
    levels = pc.unique(stated)
    if ordered:
        levels = levels.take(pc.array_sort_indices(levels))
    elif len(levels) == len(stated):
        valid = texts.values.is_valid().to_numpy(zero_copy_only=False)
        codes = np.where(valid, np.cumsum(valid) - 1, -1).astype(np.int32)
        return Column("level", texts.spread(codes), tuple(levels.to_pylist()))
    code = pc.index_in(texts.values, value_set=levels).fill_null(-1)
    codes = code.to_numpy(zero_copy_only=False).astype(np.int32)
    return Column("level", texts.spread(codes), tuple(levels.to_pylist()))


def compact(column: Column) -> Column:
    """The same level column without levels that no row has."""
    if column.kind != "level":
        return column
    codes = column.values.astype(np.int32, copy=False)
    used = occurring(codes, len(column.levels))
    used = used[used >= 0]
    if len(used) == len(column.levels):
        return column
    new = np.full(len(column.levels) + 1, -1, dtype=np.int32)
    new[used] = np.arange(len(used))
    return Column("level", picked(new, codes), tuple(column.levels[place] for place in used))


def objects_of(column: Column) -> NDArray[np.object_]:
    """Texts of a level column row by row; "" where empty."""
    texts = np.array([*column.levels, ""], dtype=object)
    return texts[column.values.astype(np.int32, copy=False)]


def parse_flags(texts: pa.LargeStringArray) -> tuple[pa.LargeStringArray, Mask]:
    """Flags as ``true`` and ``false``, and a mask of the texts that are neither.

    Parameters
    ----------
    texts : LargeStringArray of shape (n,)
        Trimmed; null where empty. true, yes, y, t, 1 and their opposites count, in any case.
    """
    upper = pc.utf8_upper(texts)
    yes = pc.is_in(upper, value_set=pa.array(_TRUE, pa.large_string()))
    no = pc.is_in(upper, value_set=pa.array(_FALSE, pa.large_string()))
    bad = pc.and_(texts.is_valid(), pc.invert(pc.or_(yes, no)))
    none = pa.scalar(None, pa.large_string())
    flags = pc.if_else(yes, "true", pc.if_else(no, "false", none))
    return flags.cast(pa.large_string()), np.asarray(bad.to_numpy(zero_copy_only=False))


def first_integers(texts: pa.LargeStringArray) -> NDArray[np.float64]:
    """First whole number in each text ("3 - Final" is 3), shape (n,); NaN where there is none."""
    found = pc.extract_regex(texts, r"(?P<number>[0-9]{1,9})").field(0)
    stated = pc.if_else(pc.equal(pc.binary_length(found), 0), pa.scalar(None), found)
    return stated.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
