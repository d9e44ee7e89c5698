"""Public sentences of the CT quality rules: what is wrong and what to do."""

from __future__ import annotations

from core.imaging.result import Reason, Sentence, Severity

TEXTS: dict[str, Sentence] = {
    "CT_GEOMETRY_MISSING": Sentence(
        "{value:.0f} 层图像缺少有效的位置或方位信息，不能用于测量；请从设备重新发送",
        "{value:.0f} slices have no usable position or orientation; send them again",
    ),
    "CT_SLICE_GAP": Sentence(
        "缺少 {value:.0f} 层图像，可能漏诊；请检查传输并补发缺失层面",
        "{value:.0f} slices are missing and may hide a lesion; check transfer, send them again",
    ),
    "CT_SLICE_DUPLICATE": Sentence(
        "有 {value:.0f} 层位置重复，已保留实例号较小者；请确认是否混入其他期相或其他重建",
        "{value:.0f} slices stand at a place already taken; the lower number was kept. "
        "Check whether another phase or reconstruction was mixed in",
    ),
    "CT_SPACING_UNEVEN": Sentence(
        "层间距不均匀，最大偏差 {value:.2f} mm（允许 {limit:.2f} mm），体积测量不可靠；请重新重建",
        "Slice spacing is uneven by up to {value:.2f} mm (allowed {limit:.2f} mm); volumes are not "
        "reliable. Reconstruct again",
    ),
    "CT_ORIENTATION_MIXED": Sentence(
        "序列中混有 {value:.0f} 层其他方位的图像，已排除；请检查序列组成",
        "{value:.0f} slices of another orientation are mixed in and left out; check the series",
    ),
    "CT_NOT_AXIAL": Sentence(
        "图像平面偏离标准横断面 {value:.1f}°（允许 {limit:.1f}°）；请发送横断面重建图像",
        "The images stand {value:.1f}° from the body axes (allowed {limit:.1f}°); use an axial "
        "reconstruction",
    ),
    "CT_GANTRY_TILT": Sentence(
        "机架倾斜 {value:.1f}°（允许 {limit:.1f}°），径线和体积测量会有偏差；胸部扫描请勿倾斜机架",
        "Gantry tilt {value:.1f}° (allowed {limit:.1f}°) biases lengths and volumes; avoid tilt",
    ),
    "CT_FEW_SLICES": Sentence(
        "仅 {value:.0f} 层（至少 {limit:.0f} 层），不是完整的胸部扫描；请发送完整序列",
        "Only {value:.0f} slices (at least {limit:.0f}): not a whole chest; send the full series",
    ),
    "CT_COVERAGE_SHORT": Sentence(
        "扫描长度 {value:.0f} mm（至少 {limit:.0f} mm），可能未覆盖全肺；请核对扫描范围",
        "Scan length {value:.0f} mm (at least {limit:.0f} mm) may not cover the lungs",
    ),
    "CT_APEX_CUT": Sentence(
        "肺尖未完全包括在扫描范围内；如临床需要请补扫肺尖",
        "The lung apices are cut off; scan them again if clinically needed",
    ),
    "CT_BASE_CUT": Sentence(
        "肺底未完全包括在扫描范围内；如临床需要请补扫肺底",
        "The lung bases are cut off; scan them again if clinically needed",
    ),
    "CT_THICKNESS_UNFIT": Sentence(
        "层厚/层距 {value:.1f} mm，超过 {limit:.1f} mm，小结节可能漏检；请发送薄层重建图像",
        "Slice thickness or spacing {value:.1f} mm exceeds {limit:.1f} mm: small nodules may be "
        "missed. Use a thin reconstruction",
    ),
    "CT_NOISE_HIGH": Sentence(
        "噪声 {value:.0f} HU，超过 {limit:.0f} HU；请改用较平滑的重建算法，或核对扫描剂量",
        "Noise {value:.0f} HU exceeds {limit:.0f} HU; use a smoother kernel or check the dose",
    ),
    "CT_HU_AIR_OFF": Sentence(
        "空气 CT 值偏差 {value:.0f} HU（允许 {limit:.0f} HU）；请检查重缩放参数和设备校准",
        "Air is off by {value:.0f} HU (allowed {limit:.0f} HU); check rescale and calibration",
    ),
    "CT_HU_TISSUE_OFF": Sentence(
        "软组织 CT 值中位数为 {value:.0f} HU，明显异常；请检查重缩放斜率和截距",
        "Soft tissue has a median of {value:.0f} HU, which cannot be; check rescale slope and "
        "intercept",
    ),
    "CT_VALUES_INVALID": Sentence(
        "图像中有 {value:.0f} 个像素值无效，已按空气处理；请检查图像来源",
        "{value:.0f} voxels are not numbers and were taken as air; check where the data came from",
    ),
    "CT_NO_LUNG": Sentence(
        "未识别到肺组织，可能不是胸部 CT，或图像数据异常；不做肺部分析",
        "No lung was found: not a chest CT, or unreadable; the lung analysis does not apply",
    ),
    "CT_HU_BLOOD_OFF": Sentence(
        "主动脉血液 CT 值 {value:.0f} HU，超出平扫允许的 {limit:.0f} HU；请检查 CT 值校准",
        "Blood in the aorta has {value:.0f} HU, beyond the {limit:.0f} HU of an unenhanced scan; "
        "check the calibration",
    ),
    "CT_HU_FAT_OFF": Sentence(
        "皮下脂肪 CT 值 {value:.0f} HU，超出允许的 {limit:.0f} HU；请检查 CT 值校准和重缩放参数",
        "Subcutaneous fat has {value:.0f} HU, beyond the allowed {limit:.0f} HU; check calibration "
        "and rescale",
    ),
    "CT_NOISE_BLOOD_HIGH": Sentence(
        "主动脉噪声 {value:.0f} HU，超过 {limit:.0f} HU，纵隔和磨玻璃影难以判断；请核对扫描剂量",
        "Noise in the aorta is {value:.0f} HU, above {limit:.0f} HU: mediastinum and ground glass "
        "are hard to judge. Check the dose",
    ),
    "CT_CONTRAST_NONE": Sentence(
        "平扫（主动脉 {value:.0f} HU，低于 {limit:.0f} HU）",
        "Unenhanced scan (aorta {value:.0f} HU, below {limit:.0f} HU)",
    ),
    "CT_CONTRAST_ARTERIAL": Sentence(
        "增强扫描，动脉期（主动脉 {value:.0f} HU，平扫低于 {limit:.0f} HU）；"
        "病灶密度不能与平扫比较",
        "Contrast medium, arterial phase (aorta {value:.0f} HU, unenhanced below {limit:.0f} HU); "
        "densities do not compare with an unenhanced scan",
    ),
    "CT_CONTRAST_VENOUS": Sentence(
        "增强扫描，静脉期或延迟期（主动脉 {value:.0f} HU，平扫低于 {limit:.0f} HU）；"
        "病灶密度不能与平扫比较",
        "Contrast medium, venous or late phase (aorta {value:.0f} HU, unenhanced below "
        "{limit:.0f} HU); densities do not compare with an unenhanced scan",
    ),
    "CT_KERNEL_SHARP": Sentence(
        "重建卷积核过锐（噪声频率 {value:.2f}/mm，上限 {limit:.2f}/mm），密度和体积测量不稳定；"
        "测量请用标准或软组织核重建",
        "The kernel is sharp (noise frequency {value:.2f}/mm, limit {limit:.2f}/mm): densities and "
        "volumes repeat poorly. Measure on a standard or soft kernel",
    ),
    "CT_KERNEL_SMOOTH": Sentence(
        "重建卷积核过于平滑（噪声频率 {value:.2f}/mm，下限 {limit:.2f}/mm），小结节可能被模糊；"
        "请用标准核重新重建",
        "The kernel is very smooth (noise frequency {value:.2f}/mm, limit {limit:.2f}/mm): small "
        "nodules blur away. Reconstruct with a standard kernel",
    ),
    "CT_KERNEL_TAG_SHARP": Sentence(
        "卷积核标记为锐利型（肺或骨算法）；密度和体积测量宜用标准核重建",
        "The header names a sharp (lung or bone) kernel; measure densities and volumes on a "
        "standard one",
    ),
    "CT_KERNEL_TAG_SMOOTH": Sentence(
        "卷积核标记为极平滑型，小结节可能被模糊；请用标准核重新重建",
        "The header names a very smooth kernel: small nodules blur away. Use a standard kernel",
    ),
    "CT_BLUR": Sentence(
        "肺边缘宽 {value:.1f} mm，超过 {limit:.1f} mm，图像模糊（呼吸运动或过度平滑）；"
        "请屏气重扫或改用标准核重建",
        "Lung edges are {value:.1f} mm wide, above {limit:.1f} mm: blurred by breathing or by the "
        "kernel. Scan again in breath-hold or reconstruct with a standard kernel",
    ),
    "CT_SLICE_JUMP": Sentence(
        "相邻层面之间出现约 {value:.0f} mm 的跳变（允许 {limit:.0f} mm），可能为呼吸错层或缺层；"
        "该处病灶可能重复或遗漏，请核对，必要时屏气重扫",
        "Neighbouring slices jump by about {value:.0f} mm (allowed {limit:.0f} mm): breathing "
        "between rotations, or missing slices. A lesion there may show twice or not at all; check, "
        "scan again in breath-hold if needed",
    ),
    "CT_MOTION": Sentence(
        "层面内运动伪影：胸前空气中的条纹 {value:.0f} HU，超过 {limit:.0f} HU；请屏气重扫",
        "Motion in the plane: streaks of {value:.0f} HU in the air before the chest exceed "
        "{limit:.0f} HU. Scan again in breath-hold",
    ),
    "CT_METAL": Sentence(
        "体内有金属 {value:.1f} ml，周围图像请谨慎判读",
        "There is {value:.1f} ml of metal in the body; read its surroundings with care",
    ),
    "CT_METAL_STREAK": Sentence(
        "金属放射状伪影 {value:.0f} HU，超过 {limit:.0f} HU，邻近病灶的检出和密度测量不可靠；"
        "请尽量去除体外金属，或使用去金属伪影重建",
        "Metal streaks of {value:.0f} HU exceed {limit:.0f} HU: detection and density beside them "
        "are not reliable. Remove metal where possible or use metal artefact reduction",
    ),
    "CT_FOV_CUT": Sentence(
        "体部轮廓有 {value:.0%} 超出重建视野（允许 {limit:.0%}），边缘 CT 值不准；"
        "请扩大视野重新重建",
        "{value:.0%} of the body's outline lies outside the field of view (allowed {limit:.0%}); "
        "CT numbers near it are off. Reconstruct with a larger field",
    ),
    "CT_LUNG_CUT": Sentence(
        "肺在重建视野边缘被截断 {value:.0f} mm（允许 {limit:.0f} mm），肺外带病灶会漏检；"
        "请扩大视野重新重建",
        "The lung is cut by {value:.0f} mm at the edge of the field of view (allowed {limit:.0f} "
        "mm): lesions at its edge are missed. Reconstruct with a larger field",
    ),
    "CT_SIDES_DOUBTFUL": Sentence(
        "降主动脉似在脊柱右侧（差值 {value:.2f}，允许 {limit:.2f}）：图像可能左右颠倒，"
        "或为右位主动脉弓、内脏反位；请核对左右方位后再看病灶位置",
        "The descending aorta seems to run right of the spine (margin {value:.2f}, allowed "
        "{limit:.2f}): left and right may be swapped, or aorta or situs are inverted. Check the "
        "sides before any lesion's place is used",
    ),
    "CT_SMALL_LUNGS": Sentence(
        "两肺共 {value:.0f} ml，小于 {limit:.0f} ml（儿童、呼气末或毁损肺均可能）；"
        "方法按成人设计，结果可靠性降低",
        "Both lungs hold {value:.0f} ml, less than {limit:.0f} ml (child, expiration, destroyed "
        "lung?); the methods were made for adults, results are less reliable",
    ),
    "CT_ONE_LUNG": Sentence(
        "仅见一侧肺含气（全肺切除、肺不张或大量胸腔积液均可能）；请医师核对",
        "Only one aerated lung was found (pneumonectomy, collapse, large effusion?); a physician "
        "must read it",
    ),
}


def reason_of(
    code: str, severity: Severity, metric: str, value: float, limit: float | None = None
) -> Reason:
    """Return a finished reason with its sentences filled in."""
    text = TEXTS[code]
    facts = {"value": value, "limit": 0.0 if limit is None else limit}
    return Reason(
        code, severity, text.zh.format(**facts), text.en.format(**facts), metric, value, limit
    )
