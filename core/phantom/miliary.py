"""Miliary disease: thousands of balls of 1 to 3 mm, evenly through both lungs.

Each ball is painted by itself with exact partial volume (27 points a voxel), because asking every
voxel of the lungs about every ball would take hours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.phantom import anatomy
from core.phantom.anatomy import Build
from core.phantom.lesion_shapes import MATERIALS, LesionSpec
from core.phantom.tubes import Slab

_SUB = np.array([-1.0 / 3.0, 0.0, 1.0 / 3.0])


def balls_of(spec: LesionSpec, build: Build) -> NDArray[np.float64]:
    """Return (n, 4) LPS centres and radii, mm; ``radii_mm`` of the spec says how many, how large.

    The count is that of the box's volume; those outside the lungs are dropped, so that the density
    in the lungs is the one that was asked for.
    """
    rng = np.random.default_rng([spec.seed, 8])
    low, high = np.array([-140.0, -105.0, -160.0]), np.array([140.0, 105.0, 128.0])
    count = int(np.prod(high - low) / 1000.0 * spec.radii_mm[2])
    at = rng.uniform(low, high, size=(count, 3))
    radius = rng.uniform(spec.radii_mm[0], spec.radii_mm[1], size=count)
    inside = anatomy.lungs(build, at[:, 0], at[:, 1], at[:, 2]) < -(radius + 0.5)
    return np.column_stack([at, radius])[inside]


def paint_balls(
    slab: Slab,
    labels: NDArray[np.uint8],
    balls: NDArray[np.float64],
    number: int,
    voxel_mm: tuple[float, float, float],
) -> None:
    """Paint the balls that reach into a slab, in place."""
    hu = np.float32(MATERIALS["miliary"][0])
    margin = max(voxel_mm)
    z = slab.z
    lift = slab.shear * (slab.y[[0, -1]] - slab.y[0])
    reach = balls[:, 3] + margin
    near = (balls[:, 2] + reach > z[0] + lift.min()) & (balls[:, 2] - reach < z[-1] + lift.max())
    for x0, y0, z0, radius in balls[near]:
        centre = np.array([x0, y0, z0])
        where = slab.box(centre - radius - margin, centre + radius + margin)
        part = slab.hu[where]
        if part.size == 0:
            continue
        dx = slab.x[where[2]][:, None] + _SUB * voxel_mm[2] - x0
        dy = slab.y[where[1]][:, None] + _SUB * voxel_mm[1] - y0
        dz = slab.heights(where[1], where[0])[..., None] + _SUB * voxel_mm[0] - z0
        share = _share(dx, dy, dz, radius)
        part += share * (hu - part)
        labels[where][share >= 0.5] = number


def _share(
    dx: NDArray[np.float64], dy: NDArray[np.float64], dz: NDArray[np.float64], radius: float
) -> NDArray[np.float32]:
    """Return the share of each voxel (slice, row, column) in a ball; ``dz`` (slice, row, 1, 3)."""
    total = np.zeros((dz.shape[0], len(dy), len(dx)), dtype=np.float32)
    for k in range(3):
        for j in range(3):
            flat = np.square(dz[:, :, 0, k])[:, :, None] + np.square(dy[:, j])[None, :, None]
            for i in range(3):
                total += flat + np.square(dx[:, i]) <= radius * radius
    return total / np.float32(27.0)
