"""Limits of radiograph quality control, adjustable per site, device and view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class DrLimits:
    """What a radiograph is held against; defaults calibrated as docs/imaging/dr-quality.md states.

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
        How much darker (in ranks) the field's lower edge is at the lungs than at the spine; used,
        like ``cut_*``, where the lung fields come from the template alone.
    lungs_sure : float
        Confidence of the lung fields from which position is judged by them.
    apices_warn, apices_reject, bases_warn, bases_reject, sides_warn, sides_reject : float
        How broadly a lung touches that edge of the field, as a share of its width (height);
        negative: the free margin that is wanted.
    apices_missing_warn, apices_missing_reject, bases_missing_warn, bases_missing_reject : float
        Share of the lungs' height that the network takes to lie beyond that edge; the worse of
        this and of the contact counts.
    sides_missing_warn, sides_missing_reject : float
        The same of the width across both lungs.
    turn_warn, turn_reject : float
        How far the upper inner middle of the lungs is off their outer middle, as a share of the
        width: 0.01 to 0.04 for a turn of 20 degrees.
    inspiration_warn, inspiration_reject : float
        Height of the lungs over the domes by the width across both.
    heart_side_warn : float
        How far the heart may speak for a mirrored picture (`dr_qc_position.heart_side`). Never
        rejects: dextrocardia and collapse do the same.
    lateral_reject, other_reject, turned_warn, turned_reject : float
        The network's probability of that kind of picture.
    grid_warn_db, grid_reject_db : float
        Strongest line of the spectrum above its surroundings.
    dead_warn, dead_reject : float
        How far the worst row or column stands out, in spreads of all rows and columns.
    dense_objects_note : float
        So many small very dense things over the lungs are worth a note.
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
    lungs_sure: float = 0.45
    apices_warn: float = 0.0
    apices_reject: float = 0.60
    bases_warn: float = -0.03
    bases_reject: float = 0.30
    sides_warn: float = 0.0
    sides_reject: float = 0.30
    apices_missing_warn: float = 0.08
    apices_missing_reject: float = 0.25
    bases_missing_warn: float = 0.03
    bases_missing_reject: float = 0.08
    sides_missing_warn: float = 0.03
    sides_missing_reject: float = 0.10
    turn_warn: float = 0.065
    turn_reject: float = 0.13
    inspiration_warn: float = 0.585
    inspiration_reject: float = 0.48
    heart_side_warn: float = -0.020
    lateral_reject: float = 0.5
    other_reject: float = 0.5
    turned_warn: float = 0.10
    turned_reject: float = 0.50
    grid_warn_db: float = 11.0
    grid_reject_db: float = 16.0
    dead_warn: float = 12.0
    dead_reject: float = 40.0
    dense_objects_note: float = 1.0


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
