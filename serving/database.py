"""Reaching the database: SQLite or PostgreSQL by URL, its schema made on first use.

Everything that differs between the two stands here, so `serving.store` only asks questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from eventlog.errors import NotReadyError, SettingsError
from serving.schema import METADATA, NAMES, SCHEMA_VERSION, SCORES, VERSION

_SCHEMA_LOCK = 0x64756563  # any number that only this schema's making takes


class Database:
    """A database whose tables are there.

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
        try:
            address = sa.engine.make_url(url)
            if address.drivername in ("postgres", "postgresql"):
                address = address.set(drivername="postgresql+psycopg")
            self._engine = sa.create_engine(address)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
            raise SettingsError(
                "The store's address is neither sqlite:///<path> nor "
                f"postgresql://<user>@<host>/<database>: {error}. Mend DUECAST_STORE."
            ) from error
        self._address = address
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _tune_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._ready = False

    def __str__(self) -> str:
        """The address without its password."""
        return self._address.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection within one transaction: all that is done with it is kept, or nothing.

        Raises
        ------
        NotReadyError
            If the database cannot be reached, read or written, or holds another schema.
        SettingsError
            If the folder of an SQLite file does not exist.
        """
        try:
            if not self._ready:
                self._make_schema()
                self._ready = True
            with self._engine.begin() as connection:
                yield connection
        except (DatabaseError, psycopg.Error) as error:  # COPY speaks to the driver directly
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise NotReadyError(
                f"The store at {self} cannot be read or written: {reason}. Check DUECAST_STORE "
                "and that the database is up."
            ) from error

    def _make_schema(self) -> None:
        """Make the tables where there are none; refuse those of another version."""
        sqlite = self._engine.dialect.name == "sqlite"
        folder = Path(self._address.database or ".").parent
        if sqlite and not folder.is_dir():
            raise SettingsError(
                f"The store's folder {folder} does not exist. Create it or change DUECAST_STORE."
            )
        with self._engine.connect() as connection:
            there = sa.inspect(connection).has_table(VERSION.name)
        if not there:
            # Two first users at once: the second waits, then finds the tables made.
            with self._engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
                if not sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
                METADATA.create_all(connection)
                if connection.execute(sa.select(VERSION.c.version)).first() is None:
                    connection.execute(sa.insert(VERSION), {"version": SCHEMA_VERSION})
        with self._engine.connect() as connection:
            version = connection.execute(sa.select(VERSION.c.version)).scalar()
        if version != SCHEMA_VERSION:
            raise NotReadyError(
                f"The store at {self} has schema {version}; this duecast reads {SCHEMA_VERSION}. "
                "Point DUECAST_STORE to a new store and score again."
            )


def _tune_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    """Readers beside one writer, patience with another writer, room for the index in memory."""
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says so
    for pragma in (
        "busy_timeout = 60000",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "cache_size = -65536",
        "mmap_size = 1073741824",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own lower() leaves Ä as it is; a search should not.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def insert_scores(connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add scored rows within the connection's transaction, as fast as the driver takes them.

    Parameters
    ----------
    connection : Connection
    rows : sequence of tuple
        From `serving.schema.cells`.
    """
    names = ", ".join(NAMES)  # the catalogue's own, never from outside
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {SCORES.name} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:  # the driver's own unit; its COPY takes one row a call
                copy.write_row(row)
        return
    places = ", ".join("?" * len(NAMES))
    connection.exec_driver_sql(f"INSERT INTO {SCORES.name} ({names}) VALUES ({places})", list(rows))
