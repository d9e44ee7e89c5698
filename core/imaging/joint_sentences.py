"""What two modalities say of one patient together, in words, Chinese and English."""

from __future__ import annotations

from core.imaging.result import Sentence

SENTENCES: dict[str, Sentence] = {
    "JOINT_BOTH_SUSPECTED": Sentence(
        "胸片与 CT 均为疑似结核，结论一致，须医师判读并以病原学为准",
        "Radiograph and CT are both suspected of tuberculosis; a physician reads, bacteriology "
        "decides",
    ),
    "JOINT_FILM_ONLY": Sentence(
        "胸片评分高于阈值，但 CT 未发现病灶：CT 更敏感，胸片结果可能为假阳性，请医师判读",
        "The radiograph's score is above its threshold, the CT shows no lesion: CT sees more, the "
        "radiograph may be falsely positive; a physician reads",
    ),
    "JOINT_FILM_ONLY_CT_OTHER": Sentence(
        "胸片评分高于阈值；CT 有 {count} 处病灶，但按其征象不疑似活动性结核，请医师判读",
        "The radiograph's score is above its threshold; the CT shows {count} lesion(s) whose signs "
        "do not suggest active tuberculosis; a physician reads",
    ),
    "JOINT_CT_ONLY": Sentence(
        "CT 疑似结核，含 {count} 处较大病灶，而胸片评分未超过阈值："
        "两者不一致，以 CT 为主，请医师复核胸片",
        "The CT is suspected of tuberculosis with {count} larger lesion(s), the radiograph's score "
        "is not above its threshold: they disagree; rely on the CT, look at the radiograph again",
    ),
    "JOINT_CT_ONLY_SMALL": Sentence(
        "CT 疑似结核，病灶较小（{count} 处），胸片上常不可见，胸片未超过阈值与此不矛盾",
        "The CT is suspected of tuberculosis; its {count} lesion(s) are small and often not seen "
        "on a radiograph, whose score below the threshold contradicts nothing",
    ),
    "JOINT_NEITHER": Sentence(
        "胸片与 CT 均未达到疑似结核的阈值；这不能排除结核",
        "Neither radiograph nor CT is above its threshold; that does not exclude tuberculosis",
    ),
    "JOINT_ONE_MISSING": Sentence(
        "胸片或 CT 没有可用的结论，无法相互印证",
        "Radiograph or CT has no usable answer: they cannot be held against each other",
    ),
    "JOINT_PLACE_AGREES": Sentence(
        "胸片 {count} 处可疑区域与 CT 病灶位置相符",
        "{count} suspected region(s) of the radiograph lie where the CT shows lesions",
    ),
    "JOINT_REGION_UNEXPLAINED": Sentence(
        "胸片 {count} 处可疑区域在 CT 上没有对应病灶，请医师核对",
        "{count} suspected region(s) of the radiograph have no lesion on the CT; please check",
    ),
    "JOINT_NOT_LAID_UPON": Sentence(
        "胸片与 CT 未能可靠配准，仅按肺野分区对照位置",
        "Radiograph and CT could not be registered reliably: places are compared by lung zone only",
    ),
    "JOINT_PET_HOT": Sentence(
        "{count} 处 CT 病灶 FDG 摄取增高（结核、其他炎症与肿瘤均可，不能区分）",
        "{count} CT lesion(s) take up FDG (tuberculosis, other inflammation or tumour alike)",
    ),
    "JOINT_PET_NOT_HOT": Sentence(
        "{count} 处 CT 病灶未见摄取增高；小病灶或陈旧病灶可如此，不能排除活动性",
        "{count} CT lesion(s) show no raised uptake; small or old ones may not: activity is not "
        "excluded",
    ),
    "JOINT_PET_ELSEWHERE": Sentence(
        "PET 有 {count} 处高摄取在 CT 上未勾画病灶，请医师核对",
        "PET shows {count} hot spot(s) where no CT lesion is outlined; please check",
    ),
    "JOINT_FILM_UNFAMILIAR": Sentence(
        "该胸片超出模型训练范围，其评分仅供参考",
        "The radiograph is outside of what its model was trained on: its score is a hint at most",
    ),
    "JOINT_DAYS_APART": Sentence(
        "各检查相隔 {days} 天，病情可能已变化，不一致不一定是错误",
        "The studies are {days} days apart: disease may have changed, a disagreement need not be "
        "an error",
    ),
}
