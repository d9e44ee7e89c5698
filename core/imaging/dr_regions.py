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
_MARGIN = 0.04


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
        The lung fields: a region must lie in them or close by. None, or none found, for no limit.
    """
    lungs = lung_box(chest)
    hot = heat_map >= _LEVEL
    if fields is not None and fields.any():
        # A margin, because a diseased lung's edge is found less exactly.
        away = ndi.distance_transform_edt(fields == 0)
        hot &= away <= _MARGIN * lungs.width
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


def zone_of(place_px: tuple[int, int], chest: ChestBox) -> str:
    """Return the lung zone of an image position; right is on the image left."""
    lungs = lung_box(chest)
    height = (place_px[0] - lungs.top) / max(lungs.height, 1.0)
    side = "right" if place_px[1] < (lungs.left + lungs.right) / 2 else "left"
    level = "upper" if height < 1 / 3 else "middle" if height < 2 / 3 else "lower"
    return f"{side}_{level}_zone"
