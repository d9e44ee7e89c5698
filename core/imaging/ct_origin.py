"""What a CT's origin takes from the confidence in its numbers: age, place, scale, blanks. Pure."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Grid
from core.imaging.geometry import SeriesGeometry
from core.imaging.lungs import LungMap
from core.imaging.result import QcResult, Reason, Sentence, Severity, verdict_of

ADULT_YEARS = 15.0
#: Total lung capacity reaches 9 l in tall men, 11 l in emphysema (Stocks, Quanjer, ERJ 1995).
LARGE_LUNGS_ML = (11_000.0, 16_000.0)
#: A slice of one value; noise alone spreads more.
EMPTY_HU = 10.0
CUT_SHARE = 0.02
#: A field of 500 mm in 512 pixels has 0.98 mm; what is coarser than a nodule shows none.
COARSEST_MM = 5.0
#: Values are cut off at -1024: air that lies there was darker, so the scale is wrong.
AIR_FLOOR_HU = -1022.0
MOST_OBLONG = 1.2

_TEXTS = {
    "CT_CHILD": Sentence(
        zh="患者 {value:.0f} 岁，不足 {limit:.0f} 岁：方法按成人设计，检出、分叶和可疑度的"
        "可靠性降低；请医师阅片。",
        en="The patient is {value:.0f} years old, under {limit:.0f}: the methods were made for "
        "adults; detection, lobes and suspicion are less reliable. A physician must read it.",
    ),
    "CT_PLACE_NOT_TOLD": Sentence(
        zh="文件未注明方位和层距（qform、sform 均为 0）：左右可能颠倒，长度和体积可能有误；"
        "请从原始 DICOM 重新转换。",
        en="The file does not say how it lies in the patient (qform and sform are 0): sides may be "
        "swapped, lengths and volumes may be wrong. Convert it again from DICOM.",
    ),
    "CT_LARGE_LUNGS": Sentence(
        zh="两肺共 {value:.0f} ml，超过 {limit:.0f} ml：像素间距或层距可能有误，长度和体积不可靠；"
        "请核对。",
        en="Both lungs hold {value:.0f} ml, more than {limit:.0f} ml: pixel or slice spacing is "
        "probably wrong, lengths and volumes are not reliable. Check them.",
    ),
    "CT_HU_AIR_FLOOR": Sentence(
        zh="气管内空气低至 {value:.0f} HU（应高于 {limit:.0f} HU），已在下限截断："
        "重缩放斜率可能有误，密度不可靠；请检查重缩放参数和校准。",
        en="Air in the trachea lies at {value:.0f} HU (should be above {limit:.0f} HU), where "
        "values are cut off: the rescale slope may be wrong, densities off. Check the rescale and "
        "the calibration.",
    ),
    "CT_PIXELS_NOT_SQUARE": Sentence(
        zh="像素不是正方形（行列间距比 {value:.2f}，允许 {limit:.2f}）：较粗方向上的小病灶和"
        "径线不可靠；请用正方形像素重建。",
        en="Pixels are not square (ratio of their sides {value:.2f}, allowed {limit:.2f}): small "
        "lesions and diameters along the coarser side are not reliable. Reconstruct square pixels.",
    ),
    "CT_PIXELS_COARSE": Sentence(
        zh="像素边长 {value:.1f} mm，超过 {limit:.1f} mm：小病灶不可见，测量不可靠；"
        "请发送原始矩阵的图像。",
        en="Pixels of {value:.1f} mm exceed {limit:.1f} mm: small lesions cannot be seen, measures "
        "are not reliable. Send the images in their full matrix.",
    ),
    "CT_SLICES_EMPTY": Sentence(
        zh="有 {value:.0f} mm 的层面是空白的，可能在传输或重建中丢失；肺在空白处中断的，"
        "该段未分析，请重新发送完整序列。",
        en="Slices over {value:.0f} mm are blank, probably lost in transfer or reconstruction. "
        "Where lung ends at them that part was not analysed: send the whole series again.",
    ),
}


def with_origin(qc: QcResult, geometry: SeriesGeometry) -> QcResult:
    """Return a quality verdict with what the series' origin and the lungs' size add to it."""
    added = []
    age = geometry.age_years
    if age is not None and age < ADULT_YEARS:
        added.append(_reason("CT_CHILD", "warn", "age_years", age, ADULT_YEARS))
    if not geometry.placed:
        added.append(_reason("CT_PLACE_NOT_TOLD", "warn", "placed", 0.0, 1.0))
    sides = sorted(geometry.pixel_spacing_mm)
    if sides[0] > 0 and sides[1] / sides[0] > MOST_OBLONG:
        ratio = sides[1] / sides[0]
        added.append(_reason("CT_PIXELS_NOT_SQUARE", "warn", "pixel_ratio", ratio, MOST_OBLONG))
    if sides[1] > COARSEST_MM:
        added.append(_reason("CT_PIXELS_COARSE", "warn", "pixel_mm", sides[1], COARSEST_MM))
    air = qc.metrics.get("air_hu", 0.0)
    # With its noise: measured in the trachea, and not in what a maker pads with.
    if "noise_hu" in qc.metrics and air <= AIR_FLOOR_HU:
        added.append(_reason("CT_HU_AIR_FLOOR", "warn", "air_hu", air, AIR_FLOOR_HU))
    lungs_ml = sum(qc.metrics.get(f"{side}_lung_ml", 0.0) for side in ("right", "left"))
    warn, reject = LARGE_LUNGS_ML
    if lungs_ml > warn:
        far = lungs_ml > reject
        limit = reject if far else warn
        severity: Severity = "reject" if far else "warn"
        added.append(_reason("CT_LARGE_LUNGS", severity, "lungs_ml", lungs_ml, limit))
    if not added:
        return qc
    reasons = (*qc.reasons, *added)
    return QcResult(verdict_of(reasons), reasons, qc.metrics)


def _reason(code: str, severity: Severity, metric: str, value: float, limit: float) -> Reason:
    text, facts = _TEXTS[code], {"value": value, "limit": limit}
    zh, en = text.zh.format(**facts), text.en.format(**facts)
    return Reason(code, severity, zh, en, metric, value, limit)


def with_empty_slices(qc: QcResult, grid: Grid, lungs: LungMap) -> QcResult:
    """Return a quality verdict with slices that hold nothing: lost in transfer, or padding.

    Parameters
    ----------
    grid : Grid
        The whole volume, (up, back, left).
    lungs : LungMap
        On that grid. Where lung reaches a slice that holds nothing, the rest of it is lost.
    """
    empty = np.ptp(grid.voxels, axis=(1, 2)) < EMPTY_HU
    count = int(empty.sum())
    if not count:
        return qc
    areas = lungs.lungs.sum(axis=(1, 2))
    beside = ndimage.binary_dilation(empty, iterations=2)
    cut = bool((areas[beside] > CUT_SHARE * max(int(areas.max()), 1)).any())
    severity: Severity = "reject" if cut else "info"
    length = count * grid.spacing_mm[0]
    told = _reason("CT_SLICES_EMPTY", severity, "empty_mm", length, 0.0)
    reasons = (*qc.reasons, told)
    return QcResult(verdict_of(reasons), reasons, qc.metrics)
