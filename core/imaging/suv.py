"""Standardised uptake by body weight (SUVbw), by the rules of the QIBA FDG-PET/CT profile.

    SUVbw = activity concentration (Bq/ml) x weight (g) / administered activity at the time that
            the concentrations are corrected to (Bq)

The rules are QIBA's vendor-neutral ones (Clunie et al., "SUV vendor neutral pseudo-code"; DICOM
PS3.3 C.8.9.1). Where a rule is not met the value is refused with its reason, never guessed. What is
met but deserves a look (another day's injection, a late scan) is noted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log
from typing import Final, Literal

from core.imaging.pet_errors import (
    SuvCorrectionError,
    SuvDecayError,
    SuvDoseError,
    SuvHalfLifeError,
    SuvInjectionError,
    SuvScanTimeError,
    SuvTypeError,
    SuvUnitsError,
    SuvVendorScaleError,
    SuvWeightError,
)
from core.imaging.suv_header import SuvHeader

F18_HALF_LIFE_S: Final = 6586.2
Basis = Literal[
    "series_time", "ge_scan_time", "frame_reference_time", "administration", "philips_suv", "gml"
]
Note = Literal["SUV_MIDNIGHT", "SUV_DATE_CONTRADICTS"]


@dataclass(frozen=True, slots=True)
class SuvLimits:
    """Beyond these a value is no weight, activity or uptake time of a person: the project's own.

    Dose: diagnostic activities are 37 MBq to 1.5 GBq; below 1 MBq the number was not written in Bq.
    Uptake: six hours are more than three half-lives of fluorine-18.
    """

    weight_kg: tuple[float, float] = (2.0, 400.0)
    dose_bq: tuple[float, float] = (1e6, 1e10)
    half_life_s: tuple[float, float] = (60.0, 1e6)
    half_life_share: float = 0.02
    longest_uptake_s: float = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class SuvScale:
    """How pixel values of a series become SUVbw.

    Attributes
    ----------
    per_unit : float
        SUVbw (g/ml) of one unit of the rescaled pixel value.
    basis : str
        Which rule gave the time that activities are corrected to, or the maker's own scale.
    uptake_s : float or None
        Injection to that time; None where the rule did not need it.
    decayed_dose_bq : float or None
    notes : tuple of str
        ``SUV_MIDNIGHT``: the injection was taken to be on the day before. ``SUV_DATE_CONTRADICTS``:
        the injection's date contradicts the scan's (shifted by de-identification?); its time of
        day was taken on the scan's day.
    """

    per_unit: float
    basis: Basis
    uptake_s: float | None = None
    decayed_dose_bq: float | None = None
    notes: tuple[Note, ...] = ()


def suv_scale(header: SuvHeader, limits: SuvLimits | None = None) -> SuvScale:
    """Return the factor from rescaled pixel values to SUVbw.

    Parameters
    ----------
    header : SuvHeader
        Of a series (``joined``).

    Raises
    ------
    SuvCorrectionError, SuvDecayError, SuvUnitsError, SuvTypeError, SuvVendorScaleError,
    SuvWeightError, SuvDoseError, SuvHalfLifeError, SuvScanTimeError, SuvInjectionError
    """
    limits = limits or SuvLimits()
    _check_corrections(header)
    if header.units == "GML":
        # PS3.3 C.8.9.1: where the type is absent, g/ml is by body weight.
        if header.suv_type not in ("", "BW"):
            raise SuvTypeError(kind=header.suv_type)
        return SuvScale(1.0, "gml")
    if header.units == "CNTS":
        if header.philips_suv:
            return SuvScale(_positive_scale(header.philips_suv), "philips_suv")
        if not header.philips_bqml:
            raise SuvVendorScaleError
        return _of_activity(header, _positive_scale(header.philips_bqml), limits)
    if header.units != "BQML":
        raise SuvUnitsError(units=header.units or "?")
    return _of_activity(header, 1.0, limits)


def decayed_dose_bq(dose_bq: float, elapsed_s: float, half_life_s: float) -> float:
    """Return the activity (Bq) that is left of a dose after a time."""
    return float(dose_bq * 2.0 ** (-elapsed_s / half_life_s))


def count_rate_time_s(frame_s: float, half_life_s: float) -> float:
    """Return when, after a frame's start, the count rate equals its mean over the frame."""
    decay = log(2.0) / half_life_s
    left = 1.0 - exp(-decay * frame_s)
    return 0.0 if left <= 0 else log(decay * frame_s / left) / decay


def _check_corrections(header: SuvHeader) -> None:
    if "ATTN" not in header.corrected:
        raise SuvCorrectionError(missing="ATTN")
    # The defined term is DECY; QIBA's text and some makers write DECAY.
    if not {"DECY", "DECAY"} & set(header.corrected):
        raise SuvCorrectionError(missing="DECY")
    if header.decay_correction not in ("START", "ADMIN"):
        raise SuvDecayError(decay=header.decay_correction or "?")


def _positive_scale(factor: float) -> float:
    if factor <= 0:
        raise SuvVendorScaleError
    return factor


def _of_activity(header: SuvHeader, bqml_per_unit: float, limits: SuvLimits) -> SuvScale:
    """Activity concentrations: the dose decays to the time that they are corrected to."""
    grams = 1000.0 * _weight(header, limits)
    dose = _dose(header, limits)
    if header.decay_correction == "ADMIN":
        return SuvScale(bqml_per_unit * grams / dose, "administration", None, dose)
    half_life = _half_life(header, limits)
    scan, basis = _scan_start(header, half_life)
    uptake, notes = _uptake(header, scan, limits)
    left = decayed_dose_bq(dose, uptake, half_life)
    return SuvScale(bqml_per_unit * grams / left, basis, uptake, left, notes)


def _weight(header: SuvHeader, limits: SuvLimits) -> float:
    weight = header.weight_kg
    if weight is None or weight == 0:
        raise SuvWeightError(what_zh="缺失或为 0", what_en="is missing or zero")
    if not limits.weight_kg[0] <= weight <= limits.weight_kg[1]:
        raise SuvWeightError(
            what_zh=f"为 {weight:g} kg，不合理", what_en=f"is {weight:g} kg, which cannot be"
        )
    return weight


def _dose(header: SuvHeader, limits: SuvLimits) -> float:
    dose = header.dose_bq
    if dose is None or dose == 0:
        raise SuvDoseError(what_zh="缺失或为 0", what_en="is missing or zero")
    low, high = limits.dose_bq
    if 0 < dose < low:
        raise SuvDoseError(
            what_zh=f"为 {dose:g}，疑似以 MBq、kBq 或 mCi 记录",
            what_en=f"is {dose:g}: probably written in MBq, kBq or mCi",
        )
    if not low <= dose <= high:
        raise SuvDoseError(
            what_zh=f"为 {dose:g} Bq，不合理", what_en=f"is {dose:g} Bq, which cannot be"
        )
    return dose


def _half_life(header: SuvHeader, limits: SuvLimits) -> float:
    half_life = header.half_life_s
    if half_life is None or half_life == 0:
        raise SuvHalfLifeError(what_zh="缺失或为 0", what_en="is missing or zero")
    if not limits.half_life_s[0] <= half_life <= limits.half_life_s[1]:
        raise SuvHalfLifeError(
            what_zh=f"为 {half_life:g} 秒，不合理", what_en=f"is {half_life:g} s, which cannot be"
        )
    off = abs(half_life / F18_HALF_LIFE_S - 1)
    if header.f18 and off > limits.half_life_share:
        raise SuvHalfLifeError(
            what_zh=f"为 {half_life:g} 秒，与氟-18（{F18_HALF_LIFE_S:g} 秒）不符",
            what_en=f"is {half_life:g} s, not that of fluorine-18 ({F18_HALF_LIFE_S:g} s)",
        )
    return half_life


def _scan_start(header: SuvHeader, half_life_s: float) -> tuple[datetime, Basis]:
    """Return the moment that START means.

    The series' time, unless it lies after the first acquisition: then the series was made later,
    and GE's own element or (others) the frame's reference time tells.
    """
    if header.acquired_at is None or header.series_at is None:
        raise SuvScanTimeError(
            what_zh="缺少序列或采集的日期、时间",
            what_en="series or acquisition date or time missing",
        )
    if header.series_at <= header.acquired_at:
        return header.series_at, "series_time"
    if header.ge_scan_at is not None:
        ahead = (header.acquired_at - header.ge_scan_at).total_seconds()
        if -1.0 <= ahead <= 86400.0:
            return header.ge_scan_at, "ge_scan_time"
    elif not header.ge and header.frame_reference_s and header.frame_s:
        # Frame Reference Time: from the corrected-to moment to the frame's mean count rate.
        since = header.frame_reference_s - count_rate_time_s(header.frame_s, half_life_s)
        if since >= -1.0:
            return header.acquired_at - timedelta(seconds=since), "frame_reference_time"
    raise SuvScanTimeError(
        what_zh="序列时间晚于采集时间，系后处理序列，且无厂商扫描时间",
        what_en="the series is younger than its acquisition and gives no scan time of its maker's",
    )


def _uptake(header: SuvHeader, scan: datetime, limits: SuvLimits) -> tuple[float, tuple[Note, ...]]:
    """Return seconds from injection to scan; the date may be another day's, or missing."""
    notes: tuple[Note, ...] = ()
    clock = header.injected_time
    if header.injected_at is not None:
        elapsed = (scan - header.injected_at).total_seconds()
        if 0 <= elapsed <= limits.longest_uptake_s:
            return elapsed, ()
        if header.injected_at.date() == scan.date():
            raise _injection(elapsed)
        clock = clock or header.injected_at.time()
        notes = ("SUV_DATE_CONTRADICTS",)
    if clock is None:
        raise SuvInjectionError(what_zh="缺失", what_en="is missing")
    start = datetime.combine(scan.date(), clock)
    if start > scan:
        start -= timedelta(days=1)
        notes = (*notes, "SUV_MIDNIGHT")
    elapsed = (scan - start).total_seconds()
    if elapsed > limits.longest_uptake_s:
        # An hour before, or an hour after? A day's difference cannot be told from an error.
        after = "SUV_MIDNIGHT" in notes
        raise _injection(elapsed - 86400.0 if after else elapsed)
    return elapsed, notes


def _injection(elapsed_s: float) -> SuvInjectionError:
    hours = abs(elapsed_s) / 3600.0
    if elapsed_s < 0:
        return SuvInjectionError(
            what_zh=f"在扫描开始之后 {hours:.1f} 小时", what_en=f"is {hours:.1f} h after the scan"
        )
    return SuvInjectionError(
        what_zh=f"早于扫描 {hours:.1f} 小时，过久", what_en=f"is {hours:.1f} h before the scan"
    )
