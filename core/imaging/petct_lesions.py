"""Uptake of the CT's lesions, and hot spots in the CT's coordinates. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.pet_foci import FociLimits, Focus, SuvImage, Uptake, measure_uptake
from core.imaging.pet_sites import ABDOMEN, HEART, LIVER, Sites
from core.imaging.petct_space import Affine, Rigid, affine_of
from core.imaging.result import Lesion

if TYPE_CHECKING:
    from core.imaging.volume import Volume

# QIBA claim: an unchanged lesion's second SUVmax lies between -28 % and +39 % of the first.
_REPEATABILITY: Final = (0.72, 1.39)


@dataclass(frozen=True, eq=False)
class CtSide:
    """The CT that a PET is fused with.

    Attributes
    ----------
    volume : Volume
    lesions : tuple of Lesion or None
    label_map : (slice, row, column) uint16 or None
        Lesion ids.
    """

    volume: Volume
    lesions: tuple[Lesion, ...] | None = None
    label_map: NDArray[np.uint16] | None = None


@dataclass(frozen=True, eq=False)
class PetFocus:
    """One hot spot in the CT's coordinates.

    Attributes
    ----------
    id : int
        From 1, the hottest first.
    centroid_mm : (3,) float
        LPS of the CT.
    site : str
        ``right_lung``, ``left_lung``, ``mediastinum``, ``heart``, ``liver``, ``abdomen``,
        ``chest_wall`` or ``outside``.
    assessed : bool
        Whether it lies where lesions are looked for; the others are probably physiological.
    lesion : int or None
        CT lesion that it belongs to.
    """

    id: int
    centroid_mm: tuple[float, float, float]
    site: str
    assessed: bool
    uptake: Uptake
    lesion: int | None = None


_SITE_NAMES: Final = (
    "outside", "right_lung", "left_lung", "mediastinum", "heart", "liver", "abdomen", "chest_wall",
)  # fmt: skip


def pet_index(
    index: NDArray[np.intp], place: Affine, pet: Volume, motion: Rigid
) -> NDArray[np.float64]:
    """Return fractional PET indices of (n, 3) indices of a CT grid."""
    chain = np.linalg.inv(affine_of(pet)) @ motion.matrix @ place
    return np.asarray(index @ chain[:3, :3].T + chain[:3, 3])


def lesion_regions(
    ct: CtSide, pet: Volume, motion: Rigid, pet_sites: Sites, limits: FociLimits
) -> dict[int, NDArray[np.bool_]]:
    """Return where each CT lesion lies in the PET, with its surroundings; none outside the PET."""
    out: dict[int, NDArray[np.bool_]] = {}
    if ct.label_map is None or not ct.lesions:
        return out
    size = np.asarray(pet.voxels.shape)
    place = affine_of(ct.volume)
    boxes = ndimage.find_objects(ct.label_map)
    own = np.isin(pet_sites, (HEART, LIVER, ABDOMEN))
    for lesion in ct.lesions:
        box = boxes[lesion.id - 1] if 0 < lesion.id <= len(boxes) else None
        if box is None:
            continue
        index = np.argwhere(ct.label_map[box] == lesion.id) + [part.start for part in box]
        at = np.rint(pet_index(index, place, pet, motion)).astype(np.intp)
        at = at[((at >= 0) & (at < size)).all(axis=1)]
        if len(at):
            out[lesion.id] = _widened(at, pet, own, limits.reach_mm)
    return out


def _widened(
    at: NDArray[np.intp], pet: Volume, own: NDArray[np.bool_], reach_mm: float
) -> NDArray[np.bool_]:
    """Return the voxels and what lies within reach, the body's own warm organs left out."""
    region = np.zeros(pet.voxels.shape, dtype=bool)
    region[tuple(at.T)] = True
    steps = np.ceil(reach_mm / np.asarray(pet.spacing_mm)).astype(int)
    low = np.maximum(at.min(axis=0) - steps, 0)
    high = at.max(axis=0) + steps + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    core = region[box].copy()
    near = ndimage.distance_transform_edt(~core, sampling=pet.spacing_mm) <= reach_mm
    region[box] = core | (near & ~own[box])
    return region


def owner_of(focus: Focus, regions: dict[int, NDArray[np.bool_]]) -> int | None:
    """Return the lesion that holds most of a focus' contour, or None."""
    best, most = None, 0
    for number, region in regions.items():
        held = int(region[tuple(focus.contour.T)].sum())
        if held > most:
            best, most = number, held
    return best


def focus_of(number: int, focus: Focus, owner: int | None, pet: Volume, motion: Rigid) -> PetFocus:
    middle = pet.to_lps(focus.contour.mean(axis=0))
    at = motion.inverse().at(middle)
    where = (float(at[0]), float(at[1]), float(at[2]))
    return PetFocus(number, where, _SITE_NAMES[focus.site], focus.assessed, focus.uptake, owner)


def with_uptake(
    lesion: Lesion,
    region: NDArray[np.bool_] | None,
    image: SuvImage,
    hot: tuple[float, bool],
) -> Lesion:
    """Return the lesion with its SUV; the interval is QIBA's claim where it holds (>= 2 cm, 4).

    Parameters
    ----------
    region : (slice, row, column) bool or None
        Of the PET; None where the lesion lies outside it.
    hot : (float, bool)
        The SUV that counts as hot, and whether a focus belongs to the lesion. Code ``uptake``:
        ``focal``; ``raised`` (hot, but no hot spot of its own); ``not_raised``; ``outside_pet``.
    """
    if region is None:
        return replace(lesion, codes={**lesion.codes, "uptake": "outside_pet"})
    threshold, focal = hot
    found = measure_uptake(image, region)
    intervals = dict(lesion.intervals)
    if found.suv_max >= 4.0 and lesion.long_axis_mm >= 20.0:
        low, high = _REPEATABILITY
        intervals["suv_max"] = (low * found.suv_max, high * found.suv_max)
    code = "focal" if focal else "raised" if found.suv_max >= threshold else "not_raised"
    numbers = uptake_numbers(found)
    if code == "not_raised":
        # A contour around what is not hot runs out into the tissue beside it.
        numbers = {name: numbers[name] for name in ("suv_max", "suv_peak", "suv_mean")}
    return replace(
        lesion,
        extra={**lesion.extra, **numbers},
        intervals=intervals,
        codes={**lesion.codes, "uptake": code},
    )


def uptake_numbers(uptake: Uptake) -> dict[str, float]:
    """Return the numbers of an uptake by the names they have in results; NaN ones left out."""
    named = {
        "suv_max": uptake.suv_max,
        "suv_peak": uptake.suv_peak,
        "suv_mean": uptake.suv_mean,
        "suv_mean_41": uptake.suv_mean_41,
        "metabolic_volume_41_ml": uptake.volume_41_ml,
        "total_lesion_glycolysis_41_g": uptake.glycolysis_41_g,
        "metabolic_volume_suv_2_5_ml": uptake.volume_fixed_ml,
    }
    return {name: float(value) for name, value in named.items() if value - value == 0}
