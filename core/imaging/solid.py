"""A small map of what was found in a CT, for three-dimensional pictures. Pure; axis order
(slice, row, column).

The page shows lungs, airways and lesions in three dimensions on PCs with little memory, so that
full resolution is of no use: blocks of voxels become one. What is small is not lost: a block that
holds a lesion is that lesion; the rest goes by majority. Not for measuring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.imaging.lungs import AIRWAYS, LEFT, RIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Voxels along the longest side of the small map.
LONGEST: Final = 192
#: Labels of the small map: 0 nothing, the lungs' own, then one for all lesions.
LESION: Final = 4
NAMES: Final = {"right_lung": RIGHT, "left_lung": LEFT, "airways": AIRWAYS, "lesions": LESION}


@dataclass(frozen=True, slots=True)
class SolidMap:
    """Labels of blocks of voxels.

    Attributes
    ----------
    labels : (slice, row, column) uint8
    block : (slices, rows, columns) of one block
    """

    labels: NDArray[np.uint8]
    block: tuple[int, int, int]


def solid_map(
    lungs: NDArray[np.integer[Any]] | None,
    lesions: NDArray[np.integer[Any]] | None,
    longest: int = LONGEST,
) -> SolidMap:
    """Return the small map of lungs, airways and lesions; either may be missing, not both.

    Parameters
    ----------
    lungs : (slice, row, column) or None
        1 right, 2 left, 3 airways.
    lesions : (slice, row, column) or None
        0 none, else a lesion's number.

    Raises
    ------
    ValueError
        If both are missing or their shapes differ.
    """
    model = lungs if lungs is not None else lesions
    if model is None or (lesions is not None and lesions.shape != model.shape):
        raise ValueError("no label map, or two of different shapes")
    block = tuple(max(1, -(-side // longest)) for side in model.shape)
    steps = (block[0], block[1], block[2])
    out = np.zeros([-(-side // step) for side, step in zip(model.shape, steps, strict=True)], "u1")
    half = steps[0] * steps[1] * steps[2] / 2
    if lungs is not None:
        for label in (RIGHT, LEFT, AIRWAYS):
            # Airways are thin: a quarter of a block is enough to keep a bronchus in one piece.
            least = half / 2 if label == AIRWAYS else half
            out[_count(lungs == label, steps) >= least] = label
    if lesions is not None:
        out[_count(lesions > 0, steps) > 0] = LESION
    return SolidMap(out, steps)


def _count(held: NDArray[np.bool_], steps: tuple[int, int, int]) -> NDArray[np.int32]:
    """Return how many voxels of each block are held; blocks at the far edges may be cut."""
    out = held.astype(np.int32)
    for axis, step in enumerate(steps):
        out = np.add.reduceat(out, np.arange(0, out.shape[axis], step), axis=axis)
    return out
