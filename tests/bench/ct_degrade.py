"""A CT spoilt in known physical steps. Pure: a volume and a seeded generator in, a volume out.

Projections are parallel, so the Fourier slice theorem stands in for most of them: what the scanner
sees at an angle is the picture's Fourier transform along that angle. Noise that is white in the
projections has, after filtered backprojection, a power that rises with frequency up to the kernel's
cut; two positions of a moving patient mix by wedges of angles. Metal is not linear and goes through
real projections (``skimage.transform.radon``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import iradon, radon

from core.imaging.volume import Volume

Hounsfield = NDArray[np.float32]
Change = Callable[[Hounsfield], NDArray[np.floating]]
WATER_PER_MM = 0.019  # attenuation of water near 70 keV


def noisy(
    volume: Volume, noise_hu: float, rng: np.random.Generator, cut_per_mm: float = 0.55
) -> Volume:
    """Add noise that is white in the projections and was filtered by ramp and kernel.

    ``cut_per_mm`` is where the kernel falls to a tenth: 0.55 soft, 2 sharp (lung, bone).
    """
    shape = volume.voxels.shape[1:]
    row, column = (
        np.fft.fftfreq(n, mm) for n, mm in zip(shape, volume.spacing_mm[1:], strict=True)
    )
    frequency = np.hypot(row[:, None], column[None, : shape[1] // 2 + 1])
    # Power ~ |f| x kernel^2.
    kernel = np.sqrt(frequency) * np.exp(-2.3 * np.square(frequency / cut_per_mm))
    out = np.empty_like(volume.voxels)
    tiles = [_grain(shape, kernel, rng) for _ in range(8)]
    for k, plane in enumerate(volume.voxels):
        # Shifted tiles are as good as new noise and cost nothing.
        tile = np.roll(tiles[k % 8], tuple(rng.integers(0, shape[0], 2)), (0, 1))
        out[k] = _stored(plane + np.float32(noise_hu) * tile)
    return replace(volume, voxels=out)


def rescaled(volume: Volume, slope: float, offset: float) -> Volume:
    """Apply a wrong rescale: slope about air, then an offset."""
    out = np.empty_like(volume.voxels)
    for k, plane in enumerate(volume.voxels):
        out[k] = _stored((plane.astype(np.float32) + 1000.0) * slope - 1000.0 + offset, low=-2048)
    return replace(volume, voxels=out)


def sharpened(volume: Volume, amount: float) -> Volume:
    """Reconstruct with an edge-enhancing kernel: unsharp masking with a 1.2 mm Gaussian."""
    sigma = [1.2 / mm for mm in volume.spacing_mm[1:]]
    return _slice_by_slice(
        volume, lambda plane: plane + amount * (plane - ndimage.gaussian_filter(plane, sigma))
    )


def smoothed(volume: Volume, sigma_mm: float) -> Volume:
    """Reconstruct with a smooth kernel: a Gaussian of this standard deviation in the plane."""
    sigma = [sigma_mm / mm for mm in volume.spacing_mm[1:]]
    return _slice_by_slice(volume, lambda plane: ndimage.gaussian_filter(plane, sigma))


def breathed(volume: Volume, level: int, way_mm: float) -> Volume:
    """Take another breath at a slice: what lies below stands lower, and a third of it in front."""
    out = volume.voxels.copy()
    lower = volume.voxels[:level].astype(np.float32)
    moved = ndimage.shift(
        lower,
        (way_mm / volume.spacing_mm[0], -0.3 * way_mm / volume.spacing_mm[1], 0.0),
        order=1,
        mode="nearest",
    )
    out[:level] = np.rint(moved)
    return replace(volume, voxels=out)


def moved(
    volume: Volume, levels: tuple[int, int], way_mm: float, rng: np.random.Generator
) -> Volume:
    """Move the patient in the plane during the rotation, in a block of slices.

    Half of the angles see the first position and half the second, with 12 degrees of passage; where
    the rotation starts is drawn per block.
    """
    out = volume.voxels.copy()
    shape = out.shape[1:]
    row, column = (
        np.fft.fftfreq(n, mm) for n, mm in zip(shape, volume.spacing_mm[1:], strict=True)
    )
    heading = rng.uniform(-0.5, 0.5)  # mostly towards the front, as chests and patients move
    ramp = row[:, None] * np.cos(heading) + column[None, : shape[1] // 2 + 1] * np.sin(heading)
    angle = np.arctan2(row[:, None], column[None, : shape[1] // 2 + 1]) % np.pi
    start = rng.uniform(0, np.pi)
    # A half rotation of angles: each position owns a quarter turn around its start.
    passage = np.cos(2 * (angle - start)) / np.sin(np.deg2rad(12.0))
    second = 0.5 + 0.5 * np.clip(passage, -1.0, 1.0)
    factor = 1.0 + second * (np.exp(-2j * np.pi * way_mm * ramp) - 1.0)
    for k in range(*levels):
        plane = np.fft.rfft2(out[k].astype(np.float32) + 1000.0)
        out[k] = _stored(np.fft.irfft2(plane * factor, s=shape) - 1000.0)
    return replace(volume, voxels=out)


def with_metal(
    volume: Volume,
    levels: tuple[int, int],
    centres: tuple[tuple[int, int], ...],
    radius_mm: float,
    rng: np.random.Generator,
) -> Volume:
    """Put metal rods across some slices, as projections with hardening and starvation see them.

    ``centres`` are (row, column). The streaks are the difference of two reconstructions on a
    matrix of about 2 mm, with and without the rods, added to the untouched slice.
    """
    out = volume.voxels.copy()
    step = max(1, round(2.0 / volume.spacing_mm[1]))
    pixel_mm = volume.spacing_mm[1] * step
    for k in range(*levels):
        plane = volume.voxels[k].astype(np.float32)
        small = plane[: plane.shape[0] // step * step, : plane.shape[1] // step * step]
        small = small.reshape(small.shape[0] // step, step, -1, step).mean(axis=(1, 3))
        away = _distance(small.shape, [(y / step, x / step) for y, x in centres], (pixel_mm,) * 2)
        metal = np.clip((radius_mm - away) / pixel_mm + 0.5, 0.0, 1.0)
        size = max(small.shape)
        frame = [(0, size - n) for n in small.shape]
        streaks = _streaks(
            np.pad(small, frame, constant_values=-1000.0), np.pad(metal, frame), pixel_mm, rng
        )
        grown = ndimage.zoom(streaks, step, order=1, grid_mode=True, mode="nearest")
        rows, columns = np.minimum(grown.shape, plane.shape)
        plane[:rows, :columns] += grown[:rows, :columns]
        plane[_distance(plane.shape, centres, volume.spacing_mm[1:]) <= radius_mm] = 3071.0
        out[k] = _stored(plane)
    return replace(volume, voxels=out)


def _distance(
    shape: tuple[int, ...],
    centres: Sequence[tuple[float, float]],
    spacing_mm: tuple[float, ...],
) -> NDArray[np.float64]:
    """Return the distance of each pixel to the nearest of some places, mm."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    each = [np.hypot((y - a) * spacing_mm[0], (x - b) * spacing_mm[1]) for a, b in centres]
    return np.asarray(np.min(each, axis=0))


def cropped(volume: Volume, sides: tuple[int, int]) -> Volume:
    """Reconstruct a smaller field: columns cut off (at the low end, at the high end)."""
    low, high = sides
    columns = volume.voxels.shape[2]
    origin = volume.to_lps((0.0, 0.0, float(low)))
    return replace(
        volume,
        voxels=volume.voxels[:, :, low : columns - high],
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def shortened(volume: Volume, levels: tuple[int, int]) -> Volume:
    """Scan a shorter range: slices from the first to before the second."""
    origin = volume.to_lps((float(levels[0]), 0.0, 0.0))
    return replace(
        volume,
        voxels=volume.voxels[levels[0] : levels[1]],
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def without(volume: Volume, first: int, count: int) -> Volume:
    """Lose slices without a trace in the positions, as a converter to NIfTI may."""
    return replace(volume, voxels=np.delete(volume.voxels, slice(first, first + count), axis=0))


def askew(volume: Volume, angle_deg: float) -> Volume:
    """Lay the patient askew: every slice turned in its plane."""
    turned = lambda plane: ndimage.rotate(  # noqa: E731  # one line, used here alone
        plane, angle_deg, reshape=False, order=1, mode="constant", cval=-1000.0
    )
    return _slice_by_slice(volume, turned)


def thickened(volume: Volume, count: int) -> Volume:
    """Reconstruct slices ``count`` times as thick, without overlap."""
    depth = volume.voxels.shape[0] // count
    shape = (depth, count, *volume.voxels.shape[1:])
    voxels = np.empty((depth, *volume.voxels.shape[1:]), dtype=volume.voxels.dtype)
    for k, part in enumerate(volume.voxels[: depth * count].reshape(shape)):
        voxels[k] = np.rint(part.mean(axis=0, dtype=np.float32))
    origin = volume.to_lps(((count - 1) / 2, 0.0, 0.0))
    slice_mm, row_mm, column_mm = volume.spacing_mm
    return replace(
        volume,
        voxels=voxels,
        spacing_mm=(slice_mm * count, row_mm, column_mm),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def _grain(
    shape: tuple[int, ...], kernel: NDArray[np.float64], rng: np.random.Generator
) -> Hounsfield:
    white = np.fft.rfft2(rng.standard_normal(shape))
    grain = np.fft.irfft2(white * kernel, s=shape)
    return np.asarray(grain / grain.std(), dtype=np.float32)


def _streaks(
    small: Hounsfield, metal: NDArray[np.float64], pixel_mm: float, rng: np.random.Generator
) -> Hounsfield:
    """Return what the rods add to a slice besides themselves, HU."""
    angles = np.linspace(0.0, 180.0, 180, endpoint=False)
    water = np.clip(small / 1000.0 + 1.0, 0.0, None)
    plain = radon(water, angles, circle=False) * pixel_mm * WATER_PER_MM
    trace = radon(metal, angles, circle=False) * pixel_mm * WATER_PER_MM * 20.0
    # Soft rays are gone behind metal: the effective attenuation of what follows falls (hardening).
    seen = plain + trace / (1.0 + 0.35 * trace)
    # Few photons are left (starvation): 200 000 go in, a ray counts what comes out, at least one.
    photons = 2e5
    counted = np.maximum(rng.poisson(photons * np.exp(-seen)), 1)
    seen = np.where(trace > 0.02, -np.log(counted / photons), seen)
    # Backprojection is linear: the difference is reconstructed alone.
    gained = iradon(seen - plain, angles, circle=False, output_size=small.shape[0])
    gained *= 1000.0 / (pixel_mm * WATER_PER_MM)
    gained[metal > 0.05] = 0.0
    return np.asarray(gained, dtype=np.float32)


def _slice_by_slice(volume: Volume, change: Change) -> Volume:
    out = np.empty_like(volume.voxels)
    for k, plane in enumerate(volume.voxels):
        out[k] = _stored(change(plane.astype(np.float32)))
    return replace(volume, voxels=out)


def _stored(plane: NDArray[np.floating], low: int = -1024) -> NDArray[np.int16]:
    kept: NDArray[np.int16] = np.rint(np.clip(plane, low, 3071)).astype(np.int16)
    return kept
