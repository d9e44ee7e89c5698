"""Chunked authenticated encryption of a blob: seekable, key-committing, cut and glue are errors.

Shape (after C2SP "chunked-encryption" and age's STREAM)::

    magic "XLB" ‖ suite 0x01 ‖ log2(chunk size) ‖ salt (32) ‖ commitment (32) ‖ chunk 0 ‖ chunk 1 …

``HKDF-SHA256(key, salt, info = magic ‖ suite ‖ log2)`` gives 64 bytes: the file key and the
commitment, so that one blob cannot open under two keys. Chunk *i* is AES-256-GCM with nonce
``i (11 bytes, big endian) ‖ last (1 byte)`` and a 16-byte tag; only the last chunk may be shorter
than the chunk size, and only a blob of length 0 has an empty last chunk. Pure: no IO, randomness
is an argument.

A ``context`` (``core.seals``: which consultation, epoch, object, position) is appended to HKDF's
info, which before it has a fixed length, and is the associated data of every chunk. Without one
the bytes are those of a blob at rest.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.blobs.errors import BlobDamaged

TAG = 16
SALT = 32
COMMITMENT = 32
_PREFIX = b"XLB\x01"
HEADER = len(_PREFIX) + 1 + SALT + COMMITMENT
CHUNK_LOG2 = 17  # 128 KiB: a 512×512 CT slice is five chunks, a PDU is about one

ReadAt = Callable[[int, int], bytes]
Room = Callable[[int], memoryview]


def _derive(key: bytes, salt: bytes, prefix: bytes, context: bytes) -> tuple[AESGCM, bytes]:
    info = b"xinglin blob v1" + prefix + context
    # HKDF-SHA256 (RFC 5869) for two blocks, by hand: the library's takes as long as sealing 64 KiB.
    pseudorandom = hmac.digest(salt, key, "sha256")
    file_key = hmac.digest(pseudorandom, info + b"\x01", "sha256")
    return AESGCM(file_key), hmac.digest(pseudorandom, file_key + info + b"\x02", "sha256")


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class Sealer:
    """Encrypts a stream piece by piece.

    Parameters
    ----------
    key : bytes
        32 bytes, the study's data key.
    salt : bytes
        32 fresh random bytes.
    context : bytes
        What the blob is; whoever opens it must say the same.
    """

    def __init__(
        self, key: bytes, salt: bytes, chunk_log2: int = CHUNK_LOG2, context: bytes = b""
    ) -> None:
        prefix = _PREFIX + bytes([chunk_log2])
        self._cipher, commitment = _derive(key, salt, prefix, context)
        self._context = context or None
        self._size = 1 << chunk_log2
        self._buffer = bytearray()
        self._held = 0
        self._index = 0
        self.header = prefix + salt + commitment

    def update(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Take plaintext and yield the ciphertext of every chunk known not to be the last."""
        self._buffer += data
        while len(self._buffer) > self._size:
            with memoryview(self._buffer) as view, view[: self._size] as piece:
                sealed = self._cipher.encrypt(_nonce(self._index, False), piece, self._context)
            del self._buffer[: self._size]
            self._index += 1
            yield sealed

    def update_into(
        self, data: bytes | bytearray | memoryview, stage: memoryview, room: Room
    ) -> Iterator[memoryview]:
        """Do as :meth:`update` without making objects: for who seals many.

        Parameters
        ----------
        stage : memoryview
            One chunk long; plaintext waits there from call to call, and nobody else writes there.
        room : callable
            ``room(length)`` is where the next ciphertext goes.
        """
        view, at, size = memoryview(data), 0, self._size
        while at < len(view):
            if self._held == size:
                self._held = 0
                yield self._into(stage[:size], room, last=False)
            elif self._held == 0 and len(view) - at > size:
                yield self._into(view[at : at + size], room, last=False)
                at += size
            else:
                count = min(size - self._held, len(view) - at)
                stage[self._held : self._held + count] = view[at : at + count]
                self._held += count
                at += count

    def final_into(self, stage: memoryview, room: Room) -> memoryview:
        """Write the ciphertext of the last chunk where :meth:`update_into` would; return it."""
        return self._into(stage[: self._held], room, last=True)

    def _into(self, piece: memoryview, room: Room, *, last: bool) -> memoryview:
        sealed = room(len(piece) + TAG)
        self._cipher.encrypt_into(_nonce(self._index, last), piece, self._context, sealed)
        self._index += 1
        return sealed

    def final(self) -> bytes:
        """Return the ciphertext of the last chunk."""
        return self._cipher.encrypt(_nonce(self._index, True), bytes(self._buffer), self._context)


class Opener:
    """Reads any range of a sealed blob.

    Parameters
    ----------
    key : bytes
        The study's data key.
    read_at : callable
        ``read_at(offset, length)`` of the ciphertext file; may return less only at its end.
    size : int
        Length of the ciphertext file.
    context : bytes
        What the blob is.

    Raises
    ------
    BlobDamaged
        If the header is not ours, key or context is another one, or the length cannot be.
    """

    def __init__(self, key: bytes, read_at: ReadAt, size: int, context: bytes = b"") -> None:
        header = read_at(0, HEADER)
        if len(header) != HEADER or not header.startswith(_PREFIX):
            raise BlobDamaged(fault="header")
        log2 = header[len(_PREFIX)]
        if not 10 <= log2 <= 24:
            raise BlobDamaged(fault="header")
        prefix, salt = header[: len(_PREFIX) + 1], header[len(_PREFIX) + 1 : -COMMITMENT]
        self._cipher, commitment = _derive(key, salt, prefix, context)
        self._context = context or None
        if commitment != header[-COMMITMENT:]:
            raise BlobDamaged(fault="key")
        self._read_at = read_at
        self._chunk = 1 << log2
        body = size - HEADER
        self._chunks = -(-body // (self._chunk + TAG))
        self.length = body - self._chunks * TAG
        if body < TAG or self.length < 0 or body - (self._chunks - 1) * (self._chunk + TAG) < TAG:
            raise BlobDamaged(fault="length")

    def read(self, offset: int, length: int) -> bytes:
        """Return plaintext ``offset … offset + length``, cut at the blob's end.

        Raises
        ------
        BlobDamaged
            If a chunk in the range does not open.
        """
        end = min(offset + length, self.length)
        if offset >= end:
            return b""
        first, last = offset // self._chunk, (end - 1) // self._chunk
        span = self._read_at(
            HEADER + first * (self._chunk + TAG), (last - first + 1) * (self._chunk + TAG)
        )
        pieces = [self._open(n, span, n - first) for n in range(first, last + 1)]
        skip = offset - first * self._chunk
        plain = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return (
            plain if skip == 0 and len(plain) == end - offset else plain[skip : skip + end - offset]
        )

    def verify(self) -> None:
        """Open every chunk.

        Raises
        ------
        BlobDamaged
            At the first chunk that does not open.
        """
        for n in range(self._chunks):
            step = self._chunk + TAG
            self._open(n, self._read_at(HEADER + n * step, step), 0)

    def _open(self, index: int, span: bytes, place: int) -> bytes:
        step = self._chunk + TAG
        sealed = memoryview(span)[place * step : (place + 1) * step]
        try:
            nonce = _nonce(index, index == self._chunks - 1)
            return self._cipher.decrypt(nonce, sealed, self._context)
        except InvalidTag:
            raise BlobDamaged(fault=f"chunk {index}") from None


def seal(plain: bytes, key: bytes, salt: bytes, context: bytes = b"") -> bytes:
    """Return a whole sealed blob."""
    sealer = Sealer(key, salt, context=context)
    return b"".join([sealer.header, *sealer.update(plain), sealer.final()])


def open_whole(sealed: bytes, key: bytes, context: bytes = b"") -> bytes:
    """Return the plaintext of a whole sealed blob.

    Raises
    ------
    BlobDamaged
        If it does not open.
    """
    opener = Opener(key, lambda at, n: sealed[at : at + n], len(sealed), context)
    plain = opener.read(0, opener.length)
    if not plain:
        opener.verify()
    return plain
