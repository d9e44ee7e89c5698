"""Measures of one lesion: centroid, volume, RECIST axes, densities, wall of a cavity.

Axes follow RECIST 1.1 (Eisenhauer, Eur J Cancer 45:228, 2009): the longest diameter in any axial
slice and the longest extent perpendicular to it in the same slice. Array order (up, back, left).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from core.imaging.ct_grid import Mask

# The four midpoints of a pixel's edges: the outline of a voxelised disc passes through them, so a
# diameter taken between them is neither a pixel too long (corners) nor too short (centres).
EDGES = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])


@dataclass(frozen=True, slots=True)
class Axes:
    """In-plane diameters of one lesion and the slice they were taken in."""

    long_mm: float
    short_mm: float
    level: int


def recist_axes(mask: Mask, spacing_mm: tuple[float, float, float]) -> Axes:
    """Return the longest in-plane diameter over all slices, and the width across it there.

    ``mask`` is (slice, row, column) with at least one true voxel; zeros where it has none.
    """
    in_plane = np.asarray(spacing_mm[1:])
    best = Axes(0.0, 0.0, 0)
    areas = mask.sum(axis=(1, 2))
    for level in np.flatnonzero(areas):
        hull = _hull(mask[level], in_plane)
        if np.linalg.norm(np.ptp(hull, axis=0)) <= best.long_mm:
            continue  # the diagonal of its box bounds the diameter
        axes = _diameters(hull, int(level))
        if axes.long_mm > best.long_mm:
            best = axes
    return best


def centroid(mask: Mask) -> NDArray[np.float64]:
    """Return the mean (slice, row, column) index of the true voxels."""
    return np.asarray(np.argwhere(mask).mean(axis=0), dtype=np.float64)


def wall_thickness_mm(
    lumen: Mask, wall: Mask, spacing_mm: tuple[float, float, float]
) -> tuple[float, float]:
    """Return (mean, maximum) thickness of a cavity's wall, millimetres.

    For every outer-surface voxel of the wall the distance to the lumen is its local thickness; the
    maximum is the 98th percentile, so that one attached vessel does not decide it.
    """
    if not lumen.any() or not wall.any():
        return 0.0, 0.0
    whole = np.pad(lumen | wall, 1)
    surface = (whole & ~ndimage.binary_erosion(whole))[1:-1, 1:-1, 1:-1] & wall
    to_lumen = ndimage.distance_transform_edt(~lumen, sampling=spacing_mm)
    local = to_lumen[surface]
    if not len(local):
        return 0.0, 0.0
    return float(local.mean()), float(np.percentile(local, 98))


def density_shares(values: NDArray[np.float32]) -> dict[str, float]:
    """Return which part of a lesion is ground glass, solid and calcified (0…1).

    Limits: solid above -300 HU, calcified above 200 HU (usual in nodule volumetry and in
    calcification reading of non-contrast CT).
    """
    if not len(values):
        return {"ground_glass_share": 0.0, "solid_share": 0.0, "calcified_share": 0.0}
    return {
        "ground_glass_share": float(((values > -750) & (values <= -300)).mean()),
        "solid_share": float((values > -300).mean()),
        "calcified_share": float((values > 200).mean()),
    }


def shape_ratios(mask: Mask, spacing_mm: tuple[float, float, float]) -> tuple[float, float]:
    """Return (middle/longest, shortest/longest) standard deviation of the voxel cloud."""
    points = np.argwhere(mask) * np.asarray(spacing_mm)
    if len(points) < 2:
        return 1.0, 1.0
    spread = np.cov(points.T) + np.diag(np.asarray(spacing_mm) ** 2 / 12)
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 1e-6))
    return float(roots[1] / roots[2]), float(roots[0] / roots[2])


def _hull(plane: NDArray[np.bool_], in_plane_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return hull points of one slice's outline, millimetres."""
    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1)
    last = plane.shape[1] - 1 - plane[rows][:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)])
    points = (ends[:, None, :] + EDGES[None]).reshape(-1, 2) * in_plane_mm
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return np.asarray(points)


def _diameters(hull: NDArray[np.float64], level: int) -> Axes:
    distances = cdist(hull, hull)
    a, b = np.unravel_index(int(distances.argmax()), distances.shape)
    length = float(distances[a, b])
    way = (hull[b] - hull[a]) / max(length, 1e-9)
    return Axes(length, _longest_across(hull, way), level)


def _longest_across(hull: NDArray[np.float64], way: NDArray[np.float64]) -> float:
    """Return the longest chord of a convex hull perpendicular to a direction.

    The chord's length is piecewise linear between the hull's corners, so its maximum stands at one.
    """
    along = hull @ way
    across = hull @ np.array([-way[1], way[0]])
    closed_along, closed_across = np.append(along, along[0]), np.append(across, across[0])
    best = 0.0
    for place in along:
        hits = []
        for (a0, a1), (c0, c1) in zip(pairwise(closed_along), pairwise(closed_across), strict=True):
            if min(a0, a1) <= place <= max(a0, a1):
                share = 0.0 if a1 == a0 else (place - a0) / (a1 - a0)
                hits.append(c0 + share * (c1 - c0))
        best = max(best, max(hits) - min(hits))
    return float(best)
