"""What was found in one study, as the result writers take it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from core.imaging.case import CaseFindings
from core.imaging.result import Lesion, QcResult, Sentence, Status, TbScore
from edge.report.codes import Outcome


@dataclass(frozen=True, slots=True)
class CaseReason:
    """Why a study has no findings: a stable code and finished public sentences."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One study's findings.

    Attributes
    ----------
    status : {"ok", "failed", "refused", "not_applicable"}
    qc : QcResult or None
        ``None`` where quality was not judged.
    lesions : tuple of Lesion or None
        CT. ``None`` was not computed, ``()`` is "looked for and not found".
    tb : TbScore or None
        Radiograph.
    regions : tuple of str
        Radiograph: coded locations of the heat map's foci, strongest first.
    reason : CaseReason or None
        For every status but ``ok``.
    overridden : bool
        A physician had the study analysed although quality control refused it.
    ct : CaseFindings or None
        CT: what the lesions amount to for the patient.
    notes : tuple of Sentence
        What another modality of the same study adds (PET), told after the findings.
    """

    status: Status
    qc: QcResult | None = None
    lesions: tuple[Lesion, ...] | None = None
    tb: TbScore | None = None
    regions: tuple[str, ...] = ()
    reason: CaseReason | None = None
    overridden: bool = False
    ct: CaseFindings | None = None
    notes: tuple[Sentence, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The case-level result; "no finding" is never what a failure looks like."""
        if self.status != "ok":
            return self.status
        if self.lesions is None and self.tb is None:
            return "failed"
        positive = self.tb is not None and self.tb.positive
        return "findings" if self.lesions or positive else "no_finding"

    @property
    def digest(self) -> str:
        """Name of this content: equal findings, equal digest."""
        return sha256(repr(self).encode()).hexdigest()
