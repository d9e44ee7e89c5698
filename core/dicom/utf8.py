"""A data set with all its text in UTF-8.

Works on pydicom's raw elements, so that pydicom's own text decoding never runs on bytes we have not
looked at. Bytes that pydicom has decoded already are taken back through the codec that it used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pydicom import config
from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import PersonName

from core.dicom.charset import UTF8_TERM, CharacterSet, parse_character_set
from core.dicom.errors import HeadTooDeepError
from core.dicom.text import (
    TEXT_VRS,
    Decoded,
    Repair,
    decode_text,
    label_repair,
    split_values,
)

CHARACTER_SET_TAG = BaseTag(0x00080005)
MAX_DEPTH = 64
# What pydicom raises when the bytes of an element do not fit its VR.
UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, IndexError, KeyError, NotImplementedError, OSError,
    TypeError, ValueError, struct.error,
)  # fmt: skip


def to_utf8(dataset: Dataset, override: str | None = None) -> tuple[Dataset, tuple[Repair, ...]]:
    """Return a copy whose text is Unicode and whose label is ISO_IR 192, and what was repaired.

    Parameters
    ----------
    dataset : pydicom.Dataset
        As read from a file (raw elements) or built by hand; it is not changed. Values other than
        text are shared with the copy.
    override : str or None
        The sender's setting for data sets whose label is wrong.

    Raises
    ------
    CharacterSetUnknownError
        If `override` is not a character set.
    HeadTooDeepError
        If sequences nest deeper than 64 levels.

    Notes
    -----
    A sequence item may have a label of its own (PS3.3 C.12.1.1.2); it is honoured and dropped,
    because an item without one takes that of the data set around it.
    """
    charset = parse_character_set(declared_character_set(dataset), override)
    own = label_repair(charset)
    seen = _gb_seen(dataset, charset)
    copy, repairs = _converted(dataset, charset, override, gb_seen=seen, depth=0)
    copy.add(_element(CHARACTER_SET_TAG, "CS", [UTF8_TERM]))
    for attribute in ("file_meta", "preamble"):
        if hasattr(dataset, attribute):
            setattr(copy, attribute, getattr(dataset, attribute))
    implicit, little = dataset.original_encoding
    copy.set_original_encoding(implicit, little, ["utf8"])
    return copy, (() if own is None else (own,)) + repairs


def _converted(
    dataset: Dataset, charset: CharacterSet, override: str | None, *, gb_seen: bool, depth: int
) -> tuple[Dataset, tuple[Repair, ...]]:
    if depth > MAX_DEPTH:
        raise HeadTooDeepError(limit=MAX_DEPTH)
    elements: dict[BaseTag, DataElement | RawDataElement] = {}
    repairs: list[Repair] = []
    for tag in dataset.keys():  # noqa: SIM118 - iterating a Dataset converts its elements
        if tag == CHARACTER_SET_TAG:
            continue
        raw = dataset.get_item(tag)
        vr = _vr_of(raw)
        if vr in TEXT_VRS:
            decoded = _decoded(raw, vr, charset, gb_seen)
            repairs.extend(decoded.repairs)
            elements[tag] = _element(tag, vr, split_values(decoded.text, vr))
        elif vr == "SQ":
            items = []
            for item in _items(dataset, tag):
                label = declared_character_set(item, charset.declared)
                inner = parse_character_set(label, override)
                done, more = _converted(item, inner, override, gb_seen=gb_seen, depth=depth + 1)
                items.append(done)
                repairs.extend(more)
            elements[tag] = DataElement(tag, "SQ", Sequence(items)) if items else raw
        else:
            elements[tag] = raw
    # Handing the elements over as a dictionary saves pydicom's checks of every single one.
    copy = Dataset(elements)
    if hasattr(dataset, "_pixel_rep"):
        copy._pixel_rep = dataset._pixel_rep  # decides US or SS in an item of implicit VR
    return copy, tuple(repairs)


def _items(dataset: Dataset, tag: BaseTag) -> list[Dataset]:
    """Return a sequence's items; none where pydicom cannot read it (the element stays as it is)."""
    try:
        value = dataset[tag].value
    except UNREADABLE:
        return []
    return list(value) if isinstance(value, Sequence) else []


def _gb_seen(dataset: Dataset, charset: CharacterSet) -> bool:
    """Say whether some top-level text is GB18030 although the label says otherwise."""
    if charset.trusted:
        return False
    return any(
        repair.used == "gb18030"
        for raw, vr in _text_elements(dataset)
        for repair in _decoded(raw, vr, charset, gb_seen=False).repairs
    )


def _text_elements(dataset: Dataset) -> Iterator[tuple[RawDataElement | DataElement, str]]:
    for tag in dataset.keys():  # noqa: SIM118 - as above
        raw = dataset.get_item(tag)
        vr = _vr_of(raw)
        if vr in TEXT_VRS:
            yield raw, vr


def declared_character_set(dataset: Dataset, inherited: str = "") -> str:
    r"""Return (0008,0005) as written, values joined by ``\``; `inherited` if it is not there."""
    if CHARACTER_SET_TAG not in dataset:
        return inherited
    value = dataset.get_item(CHARACTER_SET_TAG).value
    if isinstance(value, bytes):
        return value.decode("latin_1").strip(" \0")
    values = value if isinstance(value, list | tuple | MultiValue) else [value]
    return "\\".join(v if isinstance(v, str) else "" for v in values)


def _vr_of(element: RawDataElement | DataElement) -> str:
    vr = element.VR
    if vr is None or (vr == "UN" and isinstance(element, RawDataElement)):
        try:
            return dictionary_VR(element.tag)
        except KeyError:
            return "LO" if element.tag.is_private_creator else "UN"
    return str(vr)


def _decoded(
    element: RawDataElement | DataElement, vr: str, charset: CharacterSet, gb_seen: bool
) -> Decoded:
    tag = f"{int(element.tag):08X}"
    value = element.value
    if isinstance(value, bytes):
        return decode_text(value, vr, charset, tag, gb_seen=gb_seen)
    values = value if isinstance(value, list | tuple | MultiValue) else [value]
    texts = ["" if v is None else _as_bytes_or_text(v, charset) for v in values]
    raws = [t for t in texts if isinstance(t, bytes)]
    if texts and len(raws) == len(texts):
        return decode_text(b"\\".join(raws), vr, charset, tag, gb_seen=gb_seen)
    return Decoded(
        "\\".join(t if isinstance(t, str) else str(t, "latin_1") for t in texts), (), b""
    )


def _as_bytes_or_text(value: object, charset: CharacterSet) -> bytes | str:
    """Return the bytes pydicom decoded, where they can be had, else the text as it is."""
    if isinstance(value, PersonName) and value.original_string:
        original = value.original_string
        return bytes(original) if isinstance(original, bytes) else str(value)
    text = str(value)
    suspicious = "\x1b" in text or any(0x80 <= ord(c) <= 0xFF for c in text)
    if not suspicious:
        return text
    first = charset.declared.rsplit("\\", maxsplit=1)[-1]
    codec = charset.codec or python_encoding.get(first, "latin_1")
    try:
        return text.encode("latin_1" if codec == "ascii" else codec)
    except UnicodeEncodeError:
        return text


def _element(tag: BaseTag, vr: str, values: list[str]) -> DataElement:
    value: object = values[0] if len(values) == 1 else values
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)
