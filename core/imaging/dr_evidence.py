"""Where the evidence of a score lies: in the lung fields, or beside them. Pure.

Tuberculosis shows in the lungs. What a classifier credits elsewhere (a marker, the shutter's edge,
a shoulder, the belly) is what learning a shortcut looks like (DeGrave, Janizek, Lee, Nature Machine
Intelligence 2021). It still counts in the score, for it is part of the network; so it is measured
and said, and never drawn as if it were a place of disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox
from core.imaging.dr_zones import lungs_in
from core.imaging.result import Reason

OUTSIDE = "DR_TB_EVIDENCE_OUTSIDE"
#: Above this share a suspicion is doubted (docs/imaging/dr-tb.md: how it was set).
OUTSIDE_LIMIT = 0.25
_GRID = 128
#: A diseased lung's edge is found less exactly, and filters reach beyond a place: share of the box.
_MARGIN = 0.04


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for tuberculosis, place by place.

    Attributes
    ----------
    activation : (row, column) float32 ndarray
        Log odds of each place of `box`; negative speaks against.
    box : ChestBox
        The part of the image that the network saw, image pixels.
    near : (128, 128) bool ndarray or None
        Lungs with a margin on a grid over the box; None where no lung was found.
    outside_share : float or None
        Of all log odds that speak for tuberculosis, the share that lies outside of `near`; None
        where no lung was found or nothing speaks for it.
    """

    activation: NDArray[np.float32]
    box: ChestBox
    near: NDArray[np.bool_] | None
    outside_share: float | None


def evidence_of(
    activation: NDArray[np.float32], box: ChestBox, lungs: NDArray[np.uint8]
) -> Evidence:
    """Hold a network's activation map against the lung fields of its image.

    Parameters
    ----------
    activation : (row, column) float32
        Log odds of each place of `box`.
    lungs : (row, column) uint8
        Of the image: 1 patient's right, 2 left.
    """
    inside = lungs_in(lungs, box, (_GRID, _GRID)) > 0
    if not inside.any():
        return Evidence(activation, box, None, None)
    near = ndi.distance_transform_edt(~inside) <= _MARGIN * _GRID
    return Evidence(activation, box, near, _share_outside(activation, near))


def _share_outside(activation: NDArray[np.float32], near: NDArray[np.bool_]) -> float | None:
    speaking = np.clip(activation.astype(np.float64), 0.0, None)
    whole = float(speaking.sum())
    if whole <= 0.0:
        return None
    # A place that the lungs touch counts as lung: only what is clearly beside them is doubted.
    rows, columns = ((np.arange(side) * _GRID // side).astype(np.intp) for side in activation.shape)
    touched = np.maximum.reduceat(np.maximum.reduceat(near, rows, axis=0), columns, axis=1)
    return float(speaking[~touched].sum()) / whole


def reason_of(evidence: Evidence | None, positive: bool) -> Reason | None:
    """Return what a physician must be told of a suspicion; None where there is nothing to tell."""
    share = None if evidence is None else evidence.outside_share
    if share is None or not positive or share <= OUTSIDE_LIMIT:
        return None
    return Reason(
        OUTSIDE,
        "warn",
        f"支持“疑似”的依据有 {share:.0%} 位于肺野之外（上限 {OUTSIDE_LIMIT:.0%}），可能并非病变所致"
        "（标记、遮光器边缘、体外物等）；请以医师阅片为准。",
        f"{share:.0%} of the evidence for “suspected” lies outside the lung fields (limit "
        f"{OUTSIDE_LIMIT:.0%}): it may come from something other than disease (markers, shutter "
        "edges, objects). Rely on a physician's reading.",
        "evidence_outside_lungs_share",
        share,
        OUTSIDE_LIMIT,
    )
