"""The public form of a comparison: JSON types only, sentences in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.imaging.followup_recist import POPULATION
from core.imaging.followup_sentences import STABLE_IS_NOT_INACTIVE, VERDICTS, conclusion_of

if TYPE_CHECKING:
    from core.errors import Language
    from core.imaging.followup import FollowUp
    from core.imaging.followup_change import Change
    from core.imaging.followup_recist import RecistResponse
    from core.imaging.result import Reason


def followup_json(found: FollowUp, language: Language = "zh") -> dict[str, object]:
    """Return a comparison in its public form."""
    conclusion = conclusion_of(found)
    return {
        "status": found.status,
        "reasons": [_reason_json(reason, language) for reason in found.reasons],
        "days": found.days,
        "conclusion_zh": conclusion.zh,
        "conclusion_en": conclusion.en,
        "note_zh": STABLE_IS_NOT_INACTIVE.zh,
        "note_en": STABLE_IS_NOT_INACTIVE.en,
        "counts": {verdict: found.count(verdict) for verdict in VERDICTS}
        if found.changes is not None
        else None,
        "changes": None if found.changes is None else [_change_json(c) for c in found.changes],
        "recist": _recist_json(found.recist),
        "lung_ml": None if found.lung_ml is None else [round(v, 1) for v in found.lung_ml],
        "registration": None if found.quality is None else found.quality.as_json(),
        "method": {"model": found.method, "version": found.version, "research_only": True},
        "seconds": {stage: round(s, 3) for stage, s in found.seconds.items()},
    }


def _change_json(change: Change) -> dict[str, object]:
    sentence = VERDICTS[change.verdict]
    return {
        "verdict": change.verdict,
        "verdict_zh": sentence.zh,
        "verdict_en": sentence.en,
        "relation": change.relation,
        "prior_ids": list(change.prior_ids),
        "current_ids": list(change.current_ids),
        "kind_prior": change.kind_prior or None,
        "kind_current": change.kind_current or None,
        "cavitated": change.cavitated,
        "volume_prior_ml": _number(change.volume_prior_ml, 4),
        "volume_current_ml": _number(change.volume_current_ml, 4),
        "volume_change": _number(change.volume_change, 4),
        "long_axis_prior_mm": _number(change.long_axis_prior_mm, 2),
        "long_axis_current_mm": _number(change.long_axis_current_mm, 2),
        "long_axis_change_mm": _number(change.long_axis_change_mm, 2),
        "doubling_time_days": None
        if change.doubling_time_days is None
        else [_number(v, 1) for v in change.doubling_time_days],
        "rule": change.rule,
        "distance_mm": _number(change.distance_mm, 2),
        "seen_share": _number(change.seen_share, 3),
    }


def _recist_json(response: RecistResponse | None) -> dict[str, object] | None:
    if response is None:
        return None
    return {
        "category": response.category,
        "target_ids": list(response.target_ids),
        "sum_prior_mm": round(response.sum_prior_mm, 2),
        "sum_current_mm": round(response.sum_current_mm, 2),
        "new_lesions": response.new_lesions,
        "population_zh": POPULATION.zh,
        "population_en": POPULATION.en,
    }


def _reason_json(reason: Reason, language: Language) -> dict[str, object]:
    return {
        "code": reason.code,
        "severity": reason.severity,
        "message": reason.message_zh if language == "zh" else reason.message_en,
        "message_zh": reason.message_zh,
        "message_en": reason.message_en,
        "metric": reason.metric,
        "value": _number(reason.value, 4),
        "limit": _number(reason.limit, 4),
    }


def _number(value: float | None, digits: int) -> float | None:
    """Return a JSON number, or None for what is not finite."""
    if value is None or value - value != 0:
        return None
    return round(float(value), digits)
