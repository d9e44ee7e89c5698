"""How much of each voxel a lesion fills: the ground of every volume, surface and diameter.

An outline decides to which object a voxel belongs; its density decides how much of it. Inside the
outline voxels are full, outside empty, and in a band around the outline the filled share follows
from the voxel's density between the lesion's own density nearby and the background's nearby
(Kuhnigk et al., IEEE Trans Med Imaging 25:417, 2006: segmentation-based partial volume analysis).
Summed over the band this undoes the blur of the kernel and of thick slices, which a count of
voxels does not. Array order (up, back, left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, dilate
from core.imaging.measure_distance import Spacing, depth_in, distance_to

# Half-width of the band: blur of usual kernels (standard deviation 0.5 to 0.75 mm) is over there.
BAND_MM = 1.75
HAZY_BAND_MM = 1.25
BACKGROUND_MM = 4.0
# Ground glass stands 150 to 300 HU above the lung.
HAZE_ABOVE_HU = 320.0
# Below this contrast an edge is drawn, not seen (a nodule on the chest wall): the outline decides.
LEAST_CONTRAST_HU = 120.0
SMOOTHING_MM = 1.4
# Beyond this many voxels the edge is a small part of the volume: the outline decides (and fast).
MOST_VOXELS = 1_500_000
# Share of a voxel that may be over- or undershot: kept, so that noise averages out of the sum.
OVERSHOOT = 0.5
# In widths of the band: how thick a dense skin may be, and how far other tissue's blur reaches.
SKIN = 0.6
FOREIGN_BLUR = 0.6
FEWEST_INNER = 8
# Ground glass is looked for this deep under the edge, in as many voxels at least.
RIM_MM = 2.5
FEWEST_RIM = 20


@dataclass(frozen=True)
class Occupancy:
    """A lesion's share of each voxel of a box.

    Attributes
    ----------
    share : float32
        0 empty, 1 full; noise takes it slightly beyond both.
    mask : bool
        The outline it was made from.
    foreign : bool
        Dense tissue beyond the outline that is not the lesion (vessel, chest wall, another lesion).
    inner_hu, outer_hu : float
        Median density of lesion and background at the edge; NaN where there is none.
    noise_hu : float
        Standard deviation of the background beside the lesion, vessels left out; NaN where unknown.
    """

    share: Hounsfield
    mask: Mask
    foreign: Mask
    inner_hu: float
    outer_hu: float
    noise_hu: float

    @property
    def contrast_hu(self) -> float:
        """Density of the lesion over that of its surroundings."""
        return self.inner_hu - self.outer_hu


def margin_voxels(spacing_mm: Spacing) -> tuple[int, int, int]:
    """Return by how many voxels a lesion's box must be widened for its band and background."""
    wide = BAND_MM + BACKGROUND_MM
    steps = [max(2, int(np.ceil(wide / mm)) + 1) for mm in spacing_mm]
    return (steps[0], steps[1], steps[2])


def occupancy(
    voxels: NDArray[np.generic],
    mask: Mask,
    taken: Mask | None,
    spacing_mm: Spacing,
    core: Mask | None = None,
    hazy: bool = False,
) -> Occupancy:
    """Return the share of each voxel that an outlined lesion fills.

    Parameters
    ----------
    voxels : (up, back, left) int16 or float32
        Hounsfield units of the lesion's box with a margin (see ``margin_voxels``).
    mask : bool
        The outline, same shape.
    taken : bool or None
        Voxels of other lesions.
    spacing_mm : (3,) float
    core : bool or None
        Where the lesion's own density is seen; None: deep inside the outline.
    hazy : bool
        Ground glass, perhaps around a solid core: its edge is held against the rim's density, and
        the vessels in it count as ground glass.
    """
    other = np.zeros_like(mask) if taken is None else taken & ~mask
    if mask.size > MOST_VOXELS:
        return _as_drawn(voxels, mask, other)
    values = np.nan_to_num(np.asarray(voxels, dtype=np.float32), nan=-1024.0)
    values = np.clip(values, -1024, 3071)
    if hazy:
        values = np.minimum(values, np.float32(haze_ceiling(values, mask)))
    band_mm = HAZY_BAND_MM if hazy else BAND_MM
    reach = tuple(max(band_mm, 1.01 * mm) for mm in spacing_mm)
    steps = (spacing_mm[0] / reach[0], spacing_mm[1] / reach[1], spacing_mm[2] / reach[2])
    depth = depth_in(mask, 1.0, steps)
    away = distance_to(mask, 1.0, steps)
    inner = _core(values, mask, depth) if core is None else core
    if hazy:
        inner = _rim(values, inner, mask, spacing_mm)
    ring = dilate(mask, 1 + BACKGROUND_MM / band_mm, steps) & (away > 1) & ~other
    level = _between(values[inner], values[ring])
    foreign = other | _beyond(np.asarray(~mask & (values > level)), away, spacing_mm)
    if foreign.any():
        to_foreign = distance_to(foreign, 1.0, steps)
        ring &= to_foreign > FOREIGN_BLUR
    if int(ring.sum()) < FEWEST_INNER:
        return _as_drawn(voxels, mask, other)
    band = (depth <= 1) & (away <= 1) & ~foreign
    if foreign.any():
        band &= mask | (to_foreign >= away)
    lesion = _nearby(values, inner, spacing_mm)
    background = _nearby(values, ring, spacing_mm)
    contrast = lesion - background
    seen = np.abs(contrast) >= LEAST_CONTRAST_HU
    share = mask.astype(np.float32)
    part = (values - background) / np.where(seen, contrast, 1.0)
    use = band & seen if core is not None or hazy else band & seen & ~inner
    noise = _spread(values[ring])
    # Noise goes beyond empty and full, a vessel in ground glass goes further: that is cut.
    beyond = np.clip(3 * noise / np.maximum(np.abs(contrast[use]), 1.0), 0.05, OVERSHOOT)
    share[use] = np.clip(part[use], -beyond, 1 + beyond)
    edge = use & (depth + away <= 1.5)
    chosen = edge if edge.any() else inner
    return Occupancy(
        share=share,
        mask=mask,
        foreign=foreign,
        inner_hu=float(np.median(lesion[chosen])),
        outer_hu=float(np.median(background[chosen])),
        noise_hu=noise,
    )


def half_outline(found: Occupancy, voxels: Hounsfield) -> Mask:
    """Return the outline moved to where the density is half-way, never beyond the band.

    ``voxels`` may be smoothed; the shares of ``found`` are not used.
    """
    if np.isnan(found.contrast_hu):
        return found.mask
    near = ndimage.binary_dilation(found.mask, iterations=1)
    half = (found.inner_hu + found.outer_hu) / 2
    return np.asarray(near & ~found.foreign & (voxels > half))


def _beyond(dense: Mask, away: Hounsfield, spacing_mm: Spacing) -> Mask:
    """Return dense voxels outside that lead away from the outline.

    A dense skin on the outline is the lesion's own edge, drawn a little too tightly.
    """
    leading = dense & (away > SKIN)
    if not leading.any():
        return leading
    steps = max(1, round(1.5 / min(spacing_mm)))
    return np.asarray(dense & ndimage.binary_dilation(leading, iterations=steps))


def _core(values: Hounsfield, mask: Mask, depth: Hounsfield) -> Mask:
    """Return the voxels that are full for sure.

    Where none lies deep enough (a small lesion, or one of two thick slices) the brightest third of
    the deepest stands for them: of voxels in doubt the fullest.
    """
    inner = depth > 1.0
    if int(inner.sum()) >= FEWEST_INNER:
        return np.asarray(inner)
    deep = depth > 0.5
    if int(deep.sum()) < FEWEST_INNER:
        deep = depth >= np.sort(depth[mask])[-min(FEWEST_INNER, int(mask.sum()))]
    deep &= mask
    return np.asarray(deep & (values >= np.percentile(values[deep], 100 * 2 / 3)))


def haze_ceiling(values: Hounsfield, mask: Mask) -> float:
    """Return the density that ground glass does not pass: what it reaches over the lung beside it.

    ``values`` in Hounsfield units, ``mask`` the lesion's outline, same shape.
    """
    around = values[ndimage.binary_dilation(mask, iterations=4) & ~mask]
    lung = float(np.percentile(around, 35)) if len(around) else -860.0
    return lung + HAZE_ABOVE_HU


def _rim(values: Hounsfield, inner: Mask, mask: Mask, spacing_mm: Spacing) -> Mask:
    """Return the less dense half of a core near the edge, after smoothing.

    That is the ground glass around a solid part, far enough from it that its blur does not count.
    """
    near = inner & np.isfinite(depth_in(mask, RIM_MM, spacing_mm))
    rim = near if int(near.sum()) >= FEWEST_RIM else inner
    smooth = ndimage.gaussian_filter(values, [SMOOTHING_MM / mm for mm in spacing_mm])
    return np.asarray(rim & (smooth <= np.median(smooth[rim])))


def _between(inner: Hounsfield, ring: Hounsfield) -> float:
    """Return the density half-way between a lesion and its surroundings (vessels left out)."""
    if not len(inner) or not len(ring):
        return float("inf")
    return float(np.median(inner) + np.percentile(ring, 35)) / 2


def _spread(values: Hounsfield) -> float:
    """Return the standard deviation, robust against vessels (1.4826 median absolute deviation)."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _nearby(values: Hounsfield, where: Mask, spacing_mm: Spacing) -> Hounsfield:
    """Return everywhere the mean density of the given voxels, the near ones counting most."""
    sigma = [max(SMOOTHING_MM / mm, 0.4) for mm in spacing_mm]
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma, truncate=5.0)
    total = ndimage.gaussian_filter(np.where(where, values, 0.0), sigma, truncate=5.0)
    middle = np.float32(np.median(values[where]))
    # Where none is near, the weight falls below what single precision holds: the median then.
    mean = (total + 1e-5 * middle) / (weight + 1e-5)
    return np.asarray(mean, dtype=np.float32)


def _as_drawn(voxels: NDArray[np.generic], mask: Mask, other: Mask) -> Occupancy:
    """Return full voxels inside the outline, empty ones outside."""
    nan = float("nan")
    inner = float(np.median(np.asarray(voxels, dtype=np.float32)[mask])) if mask.any() else nan
    return Occupancy(mask.astype(np.float32), mask, other, inner, nan, nan)
