"""A person's measurements as a structured report: TID 1500, one group per drawing (PS3.16).

Regions and arrows are planar ROIs (TID 1410), lines, angles and points are measurement groups
(TID 1501) whose numbers name the coordinates they were taken from. Spatial coordinates count from
the corner of the first pixel (PS3.3 C.18.6), ours from its centre: half a pixel is added. The
numbers are those of the record, computed from the stored pixels. The observer is the person; the
object is verified only where that person signed the report which took it along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept, GraphicTypeValues, Measurement, QualitativeEvaluation
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from edge.report import codes as own
from edge.report.context import MANUFACTURER, ResultContext, result_uid, uid_from
from edge.report.errors import NoSourceImages
from edge.report.header import clean_header, person_name, pin
from edge.report.sr import Report

SERIES_NUMBER: Final = 9131
SERIES_NAME: Final = "医师测量 / Measurements by a physician"
_LENGTH: Final = Code("410668003", "SCT", "Length")
_ANGLE: Final = Code("1483009", "SCT", "Angle")
_AREA: Final = Code("42798000", "SCT", "Area")
_VALUE: Final = own.own("pixel_value", "Modality value without a unit")
_SCALE: Final = own.own("scale_plane", "Plane in which millimetres hold")
_DETECTOR: Final = own.own("detector_plane", "Detector plane: magnified, not patient size")
_NO_SCALE: Final = own.own("no_scale", "No spacing known: pixels")
_STATE: Final = own.own("measurements", "State of the measurements")
_WITHDRAWN: Final = own.own("withdrawn", "All measurements taken out by their author")
_PIXELS: Final = Code("{pixels}", "UCUM", "pixels")
_UNITS: Final[Mapping[str, Code]] = {
    "mm": own.MM, "mm-detector": own.MM, "px": _PIXELS, "deg": Code("deg", "UCUM", "degree"),
    "mm2": Code("mm2", "UCUM", "square millimeter"),
    "mm2-detector": Code("mm2", "UCUM", "square millimeter"),
    "px2": _PIXELS, "HU": own.HU, "": own.ONE, "1": own.ONE,
}  # fmt: skip
_NAMES: Final[Mapping[str, Code]] = {
    "length": _LENGTH, "angle": _ANGLE, "area": _AREA,
    "long_axis": own.LONG_AXIS, "short_axis": own.SHORT_AXIS,
}  # fmt: skip
_DERIVED: Final[Mapping[str, Code]] = {
    "mean": own.MEAN,
    "sd": Code("386136009", "SCT", "Standard Deviation"),
    "min": Code("255605001", "SCT", "Minimum"),
    "max": Code("56851009", "SCT", "Maximum"),
}
_REGIONS: Final = frozenset({"ellipse", "rectangle", "contour"})


@dataclass(frozen=True, slots=True)
class MeasuredList:
    """One version of a person's measurements.

    Attributes
    ----------
    measures : sequence of mapping
        As the record keeps them: ``id`` ``frame`` ``kind`` ``points`` ``note`` ``numbers``.
    identity : str
        What makes this object another one than the person's last: version, report, correction.
    signed_at : datetime or None
        When its author signed the report that takes it along.
    predecessor : mapping or None
        The structured report of the same person that this one supersedes.
    """

    author: str
    by: str
    organisation: str
    measures: Sequence[Mapping[str, Any]]
    identity: str
    signed_at: datetime | None = None
    predecessor: Mapping[str, str] | None = None


def write_measured_sr(context: ResultContext, said: MeasuredList) -> Dataset:
    """Write a person's measurements.

    Parameters
    ----------
    context : ResultContext
        ``sources``: headers of the images that are drawn on, of any series of one study; with no
        measurement left, one image of the study.

    Returns
    -------
    Dataset
        A Comprehensive 3D SR with file meta; the same for the same input.

    Raises
    ------
    NoSourceImages
    """
    if not context.sources:
        raise NoSourceImages
    sources = [clean_header(source) for source in context.sources]
    name = person_name(said.author) or "^"
    verified = said.signed_at is not None
    document = Report(
        evidence=sources,
        content=_content(context, said, name),
        series_instance_uid=result_uid(context, "series:measurements", said.by, said.identity),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result_uid(context, "measurements", said.by, said.identity),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=verified,
        is_verified=verified,
        verifying_observer_name=name if verified else None,
        verifying_organization=(said.organisation or "-") if verified else None,
        institution_name=context.station.institution or None,
        previous_versions=None if said.predecessor is None else [_earlier(said.predecessor)],
        manufacturer_model_name=context.station.name,
        software_versions=context.station.software_version,
        device_serial_number=context.station.serial,
        series_description=SERIES_NAME,
    )
    for item in document.get("VerifyingObserverSequence", []):
        assert said.signed_at is not None
        item.VerificationDateTime = said.signed_at.strftime("%Y%m%d%H%M%S")
    return pin(document, context)


def _content(context: ResultContext, said: MeasuredList, name: str) -> Dataset:
    classes = {str(x.SOPInstanceUID): str(x.SOPClassUID) for x in context.sources}
    multi = {
        str(x.SOPInstanceUID) for x in context.sources if int(x.get("NumberOfFrames") or 1) > 1
    }
    study = str(context.sources[0].StudyInstanceUID)
    groups = []
    for number, one in enumerate(said.measures, start=1):
        sop, _, frame = str(one["frame"]).partition("/")
        image = hd.sr.SourceImageForRegion(
            classes[sop], sop, [int(frame)] if sop in multi else None
        )
        tracking = hd.sr.TrackingIdentifier(
            uid=hd.UID(uid_from("measurement", study, said.by, str(one["id"]))),
            identifier=f"M{number} {one['kind']}",
        )
        groups.append(_group(one, image, tracking))
    modality = str(context.sources[0].get("Modality", ""))
    report = hd.sr.MeasurementReport(
        observation_context=_observers(context, said, name),
        procedure_reported=own.procedure_code(modality),
        imaging_measurements=groups or [_withdrawn(study, said.by)],
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=hd.sr.LanguageOfContentItemAndDescendants(
            CodedConcept.from_code(own.CHINESE)
        ),
    )
    root: Dataset = report[0]
    return root


def _group(
    one: Mapping[str, Any], image: hd.sr.SourceImageForRegion, tracking: hd.sr.TrackingIdentifier
) -> Any:
    kind, points = str(one["kind"]), np.asarray(one["points"], dtype=np.float64) + 0.5
    numbers: Mapping[str, Mapping[str, Any]] = one["numbers"]
    evaluations = _evaluations(numbers)
    if kind in _REGIONS or kind == "arrow":
        form, data = _outline(kind, points)
        group: Any = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            referenced_region=hd.sr.ImageRegion(form, data, image),
            measurements=_region_numbers(numbers) or None,
            qualitative_evaluations=evaluations or None,
        )
    else:
        group = hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            measurements=_line_numbers(kind, points, numbers, image) or None,
            qualitative_evaluations=evaluations or None,
        )
    note = str(one.get("note", "")).strip()
    if note:
        group[0].ContentSequence.append(
            hd.sr.TextContentItem(
                name=own.COMMENT, value=note,
                relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
            )
        )  # fmt: skip
    return group


def _outline(
    kind: str, points: NDArray[np.float64]
) -> tuple[GraphicTypeValues, NDArray[np.float64]]:
    """Return a drawing as DICOM states it: closed lines, an ellipse by the ends of its axes."""
    if kind == "arrow":
        return GraphicTypeValues.POINT, points[:1]
    if kind == "contour":
        return GraphicTypeValues.POLYLINE, np.concatenate([points, points[:1]])
    (ax, ay), (bx, by) = points
    if kind == "rectangle":
        return GraphicTypeValues.POLYLINE, np.array(
            [[ax, ay], [bx, ay], [bx, by], [ax, by], [ax, ay]]
        )
    cx, cy = (ax + bx) / 2, (ay + by) / 2
    across = [[min(ax, bx), cy], [max(ax, bx), cy]]
    down = [[cx, min(ay, by)], [cx, max(ay, by)]]
    wide = abs(bx - ax) >= abs(by - ay)
    return GraphicTypeValues.ELLIPSE, np.array([*across, *down] if wide else [*down, *across])


def _line_numbers(
    kind: str, points: NDArray[np.float64], numbers: Mapping[str, Mapping[str, Any]],
    image: hd.sr.SourceImageForRegion,
) -> list[Measurement]:  # fmt: skip
    ends = {"long_axis": points[:2], "short_axis": points[2:4]}
    found = []
    for name, number in numbers.items():
        form = GraphicTypeValues.POINT if kind == "probe" else GraphicTypeValues.POLYLINE
        taken = hd.sr.CoordinatesForMeasurement(form, ends.get(name, points), image)
        found.append(_number(_NAMES.get(name, _value_name(number)), number, taken=taken))
    return found


def _region_numbers(numbers: Mapping[str, Mapping[str, Any]]) -> list[Measurement]:
    found = []
    if "area" in numbers:
        found.append(_number(_AREA, numbers["area"]))
    found += [
        _number(_value_name(numbers[name]), numbers[name], derivation)
        for name, derivation in _DERIVED.items()
        if name in numbers
    ]
    return found


def _value_name(number: Mapping[str, Any]) -> Code:
    return own.ATTENUATION if number["unit"] == "HU" else _VALUE


def _number(
    name: Code, number: Mapping[str, Any], derivation: Code | None = None,
    taken: hd.sr.CoordinatesForMeasurement | None = None,
) -> Measurement:  # fmt: skip
    return Measurement(
        name=CodedConcept.from_code(name),
        value=float(number["value"]),
        unit=CodedConcept.from_code(_UNITS[str(number["unit"])]),
        derivation=None if derivation is None else CodedConcept.from_code(derivation),
        referenced_coordinates=None if taken is None else [taken],
    )


def _evaluations(numbers: Mapping[str, Mapping[str, Any]]) -> list[QualitativeEvaluation]:
    units = {str(number["unit"]) for number in numbers.values()}
    if units & {"mm-detector", "mm2-detector"}:
        return [_evaluation(_SCALE, _DETECTOR)]
    return [_evaluation(_SCALE, _NO_SCALE)] if units & {"px", "px2"} else []


def _withdrawn(study: str, by: str) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=hd.UID(uid_from("measurements", study, by)), identifier="MEASUREMENTS"
        ),
        qualitative_evaluations=[_evaluation(_STATE, _WITHDRAWN)],
    )


def _evaluation(name: Code, value: Code) -> QualitativeEvaluation:
    return QualitativeEvaluation(
        name=CodedConcept.from_code(name), value=CodedConcept.from_code(value)
    )


def _observers(
    context: ResultContext, said: MeasuredList, name: str
) -> hd.sr.ObservationContext:  # fmt: skip
    station = context.station
    person = hd.sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(
            name=name, organization_name=said.organisation or "-"
        ),
    )
    device = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=station.device_uid, name=station.name, manufacturer_name=MANUFACTURER,
            serial_number=station.serial,
        ),
    )  # fmt: skip
    return hd.sr.ObservationContext(observer_person_context=person, observer_device_context=device)


def _earlier(kept: Mapping[str, str]) -> Dataset:
    earlier = Dataset()
    earlier.SOPClassUID = kept["sop_class"]
    earlier.SOPInstanceUID = kept["sop_instance"]
    earlier.SeriesInstanceUID = kept["series"]
    earlier.StudyInstanceUID = kept["study"]
    return earlier
