"""One drawn lesion's numbers, from its outline and the images, by the function of the AI's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.imaging.measure_occupancy import margin_voxels
from core.imaging.measure_place import PLACE_CODES
from core.imaging.redraw import Ring, drawn_map, rings_of
from core.imaging.remeasure import remeasure
from core.imaging.result import Lesion
from core.imaging.volume import Volume
from edge.review.base import Base
from edge.review.errors import NoVoxel, OutlineUnusable
from edge.review.images import Part, StudyImages

MOST_RINGS = 64
MOST_POINTS = 4000
MOST_FRAMES = 1000
#: The lesion being measured has this label in its own small map; all others have the other one.
_OWN, _OTHER = 1, 2

Outlines = Mapping[str, Sequence[Sequence[Sequence[float]]]]


def checked(base: Base, lesion: int, outlines: Outlines) -> dict[int, list[Ring]]:
    """Return drawn outlines by slice index.

    Raises
    ------
    OutlineUnusable
    """
    if len(outlines) > MOST_FRAMES:
        raise OutlineUnusable(lesion=lesion, why=f"> {MOST_FRAMES}")
    found: dict[int, list[Ring]] = {}
    for frame, rings in outlines.items():
        if not rings:
            continue
        if frame not in base.index:
            raise OutlineUnusable(lesion=lesion, why="frame")
        if len(rings) > MOST_RINGS or any(not 3 <= len(r) <= MOST_POINTS for r in rings):
            raise OutlineUnusable(lesion=lesion, why="3 … 4000")
        arrays = rings_of(rings)
        if not all(np.isfinite(a).all() and np.abs(a).max() < 1e5 for a in arrays):
            raise OutlineUnusable(lesion=lesion, why="NaN")
        found[base.index[frame]] = arrays
    if not found:
        raise OutlineUnusable(lesion=lesion, why="0")
    return found


def measured(
    images: StudyImages, study: str, base: Base, lesion: Lesion, outlines: Outlines
) -> Lesion:
    """Return a lesion with the numbers of a drawn outline.

    Voxels inside the other lesions' outlines are not counted as its surroundings.

    Raises
    ------
    OutlineUnusable, NoVoxel, SlicesMissing
    """
    drawn = checked(base, lesion.id, outlines)
    first, last = min(drawn), max(drawn)
    part = images.part(study, base.planes, first, last)
    wide = margin_voxels(part.volume.spacing_mm)
    last_plane = len(base.planes) - 1
    first, last = max(0, first - wide[0]), min(last_plane, last + wide[0])
    part = images.part(study, base.planes, first, last)
    box = _box(part, (first, last), drawn, wide)
    volume = _cropped(part.volume, box)
    labels = _labels(volume, base, lesion.id, drawn, (part.first, box))
    if not (labels == _OWN).any():
        raise NoVoxel(lesion=lesion.id)
    (found,) = remeasure(volume, labels, (replace(lesion, id=_OWN),))
    return replace(found, id=lesion.id)


def _box(
    part: Part, ends: tuple[int, int], drawn: Mapping[int, list[Ring]], wide: tuple[int, int, int]
) -> tuple[slice, slice, slice]:
    points = np.concatenate([ring for rings in drawn.values() for ring in rings])
    sides = [slice(ends[0] - part.first, ends[1] + 1 - part.first)]
    for axis, size in ((1, part.volume.voxels.shape[1]), (2, part.volume.voxels.shape[2])):
        along = points[:, 2 - axis]
        low = int(np.floor(along.min())) - wide[axis]
        high = int(np.ceil(along.max())) + wide[axis] + 1
        sides.append(slice(min(max(0, low), size - 1), max(min(size, high), 1)))
    return sides[0], sides[1], sides[2]


def _cropped(volume: Volume, box: tuple[slice, slice, slice]) -> Volume:
    start = (float(box[0].start), float(box[1].start), float(box[2].start))
    corner = volume.to_lps(start)
    return replace(
        volume,
        voxels=volume.voxels[box],
        origin_mm=(float(corner[0]), float(corner[1]), float(corner[2])),
        uids=volume.uids[box[0]],
        frames=volume.frames[box[0]],
    )


def _labels(
    volume: Volume, base: Base, own: int, drawn: Mapping[int, list[Ring]],
    place: tuple[int, tuple[slice, slice, slice]],
) -> NDArray[np.uint16]:  # fmt: skip
    """Return the small map: other lesions first, the drawn one over them."""
    first, box = place
    start, corner = first + box[0].start, np.array([box[2].start, box[1].start], dtype=np.float64)
    depth = volume.voxels.shape[0]
    others: dict[int, dict[int, list[Ring]]] = {}
    for index in range(start, start + depth):
        for line in base.lines.get(f"{base.planes[index]}/1", []):
            if line["lesion"] != own:
                ring = rings_of([line["points"]])[0] - corner
                others.setdefault(line["lesion"], {}).setdefault(index - start, []).append(ring)
    labels = drawn_map(others, volume.voxels.shape)
    labels[labels > 0] = _OTHER
    mine = {index - start: [ring - corner for ring in rings] for index, rings in drawn.items()}
    labels[drawn_map({_OWN: mine}, volume.voxels.shape) == _OWN] = _OWN
    return labels


def started(base: Base, number: int, kind: str, location: str) -> Lesion:
    """Return the lesion that a drawn outline belongs to, before it is measured.

    What other sources said of a lesion of the base is kept while its kind is; of an added one
    nothing is known, its probability neither.
    """
    known = next((one for one in base.lesions if one["id"] == number), None)
    if known is None:
        return Lesion(number, kind, (0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, location, math.nan)
    lesion = lesion_of(known)
    if kind != lesion.kind:
        codes = {name: code for name, code in lesion.codes.items() if name in PLACE_CODES}
        lesion = replace(lesion, kind=kind, extra={}, intervals={}, codes=codes)
    return replace(lesion, location=location)


def lesion_of(one: dict[str, Any]) -> Lesion:
    """Return a lesion from its public form; a probability that nobody gave is not a number."""
    known = {**one, "centroid_mm": tuple(one["centroid_mm"])}
    if known["probability"] is None:
        known["probability"] = math.nan
    numbers = {k: v for k, v in known.get("extra", {}).items() if v is not None}
    intervals = {k: (v[0], v[1]) for k, v in known.get("intervals", {}).items() if None not in v}
    return Lesion(**{**known, "extra": numbers, "intervals": intervals})
