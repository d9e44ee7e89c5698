"""A cavity measured: its air, its wall, its inner surface.

The wall's own density is taken from its densest voxels, since a thin wall reaches it nowhere after
blur; the half-way surfaces towards lung and towards air then bound the wall. Fluid in a cavity is
as dense as its wall and is counted as wall: the lumen is its air. Array order (up, back, left).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box
from core.imaging.measure_distance import Spacing, depth_in, distance_to
from core.imaging.measure_occupancy import Occupancy, occupancy
from core.imaging.measure_surface import Mesh, Wall, lumen_of, mesh_of, wall_of

# Of the wall's voxels the densest part stands for its density.
WALL_CORE_PERCENTILE = 70.0
AIR_LEVEL_HU = -500.0


@dataclass(frozen=True)
class Cavity:
    """A cavity's parts.

    Attributes
    ----------
    whole : Occupancy
        Wall and lumen together.
    lumen : float32
        Share of each voxel that is the cavity's air.
    lumen_mask : bool
    surface, inner : Mesh
        Outer surface, and that of the lumen (the inner contour).
    wall : Wall
    """

    whole: Occupancy
    lumen: Hounsfield
    lumen_mask: Mask
    surface: Mesh
    inner: Mesh
    wall: Wall


def cavity_of(
    voxels: Hounsfield, mask: Mask, taken: Mask | None, spacing_mm: Spacing
) -> Cavity | None:
    """Return the cavity inside an outline; None where no air is enclosed.

    Parameters are those of ``occupancy``.
    """
    air = lumen_of(voxels, mask, AIR_LEVEL_HU)
    wall = mask & ~air
    if not air.any() or not wall.any():
        return None
    dense = float(np.percentile(voxels[wall], WALL_CORE_PERCENTILE))
    core = wall & (voxels >= dense)
    whole = occupancy(voxels, mask, taken, spacing_mm, core)
    inside = _nearer_to(air, mask, spacing_mm)
    whole = replace(whole, share=np.where(inside, np.float32(1.0), whole.share))
    deepest = air & (depth_in(air, max(spacing_mm), spacing_mm) > max(spacing_mm))
    air_hu = float(np.median(voxels[deepest if deepest.any() else air]))
    wall_hu = float(np.percentile(voxels[core], 50))
    part = (wall_hu - voxels) / max(wall_hu - air_hu, 1.0)
    reach_mm = 2.5 * max(spacing_mm[1:]) + 0.51 * spacing_mm[0]
    near = inside & np.isfinite(distance_to(air, reach_mm, spacing_mm))
    lumen = np.where(near, np.clip(part, -0.5, 1.5), 0.0).astype(np.float32)
    lumen[deepest] = 1.0
    surface, inner = mesh_of(whole.share, spacing_mm), mesh_of(lumen, spacing_mm)
    if surface is None or inner is None:
        return None
    return Cavity(whole, lumen, air, surface, inner, wall_of(inner, surface))


def _nearer_to(air: Mask, mask: Mask, spacing_mm: Spacing) -> Mask:
    """Return where a lesion's voxels lie no further from its air than from its outside."""
    box = bounding_box(mask, (1, 1, 1))
    to_air = ndimage.distance_transform_edt(~air[box], sampling=spacing_mm)
    to_outside = ndimage.distance_transform_edt(mask[box], sampling=spacing_mm)
    out = np.zeros_like(mask)
    out[box] = mask[box] & (to_air <= to_outside)
    return out
