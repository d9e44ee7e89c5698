"""Two study results of one patient to their comparison. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from core.errors import Language, XinglinError
from core.imaging.ct import CtFindings
from core.imaging.followup import Examination, FollowUp, FollowUpLimits, compare
from core.imaging.volume import Volume

if TYPE_CHECKING:
    from core.dicom.facts import ImageFacts
    from core.imaging.study_result import StudyResult

_NOTHING = Volume(np.zeros((0, 0, 0), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))


def follow_up_of(
    prior: tuple[StudyResult, Sequence[ImageFacts]],
    current: tuple[StudyResult, Sequence[ImageFacts]],
    limits: FollowUpLimits | None = None,
) -> FollowUp:
    """Return the comparison of two results with the headers of their studies."""
    return compare(examination_of(*prior), examination_of(*current), limits)


def examination_of(result: StudyResult, facts: Sequence[ImageFacts]) -> Examination:
    """Return an analysed study as an examination; without CT findings where there are none."""
    series = result.choice.series_uid if result.choice is not None else None
    own = [one for one in facts if one.series_uid == series] or list(facts)
    findings = result.ct if isinstance(result.ct, CtFindings) else None
    return Examination(
        findings=findings,
        volume=result.volume or _NOTHING,
        patient_key=own[0].patient_key if own else b"",
        sex=own[0].sex if own else "",
        on=date_of(own[0].study_date) if own else None,
        position=own[0].patient_position if own else "",
    )


def date_of(text: str) -> date | None:
    """Return a DICOM date (DA, YYYYMMDD), None where it is missing or no date."""
    if len(text) != 8 or not text.isdigit():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:  # no such day
        return None


@dataclass(frozen=True, slots=True)
class FailedComparison:
    """A comparison that a defect ended; the study's own result stands."""

    error: XinglinError

    def as_json(self, language: Language = "zh") -> dict[str, object]:
        """Return the public form."""
        zh, en = self.error.sentence("zh"), self.error.sentence("en")
        reason = {
            "code": f"E{self.error.code}", "severity": "reject", "metric": None, "value": None,
            "message": zh if language == "zh" else en, "message_zh": zh, "message_en": en,
            "limit": None,
        }  # fmt: skip
        return {
            "status": "failed", "reasons": [reason], "conclusion_zh": zh, "conclusion_en": en,
            "changes": None, "counts": None,
        }  # fmt: skip
