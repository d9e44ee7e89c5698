"""Measure outlined lesions: the numbers of a label map on its volume, whoever drew it.

The AI's label map and a physician's corrected one go through the same function, so that a number
never depends on who drew the outline. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_errors import CtShapeError
from core.imaging.ct_grid import PatientView, patient_view
from core.imaging.measure_lesion import box_with_margin, measure_lesion
from core.imaging.result import Lesion
from core.imaging.volume import Volume


def remeasure(
    volume: Volume, label_map: NDArray[np.unsignedinteger[Any]], lesions: Sequence[Lesion]
) -> tuple[Lesion, ...]:
    """Return the lesions with size, place, form and density as the label map says.

    Parameters
    ----------
    volume : Volume
        Hounsfield units.
    label_map : (slice, row, column) unsigned integer
        Voxel value = ``Lesion.id``, same grid as the volume.
    lesions : sequence of Lesion
        Kind, location, probability and numbers of other sources are kept; a lesion without a
        voxel is left out (it was deleted).

    Raises
    ------
    CtShapeError
        If the label map is not on the volume's grid.
    """
    if label_map.shape != volume.voxels.shape:
        raise CtShapeError(shape="x".join(str(n) for n in label_map.shape))
    labels = patient_view(replace(volume, voxels=label_map)).voxels
    return measure_outlined(volume, patient_view(volume), labels, lesions)


def measure_outlined(
    volume: Volume,
    view: PatientView,
    labels: NDArray[np.unsignedinteger[Any]],
    lesions: Sequence[Lesion],
) -> tuple[Lesion, ...]:
    """Return the lesions measured on a label map in patient order (up, back, left)."""
    boxes = ndimage.find_objects(labels)
    out = []
    for lesion in lesions:
        box = boxes[lesion.id - 1] if 0 < lesion.id <= len(boxes) else None
        if box is not None:
            out.append(_measured(volume, view, labels, lesion, box))
    return tuple(out)


def _measured(
    volume: Volume,
    view: PatientView,
    labels: NDArray[np.unsignedinteger[Any]],
    lesion: Lesion,
    tight: tuple[slice, slice, slice],
) -> Lesion:
    box = box_with_margin(tight, labels.shape, view.spacing_mm)
    part = labels[box]
    mask = np.asarray(part == lesion.id)
    taken = np.asarray((part > 0) & ~mask)
    found = measure_lesion(view.voxels[box], mask, taken, view.spacing_mm, lesion.kind)
    index = found.index + np.array([side.start for side in box], dtype=np.float64)
    place = volume.to_lps(view.source_index(index))
    return replace(
        lesion,
        centroid_mm=(float(place[0]), float(place[1]), float(place[2])),
        volume_ml=found.volume_ml,
        long_axis_mm=found.axes.long_mm,
        short_axis_mm=found.axes.short_mm,
        mean_hu=found.mean_hu,
        extra=lesion.extra | found.extra,
        intervals=lesion.intervals | found.intervals,
        codes=lesion.codes | found.codes,
    )
