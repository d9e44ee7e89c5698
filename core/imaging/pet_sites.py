"""Where uptake is looked for and where it is the body's own: rough regions from the CT's lungs.

Regions on a CT grid of about 4 mm, order (up, back, left): the lungs, what lies between them, the
heart, the liver and what else lies below the diaphragm, the chest wall. They are made to tell
physiological uptake from a focus, not to measure organs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Mask, bounding_box, dilate, erode
from core.imaging.lungs import LEFT, RIGHT, LungMap

OUTSIDE: Final = 0
LUNG_RIGHT: Final = 1
LUNG_LEFT: Final = 2
MEDIASTINUM: Final = 3
HEART: Final = 4
LIVER: Final = 5
ABDOMEN: Final = 6
WALL: Final = 7
Sites = NDArray[np.uint8]

_LIVER_HU: Final = (0.0, 200.0)
_SOFT_HU: Final = -50.0


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """Sizes that decide, mm: a heart holds a ball of 22 mm radius, a liver dome one of 12 mm;
    the dome is taken over 40 mm, so that a mass on the diaphragm is not counted as below it.
    """

    heart_ball_mm: float = 22.0
    heart_top_share: float = 0.65
    liver_ball_mm: float = 12.0
    dome_mm: float = 40.0
    inner_mm: float = 15.0


def find_sites(grid: Grid, lungs: LungMap, limits: SiteLimits | None = None) -> Sites:
    """Return the regions of a chest CT; all 0 where there is no lung.

    Parameters
    ----------
    grid : Grid
        Hounsfield units, about 4 mm.
    lungs : LungMap
        On that grid.
    """
    limits = limits or SiteLimits()
    out = np.zeros(grid.voxels.shape, dtype=np.uint8)
    if not lungs.lungs.any():
        return out
    thorax = _thorax(lungs.lungs)
    below = _below(lungs, grid, limits)
    out[lungs.body] = WALL
    out[thorax & lungs.body] = MEDIASTINUM
    heart = _heart(grid, thorax & lungs.body & ~lungs.lungs & ~below, lungs, limits)
    out[heart] = HEART
    out[below & lungs.body] = ABDOMEN
    out[_liver(grid, below & lungs.body, lungs, limits)] = LIVER
    out[lungs.labels == RIGHT] = LUNG_RIGHT
    out[lungs.labels == LEFT] = LUNG_LEFT
    return out


def _thorax(lungs: Mask) -> Mask:
    """Return the convex hull of both lungs in each axial slice."""
    from skimage.morphology import convex_hull_image  # heavy: only where a PET is fused

    out = np.zeros_like(lungs)
    for level in np.flatnonzero(lungs.any(axis=(1, 2))).tolist():
        plane = lungs[level]
        if np.ptp(np.flatnonzero(plane.any(0))) < 2 or np.ptp(np.flatnonzero(plane.any(1))) < 2:
            continue  # a line has no hull
        out[level] = convex_hull_image(plane)
    return out


def _below(lungs: LungMap, grid: Grid, limits: SiteLimits) -> Mask:
    """Return what lies below the diaphragm.

    Each column's floor is its lowest lung voxel, lowered to what is usual around it and to the dome
    of its side; the dome is read off the lung's back half, where no heart lies under lung. A column
    without lung takes the domes' mean.
    """
    columns = lungs.lungs.any(axis=0)
    floor = np.where(columns, lungs.lungs.argmax(axis=0), np.inf)
    reach = max(3, round(limits.dome_mm / grid.spacing_mm[1]) | 1)
    usual = ndimage.percentile_filter(floor, 20, size=reach)
    side = np.zeros(columns.shape, dtype=np.uint8)
    domes = []
    for label in (RIGHT, LEFT):
        here = (lungs.labels == label).any(axis=0)
        if here.any():
            dome = _dome(np.where(here, floor, np.inf), grid, limits)
            floor = np.where(here & (side == 0), np.minimum(floor, dome), floor)
            side[here] = label
            domes.append(dome)
    floor = np.where(columns, np.minimum(floor, usual + 2), float(np.mean(domes)))
    levels = np.arange(lungs.labels.shape[0])[:, None, None]
    return np.asarray((levels < floor[None]) & ~lungs.lungs)


def _dome(floor: NDArray[np.float64], grid: Grid, limits: SiteLimits) -> float:
    """Return the height of one side's dome: near the top of the floor of its back half."""
    here = np.isfinite(floor)
    deep = ndimage.distance_transform_edt(here, sampling=grid.spacing_mm[1:])
    inner = deep >= min(limits.inner_mm, float(deep.max()) / 2)
    rows = np.nonzero(inner)[0]
    back = inner & (np.arange(here.shape[0])[:, None] >= np.median(rows))
    return float(np.percentile(floor[back], 80))


def _heart(grid: Grid, between: Mask, lungs: LungMap, limits: SiteLimits) -> Mask:
    """Return the largest bulky piece of soft tissue between the lungs' lower parts."""
    levels = np.flatnonzero(lungs.lungs.any(axis=(1, 2)))
    top = int(levels[0] + limits.heart_top_share * (levels[-1] - levels[0]))
    soft = between & (grid.voxels > _SOFT_HU)
    soft[top:] = False
    return _bulk(soft, limits.heart_ball_mm, grid)


def _liver(grid: Grid, below: Mask, lungs: LungMap, limits: SiteLimits) -> Mask:
    """Return the largest even piece of soft tissue under the right lung."""
    low, high = _LIVER_HU
    under = below & (lungs.labels == RIGHT).any(axis=0)[None]
    smooth = ndimage.uniform_filter(grid.voxels, 3)
    return _bulk(under & (smooth > low) & (smooth < high), limits.liver_ball_mm, grid)


def _bulk(soft: Mask, ball_mm: float, grid: Grid) -> Mask:
    """Return the largest piece that holds a ball, opened with it."""
    out = np.zeros_like(soft)
    if not soft.any():
        return out
    margin = [ceil(mm) for mm in grid.steps(ball_mm)]
    box = bounding_box(soft, (margin[0], margin[1], margin[2]))
    part = soft[box]
    labels, count = ndimage.label(erode(part, ball_mm, grid.spacing_mm))
    if count:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        out[box] = dilate(labels == int(sizes.argmax()), ball_mm, grid.spacing_mm) & part
    return out
