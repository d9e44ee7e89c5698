"""The hub's half of the key directory: it appends, signs the head, hands on what boxes witnessed.

The rules of an entry are :mod:`core.seals.directory`'s, the same that every box applies: what a
box would refuse is refused here, before it is written, for an entry cannot be taken back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text

from core.records.canonical import Json
from core.records.clock import iso
from core.seals.directory import WITNESS_DOMAIN, Directory, Head, sign_head
from core.seals.directory_entries import GENESIS, Entry
from core.seals.errors import SignerUnknown, StatementMalformed
from core.seals.keybook import raw_public
from core.seals.statements import Signer, Statement, join, open_statement, parse
from core.seals.text import from_hex
from core.vault.identity import NodeIdentity
from hub.store.database import HubDatabase
from hub.store.tables import DIRECTORY, WITNESS

_LOCK = 0x5849_4449_5245_4354  # "XIDIRECT": one number for this log
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reader is given: entries after a point, the signed head, the boxes' witnesses."""

    entries: tuple[bytes, ...]
    head: bytes
    witnesses: tuple[bytes, ...]


class HubDirectory:
    """The directory in the hub's database.

    Parameters
    ----------
    identity : NodeIdentity
        Signs the heads.
    """

    def __init__(
        self, database: HubDatabase, identity: NodeIdentity, now_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._identity = identity
        self._now_ms = now_ms
        self._known = Directory.of(raw_public(identity.key.public_key()))
        self._guard = threading.Lock()

    def current(self) -> Directory:
        """Return the whole verified directory; only what is new since the last call is read."""
        with self._database.read() as sql:
            found = self._extended(sql, self._known)
        with self._guard:
            if found.size > self._known.size:
                self._known = found
        return found

    def append_in(self, sql: Connection, kind: str, identity: str, body: Json) -> Entry:
        """Append one entry in the caller's writing transaction.

        Parameters
        ----------
        kind, identity, body
            See :mod:`core.seals.directory`; bodies by ``hospital_body``, ``node_body`` there.

        Raises
        ------
        DirectoryMalformed
            If a box would refuse it.
        """
        _lock(sql)
        before = self._extended(sql, self._known)
        at = iso(self._now_ms())
        entry = Entry(before.size + 1, before.link(before.size), at, kind, identity, body)
        head = sign_head(Head(entry.seq, entry.link, at), self._identity)
        before.extend([entry.to_bytes()], head)
        sql.execute(
            insert(DIRECTORY).values(
                seq=entry.seq, entry=entry.to_bytes(), link=bytes.fromhex(entry.link), head=head
            )
        )
        return entry

    def hold_in(self, sql: Connection) -> Directory:
        """Let nobody else append until the caller's transaction ends; return what stands."""
        _lock(sql)
        return self._extended(sql, self._known)

    def append(self, sql: Connection, kind: str, identity: str, body: Json) -> None:
        """Append as :meth:`append_in`: the port that enrolment writes to."""
        self.append_in(sql, kind, identity, body)

    def head(self, sql: Connection) -> tuple[int, bytes]:
        """Return (size, link of the last entry) as the caller's transaction sees it."""
        current = self.current_in(sql)
        return current.size, bytes.fromhex(current.link(current.size))

    def current_in(self, sql: Connection) -> Directory:
        """Return the directory as the caller's transaction sees it, its own entries too."""
        return self._extended(sql, self._known)

    def show(self, after: int) -> Shown:
        """Return the entries after ``after`` with the head they lead to.

        Nothing is shown that does not verify here: a database that was changed by hand is an
        error of the hub before it is a box's alarm.
        """
        self.current()
        with self._database.read() as sql:
            rows = sql.execute(
                select(DIRECTORY.c.entry, DIRECTORY.c.head)
                .where(DIRECTORY.c.seq > after)
                .order_by(DIRECTORY.c.seq)
            ).all()
            head = rows[-1].head if rows else self._head(sql)
            seen = sql.execute(select(WITNESS).order_by(WITNESS.c.node)).all()
        witnesses = tuple(
            join(
                Statement(
                    Head(row.size, bytes(row.head).hex(), row.at).as_json(),
                    WITNESS_DOMAIN,
                    Signer(node=row.node),
                ),
                bytes(row.signature),
            )
            for row in seen
        )
        return Shown(tuple(bytes(row.entry) for row in rows), bytes(head), witnesses)

    def keep_witness_in(self, sql: Connection, node: str, data: bytes) -> Head:
        """Keep what a box signed that it saw; the newest of each box.

        A head that differs from ours is kept too and handed on: hiding it is what a hub with two
        faces would do.

        Raises
        ------
        StatementMalformed, SignatureWrong, SignerUnknown, SignerRevoked, DomainWrong
            If it is no witness of this box.
        """
        statement = open_statement(data, self.current_in(sql).book(), WITNESS_DOMAIN)
        if statement.signer.node != node:
            raise SignerUnknown(signer=statement.signer.name)
        head = head_of(statement)
        sql.execute(delete(WITNESS).where(WITNESS.c.node == node))
        sql.execute(
            insert(WITNESS).values(
                node=node, size=head.size, head=bytes.fromhex(head.head), at=head.at,
                signature=parse(data).signature,
            )
        )  # fmt: skip
        return head

    def _extended(self, sql: Connection, known: Directory) -> Directory:
        while True:
            rows = sql.execute(
                select(DIRECTORY.c.entry, DIRECTORY.c.head)
                .where(DIRECTORY.c.seq > known.size)
                .order_by(DIRECTORY.c.seq)
                .limit(_BATCH)
            ).all()
            if not rows:
                return known
            known = known.extend(_entries(rows), bytes(rows[-1].head))

    def _head(self, sql: Connection) -> bytes:
        query = select(DIRECTORY.c.head).order_by(DIRECTORY.c.seq.desc()).limit(1)
        found = sql.execute(query).scalar()
        if found is not None:
            return bytes(found)
        return sign_head(Head(0, GENESIS, iso(self._now_ms())), self._identity)


def head_of(statement: Statement) -> Head:
    """Return the head that a box's witness names; StatementMalformed if it names none."""
    size, head, at = (statement.body.get(name) for name in ("size", "head", "at"))
    try:
        from_hex(head, 32)
    except ValueError:
        raise StatementMalformed(fault="witness") from None
    if type(size) is not int or not 0 <= size < 2**53 or not isinstance(at, str) or len(at) > 32:
        raise StatementMalformed(fault="witness")
    return Head(size, str(head), at)


def _entries(rows: Sequence[Any]) -> list[bytes]:
    return [bytes(row.entry) for row in rows]


def _lock(sql: Connection) -> None:
    """Let nobody else append until the transaction ends; SQLite's writer is alone already."""
    if sql.dialect.name == "postgresql":
        sql.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
