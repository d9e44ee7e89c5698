"""From a signed statement's opened words to what a document says. Pure; texts stay data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edge.consult.paper import OpinionText

_TITLES: Final = {
    "opinion": "会诊意见 / Consultation opinion",
    "addendum": "会诊补充意见 / Addendum to an opinion",
    "summary": "多学科会诊总结 / MDT summary",
    "offered": "转诊答复 / Answer to a referral",
}
_FIELDS: Final = {
    "discipline": "学科 / Discipline",
    "impression": "印象 / Impression",
    "findings": "结构化所见 / Structured findings",
    "conclusion": "结论 / Conclusion",
    "advice": "建议 / Advice",
    "text": "说明 / Text",
    "dissent": "不同意见 / Dissent",
    "accept": "是否接收 / Accepted",
    "bed": "床位 / Bed",
    "date": "日期 / Date",
}
_DISCIPLINES: Final = {
    "respiratory": "呼吸内科 / respiratory medicine", "imaging": "影像科 / imaging",
    "pathology": "病理科 / pathology", "thoracic_surgery": "胸外科 / thoracic surgery",
    "infectious": "感染科 / infectious diseases", "other": "其他 / other",
}  # fmt: skip
#: Structured findings, as the expert's form offers them.
_WORDS: Final = {
    "tb": "结核判断 / Tuberculosis", "image_quality": "图像质量 / Image quality",
    "ai_agreement": "对 AI 结果 / On the AI's result", "next_steps": "下一步 / Next steps",
    "active": "活动性 / active", "suspected": "疑似 / suspected", "inactive": "非活动性 / inactive",
    "unlikely": "可能性小 / unlikely", "cannot_tell": "无法判断 / cannot tell",
    "good": "良好 / good", "limited": "受限 / limited", "inadequate": "不足 / inadequate",
    "agree": "同意 / agree", "partly": "部分同意 / partly", "disagree": "不同意 / disagree",
    "sputum": "痰检 / sputum", "bronchoscopy": "支气管镜 / bronchoscopy",
    "enhanced_ct": "增强 CT / enhanced CT", "biopsy": "活检 / biopsy",
    "treatment": "治疗 / treatment", "surgery": "手术 / surgery",
    "follow_up": "随访 / follow-up", "isolate": "隔离 / isolation",
}  # fmt: skip
_REMOTE: Final = (
    "签名人以本人密钥签署（ECDSA P-256），本机已依据公钥目录核验。 / Signed with the author's own"
    " key (ECDSA P-256); checked by this box against the key directory."
)
_HOUSE: Final = (
    "本院会诊：由本机依据登录会话代为签署（Ed25519）。 / In-house: attested by this box from the"
    " author's session (Ed25519)."
)


def text_of(
    kind: str,
    words: Mapping[str, Any],
    author: tuple[str, str],
    *,
    at: str,
    digest: str,
    house: bool,
) -> OpinionText:
    """Return what the document of a signed statement says; unknown fields are shown too."""
    sections = [(name, said) for field, name in _FIELDS.items() if (said := _said(words, field))]
    sections += [
        (field[:64], said)
        for field in sorted(set(words) - set(_FIELDS) - _INNER)
        if (said := _said(words, field))
    ]
    return OpinionText(
        title=_TITLES.get(kind, kind),
        author=author[0],
        organisation=author[1],
        at=at,
        digest=digest,
        signature=_HOUSE if house else _REMOTE,
        sections=tuple(sections),
    )


#: What binds an opinion to its case: shown by the page, no words of a document.
_INNER: Final = frozenset({"basis", "case", "objects"})


def _said(words: Mapping[str, Any], field: str) -> str:
    value = words.get(field)
    if field == "discipline":
        return _DISCIPLINES.get(str(value or ""), str(value or ""))
    if field == "findings" and isinstance(value, Mapping):
        return _plain({_named(k): _named(v) for k, v in value.items()})
    return _plain(value)


def _named(value: Any) -> Any:
    """Return a word of the form as it is read; anything else as it is."""
    if isinstance(value, list):
        return [_named(one) for one in value]
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _plain(value: Any) -> str:
    if value is None or value is False or value == "":
        return ""
    if value is True:
        return "是 / yes"
    if isinstance(value, Mapping):
        lines = [(str(k), _plain(v)) for k, v in value.items()]
        return "\n".join(f"{k}: {v}" for k, v in lines if v)
    if isinstance(value, list):
        return "；".join(filter(None, map(_plain, value)))
    return str(value)
