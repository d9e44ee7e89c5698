"""Lesions painted into voxels with exact partial volume: every edge voxel is supersampled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from core.phantom import tissue
from core.phantom.anatomy import Build
from core.phantom.lesion_shapes import MATERIALS, Shape, materials_at
from core.phantom.miliary import balls_of, paint_balls
from core.phantom.tubes import Slab

_SUB = (-1.0 / 3.0, 0.0, 1.0 / 3.0)


def paint_lesion(
    slab: Slab,
    labels: NDArray[np.uint8],
    build: Build,
    shape: Shape,
    number: int,
    voxel_mm: tuple[float, float, float],
) -> None:
    """Paint one lesion into a slab and its label map, in place.

    Parameters
    ----------
    labels : (slice, row, column) uint8 ndarray
        Receives ``number`` where at least half of the voxel is lesion.
    voxel_mm : (slice, row, column) float
        Size of a voxel; the slice's is its thickness.
    """
    if shape.spec.kind == "miliary":
        paint_balls(slab, labels, balls_of(shape.spec, build), number, voxel_mm)
        return
    low, high = shape.box_mm
    where = slab.box(low - max(voxel_mm), high + max(voxel_mm))
    hu = slab.hu[where]
    if hu.size == 0:
        return
    x = slab.x[where[2]][None, None, :].astype(np.float32)
    y = slab.y[where[1]][None, :, None].astype(np.float32)
    z = slab.heights(where[1], where[0]).astype(np.float32)
    material = np.broadcast_to(materials_at(shape, build, x, y, z), hu.shape)
    values = np.concatenate([[0.0], MATERIALS[shape.spec.kind]]).astype(np.float32)
    share = (material > 0).astype(np.float32)
    mixed = values[material]
    if shape.spec.kind in ("tree_in_bud", "fibrosis") or hu.shape[0] < 3:
        edge = np.ones(hu.shape, dtype=bool)
    else:
        edge = maximum_filter(material, 3) != minimum_filter(material, 3)
        edge[[0, -1]] = True  # neighbours beyond the slab are unknown
    at = np.nonzero(edge)
    points = (x[0, 0, at[2]], y[0, at[1], 0], z[at[0], np.minimum(at[1], z.shape[1] - 1), 0])
    share[at], mixed[at] = _supersample(shape, build, points, voxel_mm, values)
    hu += share * (mixed - hu)
    inside = share >= 0.5
    labels[where][inside] = number
    if shape.spec.kind in ("pleural_effusion", "pleural_thickening"):
        # It lies in the pleural space: what it fills is no longer lung.
        slab.organs[where][inside] &= np.uint8(255 - tissue.LUNG_LEFT - tissue.LUNG_RIGHT)


def _supersample(
    shape: Shape,
    build: Build,
    points: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    voxel_mm: tuple[float, float, float],
    values: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the share of lesion and the mean density of that share, over 27 points a voxel."""
    total = np.zeros(len(points[0]), dtype=np.float32)
    weight = np.zeros(len(points[0]), dtype=np.float32)
    for dz in (s * voxel_mm[0] for s in _SUB):
        for dy in (s * voxel_mm[1] for s in _SUB):
            for dx in (s * voxel_mm[2] for s in _SUB):
                found = materials_at(shape, build, points[0] + dx, points[1] + dy, points[2] + dz)
                weight += found > 0
                total += values[found]
    mixed = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return weight / 27.0, mixed
