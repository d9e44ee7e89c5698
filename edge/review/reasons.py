"""Why a physician changes or rejects: coded, so that it can be counted.

Chinese and English stand here for the structured report and for lists; the page's catalogue holds
its own wording under the same codes (a test compares the codes).
"""

from __future__ import annotations

from core.imaging.result import Sentence

#: Why a lesion is no lesion, or not this one.
LESION_REASONS: dict[str, Sentence] = {
    "normal_structure": Sentence("正常结构", "normal structure"),
    "vessel": Sentence("血管", "vessel"),
    "artefact": Sentence("伪影", "artefact"),
    "motion": Sentence("运动或呼吸所致", "motion or breathing"),
    "atelectasis": Sentence("坠积或膨胀不全", "dependent or passive atelectasis"),
    "known_benign": Sentence("已知良性", "known to be benign"),
    "duplicate": Sentence("与另一病灶重复", "same as another lesion"),
    "merged": Sentence("已并入另一病灶", "merged into another lesion"),
    "other": Sentence("其他", "other"),
}
#: Why a case-level statement is disagreed with.
PREDICTION_REASONS: dict[str, Sentence] = {
    "other_disease": Sentence("更符合其他疾病", "fits another disease better"),
    "old_disease": Sentence("陈旧性改变", "old, healed disease"),
    "not_enough": Sentence("影像依据不足", "too little evidence in the images"),
    "missed_findings": Sentence("AI 漏掉了所见", "the AI missed findings"),
    "false_findings": Sentence("AI 所见不成立", "the AI's findings do not hold"),
    "clinical": Sentence("与临床或检验资料不符", "contradicts clinical or laboratory facts"),
    "other": Sentence("其他", "other"),
}
#: Facts of the case, and the values a person may enter; "" is free text (dates are apart).
FACTS: dict[str, tuple[str, ...]] = {
    "onset": ("",),
    "contact": ("yes", "no", "unknown"),
    "hiv": ("positive", "negative", "not_tested", "unknown"),
    "diabetes": ("yes", "no", "unknown"),
    "treatment": ("never", "current", "completed", "interrupted", "unknown"),
    "bacteriology": (
        "smear_positive", "smear_negative", "culture_positive", "culture_negative",
        "molecular_positive", "molecular_negative", "pending", "not_done",
    ),
}  # fmt: skip
