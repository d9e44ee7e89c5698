"""Command sets: the small group-0000 data sets before every DIMSE message (PS3.7 6.3, annex E).

Always implicit VR little endian. Decoded and encoded here with :mod:`struct`, because one is read
and one written per object and a general data-set parser costs more than the object's own bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from enum import IntEnum

from edge.intake.net.errors import CommandMalformed

_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_STRICT_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
NO_DATA_SET = 0x0101
_PRINTABLE = bytes(b if 0x20 <= b < 0x7F else ord("?") for b in range(256))


class Field(IntEnum):
    """Element numbers within group 0000 (PS3.7 table E.1-1)."""

    AFFECTED_SOP_CLASS = 0x0002
    REQUESTED_SOP_CLASS = 0x0003
    COMMAND = 0x0100
    MESSAGE_ID = 0x0110
    MESSAGE_ID_RESPONDED_TO = 0x0120
    PRIORITY = 0x0700
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    ERROR_COMMENT = 0x0902
    AFFECTED_SOP_INSTANCE = 0x1000
    REQUESTED_SOP_INSTANCE = 0x1001
    EVENT_TYPE = 0x1002
    ACTION_TYPE = 0x1008
    MOVE_ORIGINATOR_AE = 0x1030
    MOVE_ORIGINATOR_MESSAGE_ID = 0x1031


class Operation(IntEnum):
    """Values of Command Field (PS3.7 table E.1-1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130


class CommandSet:
    """A decoded command set: raw values by element number, read on demand."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[int, bytes]) -> None:
        self._values = values

    def number(self, element: Field, default: int | None = None) -> int:
        """Return an unsigned short.

        Raises
        ------
        CommandMalformed
            The element is absent (and no default is given) or not two bytes long.
        """
        raw = self._values.get(element)
        if raw is None and default is not None:
            return default
        if raw is None or len(raw) != 2:
            raise CommandMalformed(what=f"element 0000,{element:04X}")
        value: int = _US.unpack(raw)[0]
        return value

    def raw(self, element: Field) -> bytes:
        """Return the value as it came, without its padding; empty if absent."""
        return self._values.get(element, b"").rstrip(b"\0 ")

    def text(self, element: Field) -> str:
        """Return the value as printable ASCII, at most 64 characters; empty if absent."""
        return printable(self.raw(element))

    @property
    def operation(self) -> int:
        """Command Field."""
        return self.number(Field.COMMAND)

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows."""
        return self.number(Field.DATA_SET_TYPE) != NO_DATA_SET


def printable(raw: bytes, limit: int = 64) -> str:
    """Return bytes as ASCII safe for logs and names: everything else becomes ``?``."""
    return raw[:limit].translate(_PRINTABLE).decode("ascii")


def is_uid(text: str) -> bool:
    """Say whether the text has the form of a UID (PS3.5 9.1); leading zeros are let pass."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def is_strict_uid(text: str) -> bool:
    """Say whether the text is a UID by the letter of PS3.5 9.1, without leading zeros."""
    return len(text) <= 64 and _STRICT_UID.fullmatch(text) is not None


def decode_command(encoded: bytes | bytearray) -> CommandSet:
    """Decode a command set.

    Raises
    ------
    CommandMalformed
        An element of another group, a length beyond the end, or elements out of order.
    """
    values: dict[int, bytes] = {}
    offset, end, last = 0, len(encoded), -1
    while offset < end:
        if end - offset < 8:
            raise CommandMalformed(what="truncated element")
        group, element, length = _ELEMENT.unpack_from(encoded, offset)
        offset += 8
        if group != 0 or element <= last:
            raise CommandMalformed(what="element order")
        if length > end - offset:
            raise CommandMalformed(what="length beyond end")
        values[element] = bytes(encoded[offset : offset + length])
        offset += length
        last = element
    return CommandSet(values)


def encode_command(values: Mapping[Field, int | bytes | str]) -> bytes:
    """Encode a command set with its group length; ints become US, texts are padded to even."""
    body = bytearray()
    for element in sorted(values):
        value = values[element]
        if isinstance(value, int):
            raw = _US.pack(value)
        else:
            raw = value.encode("ascii") if isinstance(value, str) else value
            if len(raw) % 2:
                raw += b" " if element in _TEXT else b"\0"
        body += _ELEMENT.pack(0, element, len(raw)) + raw
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + bytes(body)


_TEXT = frozenset({Field.ERROR_COMMENT, Field.MOVE_ORIGINATOR_AE})


def response_to(
    request: CommandSet, operation: Operation, status: int, comment: str = ""
) -> dict[Field, int | bytes | str]:
    """Return the fields of a response without data set, UIDs echoed exactly as they came."""
    fields: dict[Field, int | bytes | str] = {
        Field.COMMAND: operation,
        Field.MESSAGE_ID_RESPONDED_TO: request.number(Field.MESSAGE_ID, 0),
        Field.DATA_SET_TYPE: NO_DATA_SET,
        Field.STATUS: status,
    }
    for theirs, ours in _ECHOED:
        if value := request.raw(theirs):
            fields[ours] = value
    if comment:
        fields[Field.ERROR_COMMENT] = printable(comment.encode("ascii", "replace"))
    return fields


# A response names the *affected* class and instance, whichever way the request named them.
_ECHOED = (
    (Field.REQUESTED_SOP_CLASS, Field.AFFECTED_SOP_CLASS),
    (Field.AFFECTED_SOP_CLASS, Field.AFFECTED_SOP_CLASS),
    (Field.REQUESTED_SOP_INSTANCE, Field.AFFECTED_SOP_INSTANCE),
    (Field.AFFECTED_SOP_INSTANCE, Field.AFFECTED_SOP_INSTANCE),
)
