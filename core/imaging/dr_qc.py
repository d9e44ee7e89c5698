"""Quality of a radiograph: rules that turn measured quantities and tags into coded reasons. Pure.

The verdict advises. Sources: IEC 62494-1 and AAPM TG-116 for the deviation index; positioning after
the usual chest criteria; the pixel limits are measured (docs/imaging/dr-quality.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.imaging.dr_chest import ChestFit, fit_chest, turned_score
from core.imaging.dr_errors import RadiographUnusable
from core.imaging.dr_exposure import (
    SIGNAL_TO_NOISE,
    deviation_index,
    exposure_of_pixels,
    judged_by_pixels,
    judged_by_tags,
)
from core.imaging.dr_limits import DrLimits, SiteLimits
from core.imaging.dr_lungs import LungFields
from core.imaging.dr_metrics import (
    Floats,
    averaged,
    base_drop,
    chest_frame,
    clipped_shares,
    contrast,
    cut_shares,
    exposed_field,
    grey_span,
    noise_level,
    sharpness,
)
from core.imaging.dr_qc_artefacts import judged_artefacts, thorax_in_frame
from core.imaging.dr_qc_position import judged_position
from core.imaging.dr_qc_view import judged_view
from core.imaging.dr_sentences import above, below, reason
from core.imaging.result import QcResult, Reason, verdict_of
from core.imaging.volume import Radiograph

_CHEST_PARTS = ("CHEST", "THORAX", "LUNG", "胸", "肺")
_FRONTAL = frozenset({"PA", "AP", ""})
_SMALLEST_SIDE = 64
# Only a match below this is worth the second look at turned pictures.
_DOUBTFUL = 0.80
NOT_A_CHEST = frozenset({"DR_BODY_PART", "DR_NOT_CHEST", "DR_VIEW_LATERAL", "DR_QC_PHANTOM"})


def assess_dr(
    radiograph: Radiograph,
    limits: DrLimits | SiteLimits | None = None,
    lungs: LungFields | None = None,
) -> QcResult:
    """Judge one radiograph.

    Parameters
    ----------
    radiograph : Radiograph
        Dense anatomy high.
    limits : DrLimits, SiteLimits or None
        The site's; None for the defaults.
    lungs : LungFields or None
        Of the lung network; without them position is judged by the template, more coarsely, and
        the kind of view by the header and the template.

    Raises
    ------
    RadiographUnusable
        The array is no picture.
    """
    check_usable(radiograph)
    return assess_fitted(radiograph, fit_chest(radiograph.pixels), limits, lungs)


def assess_fitted(
    radiograph: Radiograph,
    chest: ChestFit,
    limits: DrLimits | SiteLimits | None = None,
    lungs: LungFields | None = None,
) -> QcResult:
    """As :func:`assess_dr`, for a chest that has been found already."""
    chosen = limits or DrLimits()
    if isinstance(chosen, SiteLimits):
        chosen = chosen.for_tags(radiograph.tags)
    metrics = {"chest_match": chest.score, "reversed_match": chest.inverted_score}
    reasons = _by_tags(radiograph.tags)
    if lungs is not None and lungs.answer is not None:
        turned = _turned(radiograph, chest, metrics)
        reasons += judged_view(lungs.answer, chest, turned, chosen, metrics)
    else:
        reasons += _kind_of_picture(radiograph, chest, chosen, metrics)
    if not any(found.severity == "reject" for found in reasons):
        # Made once for all: resampling a full-size detector image takes longest.
        frame = chest_frame(radiograph.pixels, chest.box)
        picture = _picture(radiograph, chest, frame, chosen, metrics)
        reasons += _exposure(radiograph, chest, frame, chosen, metrics) + picture
        field = exposed_field(radiograph.pixels)
        if lungs is not None and lungs.answer is not None:
            reasons += judged_position(lungs, field, chosen, metrics)
        else:
            reasons += _positioning(radiograph, chest, chosen, metrics)
        thorax = None if lungs is None else thorax_in_frame(lungs.mask, chest.box)
        reasons += judged_artefacts(radiograph.pixels, field, frame, chosen, metrics, thorax)
    return QcResult(verdict_of(tuple(reasons)), tuple(reasons), metrics)


def check_usable(radiograph: Radiograph) -> None:
    """Raise RadiographUnusable unless the array is a picture."""
    pixels = radiograph.pixels
    if pixels.ndim != 2 or min(pixels.shape, default=0) < _SMALLEST_SIDE:
        raise RadiographUnusable(what=f"shape {pixels.shape}")
    if not np.isfinite(pixels).all():
        raise RadiographUnusable(what="not finite")
    if float(pixels.max()) <= float(pixels.min()):
        raise RadiographUnusable(what="one grey value")


def _by_tags(tags: Mapping[str, Any]) -> list[Reason]:
    part = str(tags.get("BodyPartExamined") or "").upper().strip()
    view = str(tags.get("ViewPosition") or "").upper().strip()
    found = []
    if part and not any(word in part for word in _CHEST_PARTS):
        found.append(reason("DR_BODY_PART", "reject"))
    if view in {"LL", "RL", "LLD", "RLD", "LATERAL", "LAT", "RLO", "LLO", "RAO", "LAO"}:
        found.append(reason("DR_VIEW_LATERAL", "reject"))
    elif view not in _FRONTAL:
        found.append(reason("DR_VIEW_UNKNOWN", "info"))
    if str(tags.get("QualityControlImage") or "").upper() == "YES":
        found.append(reason("DR_QC_PHANTOM", "reject"))
    return found


def _turned(radiograph: Radiograph, chest: ChestFit, metrics: dict[str, float]) -> float:
    """Return the best match of the turned picture; -1 where the upright one matches well."""
    if chest.score >= _DOUBTFUL:
        return -1.0
    found = turned_score(radiograph.pixels, chest.score)
    metrics["turned_match"] = found
    return found


def _kind_of_picture(
    radiograph: Radiograph, chest: ChestFit, limits: DrLimits, metrics: dict[str, float]
) -> list[Reason]:
    turned = _turned(radiograph, chest, metrics)
    gain = chest.inverted_score - chest.score
    if gain >= limits.polarity_margin and chest.inverted_score >= max(limits.chest_reject, turned):
        return [reason("DR_POLARITY", "reject", "reversed_gain", gain, limits.polarity_margin)]
    drop = base_drop(radiograph.pixels, chest.box)
    metrics["base_drop_rank"] = drop
    gain = turned - chest.score if turned >= limits.chest_reject else 0.0
    if drop > limits.base_drop_reject and gain <= limits.chest_turned_reject:
        name = "base_drop_rank"
        return [reason("DR_CUT_BASES", "reject", name, drop, limits.base_drop_reject)]
    found = above(
        "DR_TURNED", "turned_gain", gain, limits.chest_turned_warn, limits.chest_turned_reject
    )
    if found:
        return found
    if chest.score < limits.chest_reject:
        return [
            reason("DR_NOT_CHEST", "reject", "chest_match", chest.score, limits.chest_reject),
        ]
    return []


def _exposure(
    radiograph: Radiograph,
    chest: ChestFit,
    frame: Floats,
    limits: DrLimits,
    metrics: dict[str, float],
) -> list[Reason]:
    """Judge exposure by the header where it says something, else by pixels; the range used."""
    index = deviation_index(radiograph.tags)
    pixels = exposure_of_pixels(
        radiograph, chest.box, contrast(frame), metrics["clipped_low_share"]
    )
    if pixels is not None:
        metrics[SIGNAL_TO_NOISE] = pixels.signal_to_noise_db
    full = 2.0**radiograph.bits_stored - 1
    span = grey_span(radiograph.pixels, chest.box, full)
    metrics["grey_span_share"] = span
    if index is not None:
        metrics["deviation_index_db"] = index
        return judged_by_tags(index, limits)
    found = judged_by_pixels(pixels, limits)
    # A raw detector image uses little of its range by design: where the tags vouch for the
    # exposure, or the picture has many bits, a narrow range is no finding.
    if radiograph.bits_stored <= 8:
        found += below("DR_CONTRAST_LOW", "grey_span", span, limits.span_warn, limits.span_reject)
    return found


def _picture(
    radiograph: Radiograph,
    chest: ChestFit,
    frame: Floats,
    limits: DrLimits,
    metrics: dict[str, float],
) -> list[Reason]:
    low, high = clipped_shares(radiograph.pixels, chest.box)
    sharp = sharpness(frame)
    noise = noise_level(averaged(radiograph.pixels, chest.box)) / max(contrast(frame), 1e-6)
    metrics |= {
        "clipped_low_share": low,
        "clipped_high_share": high,
        "sharpness_log_ratio": sharp,
        "noise_share": noise,
    }
    by = limits
    dark, white = (
        (by.clipped_low_warn, by.clipped_low_reject),
        (
            by.clipped_high_warn,
            by.clipped_high_reject,
        ),
    )
    found = above("DR_CLIPPED_LOW", "clipped_low_share", low, *dark)
    found += above("DR_CLIPPED_HIGH", "clipped_high_share", high, *white)
    found += below("DR_BLUR", "sharpness_log_ratio", sharp, by.sharp_warn, by.sharp_reject)
    found += above("DR_NOISE", "noise_share", noise, by.noise_warn, by.noise_reject)
    return found


def _positioning(
    radiograph: Radiograph, chest: ChestFit, limits: DrLimits, metrics: dict[str, float]
) -> list[Reason]:
    codes = {
        "apices": "DR_CUT_APICES",
        "bases": "DR_CUT_BASES",
        "image_left": "DR_CUT_SIDE",
        "image_right": "DR_CUT_SIDE",
    }
    found: list[Reason] = []
    for side, share in cut_shares(radiograph.pixels, chest.box).items():
        metrics[f"cut_{side}_share"] = share
        name = f"cut_{side}_share"
        found += above(codes[side], name, share, limits.cut_warn, limits.cut_reject)
    drop = metrics["base_drop_rank"]
    if drop > limits.base_drop_warn and not any(r.code == "DR_CUT_BASES" for r in found):
        name = "base_drop_rank"
        found.append(reason("DR_CUT_BASES", "warn", name, drop, limits.base_drop_warn))
    return found
