"""Lung fields of a frontal radiograph: by the network where one is given, else by the template.

The field is what a reader would outline: aerated or diseased lung that neither the heart nor the
domes of the diaphragm hide. Pure; the engine is a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.imaging.dr_chest import ChestBox, ChestFit, fit_chest
from core.imaging.dr_lungs_network import LungNetwork, NetworkAnswer, ask, certainty, tidied
from core.imaging.dr_lungs_template import frame_box, template_fields, template_overlap
from core.models.errors import EngineClosed, EngineFailed, EngineOutputInvalid

RIGHT, LEFT = 1, 2
#: The template's answer is never surer than this: it follows no unusual lung.
_TEMPLATE_CEILING = 0.6


@dataclass(frozen=True, slots=True)
class LungFields:
    """The two lung fields.

    Attributes
    ----------
    mask : (row, column) uint8 ndarray
        1 patient's right lung (image left), 2 left lung, 0 neither.
    confidence : float
        0...1; the template alone never gives more than 0.6.
    method : {"network", "template"}
    answer : NetworkAnswer or None
        What else the network said: kind of view, turn of the patient.
    """

    mask: NDArray[np.uint8]
    confidence: float
    method: Literal["network", "template"] = "template"
    answer: NetworkAnswer | None = None


def lung_fields(
    pixels: NDArray[np.float32],
    chest: ChestFit | None = None,
    network: LungNetwork | None = None,
) -> LungFields:
    """Find the lung fields; a network that fails is replaced by the template, less sure.

    Parameters
    ----------
    pixels : (row, column) float32 ndarray
        Dense anatomy high.
    chest : ChestFit or None
        The template match where it has been made already.
    network : LungNetwork or None
        None for the template alone.

    Raises
    ------
    BundleNotForRadiographs
        The network's bundle asks for steps that are not known here.
    """
    if network is not None:
        try:
            return fields_of_network(ask(pixels, network), pixels.shape)
        except (EngineFailed, EngineClosed, EngineOutputInvalid):
            # Lowered confidence and the method's name say that the network did not answer.
            pass
    return fields_of_template(pixels, chest or fit_chest(pixels))


def fields_of_network(answer: NetworkAnswer, shape: tuple[int, ...]) -> LungFields:
    """Return the fields that the network gives."""
    shares = np.stack([tidied(share) for share in answer.shares])
    mask = laid_out(shares, answer.box, shape)
    return LungFields(mask, certainty(answer.shares), "network", answer)


def fields_of_template(pixels: NDArray[np.float32], chest: ChestFit) -> LungFields:
    """Return the fields that the template gives, refined on the image."""
    shares = template_fields(pixels, chest.box)
    overlap = template_overlap(shares)
    fit = float(np.clip((chest.score - 0.35) / 0.5, 0.0, 1.0))
    mask = laid_out(shares, frame_box(chest.box), pixels.shape)
    confidence = _TEMPLATE_CEILING * fit * float(np.clip((overlap - 0.4) / 0.45, 0.0, 1.0))
    return LungFields(mask, confidence if mask.any() else 0.0)


def laid_out(
    shares: NDArray[np.float32], box: ChestBox, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Lay (2, row, column) shares of the two lungs, found in `box`, on an image of `shape`.

    The contour is interpolated at the image's own resolution (bilinear, at one half).
    """
    mask = np.zeros(shape, np.uint8)
    side = shares.shape[1:]
    top, left = max(0, int(np.floor(box.top))), max(0, int(np.floor(box.left)))
    bottom, right = min(shape[0], int(np.ceil(box.bottom))), min(shape[1], int(np.ceil(box.right)))
    if bottom <= top or right <= left:
        return mask
    rows = (np.arange(top, bottom) + 0.5 - box.top) * side[0] / box.height - 0.5
    columns = (np.arange(left, right) + 0.5 - box.left) * side[1] / box.width - 0.5
    part = mask[top:bottom, left:right]
    for label, share in ((RIGHT, shares[0]), (LEFT, shares[1])):
        # Only where this lung is: a detector's whole picture has ten million pixels.
        down, across = _reached(share.max(1), rows), _reached(share.max(0), columns)
        found = _enlarged(share, rows[down], columns[across]) >= 0.5
        part[down, across][found] = label
    return mask


def _reached(most: NDArray[np.float32], places: NDArray[np.float64]) -> slice:
    """Return the part of the (ascending) places that lies within one step of a share of a half."""
    there = np.flatnonzero(most >= 0.5)
    if not len(there):
        return slice(0, 0)
    ends = np.searchsorted(places, (there[0] - 1.0, there[-1] + 1.0))
    return slice(int(ends[0]), int(ends[1]) + 1)


def _enlarged(
    share: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Separable bilinear interpolation; far faster than a general resampling."""
    across = _interpolated(share, np.clip(rows, 0, share.shape[0] - 1))
    found: NDArray[np.float32] = _interpolated(
        np.ascontiguousarray(across.T), np.clip(columns, 0, share.shape[1] - 1)
    ).T
    return found


def _interpolated(lines: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    low = np.minimum(np.floor(places).astype(np.intp), len(lines) - 2)
    share = (places - low).astype(np.float32)[:, None]
    found: NDArray[np.float32] = lines[low] * (1.0 - share) + lines[low + 1] * share
    return found
