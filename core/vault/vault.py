"""The vault port and its SQLite implementation.

Ids are opaque random text (``su_…`` subject, ``st_…`` study). Who a subject is, is found by a keyed
hash of issuer and patient id; which study, by a keyed hash of its UID: the vault holds no identity
in clear. A study's key is wrapped by its patient's key, that one by the box key.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.journal.checkpoint import Checkpoint
from core.journal.database import Database
from core.vault.errors import KeyDestroyed, KeyUnknown, VaultSealed
from core.vault.identity import derive

SubjectState = Literal["active", "restricted", "destroyed"]

NODE = "node"
_REMEMBERED = 4096
#: Tables in the order their rows may be put in, with the columns that hold bytes.
_HEX: dict[str, tuple[int, ...]] = {"subject": (1, 2), "study": (1, 3), "head": ()}


@dataclass(frozen=True, slots=True)
class StudyRef:
    """A study's opaque ids."""

    study: str
    subject: str


class Vault(Protocol):
    """What a vault promises; also a :class:`core.journal.seal.Keyring`."""

    def key(self, key_id: str) -> bytes:
        """Return the 32 bytes of a key: ``node``, a subject's or a study's."""
        ...

    def study(self, study_uid: str) -> StudyRef | None:
        """Return the ids of a known study, else None (absence is an answer here)."""
        ...

    def open_study(self, study_uid: str, issuer: str, patient_id: str) -> StudyRef:
        """Return a study's ids; keys for it (and for a new patient) are made durable first.

        A study stays with the patient it was opened for. An empty ``patient_id`` makes a subject
        of the study's own.
        """
        ...

    def move_study(self, study: str, issuer: str, patient_id: str) -> StudyRef:
        """Give a study to the patient it really is of: its key is wrapped anew, pixels stay."""
        ...

    def subject(self, issuer: str, patient_id: str) -> str | None:
        """Return a known patient's opaque id, else None."""
        ...

    def state(self, subject: str) -> SubjectState:
        """Return whether a subject is active, restricted or destroyed."""
        ...

    def restrict(self, subject: str, restricted: bool) -> None:
        """Hide a subject (keep, but show to nobody), or lift that."""
        ...

    def destroy(self, subject: str) -> None:
        """Destroy a subject's key and those of its studies, irrecoverably."""
        ...

    def keep_head(self, checkpoint: Checkpoint) -> None:
        """Keep a signed head outside the journal."""
        ...

    def heads(self) -> list[Checkpoint]:
        """Return the newest signed head of every chain."""
        ...

    def lookup(self, purpose: str, *parts: str) -> bytes:
        """Return a keyed hash under the box: the same thing twice gives the same bytes."""
        ...


class SqliteVault:
    """A vault in its own SQLCipher file.

    Unwrapped keys are cached in memory until the file is changed by anyone (another process may
    destroy a key).
    """

    def __init__(
        self, database: Database, box_key: bytes, randomness: Callable[[int], bytes]
    ) -> None:
        self._database = database
        self._box = AESGCM(derive(box_key, "vault wrap v1"))
        self._node = derive(box_key, "node records v1")
        self._index = derive(box_key, "vault lookup v1")
        self._randomness = randomness
        self._lock = threading.RLock()
        self._cache: dict[str, bytes] = {}
        self._refs: dict[str, StudyRef] = {}
        self._seen = -1

    def create(self) -> None:
        """Create the tables where they are missing."""
        with self._database.transaction() as sql:
            sql.execute(
                "CREATE TABLE IF NOT EXISTS subject (id TEXT PRIMARY KEY, lookup BLOB UNIQUE,"
                " wrapped BLOB, state TEXT NOT NULL)"
            )
            sql.execute(
                "CREATE TABLE IF NOT EXISTS study (id TEXT PRIMARY KEY, lookup BLOB UNIQUE,"
                " subject TEXT NOT NULL REFERENCES subject (id), wrapped BLOB)"
            )
            sql.execute(
                "CREATE TABLE IF NOT EXISTS head (journal TEXT, writer TEXT, seq INTEGER,"
                " link TEXT, at TEXT, signature TEXT, PRIMARY KEY (journal, writer))"
            )

    def key(self, key_id: str) -> bytes:
        """See :class:`Vault`."""
        if key_id == NODE:
            return self._node
        with self._lock:
            self._drop_stale()
            if key_id not in self._cache:
                self._cache[key_id] = self._unwrap(key_id)
            return self._cache[key_id]

    def study(self, study_uid: str) -> StudyRef | None:
        """See :class:`Vault`."""
        rows = self._database.query(
            "SELECT id, subject FROM study WHERE lookup = ?", (self.lookup("study", study_uid),)
        )
        return StudyRef(rows[0][0], rows[0][1]) if rows else None

    def open_study(self, study_uid: str, issuer: str, patient_id: str) -> StudyRef:
        """See :class:`Vault`."""
        known = self._known(study_uid)
        if known is not None:
            return known
        lookup = self.lookup("study", study_uid)
        with self._database.transaction() as sql:
            row = sql.execute(
                "SELECT id, subject FROM study WHERE lookup = ?", (lookup,)
            ).fetchone()
            if row:
                return StudyRef(row[0], row[1])
            subject = self._subject_for(sql, issuer, patient_id, study_uid)
            study = "st_" + self._randomness(16).hex()
            wrapped = _wrap(
                AESGCM(self._unwrap(subject)), study, self._randomness(32), self._randomness
            )
            sql.execute("INSERT INTO study VALUES (?, ?, ?, ?)", (study, lookup, subject, wrapped))
        return StudyRef(study, subject)

    def move_study(self, study: str, issuer: str, patient_id: str) -> StudyRef:
        """See :class:`Vault`."""
        with self._database.transaction() as sql:
            key = self._unwrap(study)
            subject = self._subject_for(sql, issuer, patient_id, study)
            wrapped = _wrap(AESGCM(self._unwrap(subject)), study, key, self._randomness)
            sql.execute(
                "UPDATE study SET subject = ?, wrapped = ? WHERE id = ?", (subject, wrapped, study)
            )
        self._forget()
        return StudyRef(study, subject)

    def subject(self, issuer: str, patient_id: str) -> str | None:
        """See :class:`Vault`."""
        rows = self._database.query(
            "SELECT id FROM subject WHERE lookup = ?", (self.lookup("subject", issuer, patient_id),)
        )
        return rows[0][0] if rows else None

    def state(self, subject: str) -> SubjectState:
        """See :class:`Vault`."""
        rows = self._database.query("SELECT state FROM subject WHERE id = ?", (subject,))
        if not rows:
            raise KeyUnknown(key=subject)
        state: SubjectState = rows[0][0]
        return state

    def restrict(self, subject: str, restricted: bool) -> None:
        """See :class:`Vault`."""
        if self.state(subject) == "destroyed":
            raise KeyDestroyed
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE subject SET state = ? WHERE id = ?",
                ("restricted" if restricted else "active", subject),
            )

    def destroy(self, subject: str) -> None:
        """See :class:`Vault`."""
        self.state(subject)
        with self._database.transaction() as sql:
            # The lookup goes too: a patient who comes back later is a new subject.
            sql.execute(
                "UPDATE subject SET wrapped = NULL, lookup = NULL, state = 'destroyed'"
                " WHERE id = ?",
                (subject,),
            )
            sql.execute(
                "UPDATE study SET wrapped = NULL, lookup = NULL WHERE subject = ?", (subject,)
            )
        self._forget()
        # secure_delete overwrites pages; the log must not keep the old ones.
        self._database.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def keep_head(self, checkpoint: Checkpoint) -> None:
        """See :class:`Vault`."""
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT INTO head VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (journal, writer) DO UPDATE"
                " SET seq = excluded.seq, link = excluded.link, at = excluded.at,"
                " signature = excluded.signature WHERE excluded.seq >= head.seq",
                (
                    checkpoint.journal,
                    checkpoint.writer,
                    checkpoint.seq,
                    checkpoint.link,
                    checkpoint.at,
                    checkpoint.signature,
                ),
            )

    def heads(self) -> list[Checkpoint]:
        """See :class:`Vault`."""
        rows = self._database.query(
            "SELECT journal, writer, seq, link, at, signature FROM head ORDER BY journal, writer"
        )
        return [Checkpoint(*row) for row in rows]

    def lookup(self, purpose: str, *parts: str) -> bytes:
        """See :class:`Vault`."""
        digest = hmac.new(self._index, purpose.encode(), hashlib.sha256)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(4, "big") + data)
        return digest.digest()

    def destroyed_count(self) -> int:
        """Return how many subjects' keys were destroyed here."""
        rows = self._database.query("SELECT count(*) FROM subject WHERE state = 'destroyed'")
        return int(rows[0][0])

    def export(self) -> dict[str, list[list[Any]]]:
        """Return every row as JSON types, wraps and lookups as hex: a backup's key set."""
        with self._database.transaction() as sql:
            return {
                table: [
                    [value.hex() if isinstance(value, bytes) else value for value in row]
                    for row in sql.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
                ]
                for table in _HEX
            }

    def adopt(self, rows: dict[str, list[list[Any]]]) -> None:
        """Put the rows of :meth:`export` into a vault that holds none of them."""
        with self._database.transaction() as sql:
            for table, binary in _HEX.items():
                for row in rows[table]:
                    values = [
                        bytes.fromhex(value) if n in binary and value is not None else value
                        for n, value in enumerate(row)
                    ]
                    marks = ", ".join("?" * len(values))
                    sql.execute(f"INSERT INTO {table} VALUES ({marks})", values)

    def _subject_for(self, sql: Any, issuer: str, patient_id: str, study_uid: str) -> str:
        # Without an id there is nobody to join: the study stands for itself.
        own = (
            ("study-only", study_uid) if not patient_id.strip() else ("subject", issuer, patient_id)
        )
        lookup = self.lookup(*own)
        row = sql.execute("SELECT id FROM subject WHERE lookup = ?", (lookup,)).fetchone()
        if row:
            return str(row[0])
        subject = "su_" + self._randomness(16).hex()
        wrapped = _wrap(self._box, subject, self._randomness(32), self._randomness)
        sql.execute("INSERT INTO subject VALUES (?, ?, ?, 'active')", (subject, lookup, wrapped))
        return subject

    def _unwrap(self, key_id: str) -> bytes:
        if key_id.startswith("su_"):
            rows = self._database.query("SELECT wrapped FROM subject WHERE id = ?", (key_id,))
            if not rows:
                raise KeyUnknown(key=key_id)
            return _opened(self._box, key_id, rows[0][0])
        rows = self._database.query("SELECT wrapped, subject FROM study WHERE id = ?", (key_id,))
        if not rows:
            raise KeyUnknown(key=key_id)
        if rows[0][0] is None:
            raise KeyDestroyed
        return _opened(AESGCM(self._unwrap(rows[0][1])), key_id, rows[0][0])

    def _known(self, study_uid: str) -> StudyRef | None:
        """Return the ids of a known study; those asked for of late are remembered."""
        with self._lock:
            self._drop_stale()
            ref = self._refs.get(study_uid)
            if ref is None:
                ref = self.study(study_uid)
                if ref is not None:
                    if len(self._refs) >= _REMEMBERED:
                        self._refs.clear()
                    self._refs[study_uid] = ref
            return ref

    def _forget(self) -> None:
        with self._lock:
            self._cache.clear()
            self._refs.clear()

    def _drop_stale(self) -> None:
        version = int(self._database.query("PRAGMA data_version")[0][0])
        if version != self._seen:
            self._forget()
            self._seen = version


def _wrap(by: AESGCM, key_id: str, key: bytes, randomness: Callable[[int], bytes]) -> bytes:
    nonce = randomness(12)
    return nonce + by.encrypt(nonce, key, b"xinglin wrap v1 " + key_id.encode())


def _opened(by: AESGCM, key_id: str, wrapped: bytes | None) -> bytes:
    if wrapped is None:
        raise KeyDestroyed
    try:
        return by.decrypt(wrapped[:12], wrapped[12:], b"xinglin wrap v1 " + key_id.encode())
    except InvalidTag:
        raise VaultSealed from None
