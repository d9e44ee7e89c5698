"""Lung that disease has filled: consolidation is given back to the lung, pleural fluid is not.

A threshold sees aerated lung only. Where the lung should reach is told by what is around: outwards
by the ribs' inner side, whose distance to healthy lung is measured in the same scan; inwards by the
lung's own medial face above and below the gap; downwards by lung that is still seen beneath (the
diaphragm's dome has none). What is dense and thick in between is consolidation, unless it has the
density of water. Rib-guided: Hua, ISBI 2011; Sluimer, IEEE TMI 24:1025, 2005, on why a threshold
fails. Axis order (up, back, left); lengths in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box, dilate, opened

Spacing = tuple[float, float, float]
Map = NDArray[np.float64]

# Above the last level with this much lung only the apex' tip is left, and the shoulder begins.
APEX_MM2 = 400.0
BINS = 90  # of 2 degrees over one side


@dataclass(frozen=True, slots=True)
class WholeLimits:
    """Numbers of the method.

    Attributes
    ----------
    dense_hu : float
        Above it lung is filled.
    water_hu : float
        At or below it (smoothed) what fills is fluid in the pleural space: unenhanced consolidation
        has 30...60 HU, an effusion -5...20.
    bone_hu : float
    opening_mm : float
        Thinner than twice this, a dense part is vessel, hilum or fat and is left alone.
    notch_mm, notch_left_mm : float
        A dent of the medial face narrower than this is bridged.
    smallest_ml : float
    """

    dense_hu: float = -400.0
    water_hu: float = 19.0
    bone_hu: float = 220.0
    opening_mm: float = 11.0
    notch_mm: float = 48.0
    notch_left_mm: float = 44.0
    smallest_ml: float = 12.0


def filled_lung(
    voxels: Hounsfield, lung: Mask, middle: float, spacing_mm: Spacing, limits: WholeLimits
) -> Mask:
    """Return the parts of one lung that are filled by consolidation.

    Parameters
    ----------
    voxels : (up, back, left) float32
    lung : bool
        What is aerated of this lung; at least one voxel.
    middle : float
        Column of the midline.
    """
    chart = _chart(lung, middle, spacing_mm)
    inside = _expected(voxels > limits.bone_hu, lung, chart, limits)
    dense = inside & ~lung & (voxels > limits.dense_hu) & (voxels < limits.bone_hu)
    wet = _soft_hu(voxels, spacing_mm) <= limits.water_hu
    core = opened(opened(dense, limits.opening_mm, spacing_mm) & ~wet, 4.0, spacing_mm)
    labels, count = ndimage.label(core)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)) / 1000
    keep = sizes >= limits.smallest_ml
    keep[0] = False
    grown = dilate(keep[labels], limits.opening_mm, spacing_mm) & dense
    return np.asarray(grown & ~wet)


def _expected(bone: Mask, lung: Mask, chart: _Chart, limits: WholeLimits) -> Mask:
    """Return where this lung would reach if it were aerated."""
    wall = _wall(bone, _outer(lung, chart), chart)
    inside = chart.radius < wall[chart.level, chart.angle]
    # The heart dents the left lung as widely as disease would.
    notch_mm = limits.notch_left_mm if chart.sign > 0 else limits.notch_mm
    medial = _medial_face(lung, chart.aside, chart.spacing_mm, notch_mm)
    inside &= chart.aside > medial[:, :, None]
    area = lung.sum(axis=(1, 2)) * float(np.prod(chart.spacing_mm[1:]))
    tall = np.flatnonzero(area > APEX_MM2)
    inside[int(tall[-1]) if len(tall) else 0 :] = False
    return np.asarray(inside & np.logical_or.accumulate(lung, axis=0))


def _soft_hu(voxels: Hounsfield, spacing_mm: Spacing) -> Hounsfield:
    """Return the mean density of the soft tissue around each voxel (air bronchograms left out)."""
    soft = (voxels > -60.0) & (voxels < 200.0)
    sigma = [3.0 / mm for mm in spacing_mm]
    weight = ndimage.gaussian_filter(soft.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(soft, voxels, 0).astype(np.float32), sigma)
    return np.asarray(total / np.maximum(weight, 1e-3), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Chart:
    """Places as seen from the middle of the chest, for one side.

    ``aside`` is the distance from the midline towards the side, ``radius`` and ``angle`` (a bin,
    0 in front to BINS at the back) are polar in the axial plane, ``level`` is broadcast; ``sign``
    is 1 for the left side and -1 for the right.
    """

    sign: float
    aside: Map
    radius: Map
    angle: NDArray[np.intp]
    level: NDArray[np.intp]
    spacing_mm: Spacing


def _chart(lung: Mask, middle: float, spacing_mm: Spacing) -> _Chart:
    columns = (np.arange(lung.shape[2]) - middle) * spacing_mm[2]
    inside = np.flatnonzero(lung.any(axis=(0, 1)))
    sign = 1.0 if inside.mean() >= middle else -1.0
    rows = np.flatnonzero(lung.any(axis=(0, 2)))
    centre = (rows[0] + rows[-1]) / 2
    y = (np.arange(lung.shape[1]) - centre)[:, None] * spacing_mm[1]
    x = np.asarray(sign * columns, dtype=np.float64)[None, :]
    radius = np.asarray(np.hypot(x, y), dtype=np.float64)[None]
    turn = np.arctan2(np.maximum(x, 0.0), -y) / np.pi  # 0 in front, 1 at the back
    angle = np.minimum((turn * BINS).astype(np.intp), BINS - 1)[None]
    level = np.arange(lung.shape[0])[:, None, None]
    return _Chart(sign, x[None], radius, angle, level, spacing_mm)


def _outer(lung: Mask, chart: _Chart) -> Map:
    """Return (level, angle) the largest radius of lung, nan where there is none."""
    at = np.nonzero(lung)
    radius = np.broadcast_to(chart.radius, lung.shape)[at]
    angle = np.broadcast_to(chart.angle, lung.shape)[at]
    out = np.full((lung.shape[0], BINS), -np.inf)
    np.maximum.at(out, (at[0], angle), radius)
    out[~np.isfinite(out)] = np.nan
    return out


def _wall(bone: Mask, outer: Map, chart: _Chart) -> Map:
    """Return (level, angle) the radius that healthy lung would reach, 0 where unknown."""
    base = np.nan_to_num(outer, nan=25.0)
    bone = bone & (np.broadcast_to(chart.aside, bone.shape) > 20.0)
    at = np.nonzero(bone)
    radius = np.broadcast_to(chart.radius, bone.shape)[at]
    angle = np.broadcast_to(chart.angle, bone.shape)[at]
    beyond = radius > base[at[0], angle] - 2.0
    first = np.full(base.shape, np.inf)
    np.minimum.at(first, (at[0][beyond], angle[beyond]), radius[beyond])
    tall = max(3, round(26.0 / chart.spacing_mm[0]))
    first = ndimage.minimum_filter(first, size=(tall, 5), mode="nearest")
    known = np.isfinite(first)
    if not known.any():
        return np.zeros_like(first)
    weight = ndimage.gaussian_filter(known.astype(np.float64), (tall / 3, 4.0), mode="nearest")
    total = ndimage.gaussian_filter(np.where(known, first, 0.0), (tall / 3, 4.0), mode="nearest")
    rib = total / np.maximum(weight, 1e-6)
    gap = (rib - outer)[known & np.isfinite(outer)]
    usual = gap[(gap > -6.0) & (gap < 14.0)]
    margin = float(np.median(usual)) if len(usual) else 4.0
    wall = np.where(weight > 0.05, rib - max(margin, 0.0) - 1.0, 0.0)
    # Nearly straight forward and backward lie sternum and spine, not lung.
    wall[:, : BINS // 12] = 0.0
    wall[:, -BINS // 9 :] = 0.0
    return np.asarray(np.maximum(wall, np.nan_to_num(outer, nan=0.0)))


def _medial_face(lung: Mask, aside: Map, spacing_mm: Spacing, notch_mm: float) -> Map:
    """Return (level, row) how near to the midline the lung would come, dents bridged."""
    far = 1e3
    face = np.where(lung, aside, far).min(axis=2)
    missing = face >= far
    if missing.all():
        return np.asarray(face)
    nearest = ndimage.distance_transform_edt(
        missing, sampling=spacing_mm[:2], return_distances=False, return_indices=True
    )
    face = face[tuple(nearest)]
    size = [max(3, round(notch_mm / mm)) for mm in spacing_mm[:2]]
    bridged = ndimage.grey_opening(face, size=size, mode="nearest")
    bridged = ndimage.gaussian_filter(bridged, [4.0 / mm for mm in spacing_mm[:2]])
    return np.asarray(np.minimum(face, bridged + 2.0))


def box_of(lung: Mask, spacing_mm: Spacing) -> tuple[slice, slice, slice]:
    """Return the box that holds a lung and the ribs around it."""
    margin = [int(30.0 / mm) for mm in spacing_mm]
    return bounding_box(lung, (2, margin[1], margin[2]))
