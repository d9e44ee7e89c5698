"""What to do about each coded quality reason, and whether the picture should be asked for again.

A reason says what is wrong (``Reason.message_zh``); this table says, in one sentence for the person
at the device or the reader, what follows from it, and who acts. Pure data: the sentences are looked
up when a verdict is shown, so that results of earlier versions have them too.

A new exposure is asked for without a person only where a radiograph was refused for a fault that
only a new exposure mends; of a CT never, since its dose is a physician's decision (GBZ 130-2020:
every exposure is justified). Sending again costs no dose and is asked for where images are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.imaging.result import Sentence

#: Who acts: ``repeat`` a new exposure, ``resend`` the console sends again, ``reconstruct`` it makes
#: another reconstruction (a protocol's habit, so no bell rings for it), ``decide`` a physician
#: decides, ``device`` service or settings, ``none`` nobody need.
Action = Literal["repeat", "resend", "reconstruct", "decide", "device", "none"]
Ask = Literal["repeat", "resend", ""]


@dataclass(frozen=True, slots=True)
class Advice:
    """One advice: who acts and what to do."""

    action: Action
    text: Sentence


def _advice(action: Action, zh: str, en: str) -> Advice:
    return Advice(action, Sentence(zh, en))


_KNOWN: Final[dict[str, Advice]] = {
    "nothing": _advice("none", "无需处理，供判读参考。", "Nothing to do; for the reader to know."),
    "care": _advice(
        "none", "照常阅片，判读和测量时留意这一限制。", "Read as usual, with this limit in mind."
    ),
    "physician": _advice(
        "decide",
        "请医师看图判断是否影响诊断，再决定是否重做。",
        "A physician looks whether it hides anything, then decides on a repeat.",
    ),
    "no_chest": _advice(
        "none",
        "非胸部检查照常处理；若部位标签写错，更正后重发。",
        "Handle as the examination that it is; if the body part is wrong, correct it and send "
        "again.",
    ),
    "lateral": _advice(
        "none",
        "侧位、斜位片照常阅片，AI 不分析；缺正位片时补送。",
        "Read it as usual, the AI does not; send the frontal view if it is missing.",
    ),
    "header": _advice(
        "resend",
        "在控制台更正标签（黑白、方向、像素间距、CT 值参数）后重发，不需要重新曝光。",
        "Correct the header (grey scale, orientation, spacing, rescale) at the console and send "
        "again; no new exposure.",
    ),
    "turned": _advice(
        "resend",
        "在控制台转正后重发；确为摆位错误或截断的，再重拍。",
        "Turn it upright at the console and send again; repeat only if the position was wrong.",
    ),
    "original": _advice(
        "resend",
        "请从设备或 PACS 发送原始 DICOM，不要翻拍或转成图片。",
        "Send the original DICOM from the modality or PACS, not a photograph or picture file.",
    ),
    "anyway": _advice(
        "decide",
        "确为正位胸片的，医师可选“仍然分析”；否则不必处理。",
        "If it is a frontal chest film, a physician may have it analysed anyway; else nothing.",
    ),
    "too_little": _advice(
        "decide",
        "请医师看肺野与心后区的噪声；影响诊断时提高 mAs 重拍，不影响则不重拍。",
        "A physician looks at the noise in the lungs and behind the heart; repeat with more mAs "
        "only if it hides anything.",
    ),
    "too_much": _advice(
        "device",
        "不因此重拍；请核对自动曝光和曝光条件，避免剂量长期偏高。",
        "No repeat for this; check automatic exposure and technique, so that dose does not creep.",
    ),
    "no_index": _advice(
        "device",
        "照常阅片；请设备工程师打开曝光指数（EI、DI）输出。",
        "Read as usual; have the service engineer switch the exposure index (EI, DI) on.",
    ),
    "reprocess": _advice(
        "resend",
        "先在控制台用原始数据重新处理后重发；做不到时调整曝光后重拍。",
        "Process the raw data again at the console and send it; only if that cannot be done, "
        "repeat with another exposure.",
    ),
    "still": _advice(
        "repeat",
        "嘱患者屏气、固定体位，缩短曝光时间后重拍。",
        "Repeat with breath held, the patient steadied and a shorter exposure.",
    ),
    "apices": _advice(
        "repeat",
        "上移照射野，包全双侧肺尖后重拍。",
        "Move the field up to hold both apices; repeat.",
    ),
    "bases": _advice(
        "repeat",
        "下移照射野，包全双侧肋膈角后重拍。",
        "Move the field down to hold both costophrenic angles; repeat.",
    ),
    "side": _advice(
        "repeat",
        "居中并放宽照射野，包全两侧胸壁后重拍。",
        "Centre the patient and widen the field to hold both chest walls; repeat.",
    ),
    "straight": _advice(
        "repeat",
        "摆正体位（两侧胸锁关节与棘突等距、双肩前旋）后重拍。",
        "Straighten the patient (clavicle ends equally far from the spine), then repeat.",
    ),
    "breath": _advice(
        "repeat",
        "嘱患者深吸气后屏气再重拍；不能配合的注明。",
        "Repeat after a deep breath held; note it where the patient cannot.",
    ),
    "marker": _advice(
        "decide",
        "核对左右标记和患者：标错的更正后重发；右位心等由医师判断。",
        "Check marker and patient: correct a wrong marker and send again; dextrocardia is for a "
        "physician.",
    ),
    "detector": _advice(
        "device",
        "请工程师检查探测器校准或滤线栅；条纹遮盖病变时由医师决定重拍。",
        "Have detector calibration or grid checked; a physician decides on a repeat where lines "
        "hide anything.",
    ),
    "objects": _advice(
        "decide",
        "能取下的饰物、电极、衣扣取下；遮盖肺野的由医师决定是否重拍。",
        "Take off jewellery, electrodes and buttons; where they hide lung a physician decides on "
        "a repeat.",
    ),
    "send_all": _advice(
        "resend",
        "请在控制台核对张数，重新发送完整序列；不需要重新扫描。",
        "Check the number of images at the console and send the whole series again; no new scan.",
    ),
    "one_series": _advice(
        "resend",
        "请只发送一期的横断位薄层重建；不需要重新扫描。",
        "Send one phase's thin axial reconstruction only; no new scan.",
    ),
    "reconstruct": _advice(
        "reconstruct",
        "请用原始数据重新重建（薄层、标准核、视野包全）后发送；不需要重新扫描。",
        "Reconstruct from raw data (thin, standard kernel, whole field of view) and send; no new "
        "scan.",
    ),
    "range": _advice(
        "decide",
        "由医师决定是否补扫未包全的部分，并权衡剂量。",
        "A physician decides whether the missing part is scanned, weighing the dose.",
    ),
    "rescan": _advice(
        "decide",
        "由医师权衡剂量决定；需要重扫时先做屏气训练。",
        "A physician decides, weighing the dose; practise the breath-hold before a new scan.",
    ),
    "dose": _advice(
        "device",
        "请核对管电流、自动调制与重建算法；本次由医师判断能否诊断。",
        "Check tube current, modulation and kernel; a physician judges whether this scan serves.",
    ),
    "calibrate": _advice(
        "device",
        "请核对重缩放参数并安排水模校准；本次的密度值慎用。",
        "Check rescale parameters and have the water calibration done; use no densities of this "
        "scan without care.",
    ),
    "tilt": _advice(
        "device", "胸部扫描协议请设机架倾斜为 0°；本次测量慎用。",
        "Set the chest protocol's gantry tilt to 0°; use this scan's measurements with care.",
    ),
    "metal": _advice(
        "decide",
        "取下体外金属；有去金属伪影重建的请重建后发送。",
        "Take outside metal off; reconstruct with metal artefact reduction where there is one.",
    ),
    "injection": _advice(
        "decide",
        "请核对并登记体重、活度、注射与扫描时刻；更正前不要使用 SUV。",
        "Check weight, activity, injection and scan times; use no SUV before they are right.",
    ),
    "corrected": _advice(
        "resend",
        "请发送衰减校正后的 PET 序列；不需要重新扫描。",
        "Send the attenuation-corrected PET series; no new scan.",
    ),
    "aligned": _advice(
        "decide",
        "请医师对照 PET 与 CT 目视核对配准，再看病灶位置。",
        "A physician compares PET and CT by eye before any lesion's place is used.",
    ),
    "unreadable": _advice(
        "resend",
        "图像无法读取：请在控制台重新发送；仍不行请联系设备管理员。",
        "The image cannot be read: send it again from the console; else call device IT.",
    ),
    "error": _advice(
        "decide",
        "按提示处理；不清楚时请联系设备管理员。",
        "Do as it says; if it is unclear, call device IT.",
    ),
}  # fmt: skip

#: Advice → the codes that it is given for.
_OF_CODES: Final[dict[str, tuple[str, ...]]] = {
    "nothing": ("CT_CONTRAST_NONE", "CT_CONTRAST_ARTERIAL", "CT_CONTRAST_VENOUS",
                "PT_LIVER_UNSEEN", "DR_QC_PHANTOM", "DR_TB_TRAINING_NOT_TOLD"),
    "care": ("DR_CHILD", "CT_CHILD", "DR_TB_OUTSIDE_TRAINING", "DR_TB_EVIDENCE_OUTSIDE",
             "CT_METAL", "PT_UPTAKE_TIME", "PT_TRACER_NOT_FDG", "DR_VIEW_UNKNOWN",
             "CT_SMALL_LUNGS", "DR_EXPOSURE_HIGH_PIXELS"),
    "physician": ("DR_LUNGS_UNSURE", "DR_CONTRAST_LOW", "DR_NOISE", "CT_ONE_LUNG", "CT_NO_LUNG"),
    "no_chest": ("DR_BODY_PART",),
    "lateral": ("DR_VIEW_LATERAL",),
    "header": ("DR_POLARITY", "DR_PIXELS_NOT_SQUARE", "CT_PLACE_NOT_TOLD", "CT_LARGE_LUNGS"),
    "turned": ("DR_TURNED",),
    "original": ("DR_PICTURE",),
    "anyway": ("DR_NOT_CHEST",),
    "too_little": ("DR_EXPOSURE_LOW", "DR_EXPOSURE_LOW_PIXELS"),
    "too_much": ("DR_EXPOSURE_HIGH",),
    "no_index": ("DR_EXPOSURE_NOT_TOLD",),
    "reprocess": ("DR_CLIPPED_LOW", "DR_CLIPPED_HIGH"),
    "still": ("DR_BLUR",),
    "apices": ("DR_CUT_APICES",),
    "bases": ("DR_CUT_BASES",),
    "side": ("DR_CUT_SIDE",),
    "straight": ("DR_ROTATED",),
    "breath": ("DR_INSPIRATION",),
    "marker": ("DR_SIDE_DOUBTFUL", "CT_SIDES_DOUBTFUL"),
    "detector": ("DR_GRID_LINES", "DR_DEAD_LINES"),
    "objects": ("DR_FOREIGN_BODY",),
    "send_all": ("CT_GEOMETRY_MISSING", "CT_SLICE_GAP", "CT_SLICES_EMPTY", "CT_VALUES_INVALID",
                 "PT_SLICE_GAP"),
    "one_series": ("CT_SLICE_DUPLICATE", "CT_ORIENTATION_MIXED", "CT_NOT_AXIAL"),
    "reconstruct": ("CT_SPACING_UNEVEN", "CT_THICKNESS_UNFIT", "CT_KERNEL_SHARP",
                    "CT_KERNEL_SMOOTH", "CT_KERNEL_TAG_SHARP", "CT_KERNEL_TAG_SMOOTH",
                    "CT_FOV_CUT", "CT_LUNG_CUT", "CT_PIXELS_NOT_SQUARE", "CT_PIXELS_COARSE"),
    "range": ("CT_FEW_SLICES", "CT_COVERAGE_SHORT", "CT_APEX_CUT", "CT_BASE_CUT", "PT_LUNGS_CUT"),
    "rescan": ("CT_BLUR", "CT_SLICE_JUMP", "CT_MOTION"),
    "dose": ("CT_NOISE_HIGH", "CT_NOISE_BLOOD_HIGH", "PT_NOISE"),
    "calibrate": ("CT_HU_AIR_OFF", "CT_HU_TISSUE_OFF", "CT_HU_BLOOD_OFF", "CT_HU_FAT_OFF",
                  "CT_HU_AIR_FLOOR"),
    "tilt": ("CT_GANTRY_TILT",),
    "metal": ("CT_METAL_STREAK",),
    "injection": ("PT_SUV_MIDNIGHT", "PT_SUV_DATE_CONTRADICTS", "PT_LIVER_ODD", "PT_LUNG_HOT"),
    "corrected": ("PT_LOOKS_UNCORRECTED",),
    "aligned": ("PT_SHIFT", "PT_ROTATION", "PT_ALIGNMENT_UNSURE", "PT_CT_UNUSABLE"),
}  # fmt: skip

ADVICE: Final[dict[str, Advice]] = {
    code: _KNOWN[name] for name, codes in _OF_CODES.items() for code in codes
}
#: For an image that could not be read at all.
UNREADABLE: Final = _KNOWN["unreadable"]


def advice_of(code: str) -> Advice:
    """Return the advice for a coded reason; numbered errors and codes of later versions share one.

    Parameters
    ----------
    code : str
        ``Reason.code``, for example ``"DR_CUT_APICES"``, or an error's ``"E3050"``.
    """
    return ADVICE.get(code, _KNOWN["error"])


def asked_automatically(codes: Sequence[str]) -> Ask:
    """Return what the modality room is asked for without a person; "" for nothing.

    Parameters
    ----------
    codes : sequence of str
        Of the reasons with severity "reject". One that needs a new exposure rules: a picture that
        must be taken again is not sent again first.
    """
    actions = {advice_of(code).action for code in codes}
    if "repeat" in actions:
        return "repeat"
    return "resend" if "resend" in actions else ""
