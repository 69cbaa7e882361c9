"""SQL that reads one cell: its text, what it says in a column's type, and whether it says nothing.

The statements are made of names that the schema declares, so nothing an export holds is ever part
of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from eventlog.cells import EMPTY_TEXTS
from eventlog.dynamics.schema import Column
from eventlog.mapping import folded

#: What exports add to every table: deletion mark, version and moment of the last change.
DELETED, VERSIONS, CHANGES = (
    "isdelete",
    ("versionnumber", "sysrowversion", "sysrowversionnumber"),
    ("modifieddatetime", "sinkmodifiedon", "syncstartdatetime"),
)
ADDED = frozenset({DELETED, *VERSIONS, *CHANGES})
_MOMENT = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)? ?(Z|[+-]\d{2}(:?\d{2})?)?"
_WHOLE, _NUMBER = r"[+-]?\d{1,18}(\.0+)?", r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?"
#: SQL of a moment that can be one, or that stands for none; anything else is a slip.
_PLAUSIBLE = (
    "({0} BETWEEN TIMESTAMP '1950-01-01' AND TIMESTAMP '2200-01-01' "
    "OR CAST({0} AS DATE) IN (DATE '1900-01-01', DATE '1899-12-31', DATE '0001-01-01'))"
)


@dataclass(frozen=True)
class Cell:
    """A column of the raw table.

    Attributes
    ----------
    key : str
        Its folded name.
    kind : DataType
        Its Arrow type.
    """

    key: str
    kind: pa.DataType

    @property
    def name(self) -> str:
        """The column in SQL."""
        return f'"{self.key}"'

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        kind = self.kind.value_type if pa.types.is_dictionary(self.kind) else self.kind
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    @property
    def is_moment(self) -> bool:
        """Whether it holds dates or times."""
        return bool(pa.types.is_date(self.kind) or pa.types.is_timestamp(self.kind))

    def cut(self) -> str:
        """SQL of the cell, texts trimmed, NULL where nothing stands in it."""
        if self.is_text:
            empty = ", ".join(f"'{text}'" for text in EMPTY_TEXTS)
            text = f"trim({self.name}, ' \t\r\n\u00a0')"
            return f"CASE WHEN upper({text}) NOT IN ({empty}) THEN {text} END"
        if pa.types.is_floating(self.kind):
            return f"CASE WHEN NOT isnan({self.name}) THEN {self.name} END"
        return self.name

    def text(self) -> str:
        """SQL of what was cut as text; 12345.0 is the number 12345."""
        if pa.types.is_floating(self.kind):
            whole = f"{self.name} = floor({self.name}) AND abs({self.name}) < 9007199254740992"
            return (
                f"CASE WHEN {whole} THEN CAST(CAST({self.name} AS BIGINT) AS VARCHAR) "
                f"ELSE CAST({self.name} AS VARCHAR) END"
            )
        return self.name if self.is_text else f"CAST({self.name} AS VARCHAR)"


def value_of(cell: Cell, kind: str, labels: Mapping[str, int]) -> str:
    """SQL of a cell that was cut in its type; NULL where it cannot be read."""
    text = cell.text()
    if kind == "string":
        return text
    if kind in ("date", "datetime"):
        return _moment(cell)
    if kind == "decimal":
        exact = f"TRY_CAST({text} AS DECIMAL(38,10))"
        matches = f"regexp_full_match({text}, '{_NUMBER}')"
        return f"CASE WHEN {matches} THEN {exact} END" if cell.is_text else exact
    if pa.types.is_boolean(cell.kind):
        return f"CAST({cell.name} AS BIGINT)"
    whole = f"CASE WHEN regexp_full_match({text}, '{_WHOLE}') THEN TRY_CAST({text} AS BIGINT) END"
    if not labels or not cell.is_text:
        return whole
    words = labels if set(labels) != {"No", "Yes"} else {**labels, "False": 0, "True": 1}
    cases = " ".join(f"WHEN '{label.upper()}' THEN {number}" for label, number in words.items())
    return f"coalesce({whole}, CASE upper(replace({text}, ' ', '')) {cases} END)"


def _moment(cell: Cell) -> str:
    if cell.is_moment:
        return f"CAST({cell.name} AS TIMESTAMP)"
    if not cell.is_text:
        return "CAST(NULL AS TIMESTAMP)"
    read = f"CAST(TRY_CAST({cell.name} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"
    return f"CASE WHEN regexp_full_match({cell.name}, '{_MOMENT}') THEN {read} END"


def emptied(column: Column) -> str:
    """SQL of a staged value in its column's type, NULL where it is what D365 writes for nothing."""
    value = f'"v_{folded(column.name)}"'
    if column.type == "bigInteger":
        return f"nullif({value}, 0)"
    if column.type == "decimal":
        return f"TRY_CAST(round({value}, 4) AS DECIMAL(28,4))"
    if column.type == "date":
        return f"CASE WHEN {value} >= TIMESTAMP '1900-01-02' THEN CAST({value} AS DATE) END"
    if column.type == "datetime" or column.name == "StartDateTime":
        return f"CASE WHEN {value} >= TIMESTAMP '1900-01-02' THEN {value} END"
    return f"upper({value})" if column.name == "DataAreaId" else value


def is_bad(column: Column, kind: str) -> str:
    """SQL: something stands in the staged cell, but it is nothing of its type."""
    text, value = f'"t_{folded(column.name)}"', f'"v_{folded(column.name)}"'
    fault = f"{value} IS NULL"
    if kind in ("date", "datetime"):
        fault += f" OR NOT {_PLAUSIBLE.format(value)}"
    if kind == "decimal":  # a float's dust beyond four decimals is none
        fault += f" OR abs({value} - round({value}, 4)) > 0.000001"
        fault += f" OR TRY_CAST(round({value}, 4) AS DECIMAL(28,4)) IS NULL"
    return f"({text} IS NOT NULL AND ({fault}))"


def added_columns(kinds: Mapping[str, Cell]) -> list[str]:
    """SQL of version, changed and deleted."""
    version = next((name for name in VERSIONS if name in kinds), None)
    change = next((name for name in CHANGES if name in kinds), None)
    removed = "FALSE"
    if DELETED in kinds:
        text = kinds[DELETED].text()
        removed = f"coalesce(upper({text}) IN ('TRUE', '1', 'YES'), FALSE)"
    return [
        f"{value_of(kinds[version], 'integer', {})} AS version"
        if version
        else "CAST(NULL AS BIGINT) AS version",
        f"{_moment(kinds[change])} AS changed" if change else "CAST(NULL AS TIMESTAMP) AS changed",
        f"{removed} AS deleted",
    ]
