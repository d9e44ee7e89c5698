"""Which chunks of an object are here: counting, bitmaps, what is missing. Pure.

Chunk *n* is bit ``n % 8`` of byte ``n // 8``. Both ends of an upload use this.
"""

from __future__ import annotations

SMALLEST, LARGEST = 16 * 1024, 1024 * 1024


def is_chunk_size(chunk: int) -> bool:
    """Return whether a size may be one chunk's: a power of two from 16 KiB to 1 MiB."""
    return SMALLEST <= chunk <= LARGEST and chunk & (chunk - 1) == 0


def count(size: int, chunk: int) -> int:
    """Return how many chunks an object of ``size`` bytes has."""
    return -(-size // chunk)


def empty(size: int, chunk: int) -> bytearray:
    """Return the bitmap of an object of which nothing is here."""
    return bytearray(-(-count(size, chunk) // 8))


def is_held(bitmap: bytes | bytearray, index: int) -> bool:
    """Return whether a chunk is here."""
    return bool(bitmap[index >> 3] >> (index & 7) & 1)


def hold(bitmap: bytearray, index: int) -> None:
    """Note that a chunk is here."""
    bitmap[index >> 3] |= 1 << (index & 7)


def held_count(bitmap: bytes | bytearray) -> int:
    """Return how many chunks are here."""
    return int.from_bytes(bitmap, "big").bit_count()


def fits(bitmap: bytes | bytearray, size: int, chunk: int) -> bool:
    """Return whether a bitmap can be one of this object: its length, and no bit past its end."""
    total = count(size, chunk)
    if len(bitmap) != -(-total // 8):
        return False
    return not total % 8 or bitmap[-1] >> (total % 8) == 0


def merged(one: bytes | bytearray, other: bytes | bytearray) -> bytearray:
    """Return the union of two bitmaps of the same object."""
    return bytearray(a | b for a, b in zip(one, other, strict=True))


def next_missing(
    bitmap: bytes | bytearray, start: int, total: int, most: int
) -> tuple[int, int] | None:
    """Return (first, number) of the first run of missing chunks at or after ``start``.

    The run is cut at ``most`` chunks; None where nothing is missing from there on.
    """
    first = start
    while first < total and is_held(bitmap, first):
        # A full byte is passed at once.
        first += 8 if not first & 7 and bitmap[first >> 3] == 0xFF else 1
    if first >= total:
        return None
    end = first + 1
    while end < total and end - first < most and not is_held(bitmap, end):
        end += 1
    return first, end - first
