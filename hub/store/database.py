"""The hub's database: one engine, short transactions, SQLite or PostgreSQL.

``XINGLIN_HUB_DATABASE`` (an SQLAlchemy URL) names a PostgreSQL; without it a SQLite file in the
hub's folder serves. Code that appends to a chain takes the row lock of its hospital first
(:func:`locked`): on PostgreSQL ``SELECT … FOR UPDATE``, on SQLite ``BEGIN IMMEDIATE`` already
holds the only write lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Select, create_engine, event, text

_MIGRATIONS = Path(__file__).with_name("migrations")
_MIGRATING = 0x5849_4D49_4752_4154  # "XIMIGRAT": the lock of who migrates


class HubDatabase:
    """An engine and how to use it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Hold a transaction that writes; commit at its end, roll back on any exception."""
        with self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Hold a transaction that only reads."""
        with self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection
            connection.rollback()

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded default serves."""
        return self.engine.dialect.name == "sqlite"

    def migrate(self) -> None:
        """Bring the tables to this release's shape; processes that start at once wait in turn."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.write() as connection:
            if not self.is_sqlite:
                number = {"number": _MIGRATING}
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), number)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str) -> HubDatabase:
    """Connect; ``sqlite:///path`` or ``postgresql+psycopg://…``."""
    if not url.startswith("sqlite"):
        return HubDatabase(create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=24))
    engine = create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=8, max_overflow=56
    )

    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, so that a writer is one from the start
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "busy_timeout = 30000",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)
    return HubDatabase(engine)


def locked(query: Select[Any]) -> Select[Any]:
    """Return the query with a row lock, where the database has such a thing."""
    return query.with_for_update()
