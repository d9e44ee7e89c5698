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
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from core.blobs import chunks
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
class Held:
    """What the hub has of an object."""

    chunk: int
    bitmap: bytes
    committed: bool


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
        self._check(address, size, chunk)
        upload = self._opened(sender, address)
        if upload is None:
            if self._is_committed(address, size, sender):
                return Held(chunk, b"", True)
            upload = self._take_up(sender, address, size, chunk)
        if upload.size != size:
            raise ObjectAbsurd(fault="size")
        with upload.lock:
            return Held(upload.chunk, bytes(upload.held), False)

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
        ObjectNotBegun, ObjectIncomplete, ObjectDiffers, HubDiskFull
        """
        upload = self._opened(sender, address)
        if upload is None:
            if not self._is_committed(address, None, sender):
                raise ObjectNotBegun
            return
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
            self._parts.mark("placed")
            self._record(upload.address, upload.size, upload.hospital)
            self._parts.mark("recorded")
            self._close(upload)

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

    def _is_committed(self, address: str, size: int | None, sender: Sender) -> bool:
        query = select(OBJECT.c.committed_at, OBJECT.c.hospital).where(OBJECT.c.address == address)
        with self._parts.database.read() as sql:
            row = sql.execute(query).first()
        if row is not None and row.hospital not in (None, sender.hospital):
            raise ObjectAbsurd(fault="address")  # another hospital's: it does not become ours
        if row is not None and row.committed_at is not None:
            return True
        # Placed, and then the process died before the row: the file was verified and is whole.
        if size is None or not self._parts.objects.exists(address):
            return False
        self._record(address, self._parts.objects.size(address), sender.hospital)
        return True

    def _take_up(self, sender: Sender, address: str, size: int, chunk: int) -> _Upload:
        limits = self._parts.limits
        if self.open_count(sender.link) >= limits.uploads_per_box:
            raise TooManyUploads
        if self._parts.free() < size + limits.reserve:
            raise HubDiskFull
        if self._used_by(sender.hospital) + size > limits.quota:
            raise QuotaSpent
        path = self._parts.folder / address
        held, chunk = self._known(address, size, chunk, path)
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

    def _known(self, address: str, size: int, chunk: int, path: Path) -> tuple[bytearray, int]:
        """Return the bitmap and chunk size that the row and the file stand for."""
        with self._parts.database.read() as sql:
            row = sql.execute(select(UPLOAD).where(UPLOAD.c.address == address)).first()
        if row is None or row.size != size or not path.exists():
            return chunks.empty(size, chunk), chunk
        held = bytearray(row.held)
        if not chunks.fits(held, size, row.chunk):
            return chunks.empty(size, chunk), chunk
        return held, int(row.chunk)

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
        if not upload.dirty_bytes:
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

    def _record(self, address: str, size: int, hospital: str) -> None:
        now = self._parts.now_ms()

        def work(sql: Connection) -> None:
            found = sql.execute(select(OBJECT).where(OBJECT.c.address == address)).first()
            if found is None:
                sql.execute(
                    insert(OBJECT).values(
                        address=address, hospital=hospital, size=size, committed_at=now,
                        created_at=now,
                    )
                )  # fmt: skip
            elif found.committed_at is None:
                sql.execute(
                    update(OBJECT).where(OBJECT.c.address == address).values(committed_at=now)
                )
            sql.execute(delete(UPLOAD).where(UPLOAD.c.address == address))

        self._parts.inbox.do(work)
        with self._lock:
            at, used = self._used.get(hospital, (0, 0))
            self._used[hospital] = (at, used + size)

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
        upload.ended = True
        os.close(upload.handle)
        with self._lock:
            if self._open.get(upload.address) is upload:
                del self._open[upload.address]


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
