"""A compact lesion's outline as one smooth surface that every ray from its middle meets once.

Along a ray the lesion ends where the density falls through the level half-way to its surroundings.
Where a vessel enters, the ray ends late or nowhere; a smooth surface fitted to the ends of all rays
bridges such places: spherical harmonics with the penalty of a smoothing spline on the sphere
(Wahba, SIAM J Sci Stat Comput 2:5, 1981), refitted with Tukey's biweight so that ends off the
surface lose their say. A voxel belongs to the lesion up to that surface, or up to its ray's own end
where that is close by. Array order (up, back, left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import sph_harm_y

from core.imaging.ct_grid import Hounsfield, Mask, dilate

Spacing = tuple[float, float, float]
Numbers = NDArray[np.float64]

RAYS = 600
STEP_MM = 0.25
# Degree of the harmonics, distance at which an end loses its say (mm), weight of the penalty.
FITS = ((8, 2.0, 3e-4), (8, 1.5, 3e-4), (8, 1.0, 3e-4), (8, 1.0, 3e-4), (8, 1.0, 3e-4))
FIRST_PENALTY = 1e-3
# A ray's own end is believed this near to the surface.
OWN_END_MM = 0.25
# Dense tissue blurs what lies this close to it.
BLUR_MM = 2.0
# Less than this share of rays with an end at the surface: it is no such body.
LEAST_ENDS = 0.35
# Less than this much (Dice) in common with the first outline: the surface has run away.
LEAST_SHARED = 0.6
NEIGHBOURS = 4


@dataclass(frozen=True)
class Rays:
    """Rays from a lesion's middle.

    Attributes
    ----------
    middle : (3,) float
        Voxel index.
    ways : (n, 3) float
        Unit directions (up, back, left).
    along_mm : (m,) float
        Distances of the samples.
    points : (3, n, m) float
        Voxel indices of the samples.
    """

    middle: Numbers
    ways: Numbers
    along_mm: Numbers
    points: Numbers

    def values(self, field: NDArray[np.generic]) -> Numbers:
        """Return a field at the samples, linearly between voxels."""
        return np.asarray(
            ndimage.map_coordinates(field, self.points, order=1, mode="nearest"), np.float64
        )


def star_outline(
    voxels: Hounsfield, start: Mask, level_hu: float, spacing_mm: Spacing, dense: Mask | None = None
) -> Mask:
    """Return the outline; ``start`` itself where no such surface explains it.

    Parameters
    ----------
    voxels : float32
        Hounsfield units of the lesion's box, lightly smoothed.
    start : bool
        A first outline, perhaps with pieces of vessels.
    level_hu : float
        Half-way between the lesion and its surroundings.
    spacing_mm : (3,) float
    dense : bool or None
        Tissue that the lesion cannot be (a vessel beside ground glass): ends near it say nothing.
    """
    if not start.any():
        return start
    rays = _rays(start, spacing_mm)
    ends = _ends(rays, voxels, level_hu)
    if dense is not None and dense.any():
        near = rays.values(dilate(dense, BLUR_MM, spacing_mm).astype(np.float32))
        at = np.searchsorted(rays.along_mm, np.where(np.isfinite(ends), ends, 0.0))
        blurred = np.take_along_axis(near, np.minimum(at, near.shape[1] - 1), axis=1) > 0.5
        ends = np.where(blurred, np.inf, ends)
    surface, own = _fitted(rays, ends, _first(rays, start))
    seen = np.abs(own - surface) <= FITS[-1][1]
    if float(seen.mean()) < LEAST_ENDS:
        return start
    limit = np.where(np.abs(own - surface) <= OWN_END_MM, own, surface)
    found = _inside(rays, limit, start.shape, spacing_mm)
    shared = 2 * int((found & start).sum()) / max(int(found.sum()) + int(start.sum()), 1)
    return found if shared >= LEAST_SHARED else start


def _rays(start: Mask, spacing_mm: Spacing) -> Rays:
    spacing = np.asarray(spacing_mm)
    inside = np.argwhere(start)
    radius = float((3 * len(inside) * np.prod(spacing) / (4 * np.pi)) ** (1 / 3))
    along = np.arange(2 * STEP_MM, 2.2 * radius + 4.0, STEP_MM)
    ways = _sphere(RAYS)
    middle = inside.mean(axis=0)
    steps = ways[:, None, :] * along[None, :, None] / spacing
    return Rays(middle, ways, along, np.moveaxis(middle + steps, -1, 0))


def _sphere(count: int) -> Numbers:
    """Return unit vectors spread evenly over the sphere (Fibonacci's spiral)."""
    number = np.arange(count) + 0.5
    height = 1 - 2 * number / count
    angle = np.pi * (1 + 5**0.5) * number
    width = np.sqrt(1 - height**2)
    return np.stack([height, width * np.cos(angle), width * np.sin(angle)], axis=1)


def _ends(rays: Rays, voxels: Hounsfield, level_hu: float) -> Numbers:
    """Return, for each ray and step, where the density falls through the level; else infinite."""
    values = rays.values(voxels)
    a, b = values[:, :-1], values[:, 1:]
    falls = (a > level_hu) & (b <= level_hu)
    part = (a - level_hu) / np.where(falls, a - b, 1.0)
    return np.where(falls, rays.along_mm[:-1] + part * STEP_MM, np.inf)


def _first(rays: Rays, start: Mask) -> Numbers:
    """Return where each ray leaves the first outline."""
    outside = rays.values(start.astype(np.float32)) < 0.5
    at = np.where(outside.any(axis=1), outside.argmax(axis=1), len(rays.along_mm) - 1)
    return np.asarray(rays.along_mm[at])


def _fitted(rays: Rays, ends: Numbers, first: Numbers) -> tuple[Numbers, Numbers]:
    """Return the smooth surface's distance along each ray, and the ray's end nearest to it."""
    basis, degree = _harmonics(rays.ways, max(fit[0] for fit in FITS))
    surface = basis @ _solved(basis, degree, first, np.ones(len(first)), FIRST_PENALTY)
    own = np.full(len(first), np.inf)
    for highest, reach_mm, penalty in FITS:
        own = _nearest(ends, surface)
        weight = np.clip(1 - ((own - surface) / reach_mm) ** 2, 0.0, None) ** 2
        if float((weight > 0).mean()) < LEAST_ENDS / 2:
            break
        some = degree <= highest
        known = np.where(weight > 0, own, 0.0)
        found = _solved(basis[:, some], degree[some], known, weight, penalty)
        surface = np.maximum(basis[:, some] @ found, 2 * STEP_MM)
    return surface, _nearest(ends, surface)


def _nearest(ends: Numbers, surface: Numbers) -> Numbers:
    """Return of each ray's ends the one nearest to the surface; infinite where it has none."""
    chosen = np.abs(ends - surface[:, None]).argmin(axis=1)
    return np.asarray(ends[np.arange(len(ends)), chosen])


def _harmonics(ways: Numbers, highest: int) -> tuple[Numbers, Numbers]:
    """Return real spherical harmonics at directions (n, k) and the degree of each (k,)."""
    polar, turn = np.arccos(np.clip(ways[:, 0], -1, 1)), np.arctan2(ways[:, 2], ways[:, 1])
    pairs = [(n, m) for n in range(highest + 1) for m in range(n + 1)]
    waves = [(n, m, sph_harm_y(n, m, polar, turn)) for n, m in pairs]
    both = [(n, wave.real) for n, _, wave in waves] + [(n, wave.imag) for n, m, wave in waves if m]
    return np.stack([wave for _, wave in both], axis=1), np.array([float(n) for n, _ in both])


def _solved(
    basis: Numbers, degree: Numbers, known: Numbers, weight: Numbers, penalty: float
) -> Numbers:
    """Return the coefficients that fit the weighted values with least bending."""
    bending = penalty * (degree * (degree + 1)) ** 2 * len(known) / (4 * np.pi)
    weighted = basis * weight[:, None]
    return np.asarray(
        np.linalg.solve(weighted.T @ basis + np.diag(bending + 1e-9), weighted.T @ known)
    )


def _inside(rays: Rays, limit: Numbers, shape: tuple[int, ...], spacing_mm: Spacing) -> Mask:
    """Return the voxels nearer to the middle than the surface is in their direction."""
    out = np.zeros(shape, dtype=bool)
    reach = [float(limit.max()) / mm for mm in spacing_mm]
    box = tuple(
        slice(max(0, int(np.floor(c - r))), int(np.ceil(c + r)) + 1)
        for c, r in zip(rays.middle, reach, strict=True)
    )
    at = np.argwhere(np.ones_like(out[box])) + [part.start for part in box]
    away = (at - rays.middle) * np.asarray(spacing_mm)
    distance = np.linalg.norm(away, axis=1)
    apart, near = cKDTree(rays.ways).query(away / np.maximum(distance, 1e-6)[:, None], k=NEIGHBOURS)
    weight = 1 / np.maximum(apart, 1e-3) ** 2
    edge = (limit[near] * weight).sum(axis=1) / weight.sum(axis=1)
    out[box] = (distance <= edge).reshape(out[box].shape)
    return out
