"""What PET added to a study, in its public form: JSON types, and finished sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.imaging.petct import METHOD, METHOD_VERSION, PetFindings
from core.imaging.petct_lesions import PetFocus, uptake_numbers
from core.imaging.petct_space import Rigid
from core.imaging.result import Sentence
from core.imaging.study_result import qc_json

if TYPE_CHECKING:
    from core.errors import Language

FDG_NOTE: Final = Sentence(
    "FDG 摄取增高见于活动性结核、其他炎症和肿瘤，不能据此区分；须结合病原学或病理。",
    "FDG uptake is raised in active tuberculosis, other inflammation and tumour alike and does not "
    "tell them apart; bacteriology or pathology decides.",
)
SITES: Final[dict[str, Sentence]] = {
    "right_lung": Sentence("右肺", "right lung"),
    "left_lung": Sentence("左肺", "left lung"),
    "mediastinum": Sentence("纵隔、肺门区", "mediastinum and hila"),
    "heart": Sentence("心脏", "heart"),
    "liver": Sentence("肝脏", "liver"),
    "abdomen": Sentence("膈下", "below the diaphragm"),
    "chest_wall": Sentence("胸壁、颈部", "chest wall and neck"),
    "outside": Sentence("CT 范围外", "outside the CT"),
}


def pet_json(pet: PetFindings, language: Language = "zh") -> dict[str, object]:
    """Return what PET added to its study."""
    reason = pet.reason
    return {
        "status": pet.status,
        "series_uid": None if pet.series is None else pet.series.series_uid,
        "reason": None
        if reason is None
        else {
            "code": reason.code,
            "message_zh": reason.message_zh,
            "message_en": reason.message_en,
        },
        "qc": qc_json(pet.qc, language),
        "suv": _suv_json(pet),
        "alignment": _alignment_json(pet),
        "foci": None if pet.foci is None else [_focus_json(focus) for focus in pet.foci],
        "sentences": [{"zh": one.zh, "en": one.en} for one in sentences(pet)],
        "method": {"model": METHOD, "version": METHOD_VERSION, "research_only": True},
        "seconds": {stage: round(spent, 3) for stage, spent in pet.seconds.items()},
    }


def _suv_json(pet: PetFindings) -> dict[str, object] | None:
    scale = None if pet.series is None else pet.series.scale
    if scale is None or pet.status != "ok":
        return None
    return {
        "unit": "{SUVbw}g/ml",
        "basis": scale.basis,
        "per_unit": scale.per_unit,
        "uptake_min": None if scale.uptake_s is None else round(scale.uptake_s / 60.0, 2),
        "liver_mean": None if pet.liver is None else round(pet.liver.mean, 4),
        "liver_sd": None if pet.liver is None else round(pet.liver.sd, 4),
        "hot_threshold": None if pet.threshold is None else round(pet.threshold, 4),
        "hot_rule": pet.rule,
    }


def _alignment_json(pet: PetFindings) -> dict[str, object] | None:
    found = pet.alignment
    if found is None:
        return None
    return {
        "shift_mm": [round(float(mm), 2) for mm in found.motion.shift_mm],
        "length_mm": round(found.motion.length_mm, 2),
        "angle_deg": round(found.motion.angle_deg, 2),
        "used": pet.refined,
        "shared_frame": pet.shared_frame,
        # CT LPS -> PET LPS as used, row by row: what fuses the pictures again.
        "motion": [[round(float(x), 9) for x in row] for row in pet.motion.matrix],
        "information_before": round(found.information_before, 4),
        "information_after": round(found.information_after, 4),
        "spread_mm": round(found.spread_mm, 2),
    }


def _focus_json(focus: PetFocus) -> dict[str, object]:
    return {
        "id": focus.id,
        "centroid_mm": [round(mm, 2) for mm in focus.centroid_mm],
        "site": focus.site,
        "assessed": focus.assessed,
        "lesion": focus.lesion,
        **{name: round(value, 4) for name, value in uptake_numbers(focus.uptake).items()},
    }


def sentences(pet: PetFindings) -> tuple[Sentence, ...]:
    """Return what is to be read: refusal or hot spots, where CT and PET differ, and the note."""
    if pet.status != "ok":
        return (_without_suv(pet),)
    out = [_alignment_sentence(pet)] if pet.refined else []
    out += _focus_sentences(pet)
    return (*out, FDG_NOTE)


def report_notes(pet: dict[str, Any]) -> tuple[Sentence, ...]:
    """Return what goes into the written report, from the public form: sentences, then warnings."""
    own = (pet["reason"] or {}).get("code")
    warnings = [
        Sentence(
            f"PET 质量提示：{reason['message_zh'].rstrip('。')}。",
            f"PET quality: {reason['message_en'].rstrip('.')}.",
        )
        for reason in (pet["qc"] or {}).get("reasons", ())
        if reason["severity"] != "info" and reason["code"] != own
    ]
    return (*(Sentence(one["zh"], one["en"]) for one in pet["sentences"]), *warnings)


def motion_of(pet: dict[str, Any]) -> Rigid | None:
    """Return the motion (CT LPS -> PET LPS) of a public form; None where nothing was aligned."""
    if pet["alignment"] is None:
        return None
    matrix = np.asarray(pet["alignment"]["motion"], dtype=np.float64)
    return Rigid(matrix[:3, :3], np.zeros(3), matrix[:3, 3])


def _without_suv(pet: PetFindings) -> Sentence:
    reason = pet.reason
    why_zh = "" if reason is None else f"：{reason.message_zh.rstrip('。')}"
    why_en = "" if reason is None else f": {reason.message_en.rstrip('.')}"
    return Sentence(
        f"未给出 PET 摄取值{why_zh}。CT 结果不受影响。",
        f"No PET uptake values are given{why_en}. The CT result stands.",
    )


def _alignment_sentence(pet: PetFindings) -> Sentence:
    if not pet.shared_frame and pet.alignment is not None:
        spread = pet.alignment.spread_mm
        return Sentence(
            "PET 与 CT 来自两次检查，坐标系不同，按图像刚性配准后融合"
            f"（两次搜索相差 {spread:.1f} mm；体位与呼吸不同，位置以医师判断为准）。",
            "PET and CT are of two examinations with frames of reference of their own; fused after "
            f"rigid alignment of the images (two searches differ by {spread:.1f} mm; posture and "
            "breath differ, a physician judges the places).",
        )
    length, angle = pet.motion.length_mm, pet.motion.angle_deg
    return Sentence(
        f"PET 与 CT 错位 {length:.1f} mm、{angle:.1f}°，已刚性配准后融合。",
        f"PET and CT were {length:.1f} mm and {angle:.1f}° apart; fused after rigid alignment.",
    )


def _focus_sentences(pet: PetFindings) -> list[Sentence]:
    if pet.foci is None:
        return []
    assessed = [focus for focus in pet.foci if focus.assessed]
    out = []
    if not assessed:
        out.append(
            Sentence("肺、肺门及纵隔未见高摄取灶。", "No hot focus in lungs, hila, mediastinum.")
        )
    for focus in assessed[:5]:
        site = SITES[focus.site]
        where_zh = f"，对应 CT 病灶 L{focus.lesion}" if focus.lesion else "，CT 未检出对应病灶"
        where_en = f"; CT lesion L{focus.lesion}" if focus.lesion else "; no CT lesion found there"
        out.append(
            Sentence(
                f"{site.zh}高摄取灶 F{focus.id}，SUVmax {focus.uptake.suv_max:.1f}{where_zh}。",
                f"Hot focus F{focus.id} in the {site.en}, SUVmax {focus.uptake.suv_max:.1f}"
                f"{where_en}.",
            )
        )
    more = len(assessed) - 5
    if more > 0:
        out.append(Sentence(f"另有 {more} 处高摄取灶。", f"{more} more hot foci."))
    cold = [one.id for one in pet.lesions or () if one.codes.get("uptake") == "not_raised"]
    if cold:
        names = "、".join(f"L{number}" for number in cold[:8]) + ("等" if len(cold) > 8 else "")
        names_en = ", ".join(f"L{number}" for number in cold[:8]) + (" …" if len(cold) > 8 else "")
        out.append(
            Sentence(
                f"CT 病灶 {names}：摄取不高（小于 10 mm 者可因部分容积效应低估）。",
                f"CT lesions {names_en} show no raised uptake (below 10 mm it may be under-read).",
            )
        )
    beside = len(pet.foci) - len(assessed)
    if beside:
        out.append(
            Sentence(
                f"肺与纵隔以外另有 {beside} 处高摄取"
                "（心脏、膈下器官、颈部等，可为生理性），未作判断。",
                f"{beside} more hot spots lie elsewhere (heart, below the diaphragm, neck; may be "
                "physiological) and were not judged.",
            )
        )
    return out
