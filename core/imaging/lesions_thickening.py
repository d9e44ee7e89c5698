"""Pleural thickening: soft tissue between lung and ribs that is thicker than pleura is.

Seen from the middle of each lung, slice by slice, the distance from the lung's edge to the inside
of the ribs (taken over a rib's spacing, because a slice cuts a rib only here and there) is a few
millimetres everywhere but where pleura is thick, or fluid lies, which the density tells apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Hounsfield, Mask, bounding_box
from core.imaging.lesions_field import Candidate
from core.imaging.lungs import LEFT, RIGHT, LungMap

BONE_HU = 180.0
ANGLES = 72
# A rib runs through a slice every 20 mm or so.
RIB_WINDOW_MM = 22.0
SOFT_HU = (0.0, 130.0)
FLUID_BELOW_HU = 30.0
LEAST_EXCESS_MM = 3.0
# More than this is no pleura: at the shoulders and below the ribs there is no bone beside the lung.
MOST_EXCESS_MM = 22.0
SMALLEST_ML = 1.0
MARGIN_MM = 40.0


def find_thickenings(grid: Grid, lungs: LungMap) -> list[Candidate]:
    """Return layers of soft tissue on the inside of the ribs, on the coarse grid."""
    if not lungs.lungs.any():
        return []
    margin = tuple(int(MARGIN_MM / mm) for mm in grid.spacing_mm)
    box = bounding_box(lungs.lungs, (0, margin[1], margin[2]))
    voxels = ndimage.gaussian_filter(grid.voxels[box], [s / 2 for s in grid.steps(2.0)])
    labels = lungs.labels[box]
    found = []
    for side in (RIGHT, LEFT):
        lung = np.asarray(labels == side)
        if lung.any():
            found.extend(_layers(Grid(voxels, grid.spacing_mm, box), lung, side))
    return found


def _layers(grid: Grid, lung: Mask, side: int) -> list[Candidate]:
    polar = _polar(lung, grid.spacing_mm, side)
    edge, rib = _profiles(grid, lung, polar)
    gap = rib - edge
    seen = np.isfinite(gap)
    if seen.sum() < 50:
        return []
    excess = gap - float(np.median(gap[seen]))
    seen &= excess <= MOST_EXCESS_MM
    smooth = ndimage.median_filter(np.where(seen, excess, 0.0), size=(5, 1), mode="nearest")
    smooth = ndimage.median_filter(smooth, size=(1, 3), mode="wrap")
    radius, angle = polar
    levels = np.arange(lung.shape[0])[:, None, None]
    here = angle >= 0
    thick = np.where(here, smooth[levels, angle], 0.0)
    outer = np.where(here, np.nan_to_num(rib, nan=0.0)[levels, angle], 0.0)
    inner = np.where(here, np.nan_to_num(edge, nan=1e6)[levels, angle], 1e6)
    soft = (grid.voxels > SOFT_HU[0]) & (grid.voxels < SOFT_HU[1])
    layer = (thick >= LEAST_EXCESS_MM) & (radius > inner - 2) & (radius < outer - 1) & soft & ~lung
    layer = ndimage.binary_opening(layer)
    return _pieces(grid, layer, thick)


def _polar(
    lung: Mask, spacing_mm: tuple[float, float, float], side: int
) -> tuple[Hounsfield, NDArray[np.intp]]:
    """Return distance (mm) and angle number of each voxel about the lung's middle in its slice.

    Angles that look at the mediastinum (60 degrees about the other side) are -1.
    """
    rows, columns = np.arange(lung.shape[1]), np.arange(lung.shape[2])
    count = np.maximum(lung.sum(axis=(1, 2)), 1)
    row = (lung.sum(axis=2) * rows).sum(axis=1) / count
    column = (lung.sum(axis=1) * columns).sum(axis=1) / count
    dy = (rows[None, :] - row[:, None])[:, :, None] * spacing_mm[1]
    dx = (columns[None, :] - column[:, None])[:, None, :] * spacing_mm[2]
    radius = np.sqrt(dy**2 + dx**2).astype(np.float32)
    # 0 looks at the flank of this side: the right lung's flank has the lower columns.
    outward = -dx if side == RIGHT else dx
    turn = np.arctan2(np.broadcast_to(dy, radius.shape), np.broadcast_to(outward, radius.shape))
    angle = np.floor((turn + np.pi) / (2 * np.pi) * ANGLES).astype(np.intp) % ANGLES
    angle[np.abs(turn) > np.deg2rad(120)] = -1
    return radius, angle


def _profiles(
    grid: Grid, lung: Mask, polar: tuple[Hounsfield, NDArray[np.intp]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lung's outermost and the ribs' innermost radius by (slice, angle); NaN if none."""
    radius, angle = polar
    levels = lung.shape[0]
    flat = np.where(angle >= 0, angle, 0) + np.arange(levels)[:, None, None] * ANGLES
    edge = np.full(levels * ANGLES, -np.inf)
    chosen = lung & (angle >= 0)
    np.maximum.at(edge, flat[chosen], radius[chosen])
    edge = edge.reshape(levels, ANGLES)
    outside = np.where(np.isfinite(edge), edge, np.inf)
    beyond = (grid.voxels > BONE_HU) & (angle >= 0)
    beyond &= radius > outside[np.arange(levels)[:, None, None], np.maximum(angle, 0)] - 1
    rib = np.full(levels * ANGLES, np.inf)
    np.minimum.at(rib, flat[beyond], radius[beyond])
    window = max(1, round(RIB_WINDOW_MM / grid.spacing_mm[0]) // 2 * 2 + 1)
    rib = ndimage.minimum_filter1d(rib.reshape(levels, ANGLES), window, axis=0)
    edge[~np.isfinite(edge)] = np.nan
    rib[~np.isfinite(rib)] = np.nan
    return edge, rib


def _pieces(grid: Grid, layer: Mask, thick: NDArray[np.float64]) -> list[Candidate]:
    labels, _ = ndimage.label(layer, structure=np.ones((3, 3, 3)))
    found = []
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        mask = np.asarray(labels[box] == index)
        volume = float(mask.sum() * grid.voxel_ml)
        if volume < SMALLEST_ML:
            continue
        values = grid.voxels[box][mask]
        features = {
            "volume_ml": volume,
            "excess_mm": float(np.percentile(thick[box][mask], 75)),
            "mean_hu": float(values.mean()),
            "fluid_share": float((values < FLUID_BELOW_HU).mean()),
            "height": (box[0].start + box[0].stop) / 2 / max(1, layer.shape[0]),
            "height_mm": float((box[0].stop - box[0].start) * grid.spacing_mm[0]),
        }
        parts = [slice(b.start + g.start, b.stop + g.start)
                 for b, g in zip(box, grid.box, strict=True)]  # fmt: skip
        found.append(
            Candidate("pleural_thickening", (parts[0], parts[1], parts[2]), mask, features)
        )
    return found
