"""PET-CT result objects: SUV under standard codes, colour pictures, and a foreign judge."""

import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from core.imaging.ct import CtFindings
from core.imaging.pet_errors import SuvWeightError
from core.imaging.petct import fuse, refused_pet
from core.imaging.petct_picture import blended, fused_grid, grey, hot_iron, planes_at
from core.imaging.petct_result import FDG_NOTE
from core.imaging.result import QcResult
from core.imaging.study_result import StudyResult
from core.phantom.dicom import ct_objects
from core.phantom.identity import study_identity
from edge.report.context import ResultContext, Station, uid_from
from edge.report.delivery import part10
from edge.report.objects import result_objects
from tests import pet_cases
from tests.bench.petct_cases import digital

AT = datetime(2026, 3, 4, 10, 0)  # noqa: DTZ001  DICOM times carry no zone


@pytest.fixture(scope="module")
def study():
    """A PET-CT result, and the headers of its CT."""
    phantom = pet_cases.phantom()
    case = digital(phantom, "")
    pet = fuse(case.side, case.series, pet_cases.INSTANT)
    headers = tuple(ct_objects(phantom.ct, study_identity(7, "PETCT", AT, "ISO_IR 192"), 2))
    uids = tuple(str(one.SOPInstanceUID) for one in headers[::-1])  # written from head to feet
    held = tuple(one for one in pet.lesions if (case.side.label_map == one.id).any())
    found = CtFindings(QcResult("pass"), "ok", held, case.side.label_map, None)
    result = StudyResult(
        "1.2.3", "PT", "ok", qc=found.qc, lesions=held, ct=found, pet=pet,
        volume=replace(case.side.volume, uids=uids, frames=(1,) * len(uids)),
    )  # fmt: skip
    return result, headers


@pytest.fixture(scope="module")
def objects(study):
    result, headers = study
    return result_objects(context(headers), result)


def context(headers):
    station = Station(device_uid=uid_from("test", "device"), institution="某县人民医院")
    return ResultContext(headers, "petct_classical", "0.1.0", AT, station)


def numbers(item):
    """Yield (name, unit, derivation, method) of every NUM below an item."""
    for one in item.get("ContentSequence", ()):
        if one.ValueType == "NUM":
            inner = {str(x.ConceptNameCodeSequence[0].CodeValue): x for x in
                     one.get("ContentSequence", ()) if x.ValueType == "CODE"}  # fmt: skip
            codes = [inner[k].ConceptCodeSequence[0].CodeValue if k in inner else None
                     for k in ("121401", "370129005")]  # fmt: skip
            unit = one.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
            yield one.ConceptNameCodeSequence[0].CodeValue, unit, *codes
        yield from numbers(one)


def test_uptake_has_standard_codes_and_the_contour_as_method(objects):
    told = set(numbers(objects.sr))
    assert ("126401", "{SUVbw}g/ml", "56851009", None) in told
    assert ("126401", "{SUVbw}g/ml", "126031", None) in told
    assert ("126032", "ml", None, "contour_41") in told
    assert ("126033", "g", None, "contour_41") in told


def texts(item):
    for one in item.get("ContentSequence", ()):
        if one.ValueType == "TEXT":
            yield one.TextValue
        yield from texts(one)


def test_the_report_says_what_fdg_cannot_tell(objects):
    assert any(FDG_NOTE.zh in text and FDG_NOTE.en in text for text in texts(objects.sr))


def test_fused_pictures_are_colour_and_always_sent(objects):
    assert objects.fused
    for number, page in enumerate(objects.fused, start=1):
        assert (page.PhotometricInterpretation, page.InstanceNumber) == ("RGB", number)
        pixels = np.frombuffer(page.PixelData, np.uint8).reshape(page.Rows, page.Columns, 3)
        assert (np.ptp(pixels.astype(int), axis=-1) > 60).mean() > 0.001
    assert len(objects.primary) == 2 + len(objects.fused)
    assert {one.SeriesInstanceUID for one in objects.fused}.isdisjoint(
        {one.SeriesInstanceUID for one in objects.pictures}
    )


def test_without_an_alignment_there_is_no_fused_picture(study):
    result, headers = study
    error = SuvWeightError(what_zh="缺失或为 0", what_en="is missing or zero")
    broken = replace(result, pet=refused_pet(result.lesions, error))
    objects = result_objects(context(headers), broken)
    assert objects.fused == ()
    assert any("体重" in text for text in texts(objects.sr))


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)"
)
def test_every_object_passes_dciodvfy(objects, tmp_path):
    for dataset in (objects.seg, objects.sr, *objects.fused[:1], *objects.pictures[:1]):
        path = tmp_path / "object.dcm"
        path.write_bytes(part10(dataset))
        run = subprocess.run(
            ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
        )
        lines = (run.stdout + run.stderr).splitlines()
        assert [line for line in lines if line.startswith("Error")] == []


def test_colours_run_from_black_over_red_and_yellow_to_white():
    assert hot_iron(np.array([0.0, 0.5, 0.75, 1.0])).tolist() == [
        [0, 0, 0], [255, 0, 0], [255, 128, 0], [255, 255, 255],
    ]  # fmt: skip
    hu = np.array([[-160.0, 240.0]], np.float32)
    assert np.array_equal(blended(hu, np.zeros((1, 2))), grey(hu))
    assert blended(hu, np.ones((1, 2)))[0, 0].tolist() == [191, 115, 38]


def test_planes_go_through_the_point_head_up(study):
    result, _ = study
    pet = result.pet
    grid = fused_grid(result.volume, pet.suv_volume, pet.motion, 10.0)
    focus = max((one for one in pet.foci if one.assessed), key=lambda one: one.uptake.suv_max)
    shown = planes_at(grid, focus.centroid_mm)
    index = np.linalg.inv(grid.affine) @ np.array([*focus.centroid_mm, 1.0])
    up, back, left = (round(float(k)) for k in index[:3])
    assert shown.axial.shape == (*grid.hu.shape[1:], 3)
    around = shown.axial_pet[back - 2 : back + 3, left - 2 : left + 3, 0]
    assert around.min() < 255 * (1 - 0.6 * focus.uptake.suv_mean / 10.0)
    row = grid.hu.shape[0] - 1 - up
    assert shown.coronal_pet[row - 2 : row + 3, left - 2 : left + 3, 0].min() < 200
