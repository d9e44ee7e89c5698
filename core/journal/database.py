"""One encrypted SQLite file (SQLCipher), opened the way every store of ours needs it.

WAL and ``synchronous=FULL``: a committed transaction survives power loss. ``secure_delete``: what
is deleted is overwritten. Several processes may hold the file; writers take ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher


class Database:
    """A connection with its lock.

    Parameters
    ----------
    path : Path
        The file; ":memory:" for tests.
    key : bytes
        32 bytes; given to SQLCipher as a raw key (no passphrase stretching).
    """

    def __init__(self, path: Path | str, key: bytes) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._path, self._key = str(path), key
        self.connection = self._connect()
        self._looker: Any = None
        self._look_lock = threading.Lock()

    def _connect(self) -> Any:
        connection = sqlcipher.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=30.0
        )
        connection.execute(f"PRAGMA key = \"x'{self._key.hex()}'\"")
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
            "foreign_keys = ON",
            "busy_timeout = 30000",
            "temp_store = MEMORY",
            "cache_size = -32000",
            # Housekeeping checkpoints; an append does it only where that stands still (160 MB).
            "wal_autocheckpoint = 40000",
            "cipher_memory_security = OFF",  # mlock of every page; the box has no swap
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def reopen(self) -> None:
        """Connect anew: SQLCipher refuses everything on a connection that met a damaged page."""
        with self._lock:
            self.connection.close()
            self.connection = self._connect()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Hold the write lock for a block; commit at its end, roll back on any exception.

        Nested blocks join the outer one.
        """
        with self._lock:
            if self._depth:
                yield self.connection
                return
            self.connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back already, or have left a commit half done.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def query(self, sql: str, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> list[Any]:
        """Return all rows of a read."""
        with self._lock:
            return list(self.connection.execute(sql, parameters))

    def named(
        self, sql: str, parameters: tuple[Any, ...] | dict[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """Return all rows of a read, each by its columns' names."""
        with self._lock:
            cursor = self.connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def look(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Return all rows of a read of what is committed, without waiting for a transaction.

        It has a connection of its own: a thread that only looks does not stand behind another's
        commit and its wait for the disk.
        """
        if self._path == ":memory:":
            return self.query(sql, parameters)
        with self._look_lock:
            if self._looker is None:
                self._looker = self._connect()
            return list(self._looker.execute(sql, parameters))

    def checkpoint(self) -> None:
        """Carry the log into the file as far as readers allow, without holding up a writer."""
        self.look("PRAGMA wal_checkpoint(PASSIVE)")

    def stream(self, sql: str, parameters: tuple[Any, ...] = (), size: int = 2000) -> Iterator[Any]:
        """Yield the rows of a read in batches, without holding the lock between them."""
        with self._lock:
            cursor = self.connection.execute(sql, parameters)
        while True:
            with self._lock:
                rows = cursor.fetchmany(size)
            if not rows:
                return
            yield from rows

    def close(self) -> None:
        """Close the connections."""
        with self._lock, self._look_lock:
            self.connection.close()
            if self._looker is not None:
                self._looker.close()
