"""Fused pictures of a PET-CT: planes through a point, CT in grey, uptake in hot iron. Pure.

Hot iron is the palette of PS3.6 annex B.1.1 (black, red, yellow, white); its share of the picture
grows with the uptake, so that the CT stays readable where nothing is taken up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.petct_space import Affine, Rigid, affine_of, affine_of_grid, resampled

if TYPE_CHECKING:
    from core.imaging.volume import Volume

Rgb = NDArray[np.uint8]
SOFT_WINDOW_HU: Final = (-160.0, 240.0)
EDGE_MM: Final = 2.0


@dataclass(frozen=True, eq=False)
class FusedGrid:
    """CT and PET on one grid of about 2 mm, order (up, back, left).

    Attributes
    ----------
    hu, uptake : float32
        The uptake in SUV, or in the PET's own units.
    top : float
        Uptake that is shown white.
    affine : (4, 4)
        Index -> LPS of the CT.
    """

    hu: NDArray[np.float32]
    uptake: NDArray[np.float32]
    top: float
    affine: Affine


@dataclass(frozen=True, eq=False)
class FusedPlanes:
    """Pictures through one point, RGB (row, column, 3): head up, patient's right on the left."""

    axial_ct: Rgb
    axial_pet: Rgb
    axial: Rgb
    coronal_ct: Rgb
    coronal_pet: Rgb
    coronal: Rgb


def fused_grid(ct: Volume, pet: Volume, motion: Rigid, top: float | None = None) -> FusedGrid:
    """Bring CT and PET to one grid.

    Parameters
    ----------
    pet : Volume
        In SUV, or in its own units (then ``top`` is taken from its values).
    motion : Rigid
        CT LPS -> PET LPS.
    """
    view = patient_view(ct)
    grid = cut_grid(view, EDGE_MM)
    place = affine_of_grid(ct, view, grid)
    a, b, c = grid.voxels.shape
    uptake = resampled(pet.voxels, affine_of(pet), (place, (a, b, c)), motion)
    if top is None:
        top = float(np.percentile(uptake, 99.8)) or 1.0
    return FusedGrid(grid.voxels, uptake, top, place)


def hot_iron(share: NDArray[np.floating]) -> Rgb:
    """Return colours of values 0…1, (…, 3)."""
    v = np.clip(share, 0.0, 1.0)
    parts = (2.0 * v, 2.0 * v - 1.0, 4.0 * v - 3.0)
    return np.stack([np.rint(255.0 * np.clip(p, 0.0, 1.0)) for p in parts], axis=-1).astype(
        np.uint8
    )


def grey(hu: NDArray[np.float32], window: tuple[float, float] = SOFT_WINDOW_HU) -> Rgb:
    """Return a CT plane in its window, RGB."""
    low, high = window
    level = np.clip((hu - low) / (high - low), 0.0, 1.0)
    return np.repeat(np.rint(255.0 * level).astype(np.uint8)[..., None], 3, axis=-1)


def blended(hu: NDArray[np.float32], share: NDArray[np.floating]) -> Rgb:
    """Return the fused plane: up to 75 % colour where uptake is high, none where there is none.

    The palette stops before white, which is bone's colour.
    """
    part = np.clip(1.5 * share, 0.0, 0.75)[..., None]
    mixed = (1.0 - part) * grey(hu) + part * hot_iron(0.8 * np.clip(share, 0.0, 1.0))
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def planes_at(grid: FusedGrid, point_mm: tuple[float, float, float]) -> FusedPlanes:
    """Return the axial and the coronal plane through a point of the CT (LPS)."""
    back = np.linalg.inv(grid.affine)
    index = back[:3, :3] @ np.asarray(point_mm) + back[:3, 3]
    level, row = (int(np.clip(round(float(index[k])), 0, grid.hu.shape[k] - 1)) for k in (0, 1))
    axial = (grid.hu[level], grid.uptake[level] / grid.top)
    coronal = (grid.hu[::-1, row], grid.uptake[::-1, row] / grid.top)
    return FusedPlanes(
        grey(axial[0]), _negative(axial[1]), blended(*axial),
        grey(coronal[0]), _negative(coronal[1]), blended(*coronal),
    )  # fmt: skip


def projection(grid: FusedGrid) -> Rgb:
    """Return the coronal maximum projection of the uptake, dark on white, head up."""
    return _negative(grid.uptake.max(axis=1)[::-1] / grid.top)


def _negative(share: NDArray[np.floating]) -> Rgb:
    level = np.rint(255.0 * (1.0 - np.clip(share, 0.0, 1.0))).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=-1)
