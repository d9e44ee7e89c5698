"""Prompts to the person who writes: what is missing, what contradicts, what might be advised. Pure.

Every prompt has a code, a sentence and a reason. ``block`` must be mended before signing; ``warn``
must be mended or acknowledged; ``hint`` only suggests. The rules read the Chinese words: free
English text is not read, and that is said in the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from core.imaging.result import Lesion, Sentence
from edge.report.physician.classes import SCALES, Severity, check_tier
from edge.report.physician.content import Content, Statement, statement_json
from edge.report.physician.errors import TierNeedsBasis
from edge.report.physician.exhibits import FollowUpTable
from edge.report.physician.phrases import Phrasebook
from edge.report.physician.reading import Mention, hedged, mentions, sizes_mm
from edge.report.physician.refresh import stale
from edge.report.physician.wording import millimetres, place_of
from edge.report.physician.words import Said, said

Level = Literal["block", "warn", "hint"]
_BACTERIOLOGY: Final = ("痰", "病原学", "核酸", "分枝杆菌")
_TOLERANCE_MM: Final = 2.0
_TOLERANCE_SHARE: Final = 0.2
_CERTAIN: Final = ("确诊肺结核", "确诊为肺结核", "明确肺结核", "肺结核确诊")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt.

    Attributes
    ----------
    name : str
        Code and place: what an acknowledgement names.
    keys : tuple of str
        Statements that it is about.
    insert : Statement or None
        What one key press would add.
    """

    name: str
    level: Level
    words: Sentence
    reason: Sentence
    keys: tuple[str, ...] = ()
    insert: Statement | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "name": self.name, "level": self.level, "zh": self.words.zh, "en": self.words.en,
            "reason_zh": self.reason.zh, "reason_en": self.reason.en, "keys": list(self.keys),
            "insert": None if self.insert is None else statement_json(self.insert),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What a draft is held against.

    ``lesions`` is None where no CT result exists; ``prior`` is the name of an earlier examination;
    ``follow_up`` is the comparison's table as it is now, ``severity`` what the result fills.
    """

    offered: tuple[Statement, ...]
    lesions: tuple[Lesion, ...] | None = None
    prior: str = ""
    phrases: Phrasebook | None = None
    follow_up: FollowUpTable | None = None
    severity: tuple[Severity, ...] = ()


def prompts(content: Content, known: Known) -> tuple[Prompt, ...]:
    """Return every prompt, the ones that hinder signing first.

    Raises
    ------
    ContentWrong
    """
    told = said(content, known.phrases or {})
    made = [one for rule in _RULES for one in rule(content, known, told)]
    order = ("block", "warn", "hint")
    return tuple(sorted(made, key=lambda one: order.index(one.level)))


def _unconfirmed(content: Content, _known: Known, _told: Sequence[Said]) -> list[Prompt]:
    keys = tuple(one.key for one in content.unconfirmed)
    if not keys:
        return []
    return [
        Prompt(
            "unconfirmed", "block",
            Sentence(f"{len(keys)} 条 AI 语句尚未确认", f"{len(keys)} AI statements unconfirmed"),
            Sentence(
                "AI 语句须由医师逐条确认、修改或删除后才能签发",
                "A physician confirms, changes or removes each before signing",
            ),
            keys,
        )
    ]  # fmt: skip


def _stale(content: Content, known: Known, _told: Sequence[Said]) -> list[Prompt]:
    keys = stale(content, known.offered)
    if not keys:
        return []
    return [
        Prompt(
            "stale", "block",
            Sentence(f"{len(keys)} 条语句与当前测量不一致", f"{len(keys)} statements differ"),
            Sentence(
                "测量或记录在语句写入后已改变，请刷新并核对",
                "The measurement or record changed since; refresh and check",
            ),
            keys,
        )
    ]  # fmt: skip


def _follow_up(content: Content, known: Known, _told: Sequence[Said]) -> list[Prompt]:
    if content.follow_up is None or content.follow_up == known.follow_up:
        return []
    return [
        Prompt(
            "follow_up", "block",
            Sentence("随访对比表与当前对比结果不一致", "The follow-up table differs"),
            Sentence(
                "对比结果在表格写入后已改变，请重新纳入或取消",
                "The comparison changed since; put the table in again or take it out",
            ),
        )
    ]  # fmt: skip


def _severity(content: Content, known: Known, _told: Sequence[Said]) -> list[Prompt]:
    measured = {(one.scale, one.value) for one in known.severity}
    old = [
        one for one in content.severity
        if one.confirmed and one.source == "measurement" and (one.scale, one.value) not in measured
    ]  # fmt: skip
    return [
        Prompt(
            f"severity:{one.scale}", "block",
            Sentence(
                f"{SCALES[one.scale][0].split('（')[0]} {one.value} 与当前测量不一致",
                f"{SCALES[one.scale][1].split(' (')[0]} {one.value} differs from the measurement",
            ),
            Sentence(
                "标为测量的数值须与测量相同；自行评定请改填",
                "A value marked as measured equals the measurement; enter your own otherwise",
            ),
        )
        for one in old
    ]  # fmt: skip


def _empty(_content: Content, _known: Known, told: Sequence[Said]) -> list[Prompt]:
    if any(one.section == "impression" and one.zh for one in told):
        return []
    return [
        Prompt(
            "impression", "block", Sentence("影像诊断为空", "The impression is empty"),
            Sentence("没有影像诊断的报告不能签发", "A report without an impression is not signed"),
        )
    ]  # fmt: skip


def _tier(content: Content, _known: Known, _told: Sequence[Said]) -> list[Prompt]:
    try:
        check_tier(content.classification)
    except TierNeedsBasis as error:
        return [
            Prompt(
                "tier", "block", Sentence(error.sentence("zh"), error.sentence("en")),
                Sentence(
                    "WS 288-2017：临床诊断与确诊须有影像以外的依据；依据须写明来源",
                    "WS 288-2017: clinical diagnosis and confirmation rest on more than imaging; "
                    "each fact names its source",
                ),
            )
        ]  # fmt: skip
    return []


def _certainty(content: Content, _known: Known, told: Sequence[Said]) -> list[Prompt]:
    if content.classification.tier in ("clinical", "confirmed"):
        return []
    made = []
    for one in told:
        if one.section != "impression" or "结核" not in one.zh:
            continue
        certain = any(word in one.zh for word in _CERTAIN)
        if certain or not hedged(one.zh):
            made.append(
                Prompt(
                    f"certainty:{one.key}", "block" if certain else "warn",
                    Sentence(
                        "影像诊断的措辞超过“疑似”", "The impression says more than suspected"
                    ),
                    Sentence(
                        "仅凭影像不得超过“疑似”；如有病原学等依据，请先填写诊断分级",
                        "Imaging alone never exceeds suspected; with other evidence set the tier",
                    ),
                    (one.key,),
                )
            )  # fmt: skip
    return made


def _sputum(_content: Content, known: Known, told: Sequence[Said]) -> list[Prompt]:
    kinds = {x.kind for x in known.lesions or ()}
    kinds |= {m.kind for one in told if one.section == "findings" for m in mentions(one.zh)
              if not m.denied}  # fmt: skip
    if not {"cavity", "tree_in_bud"} <= kinds:
        return []
    advised = (one.zh for one in told if one.section == "advice")
    if any(word in text for text in advised for word in _BACTERIOLOGY):
        return []
    insert = Statement(
        key="advice:sputum", section="advice", way="bound", template="advice.sputum",
        sources=("rule.sputum",), origin="ai", confirmed=True,
    )  # fmt: skip
    offered = next((one for one in known.offered if one.key == insert.key), insert)
    return [
        Prompt(
            "sputum", "warn",
            Sentence("建议增加痰检及分子检测", "Suggest sputum and molecular tests"),
            Sentence(
                "空洞与树芽征并存，常见于有传染性的活动性肺结核",
                "Cavity with tree-in-bud is often infectious active tuberculosis",
            ),
            (), offered,
        )
    ]  # fmt: skip


def _measured(_content: Content, known: Known, told: Sequence[Said]) -> list[Prompt]:
    """Words that a person wrote, held against the table of lesions."""
    if not known.lesions:
        return []
    made = []
    for one in told:
        if one.section == "findings" and one.origin == "person":
            for mention in mentions(one.zh):
                made += _against(one, mention, known.lesions)
    return made


def _against(one: Said, mention: Mention, lesions: Sequence[Lesion]) -> list[Prompt]:
    same = [x for x in lesions if x.kind in mention.kinds]
    where = f"{mention.kind}:{one.key}"
    if mention.denied:
        here = [x for x in same if not mention.sides or _side(x) in mention.sides]
        return [] if not here else [_contradicts("denied", where, one, mention, here[0])]
    if not same:
        return []
    here = [x for x in same if not mention.sides or _side(x) in mention.sides]
    if not here:
        return [_contradicts("side", where, one, mention, same[0])]
    sizes = sizes_mm(mention.text)
    if sizes and not any(_fits(size, x) for size in sizes for x in here):
        return [_contradicts("size", where, one, mention, here[0])]
    return []


def _fits(size: float, lesion: Lesion) -> bool:
    for measured in (lesion.long_axis_mm, lesion.short_axis_mm):
        if abs(size - measured) <= max(_TOLERANCE_MM, _TOLERANCE_SHARE * measured):
            return True
    return False


def _side(lesion: Lesion) -> str:
    return "right" if "right" in lesion.location else "left"


_SAID: Final = {
    "denied": Sentence("文字否认了测量表中的病灶", "The text denies a lesion of the table"),
    "side": Sentence("文字与测量的侧别不一致", "The text's side differs from the measurement"),
    "size": Sentence("文字与测量的大小不一致", "The text's size differs from the measurement"),
}


def _contradicts(what: str, where: str, one: Said, mention: Mention, lesion: Lesion) -> Prompt:
    place = place_of(lesion.codes.get("lobe") or lesion.location)
    long_mm = millimetres(lesion.long_axis_mm)
    short_mm = millimetres(lesion.short_axis_mm)
    return Prompt(
        f"{what}:{where}", "warn", _SAID[what],
        Sentence(
            f"文字“{mention.text.strip()[:40]}”；病灶 {lesion.id}：{place.zh}，"
            f"{long_mm} mm × {short_mm} mm",
            f'text "{mention.text.strip()[:40]}"; lesion {lesion.id}: {place.en}, {long_mm} mm × '
            f"{short_mm} mm",
        ),
        (one.key,),
    )  # fmt: skip


def _sides(_content: Content, _known: Known, told: Sequence[Said]) -> list[Prompt]:
    """A kind of lesion stands on one side in the findings and on the other in the impression."""
    seen: dict[str, set[str]] = {}
    for one in told:
        for mention in mentions(one.zh) if one.section == "findings" else ():
            if not mention.denied:
                seen.setdefault(mention.kind, set()).update(mention.sides)
    made = []
    for one in told:
        for mention in mentions(one.zh) if one.section == "impression" else ():
            before = seen.get(mention.kind, set())
            if before and mention.sides and not mention.denied and not mention.sides & before:
                made.append(
                    Prompt(
                        f"mismatch:{mention.kind}:{one.key}", "warn",
                        Sentence(
                            "影像所见与影像诊断的侧别不一致",
                            "Findings and impression name different sides",
                        ),
                        Sentence(
                            f"“{mention.text.strip()[:40]}”在影像所见中为{_zh_sides(before)}",
                            f'"{mention.text.strip()[:40]}" is on the {_en_sides(before)} in the '
                            "findings",
                        ),
                        (one.key,),
                    )
                )  # fmt: skip
    return made


def _zh_sides(sides: set[str]) -> str:
    return "、".join({"right": "右侧", "left": "左侧"}[side] for side in sorted(sides))


def _en_sides(sides: set[str]) -> str:
    return " and ".join(sorted(sides))


def _comparison(_content: Content, known: Known, told: Sequence[Said]) -> list[Prompt]:
    if not known.prior or any(
        one.section == "comparison" and one.zh and "未作对照" not in one.zh for one in told
    ):
        return []
    insert = next((o for o in known.offered if o.template == "comparison.prior"), None)
    return [
        Prompt(
            "comparison", "warn", Sentence("缺少与既往影像的对照", "No comparison"),
            Sentence(f"本机存有既往检查：{known.prior}", f"Earlier examination: {known.prior}"),
            (), insert,
        )
    ]  # fmt: skip


_STRUCTURES: Final = (
    Sentence("纵隔", "mediastinum"), Sentence("骨", "bones"), Sentence("心", "heart"),
)  # fmt: skip


def _unread(_content: Content, known: Known, told: Sequence[Said]) -> list[Prompt]:
    """What the AI does not look at, and nobody has written about."""
    if known.lesions is None:
        return []
    findings = " ".join(one.zh for one in told if one.section == "findings")
    missing = [one for one in _STRUCTURES if one.zh not in findings]
    if not missing:
        return []
    zh, en = "、".join(s.zh for s in missing), ", ".join(s.en for s in missing)
    return [
        Prompt(
            "unread", "hint", Sentence(f"未描述：{zh}", f"Not described: {en}"),
            Sentence(
                "AI 不评估这些结构，请医师阅片后补写",
                "The AI does not assess these; a physician reads and writes",
            ),
        )
    ]  # fmt: skip


Rule = Callable[[Content, Known, Sequence[Said]], list[Prompt]]
_RULES: Final[tuple[Rule, ...]] = (
    _unconfirmed, _stale, _follow_up, _severity, _empty, _tier, _certainty, _measured, _sides,
    _sputum, _comparison, _unread,
)  # fmt: skip
