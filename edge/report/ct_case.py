"""The patient-level result of a CT in sentences and codes. Never more than 疑似 (suspected)."""

from __future__ import annotations

from typing import Final, Literal

from pydicom.sr.coding import Code

from core.imaging.case import CaseFindings, Sign
from core.imaging.case_texts import MARGINS, SEVERITIES, SHAPES, SIGNS, WALLS
from core.imaging.lobes import LOBE_NAMES, SEGMENTS
from core.imaging.result import Lesion, Sentence
from edge.report import codes as own

Section = Literal["findings", "impression", "advice"]
# Section, Chinese, English, the measurements it states.
Told = tuple[Section, str, str, tuple[str, ...]]

SUSPICION: Final = own.own("ct_suspicion", "Suspicion score of CT findings, not validated")
SUSPICION_TEXT: Final = own.own("ct_tb_suspicion", "Suspicion of tuberculosis from CT findings")
BURDEN: Final = own.own("burden_percent", "Lung volume taken by lesions")
SEVERITY: Final = own.own("ct_severity", "Extent of disease (NTA 1961, by volume)")
BILATERAL: Final = own.own("bilateral", "Lesions in both lungs")
CAVITARY: Final = own.own("cavitary", "Cavitary disease")
ACTIVITY: Final = own.own("activity_sign", "Sign seen in active disease")
RESISTANCE: Final = own.own("resistance_sign", "Research: feature described in drug-resistant TB")
YES: Final = Code("373066001", "SCT", "Yes")
NO: Final = Code("373067005", "SCT", "No")
LOBE: Final = own.own("lobe", "Lobe of lung")
SEGMENT: Final = own.own("segment", "Bronchopulmonary segment, approximate")
MARGIN: Final = own.own("margin", "Margin of lesion")
SHAPE: Final = own.own("shape", "Shape of lesion")
WALL: Final = own.own("wall", "Wall of cavity")

# CID 6172-like lobes of the lung, SNOMED CT.
LOBE_CODES: Final[dict[str, Code]] = {
    "right_upper_lobe": Code("45653009", "SCT", "Upper lobe of right lung"),
    "right_middle_lobe": Code("72481006", "SCT", "Middle lobe of right lung"),
    "right_lower_lobe": Code("266005", "SCT", "Lower lobe of right lung"),
    "left_upper_lobe": Code("44714003", "SCT", "Upper lobe of left lung"),
    "left_lower_lobe": Code("41224006", "SCT", "Lower lobe of left lung"),
}
_SEGMENT_NAMES: Final = {s.code: Sentence(s.zh, s.en) for s in SEGMENTS.values()}


def sentences(case: CaseFindings) -> list[Told]:
    """Return what the draft says of the patient as a whole; nothing where no lesion was found."""
    if not case.counts:
        return []
    return [*_extent(case), _suspicion(case), *_activity(case), *_resistance(case)]


def _extent(case: CaseFindings) -> list[Told]:
    if case.burden_percent is None:
        return []
    severity = SEVERITIES[case.severity]
    lobes = [
        (LOBE_NAMES[name], part)
        for name, part in sorted(case.burden_by_lobe.items(), key=lambda item: -item[1])
        if part >= 0.5
    ]
    zh_lobes = "、".join(f"{name.zh} {part:.0f}%" for name, part in lobes[:3])
    en_lobes = ", ".join(f"{name.en} {part:.0f} %" for name, part in lobes[:3])
    zh = f"AI 测量：病灶约占双肺体积 {case.burden_percent:.1f}%"
    en = f"AI measurement: lesions take about {case.burden_percent:.1f} % of both lungs' volume"
    if lobes:
        zh += f"（占所在肺叶：{zh_lobes}）"
        en += f" (of the lobe: {en_lobes})"
    zh += f"，范围属{severity.zh}。"
    en += f"; extent: {severity.en}."
    return [("findings", zh, en, ("case.burden_percent", "case.severity"))]


def _suspicion(case: CaseFindings) -> Told:
    low, high = case.interval
    names_zh = "、".join(SIGNS[sign.code].zh for sign in case.basis[:3] if sign.weight > 0)
    names_en = ", ".join(SIGNS[sign.code].en for sign in case.basis[:3] if sign.weight > 0)
    verdict_zh = "疑似" if case.suspected else "未达疑似阈值"
    verdict_en = "suspected" if case.suspected else "below the threshold of suspicion"
    basis_zh = f"，依据：{names_zh}" if names_zh else ""
    basis_en = f", resting on: {names_en}" if names_en else ""
    zh = (
        f"AI 依 CT 征象计算的结核可疑度 {case.suspicion:.2f}（{low:.2f}–{high:.2f}），{verdict_zh}"
        f"{basis_zh}；该数值未经患者数据验证，仅供参考。"
    )
    en = (
        f"AI suspicion of tuberculosis from CT signs {case.suspicion:.2f} ({low:.2f} to "
        f"{high:.2f}), {verdict_en}{basis_en}; the number was not validated on patients."
    )
    return ("impression", zh, en, ("case.suspicion", *_ids(case.basis)))


def _activity(case: CaseFindings) -> list[Told]:
    if not case.activity:
        return []
    names_zh = "、".join(SIGNS[sign.code].zh for sign in case.activity)
    names_en = ", ".join(SIGNS[sign.code].en for sign in case.activity)
    if case.activity[0].code == "healed_only":
        zh = f"{names_zh}；影像稳定不等于不活动，请结合临床。"
        en = f"{_upper(names_en)}; a stable image is not inactive disease."
    else:
        zh = f"可见活动性病变常见征象：{names_zh}；是否活动须结合临床及病原学。"
        en = (
            f"Signs often seen in active disease: {names_en}; activity is decided with clinical "
            "and bacteriological findings."
        )
    return [("impression", zh, en, _ids(case.activity))]


def _resistance(case: CaseFindings) -> list[Told]:
    if not case.resistance:
        return []
    names_zh = "、".join(SIGNS[sign.code].zh for sign in case.resistance)
    names_en = ", ".join(SIGNS[sign.code].en for sign in case.resistance)
    zh = f"仅供研究：{names_zh}在文献中多见于耐药结核；耐药与否以实验室结果为准。"
    en = (
        f"Research only: {names_en}, described more often in drug-resistant tuberculosis; "
        "resistance is decided by the laboratory."
    )
    return [("advice", zh, en, _ids(case.resistance))]


def _ids(signs: tuple[Sign, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"L{number}.kind" for sign in signs for number in sign.lesions))


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def describing(lesion: Lesion) -> list[Sentence]:
    """Return a lesion's coded descriptors in words: shape and margin, in that order."""
    told = []
    for name, table in (("shape", SHAPES), ("margin", MARGINS)):
        code = lesion.codes.get(name)
        if code in table:
            told.append(table[code])
    return told


def lobe_of(lesion: Lesion) -> Sentence | None:
    """Return the lesion's lobe in words; None where it was not determined."""
    return LOBE_NAMES.get(lesion.codes.get("lobe", ""))


def descriptors(lesion: Lesion) -> list[tuple[Code, Code]]:
    """Return a lesion's descriptors as coded (name, value) pairs for the structured report."""
    pairs = []
    lobe = lesion.codes.get("lobe", "")
    if lobe in LOBE_CODES:
        pairs.append((LOBE, LOBE_CODES[lobe]))
    tables = (
        ("segment", SEGMENT, _SEGMENT_NAMES),
        ("margin", MARGIN, MARGINS),
        ("shape", SHAPE, SHAPES),
        ("wall", WALL, WALLS),
    )
    for name, concept, table in tables:
        code = lesion.codes.get(name, "")
        if code in table:
            pairs.append((concept, own.own(f"{name}_{code}", _meaning(table[code]))))
    return pairs


def evaluations(case: CaseFindings) -> list[tuple[Code, Code]]:
    """Return the case-level coded (name, value) pairs for the structured report."""
    pairs = [
        (SUSPICION_TEXT, own.SUSPECTED if case.suspected else own.NOT_SUSPECTED),
        (SEVERITY, own.own(f"extent_{case.severity}", _meaning(SEVERITIES[case.severity]))),
        (BILATERAL, YES if case.bilateral else NO),
        (CAVITARY, YES if case.cavitary else NO),
    ]
    for concept, signs in ((ACTIVITY, case.activity), (RESISTANCE, case.resistance)):
        pairs += [(concept, own.own(f"sign_{s.code}", _meaning(SIGNS[s.code]))) for s in signs]
    return pairs


def _meaning(name: Sentence) -> str:
    return _upper(name.en)[:64]
