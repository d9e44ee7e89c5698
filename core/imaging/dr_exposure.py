"""Exposure of a radiograph: by the header's deviation index, else a relative figure from pixels.

IEC 62494-1 defines the exposure index by the air kerma at the detector. A stranger's image carries
no calibration of its detector, so its pixels cannot give that index. What they can give is the
lungs' signal-to-noise ratio: quantum noise falls with the square root of the quanta (Poisson), so
the ratio rises by 10 log10 of the exposure, 3 dB for every doubling, from a zero that is the
device's own. It is reported under its own name, is never called a deviation index and never
rejects. The numbers behind the limits are in docs/imaging/dr-quality.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox
from core.imaging.dr_limits import DrLimits
from core.imaging.dr_metrics import FRAME, averaged, noise_map
from core.imaging.dr_sentences import reason
from core.imaging.result import Reason
from core.imaging.volume import Radiograph

SIGNAL_TO_NOISE = "lung_signal_to_noise_db"
# Fewer columns across the lungs: vessels and ribs are so fine that they count as noise.
_LEAST_COLUMNS = 350
# Noise this small, in steps of the grey scale, is rounding.
_LEAST_NOISE = 0.75
# Percentiles of the smoothed chest between which a pixel counts as lung: not saturated, not bone.
_LUNG_GREYS = (5, 40)


@dataclass(frozen=True, slots=True)
class PixelExposure:
    """What the pixels alone say about exposure.

    Attributes
    ----------
    signal_to_noise_db : float
        20 log10(chest contrast / lung noise), for pixels of 1/512 of the lungs' width.
    saturated_share : float
        Share of the lungs' box at the value that most exposure gives.
    """

    signal_to_noise_db: float
    saturated_share: float


def deviation_index(tags: Mapping[str, Any]) -> float | None:
    """Return the deviation index, dB: from EI and target EI, else as the device states it."""
    index, target = _number(tags, "ExposureIndex"), _number(tags, "TargetExposureIndex")
    if index is not None and target is not None and index > 0 and target > 0:
        return 10.0 * math.log10(index / target)
    return _number(tags, "DeviationIndex")


def tells_exposure(radiograph: Radiograph) -> bool:
    """Say whether the noise in the pixels can still be the detector's.

    Eight bits round it away, lossy compression removes it, a converted picture had any window, and
    values linear in exposure have another zero.
    """
    tags = radiograph.tags
    image_type = tags.get("ImageType") or ()
    converted = bool(tags.get("ConversionType")) or "PICTURE" in image_type
    lossy = str(tags.get("LossyImageCompression") or "") == "01"
    linear = str(tags.get("PixelIntensityRelationship") or "").upper() == "LIN"
    return radiograph.bits_stored > 8 and not (converted or lossy or linear)


def lung_noise(part: NDArray[np.float32]) -> float:
    """Return the noise's standard deviation in the lungs (part: see dr_metrics.averaged)."""
    broad = ndi.gaussian_filter(part, 4.0)[2:-2, 2:-2]
    low, high = np.percentile(broad, _LUNG_GREYS)
    grain = noise_map(part)[(broad > low) & (broad < high)]
    return float(np.median(grain)) if grain.size else 0.0


def exposure_of_pixels(
    radiograph: Radiograph, chest: ChestBox, contrast: float, saturated_share: float
) -> PixelExposure | None:
    """Measure the exposure that the pixels show; None where they cannot tell.

    Parameters
    ----------
    contrast : float
        Of the chest, grey values (dr_metrics.contrast).
    saturated_share : float
        As in PixelExposure (dr_metrics.clipped_shares).
    """
    if not tells_exposure(radiograph):
        return None
    part = averaged(radiograph.pixels, chest)
    rows, columns = part.shape
    if columns < _LEAST_COLUMNS or rows < _LEAST_COLUMNS // 2:
        return None
    noise = lung_noise(part)
    if noise < _LEAST_NOISE or contrast <= 0:
        return None
    # White noise of a larger pixel is smaller in proportion to its side.
    ratio = contrast / noise * columns / FRAME
    return PixelExposure(20.0 * math.log10(ratio), saturated_share)


def judged_by_tags(index: float, limits: DrLimits) -> list[Reason]:
    """Return what a deviation index amounts to."""
    name = "deviation_index_db"
    if index < limits.di_reject_low:
        return [reason("DR_EXPOSURE_LOW", "reject", name, index, limits.di_reject_low)]
    if index < limits.di_warn_low:
        return [reason("DR_EXPOSURE_LOW", "warn", name, index, limits.di_warn_low)]
    if index > limits.di_warn_high:
        return [reason("DR_EXPOSURE_HIGH", "warn", name, index, limits.di_warn_high)]
    return []


def judged_by_pixels(found: PixelExposure | None, limits: DrLimits) -> list[Reason]:
    """Return what the pixels amount to where the header says nothing: a suspicion at most."""
    if found is None:
        return [reason("DR_EXPOSURE_NOT_TOLD", "info")]
    ratio, low, high = found.signal_to_noise_db, limits.snr_warn_low, limits.snr_warn_high
    if ratio < low:
        return [reason("DR_EXPOSURE_LOW_PIXELS", "warn", SIGNAL_TO_NOISE, ratio, low)]
    if ratio > high:
        return [reason("DR_EXPOSURE_HIGH_PIXELS", "warn", SIGNAL_TO_NOISE, ratio, high)]
    share, most = found.saturated_share, limits.clipped_low_warn
    if share > most:
        return [reason("DR_EXPOSURE_HIGH_PIXELS", "warn", "clipped_low_share", share, most)]
    return []


def _number(tags: Mapping[str, Any], keyword: str) -> float | None:
    try:
        value = float(tags[keyword])
    except (KeyError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
