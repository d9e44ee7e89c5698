"""The masks of a DICOM segmentation, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset


def frames_of(seg: Dataset) -> dict[tuple[int, str], NDArray[np.bool_]]:
    """Return the mask of each frame by segment number and UID of its source image."""
    pixels = seg.pixel_array
    frames = pixels if pixels.ndim == 3 else pixels[None]
    found = {}
    for frame, item in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        found[int(number), str(source)] = frame == 1
    return found
