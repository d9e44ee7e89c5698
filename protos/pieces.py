"""Pieces of objects on the wire without copying them: the bytes that protobuf would write.

An ``Up`` that holds a ``Put`` is almost only data. Building and parsing it through the generated
classes copies a MiB three times on each side; here it is joined once and read in place. Whatever
does not look exactly so is left to protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from protos.gen import sync_pb2 as pb

SERVICE = "xinglin.v1.Sync"
LINK = f"/{SERVICE}/Link"
_UP_PUT = 0x1A  # field 3, length-delimited
_ADDRESS = b"\x0a\x20"  # field 1, 32 bytes
_INDEX = 0x10  # field 2, varint
_DATA = 0x1A  # field 3, length-delimited


@dataclass(frozen=True, slots=True)
class Piece:
    """A ``Put`` that was read in place."""

    address: bytes
    index: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no ``Up``: the protocol refuses them by number, gRPC would only drop them."""


def put_bytes(address: bytes, index: int, data: bytes) -> bytes:
    """Return the wire form of ``Up(put=Put(address, index, data))``; ``address`` has 32 bytes."""
    where = b"" if index == 0 else bytes([_INDEX]) + _varint(index)
    inner = b"".join((_ADDRESS, address, where, bytes([_DATA]), _varint(len(data))))
    return b"".join((bytes([_UP_PUT]), _varint(len(inner) + len(data)), inner, data))


def up_bytes(message: pb.Up | bytes) -> bytes:
    """Serialize what a link sends: a message, or the bytes of one."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def read_up(data: bytes) -> pb.Up | Piece | Broken:
    """Deserialize what a link receives."""
    try:
        return _piece(data) or pb.Up.FromString(data)
    except DecodeError:
        return Broken()


def _piece(data: bytes) -> Piece | None:
    if len(data) < 64 or data[0] != _UP_PUT:
        return None
    size, at = _read_varint(data, 1)
    if at + size != len(data) or data[at : at + 2] != _ADDRESS:
        return None
    address, at, index = data[at + 2 : at + 34], at + 34, 0
    if data[at] == _INDEX:
        index, at = _read_varint(data, at + 1)
    if index >> 32 or at + 8 > len(data) or data[at] != _DATA:
        return None
    length, at = _read_varint(data, at + 1)
    if not length or at + length != len(data):
        return None
    return Piece(address, index, memoryview(data)[at:])


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, next position); a value that cannot be where it runs past five bytes."""
    value = 0
    for n in range(5):
        byte = data[at + n] if at + n < len(data) else 0xFF
        value |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            return value, at + n + 1
    return 1 << 62, at
