"""The words of bound statements: a code and its arguments give a Chinese and an English sentence.

Pure: a statement's words follow from what is stored of it and from nothing else, so that a record
of years ago reads as it read then. A template's meaning never changes; another wording that says
something else is another code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from core.imaging.case_texts import MARGINS, SEVERITIES, SHAPES, SIGNS
from core.imaging.lobes import LOBE_NAMES
from core.imaging.location import KINDS, LOCATIONS
from core.imaging.result import Sentence
from edge.report.physician.errors import ContentWrong

Arguments = Mapping[str, Any]
Wording = Callable[[Arguments], Sentence]

_PLURALS: Final = {
    "cavity": "cavities", "mass": "masses", "tree_in_bud": "areas of tree-in-bud opacity",
    "consolidation": "areas of consolidation", "miliary": "areas of miliary nodules",
    "fibrosis": "areas of fibrotic or bronchiectatic change",
    "pleural_thickening": "areas of pleural thickening",
}  # fmt: skip
#: How a film reader says it in a sentence of findings.
_NOUNS: Final = {
    "consolidation": "斑片状实变影", "cavity": "空洞影", "tree_in_bud": "树芽征", "mass": "肿块影",
    "calcification": "钙化灶", "miliary": "弥漫粟粒样结节影",
    "fibrosis": "条索、牵拉性支气管扩张影",
}  # fmt: skip
_SPREAD: Final = frozenset({"consolidation", "tree_in_bud", "miliary", "fibrosis"})
_SIDES: Final = {"right": Sentence("右侧", "right"), "left": Sentence("左侧", "left")}
_MODALITIES: Final = {
    "CT": Sentence("胸部 CT", "chest CT"), "DX": Sentence("胸部 X 线摄影", "chest radiograph"),
    "CR": Sentence("胸部 X 线摄影", "chest radiograph"),
    "DR": Sentence("胸部 X 线摄影", "chest radiograph"),
    "PT": Sentence("PET", "PET"),
}  # fmt: skip


def words_of(template: str, arguments: Arguments) -> Sentence:
    """Return a bound statement's sentence.

    Raises
    ------
    ContentWrong
        If the code is none, or its arguments are not what it takes.
    """
    wording = WORDINGS.get(template)
    if wording is None:
        raise ContentWrong(field=f"template {template[:40]}")
    try:
        return wording(arguments)
    except (KeyError, TypeError, ValueError, IndexError):
        raise ContentWrong(field=f"arguments of {template[:40]}") from None


def millimetres(value: float) -> str:
    """Return a length as it is read out: tenths below a centimetre."""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def millilitres(value: float) -> str:
    """Return a volume as it is read out."""
    if value >= 10:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def place_of(code: str) -> Sentence:
    """Return the name of a lobe, zone or space. Raises KeyError."""
    return LOBE_NAMES[code] if code in LOBE_NAMES else LOCATIONS[code]


def day(text: str) -> Sentence:
    """Return a DICOM date as a report writes it."""
    digits = text.replace("-", "")
    if len(digits) != 8 or not digits.isdigit():
        return Sentence(text, text)
    year, month, number = digits[:4], int(digits[4:6]), int(digits[6:])
    return Sentence(f"{year}年{month}月{number}日", f"{year}-{month:02d}-{number:02d}")


def _spaced(words: str) -> str:
    """Return words with a space where a Latin ending meets Han."""
    return f"{words} " if words[-1:].isascii() else words


def _technique(a: Arguments) -> Sentence:
    exam = _MODALITIES.get(a["modality"], Sentence(a["modality"], a["modality"]))
    parts_zh, parts_en = [f"{_spaced(exam.zh)}检查"], [exam.en[0].upper() + exam.en[1:]]
    if a.get("date"):
        parts_zh[0] = f"{day(a['date']).zh}{parts_zh[0]}"
        parts_en.append(day(a["date"]).en)
    if a.get("series"):
        parts_zh.append(f"阅片序列“{a['series']}”")
        parts_en.append(f'series read: "{a["series"]}"')
    if a.get("images"):
        parts_zh.append(f"{a['images']} 幅")
        parts_en.append(f"{a['images']} images")
    if a.get("thickness_mm"):
        thick = f"{float(a['thickness_mm']):g}"
        parts_zh.append(f"层厚 {thick} mm")
        parts_en.append(f"slice thickness {thick} mm")
    return Sentence("，".join(parts_zh) + "。", ", ".join(parts_en) + ".")


def _prior(a: Arguments) -> Sentence:
    exam = _MODALITIES.get(a["modality"], Sentence(a["modality"], a["modality"]))
    at = day(a["date"])
    zh = f"与 {at.zh}{_spaced(exam.zh)}对照。"
    return Sentence(zh, f"Compared with the {exam.en} of {at.en}.")


def _no_prior(_a: Arguments) -> Sentence:
    return Sentence(
        "本机未存有既往胸部影像，未作对照。",
        "No earlier chest images are on this system; no comparison was made.",
    )


def _followup(a: Arguments) -> Sentence:
    return Sentence(str(a["zh"]), str(a["en"]))


def _lesions(a: Arguments) -> Sentence:
    """Return e.g. 右肺上叶见空洞影，大小约 23 mm × 18 mm，壁厚约 4.2 mm，边缘毛刺。"""
    kind, place, count = a["kind"], place_of(a["place"]), int(a["count"])
    name = KINDS[kind]
    noun = _NOUNS.get(kind, f"{name.zh}影")
    long_mm, short_mm = millimetres(a["long_mm"]), millimetres(a["short_mm"])
    size_zh = f"{'范围' if kind in _SPREAD else '大小'}约 {long_mm} mm × {short_mm} mm"
    size_en = f"about {long_mm} mm × {short_mm} mm"
    upper = place.en[0].upper() + place.en[1:]
    if count > 1:
        zh = f"{place.zh}见 {count} 处{noun}，较大者{size_zh}"
        en = f"{upper}: {count} {_PLURALS.get(kind, name.en + 's')}, the largest {size_en}"
    else:
        zh, en = f"{place.zh}见{noun}，{size_zh}", f"{upper}: {name.en}, {size_en}"
    zh, en = zh + _zh_details(a), en + _en_details(a)
    return Sentence(f"{zh}。", f"{en}.")


def _zh_details(a: Arguments) -> str:
    told = ""
    if a.get("wall_mm") is not None:
        told += f"，平均壁厚约 {millimetres(a['wall_mm'])} mm"
    if a.get("mean_hu") is not None:
        told += f"，平均 CT 值约 {a['mean_hu']:.0f} HU"
    told += f"，{SHAPES[a['shape']].zh}" if a.get("shape") else ""
    return told + (f"，{MARGINS[a['margin']].zh}" if a.get("margin") else "")


def _en_details(a: Arguments) -> str:
    told = ""
    if a.get("wall_mm") is not None:
        told += f", mean wall thickness about {millimetres(a['wall_mm'])} mm"
    if a.get("mean_hu") is not None:
        told += f", mean attenuation about {a['mean_hu']:.0f} HU"
    told += f", {SHAPES[a['shape']].en}" if a.get("shape") else ""
    return told + (f", {MARGINS[a['margin']].en}" if a.get("margin") else "")


def _effusion(a: Arguments) -> Sentence:
    side, ml = _SIDES[a["side"]], millilitres(a["volume_ml"])
    return Sentence(
        f"{side.zh}胸腔见积液影，量约 {ml} ml。",
        f"Effusion in the {side.en} pleural space, about {ml} ml.",
    )


def _pleura(a: Arguments) -> Sentence:
    side = _SIDES[a["side"]]
    return Sentence(f"{side.zh}胸膜增厚。", f"Pleural thickening on the {side.en}.")


def _nodes(a: Arguments) -> Sentence:
    count, short = int(a["count"]), millimetres(a["short_mm"])
    many_zh = f"{count} 枚" if count > 1 else ""
    many_en = f"{count} enlarged nodes" if count > 1 else "an enlarged node"
    return Sentence(
        f"纵隔见{many_zh}增大淋巴结，较大者短径约 {short} mm。",
        f"Mediastinum: {many_en}, short axis of the largest about {short} mm.",
    )


def _clear(_a: Arguments) -> Sentence:
    return Sentence(
        "双肺未见明确结节、空洞、实变、树芽征及钙化灶，双侧胸腔未见明确积液。",
        "No nodule, cavity, consolidation, tree-in-bud opacity or calcification is evident in the "
        "lungs; no pleural effusion.",
    )


def _extent(a: Arguments) -> Sentence:
    burden, severity = a["burden_percent"], SEVERITIES[a["severity"]]
    lobes = [(LOBE_NAMES[name], part) for name, part in a.get("lobes", [])]
    zh_lobes = "、".join(f"{name.zh} {part:.0f}%" for name, part in lobes)
    en_lobes = ", ".join(f"{name.en} {part:.0f} %" for name, part in lobes)
    zh, en = f"病灶约占双肺体积 {burden:.1f}%", f"Lesions take about {burden:.1f} % of both lungs"
    if lobes:
        zh, en = f"{zh}（占所在肺叶：{zh_lobes}）", f"{en} (of the lobe: {en_lobes})"
    return Sentence(
        f"{zh}，病变范围属{severity.zh}（NTA 分级，按体积）。",
        f"{en}; extent: {severity.en} (NTA classes, by volume).",
    )


def _score(a: Arguments) -> Sentence:
    zh, en = ("达到或高于", "at or above") if a["positive"] else ("低于", "below")
    return Sentence(
        f"AI 结核筛查评分 {a['score']:.2f}，{zh}阈值 {a['threshold']:.2f}。",
        f"AI tuberculosis screening score {a['score']:.2f}, {en} the threshold "
        f"{a['threshold']:.2f}.",
    )


def _sentence(a: Arguments) -> Sentence:
    return Sentence(str(a["zh"]), str(a["en"]))


def _named(a: Arguments) -> Sentence:
    names_zh, names_en = [], []
    for one in a["places"]:
        kind, count = KINDS[one["kind"]], int(one["count"])
        if one["kind"] == "pleural_effusion":
            side = _SIDES[one["place"]]
            names_zh.append(f"{side.zh}胸腔积液")
            names_en.append(f"{side.en} pleural effusion")
            continue
        place = place_of(one["place"])
        names_zh.append(f"{place.zh}{'多发' if count > 1 else ''}{kind.zh}")
        many = f"multiple {_PLURALS.get(one['kind'], kind.en + 's')}"
        names_en.append(f"{many if count > 1 else kind.en} in the {place.en}")
    english = "; ".join(names_en)
    return Sentence("、".join(names_zh), english[0].upper() + english[1:])


def _impression(zh: str, en: str) -> Wording:
    def wording(a: Arguments) -> Sentence:
        named = _named(a)
        return Sentence(f"{named.zh}，{zh}", f"{named.en}{en}")

    return wording


def _activity(a: Arguments) -> Sentence:
    signs = [SIGNS[code] for code in a["signs"]]
    zh, en = "、".join(s.zh for s in signs), ", ".join(s.en for s in signs)
    if a["signs"] == ["healed_only"]:
        return Sentence(
            f"{zh}，倾向陈旧性病变；影像稳定不等于不活动，请结合临床。",
            f"{en[0].upper()}{en[1:]}, rather old; a stable image is not inactive disease.",
        )
    return Sentence(
        f"可见活动性病变常见征象（{zh}），是否活动请结合临床及病原学检查。",
        f"Signs often seen in active disease ({en}); activity is decided with clinical and "
        "bacteriological findings.",
    )


def _fixed(zh: str, en: str) -> Wording:
    return lambda _a: Sentence(zh, en)


WORDINGS: Final[dict[str, Wording]] = {
    "technique.exam": _technique,
    "comparison.prior": _prior,
    "comparison.none": _no_prior,
    "comparison.change": _followup,
    "finding.lesions": _lesions,
    "finding.effusion": _effusion,
    "finding.pleura": _pleura,
    "finding.nodes": _nodes,
    "finding.clear": _clear,
    "finding.extent": _extent,
    "finding.score": _score,
    "finding.note": _sentence,
    "impression.tb": _impression(
        "疑似肺结核，请结合临床及病原学检查。",
        ": tuberculosis is suspected; correlate with clinical and bacteriological findings.",
    ),
    "impression.infection": _impression(
        "考虑感染性病变，肺结核待排，请结合临床及病原学检查。",
        ": infection is considered, tuberculosis to be excluded; correlate with clinical and "
        "bacteriological findings.",
    ),
    "impression.nodules": _impression("性质待定。", ", of undetermined nature."),
    "impression.effusion": _impression("原因待查。", ", cause to be determined."),
    "impression.old": _impression(
        "考虑陈旧性病变，请对照既往影像。", ": an old lesion is considered; compare earlier images."
    ),
    "impression.activity": _activity,
    "impression.film": _fixed(
        "胸片所见疑似肺结核，请结合临床及病原学检查。",
        "Radiograph: pulmonary tuberculosis is suspected; correlate with clinical and "
        "bacteriological findings.",
    ),
    "impression.film_below": _fixed(
        "胸片未见明确提示肺结核的征象，不能据此排除肺结核。",
        "No definite sign of tuberculosis on the radiograph; it is not excluded by this.",
    ),
    "impression.clear": _fixed(
        "双肺未见明确活动性病变征象，不能据此排除肺结核。",
        "No definite sign of active disease in the lungs; tuberculosis is not excluded by this.",
    ),
    "advice.sputum": _fixed(
        "建议结合症状及接触史，行痰涂片、分枝杆菌培养及核酸检测，必要时转结核病定点医疗机构。",
        "Consider symptoms and contacts; sputum smear, mycobacterial culture and molecular test; "
        "refer to the designated tuberculosis institution where needed.",
    ),
    "advice.mass": _fixed(
        "肿块性质待定，建议增强 CT 检查，必要时行组织学检查。",
        "The mass is of undetermined nature: contrast CT, histology where needed.",
    ),
    "advice.nodules": _fixed(
        "结节建议与既往影像对照，并定期随访复查。",
        "Compare the nodules with earlier images and follow them up.",
    ),
    "advice.effusion": _fixed(
        "胸腔积液建议结合超声及临床，必要时行胸水检查。",
        "Correlate the effusion with ultrasound; examine the fluid where needed.",
    ),
    "advice.correlate": _fixed(
        "请结合临床及既往影像。", "Correlate with history and earlier images."
    ),
    "advice.symptoms": _fixed(
        "如有咳嗽、咳痰 2 周以上或咯血等可疑症状，仍应行病原学检查。",
        "With suspicious symptoms (cough for two weeks or more, haemoptysis) bacteriological tests "
        "are still needed.",
    ),
    "advice.compare": _fixed("建议调阅既往影像对照。", "Obtain earlier images for comparison."),
    "advice.repeat": _fixed(
        "图像质量不足，建议重新摄片后再行判读。",
        "Image quality is insufficient; repeat the image before it is read.",
    ),
}
