"""Rows of synthetic D365 tables: numbering, record ids, and columns in the schema's types.

A table is drawn for the company's whole life, so that numbers and record ids do not depend on the
day of the export, and cut at that day when it becomes Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventlog.dynamics.schema import TABLE_NAMED, BaseType
from eventlog.known import Ints
from eventlog.log import DAY, NONE
from eventlog.simulate_company import Bools
from eventlog.simulate_invoices import NEVER

#: First record id that D365 gives out in each table.
FIRST_REC_ID = 5_637_144_576
#: 1900-01-01, which D365 stores for an empty date, in days since 1970.
EMPTY_DAY = -25_567
SECOND = 1_000_000
HOUR = 3_600 * SECOND
_DECIMAL = pa.decimal128(32, 6)
_CENTS_TO_MICRO = 10_000
ARROW_TYPES: dict[BaseType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int32(),
    "bigInteger": pa.int64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "decimal": _DECIMAL,
}


class Coded(NamedTuple):
    """Texts as codes into levels; -1 is the empty text, as D365 stores a missing one."""

    codes: NDArray[np.integer]
    levels: Sequence[str]


#: A column as it comes: Arrow arrays among them, of which nothing is known to the type checker.
Values: TypeAlias = "NDArray[np.generic] | Coded | str | int | Any"
#: Columns of some rows by name; one number stands for all rows.
Columns: TypeAlias = "dict[str, NDArray[np.generic] | int]"


def counted(created: Ints, *groups: Ints) -> Ints:
    """Number rows from 1 in the order of their making, starting afresh in each group.

    Parameters
    ----------
    created : ndarray of int64, shape (n,)
    *groups : ndarrays of int64, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
        Rows made at the same moment keep their order.
    """
    order = np.lexsort((created, *groups))
    n = len(order)
    first = np.zeros(n, dtype=np.bool_)
    first[:1] = True
    for group in groups:
        first[1:] |= group[order][1:] != group[order][:-1]
    starts = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    number = np.empty(n, dtype=np.int64)
    number[order] = np.arange(n) - starts + 1
    return number


def rec_ids(created: Ints) -> Ints:
    """Record ids of a table's rows, rising in the order of their making; shape (n,)."""
    return FIRST_REC_ID + counted(created) - 1


def numbered(prefix: str, numbers: Ints) -> pa.Array:
    """Document numbers such as ``INV-0000042``; shape (n,)."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 7, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


def grouped(*keys: Ints) -> tuple[Ints, Ints]:
    """Groups of equal keys.

    Returns
    -------
    group : ndarray of int64, shape (n,)
        Group of each row.
    first : ndarray of int64, shape (n_groups,)
        A row of each group: its first.
    """
    order = np.lexsort(keys[::-1])
    n = len(order)
    starts = np.zeros(n, dtype=np.bool_)
    starts[:1] = True
    for key in keys:
        starts[1:] |= key[order][1:] != key[order][:-1]
    group = np.empty(n, dtype=np.int64)
    group[order] = np.cumsum(starts) - 1
    return group, order[starts]


def clock(n: int, rng: np.random.Generator) -> Ints:
    """Times of day in office hours, to the second; shape (n,), microseconds."""
    return 8 * HOUR + rng.integers(0, 9 * 3600, n) * SECOND


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Ints]:
    """Stack parts of a table.

    Parameters
    ----------
    parts : sequence of mappings of str to ndarray of int64, shape (n_part,), or int
        Each states ``created``, shape (n_part,). A column that a part lacks is 0 there.

    Returns
    -------
    dict of str to ndarray of int64, shape (n,)
    """
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: np.concatenate(
            [
                np.broadcast_to(
                    np.asarray(part.get(name, 0), dtype=np.int64), len(np.asarray(part["created"]))
                )
                for part in parts
            ]
        )
        for name in names
    }


def table(name: str, values: Mapping[str, Values], keep: Bools) -> pa.Table:
    """Some rows of a table in the schema's columns and types.

    Parameters
    ----------
    name : str
        A table of `eventlog.dynamics.schema`.
    values : mapping of str to values, shape (n,)
        Texts as `Coded`, Arrow arrays or one text for all; money in cents; dates in days since 1970
        (`NONE` and `NEVER` are empty); times in microseconds. Columns left out are empty.
    keep : ndarray of bool, shape (n,)

    Returns
    -------
    pyarrow.Table
        Empty texts are ``""``, empty numbers 0, empty dates 1900-01-01, as in D365.
    """
    declared = TABLE_NAMED[name]
    unknown = set(values) - {column.name for column in declared.columns}
    if unknown:
        raise KeyError(f"{name} declares no {sorted(unknown)}")
    rows = np.flatnonzero(keep)
    arrays = [_column(values.get(column.name), column.type, rows) for column in declared.columns]
    return pa.table(arrays, names=[column.name for column in declared.columns])


def _column(values: Values | None, kind: BaseType, rows: Ints) -> pa.Array | pa.ChunkedArray:
    """One column of some rows."""
    n = len(rows)
    if kind == "string":
        if values is None or isinstance(values, str):
            return pa.array([values or ""], pa.string()).take(pa.array(np.zeros(n, np.int32)))
        if isinstance(values, Coded):
            levels = pa.array(["", *values.levels], pa.string())
            return levels.take(pa.array(np.asarray(values.codes)[rows] + 1))
        texts: Any = values
        return texts.take(pa.array(rows))
    numbers = (
        np.broadcast_to(np.asarray(0 if values is None else values), len(rows))
        if (values is None or isinstance(values, int))
        else np.asarray(values)[rows]
    )
    if kind == "date":
        empty = (numbers == NONE) | (numbers == NEVER) | (values is None)
        return pa.array(np.where(empty, EMPTY_DAY, numbers).astype(np.int32)).cast(pa.date32())
    if kind == "datetime":
        empty = (numbers == NONE) | (values is None)
        return pa.array(np.where(empty, EMPTY_DAY * DAY, numbers)).cast(pa.timestamp("us"))
    if kind == "decimal":
        return decimals(numbers.astype(np.int64) * _CENTS_TO_MICRO)
    return pa.array(numbers.astype(np.int32 if kind == "integer" else np.int64))


def decimals(micro: Ints) -> pa.Array:
    """Decimals of 32 digits, 6 of them after the point, from millionths; shape (n,)."""
    halves = np.empty((len(micro), 2), dtype="<i8")
    halves[:, 0] = micro
    halves[:, 1] = micro >> 63
    return pa.Array.from_buffers(_DECIMAL, len(micro), [None, pa.py_buffer(halves.tobytes())])
