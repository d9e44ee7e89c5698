"""What one image's header says, as plain values: small enough to keep for every slice of a study.

Never raises on strange values: what is not a usable number is ``None``, so that one bad slice does
not hide the rest; the rules that need a value refuse by themselves.
"""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydicom import Dataset

from core.dicom.input_errors import DicomIdentityError
from core.dicom.pixels import transfer_syntax_of
from core.dicom.utf8 import to_utf8

# The elements that ImageFacts and the radiograph's quality control read; a reader may skip others.
HEAD_KEYWORDS: tuple[str, ...] = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality",
    "PresentationIntentType", "Manufacturer", "StudyDescription", "SeriesDescription",
    "PatientName", "PatientID", "BodyPartExamined", "SliceThickness", "KVP",
    "SpacingBetweenSlices", "ProtocolName", "ContrastBolusAgent", "GantryDetectorTilt",
    "ConvolutionKernel", "PatientPosition", "ViewPosition", "StudyInstanceUID",
    "SeriesInstanceUID", "SeriesNumber", "AcquisitionNumber", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "NumberOfFrames",
    "Rows", "Columns", "PixelSpacing", "PhotometricInterpretation", "SamplesPerPixel",
    "BurnedInAnnotation", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "ConversionType", "PatientSex", "StudyDate", "PatientAge", "PatientBirthDate",
)  # fmt: skip

_LABELS = ("SpecificCharacterSet", "StudyDescription", "SeriesDescription", "ProtocolName")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_DAYS_OF = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
_OLDEST_YEARS = 130.0


@dataclass(frozen=True, slots=True)
class FramePlane:
    """Place and scale of one frame of a multi-frame object (PS3.3 C.7.6.16).

    ``scale`` is (Rescale Slope, Rescale Intercept). ``None`` where missing or no numbers.
    """

    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, ...] | None
    scale: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Header facts of one SOP instance.

    Attributes
    ----------
    patient_key : bytes
        Hash of Patient ID, to compare instances of one study; empty where there is no ID. Never
        shown, kept or sent.
    frames : int
        Number of Frames, 1 where absent.
    position_mm, orientation, spacing_mm : tuple of float or None
        (0020,0032), (0020,0037), (0028,0030); of a multi-frame object they stand per frame
        in ``planes``.
    planes : tuple of FramePlane
        One per frame of a multi-frame object with functional groups, else empty.
    described : str
        Study, series and protocol descriptions, lower case, for the rules of choosing a series.
    sex, study_date : str
        Patient's Sex ("M", "F", "O" or "") and Study Date (YYYYMMDD or ""), to compare two studies.
        Never shown, kept or sent.
    age_years : float or None
        At the study; by Patient's Age, else by the birth date.
    """

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    transfer_syntax: str
    modality: str
    patient_key: bytes
    frames: int = 1
    rows: int = 0
    columns: int = 0
    samples: int = 1
    photometric: str = ""
    position_mm: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    thickness_mm: float | None = None
    kernel: str = ""
    kvp: float | None = None
    tilt_deg: float | None = None
    series_number: int = 0
    acquisition_number: int = 0
    instance_number: int = 0
    image_type: tuple[str, ...] = ()
    patient_position: str = ""
    body_part: str = ""
    view: str = ""
    intent: str = ""
    conversion: str = ""
    manufacturer: str = ""
    contrast: bool = False
    series_description: str = ""
    described: str = ""
    has_pixels: bool = True
    planes: tuple[FramePlane, ...] = ()
    sex: str = ""
    study_date: str = ""
    age_years: float | None = None


def image_facts(dataset: Dataset) -> ImageFacts:
    """Return the facts of a parsed header.

    Raises
    ------
    DicomIdentityError
        Study or SOP Instance UID missing or not a UID.
    """
    with warnings.catch_warnings():
        # pydicom's warnings quote element values: they could carry a patient's name to stderr.
        warnings.simplefilter("ignore")
        study = identifier(dataset, "StudyInstanceUID")
        sop = identifier(dataset, "SOPInstanceUID")
        return _facts(dataset, study, sop)


def _facts(dataset: Dataset, study: str, sop: str) -> ImageFacts:
    series = text(dataset, "SeriesInstanceUID")[:64] or f"{study}.series-missing"[:64]
    labels = _labels(dataset)
    return ImageFacts(
        study_uid=study,
        series_uid=series,
        sop_uid=sop,
        sop_class=text(dataset, "SOPClassUID")[:64],
        transfer_syntax=transfer_syntax_of(dataset)[:64],
        modality=text(dataset, "Modality").upper()[:16],
        patient_key=_patient_key(text(dataset, "PatientID")),
        frames=whole(dataset, "NumberOfFrames", 1),
        rows=whole(dataset, "Rows", 0),
        columns=whole(dataset, "Columns", 0),
        samples=whole(dataset, "SamplesPerPixel", 1),
        photometric=text(dataset, "PhotometricInterpretation").upper()[:16],
        position_mm=numbers(dataset, "ImagePositionPatient", 3),
        orientation=numbers(dataset, "ImageOrientationPatient", 6),
        spacing_mm=numbers(dataset, "PixelSpacing", 2),
        thickness_mm=number(dataset, "SliceThickness"),
        kernel=text(dataset, "ConvolutionKernel")[:32],
        kvp=number(dataset, "KVP"),
        tilt_deg=number(dataset, "GantryDetectorTilt"),
        series_number=whole(dataset, "SeriesNumber", 0),
        acquisition_number=whole(dataset, "AcquisitionNumber", 0),
        instance_number=whole(dataset, "InstanceNumber", 0),
        image_type=tuple(part.upper() for part in texts(dataset, "ImageType")),
        patient_position=text(dataset, "PatientPosition").upper()[:16],
        body_part=text(dataset, "BodyPartExamined").upper()[:32],
        view=text(dataset, "ViewPosition").upper()[:16],
        intent=text(dataset, "PresentationIntentType").upper()[:32],
        conversion=text(dataset, "ConversionType").upper()[:16],
        manufacturer=text(dataset, "Manufacturer")[:64],
        contrast=bool(text(dataset, "ContrastBolusAgent")),
        series_description=text(labels, "SeriesDescription")[:64],
        described=" ".join(part[:64].lower() for k in _LABELS[1:] if (part := text(labels, k))),
        has_pixels=whole(dataset, "Rows", 0) > 0,
        planes=_frame_planes(dataset),
        sex=text(dataset, "PatientSex").upper()[:1],
        study_date=text(dataset, "StudyDate")[:8],
        age_years=age_years(dataset),
    )


def _patient_key(patient_id: str) -> bytes:
    return hashlib.sha256(patient_id.encode()).digest() if patient_id else b""


def _labels(dataset: Dataset) -> Dataset:
    """Return the descriptions with their text repaired: "胸部" often comes as mislabelled GBK."""
    labels = Dataset()
    for keyword in _LABELS:
        if keyword in dataset:
            element = dataset.get_item(keyword)
            if element is not None:
                labels[element.tag] = element
    return to_utf8(labels)[0]


def _frame_planes(dataset: Any) -> tuple[FramePlane, ...]:
    """Return the functional groups' planes, per frame before shared."""
    shared = items(dataset, "SharedFunctionalGroupsSequence")[:1]
    per_frame = items(dataset, "PerFrameFunctionalGroupsSequence")
    return tuple(_frame_plane([group, *shared]) for group in per_frame)


def _frame_plane(groups: list[Any]) -> FramePlane:
    def found(sequence: str, keyword: str, count: int) -> tuple[float, ...] | None:
        for group in groups:
            for item in items(group, sequence)[:1]:
                values = numbers(item, keyword, count)
                if values is not None:
                    return values
        return None

    slope = found("PixelValueTransformationSequence", "RescaleSlope", 1)
    intercept = found("PixelValueTransformationSequence", "RescaleIntercept", 1)
    return FramePlane(
        found("PlanePositionSequence", "ImagePositionPatient", 3),
        found("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        found("PixelMeasuresSequence", "PixelSpacing", 2),
        (slope[0], intercept[0]) if slope and intercept else None,
    )


def items(dataset: Any, keyword: str) -> list[Any]:
    """Return the items of a sequence; empty where it is absent or no sequence."""
    value = raw(dataset, keyword)
    return list(value) if value is not None and hasattr(value, "append") else []


def typical(group: Sequence[ImageFacts]) -> ImageFacts:
    """Return the first of the most common kind: a localiser may come first in a CT series."""
    kinds = Counter((one.sop_class, one.image_type, one.thickness_mm) for one in group)
    ((kind, _),) = kinds.most_common(1)
    return next(o for o in group if (o.sop_class, o.image_type, o.thickness_mm) == kind)


def age_years(dataset: Dataset) -> float | None:
    """Return the patient's age at the study, or ``None`` where the header does not tell.

    Patient's Age (0010,1010) first; else Study Date less Patient's Birth Date.
    """
    told = _AGE.fullmatch(text(dataset, "PatientAge").upper())
    if told is not None:
        years = int(told[1]) * _DAYS_OF[told[2]] / _DAYS_OF["Y"]
    else:
        born, at = (_day(text(dataset, key)) for key in ("PatientBirthDate", "StudyDate"))
        if born is None or at is None:
            return None
        years = (at - born).days / _DAYS_OF["Y"]
    return years if 0.0 <= years <= _OLDEST_YEARS else None


def _day(value: str) -> date | None:
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None


def identifier(dataset: Dataset, keyword: str) -> str:
    """Return a UID element (PS3.5 9.1), or raise DicomIdentityError."""
    value = text(dataset, keyword)
    if not value or len(value) > 64 or not _UID.fullmatch(value):
        raise DicomIdentityError(element=keyword)
    return value


def raw(dataset: Any, keyword: str) -> Any:
    """Return an element's value, or ``None`` where it is absent or cannot be converted."""
    try:
        return dataset.get(keyword)
    except Exception:  # noqa: BLE001 - pydicom converts lazily and raises anything at all
        return None


def texts(dataset: Any, keyword: str) -> tuple[str, ...]:
    """Return the values of a text element, stripped; empty where absent."""
    value = raw(dataset, keyword)
    if value is None:
        return ()
    many = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return tuple(str(one).strip(" \0") for one in many)


def text(dataset: Any, keyword: str) -> str:
    """Return the first value of a text element, or "" where absent."""
    return next(iter(texts(dataset, keyword)), "")


def number(dataset: Any, keyword: str) -> float | None:
    """Return the first finite number of an element, or ``None``."""
    values = numbers(dataset, keyword, 1)
    return values[0] if values else None


def numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return exactly ``count`` finite numbers, or ``None``."""
    value = raw(dataset, keyword)
    if value is None or value == "":
        return None
    many = list(value) if hasattr(value, "append") or isinstance(value, tuple) else [value]
    if len(many) < count or (count > 1 and len(many) != count):
        return None
    try:
        converted = tuple(float(one) for one in many[:count])
    except (TypeError, ValueError):
        return None
    return converted if all(math.isfinite(one) for one in converted) else None


def whole(dataset: Any, keyword: str, default: int) -> int:
    """Return an integer element, or ``default`` where it is absent or no number."""
    value = number(dataset, keyword)
    return default if value is None else int(value)
