"""A strict, small reader of data sets for requests that come over the wire. Pure.

Little endian, implicit or explicit VR. Values stay bytes; only the sequences asked for are opened.
The general library reader is not used here: it guesses, warns into logs with the sender's text, and
recurses as deep as the sender likes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

Elements = dict[int, "bytes | list[Elements]"]

_TAG_LENGTH = struct.Struct("<HHI")
_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class _Reader:
    data: bytes
    sequences: frozenset[int]

    def data_set(
        self, offset: int, end: int, explicit: bool, depth: int
    ) -> tuple[Elements, int, bool]:
        """Read to ``end`` or to an item delimiter; return values, offset, delimiter met."""
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        values: Elements = {}
        while offset < end:
            tag, vr, length, offset = self._header(offset, end, explicit)
            if tag == _ITEM_END:
                return values, offset, True
            if length == _UNDEFINED or tag in self.sequences:
                # PS3.5 6.2.2: a UN of undefined length holds implicit VR.
                inside = explicit and vr != b"UN"
                values[tag], offset = self._sequence(offset, end, length, inside, depth)
                continue
            if length > end - offset:
                raise ValueError("length beyond end")
            values[tag] = self.data[offset : offset + length]
            offset += length
        return values, offset, False

    def _header(self, offset: int, end: int, explicit: bool) -> tuple[int, bytes, int, int]:
        if end - offset < 8:
            raise ValueError("truncated element")
        group, element, length = _TAG_LENGTH.unpack_from(self.data, offset)
        tag = group << 16 | element
        if not explicit or group == 0xFFFE:
            return tag, b"", length, offset + 8
        vr = self.data[offset + 4 : offset + 6]
        if vr not in _LONG_VRS:
            return tag, vr, length >> 16, offset + 8
        if end - offset < 12:
            raise ValueError("truncated element")
        return tag, vr, int.from_bytes(self.data[offset + 8 : offset + 12], "little"), offset + 12

    def _sequence(
        self, offset: int, end: int, length: int, explicit: bool, depth: int
    ) -> tuple[list[Elements], int]:
        if length != _UNDEFINED:
            if length > end - offset:
                raise ValueError("length beyond end")
            end = offset + length
        items: list[Elements] = []
        while offset < end:
            tag, _, size, offset = self._header(offset, end, explicit=False)
            if tag == _SEQUENCE_END and length == _UNDEFINED:
                return items, offset
            if tag != _ITEM or (size != _UNDEFINED and size > end - offset):
                raise ValueError("item")
            stop = end if size == _UNDEFINED else offset + size
            item, offset, delimited = self.data_set(offset, stop, explicit, depth + 1)
            if delimited != (size == _UNDEFINED):
                raise ValueError("item delimiter")
            items.append(item)
        if length == _UNDEFINED:
            raise ValueError("sequence delimiter")
        return items, offset


def read_elements(data: bytes, *, explicit: bool, sequences: frozenset[int]) -> Elements:
    """Return values by tag; those of ``sequences`` as lists of items.

    Raises
    ------
    ValueError
        The bytes are not a data set, or are nested deeper than eight levels.
    """
    values, _, delimited = _Reader(data, sequences).data_set(0, len(data), explicit, 0)
    if delimited:
        raise ValueError("item delimiter")
    return values
