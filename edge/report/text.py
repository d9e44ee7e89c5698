"""Draft of the written report: 影像所见, 影像诊断, 建议 (findings, impression, advice).

Rules:

1. Never more than 疑似 (suspected). An image alone cannot set a higher tier (WS 288-2017).
2. Every sentence carries the ids of the measurements that it came from, so that a physician's
   edit can be traced to what the method said.
3. What was not judged is said: a draft without findings does not read like a normal report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from core.errors import Language
from core.imaging.result import Lesion, QcResult, TbScore
from edge.report import ct_case
from edge.report.case import CaseResult
from edge.report.codes import OUTCOMES, SITES, kind_code, site_code
from edge.report.text_film import film_notes

Section = Literal["findings", "impression", "advice"]
TITLES: Final[dict[Section, tuple[str, str]]] = {
    "findings": ("影像所见", "Findings"),
    "impression": ("影像诊断", "Impression"),
    "advice": ("建议", "Advice"),
}
# Seen in active tuberculosis often enough to say so, never proof of it.
_TB_LIKE: Final = frozenset({"cavity", "tree_in_bud"})
_INFECTIOUS: Final = frozenset({"consolidation"})
_NODULAR: Final = frozenset({"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass"})
# What decides most stands first.
_ORDER: Final = (
    "miliary",
    "cavity",
    "tree_in_bud",
    "consolidation",
    "mass",
    "solid_nodule",
    "part_solid_nodule",
    "ground_glass_nodule",
    "calcification",
    "fibrosis",
    "lymph_node",
    "pleural_effusion",
    "pleural_thickening",
)
_PLURALS: Final = {
    "cavity": "cavities",
    "mass": "masses",
    "tree_in_bud": "areas of tree-in-bud",
    "consolidation": "areas of consolidation",
    "miliary": "areas of miliary nodules",
    "fibrosis": "areas of fibrotic or bronchiectatic change",
    "pleural_thickening": "areas of pleural thickening",
}
_NAMED_MAX: Final = 3  # more places than these are told as "in both lungs"
_SITE_ORDER: Final = tuple(SITES)


@dataclass(frozen=True, slots=True)
class ReportSentence:
    """One sentence of the draft.

    ``sources`` names the measurements it states: ``"L3.long_axis_mm"``, ``"tb.score"``,
    ``"qc.DR_EXPOSURE_LOW"``, ``"case.outcome"``.
    """

    section: Section
    zh: str
    en: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportDraft:
    """The draft; ``statement`` is what must stay on it until a physician has signed."""

    sentences: tuple[ReportSentence, ...]
    statement_zh: str
    statement_en: str

    def section(self, section: Section) -> tuple[ReportSentence, ...]:
        """Return the sentences of one section, in order."""
        return tuple(sentence for sentence in self.sentences if sentence.section == section)

    def as_text(self, language: Language) -> str:
        """Return the draft as it is printed: titles, numbered impression and advice, statement."""
        blocks = []
        for section, (title_zh, title_en) in TITLES.items():
            lines = [s.zh if language == "zh" else s.en for s in self.section(section)]
            if not lines:
                continue
            if section == "findings":
                body = "".join(lines) if language == "zh" else " ".join(lines)
            else:
                body = "\n".join(f"{n}. {line}" for n, line in enumerate(lines, start=1))
            blocks.append(f"【{title_zh}】\n{body}" if language == "zh" else f"{title_en}\n{body}")
        blocks.append(self.statement_zh if language == "zh" else self.statement_en)
        return "\n\n".join(blocks)


def statement_of(text: str) -> str:
    """Return the statement that a draft's text ends with, as :meth:`ReportDraft.as_text` wrote it.

    "" where there is none.
    """
    return text.rsplit("\n\n", 1)[-1]


def draft_report(
    case: CaseResult,
    statement_zh: str,
    statement_en: str,
    beside: Sequence[ReportSentence] = (),
) -> ReportDraft:
    """Write the draft for one study.

    Parameters
    ----------
    case : CaseResult
    statement_zh, statement_en : str
        From :func:`edge.report.context.statement_zh` and ``statement_en``.
    beside : sequence of ReportSentence
        What the patient's other studies add (``edge.joining``); not part of the study's own case.

    Raises
    ------
    UnknownLesionCode
    """
    sentences: list[ReportSentence] = []
    if case.status != "ok":
        sentences += _without_result(case)
    elif case.tb is not None:
        sentences += _radiograph(case.tb, case.regions)
    elif case.lesions:
        sentences += _ct(case.lesions)
        sentences += _patient(case)
    elif case.lesions is not None:
        sentences += _ct_without_finding()
    else:
        sentences += _without_result(case)
    sentences += [ReportSentence("findings", x.zh, x.en, ("case.notes",)) for x in case.notes]
    sentences += beside
    sentences += _quality(case)
    order: tuple[Section, ...] = ("findings", "impression", "advice")
    sentences.sort(key=lambda sentence: order.index(sentence.section))
    return ReportDraft(tuple(sentences), statement_zh, statement_en)


def _mm(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def _ml(value: float) -> str:
    if value >= 10:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _groups(lesions: Iterable[Lesion]) -> list[list[Lesion]]:
    """Group by kind and place, the largest first within a group."""

    def key(lesion: Lesion) -> tuple[int, int]:
        kind_code(lesion.kind), site_code(lesion.location)
        return _ORDER.index(lesion.kind), _SITE_ORDER.index(lesion.location)

    ordered = sorted(lesions, key=lambda lesion: (*key(lesion), -lesion.long_axis_mm, lesion.id))
    return [list(group) for _, group in groupby(ordered, key=key)]


def _ct(lesions: Sequence[Lesion]) -> list[ReportSentence]:
    groups = _groups(lesions)
    sentences = [_finding(group) for group in groups]
    sentences.append(
        ReportSentence(
            "findings",
            "AI 未检出其他病灶；纵隔、骨骼及其余结构未由 AI 评估，请医师阅片。",
            "The AI detected no other lesion; mediastinum, bones and other structures were not "
            "assessed by the AI and need a physician's reading.",
            ("case.outcome",),
        )
    )
    return sentences + _ct_impression(groups) + _ct_advice(groups)


def _patient(case: CaseResult) -> list[ReportSentence]:
    """Return the sentences on the patient as a whole: extent, suspicion, activity, research."""
    told = [] if case.ct is None else ct_case.sentences(case.ct)
    return [ReportSentence(section, zh, en, ids) for section, zh, en, ids in told]


def _finding(group: list[Lesion]) -> ReportSentence:
    first = group[0]
    site, kind = site_code(first.location), kind_code(first.kind)
    ids = [f"L{lesion.id}.location" for lesion in group]
    lead_zh = f"{site.zh}见"
    lead_en = f"{site.en[0].upper()}{site.en[1:]}: "
    if first.kind == "pleural_effusion":
        volume = sum(lesion.volume_ml for lesion in group)
        ids += [f"L{lesion.id}.volume_ml" for lesion in group]
        zh = f"{site.zh[:2]}胸腔见积液影，量约 {_ml(volume)} ml。"
        en = f"{lead_en}effusion of about {_ml(volume)} ml."
        return ReportSentence("findings", zh, en, tuple(ids))
    size_zh, size_en = _size(first)
    ids += [f"L{first.id}.long_axis_mm", f"L{first.id}.short_axis_mm"]
    noun_zh = {"consolidation": "片状实变影", "cavity": "空洞性病灶"}.get(first.kind, kind.zh)
    if len(group) > 1:
        zh = f"{lead_zh} {len(group)} 处{noun_zh}，较大者{size_zh}"
        en = f"{lead_en}{len(group)} {_plural(first.kind)}, the largest {size_en}"
    else:
        zh = f"{lead_zh}{noun_zh}，{size_zh}"
        en = f"{lead_en}{kind.en}, {size_en}"
    more_zh, more_en, more_ids = _details(first)
    return ReportSentence("findings", f"{zh}{more_zh}。", f"{en}{more_en}.", (*ids, *more_ids))


def _size(lesion: Lesion) -> tuple[str, str]:
    long_mm, short_mm = _mm(lesion.long_axis_mm), _mm(lesion.short_axis_mm)
    extent = lesion.kind in {"consolidation", "tree_in_bud"}
    word = "范围约" if extent else "大小约"
    return f"{word} {long_mm} mm × {short_mm} mm", f"about {long_mm} mm × {short_mm} mm"


def _details(lesion: Lesion) -> tuple[str, str, tuple[str, ...]]:
    wall = lesion.extra.get("wall_mean_mm")
    if lesion.kind == "cavity" and wall is not None:
        return (
            f"，平均壁厚约 {_mm(wall)} mm",
            f", mean wall thickness about {_mm(wall)} mm",
            (f"L{lesion.id}.wall_mean_mm",),
        )
    if lesion.kind in _NODULAR:
        form = ct_case.describing(lesion)
        form_zh = "".join(f"，{word.zh}" for word in form)
        form_en = "".join(f", {word.en}" for word in form)
        again_zh, again_en = _repeatability(lesion)
        ids = [f"L{lesion.id}.mean_hu", *(f"L{lesion.id}.{name}" for name in lesion.codes)]
        return (
            f"，平均 CT 值约 {lesion.mean_hu:.0f} HU{form_zh}{again_zh}",
            f", mean attenuation about {lesion.mean_hu:.0f} HU{form_en}{again_en}",
            tuple(ids),
        )
    return "", "", ()


def _repeatability(lesion: Lesion) -> tuple[str, str]:
    """Return how far a second scan's diameter would lie, where that is known."""
    ends = lesion.intervals.get("long_axis_mm")
    if ends is None:
        return "", ""
    half = _mm((ends[1] - ends[0]) / 2)
    return (
        f"（长径重复测量 95% 区间 ±{half} mm）",
        f" (95 % repeatability of the long axis ±{half} mm)",
    )


def _ct_impression(groups: list[list[Lesion]]) -> list[ReportSentence]:
    sentences = []
    for names, tail_zh, tail_en in (
        (
            _TB_LIKE,
            "，疑似肺结核，请结合临床及病原学检查。",
            "; tuberculosis is suspected, to be correlated with clinical and bacteriological "
            "findings.",
        ),
        (
            _INFECTIOUS,
            "，疑似感染性病变，肺结核待排除，请结合临床及病原学检查。",
            "; suspected infection, tuberculosis to be excluded by clinical and bacteriological "
            "findings.",
        ),
        (_NODULAR, "，性质待定。", ", of undetermined nature."),
        (
            frozenset({"pleural_effusion"}),
            "，原因待查。",
            ", cause to be determined.",
        ),
        (
            frozenset({"calcification"}),
            "，疑似陈旧性病变，请对照既往影像。",
            ", possibly an old lesion; compare with earlier images.",
        ),
    ):
        chosen = [group for group in groups if group[0].kind in names]
        if not chosen:
            continue
        zh, en, ids = _named(chosen)
        sentences.append(ReportSentence("impression", zh + tail_zh, en + tail_en, ids))
    return sentences


def _named(groups: list[list[Lesion]]) -> tuple[str, str, tuple[str, ...]]:
    names_zh: list[str] = []
    names_en: list[str] = []
    ids: list[str] = []
    if len(groups) > _NAMED_MAX and all(group[0].kind in _NODULAR for group in groups):
        return _many_nodules(groups)
    for group in groups:
        first = group[0]
        site, kind = site_code(first.location), kind_code(first.kind)
        if first.kind == "pleural_effusion":
            names_zh.append(f"{site.zh[:2]}胸腔积液")
            names_en.append(f"{kind.en}, {'right' if site.zh.startswith('右') else 'left'}")
        else:
            many = "多发" if len(group) > 1 else ""
            names_zh.append(f"{site.zh}{many}{kind.zh}")
            name = f"multiple {_plural(first.kind)}" if many else kind.en
            names_en.append(f"{name}, {site.en}")
        ids += [f"L{lesion.id}.kind" for lesion in group]
    en = "; ".join(names_en)
    return "、".join(names_zh), en[0].upper() + en[1:], tuple(ids)


def _many_nodules(groups: list[list[Lesion]]) -> tuple[str, str, tuple[str, ...]]:
    """Nodules in many places are one impression, the largest named with its place."""
    lesions = [lesion for group in groups for lesion in group]
    sides = {lesion.location.split("_")[0] for lesion in lesions} & {"right", "left"}
    zh, en = (
        ("双肺", "both lungs")
        if len(sides) == 2
        else ("右肺", "the right lung")
        if sides == {"right"}
        else ("左肺", "the left lung")
    )
    largest = max(lesions, key=lambda lesion: (lesion.long_axis_mm, -lesion.id))
    site = site_code(largest.location)
    word_zh, word_en = ("结节", "nodules")
    if any(lesion.kind == "mass" for lesion in lesions):
        word_zh, word_en = "结节及肿块", "nodules and masses"
    return (
        f"{zh}多发{word_zh}（{len(lesions)} 处，较大者位于{site.zh}）",
        f"Multiple {word_en} in {en} ({len(lesions)}, the largest in the {site.en})",
        tuple(f"L{lesion.id}.kind" for lesion in lesions),
    )


def _plural(kind: str) -> str:
    return _PLURALS.get(kind, f"{kind_code(kind).en}s")


def _ct_advice(groups: list[list[Lesion]]) -> list[ReportSentence]:
    kinds = {group[0].kind for group in groups}
    ids = tuple(f"L{lesion.id}.kind" for group in groups for lesion in group)
    sentences = []
    if kinds & (_TB_LIKE | _INFECTIOUS):
        sentences.append(_bacteriology(ids))
    if "mass" in kinds:
        sentences.append(
            ReportSentence(
                "advice",
                "肿块性质待定，建议由医师决定是否行增强 CT 或组织学检查。",
                "The mass is of undetermined nature; a physician decides on contrast CT or "
                "histology.",
                ids,
            )
        )
    if kinds & (_NODULAR - {"mass"}):
        sentences.append(
            ReportSentence(
                "advice",
                "结节建议与既往影像对照，并由医师决定随访间隔。",
                "Compare the nodules with earlier images; a physician decides the follow-up "
                "interval.",
                ids,
            )
        )
    if "pleural_effusion" in kinds:
        sentences.append(
            ReportSentence(
                "advice",
                "胸腔积液建议结合超声及临床，必要时行胸水检查。",
                "Correlate the effusion with ultrasound and clinical findings; examine the fluid "
                "where needed.",
                ids,
            )
        )
    return sentences or [_correlate(ids)]


def _bacteriology(ids: tuple[str, ...]) -> ReportSentence:
    return ReportSentence(
        "advice",
        "建议结合症状及接触史，行痰涂片、分枝杆菌培养及核酸检测，必要时转结核病定点医疗机构。",
        "Consider symptoms and contacts; sputum smear, mycobacterial culture and molecular test; "
        "refer to the designated tuberculosis institution where needed.",
        ids,
    )


def _correlate(ids: tuple[str, ...]) -> ReportSentence:
    return ReportSentence(
        "advice", "请结合临床及既往影像。", "Correlate with history and earlier images.", ids
    )


def _symptoms_remain(ids: tuple[str, ...]) -> ReportSentence:
    return ReportSentence(
        "advice",
        "如有咳嗽、咳痰 2 周以上或咯血等可疑症状，仍应行病原学检查。",
        "With suspicious symptoms (cough for two weeks or more, haemoptysis) bacteriological tests "
        "are still needed.",
        ids,
    )


def _ct_without_finding() -> list[ReportSentence]:
    ids = ("case.outcome",)
    return [
        ReportSentence(
            "findings",
            "双肺未见明确结节、空洞、实变、树芽征及钙化灶，双侧胸腔未见明确积液。"
            "纵隔、骨骼及其余结构未由 AI 评估，请医师阅片。",
            "No nodule, cavity, consolidation, tree-in-bud opacity or calcification is evident in "
            "the lungs, and no pleural effusion. Mediastinum, bones and other structures were not "
            "assessed by the AI and need a physician's reading.",
            ids,
        ),
        ReportSentence(
            "impression",
            "AI 未检出上述病变，不能据此排除肺结核。",
            "The AI detected none of these lesions; tuberculosis is not excluded by this.",
            ids,
        ),
        _symptoms_remain(ids),
    ]


def _radiograph(tb: TbScore, regions: Sequence[str]) -> list[ReportSentence]:
    ids = ("tb.score", "tb.threshold")
    relation = ("达到或高于", "at or above") if tb.positive else ("低于", "below")
    numbers_zh = f"AI 结核筛查评分 {tb.score:.2f}，{relation[0]}阈值 {tb.threshold:.2f}"
    numbers_en = (
        f"The AI tuberculosis screening score is {tb.score:.2f}, {relation[1]} the threshold "
        f"{tb.threshold:.2f}"
    )
    told = [ReportSentence("findings", f"{numbers_zh}。", f"{numbers_en}.", ids)]
    told += [ReportSentence("findings", *note) for note in film_notes(tb)]
    if not tb.positive:
        return [
            *told,
            ReportSentence(
                "impression",
                "AI 未提示疑似肺结核，不能据此排除肺结核，请医师阅片。",
                "The AI does not suggest tuberculosis; it is not excluded by this. A physician's "
                "reading is needed.",
                ("tb.positive",),
            ),
            _symptoms_remain(("tb.positive",)),
        ]
    sentences = told
    if regions:
        sites = [site_code(region) for region in regions]
        sentences.append(
            ReportSentence(
                "findings",
                f"AI 关注区位于{'、'.join(site.zh for site in sites)}（热图仅供定位参考）。",
                f"The AI's attention lies in the {', '.join(site.en for site in sites)} (the heat "
                "map is a guide to the place only).",
                tuple(f"tb.region.{region}" for region in regions),
            )
        )
    sentences.append(
        ReportSentence(
            "impression",
            "疑似肺结核，请医师复核。",
            "Suspected pulmonary tuberculosis; to be confirmed by a physician's reading.",
            ("tb.positive",),
        )
    )
    return [*sentences, _bacteriology(("tb.positive",))]


def _without_result(case: CaseResult) -> list[ReportSentence]:
    outcome = OUTCOMES[case.outcome]
    # Quality's own sentences follow and say it in full; the same reason is not read out twice.
    told_by_quality = case.status == "refused" and case.qc is not None and bool(case.qc.reasons)
    reason = None if told_by_quality else case.reason
    why_zh = reason.zh.rstrip("。") if reason else ""
    why_en = reason.en.rstrip(".") if reason else ""
    ids = ("case.outcome",) if case.reason is None else ("case.outcome", f"case.{case.reason.code}")
    zh = outcome.sentence.zh + (f"。原因：{why_zh}。" if why_zh else "。")
    en = outcome.sentence.en + (f". Reason: {why_en}." if why_en else ".")
    advice = {
        "refused": ("请按质控提示重新摄片或补发图像。", "Repeat or resend the images as advised."),
        "not_applicable": ("请医师直接阅片。", "A physician must read the study."),
    }.get(case.status, ("请医师直接阅片，并重新提交分析。", "A physician must read; resubmit."))
    return [
        ReportSentence("findings", zh, en, ids),
        ReportSentence("impression", "AI 未给出意见。", "No opinion by the AI.", ("case.outcome",)),
        ReportSentence("advice", advice[0], advice[1], ("case.outcome",)),
    ]


def _quality(case: CaseResult) -> list[ReportSentence]:
    qc: QcResult | None = case.qc
    sentences = []
    if case.overridden:
        sentences.append(
            ReportSentence(
                "findings",
                "图像未通过质控，经医师决定仍作分析，结果可靠性受限。",
                "The images failed quality control and were analysed by a physician's decision; "
                "the result is of limited reliability.",
                ("qc.override",),
            )
        )
    if qc is None or qc.verdict == "pass":
        return sentences
    for reason in qc.reasons:
        if reason.severity == "info":
            continue
        sentences.append(
            ReportSentence(
                "findings",
                f"图像质量提示：{reason.message_zh.rstrip('。')}。",
                f"Image quality: {reason.message_en.rstrip('.')}.",
                (f"qc.{reason.code}",),
            )
        )
    return sentences
