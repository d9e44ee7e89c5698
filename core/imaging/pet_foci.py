"""Uptake of lesions and hot spots on the PET's own grid: maximum, peak, mean, metabolic volume.

Definitions (Wahl et al., PERCIST, J Nucl Med 50:122S, 2009; IBSI chapter 3.1 for the peak):

- ``suv_max``: hottest voxel.
- ``suv_peak``: mean in a sphere of 1 ml (radius 6.2 mm), placed where it is highest.
- 41 % contour: what hangs together (by faces) with the hottest voxel at 41 % of it or more (EANM
  2015); its volume is the metabolic volume, its mean times its volume the lesion's glycolysis.
- hot: 1.5 x mean + 2 standard deviations of the liver, or SUV 4.0 where no liver can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Mask
from core.imaging.pet_sites import HEART, LIVER, LUNG_LEFT, LUNG_RIGHT, MEDIASTINUM, Sites

PEAK_RADIUS_MM: Final = (3.0 * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
CONTOUR_SHARE: Final = 0.41
FIXED_SUV: Final = 2.5
FIXED_HOT_SUV: Final = 4.0
_EVERYWHERE: Final = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class FociLimits:
    """What counts as a focus.

    ``smallest_ml``: below it the noise of a late or short scan is met. ``reach_mm``: how far beyond
    its outline on the CT a lesion's uptake is looked for (half a PET resolution, and breathing).
    """

    smallest_ml: float = 1.0
    most: int = 60
    reach_mm: float = 5.0
    liver_sphere_mm: float = 15.0


@dataclass(frozen=True, slots=True)
class Reference:
    """Uptake of the liver in a sphere of 3 cm: mean and standard deviation, SUV."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Uptake:
    """Uptake of one lesion or focus; NaN where the definition does not hold.

    Attributes
    ----------
    suv_max, suv_peak, suv_mean : float
        ``suv_mean`` over the whole region that was asked about.
    suv_mean_41, volume_41_ml, glycolysis_41_g : float
        In the 41 % contour; NaN where the surroundings are as warm as its edge.
    volume_fixed_ml : float
        What hangs together with the hottest voxel at SUV 2.5 or more, inside the region.
    """

    suv_max: float
    suv_peak: float
    suv_mean: float
    suv_mean_41: float
    volume_41_ml: float
    glycolysis_41_g: float
    volume_fixed_ml: float


@dataclass(frozen=True, eq=False)
class Focus:
    """One hot spot.

    Attributes
    ----------
    contour : (n, 3) int
        PET voxels of its contour.
    at : (3,) int
        Hottest voxel.
    site : int
        Region that most of the contour lies in (``pet_sites``).
    uptake : Uptake
    """

    contour: NDArray[np.intp]
    at: tuple[int, int, int]
    site: int
    uptake: Uptake

    @property
    def assessed(self) -> bool:
        """Whether it lies where this method looks for lesions: lungs, hila, mediastinum."""
        return self.site in (LUNG_RIGHT, LUNG_LEFT, MEDIASTINUM)


@dataclass(frozen=True, eq=False)
class SuvImage:
    """SUV on the PET's grid.

    Attributes
    ----------
    suv : (slice, row, column) float32
    spacing_mm : (3,) float
    sites : (slice, row, column) uint8
        Regions of the CT, carried over.
    """

    suv: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    sites: Sites

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, millilitre."""
        return float(np.prod(self.spacing_mm)) / 1000.0


def liver_reference(image: SuvImage, limits: FociLimits | None = None) -> Reference | None:
    """Return the liver's uptake, or None where no sphere of 3 cm fits into what is seen of it.

    Of the spheres that fit, the one of middling mean: neither a vessel's nor a kidney's edge.
    """
    limits = limits or FociLimits()
    liver = image.sites == LIVER
    if not liver.any():
        return None
    box = ndimage.find_objects(liver.astype(np.uint8))[0]
    deep = ndimage.distance_transform_edt(np.pad(liver[box], 1), sampling=image.spacing_mm)
    fits = deep[1:-1, 1:-1, 1:-1] >= limits.liver_sphere_mm
    if not fits.any():
        return None
    ball = sphere(limits.liver_sphere_mm, image.spacing_mm)
    values = image.suv[box].astype(np.float64)
    means = ndimage.convolve(values, ball)
    squares = ndimage.convolve(values**2, ball)
    order = np.argsort(means[fits])
    middle = int(order[len(order) // 2])
    mean = float(means[fits][middle])
    return Reference(mean, float(np.sqrt(max(0.0, squares[fits][middle] - mean**2))))


def hot_threshold(liver: Reference | None) -> tuple[float, str]:
    """Return the SUV that counts as hot, and the name of the rule that gave it."""
    if liver is None or liver.mean <= 0:
        return FIXED_HOT_SUV, "fixed_4.0"
    return max(1.5 * liver.mean + 2.0 * liver.sd, FIXED_SUV), "percist_liver"


def sphere(radius_mm: float, spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return weights (sum 1) of the voxels that a sphere around a voxel's centre covers."""
    parts, fine = [], 5
    for step in spacing_mm:
        reach = ceil(radius_mm / step)
        edges = np.arange(-reach, reach + 1)[:, None] + (np.arange(fine) + 0.5) / fine - 0.5
        parts.append(edges.ravel() * step)
    z, y, x = np.meshgrid(*parts, indexing="ij", sparse=True)
    inside = (z**2 + y**2 + x**2 <= radius_mm**2).astype(np.float64)
    a, b, c = (n // fine for n in inside.shape)
    covered = inside.reshape(a, fine, b, fine, c, fine).mean(axis=(1, 3, 5))
    return np.asarray(covered / covered.sum())


def measure_uptake(image: SuvImage, region: Mask, background_share: float = 1.25) -> Uptake:
    """Measure the uptake of a region of the PET.

    Parameters
    ----------
    image : SuvImage
    region : (slice, row, column) bool
        Not empty.
    background_share : float
        The 41 % contour holds where its edge is this much warmer than 10-20 mm around the region.
    """
    box = _around(region, 30.0, image.spacing_mm)
    suv, inside = image.suv[box], region[box]
    values = np.where(inside, suv, -np.inf)
    at = tuple(int(k) for k in np.unravel_index(int(np.argmax(values)), values.shape))
    hottest = float(suv[at])
    peaks = ndimage.convolve(suv.astype(np.float64), sphere(PEAK_RADIUS_MM, image.spacing_mm))
    near = ndimage.distance_transform_edt(~inside, sampling=image.spacing_mm)
    contour = _joined(suv >= CONTOUR_SHARE * hottest, at) & (near <= 10.0)
    shell = (near > 10.0) & (near <= 20.0)
    background = float(np.median(suv[shell])) if shell.any() else 0.0
    stands_out = hottest > 0 and CONTOUR_SHARE * hottest > background_share * background
    volume = float(contour.sum()) * image.voxel_ml if stands_out else float("nan")
    mean = float(suv[contour].mean()) if stands_out else float("nan")
    fixed = _joined((suv >= FIXED_SUV) & (near <= 10.0), at)
    return Uptake(
        suv_max=hottest,
        suv_peak=float(peaks[inside].max()),
        suv_mean=float(suv[inside].mean()),
        suv_mean_41=mean,
        volume_41_ml=volume,
        glycolysis_41_g=mean * volume,
        volume_fixed_ml=float(fixed.sum()) * image.voxel_ml,
    )


def find_foci(
    image: SuvImage, threshold: float, limits: FociLimits | None = None
) -> tuple[Focus, ...]:
    """Return hot spots, the hottest first; what hangs on a hotter one's flank is none of its own.

    A focus is a local maximum at or above the threshold with its 41 % contour, where the contour
    lies above the threshold too.
    """
    limits = limits or FociLimits()
    free = image.suv >= threshold
    tops = free & (image.suv == ndimage.maximum_filter(image.suv, size=3))
    places = np.argwhere(tops)
    places = places[np.argsort(-image.suv[tuple(places.T)], kind="stable")]
    foci: list[Focus] = []
    for place in places:
        at = (int(place[0]), int(place[1]), int(place[2]))
        if not free[at] or len(foci) >= limits.most:
            continue
        box = _about(at, 60.0, image)
        level = max(CONTOUR_SHARE * float(image.suv[at]), threshold)
        offset = np.array([part.start for part in box])
        inner = tuple(place - offset)
        contour = _joined(free[box] & (image.suv[box] >= level), inner)
        free[box] &= ~ndimage.binary_dilation(contour, _EVERYWHERE)
        if contour.sum() * image.voxel_ml >= limits.smallest_ml:
            foci.append(_focus(image, np.argwhere(contour) + offset, at))
    return tuple(foci)


def _focus(image: SuvImage, contour: NDArray[np.intp], at: tuple[int, int, int]) -> Focus:
    region = np.zeros(image.suv.shape, dtype=bool)
    region[tuple(contour.T)] = True
    counts = np.bincount(image.sites[region], minlength=8)
    # The heart's wall is thin and moves: a third in it is enough.
    site = HEART if counts[HEART] * 3 >= len(contour) else int(counts.argmax())
    return Focus(contour, at, site, measure_uptake(image, region))


def _joined(mask: Mask, at: tuple[int, ...]) -> Mask:
    """Return the piece of a mask that holds one voxel."""
    labels, _ = ndimage.label(mask)
    number = labels[tuple(int(k) for k in at)]
    return np.asarray(labels == number) if number else np.zeros_like(mask)


def _around(
    region: Mask, margin_mm: float, spacing_mm: tuple[float, float, float]
) -> tuple[slice, ...]:
    held = ndimage.find_objects(region.astype(np.uint8))[0]
    return tuple(
        slice(max(0, part.start - ceil(margin_mm / step)), part.stop + ceil(margin_mm / step))
        for part, step in zip(held, spacing_mm, strict=True)
    )


def _about(at: tuple[int, int, int], reach_mm: float, image: SuvImage) -> tuple[slice, ...]:
    return tuple(
        slice(max(0, k - ceil(reach_mm / step)), k + ceil(reach_mm / step) + 1)
        for k, step in zip(at, image.spacing_mm, strict=True)
    )
