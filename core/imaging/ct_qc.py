"""Technical quality of a chest CT, as coded reasons that say what to do.

What is judged follows the coverage and acquisition items of appliance reference 3.4 (coverage from
apex to base, uniform spacing, no gap, tilt, noise, arm, metal and motion artefact) and the
calibration of air and tissue (AAPM TG-66: CT number of air within -1000 +- 50 HU is the loose end
of daily checks). Numbers come from ``ct_qc_measure``; nothing is computed here that no limit
needs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid
from core.imaging.ct_qc_geometry import assess_geometry
from core.imaging.ct_qc_kernel import kernel_class
from core.imaging.ct_qc_limits import CtLimits, Span
from core.imaging.ct_qc_texts import TEXTS, reason_of
from core.imaging.ct_qc_values import ENHANCED_HU, contrast_phase, noise_of
from core.imaging.geometry import SeriesGeometry
from core.imaging.lungs import AIRWAYS, LungMap
from core.imaging.result import QcResult, Reason, Severity, verdict_of

__all__ = ["TEXTS", "CtLimits", "assess_ct", "assess_geometry", "noise_of", "reason_of"]

DARK_HU = -500.0
BRIGHT_HU = -300.0
Sink = tuple[list[Reason], dict[str, float]]


def assess_ct(
    geometry: SeriesGeometry,
    grid: Grid | None,
    lungs: LungMap | None,
    limits: CtLimits | None = None,
    measured: Mapping[str, float] | None = None,
) -> QcResult:
    """Judge a CT by its geometry and, where given, its densities, lungs and measured quality.

    Parameters
    ----------
    geometry : SeriesGeometry
    grid : Grid or None
        The whole volume at about 2 mm; its values judge calibration.
    lungs : LungMap or None
        Lungs on that grid; judge coverage. Empty labels give ``CT_NO_LUNG``.
    measured : mapping or None
        From ``ct_qc_measure.quality_metrics``: noise, blood, fat, kernel, motion, metal, field.
    """
    limits = limits or CtLimits()
    first = assess_geometry(geometry, limits)
    reasons, metrics = list(first.reasons), dict(first.metrics)
    out = (reasons, metrics)
    if grid is not None:
        # Full resolution, where it was read, decides whether there is a trachea wide enough.
        inner = _inner_airway(lungs, grid) if measured is None else None
        _judge_values(grid, lungs, inner, limits, out)
    if measured is not None:
        metrics.update(measured)
        _judge_noise(limits, out)
    _judge_air(limits, out)
    if measured is not None:
        _judge_density(limits, out)
        _judge_kernel(geometry.kernel, limits, out)
        _judge_artefacts(limits, out)
        _judge_sides(limits, out)
    if grid is not None and lungs is not None:
        _judge_lungs(grid, lungs, limits, out)
    return QcResult(verdict_of(tuple(reasons)), tuple(reasons), metrics)


def _above(code: str, metric: str, limits: Span, out: Sink) -> None:
    """Add a reason where a metric is above its (warn, reject) limits."""
    reasons, metrics = out
    value = metrics.get(metric)
    if value is None or not value > limits[0]:
        return
    severity: Severity = "reject" if value > limits[1] else "warn"
    limit = limits[1] if severity == "reject" else limits[0]
    reasons.append(reason_of(code, severity, metric, value, limit))


def _judge_noise(limits: CtLimits, out: Sink) -> None:
    span = (limits.noise_warn_hu, limits.noise_reject_hu)
    metrics = out[1]
    # Where air is much noisier than blood, its wall moved through it: that is motion, not noise.
    if not metrics.get("noise_hu", 0.0) > 2.0 * metrics.get("aorta_noise_hu", np.inf):
        _above("CT_NOISE_HIGH", "noise_hu", span, out)
    if not any(reason.code == "CT_NOISE_HIGH" for reason in out[0]):
        _above("CT_NOISE_BLOOD_HIGH", "aorta_noise_hu", span, out)


def _judge_density(limits: CtLimits, out: Sink) -> None:
    """Judge blood and fat against what they always are, and tell the contrast phase."""
    reasons, metrics = out
    fat = metrics.get("fat_hu")
    if fat is not None:
        _outside("CT_HU_FAT_OFF", "fat_hu", limits.fat_hu, limits, out)
    phase = contrast_phase(metrics)
    if phase is None:
        return
    if phase == "none":
        _outside("CT_HU_BLOOD_OFF", "aorta_hu", limits.blood_hu, limits, out)
    code = f"CT_CONTRAST_{phase.upper()}"
    reasons.append(reason_of(code, "info", "aorta_hu", metrics["aorta_hu"], ENHANCED_HU))


def _outside(code: str, metric: str, span: Span, limits: CtLimits, out: Sink) -> None:
    reasons, metrics = out
    value, (low, high) = metrics[metric], span
    if low <= value <= high:
        return
    limit = low if value < low else high
    far = abs(value - limit) > limits.density_reject_hu
    reasons.append(reason_of(code, "reject" if far else "warn", metric, value, limit))


def _judge_kernel(kernel: str, limits: CtLimits, out: Sink) -> None:
    """Judge the kernel by its noise's grain; by its name where noise does not tell."""
    reasons, metrics = out
    frequency = metrics.get("noise_frequency_per_mm")
    named = kernel_class(kernel)
    metric = "noise_frequency_per_mm"
    if frequency is not None and frequency > limits.sharp_frequency_per_mm:
        limit = limits.sharp_frequency_per_mm
        reasons.append(reason_of("CT_KERNEL_SHARP", "warn", metric, frequency, limit))
    elif frequency is not None and frequency < limits.smooth_frequency_per_mm:
        limit = limits.smooth_frequency_per_mm
        reasons.append(reason_of("CT_KERNEL_SMOOTH", "warn", metric, frequency, limit))
    elif named == "sharp":
        reasons.append(reason_of("CT_KERNEL_TAG_SHARP", "info", "kernel", 1.0))
    elif named == "smooth":
        reasons.append(reason_of("CT_KERNEL_TAG_SMOOTH", "warn", "kernel", 1.0))


def _judge_sides(limits: CtLimits, out: Sink) -> None:
    reasons, metrics = out
    margin = -metrics.get("aorta_left_margin", 0.0)
    if margin > limits.right_aorta_margin:
        limit = limits.right_aorta_margin
        reasons.append(reason_of("CT_SIDES_DOUBTFUL", "warn", "aorta_right_margin", margin, limit))


def _judge_artefacts(limits: CtLimits, out: Sink) -> None:
    """Judge blur, motion, metal and the field of view."""
    reasons, metrics = out
    _above("CT_BLUR", "edge_width_mm", limits.edge_width_mm, out)
    least = limits.slice_jump_share * metrics.get("spacing_mm", 0.0)
    jump = (max(limits.slice_jump_mm[0], least), max(limits.slice_jump_mm[1], 2.0 * least))
    _above("CT_SLICE_JUMP", "slice_jump_mm", jump, out)
    # Noise alone leaves a fifth of itself in the smoothed air.
    noise = min(metrics.get("noise_hu", 0.0), metrics.get("aorta_noise_hu", np.inf))
    if metrics.get("air_streak_hu", 0.0) > 0.35 * noise:
        _above("CT_MOTION", "air_streak_hu", limits.air_streak_hu, out)
    _above("CT_METAL_STREAK", "streak_hu", limits.streak_hu, out)
    streaks = any(reason.code == "CT_METAL_STREAK" for reason in reasons)
    metal = metrics.get("metal_ml", 0.0)
    if metrics.get("metal_slices", 0.0) > 0 and not streaks:
        reasons.append(reason_of("CT_METAL", "info", "metal_ml", metal))
    _above("CT_LUNG_CUT", "lung_cut_mm", limits.lung_cut_mm, out)
    _above("CT_FOV_CUT", "outline_cut_share", limits.outline_cut_share, out)


def _judge_values(
    grid: Grid,
    lungs: LungMap | None,
    inner: NDArray[np.bool_] | None,
    limits: CtLimits,
    out: Sink,
) -> None:
    """Judge air and soft tissue: a wrong rescale shows in both."""
    reasons, metrics = out
    sample = grid.voxels[::3, ::3, ::3]
    darkest, brightest = (float(np.percentile(sample, q)) for q in (1, 99))
    if darkest > DARK_HU:
        # Every CT of a body has air in it or around it: here the rescale was lost.
        off = abs(darkest - limits.air_hu)
        reasons.append(
            reason_of("CT_HU_AIR_OFF", "reject", "air_off_hu", off, limits.air_reject_hu)
        )
    elif brightest < BRIGHT_HU:
        # A body that is lighter than fat everywhere: the intercept was applied twice.
        reasons.append(reason_of("CT_HU_TISSUE_OFF", "reject", "tissue_hu", brightest))
    else:
        # Tracheal air is the only air that no maker pads or clips; else the darkest must do.
        metrics["air_hu"] = darkest if inner is None else float(np.median(grid.voxels[inner]))
    if lungs is None:
        return
    solid = grid.voxels[lungs.body & (grid.voxels > -200)]
    if solid.size < 1000:
        return
    middle = float(np.median(solid))
    metrics["tissue_hu"] = middle
    low, high = limits.tissue_reject_hu
    if not limits.tissue_hu[0] - 80 <= middle <= limits.tissue_hu[1]:
        severity: Severity = "warn" if low <= middle <= high else "reject"
        reasons.append(reason_of("CT_HU_TISSUE_OFF", severity, "tissue_hu", middle))


def _judge_air(limits: CtLimits, out: Sink) -> None:
    """Judge the air that was measured best: in the trachea at full resolution where it is wide."""
    reasons, metrics = out
    if "air_hu" not in metrics:
        return
    off = abs(metrics["air_hu"] - limits.air_hu)
    metrics["air_off_hu"] = off
    if off > limits.air_warn_hu:
        severity: Severity = "reject" if off > limits.air_reject_hu else "warn"
        reasons.append(reason_of("CT_HU_AIR_OFF", severity, "air_off_hu", off, limits.air_warn_hu))


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
    cut = any(reason.code in ("CT_APEX_CUT", "CT_BASE_CUT") for reason in reasons)
    if sum(sides) < limits.smallest_lungs_ml and not cut:
        small = reason_of(
            "CT_SMALL_LUNGS", "warn", "lungs_ml", sum(sides), limits.smallest_lungs_ml
        )
        reasons.append(small)
