"""Blobs of a density volume over place and scale.

Detection after Lindeberg (IJCV 30:79, 1998): a ball of radius r answers most at sigma = r/sqrt(3).
Tubes are told from balls by the eigenvalues of the Hessian (Li, Sone, Doi, Med Phys 30:2040, 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask
from core.imaging.lesions_field import Field

LEAST_TO_LARGEST = 0.25


@dataclass(frozen=True)
class Blob:
    """One maximum of the scale space: place (grid index), sigma, contrast, roundness."""

    place: tuple[int, int, int]
    sigma_mm: float
    strength: float
    roundness: float

    @property
    def radius_mm(self) -> float:
        """Radius of the ball that would answer most here."""
        return self.sigma_mm * 3**0.5


def scale_space(
    field: Field,
    filled: Hounsfield,
    sigmas_mm: tuple[float, ...],
    least: float,
    halved_from_mm: float = float("inf"),
) -> list[Blob]:
    """Return the blobs of all scales, strongest first, none with its centre in another.

    Parameters
    ----------
    filled : (up, back, left) float32
        Hounsfield units on the field's grid, lung density outside.
    least : float
        Least scale-normalised answer.
    halved_from_mm : float
        Scales from here on are looked for on a grid of half the resolution.
    """
    spacing = np.asarray(field.grid.spacing_mm)
    where = field.lung | field.wide
    fine = _Level(filled, where, spacing, filled.shape)
    blobs: list[Blob] = []
    coarse = _halved(fine) if sigmas_mm[-1] >= halved_from_mm else fine
    for sigma in sigmas_mm:
        blobs.extend(_blobs_at(coarse if sigma >= halved_from_mm else fine, sigma, least))
    return _thin_out(sorted(blobs, key=lambda b: -b.strength), field.grid.spacing_mm)


@dataclass(frozen=True)
class _Level:
    """A volume to look for blobs in.

    Attributes
    ----------
    filled, where : (up, back, left)
        Hounsfield units, and where a blob may lie.
    spacing_mm : (3,) float64
    whole : (3,) int
        Shape of the field's grid.
    step : int
        Voxels of the field's grid along an edge of this one's.
    """

    filled: Hounsfield
    where: Mask
    spacing_mm: NDArray[np.float64]
    whole: tuple[int, ...]
    step: int = 1


def _halved(level: _Level) -> _Level:
    """Return the means of blocks of two voxels along each axis."""
    pad = [(0, n % 2) for n in level.filled.shape]
    voxels, where = np.pad(level.filled, pad, mode="edge"), np.pad(level.where, pad)
    for axis in range(3):
        odd = tuple(slice(1, None, 2) if k == axis else slice(None) for k in range(3))
        even = tuple(slice(0, None, 2) if k == axis else slice(None) for k in range(3))
        voxels = (voxels[even] + voxels[odd]) * np.float32(0.5)
        where = where[even] | where[odd]
    return _Level(voxels, where, 2 * level.spacing_mm, level.whole, 2 * level.step)


def _blobs_at(level: _Level, sigma_mm: float, least: float) -> list[Blob]:
    """Return the local maxima of the scale-normalised negative Laplacian at one scale."""
    spacing = level.spacing_mm
    smooth = ndimage.gaussian_filter(level.filled, sigma_mm / spacing, truncate=3.0)
    answer = np.zeros_like(smooth)
    for axis in range(3):
        step = (sigma_mm / spacing[axis]) ** 2
        answer -= step * ndimage.correlate1d(smooth, [1.0, -2.0, 1.0], axis=axis)
    reach = max(1, round(0.8 * sigma_mm / float(spacing.min())))
    peaks = answer == ndimage.maximum_filter(answer, size=2 * reach + 1)
    peaks &= (answer > least) & level.where
    places = np.argwhere(peaks)
    roundness = _roundness(smooth, places, spacing)
    at = _fine_places(answer, places, level)
    return [
        Blob((int(p[0]), int(p[1]), int(p[2])), sigma_mm, float(answer[tuple(q)]), float(r))
        for p, q, r in zip(at, places, roundness, strict=True)
        if r > LEAST_TO_LARGEST
    ]


def _fine_places(answer: Hounsfield, places: NDArray[np.int64], level: _Level) -> NDArray[np.int64]:
    """Return the places on the field's grid; between coarse voxels a parabola tells."""
    if level.step == 1 or not len(places):
        return places
    shape = np.asarray(answer.shape)
    inner = np.clip(places, 1, shape - 2)
    offset = np.zeros(places.shape)
    for axis in range(3):
        one = np.eye(3, dtype=np.int64)[axis]
        before, here, after = (answer[tuple((inner + k * one).T)] for k in (-1, 0, 1))
        bend = np.minimum(before - 2 * here + after, -1e-6)
        offset[:, axis] = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    middle = (level.step - 1) / 2
    fine = np.rint((places + offset) * level.step + middle).astype(np.int64)
    return np.asarray(np.clip(fine, 0, np.asarray(level.whole) - 1))


def _roundness(
    smooth: Hounsfield, places: NDArray[np.int64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return least/largest eigenvalue of the Hessian at each place; 0 where not a peak."""
    if not len(places):
        return np.zeros(0)
    inner = np.clip(places, 1, np.asarray(smooth.shape) - 2)
    hessian = np.zeros((len(places), 3, 3))
    for a, b in combinations_with_replacement(range(3), 2):
        hessian[:, a, b] = hessian[:, b, a] = _second(smooth, inner, (a, b)) / (
            spacing[a] * spacing[b]
        )
    roots = np.linalg.eigvalsh(hessian)  # ascending: most negative first
    peak = roots[:, 2] < 0
    return np.where(peak, roots[:, 2] / np.minimum(roots[:, 0], -1e-9), 0.0)


def _second(
    smooth: Hounsfield, places: NDArray[np.int64], axes: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the second difference along one axis or two."""
    a, b = axes
    one, two = np.eye(3, dtype=np.int64)[a], np.eye(3, dtype=np.int64)[b]

    def at(shift: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(smooth[tuple((places + shift).T)], dtype=np.float64)

    if a == b:
        return at(one) - 2 * at(one * 0) + at(-one)
    return (at(one + two) - at(one - two) - at(two - one) + at(-one - two)) / 4


def _thin_out(blobs: list[Blob], spacing_mm: tuple[float, float, float]) -> list[Blob]:
    """Keep the strongest of blobs whose balls overlap by their centres."""
    if not blobs:
        return []
    spots = np.array([b.place for b in blobs]) * np.asarray(spacing_mm)
    radii = np.array([b.radius_mm for b in blobs])
    alive = np.ones(len(blobs), dtype=bool)
    for index in range(len(blobs)):
        if not alive[index]:
            continue
        distance = np.linalg.norm(spots[index + 1 :] - spots[index], axis=1)
        alive[index + 1 :] &= distance > np.maximum(radii[index], radii[index + 1 :])
    return [b for b, keep in zip(blobs, alive, strict=True) if keep]
