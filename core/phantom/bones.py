"""Ribs, costal cartilage, sternum, shoulder blades and spine, painted into one slice.

Ribs are bands on the cage surface: in the coordinates (angle from the back, distance from the cage,
height) each rib is an ellipse whose height falls towards the front, as in a standing person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.phantom.anatomy import (
    RIB_SPACING_MM,
    RIB_TOP_MM,
    Build,
    F,
    cage_axes,
    interpolated,
    spine_y,
)

CORTEX_HU = 780.0
MARROW_HU = 190.0
CARTILAGE_HU = 110.0
_RIBS = 12


def cover(distance: F, width_mm: float) -> F:
    """Return the share (0…1) of a voxel that lies inside a surface at a signed distance."""
    return np.clip(0.5 - distance / width_mm, 0.0, 1.0).astype(np.float32)


def blend(hu: F, share: F, value: float | F) -> None:
    """Mix ``value`` into ``hu`` in place by a share of 0…1."""
    hu += share * (value - hu)


def _bone(hu: F, level: F, size_mm: float, width_mm: float, marrow: float | F) -> F:
    """Paint cortex and marrow of a level set (1 = surface); returns the share of bone."""
    outside = (level - 1.0) * size_mm
    share = cover(outside, width_mm)
    blend(hu, share, CORTEX_HU)
    blend(hu, cover(outside + 1.5, width_mm), marrow)
    return share


def paint_ribs(build: Build, grid: tuple[F, F, F], wall: F, hu: F, width_mm: float) -> F:
    """Paint ribs and cartilage; returns the share of rib in every pixel.

    Parameters
    ----------
    grid : x, y, z
        Broadcastable coordinates of the slice, in the patient's frame.
    wall : (row, column) ndarray
        Distance to the cage surface.
    """
    share = np.zeros_like(hu)
    layer = (wall > -1.5) & (wall < 13.0)
    if not layer.any():
        return share
    full = [np.broadcast_to(axis, hu.shape)[layer] for axis in grid]
    x, y, z = full
    a, _, centre = cage_axes(build, z)
    angle = np.arctan2(np.abs(x), y - centre)  # 0 at the back, pi in front
    fall = interpolated(angle, [0.0, 0.35, 1.4, 2.5, 3.15], [-2.0, 0.0, 26.0, 72.0, 52.0])
    number = (RIB_TOP_MM - (z + fall * (a / 130.0))) / RIB_SPACING_MM
    rib = np.clip(np.rint(number), 0, _RIBS - 1)
    rise = (number - rib) * RIB_SPACING_MM
    level = np.hypot(rise / 6.6, (wall[layer] - 5.5) / 4.0).astype(np.float32)
    level[angle < 0.30] = 9.0  # the vertebra is there
    level[(rib >= 10) & (angle > 1.9)] = 9.0  # the last two end free
    values = hu[layer]
    cartilage = angle > 2.42
    bony = np.where(cartilage, np.float32(9.0), level)
    part = _bone(values, bony, 4.5, width_mm, MARROW_HU)
    soft = cover((np.where(cartilage, level, 9.0) - 1.0).astype(np.float32) * 4.5, width_mm)
    blend(values, soft, CARTILAGE_HU)
    hu[layer] = values
    share[layer] = part
    return share


def paint_scapulae(build: Build, grid: tuple[F, F, F], wall: F, hu: F, width_mm: float) -> F:
    """Paint both shoulder blades: thin plates on the upper back, with a thicker lateral border."""
    share = np.zeros_like(hu)
    layer = (wall > 13.0) & (wall < 34.0)
    if not layer.any():
        return share
    x, y, z = (np.broadcast_to(axis, hu.shape)[layer] for axis in grid)
    _, _, centre = cage_axes(build, z)
    angle = np.arctan2(np.abs(x), y - centre)
    medial = 0.62 + 0.0012 * (100.0 - z)
    lateral = medial + np.clip((z + 42.0) / 190.0, 0.0, 0.75)
    edge = np.maximum(medial - angle, angle - lateral) * 95.0
    ends = np.maximum(z - 132.0, -42.0 - z) * 0.8
    border = 3.2 * np.exp(-np.square((angle - lateral) / 0.07))
    plate = np.abs(wall[layer] - 20.0) - (1.7 + border)
    distance = np.maximum(np.maximum(edge, ends), plate).astype(np.float32)
    values = hu[layer]
    share[layer] = cover(distance, width_mm)
    blend(values, share[layer], 480.0)
    hu[layer] = values
    return share


def paint_axial(build: Build, grid: tuple[F, F, F], hu: F, width_mm: float) -> F:
    """Paint spine and sternum; returns the share of bone."""
    share = np.zeros_like(hu)
    middle = np.flatnonzero(np.abs(grid[0][0]) < 40.0)
    if len(middle):
        strip = slice(int(middle[0]), int(middle[-1]) + 1)
        near = (grid[0][:, strip], grid[1], grid[2])
        share[:, strip] = _midline(build, near, hu[:, strip], width_mm)
    return share


def _midline(build: Build, grid: tuple[F, F, F], hu: F, width_mm: float) -> F:
    x, y, z = grid
    share: NDArray[np.float32] = np.zeros_like(hu)
    back = spine_y(build, z)
    phase = np.mod(z + 300.0, 24.0) - 12.0  # within one vertebra and its disc
    waist = 1.0 - 0.10 * np.cos(phase / 12.0 * np.pi)
    level = np.hypot(x / (17.5 * waist), (y - back) / (14.0 * waist))
    disc = np.clip((np.abs(phase) - 9.0) / 1.5, 0.0, 1.0)
    outside = ((level - 1.0) * 15.0).astype(np.float32)
    part = cover(outside, width_mm)
    blend(hu, part, np.float32(480.0) * (1.0 - disc) + 85.0 * disc)
    blend(hu, cover(outside + 1.8, width_mm), 175.0 * (1.0 - disc) + 85.0 * disc)
    np.maximum(share, part, out=share)
    arch = np.abs(np.hypot(x / 1.15, y - back - 23.0) - 12.0) - 3.0
    process = np.maximum(np.abs(x) - 2.6, np.abs(y - back - 45.0) - 12.0)
    wings = np.hypot((y - back - 21.0 - 0.1 * np.abs(x)) / 4.5, phase / 5.5) - 1.0
    wings = np.maximum(4.5 * wings, np.abs(x) - 30.0)
    bridge = np.minimum(np.maximum(process, np.abs(phase - 3.0) - 7.0), wings)
    rear = np.minimum(arch, bridge).astype(np.float32)
    part = cover(rear, width_mm)
    blend(hu, part, 420.0)
    blend(hu, cover(rear + 1.6, width_mm), 180.0)
    np.maximum(share, part, out=share)
    blend(hu, cover((np.hypot(x, y - back - 23.0) - 9.0).astype(np.float32), width_mm), 25.0)
    _, depth, centre = cage_axes(build, z)
    front = centre - depth - 7.0
    half = interpolated(z, [-80, 60, 80, 105], [13, 14, 22, 26])
    ends = np.maximum(z - 104.0, -70.0 - z)
    level = np.hypot(x / half, (y - front) / 6.0) + np.clip(ends, 0.0, None) * 0.2
    np.maximum(share, _bone(hu, level.astype(np.float32), 6.0, width_mm, 120.0), out=share)
    return share
