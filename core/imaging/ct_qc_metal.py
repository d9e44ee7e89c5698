"""Metal in a chest CT and the streaks it throws.

Metal is what no tissue and no contrast medium reaches. Its streaks are rays: read along circles
around the metal they are fast changes over the angle that stay the same from circle to circle, as
anatomy does not; what anatomy still has of them is taken from the nearest slice without metal.
Order of axes: (up, back, left), see ``ct_grid``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, PatientView, carry
from core.imaging.lungs import LungMap

METAL_HU = 2500  # cortical bone ends near 2000, dense contrast medium in a vein too
SMALLEST_MM2 = 6.0
ANGLES = 360
RAY_MM = (6.0, 70.0)
SMOOTH_DEG = 31  # slower changes over the angle are anatomy
MOST_SLICES = 12


def metal_metrics(view: PatientView, lungs: LungMap) -> dict[str, float]:
    """Return metal by name.

    ``metal_ml``: volume above 2500 HU inside the body; ``metal_slices``; ``streak_hu``: SD over the
    angle of rays from the metal, above what the slice beside it has, in the worst slice;
    ``dark_ray_share``: share of rays 80 HU or more too dark, likewise.
    """
    areas, centres = _metal(view, lungs)
    pixel_mm2 = view.spacing_mm[1] * view.spacing_mm[2]
    out = {"metal_ml": float(areas.sum()) * pixel_mm2 * view.spacing_mm[0] / 1000.0}
    struck = np.flatnonzero(areas * pixel_mm2 >= SMALLEST_MM2)
    out["metal_slices"] = float(len(struck))
    if not len(struck):
        return out
    clean = np.flatnonzero(areas == 0)
    some = struck[np.unique(np.linspace(0, len(struck) - 1, MOST_SLICES).astype(int))]
    strengths, darks = [], []
    for level in some:
        rays = _rays(view, int(level), centres[level])
        beside = clean[np.argsort(np.abs(clean - level))[:2]]
        usual = [float(_rays(view, int(k), centres[level]).std()) for k in beside]
        own = float(rays.std())
        strengths.append(max(0.0, own**2 - (min(usual) if usual else 0.0) ** 2) ** 0.5)
        darks.append(float((rays < -80.0).mean()))
    out["streak_hu"] = max(strengths)
    out["dark_ray_share"] = max(darks)
    return out


def _metal(view: PatientView, lungs: LungMap) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return metal pixels inside the body and their centre (row, column), slice by slice."""
    depth = view.voxels.shape[0]
    areas = np.zeros(depth, dtype=np.intp)
    centres = np.full((depth, 2), np.nan)
    levels = ((np.arange(depth) + 0.5) * len(lungs.body) / depth).astype(int)
    for k, plane in enumerate(view.voxels):
        if plane.max() < METAL_HU:
            continue
        body = carry(lungs.body[levels[k]], plane.shape)
        # Electrodes and clothing lie on the skin and throw short streaks only.
        hit = (plane >= METAL_HU) & body
        areas[k] = int(hit.sum())
        if areas[k]:
            labels, _ = ndimage.label(hit)
            largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
            centres[k] = np.argwhere(labels == largest).mean(axis=0)
    return areas, centres


def _rays(view: PatientView, level: int, centre: NDArray[np.float64]) -> Hounsfield:
    """Return what each ray (1 degree) from a place has more than its surroundings, HU."""
    plane = view.voxels[level]
    radius = np.arange(RAY_MM[0], RAY_MM[1], 1.0)
    angle = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    rows = centre[0] + radius[:, None] * np.sin(angle) / view.spacing_mm[1]
    columns = centre[1] + radius[:, None] * np.cos(angle) / view.spacing_mm[2]
    low = np.floor([rows.min(), columns.min()]).astype(int)
    low = np.maximum(low, 0)
    high = np.minimum(np.ceil([rows.max(), columns.max()]).astype(int) + 1, plane.shape)
    part = np.clip(plane[low[0] : high[0], low[1] : high[1]].astype(np.float32), -1000, 1000)
    rings = ndimage.map_coordinates(
        part, [rows - low[0], columns - low[1]], order=1, mode="nearest"
    )
    slow = ndimage.median_filter(rings, (1, SMOOTH_DEG), mode="wrap")
    fast = np.clip(rings - slow, -300.0, 300.0)
    return np.asarray(fast.mean(axis=0), dtype=np.float32)
