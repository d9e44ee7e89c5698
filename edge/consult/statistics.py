"""De-identified statistics: what of a result may leave, and nothing else can. Pure.

Every field is made here from a closed vocabulary or a bounded number; no text of the source is ever
copied. A hospital's policy lists the fields that leave; without a policy nothing does. Dates are
coarsened to the month, ages to ten years; a study and a patient appear under pseudonyms that are
keyed hashes under this box's own key, so that neither the hub nor another hospital can link them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

DOMAIN: Final = "xinglin statistics v1"
_KINDS: Final = frozenset(
    {"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass", "cavity",
     "consolidation", "tree_in_bud", "calcification", "pleural_effusion",
     "miliary", "fibrosis", "pleural_thickening", "lymph_node"}
)  # fmt: skip
_MODALITIES: Final = frozenset({"CT", "DX", "CR", "DR", "PT"})
_STATUS: Final = frozenset({"ok", "failed", "refused", "not_applicable"})
_VERDICTS: Final = frozenset({"pass", "warn", "reject"})
_DECISIONS: Final = frozenset({"accepted", "rejected"})
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}\Z")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_.-]{0,31}\Z")
_MOST_CODES, _MOST_LESIONS = 16, 999


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of one result; may hold anything, for nothing of it is believed.

    Attributes
    ----------
    result : mapping
        The public result, see docs/howto/analyze.md.
    review : str
        A physician's decision, "" for none.
    """

    modality: str
    sex: str
    birth_date: str
    study_date: str
    result: Mapping[str, Any]
    review: str = ""


def statistic(source: Source, fields: frozenset[str]) -> dict[str, Any]:
    """Return the fields of a policy that the source has, each coarse and from a closed set."""
    made = {name: _FIELDS[name](source) for name in sorted(fields & set(_FIELDS))}
    return {name: value for name, value in made.items() if value is not None}


def body_of(hospital: str, pseudonyms: tuple[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the statement that goes to the hub.

    Parameters
    ----------
    pseudonyms : tuple of str
        Of the study and of the patient: keyed hashes.
    """
    study, patient = pseudonyms
    return {"fields": values, "hospital": hospital, "patient": patient, "study": study}


def _one_of(value: Any, words: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in words else None


def _month(source: Source) -> str | None:
    text = source.study_date
    sound = isinstance(text, str) and re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])\d\d", text)
    return f"{text[:4]}-{text[4:6]}" if sound else None


def _age_band(source: Source) -> str | None:
    born, seen = source.birth_date, source.study_date
    if not all(isinstance(v, str) and re.fullmatch(r"(18|19|20)\d{6}", v) for v in (born, seen)):
        return None
    age = int(seen[:4]) - int(born[:4]) - (seen[4:] < born[4:])
    if not 0 <= age < 130:
        return None
    # Few people are very old: above 80 there is one band.
    return "80+" if age >= 80 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"


def _qc(source: Source) -> Mapping[str, Any]:
    found = source.result.get("qc")
    return found if isinstance(found, Mapping) else {}


def _tb(source: Source) -> Mapping[str, Any]:
    found = source.result.get("tb")
    return found if isinstance(found, Mapping) else {}


def _qc_codes(source: Source) -> list[str] | None:
    reasons = _qc(source).get("reasons")
    if not isinstance(reasons, list):
        return None
    codes = {one.get("code") for one in reasons if isinstance(one, Mapping)}
    return sorted(c for c in codes if isinstance(c, str) and _CODE.match(c))[:_MOST_CODES]


def _positive(source: Source) -> bool | None:
    value = _tb(source).get("positive")
    return value if isinstance(value, bool) else None


def _score_band(source: Source) -> str | None:
    value = _tb(source).get("score")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    low = min(9, int(value * 10))
    return f"0.{low}-{'1.0' if low == 9 else f'0.{low + 1}'}"


def _lesions(source: Source) -> list[Any] | None:
    found = source.result.get("lesions")
    return found if isinstance(found, list) else None


def _lesion_count(source: Source) -> int | None:
    found = _lesions(source)
    return None if found is None else min(len(found), _MOST_LESIONS)


def _lesion_kinds(source: Source) -> dict[str, int] | None:
    found = _lesions(source)
    if found is None:
        return None
    kinds = (_one_of(one.get("kind"), _KINDS) for one in found if isinstance(one, Mapping))
    counted = Counter(kind for kind in kinds if kind is not None)
    return {kind: min(count, _MOST_LESIONS) for kind, count in sorted(counted.items())}


def _method(name: str) -> Callable[[Source], str | None]:
    def field(source: Source) -> str | None:
        for place in (source.result.get("method"), _tb(source)):
            value = place.get(name) if isinstance(place, Mapping) else None
            if isinstance(value, str) and _NAME.match(value):
                return value
        return None

    return field


_FIELDS: Final[dict[str, Callable[[Source], Any]]] = {
    "month": _month,
    "modality": lambda s: _one_of(s.modality, _MODALITIES),
    "sex": lambda s: _one_of(s.sex, frozenset({"M", "F", "O"})),
    "age_band": _age_band,
    "status": lambda s: _one_of(s.result.get("status"), _STATUS),
    "qc_verdict": lambda s: _one_of(_qc(s).get("verdict"), _VERDICTS),
    "qc_codes": _qc_codes,
    "tb_positive": _positive,
    "tb_score_band": _score_band,
    "lesion_count": _lesion_count,
    "lesion_kinds": _lesion_kinds,
    "model": _method("model"),
    "model_version": _method("version"),
    "review": lambda s: _one_of(s.review, _DECISIONS),
}
FIELDS: Final = frozenset(_FIELDS)
