"""Where scored invoices are kept: one transaction a run, read back page by page.

SQLite by default, PostgreSQL by URL; the schema is made on first use. Runs are only ever added: a
run that is interrupted leaves nothing behind, and scoring the same cutoff again makes another run
beside the old one. All values reach the database as bound parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa

from eventlog.errors import DataError, NotFoundError, NotReadyError
from serving.database import Database, insert_scores
from serving.schema import (
    FILTER_COLUMNS,
    RUNS,
    SCORES,
    SEARCH_COLUMNS,
    TOTAL_COLUMNS,
    cells,
    checked_rows,
    naive_utc,
    scored_frame,
)
from serving.worklist import AGEING_BUCKETS, RISK_BANDS

Tab = Literal["call", "suppressed", "all"]

#: How an earlier step is done, for messages and empty pages.
SCORE_COMMAND = "duecast score LOG"

_CHUNK = 20_000
_ORDER = {"risk_band": RISK_BANDS, "ageing_bucket": AGEING_BUCKETS}


@dataclass(frozen=True, slots=True)
class Run:
    """One scoring run.

    Attributes
    ----------
    run_id : str
    as_of, scored_at : Timestamp
        Cutoff, and when the run was made; UTC.
    log_name, log_fingerprint : str
        Which log was scored.
    history_path : str
        Parquet file of the log as scored, from which an invoice's story is read.
    reporting_currency : str
    policy : mapping
        `Policy.as_dict()` as it held.
    models : mapping of str to str
        Target -> model version.
    n_invoices : int
        Scored rows.
    open_balance, expected_loss, priority : float
        Totals over them, reporting currency.
    skipped : mapping of str to str
        Target that was not scored -> one sentence saying why.
    """

    run_id: str
    as_of: pd.Timestamp
    scored_at: pd.Timestamp
    log_name: str
    log_fingerprint: str
    history_path: str
    reporting_currency: str
    policy: Mapping[str, Any]
    models: Mapping[str, str]
    n_invoices: int
    open_balance: float
    expected_loss: float
    priority: float
    skipped: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows to look at; an empty tuple leaves a column alone, None in it means "missing"."""

    collector: tuple[str | None, ...] = ()
    segment: tuple[str | None, ...] = ()
    country: tuple[str | None, ...] = ()
    currency: tuple[str | None, ...] = ()
    risk_band: tuple[str | None, ...] = ()
    company: tuple[str | None, ...] = ()
    ageing_bucket: tuple[str | None, ...] = ()
    search: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a worklist.

    Attributes
    ----------
    count : int
    without_balance : int
        Invoices whose balance is not known; they are left out of the sums.
    open_by_currency : mapping of str to float
        Open balance in each invoice currency; "" where the currency is not stated.
    open_balance, to_collect, expected_loss, cost_of_delay, priority : float
        Reporting currency.
    """

    count: int
    without_balance: int
    open_by_currency: Mapping[str, float]
    open_balance: float
    to_collect: float
    expected_loss: float
    cost_of_delay: float
    priority: float


class Store:
    """Scoring runs in a database.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql://user:password@host/database``.

    Raises
    ------
    SettingsError
        If the URL cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def write_run(self, run: Run, frames: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Add a run with its scored rows, all or nothing.

        Parameters
        ----------
        run : Run
        frames : DataFrame of shape (run.n_invoices,), or parts of it one after the other
            Columns of the catalogue; those that are absent count as missing. ``run_id``,
            ``as_of`` and ``scored_at`` are taken from the run.

        Raises
        ------
        DataError
            If a column is not in the catalogue, a required one is absent or empty, an invoice
            stands twice, the row count is not the run's, or the run is in the store already.
        NotReadyError
            If the store cannot be reached.
        """
        parts = [frames] if isinstance(frames, pd.DataFrame) else frames
        record = {field.name: getattr(run, field.name) for field in fields(Run)} | {
            "as_of": naive_utc(run.as_of).to_pydatetime(),
            "scored_at": naive_utc(run.scored_at).to_pydatetime(),
            "history_path": str(run.history_path),
            "policy": dict(run.policy),
            "models": dict(run.models),
            "skipped": dict(run.skipped),
            "open_balance": float(run.open_balance),
            "expected_loss": float(run.expected_loss),
            "priority": float(run.priority),
        }
        with self._database.transaction() as connection:
            taken = sa.select(RUNS.c.run_id).where(RUNS.c.run_id == run.run_id)
            if connection.execute(taken).first() is not None:
                raise DataError(
                    f"Run '{run.run_id}' is in the store already, and runs are never "
                    "overwritten. Give the new run another id."
                )
            connection.execute(sa.insert(RUNS), record)
            written = 0
            for frame in parts:
                rows = checked_rows(frame, run.run_id, run.as_of, run.scored_at)
                written += len(rows)
                for start in range(0, len(rows), _CHUNK):
                    insert_scores(connection, cells(rows.iloc[start : start + _CHUNK]))
            if written != run.n_invoices:
                raise DataError(
                    f"The run states {run.n_invoices:,} invoices and has {written:,} rows. "
                    "Make them agree."
                )

    def runs(self) -> list[Run]:
        """All runs, the latest cutoff first, then the latest made."""
        query = sa.select(RUNS).order_by(RUNS.c.as_of.desc(), RUNS.c.scored_at.desc())
        with self._database.transaction() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def latest_run(self) -> Run:
        """The run with the latest cutoff; of several, the one made last.

        Raises
        ------
        NotReadyError
            If nothing has been scored yet.
        """
        runs = self.runs()
        if not runs:
            raise NotReadyError(f"Nothing has been scored yet. Run `{SCORE_COMMAND}` first.")
        return runs[0]

    def run(self, run_id: str) -> Run:
        """One run by its id.

        Raises
        ------
        NotFoundError
            If the store does not have it.
        """
        with self._database.transaction() as connection:
            row = connection.execute(sa.select(RUNS).where(RUNS.c.run_id == run_id)).mappings()
            found = row.first()
        if found is None:
            latest = [run.run_id for run in self.runs()[:5]]
            raise NotFoundError(
                f"The store has no run '{run_id}'. The latest are {latest}; choose one of the "
                "store's runs."
            )
        return _run(found)

    def worklist(
        self,
        run_id: str,
        filters: Filters | None = None,
        tab: Tab = "call",
        limit: int | None = None,
        offset: int = 0,
    ) -> pd.DataFrame:
        """Scored rows in rank order.

        Parameters
        ----------
        run_id : str
        filters : Filters, optional
        tab : {'call', 'suppressed', 'all'}
            Rows to be chased, rows on hold, or both.
        limit : int, optional
            At most so many rows; all by default.
        offset : int
            Rows to leave out at the beginning.

        Returns
        -------
        DataFrame of shape (n_rows,), the catalogue's columns
            See `serving.schema.scored_frame` for types and missing values.
        """
        query = sa.select(SCORES).where(*_conditions(run_id, filters, tab))
        query = query.order_by(SCORES.c.rank).limit(limit).offset(offset)
        with self._database.transaction() as connection:
            return scored_frame(connection.execute(query).all())

    def totals(self, run_id: str, filters: Filters | None = None, tab: Tab = "call") -> Totals:
        """Count and sums of the rows that `worklist` gives for the same question."""
        sums = [sa.func.sum(SCORES.c[name]).label(name) for name in TOTAL_COLUMNS]
        query = sa.select(
            SCORES.c.currency,
            sa.func.count().label("rows"),
            sa.func.count(SCORES.c.open_balance).label("stated"),
            sa.func.sum(SCORES.c.open_balance).label("open"),
            *sums,
        )
        query = query.where(*_conditions(run_id, filters, tab)).group_by(SCORES.c.currency)
        with self._database.transaction() as connection:
            found = connection.execute(query.order_by(SCORES.c.currency)).mappings().all()
        total = {name: sum(float(row[name] or 0) for row in found) for name in TOTAL_COLUMNS}
        return Totals(
            count=sum(row["rows"] for row in found),
            without_balance=sum(row["rows"] - row["stated"] for row in found),
            open_by_currency={
                row["currency"] or "": float(row["open"] or 0) for row in found if row["stated"]
            },
            open_balance=total["open_balance_reporting"],
            to_collect=total["to_collect"],
            expected_loss=total["expected_loss"],
            cost_of_delay=total["cost_of_delay"],
            priority=total["priority"],
        )

    def invoice(self, run_id: str, company: str, invoice: str) -> dict[str, Any]:
        """The scored row of one invoice by column name; missing values are None.

        Raises
        ------
        NotFoundError
            If the run did not score it: it was closed or not yet known at the cutoff.
        """
        key = (
            SCORES.c.run_id == run_id,
            SCORES.c.company == company,
            SCORES.c.invoice == invoice,
        )
        with self._database.transaction() as connection:
            found = connection.execute(sa.select(SCORES).where(*key)).mappings().first()
        if found is None:
            raise NotFoundError(
                f"Run '{run_id}' has no open invoice '{invoice}'"
                + (f" of company '{company}'" if company else "")
                + ". Check the number, or choose a run with another cutoff."
            )
        return dict(found)

    def choices(self, run_id: str) -> dict[str, tuple[str | None, ...]]:
        """Values that each filter can take in a run, in reading order; None (missing) last."""
        with self._database.transaction() as connection:
            return {
                name: _in_order(
                    name,
                    connection.execute(
                        sa.select(SCORES.c[name]).where(SCORES.c.run_id == run_id).distinct()
                    ).scalars(),
                )
                for name in FILTER_COLUMNS
            }


def _conditions(run_id: str, filters: Filters | None, tab: Tab) -> list[sa.ColumnElement[bool]]:
    """What a row must satisfy, as bound parameters."""
    wanted = filters or Filters()
    conditions = [SCORES.c.run_id == run_id]
    if tab != "all":
        conditions.append(SCORES.c.actionable == (tab == "call"))
    else:  # both values, said so that the index can be searched
        conditions.append(SCORES.c.actionable.in_([True, False]))
    for name in FILTER_COLUMNS:
        chosen = getattr(wanted, name)
        if chosen:
            stated = SCORES.c[name].in_([value for value in chosen if value is not None])
            missing = SCORES.c[name].is_(None)
            conditions.append(sa.or_(stated, missing) if None in chosen else stated)
    if wanted.search.strip():
        text = wanted.search.strip()
        conditions.append(
            sa.or_(*(SCORES.c[name].icontains(text, autoescape=True) for name in SEARCH_COLUMNS))
        )
    return conditions


def _in_order(name: str, found: Iterable[str | None]) -> tuple[str | None, ...]:
    values = set(found)
    stated = {value for value in values if value is not None}
    order = [value for value in _ORDER.get(name, ()) if value in stated]
    rest = sorted(stated - set(order))
    return (*order, *rest, *([None] if None in values else []))


def _run(row: Mapping[Any, Any]) -> Run:
    values = {field.name: row[field.name] for field in fields(Run)}
    return Run(
        **values
        | {
            "as_of": pd.Timestamp(values["as_of"]),
            "scored_at": pd.Timestamp(values["scored_at"]),
        }
    )
