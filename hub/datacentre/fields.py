"""What a de-identified result may say: closed sets and bounded numbers, no text. Pure.

The box makes these fields (``edge.consult.statistics``); the hub takes no other, whoever signs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hub.datacentre.errors import FieldNotListed, StatisticRefused

Check = Callable[[Any], bool]
_KINDS = frozenset(
    {"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass", "cavity",
     "consolidation", "tree_in_bud", "calcification", "pleural_effusion",
     "miliary", "fibrosis", "pleural_thickening", "lymph_node"}
)  # fmt: skip
_PSEUDONYM = re.compile(r"[0-9a-f]{32}\Z")
_MOST_CODES, _MOST_LESIONS = 16, 999


def _one_of(*words: str) -> Check:
    return lambda v: isinstance(v, str) and v in words


def _like(pattern: str) -> Check:
    found = re.compile(pattern + r"\Z", re.ASCII)
    return lambda v: isinstance(v, str) and bool(found.match(v))


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST_LESIONS


def _codes(value: Any) -> bool:
    code = _like(r"[A-Z][A-Z0-9_.-]{0,31}")
    return isinstance(value, list) and len(value) <= _MOST_CODES and all(map(code, value))


def _kinds(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= _KINDS and all(map(_count, value.values()))


FIELDS: Mapping[str, Check] = {
    "month": _like(r"(19|20)\d\d-(0[1-9]|1[0-2])"),
    "modality": _one_of("CT", "DX", "CR", "DR", "PT"),
    "sex": _one_of("M", "F", "O"),
    "age_band": _like(r"\d0?-\d?9|80\+"),
    "status": _one_of("ok", "failed", "refused", "not_applicable"),
    "qc_verdict": _one_of("pass", "warn", "reject"),
    "qc_codes": _codes,
    "tb_positive": lambda v: isinstance(v, bool),
    "tb_score_band": _like(r"0\.\d-(0\.\d|1\.0)"),
    "lesion_count": _count,
    "lesion_kinds": _kinds,
    "model": _like(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}"),
    "model_version": _like(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}"),
    "review": _one_of("accepted", "rejected"),
}


def check_statistic(body: Mapping[str, Any], hospital: str, allowed: frozenset[str]) -> None:
    """Let through a result that holds nothing but listed fields, each of its closed set.

    Raises
    ------
    StatisticRefused, FieldNotListed
    """
    if set(body) != {"fields", "hospital", "patient", "study"}:
        raise StatisticRefused(field="body")
    if body["hospital"] != hospital:
        raise StatisticRefused(field="hospital")
    for name in ("patient", "study"):
        if not isinstance(body[name], str) or not _PSEUDONYM.match(body[name]):
            raise StatisticRefused(field=name)
    fields = body["fields"]
    if not isinstance(fields, dict):
        raise StatisticRefused(field="fields")
    for name, value in fields.items():
        if name not in FIELDS or not FIELDS[name](value):
            raise StatisticRefused(field=name if name in FIELDS else "fields")
        if name not in allowed:
            raise FieldNotListed(field=name)
