"""Refusals of PET and PET-CT (3760-3799): uptake is computed by the rules or not at all."""

from __future__ import annotations

from core.errors import XinglinError


class SuvUnitsError(XinglinError):
    """Units (0054,1001) that no rule turns into SUV by body weight."""

    code = 3760
    zh = "PET 像素单位为 {units}，没有换算为 SUV（按体重）的规则，不计算 SUV"
    en = "PET pixel units are {units}: no rule turns them into SUV by body weight; not computed"


class SuvCorrectionError(XinglinError):
    """Corrected Image (0028,0051) lacks attenuation or decay correction."""

    code = 3761
    zh = "PET 图像未注明已作 {missing} 校正，不计算 SUV；请发送经衰减校正的序列"
    en = "The PET images do not state {missing} correction; SUV is not computed. Send the "
    en += "attenuation-corrected series"


class SuvDecayError(XinglinError):
    """Decay Correction (0054,1102) is neither START nor ADMIN."""

    code = 3762
    zh = "PET 衰变校正方式为 {decay}（需要 START 或 ADMIN），不计算 SUV"
    en = "PET decay correction is {decay} (START or ADMIN is needed); SUV is not computed"


class SuvWeightError(XinglinError):
    """Patient's Weight (0010,1030) missing, zero or no weight of a person."""

    code = 3763
    zh = "患者体重{what_zh}，不计算 SUV；请在设备上补录体重后重新发送"
    en = "The patient's weight {what_en}; SUV is not computed. Enter the weight and send again"


class SuvDoseError(XinglinError):
    """Radionuclide Total Dose (0018,1074) missing, zero, or not in becquerel."""

    code = 3764
    zh = "注射活度{what_zh}，不计算 SUV；请核对活度及其单位（应为 Bq）"
    en = "The administered activity {what_en}; SUV is not computed. Check it and its unit (Bq)"


class SuvHalfLifeError(XinglinError):
    """Radionuclide Half Life (0018,1075) missing or not that of the nuclide."""

    code = 3765
    zh = "核素半衰期{what_zh}，不计算 SUV；请核对核素设置"
    en = "The radionuclide's half-life {what_en}; SUV is not computed. Check the nuclide"


class SuvInjectionError(XinglinError):
    """Injection time missing, after the scan, or too long before it."""

    code = 3766
    zh = "注射时间{what_zh}，不计算 SUV；请核对设备时钟和注射记录"
    en = "The injection time {what_en}; SUV is not computed. Check clocks and the injection record"


class SuvScanTimeError(XinglinError):
    """The time that activities are corrected to cannot be known."""

    code = 3767
    zh = "PET 扫描开始时间无法确定（{what_zh}），不计算 SUV"
    en = "The start of the PET scan cannot be known ({what_en}); SUV is not computed"


class SuvVendorScaleError(XinglinError):
    """Counts without the maker's scale (7053,1000) or (7053,1009)."""

    code = 3768
    zh = "PET 像素为计数（CNTS），又没有厂商换算系数，不计算 SUV"
    en = "PET pixels are counts (CNTS) without the maker's scale; SUV is not computed"


class SuvMixedError(XinglinError):
    """Slices of one PET series contradict each other in what SUV needs."""

    code = 3769
    zh = "同一 PET 序列内 {element} 不一致，不计算 SUV"
    en = "Slices of one PET series differ in {element}; SUV is not computed"


class SuvTypeError(XinglinError):
    """Values in g/ml that are SUV by something else than body weight."""

    code = 3770
    zh = "PET 像素已是 {kind} 类 SUV，不是按体重的 SUV，不换算"
    en = "PET pixels are SUV by {kind}, not by body weight; they are not converted"


class PetDynamicError(XinglinError):
    """Several time frames at one place: no single static image."""

    code = 3771
    zh = "PET 为动态或门控采集（同一位置 {frames} 幅），不作静态 SUV 分析"
    en = "The PET is dynamic or gated ({frames} images at one place); no static analysis is made"


class PetNoOverlapError(XinglinError):
    """PET and CT do not cover the same part of the patient."""

    code = 3772
    zh = "PET 与 CT 的重叠范围仅 {overlap_mm} mm，不能融合"
    en = "PET and CT overlap by only {overlap_mm} mm and cannot be fused"


class PetNotCorrectedError(XinglinError):
    """The pixels look like an image without attenuation correction, whatever the header says."""

    code = 3773
    zh = "PET 图像外观为未作衰减校正（肺内摄取不低于纵隔），不计算 SUV；请发送衰减校正序列"
    en = "The PET looks uncorrected for attenuation (lungs no colder than the mediastinum); SUV is "
    en += "not computed. Send the corrected series"


class PetPlaceUnsureError(XinglinError):
    """PET and CT of two examinations could not be laid upon each other reliably."""

    code = 3774
    zh = "PET 与 CT 来自两次检查且坐标系不同，无法可靠配准（两次搜索相差 {spread_mm} mm），未作融合"
    en = "PET and CT of two examinations have different frames of reference and could not be "
    en += "aligned reliably (two searches differ by {spread_mm} mm); not fused"


class PetTooFewSlicesError(XinglinError):
    """The study's PET is too short to be fused, or holds only projections and reformats."""

    code = 3775
    zh = "PET 只有 {slices} 层（至少 {least} 层）或仅有投影、重组图像，未作融合；"
    zh += "请发送完整的 PET 轴位序列"
    en = "The PET has only {slices} slices (at least {least}), or projections and reformats alone; "
    en += "not fused. Send the whole axial PET series"


class PetEmptyError(XinglinError):
    """Every value of the PET is the same: nothing was measured, or it was lost on the way."""

    code = 3776
    zh = "PET 图像全部为同一数值，没有可用信息，未作融合；请从设备重新发送"
    en = "All values of the PET are the same: it holds nothing and is not fused. Send it again"
