"""Pulmonary vessels inside the lungs, on the 2 mm grid. Axis order (up, back, left).

A vessel is bright against lung and, at its own scale, curved across two directions and straight
along the third (Frangi, MICCAI 1998; Sato, Med Image Anal 2:143, 1998). Eigenvalues are computed
only where a voxel is bright enough to be one: a tenth of the lung.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box, close, dilate, erode, opened
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, Labels, mean_lung_hu

Spacing = tuple[float, float, float]

# Midway between lung and blood: where a vessel fills half of a voxel.
BLOOD_HU = 40.0
HALF_SHARE = 0.46
# Beyond the lungs' own closing, vessels of the hilum are closed in up to this radius.
HILUM_CLOSING_MM = 10.0
SIGMAS_MM = (1.6, 2.8, 4.5)
# What survives an opening this wide is no vessel but a lesion, unless it is near the hilum.
LESION_OPENING_MM = 5.0
GREAT_OPENING_MM = 9.0
HILUM_REACH_MM = 70.0


def find_vessels(voxels: Hounsfield, lungs: Labels, spacing_mm: Spacing) -> Mask:
    """Return pulmonary vessels in and at the root of the lungs.

    Parameters
    ----------
    voxels : (up, back, left) float32
    lungs : uint8
        1 right, 2 left, 3 airways.

    Vessels that fill less than half a voxel (under about 1.6 mm wide at 2 mm) are not returned.
    """
    lung = np.asarray((lungs == RIGHT) | (lungs == LEFT))
    if not lung.any():
        return np.zeros(lungs.shape, dtype=bool)
    background = mean_lung_hu(voxels, lung)
    limit = background + HALF_SHARE * (BLOOD_HU - background)
    margin = tuple(int(np.ceil(HILUM_CLOSING_MM / mm)) + 1 for mm in spacing_mm)
    box = bounding_box(lung, (margin[0], margin[1], margin[2]))
    near = np.ascontiguousarray(voxels[box])
    bright = _within(lungs[box], spacing_mm) & (near > limit)
    bright &= ~_bulky(near > limit, lungs[box], spacing_mm)
    out = np.zeros(lungs.shape, dtype=bool)
    out[box] = _tubular(near, bright, spacing_mm)
    return out


def _within(lungs: Labels, spacing_mm: Spacing) -> Mask:
    """Return both lungs with the vessels of the hilum, less a rim of partial volume."""
    out = np.zeros(lungs.shape, dtype=bool)
    for side in (RIGHT, LEFT):
        one = lungs == side
        if one.any():
            out |= close(one, HILUM_CLOSING_MM, spacing_mm)
    return np.asarray(erode(out, 0.6 * max(spacing_mm), spacing_mm) & (lungs != AIRWAYS))


def _bulky(dense: Mask, lungs: Labels, spacing_mm: Spacing) -> Mask:
    """Return what is thicker than vessels are: great vessels, heart, chest wall, lesions.

    Away from the hila half as much is too thick as near them.
    """
    wide = opened(dense, GREAT_OPENING_MM, spacing_mm)
    middle = np.argwhere(lungs > 0).mean(axis=0)
    step = np.asarray(spacing_mm)
    axes = [(np.arange(n) - m) * mm for n, m, mm in zip(dense.shape, middle, step, strict=True)]
    away = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2
    lesion = opened(dense, LESION_OPENING_MM, spacing_mm) & (away > HILUM_REACH_MM**2)
    return np.asarray(dilate(wide | lesion, max(spacing_mm), spacing_mm))


def _tubular(voxels: Hounsfield, bright: Mask, spacing_mm: Spacing) -> Mask:
    """Keep bright voxels that look like a tube at some scale."""
    points = np.nonzero(bright)
    keep = np.zeros(len(points[0]), dtype=bool)
    flat = np.clip(voxels, -1000.0, 150.0)
    for sigma_mm in SIGMAS_MM:
        roots = _curvatures(flat, points, sigma_mm, spacing_mm)
        # Ascending: the two most negative are across a bright tube, the third runs along it.
        across, along = roots[:, 1], roots[:, 2]
        keep |= (across < -25.0) & (np.abs(along) < 0.6 * np.abs(across))
    out = np.zeros(bright.shape, dtype=bool)
    out[tuple(axis[keep] for axis in points)] = True
    return np.asarray(dilate(out, max(spacing_mm), spacing_mm) & bright)


def _curvatures(
    voxels: Hounsfield, points: tuple[np.ndarray, ...], sigma_mm: float, spacing_mm: Spacing
) -> np.ndarray:
    """Return (n, 3) eigenvalues of the Hessian at points, ascending, HU."""
    sigma = [sigma_mm / mm for mm in spacing_mm]
    matrix = np.empty((len(points[0]), 3, 3), dtype=np.float32)
    for a in range(3):
        for b in range(a, 3):
            order = [0, 0, 0]
            order[a] += 1
            order[b] += 1
            part = ndimage.gaussian_filter(voxels, sigma, order=order, truncate=3.0)
            matrix[:, a, b] = matrix[:, b, a] = part[points] * (sigma[a] * sigma[b])
    return np.asarray(np.linalg.eigvalsh(matrix))
