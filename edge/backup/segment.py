"""A segment: consecutive records of one writer in one journal, as kept. Pure.

::

    {"first","journal","last","version","writer"} (canonical JSON) ‖ "\\n" ‖ row ‖ row …
    row = position (8) ‖ seq (8) ‖ len(header) (4) ‖ len(sealed) (4) ‖ link (32) ‖ header ‖ sealed

Positions (order of arrival on the box) are kept, so that a restored box has them again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.journal.chain import Kept
from core.records.canonical import from_bytes, to_bytes
from edge.backup.errors import ObjectDamaged

_ROW = struct.Struct(">QQII32s")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A kept record and where it stood in the box's order of arrival."""

    position: int
    row: Kept


def pack(journal: str, rows: Sequence[Placed]) -> bytes:
    """Return the plaintext of a segment; ``rows`` are one writer's, in order, at least one."""
    first, last = rows[0].row, rows[-1].row
    head = {
        "version": _VERSION, "journal": journal, "writer": first.writer,
        "first": first.seq, "last": last.seq,
    }  # fmt: skip
    pieces = [to_bytes(head), b"\n"]
    for placed in rows:
        row = placed.row
        sizes = (len(row.header), len(row.sealed))
        pieces.append(_ROW.pack(placed.position, row.seq, *sizes, row.link))
        pieces += [row.header, row.sealed]
    return b"".join(pieces)


def unpack(data: bytes, name: str) -> Iterator[Placed]:
    """Yield a segment's records.

    Raises
    ------
    ObjectDamaged
        If the bytes are no segment of this version.
    """
    head, _, body = data.partition(b"\n")
    try:
        facts = from_bytes(head)
        writer, version = str(facts["writer"]), facts["version"]
    except (ValueError, KeyError, TypeError):
        raise ObjectDamaged(name=name, fault="header") from None
    if version != _VERSION:
        raise ObjectDamaged(name=name, fault=f"version {version}")
    at, view = 0, memoryview(body)
    while at < len(view):
        if len(view) - at < _ROW.size:
            raise ObjectDamaged(name=name, fault="length")
        position, seq, header, sealed, link = _ROW.unpack_from(view, at)
        at += _ROW.size
        end = at + header + sealed
        if end > len(view):
            raise ObjectDamaged(name=name, fault="length")
        row = Kept(writer, seq, bytes(view[at : at + header]), bytes(view[at + header : end]), link)
        yield Placed(position, row)
        at = end
