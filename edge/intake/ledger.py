"""The arrival ledger: what success stands on until the journal has the record.

A file of fixed length, written once with zeros when it is made, so that an entry is one write in
place and one ``fdatasync`` that has no metadata to carry. It is a ring of frames, each beginning on
a page::

    magic (8) ‖ index (8) ‖ needed (8) ‖ length (4) ‖ nonce (12) ‖ ciphertext with tag

AES-256-GCM under a key derived from the box's own, bound to the frame's header and the file's name.
``index`` is 1, 2, 3 …; ``needed`` is the lowest index that still held something without a record
when the frame was written. A frame is written only when the one before it is durable, so that of
the frames ``needed`` … newest none may be missing: a hole is damage. What does not open *after* the
newest is a write that power loss cut, which nobody was told of.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PAGE = 4096
SIZE = 8 << 20
_MAGIC = b"XLLEDG\x00\x01"
_HEAD = struct.Struct(">8sQQI12s")
_TAG = 16


def seal_frame(
    key: AESGCM, name: str, numbers: tuple[int, int], plain: bytes, nonce: bytes
) -> bytes:
    """Return one frame, padded to whole pages; ``numbers`` are its index and what is needed."""
    head = _HEAD.pack(_MAGIC, *numbers, len(plain) + _TAG, nonce)
    frame = head + key.encrypt(nonce, plain, head + name.encode())
    return frame + bytes(-len(frame) % PAGE)


def pages_of(length: int) -> int:
    """Return how many pages a frame of that many plain bytes takes."""
    return -(-(_HEAD.size + length + _TAG) // PAGE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that opened."""

    index: int
    needed: int
    plain: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger's file says.

    Attributes
    ----------
    plains : tuple of bytes
        Contents of the frames that may hold something without a record, in order.
    damaged : bool
        Something that was once durable does not open.
    """

    plains: tuple[bytes, ...]
    damaged: bool


def read_contents(data: bytes, key: AESGCM, name: str) -> Contents:
    """Return what the bytes of a ledger hold. Pure; never raises."""
    frames: dict[int, Frame] = {}
    claimed: set[int] = set()
    for found in _frames(data, key, name):
        if isinstance(found, int):
            claimed.add(found)
        else:
            frames[found.index] = found
    newest = max(frames, default=0)
    needed = frames[newest].needed if frames else 1
    plains = [frames[n].plain for n in range(needed, newest + 1) if n in frames]
    hole = len(plains) != newest + 1 - needed
    # A ledger has had a frame since it was made: bytes without one were frames once.
    foreign = not frames and not claimed and bool(data.strip(b"\0"))
    torn = any(n > newest + 1 for n in claimed - set(frames))
    return Contents(tuple(plains), hole or torn or foreign)


def _frames(data: bytes, key: AESGCM, name: str) -> Iterator[Frame | int]:
    """Yield every frame that opens, and of those that do not the index that they claim."""
    for at in range(0, len(data) - _HEAD.size, PAGE):
        if not data.startswith(_MAGIC, at):
            continue
        head = data[at : at + _HEAD.size]
        _, index, needed, length, nonce = _HEAD.unpack(head)
        sealed = data[at + _HEAD.size : at + _HEAD.size + length]
        try:
            plain = key.decrypt(nonce, sealed, head + name.encode())
        except (InvalidTag, ValueError):
            yield index
            continue
        yield Frame(index, needed, plain)


class Ledger:
    """A ledger being written by this process; the file is locked while it lives.

    What the newest durable frame still needs, and that frame, are never overwritten: whatever a
    cut write destroys, a reader has not lost what was acknowledged. Every frame leaves one page
    free behind it, so that there is always room to say that less is needed now.

    Parameters
    ----------
    folder : Path
    key : bytes
        32 bytes.
    randomness : callable
        Nonces and the file's name.
    size : int
        Length of the file, whole pages.

    Raises
    ------
    OSError
        If it cannot be made (a full disk).
    """

    def __init__(
        self, folder: Path, key: bytes, randomness: Callable[[int], bytes], size: int = SIZE
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{randomness(8).hex()}.ledger"
        self._key = AESGCM(key)
        self._randomness = randomness
        self._pages = size // PAGE
        self._page = 0
        #: First page of each frame that must not be overwritten, by index.
        self._protected: dict[int, int] = {}
        self._durably_needed = 1
        self.next_index = 1
        self.broken = False
        # Under its name only once it is locked: what is there unlocked has lost its process.
        made = self.path.with_suffix(".new")
        self._handle = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            nonce = randomness(12)
            first = seal_frame(self._key, self.path.name, (0, 1), b"", nonce)
            _fill(self._handle, self._pages * PAGE, first)
            self._protected[0], self._page = 0, pages_of(0)
            made.rename(self.path)
            _sync_folder(folder)
        except BaseException:
            os.close(self._handle)
            made.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            raise

    def write(self, plain: bytes, needed: int) -> int | None:
        """Make one frame durable and return its index; None where there is no room for it.

        One caller at a time.

        Parameters
        ----------
        needed : int
            Lowest index that still holds something without a record.

        Raises
        ------
        OSError
            The frame is not durable. Nothing can be written to this file any more: what lies on
            the disk is not known.
        """
        if self.broken:
            raise OSError(errno.EIO, "the ledger is broken")
        place = self._place(pages_of(len(plain)) + 1)
        if place is None and needed > self._durably_needed:
            self._put(b"", needed, self._place(1))
            place = self._place(pages_of(len(plain)) + 1)
        return None if place is None else self._put(plain, needed, place)

    def _put(self, plain: bytes, needed: int, place: int | None) -> int:
        assert place is not None
        index, needed = self.next_index, min(needed, self.next_index)
        nonce = self._randomness(12)
        frame = memoryview(seal_frame(self._key, self.path.name, (index, needed), plain, nonce))
        self.broken, at = True, 0
        while at < len(frame):
            at += os.pwrite(self._handle, frame[at:], place * PAGE + at)
        os.fdatasync(self._handle)
        self.broken = False
        self._protected[index] = place
        for old in [n for n in self._protected if n < needed]:
            del self._protected[old]
        self._durably_needed = needed
        self._page = place + len(frame) // PAGE
        self.next_index = index + 1
        return index

    def _place(self, pages: int) -> int | None:
        """Return the first page of that many free ones in a row."""
        oldest = next(iter(self._protected.values()), None)
        if oldest is None or self._page > oldest:
            if self._page + pages <= self._pages:
                return self._page
            return 0 if oldest is not None and pages <= oldest else None
        return self._page if self._page + pages <= oldest else None

    def close(self, *, remove: bool) -> None:
        """Let go of the file; ``remove`` where everything in it has its record."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._handle)


def _fill(handle: int, size: int, first: bytes) -> None:
    """Write the whole file once: later writes then change no metadata.

    Frame 0 holds nothing. It is there so that a ledger without any frame is known to be none.
    """
    zeros = bytes(1 << 20)
    at = 0
    while at < size:
        at += os.pwrite(handle, zeros[: min(len(zeros), size - at)], at)
    os.pwrite(handle, first, 0)
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
