"""Where PET, CT and working grids lie in the patient, and how values pass between them. Pure.

Every grid is an affine matrix (4, 4) from array indices (first, second, third axis) to LPS
millimetres; a rigid motion stands between CT and PET.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from core.imaging.ct_grid import Grid, PatientView
from core.imaging.volume import Volume

Affine = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rigid:
    """A motion of the patient between two scans: ``y = R (x - centre) + centre + shift``.

    Attributes
    ----------
    rotation : (3, 3) float
        Proper rotation, LPS.
    centre_mm, shift_mm : (3,) float
        LPS; the shift is that of the centre.
    """

    rotation: NDArray[np.float64]
    centre_mm: NDArray[np.float64]
    shift_mm: NDArray[np.float64]

    @property
    def angle_deg(self) -> float:
        """Total angle of the rotation."""
        return float(np.degrees(Rotation.from_matrix(self.rotation).magnitude()))

    @property
    def length_mm(self) -> float:
        """Length of the shift of the centre."""
        return float(np.linalg.norm(self.shift_mm))

    @property
    def matrix(self) -> Affine:
        """The motion as a matrix on homogeneous LPS points."""
        out = np.eye(4)
        out[:3, :3] = self.rotation
        out[:3, 3] = self.centre_mm + self.shift_mm - self.rotation @ self.centre_mm
        return out

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return moved (..., 3) LPS points."""
        return np.asarray(
            (np.asarray(points_mm) - self.centre_mm) @ self.rotation.T
            + self.centre_mm
            + self.shift_mm
        )

    def inverse(self) -> Rigid:
        """Return the motion back, about the same centre."""
        back = self.rotation.T
        return Rigid(back, self.centre_mm, -back @ self.shift_mm)

    def after(self, first: Rigid) -> Rigid:
        """Return the motion that does ``first``, then this one, about this one's centre."""
        both = self.matrix @ first.matrix
        moved = both[:3, :3] @ self.centre_mm + both[:3, 3]
        return Rigid(both[:3, :3], self.centre_mm, moved - self.centre_mm)


def still(centre_mm: NDArray[np.float64] | tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Rigid:
    """Return the motion that moves nothing."""
    return Rigid(np.eye(3), np.asarray(centre_mm, dtype=np.float64), np.zeros(3))


def rigid_of(
    angles_deg: tuple[float, float, float],
    shift_mm: tuple[float, float, float],
    centre_mm: NDArray[np.float64],
) -> Rigid:
    """Return a motion from angles about the LPS axes (x, then y, then z, fixed axes)."""
    turn = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    return Rigid(turn, np.asarray(centre_mm, dtype=np.float64), np.asarray(shift_mm, np.float64))


def affine_of(volume: Volume) -> Affine:
    """Return index (slice, row, column) -> LPS of a volume."""
    out = np.eye(4)
    out[:3, :3] = np.asarray(volume.direction) * np.asarray(volume.spacing_mm)
    out[:3, 3] = volume.origin_mm
    return out


def affine_of_grid(volume: Volume, view: PatientView, grid: Grid) -> Affine:
    """Return index (up, back, left) -> LPS of a grid that was cut from the volume's view."""
    corners = np.vstack([np.zeros(3), np.eye(3)])
    places = volume.to_lps(view.source_index(grid.full_index(corners)))
    out = np.eye(4)
    out[:3, 3] = places[0]
    out[:3, :3] = (places[1:] - places[0]).T
    return out


def centre_of(affine: Affine, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the LPS centre of an array."""
    middle = (np.asarray(shape[:3], dtype=np.float64) - 1.0) / 2.0
    return np.asarray(affine[:3, :3] @ middle + affine[:3, 3])


def resampled(
    values: NDArray[Any],
    source: Affine,
    target: tuple[Affine, tuple[int, int, int]],
    motion: Rigid | None = None,
    order: int = 1,
) -> NDArray[Any]:
    """Return an array's values on another grid; 0 beyond its edge.

    Parameters
    ----------
    values : (3-D) array
    source : (4, 4) float
        Its grid.
    target : (affine, shape)
        The wanted grid.
    motion : Rigid or None
        LPS of the target's patient -> LPS of the source's.
    order : int
        0 nearest (labels), 1 linear.
    """
    affine, shape = target
    moved = affine if motion is None else motion.matrix @ affine
    chain = np.linalg.inv(source) @ moved
    wanted = values if order == 0 or values.dtype == np.float32 else values.astype(np.float32)
    out = ndimage.affine_transform(
        wanted, chain[:3, :3], chain[:3, 3], output_shape=shape, order=order, mode="constant"
    )
    return np.asarray(out)
