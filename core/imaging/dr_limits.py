"""Limits of radiograph quality control, adjustable per site, device and view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class DrLimits:
    """What a radiograph is held against; defaults calibrated as docs/imaging-dr.md states.

    Attributes
    ----------
    di_warn_low, di_warn_high : float
        Deviation index in dB (IEC 62494-1: DI = 10 log10(EI / EI_T)); -3 ... +2 is the usual
        manufacturer default, and sites decide.
    di_reject_low : float
        A quarter of the target exposure. High exposure alone never rejects: the patient has had
        the dose already, a repeat would add to it.
    snr_warn_low, snr_warn_high : float
        Signal-to-noise ratio of the lungs, dB, where no tag states the exposure: an eighth of the
        exposure at which the digital patient is 47 dB, and sixteen times. No deviation index, and
        no limit to reject: the zero is each device's own.
    chest_reject : float
        Match score under which the picture is taken for no frontal chest.
    chest_turned_warn, chest_turned_reject : float
        By how much a turned picture matches better.
    polarity_margin : float
        The reversed grey-scale must match better by this much.
    clipped_low_warn, clipped_low_reject, clipped_high_warn, clipped_high_reject : float
        Share of chest pixels at the end of the range.
    span_warn, span_reject : float
        Share of the grey range that the chest uses.
    sharp_warn, sharp_reject : float
        Log ratio of fine to medium structure in the blurriest direction; lower is less sharp.
    noise_warn, noise_reject : float
        Noise standard deviation as a share of the chest's contrast.
    cut_warn, cut_reject : float
        Share of the lungs' height or width that lies outside the exposed field.
    base_drop_warn, base_drop_reject : float
        How much darker (in ranks) the field's lower edge is at the lungs than at the spine.
    """

    di_warn_low: float = -3.0
    di_warn_high: float = 2.0
    di_reject_low: float = -6.0
    snr_warn_low: float = 38.0
    snr_warn_high: float = 59.0
    chest_reject: float = 0.40
    chest_turned_warn: float = 0.12
    chest_turned_reject: float = 0.23
    polarity_margin: float = 0.10
    clipped_low_warn: float = 0.05
    clipped_low_reject: float = 0.12
    clipped_high_warn: float = 0.05
    clipped_high_reject: float = 0.20
    span_warn: float = 0.30
    span_reject: float = 0.15
    sharp_warn: float = -1.55
    sharp_reject: float = -1.66
    noise_warn: float = 0.03
    noise_reject: float = 0.10
    cut_warn: float = 0.05
    cut_reject: float = 0.12
    base_drop_warn: float = 0.33
    base_drop_reject: float = 0.40


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """Limits by device and view; the most specific entry wins.

    Attributes
    ----------
    default : DrLimits
    by_device_view : mapping
        (StationName or ManufacturerModelName, ViewPosition or "") to the numbers that differ.
    """

    default: DrLimits = field(default_factory=DrLimits)
    by_device_view: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)

    def for_tags(self, tags: Mapping[str, Any]) -> DrLimits:
        """Return the limits that apply to an image with these tags."""
        limits = self.default
        view = str(tags.get("ViewPosition") or "").upper()
        for keyword in ("ManufacturerModelName", "StationName"):
            device = str(tags.get(keyword) or "")
            for key in ((device, ""), (device, view)):
                if device and key in self.by_device_view:
                    limits = replace(limits, **self.by_device_view[key])
        return limits
