"""QIDO-RS (PS3.18 10.6): the query service's matching, answered as DICOM JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from starlette.datastructures import QueryParams

from core.web.errors import InputWrong
from edge.api.context import whole
from edge.intake.dimse.match import matcher_of, matches
from edge.intake.dimse.ports import Level
from edge.store.archive import BoxArchive
from edge.store.box import Box

_LEVELS: dict[str, Level] = {"studies": "STUDY", "series": "SERIES", "instances": "IMAGE"}
_PARENTS = {"study_uid": "StudyInstanceUID", "series_uid": "SeriesInstanceUID"}
_NOT_MATCHED = frozenset({"limit", "offset", "includefield", "fuzzymatching"})
_MOST = 500


def qido_level(
    box: Box, name: str, path: Mapping[str, str], query: QueryParams
) -> list[dict[str, Any]]:
    """Return the matching studies, series or instances.

    Raises
    ------
    InputWrong
        For an attribute nobody knows, or a limit that is no number.
    """
    level = _LEVELS[name]
    keys = {_PARENTS[k]: v for k, v in path.items() if k in _PARENTS}
    for given, value in query.multi_items():
        if given not in _NOT_MATCHED:
            keys[_keyword(given)] = value
    matchers = [
        found
        for keyword, value in keys.items()
        if (found := matcher_of(keyword, dictionary_VR(keyword), _values(keyword, value)))
    ]
    limit, offset = _number(query, "limit", _MOST), _number(query, "offset", 0)
    out: list[dict[str, Any]] = []
    archive, passed = BoxArchive(box), 0
    for record in archive.find(level, matchers, limit + offset):
        if len(out) >= min(limit, _MOST):
            break
        if not matches(record, matchers):
            continue
        passed += 1
        if passed > offset:
            out.append(_json(record, keys))
    return out


def _values(keyword: str, value: str) -> list[str]:
    return value.replace("\\", ",").split(",") if dictionary_VR(keyword) == "UI" else [value]


def _keyword(name: str) -> str:
    if name.isalnum() and len(name) == 8 and all(c in "0123456789abcdefABCDEF" for c in name):
        name = keyword_for_tag(int(name, 16)) or name
    if not name or tag_for_keyword(name) is None:
        raise InputWrong(field=name[:64])
    return name


def _number(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    number = whole(text)
    if number is None:
        raise InputWrong(field=name)
    return number


def _json(record: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in {**dict.fromkeys(keys, ""), **record}.items():
        if tag_for_keyword(keyword) is None:
            continue
        try:
            setattr(dataset, keyword, list(value) if isinstance(value, list | tuple) else value)
        except (ValueError, TypeError):
            setattr(dataset, keyword, None)
    found: dict[str, Any] = dataset.to_json_dict()
    return found
