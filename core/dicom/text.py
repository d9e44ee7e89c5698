r"""Header text: bytes to Unicode, once, with every repair recorded.

pydicom is not asked to decode text: it leaves ISO 2022 IR 58 escapes in the result and believes
every label. Here bytes are decoded before they are split on ``\ ^ =`` (in GBK a second byte may be
either), mislabelled GBK and UTF-8 are recognised, the original bytes stay with every repair, and
what leaves is UTF-8. Source: PS3.5 6.1 and 6.2, PS3.3 C.12.1.1.2.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

from core.dicom.charset import ESCAPES, CharacterSet
from core.dicom.detect import (
    from_gb18030,
    gb18030_evidence,
    has_han,
    is_common_gb,
    mixes_scripts,
    utf8_evidence,
)
from core.dicom.errors import CharacterSetUnknownError, LossyTextError
from core.dicom.iso2022 import decode_extended

RepairKind = Literal[
    "relabelled",  # the label was wrong: the bytes are in `used`
    "escape_missing",  # ISO 2022 text without the escape that announces it
    "escape_unknown",  # an escape DICOM does not define
    "label",  # the label is misspelt, unknown or combined against the standard
    "undecodable",  # bytes that no reading explains; shown as U+FFFD
    "overridden",  # the peer's setting replaced the label
]

TEXT_VRS = frozenset({"SH", "LO", "ST", "LT", "UC", "UT", "PN"})
_SINGLE_VALUED = frozenset({"ST", "LT", "UT", "UR"})


@dataclass(frozen=True, slots=True)
class Repair:
    """One departure from the label: where, why, from what, to what, and the bytes as they came.

    `tag` is eight hexadecimal digits (empty for a text that is no element); `original` may hold
    a patient's name and belongs into sealed records only.
    """

    tag: str
    kind: RepairKind
    declared: str
    used: str
    original: bytes

    def as_json(self) -> dict[str, str]:
        """Return the form that goes into a sealed record; the original as Base64."""
        return {
            "tag": self.tag,
            "kind": self.kind,
            "declared": self.declared,
            "used": self.used,
            "original": base64.b64encode(self.original).decode("ascii"),
        }


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of one element, delimiters included, with its repairs and its original bytes."""

    text: str
    repairs: tuple[Repair, ...]
    original: bytes


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    kind: RepairKind | None = None
    used: str = ""


def decode_text(
    raw: bytes, vr: str, charset: CharacterSet, tag: str = "", *, gb_seen: bool = False
) -> Decoded:
    """Decode one element's bytes; padding at the end is taken off, nothing else is changed.

    `gb_seen` says that other text of the same data set is GB18030 in spite of its label; then a
    name of one rare character is believed to be it too. Never raises: what no reading explains
    comes back with U+FFFD and a repair of kind ``undecodable``.
    """
    body = raw.rstrip(b" \0")
    escaped = b"\x1b" in body
    if body.isascii() and not escaped:
        return Decoded(body.decode("ascii"), (), raw)
    if not charset.codec:
        reading = _extended(body, vr, charset)
    elif escaped and any(escape in body for escape in ESCAPES):
        reading = _escapes_unannounced(body, vr, charset)
    elif charset.trusted:
        reading = _labelled(body, charset)
    else:
        reading = _unlabelled(body, charset, gb_seen)
    repairs: list[Repair] = []
    if reading.kind is not None:
        repairs.append(Repair(tag, reading.kind, charset.declared, reading.used, raw))
    return Decoded(reading.text, tuple(repairs), raw)


def split_values(text: str, vr: str) -> list[str]:
    r"""Split decoded text on ``\`` where the VR allows several values; blanks around go."""
    if vr in _SINGLE_VALUED:
        return [text]
    return [v.strip(" \0") for v in text.split("\\")]


def label_repair(charset: CharacterSet) -> Repair | None:
    """Return the repair of the label itself, if it was wrong or replaced by a setting."""
    if charset.overridden:
        kind: RepairKind = "overridden"
    elif charset.flaw is not None:
        kind = "label"
    else:
        return None
    used = charset.codec or "iso2022"
    return Repair("00080005", kind, charset.declared, used, charset.declared.encode("utf_8"))


def encode_for_peer(text: str, term: str) -> bytes:
    """Encode text for a peer that insists on `term` (ISO_IR 192, GB18030, GBK, ISO_IR 100, …).

    Raises LossyTextError instead of writing `?`, CharacterSetUnknownError for other terms
    (ISO 2022 is read, never written).
    """
    codecs = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk", "ISO_IR 100": "latin_1",
              "ISO_IR 6": "ascii", "": "ascii"}  # fmt: skip
    if term not in codecs:
        raise CharacterSetUnknownError(charset=term[:64])
    try:
        return text.encode(codecs[term])
    except UnicodeEncodeError as error:
        lost = sum(1 for c in text if not _encodable(c, codecs[term]))
        raise LossyTextError(charset=term, characters=lost) from error


def _encodable(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _labelled(body: bytes, charset: CharacterSet) -> _Reading:
    """Read by a label that is worth believing, unless the bytes contradict it."""
    if charset.codec == "gb18030":
        return _gb_labelled(body)
    try:
        return _Reading(body.decode(charset.codec))
    except UnicodeDecodeError:
        return _last_resort(body, charset.codec)


def _gb_labelled(body: bytes) -> _Reading:
    utf8, evidence = utf8_evidence(body)
    # UTF-8 Han read as GB18030 is legal but rare characters; true GB text is nearly always level
    # 1 or 2. Only when both agree is the label overruled.
    han_only = evidence == "strong" and has_han(utf8) and not mixes_scripts(utf8)
    if han_only and not is_common_gb(body):
        return _Reading(utf8, "relabelled", "utf_8")
    try:
        return _Reading(from_gb18030(body))
    except UnicodeDecodeError:
        return _last_resort(body, "gb18030")


def _unlabelled(body: bytes, charset: CharacterSet, gb_seen: bool) -> _Reading:
    """Read bytes under no label, ISO_IR 6 or Latin-1."""
    utf8, utf8_is = utf8_evidence(body)
    text, gb_is = gb18030_evidence(body)
    if utf8_is == "strong" and (gb_is != "strong" or not mixes_scripts(utf8)):
        return _Reading(utf8, "relabelled", "utf_8")
    if utf8_is == "weak":
        latin_word = any(c.isascii() and c.isalpha() for c in utf8)
        if latin_word or gb_is != "strong" or not is_common_gb(body):
            return _Reading(utf8, "relabelled", "utf_8")
    if gb_is == "strong" or (gb_is == "weak" and gb_seen):
        return _Reading(text, "relabelled", "gb18030")
    if charset.codec == "latin_1":
        return _Reading(body.decode("latin_1"))
    # No label allows only ASCII; Latin-1 loses nothing and is what most readers show.
    return _Reading(body.decode("latin_1"), "relabelled", "latin_1")


def _extended(body: bytes, vr: str, charset: CharacterSet) -> _Reading:
    delimiters = {"PN": b"\\^="}.get(vr, b"" if vr in _SINGLE_VALUED else b"\\")
    try:
        result = decode_extended(body, charset, delimiters)
    except UnicodeDecodeError:
        return _last_resort(body, "iso2022")
    if "escape_missing" in result.flaws:
        utf8, evidence = utf8_evidence(body)
        if evidence == "strong" and not is_common_gb(body):
            return _Reading(utf8, "relabelled", "utf_8")
        return _Reading(result.text, "escape_missing", charset.later_g1 or charset.g1 or "")
    if result.flaws:
        return _Reading(result.text, "escape_unknown", "iso2022")
    return _Reading(result.text)


def _escapes_unannounced(body: bytes, vr: str, charset: CharacterSet) -> _Reading:
    """Known ISO 2022 escapes under a label without code extensions."""
    g1 = charset.codec if charset.codec in ("latin_1", "shift_jis") else None
    assumed = CharacterSet(charset.declared, "", "ascii", g1)
    result = _extended(body, vr, assumed)
    return result if result.kind else _Reading(result.text, "relabelled", "iso2022")


def _last_resort(body: bytes, failed: str) -> _Reading:
    """Bytes that contradict their label: UTF-8, then GB18030, then marked as undecodable."""
    if failed != "utf_8":
        utf8, evidence = utf8_evidence(body)
        if evidence != "none":
            return _Reading(utf8, "relabelled", "utf_8")
    if failed != "gb18030":
        text, gb = gb18030_evidence(body)
        if gb != "none":
            return _Reading(text, "relabelled", "gb18030")
    codec = failed if failed in ("utf_8", "gb18030") else "ascii"
    return _Reading(body.decode(codec, errors="replace"), "undecodable", codec)
