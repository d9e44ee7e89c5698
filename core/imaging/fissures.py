"""Interlobar fissures: thin bright plates in the lung, fitted as smooth surfaces.

A fissure is thinner than a voxel and often seen in pieces only. Three kinds of evidence are put
together: the plate response of the Hessian (van Rikxoort, Med Phys 35:3928, 2008, uses the same
derivatives), the scarcity of vessels beside a fissure (Kuhnigk, RadioGraphics 25:525, 2005), and
where fissures lie in most people. A quadratic surface is fitted to all of it and then bent locally
to what is seen. Axis order (up, back, left); lengths in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, erode

Spacing = tuple[float, float, float]
Points = NDArray[np.float64]

# Wide enough for a fissure that slices of 3 mm blur into a band.
PLATE_SIGMA_MM = 2.4
# A plate response at which a fissure is taken as seen, HU (second derivative times sigma squared).
SEEN_HU = 10.0
VESSEL_COST = 1.2


@dataclass(frozen=True, slots=True)
class FissurePrior:
    """Where a fissure is looked for, as shares of the lung's own height and slopes.

    Attributes
    ----------
    height : (low, high) float
        Height of the surface at the anchor, share of the lung's height above its base.
    anchor : float
        Where that height is meant: 0 the lung's front, 1 its back.
    rise : (low, high) float
        Millimetres upwards per millimetre backwards.
    tilt : (low, high) float
        Millimetres upwards per millimetre towards the patient's left.
    """

    height: tuple[float, float]
    anchor: float
    rise: tuple[float, float]
    tilt: tuple[float, float]


# Anatomy (Hayashi, RadioGraphics 21:861, 2001): the oblique fissure runs from the fourth or fifth
# thoracic vertebra down to the diaphragm; the horizontal one forward from it at the fourth rib.
OBLIQUE = FissurePrior((0.58, 0.90), 0.95, (0.55, 1.75), (-0.30, 0.30))
HORIZONTAL = FissurePrior((0.36, 0.66), 0.30, (-0.70, 0.25), (-0.35, 0.35))


@dataclass(frozen=True, eq=False)
class Fissure:
    """A fitted surface.

    Attributes
    ----------
    height : (back, left) float64
        Fractional index along the first axis at every column of the grid.
    seen : float
        Share (0…1) of the surface inside the lung that shows a plate within 3 mm; the rest is
        interpolated.
    """

    height: Points
    seen: float

    def above(self, shape: tuple[int, ...]) -> Mask:
        """Return which voxels of a grid of this shape lie above the surface."""
        return np.asarray(np.arange(shape[0])[:, None, None] > self.height[None])


def plate_response(
    voxels: Hounsfield, lung: Mask, spacing_mm: Spacing, slopes: tuple[tuple[float, float], ...]
) -> Hounsfield:
    """Return how much each voxel looks like a bright plate of one of the given slopes, HU.

    Parameters
    ----------
    voxels : (up, back, left) float32
    lung : bool
        Beyond it nothing is seen; its own edge is not taken for a plate.
    slopes : tuple of (rise, tilt)
        Of the plates looked for, as in :class:`FissurePrior`.
    """
    level = float(np.median(voxels[lung])) if lung.any() else -850.0
    flat = np.where(lung, np.clip(voxels, level - 60.0, level + 300.0), level)
    second = _hessian(flat.astype(np.float32), spacing_mm)
    best = np.zeros(voxels.shape, dtype=np.float32)
    for rise, tilt in slopes:
        normal = np.array([1.0, -rise, -tilt])
        normal /= np.linalg.norm(normal)
        first = np.array([rise, 1.0, 0.0]) / np.hypot(rise, 1.0)
        across = np.cross(normal, first)
        response = -_along(second, normal)
        response -= np.maximum(np.abs(_along(second, first)), np.abs(_along(second, across)))
        np.maximum(best, response, out=best)
    best[~erode(lung, 2.5, spacing_mm)] = 0
    return best


def _hessian(voxels: Hounsfield, spacing_mm: Spacing) -> dict[tuple[int, int], Hounsfield]:
    """Return the six second derivatives at the plate's scale, times its square (HU)."""
    sigma = [PLATE_SIGMA_MM / mm for mm in spacing_mm]
    found = {}
    for a in range(3):
        for b in range(a, 3):
            order = [0, 0, 0]
            order[a] += 1
            order[b] += 1
            part = ndimage.gaussian_filter(voxels, sigma, order=order, truncate=3.0)
            found[a, b] = np.asarray(part * (sigma[a] * sigma[b]), dtype=np.float32)
    return found


def _along(second: dict[tuple[int, int], Hounsfield], way: NDArray[np.float64]) -> Hounsfield:
    total = np.zeros_like(second[0, 0])
    for (a, b), part in second.items():
        share = way[a] * way[b] * (1.0 if a == b else 2.0)
        if abs(share) > 1e-6:
            total += np.float32(share) * part
    return total


def fit_fissure(
    plate: Hounsfield, vessels: Mask, lung: Mask, spacing_mm: Spacing, prior: FissurePrior
) -> Fissure:
    """Return the surface of a fissure in one lung (or in the part of it that it divides).

    Parameters
    ----------
    plate : (up, back, left) float32
        :func:`plate_response` with slopes of this fissure.
    vessels, lung : bool
        ``lung`` has at least one voxel.
    """
    evidence = np.clip(plate / SEEN_HU, 0.0, 1.5).astype(np.float32)
    cost = ndimage.gaussian_filter(vessels.astype(np.float32), [3.0 / mm for mm in spacing_mm])
    gain = evidence - np.float32(VESSEL_COST) * np.clip(cost * 4.0, 0.0, 1.0)
    columns = _columns(lung, spacing_mm, prior)
    start = _search(gain, lung, columns, prior)
    fitted = _refine(evidence, lung, columns, start)
    height = columns.surface(fitted, lung.shape[1:])
    height = _bend(evidence, lung, height, spacing_mm)
    return Fissure(height, _seen(evidence, lung, height, spacing_mm[0]))


@dataclass(frozen=True, eq=False)
class _Columns:
    """The lung's footprint and its scale: mm along each axis from the anchor."""

    rows: NDArray[np.intp]
    lefts: NDArray[np.intp]
    spacing_mm: Spacing
    base: float
    tall: float
    anchor_row: float
    middle: float

    def design(self, rows: Points, lefts: Points) -> Points:
        """Return (n, 6) terms: 1, back, left, back², back·left, left² (per 100 mm for squares)."""
        y = (rows - self.anchor_row) * self.spacing_mm[1]
        x = (lefts - self.middle) * self.spacing_mm[2]
        one = np.ones_like(y)
        return np.stack([one, y, x, y * y / 100, x * y / 100, x * x / 100], axis=-1)

    def surface(self, terms: Points, shape: tuple[int, ...]) -> Points:
        """Return the height, as index, over the whole footprint of the grid."""
        rows, lefts = np.indices(shape).astype(np.float64)
        return np.asarray(self.design(rows, lefts) @ terms / self.spacing_mm[0])


def _columns(lung: Mask, spacing_mm: Spacing, prior: FissurePrior) -> _Columns:
    rows, lefts = np.nonzero(lung.any(axis=0))
    levels = np.flatnonzero(lung.any(axis=(1, 2)))
    front, back = np.percentile(rows, [1, 99])
    keep = (rows % 2 == 0) & (lefts % 2 == 0)
    if not keep.any():
        keep[:] = True
    return _Columns(
        rows[keep],
        lefts[keep],
        spacing_mm,
        float(levels[0]) * spacing_mm[0],
        float(levels[-1] + 1 - levels[0]) * spacing_mm[0],
        float(front + prior.anchor * (back - front)),
        float(lefts.mean()),
    )


def _search(gain: Hounsfield, lung: Mask, columns: _Columns, prior: FissurePrior) -> Points:
    """Return the terms of the best plane among those that anatomy allows."""
    soft = ndimage.gaussian_filter(gain, [2.0 / mm for mm in columns.spacing_mm])
    rows, lefts = columns.rows, columns.lefts
    design = columns.design(rows.astype(np.float64), lefts.astype(np.float64))[:, :3]
    best, terms = -np.inf, np.zeros(6)
    low, high = prior.height
    middle, half = (low + high) / 2, (high - low) / 2
    steps = max(5, int((high - low) * columns.tall / 4.0))
    for share in np.linspace(low, high, steps):
        for rise in np.linspace(*prior.rise, 9):
            for tilt in np.linspace(*prior.tilt, 5):
                plane = np.array([columns.base + share * columns.tall, rise, tilt])
                level = np.rint(design @ plane / columns.spacing_mm[0]).astype(np.intp)
                inside = (level >= 0) & (level < lung.shape[0])
                at = (level[inside], rows[inside], lefts[inside])
                within = lung[at]
                if within.sum() < 0.05 * len(rows):
                    continue
                # A little pull to the middle of what anatomy allows, for lungs that show nothing.
                pull = ((share - middle) / half) ** 2 + _off(rise, prior.rise)
                merit = float(soft[at][within].mean()) - 0.015 * pull
                if merit > best:
                    best, terms = merit, np.concatenate([plane, np.zeros(3)])
    return terms


def _off(value: float, between: tuple[float, float]) -> float:
    middle, half = (between[0] + between[1]) / 2, (between[1] - between[0]) / 2
    return float(((value - middle) / half) ** 2)


def _refine(evidence: Hounsfield, lung: Mask, columns: _Columns, start: Points) -> Points:
    """Fit the quadratic by least squares to what is seen near the surface, nearer each time."""
    seen = np.argwhere((evidence > 0.5) & lung)
    if len(seen) < 50:
        return start
    weight = evidence[tuple(seen.T)].astype(np.float64)
    height = seen[:, 0] * columns.spacing_mm[0]
    design = columns.design(seen[:, 1].astype(np.float64), seen[:, 2].astype(np.float64))
    # Ridge towards the plane: squares may bend a lung's width by some centimetres, not more.
    stiff = np.diag([1e-4, 0.5, 0.5, 30.0, 30.0, 30.0]) * len(columns.rows) * 0.05
    terms = start
    for reach_mm in (12.0, 9.0, 7.0, 5.0, 4.0):
        away = height - design @ terms
        near = weight * np.exp(-np.square(away / reach_mm)) * (np.abs(away) < 2 * reach_mm)
        normal = design.T @ (near[:, None] * design) + stiff
        anchor = start * np.array([1, 1, 1, 0, 0, 0])
        terms = np.linalg.solve(normal, design.T @ (near * height) + stiff @ anchor)
    return np.asarray(terms)


def _bend(evidence: Hounsfield, lung: Mask, height: Points, spacing_mm: Spacing) -> Points:
    """Move the surface locally to where plates are seen, smoothly, by at most 8 mm."""
    reach = round(8.0 / spacing_mm[0])
    offsets = np.arange(-reach, reach + 1)
    grid: NDArray[np.intp] = np.indices(height.shape)
    rows: NDArray[np.intp] = np.asarray(grid[0])
    lefts: NDArray[np.intp] = np.asarray(grid[1])
    sheets = np.zeros((len(offsets), *height.shape), dtype=np.float32)
    inside = np.where(lung, evidence, 0)
    for number, offset in enumerate(offsets):
        level = np.rint(height + offset).astype(np.intp)
        ok = (level >= 0) & (level < lung.shape[0])
        sheets[number][ok] = inside[level[ok], rows[ok], lefts[ok]]
    sideways = [0.0, 4.0 / spacing_mm[1], 4.0 / spacing_mm[2]]
    soft = ndimage.gaussian_filter(sheets, sideways)
    soft *= np.exp(-np.square(offsets / (0.9 * reach)))[:, None, None]
    peak = soft.max(axis=0)
    shift = np.asarray(offsets[np.asarray(soft.argmax(axis=0))], dtype=np.float32)
    trust = np.clip(peak - 0.12, 0.0, 0.5)
    wide = [8.0 / spacing_mm[1], 8.0 / spacing_mm[2]]
    top = ndimage.gaussian_filter(trust * shift, wide)
    bottom = ndimage.gaussian_filter(trust, wide)
    return np.asarray(height + top / (bottom + 0.02), dtype=np.float64)


def _seen(evidence: Hounsfield, lung: Mask, height: Points, step_mm: float) -> float:
    """Return the share of the surface inside the lung with a plate within 3 mm."""
    reach = max(1, round(3.0 / step_mm))
    rows, lefts = np.indices(height.shape)
    hit = np.zeros(height.shape, dtype=bool)
    middle = np.rint(height).astype(np.intp)
    for offset in range(-reach, reach + 1):
        level = np.clip(middle + offset, 0, lung.shape[0] - 1)
        hit |= evidence[level, rows, lefts] > 0.8
    ok = (middle >= 0) & (middle < lung.shape[0])
    inside = ok & lung[np.clip(middle, 0, lung.shape[0] - 1), rows, lefts]
    return float(hit[inside].mean()) if inside.any() else 0.0
