"""Header facts of a study's instances to the summaries that the rules of choosing see. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.dicom.facts import ImageFacts, typical
from core.imaging.series import RADIOGRAPH_MODALITIES, SeriesSummary

_SAME_PLACE_MM = 0.01
# A hostile header must not overflow; no patient is 100 m long.
_FARTHEST_MM = 1e5


def summarise(facts: Sequence[ImageFacts]) -> list[SeriesSummary]:
    """Return one summary per series; of radiographs one per image."""
    grouped: dict[str, list[ImageFacts]] = {}
    summaries: list[SeriesSummary] = []
    for one in facts:
        if one.modality in RADIOGRAPH_MODALITIES:
            summaries.append(_film(one))
        else:
            grouped.setdefault(one.series_uid, []).append(one)
    return [*(_series(group) for group in grouped.values()), *summaries]


def _film(one: ImageFacts) -> SeriesSummary:
    return SeriesSummary(
        series_uid=one.series_uid,
        modality=one.modality,
        sop_class=one.sop_class,
        number=one.series_number * 10_000 + one.instance_number,
        sop_uid=one.sop_uid,
        image_type=one.image_type,
        body_part=one.body_part,
        view=one.view,
        intent=one.intent,
        acquisition=one.acquisition_number,
        conversion=one.conversion,
        has_pixels=one.has_pixels,
        series_described=one.series_description.lower(),
        described=one.described,
    )


def _series(group: Sequence[ImageFacts]) -> SeriesSummary:
    first = typical(group)
    slices, extent, normal_z = _places(group)
    return SeriesSummary(
        series_uid=first.series_uid,
        modality=first.modality,
        sop_class=first.sop_class,
        number=first.series_number,
        slices=slices,
        extent_mm=extent,
        thickness_mm=first.thickness_mm,
        normal_z=normal_z,
        kernel=first.kernel,
        contrast=any(one.contrast for one in group),
        image_type=first.image_type,
        body_part=first.body_part,
        has_pixels=first.has_pixels,
        series_described=first.series_description.lower(),
        described=first.described,
    )


def _places(group: Sequence[ImageFacts]) -> tuple[int, float, float | None]:
    """Return distinct places, extent in mm, and |cos| between normal and the long axis."""
    planes = [(one.position_mm, one.orientation) for one in group if not one.planes]
    planes += [(p.position_mm, p.orientation) for one in group for p in one.planes]
    placed = [(p, o) for p, o in planes if p is not None and o is not None and _sane(p, o)]
    if not placed:
        return len(group), 0.0, None
    # A localiser in the same series stands in another plane: the most common one counts.
    planes_seen = Counter(tuple(round(c, 2) for c in o) for _, o in placed)
    common = planes_seen.most_common(1)[0][0]
    placed = [(p, o) for p, o in placed if tuple(round(c, 2) for c in o) == common]
    cosines = np.array(placed[0][1])
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    if not 0.5 < length < 2:
        return len(group), 0.0, None
    along = np.sort(np.array([p for p, _ in placed]) @ (normal / length))
    distinct = 1 + int((np.diff(along) > _SAME_PLACE_MM).sum())
    return distinct, float(along[-1] - along[0]), abs(float(normal[2] / length))


def _sane(position: tuple[float, ...], cosines: tuple[float, ...]) -> bool:
    return max(map(abs, position)) < _FARTHEST_MM and max(map(abs, cosines)) <= 1.5
