"""One frame of a stored image as drawings are measured on it: its scale, its values. No IO.

The modality values are those that the page shows (PS3.3 C.11.1): stored values by the modality
lookup table or the frame's own rescale, never turned round for MONOCHROME1, never clipped.
"""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.dicom.facts import FramePlane, ImageFacts, number, numbers, raw
from core.dicom.input_errors import ColourError, PixelDescriptionError
from core.dicom.pixels import pixel_shape, stored_frames
from core.imaging.drawn import Pixels, Scale
from core.imaging.input_errors import FramesError
from core.imaging.reading import padding_of


def scale_of(dataset: Dataset, facts: ImageFacts, frame: int) -> Scale:
    """Return a frame's scale.

    With an orientation in the patient the pixel spacing holds there. A projection's holds there
    only where somebody calibrated it: it says how (0028,0A02), or differs from the detector's own
    spacing (PS3.3 10.7.1.3); everything else is said to be the detector's.

    Parameters
    ----------
    frame : int
        From 1.
    """
    plane = _plane(facts, frame)
    own = _usable(plane.spacing_mm)
    if plane.orientation is not None:
        return Scale(own)
    detector = _usable(numbers(dataset, "ImagerPixelSpacing", 2))
    calibrated = bool(str(raw(dataset, "PixelSpacingCalibrationType") or "").strip())
    differs = own is not None and detector is not None and not np.allclose(own, detector, rtol=1e-3)
    if own is not None and (calibrated or differs):
        return Scale(own)
    known = own or detector
    return Scale(None) if known is None else Scale(known, "detector")


def pixels_of(dataset: Dataset, facts: ImageFacts, frame: int) -> Pixels:
    """Return a frame's modality values.

    Raises
    ------
    ColourError, FramesError, InputError
        If they are colours, there is no such frame, or it cannot be decoded.
    """
    shape = pixel_shape(dataset)
    if shape.samples != 1:
        raise ColourError(photometric=shape.photometric[:16] or "?")
    if not 1 <= frame <= shape.frames:
        raise FramesError(frames=shape.frames)
    stored = next(islice(stored_frames(dataset), frame - 1, None))
    padding = padding_of(dataset, stored, signed=shape.signed)
    values, unit = _values(dataset, stored, _plane(facts, frame).scale, facts.modality)
    there = np.isfinite(values) if padding is None else np.isfinite(values) & ~padding
    return Pixels(values, there, unit)


def _plane(facts: ImageFacts, frame: int) -> FramePlane:
    if facts.planes:
        return facts.planes[min(frame, len(facts.planes)) - 1]
    return FramePlane(facts.position_mm, facts.orientation, facts.spacing_mm, None)


def _usable(spacing: tuple[float, ...] | None) -> tuple[float, float] | None:
    if spacing is None or len(spacing) != 2 or min(spacing) <= 0:
        return None
    return spacing[0], spacing[1]


def _values(
    dataset: Dataset, stored: NDArray[Any], scale: tuple[float, float] | None, modality: str
) -> tuple[NDArray[np.float64], Literal["HU", ""]]:
    if scale is None and "ModalityLUTSequence" in dataset:
        return _looked_up(dataset, stored), ""
    slope, intercept = scale or (
        number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    )  # fmt: skip
    values = stored.astype(np.float64)
    if slope is None or intercept is None or slope == 0:
        return values, ""
    kind = str(raw(dataset, "RescaleType") or "HU").strip().upper()
    return values * slope + intercept, "HU" if modality == "CT" and kind == "HU" else ""


def _looked_up(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.float64]:
    from pydicom.pixels.processing import apply_modality_lut

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
        except Exception as error:  # third-party code on hostile elements
            raise PixelDescriptionError(element="ModalityLUTSequence") from error
