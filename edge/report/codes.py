"""The codes of a result, one table per relation (DICOM PS3.16, SNOMED CT, UCUM, LOINC).

Standard codes were checked against the context groups of PS3.16 named beside them. Where DICOM
has none (a cavity, the four outcomes) the code is ours: scheme ``99XINGLIN``, and the meaning is
English, as every Code Meaning; Chinese stands in labels and text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydicom.sr.coding import Code

from core.imaging.result import Sentence
from edge.report.errors import UnknownLesionCode

SCHEME: Final = "99XINGLIN"


def own(value: str, meaning: str) -> Code:
    """Return a code of our own scheme."""
    return Code(value, SCHEME, meaning)


@dataclass(frozen=True, slots=True)
class KindCode:
    """How a kind of lesion is named.

    ``finding`` is the nearest standard concept (CID 6102, 6104, 7159); ``exact`` is ours.
    """

    finding: Code
    exact: Code
    zh: str
    en: str


_NODULE: Final = Code("27925004", "SCT", "Nodule")

KINDS: Final[dict[str, KindCode]] = {
    "solid_nodule": KindCode(
        _NODULE, own("solid_nodule", "Solid nodule"), "实性结节", "solid nodule"
    ),
    "ground_glass_nodule": KindCode(
        _NODULE, own("gg_nodule", "Ground-glass nodule"), "磨玻璃结节", "ground-glass nodule"
    ),
    "part_solid_nodule": KindCode(
        _NODULE,
        own("part_solid_nod", "Part-solid nodule"),
        "部分实性结节",
        "part-solid nodule",
    ),
    "mass": KindCode(Code("4147007", "SCT", "Mass"), own("mass", "Mass"), "肿块", "mass"),
    "cavity": KindCode(
        Code("52988006", "SCT", "Lesion"), own("cavity", "Cavity"), "空洞", "cavity"
    ),
    "consolidation": KindCode(
        Code("112001", "DCM", "Opacity"),
        own("consolidation", "Consolidation"),
        "实变",
        "consolidation",
    ),
    "tree_in_bud": KindCode(
        Code("112127", "DCM", "Tree-in-bud sign"),
        own("tree_in_bud", "Tree-in-bud"),
        "树芽征",
        "tree-in-bud opacities",
    ),
    "calcification": KindCode(
        Code("112063", "DCM", "Abnormal calcifications"),
        own("calcification", "Calcification"),
        "钙化灶",
        "calcification",
    ),
    "pleural_effusion": KindCode(
        Code("60046008", "SCT", "Pleural effusion"),
        own("pleural_effusion", "Pleural effusion"),
        "胸腔积液",
        "pleural effusion",
    ),
}


@dataclass(frozen=True, slots=True)
class SiteCode:
    """Where a lesion lies: CID 6171 zone or pleura, CID 247 laterality."""

    structure: Code
    laterality: Code | None
    zh: str
    en: str


_RIGHT: Final = Code("24028007", "SCT", "Right")
_LEFT: Final = Code("7771000", "SCT", "Left")
_UPPER: Final = Code("281392002", "SCT", "Upper zone of lung")
_MIDDLE: Final = Code("281393007", "SCT", "Middle zone of lung")
_LOWER: Final = Code("281394001", "SCT", "Lower zone of lung")
_PLEURA: Final = Code("3120008", "SCT", "Pleural structure")
LUNG: Final = Code("39607008", "SCT", "Lung")

SITES: Final[dict[str, SiteCode]] = {
    "right_upper_zone": SiteCode(_UPPER, _RIGHT, "右肺上野", "right upper zone"),
    "right_middle_zone": SiteCode(_MIDDLE, _RIGHT, "右肺中野", "right middle zone"),
    "right_lower_zone": SiteCode(_LOWER, _RIGHT, "右肺下野", "right lower zone"),
    "left_upper_zone": SiteCode(_UPPER, _LEFT, "左肺上野", "left upper zone"),
    "left_middle_zone": SiteCode(_MIDDLE, _LEFT, "左肺中野", "left middle zone"),
    "left_lower_zone": SiteCode(_LOWER, _LEFT, "左肺下野", "left lower zone"),
    "pleural_right": SiteCode(_PLEURA, _RIGHT, "右侧胸腔", "right pleural space"),
    "pleural_left": SiteCode(_PLEURA, _LEFT, "左侧胸腔", "left pleural space"),
    "lung": SiteCode(LUNG, None, "肺内", "lung"),
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
