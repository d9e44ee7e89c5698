"""The patient painted into slabs of voxels: tissue, tubes, lesions, in that order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.phantom import tissue
from core.phantom.anatomy import F, body, cage
from core.phantom.lesion_paint import paint_lesion
from core.phantom.patients import Patient
from core.phantom.tissue import Slice, paint_slice
from core.phantom.tubes import Ink, Slab, Tubes, paint_tubes


@dataclass(frozen=True, slots=True)
class Grid:
    """Where voxels are.

    Attributes
    ----------
    x : (column,) ndarray
    y : (row,) ndarray
    z : (slice,) ndarray
        Heights of row 0 of each slice, ascending, LPS millimetres.
    thickness_mm : float
        Of a slice.
    shear : float
        Tangent of the gantry tilt.
    edge_mm : float or None
        Width over which tissue edges are smoothed; None = the larger pixel spacing.
    """

    x: F
    y: F
    z: F
    thickness_mm: float
    shear: float = 0.0
    edge_mm: float | None = None

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """(row, column) spacing."""
        return float(self.y[1] - self.y[0]), float(self.x[1] - self.x[0])


def render(patient: Patient, grid: Grid) -> tuple[Slab, NDArray[np.uint8]]:
    """Return a painted slab and its lesion label map, both (slice, row, column)."""
    shape = (len(grid.z), len(grid.y), len(grid.x))
    slab = Slab(
        np.empty(shape, np.float32), np.empty(shape, np.uint8), grid.x, grid.y, grid.z, grid.shear
    )
    labels = np.zeros(shape, dtype=np.uint8)
    width = max(grid.pixel_mm)
    x = grid.x[None, :].astype(np.float32)
    y = grid.y[:, None].astype(np.float32)
    for index in range(shape[0]):
        z = slab.heights(slice(None), slice(index, index + 1))[0].astype(np.float32)
        if grid.shear == 0.0:
            z = z[:1]
        texture = patient.texture.slice(float(grid.z[index]) + 400.0, shape[1:], grid.pixel_mm)
        at = Slice(x, y, z, texture, grid.edge_mm or width)
        _paint_within(patient, at, slab.hu[index], slab.organs[index])
    _paint_trees(patient, slab, max(width, 0.5 * grid.thickness_mm))
    voxel = (grid.thickness_mm, *grid.pixel_mm)
    for number, lesion in enumerate(patient.lesions, start=1):
        paint_lesion(slab, labels, patient.build, lesion, number, voxel)
    return slab, labels


_COARSE = 8


def _paint_within(patient: Patient, at: Slice, hu: F, organs: NDArray[np.uint8]) -> None:
    """Paint one slice where the body is; the rest is air."""
    hu[...] = -1000.0
    organs[...] = 0
    x, y = at.x[:, ::_COARSE], at.y[::_COARSE]
    z = at.z[::_COARSE] if at.z.shape[0] > 1 else at.z
    skin, _ = body(patient.build, x, y, z, cage(patient.build, x, y, z))
    near = np.broadcast_to(skin < 2.0 * _COARSE * at.width_mm, (y.shape[0], x.shape[1]))
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if len(rows) == 0:
        return
    r = slice(int(rows[0]) * _COARSE, (int(rows[-1]) + 1) * _COARSE)
    c = slice(int(columns[0]) * _COARSE, (int(columns[-1]) + 1) * _COARSE)
    z = at.z[r] if at.z.shape[0] > 1 else at.z
    part = Slice(at.x[:, c], at.y[r], z, at.texture[r, c], at.width_mm)
    hu[r, c], organs[r, c] = paint_slice(patient.build, part)


def _paint_trees(patient: Patient, slab: Slab, width: float) -> None:
    trees = patient.trees
    other = tissue.HEART | tissue.LIVER | tissue.BONE
    paint_tubes(slab, trees.great, Ink(44.0, 0, width, tissue.BONE))
    paint_tubes(slab, _oesophagus(), Ink(32.0, 0, width, other))
    paint_tubes(slab, trees.vessels, Ink(42.0, tissue.VESSEL, width, other))
    # A wall of a sixth of the calibre, never under half a millimetre.
    wall = np.maximum(0.5, 0.16 * trees.airways.radius_start)
    paint_tubes(slab, trees.airways.grown(wall), Ink(15.0, 0, width, other))
    paint_tubes(slab, trees.airways, Ink(-985.0, tissue.AIRWAY, width, other))
    paint_tubes(slab, trees.clavicles, Ink(700.0, tissue.BONE, width))
    paint_tubes(slab, trees.clavicles.grown(-2.0), Ink(220.0, 0, width))


def _oesophagus() -> Tubes:
    points = np.array([(2, 26, 170), (8, 36, 70), (6, 40, 0), (10, 34, -80), (22, 20, -110)])
    radius = np.full(4, 6.0)
    return Tubes(points[:-1].astype(float), points[1:].astype(float), radius, radius)
