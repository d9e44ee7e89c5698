"""Drawn outlines and label maps: which voxels a drawn line takes, lines between two slices.

Outlines are rings of (column, row) points, pixel centres at whole numbers; what lies inside an odd
number of a slice's rings is inside, so that a hole is a ring of its own. That is how
:func:`core.imaging.outlines.outlines_of` makes them: a label map drawn and redrawn is the same.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from core.imaging.ct_grid import Mask
from core.imaging.outlines import TOLERANCE_PIXELS

Ring = NDArray[np.float64]
#: A slice's rings by the slice's index.
Drawn = Mapping[int, Sequence[Ring]]

# Twice as fine as the image: a distance between voxel centres alone would draw steps.
_FINER = 2


def inside(rings: Sequence[Ring], shape: tuple[int, int]) -> Mask:
    """Return the pixels whose centre lies inside an odd number of rings.

    Parameters
    ----------
    rings : sequence of (n, 2) float
        (column, row); closed or not, three points at least.
    shape : (rows, columns)

    Returns
    -------
    (row, column) bool
    """
    rows, columns = shape
    toggles = np.zeros((rows, columns + 1), dtype=np.int32)
    for ring in rings:
        _toggle(toggles, np.asarray(ring, dtype=np.float64), columns)
    return np.asarray(np.cumsum(toggles[:, :columns], axis=1) % 2 == 1)


def _toggle(toggles: NDArray[np.int32], ring: Ring, columns: int) -> None:
    """Count, row by row, where the ring's edges are crossed (Shimrat, CACM 5:434, 1962)."""
    (ax, ay), (bx, by) = ring.T, np.roll(ring, -1, axis=0).T
    # Half open, as in the page: a point on a vertex belongs to one of its two edges.
    ends = np.ceil([np.minimum(ay, by), np.maximum(ay, by)])
    first, last = np.clip(ends, 0, toggles.shape[0]).astype(np.intp)
    rows_of = last - first  # none where an edge lies along a row
    edge = np.repeat(np.arange(len(ring)), rows_of)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(rows_of) - rows_of, rows_of) + first[edge]
    crossing = ax[edge] + (row - ay[edge]) * (bx - ax)[edge] / (by - ay)[edge]
    np.add.at(toggles, (row, np.clip(np.ceil(crossing), 0, columns).astype(np.intp)), 1)


def drawn_map(drawn: Mapping[int, Drawn], shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Return the label map of outlines.

    Parameters
    ----------
    drawn : mapping
        Label to its outlines by slice. Where two overlap the later one has the voxel.
    shape : (slice, row, column)
    """
    labels = np.zeros(shape, dtype=np.uint16)
    for label, slices in drawn.items():
        for index, rings in slices.items():
            if rings:
                labels[index][inside(rings, shape[1:])] = label
    return labels


def interpolated(
    below: Sequence[Ring], above: Sequence[Ring], parts: Sequence[float]
) -> list[list[Ring]]:
    """Return outlines between two slices by their shape.

    Signed distances to the two outlines, brought to a common centre, are mixed; the zero line is
    the outline (Raya and Udupa, IEEE TMI 9:32, 1990; centring: Herman et al., IEEE CG&A 12(3):69,
    1992). The centre itself moves on a straight line.

    Parameters
    ----------
    below, above : sequence of (n, 2) float
        Rings of the two slices, neither empty.
    parts : sequence of float
        Places between them, 0 to 1.

    Returns
    -------
    list of list of (n, 2) float64
        For each place its rings, open, hundredths of a pixel.
    """
    ends = [[np.asarray(ring, dtype=np.float64) for ring in rings] for rings in (below, above)]
    centres = [_centre(rings) for rings in ends]
    moved = [[ring - centre for ring in rings] for rings, centre in zip(ends, centres, strict=True)]
    reach = int(np.ceil(max(np.abs(ring).max() for rings in moved for ring in rings))) + 3
    size = 2 * reach * _FINER + 1
    fields = [_signed([(ring + reach) * _FINER for ring in rings], size) for rings in moved]
    found = []
    for part in parts:
        field = (1 - part) * fields[0] + part * fields[1]
        centre = (1 - part) * centres[0] + part * centres[1]
        found.append([line / _FINER - reach + centre for line in _lines(field)])
    return [[np.round(ring, 2) for ring in rings] for rings in found]


def _centre(rings: Sequence[Ring]) -> NDArray[np.float64]:
    """Return the centroid of the area inside."""
    corner = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0)) - 1
    size = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)) - corner + 2
    mask = inside([ring - corner for ring in rings], (int(size[1]), int(size[0])))
    if not mask.any():
        return np.asarray(np.mean(np.concatenate(list(rings)), axis=0))
    row, column = ndimage.center_of_mass(mask)
    return np.array([column, row], dtype=np.float64) + corner


def _signed(rings: Sequence[Ring], size: int) -> NDArray[np.float64]:
    """Return the distance to the outline, positive inside, fine pixels."""
    mask = inside(rings, (size, size))
    within = ndimage.distance_transform_edt(mask)
    without = ndimage.distance_transform_edt(~mask)
    # The outline runs half a pixel from the last centre on either side.
    return np.asarray(np.where(mask, within - 0.5, 0.5 - without))


def _lines(field: NDArray[np.float64]) -> list[Ring]:
    lines = find_contours(field, 0.0, fully_connected="high")
    thin = [approximate_polygon(line, TOLERANCE_PIXELS * _FINER)[:-1, ::-1] for line in lines]
    return [np.asarray(line, dtype=np.float64) for line in thin if len(line) > 2]


def rings_of(lines: Sequence[Any]) -> list[Ring]:
    """Return rings from their JSON form, a list of lists of [column, row]."""
    return [np.asarray(line, dtype=np.float64).reshape(-1, 2) for line in lines]
