"""Motion in a chest CT: jumps from slice to slice, and contours smeared or doubled in the plane.

Between slices the picture changes smoothly; a breath between two rotations, a moved patient or a
slice that is missing without its place being told makes one step much larger than its neighbours.
In the plane a lung surface that moved while it was scanned is no longer one edge: the zone between
lung and tissue becomes wide. Projections that disagree also leave straight streaks, which are seen
best where nothing else is: in the room's air in front of the chest. Axes: (up, back, left).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Mask, PatientView, bounding_box, carry
from core.imaging.ct_qc_field import field_of_view
from core.imaging.lungs import LungMap

STRIDE_MM = 2.6
EDGE_HU = (-700.0, -200.0)
WINDOW = 4  # neighbours on each side that a step is held against
SECTORS = 8
AIR_BANDS_MM = ((8.0, 20.0), (20.0, 32.0), (32.0, 44.0))
FEWEST_MM2 = 40.0  # area of an edge zone below which its width is not judged


def motion_metrics(view: PatientView, grid: Grid, lungs: LungMap) -> dict[str, float]:
    """Return motion by name.

    ``slice_jump_mm``: what the largest step between slices exceeds its neighbours by, as
    millimetres of way along the body; ``edge_width_mm``: width of the lung surface (-700 to
    -200 HU), median over directions and slices; ``air_streak_hu``: unevenness of the air in front
    of the chest.
    """
    out: dict[str, float] = {}
    jump = slice_jump(view, grid, lungs)
    if jump is not None:
        out["slice_jump_mm"] = jump
    widths = edge_widths(view, grid, lungs)
    if len(widths) >= 4:
        out["edge_width_mm"] = float(np.median(np.nanmedian(widths, axis=1)))
    streaks = air_streaks(view, grid, lungs)
    if streaks is not None:
        out["air_streak_hu"] = streaks
    return out


def slice_jump(view: PatientView, grid: Grid, lungs: LungMap) -> float | None:
    """Return the largest excess of a step between slices, millimetres; None below 12 slices."""
    steps = slice_steps(view, grid, lungs)
    if len(steps) < 12:
        return None
    excess = np.zeros(len(steps))
    for k in range(len(steps)):
        near = np.r_[steps[max(0, k - WINDOW) : k], steps[k + 1 : k + 1 + WINDOW]]
        excess[k] = steps[k] / max(float(np.median(near)), 1e-3) - 1.0
    return float(excess.max()) * view.spacing_mm[0]


def slice_steps(view: PatientView, grid: Grid, lungs: LungMap) -> NDArray[np.float64]:
    """Return mean absolute differences of neighbouring slices in and around the lungs, HU."""
    mask = lungs.lungs
    if not mask.any():
        return np.zeros(0)
    around = [max(1, round(12.0 / mm)) for mm in grid.spacing_mm]
    box = bounding_box(mask, (0, around[1], around[2]))
    part = grid.cut(box)
    strides = [max(1, int(STRIDE_MM / mm)) for mm in view.spacing_mm[1:]]
    fine = view.voxels[part.box][:, :: strides[0], :: strides[1]]
    near = ndimage.binary_dilation(mask[box].any(axis=0), iterations=around[1])
    near = carry(near[None], (1, *fine.shape[1:]))[0]
    last = np.clip(fine[0][near].astype(np.float32), -1000.0, 200.0)
    steps = np.empty(max(0, len(fine) - 1))
    for k in range(1, len(fine)):
        level = np.clip(np.nan_to_num(fine[k][near].astype(np.float32)), -1000.0, 200.0)
        steps[k - 1] = float(np.abs(level - last).mean())
        last = level
    return steps


def edge_widths(view: PatientView, grid: Grid, lungs: LungMap) -> NDArray[np.float64]:
    """Return (slice, direction) widths of the lung surface, millimetres; NaN where not judged.

    By the coarea formula the mean gradient of the voxels between two densities is their distance
    over the width of the zone between them.
    """
    levels = _levels(lungs.lungs)
    rows = []
    for level in levels:
        fine_level = _fine_level(view, grid, int(level))
        found = _widths_of_slice(view, lungs.lungs[level], fine_level)
        if found is not None and np.isfinite(found).sum() >= SECTORS // 2:
            rows.append(found)
    return np.array(rows) if rows else np.zeros((0, SECTORS))


def air_streaks(view: PatientView, grid: Grid, lungs: LungMap) -> float | None:
    """Return how uneven the air in front of the chest is, HU; None where there is none.

    Spread (16th to 84th percentile, after 2.5 mm smoothing) in bands at three distances from the
    skin; the quietest band counts, so that clothes and leads do not; 75th percentile over slices.
    """
    field, _ = field_of_view(grid)
    found = []
    for level in _levels(lungs.lungs):
        spread = _air_of_slice(view, lungs.body[level], field, _fine_level(view, grid, int(level)))
        if spread is not None:
            found.append(spread)
    return float(np.percentile(found, 75)) if len(found) >= 4 else None


def _air_of_slice(view: PatientView, body: Mask, field: Mask, level: int) -> float | None:
    plane = view.voxels[level]
    body, field = carry(body, plane.shape), carry(field, plane.shape)
    columns = np.flatnonzero(body.any(axis=0))
    if not len(columns):
        return None
    quarter = len(columns) // 5
    columns = columns[quarter : len(columns) - quarter]
    skin = body[:, columns].argmax(axis=0)
    top = max(0, int(skin.min() - AIR_BANDS_MM[-1][1] / view.spacing_mm[1]))
    part = slice(top, int(skin.max())), slice(int(columns[0]), int(columns[-1]) + 1)
    values = np.clip(np.nan_to_num(plane[part].astype(np.float32), nan=-1000.0), -1024.0, -700.0)
    smooth = ndimage.gaussian_filter(values, [2.5 / mm for mm in view.spacing_mm[1:]])
    rows = np.arange(part[0].start, part[0].stop)[:, None]
    before = (body[:, part[1]].argmax(axis=0)[None, :] - rows) * view.spacing_mm[1]
    spreads = []
    for near, far in AIR_BANDS_MM:
        band = smooth[(before >= near) & (before < far) & field[part]]
        if band.size * view.spacing_mm[1] * view.spacing_mm[2] >= 600.0:
            low, high = np.percentile(band, [16, 84])
            spreads.append(float(high - low))
    return min(spreads) if spreads else None


def _fine_level(view: PatientView, grid: Grid, level: int) -> int:
    at = float(grid.full_index(np.array([[level, 0.0, 0.0]]))[0, 0])
    return int(np.clip(round(at), 0, view.voxels.shape[0] - 1))


def _levels(mask: Mask) -> NDArray[np.intp]:
    areas = mask.sum(axis=(1, 2))
    wide = np.flatnonzero(areas > 0.35 * max(1, int(areas.max())))
    if not len(wide):
        return np.zeros(0, dtype=np.intp)
    return np.unique(np.linspace(wide[0], wide[-1], 20).astype(np.intp))


def _widths_of_slice(view: PatientView, lung: Mask, level: int) -> NDArray[np.float64] | None:
    """Return the surface's width in each direction of its normal (0 = leftwards, by 45°)."""
    plane = view.voxels[level]
    fine = carry(lung, plane.shape)
    rows, columns = np.flatnonzero(fine.any(axis=1)), np.flatnonzero(fine.any(axis=0))
    if not len(rows):
        return None
    reach = [round(10.0 / mm) for mm in view.spacing_mm[1:]]
    box = (
        slice(max(0, int(rows[0]) - reach[0]), int(rows[-1]) + reach[0]),
        slice(max(0, int(columns[0]) - reach[1]), int(columns[-1]) + reach[1]),
    )
    values = np.clip(np.nan_to_num(plane[box].astype(np.float32), nan=-1000.0), -1000.0, 200.0)
    ring = _surface(fine[box], view.spacing_mm[1:])
    smooth = ndimage.gaussian_filter(values, [0.7 / mm for mm in view.spacing_mm[1:]])
    gy, gx = np.gradient(smooth, *view.spacing_mm[1:])
    wide = ndimage.gaussian_filter(values, [4.0 / mm for mm in view.spacing_mm[1:]])
    ny, nx = np.gradient(wide, *view.spacing_mm[1:])
    zone = ring & (values > EDGE_HU[0]) & (values < EDGE_HU[1])
    fewest = FEWEST_MM2 / (view.spacing_mm[1] * view.spacing_mm[2])
    if zone.sum() < 4 * fewest:
        return None
    sector = np.round(np.arctan2(ny[zone], nx[zone]) / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    steepness = np.hypot(gy, gx)[zone]
    count = np.bincount(sector, minlength=SECTORS)
    total = np.bincount(sector, steepness, minlength=SECTORS)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = (EDGE_HU[1] - EDGE_HU[0]) * count / total
    return np.where(count >= fewest, width, np.nan)


def _surface(lung: Mask, spacing_mm: tuple[float, ...]) -> Mask:
    """Return what lies within 8 mm of the lungs' outer surface; vessels inside do not count."""
    filled = ndimage.binary_fill_holes(lung)
    outside = ndimage.distance_transform_edt(~filled, sampling=spacing_mm)
    inside = ndimage.distance_transform_edt(filled, sampling=spacing_mm)
    return np.asarray((outside <= 8.0) & (inside <= 8.0))
