"""What each of two modalities found, shown on the other: CT lesions on the radiograph with an
ellipse of their uncertainty, radiograph regions on the CT as a ray with the lesions it may mean.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from core.imaging.ct import CtFindings
from core.imaging.dr_ct import DrCtMap, DrCtSettings, map_dr_ct
from core.imaging.dr_regions import Region
from core.imaging.drr import Beam
from core.imaging.followup_match import Cloud, clouds_of
from core.imaging.register import Points
from core.imaging.result import Reason, Sentence, Status
from core.imaging.volume import Radiograph, Volume

METHOD, METHOD_VERSION = "dr-ct", "1"
LOW_AGREEMENT = Sentence(
    "胸片与 CT 无法可靠配准（可能不是同一患者、拍摄体位或病变相差过大），不作相互定位",
    "The radiograph and the CT cannot be registered reliably (another patient, posture or disease "
    "too different): neither is shown on the other",
)
NOT_ANALYSED = Sentence(
    "胸片或 CT 没有可用的分析结果，不作相互定位",
    "The radiograph or the CT has no usable analysis: neither is shown on the other",
)


@dataclass(frozen=True, slots=True)
class Projected:
    """A CT lesion on the radiograph.

    Attributes
    ----------
    lesion_id : int
    centre_px : (row, column) float
    box_px : (top, left, bottom, right) float
        Of the lesion itself.
    ellipse_px : (rows, columns) float
        Semi-axes about ``centre_px`` that hold the true centre with ``confidence``.
    confidence : float
    in_image : bool
    """

    lesion_id: int
    centre_px: tuple[float, float]
    box_px: tuple[float, float, float, float]
    ellipse_px: tuple[float, float]
    confidence: float
    in_image: bool


@dataclass(frozen=True, slots=True)
class RegionRay:
    """A radiograph region on the CT: a line through the chest, and what lies along it.

    Attributes
    ----------
    region : int
        Position in the radiograph's regions, from 0.
    front_mm, back_mm : (3,) float
        LPS where the region's central ray enters and leaves the lungs' depth.
    radius_mm : (across, along) float
        How far from the line the place may be: region's own half size and the uncertainty.
    lesion_ids : tuple of int
        CT lesions that the region may stand for, the nearest first.
    """

    region: int
    front_mm: tuple[float, float, float]
    back_mm: tuple[float, float, float]
    radius_mm: tuple[float, float]
    lesion_ids: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class DrCt:
    """A radiograph and a CT laid upon each other.

    Attributes
    ----------
    status : {"ok", "refused", "not_applicable"}
    reason : Reason or None
    lesions : tuple of Projected or None
    regions : tuple of RegionRay or None
        None also where the radiograph has no regions computed.
    map : DrCtMap or None
    seconds : dict
    """

    status: Status
    reason: Reason | None = None
    lesions: tuple[Projected, ...] | None = None
    regions: tuple[RegionRay, ...] | None = None
    map: DrCtMap | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return plain values with units in their names."""
        return {
            "status": self.status,
            "reason": None if self.reason is None else _reason_json(self.reason),
            "agreement": None if self.map is None else round(self.map.agreement, 3),
            "lesions": None if self.lesions is None else [_projected_json(p) for p in self.lesions],
            "regions": None if self.regions is None else [_ray_json(r) for r in self.regions],
            "method": {"model": METHOD, "version": METHOD_VERSION, "research_only": True},
        }


@dataclass(frozen=True, eq=False)
class Film:
    """An analysed radiograph.

    Attributes
    ----------
    radiograph : Radiograph
    regions : sequence of Region or None
        Where the score's heat lies; None where it was not computed.
    beam : Beam or None
        Its geometry; None = by its tags.
    """

    radiograph: Radiograph
    regions: Sequence[Region] | None = None
    beam: Beam | None = None


def lay_upon(
    film: Film,
    findings: CtFindings | None,
    volume: Volume,
    settings: DrCtSettings | None = None,
    clock: Callable[[], float] = perf_counter,
) -> DrCt:
    """Register a radiograph with a CT and show each one's findings on the other.

    Refused where the two agree too little; never raises for what the pictures hold.
    """
    settings = settings or DrCtSettings()
    if findings is None or findings.label_map is None or findings.lesions is None:
        return DrCt("not_applicable", _reason("DRCT_NOT_ANALYSED", NOT_ANALYSED))
    began = clock()
    found = map_dr_ct(film.radiograph, volume, film.beam, settings)
    spent = {"register": clock() - began}
    if found.agreement < settings.agreement:
        reason = _reason("DRCT_LOW_AGREEMENT", LOW_AGREEMENT, found.agreement, settings.agreement)
        return DrCt("refused", reason, map=found, seconds=spent)
    clouds = clouds_of(volume, findings.label_map, findings.lesions)
    lesions = tuple(projected(found, cloud, settings) for cloud in clouds)
    rays = None
    if film.regions is not None:
        rays = tuple(_ray(found, n, one, lesions, settings) for n, one in enumerate(film.regions))
    return DrCt("ok", None, lesions, rays, found, spent)


def projected(found: DrCtMap, cloud: Cloud, settings: DrCtSettings) -> Projected:
    """Return a CT lesion on the radiograph."""
    places = found.to_film(cloud.points)
    centre = places.mean(axis=0)
    low, high = places.min(axis=0), places.max(axis=0)
    across, along = _ellipse_mm(settings)
    semi = (along / found.film_mm, across / found.film_mm)
    rows, columns = found.shape_px
    inside = -0.5 <= centre[0] < rows - 0.5 and -0.5 <= centre[1] < columns - 0.5
    return Projected(
        cloud.lesion.id,
        (float(centre[0]), float(centre[1])),
        (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        semi,
        settings.confidence,
        bool(inside),
    )


def _ellipse_mm(settings: DrCtSettings) -> tuple[float, float]:
    """Return semi-axes (across, along) that hold the stated share of a two-dimensional Gauss."""
    factor = float(np.sqrt(-2.0 * np.log(1.0 - settings.confidence)))
    return settings.sigma_mm[0] * factor, settings.sigma_mm[1] * factor


def _ray(
    found: DrCtMap,
    number: int,
    region: Region,
    lesions: Sequence[Projected],
    settings: DrCtSettings,
) -> RegionRay:
    top, left, bottom, right = region.box_px
    centre = ((top + bottom) / 2, (left + right) / 2)
    across, along = _ellipse_mm(settings)
    half = ((bottom - top) / 2 * found.film_mm, (right - left) / 2 * found.film_mm)
    radius = (half[1] + across, half[0] + along)
    depth = found.projection.half_depth_mm
    ends: Points = found.ray_of(centre, np.array([-depth, depth]))
    near = []
    for lesion in lesions:
        away = (
            _beyond(centre[0], lesion.box_px[0], lesion.box_px[2]) * found.film_mm / radius[1],
            _beyond(centre[1], lesion.box_px[1], lesion.box_px[3]) * found.film_mm / radius[0],
        )
        distance = float(np.hypot(*away))
        if distance <= 1.0:
            near.append((distance, lesion.lesion_id))
    front, back = (tuple(float(v) for v in end) for end in ends)
    return RegionRay(
        number,
        (front[0], front[1], front[2]),
        (back[0], back[1], back[2]),
        radius,
        tuple(one for _, one in sorted(near)),
    )


def _beyond(value: float, low: float, high: float) -> float:
    """Return how far a value lies outside an interval."""
    return max(low - value, value - high, 0.0)


def _reason(
    code: str, sentence: Sentence, value: float | None = None, limit: float | None = None
) -> Reason:
    metric = None if value is None else "agreement"
    return Reason(code, "reject", sentence.zh, sentence.en, metric, value, limit)


def _reason_json(reason: Reason) -> dict[str, object]:
    return {
        "code": reason.code,
        "message_zh": reason.message_zh,
        "message_en": reason.message_en,
        "metric": reason.metric,
        "value": None if reason.value is None else round(reason.value, 3),
        "limit": reason.limit,
    }


def _projected_json(one: Projected) -> dict[str, object]:
    return {
        "lesion_id": one.lesion_id,
        "centre_px": [round(v, 1) for v in one.centre_px],
        "box_px": [round(v, 1) for v in one.box_px],
        "ellipse_px": [round(v, 1) for v in one.ellipse_px],
        "confidence": one.confidence,
        "in_image": one.in_image,
    }


def _ray_json(one: RegionRay) -> dict[str, object]:
    return {
        "region": one.region,
        "front_mm": [round(v, 1) for v in one.front_mm],
        "back_mm": [round(v, 1) for v in one.back_mm],
        "radius_mm": [round(v, 1) for v in one.radius_mm],
        "lesion_ids": list(one.lesion_ids),
    }
