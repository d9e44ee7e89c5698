"""The codes of a result, one table per relation (DICOM PS3.16, SNOMED CT, UCUM, LOINC).

Standard codes were checked against the context groups of PS3.16 named beside them. Where DICOM
has none (a cavity, the four outcomes) the code is ours: scheme ``99XINGLIN``, and the meaning is
English, as every Code Meaning; Chinese stands in labels and text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydicom.sr.coding import Code

from core.imaging import location as names
from core.imaging.result import Sentence
from edge.report.errors import UnknownLesionCode

SCHEME: Final = "99XINGLIN"


def own(value: str, meaning: str) -> Code:
    """Return a code of our own scheme."""
    return Code(value, SCHEME, meaning)


@dataclass(frozen=True, slots=True)
class KindCode:
    """How a kind of lesion is coded and named.

    ``finding`` is the nearest standard concept (CID 6102, 6104, 7159); ``exact`` is ours.
    """

    finding: Code
    exact: Code
    name: Sentence

    @property
    def zh(self) -> str:
        """Chinese name."""
        return self.name.zh

    @property
    def en(self) -> str:
        """English name."""
        return self.name.en


_NODULE: Final = Code("27925004", "SCT", "Nodule")

# Kind -> (nearest standard concept, our code value); the names are the imaging package's.
_KIND_CODES: Final[dict[str, tuple[Code, str]]] = {
    "solid_nodule": (_NODULE, "solid_nodule"),
    "ground_glass_nodule": (_NODULE, "gg_nodule"),
    "part_solid_nodule": (_NODULE, "part_solid_nod"),
    "mass": (Code("4147007", "SCT", "Mass"), "mass"),
    "cavity": (Code("52988006", "SCT", "Lesion"), "cavity"),
    "consolidation": (Code("112001", "DCM", "Opacity"), "consolidation"),
    "tree_in_bud": (Code("112127", "DCM", "Tree-in-bud sign"), "tree_in_bud"),
    "calcification": (Code("112063", "DCM", "Abnormal calcifications"), "calcification"),
    "pleural_effusion": (Code("60046008", "SCT", "Pleural effusion"), "pleural_effusion"),
    "miliary": (Code("112129", "DCM", "Miliary pattern"), "miliary"),
    "fibrosis": (Code("112674009", "SCT", "Fibrosis"), "fibrosis"),
    "pleural_thickening": (Code("52988006", "SCT", "Lesion"), "pleural_thick"),
    "lymph_node": (Code("30746006", "SCT", "Lymphadenopathy"), "lymph_node"),
}

KINDS: Final[dict[str, KindCode]] = {
    kind: KindCode(finding, own(value, names.KINDS[kind].en.capitalize()), names.KINDS[kind])
    for kind, (finding, value) in _KIND_CODES.items()
}


@dataclass(frozen=True, slots=True)
class SiteCode:
    """Where a lesion lies: CID 6171 zone or pleura, CID 247 laterality."""

    structure: Code
    laterality: Code
    name: Sentence

    @property
    def zh(self) -> str:
        """Chinese name."""
        return self.name.zh

    @property
    def en(self) -> str:
        """English name."""
        return self.name.en


_RIGHT: Final = Code("24028007", "SCT", "Right")
_LEFT: Final = Code("7771000", "SCT", "Left")
_UPPER: Final = Code("281392002", "SCT", "Upper zone of lung")
_MIDDLE: Final = Code("281393007", "SCT", "Middle zone of lung")
_LOWER: Final = Code("281394001", "SCT", "Lower zone of lung")
_MEDIASTINUM: Final = Code("72410000", "SCT", "Mediastinum")
_PLEURA: Final = Code("3120008", "SCT", "Pleural structure")
LUNG: Final = Code("39607008", "SCT", "Lung")

_SITE_CODES: Final[dict[str, tuple[Code, Code]]] = {
    "right_upper_zone": (_UPPER, _RIGHT),
    "right_middle_zone": (_MIDDLE, _RIGHT),
    "right_lower_zone": (_LOWER, _RIGHT),
    "left_upper_zone": (_UPPER, _LEFT),
    "left_middle_zone": (_MIDDLE, _LEFT),
    "left_lower_zone": (_LOWER, _LEFT),
    "pleural_right": (_PLEURA, _RIGHT),
    "pleural_left": (_PLEURA, _LEFT),
    "mediastinum_right": (_MEDIASTINUM, _RIGHT),
    "mediastinum_left": (_MEDIASTINUM, _LEFT),
}

SITES: Final[dict[str, SiteCode]] = {
    site: SiteCode(structure, laterality, names.LOCATIONS[site])
    for site, (structure, laterality) in _SITE_CODES.items()
}


def kind_code(kind: str) -> KindCode:
    """Return the codes of a lesion kind. Raises UnknownLesionCode."""
    try:
        return KINDS[kind]
    except KeyError:
        raise UnknownLesionCode(name=kind) from None


def site_code(location: str) -> SiteCode:
    """Return the codes of a location. Raises UnknownLesionCode."""
    try:
        return SITES[location]
    except KeyError:
        raise UnknownLesionCode(name=location) from None


Outcome = Literal["findings", "no_finding", "failed", "refused", "not_applicable"]


@dataclass(frozen=True, slots=True)
class OutcomeCode:
    """A case-level result: our exact code, DICOM's summary (CID 6047) and status (CID 6042)."""

    exact: Code
    summary: Code | None
    status: Code
    sentence: Sentence


_SUCCEEDED: Final = Code("111222", "DCM", "Succeeded")
_NOT_ATTEMPTED: Final = Code("111225", "DCM", "Not Attempted")

OUTCOMES: Final[dict[Outcome, OutcomeCode]] = {
    "findings": OutcomeCode(
        own("findings", "Analysed; findings present"),
        Code("111242", "DCM", "All algorithms succeeded; with findings"),
        _SUCCEEDED,
        Sentence("已分析，有所见", "Analysed; findings are present"),
    ),
    "no_finding": OutcomeCode(
        own("no_finding", "Analysed; no finding"),
        Code("111241", "DCM", "All algorithms succeeded; without findings"),
        _SUCCEEDED,
        Sentence("已分析，未见所检测的异常", "Analysed; none of the sought findings was seen"),
    ),
    "failed": OutcomeCode(
        own("failed", "Analysis failed"),
        Code("111245", "DCM", "No algorithms succeeded; without findings"),
        Code("111224", "DCM", "Failed"),
        Sentence(
            "分析失败，没有结果（不等于未见异常）",
            "The analysis failed; there is no result (this does not mean normal)",
        ),
    ),
    "refused": OutcomeCode(
        own("refused_by_qc", "Not analysed; refused by quality control"),
        None,
        _NOT_ATTEMPTED,
        Sentence(
            "图像质量不合格，未作分析（不等于未见异常）",
            "Refused by quality control, not analysed (this does not mean normal)",
        ),
    ),
    "not_applicable": OutcomeCode(
        own("not_applicable", "Not analysed; method not applicable"),
        None,
        _NOT_ATTEMPTED,
        Sentence(
            "不适用：本方法不适合该检查，未作分析",
            "Not applicable: the method does not suit this study; not analysed",
        ),
    ),
}

QC_VERDICTS: Final[dict[str, Code]] = {
    "pass": own("qc_pass", "Image quality sufficient"),
    "warn": own("qc_warn", "Image quality limited"),
    "reject": own("qc_reject", "Image quality insufficient"),
}

# Concept names
OUTCOME: Final = own("analysis_outcome", "Analysis outcome")
SUMMARY: Final = Code("111017", "DCM", "CAD Processing and Findings Summary")
STATUS: Final = own("result_status", "Status of result")
QC_VERDICT: Final = own("qc_verdict", "Quality control verdict")
QC_REASON: Final = own("qc_reason", "Quality control reason")
OUTCOME_REASON: Final = own("outcome_reason", "Reason of the outcome")
OVERRIDE: Final = own("qc_override", "Quality control override")
OVERRIDDEN: Final = own("analysed_anyway", "Analysed by a physician's decision")
KIND: Final = own("lesion_kind", "Kind of lesion")
REVIEW: Final = own("review_status", "Review status")
USE: Final = own("intended_use", "Intended use")
RESEARCH_ONLY: Final = own("research_only", "Research only, not for diagnosis")
REVIEWED: Final = own("reviewed", "Reviewed by a physician")
UNREVIEWED: Final = own("unreviewed", "AI result not reviewed by a physician")
DECISION: Final = own("review_decision", "Physician's decision on the lesion")
DECISIONS: Final = {
    "accepted": own("accepted", "Accepted as the AI proposed it"),
    "changed": own("changed", "Changed by the physician"),
    "added": own("added", "Added by the physician"),
}
COUNTED: Final = {
    name: own(f"lesions_{name}", f"Lesions {name} in the review")
    for name in ("accepted", "changed", "rejected", "added")
}
TB_SCORE: Final = own("tb_score", "Tuberculosis score of radiograph classifier")
TB_SUSPICION: Final = own("tb_suspicion", "Suspicion of pulmonary tuberculosis")
SUSPECTED: Final = Code("415684004", "SCT", "Suspected")
NOT_SUSPECTED: Final = own("below_threshold", "Score below threshold; TB is not excluded")
THRESHOLD: Final = Code("122411", "DCM", "Threshold Value")
LONG_AXIS: Final = Code("103339001", "SCT", "Long axis")
SHORT_AXIS: Final = Code("103340004", "SCT", "Short axis")
VOLUME: Final = Code("118565006", "SCT", "Volume")
ATTENUATION: Final = Code("112031", "DCM", "Attenuation Coefficient")
MEAN: Final = Code("373098007", "SCT", "Mean")
# TID 4006 of the Chest CAD SR carries it in percent.
CERTAINTY: Final = Code("111012", "DCM", "Certainty of Finding")
COMMENT: Final = Code("121106", "DCM", "Comment")
# CID 7002, elements of a diagnostic imaging report
FINDING_TEXT: Final = Code("121071", "DCM", "Finding")
IMPRESSION_TEXT: Final = Code("121073", "DCM", "Impression")
ADVICE_TEXT: Final = Code("121075", "DCM", "Recommendation")
VISUAL_EXPLANATION: Final = Code("130401", "DCM", "Visual explanation")
CHINESE: Final = Code("zh-CN", "RFC5646", "Chinese (China)")
MORPHOLOGY: Final = Code("49755003", "SCT", "Morphologically Abnormal Structure")

# Units (UCUM)
MM: Final = Code("mm", "UCUM", "mm")
CM3: Final = Code("cm3", "UCUM", "cubic centimeter")
HU: Final = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
PERCENT: Final = Code("%", "UCUM", "Percent")
ONE: Final = Code("1", "UCUM", "no units")

# Ending of a metric's name -> unit, so that numbers of quality control keep theirs.
UNITS_BY_ENDING: Final[dict[str, Code]] = {
    "_per_mm": Code("/mm", "UCUM", "per millimeter"),
    "_mm": MM,
    "_ml": CM3,
    "_hu": HU,
    "_percent": PERCENT,
    "_db": Code("dB", "UCUM", "decibel"),
    "_deg": Code("deg", "UCUM", "degree"),
    "_degrees": Code("deg", "UCUM", "degree"),
    "_mgy": Code("mGy", "UCUM", "mGy"),
}


def unit_of(name: str) -> Code:
    """Return the unit that a metric's name ends in; a pure number where it names none."""
    for ending, unit in UNITS_BY_ENDING.items():
        if name.endswith(ending):
            return unit
    return ONE


CT_PROCEDURE: Final = Code("25045-6", "LN", "CT unspecified body region")
XR_PROCEDURE: Final = Code("43468-8", "LN", "XR unspecified body region")
OTHER_PROCEDURE: Final = Code("363679005", "SCT", "Imaging procedure")


def procedure_code(modality: str) -> Code:
    """Return the procedure reported (CID 100) for a modality."""
    if modality == "CT":
        return CT_PROCEDURE
    return XR_PROCEDURE if modality in {"DX", "CR", "RG"} else OTHER_PROCEDURE
