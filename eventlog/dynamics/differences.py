"""How two event logs differ: rows that one of them lacks, and what differs in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from eventlog.log import MINOR
from eventlog.template import DUE_DATE_PASSED

_KEY = ["ActivityName", "CompanyCode", "CustomerAccount", "InvoiceNumber"]


def differences(expected: pd.DataFrame, found: pd.DataFrame, shown: int = 5) -> list[str]:
    """Compare two logs as bags of full rows.

    Parameters
    ----------
    expected, found : DataFrame
        `found` may have more columns, which are not compared. Calculated rows
        (*Payment Due Date Passed*) of both are left out. Times may be naive UTC or zoned.
    shown : int
        Examples of each kind of difference.

    Returns
    -------
    list of str
        Empty where every row stands in both equally often. Otherwise the number of rows that are
        missing and that are unexpected, by activity; then, for rows of the same activity and
        invoice (of the same activity and customer, where there is no invoice), what differs by
        column; then rows that have no partner.
    """
    columns = list(expected.columns)
    lacking = [name for name in columns if name not in found.columns]
    if lacking:
        return [f"columns lacking: {lacking}"]
    missing, unexpected = _bag_differences(
        *(
            _comparable(log.loc[log["ActivityName"] != DUE_DATE_PASSED, columns])
            for log in (expected, found)
        )
    )
    lines = []
    for rows, what in ((missing, "missing"), (unexpected, "unexpected")):
        counts = rows.groupby("ActivityName").size()
        lines += [f"{n:,} rows {what}: {activity}" for activity, n in counts.items()]
    return lines + _pairs(missing, unexpected, columns, shown) if lines else []


def _bag_differences(one: pa.Table, other: pa.Table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of each that the other lacks, as often as it lacks them."""
    names = ", ".join(f'"{name}"' for name in one.column_names)
    with duckdb.connect() as connection:
        connection.register("one", one)
        connection.register("other", other)
        left = connection.execute(
            f"SELECT {names}, CAST(sum(side) AS BIGINT) AS surplus FROM ("
            "SELECT *, 1 AS side FROM one UNION ALL BY NAME SELECT *, -1 AS side FROM other"
            f") GROUP BY {names} HAVING sum(side) <> 0"
        ).df()
    surplus = left.pop("surplus").to_numpy()
    rows = np.repeat(np.arange(len(left)), np.abs(surplus))
    over = np.repeat(surplus, np.abs(surplus)) > 0
    return left.iloc[rows[over]], left.iloc[rows[~over]]


def _comparable(log: pd.DataFrame) -> pa.Table:
    """Times in microseconds, numbers in ten-thousandths, everything else as text."""
    return pa.table({name: _cells(log[name]) for name in log.columns})


def _cells(cells: pd.Series) -> pa.Array:
    missing = cells.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        if cells.dt.tz is not None:
            cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
        return pa.array(cells.to_numpy().astype("datetime64[us]"), pa.timestamp("us"))
    stated = cells[~missing]
    numeric = pd.api.types.is_numeric_dtype(cells.dtype) or (
        len(stated) > 0 and isinstance(stated.iloc[0], Decimal | int | float)
    )
    if numeric or not len(stated):
        numbers = np.zeros(len(cells), dtype=np.int64)
        numbers[~missing] = np.rint(stated.astype("float64").to_numpy() * MINOR).astype(np.int64)
        return pa.array(numbers, pa.int64(), mask=missing)
    return pa.array(cells.astype(object), pa.string(), from_pandas=True)


def _pairs(
    missing: pd.DataFrame, unexpected: pd.DataFrame, columns: list[str], shown: int
) -> list[str]:
    """Differences of rows that belong together, by activity and column."""
    one, other = (
        rows.fillna(dict.fromkeys(_KEY, ""))
        .sort_values([*_KEY, "EventTime"])
        .assign(_rank=lambda left: left.groupby(_KEY).cumcount())
        for rows in (missing, unexpected)
    )
    pairs = one.merge(
        other, on=[*_KEY, "_rank"], how="outer", suffixes=("", " found"), indicator=True
    )
    paired = pairs[pairs["_merge"] == "both"]
    lines = []
    for column in (name for name in columns if name not in _KEY):
        left, right = paired[column], paired[f"{column} found"]
        equal = (left == right).fillna(False).astype(bool) | (left.isna() & right.isna())
        differs = paired[~equal]
        for activity, group in differs.groupby("ActivityName"):
            lines.append(
                f"{activity}, {column} differs in {len(group):,} rows: "
                + "; ".join(
                    f"{row['CompanyCode']} {row['InvoiceNumber'] or row['CustomerAccount']}: "
                    f"{_cell(row[column])} → {_cell(row[f'{column} found'])}"
                    for row in group.head(shown).to_dict("records")
                )
            )
    for side, suffix in (("left_only", ""), ("right_only", " found")):
        for activity, group in pairs[pairs["_merge"] == side].groupby("ActivityName"):
            lines += [
                f"{activity} {'missing' if not suffix else 'unexpected'}: {_shown(row, suffix)}"
                for row in group.head(shown).to_dict("records")
            ]
    return lines


def _shown(row: dict[Any, Any], suffix: str) -> str:
    """What a row states."""
    names = [name for name in row if not name.endswith(" found") and not name.startswith("_")]
    stated = {name: row[name if name in _KEY else name + suffix] for name in names}
    return ", ".join(
        f"{name}={_cell(value)}"
        for name, value in stated.items()
        if not pd.isna(value) and value != ""
    )


def _cell(value: Any) -> str:
    """A cell as the log states it: numbers are compared in ten-thousandths."""
    if pd.isna(value):
        return "nothing"
    return f"{value / MINOR:g}" if isinstance(value, int | float | np.number) else str(value)
