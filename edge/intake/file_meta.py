"""Preamble and file meta (PS3.10 7.1) for a data set that came over the network. Pure.

Written by hand: it is a dozen short elements, and every received object needs it.
"""

from __future__ import annotations

from edge.intake.net.pdu import IMPLEMENTATION_CLASS_UID
from edge.intake.net.sink import StoreCommand

_IMPLEMENTATION_VERSION = "XINGLIN_0_1"
_PREAMBLE = b"\0" * 128 + b"DICM"
_VERSION = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01"  # the one long-form element: value 00 01


def file_prefix(command: StoreCommand, instance: str) -> bytes:
    """Return preamble and file meta for a data set that came without.

    Parameters
    ----------
    instance : str
        SOP Instance UID of the data set.
    """
    elements = [
        _VERSION,
        _uid(0x0002, command.sop_class),
        _uid(0x0003, instance),
        _uid(0x0010, command.transfer_syntax),
        _uid(0x0012, IMPLEMENTATION_CLASS_UID),
        _text(0x0013, b"SH", _IMPLEMENTATION_VERSION),
    ]
    if command.calling_ae:
        elements.append(_text(0x0016, b"AE", command.calling_ae[:16]))
    body = b"".join(elements)
    return _PREAMBLE + _element(0x0000, b"UL", len(body).to_bytes(4, "little")) + body


def _uid(element: int, value: str) -> bytes:
    data = value.encode("ascii", "replace")
    return _element(element, b"UI", data + b"\0" * (len(data) % 2))


def _text(element: int, vr: bytes, value: str) -> bytes:
    data = value.encode("ascii", "replace")
    return _element(element, vr, data + b" " * (len(data) % 2))


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    """Return one explicit VR little endian element of group 0002, short form (PS3.5 7.1.2)."""
    number, length = element.to_bytes(2, "little"), len(value).to_bytes(2, "little")
    return b"\x02\0" + number + vr + length + value
