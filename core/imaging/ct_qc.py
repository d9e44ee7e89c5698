"""Technical quality of a chest CT, as coded reasons that say what to do.

What is judged follows the coverage and acquisition items of appliance reference 3.4 (coverage from
apex to base, uniform spacing, no gap, tilt, noise) and the calibration of air and tissue
(AAPM TG-66: CT number of air within -1000 +- 50 HU is the loose end of daily checks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid
from core.imaging.geometry import SeriesGeometry, SliceOrder, order_slices
from core.imaging.lungs import AIRWAYS, LungMap
from core.imaging.result import QcResult, Reason, Sentence, Severity, verdict_of


@dataclass(frozen=True, slots=True)
class CtLimits:
    """Limits of acceptance; a hospital may set its own.

    Thickness: RECIST 1.1 wants 5 mm or less (10 mm lesions), nodule work 3 mm or less. Gap: one
    missing slice is told, three or more hide a nodule. Noise: SD of tracheal air, 60 HU is usual
    for low dose at 1 mm with a sharp kernel. The rest are the project's own.
    """

    fewest_slices: int = 20
    shortest_mm: float = 180.0
    lung_shortest_mm: float = 120.0
    thickness_warn_mm: float = 3.0
    thickness_reject_mm: float = 10.0
    missing_reject: int = 3
    uneven_share: float = 0.1
    uneven_reject_share: float = 0.3
    tilt_warn_deg: float = 1.0
    tilt_reject_deg: float = 30.0
    noise_warn_hu: float = 60.0
    noise_reject_hu: float = 150.0
    air_hu: float = -1000.0
    air_warn_hu: float = 60.0
    air_reject_hu: float = 150.0
    tissue_hu: tuple[float, float] = (-20.0, 120.0)
    tissue_reject_hu: tuple[float, float] = (-150.0, 300.0)
    cut_off_share: float = 0.35


DARK_HU = -500.0
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


def assess_geometry(
    geometry: SeriesGeometry, limits: CtLimits | None = None, order: SliceOrder | None = None
) -> QcResult:
    """Judge what needs no pixels: can be asked before a single image is decoded."""
    limits = limits or CtLimits()
    order = order or order_slices(geometry)
    length = order.spacing_mm * max(0, len(order.kept) - 1 + order.missing)
    thickness = max(geometry.slice_thickness_mm or 0.0, order.spacing_mm)
    metrics = {
        "slices": float(len(order.kept)),
        "length_mm": length,
        "spacing_mm": order.spacing_mm,
        "thickness_mm": thickness,
        "missing_slices": float(order.missing),
        "duplicate_slices": float(len(order.duplicates)),
        "spacing_spread_mm": order.spacing_spread_mm,
        "shear_deg": order.shear_deg,
        "tilt_deg": order.tilt_deg,
    }
    reasons = (
        *_place_reasons(order, limits),
        *_angle_reasons(order, limits),
        *_extent_reasons(metrics, limits),
    )
    return QcResult(verdict_of(reasons), reasons, metrics)


def assess_ct(
    geometry: SeriesGeometry,
    grid: Grid | None,
    lungs: LungMap | None,
    limits: CtLimits | None = None,
    noise_hu: float | None = None,
) -> QcResult:
    """Judge a CT by its geometry and, where given, its densities and lungs.

    Parameters
    ----------
    geometry : SeriesGeometry
    grid : Grid or None
        The whole volume at about 2 mm; its values judge calibration.
    lungs : LungMap or None
        Lungs on that grid; judge coverage. Empty labels give ``CT_NO_LUNG``.
    noise_hu : float or None
        From ``noise_of`` at full resolution; without it the grid's would be far too low.
    """
    limits = limits or CtLimits()
    first = assess_geometry(geometry, limits)
    reasons, metrics = list(first.reasons), dict(first.metrics)
    if grid is not None:
        _judge_values(grid, lungs, limits, (reasons, metrics))
    if noise_hu is not None:
        metrics["noise_hu"] = noise_hu
        if noise_hu > limits.noise_warn_hu:
            severity: Severity = "reject" if noise_hu > limits.noise_reject_hu else "warn"
            limit = limits.noise_reject_hu if severity == "reject" else limits.noise_warn_hu
            reasons.append(reason_of("CT_NOISE_HIGH", severity, "noise_hu", noise_hu, limit))
    if grid is not None and lungs is not None:
        _judge_lungs(grid, lungs, limits, (reasons, metrics))
    return QcResult(verdict_of(tuple(reasons)), tuple(reasons), metrics)


def noise_of(voxels: NDArray[np.int16] | NDArray[np.float32], airway: NDArray[np.bool_]) -> float:
    """Return the SD of values in the inner airway, HU: robust, from in-plane differences.

    ``airway`` marks voxels well inside the trachea at full resolution; NaN with fewer than 50.
    """
    pairs = airway[:, :, 1:] & airway[:, :, :-1]
    if pairs.sum() < 50:
        return float("nan")
    values = voxels.astype(np.float32)
    steps = (values[:, :, 1:] - values[:, :, :-1])[pairs]
    # Neighbours are correlated by the kernel: the plain SD sees what differences miss.
    plain = 1.4826 * float(np.median(np.abs(values[airway] - np.median(values[airway]))))
    return max(plain, 1.4826 * float(np.median(np.abs(steps))) / 2**0.5)


def _place_reasons(order: SliceOrder, limits: CtLimits) -> list[Reason]:
    reasons = []
    if order.unplaced:
        whole = not order.kept or len(order.unplaced) > len(order.kept)
        severity: Severity = "reject" if whole else "warn"
        count = float(len(order.unplaced))
        reasons.append(reason_of("CT_GEOMETRY_MISSING", severity, "unplaced_slices", count))
    if order.missing:
        severity = "reject" if order.missing >= limits.missing_reject else "warn"
        reasons.append(
            reason_of(
                "CT_SLICE_GAP",
                severity,
                "missing_slices",
                float(order.missing),
                float(limits.missing_reject),
            )
        )
    if order.duplicates:
        count = float(len(order.duplicates))
        # Half the slices twice is two series in one.
        severity = "reject" if count >= 0.5 * len(order.kept) else "warn"
        reasons.append(reason_of("CT_SLICE_DUPLICATE", severity, "duplicate_slices", count))
    allowed = limits.uneven_share * order.spacing_mm
    if order.spacing_spread_mm > max(allowed, 0.02):
        worst = limits.uneven_reject_share * order.spacing_mm
        severity = "reject" if order.spacing_spread_mm >= worst else "warn"
        reasons.append(
            reason_of(
                "CT_SPACING_UNEVEN",
                severity,
                "spacing_spread_mm",
                order.spacing_spread_mm,
                allowed,
            )
        )
    return reasons


def _angle_reasons(order: SliceOrder, limits: CtLimits) -> list[Reason]:
    reasons = []
    if order.other_orientation:
        count = float(len(order.other_orientation))
        severity: Severity = "reject" if count > 0.1 * len(order.kept) else "warn"
        reasons.append(reason_of("CT_ORIENTATION_MIXED", severity, "other_slices", count))
    if order.shear_deg > limits.tilt_warn_deg:
        severity = "reject" if order.shear_deg > limits.tilt_reject_deg else "warn"
        limit = limits.tilt_warn_deg
        reasons.append(reason_of("CT_GANTRY_TILT", severity, "shear_deg", order.shear_deg, limit))
    elif order.tilt_deg > limits.tilt_reject_deg:
        limit = limits.tilt_reject_deg
        reasons.append(reason_of("CT_NOT_AXIAL", "reject", "tilt_deg", order.tilt_deg, limit))
    return reasons


def _extent_reasons(metrics: dict[str, float], limits: CtLimits) -> list[Reason]:
    reasons = []
    if metrics["slices"] < limits.fewest_slices:
        few = float(limits.fewest_slices)
        reasons.append(reason_of("CT_FEW_SLICES", "reject", "slices", metrics["slices"], few))
    elif metrics["length_mm"] < limits.shortest_mm:
        reasons.append(
            reason_of(
                "CT_COVERAGE_SHORT", "warn", "length_mm", metrics["length_mm"], limits.shortest_mm
            )
        )
    thickness = metrics["thickness_mm"]
    if thickness > limits.thickness_reject_mm:
        limit = limits.thickness_reject_mm
        reasons.append(reason_of("CT_THICKNESS_UNFIT", "reject", "thickness_mm", thickness, limit))
    elif thickness > 5.0 + 1e-3:
        reasons.append(reason_of("CT_THICKNESS_UNFIT", "warn", "thickness_mm", thickness, 5.0))
    elif thickness > limits.thickness_warn_mm + 0.01:
        limit = limits.thickness_warn_mm
        reasons.append(reason_of("CT_THICKNESS_UNFIT", "info", "thickness_mm", thickness, limit))
    return reasons


Sink = tuple[list[Reason], dict[str, float]]


def _judge_values(grid: Grid, lungs: LungMap | None, limits: CtLimits, out: Sink) -> None:
    """Judge air and soft tissue: a wrong rescale shows in both."""
    reasons, metrics = out
    inner = _inner_airway(lungs, grid)
    darkest = float(np.percentile(grid.voxels[::3, ::3, ::3], 1))
    if darkest > DARK_HU:
        # Every CT of a body has air in it or around it: here the rescale was lost.
        off = abs(darkest - limits.air_hu)
        reasons.append(
            reason_of("CT_HU_AIR_OFF", "reject", "air_off_hu", off, limits.air_reject_hu)
        )
    elif inner is not None:
        # Tracheal air is the only air that no maker pads or clips.
        air = float(np.median(grid.voxels[inner]))
        off = abs(air - limits.air_hu)
        metrics["air_hu"] = air
        if off > limits.air_warn_hu:
            severity: Severity = "reject" if off > limits.air_reject_hu else "warn"
            reasons.append(
                reason_of("CT_HU_AIR_OFF", severity, "air_off_hu", off, limits.air_warn_hu)
            )
    if lungs is None:
        return
    solid = grid.voxels[lungs.body & (grid.voxels > -200)]
    if solid.size < 1000:
        return
    middle = float(np.median(solid))
    metrics["tissue_hu"] = middle
    low, high = limits.tissue_reject_hu
    if not limits.tissue_hu[0] - 80 <= middle <= limits.tissue_hu[1]:
        severity = "warn" if low <= middle <= high else "reject"
        reasons.append(reason_of("CT_HU_TISSUE_OFF", severity, "tissue_hu", middle))


def _inner_airway(lungs: LungMap | None, grid: Grid) -> NDArray[np.bool_] | None:
    if lungs is None:
        return None
    airway = lungs.labels == AIRWAYS
    inner = ndimage.binary_erosion(airway, iterations=max(1, round(3 / max(grid.spacing_mm))))
    return np.asarray(inner) if inner.sum() >= 20 else None


def _judge_lungs(grid: Grid, lungs: LungMap, limits: CtLimits, out: Sink) -> None:
    """Judge coverage: a lung that is still wide in the last slice goes on beyond it."""
    reasons, metrics = out
    mask = lungs.lungs
    sides = [float(lungs.side(k).sum() * grid.voxel_ml) for k in (1, 2)]
    metrics["right_lung_ml"], metrics["left_lung_ml"] = sides
    if not mask.any():
        reasons.append(reason_of("CT_NO_LUNG", "reject", "lung_ml", 0.0))
        return
    if min(sides) < 0.05 * max(sides):
        reasons.append(reason_of("CT_ONE_LUNG", "warn", "smaller_lung_ml", min(sides)))
    areas = mask.sum(axis=(1, 2)).astype(float)
    widest = float(areas.max())
    levels = np.flatnonzero(areas)
    metrics["lung_height_mm"] = float((levels[-1] - levels[0] + 1) * grid.spacing_mm[0])
    for code, share in (
        ("CT_APEX_CUT", float(areas[-1]) / widest),
        ("CT_BASE_CUT", float(areas[0]) / widest),
    ):
        metrics[f"{code.lower()}_share"] = share
        if share > 0.02:
            severity: Severity = "reject" if share > limits.cut_off_share else "warn"
            reasons.append(reason_of(code, severity, f"{code.lower()}_share", share, 0.02))
