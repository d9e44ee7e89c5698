"""Quality of a CT series by its geometry alone: gaps, duplicates, angles, extent, thickness."""

from __future__ import annotations

from core.imaging.ct_qc_limits import CtLimits
from core.imaging.ct_qc_texts import reason_of
from core.imaging.geometry import SeriesGeometry, SliceOrder, order_slices
from core.imaging.result import QcResult, Reason, Severity, verdict_of


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
