"""Identifiers of C-FIND, C-MOVE and C-GET: what is asked, and the responses. Pure.

Source: PS3.4 C.4.1 to C.4.3, C.6.1 and C.6.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from core.dicom.utf8 import UNREADABLE, to_utf8
from edge.intake.dimse.errors import QueryKeyError, QueryLevelError
from edge.intake.dimse.match import Matcher, matcher_of
from edge.intake.dimse.ports import LEVELS, UNIQUE_KEY, Level, Record

MAX_KEYS = 512
MAX_UIDS = 10_000
_CONTROL = frozenset(
    {"SpecificCharacterSet", "QueryRetrieveLevel", "TimezoneOffsetFromUTC", "RetrieveAETitle",
     "InstanceAvailability"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """A C-FIND identifier: which level, what must match, what is to be returned.

    `returned` maps tags to VRs in ascending order; unknown keys are in it too.
    """

    level: Level
    matchers: tuple[Matcher, ...]
    returned: Mapping[int, str]


def parse_query(identifier: Dataset, *, patient_root: bool, override: str | None = None) -> Query:
    """Read a C-FIND identifier; `override` is the peer's character set setting.

    Keys of lower levels than the query's are returned empty, never matched. Raises QueryLevelError.
    """
    text, _ = to_utf8(identifier, override)
    level = _level(text, patient_root=patient_root)
    matchers: list[Matcher] = []
    returned: dict[int, str] = {}
    for tag in sorted(text.keys())[:MAX_KEYS]:
        keyword = keyword_for_tag(tag)
        element = _element(text, tag)
        if keyword in _CONTROL or tag.element == 0 or element is None:
            continue
        returned[int(element.tag)] = str(element.VR)
        if element.VR == "SQ" or not keyword:
            continue  # sequences and private keys: universal matching
        matcher = matcher_of(keyword, str(element.VR), _values(element))
        if matcher is not None:
            matchers.append(matcher)
    unique = UNIQUE_KEY[level]
    returned.setdefault(_tag(unique), _vr(unique))
    return Query(level, tuple(matchers), dict(sorted(returned.items())))


def retrieve_keys(
    identifier: Dataset, *, patient_root: bool
) -> tuple[Level, dict[str, tuple[str, ...]]]:
    """Read a C-MOVE or C-GET identifier: its level, and the unique keys with their alternatives.

    Raises QueryLevelError, and QueryKeyError if the level's own key is missing or holds a
    wildcard.
    """
    text, _ = to_utf8(identifier)
    level = _level(text, patient_root=patient_root)
    keys: dict[str, tuple[str, ...]] = {}
    for name in LEVELS[: LEVELS.index(level) + 1]:
        keyword = UNIQUE_KEY[name]
        if keyword not in text:
            continue
        element = _element(text, keyword)
        values = tuple(v for v in _values(element) if v)[:MAX_UIDS] if element else ()
        if any("*" in v or "?" in v for v in values):
            raise QueryKeyError(attribute=keyword)
        if values:
            keys[keyword] = values
    if UNIQUE_KEY[level] not in keys:
        raise QueryKeyError(attribute=UNIQUE_KEY[level])
    return level, keys


def response(query: Query, record: Record, retrieve_ae: str, charset: str) -> Dataset:
    """Return the C-FIND response for one record: every key asked for, empty where unknown."""
    answer = Dataset()
    _add(answer, _tag("SpecificCharacterSet"), "CS", charset)
    _add(answer, _tag("QueryRetrieveLevel"), "CS", query.level)
    _add(answer, _tag("RetrieveAETitle"), "AE", retrieve_ae)
    _add(answer, _tag("InstanceAvailability"), "CS", "ONLINE")
    for tag, vr in query.returned.items():
        if vr == "SQ":
            answer.add(DataElement(BaseTag(tag), "SQ", Sequence([])))
            continue
        value = record.get(keyword_for_tag(tag))
        _add(answer, tag, vr, list(value) if isinstance(value, tuple) else value)
    return answer


def _element(dataset: Dataset, key: str | BaseTag) -> DataElement | None:
    """Return an element, or None where it is absent or its bytes do not fit its VR."""
    if key not in dataset:
        return None
    try:
        element: DataElement = dataset[key]
    except UNREADABLE:
        return None
    return element


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; none where it is absent or, from a hostile peer, no SQ."""
    element = _element(dataset, keyword)
    return list(element.value) if element and isinstance(element.value, Sequence) else []


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return a value as text, empty where there is none; the first of several."""
    element = _element(dataset, keyword)
    values = _values(element) if element else []
    return values[0].strip(" \0") if values else ""


def _level(identifier: Dataset, *, patient_root: bool) -> Level:
    written = text_of(identifier, "QueryRetrieveLevel").upper()
    allowed = LEVELS if patient_root else LEVELS[1:]
    for level in allowed:
        if level == written:
            return level
    raise QueryLevelError


def _values(element: DataElement) -> list[str]:
    value = element.value
    if value is None or isinstance(value, bytes | Sequence):
        return []
    if isinstance(value, list | tuple | MultiValue):
        return [str(v) for v in value]
    return [str(value)]  # a PersonName can be iterated over, but is one value


def _add(answer: Dataset, tag: int, vr: str, value: object) -> None:
    if value is not None and vr in ("IS", "DS"):
        value = [str(v) for v in value] if isinstance(value, list) else str(value)
    element = DataElement(BaseTag(tag), vr, value, validation_mode=config.IGNORE)
    answer.add(element)


def _tag(keyword: str) -> int:
    return _TAGS[keyword]


def _vr(keyword: str) -> str:
    return dictionary_VR(_TAGS[keyword])


_TAGS = {
    "SpecificCharacterSet": 0x00080005,
    "QueryRetrieveLevel": 0x00080052,
    "RetrieveAETitle": 0x00080054,
    "InstanceAvailability": 0x00080056,
    "PatientID": 0x00100020,
    "StudyInstanceUID": 0x0020000D,
    "SeriesInstanceUID": 0x0020000E,
    "SOPInstanceUID": 0x00080018,
}
