"""The result of one study: what records, API, screens and the command line show. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import Language, XinglinError
from core.imaging.case import CaseFindings, case_json
from core.imaging.result import Lesion, QcResult, Reason, Status, TbScore

if TYPE_CHECKING:
    from core.imaging.geometry import SeriesGeometry
    from core.imaging.series import Choice
    from core.imaging.volume import Radiograph, Volume


class CtOutcome(Protocol):
    """What the CT method answers (`core.imaging.ct.CtFindings`)."""

    @property
    def qc(self) -> QcResult | None: ...
    @property
    def status(self) -> Status: ...
    @property
    def lesions(self) -> tuple[Lesion, ...] | None: ...
    @property
    def seconds(self) -> dict[str, float]: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def case(self) -> CaseFindings | None: ...


class DrOutcome(Protocol):
    """What the radiograph method answers (`core.imaging.dr.DrFindings`)."""

    @property
    def qc(self) -> QcResult | None: ...
    @property
    def status(self) -> Status: ...
    @property
    def tb(self) -> TbScore | None: ...
    @property
    def seconds(self) -> dict[str, float]: ...
    @property
    def reason(self) -> Reason | None: ...


class Comparison(Protocol):
    """A comparison with another study (`core.imaging.followup.FollowUp`)."""

    def as_json(self, language: Language = "zh") -> dict[str, object]:
        """Return the public form."""
        ...


class Joined(Protocol):
    """What two modalities of one patient say together (`core.imaging.joint.JointFindings`)."""

    def as_json(self) -> dict[str, object]:
        """Return the public form."""
        ...


class PetOutcome(Protocol):
    """What a PET of the same study added to its CT (`core.imaging.petct.PetFindings`)."""

    def as_json(self, language: Language = "zh") -> dict[str, object]:
        """Return the public form."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a study has the status it has: coded, Chinese and English."""

    code: str
    zh: str
    en: str

    def as_json(self, language: Language) -> dict[str, object]:
        """Return code and sentences; ``message`` in the given language."""
        return {
            "code": self.code,
            "message": self.zh if language == "zh" else self.en,
            "message_zh": self.zh,
            "message_en": self.en,
        }


@dataclass(frozen=True)
class StudyResult:
    """The result of one study, as records, API, screens and the command line show it.

    ``ct``, ``dr`` and ``pet`` keep the arrays (label map, heat map, PET volume) for the writers of
    result objects; ``pet`` is what a PET of the same study added to its CT.
    """

    study: str
    modality: str
    status: Status
    reason: Explanation | None = None
    qc: QcResult | None = None
    tb: TbScore | None = None
    lesions: tuple[Lesion, ...] | None = None
    choice: Choice | None = None
    method: dict[str, object] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    overridden: bool = False
    ct: CtOutcome | None = None
    dr: DrOutcome | None = None
    volume: Volume | None = None
    radiograph: Radiograph | None = None
    geometry: SeriesGeometry | None = None
    pet: PetOutcome | None = None
    follow_up: Comparison | None = None
    joint: Joined | None = None

    def as_json(self, language: Language = "zh") -> dict[str, object]:
        """Return the public form: JSON types only, sentences in both languages."""
        return {
            "study": self.study,
            "modality": self.modality,
            "status": self.status,
            "reason": self.reason.as_json(language) if self.reason else None,
            "qc": qc_json(self.qc, language),
            "tb": _tb_json(self.tb),
            "lesions": None if self.lesions is None else [lesion_json(x) for x in self.lesions],
            "case": case_json(self.ct.case if self.ct is not None else None),
            "series": _choice_json(self.choice),
            "method": self.method,
            "overridden": self.overridden,
            "seconds": {stage: round(s, 3) for stage, s in self.seconds.items()},
            **({} if self.pet is None else {"pet": self.pet.as_json(language)}),
            **({} if self.follow_up is None else {"follow_up": self.follow_up.as_json(language)}),
            **({} if self.joint is None else {"joint": self.joint.as_json()}),
        }


def failed(
    study: str,
    modality: str,
    error: XinglinError,
    seconds: dict[str, float] | None = None,
    choice: Choice | None = None,
) -> StudyResult:
    """Return the result of a study that a typed refusal ended."""
    reason = Explanation(f"E{error.code}", error.sentence("zh"), error.sentence("en"))
    return StudyResult(study, modality, "failed", reason, choice=choice, seconds=seconds or {})


def explanation_of(
    reason: Reason | None, qc: QcResult | None, status: Status
) -> Explanation | None:
    """Return the method's own reason, else the worst quality reason of a refusal."""
    if reason is not None:
        return Explanation(reason.code, reason.message_zh, reason.message_en)
    if status != "ok" and qc is not None:
        for one in qc.reasons:
            if one.severity == "reject":
                return Explanation(one.code, one.message_zh, one.message_en)
    return None


def qc_json(qc: QcResult | None, language: Language = "zh") -> dict[str, object] | None:
    """Return a quality verdict in its public form."""
    if qc is None:
        return None
    reasons = [
        {
            "code": r.code,
            "severity": r.severity,
            "message": r.message_zh if language == "zh" else r.message_en,
            "message_zh": r.message_zh,
            "message_en": r.message_en,
            "metric": r.metric,
            "value": _number(r.value),
            "limit": _number(r.limit),
        }
        for r in qc.reasons
    ]
    metrics = {name: _number(value) for name, value in qc.metrics.items()}
    return {"verdict": qc.verdict, "reasons": reasons, "metrics": metrics}


def _tb_json(tb: TbScore | None) -> dict[str, object] | None:
    if tb is None:
        return None
    return {
        "score": _number(tb.score, 4),
        "threshold": _number(tb.threshold, 4),
        "positive": bool(tb.positive),
        "model": tb.model,
        "version": tb.version,
        "calibration_set": tb.calibration_set,
        "interval": None if tb.interval is None else [_number(x, 4) for x in tb.interval],
        "extra": {name: _number(value) for name, value in tb.extra.items()},
    }


def lesion_json(lesion: Lesion) -> dict[str, object]:
    """Return a lesion in its public form."""
    return {
        "id": int(lesion.id),
        "kind": lesion.kind,
        "centroid_mm": [_number(c, 2) for c in lesion.centroid_mm],
        "volume_ml": _number(lesion.volume_ml, 4),
        "long_axis_mm": _number(lesion.long_axis_mm, 2),
        "short_axis_mm": _number(lesion.short_axis_mm, 2),
        "mean_hu": _number(lesion.mean_hu, 1),
        "location": lesion.location,
        "probability": _number(lesion.probability, 4),
        "extra": {name: _number(value) for name, value in lesion.extra.items()},
        "intervals": {
            name: [_number(low, 4), _number(high, 4)]
            for name, (low, high) in lesion.intervals.items()
        },
        "codes": dict(lesion.codes),
    }


def _choice_json(choice: Choice | None) -> dict[str, object] | None:
    if choice is None:
        return None
    return {
        "series_uid": choice.series_uid,
        "sop_uid": choice.sop_uid,
        "reason_code": choice.reason_code,
        "reason_zh": choice.reason.zh,
        "reason_en": choice.reason.en,
        "excluded": [{"series_uid": uid, "code": code} for uid, code in choice.excluded],
    }


def _number(value: Any, digits: int = 6) -> Any:
    """Return a JSON number, or ``None`` for what is not finite."""
    if value is None or isinstance(value, (str, bool)):
        return value
    number = float(value)
    return round(number, digits) if number - number == 0 else None
