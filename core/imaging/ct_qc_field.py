"""Field of view of a chest CT: is the body cut by it, and are the lungs?

Judged on the border of what was reconstructed: the circle where makers pad the corners with one
number, else the edge of the matrix. Order of axes: (up, back, left), see ``ct_grid``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Hounsfield, Mask
from core.imaging.lungs import LungMap

TISSUE_HU = -400.0
LUNG_HU = (-960.0, -400.0)
SHORTEST_RUN_MM = 15.0  # table tops and clothing cross the border in thinner sheets


def field_metrics(grid: Grid, lungs: LungMap) -> dict[str, float]:
    """Return what the border of the field of view cuts off.

    ``outline_cut_share``: share of the body's outline that lies on the border, mean over the
    levels of the body; ``outline_cut_worst_share``: its 90th percentile over levels;
    ``lung_cut_mm``: length of lung on the border, 90th percentile over levels.
    """
    field, rim = field_of_view(grid)
    along = float(np.mean(grid.spacing_mm[1:]))
    shares, lengths = [], []
    order = _walk(rim, field)
    step = max(1, round(4.0 / grid.spacing_mm[0]))
    for level in range(0, grid.voxels.shape[0], step):
        body = lungs.body[level]
        if body.sum() < 100:
            continue
        values = grid.voxels[level][order]
        on_border = body[order] & (values > TISSUE_HU)
        outline = body & ~ndimage.binary_erosion(body, border_value=0)
        shares.append(on_border.sum() / max(1, int(outline.sum())))
        lengths.append(_lung_run(values, on_border, along))
    if not shares:
        return {}
    return {
        "outline_cut_share": float(np.mean(shares)),
        "outline_cut_worst_share": float(np.percentile(shares, 90)),
        "lung_cut_mm": float(np.percentile(lengths, 90)),
    }


def field_of_view(grid: Grid) -> tuple[Mask, Mask]:
    """Return (inside, rim) of the reconstructed field, (back, left) each.

    A circle where the matrix is square, all its corners hold one and the same number in the middle
    level, as padding does, and hardly any voxel just inside the circle holds it too, as clipped air
    would; else the whole matrix. The rim is one voxel wide, two voxels inside the edge.
    """
    rows, columns = grid.voxels.shape[1:]
    y = (np.arange(rows) + 0.5) / rows * 2 - 1
    x = (np.arange(columns) + 0.5) / columns * 2 - 1
    radius = np.hypot(y[:, None], x[None, :])
    middle = grid.voxels[grid.voxels.shape[0] // 2]
    corner = middle[radius > 1.06]
    depth_mm = 2.0 * max(grid.spacing_mm[1:])
    height, width = rows * grid.spacing_mm[1], columns * grid.spacing_mm[2]
    if abs(height / width - 1) < 0.02 and _padded(corner, middle, radius):
        size = min(height, width) / 2
        inside = radius * size <= size - depth_mm
    else:
        inside = np.zeros((rows, columns), dtype=np.bool_)
        inside[2:-2, 2:-2] = True
    rim = inside & ~ndimage.binary_erosion(inside, border_value=0)
    return inside, np.asarray(rim)


def _padded(corner: Hounsfield, middle: Hounsfield, radius: NDArray[np.float64]) -> bool:
    ring = middle[(radius > 0.93) & (radius < 0.99)]
    if not corner.size or not ring.size or float(np.ptp(corner)) >= 0.5:
        return False
    return float((np.abs(ring - corner[0]) < 0.5).mean()) < 0.05


def _walk(rim: Mask, field: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the rim, ordered by angle around the field's middle."""
    rows, columns = np.nonzero(rim)
    centre = [(n - 1) / 2 for n in field.shape]
    order = np.argsort(np.arctan2(rows - centre[0], columns - centre[1]))
    return rows[order], columns[order]


def _lung_run(values: Hounsfield, tissue: Mask, along_mm: float) -> float:
    """Return the length of lung-like runs on the border that stand between tissue, millimetres."""
    if not tissue.any():
        return 0.0
    start = int(np.flatnonzero(tissue)[0])
    smooth = ndimage.median_filter(values, 5, mode="wrap")
    lung = (smooth > LUNG_HU[0]) & (smooth < LUNG_HU[1]) & ~tissue
    air = smooth <= LUNG_HU[0]
    lung, tissue, air = (np.roll(one, -start) for one in (lung, tissue, air))
    # What lies between two pieces of body and is not the room's air.
    between, count = ndimage.label(~tissue)
    total = 0.0
    for index in range(1, count + 1):
        here = between == index
        length = float((lung & here).sum()) * along_mm
        if length >= SHORTEST_RUN_MM and (air & here).sum() < 0.3 * here.sum():
            total += length
    return total
