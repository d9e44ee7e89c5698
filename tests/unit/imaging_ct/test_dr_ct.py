"""Radiograph and CT laid upon each other: projection geometry, the fit, and what both say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.imaging.ct import CtFindings
from core.imaging.dr_ct import DrCtSettings, beam_of, map_dr_ct
from core.imaging.dr_ct_overlay import Film, lay_upon
from core.imaging.dr_regions import Region
from core.imaging.drr import Beam, Pose, project, projection_of
from core.imaging.joint import CtSays, FilmSays, PetSays, joined
from core.imaging.joint_sentences import SENTENCES
from core.imaging.result import Lesion, QcResult
from core.imaging.volume import Radiograph
from core.phantom.ct import make_ct, small_spec
from core.phantom.dr import make_dr, small_dr
from edge.analyze.gather import Job
from edge.analyze.run import by_patient

SHAPE, SPACING = (50, 36, 56), (4.0, 4.0, 4.0)
PARALLEL = Beam(sid_mm=float("inf"))
QUICK = DrCtSettings(rolls_deg=(0.0,), tilts_deg=())


@pytest.mark.parametrize("view", ["PA", "AP"])
@pytest.mark.parametrize("pose", [Pose(), Pose(8.0, -6.0)])
@pytest.mark.parametrize("sid_mm", [1000.0, float("inf")])
def test_a_ball_falls_where_its_centre_is_said_to_fall(view, pose, sid_mm):
    beam = Beam(sid_mm=sid_mm, pixel_mm=1.5, rows=220, columns=240, view=view)
    projection = projection_of(SHAPE, SPACING, beam, pose)
    centre = np.array([130.0, 48.0, 160.0])
    grid = np.indices(SHAPE).transpose(1, 2, 3, 0) * 4.0
    ball = np.clip(1 - (np.linalg.norm(grid - centre, axis=-1) - 14) / 4, 0, 1).astype(np.float32)
    image = project(ball, SPACING, projection)
    rows, columns = np.indices(image.shape)
    found = [(image * rows).sum() / image.sum(), (image * columns).sum() / image.sum()]
    assert found == pytest.approx(projection.to_pixels(centre)[0].tolist(), abs=0.5)


def test_a_ray_goes_through_the_point_it_was_drawn_for():
    projection = projection_of(SHAPE, SPACING, Beam(sid_mm=1200.0), Pose(5.0, 4.0))
    point = np.array([60.0, 90.0, 170.0])
    row, column = projection.to_pixels(point)[0]
    ray = projection.ray((row, column), np.linspace(-80, 80, 321))
    assert np.linalg.norm(ray - point, axis=1).min() < 0.6
    again = projection.to_pixels(ray)
    assert np.ptp(again, axis=0) == pytest.approx([0, 0], abs=1e-6)


def test_what_lies_nearer_to_the_tube_is_larger():
    near, far = np.array([60.0]), np.array([-60.0])
    pa, ap = (projection_of(SHAPE, SPACING, Beam(1500.0, view=v)) for v in ("PA", "AP"))
    assert pa.magnification(near) > pa.magnification(far) > 1
    assert ap.magnification(far) > ap.magnification(near) > 1


def test_the_beam_is_read_from_the_tags():
    film = Radiograph(np.zeros((9, 9), np.float32), tags={"DistanceSourceToDetector": 1100.0})
    assert beam_of(film).sid_mm == 1100.0
    assert beam_of(replace(film, tags={"DistanceSourceToDetector": 3.0})).sid_mm == 1800.0
    assert beam_of(replace(film, tags={"ViewPosition": "AP"})).view == "AP"


@pytest.fixture(scope="module")
def patient():
    ct, film = make_ct(small_spec(7, "nodules")), make_dr(small_dr(7, "nodules"))
    lesions = tuple(
        Lesion(t.id, t.kind, t.centroid_mm, t.volume_ml, t.long_axis_mm, t.short_axis_mm,
               t.mean_hu, t.location, 0.9)
        for t in ct.truth.lesions
    )  # fmt: skip
    labels = ct.truth.label_map.astype(np.uint16)
    lungs = ct.truth.organs & np.uint8(3)
    findings = CtFindings(QcResult("pass"), "ok", lesions, labels, lungs)
    return ct, film, findings


def test_lesions_are_drawn_where_they_are(patient):
    ct, film, findings = patient
    region = film.truth.boxes_px()[0]
    box = Region((region[0], region[1], region[2], region[3]), (0, 0), 1.0, 0.01, "")
    found = lay_upon(Film(film.radiograph, (box,), PARALLEL), findings, ct.volume, QUICK)
    assert found.status == "ok"
    spec = film.spec
    for shown, true in zip(found.lesions, ct.truth.lesions, strict=True):
        row = (spec.rows - 1) / 2 - (true.centroid_mm[2] - 2) / spec.pixel_mm
        column = (spec.columns - 1) / 2 + true.centroid_mm[0] / spec.pixel_mm
        away = np.subtract(shown.centre_px, (row, column)) / shown.ellipse_px
        assert np.hypot(*away) < 1
        assert shown.in_image
    (ray,) = found.regions
    assert ray.lesion_ids[0] == 1
    assert found.as_json()["lesions"][0]["confidence"] == 0.95


def test_what_is_not_this_chest_is_refused(patient):
    ct, film, findings = patient
    upside_down = replace(film.radiograph, pixels=film.radiograph.pixels[::-1].copy())
    found = lay_upon(Film(upside_down, (), PARALLEL), findings, ct.volume, QUICK)
    assert (found.status, found.reason.code) == ("refused", "DRCT_LOW_AGREEMENT")
    assert found.lesions is None
    noise = np.random.default_rng(1).random((256, 256), dtype=np.float32)
    assert map_dr_ct(Radiograph(noise), ct.volume, PARALLEL, QUICK).agreement < 0.3
    assert lay_upon(Film(film.radiograph), None, ct.volume).status == "not_applicable"


def lesion(number, size_mm, location="right_upper_zone"):
    return Lesion(number, "cavity", (0, 0, 0), 1.0, size_mm, size_mm, 0.0, location, 0.9)


REGION = Region((0, 0, 9, 9), (4, 4), 1.0, 0.05, "right_upper_zone")


@pytest.mark.parametrize(
    ("film", "ct", "codes", "agree"),
    [
        ((True, (REGION,)), (True, 20.0), ["JOINT_BOTH_SUSPECTED", "JOINT_PLACE_AGREES"], True),
        ((True, (REGION,)), (False, None), ["JOINT_FILM_ONLY", "JOINT_REGION_UNEXPLAINED"], False),
        ((False, ()), (True, 20.0), ["JOINT_CT_ONLY"], False),
        ((False, ()), (True, 6.0), ["JOINT_CT_ONLY_SMALL"], True),
        ((False, ()), (False, None), ["JOINT_NEITHER"], True),
        ((None, ()), (True, 20.0), ["JOINT_ONE_MISSING"], True),
    ],
)
def test_what_modalities_say_together(film, ct, codes, agree):
    lesions = () if ct[1] is None else (lesion(1, ct[1]),)
    found = joined(FilmSays("1", film[0], False, film[1]), CtSays("2", ct[0], lesions))
    assert [one.code for one in found.statements] == codes
    assert found.agree is agree
    assert found.as_json()["studies"] == {"DX": "1", "CT": "2"}


def test_pet_and_days_are_told():
    ct = CtSays("2", True, (lesion(1, 20.0), lesion(2, 9.0)))
    found = joined(None, ct, PetSays("2", (1,), 1), days_apart=90)
    assert [one.code for one in found.statements] == [
        "JOINT_PET_HOT", "JOINT_PET_NOT_HOT", "JOINT_PET_ELSEWHERE", "JOINT_DAYS_APART",
    ]  # fmt: skip
    assert found.statements[0].lesions == (1,)
    assert all(sentence.zh and sentence.en for sentence in SENTENCES.values())


def job(study, patient, date):
    facts = (SimpleNamespace(patient_key=patient, study_date=date),)
    return Job(study, "dicom", facts, ())


def test_studies_of_one_patient_come_together_by_date():
    found = [job("a2", b"a", "20260201"), job("b", b"b", ""), job("a1", b"a", "20260101"),
             job("n", b"", "")]  # fmt: skip
    ordered = by_patient(found)
    assert [one.study for one in ordered] == ["a1", "a2", "b", "n"]
    assert [one.beside for one in ordered] == [(), ("a1",), (), ()]
    assert [one.keep for one in ordered] == [True, False, False, False]
