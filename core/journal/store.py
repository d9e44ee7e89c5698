"""The journal port, and its two implementations: memory (tests) and SQLite (the appliance).

One store holds one journal (``clinical`` or ``access``) with one chain per writer. The local
``position`` is the order of arrival at this box and is what cursors count; it is not part of a
record. The contract suite in ``tests/contract/test_journal_contract.py`` runs against both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.journal.chain import Fault, Head, Kept, Unread, link_of, verify
from core.journal.database import Database
from core.journal.errors import JournalDamaged, UnknownKind
from core.journal.salvage import DAMAGE, is_damage, salvage, tried
from core.journal.seal import CLEAR_KEY, Keyring, Randomness, clear_body, is_clear, seal_body
from core.records.canonical import from_bytes, to_bytes
from core.records.clock import Stamp, tick
from core.records.kinds import KINDS
from core.records.record import GENESIS, Draft, Header, Record, Sealed

# Cast: a tampered cell may have become text, and must be named, not crash the verifier.
_KEPT = (
    "writer, seq, CAST(header AS BLOB), CAST(sealed AS BLOB), CAST(link AS BLOB),"
    " clock, kind, subject, key"
)

#: Called with freshly appended records inside the append's transaction: the hot views.
OnAppend = Callable[[Sequence[Record]], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who appends, and with what.

    Attributes
    ----------
    id : str
        Fingerprint of the node's key.
    now_ms : callable
        Wall clock in milliseconds.
    """

    id: str
    keyring: Keyring
    now_ms: Callable[[], int]
    randomness: Randomness


class JournalStore(Protocol):
    """What a journal promises."""

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """Append drafts in one durable transaction and return them as records.

        All or none. When this returns, the records survive a crash.

        Raises
        ------
        UnknownKind
            A kind this release does not define, or one of the other journal.
        """
        ...

    def adopt(self, rows: Iterable[Kept]) -> list[Sealed]:
        """Add another writer's records, verified against what is here; known ones are skipped.

        Raises
        ------
        JournalDamaged
            If the rows do not continue that writer's chain.
        """
        ...

    def read(self, after: int, limit: int) -> list[Sealed]:
        """Return up to ``limit`` records with position > ``after``, in order of position."""
        ...

    def of_key(self, key: str) -> list[Sealed]:
        """Return the records sealed under one key (a study's), by clock, writer, seq."""
        ...

    def of_subject(self, subject: str) -> list[Sealed]:
        """Return the records about one subject, by clock, writer, seq."""
        ...

    def kept(self, writer: str) -> Iterator[Kept]:
        """Yield one writer's rows in order of seq, as stored."""
        ...

    def writers(self) -> list[str]:
        """Return all writers that have a chain here."""
        ...

    def head(self, writer: str) -> Head:
        """Return one writer's last row; seq 0 where there is none."""
        ...


def _kept(row: Any) -> Kept:
    return Kept(row[0], row[1], row[2], row[3], row[4], row[5:])


def _header(writer: Writer, draft: Draft, head: Head, stamp: Stamp, journal: str) -> Header:
    kind = KINDS.get(draft.kind)
    if kind is None or kind.journal != journal:
        raise UnknownKind(kind=draft.kind)
    prev = head.link.hex() if head.seq else GENESIS
    actor = draft.actor or f"node:{writer.id[:16]}"
    return Header(
        writer=writer.id,
        seq=head.seq + 1,
        prev=prev,
        clock=str(stamp),
        kind=draft.kind,
        version=kind.version,
        subject=draft.subject,
        actor=actor,
        key=CLEAR_KEY if is_clear(draft.kind) else draft.key,
    )


def continue_chain(
    writer: Writer, drafts: Sequence[Draft], head: Head, last: Stamp, journal: str
) -> Iterator[tuple[Kept, Header, dict[str, Any]]]:
    """Yield the rows that carry a chain on from ``head``; pure but for the writer's clock."""
    stamp = last
    for draft in drafts:
        stamp = tick(stamp, writer.now_ms())
        header = _header(writer, draft, head, stamp, journal)
        data = header.to_bytes()
        plain = to_bytes(draft.body)
        if is_clear(header.kind):
            sealed = clear_body(plain)
        else:
            sealed = seal_body(plain, data, writer.keyring.key(header.key), writer.randomness)
        row = Kept(writer.id, header.seq, data, sealed, link_of(data, sealed))
        head = Head(writer.id, header.seq, row.link)
        # What views see now is what they will read back: 1.0 has become 1, tuples lists.
        yield row, header, from_bytes(plain)


def checked(rows: Iterable[Kept], head_of: Callable[[str], Head], journal: str) -> list[Kept]:
    """Return the rows that are new, after verifying that they continue their chains."""
    fresh: list[Kept] = []
    heads: dict[str, Head] = {}
    for row in rows:
        head = heads.get(row.writer) or head_of(row.writer)
        if row.seq <= head.seq:
            continue
        try:
            header = Header.from_bytes(row.header)
        except (ValueError, KeyError, TypeError):
            raise JournalDamaged(journal=journal, seq=row.seq, fault="header") from None
        prev = head.link.hex() if head.seq else GENESIS
        continues = (header.writer, header.seq, header.prev) == (row.writer, head.seq + 1, prev)
        if not continues or row.seq != header.seq:
            raise JournalDamaged(journal=journal, seq=row.seq, fault="reordered")
        if link_of(row.header, row.sealed) != row.link:
            raise JournalDamaged(journal=journal, seq=row.seq, fault="changed")
        heads[row.writer] = Head(row.writer, row.seq, row.link)
        fresh.append(row)
    return fresh


def faults(store: JournalStore) -> Iterator[Fault | Head]:
    """Verify every chain of a store; yields faults and, per writer, the head."""
    for writer in store.writers():
        yield from verify(store.kept(writer))


class MemoryJournal:
    """A journal in lists: the fake for tests, held to the same contract."""

    def __init__(
        self, writer: Writer, journal: str = "clinical", on_append: OnAppend | None = None
    ) -> None:
        self._writer = writer
        self._journal = journal
        self._on_append = on_append
        self._rows: list[tuple[Kept, Header]] = []

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """See :class:`JournalStore`."""
        last = max((Stamp.parse(h.clock) for _, h in self._rows), default=Stamp(0))
        fresh = list(
            continue_chain(self._writer, drafts, self.head(self._writer.id), last, self._journal)
        )
        start = len(self._rows)
        self._rows.extend((row, header) for row, header, _ in fresh)
        records = [Record(start + n + 1, header, body) for n, (_, header, body) in enumerate(fresh)]
        try:
            if self._on_append:
                self._on_append(records)
        except BaseException:
            del self._rows[start:]
            raise
        return records

    def adopt(self, rows: Iterable[Kept]) -> list[Sealed]:
        """See :class:`JournalStore`."""
        fresh = checked(rows, self.head, self._journal)
        start = len(self._rows)
        self._rows.extend((row, Header.from_bytes(row.header)) for row in fresh)
        return self.read(start, len(fresh))

    def read(self, after: int, limit: int) -> list[Sealed]:
        """See :class:`JournalStore`."""
        return [self._sealed(n) for n in range(after, min(after + limit, len(self._rows)))]

    def of_key(self, key: str) -> list[Sealed]:
        """See :class:`JournalStore`."""
        found = [self._sealed(n) for n, (_, h) in enumerate(self._rows) if h.key == key]
        return sorted(found, key=lambda sealed: sealed.order)

    def of_subject(self, subject: str) -> list[Sealed]:
        """See :class:`JournalStore`."""
        found = [self._sealed(n) for n, (_, h) in enumerate(self._rows) if h.subject == subject]
        return sorted(found, key=lambda sealed: sealed.order)

    def kept(self, writer: str) -> Iterator[Kept]:
        """See :class:`JournalStore`."""
        yield from (row for row, _ in self._rows if row.writer == writer)

    def writers(self) -> list[str]:
        """See :class:`JournalStore`."""
        return sorted({row.writer for row, _ in self._rows})

    def head(self, writer: str) -> Head:
        """See :class:`JournalStore`."""
        rows = [row for row, _ in self._rows if row.writer == writer]
        return Head(writer, rows[-1].seq, rows[-1].link) if rows else Head(writer, 0, b"")

    def _sealed(self, index: int) -> Sealed:
        row, header = self._rows[index]
        return Sealed(index + 1, header, row.header, row.sealed, row.link.hex())


class SqliteJournal:
    """A journal in plain SQL over SQLCipher.

    The head is read inside the write transaction, so that several processes can append.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        journal: str = "clinical",
        on_append: OnAppend | None = None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._journal = journal
        self._on_append = on_append
        self._table = {"clinical": "record_clinical", "access": "record_access"}[journal]

    def create(self) -> None:
        """Create the table where it is missing."""
        with self._database.transaction() as sql:
            sql.execute(
                f"CREATE TABLE IF NOT EXISTS {self._table} ("
                "position INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL,"
                "seq INTEGER NOT NULL, clock TEXT NOT NULL, kind TEXT NOT NULL,"
                "subject TEXT NOT NULL, key TEXT NOT NULL, header BLOB NOT NULL,"
                "sealed BLOB NOT NULL, link BLOB NOT NULL, UNIQUE (writer, seq))"
            )
            sql.execute(f"CREATE INDEX IF NOT EXISTS {self._table}_clock ON {self._table} (clock)")
            for column in ("key", "subject"):
                sql.execute(
                    f"CREATE INDEX IF NOT EXISTS {self._table}_{column} "
                    f"ON {self._table} ({column}) WHERE {column} NOT IN ('', 'node')"
                )

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """See :class:`JournalStore`."""
        with self._database.transaction() as sql:
            last = sql.execute(f"SELECT max(clock) FROM {self._table}").fetchone()[0]
            stamp = Stamp.parse(last) if last else Stamp(0)
            head = self.head(self._writer.id)
            records = []
            for row, header, body in continue_chain(
                self._writer, drafts, head, stamp, self._journal
            ):
                position = self._insert(sql, row, header)
                records.append(Record(position, header, body))
            if self._on_append:
                self._on_append(records)
        return records

    def adopt(self, rows: Iterable[Kept]) -> list[Sealed]:
        """See :class:`JournalStore`."""
        with self._database.transaction() as sql:
            adopted = []
            for row in checked(rows, self.head, self._journal):
                header = Header.from_bytes(row.header)
                position = self._insert(sql, row, header)
                adopted.append(Sealed(position, header, row.header, row.sealed, row.link.hex()))
        return adopted

    def read(self, after: int, limit: int) -> list[Sealed]:
        """See :class:`JournalStore`."""
        return self._select("WHERE position > ? ORDER BY position LIMIT ?", (after, limit))

    def of_key(self, key: str) -> list[Sealed]:
        """See :class:`JournalStore`."""
        return self._select(
            "WHERE key = ? AND key NOT IN ('', 'node') ORDER BY clock, writer, seq", (key,)
        )

    def last_of_key(self, key: str, kinds: Sequence[str]) -> int:
        """Return the position of the newest record of some kinds under a key; 0 for none."""
        marks = ", ".join("?" for _ in kinds)
        rows = self._database.query(
            f"SELECT max(position) FROM {self._table} WHERE key = ? AND key NOT IN ('', 'node')"
            f" AND kind IN ({marks})",
            (key, *kinds),
        )
        return int(rows[0][0] or 0)

    def of_subject(self, subject: str) -> list[Sealed]:
        """See :class:`JournalStore`."""
        return self._select(
            "WHERE subject = ? AND subject NOT IN ('', 'node') ORDER BY clock, writer, seq",
            (subject,),
        )

    def kept(self, writer: str) -> Iterator[Kept]:
        """See :class:`JournalStore`."""
        sql = f"SELECT {_KEPT} FROM {self._table} WHERE writer = ? ORDER BY seq"
        for row in self._database.stream(sql, (writer,)):
            yield _kept(row)

    def survey(self, writer: str, at_least: int) -> Iterator[Kept | Unread]:
        """Yield one writer's rows in order of seq, and where the file is damaged, what is lost.

        Parameters
        ----------
        at_least : int
            The seq that the chain has reached for sure, from its signed head: where the end
            itself cannot be read, the loss is reported up to here.
        """
        seq = 0
        try:
            for row in self.kept(writer):
                yield row
                seq = row.seq
        except DAMAGE as error:
            if not is_damage(error):
                raise
        else:
            return
        self._database.reopen()
        found = tried(
            self._database, f"SELECT max(seq) FROM {self._table} WHERE writer = ?", (writer,)
        )
        last = max(at_least, found[0][0] or 0 if found else seq + 1)
        select = f"SELECT {_KEPT} FROM {self._table} WHERE writer = ? AND seq = ?"
        for one in salvage(self._database, select, writer, seq + 1, last):
            yield one if isinstance(one, Unread) else _kept(one)

    def writers(self) -> list[str]:
        """See :class:`JournalStore`."""
        rows = self._database.query(f"SELECT DISTINCT writer FROM {self._table} ORDER BY writer")
        return [row[0] for row in rows]

    def head(self, writer: str) -> Head:
        """See :class:`JournalStore`."""
        rows = self._database.query(
            f"SELECT seq, link FROM {self._table} WHERE writer = ? ORDER BY seq DESC LIMIT 1",
            (writer,),
        )
        return Head(writer, rows[0][0], rows[0][1]) if rows else Head(writer, 0, b"")

    def link_at(self, writer: str, seq: int) -> bytes | None:
        """Return the kept link of one record, None where it is not here."""
        rows = self._database.query(
            f"SELECT CAST(link AS BLOB) FROM {self._table} WHERE writer = ? AND seq = ?",
            (writer, seq),
        )
        return rows[0][0] if rows else None

    def read_back(self, before: int, limit: int) -> list[Sealed]:
        """Return up to ``limit`` records with position < ``before``, the newest first."""
        return self._select("WHERE position < ? ORDER BY position DESC LIMIT ?", (before, limit))

    def last_position(self) -> int:
        """Return the position of the newest record; 0 where there is none."""
        rows = self._database.query(f"SELECT max(position) FROM {self._table}")
        return int(rows[0][0] or 0)

    def _insert(self, sql: Any, row: Kept, header: Header) -> int:
        cursor = sql.execute(
            f"INSERT INTO {self._table} (writer, seq, clock, kind, subject, key, header, sealed,"
            " link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.writer,
                row.seq,
                header.clock,
                header.kind,
                header.subject,
                header.key,
                row.header,
                row.sealed,
                row.link,
            ),
        )
        return int(cursor.lastrowid)

    def _select(self, where: str, parameters: tuple[Any, ...]) -> list[Sealed]:
        rows = self._database.query(
            f"SELECT position, header, sealed, link FROM {self._table} {where}",
            parameters,
        )
        return [Sealed(r[0], Header.from_bytes(r[1]), r[1], r[2], r[3].hex()) for r in rows]
