"""What is said of two studies brought together, beside what the comparison itself says."""

from __future__ import annotations

from typing import Final

from core.imaging.result import Sentence

SENTENCES: Final[dict[str, Sentence]] = {
    "JOIN_SEX_DIFFERS": Sentence(
        "同一患者编号下的另一检查登记性别不同，可能登记有误或编号混用，未作合并，请核对",
        "Another study under this Patient ID states another sex: an error, or an ID used for two "
        "people. Not joined; please check",
    ),
    "JOIN_BIRTH_DATE_DIFFERS": Sentence(
        "同一患者编号下的另一检查登记出生日期不同，可能登记有误或编号混用，未作合并，请核对",
        "Another study under this Patient ID states another birth date: an error, or an ID used "
        "for two people. Not joined; please check",
    ),
    "JOIN_LEFT_OUT": Sentence(
        "同一患者编号下另有 {count} 个检查的性别或出生日期不符，未用于对比，请核对",
        "{count} more study(ies) under this Patient ID contradict its sex or birth date and were "
        "left out; please check",
    ),
    "JOIN_NAME_DIFFERS": Sentence(
        "两次检查登记的姓名不同，合并依据为患者编号，请核对是否为同一人",
        "The two studies carry different names; they were joined by Patient ID. Check that it is "
        "one person",
    ),
    "JOIN_METHOD_DIFFERS": Sentence(
        "两次检查由不同的方法或版本分析，部分差异可能来自方法",
        "The two studies were analysed by different methods or versions: part of a difference may "
        "come from that",
    ),
    "JOIN_FRAMES_DIFFER": Sentence(
        "PET 与 CT 坐标系不同，位置由图像配准得出",
        "PET and CT have different frames of reference: places come from aligning the images",
    ),
}
#: Why a comparison was withdrawn.
WITHDRAWN: Final[dict[str, Sentence]] = {
    "other_person": Sentence(
        "患者信息已更正，不再属于同一患者", "Corrected: no longer one patient"
    ),
    "replaced": Sentence("检查结果已更新或有更合适的检查", "A newer result or a nearer study"),
    "switched_off": Sentence("自动合并已关闭", "Joining is switched off"),
}


def noted(code: str, **numbers: int) -> dict[str, str]:
    """Return a note in its public form."""
    sentence = SENTENCES[code]
    return {
        "code": code,
        "message_zh": sentence.zh.format(**numbers),
        "message_en": sentence.en.format(**numbers),
    }
