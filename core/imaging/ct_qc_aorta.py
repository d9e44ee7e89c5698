"""Descending aorta and heart, roughly, for quality control: blood's density and its noise.

No atlas: the vertebral column is the bone that stays on the midline, the aorta the even, round,
soft tube left and in front of it whose rim has fat and lung around it, tracked from level to level
by dynamic programming (Viterbi). Only its middle is used, so that a rough centre is enough.
Order of axes: (up, back, left), see ``ct_grid``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Hounsfield, Mask
from core.imaging.lungs import LungMap, lung_height

Centres = NDArray[np.float64]

BONE_HU = 200.0
BLOOD_HU = (-20.0, 650.0)
INNER_MM = 7.0  # a descending aorta is 18 to 35 mm wide
RIM_MM = (15.0, 21.0)
LOWEST, HIGHEST = 0.12, 0.62  # share of the lungs' height in which the aorta is sought
LEAST_SCORE = 0.35


@dataclass(frozen=True, eq=False)
class Tube:
    """A tracked vessel.

    Attributes
    ----------
    centres : (level, 3) float
        Grid indices (up, back, left) of its middle, one per level, ascending.
    score : float
        Mean of the match, 0…1.
    """

    centres: Centres
    score: float


def spine_centres(grid: Grid, lungs: LungMap) -> Centres | None:
    """Return (level, 3) grid indices of the vertebral column from the lungs' base to their apex.

    None where fewer than half of the levels have bone near the midline.
    """
    span = lung_height(lungs.labels)
    if span is None:
        return None
    columns = np.flatnonzero(lungs.body[span[0] : span[1]].any(axis=(0, 1)))
    bone = np.asarray(grid.voxels[span[0] : span[1]] > BONE_HU)
    both = lungs.lungs[span[0] : span[1]]
    if not len(columns) or not both.any():
        return None
    middle = _middle_column(both)
    size = [max(3, round(36.0 / mm)) for mm in grid.spacing_mm[1:]]
    share = ndimage.uniform_filter(bone.astype(np.float32), (1, size[0], size[1]), mode="constant")
    # The middle of the body: a bright aorta stands 25 mm beside it.
    away = (np.arange(bone.shape[2]) - middle) * grid.spacing_mm[2]
    share *= np.exp(-0.5 * np.square(away / 15.0))
    # In the back of the lungs: in front lie the sternum and, full of contrast medium, the heart.
    depth = np.flatnonzero(both.any(axis=(0, 2)))
    share[:, : int(depth[0] + 0.6 * (depth[-1] - depth[0]))] = 0.0
    flat = share.reshape(len(share), -1)
    best = flat.argmax(axis=1)
    seen = flat[np.arange(len(flat)), best] > 0.05
    if seen.mean() < 0.5:
        return None
    rows, cols = np.unravel_index(best, share.shape[1:])
    levels = np.arange(len(seen))
    # A vertebra every 25 mm, its disc less bony: the median over 50 mm is the column's line.
    window = max(3, round(50.0 / grid.spacing_mm[0])) | 1
    line = [
        ndimage.median_filter(np.interp(levels, levels[seen], at[seen]), window, mode="nearest")
        for at in (rows.astype(np.float64), cols.astype(np.float64))
    ]
    return np.stack([levels + span[0], *line], axis=1).astype(np.float64)


def find_aorta(grid: Grid, lungs: LungMap) -> Tube | None:
    """Return the descending aorta between the lungs' base and about the carina, or None."""
    best = best_tube(grid, lungs)
    return best if best is not None and best.score >= LEAST_SCORE else None


def best_on_the_right(grid: Grid, lungs: LungMap) -> float:
    """Return the match of the best tube on the other side of the spine, 0…1.

    Where it is better than on the left, left and right were swapped on the way here, or the patient
    is one of the few with a right-sided descending aorta (about 1 in 1000; situs inversus 1 in
    10 000).
    """
    flipped = Grid(grid.voxels[:, :, ::-1], grid.spacing_mm, grid.box)
    best = best_tube(flipped, LungMap(lungs.labels[:, :, ::-1], lungs.body[:, :, ::-1]))
    return best.score if best is not None else 0.0


def best_tube(grid: Grid, lungs: LungMap) -> Tube | None:
    """Return the best match for an aorta, however poor; None where no spine was found."""
    spine = spine_centres(grid, lungs)
    if spine is None:
        return None
    low, high = int(LOWEST * len(spine)), int(HIGHEST * len(spine))
    spine = spine[low:high]
    if len(spine) * grid.spacing_mm[0] < 30.0:
        return None
    window, corners = _windows(grid, spine)
    score = _match(window, grid.spacing_mm) * _nearness(window.shape, grid.spacing_mm)
    path, mean = _track(score)
    centres = np.stack([spine[:, 0], path[:, 0] + corners[:, 0], path[:, 1] + corners[:, 1]], 1)
    return Tube(centres.astype(np.float64), mean)


def heart_core(grid: Grid, lungs: LungMap, aorta: Tube) -> Mask | None:
    """Return the inner heart (14 mm inside its outline) in front of the aorta, or None.

    The mask covers the whole grid; chambers and septum together, so that its median is the
    mixture's.
    """
    levels = aorta.centres[:, 0].astype(int)
    step = max(1, round(6.0 / grid.spacing_mm[0]))
    out = np.zeros(grid.voxels.shape, dtype=np.bool_)
    low, high = BLOOD_HU
    for level, row, column in aorta.centres[::step].round().astype(int):
        soft = (grid.voxels[level] > low) & (grid.voxels[level] < high) & lungs.body[level]
        soft &= ~lungs.lungs[level]
        soft[row - round(10.0 / grid.spacing_mm[1]) :] = False
        right = column - round(75.0 / grid.spacing_mm[2])
        left = column + round(45.0 / grid.spacing_mm[2])
        soft[:, : max(0, right)] = False
        soft[:, left:] = False
        out[level] = ndimage.distance_transform_edt(soft, sampling=grid.spacing_mm[1:]) > 14.0
    # The dome of the liver comes from below: its levels hold no lung in front.
    widths = out.sum(axis=(1, 2)) * grid.spacing_mm[1] * grid.spacing_mm[2]
    out[: levels[0] + len(levels) // 4] = False
    return out if widths.max() > 100.0 and out.any() else None


def _middle_column(both: Mask) -> float:
    """Return the column halfway between the outer walls of the lungs."""
    walls = []
    for level in both:
        at = np.flatnonzero(level.any(axis=0))
        if len(at):
            walls.append((at[0] + at[-1]) / 2)
    return float(np.median(walls))


def _windows(grid: Grid, spine: Centres) -> tuple[Hounsfield, Centres]:
    """Return 2-D windows in front and left of the spine, and the corner of each."""
    above, below = round(52.0 / grid.spacing_mm[1]), round(26.0 / grid.spacing_mm[1])
    right, left = round(28.0 / grid.spacing_mm[2]), round(66.0 / grid.spacing_mm[2])
    padded = [
        np.pad(
            grid.voxels[int(z)], ((above, below + 1), (right, left + 1)), constant_values=-1000.0
        )
        for z in spine[:, 0]
    ]
    corner = spine[:, 1:].round().astype(int)
    parts = [
        plane[y : y + above + below, x : x + right + left]
        for plane, (y, x) in zip(padded, corner, strict=True)
    ]
    return np.stack(parts), corner - np.array([above, right])


def _match(window: Hounsfield, spacing_mm: tuple[float, float, float]) -> Hounsfield:
    """Score every place 0…1: even blood inside, a rim that is mostly something less dense."""
    inner = _disc(spacing_mm, 0.0, INNER_MM)
    rim = _disc(spacing_mm, *RIM_MM)
    values = np.clip(window, -1000.0, 700.0)
    mean = ndimage.convolve(values, inner / inner.sum(), mode="nearest")
    square = ndimage.convolve(np.square(values), inner / inner.sum(), mode="nearest")
    spread = np.sqrt(np.maximum(square - np.square(mean), 0.0))
    inside = (mean > BLOOD_HU[0]) & (mean < BLOOD_HU[1])
    # What even the evenest places have is noise; the usual 12 HU are allowed for below.
    noise = max(0.0, float(np.percentile(spread[inside], 10)) - 12.0) if inside.any() else 0.0
    even = np.exp(-0.5 * np.square(np.maximum(spread - noise, 0.0) / 30.0))
    lower = ndimage.convolve((values < -40.0).astype(np.float32), rim / rim.sum(), mode="nearest")
    return np.asarray(even * inside * np.clip(lower / 0.5, 0.0, 1.0), dtype=np.float32)


def _nearness(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Hounsfield:
    """Prefer the usual place: 24 mm left of the middle of the spine, 12 mm in front."""
    row = (np.arange(shape[1]) - round(52.0 / spacing_mm[1])) * spacing_mm[1] + 14.0
    column = (np.arange(shape[2]) - round(28.0 / spacing_mm[2])) * spacing_mm[2] - 22.0
    square = np.square(row[:, None] / 26.0) + np.square(column[None, :] / 22.0)
    return np.exp(-0.5 * square).astype(np.float32)[None]


def _disc(spacing_mm: tuple[float, float, float], low_mm: float, high_mm: float) -> Hounsfield:
    reach = [int(np.ceil(high_mm / mm)) for mm in spacing_mm[1:]]
    y = np.arange(-reach[0], reach[0] + 1)[:, None] * spacing_mm[1]
    x = np.arange(-reach[1], reach[1] + 1)[None, :] * spacing_mm[2]
    radius = np.hypot(y, x)
    return ((radius >= low_mm) & (radius <= high_mm)).astype(np.float32)[None]


def _track(score: Hounsfield) -> tuple[NDArray[np.intp], float]:
    """Return (level, 2) window indices of the best path that moves one voxel a level at most."""
    gain = score[0].astype(np.float64)
    total = [gain]
    for level in score[1:]:
        total.append(level + ndimage.maximum_filter(total[-1], 3, mode="nearest"))
    path = np.empty((len(score), 2), dtype=np.intp)
    at = np.unravel_index(int(total[-1].argmax()), total[-1].shape)
    path[-1] = at
    for k in range(len(score) - 2, -1, -1):
        y, x = path[k + 1]
        y0, x0 = max(0, y - 1), max(0, x - 1)
        part = total[k][y0 : y + 2, x0 : x + 2]
        dy, dx = np.unravel_index(int(part.argmax()), part.shape)
        path[k] = (y0 + dy, x0 + dx)
    values = score[np.arange(len(score)), path[:, 0], path[:, 1]]
    return path, float(values.mean())
