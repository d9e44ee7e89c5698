"""Numbers of what a person drew on one image: lengths, angles, areas, statistics of the pixels.

Points are (column, row) of the original frame, pixel centres at whole numbers. The page shows the
same numbers by the same rules while the hand still moves; those computed here are the ones that
are kept. A pixel belongs to a region when its centre lies inside; padding is no value. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.imaging.redraw import inside

Kind = Literal[
    "length", "angle", "probe", "bidirectional", "ellipse", "rectangle", "contour", "arrow"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
REGIONS: frozenset[Kind] = frozenset({"ellipse", "rectangle", "contour"})
#: Kinds whose numbers need the pixels.
VALUED: frozenset[Kind] = REGIONS | {"probe"}
MOST_POINTS = 4000
#: How many points each kind has, least and most. An angle's vertex is the second; a bidirectional
#: has the ends of the long axis, then of the short one; ellipse and rectangle two opposite corners;
#: an arrow its tip first.
POINTS: Mapping[Kind, tuple[int, int]] = MappingProxyType(
    {
        "length": (2, 2), "angle": (3, 3), "probe": (1, 1), "bidirectional": (4, 4),
        "ellipse": (2, 2), "rectangle": (2, 2), "contour": (3, MOST_POINTS), "arrow": (2, 2),
    }
)  # fmt: skip

Points = Sequence[tuple[float, float]]
Unit = Literal["mm", "mm-detector", "px", "mm2", "mm2-detector", "px2", "deg", "HU", "", "1"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Distances between pixels.

    Attributes
    ----------
    spacing_mm : (2,) float or None
        Between rows, between columns; None where the file has none.
    of : {"patient", "detector"}
        Where these distances hold. A projection magnifies: millimetres on its detector are more
        than in the patient (PS3.3 10.7.1.3).
    """

    spacing_mm: tuple[float, float] | None
    of: Literal["patient", "detector"] = "patient"


@dataclass(frozen=True, slots=True)
class Pixels:
    """One frame's modality values.

    Attributes
    ----------
    values : (row, column) float64
    there : (row, column) bool
        False where the file says that there is no picture (padding).
    unit : {"HU", ""}
    """

    values: NDArray[np.float64]
    there: NDArray[np.bool_]
    unit: Literal["HU", ""] = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A value with its unit; ``px`` where nothing is known of millimetres."""

    value: float
    unit: Unit

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types, four decimals."""
        return {"value": round(self.value, 4), "unit": self.unit}


Numbers = dict[str, Number]


def numbers_of(kind: Kind, points: Points, scale: Scale, pixels: Pixels | None = None) -> Numbers:
    """Return a drawing's numbers by name.

    Parameters
    ----------
    kind : Kind
    points : sequence of (column, row)
        As many as :data:`POINTS` wants.
    scale : Scale
    pixels : Pixels or None
        None where they cannot be read: the statistics are missing then, not zero.

    Returns
    -------
    dict
        length: ``length``; angle: ``angle``; bidirectional: ``long_axis``, ``short_axis``; regions:
        ``area`` and, where a pixel's centre lies inside, ``mean``, ``sd`` (of these pixels, not of
        a sample: divided by their number), ``min``, ``max``, ``count``; probe: ``value``; an arrow
        has none.
    """
    if kind == "length":
        return {"length": _length(points, scale)}
    if kind == "angle":
        return {"angle": Number(_angle_deg(points, scale), "deg")}
    if kind == "bidirectional":
        return {
            "long_axis": _length(points[:2], scale), "short_axis": _length(points[2:4], scale)
        }  # fmt: skip
    if kind == "probe":
        return {} if pixels is None else _probe(points[0], pixels)
    if kind in REGIONS:
        area = {"area": _area(kind, points, scale)}
        return area if pixels is None else area | _statistics(kind, points, pixels)
    return {}


def _length(ends: Points, scale: Scale) -> Number:
    (ax, ay), (bx, by) = ends
    down, right = scale.spacing_mm or (1.0, 1.0)
    value = math.hypot((bx - ax) * right, (by - ay) * down)
    if scale.spacing_mm is None:
        return Number(value, "px")
    return Number(value, "mm" if scale.of == "patient" else "mm-detector")


def _angle_deg(points: Points, scale: Scale) -> float:
    """Return the angle at the second point, measured in mm: oblong pixels do not bend it."""
    (ax, ay), (vx, vy), (cx, cy) = points
    down, right = scale.spacing_mm or (1.0, 1.0)
    ux, uy = (ax - vx) * right, (ay - vy) * down
    wx, wy = (cx - vx) * right, (cy - vy) * down
    return math.degrees(math.atan2(abs(ux * wy - uy * wx), ux * wx + uy * wy))


def _area(kind: Kind, points: Points, scale: Scale) -> Number:
    if kind == "contour":
        ring = np.asarray(points, dtype=np.float64)
        following = np.roll(ring, -1, axis=0)
        crossed = ring[:, 0] * following[:, 1] - following[:, 0] * ring[:, 1]
        area = abs(float(crossed.sum())) / 2
    else:
        (ax, ay), (bx, by) = points
        area = abs((bx - ax) * (by - ay)) * (math.pi / 4 if kind == "ellipse" else 1.0)
    if scale.spacing_mm is None:
        return Number(area, "px2")
    area *= scale.spacing_mm[0] * scale.spacing_mm[1]
    return Number(area, "mm2" if scale.of == "patient" else "mm2-detector")


def region_mask(kind: Kind, points: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels' centres lie in a region: the border of a box or an ellipse is inside."""
    if kind == "contour":
        return np.asarray(inside([np.asarray(points, dtype=np.float64)], shape), dtype=np.bool_)
    (ax, ay), (bx, by) = points
    row, column = np.ogrid[: shape[0], : shape[1]]
    left, right, top, bottom = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
    if kind == "rectangle":
        found = (column >= left) & (column <= right) & (row >= top) & (row <= bottom)
        return np.asarray(found, dtype=np.bool_)
    wide, high = (right - left) / 2, (bottom - top) / 2
    if wide <= 0 or high <= 0:
        return np.zeros(shape, dtype=np.bool_)
    away = ((column - left - wide) / wide) ** 2 + ((row - top - high) / high) ** 2
    return np.asarray(away <= 1, dtype=np.bool_)


_STATISTICS: tuple[tuple[str, Callable[[NDArray[np.float64]], Any]], ...] = (
    ("mean", np.mean), ("sd", np.std), ("min", np.min), ("max", np.max),
)  # fmt: skip


def _statistics(kind: Kind, points: Points, pixels: Pixels) -> Numbers:
    rows, columns = pixels.values.shape
    found = pixels.values[region_mask(kind, points, (rows, columns)) & pixels.there]
    if not found.size:
        return {}
    numbers = {name: Number(float(of(found)), pixels.unit) for name, of in _STATISTICS}
    return numbers | {"count": Number(float(found.size), "1")}


def _probe(point: tuple[float, float], pixels: Pixels) -> Numbers:
    # Half up, as the page rounds; Python's own would take 2.5 to 2.
    column, row = (math.floor(part + 0.5) for part in point)
    rows, columns = pixels.values.shape
    if not (0 <= row < rows and 0 <= column < columns) or not pixels.there[row, column]:
        return {}
    return {"value": Number(float(pixels.values[row, column]), pixels.unit)}
