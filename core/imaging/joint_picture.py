"""Radiograph and CT as two pictures that marks can be drawn upon. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.petct_space import affine_of_grid
from core.imaging.volume import Radiograph, Volume

Grey = NDArray[np.uint8]
_EDGE_MM = 2.0
_RANGE_HU = (-1000.0, 300.0)


@dataclass(frozen=True, eq=False)
class FilmPicture:
    """A radiograph, reduced; marks are in pixels of the whole image of ``rows`` × ``columns``."""

    pixels: Grey
    rows: int
    columns: int

    def as_json(self) -> dict[str, object]:
        """Return the size that marks are in."""
        return {"rows": self.rows, "columns": self.columns}


@dataclass(frozen=True, eq=False)
class CtPicture:
    """The CT seen from the front: mean density along the beam, head up, patient's right on the
    left.

    Attributes
    ----------
    left_mm, top_mm : float
        LPS x of the left edge and z of the upper edge.
    width_mm, height_mm : float
    """

    pixels: Grey
    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float

    def as_json(self) -> dict[str, object]:
        """Return where the picture lies in the patient."""
        return {
            "left_mm": round(self.left_mm, 2), "top_mm": round(self.top_mm, 2),
            "width_mm": round(self.width_mm, 2), "height_mm": round(self.height_mm, 2),
        }  # fmt: skip


def film_picture(radiograph: Radiograph, longest: int = 900) -> FilmPicture:
    """Return a radiograph as a picture of at most ``longest`` pixels, by averaging whole blocks."""
    pixels = np.nan_to_num(radiograph.pixels)
    rows, columns = pixels.shape
    step = max(1, -(-max(rows, columns) // longest))
    down = pixels[: rows - rows % step or rows, : columns - columns % step or columns]
    if step > 1:
        a, b = down.shape[0] // step, down.shape[1] // step
        down = down[: a * step, : b * step].reshape(a, step, b, step).mean(axis=(1, 3))
    low, high = np.percentile(down, (1.0, 99.0))
    level = np.clip((down - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    return FilmPicture(np.rint(255 * level).astype(np.uint8), rows, columns)


def ct_picture(volume: Volume) -> CtPicture:
    """Return the CT seen from the front."""
    view = patient_view(volume)
    grid = cut_grid(view, _EDGE_MM)
    place = affine_of_grid(volume, view, grid)
    seen = np.clip(grid.voxels, *_RANGE_HU).mean(axis=1)[::-1]
    low, high = np.percentile(seen, (2.0, 99.5))
    level = np.clip((seen - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    up, _, left = grid.spacing_mm
    rows, columns = seen.shape
    corner = place[:3, 3]
    return CtPicture(
        np.rint(255 * level).astype(np.uint8),
        left_mm=float(corner[0]) - left / 2,
        top_mm=float(corner[2]) + (rows - 0.5) * up,
        width_mm=columns * left,
        height_mm=rows * up,
    )
