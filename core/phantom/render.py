"""The patient painted into slabs of voxels: tissue, tubes, lesions, in that order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.phantom import tissue
from core.phantom.anatomy import F, twisted
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
    """

    x: F
    y: F
    z: F
    thickness_mm: float
    shear: float = 0.0

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """(row, column) spacing."""
        return float(self.y[1] - self.y[0]), float(self.x[1] - self.x[0])


def render(patient: Patient, grid: Grid) -> tuple[Slab, NDArray[np.uint8]]:
    """Return a painted slab and its lesion label map, both (slice, row, column).

    The patient's ``twist_deg`` is not applied here: tubes and lesions live in the patient's frame;
    a twisted patient is rendered straight and turned by :func:`turned_grid` callers.
    """
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
        own_x, own_y = twisted(patient.build, x, y)
        at = Slice(own_x, own_y, z, texture, width)
        slab.hu[index], slab.organs[index] = paint_slice(patient.build, at)
    _paint_trees(patient, slab, max(width, 0.5 * grid.thickness_mm))
    voxel = (grid.thickness_mm, *grid.pixel_mm)
    for number, lesion in enumerate(patient.lesions, start=1):
        paint_lesion(slab, labels, patient.build, lesion, number, voxel)
    return slab, labels


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
