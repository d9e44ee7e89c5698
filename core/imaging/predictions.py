"""The AI's case-level statements as single answers, each with its confidence and its basis.

Made from a result's public form, so that an older result answers too. Suspicion, activity, severity
are :mod:`core.imaging.case`'s; pattern and advice are rules over the same signs, stated with the
lesions that they rest on. An image alone never says more than "suspected" (WS 288-2017), and the
pattern is a radiological one, not a diagnosis of the class of disease (WS 196-2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MODEL = "xinglin-case-answers"
VERSION = "0.1.0"
#: From here on the probability of the strongest lesion of the basis is called high, or moderate.
HIGH, MODERATE = 0.85, 0.6
#: Where sputum examination is advised: suspected cases (WS 288-2017; ATS/IDSA/CDC, CID 64:111).
SPUTUM_SIGNS = frozenset({"cavity", "tree_in_bud", "miliary", "consolidation"})


def predictions_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of one result; [] where the AI made none.

    Each has ``code``, ``value`` (coded), ``number`` (0 to 1, or percent for the extent; None where
    there is none) with ``interval``, ``confidence`` (``high``, ``moderate``, ``low``), ``basis``
    (signs with their lesions) and ``method``.
    """
    if result.get("status") != "ok":
        return []
    case, tb = result.get("case"), result.get("tb")
    if tb:
        return [_of_score(tb)]
    if not case or not case.get("counts"):
        return []
    probability = {x["id"]: x["probability"] or 0.0 for x in result.get("lesions") or []}
    return [
        _suspected(case),
        _activity(case, probability),
        _pattern(case, result.get("lesions") or [], probability),
        _severity(case, probability),
        _sputum(case, probability),
    ]


def _of_score(tb: Mapping[str, Any]) -> dict[str, Any]:
    away = abs(tb["score"] - tb["threshold"])
    side = 1 - tb["threshold"] if tb["positive"] else tb["threshold"]
    return {
        "code": "suspected_tb", "value": "suspected" if tb["positive"] else "not_suspected",
        "number": tb["score"], "interval": tb.get("interval"),
        "confidence": _word(0.5 + 0.5 * away / side if side else 0.5), "basis": [],
        "method": {k: tb.get(k) for k in ("model", "version", "threshold", "calibration_set")},
    }  # fmt: skip


def _suspected(case: Mapping[str, Any]) -> dict[str, Any]:
    value, (low, high) = case["suspicion"], case["interval"]
    # An interval that reaches over the threshold leaves the answer open.
    open_ended = low < case["threshold"] <= high
    sure = max(value, 1 - value)
    return {
        "code": "suspected_tb", "value": "suspected" if case["suspected"] else "not_suspected",
        "number": value, "interval": [low, high],
        "confidence": "low" if open_ended and sure < HIGH else _word(sure),
        "basis": case["basis"], "method": case.get("method"),
    }  # fmt: skip


def _activity(case: Mapping[str, Any], probability: Mapping[int, float]) -> dict[str, Any]:
    signs = [one for one in case["activity"] if one["code"] != "healed_only"]
    healed = [one for one in case["activity"] if one["code"] == "healed_only"]
    value = "signs" if signs else "healed_only" if healed else "none"
    return _answer("activity", value, signs or healed, probability, case)


def _pattern(
    case: Mapping[str, Any], lesions: Sequence[Mapping[str, Any]], probability: Mapping[int, float]
) -> dict[str, Any]:
    """Name the radiological pattern by its leading sign."""
    kinds: dict[str, list[int]] = {}
    for lesion in lesions:
        kinds.setdefault(lesion["kind"], []).append(lesion["id"])
    lung = set(kinds) - {"pleural_effusion", "pleural_thickening", "lymph_node"}
    if "miliary" in kinds:
        value, of = "disseminated", ["miliary"]
    elif "pleural_effusion" in kinds and not lung:
        value, of = "pleural", ["pleural_effusion"]
    elif "lymph_node" in kinds and not lung & SPUTUM_SIGNS:
        value, of = "nodal", ["lymph_node"]
    elif lung & SPUTUM_SIGNS:
        value, of = "post_primary", sorted(lung & SPUTUM_SIGNS)
    else:
        value, of = "nonspecific", sorted(lung)
    basis = [{"code": k, "lesions": kinds[k], "weight": 0.0} for k in of if k in kinds]
    return _answer("pattern", value, basis, probability, case)


def _severity(case: Mapping[str, Any], probability: Mapping[int, float]) -> dict[str, Any]:
    basis = [one for one in case["activity"] if one["code"] in ("cavity", "consolidation")]
    answer = _answer("severity", case["severity"], basis, probability, case)
    return {**answer, "number": case["burden_percent"]}


def _sputum(case: Mapping[str, Any], probability: Mapping[int, float]) -> dict[str, Any]:
    signs = [one for one in case["activity"] if one["code"] in SPUTUM_SIGNS]
    advised = bool(signs) or case["suspected"]
    return _answer("sputum", "advised" if advised else "not_advised", signs, probability, case)


def _answer(
    code: str, value: str, basis: Sequence[Mapping[str, Any]], probability: Mapping[int, float],
    case: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """An answer is as sure as the surest lesion that it rests on; without one, as the opposite."""
    sure = max((probability.get(n, 0.0) for one in basis for n in one["lesions"]), default=None)
    if sure is None:
        sure = 1 - max(probability.values(), default=0.0)
    calibration = (case.get("method") or {}).get("calibration_set")
    return {
        "code": code, "value": value, "number": None, "interval": None, "confidence": _word(sure),
        "basis": list(basis),
        "method": {
            "model": MODEL, "version": VERSION, "threshold": None, "calibration_set": calibration,
        },
    }  # fmt: skip


def _word(sure: float) -> str:
    return "high" if sure >= HIGH else "moderate" if sure >= MODERATE else "low"
