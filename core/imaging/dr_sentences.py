"""The public sentences of radiograph quality control: what is wrong, what to do."""

from __future__ import annotations

from core.imaging.result import Reason, Sentence, Severity


def reason(
    code: str,
    severity: Severity,
    metric: str | None = None,
    value: float | None = None,
    limit: float | None = None,
) -> Reason:
    """Return the coded reason with its sentences in both languages."""
    text = _SENTENCES[code]
    return Reason(code, severity, text.zh, text.en, metric, value, limit)


def above(code: str, metric: str, value: float, warn: float, refuse: float) -> list[Reason]:
    """Return what a value amounts to that should not be high."""
    if value > refuse:
        return [reason(code, "reject", metric, value, refuse)]
    return [reason(code, "warn", metric, value, warn)] if value > warn else []


def below(code: str, metric: str, value: float, warn: float, refuse: float) -> list[Reason]:
    """Return what a value amounts to that should not be low."""
    if value < refuse:
        return [reason(code, "reject", metric, value, refuse)]
    return [reason(code, "warn", metric, value, warn)] if value < warn else []


def codes() -> tuple[str, ...]:
    """Return every code that quality control of radiographs can give."""
    return tuple(_SENTENCES)


_SENTENCES = {
    "DR_BODY_PART": Sentence(
        zh="标签注明的检查部位不是胸部，不做胸片分析；如标错请更正部位后重发。",
        en="The header names another body part than the chest; not analysed. "
        "If it is wrong, correct the body part and send again.",
    ),
    "DR_VIEW_LATERAL": Sentence(
        zh="侧位或斜位胸片，本分析只用于正位；请另送正位片。",
        en="Lateral or oblique view; this analysis is for frontal views only. Send a frontal one.",
    ),
    "DR_VIEW_UNKNOWN": Sentence(
        zh="投照体位标签不常见，请确认为正位。",
        en="Unusual view position in the header; please confirm that this is a frontal view.",
    ),
    "DR_QC_PHANTOM": Sentence(
        zh="设备质控图像，不是患者影像，不分析。",
        en="A quality-control image of the device, not a patient; not analysed.",
    ),
    "DR_POLARITY": Sentence(
        zh="黑白可能颠倒（MONOCHROME1/2 标签有误？）；请更正后重发。",
        en="The grey-scale seems reversed (wrong MONOCHROME1/2?); correct it and send again.",
    ),
    "DR_TURNED": Sentence(
        zh="图像可能旋转、上下颠倒或严重截断；请核对方向后重发或重拍。",
        en="The picture seems rotated, upside down or badly cut off; "
        "check its orientation, then send again or repeat.",
    ),
    "DR_NOT_CHEST": Sentence(
        zh="未能识别为正位胸片，不做分析；如确为正位胸片，可选“仍然分析”。",
        en="Not recognised as a frontal chest radiograph; not analysed. "
        "If it is one, choose “analyse anyway”.",
    ),
    "DR_EXPOSURE_LOW": Sentence(
        zh="曝光不足（偏差指数低）；噪声可能遮盖病灶，请放射医师判断是否重拍并提高剂量。",
        en="Under-exposed (low deviation index); noise may hide lesions. "
        "Ask the radiologist whether to repeat with more exposure.",
    ),
    "DR_EXPOSURE_HIGH": Sentence(
        zh="曝光过度（偏差指数高）；图像未饱和则不必重拍，请检查曝光条件。",
        en="Over-exposed (high deviation index); no repeat unless anatomy is clipped. "
        "Check the exposure settings.",
    ),
    "DR_EXPOSURE_LOW_PIXELS": Sentence(
        zh="疑似曝光不足（标签没有曝光指数，由像素噪声推测，不是偏差指数）；请核对曝光条件与图像噪声。",
        en="Under-exposure suspected (no exposure index in the header; inferred from noise in the "
        "pixels, not a deviation index). Check the exposure settings and the image for noise.",
    ),
    "DR_EXPOSURE_HIGH_PIXELS": Sentence(
        zh="疑似曝光过度（标签没有曝光指数，由像素推测，不是偏差指数）；不必因此重拍，请核对曝光条件。",
        en="Over-exposure suspected (no exposure index in the header; inferred from pixels, not a "
        "deviation index). No reason to repeat; check the exposure settings.",
    ),
    "DR_EXPOSURE_NOT_TOLD": Sentence(
        zh="曝光无法判断：标签没有曝光指数，像素又经转换、压缩或缩小（如 8 位图片）。",
        en="Exposure cannot be told: the header has no exposure index, and the pixels were "
        "converted, compressed or reduced (such as an 8-bit picture).",
    ),
    "DR_CONTRAST_LOW": Sentence(
        zh="胸部灰阶范围过窄（可能曝光不足或窗宽不当）；请检查曝光与后处理，必要时重拍。",
        en="The chest uses very little of the grey range (under-exposure or wrong processing); "
        "check exposure and processing, repeat if needed.",
    ),
    "DR_CLIPPED_LOW": Sentence(
        zh="肺野有大片像素达到最低灰度（饱和），细节丢失；请降低曝光或调整后处理。",
        en="Large parts of the lungs are at the lowest grey value (saturated); detail is lost. "
        "Lower the exposure or correct the processing.",
    ),
    "DR_CLIPPED_HIGH": Sentence(
        zh="胸部有大片像素达到最高灰度（饱和），细节丢失；请提高曝光或调整后处理。",
        en="Large parts of the chest are at the highest grey value (saturated); detail is lost. "
        "Raise the exposure or correct the processing.",
    ),
    "DR_BLUR": Sentence(
        zh="图像模糊（呼吸或体动，或失焦）；请屏气、固定体位、缩短曝光时间后重拍。",
        en="Blurred (breathing, motion or focus); repeat with breath held, patient steadied, "
        "shorter exposure.",
    ),
    "DR_NOISE": Sentence(
        zh="噪声过大，细小病灶可能看不见；请检查曝光条件，必要时重拍。",
        en="Too noisy, small lesions may be invisible; check the exposure, repeat if needed.",
    ),
    "DR_CUT_APICES": Sentence(
        zh="肺尖可能未包全；请上移照射野后重拍。",
        en="The lung apices seem cut off; move the field up and repeat.",
    ),
    "DR_CUT_BASES": Sentence(
        zh="肺底或肋膈角可能未包全；请下移照射野后重拍。",
        en="The lung bases or costophrenic angles seem cut off; move the field down and repeat.",
    ),
    "DR_CUT_SIDE": Sentence(
        zh="一侧肺野可能未包全；请居中并放宽照射野后重拍。",
        en="One side of the lungs seems cut off; centre the patient, widen the field and repeat.",
    ),
    "DR_ROTATED": Sentence(
        zh="患者可能向一侧旋转（两侧胸锁关节不等距）；请摆正体位，必要时重拍。",
        en="The patient seems turned to one side (clavicle ends unequally far from "
        "the spine); straighten the patient, repeat if needed.",
    ),
    "DR_INSPIRATION": Sentence(
        zh="吸气可能不足，肺底被膈遮盖；请深吸气屏气后重拍。",
        en="Inspiration seems shallow, the diaphragm hides the lung bases; repeat after a deep "
        "breath held.",
    ),
    "DR_SIDE_DOUBTFUL": Sentence(
        zh="心影偏向图像左侧：可能左右翻转或标记错误，也可能为右位心或肺不张；请核对左右标记。",
        en="The heart lies towards the left of the picture: mirrored picture or wrong side marker, "
        "else dextrocardia or collapse; check the side marker.",
    ),
    "DR_GRID_LINES": Sentence(
        zh="图像有规则条纹（滤线栅伪影）；请检查滤线栅的移动、对位与焦距。",
        en="Regular lines in the picture (anti-scatter grid); check that the grid moves, its "
        "alignment and its focal distance.",
    ),
    "DR_DEAD_LINES": Sentence(
        zh="探测器有坏行或坏列；请重新校准探测器，线条遮盖病灶时重拍。",
        en="Defective rows or columns of the detector; recalibrate it, repeat if a line hides a "
        "finding.",
    ),
    "DR_FOREIGN_BODY": Sentence(
        zh="肺野内有高密度异物或导线影（饰物、电极、起搏器等）；能取下的请取下后再判断是否重拍。",
        en="Dense objects or wires over the lungs (jewellery, electrodes, pacemaker); take off "
        "what can be taken off, then decide on a repeat.",
    ),
    "DR_LUNGS_UNSURE": Sentence(
        zh="肺野未能可靠勾画（可能截断、吸气不足或病变广泛），体位与吸气未判断；请人工核对。",
        en="The lung fields were not outlined surely (cut off, shallow breath or extensive "
        "disease); position and inspiration were not judged. Check them by eye.",
    ),
}
