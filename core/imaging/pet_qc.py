"""Quality of a PET and of its fit to the CT, as coded reasons that say what to do.

Limits: liver SUV and noise after the EANM procedure guideline 2.0 (Boellaard et al., Eur J Nucl Med
Mol Imaging 42:328, 2015: liver mean 1.3-3.0, coefficient of variation of at most 0.15 in a quiet
scan); uptake time after QIBA (55-75 min; told here only beyond 45-110). The others are the
project's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from core.errors import XinglinError
from core.imaging.geometry import SeriesGeometry, order_slices
from core.imaging.pet_foci import Reference
from core.imaging.pet_rigid import Alignment
from core.imaging.result import QcResult, Reason, Sentence, Severity, verdict_of
from core.imaging.suv import SuvScale
from core.imaging.suv_header import SuvHeader


@dataclass(frozen=True, slots=True)
class PetLimits:
    """Limits of acceptance; a site may set its own.

    ``uncorrected_ratio``: median of the lungs over the upper quartile between them; about 0.3-0.6
    with attenuation correction, above 1 without; widespread disease of the lungs lies between.
    """

    liver_suv: tuple[float, float] = (1.0, 4.5)
    liver_cov: float = 0.30
    lung_suv: float = 1.2
    uncorrected_warn: float = 0.6
    uncorrected_ratio: float = 1.0
    uptake_min: tuple[float, float] = (45.0, 110.0)
    shift_warn_mm: float = 5.0
    shift_reject_mm: float = 25.0
    angle_warn_deg: float = 3.0
    angle_reject_deg: float = 8.0
    spread_mm: float = 4.0
    least_information: float = 0.15
    lungs_covered: float = 0.98


@dataclass(frozen=True, eq=False)
class PetFacts:
    """Everything that is judged; None where it was not measured.

    Attributes
    ----------
    refusal : XinglinError or None
        Why there is no SUV.
    lung_ratio : float or None
        Median uptake of the lungs over the upper quartile of what lies between them.
    lung_suv : float or None
        Median of the lungs, SUV.
    lungs_covered : float or None
        Share of the CT's lung volume that lies in the PET.
    """

    geometry: SeriesGeometry
    header: SuvHeader
    scale: SuvScale | None = None
    refusal: XinglinError | None = None
    alignment: Alignment | None = None
    liver: Reference | None = None
    lung_ratio: float | None = None
    lung_suv: float | None = None
    lungs_covered: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)


TEXTS: Final[dict[str, Sentence]] = {
    "PT_SLICE_GAP": Sentence(
        "PET 缺少 {value:.0f} 层图像；请补发缺失层面",
        "{value:.0f} PET slices are missing; send them again",
    ),
    "PT_LOOKS_UNCORRECTED": Sentence(
        "PET 肺与纵隔摄取之比为 {value:.2f}（应低于 {limit:.2f}），外观似未作衰减校正"
        "（或双肺广泛病变）；请核对并发送衰减校正序列",
        "Uptake of lungs over mediastinum is {value:.2f} (below {limit:.2f} is usual): it looks "
        "uncorrected for attenuation (or the lungs are widely diseased); check, send the corrected "
        "series",
    ),
    "PT_SUV_MIDNIGHT": Sentence(
        "注射时刻晚于扫描时刻，已按前一日注射计算（间隔 {value:.0f} 分钟）；请核对",
        "The injection's clock time is later than the scan's; taken as the day before "
        "({value:.0f} min). Please check",
    ),
    "PT_SUV_DATE_CONTRADICTS": Sentence(
        "注射日期与扫描日期矛盾，已按扫描当日的注射时刻计算（间隔 {value:.0f} 分钟）；请核对",
        "The injection's date contradicts the scan's; its clock time was taken on the scan's day "
        "({value:.0f} min). Please check",
    ),
    "PT_UPTAKE_TIME": Sentence(
        "注射至扫描 {value:.0f} 分钟，超出常用范围；SUV 不宜与常规时间的扫描直接比较",
        "{value:.0f} min from injection to scan, outside the usual range; do not compare SUV with "
        "scans at the usual time",
    ),
    "PT_TRACER_NOT_FDG": Sentence(
        "示踪剂未注明为 FDG；摄取阈值和生理性摄取的判断不适用",
        "The tracer is not stated to be FDG; thresholds and physiological uptake do not apply",
    ),
    "PT_LIVER_ODD": Sentence(
        "肝脏平均 SUV 为 {value:.2f}，超出常见范围；请核对体重、活度与注射时间",
        "Mean SUV of the liver is {value:.2f}, outside the usual range; check weight, activity and "
        "injection time",
    ),
    "PT_LIVER_UNSEEN": Sentence(
        "扫描范围内肝脏不足以测量，SUV 无法用肝脏核对",
        "Too little liver is covered to check SUV against it",
    ),
    "PT_LUNG_HOT": Sentence(
        "肺部中位 SUV 为 {value:.2f}（常低于 {limit:.1f}）；请核对衰减校正与配准",
        "Median SUV of the lungs is {value:.2f} (usually below {limit:.1f}); check attenuation "
        "correction and alignment",
    ),
    "PT_NOISE": Sentence(
        "PET 噪声较大：肝脏变异系数 {value:.2f}（允许 {limit:.2f}），SUVmax 偏高，小病灶不可靠",
        "The PET is noisy: liver coefficient of variation {value:.2f} (allowed {limit:.2f}); "
        "SUVmax reads high, small lesions are unreliable",
    ),
    "PT_SHIFT": Sentence(
        "PET 与 CT 错位 {value:.1f} mm（允许 {limit:.0f} mm），衰减校正与病灶对应可能有误；"
        "融合已重新对齐，请医师核对",
        "PET and CT are {value:.1f} mm apart (allowed {limit:.0f} mm): attenuation correction and "
        "lesion sites may be wrong; the fusion was realigned, please check",
    ),
    "PT_ROTATION": Sentence(
        "PET 与 CT 相对旋转 {value:.1f}°（允许 {limit:.0f}°）；融合已重新对齐，请医师核对",
        "PET and CT are turned by {value:.1f}° against each other (allowed {limit:.0f}°); "
        "the fusion was realigned, please check",
    ),
    "PT_ALIGNMENT_UNSURE": Sentence(
        "PET 与 CT 的配准不可靠，融合沿用设备几何；请医师目视核对",
        "The alignment of PET to CT is unsure; the scanner's geometry is kept. Check by eye",
    ),
    "PT_LUNGS_CUT": Sentence(
        "PET 仅覆盖肺的 {value:.0%}；未覆盖部分没有摄取信息",
        "The PET covers {value:.0%} of the lungs; elsewhere uptake is unknown",
    ),
}


def reason_of(
    code: str,
    severity: Severity,
    metric: str | None = None,
    value: float | None = None,
    limit: float | None = None,
) -> Reason:
    """Return a finished reason with its sentences filled in."""
    text = TEXTS[code]
    facts = {"value": value or 0.0, "limit": limit or 0.0}
    return Reason(
        code, severity, text.zh.format(**facts), text.en.format(**facts), metric, value, limit
    )


def assess_pet(facts: PetFacts, limits: PetLimits | None = None) -> QcResult:
    """Judge a PET; what was not measured is not judged."""
    limits = limits or PetLimits()
    metrics = dict(facts.metrics)
    reasons = (
        *_series(facts, metrics),
        *_correction(facts, limits, metrics),
        *_times(facts, limits, metrics),
        *_uptake(facts, limits, metrics),
        *_fit(facts, limits, metrics),
    )
    return QcResult(verdict_of(reasons), reasons, metrics)


def looks_uncorrected(ratio: float | None, limits: PetLimits | None = None) -> bool:
    """Return whether the lungs are as warm as an image without attenuation correction shows."""
    return ratio is not None and ratio > (limits or PetLimits()).uncorrected_ratio


def _series(facts: PetFacts, metrics: dict[str, float]) -> list[Reason]:
    order = order_slices(facts.geometry)
    metrics["pet_slices"] = float(len(order.kept))
    metrics["pet_spacing_mm"] = order.spacing_mm
    if not order.missing:
        return []
    return [reason_of("PT_SLICE_GAP", "warn", "pet_missing_slices", float(order.missing), 0.0)]


def _correction(facts: PetFacts, limits: PetLimits, metrics: dict[str, float]) -> list[Reason]:
    """Say why there is no SUV, and whether the pixels look uncorrected."""
    reasons = []
    if facts.refusal is not None:
        error = facts.refusal
        code = f"E{error.code}"
        reasons.append(Reason(code, "warn", error.sentence("zh"), error.sentence("en")))
    if facts.lung_ratio is not None:
        metrics["lung_mediastinum_ratio"] = facts.lung_ratio
        ratio, name = facts.lung_ratio, "lung_mediastinum_ratio"
        if ratio > limits.uncorrected_warn:
            refused = looks_uncorrected(ratio, limits)
            limit = limits.uncorrected_ratio if refused else limits.uncorrected_warn
            severity: Severity = "reject" if refused else "warn"
            reasons.append(reason_of("PT_LOOKS_UNCORRECTED", severity, name, ratio, limit))
    if not facts.header.fdg:
        reasons.append(reason_of("PT_TRACER_NOT_FDG", "warn"))
    return reasons


def _times(facts: PetFacts, limits: PetLimits, metrics: dict[str, float]) -> list[Reason]:
    if facts.scale is None or facts.scale.uptake_s is None:
        return []
    minutes = facts.scale.uptake_s / 60.0
    metrics["uptake_min"] = minutes
    reasons = [reason_of(f"PT_{note}", "warn", "uptake_min", minutes) for note in facts.scale.notes]
    low, high = limits.uptake_min
    if not low <= minutes <= high:
        limit = low if minutes < low else high
        reasons.append(reason_of("PT_UPTAKE_TIME", "warn", "uptake_min", minutes, limit))
    return reasons


def _uptake(facts: PetFacts, limits: PetLimits, metrics: dict[str, float]) -> list[Reason]:
    if facts.scale is None:
        return []
    reasons = []
    if facts.liver is None:
        reasons.append(reason_of("PT_LIVER_UNSEEN", "info"))
    else:
        mean = facts.liver.mean
        cov = facts.liver.sd / mean if mean > 0 else float("inf")
        metrics["liver_suv_mean"], metrics["liver_suv_sd"] = mean, facts.liver.sd
        metrics["liver_cov"] = cov
        low, high = limits.liver_suv
        if not low <= mean <= high:
            limit = low if mean < low else high
            reasons.append(reason_of("PT_LIVER_ODD", "warn", "liver_suv_mean", mean, limit))
        if cov > limits.liver_cov:
            reasons.append(reason_of("PT_NOISE", "warn", "liver_cov", cov, limits.liver_cov))
    if facts.lung_suv is not None:
        metrics["lung_suv_median"] = facts.lung_suv
        if facts.lung_suv > limits.lung_suv:
            limit = limits.lung_suv
            reasons.append(
                reason_of("PT_LUNG_HOT", "warn", "lung_suv_median", facts.lung_suv, limit)
            )
    return reasons


def unsure(alignment: Alignment, limits: PetLimits | None = None) -> bool:
    """Return whether an alignment must not be used: weak, not repeatable, or no better."""
    limits = limits or PetLimits()
    return (
        alignment.information_after < limits.least_information
        or alignment.spread_mm > limits.spread_mm
        or alignment.information_after < alignment.information_before
    )


def _fit(facts: PetFacts, limits: PetLimits, metrics: dict[str, float]) -> list[Reason]:
    reasons = []
    if facts.lungs_covered is not None:
        metrics["lungs_covered_share"] = facts.lungs_covered
        if facts.lungs_covered < limits.lungs_covered:
            name, limit = "lungs_covered_share", limits.lungs_covered
            reasons.append(reason_of("PT_LUNGS_CUT", "warn", name, facts.lungs_covered, limit))
    found = facts.alignment
    if found is None:
        return reasons
    shift, angle = found.motion.length_mm, found.motion.angle_deg
    metrics["pet_ct_shift_mm"], metrics["pet_ct_rotation_deg"] = shift, angle
    metrics["pet_ct_information"] = found.information_after
    metrics["pet_ct_spread_mm"] = found.spread_mm
    if unsure(found, limits):
        return [*reasons, reason_of("PT_ALIGNMENT_UNSURE", "warn", "pet_ct_spread_mm",
                                    found.spread_mm, limits.spread_mm)]  # fmt: skip
    for code, name, value, warn, reject in (
        ("PT_SHIFT", "pet_ct_shift_mm", shift, limits.shift_warn_mm, limits.shift_reject_mm),
        ("PT_ROTATION", "pet_ct_rotation_deg", angle, limits.angle_warn_deg,
         limits.angle_reject_deg),
    ):  # fmt: skip
        if value > warn:
            severity: Severity = "reject" if value > reject else "warn"
            limit = reject if severity == "reject" else warn
            reasons.append(reason_of(code, severity, name, value, limit))
    return reasons
