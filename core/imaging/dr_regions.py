"""Regions of the heat map: where the classifier looked, named by lung zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox
from core.imaging.dr_metrics import lung_box

_LEVEL = 0.5
_SMALLEST_SHARE = 0.004
#: A lesion at the pleura may bite into the field: bites up to this share of the lungs' width.
_BITE = 0.06
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Region:
    """One connected place of the heat map above one half.

    Attributes
    ----------
    box_px : (4,) int
        top, left, bottom, right in image pixels; bottom and right exclusive.
    peak_px : (2,) int
        Row and column of the strongest place.
    strength : float
        Heat at the peak, 0...1.
    share : float
        Of the lungs' box that the region covers.
    zone : str
        ``right_upper_zone`` … ``left_lower_zone``: patient's side, thirds of the lungs' height.
    """

    box_px: tuple[int, int, int, int]
    peak_px: tuple[int, int]
    strength: float
    share: float
    zone: str


def regions_of(
    heat_map: NDArray[np.float32], chest: ChestBox, fields: NDArray[np.uint8] | None = None
) -> tuple[Region, ...]:
    """Return the regions of a (row, column) heat map, the strongest first.

    Parameters
    ----------
    fields : (row, column) uint8 or None
        The lung fields, bites in their outline filled: a region lies in them. None, or none found,
        for no limit.
    """
    lungs = lung_box(chest)
    hot = heat_map >= _LEVEL
    if fields is not None and fields.any():
        hot &= filled(fields, _BITE * lungs.width)
    labels, count = ndi.label(hot)
    whole = max(lungs.height * lungs.width, 1.0)
    found = []
    for number, place in enumerate(ndi.find_objects(labels), start=1):
        if number > count or place is None:
            continue
        mask = labels[place] == number
        share = float(mask.sum()) / whole
        if share < _SMALLEST_SHARE:
            continue
        part = np.where(mask, heat_map[place], 0.0)
        row, column = np.unravel_index(int(part.argmax()), part.shape)
        peak = (int(row) + place[0].start, int(column) + place[1].start)
        box = (place[0].start, place[1].start, place[0].stop, place[1].stop)
        zone = zone_of(peak, chest)
        found.append(Region(box, peak, float(part.max()), share, zone))
    return tuple(sorted(found, key=lambda region: -region.strength))


def filled(fields: NDArray[np.uint8], bite_px: float) -> NDArray[np.bool_]:
    """Return each (row, column) lung field with holes, and bites up to `bite_px` wide, filled.

    Worked out on a grid of at most 512; an image's own pixels of lung stay lung.
    """
    step = max(1, max(fields.shape) // _LONGEST)
    small = fields[::step, ::step]
    reach = max(1, round(bite_px / 2 / step))
    whole = np.zeros(small.shape, bool)
    for side in (1, 2):
        # By distance, twice: a closing with a disc, whatever its size.
        padded = np.pad(small == side, reach + 1)
        grown = ndi.distance_transform_edt(~padded) <= reach
        closed = ndi.distance_transform_edt(grown) > reach
        part = slice(reach + 1, -reach - 1)
        whole |= ndi.binary_fill_holes(closed)[part, part]
    large = np.repeat(np.repeat(whole, step, 0), step, 1)[: fields.shape[0], : fields.shape[1]]
    return large | (fields > 0)


def zone_of(place_px: tuple[int, int], chest: ChestBox) -> str:
    """Return the lung zone of an image position; right is on the image left."""
    lungs = lung_box(chest)
    height = (place_px[0] - lungs.top) / max(lungs.height, 1.0)
    side = "right" if place_px[1] < (lungs.left + lungs.right) / 2 else "left"
    level = "upper" if height < 1 / 3 else "middle" if height < 2 / 3 else "lower"
    return f"{side}_{level}_zone"
