"""Lobes and approximate segments of the lungs. Axis order (up, back, left).

Lobes are divided by the fissures of :mod:`core.imaging.fissures`. Segments have no visible border
on CT: each lobe is divided by the direction from its hilum, so they are approximate and say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box
from core.imaging.fissures import HORIZONTAL, OBLIQUE, fit_fissure, plate_response
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, Labels
from core.imaging.result import Sentence

Spacing = tuple[float, float, float]

RUL, RML, RLL, LUL, LLL = 1, 2, 3, 4, 5
LOBES: dict[int, str] = {
    RUL: "right_upper_lobe",
    RML: "right_middle_lobe",
    RLL: "right_lower_lobe",
    LUL: "left_upper_lobe",
    LLL: "left_lower_lobe",
}
LOBE_NAMES: dict[str, Sentence] = {
    "right_upper_lobe": Sentence("右肺上叶", "right upper lobe"),
    "right_middle_lobe": Sentence("右肺中叶", "right middle lobe"),
    "right_lower_lobe": Sentence("右肺下叶", "right lower lobe"),
    "left_upper_lobe": Sentence("左肺上叶", "left upper lobe"),
    "left_lower_lobe": Sentence("左肺下叶", "left lower lobe"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A bronchopulmonary segment.

    Attributes
    ----------
    lobe : int
    code : str
        With Boyden's number.
    zh, en : str
    way : (3,) float
        Towards (up, back, away from the midline) from the lobe's hilum.
    """

    lobe: int
    code: str
    zh: str
    en: str
    way: tuple[float, float, float]


SEGMENTS: dict[int, Segment] = {
    1: Segment(RUL, "right_s1", "右肺上叶尖段", "right S1 apical", (1.0, 0.1, 0.25)),
    2: Segment(RUL, "right_s2", "右肺上叶后段", "right S2 posterior", (0.25, 0.9, 0.5)),
    3: Segment(RUL, "right_s3", "右肺上叶前段", "right S3 anterior", (0.05, -0.9, 0.4)),
    4: Segment(RML, "right_s4", "右肺中叶外侧段", "right S4 lateral", (-0.1, -0.2, 1.0)),
    5: Segment(RML, "right_s5", "右肺中叶内侧段", "right S5 medial", (-0.35, -0.95, 0.1)),
    6: Segment(RLL, "right_s6", "右肺下叶背段", "right S6 superior", (0.55, 0.8, 0.25)),
    7: Segment(RLL, "right_s7", "右肺下叶内基底段", "right S7 medial basal", (-0.9, 0.0, -0.25)),
    8: Segment(
        RLL, "right_s8", "右肺下叶前基底段", "right S8 anterior basal", (-0.75, -0.35, 0.55)
    ),
    9: Segment(RLL, "right_s9", "右肺下叶外基底段", "right S9 lateral basal", (-0.75, 0.2, 0.65)),
    10: Segment(
        RLL, "right_s10", "右肺下叶后基底段", "right S10 posterior basal", (-0.75, 0.65, 0.2)
    ),
    11: Segment(LUL, "left_s1_2", "左肺上叶尖后段", "left S1+2 apicoposterior", (0.95, 0.4, 0.2)),
    12: Segment(LUL, "left_s3", "左肺上叶前段", "left S3 anterior", (0.35, -0.85, 0.4)),
    13: Segment(LUL, "left_s4", "左肺上叶上舌段", "left S4 superior lingular", (-0.3, -0.6, 0.7)),
    14: Segment(LUL, "left_s5", "左肺上叶下舌段", "left S5 inferior lingular", (-0.75, -0.65, 0.3)),
    15: Segment(LLL, "left_s6", "左肺下叶背段", "left S6 superior", (0.55, 0.8, 0.25)),
    16: Segment(
        LLL, "left_s7_8", "左肺下叶前内基底段", "left S7+8 anteromedial basal", (-0.8, -0.35, 0.3)
    ),
    17: Segment(LLL, "left_s9", "左肺下叶外基底段", "left S9 lateral basal", (-0.75, 0.2, 0.65)),
    18: Segment(
        LLL, "left_s10", "左肺下叶后基底段", "left S10 posterior basal", (-0.75, 0.65, 0.2)
    ),
}

_OBLIQUE_SLOPES = ((0.6, 0.0), (1.1, 0.2), (1.1, -0.2), (1.8, 0.0))
_HORIZONTAL_SLOPES = ((0.0, 0.0), (-0.45, 0.2), (-0.45, -0.2), (0.2, 0.0))


@dataclass(frozen=True, eq=False)
class LobeMap:
    """Lobes on the working grid.

    Attributes
    ----------
    lobes : (up, back, left) uint8
        1 RUL, 2 RML, 3 RLL, 4 LUL, 5 LLL, 0 outside the lungs.
    seen : dict
        Share (0…1) of each fissure's surface that was seen and not interpolated:
        ``right_oblique``, ``right_horizontal``, ``left_oblique``; a lung that is missing has none.
    """

    lobes: Labels
    seen: dict[str, float]


def find_lobes(voxels: Hounsfield, lungs: Labels, vessels: Mask, spacing_mm: Spacing) -> LobeMap:
    """Divide lungs into lobes.

    Parameters
    ----------
    voxels : (up, back, left) float32
        Hounsfield units on a grid of about 2 mm.
    lungs : uint8
        1 right, 2 left, 3 airways (an airway gets no lobe).
    vessels : bool
    """
    out = np.zeros(lungs.shape, dtype=np.uint8)
    seen: dict[str, float] = {}
    for side in (RIGHT, LEFT):
        mask = lungs == side
        if not mask.any():
            continue
        box = bounding_box(mask, (2, 2, 2))
        part, found = _one_lung(voxels[box], mask[box], vessels[box], spacing_mm, side)
        target = out[box]
        target[part > 0] = part[part > 0]
        seen.update(found)
    return LobeMap(out, seen)


def _one_lung(
    voxels: Hounsfield, lung: Mask, vessels: Mask, spacing_mm: Spacing, side: int
) -> tuple[Labels, dict[str, float]]:
    plate = plate_response(voxels, lung, spacing_mm, _OBLIQUE_SLOPES)
    oblique = fit_fissure(plate, vessels, lung, spacing_mm, OBLIQUE)
    upper = lung & oblique.above(lung.shape)
    out = np.zeros(lung.shape, dtype=np.uint8)
    if side == LEFT:
        out[lung] = LLL
        out[upper] = LUL
        return out, {"left_oblique": oblique.seen}
    out[lung] = RLL
    out[upper] = RUL
    seen = {"right_oblique": oblique.seen}
    if upper.any():
        flat = plate_response(voxels, lung, spacing_mm, _HORIZONTAL_SLOPES)
        gap = np.arange(lung.shape[0])[:, None, None] - oblique.height[None]
        flat[gap * spacing_mm[0] < 8.0] = 0  # what is left of the oblique fissure itself
        level = _whole_height(lung, upper)
        horizontal = fit_fissure(flat, vessels, level, spacing_mm, HORIZONTAL)
        out[upper & ~horizontal.above(lung.shape)] = RML
        seen["right_horizontal"] = horizontal.seen
    return out, seen


def _whole_height(lung: Mask, upper: Mask) -> Mask:
    """Return the part above the oblique fissure, with the lung's lowest voxel kept in.

    Heights of the horizontal fissure are shares of the whole lung's height.
    """
    out = upper.copy()
    low = int(np.flatnonzero(lung.any(axis=(1, 2)))[0])
    rows, lefts = np.nonzero(upper.any(axis=0))
    out[low, rows[:1], lefts[:1]] = True
    return out


def find_segments(lobes: Labels, lungs: Labels, spacing_mm: Spacing) -> Labels:
    """Divide lobes into approximate segments 1…18 by direction from each lobe's hilum.

    A lobe's hilum is the part of it nearest to the carina's height in the midline (or to the centre
    of both lungs where no airway was found). The division ignores bronchi: it is geometric.
    """
    out = np.zeros(lobes.shape, dtype=np.uint8)
    centre = _carina(lungs)
    step = np.asarray(spacing_mm)
    for lobe in LOBES:
        points = np.argwhere(lobes == lobe)
        if not len(points):
            continue
        away = np.linalg.norm((points - centre) * step, axis=1)
        hilum = points[away <= np.percentile(away, 2)].mean(axis=0)
        ways = (points - hilum) * step
        # Lobes are not round: each axis counts by the lobe's own reach.
        ways = ways / np.maximum(np.percentile(np.abs(ways), 90, axis=0), 1.0)
        if lobe in (RUL, RML, RLL):
            ways[:, 2] = -ways[:, 2]
        ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-6)
        numbers = [n for n, segment in SEGMENTS.items() if segment.lobe == lobe]
        axes = np.array([SEGMENTS[n].way for n in numbers])
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        best = np.asarray(numbers, dtype=np.uint8)[np.argmax(ways @ axes.T, axis=1)]
        out[tuple(points.T)] = best
    return out


def _carina(lungs: Labels) -> NDArray[np.float64]:
    """Return the index of the carina: the lowest level where the airways are still one piece."""
    air = lungs == AIRWAYS
    both = (lungs == RIGHT) | (lungs == LEFT)
    source = air if air.any() else both
    if not source.any():
        return np.zeros(3)
    levels = np.flatnonzero(source.any(axis=(1, 2)))
    if not air.any():
        return np.asarray(np.argwhere(both).mean(axis=0))
    for level in levels[::-1].tolist():
        _, count = ndimage.label(air[level])
        wide = np.ptp(np.flatnonzero(air[level].any(axis=0)))
        if count >= 2 and wide >= 8:
            return np.array([level, *np.argwhere(air[level]).mean(axis=0)])
    return np.array([levels[0], *np.argwhere(air[int(levels[0])]).mean(axis=0)])
