"""Where a PET of another examination may lie on a CT: the search without a common frame. Pure.

Two examinations with frames of reference of their own say nothing of where one lies in the other.
The middles of the two bodies give left-right and front-back; heights are tried in steps, each by
the mutual information it gives, and the best few are refined (``pet_rigid``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.imaging.pet_errors import PetNoOverlapError, PetPlaceUnsureError
from core.imaging.pet_rigid import AlignLimits, Alignment, Anatomy, align, information_at
from core.imaging.petct_space import Affine, Rigid

_STEP_MM: Final = 16.0
_REFINED: Final = 2


@dataclass(frozen=True, slots=True)
class FreeLimits:
    """How far apart the answers of different starts may lie, and the least information."""

    spread_mm: float = 4.0
    information: float = 0.15


def align_freely(
    anatomy: Anatomy,
    pet: NDArray[np.float32],
    pet_affine: Affine,
    limits: AlignLimits | None = None,
    free: FreeLimits | None = None,
) -> Alignment:
    """Find the rigid motion from the CT to a PET whose frame of reference is another.

    Parameters
    ----------
    anatomy : Anatomy
    pet : (slice, row, column) float32
    pet_affine : (4, 4)

    Returns
    -------
    Alignment
        ``motion`` holds the whole way from one frame to the other.

    Raises
    ------
    PetNoOverlapError
        No height lets the two overlap enough.
    PetPlaceUnsureError
        The answer is weak, or depends on where the search began.
    """
    limits, free = limits or AlignLimits(), free or FreeLimits()
    heights = _heights(anatomy, pet.shape, pet_affine, limits)
    if not len(heights):
        raise PetNoOverlapError(overlap_mm=0)
    across = _middle_of_pet(pet, pet_affine) - _middle_of_body(anatomy)
    starts = [np.array([across[0], across[1], dz]) for dz in heights]
    placed = [(information_at(anatomy, pet, _moved(pet_affine, s), limits), s) for s in starts]
    placed.sort(key=lambda one: -one[0])
    found = [_whole(align(anatomy, pet, _moved(pet_affine, s), limits), s)
             for _, s in placed[:_REFINED]]  # fmt: skip
    best = max(found, key=lambda one: one.information_after)
    if best.information_after < free.information or best.spread_mm > free.spread_mm:
        raise PetPlaceUnsureError(spread_mm=round(best.spread_mm, 1))
    return best


def _heights(
    anatomy: Anatomy, shape: tuple[int, ...], pet_affine: Affine, limits: AlignLimits
) -> NDArray[np.float64]:
    """Return shifts along the patient (PET z minus CT z) at which the two overlap enough."""
    low, high = _ends(anatomy.affine, anatomy.hu.shape)
    pet_low, pet_high = _ends(pet_affine, shape)
    # All of the shorter one must be covered: half a chest upon half a chest fits everywhere.
    least = max(limits.least_overlap_mm, 0.8 * min(high - low, pet_high - pet_low))
    first, last = pet_low - high + least, pet_high - low - least
    if last < first:
        return np.array([])
    count = max(1, round((last - first) / _STEP_MM)) + 1
    return np.linspace(first, last, count)


def _ends(affine: Affine, shape: tuple[int, ...]) -> tuple[float, float]:
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij")).reshape(3, -1)
    z = (affine[:3, :3] @ corners)[2] + affine[2, 3]
    return float(z.min()), float(z.max())


def _middle_of_body(anatomy: Anatomy) -> NDArray[np.float64]:
    return _middle(anatomy.body.astype(np.float64), anatomy.affine)


def _middle_of_pet(pet: NDArray[np.float32], affine: Affine) -> NDArray[np.float64]:
    """Return the middle of what is warmer than air: a hot lesion counts as much as muscle."""
    warm = np.nan_to_num(pet) > 0.1 * float(np.percentile(np.nan_to_num(pet), 99))
    return _middle(warm.astype(np.float64), affine)


def _middle(mask: NDArray[np.float64], affine: Affine) -> NDArray[np.float64]:
    sums = [mask.sum(axis=tuple(k for k in range(3) if k != axis)) for axis in range(3)]
    whole = max(float(mask.sum()), 1.0)
    index = np.array([float((np.arange(len(s)) * s).sum()) / whole for s in sums])
    return np.asarray(affine[:3, :3] @ index + affine[:3, 3])


def _moved(affine: Affine, shift: NDArray[np.float64]) -> Affine:
    out = affine.copy()
    out[:3, 3] -= shift
    return out


def _whole(found: Alignment, shift: NDArray[np.float64]) -> Alignment:
    """Return the alignment with the shift that came before it."""
    own = found.motion
    return replace(found, motion=Rigid(own.rotation, own.centre_mm, own.shift_mm + shift))
