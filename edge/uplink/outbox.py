"""What waits to go to the hub: an ordinary table in the box's database, and files beside it.

The hub's ``Committed`` or ``Accepted`` is the only thing that ends an item's waiting. A refusal for
good makes it a dead letter: visible, never dropped. Sealed objects lie as files ``outgoing/ab/…``
under their address and are read when the line takes them; small things stand in the row.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.blobs.envelope import HEADER, TAG
from core.journal.database import Database
from edge.uplink.link_errors import ItemTooLarge, NeedsGivenUp, NotSealed, OutboxFull

Kind = Literal["object", "event", "wraps", "statistics", "access", "attestation"]
EMERGENCY, URGENT, RESULTS, IMAGES = 0, 1, 2, 3
LARGEST_STATEMENT = 768 * 1024
_KEEP_DONE_MS = 30 * 86_400_000
_MAGIC = b"XLB"

_TABLES = (
    """CREATE TABLE IF NOT EXISTS outbox (
        n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        consult TEXT NOT NULL, priority INTEGER NOT NULL, bytes INTEGER NOT NULL,
        created INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', statement BLOB,
        not_before INTEGER NOT NULL DEFAULT 0, error TEXT, done INTEGER)""",
    "CREATE INDEX IF NOT EXISTS outbox_next ON outbox (state, priority, n)",
    "CREATE INDEX IF NOT EXISTS outbox_consult ON outbox (consult, state)",
    """CREATE TABLE IF NOT EXISTS outbox_need (
        item TEXT NOT NULL, address TEXT NOT NULL, PRIMARY KEY (item, address))
        WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits.

    Attributes
    ----------
    id : str
        An object's address (64 hex), or the random id that makes a small thing idempotent.
    needs : tuple of str
        Addresses that the hub must have committed before it gets this.
    """

    n: int
    id: str
    kind: Kind
    consult: str
    priority: int
    size: int
    created_ms: int
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits, and since when."""

    items: int
    size: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a consultation's items are."""

    items: int
    size: int
    done_items: int
    done_size: int
    dead_items: int
    given_up_items: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one item stands.

    Attributes
    ----------
    state : str
        ``waiting``, ``done``, ``dead`` (refused for good) or ``given_up`` (by a person).
    """

    id: str
    kind: Kind
    size: int
    state: str
    error: dict[str, Any] | None = None


class Outbox:
    """Durable, bounded by bytes, ordered by priority and age.

    Parameters
    ----------
    folder : Path
        Where sealed objects wait.
    limit : int
        Bytes that may wait; more is refused (:class:`OutboxFull`), never dropped.
    """

    def __init__(
        self, database: Database, folder: Path, now_ms: Callable[[], int], limit: int
    ) -> None:
        self._database = database
        self._folder = folder
        self._now_ms = now_ms
        self._limit = limit

    def create(self) -> None:
        """Create the tables and the folder where they are missing."""
        create_outbox_tables(self._database)
        (self._folder / "incoming").mkdir(parents=True, exist_ok=True, mode=0o700)

    def put_object(self, source: Path | bytes, consult: str, priority: int = IMAGES) -> str:
        """Take over a sealed object; when this returns it survives a crash. Return its address.

        A file is moved into the outbox where both lie on one file system. The same object twice
        is the same item.

        Raises
        ------
        OutboxFull, NotSealed
        """
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        self._check_room(size)
        placed = self._adopt(source)
        address = _address_of(placed)
        target = self.path(address)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        placed.replace(target)
        _sync(target)
        _sync(target.parent)
        with self._database.transaction() as sql:
            self._insert(sql, (address, "object", consult, priority, size, None))
        return address

    def put_event(
        self, event: str, consult: str, statement: bytes, priority: int, needs: Sequence[str] = ()
    ) -> None:
        """Add a signed event; it goes after the objects that it needs.

        The caller's transaction, if any, holds it together with what caused it.

        Raises
        ------
        OutboxFull, ItemTooLarge
        """
        self._put_small((event, "event", consult, priority, len(statement), statement), needs)

    def put_wraps(self, id_: str, consult: str, statement: bytes, priority: int = URGENT) -> None:
        """Add a signed set of key wraps; see :meth:`put_event`."""
        self._put_small((id_, "wraps", consult, priority, len(statement), statement), ())

    def put_statistics(self, id_: str, statement: bytes) -> None:
        """Add a signed de-identified result; see :meth:`put_event`."""
        self._put_small((id_, "statistics", "", RESULTS, len(statement), statement), ())

    def put_access(self, id_: str, consult: str, statement: bytes) -> None:
        """Add a signed access record about a consultation; see :meth:`put_event`."""
        self._put_small((id_, "access", consult, RESULTS, len(statement), statement), ())

    def put_attestation(self, id_: str, statement: bytes) -> None:
        """Add the hospital's signed word for a key of one of its people; see :meth:`put_event`.

        One that the hub had refused, or that was delivered and is given anew, waits again.
        """
        with self._database.transaction() as sql:
            sql.execute(
                "DELETE FROM outbox WHERE id = ? AND kind = 'attestation' AND state != 'waiting'",
                (id_,),
            )
            self._put_small((id_, "attestation", "", URGENT, len(statement), statement), ())

    def state_of(self, id_: str) -> tuple[str, dict[str, Any] | None]:
        """Return an item's state (``waiting``, ``done``, ``dead``; "" for none) and its error."""
        rows = self._database.query("SELECT state, error FROM outbox WHERE id = ?", (id_,))
        if not rows:
            return "", None
        return str(rows[0][0]), json.loads(rows[0][1]) if rows[0][1] else None

    def waiting(self, limit: int = 64) -> list[Item]:
        """Return what goes next: by priority, small things first, then age."""
        rows = self._database.look(
            "SELECT n, id, kind, consult, priority, bytes, created,"
            " (SELECT json_group_array(address) FROM outbox_need WHERE item = outbox.id)"
            " FROM outbox WHERE state = 'waiting' AND not_before <= ?"
            " ORDER BY priority, kind = 'object', n LIMIT ?",
            (self._now_ms(), limit),
        )
        return [_item(row) for row in rows]

    def newest(self) -> int:
        """Return the number of the newest item there ever was: cheap enough to ask often."""
        rows = self._database.look("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
        return int(rows[0][0]) if rows else 0

    def statement(self, id_: str) -> bytes:
        """Return the bytes of a small item; empty where it has gone meanwhile."""
        rows = self._database.query("SELECT statement FROM outbox WHERE id = ?", (id_,))
        return bytes(rows[0][0] or b"") if rows else b""

    def open_needs(self, addresses: Iterable[str]) -> set[str]:
        """Return which of these objects the hub has not committed yet, as far as known here.

        What a person gave up is not waited for: the hub then says what it lacks.
        """
        wanted = list(addresses)
        marks = ", ".join("?" * len(wanted))
        rows = self._database.query(
            "SELECT id FROM outbox WHERE kind = 'object' AND state NOT IN ('done', 'given_up')"
            f" AND id IN ({marks})",
            tuple(wanted),
        )
        return {row[0] for row in rows}

    def delivered(self, ids: Sequence[str]) -> None:
        """The hub has them for good: end their waiting, then remove the objects' files."""
        if not ids:
            return
        with self._database.transaction() as sql:
            for id_ in ids:
                sql.execute(
                    "UPDATE outbox SET state = 'done', done = ?, statement = NULL, error = NULL"
                    " WHERE id = ? AND state != 'done'",
                    (self._now_ms(), id_),
                )
                sql.execute("DELETE FROM outbox_need WHERE item = ?", (id_,))
        for id_ in ids:
            if len(id_) == 64:
                self.path(id_).unlink(missing_ok=True)

    def refused(self, id_: str, error: dict[str, Any], retry_ms: int | None) -> None:
        """Note a refusal: try again at a time, or, with None, keep it as a dead letter."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE outbox SET state = ?, not_before = ?, error = ? WHERE id = ?"
                " AND state = 'waiting'",
                (
                    "dead" if retry_ms is None else "waiting",
                    retry_ms or 0,
                    json.dumps(error, ensure_ascii=False),
                    id_,
                ),
            )

    def send_again(self, id_: str) -> bool:
        """Give a dead letter a fresh start (a person decides); return whether there was one."""
        with self._database.transaction() as sql:
            changed = sql.execute(
                "UPDATE outbox SET state = 'waiting', not_before = 0, error = NULL"
                " WHERE id = ? AND state = 'dead'",
                (id_,),
            )
        return bool(changed.rowcount)

    def give_up(self, id_: str) -> bool:
        """End a dead letter for good (a person decides); return whether there was one.

        What cannot go without it becomes a dead letter itself: seen, not waiting for ever.
        """
        lost = json.dumps(NeedsGivenUp().as_json(), ensure_ascii=False)
        with self._database.transaction() as sql:
            changed = sql.execute(
                "UPDATE outbox SET state = 'given_up', done = ?, statement = NULL"
                " WHERE id = ? AND state = 'dead'",
                (self._now_ms(), id_),
            )
            if not changed.rowcount:
                return False
            sql.execute("DELETE FROM outbox_need WHERE item = ?", (id_,))
            sql.execute(
                "UPDATE outbox SET state = 'dead', error = ? WHERE state = 'waiting'"
                " AND id IN (SELECT item FROM outbox_need WHERE address = ?)",
                (lost, id_),
            )
        if len(id_) == 64:
            self.path(id_).unlink(missing_ok=True)
        return True

    def standing(self, consult: str) -> list[Standing]:
        """Return every item of a consultation, the oldest first."""
        rows = self._database.query(
            "SELECT id, kind, bytes, state, error FROM outbox WHERE consult = ? ORDER BY n",
            (consult,),
        )
        return [Standing(r[0], r[1], r[2], r[3], json.loads(r[4]) if r[4] else None) for r in rows]

    def dead(self) -> list[dict[str, Any]]:
        """Return the dead letters for a page."""
        rows = self._database.query(
            "SELECT id, kind, consult, bytes, created, error FROM outbox WHERE state = 'dead'"
            " ORDER BY n"
        )
        return [
            {"id": r[0], "kind": r[1], "consult": r[2], "bytes": r[3], "created": r[4],
             "error": json.loads(r[5]) if r[5] else None}
            for r in rows
        ]  # fmt: skip

    def backlog(self) -> Backlog:
        """Return how much waits (dead letters included: they take room) and since when."""
        row = self._database.query(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(min(created), 0) FROM outbox"
            " WHERE state NOT IN ('done', 'given_up')"
        )[0]
        return Backlog(row[0], row[1], row[2])

    def progress(self, consult: str) -> Progress:
        """Return how far a consultation's items are."""
        rows = self._database.query(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(state = 'done'), 0),"
            " coalesce(sum(CASE state WHEN 'done' THEN bytes ELSE 0 END), 0),"
            " coalesce(sum(state = 'dead'), 0), coalesce(sum(state = 'given_up'), 0)"
            " FROM outbox WHERE consult = ?",
            (consult,),
        )
        return Progress(*rows[0])

    def withdraw(self, consult: str) -> int:
        """Stop sending a consultation's objects (it was cancelled); return how many."""
        with self._database.transaction() as sql:
            gone = [
                row[0]
                for row in sql.execute(
                    "DELETE FROM outbox WHERE consult = ? AND kind = 'object' AND state != 'done'"
                    " AND NOT EXISTS (SELECT 1 FROM outbox_need WHERE address = outbox.id)"
                    " RETURNING id",
                    (consult,),
                )
            ]
        for address in gone:
            self.path(address).unlink(missing_ok=True)
        return len(gone)

    def tidy(self) -> None:
        """Forget what was delivered a month ago; remove files that no item names."""
        with self._database.transaction() as sql:
            sql.execute(
                "DELETE FROM outbox WHERE state IN ('done', 'given_up') AND done < ?",
                (self._now_ms() - _KEEP_DONE_MS,),
            )
        rows = self._database.query(
            "SELECT id FROM outbox WHERE kind = 'object' AND state NOT IN ('done', 'given_up')"
        )
        named = {row[0] for row in rows}
        hour_ago = self._now_ms() / 1000 - 3600
        for path in (*self._folder.glob("??/*"), *self._folder.glob("incoming/*")):
            # A file is placed before its row: a young one may be just between the two.
            if path.name not in named and path.stat().st_mtime < hour_ago:
                path.unlink(missing_ok=True)

    def path(self, address: str) -> Path:
        """Return where a waiting object's sealed bytes lie."""
        return self._folder / address[:2] / address

    def _put_small(self, values: tuple[Any, ...], needs: Sequence[str]) -> None:
        size = values[4]
        if size > LARGEST_STATEMENT:
            raise ItemTooLarge(size=size)
        with self._database.transaction() as sql:
            self._check_room(size)
            if self._insert(sql, values):
                for address in dict.fromkeys(needs):
                    sql.execute("INSERT INTO outbox_need VALUES (?, ?)", (values[0], address))
                    # What an urgent thing cannot go without is as urgent.
                    sql.execute(
                        "UPDATE outbox SET priority = min(priority, ?) WHERE id = ?",
                        (values[3], address),
                    )

    def _insert(self, sql: Any, values: tuple[Any, ...]) -> bool:
        id_, kind, consult, priority, size, statement = values
        # An object that was delivered long ago and comes again waits again: its file is here.
        changed = sql.execute(
            "INSERT INTO outbox (id, kind, consult, priority, bytes, created, statement)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = 'waiting',"
            " created = excluded.created, done = NULL"
            " WHERE outbox.state IN ('done', 'given_up') AND outbox.kind = 'object'",
            (id_, kind, consult, priority, size, self._now_ms(), statement),
        )
        return bool(changed.rowcount)

    def _check_room(self, size: int) -> None:
        used = self.backlog().size
        if used + size > self._limit:
            raise OutboxFull(used_mb=used // 1_000_000, limit_mb=self._limit // 1_000_000)

    def _adopt(self, source: Path | bytes) -> Path:
        """Bring the bytes into the outbox's own folder, under a name of their own."""
        handle, name = tempfile.mkstemp(dir=self._folder / "incoming")
        mine = Path(name)
        if isinstance(source, bytes):
            with os.fdopen(handle, "wb") as file:
                file.write(source)
            return mine
        os.close(handle)
        if source.stat().st_dev == self._folder.stat().st_dev:
            source.replace(mine)
        else:
            shutil.copyfile(source, mine)
            source.unlink()
        return mine


def _item(row: Any) -> Item:
    n, id_, kind, consult, priority, size, created, needs = row
    return Item(n, id_, kind, consult, priority, size, created, tuple(json.loads(needs)))


def create_outbox_tables(database: Database) -> None:
    """Create the tables where they are missing."""
    with database.transaction() as sql:
        for statement in _TABLES:
            sql.execute(statement)


def _address_of(path: Path) -> str:
    """Return the SHA-256 of a file that has a sealed object's form."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC or path.stat().st_size < HEADER + TAG:
            path.unlink()
            raise NotSealed
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
