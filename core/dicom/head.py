"""What is read of an instance on the receive path: identifiers and listed attributes.

The first part of a data set, at most 1 MiB and never the pixel data, becomes JSON-safe values with
text decoded and repaired. :class:`HeadReader` takes the bytes as they arrive and gives the routing
identifiers as soon as they are there, so that a receiver need not buffer more.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from struct import Struct
from typing import Final, Literal

from core.dicom.charset import CharacterSet, parse_character_set
from core.dicom.errors import HeadDeflateError, HeadIdentifierMissingError, HeadUnreadableError
from core.dicom.head_attributes import ATTRIBUTES, CHARACTER_SET, TAG_OF, WANTED, Attribute
from core.dicom.text import TEXT_VRS, Repair, decode_text, label_repair, split_values
from core.dicom.walker import VR_IS_LONG, Walker

MAX_HEAD_BYTES: Final = 1 << 20
_FIRST_STEP: Final = 4096
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
# JPIP referenced and HTJ2K-JPIP have deflated variants too.
_DEFLATED = frozenset({DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
_UID = re.compile(r"[0-9.]{1,64}\Z")
_META = Struct("<HH2sH").unpack_from
_META_LENGTH = Struct("<I").unpack_from

JsonValue = str | int | float | list[str] | list[int] | list[float]


@dataclass(frozen=True, slots=True)
class Routing:
    """Where an instance belongs. UIDs are non-empty; `patient_id` and `issuer` may be empty."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    patient_id: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Head:
    """The read part of one instance.

    Parameters
    ----------
    routing : Routing
    attributes : Mapping
        DICOM keyword -> JSON value: text and dates as strings, IS and US as int, DS as float,
        multi-valued attributes as lists. An attribute that is absent, empty or not readable as
        its VR is not in it.
    repairs : tuple of Repair
        What the text decoder had to mend, label included.
    invalid : tuple of str
        Keywords whose bytes do not fit their VR.
    transfer_syntax : str
        As given or as the file meta says; empty if neither did.
    pixel_offset : int or None
        Byte in the (inflated) input at which the pixel data element begins.
    state : {"pixels", "end", "partial"}
        Whether the walk met the pixel data, ended with a whole element, or stopped within one.
    """

    routing: Routing
    attributes: Mapping[str, JsonValue]
    repairs: tuple[Repair, ...]
    invalid: tuple[str, ...]
    transfer_syntax: str
    pixel_offset: int | None
    state: Literal["pixels", "end", "partial"]


def read_head(head: bytes, transfer_syntax: str, *, charset_override: str | None = None) -> Head:
    """Read the first bytes (at most 1 MiB are looked at) of an instance, with or without file meta.

    Parameters
    ----------
    head : bytes
        From the first byte of the data set, or of the file (preamble and meta are recognised).
    transfer_syntax : str
        As negotiated; a file's own meta wins; may be empty.
    charset_override : str or None
        The sender's setting for wrong labels.

    Raises
    ------
    HeadUnreadableError, HeadTooDeepError, HeadDeflateError
        If the bytes are no data set.
    HeadIdentifierMissingError
        If the study, series or SOP instance UID is missing or malformed.
    CharacterSetUnknownError
        If the override is not a character set.
    """
    reader = HeadReader(transfer_syntax, charset_override=charset_override)
    return reader.feed(head) or reader.finish()


class HeadReader:
    """Reads a head from chunks. Feed until a Head comes, or call `finish` at the end of data."""

    __slots__ = ("_buffer", "_inflater", "_override", "_started", "_walker", "transfer_syntax")

    def __init__(self, transfer_syntax: str, *, charset_override: str | None = None) -> None:
        self.transfer_syntax = transfer_syntax
        self._override = charset_override
        self._buffer = bytearray()
        self._inflater: zlib._Decompress | None = None
        self._walker: Walker | None = None
        self._started = False

    @property
    def routing(self) -> Routing | None:
        """The identifiers, as soon as they have been passed; None means: more bytes are needed."""
        found = self._walker.found if self._walker is not None else {}
        if _STUDY not in found or _SERIES not in found:
            return None
        return _routing(found, self._override)

    def feed(self, chunk: bytes | bytearray | memoryview) -> Head | None:
        """Take the next bytes. Returns the head when the pixel data or 1 MiB is reached.

        Raises as `read_head`; bytes after a returned head must not be fed.
        """
        # A head is a few KiB at the start of a chunk that is mostly pixels.
        view, at, step = memoryview(chunk), 0, _FIRST_STEP
        while True:
            head = self._feed(view[at : at + step])
            at += step
            if head is not None or at >= len(view):
                return head
            step *= 4

    def _feed(self, chunk: memoryview) -> Head | None:
        self._take(chunk)
        if self._walker is None and not self._begin(last=False):
            return None
        walker = self._walker
        assert walker is not None
        walker.advance(self._buffer)
        if walker.at_pixels or len(self._buffer) >= MAX_HEAD_BYTES:
            return self._result(walker)
        return None

    def finish(self) -> Head:
        """Return the head of a data set that ended; raises as `read_head`."""
        if self._walker is None and not self._begin(last=True):
            raise HeadUnreadableError(offset=0)
        walker = self._walker
        assert walker is not None
        walker.advance(self._buffer)
        return self._result(walker)

    def _take(self, chunk: memoryview) -> None:
        room = MAX_HEAD_BYTES - len(self._buffer)
        if self._inflater is None:
            self._buffer += chunk[:room]
        elif room > 0:
            self._buffer += _inflated(self._inflater, bytes(chunk), room)

    def _begin(self, *, last: bool) -> bool:
        """Find file meta and encoding once enough bytes are there; say whether that is so."""
        buffer = self._buffer
        if len(buffer) < 132 and not last:
            return False
        start = 132 if buffer[128:132] == b"DICM" else 0
        if start or buffer[:2] == b"\x02\x00":
            meta = _read_meta(buffer, start)
            if meta is None and not last:
                return False
            if meta is None:
                raise HeadUnreadableError(offset=start)
            start, syntax = meta
            self.transfer_syntax = syntax or self.transfer_syntax
        if len(buffer) < start + 8 and not last:
            return False
        if self.transfer_syntax in _DEFLATED and self._inflater is None:
            self._inflater = zlib.decompressobj(-15)
            packed = bytes(buffer[start:])
            del buffer[:]
            buffer += _inflated(self._inflater, packed, MAX_HEAD_BYTES)
            start = 0
            if len(buffer) < 8 and not last:
                return False
        explicit, little = _encoding(buffer, start, self.transfer_syntax)
        self._walker = Walker(WANTED, start, explicit=explicit, little=little)
        return True

    def _result(self, walker: Walker) -> Head:
        ended = walker.offset == len(self._buffer) and walker.depth == 0
        return _head(
            walker,
            self._override,
            self.transfer_syntax,
            "pixels" if walker.at_pixels else "end" if ended else "partial",
        )


_STUDY, _SERIES = TAG_OF["StudyInstanceUID"], TAG_OF["SeriesInstanceUID"]


def _inflated(inflater: zlib._Decompress, packed: bytes, room: int) -> bytes:
    try:
        return inflater.decompress(packed, room)
    except zlib.error as error:
        raise HeadDeflateError from error


def _read_meta(buffer: bytearray, start: int) -> tuple[int, str] | None:
    """Return where the data set begins and its transfer syntax; None if bytes are missing."""
    offset, syntax = start, ""
    while offset + 12 <= len(buffer):
        group, element, vr, length = _META(buffer, offset)
        if group != 0x0002:
            return offset, syntax
        value = offset + 8
        if VR_IS_LONG.get(vr, True):
            length = _META_LENGTH(buffer, offset + 8)[0]
            value = offset + 12
        if element == 0x0010:
            syntax = bytes(buffer[value : value + length]).decode("latin_1").strip(" \0")
        offset = value + length
    return None


def _encoding(buffer: bytearray, start: int, transfer_syntax: str) -> tuple[bool, bool]:
    """Return (explicit VR, little endian); the bytes of the first element overrule the label."""
    little = transfer_syntax != EXPLICIT_BIG
    if not transfer_syntax and buffer[start : start + 1] == b"\0":
        little = buffer[start + 1 : start + 2] == b"\0"
    return bytes(buffer[start + 4 : start + 6]) in VR_IS_LONG, little


def _head(
    walker: Walker,
    override: str | None,
    transfer_syntax: str,
    state: Literal["pixels", "end", "partial"],
) -> Head:
    routing = _routing(walker.found, override)
    attributes, repairs, invalid = _decoded(walker, _character_set(walker.found, override))
    attributes.pop("SpecificCharacterSet", None)
    return Head(
        routing=routing,
        attributes=attributes,
        repairs=repairs,
        invalid=invalid,
        transfer_syntax=transfer_syntax,
        pixel_offset=walker.offset if walker.at_pixels else None,
        state=state,
    )


def _character_set(found: Mapping[int, bytes], override: str | None) -> CharacterSet:
    declared = found.get(CHARACTER_SET, b"").decode("latin_1").strip(" \0")
    return parse_character_set(declared, override)


def _routing(found: Mapping[int, bytes], override: str | None) -> Routing:
    uids = {}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = _ascii(found.get(TAG_OF[keyword], b""))
        if not _UID.match(uid):
            raise HeadIdentifierMissingError(attribute=keyword)
        uids[keyword] = uid
    charset = _character_set(found, override)
    identity = [
        decode_text(found.get(TAG_OF[k], b""), "LO", charset).text.strip(" ")
        for k in ("PatientID", "IssuerOfPatientID")
    ]
    return Routing(
        study_uid=uids["StudyInstanceUID"],
        series_uid=uids["SeriesInstanceUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        sop_class_uid=_ascii(found.get(TAG_OF["SOPClassUID"], b"")),
        patient_id=identity[0],
        issuer=identity[1],
    )


def _ascii(raw: bytes) -> str:
    return raw.decode("latin_1").strip(" \0")


def _decoded(
    walker: Walker, charset: CharacterSet
) -> tuple[dict[str, JsonValue], tuple[Repair, ...], tuple[str, ...]]:
    values: dict[str, JsonValue] = {}
    repairs: list[Repair] = []
    invalid: list[str] = []
    own = label_repair(charset)
    if own is not None:
        repairs.append(own)
    found = walker.found
    seen = not charset.trusted and _gb_seen(found, charset)
    for tag in sorted(found):
        attribute = ATTRIBUTES[tag]
        raw = found[tag]
        try:
            if (attribute.vr in TEXT_VRS and not raw.isascii()) or b"\x1b" in raw:
                decoded = decode_text(raw, attribute.vr, charset, f"{tag:08X}", gb_seen=seen)
                repairs.extend(decoded.repairs)
                value = _value(attribute, decoded.text, raw, walker.little)
            else:
                value = _plain_value(tag, raw, walker.little)
        except ValueError:
            invalid.append(attribute.keyword)
            continue
        if value == "":
            continue
        if type(value) is list:
            if not value:
                continue
            value = value.copy()  # the remembered one stays as it is
        values[attribute.keyword] = value
    return values, tuple(repairs), tuple(invalid)


@lru_cache(maxsize=4096)
def _plain_value(tag: int, raw: bytes, little: bool) -> JsonValue:
    """Return the value of bytes that no character set touches.

    Remembered: from one slice to the next of a series hardly any attribute changes. Raises
    ValueError, which is not remembered.
    """
    attribute = ATTRIBUTES[tag]
    text = "" if attribute.vr == "US" else raw.decode("latin_1").rstrip(" \0")
    return _value(attribute, text, raw, little)


def _gb_seen(found: Mapping[int, bytes], charset: CharacterSet) -> bool:
    return any(
        repair.used == "gb18030"
        for tag, raw in found.items()
        if ATTRIBUTES[tag].vr in TEXT_VRS and not raw.isascii()
        for repair in decode_text(raw, ATTRIBUTES[tag].vr, charset).repairs
    )


def _value(attribute: Attribute, text: str, raw: bytes, little: bool) -> JsonValue:
    """Return one JSON value; raises ValueError if the bytes do not fit the VR."""
    vr = attribute.vr
    if vr == "US":
        if len(raw) < 2:
            if raw:
                raise ValueError(vr)
            return ""
        return int.from_bytes(raw[:2], "little" if little else "big")
    if "\\" not in text:
        one = text.strip(" \0")
        if not one:
            return ""
        if vr in ("IS", "DS"):
            number = _number(one, vr)
            return [number] if attribute.multiple else number
        return [one] if attribute.multiple else one
    parts = split_values(text, vr)
    if vr in ("IS", "DS"):
        numbers = [_number(p, vr) for p in parts if p]
        return numbers if attribute.multiple else numbers[0] if numbers else ""
    return parts if attribute.multiple else parts[0]


def _number(text: str, vr: str) -> float:
    number = float(text)
    if not isfinite(number) or len(text) > 32:
        raise ValueError(vr)
    if vr == "IS":
        if number != int(number):
            raise ValueError(vr)
        return int(number)
    return number
