"""What an instance's head contributes to a record: patient, study, series, instance. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.dicom.head import Head

PATIENT = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
)  # fmt: skip
STUDY = (
    "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription", "StudyID", "Manufacturer",
    "ManufacturerModelName", "StationName", "InstitutionName", "InstitutionalDepartmentName",
    "BodyPartExamined", "PatientAge", "OperatorsName",
)  # fmt: skip
SERIES = (
    "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime", "BodyPartExamined",
    "ProtocolName", "ConvolutionKernel", "KVP", "SliceThickness", "PatientPosition",
    "DeviceSerialNumber", "FrameOfReferenceUID", "Modality",
)  # fmt: skip
_ELSEWHERE = frozenset(
    (*PATIENT, *STUDY, "SeriesDescription", "SeriesDate", "SeriesTime", "ProtocolName",
     "DeviceSerialNumber", "SpecificCharacterSet", "StudyInstanceUID", "SeriesInstanceUID",
     "SOPInstanceUID", "SOPClassUID")
)  # fmt: skip


_WHOLE_LIMIT = 2**53


def _pick(attributes: Mapping[str, Any], keywords: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for keyword in keywords:
        value = attributes.get(keyword)
        if value is not None:
            found[keyword] = value if type(value) is str else _whole(value)
    return found


def _whole(value: Any) -> Any:
    # Canonical JSON writes 3.0 as 3; what is kept must read back as what was kept.
    if isinstance(value, list):
        return [_whole(one) for one in value]
    # Beyond 2**53 it has no whole numbers; a hostile 1e300 stays the float that it says.
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _WHOLE_LIMIT else value
    if isinstance(value, int):
        return value if abs(value) < _WHOLE_LIMIT else float(value)
    return value


def patient_of(head: Head) -> dict[str, Any]:
    """Return the patient's attributes by keyword."""
    return _pick(head.attributes, PATIENT)


def study_of(head: Head) -> dict[str, Any]:
    """Return the study's and order's attributes by keyword."""
    return _pick(head.attributes, STUDY)


def series_of(head: Head) -> dict[str, Any]:
    """Return the series' attributes by keyword."""
    return _pick(head.attributes, SERIES)


def instance_of(head: Head) -> dict[str, Any]:
    """Return what is the instance's own: geometry, exposure, sizes."""
    return {
        keyword: value if type(value) is str else _whole(value)
        for keyword, value in head.attributes.items()
        if keyword not in _ELSEWHERE
    }


def repairs_of(head: Head) -> list[dict[str, str]]:
    """Return text repairs as JSON, original bytes as hex."""
    return [
        {
            "tag": r.tag,
            "kind": str(r.kind),
            "declared": r.declared,
            "used": r.used,
            "original": r.original.hex(),
        }
        for r in head.repairs
    ]
