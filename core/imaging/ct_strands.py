"""A lesion cut from the vessels that enter it.

A vessel is thinner than the lesion it enters: an opening with a ball somewhat smaller than the
lesion's own largest inscribed ball takes it away (Kuhnigk et al., IEEE Trans Med Imaging 25:417,
2006, adapt the opening's strength to the lesion in the same way). On CT voxels a ball of 2 mm is no
ball; small lesions are therefore cut on a finer grid. Array order (up, back, left).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box, dilate, opened

Spacing = tuple[float, float, float]

FINE_MM = 0.5
# A lesion of more fine voxels than this is cut on the scan's own voxels.
MOST_FINE_VOXELS = 600_000
# Opening's radius: this share of the largest inscribed ball, within limits of lung vessels.
BALL_SHARE = 0.72
RADIUS_MM = (1.0, 5.0)
# What the opening rounds off the lesion's own surface comes back within this distance.
REGROWTH_MM = 0.1
KEPT_SHARE = 0.5
THICK_SLICE_MM = 2.0
COARSE_RADIUS_MM = 2.0
COARSE_REGROWTH_MM = 1.0
# Less than this left means that the lesion is itself a strand: it stays as it is.
LEAST_SHARE = 0.45
MOST_VOXELS = 1_500_000
BORDER_RADIUS_MM = 1.5
MOST_WITHIN = 0.7
LEAST_BODY = 0.75


def without_strands(mask: Mask, voxels: Hounsfield, level_hu: float, spacing_mm: Spacing) -> Mask:
    """Return the main body of an outline.

    Parameters
    ----------
    mask : bool
        The outline.
    voxels : float32
        Hounsfield units of the same box, lightly smoothed.
    level_hu : float
        Above it a point belongs to the lesion: places the surface between voxels.
    spacing_mm : (3,) float
    """
    if not mask.any():
        return mask
    tight = bounding_box(mask, (1, 1, 1))
    size_mm = [n * mm for n, mm in zip(mask[tight].shape, spacing_mm, strict=True)]
    if float(np.prod(size_mm)) / FINE_MM**3 > MOST_FINE_VOXELS:
        body = _cut_coarsely(mask, spacing_mm)
    else:
        body = np.zeros_like(mask)
        body[tight] = _cut_finely(mask[tight], voxels[tight], level_hu, spacing_mm)
    if body.sum() < LEAST_SHARE * mask.sum():
        return mask
    return body


def without_thin_parts(mask: Mask, spacing_mm: Spacing) -> Mask:
    """Return an outline of any shape without what is thinner than 4 mm and sticks out of it.

    Where slices are thick, or too much would go, the outline itself.
    """
    if spacing_mm[0] > THICK_SLICE_MM or not mask.any():
        return mask
    box = bounding_box(mask, (1, 1, 1))
    if mask[box].size > MOST_VOXELS:
        return mask  # its vessels are a small part of it
    body = np.zeros_like(mask)
    body[box] = _cut_coarsely(mask[box], spacing_mm)
    return body if body.sum() >= LEAST_BODY * mask.sum() else mask


def bordering(dense: Mask, mask: Mask, spacing_mm: Spacing) -> Mask:
    """Return the thick dense tissue beside an outline: large vessels, the mediastinum.

    Thinner than 3 mm is a vessel that runs through; what lies mostly inside is the lesion's own.
    """
    thick = opened(dense, BORDER_RADIUS_MM, spacing_mm)
    pieces, count = ndimage.label(thick)
    whole = np.bincount(pieces.ravel(), minlength=count + 1)
    within = np.bincount(pieces[mask], minlength=count + 1)
    beyond = within < MOST_WITHIN * whole
    beyond[0] = False
    return np.asarray(beyond[pieces])


def _cut_finely(mask: Mask, voxels: Hounsfield, level_hu: float, spacing_mm: Spacing) -> Mask:
    """Open on a grid of about half a millimetre; a voxel stays if most of it does."""
    factors = [max(1, round(mm / FINE_MM)) for mm in spacing_mm]
    fine = ndimage.zoom(voxels, factors, order=1, mode="nearest", grid_mode=True)
    allowed = mask
    for axis, factor in enumerate(factors):
        allowed = np.repeat(allowed, factor, axis=axis)
    # One voxel's border more: the surface runs between the last voxel inside and the next.
    allowed = ndimage.binary_dilation(allowed, iterations=max(1, min(factors)))
    step = [mm / f for mm, f in zip(spacing_mm, factors, strict=True)]
    whole = np.pad(allowed & (fine > level_hu), 2)
    depth = ndimage.distance_transform_edt(whole, sampling=step)
    deepest = float(depth.max())
    if deepest <= 0:
        return mask
    radius = float(np.clip(BALL_SHARE * deepest, *RADIUS_MM))
    if radius >= deepest:
        return mask
    labels, _ = ndimage.label(depth > radius)
    heart = labels == labels[np.unravel_index(int(depth.argmax()), depth.shape)]
    away = ndimage.distance_transform_edt(~heart, sampling=step)
    body = whole & (away <= radius + REGROWTH_MM)
    kept, there = (_blocks(part[2:-2, 2:-2, 2:-2], factors) for part in (body, whole))
    # Between thick slices the surface is only guessed: there a voxel stays if most of what lies in
    # it stays, not if most of the voxel is filled.
    if spacing_mm[0] > THICK_SLICE_MM:
        return np.asarray(mask & (kept > 0) & (kept >= KEPT_SHARE * there))
    return np.asarray(kept >= KEPT_SHARE)


def _blocks(fine: Mask, factors: list[int]) -> Hounsfield:
    """Return the filled share of each voxel of the coarse grid."""
    shape = [n // f for n, f in zip(fine.shape, factors, strict=True)]
    split = fine.reshape(shape[0], factors[0], shape[1], factors[1], shape[2], factors[2])
    return np.asarray(split.mean(axis=(1, 3, 5), dtype=np.float32))


def _cut_coarsely(mask: Mask, spacing_mm: Spacing) -> Mask:
    body = opened(mask, COARSE_RADIUS_MM, spacing_mm)
    return np.asarray(mask & dilate(body, COARSE_REGROWTH_MM, spacing_mm))
