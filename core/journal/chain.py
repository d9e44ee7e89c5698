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
from dataclasses import dataclass, field
from typing import Literal

from core.records.record import GENESIS

FaultKind = Literal[
    "changed", "removed", "reordered", "header", "columns", "unreadable", "truncated", "forked"
]
#: The header's fields that a store also keeps as columns to find records by, in this order.
COLUMNS = ("clock", "kind", "subject", "key")
Columns = tuple[str, str, str, str]

_DOMAIN = b"xinglin record v1"


def link_of(header: bytes, sealed: bytes) -> bytes:
    """Return the 32-byte link of one record."""
    size = len(header).to_bytes(4, "big")
    return hashlib.sha256(b"".join((_DOMAIN, size, header, sealed))).digest()


@dataclass(frozen=True, slots=True)
class Kept:
    """One row as a store keeps it; ``seq`` and ``link`` are the store's own columns.

    ``columns`` are the values of :data:`COLUMNS` that the store looks records up by, where it
    keeps any. They are no part of the record and do not travel: the verifier alone reads them.
    """

    writer: str
    seq: int
    header: bytes
    sealed: bytes
    link: bytes
    columns: Columns | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unread:
    """Records ``first`` … ``last`` of a writer that the store cannot give: damaged pages."""

    writer: str
    first: int
    last: int


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


def verify(rows: Iterable[Kept | Unread]) -> Iterator[Fault | Head]:
    """Walk one writer's chain in order of seq and yield every fault, then the head.

    Parameters
    ----------
    rows : iterable of Kept or Unread
        All rows of one writer in one journal, ordered by seq.

    Yields
    ------
    Fault
        ``changed``: bytes do not give the kept link; ``removed``: a seq is missing;
        ``reordered``: header says another seq or another predecessor; ``header``: no header;
        ``columns``: the store would find it under what its header does not say;
        ``unreadable``: the store cannot give it, once for the first of each run.
    Head
        Last, once: the last row seen.
    """
    expected_seq, prev = 1, bytes.fromhex(GENESIS)
    writer = ""
    for row in rows:
        writer = row.writer
        if isinstance(row, Unread):
            yield from _removed(writer, expected_seq, row.first)
            yield Fault(writer, row.first, "unreadable")
            expected_seq, prev = row.last + 1, b""
            continue
        if type(row.seq) is not int:  # the column was set to a text
            yield Fault(writer, expected_seq, "columns")
            continue
        if row.seq != expected_seq:
            yield from _removed(writer, expected_seq, row.seq)
            prev = b""
        yield from _faults_of(row, prev)
        prev = row.link
        expected_seq = row.seq + 1
    yield Head(writer, expected_seq - 1, prev)


def _removed(writer: str, expected: int, found: int) -> Iterator[Fault]:
    for missing in range(expected, min(found, expected + 100)):
        yield Fault(writer, missing, "removed")


def _faults_of(row: Kept, prev: bytes) -> Iterator[Fault]:
    if link_of(row.header, row.sealed) != row.link:
        yield Fault(row.writer, row.seq, "changed")
        return
    if prev and _stands_after(row, prev):
        return
    try:
        header = json.loads(row.header)
        same_place = header["seq"] == row.seq and header["writer"] == row.writer
        follows = not prev or header["prev"] == prev.hex()
        says = (header["clock"], header["kind"], header["subject"], header["key"])
    except (ValueError, KeyError, TypeError):
        yield Fault(row.writer, row.seq, "header")
        return
    if not same_place or not follows:
        yield Fault(row.writer, row.seq, "reordered")
    if row.columns is not None and row.columns != says:
        yield Fault(row.writer, row.seq, "columns")


def _stands_after(row: Kept, prev: bytes) -> bool:
    """Return whether a header, as this release writes it, names its place; a quick first look.

    Quotes inside a JSON string are escaped, so that these bytes stand there only as the fields
    themselves. Anything else (another release's header, a fault) is parsed by the caller.
    """
    place = f',"prev":"{prev.hex()}","seq":{row.seq},"subject":"'
    if row.columns is not None:
        clock, kind, subject, key = row.columns
        place = f',"clock":"{clock}","key":"{key}","kind":"{kind}"{place}{subject}","version":'
    return place.encode("utf-8", "replace") in row.header and row.header.endswith(
        f',"writer":"{row.writer}"}}'.encode()
    )


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
