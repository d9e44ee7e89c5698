"""The airway tree beyond the main bronchi. Axis order (up, back, left).

Bronchi are dark tubes in a bright wall. Voxels that are darker than what closes over them in a
plane are candidates (grey-scale morphology: Pisupati, 1996; Aykac, IEEE TMI 22:940, 2003); from the
trachea the tree is grown through them at rising thresholds, and each newly joined piece that is no
thin tube is refused for good (leak control, after Mori, IEEE TMI 15:1, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Hounsfield, Mask, PatientView, bounding_box, cut_grid, dilate
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, Labels, mean_lung_hu

FINE_EDGE_MM = 1.2
SIXES = ndimage.generate_binary_structure(3, 1)
FULL = ndimage.generate_binary_structure(3, 3)


@dataclass(frozen=True, slots=True)
class AirwayLimits:
    """Numbers of the growth.

    Attributes
    ----------
    hood_mm : float
        Width of the closing: wider lumina are reached by darkness alone.
    contrast_hu : float
        A candidate is this much darker than what closes over it.
    pure_hu : float
        Relative to the lung's median: below it air needs nothing that closes over it (lobar bronchi
        are wider than the closing).
    above_hu : tuple of float
        Rising thresholds, HU relative to the lung's median.
    thickest_mm, largest_ml : tuple of float
        A newly joined piece with a larger inscribed radius or of more volume has leaked; one number
        for each threshold, since the darkest air is surely airway and comes in whole lobes.
    """

    hood_mm: float = 9.0
    contrast_hu: float = 70.0
    pure_hu: float = -95.0
    above_hu: tuple[float, ...] = (-85.0, -70.0, -55.0, -40.0, -25.0)
    thickest_mm: tuple[float, ...] = (6.0, 4.5, 3.6, 3.0, 2.6)
    largest_ml: tuple[float, ...] = (30.0, 10.0, 4.0, 2.0, 1.0)


def find_airways(
    view: PatientView, coarse: Grid, lungs: Labels, limits: AirwayLimits | None = None
) -> Mask:
    """Return airways (lumen) on the coarse grid: voxels at least half filled.

    Parameters
    ----------
    view : PatientView
    coarse : Grid
        The 2 mm grid of the whole view.
    lungs : (up, back, left) uint8
        On ``coarse``: 1 right, 2 left, 3 trachea and main bronchi, from which the tree grows; the
        answer is empty where there are none.
    """
    limits = limits or AirwayLimits()
    out = np.zeros(lungs.shape, dtype=bool)
    start = lungs == AIRWAYS
    if not start.any():
        return out
    # The throat is not looked at: 20 mm above the lungs is trachea enough.
    lung = np.asarray((lungs == RIGHT) | (lungs == LEFT))
    if not lung.any():
        return start
    box = bounding_box(lung, (round(20.0 / coarse.spacing_mm[0]), 2, 2))
    part = coarse.cut(box)
    # Finer than the scan itself there is nothing to see.
    fine = cut_grid(view, max(FINE_EDGE_MM, min(view.spacing_mm)), part.box)
    level = mean_lung_hu(coarse.voxels, lung)
    tree = grow(fine, _onto(start[box], fine.voxels.shape), level, limits)
    out[:] = start
    out[box] = filled_share(tree, lungs[box].shape) >= 0.5
    return out


def grow(fine: Grid, start: Mask, lung_hu: float, limits: AirwayLimits) -> Mask:
    """Return the tree on a fine grid, grown from ``start`` (trachea and main bronchi)."""
    voxels = ndimage.gaussian_filter(fine.voxels, [0.6 / mm for mm in fine.spacing_mm])
    hood = _hood(voxels, fine.spacing_mm, limits.hood_mm)
    enclosed = (hood - voxels > limits.contrast_hu) | (voxels < lung_hu + limits.pure_hu)
    del hood
    tree = start & (voxels < lung_hu + 60.0)
    refused = np.zeros_like(tree)
    steps = zip(limits.above_hu, limits.thickest_mm, limits.largest_ml, strict=True)
    for above, thickest_mm, largest_ml in steps:
        open_ = (enclosed & (voxels < lung_hu + above) & ~refused) | tree
        labels, count = ndimage.label(open_, structure=SIXES)
        hit = np.zeros(count + 1, dtype=bool)
        hit[np.unique(labels[tree])] = True
        hit[0] = False
        joined = hit[labels] & ~tree
        good, bad = _tubes(joined, fine.spacing_mm, (thickest_mm, largest_ml))
        tree |= good
        refused |= bad
    return _with_edge(tree, start, (voxels, lung_hu), fine.spacing_mm)


def _hood(
    voxels: Hounsfield, spacing_mm: tuple[float, float, float], width_mm: float
) -> Hounsfield:
    """Return the higher of the axial and the coronal closing: what closes over a tube."""
    sizes = [max(3, round(width_mm / mm)) for mm in spacing_mm]
    best = voxels.copy()
    for axis in (0, 1):  # axial and coronal: between them a tube of any way is closed over
        window = tuple(1 if k == axis else sizes[k] for k in range(3))
        np.maximum(best, ndimage.grey_closing(voxels, size=window), out=best)
    return best


def _tubes(
    joined: Mask, spacing_mm: tuple[float, float, float], most: tuple[float, float]
) -> tuple[Mask, Mask]:
    """Divide newly joined pieces into thin ones and leaks."""
    labels, count = ndimage.label(joined, structure=SIXES)
    if not count:
        return joined, np.zeros_like(joined)
    box = bounding_box(joined, (1, 1, 1))
    inside = joined[box]
    depth = ndimage.distance_transform_edt(inside, sampling=spacing_mm)
    thick = np.zeros(count + 1)
    np.maximum.at(thick, labels[box][inside], depth[inside])
    volume = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)) / 1000
    good = (thick <= most[0]) & (volume <= most[1])
    good[0] = False
    bad = ~good
    bad[0] = False
    return np.asarray(good[labels]), np.asarray(bad[labels])


def _with_edge(
    tree: Mask,
    start: Mask,
    density: tuple[Hounsfield, float],
    spacing_mm: tuple[float, float, float],
) -> Mask:
    """Add the rim that the lumen still fills for the most part.

    Around the main bronchi lies soft tissue: midway is -600 HU. Around the others lies lung, which
    is hardly brighter than the lumen: only what is darker than lung is added.
    """
    voxels, lung_hu = density
    reach_mm = 1.05 * max(spacing_mm)
    rim = dilate(tree, reach_mm, spacing_mm) & ~tree
    central = rim & dilate(start, reach_mm, spacing_mm) & (voxels < -600.0)
    return np.asarray(tree | central | (rim & (voxels < lung_hu - 30.0)))


def _onto(mask: Mask, shape: tuple[int, ...]) -> Mask:
    zoom = [n / m for n, m in zip(shape, mask.shape, strict=True)]
    grown = ndimage.zoom(mask.astype(np.float32), zoom, order=1, mode="nearest", grid_mode=True)
    return np.asarray(grown > 0.5)


def filled_share(mask: Mask, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return which share of each voxel of a coarser grid over the same box a mask fills."""
    share = mask.astype(np.float32)
    for axis, coarse in enumerate(shape):
        fine = share.shape[axis]
        if fine == coarse:
            continue
        edges = np.arange(coarse + 1) * fine / coarse
        total = np.concatenate(
            [np.zeros_like(share.take([0], axis)), np.cumsum(share, axis=axis, dtype=np.float64)],
            axis=axis,
        )
        low = np.floor(edges).astype(np.intp)
        low = np.minimum(low, fine - 1)
        part = edges - low
        shape_part = [1, 1, 1]
        shape_part[axis] = len(part)
        at = np.take(total, low, axis) + part.reshape(shape_part) * np.take(share, low, axis)
        share = (np.diff(at, axis=axis) * coarse / fine).astype(np.float32)
    return share
