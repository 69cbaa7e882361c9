"""What a source holds before anything in it is understood: named columns of text or typed cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from eventlog.errors import DataError
from eventlog.known import Ints
from eventlog.mapping import Mapping as NameMapping
from eventlog.workbook.sheet_place import SheetPlace

#: A number that reads as one thousand and something or as one and something.
_TWO_FACED = r"^-?[1-9]\d{0,2}\.\d{3}$"


@dataclass(frozen=True)
class Raw:
    """Rows of a source.

    Attributes
    ----------
    name : str
        How messages call the source.
    names : tuple of str
        Column names as the source has them, trimmed, distinct.
    cells : tuple of pyarrow.ChunkedArray, each of shape (n_rows,)
        Text (large_string), coded texts (dictionary of int32 and large_string) or typed cells, in
        the order of `names`.
    row : ndarray of int64, shape (n_rows,)
        Number of the data row, the first being 0; rows that could not be split count.
    lines : callable
        From numbers of data rows to line numbers in the source's own counting. Delimited files:
        line of the file, the header's usually being 1. Excel: row of the sheet. All others: number
        of the row, the first being 1.
    unsplit : DataFrame, columns row, reason, text
        Lines that have more or fewer cells than the header.
    notes : tuple of str
        What was assumed about the source.
    serials : bool
        True where numbers may stand for dates (Excel).
    guarded : bool
        True where an apostrophe may guard a text against being run (CSV and Excel).
    kinds : mapping of str to str
        Kinds of columns that the source itself states.
    mapping : eventlog.mapping.Mapping or None
        What the source itself says its names mean.
    sheet : SheetPlace or None
        Where the rows stand, of a workbook.
    """

    name: str
    names: tuple[str, ...]
    cells: tuple[pa.ChunkedArray, ...]
    row: Ints
    lines: Callable[[Ints], Ints]
    unsplit: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"row": [], "reason": [], "text": []})
    )
    notes: tuple[str, ...] = ()
    serials: bool = False
    guarded: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)
    mapping: NameMapping | None = None
    sheet: SheetPlace | None = None

    def __len__(self) -> int:
        """Number of rows that could be split into cells."""
        return len(self.row)


def named(
    names: list[str], cells: list[pa.ChunkedArray], source: str
) -> tuple[tuple[str, ...], tuple[pa.ChunkedArray, ...], list[str]]:
    """Check and complete column names.

    Columns without a name are left out where they are empty, and are called ``Column 7`` by their
    position otherwise.

    Returns
    -------
    names : tuple of str
    cells : tuple of ChunkedArray
    notes : list of str

    Raises
    ------
    DataError
        If two columns have the same name.
    """
    kept, notes = [], []
    for place in counted(names, cells):
        trimmed = names[place].strip()
        if not trimmed:
            trimmed = f"Column {place + 1}"
            notes.append(f"Column {place + 1} has no name; it is kept as '{trimmed}'.")
        kept.append((trimmed, cells[place]))
    taken = [name for name, _ in kept]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise DataError(
            f"{source} has more than one column named {twice}. Rename or remove all but one."
        )
    return tuple(taken), tuple(column for _, column in kept), notes


def counted(names: list[str], cells: list[pa.ChunkedArray]) -> list[int]:
    """Positions of the columns that have a name or hold something."""
    return [
        place
        for place, (name, column) in enumerate(zip(names, cells, strict=True))
        if name.strip() or not is_blank(column)
    ]


def is_blank(column: pa.ChunkedArray) -> bool:
    """Whether no cell of a column holds anything but spaces."""
    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array([part.dictionary for part in column.chunks])
    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        return not any(text and text.strip() for text in column.unique().to_pylist())
    return column.null_count == len(column)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Coded cells as the values they stand for; all texts of one type."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    return column


def numbered(rows: Ints) -> Ints:
    """Line numbers of sources that have no lines: the first data row is 1."""
    return rows + 1


def typed_objects(values: pd.Series) -> pa.ChunkedArray:
    """A column of Python objects as Arrow: numbers stay numbers, everything else becomes text.

    Parameters
    ----------
    values : Series of object, shape (n,)
        Numbers, texts, dates, times, booleans; None, NaN and "" are empty.

    Raises
    ------
    DataError
        If a text is no valid Unicode.
    """
    missing = (values.isna() | (values == "")).to_numpy(dtype=bool)
    kind = pd.api.types.infer_dtype(values[~missing], skipna=False) if not missing.all() else ""
    if kind in ("floating", "integer", "mixed-integer-float"):
        numbers = pd.to_numeric(values.where(~missing), errors="coerce")
        if not numbers[~missing].isna().any():
            plain = numbers.to_numpy(dtype=np.float64)
            exact = kind == "floating" or bool((np.abs(plain[~missing]) < 2**53).all())
            if exact:
                return pa.chunked_array([pa.array(plain, mask=missing)])
    is_float = values.map(float.__instancecheck__).to_numpy(dtype=bool) & ~missing
    try:
        texts = values.astype(object).where(~missing, "").map(str)
        if is_float.any():
            floats = texts[is_float].str.replace(r"\.0$", "", regex=True)
            # A number is never two-faced, its text may be: 1.234 becomes 1.2340.
            texts[is_float] = floats.where(~floats.str.match(_TWO_FACED), floats + "0")
        return pa.chunked_array([pa.array(texts, type=pa.large_string())])
    except (UnicodeEncodeError, pa.ArrowException) as error:
        raise DataError(
            f"'{values.name}' holds text that is not valid Unicode. Write it again as UTF-8."
        ) from error
