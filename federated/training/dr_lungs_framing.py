"""Where a training picture is bent to and cut: known shares of the lungs beyond each edge. Pure.

Coordinates are pixels of the kept sample (256 x 256) for sources, and of the bent picture, which is
as large and may reach beyond it, for places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from federated.training.dr_lungs_samples import Window

Places = NDArray[np.float64]
Axis = NDArray[np.floating[Any]]
_LATTICE = 5
# Shares of the lungs' height or width that are cut off; negative leaves a narrow margin.
_CUT = (-0.08, 0.32)
_LEAST_WINDOW = 60.0
# Beyond these a share is no better known by being larger.
_SHARES = (-0.30, 0.50)


@dataclass(frozen=True)
class Warp:
    """Turn, stretch, shift and bend: from a place in the bent picture to its source.

    Attributes
    ----------
    matrix : (2, 2) float64
    shift : (2,) float64
        Pixels.
    bend : (2, 5, 5) float64
        Pixels, on a lattice over the picture.
    side : int
        Of the picture.
    """

    matrix: Places
    shift: Places
    bend: Places
    side: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, side: int) -> Warp:
        """Draw one: a few degrees, a sixth in size, lungs shorter or taller, small bends."""
        angle = np.deg2rad(rng.normal(0, 5.0))
        scale = np.exp(rng.normal(0, 0.10)) * np.exp(rng.normal(0, (0.12, 0.07)))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        bend = rng.normal(0, 1, (2, _LATTICE, _LATTICE)) * rng.uniform(0, 0.02) * side
        return cls(turn / scale[:, None], rng.normal(0, 0.03, 2) * side, bend, side)

    def sources(self, rows: Axis, columns: Axis) -> Places:
        """Return (2, row, column) sources of a grid of places."""
        middle = (self.side - 1) / 2
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij"))
        where = np.tensordot(self.matrix, grid - middle, 1) + middle + self.shift[:, None, None]
        step = self.side / _LATTICE
        lattice = np.clip((grid + 0.5) / step - 0.5, 0, _LATTICE - 1)
        bent = [ndi.map_coordinates(one, lattice, order=1, mode="nearest") for one in self.bend]
        return np.asarray(where + np.stack(bent))


def extent_of(field: NDArray[np.uint8], warp: Warp) -> Window | None:
    """Return top, left, bottom, right of the lungs in the bent picture, wherever they come to lie.

    None where there are none.
    """
    places = np.arange(-0.3 * warp.side, 1.3 * warp.side, 2.0)
    where = np.rint(warp.sources(places, places)).astype(int)
    inside = ((where >= 0) & (where < warp.side)).all(0)
    rows, columns = np.clip(where, 0, warp.side - 1)
    lungs = (field[rows, columns] > 0) & inside
    if not lungs.any():
        return None
    down, across = (places[np.flatnonzero(lungs.any(axis))] for axis in (1, 0))
    return float(down[0]), float(across[0]), float(down[-1] + 2), float(across[-1] + 2)


def framed_window(window: Window, extent: Window | None, rng: np.random.Generator) -> Window:
    """Return what of the bent picture is shown: about all of it, or cut off at some edges."""
    top, left, bottom, right = (side + rng.normal(0, 8.0) for side in window)
    if extent is not None and rng.random() < 0.5:
        height, width = extent[2] - extent[0], extent[3] - extent[1]
        cut = rng.random(4) < 0.35
        cut[rng.integers(4)] = True
        share = rng.uniform(*_CUT, 4)
        top = extent[0] + share[0] * height if cut[0] else min(top, extent[0])
        left = extent[1] + share[1] * width if cut[1] else min(left, extent[1])
        bottom = extent[2] - share[2] * height if cut[2] else max(bottom, extent[2])
        right = extent[3] - share[3] * width if cut[3] else max(right, extent[3])
    bottom, right = max(bottom, top + _LEAST_WINDOW), max(right, left + _LEAST_WINDOW)
    return float(top), float(left), float(bottom), float(right)


def missing_shares(
    field: NDArray[np.uint8], picture: Window, extent: Window, shown: Window
) -> NDArray[np.float32]:
    """Return the share of the lungs beyond each edge: apices, bases, image left, image right.

    Of the lungs' height or width; negative is the free margin. NaN where the sample's own lungs
    already touch that edge of its picture, for nobody knows how much it lacks.
    """
    height, width = extent[2] - extent[0], extent[3] - extent[1]
    shares = np.array(
        [
            (shown[0] - extent[0]) / height,
            (extent[2] - shown[2]) / height,
            (shown[1] - extent[1]) / width,
            (extent[3] - shown[3]) / width,
        ]
    )
    down, across = (np.flatnonzero((field > 0).any(axis)) for axis in (1, 0))
    touching = np.array(
        [
            down[0] <= picture[0] + 1,
            down[-1] >= picture[2] - 2,
            across[0] <= picture[1] + 1,
            across[-1] >= picture[3] - 2,
        ]
    )
    shares = np.clip(shares, *_SHARES)
    return np.where(touching & (shares < 0.05), np.nan, shares).astype(np.float32)
