"""Digital lesions put into a real CT: exact truth in real lungs, with the scanner's blur and noise.

A lesion's exact shape (``lesion_shapes``) is sampled finer than the voxels, averaged over the slice
thickness, blurred in-plane by the scan's own point spread and given the scan's own noise, then laid
into the image. What is dense or hollow replaces the lung; what is hazy is added to it, so that
vessels stay visible in ground glass. Truth is integrated over the shape, never over voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.volume import Volume
from core.phantom.errors import LesionDoesNotFit, LesionNeedsBuild
from core.phantom.lesion_shapes import (
    MATERIALS,
    OF_THE_BUILD,
    LesionSpec,
    Shape,
    materials_at,
    shape_of,
)
from core.phantom.truth import LesionTruth, measure

Box = tuple[slice, slice, slice]
F = NDArray[np.float32]
SUBSTEP_MM = 0.45
HAZY_HU = (-900.0, -300.0)  # materials in here are added to the lung, the others replace it
VESSEL_HU = 40.0


@dataclass(frozen=True, slots=True)
class Scanner:
    """How a scan blurs and how noisy it is.

    Attributes
    ----------
    blur_mm : float
        Standard deviation of the in-plane point spread.
    noise_hu : float
        Standard deviation in soft tissue.
    grain_mm : float
        Standard deviation of the Gaussian that gives white noise the scan's correlation in-plane.
    thickness_mm : float
        Slice thickness.
    lung_hu : float
        Usual density of its aerated lung.
    """

    blur_mm: float
    noise_hu: float
    grain_mm: float
    thickness_mm: float
    lung_hu: float


@dataclass(frozen=True)
class Inserted:
    """A scan with lesions put into it, and what they truly are.

    Attributes
    ----------
    volume : Volume
        int16, the geometry of the scan it came from.
    lesions : tuple of LesionTruth
        Numbered from 1 as in ``label_map``.
    label_map : (slice, row, column) uint8
        Where a lesion fills at least half of the voxel.
    """

    volume: Volume
    lesions: tuple[LesionTruth, ...]
    label_map: NDArray[np.uint8]


def scanner_of(volume: Volume, lungs: NDArray[np.bool_], thickness_mm: float) -> Scanner:
    """Measure a scan's blur and noise.

    Noise: the difference of voxels three apart along a row, deep in soft tissue; its correlation
    from the difference of neighbours. Blur: the steepest rise from air into the skin, first met
    from the front, taken for the slope of an error function; sampling's own part is taken off.

    Parameters
    ----------
    lungs : (slice, row, column) bool
    """
    voxels = volume.voxels.astype(np.float32)
    soft = ndimage.binary_erosion((voxels > -20) & (voxels < 110), iterations=2)
    noise, near = _spread(voxels, soft, 3), _spread(voxels, soft, 1)
    pixel = float(np.mean(volume.spacing_mm[1:]))
    # Of noise smoothed by a Gaussian s, neighbours d apart correlate by exp(-d²/4s²).
    related = float(np.clip(1 - (near / max(noise, 1e-3)) ** 2, 0.01, 0.98))
    grain = pixel / (2 * np.sqrt(-np.log(related)))
    lung_hu = float(np.median(voxels[lungs]))
    return Scanner(_edge_blur(voxels, volume), noise, grain, thickness_mm, lung_hu)


def _spread(voxels: F, soft: NDArray[np.bool_], apart: int) -> float:
    both = soft[..., apart:] & soft[..., :-apart]
    step = (voxels[..., apart:] - voxels[..., :-apart])[both]
    if len(step) < 100:
        return 10.0
    return float(1.4826 * np.median(np.abs(step)) / np.sqrt(2))


def _edge_blur(voxels: F, volume: Volume) -> float:
    """Return the point spread's standard deviation, mm, from the skin of the chest's front."""
    pixel = volume.spacing_mm[1]
    middle = voxels.shape[2] // 2
    reach = voxels.shape[2] // 12
    part = voxels[:: max(1, voxels.shape[0] // 30), :, middle - reach : middle + reach]
    if volume.direction[1, 1] < 0:
        part = part[:, ::-1]
    rises = np.diff(part, axis=1)
    first = (part > -500).argmax(axis=1)
    found = []
    for level, row, column in _edges(first, part.shape[1]):
        slope = float(rises[level, row - 3 : row + 3, column].max())
        found.append(700.0 * pixel / (np.sqrt(2 * np.pi) * max(slope, 60.0)))
    if not found:
        return 0.7
    # Skin is met at a slant and is about 700 HU above air within the spread: the sharpest tenth.
    sharp = float(np.percentile(found, 10))
    return float(np.sqrt(max(sharp**2 - pixel**2 / 12, 0.3**2)))


def _edges(first: NDArray[np.intp], rows: int) -> list[tuple[int, int, int]]:
    return [
        (int(level), int(first[level, column]), int(column))
        for level, column in np.ndindex(*first.shape)
        if 4 <= first[level, column] < rows - 4
    ]


def places(
    depth_mm: F, spacing_mm: tuple[float, float, float], radii_mm: list[float], seed: int
) -> list[tuple[int, int, int]]:
    """Return a place (index) for each lesion: wholly in the lung and clear of one another.

    Parameters
    ----------
    depth_mm : (slice, row, column) float32
        Distance to the outside of where lesions may lie; 0 outside.
    radii_mm : list of float
        Greatest reach of each lesion.

    Raises
    ------
    LesionDoesNotFit
    """
    rng = np.random.default_rng([seed, 11])
    taken: list[tuple[NDArray[np.float64], float]] = []
    found = []
    for radius in radii_mm:
        inside = np.flatnonzero(depth_mm > radius + 0.5)
        if not len(inside):
            raise LesionDoesNotFit(kind=f"radius {radius:.0f} mm")
        for flat in rng.choice(inside, size=400):
            index = np.unravel_index(int(flat), depth_mm.shape)
            at = np.asarray(index) * np.asarray(spacing_mm)
            if all(np.linalg.norm(at - b) > radius + r + 6.0 for b, r in taken):
                taken.append((at, radius))
                found.append((int(index[0]), int(index[1]), int(index[2])))
                break
        else:
            raise LesionDoesNotFit(kind=f"radius {radius:.0f} mm")
    return found


def insert(
    volume: Volume,
    specs: list[LesionSpec],
    scanner: Scanner,
    lung_z: tuple[float, float],
    seed: int,
) -> Inserted:
    """Lay lesions into a copy of a scan.

    Parameters
    ----------
    volume : Volume
        Hounsfield units.
    specs : list of LesionSpec
        Places in LPS millimetres; kinds whose shape needs a phantom's build are refused.
    lung_z : (low, high) float
        Height of the lungs' base and apex, for the truth's zone.
    seed : int
        Of the noise.

    Raises
    ------
    LesionNeedsBuild
    """
    voxels = np.array(volume.voxels, dtype=np.int16)
    label_map = np.zeros(voxels.shape, dtype=np.uint8)
    rng = np.random.default_rng([seed, 12])
    lesions = []
    for number, spec in enumerate(specs, start=1):
        if spec.kind in OF_THE_BUILD:
            raise LesionNeedsBuild(kind=spec.kind)
        shape = shape_of(spec)
        box = _box_of(volume, shape, 3 * scanner.blur_mm + 1)
        shares = _shares(volume, shape, box, scanner.thickness_mm)
        inside = sum(shares.values(), np.zeros((1, 1, 1), np.float32)) >= 0.5
        label_map[box][inside] = number
        part = voxels[box].astype(np.float32)
        voxels[box] = np.rint(_laid(part, shares, volume.spacing_mm, scanner, rng))
        lesions.append(measure(shape, None, number, lung_z))
    return Inserted(replace(volume, voxels=voxels), tuple(lesions), label_map)


def _box_of(volume: Volume, shape: Shape, margin_mm: float) -> Box:
    low, high = shape.box_mm
    corners = np.array([[a, b, c] for a in (low[0], high[0]) for b in (low[1], high[1])
                        for c in (low[2], high[2])])  # fmt: skip
    spacing = np.asarray(volume.spacing_mm)
    index = (corners - np.asarray(volume.origin_mm)) @ volume.direction / spacing
    margin = np.ceil(margin_mm / spacing)
    parts = [
        slice(int(max(0, np.floor(a - m))), int(min(n, np.ceil(b + m) + 1)))
        for a, b, m, n in zip(
            index.min(axis=0), index.max(axis=0), margin, volume.voxels.shape, strict=True
        )
    ]
    return parts[0], parts[1], parts[2]


def _shares(volume: Volume, shape: Shape, box: Box, thickness_mm: float) -> dict[float, F]:
    """Return by density (HU) the share of each voxel of the box that is made of it."""
    widths = (thickness_mm, volume.spacing_mm[1], volume.spacing_mm[2])
    counts = [max(1, int(np.ceil(mm / SUBSTEP_MM))) for mm in widths]
    fine = []
    for part, count, width, step in zip(box, counts, widths, volume.spacing_mm, strict=True):
        offset = ((np.arange(count) + 0.5) / count - 0.5) * width / step
        fine.append((np.arange(part.start, part.stop)[:, None] + offset).ravel())
    index = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1)
    at = volume.to_lps(index).astype(np.float32)
    material = materials_at(shape, None, at[..., 0], at[..., 1], at[..., 2])
    a, b, c = (part.stop - part.start for part in box)
    blocks = material.reshape(a, counts[0], b, counts[1], c, counts[2])
    return {
        hu: (blocks == number).mean(axis=(1, 3, 5), dtype=np.float32)
        for number, hu in enumerate(MATERIALS[shape.spec.kind], start=1)
    }


def _laid(
    part: F,
    shares: dict[float, F],
    spacing_mm: tuple[float, float, float],
    scanner: Scanner,
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Return the box with the lesion in it, blurred and noisy as the scan is."""
    sigma = (0.0, scanner.blur_mm / spacing_mm[1], scanner.blur_mm / spacing_mm[2])
    replaced = np.zeros_like(part)
    out = part.copy()
    dense = np.zeros_like(part)
    for hu, share in shares.items():
        seen = ndimage.gaussian_filter(share, sigma)
        if HAZY_HU[0] < hu < HAZY_HU[1]:
            # A vessel is no denser for the haze around it.
            room = np.clip((VESSEL_HU - part) / (VESSEL_HU - scanner.lung_hu), 0.0, 1.0)
            out += seen * (hu - scanner.lung_hu) * room
        else:
            replaced += seen
            dense += seen * hu
    replaced = np.clip(replaced, 0.0, 1.0)
    out = out * (1 - replaced) + dense
    grain = rng.standard_normal(part.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(
        grain, (0.0, scanner.grain_mm / spacing_mm[1], scanner.grain_mm / spacing_mm[2])
    )
    grain /= max(float(grain.std()), 1e-6)
    out += scanner.noise_hu * np.sqrt(1 - (1 - replaced) ** 2) * grain
    return np.clip(out, -1024, 3071)
