"""How much of each lung zone is affected, and the Timika score. Pure.

Timika (Ralph et al., Thorax 2010;65:863): per cent of the lung fields affected by any disease, plus
40 where there is a cavity; 0...140. It was derived in smear-positive adults in Timika, Papua, read
by physicians; here a network marks the area. Whether a cavity is real, a radiograph alone does not
settle: it is "suspected" at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_chest import ChestBox

Cavity = Literal["suspected", "not_suspected"]
ZONES = tuple(
    f"{side}_{level}_zone" for side in ("right", "left") for level in ("upper", "middle", "lower")
)
CAVITY_POINTS = 40.0
#: Fewer lung pixels than this share of a lung's third are no zone to speak of.
_LEAST_PIXELS = 16


@dataclass(frozen=True, slots=True)
class Involvement:
    """What the marked area amounts to.

    Attributes
    ----------
    zone_percent : dict
        Per cent of each lung zone that is affected, by zone; a zone without lung is left out.
    affected_percent : float
        Of both lung fields together.
    cavity : {"suspected", "not_suspected"}
    cavity_share : float
        The strongest cavity mark inside the lungs, 0...1.
    cavity_zone : str
        Where that is; "" where none is suspected.
    """

    zone_percent: dict[str, float]
    affected_percent: float
    cavity: Cavity
    cavity_share: float
    cavity_zone: str = ""

    @property
    def timika(self) -> float:
        """Return the Timika score, 0...140."""
        return self.affected_percent + (CAVITY_POINTS if self.cavity == "suspected" else 0.0)


@dataclass(frozen=True, slots=True)
class MarkLevels:
    """At which share a place counts; stated by the bundle that marks."""

    affected: float
    cavity: float


def zones_of(lungs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the zone of each pixel, 1...6 in the order of :data:`ZONES`, 0 outside.

    Parameters
    ----------
    lungs : (row, column) uint8 ndarray
        1 patient's right lung, 2 left lung. Each lung is cut in thirds of its own height.
    """
    zones = np.zeros(lungs.shape, np.uint8)
    for side in (1, 2):
        rows = np.flatnonzero((lungs == side).any(1))
        if not len(rows):
            continue
        cuts = np.linspace(rows[0], rows[-1] + 1, 4)
        level = np.clip(np.searchsorted(cuts, np.arange(len(lungs)), side="right"), 1, 3)
        zones[lungs == side] = (level + 3 * (side - 1))[np.nonzero(lungs == side)[0]]
    return zones


def involvement_of(
    marks: NDArray[np.float32], box: ChestBox, lungs: NDArray[np.uint8], levels: MarkLevels
) -> Involvement:
    """Measure the marks of a network on the lung fields of its image.

    Parameters
    ----------
    marks : (3, row, column) float32
        Share of each place of `box` that is affected, cavity, effusion.
    box : ChestBox
        The part of the image that the network saw, image pixels.
    lungs : (row, column) uint8
        Of the image: 1 patient's right, 2 left.
    """
    side = marks.shape[1:]
    small = lungs_in(lungs, box, (4 * side[0], 4 * side[1]))
    laid = [resize(m, small.shape, order=1, preserve_range=True) for m in marks]
    zones = zones_of(small)
    # A peak of one place is noise; an effusion covers lung as an opacity does.
    affected = np.maximum(laid[0], laid[2]) >= levels.affected
    percent = {
        name: 100.0 * float(affected[zones == number].mean())
        for number, name in enumerate(ZONES, start=1)
        if int((zones == number).sum()) >= _LEAST_PIXELS
    }
    inside = zones > 0
    whole = 100.0 * float(affected[inside].mean()) if inside.any() else 0.0
    cavity = np.where(inside, ndi.gaussian_filter(laid[1], 1.0), 0.0)
    peak = float(cavity.max())
    suspected = peak >= levels.cavity and inside.any()
    zone = ZONES[int(zones.ravel()[int(cavity.argmax())]) - 1] if suspected else ""
    return Involvement(percent, whole, "suspected" if suspected else "not_suspected", peak, zone)


def lungs_in(lungs: NDArray[np.uint8], box: ChestBox, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the lung fields on a grid of `shape` over the box; nothing beyond the image."""
    rows = np.floor(box.top + (np.arange(shape[0]) + 0.5) * box.height / shape[0]).astype(int)
    columns = np.floor(box.left + (np.arange(shape[1]) + 0.5) * box.width / shape[1]).astype(int)
    within = ((rows >= 0) & (rows < lungs.shape[0]))[:, None] & (
        (columns >= 0) & (columns < lungs.shape[1])
    )
    picked = lungs[
        np.clip(rows, 0, lungs.shape[0] - 1)[:, None], np.clip(columns, 0, lungs.shape[1] - 1)
    ]
    laid: NDArray[np.uint8] = np.where(within, picked, 0).astype(np.uint8)
    return laid
