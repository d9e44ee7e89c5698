"""Measures of one lesion: centroid, volume, RECIST axes, densities, proportions.

Axes follow RECIST 1.1 (Eisenhauer, Eur J Cancer 45:228, 2009): the longest diameter in any axial
slice and the longest extent perpendicular to it in the same slice. Array order (up, back, left).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from core.imaging.ct_grid import Mask

HALF = 0.5
PERCENTILES = (5, 25, 50, 75, 95)
# Solid above -300 HU, calcified above 200 HU (usual in nodule volumetry and in calcification
# reading of non-contrast CT); aerated below -750 HU.
AIR_HU, SOLID_HU, CALCIFIED_HU = -750.0, -300.0, 200.0


@dataclass(frozen=True, slots=True)
class Axes:
    """In-plane diameters of one lesion and the slice they were taken in."""

    long_mm: float
    short_mm: float
    level: int


@dataclass(frozen=True)
class Chord:
    """A slice's longest diameter.

    Attributes
    ----------
    length_mm : float
    level : int
        The slice.
    hull : (n, 2) float
        Corners of the slice's convex hull, millimetres.
    way : (2,) float
        The diameter's unit direction.
    """

    length_mm: float
    level: int
    hull: NDArray[np.float64]
    way: NDArray[np.float64]


def recist_axes(share: Mask | NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> Axes:
    """Return the longest in-plane diameter over all slices, and the width across it there.

    ``share`` is (slice, row, column): how much of each voxel is filled, or a mask. The outline runs
    where half is filled, between pixels (as in marching squares), so that a diameter is neither a
    pixel too long nor too short. Zeros where nothing is filled.
    """
    in_plane = np.asarray(spacing_mm[1:])
    best = Chord(0.0, 0, np.zeros((1, 2)), np.zeros(2))
    boxes = {int(k): _box(share[k] > HALF) for k in range(len(share))}
    bounds = {k: _diagonal(box, in_plane) for k, box in boxes.items()}
    # The diagonal of its box bounds a slice's diameter: the widest first, most are never looked at.
    for level in sorted(bounds, key=lambda k: -bounds[k]):
        if bounds[level] <= best.length_mm:
            break
        chord = _longest(_hull(share[level][boxes[level]], in_plane), level)
        if chord.length_mm > best.length_mm:
            best = chord
    return Axes(best.length_mm, _longest_across(best.hull, best.way), best.level)


def centroid(share: Mask | NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean (slice, row, column) index, each voxel weighted by how full it is."""
    weights = np.maximum(np.asarray(share, dtype=np.float64), 0.0)
    total = max(float(weights.sum()), 1e-12)
    sums = [weights.sum(axis=tuple(k for k in range(3) if k != axis)) for axis in range(3)]
    return np.array([float(s @ np.arange(len(s))) / total for s in sums])


def density_shares(values: NDArray[Any]) -> dict[str, float]:
    """Return which part of a lesion is air, ground glass, solid and calcified (0 to 1)."""
    names = ("air_share", "ground_glass_share", "solid_share", "calcified_share")
    if not len(values):
        return dict.fromkeys(names, 0.0)
    parts = (
        values <= AIR_HU,
        (values > AIR_HU) & (values <= SOLID_HU),
        values > SOLID_HU,
        values > CALCIFIED_HU,
    )
    return {name: float(part.mean()) for name, part in zip(names, parts, strict=True)}


def density_statistics(values: NDArray[Any]) -> dict[str, float]:
    """Return standard deviation and percentiles, HU (IBSI 3.3: population form, linear)."""
    if not len(values):
        return {}
    at = np.percentile(values, PERCENTILES)
    spread = {"hu_sd": float(np.std(values, dtype=np.float64))}
    return spread | {f"hu_p{q}": float(v) for q, v in zip(PERCENTILES, at, strict=True)}


def shape_ratios(mask: Mask, spacing_mm: tuple[float, float, float]) -> tuple[float, float]:
    """Return (middle/longest, shortest/longest) standard deviation of the voxel cloud."""
    points = np.argwhere(mask) * np.asarray(spacing_mm)
    if len(points) < 2:
        return 1.0, 1.0
    spread = np.cov(points.T) + np.diag(np.asarray(spacing_mm) ** 2 / 12)
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 1e-6))
    return float(roots[1] / roots[2]), float(roots[0] / roots[2])


def _box(filled: Mask) -> tuple[slice, slice]:
    """Return the box of a slice's filled pixels and one more on each side; empty where none is."""
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, rows[0] - 1), int(rows[-1]) + 2),
        slice(max(0, columns[0] - 1), int(columns[-1]) + 2),
    )


def _diagonal(box: tuple[slice, slice], in_plane_mm: NDArray[np.float64]) -> float:
    return float(np.linalg.norm([part.stop - part.start for part in box] * in_plane_mm))


def _hull(plane: NDArray[Any], in_plane_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return hull points of one slice's half-filled outline, millimetres."""
    field = np.pad(plane.astype(np.float64), 1)
    points = np.concatenate([_crossings(field), _crossings(field.T)[:, ::-1]]) * in_plane_mm
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return np.asarray(points)


def _crossings(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (row, column) where the field passes one half between two rows."""
    low, high = field[:-1], field[1:]
    rows, columns = np.nonzero((low > HALF) != (high > HALF))
    a, b = low[rows, columns], high[rows, columns]
    return np.stack([rows + (HALF - a) / (b - a), columns.astype(np.float64)], axis=1)


def _longest(hull: NDArray[np.float64], level: int) -> Chord:
    distances = cdist(hull, hull)
    a, b = np.unravel_index(int(distances.argmax()), distances.shape)
    length = float(distances[a, b])
    return Chord(length, level, hull, (hull[b] - hull[a]) / max(length, 1e-9))


def _longest_across(hull: NDArray[np.float64], way: NDArray[np.float64]) -> float:
    """Return the longest chord of a convex hull perpendicular to a direction.

    The chord's length is piecewise linear between the hull's corners, so its maximum stands at one.
    """
    along = hull @ way
    across = hull @ np.array([-way[1], way[0]])
    a0, a1 = along, np.roll(along, -1)
    c0, c1 = across, np.roll(across, -1)
    place = along[:, None]
    level = np.isclose(a0, a1)
    part = (place - a0) / np.where(level, 1.0, a1 - a0)
    met = (np.minimum(a0, a1) <= place) & (place <= np.maximum(a0, a1))
    hits = np.where(level, c0, c0 + part * (c1 - c0))
    most = np.where(met, hits, -np.inf).max(axis=1)
    least = np.where(met, hits, np.inf).min(axis=1)
    return float(max(0.0, (most - least).max()))
