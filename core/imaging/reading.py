"""Data sets to a CT volume in Hounsfield units, a PET volume, or a radiograph of known polarity.

Slices come one at a time from ``load``, so that a series never stands in memory twice.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.dicom.facts import (
    FramePlane,
    ImageFacts,
    age_years,
    number,
    numbers,
    raw,
    texts,
    typical,
)
from core.dicom.input_errors import ColourError, PixelDescriptionError
from core.dicom.pixels import PixelLimits, pixel_shape, stored_frames
from core.imaging.geometry import SeriesGeometry, order_slices
from core.imaging.input_errors import (
    FramesError,
    GeometryMissingError,
    MatrixMixedError,
    ScaleMissingError,
    VolumeSizeError,
)
from core.imaging.volume import Radiograph, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

Load = Callable[[int], "Dataset"]

_NOWHERE = (float("nan"),) * 6
# Outside the reconstruction circle makers store -2000, -3024, 63536…: air from here on.
_AIR_HU = -1024
_MEGABYTE = 1_000_000
RADIOGRAPH_KEYWORDS: tuple[str, ...] = (
    "Modality", "BodyPartExamined", "ViewPosition", "PatientOrientation", "ImageLaterality",
    "Laterality", "PresentationIntentType", "PresentationLUTShape", "PhotometricInterpretation",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "BurnedInAnnotation",
    "ConversionType", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod", "KVP", "Exposure", "ExposureInuAs", "ExposureTime",
    "XRayTubeCurrent", "ExposureIndex", "TargetExposureIndex", "DeviationIndex",
    "RelativeXRayExposure", "Sensitivity", "DistanceSourceToDetector", "DistanceSourceToPatient",
    "Grid", "DetectorType", "DetectorConditionsNominalFlag", "QualityControlImage",
    "CollimatorShape", "CollimatorLeftVerticalEdge", "CollimatorRightVerticalEdge",
    "CollimatorUpperHorizontalEdge", "CollimatorLowerHorizontalEdge", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "ImageType", "Manufacturer", "ManufacturerModelName", "StudyDescription",
    "SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription",
    "EstimatedRadiographicMagnificationFactor", "PixelAspectRatio", "SOPClassUID",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice before it is ordered: which instance and frame, where, and its scale to HU."""

    instance: int
    frame: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    scale: tuple[float, float] | None


def read_volume(
    facts: Sequence[ImageFacts], load: Load, limit_bytes: int = 2500 * _MEGABYTE
) -> tuple[Volume, SeriesGeometry]:
    """Return the CT volume of a series, and what its headers say about all of its slices.

    Parameters
    ----------
    facts : sequence of ImageFacts
        Of one series' image instances, in any order.
    load : callable
        Index into ``facts`` -> the whole data set. Called once per slice that is kept.
    limit_bytes : int
        Of the volume.

    Returns
    -------
    Volume
        int16 Hounsfield units (slice, row, column), slices ascending along the normal, one per
        place; ``uids`` of the kept slices.
    SeriesGeometry
        Of every slice, also of duplicates and of those that cannot be placed.

    Raises
    ------
    GeometryMissingError, MatrixMixedError, ScaleMissingError, VolumeSizeError, InputError
    """
    return _read(facts, load, limit_bytes, _Values(np.dtype(np.int16), hounsfield))


def read_activity(
    facts: Sequence[ImageFacts], load: Load, limit_bytes: int = 2500 * _MEGABYTE
) -> tuple[Volume, SeriesGeometry]:
    """Return the PET volume of a series: as :func:`read_volume`, but float32 in its own units.

    Every slice is scaled by its own slope (GE's differ); padding is 0.

    Raises
    ------
    GeometryMissingError, MatrixMixedError, ScaleMissingError, VolumeSizeError, InputError
    """
    return _read(facts, load, limit_bytes, _Values(np.dtype(np.float32), activity))


@dataclass(frozen=True, slots=True)
class _Values:
    """What voxels are kept as, and how they come from stored values."""

    kind: np.dtype[Any]
    of: Callable[[NDArray[Any], float, float, NDArray[np.bool_] | None], NDArray[Any]]


def _read(
    facts: Sequence[ImageFacts], load: Load, limit_bytes: int, values: _Values
) -> tuple[Volume, SeriesGeometry]:
    planes = _planes(facts)
    geometry = _geometry(facts, planes)
    order = order_slices(geometry)
    if not order.kept:
        raise GeometryMissingError
    kept = [planes[i] for i in order.kept]
    _check_matrix(facts, kept)
    rows, columns = facts[kept[0].instance].rows, facts[kept[0].instance].columns
    size = len(kept) * rows * columns * values.kind.itemsize
    if size > limit_bytes:
        raise VolumeSizeError(declared_mb=size // _MEGABYTE, limit_mb=limit_bytes // _MEGABYTE)
    pixel_shape(load(kept[0].instance), PixelLimits())  # refuse a lying header before allocating
    voxels = np.empty((len(kept), rows, columns), dtype=values.kind)
    _fill(voxels, kept, load, values)
    volume = Volume(
        voxels=voxels,
        spacing_mm=order.spacing_mm3,
        origin_mm=order.origin_mm,
        direction=order.direction,
        uids=tuple(facts[plane.instance].sop_uid for plane in kept),
        frames=tuple(plane.frame + 1 for plane in kept),
    )
    return volume, geometry


def read_radiograph(dataset: Dataset) -> Radiograph:
    """Return one projection image, polarity normalised: dense anatomy is high.

    Raises
    ------
    ColourError, FramesError, InputError
    """
    shape = pixel_shape(dataset)
    if shape.samples != 1 or shape.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise ColourError(photometric=shape.photometric[:16] or "?")
    if shape.frames > 1:
        raise FramesError(frames=shape.frames)
    stored = next(iter(stored_frames(dataset)))
    inverted = shape.photometric == "MONOCHROME1"
    low = -(1 << (shape.bits_stored - 1)) if shape.signed else 0
    high = low + (1 << shape.bits_stored) - 1
    values = _modality_values(dataset, stored, low)
    if inverted:
        # The middle of the value range stays where it is, also after a rescale.
        ends = _modality_values(dataset, np.array([[low, high]], stored.dtype), low)
        values = float(ends.min() + ends.max()) - values
    padding = padding_of(dataset, stored, signed=shape.signed)
    if padding is not None and padding.any() and not padding.all():
        values[padding] = values[~padding].min()
    tags = {
        key: value for key in RADIOGRAPH_KEYWORDS if (value := _plain(dataset, key)) is not None
    }
    if padding is not None:
        tags["padding_fraction"] = float(padding.mean())
    # The age and no birth date: tags go further than the header does.
    if (age := age_years(dataset)) is not None:
        tags["age_years"] = age
    spacing = numbers(dataset, "ImagerPixelSpacing", 2) or numbers(dataset, "PixelSpacing", 2)
    usable = spacing is not None and min(spacing) > 0
    return Radiograph(
        pixels=values,
        bits_stored=shape.bits_stored,
        spacing_mm=(spacing[0], spacing[1]) if spacing is not None and usable else None,
        tags=tags,
        was_inverted=inverted,
    )


def _planes(facts: Sequence[ImageFacts]) -> list[Plane]:
    """One plane per frame; of an object without functional groups the header's own."""
    planes: list[Plane] = []
    for index, one in enumerate(facts):
        if not one.planes:
            own = FramePlane(one.position_mm, one.orientation, one.spacing_mm, None)
            planes.append(_plane(index, 0, own))
        planes += [_plane(index, n, where) for n, where in enumerate(one.planes[: one.frames])]
    return planes


def _plane(instance: int, frame: int, where: FramePlane) -> Plane:
    return Plane(
        instance,
        frame,
        where.position_mm or _NOWHERE[:3],
        where.orientation or _NOWHERE,
        where.spacing_mm or (0.0, 0.0),
        where.scale,
    )


def _geometry(facts: Sequence[ImageFacts], planes: Sequence[Plane]) -> SeriesGeometry:
    first = typical(facts)
    spacing = Counter(plane.spacing_mm for plane in planes).most_common(1)[0][0]
    if min(spacing) <= 0:
        raise GeometryMissingError
    owners = [facts[plane.instance] for plane in planes]
    return SeriesGeometry(
        positions_mm=np.array([plane.position_mm for plane in planes], dtype=np.float64),
        orientations=np.array([plane.orientation for plane in planes], dtype=np.float64),
        pixel_spacing_mm=(spacing[0], spacing[1]),
        slice_thickness_mm=first.thickness_mm,
        kernel=first.kernel,
        kvp=first.kvp,
        gantry_tilt_deg=first.tilt_deg,
        uids=tuple(one.sop_uid for one in owners),
        instance_numbers=tuple(
            one.instance_number * 1000 + plane.frame
            for one, plane in zip(owners, planes, strict=True)
        ),
        image_type=first.image_type,
        patient_position=first.patient_position,
        body_part=first.body_part,
        manufacturer=first.manufacturer,
        age_years=first.age_years,
    )


def _check_matrix(facts: Sequence[ImageFacts], kept: Sequence[Plane]) -> None:
    forms = {(facts[p.instance].rows, facts[p.instance].columns) for p in kept}
    spacings = np.array([plane.spacing_mm for plane in kept])
    if len(forms) > 1 or (np.ptp(spacings, axis=0) > 0.01 * spacings.min()).any():
        raise MatrixMixedError


def _fill(voxels: NDArray[Any], kept: Sequence[Plane], load: Load, values: _Values) -> None:
    """Decode into the volume; a multi-frame object is loaded once, its frames come in order."""
    places: dict[int, dict[int, tuple[int, Plane]]] = {}
    for at, plane in enumerate(kept):
        places.setdefault(plane.instance, {})[plane.frame] = (at, plane)
    for instance, wanted in places.items():
        dataset = load(instance)
        signed = pixel_shape(dataset).signed
        for frame, stored in enumerate(stored_frames(dataset)):
            if frame not in wanted:
                continue
            at, plane = wanted[frame]
            if stored.shape != voxels.shape[1:]:
                raise MatrixMixedError
            slope, intercept = plane.scale or _scale(dataset)
            voxels[at] = values.of(
                stored, slope, intercept, padding_of(dataset, stored, signed=signed)
            )


def _scale(dataset: Dataset) -> tuple[float, float]:
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if slope is None or intercept is None or slope == 0:
        raise ScaleMissingError
    return slope, intercept


def hounsfield(
    stored: NDArray[Any], slope: float, intercept: float, padding: NDArray[np.bool_] | None
) -> NDArray[np.int16]:
    """Return int16 HU (PS3.3 C.11.1.1.2); padding and everything below air is -1024."""
    if slope == 1 and float(intercept).is_integer() and abs(intercept) < 2**20:
        # The usual scale: whole numbers, a third of the time.
        values: NDArray[Any] = stored.astype(np.int32) + np.int32(intercept)
    else:
        scaled = stored.astype(np.float64) * slope + intercept
        values = np.rint(np.nan_to_num(scaled, posinf=32767, neginf=_AIR_HU))
    clipped = np.clip(values, _AIR_HU, 32767).astype(np.int16)
    if padding is not None:
        clipped[padding] = _AIR_HU
    return clipped


def activity(
    stored: NDArray[Any], slope: float, intercept: float, padding: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    """Return float32 values in the series' units; padding is 0."""
    values = (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    if padding is not None:
        values[padding] = 0.0
    return values


def padding_of(dataset: Any, stored: NDArray[Any], *, signed: bool) -> NDArray[np.bool_] | None:
    """Return where Pixel Padding Value … Range Limit (PS3.3 C.7.5.1.1.2) stands, or ``None``."""
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    width = 1 << (stored.dtype.itemsize * 8)
    # Makers write a negative padding as unsigned, and the other way round.
    ends = [_wrapped(v, width, signed=signed) for v in (value, value if limit is None else limit)]
    return np.asarray((stored >= min(ends)) & (stored <= max(ends)))


def _wrapped(value: float, width: int, *, signed: bool) -> float:
    if signed and value >= width // 2:
        return value - width
    return value + width if not signed and value < 0 else value


def _modality_values(dataset: Dataset, stored: NDArray[Any], low: int) -> NDArray[np.float32]:
    """Apply the modality LUT or rescale; signed values start at zero then."""
    from pydicom.pixels.processing import apply_modality_lut

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
        except Exception as error:  # third-party code on hostile elements
            raise PixelDescriptionError(element="ModalityLUTSequence") from error
    if not np.isfinite(values).all():
        raise PixelDescriptionError(element="RescaleSlope")
    rescaled = "ModalityLUTSequence" in dataset or "RescaleSlope" in dataset
    return values if rescaled else values - np.float32(low)


def _plain(dataset: Any, keyword: str) -> Any:
    """Return a header element as plain Python: float, text, or a tuple of them."""
    value = raw(dataset, keyword)
    if value is None or value == "" or (hasattr(value, "append") and not len(value)):
        return None
    if isinstance(value, str):
        return value
    if not hasattr(value, "append"):
        return number(dataset, keyword)
    many = texts(dataset, keyword)
    return numbers(dataset, keyword, len(many)) or many


def series_geometry(facts: Sequence[ImageFacts]) -> SeriesGeometry:
    """Return what the headers of a series say about its slices, without reading a pixel."""
    return _geometry(facts, _planes(facts))
