"""The comparison in words, Chinese and English: coded reasons, and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.imaging.result import Reason, Sentence, Severity

if TYPE_CHECKING:
    from core.imaging.followup import FollowUp

REASONS: dict[str, Sentence] = {
    "FU_PATIENT_DIFFERS": Sentence(
        "两次检查的患者编号不同，未作对比，请核对",
        "The two studies carry different patient identifiers; not compared, please check",
    ),
    "FU_SEX_DIFFERS": Sentence(
        "两次检查登记的性别不同，未作对比，请核对是否为同一患者",
        "The two studies state different sexes; not compared, check that it is one patient",
    ),
    "FU_ORDER": Sentence(
        "“既往”检查的日期晚于当前检查，未作对比，请交换两者",
        "The prior study is dated after the current one; not compared, swap the two",
    ),
    "FU_PRIOR_UNUSABLE": Sentence(
        "既往检查没有可用的肺部分析结果，无法对比",
        "The prior study has no usable analysis of the lungs; nothing to compare with",
    ),
    "FU_CURRENT_UNUSABLE": Sentence(
        "当前检查没有可用的肺部分析结果，无法对比",
        "The current study has no usable analysis of the lungs; nothing to compare",
    ),
    "FU_NOT_COMPARABLE": Sentence(
        "两次扫描的肺无法可靠配准（可能不是同一患者、体位或吸气差别过大、病变改变过大），未作自动对比，请医师并排阅片",
        "The lungs of the two scans cannot be registered reliably (another patient, posture or "
        "breath too different, or too much disease in between); not compared by machine, read them "
        "side by side",
    ),
    "FU_SLICES_THICK": Sentence(
        "至少一次扫描的层间距大于 {limit:.0f} mm，小的变化不可信，只报告体积与直径一致的明显变化",
        "Slices of at least one scan are more than {limit:.0f} mm apart: small changes cannot be "
        "trusted; only clear ones, in volume and diameter alike, are reported",
    ),
    "FU_POSITION_DIFFERS": Sentence(
        "两次扫描体位不同（仰卧/俯卧），肺密度与胸水分布会改变，请谨慎解读",
        "The two scans were made in different postures (supine, prone): density and fluid shift",
    ),
    "FU_DATES_UNKNOWN": Sentence(
        "至少一次检查缺少日期，不给出倍增时间",
        "A study date is missing: no doubling time is given",
    ),
}

VERDICTS: dict[str, Sentence] = {
    "growth": Sentence("增大（超出重复性误差）", "larger, beyond repeatability"),
    "regression": Sentence("缩小（超出重复性误差）", "smaller, beyond repeatability"),
    "within_repeatability": Sentence("在重复性误差之内", "within repeatability"),
    "new": Sentence("新出现", "new"),
    "resolved": Sentence("未再见到", "no longer seen"),
    "undetermined": Sentence(
        "不确定：另一次扫描同一位置有相似密度但未被勾画，或未被扫描到，请医师判读",
        "undetermined: similar density at the place in the other scan was not outlined, or the "
        "place was not scanned; for a physician",
    ),
}

STABLE_IS_NOT_INACTIVE = Sentence(
    "影像稳定不等于结核无活动性，须结合病原学与临床",
    "Stable on images is not the same as inactive tuberculosis: bacteriology and the clinic decide",
)


def reason_of(
    code: str,
    severity: Severity,
    metric: str | None = None,
    value: float | None = None,
    limit: float | None = None,
) -> Reason:
    """Return a coded reason with its sentence filled in."""
    sentence = REASONS[code]
    shown = {
        "value": value if value is not None else 0.0,
        "limit": limit if limit is not None else 0.0,
    }
    return Reason(
        code,
        severity,
        sentence.zh.format(**shown),
        sentence.en.format(**shown),
        metric,
        value,
        limit,
    )


def conclusion_of(found: FollowUp) -> Sentence:
    """Return the comparison in one sentence: what is new, larger, smaller, gone, unchanged."""
    if found.changes is None:
        first = found.reasons[0]
        return Sentence(first.message_zh, first.message_en)
    if not found.changes:
        return Sentence("两次扫描均未发现病灶", "No lesion was found in either scan")
    zh = [f"{count} 处{word.zh}" for count, word in _counted(found)]
    en = [f"{count} {word.en}" for count, word in _counted(found)]
    hollow = sum(change.cavitated for change in found.changes)
    if hollow:
        zh.append(f"其中 {hollow} 处疑似新形成空洞")
        en.append(f"of these {hollow} with a suspected new cavity")
    trend = _TRENDS[_trend(found)]
    return Sentence(f"{trend.zh}：" + "，".join(zh), f"{trend.en}: " + ", ".join(en))


_SHORT: dict[str, Sentence] = {
    "new": Sentence("疑似新发", "suspected new"),
    "growth": Sentence("增大", "larger"),
    "regression": Sentence("缩小", "smaller"),
    "resolved": Sentence("未再见到", "no longer seen"),
    "within_repeatability": Sentence("无超出误差的变化", "unchanged within repeatability"),
    "undetermined": Sentence("不确定", "undetermined"),
}
_TRENDS: dict[str, Sentence] = {
    "worse": Sentence("与既往相比，疑似进展", "Against the prior, suspected progression"),
    "better": Sentence("与既往相比，疑似好转", "Against the prior, suspected improvement"),
    "mixed": Sentence("与既往相比，有增有减", "Against the prior, mixed"),
    "same": Sentence("与既往相比，无超出误差的变化", "Against the prior, no change beyond error"),
}


def _counted(found: FollowUp) -> list[tuple[int, Sentence]]:
    return [(n, word) for verdict, word in _SHORT.items() if (n := found.count(verdict))]


def _trend(found: FollowUp) -> str:
    worse = found.count("new") + found.count("growth")
    better = found.count("resolved") + found.count("regression")
    if worse and better:
        return "mixed"
    return "worse" if worse else "better" if better else "same"
