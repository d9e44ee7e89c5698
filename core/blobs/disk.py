"""Blobs as files: written once, named by the SHA-256 of their ciphertext, never changed.

Only :meth:`DiskBlobs.delete` removes one; its callers are pruning after a destroyed key and the
release of what is safe elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from core.blobs.envelope import CHUNK_LOG2, Opener, Sealer
from core.blobs.errors import BlobMissing

BLOCK = 4096
CHUNK = 1 << CHUNK_LOG2
#: A CT slice and more in one write, one huge page; eight of them are kept for the next blobs.
_BUFFER = 2 << 20
_BUFFERS = 8


class BlobReader:
    """A sealed blob opened for reading ranges of its plaintext."""

    def __init__(self, handle: int, key: bytes) -> None:
        self._handle = handle
        try:
            size = os.fstat(handle).st_size
            self._opener = Opener(key, lambda at, n: os.pread(handle, n, at), size)
        except BaseException:
            os.close(handle)
            raise

    @property
    def length(self) -> int:
        """Length of the plaintext."""
        return self._opener.length

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return a range of plaintext; the whole where no length is given."""
        return self._opener.read(offset, self.length if length is None else length)

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> BlobReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BlobWriter(Protocol):
    """A blob being written."""

    length: int
    address: str

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and write plaintext."""
        ...

    def finish(self) -> str:
        """Write the last chunk, make the bytes durable, return the address.

        The blob is there for sure only after :meth:`BlobStore.place`.
        """
        ...

    def abandon(self) -> None:
        """Forget the blob; nothing stays."""
        ...


class BlobStore(Protocol):
    """What a blob store promises; one contract suite for every implementation."""

    def create(self, key: bytes, salt: bytes) -> BlobWriter:
        """Begin a blob sealed under ``key``; ``salt`` is 32 fresh random bytes."""
        ...

    def place(self, writers: list[BlobWriter]) -> None:
        """Put finished blobs in place under their addresses, durably."""
        ...

    def open(self, address: str, key: bytes) -> BlobReader:
        """Open a blob.

        Raises
        ------
        BlobMissing, BlobDamaged
        """
        ...

    def delete(self, address: str) -> None:
        """Remove a blob; absent ones are fine."""
        ...

    def addresses(self) -> Iterator[str]:
        """Yield all addresses."""
        ...


class FileWriter:
    """See :class:`BlobWriter`: an encrypted temporary file.

    Ciphertext gathers in an aligned buffer that is written past the page cache (O_DIRECT), whole
    blocks at a time: what was just stored is seldom read at once, and a copy of every image into
    fresh pages is a good part of what storing it costs. Where the file system has no such writes,
    they are ordinary ones.
    """

    def __init__(self, path: str, key: bytes, salt: bytes, store: DiskBlobs) -> None:
        self._path = path
        self.length = 0
        self.address = ""
        self._store = store
        self._sealer = Sealer(key, salt)
        self._digest = hashlib.sha256()
        self._file = _create(path, direct=store.direct)
        self._buffer: mmap.mmap | None = None
        self._window = self._stage = memoryview(b"")
        self._held = 0
        self._written = 0
        try:
            self._buffer = store.take_buffer()
            whole = memoryview(self._buffer)
            self._window, self._stage = whole[:-CHUNK], whole[-CHUNK:]
            self._hold(self._sealer.header)
        except OSError:
            self.abandon()
            raise

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See :class:`BlobWriter`."""
        self.length += len(data)
        for piece in self._sealer.update_into(data, self._stage, self._room):
            self._held += len(piece)
            self._digest.update(piece)

    def finish(self) -> str:
        """See :class:`BlobWriter`."""
        last = self._sealer.final_into(self._stage, self._room)
        self._held += len(last)
        self._digest.update(last)
        self._write_out(last=True)
        address = self._digest.hexdigest()
        # Renamed first, synced then: one commit of the file system's log carries bytes and name.
        # Nobody reads it yet, for no record names it.
        target = self._store.place_of(address)
        os.replace(self._path, target)  # noqa: PTH105 texts are cheaper than paths, once per image
        self._path = target
        os.fsync(self._file)
        self._release()
        self.address = address
        return address

    def abandon(self) -> None:
        """See :class:`BlobWriter`; a finished blob stays, for a record may name it."""
        self._release()
        if not self.address:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)  # noqa: PTH108 see finish

    def _release(self) -> None:
        """Close the file and give the buffer back; more than once is fine."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._buffer is not None:
            self._window.release()
            self._stage.release()
            self._store.give_buffer(self._buffer)
            self._buffer = None

    def _hold(self, piece: bytes) -> None:
        self._room(len(piece))[:] = piece
        self._held += len(piece)
        self._digest.update(piece)

    def _room(self, length: int) -> memoryview:
        """Return the place for the next bytes of ciphertext."""
        if self._held + length > len(self._window):
            self._write_out(last=False)
        return self._window[self._held : self._held + length]

    def _write_out(self, *, last: bool) -> None:
        """Write what is held: whole blocks, and at the end the rest, cut to its length."""
        whole = self._held - self._held % BLOCK
        rest = self._held - whole
        size = whole + (BLOCK if last and rest else 0)
        self._window[self._held : size] = bytes(max(0, size - self._held))
        at = 0
        while at < size:
            at += self._write_some(self._window[at:size])
        self._written += self._held if last else whole
        if last and rest:
            os.ftruncate(self._file, self._written)
        self._window[:rest] = self._window[whole : whole + rest]
        self._held = 0 if last else rest

    def _write_some(self, piece: memoryview) -> int:
        try:
            return os.write(self._file, piece)
        except OSError as error:
            # Opened so, and refused all the same (some overlays); from here on the ordinary way.
            if error.errno != errno.EINVAL or not _is_direct(self._file):
                raise
            fcntl.fcntl(self._file, fcntl.F_SETFL, 0)
            return os.write(self._file, piece)


def _create(path: str, *, direct: bool) -> int:
    """Create a file for writing; without O_DIRECT where it cannot be had."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    if direct:
        try:
            return os.open(path, flags | os.O_DIRECT, 0o600)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 see finish
    return os.open(path, flags, 0o600)


def _is_direct(handle: int) -> bool:
    return bool(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT)


class DiskBlobs:
    """Files ``root/ab/abcdef…`` with a folder for what is being written.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._text = str(root)
        self._names_kept = names_kept_by_fsync(root)
        # Where fsync does not answer for names, little is known of direct writes either.
        self.direct = self._names_kept
        self._buffers: deque[mmap.mmap] = deque(maxlen=_BUFFERS)

    def take_buffer(self) -> mmap.mmap:
        """Return an aligned buffer that nobody uses."""
        try:
            return self._buffers.pop()
        except IndexError:
            buffer = mmap.mmap(-1, _BUFFER)
            # Few large pages make few segments of a write; where there are none, no harm.
            with contextlib.suppress(OSError, AttributeError):
                buffer.madvise(mmap.MADV_HUGEPAGE)
            return buffer

    def give_buffer(self, buffer: mmap.mmap) -> None:
        """Keep a buffer for the next blob."""
        self._buffers.append(buffer)

    def create_folders(self) -> None:
        """Make the folders; remove what a crash left half written (call before any writer runs)."""
        incoming = self._root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in incoming.iterdir():
            leftover.unlink()
        for first in range(256):
            (self._root / f"{first:02x}").mkdir(exist_ok=True, mode=0o700)

    def create(self, key: bytes, salt: bytes) -> FileWriter:
        """See :class:`BlobStore`."""
        return FileWriter(f"{self._text}/incoming/{salt.hex()}", key, salt, self)

    def place(self, writers: list[BlobWriter]) -> None:
        """See :class:`BlobStore`."""
        if self._names_kept:
            return
        for folder in {self._path(writer.address).parent for writer in writers}:
            _sync_folder(folder)

    def open(self, address: str, key: bytes) -> BlobReader:
        """See :class:`BlobStore`."""
        try:
            handle = os.open(self._path(address), os.O_RDONLY)
        except FileNotFoundError:
            raise BlobMissing(address=address[:16]) from None
        return BlobReader(handle, key)

    def delete(self, address: str) -> None:
        """See :class:`BlobStore`."""
        self._path(address).unlink(missing_ok=True)

    def addresses(self) -> Iterator[str]:
        """See :class:`BlobStore`."""
        for folder in sorted(self._root.iterdir()):
            if len(folder.name) == 2:
                yield from sorted(path.name for path in folder.iterdir())

    def path(self, address: str) -> Path:
        """Return where a blob's ciphertext lies, for backup and replication."""
        return self._path(address)

    def place_of(self, address: str) -> str:
        """Return :meth:`path` as text."""
        return f"{self._text}/{address[:2]}/{address}"

    def _path(self, address: str) -> Path:
        return self._root / address[:2] / address


def names_kept_by_fsync(path: Path) -> bool:
    """Return whether fsync of a renamed file also keeps its new name: ext4 and XFS.

    Both write a rename and the file's own inode in one transaction of their log, which fsync of
    the file commits (ext4_rename and ext4_sync_file; xfs_rename and xfs_fsync). On any other file
    system the folder is synced too.
    """
    try:
        device = path.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    kinds = {
        line.partition(" - ")[2].split(" ")[0] for line in mounts if line.split(" ")[2] == number
    }
    return bool(kinds) and kinds <= {"ext4", "xfs"}


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put(store: BlobStore, plain: bytes, key: bytes, salt: bytes) -> str:
    """Seal and place one blob, durably; return its address."""
    writer = store.create(key, salt)
    try:
        writer.write(plain)
        address = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    store.place([writer])
    return address
