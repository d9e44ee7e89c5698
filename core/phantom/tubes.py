"""Vessels, airways and long bones as chains of tapered capsules, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tubes:
    """Straight tapered pieces.

    Attributes
    ----------
    start, end : (n, 3) ndarray
        LPS millimetres (x, y, z).
    radius_start, radius_end : (n,) ndarray
        Millimetres.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius_start: NDArray[np.float64]
    radius_end: NDArray[np.float64]

    def grown(self, by_mm: NDArray[np.float64] | float) -> Tubes:
        """Return the same pieces with other radii (airway walls)."""
        return Tubes(self.start, self.end, self.radius_start + by_mm, self.radius_end + by_mm)


def path(points: list[tuple[float, float, float]], radii: list[float]) -> Tubes:
    """Return a chain of pieces through points with a radius at each point."""
    at = np.asarray(points, dtype=np.float64)
    radius = np.asarray(radii, dtype=np.float64)
    return Tubes(at[:-1], at[1:], radius[:-1], radius[1:])


def join(*parts: Tubes) -> Tubes:
    """Return all pieces in one set."""
    return Tubes(
        np.concatenate([p.start for p in parts]),
        np.concatenate([p.end for p in parts]),
        np.concatenate([p.radius_start for p in parts]),
        np.concatenate([p.radius_end for p in parts]),
    )


@dataclass(frozen=True, slots=True)
class Slab:
    """A stack of slices being painted.

    Attributes
    ----------
    hu : (slice, row, column) float32 ndarray
    organs : (slice, row, column) uint8 ndarray
    x : (column,) ndarray
    y : (row,) ndarray
    z : (slice,) ndarray
        Height of the first row of each slice (all rows unless the gantry is tilted).
    shear : float
        Height gained per millimetre of y (tangent of the gantry tilt).
    """

    hu: F
    organs: NDArray[np.uint8]
    x: NDArray[np.floating[Any]]
    y: NDArray[np.floating[Any]]
    z: NDArray[np.floating[Any]]
    shear: float = 0.0

    def heights(self, rows: slice, slices: slice) -> NDArray[np.floating[Any]]:
        """Return z of (slice, row, 1)."""
        lift = self.shear * (self.y[rows] - self.y[0])
        return (self.z[slices, None] + lift[None, :])[:, :, None]

    def box(
        self, low: NDArray[np.floating[Any]], high: NDArray[np.floating[Any]]
    ) -> tuple[slice, slice, slice]:
        """Return the index ranges (slice, row, column) that hold an LPS box."""
        rows = _range(self.y, low[1], high[1])
        columns = _range(self.x, low[0], high[0])
        lift = np.sort(self.shear * (np.array([low[1], high[1]]) - self.y[0]))
        slices = _range(self.z, low[2] - lift[1], high[2] - lift[0])
        return slices, rows, columns


def _range(axis: NDArray[np.floating[Any]], low: float, high: float) -> slice:
    return slice(int(np.searchsorted(axis, low)), int(np.searchsorted(axis, high, side="right")))


@dataclass(frozen=True, slots=True)
class Ink:
    """How tubes are painted.

    Attributes
    ----------
    hu : float
    bit : int
        Organ bit that is set, 0 = none.
    width_mm : float
        Edges are smoothed over this distance.
    spare : int
        Organ bits that are never painted over.
    """

    hu: float
    bit: int
    width_mm: float
    spare: int = 0


def paint_tubes(slab: Slab, tubes: Tubes, ink: Ink) -> None:
    """Paint capsules into a slab in place.

    Pieces far thinner than a voxel are left out: they would be invisible.
    """
    width_mm = ink.width_mm
    thick = np.maximum(tubes.radius_start, tubes.radius_end)
    reach = (thick + width_mm)[:, None]
    low = np.minimum(tubes.start, tubes.end) - reach
    high = np.maximum(tubes.start, tubes.end) + reach
    lift = slab.shear * (slab.y[[0, -1]] - slab.y[0])
    near = (high[:, 2] >= slab.z[0] + lift.min()) & (low[:, 2] <= slab.z[-1] + lift.max())
    for index in np.flatnonzero(near & (thick > 0.25 * width_mm)):
        where = slab.box(low[index], high[index])
        _paint_one(slab, where, tubes, int(index), ink)


def _paint_one(
    slab: Slab, where: tuple[slice, slice, slice], tubes: Tubes, index: int, ink: Ink
) -> None:
    slices, rows, columns = where
    part = slab.hu[where]
    if part.size == 0:
        return
    width = ink.width_mm
    start, axis = tubes.start[index], tubes.end[index] - tubes.start[index]
    dx = (slab.x[columns] - start[0])[None, None, :]
    dy = (slab.y[rows] - start[1])[None, :, None]
    dz = slab.heights(rows, slices) - start[2]
    length = float(axis @ axis)
    along = (dx * axis[0] + dy * axis[1]) + dz * axis[2]
    along = np.clip(along / max(length, 1e-9), 0.0, 1.0)
    square = dx * dx + dy * dy + dz * dz
    square = square - along * (2.0 * (dx * axis[0] + dy * axis[1] + dz * axis[2]) - along * length)
    r0, r1 = float(tubes.radius_start[index]), float(tubes.radius_end[index])
    radius = r0 + along * (r1 - r0)
    share = np.clip(0.5 + (radius - np.sqrt(np.maximum(square, 0.0))) / width, 0.0, 1.0)
    # A thread thinner than a voxel fills only part of it even on its axis.
    share *= min(1.0, 2.0 * max(r0, r1) / width)
    if ink.spare:
        share *= (slab.organs[where] & np.uint8(ink.spare)) == 0
    part += share.astype(np.float32) * (np.float32(ink.hu) - part)
    if ink.bit:
        slab.organs[where] |= (share >= 0.5).astype(np.uint8) * np.uint8(ink.bit)
