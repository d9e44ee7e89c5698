"""Objects on their way in: chunks in any order, resumed after any interruption, kept when whole.

A chunk that was acknowledged lies in the file ``incoming/<address>``; which ones do is in the row
of ``upload``, written after the file was synced, at most half a second behind. So an acknowledged
chunk may be lost (to a killed process or a power cut) until ``Committed`` is said, and never after:
a commit verifies the SHA-256, syncs and places the file, and only then writes the object's row.
A chunk that is held is never written again, so that what was hashed is what is kept. Several hub
processes share the folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from core.blobs import chunks
from core.errors import XinglinError
from hub.downlink.errors import (
    HubDiskFull,
    ObjectAbsurd,
    ObjectDiffers,
    ObjectIncomplete,
    ObjectNotBegun,
    QuotaSpent,
    TooManyUploads,
)
from hub.downlink.inbox import Inbox
from hub.errors import ObjectStoreDown
from hub.store.database import HubDatabase
from hub.store.objects import Objects
from hub.store.tables import NODE, OBJECT, UPLOAD

_FULL = (errno.ENOSPC, errno.EDQUOT)
_QUOTA_KEPT_MS = 30_000
_READ = 1 << 20
# Asked for every object of every box: made once, understood by both databases.
_OBJECTS = select(OBJECT.c.address, OBJECT.c.hospital, OBJECT.c.committed_at).where(
    OBJECT.c.address.in_(bindparam("addresses", expanding=True))
)
_ROWS = select(UPLOAD.c.address, UPLOAD.c.size, UPLOAD.c.chunk, UPLOAD.c.held).where(
    UPLOAD.c.address.in_(bindparam("addresses", expanding=True))
)
_KEEP = text(
    "INSERT INTO object (address, hospital, size, committed_at, created_at)"
    " VALUES (:address, :hospital, :size, :at, :at) ON CONFLICT (address)"
    " DO UPDATE SET committed_at = excluded.committed_at WHERE object.committed_at IS NULL"
)
_DROP = text("DELETE FROM upload WHERE address = :address")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one box and one hospital may ask for.

    Attributes
    ----------
    reserve : int
        Free bytes that stay free on the hub's disk.
    flush_ms, flush_bytes
        How far the row may be behind the file.
    """

    largest: int = 16 << 30
    uploads_per_box: int = 160
    quota: int = 500_000_000_000
    reserve: int = 1_000_000_000
    flush_ms: int = 500
    flush_bytes: int = 16 << 20


def _nothing(_: str) -> None:
    return


@dataclass(frozen=True)
class UploadParts:
    """What uploads work with.

    Attributes
    ----------
    free : callable
        Free bytes where ``folder`` lies.
    mark : callable
        Told each step of a commit by name; a test kills the process there.
    """

    folder: Path
    database: HubDatabase
    objects: Objects
    inbox: Inbox
    now_ms: Callable[[], int]
    free: Callable[[], int]
    limits: Limits = field(default_factory=Limits)
    mark: Callable[[str], None] = _nothing


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose link it is."""

    node: str
    hospital: str
    link: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that a box would send."""

    address: str
    size: int
    chunk: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the hub has of an object."""

    chunk: int
    bitmap: bytes
    committed: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """What the tables know of an object.

    Attributes
    ----------
    hospital : str or None
        Whose it is, where it is or was the hub's.
    """

    committed: bool = False
    hospital: str | None = None
    size: int = 0
    chunk: int = 0
    held: bytes = b""

    def check_owner(self, sender: Sender) -> None:
        """Another hospital's object does not become ours."""
        if self.hospital not in (None, sender.hospital):
            raise ObjectAbsurd(fault="address")


@dataclass(eq=False)
class _Upload:
    """One object on its way, as this process holds it."""

    address: str
    size: int
    chunk: int
    hospital: str
    node: str
    held: bytearray
    path: Path
    handle: int
    users: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    digest: Any = field(default_factory=hashlib.sha256)
    digested: int = 0
    dirty_bytes: int = 0
    dirty_since: int = 0
    placed: bool = False  # whole, verified, synced: nothing uses the handle any more
    ended: bool = False

    @property
    def total(self) -> int:
        return chunks.count(self.size, self.chunk)


class Uploads:
    """All uploads of one hub process; safe among threads."""

    def __init__(self, parts: UploadParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._open: dict[str, _Upload] = {}
        self._used: dict[str, tuple[int, int]] = {}

    def begin(self, sender: Sender, address: str, size: int, chunk: int) -> Held:
        """Return what is here of an object, and take it up.

        Raises
        ------
        ObjectAbsurd, TooManyUploads, QuotaSpent, HubDiskFull
        """
        answer = self.begin_all(sender, [Wanted(address, size, chunk)])[0]
        if isinstance(answer, XinglinError):
            raise answer
        return answer

    def begin_all(self, sender: Sender, wanted: Sequence[Wanted]) -> list[Held | XinglinError]:
        """Begin many objects and ask the tables once; return an answer or a refusal for each."""
        with self._lock:
            fresh = {one.address for one in wanted if one.address not in self._open}
        rows = self._rows(fresh)
        return [self._begun(sender, one, rows) for one in wanted]

    def put(self, sender: Sender, address: str, index: int, data: bytes | memoryview) -> None:
        """Keep some chunks; those that are here already are passed over.

        Raises
        ------
        ObjectNotBegun, ObjectAbsurd, HubDiskFull
        """
        upload = self._opened(sender, address)
        if upload is None:
            raise ObjectNotBegun
        start = index * upload.chunk
        end = start + len(data)
        whole = len(data) % upload.chunk == 0 or end == upload.size
        if not data or len(data) > chunks.LARGEST or end > upload.size or not whole:
            raise ObjectAbsurd(fault="chunk")
        with upload.lock:
            if upload.ended:
                raise ObjectNotBegun
            self._write(upload, index, memoryview(data))

    def commit(self, sender: Sender, address: str) -> None:
        """Verify, place and record an object; when this returns it is the hub's for good.

        Raises
        ------
        ObjectNotBegun, ObjectIncomplete, ObjectDiffers, HubDiskFull, HubBusy
        """
        self.commit_soon(sender, address).result()

    def commit_soon(self, sender: Sender, address: str) -> Future[None]:
        """Verify and place an object and ask for its row: done once it is the hub's for good.

        Rows of objects that become whole together share a transaction.

        Raises
        ------
        ObjectNotBegun, ObjectIncomplete, ObjectDiffers, HubDiskFull
        """
        upload = self._opened(sender, address)
        if upload is None:
            row = self._rows([address])[address]
            row.check_owner(sender)
            if not row.committed:
                raise ObjectNotBegun
            known: Future[None] = Future()
            known.set_result(None)
            return known
        with upload.lock:
            if upload.ended:
                raise ObjectNotBegun
            missing = upload.total - chunks.held_count(upload.held)
            if missing:
                raise ObjectIncomplete(missing=missing)
            if self._digest(upload) != address:
                self._drop(upload)
                raise ObjectDiffers
            self._parts.mark("verified")
            try:
                self._parts.objects.put(address, upload.path)
            except ObjectStoreDown:
                raise HubDiskFull from None
            upload.placed = True
        self._parts.mark("placed")
        recorded = self._record(upload.address, upload.size, upload.hospital)
        recorded.add_done_callback(partial(self._recorded, upload))
        return recorded

    def release(self, link: str) -> None:
        """A link has ended: make what it sent durable, close what no other link sends."""
        with self._lock:
            mine = [upload for upload in self._open.values() if link in upload.users]
        for upload in mine:
            with upload.lock:
                upload.users.discard(link)
                if upload.ended:
                    continue
                flushed = self._flush(upload)
                if not upload.users:
                    # The next link looks at the row: it must stand before the memory goes.
                    if flushed is not None:
                        flushed.exception()
                    self._close(upload)

    def flush_due(self) -> None:
        """Write the rows that are half a second or 16 MiB behind; called by the clock."""
        now, limits = self._parts.now_ms(), self._parts.limits
        with self._lock:
            known = list(self._open.values())
        for upload in known:
            late = now - upload.dirty_since >= limits.flush_ms
            if upload.dirty_bytes and (late or upload.dirty_bytes >= limits.flush_bytes):
                with upload.lock:
                    if not upload.ended:
                        self._flush(upload)

    def open_count(self, link: str) -> int:
        """Return how many uploads a link has open."""
        with self._lock:
            return sum(link in upload.users for upload in self._open.values())

    def forget_stale(self, before_ms: int) -> int:
        """Remove uploads nobody touched since a time, and files without a row; return how many."""
        stale = select(UPLOAD.c.address).where(UPLOAD.c.touched_at < before_ms)
        with self._parts.database.read() as sql:
            old = set(sql.execute(stale).scalars())
            rows = set(sql.execute(select(UPLOAD.c.address)).scalars())
        with self._lock:
            busy = set(self._open)
        gone = 0
        for path in self._parts.folder.iterdir():
            orphan = path.name not in rows and path.stat().st_mtime * 1000 < before_ms
            if path.name not in busy and (path.name in old or orphan):
                path.unlink(missing_ok=True)
                gone += 1
        for address in old - busy:
            self._parts.inbox.do(_deleting(address))
        return gone

    # -- parts -----------------------------------------------------------------------------------

    def _check(self, address: str, size: int, chunk: int) -> None:
        if len(address) != 64:
            raise ObjectAbsurd(fault="address")
        if not 0 < size <= self._parts.limits.largest:
            raise ObjectAbsurd(fault="size")
        if not chunks.is_chunk_size(chunk):
            raise ObjectAbsurd(fault="chunk")

    def _opened(self, sender: Sender, address: str) -> _Upload | None:
        with self._lock:
            upload = self._open.get(address)
            if upload is None:
                return None
            if upload.hospital != sender.hospital:
                raise ObjectAbsurd(fault="address")  # another hospital is sending these very bytes
            upload.users.add(sender.link)
            return upload

    def _rows(self, addresses: Iterable[str]) -> dict[str, _Row]:
        """Return what the tables say of each address."""
        names = list(addresses)
        rows = dict.fromkeys(names, _Row())
        if not names:
            return rows
        with self._parts.database.read() as sql:
            asked = {"addresses": names}
            for part in sql.execute(_ROWS, asked):
                rows[part.address] = _Row(False, None, part.size, part.chunk, bytes(part.held))
            for row in sql.execute(_OBJECTS, asked):
                partly, committed = rows[row.address], row.committed_at is not None
                rows[row.address] = replace(partly, committed=committed, hospital=row.hospital)
        return rows

    def _begun(self, sender: Sender, wanted: Wanted, rows: dict[str, _Row]) -> Held | XinglinError:
        try:
            self._check(wanted.address, wanted.size, wanted.chunk)
            upload = self._opened(sender, wanted.address)
            if upload is None:
                # What was open when the tables were asked may have been closed since.
                known = rows.get(wanted.address) or self._rows([wanted.address])[wanted.address]
                known.check_owner(sender)
                if known.committed or self._is_placed(wanted.address, sender):
                    return Held(wanted.chunk, b"", True)
                upload = self._take_up(sender, wanted, known)
            if upload.size != wanted.size:
                raise ObjectAbsurd(fault="size")
        except XinglinError as refusal:
            return refusal
        with upload.lock:
            return Held(upload.chunk, bytes(upload.held), False)

    def _is_placed(self, address: str, sender: Sender) -> bool:
        """Placed, and then the process died before the row: it was verified and is whole."""
        if not self._parts.objects.exists(address):
            return False
        self._record(address, self._parts.objects.size(address), sender.hospital).result()
        return True

    def _take_up(self, sender: Sender, wanted: Wanted, row: _Row) -> _Upload:
        limits, address, size = self._parts.limits, wanted.address, wanted.size
        if self.open_count(sender.link) >= limits.uploads_per_box:
            raise TooManyUploads
        if self._parts.free() < size + limits.reserve:
            raise HubDiskFull
        if self._used_by(sender.hospital) + size > limits.quota:
            raise QuotaSpent
        path = self._parts.folder / address
        held, chunk = _known(wanted, row, path)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        upload = _Upload(
            address, size, chunk, sender.hospital, sender.node, held, path, handle,
            users={sender.link},
        )  # fmt: skip
        with self._lock:
            known = self._open.setdefault(address, upload)
            known.users.add(sender.link)
        if known is not upload:
            os.close(handle)
        return known

    def _write(self, upload: _Upload, index: int, data: memoryview) -> None:
        number = chunks.count(len(data), upload.chunk)
        at = index
        while at < index + number:
            run = chunks.next_missing(upload.held, at, index + number, number)
            if run is None:
                break
            at = run[0] + run[1]
            start = (run[0] - index) * upload.chunk
            piece = data[start : start + run[1] * upload.chunk]
            self._put_bytes(upload, run[0] * upload.chunk, piece)
            for one in range(run[0], at):
                chunks.hold(upload.held, one)

    def _put_bytes(self, upload: _Upload, offset: int, piece: memoryview) -> None:
        try:
            done = 0
            while done < len(piece):
                done += os.pwrite(upload.handle, piece[done:], offset + done)
        except OSError as error:
            if error.errno in _FULL:
                raise HubDiskFull from None
            raise
        if offset == upload.digested:
            upload.digest.update(piece)
            upload.digested += len(piece)
        if not upload.dirty_bytes:
            upload.dirty_since = self._parts.now_ms()
        upload.dirty_bytes += len(piece)

    def _digest(self, upload: _Upload) -> str:
        """Return the SHA-256 of the whole file; what came in order was hashed as it came."""
        while upload.digested < upload.size:
            piece = os.pread(upload.handle, _READ, upload.digested)
            if not piece:
                break
            upload.digest.update(piece)
            upload.digested += len(piece)
        return str(upload.digest.hexdigest())

    def _flush(self, upload: _Upload) -> Future[None] | None:
        """Sync the file, then have its row written; the caller holds the upload's lock."""
        if not upload.dirty_bytes or upload.placed:
            return None
        held, behind = bytes(upload.held), upload.dirty_bytes
        upload.dirty_bytes = 0

        def done(future: Future[None]) -> None:
            if future.exception() is not None:
                upload.dirty_bytes += behind  # the clock tries again

        os.fdatasync(upload.handle)
        self._parts.mark("flushed")
        values = {
            "node": upload.node, "size": upload.size, "chunk": upload.chunk, "held": held,
            "touched_at": self._parts.now_ms(),
        }  # fmt: skip
        flushed = self._parts.inbox.submit(_holding(upload.address, values))
        flushed.add_done_callback(done)
        return flushed

    def _record(self, address: str, size: int, hospital: str) -> Future[None]:
        row = {"address": address, "hospital": hospital, "size": size, "at": self._parts.now_ms()}

        def count(done: Future[None]) -> None:
            if done.exception() is None:
                with self._lock:
                    at, used = self._used.get(hospital, (0, 0))
                    self._used[hospital] = (at, used + size)

        recorded = self._parts.inbox.submit_row(_keeping, row)
        recorded.add_done_callback(count)
        return recorded

    def _recorded(self, upload: _Upload, done: Future[None]) -> None:
        if done.exception() is None:
            self._parts.mark("recorded")
            self._close(upload)

    def _used_by(self, hospital: str) -> int:
        """Return the bytes that count against a hospital's quota, at most half a minute old."""
        now = self._parts.now_ms()
        with self._lock:
            at, used = self._used.get(hospital, (0, 0))
            under_way = sum(u.size for u in self._open.values() if u.hospital == hospital)
        if not 0 <= now - at < _QUOTA_KEPT_MS:
            kept = select(func.sum(OBJECT.c.size)).where(OBJECT.c.hospital == hospital)
            partly = (
                select(func.sum(UPLOAD.c.size))
                .join(NODE, NODE.c.id == UPLOAD.c.node)
                .where(NODE.c.hospital == hospital)
            )
            with self._parts.database.read() as sql:
                used = int(sql.execute(kept).scalar() or 0) + int(sql.execute(partly).scalar() or 0)
            with self._lock:
                self._used[hospital] = (now, used)
        return used + under_way

    def _drop(self, upload: _Upload) -> None:
        upload.path.unlink(missing_ok=True)
        self._parts.inbox.do(_deleting(upload.address))
        self._close(upload)

    def _close(self, upload: _Upload) -> None:
        with self._lock:
            if upload.ended:
                return
            upload.ended = True
            if self._open.get(upload.address) is upload:
                del self._open[upload.address]
        os.close(upload.handle)


def _known(wanted: Wanted, row: _Row, path: Path) -> tuple[bytearray, int]:
    """Return the bitmap and chunk size that the row and the file stand for."""
    same = row.size == wanted.size and chunks.fits(row.held, row.size, row.chunk or 1)
    if not row.held or not same or not path.exists():
        return chunks.empty(wanted.size, wanted.chunk), wanted.chunk
    return bytearray(row.held), row.chunk


def _keeping(sql: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows of objects that are whole and in their place."""
    sql.execute(_KEEP, rows)
    sql.execute(_DROP, rows)


def _holding(address: str, values: dict[str, Any]) -> Callable[[Connection], None]:
    """Return the work that writes a row; another process may have held chunks of the same file."""

    def work(sql: Connection) -> None:
        query = select(UPLOAD).where(UPLOAD.c.address == address).with_for_update()
        row = sql.execute(query).first()
        committed = select(OBJECT.c.committed_at).where(OBJECT.c.address == address)
        if sql.execute(committed).scalar() is not None:
            return
        if row is None:
            sql.execute(insert(UPLOAD).values(address=address, **values))
            return
        same = (row.size, row.chunk) == (values["size"], values["chunk"])
        held = bytes(chunks.merged(bytes(row.held), values["held"])) if same else values["held"]
        sql.execute(
            update(UPLOAD)
            .where(UPLOAD.c.address == address)
            .values(**{**values, "held": bytes(held)})
        )

    return work


def _deleting(address: str) -> Callable[[Connection], None]:
    def work(sql: Connection) -> None:
        sql.execute(delete(UPLOAD).where(UPLOAD.c.address == address))

    return work
