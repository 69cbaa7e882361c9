"""How a scored row is laid out in the database: tables, and values on their way in and out.

The `scores` table is built from the catalogue in `serving.worklist`; its digest is part of the
schema's version, so a store written by another catalogue is recognised instead of misread.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from eventlog.errors import DataError, bad_rows
from serving.worklist import COLUMNS

#: Columns that the pages filter by; each a tuple of values in `serving.store.Filters`.
FILTER_COLUMNS = (
    "collector",
    "segment",
    "country",
    "currency",
    "risk_band",
    "company",
    "ageing_bucket",
)
#: Columns that a search text is looked for in.
SEARCH_COLUMNS = ("invoice", "customer_name", "customer_account")
#: Reporting amounts that are added up for totals.
TOTAL_COLUMNS = (
    "open_balance_reporting",
    "to_collect",
    "expected_loss",
    "cost_of_delay",
    "priority",
)

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "int": sa.BigInteger(),
    "number": sa.Double(),
    "money": sa.Numeric(asdecimal=False),
    "probability": sa.Double(),
    "date": sa.Date(),
    "time": sa.DateTime(),
    "flag": sa.Boolean(),
}
_DTYPES = {
    "text": "object",
    "int": "Int64",
    "number": "float64",
    "money": "float64",
    "probability": "float64",
    "date": "datetime64[us]",
    "time": "datetime64[us]",
    "flag": "boolean",
}
#: Names of the catalogue's columns, in its order.
NAMES = [column.name for column in COLUMNS]
#: Columns without which a row cannot be found or ranked.
REQUIRED = ("company", "invoice", "rank", "actionable", "run_id")

#: Changes when the layout of a table or the catalogue does.
SCHEMA_VERSION = "1-{:08x}".format(
    zlib.crc32(" ".join(f"{column.name}:{column.kind}" for column in COLUMNS).encode())
)

METADATA = sa.MetaData()

VERSION = sa.Table("schema_version", METADATA, sa.Column("version", sa.Text, primary_key=True))

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("scored_at", sa.DateTime, nullable=False),
    sa.Column("log_name", sa.Text, nullable=False),
    sa.Column("log_fingerprint", sa.Text, nullable=False),
    sa.Column("history_path", sa.Text, nullable=False),
    sa.Column("reporting_currency", sa.Text, nullable=False),
    sa.Column("policy", sa.JSON, nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("n_invoices", sa.BigInteger, nullable=False),
    sa.Column("open_balance", sa.Numeric(asdecimal=False), nullable=False),
    sa.Column("expected_loss", sa.Numeric(asdecimal=False), nullable=False),
    sa.Column("priority", sa.Numeric(asdecimal=False), nullable=False),
    sa.Column("skipped", sa.JSON, nullable=False),
    sa.Index("runs_latest", "as_of", "scored_at"),
)

SCORES = sa.Table(
    "scores",
    METADATA,
    *(
        sa.Column(column.name, _TYPES[column.kind], nullable=column.name not in REQUIRED)
        for column in COLUMNS
    ),
    sa.PrimaryKeyConstraint("run_id", "company", "invoice"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"]),
    sa.Index("scores_page", "run_id", "actionable", "rank"),
    # Holds all that filters, totals and choices read, so they never touch the wide rows.
    sa.Index(
        "scores_totals",
        "run_id",
        "actionable",
        *FILTER_COLUMNS,
        "rank",
        "open_balance",
        *TOTAL_COLUMNS,
    ),
)


def checked_rows(
    frame: pd.DataFrame, run_id: str, as_of: pd.Timestamp, scored_at: pd.Timestamp
) -> pd.DataFrame:
    """A scored frame with all columns of the catalogue, in rank order.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows,)
        Columns that are absent become missing; an empty company becomes "".
    run_id : str
    as_of, scored_at : Timestamp
        Of the run; they are the same on every row.

    Raises
    ------
    DataError
        If a column is not in the catalogue, a required one is absent or empty, or an invoice
        stands twice.
    """
    unknown = sorted(set(map(str, frame.columns)) - set(NAMES))
    if unknown:
        raise DataError(
            f"The scored frame has columns {unknown}, which the catalogue does not name. Add them "
            "to serving.worklist.COLUMNS, or drop them."
        )
    absent = [name for name in REQUIRED if name != "run_id" and name not in frame]
    if absent:
        raise DataError(f"The scored frame lacks {absent}. Add them.")
    rows = frame.assign(
        run_id=run_id,
        as_of=naive_utc(as_of),
        scored_at=naive_utc(scored_at),
        company=frame["company"].fillna(""),
    ).reindex(columns=NAMES)
    for name in REQUIRED:
        empty = np.flatnonzero(rows[name].isna())
        if len(empty):
            raise bad_rows(f"'{name}' is empty", empty.tolist(), len(rows), "Fill it.")
    twice = np.flatnonzero(rows.duplicated(["company", "invoice"]))
    if len(twice):
        rule = "'invoice' stands there again for its company"
        raise bad_rows(rule, twice.tolist(), len(rows), "Score each invoice once.")
    return rows.sort_values("rank", kind="stable")


def naive_utc(moment: pd.Timestamp) -> pd.Timestamp:
    """A moment as naive UTC, whichever way it came."""
    stamp = pd.Timestamp(moment)
    return stamp if stamp.tzinfo is None else stamp.tz_convert("UTC").tz_localize(None)


def cells(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Rows of `checked_rows` as tuples that a database driver takes; missing becomes None.

    Raises
    ------
    DataError
        If a value cannot be read as its column's kind.
    """
    columns = []
    for column in COLUMNS:
        try:
            columns.append(_sent(rows[column.name], column.kind))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"'{column.name}' holds a value that is no {column.kind}: {error}. Mend the "
                "scored frame."
            ) from error
    return list(zip(*columns, strict=True))


def _sent(values: pd.Series[Any], kind: str) -> list[Any]:
    """One column as Python values; times in the text form that SQLAlchemy keeps in SQLite."""
    missing = values.isna().to_numpy()
    if kind in ("date", "time"):
        moments = utc(values).to_numpy(dtype="datetime64[us]")
        code, distinct = pd.factorize(
            moments.astype(f"datetime64[{'D' if kind == 'date' else 'us'}]")
        )
        text = np.datetime_as_string(distinct) if len(distinct) else np.array([""])
        plain = np.char.replace(text, "T", " ").astype(object)[code]
    elif kind == "text":
        plain = values.astype(str).to_numpy(dtype=object)
    elif kind == "flag":
        plain = values.astype("boolean").to_numpy(dtype=object)
    elif kind == "int":
        plain = values.astype("Int64").to_numpy(dtype=object)
    else:
        plain = values.astype("float64").to_numpy().astype(object)
    if missing.any():
        plain[missing] = None
    return list(plain.tolist())


def utc(values: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Moments as naive UTC, whichever way they came; NaT stays."""
    moments = pd.to_datetime(values)
    if getattr(moments.dt, "tz", None) is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    return moments


def scored_frame(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Rows from the database, in the catalogue's columns, as a typed frame.

    Returns
    -------
    DataFrame of shape (n_rows,)
        Texts as objects (None where missing), whole numbers as Int64, money and probabilities as
        float64 (NaN), dates and times as datetime64[us] (NaT, naive UTC), flags as boolean.
    """
    frame = pd.DataFrame(list(rows), columns=NAMES, dtype=object)
    return frame.astype({column.name: _DTYPES[column.kind] for column in COLUMNS})
