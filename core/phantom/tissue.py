"""One slice of the patient: soft tissue, lungs, bones; everything but tubes and lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.phantom import anatomy
from core.phantom.anatomy import Build, F
from core.phantom.bones import blend, cover, paint_axial, paint_ribs, paint_scapulae

# Bits of the organ map.
LUNG_RIGHT = 1
LUNG_LEFT = 2
AIRWAY = 4
VESSEL = 8
BONE = 16
HEART = 32
BODY = 64
LIVER = 128


@dataclass(frozen=True, slots=True)
class Slice:
    """Coordinates of one slice in the patient's frame and what is painted there.

    Attributes
    ----------
    x, y, z : broadcastable to (row, column)
        LPS millimetres.
    texture : (row, column) ndarray
        Correlated unit noise, for lung and soft-tissue structure.
    width_mm : float
        Pixel size that edges are smoothed over (partial volume).
    """

    x: F
    y: F
    z: F
    texture: F
    width_mm: float


def _abdomen(build: Build, at: Slice, wall: F, hu: F) -> F:
    """Paint what lies under the diaphragm; returns the share of liver."""
    x, y, z, width = at.x, at.y, at.z, at.width_mm
    if float(z.min()) > max(build.dome_right_mm, build.dome_left_mm) + 8.0:
        return np.zeros(at.texture.shape, dtype=np.float32)
    floor = (z - anatomy.dome(build, x, y)) * 0.7
    below = np.maximum(wall, floor)
    blend(hu, cover(below, width), 45.0)
    inside = np.maximum(wall + 1.5, floor + 2.0)
    blend(hu, cover(inside, width), -98.0 + 6.0 * at.texture)
    liver = np.maximum(inside - 1.0, (x - (38.0 - 0.45 * (y + 60.0)) - 0.25 * (z + 100.0)) * 0.8)
    share = cover(liver, width)
    blend(hu, share, 58.0 + 4.0 * at.texture)
    spleen = np.maximum(
        inside + 1.5,
        (np.sqrt(np.square((x - 98.0) / 30.0) + np.square((y - 45.0) / 42.0)) - 1.0) * 30.0,
    )
    blend(hu, cover(spleen, width), 50.0 + 4.0 * at.texture)
    stomach = (
        np.sqrt(
            np.square((x - 62.0) / 34.0)
            + np.square((y + 22.0) / 36.0)
            + np.square((z - build.dome_left_mm + 42.0) / 34.0)
        )
        - 1.0
    ) * 34.0
    stomach = np.maximum(stomach, inside + 2.0)
    blend(hu, cover(stomach, width), 42.0)
    gas = np.broadcast_to(np.where(y < -18.0, np.float32(-960.0), np.float32(12.0)), hu.shape)
    blend(hu, cover(stomach + 3.5, width), gas)
    return share


def _lung_hu(build: Build, at: Slice, lung: F) -> F:
    """Return lung density: gravity gradient, texture, denser core, hair-thin fissures."""
    x, y, z = at.x, at.y, at.z
    value = build.lung_hu + 0.42 * y + 16.0 * at.texture
    value = value + 22.0 * np.exp(-np.square(lung / 3.0))  # the mantle under the pleura
    oblique, horizontal = anatomy.fissures(x, y, z)
    nearest = np.minimum(np.abs(oblique), np.abs(horizontal))
    # A fissure is thinner than a voxel: its share is its thickness over the pixel size.
    share = np.clip(1.0 - nearest / at.width_mm, 0.0, 1.0) * min(1.0, 0.45 / at.width_mm)
    return (value + share * 700.0).astype(np.float32)


def paint_slice(build: Build, at: Slice) -> tuple[F, NDArray[np.uint8]]:
    """Return Hounsfield units and organ bits of one slice.

    Returns
    -------
    hu : (row, column) float32 ndarray
    organs : (row, column) uint8 ndarray
        Sum of the bits of this module.
    """
    x, y, z, width = at.x, at.y, at.z, at.width_mm
    shape = at.texture.shape
    hu = np.full(shape, -1000.0, dtype=np.float32)
    wall = np.broadcast_to(anatomy.cage(build, x, y, z), shape)
    skin, muscle = anatomy.body(build, x, y, z, wall)
    inside = cover(skin, width)
    blend(hu, inside, 25.0)
    blend(hu, cover(skin + 2.0, width), -104.0 + 7.0 * at.texture)
    blend(hu, cover(muscle, width), 52.0 + 6.0 * at.texture)
    # A fat plane between the muscle layers.
    plane = np.abs(wall - (anatomy.RIB_LAYER_MM + 5.0)) - 0.9
    blend(hu, cover(np.maximum(plane, muscle + 4.0), width) * 0.7, -60.0)
    blend(hu, cover(wall, width), -82.0 + 10.0 * at.texture)
    blend(hu, cover(anatomy.paraspinal(build, x, y, z), width), 50.0 + 5.0 * at.texture)
    liver = _abdomen(build, at, wall, hu)
    heart = np.broadcast_to(np.maximum(anatomy.heart(build, x, y, z), wall), shape)
    blend(hu, cover(heart, width), 42.0 + 3.0 * at.texture)
    lung = np.broadcast_to(anatomy.lungs(build, x, y, z, wall), shape)
    aired = cover(lung, width)
    blend(hu, cover(lung - 1.2, width), 30.0)  # pleura and its backing
    blend(hu, aired, _lung_hu(build, at, lung))
    grid = (x, y, z)
    bone = paint_ribs(build, grid, wall, hu, width)
    np.maximum(bone, paint_scapulae(build, grid, wall, hu, width), out=bone)
    np.maximum(bone, paint_axial(build, grid, hu, width), out=bone)
    side = np.broadcast_to(np.where(x < 0, np.uint8(LUNG_RIGHT), np.uint8(LUNG_LEFT)), shape)
    organs = np.where(lung < 0, side, np.uint8(0)).astype(np.uint8)
    for bit, mask in (
        (BONE, bone >= 0.5),
        (HEART, (heart < 0) & (lung >= 0)),
        (BODY, inside >= 0.5),
        (LIVER, liver >= 0.5),
    ):
        organs |= mask.astype(np.uint8) * np.uint8(bit)
    return hu, organs
