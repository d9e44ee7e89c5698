"""A person's measurements as TID 1500: coordinates, numbers, observer, predecessor, dciodvfy."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import highdicom as hd
import numpy as np
import pytest
from pydicom.sr.coding import Code

from edge.report.errors import NoSourceImages
from edge.report.measured_sr import MeasuredList, write_measured_sr
from tests import report_cases as cases

SIGNED = datetime(2026, 11, 23, 9, 30)  # noqa: DTZ001 (DICOM's own local time)


def number(value, unit):
    return {"value": value, "unit": unit}


def measures(sources):
    first, second = (f"{x.SOPInstanceUID}/1" for x in sources[:2])
    region = {
        "area": number(301.6, "mm2"), "mean": number(41.5, "HU"), "sd": number(12.25, "HU"),
        "min": number(-20, "HU"), "max": number(90, "HU"), "count": number(377, "1"),
    }  # fmt: skip
    return [
        {"id": "a1", "frame": first, "kind": "length", "points": [[2, 3], [6, 3]], "note": "",
         "numbers": {"length": number(3.2, "mm")}},
        {"id": "a2", "frame": first, "kind": "angle", "points": [[2, 3], [6, 3], [6, 9]],
         "note": "", "numbers": {"angle": number(90, "deg")}},
        {"id": "a3", "frame": second, "kind": "bidirectional",
         "points": [[1, 1], [9, 1], [5, 0], [5, 4]], "note": "",
         "numbers": {"long_axis": number(6.4, "mm"), "short_axis": number(2, "mm")}},
        {"id": "a4", "frame": second, "kind": "ellipse", "points": [[2, 2], [22, 14]],
         "note": "右上叶", "numbers": region},
        {"id": "a5", "frame": second, "kind": "rectangle", "points": [[2, 2], [8, 14]], "note": "",
         "numbers": {"area": number(72, "px2")}},
        {"id": "a6", "frame": second, "kind": "contour", "points": [[2, 2], [8, 2], [8, 9]],
         "note": "", "numbers": {"area": number(72, "mm2-detector")}},
        {"id": "a7", "frame": first, "kind": "arrow", "points": [[4, 4], [9, 9]], "note": "空洞？",
         "numbers": {}},
        {"id": "a8", "frame": first, "kind": "probe", "points": [[4, 4]], "note": "",
         "numbers": {"value": number(-812, "HU")}},
    ]  # fmt: skip


def written(sources=None, **said):
    sources = cases.ct_series() if sources is None else sources
    values = {
        "author": "陈放", "by": "chen", "organisation": "县医院", "measures": measures(sources),
        "identity": "v3", **said,
    }  # fmt: skip
    return write_measured_sr(cases.context(sources), MeasuredList(**values))


@pytest.fixture(scope="module")
def report():
    return hd.sr.Comprehensive3DSR.from_dataset(written())


def groups(report, kind):
    of = {
        "roi": report.content.get_planar_roi_measurement_groups,
        "line": report.content.get_image_measurement_groups,
    }
    return of[kind]()


def test_lines_and_angles_name_the_coordinates_they_were_taken_from(report):
    found = {}
    for group in groups(report, "line"):
        for one in group.get_measurements():
            (scoord,) = (x for x in one[0].ContentSequence if x.ValueType == "SCOORD")
            found[group.tracking_identifier, one.name.meaning] = (
                one.value, one.unit.value, np.reshape(scoord.GraphicData, (-1, 2)).tolist(),
            )  # fmt: skip
    assert found["M1 length", "Length"] == (3.2, "mm", [[2.5, 3.5], [6.5, 3.5]])
    assert found["M2 angle", "Angle"] == (90.0, "deg", [[2.5, 3.5], [6.5, 3.5], [6.5, 9.5]])
    assert found["M3 bidirectional", "Long axis"][2] == [[1.5, 1.5], [9.5, 1.5]]
    assert found["M3 bidirectional", "Short axis"] == (2.0, "mm", [[5.5, 0.5], [5.5, 4.5]])
    assert found["M8 probe", "Attenuation Coefficient"] == (-812.0, "[hnsf'U]", [[4.5, 4.5]])


def test_regions_are_planar_rois_with_statistics(report):
    found = {group.tracking_identifier: group for group in groups(report, "roi")}
    ellipse = found["M4 ellipse"]
    form, data = ellipse.roi.GraphicType, np.reshape(ellipse.roi.GraphicData, (-1, 2)).tolist()
    assert (form, data) == ("ELLIPSE", [[2.5, 8.5], [22.5, 8.5], [12.5, 2.5], [12.5, 14.5]])
    numbers = {
        (one.name.meaning, one.derivation.meaning if one.derivation else ""): one.value
        for one in ellipse.get_measurements()
    }
    assert numbers == {
        ("Area", ""): 301.6, ("Attenuation Coefficient", "Mean"): 41.5,
        ("Attenuation Coefficient", "Standard Deviation"): 12.25,
        ("Attenuation Coefficient", "Minimum"): -20.0,
        ("Attenuation Coefficient", "Maximum"): 90.0,
    }  # fmt: skip
    closed = np.reshape(found["M6 contour"].roi.GraphicData, (-1, 2))
    assert np.array_equal(closed[0], closed[-1])
    assert len(closed) == 4
    assert found["M7 arrow"].roi.GraphicType == "POINT"
    assert "空洞？" in str(found["M7 arrow"][0])


def test_what_is_no_millimetre_in_the_patient_says_so(report):
    planes = {
        group.tracking_identifier: [e.value for e in group.get_qualitative_evaluations()]
        for group in groups(report, "roi")
    }
    assert [code.value for code in planes["M6 contour"]] == ["detector_plane"]
    assert [code.value for code in planes["M5 rectangle"]] == ["no_scale"]
    assert planes["M4 ellipse"] == []
    assert [m.unit.value for g in groups(report, "roi") for m in g.get_measurements()
            if g.tracking_identifier == "M5 rectangle"] == ["{pixels}"]  # fmt: skip


def test_the_person_observed_and_only_a_signature_verifies():
    plain, signed = written(), written(identity="v3:rp_1", signed_at=SIGNED)
    assert (plain.VerificationFlag, plain.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert (signed.VerificationFlag, signed.PreliminaryFlag) == ("VERIFIED", "FINAL")
    (observer,) = signed.VerifyingObserverSequence
    assert str(observer.VerifyingObserverName) == "陈放^"
    assert observer.VerificationDateTime == "20261123093000"
    assert plain.SOPInstanceUID != signed.SOPInstanceUID
    assert plain.SOPInstanceUID == written().SOPInstanceUID
    assert "陈放^" in str(plain.ContentSequence)
    tracked = [
        [g.tracking_uid for g in groups(hd.sr.Comprehensive3DSR.from_dataset(x), "line")]
        for x in (plain, signed)
    ]
    assert tracked[0] == tracked[1], "the same measurement stays the same"


def test_a_later_one_supersedes_and_an_empty_one_says_that_all_was_taken_out():
    first = written()
    names = {
        "sop_class": first.SOPClassUID, "sop_instance": first.SOPInstanceUID,
        "series": first.SeriesInstanceUID, "study": first.StudyInstanceUID,
    }  # fmt: skip
    second = written(identity="v4", predecessor=names, measures=[])
    earlier = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert earlier.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    (group,) = groups(hd.sr.Comprehensive3DSR.from_dataset(second), "line")
    assert [e.value for e in group.get_qualitative_evaluations()] == [
        Code("withdrawn", "99XINGLIN", "All measurements taken out by their author")
    ]


def test_images_of_two_series_and_a_frame_of_many_are_referenced():
    ct, many = cases.ct_series()[0], cases.enhanced_ct()
    many.StudyInstanceUID, many.PatientID = ct.StudyInstanceUID, ct.PatientID
    drawn = [
        {**measures([ct, ct])[0]},
        {**measures([ct, ct])[1], "frame": f"{many.SOPInstanceUID}/2"},
    ]
    report = hd.sr.Comprehensive3DSR.from_dataset(written((ct, many), measures=drawn))
    assert {entry[2] for entry in report.get_evidence()} == {
        ct.SOPInstanceUID, many.SOPInstanceUID
    }  # fmt: skip
    (angle,) = groups(report, "line")[1].get_measurements()
    (scoord,) = (x for x in angle[0].ContentSequence if x.ValueType == "SCOORD")
    assert scoord.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == 2
    with pytest.raises(NoSourceImages):
        write_measured_sr(
            replace(cases.context((ct,)), sources=()),
            MeasuredList("陈放", "chen", "县医院", (), "v1"),
        )


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)"
)
def test_dciodvfy_finds_no_error(tmp_path):
    for name, one in {
        "plain": written(), "signed": written(signed_at=SIGNED), "empty": written(measures=[]),
    }.items():  # fmt: skip
        path = tmp_path / f"{name}.dcm"
        one.save_as(path, enforce_file_format=True)
        found = subprocess.run(
            ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
        )
        errors = [x for x in (found.stdout + found.stderr).splitlines() if x.startswith("Error")]
        assert errors == [], name
