"""Distances up to a limit: what a lesion's measures need is all within millimetres of its outline.

A full distance transform spends most of its time where nobody asks. Array order (up, back, left).
"""

from __future__ import annotations

import numpy as np

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box

Spacing = tuple[float, float, float]
# Of a length: what single precision makes of two equal sums.
ROUNDING = 1e-6


def distance_to(where: Mask, reach: float, spacing: Spacing) -> Hounsfield:
    """Return each voxel's distance to the nearest true voxel; infinite beyond ``reach``.

    ``spacing`` and ``reach`` in the same unit. Squares are summed axis by axis (Saito and
    Toriwaki, Pattern Recognition 27:1551, 1994), but only over shifts within the reach: exact as
    far as it goes.
    """
    out = np.full(where.shape, np.inf, dtype=np.float32)
    steps = [int(reach * (1 + ROUNDING) / step) + 1 for step in spacing]
    if not where.any():
        return out
    box = bounding_box(where, (steps[0], steps[1], steps[2]))
    square = np.where(where[box], np.float32(0), np.float32(np.inf))
    for axis, step in enumerate(spacing):
        square = _along(square, axis, step, steps[axis])
    near = np.sqrt(square)
    near[near > reach * (1 + ROUNDING)] = np.inf
    out[box] = near
    return out


def depth_in(mask: Mask, reach: float, spacing: Spacing) -> Hounsfield:
    """Return how deep each voxel lies in a mask, 0 outside; infinite deeper than ``reach``.

    Beyond the array's edge nothing is known: it bounds no mask.
    """
    out = np.zeros(mask.shape, dtype=np.float32)
    box = bounding_box(mask, (1, 1, 1))
    out[box] = distance_to(~mask[box], reach, spacing)
    return out


def _along(square: Hounsfield, axis: int, step: float, most: int) -> Hounsfield:
    """Return the least sum of the squares and those of the shifts along one axis."""
    out = square.copy()
    source, target = np.moveaxis(square, axis, 0), np.moveaxis(out, axis, 0)
    for shift in range(1, min(most, len(source) - 1) + 1):
        more = np.float32((shift * step) ** 2)
        np.minimum(target[shift:], source[:-shift] + more, out=target[shift:])
        np.minimum(target[:-shift], source[shift:] + more, out=target[:-shift])
    return out
