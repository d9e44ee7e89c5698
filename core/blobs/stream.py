"""A sealed blob as a read-only, seekable file: only the chunks that are read are opened."""

from __future__ import annotations

import io
from typing import Any

from core.blobs.disk import BlobReader


class SealedFile(io.RawIOBase):
    """A window on a blob; closing it closes the blob."""

    def __init__(self, blob: BlobReader) -> None:
        super().__init__()
        self._blob = blob
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; see :class:`io.IOBase`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blob.length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; see :class:`io.RawIOBase`."""
        data = self._blob.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the window and the blob."""
        if not self.closed:
            self._blob.close()
        super().close()


def sealed_stream(blob: BlobReader, buffer: int = 1 << 20) -> io.BufferedReader:
    """Return a buffered, seekable stream over a blob; it owns the blob."""
    return io.BufferedReader(SealedFile(blob), buffer)
