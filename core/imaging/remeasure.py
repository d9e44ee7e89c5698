"""Measure outlined lesions anew: the numbers of a label map on its volume, whoever drew it.

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
from core.imaging.ct_grid import patient_view
from core.imaging.measure import centroid, density_shares, recist_axes
from core.imaging.result import Lesion
from core.imaging.volume import Volume


def remeasure(
    volume: Volume, label_map: NDArray[np.unsignedinteger[Any]], lesions: Sequence[Lesion]
) -> tuple[Lesion, ...]:
    """Return the lesions with size, place and density as the label map says.

    Parameters
    ----------
    volume : Volume
        Hounsfield units.
    label_map : (slice, row, column) unsigned integer
        Voxel value = ``Lesion.id``, same grid as the volume.
    lesions : sequence of Lesion
        Kind, location, probability and further numbers are kept; a lesion without a voxel is
        left out (it was deleted).

    Raises
    ------
    CtShapeError
        If the label map is not on the volume's grid.
    """
    if label_map.shape != volume.voxels.shape:
        raise CtShapeError(shape="x".join(str(n) for n in label_map.shape))
    view = patient_view(volume)
    labels = patient_view(replace(volume, voxels=label_map)).voxels
    boxes = ndimage.find_objects(labels.astype(np.int32, copy=False))
    voxel_ml = float(np.prod(view.spacing_mm)) / 1000.0
    out = []
    for lesion in lesions:
        box = boxes[lesion.id - 1] if 0 < lesion.id <= len(boxes) else None
        if box is None:
            continue
        mask = np.asarray(labels[box] == lesion.id)
        values = np.asarray(view.voxels[box][mask], dtype=np.float32)
        index = centroid(mask) + np.array([part.start for part in box], dtype=np.float64)
        place = volume.to_lps(view.source_index(index))
        axes = recist_axes(mask, view.spacing_mm)
        out.append(
            replace(
                lesion,
                centroid_mm=(float(place[0]), float(place[1]), float(place[2])),
                volume_ml=float(mask.sum() * voxel_ml),
                long_axis_mm=axes.long_mm,
                short_axis_mm=axes.short_mm,
                mean_hu=float(values.mean()),
                extra=lesion.extra | density_shares(values),
            )
        )
    return tuple(out)
