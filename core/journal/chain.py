"""The hash chain, pure: link, verify, name the fault. No IO here; see ``store.py``.

Invariants, per (journal, writer):

1. ``seq`` is 1, 2, 3 … without a hole.
2. ``prev`` is the link of the record before; the first has :data:`~core.records.record.GENESIS`.
3. ``link = SHA-256("xinglin record v1" ‖ len(header) ‖ header ‖ sealed)`` over the bytes kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from core.records.record import GENESIS

FaultKind = Literal["changed", "removed", "reordered", "header", "truncated", "forked"]

_DOMAIN = b"xinglin record v1"


def link_of(header: bytes, sealed: bytes) -> bytes:
    """Return the 32-byte link of one record."""
    digest = hashlib.sha256(_DOMAIN)
    digest.update(len(header).to_bytes(4, "big"))
    digest.update(header)
    digest.update(sealed)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Kept:
    """One row as a store keeps it; ``seq`` and ``link`` are the store's own columns."""

    writer: str
    seq: int
    header: bytes
    sealed: bytes
    link: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with which record."""

    writer: str
    seq: int
    kind: FaultKind

    def __str__(self) -> str:
        return f"{self.kind} record {self.seq} of writer {self.writer[:16]}"


@dataclass(frozen=True, slots=True)
class Head:
    """How far a verified chain goes."""

    writer: str
    seq: int
    link: bytes


def verify(rows: Iterable[Kept]) -> Iterator[Fault | Head]:
    """Walk one writer's chain in order of seq and yield every fault, then the head.

    Parameters
    ----------
    rows : iterable of Kept
        All rows of one writer in one journal, ordered by seq.

    Yields
    ------
    Fault
        ``changed``: bytes do not give the kept link; ``removed``: a seq is missing;
        ``reordered``: header says another seq or another predecessor; ``header``: unreadable.
    Head
        Last, once: the last row seen.
    """
    expected_seq, prev = 1, bytes.fromhex(GENESIS)
    writer = ""
    for row in rows:
        writer = row.writer
        if row.seq != expected_seq:
            for missing in range(expected_seq, min(row.seq, expected_seq + 100)):
                yield Fault(writer, missing, "removed")
            prev = b""
        yield from _faults_of(row, prev)
        prev = row.link
        expected_seq = row.seq + 1
    yield Head(writer, expected_seq - 1, prev)


def _faults_of(row: Kept, prev: bytes) -> Iterator[Fault]:
    if link_of(row.header, row.sealed) != row.link:
        yield Fault(row.writer, row.seq, "changed")
        return
    try:
        header = json.loads(row.header)
        same_place = header["seq"] == row.seq and header["writer"] == row.writer
        follows = not prev or header["prev"] == prev.hex()
    except (ValueError, KeyError, TypeError):
        yield Fault(row.writer, row.seq, "header")
        return
    if not same_place or not follows:
        yield Fault(row.writer, row.seq, "reordered")


def compare(head: Head, signed_seq: int, signed_link: bytes, link_at: bytes | None) -> Fault | None:
    """Hold a verified head against a signed head that was kept outside the journal.

    Parameters
    ----------
    head : Head
        What :func:`verify` found.
    signed_seq, signed_link
        What the witness says.
    link_at : bytes or None
        The link of the record ``signed_seq`` here, if it is here.
    """
    if head.seq < signed_seq:
        return Fault(head.writer, head.seq + 1, "truncated")
    if link_at != signed_link:
        return Fault(head.writer, signed_seq, "forked")
    return None
