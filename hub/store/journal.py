"""The hub's journals over SQLAlchemy: one clinical chain per hospital, one access chain.

All chains stand in one table. Whoever appends holds the chain's lock until the end of its
transaction: two hub processes on one PostgreSQL never give a place in a chain twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, text

from core.journal.chain import Head, Kept
from core.journal.store import OnAppend, Writer, checked, continue_chain
from core.records.clock import Stamp
from core.records.record import Draft, Header, Record, Sealed
from hub.store.database import HubDatabase
from hub.store.tables import CHAIN

_C = CHAIN.c
_KEPT = (_C.writer, _C.seq, _C.header, _C.sealed, _C.link, _C.clock, _C.kind, _C.subject, _C.key)
_SEALED = (_C.position, _C.header, _C.sealed, _C.link)
_NO_GROUP = ("", "node", "clear")
_BATCH = 500


class SqlJournal:
    """A :class:`core.journal.store.JournalStore` in the hub's database.

    Parameters
    ----------
    writer : Writer
        Whose chain this store appends to; it reads all chains of its journal.
    """

    def __init__(
        self,
        database: HubDatabase,
        writer: Writer,
        journal: str = "clinical",
        on_append: OnAppend | None = None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._journal = journal
        self._on_append = on_append

    @property
    def writer(self) -> str:
        """The writer whose chain is appended to."""
        return self._writer.id

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """See :class:`core.journal.store.JournalStore`."""
        with self._database.write() as sql:
            return self.append_in(sql, drafts)

    def append_in(self, sql: Connection, drafts: Sequence[Draft]) -> list[Record]:
        """Append in the caller's transaction, which must be a writing one.

        Raises
        ------
        UnknownKind
        """
        self._lock(sql)
        clock = sql.execute(
            select(_C.clock)
            .where(_C.journal == self._journal, _C.writer == self._writer.id)
            .order_by(_C.seq.desc())
            .limit(1)
        ).scalar()
        stamp = Stamp.parse(clock) if clock else Stamp(0)
        head = self.head_in(sql, self._writer.id)
        records = []
        for row, header, body in continue_chain(self._writer, drafts, head, stamp, self._journal):
            records.append(Record(self._insert(sql, row, header), header, body))
        if self._on_append:
            self._on_append(records)
        return records

    def adopt(self, rows: Iterable[Kept]) -> list[Sealed]:
        """See :class:`core.journal.store.JournalStore`."""
        adopted = []
        with self._database.write() as sql:
            self._lock(sql)
            for row in checked(rows, lambda writer: self.head_in(sql, writer), self._journal):
                header = Header.from_bytes(row.header)
                position = self._insert(sql, row, header)
                adopted.append(Sealed(position, header, row.header, row.sealed, row.link.hex()))
        return adopted

    def read(self, after: int, limit: int) -> list[Sealed]:
        """See :class:`core.journal.store.JournalStore`."""
        query = select(*_SEALED).where(_C.position > after).order_by(_C.position).limit(limit)
        return self._select(query)

    def read_back(self, before: int, limit: int) -> list[Sealed]:
        """Return up to ``limit`` records with position < ``before``, the newest first."""
        query = select(*_SEALED).where(_C.position < before)
        return self._select(query.order_by(_C.position.desc()).limit(limit))

    def of_key(self, key: str) -> list[Sealed]:
        """See :class:`core.journal.store.JournalStore`."""
        return [] if key in _NO_GROUP else self._select(_grouped(_C.key == key))

    def of_subject(self, subject: str) -> list[Sealed]:
        """See :class:`core.journal.store.JournalStore`."""
        return [] if subject in _NO_GROUP else self._select(_grouped(_C.subject == subject))

    def kept(self, writer: str) -> Iterator[Kept]:
        """See :class:`core.journal.store.JournalStore`."""
        after = 0
        while rows := self.kept_after(writer, after, _BATCH):
            yield from rows
            after = rows[-1].seq

    def kept_after(self, writer: str, seq: int, limit: int) -> list[Kept]:
        """Return up to ``limit`` of a writer's rows that follow ``seq``, in order."""
        query = (
            select(*_KEPT)
            .where(_C.journal == self._journal, _C.writer == writer, _C.seq > seq)
            .order_by(_C.seq)
            .limit(limit)
        )
        with self._database.read() as sql:
            return [_kept(row) for row in sql.execute(query)]

    def writers(self) -> list[str]:
        """See :class:`core.journal.store.JournalStore`."""
        query = select(_C.writer).distinct().where(_C.journal == self._journal)
        with self._database.read() as sql:
            return sorted(sql.execute(query).scalars())

    def head(self, writer: str) -> Head:
        """See :class:`core.journal.store.JournalStore`."""
        with self._database.read() as sql:
            return self.head_in(sql, writer)

    def head_in(self, sql: Connection, writer: str) -> Head:
        """Return one writer's last row as the caller's transaction sees it."""
        row = sql.execute(
            select(_C.seq, _C.link)
            .where(_C.journal == self._journal, _C.writer == writer)
            .order_by(_C.seq.desc())
            .limit(1)
        ).first()
        return Head(writer, row.seq, bytes(row.link)) if row else Head(writer, 0, b"")

    def link_at(self, writer: str, seq: int) -> bytes | None:
        """Return the kept link of one record, None where it is not here."""
        query = select(_C.link).where(
            _C.journal == self._journal, _C.writer == writer, _C.seq == seq
        )
        with self._database.read() as sql:
            found = sql.execute(query).scalar()
        return bytes(found) if found is not None else None

    def last_position(self) -> int:
        """Return the position of the newest record; 0 where there is none."""
        query = select(func.max(_C.position)).where(_C.journal == self._journal)
        with self._database.read() as sql:
            return int(sql.execute(query).scalar() or 0)

    def _lock(self, sql: Connection) -> None:
        """Hold the chain until the transaction ends; on SQLite it already has the write lock."""
        if sql.dialect.name != "postgresql":
            return
        name = f"{self._journal} {self._writer.id}".encode()
        number = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
        sql.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})

    def _insert(self, sql: Connection, row: Kept, header: Header) -> int:
        values = {
            "journal": self._journal, "writer": row.writer, "seq": row.seq, "clock": header.clock,
            "kind": header.kind, "subject": header.subject, "key": header.key,
            "header": row.header, "sealed": row.sealed, "link": row.link,
        }  # fmt: skip
        found = sql.execute(insert(CHAIN).values(values).returning(_C.position)).scalar()
        return int(found or 0)

    def _select(self, query: Select[Any]) -> list[Sealed]:
        with self._database.read() as sql:
            rows = sql.execute(query.where(_C.journal == self._journal)).all()
        return [_sealed(row) for row in rows]


def _grouped(condition: Any) -> Select[Any]:
    return select(*_SEALED).where(condition).order_by(_C.clock, _C.writer, _C.seq)


def _kept(row: Row[*tuple[Any, ...]]) -> Kept:
    writer, seq, header, sealed, link, clock, kind, subject, key = row
    columns = (clock, kind, subject, key)
    return Kept(writer, seq, _bytes(header), _bytes(sealed), _bytes(link), columns)


def _sealed(row: Row[*tuple[Any, ...]]) -> Sealed:
    position, header, sealed, link = row
    parsed = Header.from_bytes(_bytes(header))
    return Sealed(position, parsed, _bytes(header), _bytes(sealed), _bytes(link).hex())


def _bytes(value: Any) -> bytes:
    # A tampered cell of SQLite may have become text, and must be named, not crash the verifier.
    return value.encode() if isinstance(value, str) else bytes(value)
