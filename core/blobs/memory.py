"""Blobs in memory: for tests, held to the same contract as :class:`core.blobs.disk.DiskBlobs`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from core.blobs.disk import BlobReader, BlobWriter
from core.blobs.envelope import Opener, Sealer
from core.blobs.errors import BlobMissing


class MemoryReader(BlobReader):
    """A sealed blob in memory, opened for reading ranges of its plaintext."""

    def __init__(self, sealed: bytes, key: bytes) -> None:
        self._handle = -1
        self._opener = Opener(key, lambda at, n: sealed[at : at + n], len(sealed))


class MemoryWriter:
    """See :class:`core.blobs.disk.BlobWriter`."""

    def __init__(self, kept: dict[str, bytes], key: bytes, salt: bytes) -> None:
        self.length = 0
        self.address = ""
        self._kept = kept
        self._sealer = Sealer(key, salt)
        self._data = bytearray(self._sealer.header)

    def write(self, data: bytes | memoryview) -> None:
        """See :class:`core.blobs.disk.BlobWriter`."""
        self.length += len(data)
        for piece in self._sealer.update(data):
            self._data += piece

    def finish(self) -> str:
        """See :class:`core.blobs.disk.BlobWriter`."""
        self._data += self._sealer.final()
        self.address = hashlib.sha256(self._data).hexdigest()
        self._kept[self.address] = bytes(self._data)
        return self.address

    def abandon(self) -> None:
        """See :class:`core.blobs.disk.BlobWriter`; a finished blob stays."""
        self._data.clear()


class MemoryBlobs:
    """A blob store in a dictionary, address → ciphertext."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept

    def create(self, key: bytes, salt: bytes) -> MemoryWriter:
        """See :class:`core.blobs.disk.BlobStore`."""
        return MemoryWriter(self._kept, key, salt)

    def place(self, writers: list[BlobWriter]) -> None:
        """See :class:`core.blobs.disk.BlobStore`; memory is in place already."""

    def open(self, address: str, key: bytes) -> MemoryReader:
        """See :class:`core.blobs.disk.BlobStore`."""
        if address not in self._kept:
            raise BlobMissing(address=address[:16])
        return MemoryReader(self._kept[address], key)

    def delete(self, address: str) -> None:
        """See :class:`core.blobs.disk.BlobStore`."""
        self._kept.pop(address, None)

    def addresses(self) -> Iterator[str]:
        """See :class:`core.blobs.disk.BlobStore`."""
        yield from sorted(self._kept)
