"""Where a lesion lies among named structures: lobe, segment, pleura, vessel, bronchus.

Distances are from the lesion's edge, taken as its centre's distance less its radius (the ball of
its volume), never below zero; to the pleura it is the nearest of its own voxels. What the anatomy
did not find is coded ``not_determined``, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.anatomy import FAR_MM, Anatomy, Nearby
from core.imaging.ct_grid import Grid
from core.imaging.lobes import LOBES
from core.imaging.location import OUTSIDE
from core.imaging.result import Lesion

NOT_DETERMINED = "not_determined"
MOST_POINTS = 3000
PLACE_CODES = ("lobe", "segment", "vessel", "bronchus")


@dataclass(frozen=True, slots=True)
class LobeShare:
    """How much of a lesion lies in each lobe (0 to 1), by lobe code; what lies in none is left."""

    lesion: int
    shares: dict[str, float]


def place_lesions(
    lesions: Sequence[Lesion],
    labels: NDArray[np.unsignedinteger[Any]],
    coarse: Grid,
    anatomy: Anatomy,
) -> tuple[tuple[Lesion, ...], tuple[LobeShare, ...]]:
    """Return the lesions with their place among structures, and their shares in the lobes.

    Parameters
    ----------
    lesions : sequence of Lesion
    labels : (up, back, left) unsigned integer
        Label map at full resolution.
    coarse : Grid
        The whole view's grid that ``anatomy`` is on.
    anatomy : Anatomy
    """
    if not lesions:
        return (), ()
    boxes = ndimage.find_objects(labels)
    points = [_points(labels, lesion.id, boxes[lesion.id - 1], coarse) for lesion in lesions]
    centres = np.array([part.mean(axis=0) for part in points])
    depth = anatomy.pleura_mm()
    placed, shares = [], []
    for lesion, part, near in zip(lesions, points, anatomy.nearest(centres), strict=True):
        whole = tuple(np.clip(np.rint(part), 0, np.array(depth.shape) - 1).astype(np.intp).T)
        lobes = np.bincount(anatomy.lobes[whole], minlength=len(LOBES) + 1)
        found = {name: float(lobes[k]) / len(part) for k, name in LOBES.items() if lobes[k]}
        pleura = max(0.0, float(depth[whole].min()) - float(np.mean(coarse.spacing_mm)) / 2)
        placed.append(_described(lesion, near, found, pleura))
        shares.append(LobeShare(lesion.id, found))
    return tuple(placed), tuple(shares)


def _points(
    labels: NDArray[np.unsignedinteger[Any]],
    number: int,
    box: tuple[slice, slice, slice],
    coarse: Grid,
) -> NDArray[np.float64]:
    """Return some of a lesion's voxels as fractional indices of the coarse grid."""
    at = np.argwhere(labels[box] == number) + [part.start for part in box]
    at = at[:: max(1, len(at) // MOST_POINTS)]
    fine = np.array([part.stop - part.start for part in coarse.box], dtype=np.float64)
    start = np.array([part.start for part in coarse.box], dtype=np.float64)
    return np.asarray((at - start + 0.5) * np.array(coarse.voxels.shape) / fine - 0.5)


def _described(lesion: Lesion, near: Nearby, lobes: dict[str, float], pleura_mm: float) -> Lesion:
    if lesion.kind in OUTSIDE:
        return lesion  # in the pleural space or the mediastinum: no lobe, no distance
    radius = float((3000.0 * max(lesion.volume_ml, 0.0) / (4 * np.pi)) ** (1 / 3))
    most = max(lobes, key=lambda name: lobes[name]) if lobes else near.lobe
    codes = {
        "lobe": most or NOT_DETERMINED,
        "segment": (near.segment if near.lobe == most else "") or NOT_DETERMINED,
        "vessel": near.vessel or NOT_DETERMINED,
        "bronchus": near.bronchus or NOT_DETERMINED,
    }
    extra = {"pleura_distance_mm": pleura_mm}
    if near.vessel and near.vessel_mm < FAR_MM:
        extra["vessel_distance_mm"] = max(0.0, near.vessel_mm - radius)
    if near.bronchus and near.bronchus_mm < FAR_MM:
        extra["bronchus_distance_mm"] = max(0.0, near.bronchus_mm - radius)
    return replace(lesion, extra=lesion.extra | extra, codes=lesion.codes | codes)
