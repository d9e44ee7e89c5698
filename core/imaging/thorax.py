"""Bones of the chest wall, heart and great vessels on the 2 mm grid, roughly.

Everything is told by density and by place relative to the lungs, which are the landmark that is
found most reliably. Axis order (up, back, left); lengths in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box, opened
from core.imaging.lungs import AIRWAYS, IN_PLANE, LEFT, RIGHT, Labels, LungMap

Spacing = tuple[float, float, float]

RIBS, SPINE, STERNUM, SHOULDER = 1, 2, 3, 4

# A voxel that cortex fills by half; marrow inside is filled afterwards.
BONE_HU = 280.0
CORTEX_HU = 380.0
SMALLEST_BONE_ML = 0.3
# Transverse processes end some 35 mm from the midline; a vertebra's front lies some 50 mm before
# the most backward part of the lungs, which reach beside it.
SPINE_HALF_MM = 30.0
SPINE_DEPTH_MM = 50.0
STERNUM_HALF_MM = 32.0
RIB_REACH_MM = 15.0


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the lungs put the midline, level by level (index units; NaN-free, interpolated).

    Attributes
    ----------
    middle : (up,) float64
        Column of the midline.
    front, back : (up,) float64
        Rows of the lungs' most forward and most backward parts.
    hull : (up, back, left) bool
        Convex hull of both lungs in every level.
    """

    middle: NDArray[np.float64]
    front: NDArray[np.float64]
    back: NDArray[np.float64]
    hull: Mask


def frame_of(lungs: Labels) -> Frame:
    """Return the frame of a chest; ``lungs`` has at least one lung voxel."""
    count = lungs.shape[0]
    middle, front, back = (np.full(count, np.nan) for _ in range(3))
    hull = np.zeros(lungs.shape, dtype=bool)
    for level in range(count):
        both = (lungs[level] == RIGHT) | (lungs[level] == LEFT)
        if both.sum() < 30:
            continue
        hull[level] = _hull(both)
        rows = np.flatnonzero(both.any(axis=1))
        front[level], back[level] = rows[0], rows[-1]
        right = np.flatnonzero((lungs[level] == RIGHT).any(axis=0))
        left = np.flatnonzero((lungs[level] == LEFT).any(axis=0))
        if len(right) and len(left):
            middle[level] = (right.mean() + left.mean()) / 2
    known = np.isfinite(front)
    if not np.isfinite(middle).any():
        middle[known] = lungs.shape[2] / 2
    return Frame(_filled(middle), _filled(front), _filled(back), hull)


def _hull(plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(convex_hull_image(plane, offset_coordinates=False), dtype=np.bool_)


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate gaps; beyond the ends the last value holds. Smoothed over five levels."""
    at = np.arange(len(values))
    known = np.isfinite(values)
    full = np.interp(at, at[known], values[known])
    return np.asarray(ndimage.median_filter(full, size=5, mode="nearest"))


def find_bones(voxels: Hounsfield, lungs: LungMap, frame: Frame, spacing_mm: Spacing) -> Labels:
    """Return the chest wall's bones: 1 ribs, 2 spine, 3 sternum, 4 shoulder blades and clavicles.

    Calcified cartilage counts as rib. What is bright between the lungs (contrast medium, calcified
    nodes) is no bone; a contrasted aorta that touches the spine may be taken for it in part.
    """
    dense = (voxels > BONE_HU) & lungs.body & (lungs.labels == 0)
    zone = _spine_zone(dense.shape, frame, spacing_mm)
    deep = ndimage.binary_erosion(frame.hull, IN_PLANE, iterations=_steps(3.0, spacing_mm))
    dense &= ~deep | zone
    labels, count = ndimage.label(dense)
    volume = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)) / 1000
    hard = np.bincount(labels[voxels > CORTEX_HU], minlength=count + 1) > 0
    keep = hard & (volume >= SMALLEST_BONE_ML)
    keep[0] = False
    bone = _with_marrow(keep[labels], voxels, zone, spacing_mm)
    return _divide(bone, lungs, frame, spacing_mm)


def _spine_zone(shape: tuple[int, ...], frame: Frame, spacing_mm: Spacing) -> Mask:
    rows = np.arange(shape[1])[None, :, None]
    columns = np.arange(shape[2])[None, None, :]
    across = np.abs(columns - frame.middle[:, None, None]) * spacing_mm[2] <= SPINE_HALF_MM
    behind = (frame.back[:, None, None] - rows) * spacing_mm[1] <= SPINE_DEPTH_MM
    return np.asarray(across & behind)


def _with_marrow(bone: Mask, voxels: Hounsfield, zone: Mask, spacing_mm: Spacing) -> Mask:
    """Fill marrow, which may be no denser than muscle, and the discs between vertebrae."""
    filled = bone | (_closed(bone, _steps(4.0, spacing_mm)) & (voxels > 100.0))
    for level in range(len(filled)):
        filled[level] = ndimage.binary_fill_holes(filled[level])
    column = _closed(filled & zone, _steps(8.0, spacing_mm)) & zone & (voxels > 60.0)
    steps = _steps(4.0, spacing_mm)
    return np.asarray(filled | ndimage.binary_opening(column, iterations=steps))


def _steps(length_mm: float, spacing_mm: Spacing) -> int:
    """Return a length in voxels, at least one: quick morphology, where the ball's shape is idle."""
    return max(1, round(length_mm / max(spacing_mm)))


def _closed(mask: Mask, steps: int) -> Mask:
    padded = np.pad(mask, steps)
    inner = (slice(steps, -steps),) * 3
    return np.asarray(ndimage.binary_closing(padded, iterations=steps)[inner])


def _divide(bone: Mask, lungs: LungMap, frame: Frame, spacing_mm: Spacing) -> Labels:
    rows = np.arange(bone.shape[1])[None, :, None]
    columns = np.arange(bone.shape[2])[None, None, :]
    aside = np.abs(columns - frame.middle[:, None, None]) * spacing_mm[2]
    centre = (frame.front + frame.back)[:, None, None] / 2
    spine = bone & (aside <= SPINE_HALF_MM) & (rows > centre)
    sternum = bone & (aside <= STERNUM_HALF_MM) & (rows <= centre)
    levels = np.flatnonzero(lungs.lungs.any(axis=(1, 2)))
    high = np.arange(bone.shape[0]) > (levels[0] + levels[-1]) / 2
    far = ndimage.distance_transform_edt(~lungs.lungs, sampling=spacing_mm) > RIB_REACH_MM
    out = np.zeros(bone.shape, dtype=np.uint8)
    out[bone] = RIBS
    out[bone & far & high[:, None, None]] = SHOULDER
    out[sternum] = STERNUM
    out[spine] = SPINE
    return out


# -- heart and great vessels -------------------------------------------------------------------

# The heart's upper border lies some 30 mm below the carina (under the left pulmonary artery).
HEART_BELOW_CARINA_MM = 28.0
HEART_OPENING_MM = 9.0
DOME_ASIDE_MM = 55.0
# How far its lower border lies under the right dome: 40 mm right and 70 mm left of the midline.
HEART_FALL_MM = (4.0, 28.0)
# A child's to a very large one with its pericardium.
HEART_ML = (60.0, 2000.0)
SOFT_HU = (-10.0, 400.0)
VESSEL_OPENING_MM = 3.5


def find_heart(
    voxels: Hounsfield, lungs: LungMap, bones: Labels, frame: Frame, spacing_mm: Spacing
) -> tuple[Mask, Mask]:
    """Return (heart, great vessels), roughly.

    The heart is the largest soft-tissue body between the lungs, under the carina and above the
    level to which the lungs' bases lead; its pericardium and blood are one. The great vessels are
    the soft tissue of the mediastinum above it (nodes and oesophagus are not told apart) with the
    descending aorta. Both empty where one lung or the airways are missing.
    """
    none = np.zeros(voxels.shape, dtype=bool)
    carina = carina_level(lungs.labels)
    sides = [lungs.labels == side for side in (RIGHT, LEFT)]
    if carina is None or not all(side.any() for side in sides):
        return none, none
    space = _between(lungs, bones, frame, spacing_mm)
    smooth = ndimage.gaussian_filter(voxels, [1.5 / mm for mm in spacing_mm])
    soft = space & (smooth > SOFT_HU[0]) & (smooth < SOFT_HU[1])
    levels = np.arange(voxels.shape[0])[:, None, None]
    top = carina - HEART_BELOW_CARINA_MM / spacing_mm[0]
    floor = _floor(lungs.labels, frame, spacing_mm)
    low = soft & (levels < top) & (levels > floor[None])
    heart = _largest(_opened(low, HEART_OPENING_MM, spacing_mm))
    heart = ndimage.binary_dilation(heart) & low
    low_ml, high_ml = HEART_ML
    if not low_ml <= heart.sum() * float(np.prod(spacing_mm)) / 1000 <= high_ml:
        heart = none  # whatever this is, it is no heart
    lower, upper = top, carina + 75.0 / spacing_mm[0]
    great = _opened(soft & (levels >= lower) & (levels < upper), VESSEL_OPENING_MM, spacing_mm)
    great |= _descending_aorta(soft & ~heart, frame, (floor, carina), spacing_mm)
    return heart, np.asarray(great & ~heart)


def carina_level(lungs: Labels) -> float | None:
    """Return the level of the carina, or None where no airway divides.

    It is the highest level beside the lungs under which the cross-section of the airways stays in
    two pieces for at least three levels.
    """
    air = lungs == AIRWAYS
    lung = np.flatnonzero(((lungs == RIGHT) | (lungs == LEFT)).any(axis=(1, 2)))
    if not len(lung) or not air.any():
        return None
    # The throat divides too; the carina lies beside the lungs, well under their tops.
    low, high = np.interp([0.25, 0.88], [0, 1], [lung[0], lung[-1]])
    run = 0
    for level in range(int(high), int(low), -1):
        _, count = ndimage.label(air[level])
        run = run + 1 if count >= 2 else 0
        if run >= 3:
            return float(level + 2)
    return None


def _between(lungs: LungMap, bones: Labels, frame: Frame, spacing_mm: Spacing) -> Mask:
    """Return the inside of the lungs' hulls that is neither lung, airway, bone nor spine zone."""
    taken = (lungs.labels > 0) | (bones > 0) | _spine_zone(bones.shape, frame, spacing_mm)
    return np.asarray(frame.hull & ~taken & lungs.body)


def _floor(lungs: Labels, frame: Frame, spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return, per column of the grid, the level on which the heart lies.

    The dome of the right half of the diaphragm is the landmark: lateral to the heart, it is the
    highest base of the right lung. The heart's lower border falls from there to the left.
    """
    columns = np.arange(lungs.shape[2])
    aside = (columns - float(np.median(frame.middle))) * spacing_mm[2]
    # Fluid lifts the base of a lung: the other side bounds it (the left dome lies a little lower).
    right = _base(lungs == RIGHT, -aside > DOME_ASIDE_MM)
    left = _base(lungs == LEFT, aside > DOME_ASIDE_MM + 20.0) + 14.0 / spacing_mm[0]
    fall = np.interp(aside, [-40.0, 70.0], HEART_FALL_MM)
    return np.broadcast_to(min(right, left) - fall / spacing_mm[0], lungs.shape[1:])


def _base(lung: Mask, lateral: NDArray[np.bool_]) -> float:
    """Return the highest level of a lung's base lateral to the heart (96th percentile)."""
    there = lung.any(axis=0)
    chosen = there & lateral[None, :]
    return float(np.percentile(lung.argmax(axis=0)[chosen if chosen.any() else there], 96))


def _opened(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    """Open within the mask's own box: the mediastinum is a small part of the grid."""
    box = bounding_box(mask, (1, 1, 1))
    out = np.zeros_like(mask)
    out[box] = opened(mask[box], radius_mm, spacing_mm)
    return out


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(np.argmax(sizes)))


def _descending_aorta(
    soft: Mask,
    frame: Frame,
    ends: tuple[NDArray[np.float64], float],
    spacing_mm: Spacing,
) -> Mask:
    """Return discs beside the spine, one per level from the carina to the diaphragm."""
    out = np.zeros(soft.shape, dtype=bool)
    floor, carina = ends
    rows, columns = np.indices(soft.shape[1:])
    for level in range(int(np.floor(floor.min())), int(carina)):
        plane = soft[level]
        if level < 0 or not plane.any():
            continue
        x = (columns - frame.middle[level]) * spacing_mm[2]
        y = (frame.back[level] - rows) * spacing_mm[1]
        near = (x > -12) & (x < 48) & (y > 22) & (y < 85)
        depth = ndimage.distance_transform_edt(plane, sampling=spacing_mm[1:]) * near
        at = np.unravel_index(int(depth.argmax()), depth.shape)
        radius = float(depth[at])
        if not 6.0 <= radius <= 20.0:
            continue
        away = np.hypot((rows - at[0]) * spacing_mm[1], (columns - at[1]) * spacing_mm[2])
        out[level] = plane & (away <= radius)
    return out
