"""Closed outlines of labelled lesions, slice by slice, for drawing over the image.

Coordinates are (column, row) with pixel centres at whole numbers, so the outline of one pixel at
(10, 20) runs half a pixel around (10, 20). Holes are outlines of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

# Dropping points that lie closer than this to the line (pixel) leaves no visible change.
TOLERANCE_PIXELS = 0.15


@dataclass(frozen=True, eq=False)
class Outline:
    """One closed polygon; the last point repeats the first.

    Attributes
    ----------
    lesion_id : int
        Value in the label map.
    points : (n, 2) float32
        (column, row) in pixel-centre coordinates, rounded to 0.1.
    """

    lesion_id: int
    points: NDArray[np.float32]


def outlines_of(label_map: NDArray[Any]) -> dict[int, list[Outline]]:
    """Return the outlines of every label, keyed by slice index.

    ``label_map`` is (slice, row, column), integers, 0 = background. Slices without a lesion have
    no key.
    """
    found: dict[int, list[Outline]] = {}
    for lesion_id, box in enumerate(ndimage.find_objects(label_map), start=1):
        if box is None:
            continue
        part = label_map[box] == lesion_id
        corner = np.array([box[2].start, box[1].start], dtype=np.float64)
        for offset, plane in enumerate(part):
            polygons = _polygons(plane)
            if polygons:
                lines = [_outline(lesion_id, polygon, corner) for polygon in polygons]
                found.setdefault(int(box[0].start) + offset, []).extend(lines)
    return dict(sorted(found.items()))


def _polygons(plane: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return (row, column) polygons; the padding closes lines at the image's edge."""
    if not plane.any():
        return []
    lines = find_contours(np.pad(plane, 1).astype(np.float32), 0.5, fully_connected="high")
    return [approximate_polygon(line, TOLERANCE_PIXELS) - 1.0 for line in lines]


def _outline(lesion_id: int, polygon: NDArray[np.float64], corner: NDArray[np.float64]) -> Outline:
    points = np.round(polygon[:, ::-1] + corner, 1).astype(np.float32)
    return Outline(lesion_id, points)
